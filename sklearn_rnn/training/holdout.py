"""Which sequences to set aside for validation."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import column_or_1d

from sklearn_rnn.data.arrays import is_missing
from sklearn_rnn.data.problems import Problems, check_same_number, reading

_FEWEST = 2  # R^2 needs two


def check_groups(groups, validation, sequences):
    """Check the groups that sequences are set aside by.

    Parameters
    ----------
    groups : array-like of shape (n_sequences,), or None
        The group of each sequence.
    validation : sequence of object
        The validation data, each None if it is not passed.
    sequences : sized
        The sequences.

    Returns
    -------
    ndarray of shape (n_sequences,), or None
        The groups.

    Raises
    ------
    ValueError
        If a group is missing, their number is wrong, or there are validation data as well.

    Examples
    --------
    >>> from sklearn_rnn.training.holdout import check_groups
    >>> check_groups(["a", "b"], (None, None), [[0.1], [0.2]])
    array(['a', 'b'], dtype='<U1')
    """
    if groups is None:
        return None
    if any(part is not None for part in validation):
        raise ValueError("Pass X_val and y_val, or validation_groups to set sequences aside by, not both.")
    with reading("validation_groups"):
        groups = column_or_1d(groups)
    check_same_number(groups, sequences, "validation_groups")
    problems = Problems("validation_groups")
    if groups.dtype.kind in "fO":
        for i in np.flatnonzero([is_missing(group) for group in groups]):
            problems.add(i, "is missing; every sequence needs a group.")
    problems.raise_if_any()
    return groups


def split_rows(n, fraction, seed, *, groups=None, strata=None):
    """Split sequences at random into those to train on and those to validate on.

    Parameters
    ----------
    n : int
        Number of sequences.
    fraction : float
        Share of the sequences to validate on. At least two are.
    seed : int
        The same seed splits the same sequences in the same way.
    groups : ndarray of shape (n,), optional
        The group of each sequence; groups are kept together.
    strata : ndarray of shape (n,), optional
        Classes whose shares are kept in both parts, where there are enough sequences of each. Not used with
        groups.

    Returns
    -------
    kept, held_out : ndarray of int
        Indices of the sequences to train on, and to validate on, in increasing order.

    Raises
    ------
    ValueError
        If there are too few sequences, or groups.

    Examples
    --------
    >>> from sklearn_rnn.training.holdout import split_rows
    >>> kept, held_out = split_rows(10, 0.3, seed=0)
    >>> held_out
    array([2, 4, 8])
    """
    if groups is not None:
        is_held_out = choose_groups(groups, fraction, np.random.RandomState(seed))
        return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
    n_held_out = max(_FEWEST, round(fraction * n))
    if n_held_out >= n:
        there = "is 1 sample (a sequence)" if n == 1 else f"are {n} sequences"
        raise ValueError(
            f"early_stopping with validation_fraction={fraction} leaves nothing to train on: there {there}. "
            "Pass more, or set early_stopping=False."
        )
    if strata is not None:
        counts = np.unique(strata, return_counts=True)[1]
        if counts.min() < 2 or len(counts) > min(n_held_out, n - n_held_out):
            strata = None
    kept, held_out = train_test_split(np.arange(n), test_size=n_held_out, stratify=strata, random_state=seed)
    return np.sort(kept), np.sort(held_out)


def choose_groups(groups, fraction, rng):
    """Choose groups at random that hold about a share of the sequences.

    Parameters
    ----------
    groups : ndarray of shape (n_sequences,)
        The group of each sequence.
    fraction : float
        The share.
    rng : numpy.random.RandomState
        Source of the order in which groups are considered.

    Returns
    -------
    ndarray of bool of shape (n_sequences,)
        Whether the group of each sequence is chosen.

    Raises
    ------
    ValueError
        If at least two sequences cannot be chosen and some left.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.training.holdout import choose_groups
    >>> choose_groups(np.array([1, 1, 1, 1, 2, 2]), 0.3, np.random.RandomState(0))
    array([False, False, False, False,  True,  True])
    """
    codes = np.unique(groups, return_inverse=True)[1]
    counts, n = np.bincount(codes), len(groups)
    wanted = max(_FEWEST, round(fraction * n))
    is_chosen = np.zeros(len(counts), dtype=bool)
    for group in rng.permutation(len(counts)):
        n_chosen, more = counts[is_chosen].sum(), counts[group]
        is_chosen[group] = abs(n_chosen + more - wanted) < abs(n_chosen - wanted) and n_chosen + more < n
    if not is_chosen.any():
        is_chosen[counts.argmin()] = True
    if len(counts) < 2 or counts[is_chosen].sum() < _FEWEST:
        raise ValueError(
            f"validation_groups names {len(counts)} group(s) for {n} sequences: whole groups cannot be set "
            "aside so that at least 2 sequences are validated on and some are left to train on. Pass more "
            "groups, X_val and y_val, or set early_stopping=False."
        )
    return is_chosen[codes]
