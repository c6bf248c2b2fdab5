"""Tied weights and label smoothing: against plain torch, and the promises that hold without them."""

import copy
import functools
import io
import pickle

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from skorch.callbacks import Callback
from torch.nn import functional as F

from sklearn_rnn import RNNClassifier, RNNLanguageModel, RNNTagger
from sklearn_rnn.batches.streams import StreamDataset
from sklearn_rnn.nn import ElmanCell, JordanCell, SoftmaxHead
from sklearn_rnn.nn.network import NetworkSpec, RecurrentNetwork
from sklearn_rnn.persistence import TRUSTED_TYPES

STREAM = "the cat sat on the mat. the dog sat on the log. a hat! " * 3
TEXTS = ["anna", "hanna", "johanna", "marianna", "ann", "jo", "maria", "johann", "a", "mara"]
DATA = {"stream": STREAM, "texts": TEXTS}
OPTIONS = {
    "tied": {"tie_weights": True},
    "smoothed": {"label_smoothing": 0.2},
    "both": {"tie_weights": True, "label_smoothing": 0.2, "num_layers": 2, "dropout": 0.2},
}
every_form = pytest.mark.parametrize("form", DATA)
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


class Listener(Callback):
    """Listens to the network, which is then left to autograd."""

    def on_train_begin(self, net, **kwargs):
        net.module_.register_forward_hook(lambda *_: None)


class WideCell(ElmanCell):
    """A cell of the user's."""


def make(**parameters):
    small = {
        "hidden_size": 8,
        "max_iter": 3,
        "batch_size": 4,
        "bptt_steps": 7,
        "learning_rate": 0.02,
        "random_state": 0,
        "device": "cpu",
    }
    return RNNLanguageModel(**{"handle_unknown": "error", **small, **parameters})


def weights_of(model):
    return {name: w.numpy().copy() for name, w in model.module_.state_dict().items()}


def assert_same(model, other, X):
    ours, theirs = weights_of(model), weights_of(other)
    assert ours.keys() == theirs.keys() and all((ours[name] == theirs[name]).all() for name in ours)
    assert model.loss_curve_ == other.loss_curve_ and model.score(X) == other.score(X)


# What is computed


@every_form
@pytest.mark.parametrize("cell", ["elman", "lstm", "gru", WideCell])
def test_the_output_layer_is_the_embedding(form, cell):
    model, X = make(cell=cell, tie_weights=True).fit(DATA[form]), DATA[form]
    w = weights_of(model)
    n_tokens, n_outputs = len(model.vocabulary_), len(model.vocabulary_) + (form == "texts")
    assert "head.output.weight" not in w
    assert w["input.embedding.weight"].shape == (n_tokens + 1, 8)
    assert w["head.output.bias"].shape == (n_outputs,)
    # Tokens in their order, then the symbol at the border.
    rows = np.concatenate([w["input.embedding.weight"][1:], w["input.embedding.weight"][:1]])[:n_outputs]
    for h, said in zip(
        model.hidden_states([X] if form == "stream" else X),
        model.predict_proba([X] if form == "stream" else X),
        strict=True,
    ):
        scores = torch.from_numpy(h @ rows.T + w["head.output.bias"])
        np.testing.assert_allclose(scores.softmax(1), said, rtol=0, atol=1e-5)


def test_tied_weights_are_fewer():
    def count(**options):
        return sum(w.numel() for w in make(embedding_size=8, **options).fit(TEXTS).module_.parameters())

    n_outputs = len(make().fit(TEXTS).vocabulary_) + 1
    assert count() - count(tie_weights=True) == 8 * n_outputs


def make_network(**options):
    architecture = {
        "input_size": 6,
        "is_tokens": True,
        "embedding_size": 5,
        "hidden_size": 5,
        "pooling": None,
        "n_outputs": 6,
    }
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkSpec(**{**architecture, **options})).double()


@pytest.mark.parametrize("n_outputs", [5, 6])
@pytest.mark.parametrize("cell", ["elman", "jordan", "lstm", "gru", WideCell])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_gradients_are_finite_differences(cell, label_smoothing, n_outputs):
    tie_weights = cell != "jordan"
    options = {"label_smoothing": label_smoothing}
    network = make_network(
        cell=cell, tie_weights=tie_weights, head_options=options, n_outputs=n_outputs
    ).train()
    codes, targets = np.array([0, 1, 2, 3, 4, 5, 1, 1]), np.array([0, 1, 2, 3, 4, n_outputs - 1, 0, 2])
    dataset = StreamDataset(codes, targets, 8)

    def loss():
        (batch,) = dataset.batches(1, None, network.like)
        total, count = network.head.loss(network(batch), batch)
        return total / count

    network.zero_grad()
    loss().backward()
    for name, w in network.named_parameters():
        direction = torch.randn_like(w)
        with torch.no_grad():
            w += 1e-6 * direction
            above = loss()
            w -= 2e-6 * direction
            below = loss()
            w += 1e-6 * direction
        difference = float(above - below) / 2e-6
        assert float((w.grad * direction).sum()) == pytest.approx(difference, rel=1e-5, abs=1e-8), name
    if tie_weights:  # the symbol at the begin is learnt as an output only where it is one
        assert network.head.output.embedding is network.input.embedding


