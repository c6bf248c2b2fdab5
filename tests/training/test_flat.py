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
from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.training import OPTIMIZERS, flat, step
from sklearn_rnn.training.flat import flattened, make_contiguous

SHAPES = [(5, 3), (5,), (1, 1), (1,)]
OPTIONS = {
    "adam": {"fused": True, "amsgrad": True},
    "sgd": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"centered": True, "momentum": 0.5},
}


def make(name, joins=True):
    torch.manual_seed(0)
    weights = nn.ParameterList(nn.Parameter(torch.randn(shape)) for shape in SHAPES)
    if joins:
        make_contiguous(weights)
    weights = list(weights)
    return weights, OPTIMIZERS[name](weights, lr=0.01, weight_decay=0.1, **OPTIONS.get(name, {}))


def move(optimizer, weights, gradients):
    """Go a step, of all weights or of the one parameter that they are parts of."""
    for w, g in zip(weights, gradients, strict=True):
        if w.grad is None:
            w.grad = g.clone()
        else:
            w.grad.copy_(g)
    optimizer.step()


def test_joined_weights_are_the_same_objects_with_the_same_values_side_by_side():
    (apart, _), (joined, _) = make("sgd", joins=False), make("sgd")
    module = nn.ParameterList(apart)
    make_contiguous(module)
    assert list(module) == apart
    for w, e in zip(apart, joined, strict=True):
        assert torch.equal(w, e)
        assert w.is_leaf and w.requires_grad and w.data_ptr() % 64 == 0
    assert len({w.untyped_storage().data_ptr() for w in apart}) == 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_optimizer_alone(name):
    (expected, alone), (weights, optimizer) = make(name, joins=False), make(name)
    gradients = [[torch.randn(shape) for shape in SHAPES] for _ in range(6)]
    for g in gradients:
        move(alone, expected, g)
    move(optimizer, weights, gradients[0])
    for first, last in [(1, 3), (4, 5)]:
        with flattened(optimizer, weights) as flat:
            assert optimizer.param_groups[0]["params"] == [flat]
            for g in gradients[first:last]:
                move(optimizer, weights, g)
        move(optimizer, weights, gradients[last])
    for w, e in zip(weights, expected, strict=True):
        torch.testing.assert_close(w, e)
    # And so are its states, which no longer hang together.
    found, wanted = optimizer.state_dict()["state"], alone.state_dict()["state"]
    assert found.keys() == wanted.keys()
    torch.testing.assert_close(found, wanted)
    tensors = [v for s in optimizer.state.values() for v in s.values() if torch.is_tensor(v)]
    storages = {t.untyped_storage().data_ptr() for t in tensors}
    assert len(storages) == len(tensors)


def test_weights_keep_their_memory_and_follow_each_step_also_before_an_error():
    weights, optimizer = make("sgd")
    expected, alone = make("sgd", joins=False)
    addresses = [w.data_ptr() for w in weights]
    gradients = [torch.randn(shape) for shape in SHAPES]
    move(alone, expected, gradients)
    with pytest.raises(KeyboardInterrupt), flattened(optimizer, weights):
        move(optimizer, weights, gradients)
        torch.testing.assert_close(weights, expected)
        raise KeyboardInterrupt
    assert [w.data_ptr() for w in weights] == addresses
    assert optimizer.param_groups[0]["params"] == weights
    assert all(w.grad is None for w in weights)
    torch.testing.assert_close(weights, expected)


@pytest.mark.parametrize("how", ["apart", "moved", "in another order", "turned"])
def test_not_where_weights_do_not_lie_side_by_side(how):
    weights, optimizer = make("sgd", joins=how != "apart")
    if how == "moved":
        weights[0].data = weights[0].detach().clone()
    elif how == "in another order":
        make_contiguous(nn.ParameterList(weights[::-1]))
    elif how == "turned":
        weights[0].data = weights[0].detach().t()
    with flattened(optimizer, weights) as parameter:
        assert parameter is None
        assert optimizer.param_groups[0]["params"] == weights


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
    monkeypatch.setattr(flat, "_LARGEST", sum(torch.Size(shape).numel() for shape in SHAPES) - 1)
    weights, optimizer = make("adam")
    with flattened(optimizer, weights) as parameter:
        assert parameter is None


class Watcher(Callback):
    """Might do anything to the weights, so that they have to stay apart."""


@pytest.mark.skipif(library.load() is None, reason="without the compiled loops autograd trains")
@pytest.mark.parametrize(
    "options", [{}, {"optimizer": "sgd"}, {"max_grad_norm": None}, {"bidirectional": True}]
)
def test_a_fit_comes_to_the_same_with_weights_apart(options, monkeypatch):
    seen = []

    @contextmanager
    def spy(optimizer, weights):
        with flattened(optimizer, weights) as parameter:
            seen.append(parameter)
            yield parameter

    monkeypatch.setattr(step, "flattened", spy)
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    model = RNNClassifier(hidden_size=8, max_iter=3, random_state=0, **options)
    with use_native(True):
        together = model.fit(X, y).predict_proba(X)
        assert seen and all(isinstance(parameter, nn.Parameter) for parameter in seen)
        apart = model.set_params(callbacks=[("watcher", Watcher())]).fit(X, y).predict_proba(X)
    assert len(seen) == 1
    np.testing.assert_allclose(together, apart, atol=1e-4)
