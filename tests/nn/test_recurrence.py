"""The time loop: every way to run it, its gradients, truncation, and states given and returned."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from sklearn_rnn.batches.packing import PackedBatch, Packing
from sklearn_rnn.nn import (
    CELLS,
    HEADS,
    Cell,
    ElmanCell,
    GRUCell,
    LSTMCell,
    NetworkSpec,
    Recurrence,
    RecurrentNetwork,
)
from sklearn_rnn.nn.kernels import manual_bptt
from sklearn_rnn.nn.kernels.choose import Run
from sklearn_rnn.nn.kernels.manual_bptt import run_bptt
from sklearn_rnn.nn.kernels.plain import run_steps
from sklearn_rnn.nn.kernels.torch_kernels import run_dense, run_packed, run_packed_tokens, run_padded
from sklearn_rnn.nn.pooling import POOLINGS

RAGGED = [5, 4, 4, 1]
EQUAL = [4, 4, 4]


class PacedCell(Cell):
    """A cell of one's own: two states of different widths, and a start that is learnt."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.recurrent = nn.Linear(hidden_size, hidden_size)
        self.start = nn.Parameter(torch.full((hidden_size,), 0.3))

    def initial_state(self, batch_size):
        return self.start.expand(batch_size, -1), self.start.new_zeros(batch_size, 1)

    def step(self, projected, state):
        h, n = state
        n = n + 1
        h = torch.tanh(projected + self.recurrent(h)) / n + h / 2
        return h, (h, n)


