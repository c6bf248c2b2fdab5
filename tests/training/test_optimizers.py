"""The optimizers that have a name move weights as torch's do."""

import copy
import pickle

import pytest
import torch

from sklearn_rnn.training import OPTIMIZERS

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
