"""One-hot vectors and the codes that stand for them: the same information, and the same network."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from sklearn_rnn import RNNClassifier, Sequences
from sklearn_rnn.data import as_sequences
from sklearn_rnn.preprocessing import SequenceOneHotEncoder, StepTransformer

CODES = [SequenceOneHotEncoder(), SequenceOneHotEncoder(handle_unknown="ignore")]
VECTORS = [clone(encoder).set_params(dense=True) for encoder in CODES]


# Some versions of scikit-learn take a fraction from whole numbers there, which leaves no tokens.
TAKES_FRACTION = "astype" not in inspect.getsource(estimator_checks.check_positive_only_tag_during_fit)
NO_TOKENS = {"check_positive_only_tag_during_fit": "X holds fractions"} if TAKES_FRACTION else {}


def expected_failures(estimator):
    """Checks that ask the result for its shape: codes come as Sequences, which deliberately have none.

    An array of codes would have one, but estimators would read its rows as series of numbers.
    """
    reason = "codes come as Sequences, which have no shape"
    names = ("check_transformer_general", "check_transformer_data_not_an_array")
    return NO_TOKENS | ({} if estimator.dense else dict.fromkeys(names, reason))


@parametrize_with_checks(CODES + VECTORS, expected_failed_checks=expected_failures)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", CODES + VECTORS)
def test_there_are_common_checks(estimator):
    assert len(list(estimator_checks_generator(estimator))) > 30


def to_lists(X):
    return [np.asarray(x).tolist() for x in X]


RAGGED = {
    "words": ([["to", "be", "or"], ["be"]], ["be", "or", "to"]),
    "characters": (["abba", "c"], ["a", "b", "c"]),
    "integers": ([np.array([7, -1, 7]), np.array([9])], [-1, 7, 9]),
    "Sequences": (as_sequences([["to", "be", "or"], ["be"]]), ["be", "or", "to"]),
    "one category": (["aa", "a"], ["a"]),
}


@pytest.mark.parametrize("form", RAGGED)
def test_both_forms(form):
    X, categories = RAGGED[form]
    encoder = SequenceOneHotEncoder()
    codes = encoder.fit_transform(X)
    assert encoder.categories_.tolist() == categories
    assert encoder.n_features_out_ == len(categories)
    assert encoder.n_features_in_ == 1
    assert codes.values.dtype == np.int64
    assert to_lists(codes) == [[categories.index(token) + 1 for token in x] for x in X]
    encoder.set_params(dense=True)
    for vectors in (encoder.transform(X), encoder.fit_transform(X)):
        assert isinstance(vectors, Sequences)
        assert vectors.values.dtype == np.float32
        assert to_lists(vectors) == [[[float(token == c) for c in categories] for token in x] for x in X]
    for encoded in (codes, vectors, list(codes), list(vectors)):
        back = encoder.inverse_transform(encoded)
        assert isinstance(back, Sequences)
        assert to_lists(back) == [list(x) for x in X]


@pytest.mark.parametrize(
    "X",
    [
        np.array([["to", "be"], ["be", "or"]]),
        np.array([[7, -1], [7, 9]]),
        np.array([[7.0, -1.0], [7.0, 9.0]]),
        pd.DataFrame([[7, -1], [7, 9]]),
        [["to", "be"], ["be", "or"]],
        [[7, -1], [7, 9]],
    ],
)
def test_arrays_give_arrays(X):
    encoder = SequenceOneHotEncoder(dense=True)
    vectors = encoder.fit_transform(X)
    assert type(vectors) is np.ndarray
    assert vectors.shape == (2, 2, 3)
    assert vectors.dtype == np.float32
    flat = np.asarray(X).reshape(-1, 1)
    np.testing.assert_array_equal(vectors.reshape(4, 3), OneHotEncoder().fit_transform(flat).toarray())
    np.testing.assert_array_equal(encoder.transform(X), vectors)
    back = encoder.inverse_transform(vectors)
    assert back.tolist() == np.asarray(X).tolist()
    codes = encoder.set_params(dense=False).transform(X)
    assert isinstance(codes, Sequences)
    assert codes.is_tokens
    assert to_lists(encoder.inverse_transform(codes)) == np.asarray(X).tolist()


def test_equals_the_encoder_of_steps():
    X = [["to", "be", "or"], ["be"]]
    ours, steps = SequenceOneHotEncoder(dense=True), StepTransformer(OneHotEncoder())
    np.testing.assert_array_equal(ours.fit_transform(X).values, steps.fit_transform(X).values)
    assert ours.get_feature_names_out().tolist() == steps.get_feature_names_out().tolist()
    assert ours.get_feature_names_out(["w"]).tolist() == ["w_be", "w_or", "w_to"]
    with pytest.raises(ValueError, match="input_features should have length equal to 1, .* but has 2"):
        ours.get_feature_names_out(["a", "b"])


def test_categories_in_an_order_of_ones_own():
    X = ["abba", "c"]
    encoder = SequenceOneHotEncoder(categories=list("zcba")).fit(X)
    assert encoder.categories_.tolist() == ["z", "c", "b", "a"]
    assert encoder.get_feature_names_out().tolist() == ["x0_z", "x0_c", "x0_b", "x0_a"]
    assert to_lists(encoder.transform(X)) == [[4, 3, 3, 4], [2]]
    assert to_lists(encoder.inverse_transform(encoder.transform(X))) == [list(x) for x in X]
    assert encoder.set_params(dense=True).transform(["z"])[0].tolist() == [[1, 0, 0, 0]]
    assert SequenceOneHotEncoder(categories=range(3)).fit([[2], [0]]).n_features_out_ == 3
    assert SequenceOneHotEncoder(categories=np.array([5, 3])).fit([[3], [5]]).categories_.tolist() == [5, 3]


def test_unknown_tokens():
    encoder = SequenceOneHotEncoder().fit(["ab"])
    message = r"X\[1\] has 'x' at step 1, which is none of the 2 tokens that SequenceOneHotEncoder knows"
    with pytest.raises(ValueError, match=message):
        encoder.transform(["ab", "bx", "a"])
    with pytest.raises(ValueError, match=r"X\[0\] has 'b' at step 1, which is none of the 1 tokens"):
        SequenceOneHotEncoder(categories=["a"]).fit(["ab"])


@pytest.mark.parametrize(("categories", "vectors"), [(["a"], [[1], [0]]), (["z", "a"], [[0, 1], [0, 0]])])
def test_unknown_tokens_are_zeros(categories, vectors):
    encoder = SequenceOneHotEncoder(categories=categories, handle_unknown="ignore").fit(["ab"])
    codes = encoder.transform(["ab"])
    assert codes[0].tolist() == [len(categories), 0]
    dense = encoder.set_params(dense=True).transform(["ab"])
    assert dense[0].tolist() == vectors
    for encoded in (codes, dense):
        assert to_lists(encoder.inverse_transform(encoded)) == [["a", "<unk>"]]
        other = clone(encoder).set_params(unknown_token="?").fit(["ab"])
        assert to_lists(other.inverse_transform(encoded)) == [["a", "?"]]


def test_probabilities_become_the_most_probable():
    encoder = SequenceOneHotEncoder().fit(["abc"])
    assert to_lists(encoder.inverse_transform([[[0.2, 0.7, 0.1], [0.5, 0.1, 0.4]]])) == [["b", "a"]]


@pytest.mark.parametrize("dense", [False, True])
def test_a_single_category(dense):
    encoder = SequenceOneHotEncoder(dense=dense, handle_unknown="ignore").fit(["aa"])
    assert to_lists(encoder.inverse_transform(encoder.transform(["aa", "a", "ba"]))) == [
        ["a", "a"],
        ["a"],
        ["<unk>", "a"],
    ]
    assert to_lists(encoder.inverse_transform([[[0.7], [0.0]], [[1.0]]])) == [["a", "<unk>"], ["a"]]
    with pytest.raises(ValueError, match=r"X\[0\] has the code 2 at step 0"):
        encoder.inverse_transform([[2, 1]])


# With the estimators


def copy_columns(narrow, wide):
    """Give a network that reads vectors the weights of one that reads codes; code 0 is no category."""
    with torch.no_grad():
        for (name, a), b in zip(narrow.named_parameters(), wide.parameters(), strict=True):
            b.copy_(a[:, 1:] if name.endswith("weight_ih") and a.shape != b.shape else a)


@pytest.mark.parametrize("cell", ["elman", "jordan", "lstm", "gru"])
def test_codes_train_the_same_network_as_vectors(cell):
    rng = np.random.default_rng(0)
    X = ["".join(rng.choice(list("abc"), size=n)) for n in rng.integers(1, 9, size=40)]
    y = [x.count("a") > x.count("b") for x in X]
    parameters = dict(
        cell=cell, hidden_size=5, bidirectional=True, batch_size="all", optimizer=torch.optim.SGD
    )
    parameters |= dict(learning_rate=0.1, max_iter=1, warm_start=True, random_state=0, embedding_size=None)
    encoder = SequenceOneHotEncoder(handle_unknown="ignore").fit(X)
    narrow, wide = RNNClassifier(**parameters), RNNClassifier(**parameters)
    codes, vectors = encoder.transform(X), clone(encoder).set_params(dense=True).fit_transform(X)
    narrow.fit(codes, y)
    wide.fit(vectors, y)
    copy_columns(narrow.module_, wide.module_)
    before = narrow.predict_proba(codes)
    np.testing.assert_allclose(wide.predict_proba(vectors), before, rtol=1e-5, atol=1e-6)
    narrow.set_params(max_iter=20).fit(codes, y)
    wide.set_params(max_iter=20).fit(vectors, y)
    after = narrow.predict_proba(codes)
    assert abs(after - before).max() > 0.01
    np.testing.assert_allclose(wide.predict_proba(vectors), after, rtol=1e-3, atol=1e-4)
    unknown = encoder.transform(["axb"]), clone(encoder).set_params(dense=True).fit(X).transform(["axb"])
    expected = wide.predict_proba(unknown[1])
    np.testing.assert_allclose(narrow.predict_proba(unknown[0]), expected, rtol=1e-3, atol=1e-4)


def test_search_over_the_form():
    X = ["ab", "ba", "aab", "bba"] * 6
    y = [x[-1] for x in X]
    network = RNNClassifier(cell="elman", hidden_size=8, max_iter=30, learning_rate=0.05, random_state=0)
    model = make_pipeline(SequenceOneHotEncoder(handle_unknown="ignore"), network)
    search = GridSearchCV(model, {"sequenceonehotencoder__dense": [False, True]}, cv=2).fit(X, y)
    assert search.cv_results_["mean_test_score"].tolist() == [1, 1]
    assert set(search.predict(["abab", "x"])) <= {"a", "b"}


def test_clone_pickle_and_html():
    encoder = clone(SequenceOneHotEncoder(categories=["b", "a"])).fit(["ab"])
    again = pickle.loads(pickle.dumps(encoder))
    assert to_lists(again.transform(["ab"])) == [[2, 1]]
    assert "SequenceOneHotEncoder" in encoder._repr_html_()


# What is wrong


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"handle_unknown": "unknown"}, ValueError, "handle_unknown must be one of 'error', 'ignore'"),
        ({"categories": "abc"}, ValueError, "categories must be 'auto' or a list, but it is 'abc'"),
        ({"categories": None}, TypeError, "categories must be 'auto' or a list, but it is None"),
        ({"categories": []}, ValueError, "categories is empty"),
        (
            {"categories": [1, 2]},
            TypeError,
            r"categories must be str, as the tokens of X are, but it is \[1, 2\]",
        ),
        ({"categories": ["a", 2]}, TypeError, "categories must be str"),
        ({"categories": [["a", "b"]]}, TypeError, "categories must be str"),
        ({"categories": ["a", "b", "a"]}, ValueError, "categories must differ from each other"),
        ({"dense": "no"}, TypeError, "dense must be True or False, but it is 'no'"),
        ({"unknown_token": 1}, TypeError, "unknown_token must be a str"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_wrong_parameters(parameters, error, message, method):
    with pytest.raises(error, match=message):
        getattr(SequenceOneHotEncoder(**parameters), method)(["ab"])


def test_wrong_parameters_for_integers():
    with pytest.raises(TypeError, match="categories must be integers, as the tokens of X are"):
        SequenceOneHotEncoder(categories=["a"]).fit([[1, 2]])
    with pytest.raises(TypeError, match="unknown_token must be an integer"):
        SequenceOneHotEncoder(unknown_token="?").fit([[1, 2]])


def test_wrong_data():
    encoder = SequenceOneHotEncoder().fit([["to", "be"]])
    with pytest.raises(ValueError, match=r"X\[0\] has 0.5 at step 0, but SequenceOneHotEncoder reads tokens"):
        SequenceOneHotEncoder().fit([[0.5]])
    with pytest.raises(TypeError, match="X holds integer tokens, but .* was fitted on text tokens"):
        encoder.transform([[1]])
    with pytest.raises(TypeError, match="X holds str, which are read character by character"):
        encoder.transform(["to be"])
    with pytest.raises(ValueError, match="X has 3 features, but .* is expecting 2 features"):
        encoder.inverse_transform(np.ones((2, 2, 3)))
    with pytest.raises(ValueError, match=r"X\[0\] has the code 3 at step 0, but codes go from 0 to 2"):
        encoder.inverse_transform([[3]])


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "get_feature_names_out"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(SequenceOneHotEncoder(), method)(["ab"])
