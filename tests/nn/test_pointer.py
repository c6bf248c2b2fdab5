"""The pointer: probabilities against a plain loop, gradients, and what is hardly possible."""

import math

import numpy as np
import pytest
import torch

from sklearn_rnn.nn.pointer import Pointer, add_by_code

# Rows of sources of 5, 2 and 4 steps over 3 tokens that can be written (K = 3); the last one repeats a token
# that can, and one that cannot.
COPIED = torch.tensor([[3, 0, 5, 2, 7], [1, 4, 0, 0, 0], [4, 1, 4, 1, 0]])
LENGTHS = torch.tensor([5, 2, 4])
N_TOKENS, N_STEPS = 3, 5


@pytest.fixture
def parts():
    """A pointer in double precision, and what it is given."""
    torch.manual_seed(0)
    pointer = Pointer(input_size=4, n_source_codes=10).double()
    pointer.gate.bias.data.fill_(0.3)
    scores, outputs, fits = (torch.randn(3, n, dtype=torch.float64) for n in (N_TOKENS, 4, N_STEPS))
    fits.masked_fill_(torch.arange(N_STEPS) >= LENGTHS[:, None], float("-inf"))
    for part in (scores, outputs, fits):
        part.requires_grad_()
    return pointer, scores, outputs, fits


def mix_in_a_loop(pointer, scores, outputs, fits):
    """The probabilities by the paper's formula, one at a time."""
    rows = []
    for row in range(3):
        gate = torch.sigmoid(pointer.gate.weight[0] @ outputs[row] + pointer.gate.bias[0])
        total = [gate * p for p in scores[row].softmax(0)] + [torch.zeros((), dtype=torch.float64)] * N_STEPS
        looks = fits[row, : LENGTHS[row]].softmax(0)
        for step in range(LENGTHS[row]):
            code = COPIED[row, step]
            total[code] = total[code] + (1 - gate) * looks[step]
        rows.append(torch.stack(total))
    return torch.stack(rows)


def test_probabilities_are_those_of_a_loop(parts):
    pointer, *given = parts
    logs = pointer(*given, COPIED)
    torch.testing.assert_close(logs.exp(), mix_in_a_loop(pointer, *given))
    torch.testing.assert_close(logs.exp().sum(dim=1), torch.ones(3, dtype=torch.float64))
    # Exactly nothing for what is not in the source.
    assert (logs[0, [4, 6]] == -math.inf).all() and (logs[1, [3, 5, 6, 7]] == -math.inf).all()


def test_gradients_are_those_of_a_loop_and_of_finite_differences(parts):
    pointer, *given = parts
    targets = torch.tensor([5, 4, 1])  # copied; copied; written or copied from either of two steps
    wanted = [*given, *pointer.parameters()]
    expected = torch.autograd.grad(
        mix_in_a_loop(pointer, *given).gather(1, targets[:, None]).log().sum(), wanted
    )

    def log_likelihood(scores, outputs, fits, *_):
        logs = pointer(scores, outputs, fits, COPIED)
        return -torch.nn.functional.cross_entropy(logs, targets, reduction="sum")

    gradients = torch.autograd.grad(log_likelihood(*given), wanted)
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other)
        assert gradient.any()
    short = given[2].detach()[1:2, :2].requires_grad_()  # finite differences of what is finite
    one = [part.detach()[1:2].requires_grad_() for part in given[:2]]
    assert torch.autograd.gradcheck(lambda *x: pointer(*x, COPIED[1:2, :2])[:, [0, 1, 2, 4]], (*one, short))


@pytest.mark.parametrize("gate", [200.0, -200.0])
@pytest.mark.parametrize("target", [1, 3])
def test_what_is_hardly_possible_has_a_finite_loss_and_a_gradient(gate, target):
    """In single precision all of these probabilities would be 0."""
    pointer = Pointer(input_size=1, n_source_codes=10)
    pointer.gate.weight.data.fill_(1.0)
    scores = torch.tensor([[300.0, 0.0, 0.0]], requires_grad=True)
    fits = torch.tensor([[0.0, 300.0, 299.0]], requires_grad=True)
    outputs = torch.tensor([[gate]], requires_grad=True)
    log = pointer(scores, outputs, fits, torch.tensor([[3, 0, 0]]))[0, target]
    log.backward()
    softplus = np.logaddexp(0, gate)
    expected = gate - softplus - 300 if target == 1 else -softplus - 300 - np.log1p(np.exp(-1))
    assert log.item() == pytest.approx(expected, rel=1e-6)
    for part in (scores, outputs, fits):
        assert part.grad.isfinite().all()
    assert (scores.grad[0, 1] if target == 1 else fits.grad[0, 0]) == pytest.approx(1)


def test_equal_codes_are_added():
    logs = torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 0.0, 0.0]]).log()
    total = add_by_code(logs, torch.tensor([[2, 0, 2, 2], [1, 0, 0, 0]]), 4).exp()
    torch.testing.assert_close(total, torch.tensor([[0.2, 0.0, 0.8, 0.0], [0.0, 1.0, 0.0, 0.0]]))


def test_a_code_of_a_source_says_what_is_read_and_what_is_copied():
    pointer = Pointer(input_size=2, n_source_codes=7)
    read, copied = torch.tensor([0, 6, 3]), torch.tensor([12, 0, 5])
    assert pointer.what_is_read(read + 7 * copied).tolist() == read.tolist()
    assert pointer.what_is_copied(read + 7 * copied).tolist() == copied.tolist()
