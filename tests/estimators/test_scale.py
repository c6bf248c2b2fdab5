"""The warning of numbers on a scale that networks hardly learn from."""

import re
import warnings
from collections import deque

import numpy as np
import pandas as pd
import pytest

from sklearn_rnn import RNNClassifier, RNNForecaster, RNNRegressor, RNNSeq2Seq, RNNTagger, Sequences
from sklearn_rnn.datasets import load_japanese_vowels

RNG = np.random.RandomState(0)
VALUES = RNG.normal(size=(6, 10, 2))
LABELS = [0, 1, 0, 1, 0, 1]
SMALL = {"hidden_size": 2, "max_iter": 1}
FAR = "features far from mean 0 and standard deviation 1"

ESTIMATORS = {
    "classifier": lambda X: RNNClassifier(**SMALL).fit(X, LABELS),
    "first partial_fit": lambda X: RNNClassifier(**SMALL).partial_fit(X, LABELS),
    "tagger": lambda X: RNNTagger(**SMALL).fit(X, [[k] * 10 for k in LABELS]),
    "regressor": lambda X: RNNRegressor(**SMALL).fit(X, LABELS),
    "seq2seq": lambda X: RNNSeq2Seq(**SMALL).fit(X, ["a", "b"] * 3),
    "vectors": lambda X: RNNSeq2Seq(**SMALL).fit(X[:, 0], ["a", "b"] * 3),
    "forecaster": lambda X: RNNForecaster(scaling=None, **SMALL).fit(list(X)),
    "exogenous": lambda X: RNNForecaster(scaling=None, **SMALL).fit(list(VALUES), exogenous=list(X)),
}


@pytest.mark.parametrize("fit", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize(
    "change",
    [lambda x: 0.001 * x, lambda x: 0.01 * x, lambda x: 100 * x, lambda x: x + 10, lambda x: x + 1.7e9],
)
def test_far_numbers_are_warned_of_once(fit, change):
    with pytest.warns(UserWarning, match=FAR) as caught:
        fit(change(VALUES))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    fix = r"make_pipeline\((StepTransformer\()?StandardScaler\(\)\)?, RNN\w+\(\)\)|scaling='global'"
    assert re.search(fix, str(caught[0].message))


HEALTHY = {
    "scaled": VALUES,
    "a tenth": VALUES / 10,
    "ten times": 10 * VALUES,
    "offset of 3": VALUES + 3,
    "constants": np.concatenate([VALUES, np.full((6, 10, 1), -10.5), np.ones((6, 10, 1))], axis=2),
    "one-hot": np.eye(500)[RNG.randint(500, size=(6, 10))],
    "rare": np.insert(np.zeros((6, 1000, 1)), 3, 1, axis=1),
    "of length 1": 0.028 * RNG.normal(size=(6, 10, 1200)),
    "bits": RNG.randint(2, size=(6, 10, 1)).astype(float),
}


@pytest.mark.parametrize("X", HEALTHY.values(), ids=HEALTHY)
def test_healthy_numbers_are_not_warned_of(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RNNClassifier(**SMALL).fit(X, LABELS)


def test_one_small_feature_among_others_is_warned_of():
    with pytest.warns(UserWarning, match=f"{FAR}.*: feature 1 "):
        RNNClassifier(**SMALL).fit(VALUES * [1, 0.001], LABELS)


def test_vowels_are_not_warned_of():
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RNNClassifier(**SMALL).fit(X, y)


@pytest.mark.parametrize("scaling", ["global", "series"])
def test_what_a_forecaster_scales_is_not_warned_of(scaling):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RNNForecaster(scaling=scaling, **SMALL).fit(list(1.7e9 + 100 * VALUES))


def test_features_are_named_and_listed_compactly():
    X = [pd.DataFrame(x, columns=["heat", "speed"]) * [1, 100] for x in VALUES]
    with pytest.warns(UserWarning, match=r"feature 'speed' \(mean .*, standard deviation 1\d\d\)\. Scale"):
        RNNClassifier(**SMALL).fit(X, LABELS)
    listed = r"features 0 \(mean .*\), 1 \(mean .*\), 2 \(mean .*\) and 7 more\."
    with pytest.warns(UserWarning, match=listed):
        RNNClassifier(**SMALL).fit(100 * RNG.normal(size=(6, 10, 10)), LABELS)


FORMS = {
    "array": np.asarray,
    "list": list,
    "nested lists": lambda X: X.tolist(),
    "DataFrames": lambda X: [pd.DataFrame(x) for x in X],
    "Sequences": lambda X: Sequences(X.reshape(60, 2), np.arange(7) * 10),
    "table": lambda X: pd.DataFrame(X[:, :, 0]),
    "deque": deque,
    "memory": lambda X: memoryview(X),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("offset", [1e5, 1.7e9, 1e15])  # constant in float32: the last two
def test_what_float32_does_not_tell_apart_is_named(form, offset):
    X = FORMS[form](VALUES + offset)
    with pytest.warns(UserWarning, match=r"cannot separate the values of features? 0.*; a scaler"):
        RNNClassifier(**SMALL).fit(X, LABELS)


def test_float64_that_is_constant_is_no_loss():
    X = np.concatenate([VALUES, np.full((6, 10, 1), 1.7e9 + 0.1)], axis=2)
    with pytest.warns(UserWarning, match=r"feature 2 \(mean 1.7e\+09, standard deviation 0\)") as caught:
        RNNClassifier(**SMALL).fit(X, LABELS)
    assert "float32" not in str(caught[0].message)


def test_a_large_constant_is_warned_of():
    X = np.concatenate([VALUES, np.full((6, 10, 1), 518.67)], axis=2)  # it saturates each hidden unit
    with pytest.warns(UserWarning, match=f"{FAR}.*: feature 2 "):
        RNNClassifier(**SMALL).fit(X, LABELS)


def test_padding_is_to_be_cut_off_before_scaling():
    X = np.concatenate([100 * VALUES, np.full((6, 3, 2), -1.0)], axis=1)
    with pytest.warns(UserWarning, match=r"Sequences\.from_padded\(X, padding_value=-1\)"):
        RNNClassifier(padding_value=-1, **SMALL).fit(X, LABELS)