def randomize(module, seed=0):
    """Give every parameter, biases included, random numbers; return the module in float64."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.6
    return module.double()


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gradients(total, *tensors):
    """Gradients of `total`, zeros where it does not depend on a tensor."""
    return torch.autograd.grad(total, tensors, retain_graph=True, allow_unused=True, materialize_grads=True)


def way(lengths, **options):
    return manual_bptt.Options(Packing(np.array(lengths)).batch_sizes, reference=None, **options)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


ALL_CELLS = [*CELLS.values(), PacedCell]
KNOWN = {
    "elman-tanh": lambda d: ElmanCell(d, 4),
    "elman-relu": lambda d: ElmanCell(d, 4, nonlinearity="relu"),
    "gru": lambda d: GRUCell(d, 4),
    "lstm": lambda d: LSTMCell(d, 4),
}


# Every way to run a cell


@pytest.mark.parametrize("is_given", [False, True], ids=["zero state", "given state"])
@pytest.mark.parametrize("lengths", [RAGGED, EQUAL], ids=["ragged", "equal lengths"])
@pytest.mark.parametrize("name", KNOWN)
def test_every_way_to_run_a_cell_is_the_same(name, lengths, is_given):
    cell = randomize(KNOWN[name](3))
    packing = Packing(np.array(lengths))
    sizes = packing.batch_sizes
    x = noise(sum(lengths), 3).requires_grad_()
    state = cell.initial_state(len(lengths))
    if is_given:
        state = tuple(noise(*s.shape, seed=k + 1).requires_grad_() for k, s in enumerate(state))
    leaves = [x, *cell.parameters(), *(state if is_given else ())]

    def differentiate(outputs, final):
        total = (outputs * noise(*outputs.shape, seed=5)).sum()
        for k, s in enumerate(final or ()):
            total = total + (s * noise(*s.shape, seed=6 + k)).sum()
        return gradients(total, *leaves)

    run = Run(cell, x, sizes, state, packing=packing)
    outputs, final = run_steps(run)
    by_hand, final_by_hand = run_bptt(run)
    close(by_hand, outputs)
    close(final_by_hand, final)
    close(differentiate(by_hand, final_by_hand), differentiate(outputs, final))

    dense, final_dense = run_dense(run) if lengths == EQUAL else run_padded(run)
    close(dense, outputs)
    if lengths == EQUAL:
        close(final_dense, final)
        close(differentiate(dense, final_dense), differentiate(outputs, final))
    else:
        assert final_dense is None  # it would be the state after padding
        close(differentiate(dense, None), differentiate(outputs, None))


@pytest.mark.parametrize("name", KNOWN)
def test_tokens_run_by_hand_as_plain(name):
    cell = randomize(KNOWN[name](6))
    sizes = Packing(np.array(RAGGED)).batch_sizes
    codes = torch.from_numpy(np.random.RandomState(0).randint(6, size=sum(RAGGED)))
    runs = []
    # torch's packed kernel, which is cuDNN's on a GPU, is there on a CPU as well.
    for way in (run_steps, run_bptt, run_packed_tokens):
        outputs, _ = way(Run(cell, codes, sizes, cell.initial_state(len(RAGGED))))
        runs.append((outputs, *gradients((outputs * noise(*outputs.shape)).sum(), *cell.parameters())))
    close(runs[1], runs[0])
    close(runs[2], runs[0])


@pytest.mark.parametrize("name", KNOWN)
def test_mixed_precision_is_near_and_leaves_all_else_as_it_is(name):
    cell = randomize(KNOWN[name](3)).float()
    sizes = Packing(np.array(RAGGED)).batch_sizes
    x = noise(sum(RAGGED), 3).float().requires_grad_()
    runs = []
    for dtype in (None, torch.bfloat16):
        state = cell.initial_state(len(RAGGED))
        outputs, final = run_packed(Run(cell, x, sizes, state, kernel_dtype=dtype))
        grads = gradients((outputs * noise(*outputs.shape)).sum(), x, *cell.parameters())
        runs.append([outputs, *final, *grads])
    for exact, mixed in zip(*runs, strict=True):
        assert mixed.dtype == torch.float32
        assert not torch.equal(mixed, exact)
        assert (mixed - exact).norm() < 0.05 * exact.norm()


def test_an_unknown_subclass_runs_its_own_step():
    class Doubled(GRUCell):
        def step(self, projected, state):
            return super().step(2 * projected, state)

    cell = randomize(Doubled(3, 4))
    recurrence = Recurrence(lambda size, is_top: cell, 3)
    x = noise(3, 3)
    outputs, _ = recurrence(x, Packing(np.array([2, 1])))
    close(outputs[:2], cell.step(cell.project(x[:2]), cell.initial_state(2))[0])


# Gradients agree with finite differences


@pytest.mark.parametrize("is_given", [False, True], ids=["zero state", "given state"])
@pytest.mark.parametrize("lengths", [[3, 2, 2, 1], [2, 2]], ids=["ragged", "equal lengths"])
@pytest.mark.parametrize("is_relu", [False, True], ids=["tanh", "relu"])
def test_gradient_of_elman(lengths, is_relu, is_given):
    B, H = len(lengths), 3
    h0 = noise(B, H, seed=2).requires_grad_() if is_given else noise(B, H) * 0
    arguments = [noise(sum(lengths), H).requires_grad_(), noise(H, H, seed=1).requires_grad_(), h0]
    assert gradcheck(manual_bptt.Elman.apply, (way(lengths, is_relu=is_relu), *arguments))


@pytest.mark.parametrize("is_given", [False, True], ids=["zero state", "given state"])
@pytest.mark.parametrize("lengths", [[3, 2, 2, 1], [2, 2]], ids=["ragged", "equal lengths"])
def test_gradient_of_gru(lengths, is_given):
    B, H = len(lengths), 2
    h0 = noise(B, H, seed=3).requires_grad_() if is_given else noise(B, H) * 0
    arguments = [noise(sum(lengths), 3 * H), noise(3 * H, H, seed=1), noise(3 * H, seed=2)]
    arguments = [a.requires_grad_() for a in arguments]
    assert gradcheck(manual_bptt.GRU.apply, (way(lengths), *arguments, h0))


@pytest.mark.parametrize(
    "learnt", [(), ("h",), ("c",), ("h", "c")], ids=lambda learnt: "".join(learnt) or "zero state"
)
@pytest.mark.parametrize("lengths", [[3, 2, 2, 1], [2, 2]], ids=["ragged", "equal lengths"])
def test_gradient_of_lstm(lengths, learnt):
    B, H = len(lengths), 2
    state = [noise(B, H, seed=k) * (len(learnt) > 0) for k in (2, 3)]
    for name, s in zip("hc", state, strict=True):
        s.requires_grad_(name in learnt)
    arguments = [noise(sum(lengths), 4 * H).requires_grad_(), noise(4 * H, H, seed=1).requires_grad_()]
    assert gradcheck(manual_bptt.LSTM.apply, (way(lengths), *arguments, *state))


N_OUTPUTS = {"multi_softmax": [2, 3]}  # by default 3


def make_targets(head, n):
    rng = np.random.RandomState(0)
    targets = {
        "softmax": rng.randint(3, size=n),
        "crf": rng.randint(3, size=n),
        "sigmoid": rng.randint(2, size=(n, 3)).astype(float),
        "multi_softmax": np.column_stack([rng.randint(2, size=n), rng.randint(3, size=n)]),
    }
    targets["stopping"] = np.column_stack([rng.randn(n, 3), rng.randint(2, size=n)])
    for numbers in ("linear", "absolute_error", "gaussian", "quantile"):
        targets[numbers] = rng.randn(n, 3)
    return torch.from_numpy(targets[head])


class LossModule(nn.Module):
    """The loss of one batch as the output of a module, so that all parameters are within reach."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, batch):
        total, n_terms = self.network.head.loss(self.network(batch), batch)
        return total / n_terms


