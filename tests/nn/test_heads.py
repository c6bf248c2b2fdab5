"""Heads: losses in NumPy, answers, and the CRF against the enumeration of all label sequences."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import norm

from sklearn_rnn.batches.packing import PackedBatch, Packing
from sklearn_rnn.nn import (
    HEADS,
    CRFHead,
    GaussianHead,
    LinearHead,
    MultiSoftmaxHead,
    QuantileHead,
    SoftmaxHead,
)
from sklearn_rnn.nn.heads.tied import TiedLinear

LENGTHS = [[5, 3, 3, 1], [3, 3], [1, 1]]


def softmax(scores):
    e = np.exp(scores)
    return e / e.sum(axis=-1, keepdims=True)


# Each gives the loss of one term from its scores and its target.


def softmax_loss(scores, target):
    return -np.log(softmax(scores)[target])


def sigmoid_loss(scores, target):
    p = 1 / (1 + np.exp(-scores))
    return -np.log(np.where(target == 1, p, 1 - p)).sum()


def multi_softmax_loss(scores, target):
    return softmax_loss(scores[:2], target[0]) + softmax_loss(scores[2:], target[1])


def linear_loss(scores, target):
    return np.mean((scores - target) ** 2)


def stopping_loss(scores, target):
    p = 1 / (1 + np.exp(-scores[-1]))
    return -np.log(p) if target[-1] else linear_loss(scores[:-1], target[:-1]) - np.log(1 - p)


def absolute_loss(scores, target):
    return np.mean(np.abs(scores - target))


def gaussian_loss(scores, target):
    mean, scale = scores[:3], np.log1p(np.exp(scores[3:])) + 1e-3
    return -np.mean(norm.logpdf(target, mean, scale))


def quantile_loss(scores, target):
    losses = []
    for quantiles, value in zip(scores.reshape(3, 3), target, strict=True):
        for q, level in zip(quantiles, (0.1, 0.5, 0.9), strict=True):
            losses.append(level * (value - q) if value > q else (1 - level) * (q - value))
    return np.mean(losses)


def make_targets(name, n, rng):
    """Give the number of outputs of a head, its number of scores, and n targets."""
    if name == "sigmoid":
        return 3, 3, rng.randint(2, size=(n, 3)).astype(float)
    if name == "multi_softmax":
        return [2, 3], 5, np.column_stack([rng.randint(2, size=n), rng.randint(3, size=n)])
    if name == "stopping":
        return 3, 4, np.column_stack([rng.randn(n, 3), rng.randint(2, size=n)])
    if name in ("linear", "absolute_error", "gaussian", "quantile"):
        return 3, {"gaussian": 6, "quantile": 9}.get(name, 3), rng.randn(n, 3)
    return 3, 3, rng.randint(3, size=n)


IN_NUMPY = {
    "softmax": softmax_loss,
    "sigmoid": sigmoid_loss,
    "multi_softmax": multi_softmax_loss,
    "linear": linear_loss,
    "stopping": stopping_loss,
    "absolute_error": absolute_loss,
    "gaussian": gaussian_loss,
    "quantile": quantile_loss,
}


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("name", sorted(set(HEADS) - {"crf"}))
def test_loss_is_a_weighted_sum(name, per_step, is_weighted, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    packing = Packing(np.array([4, 2, 1]))
    n = packing.n_steps_total if per_step else len(packing)
    n_outputs, n_scores, targets = make_targets(name, n, rng)
    head = HEADS[name](6, n_outputs, per_step)
    assert head.n_scores == n_scores
    scores = rng.randn(n, n_scores) * 2
    weights = rng.uniform(0, 3, size=n) if is_weighted else None
    batch = PackedBatch(
        None, packing, torch.from_numpy(targets), None if weights is None else torch.from_numpy(weights)
    )
    total, count = head.loss(torch.from_numpy(scores), batch)
    expected = 0
    for i in range(n):
        expected += (weights[i] if is_weighted else 1) * IN_NUMPY[name](scores[i], targets[i])
    assert total.shape == ()
    # The levels of quantiles are float32, as weights are.
    assert total.item() == pytest.approx(expected, rel=1e-7 if name == "quantile" else 1e-12)
    assert count == n  # terms, not weights: a batch of light terms moves the network less


@pytest.mark.parametrize("name", HEADS)
def test_scores_are_a_linear_layer(name):
    n_outputs, n_scores, _ = make_targets(name, 1, np.random.RandomState(0))
    head = HEADS[name](6, n_outputs, True).double()
    assert (head.output.bias == 0).all()
    head.output.bias.data += torch.arange(n_scores)
    x = np.random.RandomState(0).randn(4, 6)
    weight = head.output.weight.detach().numpy()
    expected = [weight @ row + np.arange(n_scores) for row in x]
    np.testing.assert_allclose(head(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-12)
    given = torch.ones(2, n_scores)
    assert HEADS[name](None, n_outputs, True)(given) is given  # scores that come in are scores


def test_answers():
    scores = torch.tensor([[2.0, 1.0, -1.0], [-3.0, -2.0, 0.5]])
    softmax_head, sigmoid_head = (HEADS[name](6, 3, False) for name in ("softmax", "sigmoid"))
    assert softmax_head.predict(scores, None).tolist() == [0, 2]
    np.testing.assert_allclose(softmax_head.predict_proba(scores, None), softmax(scores.numpy()), rtol=1e-6)
    assert sigmoid_head.predict(scores, None).tolist() == [[1, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(
        sigmoid_head.predict_proba(scores, None), 1 / (1 + np.exp(-scores.numpy())), rtol=1e-6
    )
    assert LinearHead(6, 3, False).predict(scores, None) is scores
    several = MultiSoftmaxHead(6, [1, 2], False)
    assert several.predict(scores, None).tolist() == [[0, 0], [0, 1]]
    proba = several.predict_proba(scores, None).numpy()
    np.testing.assert_allclose(proba[:, :1], 1.0, rtol=1e-6)
    np.testing.assert_allclose(proba[:, 1:], softmax(scores[:, 1:].numpy()), rtol=1e-6)


@pytest.mark.parametrize("name", ["linear", "absolute_error", "gaussian", "quantile"])
def test_gradients_of_numbers(name, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    n_outputs, n_scores, targets = make_targets(name, 7, rng)
    head = HEADS[name](6, n_outputs, True).double()
    scores = torch.from_numpy(rng.randn(7, n_scores)).requires_grad_()
    targets = torch.from_numpy(targets)
    expected = head.term_losses(scores, targets)
    losses, grad = head.term_losses_with_gradients(scores.detach(), targets)
    torch.testing.assert_close(losses, expected.detach())
    torch.testing.assert_close(grad, torch.autograd.grad(expected.sum(), scores)[0])


@pytest.mark.parametrize("name", ["linear", "absolute_error", "gaussian", "quantile"])
def test_numbers_are_not_broadcast(name):
    n_outputs, n_scores, _ = make_targets(name, 1, np.random.RandomState(0))
    with pytest.raises(ValueError, match=r"Predictions have shape \(4, 3\), targets \(4, 1\)"):
        HEADS[name](6, n_outputs, True).term_losses(torch.zeros(4, n_scores), torch.zeros(4, 1))


def test_quantiles_of_a_gaussian():
    head = GaussianHead(None, 2, True)
    scores = torch.tensor([[1.0, -1.0, 0.5, 2.0]], dtype=torch.float64)
    mean, scale = scores[0, :2].numpy(), np.log1p(np.exp(scores[0, 2:].numpy())) + 1e-3
    assert head.predict(scores, None)[0].tolist() == mean.tolist()
    levels = torch.tensor([[0.5, 0.975]], dtype=torch.float64)
    np.testing.assert_allclose(head.quantile(scores, levels)[0], mean + scale * [0, 1.959964], rtol=1e-6)


def test_quantiles_between_and_beyond_the_learnt():
    head = QuantileHead(None, (2, (0.25, 0.5, 0.75)), True)
    scores = torch.tensor([[1.0, 3.0, 4.0, 30.0, 10.0, 20.0]])  # those of the second cross
    assert head.predict(scores, None).tolist() == [[3.0, 20.0]]
    for level, expected in [
        (0.25, [1, 10]),
        (0.375, [2, 15]),
        (0.625, [3.5, 25]),
        (0.125, [0, 5]),
        (1, [5, 40]),
    ]:
        assert head.quantile(scores, torch.tensor([[level]])).tolist() == [expected]
    each = head.quantile(scores, torch.tensor([[0.25, 0.75]]))
    assert each.tolist() == [[1.0, 30.0]]
    single = QuantileHead(None, (2, (0.9,)), True)
    assert single.predict(torch.tensor([[1.0, 2.0]]), None).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_smoothed_loss(label_smoothing, is_weighted, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    scores, targets, weights = rng.randn(6, 4), rng.randint(4, size=6), rng.rand(6)
    head = SoftmaxHead(3, 4, True, label_smoothing=label_smoothing)
    given = torch.tensor(scores, requires_grad=True), torch.from_numpy(targets)
    batch = PackedBatch(None, None, given[1], torch.from_numpy(weights) if is_weighted else None, None)
    smoothed = (1 - label_smoothing) * np.eye(4)[targets] + label_smoothing / 4
    weights = weights if is_weighted else np.ones(6)
    plain = np.array([softmax_loss(s, t) for s, t in zip(scores, targets, strict=True)])
    in_training = -(smoothed * np.log(softmax(scores))).sum(axis=1)
    np.testing.assert_allclose(head.loss(given[0], batch)[0].item(), (weights * in_training).sum())
    np.testing.assert_allclose(head.eval().loss(given[0], batch)[0].item(), (weights * plain).sum())
    losses, grad = head.train().term_losses_with_gradients(given[0].detach(), given[1])
    np.testing.assert_allclose(losses, in_training)
    (expected,) = torch.autograd.grad(head.term_losses(*given).sum(), given[0])
    np.testing.assert_allclose(grad, expected, atol=1e-12)


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.0, float("nan")])
def test_smoothing_that_is_none(label_smoothing):
    with pytest.raises(ValueError, match="label_smoothing must be at least 0 and less than 1, but it is"):
        SoftmaxHead(3, 4, True, label_smoothing=label_smoothing)


@pytest.mark.parametrize("n_outputs", [2, 3])
def test_tied_outputs_are_the_rows_of_the_embedding(n_outputs):
    embedding = torch.nn.Embedding(3, 2)
    tied = TiedLinear(embedding, n_outputs)
    rows = embedding.weight[[1, 2, 0][:n_outputs]]
    features = torch.randn(4, 2)
    torch.testing.assert_close(tied(features), features @ rows.T + tied.bias)
    assert [name for name, _ in tied.named_parameters()] == ["bias"]
    # The way back of `weight`, which autograd knows as well.
    grad = torch.randn(n_outputs, 2)
    (expected,) = torch.autograd.grad(tied.weight, embedding.weight, grad)
    torch.testing.assert_close(tied.backward(grad), expected)


def test_squared_error_broadcasts_nothing():
    batch = PackedBatch(None, Packing(np.array([1, 1, 1])), torch.zeros(3))
    with pytest.raises(ValueError, match=r"Predictions have shape \(3, 1\), targets \(3,\)"):
        LinearHead(6, 1, False).loss(torch.zeros(3, 1), batch)


# The conditional random field


def make_crf(n_labels, seed, *, is_zero=False):
    generator = torch.Generator().manual_seed(seed)
    head = CRFHead(6, n_labels).double()
    for parameter in (head.transitions, head.start, head.end):
        assert (parameter == 0).all()  # a softmax before training
        if not is_zero:
            parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 1.5
    return head


def enumerate_paths(head, scores):
    """All label sequences for the scores (T, K) of one sequence, and the score of each."""
    transitions, start, end = (p.detach().numpy() for p in (head.transitions, head.start, head.end))
    n_steps, n_labels = scores.shape
    paths = list(itertools.product(range(n_labels), repeat=n_steps))
    totals = []
    for path in paths:
        total = start[path[0]] + end[path[-1]]
        for t in range(n_steps):
            total += scores[t, path[t]]
        for t in range(1, n_steps):
            total += transitions[path[t - 1], path[t]]
        totals.append(total)
    return np.array(paths), np.array(totals)


@pytest.fixture(params=itertools.product(LENGTHS, [1, 2, 4], range(4)), ids=str)
def crf_case(request, global_random_seed):
    """A head, a layout, random scores and random labels."""
    lengths, n_labels, seed = request.param
    seed += global_random_seed
    rng = np.random.RandomState(seed)
    packing = Packing(np.array(lengths))
    scores, labels = rng.randn(sum(lengths), n_labels) * 1.5, rng.randint(n_labels, size=sum(lengths))
    return make_crf(n_labels, seed), packing, scores, labels


@pytest.mark.parametrize("is_weighted", [False, True])
def test_crf_likelihood(crf_case, is_weighted):
    head, packing, scores, labels = crf_case
    weights = np.linspace(0.5, 2, len(packing)) if is_weighted else np.ones(len(packing))
    expected = 0
    for i in range(len(packing)):
        paths, totals = enumerate_paths(head, scores[packing.row_of == i])
        (mine,) = np.flatnonzero((paths == labels[packing.row_of == i]).all(axis=1))
        expected -= weights[i] * (totals[mine] - np.log(np.exp(totals).sum()))
    given = torch.from_numpy(weights[packing.row_of]) if is_weighted else None
    total, count = head.loss(
        torch.from_numpy(scores), PackedBatch(None, packing, torch.from_numpy(labels), given)
    )
    assert total.item() == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert count == packing.n_steps_total


def test_crf_viterbi(crf_case):
    head, packing, scores, _ = crf_case
    labels = head.predict(torch.from_numpy(scores), packing).numpy()
    for i in range(len(packing)):
        paths, totals = enumerate_paths(head, scores[packing.row_of == i])
        assert labels[packing.row_of == i].tolist() == paths[totals.argmax()].tolist()


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_crf_marginals(crf_case, mode):
    head, packing, scores, _ = crf_case
    with mode():
        marginals = head.predict_proba(torch.from_numpy(scores), packing).numpy()
    for i in range(len(packing)):
        paths, totals = enumerate_paths(head, scores[packing.row_of == i])
        probabilities = np.exp(totals) / np.exp(totals).sum()
        expected = [
            [probabilities[paths[:, t] == k].sum() for k in range(scores.shape[1])]
            for t in range(paths.shape[1])
        ]
        np.testing.assert_allclose(marginals[packing.row_of == i], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_crf_without_transitions_is_a_softmax(lengths, is_weighted, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    packing = Packing(np.array(lengths))
    crf, plain = make_crf(3, 0, is_zero=True), SoftmaxHead(6, 3, True).double()
    scores = torch.from_numpy(rng.randn(sum(lengths), 3))
    labels = torch.from_numpy(rng.randint(3, size=sum(lengths)))
    weights = torch.from_numpy(rng.uniform(1, 2, len(packing))[packing.row_of]) if is_weighted else None
    batch = PackedBatch(None, packing, labels, weights)
    with torch.no_grad():
        for ours, theirs in zip(crf.loss(scores, batch), plain.loss(scores, batch), strict=True):
            assert float(ours) == pytest.approx(float(theirs), rel=1e-12)
    assert crf.predict(scores, packing).tolist() == plain.predict(scores, packing).tolist()
    torch.testing.assert_close(
        crf.predict_proba(scores, packing), plain.predict_proba(scores, packing), rtol=1e-12, atol=1e-14
    )


def test_crf_stays_finite_with_large_scores():
    head = make_crf(3, 0)
    packing = Packing(np.array([3, 1]))
    scores = torch.tensor([[1e4, 0, 0], [0, -1e4, 0], [0, 1e4, 0], [0, 0, 1e4]], dtype=torch.float64)
    labels = head.predict(scores, packing)
    total, _ = head.loss(scores, PackedBatch(None, packing, labels))
    assert torch.isfinite(total)
    assert torch.isfinite(head.predict_proba(scores, packing)).all()
    assert labels[[0, 2, 3]].tolist() == [0, 1, 2]


def test_crf_is_for_steps():
    with pytest.raises(ValueError, match="labels the steps of a sequence, not the sequence"):
        CRFHead(6, 3, per_step=False)


@pytest.mark.parametrize("levels", [(), (0.5, 0.5), (0.9, 0.1), (0.0, 0.5), (0.5, 1.0), (float("nan"),)])
def test_levels_that_are_no_quantiles(levels):
    with pytest.raises(ValueError, match="levels must increase and lie between 0 and 1"):
        QuantileHead(4, (1, levels), per_step=False)
