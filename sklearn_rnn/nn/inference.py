"""A network's answers for a whole data set, put back in the user's order."""

from contextlib import nullcontext
from functools import partial

import numpy as np
import torch

from sklearn_rnn.batches.packing import Carry, PackedBatch, Packing
from sklearn_rnn.batches.planning import plan_prediction
from sklearn_rnn.nn.kernels.choose import threads_for
from sklearn_rnn.nn.kernels.rows import exp_of_negative
from sklearn_rnn.nn.pooling import AttentionPooling, LastPooling, MaxPooling

_CHUNK = 16384  # steps up to which one sequence is read at once; a longer one in parts of a quarter
_LEAST_STEPS = 1000  # with fewer, threads are left as they are: a short prediction should not wait
# A network that also reads from the end runs longer in chunks: one sequence is read at once up to as many
# numbers of the top layer.
_MOST_OUTPUTS = 2**23


def answer(network, dataset, method):
    """Run a network over a data set in batches of similar length.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, in evaluation mode.
    dataset : SequenceDataset
        Encoded sequences.
    method : {"predict", "predict_proba"}
        The method of the network's head that is called.

    Returns
    -------
    ndarray
        One entry per sequence; or one per step of all sequences, concatenated.
    """
    ask = getattr(network.head, method)
    finish = None if network.head.rates_steps else ask  # a path of labels is that of a whole sequence
    if network.pooling is not None:

        def finish(outputs, packing):
            return ask(network.read_out(outputs), packing)

    return _gather(
        network,
        dataset,
        lambda batch: ask(network(batch), batch.packing),
        pooling=network.pooling,
        finish=finish,
    )


def hidden_states(network, dataset):
    """Run a network up to its head over a data set, in batches of similar length.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, in evaluation mode.
    dataset : SequenceDataset
        Encoded sequences; its `per_step` sets whether to return a row for each step or for each sequence.

    Returns
    -------
    ndarray of float32 of shape (n_sequences, D) or (n_steps_total, D)
        Outputs of the top layer, D numbers (its directions side by side): pooled as in the network, or as by
        `LastPooling` if the network has no pooling; or one row per step of all sequences, concatenated.
    """
    layers = getattr(network, "encoder", network)
    if dataset.per_step:
        return _gather(network, dataset, lambda batch: network.run_layers(batch).float(), layers=layers)
    pooling = network.pooling
    if pooling is None:
        pooling = LastPooling(network.recurrence.output_size, 2 if network.bidirectional else 1)
    return _gather(
        network,
        dataset,
        lambda batch: pooling(network.run_layers(batch), batch.packing).float(),
        pooling=pooling,
        finish=lambda outputs, packing: outputs.float(),
        layers=layers,
    )


def log_probabilities(network, dataset):
    """Return the log-probability of each target of a data set with a target at each step.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, in evaluation mode, with a softmax at each step.
    dataset : SequenceDataset
        Encoded sequences with targets. A long one is read in chunks.

    Returns
    -------
    ndarray of float32 of shape (n_steps_total,)
        Log-probabilities in nats, concatenated.
    """
    return _gather(network, dataset, partial(_look_up_targets, network))


def stream_log_probabilities(network, dataset):
    """Yield the log-probabilities of the targets of a stream, chunk by chunk; see `log_probabilities`.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, in evaluation mode, with a softmax at each step.
    dataset : StreamDataset
        The stream, which is read in one lane.

    Yields
    ------
    ndarray of float32 of shape (n_steps_of_the_chunk,)
        Log-probabilities in nats.
    """
    for batch in dataset.batches(1, None, network.like):
        with torch.inference_mode():
            logs = _look_up_targets(network, batch).cpu().numpy()
        yield logs


def _look_up_targets(network, batch):
    logs = torch.log_softmax(network(batch).float(), dim=1)
    return logs.gather(1, batch.targets[:, None])[:, 0]


def next_probabilities(network, dataset):
    """Return the probabilities of what comes next, at each step. Parameters are those of `log_probabilities`.

    Returns
    -------
    ndarray of float32 of shape (n_steps_total, n_outputs)
        Probabilities, concatenated.
    """
    return _gather(network, dataset, lambda batch: torch.softmax(network(batch).float(), dim=1))


