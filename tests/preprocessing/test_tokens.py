"""Tokens to codes and back: the vocabulary, its limits, and what is not in it."""

import inspect
import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from sklearn_rnn import RNNClassifier, RNNTagger, Sequences
from sklearn_rnn.data import as_sequences
from sklearn_rnn.datasets import make_person_sentences
from sklearn_rnn.preprocessing import SequenceTruncator, TokenEncoder

CHECKED = [TokenEncoder(), TokenEncoder(min_frequency=2, max_tokens=3)]


# Some versions of scikit-learn take a fraction from whole numbers there, which leaves no tokens.
TAKES_FRACTION = "astype" not in inspect.getsource(estimator_checks.check_positive_only_tag_during_fit)
NO_TOKENS = {"check_positive_only_tag_during_fit": "X holds fractions"} if TAKES_FRACTION else {}


def expected_failures(estimator):
    """Checks that ask the result for its shape: codes come as Sequences, which deliberately have none.

    An array of codes would have one, but estimators would read its rows as series of numbers.
    """
    reason = "codes come as Sequences, which have no shape"
    return NO_TOKENS | {"check_transformer_general": reason, "check_transformer_data_not_an_array": reason}


@parametrize_with_checks(CHECKED, expected_failed_checks=expected_failures)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", CHECKED)
def test_there_are_common_checks(estimator):
    assert len(list(estimator_checks_generator(estimator))) > 30


WORDS = [["to", "be", "or", "not", "to", "be"], ["to", "do"], ["do", "not"]]


def to_lists(X):
    return [np.asarray(x).tolist() for x in X]


@pytest.mark.parametrize(
    ("X", "vocabulary", "counts", "first"),
    [
        (WORDS, ["to", "be", "do", "not", "or"], [3, 2, 2, 2, 1], [1, 2, 5, 4, 1, 2]),
        ([tuple(x) for x in WORDS], ["to", "be", "do", "not", "or"], [3, 2, 2, 2, 1], [1, 2, 5, 4, 1, 2]),
        (as_sequences(WORDS), ["to", "be", "do", "not", "or"], [3, 2, 2, 2, 1], [1, 2, 5, 4, 1, 2]),
        (["abba", "b"], ["b", "a"], [3, 2], [2, 1, 1, 2]),
        (np.array(["abba", "b"]), ["b", "a"], [3, 2], [2, 1, 1, 2]),
        (pd.Series(["abba", "b"], index=[7, 8]), ["b", "a"], [3, 2], [2, 1, 1, 2]),
        ([np.array([7, 9, 9]), np.array([-1])], [9, -1, 7], [2, 1, 1], [3, 1, 1]),
        ([[7, 9, 9], [-1]], [9, -1, 7], [2, 1, 1], [3, 1, 1]),
        (np.array([[7, 9], [9, -1]]), [9, -1, 7], [2, 1, 1], [3, 1]),
        (pd.DataFrame([[7, 9], [9, -1]]), [9, -1, 7], [2, 1, 1], [3, 1]),
        ([np.array([7.0, 9.0, 9.0]), np.array([-1.0])], [9, -1, 7], [2, 1, 1], [3, 1, 1]),
        (np.array([["to", "be"], ["be", "do"]]), ["be", "do", "to"], [2, 1, 1], [3, 1]),
        ([["x" * 300, "y"], ["y"]], ["y", "x" * 300], [2, 1], [2, 1]),
    ],
)
def test_forms(X, vocabulary, counts, first):
    encoder = TokenEncoder()
    for result in (encoder.fit_transform(X), encoder.fit(X).transform(X)):
        assert encoder.vocabulary_.tolist() == vocabulary
        assert encoder.counts_.tolist() == counts
        assert encoder.oov_rate_ == 0
        assert isinstance(result, Sequences)
        assert result.is_tokens
        assert result.values.dtype == np.int64
        assert result[0].tolist() == first
    read = encoder._read(X, reset=False)[0]
    assert encoder.inverse_transform(result).values.tolist() == read.values.tolist()
    assert encoder.inverse_transform(result).offsets.tolist() == read.offsets.tolist()


