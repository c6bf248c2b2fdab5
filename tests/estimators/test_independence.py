"""With the compiled loops what is said of a sequence is the same to the last bit, whatever is beside it."""

import numpy as np
import pytest

from sklearn_rnn import RNNForecaster, RNNLanguageModel, RNNSeq2Seq
from sklearn_rnn.nn.kernels.native import library

pytestmark = [
    pytest.mark.skipif(library.get() is None, reason="needs the compiled loops"),
    pytest.mark.filterwarnings("ignore:.* targets? did not come to (their|its) end"),
]
N = 40
SUBSETS = [[0], [3], [5, 2], list(range(7)), list(range(N - 1, 0, -1))]
rng = np.random.RandomState(0)
TEXTS = ["".join(rng.choice(list("abcd"), size=rng.randint(1, 12))) for _ in range(N)]
TARGETS = [x.replace("c", "").replace("a", "aa")[:9] for x in TEXTS]
VECTORS = rng.randn(N, 3).astype(np.float32)
NUMBERS = [rng.randn(len(x), 2) for x in TEXTS]
SERIES = [rng.randn(rng.randint(15, 40)).cumsum() for _ in range(N)]
SMALL = {"max_iter": 2, "random_state": 0, "device": "cpu"}


def take(data, rows):
    return data[rows] if isinstance(data, np.ndarray) else [data[i] for i in rows]


def assert_independent(ask, *data):
    """Compare answers for all together with those for some, in other orders, number by number."""
    together = list(ask(*data))
    for rows in SUBSETS:
        some = list(ask(*(take(part, rows) for part in data)))
        assert len(some) == len(rows)
        for ours, i in zip(some, rows, strict=True):
            np.testing.assert_array_equal(ours, together[i], strict=True)


@pytest.mark.parametrize(
    ("X", "y", "options"),
    [
        (TEXTS, TARGETS, {}),
        (TEXTS, TARGETS, {"attention": "additive", "cell": "gru", "decoder_cell": "elman"}),
        (NUMBERS, TARGETS, {"attention": None, "cell": "jordan", "num_layers": 2}),
        (TEXTS, TARGETS, {"attention": "additive", "copy_mechanism": True}),
        (VECTORS, TARGETS, {"decoder_num_layers": 2}),
        (TEXTS, NUMBERS, {}),
    ],
    ids=["dot", "additive", "no attention", "copies", "vectors", "numbers"],
)
def test_sequences_from_sequences(X, y, options):
    model = RNNSeq2Seq(hidden_size=10, embedding_size=7, **SMALL, **options).fit(X, y)
    assert_independent(model.predict, X)
    if y is TARGETS:
        assert_independent(model.predict_proba, X, y)
        assert_independent(model.score_samples, X, y)
        assert_independent(lambda X: model.predict_nbest(X, 3)[1], X)
    if model.module_.attention is not None:
        assert_independent(model.attention_weights, X, y)
    if X is not VECTORS:
        assert_independent(model.hidden_states, X)


@pytest.mark.parametrize("strategy", ["recursive", "direct"])
@pytest.mark.parametrize("distribution", ["point", "gaussian", "quantile"])
def test_forecasts(distribution, strategy):
    model = RNNForecaster(
        hidden_size=9, distribution=distribution, strategy=strategy, horizon=4, **SMALL
    ).fit(SERIES)
    assert_independent(lambda X: model.predict(X, 4), SERIES)
    assert_independent(model.hidden_states, SERIES)
    if distribution != "point":
        assert_independent(lambda X: model.predict_quantiles(X, 4, random_state=0), SERIES)
    if distribution != "point" and strategy == "recursive":
        assert_independent(lambda X: model.sample_paths(X, 4, n_samples=3, random_state=0), SERIES)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tie_weights": True, "embedding_size": 12},
        {"cell": "gru", "embedding_size": 5},
        {"cell": "jordan"},
    ],
    ids=str,
)
def test_language_models(options):
    model = RNNLanguageModel(hidden_size=12, **SMALL, **options).fit(TEXTS)
    assert_independent(model.predict_proba, TEXTS)
    assert_independent(model.score_samples, TEXTS)
    assert_independent(model.hidden_states, TEXTS)
