"""Forecasts: what every estimator promises, scikit-learn's tools, and what is refused."""

import copy
import io
import pickle
import random
import re
import signal

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import LRScheduler

from sklearn_rnn import RNNClassifier, RNNForecaster
from sklearn_rnn.model_selection import backtest
from sklearn_rnn.persistence import TRUSTED_TYPES
from sklearn_rnn.preprocessing import SlidingWindow
from sklearn_rnn.training.step import TrainingStep

rng = np.random.RandomState(0)
ONE = rng.randn(60).cumsum()
TWO = rng.randn(60, 2).cumsum(axis=0)
MANY = [rng.randn(n).cumsum() for n in (30, 12, 21, 17)]
KNOWN = rng.randn(70, 2)
SMALL = {
    "hidden_size": 5,
    "max_iter": 3,
    "batch_size": 8,
    "context_length": 10,
    "learning_rate": 0.02,
    "random_state": 0,
    "device": "cpu",
}
KINDS = {
    "one": ({}, ONE, None),
    "one with what is known": ({"distribution": "gaussian", "cell": "jordan"}, TWO, KNOWN[:60]),
    "several": ({"scaling": "series", "dropout": 0.2, "num_layers": 2}, MANY, None),
    "direct": (
        {"strategy": "direct", "horizon": 3, "distribution": "quantile", "cell": "lstm"},
        MANY,
        [KNOWN[: len(x)] for x in MANY],
    ),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def make(**parameters):
    return RNNForecaster(**{**SMALL, **parameters})


def make_kind(kind, **parameters):
    options, X, known = KINDS[kind]
    return make(**{**options, **parameters}), X, known


def weights_of(model):
    return {name: w.numpy().copy() for name, w in model.module_.state_dict().items()}


def assert_same(model, other):
    """Check that two models learnt the same, to the last bit."""
    ours, theirs = weights_of(model), weights_of(other)
    assert all((ours[name] == theirs[name]).all() for name in ours | theirs)
    assert model.loss_curve_ == other.loss_curve_


def answers(model, X, known):
    """All that a model says of the series that it was fitted on."""
    ahead = None
    if known is not None:
        ahead = KNOWN[60:63] if isinstance(known, np.ndarray) else [KNOWN[n : n + 3] for n in map(len, X)]
    rolling = model.predict_rolling(X, 2, known)
    said = [model.predict(n_steps=3, exogenous=ahead), *(rolling if isinstance(X, list) else [rolling])]
    if model.distribution != "point":
        said.append(model.predict_quantiles(n_steps=3, exogenous=ahead, random_state=0))
    return said


def assert_close(some, others, **tolerance):
    for a, b in zip(some, others, strict=True):
        np.testing.assert_allclose(a, b, **{"rtol": 0, "atol": 1e-5, **tolerance})


# Training


@every_kind
def test_two_fits_are_equal_and_nothing_else_changes(kind):
    model, X, known = make_kind(kind, early_stopping=True)
    before = copy.deepcopy((X, known, model.get_params()))
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    state = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()
    model.fit(X, exogenous=known)
    answers(model, X, known)
    assert state == (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate())
    assert_same(clone(model).fit(X, exogenous=known), model)
    assert_same(model.fit(X, exogenous=known), clone(model).fit(X, exogenous=known))
    np.testing.assert_equal((X, known, model.get_params()), before)
    other = clone(model).set_params(random_state=1).fit(X, exogenous=known)
    assert other.loss_curve_ != model.loss_curve_


@pytest.mark.parametrize("way", ["warm_start", "partial_fit"])
@every_kind
def test_three_and_three_epochs_are_six(kind, way):
    model, X, known = make_kind(kind)
    whole = clone(model).set_params(max_iter=6).fit(X, exogenous=known)
    if way == "warm_start":
        model.set_params(warm_start=True).fit(X, exogenous=known).fit(X, exogenous=known)
    else:
        for _ in range(6):
            model.partial_fit(X, exogenous=known)
    assert_same(model, whole)
    assert_close(answers(model, X, known), answers(whole, X, known), atol=0)
    assert model.n_iter_ == 6


def test_what_comes_later_is_gone_on_from_with_the_scale_of_before():
    model = make().fit(ONE[:40])
    mean = model.mean_.copy()
    model.partial_fit(ONE[40:] + 100)
    assert (model.mean_ == mean).all()
    assert_close([model.predict(n_steps=3)], [model.predict(ONE[40:] + 100, 3)])


@pytest.mark.parametrize("kind", ["several", "direct"])
@pytest.mark.parametrize("scaling", ["series", "global"])
def test_weights_of_series(kind, scaling):
    model, X, known = make_kind(
        kind, scaling=scaling, batch_size="all", dtype="float64", dropout=0.0, max_grad_norm=0.5
    )
    plain = clone(model).fit(X, exogenous=known)
    for ones in (np.ones(4), [3.0] * 4):
        weighted = clone(model).fit(X, exogenous=known, sample_weight=ones)
        np.testing.assert_allclose(weighted.loss_curve_, plain.loss_curve_, rtol=1e-6)
        assert_close(answers(weighted, X, known), answers(plain, X, known), atol=1e-4)
    weights = [1, 0, 2, 1]
    rows = np.repeat(np.arange(4), weights)
    some = None if known is None else [known[i] for i in rows]
    repeated = clone(model).fit([X[i] for i in rows], exogenous=some)
    weighted = clone(model).fit(X, exogenous=known, sample_weight=weights)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-6)
    for name, w in weights_of(weighted).items():
        np.testing.assert_allclose(w, weights_of(repeated)[name], atol=1e-6, err_msg=name)
    assert len(weighted.predict(n_steps=3, exogenous=None if known is None else [KNOWN[:3]] * 4)) == 4


