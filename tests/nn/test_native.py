"""The compiled time loops: equal to the plain loop, on every instruction set, and never in the way."""

import copy
import importlib.util
import multiprocessing
import os
import pickle
import platform
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_rnn import RNNClassifier, RNNTagger, show_versions
from sklearn_rnn.batches.packing import Packing
from sklearn_rnn.nn import ElmanCell, GRUCell, JordanCell, LSTMCell, Recurrence, StepRunner, use_native
from sklearn_rnn.nn.kernels import choose, threads
from sklearn_rnn.nn.kernels.chain_rule import sum_by_code
from sklearn_rnn.nn.kernels.choose import Run, run_layer, threads_for
from sklearn_rnn.nn.kernels.compiled import plan
from sklearn_rnn.nn.kernels.native import functions, library, workspace
from sklearn_rnn.nn.kernels.native.functions import LinearCrossEntropy
from sklearn_rnn.nn.kernels.native.layer import _project, address
from sklearn_rnn.nn.kernels.plain import run_steps

ROOT = Path(__file__).resolve().parents[2]
SETS = [name for name in library.INSTRUCTION_SETS if library.load(name) is not None]
needs_loops = pytest.mark.skipif(not SETS, reason="needs the compiled loops")
every_set = pytest.mark.parametrize("instruction_set", SETS)
FEEDBACKS = {"softmax": nn.Softmax(dim=-1), "identity": nn.Identity(), "sigmoid": nn.Sigmoid()}
CELLS = {
    "lstm": LSTMCell,
    "gru": GRUCell,
    **{
        f"elman, {f}": (lambda d, H, f=f: ElmanCell(d, H, nonlinearity=f))
        for f in ("tanh", "relu", "sigmoid")
    },
    **{
        f"jordan, {f}, {name}": (
            lambda d, H, f=f, fed=fed: JordanCell(d, H, output_size=5, output_activation=fed, nonlinearity=f)
        )
        for f in ("tanh", "relu", "sigmoid")
        for name, fed in FEEDBACKS.items()
    },
}
every_cell = pytest.mark.parametrize("name", CELLS)


@pytest.fixture
def use(monkeypatch):
    """Choose an instruction set and a number of threads, which even the smallest problem is dealt out to."""

    def choose(instruction_set, n_threads=1):
        is_enabled = library._enabled.get
        monkeypatch.setattr(library, "get", lambda: library.load(instruction_set) if is_enabled() else None)
        monkeypatch.setattr(threads, "_LEAST_WORK", 1)
        monkeypatch.setattr(threads, "most_threads", lambda: n_threads)

    return choose


def make_cell(name, d=3, H=4):
    cell = CELLS[name](d, H)
    rng = np.random.RandomState(0)
    with torch.no_grad():
        for p in cell.parameters():
            p.copy_(torch.from_numpy(rng.randn(*p.shape) / max(1, p.shape[-1]) ** 0.5))
    return cell


def make_problem(B, T, d=3, seed=0):
    rng = np.random.RandomState(seed)
    lengths = np.sort(rng.randint(1, T + 1, size=B))[::-1].copy()
    lengths[0] = T
    return torch.from_numpy(rng.randn(lengths.sum(), d)).float(), Packing(lengths)


def make_noise(*shapes):
    rng = np.random.RandomState(0)
    return [torch.from_numpy(rng.standard_normal(shape).astype(np.float32)) for shape in shapes]


def differentiate(run, cell, x, sizes, dtype):
    """Outputs, final states and the gradients of all that goes in."""
    rng = np.random.RandomState(1)

    def noise(*shape):
        return torch.from_numpy(rng.randn(*shape)).to(dtype)

    x = x.to(dtype).requires_grad_() if x.is_floating_point() else x
    state = tuple((0.5 * noise(*s.shape)).requires_grad_() for s in cell.initial_state(sizes[0]))
    outputs, final = run(cell, x, sizes, state)
    total = sum((part * noise(*part.shape)).sum() for part in (outputs, *final))
    leaves = [leaf for leaf in (x, *cell.parameters(), *state) if leaf.is_floating_point()]
    return [outputs, *final, *torch.autograd.grad(total, leaves)]


def run_native(cell, x, sizes, state):
    assert plan(cell, x, sizes, state) is not None
    return run_layer(cell, x, sizes, state)


def run_plain(cell, x, sizes, state):
    return run_steps(Run(cell, x, sizes, state))


def distance(a, b):
    return ((a.double() - b).norm() / b.norm().clamp(min=1e-30)).item()


