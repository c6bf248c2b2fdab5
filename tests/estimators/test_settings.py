"""What users set for NumPy and torch has no influence on estimators, transformers and metrics."""

import copy
import pickle
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
    metrics,
)
from sklearn_rnn.preprocessing import SequenceFeatures, SequencePadder, SequenceTruncator, StepTransformer

FAST = {"hidden_size": 4, "max_iter": 1, "random_state": 0}
RNG = np.random.RandomState(0)
X = [RNG.normal(size=(n, 2)) for n in (3, 5, 4, 2, 6, 3)]
TEXTS = ["abab", "babba", "aab", "bb", "abba", "ba"]
LABELS = ["p", "q"] * 3
NUMBERS = [1e-200, 2e-200, 0, 1e-200, 4e-200, 2e-200]  # whose squares underflow
STEPS = [["a", "b", "a", "b", "a", "b"][: len(x)] for x in X]
SERIES = np.sin(np.arange(40) / 4)


@contextmanager
def default_type(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


SETTINGS = {
    "errors of NumPy": lambda: np.errstate(all="raise"),
    "autocast": lambda: torch.autocast("cpu"),
    "float64": lambda: default_type(torch.float64),
    "bfloat16": lambda: default_type(torch.bfloat16),
    "default device": lambda: default_device("meta"),
    "context of a device": lambda: torch.device("meta"),
}


def classify(**settings):
    return RNNClassifier(**FAST | settings), (X, LABELS), lambda m: [m.predict_proba(X), m.score(X, LABELS)]


CASES = {
    "classifier": lambda: classify(bidirectional=True, pooling="attention", dropout=0.1),
    "elman": lambda: classify(cell="elman"),
    "jordan": lambda: classify(cell="jordan"),
    "early stopping": lambda: classify(early_stopping=True, max_iter=2),
    "tagger": lambda: (
        RNNTagger(head="crf", **FAST),
        (X, STEPS),
        lambda m: [*m.predict_proba(X), m.score(X, STEPS)],
    ),
    "regressor": lambda: (
        RNNRegressor(**FAST),
        (X, NUMBERS),
        lambda m: [m.predict(X), m.score(X, NUMBERS), m.hidden_states(X)],
    ),
    "seq2seq": lambda: (
        RNNSeq2Seq(max_length=9, **FAST),
        (TEXTS, TEXTS),
        lambda m: [m.score_samples(TEXTS, TEXTS), *m.attention_weights(TEXTS, TEXTS)],
    ),
    "language model": lambda: (
        RNNLanguageModel(**FAST),
        (TEXTS,),
        lambda m: [m.score(TEXTS), m.sample(9, random_state=0)],
    ),
    "forecaster": lambda: (
        RNNForecaster(distribution="gaussian", **FAST),
        (SERIES,),
        lambda m: [m.predict(n_steps=3), m.sample_paths(n_steps=3, random_state=0), m.score(SERIES[:5])],
    ),
    "features": lambda: (SequenceFeatures(RNNRegressor(**FAST)), (X, NUMBERS), lambda m: [m.transform(X)]),
}


def run(case):
    model, data, ask = CASES[case]()
    model.fit(*data)
    if hasattr(model, "partial_fit"):
        model.partial_fit(*data)
    models = (model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model))
    return [np.asarray(answer).tobytes() for m in models for answer in ask(m)]


@pytest.mark.parametrize("case", CASES)
def test_settings_change_no_bit(case):
    expected = run(case)
    for name, setting in SETTINGS.items():
        with setting():
            assert run(case) == expected, name


def test_default_type_while_threads_come_and_go():
    expected = run("classifier")
    found = [None] * 4

    def work(i):
        found[i] = run("classifier")

    with default_type(torch.float64):
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [expected] * 4


@pytest.mark.parametrize("factor", [1e-310, 1e-42, 1e300])
def test_transformers_where_numbers_underflow_or_overflow(factor):
    data = [x * factor for x in X]
    for transformer in (
        StepTransformer("passthrough"),
        SequencePadder(padding_value=-1),
        SequenceTruncator(3),
    ):
        expected = transformer.fit_transform(data)
        with np.errstate(all="raise"):
            found = transformer.fit_transform(data)
        parts = zip(found, expected, strict=True)
        assert all(np.array_equal(part, wanted) for part, wanted in parts)


@pytest.mark.parametrize("factor", [1e-310, 1e-30, 1e30])
def test_estimators_where_numbers_underflow_or_overflow(factor):
    data = [x * factor for x in X]
    weights = [1e-310, 1, 1, 1, 1, 1]
    model = RNNClassifier(**FAST).fit(X, LABELS, sample_weight=weights)
    expected = model.predict_log_proba(data)
    with np.errstate(all="raise"):
        model = RNNClassifier(**FAST).fit(X, LABELS, sample_weight=weights)
        np.testing.assert_array_equal(model.predict_log_proba(data), expected)
        model.score(data, LABELS, sample_weight=weights)


def test_metrics_where_weights_underflow():
    weights = [1e-310, 1, 1, 1, 1, 1]
    proba = [np.tile([1e-320, 1.0], (len(x), 1)) for x in X]
    numbers = [x[:, 0] for x in X]
    calls = [
        (metrics.step_accuracy_score, STEPS, STEPS),
        (metrics.sequence_accuracy_score, STEPS, STEPS),
        (metrics.exact_match_score, TEXTS, TEXTS),
        (metrics.step_f1_score, STEPS, STEPS),
        (metrics.perplexity_score, STEPS, proba),
        (metrics.bits_per_token, STEPS, proba),
        (metrics.step_mean_squared_error, numbers, [x * 1e-200 for x in numbers]),
        (metrics.step_r2_score, [x * 1e-200 for x in numbers], numbers),
    ]
    for score, true, given in calls:
        options = {"average": "macro"} if score is metrics.step_f1_score else {}
        expected = score(true, given, sample_weight=weights, **options)
        with np.errstate(all="raise"):
            assert score(true, given, sample_weight=weights, **options) == expected


@pytest.mark.parametrize("base", [RNNClassifier, RNNRegressor, RNNTagger, RNNForecaster, RNNSeq2Seq])
def test_a_subclass_with_few_parameters_keeps_the_others(base):
    class Small(base):
        def __init__(self, hidden_size=4):
            super().__init__(hidden_size=hidden_size, max_iter=1)

    X, y = {
        RNNClassifier: (["ab", "ba"], [0, 1]),
        RNNRegressor: (["ab", "ba"], [0.0, 1.0]),
        RNNTagger: (["ab", "ba"], [["x", "y"], ["y", "x"]]),
        RNNForecaster: (np.sin(np.arange(40.0)), None),
        RNNSeq2Seq: (["ab", "ba"], ["a", "b"]),
    }[base]
    model = Small().fit(X, y)
    model.partial_fit(X, y)
    model.dropout = 0.5
    with pytest.raises(ValueError, match="dropout was 0.0 when training began and is now 0.5"):
        model.partial_fit(X, y)
