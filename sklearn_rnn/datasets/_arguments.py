"""Checks of the arguments that generators share."""

import numpy as np

from sklearn_rnn.data.parameters import check_count


def draw_lengths(n_sequences, n_steps, minimum, rng):
    """Draw the numbers of steps of `n_sequences` sequences.

    Parameters
    ----------
    n_sequences : int
        Number of lengths to draw.
    n_steps : int or tuple (min, max)
        Every length, or the bounds (both included) between which lengths are drawn uniformly.
    minimum : int
        The shortest length that the problem allows.
    rng : numpy.random.RandomState
        Source of the lengths.

    Returns
    -------
    lengths : ndarray of shape (n_sequences,)
    """
    check_count("n_sequences", n_sequences)
    if not isinstance(n_steps, tuple):
        check_count("n_steps", n_steps, minimum=minimum)
        return np.full(n_sequences, n_steps, dtype=np.int64)
    if len(n_steps) != 2:
        raise ValueError(f"n_steps={n_steps} must be an integer or a tuple (min, max).")
    check_count("n_steps[0]", n_steps[0], minimum=minimum)
    check_count("n_steps[1]", n_steps[1], minimum=n_steps[0])
    return rng.randint(n_steps[0], n_steps[1] + 1, size=n_sequences, dtype=np.int64)
