"""Forecasts: what is told, what is read for it, and that nothing is known before it comes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from skorch.callbacks import Callback

from sklearn_rnn import RNNForecaster, Sequences
from sklearn_rnn.batches.datasets import WindowDataset
from sklearn_rnn.data.series import read_series
from sklearn_rnn.nn import CELLS, Cell, use_native

rng = np.random.RandomState(0)
ONE = rng.randn(40).cumsum()
TWO = rng.randn(40, 2).cumsum(axis=0)
MANY = [rng.randn(n).cumsum() / 2 + n / 10 for n in (30, 12, 21)]
KNOWN = rng.randn(50, 2)
SMALL = {
    "hidden_size": 5,
    "max_iter": 3,
    "batch_size": 8,
    "context_length": 10,
    "learning_rate": 0.02,
    "random_state": 0,
    "device": "cpu",
}


def make(**parameters):
    return RNNForecaster(**{**SMALL, **parameters})


# What is learnt


@pytest.mark.parametrize("strategy", ["recursive", "direct"])
@pytest.mark.parametrize("distribution", ["point", "gaussian", "quantile"])
def test_a_sine_goes_on(strategy, distribution):
    t = np.arange(420)
    series = 50 + 10 * np.sin(t / 4)
    model = RNNForecaster(
        horizon=12,
        strategy=strategy,
        distribution=distribution,
        hidden_size=32,
        context_length=32,
        random_state=0,
    )
    model.fit(series[:400])
    assert np.abs(model.predict() - series[400:412]).max() < 2
    assert model.score(series[400:]) > -1


@pytest.mark.parametrize("strategy", ["recursive", "direct"])
def test_what_is_known_ahead_is_read_at_its_step(strategy):
    """Nothing but the known number of the very step tells what comes."""
    known = np.random.RandomState(1).randn(540)
    series = 5 + 3 * known
    model = RNNForecaster(
        horizon=3, strategy=strategy, context_length=8, hidden_size=16, max_iter=60, random_state=0
    )
    model.fit(series[:500], exogenous=known[:500])
    ahead = model.predict(n_steps=3, exogenous=known[500:503])
    np.testing.assert_allclose(ahead, series[500:503], atol=0.5)
    after = model.predict(series[:520], 3, exogenous=known[:523])
    np.testing.assert_allclose(after, series[520:523], atol=0.5)
    assert model.score(series[500:], exogenous=known[500:]) > -0.3


@pytest.mark.parametrize("strategy", ["recursive", "direct"])
@pytest.mark.parametrize("distribution", ["gaussian", "quantile"])
def test_the_spread_is_that_of_the_noise(strategy, distribution):
    series = 3 + 2 * np.random.RandomState(0).randn(1500)
    model = RNNForecaster(
        horizon=2,
        strategy=strategy,
        distribution=distribution,
        context_length=8,
        max_iter=8,
        hidden_size=8,
        random_state=0,
    )
    low, median, high = model.fit(series).predict_quantiles(n_steps=2, n_samples=2000, random_state=0)
    np.testing.assert_allclose(low, 3 - 1.2816 * 2, atol=0.5)
    np.testing.assert_allclose(median, 3, atol=0.4)
    np.testing.assert_allclose(high, 3 + 1.2816 * 2, atol=0.5)


def test_spread_grows_along_a_random_walk():
    walk = np.random.RandomState(0).randn(1000).cumsum()
    model = RNNForecaster(
        distribution="gaussian", max_iter=20, hidden_size=16, context_length=16, random_state=0
    )
    paths = model.fit(walk).sample_paths(n_steps=16, n_samples=300, random_state=0)
    spread = paths.std(axis=0)
    assert 0.7 < spread[0] < 1.4  # the steps of the walk have 1
    assert spread[15] > 2 * spread[0]


def test_absolute_error_gives_the_median():
    skewed = np.random.RandomState(0).exponential(size=1500)
    options = {"context_length": 4, "max_iter": 10, "hidden_size": 4, "random_state": 0}
    mean = RNNForecaster(**options).fit(skewed).predict_rolling(skewed).mean()
    median = RNNForecaster(loss="absolute_error", **options).fit(skewed).predict_rolling(skewed).mean()
    assert mean == pytest.approx(1, abs=0.15)
    assert median == pytest.approx(np.log(2), abs=0.15)


def test_own_scales_serve_series_of_other_levels():
    t = np.arange(200)
    waves = [level * (3 + np.sin(t / 4)) for level in (1.0, 1e4)]
    options = {"context_length": 32, "hidden_size": 24, "random_state": 0}
    errors = {}
    for scaling in ("series", "global"):
        model = RNNForecaster(scaling=scaling, **options).fit([w[:190] for w in waves])
        errors[scaling] = np.abs(model.predict(n_steps=10)[0] - waves[0][190:]).max()
    assert errors["series"] < 0.5 < errors["global"]


# Forms


@pytest.mark.parametrize(
    "form",
    [list, pd.Series, pl.Series, torch.tensor, lambda a: a.astype(object), lambda a: a[:, np.newaxis]],
    ids=["list", "pandas", "polars", "torch", "object", "a column"],
)
def test_forms_of_one_series(form):
    expected = make().fit(ONE).predict(n_steps=4)
    model = make().fit(form(ONE))
    got = model.predict(n_steps=4)
    assert got.shape == ((4, 1) if np.ndim(form(ONE)) == 2 else (4,))
    np.testing.assert_array_equal(got.reshape(-1), expected)
    np.testing.assert_array_equal(model.predict(form(ONE), 4).reshape(-1), expected)


def test_integers_are_numbers():
    counts = rng.randint(9, size=40)
    np.testing.assert_array_equal(make().fit(counts).predict(), make().fit(counts * 1.0).predict())
    both = make().fit([counts, counts[:20]]).predict()
    np.testing.assert_array_equal(both, make().fit([counts * 1.0, counts[:20] * 1.0]).predict())


@pytest.mark.parametrize("scaling", ["global", "series", None])
def test_forms_of_several_series(scaling):
    model = make(scaling=scaling).fit(MANY)
    expected = model.predict(n_steps=3)
    assert expected.shape == (3, 3)
    lists = [list(x) for x in MANY]
    np.testing.assert_array_equal(make(scaling=scaling).fit(lists).predict(n_steps=3), expected)
    columns = [x[:, np.newaxis] for x in MANY]
    held = Sequences.from_lengths(np.concatenate(columns), [len(x) for x in MANY])
    for form in (columns, held, [pd.DataFrame(x) for x in columns]):
        got = make(scaling=scaling).fit(form).predict(n_steps=3)
        np.testing.assert_array_equal(got[..., 0], expected)
    stack = np.stack([x[:12] for x in columns])
    cut = [x[:12] for x in columns]
    np.testing.assert_array_equal(make().fit(stack).predict(), make().fit(cut).predict())


def test_names():
    table = pd.DataFrame(TWO, columns=["heat", "wind"])
    known = pd.DataFrame(KNOWN, columns=["sine", "cosine"])
    model = make().fit(table, exogenous=known[:40])
    assert model.feature_names_in_.tolist() == ["heat", "wind"] == model.get_feature_names_out().tolist()
    assert model.exogenous_names_in_.tolist() == ["sine", "cosine"]
    assert (model.n_features_in_, model.n_exogenous_in_) == (2, 2)
    assert model.predict(n_steps=len(known) - 40, exogenous=known[40:]).shape == (len(known) - 40, 2)
    with pytest.raises(ValueError, match="feature names must be in the same order|Feature names must be in"):
        model.predict(table[["wind", "heat"]], exogenous=known)
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- day"):
        model.predict(n_steps=3, exogenous=known.rename(columns={"sine": "day"})[40:])
    model.fit(TWO)
    assert not hasattr(model, "feature_names_in_") and not hasattr(model, "exogenous_names_in_")
    assert model.get_feature_names_out().tolist() == ["x0", "x1"] and model.n_exogenous_in_ == 0


def test_dates_increase_and_agree():
    days = pd.date_range("2026-01-01", periods=50)
    series = pd.Series(rng.randn(40), index=days[:40])
    known = pd.DataFrame({"sine": rng.randn(50)}, index=days)
    model = make().fit(series, exogenous=known[:40])
    assert model.predict(series, 10, known).shape == (10,)
    for X in (series[::-1], series.to_period("D")[::-1], series.reset_index(drop=True)[::-1]):
        with pytest.raises(ValueError, match="^X has an index that does not increase, .*sort_index"):
            make().fit(X)
    message = "^X is of 2026-01-01 .* at step 0, but exogenous is of 2026-01-06"
    with pytest.raises(ValueError, match=message):
        make().fit(series, exogenous=known[5:45])
    with pytest.raises(
        ValueError, match=r"^X\[1\] is of 2026-01-01 .* at step 0, but exogenous is of 2026-01-06"
    ):
        make().fit([series, series], exogenous=[known[:40], known[5:45]])
    for ask in (
        lambda: model.predict(series[5:], 10, known[:45]),
        lambda: model.score(series[5:9], None, known[:4]),
    ):
        with pytest.raises(ValueError, match="^X is of 2026-01-06 .* but exogenous is of 2026-01-01"):
            ask()
    # Numbers that do not agree, and names, say nothing.
    make().fit(series.reset_index(drop=True), exogenous=known.reset_index(drop=True)[5:45])
    make().fit(series.set_axis([f"day {i}" for i in range(40)]))


def test_a_target_is_told_to_be_of_no_use():
    known = rng.randn(40, 1)
    with pytest.warns(UserWarning, match="^y is passed, but X itself is predicted"):
        model = make().fit(ONE[:40], known)
    assert model.n_exogenous_in_ == 0


def test_columns_that_hold_no_numbers_are_named():
    table = pd.DataFrame(
        {"heat": rng.randn(9), "day": pd.date_range("2026-01-01", periods=9), "sky": ["a"] * 9}
    )
    with pytest.raises(TypeError, match="^X does not hold numbers only; .* See 'day', 'sky'"):
        make().fit(table)
    with pytest.raises(TypeError, match="^exogenous does not hold numbers only; .* See 'sky'"):
        make().fit(table[["heat"]], exogenous=table[["sky"]])
    table["is_dry"] = pd.Series([True, False, True] * 3, dtype="boolean")
    assert make().fit(table[["heat", "is_dry"]]).n_features_in_ == 2
    with pytest.raises(TypeError, match=r"^X must be a series, .* it is a dict\. Pass list\(X.values\(\)\)"):
        make().fit({"a": ONE})


@pytest.mark.parametrize("features", [None, 2])
@pytest.mark.parametrize("is_one", [True, False])
def test_shapes(is_one, features):
    series = [rng.randn(*((n,) if features is None else (n, features))) for n in (30, 20)]
    X, first = (series[0], ()) if is_one else (series, (2,))
    last = () if features is None else (features,)
    model = make(distribution="gaussian", horizon=4).fit(X)
    assert model.predict().shape == (*first, 4, *last)
    assert model.predict(n_steps=6).shape == model.predict(X, 6).shape == (*first, 6, *last)
    assert model.sample_paths(n_steps=5, n_samples=7).shape == (*first, 7, 5, *last)
    assert model.predict_quantiles(n_steps=5).shape == (*first, 3, 5, *last)
    assert model.predict_quantiles(n_steps=5, quantiles=0.3).shape == (*first, 5, *last)
    rolling = model.predict_rolling(X, 3)
    states = model.hidden_states(X)
    if is_one:
        rolling, states = [rolling], [states]
    assert [r.shape for r in rolling] == [(len(x) - 10 - 3 + 1, 3, *last) for x in series[: len(rolling)]]
    assert [s.shape for s in states] == [(len(x), 5) for x in series[: len(rolling)]]
    assert model.predict(series[0], 2).shape == (2, *last)  # one, whatever was trained on
    assert model.predict([series[0]], 2).shape == (1, 2, *last)


# What a forecast hangs on

SETTINGS = {
    "recursive": {},
    "direct": {"strategy": "direct", "horizon": 4},
    "gaussian": {"distribution": "gaussian", "cell": "lstm"},
    "direct quantiles": {
        "strategy": "direct",
        "horizon": 4,
        "distribution": "quantile",
        "quantiles": (0.2, 0.7),
    },
    "absolute": {"loss": "absolute_error", "cell": "elman", "num_layers": 2},
    "jordan": {"cell": "jordan"},
    "own scales": {"scaling": "series"},
    "no scale": {"scaling": None, "cell": "jordan", "distribution": "gaussian"},
}
every_setting = pytest.mark.parametrize("name", SETTINGS)
with_and_without = pytest.mark.parametrize("has_known", [False, True])


def fit_many(name, has_known, **parameters):
    known = [KNOWN[: len(x) + 4] + i for i, x in enumerate(MANY)] if has_known else None
    model = make(**SETTINGS[name], **parameters)
    return model.fit(MANY, exogenous=cut(known, MANY)), known


def cut(known, series):
    return None if known is None else [k[: len(x)] for k, x in zip(known, series, strict=True)]


@every_setting
@with_and_without
def test_training_series_are_gone_on_from(name, has_known):
    model, known = fit_many(name, has_known)
    ahead = None if known is None else [k[len(x) :] for k, x in zip(known, MANY, strict=True)]
    np.testing.assert_allclose(
        model.predict(n_steps=4, exogenous=ahead), model.predict(MANY, 4, known), atol=1e-5, rtol=1e-6
    )


@every_setting
@with_and_without
def test_each_forecast_is_by_itself(name, has_known, monkeypatch):
    model, known = fit_many(name, has_known)
    together = model.predict(MANY, 4, known)
    rolling = model.predict_rolling(MANY, 4, cut(known, MANY), start=2)
    for i, x in enumerate(MANY):
        k = None if known is None else [known[i]]
        np.testing.assert_allclose(model.predict([x], 4, k)[0], together[i], atol=1e-5, rtol=1e-6)
        for row, stop in enumerate(range(2, len(x) - 3)):
            k = None if known is None else [known[i][: stop + 4]]
            alone = model.predict([x[:stop]], 4, k)[0]
            np.testing.assert_allclose(rolling[i][row], alone, atol=1e-5, rtol=1e-5)
    monkeypatch.setattr("sklearn_rnn.batches.planning._PREDICTION_STEPS", 7)
    again = model.predict_rolling(MANY, 4, cut(known, MANY), start=2)
    for some, others in zip(again, rolling, strict=True):
        np.testing.assert_allclose(some, others, atol=1e-5, rtol=1e-6)
    with use_native(False):
        np.testing.assert_allclose(model.predict(MANY, 4, known), together, atol=1e-4, rtol=1e-6)


@every_setting
@with_and_without
def test_nothing_is_known_before_it_comes(name, has_known):
    model, known = fit_many(name, has_known)
    before = model.predict_rolling(MANY, 4, cut(known, MANY))
    changed = [np.append(x[:15], x[15:] * 5 + 7) for x in MANY]
    after = model.predict_rolling(changed, 4, cut(known, MANY))
    for i in (0, 2):
        assert (before[i][:6] == after[i][:6]).all()  # the first knows 10 steps
        assert (before[i][6] != after[i][6]).all()
    if has_known:  # of what is known ahead, what belongs to the steps of a forecast is all that is read
        far = [np.append(k[:20], k[20:] * 5 + 7, axis=0) for k in cut(known, MANY)]
        after = model.predict_rolling(MANY, 4, far)
        assert (before[0][:7] == after[0][:7]).all() and (before[0][7] != after[0][7]).any()


def test_answers_are_read_as_if_they_had_come():
    model = make(context_length=60).fit(TWO)
    path = model.predict(TWO, 5)
    history = TWO
    for step in path:
        np.testing.assert_allclose(model.predict(history, 1)[0], step, atol=1e-4)
        history = np.vstack([history, step])


@pytest.mark.parametrize("distribution", ["point", "quantile"])
def test_fewer_steps_are_the_first(distribution):
    for strategy in ("direct", "recursive"):
        model = make(strategy=strategy, horizon=4, distribution=distribution).fit(TWO)
        np.testing.assert_array_equal(model.predict(n_steps=2), model.predict(n_steps=4)[:2])
    direct = make(strategy="direct", horizon=4, distribution="quantile").fit(TWO)
    np.testing.assert_array_equal(direct.predict_quantiles(n_steps=3), direct.predict_quantiles()[:, :3])


def test_no_more_than_the_context_is_read():
    model = make().fit(ONE)
    other = np.append(rng.randn(30), ONE[-10:])
    assert (model.predict(other, 3) == model.predict(ONE, 3)).all()
    assert (model.predict(np.append(ONE[:30], ONE[-9:]), 3) != model.predict(ONE, 3)).all()


@pytest.mark.parametrize("scaling", ["series", "global"])
def test_units_do_not_matter(scaling):
    X = [x.astype(np.float32) for x in MANY]
    model = make(scaling=scaling, dtype="float64").fit(X)
    other = make(scaling=scaling, dtype="float64").fit([4 * x - 64 for x in X])
    np.testing.assert_allclose(other.predict(n_steps=5), 4 * model.predict(n_steps=5) - 64, rtol=1e-4)
    assert other.score([4 * x - 64 for x in X]) == pytest.approx(4 * model.score(X), rel=1e-3)


def test_the_scale_of_one_series_is_that_of_training():
    model = make(scaling="series").fit(ONE)
    assert (model.predict(ONE[:20], 2) == make().fit(ONE).predict(ONE[:20], 2)).all()
    assert model.mean_ == pytest.approx(ONE.mean()) and model.scale_ == pytest.approx(ONE.std())


def test_a_constant_series():
    model = make(max_iter=20).fit(np.full(50, 7.0))
    np.testing.assert_allclose(model.predict(n_steps=3), 7, atol=0.1)


@pytest.mark.parametrize("scaling", ["global", "series"])
@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_the_unit_of_a_series_is_of_no_matter(unit, scaling):
    X, known = [ONE, ONE[:30] + 1], [KNOWN[:40], KNOWN[:30]]
    ahead = [KNOWN[:42], KNOWN[:32]]
    expected = make(scaling=scaling).fit(X, exogenous=known).predict(X, 2, ahead)
    model = make(scaling=scaling).fit([unit * x for x in X], exogenous=[unit * k for k in known])
    got = model.predict([unit * x for x in X], 2, [unit * k for k in ahead])
    np.testing.assert_allclose(got / unit, expected, rtol=1e-3)


class Fading(Cell):
    """A cell of one's own."""

    def step(self, projected, state):
        h = torch.tanh(projected + 0.5 * state[0])
        return h, (h,)


