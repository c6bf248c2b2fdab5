"""Long sequences, which are read chunk by chunk: the answers are those of the whole."""

import numpy as np
import torch

from sklearn_rnn.batches.packing import PackedBatch, Packing
from sklearn_rnn.nn.kernels.rows import exp_of_negative
from sklearn_rnn.nn.pooling import AttentionPooling, LastPooling, MaxPooling

# Steps up to which one sequence is read at once; a longer one in parts of a quarter.
_CHUNK = 16384
# A network that also reads from the end runs longer in chunks: one sequence is read at once up to as many
# numbers of the top layer.
_MOST_OUTPUTS = 2**23


def find_longest(layers):
    """Return the number of steps up to which a sequence is read at once.

    Parameters
    ----------
    layers : RecurrentLayers
        What reads it.

    Returns
    -------
    int
        The number.
    """
    return max(_CHUNK, _MOST_OUTPUTS // layers.recurrence.output_size) if layers.bidirectional else _CHUNK


class LongSequence:
    """A sequence of a data set that is read chunk by chunk.

    Parameters
    ----------
    layers : RecurrentLayers
        What reads it.
    dataset : SequenceDataset
        The data set.
    i : int
        Index of the sequence.
    like : Tensor
        See `RowDataset.gather`.

    Attributes
    ----------
    packing : Packing
        The layout of the whole sequence.
    index : slice, or list of int
        Positions of the answers for it; see `PackedBatch`.
    """

    def __init__(self, layers, dataset, i, like):
        self.layers, self._dataset, self.like = layers, dataset, like
        row = i if dataset.rows is None else dataset.rows[i]
        n_steps, self._first = int(dataset.lengths[i]), int(dataset.sequences.offsets[row])
        self.packing = Packing(np.array([n_steps]), like.device)
        self.index = slice(self._first, self._first + n_steps) if dataset.per_step else [row]
        borders = [*range(0, n_steps, max(1, _CHUNK // 4)), n_steps]
        self._places = [slice(*pair) for pair in zip(borders, borders[1:], strict=False)]
        self._condition = None
        if dataset.condition is not None:
            self._condition = self._put_on_device(dataset.condition[[row]])
        self._starts = None
        if layers.bidirectional:
            self._starts = layers.recurrence.find_states(self._read, len(self._places), self._make_state())

    def __len__(self):
        return self.packing.n_steps_total

    def run(self, run, take):
        """Run the chunks one after the other.

        Parameters
        ----------
        run : callable
            ``run(batch, state, need_state=True)`` returns what comes out of a chunk, a row for each step, and
            the state after it; such as `RecurrentLayers.run_layers`.
        take : callable
            Called with these rows, the chunk as a batch, and its place in the sequence as a slice.
        """
        state = None
        for k in range(len(self._places)):
            state = self._run_chunk(k, state, run, take)

    def _run_chunk(self, k, state, run, take):
        """Run a chunk and return the state after it; all else that is large is gone by then."""
        batch = self._make_batch(k)
        rows, state = run(batch, self._find_start(k, state), need_state=True)
        take(rows, batch, self._places[k])
        return state

    def join(self, run):
        """Run the chunks, and put together what comes out of them.

        Here and in `pool`, small results are kept from chunk to chunk only in tensors made before: otherwise
        they would lie between the large ones of each chunk, and keep their memory from being reused.

        Parameters
        ----------
        run : callable
            See `run`.

        Returns
        -------
        Tensor of shape (n_steps, n)
            A row for each step.
        """
        joined = None

        def take(rows, batch, place):
            nonlocal joined
            if joined is None:
                joined = rows.new_empty(len(self), *rows.shape[1:])
            joined[place] = rows

        self.run(run, take)
        return joined

    def _make_batch(self, k):
        place, values, targets = self._places[k], self._dataset.sequences.values, self._dataset.targets
        index = slice(self._first + place.start, self._first + place.stop)
        return PackedBatch(
            self._put_on_device(values[index]),
            Packing(np.array([place.stop - place.start]), self.like.device),
            None if targets is None or not self._dataset.per_step else self._put_on_device(targets[index]),
            index=index,
            chunk=k,
            condition=self._condition,
        )

    def _find_start(self, k, state):
        """Return what a chunk begins with, in both directions, from the state after the one before."""
        if self._starts is None:
            return state
        ahead = (self._starts[0] if state is None else state)[::2]
        return [s for pair in zip(ahead, self._starts[k][1::2], strict=True) for s in pair]

    def _put_on_device(self, array):
        like, tensor = self.like, torch.from_numpy(array.copy())
        return tensor.to(like.device, like.dtype if tensor.is_floating_point() else tensor.dtype)

    def _make_state(self):
        layers = self.layers
        if layers.initial_state is not None:
            return layers.initial_state(self._condition, layers.recurrence.cells)
        return [cell.initial_state(1) for cell in layers.recurrence.cells]

    def _read(self, k):
        batch, joins = self._make_batch(k), self.layers.joins_condition
        return self.layers.read(
            batch.values, self._condition.expand(len(batch.values), -1) if joins else None
        )


def pool(pooling, sequence):
    """Pool the outputs of a long sequence.

    Parameters
    ----------
    pooling : Module
        One of `POOLINGS`.
    sequence : LongSequence
        The sequence.

    Returns
    -------
    Tensor of shape (1, D)
        What `pooling` would return for all steps at once.
    """
    layers, like, device = sequence.layers, sequence.like, sequence.like.device
    size = layers.recurrence.output_size
    if isinstance(pooling, LastPooling):
        ends = like.new_empty(2, size)

        def take_ends(outputs, batch, place):
            if place.start == 0:
                ends[0] = outputs[0]
            ends[1] = outputs[-1]

        sequence.run(layers.run_layers, take_ends)
        return pooling(ends, Packing(np.array([2]), device))
    if isinstance(pooling, MaxPooling):
        highest = like.new_full((1, size), -torch.inf)

        def take_highest(outputs, batch, place):
            torch.maximum(highest, outputs.amax(dim=0), out=highest)

        sequence.run(layers.run_layers, take_highest)
        return pooling(highest, Packing(np.array([1]), device))
    rows = torch.zeros(len(sequence), dtype=torch.int64, device=device)
    n_steps = torch.full((1, 1), len(sequence), device=device)
    weights = None
    if isinstance(pooling, AttentionPooling):

        def rate(batch, state, *, need_state):
            outputs, state = layers.run_layers(batch, state, need_state=need_state)
            return pooling.rate(outputs), state

        energy = sequence.join(rate)
        weights = exp_of_negative(energy - energy.max())
        weights = weights / weights.new_zeros(1).index_add(0, rows, weights)
    total = like.new_zeros(1, size)

    def add(outputs, batch, place):
        total.index_add_(0, rows[place], outputs if weights is None else weights[place, None] * outputs)

    sequence.run(layers.run_layers, add)  # with attention once more, instead of keeping the outputs
    return total / n_steps if weights is None else total
