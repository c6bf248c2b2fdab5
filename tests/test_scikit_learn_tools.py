"""scikit-learn's tools around the estimators, on ragged sequences as they are."""

import copy

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger, Sequences
from sklearn_rnn.data import as_sequences
from sklearn_rnn.datasets import load_japanese_vowels, make_person_sentences
from sklearn_rnn.preprocessing import SequencePadder, StepTransformer

FAST = {"hidden_size": 16, "max_iter": 15, "learning_rate": 0.01, "random_state": 0}


@pytest.fixture(scope="module", params=["list", "object array", "Sequences"])
def vowels(request):
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    if request.param == "object array":
        rows = np.empty(len(X), dtype=object)
        rows[:] = X
        return rows, y
    return (as_sequences(X) if request.param == "Sequences" else X), y


def make_model(**parameters):
    return make_pipeline(StepTransformer(StandardScaler()), RNNClassifier(**(FAST | parameters)))


def test_train_test_split(vowels):
    X, y = vowels
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    model = make_model().fit(X_train, y_train)
    assert model.score(X_test, y_test) > 0.8
    assert model.predict_proba(X_test).shape == (len(y_test), 9)


def test_kfold(vowels):
    X, y = vowels
    for train, test in KFold(2, shuffle=True, random_state=0).split(X):
        model = make_model(max_iter=2).fit([X[i] for i in train], y[train])
        assert len(model.predict([X[i] for i in test])) == len(test)


def test_cross_validate(vowels):
    X, y = vowels
    result = cross_validate(
        make_model(), X, y, cv=2, scoring=["accuracy", "f1_macro"], return_train_score=True
    )
    assert result["test_accuracy"].min() > 0.7
    assert result["train_accuracy"].min() > 0.8


def test_cross_val_predict(vowels):
    X, y = vowels
    cv = StratifiedKFold(2, shuffle=True, random_state=0)
    assert np.mean(cross_val_predict(make_model(), X, y, cv=cv) == y) > 0.7
    probabilities = cross_val_predict(make_model(max_iter=2), X, y, cv=cv, method="predict_proba")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_learning_curve(vowels):
    X, y = vowels
    sizes, _, test_scores = learning_curve(
        make_model(), X, y, cv=2, train_sizes=[0.3, 1.0], shuffle=True, random_state=0
    )
    assert sizes[0] < sizes[1]
    assert test_scores[1].mean() > test_scores[0].mean()


def test_grid_search_in_two_processes():
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    grid = {"rnnclassifier__cell": ["elman", "gru"], "rnnclassifier__max_iter": [1, 15]}
    search = GridSearchCV(make_model(), grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_["rnnclassifier__max_iter"] == 15
    assert search.best_score_ > 0.7
    one_process = GridSearchCV(make_model(), grid, cv=2).fit(X, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], one_process.cv_results_["mean_test_score"], atol=0.02
    )


def test_randomized_search_over_a_tagger():
    X, y = make_person_sentences(60, random_state=0)
    tagger = RNNTagger(**(FAST | {"max_iter": 3}))
    search = RandomizedSearchCV(tagger, {"bidirectional": [True, False]}, n_iter=2, cv=2, random_state=0)
    assert search.fit(X, y).best_score_ > 0.5


def test_cross_validation_of_a_tagger_needs_no_help():
    X, y = make_person_sentences(60, random_state=0)
    tagger = RNNTagger(**(FAST | {"max_iter": 3}))
    assert not is_classifier(tagger)
    assert cross_val_score(tagger, X, y, cv=3).shape == (3,)
    predicted = cross_val_predict(tagger, X, y, cv=3)
    assert [len(p) for p in predicted] == [len(x) for x in X]


def test_a_scorer_of_ones_own_for_a_tagger():
    X, y = make_person_sentences(60, random_state=0)

    def name_f1(y_true, y_pred):
        return f1_score(np.concatenate(y_true), np.concatenate(y_pred), pos_label="PER", zero_division=0.0)

    scores = cross_val_score(RNNTagger(**(FAST | {"max_iter": 3})), X, y, cv=2, scoring=make_scorer(name_f1))
    assert np.isfinite(scores).all()


def test_padding_in_a_pipeline_changes_nothing():
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    plain = make_model(max_iter=3).fit(X, y)
    padded = make_pipeline(
        StepTransformer(StandardScaler()),
        SequencePadder(padding_value=np.nan),
        RNNClassifier(**(FAST | {"max_iter": 3, "padding_value": np.nan})),
    ).fit(X, y)
    np.testing.assert_array_equal(plain.predict_proba(X), padded.predict_proba(X))


def test_multi_output_regressor():
    rng = np.random.RandomState(0)
    X = rng.rand(20, 5)
    y = np.column_stack([X.sum(axis=1), X[:, -1]])
    model = MultiOutputRegressor(RNNRegressor(**FAST)).fit(X, y)
    assert model.predict(X).shape == (20, 2)


@pytest.mark.filterwarnings("ignore:y holds 4 labels, one a sequence, which RNNTagger takes")
@pytest.mark.parametrize("cls", [RNNClassifier, RNNRegressor, RNNTagger])
def test_repr_html_and_clone(cls):
    estimator = cls(hidden_size=3, cell="lstm")
    assert "hidden_size=3" in repr(estimator)
    assert "hidden_size" in estimator._repr_html_()
    fitted = copy.deepcopy(estimator).set_params(max_iter=1).fit(np.eye(4), [0, 1, 0, 1])
    assert "max_iter=1" in repr(fitted)
    assert "hidden_size" in fitted._repr_html_()
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    assert not hasattr(again, "module_")


def test_sequences_are_indexed_by_splitters_without_a_copy_of_all():
    X = Sequences.from_lengths(np.arange(12.0)[:, np.newaxis], [3, 4, 5])
    train, test = train_test_split(X, test_size=1, random_state=0)
    assert len(train) == 2
    assert np.shares_memory(test[0], X.values)
