"""Arrays of numbers, tokens and objects: conversions, and what they hold."""

import numpy as np

from sklearn_rnn.data.frames import is_frame, refuse_dates
from sklearn_rnn.data.problems import Problems


def is_list(x):
    """Return whether an object is a collection that can be indexed by position.

    Parameters
    ----------
    x : object
        Any object.

    Returns
    -------
    bool
        False for text and dicts.

    Examples
    --------
    >>> from sklearn_rnn.data.arrays import is_list
    >>> is_list([1, 2]), is_list("text"), is_list({1: 2})
    (True, False, False)
    """
    is_list = hasattr(x, "__len__") and hasattr(x, "__getitem__")
    return is_list and not isinstance(x, (str, bytes, bytearray, dict))


def first_of(X):
    """Return the first element of a collection.

    Parameters
    ----------
    X : iterable, or an object that NumPy converts to an array
        Any collection, also a memoryview, which Python cannot always index.

    Returns
    -------
    object
        The first element, or None if the collection is empty.

    Examples
    --------
    >>> from sklearn_rnn.data.arrays import first_of
    >>> first_of(["to", "be"])
    'to'
    """
    is_iterable = hasattr(X, "__iter__") or hasattr(X, "__getitem__")
    return next(iter(X if is_iterable and not isinstance(X, memoryview) else np.asarray(X)), None)


def is_missing(value):
    """Return whether a value is missing: None, or not equal to itself (NaN, pandas' NA and NaT).

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    bool
        True for missing values.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.arrays import is_missing
    >>> [is_missing(value) for value in (None, float("nan"), "", 0, np.zeros(2))]
    [True, True, False, False, False]
    """
    try:
        equals_itself = value == value
    except RuntimeError:  # nested tensors
        return False
    except ArithmeticError:  # the signaling NaN of decimal
        return True
    if value is None or equals_itself is True:
        return value is None
    if getattr(equals_itself, "shape", ()):  # an array
        return False
    try:
        return not equals_itself
    except TypeError:  # pandas' NA
        return True


def is_column(X):
    """Return whether an array is a column with a sequence in each cell.

    Parameters
    ----------
    X : ndarray
        Any array.

    Returns
    -------
    bool
        See `as_column`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data import as_column
    >>> from sklearn_rnn.data.arrays import is_column
    >>> is_column(as_column([[1.0, 2.0], [3.0]])), is_column(np.zeros((2, 1)))
    (True, False)
    """
    return X.shape[1:] == (1,) and X.dtype.kind == "O" and len(X) > 0 and is_list(X[0, 0])


def to_array(X, name):
    """Convert a DataFrame, a Series or a tensor to an array; lists are not changed.

    Parameters
    ----------
    X : object
        Any object.
    name : str
        Name of the data in error messages.

    Returns
    -------
    ndarray, or object
        The array, or `X` itself.

    Raises
    ------
    TypeError
        If X cannot be converted, or is a table with dates.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.data.arrays import to_array
    >>> to_array(torch.tensor([1, 2]), "X"), to_array([1, 2], "X")
    (array([1, 2]), [1, 2])
    """
    if getattr(X, "is_nested", False):
        raise TypeError(f"{name} is a nested tensor; list({name}.unbind()) is a list of sequences.")
    try:
        if is_frame(X):
            refuse_dates(X)
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
    >>> from sklearn_rnn.data.arrays import as_codes
    >>> as_codes(torch.tensor([2, 0, 1]))
    array([2, 0, 1])
    """
    if isinstance(X, range):
        return np.array(X, dtype=np.int64)
    is_nested = getattr(X, "is_nested", False)  # such a tensor has no shape
    if is_nested or len(getattr(X, "shape", ())) != 1 or not hasattr(X, "__array__"):
        return X
    codes = to_array(X, "X")
    if codes.dtype.kind == "O" and len(codes) and all(type(code) is int for code in codes):
        codes = np.array(codes.tolist())
    return codes if codes.dtype.kind in "iu" else X


def find_places(values, among, order=None):
    """Return where some values are in others.

    Parameters
    ----------
    values : ndarray of shape (n,)
        What to find.
    among : ndarray of shape (m,)
        Distinct values of the same kind, at least one; sorted unless `order` is passed.
    order : ndarray of int of shape (m,), optional
        What sorts them, as from `numpy.argsort`.

    Returns
    -------
    ndarray of int64 of shape (n,)
        The position of each; -1 if it is not there.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.arrays import find_places
    >>> find_places(np.array(["b", "c", "a"]), np.array(["a", "b"]))
    array([ 1, -1,  0])
    """
    places = np.searchsorted(among, values, sorter=order)
    places[places == len(among)] = 0
    places = places if order is None else order[places]
    return np.where(among[places] == values, places, -1)


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
    >>> from sklearn_rnn.data.arrays import object_array
    >>> object_array([np.zeros(2), np.ones(2)]).shape
    (2,)
    """
    arrays = list(arrays)
    result = np.empty(len(arrays), dtype=object)
    for i, a in enumerate(arrays):
        result[i] = a
    return result