def _gather(network, dataset, ask, *, pooling=None, finish=None, layers=None):
    """Run batch after batch, and put the rows of the answers back in the user's order.

    A long sequence is read chunk by chunk. With a `pooling` or `finish` the chunks have one answer: what
    ``finish(rows, packing)`` returns for their pooled outputs, or without a pooling for the scores of all
    steps. `layers` are those that read sequences, if they are a part of the network.
    """
    layers = network if layers is None else layers
    n_answers = len(dataset.sequences.values if dataset.per_step else dataset.sequences)
    answers = None

    def put(index, part):
        nonlocal answers
        part = part.cpu().numpy()
        if answers is None:
            answers = np.empty((n_answers, *part.shape[1:]), part.dtype)
        answers[index] = part

    longest = _CHUNK
    if layers.bidirectional:
        longest = max(longest, _MOST_OUTPUTS // layers.recurrence.output_size)
    is_long = dataset.lengths > longest
    is_much = dataset.lengths.sum() > _LEAST_STEPS
    with torch.inference_mode(), threads_for(network, len(dataset)) if is_much else nullcontext():
        short = np.flatnonzero(~is_long)
        for members in plan_prediction(dataset.lengths[short]):
            batch = dataset.gather(short[members], like=network.like)
            put(batch.index, ask(batch))
        for i in np.flatnonzero(is_long):
            sequence = _LongSequence(layers, dataset, i, network.like)
            if pooling is not None:
                put([sequence.row], finish(_pool(pooling, sequence), sequence.make_packing()))
            elif finish is not None:
                put(sequence.index, finish(_join(map(network, sequence), sequence), sequence.make_packing()))
            else:
                for batch in sequence:
                    put(batch.index, ask(batch))
    return answers


class _LongSequence:
    """The chunks of one sequence as batches of a network, which has to run each before the next is drawn."""

    def __init__(self, network, dataset, i, like):
        self.network, self._dataset, self.like = network, dataset, like
        self.row = i if dataset.rows is None else dataset.rows[i]
        self.n_steps = int(dataset.lengths[i])
        start = int(dataset.sequences.offsets[self.row])
        self.index = slice(start, start + self.n_steps)
        self._borders = [*range(start, start + self.n_steps, max(1, _CHUNK // 4)), start + self.n_steps]
        self._condition = None
        if dataset.condition is not None:
            self._condition = self._place(dataset.condition[[self.row]])
        self._starts = None
        if network.bidirectional:
            self._starts = network.recurrence.find_states(self._read, len(self), self._make_state())

    def __len__(self):
        return len(self._borders) - 1

    def __iter__(self):
        carry = Carry()
        for k in range(len(self)):
            if self._starts is not None:
                ahead = (self._starts[0] if carry.state is None else carry.state)[::2]
                carry.state = [s for pair in zip(ahead, self._starts[k][1::2], strict=True) for s in pair]
            index = slice(*self._borders[k : k + 2])
            values, targets = self._dataset.sequences.values, self._dataset.targets
            yield PackedBatch(
                self._place(values[index]),
                Packing(np.array([index.stop - index.start]), self.like.device),
                None if targets is None or not self._dataset.per_step else self._place(targets[index]),
                index=index,
                carry=carry,
                condition=self._condition,
            )

    def make_packing(self):
        """Make the packing of the whole sequence."""
        return Packing(np.array([self.n_steps]), self.like.device)

    def _place(self, array):
        like, tensor = self.like, torch.from_numpy(array.copy())
        return tensor.to(like.device, like.dtype if tensor.is_floating_point() else tensor.dtype)

    def _make_state(self):
        network = self.network
        if network.initial_state is not None:
            return network.initial_state(self._condition, network.recurrence.cells)
        return [cell.initial_state(1) for cell in network.recurrence.cells]

    def _read(self, k):
        values = self._place(self._dataset.sequences.values[slice(*self._borders[k : k + 2])])
        joins = self.network.joins_condition
        return self.network.read(values, self._condition.expand(len(values), -1) if joins else None)


def _join(parts, sequence):
    """Join the results of the chunks of a long sequence.

    Here and in `_pool`, small results are kept from chunk to chunk only in tensors made before: otherwise
    they would lie between the large ones of each chunk, and keep their memory from being reused.
    """
    joined, start = None, 0
    for part in parts:
        if joined is None:
            joined = part.new_empty(sequence.n_steps, *part.shape[1:])
        joined[start : start + len(part)] = part
        start += len(part)
    return joined


def _pool(pooling, sequence):
    """Pool the outputs of a long sequence, (1, D), as `pooling` would pool them all."""
    network, device = sequence.network, sequence.like.device
    outputs = (network.run_layers(batch) for batch in sequence)
    if isinstance(pooling, LastPooling):
        ends = sequence.like.new_empty(2, network.recurrence.output_size)
        for k, part in enumerate(outputs):
            ends[:] = torch.stack([part[0] if k == 0 else ends[0], part[-1]])
        return pooling(ends, Packing(np.array([2]), device))
    if isinstance(pooling, MaxPooling):
        highest = sequence.like.new_full((1, network.recurrence.output_size), -torch.inf)
        for part in outputs:
            torch.maximum(highest, part.amax(dim=0), out=highest)
        return pooling(highest, Packing(np.array([1]), device))
    rows = torch.zeros(sequence.n_steps, dtype=torch.int64, device=device)
    n_steps = torch.full((1, 1), sequence.n_steps, device=device)
    weights = None
    if isinstance(pooling, AttentionPooling):
        energy = _join(map(pooling.rate, outputs), sequence)
        weights = exp_of_negative(energy - energy.max())
        weights = weights / weights.new_zeros(1).index_add(0, rows, weights)
        outputs = (network.run_layers(batch) for batch in sequence)  # once more, instead of keeping them
    total, start = sequence.like.new_zeros(1, network.recurrence.output_size), 0
    for part in outputs:
        here = slice(start, start + len(part))
        total.index_add_(0, rows[here], part if weights is None else weights[here, None] * part)
        start = here.stop
    return total / n_steps if weights is None else total
