"""The one door: every form in which users hold sequences, targets and weights, made into arrays."""

import numbers

import numpy as np

from sklearn_rnn.data.sequences import Sequences, trailing_lengths

_MOST_PROBLEMS = 10


class _Problems:
    """All that is wrong with one data set, reported in one message."""

    def __init__(self):
        self.lines = []

    def add(self, line):
        self.lines.append(line)

    def raise_if_any(self):
        if self.lines:
            more = len(self.lines) - _MOST_PROBLEMS
            shown = self.lines[:_MOST_PROBLEMS] + ([f"... and {more} more problems."] if more > 0 else [])
            raise ValueError("\n".join(shown))


def as_sequences(X, *, padding_value=None, name="X"):
    """Read any form of sequences.

    Parameters
    ----------
    X : sequences in any form
        - list, tuple or object array of float arrays (n_steps_i, n_features), or (n_steps_i,) for one feature;
        - float array (n_sequences, n_steps, n_features);
        - 2-D numeric array or DataFrame (n_sequences, n_steps): series of one feature;
        - list of str: tokens, one character a step;
        - list of lists of str, list of 1-D integer arrays: tokens, one word or code a step;
        - `Sequences`: itself, without a copy;
        - masked array: trailing masked steps are padding.
    padding_value : float, optional
        Trailing steps in which every feature has this value (it may be NaN) are padding and are dropped.
    name : str, default="X"
        What error messages call the data.

    Returns
    -------
    Sequences
        Numbers as float32 values of shape (n_steps_total, n_features); tokens as int64, str or object
        values of shape (n_steps_total,).

    Raises
    ------
    ValueError
        If sequences are empty, differ in their number of features, or hold NaN or infinity. One
        message names all problems with the index of the sequence.
    TypeError
        If `X` is not a collection of sequences.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> as_sequences([[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]])
    Sequences(2 sequences of 1 to 2 steps, 2 features)
    >>> as_sequences(["to", "be"])
    Sequences(2 sequences of 2 steps, tokens)
    """
    sequences = _read(X, padding_value, name)
    if len(sequences) == 0:
        raise ValueError(f"{name} holds no sequences: 0 sample(s) where a minimum of 1 is required.")
    problems = _Problems()
    for i in np.flatnonzero(sequences.lengths == 0):
        problems.add(f"{name}[{i}] is empty; every sequence needs at least 1 step.")
    if not sequences.is_tokens:
        _find_non_finite(sequences, name, problems)
    problems.raise_if_any()
    return sequences


def _read(X, padding_value, name):
    if isinstance(X, Sequences):
        if X.is_tokens:
            if X.values.dtype.kind in "iu":
                return X.with_values(X.values.astype(np.int64, copy=False))
            if X.values.dtype.kind in "UO":
                return X
        return X.with_values(_as_float32(X.values, name))
    if isinstance(X, (str, bytes, dict)) or not hasattr(X, "__len__"):
        raise TypeError(
            f"{name} must be a collection of sequences (list of arrays, list of str, array, ...), "
            f"but it is of type {type(X).__name__}."
        )
    if hasattr(X, "nnz") and hasattr(X, "tocsr"):
        raise TypeError(f"{name} is a sparse matrix, but dense data is required; call {name}.toarray().")
    if isinstance(X, np.ma.MaskedArray):
        return _read_masked(X, name)
    if hasattr(X, "columns") and hasattr(X, "to_numpy"):  # a DataFrame of pandas or polars
        X = X.to_numpy()
    elif not isinstance(X, (list, tuple)) and hasattr(X, "__array__"):
        X = np.asarray(X)
    if isinstance(X, np.ndarray) and (X.ndim > 1 or X.dtype.kind not in "OUS"):
        return _read_array(X, padding_value, name)
    return _read_list(list(X), padding_value, name)


