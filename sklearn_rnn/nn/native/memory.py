"""Memory that is used again in the next batch: to get it anew from the system takes as long as filling it."""

import math
import os
import threading

import torch

# Not kept: buffers with less float32 numbers than the first (a plain tensor is had faster) or more than the
# second (16 MiB), and more than this many of them.
_SMALLEST, _LARGEST = 2**15, 2**22
_MOST_BUFFERS = 8

_free = []
_lock = threading.RLock()  # one thread may come twice: collecting garbage can give memory back at any moment


class Scratch:
    """A tensor of float32 that nobody else sees; its memory is free again when this object is gone.

    Parameters
    ----------
    *shape : int
        The shape of the tensor, which holds anything at first.

    Attributes
    ----------
    tensor : Tensor
        The tensor. Whoever keeps it must keep this object.

    Examples
    --------
    >>> from sklearn_rnn.nn.native.memory import Scratch
    >>> Scratch(2, 3).tensor.shape
    torch.Size([2, 3])
    """

    __slots__ = ("_buffer", "tensor")

    def __init__(self, *shape):
        self._buffer = None
        n = math.prod(shape)
        if not _SMALLEST <= n <= _LARGEST:
            self.tensor = torch.empty(shape, dtype=torch.float32, device="cpu")
            return
        buffer = _take(n)
        if buffer is None:
            with torch.inference_mode(False):  # what inference mode makes cannot be used outside of it
                buffer = torch.empty(n, dtype=torch.float32, device="cpu")
        self._buffer, self.tensor = buffer, buffer[:n].view(shape)

    def __del__(self):
        if self._buffer is not None:
            with _lock:
                if len(_free) < _MOST_BUFFERS:
                    _free.append(self._buffer)


def reserve(held, name, n):
    """Return memory for some numbers: what is held already, if that suffices.

    Parameters
    ----------
    held : dict of str to Scratch
        What is held, by name; a larger one takes the place of one that is too small.
    name : str
        What it is for.
    n : int
        How many float32 numbers.

    Returns
    -------
    Tensor of at least n numbers
        The memory, as long as it is held.

    Examples
    --------
    >>> from sklearn_rnn.nn.native.memory import reserve
    >>> held = {}
    >>> memory = reserve(held, "work", 6)
    >>> reserve(held, "work", 4) is memory
    True
    """
    scratch = held.get(name)
    if scratch is None or scratch.tensor.numel() < n:
        del scratch
        held.pop(name, None)  # first, so that it can be used for the larger one
        scratch = held[name] = Scratch(n)
    return scratch.tensor


def _forget():
    """Begin anew in a forked child, where another thread's hold on the lock would never end."""
    global _lock
    _lock = threading.RLock()
    _free.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _take(n):
    """Give the smallest free buffer of at least `n` numbers; if there is none, let go of the smallest."""
    with _lock:
        sizes = [len(buffer) for buffer in _free]
        fitting = [size for size in sizes if size >= n]
        if fitting:
            return _free.pop(sizes.index(min(fitting)))
        if sizes:
            _free.pop(sizes.index(min(sizes)))
    return None
