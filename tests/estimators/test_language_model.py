"""The language model against slow loops in plain torch, against itself, and against input that is wrong."""

import copy
import io
import itertools
import pickle
import warnings
from itertools import islice

import joblib
import numpy as np
import pandas as pd
import polars
import pytest
import skops.io
import torch
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback
from torch.nn import functional as F

from sklearn_rnn import RNNLanguageModel, Sequences
from sklearn_rnn.batches.streams import StreamDataset
from sklearn_rnn.estimators.sampling import choose
from sklearn_rnn.nn import use_native
from sklearn_rnn.nn.kernels.chain_rule import ChainRule
from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.persistence import TRUSTED_TYPES
from sklearn_rnn.preprocessing import SequenceFeatures, SequenceTruncator, TokenEncoder
from sklearn_rnn.training import early_stopping
from sklearn_rnn.training import net as training

STREAM = "the cat sat on the mat. the dog sat on the log. a hat! " * 3
TEXTS = ["anna", "hanna", "johanna", "marianna", "ann", "jo", "maria", "johann", "a", "mara"]
WORDS = [text.split() for text in ["the cat sat", "the dog sat on the cat", "dog", "the dog on the dog"]]
CODES = [np.array([3, 7, 7, 12]), np.array([12]), np.array([7, 3, 7])]
CODE_STREAM = np.array([3, 7, 12, 7, 3, 3, 12] * 12)
DATA = {"stream": STREAM, "texts": TEXTS, "words": WORDS, "codes": CODES, "code stream": CODE_STREAM}
SMALL = {
    "hidden_size": 8,
    "max_iter": 3,
    "batch_size": 4,
    "bptt_steps": 7,
    "learning_rate": 0.02,
    "random_state": 0,
    "device": "cpu",
}
every_form = pytest.mark.parametrize("form", DATA)
every_cell = pytest.mark.parametrize("cell", ["elman", "jordan", "lstm", "gru"])


def make(**parameters):
    return RNNLanguageModel(**{"handle_unknown": "error", **SMALL, **parameters})


@pytest.fixture(scope="module")
def fitted():
    """One fitted model for each form of data; no test may change them."""
    return {
        form: make(
            max_iter=15, num_layers=1 + (form == "texts"), embedding_size=5 if form == "words" else None
        ).fit(X)
        for form, X in DATA.items()
    }


def as_list(X):
    return [X] if isinstance(X, str) or (isinstance(X, np.ndarray) and X.ndim == 1) else list(X)


def weights_of(model):
    return {name: w.numpy().copy() for name, w in model.module_.state_dict().items()}


def assert_same(model, other, X):
    """Check that two models learnt the same, to the last bit."""
    ours, theirs = weights_of(model), weights_of(other)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
    assert model.loss_curve_ == other.loss_curve_ and model.n_iter_ == other.n_iter_
    assert model.score(X) == other.score(X)


def remember(model):
    """All that a call could change."""
    return dict(vars(model)), weights_of(model) if hasattr(model, "module_") else None


def assert_unchanged(model, memory):
    before, weights = memory
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] or value == before[name] for name, value in vars(model).items())
    if weights is not None:
        assert all((w == weights[name]).all() for name, w in weights_of(model).items())
        assert not model.module_.training


# The batches of a stream


