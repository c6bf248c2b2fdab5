"""Batches without padding: which sequences go together, and their steps laid out for the time loop."""

import hashlib
import sys

import numpy as np
import torch

from sklearn_rnn.data.sequences import Sequences, step_positions

# A pool of this many batches is sorted by length and cut into batches; more pools mix better,
# larger pools waste fewer steps of the time loop.
_BATCHES_A_POOL = 8
# Prediction needs no gradients, so its batches are bounded by steps alone.
_PREDICTION_STEPS = 32768
# Longer sequences are read in parts in validation, where possible.
_LONGEST = 16384
# Codes of all lanes of a file that are read ahead.
_AHEAD = 2**20


class _KeptProperty:
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
    >>> from sklearn_rnn.data.batching import Packing
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

    @_KeptProperty
    def row(self):
        """The sequence that each step belongs to, (S_b,)."""
        return self._tensor(self.row_of)

    @_KeptProperty
    def last(self):
        """Position of the last step of each sequence, (B,)."""
        return self._tensor(self.place(self.lengths - 1, np.arange(len(self))))

    @_KeptProperty
    def reverse(self):
        """Position of the step that mirrors each step within its sequence, (S_b,)."""
        return self._tensor(self.place(self.lengths[self.row_of] - 1 - self.step_of, self.row_of))

    @_KeptProperty
    def dense(self):
        """Position of each step in a dense array of shape (T * B), (S_b,)."""
        return self._tensor(self.step_of * len(self) + self.row_of)

    @_KeptProperty
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
    carry : Carry, optional
        Holds the state between the batches of a stream.
    condition : Tensor of shape (n_sequences, p), optional
        A vector for each sequence.
    """

    source = source_row = None  # see `PairDataset`

    def __init__(self, values, packing, targets=None, weights=None, index=None, carry=None, condition=None):
        self.values = values
        self.packing = packing
        self.targets = targets
        self.weights = weights
        self.index = index
        self.carry = carry
        self.condition = condition

    def __len__(self):
        return len(self.packing)

    def __iter__(self):
        return iter((self, self.targets))  # skorch's callbacks unpack a batch as X and y


class Carry:
    """The state after a batch, for the batch that continues the same sequences.

    Attributes
    ----------
    state : list of tuple of Tensor, or None
        See `Recurrence.forward`; None before the first batch.
    """

    def __init__(self):
        self.state = None


class SequenceDataset:
    """Encoded sequences with targets and weights, from which batches are gathered.

    Parameters
    ----------
    sequences : Sequences
        Numbers as float32, or tokens as int64 codes.
    targets : ndarray, optional
        One entry per sequence, or one per step of all sequences laid end to end.
    weights : ndarray, optional
        Laid out like the targets.
    per_step : bool, default=False
        Whether targets and weights belong to steps.
    rows : ndarray of int, optional
        Indices of the sequences that belong to this data set; by default all.
    condition : ndarray of float32 of shape (n_sequences, p), optional
        A vector for each of `sequences`.
    """

    def __init__(self, sequences, targets=None, weights=None, *, per_step=False, rows=None, condition=None):
        self.sequences = sequences
        self.targets = targets
        self.weights = weights
        self.per_step = per_step
        self.rows = rows
        self.condition = condition
        self.lengths = sequences.lengths if rows is None else sequences.lengths[rows]

    def __len__(self):
        return len(self.lengths)

    @property
    def n_steps(self):
        """Number of steps of all sequences together."""
        return int(self.lengths.sum())

    def keep(self, rows):
        """Select some sequences, without a copy.

        Parameters
        ----------
        rows : ndarray of int
            Indices into `sequences`.

        Returns
        -------
        SequenceDataset
            A data set over the same arrays.
        """
        return SequenceDataset(
            self.sequences,
            self.targets,
            self.weights,
            per_step=self.per_step,
            rows=rows,
            condition=self.condition,
        )

    def subset(self, rows):
        """Copy some sequences into a data set of their own.

        Parameters
        ----------
        rows : ndarray of int
            Indices into `sequences`.

        Returns
        -------
        SequenceDataset
            A data set of the selected rows only.
        """
        sequences = self.sequences[rows]
        index = rows
        if self.per_step:
            index = step_positions(self.sequences.offsets[rows], sequences.lengths)
        targets, weights = (None if a is None else a[index] for a in (self.targets, self.weights))
        condition = None if self.condition is None else self.condition[rows]
        return SequenceDataset(sequences, targets, weights, per_step=self.per_step, condition=condition)

    def fingerprint(self):
        """Return a line of text that identifies the data."""
        arrays = (self.sequences.values, self.sequences.offsets, self.targets, self.weights, self.rows)
        return f"{len(self)} sequences ({digest(*arrays, self.condition)})"

    def batches(self, batch_size, rng, like):
        """Yield all sequences in batches, drawn again in each call.

        Parameters
        ----------
        batch_size : int
            Number of sequences in a batch.
        rng : numpy.random.RandomState
            Source of the order.
        like : Tensor
            See `gather`.

        Yields
        ------
        PackedBatch
            A batch.
        """
        for members in plan_training(self.lengths, batch_size, rng):
            yield self.gather(members, like)

    def gather(self, members, like):
        """Lay out one batch.

        Parameters
        ----------
        members : ndarray of int
            Positions in this data set, in order of decreasing length.
        like : Tensor
            The batch is made on its device, numbers with its type.

        Returns
        -------
        PackedBatch
            The batch.
        """
        rows = members if self.rows is None else self.rows[members]
        packing = Packing._trusted(self.lengths[members], like.device)
        positions = self.sequences.offsets[rows][packing.row_of] + packing.step_of
        index = positions if self.per_step else rows

        def take(array, where):
            if array is None:
                return None
            taken = torch.from_numpy(array.take(where, axis=0))
            return taken.to(like.device, like.dtype if taken.is_floating_point() else taken.dtype)

        return PackedBatch(
            take(self.sequences.values, positions),
            packing,
            take(self.targets, index),
            take(self.weights, index),
            index,
            condition=take(self.condition, rows),
        )


class WindowDataset:
    """Windows of series: at each step the past is the input, and the next steps are the target.

    Only the current batch is copied, however much windows overlap.

    Parameters
    ----------
    values : ndarray of float of shape (n_steps_total, n_features)
        The steps of all series, laid end to end. They are scaled in float64.
    known : ndarray of float32 of shape (n_steps_total, n_known), or None
        What is known of each step in advance, laid out like `values`.
    starts, lengths : ndarray of int of shape (n_windows,)
        Where in `values` each window begins, and its number of steps. A window never reaches into the next
        series; neither do its predictions.
    mean, scale : ndarray of shape (n_windows, n_features)
        What is subtracted from the values of a window, and what they are then divided by.
    horizon : int
        How many steps after a step are predicted there.
    weights : ndarray of shape (n_windows,), optional
        Of the steps of each window.
    judged : ndarray of int of shape (n_windows,), optional
        Number of steps at the end of each window whose predictions count. By default all.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn.data.batching import WindowDataset
    >>> values = np.arange(10, dtype=np.float32)[:, np.newaxis]
    >>> one = np.ones((2, 1))
    >>> windows = WindowDataset(values, None, np.array([0, 5]), np.array([3, 3]), 0 * one, one, horizon=2)
    >>> batch = windows.gather(np.array([0, 1]), torch.zeros(1))
    >>> batch.values[:, 0].tolist()
    [0.0, 5.0, 1.0, 6.0, 2.0, 7.0]
    >>> batch.targets.tolist()[:2]
    [[1.0, 2.0], [6.0, 7.0]]
    """

    per_step = True

    def __init__(self, values, known, starts, lengths, mean, scale, horizon=1, *, weights=None, judged=None):
        self.values = values
        self.known = known
        self.starts = starts
        self.lengths = lengths
        self.mean = mean
        self.scale = scale
        self.horizon = horizon
        self.weights = weights
        self.judged = judged
        if judged is not None:  # the mean over all steps must equal that over the steps that count
            self.weights = np.ones(len(starts)) if weights is None else weights
            self.weights = self.weights * lengths.sum() / (self.weights * judged).sum()

    def __len__(self):
        return len(self.lengths)

    def batches(self, batch_size, rng, like):
        """Yield all windows in batches, drawn again in each call; see `SequenceDataset`."""
        for members in plan_training(self.lengths, batch_size, rng):
            yield self.gather(members, like)

    def gather(self, members, like, *, has_targets=True):
        """Lay out one batch.

        Parameters
        ----------
        members : ndarray of int
            Indices of the windows, in order of decreasing length.
        like : Tensor
            See `SequenceDataset.gather`.
        has_targets : bool, default=True
            Whether to return targets, for which the values after each step must exist.

        Returns
        -------
        PackedBatch
            Inputs: the values at a step and what is known of the `horizon` steps after it. Targets: the
            values at these steps, step after step.
        """
        packing = Packing._trusted(self.lengths[members], like.device)
        row = members[packing.row_of]
        at = self.starts[row] + packing.step_of
        mean, scale = self.mean[row], self.scale[row]  # (S_b, F)
        after = at[:, np.newaxis] + np.arange(1, self.horizon + 1)  # (S_b, horizon)
        inputs = (self.values[at] - mean) / scale
        if self.known is not None:
            inputs = np.hstack([inputs, self.known[after].reshape(len(at), -1)])
        targets = weights = None
        if has_targets:
            targets = (self.values[after] - mean[:, np.newaxis]) / scale[:, np.newaxis]
            targets = targets.reshape(len(at), -1)
            weights = None if self.weights is None else self.weights[row]
            if self.judged is not None:
                weights = weights * (packing.step_of >= (self.lengths - self.judged)[row])
        inputs, targets, weights = (
            None if a is None else torch.from_numpy(a).to(like.device, like.dtype)
            for a in (inputs, targets, weights)
        )
        return PackedBatch(inputs, packing, targets, weights, members)

    def look_ahead(self, members, n_steps, like):
        """Return what is known of the steps after each window, without the first.

        Parameters
        ----------
        members, like
            See `gather`.
        n_steps : int
            Number of steps after a window, the first included.

        Returns
        -------
        Tensor of shape (B, n_steps - 1, n_known)
            The last axis is empty if nothing is known.
        """
        if self.known is None:
            return torch.zeros(len(members), n_steps - 1, 0, device=like.device, dtype=like.dtype)
        ends = self.starts[members] + self.lengths[members]
        known = self.known[ends[:, np.newaxis] + np.arange(1, n_steps)]
        return torch.from_numpy(known).to(like.device, like.dtype)


class StreamDataset:
    """One long sequence, cut into lanes that are read side by side, chunk by chunk.

    Parameters
    ----------
    values : ndarray of int64 of shape (n_steps,)
        Token codes.
    targets : ndarray of int64 of shape (n_steps,)
        The code of what comes next.
    chunk : int
        Number of steps of a batch. The state is carried from chunk to chunk, gradients are not.
    condition : ndarray of float32 of shape (1, p), optional
        The vector of the sequence.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn.data.batching import StreamDataset
    >>> dataset = StreamDataset(np.arange(9), np.arange(1, 10), chunk=2)
    >>> [batch.values.tolist() for batch in dataset.batches(2, None, torch.zeros(1))]
    [[0, 5, 1, 6], [2, 7, 3, 8, 4]]
    """

    per_step = True
    weights = condition = None

    def __init__(self, values, targets, chunk, condition=None):
        self.values = values
        self.targets = targets
        self.chunk = chunk
        self.condition = condition

    def __len__(self):
        return max(1, self.n_steps // self.chunk)

    @property
    def n_steps(self):
        """Number of steps of the stream."""
        return len(self.values)

    def fingerprint(self):
        """Return a line of text that identifies the data."""
        return f"{len(self.values)} steps ({digest(self.values, self.targets)})"

    def batches(self, batch_size, rng, like):
        """Yield the chunks of all lanes in order.

        Parameters
        ----------
        batch_size : int
            Number of lanes; fewer if a lane would be shorter than a chunk.
        rng : object
            Not used: a stream has one order.
        like : Tensor
            The batches are made on its device.

        Yields
        ------
        PackedBatch
            A chunk of all lanes. The last one holds the rest.
        """
        n_lanes = min(batch_size, len(self))
        n_steps, n_longer = divmod(self.n_steps, n_lanes)  # the first lanes are one step longer
        starts = np.arange(n_lanes) * n_steps + np.minimum(np.arange(n_lanes), n_longer)
        read = self._make_reader(starts)
        carry, condition = Carry(), None
        if self.condition is not None:
            condition = torch.from_numpy(self.condition).to(like.device, like.dtype).expand(n_lanes, -1)
        for first in range(0, max(1, n_steps - self.chunk + 1), self.chunk):
            is_last = first + 2 * self.chunk > n_steps
            lengths = np.full(n_lanes, n_steps - first if is_last else self.chunk)
            if is_last:
                lengths[:n_longer] += 1
            packing = Packing._trusted(lengths, like.device)
            values, targets = (torch.from_numpy(a).to(like.device) for a in read(packing, first))
            yield PackedBatch(values, packing, targets, carry=carry, condition=condition)

    def _make_reader(self, starts):
        """Return a function that reads values and targets of a chunk, from its packing and first step."""

        def read(packing, first):
            index = starts[packing.row_of] + first + packing.step_of
            return self.values.take(index), self.targets.take(index)

        return read

    def set_end_aside(self, n_steps):
        """Split into a training and a validation part.

        Parameters
        ----------
        n_steps : int
            Number of steps at the end that are set aside.

        Returns
        -------
        kept : StreamDataset
            A stream without its end.
        held_out : HeldOutDataset
            The end.
        """
        values, targets = self.values[-n_steps:], self.targets[-n_steps:]
        held_out = HeldOutDataset(Sequences(values, np.array([0, n_steps])), targets, per_step=True)
        return StreamDataset(self.values[:-n_steps], self.targets[:-n_steps], self.chunk), held_out


class FileDataset(StreamDataset):
    """A file of text, or a part of it, that is read as a stream; the batches are those of `StreamDataset`.

    Parameters
    ----------
    text : TextFile
        The file.
    codes : ndarray of int of shape (n_characters,)
        The code of each of ``text.characters`` as a target; as a value it is one more.
    chunk : int
        Number of steps of a batch.
    start, stop : int, optional
        The steps that are read; by default all.
    n_lanes : int, optional
        The largest number of lanes.

    Examples
    --------
    >>> import tempfile, torch
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from sklearn_rnn.data.batching import FileDataset
    >>> from sklearn_rnn.data.text_file import TextFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "text.txt")
    ...     n_bytes = path.write_bytes(b"abcabcabc")
    ...     dataset = FileDataset(TextFile(path), np.arange(3), chunk=2)
    ...     [batch.values.tolist() for batch in dataset.batches(2, None, torch.zeros(1))]
    [[0, 2, 1, 3], [2, 1, 3, 2, 1]]
    """

    def __init__(self, text, codes, chunk, start=0, stop=None, n_lanes=None):
        self.text = text
        self.codes = codes
        self.chunk = chunk
        self.start = start
        self.stop = len(text) if stop is None else stop
        self.n_lanes = n_lanes

    def __len__(self):
        n_lanes = super().__len__()
        return n_lanes if self.n_lanes is None else min(n_lanes, self.n_lanes)

    @property
    def n_steps(self):
        """Number of steps that are read."""
        return self.stop - self.start

    def fingerprint(self):
        """Return a line of text that identifies the data."""
        return f"{self.n_steps} steps of a file ({self.text.digest} from {self.start} on)"

    def _make_reader(self, starts):
        points = np.array([ord(character) for character in self.text.characters])
        look_up = np.full(points.max() + 1, -1, dtype=np.int32)
        look_up[points] = self.codes
        begin, ahead = 0, np.zeros((len(starts), 0), dtype=np.int32)

        def read_lane(start, n_steps):
            """Read the codes from the step before `start` on; -1 precedes the first step."""
            start += self.start
            codes = look_up[self.text.read(max(start - 1, 0), min(start + n_steps, self.stop))]
            return codes if start else np.insert(codes, 0, -1)

        def read(packing, first):
            nonlocal begin, ahead
            n_steps = len(packing.batch_sizes)
            if first + n_steps >= begin + ahead.shape[1]:
                begin = first
                ahead = np.zeros((len(starts), 1 + max(n_steps, _AHEAD // len(starts))), dtype=np.int32)
                for lane, start in zip(ahead, starts, strict=True):
                    codes = read_lane(start + first, len(lane) - 1)
                    lane[: len(codes)] = codes
            index = packing.row_of * ahead.shape[1] + (packing.step_of + first - begin)
            values, targets = ahead.take(index), ahead.take(index + 1)
            return values.astype(np.int64) + 1, targets.astype(np.int64)

        return read

    def set_end_aside(self, n_steps):
        """Split into a training and a validation part; see `StreamDataset`."""
        border = self.stop - n_steps
        kept, end = (
            FileDataset(self.text, self.codes, self.chunk, *steps)
            for steps in ((self.start, border), (border, self.stop))
        )
        return kept, end.as_held_out()

    def as_held_out(self):
        """Return the same steps in a single lane, for validation or scoring.

        Returns
        -------
        FileDataset
            Long chunks of one lane.
        """
        return FileDataset(self.text, self.codes, _LONGEST, self.start, self.stop, n_lanes=1)


class PartsDataset:
    """A stream that comes in parts, each of them read once and cut into lanes as a stream of its own.

    Parameters
    ----------
    streams : iterator of StreamDataset
        The parts.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn.data.batching import PartsDataset, StreamDataset
    >>> parts = (StreamDataset(np.arange(n), np.arange(n), chunk=2) for n in (4, 3))
    >>> [batch.values.tolist() for batch in PartsDataset(parts).batches(2, None, torch.zeros(1))]
    [[0, 2, 1, 3], [0, 1, 2]]
    """

    per_step = True
    weights = None
    n_steps = None  # not known

    def __init__(self, streams):
        self.streams = streams

    def __len__(self):
        return sys.maxsize  # the number of lanes depends on each part

    def batches(self, batch_size, rng, like):
        """Yield the chunks of all lanes, part after part; see `StreamDataset`."""
        for stream in self.streams:
            yield from stream.batches(batch_size, rng, like)


class HeldOutDataset(SequenceDataset):
    """Sequences of tokens for validation, long ones in parts. Parameters are those of `SequenceDataset`.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn import Sequences
    >>> from sklearn_rnn.data.batching import HeldOutDataset
    >>> sequences = Sequences(np.zeros(40_000, dtype=np.int64), np.array([0, 40_000]))
    >>> dataset = HeldOutDataset(sequences, np.zeros(40_000, dtype=np.int64), per_step=True)
    >>> [len(batch.values) for batch in dataset.batches(32, np.random.RandomState(0), torch.zeros(1))]
    [16384, 23616]
    """

    def batches(self, batch_size, rng, like):
        """Yield all sequences in batches; a long one by itself, chunk by chunk. See `SequenceDataset`."""
        is_long = self.lengths > _LONGEST
        if not is_long.all():
            yield from self.subset(np.flatnonzero(~is_long)).batches(batch_size, rng, like)
        for i in np.flatnonzero(is_long):
            one = self.subset(np.array([i]))
            stream = StreamDataset(one.sequences.values, one.targets, _LONGEST, one.condition)
            yield from stream.batches(1, rng, like)


def digest(*arrays):
    """Return a short text that identifies arrays.

    Parameters
    ----------
    *arrays : ndarray or None
        Arrays of any type and shape.

    Returns
    -------
    str
        16 hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.batching import digest
    >>> digest(np.arange(3), None) == digest(np.arange(3), None) != digest(None, np.arange(3))
    True
    """
    total = hashlib.blake2b(digest_size=8)
    for a in arrays:
        if a is None:
            total.update(b"none")
            continue
        total.update(f"{a.dtype} {a.shape}".encode())
        total.update(repr(a.tolist()).encode() if a.dtype.kind == "O" else a.ravel().view(np.uint8))
    return total.hexdigest()


class PairDataset:
    """Target sequences with the sources that they are predicted from.

    Parameters
    ----------
    sources : Sequences, or ndarray of float32 of shape (n_pairs, p)
        Encoded sequences; or vectors.
    inputs : Sequences
        What the decoder reads: the symbol of the beginning, then the codes of each target.
    targets : ndarray of int64 of shape (n_steps_total,), optional
        What the decoder should write at each of these steps.
    weights : ndarray of shape (n_steps_total,), optional
        Weights of the steps.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn import Sequences
    >>> from sklearn_rnn.data.batching import PairDataset
    >>> sources = Sequences(np.arange(5), np.array([0, 3, 5]))
    >>> dataset = PairDataset(sources, Sequences(np.arange(6), np.array([0, 2, 6])))
    >>> batch = dataset.gather(np.array([1, 0]), torch.zeros(1))
    >>> batch.values.tolist(), batch.source.values.tolist(), batch.source_row.tolist()
    ([2, 0, 3, 1, 4, 5], [0, 3, 1, 4, 2], [1, 0])
    """

    per_step = True

    def __init__(self, sources, inputs, targets=None, weights=None):
        self.sources = sources
        self.written = SequenceDataset(inputs, targets, weights, per_step=True)
        self.weights = weights
        # In the order of the targets' lengths, and where these are equal, of the sources'.
        self.lengths = inputs.lengths.astype(np.float64)
        if isinstance(sources, Sequences):
            self.lengths += sources.lengths / (1 + sources.lengths.max())

    def __len__(self):
        return len(self.lengths)

    @property
    def n_steps(self):
        """Number of steps of all targets together."""
        return self.written.n_steps

    @property
    def targets(self):
        """What the decoder should write, laid end to end."""
        return self.written.targets

    def subset(self, rows):
        """Copy some pairs into a data set of their own.

        Parameters
        ----------
        rows : ndarray of int
            Indices of the pairs.

        Returns
        -------
        PairDataset
            A data set of the selected rows only.
        """
        written = self.written.subset(rows)
        return PairDataset(self.sources[rows], written.sequences, written.targets, written.weights)

    keep = subset

    def fingerprint(self):
        """Return a line of text that identifies the data."""
        sources = self.sources
        arrays = (sources.values, sources.offsets) if isinstance(sources, Sequences) else (sources,)
        return f"{self.written.fingerprint()} from {digest(*arrays)}"

    def batches(self, batch_size, rng, like):
        """Yield all pairs in batches, drawn again in each call; see `SequenceDataset`."""
        for members in plan_training(self.lengths, batch_size, rng):
            yield self.gather(members, like)

    def gather(self, members, like):
        """Lay out one batch.

        Parameters
        ----------
        members : ndarray of int
            Positions in this data set, in order of decreasing length of their targets.
        like : Tensor
            See `SequenceDataset.gather`.

        Returns
        -------
        PackedBatch
            The targets. Its ``source`` holds the sources as a separate batch in its own order, and its
            ``source_row`` holds the row of the source of each target. If sources are vectors, ``source``
            holds them as (B, p), in the order of the targets, and ``source_row`` is None.
        """
        batch = self.written.gather(members, like)
        batch.source, batch.source_row = gather_sources(self.sources, members, like)
        return batch


def gather_sources(sources, members, like):
    """Lay out some sources.

    Parameters
    ----------
    sources : Sequences or ndarray of float32 of shape (n, p)
        All sources.
    members : ndarray of int
        Indices of the sources, in any order.
    like : Tensor
        See `SequenceDataset.gather`.

    Returns
    -------
    source : PackedBatch, or Tensor of shape (B, p)
        A batch, in order of decreasing length; or vectors, in the order of `members`.
    row : int64 Tensor of shape (B,), or None
        Row of each member in the batch.
    """
    if not isinstance(sources, Sequences):
        return torch.from_numpy(sources[members]).to(like.device, like.dtype), None
    order = np.argsort(-sources.lengths[members], kind="stable")
    row = np.empty_like(order)
    row[order] = np.arange(len(order))
    source = SequenceDataset(sources, per_step=True).gather(members[order], like)
    return source, torch.from_numpy(row).to(like.device)


def plan_training(lengths, batch_size, rng):
    """Cut sequences into batches of similar length, in random order.

    Parameters
    ----------
    lengths : ndarray of int of shape (n_sequences,)
        Number of steps of each sequence.
    batch_size : int
        Number of sequences in a batch; the last one of a plan may be smaller.
    rng : numpy.random.RandomState
        Source of the order.

    Returns
    -------
    list of ndarray of int
        The members of each batch, in order of decreasing length.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.batching import plan_training
    >>> plan = plan_training(np.array([5, 1, 2, 4]), 2, np.random.RandomState(0))
    >>> sorted(batch.tolist() for batch in plan)
    [[0, 3], [2, 1]]
    """
    order = rng.permutation(len(lengths))
    pool = batch_size * _BATCHES_A_POOL
    batches = []
    for start in range(0, len(order), pool):
        members = order[start : start + pool]
        members = members[np.argsort(-lengths[members], kind="stable")]
        batches += [members[i : i + batch_size] for i in range(0, len(members), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def plan_prediction(lengths):
    """Cut sequences into batches of similar length, bounded by their number of steps.

    Parameters
    ----------
    lengths : ndarray of int of shape (n_sequences,)
        Number of steps of each sequence.

    Yields
    ------
    ndarray of int
        The members of a batch, in order of decreasing length.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.batching import plan_prediction
    >>> list(plan_prediction(np.array([2, 9, 4])))
    [array([1, 2, 0])]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, _PREDICTION_STEPS // int(lengths[order[start]]))
        yield order[start:stop]
        start = stop