@every_form
@every_option
@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_autograd_learns_the_same(cell, options, form, monkeypatch):
    by_hand = make(cell=cell, **options).fit(DATA[form])
    by_autograd = make(cell=cell, callbacks=[Listener()], **options).fit(DATA[form])
    np.testing.assert_allclose(by_hand.loss_curve_, by_autograd.loss_curve_, rtol=1e-5)
    for name, w in weights_of(by_hand).items():
        np.testing.assert_allclose(w, weights_of(by_autograd)[name], atol=1e-4, err_msg=name)


@every_form
def test_training_is_on_smoothed_targets_and_scores_are_not(form):
    X = DATA[form]
    # A single lane, so that all is read from its begin, and nothing is learnt.
    options = {"learning_rate": 1e-9, "max_iter": 1, "bptt_steps": 100, "batch_size": "all"}
    model = make(label_smoothing=0.4, **options).fit(X, X_val=X)
    dataset = model._make_dataset(model._read_text(X)[0])
    logs = []
    for text in dataset.sequences:
        stream = StreamDataset(text, np.zeros_like(text), 10**9)
        (batch,) = stream.batches(1, None, model.module_.like)
        logs.append(model.module_(batch).detach())
    scores, targets = torch.cat(logs), torch.from_numpy(dataset.targets)
    smoothed = F.cross_entropy(scores, targets, label_smoothing=0.4)
    plain = F.cross_entropy(scores, targets)
    assert abs(smoothed - plain) > 1e-4
    assert model.loss_curve_[0] == pytest.approx(float(smoothed), abs=1e-5)
    assert model.score(X) == pytest.approx(-float(plain), abs=1e-5)
    assert model.validation_scores_[0] == pytest.approx(-float(plain), abs=1e-5)


@every_form
@every_option
def test_validation_scores_are_those_of_score(options, form):
    X = DATA[form]
    X_val = X[: len(X) // 2]
    expected = [make(**options, max_iter=n).fit(X).score(X_val) for n in (1, 2, 3)]
    np.testing.assert_allclose(make(**options).fit(X, X_val=X_val).validation_scores_, expected, rtol=1e-5)


def test_smoothing_keeps_probabilities_from_the_ends():
    options = {"max_iter": 60, "batch_size": "all"}
    sharp, smooth = (make(**options, label_smoothing=s).fit(["ab"] * 8) for s in (0.0, 0.3))
    (p,), (q,) = sharp.predict_proba(["ab"]), smooth.predict_proba(["ab"])
    assert p[0, 1] > 0.95
    np.testing.assert_allclose(q[0], [0.1, 0.8, 0.1], atol=0.05)


# Promises


@every_form
@every_option
def test_three_epochs_and_three_are_six(options, form):
    X = DATA[form]
    whole = make(max_iter=6, **options).fit(X)
    warm, parts = make(warm_start=True, **options), make(**options)
    assert_same(warm.fit(X).fit(X), whole, X)
    for _ in range(6):
        parts.partial_fit(X)
    assert_same(parts, whole, X)
    assert whole.loss_curve_ != make(max_iter=6, dropout=options.get("dropout", 0.0)).fit(X).loss_curve_


def test_no_options_are_options_that_are_off():
    for X in DATA.values():
        assert_same(make(tie_weights=False, label_smoothing=0).fit(X), make().fit(X), X)
        sized = make(tie_weights=True, embedding_size=8).fit(X)
        assert_same(sized, make(tie_weights=True).fit(X), X)


@pytest.mark.parametrize("options", [*OPTIONS.values(), {"cell": WideCell, "tie_weights": True}], ids=str)
@every_form
def test_copies(options, form):
    X = DATA[form]
    model = make(**options).fit(X)
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    copies = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model), joblib.load(file)]
    if "cell" not in options:
        copies.append(skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES))
    for twin in copies:
        for name, w in weights_of(model).items():
            np.testing.assert_array_equal(w, weights_of(twin)[name])
        assert twin.score(X) == model.score(X)
        assert twin.sample(3, random_state=0) == model.sample(3, random_state=0)
        before = twin.score(X)
        twin.partial_fit(X)  # is trained by itself
        assert twin.score(X) != before
        assert twin.n_iter_ == 4 and model.n_iter_ == 3
    assert_same(clone(model).fit(X), model, X)


