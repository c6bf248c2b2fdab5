"""Hidden states as features: those of the estimator, for any scikit-learn model behind them."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger, Sequences
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.preprocessing import SequenceFeatures, StepTransformer

SMALL = {"hidden_size": 4, "max_iter": 3, "random_state": 0}
CHECKED = [
    SequenceFeatures(RNNRegressor(**SMALL)),
    SequenceFeatures(RNNRegressor(batch_size="all", dtype="float64", **SMALL)),
]


def expected_failed_checks(features):
    if features.estimator.batch_size == "all":
        return {}
    reason = "A sequence of weight 2 is in one batch, the two sequences that it stands for can be in two."
    return {"check_sample_weight_equivalence_on_dense_data": reason}


@pytest.mark.filterwarnings("ignore:X has features far from mean 0")  # many checks have a mean of 100
@parametrize_with_checks(CHECKED, expected_failed_checks=expected_failed_checks)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", CHECKED, ids=["batches", "one batch"])
def test_there_are_common_checks(estimator):
    assert len(list(estimator_checks_generator(estimator))) > 40


@pytest.fixture
def arrays(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    return [rng.normal(size=(n, 2)).astype(np.float32) for n in rng.randint(1, 8, size=30)]


@pytest.fixture
def labels(arrays):
    return np.array(["low", "high"])[[int(x.sum() > 0) for x in arrays]]


FORMS = {
    "list": list,
    "object array": lambda arrays: np.array([*arrays, None], dtype=object)[:-1],
    "Sequences": lambda arrays: Sequences.from_lengths(np.concatenate(arrays), [len(x) for x in arrays]),
    "Series": lambda arrays: pd.Series(arrays, index=np.arange(len(arrays)) + 0.5),
    "masked": lambda arrays: np.ma.masked_equal(FORMS["Sequences"](arrays).to_padded(-99), -99),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_step", [None, False])
def test_features_are_the_hidden_states(arrays, labels, form, per_step):
    X = FORMS[form](arrays)
    features = SequenceFeatures(RNNClassifier(bidirectional=True, **SMALL), per_step=per_step).fit(X, labels)
    expected = RNNClassifier(bidirectional=True, **SMALL).fit(arrays, labels).hidden_states(arrays)
    transformed = features.transform(X)
    assert transformed.shape == (30, 8)
    np.testing.assert_array_equal(transformed, expected, strict=True)
    assert not hasattr(features.estimator, "module_")  # it was cloned
    assert features.n_features_in_ == 2
    again = SequenceFeatures(RNNClassifier(bidirectional=True, **SMALL), per_step=per_step)
    np.testing.assert_array_equal(again.fit_transform(X, labels), expected, strict=True)


def test_tokens():
    X, y = ["abc", "b", "cab", "ba"] * 5, [0, 1, 0, 1] * 5
    features = SequenceFeatures(RNNClassifier(embedding_size=3, **SMALL)).fit(X, y)
    assert features.transform(X).shape == (20, 4)
    np.testing.assert_array_equal(features.transform(X)[:4], features.transform(X[:4]))
    assert get_tags(features).input_tags.string
    assert get_tags(features).target_tags.required


# Features of steps


def test_features_of_the_steps_of_a_tagger(arrays):
    y = [(x[:, 0] > 0).astype(int) for x in arrays]
    features = SequenceFeatures(RNNTagger(**SMALL)).fit(arrays, y)
    transformed = features.transform(arrays)
    assert isinstance(transformed, Sequences)
    assert transformed.values.dtype == np.float32
    expected = features.estimator_.hidden_states(arrays)
    for ours, theirs in zip(transformed, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)
    stacked = make_pipeline(features, StepTransformer(PCA(2)), RNNTagger(**SMALL)).fit(arrays, y)
    assert [len(labels) for labels in stacked.predict(arrays)] == [len(x) for x in arrays]
    per_sequence = SequenceFeatures(RNNTagger(**SMALL), per_step=False).fit(arrays, y)
    assert per_sequence.transform(arrays).shape == (30, 4)


def test_steps_of_one_array_are_one_array():
    X = np.random.RandomState(0).normal(size=(10, 5, 2))
    features = SequenceFeatures(RNNRegressor(**SMALL), per_step=True).fit(X, X[:, 0, 0])
    assert features.transform(X).shape == (10, 5, 4)
    assert features.transform(X).dtype == np.float32


@pytest.mark.parametrize("is_known_before", [True, False])
def test_steps_are_no_table(arrays, labels, is_known_before):
    if is_known_before:
        features, y = SequenceFeatures(RNNClassifier(**SMALL), per_step=True), labels
        assert not hasattr(features, "set_output")
    else:
        features, y = SequenceFeatures(RNNTagger(**SMALL)), [np.arange(len(x)) % 2 for x in arrays]
        assert hasattr(features, "set_output")
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(features.fit(arrays, y).transform(arrays), Sequences)
    assert not hasattr(features, "get_feature_names_out")
    assert not hasattr(features, "set_output")


# Names and tables


@pytest.mark.parametrize("freeze", [False, True])
def test_names_and_data_frames(arrays, labels, freeze):
    estimator = RNNClassifier(**SMALL)
    if freeze:
        estimator = FrozenEstimator(FrozenEstimator(estimator.fit(arrays, labels)))
    features = SequenceFeatures(estimator).set_output(transform="pandas")
    table = features.fit(arrays, labels).transform(arrays)
    names = [f"rnnclassifier{i}" for i in range(4)]
    assert table.columns.tolist() == features.get_feature_names_out().tolist() == names
    assert features.get_feature_names_out().dtype == object
    assert (table.dtypes == np.float32).all()
    np.testing.assert_array_equal(table, features.estimator_.hidden_states(arrays))


def test_names_that_go_in():
    table = pd.DataFrame(
        np.random.RandomState(0).normal(size=(8, 3)), columns=["a", "b", "c"], index=np.arange(8) + 5.5
    )
    features = SequenceFeatures(RNNRegressor(**SMALL))
    assert not hasattr(features, "n_features_in_") and not hasattr(features, "feature_names_in_")
    features.fit(table, np.arange(8.0))
    assert features.n_features_in_ == 3
    assert features.feature_names_in_.tolist() == ["a", "b", "c"]
    assert len(features.get_feature_names_out(["a", "b", "c"])) == 4
    with pytest.raises(ValueError, match="input_features"):
        features.get_feature_names_out(["a", "b"])
    features.fit(table.to_numpy(), np.arange(8.0))
    assert not hasattr(features, "feature_names_in_")


# What is fitted already


@pytest.mark.parametrize("way", ["prefit", "frozen"])
def test_fitted_already(arrays, labels, way):
    rnn = RNNClassifier(**SMALL).fit(arrays, labels)
    expected = rnn.hidden_states(arrays)
    features = (
        SequenceFeatures(rnn, prefit=True) if way == "prefit" else SequenceFeatures(FrozenEstimator(rnn))
    )
    features.fit(arrays, labels[::-1], sample_weight=np.arange(30))
    np.testing.assert_array_equal(features.transform(arrays), expected)
    np.testing.assert_array_equal(features.fit_transform(arrays[:3], None), expected[:3])
    np.testing.assert_array_equal(rnn.hidden_states(arrays), expected)


def test_what_is_fitted_already_may_be_fitted_anew(arrays, labels):
    rnn = RNNClassifier(**SMALL).fit(arrays, labels)
    features = SequenceFeatures(rnn, prefit=True).fit(arrays)
    expected = features.transform(arrays)
    rnn.set_params(hidden_size=7).fit(arrays, labels[::-1])
    np.testing.assert_array_equal(features.transform(arrays), expected)


def test_frozen_estimators_in_cross_validation(arrays, labels):
    rnn = RNNClassifier(**SMALL).fit(arrays, labels)
    model = make_pipeline(SequenceFeatures(FrozenEstimator(rnn)), LogisticRegression())
    assert np.isfinite(cross_val_score(model, arrays, labels, cv=2, error_score="raise")).all()
    with pytest.raises(
        NotFittedError, match=r"forgets what was fitted: pass SequenceFeatures\(FrozenEstimator"
    ):
        make_pipeline(clone(SequenceFeatures(rnn, prefit=True)), LogisticRegression()).fit(arrays, labels)
    for unfitted in (
        SequenceFeatures(FrozenEstimator(RNNClassifier())),
        SequenceFeatures(RNNClassifier(), prefit=True),
    ):
        with pytest.raises(NotFittedError):
            unfitted.fit(arrays, labels)


# What is wrong


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), RNNClassifier, GridSearchCV(RNNClassifier(), {}), make_pipeline(RNNClassifier())],
)
def test_estimators_without_hidden_states(arrays, labels, estimator):
    with pytest.raises(
        TypeError, match="estimator must have a method hidden_states, .* before SequenceFeatures"
    ):
        SequenceFeatures(estimator).fit(arrays, labels)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"prefit": "yes"}, "prefit must be True or False, but it is 'yes'"),
        ({"prefit": None}, "prefit must be True or False, but it is None"),
        ({"per_step": 1}, "per_step must be True or False, or None, but it is 1"),
    ],
)
def test_wrong_parameters(arrays, labels, parameters, message):
    with pytest.raises(TypeError, match=message):
        SequenceFeatures(RNNClassifier(), **parameters).fit(arrays, labels)


def test_not_fitted(arrays):
    with pytest.raises(NotFittedError):
        SequenceFeatures(RNNClassifier()).transform(arrays)
    with pytest.raises(NotFittedError):
        SequenceFeatures(RNNClassifier()).get_feature_names_out()


def test_wrong_width(arrays, labels):
    features = SequenceFeatures(RNNClassifier(**SMALL)).fit(arrays, labels)
    with pytest.raises(ValueError, match="X has 3 features, but RNNClassifier is expecting 2"):
        features.transform([np.ones((2, 3))])


# As a part of scikit-learn


def test_weights_are_passed_on(arrays, labels):
    weights = np.linspace(0, 3, num=30)
    expected = RNNClassifier(**SMALL).fit(arrays, labels, sample_weight=weights).hidden_states(arrays)
    features = SequenceFeatures(RNNClassifier(**SMALL)).fit(arrays, labels, sample_weight=weights)
    np.testing.assert_array_equal(features.transform(arrays), expected)
    assert (SequenceFeatures(RNNClassifier(**SMALL)).fit_transform(arrays, labels) != expected).any()
    model = make_pipeline(SequenceFeatures(RNNClassifier(**SMALL)), LogisticRegression())
    model.fit(arrays, labels, sequencefeatures__sample_weight=weights)
    np.testing.assert_array_equal(model[:1].transform(arrays), expected)
    with sklearn.config_context(enable_metadata_routing=True):
        features = SequenceFeatures(RNNClassifier(**SMALL)).set_fit_request(sample_weight=True)
        classifier = LogisticRegression().set_fit_request(sample_weight=False)
        model = make_pipeline(features, classifier).fit(arrays, labels, sample_weight=weights)
        np.testing.assert_array_equal(model[:1].transform(arrays), expected)


def by_name(features, classifier, X, y, given):
    return make_pipeline(features, classifier).fit(
        X, y, **{f"sequencefeatures__{name}": value for name, value in given.items()}
    )


def by_routing(features, classifier, X, y, given):
    with sklearn.config_context(enable_metadata_routing=True):
        features.set_fit_request(**dict.fromkeys(given, True))
        classifier.set_fit_request(sample_weight=False)
        return make_pipeline(features, classifier).fit(X, y, **given)


@pytest.mark.parametrize("fit", [by_name, by_routing])
@pytest.mark.parametrize("what", ["data", "groups", "groups and weights"])
def test_what_to_validate_on_is_passed_on(arrays, labels, fit, what):
    given = {
        "data": {"X_val": arrays[:6], "y_val": labels[:6]},
        "groups": {"validation_groups": np.arange(30) // 3},
        "groups and weights": {
            "validation_groups": np.arange(30) // 3,
            "sample_weight": np.linspace(1, 3, num=30),
        },
    }[what]
    rnn = RNNClassifier(**SMALL, early_stopping=True)
    expected, plain = rnn.fit(arrays, labels, **given).validation_scores_, clone(rnn).fit(arrays, labels)
    model = fit(SequenceFeatures(clone(rnn)), LogisticRegression(), arrays, labels, given)
    assert model[0].estimator_.validation_scores_ == expected
    np.testing.assert_array_equal(model[0].transform(arrays), rnn.hidden_states(arrays))
    assert plain.validation_scores_ != expected


def test_search_over_the_network_inside(arrays, labels):
    model = make_pipeline(SequenceFeatures(RNNClassifier(**SMALL)), RandomForestClassifier(5, random_state=0))
    grid = {"sequencefeatures__estimator__hidden_size": [2, 5], "randomforestclassifier__max_depth": [1, 3]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(arrays, labels)
    size = search.best_params_["sequencefeatures__estimator__hidden_size"]
    assert search.best_estimator_[0].estimator_.hidden_size == size
    assert search.best_estimator_[:1].transform(arrays).shape == (30, size)
    assert search.predict(arrays).shape == (30,)


@pytest.mark.parametrize("way", [pickle, copy])
def test_clone_and_copies(arrays, labels, way):
    features = SequenceFeatures(RNNClassifier(**SMALL)).fit(arrays, labels)
    again = pickle.loads(pickle.dumps(features)) if way is pickle else copy.deepcopy(features)
    np.testing.assert_array_equal(again.transform(arrays), features.transform(arrays))
    assert again.get_feature_names_out().tolist() == features.get_feature_names_out().tolist()
    assert clone(features).estimator.get_params() == features.estimator.get_params()
    assert not hasattr(clone(features), "estimator_")
    assert "SequenceFeatures" in features._repr_html_()


@pytest.mark.slow
def test_a_forest_on_features_is_as_good_as_the_network():
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    rnn = RNNClassifier(random_state=0)
    model = make_pipeline(
        StepTransformer(StandardScaler()), SequenceFeatures(rnn), RandomForestClassifier(random_state=0)
    ).fit(X, y)
    network = make_pipeline(StepTransformer(StandardScaler()), rnn).fit(X, y)
    assert model.score(X_test, y_test) > max(0.9, network.score(X_test, y_test) - 0.03)