@pytest.mark.parametrize("cell", [*CELLS, Fading])
@pytest.mark.parametrize("distribution", ["point", "gaussian", "quantile"])
def test_every_cell_and_output(cell, distribution):
    model = make(cell=cell, distribution=distribution, num_layers=2, dropout=0.1).fit(
        TWO, exogenous=KNOWN[:40]
    )
    path = model.predict(TWO, 4, KNOWN[:44])
    assert path.shape == (4, 2) and np.isfinite(path).all()
    assert model.loss_curve_[-1] < model.loss_curve_[0]


# Draws


@pytest.mark.parametrize("distribution", ["gaussian", "quantile"])
def test_draws(distribution):
    model = make(distribution=distribution).fit(TWO)
    paths = model.sample_paths(n_steps=3, n_samples=2000, random_state=0)
    np.testing.assert_array_equal(paths, model.sample_paths(n_steps=3, n_samples=2000, random_state=0))
    assert (paths != model.sample_paths(n_steps=3, n_samples=2000, random_state=1)).all()
    assert (paths[:, 1] != paths[:, 0]).all()
    # The first step of a path is drawn from what the network tells of it, of which the median is the point.
    np.testing.assert_allclose(
        np.median(paths[:, 0], axis=0), model.predict(n_steps=1)[0], atol=0.2 * model.scale_.max()
    )
    state = np.random.RandomState(3)
    assert (
        model.sample_paths(n_steps=2, n_samples=4, random_state=state)
        != model.sample_paths(n_steps=2, n_samples=4, random_state=state)
    ).all()
    assert (model.sample_paths(n_steps=2) != model.sample_paths(n_steps=2)).any()
    levels = model.predict_quantiles(n_steps=3, quantiles=[0.1, 0.5, 0.8], n_samples=500, random_state=0)
    expected = np.quantile(
        model.sample_paths(n_steps=3, n_samples=500, random_state=0), [0.1, 0.5, 0.8], axis=0
    )
    np.testing.assert_array_equal(levels, expected)


