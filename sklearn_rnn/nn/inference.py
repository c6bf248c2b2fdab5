"""A network's answers for a whole data set, put back in the user's order."""

from functools import partial

import numpy as np
import torch

from sklearn_rnn.data.batching import StreamDataset, plan_prediction
from sklearn_rnn.nn.pooling import LastPooling

_CHUNK = 16384  # steps of one sequence that are read at once, where it can be read in parts


def answer(network, dataset, method):
    """Run a network over a data set in batches of similar length.

    Parameters
    ----------
    network : RecurrentNetwork
        In evaluation mode.
    dataset : SequenceDataset
        Encoded sequences.
    method : {"predict", "predict_proba"}
        What the network's head is asked for.

    Returns
    -------
    ndarray
        One entry a sequence; or one a step of all sequences, laid end to end.
    """
    ask = getattr(network.head, method)
    return _gather(network, dataset, lambda batch: ask(network(batch), batch.packing))


def hidden_states(network, dataset):
    """Run a network up to its head over a data set, in batches of similar length.

    Parameters
    ----------
    network : RecurrentNetwork
        In evaluation mode.
    dataset : SequenceDataset
        Encoded sequences; its `per_step` says whether each step is asked for, or each sequence.

    Returns
    -------
    ndarray of float32 of shape (n_sequences, D) or (n_steps_total, D)
        What the top layer puts out, D numbers (its directions side by side): pooled as the network does it,
        and as `LastPooling` does it by a network without a pooling; or one row a step of all sequences, laid
        end to end.
    """
    pooling = network.pooling
    if pooling is None:
        pooling = LastPooling(network.recurrence.output_size, 2 if network.bidirectional else 1)

    def look(batch):
        outputs = network.run_layers(batch)
        return (outputs if dataset.per_step else pooling(outputs, batch.packing)).float()

    return _gather(network, dataset, look)


def log_probabilities(network, dataset):
    """Give the log-probability of each target of a data set whose steps each have one.

    Parameters
    ----------
    network : RecurrentNetwork
        In evaluation mode, with a softmax at each step.
    dataset : SequenceDataset
        Encoded sequences with targets. A long one is read in chunks.

    Returns
    -------
    ndarray of float32 of shape (n_steps_total,)
        In nats, laid end to end.
    """
    return _gather_in_chunks(network, dataset, partial(_look_up_targets, network))


def stream_log_probabilities(network, dataset):
    """Give the log-probability of each target of a stream, chunk by chunk. See `log_probabilities`.

    Parameters
    ----------
    network : RecurrentNetwork
        Likewise.
    dataset : StreamDataset
        What is read in one lane.

    Yields
    ------
    ndarray of float32 of shape (n_steps_of_the_chunk,)
        In nats.
    """
    for batch in dataset.batches(1, None, network.like):
        with torch.inference_mode():
            logs = _look_up_targets(network, batch).cpu().numpy()
        yield logs


def _look_up_targets(network, batch):
    logs = torch.log_softmax(network(batch).float(), dim=1)
    return logs.gather(1, batch.targets[:, None])[:, 0]


def next_probabilities(network, dataset):
    """Give the probabilities of what comes next, at each step. Parameters are those of `log_probabilities`.

    Returns
    -------
    ndarray of float32 of shape (n_steps_total, n_outputs)
        Laid end to end.
    """
    return _gather_in_chunks(network, dataset, lambda batch: torch.softmax(network(batch).float(), dim=1))


def _gather_in_chunks(network, dataset, ask):
    """Ask about batch after batch, sequences that are longer than a batch chunk by chunk."""
    is_long = dataset.lengths > _CHUNK
    parts = [None] * len(dataset)
    if not is_long.all():
        short = dataset.subset(np.flatnonzero(~is_long))
        flat = _gather(network, short, ask)
        for i, part in zip(
            np.flatnonzero(~is_long), np.split(flat, short.sequences.offsets[1:-1]), strict=True
        ):
            parts[i] = part
    for i in np.flatnonzero(is_long):
        one = dataset.subset(np.array([i]))
        targets = np.zeros_like(one.sequences.values) if one.targets is None else one.targets
        stream = StreamDataset(one.sequences.values, targets, _CHUNK, one.condition)
        with torch.inference_mode():
            answers = [ask(batch).cpu().numpy() for batch in stream.batches(1, None, network.like)]
        parts[i] = np.concatenate(answers)
    return np.concatenate(parts)


def _gather(network, dataset, ask):
    """Ask about batch after batch, and put the rows of the answers back in the user's order."""
    answers = None
    with torch.inference_mode():
        for members in plan_prediction(dataset.lengths):
            batch = dataset.gather(members, like=network.like)
            part = ask(batch).cpu().numpy()
            if answers is None:
                n_answers = len(dataset.sequences.values if dataset.per_step else dataset.sequences)
                answers = np.empty((n_answers, *part.shape[1:]), part.dtype)
            answers[batch.index] = part
    return answers
