"""Metrics of labels of steps: all steps of all sequences count equally, unless they are weighted."""

import numpy as np
from sklearn.metrics import (
    classification_report,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)

from sklearn_rnn.data.parameters import check_option
from sklearn_rnn.data.problems import check_same_number
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.metrics._ragged import as_list, find_labels, pair_labels, read_choice, read_weights

AVERAGES = ("micro", "macro", "weighted", None)


@np.errstate(all="ignore")
def step_accuracy_score(y_true, y_pred, *, sample_weight=None):
    """Compute the share of the steps that have the right label.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels (str or numbers): a list of lists or arrays, an object array, `Sequences`,
        or an array of shape (n_sequences, n_steps). In one of the two a str may hold one label per character.
        Labels that only one of the two holds count as errors.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If `y_pred` has other lengths than `y_true`, a label is missing (None or NaN), or there are no steps.
        One message names all sequences concerned.
    TypeError
        If one of them is not a collection, or both are the labels of a single sequence.

    See Also
    --------
    sequence_accuracy_score : The share of the sequences in which every label is right.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_accuracy_score
    >>> step_accuracy_score([["N", "V", "N"], ["N"]], [["N", "V", "V"], ["N"]])
    0.75
    """
    pairs = pair_labels(y_true, y_pred)
    return float(np.average(pairs.true == pairs.pred, weights=read_weights(sample_weight, pairs.lengths)))


@np.errstate(all="ignore")
def sequence_accuracy_score(y_true, y_pred, *, sample_weight=None):
    """Compute the share of the sequences in which every label is right.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels; see `step_accuracy_score`.
    sample_weight : array of shape (n_sequences,), optional
        Weights of the sequences.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As in `step_accuracy_score`.

    Examples
    --------
    >>> from sklearn_rnn.metrics import sequence_accuracy_score
    >>> sequence_accuracy_score([["N", "V", "N"], ["N"]], [["N", "V", "V"], ["N"]])
    0.5
    """
    pairs = pair_labels(y_true, y_pred)
    sequence = np.repeat(np.arange(len(pairs.lengths)), pairs.lengths)  # of each step
    n_errors = np.bincount(sequence[pairs.true != pairs.pred], minlength=len(pairs.lengths))
    if hasattr(sample_weight, "__len__"):
        check_same_number(sample_weight, pairs.lengths, "sample_weight", "y_true")
    weights = check_sample_weight(sample_weight, pairs.lengths, per_step=False)
    return float(np.average(n_errors == 0, weights=weights))


def step_precision_score(
    y_true, y_pred, *, labels=None, average="macro", sample_weight=None, zero_division="warn"
):
    """Compute the precision of the labels of steps: the share of the predictions of a label that are right.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels; see `step_accuracy_score`.
    labels : list, optional
        The labels to include, and their order with ``average=None``. By default all labels of `y_true` or
        `y_pred`, sorted.
    average : {"macro", "micro", "weighted"} or None, default="macro"
        How to aggregate the values of the labels; None returns all of them. See
        `sklearn.metrics.precision_score`.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value to return for a label that is never predicted; "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_labels,)
        From 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As in `step_accuracy_score`, or if `average` is invalid.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_precision_score
    >>> step_precision_score([["N", "V", "N"], ["N"]], [["N", "V", "V"], ["N"]])
    0.75
    """
    return _score(precision_score, y_true, y_pred, labels, average, sample_weight, zero_division)


def step_recall_score(
    y_true, y_pred, *, labels=None, average="macro", sample_weight=None, zero_division="warn"
):
    """Compute the recall of the labels of steps: the share of the steps with a label that are predicted.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels; see `step_accuracy_score`.
    labels : list, optional
        The labels to include, and their order with ``average=None``. By default all labels of `y_true` or
        `y_pred`, sorted.
    average : {"macro", "micro", "weighted"} or None, default="macro"
        How to aggregate the values of the labels; None returns all of them. See
        `sklearn.metrics.recall_score`.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value to return for a label that no step has; "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_labels,)
        From 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As in `step_accuracy_score`, or if `average` is invalid.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_recall_score
    >>> step_recall_score([["N", "V", "N", "V"]], [["N", "V", "V", "V"]], average=None)
    array([0.5, 1. ])
    """
    return _score(recall_score, y_true, y_pred, labels, average, sample_weight, zero_division)