@pytest.mark.parametrize("chunk", [1, 2, 5, 7])
@pytest.mark.parametrize("n_lanes", [1, 3, 4, 50])
def test_a_stream_is_read_once_and_in_order(n_lanes, chunk):
    for n_steps in range(1, 45):
        dataset = StreamDataset(np.arange(n_steps), np.arange(n_steps) + 100, chunk)
        batches = list(dataset.batches(n_lanes, None, torch.zeros(1)))
        lanes = {}
        for k, batch in enumerate(batches):
            sizes = batch.packing.batch_sizes
            n_here = len(batch.packing)
            assert len(batch.values) == len(batch.targets) == sum(sizes)
            assert (batch.targets == batch.values + 100).all()
            assert n_here == len(batches[0].packing)  # the state of each lane has a lane to go on to
            assert batch.chunk == k
            is_last = k == len(batches) - 1
            assert len(sizes) == chunk or (is_last and len(sizes) <= 2 * chunk)
            assert is_last or batch.packing.is_rectangular
            starts = np.cumsum([0, *sizes[:-1]])
            for lane in range(n_here):
                steps = [
                    int(batch.values[s + lane]) for s, size in zip(starts, sizes, strict=True) if lane < size
                ]
                lanes.setdefault(lane, []).extend(steps)
        assert list(itertools.chain(*(lanes[lane] for lane in sorted(lanes)))) == list(range(n_steps))
        assert len(lanes) == min(n_lanes, max(1, n_steps // chunk))  # fewer where they would be too short
        assert max(map(len, lanes.values())) - min(map(len, lanes.values())) <= 1


def test_every_step_of_a_stream_is_predicted_from_the_one_before():
    model = make(bptt_steps=5).fit("abcab")
    dataset = model._make_dataset(model._read_text("abcab")[0])
    assert dataset.sequences.values.tolist() == [0, 1, 2, 3, 1]  # 0 begins it; tokens count from 1
    assert dataset.targets.tolist() == [0, 1, 2, 0, 1]


def test_texts_begin_and_end():
    model = make().fit(["ab", "c"])
    dataset = model._make_dataset(model._read_text(["ab", "c"])[0])
    assert [x.tolist() for x in dataset.sequences] == [[0, 1, 2], [0, 3]]
    assert dataset.targets.tolist() == [0, 1, 3, 2, 3]  # 3 ends them


# Training against a slow loop


def step_of(cell, w, x, state, is_top):
    """One step of a layer with the weights `w`; x of shape (input_size,), or a token."""
    z = w["weight_ih"][:, x] if x.dtype == torch.int64 else w["weight_ih"] @ x
    z = z + w["bias_ih"]
    if cell == "jordan":
        y = torch.zeros(w["weight_hy"].shape[1]) if state is None else state[0]
        scores = w["output.weight"] @ torch.tanh(z + w["weight_hy"] @ y + w["bias_hy"]) + w["output.bias"]
        return scores, (scores.softmax(0) if is_top else scores,)
    n_hidden = w["weight_hh"].shape[1]
    h, *c = (torch.zeros(n_hidden),) * (2 if cell == "lstm" else 1) if state is None else state
    r = w["weight_hh"] @ h + w["bias_hh"]
    if cell == "elman":
        h = torch.tanh(z + r)
        return h, (h,)
    if cell == "lstm":
        i, f, g, o = (z + r).chunk(4)
        c = f.sigmoid() * c[0] + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)
    (z_r, z_u, z_n), (r_r, r_u, r_n) = z.chunk(3), r.chunk(3)
    n, u = torch.tanh(z_n + (z_r + r_r).sigmoid() * r_n), (z_u + r_u).sigmoid()
    h = (1 - u) * n + u * h
    return h, (h,)


def scores_of(cell, w, token, states):
    """What a whole network says after one more token; its states are changed."""
    x = w["input.embedding.weight"][token] if "input.embedding.weight" in w else token
    for depth in range(len(states)):
        prefix = f"recurrence.layers.{depth}.0."
        own = {name.removeprefix(prefix): v for name, v in w.items() if name.startswith(prefix)}
        x, states[depth] = step_of(cell, own, x, states[depth], depth == len(states) - 1)
    return x if cell == "jordan" else w["head.output.weight"] @ x + w["head.output.bias"]


def train_slowly(cell, w, n_layers, inputs, targets, *, n_lanes, chunk, learning_rate, max_grad_norm):
    """One epoch of truncated back-propagation, lane by lane and step by step; return the losses."""
    learnt = {name: v for name, v in w.items() if v.is_floating_point()}
    lanes = [list(zip(*lane, strict=True)) for lane in zip(inputs, targets, strict=True)]
    states = [[None] * n_layers for _ in range(n_lanes)]
    n_chunks = len(lanes[-1]) // chunk
    losses = []
    for k in range(n_chunks):
        terms = []
        for lane, state in zip(lanes, states, strict=True):
            stop = None if k == n_chunks - 1 else (k + 1) * chunk
            for token, target in lane[k * chunk : stop]:
                terms.append(F.cross_entropy(scores_of(cell, w, token, state), target))
            state[:] = [tuple(s.detach() for s in part) for part in state]
        loss = sum(terms) / len(terms)
        grads = torch.autograd.grad(loss, list(learnt.values()))
        norm = torch.cat([g.flatten() for g in grads]).norm()
        with torch.no_grad():
            for v, g in zip(learnt.values(), grads, strict=True):
                v -= learning_rate * g * min(1.0, max_grad_norm / float(norm))
        losses.append((loss.item(), len(terms)))
    return losses


class Listener(Callback):
    """Listens to the network, which is then left to autograd."""

    def on_train_begin(self, net, **kwargs):
        net.module_.register_forward_hook(lambda *_: None)


@pytest.mark.parametrize("path", ["by hand", "autograd", "torch"])
@pytest.mark.parametrize(("num_layers", "embedding_size"), [(1, None), (2, 3)])
@every_cell
def test_one_epoch_is_that_of_a_slow_loop(cell, num_layers, embedding_size, path, monkeypatch):
    if path != "torch" and library.load() is None:
        pytest.skip("needs the compiled loops")
    calls, begun = [], []
    train, differentiate = early_stopping.run_epochs, ChainRule.__call__

    def train_and_remember(net, *args, **kwargs):
        begun.append({name: w.clone() for name, w in net.module_.state_dict().items()})
        return train(net, *args, **kwargs)

    monkeypatch.setattr(early_stopping, "run_epochs", train_and_remember)
    monkeypatch.setattr(ChainRule, "__call__", lambda *a: calls.append(1) or differentiate(*a))
    chunk, n_lanes, text = 4, 3, "abacabadcabba" * 3 + "dc"  # 41 steps: lanes of 14, 14 and 13
    options = {"learning_rate": 0.5, "optimizer": torch.optim.SGD, "max_grad_norm": 0.7}
    with use_native(path != "torch"):
        model = make(
            cell=cell,
            num_layers=num_layers,
            embedding_size=embedding_size,
            max_iter=1,
            batch_size=n_lanes,
            bptt_steps=chunk,
            callbacks=[Listener()] if path == "autograd" else None,
            **options,
        ).fit(text)
    assert len(calls) == (3 if path == "by hand" else 0)
    codes = torch.from_numpy(np.searchsorted(model.vocabulary_, list(text)))
    inputs, targets = torch.cat([torch.zeros(1, dtype=torch.int64), codes[:-1] + 1]), codes
    w = {name: v.requires_grad_(v.is_floating_point()) for name, v in begun[0].items()}
    losses = train_slowly(
        cell,
        w,
        num_layers,
        inputs.split([14, 14, 13]),
        targets.split([14, 14, 13]),
        n_lanes=n_lanes,
        chunk=chunk,
        learning_rate=0.5,
        max_grad_norm=0.7,
    )
    assert len(losses) == 3
    mean = np.average([loss for loss, _ in losses], weights=[n for _, n in losses])
    np.testing.assert_allclose(model.loss_curve_, [mean], rtol=1e-5)
    for name, learnt in weights_of(model).items():
        np.testing.assert_allclose(learnt, w[name].detach().numpy(), rtol=0, atol=2e-6, err_msg=name)


def test_training_sees_what_is_further_back_than_a_chunk():
    text = "".join(np.random.RandomState(0).permutation(["axxxxxb", "cxxxxxd"] * 150))
    model = make(hidden_size=16, bptt_steps=4, batch_size=2, max_iter=6).fit(text)
    at = np.arange(6, len(text), 7)
    assert model.surprisal(text)[at].mean() < 0.1  # by the chunk alone, log(2)


# Scores


def log_probabilities_step_by_step(model, X):
    """Log-probabilities of what may come next, before each step and after the last, of each sequence."""
    w = {name: torch.from_numpy(v) for name, v in weights_of(model).items()}
    found = []
    for x in as_list(X):
        states, rows = [None] * model.num_layers, []
        for code in [0, *(np.searchsorted(model.vocabulary_, list(x)) + 1)]:
            rows.append(scores_of(model.cell, w, torch.tensor(code), states).log_softmax(0).numpy())
        found.append(np.array(rows))
    return found


@every_form
def test_scores_are_those_of_a_loop_over_steps(form, fitted):
    model, X = fitted[form], DATA[form]
    expected = log_probabilities_step_by_step(model, X)
    sums, n_terms = [], 0
    probabilities, surprisals = model.predict_proba(X), model.surprisal(X)
    is_one = len(as_list(X)) == 1
    for i, (x, rows) in enumerate(zip(as_list(X), expected, strict=True)):
        codes = np.searchsorted(model.vocabulary_, list(x))
        logs = rows[np.arange(len(codes)), codes]
        end = [] if is_one else [rows[-1, -1]]
        sums.append(logs.sum() + sum(end))
        n_terms += len(logs) + len(end)
        said = probabilities if is_one else probabilities[i]
        np.testing.assert_allclose(said, np.exp(rows[1:]), rtol=0, atol=1e-5)
        np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
        assert said.shape == (len(x), len(model.vocabulary_) + (not is_one))
        surprisal = surprisals if is_one else surprisals[i]
        np.testing.assert_allclose(surprisal, -logs, rtol=0, atol=1e-5)
        # What comes next stands in the row before it.
        np.testing.assert_allclose(-np.log(said[np.arange(len(x) - 1), codes[1:]]), surprisal[1:], atol=1e-4)
    np.testing.assert_allclose(model.score_samples(X), sums, rtol=1e-5)
    score = model.score(X)
    np.testing.assert_allclose(score, np.sum(sums) / n_terms, rtol=0, atol=1e-5)
    assert model.perplexity(X) == pytest.approx(np.exp(-score))
    assert model.bits_per_token(X) == pytest.approx(-score / np.log(2))
    assert -score < np.log(len(model.vocabulary_) + (not is_one))  # something was learnt


@every_cell
def test_scores_of_every_cell_are_those_of_a_loop_over_steps(cell):
    model = make(cell=cell, num_layers=2).fit(STREAM)
    rows = log_probabilities_step_by_step(model, STREAM)[0]
    codes = np.searchsorted(model.vocabulary_, list(STREAM))
    np.testing.assert_allclose(model.surprisal(STREAM), -rows[np.arange(len(codes)), codes], atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 2, 5, 64, len(STREAM) - 1])
