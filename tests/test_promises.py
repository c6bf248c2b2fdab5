"""What every estimator promises, over every cell, direction, depth and head."""

import copy
import io
import os
import pickle
import random
import signal
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, LRScheduler
from torch import nn

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger, Sequences
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.nn import (
    CELLS,
    AbsoluteErrorHead,
    Cell,
    GaussianHead,
    QuantileHead,
    use_native,
)
from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.nn.pooling import POOLINGS
from sklearn_rnn.training.step import TrainingStep


@pytest.fixture(autouse=True, params=["compiled", "torch"])
def path(request, monkeypatch):
    """Every promise holds with the compiled loops and without, in this process and in those it starts.

    Some pairs of a cell and a task are left out (see conftest.py).
    """
    if request.param == "compiled":
        if library.load() is None:
            pytest.skip("needs the compiled loops")
        yield request.param
        return
    monkeypatch.setenv("SKLEARN_RNN_NATIVE", "0")
    with use_native(False):
        yield request.param


LENGTHS = [3, 1, 6, 4, 2, 4, 7, 3, 5, 1, 4, 2]
d = 3


class PacedCell(Cell):
    """A cell of one's own: two states of different widths, and a start that is learnt."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.recurrent = nn.Linear(hidden_size, hidden_size)
        self.start = nn.Parameter(torch.full((hidden_size,), 0.3))

    def initial_state(self, batch_size):
        return self.start.expand(batch_size, -1), self.start.new_zeros(batch_size, 1)

    def step(self, projected, state):
        h, n = state
        n = n + 1
        h = torch.tanh(projected + self.recurrent(h)) / n + h / 2
        return h, (h, n)


ALL_CELLS = {**{name: name for name in CELLS}, "own": PacedCell}


# Data. Targets hang on X, so that training has something to do.


def make_numbers(seed=0):
    rng = np.random.RandomState(seed)
    return [rng.randn(length, d) for length in LENGTHS]


def make_words(seed=0):
    rng = np.random.RandomState(seed)
    return ["".join(rng.choice(list("abcde"), size=length)) for length in LENGTHS]


def one_label(X):
    return np.array(["down", "level", "up"])[[int(x.sum() > -1) + int(x.sum() > 1) for x in X]]


def several_labels(X):
    return np.array([(x.sum(axis=0) > 0).astype(int) for x in X])


def several_outputs(X):
    return np.array([[3 + int(x.sum() > -1) + int(x.sum() > 1), int(x[0, 0] > 0)] for x in X])


def one_number(X):
    return np.array([x.sum() for x in X])


def several_numbers(X):
    return np.array([x.sum(axis=0)[:2] for x in X])


def number_a_step(X):
    return object_array(x[:, 0].cumsum() for x in X)


def numbers_a_step(X):
    return object_array(x.cumsum(axis=0)[:, :2] for x in X)


def label_a_step(X):
    return object_array(np.where(x.cumsum(axis=0)[:, 0] > 0, "N", np.where(x[:, 1] > 0, "V", "D")) for x in X)


TASKS = {
    "label": (RNNClassifier, {}, one_label),
    "multi-label": (RNNClassifier, {"pooling": "mean"}, several_labels),
    "multi-output": (RNNClassifier, {"pooling": "attention"}, several_outputs),
    "number": (RNNRegressor, {}, one_number),
    "numbers": (RNNRegressor, {"pooling": "max"}, several_numbers),
    "number a step": (RNNRegressor, {}, number_a_step),
    "numbers a step": (RNNRegressor, {}, numbers_a_step),
    "softmax": (RNNTagger, {"head": "softmax"}, label_a_step),
    "crf": (RNNTagger, {"head": "crf"}, label_a_step),
}
SMALL = {
    "hidden_size": 4,
    "max_iter": 3,
    "batch_size": 5,
    "learning_rate": 0.02,
    "random_state": 0,
    "device": "cpu",
}


def make(task, cell="gru", **parameters):
    """An unfitted estimator for a task."""
    estimator_class, options, _ = TASKS[task]
    return estimator_class(**{**SMALL, **options, "cell": ALL_CELLS[cell], **parameters})


def make_data(task):
    X = make_numbers()
    return X, TASKS[task][2](X)


def take(data, rows):
    return data[rows] if isinstance(data, np.ndarray) else [data[i] for i in rows]


def answers(estimator, X):
    """What an estimator says about X, one array a sequence: probabilities where there are some."""
    said = (estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict)(X)
    if isinstance(said, list):  # several outputs
        said = np.concatenate(said, axis=1)
    return [np.asarray(row) for row in said]


def weights_of(estimator):
    return {name: w.numpy().copy() for name, w in estimator.module_.state_dict().items()}


def assert_same(a, b, **tolerance):
    """Compare two lists of arrays, or two dicts of them: bit by bit, or within a tolerance."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        a, b = list(a.values()), list(b.values())
    assert len(a) == len(b)
    for ours, theirs in zip(a, b, strict=True):
        if tolerance:
            np.testing.assert_allclose(ours, theirs, **tolerance)
        else:
            np.testing.assert_array_equal(ours, theirs, strict=True)


def assert_same_training(a, b, X):
    """Check that two estimators learnt the same, to the last bit."""
    assert_same(weights_of(a), weights_of(b))
    assert a.loss_curve_ == b.loss_curve_
    assert a.n_iter_ == b.n_iter_
    assert_same(answers(a, X), answers(b, X))


