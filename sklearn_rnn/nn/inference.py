"""A network's answers for a whole data set, put back in the user's order."""

import numpy as np
import torch

from sklearn_rnn.data.batching import plan_prediction


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
    answers = None
    with torch.inference_mode():
        for members in plan_prediction(dataset.lengths):
            batch = dataset.gather(members, like=network.like)
            part = ask(network(batch), batch.packing).cpu().numpy()
            if answers is None:
                n_answers = (
                    int(dataset.sequences.offsets[-1]) if network.head.per_step else len(dataset.sequences)
                )
                answers = np.empty((n_answers, *part.shape[1:]), part.dtype)
            answers[batch.index] = part
    return answers
