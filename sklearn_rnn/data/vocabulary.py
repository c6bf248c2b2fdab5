"""Distinct and frequent tokens."""

import numbers

import numpy as np

_LONGEST = 100  # characters; longer tokens would need too much memory in arrays of one width


def find_tokens(sequences):
    """Find the distinct tokens.

    Parameters
    ----------
    sequences : Sequences
        Tokens.

    Returns
    -------
    tokens : ndarray of shape (n_tokens,)
        The tokens, sorted.
    counts : ndarray of int64 of shape (n_tokens,)
        Number of occurrences of each.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.vocabulary import find_tokens
    >>> find_tokens(as_sequences(["to", "do"]))
    (array(['d', 'o', 't'], dtype='<U1'), array([1, 2, 1]))
    """
    return np.unique(as_fixed_width(sequences.values), return_counts=True)


def find_frequent(tokens, counts, min_frequency, max_tokens=None):
    """Find the tokens that occur often enough.

    Parameters
    ----------
    tokens : ndarray of shape (n_tokens,)
        Tokens.
    counts : ndarray of int of shape (n_tokens,)
        Number of occurrences of each.
    min_frequency, max_tokens
        See `preprocessing.TokenEncoder`.

    Returns
    -------
    ndarray of int of shape (n_frequent,)
        Their positions in `tokens`, that of the most frequent first.

    Raises
    ------
    ValueError
        If no token is frequent enough.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.vocabulary import find_frequent
    >>> find_frequent(np.array(["d", "o", "t"]), np.array([1, 5, 2]), min_frequency=2)
    array([1, 2])
    """
    n_steps = counts.sum()
    is_count = isinstance(min_frequency, numbers.Integral)
    frequencies = counts if is_count else counts / n_steps  # .55 is 55 / 100, while .55 * 100 is above 55
    order = np.argsort(-counts, kind="stable")[:max_tokens]
    order = order[frequencies[order] >= min_frequency]
    if len(order) == 0:
        raise ValueError(
            f"No token is left in the vocabulary: min_frequency={min_frequency!r}, but the most frequent, "
            f"{tokens[np.argmax(counts)].tolist()!r}, comes {counts.max()} times in {n_steps} steps."
        )
    return order


def as_fixed_width(tokens):
    """Convert text to fixed width, which NumPy sorts and compares several times as fast as objects.

    Parameters
    ----------
    tokens : ndarray of shape (n_tokens,)
        Text, or integers.

    Returns
    -------
    ndarray of shape (n_tokens,)
        The same tokens. Objects stay objects if a token is long, and integers are not changed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.vocabulary import as_fixed_width
    >>> as_fixed_width(np.array(["to", "do"], dtype=object)).dtype
    dtype('<U2')
    """
    if tokens.dtype.kind != "O" or max(map(len, tokens.tolist())) > _LONGEST:
        return tokens
    return tokens.astype(str)
