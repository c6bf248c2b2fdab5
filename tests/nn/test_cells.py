"""Cells: their equations in NumPy, an example by hand, and the same networks of `torch.nn`."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from sklearn_rnn.batches.packing import Packing
from sklearn_rnn.nn import CELLS, ElmanCell, GRUCell, JordanCell, LSTMCell, Recurrence


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def identity(x):
    return x


NONLINEARITIES = {"tanh": np.tanh, "relu": relu, "sigmoid": sigmoid}


def randomize(module, seed=0):
    """Give every parameter, biases included, random numbers; return the module in float64."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.6
    return module.double()


def gates(cell, inner="hh"):
    """Weights and biases as arrays, gate by gate: (W_i*, b_i*, W_h*, b_h*)."""
    names = ["weight_ih", "bias_ih", f"weight_{inner}", f"bias_{inner}"]
    parts = [np.split(getattr(cell, name).detach().numpy(), cell.n_gates) for name in names]
    return list(zip(*parts, strict=True))


# Each gives the outputs (T, ...) and the final state for one sequence x (T, d).


def elman_in_numpy(cell, x, state, nonlinearity):
    ((W_ih, b_ih, W_hh, b_hh),) = gates(cell)
    (h,) = state
    outputs = []
    for t in range(len(x)):
        h = nonlinearity(W_ih @ x[t] + b_ih + W_hh @ h + b_hh)
        outputs.append(h)
    return np.array(outputs), (h,)


def jordan_in_numpy(cell, x, state, nonlinearity, activation):
    ((W_ih, b_ih, W_hy, b_hy),) = gates(cell, "hy")
    W_y, b_y = (p.detach().numpy() for p in (cell.output.weight, cell.output.bias))
    (y,) = state
    outputs = []
    for t in range(len(x)):
        h = nonlinearity(W_ih @ x[t] + b_ih + W_hy @ y + b_hy)
        scores = W_y @ h + b_y
        y = activation(scores)
        outputs.append(scores)
    return np.array(outputs), (y,)


def lstm_in_numpy(cell, x, state):
    in_gate, forget_gate, candidate, out_gate = gates(cell)
    h, c = state
    outputs = []
    for t in range(len(x)):
        i, f, g, o = (
            W_i @ x[t] + b_i + W_h @ h + b_h
            for W_i, b_i, W_h, b_h in (in_gate, forget_gate, candidate, out_gate)
        )
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs), (h, c)


def gru_in_numpy(cell, x, state):
    (W_ir, b_ir, W_hr, b_hr), (W_iz, b_iz, W_hz, b_hz), (W_in, b_in, W_hn, b_hn) = gates(cell)
    (h,) = state
    outputs = []
    for t in range(len(x)):
        r = sigmoid(W_ir @ x[t] + b_ir + W_hr @ h + b_hr)
        z = sigmoid(W_iz @ x[t] + b_iz + W_hz @ h + b_hz)
        n = np.tanh(W_in @ x[t] + b_in + r * (W_hn @ h + b_hn))
        h = (1 - z) * n + z * h
        outputs.append(h)
    return np.array(outputs), (h,)


CASES = [
    pytest.param(LSTMCell, {}, lstm_in_numpy, (), id="lstm"),
    pytest.param(GRUCell, {}, gru_in_numpy, (), id="gru"),
]
for name, f in NONLINEARITIES.items():
    options = {"nonlinearity": name}
    CASES.append(pytest.param(ElmanCell, options, elman_in_numpy, (f,), id=f"elman-{name}"))
    options = {"nonlinearity": name, "output_size": 2}
    CASES.append(pytest.param(JordanCell, options, jordan_in_numpy, (f, identity), id=f"jordan-{name}"))
    options = {**options, "output_activation": nn.Softmax(dim=-1)}
    CASES.append(
        pytest.param(JordanCell, options, jordan_in_numpy, (f, softmax), id=f"jordan-{name}-softmax")
    )


