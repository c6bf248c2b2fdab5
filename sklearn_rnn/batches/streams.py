"""Data sets that are read as a stream, in order: the state goes on from batch to batch."""

import sys

import numpy as np
import torch

from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.batches.digest import digest
from sklearn_rnn.batches.packing import PackedBatch, Packing
from sklearn_rnn.batches.protocol import Dataset
from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.encoding.vocabulary import FIRST_ID, to_outputs

# Longer sequences are read in parts in validation, where possible.
_LONGEST = 16384
# Codes of all lanes of a file that are read ahead.
_AHEAD = 2**20


class StreamDataset(Dataset):
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
    >>> from sklearn_rnn.batches.streams import StreamDataset
    >>> dataset = StreamDataset(np.arange(9), np.arange(1, 10), chunk=2)
    >>> [batch.values.tolist() for batch in dataset.batches(2, None, torch.zeros(1))]
    [[0, 5, 1, 6], [2, 7, 3, 8, 4]]
    """

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
        """Return a line of text that identifies the data, wherever they are."""
        return f"{len(self.values)} steps ({digest(self.values, self.targets)})"

    def batches(self, batch_size, rng, like):
        """Yield the chunks of all lanes in order.

        Parameters
        ----------
        batch_size : int
            Number of lanes; fewer if a lane would be shorter than a chunk.
        rng, like
            See `Dataset`.

        Yields
        ------
        PackedBatch
            A chunk of all lanes. The last one holds the rest.
        """
        n_lanes = min(batch_size, len(self))
        n_steps, n_longer = divmod(self.n_steps, n_lanes)  # the first lanes are one step longer
        starts = np.arange(n_lanes) * n_steps + np.minimum(np.arange(n_lanes), n_longer)
        read = self._make_reader(starts)
        condition = None
        if self.condition is not None:
            condition = torch.from_numpy(self.condition).to(like.device, like.dtype).expand(n_lanes, -1)
        for k, first in enumerate(range(0, max(1, n_steps - self.chunk + 1), self.chunk)):
            is_last = first + 2 * self.chunk > n_steps
            lengths = np.full(n_lanes, n_steps - first if is_last else self.chunk)
            if is_last:
                lengths[:n_longer] += 1
            packing = Packing._trusted(lengths, like.device)
            values, targets = (torch.from_numpy(a).to(like.device) for a in read(packing, first))
            yield PackedBatch(values, packing, targets, chunk=k, condition=condition)

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
    ids : ndarray of int of shape (n_characters,)
        The id of each of ``text.characters``; see `Vocabulary`. Targets are the outputs for these.
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
    >>> from sklearn_rnn.batches.streams import FileDataset
    >>> from sklearn_rnn.data.text_file import TextFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "text.txt")
    ...     n_bytes = path.write_bytes(b"abcabcabc")
    ...     dataset = FileDataset(TextFile(path), np.arange(1, 4), chunk=2)
    ...     [batch.values.tolist() for batch in dataset.batches(2, None, torch.zeros(1))]
    [[0, 2, 1, 3], [2, 1, 3, 2, 1]]
    """

    def __init__(self, text, ids, chunk, start=0, stop=None, n_lanes=None):
        self.text = text
        self.ids = ids
        self.chunk = chunk
        self.condition = None
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
        """Return a line of text that identifies the data, wherever they are."""
        return f"{self.n_steps} steps of a file ({self.text.digest} from {self.start} on)"

    def _make_reader(self, starts):
        points = np.array([ord(character) for character in self.text.characters])
        look_up = np.full(points.max() + 1, -1, dtype=np.int32)
        look_up[points] = self.ids
        begin, ahead = 0, np.zeros((len(starts), 0), dtype=np.int32)

        def read_lane(start, n_steps):
            """Read the ids from the step before `start` on; that of the beginning precedes the first step."""
            start += self.start
            ids = look_up[self.text.read(max(start - 1, 0), min(start + n_steps, self.stop))]
            return ids if start else np.insert(ids, 0, FIRST_ID)

        def read(packing, first):
            nonlocal begin, ahead
            n_steps = len(packing.batch_sizes)
            if first + n_steps >= begin + ahead.shape[1]:
                begin = first
                ahead = np.zeros((len(starts), 1 + max(n_steps, _AHEAD // len(starts))), dtype=np.int32)
                for lane, start in zip(ahead, starts, strict=True):
                    ids = read_lane(start + first, len(lane) - 1)
                    lane[: len(ids)] = ids
            index = packing.row_of * ahead.shape[1] + (packing.step_of + first - begin)
            values, targets = ahead.take(index), ahead.take(index + 1)
            return values.astype(np.int64), to_outputs(targets.astype(np.int64))

        return read

    def set_end_aside(self, n_steps):
        """Split into a training and a validation part; see `StreamDataset`."""
        border = self.stop - n_steps
        kept, end = (
            FileDataset(self.text, self.ids, self.chunk, *steps)
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
        return FileDataset(self.text, self.ids, _LONGEST, self.start, self.stop, n_lanes=1)


class PartsDataset(Dataset):
    """A stream that comes in parts, each of them read once and cut into lanes as a stream of its own.

    Parameters
    ----------
    streams : iterator of StreamDataset
        The parts.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn.batches.streams import PartsDataset, StreamDataset
    >>> parts = (StreamDataset(np.arange(n), np.arange(n), chunk=2) for n in (4, 3))
    >>> [batch.values.tolist() for batch in PartsDataset(parts).batches(2, None, torch.zeros(1))]
    [[0, 2, 1, 3], [0, 1, 2]]
    """

    n_steps = None  # not known before they are read

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
    >>> from sklearn_rnn.batches.streams import HeldOutDataset
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