every_cell = pytest.mark.parametrize("cell", ALL_CELLS)
every_task = pytest.mark.parametrize("task", TASKS)
SHAPES = [("1", (1, False)), ("2 both", (2, True)), ("1 both", (1, True)), ("2", (2, False))]
# Every cell on every task, with one of the shapes in turn, so that each cell and each task meets all.
every_pair = pytest.mark.parametrize(
    ("cell", "task", "num_layers", "bidirectional"),
    [
        pytest.param(cell, task, *shape, id=f"{cell}-{task}-{name}")
        for i, cell in enumerate(ALL_CELLS)
        for k, task in enumerate(TASKS)
        for name, shape in [SHAPES[(i + k) % 4]]
    ],
)


# 1. A prediction depends on its own sequence alone


def check_independence(model, X, longer):
    """Ask about each sequence alone, in other orders and beside longer ones."""
    is_exact = library.get() is not None and model.cell is not PacedCell
    tolerance = {} if is_exact else {"rtol": 0, "atol": 1e-5}
    methods = [
        answers,
        lambda model, X: list(model.hidden_states(X)),
        lambda model, X: list(model.predict(X)),
    ]
    for ask in methods if is_exact else methods[:2]:  # what is almost even can be decided either way
        together = list(ask(model, X))
        if ask is answers:
            assert np.ptp(np.concatenate([np.ravel(a) for a in together])) > 1e-3  # it does say something
        for i in range(len(X)):
            assert_same(list(ask(model, [X[i]])), [together[i]], **tolerance)
        order = np.random.RandomState(1).permutation(len(X))
        assert_same(list(ask(model, [X[i] for i in order])), [together[i] for i in order], **tolerance)
        assert_same(list(ask(model, [*longer, *X]))[len(longer) :], together, **tolerance)


@every_pair
def test_prediction_depends_on_its_own_sequence(cell, task, num_layers, bidirectional):
    X, y = make_data(task)
    model = make(task, cell, num_layers=num_layers, bidirectional=bidirectional).fit(X, y)
    check_independence(model, X, [100 * np.random.RandomState(2).randn(60, d) for _ in range(2)])


@pytest.mark.parametrize("embedding_size", [None, 3])
@every_task
@every_cell
def test_prediction_depends_on_its_own_tokens(cell, task, embedding_size):
    X, (_, y) = make_words(), make_data(task)
    model = make(task, cell, embedding_size=embedding_size, bidirectional=True).fit(X, y)
    check_independence(model, [*X, "xyz"], ["abcde" * 12, "z" * 50])  # also of tokens never seen


def test_prediction_in_several_batches(monkeypatch):
    X, y = make_data("label")
    model = make("label").fit(X, y)
    together = answers(model, X)
    monkeypatch.setattr("sklearn_rnn.batches.planning._PREDICTION_STEPS", 8)
    tolerance = {"rtol": 0, "atol": 1e-5} if library.get() is None else {}
    assert_same(answers(model, X), together, **tolerance)


def ask_all(model, X):
    """All that a model says about X, one list of arrays for each method."""
    said = [list(model.predict(X)), list(model.hidden_states(X)), answers(model, X)]
    return [*said, list(model.predict_log_proba(X))] if hasattr(model, "predict_log_proba") else said


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("n_classes", [2, 9, 70])
def test_every_bit_of_a_prediction_depends_on_its_own_sequence(path, pooling, n_classes):
    if path == "torch":
        pytest.skip("torch promises no bits")
    rng = np.random.RandomState(0)
    X = [rng.randn(rng.randint(1, 7), d) for _ in range(2 * 70)]
    y = np.arange(len(X)) % n_classes
    model = RNNClassifier(pooling=pooling, bidirectional=True, hidden_size=13, max_iter=1, random_state=0)
    model.fit(X, y)
    together = ask_all(model, X)
    for some in ([0], [5, 3], list(range(7)), list(range(60, 1, -1))):
        for ours, all_of_them in zip(ask_all(model, take(X, some)), together, strict=True):
            assert_same(ours, [all_of_them[i] for i in some])


@pytest.mark.parametrize("head", ["auto", AbsoluteErrorHead, GaussianHead, QuantileHead])
@pytest.mark.parametrize("hidden_size", [1, 8, 21, 90])  # the widest has 90 * 4 * 200 weights of its inputs
def test_every_bit_of_a_number_depends_on_its_own_sequence(path, head, hidden_size):
    if path == "torch":
        pytest.skip("torch promises no bits")
    rng = np.random.RandomState(0)
    X = [rng.randn(rng.randint(1, 5), 200) for _ in range(70)]
    y = np.array([[x.sum(), x[0, 0], x.mean()] for x in X])
    model = RNNRegressor(cell="lstm", head=head, hidden_size=hidden_size, max_iter=1, random_state=0)
    model.fit(X, y)
    together = ask_all(model, X)
    for some in ([0], [5, 3], list(range(7)), list(range(60, 1, -1))):
        for ours, all_of_them in zip(ask_all(model, take(X, some)), together, strict=True):
            assert_same(ours, [all_of_them[i] for i in some])