@pytest.mark.parametrize("form", ["stream", "texts", "words"])
@pytest.mark.parametrize("is_native", [True, False])
def test_scores_do_not_hang_on_chunks(form, chunk, is_native, fitted, monkeypatch):
    model, X = fitted[form], DATA[form]
    ask = [model.score_samples, model.surprisal, model.predict_proba]
    expected = [f(X) for f in ask]
    monkeypatch.setattr("sklearn_rnn.nn.long_sequences._CHUNK", chunk)
    sizes = []
    hook = model.module_.register_forward_pre_hook(
        lambda _, args: sizes.append(len(args[0].packing.batch_sizes))
    )
    with hook, use_native(is_native):
        for f, said in zip(ask, expected, strict=True):
            for a, b in zip(f(X), said, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        assert model.score(X) == pytest.approx(-np.mean(np.concatenate(_terms(model, X))), abs=1e-5)
    assert max(sizes) <= 2 * chunk


def _terms(model, X):
    """All log-probabilities of X with their sign changed, the ends of texts included."""
    if not isinstance(X, list):
        return [model.surprisal(X)]
    ends = [-np.log(p[-1:, -1]) for p in model.predict_proba(X)]
    return [np.concatenate(pair) for pair in zip(model.surprisal(X), ends, strict=True)]


@pytest.mark.parametrize("form", ["texts", "words", "codes"])
def test_scores_do_not_hang_on_others(form, fitted, monkeypatch):
    model, X = fitted[form], DATA[form]
    together = model.score_samples(X)
    alone = [model.score_samples([x])[0] for x in X]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)
    order = np.random.RandomState(0).permutation(len(X))
    np.testing.assert_allclose(model.score_samples([X[i] for i in order]), together[order], atol=1e-5)
    monkeypatch.setattr("sklearn_rnn.batches.planning._PREDICTION_STEPS", 5)
    np.testing.assert_allclose(model.score_samples(X), together, rtol=0, atol=1e-5)


def test_a_list_for_a_model_of_a_stream_holds_streams(fitted):
    model = fitted["stream"]
    first, second = STREAM[:30], STREAM[30:70]
    expected = [model.score_samples(first)[0], model.score_samples(second)[0]]
    np.testing.assert_allclose(model.score_samples([first, second]), expected, rtol=1e-6)


def test_a_str_for_a_model_of_texts_is_a_text(fitted):
    model = fitted["texts"]
    assert model.score_samples("johanna") == pytest.approx(model.score_samples(["johanna"]))
    np.testing.assert_array_equal(model.surprisal("johanna"), model.surprisal(["johanna"])[0])


def test_hidden_states_are_those_that_the_output_layer_reads(fitted):
    model = fitted["texts"]
    states = model.hidden_states(TEXTS)
    w = weights_of(model)
    for text, h, said in zip(TEXTS, states, model.predict_proba(TEXTS), strict=True):
        assert h.shape == (len(text), 8)
        scores = torch.from_numpy(h @ w["head.output.weight"].T + w["head.output.bias"])
        np.testing.assert_allclose(scores.softmax(1), said, rtol=0, atol=1e-5)
    last = model.hidden_states(TEXTS, per_step=False)
    np.testing.assert_allclose(last, [h[-1] for h in states], atol=1e-6)
    features = SequenceFeatures(model, prefit=True, per_step=False).fit(TEXTS).transform(TEXTS)
    np.testing.assert_array_equal(features, last)
    assert fitted["stream"].hidden_states(STREAM).shape == (len(STREAM), 8)


# What is learnt


def test_ends_of_texts_are_learnt():
    model = make(max_iter=60, batch_size="all").fit(["ab", "abc"] * 10)
    (p,) = model.predict_proba(["abc"])
    assert p.shape == (3, 4) and list(model.vocabulary_) == ["a", "b", "c"]
    assert p[0, -1] < 0.05 and p[1, -1] == pytest.approx(1 / 2, abs=0.05) and p[2, -1] > 0.95
    drawn = model.sample(200, max_new_tokens=50, random_state=0)
    assert drawn.count("ab") + drawn.count("abc") > 170 and drawn.count("ab") > 60


def test_a_stream_has_no_end(fitted):
    model = fitted["stream"]
    assert model.module_.head.n_outputs == len(model.vocabulary_)
    assert [len(text) for text in model.sample(3, max_new_tokens=40, random_state=0)] == [40] * 3


@pytest.mark.parametrize("text", ["a", "ab", "aaaaaa"])
def test_texts_of_a_single_chunk(text):
    model = make(batch_size=32, bptt_steps=len(text)).fit(text)
    assert np.isfinite(model.score(text)) and len(model.surprisal(text)) == len(text)
    assert model.sample(max_new_tokens=3, random_state=0)[0].strip("ab") == ""
    model.fit([text])
    assert np.isfinite(model.score([text]))


def test_all_lanes_in_one_batch():
    model = make(batch_size="all", bptt_steps=10).fit(STREAM)
    assert model.net_.batch_size == len(STREAM) // 10 and np.isfinite(model.score(STREAM))


