"""The vocabulary of a model, and the tokens that it can copy."""

import numbers

import numpy as np

from sklearn_rnn.data.vocabulary import find_frequent, find_tokens
from sklearn_rnn.estimators.base import code_tokens


def learn_vocabulary(sequences, min_frequency=1, counts=None):
    """Find the tokens that occur often enough.

    Parameters
    ----------
    sequences : Sequences
        Tokens.
    min_frequency : int or float, default=1
        See `TokenEncoder`.
    counts : ndarray of int of shape (n_steps,), optional
        How often each token occurs, if `sequences` hold each token of a text once.

    Returns
    -------
    ndarray of shape (n_tokens,)
        The tokens, sorted, with the type that they have in `sequences`.

    Raises
    ------
    ValueError
        If no token occurs often enough.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.estimators.vocabulary import learn_vocabulary
    >>> learn_vocabulary(as_sequences(["to", "do"]), min_frequency=2)
    array(['o'], dtype='<U1')
    """
    if min_frequency == 1:
        return np.unique(sequences.values)
    tokens, counts = find_tokens(sequences) if counts is None else (sequences.values, counts)
    return np.sort(tokens[find_frequent(tokens, counts, min_frequency)]).astype(sequences.values.dtype)


def read_vocabulary(vocabulary, dtype):
    """Read the vocabulary that a user passes.

    Parameters
    ----------
    vocabulary : str or collection of tokens
        A str holds characters.
    dtype : numpy.dtype
        The type of the tokens that are read: integers, single characters (U1), or objects for words.

    Returns
    -------
    ndarray of shape (n_tokens,)
        The tokens, sorted, with this type.

    Raises
    ------
    TypeError
        If it is not a collection, or its tokens are not of one kind, or not of the kind that is read.
    ValueError
        If it is empty, or a token occurs twice.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.vocabulary import read_vocabulary
    >>> read_vocabulary("cab", np.dtype("U1"))
    array(['a', 'b', 'c'], dtype='<U1')
    """
    is_collection = hasattr(vocabulary, "__iter__") and hasattr(vocabulary, "__len__")
    if not is_collection or isinstance(vocabulary, (bytes, dict)) or getattr(vocabulary, "ndim", 1) != 1:
        raise TypeError(
            "vocabulary must be a str of characters or a list (set, array, ...) of tokens, but it is "
            f"{vocabulary!r:.80} of type {type(vocabulary).__name__}."
        )
    tokens = vocabulary.tolist() if isinstance(vocabulary, np.ndarray) else list(vocabulary)
    if not tokens:
        raise ValueError("vocabulary is empty; pass at least one token, or None for those of training.")
    wanted, kind = (numbers.Integral, "integers") if dtype.kind == "i" else (str, "str")
    for place, token in enumerate(tokens):
        if not isinstance(token, wanted) or isinstance(token, (bool, np.bool_)):
            raise TypeError(
                f"vocabulary holds {token!r} at place {place}, but the tokens of X are {kind}; all tokens "
                "must be of one kind."
            )
        if dtype.kind == "U" and len(token) != 1:
            raise TypeError(
                f"vocabulary holds {token!r} at place {place}, but X is read character by character. Split "
                "each text into a list of words, or pass single characters."
            )
    found, counts = np.unique(np.array(tokens, dtype=dtype), return_counts=True)
    if len(found) < len(tokens):
        raise ValueError(f"vocabulary holds {found[counts > 1][:5].tolist()} more than once.")
    return found


def code_copies(sources, vocabulary):
    """Return the code that copying each step of a source writes.

    Parameters
    ----------
    sources : Sequences
        Tokens.
    vocabulary : ndarray of shape (n_tokens,)
        The tokens that can be written without a copy, sorted.

    Returns
    -------
    ndarray of int64 of shape (n_steps_total,)
        The position of each token in the vocabulary; for other tokens the step of their first occurrence in
        the source, counted from ``n_tokens + 1``, which leaves a code for the end.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.estimators.vocabulary import code_copies
    >>> code_copies(as_sequences(["bxx", "ya"]), np.array(["a", "b"]))
    array([1, 4, 4, 3, 0])
    """
    codes = code_tokens(sources.values, vocabulary) - 1
    others = np.flatnonzero(codes < 0)
    codes[others] = len(vocabulary) + 1 + find_in_sources(sources, others, sources)
    return codes


def find_in_sources(targets, where, sources):
    """Find tokens of targets in their sources.

    Parameters
    ----------
    targets : Sequences
        Tokens.
    where : ndarray of int of shape (n,)
        The steps to look up, in all targets laid end to end.
    sources : Sequences
        Tokens of the same kind, a source for each target.

    Returns
    -------
    ndarray of int64 of shape (n,)
        The first step of the source with this token; -1 if it has none.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.estimators.vocabulary import find_in_sources
    >>> find_in_sources(as_sequences(["ab", "ac"]), np.arange(4), as_sequences(["xbb", "a"]))
    array([-1,  1,  0, -1])
    """
    both = np.concatenate([sources.values, targets.values[where]])
    tokens, codes = np.unique(both, return_inverse=True)
    # A number for each token of each pair.
    row = np.repeat(np.arange(len(sources)), sources.lengths)
    there, first = np.unique(row * len(tokens) + codes[: len(row)], return_index=True)
    row = np.searchsorted(targets.offsets, where, side="right") - 1
    asked = row * len(tokens) + codes[len(codes) - len(where) :]
    found = np.minimum(np.searchsorted(there, asked), len(there) - 1)
    return np.where(there[found] == asked, first[found] - sources.offsets[row], -1)
