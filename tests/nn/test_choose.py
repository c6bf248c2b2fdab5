"""The tables of ways: each line may be deleted, and the results stay the same."""

import numpy as np
import pytest
import torch

from sklearn_rnn.batches.packing import PackedBatch, Packing
from sklearn_rnn.nn import (
    CELLS,
    HEADS,
    GRUCell,
    JordanCell,
    LinearHead,
    NetworkSpec,
    RecurrentNetwork,
    SoftmaxHead,
)
from sklearn_rnn.nn.heads.tied import TiedLinear
from sklearn_rnn.nn.kernels import choose
from sklearn_rnn.nn.kernels.choose import LAYER, READ_OUT, STEP, TRAINING_STEP


class OwnCell(GRUCell):
    """A cell of a user."""


def names(ways):
    return [way.name for way in ways]


def delete(monkeypatch, table, name):
    kept = tuple(way for way in getattr(choose, table) if way.name != name)
    monkeypatch.setattr(choose, table, kept)


def run(cell, lengths, dtype, kind, need_state, needs_grad):
    torch.manual_seed(0)
    packing = Packing(np.array(lengths))
    x = (
        torch.randn(packing.n_steps_total, 3)
        if kind == "features"
        else torch.arange(packing.n_steps_total) % 3
    )
    cell = cell(3, 4).to(dtype)
    x = x.to(dtype) if kind == "features" else x
    with torch.set_grad_enabled(needs_grad):
        outputs, state = choose.run_layer(
            cell,
            x,
            packing.batch_sizes,
            cell.initial_state(len(packing)),
            packing=packing,
            need_state=need_state,
        )
        found = [outputs, *(state if need_state else ())]
        return (
            [*found, *torch.autograd.grad(sum(f.sum() for f in found), [*cell.parameters()])]
            if needs_grad
            else found
        )


@pytest.mark.parametrize("needs_grad", [True, False])
@pytest.mark.parametrize("lengths", [(3, 3), (5, 4, 4, 3)], ids=["rectangle", "ragged"])
@pytest.mark.parametrize("kind", ["features", "tokens"])
@pytest.mark.parametrize("cell", [*CELLS.values(), OwnCell])
def test_every_way_of_a_layer_may_be_deleted(cell, kind, lengths, needs_grad, monkeypatch):
    for dtype in (torch.float32, torch.float64):
        for need_state in (True, False):
            arguments = cell, lengths, dtype, kind, need_state, needs_grad
            expected = run(*arguments)
            for name in names(LAYER[:-1]):
                with monkeypatch.context() as patch:
                    delete(patch, "LAYER", name)
                    torch.testing.assert_close(run(*arguments), expected, rtol=1e-4, atol=1e-5)
    for name in names(LAYER[:-1]):
        delete(monkeypatch, "LAYER", name)
    torch.testing.assert_close(run(*arguments), expected)


@pytest.mark.parametrize("cell", [*CELLS.values(), OwnCell])
def test_every_way_of_a_step_may_be_deleted(cell, monkeypatch):
    torch.manual_seed(0)
    cell, x = cell(3, 4), torch.randn(2, 3)
    with torch.no_grad():
        expected = choose.make_step(cell, x, cell.initial_state(2))(x, cell.initial_state(2))
        for name in names(STEP[:-1]):
            delete(monkeypatch, "STEP", name)
            found = choose.make_step(cell, x, cell.initial_state(2))(x, cell.initial_state(2))
            torch.testing.assert_close(found, expected)


def make_batch(network):
    packing = Packing(np.array([4, 2]))
    return PackedBatch(torch.randn(6, 3), packing, torch.tensor([0, 1]))


def differentiate(network, batch):
    step = choose.find_training_step(network)
    network.zero_grad()
    if step is None:
        total, n = network.head.loss(network(batch), batch)
        (total / n).backward()
        loss = total.item() / n
    else:
        _, loss, *_ = step(network)(batch)
    return loss, [w.grad.clone() for w in network.parameters()]


def test_every_way_of_a_training_step_may_be_deleted(monkeypatch):
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkSpec(input_size=3, hidden_size=4, n_outputs=2))
    batch = make_batch(network)
    loss, gradients = differentiate(network, batch)
    for name in names(TRAINING_STEP[:-1]):
        delete(monkeypatch, "TRAINING_STEP", name)
        found, others = differentiate(network, batch)
        assert found == pytest.approx(loss, rel=1e-5)
        torch.testing.assert_close(others, gradients)
    assert choose.find_training_step(network) is None


def make_heads():
    for name in HEADS:
        yield HEADS[name](4, [2, 3] if name == "multi_softmax" else 3, per_step=True)
    tied = SoftmaxHead(None, 3, per_step=True)
    tied.output = TiedLinear(torch.nn.Embedding(5, 4), 3)
    yield tied


@pytest.mark.parametrize(
    "head", [*make_heads()], ids=lambda head: f"{type(head).__name__}-{type(head.output).__name__}"
)
def test_every_way_of_a_read_out_may_be_deleted(head, monkeypatch):
    outputs = torch.randn(5, 4)
    with torch.inference_mode():
        expected = head(outputs)
    assert torch.equal(choose.make_read_out(head)(outputs), expected)
    for name in names(READ_OUT[:-1]):
        delete(monkeypatch, "READ_OUT", name)
        assert torch.equal(choose.make_read_out(head)(outputs), expected)


def test_what_a_way_is_chosen_by():
    assert choose._choose(READ_OUT, SoftmaxHead(4, 3, per_step=True)) is READ_OUT[0].function
    assert choose._choose(READ_OUT, LinearHead(4, 3, per_step=True)) is READ_OUT[1].function
    for cell, dtype, way in [
        (GRUCell(3, 4), torch.float64, "loop in torch, gradients by hand"),
        (OwnCell(3, 4), torch.float32, "loop over Cell.step"),
        (JordanCell(3, 4), torch.float64, "loop over Cell.step"),
    ]:
        state = cell.to(dtype).initial_state(1)
        case = choose.Run(cell, torch.zeros(1, 3, dtype=dtype), [1], state)
        assert choose._choose(LAYER, case) is {way.name: way.function for way in LAYER}[way]
