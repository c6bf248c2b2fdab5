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
def flattened(optimizer, weights):
    """Let an optimizer move a copy of all weights in one parameter, inside a ``with`` block.

    After each step the weights are given their new values. They keep their memory: another thread may be
    reading it.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        One that treats each number alike. Its state is carried over, there and back.
    weights : list of Parameter
        What the optimizer moves, all of one type and on one device.

    Yields
    ------
    Parameter or None
        What the optimizer moves instead; the gradients of the weights have to be copied to its own, in their
        order. None if that cannot be, or would not be faster.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.training.flat import flattened
    >>> weights = [torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(3))]
    >>> optimizer = torch.optim.SGD(weights, lr=1.0)
    >>> with flattened(optimizer, weights) as flat:
    ...     flat.grad = torch.full_like(flat, 2.0)
    ...     _ = optimizer.step()
    >>> weights[1].tolist()
    [-2.0, -2.0, -2.0]
    """
    group, *others = optimizer.param_groups
    sizes = [w.numel() for w in weights]
    states = [optimizer.state.get(w, {}) for w in weights]
    has_others = others or [id(w) for w in group["params"]] != [id(w) for w in weights]
    if has_others or sum(sizes) > _LARGEST or not _are_alike(states):
        yield None
        return
    flat = nn.Parameter(_join(weights))
    targets = [w.detach() for w in weights]
    parts = [part.view_as(w) for part, w in zip(flat.detach().split(sizes), weights, strict=True)]
    hook = optimizer.register_step_post_hook(lambda *_: torch._foreach_copy_(targets, parts))
    optimizer.state[flat] = {
        name: _join([state[name] for state in states]) if _is_shaped(value) else value
        for name, value in states[0].items()
    }
    group["params"] = [flat]
    try:
        yield flat
    finally:
        hook.remove()
        group["params"] = list(weights)
        state = optimizer.state.pop(flat)
        for w in weights:
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
