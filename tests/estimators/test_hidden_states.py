"""Hidden states: what the output layer reads, for each sequence or each step, in the user's order."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.data import as_sequences
from sklearn_rnn.nn import CELLS
from sklearn_rnn.nn.pooling import POOLINGS

LENGTHS = [3, 1, 6, 4, 2, 4, 7, 3]
SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0, "device": "cpu"}
d = 2

TASKS = {
    "label": (RNNClassifier, {}, lambda X: ["a", "b", "c", "a", "b", "c", "a", "b"]),
    "several labels": (RNNClassifier, {"pooling": "attention"}, lambda X: np.eye(8, 2, dtype=int)),
    "number": (RNNRegressor, {"pooling": "mean"}, lambda X: [float(len(x)) for x in X]),
    "number a step": (RNNRegressor, {}, lambda X: [np.arange(len(x)) / 2 for x in X]),
    "softmax": (RNNTagger, {}, lambda X: [np.arange(len(x)) % 3 for x in X]),
    "crf": (RNNTagger, {"head": "crf"}, lambda X: [np.arange(len(x)) % 3 for x in X]),
}
PER_STEP = {"number a step", "softmax", "crf"}
SHAPES = [(1, False), (2, True)]

every_cell = pytest.mark.parametrize("cell", CELLS)
every_task = pytest.mark.parametrize("task", TASKS)
every_shape = pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)


def make_numbers():
    rng = np.random.RandomState(0)
    return [rng.randn(length, d).astype(np.float32) for length in LENGTHS]


def make_words():
    rng = np.random.RandomState(0)
    return ["".join(rng.choice(list("abcde"), size=length)) for length in LENGTHS]


def fit(task, X, cell="gru", **parameters):
    estimator_class, options, make_targets = TASKS[task]
    return estimator_class(**{**SMALL, **options, "cell": cell, **parameters}).fit(X, make_targets(X))


def assert_same(ours, theirs, **tolerance):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@every_shape
@every_task
@every_cell
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_head_says_from_them_what_the_estimator_says(cell, task, num_layers, bidirectional, dropout):
    X = make_numbers()
    model = fit(task, X, cell, num_layers=num_layers, bidirectional=bidirectional, dropout=dropout)
    states = model.hidden_states(X)
    if task in PER_STEP:
        assert states.dtype == object
        assert [len(h) for h in states] == LENGTHS
        flat = np.concatenate(list(states))
    else:
        assert len(states) == len(X)
        flat = states
    assert flat.dtype == np.float32
    head = model.module_.head
    width = head.n_scores if cell == "jordan" else 4
    assert flat.shape[1] == width * (2 if bidirectional else 1)
    assert np.ptp(flat) > 1e-3
    read = flat.reshape(len(flat), 2, width).sum(axis=1) if cell == "jordan" and bidirectional else flat
    with torch.no_grad():
        scores = head(torch.tensor(read))
        said = head.activation(scores).numpy()
    if task == "crf":  # the marginal probabilities are no function of the steps' own scores
        said = scores.numpy()
        expected = [scores_of(model, x) for x in X]
    elif hasattr(model, "predict_proba"):
        expected = model.predict_proba(X)
    else:
        expected = [(np.atleast_1d(y) - model.target_mean_) / model.target_scale_ for y in model.predict(X)]
    if task in PER_STEP:
        expected = np.concatenate(list(expected))
    np.testing.assert_allclose(said.ravel(), np.ravel(expected), rtol=0, atol=1e-5)


def scores_of(model, x):
    """The network's scores of one sequence, computed without the estimator."""
    dataset = SequenceDataset(as_sequences([x]), per_step=True)
    with torch.no_grad():
        return model.module_(dataset.gather(np.array([0]), like=model.module_.like)).numpy()


@pytest.mark.parametrize("per_step", [None, False, True])
@every_shape
@every_task
@every_cell
def test_they_depend_on_their_own_sequence(cell, task, num_layers, bidirectional, per_step, monkeypatch):
    X = make_numbers()
    model = fit(task, X, cell, num_layers=num_layers, bidirectional=bidirectional)
    together = model.hidden_states(X, per_step=per_step)
    for i, x in enumerate(X):
        assert_same(model.hidden_states([x], per_step=per_step), together[i : i + 1], rtol=0, atol=1e-5)
    backward = model.hidden_states(X[::-1], per_step=per_step)
    assert_same(backward[::-1], together, rtol=0, atol=1e-5)
    longer = 100 * np.random.RandomState(2).randn(60, d)
    assert_same(model.hidden_states([longer, *X], per_step=per_step)[1:], together, rtol=0, atol=1e-5)
    monkeypatch.setattr("sklearn_rnn.batches.planning._PREDICTION_STEPS", 8)
    assert_same(model.hidden_states(X, per_step=per_step), together, rtol=0, atol=1e-5)


