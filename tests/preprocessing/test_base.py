"""What all transformers share: a fit that fails changes nothing."""

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import (
    SequenceFeatures,
    SequenceOneHotEncoder,
    SequencePadder,
    SequenceTruncator,
    StepTransformer,
    TokenEncoder,
)

TWO, THREE = [np.ones((2, 2)), np.full((1, 2), 3.0)], [np.ones((2, 3)), np.ones((4, 3))]
WORDS, CODES = [["to", "be"], ["to"]], [[1, 2, 3], [4]]


def state_of(transformer):
    return {name: value for name, value in vars(transformer).items() if name not in transformer.get_params()}


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
@pytest.mark.parametrize(
    ("transformer", "X", "wrong", "other"),
    [
        (SequencePadder(), TWO, {"side": "left"}, THREE),
        (SequencePadder(), TWO, {"n_steps": 0}, THREE),
        (SequenceTruncator(n_steps=1), TWO, {"side": "left"}, THREE),
        (StepTransformer(StandardScaler()), TWO, {"transformer": OneHotEncoder(drop="none")}, THREE),
        (TokenEncoder(), WORDS, {"min_frequency": 9}, CODES),
        (SequenceOneHotEncoder(), WORDS, {"categories": ["a"]}, CODES),
        (SequenceOneHotEncoder(), WORDS, {"unknown_token": "?"}, CODES),
        (SequenceFeatures(RNNClassifier(max_iter=1)), TWO, {"per_step": "no"}, THREE),
    ],
    ids=str,
)
def test_a_fit_that_fails_changes_nothing(transformer, X, wrong, other, method):
    transformer.fit(X, [0, 1])
    right = {name: transformer.get_params(deep=False)[name] for name in wrong}
    before = state_of(transformer)
    with pytest.raises((ValueError, TypeError)):
        getattr(transformer.set_params(**wrong), method)(other, [0, 1])
    after = state_of(transformer)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert len(transformer.set_params(**right).transform(X)) == 2


def test_a_first_fit_that_fails_leaves_nothing():
    padder = SequencePadder(truncate="left")
    with pytest.raises(ValueError, match="truncate must be one of"):
        padder.fit(TWO)
    assert state_of(padder) == {}


def test_a_first_partial_fit_that_fails_leaves_nothing():
    steps = StepTransformer(StandardScaler(with_mean="no"))
    with pytest.raises(ValueError, match="with_mean"):
        steps.partial_fit(TWO)
    assert state_of(steps) == {}
