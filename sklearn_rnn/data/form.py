"""The form in which sequences were passed: what is asked of X after it has been read."""

from dataclasses import dataclass

import numpy as np

from sklearn_rnn.data.arrays import first_of, is_column, to_array
from sklearn_rnn.data.sequences import Sequences

_KINDS = {"f": "numbers", "i": "integer tokens", "U": "text tokens", "O": "text tokens"}


@dataclass(frozen=True, eq=False)
class Form:
    """The form in which sequences were passed.

    Attributes
    ----------
    kind : {"numbers", "integer tokens", "text tokens"}
        What steps hold.
    shape : tuple of int, or None
        Shape of the array or DataFrame that holds all sequences; None if it is not one.
    nested_shape : tuple of int, or None
        Shape of the array that NumPy would make of nested lists; None if X is not nested lists, or if their
        lengths differ.
    header : DataFrame, or ndarray of shape (0, n_steps), or None
        The columns of a table without its rows; None if X is not a table.
    padded_steps : int, or ndarray of int of shape (n_sequences,), or None
        Number of steps with padding, of an array or of each sequence; None if there is no padding.
    is_sequences : bool
        Whether X was `Sequences`.
    is_float32 : bool
        Whether the numbers were float32 before they were read.
    is_nested_table : bool
        Whether X was a list of equally long lists of numbers, which scikit-learn reads as a table.
    is_one : bool
        Whether X was a single series.
    is_flat : bool
        Whether sequences had no axis for features.
    are_texts : bool
        Whether each sequence was one str, which is read character by character.

    Examples
    --------
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> _, form = read_sequences([[0.5, 1.0], [2.0, 1.5]])
    >>> form.kind, form.shape, form.nested_shape, form.is_table, form.is_nested_table
    ('numbers', None, (2, 2), False, True)
    """

    kind: str
    shape: tuple | None = None
    nested_shape: tuple | None = None
    header: object = None
    padded_steps: object = None
    is_sequences: bool = False
    is_float32: bool = False
    is_nested_table: bool = False
    is_one: bool = False
    is_flat: bool = False
    are_texts: bool = False

    @property
    def is_table(self):
        """Whether X was an array (n_sequences, n_steps) of numbers or a DataFrame.

        Its columns are what scikit-learn counts as features.
        """
        return self.header is not None

    @property
    def stacked_shape(self):
        """Shape of the array that X was, or that NumPy would make of its nested lists; else None."""
        return self.shape or self.nested_shape

    @property
    def n_columns(self):
        """Number of columns of a table, or of nested lists that scikit-learn reads as a table; else None."""
        return self.shape[1] if self.is_table else self.nested_shape[1] if self.is_nested_table else None

    @property
    def column_names(self):
        """Names of the columns of a DataFrame; empty for other forms."""
        return list(getattr(self.header, "columns", ()))


def read_form(X, sequences, *, padding_value=None, is_one=False):
    """Find out in which form sequences were passed.

    Parameters
    ----------
    X : sequences in any form
        See `as_sequences`.
    sequences : Sequences
        What X was read as.
    padding_value : float or str, optional
        The padding that was cut off.
    is_one : bool, default=False
        Whether X is a list of the only series that was passed.

    Returns
    -------
    Form
        The form.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.form import read_form
    >>> X = np.zeros((2, 3))
    >>> form = read_form(X, as_sequences(X))
    >>> form.shape, form.is_table, form.header.shape
    ((2, 3), True, (0, 3))
    """
    kind = _KINDS[sequences.values.dtype.kind]
    if isinstance(X, Sequences):
        return Form(kind, is_sequences=True, is_float32=X.values.dtype == np.float32)
    shape, nested_shape = array_shape(X), _nested_shape(X, sequences)
    first = first_of(X) if shape is None and not hasattr(X, "columns") else None
    is_table, is_nested_table = (
        kind == "numbers" and found is not None and len(found) == 2 for found in (shape, nested_shape)
    )
    return Form(
        kind,
        shape=shape,
        nested_shape=nested_shape,
        header=_take_header(X, shape) if is_table else None,
        padded_steps=_count_padded_steps(X, padding_value),
        is_float32=getattr(X, "dtype", None) == np.float32,
        is_nested_table=is_nested_table and isinstance(X, list) and isinstance(first, list),
        is_one=is_one,
        is_flat=_has_one_axis(first) if shape is None else len(shape) == 2,
        are_texts=isinstance(first, str),
    )


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
    >>> from sklearn_rnn.data.form import array_shape
    >>> array_shape(np.zeros((2, 3, 1))), array_shape([[1.0], [2.0]])
    ((2, 3, 1), None)
    """
    if isinstance(X, (list, tuple, Sequences, np.ma.MaskedArray)) or getattr(X, "is_nested", False):
        return None
    if not hasattr(X, "shape"):
        X = np.asarray(X) if hasattr(X, "__array__") else np.empty(0)
    if len(X.shape) < 2 or (X.shape[1:] == (1,) and is_column(to_array(X, "X"))):
        return None
    return tuple(X.shape)


def _nested_shape(X, sequences):
    """Return the shape of nested lists of equal length; None for other objects, such as a list of arrays."""
    if not isinstance(X, (list, tuple)) or not isinstance(X[0], (list, tuple)):
        return None
    lengths = sequences.lengths
    are_equal = lengths[0] > 0 and (lengths == lengths[0]).all()
    if not are_equal or not all(isinstance(x, (list, tuple)) for x in X):
        return None
    return len(X), len(X[0]), *np.shape(X[0][0])


def _take_header(X, shape):
    if not hasattr(X, "columns") and not hasattr(X, "__dataframe__"):
        return np.empty((0, shape[1]))
    return getattr(X, "iloc", X)[:0]


def _count_padded_steps(X, padding_value):
    """Return the number of steps with padding, of one array or of each sequence; None without padding."""
    shape = getattr(X, "shape", ())
    if len(shape) > 1:
        return shape[1]
    if padding_value is None:
        return None
    is_iterable = hasattr(X, "__iter__") or hasattr(X, "__getitem__")
    X = X if is_iterable and not isinstance(X, memoryview) else np.asarray(X)
    return np.array([len(x) for x in X])


def _has_one_axis(sequence):
    """Return whether a sequence has no axis for features."""
    if hasattr(sequence, "ndim") or hasattr(sequence, "columns"):
        return getattr(sequence, "ndim", 2) == 1
    if not hasattr(sequence, "__len__") or isinstance(sequence, str):
        return False
    return len(sequence) == 0 or np.ndim(sequence[0]) == 0
