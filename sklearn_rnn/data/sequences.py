"""The container that every form of sequences is converted to: flat values and offsets."""

import numbers

import numpy as np

from sklearn_rnn.data.arrays import trailing_lengths
from sklearn_rnn.data.problems import pluralize, reading
from sklearn_rnn.data.tables import read_long


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
        values, offsets, names, ids = read_long(table, id_column, value_columns, sort_by)
        return cls(values, offsets, feature_names=names), ids

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
        steps = f"{low} to {high} steps" if low != high else pluralize(low, "step")
        content = "tokens" if self.is_tokens else pluralize(self.n_features, "feature")
        return f"Sequences({pluralize(len(self), 'sequence')} of {steps}, {content})"


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
            f"feature_names holds {pluralize(len(names), 'name')}, but there are "
            f"{pluralize(values.shape[1], 'feature')}."
        )
    return names


def _as_whole(name, numbers):
    """Convert whole numbers to int64; raise an error for others."""
    with reading(name):
        numbers = np.asarray(numbers)
        if numbers.dtype.kind == "f" and not (numbers == np.floor(numbers)).all():
            raise ValueError(f"{name} must be whole numbers.")
        return numbers.astype(np.int64, copy=False)


def locate_steps(positions, offsets):
    """Return the sequence and the step of some positions in the flat values.

    Parameters
    ----------
    positions : ndarray of int of shape (n,)
        Positions in all sequences laid end to end.
    offsets : ndarray of int of shape (n_sequences + 1,)
        Where each sequence starts.

    Returns
    -------
    rows, steps : ndarray of int64 of shape (n,)
        The sequences, and the steps of these.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.sequences import locate_steps
    >>> locate_steps(np.array([0, 4]), np.array([0, 3, 5]))
    (array([0, 1]), array([0, 1]))
    """
    rows = np.searchsorted(offsets, positions, side="right") - 1
    return rows, positions - offsets[rows]


def find_first_steps(is_marked, offsets):
    """Find the first marked step of each sequence that has one.

    Parameters
    ----------
    is_marked : ndarray of bool of shape (n_steps_total,)
        Which steps are marked.
    offsets : ndarray of int of shape (n_sequences + 1,)
        Where each sequence starts.

    Returns
    -------
    list of tuple of int
        The sequence, the step, and its position in the flat values.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.sequences import find_first_steps
    >>> find_first_steps(np.array([False, True, True, False, True]), np.array([0, 3, 5]))
    [(0, 1, 1), (1, 1, 4)]
    """
    positions = np.flatnonzero(is_marked)
    rows, steps = locate_steps(positions, offsets)
    first = np.unique(rows, return_index=True)[1]
    return list(zip(*(a[first].tolist() for a in (rows, steps, positions)), strict=True))


def step_positions(starts, lengths):
    """Return the positions of the steps of some sequences in the flat values, sequence after sequence."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
