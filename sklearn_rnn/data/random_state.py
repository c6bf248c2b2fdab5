"""Validation of `random_state`."""

import numbers

from sklearn.utils import check_random_state as _check_random_state

EXPECTED = "an int from 0 to 2**32 - 1, a numpy.random.RandomState or None"


def is_in_range(random_state):
    """Return whether an integer is a valid seed; True for anything that is not an integer."""
    return not isinstance(random_state, numbers.Integral) or 0 <= random_state < 2**32


def check_random_state(random_state):
    """Return a RandomState, as `sklearn.utils.check_random_state` does; errors name the parameter.

    Parameters
    ----------
    random_state : int, RandomState or None
        The parameter.

    Returns
    -------
    numpy.random.RandomState
        The source of random numbers.

    Raises
    ------
    ValueError
        If it is not a valid seed, RandomState or None.

    Examples
    --------
    >>> from sklearn_rnn.data.random_state import check_random_state
    >>> check_random_state(0).randint(10)
    5
    """
    try:
        if is_in_range(random_state):
            return _check_random_state(random_state)
    except ValueError:
        pass
    raise ValueError(f"random_state must be {EXPECTED}, got {random_state!r}.") from None