# 2. Two fits with one random_state are equal; nobody else's random numbers change


@every_pair
def test_one_random_state_gives_one_result(cell, task, num_layers, bidirectional):
    X, y = make_data(task)
    shape = {"num_layers": num_layers, "bidirectional": bidirectional}
    first = make(task, cell, dropout=0.3, **shape).fit(X, y)
    torch.rand(5), np.random.rand(5), random.random()
    second = make(task, cell, dropout=0.3, **shape).fit(X, y)
    assert_same_training(first, second, X)
    other = make(task, cell, dropout=0.3, random_state=1, **shape).fit(X, y)
    assert first.loss_curve_ != other.loss_curve_


@pytest.mark.parametrize("task", ["label", "number", "softmax"])
def test_one_random_state_gives_one_split_and_one_set_of_rare_tokens(task):
    X, (_, y) = [*make_words()[:-1], "fg"], make_data(task)  # f and g are rare
    fits = [make(task, early_stopping=True, validation_fraction=0.3, max_iter=4).fit(X, y) for _ in range(2)]
    assert_same_training(*fits, X)
    assert fits[0].validation_scores_ == fits[1].validation_scores_
    assert len(fits[0].validation_scores_) == fits[0].n_iter_


def test_a_random_state_instance_is_a_seed():
    X, y = make_data("label")
    fits = [make("label", random_state=np.random.RandomState(3)).fit(X, y) for _ in range(2)]
    assert_same_training(*fits, X)
    rng = np.random.RandomState(3)
    one, two = (make("label", random_state=rng).fit(X, y) for _ in range(2))
    assert_same_training(fits[0], one, X)
    assert one.loss_curve_ != two.loss_curve_