@pytest.mark.parametrize("scaling", ["series", "global"])
def test_zero_is_as_if_not_given(scaling):
    model = make(scaling=scaling).fit(MANY, sample_weight=[2, 0, 2, 2])
    rows = [0, 2, 3]
    assert_same(model, make(scaling=scaling).fit([MANY[i] for i in rows], sample_weight=np.ones(3)))


def test_early_stopping():
    series = np.random.RandomState(0).randn(300)
    model = make(early_stopping=True, n_iter_no_change=3, max_iter=100).fit(series)
    assert model.n_iter_ < 100 and len(model.validation_scores_) == model.n_iter_
    assert max(model.validation_scores_) == pytest.approx(max(model.validation_scores_[:-3]), abs=2e-4)
    whole = make(max_iter=100).fit(series)
    test = np.random.RandomState(1).randn(100)
    assert model.score(test) > whole.score(test)


def press_ctrl_c():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    signal.raise_signal(signal.SIGINT)


def test_an_interrupted_fit_keeps_what_was_learnt(monkeypatch):
    step, batches = TrainingStep.__call__, []

    def watched(*arguments, **options):
        batches.append(1)
        return step(*arguments, **options)

    monkeypatch.setattr(TrainingStep, "__call__", watched)
    make(max_iter=1).fit(ONE)
    n_batches = len(batches)

    def interrupted(*arguments, **options):
        batches.append(1)
        if len(batches) == 3 * n_batches + 2:
            press_ctrl_c()
        return step(*arguments, **options)

    monkeypatch.setattr(TrainingStep, "__call__", interrupted)
    model = make(max_iter=50)
    with pytest.warns(UserWarning, match="Training was interrupted in epoch 3; what was learnt so far"):
        model.fit(ONE)
    assert model.n_iter_ == 2 and np.isfinite(model.predict(n_steps=4)).all()
    assert model.partial_fit(ONE).n_iter_ == 3


@pytest.mark.parametrize("goes_on", [False, True])
@every_kind
def test_a_loss_that_is_not_finite_changes_nothing(kind, goes_on):
    model, X, known = make_kind(
        kind, cell="elman", nonlinearity="relu", max_grad_norm=None, warm_start=goes_on
    )
    if goes_on:
        model.fit(X, exogenous=known)
        before = answers(model, X, known)
    state = dict(vars(model))
    model.set_params(learning_rate=1e30)
    with pytest.raises(ValueError, match=r"Training stopped in epoch \d, batch \d: .* is (nan|inf|-inf)"):
        model.fit(X, exogenous=known)
    model.set_params(learning_rate=SMALL["learning_rate"])
    assert vars(model).keys() == state.keys()
    if goes_on:
        assert_close(answers(model, X, known), before, atol=0)


def test_callbacks_and_progress(capsys):
    schedule = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    model = make(callbacks=[schedule], verbose=2).fit(ONE)
    assert model.callbacks == [schedule] and model.loss_curve_ != make().fit(ONE).loss_curve_
    assert "train_loss" in capsys.readouterr().out
    make(verbose=1).fit(ONE)


# Copies and files


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def through_skops(model):
    return skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_joblib, through_skops])
@every_kind
def test_copies_answer_alike(kind, copied):
    model, X, known = make_kind(kind)
    model.fit(X, exogenous=known)
    twin = copied(model)
    assert_close(answers(twin, X, known), answers(model, X, known), atol=0)
    assert twin.loss_curve_ == model.loss_curve_ and twin.n_iter_ == 3
    assert twin.partial_fit(X, exogenous=known).n_iter_ == 4 and model.n_iter_ == 3
    assert not hasattr(clone(model), "module_")
    assert_same(clone(twin).fit(X, exogenous=known), model)


def test_no_more_is_kept_than_the_ends_of_series():
    size = len(pickle.dumps(make().fit(ONE)))
    assert len(pickle.dumps(make().fit(np.tile(ONE, 100)))) < size + 200


# scikit-learn's tools