def check_steps_all_str(x, a):
    """Return whether all steps are str; raise an error if only some are.

    Parameters
    ----------
    x : object
        The steps as they were passed.
    a : ndarray
        The array that they were read as.

    Returns
    -------
    bool
        False if none is.

    Raises
    ------
    ValueError
        If only some are.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.arrays import check_steps_all_str
    >>> check_steps_all_str(["to", "be"], np.array(["to", "be"]))
    True
    """
    if a.dtype.kind not in "UOT":
        return False
    steps = x if isinstance(x, (list, tuple)) else a.ravel().tolist()  # the array has converted all to str
    other = find_not_str(steps)
    if other is None:
        return True
    if any(isinstance(v, str) for v in steps):
        raise ValueError(f"step {other} is {name_kind(steps[other])}, but other steps are str.")
    return False


def find_not_str(steps):
    """Return the position of the first entry that is not a str.

    Parameters
    ----------
    steps : list
        Any objects.

    Returns
    -------
    int or None
        None if all are str.

    Examples
    --------
    >>> from sklearn_rnn.data.arrays import find_not_str
    >>> find_not_str(["a", 1]), find_not_str(["a", "b"])
    (1, None)
    """
    wrong = {t for t in set(map(type, steps)) if not issubclass(t, str)}  # a fast loop if there are none
    return next(t for t, v in enumerate(steps) if type(v) in wrong) if wrong else None


def name_kind(step):
    """Return the words for a value that is not a str in a message.

    Parameters
    ----------
    step : object
        Any value.

    Returns
    -------
    str
        Its type, or that it is missing.

    Examples
    --------
    >>> from sklearn_rnn.data.arrays import name_kind
    >>> name_kind(1), name_kind(None)
    ('a value of type int', 'a missing value (None)')
    """
    return f"a missing value ({step!r})" if is_missing(step) else f"a value of type {type(step).__name__}"


def trailing_lengths(is_step):
    """Count the steps up to the last true one in each row of a boolean array (n_sequences, n_steps)."""
    n_steps = is_step.shape[1]
    if n_steps == 0:
        return np.zeros(len(is_step), dtype=np.int64)
    return np.where(is_step.any(axis=1), n_steps - np.argmax(is_step[:, ::-1], axis=1), 0)


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
    >>> from sklearn_rnn.data.arrays import masked_lengths
    >>> masked_lengths(np.ma.masked_array([[1, 2], [3, 0]], mask=[[0, 0], [0, 1]]), "y")
    array([2, 1])
    """
    mask, within = np.ma.getmaskarray(X), tuple(range(2, X.ndim))
    lengths = trailing_lengths(~mask.all(axis=within))
    inside = np.arange(X.shape[1]) < lengths[:, np.newaxis]
    is_wrong = mask.any(axis=within) & inside
    problems = Problems(name)
    for i in np.flatnonzero(is_wrong.any(axis=1)):
        step = is_wrong[i].argmax()
        problems.add(i, f"is masked at step {step}, before its end; only trailing steps may be masked.")
    problems.raise_if_any()
    return lengths


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
    >>> from sklearn_rnn.data.arrays import as_numbers
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
            return values.astype(number_type([values], dtype), order="C", copy=False)
        except (ValueError, TypeError) as error:
            raise type(error)(f"{name} does not hold numbers: {error}") from error


def number_type(arrays, dtype=None):
    """Return the type that the numbers of all arrays are read as.

    Parameters
    ----------
    arrays : list of ndarray
        Numbers.
    dtype : numpy dtype or None, default=None
        See `as_sequences`.

    Returns
    -------
    dtype
        `dtype` itself unless it is None.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.arrays import number_type
    >>> number_type([np.zeros(2), np.zeros(2, dtype=int)])
    <class 'numpy.float64'>
    """
    if dtype is not None:
        return dtype
    types = {a.dtype for a in arrays}
    return np.float32 if all(np.can_cast(given, np.float32) for given in types) else np.float64


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
    >>> from sklearn_rnn.data.arrays import are_finite
    >>> are_finite(np.array([1.0, 1e38], dtype=np.float32)), are_finite(np.array([1.0, np.nan]))
    (True, False)
    """
    flat = values.reshape(-1)
    with np.errstate(all="ignore"):
        # The sum of squares is the fastest check of every number, but may overflow for large numbers.
        is_finite = np.isfinite(np.dot(flat, flat)) or np.isfinite(flat.sum(dtype=np.float64))
    return bool(is_finite)


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
    >>> from sklearn_rnn.data.arrays import is_held_by_float32
    >>> is_held_by_float32(np.array([[0.0], [1.0]])), is_held_by_float32(np.array([[1e9], [1e9 + 1]]))
    (True, False)
    """
    return not len(values) or not find_narrow(values)[0].any()


def find_narrow(values):
    """Return which features spread over few float32 units at their size, and these units.

    Parameters
    ----------
    values : ndarray of float of shape (n_steps, n_features)
        Numbers; NaN is ignored.

    Returns
    -------
    is_narrow : ndarray of bool of shape (n_features,)
        Also False for constant features.
    units : ndarray of float64 of shape (n_features,)
        The distance of neighbouring float32 numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.arrays import find_narrow
    >>> find_narrow(np.array([[0.0, 1e9], [1.0, 1e9 + 1]]))[0]
    array([False,  True])
    """
    with np.errstate(all="ignore"):
        low, high = np.fmin.reduce(values).astype(np.float64), np.fmax.reduce(values).astype(np.float64)
        units = np.spacing(np.maximum(np.abs(low), np.abs(high)).astype(np.float32)).astype(np.float64)
        return (low < high) & (high - low < _LEAST_UNITS * units), units


_LEAST_UNITS = (
    4000  # from the smallest to the largest number, so about 1000 in a standard deviation (scale.py)
)
