"""The container that every form of sequences is converted to: flat values and offsets."""

import numbers
import re
import warnings
from contextlib import contextmanager
from datetime import datetime

import numpy as np


class Sequences:
    """Sequences of different lengths, stored as one flat array and offsets into it.

    Parameters
    ----------
    values : array of shape (n_steps_total, n_features) or (n_steps_total,)
        The steps of all sequences, one sequence after the other: numbers (two axes), or tokens (one axis).
    offsets : array of int of shape (n_sequences + 1,)
        Sequence `i` is `values[offsets[i]:offsets[i + 1]]`.
    feature_names : sequence of str of length n_features, optional
        Names of the features. Estimators and transformers learn the names in `fit` and compare them later.
        Tokens have none.

    Attributes
    ----------
    values : ndarray of shape (n_steps_total, n_features) or (n_steps_total,)
        The steps.
    offsets : ndarray of int64 of shape (n_sequences + 1,)
        Where each sequence starts; the last entry is the total number of steps.
    feature_names : tuple of str, or None
        The names of the features; None if they are not known.

    Notes
    -----
    Indexing with an integer returns one sequence as an array; indexing with a slice, a boolean mask or an
    array of integers returns `Sequences` with the same names. An integer, or a slice with step 1, returns a
    view. A list of single sequences, which is what scikit-learn's splitters make, has no names. There is
    deliberately no ``shape``: scikit-learn then indexes the container like a list.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import Sequences
    >>> X = Sequences(np.arange(10.0).reshape(5, 2), offsets=[0, 3, 5])
    >>> X
    Sequences(2 sequences of 2 to 3 steps, 2 features)
    >>> X[1]
    array([[6., 7.],
           [8., 9.]])
    >>> X[:1].lengths
    array([3])
    """

    __slots__ = ("feature_names", "offsets", "values")

    def __init__(self, values, offsets, *, feature_names=None):
        with reading("values"):
            values = np.asarray(values)
        offsets = _as_whole("offsets", offsets)
        if values.ndim not in (1, 2):
            raise ValueError(
                f"values needs 1 axis (tokens) or 2 axes (steps, features), but has {values.ndim}."
            )
        if offsets.ndim != 1 or len(offsets) == 0 or offsets[0] != 0 or (np.diff(offsets) < 0).any():
            raise ValueError("offsets must be one-dimensional, start at 0 and never decrease.")
        if offsets[-1] != len(values):
            raise ValueError(f"offsets end at {offsets[-1]}, but there are {len(values)} steps in values.")
        self.values = values
        self.offsets = offsets
        self.feature_names = None if feature_names is None else _check_names(feature_names, values)

    @classmethod
    def _trusted(cls, values, offsets, feature_names=None):
        """Make sequences of valid arrays without checking them again."""
        sequences = cls.__new__(cls)
        sequences.values, sequences.offsets, sequences.feature_names = values, offsets, feature_names
        return sequences

    @classmethod
    def from_lengths(cls, values, lengths):
        """Make sequences from flat values and the number of steps of each sequence.

        Parameters
        ----------
        values : array of shape (n_steps_total, n_features) or (n_steps_total,)
            The steps of all sequences, one sequence after the other.
        lengths : array of int of shape (n_sequences,)
            Number of steps of each sequence.

        Returns
        -------
        Sequences
            The same values, without a copy.

        Examples
        --------
        >>> from sklearn_rnn import Sequences
        >>> Sequences.from_lengths([[1.0], [2.0], [3.0]], lengths=[1, 2])
        Sequences(2 sequences of 1 to 2 steps, 1 feature)
        """
        lengths = _as_whole("lengths", lengths)
        if lengths.ndim != 1 or (lengths < 0).any():
            raise ValueError("lengths must be one-dimensional and not negative.")
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def from_padded(cls, X, lengths=None, *, padding_value=None):
        """Cut the padding off an array of padded sequences.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps, n_features) or (n_sequences, n_steps)
            Sequences padded at the end to equal length. Two axes mean one feature, or tokens if they hold
            str.
        lengths : array of int of shape (n_sequences,), optional
            Number of steps of each sequence that are not padding.
        padding_value : float or str, optional
            Alternative to `lengths`: trailing steps in which every feature has this value (it may be NaN) are
            padding.

        Returns
        -------
        Sequences
            A copy of the steps that are not padding.

        Examples
        --------
        >>> from sklearn_rnn import Sequences
        >>> Sequences.from_padded([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]], lengths=[2, 1])
        Sequences(2 sequences of 1 to 2 steps, 1 feature)
        """
        with reading("X"):
            X = np.asarray(X)
        is_tokens = X.ndim == 2 and X.dtype.kind in "UO" and all(isinstance(x, str) for x in X.flat)
        if X.ndim == 2:
            X = X[:, :, np.newaxis]
        if X.ndim != 3:
            raise ValueError(f"X needs 2 or 3 axes (sequences, steps, features), but has {X.ndim}.")
        if (lengths is None) == (padding_value is None):
            raise ValueError("Pass either lengths or padding_value, and not both.")
        if lengths is None:
            if getattr(padding_value, "ndim", 0) or isinstance(padding_value, (list, tuple)):
                raise TypeError(f"padding_value must be one number or str, got {padding_value!r}.")
            with reading("padding_value"):
                if hasattr(padding_value, "item"):  # of an array, or a tensor, without axes
                    padding_value = padding_value.item()
                if isinstance(padding_value, numbers.Real):
                    float(padding_value)  # a number that is too large is an error in all versions of NumPy
                is_nan = padding_value != padding_value
                lengths = trailing_lengths(~(X != X if is_nan else X == padding_value).all(axis=2))
        lengths = _as_whole("lengths", lengths)
        if lengths.shape != X.shape[:1] or (lengths < 0).any() or (lengths > X.shape[1]).any():
            raise ValueError(
                f"lengths must hold one number from 0 to {X.shape[1]} for each of the {len(X)} sequences."
            )
        values = X[np.arange(X.shape[1]) < lengths[:, np.newaxis]]
        return cls.from_lengths(values[:, 0] if is_tokens else values, lengths)

    @classmethod
    def from_long(cls, table, id_column, *, value_columns=None, sort_by=None):
        """Cut a long table, with one row per step, into sequences.

        Parameters
        ----------
        table : pandas or polars DataFrame
            A table with one row per step.
        id_column : str
            The column that holds the sequence that each step belongs to. Sequences are in the order in which
            their ids appear first. If several columns together identify a sequence, combine them:
            ``table["id"] = table["machine"].astype(str) + "/" + table["run"].astype(str)``.
        value_columns : str or list of str, optional
            The names of the features; or one name, for tokens (or one feature, if its values are float).
            By default every column but `id_column` and `sort_by`.
        sort_by : str, optional
            The column that orders the steps of a sequence, such as a time. By default they keep the
            table's order. Categories (a Categorical of pandas, an Enum of polars) are in their own order,
            not in that of their names.

        Returns
        -------
        sequences : Sequences
            One sequence per id. Features have the names of their columns, if these are str.
        ids : ndarray of shape (n_sequences,)
            The id of each sequence.

        Raises
        ------
        TypeError
            If `table` is not a DataFrame, if one of several columns does not hold numbers, or if ids (or
            values of `sort_by`) cannot be compared.
        ValueError
            If a column is missing or occurs twice, or a row has no id.

        Warns
        -----
        UserWarning
            If values of `sort_by` repeat within an id: steps of several sequences are then probably mixed. If
            they are numbers as text, which are ordered as text: "10" before "9".

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn_rnn import Sequences
        >>> table = pd.DataFrame({"engine": [1, 2, 1], "speed": [0.1, 0.2, 0.3]})
        >>> X, ids = Sequences.from_long(table, "engine")
        >>> ids
        array([1, 2])
        >>> X.lengths
        array([2, 1])
        >>> X.feature_names
        ('speed',)
        """
        if not hasattr(table, "columns"):
            raise TypeError(f"table must be a DataFrame, but it is of type {type(table).__name__}.")
        columns = list(table.columns)
        for name, column in (("id_column", id_column), ("sort_by", sort_by)):
            if isinstance(column, list):
                raise TypeError(f"{name} is the name of one column, but it is {column!r}.{_ONE_OF[name]}")
        if value_columns is None:
            value_columns = [c for c in columns if c not in (id_column, sort_by)]
        is_tokens = isinstance(value_columns, str)
        if len(value_columns) == 0:
            raise ValueError(f"No column is left for values; the table's columns are {columns}.")
        sorted_by = [] if sort_by is None else [sort_by]
        wanted = [id_column, *([value_columns] if is_tokens else value_columns), *sorted_by]
        _check_columns(table, columns, wanted)
        if len(no_id := _missing_rows(table, id_column)):
            raise ValueError(
                f"Row {no_id[0]} of the table has no id in column {id_column!r}; drop such rows."
            )
        ids = _column(table, id_column)
        if sort_by is not None and len(gaps := _missing_rows(table, sort_by)):
            raise ValueError(
                f"Row {gaps[0]} of the table has no value in column {sort_by!r}; drop such rows."
            )
        ids, first, code = _compare(
            id_column, ids, lambda ids: np.unique(ids, return_index=True, return_inverse=True)
        )
        appearance = np.argsort(first)
        rank = np.empty_like(appearance)
        rank[appearance] = np.arange(len(ids))
        if sort_by is None:
            order = np.argsort(rank[code], kind="stable")
            _warn_of_dates(table, columns, order, rank[code][order])
        else:
            keys, is_ordered = _order_of(table, sort_by)
            order = _compare(sort_by, keys, lambda keys: np.lexsort((keys, rank[code])))
            times = _column(table, sort_by)[order]
            _warn_of_repeats(sort_by, times, rank[code][order], ids[appearance])
            if not is_ordered:
                _warn_of_order_of_text(sort_by, times, rank[code][order])
        if is_tokens:
            values = _column(table, value_columns)
            if values.dtype.kind == "c":
                raise ValueError(f"Complex data not supported: column {value_columns!r} has {values.dtype}.")
            values = values[:, np.newaxis] if values.dtype.kind == "f" else values
        else:
            values = np.column_stack([_numbers(table, c) for c in value_columns])
        names = [value_columns] if is_tokens else value_columns
        is_named = values.ndim == 2 and all(isinstance(name, str) for name in names)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rank[code]))])
        return cls(values[order], offsets, feature_names=names if is_named else None), ids[appearance]

    @classmethod
    def from_aeon(cls, X):
        """Make sequences from the form of aeon and sktime: features first, then steps.

        Parameters
        ----------
        X : array of shape (n_sequences, n_features, n_steps) or list of arrays (n_features, n_steps_i)
            A collection of series in aeon's or sktime's order of axes.

        Returns
        -------
        Sequences
            A copy, in this library's order: steps, then features.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_rnn import Sequences
        >>> Sequences.from_aeon([np.zeros((2, 5)), np.zeros((2, 3))])
        Sequences(2 sequences of 3 to 5 steps, 2 features)
        """
        with reading("X"):
            X = [np.asarray(x) for x in X]
        if not X:
            raise ValueError("X holds no series.")
        for i, x in enumerate(X):
            if x.ndim != 2:
                raise ValueError(
                    f"X[{i}] has shape {x.shape}; every series needs the shape (n_features, n_steps)."
                )
            if x.shape[0] != X[0].shape[0]:
                raise ValueError(
                    f"X[{i}] has {x.shape[0]} features, but X[0] has {X[0].shape[0]}; "
                    "every series needs the shape (n_features, n_steps)."
                )
        return cls.from_lengths(np.concatenate([x.T for x in X]), [x.shape[1] for x in X])

    def to_padded(self, padding_value=0.0, *, n_steps=None):
        """Pad every sequence at its end to one length.

        Parameters
        ----------
        padding_value : float or token, default=0.0
            Value of the steps after the end of a sequence.
        n_steps : int, optional
            The length of the result; by default that of the longest sequence.

        Returns
        -------
        ndarray of shape (n_sequences, n_steps, n_features) or (n_sequences, n_steps)
            A new array; three axes for numbers, two for tokens.

        Examples
        --------
        >>> from sklearn_rnn import Sequences
        >>> X = Sequences.from_lengths([[1.0], [2.0], [3.0]], lengths=[1, 2])
        >>> X.to_padded(padding_value=-1.0)[:, :, 0]
        array([[ 1., -1.],
               [ 2.,  3.]])
        """
        lengths = self.lengths
        longest = int(lengths.max(initial=0))
        n_steps = longest if n_steps is None else n_steps
        if n_steps < longest:
            raise ValueError(f"n_steps={n_steps} is less than the longest sequence's {longest} steps.")
        with reading("padding_value"):
            dtype = self._padded_dtype(padding_value)
            X = np.full((len(self), n_steps, *self.values.shape[1:]), padding_value, dtype=dtype)
        X[np.arange(n_steps) < lengths[:, np.newaxis]] = self.values
        return X

    def _padded_dtype(self, padding_value):
        """Return the dtype that holds the values and `padding_value` exactly."""
        dtype = self.values.dtype
        if dtype.kind in "UO" and self.is_tokens:
            if not isinstance(padding_value, str):
                raise ValueError(f"padding_value={padding_value!r} must be a str, as the tokens are.")
            return np.result_type(dtype, np.asarray(padding_value).dtype) if dtype.kind == "U" else dtype
        if dtype.kind in "iu" and not float(padding_value).is_integer():
            raise ValueError(
                f"padding_value={padding_value!r} is not an integer, but the values are {dtype}."
            )
        return dtype

    @property
    def lengths(self):
        """Number of steps of each sequence, int64 of shape (n_sequences,)."""
        return np.diff(self.offsets)

    @property
    def n_features(self):
        """Number of features of a step; None for tokens."""
        return self.values.shape[1] if self.values.ndim == 2 else None

    @property
    def is_tokens(self):
        """Whether steps are discrete tokens, not vectors of numbers."""
        return self.values.ndim == 1

    def with_values(self, values, *, feature_names=None):
        """Replace the values, one per step.

        Parameters
        ----------
        values : array of shape (n_steps_total, ...)
            The new value of each step.
        feature_names : sequence of str, optional
            Names of the new features. By default they have no names.

        Returns
        -------
        Sequences
            Sequences of the same lengths.

        Examples
        --------
        >>> from sklearn_rnn import Sequences
        >>> Sequences.from_lengths(["a", "b"], lengths=[1, 1]).with_values([[0.5], [1.5]])
        Sequences(2 sequences of 1 step, 1 feature)
        """
        return Sequences(values, self.offsets, feature_names=feature_names)

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, key):
        if isinstance(key, (int, np.integer)):
            i = int(key)
            if not -len(self) <= i < len(self):
                raise IndexError(f"There is no sequence {i}: there are {len(self)}.")
            i %= len(self)
            return self.values[self.offsets[i] : self.offsets[i + 1]]
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                offsets = self.offsets[start : max(start, stop) + 1]
                values = self.values[offsets[0] : offsets[-1]]
                return Sequences(values, offsets - offsets[0], feature_names=self.feature_names)
            key = np.arange(start, stop, step)
        with reading("the index"):
            rows = np.asarray(key)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError(f"The mask has shape {rows.shape}, but there are {len(self)} sequences.")
            rows = np.flatnonzero(rows)
        elif rows.size == 0:
            rows = rows.astype(np.int64)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise IndexError(
                "Sequences are indexed by an integer, a slice, a boolean mask or an array of integers."
            )
        if rows.size and not (-len(self) <= rows.min() and rows.max() < len(self)):
            raise IndexError(
                f"There are {len(self)} sequences; the index goes from {rows.min()} to {rows.max()}."
            )
        lengths = self.lengths[rows]
        values = self.values[step_positions(self.offsets[:-1][rows], lengths)]
        return Sequences(values, np.concatenate([[0], np.cumsum(lengths)]), feature_names=self.feature_names)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        lengths = self.lengths
        low, high = (int(lengths.min()), int(lengths.max())) if len(self) else (0, 0)
        steps = f"{low} to {high} steps" if low != high else _count(low, "step")
        content = "tokens" if self.is_tokens else _count(self.n_features, "feature")
        return f"Sequences({_count(len(self), 'sequence')} of {steps}, {content})"