@needs_loops
@every_set
@every_cell
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize(
    ("B", "T", "H"), [(1, 1, 1), (1, 6, 3), (3, 4, 8), (5, 7, 17), (33, 9, 16), (9, 5, 70)]
)
def test_agrees_with_double_precision(use, instruction_set, name, n_threads, B, T, H):
    use(instruction_set, n_threads)
    x, packing = make_problem(B, T)
    sizes = packing.batch_sizes
    ours = differentiate(run_native, make_cell(name, H=H), x, sizes, torch.float32)
    torchs = differentiate(run_plain, make_cell(name, H=H), x, sizes, torch.float32)
    exact = differentiate(run_plain, make_cell(name, H=H).double(), x, sizes, torch.float64)
    for a, b, c in zip(ours, torchs, exact, strict=True):
        assert distance(a, c) <= max(1e-5, 1.5 * distance(b, c))


@needs_loops
@every_set
@every_cell
def test_tokens(use, instruction_set, name):
    use(instruction_set)
    _, packing = make_problem(5, 7)
    codes = torch.from_numpy(np.random.RandomState(0).randint(6, size=packing.n_steps_total))
    cell = make_cell(name, d=6)
    ours = differentiate(run_native, cell, codes, packing.batch_sizes, torch.float32)
    torchs = differentiate(run_plain, cell, codes, packing.batch_sizes, torch.float32)
    for a, b in zip(ours, torchs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@needs_loops
@every_set
@every_cell
def test_a_row_is_the_same_to_the_last_bit_alone_and_on_any_number_of_threads(use, instruction_set, name):
    x, packing = make_problem(9, 6)
    cell = make_cell(name, H=20)
    results = []
    for n_threads in (1, 2, 4):
        use(instruction_set, n_threads)
        results.append(differentiate(run_native, cell, x, packing.batch_sizes, torch.float32))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.equal(a, b)
    # Tokens, whose projection is a mere look-up; torch's products hang on the number of rows.
    codes = torch.from_numpy(np.random.RandomState(0).randint(3, size=packing.n_steps_total))
    recurrence = Recurrence(lambda size, is_top: cell, 3)
    together, _ = recurrence(codes, packing)
    for row in range(len(packing)):
        steps = torch.from_numpy(packing.row_of == row)
        alone, _ = recurrence(codes[steps], Packing(packing.lengths[row : row + 1]))
        assert torch.equal(alone, together[steps])


@needs_loops
@every_set
@pytest.mark.parametrize("shape", [{"bidirectional": True}, {"num_layers": 2}, {"bptt_steps": 2}])
@every_cell
def test_layers_directions_and_truncation(use, instruction_set, name, shape):
    x, packing = make_problem(6, 7)
    results = []
    for is_native in (True, False):
        use(instruction_set)
        recurrence = Recurrence(lambda size, is_top: make_cell(name, d=size), 3, **shape)
        with use_native(is_native):
            outputs, final = recurrence(x, packing, need_state=True)
        total = outputs.square().sum() + sum(s.sum() for state in final for s in state)
        results.append([outputs, *torch.autograd.grad(total, list(recurrence.parameters()))])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@needs_loops
@every_set
@every_cell
def test_without_gradients(use, instruction_set, name):
    use(instruction_set)
    x, packing = make_problem(6, 7)
    recurrence = Recurrence(lambda size, is_top: make_cell(name), 3)
    with_gradients = recurrence(x, packing, need_state=True)
    with torch.inference_mode():
        without = recurrence(x, packing, need_state=True)
    assert torch.equal(with_gradients[0], without[0])
    for a, b in zip(with_gradients[1][0], without[1][0], strict=True):
        assert torch.equal(a, b)


# The functions inside, seen through an Elman cell without recurrence


def apply_function(instruction_set, nonlinearity, x):
    cell = ElmanCell(1, 17, nonlinearity=nonlinearity)  # a width that fills no vector
    with torch.no_grad():
        for p in cell.parameters():
            p.zero_()
        cell.weight_ih.fill_(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(library, "get", lambda: library.load(instruction_set))
            outputs, _ = run_native(cell, x[:, None], [len(x)], cell.initial_state(len(x)))
    torch.testing.assert_close(outputs, outputs[:, :1].expand(-1, 17), rtol=0, atol=0, equal_nan=True)
    return outputs[:, 0]


@needs_loops
@every_set
@pytest.mark.parametrize("nonlinearity", ["tanh", "sigmoid"])
def test_functions_are_exact_to_some_last_bits(instruction_set, nonlinearity):
    x = torch.cat(
        [torch.linspace(-80, 80, 100_003), torch.logspace(-30, 1, 9999), -torch.logspace(-30, 1, 9999)]
    )
    expected = getattr(torch, nonlinearity)(x.double())
    relative = ((apply_function(instruction_set, nonlinearity, x).double() - expected) / expected).abs()
    assert relative.max() < 4e-7


@needs_loops
@every_set
def test_limits(instruction_set):
    inf, nan = float("inf"), float("nan")
    x = torch.tensor([inf, -inf, nan, 1e30, -1e30, 200.0, -200.0, 0.0, -0.0] * 3)
    expected = {
        "tanh": [1, -1, nan, 1, -1, 1, -1, 0, 0],
        "sigmoid": [1, 0, nan, 1, 0, 1, 0, 0.5, 0.5],
        "relu": [inf, 0, nan, 1e30, 0, 200, 0, 0, 0],
    }
    for nonlinearity, values in expected.items():
        outputs = apply_function(instruction_set, nonlinearity, x)
        torch.testing.assert_close(outputs, torch.tensor(values * 3), rtol=0, atol=0, equal_nan=True)


@needs_loops
@every_set
def test_an_open_update_gate_carries_the_state_on_exactly(use, instruction_set):
    use(instruction_set)
    cell = make_cell("gru", H=4)
    with torch.no_grad():
        cell.bias_hh[4:8] = 100.0  # z = 1
    h0 = torch.tensor([[1e-8, 1e-3, 0.1, 0.7]])
    outputs, _ = run_native(cell, torch.randn(50, 3), [1] * 50, (h0,))
    assert torch.equal(outputs, h0.expand(50, 4))


@needs_loops
@every_set
@every_cell
def test_nan_stays_in_its_own_row(use, instruction_set, name):
    use(instruction_set)
    x, packing = make_problem(9, 5)
    cell = make_cell(name, H=9)
    clean, _ = run_native(cell, x, packing.batch_sizes, cell.initial_state(9))
    dirty = x.clone()
    dirty[np.flatnonzero(packing.row_of == 4)[0]] = float("nan")
    outputs, _ = run_native(cell, dirty, packing.batch_sizes, cell.initial_state(9))
    others = torch.from_numpy(packing.row_of != 4)
    assert torch.equal(outputs[others], clean[others])
    assert outputs[~others].isnan().all()


@needs_loops
@every_set
def test_denormals_are_zero_inside_and_as_they_were_outside(use, instruction_set):
    use(instruction_set)
    cell = ElmanCell(1, 4, nonlinearity="relu")
    with torch.no_grad():
        for p in cell.parameters():
            p.zero_()
        cell.bias_ih.fill_(1e-40)
    outputs, _ = run_native(cell, torch.zeros(1, 1), [1], cell.initial_state(1))
    assert not outputs.any()
    assert (torch.full((8,), 1e-30) * 1e-10 > 0).all()


# What the loops are not for


def plan_two(cell, inputs=None, state=None):
    inputs = torch.zeros(2, 3) if inputs is None else inputs
    return plan(cell, inputs, [2], cell.initial_state(2) if state is None else state)


def with_parameter(cell, name, value):
    cell.register_parameter(name, None if value is None else nn.Parameter(value))
    return cell


def with_output(output):
    cell = JordanCell(3, 4)
    cell.output = output
    return cell


def with_hook(register):
    cell = JordanCell(3, 4)
    register(cell)
    return cell


class MyGRU(GRUCell):
    pass


OTHERS = {
    "subclass": lambda: MyGRU(3, 4),
    "float64": lambda: GRUCell(3, 4).double(),
    "float16": lambda: GRUCell(3, 4).half(),
    "meta": lambda: GRUCell(3, 4).to("meta"),
    "one weight of float64": lambda: with_parameter(GRUCell(3, 4), "weight_hh", torch.zeros(12, 4).double()),
    "no bias": lambda: with_parameter(LSTMCell(3, 4), "bias_hh", None),
    "short bias": lambda: with_parameter(LSTMCell(3, 4), "bias_hh", torch.zeros(1)),
    "short weight": lambda: with_parameter(GRUCell(3, 4), "weight_hh", torch.zeros(6, 4)),
    "other nonlinearity": lambda: ElmanCell(3, 4, nonlinearity="softmax"),
    "other feedback": lambda: JordanCell(3, 4, output_activation=nn.Tanh()),
    "softmax over rows": lambda: JordanCell(3, 4, output_activation=nn.Softmax(dim=0)),
    "output without bias": lambda: with_output(nn.Linear(4, 4, bias=False)),
    "output of another width": lambda: with_output(nn.Linear(4, 2)),
    "output of another kind": lambda: with_output(nn.Sequential(nn.Linear(4, 4))),
    "hook": lambda: with_hook(lambda cell: cell.output.register_forward_hook(lambda *_: None)),
    "pre-hook": lambda: with_hook(lambda cell: cell.output.register_forward_pre_hook(lambda *_: None)),
    "backward hook": lambda: with_hook(lambda cell: cell.output.register_full_backward_hook(lambda *_: None)),
    "hook of the activation": lambda: with_hook(
        lambda cell: cell.output_activation.register_forward_hook(lambda *_: None)
    ),
    "parametrization": lambda: nn.utils.parametrizations.weight_norm(GRUCell(3, 4), "weight_hh"),
}


@needs_loops
@pytest.mark.parametrize("name", OTHERS)
def test_cells_that_take_another_path(name):
    assert plan_two(OTHERS[name]()) is None


@needs_loops
def test_data_that_takes_another_path():
    cell = GRUCell(3, 4)
    assert plan_two(cell) is not None
    assert plan_two(cell, state=(torch.zeros(2, 4, dtype=torch.float64),)) is None
    assert plan_two(cell, state=(torch.zeros(1, 4),)) is None
    assert plan_two(cell, torch.zeros(3, 3)) is None
    with torch.autocast("cpu"):
        assert plan_two(cell) is None
    assert plan_two(cell, torch.zeros(2, 2)) is None
    assert plan_two(cell, torch.zeros(2, 3, dtype=torch.float64)) is None
    assert plan_two(cell, torch.zeros(2, 3, dtype=torch.int64)) is None


@needs_loops
def test_gaps_in_weights_are_closed():
    cell = make_cell("gru", d=3, H=4)
    x, packing = make_problem(4, 5)
    expected, _ = run_native(cell, x, packing.batch_sizes, cell.initial_state(4))
    wide = torch.zeros(12, 2)
    wide[:, 0] = cell.bias_hh.detach()
    with_parameter(cell, "bias_hh", wide[:, 0])
    with_parameter(cell, "weight_hh", cell.weight_hh.detach().t().contiguous().t())
    outputs, _ = run_native(cell, x, packing.batch_sizes, cell.initial_state(4))
    assert torch.equal(outputs, expected)


@needs_loops
def test_an_address_is_taken_of_float32_without_gaps_only():
    for wrong in (
        torch.zeros(2, 4, dtype=torch.float64),
        torch.zeros(4, 2).t(),
        torch.zeros(2, 4, device="meta"),
    ):
        with pytest.raises(TypeError, match="state is .* the compiled loops need float32 on the CPU"):
            address("state", wrong)


@needs_loops
def test_a_default_device_is_no_matter(monkeypatch):
    cell = make_cell("gru", H=37)
    x, packing = make_problem(4, 5)
    with torch.no_grad():
        expected, _ = run_native(cell, x, packing.batch_sizes, cell.initial_state(4))
        state = cell.initial_state(4)
        monkeypatch.setattr(workspace, "_free", [])  # so that memory is asked for anew
        with torch.device("meta"):
            outputs, _ = run_native(cell, x, packing.batch_sizes, state)
        again, _ = run_native(cell, x, packing.batch_sizes, state)
    assert torch.equal(outputs, expected)
    assert torch.equal(again, expected)


@needs_loops
@every_cell
def test_backward_twice(name):
    cell = make_cell(name)
    x, packing = make_problem(4, 5)
    outputs, _ = run_native(cell, x, packing.batch_sizes, cell.initial_state(4))
    run_native(cell, x, packing.batch_sizes, cell.initial_state(4))[
        0
    ].sum().backward()  # others use the memory
    first = torch.autograd.grad(outputs.sum(), cell.weight_ih, retain_graph=True)
    second = torch.autograd.grad(outputs.sum(), cell.weight_ih, retain_graph=True)
    assert torch.equal(first[0], second[0])


@needs_loops
@every_cell
@pytest.mark.parametrize("kind", ["features", "tokens"])
def test_gradients_of_gradients(name, kind):
    """Those of a penalty on gradients, for example; they are what torch's own operations give."""
    torch.manual_seed(0)  # what is fed back without a bound may grow, and errors of rounding with it
    cell = make_cell(name)
    x, packing = make_problem(4, 5)
    if kind == "tokens":
        x = torch.randint(cell.input_size, (len(x),))
    else:
        x.requires_grad_()
    wanted = [*cell.parameters(), *([x] if kind == "features" else [])]

    def penalty(run):
        outputs, final = run(cell, x, packing.batch_sizes, cell.initial_state(4))
        value = (outputs**2).sum() + sum((f**3).sum() for f in final)
        grads = torch.autograd.grad(value, wanted, create_graph=True)
        return grads, torch.autograd.grad(sum((g**2).sum() for g in grads), wanted)

    torch.testing.assert_close(penalty(run_native), penalty(run_plain), rtol=1e-3, atol=1e-4)


@needs_loops
def test_memory_of_inference_mode_is_of_use_outside(monkeypatch):
    monkeypatch.setattr(workspace, "_free", [])  # so that memory is asked for anew
    cell = make_cell("gru", H=33)
    x, packing = make_problem(4, 5)
    with torch.inference_mode():
        run_native(cell, x, packing.batch_sizes, cell.initial_state(4))
    run_native(cell, x, packing.batch_sizes, cell.initial_state(4))[0].sum().backward()


@needs_loops
def test_switched_off():
    assert plan_two(GRUCell(3, 4)) is not None
    with use_native(False):
        assert plan_two(GRUCell(3, 4)) is None
        assert "switched off here" in choose.describe()
        with use_native(True):
            assert plan_two(GRUCell(3, 4)) is not None
    assert plan_two(GRUCell(3, 4)) is not None


REPORT = "from sklearn_rnn.nn.kernels import choose; print(choose.describe())"


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_switched_off_by_the_environment():
    assert run_python(REPORT, SKLEARN_RNN_NATIVE="0").stdout.startswith("torch alone")


@needs_loops
@every_set
def test_an_instruction_set_chosen_by_the_environment(instruction_set):
    assert f"compiled, {instruction_set}" in run_python(REPORT, SKLEARN_RNN_NATIVE=instruction_set).stdout


def test_an_unknown_instruction_set():
    assert (
        "SKLEARN_RNN_NATIVE='sse' is not known; it must be '0'"
        in run_python(REPORT, SKLEARN_RNN_NATIVE="sse").stderr
    )


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64") or not shutil.which("cc"),
    reason="needs a C compiler and Linux",
)
def test_the_loops_are_there_where_they_can_be():
    flags = Path("/proc/cpuinfo").read_text()
    if platform.machine() == "x86_64" and not {"avx2", "fma"} <= set(flags.split()):
        pytest.skip("needs AVX2")
    assert SETS


def test_a_library_built_from_other_sources_is_not_used(monkeypatch):
    class Larger(library.Call):
        _fields_ = [("new", library.ctypes.c_int64)]

    monkeypatch.setattr(library, "Call", Larger)
    library.load.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="other sources"):
            assert library.load() is None
    finally:
        monkeypatch.undo()
        library.load.cache_clear()


