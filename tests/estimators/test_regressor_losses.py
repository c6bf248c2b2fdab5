"""Losses of numbers: what `RNNRegressor` predicts with each, and how certain it is."""

import numpy as np
import pytest
from scipy.stats import norm

from sklearn_rnn import RNNRegressor
from sklearn_rnn.nn import GaussianHead

RNG = np.random.RandomState(0)
X = [RNG.randn(n, 1) for n in RNG.randint(2, 6, size=300)]
NOISE = RNG.standard_exponential(300)
Y = np.array([5 * x.mean() for x in X]) + 3 * NOISE  # the mean is above the median
SMALL = {"hidden_size": 8, "max_iter": 30, "learning_rate": 0.01, "random_state": 0}


def make(**parameters):
    return RNNRegressor(**SMALL | parameters)


def test_the_mean_and_the_median():
    mean, median = (make(loss=loss).fit(X, Y).predict(X) for loss in ("squared_error", "absolute_error"))
    assert 0.5 < np.mean(mean - median) < 1.5  # 3 * (1 - log(2)) = 0.92
    assert np.mean(np.abs(Y - median)) < np.mean(np.abs(Y - mean))


def test_a_normal_distribution():
    model = make(loss="gaussian").fit(X, Y)
    mean, std = model.predict(X, return_std=True)
    np.testing.assert_array_equal(mean, model.predict(X))
    assert mean.shape == std.shape == (300,) and 1.5 < std.mean() < 4.5  # 3
    for level in (0.1, 0.5, 0.9):
        expected = mean + std * norm.ppf(level)
        np.testing.assert_allclose(
            model.predict_quantiles(X, quantiles=level), expected, rtol=1e-4, atol=1e-4
        )
    assert model.predict_quantiles(X).shape == (300, 3)


def test_quantiles_hold_their_shares():
    model = make(loss="quantile", quantiles=[0.25, 0.5, 0.75], max_iter=60).fit(X, Y)
    below = (Y[:, np.newaxis] < model.predict_quantiles(X)).mean(axis=0)
    np.testing.assert_allclose(below, [0.25, 0.5, 0.75], atol=0.1)
    np.testing.assert_array_equal(model.predict(X), model.predict_quantiles(X, quantiles=0.5))
    with pytest.raises(ValueError, match=r"quantiles=0.9 lie beyond \(0.25, 0.5, 0.75\)"):
        model.predict_quantiles(X, quantiles=0.9)


def test_several_numbers_and_numbers_of_steps():
    several = make(loss="gaussian", max_iter=2).fit(X, np.column_stack([Y, -Y]))
    assert several.predict_quantiles(X).shape == (300, 3, 2)
    assert [part.shape for part in several.predict(X, return_std=True)] == [(300, 2), (300, 2)]
    steps = make(loss="quantile", max_iter=2).fit(X, [x.cumsum() for x in X])
    assert steps.predict_quantiles(X)[0].shape == (len(X[0]), 3)
    assert steps.predict_quantiles(X, quantiles=0.3)[0].shape == (len(X[0]),)
    array = np.ones((4, 5, 1))
    assert steps.predict_quantiles(array).shape == (4, 5, 3)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "quantile"])
def test_what_was_not_learnt_is_an_error(loss):
    model = make(loss=loss, max_iter=1).fit(X, Y)
    with pytest.raises(
        ValueError, match=f"loss='{loss}' predicts .* no standard deviations. Fit with loss='g"
    ):
        model.predict(X, return_std=True)
    if loss != "quantile":
        with pytest.raises(ValueError, match="there are no quantiles. Fit with loss='gaussian' or loss='qu"):
            model.predict_quantiles(X)


def test_the_message_names_the_head_that_was_chosen():
    model = make(loss="gaussian", head="linear", max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match="head='linear' predicts a number and not how certain"):
        model.predict(X, return_std=True)


@pytest.mark.parametrize("head", ["gaussian", GaussianHead])
def test_heads_have_names(head):
    model = make(head=head, max_iter=2).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), make(loss="gaussian", max_iter=2).fit(X, Y).predict(X))


@pytest.mark.parametrize("bad", [{"loss": "poisson"}, {"quantiles": (0.9, 0.1)}, {"head": "softmax"}])
def test_bad_parameters(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        make(**bad).fit(X, Y)


@pytest.mark.parametrize("bad", [0, 1.5, [], "a", [0.5, None]])
def test_bad_levels(bad):
    model = make(loss="gaussian", max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match="quantiles must be numbers between 0 and 1"):
        model.predict_quantiles(X, quantiles=bad)


def test_training_goes_on_with_the_same_loss():
    model = make(loss="gaussian", max_iter=1, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="loss was 'gaussian' when training began and is now 'quantile'"):
        model.set_params(loss="quantile").fit(X, Y)
