"""Checks of parameters: the values that each may have, and one wording of the errors."""

import difflib
import numbers
from functools import partial

import numpy as np


class Rule:
    """The valid values of a parameter: a type, a condition and a description of both.

    Parameters
    ----------
    types : type or tuple of type
        What the value must be an instance of.
    condition : callable
        ``condition(value)`` returns whether a value of this type is valid.
    expected : str
        Description of the valid values.
    names : collection of str, default=()
        Strings that are valid as well; the error for a misspelt one suggests the nearest.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import Rule
    >>> Rule(int, lambda n: n % 2 == 0, "an even int").check("size", 3)
    Traceback (most recent call last):
        ...
    ValueError: size must be an even int, but it is 3.
    """

    def __init__(self, types, condition, expected, names=()):
        self.types = types
        self.condition = condition
        self.expected = expected
        self.names = tuple(names)

    def check(self, name, value):
        """Raise a ValueError or TypeError if a value is not valid."""
        if isinstance(value, str) and self.names:
            if value not in self.names:
                raise ValueError(
                    f"{name} must be {self.expected}, but it is {value!r}.{suggest(value, self.names)}"
                )
            return
        is_bool = isinstance(value, bool) and bool not in _as_tuple(self.types)
        if is_bool or not isinstance(value, self.types):
            raise TypeError(
                f"{name} must be {self.expected}, but it is {value!r} of type {type(value).__name__}."
            )
        check_size(name, value)
        if not self.condition(value):
            raise ValueError(f"{name} must be {self.expected}, but it is {value!r}.")


def _as_tuple(types):
    return types if isinstance(types, tuple) else (types,)


class Optional(Rule):
    """A rule that also allows None.

    Parameters
    ----------
    rule : Rule
        The rule for all other values.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import Optional, whole
    >>> Optional(whole(1)).check("size", None)
    """

    def __init__(self, rule):
        super().__init__(rule.types, rule.condition, f"{rule.expected}, or None", rule.names)

    def check(self, name, value):
        """See `Rule.check`."""
        if value is not None:
            super().check(name, value)


def always(value):
    """Return True: the condition of a rule that depends on the type alone.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    bool
        True.
    """
    return True


def one_of(names, *, or_else="", types=str, condition=always):
    """Make the rule of a parameter that is one of some strings.

    Parameters
    ----------
    names : collection of str
        The strings.
    or_else : str, default=""
        Description of other valid values.
    types, condition
        Other valid values; see `Rule`.

    Returns
    -------
    Rule
        The rule.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import one_of
    >>> one_of(("end", "start")).check("side", "strat")
    Traceback (most recent call last):
        ...
    ValueError: side must be one of 'end', 'start', but it is 'strat'. Did you mean 'start'?
    """
    return Rule(types, condition, _say_options(names) + or_else, names)


def _say_options(options):
    return f"one of {', '.join(map(repr, options))}"


def whole(minimum, names=()):
    """Make the rule of an integer.

    Parameters
    ----------
    minimum : int
        The least valid value.
    names : collection of str, default=()
        Strings that are valid as well.

    Returns
    -------
    Rule
        The rule.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import whole
    >>> whole(1).check("size", 0)
    Traceback (most recent call last):
        ...
    ValueError: size must be an int of at least 1, but it is 0.
    """
    also = "".join(f" or {n!r}" for n in names)
    return Rule(numbers.Integral, lambda v: v >= minimum, f"an int of at least {minimum}{also}", names)


def real(minimum, *, open_below=False, below=float("inf")):
    """Make the rule of a number in an interval that lacks its end.

    Parameters
    ----------
    minimum : float
        The start of the interval.
    open_below : bool, default=False
        Whether the interval lacks its start, too.
    below : float, default=inf
        The end of the interval.

    Returns
    -------
    Rule
        The rule.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import real
    >>> real(0, below=1).check("dropout", 1.5)
    Traceback (most recent call last):
        ...
    ValueError: dropout must be a number of at least 0 and less than 1, but it is 1.5.
    """
    words = f"a number {'greater than' if open_below else 'of at least'} {minimum:g}"
    if below != float("inf"):
        words += f" and less than {below:g}"

    def holds(v):
        return (v > minimum if open_below else v >= minimum) and v < below

    return Rule(numbers.Real, holds, words)


def is_subclass(base):
    """Make the condition that a value is a class derived from another, maybe with options bound to it.

    Parameters
    ----------
    base : type
        The class that it must be derived from.

    Returns
    -------
    callable
        Takes a value and returns a bool.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn_rnn.data.parameters import is_subclass
    >>> is_subclass(dict)(partial(dict, a=1)), is_subclass(dict)({})
    (True, False)
    """

    def holds(v):
        v = v.func if type(v) is partial else v  # any other object with a `func` may do anything when called
        return isinstance(v, type) and issubclass(v, base)

    return holds


FREQUENCY = Rule(
    numbers.Real,
    lambda v: v >= 1 if isinstance(v, numbers.Integral) else 0 < v < 1,
    "an int of at least 1, or a float between 0 and 1 as a share of the steps",
)


def check_bool(name, value, *, optional=False):
    """Check that a parameter is True or False.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Value of the parameter.
    optional : bool, default=False
        Whether it may be None.

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import check_bool
    >>> check_bool("masked", True)
    """
    rule = Rule((bool, np.bool_), always, "True or False")
    (Optional(rule) if optional else rule).check(name, value)


def check_option(name, value, options, *, synonyms=None):
    """Check that a parameter is one of some strings, or None, and name the nearest if it is not.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Value of the parameter.
    options : tuple of str or None
        Allowed values.
    synonyms : dict of str to str, optional
        Other names of some of the options, which are not allowed, but which the error understands.

    Raises
    ------
    ValueError
        If it is not one of these.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import check_option
    >>> check_option("side", "end", ("end", "start"))
    """
    if (value is None or isinstance(value, str)) and value in options:
        return
    raise ValueError(
        f"{name} must be {_say_options(options)}, but it is {value!r}.{suggest(value, options, synonyms)}"
    )


def suggest(value, options, synonyms=None):
    """Return the question whether the nearest of some strings was meant, for the end of a message.

    Parameters
    ----------
    value : object
        What was passed.
    options : collection of str
        What could be meant; entries that are not str are left out.
    synonyms : dict of str to str, optional
        Other names of some of these.

    Returns
    -------
    str
        The question after a space; empty if nothing is near.

    Examples
    --------
    >>> from sklearn_rnn.data.parameters import suggest
    >>> suggest("Ltsm", ["gru", "lstm"])
    " Did you mean 'lstm'?"
    """
    names = {option.lower(): option for option in options if isinstance(option, str)} | (synonyms or {})
    given = str(value).lower()
    near = [given] if given in names else difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


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
    rule = whole(minimum)
    (Optional(rule) if optional else rule).check(name, value)


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
