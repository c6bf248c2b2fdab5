"""What is refused, how it is said, and that a refused call changes nothing."""

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger

FAST = {"hidden_size": 4, "max_iter": 1, "random_state": 0}
X = [np.zeros((3, 2)), np.ones((2, 2))]
WORDS = [["to", "be"], ["not"]]


def state(estimator):
    return dict(vars(estimator))


@pytest.mark.parametrize("cls", [RNNClassifier, RNNRegressor])
@pytest.mark.parametrize(
    ("bad_X", "error", "message"),
    [
        ([np.zeros((3, 2)), np.zeros((2, 3))], ValueError, r"X\[1\] has 3 features, but X\[0\] has 2"),
        ([np.zeros((2, 5)), np.zeros((2, 4))], ValueError, "axes look exchanged"),
        ([np.zeros((3, 2)), np.full((2, 2), np.nan)], ValueError, r"X\[1\] has NaN at step 0"),
        ([np.zeros((3, 2)), np.full((2, 2), np.inf)], ValueError, r"X\[1\] has inf"),
        ([np.zeros((3, 2)), np.zeros((0, 2))], ValueError, r"X\[1\] is empty"),
        ([], ValueError, "no sequences"),
        ("to be", TypeError, "collection of sequences"),
        (7, TypeError, "collection of sequences"),
    ],
)
def test_bad_X(cls, bad_X, error, message):
    estimator = cls(**FAST)
    before = state(estimator)
    with pytest.raises(error, match=message):
        estimator.fit(bad_X, [0, 1])
    assert state(estimator) == before


@pytest.mark.parametrize(
    ("cls", "y", "message"),
    [
        (RNNClassifier, [0], "X has 2 sequences, y has 1"),
        (RNNClassifier, [0, np.nan], "NaN"),
        (RNNClassifier, [[0, 1, 1], [0, 1]], "Use RNNTagger"),
        (RNNRegressor, [0.0], "X has 2 sequences, y has 1"),
        (RNNRegressor, [0.0, np.inf], r"^y\[1\] has infinity; every target must be a finite number"),
        (
            RNNRegressor,
            [[0.0, np.nan, np.inf], [np.inf, 1.0]],
            r"^y\[0\] has NaN at step 1; .*number\.\ny\[1\] has infinity at step 0\.$",
        ),
        (RNNRegressor, np.array([[0.0, 1.0], [2.0, np.nan]]), r"^y\[1\] has NaN; every"),
        (RNNRegressor, ["a", "b"], "must hold numbers"),
        (RNNRegressor, [[1.0, 2.0], [3.0, 4.0]], r"y\[0\] has 2 targets, but X\[0\] has 3 steps"),
        (RNNTagger, [["a", "b", "c"]], "X has 2 sequences, y has 1"),
        (
            RNNTagger,
            [["a", "b"], ["a"]],
            r"y\[0\] has 2 targets, but X\[0\] has 3 steps\.\ny\[1\] has 1 target, ",
        ),
    ],
)
def test_bad_y(cls, y, message):
    estimator = cls(**FAST)
    before = state(estimator)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert state(estimator) == before


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"cell": "ltsm"}, ValueError, r"cell must be .*, but it is 'ltsm'\. Did you mean 'lstm'\?"),
        ({"cell": dict}, ValueError, "cell must be one of 'elman'"),
        ({"cell": torch.nn.LSTM}, ValueError, "subclass of Cell"),
        ({"pooling": "atention"}, ValueError, "Did you mean 'attention'?"),
        ({"optimizer": "adm"}, ValueError, "Did you mean 'adam'?"),
        ({"nonlinearity": "tahn"}, ValueError, "Did you mean 'tanh'?"),
        ({"hidden_size": 0}, ValueError, "hidden_size must be an int of at least 1, but it is 0"),
        (
            {"hidden_size": 2.5},
            TypeError,
            "hidden_size must be an int of at least 1, but it is 2.5 of type float",
        ),
        ({"hidden_size": True}, TypeError, "of type bool"),
        ({"dropout": 1.0}, ValueError, "dropout must be a number of at least 0 and less than 1"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be a number greater than 0"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate must be"),
        ({"batch_size": "al"}, ValueError, "Did you mean 'all'?"),
        ({"class_weight": "balance"}, ValueError, "Did you mean 'balanced'?"),
        (
            {"class_weight": {5: 1.0}},
            ValueError,
            r"class_weight has the labels \[5\]; none of them is in y, whose labels are \[0, 1\]",
        ),
        ({"embedding_size": 0}, ValueError, "or None, but it is 0"),
        ({"callbacks": 3}, TypeError, "callbacks must be a list of skorch callbacks"),
        ({"device": "cuda:99"}, ValueError, "device='cuda:99' is not available here"),
        ({"device": "gpu"}, ValueError, r"Did you mean 'cuda'\? Use device='auto' or device='cpu'"),
        ({"device": "gpu:0"}, ValueError, r"Did you mean 'cuda'\?"),
        ({"dtype": "float16"}, ValueError, "Did you mean 'bfloat16'"),
        ({"padding_value": [0]}, TypeError, "padding_value must be a number, or a str for text, or None"),
        ({"padding_value": "no"}, TypeError, "padding_value='no' is a str, but X holds numbers"),
    ],
)
def test_bad_parameters(parameters, error, message):
    estimator = RNNClassifier(**(FAST | parameters))
    before = state(estimator)
    with pytest.raises(error, match=message):
        estimator.fit(X, [0, 1])
    assert state(estimator) == before


