"""Model selection on ragged data: searches, splitters, curves, ensembles, routing, workers.

`test_scikit_learn_tools.py` has the first steps; here is every tool with every estimator.
"""

import json
import os
import subprocess
import sys
import textwrap
from functools import partial

import joblib
import numpy as np
import optuna
import pandas as pd
import pytest
import sklearn
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.fixes import parse_version

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.data import as_column, as_sequences
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.data.form import array_shape
from sklearn_rnn.preprocessing import SequencePadder, StepTransformer

FAST = {"hidden_size": 3, "max_iter": 2, "learning_rate": 0.02, "random_state": 0}
N = 24
GROUPS = np.arange(N) // 4
LENGTHS = np.tile([2, 3, 5, 3], N // 4)
IS_HIGH = np.arange(N) % 2
CODES = np.arange(N) % 3
LETTERS = np.array(list("abc"))[CODES]


def draw():
    rng = np.random.RandomState(0)
    return [rng.randn(n, 2) + 2 * high for n, high in zip(LENGTHS, IS_HIGH, strict=True)]


RAGGED = draw()
WORDS = [["hi" if x > 1 else "lo" if x > 0 else "no" for x in row[:, 0]] for row in RAGGED]
SUMS = np.array([x.sum() for x in RAGGED])
SEVERAL_LABELS = np.column_stack([IS_HIGH, np.arange(N) % 4 < 2]).astype(int)
SEVERAL_NUMBERS = np.column_stack([SUMS, LENGTHS])
SO_FAR = [x.cumsum(axis=0)[:, 0] for x in RAGGED]
SIGNS = [np.where(x[:, 0] > 0, "+", "-") for x in RAGGED]


def needs_scikit_learn(version, why):
    """Mark a test of what earlier versions of scikit-learn have not."""
    is_older = parse_version(sklearn.__version__) < parse_version(version)
    return pytest.mark.skipif(is_older, reason=f"scikit-learn before {version} {why}")


# name: estimator, X, y
CASES = {
    "classifier": (RNNClassifier(**FAST), RAGGED, LETTERS),
    "multi-label": (RNNClassifier(**FAST), RAGGED, SEVERAL_LABELS),
    "tagger": (RNNTagger(**FAST), RAGGED, SIGNS),
    "tagger of tokens": (RNNTagger(**FAST), WORDS, [["x" if w == "hi" else "o" for w in s] for s in WORDS]),
    "regressor": (RNNRegressor(**FAST), RAGGED, SUMS),
    "regressor, several": (RNNRegressor(**FAST), RAGGED, SEVERAL_NUMBERS),
    "regressor of steps": (RNNRegressor(**FAST), RAGGED, SO_FAR),
}


def forms_of(X):
    return {"list": X, "object array": object_array(X), "Sequences": as_sequences(X, dtype=None)}


def rows_of(y, rows):
    return y[rows] if isinstance(y, np.ndarray) else [y[i] for i in rows]


def assert_same(a, b):
    """Whether two predictions are bit-equal; those of steps are object arrays of arrays."""
    assert len(a) == len(b)
    if isinstance(a, np.ndarray) and a.dtype.kind == "O":
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)
    else:
        np.testing.assert_array_equal(a, b)


def give_for_all_forms(X, run):
    """Run something on each form of X; all must give the same, which is given."""
    results = [run(form) for form in forms_of(X).values()]
    for result in results[1:]:
        assert_same(results[0], result)
    return results[0]


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=["list", "object array", "Sequences"])
def ragged(request):
    return forms_of(RAGGED)[request.param]


# Searches