def test_a_copy_of_a_network_is_tied_to_its_own_embedding():
    network = make(tie_weights=True).fit(TEXTS).module_
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network)), network.double()):
        assert twin.head.output.embedding is twin.input.embedding
        assert twin.head.output.weight.dtype == twin.input.embedding.weight.dtype
        with torch.no_grad():
            twin.input.embedding.weight += 1
        torch.testing.assert_close(twin.head.output.weight[0], twin.input.embedding.weight[1])


@every_option
def test_early_stopping(options, impatient):
    options = options | {
        "early_stopping": True,
        "validation_fraction": 0.3,
        "learning_rate": 0.1,
        "n_iter_no_change": 3,
    }
    model = make(max_iter=100, **options).fit(TEXTS)
    assert 3 < model.n_iter_ < 100
    best = 1 + int(np.argmax(model.validation_scores_))
    again = make(max_iter=best, **options).fit(TEXTS)
    assert all((w == weights_of(again)[name]).all() for name, w in weights_of(model).items())


@every_form
@every_option
def test_samples_have_their_scores(options, form):
    model = make(max_iter=15, **options).fit(DATA[form])
    drawn, logs = model.sample(20, max_new_tokens=60, random_state=0, return_log_proba=True)
    assert len(set(drawn)) > 5
    for text, log in zip(drawn, logs, strict=True):
        if text:
            np.testing.assert_allclose(log, model.score_samples([text])[0], rtol=1e-4)
    prompts = ["a", "", "jo", "anna"] if form == "texts" else ["the", "a", ""]
    together = model.sample(prompt=prompts, max_new_tokens=9, temperature=0)
    assert together == [model.sample(prompt=p, max_new_tokens=9, temperature=0)[0] for p in prompts]


def test_float64():
    model = make(dtype="float64", **OPTIONS["both"]).fit(TEXTS)
    assert {w.dtype for w in model.module_.parameters()} == {torch.float64}
    assert pickle.loads(pickle.dumps(model)).score(TEXTS) == model.score(TEXTS)


# In other estimators


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNTagger])
def test_smoothing_in_other_estimators(estimator):
    y = [list(text) for text in TEXTS] if estimator is RNNTagger else [text[0] for text in TEXTS]
    options = {"max_iter": 5, "hidden_size": 8, "random_state": 0, "device": "cpu", "learning_rate": 0.01}
    head = functools.partial(SoftmaxHead, label_smoothing=0.3)
    plain = estimator(**options).fit(TEXTS, y)
    smooth = estimator(head=head, **options).fit(TEXTS, y)
    by_autograd = estimator(head=head, callbacks=[Listener()], **options).fit(TEXTS, y)
    unsmoothed = estimator(head=functools.partial(SoftmaxHead, label_smoothing=0.0), **options).fit(TEXTS, y)
    assert unsmoothed.loss_curve_ == plain.loss_curve_
    np.testing.assert_allclose(smooth.loss_curve_, by_autograd.loss_curve_, rtol=1e-5)
    assert abs(smooth.loss_curve_[0] - plain.loss_curve_[0]) > 1e-4
    twin = pickle.loads(pickle.dumps(smooth))
    for a, b in zip(twin.predict_proba(TEXTS), smooth.predict_proba(TEXTS), strict=True):
        np.testing.assert_array_equal(a, b)


# What cannot be


BAD = {
    "width": (
        {"tie_weights": True, "embedding_size": 5},
        ValueError,
        "With tie_weights=True embedding_size must be the width .*hidden_size.* 8, but it is 5",
    ),
    "jordan": (
        {"tie_weights": True, "cell": "jordan"},
        ValueError,
        "tie_weights=True needs an output layer .* JordanCell puts out scores itself",
    ),
    "a jordan cell with options": (
        {"tie_weights": True, "cell": functools.partial(JordanCell, nonlinearity="relu")},
        ValueError,
        "JordanCell puts out scores itself",
    ),
    "no flag": ({"tie_weights": "yes"}, TypeError, "tie_weights must be True or False"),
    "all smooth": ({"label_smoothing": 1.0}, ValueError, "label_smoothing must be a number .* less than 1"),
    "negative": ({"label_smoothing": -0.1}, ValueError, "label_smoothing must be a number of at least 0"),
    "no number": ({"label_smoothing": "some"}, TypeError, "label_smoothing must be a number"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_change_nothing(case):
    options, error, message = BAD[case]
    model = make(**options)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(TEXTS)
    assert vars(model) == before


@pytest.mark.parametrize("change", [{"tie_weights": False}, {"label_smoothing": 0.1}])
def test_training_goes_on_with_the_same_options(change):
    model = make(tie_weights=True).fit(TEXTS)
    before = weights_of(model)
    with pytest.raises(ValueError, match="when training began and is now"):
        model.set_params(**change).partial_fit(TEXTS)
    assert all((w == before[name]).all() for name, w in weights_of(model).items())
