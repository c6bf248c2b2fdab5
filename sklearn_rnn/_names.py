"""Public names: the module that each is imported from, and parameters that had another name before."""

from functools import wraps
from inspect import isclass, isfunction

_WRITTEN_IN = {}  # of published classes and functions: the module of their source


def publish(namespace, names=None, *, module=None):
    """Set `__module__` of classes and functions to the package that users import them from.

    Files name a class by its module, and so do documentation and messages. A public name does not change when
    the source is moved to another file.

    Parameters
    ----------
    namespace : dict
        Where they are, such as the ``globals()`` of the package.
    names : list of str, optional
        Their names; by default ``namespace["__all__"]``.
    module : str, optional
        The module to import them from; by default that of `namespace`.

    Examples
    --------
    >>> from sklearn_rnn._names import publish
    >>> class Cell:
    ...     pass
    >>> publish({"__name__": "package", "__all__": ["Cell"], "Cell": Cell})
    >>> Cell
    <class 'package.Cell'>
    """
    for name in namespace["__all__"] if names is None else names:
        value = namespace[name]
        if (isclass(value) or isfunction(value)) and value not in _WRITTEN_IN:
            _WRITTEN_IN[value] = value.__module__
            value.__module__ = namespace["__name__"] if module is None else module


def written_in(value):
    """Return the name of the module with the source of a class or function.

    Parameters
    ----------
    value : type or function
        The class or function.

    Returns
    -------
    str
        The module that it was defined in, whichever module it is imported from.

    Examples
    --------
    >>> from sklearn_rnn import Sequences
    >>> from sklearn_rnn._names import written_in
    >>> Sequences.__module__, written_in(Sequences)
    ('sklearn_rnn', 'sklearn_rnn.data.sequences')
    """
    return _WRITTEN_IN.get(value, value.__module__)


def renamed(**names):
    """Decorate a function or method so that a call with an old name of a parameter names the new one.

    Parameters
    ----------
    **names
        The new name of each parameter, by its old name.

    Returns
    -------
    function
        A decorator.

    Examples
    --------
    >>> from sklearn_rnn._names import renamed
    >>> @renamed(prime="prompt")
    ... def sample(prompt=None):
    ...     return prompt
    >>> sample(prompt="the")
    'the'
    >>> sample(prime="the")
    Traceback (most recent call last):
        ...
    TypeError: sample() got 'prime', which is now named 'prompt'.
    """

    def decorate(function):
        @wraps(function)
        def call(*args, **kwargs):
            for name in kwargs.keys() & names.keys():
                raise TypeError(
                    f"{function.__qualname__}() got {name!r}, which is now named {names[name]!r}."
                )
            return function(*args, **kwargs)

        return call

    return decorate