@pytest.mark.parametrize("starts_at_zero", [True, False])
@pytest.mark.parametrize(("cell_class", "options", "in_numpy", "functions"), CASES)
def test_steps_follow_the_equations(
    cell_class, options, in_numpy, functions, starts_at_zero, global_random_seed
):
    cell = randomize(cell_class(3, 4, **options), global_random_seed)
    rng = np.random.RandomState(global_random_seed)
    x = rng.randn(3, 5, cell.input_size)  # (B, T, d)
    state = cell.initial_state(3)
    if not starts_at_zero:
        state = tuple(torch.from_numpy(rng.randn(*s.shape)) for s in state)
    first = [s.numpy().copy() for s in state]
    outputs = []
    with torch.no_grad():
        for t in range(5):
            output, state = cell.step(cell.project(torch.from_numpy(x[:, t])), state)
            outputs.append(output)
    assert all((s == 0).all() for s in first) == starts_at_zero
    for i in range(3):
        expected, final = in_numpy(cell, x[i], [s[i] for s in first], *functions)
        np.testing.assert_allclose(torch.stack(outputs, 1)[i].numpy(), expected, rtol=1e-12, atol=1e-14)
        assert len(state) == len(final)
        for ours, theirs in zip(state, final, strict=True):
            np.testing.assert_allclose(ours[i].numpy(), theirs, rtol=1e-12, atol=1e-14)


def test_two_elman_steps_by_hand():
    cell = ElmanCell(2, 2, nonlinearity="relu")
    cell.weight_ih.data = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    cell.bias_ih.data = torch.tensor([0.5, 1.0])
    cell.weight_hh.data = torch.tensor([[1.0, -1.0], [2.0, 0.0]])
    cell.bias_hh.data = torch.tensor([0.25, -0.5])
    # x_1 = (1, 2), h_0 = (0, 0):
    #   1*1 + 2*2 + 0.5 + 1*0 - 1*0 + 0.25 = 5.75             relu  5.75
    #   0*1 - 1*2 + 1.0 + 2*0 + 0*0 - 0.5  = -1.5             relu  0
    h, state = cell.step(cell.project(torch.tensor([[1.0, 2.0]])), cell.initial_state(1))
    assert h.tolist() == [[5.75, 0.0]]
    # x_2 = (-2, -1), h_1 = (5.75, 0):
    #   1*(-2) + 2*(-1) + 0.5 + 1*5.75 - 1*0 + 0.25 = 2.5     relu  2.5
    #   0*(-2) - 1*(-1) + 1.0 + 2*5.75 + 0*0 - 0.5  = 13      relu  13
    h, (after,) = cell.step(cell.project(torch.tensor([[-2.0, -1.0]])), state)
    assert h.tolist() == after.tolist() == [[2.5, 13.0]]


def test_one_elman_step_with_tanh_by_hand():
    cell = ElmanCell(1, 1).double()
    for parameter, value in zip(
        cell.parameters(), [0.5, 0.1, -2.0, 0.3], strict=True
    ):  # W_ih, b_ih, W_hh, b_hh
        parameter.data.fill_(value)
    # 0.5*3 + 0.1 - 2*0.7 + 0.3 = 0.5 and tanh 0.5 = (e - 1) / (e + 1) = 0.46211715726
    x, h = (torch.tensor([[number]], dtype=torch.float64) for number in (3.0, 0.7))
    h, _ = cell.step(cell.project(x), (h,))
    assert h.item() == pytest.approx(0.46211715726, rel=1e-10)


def test_forget_bias_starts_at_one():
    cell = LSTMCell(3, 4)
    bias = (cell.bias_ih + cell.bias_hh).detach().numpy().reshape(4, 4)  # i, f, g, o
    np.testing.assert_array_equal(bias, np.array([0.0, 1.0, 0.0, 0.0])[:, np.newaxis] * np.ones(4))


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_weights_start_orthogonal(name):
    cell = CELLS[name](3, 4)
    weight = cell.weight_hy if name == "jordan" else cell.weight_hh
    for gate in weight.detach().chunk(cell.n_gates):
        np.testing.assert_allclose((gate @ gate.T).numpy(), np.eye(4), atol=1e-6)