def test_show_versions(capsys):
    show_versions()
    out = capsys.readouterr().out
    assert "torch: " in out
    assert f"time loops on the CPU: {choose.describe()}" in out


def test_without_the_compiled_loops(monkeypatch):
    """What is not there is no error: everything runs on torch."""
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    library.load.cache_clear()
    try:
        assert library.load() is None
        assert RNNClassifier(max_iter=1).fit([[0.0, 1.0], [1.0]], [0, 1]).predict([[1.0]]).shape == (1,)
    finally:
        monkeypatch.undo()
        library.load.cache_clear()


@needs_loops
@pytest.mark.parametrize("change", [None, "a source", "no sources"])
def test_loops_that_were_built_from_other_sources_are_not_used(change, tmp_path, monkeypatch):
    built = Path(importlib.util.find_spec("sklearn_rnn.nn.kernels.native._loops").origin)
    for path in [built, *built.parent.glob("*.c"), *built.parent.glob("*.h")]:
        if path == built or change != "no sources":
            shutil.copy(path, tmp_path)
    if change == "a source":
        with (tmp_path / "loops.h").open("a") as source:
            source.write("/* Another line, which leaves all sizes as they were. */\n")
    spec = SimpleNamespace(origin=str(tmp_path / built.name))
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: spec)
    library.load.cache_clear()
    try:
        if change == "a source":
            with pytest.warns(RuntimeWarning, match="from other sources .* build_ext --inplace"):
                assert library.load() is None
            assert choose.describe().startswith("torch alone: ")
        else:
            assert library.load() is not None
    finally:
        library.load.cache_clear()


