"""Metrics of predicted probabilities of the labels of steps."""

import warnings

import numpy as np

from sklearn_rnn.data.problems import find_caller
from sklearn_rnn.metrics._ragged import (
    check_any_steps,
    check_lengths,
    find_labels,
    read_choice,
    read_labels,
    read_numbers,
    read_weights,
    refuse_per_sequence,
    sort_labels,
)


def perplexity_score(y_true, y_proba, *, labels=None, sample_weight=None):
    """Compute the perplexity of the true labels: the number of equally likely labels to guess among.

    Parameters
    ----------
    y_true : list of n_sequences arrays of shape (n_steps_i,)
        True labels; see `step_accuracy_score`.
    y_proba : list of n_sequences arrays of shape (n_steps_i, n_labels)
        Probabilities of the labels; also an array of shape (n_sequences, n_steps, n_labels).
    labels : list, optional
        The labels of the columns, such as an estimator's `classes_`. By default those of `y_true`, sorted.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.

    Returns
    -------
    float
        The exponential of the mean cost, -log(probability of the true label); 1 at best.

    Raises
    ------
    ValueError
        If lengths differ, a label is missing, there are not as many columns as labels, or a value is not a
        probability. One message names all sequences concerned.
    TypeError
        If one of them is not a collection.

    Warns
    -----
    UserWarning
        If the probabilities of a step do not sum to 1.

    Notes
    -----
    As in `sklearn.metrics.log_loss`, probabilities below the smallest relative distance of two numbers of
    their type (2e-16; 1e-7 for float32) are raised to it. A label without a column has probability 0: it adds
    to the cost, but does not raise an error.

    Examples
    --------
    >>> from sklearn_rnn.metrics import perplexity_score
    >>> perplexity_score([["a", "b"]], [[[0.5, 0.5], [0.5, 0.5]]])
    2.0
    """
    return float(np.exp(_mean_cost(y_true, y_proba, labels, sample_weight)))


def bits_per_token(y_true, y_proba, *, labels=None, sample_weight=None):
    """Compute the mean number of bits of the true labels, the logarithm of the perplexity to base 2.

    Parameters
    ----------
    y_true : list of n_sequences arrays of shape (n_steps_i,)
        True labels; see `step_accuracy_score`.
    y_proba : list of n_sequences arrays of shape (n_steps_i, n_labels)
        Probabilities of the labels; also an array of shape (n_sequences, n_steps, n_labels).
    labels : list, optional
        The labels of the columns, such as an estimator's `classes_`. By default those of `y_true`, sorted.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.

    Returns
    -------
    float
        Bits; 0 at best. If the tokens are characters, these are bits per character.

    Raises
    ------
    ValueError, TypeError
        As in `perplexity_score`.

    Warns
    -----
    UserWarning
        If the probabilities of a step do not sum to 1.

    Examples
    --------
    >>> from sklearn_rnn.metrics import bits_per_token
    >>> bits_per_token(["ab"], [[[0.25, 0.75], [0.75, 0.25]]])
    2.0
    """
    return float(_mean_cost(y_true, y_proba, labels, sample_weight) / np.log(2))


@np.errstate(all="ignore")
def _mean_cost(y_true, y_proba, labels, sample_weight):
    true, lengths = read_labels(y_true, "y_true")
    if isinstance(y_proba, np.ndarray) and y_proba.ndim == 2 and y_proba.shape[1] > 1:
        refuse_per_sequence("y_proba", "one row of probabilities")
    proba, proba_lengths = read_numbers(y_proba, "y_proba")  # (n_steps_total, n_labels)
    check_lengths("y_proba", proba_lengths, lengths, noun="step")
    check_any_steps(lengths)
    owner = "y_true" if labels is None else "labels"
    labels = sort_labels(set(true)) if labels is None else read_choice(labels)
    if proba.shape[1] != len(labels):
        raise ValueError(
            f"y_proba has {proba.shape[1]} columns, but {owner} has {len(labels)} distinct labels. "
            "Pass the label of each column, such as labels=estimator.classes_."
        )
    _check_probabilities(proba)
    codes = find_labels(true, labels)
    of_true = np.where(codes < 0, 0, proba[np.arange(len(codes)), codes])
    costs = -np.log(np.maximum(of_true, np.finfo(proba.dtype).eps), dtype=np.float64)
    return np.average(costs, weights=read_weights(sample_weight, lengths))


def _check_probabilities(proba):
    eps = np.finfo(proba.dtype).eps
    if (proba < 0).any() or (proba > 1 + np.sqrt(eps)).any():
        raise ValueError(
            f"y_proba holds values from {proba.min():.3g} to {proba.max():.3g}; probabilities go "
            "from 0 to 1. Of logarithms, pass the exponential."
        )
    sums = proba.sum(axis=1, dtype=np.float64)
    if (np.abs(sums - 1) > np.sqrt(eps)).any():
        warnings.warn(
            f"The probabilities of a step must sum to 1, but in y_proba they sum to {sums.min():.6g} "
            f"to {sums.max():.6g}.",
            stacklevel=find_caller(),
        )
