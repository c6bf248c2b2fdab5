"""The source of a network's random numbers: the generator of its training, or torch's global one."""

from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_generator = ContextVar("generator", default=None)

# What torch's layers draw their first weights with, and `torch.nn.init` all others.
_DRAWS = frozenset(
    [torch.Tensor.uniform_, torch.Tensor.normal_, nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_]
)
# Modules of torch that draw nothing when they run.
_QUIET = frozenset(
    [
        nn.Embedding,
        nn.Identity,
        nn.Linear,
        nn.ModuleList,
        nn.ReLU,
        nn.Sequential,
        nn.Sigmoid,
        nn.Softmax,
        nn.Tanh,
    ]
)
_OURS = f"{__name__.partition('.')[0]}."


def get_generator():
    """Return the generator that the networks of this library draw from here; None for torch's global one.

    Returns
    -------
    torch.Generator or None
        The generator passed to `draw_from`.
    """
    return _generator.get()


@contextmanager
def draw_from(generator):
    """Let networks of this library draw from a generator inside a ``with`` block, in this thread.

    Parameters
    ----------
    generator : torch.Generator or None
        The generator, of the CPU; None for torch's global one.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.drawing import draw_from, draw_factors
    >>> with draw_from(torch.Generator().manual_seed(0)):
    ...     one = draw_factors(torch.ones(4), 0.5)
    >>> with draw_from(torch.Generator().manual_seed(0)):
    ...     bool((draw_factors(torch.ones(4), 0.5) == one).all())
    True
    """
    token = _generator.set(generator)
    try:
        yield
    finally:
        _generator.reset(token)


class FirstWeights(TorchFunctionMode):
    """Let the first weights of what is made inside a ``with`` block be drawn from `get_generator`."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Call a function of torch, with the generator if it draws."""
        kwargs = kwargs or {}
        if func in _DRAWS:
            kwargs = {**kwargs, "generator": get_generator()}
        return func(*args, **kwargs)


class NoWeights(TorchFunctionMode):
    """Let nothing be drawn for the first weights of what is made inside a ``with`` block.

    On the meta device torch would import its compiler for it, which takes seconds.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Call a function of torch, unless it draws."""
        kwargs = kwargs or {}
        if func in _DRAWS or func is torch.Tensor.div_:  # by which what was drawn is scaled
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def draw_factors(values, keep):
    """Draw what dropout multiplies values by, as torch draws it.

    Parameters
    ----------
    values : Tensor
        The values to drop.
    keep : float
        The probability that a value is kept.

    Returns
    -------
    Tensor of the same shape
        0, or 1 / `keep`.
    """
    if not keep:
        return torch.zeros_like(values)
    return torch.empty_like(values).bernoulli_(keep, generator=get_generator()).div_(keep)


class Dropout(nn.Dropout):
    """Dropout that draws from `get_generator`."""

    def forward(self, values):
        """Drop values, while training."""
        if get_generator() is None or not self.training or not self.p:
            return super().forward(values)
        return values * draw_factors(values, 1 - self.p)


def is_own_class(part):
    """Return whether an argument of a network is a class of this library, a name, or not a class at all.

    Parameters
    ----------
    part : object
        An argument of a network's class.

    Returns
    -------
    bool
        False for third-party classes, and for bound options.
    """
    return not callable(part) or (isinstance(part, type) and part.__module__.startswith(_OURS))


def draws_from_generator(network):
    """Return whether all that a network draws when it runs comes from `get_generator`.

    Parameters
    ----------
    network : Module
        The network as it is now.

    Returns
    -------
    bool
        False if there are third-party modules, hooks or methods, which may use torch's global generator.
    """
    return all(
        (type(part) in _QUIET or type(part).__module__.startswith(_OURS))
        and "forward" not in vars(part)
        and not (part._forward_hooks or part._forward_pre_hooks or part._backward_hooks)
        for part in network.modules()
    )
