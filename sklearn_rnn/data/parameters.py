"""Checks of parameters."""

import difflib
import numbers

import numpy as np


def check_bool(name, value):
    """Check that a parameter is True or False.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Value of the parameter.

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import check_bool
    >>> check_bool("masked", True)
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, but it is {value!r}.")


def check_option(name, value, options):
    """Check that a parameter is one of some strings, and name the nearest if it is not.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Value of the parameter.
    options : tuple of str
        Allowed values.

    Raises
    ------
    ValueError
        If it is not one of these.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import check_option
    >>> check_option("side", "end", ("end", "start"))
    """
    if value not in options:
        near = difflib.get_close_matches(str(value), options, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, options))}, but it is {value!r}.{guess}"
        )


def check_count(name, value, *, minimum=1, optional=False):
    """Check that a parameter is an integer not smaller than a minimum.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Value of the parameter.
    minimum : int, default=1
        Smallest allowed value.
    optional : bool, default=False
        Whether it may be None.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is less than the minimum.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import check_count
    >>> check_count("n_steps", 3)
    """
    if optional and value is None:
        return
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer{' or None' if optional else ''}, but it is {value!r}.")
    check_size(name, value)
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, but it is {value}.")


def check_size(name, value):
    """Check that an integer (or a fraction) is not too large for NumPy and torch.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Value of the parameter; other types are not checked.

    Raises
    ------
    ValueError
        If it has more than 64 bits.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import check_size
    >>> check_size("n_steps", 10)
    """
    if isinstance(value, numbers.Rational) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{name} must be a number of at most 64 bits, got one of {int(value).bit_length()}.")
