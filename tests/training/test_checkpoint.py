"""Training that is killed goes on from its checkpoint, and ends as if nothing had happened."""

import io
import itertools
import os
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EpochScoring, LRScheduler
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR, ReduceLROnPlateau

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.batches import streams
from sklearn_rnn.nn import use_native
from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.persistence import TRUSTED_TYPES
from sklearn_rnn.training import callbacks, checkpoint
from sklearn_rnn.training.divergence import Divergence
from sklearn_rnn.training.step import TrainingStep

STREAM = "the cat sat on the mat. the dog sat on the log. a hat! " * 3
TEXTS = ["anna", "hanna", "johanna", "marianna", "ann", "jo", "maria", "johann", "a", "mara"] * 2
WORDS = [text.split() for text in ["the cat sat", "the dog sat on the cat", "dog", "the dog on the dog"]]
DATA = {"stream": STREAM, "texts": TEXTS, "words": WORDS, "codes": np.array([3, 7, 12, 7, 3, 3, 12] * 12)}
SMALL = {
    "hidden_size": 8,
    "max_iter": 3,
    "batch_size": 4,
    "bptt_steps": 7,
    "learning_rate": 0.02,
    "dropout": 0.3,
    "num_layers": 2,
    "random_state": 0,
    "device": "cpu",
}
EARLY = {
    "early_stopping": True,
    "validation_fraction": 0.4,
    "n_iter_no_change": 1,
    "tol": 0.02,
    "max_iter": 6,
}
EVERY_BATCH = LRScheduler(OneCycleLR, max_lr=0.05, total_steps=200, step_every="batch")


class Killed(BaseException):
    """What no code of the library expects."""


@pytest.fixture(autouse=True)
def written_before_every_batch(monkeypatch):
    monkeypatch.setattr(checkpoint, "_INTERVAL", 0)
    monkeypatch.setattr(checkpoint, "_SHARE", float("inf"))
    monkeypatch.setattr(checkpoint.os, "fsync", lambda _: None)  # only a loss of power would need it


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


def make(**parameters):
    return RNNLanguageModel(**{"handle_unknown": "error", **SMALL, **parameters})


def fit_until(k, model, X, error=Killed, **options):
    """Fit until batch k is to be trained on; give how many there were, if that was all."""
    n = 0
    step = TrainingStep.__call__

    def counted(*args, **kwargs):
        nonlocal n
        n += 1
        if n == k:
            raise error
        return step(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingStep, "__call__", counted)
        try:
            model.fit(X, **options)
        except Killed:
            return None
    return n


def without_durations(history):
    return [{name: value for name, value in epoch.items() if name != "dur"} for epoch in history]


def assert_same(model, other):
    """Check that two models learnt the same, to the last bit."""
    weights, others = (m.module_.state_dict() for m in (model, other))
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert without_durations(model.history_) == without_durations(other.history_)
    for name in ("loss_curve_", "validation_scores_", "n_iter_", "best_loss_"):
        assert getattr(model, name) == getattr(other, name), name


# The same end


@pytest.mark.parametrize("form", DATA)
@pytest.mark.parametrize("options", [{}, EARLY, {"cell": "gru", "embedding_size": 3, "batch_size": "all"}])
def test_training_goes_on_from_every_batch(path, form, options):
    X = DATA[form]
    whole = make(**options)
    n_batches = fit_until(None, whole, X)
    longer = {"max_iter": whole.n_iter_ + 1, "warm_start": True, "early_stopping": False}
    for k in range(1, n_batches + 1, 5 if options else 2):
        assert fit_until(k, make(checkpoint=path, **options), X) is None
        assert path.exists()
        parts = make(checkpoint=path, **options)
        assert fit_until(None, parts, X) == n_batches - k + 1  # those that are done are not computed again
        assert os.listdir(path.parent) == []
        assert_same(parts, whole)
    # The optimizer and the random numbers, too.
    assert_same(parts.set_params(**longer).fit(X), whole.set_params(**longer).fit(X))