def step_f1_score(y_true, y_pred, *, labels=None, average="macro", sample_weight=None, zero_division="warn"):
    """Compute the F1 score of the labels of steps, the harmonic mean of precision and recall.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels; see `step_accuracy_score`.
    labels : list, optional
        The labels to include, and their order with ``average=None``. By default all labels of `y_true` or
        `y_pred`, sorted.
    average : {"macro", "micro", "weighted"} or None, default="macro"
        How to aggregate the values of the labels; None returns all of them. See `sklearn.metrics.f1_score`.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value to return for a label that is neither true nor predicted anywhere; "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_labels,)
        From 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As in `step_accuracy_score`, or if `average` is invalid.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_f1_score
    >>> y_true, y_pred = [["O", "O", "PER"], ["O", "LOC"]], [["O", "O", "PER"], ["O", "PER"]]
    >>> step_f1_score(y_true, y_pred, labels=["LOC", "PER"], average=None)
    array([0.        , 0.66666667])
    """
    return _score(f1_score, y_true, y_pred, labels, average, sample_weight, zero_division)


def _score(score, y_true, y_pred, labels, average, sample_weight, zero_division):
    check_option("average", average, AVERAGES)
    pairs, codes = _pair(y_true, y_pred, labels)
    weights = read_weights(sample_weight, pairs.lengths)
    options = {"labels": codes, "average": average, "zero_division": zero_division}
    value = score(pairs.true, pairs.pred, sample_weight=weights, **options)
    return value if average is None else float(value)


def _pair(y_true, y_pred, labels):
    """Code the labels, and return the codes of those to include."""
    counting = None if labels is None else read_choice(labels)
    pairs = pair_labels(y_true, y_pred, counting or ())
    return pairs, find_labels(pairs.labels if counting is None else counting, pairs.labels)


def step_confusion_matrix(y_true, y_pred, *, labels=None, sample_weight=None, normalize=None):
    """Count how often steps with one label are predicted to have another.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels; see `step_accuracy_score`.
    labels : list, optional
        The labels of the rows and columns; steps with others are left out. By default all that `y_true` or
        `y_pred` holds, sorted (numbers before str).
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    normalize : {"true", "pred", "all"} or None, default=None
        Return shares of each row, of each column, or of all, instead of counts.

    Returns
    -------
    ndarray of shape (n_labels, n_labels)
        Rows are true labels, columns predicted ones.

    Raises
    ------
    ValueError, TypeError
        As in `step_accuracy_score`, or if `y_true` holds none of `labels`.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_confusion_matrix
    >>> step_confusion_matrix([["N", "V", "N"], ["N"]], [["N", "V", "V"], ["N"]])
    array([[2, 1],
           [0, 1]])
    """
    check_option("normalize", normalize, ("true", "pred", "all", None))
    pairs, codes = _pair(y_true, y_pred, labels)
    weights = read_weights(sample_weight, pairs.lengths)
    if not np.isin(pairs.true, codes).any():
        raise ValueError(f"y_true holds none of labels={as_list(labels)}.")
    return confusion_matrix(pairs.true, pairs.pred, labels=codes, sample_weight=weights, normalize=normalize)


def step_classification_report(
    y_true, y_pred, *, labels=None, sample_weight=None, digits=2, output_dict=False, zero_division="warn"
):
    """Build a report of precision, recall and F1 score of each label of steps.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels; see `step_accuracy_score`.
    labels : list, optional
        The labels to report. By default all that `y_true` or `y_pred` holds, sorted.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    digits : int, default=2
        Number of digits in the text.
    output_dict : bool, default=False
        Whether to return a dict instead of a text.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value to return for undefined scores; "warn" is 0 with a warning.

    Returns
    -------
    str or dict
        As in `sklearn.metrics.classification_report`.

    Raises
    ------
    ValueError, TypeError
        As in `step_accuracy_score`.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_classification_report
    >>> print(step_classification_report([["N", "V", "N"], ["N"]], [["N", "V", "V"], ["N"]]))
                  precision    recall  f1-score   support
    <BLANKLINE>
               N       1.00      0.67      0.80         3
               V       0.50      1.00      0.67         1
    <BLANKLINE>
        accuracy                           0.75         4
       macro avg       0.75      0.83      0.73         4
    weighted avg       0.88      0.75      0.77         4
    <BLANKLINE>
    """
    pairs, codes = _pair(y_true, y_pred, labels)
    return classification_report(
        pairs.true,
        pairs.pred,
        labels=codes,
        target_names=[str(pairs.labels[code]) for code in codes],
        sample_weight=read_weights(sample_weight, pairs.lengths),
        digits=digits,
        output_dict=output_dict,
        zero_division=zero_division,
    )