@pytest.mark.parametrize("embedding_size", [None, 3])
@every_task
def test_tokens(task, embedding_size):
    X = make_words()
    model = fit(task, X, embedding_size=embedding_size, bidirectional=True)
    together = model.hidden_states(X)
    assert_same(model.hidden_states(["zzabcde" * 9, *X])[1:], together, rtol=0, atol=1e-5)
    assert_same(model.hidden_states(X[3:4]), together[3:4], rtol=0, atol=1e-5)


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("form", ["padded", "masked", "Sequences", "lists"])
def test_padding_never_shows(form, per_step):
    ragged = make_numbers()
    padded = as_sequences(ragged).to_padded(-9.0, n_steps=12)
    X = {
        "padded": padded,
        "masked": np.ma.masked_equal(padded, -9.0),
        "Sequences": as_sequences(ragged),
        "lists": [x.tolist() for x in ragged],
    }[form]
    model = fit("label", ragged, bidirectional=True, padding_value=-9.0 if form == "padded" else None)
    expected = fit("label", ragged, bidirectional=True).hidden_states(ragged, per_step=per_step)
    assert_same(model.hidden_states(X, per_step=per_step), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_vector_of_a_sequence_is_pooled_from_its_steps(pooling, bidirectional):
    X = make_numbers()
    model = fit("label", X, pooling=pooling, bidirectional=bidirectional)
    pooled, steps = model.hidden_states(X), model.hidden_states(X, per_step=True)
    assert [h.shape for h in steps] == [(n, 8 if bidirectional else 4) for n in LENGTHS]
    if pooling == "last":
        expected = [np.concatenate([h[-1, :4], h[0, 4:]]) for h in steps]
    elif pooling == "attention":
        key, context = model.module_.pooling.key, model.module_.pooling.context
        with torch.no_grad():
            weights = [
                torch.softmax(torch.tanh(key(torch.tensor(h))) @ context, dim=0).numpy() for h in steps
            ]
        expected = [w @ h for w, h in zip(weights, steps, strict=True)]
    else:
        expected = [getattr(h, pooling)(axis=0) for h in steps]
    np.testing.assert_allclose(pooled, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_vector_of_a_sequence_in_an_estimator_of_steps(bidirectional):
    X = make_numbers()
    model = fit("softmax", X, bidirectional=bidirectional)
    expected = [np.concatenate([h[-1, :4], h[0, 4:]]) for h in model.hidden_states(X)]
    pooled = model.hidden_states(X, per_step=False)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_of_one_array_are_one_array(dtype):
    X = np.random.RandomState(0).randn(8, 5, d)
    model = fit("label", X, dtype=dtype)
    assert model.hidden_states(X).shape == (8, 4)
    states = model.hidden_states(X, per_step=True)
    assert states.shape == (8, 5, 4)
    assert states.dtype == model.hidden_states(X).dtype == np.float32
    np.testing.assert_array_equal(states[:, -1], model.hidden_states(X))


def test_asking_changes_nothing():
    X = make_numbers()
    model = fit("label", X, dropout=0.5)
    first = model.hidden_states(X)
    before = torch.get_rng_state().tolist()
    np.testing.assert_array_equal(model.hidden_states(X), first)
    assert torch.get_rng_state().tolist() == before
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(again.hidden_states(X), first)
    np.testing.assert_array_equal(model.hidden_states(X), first)


def test_what_is_wrong():
    X = make_numbers()
    with pytest.raises(NotFittedError):
        RNNClassifier().hidden_states(X)
    model = fit("label", X)
    for per_step in ("yes", 1, [True]):
        with pytest.raises(TypeError, match="per_step must be True, False or None, but it is"):
            model.hidden_states(X, per_step=per_step)
    with pytest.raises(ValueError, match="X has 3 features, but RNNClassifier is expecting 2"):
        model.hidden_states([np.ones((4, 3))])
    with pytest.raises(TypeError, match="X holds text tokens"):
        model.hidden_states(["abc"])