def _read_array(X, padding_value, name):
    """Sequences of equal length, or of different lengths behind a padding value."""
    if X.ndim == 2 and X.dtype.kind == "U":
        return _equal_lengths(X.reshape(-1), X)
    if X.ndim == 2 and X.dtype.kind == "O" and X.size and isinstance(X.flat[0], str):
        return _equal_lengths(X.reshape(-1), X)
    if X.ndim not in (2, 3):
        raise ValueError(
            f"Expected 2D array or 3D array (sequences, steps, features), got {X.ndim}D array instead: "
            f"{name} has shape {X.shape}. Reshape your data: {name}.reshape(1, -1) is one series, "
            f"{name}.reshape(-1, 1) many series of one step."
        )
    if 0 in X.shape:
        empty_axis = X.shape.index(0)
        what = ("sample(s)", "feature(s)" if X.ndim == 2 else "step(s)", "feature(s)")[empty_axis]
        raise ValueError(f"{name} has 0 {what} (shape={X.shape}) while a minimum of 1 is required.")
    X3 = X[:, :, np.newaxis] if X.ndim == 2 else X
    if padding_value is not None:
        padded = _as_float32(X3, name)
        return Sequences.from_padded(padded, padding_value=np.float32(padding_value))
    return _equal_lengths(_as_float32(X3.reshape(-1, X3.shape[2]), name), X3)


def _equal_lengths(values, X):
    return Sequences(values, np.arange(len(X) + 1) * X.shape[1])


def _read_masked(X, name):
    mask = np.ma.getmaskarray(X)
    if X.ndim == 2:
        X, mask = X[:, :, np.newaxis], mask[:, :, np.newaxis]
    if X.ndim != 3:
        raise ValueError(f"{name} is a masked array with {X.ndim} axes; it needs 2 or 3 (sequences, steps, features).")
    lengths = trailing_lengths(~mask.all(axis=2))
    inside = np.arange(X.shape[1]) < lengths[:, np.newaxis]
    problems = _Problems()
    for i, t in np.argwhere(mask.any(axis=2) & inside):
        problems.add(f"{name}[{i}] is masked at step {t}, before its end; only trailing steps may be masked.")
    problems.raise_if_any()
    return Sequences.from_lengths(_as_float32(X.data[inside], name), lengths)


def _read_list(X, padding_value, name):
    if not X:
        raise ValueError(f"{name} holds no sequences: 0 sample(s) where a minimum of 1 is required.")
    if all(isinstance(x, str) for x in X):
        characters = "".join(X).encode("utf-32-le", "surrogatepass")
        return Sequences.from_lengths(np.frombuffer(characters, dtype="<U1"), [len(x) for x in X])
    if any(isinstance(x, (str, bytes)) for x in X):
        i = next(i for i, x in enumerate(X) if isinstance(x, (str, bytes)))
        raise TypeError(f"{name}[{i}] is of type {type(X[i]).__name__}, but not all of {name} are str.")
    if all(isinstance(x, numbers.Number) or np.ndim(x) == 0 for x in X[:1]):
        raise ValueError(
            f"Expected 2D array or a list of sequences, got 1D array instead: {name}[0] is a single "
            f"{type(X[0]).__name__}. Reshape your data: [{name}] is one sequence."
        )
    arrays, problems = [], _Problems()
    for i, x in enumerate(X):
        try:
            arrays.append(_step_array(x))
        except (ValueError, TypeError) as error:
            problems.add(f"{name}[{i}] is not a sequence: {error}")
    problems.raise_if_any()
    kinds = {a.dtype.kind for a in arrays if len(a)}
    if kinds & set("UO"):
        return _read_tokens(arrays, kinds, name)
    if kinds & set("iu") and kinds <= set("iu") and all(a.ndim == 1 for a in arrays):
        return _concatenate(arrays, np.int64)
    arrays = [a[:, np.newaxis] if a.ndim == 1 else a for a in arrays]
    _check_widths(arrays, name)
    if padding_value is not None:
        arrays = [_drop_padding(a, padding_value) for a in arrays]
    for i, a in enumerate(arrays):
        if a.dtype.kind == "c":
            raise ValueError(f"Complex data not supported: {name}[{i}] has dtype {a.dtype}.")
    return _concatenate(arrays, np.float32)


def _step_array(x):
    if type(x) is np.ndarray and x.dtype.kind in "fiu" and 1 <= x.ndim <= 2:
        return x
    a = np.asarray(x)
    if a.dtype.kind == "O" and not all(isinstance(v, str) for v in a.flat):
        if a.ndim == 1 and any(np.ndim(v) for v in a):
            raise ValueError("its steps have different numbers of features.")
        a = a.astype(np.float64)
    if a.ndim not in (1, 2):
        raise ValueError(f"it has shape {a.shape}, but a sequence has the shape (n_steps, n_features).")
    if a.dtype.kind not in "biufcUO":
        raise TypeError(f"its steps are of dtype {a.dtype}.")
    return a


