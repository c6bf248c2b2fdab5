"""What validation goes by: `scoring`, of every estimator."""

import math
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import mean_absolute_error, r2_score

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
)
from sklearn_rnn.metrics import get_scorer

FAST = {
    "hidden_size": 4,
    "max_iter": 2,
    "random_state": 0,
    "early_stopping": True,
    "validation_fraction": 0.3,
}
rng = np.random.RandomState(0)
X = [rng.randn(rng.randint(2, 6), 2) for _ in range(30)]
LABELS = np.array(["no", "yes"])[(np.arange(30) % 2)]
TAGS = [np.array(["a", "b"])[(x[:, 0] > 0).astype(int)] for x in X]
NUMBERS = [x[:, 0] for x in X]
TEXTS = ["".join(rng.choice(list("abc"), size=rng.randint(1, 5))) for _ in range(30)]
SERIES = rng.randn(120).cumsum()
# Estimator, X, y, and scorers by name that suit them.
CASES = {
    "classifier": (RNNClassifier(**FAST), X, LABELS, ["accuracy", "f1_macro", "roc_auc", "neg_log_loss"]),
    "multi-label": (RNNClassifier(**FAST), X, np.eye(3, dtype=int)[np.arange(30) % 3], ["f1_micro"]),
    "tagger": (RNNTagger(**FAST), X, TAGS, ["step_f1_macro", "f1_macro", "neg_perplexity", "roc_auc"]),
    "crf": (RNNTagger(head="crf", **FAST), X, TAGS, ["sequence_accuracy", "accuracy"]),
    "regressor": (RNNRegressor(**FAST), X, rng.randn(30), ["neg_mean_absolute_error", "r2"]),
    "regressor of steps": (RNNRegressor(**FAST), X, NUMBERS, ["step_r2", "neg_mean_absolute_error"]),
    "seq2seq": (
        RNNSeq2Seq(**FAST),
        TEXTS,
        [t[::-1] for t in TEXTS],
        ["exact_match", "neg_edit_distance_rate"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_scorers_by_name_and_as_callables_see_what_is_held_out(case):
    """Each epoch has the score that the scorer gives to the held-out sequences, in the user's form."""
    model, X, y, names = CASES[case]
    train, held = slice(0, 20), slice(20, None)
    for name in [None, *names]:
        scorer = (lambda e, X, y: e.score(X, y)) if name is None else get_scorer(name)
        fits = []
        for scoring in (name, scorer):
            fitted = clone(model).set_params(scoring=scoring, early_stopping=False)
            fits.append(fitted.fit(X[train], y[train], X_val=X[held], y_val=y[held]))
        assert fits[0].validation_scores_ == fits[1].validation_scores_
        with warnings.catch_warnings(action="ignore"):  # of how little has been learnt
            score = scorer(fits[0], X[held], y[held])
        assert fits[0].validation_scores_[-1] == pytest.approx(score, abs=1e-6)


def are_equal(x, other):
    return x == other if isinstance(x, str) else len(x) == len(other) and np.allclose(x, other)


@pytest.mark.parametrize("case", CASES)
def test_a_part_that_is_set_aside_comes_to_the_scorer(case):
    model, X, y, _ = CASES[case]
    seen = []

    def scorer(estimator, X_held, y_held):
        seen.append((X_held, y_held))
        return estimator.score(X_held, y_held)

    fitted = clone(model).set_params(scoring=scorer).fit(X, y)
    assert len(seen) == len(fitted.validation_scores_) == 2
    X_held, y_held = seen[0]
    assert len(X_held) == len(y_held) == 9
    X_held = ["".join(x) if isinstance(X[0], str) else x for x in X_held]
    rows = [next(i for i in range(30) if are_equal(x, X[i])) for x in X_held]
    assert case == "seq2seq" or len(set(rows)) == 9
    assert all(
        are_equal(y[i], held) if case == "seq2seq" else np.all(y[i] == held)
        for i, held in zip(rows, y_held, strict=True)
    )


@pytest.mark.parametrize("weights", [2.0, memoryview(np.ones(30))])
def test_forms_that_cannot_be_cut(weights):
    y = memoryview(np.arange(30) % 2)
    model = RNNClassifier(scoring="accuracy", **FAST).fit(X, y, weights)
    assert len(model.validation_scores_) == 2


@pytest.mark.parametrize("scoring", ["neg_log_loss", "neg_perplexity"])
def test_labels_that_are_not_among_what_is_held_out(scoring):
    tags = [["a"] * len(x) for x in X[:-1]] + [["b"] * len(X[-1])]
    options = FAST | {"scoring": scoring, "early_stopping": False}
    RNNTagger(**options).fit(X, tags, X_val=X[:20], y_val=tags[:20])


@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", "step_f1_macro", "neg_log_loss", None])
def test_padding_does_not_come_to_the_scorer(scoring):
    padded = np.full((30, 6, 2), -1.0)
    tags = np.full((30, 6), "-")
    for i, (x, labels) in enumerate(zip(X, TAGS, strict=True)):
        padded[i, : len(x)], tags[i, : len(x)] = x, labels
    options = FAST | {"scoring": scoring, "padding_value": -1}
    model = RNNTagger(**options).fit(padded, tags)
    assert model.validation_scores_ == RNNTagger(**options).fit(X, TAGS).validation_scores_


@pytest.mark.parametrize("scores", [[-np.inf] * 4, [np.inf] * 4, [-np.inf, -np.inf, -2.0, -1.0], [1, np.inf]])
def test_scores_may_be_infinite(scores):
    given = iter(scores)
    options = FAST | {"early_stopping": True, "max_iter": len(scores)}
    model = RNNRegressor(scoring=lambda *_: next(given), **options).fit(X, np.arange(30))
    assert model.best_epoch_ == 1 + np.argmax(scores)


@pytest.mark.parametrize("score", [None, {}, 1j, "1", np.zeros(2), math.nan])
def test_a_score_is_a_number(score):
    with pytest.raises(ValueError, match="scoring=<function .* must return a number, got"):
        RNNRegressor(scoring=lambda *_: score, **FAST).fit(X, np.arange(30))


def test_a_metric_is_no_scorer():
    with pytest.raises(ValueError, match="scoring=<function r2_score.* fails .*make_scorer"):
        RNNRegressor(scoring=r2_score, **FAST).fit(X, rng.randn(30))


def test_weights_come_to_the_scorer():
    seen = []

    def scorer(estimator, X, y, sample_weight):
        seen.append(sample_weight)
        assert len(sample_weight) == len(X)
        return 1.0

    weights = np.arange(30) % 3  # sequences without weight are left out
    RNNClassifier(scoring=scorer, **FAST).fit(X, LABELS, weights)
    assert len(seen[0]) == 6 and set(seen[0]) <= {1, 2}
    RNNTagger(scoring=scorer, **FAST).fit(X, TAGS, [np.ones(len(x)) for x in X])
    assert np.ndim(seen[-1][0]) == 1


@pytest.mark.parametrize("strategy", ["recursive", "direct"])
@pytest.mark.parametrize("distribution", ["point", "quantile"])
def test_a_forecaster_is_scored_by_its_forecasts(strategy, distribution):
    options = FAST | {"horizon": 3, "context_length": 9, "strategy": strategy, "distribution": distribution}
    steps = {}

    def scorer(estimator, X, y):
        steps["came"], steps["told"] = y, estimator.predict(X)
        return -mean_absolute_error(y, estimator.predict(X))

    by_hand = RNNForecaster(scoring=scorer, **options).fit(SERIES)
    own = RNNForecaster(scoring=None, **options).fit(SERIES)
    named = RNNForecaster(scoring="neg_mean_absolute_error", **options).fit(SERIES)
    assert by_hand.validation_scores_ == pytest.approx(own.validation_scores_)
    assert by_hand.validation_scores_ == pytest.approx(named.validation_scores_)
    # 35 steps (36 before what is predicted last, if at once) are held out, all forecasts end within them.
    came = steps["came"].reshape(-1, 3)
    windows = np.lib.stride_tricks.sliding_window_view(SERIES, 3)
    np.testing.assert_allclose(came, windows[-len(came) :], rtol=1e-5)
    assert len(came) in (34, 35)
    r2 = RNNForecaster(scoring="r2", **options).fit(SERIES).validation_scores_
    assert r2[-1] == pytest.approx(r2_score(steps["came"], steps["told"]), abs=1e-5)


def test_a_forecaster_of_several_series_is_scored_by_those_that_are_long_enough():
    series = [SERIES, SERIES[:60], SERIES[:4]]
    model = RNNForecaster(scoring="r2", horizon=3, **FAST).fit(series, exogenous=series)
    assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("X", [TEXTS, "".join(TEXTS), np.arange(90) % 5], ids=["texts", "stream", "codes"])
def test_a_language_model_is_scored_by_its_loss(X):
    make = {"scoring": "loss"} | FAST
    nats = RNNLanguageModel(**make, bptt_steps=4, batch_size=2).fit(X).validation_scores_
    for scoring, expected in {
        None: nats,
        "neg_log_loss": nats,
        "neg_bits_per_token": [s / math.log(2) for s in nats],
        "neg_perplexity": [-math.exp(-s) for s in nats],
    }.items():
        model = RNNLanguageModel(**make | {"scoring": scoring}, bptt_steps=4, batch_size=2).fit(X)
        assert model.validation_scores_ == pytest.approx(expected)
    seen = []

    def scorer(estimator, X, y):
        seen.append(X)
        return estimator.score(X)

    RNNLanguageModel(**make | {"scoring": scorer}, bptt_steps=4, batch_size=2).fit(X)
    assert type(seen[0]) is type(X)
    assert len(seen[0]) == round(0.3 * len(X))


def test_a_callable_needs_the_text_in_memory(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(TEXTS))
    with pytest.raises(ValueError, match="callable scoring needs a text in memory"):
        RNNLanguageModel(scoring=lambda e, X, y: 0.0, **FAST).fit(path)


@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [
        ("f1_makro", ValueError, "no scorer 'f1_makro'.*Did you mean 'f1_macro'"),
        (3, TypeError, "scoring must be 'loss', a name of .*, but it is 3 of type int"),
        (lambda e, X, y: "good", ValueError, "must return a number, got 'good'"),
        (lambda e, X, y: np.array([1.0, 2.0]), ValueError, "must return a number"),
        (lambda e, X, y: e.nothing, ValueError, "fails on the validation data: .*nothing"),
        (lambda e, X, y: math.nan, ValueError, "must return a number, got nan"),
    ],
)
def test_what_is_no_scoring(scoring, error, message):
    model = RNNClassifier(**FAST)
    model.set_params(scoring=scoring)
    with pytest.raises(error, match=message):
        model.fit(X, LABELS)
    assert not hasattr(model, "module_")


def test_a_language_model_refuses_scorers_of_predictions():
    with pytest.raises(ValueError, match="scoring must be .*, but it is 'f1_macro'"):
        RNNLanguageModel(**FAST, scoring="f1_macro").fit(TEXTS)


def test_the_score_is_shown(capsys):
    RNNClassifier(scoring="accuracy", verbose=2, **FAST).fit(X, LABELS)
    assert "valid_score" in capsys.readouterr().out


def test_scorers_of_scikit_learn_take_steps_together():
    tagger = RNNTagger(**FAST).fit(X, TAGS)
    flat, found = np.concatenate(TAGS), np.concatenate(list(tagger.predict(X)))
    assert get_scorer("accuracy")(tagger, X, TAGS) == np.mean(flat == found) == tagger.score(X, TAGS)
    with pytest.raises(ValueError, match="predictions do not have the lengths of y"):
        get_scorer("accuracy")(tagger, X, [row[:1] for row in TAGS])
    square = np.stack([x[:2] for x in X])
    labels = [row[:2] for row in TAGS]
    assert get_scorer("accuracy")(tagger, square, np.array(labels)) == tagger.score(square, labels)
    weights = 1.0 + np.arange(30) % 2
    weighted = get_scorer("accuracy")(tagger, X, TAGS, sample_weight=weights)
    assert weighted == pytest.approx(tagger.score(X, TAGS, sample_weight=weights))
    regressor = RNNRegressor(**FAST).fit(X, NUMBERS)
    error = np.abs(np.concatenate(list(regressor.predict(X))) - np.concatenate(NUMBERS)).mean()
    assert get_scorer("neg_mean_absolute_error")(regressor, X, NUMBERS) == pytest.approx(-error)
    classifier = RNNClassifier(**FAST).fit(X, LABELS)
    assert get_scorer("f1_macro")(classifier, X, LABELS) <= 1
