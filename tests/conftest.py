"""Fixtures and hooks for all tests."""

import os
import secrets
from collections import Counter

import pytest

# Before torch is imported. Threads that have to share a core wait for each other at every tiny product.
os.environ.setdefault("OMP_NUM_THREADS", "1")


_N_CASES = 300  # of tests/test_fuzz.py where no number is asked for
# Of the pairs of a cell and a task, one in so many runs; all of LSTM's do, with the compiled loops.
_ONE_IN = {"compiled": 3, "torch": 4}


def pytest_addoption(parser):
    """Add the options that make tests long."""
    parser.addoption("--checks", choices=["some", "all"], default="some", help="scikit-learn's checks to run")
    parser.addoption("--fuzz", type=int, metavar="N", help="number of fuzzed calls, of a new seed")
    parser.addoption("--fuzz-seed", type=int, metavar="SEED", help="seed of the fuzzed calls")


def pytest_configure(config):
    """Draw the seed of the fuzzed calls, unless one is given or the ordinary few are run."""
    if config.option.fuzz_seed is None:
        config.option.fuzz_seed = 0 if config.option.fuzz is None else secrets.randbelow(10**6)


def pytest_report_header(config):
    """Name the seed of the fuzzed calls."""
    return f"fuzz seed: {config.option.fuzz_seed}"


def pytest_generate_tests(metafunc):
    """Number the fuzzed calls."""
    if "fuzz_case" in metafunc.fixturenames:
        options = metafunc.config.option
        n, seed = _N_CASES if options.fuzz is None else options.fuzz, options.fuzz_seed
        metafunc.parametrize(
            "fuzz_case", [(seed, i) for i in range(n)], ids=[f"{seed}-{i}" for i in range(n)]
        )


def _seeds():
    """Seeds named by SKLEARN_RNN_TESTS_GLOBAL_RANDOM_SEED: a number, a range such as 0-9, or all (0-99)."""
    wanted = os.environ.get("SKLEARN_RNN_TESTS_GLOBAL_RANDOM_SEED", "42")
    first, _, last = ("0-99" if wanted == "all" else wanted).partition("-")
    try:
        seeds = range(int(first), int(last or first) + 1)
    except ValueError:
        seeds = ()
    if not seeds:
        raise pytest.UsageError(
            f"SKLEARN_RNN_TESTS_GLOBAL_RANDOM_SEED is {wanted!r}; "
            "it takes a number, a range such as 0-9, or all."
        )
    return list(seeds)


@pytest.fixture(params=_seeds())
def global_random_seed(request):
    """Seed for a test whose outcome must not hang on it: 42 unless the environment says otherwise."""
    return request.param


def pytest_collection_modifyitems(config, items):
    """Leave out many pairs of a cell and a task; skip what is marked ``gpu`` without a CUDA device."""
    seen, left_out = Counter(), set()
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        path = parameters.get("path")
        if path not in _ONE_IN or not {"cell", "task"} <= parameters.keys():
            continue
        if (path, parameters["cell"]) != ("compiled", "lstm"):
            if seen[item.function, path] % _ONE_IN[path]:
                left_out.add(item)
            seen[item.function, path] += 1
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture
def impatient(monkeypatch):
    """`early_stopping` counts epochs alone, also on little data."""
    monkeypatch.setattr("sklearn_rnn.training.callbacks._LEAST_UPDATES", 0)
