"""Reading of sequences: every form is converted to `Sequences` here."""

import numbers
import warnings
from collections import Counter

import numpy as np

from sklearn_rnn.data.arrays import (
    are_finite,
    as_numbers,
    check_steps_all_str,
    find_not_str,
    is_column,
    is_held_by_float32,
    is_list,
    is_missing,
    masked_lengths,
    name_kind,
    number_type,
    object_array,
    to_array,
    trailing_lengths,
)
from sklearn_rnn.data.form import read_form
from sklearn_rnn.data.frames import (
    common_names,
    find_time_level,
    is_frame,
    is_panel,
    refuse_dates,
    refuse_text,
    warn_of_order,
)
from sklearn_rnn.data.problems import Problems, find_caller, reading
from sklearn_rnn.data.sequences import Sequences, find_first_steps, locate_steps

_EMPTY = "is empty; every sequence needs at least 1 step."
_ROWS = 256  # sequences that are read at once in float64
_ALL_PADDING = "is empty (or all of its steps are padding); every sequence needs at least 1 step."


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
    return _convert(X, padding_value, allow_nan, allow_empty, Problems(name), dtype)


def read_sequences(
    X, *, padding_value=None, allow_nan=False, allow_empty=False, name="X", dtype="auto", is_one=False
):
    """Read any form of sequences, and note what their form was.

    Parameters
    ----------
    X, padding_value, allow_nan, allow_empty, name, dtype
        See `as_sequences`.
    is_one : bool, default=False
        Whether X is a list of the only series that was passed, which messages name without a place.

    Returns
    -------
    sequences : Sequences
        See `as_sequences`.
    form : Form
        What later steps ask of X.

    Examples
    --------
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> sequences, form = read_sequences(["to", "be"])
    >>> form.kind, form.are_texts
    ('text tokens', True)
    """
    problems = Problems(name, is_one=is_one)
    sequences = _convert(X, padding_value, allow_nan, allow_empty, problems, dtype)
    return sequences, read_form(X, sequences, padding_value=padding_value, is_one=is_one)


def _convert(X, padding_value, allow_nan, allow_empty, problems, dtype):
    is_auto = isinstance(dtype, str) and dtype == "auto"
    with reading(problems.name):
        sequences = _read(X, padding_value, allow_nan, problems, None if is_auto else dtype)
    if is_auto and sequences.values.dtype == np.float64 and is_held_by_float32(sequences.values):
        with np.errstate(all="ignore"):  # what is too large becomes infinite, and is reported as that
            values = sequences.values.astype(np.float32)
        sequences = Sequences._trusted(values, sequences.offsets, sequences.feature_names)
    if len(sequences) == 0:
        raise ValueError(f"{problems.name} holds no sequences: 0 sample(s) where a minimum of 1 is required.")
    for i in np.flatnonzero(sequences.lengths == 0) if not allow_empty else ():
        problems.add(i, _EMPTY if padding_value is None else _ALL_PADDING)
    if not sequences.is_tokens:
        _find_non_finite(sequences, allow_nan, problems)
    problems.raise_if_any()
    return sequences


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


def read_features(X, features, padding_value=None):
    """Read some features in float64, a part of the sequences at a time.

    Parameters
    ----------
    X : sequences in any form
        See `as_sequences`.
    features : ndarray of int of shape (n,)
        The features.
    padding_value : float, optional
        See `as_sequences`.

    Returns
    -------
    ndarray of float64 of shape (n_steps_total, n)
        Their numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.reading import read_features
    >>> read_features([[[1.0, 2.0]], [[3.0, 4.0]]], np.array([1]))
    array([[2.],
           [4.]])
    """
    rows, parts = getattr(X, "iloc", X), []
    if isinstance(X, memoryview):
        rows = np.asarray(X)
    elif not isinstance(X, (list, Sequences)) and rows is X and not hasattr(X, "shape"):
        rows = [X[i] for i in range(len(X))]  # not all containers can be sliced
    for start in range(0, len(X), _ROWS):
        part = as_sequences(rows[start : start + _ROWS], padding_value=padding_value, dtype=None).values
        parts.append(as_numbers(part.reshape(len(part), -1), "X")[:, features])
    return np.concatenate(parts)


def _read(X, padding_value, allow_nan, problems, dtype):
    name = problems.name
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
    if not is_list(X) and not hasattr(X, "__array__"):
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
    X = to_array(X, name)
    if is_frame and X.dtype.kind in "OU" and any(isinstance(value, str) for value in X.flat):
        raise TypeError(
            f"{name} is a DataFrame that holds text; a row of one is a series of numbers. Encode text as "
            "numbers, or pass one column as a list of str, or words as a list of lists of str."
        )
    if isinstance(X, np.ndarray) and is_column(X):
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
    return _read_list(list(X), padding_value, allow_nan, problems, dtype)


