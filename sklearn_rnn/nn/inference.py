"""A network's answers for a whole data set, put back in the user's order."""

import numpy as np
import torch

from sklearn_rnn.data.batching import plan_prediction
from sklearn_rnn.nn.pooling import LastPooling


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
    recurrence, pooling = network.recurrence, network.pooling
    if pooling is None:
        pooling = LastPooling(recurrence.output_size, 2 if network.bidirectional else 1)

    def look(batch):
        # The way of `RecurrentNetwork.forward`, without what is there for training.
        values = batch.values if network.input is None else network.input(batch.values)
        outputs, _ = recurrence(values, batch.packing)
        return (outputs if dataset.per_step else pooling(outputs, batch.packing)).float()

    return _gather(network, dataset, look)


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
