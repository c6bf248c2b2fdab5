"""Metrics of numbers of steps: all steps of all sequences count equally, unless they are weighted."""

import numpy as np
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error

from sklearn_rnn.data.problems import reading
from sklearn_rnn.metrics._ragged import pair_numbers, read_weights


def step_mean_squared_error(y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"):
    """Compute the mean squared error of numbers of steps.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,) or (n_steps_i, n_outputs)
        True and predicted numbers: a list, an object array, `Sequences`, or one array of shape
        (n_sequences, n_steps) or (n_sequences, n_steps, n_outputs).
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    multioutput : {"uniform_average", "raw_values"} or array of shape (n_outputs,), default="uniform_average"
        How to aggregate the values of the outputs: their mean, not at all, or with the passed weights.

    Returns
    -------
    float, or ndarray of shape (n_outputs,)
        0 at best.

    Raises
    ------
    ValueError
        If `y_pred` has other lengths or another number of outputs than `y_true`, or if one of them holds
        anything but finite numbers. One message names all sequences concerned.
    TypeError
        If one of them is not a collection.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_mean_squared_error
    >>> step_mean_squared_error([[1.0, 2.0, 3.0], [4.0]], [[1.0, 2.0, 5.0], [4.0]])
    1.0
    """
    return _score(mean_squared_error, y_true, y_pred, sample_weight, multioutput)


def step_root_mean_squared_error(y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"):
    """Compute the root mean squared error of numbers of steps.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,) or (n_steps_i, n_outputs)
        True and predicted numbers; see `step_mean_squared_error`.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    multioutput : {"uniform_average", "raw_values"} or array of shape (n_outputs,), default="uniform_average"
        How to aggregate the values of the outputs: the mean of their roots, not at all, or with the passed
        weights.

    Returns
    -------
    float, or ndarray of shape (n_outputs,)
        0 at best; in the unit of `y_true`.

    Raises
    ------
    ValueError, TypeError
        As in `step_mean_squared_error`.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_root_mean_squared_error
    >>> step_root_mean_squared_error([[1.0, 2.0, 3.0], [4.0]], [[1.0, 2.0, 7.0], [4.0]])
    2.0
    """
    return _score(root_mean_squared_error, y_true, y_pred, sample_weight, multioutput)


def step_mean_absolute_error(y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"):
    """Compute the mean absolute error of numbers of steps.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,) or (n_steps_i, n_outputs)
        True and predicted numbers; see `step_mean_squared_error`.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    multioutput : {"uniform_average", "raw_values"} or array of shape (n_outputs,), default="uniform_average"
        How to aggregate the values of the outputs: their mean, not at all, or with the passed weights.

    Returns
    -------
    float, or ndarray of shape (n_outputs,)
        0 at best; in the unit of `y_true`.

    Raises
    ------
    ValueError, TypeError
        As in `step_mean_squared_error`.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_mean_absolute_error
    >>> step_mean_absolute_error([[1.0, 2.0, 3.0], [4.0]], [[1.0, 2.0, 5.0], [4.0]])
    0.5
    """
    return _score(mean_absolute_error, y_true, y_pred, sample_weight, multioutput)


def step_r2_score(y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"):
    """Compute the coefficient of determination R^2 of numbers of steps.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,) or (n_steps_i, n_outputs)
        True and predicted numbers; see `step_mean_squared_error`.
    sample_weight : array of shape (n_sequences,), or ragged list, optional
        Weights of the sequences, or of the steps.
    multioutput : {"uniform_average", "raw_values", "variance_weighted"} or array of shape (n_outputs,)
        How to aggregate the values of the outputs: their mean (the default), not at all, weighted by the
        variances of the outputs, or with the passed weights.

    Returns
    -------
    float, or ndarray of shape (n_outputs,)
        1 at best; 0 for always predicting the mean of all steps.

    Raises
    ------
    ValueError, TypeError
        As in `step_mean_squared_error`.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_r2_score
    >>> step_r2_score([[1.0, 2.0, 3.0], [4.0]], [[1.0, 2.0, 3.0], [3.0]])
    0.8
    """
    return _score(r2_score, y_true, y_pred, sample_weight, multioutput)


@np.errstate(all="ignore")
def _score(score, y_true, y_pred, sample_weight, multioutput):
    true, pred, lengths = pair_numbers(y_true, y_pred)
    weights = read_weights(sample_weight, lengths)
    multioutput = _read_multioutput(multioutput, true.shape[1])
    value = score(true, pred, sample_weight=weights, multioutput=multioutput)
    return float(value) if np.ndim(value) == 0 else value


def _read_multioutput(multioutput, n_outputs):
    """Read the weights of outputs; names are left to scikit-learn."""
    if multioutput is None or isinstance(multioutput, str):
        return multioutput
    with reading("multioutput"):
        weights = np.asarray(multioutput, dtype=np.float64)
    if weights.shape != (n_outputs,) or not np.isfinite(weights).all() or weights.sum() == 0:
        raise ValueError(
            f"multioutput must be a name or hold one finite weight for each of the {n_outputs} output(s), "
            f"not all zero, got {multioutput!r}."
        )
    return weights
