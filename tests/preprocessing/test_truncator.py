"""Cutting sequences: which steps are kept, of all forms."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from sklearn_rnn import RNNClassifier, Sequences
from sklearn_rnn.data import as_sequences
from sklearn_rnn.preprocessing import SequencePadder, SequenceTruncator, StepTransformer

CHECKED = [SequenceTruncator(3), SequenceTruncator(1, side="start"), SequenceTruncator(1000)]


@parametrize_with_checks(CHECKED)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", CHECKED)
def test_there_are_common_checks(estimator):
    assert len(list(estimator_checks_generator(estimator))) > 30


@pytest.fixture
def arrays(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    return [rng.normal(size=(n, 2)).astype(np.float32) for n in (3, 1, 5, 2)]


def cut(sequences, n_steps, side):
    return [list(x[:n_steps] if side == "end" else x[-n_steps:]) for x in sequences]


def to_lists(X):
    return [np.asarray(x).tolist() for x in X]


FORMS = {
    "list": list,
    "float64": lambda arrays: [x.astype(float) for x in arrays],
    "object array": lambda arrays: np.array([*arrays, None], dtype=object)[:-1],
    "Sequences": as_sequences,
    "masked": lambda arrays: np.ma.masked_invalid(as_sequences(arrays).to_padded(np.nan)),
}


@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize("n_steps", [1, 2, 4, 5, 9])
@pytest.mark.parametrize("form", FORMS)
def test_numbers(arrays, form, n_steps, side):
    X = FORMS[form](arrays)
    truncator = SequenceTruncator(n_steps, side=side)
    expected = to_lists(cut(arrays, n_steps, side))
    for result in (truncator.fit_transform(X), truncator.fit(X).transform(X)):
        assert isinstance(result, Sequences)
        assert to_lists(result) == expected
        assert result.values.dtype == (np.float64 if form in ("nested lists", "float64") else np.float32)
    assert truncator.n_features_in_ == 2


@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize(
    "X",
    [
        ["Schneider", "Li", "Ng", "O'Brien"],
        [["to", "be", "or", "not"], ["do"]],
        [["to", "be", "or"], ["do", "re", "mi"]],
        [np.array([5, 7, 5, 9]), np.array([1])],
        [[5, 7, 5], [9, 8, 7]],
    ],
)
def test_tokens(X, side):
    result = SequenceTruncator(2, side=side).fit_transform(X)
    assert isinstance(result, Sequences)
    assert result.is_tokens
    assert to_lists(result) == cut(X, 2, side)


@pytest.mark.parametrize("convert", [np.array, pd.DataFrame, lambda X: X.tolist()])
def test_tables(convert):
    X = convert(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    result = SequenceTruncator(2, side="start").fit_transform(X)
    assert type(result) is np.ndarray
    assert result.tolist() == [[2, 3], [5, 6]]
    assert SequenceTruncator(7).fit_transform(X).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_arrays_of_three_axes():
    X = np.arange(24.0).reshape(2, 4, 3)
    np.testing.assert_array_equal(SequenceTruncator(3).fit_transform(X), X[:, :3])
    np.testing.assert_array_equal(SequenceTruncator(1, side="start").fit_transform(X), X[:, 3:])


def test_arrays_of_words():
    X = np.array([["to", "be", "or"], ["do", "re", "mi"]])
    result = SequenceTruncator(2).fit_transform(X)
    assert type(result) is np.ndarray
    assert result.tolist() == [["to", "be"], ["do", "re"]]


def test_short_sequences_are_not_copied():
    X = as_sequences([[1.0, 2.0], [3.0]])
    assert SequenceTruncator(2).fit_transform(X).values is X.values


def test_missing_numbers_are_left_to_an_imputer():
    X = [[1.0, np.nan, 5.0], [3.0]]
    both = make_pipeline(SequenceTruncator(2), StepTransformer(SimpleImputer()))
    assert to_lists(both.fit_transform(X)) == [[[1.0], [2.0]], [[3.0]]]
    with pytest.raises(ValueError, match=r"X\[0\] has infinity"):
        SequenceTruncator(2).fit([[np.inf]])


def test_the_padder_cuts_the_same(arrays):
    for side in ("end", "start"):
        both = make_pipeline(SequenceTruncator(2, side=side), SequencePadder(n_steps=2))
        alone = SequencePadder(n_steps=2, truncate=side)
        np.testing.assert_array_equal(both.fit_transform(arrays), alone.fit_transform(arrays))


def test_feature_names(arrays):
    truncator = SequenceTruncator(2, side="start").fit(arrays)
    assert truncator.get_feature_names_out().tolist() == ["x0", "x1"]
    assert truncator.get_feature_names_out(["a", "b"]).tolist() == ["a", "b"]
    truncator.fit(pd.DataFrame([[1.0, 2.0, 3.0]], columns=["mon", "tue", "wed"]))
    assert truncator.get_feature_names_out().tolist() == ["tue", "wed"]
    assert truncator.set_params(side="end").get_feature_names_out().tolist() == ["mon", "tue"]
    assert SequenceTruncator(2).fit(["abc"]).get_feature_names_out().tolist() == ["x0"]


# As a part of scikit-learn


def test_search_over_the_number_of_steps():
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    X = [np.r_[np.full(2, label - 0.5), rng.normal(size=rng.integers(5, 9))] for label in y]
    network = RNNClassifier(cell="elman", hidden_size=4, max_iter=40, learning_rate=0.05, random_state=0)
    model = make_pipeline(SequenceTruncator(2), network)
    search = GridSearchCV(model, {"sequencetruncator__side": ["start", "end"]}, cv=2).fit(X, y)
    assert search.best_params_ == {"sequencetruncator__side": "end"}  # the class shows at the start
    assert search.best_score_ == 1


def test_clone_pickle_and_html(arrays):
    truncator = clone(SequenceTruncator(2).set_params(side="start")).fit(arrays)
    again = pickle.loads(pickle.dumps(truncator))
    assert to_lists(again.transform(arrays)) == to_lists(cut(arrays, 2, "start"))
    assert "SequenceTruncator" in truncator._repr_html_()


# What is wrong


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "n_steps must be an int of at least 1, but it is 0"),
        ({"n_steps": None}, TypeError, "n_steps must be an int of at least 1, but it is None"),
        ({"n_steps": True}, TypeError, "n_steps must be an int of at least 1, but it is True"),
        ({"n_steps": 2, "side": "ends"}, ValueError, r"side must be one of .* Did you mean 'end'\?"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_wrong_parameters(parameters, error, message, method):
    with pytest.raises(error, match=message):
        getattr(SequenceTruncator(**parameters), method)([[1.0, 2.0]])


def test_wrong_data(arrays):
    truncator = SequenceTruncator(2).fit(arrays)
    with pytest.raises(ValueError, match="X has 3 features, but SequenceTruncator is expecting 2 features"):
        truncator.transform([np.ones((2, 3))])
    with pytest.raises(TypeError, match="X holds text tokens, but SequenceTruncator was fitted on numbers"):
        truncator.transform(["ab"])
    with pytest.raises(
        TypeError, match="X holds numbers, but SequenceTruncator was fitted on integer tokens"
    ):
        truncator.fit([[1, 2]]).transform([[1.0]])
    with pytest.raises(ValueError, match=r"X\[1\] is empty"):
        truncator.fit(["ab", ""])


def test_integers_after_a_fit_on_floats_are_numbers():
    result = SequenceTruncator(1).fit([[1.0, 2.0], [3.0]]).transform([np.array([3, 4])])
    assert to_lists(result) == [[[3.0]]]


def test_not_fitted():
    with pytest.raises(NotFittedError):
        SequenceTruncator(2).transform([[1.0]])
