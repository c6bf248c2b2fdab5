"""The language model on files and on texts that come in chunks: as on the text as a whole."""

import io
import os
import random
import warnings
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, LRScheduler

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.data import text_file
from sklearn_rnn.nn.kernels.chain_rule import ChainRule
from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.training import callbacks
from sklearn_rnn.training.step import TrainingStep

TEXT = "the cät sat on the mat.\r\n😀 the dog sat on the log. a hat! \n" * 9
SMALL = {
    "hidden_size": 8,
    "max_iter": 3,
    "batch_size": 4,
    "bptt_steps": 7,
    "learning_rate": 0.02,
    "random_state": 0,
    "device": "cpu",
}


def make(**parameters):
    return RNNLanguageModel(**{"handle_unknown": "error", **SMALL, **parameters})


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Read a small text as a large one is read: in many blocks and windows."""
    monkeypatch.setattr(text_file, "_BLOCK", 16)
    monkeypatch.setattr("sklearn_rnn.batches.streams._AHEAD", 100)


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "text.txt", TEXT)


def write(path, text):
    path.write_bytes(text.encode())
    return path


def weights_of(model):
    return {name: w.numpy().copy() for name, w in model.module_.state_dict().items()}


def assert_same(model, other):
    ours, theirs = weights_of(model), weights_of(other)
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert model.loss_curve_ == other.loss_curve_
    assert model.validation_scores_ == other.validation_scores_
    assert model.vocabulary_.tolist() == other.vocabulary_.tolist()


# Files


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"batch_size": 1},
        {"batch_size": "all"},
        {"batch_size": 1000, "bptt_steps": 3},
        {"num_layers": 2, "dropout": 0.3, "embedding_size": 5, "cell": "gru"},
        {"cell": "jordan"},
    ],
    ids=str,
)
def test_a_file_is_trained_on_as_its_text(parameters, path):
    assert_same(make(**parameters).fit(path), make(**parameters).fit(TEXT))


def test_validation_on_a_file(path, tmp_path, monkeypatch):
    other = TEXT[100:350]
    other_path = write(tmp_path / "other.txt", other)
    model = make().fit(TEXT, X_val=other)
    assert_same(make().fit(path, X_val=other_path), model)
    assert_same(make().fit(TEXT, X_val=other_path), model)
    monkeypatch.setattr("sklearn_rnn.batches.streams._LONGEST", 20)
    assert_same(make().fit(path, X_val=other_path), make().fit(TEXT, X_val=other))


def test_a_file_in_parts_of_training(path):
    model = make(dropout=0.2, num_layers=2)
    whole = make(dropout=0.2, num_layers=2, max_iter=4).fit(TEXT)
    assert_same(model.partial_fit(path).partial_fit(path).partial_fit(TEXT).partial_fit(path), whole)
    warm = make(dropout=0.2, num_layers=2, max_iter=2, warm_start=True)
    assert_same(warm.fit(path).fit(path), whole)


@pytest.mark.parametrize("longest", [20, 16384])
def test_scores_of_a_file(longest, path, monkeypatch):
    monkeypatch.setattr("sklearn_rnn.batches.streams._LONGEST", longest)
    model = make().fit(TEXT)
    for method in ("score", "perplexity", "bits_per_token"):
        assert getattr(model, method)(path) == pytest.approx(getattr(model, method)(TEXT), rel=1e-6)


def test_to_score_a_file_it_is_never_held_as_a_whole(path, monkeypatch):
    model = make().fit(TEXT)
    monkeypatch.setattr("sklearn_rnn.batches.streams._LONGEST", 20)
    monkeypatch.setattr(text_file.TextFile, "read_all", None)
    read, sizes = text_file.TextFile.read, []
    monkeypatch.setattr(
        text_file.TextFile, "read", lambda file, a, b: sizes.append(b - a) or read(file, a, b)
    )
    model.score(path)
    make().fit(path, X_val=path)
    assert 0 < max(sizes) <= 101


@pytest.mark.parametrize("method", ["surprisal", "score_samples", "predict_proba", "hidden_states"])
def test_what_is_asked_for_each_step(method, path):
    model = make().fit(TEXT)
    np.testing.assert_array_equal(getattr(model, method)(path), getattr(model, method)(TEXT))


def test_for_a_model_of_texts_a_file_is_a_text(path):
    model = make(max_iter=1).fit(TEXT.splitlines(keepends=True))
    for method in ("score", "score_samples", "surprisal"):
        np.testing.assert_array_equal(getattr(model, method)(path), getattr(model, method)(TEXT))


def test_whatever_is_a_path_is_a_file(path):
    (entry,) = os.scandir(path.parent)
    assert_same(make().fit(entry), make().fit(TEXT))
    with pytest.warns(UserWarning, match="is also the name of a file"):
        assert make().fit(str(path)).vocabulary_.tolist() == sorted(set(str(path)))  # a str is a text


BAD_FILES = {
    "empty": (b"", ValueError, "X is empty; there is nothing to read"),
    "no text": (b"the c\xff", ValueError, "is not text in UTF-8: invalid start byte at byte 5 "),
    "unknown": (
        TEXT.encode() + b"zz@",
        ValueError,
        f"X has '@' at step {len(TEXT) + 2}, .*X has 'z' at step {len(TEXT)}, a token that training",
    ),
    "a folder": (None, ValueError, "is a directory"),
}


@pytest.mark.parametrize("call", ["fit", "partial_fit", "score", "validate"])
@pytest.mark.parametrize("case", [*BAD_FILES, "nothing"])
def test_bad_files_change_nothing(case, call, tmp_path):
    content, error, message = BAD_FILES.get(case, (None, FileNotFoundError, "No such file"))
    bad = tmp_path / "bad.txt"
    if content is not None:
        bad.write_bytes(content)
    elif case == "a folder":
        bad.mkdir()
    model = make(max_iter=1, warm_start=True).fit(TEXT)
    before, weights = dict(vars(model)), weights_of(model)
    do = {"validate": lambda X: model.fit(TEXT, X_val=X)}.get(call) or getattr(model, call)
    if call == "validate":
        message = message.replace("X has", "X_val has").replace("X is", "X_val is")
    with pytest.raises(error, match=f"(?s){message}"):
        do(bad)
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] or value == before[name] for name, value in vars(model).items())
    assert all((w == weights[name]).all() for name, w in weights_of(model).items())
    fresh = make()
    if call == "partial_fit" and case != "unknown":
        with pytest.raises(error):
            fresh.partial_fit(bad)
        assert vars(fresh) == vars(make())


@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_that_grows_while_it_is_trained_on(is_first, path):
    class Grow(Callback):
        def on_epoch_end(self, net, **kwargs):
            with path.open("a") as file:
                file.write("more")

    model = make()
    if not is_first:
        model.fit(TEXT)
    model.set_params(callbacks=[Grow()], warm_start=True)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="text.txt was changed while it was read: it had"):
        model.fit(path)
    assert vars(model).keys() == before.keys()
    if not is_first:
        assert_same(model, make().fit(TEXT))


def test_a_file_too_short_to_set_some_aside(tmp_path):
    with pytest.raises(ValueError, match="early_stopping leaves nothing to train on: X has 2 steps"):
        make(early_stopping=True, bptt_steps=2).fit(write(tmp_path / "short.txt", "ab"))


def test_a_model_of_texts_cannot_go_on_with_a_file(path):
    with pytest.raises(ValueError, match="X must be one stream, or a list of texts, as in the first fit"):
        make(max_iter=1).fit([TEXT, TEXT]).partial_fit(path)


def test_a_file_is_no_text_for_a_model_of_codes(path):
    model = make(max_iter=1).fit(np.arange(50) % 7)
    with pytest.raises(TypeError, match="X holds text tokens, but .* was fitted on integer tokens"):
        model.score(path)


# Chunks


def cut(text, n):
    return (text[i : i + n] for i in range(0, len(text), n))


@pytest.mark.parametrize("n", [1, 5, 10_000])
def test_chunks_that_make_one_part_are_the_text(n):
    assert_same(make().partial_fit(cut(TEXT, n)), make().partial_fit(TEXT))
    codes = np.array([ord(character) for character in TEXT])
    assert_same(make().partial_fit(cut(codes, n)), make().partial_fit(codes))


def test_each_part_is_a_stream_of_its_own(monkeypatch):
    monkeypatch.setattr("sklearn_rnn.estimators.language_model._CHUNKS_A_PART", 3)  # 4 lanes of 3 * 7 steps
    seen = []
    step = TrainingStep.__call__
    monkeypatch.setattr(
        TrainingStep, "__call__", lambda self, batch, *state: seen.append(batch) or step(self, batch, *state)
    )
    model = make().partial_fit(cut(TEXT, 10))
    parts = [TEXT[:90], TEXT[90:180], TEXT[180:270], TEXT[270:360], TEXT[360:]]
    assert sum(batch.chunk == 0 for batch in seen) == len(parts)
    assert sum(int((batch.values == 0).sum()) for batch in seen) == len(parts)
    codes = np.concatenate([batch.targets.numpy() for batch in seen])
    np.testing.assert_array_equal(np.bincount(codes), np.unique(list(TEXT), return_counts=True)[1])
    assert model.n_iter_ == len(model.loss_curve_) == 1


def test_no_more_chunks_are_held_than_needed(monkeypatch):
    """Chunks are asked for while training goes on."""
    asked, before = [], []
    step = TrainingStep.__call__
    monkeypatch.setattr(
        TrainingStep, "__call__", lambda self, *batch: before.append(len(asked)) or step(self, *batch)
    )
    make().partial_fit(asked.append(k) or TEXT for k in range(10))
    assert before[0] <= 2 < before[-1]


def test_parts_of_training_by_chunks():
    chunks = list(cut(TEXT, 50))
    model, other = (make(dropout=0.3, num_layers=2) for _ in range(2))
    for _ in range(2):
        model.partial_fit(iter(chunks))
        other.partial_fit(iter(chunks))
    assert_same(model, other)
    assert model.n_iter_ == 2


def test_an_open_file_is_an_iterator_of_lines(path):
    with path.open(encoding="utf-8", newline="") as lines:
        assert_same(make().partial_fit(lines), make().partial_fit(TEXT))
    with path.open("rb") as lines, pytest.raises(TypeError, match="chunk 0 is of type bytes"):
        make().partial_fit(lines)


def test_what_the_iterator_draws_is_its_own(monkeypatch):
    """Its random numbers do not change training, and training does not change them."""
    monkeypatch.setattr("sklearn_rnn.estimators.language_model._CHUNKS_A_PART", 1)
    drawn = []

    def draw_between(draw):
        for chunk in cut(TEXT, 70):
            if draw:
                drawn.append((torch.rand(1).item(), np.random.rand(), random.random()))
            yield chunk

    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    expected = [(torch.rand(1).item(), np.random.rand(), random.random()) for _ in cut(TEXT, 70)]
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    model = make(num_layers=2, dropout=0.4).partial_fit(draw_between(True))
    assert drawn == expected
    assert_same(model, make(num_layers=2, dropout=0.4).partial_fit(draw_between(False)))


def fail_after(chunks, n, error):
    yield from islice(chunks, n)
    raise error


BAD_CHUNKS = {
    "fails": (lambda: fail_after(cut(TEXT, 40), 9, OSError("the line is dead")), OSError, "line is dead"),
    "fails at once": (lambda: fail_after(cut(TEXT, 40), 0, KeyError("x")), KeyError, "x"),
    "bytes": (lambda: iter([TEXT, TEXT, b"abc"]), TypeError, "chunk 2 is of type bytes"),
    "numbers": (lambda: iter([TEXT, 3]), TypeError, "chunk 1 is of type int"),
    "two forms": (lambda: iter([TEXT, TEXT, np.arange(3)]), TypeError, "chunk 2 is codes and those before"),
    "nothing": (lambda: iter([]), ValueError, "X is empty; there is nothing to read"),
    "unknown": (
        lambda: iter([TEXT, TEXT + "@", "x"]),
        ValueError,
        f"X has '@' at step {2 * len(TEXT)}, a token that training never saw",
    ),
}


@pytest.mark.parametrize("case", BAD_CHUNKS)
def test_an_iterator_that_fails_changes_nothing(case, monkeypatch):
    monkeypatch.setattr("sklearn_rnn.estimators.language_model._CHUNKS_A_PART", 2)
    make_chunks, error, message = BAD_CHUNKS[case]
    fresh = make()
    with pytest.raises(error, match=message):
        fresh.partial_fit(make_chunks())
    assert vars(fresh) == vars(make())
    model = make(dropout=0.3, num_layers=2).partial_fit(TEXT)
    with pytest.raises(error, match=message):
        model.partial_fit(make_chunks())
    assert_same(model.partial_fit(TEXT), make(dropout=0.3, num_layers=2).partial_fit(TEXT).partial_fit(TEXT))


def test_an_iterator_is_for_partial_fit_alone():
    model = make()
    with pytest.raises(TypeError, match="X is an iterator, which can be read only once.* partial_fit"):
        model.fit(cut(TEXT, 9))
    assert vars(model) == vars(make())
    model.fit(TEXT)
    with pytest.raises(TypeError, match="X_val is an iterator"):
        model.fit(TEXT, X_val=cut(TEXT, 9))
    with pytest.raises(TypeError, match="X is an iterator"):
        model.score(cut(TEXT, 9))
    with pytest.raises(ValueError, match="batch_size='all' needs the whole text, but X is an iterator"):
        make(batch_size="all").partial_fit(cut(TEXT, 9))


# What is recorded in a batch


class Look(Callback):
    def __init__(self):
        self.n_batches = []

    def on_epoch_end(self, net, **kwargs):
        self.n_batches.append(len(net.history[-1, "batches", :, "train_loss"]))


def spy_on_batches(monkeypatch):
    sizes = []
    step = TrainingStep.__call__
    monkeypatch.setattr(
        TrainingStep,
        "__call__",
        lambda self, *batch: sizes.append(len(self.net.history[-1]["batches"])) or step(self, *batch),
    )
    return sizes


@pytest.mark.parametrize(
    "given",
    [[], [LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1)], [("look", Look())]],
    ids=["none", "schedule", "look"],
)
def test_batches_are_recorded_only_for_those_who_look_at_them(given, monkeypatch):
    sizes = spy_on_batches(monkeypatch)
    n_batches = len(TEXT) // 4 // 7
    model = make(callbacks=given).fit(TEXT)
    is_looked_at = any(isinstance(callback, tuple) for callback in given)
    assert len(sizes) == 3 * n_batches
    assert max(sizes) == (n_batches if is_looked_at else 2)
    assert [e["train_batch_count"] for e in model.history_] == [n_batches] * 3
    if is_looked_at:
        assert dict(model.net_.callbacks_)["look"].n_batches == [n_batches] * 3
    assert_same(model, make(callbacks=given).fit(TEXT))


def test_the_batch_that_goes_wrong_is_named(monkeypatch):
    step, losses = ChainRule.__call__, []

    def go_wrong(*args):
        scores, loss, *others = step(*args)
        losses.append(loss)
        return scores, loss * (np.nan if len(losses) == 5 else 1), *others

    monkeypatch.setattr(ChainRule, "__call__", go_wrong)
    with pytest.raises(ValueError, match="Training stopped in epoch 1, batch 5: the loss is nan"):
        make().fit(TEXT)


# The bar


def test_the_bar_moves_within_an_epoch(capsys, monkeypatch):
    make_bar = callbacks.tqdm
    now = {"delay": 0, "mininterval": 0, "miniters": 1}
    monkeypatch.setattr(callbacks, "tqdm", lambda **options: make_bar(**options | now))
    model = make(verbose=1, max_iter=2).fit(TEXT, X_val=TEXT)
    drawn = capsys.readouterr().err.split("\r")
    n_batches = len(TEXT) // 4 // 7
    assert len({line.split("|")[0] for line in drawn}) > n_batches
    last = drawn[-1]
    assert "100%" in last and "epoch=2/2" in last
    assert f"bits={model.loss_curve_[-1] / np.log(2):.3g}" in last
    assert f"valid_bits={-model.validation_scores_[-1] / np.log(2):.3g}" in last
    assert_same(model, make(max_iter=2).fit(TEXT, X_val=TEXT))


def test_the_bar_shows_the_mean_so_far(monkeypatch):
    shown = []
    monkeypatch.setattr(callbacks.TokenProgress, "_show", lambda bar, net, *nats: shown.append(nats[0]))
    now = {"delay": 0, "mininterval": 0, "miniters": 1, "file": io.StringIO()}
    make_bar = callbacks.tqdm
    monkeypatch.setattr(callbacks, "tqdm", lambda **options: make_bar(**options | now))
    model = make(verbose=1, max_iter=2).fit(TEXT)
    n_batches = len(TEXT) // 4 // 7
    assert shown[n_batches - 1 : n_batches + 1] == pytest.approx([model.loss_curve_[0]] * 2)
    assert shown[n_batches + 1] < model.loss_curve_[0]  # it begins anew
    assert shown[-2:] == pytest.approx([model.loss_curve_[1]] * 2)


@pytest.mark.parametrize("X", [TEXT, TEXT.split("\n")[:-1], "chunks"], ids=["stream", "texts", "chunks"])
def test_a_short_fit_shows_no_bar(X, capsys):
    model = make(verbose=1, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(cut(TEXT, 9)) if X == "chunks" else model.fit(X)
    assert capsys.readouterr().err == ""


def test_the_bar_takes_paths(path, capsys):
    make(verbose=1).fit(Path(path))
    assert capsys.readouterr().out == ""


def test_the_name_of_a_file_as_a_text_is_told(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("to be or not to be " * 10, encoding="utf-8")
    with pytest.warns(UserWarning, match=r"^X is read as a text, but '.*a.txt' is also the name of a file"):
        make().fit(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make().fit(path)
        make().fit("to be or not to be " * 10)


def test_a_byte_order_mark_is_no_character(tmp_path):
    marked = write(tmp_path / "marked.txt", "\ufeff" + TEXT)
    model, plain = make().fit(marked, X_val=marked), make().fit(TEXT, X_val=TEXT)
    assert_same(model, plain)
    assert model.vocabulary_.tolist() == plain.vocabulary_.tolist()
    np.testing.assert_array_equal(model.surprisal(marked), plain.surprisal(TEXT))
    assert model.score(marked) == pytest.approx(plain.score(TEXT))
    assert_same(make().partial_fit(marked), make().partial_fit(TEXT))


@pytest.mark.skipif(library.get() is None, reason="needs the compiled loops")
def test_a_score_is_the_same_in_chunks_of_any_length(tmp_path, monkeypatch):
    model, text = make(max_iter=40, learning_rate=0.05).fit("ab" * 200), "ab" * 999 + "ba" * 999
    path, expected, surprisal = write(tmp_path / "long.txt", text), model.score(text), model.surprisal(text)
    for chunk in (5, 70, 999):
        monkeypatch.setattr("sklearn_rnn.batches.streams._LONGEST", chunk)
        assert model.score(path) == model.score(text) == expected
        np.testing.assert_array_equal(model.surprisal(text), surprisal)
