"""Problems of data, each named by its place, and the words of messages."""

import sys
from contextlib import contextmanager

import numpy as np

_MOST_PROBLEMS = 10
_MOST_NAMES = 5
_OURS = ("sklearn_rnn", "skorch", "contextlib", "numpy")  # the others call functions of ours


class Problems:
    """All problems of one data set, reported in one message.

    Parameters
    ----------
    name : str
        Name of the data in the message.
    is_one : bool, default=False
        Whether the data are a single sequence, which the message names without a place.

    Examples
    --------
    >>> from sklearn_rnn.data.problems import Problems
    >>> problems = Problems("X")
    >>> problems.add(1, "is empty; every sequence needs a step.")
    >>> problems.raise_if_any()
    Traceback (most recent call last):
        ...
    ValueError: X[1] is empty; every sequence needs a step.
    """

    def __init__(self, name, *, is_one=False):
        self.name, self.is_one = name, is_one
        self.found = []

    def place(self, i):
        """Return the name of sequence `i`."""
        return self.name if self.is_one or i is None else f"{self.name}[{i}]"

    def add(self, i, what):
        """Add a problem of sequence `i`; None if the data are a single sequence."""
        self.found.append((-1 if i is None else i, what))

    def raise_if_any(self):
        """Raise a ValueError that names the problems in the order of the sequences, if there are any."""
        if not self.found:
            return
        sequences = {}  # those with one problem
        for i, what in sorted(self.found, key=lambda problem: problem[0]):
            sequences.setdefault(what, []).append(self.place(None if i < 0 else i))
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
    >>> from sklearn_rnn.data.problems import reading
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


def find_caller():
    """Return the `stacklevel` of a warning that should point to the code that called this package.

    Returns
    -------
    int
        1 is the caller of this function.

    Examples
    --------
    >>> from sklearn_rnn.data.problems import find_caller
    >>> find_caller() >= 1
    True
    """
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        frame, level = frame.f_back, level + 1
    return level


def pluralize(n, noun):
    """Return a number with its noun.

    Parameters
    ----------
    n : int
        The number.
    noun : str
        The noun in the singular.

    Returns
    -------
    str
        The noun has an s at its end unless the number is 1.

    Examples
    --------
    >>> from sklearn_rnn.data.problems import pluralize
    >>> pluralize(1, "step"), pluralize(2, "step")
    ('1 step', '2 steps')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def check_same_number(y, X, name, other="X"):
    """Check that there are as many targets (or weights) as sequences.

    Parameters
    ----------
    y : sized
        Targets or weights.
    X : sized
        Sequences, or anything with one entry for each.
    name : str
        Name of `y` in error messages.
    other : str, default="X"
        Name of `X` in error messages.

    Raises
    ------
    ValueError
        If the numbers differ, or `y` is an array without axes.

    Examples
    --------
    >>> from sklearn_rnn.data.problems import check_same_number
    >>> check_same_number([0, 1], ["ab", "c"], "y")
    """
    if has_no_axis(y):
        raise ValueError(f"{name} must hold one entry for each sequence of {other}, got a single {y.dtype}.")
    with reading(name):
        n = len(y)
    if n != len(X):
        raise ValueError(
            f"{other} and {name} have inconsistent numbers of samples: "
            f"{other} has {pluralize(len(X), 'sequence')}, {name} has {n}."
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
    >>> from sklearn_rnn.data.problems import has_no_axis
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
    >>> from sklearn_rnn.data.problems import check_not_masked
    >>> check_not_masked([0, 1], "y")
    """
    if isinstance(y, np.ma.MaskedArray) and y.ndim and np.ma.getmaskarray(y).any():
        i = np.argwhere(np.ma.getmaskarray(y))[0, 0]
        raise ValueError(f"{name}[{i}] is masked; leave out the sequences without a value in {name}.")