FORMS = {
    "array": ONE,
    "Series": pd.Series(ONE, index=pd.date_range("2020", periods=60)),
    "table": pd.DataFrame(TWO, columns=["heat", "wind"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_cross_validation_in_time(form):
    X, cv = FORMS[form], TimeSeriesSplit(3)
    model = make(horizon=4)
    scores = cross_val_score(model, X, cv=cv, error_score="raise")
    by_hand = []
    values = np.asarray(X)
    for train, test in cv.split(values):
        fitted = clone(model).fit(values[train])
        by_hand.append(fitted.score(values[test]))
    np.testing.assert_allclose(scores, by_hand)
    errors = backtest(model, X, cv=cv)
    assert errors.mean_absolute_error.shape == (3, 4, *values.shape[1:])
    assert errors.n_forecasts.tolist() == [12, 12, 12]
    np.testing.assert_allclose(scores, -errors.mean_absolute_error.reshape(3, -1).mean(axis=1), rtol=1e-5)


def test_persistence_in_a_backtest():
    X = np.array([0.0, 1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 66])
    errors = backtest(make(), X, n_steps=2, cv=TimeSeriesSplit(2))
    # The test parts begin with 10 and with 36.
    assert errors.persistence[0].tolist() == [np.mean([4, 5, 6]), np.mean([9, 11, 13])]
    assert errors.persistence[1].tolist() == [np.mean([8, 9, 10]), np.mean([17, 19, 21])]


def test_a_backtest_with_a_gap_and_what_is_known():
    cv = TimeSeriesSplit(2, gap=5, max_train_size=20)
    model = make(horizon=3)
    errors = backtest(model, pd.Series(ONE), KNOWN[:60], cv=cv)
    for k, (train, test) in enumerate(cv.split(ONE)):
        fitted = clone(model).fit(ONE[train], exogenous=KNOWN[train])
        errors_by_hand = [
            np.abs(fitted.predict(ONE[train[0] : at], 3, KNOWN[train[0] : at + 3]) - ONE[at : at + 3])
            for at in test[:-2]
        ]
        np.testing.assert_allclose(errors.mean_absolute_error[k], np.mean(errors_by_hand, axis=0), rtol=1e-4)


def test_a_backtest_of_fewer_steps_than_are_told_at_once():
    cv, options = TimeSeriesSplit(2), {"strategy": "direct", "horizon": 4}
    errors = backtest(make(**options), ONE, KNOWN[:60], n_steps=2, cv=cv)
    for k, (train, test) in enumerate(cv.split(ONE)):
        fitted = make(**options).fit(ONE[train], exogenous=KNOWN[train])
        errors_by_hand = [
            np.abs(fitted.predict(ONE[:at], 2, KNOWN[: at + 4]) - ONE[at : at + 2]) for at in test[:-3]
        ]
        assert errors.n_forecasts[k] == len(errors_by_hand)
        np.testing.assert_allclose(errors.mean_absolute_error[k], np.mean(errors_by_hand, axis=0), rtol=1e-4)


def test_backtests_that_are_refused():
    with pytest.raises(ValueError, match="X must be one series, .* For several see cross_val_score"):
        backtest(make(), MANY)
    for cv in (KFold(3), KFold(3, shuffle=True)):
        with pytest.raises(ValueError, match="cv must yield runs of steps .* TimeSeriesSplit"):
            backtest(make(), ONE, cv=cv)
    with pytest.raises(
        ValueError, match=r"cv yields test parts of 5 step\(s\), too few for a forecast of 7; .*70"
    ):
        backtest(make(), ONE, n_steps=7, cv=TimeSeriesSplit(2, test_size=5))
    with pytest.raises(ValueError, match="^exogenous has 70 steps, but there must be 60 of the series"):
        backtest(make(), ONE, KNOWN)


def test_a_number_of_folds():
    errors = backtest(make(), ONE, cv=3).mean_absolute_error
    np.testing.assert_array_equal(errors, backtest(make(), ONE, cv=TimeSeriesSplit(3)).mean_absolute_error)
    splits = list(TimeSeriesSplit(3).split(ONE))
    np.testing.assert_array_equal(errors, backtest(make(), ONE, cv=splits).mean_absolute_error)


def test_cross_validation_over_series():
    scores = cross_val_score(make(horizon=2), MANY, cv=KFold(2), error_score="raise")
    by_hand = [make(horizon=2).fit(MANY[2:]).score(MANY[:2]), make(horizon=2).fit(MANY[:2]).score(MANY[2:])]
    np.testing.assert_allclose(scores, by_hand)


def test_search():
    grid = {"max_iter": [1, 30], "strategy": ["recursive", "direct"]}
    wave = np.sin(np.arange(200) / 3)
    search = GridSearchCV(make(horizon=3), grid, cv=TimeSeriesSplit(3), error_score="raise").fit(wave)
    assert search.best_params_["max_iter"] == 30 and search.best_score_ > -0.5
    assert search.best_estimator_.predict(n_steps=3).shape == search.predict(wave).shape == (3,)
    assert search.score(np.sin(np.arange(200, 220) / 3)) > -0.5


def test_what_is_known_ahead_is_routed():
    model, cv = make(horizon=2), TimeSeriesSplit(3)
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(exogenous=True).set_score_request(exogenous=True)
        scores = cross_val_score(model, ONE, cv=cv, params={"exogenous": KNOWN[:60]}, error_score="raise")
    errors = backtest(make(horizon=2), ONE, KNOWN[:60], cv=cv)
    np.testing.assert_allclose(scores, -errors.mean_absolute_error.mean(axis=1), rtol=1e-5)


def test_pipelines():
    model = make_pipeline(StandardScaler(), make(scaling=None, horizon=4)).fit(TWO)
    plain = make(scaling=None, horizon=4).fit(StandardScaler().fit_transform(TWO))
    np.testing.assert_array_equal(model.predict(TWO), plain.predict(model[0].transform(TWO)))
    assert model.predict(TWO, n_steps=7).shape == (7, 2)
    assert model.score(TWO[:20]) == plain.score(model[0].transform(TWO[:20]))
    grid = {"rnnforecaster__hidden_size": [3, 6]}
    assert GridSearchCV(model, grid, cv=TimeSeriesSplit(2), error_score="raise").fit(TWO).best_score_ < 0


# Bad input

NAN = np.where(np.arange(60) == 7, np.nan, ONE)
TABLE = pd.DataFrame({"heat": ONE, "wind": NAN})
BAD_FITS = {
    "NaN": ((NAN,), ValueError, "^X has NaN at step 7, feature 0; a forecast needs every step. Impute"),
    "NaN in a table": ((TABLE,), ValueError, "^X has NaN at step 7, feature 'wind'; a forecast needs"),
    "NaN in one of several": (([ONE, NAN, NAN],), ValueError, r"^X\[1\] has NaN at step 7.*for X\[2\]\.$"),
    "None": (([1.0, None, 2.0],), ValueError, "^X has NaN at step 1"),
    "infinity": (([ONE, np.append(ONE, np.inf)],), ValueError, r"^X\[1\] has infinity"),
    "nothing": ((None,), TypeError, "^X must be a series, or a list of series, but it is None"),
    "a number": ((3.5,), TypeError, "^X must be a series, or a list of series, but it is 3.5"),
    "a text": (("abc",), TypeError, "^X must be a series, or a list of series, but it is 'abc'"),
    "texts": ((["abc", "bcd"],), TypeError, "^X does not hold numbers only"),
    "no series": (([],), ValueError, "^X holds no sequences"),
    "an empty series": (([ONE, []],), ValueError, r"^X\[1\] is empty"),
    "no steps": ((np.zeros(0),), ValueError, "^X is empty"),
    "four axes": ((np.zeros((2, 3, 4, 5)),), ValueError, "Expected 2D array or 3D array"),
    "other widths": (([TWO, ONE[:30]],), ValueError, r"^X\[1\] has 1 features, but X\[0\] has 2"),
    "a masked step": ((np.ma.masked_array(ONE, ONE > 0),), ValueError, "^X is not a sequence: some of its"),
    "too short": (([ONE, [1.0]],), ValueError, r"^X\[1\] has 1 step\(s\), .* at least 2; leave it out\.$"),
    "too short for one": (([1.0],), ValueError, r"^X has 1 step\(s\), but training takes at least 2\.$"),
    "what is known is short": (
        (ONE, None, KNOWN[:50]),
        ValueError,
        "^exogenous has 50 steps, but .* 60 of the",
    ),
    "what is known is long": ((ONE, None, KNOWN), ValueError, "^exogenous has 70 steps, but .* 60 of the"),
    "NaN in what is known": ((ONE, None, NAN), ValueError, "^exogenous has NaN at step 7"),
    "one for several": ((MANY, None, KNOWN), ValueError, "^exogenous must be a list with one array a series"),
    "several for one": ((ONE, None, [KNOWN]), ValueError, "^exogenous must be one array or DataFrame, as X"),
    "too few known": ((MANY, None, [KNOWN]), ValueError, "^exogenous holds 1 series, but there are 4"),
    "NaN in a column of series": (
        (pd.Series([ONE, NAN], index=[3, 4]),),
        ValueError,
        r"^X\[1\] has NaN at step",
    ),
    "weights of steps": (
        (ONE, None, None, np.ones(60)),
        ValueError,
        "X has 1 sequence, sample_weight has 60",
    ),
    "negative weights": ((MANY, None, None, [1, 1, 1, -1]), ValueError, "^sample_weight must hold finite"),
}


@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize("name", BAD_FITS)
def test_bad_fits_change_nothing(name, goes_on):
    arguments, error, message = BAD_FITS[name]
    model = make(warm_start=True)
    goes_on = goes_on and name != "too short"  # of several series
    if goes_on and (len(arguments) == 1 or arguments[2] is None):  # the others have what training had not
        model.fit(arguments[0] if len(arguments) > 1 else ONE)
        before = model.predict(n_steps=3)
        if name in ("other widths", "NaN in a table", "four axes"):
            message = message + "|features|3D"
    else:
        goes_on = False
    state = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(*arguments)
    assert vars(model).keys() == state.keys()
    assert all(vars(model)[key] is value for key, value in state.items())
    if goes_on:
        np.testing.assert_array_equal(model.predict(n_steps=3), before)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"strategy": "recursiv"},
            ValueError,
            r"strategy must be .*, but it is 'recursiv'\. Did you mean 'recursive'\?",
        ),
        (
            {"distribution": "quantiles"},
            ValueError,
            r"distribution must be .*, but it is 'quantiles'\. Did you mean 'quantile'\?",
        ),
        ({"distribution": None}, TypeError, "distribution must be one of 'point', 'gaussian', 'quantile'"),
        ({"loss": "mse"}, ValueError, "loss must be .*, but it is 'mse'"),
        ({"scaling": "serie"}, ValueError, "Did you mean 'series'"),
        ({"horizon": 0}, ValueError, "horizon must be an int of at least 1, but it is 0"),
        ({"horizon": 2.5}, TypeError, "horizon must be an int"),
        ({"context_length": 0}, ValueError, "context_length must be an int of at least 1"),
        ({"quantiles": ()}, ValueError, "quantiles must be a sequence of numbers between 0 and 1"),
        ({"quantiles": (0.5, 0.1)}, ValueError, "in increasing order"),
        ({"quantiles": (0.5, 0.5)}, ValueError, "in increasing order"),
        ({"quantiles": (0, 0.5)}, ValueError, "between 0 and 1"),
        ({"quantiles": 0.5}, TypeError, "quantiles must be a sequence"),
        (
            {"strategy": "direct", "horizon": 60},
            ValueError,
            "X has 60 .*horizon=60 takes at least 61.*smaller",
        ),
        (
            {"early_stopping": True, "validation_fraction": 0.999},
            ValueError,
            "validation_fraction=0.999 leaves nothing to train on: the longest series has 60 steps",
        ),
    ],
    ids=str,
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        make(**parameters).fit(ONE)