_ONE_OF = {
    "id_column": (
        ' Make one of several: table["id"] = table["machine"].astype(str) + "/" + table["run"].astype(str); '
        "and name value_columns, so that the columns it is made of are not features."
    ),
    "sort_by": " Sort the table by several before, and leave sort_by out.",
}


_MOST_COLUMNS = 20  # that are named


def _check_names(names, values):
    """Return the names of the features as a tuple."""
    with reading("feature_names"):
        names = names if isinstance(names, str) else tuple(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"feature_names must hold one str a feature, but it is {names!r}.")
    if values.ndim == 1:
        raise ValueError("feature_names is for numbers, but values hold tokens, which have no features.")
    if len(names) != values.shape[1]:
        raise ValueError(
            f"feature_names holds {_count(len(names), 'name')}, but there are "
            f"{_count(values.shape[1], 'feature')}."
        )
    return names


def _check_columns(table, columns, wanted):
    """Check that each of the columns occurs in the table exactly once."""
    for c in wanted:
        if c in columns and columns.count(c) == 1:
            continue
        if c in columns:
            raise ValueError(
                f"The table has {columns.count(c)} columns {c!r}; rename them, or keep the "
                "first of each: table.loc[:, ~table.columns.duplicated()]."
            )
        if c in getattr(getattr(table, "index", None), "names", ()):
            raise ValueError(
                f"{c!r} is a level of the table's index, not a column; pass table.reset_index()."
            )
        more = f" and {len(columns) - _MOST_COLUMNS} more" if len(columns) > _MOST_COLUMNS else ""
        raise ValueError(f"The table has no column {c!r}; its columns are {columns[:_MOST_COLUMNS]}{more}.")