def check_gradient(*, cell, bidirectional=False, num_layers=1, head, pooling, inputs="numbers"):
    """Compare the gradient of a network's loss by all its parameters with finite differences."""
    with torch.random.fork_rng():
        spec = NetworkSpec(
            input_size=4,
            is_tokens=inputs != "numbers",
            embedding_size=3 if inputs == "embedded tokens" else None,
            cell=cell,
            hidden_size=3,
            num_layers=num_layers,
            bidirectional=bidirectional,
            pooling=pooling,
            head=head,
            n_outputs=N_OUTPUTS.get(head, 3),
        )
        network = RecurrentNetwork(spec)
    randomize(network)
    packing = Packing(np.array([4, 3, 3, 1]))
    n_terms = len(packing) if pooling else packing.n_steps_total
    values = noise(packing.n_steps_total, 4)
    if inputs != "numbers":
        values = values.argmax(dim=1)
    weights = torch.linspace(0.5, 2, len(packing), dtype=torch.float64)
    batch = PackedBatch(
        values, packing, make_targets(head, n_terms), weights if pooling else weights[packing.row]
    )
    module = LossModule(network)
    names, parameters = zip(*module.named_parameters(), strict=True)
    assert all(parameter.requires_grad for parameter in parameters)

    def loss(*parameters):
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (batch,))

    assert gradcheck(loss, parameters, fast_mode=True)


@pytest.mark.parametrize(
    ("head", "pooling"),
    [(head, pooling) for head in HEADS for pooling in ("last", None) if (head, pooling) != ("crf", "last")],
)
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_gradient_of_the_loss(cell, bidirectional, num_layers, head, pooling):
    check_gradient(cell=cell, bidirectional=bidirectional, num_layers=num_layers, head=head, pooling=pooling)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_gradient_through_pooling(cell, bidirectional, pooling):
    check_gradient(cell=cell, bidirectional=bidirectional, head="softmax", pooling=pooling)


@pytest.mark.parametrize("inputs", ["tokens", "embedded tokens"])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_gradient_from_tokens(cell, inputs):
    check_gradient(cell=cell, bidirectional=True, head="softmax", pooling=None, inputs=inputs)


# Truncated back-propagation through time


def make_recurrence(cell_class, bptt_steps=None, **options):
    with torch.random.fork_rng():
        recurrence = Recurrence(lambda size, is_top: cell_class(size, 4), 3, bptt_steps=bptt_steps, **options)
    return randomize(recurrence)


def run_and_differentiate(recurrence, x, packing, **options):
    """Outputs, final state and gradients of a random function of both by x and all parameters."""
    x = x.clone().requires_grad_()
    outputs, state = recurrence(x, packing, need_state=True, **options)
    tensors = [outputs, *itertools.chain(*state)]
    total = sum((a * noise(*a.shape, seed=k)).sum() for k, a in enumerate(tensors))
    return tensors, gradients(total, x, *recurrence.parameters())


