"""The main promises on a GPU, whose results are those of the CPU within a tolerance."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from torch import nn

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
)
from sklearn_rnn.nn import CELLS, Cell

pytestmark = pytest.mark.gpu

LENGTHS = [3, 1, 6, 4, 2, 4, 7, 3, 5, 1, 4, 2]


class PlainCell(Cell):
    """A cell that no kernel knows."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.recurrent = nn.Linear(hidden_size, hidden_size)

    def step(self, projected, state):
        h = torch.tanh(projected + self.recurrent(state[0]))
        return h, (h,)


def make_numbers():
    rng = np.random.RandomState(0)
    return [rng.randn(length, 3) for length in LENGTHS]


def make_words():
    rng = np.random.RandomState(0)
    return ["".join(rng.choice(list("abcde"), size=length)) for length in LENGTHS]


TASKS = {
    "label": (RNNClassifier, {}, lambda X: np.array([int(x.sum() > 0) for x in X])),
    "number a step": (RNNRegressor, {}, lambda X: [x.cumsum(axis=0)[:, :2] for x in X]),
    "softmax": (RNNTagger, {}, lambda X: [(x[:, 0] > 0).astype(int) for x in X]),
    "crf": (RNNTagger, {"head": "crf"}, lambda X: [(x[:, 0] > 0).astype(int) for x in X]),
}
SMALL = {"hidden_size": 8, "max_iter": 3, "batch_size": 5, "learning_rate": 0.02, "random_state": 0}
# Two layers in two directions, with gradients cut between chunks or not.
SHAPES = {
    "1": {},
    "2 both": {"num_layers": 2, "bidirectional": True},
    "truncated": {"num_layers": 2, "bptt_steps": 2},
}
every_task = pytest.mark.parametrize("task", TASKS)
every_cell = pytest.mark.parametrize("cell", [*CELLS, PlainCell])
every_shape = pytest.mark.parametrize("shape", SHAPES)


def make(task, cell="gru", device="cuda", **parameters):
    estimator_class, options, _ = TASKS[task]
    return estimator_class(**{**SMALL, **options, "cell": cell, "device": device, **parameters})


def make_data(task):
    X = make_numbers()
    return X, TASKS[task][2](X)


def answers(estimator, X):
    said = (estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict)(X)
    return [np.asarray(row) for row in said]


def assert_close(a, b, atol):
    assert len(a) == len(b)
    for ours, theirs in zip(a, b, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


def weights_of(estimator):
    return {name: w.cpu().numpy().copy() for name, w in estimator.module_.state_dict().items()}


def assert_same_weights(a, b):
    a, b = weights_of(a), weights_of(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def devices_of(estimator):
    return {p.device.type for p in estimator.module_.parameters()}


def move(estimator, device):
    """A copy of a fitted estimator on another device."""
    twin = type(estimator).__new__(type(estimator))
    twin.__setstate__({**copy.deepcopy(estimator.__getstate__()), "device": device})
    assert devices_of(twin) == {device}
    return twin


@every_shape
@every_task
@every_cell
@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-9), ("float32", 1e-3)])  # cuDNN may round to TF32
def test_prediction_equals_that_of_the_cpu(cell, task, shape, dtype, atol):
    X, y = make_data(task)
    on_cpu = make(task, cell, "cpu", dtype=dtype, **SHAPES[shape]).fit(X, y)
    assert_close(answers(move(on_cpu, "cuda"), X), answers(on_cpu, X), atol)


@every_shape
@every_task
@every_cell
def test_training_equals_that_on_the_cpu(cell, task, shape):
    X, y = make_data(task)
    fits = [
        make(task, cell, device, dtype="float64", **SHAPES[shape]).fit(X, y) for device in ("cpu", "cuda")
    ]
    assert [devices_of(model) for model in fits] == [{"cpu"}, {"cuda"}]
    np.testing.assert_allclose(fits[1].loss_curve_, fits[0].loss_curve_, rtol=1e-6)
    assert_close(answers(fits[1], X), answers(fits[0], X), 1e-6)


@pytest.mark.parametrize("embedding_size", [None, 3])
@every_cell
def test_training_on_tokens_equals_that_on_the_cpu(cell, embedding_size):
    X, (_, y) = make_words(), make_data("softmax")
    options = {"dtype": "float64", "embedding_size": embedding_size, "bidirectional": True}
    fits = [make("softmax", cell, device, **options).fit(X, y) for device in ("cpu", "cuda")]
    assert_close(answers(fits[1], X), answers(fits[0], X), 1e-6)


@every_task
@every_cell
def test_prediction_depends_on_its_own_sequence(cell, task):
    X, y = make_data(task)
    model = make(task, cell, bidirectional=True).fit(X, y)
    together = answers(model, X)
    for i in range(len(X)):
        assert_close(answers(model, [X[i]]), [together[i]], 1e-5)
    longer = np.random.RandomState(2).randn(60, 3)
    assert_close(answers(model, [longer, *X[::-1]])[:0:-1], together, 1e-5)


@every_task
@every_cell
def test_one_random_state_gives_one_result(cell, task):
    X, y = make_data(task)
    torch.cuda.manual_seed(7)
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fits = [make(task, cell, dropout=0.3, random_state=seed).fit(X, y) for seed in (0, 0, 1)]
    assert all(
        torch.equal(a, b)
        for a, b in zip(before, (torch.get_rng_state(), torch.cuda.get_rng_state()), strict=True)
    )
    for name, weight in weights_of(fits[0]).items():
        np.testing.assert_allclose(weight, weights_of(fits[1])[name], rtol=1e-4, atol=1e-5)
    assert fits[0].loss_curve_ != fits[2].loss_curve_