def _column(table, name):
    """Return a column as an array."""
    with reading(f"Column {name!r}"):
        return np.asarray(table[name])


def _order_of(table, name):
    """Return values that sort like those of a column, and whether the column defines their order."""
    column = table[name]
    categories = getattr(column, "cat", None)
    if hasattr(categories, "codes"):  # of pandas; an array would hold their names
        return np.asarray(categories.codes), categories.ordered
    if type(column.dtype).__name__ == "Enum":  # of polars
        return np.asarray(column.to_physical()), True
    return _column(table, name), False


def _compare(column, values, sort):
    """Sort values; raise a TypeError that says why if they cannot be compared."""
    try:
        return sort(values)
    except TypeError as error:
        types = sorted({type(value).__name__ for value in values.tolist()})
        raise TypeError(
            f"Column {column!r} holds values that cannot be compared, of the type{'s' * (len(types) > 1)} "
            f"{' and '.join(types)}; make them of one type: table[{column!r}].astype(str)."
        ) from error


def _warn_of_order_of_text(sort_by, times, sequence):
    """Warn if the steps were sorted by text whose order differs from that of what it represents."""
    if times.dtype.kind not in "OU" or not all(isinstance(time, str) for time in times):
        return
    texts, codes = np.unique(times, return_inverse=True)
    if all(map(_ISO.fullmatch, texts)):  # ISO 8601, whose order is right
        return
    for what, read, fix in _MEANINGS:
        meant = [read(text) for text in texts.tolist()]
        if None in meant:
            continue
        place = np.empty(len(texts), dtype=np.int64)
        place[sorted(range(len(texts)), key=meant.__getitem__)] = np.arange(len(texts))
        place = place[codes]
        wrong = np.flatnonzero((place[1:] < place[:-1]) & (sequence[1:] == sequence[:-1]))
        if len(wrong):
            before, after = times[wrong[0]], times[wrong[0] + 1]
            warnings.warn(
                f"Column {sort_by!r}, which orders the steps, holds {what}, which are ordered as text: "
                f'"{before}" before "{after}". Make {fix.format(f"table[{sort_by!r}]")}.',
                stacklevel=3,
            )
        return


