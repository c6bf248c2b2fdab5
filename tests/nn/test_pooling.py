"""Poolings against the same thing done to one sequence at a time in NumPy."""

import numpy as np
import pytest
import torch

from sklearn_rnn.batches.packing import Packing
from sklearn_rnn.nn.pooling import POOLINGS


def last(x, directions, pooling):
    if directions == 1:
        return x[-1]
    half = x.shape[1] // 2
    return np.concatenate([x[-1, :half], x[0, half:]])


def mean(x, directions, pooling):
    return x.sum(axis=0) / len(x)


def largest(x, directions, pooling):
    return np.array([max(column) for column in x.T])


def attention(x, directions, pooling):
    weight, bias, context = (
        p.detach().numpy() for p in (pooling.key.weight, pooling.key.bias, pooling.context)
    )
    energy = np.array([np.tanh(weight @ step + bias) @ context for step in x])
    share = np.exp(energy) / np.exp(energy).sum()
    return sum(a * step for a, step in zip(share, x, strict=True))


IN_NUMPY = {"last": last, "mean": mean, "max": largest, "attention": attention}


def make_pooling(name, directions):
    generator = torch.Generator().manual_seed(3)
    pooling = POOLINGS[name](4, directions).double()
    for parameter in pooling.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return pooling


@pytest.mark.parametrize("lengths", [[5, 3, 3, 1], [4, 4], [1, 1, 1]], ids=str)
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("name", POOLINGS)
def test_pooling_is_that_of_each_sequence(name, directions, lengths, global_random_seed):
    pooling = make_pooling(name, directions)
    packing = Packing(np.array(lengths))
    outputs = (
        np.random.RandomState(global_random_seed).randn(sum(lengths), 4) - 1
    )  # the largest may be negative
    pooled = pooling(torch.from_numpy(outputs), packing).detach().numpy()
    assert pooled.shape == (len(lengths), 4)
    for i in range(len(lengths)):
        expected = IN_NUMPY[name](outputs[packing.row_of == i], directions, pooling)
        np.testing.assert_allclose(pooled[i], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", POOLINGS)
def test_one_step_is_its_own_pool(name):
    outputs = torch.from_numpy(np.random.RandomState(0).randn(3, 4))
    pooled = make_pooling(name, 2)(outputs, Packing(np.array([1, 1, 1])))
    torch.testing.assert_close(pooled, outputs, rtol=1e-14, atol=0)


def test_attention_survives_large_energies():
    pooling = make_pooling("attention", 1)
    pooling.context.data *= 1e4  # exp(1e4) is infinite
    outputs = torch.from_numpy(np.random.RandomState(0).randn(5, 4))
    pooled = pooling(outputs, Packing(np.array([3, 2]))).detach()
    energy = torch.tanh(pooling.key(outputs)) @ pooling.context
    assert energy.abs().max() > 1e3
    for i, steps in enumerate(([0, 2, 4], [1, 3])):
        best = steps[energy[steps].argmax()]
        torch.testing.assert_close(pooled[i], outputs[best], rtol=1e-9, atol=1e-9)
