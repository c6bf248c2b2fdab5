"""Validation of input: every form of sequences, targets and weights is converted to arrays here."""

import ast
import json
import numbers
import re
import string
import sys
import warnings
from collections import Counter

import numpy as np
from sklearn.utils.validation import validate_data

from sklearn_rnn.data.sequences import Sequences, is_missing, reading, trailing_lengths

_MOST_PROBLEMS = 10
_MOST_NAMES = 5
_OURS = ("sklearn_rnn", "skorch", "contextlib", "numpy")  # the others call functions of ours
_EMPTY = "is empty; every sequence needs at least 1 step."
_ALL_PADDING = "is empty (or all of its steps are padding); every sequence needs at least 1 step."


class Problems:
    """All problems of one data set, reported in one message.

    Parameters
    ----------
    name : str
        Name of the data in the message.
    """

    def __init__(self, name):
        self.name = name
        self.found = []

    def add(self, i, what):
        """Add a problem of sequence `i`; None if the data are a single sequence."""
        self.found.append((-1 if i is None else i, what))

    def raise_if_any(self):
        """Raise a ValueError that names the problems in the order of the sequences, if there are any."""
        if not self.found:
            return
        sequences = {}  # those with one problem
        for i, what in sorted(self.found, key=lambda problem: problem[0]):
            sequences.setdefault(what, []).append(self.name if i < 0 else f"{self.name}[{i}]")
        lines, advised = [], set()
        for what, names in list(sequences.items())[:_MOST_PROBLEMS]:
            fault, _, advice = what.partition("; ")
            lines.append(f"{names[0]} {fault}." if advice in advised else f"{names[0]} {what}")
            advised |= {advice} - {""}
            if len(names) > 1:
                others = names[1 : 1 + _MOST_NAMES]
                rest = len(names) - 1 - len(others)
                lines[-1] += f" The same holds for {', '.join(others)}{f' and {rest} more' if rest else ''}."
        more = len(sequences) - _MOST_PROBLEMS
        lines += [f"... and {more} more problems."] if more > 0 else []
        raise ValueError("\n".join(lines))


