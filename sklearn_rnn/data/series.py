"""Series of numbers to be forecast: one, or several."""

import numbers

import numpy as np

from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.data.validation import Problems, as_sequences


def is_one_series(X):
    """Whether X is one series: an array of one or two axes, a DataFrame, a Series, or a list of numbers.

    Parameters
    ----------
    X : one series, or several
        See `read_series`.

    Returns
    -------
    bool
        False for a list of series, `Sequences` and an array with three axes.

    Examples
    --------
    >>> from sklearn_rnn.data.series import is_one_series
    >>> is_one_series([1.0, 2.0]), is_one_series([[1.0, 2.0], [3.0]])
    (True, False)
    """
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and isinstance(X[0], numbers.Number)
    if isinstance(X, Sequences) or not hasattr(X, "__array__"):
        return False
    X = np.asanyarray(X)
    holds_numbers = X.dtype.kind != "O" or (X.size and isinstance(X.flat[0], numbers.Number))
    return X.ndim == 2 or (X.ndim == 1 and bool(holds_numbers))


def read_series(X, name="X"):
    """Read one series of numbers, or several.

    Parameters
    ----------
    X : one series, or several
        One: array (n_steps,) or (n_steps, n_features), a Series, a DataFrame with a row a step, or a list of
        numbers. Several, which may differ in length: a list of these, an array
        (n_series, n_steps, n_features), or `Sequences`. Integers are numbers, too.
    name : str, default="X"
        What error messages call them.

    Returns
    -------
    series : Sequences
        Of float32, with the names of the columns of DataFrames.
    is_one : bool
        Whether X was one series.
    is_flat : bool
        Whether series came without an axis for features.

    Raises
    ------
    ValueError
        If a series is empty or holds NaN or infinity, or if series differ in their number of features.
    TypeError
        If X is no series, or holds no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.series import read_series
    >>> read_series(np.arange(5))
    (Sequences(1 sequence of 5 steps, 1 feature), True, True)
    """
    is_one = is_one_series(X)
    if is_one and not hasattr(X, "columns"):
        X = np.asanyarray(X)  # a mask is kept, and found
    try:
        if not hasattr(X, "__len__") or isinstance(X, (str, dict)) or getattr(X, "ndim", 1) == 0:
            raise TypeError(f"{name} must be a series, or a list of series, but it is {X!r}.")
        first = X if is_one else next(iter(X), ())
        is_flat = not isinstance(X, Sequences) and _has_one_axis(first)
        series = as_sequences([X] if is_one else X, allow_nan=True, name=name)
        if series.is_tokens and series.values.dtype.kind not in "iu":
            raise TypeError(f"{name} holds text, but a series to be forecast holds numbers.")
        if series.is_tokens:
            series = series.with_values(series.values[:, np.newaxis].astype(np.float32))
        _refuse_nan(series, name)
    except (TypeError, ValueError) as error:
        if not is_one:
            raise
        raise type(error)(str(error).replace(f"{name}[0]", name)) from error  # it is no list of series
    return series, is_one, is_flat


def _has_one_axis(series):
    if hasattr(series, "ndim") or hasattr(series, "columns"):
        return getattr(series, "ndim", 2) == 1
    return len(series) > 0 and np.ndim(series[0]) == 0


def _refuse_nan(series, name):
    steps, features = np.nonzero(np.isnan(series.values))
    rows = np.searchsorted(series.offsets, steps, side="right") - 1
    problems = Problems(name)
    for k in np.unique(rows, return_index=True)[1]:
        names = series.feature_names
        feature = features[k] if names is None else repr(names[features[k]])
        problems.add(
            rows[k],
            f"has NaN at step {steps[k] - series.offsets[rows[k]]}, feature {feature}; a forecast needs "
            "every step. Impute it before, as interpolate of pandas does, or leave out all up to it.",
        )
    problems.raise_if_any()
