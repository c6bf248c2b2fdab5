"""Targets and weights, of sequences or of their steps."""

import numbers

import numpy as np

from sklearn_rnn.data.arrays import check_steps_all_str, is_list, masked_lengths, object_array, to_array
from sklearn_rnn.data.problems import Problems, check_not_masked, check_same_number, pluralize, reading
from sklearn_rnn.data.sequences import Sequences


def is_ragged(y):
    """Return whether `y` holds a sequence of targets for each sequence, instead of one target.

    Parameters
    ----------
    y : array, list, Series or Sequences
        Targets. Numeric arrays with one or two axes are targets of whole sequences; lists, tuples and
        object arrays of sequences, and arrays with three axes, are targets of steps.

    Returns
    -------
    bool
        True if there is one target per step.

    Examples
    --------
    >>> from sklearn_rnn.data import is_ragged
    >>> is_ragged([[1.0, 2.0], [3.0]]), is_ragged([1.0, 2.0])
    (True, False)
    """
    if isinstance(y, Sequences):
        return True
    if isinstance(y, np.ma.MaskedArray):
        return y.ndim > 1
    y = to_array(y, "y")
    if isinstance(y, np.ndarray) and (y.dtype.kind != "O" or y.ndim != 1):
        return y.ndim == 3
    if not is_list(y) or len(y) == 0:
        return False
    first = y[0]
    return hasattr(first, "__len__") and getattr(first, "ndim", 1) > 0 and not isinstance(first, (str, bytes))


def flatten_steps(y, lengths, *, padded_steps=None, splits_text=False, name="y"):
    """Lay the targets of all steps end to end, checked against the lengths of the sequences.

    Parameters
    ----------
    y : list, object array, array or Sequences
        For each sequence the targets of its steps; an array (n_sequences, n_steps) or (n_sequences, n_steps,
        n_outputs); or one-dimensional: one target for a whole sequence, which is then used at each of its
        steps.
    lengths : array of int of shape (n_sequences,)
        Number of steps of each sequence of X.
    padded_steps : int, or array of int of shape (n_sequences,), optional
        Number of steps including padding, if X was padded: `y` with as many steps is cut like X.
    splits_text : bool, default=False
        Whether a str in `y` holds one target per character, as when X holds texts; else it is one target.
    name : str, default="y"
        Name of the targets in error messages.

    Returns
    -------
    ndarray of shape (n_steps_total,) or (n_steps_total, n_outputs)
        The targets, sequence after sequence.

    Raises
    ------
    ValueError
        If the number of targets differs from the number of steps; one message names all sequences.

    Examples
    --------
    >>> from sklearn_rnn.data import flatten_steps
    >>> flatten_steps([["N", "V"], ["N"]], lengths=[2, 1])
    array(['N', 'V', 'N'], dtype='<U1')
    """
    with reading("lengths"):
        lengths = np.asarray(lengths)
    if y is None:
        raise ValueError(f"requires y to be passed, but the target {name} is None.")
    rows = y if isinstance(y, (np.ma.MaskedArray, Sequences)) else to_array(y, name)
    if not isinstance(rows, (list, tuple, np.ndarray, Sequences)):
        rows = list(rows)
    check_same_number(rows, lengths, name)
    if np.ma.is_masked(rows) and rows.ndim > 1:
        rows = [row[:n] for row, n in zip(rows.data, masked_lengths(rows, name), strict=True)]
    padded = np.broadcast_to(-1 if padded_steps is None else padded_steps, lengths.shape)
    if isinstance(rows, np.ndarray) and rows.ndim > 1 and (rows.shape[1] == padded).all():
        return np.asarray(rows)[np.arange(rows.shape[1]) < lengths[:, np.newaxis]]
    is_split = splits_text and isinstance(rows, np.ndarray) and rows.dtype.kind == "U"
    if isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind != "O" and not is_split:
        return np.repeat(rows, lengths)
    arrays, problems = [], Problems(name)
    for i, row in enumerate(rows):
        try:
            if np.ma.is_masked(row):
                raise ValueError("some of its steps are masked; leave them out.")
            row = list(row) if splits_text and isinstance(row, str) else row
            arrays.append(np.asarray(row))
            check_steps_all_str(row, arrays[-1])
        except (ValueError, TypeError, RuntimeError) as error:  # RuntimeError: see `reading`
            problems.add(i, f"does not hold one target a step: {error}")
    problems.raise_if_any()
    if all(a.ndim == 0 for a in arrays):
        return np.repeat(np.asarray(arrays), lengths)
    arrays = [a[:n] if a.ndim and len(a) == m else a for a, n, m in zip(arrays, lengths, padded, strict=True)]
    for i, (a, length) in enumerate(zip(arrays, lengths, strict=True)):
        wanted = f"but X[{i}] has {pluralize(length, 'step')}."
        if a.ndim == 0:
            problems.add(i, f"is a single {type(rows[i]).__name__}, {wanted}")
        elif len(a) != length:
            problems.add(i, f"has {pluralize(len(a), 'target')}, {wanted}")
        elif a.shape[1:] != arrays[0].shape[1:]:
            problems.add(i, f"has the shape {a.shape}, but {name}[0] has {arrays[0].shape}.")
    problems.raise_if_any()
    if len({a.dtype.kind in "UOT" for a in arrays}) > 1:
        raise ValueError(f"Some sequences of {name} hold str and others numbers; all must be of one kind.")
    return np.concatenate(arrays)


