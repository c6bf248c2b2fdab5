"""A vector for a whole sequence, in networks of both directions and of features, too."""

import numpy as np
import pytest
import torch

from sklearn_rnn import Sequences
from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.nn import CELLS, NetworkSpec, RecurrentNetwork
from sklearn_rnn.nn.kernels.choose import find_training_step

ARCHITECTURE = {
    "hidden_size": 4,
    "num_layers": 2,
    "n_outputs": 3,
    "condition_size": 2,
}
LENGTHS = np.array([3, 1, 5, 2])
CONDITION = np.random.RandomState(0).randn(4, 2).astype(np.float32)


def make_network(**options):
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkSpec(**ARCHITECTURE, **options)).double().eval()


def make_dataset(is_tokens, **options):
    rng = np.random.RandomState(1)
    n = LENGTHS.sum()
    values = rng.randint(6, size=n) if is_tokens else rng.randn(n, 6).astype(np.float32)
    return SequenceDataset(Sequences(values, np.r_[0, LENGTHS.cumsum()]), condition=CONDITION, **options)


@pytest.mark.parametrize("way", ["state", "input"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("is_tokens", [True, False])
@pytest.mark.parametrize("embedding_size", [None, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_is_a_loop_over_sequences(cell, embedding_size, is_tokens, bidirectional, way):
    network = make_network(
        input_size=6,
        is_tokens=is_tokens,
        embedding_size=embedding_size,
        bidirectional=bidirectional,
        cell=cell,
        pooling="last",
        condition_as=way,
    )
    dataset = make_dataset(is_tokens)
    batch = dataset.gather(np.array([2, 0, 3, 1]), network.like)
    with torch.no_grad():
        together = network(batch)
        for row, i in zip(together, [2, 0, 3, 1], strict=True):
            alone = network(dataset.gather(np.array([i]), network.like))[0]
            torch.testing.assert_close(alone, row)
            # By hand, step by step.
            x = torch.from_numpy(dataset.sequences[int(i)])
            vector = torch.from_numpy(CONDITION[i]).double()
            if is_tokens:
                x = torch.eye(6).double()[x] if embedding_size is None else network.input.embedding(x)
            rows = list(x.double())
            moves = (
                list(network.initial_state.linear(vector).split(network.initial_state.sizes))
                if way == "state"
                else None
            )
            if way == "input":
                rows = [torch.cat([step, vector]) for step in rows]
            for layer in network.recurrence.layers:
                outputs, last = [], []
                for direction, one in enumerate(layer):
                    state = one.initial_state(1)
                    if moves is not None:
                        state = tuple(moves.pop(0)[None] for _ in state)  # instead of zeros
                    said = []
                    for step in rows[::-1] if direction else rows:
                        out, state = one.step(one.project(step[None]), state)
                        said.append(out[0])
                    last.append(said[-1])
                    outputs.append(said[::-1] if direction else said)
                rows = [torch.cat(parts) for parts in zip(*outputs, strict=True)]
            pooled = torch.cat(last)
            scores = sum(pooled.chunk(len(last))) if network.emits_scores else network.head.output(pooled)
            torch.testing.assert_close(scores, row)


@pytest.mark.parametrize("way", ["state", "input"])
def test_gradients_with_respect_to_the_map(way):
    network = make_network(
        input_size=6,
        is_tokens=True,
        embedding_size=3,
        bidirectional=False,
        cell="lstm",
        pooling="last",
        condition_as=way,
    ).train()
    batch = make_dataset(True).gather(np.array([2, 0, 3, 1]), network.like)
    batch.targets = torch.tensor([0, 1, 2, 1])
    assert find_training_step(network.float()) is None  # left to autograd
    network.double()
    weight = (
        network.initial_state.linear.weight if way == "state" else network.recurrence.layers[0][0].weight_ih
    )

    def loss():
        total, n = network.head.loss(network(batch), batch)
        return total / n

    (grad,) = torch.autograd.grad(loss(), [weight])
    assert (grad[:, -2:] != 0).all()
    with torch.no_grad():
        for at in [(0, -1), (3, -2), (15, -1)]:
            weight[at] += 1e-6
            above = loss()
            weight[at] -= 2e-6
            assert grad[at] == pytest.approx(float(above - loss()) / 2e-6, rel=1e-4)
            weight[at] += 1e-6


def test_conditions_go_with_their_sequences():
    like = torch.zeros(1, dtype=torch.float64)
    dataset = make_dataset(True)
    numbered = make_dataset(True, rows=np.array([3, 0, 2]))
    batch = numbered.gather(np.array([2, 1, 0]), like)
    assert batch.condition.dtype == torch.float64
    np.testing.assert_array_equal(batch.condition, CONDITION[[2, 0, 3]])
    part = dataset.subset(np.array([1, 3]))
    np.testing.assert_array_equal(part.gather(np.array([1, 0]), like).condition, CONDITION[[3, 1]])
    assert SequenceDataset(dataset.sequences).gather(np.array([2]), like).condition is None