SEARCHES = {
    "grid": lambda model: GridSearchCV(model, {"cell": ["elman", "gru"]}, cv=2),
    "random": lambda model: RandomizedSearchCV(
        model, {"hidden_size": [2, 3], "num_layers": [1, 2]}, n_iter=2, cv=2, random_state=0
    ),
    "halving, sequences": lambda model: HalvingGridSearchCV(
        model, {"cell": ["elman", "gru"]}, cv=KFold(2), factor=2, min_resources=12, random_state=0
    ),
    "halving, epochs": lambda model: HalvingRandomSearchCV(
        model, {"cell": ["elman", "gru", "lstm"]}, n_candidates=2, resource="max_iter", min_resources=1,
        max_resources=2, factor=2, cv=KFold(2), random_state=0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEARCHES)
def test_searches(case, name):
    model, X, y = case
    searches = []

    def search(form):
        searches.append(SEARCHES[name](model).fit(form, y))
        return searches[-1].cv_results_["mean_test_score"]

    assert np.isfinite(give_for_all_forms(X, search)).all()
    best = searches[0]
    by_hand = clone(model).set_params(**best.best_params_).fit(X, y)
    assert_same(best.predict(X), by_hand.predict(X))
    assert best.score(X, y) == by_hand.score(X, y)
    if "halving" in name:
        used = {"halving, sequences": [12, 12, 24], "halving, epochs": [1, 1, 2]}[name]
        assert best.cv_results_["n_resources"].tolist() == used


@pytest.mark.filterwarnings("ignore:X has features far from mean 0")  # on purpose
@pytest.mark.parametrize("form", forms_of(RAGGED))
def test_nested_search_over_cells_sizes_and_scaling(form):
    far_off = forms_of([1000 + x for x in RAGGED])[form]
    model = Pipeline([("scale", "passthrough"), ("rnn", RNNClassifier(**(FAST | {"max_iter": 8})))])
    scaler = StepTransformer(StandardScaler())
    grid = [
        {"scale": ["passthrough", scaler], "rnn__cell": ["elman"], "rnn__num_layers": [1, 2]},
        {"scale": [scaler], "scale__transformer": [MinMaxScaler()], "rnn__hidden_size": [2, 4]},
    ]
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(far_off, IS_HIGH)
    assert len(search.cv_results_["params"]) == 6
    assert isinstance(search.best_params_["scale"], StepTransformer)
    assert search.best_score_ > 0.6
    assert scaler.transformer.get_params() == StandardScaler().get_params()  # the grid's own stays as it was
    scores = cross_val_score(search, far_off, IS_HIGH, cv=2, error_score="raise")
    assert scores.mean() > 0.6


@pytest.mark.parametrize("n_labels", [2, 3])
def test_scorers_of_probabilities_with_several_labels(n_labels):
    """With two labels, ``classes_`` must not look like the two classes of one label."""
    y = np.column_stack([IS_HIGH, np.arange(N) % 4 < 2, np.arange(N) % 3 == 0])[:, :n_labels].astype(int)
    model = RNNClassifier(**FAST).fit(RAGGED, y)
    assert np.asarray(model.classes_).tolist() == [[0, 1]] * n_labels
    wanted = roc_auc_score(y, model.predict_proba(RAGGED))
    assert get_scorer("roc_auc")(model, RAGGED, y) == pytest.approx(wanted, rel=1e-9)
    search = GridSearchCV(model, {"cell": ["gru", "lstm"]}, scoring="average_precision", cv=KFold(2))
    assert search.fit(RAGGED, y).best_score_ > 0
    probabilities = cross_val_predict(model, RAGGED, y, cv=2, method="predict_proba")
    assert probabilities.shape == (N, n_labels)


def test_several_scores_at_once(ragged):
    search = GridSearchCV(
        RNNClassifier(**FAST),
        {"cell": ["elman", "gru"]},
        scoring=["neg_log_loss", "roc_auc_ovr", "accuracy"],
        refit="neg_log_loss",
        cv=2,
    ).fit(ragged, LETTERS)
    assert search.cv_results_["rank_test_neg_log_loss"].min() == 1
    assert (search.cv_results_["mean_test_roc_auc_ovr"] > 0).all()


# Splitters


@pytest.mark.parametrize("splitter", [GroupKFold(2), TimeSeriesSplit(2)], ids=["groups", "time"])
def test_splitters_cut_by_sequence(case, splitter):
    model, X, y = case
    groups = GROUPS if isinstance(splitter, GroupKFold) else None
    for form in forms_of(X).values():
        result = cross_validate(
            model, form, y, groups=groups, cv=splitter, return_estimator=True, return_indices=True
        )
        train, test = result["indices"]["train"][0], result["indices"]["test"][0]
        if isinstance(splitter, GroupKFold):
            assert not set(GROUPS[train]) & set(GROUPS[test])
        else:
            assert train.max() < test.min()
        by_hand = clone(model).fit([X[i] for i in train], rows_of(y, train))
        held_out = [X[i] for i in test]
        assert_same(result["estimator"][0].predict(held_out), by_hand.predict(held_out))
        assert result["test_score"][0] == by_hand.score(held_out, rows_of(y, test))


def test_stratified_groups(ragged):
    cv = StratifiedGroupKFold(2)
    result = cross_validate(
        RNNClassifier(**FAST), ragged, LETTERS, groups=GROUPS, cv=cv, return_estimator=True
    )
    assert np.isfinite(result["test_score"]).all()
    assert all(model.classes_.tolist() == ["a", "b", "c"] for model in result["estimator"])


# Curves and permutation tests


def test_validation_curve(case):
    model, X, y = case

    def run(form):
        return validation_curve(model, form, y, param_name="max_iter", param_range=[1, 3], cv=KFold(2))[1]

    by_hand = [cross_val_score(clone(model).set_params(max_iter=k), X, y, cv=KFold(2)) for k in (1, 3)]
    np.testing.assert_array_equal(give_for_all_forms(X, run)[:, 0], [scores[0] for scores in by_hand])


@pytest.mark.parametrize("is_incremental", [False, True])
def test_learning_curve(case, is_incremental):
    model, X, y = case
    if is_incremental and y is SEVERAL_LABELS:
        pytest.skip("partial_fit takes no classes= with several outputs")

    def run(form):
        sizes, _, scores = learning_curve(
            model, form, y, cv=KFold(2), train_sizes=[6, 12], exploit_incremental_learning=is_incremental,
            error_score="raise",
        )  # fmt: skip
        assert sizes.tolist() == [6, 12]
        return scores

    assert np.isfinite(give_for_all_forms(X, run)).all()


@pytest.mark.parametrize("name", ["classifier", "multi-label", "regressor", "regressor, several"])
def test_permutation_test(name):
    model, X, y = CASES[name]

    def run(form):
        score, permuted, p = permutation_test_score(
            model, form, y, cv=KFold(2), n_permutations=2, random_state=0
        )
        assert score == cross_val_score(model, form, y, cv=KFold(2)).mean()
        assert 0 < p <= 1
        return permuted

    assert give_for_all_forms(X, run).shape == (2,)


@pytest.mark.parametrize("name", ["tagger", "tagger of tokens", "regressor of steps"])
def test_permutation_test_of_steps_exchanges_targets_of_one_length(name):
    model, X, y = CASES[name]
    with pytest.raises(ValueError, match=r"y\[1\] has 5 targets, but X\[1\] has 3 steps"):
        permutation_test_score(model, X, y, cv=KFold(2), n_permutations=1, random_state=0)

    def run(form):
        folds = list(KFold(2).split(X))  # a splitter would be given the groups too
        return permutation_test_score(
            model, form, y, groups=LENGTHS, cv=folds, n_permutations=2, random_state=0
        )[1]

    assert np.isfinite(give_for_all_forms(X, run)).all()


# Meta-estimators that take ragged data as they are


@pytest.mark.parametrize(
    "method",
    [
        "sigmoid",
        "isotonic",
        pytest.param("temperature", marks=needs_scikit_learn("1.8", "knows no such method")),
    ],
)
@pytest.mark.parametrize("ensemble", [True, False])
def test_calibration(ragged, method, ensemble):
    model = CalibratedClassifierCV(RNNClassifier(**FAST), method=method, ensemble=ensemble, cv=2)
    probabilities = model.fit(ragged, LETTERS).predict_proba(ragged)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert len(model.calibrated_classifiers_) == (2 if ensemble else 1)
    assert set(model.predict(ragged)) <= set("abc")


def test_calibration_of_a_frozen_estimator(ragged):
    fitted = RNNClassifier(**FAST).fit(ragged, LETTERS)
    before = fitted.predict_proba(ragged)
    model = CalibratedClassifierCV(FrozenEstimator(fitted), method="sigmoid").fit(ragged, LETTERS)
    assert (model.predict_proba(ragged) != before).any()
    np.testing.assert_array_equal(fitted.predict_proba(ragged), before)


def test_frozen(case):
    model, X, y = case
    fitted = clone(model).fit(X, y)
    for form in forms_of(X).values():
        frozen = clone(FrozenEstimator(fitted)).fit(form[:8], y[:8])
        assert_same(frozen.predict(form), fitted.predict(X))
        assert frozen.score(form, y) == fitted.score(X, y)


def test_voting_of_classifiers(ragged):
    models = [("gru", RNNClassifier(**FAST)), ("lstm", RNNClassifier(**FAST, cell="lstm"))]
    model = VotingClassifier(models, voting="soft", weights=[2, 1]).fit(
        ragged, LETTERS, sample_weight=np.arange(N)
    )
    gru, lstm = (m.fit(RAGGED, LETTERS, sample_weight=np.arange(N)).predict_proba(RAGGED) for _, m in models)
    np.testing.assert_allclose(model.predict_proba(ragged), (2 * gru + lstm) / 3, rtol=1e-6)
    assert (gru != RNNClassifier(**FAST).fit(RAGGED, LETTERS).predict_proba(RAGGED)).any()
    assert VotingClassifier(models).fit(ragged, LETTERS).predict(ragged).shape == (N,)


def test_voting_of_regressors(ragged):
    models = [("gru", RNNRegressor(**FAST)), ("lstm", RNNRegressor(**FAST, cell="lstm"))]
    model = VotingRegressor(models).fit(ragged, SUMS)
    gru, lstm = (m.fit(RAGGED, SUMS).predict(RAGGED) for _, m in models)
    np.testing.assert_allclose(model.predict(ragged), (gru + lstm) / 2, rtol=1e-6)
    several = MultiOutputRegressor(VotingRegressor(models)).fit(ragged, SEVERAL_NUMBERS)
    np.testing.assert_array_equal(several.predict(ragged)[:, 0], model.predict(ragged))


def test_stacking_of_classifiers(ragged):
    models = [("gru", RNNClassifier(**FAST)), ("lstm", RNNClassifier(**FAST, cell="lstm"))]
    model = StackingClassifier(models, LogisticRegression(), cv=2).fit(ragged, LETTERS)
    np.testing.assert_array_equal(
        model.transform(ragged), np.hstack([m.fit(RAGGED, LETTERS).predict_proba(RAGGED) for _, m in models])
    )
    prefit = StackingClassifier([(k, m.fit(ragged, LETTERS)) for k, m in models], cv="prefit")
    assert prefit.fit(ragged, LETTERS).predict(ragged).shape == (N,)
    three_labels = np.column_stack([SEVERAL_LABELS, IS_HIGH])
    several = StackingClassifier(models, MultiOutputClassifier(LogisticRegression()), cv=2)
    assert several.fit(ragged, three_labels).predict(ragged).shape == (N, 3)
    assert several.transform(ragged).shape == (N, 6)


def test_stacking_of_regressors(ragged):
    models = [("gru", RNNRegressor(**FAST)), ("lstm", RNNRegressor(**FAST, cell="lstm"))]
    model = StackingRegressor(models, Ridge(), cv=2).fit(ragged, SUMS)
    np.testing.assert_array_equal(
        model.transform(ragged), np.column_stack([m.fit(RAGGED, SUMS).predict(RAGGED) for _, m in models])
    )
    several = MultiOutputRegressor(StackingRegressor(models, Ridge(), cv=2)).fit(ragged, SEVERAL_NUMBERS)
    assert several.predict(ragged).shape == (N, 2)


def cube(x):
    return x**3


@pytest.mark.parametrize("y", [SUMS, SEVERAL_NUMBERS], ids=["one", "several"])
def test_transformed_target(ragged, y):
    model = TransformedTargetRegressor(RNNRegressor(**FAST), func=np.cbrt, inverse_func=cube)
    model.fit(ragged, y)
    by_hand = RNNRegressor(**FAST).fit(RAGGED, np.cbrt(y)).predict(RAGGED)
    np.testing.assert_allclose(model.predict(ragged), by_hand**3, rtol=1e-6)
    assert model.predict(ragged).shape == y.shape


def test_one_network_an_output(ragged):
    single = RNNClassifier(**FAST).fit(RAGGED, SEVERAL_LABELS[:, 1]).predict_proba(RAGGED)
    several = MultiOutputClassifier(RNNClassifier(**FAST)).fit(ragged, SEVERAL_LABELS)
    np.testing.assert_array_equal(several.predict_proba(ragged)[1], single)
    rest = OneVsRestClassifier(RNNClassifier(**FAST)).fit(ragged, SEVERAL_LABELS)
    np.testing.assert_array_equal(rest.predict_proba(ragged)[:, 1], single[:, 1])
    letters = OneVsRestClassifier(RNNClassifier(**FAST)).fit(ragged, LETTERS)
    assert set(letters.predict(ragged)) <= set("abc")
    numbers = MultiOutputRegressor(RNNRegressor(**FAST)).fit(ragged, SEVERAL_NUMBERS)
    by_hand = RNNRegressor(**FAST).fit(RAGGED, SUMS).predict(RAGGED)
    np.testing.assert_array_equal(numbers.predict(ragged)[:, 0], by_hand)


def test_thresholds(ragged):
    y = np.array(["low", "up"])[IS_HIGH]
    model = RNNClassifier(**FAST).fit(RAGGED, y)
    chance = model.predict_proba(RAGGED)[:, 1]
    threshold = np.median(chance)
    fixed = FixedThresholdClassifier(RNNClassifier(**FAST), threshold=threshold, pos_label="up")
    np.testing.assert_array_equal(fixed.fit(ragged, y).predict(ragged) == "up", chance >= threshold)
    tuned = TunedThresholdClassifierCV(RNNClassifier(**FAST), scoring="balanced_accuracy", cv=2)
    tuned.fit(ragged, y)
    np.testing.assert_array_equal(tuned.predict(ragged) == "up", chance >= tuned.best_threshold_)


# Meta-estimators that ask for a table. Bagging: a column with a sequence in each cell


@pytest.mark.parametrize(
    "X",
    [RAGGED, WORDS, ["ab", "c"], [np.array([1, 2]), np.array([3])]],
    ids=["numbers", "words", "characters", "codes"],
)
def test_a_column_is_read_as_its_sequences(X):
    column = as_column(X)
    assert column.shape == (len(X), 1)
    assert column.dtype.kind == "O"
    assert array_shape(column) is None
    wanted = as_sequences(X)
    cells_are_lists = object_array([list(cell) for cell in column[:, 0]])[:, np.newaxis]
    for form in (column, pd.DataFrame({"sequence": column[:, 0]}), cells_are_lists):
        read = as_sequences(form)
        np.testing.assert_array_equal(read.values, wanted.values)
        np.testing.assert_array_equal(read.offsets, wanted.offsets)


def test_a_column_is_a_view_and_leaves_missing_values_to_later_stations():
    sequences = as_sequences(RAGGED)
    assert np.shares_memory(as_column(sequences)[3, 0], sequences.values)
    assert np.isnan(as_column([[np.nan, 1.0], [2.0]])[0, 0][0, 0])
    padded = as_sequences(as_column([[1.0, 0.0], [2.0, 3.0]]), padding_value=0)
    assert padded.lengths.tolist() == [1, 2]


@pytest.mark.parametrize("X", [np.array([["ab"], ["c"]], dtype=object), np.array([["ab"], ["c"]])])
def test_a_column_of_str_is_words_as_before(X):
    assert as_sequences(X).values.tolist() == ["ab", "c"]
    np.testing.assert_array_equal(as_sequences(np.array([[1], [2.5]], object)).values, [[1], [2.5]])


def test_bagging_of_classifiers(ragged):
    bag = BaggingClassifier(RNNClassifier(**FAST), n_estimators=15, oob_score=True, random_state=0)
    model = make_pipeline(FunctionTransformer(as_column), bag).fit(ragged, LETTERS)
    members = [member.predict_proba(RAGGED) for member in bag.estimators_]
    np.testing.assert_allclose(model.predict_proba(ragged), np.mean(members, axis=0), rtol=1e-6)
    drawn = np.bincount(bag.estimators_samples_[0], minlength=N)
    by_hand = clone(bag.estimators_[0]).fit(RAGGED, CODES, sample_weight=drawn)
    np.testing.assert_array_equal(members[0], by_hand.predict_proba(RAGGED))
    np.testing.assert_allclose(bag.oob_decision_function_.sum(axis=1), 1, rtol=1e-6)
    assert (members[0] != members[1]).any()


@pytest.mark.parametrize("y", [SUMS, SEVERAL_NUMBERS], ids=["one", "several"])
def test_bagging_of_regressors(ragged, y):
    bag = BaggingRegressor(RNNRegressor(**FAST), n_estimators=3, random_state=0)
    model = make_pipeline(FunctionTransformer(as_column), bag).fit(ragged, y)
    members = [member.predict(RAGGED) for member in bag.estimators_]
    np.testing.assert_allclose(model.predict(ragged), np.mean(members, axis=0), rtol=1e-6)
    assert model.predict(ragged).shape == y.shape
    assert np.isfinite(cross_val_score(model, ragged, y, cv=2)).all()


def test_bagging_with_a_scaler_inside_a_table_and_a_search():
    table = pd.DataFrame({"sequence": RAGGED})
    inner = make_pipeline(StepTransformer(StandardScaler()), RNNClassifier(**FAST))
    bag = BaggingClassifier(inner, n_estimators=2, random_state=0).fit(table, LETTERS)
    inside = bag.estimators_[0]
    assert inside[0].transformer_.mean_.shape == (2,)
    assert inside[-1].n_features_in_ == 2
    outside = make_pipeline(StepTransformer(StandardScaler()), FunctionTransformer(as_column), clone(bag))
    grid = {"baggingclassifier__estimator__rnnclassifier__cell": ["elman", "gru"]}
    assert np.isfinite(GridSearchCV(outside, grid, cv=2).fit(RAGGED, LETTERS).best_score_)


def test_bagging_of_texts_in_which_a_class_may_be_missing():
    X, y = ["abc", "de", "fg", "haa", "ab", "ee"] * 4, list("xyyxzy") + list("xyyxyy") * 3
    bag = BaggingClassifier(RNNClassifier(**FAST), n_estimators=6, random_state=0)
    model = make_pipeline(FunctionTransformer(as_column), bag).fit(X, y)
    assert {len(member.classes_) for member in bag.estimators_} == {2, 3}
    np.testing.assert_allclose(model.predict_proba(["abc", "h"]).sum(axis=1), 1, rtol=1e-6)


# Boosting: a padded array


@pytest.mark.parametrize("cls", [AdaBoostClassifier, AdaBoostRegressor])
def test_boosting_on_a_padded_array(ragged, cls):
    is_classifier = cls is AdaBoostClassifier
    inner = RNNClassifier if is_classifier else RNNRegressor
    y = IS_HIGH if is_classifier else SUMS
    boost = cls(inner(**FAST | {"max_iter": 10}, padding_value=0.0), n_estimators=3, random_state=0)
    model = make_pipeline(SequencePadder(padding_value=0.0), boost).fit(ragged, y)
    assert len(boost.estimators_) > 0
    assert model.score(ragged, y) > (0.7 if is_classifier else 0)
    first = boost.estimators_[0]
    assert_same(first.predict(RAGGED), first.predict(model[0].transform(ragged)))
    if is_classifier:  # the regressor draws sequences instead
        by_hand = clone(first).fit(RAGGED, y, sample_weight=np.full(N, 1 / N))
        np.testing.assert_array_equal(first.predict_proba(RAGGED), by_hand.predict_proba(RAGGED))


# What asks for a table of numbers: padding, laid flat

N_STEPS = 6


def flatten(X):
    return X.reshape(len(X), -1)


def make_flat(tool, model):
    """Pad and flatten for the tool; inside, undo that."""
    inside = make_pipeline(FunctionTransformer(lambda X: np.reshape(X, (-1, N_STEPS, 2))), model)
    return make_pipeline(
        SequencePadder(padding_value=0.0, n_steps=N_STEPS), FunctionTransformer(flatten), tool(inside)
    )


def test_one_against_one_on_a_flat_padded_array(ragged):
    network = RNNClassifier(**FAST, padding_value=0.0)
    model = make_flat(OneVsOneClassifier, network).fit(ragged, IS_HIGH)
    by_hand = clone(network).fit(RAGGED, IS_HIGH)
    inner = model[-1].estimators_[0][-1]
    np.testing.assert_array_equal(inner.predict_proba(RAGGED), by_hand.predict_proba(RAGGED))
    np.testing.assert_array_equal(model.predict(ragged), by_hand.predict(RAGGED))


def test_self_training_on_a_flat_padded_array(ragged):
    network = RNNClassifier(**FAST | {"max_iter": 40}, padding_value=0.0)
    model = make_flat(partial(SelfTrainingClassifier, criterion="k_best", k_best=6, max_iter=2), network)
    y = np.where(np.arange(N) % 4 < 2, IS_HIGH, -1)
    model.fit(ragged, y)
    assert (model[-1].transduction_ != -1).sum() == (y != -1).sum() + 12
    assert accuracy_score(IS_HIGH, model.predict(ragged)) > 0.7


def test_permutation_importance_of_the_steps_of_equal_series():
    rng = np.random.RandomState(0)
    X = rng.randn(60, 4)
    y = (X[:, 2] > 0).astype(int)
    model = make_pipeline(
        StepTransformer(StandardScaler()),
        RNNClassifier(hidden_size=8, max_iter=40, learning_rate=0.02, random_state=0),
    )
    result = permutation_importance(model.fit(X, y), X, y, n_repeats=3, random_state=0)
    assert result.importances_mean.argmax() == 2
    assert result.importances_mean[2] > 0.2


def test_chains_append_their_answers_as_steps_to_equal_series():
    X = np.random.RandomState(0).randn(N, 4)
    chain = ClassifierChain(RNNClassifier(**FAST)).fit(X, SEVERAL_LABELS)
    assert [model.n_features_in_ for model in chain.estimators_] == [4, 5]
    assert chain.predict(X).shape == (N, 2)
    chain = RegressorChain(RNNRegressor(**FAST)).fit(X, SEVERAL_NUMBERS)
    assert [model.n_features_in_ for model in chain.estimators_] == [4, 5]
    assert np.isfinite(chain.predict(X)).all()


# Metadata routing


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def scaled(model, **options):
    return Pipeline([("scale", StepTransformer(StandardScaler())), ("rnn", model)], **options)


@needs_scikit_learn("1.7", "asks for a request of the pipeline itself")
def test_weights_and_groups_are_routed(routing, case):
    model, X, y = case
    model = clone(model).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    X = [np.ones((len(x), 2)) if isinstance(x[0], str) else x for x in X]  # a scaler takes numbers
    weights = np.where(np.arange(N) % 3 == 0, 0.0, 1.0 + np.arange(N) % 2)

    def run(form):
        result = cross_validate(
            scaled(model), form, y, cv=GroupKFold(2), params={"sample_weight": weights, "groups": GROUPS},
            return_estimator=True, return_indices=True, error_score="raise",
        )  # fmt: skip
        train, test = result["indices"]["train"][0], result["indices"]["test"][0]
        assert not set(GROUPS[train]) & set(GROUPS[test])
        by_hand = scaled(clone(model)).fit(
            [X[i] for i in train], rows_of(y, train), sample_weight=weights[train]
        )
        test_x = [X[i] for i in test]
        assert_same(result["estimator"][0].predict(test_x), by_hand.predict(test_x))
        wanted = by_hand.score(test_x, rows_of(y, test), sample_weight=weights[test])
        assert result["test_score"][0] == wanted
        search = GridSearchCV(scaled(model), {"rnn__cell": ["elman", "gru"]}, cv=GroupKFold(2))
        search.fit(form, y, sample_weight=weights, groups=GROUPS)
        return search.cv_results_["mean_test_score"]

    assert np.isfinite(give_for_all_forms(X, run)).all()


def test_weights_of_steps_are_routed(routing):
    model = RNNTagger(**FAST).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    weights = [np.arange(n) + 1.0 for n in LENGTHS]
    result = cross_validate(
        model, RAGGED, SIGNS, cv=2, params={"sample_weight": weights}, return_estimator=True
    )
    half = N // 2
    by_hand = clone(model).fit(RAGGED[half:], SIGNS[half:], sample_weight=weights[half:])
    is_right = np.concatenate(by_hand.predict(RAGGED[:half])) == np.concatenate(SIGNS[:half])
    wanted = np.average(is_right, weights=np.concatenate(weights[:half]))
    assert result["test_score"][0] == pytest.approx(wanted, rel=1e-9)
    assert wanted != is_right.mean()


def test_weights_that_nobody_asked_for_are_an_error(routing):
    with pytest.raises(ValueError, match=r"sample_weight'?\] are passed .*but are not explicitly set"):
        cross_validate(RNNClassifier(), RAGGED, LETTERS, params={"sample_weight": np.ones(N)})


def test_a_scorer_is_given_weights(routing):
    weights = np.where(np.arange(N) % 2, 1.0, 1e-9)
    scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
    model = RNNClassifier(**FAST).set_fit_request(sample_weight=False)
    weighed = cross_validate(
        model, RAGGED, IS_HIGH, cv=2, scoring=scorer, params={"sample_weight": weights},
        return_estimator=True, return_indices=True,
    )  # fmt: skip
    test = weighed["indices"]["test"][0]
    of_odd = [i for i in test if i % 2]
    wanted = np.mean(weighed["estimator"][0].predict([RAGGED[i] for i in of_odd]) == 1)
    assert weighed["test_score"][0] == pytest.approx(wanted, abs=1e-6)


class Watching(RNNClassifier):
    """Writes down which groups its fit was given."""

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, validation_groups=None):
        self.groups_ = validation_groups
        return super().fit(X, y, sample_weight, X_val=X_val, y_val=y_val, validation_groups=validation_groups)


