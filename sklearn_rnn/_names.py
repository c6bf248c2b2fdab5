"""Names of the public classes and functions: the module that each is imported from."""

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