def test_a_failing_compiler_does_not_keep_the_package_from_being_built(tmp_path):
    pytest.importorskip("setuptools")
    command = [sys.executable, "setup.py", "build_ext", "--build-lib", tmp_path, "--build-temp", tmp_path]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "CC": "false"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "_loops" in done.stdout + done.stderr
    assert not list(tmp_path.rglob("*.so"))


@pytest.mark.skipif(not (shutil.which("cc") and shutil.which("make")), reason="needs a C compiler and make")
def test_under_sanitizers():
    done = subprocess.run(["make", "test-native"], cwd=ROOT, capture_output=True, text=True)
    if "cannot find" in done.stderr:
        pytest.skip("the compiler comes without sanitizers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout


# Threads


def fit_and_predict():
    rng = np.random.RandomState(0)
    X = [rng.randn(n, 4) for n in rng.randint(5, 40, size=60)]
    y = [np.arange(len(x)) % 2 for x in X]
    # So wide that torch, too, would deal out even a mere copy of a weight to its threads.
    tagger = RNNTagger(cell="lstm", hidden_size=128, max_iter=1, random_state=0).fit(X, y).partial_fit(X, y)
    return pickle.loads(pickle.dumps(copy.deepcopy(tagger))).predict_proba(X)


def send(queue):
    queue.put([p.sum() for p in fit_and_predict()])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_threads_that_it_has_not():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        here = fit_and_predict()
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=send, args=(queue,))
        child.start()
        there = queue.get(timeout=60)
        child.join()
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(there, [p.sum() for p in here], rtol=1e-4)