@pytest.mark.parametrize(
    ("fitted_on", "given", "error", "message"),
    [
        (
            X,
            [np.zeros((2, 3))],
            ValueError,
            "X has 3 features, but RNNClassifier is expecting 2 features as input",
        ),
        (X, WORDS, TypeError, "X holds text tokens, but RNNClassifier was fitted on numbers"),
        (WORDS, X, TypeError, "X holds numbers, but RNNClassifier was fitted on text tokens"),
        ([np.array([1, 2]), np.array([3])], WORDS, TypeError, "was fitted on integer tokens"),
        (
            np.zeros((2, 4)),
            np.zeros((2, 5)),
            ValueError,
            "X has 5 features, but RNNClassifier is expecting 4",
        ),
    ],
)
def test_another_form_at_predict(fitted_on, given, error, message):
    model = RNNClassifier(**FAST).fit(fitted_on, [0, 1])
    with pytest.raises(error, match=message):
        model.predict(given)


def test_one_sequence_that_is_not_in_a_list():
    model = RNNClassifier(**FAST).fit(X, [0, 1])
    with pytest.raises(ValueError, match=r"expecting 2 features as input\. If X is one sequence, pass \[X\]"):
        model.predict(X[0])


def test_integers_are_read_as_numbers_where_numbers_were_fitted():
    model = RNNClassifier(**FAST).fit([[0.5, 1.0], [2.0]], [0, 1])
    np.testing.assert_array_equal(model.predict_proba([[1, 2]]), model.predict_proba([[1.0, 2.0]]))


def test_unseen_labels_in_partial_fit_change_nothing():
    model = RNNClassifier(**FAST).fit(X, [0, 1])
    probabilities, before = model.predict_proba(X), state(model)
    with pytest.raises(ValueError, match=r"labels that were not there when training began: \[2\]"):
        model.partial_fit(X, [0, 2])
    assert state(model) == before
    np.testing.assert_array_equal(model.predict_proba(X), probabilities)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "X has 2 sequences, sample_weight has 1"),
        ([1.0, -1.0], "not negative"),
        ([1.0, np.nan], "finite"),
        ([0.0, 0.0], "zero for every sequence"),
        (np.ones((2, 2)), "Sample weights must be 1D"),
    ],
)
def test_bad_sample_weight(weights, message):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**FAST).fit(X, [0, 1], sample_weight=weights)


def test_not_fitted():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        RNNTagger().predict(X)