def global_state():
    """All that a fit could change for others, in a form that can be compared."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": [np.asarray(part).tolist() for part in np.random.get_state()],
        "python": random.getstate(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "dtype": torch.get_default_dtype(),
        "device": torch.empty(0).device,
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "numpy errors": np.geterr(),
        "signal": signal.getsignal(signal.SIGINT),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }


@pytest.mark.parametrize("random_state", [0, None])
@every_task
@every_cell
def test_nothing_global_changes(cell, task, random_state):
    X, y = make_data(task)
    torch.manual_seed(7), np.random.seed(7), random.seed(7)
    before = global_state()
    options = {"dropout": 0.3, "early_stopping": True, "validation_fraction": 0.3}
    model = make(task, cell, random_state=random_state, **options)
    model.fit(X, y)
    assert global_state() == before
    model.partial_fit(X, y)
    assert global_state() == before
    answers(model, X), model.predict(X), model.score(X, y)
    assert global_state() == before
    pickle.loads(pickle.dumps(model)), clone(model), copy.deepcopy(model)
    assert global_state() == before


def test_without_a_random_state_fits_differ():
    X, y = make_data("label")
    np.random.seed(0), torch.manual_seed(0)
    first = make("label", random_state=None).fit(X, y)
    np.random.seed(0), torch.manual_seed(0)
    assert first.loss_curve_ != make("label", random_state=None).fit(X, y).loss_curve_


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_where_others_have_switched_gradients_off(dtype):
    X, y = make_data("label")
    here = make("label", dtype=dtype).fit(X, y)
    with torch.no_grad():
        there = make("label", dtype=dtype).fit(X, y)
        assert not torch.is_grad_enabled()
    assert_same_training(here, there, X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_where_others_have_another_default_dtype(dtype):
    X, y = make_data("label")
    torch.set_default_dtype(torch.float64)
    try:
        model = make("label", dtype=dtype).fit(X, y)
        assert_same(answers(COPIES["pickle"](model), X), answers(model, X))
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert {str(w.dtype) for w in weights_of(model).values()} == {dtype}


# 3. All forms of the same sequences give equal results


def pad(X, value):
    return Sequences.from_lengths(np.concatenate(X), LENGTHS).to_padded(value, n_steps=max(LENGTHS) + 2)


def mask(X):
    is_padding = np.arange(max(LENGTHS) + 2) >= np.array(LENGTHS)[:, np.newaxis]
    return np.ma.MaskedArray(pad(X, 9.0), np.repeat(is_padding[:, :, np.newaxis], d, axis=2))


NUMERIC_FORMS = {
    "tuple": (tuple, {}),
    "object array": (object_array, {}),
    "lists": (lambda X: [x.tolist() for x in X], {}),
    "float32": (lambda X: [x.astype(np.float32) for x in X], {}),
    "Fortran order": (lambda X: [np.asfortranarray(x) for x in X], {}),
    "padded with NaN": (lambda X: pad(X, np.nan), {"padding_value": np.nan}),
    "padded with -1": (lambda X: pad(X, -1.0), {"padding_value": -1.0}),
    "list, padding_value": (list, {"padding_value": -1.0}),
    "masked array": (mask, {}),
    "Sequences": (lambda X: Sequences.from_lengths(np.concatenate(X), LENGTHS), {}),
}


@pytest.mark.parametrize("form", NUMERIC_FORMS)
@every_task
def test_every_form_of_numbers_is_the_same(task, form):
    X, y = make_data(task)
    convert, parameters = NUMERIC_FORMS[form]
    by_list = make(task).fit(X, y)
    by_form = make(task, **parameters).fit(convert(X), y)
    assert_same_training(by_list, by_form, X)
    assert_same(answers(by_form, convert(X)), answers(by_list, X))
    assert by_form.score(convert(X), y) == by_list.score(X, y)


@pytest.mark.parametrize("form", NUMERIC_FORMS)
@every_cell
def test_every_cell_takes_every_form(cell, form):
    X, y = make_data("softmax")
    convert, parameters = NUMERIC_FORMS[form]
    by_list, by_form = make("softmax", cell).fit(X, y), make("softmax", cell, **parameters).fit(convert(X), y)
    assert_same_training(by_list, by_form, X)
    assert_same(list(by_form.predict(convert(X))), list(by_list.predict(X)))


@pytest.mark.parametrize("task", ["number a step", "numbers a step", "softmax", "crf"])
def test_targets_padded_as_x_is(task):
    X, y = make_data(task)
    padded = np.full((len(y), max(LENGTHS) + 2, *y[0].shape[1:]), "?" if y[0].dtype.kind == "U" else -7.0)
    for row, targets in zip(padded, y, strict=True):
        row[: len(targets)] = targets
    if task == "number a step":
        padded = padded[:, :, np.newaxis]  # with two axes it would be several numbers a sequence
        y = object_array(targets[:, np.newaxis] for targets in y)
    by_list = make(task).fit(X, y)
    by_array = make(task, padding_value=np.nan).fit(pad(X, np.nan), padded)
    assert_same_training(by_list, by_array, X)
    assert by_array.score(pad(X, np.nan), padded) == by_list.score(X, y)


def test_equal_lengths_as_one_array():
    X = np.random.RandomState(0).randn(12, 4, d)
    for task in TASKS:
        y = TASKS[task][2](X)
        by_list, by_array = make(task).fit(list(X), y), make(task).fit(X, y)
        assert_same_training(by_list, by_array, list(X))
        assert_same(answers(by_array, X), answers(by_list, list(X)))


TOKEN_FORMS = {
    "lists": lambda X: [list(x) for x in X],
    "arrays": lambda X: [np.array(list(x)) for x in X],
    "object array": lambda X: object_array(list(x) for x in X),
    "Sequences": lambda X: Sequences.from_lengths(np.array(list("".join(X)), dtype=object), LENGTHS),
    "codes": lambda X: [np.array([ord(token) for token in x]) for x in X],
    "small codes": lambda X: [np.array([ord(token) - ord("a") for token in x], dtype=np.uint8) for x in X],
}


@pytest.mark.parametrize("form", TOKEN_FORMS)
@every_task
def test_every_form_of_tokens_is_the_same(task, form):
    X, (_, y) = make_words(), make_data(task)
    by_text, by_form = make(task).fit(X, y), make(task).fit(TOKEN_FORMS[form](X), y)
    assert_same(weights_of(by_text), weights_of(by_form))
    assert_same(answers(by_form, TOKEN_FORMS[form](X)), answers(by_text, X))


# 5. fit changes no argument, no parameter, nothing global (see 2.) and writes no file


def freeze(data):
    """Make arrays read-only, so that writing to one raises."""
    for array in data if isinstance(data, (list, tuple)) or data.dtype == object else [data]:
        array.flags.writeable = False
    return data


def dump(*data):
    """The bytes of arguments; equal if and only if nothing in them changed."""
    return pickle.dumps(data)


@every_task
@every_cell
def test_fit_changes_no_argument(cell, task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    X, y = make_data(task)
    freeze(X), freeze(y)
    sample_weight = freeze(np.linspace(0, 2, len(X)))
    callbacks = [("schedule", LRScheduler("StepLR", step_size=1))]
    model = make(task, cell, callbacks=callbacks, early_stopping=True, validation_fraction=0.3)
    parameters = model.get_params()
    before = dump(X, y, sample_weight, callbacks, parameters)
    model.fit(X, y, sample_weight)
    model.partial_fit(X, y, sample_weight=sample_weight)
    answers(model, X), model.predict(X), model.score(X, y, sample_weight)
    assert model.get_params().keys() == parameters.keys()
    assert all(model.get_params()[name] is value for name, value in parameters.items())
    assert dump(X, y, sample_weight, callbacks, parameters) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", NUMERIC_FORMS)
def test_fit_changes_no_form_of_x(form):
    convert, parameters = NUMERIC_FORMS[form]
    X, y = make_data("label")
    X = convert(X)
    before = (X.values.copy(), X.offsets.copy()) if form == "Sequences" else dump(X)
    make("label", **parameters).fit(X, y).predict(X)
    assert_same([X.values, X.offsets], before) if form == "Sequences" else None
    assert form == "Sequences" or dump(X) == before


@every_task
def test_training_keeps_no_data(task):
    X, y = make_data(task)
    model = make(task, early_stopping=True, validation_fraction=0.3).fit(X, y)
    buffer = io.BytesIO()
    pickle.dump(model.__getstate__(), buffer)
    assert buffer.tell() < 40_000


# 6. clone, set_params, pickle, copy.deepcopy and joblib


def via_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "pickle 2": lambda model: pickle.loads(pickle.dumps(model, protocol=2)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "joblib": via_joblib,
}


@every_pair
def test_copies_predict_the_same(cell, task, num_layers, bidirectional):
    X, y = make_data(task)
    model = make(task, cell, num_layers=num_layers, bidirectional=bidirectional).fit(X, y)
    expected, learnt = answers(model, X), weights_of(model)
    for make_copy in COPIES.values():
        twin = make_copy(model)
        assert_same(answers(twin, X), expected)
        assert (twin.n_iter_, twin.loss_curve_) == (model.n_iter_, model.loss_curve_)
        assert [epoch["train_loss"] for epoch in twin.history_] == model.loss_curve_
        assert vars(twin).keys() == vars(model).keys()
        twin.partial_fit(X, y)  # and can be trained further, on its own
        assert_same(weights_of(model), learnt)
    assert_same(answers(model, X), expected)


@pytest.mark.parametrize("embedding_size", [None, 3])
@every_task
def test_copies_know_the_tokens(task, embedding_size):
    X, (_, y) = make_words(), make_data(task)
    model = make(task, embedding_size=embedding_size).fit(X, y)
    for make_copy in COPIES.values():
        assert_same(answers(make_copy(model), [*X, "xyz"]), answers(model, [*X, "xyz"]))


@every_task
@every_cell
def test_clones_learn_the_same(cell, task):
    X, y = make_data(task)
    model = make(task, cell).fit(X, y)
    twin = clone(model)
    assert not hasattr(twin, "module_")
    assert_same_training(model, twin.fit(X, y), X)
    assert_same_training(model, type(model)().set_params(**model.get_params()).fit(X, y), X)
    expected = answers(model, X)
    assert model.set_params(hidden_size=9, num_layers=3, cell="elman", learning_rate=1.0) is model
    assert_same(answers(model, X), expected)  # until the next fit
    assert_same(answers(COPIES["pickle"](model), X), expected)


def test_an_unfitted_estimator_can_be_copied():
    for task in TASKS:
        for make_copy in COPIES.values():
            twin = make_copy(make(task))
            assert twin.get_params() == make(task).get_params()
            assert not hasattr(twin, "module_")


IN_A_FRESH_PROCESS = """
import pickle, sys
import numpy as np
from sklearn.base import BaseEstimator
answers = []
for model, X in pickle.load(sys.stdin.buffer):
    ask = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    answers.append(list(ask(X)))
