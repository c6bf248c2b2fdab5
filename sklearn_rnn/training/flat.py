"""All weights of a small network as one parameter.

What an optimizer does for a parameter of a few thousand numbers takes as long as what it does with them.
"""

import copy
import itertools
from contextlib import contextmanager

import torch
from torch import nn

# To copy the gradients of more numbers than this would take longer than it saves.
_LARGEST = 2**17


@contextmanager
def flattened(optimizer):
    """Let an optimizer see its parameters as one inside a ``with`` block.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        One that treats each number alike, with one group of parameters, all of one type and on one device.
        Its state is carried over, there and back.

    Yields
    ------
    Parameter or None
        What the optimizer moves; the parameters that it had are parts of it. Their gradients have to be
        copied to its own. None if that cannot be, or would not be faster.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.training.flat import flattened
    >>> weights = [torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(3))]
    >>> optimizer = torch.optim.SGD(weights, lr=1.0)
    >>> with flattened(optimizer) as flat:
    ...     flat.grad = torch.full_like(flat, 2.0)
    ...     _ = optimizer.step()
    >>> weights[1].tolist()
    [-2.0, -2.0, -2.0]
    """
    (group,) = optimizer.param_groups
    weights = group["params"]
    sizes = [w.numel() for w in weights]
    states = [optimizer.state.get(w, {}) for w in weights]
    if sum(sizes) > _LARGEST or not _are_alike(states):
        yield None
        return
    flat = nn.Parameter(_join(weights))
    for w, part in zip(weights, flat.detach().split(sizes), strict=True):
        w.data = part.view_as(w)
    optimizer.state[flat] = {
        name: _join([state[name] for state in states]) if _is_shaped(value) else value
        for name, value in states[0].items()
    }
    group["params"] = [flat]
    try:
        yield flat
    finally:
        group["params"] = weights
        state = optimizer.state.pop(flat)
        for w in weights:
            w.data = w.data.clone()
            optimizer.state[w] = {}
        for name, value in state.items():
            parts = value.split(sizes) if _is_shaped(value) else itertools.repeat(value)
            for w, part in zip(weights, parts, strict=False):
                optimizer.state[w][name] = (
                    part.view_as(w).clone() if _is_shaped(part) else copy.deepcopy(part)
                )


def _is_shaped(value):
    """Whether a part of an optimizer's state belongs to single numbers of a parameter."""
    return isinstance(value, torch.Tensor) and value.dim() > 0


def _are_alike(states):
    """Whether states differ in what belongs to single numbers only, as they do not if some were frozen."""
    counters = [{name: None if _is_shaped(v) else v for name, v in state.items()} for state in states]
    return all(counter == counters[0] for counter in counters)


def _join(tensors):
    return torch.cat([t.detach().flatten() for t in tensors])
