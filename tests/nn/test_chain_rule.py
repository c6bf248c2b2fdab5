"""Training steps without autograd: the same numbers, and only where nobody could tell the difference."""

import copy
import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, LRScheduler
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.data import Sequences
from sklearn_rnn.nn import CRFHead, SoftmaxHead, use_native
from sklearn_rnn.nn.heads.tied import TiedLinear
from sklearn_rnn.nn.kernels.chain_rule import ChainRule
from sklearn_rnn.nn.kernels.choose import find_training_step
from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.nn.network import NetworkSpec, RecurrentNetwork

pytestmark = pytest.mark.skipif(library.load() is None, reason="needs the compiled loops")


def make_network(**changes):
    options = {"input_size": 5, "hidden_size": 7, "n_outputs": 3}
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkSpec(**options | changes)).train()


def make_batch(network, *, lengths=(6, 6, 4, 1), weighted=False):
    rng, lengths = np.random.RandomState(0), np.array(lengths)
    per_step, head = network.head.per_step, network.head
    n_steps, n = lengths.sum(), lengths.sum() if per_step else len(lengths)
    if network.input is None:
        values = rng.randn(n_steps, 5).astype(np.float32)
    else:
        values = rng.randint(5, size=n_steps)
    if isinstance(head, SoftmaxHead | CRFHead):
        targets = rng.randint(3, size=n)
    else:
        targets = rng.randint(2, size=(n, 3)).astype(np.float32)
    weights = rng.rand(n).astype(np.float32) if weighted else None
    sequences = Sequences.from_lengths(values, lengths)
    dataset = SequenceDataset(sequences, targets, weights, per_step=per_step)
    return dataset.gather(np.arange(len(lengths)), network.like)


def step_with_autograd(network, batch):
    scores = network(batch)
    total, n_terms = network.head.loss(scores, batch)
    (total / n_terms).backward()
    return scores, total / n_terms, n_terms


def differentiate(network, batch):
    scores, loss, n_terms, _ = find_training_step(network)(network)(batch)
    return scores, torch.tensor(loss), n_terms


def take_step(step, network, batch):
    torch.manual_seed(1)
    network.zero_grad()
    scores, loss, n_terms, *_ = step(network, batch)
    assert n_terms == len(batch.targets)
    return scores, loss, [w.grad.clone() for w in network.parameters()]


