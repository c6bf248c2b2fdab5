"""Long sequences, which are read chunk by chunk: the answers are those of the whole."""

from functools import partial

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNTagger
from sklearn_rnn.nn import CELLS, Cell, use_native
from sklearn_rnn.nn.kernels.native import library

rng = np.random.default_rng(0)
X = {
    "tokens": ["".join(rng.choice(list("abcd"), n)) for n in (3, 41, 1, 64, 7)],
    "numbers": [rng.standard_normal((n, 2), dtype=np.float32) for n in (3, 41, 1, 64, 7)],
}
Y = [0, 1, 1, 0, 1]
SMALL = {"hidden_size": 6, "max_iter": 1, "random_state": 0, "device": "cpu"}
every_form = pytest.mark.parametrize("form", X)
every_cell = pytest.mark.parametrize("cell", CELLS)
both_ways = pytest.mark.parametrize("bidirectional", [False, True])


def in_chunks(model, ask, monkeypatch, chunk=7):
    """Ask with small chunks; check that no more steps were read at once, but where sequences are short."""
    sizes = []
    with monkeypatch.context() as patch:
        patch.setattr("sklearn_rnn.nn.long_sequences._CHUNK", chunk)
        patch.setattr("sklearn_rnn.nn.long_sequences._MOST_OUTPUTS", 0)
        network = model.module_
        hook = network.recurrence.register_forward_pre_hook(
            lambda _, args: sizes.append(len(args[1].batch_sizes))
        )
        with hook:
            answers = ask()
    assert sizes and max(sizes) <= chunk
    return answers


def assert_same(ours, theirs, atol=1e-6):
    """Compare bit for bit where the compiled loops are there."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0 if library.get() else atol)


@every_form
@every_cell
@both_ways
@pytest.mark.parametrize("num_layers", [1, 3])
def test_hidden_states_are_those_of_the_whole(form, cell, bidirectional, num_layers, monkeypatch):
    layers = {"cell": cell, "bidirectional": bidirectional, "num_layers": num_layers}
    for pooling in ("last", "mean", "max") if num_layers == 1 else ("last",):
        model = RNNClassifier(pooling=pooling, **layers, **SMALL).fit(X[form], Y)
        whole = model.hidden_states(X[form])
        np.testing.assert_array_equal(
            in_chunks(model, partial(model.hidden_states, X[form]), monkeypatch), whole
        )
    whole = model.hidden_states(X[form], per_step=True)
    parts = in_chunks(model, lambda: model.hidden_states(X[form], per_step=True), monkeypatch)
    for ours, theirs in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every_form
@every_cell
@both_ways
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_classifier(form, cell, bidirectional, pooling, monkeypatch):
    model = RNNClassifier(cell=cell, bidirectional=bidirectional, pooling=pooling, **SMALL).fit(X[form], Y)
    for chunk in (1, 7, 63):
        parts = in_chunks(model, lambda: model.predict_proba(X[form]), monkeypatch, chunk)
        assert_same(parts, model.predict_proba(X[form]))


@every_form
@both_ways
@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_tagger(form, head, bidirectional, monkeypatch):
    y = [np.arange(len(x)) % 3 for x in X[form]]
    model = RNNTagger(head=head, bidirectional=bidirectional, num_layers=2, **SMALL).fit(X[form], y)
    for ask in (model.predict, model.predict_proba):
        for ours, theirs in zip(
            in_chunks(model, partial(ask, X[form]), monkeypatch), ask(X[form]), strict=True
        ):
            assert_same(ours, theirs, 1e-5)
    states = in_chunks(model, lambda: model.hidden_states(X[form], per_step=False), monkeypatch)
    np.testing.assert_array_equal(states, model.hidden_states(X[form], per_step=False))


@both_ways
@pytest.mark.parametrize("per_step", [False, True])
def test_regressor_of_an_embedding(per_step, bidirectional, monkeypatch):
    y = [np.arange(len(x), dtype=float) for x in X["tokens"]] if per_step else np.arange(5.0)
    model = RNNRegressor(embedding_size=3, bidirectional=bidirectional, **SMALL).fit(X["tokens"], y)
    parts = in_chunks(model, lambda: model.predict(X["tokens"]), monkeypatch)
    for ours, theirs in zip(parts, model.predict(X["tokens"]), strict=True):
        assert_same(ours, theirs, 1e-4)


@pytest.mark.parametrize("condition_as", ["input", "state"])
def test_hidden_states_of_a_language_model(condition_as, monkeypatch):
    model = RNNLanguageModel(condition_as=condition_as, **SMALL).fit(X["tokens"], condition=Y)
    whole = model.hidden_states(X["tokens"], condition=Y)
    parts = in_chunks(model, lambda: model.hidden_states(X["tokens"], condition=Y), monkeypatch)
    for ours, theirs in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@both_ways
@pytest.mark.parametrize("per_step", [False, True])
def test_hidden_states_of_sources_that_are_copied(per_step, bidirectional, monkeypatch):
    model = RNNSeq2Seq(copy_mechanism=True, bidirectional=bidirectional, **SMALL)
    model.fit(X["tokens"], X["tokens"])
    sources = [x + "new" for x in X["tokens"]]  # with tokens that only copying can write
    whole = model.hidden_states(sources, per_step=per_step)
    monkeypatch.setattr("sklearn_rnn.nn.long_sequences._CHUNK", 7)
    monkeypatch.setattr("sklearn_rnn.nn.long_sequences._MOST_OUTPUTS", 0)
    for ours, theirs in zip(model.hidden_states(sources, per_step=per_step), whole, strict=True):
        assert_same(ours, theirs)


class Sum(Cell):
    """A cell with a state of its own, which only the plain loop can run."""

    def step(self, projected, state):
        (h,) = state
        h = 0.9 * h + projected
        return torch.sin(h), (h,)


@both_ways
@pytest.mark.parametrize("cell", [Sum, "lstm", "gru"])
def test_without_the_compiled_loops(cell, bidirectional, monkeypatch):
    with use_native(False):
        model = RNNClassifier(cell=cell, bidirectional=bidirectional, **SMALL).fit(X["numbers"], Y)
        whole = model.hidden_states(X["numbers"])
        parts = in_chunks(model, lambda: model.hidden_states(X["numbers"]), monkeypatch)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6)
