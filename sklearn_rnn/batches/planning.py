"""Which sequences go together in a batch."""

import numpy as np

# A pool of this many batches is sorted by length and cut into batches; more pools mix better,
# larger pools waste fewer steps of the time loop.
_BATCHES_A_POOL = 8
# Prediction needs no gradients, so its batches are bounded by steps alone.
_PREDICTION_STEPS = 32768


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
    >>> from sklearn_rnn.batches.planning import plan_training
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
    >>> from sklearn_rnn.batches.planning import plan_prediction
    >>> list(plan_prediction(np.array([2, 9, 4])))
    [array([1, 2, 0])]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, _PREDICTION_STEPS // int(lengths[order[start]]))
        yield order[start:stop]
        start = stop
