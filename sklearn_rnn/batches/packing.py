"""How a batch is laid out: its steps one after the other, without padding."""

from dataclasses import dataclass

import numpy as np
import torch


class KeptProperty:
    """A property that is computed once for each object.

    `functools.cached_property` of Python 3.11 holds one lock for all objects during the computation. A child
    that is forked while a thread holds the lock would wait forever.
    """

    def __init__(self, compute):
        self._compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, holder, owner=None):
        if holder is None:
            return self
        value = holder.__dict__[self._name] = self._compute(holder)
        return value


class Packing:
    """How the steps of a batch are laid out: time-major, longest sequence first, no padding.

    The memory is that of `torch.nn.utils.rnn.PackedSequence`. At step `t` the first `batch_sizes[t]`
    sequences have not ended, and their entries are contiguous.

    Parameters
    ----------
    lengths : array-like of int of shape (n_sequences,)
        Number of steps of each sequence, at least 1, in decreasing order.
    device : torch.device, default="cpu"
        Device of the index tensors.

    Raises
    ------
    TypeError
        If lengths are not integers.
    ValueError
        If there are no lengths, one is less than 1, or they increase.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.batches import Packing
    >>> packing = Packing(np.array([3, 1]))
    >>> packing.batch_sizes
    [2, 1, 1]
    >>> packing.last
    tensor([3, 1])
    """

    def __init__(self, lengths, device="cpu"):
        self._lay_out(_check_lengths(lengths), device)

    @classmethod
    def _trusted(cls, lengths, device):
        """Make a packing of valid lengths without checking them again."""
        packing = cls.__new__(cls)
        packing._lay_out(lengths, device)
        return packing

    def _lay_out(self, lengths, device):
        self.lengths = lengths
        self.device = torch.device(device)
        steps = np.arange(lengths[0])
        sizes = len(lengths) - lengths[::-1].searchsorted(steps, side="right")  # (T,)
        self.batch_sizes = sizes.tolist()
        self._starts = sizes.cumsum() - sizes
        self.step_of = steps.repeat(sizes)  # (S_b,)
        self.row_of = np.arange(len(self.step_of)) - self._starts.repeat(sizes)  # (S_b,)

    def __len__(self):
        return len(self.lengths)

    @property
    def n_steps_total(self):
        """Number of steps of all sequences together."""
        return len(self.row_of)

    @property
    def is_rectangular(self):
        """Whether all sequences have the same length, so that the layout is a dense (T, B) array."""
        return self.batch_sizes[0] == self.batch_sizes[-1]

    def place(self, step, row):
        """Return the positions of steps in the batch.

        Parameters
        ----------
        step, row : ndarray of int of shape (n,)
            Index of each step in its sequence, and of its sequence.

        Returns
        -------
        ndarray of int of shape (n,)
            Positions among all steps of the batch.
        """
        return self._starts[step] + row

    def _tensor(self, index):
        return torch.from_numpy(index).to(self.device)

    @KeptProperty
    def row(self):
        """The sequence that each step belongs to, (S_b,)."""
        return self._tensor(self.row_of)

    @KeptProperty
    def last(self):
        """Position of the last step of each sequence, (B,)."""
        return self._tensor(self.place(self.lengths - 1, np.arange(len(self))))

    @KeptProperty
    def reverse(self):
        """Position of the step that mirrors each step within its sequence, (S_b,)."""
        return self._tensor(self.place(self.lengths[self.row_of] - 1 - self.step_of, self.row_of))

    @KeptProperty
    def dense(self):
        """Position of each step in a dense array of shape (T * B), (S_b,)."""
        return self._tensor(self.step_of * len(self) + self.row_of)

    @KeptProperty
    def length(self):
        """Number of steps of each sequence as a tensor, (B,)."""
        return self._tensor(self.lengths)


def _check_lengths(lengths):
    lengths = np.asarray(lengths)
    if lengths.size and lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, got {lengths.dtype}.")
    if lengths.ndim != 1 or not len(lengths):
        raise ValueError(
            f"lengths must have one axis and hold at least one number, got the shape {lengths.shape}."
        )
    lengths = lengths.astype(np.int64, copy=False)
    if lengths.min() < 1:
        i = int((lengths < 1).argmax())
        raise ValueError(f"lengths must be at least 1, got lengths[{i}] = {lengths[i]}.")
    increases = lengths[1:] > lengths[:-1]
    if increases.any():
        i = int(increases.argmax())
        raise ValueError(
            f"lengths must not increase, got {lengths[i]} followed by lengths[{i + 1}] = {lengths[i + 1]}. "
            "Sort the sequences by their lengths, the longest first."
        )
    return lengths


@dataclass(eq=False)
class PackedBatch:
    """The sequences of one batch, with their targets and weights.

    Parameters
    ----------
    values : Tensor of shape (n_steps_total, n_features) or (n_steps_total,)
        The steps in the order of `packing`.
    packing : Packing
        The layout.
    targets : Tensor, optional
        One entry per sequence or per step.
    weights : Tensor, optional
        One entry per sequence or per step.
    index : ndarray of int, optional
        Positions of the predictions for this batch among those for the whole data set.
    chunk : int, optional
        The batch's place in a stream, from 0 on: the state after chunk k is what chunk k + 1 begins with.
        None if its sequences are whole.
    condition : Tensor of shape (n_sequences, p), optional
        A vector for each sequence.
    source : PackedBatch, or Tensor of shape (n_sequences, p), optional
        What the sequences are predicted from, see `PairDataset`: a batch in its own order; or a vector for
        each sequence.
    source_row : int64 Tensor of shape (n_sequences,), optional
        The row of each sequence's source, if `source` is a batch.
    """

    values: torch.Tensor
    packing: Packing
    targets: torch.Tensor | None = None
    weights: torch.Tensor | None = None
    index: np.ndarray | None = None
    chunk: int | None = None
    condition: torch.Tensor | None = None
    source: "PackedBatch | torch.Tensor | None" = None
    source_row: torch.Tensor | None = None

    def __len__(self):
        return len(self.packing)

    def __iter__(self):
        return iter((self, self.targets))  # skorch's callbacks unpack a batch as X and y