def fit_in_parts(X):
    model = make(dropout=0.2, num_layers=2)
    for _ in range(6):
        model.partial_fit(X)
    return model


@pytest.mark.parametrize("form", ["stream", "texts"])
def test_three_epochs_and_three_are_six(form):
    X = DATA[form]
    whole = make(max_iter=6, dropout=0.2, num_layers=2).fit(X)
    warm = make(max_iter=3, dropout=0.2, num_layers=2, warm_start=True)
    assert_same(warm.fit(X).fit(X), whole, X)
    assert_same(fit_in_parts(X), whole, X)
    assert_same(
        make(max_iter=3, dropout=0.2, num_layers=2).fit(STREAM).fit(X),
        make(max_iter=3, dropout=0.2, num_layers=2).fit(X),
        X,
    )


@every_form
def test_one_random_state_gives_one_model(form):
    X = DATA[form]
    first, second = (make(dropout=0.2, embedding_size=4, num_layers=2).fit(X) for _ in range(2))
    assert_same(first, second, X)
    assert (
        first.loss_curve_
        != make(dropout=0.2, embedding_size=4, num_layers=2, random_state=1).fit(X).loss_curve_
    )


@pytest.mark.parametrize("form", ["stream", "texts", "code stream"])
def test_early_stopping(form, impatient):
    X = DATA[form]
    options = {
        "early_stopping": True,
        "validation_fraction": 0.3,
        "learning_rate": 0.1,
        "n_iter_no_change": 3,
    }
    model = make(max_iter=100, **options).fit(X)
    scores = model.validation_scores_
    assert 3 < model.n_iter_ == len(scores) < 100
    best = 1 + int(np.argmax(scores))
    assert best <= model.n_iter_
    again = make(max_iter=best, **options).fit(X)
    assert all((w == weights_of(again)[name]).all() for name, w in weights_of(model).items())


def test_early_stopping_sets_the_end_of_a_stream_aside(monkeypatch):
    seen = []
    train = early_stopping.run_epochs
    monkeypatch.setattr(
        early_stopping, "run_epochs", lambda net, *a, **more: seen.append(a) or train(net, *a, **more)
    )
    model = make(early_stopping=True, validation_fraction=0.2).fit(STREAM)
    kept, held, *_ = seen[0]
    n_held = round(0.2 * len(STREAM))
    codes = np.searchsorted(model.vocabulary_, list(STREAM))
    np.testing.assert_array_equal(kept.targets, codes[:-n_held])
    np.testing.assert_array_equal(held.targets, codes[-n_held:])
    np.testing.assert_array_equal(held.sequences.values, codes[-n_held - 1 : -1] + 1)


@pytest.mark.parametrize("form", ["stream", "texts", "words"])
def test_text_to_validate_on(form, impatient):
    X = DATA[form]
    X_val = X[: len(X) // 2]
    scores = [make(max_iter=n).fit(X).score(X_val) for n in (1, 2, 3)]
    model = make().fit(X, X_val=X_val)
    np.testing.assert_allclose(model.validation_scores_, scores, rtol=1e-6)
    assert_same(model, make().fit(X), X)  # a mere look
    best = make(early_stopping=True, max_iter=60, n_iter_no_change=1, tol=0.0, learning_rate=0.2).fit(
        X, X_val=X_val
    )
    assert best.n_iter_ < 60
    assert best.score(X_val) == pytest.approx(max(best.validation_scores_), rel=1e-6)


@pytest.mark.parametrize("form", ["stream", "texts"])
def test_long_text_to_validate_on_is_read_in_parts(form, monkeypatch):
    monkeypatch.setattr("sklearn_rnn.batches.streams._LONGEST", 4)
    sizes = []
    step = training.SequenceNet.validation_step
    monkeypatch.setattr(
        training.SequenceNet,
        "validation_step",
        lambda net, batch, *state: sizes.append(len(batch.packing.batch_sizes)) or step(net, batch, *state),
    )
    X = DATA[form]
    model = make(max_iter=1).fit(X, X_val=X)
    assert max(sizes) <= 8 and len(sizes) > 3
    assert model.validation_scores_[0] == pytest.approx(model.score(X), rel=1e-5)


# Samples


@pytest.mark.parametrize(("form", "prompt"), [("stream", "the c"), ("texts", "jo"), ("words", ["the"])])
def test_temperature_0_takes_the_most_likely(form, prompt, fitted):
    model = fitted[form]
    (drawn,) = model.sample(prompt=prompt, max_new_tokens=6, temperature=0)
    x = list(prompt)
    for _ in range(6):
        best = model.predict_proba([x if form == "words" else "".join(x)])[0][-1].argmax()
        if best == len(model.vocabulary_):
            break
        x.append(model.vocabulary_[best])
    assert list(drawn) == x
    assert model.sample(prompt=prompt, max_new_tokens=6, top_k=1, random_state=0) == [drawn]
    assert model.sample(prompt=prompt, max_new_tokens=6, top_p=1e-9, random_state=0) == [drawn]
    for cold in (1e-6, 1e-300, 5e-324):
        assert model.sample(prompt=prompt, max_new_tokens=6, temperature=cold, random_state=0) == [drawn]


def next_probabilities(model, prompt, temperature=1.0, top_k=None, top_p=None):
    """What `sample` should draw from, by another road."""
    p = model.predict_proba(prompt)[-1].astype(np.float64) ** (1 / temperature)
    order = np.argsort(-p)
    if top_k is not None:
        p[order[top_k:]] = 0
    if top_p is not None:
        ranked = p[order] / p.sum()
        n_kept = 1 + np.flatnonzero(np.cumsum(ranked) >= top_p - 1e-12)[0]  # sums are rounded
        p[order[n_kept:]] = 0
    return p / p.sum()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5},
        {"temperature": 3.0},
        {"top_k": 3},
        {"top_k": 1000},
        {"top_p": 0.6},
        {"top_p": 1.0},
        {"temperature": 2.0, "top_k": 4, "top_p": 0.8},
    ],
    ids=str,
)
@pytest.mark.parametrize(("form", "prompt"), [("stream", "the "), ("texts", "ann")])
def test_frequencies_are_those_of_the_softmax(form, prompt, options, fitted):
    model = fitted[form]
    expected = next_probabilities(model, prompt, **options)
    n = 4000
    drawn = model.sample(n, prompt=prompt, max_new_tokens=1, random_state=0, **options)
    tokens = [text[len(prompt) :] or "end" for text in drawn]
    names = [*model.vocabulary_, "end"][: len(expected)]
    counts = np.array([tokens.count(name) for name in names])
    assert counts.sum() == n
    assert (counts[expected == 0] == 0).all()  # what is cut off is never drawn
    often = expected * n >= 5
    observed, wanted = counts[often], n * expected[often]
    if (~often).any():
        observed, wanted = np.append(observed, n - observed.sum()), np.append(wanted, n - wanted.sum())
        keep = wanted > 0.5
        observed, wanted = observed[keep], wanted[keep] * observed[keep].sum() / wanted[keep].sum()
    if len(observed) > 1:
        assert chisquare(observed, wanted).pvalue > 1e-3
    else:
        assert observed[0] == n


