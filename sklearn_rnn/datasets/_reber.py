"""Strings of the Reber grammar and of its embedded form."""

import numpy as np

from sklearn_rnn.data.parameters import check_count
from sklearn_rnn.data.random_state import check_random_state

_SYMBOLS = "BEPSTVX"

# state -> {symbol: next state}; the walk starts in state 0 and ends in the state without moves.
_REBER = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
    7: {},
}


def _embed(grammar):
    """Build the grammar of B, T or P, a string of `grammar`, the same T or P again, and E."""
    embedded = {0: {"B": 1}, 1: {c: (c, 0) for c in "TP"}, 2: {"E": 3}, 3: {}}
    for c in "TP":  # one copy of the grammar for each symbol to remember
        for state, moves in grammar.items():
            embedded[c, state] = {symbol: (c, target) for symbol, target in moves.items()} or {c: 2}
    return embedded


_EMBEDDED = _embed(_REBER)


def reber_next_symbols(string, *, embedded=True):
    """Return the symbols that the Reber grammar allows after the beginning of a string.

    Parameters
    ----------
    string : str
        The beginning of a string; it may be empty.
    embedded : bool, default=True
        Whether to use the embedded grammar.

    Returns
    -------
    symbols : str or None
        The legal symbols in alphabetical order, at most two. Empty after a complete string, None if `string`
        itself breaks the grammar. A string is grammatical if and only if the result is ``""``.

    References
    ----------
    .. [1] Reber, A. S. (1967). Implicit learning of artificial grammars. Journal of Verbal Learning and
           Verbal Behavior, 6(6), 855-863.
    .. [2] Hochreiter, S., & Schmidhuber, J. (1997). Long short-term memory. Neural Computation, 9(8),
           1735-1780, section 5.1. (The embedded grammar.)

    Examples
    --------
    >>> from sklearn_rnn.datasets import reber_next_symbols
    >>> reber_next_symbols("BTBT")
    'SX'
    >>> reber_next_symbols("BTBTXSE")
    'T'
    >>> reber_next_symbols("BTBTXSEPE") is None
    True
    """
    grammar = _EMBEDDED if embedded else _REBER
    state = 0
    for symbol in string:
        if symbol not in grammar[state]:
            return None
        state = grammar[state][symbol]
    return "".join(sorted(grammar[state]))


def _draw_string(grammar, rng):
    string, state = "", 0
    while grammar[state]:
        symbols = list(grammar[state])
        symbol = symbols[rng.randint(len(symbols))]
        string, state = string + symbol, grammar[state][symbol]
    return string


def _exchange(string, i, symbols, rng):
    """Replace symbol i of `string` by another one out of `symbols`."""
    others = symbols.replace(string[i], "")
    return string[:i] + others[rng.randint(len(others))] + string[i + 1 :]


def _corrupt(string, embedded, rng):
    """Replace one symbol of a grammatical string so that it breaks the grammar."""
    if embedded and rng.randint(2):
        return _exchange(string, len(string) - 2, "PT", rng)
    corrupted = string
    while reber_next_symbols(corrupted, embedded=embedded) == "":
        corrupted = _exchange(string, rng.randint(1, len(string) - 1), _SYMBOLS, rng)
    return corrupted


def make_reber_grammar(n_sequences=1000, *, embedded=True, random_state=None):
    """Generate strings that follow the Reber grammar, and strings that break it (classification).

    Grammatical strings are walks through the automaton of [1]_, both ways at a fork being equally likely.
    Half the strings are walks in which one symbol, neither the first nor the last, was replaced so that the
    string is no longer grammatical. Both kinds are equally long on average.

    In the embedded grammar the last symbol but one repeats the second one, however long the string in between
    is. About half the ungrammatical strings are wrong in this last symbol but one, which cannot be found from
    neighbouring symbols. In the plain grammar, most errors show in neighbouring symbols.

    A classifier that learnt nothing is right on half the strings. One that knows only which symbols may be
    neighbours gets about 0.69 (embedded) or 0.91 (plain) right.

    Parameters
    ----------
    n_sequences : int, default=1000
        The number of strings; half of them, rounded down, are grammatical.
    embedded : bool, default=True
        Whether to use the embedded grammar.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same output on every call.

    Returns
    -------
    X : list of n_sequences str
        Strings of the symbols B, E, P, S, T, V and X: at least 9 of them if embedded, else 5.
    y : ndarray of shape (n_sequences,)
        1 for grammatical, 0 for ungrammatical, int64, in random order.

    See Also
    --------
    reber_next_symbols : Which symbols may follow, to judge a language model of the grammatical strings.

    References
    ----------
    .. [1] Reber, A. S. (1967). Implicit learning of artificial grammars. Journal of Verbal Learning and
           Verbal Behavior, 6(6), 855-863.
    .. [2] Hochreiter, S., & Schmidhuber, J. (1997). Long short-term memory. Neural Computation, 9(8),
           1735-1780, section 5.1. (The embedded grammar, there as prediction of the next symbol.)

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_reber_grammar
    >>> X, y = make_reber_grammar(4, random_state=0)
    >>> for string, label in zip(X, y):
    ...     print(label, string)
    0 BPBPXVEPE
    1 BPBPVPXVPXTTTVPSEPE
    1 BPBTSXSEPE
    0 BSBPTVPSEPE
    """
    check_count("n_sequences", n_sequences)
    rng = check_random_state(random_state)
    grammar = _EMBEDDED if embedded else _REBER
    y = rng.permutation(np.arange(n_sequences, dtype=np.int64) % 2)
    X = [_draw_string(grammar, rng) for _ in y]
    X = [string if label else _corrupt(string, embedded, rng) for string, label in zip(X, y, strict=True)]
    return X, y