def test_paths_read_what_is_known_of_their_own_series():
    known = [np.random.RandomState(i).randn(204, 1) for i in range(3)]
    series = [3 * k[:200, 0] for k in known]
    model = RNNForecaster(
        distribution="gaussian", context_length=8, hidden_size=16, max_iter=40, random_state=0
    )
    model.fit(series, exogenous=[k[:200] for k in known])
    ahead = [k[200:] for k in known]
    paths = model.sample_paths(n_steps=4, exogenous=ahead, n_samples=50, random_state=0)
    np.testing.assert_allclose(np.median(paths, axis=1), 3 * np.array(ahead)[:, :, 0], atol=0.6)


def test_draws_do_not_hang_on_batches(monkeypatch):
    model = make(distribution="gaussian").fit(MANY)
    X = [ONE[:3], ONE[:9], ONE[:6]]  # not in the order of their lengths, in which they are read
    paths = model.sample_paths(X, 3, n_samples=9, random_state=0)
    monkeypatch.setattr("sklearn_rnn.batches.planning._PREDICTION_STEPS", 7)
    again = model.sample_paths(X, 3, n_samples=9, random_state=0)
    np.testing.assert_allclose(again, paths, atol=1e-4, rtol=1e-6)


@pytest.mark.parametrize("number", [0.0, 1 - 2.0**-53])
def test_the_rarest_draw_is_a_number(number, monkeypatch):
    monkeypatch.setattr("sklearn_rnn.estimators.sampling._draw", lambda name, n: np.full(n, number))
    assert np.isfinite(make(distribution="gaussian").fit(ONE).sample_paths(n_steps=3, random_state=0)).all()


