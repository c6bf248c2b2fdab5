"""Edits: against the table of distances, filled cell by cell."""

import time

import numpy as np
import pytest

from sklearn_rnn.data.validation import object_array
from sklearn_rnn.metrics import edit_distance_rate


def slow_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, z in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != z))
    return row[-1]


@pytest.mark.parametrize(
    ("true", "pred", "edits"),
    [
        ("kitten", "sitting", 3),
        ("abc", "abc", 0),
        ("abc", "", 3),
        ("abc", "abcabc", 3),
        ("a", "bcd", 3),
        ("flaw", "lawn", 2),
        ("ab" * 100, "ba" * 100, 2),
    ],
)
def test_by_hand(true, pred, edits):
    assert edit_distance_rate([true], [pred]) == pytest.approx(edits / len(true), rel=1e-12)


@pytest.mark.parametrize("n_tokens", [1, 2, 5, 50])
@pytest.mark.parametrize("longest", [3, 12, 150])  # 150: more than the bits of a machine's word
def test_is_the_slow_distance(n_tokens, longest, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    y_true, y_pred = (
        [rng.randint(n_tokens, size=rng.randint(longest + 1)).tolist() for _ in range(25)] for _ in range(2)
    )
    for a, b in zip(y_true, y_pred, strict=True):
        if a:
            assert edit_distance_rate([a], [b]) == pytest.approx(slow_distance(a, b) / len(a), rel=1e-12)
    edits = sum(map(slow_distance, y_true, y_pred))
    assert edit_distance_rate(y_true, y_pred) == pytest.approx(edits / sum(map(len, y_true)), rel=1e-12)


def test_lengths_count_together_and_not_each_on_its_own():
    assert edit_distance_rate(["a", "abcdefghi"], ["b", "abcdefghi"]) == 0.1
    assert edit_distance_rate(["", "ab"], ["xyz", "ab"]) == 1.5


def test_forms():
    words = [["to", "be"], ["or"]]
    for form in (words, [np.array(row) for row in words], object_array(map(np.array, words))):
        assert edit_distance_rate(form, [["to", "bee", "or"], ["or"]]) == pytest.approx(2 / 3, rel=1e-12)
    assert edit_distance_rate(np.array([[1, 2, 3], [4, 5, 6]]), [[1, 3], [4, 5, 6]]) == 1 / 6


def test_long_sequences_are_quick():
    rng = np.random.RandomState(0)
    a, b = rng.randint(4, size=(2, 5000))
    start = time.perf_counter()
    rate = edit_distance_rate([a], [b])
    assert time.perf_counter() - start < 3  # 25 million cells; a loop over them takes more
    assert 0.4 < rate < 0.6


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        (["a", "b"], ["a"], "y_pred has 1 sequence, but y_true has 2"),
        (["", ""], ["a", ""], "y_true holds no steps"),
        ([["a", None]], [["a"]], r"y_true\[0\] holds None at step 1"),
        ([["a"]], [3], "y_pred holds one int a sequence, .* metric is one of steps"),
    ],
)
def test_wrong_sequences(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        edit_distance_rate(y_true, y_pred)


def test_a_text_is_not_a_collection_of_sequences():
    with pytest.raises(TypeError, match="y_true must hold one entry a sequence"):
        edit_distance_rate("kitten", "sitting")