def test_validation_groups_are_cut_as_the_training_sequences(routing, ragged):
    model = Watching(**FAST, early_stopping=True, validation_fraction=0.4)
    model.set_fit_request(validation_groups=True)
    result = cross_validate(
        scaled(model), ragged, IS_HIGH, cv=GroupKFold(3), return_estimator=True, return_indices=True,
        params={"validation_groups": GROUPS, "groups": GROUPS}, error_score="raise",
    )  # fmt: skip
    for fitted, train in zip(result["estimator"], result["indices"]["train"], strict=True):
        np.testing.assert_array_equal(fitted[-1].groups_, GROUPS[train])
        assert len(fitted[-1].validation_scores_) == FAST["max_iter"]
    search = GridSearchCV(scaled(model), {"rnn__cell": ["gru"]}, cv=GroupKFold(3))
    search.fit(ragged, IS_HIGH, validation_groups=GROUPS, groups=GROUPS)
    np.testing.assert_array_equal(search.best_estimator_[-1].groups_, GROUPS)


@pytest.mark.parametrize("name", CASES)
def test_data_to_validate_on_pass_through_the_transformer(routing, name):
    model, X, y = CASES[name]
    X = [np.eye(3)[[len(w) % 3 for w in x]] for x in X] if isinstance(X[0][0], str) else X
    model = clone(model).set_params(scoring=None).set_fit_request(X_val=True, y_val=True)
    fit, rest = slice(0, 16), slice(16, None)
    for form in forms_of([100 + 3 * x for x in X]).values():
        pipe = scaled(model, transform_input=["X_val"])
        pipe.fit(form[fit], y[fit], X_val=form[rest], y_val=y[rest])
        scaler = pipe[0]
        by_hand = clone(model).fit(
            scaler.transform(form[fit]), y[fit], X_val=scaler.transform(form[rest]), y_val=y[rest]
        )
        assert pipe[-1].validation_scores_ == by_hand.validation_scores_
        last = pipe[-1].validation_scores_[-1]
        assert last == pytest.approx(pipe.score(form[rest], y[rest]), rel=1e-6)
        search = GridSearchCV(pipe, {"rnn__cell": ["elman", "gru"]}, cv=2, error_score="raise")
        search.fit(form[fit], y[fit], X_val=form[rest], y_val=y[rest])
        last = search.best_estimator_[-1].validation_scores_[-1]
        assert last == pytest.approx(search.score(form[rest], y[rest]), rel=1e-6)


