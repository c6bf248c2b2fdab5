"""Numbers far from zero, which float32 does not tell apart."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier, RNNForecaster, RNNRegressor, RNNSeq2Seq, Sequences
from sklearn_rnn.data import as_column, as_sequences
from sklearn_rnn.model_selection import backtest
from sklearn_rnn.preprocessing import SequencePadder, SequenceTruncator, SlidingWindow, StepTransformer

OFFSET = 1.7e9
SETTINGS = {"hidden_size": 8, "max_iter": 3, "random_state": 0}


@pytest.fixture
def near():
    """Sequences about zero, of whole 64ths, so that an offset can be taken off them again exactly."""
    rng = np.random.RandomState(0)
    return [np.round(64 * rng.normal(i % 2, 1, (n, 2))) / 64 for i, n in enumerate((4, 7, 5, 3, 6, 4, 5, 8))]


FORMS = {
    "list": lambda arrays: arrays,
    "nested lists": lambda arrays: [x.tolist() for x in arrays],
    "DataFrames": lambda arrays: [pd.DataFrame(x, columns=["a", "b"]) for x in arrays],
    "Sequences": lambda arrays: Sequences(np.concatenate(arrays), np.cumsum([0, *map(len, arrays)])),
    "array": lambda arrays: np.stack([x[:3] for x in arrays]),
    "table": lambda arrays: np.stack([x[:3, 0] for x in arrays]),
    "column": as_column,
}


@pytest.mark.parametrize("form", FORMS)
def test_transformers_take_off_an_offset_that_float32_does_not_hold(near, form):
    far = FORMS[form]([x + OFFSET for x in near])
    labels = np.arange(len(near)) % 2
    models = [make_pipeline(StepTransformer(StandardScaler()), RNNClassifier(**SETTINGS)) for _ in range(2)]
    expected = models[0].fit(FORMS[form](near), labels).predict_proba(FORMS[form](near))
    np.testing.assert_allclose(models[1].fit(far, labels).predict_proba(far), expected, atol=1e-5)


def test_transformers_keep_float64(near):
    far = [x + OFFSET for x in near]
    padder = SequencePadder(padding_value=-0.1).fit(far)
    padded = padder.transform(far)
    assert padded.dtype == np.float64
    for given in (padded, padder.inverse_transform(padded), SequenceTruncator(9).fit_transform(far)):
        assert given[1][:7].tolist() == far[1].tolist()
    assert as_column(far)[0, 0].tolist() == far[0].tolist()
    scaler = StepTransformer(StandardScaler()).fit(far)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(far))[0], far[0], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_targets_of_windows_are_exact(dtype):
    series = (1e8 + np.arange(20)).astype(dtype)
    X, y = SlidingWindow(5).make_windows(series)
    assert y.tolist() == series[5:].tolist()
    assert X[0, :, 0].tolist() == series[:5].tolist()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.longdouble, np.float64),
        (np.int16, np.float32),
        (np.int64, np.float64),
        (bool, np.float32),
        (object, np.float64),
    ],
)
def test_type_that_holds_what_is_given(given, kept):
    X = np.ones((2, 3, 2), dtype=given)
    for form in (X, list(X), np.ma.array(X), Sequences(X.reshape(6, 2), [0, 3, 6])):
        assert as_sequences(form, dtype=None).values.dtype == kept
        assert as_sequences(form).values.dtype == np.float32
    mixed = [np.ones((1, 2), dtype=np.float32), np.ones((1, 2), dtype=given)]
    assert as_sequences(mixed, dtype=None).values.dtype == kept


def test_float32_is_not_copied():
    X = np.ones((4, 5, 2), dtype=np.float32)
    assert np.shares_memory(as_sequences(X, dtype=None).values, X)
    assert np.shares_memory(StepTransformer("passthrough").fit_transform(X), X)


def test_numbers_to_be_predicted(near):
    y = np.array([x.mean() for x in near])
    model = RNNRegressor(**SETTINGS).fit(near, y)
    far = RNNRegressor(**SETTINGS).fit(near, OFFSET + 1e-3 * y)
    np.testing.assert_allclose((far.predict(near) - OFFSET) * 1e3, model.predict(near), atol=1e-3)


def test_numbers_to_be_written(near):
    y = [x[:2] for x in near]
    settings = SETTINGS | {"max_length": 2}
    with pytest.warns(UserWarning, match="were cut there"):
        expected = RNNSeq2Seq(**settings).fit(near, y).predict(near)
    model = RNNSeq2Seq(**settings).fit(near, [x + OFFSET for x in y])
    with pytest.warns(UserWarning, match="were cut there"):
        written = model.predict(near)
    np.testing.assert_allclose(np.concatenate(written) - OFFSET, np.concatenate(expected), atol=1e-4)


@pytest.mark.parametrize("scaling", ["global", "series"])
@pytest.mark.parametrize("several", [False, True])
def test_forecasts(scaling, several):
    series = np.round(64 * 10 * np.sin(np.arange(60) / 4)) / 64
    known = np.cos(np.arange(61.0))

    def forecast(offset):
        model = RNNForecaster(scaling=scaling, horizon=2, **SETTINGS)
        X = [series + offset, series[:40] + offset] if several else series + offset
        ahead = [known[:60] + offset, known[:40] + offset] if several else known[:60] + offset
        model.fit(X, exogenous=ahead)
        rolling = model.predict_rolling(X, exogenous=ahead)
        rolling = np.concatenate(rolling) if several else rolling
        later = series[:3] + offset
        return (
            model.mean_ - offset,
            rolling - offset,
            *([] if several else [model.score(later, exogenous=later)]),
        )

    for near, far in zip(forecast(0), forecast(OFFSET), strict=True):
        np.testing.assert_allclose(far, near, atol=1e-4)


def test_backtest():
    series = np.round(64 * 10 * np.sin(np.arange(60) / 4)) / 64
    model = RNNForecaster(horizon=2, **SETTINGS)
    near, far = (backtest(model, series + offset, cv=2) for offset in (0, OFFSET))
    np.testing.assert_array_equal(far.persistence, near.persistence)
    np.testing.assert_allclose(far.mean_absolute_error, near.mean_absolute_error, atol=1e-4)