def looks_like_dates(texts):
    """Return whether all texts are dates in a form that does not sort as text like in time.

    Parameters
    ----------
    texts : list of object
        Objects of any type.

    Returns
    -------
    bool
        False for ISO 8601.

    Examples
    --------
    >>> from sklearn_rnn.data.sequences import looks_like_dates
    >>> looks_like_dates(["31.12.2025", "01.01.2026"]), looks_like_dates(["2025-12-31"])
    (True, False)
    """
    return all(isinstance(text, str) for text in texts) and any(
        None not in map(read, texts) for read in (_read_date, _read_named_date)
    )


def _read_number(text):
    try:
        return float(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
    except ValueError:
        return None


def _read_zoned(text):
    """Return the moment of a time in ISO 8601 with a UTC offset, or None."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if time.tzinfo is None else time


def _read_name(text):
    """Return the position of a weekday or month, from at least the first three letters of its name."""
    name = text.strip(" .").lower()
    places = [k for k, full in enumerate(_NAMES_OF_TIME) if len(name) > 2 and full.startswith(name)]
    return places[0] if places else None


def _read_quarter(text):
    """Return the year and the quarter of a text such as Q4 2023."""
    found = re.fullmatch(r"\s*(?:(\d{4})\W*)?q([1-4])(?:\W*(\d{4}|\d\d))?\s*", text.lower())
    return None if found is None else (int(found[1] or found[3] or 0), int(found[2]))


def _read_date(text):
    """Return year, month and day of a numeric date; the month is first only if it cannot be second."""
    found = re.fullmatch(r"\s*(\d\d?)\s*([./-])\s*(\d\d?)\s*\2\s*(\d{4}|\d\d)\b(.*)", text)
    if found is None:
        return None
    day, _, month, year, rest = found.groups()
    return int(year), *((int(month), int(day)) if int(month) <= 12 else (int(day), int(month))), rest


def _read_named_date(text):
    """Return year, month and day of a date whose month is a name."""
    words = re.findall(r"[^\W\d_]+|\d+", text)
    months = [place for place in map(_read_name, words) if place is not None and place >= _FIRST_MONTH]
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(months) != 1 or not numbers:
        return None
    years = [n for n in numbers if n > 31][:1] or numbers[1:2] or [0]
    rest = [n for k, n in enumerate(numbers) if k != numbers.index(years[0])] if len(numbers) > 1 else numbers
    return years[0], months[0], *rest


def _read_clock(text):
    """Return what precedes a 12-hour time, and its hours, minutes and seconds."""
    found = re.fullmatch(r"(.*?)(\d\d?)(?::(\d\d))?(?::(\d\d))?\s*([ap])\.?m\.?\s*", text.lower())
    if found is None:
        return None
    day, hours, minutes, seconds, half = found.groups()
    return _read_counter(day), int(hours) % 12 + 12 * (half == "p"), int(minutes or 0), int(seconds or 0)


def _read_counter(text):
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", text))]


_NAMES_OF_TIME = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february"),
    *("march", "april", "may", "june", "july", "august", "september", "october", "november", "december"),
)
_FIRST_MONTH = 7
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?Z?)?")
_AS_DATES = (
    "dates of them, such as by {0} = pandas.to_datetime({0}), with dayfirst=True or format= if need be"
)
# What text may represent, how it is read, and what it should be converted to.
_MEANINGS = (
    ("times of several zones as text", _read_zoned, "dates of them: {0} = pandas.to_datetime({0}, utc=True)"),
    ("numbers as text", _read_number, "numbers of them: {0} = {0}.astype(float)"),
    (
        "names of days or months",
        _read_name,
        "ordered categories: pandas.Categorical({0}, [...], ordered=True)",
    ),
    ("dates as text", _read_date, _AS_DATES),
    ("dates as text", _read_named_date, _AS_DATES),
    ("times as text", _read_clock, _AS_DATES),
    ("quarters as text", _read_quarter, _AS_DATES),
    (
        "numbers within text",
        _read_counter,
        "numbers or dates of them, or sort the table by them before and leave sort_by out",
    ),
)


def _warn_of_dates(table, columns, order, sequence):
    """Warn if a table has dates, but the steps, without `sort_by`, are not in the order of any of them."""
    unordered = []
    for column in columns:
        if columns.count(column) > 1:
            continue
        has_zone = getattr(table[column].dtype, "kind", None) == "M"
        dates = np.asarray(table[column], dtype="M8[ns]") if has_zone else _column(table, column)
        if dates.dtype.kind != "M":
            continue
        is_inside = sequence[1:] == sequence[:-1]
        before, after = dates[order][:-1][is_inside], dates[order][1:][is_inside]
        if (before > after).any():
            unordered.append(column)
        elif (before < after).any():
            return
    if unordered:
        warnings.warn(
            f"Column {unordered[0]!r} of the table holds dates, but the steps have another order, and are "
            f"read as the rows come. If the dates order them, pass sort_by={unordered[0]!r}.",
            stacklevel=3,
        )


def _warn_of_repeats(sort_by, times, sequence, ids):
    """Warn if two steps of a sorted sequence have the same value in the column that orders them."""
    repeats = np.flatnonzero((times[1:] == times[:-1]) & (sequence[1:] == sequence[:-1]))
    if len(repeats):
        first = repeats[0]
        warnings.warn(
            f"Column {sort_by!r}, which orders the steps, repeats itself in {_count(len(repeats), 'place')}, "
            f"first {times[first]} in the sequence {ids[sequence[first]]}: steps of several sequences are "
            "probably mixed. Give each sequence its own id, made of two columns if needed: "
            'table["id"] = table["machine"].astype(str) + "/" + table["run"].astype(str).',
            stacklevel=3,
        )


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
    >>> from sklearn_rnn.data.sequences import is_missing
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


@contextmanager
def reading(name):
    """Raise ValueError or TypeError instead of other libraries' errors about unreadable data.

    Parameters
    ----------
    name : str
        Name of the data in error messages.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.sequences import reading
    >>> with reading("y"):
    ...     np.asarray([10**400], dtype=float)
    Traceback (most recent call last):
    ...
    ValueError: y holds a number that is too large: int too large to convert to float
    """
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"{name} holds a number that is too large: {error}") from error
    except ArithmeticError as error:  # such as of a Decimal that is not a number
        raise ValueError(f"{name} holds what cannot be compared: {error}") from error
    except np.ma.MAError as error:  # a masked cell among objects
        raise ValueError(f"{name} holds a masked value: {error}") from error
    except RuntimeError as error:  # a tensor that requires its gradient, or lies on a GPU
        raise TypeError(f"{name} cannot be read as an array: {error}") from error
    except Exception as error:
        if type(error).__module__.startswith("polars"):  # such as of integers of 128 bits
            raise TypeError(f"{name} cannot be read as an array: {error}") from error
        raise


def _missing_rows(table, column):
    """Return the rows in which a column has no value."""
    values = _column(table, column)
    if values.dtype.kind != "O":
        return np.flatnonzero(values != values)
    return np.flatnonzero([is_missing(value) for value in values])


def _numbers(table, column):
    """Read a column of numbers."""
    values = _column(table, column)
    if values.dtype.kind in "biuf":
        return values
    try:
        if values.dtype.kind == "O":  # nullable numbers of pandas
            return np.array([np.nan if is_missing(value) else value for value in values], dtype=np.float64)
    except OverflowError as error:
        raise ValueError(f"Column {column!r} holds a number that is too large: {error}") from error
    except (TypeError, ValueError):
        pass
    how = (
        "such as the hour, the day of the week, or seconds since the step before"
        if values.dtype.kind in "mM"
        else "of numbers as text by astype(float), of categories by "
        f"pandas.get_dummies(table, columns=[{column!r}])"
    )
    raise TypeError(
        f"Column {column!r} holds {values.dtype}, not numbers. Make numbers of it ({how}), leave it out of "
        "value_columns, or name it as sort_by if it orders the steps."
    )


def _as_whole(name, numbers):
    """Convert whole numbers to int64; raise an error for others."""
    with reading(name):
        numbers = np.asarray(numbers)
        if numbers.dtype.kind == "f" and not (numbers == np.floor(numbers)).all():
            raise ValueError(f"{name} must be whole numbers.")
        return numbers.astype(np.int64, copy=False)


def step_positions(starts, lengths):
    """Return the positions of the steps of some sequences in the flat values, sequence after sequence."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)


def trailing_lengths(is_step):
    """Count the steps up to the last true one in each row of a boolean array (n_sequences, n_steps)."""
    n_steps = is_step.shape[1]
    if n_steps == 0:
        return np.zeros(len(is_step), dtype=np.int64)
    return np.where(is_step.any(axis=1), n_steps - np.argmax(is_step[:, ::-1], axis=1), 0)


def _count(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
