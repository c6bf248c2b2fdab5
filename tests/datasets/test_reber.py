"""The Reber grammar, checked against a regular expression of it."""

import re
from itertools import pairwise, product

import numpy as np
import pytest

from sklearn_rnn.datasets import make_reber_grammar, reber_next_symbols

# The automaton written out by hand: its upper arm TS*X, its lower arm PT*V, and the way back from the end of
# the lower arm to its beginning, PX.
LOWER = "T*V(?:PXT*V)*"
INNER = f"B(?:TS*X(?:S|X{LOWER}(?:V|PS))|P{LOWER}(?:V|PS))E"
PATTERNS = {False: re.compile(INNER), True: re.compile(f"B(?:T{INNER}T|P{INNER}P)E")}


@pytest.mark.parametrize("embedded", [False, True])
def test_labels(embedded):
    X, y = make_reber_grammar(2001, embedded=embedded, random_state=0)
    assert y.dtype == np.int64
    assert y.sum() == 1000
    for string, label in zip(X, y, strict=True):
        assert isinstance(string, str)
        assert label == (PATTERNS[embedded].fullmatch(string) is not None)
        assert set(string) <= set("BEPSTVX")
        assert len(string) >= (9 if embedded else 5)


@pytest.mark.parametrize("embedded", [False, True])
def test_ungrammatical_strings_are_one_exchange_away(embedded):
    X, y = make_reber_grammar(200, embedded=embedded, random_state=0)
    for string in (s for s, label in zip(X, y, strict=True) if not label):
        neighbours = (
            string[:i] + symbol + string[i + 1 :] for i in range(len(string)) for symbol in "BEPSTVX"
        )
        assert any(PATTERNS[embedded].fullmatch(s) for s in neighbours)


def test_half_the_errors_need_memory():
    X, y = make_reber_grammar(4000, random_state=0)
    wrong = [s for s, label in zip(X, y, strict=True) if not label]
    swapped = [s[:-2] + s[1] + "E" for s in wrong]
    share = np.mean([PATTERNS[True].fullmatch(s) is not None for s in swapped])
    # Half by design, and a few more by chance.
    assert 0.48 < share < 0.6


@pytest.mark.parametrize(("embedded", "expected"), [(True, 0.69), (False, 0.91)])
def test_score_of_neighbouring_symbols(embedded, expected):
    known, known_labels = make_reber_grammar(4000, embedded=embedded, random_state=1)
    legal = {pair for s, label in zip(known, known_labels, strict=True) if label for pair in pairwise(s)}
    X, y = make_reber_grammar(4000, embedded=embedded, random_state=0)
    guess = [all(pair in legal for pair in pairwise(s)) for s in X]
    assert np.mean(guess == y) == pytest.approx(expected, abs=0.02)


def test_lengths_do_not_tell_the_label():
    X, y = make_reber_grammar(8000, random_state=0)
    lengths = np.array([len(s) for s in X])
    assert lengths[y == 1].mean() == pytest.approx(lengths[y == 0].mean(), rel=0.03)


@pytest.mark.parametrize("embedded", [False, True])
def test_next_symbols_against_all_continuations(embedded):
    pattern = PATTERNS[embedded]
    n_symbols = 9 if embedded else 7
    strings = ("B" + "".join(inner) + "E" for inner in product("BEPSTVX", repeat=n_symbols - 2))
    grammatical = list(filter(pattern.fullmatch, strings))
    assert len(grammatical) >= 4
    for string in grammatical:
        assert reber_next_symbols(string, embedded=embedded) == ""
        for i in range(len(string)):
            following = reber_next_symbols(string[:i], embedded=embedded)
            assert string[i] in following
            assert 1 <= len(following) <= 2
            for symbol in set("BEPSTVX") - set(following):
                assert reber_next_symbols(string[:i] + symbol, embedded=embedded) is None


@pytest.mark.parametrize(
    ("string", "embedded", "expected"),
    [
        ("", True, "B"),
        ("B", True, "PT"),
        ("BT", True, "B"),
        ("BTBPVVE", True, "T"),
        ("BPBPVVE", True, "P"),
        ("BPBPVVEPE", True, ""),
        ("BPBPVVETE", True, None),
        ("BPBPVVEPEB", True, None),
        ("BTXX", False, "TV"),
        ("BPTV", False, "PV"),
        ("BPVVE", False, ""),
        ("?", False, None),
    ],
)
def test_next_symbols(string, embedded, expected):
    assert reber_next_symbols(string, embedded=embedded) == expected
