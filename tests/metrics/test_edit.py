"""Edits: against the table of distances, filled cell by cell."""

import time

import numpy as np
import pytest

from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.metrics import edit_distance_rate, exact_match_score


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
        (["a", "b"], ["a"], "y_true has 2 sequences, y_pred has 1"),
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


def test_exact_matches():
    assert exact_match_score(["cats", "dogs", "", "a"], ["cats", "dog", "", "ab"]) == 0.5
    assert exact_match_score([["to", "be"], ["or"]], [["to", "be"], ["tobe"]]) == 0.5
    assert exact_match_score(["ab", "c"], [["a", "b"], ["d"]]) == 0.5  # a str is its characters
    codes = [np.array([1, 2]), np.array([3])]
    assert exact_match_score(codes, object_array([np.array([1, 2]), np.array([], dtype=int)])) == 0.5
    assert exact_match_score(["ab", "ab"], ["ba", "abab"]) == 0
    assert isinstance(exact_match_score(["a"], ["a"]), float)


def test_exact_matches_are_weighted():
    y_true, y_pred = ["a", "b", "c"], ["a", "x", "c"]
    assert exact_match_score(y_true, y_pred, sample_weight=[1, 2, 5]) == 0.75
    assert exact_match_score(y_true, y_pred, sample_weight=[0, 1, 0]) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["a", "b"], ["a"]), ValueError, "y_true has 2 sequences, y_pred has 1"),
        (([], []), ValueError, "y_true holds no sequences; at least one is needed"),
        ((["a"], [["a", None]]), ValueError, r"y_pred\[0\] holds None at step 1"),
        (("ab", ["a", "b"]), TypeError, "y_true must hold one entry a sequence"),
        (([["a"]], [3]), ValueError, "y_pred holds one int a sequence"),
        ((["a", "b"], ["a", "b"], [1]), ValueError, "sample_weight has 1"),
        ((["a", "b"], ["a", "b"], [1, -1]), ValueError, "sample_weight must hold finite"),
    ],
)
def test_wrong_exact_matches(arguments, error, message):
    y_true, y_pred, *weights = arguments
    with pytest.raises(error, match=message):
        exact_match_score(y_true, y_pred, sample_weight=weights[0] if weights else None)