pickle.dump(answers, sys.stdout.buffer)
"""


def test_pickle_in_a_fresh_process():
    fitted = []
    for task, cell in [("label", "lstm"), ("number", "jordan"), ("crf", "gru")]:
        X, y = make_data(task)
        fitted.append((make(task, cell, bidirectional=True).fit(X, y), X))
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", IN_A_FRESH_PROCESS],
        input=pickle.dumps(fitted),
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    for (model, X), there in zip(fitted, pickle.loads(run.stdout), strict=True):
        assert_same(there, answers(model, X))


@pytest.mark.parametrize("mmap_mode", ["r", "c"])
def test_joblib_with_a_memory_map(tmp_path, mmap_mode):
    X, y = make_data("label")
    model = make("label").fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    twin = joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)
    assert_same(answers(twin, X), answers(model, X))
    twin.partial_fit(X, y)
    assert_same(answers(joblib.load(tmp_path / "model.joblib"), X), answers(model, X))


def find_strange(value, path="state"):
    """Where a state holds something that is neither a NumPy array nor plain Python."""
    if value is None or type(value) in (bool, int, float, str, bytes):
        return []
    if isinstance(value, (np.ndarray, np.generic)):
        return [] if value.dtype.kind != "O" else [p for v in value.flat for p in find_strange(v, path)]
    if type(value) is dict:
        return [
            p for k, v in value.items() for p in find_strange(v, f"{path}[{k!r}]") + find_strange(k, path)
        ]
    if type(value) in (list, tuple):
        return [p for k, v in enumerate(value) for p in find_strange(v, f"{path}[{k}]")]
    if type(value).__module__ == "sklearn_rnn.encoding":  # a plain object, whose state is read as it is
        return find_strange(vars(value), path)
    return [f"{path}: {type(value)}"]


@pytest.mark.parametrize("inputs", [make_numbers, make_words])
@every_task
@pytest.mark.parametrize("cell", CELLS)
def test_state_is_plain(cell, task, inputs):
    (_, y), X = make_data(task), inputs()
    model = make(task, cell, early_stopping=True, validation_fraction=0.3).fit(X, y)
    state = model.__getstate__()
    assert find_strange(state) == []
    assert hasattr(model, "module_") and hasattr(model, "net_")  # a look at the state takes nothing away


def test_state_is_a_copy():
    X, y = make_data("label")
    model = make("label").fit(X, y)
    expected = answers(model, X)
    state = model.__getstate__()
    for weight in state["_weights"].values():
        weight[...] = 0
    assert_same(answers(model, X), expected)


@pytest.mark.parametrize(
    "device", ["cuda:63", pytest.param("cuda", marks=pytest.mark.skipif("torch.cuda.is_available()"))]
)
@every_task
def test_a_state_from_an_absent_device_loads_on_the_cpu(task, device):
    X, y = make_data(task)
    model = make(task).fit(X, y)
    state = {**model.__getstate__(), "device": device}
    twin = type(model).__new__(type(model))
    twin.__setstate__(state)
    assert {p.device.type for p in twin.module_.parameters()} == {"cpu"}
    assert twin.device == device
    assert_same(answers(twin, X), answers(model, X))
    with pytest.raises(ValueError, match=rf"device='{device}' is not available here"):
        twin.fit(X, y)
    assert_same(answers(twin, X), answers(model, X))


# 7. Sample weights


def assert_alike(a, b, X):
    assert_same(weights_of(a), weights_of(b), rtol=1e-6, atol=1e-8)
    assert_same(answers(a, X), answers(b, X), rtol=1e-6, atol=1e-8)


@every_pair
def test_weights_of_one_are_none(cell, task, num_layers, bidirectional):
    X, y = make_data(task)
    model = make(task, cell, num_layers=num_layers, bidirectional=bidirectional)
    assert_same_training(clone(model).fit(X, y), clone(model).fit(X, y, np.ones(len(X))), X)


@every_task
@every_cell
def test_a_weight_of_zero_is_removed(cell, task):
    X, y = make_data(task)
    is_kept = np.arange(len(X)) % 3 > 0
    rows = np.flatnonzero(is_kept)
    weighted = make(task, cell).fit(X, y, is_kept.astype(float))
    assert_same_training(weighted, make(task, cell).fit(take(X, rows), take(y, rows)), X)


@every_task
@every_cell
def test_a_weight_of_two_is_repeated(cell, task):
    X, y = make_data(task)
    weight = 1 + np.arange(len(X)) % 3 % 2
    rows = np.repeat(np.arange(len(X)), weight)
    assert len(rows) > len(X)
    model = make(task, cell, batch_size="all", dtype="float64")
    weighted = clone(model).fit(X, y, weight)
    repeated = clone(model).fit(take(X, rows), take(y, rows))
    assert_alike(weighted, repeated, X)
    plain = clone(model).fit(X, y)
    assert not np.allclose(plain.loss_curve_, weighted.loss_curve_, rtol=1e-4)


@pytest.mark.parametrize("task", ["label", "number", "softmax", "crf"])
def test_weights_of_tokens(task):
    X, (_, y) = make_words(), make_data(task)
    rows = np.repeat(np.arange(len(X)), 1 + np.arange(len(X)) % 2)
    model = make(task, batch_size="all", dtype="float64")
    assert_alike(
        clone(model).fit(X, y, 1 + np.arange(len(X)) % 2), clone(model).fit(take(X, rows), take(y, rows)), X
    )


@pytest.mark.parametrize("task", ["number a step", "numbers a step", "softmax"])
def test_weights_of_steps(task):
    X, y = make_data(task)
    model = make(task, batch_size="all", dtype="float64")
    of_sequences = np.linspace(0.5, 2, len(X))
    of_steps = [np.full(len(x), w) for x, w in zip(X, of_sequences, strict=True)]
    assert_same_training(clone(model).fit(X, y, of_sequences), clone(model).fit(X, y, of_steps), X)
    # The target of a step without weight is of no account.
    of_steps = [np.arange(len(x)) % 2 == 0 for x in X]
    changed = object_array(targets.copy() for targets in y)
    for targets, weight in zip(changed, of_steps, strict=True):
        targets[~weight] = y[0][0]
    assert_alike(clone(model).fit(X, y, of_steps), clone(model).fit(X, changed, of_steps), X)
    assert make(task).fit(X, y, of_steps).n_iter_ == 3


@pytest.mark.parametrize("task", ["label", "softmax"])
def test_class_weights_are_sample_weights(task):
    X, y = make_data(task)
    labels = np.unique(np.concatenate(y) if task == "softmax" else y).tolist()
    of_class = dict(zip(labels, [0.5, 1.0, 3.0], strict=True))
    if task == "label":
        sample_weight = np.array([of_class[label] for label in y])
    else:
        sample_weight = [np.array([of_class[label] for label in targets]) for targets in y]
    by_class = make(task, class_weight=of_class).fit(X, y)
    assert_same_training(by_class, make(task).fit(X, y, sample_weight), X)


@pytest.mark.parametrize("task", ["label", "softmax"])
def test_a_batch_without_any_weight_does_no_harm(task):
    X, y = make_data(task)
    label = y[0] if task == "label" else y[1][0]  # X[1] has one step, so that its batch has no other label
    model = make(task, class_weight={label.item(): 0.0}, batch_size=1).fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    assert all(np.isfinite(a).all() for a in answers(model, X))


# 8. Training in parts is training in one


@every_pair
def test_training_in_parts(cell, task, num_layers, bidirectional):
    X, y = make_data(task)
    options = {"dropout": 0.3, "num_layers": num_layers, "bidirectional": bidirectional}
    whole = make(task, cell, max_iter=6, **options).fit(X, y)
    warm = make(task, cell, max_iter=3, warm_start=True, **options)
    for _ in range(2):
        assert len(answers(warm.fit(X, y), X)) == len(X)  # a look in between changes nothing
    assert_same_training(warm, whole, X)
    single = make(task, cell, **options)
    for _ in range(6):
        single.partial_fit(X, y)
        single.score(X, y)
    assert_same_training(single, whole, X)
    assert single.n_iter_ == len(single.loss_curve_) == len(single.history_) == 6


@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop", "sgd"])
def test_training_in_parts_with_other_optimizers_and_tokens(optimizer):
    X, (_, y) = [*make_words()[:-1], "fg"], make_data("label")  # rare tokens are hidden at random
    options = {"optimizer": optimizer, "weight_decay": 0.01, "embedding_size": 3, "bptt_steps": 2}
    whole = make("label", max_iter=6, **options).fit(X, y)
    warm = make("label", max_iter=3, warm_start=True, **options).fit(X, y).fit(X, y)
    assert_same_training(warm, whole, X)


def test_without_warm_start_training_starts_anew():
    X, y = make_data("label")
    once = make("label").fit(X, y)
    assert_same_training(make("label").fit(X, y).fit(X, y), once, X)


# 9. Interruptions and losses that are not finite


class AtStep:
    """Do something before the n-th training step."""

    def __init__(self, n, action):
        self.left = n
        self.action = action

    def __enter__(self):
        self.step = step = TrainingStep.__call__

        def watched(train_step, *batch):
            self.left -= 1
            if self.left == 0:
                self.action()
            return step(train_step, *batch)

        TrainingStep.__call__ = watched
        return self

    def __exit__(self, *error):
        TrainingStep.__call__ = self.step


def press_ctrl_c():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    signal.raise_signal(signal.SIGINT)


BATCHES_AN_EPOCH = 3  # 12 sequences, 5 a batch


@every_task
@every_cell
def test_an_interrupted_fit_keeps_what_was_learnt(cell, task):
    X, y = make_data(task)
    model = make(task, cell, max_iter=50)
    with AtStep(2 * BATCHES_AN_EPOCH + 1, press_ctrl_c) as watch:
        with pytest.warns(
            UserWarning, match="Training was interrupted in epoch 3; what was learnt so far is kept"
        ):
            assert model.fit(X, y) is model
    assert watch.left == 0
    two_epochs = make(task, cell, max_iter=2).fit(X, y)
    assert_same_training(model, two_epochs, X)
    assert len(model.loss_curve_) == 2
    assert not model.module_.training
    assert_same(answers(COPIES["pickle"](model), X), answers(two_epochs, X))
    model.partial_fit(X, y)
    assert (model.n_iter_, len(model.loss_curve_)) == (3, 3)


@pytest.mark.parametrize("batch", [1, 2])
def test_an_interruption_in_the_first_epoch(batch):
    X, y = make_data("label")
    model = make("label")
    with AtStep(batch, press_ctrl_c), pytest.warns(UserWarning, match="interrupted in epoch 1"):
        model.fit(X, y)
    assert (model.n_iter_, model.loss_curve_, model.best_loss_) == (0, [], None)
    assert all(np.isfinite(a).all() for a in answers(model, X))
    assert_same(answers(COPIES["pickle"](model), X), answers(model, X))
    assert model.fit(X, y).n_iter_ == 3


def test_an_interruption_with_early_stopping_gives_the_best_weights():
    X, y = make_data("number")
    options = {"early_stopping": True, "validation_fraction": 0.25, "learning_rate": 0.3, "batch_size": 3}
    options["callbacks"] = [Callback()]  # with which nothing is trained again
    with AtStep(9 * 3 + 1, press_ctrl_c), pytest.warns(UserWarning, match="interrupted in epoch 10"):
        model = make("number", max_iter=50, **options).fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_ == 9
    best = 1 + int(np.argmax(model.validation_scores_))
    assert 1 < best < 9
    assert_same(answers(model, X), answers(make("number", max_iter=best, **options).fit(X, y), X))


def test_a_stop_by_early_stopping_is_no_interruption(impatient):
    X, y = make_data("label")
    model = make("label", max_iter=50, early_stopping=True, n_iter_no_change=2, tol=1.0).fit(
        X, y
    )  # warnings are errors
    assert model.n_iter_ < 50


@every_task
@every_cell
def test_a_loss_that_is_not_finite_changes_nothing(cell, task):
    X, y = make_data(task)
    wild = {"learning_rate": 1e38, "max_iter": 5}
    message = (
        r"(?s)stopped in epoch \d+, batch \d+: the (loss|gradient) is .*smaller learning_rate \(now 1e\+38\)"
    )

    model = make(task, cell, **wild)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert vars(model) == before  # not fitted at all

    model.set_params(learning_rate=0.02, max_iter=2).fit(X, y)
    expected, learnt, before = answers(model, X), weights_of(model), dict(vars(model))
    model.set_params(**wild)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert {**vars(model), "learning_rate": 0.02, "max_iter": 2} == before
    assert_same(answers(model, X), expected)

    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)
    model.set_params(warm_start=True)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    model.set_params(learning_rate=0.02, max_iter=2, warm_start=False)
    assert vars(model) == before
    assert_same(weights_of(model), learnt)
    assert_same(answers(model, X), expected)
    # Not even the optimizer or the random numbers remember it.
    model.partial_fit(X, y)
    assert_same_training(model, make(task, cell, max_iter=3).fit(X, y), X)


@pytest.mark.filterwarnings("ignore:X has features far from mean 0")
def test_huge_inputs_stop_training():
    X = [x * 1e38 for x in make_numbers()]
    model = make("number", "elman", nonlinearity="relu")
    with pytest.raises(
        ValueError, match=r"epoch 1, batch 1: the (loss|gradient) is (inf|nan).*scale the inputs"
    ):
        model.fit(X, one_number(make_numbers()))
    assert not hasattr(model, "module_")


@pytest.mark.parametrize("max_grad_norm", [1.0, None])
@pytest.mark.parametrize("is_partial", [False, True])
def test_weights_that_are_not_finite_stop_training(is_partial, max_grad_norm):
    X, y = make_data("label")
    # The loss of the only batch is finite. The step after it leads to infinity.
    model = make("label", batch_size="all", max_iter=1, max_grad_norm=max_grad_norm).fit(X, y)
    expected = answers(model, X)
    model.set_params(learning_rate=1e38)
    with pytest.raises(ValueError, match="epoch .*smaller learning_rate"):
        model.partial_fit(X, y) if is_partial else model.fit(X, y)
    assert_same(answers(model, X), expected)


@pytest.mark.parametrize("problem", ["X", "y", "parameter", "weight"])
@every_task
def test_a_refused_fit_changes_nothing(task, problem):
    X, y = make_data(task)
    model = make(task).fit(X, y)
    expected, before = answers(model, X), dict(vars(model))
    for train in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="."):
            if problem == "X":
                train([*X[:-1], np.full((2, d), np.nan)], y)
            elif problem == "y":
                train(X, y[:-1])
            elif problem == "weight":
                train(X, y, sample_weight=-np.ones(len(X)))
            else:
                model.set_params(cell="lstmm")
                train(X, y)
        model.set_params(cell="gru")
        assert vars(model) == before
        assert_same(answers(model, X), expected)


# 10. A one-step sequence is a feed-forward net


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def first_step(cell, w, x):
    """What a cell with the weights `w` puts out for the first step, x of shape (n, d)."""
    z = x @ w["weight_ih"].T + w["bias_ih"]
    if cell == "elman":
        return np.tanh(z + w["bias_hh"])
    if cell == "jordan":
        return np.tanh(z + w["bias_hy"]) @ w["output.weight"].T + w["output.bias"]
    if cell == "lstm":
        i, _, g, o = np.split(z + w["bias_hh"], 4, axis=1)
        return sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(g))
    if cell == "gru":
        b_r, b_z, b_n = np.split(w["bias_hh"], 3)
        r, u, n = np.split(z, 3, axis=1)
        return (1 - sigmoid(u + b_z)) * np.tanh(n + sigmoid(r + b_r) * b_n)
    return np.tanh(z + w["start"] @ w["recurrent.weight"].T + w["recurrent.bias"]) + w["start"] / 2


def feed_forward(model, cell, x):
    """What a network says about sequences of one step, x of shape (n, d)."""
    weights = weights_of(model)
    directions = 2 if model.bidirectional else 1
    for depth in range(model.num_layers):
        outputs = []
        for direction in range(directions):
            prefix = f"recurrence.layers.{depth}.{direction}."
            own = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
            outputs.append(first_step(cell, own, x))
        x = np.concatenate(outputs, axis=1)
    if cell == "jordan":  # its output layer is the network's, and the directions' scores are added
        scores = sum(outputs)
    else:
        scores = x @ weights["head.output.weight"].T + weights["head.output.bias"]
    if isinstance(model, RNNRegressor):
        return scores * model.target_scale_ + model.target_mean_
    if getattr(model, "head", None) == "crf":
        return softmax(scores + weights["head.start"] + weights["head.end"])
    if isinstance(model.classes_, list):
        return np.concatenate([softmax(scores[:, :3]), softmax(scores[:, 3:])], axis=1)
    return sigmoid(scores) if scores.shape[1] == 3 and model.classes_.dtype.kind == "i" else softmax(scores)


@every_pair
def test_one_step_is_a_feed_forward_net(cell, task, num_layers, bidirectional):
    x = np.random.RandomState(0).randn(20, d)
    X = [row[np.newaxis] for row in x]
    model = make(task, cell, num_layers=num_layers, bidirectional=bidirectional, dtype="float64")
    model.fit(X, TASKS[task][2](X))
    said = np.array([np.ravel(a) for a in answers(model, X)])
    x = x.astype(np.float32).astype(np.float64)  # as X is stored
    np.testing.assert_allclose(said, feed_forward(model, cell, x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
@every_cell
def test_one_step_is_a_feed_forward_net_with_every_pooling(cell, pooling):
    x = np.random.RandomState(0).randn(20, d)
    X = [row[np.newaxis] for row in x]
    model = make("label", cell, pooling=pooling, bidirectional=True, dtype="float64").fit(X, one_label(X))
    x = x.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(model.predict_proba(X), feed_forward(model, cell, x), rtol=1e-9, atol=1e-12)


@every_cell
def test_a_crf_without_transitions_is_a_softmax(cell):
    X, y = make_data("softmax")
    plain = make("softmax", cell).fit(X, y)
    crf = make("crf", cell).fit(X, y)
    weights = weights_of(plain)
    assert set(weights_of(crf)) - set(weights) == {"head.transitions", "head.start", "head.end"}
    crf.module_.load_state_dict(
        {name: torch.from_numpy(weights.get(name, np.zeros_like(w))) for name, w in weights_of(crf).items()}
    )
    assert_same(answers(crf, X), answers(plain, X), rtol=0, atol=1e-6)
    assert_same(list(crf.predict(X)), list(plain.predict(X)))