@pytest.mark.parametrize("lengths", [RAGGED, EQUAL], ids=["ragged", "equal lengths"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_truncation_changes_no_output(cell, bidirectional, lengths):
    x, packing = noise(sum(lengths), 3), Packing(np.array(lengths))
    options = {"bidirectional": bidirectional, "num_layers": 2}
    tensors, grads = run_and_differentiate(make_recurrence(cell, **options), x, packing)
    for bptt_steps in range(1, max(lengths) + 2):
        truncated, truncated_grads = run_and_differentiate(
            make_recurrence(cell, bptt_steps, **options), x, packing
        )
        close(truncated, tensors)
        if bptt_steps >= max(lengths):
            close(truncated_grads, grads)
        else:
            assert not torch.allclose(truncated_grads[0], grads[0])


def run_detached(cell, x, packing, bptt_steps, state):
    """Run a cell step by step and cut the graph before each step that starts a new chunk."""
    outputs, final = [], [[] for _ in state]
    for t, projected in enumerate(cell.project(x).split(packing.batch_sizes)):
        for done, s in zip(final, state, strict=True):
            done.append(s[len(projected) :])
        state = tuple(s[: len(projected)] for s in state)
        if t and t % bptt_steps == 0:
            state = tuple(s.detach() for s in state)
        output, state = cell.step(projected, state)
        outputs.append(output)
    for done, s in zip(final, state, strict=True):
        done.append(s)
    return torch.cat(outputs), tuple(torch.cat(done[::-1]) for done in final)


@pytest.mark.parametrize("is_given", [False, True], ids=["first state", "given state"])
@pytest.mark.parametrize("lengths", [RAGGED, EQUAL], ids=["ragged", "equal lengths"])
@pytest.mark.parametrize("bptt_steps", [1, 2, 3])
@pytest.mark.parametrize("cell_class", ALL_CELLS)
def test_truncation_is_a_detached_state(cell_class, bptt_steps, lengths, is_given):
    packing = Packing(np.array(lengths))
    recurrence = make_recurrence(cell_class, bptt_steps)
    ((cell,),) = recurrence.layers
    x = noise(sum(lengths), 3).requires_grad_()
    state = cell.initial_state(len(lengths))
    leaves = [x, *cell.parameters()]
    if is_given:
        state = tuple(noise(*s.shape, seed=k).requires_grad_() for k, s in enumerate(state))
        leaves += state
    ours = recurrence(x, packing, [state] if is_given else None, need_state=True)
    theirs = run_detached(cell, x, packing, bptt_steps, state)
    results = []
    for outputs, final in ((ours[0], ours[1][0]), theirs):
        tensors = (outputs, *final)
        total = sum((a * noise(*a.shape, seed=k)).sum() for k, a in enumerate(tensors))
        results.append((tensors, gradients(total, *leaves)))
    close(results[0], results[1])


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_no_gradient_crosses_a_border(cell, num_layers):
    packing = Packing(np.array([6, 5, 2]))
    recurrence = make_recurrence(cell, 3, num_layers=num_layers)
    x = noise(13, 3).requires_grad_()
    outputs, _ = recurrence(x, packing)
    for t in range(6):
        (grad,) = gradients(outputs[packing.step_of == t].sum(), x)
        reached = np.unique(packing.step_of[(grad != 0).any(dim=1).numpy()])
        assert reached.tolist() == list(range(3 * (t // 3), t + 1))


# States given and returned


@pytest.mark.parametrize(
    ("first", "second"), [([4, 3, 2, 2], [3, 3, 2, 1]), ([3, 3], [2, 2])], ids=["ragged", "equal lengths"]
)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_carried_state_joins_two_halves(cell, num_layers, first, second):
    recurrence = make_recurrence(cell, num_layers=num_layers)
    halves = [Packing(np.array(lengths)) for lengths in (first, second)]
    whole = Packing(np.array(first) + np.array(second))
    x = noise(whole.n_steps_total, 3)
    # Where the steps of each half stand in the whole.
    place = {(row, step): k for k, (row, step) in enumerate(zip(whole.row_of, whole.step_of, strict=True))}
    ahead = ([0] * len(first), first)
    where = [
        [place[row, step + before[row]] for row, step in zip(half.row_of, half.step_of, strict=True)]
        for half, before in zip(halves, ahead, strict=True)
    ]

    x_whole, x_halves = (x.clone().requires_grad_() for _ in range(2))
    outputs, final = recurrence(x_whole, whole, need_state=True)
    out_first, state = recurrence(x_halves[where[0]], halves[0], need_state=True)
    out_second, state = recurrence(x_halves[where[1]], halves[1], state, need_state=True)
    close(out_first, outputs[where[0]])
    close(out_second, outputs[where[1]])
    close(state, final)

    weigh = noise(*outputs.shape, seed=1)
    total = (outputs * weigh).sum() + sum(s.sin().sum() for s in itertools.chain(*final))
    carried = (out_first * weigh[where[0]]).sum() + (out_second * weigh[where[1]]).sum()
    carried = carried + sum(s.sin().sum() for s in itertools.chain(*state))
    parameters = list(recurrence.parameters())
    close(gradients(carried, x_halves, *parameters), gradients(total, x_whole, *parameters))


@pytest.mark.parametrize("lengths", [RAGGED, EQUAL], ids=["ragged", "equal lengths"])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_the_backward_direction_reads_from_the_end(cell, lengths):
    recurrence = make_recurrence(cell, bidirectional=True)
    forward, backward = recurrence.layers[0]
    packing = Packing(np.array(lengths))
    x = noise(sum(lengths), 3)
    outputs, (state_forward, state_backward) = recurrence(x, packing, need_state=True)
    for i in range(len(lengths)):
        mine = x[packing.row_of == i]
        for reader, steps, half, states in (
            (forward, mine, slice(None, 4), state_forward),
            (backward, mine.flip(0), slice(4, None), state_backward),
        ):
            alone, state = run_steps(Run(reader, steps, [1] * len(steps), reader.initial_state(1)))
            alone = alone if reader is forward else alone.flip(0)
            close(outputs[packing.row_of == i, half], alone)
            close([s[i] for s in states], [s[0] for s in state])


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_dropout_acts_between_layers_in_training_only(cell):
    recurrence = make_recurrence(cell, num_layers=2, dropout=0.5)
    x, packing = noise(sum(RAGGED), 3), Packing(np.array(RAGGED))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dropped = recurrence.train()(x, packing)[0]
        assert not torch.allclose(dropped, recurrence(x, packing)[0])
    kept, _ = recurrence.eval()(x, packing)
    close(kept, make_recurrence(cell, num_layers=2)(x, packing)[0])
    assert not torch.allclose(dropped, kept)


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_dropout_leaves_a_single_layer_alone(cell):
    x, packing = noise(sum(RAGGED), 3), Packing(np.array(RAGGED))
    dropped, _ = make_recurrence(cell, dropout=0.5).train()(x, packing)
    close(dropped, make_recurrence(cell)(x, packing)[0])


@pytest.mark.parametrize("loss", [torch.sum, lambda outputs: (outputs**2).sum()], ids=["sum", "squares"])
@pytest.mark.parametrize("name", KNOWN)
def test_gradients_of_gradients_by_hand(name, loss):
    cell = randomize(KNOWN[name](3))
    sizes = Packing(np.array(RAGGED)).batch_sizes
    x = noise(sum(RAGGED), 3).requires_grad_()
    state = tuple(noise(*s.shape, seed=5).requires_grad_() for s in cell.initial_state(len(RAGGED)))
    leaves = [x, *cell.parameters(), *state]
    found = []
    for way in (run_steps, run_bptt):
        outputs, final = way(Run(cell, x, sizes, state))
        first = torch.autograd.grad(loss(outputs) + (final[-1] ** 3).sum(), leaves, create_graph=True)
        found.append((first, gradients(sum((g**2).sum() for g in first), *leaves)))
    close(found[1], found[0])


# Shapes that do not fit, which torch's own kernels do not notice


@pytest.mark.parametrize("cell", CELLS.values())
def test_inputs_that_do_not_fit(cell):
    recurrence, packing = Recurrence(lambda size, is_top: cell(size, 8), 3), Packing(np.array([4, 2]))
    for shape in [(6, 4), (6, 2), (6, 60_000), (5, 3), (7, 3), (6,), (6, 3, 1)]:
        with pytest.raises(
            ValueError, match=r"inputs have shape .* 6 steps and the first layer reads 3 features"
        ):
            recurrence(torch.ones(shape), packing)
    for shape in [(5,), (6, 3)]:
        with pytest.raises(ValueError, match="inputs have shape"):
            recurrence(torch.ones(shape, dtype=torch.int64), packing)


@pytest.mark.parametrize("cell", CELLS.values())
def test_a_state_that_does_not_fit(cell):
    recurrence, packing = Recurrence(lambda size, is_top: cell(size, 8), 3), Packing(np.array([4, 2]))
    parts = len(recurrence.layers[0][0].initial_state(2))
    for state in (
        [(torch.zeros(1, 8),) * parts],
        [(torch.zeros(3, 8),) * parts],
        [(torch.zeros(2, 6),) * parts],
        [(torch.zeros(2, 8),) * (parts + 1)],
        [(torch.zeros(2, 8),) * parts] * 2,
        [],
    ):
        with pytest.raises(ValueError, match="state has shapes .* but the layers need"):
            recurrence(torch.zeros(6, 3), packing, state=state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"num_layers": -1}, "num_layers must be at least 1, got -1"),
        ({"bptt_steps": 0}, "bptt_steps must be at least 1, or None, got 0"),
        ({"bptt_steps": -3}, "bptt_steps must be at least 1, or None, got -3"),
    ],
)
def test_layers_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        Recurrence(lambda size, is_top: GRUCell(size, 2), 3, **options)


@pytest.mark.parametrize("cell", CELLS.values())
@pytest.mark.parametrize(("sizes", "name"), [((0, 2), "input_size"), ((3, 0), "hidden_size")])
def test_cells_without_width(cell, sizes, name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        cell(*sizes)
