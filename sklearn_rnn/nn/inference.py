"""A network's answers for a whole data set, put back in the user's order."""

from contextlib import nullcontext
from functools import partial

import numpy as np
import torch

from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.batches.planning import plan_prediction
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.nn.kernels.choose import threads_for
from sklearn_rnn.nn.long_sequences import LongSequence, find_longest, pool
from sklearn_rnn.nn.pooling import LastPooling

_LEAST_STEPS = 1000  # with fewer, threads are left as they are: a short prediction should not wait


def ask_in_batches(plan, ask, n_answers, threads):
    """Ask about one batch after another, and put the answers back in the user's order.

    Parameters
    ----------
    plan : iterable of ndarray of int
        The members of each batch, such as from `plan_prediction`.
    ask : callable
        Called with the members of a batch, and with a function to put answers in their places:
        ``put(index, rows)``, where rows are a Tensor, or a list of objects.
    n_answers : int
        Number of rows of all answers together.
    threads : context manager
        See `threads_for`.

    Returns
    -------
    ndarray
        All answers; an object array if they came in lists.

    Examples
    --------
    >>> from contextlib import nullcontext
    >>> import numpy as np, torch
    >>> from sklearn_rnn.nn.inference import ask_in_batches
    >>> plan = [np.array([2, 0]), np.array([1])]
    >>> ask_in_batches(plan, lambda members, put: put(members, torch.tensor(members**2)), 3, nullcontext())
    array([0, 1, 4])
    """
    answers = None

    def put(index, rows):
        nonlocal answers
        rows = rows.cpu().numpy() if isinstance(rows, torch.Tensor) else object_array(rows)
        if answers is None:
            answers = np.empty((n_answers, *rows.shape[1:]), rows.dtype)
        answers[index] = rows

    with torch.inference_mode(), threads:
        for members in plan:
            ask(members, put)
    return answers


def answer(network, dataset, method):
    """Run a network over a data set in batches of similar length.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, in evaluation mode.
    dataset : SequenceDataset
        Encoded sequences.
    method : str or callable
        The method of the network's head that is called, such as "predict", or a function of its scores and
        of the packing of the batch.

    Returns
    -------
    ndarray
        One entry per sequence; or one per step of all sequences, concatenated.
    """
    ask = method if callable(method) else getattr(network.head, method)
    run, as_one = partial(_score, network), None
    if network.pooling is not None:

        def as_one(sequence):
            return network.read_out(pool(network.pooling, sequence))

    elif not network.head.rates_steps:  # a path of labels is that of a whole sequence

        def as_one(sequence):
            return sequence.join(run)

    return _gather(network, dataset, run, lambda scores, batch: ask(scores, batch.packing), as_one=as_one)


def answer_quantiles(network, dataset, levels):
    """Predict quantiles of each output.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, in evaluation mode, whose head has quantiles.
    dataset : SequenceDataset
        Encoded sequences.
    levels : sequence of float
        The probability below each quantile.

    Returns
    -------
    ndarray of shape (n, n_quantiles, n_outputs)
        One entry per sequence; or one per step of all sequences, concatenated.
    """

    def ask(scores, packing):
        return torch.stack([network.head.quantile(scores, scores.new_tensor([[p]])) for p in levels], dim=1)

    return answer(network, dataset, ask)


def hidden_states(network, dataset):
    """Run a network up to its head over a data set, in batches of similar length.

    Parameters
    ----------
    network : RecurrentNetwork or EncoderDecoder
        The network, in evaluation mode; of an encoder and decoder the encoder is run.
    dataset : SequenceDataset
        Encoded sequences; its `per_step` sets whether to return a row for each step or for each sequence.

    Returns
    -------
    ndarray of float32 of shape (n_sequences, D) or (n_steps_total, D)
        Outputs of the top layer, D numbers (its directions side by side): pooled as in the network, or as by
        `LastPooling` if the network has no pooling; or one row per step of all sequences, concatenated.
    """
    layers, pooling = getattr(network, "encoder", network), network.pooling
    if getattr(network, "pointer", None) is not None:
        sequences = dataset.sequences
        codes = network.pointer.what_is_read(sequences.values)
        dataset = SequenceDataset(sequences.with_values(codes), per_step=dataset.per_step)
    if dataset.per_step:
        return _gather(network, dataset, layers.run_layers, lambda outputs, batch: outputs.float())
    if pooling is None:
        pooling = LastPooling(network.recurrence.output_size, 2 if network.bidirectional else 1)

    def run(batch):
        outputs, state = layers.run_layers(batch)
        return pooling(outputs, batch.packing), state

    return _gather(
        network, dataset, run, lambda outputs, batch: outputs.float(), as_one=partial(pool, pooling)
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
    return _gather(network, dataset, partial(_score, network), _look_up_targets)


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
    state = None
    for batch in dataset.batches(1, None, network.like):
        with torch.inference_mode():
            scores, state = network(batch, state if batch.chunk else None, need_state=True)
            logs = _look_up_targets(scores, batch).cpu().numpy()
        del scores  # whose memory the next chunk can use
        yield logs


def next_probabilities(network, dataset):
    """Return the probabilities of what comes next, at each step. Parameters are those of `log_probabilities`.

    Returns
    -------
    ndarray of float32 of shape (n_steps_total, n_outputs)
        Probabilities, concatenated.
    """
    return _gather(
        network,
        dataset,
        partial(_score, network),
        lambda scores, batch: torch.softmax(scores.float(), dim=1),
    )


def _score(network, batch, state=None, *, need_state=False):
    """Return the scores of a batch and, if requested, the state after it."""
    return network(batch, state, need_state=True) if need_state else (network(batch), None)


def _look_up_targets(scores, batch):
    logs = torch.log_softmax(scores.float(), dim=1)
    return logs.gather(1, batch.targets[:, None])[:, 0]


def _gather(network, dataset, run, finish, *, as_one=None):
    """Run batch after batch of a data set; return its answers.

    ``run(batch)`` returns outputs or scores, and a state; ``finish(rows, batch)`` makes answers of the rows.
    A long sequence is run chunk by chunk; or ``as_one(sequence)`` returns what `run` would return for it.
    """
    layers = getattr(network, "encoder", network)
    is_long = dataset.lengths > find_longest(layers)
    short = np.flatnonzero(~is_long)
    plan = [short[members] for members in plan_prediction(dataset.lengths[short])]
    plan += [np.array([i]) for i in np.flatnonzero(is_long)]

    def ask(members, put):
        if not is_long[members[0]]:
            batch = dataset.gather(members, network.like)
            put(batch.index, finish(run(batch)[0], batch))
            return
        sequence = LongSequence(layers, dataset, members[0], network.like)
        if as_one is not None:
            put(sequence.index, finish(as_one(sequence), sequence))
        else:
            sequence.run(run, lambda rows, batch, place: put(batch.index, finish(rows, batch)))

    is_much = dataset.lengths.sum() > _LEAST_STEPS
    n_answers = len(dataset.sequences.values if dataset.per_step else dataset.sequences)
    return ask_in_batches(
        plan, ask, n_answers, threads_for(network, len(dataset)) if is_much else nullcontext()
    )