@every_task
@every_cell
def test_a_pickle_from_a_gpu(cell, task):
    X, y = make_data(task)
    model = make(task, cell).fit(X, y)
    state = model.__getstate__()
    assert all(type(w) is np.ndarray for w in state["_weights"].values())
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert devices_of(twin) == {"cuda"}
        assert_same_weights(twin, model)
        assert_close(answers(twin, X), answers(model, X), 1e-6)
    on_cpu = move(model, "cpu")
    assert_same_weights(on_cpu, model)
    assert_close(answers(on_cpu, X), answers(model, X), 1e-3)


def test_auto_is_a_gpu_but_not_in_a_worker():
    X, y = make_data("label")
    model = make("label", device="auto").fit(X, y)
    assert devices_of(model) == {"cuda"}
    # The worker unpickles the estimator and answers on the CPU; on the GPU the last digits would differ.
    (said,) = Parallel(n_jobs=2)(delayed(RNNClassifier.predict_proba)(model, X) for _ in range(1))
    np.testing.assert_allclose(said, move(model, "cpu").predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_training_in_parts(cell):
    X, y = make_data("label")
    whole = make("label", cell, max_iter=6, dropout=0.3).fit(X, y)
    parts = make("label", cell, max_iter=3, dropout=0.3, warm_start=True).fit(X, y).fit(X, y)
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-4)
    assert_close(answers(parts, X), answers(whole, X), 1e-4)


@every_cell
def test_weights(cell):
    X, y = make_data("softmax")
    model = make("softmax", cell, dtype="float64", batch_size="all")
    weight = 1 + np.arange(len(X)) % 2
    rows = np.repeat(np.arange(len(X)), weight)
    weighted = copy.deepcopy(model).fit(X, y, weight)
    repeated = copy.deepcopy(model).fit([X[i] for i in rows], [y[i] for i in rows])
    assert_close(answers(weighted, X), answers(repeated, X), 1e-6)


@every_cell
def test_a_loss_that_is_not_finite_changes_nothing(cell):
    X, y = make_data("softmax")
    model = make("softmax", cell).fit(X, y)
    expected = weights_of(model)
    model.set_params(learning_rate=1e38)
    with pytest.raises(ValueError, match=r"stopped in epoch \d+"):
        model.fit(X, y)
    with pytest.raises(ValueError, match=r"stopped in epoch \d+"):
        model.partial_fit(X, y)
    for name, weight in weights_of(model).items():
        np.testing.assert_array_equal(weight, expected[name])


@every_task
@every_cell
@every_shape
def test_mixed_precision(cell, task, shape):
    X, y = make_data(task)
    options = SHAPES[shape] | {"max_iter": 20}
    exact = make(task, cell, **options).fit(X, y)
    mixed = make(task, cell, dtype="bfloat16", **options).fit(X, y)
    assert {w.dtype for w in mixed.module_.parameters()} == {torch.float32}
    np.testing.assert_allclose(mixed.loss_curve_[-1], exact.loss_curve_[-1], rtol=0.1, atol=0.02)
    assert_close(answers(pickle.loads(pickle.dumps(mixed)), X), answers(mixed, X), 1e-6)
    assert_close(answers(move(mixed, "cpu"), X), answers(mixed, X), 0.05)


SERIES = np.sin(np.arange(60) / 4)
# An estimator, what it learns from, and what it is asked.
OTHERS = {
    "tokens": (
        RNNSeq2Seq(beam_size=2),
        (make_words(), make_words()),
        lambda m: [m.score_samples(make_words(), make_words()), *m.predict_nbest(make_words(), 2)[1]],
    ),
    "copies": (
        RNNSeq2Seq(copy_mechanism=True, attention="additive", scheduled_sampling=0.5),
        (make_words(), make_words()),
        lambda m: [m.score_samples(["xyz", "ab"], ["zx", "b"]), *m.attention_weights(["xyz"], ["zx"])],
    ),
    "numbers": (RNNSeq2Seq(), (make_numbers(), make_numbers()), lambda m: m.predict(make_numbers())),
    "one to many": (RNNSeq2Seq(), (np.eye(12), make_numbers()), lambda m: m.predict(np.eye(12))),
    "forecast": (
        RNNForecaster(distribution="gaussian", context_length=16),
        (SERIES,),
        lambda m: [m.predict(n_steps=5), *m.sample_paths(n_steps=5, n_samples=9, random_state=0)],
    ),
    "direct": (
        RNNForecaster(distribution="quantile", strategy="direct", horizon=3, context_length=16),
        (SERIES,),
        lambda m: [m.predict(), *m.predict_quantiles()],
    ),
    "language": (RNNLanguageModel(), (make_words(),), lambda m: [m.score_samples(make_words())]),
}


@pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")
@pytest.mark.parametrize("name", OTHERS)
def test_what_writes_or_forecasts_does_so_as_on_the_cpu(name):
    estimator, data, ask = OTHERS[name]
    small = SMALL | {"dtype": "float64"}
    on_cpu = clone(estimator).set_params(**small, device="cpu").fit(*data)
    on_gpu = clone(estimator).set_params(**small, device="cuda").fit(*data)
    assert devices_of(on_gpu) == {"cuda"}
    if not getattr(estimator, "scheduled_sampling", 0):  # whose draws are the device's own
        np.testing.assert_allclose(on_gpu.loss_curve_, on_cpu.loss_curve_, rtol=1e-6)
        assert_close(ask(on_gpu), ask(on_cpu), 1e-5)
    assert_close(ask(move(on_cpu, "cuda")), ask(on_cpu), 1e-5)
