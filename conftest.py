"""Find the examples in docstrings of public classes, whose `__module__` is not the file that they are in."""

import doctest
import inspect

from sklearn_rnn._names import written_in

_is_from_module = doctest.DocTestFinder._from_module


def _is_written_in(self, module, value):
    if inspect.isclass(value) or inspect.isfunction(value):
        return written_in(value) == module.__name__
    return _is_from_module(self, module, value)


doctest.DocTestFinder._from_module = _is_written_in
