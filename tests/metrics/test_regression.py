"""Metrics of numbers of steps: what scikit-learn says of the flat numbers."""

import numpy as np
import pytest
import sklearn.metrics

from sklearn_rnn import Sequences
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.metrics import (
    step_mean_absolute_error,
    step_mean_squared_error,
    step_r2_score,
    step_root_mean_squared_error,
)

SCORES = {
    step_mean_squared_error: sklearn.metrics.mean_squared_error,
    step_root_mean_squared_error: sklearn.metrics.root_mean_squared_error,
    step_mean_absolute_error: sklearn.metrics.mean_absolute_error,
    step_r2_score: sklearn.metrics.r2_score,
}
LENGTHS = [4, 1, 9, 3]


@pytest.fixture(params=[(), (1,), (3,)], ids=["one number", "one output", "three outputs"])
def pair(request, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    return tuple([rng.randn(n, *request.param) for n in LENGTHS] for _ in range(2))


@pytest.mark.parametrize("multioutput", ["uniform_average", "raw_values"])
@pytest.mark.parametrize("score", SCORES)
def test_is_scikit_learns(pair, score, multioutput):
    y_true, y_pred = pair
    flat = np.concatenate(y_true), np.concatenate(y_pred)
    expected = SCORES[score](*flat, multioutput=multioutput)
    np.testing.assert_allclose(score(y_true, y_pred, multioutput=multioutput), expected, rtol=1e-12)
    of_sequences, of_steps = [1, 0, 2, 0.5], [np.linspace(0.1, 1, n) for n in LENGTHS]
    for weights, flat_weights in (
        (of_sequences, np.repeat(of_sequences, LENGTHS)),
        (of_steps, np.concatenate(of_steps)),
    ):
        expected = SCORES[score](*flat, multioutput=multioutput, sample_weight=flat_weights)
        result = score(y_true, y_pred, multioutput=multioutput, sample_weight=weights)
        np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_outputs_with_weights(score):
    y_true, y_pred = [[[1.0, 2.0], [3.0, 5.0]], [[2.0, 1.0]]], [[[1.5, 2.0], [3.0, 4.0]], [[2.0, 3.0]]]
    raw = score(y_true, y_pred, multioutput="raw_values")
    assert score(y_true, y_pred) == pytest.approx(raw.mean(), rel=1e-12)
    assert score(y_true, y_pred, multioutput=[0.3, 0.7]) == pytest.approx(raw @ [0.3, 0.7], rel=1e-12)


@pytest.mark.parametrize(
    "form",
    [
        list,
        object_array,
        lambda y: [row.tolist() for row in y],
        lambda y: Sequences.from_lengths(np.concatenate(y), LENGTHS),
    ],
)
def test_forms(pair, form):
    y_true, y_pred = pair
    expected = step_mean_squared_error(y_true, y_pred)
    result = step_mean_squared_error(form(y_true), form(y_pred))
    assert isinstance(result, float)
    assert result == pytest.approx(expected, rel=1e-12)


def test_arrays():
    y = np.arange(12.0).reshape(2, 3, 2)
    assert step_mean_absolute_error(y, y + 1) == 1
    assert step_mean_absolute_error(y[:, :, 0], list(y[:, :, :1] + 1)) == 1
    masked = np.ma.array([[1.0, 9.0], [2.0, 3.0]], mask=[[0, 1], [0, 0]])
    assert step_mean_absolute_error(masked, [[1.0], [2.0, 4.0]]) == pytest.approx(1 / 3, rel=1e-12)


def test_integers_do_not_overflow():
    y = [np.array([200, 100], dtype=np.uint8)]
    assert step_mean_squared_error(y, [np.array([100, 200], dtype=np.uint8)]) == 10_000


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([[1.0, 2.0]], [[1.0]], r"y_pred\[0\] has 1 step, but y_true\[0\] has 2\."),
        ([[1.0]], [[1.0], [2.0]], "y_true has 1 sequence, y_pred has 2"),
        ([[[1.0, 2.0]]], [[1.0]], "y_pred has 1 output, but y_true has 2"),
        ([[1.0], [2.0, np.nan]], [[1.0], [2.0, 2.0]], r"y_true\[1\] holds NaN or infinity at step 1"),
        ([[1.0], [2.0]], [[1.0], [np.inf]], r"y_pred\[1\] holds NaN or infinity at step 0"),
        (
            [["a"], ["b"]],
            [[1.0], [1.0]],
            r"^y_true\[0\] does not hold numbers: .*\ny_true\[1\] does not hold",
        ),
        ([[1.0], [[1.0], [2.0, 3.0]]], [[1.0], [1.0]], r"y_true\[1\] does not hold numbers"),
        (
            np.arange(3.0),
            np.arange(3.0),
            r"^y_true holds one float64 a sequence, .* metric is one of steps.*\[y_true\]",
        ),
        ([[1.0], [[1.0, 2.0]]], [[1.0], [1.0]], r"y_true\[1\] has 2 numbers a step, but y_true\[0\] has 1"),
        ([[]], [[]], "y_true holds no steps"),
    ],
)
def test_wrong_numbers(y_true, y_pred, message):
    for score in SCORES:
        with pytest.raises(ValueError, match=message):
            score(y_true, y_pred)


def test_empty_sequences_count_nothing():
    assert step_mean_squared_error([[], [[1.0, 2.0]]], [[], [[1.0, 4.0]]]) == 2


def test_complex_and_masked_numbers():
    for score in SCORES:
        with pytest.raises(ValueError, match=r"y_true\[1\] does not hold numbers: they are complex"):
            score([[1.0], [1j]], [[1.0], [2.0]])
        with pytest.raises(ValueError, match=r"y_pred\[1\] is masked at some of its steps"):
            score([[1.0], [1.0, 2.0]], [[1.0], np.ma.masked_array([1.0, 2.0], mask=[1, 0])])
