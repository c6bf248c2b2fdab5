"""Edit distance of predicted and true sequences, and the share of exact matches."""

from itertools import pairwise

import numpy as np

from sklearn_rnn.data.problems import check_same_number
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.metrics._ragged import check_any_steps, read_labels


def edit_distance_rate(y_true, y_pred):
    """Compute the number of edits that predicted sequences need, over the number of true steps.

    An edit inserts, deletes or replaces one step. For words this is the word error rate, for characters the
    character error rate. It is 0 at best and may be above 1.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,), or of str
        True and predicted sequences; their lengths may differ. A str is a sequence of characters: split texts
        for the error rate of words.

    Returns
    -------
    float
        The edits of all sequences over the length of all true sequences.

    Raises
    ------
    ValueError
        If there are not as many predicted as true sequences, a token is missing (None or NaN), or the true
        sequences are all empty.
    TypeError
        If one of them is not a collection.

    Notes
    -----
    The distance is Levenshtein's (1966), computed for a whole column of the table of distances at once by
    Myers' (1999) bit vectors, in the form of Hyyrö (2003, figure 8): for sequences of n and m steps n times
    some operations on integers of m bits.

    Examples
    --------
    >>> from sklearn_rnn.metrics import edit_distance_rate
    >>> edit_distance_rate(["kitten"], ["sitting"])  # two letters replaced, one inserted
    0.5
    >>> edit_distance_rate(["to be or not".split()], ["to be not".split()])
    0.25
    """
    true, lengths = read_labels(y_true, "y_true")
    pred, pred_lengths = read_labels(y_pred, "y_pred")
    check_same_number(pred_lengths, lengths, "y_pred", "y_true")
    check_any_steps(lengths)
    pairs = zip(_cut(true, lengths), _cut(pred, pred_lengths), strict=True)
    return sum(_count_edits(a, b) for a, b in pairs) / len(true)


@np.errstate(all="ignore")
def exact_match_score(y_true, y_pred, *, sample_weight=None):
    """Compute the share of the sequences that are predicted exactly, in every step and in length.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,), or of str
        True and predicted sequences; see `edit_distance_rate`. They may be empty.
    sample_weight : array of shape (n_sequences,), optional
        Weights of the sequences.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If there are not as many predicted as true sequences or none at all, or a token is missing (None or
        NaN).
    TypeError
        If one of them is not a collection.

    See Also
    --------
    sequence_accuracy_score : The same for labels of steps, where true and predicted lengths must agree.

    Examples
    --------
    >>> from sklearn_rnn.metrics import exact_match_score
    >>> exact_match_score(["cats", "buses"], ["cats", "buss"])
    0.5
    """
    true, lengths = read_labels(y_true, "y_true")
    pred, pred_lengths = read_labels(y_pred, "y_pred")
    check_same_number(pred_lengths, lengths, "y_pred", "y_true")
    if len(lengths) == 0:
        raise ValueError("y_true holds no sequences; at least one is needed.")
    if hasattr(sample_weight, "__len__"):
        check_same_number(sample_weight, lengths, "sample_weight", "y_true")
    weights = check_sample_weight(sample_weight, lengths, per_step=False)
    is_right = [a == b for a, b in zip(_cut(true, lengths), _cut(pred, pred_lengths), strict=True)]
    return float(np.average(is_right, weights=weights))


def _cut(flat, lengths):
    bounds = [0, *np.cumsum(lengths).tolist()]
    return (flat[start:end] for start, end in pairwise(bounds))


def _count_edits(a, b):
    """Return Levenshtein's distance of two lists.

    Bit i of an integer belongs to row i + 1 of the table of distances D. A column is stored as the rows where
    it goes up (D[i + 1, j] - D[i, j] = 1) and where it goes down (-1); the score is the column's last entry.
    """
    if a == b:
        return 0
    if not a:
        return len(b)
    places = {}
    for i, token in enumerate(a):
        places.setdefault(token, []).append(i)
    places = {token: _set_bits(where, len(a)) for token, where in places.items()}
    everywhere, last = (1 << len(a)) - 1, 1 << (len(a) - 1)
    up, down, score = everywhere, 0, len(a)
    for token in b:
        equal = places.get(token, 0)
        free = (((equal & up) + up) ^ up) | equal | down  # a step down the diagonal: D0 in the paper
        right_up, right_down = down | ~(free | up), up & free  # from the column before to this one
        if right_up & last:
            score += 1
        elif right_down & last:
            score -= 1
        right_up, right_down = right_up << 1 | 1, right_down << 1
        up, down = (right_down | ~(free | right_up)) & everywhere, right_up & free & everywhere
    return score


def _set_bits(places, n_bits):
    """Return the integer with ones at some places, in linear time, unlike a sum of powers."""
    bits = np.zeros(n_bits, dtype=bool)
    bits[places] = True
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")