def _read_tokens(arrays, kinds, name):
    problems = _Problems()
    for i, a in enumerate(arrays):
        if len(a) and (a.dtype.kind not in "UO" or a.ndim != 1):
            problems.add(f"{name}[{i}] does not hold str, but other sequences do; all steps must be of one kind.")
    problems.raise_if_any()
    return _concatenate(arrays, object)


def _concatenate(arrays, dtype):
    values = np.concatenate(arrays, dtype=dtype, casting="unsafe")
    return Sequences.from_lengths(values, np.fromiter((len(a) for a in arrays), np.int64, len(arrays)))


def _check_widths(arrays, name):
    widths = np.fromiter((a.shape[1] for a in arrays), np.int64, len(arrays))
    wrong = np.flatnonzero(widths != widths[0])
    if len(wrong) == 0:
        return
    if all(len(a) == len(arrays[0]) for a in arrays):
        raise ValueError(
            f"Every sequence in {name} has {len(arrays[0])} steps, but they have different numbers of features "
            f"({name}[{wrong[0]}] has {widths[wrong[0]]}, {name}[0] has {widths[0]}): the axes look exchanged. "
            f"A sequence has the shape (n_steps, n_features); use Sequences.from_aeon({name}) for the other order."
        )
    problems = _Problems()
    for i in wrong:
        problems.add(
            f"{name}[{i}] has {widths[i]} features, but {name}[0] has {widths[0]}; "
            "every sequence needs the same number of features."
        )
    problems.raise_if_any()


def _drop_padding(a, padding_value):
    is_padding = np.isnan(a) if np.isnan(padding_value) else a == padding_value
    return a[: trailing_lengths(~is_padding.all(axis=1)[np.newaxis])[0]]


def _as_float32(values, name):
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {values.dtype}.")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is reported as that
        try:
            return values.astype(np.float32, copy=False)
        except ValueError as error:
            raise ValueError(f"{name} does not hold numbers: {error}") from error


def _find_non_finite(sequences, name, problems):
    values = sequences.values
    # The sum alone says whether anything is wrong, without a boolean copy of the data.
    with np.errstate(invalid="ignore"):
        if np.isfinite(values.sum(dtype=np.float64)):
            return
    steps, features = np.nonzero(~np.isfinite(values))
    rows = np.searchsorted(sequences.offsets, steps, side="right") - 1
    _, first = np.unique(rows, return_index=True)
    for k in first:
        what = "NaN" if np.isnan(values[steps[k], features[k]]) else "infinity or a value too large for float32"
        problems.add(
            f"{name}[{rows[k]}] has {what} at step {steps[k] - sequences.offsets[rows[k]]}, feature {features[k]}; "
            "impute missing values, or set padding_value if it marks padding."
        )


def is_ragged(y):
    """Whether `y` holds one sequence of targets for each sequence, and not one target.

    Parameters
    ----------
    y : array, list, Series or Sequences
        Targets. Numeric arrays with one or two axes are targets of whole sequences; lists, tuples and
        object arrays of sequences, and arrays with three axes, are targets of steps.

    Returns
    -------
    bool
        True for one target a step.

    Examples
    --------
    >>> from sklearn_rnn.data import is_ragged
    >>> is_ragged([[1.0, 2.0], [3.0]]), is_ragged([1.0, 2.0])
    (True, False)
    """
    if isinstance(y, (Sequences, np.ma.MaskedArray)):
        return True
    if not isinstance(y, (list, tuple)):
        y = np.asarray(y)
        if y.dtype.kind != "O" or y.ndim > 1:
            return y.ndim == 3
    return len(y) > 0 and hasattr(y[0], "__len__") and not isinstance(y[0], str)


