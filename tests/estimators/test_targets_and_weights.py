"""Targets and weights that would be read otherwise than they were meant, or train nothing."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNForecaster, RNNRegressor, RNNSeq2Seq, RNNTagger
from sklearn_rnn.data.arrays import object_array

FAST = {"hidden_size": 4, "max_iter": 1, "random_state": 0}
X = [np.linspace(0, k, 3)[:, np.newaxis] for k in range(6)]

# Labels


@pytest.mark.parametrize("form", [list, np.array, lambda y: np.array(y, object), torch.tensor])
def test_numbers_that_are_not_whole_are_no_labels(form):
    for y in (form([0.0, 1.0, 0.25, 1.0, 0.0, 1.0]),):
        with pytest.raises(ValueError, match=r"continuous.* such as 0\.25, .*RNNRegressor"):
            RNNClassifier(**FAST).fit(X, y)
    with pytest.raises(ValueError, match=r"continuous.* such as 0\.25, .*RNNRegressor"):
        RNNTagger(**FAST).fit(X, form([[0.0, 1.0, 0.25]] * 6))
    with pytest.raises(ValueError, match="RNNRegressor"):
        RNNTagger(**FAST).fit(X, [np.array([0.0, 1.0, 0.25])] * 6)


@pytest.mark.parametrize("form", [list, np.array, lambda y: np.array(y, object), torch.tensor])
def test_whole_numbers_are_labels(form):
    model = RNNClassifier(**FAST).fit(X, form([0.0, 1.0, 2.0, 1.0, 0.0, 1.0]))
    assert model.classes_.tolist() == [0.0, 1.0, 2.0]
    assert model.classes_.dtype.kind == "f"
    assert RNNTagger(**FAST).fit(X, form([[0.0, 1.0, 2.0]] * 6)).classes_.tolist() == [0.0, 1.0, 2.0]


# Complex numbers

COMPLEX = np.array([0, 1, 2, 1, 0, 1j])


@pytest.mark.parametrize("form", [list, np.array, lambda y: np.array(y, object), torch.tensor, pd.Series])
def test_complex_targets_and_weights_are_refused(form):
    real = np.arange(6) % 2
    for call in (
        lambda: RNNRegressor(**FAST).fit(X, form(COMPLEX)),
        lambda: RNNRegressor(**FAST).fit(X, [form(COMPLEX[-3:])] * 6),
        lambda: RNNClassifier(**FAST).fit(X, form(COMPLEX)),
        lambda: RNNTagger(**FAST).fit(X, [form(COMPLEX[-3:])] * 6),
        lambda: RNNSeq2Seq(**FAST).fit(X, [form(COMPLEX)] * 6),
        lambda: RNNClassifier(**FAST).fit(X, real, sample_weight=form(COMPLEX)),
        lambda: RNNTagger(**FAST).fit(X, [[0, 1, 0]] * 6, sample_weight=[form(COMPLEX[-3:])] * 6),
        lambda: RNNForecaster(**FAST).fit(form(COMPLEX)),
        lambda: RNNForecaster(**FAST).fit(np.arange(6.0), exogenous=form(COMPLEX)),
        lambda: RNNSeq2Seq(**FAST).fit(np.array([COMPLEX] * 6), ["a"] * 6),
    ):
        with pytest.raises((ValueError, TypeError), match=r"[Cc]omplex|numbers"):
            call()


# Arrays of objects


def test_targets_that_numpy_stacked_are_read_like_others():
    values = [np.arange(3.0) + k for k in range(6)]
    stacked = np.array(values, object)
    assert stacked.shape == (6, 3)
    model, other = (RNNRegressor(**FAST).fit(X, y) for y in (object_array(values), stacked))
    np.testing.assert_array_equal(np.stack(model.predict(X)), np.stack(other.predict(X)))
    model, other = (
        RNNRegressor(**FAST).fit(X, values, sample_weight=w) for w in (object_array(values), stacked)
    )
    np.testing.assert_array_equal(np.stack(model.predict(X)), np.stack(other.predict(X)))
    assert RNNRegressor(**FAST).fit(X, stacked[:, :2]).predict(X).shape == (6, 2)
    frame = pd.DataFrame({"a": pd.array(range(6), "Int64"), "b": 0.5})  # a table has several numbers a row
    assert RNNRegressor(**FAST).fit(X, frame).predict(X).shape == (6, 2)


# Weights


@pytest.mark.parametrize("weights", [np.arange(6).astype("m8[s]"), pd.date_range("2026-01-01", periods=6)])
def test_times_are_no_weights(weights):
    with pytest.raises(ValueError, match="sample_weight must hold numbers, but it holds"):
        RNNRegressor(**FAST).fit(X, np.arange(6.0), sample_weight=weights)


def test_dates_of_polars_are_no_targets():
    y = pl.DataFrame({"day": [datetime.date(2026, 1, 1)] * 6, "v": [1.0] * 6})
    with pytest.raises(TypeError, match="column 'day' holds Date, not numbers"):
        RNNRegressor(**FAST).fit(X, y)


@pytest.mark.parametrize("factor", [1e308, 1e300, 1e-300, 5e-324 * 2**20, 2.0**700])
def test_weights_of_any_size_train(factor):
    weights = np.array([1, 1, 0.5, 1, 0.25, 1])
    y = np.arange(6) % 2

    def weigh(cls, y, factor, **parameters):
        model = cls(**FAST, **parameters).fit(X, y, sample_weight=weights * factor)
        score = model.score(X, y, sample_weight=weights * factor)
        return model, np.concatenate([np.ravel(p) for p in np.array(model.predict(X), object)]), score

    for cls, targets in ((RNNClassifier, y), (RNNRegressor, y * 1.5), (RNNTagger, [[0, 1, 0]] * 6)):
        (model, predicted, score), (other, expected, expected_score) = (
            weigh(cls, targets, f) for f in (factor, 1.0)
        )
        np.testing.assert_allclose(predicted, expected, rtol=1e-6)
        np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-6)
        np.testing.assert_allclose(score, expected_score, rtol=1e-6)
    models = [RNNClassifier(class_weight={0: f, 1: f / 2}, **FAST).fit(X, y) for f in (factor, 1.0)]
    np.testing.assert_allclose(models[0].loss_curve_, models[1].loss_curve_, rtol=1e-6)


def test_one_weight_beside_which_the_others_are_nothing():
    model = RNNClassifier(batch_size=2, **FAST).fit(X, np.arange(6) % 2, sample_weight=[1e300, 1, 1, 1, 1, 1])
    assert np.isfinite(model.loss_curve_).all()
