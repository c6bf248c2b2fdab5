"""Scorers in scikit-learn's searches and cross-validation, with estimators of this library."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import sklearn
import sklearn.metrics
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.metrics import (
    bits_per_token,
    edit_distance_rate,
    exact_match_score,
    get_scorer,
    get_scorer_names,
    perplexity_score,
    sequence_accuracy_score,
    span_f1_score,
    span_precision_score,
    span_recall_score,
    step_accuracy_score,
    step_f1_score,
    step_mean_absolute_error,
    step_mean_squared_error,
    step_precision_score,
    step_r2_score,
    step_recall_score,
    step_root_mean_squared_error,
)
from sklearn_rnn.preprocessing import StepTransformer

FAST = {"hidden_size": 4, "max_iter": 3, "learning_rate": 0.05, "random_state": 0, "device": "cpu"}
OF_LABELS = {
    "step_accuracy": (step_accuracy_score, {}),
    "sequence_accuracy": (sequence_accuracy_score, {}),
    **{
        f"step_{name}_{average}": (metric, {"average": average})
        for name, metric in (
            ("precision", step_precision_score),
            ("recall", step_recall_score),
            ("f1", step_f1_score),
        )
        for average in ("macro", "micro", "weighted")
    },
    "span_precision": (span_precision_score, {}),
    "span_recall": (span_recall_score, {}),
    "span_f1": (span_f1_score, {}),
    "span_precision_strict": (span_precision_score, {"mode": "strict"}),
    "span_recall_strict": (span_recall_score, {"mode": "strict"}),
    "span_f1_strict": (span_f1_score, {"mode": "strict"}),
    "exact_match": (exact_match_score, {}),
    "neg_edit_distance_rate": (edit_distance_rate, {}),
}
OF_PROBABILITIES = {"neg_perplexity": perplexity_score, "neg_bits_per_token": bits_per_token}
OF_NUMBERS = {
    "neg_step_mean_squared_error": step_mean_squared_error,
    "neg_step_root_mean_squared_error": step_root_mean_squared_error,
    "neg_step_mean_absolute_error": step_mean_absolute_error,
    "step_r2": step_r2_score,
}


# Small folds lack labels, which the metrics warn of.
ILL_DEFINED = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")


@pytest.fixture(scope="module")
def sentences():
    rng = np.random.RandomState(0)
    y = [rng.choice(["O", "B-X", "I-X", "B-Y"], size=rng.randint(2, 7)).tolist() for _ in range(30)]
    return [[label[0] + str(rng.randint(2)) for label in row] for row in y], y


@pytest.fixture(scope="module")
def series():
    rng = np.random.RandomState(0)
    X = [rng.randn(rng.randint(2, 7), 2) for _ in range(30)]
    return X, [x.cumsum(axis=0)[:, 0] for x in X]


@pytest.fixture(scope="module")
def tagger(sentences):
    return RNNTagger(**FAST).fit(*sentences)


@pytest.fixture(scope="module")
def regressor(series):
    return RNNRegressor(**FAST).fit(*series)


@ILL_DEFINED
@pytest.mark.parametrize("name", OF_LABELS)
def test_scorers_of_labels(tagger, sentences, name):
    X, y = sentences
    metric, options = OF_LABELS[name]
    sign = -1 if name.startswith("neg_") else 1
    score = get_scorer(name)(tagger, X, y)
    assert isinstance(score, float)
    assert score == sign * metric(y, tagger.predict(X), **options)


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_scorers_of_probabilities(tagger, sentences, name):
    X, y = sentences
    proba = tagger.predict_proba(X)
    metric = OF_PROBABILITIES[name]
    assert get_scorer(name)(tagger, X, y) == -metric(y, proba, labels=tagger.classes_)
    # A fold that lacks a label, and one with a label that training never saw.
    only = [["O"] * len(row) for row in y]
    assert get_scorer(name)(tagger, X, only) == -metric(only, proba, labels=tagger.classes_)
    unseen = [["NEW"] * len(row) for row in y]
    assert -np.inf < get_scorer(name)(tagger, X, unseen) < get_scorer(name)(tagger, X, y)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_scorers_of_numbers(regressor, series, name):
    X, y = series
    sign = -1 if name.startswith("neg_") else 1
    assert get_scorer(name)(regressor, X, y) == sign * OF_NUMBERS[name](y, regressor.predict(X))


def test_two_scorers_agree_with_score(tagger, sentences, regressor, series):
    assert get_scorer("step_accuracy")(tagger, *sentences) == pytest.approx(
        tagger.score(*sentences), rel=1e-12
    )
    assert get_scorer("step_r2")(regressor, *series) == pytest.approx(regressor.score(*series), rel=1e-6)


@ILL_DEFINED
@pytest.mark.parametrize("name", ["step_f1_macro", "neg_perplexity"])
def test_grid_search(sentences, name):
    X, y = sentences
    search = GridSearchCV(
        RNNTagger(**FAST), {"max_iter": [1, 30]}, scoring=get_scorer(name), cv=KFold(3), error_score="raise"
    ).fit(X, y)
    assert search.best_params_ == {"max_iter": 30}
    assert search.cv_results_["mean_test_score"][1] > search.cv_results_["mean_test_score"][0]
    # The search is an estimator with classes_ like another.
    scorer = get_scorer(name)
    assert scorer(search, X, y) == search.score(X, y) == scorer(search.best_estimator_, X, y)


@ILL_DEFINED
def test_cross_validate_with_many_scorers(sentences):
    X, y = sentences
    names = [*OF_LABELS, *OF_PROBABILITIES]
    results = cross_validate(
        RNNTagger(**FAST),
        X,
        y,
        scoring={name: get_scorer(name) for name in names},
        cv=KFold(2),
        return_estimator=True,
        return_indices=True,
        error_score="raise",
    )
    for k, (model, test) in enumerate(zip(results["estimator"], results["indices"]["test"], strict=True)):
        X_test, y_test = [X[i] for i in test], [y[i] for i in test]
        for name in names:
            expected = get_scorer(name)(model, X_test, y_test)
            assert results[f"test_{name}"][k] == pytest.approx(expected, rel=1e-6)


def test_cross_validation_of_a_label_that_only_one_fold_has(sentences):
    X, y = sentences
    y = [["RARE"] * len(row) if i == 0 else row for i, row in enumerate(y)]
    for name in ("step_accuracy", "neg_perplexity"):
        scores = cross_val_score(
            RNNTagger(**FAST), X, y, scoring=get_scorer(name), cv=KFold(3), error_score="raise"
        )
        assert np.isfinite(scores).all()


def test_regressor_and_pipeline_in_cross_validation(series):
    X, y = series
    model = make_pipeline(StepTransformer(StandardScaler()), RNNRegressor(**FAST))
    scoring = {name: get_scorer(name) for name in OF_NUMBERS}
    results = cross_validate(model, X, y, scoring=scoring, cv=KFold(2), error_score="raise")
    np.testing.assert_allclose(
        results["test_neg_step_root_mean_squared_error"] ** 2,
        -results["test_neg_step_mean_squared_error"],
        rtol=1e-6,
    )
    assert (results["test_step_r2"] < 1).all()


def test_probabilities_of_a_pipeline(series):
    X, _ = series
    y = [np.where(x[:, 0] > 0, "up", "down") for x in X]
    model = make_pipeline(StepTransformer(StandardScaler()), RNNTagger(**FAST)).fit(X, y)
    expected = -perplexity_score(y, model.predict_proba(X), labels=model.classes_)
    assert get_scorer("neg_perplexity")(model, X, y) == expected


@pytest.mark.parametrize(
    "name", ["step_accuracy", "neg_perplexity", "span_f1", "neg_step_mean_squared_error"]
)
def test_metadata_routing(tagger, sentences, regressor, series, name):
    model, (X, y) = (regressor, series) if "squared" in name else (tagger, sentences)
    weights = np.linspace(0.1, 3, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer(name).set_score_request(sample_weight=True)
        weighted = scorer(model, X, y, sample_weight=weights)
        assert weighted != get_scorer(name)(model, X, y)
        model = type(model)(**FAST).set_fit_request(sample_weight=False)
        options = {"cv": KFold(2), "error_score": "raise", "return_estimator": True, "return_indices": True}
        results = cross_validate(
            model, X, y, scoring={"s": scorer}, params={"sample_weight": weights}, **options
        )
        test = results["indices"]["test"][0]
        expected = scorer(
            results["estimator"][0], [X[i] for i in test], [y[i] for i in test], sample_weight=weights[test]
        )
        assert results["test_s"][0] == pytest.approx(expected, rel=1e-6)


def test_a_request_concerns_one_copy():
    with sklearn.config_context(enable_metadata_routing=True):
        before = get_routing_for_object(get_scorer("neg_perplexity")).score.requests
        get_scorer("neg_perplexity").set_score_request(sample_weight=True)
        assert get_routing_for_object(get_scorer("neg_perplexity")).score.requests == before
        assert before.get("sample_weight") is None


@pytest.mark.parametrize("name", [*OF_LABELS, *OF_PROBABILITIES, *OF_NUMBERS])
def test_pickle(name):
    scorer = pickle.loads(pickle.dumps(get_scorer(name)))
    assert repr(scorer) == repr(get_scorer(name))
    assert name in get_scorer_names()


def test_pickled_scorer_scores(tagger, sentences):
    scorer = get_scorer("neg_perplexity")
    assert pickle.loads(pickle.dumps(scorer))(tagger, *sentences) == scorer(tagger, *sentences)


def test_names():
    names = get_scorer_names()
    assert names == sorted(set(names))
    assert set(sklearn.metrics.get_scorer_names()) <= set(names)
    assert not {*OF_LABELS, *OF_PROBABILITIES, *OF_NUMBERS} & set(sklearn.metrics.get_scorer_names())


def test_other_names_are_scikit_learns():
    assert repr(get_scorer("f1_macro")) == repr(sklearn.metrics.get_scorer("f1_macro"))
    scorer = sklearn.metrics.make_scorer(span_f1_score, scheme="iobes")
    assert get_scorer(scorer) is scorer


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("step_acuracy", "step_accuracy"),
        ("span-f1", "span_f1"),
        ("neg_perplexty", "neg_perplexity"),
        ("acuracy", "accuracy"),
    ],
)
def test_misspelt_names(name, nearest):
    with pytest.raises(ValueError, match=f"There is no scorer '{name}'. Did you mean '{nearest}'?"):
        get_scorer(name)


def test_beginnings_of_names():
    with pytest.raises(
        ValueError, match=r"Did you mean 'step_f1_macro', 'step_f1_micro', 'step_f1_weighted'\?"
    ):
        get_scorer("step_f1")
    with pytest.raises(ValueError, match=r"Did you mean 'neg_edit_distance_rate'\?"):
        get_scorer("neg_edit")


@pytest.mark.parametrize("make", [list, tuple])
def test_several_names(make):
    names = make(["step_accuracy", "step_f1_macro", "neg_perplexity"])
    scorers = get_scorer(names)
    assert list(scorers) == list(names)
    tagger, X, y = RNNTagger(**FAST), [["a", "b"], ["b"]] * 4, [["N", "V"], ["V"]] * 4
    found = cross_validate(tagger, X, y, cv=2, scoring=scorers)
    assert all(np.isfinite(found[f"test_{name}"]).all() for name in names)
    with pytest.raises(ValueError, match="There is no scorer 'step_f1_makro'"):
        get_scorer(make(["step_f1_makro"]))


def test_names_like_no_other():
    with pytest.raises(
        ValueError, match=r"There is no scorer 'qqq'\. get_scorer_names\(\) returns all names\."
    ):
        get_scorer("qqq")


def test_import_loads_no_torch():
    code = "import sklearn_rnn.metrics, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"skorch", "torch"} & set(done.stdout.split())


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("name", ["neg_perplexity", "neg_bits_per_token"])
def test_probabilities_of_whole_sequences(series, name, n_labels):
    X, y = series[0], [str(i % n_labels) for i in range(len(series[0]))]
    model = RNNClassifier(**FAST).fit(X, y)
    with pytest.raises(ValueError, match=r"^y_proba holds one .* a sequence, .*steps: .*metrics\.$"):
        get_scorer(name)(model, X, y)


@pytest.mark.parametrize("name", ["step_r2", "neg_step_mean_absolute_error"])
def test_numbers_of_whole_sequences(series, name):
    X, y = series[0], np.arange(len(series[0]), dtype=float)
    model = RNNRegressor(**FAST).fit(X, y)
    with pytest.raises(ValueError, match=r"^y_true holds one .* a sequence, .*steps: .*metrics\.$"):
        get_scorer(name)(model, X, y)