def test_later_steps_are_drawn_from_the_softmax_too(fitted):
    model, n = fitted["texts"], 3000
    drawn = model.sample(n, random_state=1)
    texts, counts = np.unique([text for text in drawn if text], return_counts=True)
    texts, counts = texts[counts > 20], counts[counts > 20]
    wanted = n * np.exp(model.score_samples([*texts]))
    assert len(texts) > 5
    assert np.abs((counts - wanted) / np.sqrt(wanted)).max() < 4.5


def test_choose_at_the_edges():
    logs = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]]) + 1e-30)
    logs[1, 2] = -np.inf
    assert choose(logs, 1.0, None, None, np.array([0.0, 0.0])).tolist() == [0, 0]
    highest = np.array([1 - 2**-53] * 2)
    assert choose(logs, 1.0, None, None, highest).tolist() == [2, 1]
    assert choose(logs[:, ::-1], 1.0, None, None, np.array([0.0, 0.0])).tolist() == [0, 1]
    for n in range(2, 60):  # the largest number that is drawn does not lead past the end
        assert choose(np.zeros((1, n)), 1.0, None, None, highest[:1]).tolist() == [n - 1]
    ties = np.log(np.full((1, 4), 0.25))
    drawn = {int(choose(ties, 1.0, 2, None, np.array([u]))[0]) for u in np.linspace(0, 0.999, 50)}
    assert len(drawn) == 2  # exactly k, also of equals
    drawn = {int(choose(ties, 1.0, None, 0.75, np.array([u]))[0]) for u in np.linspace(0, 0.999, 50)}
    assert len(drawn) == 3


@every_cell
@pytest.mark.parametrize("is_native", [True, False])
def test_several_primes_at_once_are_one_at_a_time(cell, is_native):
    prompts = ["the c", "a", "", "the dog sat on the log. a", "dog", "a"]
    with use_native(is_native):
        model = make(cell=cell, num_layers=2, embedding_size=4, max_iter=10).fit(STREAM)
        together, logs = model.sample(
            2, prompt=prompts, max_new_tokens=12, temperature=0, return_log_proba=True
        )
        assert len(together) == 12
        for i, prompt in enumerate(prompts):
            (alone,), log = model.sample(
                prompt=prompt, max_new_tokens=12, temperature=0, return_log_proba=True
            )
            assert together[2 * i] == together[2 * i + 1] == alone
            assert alone.startswith(prompt) and len(alone) == len(prompt) + 12
            np.testing.assert_allclose(logs[2 * i : 2 * i + 2], log[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("form", "prompt"), [("stream", "dog"), ("texts", "ma"), ("words", ["the"]), ("codes", [7])]
)
@pytest.mark.parametrize("options", [{}, {"temperature": 0.6, "top_k": 4, "top_p": 0.9}])
def test_log_probabilities_of_samples_are_their_scores(form, prompt, options, fitted):
    model = fitted[form]
    for start in (None, prompt):
        drawn, logs = model.sample(
            20, prompt=start, max_new_tokens=100, random_state=0, return_log_proba=True, **options
        )
        assert len(set(map(str, drawn))) > 3
        before = 0 if start is None else -model.surprisal([prompt])[0].sum()
        for text, log in zip(drawn, logs, strict=True):
            if len(text) == 0:  # it ended at once
                assert form != "stream"
                continue
            np.testing.assert_allclose(log, model.score_samples([text])[0] - before, rtol=1e-4, atol=1e-4)


def test_texts_that_are_cut_short_have_no_end(fitted):
    model = fitted["texts"]
    drawn, logs = model.sample(50, max_new_tokens=3, random_state=0, return_log_proba=True)
    full = [(text, log) for text, log in zip(drawn, logs, strict=True) if len(text) == 3]
    assert len(full) > 5
    for text, log in full:
        np.testing.assert_allclose(log, -model.surprisal([text])[0].sum(), rtol=1e-4)


@pytest.mark.parametrize("form", ["stream", "texts", "words", "codes", "code stream"])
def test_one_seed_gives_one_text(form, fitted):
    model = fitted[form]
    first, second = (model.sample(5, max_new_tokens=20, random_state=3) for _ in range(2))
    assert first == second
    assert first != model.sample(5, max_new_tokens=20, random_state=4)
    rng = np.random.RandomState(3)
    assert model.sample(5, max_new_tokens=20, random_state=rng) == first
    assert model.sample(5, max_new_tokens=20, random_state=rng) != first
    unseeded = {str(model.sample(5, max_new_tokens=20)) for _ in range(3)}
    assert len(unseeded) == 3
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    model.sample(2, max_new_tokens=5)
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize(
    ("form", "prompt"),
    [
        ("stream", "the"),
        ("stream", None),
        ("texts", "jo"),
        ("texts", ""),
        ("words", ["the"]),
        ("codes", [12, 7]),
    ],
)
def test_a_stream_of_tokens_is_a_sample(form, prompt, fitted):
    model = fitted[form]
    for options in ({"temperature": 0}, {}, {"temperature": 1.5, "top_k": 3}, {"top_p": 0.7}):
        tokens = list(model.stream(prompt, max_new_tokens=15, random_state=5, **options))
        (text,) = model.sample(prompt=prompt, max_new_tokens=15, random_state=5, **options)
        assert tokens == list(text)[len(prompt or "") :]
        assert {type(token) for token in tokens} <= {int if form == "codes" else str}
    assert len(list(islice(fitted["stream"].stream(), 300))) == 300  # without a limit


def test_the_forms_of_what_is_drawn(fitted):
    assert all(isinstance(text, str) for text in fitted["texts"].sample(3, random_state=0))
    (words,) = fitted["words"].sample(prompt=["the", "dog"], random_state=0)
    assert words[:2] == ["the", "dog"] and all(type(word) is str for word in words)
    (codes,) = fitted["codes"].sample(prompt=[7, 12], random_state=0)
    assert codes[:2] == [7, 12] and all(type(code) is int for code in codes)
    letters = make().fit([["a", "b"], ["b"]])  # tokens of one letter are no text
    assert letters.sample(prompt=["b"], max_new_tokens=1, temperature=0)[0][0] == "b"
    assert all(isinstance(tokens, list) for tokens in letters.sample(3, max_new_tokens=2, random_state=0))


@pytest.mark.parametrize(
    ("form", "one", "several"),
    [
        ("texts", "jo", ["jo", "", "maria"]),
        ("texts", "jo", ("jo", "maria")),
        ("texts", "jo", np.array(["jo", "maria"])),
        ("words", ["the", "dog"], [["the", "dog"], [], ["cat"]]),
        ("codes", [7, 3], [[7, 3], [], [12]]),
        ("codes", np.array([7, 3]), [np.array([7, 3]), np.array([12])]),
        ("codes", np.array([7, 3]), Sequences(np.array([7, 3, 12]), np.array([0, 2, 3]))),
    ],
)
def test_forms_of_primes(form, one, several, fitted):
    model = fitted[form]
    drawn = model.sample(prompt=several, max_new_tokens=5, temperature=0)
    assert len(drawn) == len(several)
    for prompt, text in zip(several, drawn, strict=True):
        assert list(text)[: len(prompt)] == list(prompt)
    assert model.sample(prompt=one, max_new_tokens=5, temperature=0)[0] == drawn[0]
    assert (
        model.sample(prompt=[one] if form == "texts" else [list(one)], max_new_tokens=5, temperature=0)
        == drawn[:1]
    )


def test_nothing_to_begin_with(fitted):
    for form, empty in [
        ("texts", ""),
        ("texts", []),
        ("stream", ""),
        ("words", []),
        ("codes", np.array([], int)),
    ]:
        model = fitted[form]
        expected = model.sample(3, max_new_tokens=9, random_state=0)
        assert model.sample(3, prompt=empty, max_new_tokens=9, random_state=0) == expected
    assert len(fitted["texts"].sample(prompt=["", ""], random_state=0)) == 2


def test_stop(fitted):
    drawn, logs = fitted["stream"].sample(
        30, stop=".", max_new_tokens=60, random_state=0, return_log_proba=True
    )
    stopped = [text for text in drawn if "." in text]
    assert len(stopped) > 10 and all(text.index(".") == len(text) - 1 for text in stopped)
    assert all(len(text) == 60 for text in drawn if "." not in text)
    free = fitted["stream"].sample(30, max_new_tokens=60, random_state=0)
    assert drawn == [text.split(".")[0] + "." if "." in text else text for text in free]
    np.testing.assert_allclose(logs, [fitted["stream"].score_samples(text)[0] for text in drawn], rtol=1e-4)
    prompted = fitted["stream"].sample(5, prompt="mat. ", stop=".", max_new_tokens=60, random_state=0)
    assert all(len(text) > 5 for text in prompted)  # one in the prompt stops nothing
    words = fitted["words"].sample(20, stop="dog", random_state=0)
    assert any("dog" in text for text in words) and not any("dog" in text[:-1] for text in words)
    codes = fitted["codes"].sample(20, stop=7, random_state=0)
    assert any(7 in text for text in codes) and not any(7 in text[:-1] for text in codes)


def test_texts_that_have_ended_never_change(fitted):
    model = fitted["texts"]
    long = model.sample(200, max_new_tokens=30, random_state=0)
    assert len({len(text) for text in long}) > 5
    for n in (1, 2, 4, 9):
        cut = model.sample(200, max_new_tokens=n, random_state=0)
        assert cut == [text[:n] for text in long]


# scikit-learn


def ask(model, X):
    return np.concatenate([np.ravel(p) for p in model.predict_proba(X)])


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "skops": lambda model: skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
}


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("make_copy", [*COPIES.values(), by_joblib], ids=[*COPIES, "joblib"])
@every_form
def test_copies(form, make_copy, fitted):
    model, X = fitted[form], DATA[form]
    twin = make_copy(model)
    np.testing.assert_array_equal(ask(twin, X), ask(model, X))
    assert twin.score(X) == model.score(X)
    assert twin.sample(3, max_new_tokens=9, random_state=0) == model.sample(
        3, max_new_tokens=9, random_state=0
    )
    assert repr(twin) == repr(model) and vars(twin).keys() == vars(model).keys()
    unfitted = make_copy(make())
    assert repr(unfitted) == repr(make()) and not hasattr(unfitted, "module_")