def test_draws_follow_the_learnt_quantiles():
    levels = (0.1, 0.25, 0.5, 0.9)
    model = make(distribution="quantile", quantiles=levels).fit(ONE)
    draws = model.sample_paths(n_steps=1, n_samples=20_000, random_state=0)[:, 0]
    direct = make(distribution="quantile", quantiles=levels, strategy="direct").fit(ONE)
    told = direct.predict_quantiles(n_steps=1)[:, 0]  # the same network: a horizon of 1
    np.testing.assert_allclose([(draws < q).mean() for q in told], levels, atol=0.01)
    assert direct.predict(n_steps=1)[0] == pytest.approx(told[2])
    between = direct.predict_quantiles(n_steps=1, quantiles=0.7)[0]
    assert between == pytest.approx((told[2] + told[3]) / 2)


def test_gaussian_quantiles_side_by_side():
    model = make(distribution="gaussian", strategy="direct", horizon=3).fit(TWO)
    low, middle, high = model.predict_quantiles(n_steps=3, quantiles=[0.1587, 0.5, 0.8413])
    np.testing.assert_allclose(middle, model.predict(n_steps=3), rtol=1e-6)
    np.testing.assert_allclose(high - middle, middle - low, rtol=1e-3)


# Windows


def test_windows_hold_what_they_should():
    values = rng.randn(30, 2).astype(np.float32)
    known = rng.randn(30, 3).astype(np.float32)
    starts, lengths = np.array([2, 5, 14]), np.array([6, 9, 6])
    mean, scale = rng.randn(3, 2).astype(np.float32), rng.rand(3, 2).astype(np.float32) + 0.5
    windows = WindowDataset(
        values,
        known,
        starts,
        lengths,
        mean,
        scale,
        2,
        weights=np.array([1.0, 2, 3]),
        judged=np.array([1, 2, 6]),
    )
    batch = windows.gather(np.array([1, 0, 2]), torch.zeros(1, dtype=torch.float64))
    counted = 0
    for k, (row, step) in enumerate(zip(batch.packing.row_of, batch.packing.step_of, strict=True)):
        i = [1, 0, 2][row]
        at = starts[i] + step
        here, next_, then = ((values[at + j] - mean[i]) / scale[i] for j in range(3))
        np.testing.assert_allclose(batch.values[k], [*here, *known[at + 1], *known[at + 2]], rtol=1e-5)
        np.testing.assert_allclose(batch.targets[k], [*next_, *then], rtol=1e-5, atol=1e-6)
        is_judged = step >= lengths[i] - [1, 2, 6][i]
        assert (batch.weights[k] > 0) == is_judged
        counted += batch.weights[k].item()
    assert counted == pytest.approx(len(batch.values))
    assert batch.weights.max() == pytest.approx(3 * batch.weights[batch.weights > 0].min().item())
    ahead = windows.look_ahead(np.array([2, 0]), 3, torch.zeros(1))
    np.testing.assert_array_equal(ahead, known[np.array([[21, 22], [9, 10]])])


