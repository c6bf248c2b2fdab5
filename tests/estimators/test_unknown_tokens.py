"""One policy for unknown and rare tokens, in every estimator that reads tokens."""

import numpy as np
import pytest

from sklearn_rnn import RNNClassifier, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNTagger

WORDS = [
    ["the", "cat", "sat"],
    ["the", "dog"],
    ["a", "cat", "the"],
    ["a", "the"],
    ["the", "bat"],
    ["a", "cat"],
]
NEW = [["the", "yak", "sat"]]
TARGETS = {
    RNNClassifier: np.arange(6) % 2,
    RNNRegressor: np.arange(6.0),
    RNNTagger: [["N"] * len(x) for x in WORDS],
    RNNSeq2Seq: ["ab", "b", "a", "ab", "b", "a"],
    RNNLanguageModel: None,
}
SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
every_estimator = pytest.mark.parametrize("cls", TARGETS)
every_other = pytest.mark.parametrize("cls", [cls for cls in TARGETS if cls is not RNNLanguageModel])


def fit(cls, **parameters):
    return cls(**SMALL | parameters).fit(WORDS, TARGETS[cls])


def states_of(model, X):
    return np.concatenate(list(model.hidden_states(X, per_step=True)))


@every_estimator
def test_unknown_tokens_are_read_by_default(cls):
    model = fit(cls)
    assert np.isfinite(states_of(model, NEW)).all()
    np.testing.assert_array_equal(states_of(model, NEW), states_of(model, [["the", "gnu", "sat"]]))


@every_estimator
def test_unknown_tokens_can_be_errors(cls):
    model = fit(cls, handle_unknown="error")
    with pytest.raises(ValueError, match=r"X\[0\] has 'yak' at step 1, a token that training never saw"):
        model.hidden_states(NEW)
    model.hidden_states(WORDS)


@every_estimator
def test_rare_tokens_are_unknown(cls):
    model = fit(cls, min_frequency=2)
    assert list(model.vocabulary_) == ["a", "cat", "the"]
    np.testing.assert_array_equal(states_of(model, NEW), states_of(model, [["the", "dog", "bat"]]))


@every_estimator
def test_a_vocabulary_can_be_chosen(cls):
    model = fit(cls, vocabulary=["the", "cat", "yak"])
    assert list(model.vocabulary_) == ["cat", "the", "yak"]
    assert (states_of(model, NEW) != states_of(model, [["the", "gnu", "sat"]])).any()
    np.testing.assert_array_equal(states_of(model, [["a"]]), states_of(model, [["bat"]]))


@every_estimator
def test_tokens_that_training_lacks_or_that_are_left_out_are_errors_if_wanted(cls):
    with pytest.raises(ValueError, match="has 'a' at step 0, a token that is not in the vocabulary"):
        fit(cls, vocabulary=["the", "cat"], handle_unknown="error")


@every_estimator
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"min_frequency": 2, "vocabulary": ["a"]}, "min_frequency=2 has no effect"),
        ({"min_frequency": 2, "handle_unknown": "error"}, "which handle_unknown='error' refuses"),
        ({"min_frequency": 100}, "No token is left"),
        ({"vocabulary": ["a", "a"]}, "more than once"),
        ({"vocabulary": []}, "vocabulary is empty"),
        ({"vocabulary": ["yak"]}, "X holds none of the tokens of vocabulary, but such as 'the'"),
        ({"handle_unknown": "ignore"}, "handle_unknown must be"),
    ],
)
def test_bad_parameters(cls, bad, message):
    with pytest.raises(ValueError, match=message):
        fit(cls, **bad)


@every_other
def test_training_goes_on_with_the_same_vocabulary(cls):
    model = fit(cls, vocabulary=["the", "cat"])
    model.set_params(vocabulary=("cat", "the")).partial_fit(WORDS, TARGETS[cls])  # in any order
    for name, value in {"vocabulary": ["the"], "handle_unknown": "error"}.items():
        with pytest.raises(ValueError, match=f"{name} was .* when training began"):
            fit(cls).set_params(**{name: value}).partial_fit(WORDS, TARGETS[cls])


@every_other
def test_numbers_have_no_vocabulary(cls):
    X = [np.ones((len(x), 2)) for x in WORDS]
    model = cls(**SMALL, vocabulary=["a"], min_frequency=1).fit(X, TARGETS[cls])
    assert not hasattr(model, "vocabulary_")


@every_estimator
def test_a_vocabulary_without_axes(cls):
    with pytest.raises(TypeError, match="vocabulary must be a str of characters or a list"):
        fit(cls, vocabulary=np.array(5))
