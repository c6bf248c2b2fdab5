"""A seed that is none is refused, by name, wherever one is taken."""

import numpy as np
import pytest

from sklearn_rnn import RNNClassifier, RNNForecaster, RNNLanguageModel, RNNSeq2Seq, datasets

quick = {"hidden_size": 4, "max_iter": 1}
SERIES = np.sin(np.arange(30.0))


def fit_classifier(seed):
    RNNClassifier(random_state=seed, **quick).fit([[0.0], [1.0, 2.0]], [0, 1])


def go_on(seed):
    model = RNNClassifier(random_state=0, **quick).fit([[0.0], [1.0, 2.0]], [0, 1])
    model.set_params(random_state=seed).partial_fit([[0.0], [1.0, 2.0]], [0, 1])


def make_forecaster():
    return RNNForecaster(distribution="gaussian", random_state=0, **quick).fit(SERIES)


def make_language_model():
    return RNNLanguageModel(random_state=0, **quick).fit(["abc", "bca"])


TAKERS = {
    "fit": fit_classifier,
    "partial_fit": go_on,
    "sample_paths": lambda seed: make_forecaster().sample_paths(random_state=seed),
    "predict_quantiles": lambda seed: make_forecaster().predict_quantiles(n_steps=2, random_state=seed),
    "sample": lambda seed: make_language_model().sample(random_state=seed),
    "stream": lambda seed: next(make_language_model().stream("a", random_state=seed)),
    "sample of sequences": lambda seed: (
        RNNSeq2Seq(**quick).fit(["ab", "ba"], ["b", "a"]).sample(["a"], random_state=seed)
    ),
    **{
        name: lambda seed, name=name: getattr(datasets, name)(3, random_state=seed)
        for name in datasets.__all__
        if name.startswith("make_")
    },
}


@pytest.mark.parametrize("seed", [-1, 2**32, "0", np.random.default_rng(0)], ids=str)
@pytest.mark.parametrize("name", TAKERS)
def test_a_seed_that_is_none_is_refused_by_name(name, seed):
    expected = r"random_state must be an int from 0 to 2\*\*32 - 1, a numpy.random.RandomState or None"
    if name == "partial_fit" and not isinstance(seed, int):
        pytest.skip("a training that goes on draws from where it stopped")
    with pytest.raises(ValueError, match=expected):
        TAKERS[name](seed)


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.int64(3), None, np.random.RandomState(0)], ids=type)
def test_a_seed(seed):
    fit_classifier(seed)
    assert len(datasets.make_parity(3, random_state=seed)[0]) == 3