def _is_whole(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


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
        if is_list(cell) and np.ndim(cell):
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


def _read_list(X, padding_value, allow_nan, problems, dtype):
    name = problems.name
    if not X:
        raise ValueError(f"{name} holds no sequences: 0 sample(s) where a minimum of 1 is required.")
    if padding_value is None:
        widths = {_plain_width(x) for x in X}
        if len(widths) == 1 and None not in widths:
            return _concatenate(X, number_type(X, dtype))  # plain arrays of one width: nothing more to ask
    if all(isinstance(x, str) for x in X):
        joined = "".join(X)
        _warn_of_byte_order_mark(X, name)
        if "\0" in joined:
            i = next(i for i, x in enumerate(X) if "\0" in x)
            raise ValueError(
                f"{problems.place(i)} has the character NUL at step {X[i].index(chr(0))}, which is not part "
                "of a text and which arrays of NumPy do not keep; take it out, or pass codes: "
                "[ord(c) for c in text]."
            )
        if isinstance(padding_value, str) and len(padding_value) == 1:
            X = [x.rstrip(padding_value) for x in X]
            joined = "".join(X)
        characters = joined.encode("utf-32-le", "surrogatepass")
        return Sequences.from_lengths(np.frombuffer(characters, dtype="<U1"), [len(x) for x in X])
    if any(isinstance(x, (str, bytes)) for x in X):
        i = next(i for i, x in enumerate(X) if not isinstance(x, str))
        place = problems.place(i)
        hint = f"{place}.decode() is text" if isinstance(X[i], bytes) else "either all are str or none is"
        if np.ndim(X[i]) == 0 and is_missing(X[i]):
            raise TypeError(f"{place} is a missing value ({X[i]}); leave it out.")
        raise TypeError(f"{place} is of type {type(X[i]).__name__}; {hint}.")
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
    arrays = []
    feature_names = common_names(X, problems)
    for i, x in enumerate(X):
        try:
            arrays.append(_step_array(x))
        except (ValueError, TypeError, RuntimeError, OverflowError) as error:  # see `reading`
            problems.add(i, f"is not a sequence: {error}")
            arrays.append(None)
    if problems.found:
        _find_problems(arrays, padding_value, allow_nan, problems, dtype)
    problems.raise_if_any()
    warn_of_order(X, name)
    kinds = {a.dtype.kind for a in arrays if len(a)}
    if kinds & set("UO"):
        _warn_of_byte_order_mark((a.flat[0] for a in arrays if a.size), name)
        if isinstance(padding_value, str):
            arrays = [
                _drop_padding(a[:, np.newaxis], padding_value)[:, 0] if a.ndim == 1 else a for a in arrays
            ]
        return _read_tokens(arrays, problems)
    if padding_value is not None:
        _check_padding(padding_value, name)
    if kinds <= set("iu") and all(a.ndim == 1 for a in arrays):
        if padding_value is not None:
            arrays = [_drop_padding(a[:, np.newaxis], padding_value)[:, 0] for a in arrays]
        return _concatenate([_as_int64(a, problems.place(i)) for i, a in enumerate(arrays)], np.int64)
    if "c" in kinds:
        i = next(i for i, a in enumerate(arrays) if a.dtype.kind == "c")
        raise ValueError(f"Complex data not supported: {problems.place(i)} has dtype {arrays[i].dtype}.")
    arrays = [a[:, np.newaxis] if a.ndim == 1 else a for a in arrays]
    arrays = _check_widths(arrays, padding_value, allow_nan, problems, dtype)
    dtype = np.dtype(number_type(arrays, dtype))
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


def _is_pair(x):
    """Return whether an object is a pair of a name and a DataFrame or Series, as `groupby` yields."""
    is_pair = isinstance(x, tuple) and len(x) == 2
    return is_pair and hasattr(x[1], "to_numpy") and not hasattr(x[0], "to_numpy")


def _plain_width(x):
    """Return the width of a plain float array (n_steps, n_features); None for any other object."""
    is_plain = type(x) is np.ndarray and x.ndim == 2 and x.dtype.kind == "f" and x.size
    return x.shape[1] if is_plain else None


def _step_array(x):
    if type(x) is np.ndarray and x.dtype.kind in "fiu" and 1 <= x.ndim <= 2:
        return x
    if np.ma.is_masked(x):
        raise ValueError("some of its steps are masked; leave them out.")
    if not is_list(x):
        raise TypeError(f"it is of type {type(x).__name__}.")
    if isinstance(x, (list, tuple)) and len(x) and isinstance(x[0], dict):
        raise TypeError(
            "its steps are dicts. Pass one of their values for each step, [step['word'] for step in x], or "
            "numbers: DictVectorizer(sparse=False) of scikit-learn makes them of the dicts of all steps."
        )
    try:
        if is_frame(x):
            refuse_dates(x)
            refuse_text(x)
        a = np.asarray(x)
    except ValueError:  # steps of different widths
        a = object_array(x)
    if check_steps_all_str(x, a):
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


def _check_all_str(sequences, name):
    if sequences.values.dtype.kind != "O":
        return sequences
    steps = sequences.values.tolist()
    other = find_not_str(steps)
    if other is None:
        return sequences
    row, step = locate_steps(other, sequences.offsets)
    raise ValueError(
        f"{name}[{row}] has {name_kind(steps[other])} at step {step}, "
        "but other steps are str; all steps must be of one kind."
    )


def _read_tokens(arrays, problems):
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
            f"{problems.place(first)} has 0 feature(s) (shape={shape}) while a minimum of 1 is required."
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


def _as_int64(codes, name):
    if codes.dtype.kind == "u" and codes.size and codes.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds the code {codes.max()}, which is too large for int64.")
    return codes.astype(np.int64, copy=False)


def _find_non_finite(sequences, allow_nan, problems, first=0):
    """Add problems where sequences, numbered from `first`, hold NaN or infinity."""
    values = sequences.values
    if are_finite(values):
        return
    is_bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    for i, step, at in find_first_steps(is_bad.any(axis=1), sequences.offsets):
        feature = is_bad[at].argmax()
        where = f"at step {step}, feature {feature}"
        if np.isnan(values[at, feature]):
            is_padding = "set padding_value if it" if problems.name == "X" else "cut it off where it"
            what = f"NaN {where}; impute missing values, or {is_padding} marks padding at the end."
        else:
            what = f"infinity or a value too large for {values.dtype} {where}; clip or rescale it."
        problems.add(first + i, f"has {what}")