@needs_loops
@pytest.mark.parametrize("name", ["elman, tanh", "gru", "lstm", "jordan, tanh, softmax"])
def test_several_threads_at_once(use, name):
    use(SETS[0], 2)
    recurrence = Recurrence(lambda size, is_top: make_cell(name, H=32), 3)
    x, packing = make_problem(40, 30)
    with torch.no_grad():
        expected, _ = recurrence(x, packing)
        results = [None] * 6

        def work(i):
            with torch.no_grad():
                for _ in range(20):
                    results[i], _ = recurrence(x, packing)

        workers = [threading.Thread(target=work, args=(i,)) for i in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    for result in results:
        assert torch.equal(result, expected)


@needs_loops
def test_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    monkeypatch.setattr(threads, "_count_cores", lambda: 3)
    many = 10**9
    assert threads.count_threads(many) == 3  # no more than there are cores
    assert threads.count_threads(10) == 1
    with threads.lend_threads():
        assert threads.count_threads(many) == 3
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert threads.count_threads(many) == 2


@needs_loops
@pytest.mark.parametrize("n_threads", [2, 4, 8])
def test_each_thread_has_enough_to_do(n_threads, monkeypatch):
    least = threads._LEAST_WORK
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    monkeypatch.setattr(threads, "_count_cores", lambda: 64)
    assert threads.count_threads(2 * least - 1) == 1
    assert [threads.count_threads(k * least) for k in range(1, 10)] == [
        min(k, n_threads) for k in range(1, 10)
    ]


@pytest.mark.parametrize(
    ("make", "hidden_size", "n_rows", "expected"),
    [
        (GRUCell, 400, 32, 1 if SETS else 3),  # in the compiled loops
        (GRUCell, 4, 32, 1),
        (MyGRU, 4, 32, 1),  # too little for several threads
        (MyGRU, 256, 128, 3),
        (MyGRU, 256, 32, 1),
        (MyGRU, 128, 350, 2),
    ],
)
def test_torch_computes_on_as_many_threads_as_pay(make, hidden_size, n_rows, expected):
    recurrence, before = Recurrence(lambda size, is_top: make(size, hidden_size), 3), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for context in (threads.fair_threads(lends=True), threads.fair_threads()):
            with context, threads_for(recurrence, n_rows):
                assert torch.get_num_threads() == expected
        with threads.fair_threads(lends=True):
            assert torch.get_num_threads() == (1 if SETS else 3)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_threads_that_begin_meanwhile_have_the_number_of_the_process():
    found, before = [], torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with threads.lend_threads():
            other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
            other.start()
            other.join()
    finally:
        torch.set_num_threads(before)
    assert found == [3]


# One step at a time


@pytest.fixture(params=[pytest.param(True, marks=needs_loops), False], ids=["compiled", "torch"])
def either_way(request):
    with use_native(request.param):
        yield


def make_stack(name, d=3):
    torch.manual_seed(0)
    recurrence = Recurrence(lambda size, is_top: CELLS[name](size, 9), d, num_layers=2)
    for w in recurrence.parameters():
        nn.init.normal_(w, std=0.4)
    return recurrence


@every_cell
@pytest.mark.parametrize("kind", ["features", "tokens"])
def test_steps_give_what_a_run_gives(name, kind, either_way):
    recurrence, n_rows, n_steps = make_stack(name), 4, 5
    x = torch.randn(n_rows * n_steps, 3) if kind == "features" else torch.randint(3, (n_rows * n_steps,))
    packing = Packing(np.full(n_rows, n_steps))
    with torch.no_grad():
        expected, final = recurrence(x, packing, need_state=True)
    step, state = StepRunner(recurrence), None
    for inputs, wanted in zip(x.split(n_rows), expected.split(n_rows), strict=True):
        outputs, state = step(inputs, state)
        torch.testing.assert_close(outputs, wanted)
        assert not outputs.requires_grad
    torch.testing.assert_close(state, final)


def test_steps_begin_where_a_run_ended_and_leave_a_given_state_alone(either_way):
    recurrence = make_stack("lstm")
    x = torch.randn(12, 3)
    with torch.no_grad():
        expected, _ = recurrence(x, Packing(np.full(3, 4)))
        _, state = recurrence(x[:9], Packing(np.full(3, 3)), need_state=True)
    before, step = copy.deepcopy(state), StepRunner(recurrence)
    for _ in range(2):  # the same twice: nothing of the first is left
        torch.testing.assert_close(step(x[9:], state)[0], expected[9:])
    torch.testing.assert_close(state, before, rtol=0, atol=0)


def test_steps_of_changing_numbers_of_sequences(either_way):
    recurrence = make_stack("gru")
    step = StepRunner(recurrence)
    x = torch.randn(5, 3)
    outputs, state = step(x)
    fewer = [tuple(s[:2] for s in layer) for layer in state]
    more, _ = step(x, state)
    torch.testing.assert_close(step(x[:2], fewer)[0], more[:2])
    torch.testing.assert_close(step(x)[0], outputs)


@needs_loops
@pytest.mark.parametrize("kind", ["features", "tokens"])
def test_steps_first_gone_in_inference_mode(kind):
    step = StepRunner(make_stack("elman, tanh"))
    x = torch.ones(2, 3) if kind == "features" else torch.ones(2, dtype=torch.int64)
    with torch.inference_mode():
        expected, _ = step(x)
    assert torch.equal(step(x)[0], expected)


def test_steps_of_float64_and_of_cells_of_ones_own():
    class Adding(GRUCell):
        def step(self, projected, state):
            return state[0] + projected[:, :4], (state[0] + 1,)

    recurrence = Recurrence(lambda size, is_top: Adding(size, 4), 3).double()
    x = torch.ones(2, 3, dtype=torch.float64)
    outputs, state = StepRunner(recurrence)(x)
    assert outputs.dtype == torch.float64
    assert torch.equal(state[0][0], torch.ones(2, 4, dtype=torch.float64))


def test_a_layer_that_reads_from_the_end_has_no_steps():
    recurrence = Recurrence(lambda size, is_top: GRUCell(size, 4), 3, bidirectional=True)
    with pytest.raises(ValueError, match="from its end"):
        StepRunner(recurrence)


@needs_loops
def test_steps_refuse_what_does_not_fit():
    step = StepRunner(Recurrence(lambda size, is_top: GRUCell(size, 4), 3))
    _, state = step(torch.ones(2, 3))
    for x, given in [(torch.ones(2, 4), state), (torch.ones(2, 3), [(torch.ones(2, 5),)])]:
        with pytest.raises(ValueError, match="have shapes"):
            step(x, given)
    with pytest.raises(TypeError, match="state is torch.float64"):
        step(torch.ones(2, 3), [(torch.ones(2, 4, dtype=torch.float64),)])


@needs_loops
def test_a_stepper_keeps_the_weights_that_it_began_with_and_can_be_copied():
    recurrence = make_stack("gru")
    step, x = StepRunner(recurrence), torch.randn(4, 3)
    expected, _ = step(x)
    with torch.no_grad():
        for w in recurrence.parameters():
            w.mul_(1.5)
    assert torch.equal(step(x)[0], expected)
    fresh, _ = StepRunner(recurrence)(x)
    assert not torch.allclose(fresh, expected)
    for twin in (copy.deepcopy(step), pickle.loads(pickle.dumps(step))):
        assert torch.equal(twin(x)[0], fresh)
    with use_native(False):
        torch.testing.assert_close(step(x)[0], fresh)  # torch reads the weights as they are


@needs_loops
def test_one_stepper_in_several_threads():
    step = StepRunner(make_stack("lstm"))
    X = torch.randn(6, 4, 3)
    expected = [step(x)[0] for x in X]
    wrong = []

    def work(k):
        for _ in range(300):
            if not torch.equal(step(X[k])[0], expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(X))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@needs_loops
def test_a_stepper_uses_as_many_threads_as_are_set_now(monkeypatch):
    step, x = StepRunner(make_stack("gru")), torch.randn(4, 3)
    step(x)
    seen, run = [], library.Library.forward
    monkeypatch.setattr(
        library.Library, "forward", lambda self, call: seen.append(call.n_threads) or run(self, call)
    )
    monkeypatch.setattr(threads, "count_threads", lambda work: 2)
    step(x)
    monkeypatch.setattr(threads, "count_threads", lambda work: 1)
    step(x)
    assert seen == [2, 2, 1, 1]  # two layers


@needs_loops
@every_cell
def test_gradients_of_gradients_where_the_state_comes_from_the_weights(name):
    cell = make_cell(name)
    x, packing = make_problem(4, 5)
    sizes = packing.batch_sizes

    def first_gradients(run, create_graph):
        _, state = run(cell, x, sizes, cell.initial_state(4))
        outputs, _ = run(cell, x + state[0][:1].sum(), sizes, state)
        return torch.autograd.grad((outputs**2).sum(), list(cell.parameters()), create_graph=create_graph)

    expected = first_gradients(run_native, create_graph=False)
    torch.testing.assert_close(first_gradients(run_native, create_graph=True), expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(first_gradients(run_plain, create_graph=True), expected, rtol=1e-3, atol=1e-3)


@needs_loops
def test_a_weight_changed_before_the_way_back_is_noticed():
    cell = make_cell("gru")
    x, packing = make_problem(4, 5)
    outputs, _ = run_native(cell, x, packing.batch_sizes, cell.initial_state(4))
    with torch.no_grad():
        cell.weight_hh.mul_(2)
    for create_graph in (False, True):
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            torch.autograd.grad(outputs.sum(), cell.weight_ih, create_graph=create_graph, retain_graph=True)


@needs_loops
@every_cell
def test_what_is_saved_for_the_way_back_may_be_put_elsewhere(name):
    cell = make_cell(name)
    x, packing = make_problem(4, 5)
    sizes = packing.batch_sizes
    expected = differentiate(run_native, cell, x, sizes, torch.float32)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda t: torch.tensor(t)):
        found = differentiate(run_native, cell, x, sizes, torch.float32)
    assert all(map(torch.equal, found, expected))


@needs_loops
@every_cell
def test_several_threads_run_backward_through_one_graph(name):
    cell = make_cell(name, H=32)
    x, packing = make_problem(16, 60)
    outputs, _ = run_native(cell, x, packing.batch_sizes, cell.initial_state(16))
    weights = list(cell.parameters())

    def go_back(scale):
        return torch.autograd.grad(outputs, weights, scale * torch.ones_like(outputs), retain_graph=True)

    expected, wrong = [go_back(scale) for scale in (1, 2)], []

    def work(k):
        wrong.extend(k for _ in range(60) if not all(map(torch.equal, go_back(k + 1), expected[k])))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def read_out(loops, features, weight, bias, targets, importance=None):
    layer, gradients = LinearCrossEntropy(loops), [torch.empty_like(weight), torch.empty_like(bias)]
    layer.set_parameters(weight, bias, *gradients)
    scores, loss, grad_features = layer(features, targets, importance)
    return scores, loss, [grad_features, *gradients]


@needs_loops
def test_targets_of_the_output_layer_are_checked():
    loops, features, weight = library.load(), torch.ones(2, 3), torch.ones(4, 3)
    for targets, error in [
        (torch.tensor([0, 4]), IndexError),
        (torch.tensor([-100, 0]), IndexError),
        (torch.tensor([0, 1], dtype=torch.int32), TypeError),
        (torch.tensor([0]), TypeError),
    ]:
        with pytest.raises(error, match="targets must be"):
            read_out(loops, features, weight, torch.ones(4), targets)


@needs_loops
@every_set
def test_the_output_layer_is_the_same_to_the_last_bit_on_any_number_of_threads(use, instruction_set):
    features, weight, bias, importance = make_noise((19, 20), (9, 20), (9,), (19,))
    targets = torch.arange(19) % 9
    results = []
    for n_threads in (1, 2, 4):
        use(instruction_set, n_threads)
        results.append(read_out(library.get(), features, weight, bias, targets, importance))
    scores, loss, gradients = results[0]
    for other_scores, other_loss, other_gradients in results[1:]:
        assert torch.equal(scores, other_scores)
        assert loss == other_loss
        assert all(torch.equal(a, b) for a, b in zip(gradients, other_gradients, strict=True))


@pytest.mark.parametrize("n_codes", [3, 30])
def test_tables_are_read_and_their_gradients_summed_by_code(n_codes):
    weight, bias, values = make_noise((5, n_codes), (5,), (9, 10))
    codes = torch.tensor([0, 1, 2, 2, 1, 2, 0, 0, 2])
    out = torch.empty(9, 5)
    _project(weight, bias, codes, out)
    assert torch.equal(out, weight.t()[codes] + bias)
    values = values[:, 5:]  # as the compiled loops give them: part of a wider matrix
    expected = torch.zeros(n_codes, 5).index_add_(0, codes, values)
    torch.testing.assert_close(sum_by_code(values, codes, n_codes), expected)


@needs_loops
@pytest.mark.parametrize(
    ("weight", "bias", "match"),
    [
        ((4, 2), 4, "A layer for 2 features cannot read 3"),
        ((4, 3), 5, r"A layer cannot have parameters of shapes \[\(4, 3\), \(5,\)"),
    ],
)
def test_shapes_of_the_output_layer_are_checked(weight, bias, match):
    targets = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=match):
        read_out(library.load(), torch.ones(2, 3), torch.ones(weight), torch.ones(bias), targets)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_memory_begins_anew_in_a_forked_child():
    kept = workspace.Workspace(workspace._SMALLEST)
    del kept
    assert workspace._free
    with workspace._lock:  # as another thread would hold it
        child = os.fork()
        if child == 0:
            thread = threading.Thread(target=workspace.Workspace, args=(workspace._SMALLEST,), daemon=True)
            thread.start()
            thread.join(20)
            os._exit(thread.is_alive())
    assert os.waitpid(child, 0)[1] == 0


@needs_loops
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_step_goes_on_in_a_forked_child():
    step = StepRunner(Recurrence(lambda size, is_top: GRUCell(size, 4), 3))
    step(torch.zeros(1, 3))
    with ExitStack() as held:
        for inner in list(functions._steps):  # as another thread would hold them
            held.enter_context(inner._lock)
        child = os.fork()
        if child == 0:
            thread = threading.Thread(target=step, args=(torch.zeros(1, 3),), daemon=True)
            thread.start()
            thread.join(20)
            os._exit(thread.is_alive())
    assert os.waitpid(child, 0)[1] == 0


@needs_loops
def test_threads_are_for_several_sequences(monkeypatch):
    monkeypatch.setattr(threads, "count_threads", lambda work: 2)
    cell = make_cell("gru")
    for n_rows, needs_grad, expected in [(1, False, 1), (1, True, 2), (3, False, 2)]:
        state = cell.initial_state(n_rows)
        x = torch.zeros(n_rows, cell.input_size)
        planned, _ = plan(cell, x, [n_rows], state, needs_grad=needs_grad)
        assert planned.count_threads() == expected