def test_nothing_to_stop_by_in_the_series_that_count():
    model = make(early_stopping=True)
    with pytest.raises(ValueError, match="early_stopping .* leaves nothing to train on"):
        model.fit([ONE, [1.0, 2.0]], sample_weight=[0, 1])
    assert model.fit([ONE, [1.0, 2.0]]).validation_scores_ is not None


POINT, DIRECT = {}, {"strategy": "direct", "horizon": 3, "distribution": "quantile"}
BAD_CALLS = {
    "0 steps": (POINT, lambda m: m.predict(n_steps=0), ValueError, "n_steps must be"),
    "half a step": (POINT, lambda m: m.predict(2.5), TypeError, "X must be a series, or .* but it is 2.5"),
    "a number": (
        POINT,
        lambda m: m.predict(7),
        TypeError,
        "X must be a series, but it is the number 7; pass a number of steps as n_steps=7",
    ),
    "two numbers": (
        POINT,
        lambda m: m.predict(2, 3),
        TypeError,
        "X must be a series, but it is the number 2",
    ),
    "too far": (
        DIRECT,
        lambda m: m.predict(n_steps=4),
        ValueError,
        "horizon=3 predicts 3 .* most, but n_steps is 4",
    ),
    "other features": (POINT, lambda m: m.predict(TWO), ValueError, "X has 2 features, but RNNForecaster is"),
    "NaN": (POINT, lambda m: m.predict(NAN), ValueError, "^X has NaN at step 7"),
    "NaN in one": (POINT, lambda m: m.predict([ONE, NAN]), ValueError, r"^X\[1\] has NaN at step 7"),
    "known after all": (
        POINT,
        lambda m: m.predict(n_steps=2, exogenous=KNOWN),
        ValueError,
        "^exogenous is passed, but training had none",
    ),
    "paths of points": (
        POINT,
        lambda m: m.sample_paths(),
        ValueError,
        "distribution='point' predicts .* are no paths",
    ),
    "quantiles of points": (
        POINT,
        lambda m: m.predict_quantiles(),
        ValueError,
        "are no quantiles. Fit with distribution='gaussian' or distribution='quantile'",
    ),
    "paths side by side": (
        DIRECT,
        lambda m: m.sample_paths(),
        ValueError,
        "strategy='direct' predicts the steps side by side.*Fit with strategy='recursive'",
    ),
    "quantiles beyond": (
        DIRECT,
        lambda m: m.predict_quantiles(quantiles=[0.05]),
        ValueError,
        r"quantiles=\[0.05\] lie beyond \(0.1, 0.5, 0.9\), which is what was learnt",
    ),
    "a quantile of 1": (DIRECT, lambda m: m.predict_quantiles(quantiles=1.0), ValueError, "between 0 and 1"),
    "no quantiles": (DIRECT, lambda m: m.predict_quantiles(quantiles=[]), ValueError, "between 0 and 1"),
    "no samples": (
        {"distribution": "gaussian"},
        lambda m: m.sample_paths(n_samples=0),
        ValueError,
        "n_samples must be",
    ),
    "one quantile": (
        {"distribution": "quantile", "quantiles": (0.5,)},
        lambda m: m.sample_paths(),
        ValueError,
        "A single quantile has no spread",
    ),
    "rolling over too little": (
        POINT,
        lambda m: m.predict_rolling(ONE[:5], 3, start=3),
        ValueError,
        r"^X has 5 step\(s\), too few for a forecast of 3 after 3 known step\(s\); pass more of the series",
    ),
    "rolling on by too little": (
        POINT,
        lambda m: m.predict_rolling(ONE[:2], 3, after_training=True),
        ValueError,
        r"^X has 2 step\(s\), too few for a forecast of 3 after 10 known step\(s\) of training",
    ),
    "rolling on in another form": (
        POINT,
        lambda m: m.predict_rolling([ONE], 3, after_training=True),
        ValueError,
        "With after_training=True, X must be what came after the series of training, in the same form",
    ),
    "a negative start": (POINT, lambda m: m.predict_rolling(ONE, start=-1), ValueError, "start must be"),
    "a start of 0": (POINT, lambda m: m.predict_rolling(ONE, start=0), ValueError, "start must be"),
    "two starts": (
        POINT,
        lambda m: m.predict_rolling(ONE, start=3, after_training=True),
        ValueError,
        "start=3 is a number of steps of X .* leave one of them out",
    ),
    "no answer to after_training": (
        POINT,
        lambda m: m.predict_rolling(ONE, after_training=1),
        TypeError,
        "after_training must be True or False",
    ),
    "odd per_step": (POINT, lambda m: m.hidden_states(ONE, per_step=2), TypeError, "per_step must be"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls(name):
    parameters, ask, error, message = BAD_CALLS[name]
    model = make(**{**parameters, "max_iter": 1}).fit(ONE)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        ask(model)
    assert vars(model).keys() == before.keys()


def test_what_is_known_has_to_reach():
    model = make().fit(ONE, exogenous=KNOWN[:60])
    for ask, message in [
        (
            lambda: model.predict(n_steps=3),
            r"^exogenous is missing: training had 2 feature\(s\) that are known ahead",
        ),
        (
            lambda: model.predict(n_steps=3, exogenous=KNOWN[:2]),
            "^exogenous has 2 steps, but there must be 3 to come",
        ),
        (
            lambda: model.predict(ONE, 3, KNOWN[:61]),
            "^exogenous has 61 steps, but there must be 60 of the series and 3 to come",
        ),
        (
            lambda: model.predict(n_steps=3, exogenous=KNOWN[:, :1]),
            "^exogenous has 1 features, but training had 2",
        ),
        (lambda: model.predict(n_steps=3, exogenous=[KNOWN]), "^exogenous must be one array or DataFrame"),
        (
            lambda: model.score(ONE[:9], exogenous=KNOWN),
            "^exogenous has 70 steps, but there must be 9 of the series",
        ),
        (lambda: model.hidden_states(ONE), "^exogenous is missing"),
    ]:
        with pytest.raises(ValueError, match=message):
            ask()
    with pytest.raises(ValueError, match="^exogenous has 70 steps, but there must be 3 to come"):
        model.predict(n_steps=3, exogenous=KNOWN)  # which 3 of them is not said
    with pytest.raises(
        ValueError, match="^exogenous has 70 steps, but there must be 60 of the series and 3 to"
    ):
        model.predict(ONE, 3, KNOWN)
    direct = make(strategy="direct", horizon=4).fit(ONE, exogenous=KNOWN[:60])
    with pytest.raises(
        ValueError, match=r"^exogenous has 2 steps, but .* 4 to come \(strategy='direct' looks"
    ):
        direct.predict(n_steps=2, exogenous=KNOWN[60:62])


@pytest.mark.parametrize(
    "method", ["predict", "predict_quantiles", "sample_paths", "predict_rolling", "score", "hidden_states"]
)
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(make(distribution="gaussian"), method)(ONE)
    with pytest.raises(NotFittedError):
        make().get_feature_names_out()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("horizon", 2),
        ("strategy", "direct"),
        ("distribution", "gaussian"),
        ("loss", "absolute_error"),
        ("quantiles", (0.3, 0.6)),
        ("scaling", None),
        ("context_length", 20),
        ("hidden_size", 7),
    ],
)
def test_what_cannot_change_when_training_goes_on(name, value):
    model = make(warm_start=True).fit(ONE).set_params(**{name: value})
    with pytest.raises(ValueError, match=f"{name} was .* when training began and is now "):
        model.fit(ONE)
    assert model.predict(n_steps=3).shape == (3,)  # as it was fitted


