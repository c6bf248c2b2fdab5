"""All weights of a small network as one parameter.

An optimizer's overhead for a parameter takes as long as its work on a few thousand numbers.
"""

import copy
import itertools
from contextlib import contextmanager

import torch
from torch import nn

# Networks with more numbers would not save time here.
_LARGEST = 2**17
# Each weight begins at a multiple of this many numbers, for the sake of vector instructions.
_ALIGNED = 16


def make_contiguous(module):
    """Lay all parameters of a small module side by side in memory, if they have the same type and device.

    Parameters
    ----------
    module : Module
        Its parameters stay the same objects and keep their values.
    """
    weights = list(module.parameters())
    _, size = _lay_out(weights)
    if size > _LARGEST or len({(w.dtype, w.device) for w in weights}) > 1:
        return
    memory = weights[0].detach().new_zeros(size)
    for w, part in zip(weights, _view_parts(memory, weights), strict=True):
        w.data = part.copy_(w.detach())


@contextmanager
def flattened(optimizer, weights):
    """Let an optimizer move all weights as one parameter, inside a ``with`` block.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        One that treats each number alike. Its state is carried over, there and back.
    weights : list of Parameter
        What the optimizer moves; see `make_contiguous`.

    Yields
    ------
    Parameter or None
        What the optimizer moves instead; the gradients of the weights are parts of its gradient, and must be
        written there. None if the weights do not lie side by side, or have not been treated alike.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.training.flat import flattened, make_contiguous
    >>> linear = torch.nn.Linear(2, 3)
    >>> make_contiguous(linear)
    >>> before = linear.bias.tolist()
    >>> optimizer = torch.optim.SGD(linear.parameters(), lr=1.0)
    >>> with flattened(optimizer, list(linear.parameters())) as flat:
    ...     _ = linear.bias.grad.fill_(2.0)
    ...     _ = optimizer.step()
    >>> [round(b - a) for a, b in zip(before, linear.bias.tolist())]
    [-2, -2, -2]
    """
    group, *others = optimizer.param_groups
    states = [optimizer.state.get(w, {}) for w in weights]
    has_others = others or [id(w) for w in group["params"]] != [id(w) for w in weights]
    if has_others or not _are_contiguous(weights) or not _are_alike(states):
        yield None
        return
    size = _lay_out(weights)[1]
    first = weights[0].detach()
    flat = nn.Parameter(first.as_strided((size,), (1,)))
    flat.grad = torch.zeros_like(flat)
    for w, part in zip(weights, _view_parts(flat.grad, weights), strict=True):
        w.grad = part

    def join(parts):
        whole = torch.zeros_like(flat)
        torch._foreach_copy_(_view_parts(whole, weights), parts)
        return whole

    optimizer.state[flat] = {
        name: join([state[name] for state in states]) if _is_shaped(value) else value
        for name, value in states[0].items()
    }
    group["params"] = [flat]
    try:
        yield flat
    finally:
        group["params"] = list(weights)
        state = optimizer.state.pop(flat)
        for w in weights:
            w.grad, optimizer.state[w] = None, {}
        for name, value in state.items():
            parts = _view_parts(value, weights) if _is_shaped(value) else itertools.repeat(value)
            for w, part in zip(weights, parts, strict=False):
                optimizer.state[w][name] = part.clone() if _is_shaped(part) else copy.deepcopy(part)


def _lay_out(weights):
    """Return where each weight begins in the memory of all, and the size of that memory."""
    starts, size = [], 0
    for w in weights:
        starts.append(size)
        size += -(-w.numel() // _ALIGNED) * _ALIGNED
    return starts, size


def _view_parts(memory, weights):
    """Cut memory of all weights into parts with their shapes."""
    starts, _ = _lay_out(weights)
    return [memory[i : i + w.numel()].view_as(w) for i, w in zip(starts, weights, strict=True)]


def _are_contiguous(weights):
    """Return whether weights still lie as `make_contiguous` lays them."""
    starts, _ = _lay_out(weights)
    first = weights[0]
    storages = {w.untyped_storage().data_ptr() for w in weights}
    places = [w.storage_offset() - first.storage_offset() for w in weights]
    return len(storages) == 1 and places == starts and all(w.is_contiguous() for w in weights)


def _is_shaped(value):
    """Return whether a part of an optimizer's state belongs to single numbers of a parameter."""
    return isinstance(value, torch.Tensor) and value.dim() > 0


def _are_alike(states):
    """Return whether states differ only in what belongs to single numbers (False if some were frozen)."""
    counters = [{name: None if _is_shaped(v) else v for name, v in state.items()} for state in states]
    return all(counter == counters[0] for counter in counters)