@pytest.mark.parametrize("size", [1, 7, 8, 15, 64])
def test_a_step_is_in_eight_windows_at_most(size):
    X = np.arange(200.0)
    dataset = make(context_length=size).fit(X)._make_datasets(read_series(X)[0], None, None)[0]
    steps = [start + np.arange(n) for start, n in zip(dataset.starts, dataset.lengths, strict=True)]
    n_windows = np.bincount(np.concatenate(steps))[size:-size]  # all alike but for the ends
    assert n_windows.min() >= min(size, 5) and n_windows.max() <= 8


@pytest.mark.filterwarnings("ignore:X has features far from mean 0")  # each step is its own number
@pytest.mark.parametrize("ahead", [1, 3])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_windows_of_training(ahead, early_stopping):
    lengths = np.array([40, 9, 5, 23])
    steps = np.arange(lengths.sum(), dtype=float)  # each step is its own number
    X = [*np.split(steps, lengths.cumsum()[:-1])]
    model = make(
        strategy="direct", horizon=ahead, early_stopping=early_stopping, scaling=None, context_length=9
    )
    model.fit(X)
    series = read_series(X)[0]
    dataset, held, _ = model._make_datasets(series, None, None, is_held_out=early_stopping)
    offsets = series.offsets
    read, told = set(), set()

    def look(data, judged):
        seen = []
        for start, n, j in zip(data.starts, data.lengths, judged, strict=True):
            i = np.searchsorted(offsets, start, side="right") - 1
            assert start + n + ahead <= offsets[i + 1] and n <= 9
            read.update(range(start, start + n))
            seen += [*range(start + n - j, start + n)]
        return seen

    trained = look(dataset, dataset.lengths)
    told = {at + k for at in trained for k in range(1, ahead + 1)}
    if not early_stopping:
        assert held is None
        assert read == {at for i in range(4) for at in range(offsets[i], offsets[i + 1] - ahead)}
        return
    validated = look(held, held.judged)
    assert len(set(validated)) == len(validated)  # each once
    n_inputs = lengths - ahead
    expected = {
        at
        for i, n in enumerate(np.maximum(1, np.round(0.1 * n_inputs)).astype(int))
        if n_inputs[i] - n - ahead + 1 >= 1
        for at in range(offsets[i + 1] - ahead - n, offsets[i + 1] - ahead)
    }
    assert set(validated) == expected
    assert not told & {at + k for at in validated for k in range(1, ahead + 1)}