def test_another_form_when_training_goes_on():
    model = make().fit(ONE)
    with pytest.raises(ValueError, match="X must be one series, or a list of series, as in the first fit"):
        model.partial_fit(MANY)
    with pytest.raises(ValueError, match="exogenous is passed, but training had none"):
        model.partial_fit(ONE, exogenous=KNOWN[:60])


# Indexes


def hourly(n=500, drop=slice(0), freq="h", **kwargs):
    index = pd.date_range("2026-01-01", periods=n, freq=freq, **kwargs)
    series = pd.Series(np.sin(np.arange(n) / 4), index=index)
    return series.drop(series.index[drop])


QUICK = {"hidden_size": 4, "max_iter": 1, "random_state": 0}


@pytest.mark.parametrize("form", [lambda x: x, lambda x: x.to_frame("v"), lambda x: [x, x[:100]]])
def test_a_hole_in_regular_dates_is_warned_of(form):
    series = hourly(drop=slice(200, 300))
    with pytest.warns(
        UserWarning, match="lacks 100 step.* 1 place.*between 2026-01-09 07:00:00 and"
    ) as caught:
        RNNForecaster(**QUICK).fit(form(series))
    assert caught[0].filename == __file__
    assert "series.asfreq('3600s').interpolate()" in str(caught[0].message)
    RNNForecaster(**QUICK).fit(form(series.asfreq("3600s").interpolate()))
    RNNForecaster(**QUICK).fit(form(series.reset_index(drop=True)))


