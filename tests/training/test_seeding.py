"""Random numbers of one's own: fits in threads and forked children neither mix nor wait for each other."""

import copy
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn
from tqdm.auto import tqdm

from sklearn_rnn import RNNClassifier, RNNForecaster, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNTagger
from sklearn_rnn.nn import Cell, LSTMCell
from sklearn_rnn.nn.kernels.rows import Linear

rng = np.random.RandomState(0)
X = [rng.randn(n, 3).astype(np.float32) for n in rng.randint(2, 6, size=12)]
WORDS = [list(np.array(["a", "b", "c"])[(x[:, 0] > 0) + (x[:, 1] > 0).astype(int)]) for x in X]
LABELS = [0, 1] * 6
quick = {"hidden_size": 8, "max_iter": 2, "batch_size": 4, "dropout": 0.3}


class NoisyCell(Cell):
    """A cell of a user's, which draws from torch's global generator."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.linear, self.dropout = nn.Linear(hidden_size, hidden_size), nn.Dropout(0.5)

    def step(self, projected, state):
        h = torch.tanh(projected + self.dropout(self.linear(state[0])) + 0.1 * torch.randn_like(projected))
        return h, (h,)


JOBS = {
    "classifier": lambda s: RNNClassifier(num_layers=2, random_state=s, **quick).fit(X, LABELS),
    "tokens": lambda s: RNNClassifier(cell="lstm", embedding_size=4, random_state=s, **quick).fit(
        WORDS, LABELS
    ),
    "a class of cells": lambda s: RNNClassifier(cell=LSTMCell, random_state=s, **quick).fit(X, LABELS),
    "tagger": lambda s: RNNTagger(head="crf", bidirectional=True, random_state=s, **quick).fit(X, WORDS),
    "regressor": lambda s: RNNRegressor(cell="elman", random_state=s, **quick).fit(X, np.arange(12.0)),
    "language model": lambda s: RNNLanguageModel(random_state=s, **quick).fit(WORDS),
    "forecaster": lambda s: RNNForecaster(distribution="quantile", random_state=s, **quick).fit(
        np.sin(np.arange(30.0))
    ),
    "sequence to sequence": lambda s: RNNSeq2Seq(
        attention="dot", scheduled_sampling=0.5, random_state=s, **quick
    ).fit(WORDS, WORDS),
    "a user's cell": lambda s: RNNClassifier(cell=NoisyCell, random_state=s, **quick).fit(X, LABELS),
}


def weights(model):
    return np.concatenate([w.detach().numpy().ravel() for w in model.module_.parameters()])


@pytest.mark.parametrize("name", JOBS)
def test_threads_draw_what_each_draws_alone(name):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    alone = [weights(JOBS[name](seed)) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = [weights(model) for model in pool.map(JOBS[name], range(3))]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (torch.get_rng_state() == before).all()


def test_a_search_in_threads_finds_what_one_in_turn_finds():
    search = GridSearchCV(RNNClassifier(random_state=0, **quick), {"hidden_size": [4, 8]}, cv=2)
    in_turn = search.fit(X, LABELS).cv_results_["mean_test_score"]
    with joblib.parallel_backend("threading", n_jobs=2):
        in_threads = search.fit(X, LABELS).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(in_turn, in_threads)


@pytest.fixture
def fit_in_another_thread(monkeypatch):
    """A fit that stands still in its first step, in another thread."""
    reached, go_on = threading.Event(), threading.Event()
    here = threading.current_thread()
    forward = Linear.forward

    def wait(self, values):
        if threading.current_thread() is not here and not reached.is_set():
            reached.set()
            assert go_on.wait(60)
        return forward(self, values)

    monkeypatch.setattr(Linear, "forward", wait)
    model = RNNClassifier(embedding_size=4, pooling="attention", random_state=1, **quick)
    thread = threading.Thread(target=model.fit, args=(WORDS, LABELS))
    thread.start()
    assert reached.wait(60)
    yield model
    go_on.set()
    thread.join()
    assert model.n_iter_ == 2


def test_nobody_waits_for_a_fit_in_another_thread(fit_in_another_thread):
    model = JOBS["classifier"](0)  # this would not come back
    twin = copy.deepcopy(pickle.loads(pickle.dumps(model)))
    np.testing.assert_array_equal(weights(model), weights(twin))


def in_a_child(work, seconds=60):
    """Return whether a forked child does some work in time."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@needs_fork
@forks
def test_a_child_that_is_forked_during_a_fit_fits_and_loads(fit_in_another_thread):
    file = pickle.dumps(JOBS["classifier"](0))

    def work():
        pickle.loads(file)
        JOBS["a user's cell"](0)
        RNNClassifier(verbose=1, random_state=0, **quick).fit(X, LABELS)

    assert in_a_child(work)


@needs_fork
@forks
@pytest.mark.parametrize("name", ["classifier", "a user's cell"])
def test_a_child_that_is_forked_while_the_generator_is_lent(name):
    held, go_on = threading.Event(), threading.Event()
    stream = JOBS["a user's cell"](0).net_.stream

    def hold():
        with stream.lent():
            held.set()
            assert go_on.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    try:
        assert in_a_child(lambda: JOBS[name](0), 30)
    finally:
        go_on.set()
        thread.join()


@needs_fork
@forks
def test_a_child_that_is_forked_while_a_bar_is_drawn():
    held, go_on = threading.Event(), threading.Event()

    def draw():
        with tqdm.get_lock().locks[-1]:  # that of threads
            held.set()
            assert go_on.wait(60)

    thread = threading.Thread(target=draw)
    thread.start()
    assert held.wait(60)
    try:
        assert in_a_child(lambda: RNNClassifier(verbose=1, **quick).fit(X, LABELS), 30)
    finally:
        go_on.set()
        thread.join()


@pytest.mark.parametrize("make", [nn.Dropout, nn.RReLU])
def test_modules_of_others_draw_from_random_state_also_if_a_callback_puts_them_there(make):
    class Swap(Callback):
        def on_train_begin(self, net, **kwargs):
            net.module_.dropout = make()

    torch.manual_seed(3)
    before = torch.get_rng_state()
    twins = [
        weights(RNNRegressor(callbacks=[Swap()], random_state=0, **quick).fit(X, np.arange(12.0)))
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*twins)
    assert (torch.get_rng_state() == before).all()


def test_training_after_loading_draws_anew_each_time():
    model, orders = RNNClassifier(random_state=0, **quick).fit(X, LABELS), []
    for _ in range(2):
        model = pickle.loads(pickle.dumps(model))
        orders.append(pickle.loads(pickle.dumps(model)).net_.stream.order.permutation(50).tolist())
        model.partial_fit(X, LABELS)
    assert orders[0] != orders[1]