NETWORKS = {
    "elman": {"cell": "elman"},
    "elman, relu, three layers": {"cell": "elman", "nonlinearity": "relu", "num_layers": 3},
    "gru": {},
    "lstm": {"cell": "lstm"},
    "jordan": {"cell": "jordan"},
    "both directions": {"bidirectional": True},
    "both directions, two layers, dropout": {"bidirectional": True, "num_layers": 2, "dropout": 0.4},
    "jordan, both directions, two layers": {"cell": "jordan", "bidirectional": True, "num_layers": 2},
    "mean": {"pooling": "mean", "bidirectional": True},
    "each step": {"pooling": None},
    "each step, both directions": {"pooling": None, "bidirectional": True, "cell": "lstm"},
    "each step, jordan": {"pooling": None, "cell": "jordan"},
    "absolute error": {"head": "absolute_error", "pooling": None},
    "gaussian": {"head": "gaussian", "pooling": None, "cell": "lstm", "dropout": 0.3},
    "gaussian, jordan": {"head": "gaussian", "cell": "jordan"},
    "quantiles": {"head": "quantile", "pooling": None},
    "other quantiles, jordan": {"head": "quantile", "n_outputs": (3, (0.2, 0.8)), "cell": "jordan"},
    "one-hot": {"is_tokens": True},
    "one-hot, both directions": {"is_tokens": True, "bidirectional": True},
    "embedding": {"is_tokens": True, "embedding_size": 4, "dropout": 0.3},
    "rare tokens": {
        "is_tokens": True,
        "embedding_size": 4,
        "rare": np.array([False, True, True, False, False]),
    },
    "tied weights": {"is_tokens": True, "embedding_size": 7, "tie_weights": True, "dropout": 0.3},
    "tied weights, each step, all outputs": {
        "is_tokens": True,
        "embedding_size": 7,
        "tie_weights": True,
        "pooling": None,
        "n_outputs": 5,
        "cell": "lstm",
        "num_layers": 2,
    },
    "smoothing": {"head_options": {"label_smoothing": 0.2}},
    "smoothing, jordan": {"head_options": {"label_smoothing": 0.2}, "cell": "jordan", "pooling": None},
    "tied weights, smoothing": {
        "is_tokens": True,
        "embedding_size": 7,
        "tie_weights": True,
        "head_options": {"label_smoothing": 0.5},
    },
    "several labels": {"head": "sigmoid"},
    "numbers": {"head": "linear"},
    "numbers, jordan": {"head": "linear", "cell": "jordan", "pooling": None},
    "all is dropped": {"dropout": 1.0},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_autograd(name, weighted):
    network = make_network(**NETWORKS[name])
    batch = make_batch(network, weighted=weighted)
    assert find_training_step(network) is not None
    expected = take_step(step_with_autograd, network, batch)
    found = take_step(differentiate, network, batch)
    torch.testing.assert_close(found, expected)
    if name != "all is dropped":
        assert all(grad.abs().max() > 0 for grad in found[2])


def test_gradients_share_no_memory_and_are_laid_out_like_their_weights():
    # They are scaled in place, and a fused optimizer reads them as they lie in memory.
    for name in ("elman", "lstm", "jordan", "gru"):
        network = make_network(**NETWORKS[name])
        take_step(differentiate, network, make_batch(network))
        weights = list(network.parameters())
        ranges = sorted((w.grad.data_ptr(), w.grad.data_ptr() + 4 * w.grad.numel()) for w in weights)
        assert all(end <= start for (_, end), (start, _) in zip(ranges, ranges[1:], strict=False))
        assert all(w.grad.is_contiguous() for w in weights)


@pytest.mark.parametrize("name", NETWORKS)
def test_one_chain_rule_serves_for_batches_of_any_size(name):
    network = make_network(**NETWORKS[name])
    rule = find_training_step(network)(network)
    for lengths in ((2,), (6, 6, 4, 1), (3, 3), (9, 5, 5, 2, 1, 1), (6, 6, 4, 1)):
        batch = make_batch(network, lengths=lengths)
        found = take_step(lambda _, batch: rule(batch), network, batch)  # whose gradients were taken away
        expected = take_step(differentiate, network, batch)
        assert torch.equal(found[0], expected[0]) and found[1] == expected[1]
        assert all(map(torch.equal, found[2], expected[2]))
        with torch.no_grad():
            network.like.mul_(0.9)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_may_be_put_elsewhere(name):
    network = make_network(**NETWORKS[name])
    rule, batch = find_training_step(network)(network), make_batch(network)
    expected = take_step(lambda _, batch: rule(batch), network, batch)
    for weight in network.parameters():
        moved, weight.data = weight.data.clone(), torch.zeros(())
        weight.data = moved
    found = take_step(lambda _, batch: rule(batch), network, batch)
    assert torch.equal(found[0], expected[0]) and all(map(torch.equal, found[2], expected[2]))


class Tempered(SoftmaxHead):
    def term_losses(self, scores, targets):
        return super().term_losses(scores / 2, targets)


def freeze(network):
    network.recurrence.layers[0][0].bias_hh.requires_grad_(False)


def listen(network):
    network.head.register_forward_hook(lambda *_: None)


def listen_to_a_gradient(network):
    network.like.register_hook(lambda grad: grad)


def replace_output(network):
    network.head.output = nn.Sequential(nn.Linear(7, 3))


def share_a_cell(network):
    network.recurrence.layers[0][1] = network.recurrence.layers[0][0]


def share_a_weight(network):
    network.input.embedding.weight = network.head.output.weight


def tie_to_another(network):
    network.head.output = TiedLinear(nn.Embedding(5, 7), 5)


def without_bias(network):
    network.head.output = nn.Linear(7, 3, bias=False)


def transpose(network):
    weight = network.head.output.weight
    weight.data = weight.data.t().contiguous().t()


def change_embedding(**options):
    def change(network):
        vars(network.input.embedding).update(options)

    return change


def stop_dropping(network):
    network.dropout.eval()


def replace_forward(network):
    network.head.forward = lambda features: features


def listen_after_a_gradient(network):
    network.like.register_post_accumulate_grad_hook(lambda w: None)


TOKENS = {"is_tokens": True, "embedding_size": 7, "n_outputs": 5}
OTHERS = {
    "head of a subclass": {"head": Tempered},
    "crf": {"head": "crf", "pooling": None},
    "max": {"pooling": "max"},
    "attention": {"pooling": "attention"},
    "truncated": {"bptt_steps": 2},
    "frozen": freeze,
    "a hook of a module": listen,
    "a hook of a gradient": listen_to_a_gradient,
    "another output layer": replace_output,
    "a hook after a gradient": listen_after_a_gradient,
    "float64": lambda network: network.double(),
    "a cell for both directions": ({"bidirectional": True}, share_a_cell),
    "a weight in two places": (TOKENS, share_a_weight),
    "tied to another embedding": (TOKENS, tie_to_another),
    "output layer without bias": without_bias,
    "transposed weight": transpose,
    "padding": (TOKENS, change_embedding(padding_idx=0)),
    "bounded embedding": (TOKENS, change_embedding(max_norm=1.0)),
    "gradient by frequency": (TOKENS, change_embedding(scale_grad_by_freq=True)),
    "sparse gradient": (TOKENS, change_embedding(sparse=True)),
    "dropout that is switched off": ({"dropout": 0.5}, stop_dropping),
    "another forward": replace_forward,
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_are_left_to_autograd(name):
    options, change = OTHERS[name] if isinstance(OTHERS[name], tuple) else ({}, OTHERS[name])
    if isinstance(change, dict):
        assert find_training_step(make_network(**change)) is None
        return
    network = make_network(**options)
    assert find_training_step(network) is not None
    change(network)
    assert find_training_step(network) is None


def test_left_to_autograd_for_the_time_being():
    network = make_network()
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert find_training_step(network) is None
    handle.remove()
    assert find_training_step(network) is not None
    with use_native(False):
        assert find_training_step(network) is None
    with torch.autograd.set_detect_anomaly(True):
        assert find_training_step(network) is None


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNTagger, RNNRegressor])
def test_training_is_the_same_either_way(estimator, monkeypatch):
    rng = np.random.RandomState(0)
    X = [rng.randn(n, 3) for n in rng.randint(1, 9, size=40)]
    y = [x[:, 0] > 0 for x in X] if estimator is RNNTagger else np.arange(40) % 3
    model = estimator(num_layers=2, bidirectional=True, dropout=0.3, max_iter=5, random_state=0)
    by_hand = model.fit(X, y).loss_curve_
    monkeypatch.setattr("sklearn_rnn.training.step.find_training_step", lambda network: None)
    np.testing.assert_allclose(model.fit(X, y).loss_curve_, by_hand, rtol=1e-4)