def flatten_steps(y, lengths, *, padded_steps=None, name="y"):
    """Lay the targets of all steps end to end, checked against the lengths of the sequences.

    Parameters
    ----------
    y : list, object array, array or Sequences
        For each sequence the targets of its steps; an array (n_sequences, n_steps) or
        (n_sequences, n_steps, n_outputs); or one-dimensional: one target for a whole sequence,
        which then holds at each of its steps.
    lengths : array of int of shape (n_sequences,)
        Number of steps of each sequence of X.
    padded_steps : int, optional
        Number of steps with padding, if X came as a padded array: an array `y` with as many steps is
        cut as X was.
    name : str, default="y"
        What error messages call the targets.

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
    lengths = np.asarray(lengths)
    if y is None:
        raise ValueError(f"requires y to be passed, but the target {name} is None.")
    rows = y if isinstance(y, (list, tuple, np.ndarray, Sequences)) else list(y)
    check_same_number(rows, lengths, name)
    if isinstance(rows, np.ndarray) and rows.ndim > 1 and rows.shape[1] == padded_steps:
        return np.asarray(rows)[np.arange(padded_steps) < lengths[:, np.newaxis]]
    if not isinstance(rows, Sequences) and np.ndim(rows[0]) == 0 and not isinstance(rows[0], str):
        return np.repeat(np.asarray(rows), lengths, axis=0)
    if isinstance(rows, np.ndarray) and rows.dtype.kind == "U" and rows.ndim == 1:
        return np.repeat(rows, lengths)
    problems = _Problems()
    arrays = []
    for i, row in enumerate(rows):
        a = np.asarray(list(row) if isinstance(row, str) else row)
        n_targets = len(a) if a.ndim else 1
        if a.ndim == 0 or n_targets != lengths[i]:
            problems.add(f"{name}[{i}] has {_number(n_targets, 'target')}, but X[{i}] has {_number(lengths[i], 'step')}.")
        arrays.append(a)
    problems.raise_if_any()
    return np.concatenate(arrays)


def _number(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def check_same_number(y, X, name):
    """Check that there are as many targets (or weights) as sequences.

    Parameters
    ----------
    y : sized
        Targets or weights.
    X : sized
        Sequences, or anything with one entry for each.
    name : str
        What error messages call `y`.

    Raises
    ------
    ValueError
        If the numbers differ.

    Examples
    --------
    >>> from sklearn_rnn.data.validation import check_same_number
    >>> check_same_number([0, 1], ["ab", "c"], "y")
    """
    if len(y) != len(X):
        raise ValueError(
            f"X and {name} have inconsistent numbers of samples: "
            f"X has {_number(len(X), 'sequence')}, {name} has {len(y)}."
        )


def check_sample_weight(sample_weight, lengths, *, per_step):
    """Read weights of sequences, or of steps.

    Parameters
    ----------
    sample_weight : array of shape (n_sequences,), ragged list, or None
        One weight a sequence; or, where targets belong to steps, one weight a step.
    lengths : array of int of shape (n_sequences,)
        Number of steps of each sequence.
    per_step : bool
        Whether targets belong to steps.

    Returns
    -------
    ndarray of float32 of shape (n_sequences,) or (n_steps_total,), or None
        The weights, laid out like the targets.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, if all are zero, or if there are too few or too many.

    Examples
    --------
    >>> from sklearn_rnn.data.validation import check_sample_weight
    >>> check_sample_weight([1, 0.5], lengths=[2, 1], per_step=True)
    array([1. , 1. , 0.5], dtype=float32)
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, numbers.Number):
        sample_weight = np.full(len(lengths), sample_weight)
    if per_step:
        weights = flatten_steps(sample_weight, lengths, name="sample_weight")
    else:
        check_same_number(sample_weight, lengths, "sample_weight")
        weights = np.asarray(sample_weight)
        if weights.ndim != 1:
            raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    weights = weights.astype(np.float32)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("sample_weight must hold finite numbers that are not negative.")
    if not weights.any():
        raise ValueError("sample_weight is zero for every sequence; at least one must count.")
    return weights


def object_array(arrays):
    """Put arrays into a one-dimensional object array, also where all have one length.

    Parameters
    ----------
    arrays : iterable of ndarray
        What the result holds.

    Returns
    -------
    ndarray of object of shape (n,)
        Can be indexed by arrays and masks, which a list cannot.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import object_array
    >>> object_array([np.zeros(2), np.ones(2)]).shape
    (2,)
    """
    arrays = list(arrays)
    result = np.empty(len(arrays), dtype=object)
    for i, a in enumerate(arrays):
        result[i] = a
    return result
