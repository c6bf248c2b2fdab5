"""The vocabulary: tokens, and the ids that represent them in a network."""

import numbers

import numpy as np

from sklearn_rnn.data.problems import Problems
from sklearn_rnn.data.sequences import locate_steps

FIRST_ID = 0  # of the symbol that a network reads and never predicts
_LONGEST = 100  # characters; longer tokens would need too much memory in arrays of one width


def to_outputs(ids):
    """Return the outputs of a network that score these ids; see `Vocabulary`.

    Parameters
    ----------
    ids : ndarray or Tensor of int
        Ids of tokens and of symbols that are predicted, so never 0.

    Returns
    -------
    ndarray or Tensor of int
        Positions among the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.vocabulary import to_outputs
    >>> to_outputs(np.array([1, 2]))
    array([0, 1])
    """
    return ids - 1


def from_outputs(outputs):
    """Return the ids that outputs of a network score; the inverse of `to_outputs`.

    Parameters
    ----------
    outputs : ndarray or Tensor of int
        Positions among the outputs.

    Returns
    -------
    ndarray or Tensor of int
        Ids.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.vocabulary import from_outputs
    >>> from_outputs(np.array([0, 1]))
    array([1, 2])
    """
    return outputs + 1


class Vocabulary:
    """The tokens that a model knows, and their ids.

    There is one space of ids. 0 is a symbol that a network reads and never predicts: the beginning of a
    sequence, or an unknown token. Then come the tokens, and after them symbols that are also predicted: the
    unknown token (of a language model) and the end of a sequence. A network has one output for each id but 0;
    `to_outputs` and `from_outputs` convert one to the other.

    Parameters
    ----------
    tokens : ndarray of shape (n_tokens,)
        The tokens, sorted: integers, characters (``<U1``), or objects that are str.
    first : {"unknown", "begin"}, default="unknown"
        The symbol with the id 0.
    last : tuple of {"unknown", "end"}, default=()
        The symbols after the tokens. Where 0 is the unknown token, sequences begin with their end symbol.

    Attributes
    ----------
    n_ids : int
        Number of ids.
    is_complete : bool
        Whether every token of training is in it, and so nothing is learnt about unknown ones.
    begin_id, end_id, unknown_id : int or None
        The ids of the symbols; None for those that the vocabulary lacks.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.vocabulary import Vocabulary
    >>> vocabulary = Vocabulary(np.array(["a", "b"]), first="begin", last=("end",))
    >>> vocabulary.begin_id, vocabulary.find(np.array(["b", "a"])), vocabulary.end_id
    (0, array([2, 1]), 3)
    >>> vocabulary.n_inputs, vocabulary.n_outputs
    (3, 3)
    """

    is_complete = True

    def __init__(self, tokens, first="unknown", last=()):
        self.tokens = tokens
        ids = {first: FIRST_ID} | {name: 1 + len(tokens) + k for k, name in enumerate(last)}
        self.n_ids = 1 + len(tokens) + len(last)
        self.end_id = ids.get("end")
        self.begin_id = ids.get("begin", self.end_id)
        self.unknown_id = ids.get("unknown")

    def __len__(self):
        return len(self.tokens)

    @property
    def n_inputs(self):
        """Number of ids that a network reads: all but the end, unless sequences begin with it."""
        is_end_read = self.end_id is None or self.begin_id == self.end_id
        return self.n_ids if is_end_read else self.end_id

    @property
    def n_outputs(self):
        """Number of ids that a network predicts: all but 0."""
        return self.n_ids - 1

    @property
    def joins(self):
        """Whether tokens are characters, so that sequences of them are str."""
        return self.tokens.dtype == "<U1"

    def find(self, tokens):
        """Return the ids of tokens.

        Parameters
        ----------
        tokens : ndarray of shape (n,)
            Tokens of the same kind.

        Returns
        -------
        ndarray of int64 of shape (n,)
            Ids; 0 for tokens that the vocabulary lacks.
        """
        places = np.searchsorted(self.tokens, tokens)
        places[places == len(self.tokens)] = 0
        return np.where(self.tokens[places] == tokens, from_outputs(places), 0)

    def encode(self, sequences, name="X", *, handle_unknown="unknown", is_one=False, steps=None):
        """Return the ids of tokens.

        Parameters
        ----------
        sequences : Sequences
            Tokens of the same kind.
        name : str, default="X"
            Name of the sequences in error messages.
        handle_unknown : {"unknown", "error"}, default="unknown"
            Whether unknown tokens are encoded as such, if there is an id for them, or raise an error.
        is_one : bool, default=False
            Whether a single sequence was passed, and not a list.
        steps : sequence of int, optional
            Positions of the tokens in that sequence, if they are not consecutive.

        Returns
        -------
        Sequences
            Ids.

        Raises
        ------
        ValueError
            If there are unknown tokens that may not be. It names each once, at its first place.
        """
        ids = self.find(sequences.values)
        unknown = np.flatnonzero(ids == 0)
        if len(unknown) and (handle_unknown == "error" or self.unknown_id is None):
            why = "training never saw" if self.is_complete else "is not in the vocabulary"
            advice = "a fit with handle_unknown='unknown' lets such tokens pass, and vocabulary= can name it."
            refuse_tokens(sequences, unknown, name, f"{why}; {advice}", is_one=is_one, steps=steps)
        ids[unknown] = self.unknown_id or 0
        return sequences.with_values(ids)

    def decode(self, ids):
        """Return the tokens of ids, none of which is that of a symbol.

        Parameters
        ----------
        ids : ndarray of int of shape (n,)
            Ids of tokens.

        Returns
        -------
        ndarray of shape (n,)
            Tokens.
        """
        return self.tokens[to_outputs(ids)]

    def spell(self, tokens):
        """Return tokens in the form of a sequence: a str of characters, or a list.

        Parameters
        ----------
        tokens : ndarray of shape (n,)
            Tokens.

        Returns
        -------
        str or list
            The sequence.
        """
        # NumPy reads the character of code 0 as an empty str.
        return "".join(c or "\0" for c in tokens.tolist()) if self.joins else tokens.tolist()