def test_callbacks_see_gradients_and_scores():
    seen = []

    class Watch(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            seen.append({name: w.grad.abs().max().item() for name, w in named_parameters})

        def on_batch_end(self, net, y_pred, **kwargs):
            seen.append(y_pred.shape)

    X = [np.ones((n, 2)) for n in (3, 2, 4)]
    RNNClassifier(max_iter=1, callbacks=[Watch()], random_state=0).fit(X, [0, 1, 0])
    grads, shape = seen
    assert shape == (3, 2)
    assert "head.output.weight" in grads
    assert min(grads.values()) > 0


@pytest.mark.parametrize("optimizer", [torch.optim.LBFGS, "adam"])
def test_an_optimizer_that_asks_several_times_is_given_several_steps(optimizer, monkeypatch):
    calls = []
    step = ChainRule.__call__
    monkeypatch.setattr(ChainRule, "__call__", lambda *args: calls.append(1) or step(*args))
    X = [np.full((3, 1), i) for i in range(8)]
    RNNRegressor(optimizer=optimizer, max_iter=1, random_state=0).fit(X, np.arange(8.0))
    assert (len(calls) > 1) == (optimizer is torch.optim.LBFGS)


@pytest.mark.parametrize("event", ["on_batch_begin", "on_epoch_begin"])
def test_what_a_callback_does_between_batches_counts_at_once(event):
    heard, weights = [], []

    class Freeze(Callback):
        def act(self, net, **kwargs):
            head = net.module_.head.output
            weights.append(head.weight.detach().clone())
            if len(weights) == 2:
                head.weight.requires_grad_(False)
                head.bias.register_hook(lambda grad: heard.append(grad))

    setattr(Freeze, event, Freeze.act)
    X = [np.full((3, 2), i) for i in range(8)]
    RNNClassifier(max_iter=4, batch_size=4, callbacks=[Freeze()], random_state=0).fit(X, np.arange(8) % 2)
    assert not torch.equal(weights[0], weights[1])
    assert all(torch.equal(w, weights[1]) for w in weights[2:])
    assert len(heard) == (7 if event == "on_batch_begin" else 6)


def test_modules_are_set_to_train_in_each_epoch_if_a_callback_may_change_that():
    seen = []

    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.module_.dropout.eval()

        def on_batch_end(self, net, **kwargs):
            seen.append(net.module_.dropout.training)

    RNNClassifier(max_iter=3, callbacks=[Stop()], random_state=0).fit([[[1.0]], [[2.0]]], [0, 1])
    assert seen == [True] * 3


@pytest.mark.parametrize("hidden_size", [8, 300])  # as one parameter for the optimizer, or not
@pytest.mark.parametrize("how", ["monitor", "hook"])
def test_what_nobody_expects_to_move_weights_may_move_them(hidden_size, how, monkeypatch):
    def clamp(net):
        for w in net.module_.parameters():
            w.data = w.data.clamp(-0.05, 0.05)
        return net.history[-1, "train_loss"]

    def clamp_after_step(optimizer, args, kwargs):
        for w in optimizer.param_groups[0]["params"]:
            w.data = w.data.clamp(-0.05, 0.05)

    X, y = [np.full((3, 2), i / 8) for i in range(16)], np.arange(16) % 2
    callbacks = [LRScheduler("ReduceLROnPlateau", monitor=clamp)] if how == "monitor" else []
    model = RNNClassifier(
        hidden_size=hidden_size, batch_size=4, max_iter=3, callbacks=callbacks, random_state=0
    )
    hook = register_optimizer_step_post_hook(clamp_after_step) if how == "hook" else nullcontext()
    with hook:
        found = model.fit(X, y).loss_curve_
        assert 0 < max(w.abs().max().item() for w in model.module_.state_dict().values()) < 0.0501
        monkeypatch.setattr("sklearn_rnn.training.step.find_training_step", lambda network: None)
        np.testing.assert_allclose(found, model.fit(X, y).loss_curve_, rtol=1e-5)
    assert found[2] < found[1]  # and are trained


STORED = []


def store(net):
    """Copy a net in two ways, for a callback that can be pickled with it."""
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        STORED.append([w.tolist() for w in copied.module_.parameters()])
    assert STORED[-1] == STORED[-2] == [w.tolist() for w in net.module_.parameters()]
    return net.history[-1, "train_loss"]


@pytest.mark.parametrize("is_watched", [False, True])
def test_the_net_may_be_copied_and_stored_during_a_fit(is_watched, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "STORED", [])
    file = tmp_path / "net.pickle"
    callbacks = [LRScheduler("ReduceLROnPlateau", monitor=store)]
    only = dict.fromkeys(("f_params", "f_optimizer", "f_criterion", "f_history"))
    saving = Checkpoint(f_pickle=str(file), monitor="train_loss_best", **only)
    callbacks += [saving] if is_watched else []
    X, y = [np.full((3, 2), i / 8) for i in range(16)], np.arange(16) % 2
    RNNClassifier(max_iter=3, callbacks=callbacks, random_state=0).fit(X, y)
    assert len(STORED) == 6
    assert file.exists() == is_watched


class OwnAdam(torch.optim.Adam):
    """An optimizer of a user that keeps the last gradient, and not a copy."""

    def step(self, closure=None):
        loss = super().step(closure)
        for w in self.param_groups[0]["params"]:
            last = self.state[w].get("last")
            assert last is None or not torch.equal(last, w.grad)
            self.state[w]["last"] = w.grad
        return loss


@pytest.mark.parametrize("hidden_size", [8, 300])
def test_an_optimizer_of_a_user_is_given_new_gradients_in_each_step(hidden_size, monkeypatch):
    X, y = [np.full((3, 2), i / 8) for i in range(16)], np.arange(16) % 2
    options = {"hidden_size": hidden_size, "batch_size": 4, "max_iter": 2, "random_state": 0}
    found = RNNClassifier(optimizer=OwnAdam, **options).fit(X, y).loss_curve_
    np.testing.assert_allclose(found, RNNClassifier(**options).fit(X, y).loss_curve_, rtol=1e-5)