def test_times_within_the_first_day_of_a_month_are_no_months():
    index = pd.date_range("2024-01-01", periods=24, freq="h")
    make(context_length=3).fit(pd.Series(rng.randn(24), index=index))  # warnings are errors
    with pytest.warns(UserWarning, match=r"lacks 4 step.*asfreq\('3600s'\)"):
        make(context_length=3).fit(pd.Series(rng.randn(20), index=index.delete(range(10, 14))))


def test_nights_of_a_market_in_another_zone_are_no_holes():
    days = pd.bdate_range("2024-02-01", "2024-05-01", tz="America/New_York")
    index = pd.DatetimeIndex([day + pd.Timedelta(minutes=570 + 15 * k) for day in days for k in range(26)])
    make(context_length=3, max_iter=1).fit(pd.Series(rng.randn(len(index)), index=index.tz_convert("UTC")))


def test_holes_are_found_beside_exogenous_frames():
    index = pd.date_range("2024-01-01", periods=100, freq="D").delete([50, 51])
    series, known = pd.Series(rng.randn(98), index=index), pd.DataFrame({"a": rng.randn(98)}, index=index)
    with pytest.warns(UserWarning, match="lacks 2 step"):
        make(context_length=3, max_iter=1).fit(series, exogenous=known)


@pytest.mark.parametrize(
    ("series", "n_missing", "fix"),
    [
        (hourly(freq="D", drop=slice(50, 52)), 2, "asfreq('1D')"),
        (hourly(freq="MS", n=60, drop=[40]), 1, "asfreq('1MS')"),
        (hourly(freq="QE", n=60, drop=[40]), 1, "asfreq('3ME')"),
        (hourly(freq="15min", drop=[30, 70, 71]), 3, "asfreq('900s')"),
        (hourly(freq="D", drop=[100], tz="Europe/Berlin"), 1, "asfreq('1D')"),
        (hourly(freq="MS", n=60, drop=[40]).to_period("M"), 1, "freq='M'))"),
        (hourly(n=200).reset_index(drop=True).drop(range(50, 60)), 10, "reindex(range(0, 200, 1))"),
        (hourly(n=200).set_axis(np.arange(200.0)).drop(range(50, 60)), 10, "reindex(range(0, 200, 1))"),
        (
            hourly(drop=[30, 31]).pipe(lambda x: x.set_axis(x.index - x.index[0])),
            2,
            "resample('3600s').mean()",
        ),
        (hourly(freq="D", drop=[9]).rename(str), 1, "set_axis(pd.to_datetime(series.index)).asfreq('1D')"),
        (hourly(freq="D", drop=[9]).pipe(lambda x: x.set_axis(x.index.date)), 1, ").asfreq('1D')"),
    ],
)
def test_holes_in_other_dates(series, n_missing, fix):
    with pytest.warns(UserWarning, match=rf"lacks {n_missing} step\(s\)") as caught:
        RNNForecaster(**QUICK).fit(series)
    assert fix in str(caught[0].message)
    code = re.search(r"series = (series\..*); or", str(caught[0].message))[1]
    filled = eval(code, {"series": series, "pd": pd})
    assert len(filled) == len(series) + n_missing and not filled.isna().any()