def refuse_tokens(sequences, where, name, why, *, is_one=False, steps=None):
    """Raise an error that names each of some tokens once, at its first place, if there are any.

    Parameters
    ----------
    sequences : Sequences
        Tokens.
    where : ndarray of int
        Positions of the refused tokens, in all sequences laid end to end.
    name : str
        Name of the sequences in the message.
    why : str
        The end of a sentence that goes "X has 'a' at step 3, a token that".
    is_one : bool, default=False
        Whether a single sequence was passed, and not a list.
    steps : sequence of int, optional
        Positions of the tokens in that sequence, if they are not consecutive.

    Raises
    ------
    ValueError
        If `where` is not empty.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.encoding.vocabulary import refuse_tokens
    >>> refuse_tokens(as_sequences(["ab"]), np.array([1]), "X", "is unknown.")
    Traceback (most recent call last):
        ...
    ValueError: X[0] has 'b' at step 1, a token that is unknown.
    """
    problems = Problems(name)
    tokens, first = np.unique(sequences.values[where], return_index=True)
    found = zip(tokens.tolist(), where[first], *locate_steps(where[first], sequences.offsets), strict=True)
    for token, at, i, step in found:
        step = step if steps is None else steps[at]
        problems.add(None if is_one else i, f"has {token!r} at step {step}, a token that {why}")
    problems.raise_if_any()


def learn_tokens(sequences, min_frequency=1, counts=None):
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
    >>> from sklearn_rnn.encoding.vocabulary import learn_tokens
    >>> learn_tokens(as_sequences(["to", "do"]), min_frequency=2)
    array(['o'], dtype='<U1')
    """
    if min_frequency == 1:
        return np.unique(sequences.values)
    tokens, counts = find_tokens(sequences) if counts is None else (sequences.values, counts)
    return np.sort(tokens[find_frequent(tokens, counts, min_frequency)]).astype(sequences.values.dtype)


def read_tokens(vocabulary, dtype):
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
    >>> from sklearn_rnn.encoding.vocabulary import read_tokens
    >>> read_tokens("cab", np.dtype("U1"))
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
    >>> from sklearn_rnn.encoding.vocabulary import find_in_sources
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
    >>> from sklearn_rnn.encoding.vocabulary import find_tokens
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
    >>> from sklearn_rnn.encoding.vocabulary import find_frequent
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
    >>> from sklearn_rnn.encoding.vocabulary import as_fixed_width
    >>> as_fixed_width(np.array(["to", "do"], dtype=object)).dtype
    dtype('<U2')
    """
    if tokens.dtype.kind != "O" or max(map(len, tokens.tolist())) > _LONGEST:
        return tokens
    return tokens.astype(str)
