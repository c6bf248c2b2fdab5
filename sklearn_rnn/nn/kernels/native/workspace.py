"""Memory that is reused in the next batch: getting it from the system takes as long as filling it."""

import math
import os
import threading

import torch

# Not kept: buffers with fewer float32 numbers than the first (a plain tensor is faster to make) or more than
# the second (16 MiB), and more than this many of them.
_SMALLEST, _LARGEST = 2**15, 2**22
_MOST_BUFFERS = 8

_free = []
_lock = threading.RLock()  # one thread may enter twice: garbage collection can return memory any time


class Workspace:
    """A private tensor of float32, whose memory can be reused when this object is deleted.

    Parameters
    ----------
    *shape : int
        The shape of the tensor, which is not initialized.

    Attributes
    ----------
    tensor : Tensor
        The tensor, which is valid only as long as this object exists.

    Examples
    --------
    >>> from sklearn_rnn.nn.kernels.native.workspace import Workspace
    >>> Workspace(2, 3).tensor.shape
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
    held : dict of str to Workspace
        What is held, by name; a larger one replaces one that is too small.
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
    >>> from sklearn_rnn.nn.kernels.native.workspace import reserve
    >>> held = {}
    >>> memory = reserve(held, "work", 6)
    >>> reserve(held, "work", 4) is memory
    True
    """
    space = held.get(name)
    if space is None or space.tensor.numel() < n:
        del space
        held.pop(name, None)  # first, so that it can be used for the larger one
        space = held[name] = Workspace(n)
    return space.tensor


def _forget():
    """Start from scratch in a forked child, where a lock held by another thread is never released."""
    global _lock
    _lock = threading.RLock()
    _free.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _take(n):
    """Return the smallest free buffer of at least `n` numbers; if there is none, release the smallest."""
    with _lock:
        sizes = [len(buffer) for buffer in _free]
        fitting = [size for size in sizes if size >= n]
        if fitting:
            return _free.pop(sizes.index(min(fitting)))
        if sizes:
            _free.pop(sizes.index(min(sizes)))
    return None
