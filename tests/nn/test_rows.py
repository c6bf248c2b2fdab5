"""Operations on rows: torch's results, and the same bits whatever the number of rows."""

import numpy as np
import pytest
import torch

from sklearn_rnn.batches.packing import Packing
from sklearn_rnn.nn import CRFHead, use_native
from sklearn_rnn.nn.kernels import rows, threads
from sklearn_rnn.nn.kernels.native import library

pytestmark = pytest.mark.skipif(library.load() is None, reason="needs the compiled loops")

INSTRUCTION_SETS = [name for name in library.INSTRUCTION_SETS if library.load(name) is not None]


@pytest.fixture(autouse=True, params=INSTRUCTION_SETS)
def loops(request, monkeypatch):
    monkeypatch.setattr(library, "get", lambda: library.load(request.param))
    with torch.inference_mode():
        yield


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n_inputs", [1, 3, 7, 8, 9, 16, 33, 64, 300])
@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4, 5, 9, 33, 1100])
def test_linear(n_inputs, n_outputs):
    x, weight, bias = noise(100, n_inputs), noise(n_outputs, n_inputs), noise(n_outputs)
    together = rows.linear(x, weight, bias)
    exact = (x.double() @ weight.double().t() + bias).float()
    torch.testing.assert_close(together, exact, rtol=1e-5, atol=2e-5)
    for n in (1, 2, 3, 4, 5, 6, 7, 31, 70):
        for first in (0, 13):
            some = rows.linear(x[first : first + n], weight, bias)
            assert torch.equal(some, together[first : first + n])
    assert torch.equal(rows.linear(x[:60].view(5, 3, 4, -1), weight, bias).view(60, -1), together[:60])


@pytest.mark.parametrize("n_threads", [2, 3])
def test_linear_in_threads(n_threads, monkeypatch):
    x, weight, bias = noise(50, 20), noise(130, 20), noise(130)
    expected = rows.linear(x, weight, bias)
    monkeypatch.setattr(threads, "count_threads", lambda work: n_threads)
    for n in (1, 7, 50):
        assert torch.equal(rows.linear(x[:n], weight, bias), expected[:n])
    assert torch.equal(rows.softmax(x), torch.cat([rows.softmax(row[None]) for row in x]))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (rows.tanh, torch.tanh),
        (rows.sigmoid, torch.sigmoid),
        (rows.softplus, torch.nn.functional.softplus),
        (rows.log_sigmoid, torch.nn.functional.logsigmoid),
        (lambda x: rows.exp_of_negative(-x.abs()), lambda x: (-x.abs()).exp()),
        (lambda x: rows.log(x.abs()), lambda x: x.abs().log()),
        (lambda x: rows.log_add_exp(x, 2 - x), lambda x: torch.logaddexp(x, 2 - x)),
    ],
    ids=["tanh", "sigmoid", "softplus", "log_sigmoid", "exp", "log", "log_add_exp"],
)
def test_functions(ours, theirs):
    x = torch.cat([8 * noise(1000), torch.tensor([0.0, 80.0, -80.0])])
    together = ours(x)
    torch.testing.assert_close(together, theirs(x), rtol=2e-6, atol=1e-7)
    for n in range(1, 40):
        assert torch.equal(ours(x[n : 2 * n]), together[n : 2 * n])


@pytest.mark.parametrize("width", [1, 2, 7, 8, 13, 40])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_behind_whose_end_nothing_counts(name, width):
    x, ours = 5 * noise(30, width), getattr(rows, name)
    together = ours(x)
    torch.testing.assert_close(together, getattr(torch, name)(x, dim=1), rtol=1e-5, atol=1e-6)
    for more in (1, 5, 30):
        padded = torch.cat([x, torch.full((30, more), -torch.inf)], dim=1)
        assert torch.equal(ours(padded[3:5])[:, :width], together[3:5])


@pytest.mark.parametrize(("n", "n_steps", "width"), [(1, 1, 1), (1, 9, 20), (5, 7, 11), (40, 3, 64)])
def test_products_and_mixtures(n, n_steps, width):
    queries, values, weights = noise(4, n, width), noise(4, n_steps, width), noise(4, n, n_steps).exp()
    products, mixtures = rows.products(queries, values), rows.mix(weights, values)
    torch.testing.assert_close(products, queries @ values.transpose(1, 2), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mixtures, weights @ values, rtol=1e-5, atol=1e-5)
    assert torch.equal(rows.products(queries[2:3, :1], values[2:3]), products[2:3, :1])
    longer = torch.cat([values, torch.zeros(4, 5, width)], dim=1)
    weights = torch.cat([weights, torch.zeros(4, n, 5)], dim=2)
    assert torch.equal(rows.mix(weights[2:3, :1], longer[2:3]), mixtures[2:3, :1])


@pytest.mark.parametrize("n_labels", [1, 2, 5, 9, 20])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_marginals(n_labels, scale):
    lengths = np.array([40, 9, 3, 3, 1])
    head, packing = CRFHead(None, n_labels), Packing(lengths)
    for parameter in (head.transitions, head.start, head.end):
        parameter.copy_(noise(*parameter.shape))
    scores = scale * noise(packing.n_steps_total, n_labels)
    together = head.predict_proba(scores, packing)
    torch.testing.assert_close(together.sum(1), torch.ones(len(scores)), rtol=0, atol=1e-6)
    with torch.inference_mode(False), use_native(False):
        exact = CRFHead(None, n_labels).double()
        exact.load_state_dict({name: w.clone() for name, w in head.state_dict().items()})
        expected = exact.predict_proba(scores.double(), packing).float()
    torch.testing.assert_close(together, expected, rtol=1e-4, atol=2e-6)
    for row, length in enumerate(lengths):
        at = torch.from_numpy(packing.place(np.arange(length), np.full(length, row)))
        alone = head.predict_proba(scores[at], Packing([length]))
        assert torch.equal(alone, together[at])


def test_gradients_are_torchs():
    with torch.inference_mode(False), torch.enable_grad():
        x, weight = noise(3, 4).requires_grad_(), noise(2, 4).requires_grad_()
        rows.linear(x, weight).sum().backward()
        assert torch.equal(x.grad, weight.sum(0).expand(3, 4))