def test_the_score_to_stop_by_is_the_loss_of_what_was_set_aside():
    series = rng.randn(120).cumsum()
    # With callbacks the weights are those of the best epoch.
    model = make(early_stopping=True, max_iter=2, callbacks=[Callback()]).fit(series)
    held = model._make_datasets(read_series(series)[0], None, None, is_held_out=True)[1]
    # By hand: one step ahead of each of the last 12 steps.
    errors = []
    for start, n, j in zip(held.starts, held.lengths, held.judged, strict=True):
        for stop in range(start + n - j + 1, start + n + 1):
            history = series[start:stop]  # what the window has read
            assert stop >= 120 - 12
            scaled = (model.predict(history, 1)[0] - series[stop]) / model.scale_[0]
            errors.append(scaled**2)
    assert len(errors) == 12
    assert -np.mean(errors) == pytest.approx(max(model.validation_scores_), rel=1e-3)


# Rolling forecasts and the score


def test_rolling_goes_on_from_training():
    model = make(horizon=3).fit(ONE[:30], exogenous=KNOWN[:30])
    after = model.predict_rolling(ONE[30:], 3, KNOWN[30:40], after_training=True)
    within = model.predict_rolling(ONE, 3, KNOWN[:40], start=30)
    assert after.shape == (8, 3)
    np.testing.assert_array_equal(after, within)
    np.testing.assert_allclose(after[0], model.predict(n_steps=3, exogenous=KNOWN[30:33]), atol=1e-5)
    true = sliding_window_view(ONE[30:], 3)
    assert model.score(ONE[30:], exogenous=KNOWN[30:40]) == pytest.approx(
        -np.abs(after - true).mean(), rel=1e-5
    )
    # Shorter than the horizon: as far as it goes.
    short = np.abs(model.predict(n_steps=2, exogenous=KNOWN[30:32]) - ONE[30:32]).mean()
    assert model.score(ONE[30:32], exogenous=KNOWN[30:32]) == pytest.approx(-short, rel=1e-5)