def test_clone(fitted):
    twin = clone(fitted["texts"])
    assert not hasattr(twin, "module_") and twin.get_params() == fitted["texts"].get_params()
    assert_same(twin.fit(TEXTS), fitted["texts"], TEXTS)


@pytest.mark.parametrize("form", ["texts", "words"])
def test_cross_validation(form):
    X = DATA[form] * 3
    scores = cross_val_score(make(), X, cv=3)
    assert scores.shape == (3,) and (scores < 0).all()
    folds = [list(range(i, i + len(X) // 3)) for i in range(0, len(X), len(X) // 3)]
    rest = [x for i, x in enumerate(X) if i not in folds[0]]
    assert scores[0] == pytest.approx(make().fit(rest).score([X[i] for i in folds[0]]))


def test_search_takes_the_best_score():
    grid = {"max_iter": [1, 12], "cell": ["elman", "gru"]}
    search = GridSearchCV(make(), grid, cv=2, error_score="raise").fit(TEXTS * 3)
    assert search.best_params_["max_iter"] == 12
    assert search.score(TEXTS) == search.best_estimator_.score(TEXTS)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])


def test_pipelines():
    model = make_pipeline(TokenEncoder(), make())
    model.fit(WORDS)
    assert model[-1].vocabulary_.dtype.kind == "i"
    assert np.isfinite(model.score(WORDS)) and model.score(WORDS) == make_pipeline(*model).score(WORDS)
    cut = make_pipeline(SequenceTruncator(3), make()).fit(TEXTS)
    assert cut.score(TEXTS) == pytest.approx(
        make().fit([text[:3] for text in TEXTS]).score([t[:3] for t in TEXTS])
    )
    assert cross_val_score(cut, TEXTS * 2, cv=2).shape == (2,)


def test_forms_of_text():
    by_list = make().fit(TEXTS)
    for form in (tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, dtype=object)):
        assert_same(make().fit(form), by_list, TEXTS)
        np.testing.assert_array_equal(by_list.score_samples(form), by_list.score_samples(TEXTS))
    by_codes = make().fit(CODE_STREAM)
    assert_same(make().fit(CODE_STREAM.astype(np.uint8)), by_codes, CODE_STREAM)
    letters = make().fit("".join("abc"[[3, 7, 12].index(code)] for code in CODE_STREAM))
    assert letters.loss_curve_ == by_codes.loss_curve_