def as_sequences(X, *, padding_value=None, allow_nan=False, allow_empty=False, name="X", dtype="auto"):
    """Read any form of sequences.

    Parameters
    ----------
    X : sequences in any form
        - list, tuple or object array of float arrays (n_steps_i, n_features), or (n_steps_i,) if there is
          one feature;
        - float array (n_sequences, n_steps, n_features);
        - 2-D numeric array or DataFrame (n_sequences, n_steps): series of one feature;
        - list of str: tokens, one character a step;
        - list of lists of str, list of 1-D integer arrays: tokens, one word or code a step;
        - object array or DataFrame (n_sequences, 1): a column with a sequence in each cell, see `as_column`;
        - list of DataFrames, one per sequence, with the same columns in the same order: their names are kept;
        - `Sequences`: returned without a copy;
        - masked array: trailing masked steps are padding.
    padding_value : float or str, optional
        Trailing steps in which every feature has this value (it may be NaN) are padding and are dropped. A
        str is the padding of text: a word, or a character.
    allow_nan : bool, default=False
        Whether NaN may stand for missing values, as for a transformer that imputes them.
    allow_empty : bool, default=False
        Whether sequences may have no steps, as targets of `RNNSeq2Seq` may.
    name : str, default="X"
        Name of the data in error messages.
    dtype : numpy dtype, "auto" or None, default="auto"
        Type of numbers. "auto" is float32, which networks compute with, unless the values of a feature differ
        in its last digits only. None keeps the precision of X: float32 for types that it represents exactly
        (float32, float16, short integers), float64 for all others. Times since 1970, and other large numbers
        that differ little, differ in float64 only; centre them before they become float32.

    Returns
    -------
    Sequences
        Numbers as values of `dtype` and shape (n_steps_total, n_features); tokens as int64, str or object
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
    is_auto = isinstance(dtype, str) and dtype == "auto"
    with reading(name):
        sequences = _read(X, padding_value, allow_nan, name, None if is_auto else dtype)
    if is_auto and sequences.values.dtype == np.float64 and is_held_by_float32(sequences.values):
        with np.errstate(all="ignore"):  # what is too large becomes infinite, and is reported as that
            values = sequences.values.astype(np.float32)
        sequences = Sequences._trusted(values, sequences.offsets, sequences.feature_names)
    if len(sequences) == 0:
        raise ValueError(f"{name} holds no sequences: 0 sample(s) where a minimum of 1 is required.")
    problems = Problems(name)
    for i in np.flatnonzero(sequences.lengths == 0) if not allow_empty else ():
        problems.add(i, _EMPTY if padding_value is None else _ALL_PADDING)
    if not sequences.is_tokens:
        _find_non_finite(sequences, allow_nan, problems)
    problems.raise_if_any()
    return sequences


def _read(X, padding_value, allow_nan, name, dtype):
    if isinstance(X, Sequences):
        return _read_sequences(X, name, dtype)
    if hasattr(X, "nnz") and hasattr(X, "tocsr"):
        raise TypeError(f"{name} is a sparse matrix, but dense data is required; call {name}.toarray().")
    if isinstance(X, tuple) and len(X) == 2 and isinstance(X[0], Sequences):
        raise TypeError(
            f"{name} is a pair that begins with Sequences, as Sequences.from_long returns it; pass these "
            f"alone: {name}, ids = Sequences.from_long(...)."
        )
    if hasattr(X, "batch_sizes") and hasattr(X, "sorted_indices"):  # a tuple, but not of sequences
        raise TypeError(f"{name} is a PackedSequence; torch.nn.utils.rnn.unpack_sequence({name}) is a list.")
    if not _is_list(X) and not hasattr(X, "__array__"):
        raise TypeError(
            f"{name} must be a collection of sequences (list of arrays, list of str, array, ...), "
            f"but it is of type {type(X).__name__}."
            + (
                f" Pass list({name}.values())."
                if isinstance(X, dict)
                else f" One text is passed as [{name}]."
                if isinstance(X, str)
                else f" Pass list({name})."
                if hasattr(X, "__iter__") and not isinstance(X, bytes)
                else ""
            )
        )
    if isinstance(X, np.ma.MaskedArray):
        return _read_masked(X, name, dtype)
    given, is_frame = X, hasattr(X, "columns")
    X = _to_array(X, name)
    if is_frame and X.dtype.kind in "OU" and any(isinstance(value, str) for value in X.flat):
        raise TypeError(
            f"{name} is a DataFrame that holds text; a row of one is a series of numbers. Encode text as "
            "numbers, or pass one column as a list of str, or words as a list of lists of str."
        )
    if isinstance(X, np.ndarray) and _is_column(X):
        X = X[:, 0]
    elif is_panel(given) and (is_frame or X.dtype.kind not in "OUS"):
        levels = [f"level_{k}" if level is None else level for k, level in enumerate(given.index.names)]
        time = levels.pop(find_time_level(given.index))
        raise ValueError(
            f"{name} has an index of several levels, {[*levels, time]}, as a long table with a row a step "
            "has, but rows are read as sequences. If it is one, pass X, ids = Sequences.from_long("
            f"{name}.reset_index(), {levels[0]!r}, sort_by={time!r}); if each row is a sequence, "
            f"{name}.reset_index(drop=True)."
        )
    is_stacked = isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 2 and not is_frame
    if is_stacked and X.size and all(map(_is_whole, X.flat)):
        X = object_array(X)  # sequences of codes, which NumPy stacked as they have one length
    if isinstance(X, np.ndarray) and (X.ndim != 1 or X.dtype.kind not in "OUS"):
        return _read_array(X, padding_value, name, dtype)
    return _read_list(list(X), padding_value, allow_nan, name, dtype)


def _is_whole(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_column(X):
    """Return whether an array is a column with a sequence in each cell."""
    return X.shape[1:] == (1,) and X.dtype.kind == "O" and len(X) > 0 and _is_list(X[0, 0])


def is_panel(X):
    """Return whether X is a DataFrame or a Series whose index has several levels, such as an id and a time.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    bool
        False for all other objects.

    Examples
    --------
    >>> from sklearn_rnn.data.validation import is_panel
    >>> is_panel([[1.0, 2.0]])
    False
    """
    return getattr(getattr(X, "index", None), "nlevels", 1) > 1


def find_time_level(index):
    """Find the level of a MultiIndex that orders the steps: the last one of dates, or else the last one.

    Parameters
    ----------
    index : MultiIndex
        The index of a pandas object.

    Returns
    -------
    int
        The position of the level.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.validation import find_time_level
    >>> days = pd.date_range("2026-01-01", periods=2)
    >>> find_time_level(pd.MultiIndex.from_product([days, ["a", "b"]]))
    0
    """
    of_dates = [k for k, level in enumerate(index.levels) if level.inferred_type in _OF_DATES]
    return of_dates[-1] if of_dates else index.nlevels - 1


def is_held_by_float32(values):
    """Return whether the values of each feature spread over some thousand float32 units at their size.

    Parameters
    ----------
    values : ndarray of float of shape (n_steps, n_features)
        Numbers; NaN is ignored.

    Returns
    -------
    bool
        Also True for constant features.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import is_held_by_float32
    >>> is_held_by_float32(np.array([[0.0], [1.0]])), is_held_by_float32(np.array([[1e9], [1e9 + 1]]))
    (True, False)
    """
    return not len(values) or not _find_narrow(values)[0].any()


def _find_narrow(values):
    """Return which features spread over few float32 units at their size, and these units."""
    with np.errstate(all="ignore"):
        low, high = np.fmin.reduce(values).astype(np.float64), np.fmax.reduce(values).astype(np.float64)
        units = np.spacing(np.maximum(np.abs(low), np.abs(high)).astype(np.float32)).astype(np.float64)
        return (low < high) & (high - low < _LEAST_UNITS * units), units


_LEAST_UNITS = (
    4000  # from the smallest to the largest number, so about 1000 in a standard deviation (scale.py)
)
_LEAST_GAP = 8  # units between numbers that were rounded before, to decimals or to a step of their own
_LARGEST_EXACT = 2**24  # up to which float32 holds every whole number


def warn_of_float32(values, name="X"):
    """Warn if numbers are float32 and differ in its last digits only, which scaling cannot repair.

    Parameters
    ----------
    values : ndarray of shape (n_steps, n_features) or (n_steps,)
        Numbers, as they were passed.
    name : str, default="X"
        Name of the numbers in the message.

    Warns
    -----
    UserWarning
        With what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import warn_of_float32
    >>> warn_of_float32(np.float32([1.0, 2.0]))
    """
    if values.dtype != np.float32 or not len(values):
        return
    values = values.reshape(len(values), -1)
    are_equal = (values == values[0]).all(axis=0) & (np.abs(values[0]) > _LARGEST_EXACT)
    is_narrow, units = _find_narrow(values)
    gaps = (np.nanmin(np.diff(np.unique(values[:, j]))) / units[j] for j in np.flatnonzero(is_narrow))
    if are_equal.any() or any(gap < _LEAST_GAP for gap in gaps):
        warnings.warn(
            f"{name} is float32, which has seven digits, and some of its numbers differ only in the last of "
            "these, or not at all. Pass float64, or subtract the mean before the numbers become float32.",
            stacklevel=find_caller(),
        )


def as_column(X):
    """Put sequences into a column, for tools of scikit-learn that require a table.

    `BaggingClassifier` and `BaggingRegressor` take rows of such a table as they take rows of any other.

    Parameters
    ----------
    X : sequences in any form
        See `as_sequences`.

    Returns
    -------
    ndarray of object of shape (n_sequences, 1)
        A sequence in each cell, which every estimator of this package reads; views, not copies, of the
        values.

    Raises
    ------
    ValueError, TypeError
        As from `as_sequences`. NaN is allowed, since a later step of a pipeline may impute it.

    Examples
    --------
    >>> from sklearn.ensemble import BaggingClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.data import as_column
    >>> X = [[[0.0], [1.0]], [[2.0]], [[3.0], [4.0], [5.0]]]
    >>> as_column(X).shape
    (3, 1)
    >>> bag = BaggingClassifier(RNNClassifier(max_iter=1), n_estimators=2)
    >>> make_pipeline(FunctionTransformer(as_column), bag).fit(X, [0, 1, 0]).predict(X).shape
    (3,)
    """
    return object_array(as_sequences(X, allow_nan=True, dtype=None))[:, np.newaxis]


def _read_sequences(X, name, dtype):
    kind = X.values.dtype.kind
    if not X.is_tokens:
        if X.n_features == 0:
            raise ValueError(f"{name} has 0 feature(s) while a minimum of 1 is required.")
        return X.with_values(as_numbers(X.values, name, dtype), feature_names=X.feature_names)
    if kind in "fb":  # not tokens, but steps of one feature
        return X.with_values(as_numbers(X.values[:, np.newaxis], name, dtype))
    if kind in "iu":
        return X.with_values(_as_int64(X.values, name))
    if kind == "T":
        return X.with_values(X.values.astype(object))
    if kind not in "UO":
        raise TypeError(f"{name} holds values of dtype {X.values.dtype}, but a token is a str or an integer.")
    return _check_all_str(X, name)


def _to_array(X, name):
    """Convert a DataFrame, a Series or a tensor to an array; lists are not changed."""
    if getattr(X, "is_nested", False):
        raise TypeError(f"{name} is a nested tensor; list({name}.unbind()) is a list of sequences.")
    try:
        if _is_frame(X):
            _refuse_dates(X)
            return X.to_numpy()
        elif isinstance(X, memoryview) or (not isinstance(X, (list, tuple)) and hasattr(X, "__array__")):
            X = np.asarray(X)
    except ValueError as error:  # sequences of different lengths, as an array of awkward
        raise TypeError(f"{name} cannot be read as an array: {error} Pass list({name}).") from error
    except (TypeError, RuntimeError) as error:  # a tensor that requires its gradient, or lies on a GPU
        raise TypeError(f"{name} cannot be read as an array: {error}") from error
    is_string_dtype = isinstance(X, np.ndarray) and X.dtype.kind == "T"  # NumPy's StringDType
    return X.astype(object) if is_string_dtype else X


def as_codes(X):
    """Convert integers with one axis, in any container, to an array; other objects are not changed.

    Parameters
    ----------
    X : object
        For example a Series, an index, a tensor, or a range.

    Returns
    -------
    ndarray of int of shape (n_steps,), or object
        One stream of codes, or `X` itself.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.data.validation import as_codes
    >>> as_codes(torch.tensor([2, 0, 1]))
    array([2, 0, 1])
    """
    if isinstance(X, range):
        return np.array(X, dtype=np.int64)
    is_nested = getattr(X, "is_nested", False)  # such a tensor has no shape
    if is_nested or len(getattr(X, "shape", ())) != 1 or not hasattr(X, "__array__"):
        return X
    codes = _to_array(X, "X")
    if codes.dtype.kind == "O" and len(codes) and all(type(code) is int for code in codes):
        codes = np.array(codes.tolist())
    return codes if codes.dtype.kind in "iu" else X


def _read_array(X, padding_value, name, dtype):
    """Read an array of sequences of equal length, or padded to equal length."""
    is_text = X.dtype.kind == "U" or (X.dtype.kind == "O" and any(isinstance(x, str) for x in X.flat))
    if X.ndim == 2 and X.size and is_text:
        sequences = _check_all_str(_equal_lengths(X.reshape(-1), X), name)
        if isinstance(padding_value, str):
            return Sequences.from_padded(X, padding_value=padding_value)
        return sequences
    if X.ndim < 2 and X.dtype.kind in "mM":
        raise TypeError(
            f"{name} holds {X.dtype}, not numbers or tokens. Make text of dates, {name}.astype(str), or "
            "numbers of them."
        )
    if X.ndim not in (2, 3):
        advice = (
            f"{name}.reshape(1, -1) is one series, {name}.reshape(-1, 1) many series of one step."
            if X.ndim < 2
            else f"{name}.reshape(*{name}.shape[:2], -1) makes one axis of those after the steps."
        )
        raise ValueError(
            f"Expected 2D array or 3D array (sequences, steps, features), got {X.ndim}D array instead: "
            f"{name} has shape {X.shape}. Reshape your data: {advice}"
        )
    if 0 in X.shape:
        empty_axis = X.shape.index(0)
        what = ("sample(s)", "feature(s)" if X.ndim == 2 else "step(s)", "feature(s)")[empty_axis]
        raise ValueError(f"{name} has 0 {what} (shape={X.shape}) while a minimum of 1 is required.")
    X3 = X[:, :, np.newaxis] if X.ndim == 2 else X
    if X.dtype.kind == "O":
        _refuse_no_numbers(X, name)
    if padding_value is not None:
        _check_padding(padding_value, name)
        padded = as_numbers(X3, name, dtype)
        return Sequences.from_padded(padded, padding_value=padded.dtype.type(padding_value))
    return _equal_lengths(as_numbers(X3.reshape(-1, X3.shape[2]), name, dtype), X3)


def _refuse_no_numbers(X, name):
    """Raise an error if cells of an object array hold text, or several numbers."""
    for place, cell in zip(np.ndindex(X.shape), X.flat, strict=True):
        if isinstance(cell, str):
            raise TypeError(f"{name}{list(place)} is {cell!r}, but must be a number: encode text as numbers.")
        if _is_list(cell) and np.ndim(cell):
            raise ValueError(
                f"{name}{list(place)} is a {type(cell).__name__}, but in a table of several columns a "
                "cell must be one number. If rows are sequences and columns their features, pass "
                f"[np.column_stack(row) for row in np.asarray({name})]."
            )


def _check_padding(padding_value, name):
    if isinstance(padding_value, str):
        raise TypeError(
            f"padding_value={padding_value!r} is a str, but {name} holds numbers; it must be a number, as "
            "padding among these is."
        )


def _refuse_dates(frame):
    """Raise an error if columns hold dates or durations, which have no obvious conversion to numbers."""
    for c, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if getattr(dtype, "is_temporal", bool)() or getattr(dtype, "kind", None) in ("m", "M"):
            raise TypeError(
                f"column {c!r} holds {dtype}, not numbers. Make numbers of it (such as the hour, the day of "
                "the week or a duration in seconds), or leave it out."
            )


def _refuse_text(frame):
    """Raise an error if a DataFrame has columns of text in addition to others."""
    texts = [c for c in frame.columns if _holds_text(np.asarray(frame[c]))]
    if texts and len(frame.columns) > 1:
        named = ", ".join(map(repr, texts))
        raise TypeError(
            f"column(s) {named} hold text. Make numbers of them (of numbers as text by astype(float), of "
            f"categories by pandas.get_dummies(table, columns={texts!r})), or leave them out."
        )


def _holds_text(column):
    return column.dtype.kind in "UT" or (
        column.dtype.kind == "O" and any(isinstance(value, str) for value in column.flat)
    )


def _equal_lengths(values, X):
    return Sequences(values, np.arange(len(X) + 1) * X.shape[1])


def _read_masked(X, name, dtype):
    if X.ndim == 2:
        X = X[:, :, np.newaxis]
    if X.ndim != 3:
        raise ValueError(
            f"{name} is a masked array with {X.ndim} axes; it needs 2 or 3 (sequences, steps, features)."
        )
    lengths = masked_lengths(X, name)
    inside = np.arange(X.shape[1]) < lengths[:, np.newaxis]
    return Sequences.from_lengths(as_numbers(X.data[inside], name, dtype), lengths)


def masked_lengths(X, name):
    """Count the steps of each sequence in a masked array, in which only trailing steps may be masked.

    Parameters
    ----------
    X : masked array of shape (n_sequences, n_steps, ...)
        Sequences or targets.
    name : str
        Name of the array in error messages.

    Returns
    -------
    ndarray of int64 of shape (n_sequences,)
        Number of steps up to the last that is not masked.

    Raises
    ------
    ValueError
        If a step before that is masked, or a part of a step; one message names all sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import masked_lengths
    >>> masked_lengths(np.ma.masked_array([[1, 2], [3, 0]], mask=[[0, 0], [0, 1]]), "y")
    array([2, 1])
    """
    mask, within = np.ma.getmaskarray(X), tuple(range(2, X.ndim))
    lengths = trailing_lengths(~mask.all(axis=within))
    inside = np.arange(X.shape[1]) < lengths[:, np.newaxis]
    rows, steps = np.nonzero(mask.any(axis=within) & inside)
    problems = Problems(name)
    for k in np.unique(rows, return_index=True)[1]:
        problems.add(
            rows[k], f"is masked at step {steps[k]}, before its end; only trailing steps may be masked."
        )
    problems.raise_if_any()
    return lengths


def _read_list(X, padding_value, allow_nan, name, dtype):
    if not X:
        raise ValueError(f"{name} holds no sequences: 0 sample(s) where a minimum of 1 is required.")
    if padding_value is None:
        widths = {_plain_width(x) for x in X}
        if len(widths) == 1 and None not in widths:
            return _concatenate(X, _number_type(X, dtype))  # plain arrays of one width: nothing more to ask
    if all(isinstance(x, str) for x in X):
        joined = "".join(X)
        _warn_of_byte_order_mark(X, name)
        if "\0" in joined:
            i = next(i for i, x in enumerate(X) if "\0" in x)
            raise ValueError(
                f"{name}[{i}] has the character NUL at step {X[i].index(chr(0))}, which is not part of a "
                "text and which arrays of NumPy do not keep; take it out, or pass codes: "
                "[ord(c) for c in text]."
            )
        if isinstance(padding_value, str) and len(padding_value) == 1:
            X = [x.rstrip(padding_value) for x in X]
            joined = "".join(X)
        characters = joined.encode("utf-32-le", "surrogatepass")
        return Sequences.from_lengths(np.frombuffer(characters, dtype="<U1"), [len(x) for x in X])
    if any(isinstance(x, (str, bytes)) for x in X):
        i = next(i for i, x in enumerate(X) if not isinstance(x, str))
        hint = f"{name}[{i}].decode() is text" if isinstance(X[i], bytes) else "either all are str or none is"
        if np.ndim(X[i]) == 0 and is_missing(X[i]):
            raise TypeError(f"{name}[{i}] is a missing value ({X[i]}); leave it out.")
        raise TypeError(f"{name}[{i}] is of type {type(X[i]).__name__}; {hint}.")
    if isinstance(X[0], numbers.Number) or getattr(X[0], "ndim", None) == 0:
        raise ValueError(
            f"Expected 2D array or a list of sequences, got 1D array instead: {name}[0] is a single "
            f"{type(X[0]).__name__}. Reshape your data: [{name}] is one sequence."
        )
    if _is_pair(X[0]):
        raise TypeError(
            f"{name} holds pairs of a name and a DataFrame; pass the DataFrames alone, "
            f"[d for _, d in {name}], without columns that are not features (or see Sequences.from_long)."
        )
    arrays, problems = [], Problems(name)
    feature_names = _common_names(X, problems)
    for i, x in enumerate(X):
        try:
            arrays.append(_step_array(x))
        except (ValueError, TypeError, RuntimeError, OverflowError) as error:  # see `reading`
            problems.add(i, f"is not a sequence: {error}")
            arrays.append(None)
    if problems.found:
        _find_problems(arrays, padding_value, allow_nan, problems, dtype)
    problems.raise_if_any()
    _warn_of_order(X, name)
    kinds = {a.dtype.kind for a in arrays if len(a)}
    if kinds & set("UO"):
        _warn_of_byte_order_mark((a.flat[0] for a in arrays if a.size), name)
        if isinstance(padding_value, str):
            arrays = [
                _drop_padding(a[:, np.newaxis], padding_value)[:, 0] if a.ndim == 1 else a for a in arrays
            ]
        return _read_tokens(arrays, kinds, name)
    if padding_value is not None:
        _check_padding(padding_value, name)
    if kinds <= set("iu") and all(a.ndim == 1 for a in arrays):
        if padding_value is not None:
            arrays = [_drop_padding(a[:, np.newaxis], padding_value)[:, 0] for a in arrays]
        return _concatenate([_as_int64(a, f"{name}[{i}]") for i, a in enumerate(arrays)], np.int64)
    if "c" in kinds:
        i = next(i for i, a in enumerate(arrays) if a.dtype.kind == "c")
        raise ValueError(f"Complex data not supported: {name}[{i}] has dtype {arrays[i].dtype}.")
    arrays = [a[:, np.newaxis] if a.ndim == 1 else a for a in arrays]
    arrays = _check_widths(arrays, padding_value, allow_nan, problems, dtype)
    dtype = np.dtype(_number_type(arrays, dtype))
    if padding_value is not None:
        arrays = [_drop_padding(as_numbers(a, name, dtype), dtype.type(padding_value)) for a in arrays]
    return _concatenate(arrays, dtype, feature_names)


def _warn_of_byte_order_mark(texts, name):
    """Warn if texts, or first words, begin with the byte order mark that some editors write."""
    if any(isinstance(text, str) and text.startswith("\ufeff") for text in texts):
        warnings.warn(
            f"{name} holds a byte order mark, which is read as a character; read the file with "
            "encoding='utf-8-sig', which leaves it out.",
            stacklevel=find_caller(),
        )


def _is_frame(x):
    """Return whether an object, or a type, is a DataFrame of pandas or polars."""
    return hasattr(x, "to_numpy") and hasattr(x, "columns")


def _is_pair(x):
    """Return whether an object is a pair of a name and a DataFrame or Series, as `groupby` yields."""
    is_pair = isinstance(x, tuple) and len(x) == 2
    return is_pair and hasattr(x[1], "to_numpy") and not hasattr(x[0], "to_numpy")


def _common_names(X, problems):
    """Return the column names of all DataFrames in a list, and add problems where they differ.

    Return None if there are no DataFrames, or none of them has names that are all str.
    """
    if not any(map(_is_frame, set(map(type, X)))):
        return None
    columns = {i: list(x.columns) for i, x in enumerate(X) if _is_frame(x) and len(x)}
    if not any(all(isinstance(name, str) for name in names) for names in columns.values()):
        return None
    first, model = next(iter(columns.items()))
    for i, names in columns.items():
        if names == model:
            continue
        missing = [name for name in model if name not in names]
        unknown = [name for name in names if name not in model]
        if missing:
            what = f"lacks the columns {missing}, which {problems.name}[{first}] has"
        elif unknown:
            what = f"has the columns {unknown}, which {problems.name}[{first}] lacks"
        else:
            what = f"has the columns of {problems.name}[{first}] in another order"
        problems.add(i, f"{what}; every DataFrame needs the same columns in the same order.")
    return tuple(model)


def _warn_of_order(X, name):
    """Warn if DataFrames or Series are not in the order of the dates of their index."""
    unordered = [
        i
        for i, x in enumerate(X)
        if hasattr(x, "to_numpy")
        and getattr(getattr(x, "index", None), "inferred_type", None) in _OF_DATES
        and not x.index.is_monotonic_increasing
    ]
    if unordered:
        more = f" and {len(unordered) - 1} more" if len(unordered) > 1 else ""
        warnings.warn(
            f"{name}[{unordered[0]}]{more}: the index holds dates, but the rows have another order, and are "
            f"read as they come. Sort them: {name} = [x.sort_index() for x in {name}].",
            stacklevel=find_caller(),
        )


_OF_DATES = ("datetime64", "timedelta64", "period")


def _plain_width(x):
    """Return the width of a plain float array (n_steps, n_features); None for any other object."""
    is_plain = type(x) is np.ndarray and x.ndim == 2 and x.dtype.kind == "f" and x.size
    return x.shape[1] if is_plain else None


def _step_array(x):
    if type(x) is np.ndarray and x.dtype.kind in "fiu" and 1 <= x.ndim <= 2:
        return x
    if np.ma.is_masked(x):
        raise ValueError("some of its steps are masked; leave them out.")
    if not _is_list(x):
        raise TypeError(f"it is of type {type(x).__name__}.")
    if isinstance(x, (list, tuple)) and len(x) and isinstance(x[0], dict):
        raise TypeError(
            "its steps are dicts. Pass one of their values for each step, [step['word'] for step in x], or "
            "numbers: DictVectorizer(sparse=False) of scikit-learn makes them of the dicts of all steps."
        )
    try:
        if _is_frame(x):
            _refuse_dates(x)
            _refuse_text(x)
        a = np.asarray(x)
    except ValueError:  # steps of different widths
        a = object_array(x)
    if _check_steps_all_str(x, a):
        # NumPy's str of fixed width end before the characters of code 0 at their end.
        ends = isinstance(x, (list, tuple)) and a.ndim == 1 and "\0" in "".join(x)
        return np.array(x, dtype=object) if ends or a.dtype.kind == "T" else a
    if a.dtype.kind == "O":
        if any(np.ndim(v) for v in a.flat):
            what = (
                "its steps have different numbers of features." if a.ndim == 1 else "a cell is not a number."
            )
            raise ValueError(what)
        a = np.array([np.nan if is_missing(v) else v for v in a.flat]).reshape(a.shape)
        a = a.astype(np.float64) if a.dtype.kind == "O" else a
    if a.ndim not in (1, 2):
        raise ValueError(f"it has shape {a.shape}, but a sequence has the shape (n_steps, n_features).")
    if a.dtype.kind not in "biufcU":
        raise TypeError(f"its steps are of dtype {a.dtype}.")
    return a


def _check_steps_all_str(x, a):
    """Return whether the steps `x`, read as the array `a`, are str; raise an error if only some are."""
    if a.dtype.kind not in "UOT":
        return False
    steps = x if isinstance(x, (list, tuple)) else a.ravel().tolist()  # the array has converted all to str
    other = _find_not_str(steps)
    if other is None:
        return True
    if any(isinstance(v, str) for v in steps):
        raise ValueError(f"step {other} is {_name_kind(steps[other])}, but other steps are str.")
    return False


def _name_kind(step):
    return f"a missing value ({step!r})" if is_missing(step) else f"a value of type {type(step).__name__}"


def _find_not_str(steps):
    """Return the position of the first entry that is not a str, or None."""
    wrong = {t for t in set(map(type, steps)) if not issubclass(t, str)}  # a fast loop if there are none
    return next(t for t, v in enumerate(steps) if type(v) in wrong) if wrong else None


def _check_all_str(sequences, name):
    if sequences.values.dtype.kind != "O":
        return sequences
    steps = sequences.values.tolist()
    other = _find_not_str(steps)
    if other is None:
        return sequences
    row = np.searchsorted(sequences.offsets, other, side="right") - 1
    raise ValueError(
        f"{name}[{row}] has {_name_kind(steps[other])} at step {other - sequences.offsets[row]}, "
        "but other steps are str; all steps must be of one kind."
    )


def _read_tokens(arrays, kinds, name):
    problems = Problems(name)
    for i, a in enumerate(arrays):
        if len(a) and a.dtype.kind not in "UO":
            problems.add(i, "does not hold str, but others do; all steps must be of one kind.")
        elif len(a) and a.ndim != 1:
            problems.add(i, f"has {a.shape[1]} str a step, but a token is one str; join them.")
    problems.raise_if_any()
    return _concatenate(arrays, object)


def _concatenate(arrays, dtype, feature_names=None):
    offsets = np.zeros(len(arrays) + 1, np.int64)
    np.cumsum([len(a) for a in arrays], out=offsets[1:])
    # Steps are contiguous in memory, whatever the order of the arrays: batches are gathered from steps.
    values = np.empty((offsets[-1], *arrays[0].shape[1:]), dtype)
    with np.errstate(all="ignore"):  # what is too large becomes infinite, and is reported as that
        np.concatenate(arrays, out=values, casting="unsafe")
    return Sequences._trusted(values, offsets, feature_names)


def _check_widths(arrays, padding_value, allow_nan, problems, dtype):
    """Check that all arrays have the same width, and set it for empty arrays, which have none."""
    name = problems.name
    widths = np.fromiter((a.shape[1] for a in arrays), np.int64, len(arrays))
    is_empty = np.fromiter((len(a) == 0 for a in arrays), bool, len(arrays))
    first = int(np.argmin(is_empty))  # the first that is not empty, or 0
    width = widths[first]
    wrong = np.flatnonzero((widths != width) & ~is_empty)
    if width == 0 and not is_empty[first]:
        shape = arrays[first].shape
        raise ValueError(
            f"{name}[{first}] has 0 feature(s) (shape={shape}) while a minimum of 1 is required."
        )
    if len(wrong) == 0:
        return [a if len(a) else np.zeros((0, width)) for a in arrays] if is_empty.any() else arrays
    if all(len(a) == len(arrays[0]) for a in arrays):
        raise ValueError(
            f"Every sequence in {name} has {len(arrays[0])} steps, but they have different numbers of "
            f"features ({name}[{wrong[0]}] has {widths[wrong[0]]}, {name}[0] has {widths[0]}): the axes look "
            "exchanged. A sequence has the shape (n_steps, n_features); "
            f"use Sequences.from_aeon({name}) for the other order."
        )
    _find_problems(arrays, padding_value, allow_nan, problems, dtype)
    problems.raise_if_any()


def _find_problems(arrays, padding_value, allow_nan, problems, dtype):
    """Add problems of single arrays (None if it is not one) that cannot be concatenated."""
    numeric = {
        i: a[:, np.newaxis] if a.ndim == 1 else a
        for i, a in enumerate(arrays)
        if a is not None and a.dtype.kind in "biuf"
    }
    widths = Counter(a.shape[1] for a in numeric.values() if len(a))
    width = max(widths, key=widths.get, default=0)  # what most have
    model = next((i for i, a in numeric.items() if len(a) and a.shape[1] == width), None)
    for i, a in numeric.items():
        if len(a) and a.shape[1] != width:
            problems.add(
                i,
                f"has {a.shape[1]} features, but {problems.name}[{model}] has {width}; "
                "every sequence needs the same number of features.",
            )
            continue
        a = as_numbers(a, problems.name, dtype)
        if padding_value is not None and not isinstance(padding_value, str):
            a = _drop_padding(a, a.dtype.type(padding_value))
        if len(a):
            _find_non_finite(Sequences(a, [0, len(a)]), allow_nan, problems, first=i)
        else:
            problems.add(i, _EMPTY if padding_value is None else _ALL_PADDING)


def _drop_padding(a, padding_value):
    is_padding = a != a if padding_value != padding_value else a == padding_value
    return a[: trailing_lengths(~is_padding.all(axis=1)[np.newaxis])[0]]


def _number_type(arrays, dtype=None):
    """Return the type that the numbers of all arrays are read as; see `dtype` of `as_sequences`."""
    if dtype is not None:
        return dtype
    types = {a.dtype for a in arrays}
    return np.float32 if all(np.can_cast(given, np.float32) for given in types) else np.float64


def as_numbers(values, name, dtype=None):
    """Convert numbers of any type to floats.

    Parameters
    ----------
    values : ndarray
        Numbers.
    name : str
        Name of the numbers in error messages.
    dtype : numpy dtype or None, default=None
        See `as_sequences`.

    Returns
    -------
    ndarray of float32 or float64
        `values` itself if it has that type. Numbers that are too large become infinite.

    Raises
    ------
    ValueError, TypeError
        If the values are complex, or not numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import as_numbers
    >>> as_numbers(np.array([True, False]), "X")
    array([1., 0.], dtype=float32)
    """
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {values.dtype}.")
    if values.dtype.kind not in "fiubO":
        raise TypeError(f"{name} does not hold numbers, but {values.dtype}; encode it as numbers first.")
    with np.errstate(all="ignore"):  # what is too large becomes infinite, and is reported as that
        try:
            if values.dtype.kind == "O":  # a table may hold missing values of pandas
                flat = [np.nan if is_missing(value) else value for value in values.flat]
                values = np.array(flat, dtype=object).reshape(values.shape)
            return values.astype(_number_type([values], dtype), order="C", copy=False)
        except (ValueError, TypeError) as error:
            raise type(error)(f"{name} does not hold numbers: {error}") from error


def _as_int64(codes, name):
    if codes.dtype.kind == "u" and codes.size and codes.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds the code {codes.max()}, which is too large for int64.")
    return codes.astype(np.int64, copy=False)


def _find_non_finite(sequences, allow_nan, problems, first=0):
    """Add problems where sequences, numbered from `first`, hold NaN or infinity."""
    values = sequences.values
    if are_finite(values):
        return
    steps, features = np.nonzero(np.isinf(values) if allow_nan else ~np.isfinite(values))
    rows = np.searchsorted(sequences.offsets, steps, side="right") - 1
    for k in np.unique(rows, return_index=True)[1]:
        where = f"at step {steps[k] - sequences.offsets[rows[k]]}, feature {features[k]}"
        if np.isnan(values[steps[k], features[k]]):
            is_padding = "set padding_value if it" if problems.name == "X" else "cut it off where it"
            what = f"NaN {where}; impute missing values, or {is_padding} marks padding at the end."
        else:
            what = f"infinity or a value too large for {values.dtype} {where}; clip or rescale it."
        problems.add(first + rows[k], f"has {what}")


def are_finite(values):
    """Return whether all numbers are finite, without a boolean copy of the data if they are.

    Parameters
    ----------
    values : ndarray of float
        Numbers, of any shape.

    Returns
    -------
    bool
        False for NaN and infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import are_finite
    >>> are_finite(np.array([1.0, 1e38], dtype=np.float32)), are_finite(np.array([1.0, np.nan]))
    (True, False)
    """
    flat = values.reshape(-1)
    with np.errstate(all="ignore"):
        # The sum of squares is the fastest check of every number, but may overflow for large numbers.
        is_finite = np.isfinite(np.dot(flat, flat)) or np.isfinite(flat.sum(dtype=np.float64))
    return bool(is_finite)


def array_shape(X):
    """Return the shape of X if it is one array with all sequences, or a DataFrame.

    Parameters
    ----------
    X : sequences in any form
        See `as_sequences`.

    Returns
    -------
    tuple of int, or None
        The shape; None for lists, `Sequences`, masked arrays, and a column with a sequence in each cell.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import array_shape
    >>> array_shape(np.zeros((2, 3, 1))), array_shape([[1.0], [2.0]])
    ((2, 3, 1), None)
    """
    if isinstance(X, (list, tuple, Sequences, np.ma.MaskedArray)) or getattr(X, "is_nested", False):
        return None
    if not hasattr(X, "shape"):
        X = np.asarray(X) if hasattr(X, "__array__") else np.empty(0)
    if len(X.shape) < 2 or (X.shape[1:] == (1,) and _is_column(_to_array(X, "X"))):
        return None
    return tuple(X.shape)


def first_of(X):
    """Return the first element of a collection.

    Parameters
    ----------
    X : iterable
        Any collection, also a memoryview, which Python cannot always index.

    Returns
    -------
    object
        The first element, or None if the collection is empty.

    Examples
    --------
    >>> from sklearn_rnn.data.validation import first_of
    >>> first_of(["to", "be"])
    'to'
    """
    return next(iter(np.asarray(X) if isinstance(X, memoryview) else X), None)


def check_unit(X, sequences, vocabulary, owner, name="X"):
    """Raise an error for whole texts after a fit on words, and for words after a fit on characters.

    Parameters
    ----------
    X : text in any form
        The data that `sequences` were read from.
    sequences : Sequences
        Tokens that are str.
    vocabulary : array of str
        The tokens that were fitted.
    owner : object
        The fitted object, which the message names.
    name : str, default="X"
        Name of the text in the message.

    Raises
    ------
    TypeError
        If the tokens of X are of the other kind.
    """
    longest = max(map(len, vocabulary.tolist()))
    if longest > 1 and isinstance(first_of(X), str):
        raise TypeError(
            f"{name} holds str, which are read character by character, but {type(owner).__name__} was fitted "
            f"on words. Split each text into a list of words; if {name} is one sequence, pass [{name}]."
        )
    if longest == 1 and min(map(len, sequences.values.tolist())) > 1:
        raise TypeError(
            f"{name} holds words, but {type(owner).__name__} was fitted on single characters. "
            "Pass each text as one str."
        )


def check_width(sequences, expected, owner):
    """Check that sequences have as many features as those that an estimator was fitted on.

    Parameters
    ----------
    sequences : Sequences
        Numbers.
    expected : int
        The number of features in `fit`.
    owner : estimator
        The estimator, which the message names.

    Raises
    ------
    ValueError
        If the numbers differ.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.validation import check_width
    >>> check_width(as_sequences([[[1.0, 2.0]]]), 2, owner=None)
    """
    if sequences.n_features == expected:
        return
    hint = " If X is one sequence, pass [X]." if (sequences.lengths == expected).all() else ""
    raise ValueError(
        f"X has {sequences.n_features} features, but {type(owner).__name__} is expecting "
        f"{expected} features as input.{hint}"
    )


def check_columns(X, owner, *, reset):
    """Store the number and the names of a table's columns, or check them, as scikit-learn does.

    Parameters
    ----------
    X : array or DataFrame of shape (n_sequences, n_steps)
        Series of one feature.
    owner : estimator
        The estimator that stores them, as `n_features_in_` and `feature_names_in_`.
    reset : bool
        Whether to store them.

    Raises
    ------
    ValueError
        If they differ.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.data.validation import check_columns
    >>> owner = RNNClassifier()
    >>> check_columns(np.zeros((2, 3)), owner, reset=True)
    >>> owner.n_features_in_
    3
    """
    try:
        validate_data(owner, X, reset=reset, skip_check_array=True)
    except ValueError as error:
        if reset or X.shape[1] == owner.n_features_in_:
            raise
        raise ValueError(
            f"{error} Columns are steps here; sequences of other lengths than in fit are answered as a list: "
            "list(np.asarray(X))."
        ) from error


def check_names(sequences, owner, *, reset):
    """Store the names of features, or check that they are those that an estimator was fitted on.

    Scikit-learn does so for DataFrames, but warns if only one side has names. Here this is not a reason to
    warn: its splitters turn `Sequences` with names into lists of arrays without names.

    Parameters
    ----------
    sequences : Sequences
        Numbers or tokens, with or without names.
    owner : estimator
        The estimator that stores them, as `feature_names_in_`.
    reset : bool
        Whether to store them.

    Raises
    ------
    ValueError
        If both sides have names, and these differ or are in another order.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from sklearn_rnn import Sequences
    >>> from sklearn_rnn.data.validation import check_names
    >>> X, owner = Sequences([[1.0, 2.0]], [0, 1], feature_names=["heat", "speed"]), SimpleNamespace()
    >>> check_names(X, owner, reset=True)
    >>> owner.feature_names_in_
    array(['heat', 'speed'], dtype=object)
    """
    names, fitted = sequences.feature_names, getattr(owner, "feature_names_in_", None)
    if reset:
        if names is not None:
            owner.feature_names_in_ = np.array(names, dtype=object)
        elif fitted is not None:
            del owner.feature_names_in_
        return
    if names is None or fitted is None or names == tuple(fitted):
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
    for what, differing in (("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)):
        if differing:
            lines = [f"- {name}\n" for name in differing[:5]] + ["- ...\n"] * (len(differing) > 5)
            message += f"Feature names {what}:\n" + "".join(lines)
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)


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
    y = _to_array(y, "y")
    if isinstance(y, np.ndarray) and (y.dtype.kind != "O" or y.ndim != 1):
        return y.ndim == 3
    if not _is_list(y) or len(y) == 0:
        return False
    first = y[0]
    return hasattr(first, "__len__") and getattr(first, "ndim", 1) > 0 and not isinstance(first, (str, bytes))


def _is_list(x):
    """Return whether an object is a collection that can be indexed by position."""
    is_list = hasattr(x, "__len__") and hasattr(x, "__getitem__")
    return is_list and not isinstance(x, (str, bytes, bytearray, dict))


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
    rows = y if isinstance(y, (np.ma.MaskedArray, Sequences)) else _to_array(y, name)
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
            _check_steps_all_str(row, arrays[-1])
        except (ValueError, TypeError, RuntimeError) as error:  # RuntimeError: see `reading`
            problems.add(i, f"does not hold one target a step: {error}")
    problems.raise_if_any()
    if all(a.ndim == 0 for a in arrays):
        return np.repeat(np.asarray(arrays), lengths)
    arrays = [a[:n] if a.ndim and len(a) == m else a for a, n, m in zip(arrays, lengths, padded, strict=True)]
    for i, (a, length) in enumerate(zip(arrays, lengths, strict=True)):
        wanted = f"but X[{i}] has {_number(length, 'step')}."
        if a.ndim == 0:
            problems.add(i, f"is a single {type(rows[i]).__name__}, {wanted}")
        elif len(a) != length:
            problems.add(i, f"has {_number(len(a), 'target')}, {wanted}")
        elif a.shape[1:] != arrays[0].shape[1:]:
            problems.add(i, f"has the shape {a.shape}, but {name}[0] has {arrays[0].shape}.")
    problems.raise_if_any()
    if len({a.dtype.kind in "UOT" for a in arrays}) > 1:
        raise ValueError(f"Some sequences of {name} hold str and others numbers; all must be of one kind.")
    return np.concatenate(arrays)


def _number(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def find_caller():
    """Return the `stacklevel` of a warning that should point to the code that called this package.

    Returns
    -------
    int
        1 is the caller of this function.

    Examples
    --------
    >>> from sklearn_rnn.data.validation import find_caller
    >>> find_caller() >= 1
    True
    """
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        frame, level = frame.f_back, level + 1
    return level


def warn_of_padding_before(sequences, padding_value):
    """Warn if sequences seem to be padded at the start, where padding is read as data.

    This is the case if no sequence ends with padding, and more than half begin with different numbers
    of steps of it.

    Parameters
    ----------
    sequences : Sequences
        Numbers, from which padding at the end was cut off.
    padding_value : float
        Value of the padding.

    Warns
    -----
    UserWarning
        If sequences seem to be padded at the start.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.validation import warn_of_padding_before
    >>> warn_of_padding_before(as_sequences([[1.0, 2.0], [3.0]]), 0)
    """
    lengths = sequences.lengths
    if sequences.is_tokens or (lengths != lengths[0]).any():
        return
    steps = sequences.values.reshape(len(sequences), lengths[0], -1)
    padding_value = np.float32(padding_value)
    begins = (steps[:, 0] == padding_value).all(axis=1)
    if 2 * begins.sum() <= len(sequences):
        return
    is_step = (steps[begins] != padding_value).any(axis=2)
    if np.unique(is_step.argmax(axis=1)).size > 1:
        warnings.warn(
            f"padding_value={padding_value}, but {begins.sum()} of {len(sequences)} sequences in X begin "
            "with steps of it and none ends with it: padding seems to be at the start, where it is read as "
            f"data. Cut it off, {cut_starts(padding_value, sequences.n_features)}; if these steps are data, "
            "leave padding_value out.",
            stacklevel=find_caller(),
        )


def warn_of_padding(sequences, name="X", *, by_name_only=False, padding_value=None):
    """Warn if sequences seem to be padded, as padding is then learnt like any other step.

    This is the case if a token with the name of padding ("", "<pad>", "PAD", -100, ...) ends sequences and
    occurs nowhere else. For any other step, all sequences must have the same length, half of them must end
    (or begin) with this step, in runs of different lengths, and it must occur nowhere else. A step of numbers
    must also be a usual padding value, such as 0 or -999, in all features, or lie between the smallest and
    the largest number of each feature, as padding does that was scaled.

    Parameters
    ----------
    sequences : Sequences
        Numbers or tokens.
    name : str, default="X"
        Name of the sequences in the message.
    by_name_only : bool, default=False
        Whether to look only for tokens with the name of padding.
    padding_value : float or str, optional
        Padding value that was already cut off.

    Returns
    -------
    bool
        Whether they seem to be padded.

    Warns
    -----
    UserWarning
        If they seem to be padded.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.validation import warn_of_padding
    >>> warn_of_padding(as_sequences([["to", "be"], ["not"]]))
    False
    """
    lengths = sequences.lengths
    if not len(sequences.values) or not lengths.all():
        return False
    ends = sequences.values[sequences.offsets[1:] - 1]
    if sequences.is_tokens:
        named = [token for token in Counter(ends.tolist()) if _is_called_padding(token)]
        runs = _count_runs(sequences, named[0], at_start=False) if named else None
        if runs is not None:
            return _say_padded(sequences, name, named[0], runs, at_start=False)
    if by_name_only or (lengths != lengths[0]).any():
        return False
    for at_start, edges in ((False, ends), (True, sequences.values[sequences.offsets[:-1]])):
        padding = _most_common_padding(edges, sequences.values)
        if padding is None or np.all(padding == padding_value):
            continue
        runs = _count_runs(sequences, padding, at_start)
        # If there are few tokens, all sequences may well end with the same one.
        is_usual = not sequences.is_tokens or padding in _USUAL_PADDING
        if runs is None or np.unique(runs[(runs > 0) & (runs < lengths)]).size < 2:
            continue
        if is_usual or len(set(sequences.values.tolist())) > _FEW_TOKENS:
            return _say_padded(sequences, name, padding, runs, at_start)
    return False


_PADDING = re.compile(r"|PAD(DING)?|[<\[_]+pad(ding)?[>\]_]+|[<\[_]+PAD(DING)?[>\]_]+")
_USUAL_PADDING = (0, -1, -99, -100, -999, -9999)
_FEW_TOKENS = 8


def _is_called_padding(token):
    if isinstance(token, str):
        return bool(_PADDING.fullmatch(token))
    return token == -100  # torch's ignore_index


def _most_common_padding(edges, values):
    """Return the step that half of the first or last steps equal, if it may be padding, else None."""
    if edges.ndim == 1:
        token, n = Counter(edges.tolist()).most_common(1)[0]
        return token if 2 * n >= len(edges) else None
    for value in _USUAL_PADDING:
        if 2 * np.count_nonzero((edges == value).all(axis=1)) >= len(edges):
            return value
    step = np.sort(edges, axis=0)[len(edges) // 2]  # the value of more than half is in the middle
    if 2 * np.count_nonzero((edges == step).all(axis=1)) < len(edges):
        return None
    return step if ((values.min(axis=0) < step) & (step < values.max(axis=0))).all() else None


def _count_runs(sequences, padding, at_start):
    """Count the steps of padding at the ends or starts of sequences; None if it also occurs elsewhere."""
    is_padding = sequences.values == padding
    is_padding = is_padding if is_padding.ndim == 1 else is_padding.all(axis=1)
    starts, steps = sequences.offsets[:-1], np.arange(len(is_padding))
    if at_start:
        first_other = np.minimum.reduceat(np.where(is_padding, len(steps), steps), starts)
        runs = np.minimum(first_other, sequences.offsets[1:]) - starts
    else:
        last_other = np.maximum.reduceat(np.where(is_padding, -1, steps), starts)
        runs = sequences.offsets[1:] - 1 - np.maximum(last_other, starts - 1)
    return runs if runs.sum() == is_padding.sum() else None


def _say_padded(sequences, name, padding, runs, at_start):
    where = "begin" if at_start else "end"
    what, like = (
        (repr(padding), "any other") if sequences.is_tokens else (f"steps of {padding}", "all others")
    )
    if sequences.is_tokens:
        fix = f"Cut it off, {name} = [[t for t in x if t != {padding!r}] for x in {name}]"
        fix += "" if at_start or name != "X" else f", or set padding_value={padding!r} of the estimator"
    elif np.ndim(padding):
        fix = "It seems to have been scaled: cut it off before, Sequences.from_padded(X, padding_value=...)"
    elif at_start:
        fix = f"Cut it off, {cut_starts(padding, sequences.n_features, name)}"
    else:
        fix = f"Cut it off, {name} = Sequences.from_padded({name}, padding_value={padding})"
        if name == "X":
            fix += f", or set padding_value={padding} of the estimator, which also cuts padded y of steps"
    if not sequences.is_tokens and sequences.n_features == 1 and not np.ndim(padding):
        codes = f"{name} = [np.array([t for t in x if t != {padding}], dtype=int) for x in {name}]"
        fix += f"; if these are codes of tokens, {codes}"
    warnings.warn(
        f"{name} seems to be padded: {np.count_nonzero(runs)} of {len(sequences)} sequences {where} with "
        f"{what}, which would be learnt like {like}. {fix}. If it is not padding, ignore this warning.",
        stacklevel=find_caller(),
    )
    return True


def cut_starts(padding_value, n_features, name="X"):
    """Return code that cuts padding off the starts of sequences.

    Parameters
    ----------
    padding_value : float
        Value of the padding.
    n_features : int
        Number of features of a step.
    name : str, default="X"
        Name of the sequences in the code.

    Returns
    -------
    str
        Code for numbers in an array, or in a list of arrays.

    Examples
    --------
    >>> from sklearn_rnn.data.validation import cut_starts
    >>> print(cut_starts(0, 2))
    X = [x[(np.array(x) != 0).any(axis=1).argmax():] for x in X]
    """
    is_step = f"(np.array(x) != {padding_value})" + (".any(axis=1)" if n_features > 1 else "")
    return f"{name} = [x[{is_step}.argmax():] for x in {name}]"


def warn_of_numbers_as_text(X, sequences):
    """Warn if texts are numbers, or printed lists of numbers, which are read character by character.

    Parameters
    ----------
    X : text in any form
        The data that `sequences` were read from.
    sequences : Sequences
        Tokens, or numbers, which are not checked.

    Warns
    -----
    UserWarning
        If all texts (or all words) are numbers, some with a decimal point, or lists of numbers.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.validation import warn_of_numbers_as_text
    >>> X = ["Rome", "Pisa"]
    >>> warn_of_numbers_as_text(X, as_sequences(X))
    """
    if sequences.values.dtype.kind not in "UO":
        return
    X = np.asarray(X) if isinstance(X, memoryview) else X
    are_texts = not isinstance(X, Sequences) and isinstance(first_of(X), str)
    texts = [str(x) for x in X] if are_texts else sequences.values.tolist()
    if not all(map(_is_printed, texts)) or not any(map(_HAS_SIGN.search, texts)):
        return
    number, between, are_plain = "float(v)", _BETWEEN_NUMBERS, all(map(_is_number, texts))
    if all(map(_THOUSANDS.fullmatch, texts)):
        number, are_plain = 'float(v.replace(",", ""))', True
    elif all(map(_DECIMAL_COMMAS.fullmatch, texts)):
        number, between = 'float(v.replace(",", "."))', r"[\s;]"
        are_plain = not any(re.search(r"[\s;]", text) for text in texts)
    words = (word for text in texts for word in re.sub(_BETWEEN_NUMBERS, " ", text).split())
    if any(word.lower() in _MISSING for word in words):
        number = f"(float('nan') if v.lower() in {_MISSING} else {number})"
    if not are_texts:
        what = "words that are numbers, which are read as tokens"
        fix = f"[[{number} for v in x] for x in X]"
    elif are_plain:
        what = "numbers as text, which are read by the character"
        fix = f"[{number} for v in X] (which are the steps of one sequence, [X], or many of one step)"
    elif any(re.match(r"\s*(?:(?:array|tensor)\()?\s*[\[(]\s*[\[(]", text) for text in texts):
        what, fix = "lists of lists as text, which are read by the character", _fix_nested(texts)
    else:
        what = "lists of numbers as text, which are read by the character"
        fix = f'[[{number} for v in re.sub(r"{between}", " ", x).split()] for x in X]'
    warnings.warn(
        f"X holds {what}, such as {texts[0][:50]!r}. If they are measurements, make numbers of them: "
        f"X = {fix}.",
        stacklevel=find_caller(),
    )


def _fix_nested(texts):
    """Return code that reads lists of lists in a form that JSON, Python or NumPy prints."""
    for module, read in ((json, "loads"), (ast, "literal_eval")):
        try:
            list(map(getattr(module, read), texts))
        except (ValueError, SyntaxError):
            continue
        return f"[{module.__name__}.{read}(x) for x in X]"
    rows = rf're.findall(r"[\[(]([^\[\]()]+)[\])]", {_WITHOUT_TYPES})'
    numbers_of_row = f'[float(v) for v in re.sub(r"{_BETWEEN_NUMBERS}", " ", row).split()]'
    return f"[[{numbers_of_row} for row in {rows}] for x in X]"


_WITHOUT_TYPES = r're.sub(r"np\.float\d+\(([^()]*)\)|dtype=\S+", r"\1", x)'
_BETWEEN_NUMBERS = r"np\.float\d+|array|tensor|dtype=[\w.]+|Decimal|[^\w.+-]"
_DECIMAL_COMMAS = re.compile(r"([+-]?\d+,\d+([\s;]+|$))+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
# Characters that show that digits are numbers.
_HAS_SIGN = re.compile(r"[.\[,|;]|\d\s+\d+\s+\d|^\s*[+-]\d|\d[eE][+-]?\d")
_MISSING = ("na", "nan", "null", "none")


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return text.lower() in _MISSING
    return True


def _is_printed(text):
    """Return whether a text is a number, or a printed list or array of numbers."""
    found = re.sub(_BETWEEN_NUMBERS, " ", text).split()
    return bool(found) and all(map(_is_number, found)) and "\u2212" not in text  # a minus float rejects


def warn_of_feature_names(X):
    """Warn if a table is read as series of one feature, but its columns have names that are not times.

    Names with a number in them may be times (t0, 2026-01-01), or numbered features (x0), which look alike.

    Parameters
    ----------
    X : DataFrame or array
        A table with two axes.

    Warns
    -----
    UserWarning
        If more than half of the columns of a DataFrame have names that are not times.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import warn_of_feature_names
    >>> warn_of_feature_names(np.zeros((2, 3)))
    """
    names = [str(name) for name in getattr(X, "columns", ())]
    no_time = [name for name in names if not _MAY_BE_TIME.search(name)]
    letters = "".join(names)
    are_in_order = len(names) > 1 and letters in string.ascii_letters and letters.lower() != "xyz"  # a, b, c
    if 2 * len(no_time) <= len(names) or are_in_order:
        return
    warnings.warn(
        f"X is a DataFrame whose columns {no_time[:5]} have names that are not times, but each row is read "
        f"as a sequence of {_number(len(names), 'step')} of one feature. If rows are steps with such "
        "features, pass X, ids = Sequences.from_long(table, id_column, sort_by=time_column) and a y for "
        "each id; if a row is a sequence of one step, X.to_numpy()[:, np.newaxis]; if columns are steps, "
        "X.to_numpy().",
        stacklevel=find_caller(),
    )


# A number, the name of a month or of a day, or a word for a time.
_MAY_BE_TIME = re.compile(
    r"\d|^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)(uary|ruary|ch|il|e|y|ust|t|tember|ober|ember|day|sday|s|nesday|rsday|r|rs|urday)?\.?$"
    r"|(^|\b|_)(morning|noon|afternoon|evening|night|midnight|dawn|dusk|pre|post|before|during|after|start|begin|mid|middle"
    r"|end|early|late|first|second|third|fourth|fifth|last|next|baseline|initial|final|previous|current|yesterday|today"
    r"|tomorrow|spring|summer|autumn|fall|winter)(\b|_|$)",
    re.IGNORECASE,
)


def check_same_number(y, X, name):
    """Check that there are as many targets (or weights) as sequences.

    Parameters
    ----------
    y : sized
        Targets or weights.
    X : sized
        Sequences, or anything with one entry for each.
    name : str
        Name of `y` in error messages.

    Raises
    ------
    ValueError
        If the numbers differ, or `y` is an array without axes.

    Examples
    --------
    >>> from sklearn_rnn.data.validation import check_same_number
    >>> check_same_number([0, 1], ["ab", "c"], "y")
    """
    if has_no_axis(y):
        raise ValueError(f"{name} must hold one entry for each sequence of X, got a single {y.dtype}.")
    if len(y) != len(X):
        raise ValueError(
            f"X and {name} have inconsistent numbers of samples: "
            f"X has {_number(len(X), 'sequence')}, {name} has {len(y)}."
        )


def has_no_axis(x):
    """Return whether an object is an array without axes, which has no length.

    Parameters
    ----------
    x : object
        Any object.

    Returns
    -------
    bool
        False if it is not an array.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.validation import has_no_axis
    >>> has_no_axis(np.array(3.0)), has_no_axis(np.zeros(1)), has_no_axis([])
    (True, False, False)
    """
    return not getattr(x, "is_nested", False) and getattr(x, "shape", None) == ()


def check_not_masked(y, name):
    """Raise an error if some targets or weights are masked.

    Parameters
    ----------
    y : array or list
        Targets or weights.
    name : str
        Name of the values in error messages.

    Raises
    ------
    ValueError
        If a value is masked.

    Examples
    --------
    >>> from sklearn_rnn.data.validation import check_not_masked
    >>> check_not_masked([0, 1], "y")
    """
    if isinstance(y, np.ma.MaskedArray) and y.ndim and np.ma.getmaskarray(y).any():
        i = np.argwhere(np.ma.getmaskarray(y))[0, 0]
        raise ValueError(f"{name}[{i}] is masked; leave out the sequences without a value in {name}.")


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
    >>> from sklearn_rnn.data.validation import check_sample_weight
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
    >>> from sklearn_rnn.data.validation import bound_weights
    >>> bound_weights(np.array([0.5, 2.0])), bound_weights(np.array([2.0**1020, 0]))
    (array([0.5, 2. ]), array([0.5, 0. ]))
    """
    largest = weights.max()
    return weights if 1e-100 < largest < 1e100 else np.ldexp(weights, -np.frexp(largest)[1])


def object_array(arrays):
    """Put arrays into a one-dimensional object array, also if all have the same length.

    Parameters
    ----------
    arrays : iterable of ndarray
        The arrays.

    Returns
    -------
    ndarray of object of shape (n,)
        The arrays. Unlike a list, it can be indexed by arrays and masks.

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
