"""Perplexity and bits: the exponential and the logarithm of what scikit-learn's log_loss gives."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.metrics import bits_per_token, perplexity_score

LABELS = ["a", "b", "c"]


@pytest.fixture
def case(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    lengths = [3, 1, 8, 4]
    y_true = [rng.choice(LABELS, size=n).tolist() for n in lengths]
    y_true[2][:3] = LABELS  # all of them occur
    return y_true, [rng.dirichlet([1, 1, 1], size=n) for n in lengths]


def test_is_log_loss(case):
    y_true, y_proba = case
    true, proba = np.concatenate(y_true), np.concatenate(y_proba)
    loss = log_loss(true, proba)
    assert np.log(perplexity_score(y_true, y_proba)) == pytest.approx(loss, rel=1e-12)
    assert bits_per_token(y_true, y_proba) * np.log(2) == pytest.approx(loss, rel=1e-12)
    weights = [[0.5, 2, 1], [3], [1] * 8, [0] * 4]
    loss = log_loss(true, proba, sample_weight=np.concatenate(weights))
    assert np.log(perplexity_score(y_true, y_proba, sample_weight=weights)) == pytest.approx(loss, rel=1e-12)
    assert bits_per_token(y_true, y_proba, sample_weight=weights) * np.log(2) == pytest.approx(
        loss, rel=1e-12
    )


def test_labels_say_what_the_columns_are(case):
    y_true, y_proba = case
    expected = perplexity_score(y_true, y_proba)
    turned = [rows[:, ::-1] for rows in y_proba]
    assert perplexity_score(y_true, turned, labels=np.array(LABELS[::-1])) == pytest.approx(
        expected, rel=1e-12
    )
    assert perplexity_score(y_true, turned) != pytest.approx(expected, rel=1e-3)
    wide = [np.c_[np.zeros(len(rows)), rows] for rows in y_proba]
    assert perplexity_score(y_true, wide, labels=["_", *LABELS]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_label_without_a_column_costs_as_much_as_probability_zero(dtype):
    proba = [np.array([[0.5, 0.5], [1, 0]], dtype=dtype)]
    eps = np.finfo(dtype).eps
    expected = (np.log(2) - np.log(eps)) / 2
    assert np.log(perplexity_score([["new"]], [proba[0][:1]], labels=["a", "b"])) == pytest.approx(
        -np.log(eps), rel=1e-6
    )
    for y_true in ([["a", "new"]], [["a", 3]], [["a", "b"]]):
        score = perplexity_score(y_true, proba, labels=["a", "b"])
        assert np.log(score) == pytest.approx(expected, rel=1e-6)
        assert np.isfinite(score)
    assert log_loss(["a", "b"], proba[0], labels=["a", "b"]) == pytest.approx(expected, rel=1e-6)


def test_forms(case):
    y_true, y_proba = case
    expected = perplexity_score(y_true, y_proba)
    assert perplexity_score(object_array(map(np.array, y_true)), object_array(y_proba)) == expected
    assert perplexity_score(y_true, [rows.tolist() for rows in y_proba]) == expected
    square = np.full((2, 3, 4), 0.25)
    assert perplexity_score([[1, 2, 3], [4, 1, 1]], square) == pytest.approx(4, rel=1e-12)
    assert bits_per_token(["abc", "daa"], square) == pytest.approx(2, rel=1e-12)


def test_single_precision_is_summed_in_double():
    proba = [np.full((1000, 3), 1 / 3, dtype=np.float32)] * 300
    assert perplexity_score([["a", "b", "c", "a"] * 250] * 300, proba) == pytest.approx(3, rel=1e-6)


@pytest.mark.parametrize(
    ("y_true", "y_proba", "options", "message"),
    [
        ([["a", "b"]], [[[0.5, 0.5]]], {}, r"y_proba\[0\] has 1 step, but y_true\[0\] has 2\."),
        ([["a"]], [[[0.5, 0.5]], [[0.5, 0.5]]], {}, "y_true has 1 sequence, y_proba has 2"),
        (
            [["a", "a"]],
            [[[0.5, 0.5]] * 2],
            {},
            "y_proba has 2 columns, but y_true has 1 distinct labels.*classes_",
        ),
        ([["a"]], [[[0.5, 0.5]]], {"labels": ["a", "b", "c"]}, "2 columns, but labels has 3 distinct labels"),
        ([["a"]], [[[0.5, 0.5]]], {"labels": ["a", "a"]}, "labels holds 'a' more than once"),
        (
            [["a", "b"]],
            [[[0, -1], [-1, -2]]],
            {},
            "from -2 to 0; probabilities go from 0 to 1. Of logarithms",
        ),
        ([["a", "b"]], [[[2, 1], [1, 2]]], {}, "holds values from 1 to 2"),
        ([["a", "b"]], [[[0.5, 0.5], [np.nan, 0]]], {}, r"y_proba\[0\] holds NaN or infinity at step 1"),
        (
            [["a"], ["b"]],
            [[[0.5, 0.5]], [[0.2, 0.3, 0.5]]],
            {},
            r"y_proba\[1\] has 3 numbers a step, but y_proba\[0\] has 2",
        ),
        ([["a", "b"]], [["x", "y"]], {}, r"y_proba\[0\] does not hold numbers"),
        ([["a", None]], [[[0.5, 0.5]] * 2], {}, r"y_true\[0\] holds None at step 1"),
        ([[]], [np.empty((0, 2))], {}, "y_true holds no steps"),
    ],
)
def test_wrong_probabilities(y_true, y_proba, options, message):
    for score in (perplexity_score, bits_per_token):
        with pytest.raises(ValueError, match=message):
            score(y_true, y_proba, **options)


@pytest.mark.parametrize("score", [perplexity_score, bits_per_token])
def test_sums_other_than_one(score):
    with pytest.warns(UserWarning, match="in y_proba they sum to 0.7 to 1") as caught:
        score([["a", "b"]], [[[0.5, 0.5], [0.3, 0.4]]])
    assert caught[0].filename == __file__