# Bad input


BAD_CALLS = {
    "unseen token": (
        lambda m: m.score(["jo", "maz", "qaz"]),
        ValueError,
        r"(?s)X\[1\] has 'z' at step 2, a token .*X\[2\] has 'q'",
    ),
    "unseen token in one text": (
        lambda m: m.surprisal("maz"),
        ValueError,
        "X has 'z' at step 2, a token that training",
    ),
    "unseen in prompt": (
        lambda m: m.sample(prompt="jox"),
        ValueError,
        "prompt has 'x' at step 2, a token that tr",
    ),
    "unseen in prompts": (
        lambda m: m.sample(prompt=["jo", "jox"]),
        ValueError,
        r"prompt\[1\] has 'x' at step 2",
    ),
    "unseen in stream": (lambda m: m.stream("jox"), ValueError, "prompt has 'x' at step 2"),
    "unseen stop": (lambda m: m.sample(stop="x"), ValueError, "stop.* has 'x' at step 0, a token that tr"),
    "two stops": (lambda m: m.sample(stop="jo"), ValueError, "stop must be one token, but 'jo' are 2"),
    "empty text": (lambda m: m.score(""), ValueError, "X is empty"),
    "empty texts": (lambda m: m.score(["jo", ""]), ValueError, r"X\[1\] is empty"),
    "no texts": (lambda m: m.score([]), ValueError, "X holds no sequences"),
    "empty to fit": (lambda m: m.fit(""), ValueError, "X is empty"),
    "empty to go on": (lambda m: m.partial_fit([""]), ValueError, r"X\[0\] is empty"),
    "empty to validate": (lambda m: m.fit(TEXTS, X_val=[]), ValueError, "X_val holds no sequences"),
    "unseen to validate": (
        lambda m: m.fit(TEXTS, X_val=["jo", "jox"]),
        ValueError,
        r"X_val\[1\] has 'x' at step 2",
    ),
    "unseen to go on": (lambda m: m.partial_fit(["jo", "jox"]), ValueError, r"X\[1\] has 'x' at step 2"),
    "a stream to go on": (
        lambda m: m.partial_fit("johanna"),
        ValueError,
        "X must be one stream, or a list of texts, as",
    ),
    "temperature": (
        lambda m: m.sample(temperature=-0.1),
        ValueError,
        "temperature must be at least 0 and finite, but it is -0.1",
    ),
    "infinite temperature": (lambda m: m.sample(temperature=float("inf")), ValueError, "temperature"),
    "no temperature": (lambda m: m.sample(temperature=float("nan")), ValueError, "temperature"),
    "warm": (
        lambda m: m.sample(temperature="warm"),
        TypeError,
        "temperature must be a number, but it is 'warm'",
    ),
    "top_p 0": (
        lambda m: m.sample(top_p=0.0),
        ValueError,
        "top_p must be greater than 0 and at most 1, but it is 0.0",
    ),
    "top_p 1.1": (lambda m: m.sample(top_p=1.1), ValueError, "top_p must be greater than 0 and at most 1"),
    "top_p nan": (lambda m: m.sample(top_p=float("nan")), ValueError, "top_p must be greater than 0"),
    "top_k 0": (lambda m: m.sample(top_k=0), ValueError, "top_k must be an int of at least 1, but it is 0"),
    "top_k 1.5": (
        lambda m: m.sample(top_k=1.5),
        TypeError,
        "top_k must be an int of at least 1, but it is 1.5",
    ),
    "n_samples 0": (lambda m: m.sample(0), ValueError, "n_samples must be an int of at least 1, but it is 0"),
    "n_samples 2.0": (lambda m: m.sample(2.0), TypeError, "n_samples must be an int of at least 1"),
    "max_new_tokens 0": (
        lambda m: m.sample(max_new_tokens=0),
        ValueError,
        "max_new_tokens must be an int of at least 1",
    ),
    "max_new_tokens None": (
        lambda m: m.sample(max_new_tokens=None),
        TypeError,
        "max_new_tokens must be an int of at least 1",
    ),
    "stream: temperature": (lambda m: m.stream(temperature=-1), ValueError, "temperature must be at least 0"),
    "stream: top_p": (lambda m: m.stream(top_p=2), ValueError, "top_p must be greater than 0"),
    "two prompts": (
        lambda m: m.stream(["jo", "ma"]),
        ValueError,
        "stream draws one text, but 2 prompts are passed",
    ),
    "random_state": (
        lambda m: m.sample(random_state="x"),
        ValueError,
        "random_state must be an int from 0 to .*, got 'x'",
    ),
    "numbers": (
        lambda m: m.fit([[0.5, 1.0]]),
        TypeError,
        "X holds numbers, but a language model reads tokens",
    ),
    "a table": (
        lambda m: m.fit(np.ones((3, 4), dtype=int)),
        TypeError,
        "X holds numbers, but .* list of arrays holds",
    ),
    "a series": (
        lambda m: m.fit(np.ones(9)),
        TypeError,
        "X holds numbers, but a language model reads tokens",
    ),
    "numbers to score": (lambda m: m.score(np.ones(9)), TypeError, "X holds numbers, but a language model"),
    "codes to score": (
        lambda m: m.score([np.array([1, 2])]),
        TypeError,
        "X holds integer tokens, but .* text tokens",
    ),
    "words to score": (
        lambda m: m.score([["jo", "anna"]]),
        TypeError,
        "X holds words, but .* single characters",
    ),
    "words as prompt": (
        lambda m: m.sample(prompt=[["jo", "anna"]]),
        TypeError,
        "prompt holds words, but .* single char",
    ),
    "a number as prompt": (lambda m: m.sample(prompt=3), TypeError, "prompt must be a text, .* but it is 3"),
    "numbers as prompt": (lambda m: m.sample(prompt=[[0.5]]), TypeError, "prompt holds numbers"),
    "bytes": (lambda m: m.fit(b"johanna"), TypeError, "X must be .* of type bytes"),
    "nothing": (lambda m: m.fit(None), TypeError, "X must be .* NoneType"),
    "None among texts": (lambda m: m.fit(["jo", None]), TypeError, r"X\[1\] is a missing value"),
    "chunks": (
        lambda m: m.set_params(bptt_steps=None).fit(TEXTS),
        TypeError,
        "bptt_steps must be an int of at least 1",
    ),
    "a cell": (lambda m: m.set_params(cell="lstn").fit(TEXTS), ValueError, "Did you mean 'lstm'"),
    "another cell": (
        lambda m: m.set_params(cell="gru", warm_start=True).fit(TEXTS),
        ValueError,
        "cell was 'lstm' when training began and is now 'gru'",
    ),
    "too wild": (
        lambda m: m.set_params(learning_rate=1e38).partial_fit(TEXTS),
        ValueError,
        r"(?s)Training stopped in epoch.*smaller learning_rate",
    ),
}