def test_a_file_goes_on_from_every_batch(path, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(streams, "_AHEAD", 50)
    X = tmp_path_factory.mktemp("texts") / "text.txt"
    X.write_text(STREAM * 2, encoding="utf8")
    whole = make(**EARLY)
    n_batches = fit_until(None, whole, X)
    for k in range(1, n_batches + 1, 5):
        fit_until(k, make(checkpoint=path, **EARLY), X)
        assert_same(make(checkpoint=path, **EARLY).fit(X), whole)
    fit_until(3, make(checkpoint=path, **EARLY), X)
    X.write_text(STREAM + STREAM[:-2] + " !", encoding="utf8")  # as long, with the same characters
    with pytest.raises(ValueError, match=r"X was (\d+) steps of a file \(\w+ from 0 on\) and is now \1 "):
        make(checkpoint=path, **EARLY).fit(X)


@pytest.mark.parametrize(
    "optimizer",
    ["sgd", "nadam", "radam", "adagrad", "rmsprop", "adamw", partial(torch.optim.LBFGS, max_iter=2)],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_optimizer_goes_on(path, optimizer, dtype):
    options = {"optimizer": optimizer, "dtype": dtype, "weight_decay": 0.01 * isinstance(optimizer, str)}
    whole, parts = make(**options).fit(TEXTS), make(checkpoint=path, **options)
    fit_until(8, make(checkpoint=path, **options), TEXTS)
    assert_same(parts.fit(TEXTS), whole)
    assert_same(parts.partial_fit(TEXTS), whole.partial_fit(TEXTS))


@pytest.mark.parametrize(
    "schedule",
    [
        EVERY_BATCH,
        LRScheduler(OneCycleLR, max_lr=0.05, total_steps=9),
        LRScheduler(CyclicLR, base_lr=0.001, max_lr=0.05, step_size_up=3, step_every="batch"),
        LRScheduler(ReduceLROnPlateau, monitor="train_loss", patience=0, threshold=0.5),
        LRScheduler("StepLR", step_size=1),
        LRScheduler(),  # of skorch's own, with arrays
    ],
    ids=lambda schedule: f"{getattr(schedule.policy, '__name__', schedule.policy)}-{schedule.step_every}",
)
@pytest.mark.parametrize("form", ["stream", "texts"])
def test_schedules_go_on(path, schedule, form):
    X, options = DATA[form], EARLY | {"callbacks": [schedule]}
    whole = make(**options)
    n_batches = fit_until(None, whole, X)
    for k in range(2, n_batches + 1, 9):
        fit_until(k, make(checkpoint=path, **options), X)
        assert_same(make(checkpoint=path, **options).fit(X), whole)


@pytest.mark.parametrize("form", ["stream", "texts"])
def test_interrupted_again_and_again(path, form):
    X, options = DATA[form], EARLY | {"callbacks": [EVERY_BATCH], "checkpoint": path}
    n_restarts = 0
    while fit_until(3, model := make(**options), X, X_val=X) is None:  # two batches each time
        n_restarts += 1
    assert n_restarts > 3
    assert_same(model, make(**EARLY, callbacks=[EVERY_BATCH]).fit(X, X_val=X))


_KILLED = """
import os, pickle, random, signal, sys, time
import torch
from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.training import checkpoint

checkpoint._INTERVAL, checkpoint._SHARE = 0, 0.5  # half of the time, to be killed in between as well
os.fsync = lambda _: None
folder = sys.argv[1]
options, X = pickle.load(sys.stdin.buffer)

def start(name):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        model = RNNLanguageModel(checkpoint=f"{folder}/{name}.ckpt", **options).fit(X)
        with open(f"{folder}/{name}", "wb") as file:
            pickle.dump(model, file)
        status = 0
    finally:
        os._exit(status)

# What is imported when it is first needed; else all time would go into that.
RNNLanguageModel(checkpoint=f"{folder}/first.ckpt", **options | {"max_iter": 2}).fit(X)
torch.save([], f"{folder}/first")
torch.load(f"{folder}/first", weights_only=True)

began = time.monotonic()
assert os.waitpid(start("whole"), 0)[1] == 0
duration = time.monotonic() - began
random.seed(0)
for n_kills in range(1000):
    pid = start("parts")
    time.sleep(random.uniform(0, duration / 3))
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if status == 0:
        break
    assert os.WIFSIGNALED(status)
print(n_kills, *(name for name in os.listdir(folder) if "ckpt" in name))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
@pytest.mark.parametrize("form", ["stream", "texts"])
def test_killed_at_any_moment(tmp_path, form):
    X = DATA[form] * 2
    schedule = LRScheduler(OneCycleLR, max_lr=0.05, total_steps=500, step_every="batch")
    options = SMALL | EARLY | {"max_iter": 10, "n_iter_no_change": 20, "callbacks": [schedule]}
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        input=pickle.dumps((options, X)),
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    n_kills, *left = done.stdout.decode().split()
    assert int(n_kills) > 1 and left == []
    whole, parts = (pickle.loads((tmp_path / name).read_bytes()) for name in ("whole", "parts"))
    assert_same(parts, whole)
    assert parts.sample(3, max_new_tokens=20, random_state=0) == whole.sample(
        3, max_new_tokens=20, random_state=0
    )


def test_training_with_and_without_a_checkpoint_is_the_same(path):
    for X in (STREAM, TEXTS):
        assert_same(make(checkpoint=path, **EARLY).fit(X), make(**EARLY).fit(X))
        assert not path.exists()


# What is kept


class Counter(Callback):
    """Counts batches and epochs, and keeps what no file could hold."""

    def initialize(self):
        self.n_ = 0
        self.made_ = object()
        self.forgotten = 0
        return self

    def on_batch_end(self, net, training, **kwargs):
        self.n_ += training
        self.forgotten += training


class OwnState(Callback):
    n = 0

    def on_batch_end(self, net, **kwargs):
        self.n += 1

    def state_dict(self):
        return {"n": self.n}

    def load_state_dict(self, state):
        self.n = state["n"]


def test_callbacks_keep_what_they_count(path):
    options = {"callbacks": [Counter(), OwnState(), EpochScoring(lambda net, X, y: len(net.history))]}
    whole = make(**options)
    n_batches = fit_until(None, whole, TEXTS)
    fit_until(n_batches, make(checkpoint=path, **options), TEXTS)
    parts = make(checkpoint=path, **options).fit(TEXTS)
    callbacks = dict(parts.net_.callbacks_)
    assert callbacks["Counter"].n_ == callbacks["OwnState"].n == n_batches
    assert callbacks["Counter"].forgotten == 1
    assert type(callbacks["Counter"].made_) is object
    assert_same(parts, whole)


def test_arrays_come_back_as_they_were():
    given = {"a": np.arange(6, dtype=np.uint32).reshape(2, 3)[:, ::2], "b": (np.float64(1.5), [True, None])}
    there = checkpoint._from_plain(checkpoint._plain(given))
    assert there["a"].dtype == np.uint32 and there["a"].tolist() == [[0, 2], [3, 5]]
    assert there["b"] == (1.5, [True, None]) and type(there["b"][0]) is float
    with pytest.raises(TypeError, match="cannot hold a value of type set"):
        checkpoint._plain({"a": {1}})


def test_a_part_of_a_tensor_is_saved_without_the_rest():
    part = checkpoint._plain(torch.arange(100.0).view(10, 10)[3])
    assert part.untyped_storage().nbytes() == part.nbytes


def test_time_and_what_is_shown_are_those_of_a_process(path):
    fit_until(8, make(checkpoint=path, verbose=2), TEXTS)
    kept = torch.load(path, weights_only=True)["callbacks"]
    assert kept == {"epoch_timer": {}, "print_log": {}}


def test_batches_are_counted_on(path, monkeypatch):
    fit_until(8, make(checkpoint=path), TEXTS)  # the third of the second epoch
    check = Divergence.check
    monkeypatch.setattr(Divergence, "check", lambda self, *_: check(self, np.nan, "it"))
    with pytest.raises(ValueError, match="Training stopped in epoch 2, batch 3: it is nan"):
        make(checkpoint=path).fit(TEXTS)


def test_without_a_seed_the_files_is_taken(path):
    options = EARLY | {"random_state": None, "checkpoint": path}
    fit_until(1, make(**options), TEXTS)
    copied = path.read_bytes()
    one = make(**options).fit(TEXTS)
    path.write_bytes(copied)
    fit_until(5, make(**options), TEXTS)
    assert_same(make(**options).fit(TEXTS), one)
    assert make(**options).fit(TEXTS).loss_curve_ != one.loss_curve_  # without a file, a seed of its own


def test_a_generator_that_gives_the_same_seed(path):
    fit_until(4, make(checkpoint=path, random_state=np.random.RandomState(7)), TEXTS)
    parts = make(checkpoint=path, random_state=np.random.RandomState(7)).fit(TEXTS)
    assert_same(parts, make(random_state=np.random.RandomState(7)).fit(TEXTS))


def test_max_iter_may_grow(path):
    fit_until(13, make(checkpoint=path), TEXTS)
    with pytest.raises(ValueError, match="is in epoch 3, but max_iter is 2. Set a larger max_iter"):
        make(checkpoint=path, max_iter=2).fit(TEXTS)
    assert_same(make(checkpoint=path, max_iter=5).fit(TEXTS), make(max_iter=5).fit(TEXTS))


@pytest.mark.parametrize("is_pickled", [False, True])
def test_a_warm_start_goes_on(path, is_pickled):
    begun = make(warm_start=True).fit(TEXTS)
    start = pickle.loads(pickle.dumps(begun)) if is_pickled else begun
    before = pickle.dumps(start)
    whole = (pickle.loads(before) if is_pickled else make(warm_start=True).fit(TEXTS)).fit(TEXTS)
    start.set_params(checkpoint=path)
    fit_until(7, start, TEXTS)
    assert start.n_iter_ == 3
    with pytest.raises(ValueError, match="the number of epochs trained before was 3 and is now 0"):
        make(checkpoint=path).fit(TEXTS)
    assert fit_until(None, start, TEXTS) == 9
    assert_same(start, whole)


def test_ctrl_c_leaves_the_file_and_a_model(path):
    model = make(checkpoint=path)
    with pytest.warns(UserWarning, match="Training was interrupted in epoch 2"):
        fit_until(8, model, TEXTS, error=KeyboardInterrupt)
    assert model.n_iter_ == 1 and path.exists()
    assert_same(model.fit(TEXTS), make().fit(TEXTS))


def test_a_callback_that_ends_training_has_ended_it(path):
    class Enough(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    assert make(checkpoint=path, callbacks=[Enough()]).fit(TEXTS).n_iter_ == 1
    assert not path.exists()


def test_partial_fit_takes_no_notice(path):
    fit_until(5, make(checkpoint=path), TEXTS)
    before = path.read_bytes()
    make(checkpoint=path).partial_fit(WORDS)
    assert path.read_bytes() == before


# Writing


def test_it_is_written_when_it_is_time(path, monkeypatch):
    now, written = [0.0], []
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint, "_INTERVAL", 10)
    monkeypatch.setattr(checkpoint, "_SHARE", 0.1)

    class Clock(Callback):
        def on_batch_begin(self, net, training, **kwargs):
            now[0] += 4

    def replace(self, state):
        now[0] += 2  # a tenth of 20
        written.append((len(state["history"]), state["n_batches"]))

    monkeypatch.setattr(checkpoint.Checkpoint, "_replace", replace)
    make(checkpoint=path, callbacks=[Clock()]).fit(TEXTS)  # 3 epochs of 5 batches
    assert written == [(1, 0), (2, 0), (3, 0)]
    written.clear()
    monkeypatch.setattr(checkpoint, "_SHARE", 1)
    make(checkpoint=path, callbacks=[Clock()]).fit(TEXTS)
    assert written == [(1, 0), (1, 3), (2, 1), (2, 4), (3, 2)]


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_killed_while_it_is_written(path, monkeypatch, where):
    fit_until(4, make(checkpoint=path), TEXTS)
    before = path.read_bytes()

    def kill(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, where, kill)
        assert fit_until(None, make(checkpoint=path), TEXTS) is None
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.ckpt"]
    assert_same(make(checkpoint=path).fit(TEXTS), make().fit(TEXTS))


def test_what_a_killed_write_left_is_removed(path):
    for name in (f"{path}.abcd1234.tmp", f"{path}.2"):
        Path(name).touch()
    make(checkpoint=path).fit(TEXTS)
    assert os.listdir(path.parent) == ["run.ckpt.2"]


def test_a_full_disk_ends_no_training(path, monkeypatch):
    fit_until(4, make(checkpoint=path), TEXTS)
    before = path.read_bytes()

    def fail(*args):
        assert not is_there or path.read_bytes() == before
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", fail)
    is_there = True
    with pytest.warns(UserWarning, match="cannot be written: .*No space left.*the file is as it was before"):
        model = make(checkpoint=path).fit(TEXTS)
    assert_same(model, make().fit(TEXTS))
    is_there = False
    with pytest.raises(OSError, match=r"run.ckpt' cannot be written: .*No space left"):
        make(checkpoint=path).fit(TEXTS)  # it would be in vain from the start


# Files that are not of this training


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hidden_size": 9}, "hidden_size was 8 and is now 9"),
        ({"cell": "gru"}, "cell was 'lstm' and is now 'gru'"),
        ({"optimizer": "sgd"}, "optimizer was 'adam' and is now 'sgd'"),
        ({"optimizer": torch.optim.SGD}, r"optimizer was 'adam' and is now torch\.optim\.sgd\.SGD"),
        ({"batch_size": 5}, "batch_size was 4 and is now 5"),
        ({"bptt_steps": 8}, "bptt_steps was 7 and is now 8"),
        ({"learning_rate": 0.01}, "learning_rate was 0.02 and is now 0.01"),
        ({"early_stopping": True}, "early_stopping was False and is now True"),
        ({"random_state": 1}, r"random_state was one with the seed \d+ and is now one with the seed \d+"),
        (
            {"callbacks": [LRScheduler("StepLR", step_size=2)]},
            r"callbacks was None and is now \[LRScheduler\(.*'step_size': 2",
        ),
    ],
)
def test_other_parameters(path, changed, message):
    fit_until(4, make(checkpoint=path), TEXTS)
    before = path.read_bytes()
    model = make(checkpoint=path, **changed)
    with pytest.raises(ValueError, match=f"run.ckpt' is of another training: {message}.*delete the file"):
        model.fit(TEXTS)
    assert path.read_bytes() == before
    assert not hasattr(model, "module_")


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (TEXTS[:-1], {}, r"X was 20 sequences \(\w+\) and is now 19 sequences"),
        ([*TEXTS[:-1], "amar"], {}, r"X was 20 sequences \(\w+\) and is now 20 sequences"),
        ("".join(TEXTS), {}, r"X was 20 sequences \(\w+\) and is now 90 steps"),
        ([text.upper() for text in TEXTS], {}, r"the vocabulary was 8 entries \(\w+\) and is now 8 entries"),
        (TEXTS, {"X_val": TEXTS}, "X_val was None and is now 20 sequences"),
    ],
)
def test_other_data(path, X, options, message):
    fit_until(4, make(checkpoint=path), TEXTS)
    with pytest.raises(ValueError, match=message):
        make(checkpoint=path).fit(X, **options)


@pytest.mark.parametrize("condition_as", ["input", "state"])
def test_conditions_go_on_and_are_a_part_of_the_data(path, condition_as):
    conditions = ["short" if len(text) < 5 else "long" for text in TEXTS]
    whole = make(condition_as=condition_as).fit(TEXTS, condition=conditions)
    parts = make(condition_as=condition_as, checkpoint=path)
    fit_until(4, parts, TEXTS, condition=conditions)
    with pytest.raises(ValueError, match=r"X was 20 sequences \(\w+\) and is now 20 sequences"):
        parts.fit(TEXTS, condition=conditions[::-1])
    renamed = ["tiny" if label == "short" else "long" for label in conditions]
    with pytest.raises(ValueError, match="the labels of condition was 2 entries"):
        parts.fit(TEXTS, condition=renamed)
    assert_same(parts.fit(TEXTS, condition=conditions), whole)


def test_a_damaged_file_is_refused(path):
    fit_until(4, make(checkpoint=path), TEXTS)
    content = bytearray(path.read_bytes())
    for place in (0, len(content) // 2, len(content) - 1):
        damaged = content.copy()
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is damaged, or is not a checkpoint"):
            make(checkpoint=path).fit(TEXTS)


def test_a_file_of_text_that_was_edited_is_other_data(path, tmp_path_factory):
    X = tmp_path_factory.mktemp("texts") / "text.txt"
    X.write_text("ab" * 50_000 + "cd" + "ab" * 50_000, encoding="utf8")
    fit_until(3, make(checkpoint=path, max_iter=1), X)
    X.write_text("ab" * 50_000 + "dc" + "ab" * 50_000, encoding="utf8")
    with pytest.raises(ValueError, match="of another training: X was 200002 steps"):
        make(checkpoint=path, max_iter=1).fit(X)


@pytest.mark.parametrize("levels", [(0, 2), (2, 0), (1, 2)])
def test_training_may_be_watched_when_it_goes_on(path, levels, capsys):
    before, now = levels
    fit_until(4, make(checkpoint=path, verbose=before), STREAM)
    assert_same(make(checkpoint=path, verbose=now).fit(STREAM), make().fit(STREAM))


@pytest.mark.skipif(library.load() is None, reason="there is one way to train without the compiled loops")
def test_the_way_of_training_stays(path):
    with use_native(True):
        fit_until(4, make(checkpoint=path), TEXTS)
    with use_native(False), pytest.raises(ValueError, match="written by training in another way"):
        make(checkpoint=path).fit(TEXTS)


def test_a_failed_resumption_changes_nothing(path):
    fit_until(4, make(checkpoint=path), TEXTS)
    fitted = make(warm_start=True).fit(TEXTS)
    score, attributes = fitted.score(TEXTS), set(vars(fitted))
    with pytest.raises(ValueError, match="the number of epochs trained before was 0 and is now 3"):
        fitted.set_params(checkpoint=path).fit(TEXTS)
    assert fitted.score(TEXTS) == score and set(vars(fitted)) == attributes and fitted.n_iter_ == 3


class Spy:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"the cat sat on the mat"),
        lambda path: path.write_bytes(pickle.dumps(Spy())),
        lambda path: torch.save({"format": "sklearn_rnn checkpoint", "version": 1, "x": Spy()}, path),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save({"weights": torch.zeros(3)}, path),
    ],
)
def test_files_of_other_kinds(path, write, capsys):
    write(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"ckpt' is (damaged, or is )?not a checkpoint. Pass another path"):
        make(checkpoint=path).fit(TEXTS)
    assert path.read_bytes() == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("n_bytes", [1, 100, -100, -1])
def test_a_file_that_is_cut_short(path, n_bytes):
    fit_until(4, make(checkpoint=path), TEXTS)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=r"run.ckpt' is damaged, or is not a checkpoint"):
        make(checkpoint=path).fit(TEXTS)


LEFT_OUT = object()


def exchange(state, place, value):
    """Copy a state with another value at a place, or without one."""
    if not place:
        return value
    key, *rest = place
    items = dict(state if isinstance(state, dict) else enumerate(state))
    if value is LEFT_OUT and not rest:
        del items[key]
    else:
        items[key] = exchange(items[key], rest, value)
    return items if isinstance(state, dict) else type(state)(items.values())


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """What a checkpoint holds; no test may change it."""
    path = tmp_path_factory.mktemp("state") / "model.ckpt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_INTERVAL", 0)
        patch.setattr(checkpoint, "_SHARE", 1e9)
        fit_until(9, make(checkpoint=path), STREAM)
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *itertools.product(
            [
                *(["version"], ["seed"], ["identity"], ["order"], ["n_batches"], ["carry"], ["losses"]),
                *(["counts"], ["weights"], ["optimizer"], ["torch"], ["history"], ["callbacks"]),
                *(["history", 0], ["history", 0, "train_loss"], ["optimizer", 0], ["optimizer", 0, 0, "lr"]),
                *(["optimizer", 0, 0, "betas"], ["optimizer", 0, 1, 0], ["torch", 0], ["order", 1]),
                *(["weights", "head.output.bias"], ["carry", 0], ["carry", 0, 1]),
            ],
            ["x", LEFT_OUT, {"a": 1}, torch.zeros(3)],
        ),
        (["n_batches"], 5),
        (["carry"], None),
        (["weights", "head.output.bias"], torch.zeros(9, dtype=torch.float64)),
        (["callbacks"], {"a": {"on_batch_end": 1}}),
        (["history"], []),
    ],
)
def test_a_file_that_was_made_anew(path, state, place, value):
    if value is LEFT_OUT and place in (
        ["history", 0],
        ["optimizer", 0, 0, "lr"],
        ["optimizer", 0, 0, "betas"],
    ):
        pytest.skip("what is left is whole")
    content = io.BytesIO()
    torch.save(exchange(state, place, value), content)
    path.write_bytes(content.getvalue() + checkpoint._mark(content.getvalue()))
    model = make(checkpoint=path)
    with pytest.raises(ValueError, match="is damaged|is of another training|in another way"):
        model.fit(STREAM)
    assert not hasattr(model, "module_")


def test_an_error_of_a_callback_is_not_hidden(path):
    class Wrong(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyError("mine")

    fit_until(2, make(checkpoint=path, callbacks=[Wrong()]), TEXTS)
    with pytest.raises(ValueError, match="failed: KeyError: 'mine'.*or a callback is at fault") as caught:
        make(checkpoint=path, callbacks=[Wrong()]).fit(TEXTS)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_file_of_a_later_version(path):
    content = io.BytesIO()
    torch.save({"format": "sklearn_rnn checkpoint", "version": 2}, content)
    path.write_bytes(content.getvalue() + checkpoint._mark(content.getvalue()))
    with pytest.raises(ValueError, match="has format 2, of a later version of sklearn_rnn"):
        make(checkpoint=path).fit(TEXTS)


def test_places_where_no_file_can_be(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; pass the path of a file"):
        make(checkpoint=tmp_path).fit(TEXTS)
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere'; make it first"):
        make(checkpoint=tmp_path / "nowhere" / "run.ckpt").fit(TEXTS)
    with pytest.MonkeyPatch.context() as patch:  # the tests may run as root, who may write anywhere
        patch.setattr(checkpoint.os, "access", lambda folder, mode: folder != tmp_path)
        with pytest.raises(PermissionError, match="nothing can be written to the folder"):
            make(checkpoint=tmp_path / "run.ckpt").fit(TEXTS)
    for wrong, error in ((3, TypeError), (True, TypeError), ("", ValueError)):
        with pytest.raises(error, match="checkpoint must be the path of a file, or None"):
            make(checkpoint=wrong).fit(TEXTS)


# scikit-learn around it


def test_copies_have_the_path(path):
    path = str(path)  # skops knows no paths
    model = make(checkpoint=path).fit(TEXTS)
    for copied in (
        pickle.loads(pickle.dumps(model)),
        skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ):
        assert copied.checkpoint == path and copied.score(TEXTS) == model.score(TEXTS)
    assert clone(model).checkpoint == path


@pytest.mark.filterwarnings("ignore:.*fits failed:sklearn.exceptions.FitFailedWarning")
def test_a_search_does_not_mix_up_its_fits(path):
    grid, options = {"cell": ["gru", "elman"]}, {"cv": 2, "error_score": "raise"}
    found, expected = (
        GridSearchCV(model, grid, **options).fit(TEXTS) for model in (make(checkpoint=path), make())
    )
    scores = [search.cv_results_["mean_test_score"].tolist() for search in (found, expected)]
    assert scores[0] == scores[1]
    fit_until(4, make(checkpoint=path), TEXTS)
    with pytest.raises(ValueError, match="is of another training"):
        GridSearchCV(make(checkpoint=path), grid, **options).fit(TEXTS)


@pytest.mark.parametrize("n_batches", [8, 13])
def test_the_bar_goes_on(path, monkeypatch, n_batches):
    bars = []

    class Bar(callbacks.tqdm):
        def close(self):
            bars.append((self.initial, self.n, self.total))
            super().close()

    fit_until(n_batches, make(checkpoint=path), TEXTS)
    counts = torch.load(path, weights_only=True)["counts"]["ndarray"][2].numpy().view(float)
    monkeypatch.setattr(callbacks, "tqdm", Bar)
    make(checkpoint=path, verbose=1).fit(TEXTS)
    n_tokens = sum(len(text) + 1 for text in TEXTS)
    assert bars[0] == (n_tokens * ((n_batches - 1) // 5) + counts.sum(), 3 * n_tokens, 3 * n_tokens)


def test_it_says_where_it_goes_on(path, capsys):
    fit_until(8, make(checkpoint=path, verbose=1), TEXTS)
    assert "going on" not in capsys.readouterr().err
    make(checkpoint=path, verbose=1).fit(TEXTS)
    assert f"going on from {path}: epoch 2, batch 3\n" in capsys.readouterr().err