def test_one_long_token_does_not_make_all_others_as_wide():
    encoder = TokenEncoder().fit([["a"] * 10, ["x" * 10_000]])
    assert encoder.vocabulary_.dtype == object
    assert to_lists(encoder.transform([["x" * 10_000, "x" * 9_999, "a"]])) == [[2, 0, 1]]
    assert TokenEncoder().fit(WORDS).vocabulary_.dtype == "<U3"


def test_against_a_loop(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    X = [[f"w{k}" for k in rng.zipf(1.5, n) % 40] for n in rng.randint(1, 30, size=50)]
    new = [[f"w{k}" for k in rng.randint(60, size=n)] for n in rng.randint(1, 30, size=20)]
    counter = Counter(token for x in X for token in x)
    order = sorted(
        (token for token in counter if counter[token] >= 3), key=lambda token: (-counter[token], token)
    )
    order = order[:12]
    encoder = TokenEncoder(min_frequency=3, max_tokens=12).fit(X)
    assert encoder.vocabulary_.tolist() == order
    codes = {token: k + 1 for k, token in enumerate(order)}
    assert to_lists(encoder.transform(new)) == [[codes.get(token, 0) for token in x] for x in new]
    known = [[token for token in x if token in codes] for x in new]
    expected = [[codes[token] for token in x] or [0] for x in known]
    assert to_lists(encoder.set_params(handle_unknown="ignore").transform(new)) == expected
    n_steps = sum(map(len, new))
    assert encoder.oov_rate(new) == pytest.approx(1 - sum(map(len, known)) / n_steps)
    assert encoder.oov_rate_ == pytest.approx(1 - sum(counter[token] for token in order) / counter.total())


@pytest.mark.parametrize(
    ("parameters", "vocabulary"),
    [
        ({"min_frequency": 2}, ["to", "be", "do", "not"]),
        ({"min_frequency": 3}, ["to"]),
        ({"min_frequency": 0.2}, ["to", "be", "do", "not"]),  # 2 of 10 steps
        ({"min_frequency": 0.25}, ["to"]),
        ({"max_tokens": 2}, ["to", "be"]),
        ({"max_tokens": 100}, ["to", "be", "do", "not", "or"]),
        ({"max_tokens": 3, "min_frequency": 3}, ["to"]),
    ],
)
def test_limits(parameters, vocabulary):
    encoder = TokenEncoder(**parameters).fit(WORDS)
    assert encoder.vocabulary_.tolist() == vocabulary
    assert len(encoder.counts_) == len(vocabulary)
    assert encoder.oov_rate_ == pytest.approx(encoder.oov_rate(WORDS))
    assert encoder.oov_rate_ == pytest.approx(1 - encoder.counts_.sum() / 10)


@pytest.mark.parametrize("count", range(51, 100))
def test_shares_are_exact(count):
    encoder = TokenEncoder(min_frequency=count / 100).fit(["a" * count + "b" * (100 - count)])
    assert encoder.vocabulary_.tolist() == ["a"]


def test_parameters_that_change_after_fit():
    encoder = TokenEncoder().fit(WORDS)
    with pytest.raises(ValueError, match="handle_unknown must be one of"):
        encoder.set_params(handle_unknown="eror").transform(WORDS)
    with pytest.raises(TypeError, match="unknown_token must be a str"):
        encoder.set_params(handle_unknown="unknown", unknown_token=3).inverse_transform([[0]])


def test_unknown_tokens():
    encoder = TokenEncoder().fit(WORDS)
    new = [["to", "sleep"], ["perchance"], ["not", "be"]]
    assert to_lists(encoder.transform(new)) == [[1, 0], [0], [4, 2]]
    assert to_lists(encoder.transform([["zzz", "", "to"]])) == [
        [0, 0, 1]
    ]  # behind and before all in sorted order
    assert encoder.oov_rate(new) == 0.4
    encoder.set_params(handle_unknown="ignore")
    assert to_lists(encoder.transform(new)) == [[1], [0], [4, 2]]
    encoder.set_params(handle_unknown="error")
    with pytest.raises(ValueError) as error:
        encoder.transform(new)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(
        "X[0] has 'sleep' at step 1, which is none of the 5 tokens that TokenEncoder knows;"
    )
    assert lines[1].startswith("X[1] has 'perchance' at step 0")
    assert to_lists(encoder.transform(WORDS[1:])) == [[1, 3], [3, 4]]


@pytest.mark.parametrize("X", [WORDS, ["abba", "b"], [[7, 9, 9], [-5]]])
def test_the_token_for_what_is_unknown(X):
    is_integer = isinstance(X[0][0], int)
    encoder = TokenEncoder(max_tokens=1).fit(X)
    codes = encoder.transform(X)
    default = -1 if is_integer else "<unk>"
    for given, made in ((None, default), (99, 99) if is_integer else ("?", "?")):
        back = encoder.set_params(unknown_token=given).fit(X).inverse_transform(codes)
        expected = [[t if t == encoder.vocabulary_[0] else made for t in x] for x in X]
        assert to_lists(back) == expected
        assert back.is_tokens


def test_inverse_of_other_forms():
    encoder = TokenEncoder().fit(WORDS)
    assert to_lists(encoder.inverse_transform([[1, 3], [0]])) == [["to", "do"], ["<unk>"]]
    assert to_lists(encoder.inverse_transform([np.array([1.0, 3.0])])) == [["to", "do"]]
    table = encoder.inverse_transform(np.array([[1, 3], [0, 2]]))
    assert type(table) is np.ndarray
    assert table.tolist() == [["to", "do"], ["<unk>", "be"]]
    with pytest.raises(ValueError) as error:
        encoder.inverse_transform([[1, 6], [1, 5], [1, 1, -1]])
    assert str(error.value).splitlines() == [
        "X[0] has the code 6 at step 1, but codes go from 0 to 5.",
        "X[2] has the code -1 at step 2, but codes go from 0 to 5.",
    ]
    with pytest.raises(TypeError, match="X holds str, but TokenEncoder turns codes, which are integers"):
        encoder.inverse_transform(WORDS)


# With the estimators

FAST = {"cell": "gru", "hidden_size": 12, "learning_rate": 0.02, "random_state": 0}


def test_a_tagger_learns_from_codes_what_it_learns_from_words():
    X, y = make_person_sentences(200, random_state=0)
    direct = RNNTagger(bidirectional=True, max_iter=8, **FAST).fit(X[:150], y[:150])
    coded = make_pipeline(TokenEncoder(min_frequency=2), clone(direct)).fit(X[:150], y[:150])
    a, b = direct.predict(X[150:]), coded.predict(X[150:])
    assert [len(labels) for labels in b] == [len(labels) for labels in a]
    assert coded.score(X[150:], y[150:]) > 0.9
    assert coded.score(X[150:], y[150:]) > direct.score(X[150:], y[150:]) - 0.05


def test_codes_in_sorted_order_train_the_same_network():
    X = ["abc", "aabb", "ca", "cab", "aab", "b"] * 3  # a comes more often than b, b more often than c
    y = [len(x) % 2 for x in X]
    direct = RNNClassifier(max_iter=5, **FAST).fit(X, y)
    coded = make_pipeline(TokenEncoder(), RNNClassifier(max_iter=5, **FAST)).fit(X, y)
    assert coded[0].vocabulary_.tolist() == direct.vocabulary_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(coded.predict_proba(X), direct.predict_proba(X))
    np.testing.assert_array_equal(coded.predict_proba(["xa"]), direct.predict_proba(["xa"]))


def test_search_over_the_vocabulary():
    X = [["good"], ["bad"], ["fine"], ["so", "good"], ["so", "bad"], ["so", "fine"]] * 4
    y = [x[-1] for x in X]
    model = make_pipeline(SequenceTruncator(5), TokenEncoder(), RNNClassifier(max_iter=20, **FAST))
    search = GridSearchCV(model, {"tokenencoder__max_tokens": [1, None]}, cv=2, refit=True).fit(X, y)
    assert search.best_params_ == {"tokenencoder__max_tokens": None}
    assert search.best_score_ == 1


def test_clone_pickle_and_html():
    encoder = TokenEncoder(max_tokens=3)
    assert clone(encoder).set_params(max_tokens=2).fit(WORDS).vocabulary_.tolist() == ["to", "be"]
    encoder.fit(WORDS)
    before = dict(encoder.__dict__)
    again = pickle.loads(pickle.dumps(encoder))
    assert to_lists(again.transform(WORDS)) == to_lists(encoder.transform(WORDS))
    assert encoder.oov_rate([["new"]]) == 1
    assert all(encoder.__dict__[name] is value for name, value in before.items())
    assert "TokenEncoder" in encoder._repr_html_()
    assert get_tags(encoder).input_tags.string


# What is wrong


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"handle_unknown": "unknwon"}, ValueError, r"handle_unknown must be .* Did you mean 'unknown'\?"),
        ({"max_tokens": 0}, ValueError, "max_tokens must be an int of at least 1, or None, but it is 0"),
        ({"max_tokens": 2.5}, TypeError, "max_tokens must be an int of at least 1, or None, but it is 2.5"),
        ({"min_frequency": 0}, ValueError, "min_frequency must be an int of at least 1, or a float"),
        ({"min_frequency": 1.0}, ValueError, "min_frequency must be .* but it is 1.0"),
        (
            {"min_frequency": None},
            TypeError,
            "min_frequency must be an int of at least 1, or a float .*, but it is None",
        ),
        (
            {"min_frequency": True},
            TypeError,
            "min_frequency must be an int of at least 1, or a float .*, but it is True",
        ),
        (
            {"min_frequency": 4},
            ValueError,
            "No token is left .* min_frequency=4, but the most frequent, 'to', comes 3 times in 10 steps",
        ),
        ({"unknown_token": 0}, TypeError, "unknown_token must be a str, as the tokens are, but it is 0"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_wrong_parameters(parameters, error, message, method):
    with pytest.raises(error, match=message):
        getattr(TokenEncoder(**parameters), method)(WORDS)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (
            [[1.0, 2.5], [0.5]],
            ValueError,
            r"X\[0\] has 2.5 at step 1, .* tokens: str, integers, or .*\nX\[1\] has",
        ),
        (np.array([[2.0**24, 2.0**25]]), ValueError, r"X\[0\] has 33554432.0 at step 1"),
        ([np.ones((2, 3))], ValueError, "X has 3 features, but TokenEncoder reads one token a step"),
        (["ab", ""], ValueError, r"X\[1\] is empty"),
        ("ab", TypeError, "X must be a collection of sequences"),
    ],
)
def test_wrong_data(X, error, message):
    with pytest.raises(error, match=message):
        TokenEncoder().fit(X)


@pytest.mark.parametrize(
    ("fitted_on", "X", "message"),
    [
        (WORDS, [[1, 2]], "X holds integer tokens, but TokenEncoder was fitted on text tokens"),
        ([[1, 2]], WORDS, "X holds text tokens, but TokenEncoder was fitted on integer tokens"),
        (WORDS, ["to be"], "X holds str, which are read character by character, but .* fitted on words"),
        (["to be"], WORDS, "X holds words, but TokenEncoder was fitted on single characters"),
    ],
)
@pytest.mark.parametrize("method", ["transform", "oov_rate"])
def test_other_tokens_than_those_of_the_fit(fitted_on, X, message, method):
    with pytest.raises(TypeError, match=message):
        getattr(TokenEncoder().fit(fitted_on), method)(X)


def test_a_table_of_another_width():
    with pytest.raises(ValueError, match="X has 2 features, but TokenEncoder is expecting 3 features"):
        TokenEncoder().fit(np.ones((2, 3), dtype=int)).transform(np.ones((2, 2), dtype=int))


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "oov_rate"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(TokenEncoder(), method)(WORDS)