@pytest.mark.parametrize("call", BAD_CALLS)
def test_bad_input_changes_nothing(call):
    do, error, message = BAD_CALLS[call]
    model = make(max_iter=1).fit(TEXTS)
    parameters, memory = model.get_params(), remember(model)
    with pytest.raises(error, match=message):
        do(model)
    model.set_params(**parameters)
    assert_unchanged(model, memory)
    # Not even the optimizer or the random numbers remember it.
    assert_same(model.partial_fit(TEXTS), make(max_iter=1).fit(TEXTS).partial_fit(TEXTS), TEXTS)


@pytest.mark.parametrize("X", ["", [], [""], [[0.5]], b"ab"])
def test_a_refused_first_fit_leaves_nothing(X):
    model = make()
    before = dict(vars(model))
    for train in (model.fit, model.partial_fit):
        with pytest.raises((ValueError, TypeError)):
            train(X)
        assert vars(model) == before


def test_words_and_characters_are_told_apart(fitted):
    with pytest.raises(TypeError, match="X holds str, .* fitted on words"):
        fitted["words"].score(["the dog"])
    with pytest.raises(TypeError, match="prompt holds str, .* fitted on words"):
        fitted["words"].sample(prompt="the dog")
    with pytest.raises(ValueError, match=r"X\[0\] has 5 at step 1, a token that training never saw"):
        fitted["codes"].score([np.array([7, 5])])
    with pytest.raises(ValueError, match=r"X has 5 at step 1, a token that training never saw"):
        fitted["code stream"].score(np.array([7, 5]))


@pytest.mark.parametrize(
    "method", ["score", "score_samples", "surprisal", "predict_proba", "perplexity", "hidden_states"]
)
def test_nothing_is_known_before_fit(method):
    with pytest.raises(NotFittedError):
        getattr(make(), method)("ab")
    for draw in (make().sample, make().stream):
        with pytest.raises(NotFittedError):
            draw()


def test_too_short_to_set_some_aside():
    with pytest.raises(ValueError, match="early_stopping leaves nothing to train on: X has 2 steps"):
        make(early_stopping=True, bptt_steps=2).fit("ab")
    with pytest.raises(
        ValueError, match="early_stopping with .* leaves nothing to train on: there is 1 sample"
    ):
        make(early_stopping=True).fit(["ab"])


def test_nul_is_refused():
    with pytest.raises(ValueError, match=r"X\[0\] has the character NUL at step 1, .* codes"):
        RNNLanguageModel(hidden_size=4, bptt_steps=2).fit("a\0b" * 9)


def test_a_text_shorter_than_a_chunk():
    with pytest.raises(ValueError, match="X has 5 steps, fewer than a chunk of bptt_steps=6; pass more text"):
        RNNLanguageModel(hidden_size=4, bptt_steps=6).fit("abcab")
    model = RNNLanguageModel(hidden_size=4, bptt_steps=5, max_iter=1).fit("abcab")
    assert np.isfinite(model.score("ab"))
    with pytest.raises(ValueError, match="X has 2 steps"):
        model.partial_fit("ab")
    assert model.n_iter_ == 1


@pytest.mark.parametrize("before", ["error", "unknown"])
@pytest.mark.filterwarnings("ignore:handle_unknown")
def test_whether_there_is_an_unknown_symbol_stays(before):
    model = RNNLanguageModel(hidden_size=4, bptt_steps=5, max_iter=1, warm_start=True, handle_unknown=before)
    model.fit("abcab")
    now = {"error": "unknown", "unknown": "error"}[before]
    with pytest.raises(
        ValueError, match=f"handle_unknown was '{before}' when training began and is now '{now}'"
    ):
        model.set_params(handle_unknown=now).fit("abcab")


@pytest.mark.parametrize("option", [{"temperature": float("inf")}, {"top_p": True}])
def test_sampling_options_at_the_edges(option):
    model = RNNLanguageModel(hidden_size=4, bptt_steps=5, max_iter=1).fit("abcab")
    with pytest.raises(ValueError, match=r"finite, but it is inf|at most 1, but it is True"):
        model.sample(**option)


@pytest.mark.parametrize(
    "make",
    [
        pd.Series,
        pd.Index,
        torch.tensor,
        polars.Series,
        lambda codes: pd.Series(codes, dtype="Int64"),
        lambda codes: pd.Series(codes, index=np.arange(len(codes))[::-1]),
        lambda codes: torch.tensor(codes).to(torch.uint8),
    ],
)
def test_a_stream_of_codes_in_any_container(make):
    codes = np.tile([1, 5, 9], 40)
    X, options = make(codes), {"bptt_steps": 8, "batch_size": 2, "hidden_size": 4, "max_iter": 1}
    model, expected = make_model(X, options), make_model(codes, options)
    assert model.loss_curve_ == expected.loss_curve_
    assert model.validation_scores_ == expected.validation_scores_
    assert model.score(X) == expected.score(codes)
    for name in ("surprisal", "predict_proba", "hidden_states"):
        ours, theirs = getattr(model, name)(X), getattr(expected, name)(codes)
        np.testing.assert_array_equal(ours, theirs)
    assert model.sample(prompt=make(codes[:4]), random_state=0) == model.sample(
        prompt=codes[:4], random_state=0
    )
    losses = [
        RNNLanguageModel(**options, random_state=0).partial_fit(iter(chunks)).loss_curve_
        for chunks in ([X, X], [codes, codes])
    ]
    assert losses[0] == losses[1]


def make_model(X, options):
    return RNNLanguageModel(**options, random_state=0).fit(X, X_val=X)


@pytest.mark.parametrize("X", [list("a text " * 5), [["a"], ["b"]] * 4, [np.array([1]), np.array([0])] * 4])
def test_texts_of_one_token_each_are_warned_of(X):
    with pytest.warns(
        UserWarning, match=f"Each of the {len(X)} texts in X is one token long.*pass it as one"
    ) as w:
        RNNLanguageModel(max_iter=1, hidden_size=4).fit(X)
    assert w[0].filename == __file__
    longer = "ab" if isinstance(X[0], str) else [*X[0], *X[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RNNLanguageModel(max_iter=1, hidden_size=4).fit([*X, longer])