def test_the_score_of_other_series():
    model = make(horizon=2).fit(MANY)
    others = [ONE, ONE[:9]]
    rolling = model.predict_rolling(others, 2)
    assert [len(r) for r in rolling] == [40 - 10 - 1, 1]
    errors = np.concatenate(
        [np.abs(r - sliding_window_view(x, 2)[-len(r) :]) for r, x in zip(rolling, others, strict=True)]
    )
    assert model.score(others) == pytest.approx(-errors.mean(), rel=1e-5)


def test_rolling_on_from_several_series():
    later = [x[-6:] for x in MANY]
    model = make(scaling="series").fit([x[:-6] for x in MANY])
    rolling = model.predict_rolling(later, 2, after_training=True)
    assert [len(r) for r in rolling] == [5, 5, 5]
    np.testing.assert_allclose([r[0] for r in rolling], model.predict(n_steps=2), rtol=1e-6, atol=1e-5)


# Hidden states


@with_and_without
def test_hidden_states(has_known):
    known = KNOWN[:41] if has_known else None
    model = make(context_length=100).fit(ONE, exogenous=None if known is None else known[:40])
    states = model.hidden_states(ONE, exogenous=known)
    head = model.module_.head.output
    last = states[-1] @ head.weight.detach().numpy()[0] + head.bias.item()
    told = model.predict(ONE, 1, known)[0]
    assert last * model.scale_[0] + model.mean_[0] == pytest.approx(told, rel=1e-4)
    np.testing.assert_allclose(
        model.hidden_states(ONE, per_step=False, exogenous=known)[0], states[-1], atol=1e-6
    )
    assert [s.shape for s in clone(model).fit(MANY).hidden_states(MANY)] == [(len(x), 5) for x in MANY]


def test_hidden_states_of_several_series():
    known = [KNOWN[: len(x) + 1] for x in MANY]
    model = make(scaling="series").fit(MANY, exogenous=cut(known, MANY))
    together = model.hidden_states(MANY, exogenous=known)
    for x, k, states in zip(MANY, known, together, strict=True):
        np.testing.assert_allclose(model.hidden_states([x], exogenous=[k])[0], states, atol=1e-6)


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y", "%d %b %Y"])
def test_dates_as_text_are_warned_of(form):
    dates = pd.date_range("2026-01-01", periods=40)
    series = pd.Series(np.sin(np.arange(40.0)), index=dates.strftime(form))[::-1]
    with pytest.warns(UserWarning, match="X has dates as text in its index.*pandas.to_datetime") as caught:
        RNNForecaster(hidden_size=2, max_iter=1, context_length=4).fit(series)
    assert [w.filename for w in caught] == [__file__]