@pytest.mark.parametrize("form", [lambda x: x, lambda x: [x], lambda x: x.to_frame()])
def test_windows_look_at_dates_as_well(form):
    window, series = SlidingWindow(5), hourly(n=60)
    window.make_windows(form(series))
    with pytest.raises(ValueError, match="index that does not increase"):
        window.make_windows(form(series[::-1]))
    with pytest.raises(ValueError, match="in its index twice"):
        window.make_windows(form(pd.concat([series, series[-1:]])))
    window.make_windows(form(series), y=form(series))
    with pytest.raises(ValueError, match="is of 2026-01-01 00:00:00 at step 0, but y is of 2026-01-01 05"):
        window.make_windows(form(series), y=form(series.shift(freq="5h")))
    with pytest.warns(UserWarning, match="lacks 4 step") as caught:
        window.make_windows(form(series.drop(series.index[20:24])))
    assert caught[0].filename == __file__


def test_the_level_of_dates_is_the_time_of_a_panel():
    index = pd.MultiIndex.from_product([pd.date_range("2026", periods=20), ["a", "b"]], names=["t", "id"])
    table = pd.DataFrame({"v": rng.randn(40)}, index=index)
    with pytest.raises(ValueError, match=r"droplevel\('id'\) for _, series in X.groupby\(level='id'\)"):
        RNNForecaster().fit(table)
    with pytest.raises(ValueError, match=r"reset_index\(\), 'id', sort_by='t'\)"):
        RNNClassifier().fit(table, np.arange(40) % 2)


