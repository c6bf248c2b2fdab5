"""The space of ids: what each number means to a network."""

import numpy as np
import pytest

from sklearn_rnn.data import as_sequences
from sklearn_rnn.encoding.vocabulary import Vocabulary, from_outputs, to_outputs

TOKENS = np.array(["a", "b", "c"])
WAYS = {
    "inputs": ("unknown", (), {"unknown": 0, "begin": None, "end": None}, 4),
    "a stream": ("begin", (), {"unknown": None, "begin": 0, "end": None}, 4),
    "a stream with unknown tokens": ("begin", ("unknown",), {"unknown": 4, "begin": 0, "end": None}, 5),
    "texts": ("begin", ("end",), {"unknown": None, "begin": 0, "end": 4}, 4),
    "texts with unknown tokens": ("begin", ("unknown", "end"), {"unknown": 4, "begin": 0, "end": 5}, 5),
    "targets with copies": ("unknown", ("end",), {"unknown": 0, "begin": 4, "end": 4}, 5),
}
every_way = pytest.mark.parametrize("way", WAYS)


def make(way):
    first, last, *_ = WAYS[way]
    return Vocabulary(TOKENS, first, last)


@every_way
def test_ids_of_symbols(way):
    vocabulary, (*_, ids, n_inputs) = make(way), WAYS[way]
    assert {name: getattr(vocabulary, f"{name}_id") for name in ids} == ids
    assert vocabulary.n_inputs == n_inputs
    assert vocabulary.n_outputs == vocabulary.n_ids - 1  # all but the first
    assert len(vocabulary) == 3


@every_way
def test_tokens_and_ids(way):
    vocabulary = make(way)
    np.testing.assert_array_equal(vocabulary.find(np.array(["c", "x", "a"])), [3, 0, 1])
    np.testing.assert_array_equal(vocabulary.decode(np.array([3, 1])), ["c", "a"])
    np.testing.assert_array_equal(to_outputs(np.array([3, 1])), [2, 0])
    np.testing.assert_array_equal(from_outputs(to_outputs(np.array([3, 1]))), [3, 1])


@every_way
def test_unknown_tokens(way):
    vocabulary, text = make(way), as_sequences(["ax", "yb"])
    if vocabulary.unknown_id is None:
        with pytest.raises(ValueError, match=r"X\[0\] has 'x' at step 1, .*\n.*X\[1\] has 'y' at step 0"):
            vocabulary.encode(text)
    else:
        expected = [1, vocabulary.unknown_id, vocabulary.unknown_id, 2]
        np.testing.assert_array_equal(vocabulary.encode(text).values, expected)
    with pytest.raises(ValueError, match="text has 'x' at step 7"):
        vocabulary.encode(as_sequences(["ax"]), "text", handle_unknown="error", is_one=True, steps=[3, 7])


def test_spelling():
    assert Vocabulary(TOKENS).spell(np.array(["b", "", "a"])) == "b\0a"  # NumPy's form of the character 0
    assert Vocabulary(np.array(["to", "be"], dtype=object)).spell(np.array(["be"], dtype=object)) == ["be"]
    assert Vocabulary(np.array([3, 5])).spell(np.array([5, 3])) == [5, 3]