@pytest.mark.parametrize("name", CELLS)
def test_tokens_are_one_hot_vectors(name):
    cell = randomize(CELLS[name](5, 4))
    codes = torch.tensor([4, 0, 1, 1, 3])
    upstream = torch.randn(
        5, cell.n_gates * 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    results = []
    for inputs in (codes, nn.functional.one_hot(codes, 5).double()):
        cell.zero_grad()
        projected = cell.project(inputs)
        projected.backward(upstream)
        results.append((projected.detach(), cell.weight_ih.grad, cell.bias_ih.grad))
    for of_codes, of_one_hot in zip(*results, strict=True):
        torch.testing.assert_close(of_codes, of_one_hot, rtol=1e-12, atol=1e-14)


SAME_IN_TORCH = {
    "lstm": (LSTMCell, nn.LSTM, {}),
    "gru": (GRUCell, nn.GRU, {}),
    "elman-tanh": (ElmanCell, nn.RNN, {"nonlinearity": "tanh"}),
    "elman-relu": (ElmanCell, nn.RNN, {"nonlinearity": "relu"}),
}


def make_twins(kind, bidirectional, num_layers, dtype):
    """Our recurrence and torch's with the same weights, and the pairs of their parameters."""
    cell_class, torch_class, options = SAME_IN_TORCH[kind]
    ours = Recurrence(
        lambda size, is_top: cell_class(size, 4, **options),
        3,
        num_layers=num_layers,
        bidirectional=bidirectional,
    )
    randomize(ours).to(dtype)
    theirs = torch_class(3, 4, num_layers=num_layers, bidirectional=bidirectional, dtype=dtype, **options)
    pairs = []
    for (depth, layer), backward in itertools.product(enumerate(ours.layers), range(1 + bidirectional)):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            copy = getattr(theirs, f"{name}_l{depth}" + "_reverse" * backward)
            pairs.append((getattr(layer[backward], name), copy))
    for own, copy in pairs:
        copy.data.copy_(own.data)
    assert len(pairs) == len(list(theirs.parameters())) == len(list(ours.parameters()))
    return ours, theirs, pairs


@pytest.mark.parametrize("lengths", [[5, 4, 4, 1], [3, 3]], ids=["ragged", "equal lengths"])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("kind", SAME_IN_TORCH)
def test_equal_to_torch(kind, dtype, bidirectional, num_layers, lengths, global_random_seed):
    near = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-12}
    ours, theirs, pairs = make_twins(kind, bidirectional, num_layers, dtype)
    generator = torch.Generator().manual_seed(global_random_seed)
    packing = Packing(np.array(lengths))
    x = torch.randn(sum(lengths), 3, dtype=dtype, generator=generator)
    x_ours, x_theirs = (x.clone().requires_grad_() for _ in range(2))

    outputs, state = ours(x_ours, packing, need_state=True)
    packed, final = theirs(PackedSequence(x_theirs, torch.tensor(packing.batch_sizes)))
    final = final if isinstance(final, tuple) else (final,)
    torch.testing.assert_close(outputs, packed.data, **near)
    stacked = tuple(
        torch.stack(parts) for parts in zip(*state, strict=True)
    )  # h (and c), (layers * directions, B, H)
    torch.testing.assert_close(stacked, final, **near)

    weigh = [torch.randn(a.shape, dtype=dtype, generator=generator) for a in (packed.data, *final)]
    for answers in ((outputs, *stacked), (packed.data, *final)):
        sum((a * w).sum() for a, w in zip(answers, weigh, strict=True)).backward()
    torch.testing.assert_close(x_ours.grad, x_theirs.grad, **near)
    for own, copy in pairs:
        torch.testing.assert_close(own.grad, copy.grad, **near)

    # The same outputs and gradients where no final state is asked for, and the same without gradients.
    ours.zero_grad(), theirs.zero_grad()
    outputs, state = ours(x, packing)
    assert state is None
    torch.testing.assert_close(outputs, packed.data, **near)
    (outputs * weigh[0]).sum().backward()
    packed, _ = theirs(PackedSequence(x, torch.tensor(packing.batch_sizes)))
    (packed.data * weigh[0]).sum().backward()
    for own, copy in pairs:
        torch.testing.assert_close(own.grad, copy.grad, **near)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x, packing)[0], packed.data, **near)