def check_sample_weight(sample_weight, lengths, *, per_step):
    """Read weights of sequences, or of steps.

    Parameters
    ----------
    sample_weight : array of shape (n_sequences,), ragged list, or None
        One weight per sequence; or, if targets belong to steps, one weight per step.
    lengths : array of int of shape (n_sequences,)
        Number of steps of each sequence.
    per_step : bool
        Whether targets belong to steps.

    Returns
    -------
    ndarray of float64 of shape (n_sequences,) or (n_steps_total,), or None
        The weights, laid out like the targets.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, if all are zero, or if there are too few or too many.

    Examples
    --------
    >>> from sklearn_rnn.data.targets import check_sample_weight
    >>> check_sample_weight([1, 0.5], lengths=[2, 1], per_step=True)
    array([1. , 1. , 0.5])
    """
    if sample_weight is None:
        return None
    check_not_masked(sample_weight, "sample_weight")
    if isinstance(sample_weight, numbers.Number):
        sample_weight = np.full(len(lengths), sample_weight)
    if per_step and isinstance(sample_weight, np.ndarray) and sample_weight.dtype.kind == "O":
        sample_weight = list(sample_weight)
    if not isinstance(sample_weight, (list, tuple)) or not per_step:
        with reading("sample_weight"):
            try:
                sample_weight = np.asarray(sample_weight)
            except ValueError:  # lists of different lengths
                sample_weight = object_array(list(sample_weight))
            holds_arrays = sample_weight.dtype.kind == "O" and any(map(np.ndim, sample_weight))
        n_axes = sample_weight.ndim + holds_arrays
        if n_axes != 1:
            raise ValueError(
                f"Sample weights must be 1D array or scalar, got {n_axes}D array. "
                + (
                    "Weights of steps are a list with one array a sequence."
                    if per_step
                    else "Each sequence has one."
                )
            )
    if per_step:
        weights = flatten_steps(sample_weight, lengths, name="sample_weight")
    else:
        check_same_number(sample_weight, lengths, "sample_weight")
        weights = sample_weight
    if weights.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: sample_weight has dtype {weights.dtype}.")
    if weights.dtype.kind in "mM":
        raise ValueError(f"sample_weight must hold numbers, but it holds {weights.dtype}.")
    # What is too large becomes infinite, and is reported as that.
    with np.errstate(all="ignore"), reading("sample_weight"):
        weights = weights.astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("sample_weight must hold finite numbers that are not negative.")
    if not weights.any():
        raise ValueError("sample_weight is zero for every sequence; at least one must count.")
    return bound_weights(weights)


def bound_weights(weights):
    """Scale weights down (or up) if they are so large (or small) that sums and products of them overflow.

    Only their ratios matter.

    Parameters
    ----------
    weights : ndarray of float64
        Finite numbers, not all zero.

    Returns
    -------
    ndarray of float64
        The same, or multiplied by a power of two.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.targets import bound_weights
    >>> bound_weights(np.array([0.5, 2.0])), bound_weights(np.array([2.0**1020, 0]))
    (array([0.5, 2. ]), array([0.5, 0. ]))
    """
    largest = weights.max()
    return weights if 1e-100 < largest < 1e100 else np.ldexp(weights, -np.frexp(largest)[1])
