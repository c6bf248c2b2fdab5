"""Memory that is used again in the next batch: to get it anew from the system takes as long as filling it."""

import math
from collections import defaultdict

import torch

# Buffers have sizes that are powers of two; larger ones than this, and more in all than this, are not kept.
_LARGEST = 2**22  # float32 numbers: 16 MiB
_MOST = 2**24

_free = defaultdict(list)  # buffers by their size


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
        n = math.prod(shape)
        size = 1 << (n - 1).bit_length()
        self._buffer = None
        if size > _LARGEST:
            self.tensor = torch.empty(shape, dtype=torch.float32)
            return
        try:
            buffer = _free[size].pop()
        except IndexError:
            with torch.inference_mode(False):  # what inference mode makes cannot be used outside of it
                buffer = torch.empty(size, dtype=torch.float32)
        self._buffer, self.tensor = buffer, buffer[:n].view(shape)

    def __del__(self):
        if self._buffer is not None and sum(size * len(kept) for size, kept in _free.items()) < _MOST:
            _free[len(self._buffer)].append(self._buffer)
