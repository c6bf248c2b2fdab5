"""All weights as one parameter: the optimizer moves them as before."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.nn import use_native
from sklearn_rnn.nn.native import library
from sklearn_rnn.training import flat, net
from sklearn_rnn.training.flat import flattened
from sklearn_rnn.training.net import OPTIMIZERS

SHAPES = [(5, 3), (5,), (1, 1), (1,)]
OPTIONS = {
    "adam": {"fused": True, "amsgrad": True},
    "sgd": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"centered": True, "momentum": 0.5},
}


def make(name):
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    return weights, OPTIMIZERS[name](weights, lr=0.01, weight_decay=0.1, **OPTIONS.get(name, {}))


def step(optimizer, gradients):
    """Go a step, of all weights or of the one parameter that they are parts of."""
    parameters = optimizer.param_groups[0]["params"]
    if len(parameters) == 1:
        gradients = [torch.cat([g.flatten() for g in gradients])]
    for w, g in zip(parameters, gradients, strict=True):
        w.grad = g.clone()
    optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_optimizer_alone(name):
    (expected, alone), (weights, optimizer) = make(name), make(name)
    gradients = [[torch.randn(shape) for shape in SHAPES] for _ in range(6)]
    for g in gradients:
        step(alone, g)
    step(optimizer, gradients[0])
    with flattened(optimizer, weights):
        step(optimizer, gradients[1])
        step(optimizer, gradients[2])
    step(optimizer, gradients[3])
    with flattened(optimizer, weights):
        step(optimizer, gradients[4])
    step(optimizer, gradients[5])
    for w, e in zip(weights, expected, strict=True):
        torch.testing.assert_close(w, e)
    # And so are its states, which no longer hang together.
    found, wanted = optimizer.state_dict()["state"], alone.state_dict()["state"]
    assert found.keys() == wanted.keys()
    torch.testing.assert_close(found, wanted)
    tensors = [*weights, *(v for s in optimizer.state.values() for v in s.values() if torch.is_tensor(v))]
    storages = {t.untyped_storage().data_ptr() for t in tensors}
    assert len(storages) == len(tensors)


def test_weights_keep_their_memory_and_follow_each_step_also_before_an_error():
    weights, optimizer = make("sgd")
    _, alone = make("sgd")
    addresses = [w.data_ptr() for w in weights]
    gradients = [torch.randn(shape) for shape in SHAPES]
    step(alone, gradients)
    expected = [w.detach() for w in alone.param_groups[0]["params"]]
    with pytest.raises(KeyboardInterrupt), flattened(optimizer, weights):
        step(optimizer, gradients)
        torch.testing.assert_close([w.detach() for w in weights], expected)
        raise KeyboardInterrupt
    assert [w.data_ptr() for w in weights] == addresses
    assert optimizer.param_groups[0]["params"] == weights
    torch.testing.assert_close([w.detach() for w in weights], expected)
    alone.zero_grad()
    for w in weights:
        w.grad = torch.ones_like(w)
    before = [w.detach().clone() for w in weights]
    optimizer.step()  # on the weights again, and nothing is copied over them
    assert all((w != b).all() for w, b in zip(weights, before, strict=True))


@pytest.mark.parametrize("change", ["order", "some", "groups"])
def test_not_where_the_optimizer_has_other_parameters(change):
    weights, optimizer = make("adam")
    params = {
        "order": [{"params": weights[::-1]}],
        "some": [{"params": weights[:1]}],
        "groups": [{"params": weights[:1]}, {"params": weights[1:], "lr": 0.1}],
    }[change]
    optimizer = OPTIMIZERS["adam"](params, lr=0.01)
    with flattened(optimizer, weights) as parameter:
        assert parameter is None


def test_not_where_counters_differ():
    weights, optimizer = make("adam")
    weights[0].grad = torch.ones_like(weights[0])
    optimizer.step()  # the others were frozen
    with flattened(optimizer, weights) as parameter:
        assert parameter is None
        assert optimizer.param_groups[0]["params"] == weights


def test_not_for_large_networks(monkeypatch):
    weights, optimizer = make("adam")
    monkeypatch.setattr(flat, "_LARGEST", sum(w.numel() for w in weights) - 1)
    with flattened(optimizer, weights) as parameter:
        assert parameter is None


class Watcher(Callback):
    """Might do anything to the weights, so that they have to stay apart."""


@pytest.mark.skipif(library.load() is None, reason="without the compiled loops autograd trains")
@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd"}, {"clip_norm": None}, {"bidirectional": True}])
def test_a_fit_comes_to_the_same_with_weights_apart(options, monkeypatch):
    seen = []

    @contextmanager
    def spy(optimizer, weights):
        with flattened(optimizer, weights) as parameter:
            seen.append(parameter)
            yield parameter

    monkeypatch.setattr(net, "flattened", spy)
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    model = RNNClassifier(hidden_size=8, max_iter=3, random_state=0, **options)
    with use_native(True):
        together = model.fit(X, y).predict_proba(X)
        assert seen and all(isinstance(parameter, nn.Parameter) for parameter in seen)
        apart = model.set_params(callbacks=[("watcher", Watcher())]).fit(X, y).predict_proba(X)
    assert len(seen) == 1
    np.testing.assert_allclose(together, apart, atol=1e-4)
