"""The optimizers that have a name move weights as torch's do."""

import copy
import pickle
from functools import partial

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from sklearn_rnn import RNNClassifier
from sklearn_rnn.training import OPTIMIZERS
from sklearn_rnn.training.optimizers import find_step

FAST = {"hidden_size": 8, "max_iter": 4, "random_state": 0}
TORCH = {cls.__name__.lower(): cls for cls in vars(torch.optim).values() if isinstance(cls, type)}


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"fused": True}])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_they_move_weights_as_those_of_torch(name, options):
    if "fused" in options and name in ("nadam", "radam", "rmsprop"):
        return
    networks = [torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)]
    networks[1].load_state_dict(networks[0].state_dict())
    made = OPTIMIZERS[name], TORCH[name]
    optimizers = [
        cls(network.parameters(), lr=0.1, **options) for cls, network in zip(made, networks, strict=True)
    ]
    x = torch.randn(5, 3)
    for k in range(4):
        for i, (network, optimizer) in enumerate(zip(networks, optimizers, strict=True)):
            optimizer.zero_grad()
            network(x).square().sum().backward()
            assert optimizer.step() is None
            if k == 1:  # go on with a copy of the state
                optimizers[i] = made[i](network.parameters(), lr=0.1, **options)
                optimizers[i].load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for ours, theirs in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(ours, theirs) and ours.requires_grad
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_they_are_optimizers_of_torch_with_an_address(name):
    assert issubclass(OPTIMIZERS[name], TORCH[name])
    assert pickle.loads(pickle.dumps(OPTIMIZERS[name])) is OPTIMIZERS[name]


def test_a_step_takes_a_closure_and_is_seen_by_hooks_and_schedules():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer, seen = OPTIMIZERS["sgd"]([weight], lr=0.5), []
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1)
    optimizer.register_step_post_hook(lambda *args: seen.append(args))

    def closure():
        optimizer.zero_grad()
        loss = weight.sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 2
    schedule.step()
    assert weight.tolist() == [0.5, 0.5] and len(seen) == 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_bare_step_moves_weights_as_the_other(name):
    weights = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    bare, other = (OPTIMIZERS[name]([weight], lr=0.1) for weight in weights)
    step = find_step(bare)
    assert step != bare.step
    for k in range(3):
        for weight in weights:
            weight.grad = torch.tensor([1.0, -2.0, k])
        with torch.no_grad():
            step()
        other.step()
    assert torch.equal(*weights) and not torch.equal(weights[0], torch.ones(3))


def test_the_bare_step_is_not_for_optimizers_that_somebody_listens_to():
    def make():
        return OPTIMIZERS["adam"]([torch.nn.Parameter(torch.ones(2))])

    pre, post, counted, of_torch = make(), make(), make(), torch.optim.Adam(make().param_groups[0]["params"])
    pre.register_step_pre_hook(lambda *args: None)
    post.register_step_post_hook(lambda *args: None)
    torch.optim.lr_scheduler.StepLR(counted, step_size=1)
    for optimizer in (pre, post, counted, of_torch):
        assert find_step(optimizer) == optimizer.step
    everyone = make()
    handle = register_optimizer_step_post_hook(lambda *args: None)
    try:
        assert find_step(everyone) == everyone.step
    finally:
        handle.remove()
    assert find_step(everyone) != everyone.step


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, torch.optim.Adamax])
def test_every_optimizer_lowers_the_loss(vowels, optimizer):
    model = RNNClassifier(optimizer=optimizer, learning_rate=0.01, **FAST).fit(*vowels)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.best_loss_ == min(model.loss_curve_)


def test_weight_decay_keeps_weights_small(vowels):
    norms = []
    for weight_decay in (0.0, 1.0):
        model = RNNClassifier(optimizer="adamw", learning_rate=0.01, weight_decay=weight_decay, **FAST).fit(
            *vowels
        )
        norms.append(sum(p.square().sum() for p in model.module_.parameters()).item())
    assert norms[1] < 0.95 * norms[0]


def test_sgd_has_momentum(vowels):
    model = RNNClassifier(optimizer="sgd", **FAST).fit(*vowels)
    (group,) = model.net_.optimizer_.param_groups
    assert (group["momentum"], group["nesterov"], group["lr"]) == (0.9, True, 0.003)


@pytest.mark.parametrize("option", ["foreach", "fused"])
def test_options_of_an_optimizer_are_kept(data, option):
    optimizer = partial(torch.optim.Adam, **{option: False})
    model = RNNClassifier(optimizer=optimizer, **FAST).fit(*data)
    assert model.net_.optimizer_.defaults[option] is False
