"""Means and standard deviations of the targets of a network."""

import numpy as np


def measure(columns, weights=None, name="y"):
    """Return the mean and the standard deviation of each column; that of a constant is 1.

    Parameters
    ----------
    columns : ndarray of shape (n, K)
        Numbers.
    weights : ndarray of shape (n,), optional
        Weights of the rows.
    name : str, default="y"
        Name of the numbers in error messages.

    Returns
    -------
    mean, scale : ndarray of shape (K,)
        In the unit of the columns.

    Raises
    ------
    ValueError
        If a variance overflows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.scaling import measure
    >>> measure(np.array([[1.0, 5.0], [3.0, 5.0]]))
    (array([2., 5.]), array([1., 1.]))
    """
    columns = columns.astype(np.float64, copy=False)
    first = columns[0]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = first + np.average(columns - first, axis=0, weights=weights)  # exact for a constant
        variance = np.average((columns - mean) ** 2, axis=0, weights=weights)
    if not np.isfinite(variance).all():
        raise ValueError(f"{name} is too large: its variance overflows. Scale {name} down.")
    return mean, _take_root(mean, variance)


def measure_prefixes(values, lengths):
    """Return the mean and the standard deviation of the first steps of a series, for several prefixes.

    The values of a prefix do not depend on the steps after it.

    Parameters
    ----------
    values : ndarray of shape (n_steps, K)
        The series.
    lengths : ndarray of int of shape (n,)
        Numbers of steps, at least 1 each.

    Returns
    -------
    mean, scale : ndarray of float64 of shape (n, K)
        See `measure`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.scaling import measure_prefixes
    >>> mean, scale = measure_prefixes(np.array([[1.0], [3.0], [8.0]]), np.array([1, 2]))
    >>> mean[:, 0], scale[:, 0]
    (array([1., 2.]), array([1., 1.]))
    """
    first = values[0].astype(np.float64)
    from_first = values - first  # small numbers, whose squares cancel less
    n = np.asarray(lengths)[:, np.newaxis]
    mean = from_first.cumsum(axis=0)[n[:, 0] - 1] / n
    variance = np.maximum((from_first**2).cumsum(axis=0)[n[:, 0] - 1] / n - mean**2, 0)
    return mean + first, _take_root(mean + first, variance)


def _take_root(mean, variance):
    # The spread of a constant is due to rounding; small numbers can have a small spread as well.
    is_constant = np.sqrt(variance) <= 4 * np.finfo(np.float64).eps * np.abs(mean)
    return np.where(is_constant, 1.0, np.sqrt(variance))