@pytest.mark.parametrize(
    "series",
    [
        *(hourly(n=60, freq=freq) for freq in ("MS", "ME", "QS", "YE", "B", "W", "BME", "15D")),
        hourly(freq="D", tz="Europe/Berlin"),
        hourly(freq="h", n=5000, tz="Europe/Berlin"),
        hourly(n=60, freq="MS").to_period("M"),
        hourly(freq="5min", n=3000).between_time("9:30", "16:00"),
        hourly(freq="h", n=2000).loc[lambda x: x.index.day_of_week < 5],
        hourly(freq="D", n=300).loc[lambda x: x.index.day_of_week < 6],
        hourly(n=200).reset_index(drop=True).iloc[np.sort(np.random.default_rng(0).permutation(200)[:100])],
        hourly(n=200).iloc[np.sort(np.random.default_rng(0).permutation(200)[:100])],
    ],
)
def test_calendars_without_holes(series):
    RNNForecaster(**QUICK).fit(series)


def panel():
    parts = {"a": hourly(n=40), "b": hourly(n=50)}
    return pd.concat(parts, names=["id", "time"])


@pytest.mark.parametrize("form", [lambda x: x, lambda x: x.to_frame("v")])
def test_panels_are_no_single_series(form):
    X = form(panel())
    with pytest.raises(
        ValueError, match=r"X has an index .*series\.droplevel\('id'\) for _, series in X\.groupby"
    ):
        RNNForecaster(**QUICK).fit(X)
    with pytest.raises(ValueError, match="X has an index of several levels"):
        SlidingWindow(3).make_windows(X)
    fixed = [series.droplevel("id") for _, series in X.groupby(level="id")]
    model = RNNForecaster(**QUICK).fit(fixed)
    with pytest.raises(ValueError, match="several levels"):
        model.predict(X)
    with pytest.raises(ValueError, match=r"^X\[1\] has an index of several levels"):
        model.predict([fixed[0], X])
    RNNForecaster(**QUICK).fit([series for _, series in X.groupby(level="id")])  # one id each
    RNNForecaster(**QUICK).fit(X.loc[["a"]])


@pytest.mark.parametrize("form", ["times", "periods", "text", "objects"])
def test_dates_that_stand_twice_are_refused(form):
    X = pd.concat([hourly(n=40), hourly(n=40)]).sort_index()
    X = X.to_period("h") if form == "periods" else X
    if form in ("text", "objects"):
        X.index = X.index.astype(str) if form == "text" else X.index.astype(object)
        with pytest.raises(ValueError, match="X has an index that does not increase"):
            RNNForecaster(**QUICK).fit(X[::-1])
    with pytest.raises(
        ValueError, match=r"X has 2026-01-01 00:00.* in its index twice.*groupby\(id_column\)\]"
    ):
        RNNForecaster(**QUICK).fit(X)
    with pytest.raises(ValueError, match=r"X\[1\] has 2026"):
        RNNForecaster(**QUICK).fit([hourly(n=30), X])
    RNNForecaster(**QUICK).fit(X.reset_index(drop=True))


# Frames of polars


def test_frames_of_polars():
    values = np.column_stack([np.sin(np.arange(120) / 4), np.arange(120) % 2])
    known = np.column_stack([np.arange(125) % 7, np.arange(125) % 2 == 0])

    def frame(x, names):
        return pl.DataFrame(x, schema=names)

    X, exogenous = frame(values, ["v", "w"]), pl.DataFrame({"day": known[:, 0], "even": known[:, 1] == 1})
    model = RNNForecaster(**QUICK).fit(X, exogenous=exogenous[:120])
    same = RNNForecaster(**QUICK).fit(values, exogenous=known[:120])
    np.testing.assert_array_equal(
        model.predict(n_steps=5, exogenous=exogenous[120:]), same.predict(n_steps=5, exogenous=known[120:])
    )
    assert model.feature_names_in_.tolist() == ["v", "w"]
    model = RNNForecaster(**QUICK).fit([X, X[:50]])
    assert model.predict([X, X[:50]], 3).shape == (2, 3, 2)
    series = RNNForecaster(**QUICK).fit(X["v"])
    np.testing.assert_array_equal(
        series.predict(n_steps=3), RNNForecaster(**QUICK).fit(values[:, 0]).predict(n_steps=3)
    )
    errors = backtest(RNNForecaster(**QUICK), X, exogenous[:120], cv=2).mean_absolute_error
    expected = backtest(RNNForecaster(**QUICK), values, known[:120], cv=2).mean_absolute_error
    np.testing.assert_array_equal(errors, expected)
    with pytest.raises(TypeError, match="See 'name'"):
        RNNForecaster(**QUICK).fit(X.with_columns(name=pl.lit("a")))
    with pytest.raises(TypeError, match="See 'day'"):
        RNNForecaster(**QUICK).fit(X.with_columns(day=pl.date(2026, 1, 1)))
