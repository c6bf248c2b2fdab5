"""Warnings about features on a scale that recurrent networks hardly learn from."""

import warnings

import numpy as np

from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.data.validation import as_numbers, as_sequences, find_caller

# Measured, see docs/benchmarks.md: standard deviations from 0.1 to 10 and offsets up to 3 hardly matter.
_LARGEST = 30  # typical size
_LARGEST_OFFSET = 5  # in standard deviations, or in absolute terms if these are less than 1
_SMALLEST, _SMALLEST_DEVIATION = 0.03, 0.3  # rare ones among zeros have a small deviation, but reach far
_SMALLEST_LENGTH = 0.3  # of all features together
_LEAST_UNITS = 1000  # of float32 in a standard deviation
_MOST_NAMED = 3
_CHUNK = 2**18  # numbers that are measured at once
_ROWS = 256  # sequences that are read again at once


def warn_of_scale(values, X, advice, *, names=None, name="X", padding_value=None):
    """Warn if features are so far from mean 0 and standard deviation 1 that a network learns badly.

    This is the case if they are large, if they vary little compared with their mean or in absolute terms, or
    if float32 cannot distinguish their values. Small constant features, rare ones among zeros, and vectors of
    length 1 do not cause a warning.

    Parameters
    ----------
    values : ndarray of float32 of shape (n_steps_total, n_features)
        Numbers as the network reads them.
    X : sequences in any form
        The data that `values` were read from.
    advice : str
        What to do, as code.
    names : sequence of str, optional
        Names of the features.
    name : str, default="X"
        Name of the data in the message.
    padding_value : float, optional
        See `as_sequences`.

    Warns
    -----
    UserWarning
        With the features, their means and standard deviations.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.scale import warn_of_scale
    >>> values = np.array([[0.0], [1.0]], dtype=np.float32)
    >>> warn_of_scale(values, [values], "StandardScaler().fit_transform(X)")
    """
    mean, deviation, reach = _measure(values)
    largest = np.abs(mean) + reach
    with np.errstate(over="ignore", invalid="ignore"):
        is_lost = deviation < _LEAST_UNITS * np.spacing(largest.astype(np.float32))
    suspects = np.flatnonzero((deviation == 0) & (mean != 0))
    if len(suspects) and not _is_exact(X):  # they may be constant in float32 alone
        mean[suspects], deviation[suspects], _ = _measure(_read_again(X, suspects, padding_value))
    is_small = (deviation < _SMALLEST) & (reach < _SMALLEST_DEVIATION)
    length = np.linalg.norm(deviation)
    if (
        length > _SMALLEST_LENGTH
    ):  # many small features may together be large enough, as in vectors of length 1
        is_small &= deviation < length / len(deviation) ** 0.5 / 10
    is_large = np.hypot(mean, deviation) > _LARGEST
    is_offset = np.abs(mean) > _LARGEST_OFFSET * np.maximum(deviation, 1)
    is_far = is_large | ((is_small | is_offset | is_lost) & (deviation > 0))
    if not is_far.any():
        return
    features = np.flatnonzero(is_far)
    listed = [
        f"{k if names is None else repr(names[k])} (mean {mean[k]:.3g}, "
        f"standard deviation {deviation[k]:.3g})"
        for k in features[:_MOST_NAMED]
    ]
    message = (
        f"{name} has features far from mean 0 and standard deviation 1, from which recurrent networks learn "
        f"slowly or not at all: {_enumerate('feature', listed, len(features))}."
    )
    features = np.flatnonzero(is_far & is_lost & (deviation > 0))
    if len(features):
        listed = [str(k) if names is None else repr(names[k]) for k in features[:_MOST_NAMED]]
        message += (
            " float32, which the network computes with, has seven digits and cannot separate the values of "
            f"{_enumerate('feature', listed, len(features))}; a scaler that comes before sees them all."
        )
    warnings.warn(f"{message} {advice}", stacklevel=find_caller())


def _measure(values):
    """Return mean, standard deviation and largest distance from the first row of each column, in one pass."""
    first = values[0].astype(np.float64)
    total, squares, reach = np.zeros((3, len(first)))
    size = max(1, _CHUNK // len(first))
    with np.errstate(over="ignore", under="ignore"):
        for start in range(0, len(values), size):
            from_first = values[start : start + size] - first  # small numbers, whose squares cancel less
            total += from_first.sum(axis=0)
            squares += np.einsum("ij,ij->j", from_first, from_first)
            reach = np.maximum(reach, np.maximum(from_first.max(axis=0), -from_first.min(axis=0)))
        mean = total / len(values)
        variance = np.maximum(squares / len(values) - mean**2, 0)
    return first + mean, np.sqrt(variance), reach


def _is_exact(X):
    """Return whether X was passed as float32, so that reading it again gains nothing."""
    dtype = X.values.dtype if isinstance(X, Sequences) else getattr(X, "dtype", None)
    return dtype == np.float32


def _read_again(X, features, padding_value):
    """Read some features in float64, a part of the sequences at a time."""
    rows, parts = getattr(X, "iloc", X), []
    if isinstance(X, memoryview):
        rows = np.asarray(X)
    elif not isinstance(X, (list, Sequences)) and rows is X and not hasattr(X, "shape"):
        rows = [X[i] for i in range(len(X))]  # not all containers can be sliced
    for start in range(0, len(X), _ROWS):
        part = as_sequences(rows[start : start + _ROWS], padding_value=padding_value, dtype=None).values
        parts.append(as_numbers(part.reshape(len(part), -1), "X")[:, features])
    return np.concatenate(parts)


def _enumerate(noun, listed, n):
    more = f" and {n - len(listed)} more" if n > len(listed) else ""
    joined = ", ".join(listed) if more else " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))
    return f"{noun}{'s' * (n > 1)} {joined}{more}"