def test_routing_needs_no_setting_where_steps_are_named():
    model = scaled(RNNClassifier(**FAST, early_stopping=True, validation_fraction=0.4))
    search = GridSearchCV(model, {"rnn__cell": ["elman", "gru"]}, cv=2, error_score="raise")
    search.fit(RAGGED, IS_HIGH, rnn__validation_groups=GROUPS, rnn__sample_weight=np.ones(N))
    assert len(search.best_estimator_[-1].validation_scores_) == FAST["max_iter"]


def test_routing_through_meta_estimators(routing, ragged):
    weights = 1.0 + np.arange(N) % 3
    classifier = RNNClassifier(**FAST).set_fit_request(sample_weight=True)
    regressor = RNNRegressor(**FAST).set_fit_request(sample_weight=True)
    by_hand = clone(regressor).fit(RAGGED, SUMS, sample_weight=weights).predict(RAGGED)
    assert (by_hand != clone(regressor).fit(RAGGED, SUMS).predict(RAGGED)).any()
    target = TransformedTargetRegressor(regressor, transformer=FunctionTransformer())
    np.testing.assert_allclose(
        target.fit(ragged, SUMS, sample_weight=weights).predict(ragged), by_hand, rtol=1e-6
    )
    vote = VotingRegressor([("gru", regressor)]).fit(ragged, SUMS, sample_weight=weights)
    np.testing.assert_array_equal(vote.predict(ragged), by_hand)
    final = LogisticRegression().set_fit_request(sample_weight=False)
    stack = StackingClassifier([("gru", classifier)], final, cv=2)
    stack.fit(ragged, LETTERS, sample_weight=weights)
    by_hand = clone(classifier).fit(RAGGED, LETTERS, sample_weight=weights).predict_proba(RAGGED)
    np.testing.assert_array_equal(stack.transform(ragged), by_hand)


