"""Checks of the arguments that loaders and generators share."""

from difflib import get_close_matches
from numbers import Integral

import numpy as np


def check_option(name, value, options):
    """Raise a ValueError that names the nearest allowed value, unless `value` is one of `options`."""
    if value in options:
        return
    message = f"{name}={value!r} is not one of {', '.join(map(repr, options))}."
    nearest = get_close_matches(str(value), options, n=1)
    if nearest:
        message += f" Did you mean {nearest[0]!r}?"
    raise ValueError(message)


def check_count(name, value, minimum):
    """Raise a TypeError unless `value` is an integer, and a ValueError if it is below `minimum`."""
    if not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if value < minimum:
        raise ValueError(f"{name}={value} is too small; it must be at least {minimum}.")


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
    check_count("n_sequences", n_sequences, 1)
    if not isinstance(n_steps, tuple):
        check_count("n_steps", n_steps, minimum)
        return np.full(n_sequences, n_steps, dtype=np.int64)
    if len(n_steps) != 2:
        raise ValueError(f"n_steps={n_steps} must be an integer or a tuple (min, max).")
    check_count("n_steps[0]", n_steps[0], minimum)
    check_count("n_steps[1]", n_steps[1], n_steps[0])
    return rng.randint(n_steps[0], n_steps[1] + 1, size=n_sequences, dtype=np.int64)
