"""The number of threads changes no bit of what is learnt and answered, and nobody waits for a thread."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
)
from sklearn_rnn.nn.kernels import threads
from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.training import OPTIMIZERS

pytestmark = pytest.mark.skipif(library.load() is None, reason="needs the compiled loops")

rng = np.random.RandomState(0)
X = [rng.randn(n, 3) for n in rng.randint(5, 40, size=60)]
WORDS = ["".join(rng.choice(list("abcdefgh"), n)) for n in rng.randint(3, 12, size=60)]
LABELS = np.arange(60) % 5
TAGS = [np.arange(len(x)) % 3 for x in X]
WIDE = {"hidden_size": 96, "max_iter": 2, "random_state": 0, "device": "cpu"}
FITS = {
    **{f"classifier, {cell}": (RNNClassifier(cell=cell, **WIDE), X, LABELS) for cell in ("elman", "jordan")},
    "classifier, gru, stacked": (
        RNNClassifier(cell="gru", num_layers=2, bidirectional=True, dropout=0.2, **WIDE),
        X,
        LABELS,
    ),
    "classifier, attention": (RNNClassifier(pooling="attention", **WIDE), X, LABELS),
    "classifier, letters": (RNNClassifier(embedding_size=16, **WIDE), WORDS, LABELS),
    "classifier, early stopping": (RNNClassifier(early_stopping=True, **WIDE), X, LABELS),
    "regressor": (RNNRegressor(pooling="mean", **WIDE), X, [x.sum() for x in X]),
    "tagger": (RNNTagger(bidirectional=True, **WIDE), X, TAGS),
    "tagger, crf": (RNNTagger(head="crf", **WIDE), X, TAGS),
    "language model": (
        RNNLanguageModel(num_layers=2, tie_weights=True, embedding_size=96, **WIDE),
        WORDS,
        None,
    ),
    "forecaster": (RNNForecaster(**WIDE), np.sin(np.arange(300.0)), None),
    "sequence to sequence": (RNNSeq2Seq(**WIDE), WORDS, WORDS),
    **{f"optimizer {name}": (RNNClassifier(optimizer=name, **WIDE), X, LABELS) for name in OPTIMIZERS},
}


@pytest.fixture
def set_threads(monkeypatch):
    """Set a number of threads, which may be more than there are cores, for any amount of work."""
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "_count_cores", lambda: 64)
    monkeypatch.setattr(threads, "_LEAST_WORK", 1)
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore:.*had not come to their end")
@pytest.mark.parametrize("name", FITS)
def test_any_number_of_threads_learns_and_answers_the_same(name, set_threads):
    model, inputs, targets = FITS[name]
    found = []
    for n_threads in (1, 2, 3, 8):
        set_threads(n_threads)
        model.fit(inputs) if targets is None else model.fit(inputs, targets)
        answers = model.score_samples(WORDS) if isinstance(model, RNNLanguageModel) else model.predict(inputs)
        weights = [w.numpy().copy() for w in model.module_.state_dict().values()]
        found.append((weights, model.loss_curve_, [np.asarray(a) for a in answers]))
    for weights, losses, answers in found[1:]:
        assert losses == found[0][1]
        for here, there in zip([*weights, *answers], [*found[0][0], *found[0][2]], strict=True):
            np.testing.assert_array_equal(here, there)


def test_no_more_threads_than_the_process_may_use(monkeypatch):
    many = 10**9
    before = torch.get_num_threads()
    torch.set_num_threads(64)
    try:
        monkeypatch.setattr(threads, "_read_quota", lambda cores: 64)
        if hasattr(os, "sched_getaffinity"):
            monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5})
            assert threads.count_threads(many) == 3
        monkeypatch.setattr(threads, "_read_quota", lambda cores: 1)  # also of half a core, as joblib counts
        assert threads.count_threads(many) == 1
    finally:
        torch.set_num_threads(before)


FORKS = """
import faulthandler, os, signal, threading, time, warnings
import numpy as np
import torch
from sklearn_rnn import RNNClassifier
from sklearn_rnn.nn.kernels import threads

warnings.simplefilter("ignore", DeprecationWarning)  # of forks
threads._count_cores, threads._LEAST_WORK = lambda: 64, 1
torch.set_num_threads(4)
X, y = [np.ones((n, 3)) * n / 20 for n in range(2, 42)], np.arange(40) % 2
ended = threading.Event()

def fit():
    return RNNClassifier(hidden_size=70, max_iter=3, random_state=0, device="cpu").fit(X, y).loss_curve_

def fit_on():
    while not ended.is_set():
        fit()

others = [threading.Thread(target=fit_on, daemon=True) for _ in range(2)]
for thread in others:
    thread.start()
expected = fit()
for i in range(6):
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(60, exit=True)
        is_same = fit() == expected
        while i % 3 == 0:
            fit()
        os._exit(0 if is_same else 1)
    if i % 3 == 0:
        time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] in (0, signal.SIGKILL)
ended.set()
for thread in others:
    thread.join()
print("ended")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_and_kills_in_the_middle_of_fits():
    run = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=120)
    assert (run.stdout, run.returncode) == ("ended\n", 0), run.stderr