# Workers: one process of its own, in which the number of threads is not set to 1 as it is for the other tests

IN_WORKERS = """
    import json, sys
    import joblib, numpy as np, torch
    from sklearn.model_selection import cross_validate
    from skorch.callbacks import Callback
    from sklearn_rnn import RNNClassifier

    class Threads(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("threads", torch.get_num_threads())

    rng = np.random.RandomState(0)
    X = [rng.randint(10**6, size=60) for i in range(8)]  # integers that are no tokens, of which fit warns
    y = np.arange(8) % 2
    model = RNNClassifier(hidden_size=3, max_iter=1, callbacks=[Threads()], random_state=0)
    found = {"alone": [model.fit(X, y).history_[0]["threads"]]}  # before any fork
    for backend in ("threading", "multiprocessing", "loky"):
        print("begin", backend, file=sys.stderr, flush=True)
        with joblib.parallel_config(backend):
            result = cross_validate(model, X, y, cv=4, n_jobs=2, return_estimator=True)
            found[backend] = [fitted.history_[0]["threads"] for fitted in result["estimator"]]
            bad = RNNClassifier(class_weight={"1": 2.0, "2": 1.0})  # y has other labels
            try:
                cross_validate(bad, X, y, cv=2, n_jobs=2, error_score="raise")
            except Exception as error:
                found[backend + " error"] = [type(error).__name__, str(error)]
    found["afterwards"] = [torch.get_num_threads()]
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def in_workers():
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(IN_WORKERS)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), result.stderr


BACKENDS = ["loky", "threading", "multiprocessing"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_workers_times_threads_is_at_most_the_number_of_cores(in_workers, backend):
    found, _ = in_workers
    if found["alone"] == [1]:
        pytest.skip("torch has one thread only")
    assert len(found[backend]) == 4
    assert 2 * max(found[backend]) <= joblib.cpu_count()
    assert found["afterwards"] == found["alone"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_errors_in_workers_come_back_as_themselves(in_workers, backend):
    kind, message = in_workers[0][f"{backend} error"]
    assert kind == "ValueError"
    assert message.startswith("class_weight has the labels ['1', '2']; none of them is in y")


@pytest.mark.parametrize("backend", BACKENDS)
def test_warnings_in_workers_are_not_hidden(in_workers, backend):
    while_it_ran = in_workers[1].partition(f"begin {backend}\n")[2].partition("begin ")[0]
    assert "UserWarning: X holds integers, which are read as tokens" in while_it_ran


def test_optuna_samples_and_prunes():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    train, valid = slice(0, 16), slice(16, None)

    def objective(trial):
        network = RNNClassifier(
            cell=trial.suggest_categorical("cell", ["elman", "gru"]),
            hidden_size=trial.suggest_int("hidden_size", 2, 8, log=True),
            learning_rate=trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
            random_state=0,
        )
        for epoch in range(3):
            network.partial_fit(RAGGED[train], IS_HIGH[train])
            score = network.score(RAGGED[valid], IS_HIGH[valid])
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned()
        return score

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
    )  # fmt: skip
    study.optimize(objective, n_trials=6)
    assert study.best_value > 0.5
    assert set(study.best_params) == {"cell", "hidden_size", "learning_rate"}
