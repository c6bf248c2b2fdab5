"""What all generators have in common: determinism, random state, bad arguments, imports."""

import ast
import sys
from importlib.resources import files

import numpy as np
import pytest

from sklearn_rnn.datasets import (
    make_adding_problem,
    make_delayed_copy,
    make_parity,
    make_person_sentences,
    make_reber_grammar,
)

NUMERIC = [make_adding_problem, make_delayed_copy, make_parity]
GENERATORS = NUMERIC + [make_person_sentences, make_reber_grammar]


def as_lists(X, y):
    return [np.asarray(x).tolist() for x in X], [np.asarray(labels).tolist() for labels in y]


@pytest.mark.parametrize("make", GENERATORS)
def test_same_random_state_same_output(make):
    assert as_lists(*make(20, random_state=3)) == as_lists(*make(20, random_state=3))
    assert as_lists(*make(20, random_state=3)) == as_lists(*make(20, random_state=np.random.RandomState(3)))
    assert as_lists(*make(20, random_state=3)) != as_lists(*make(20, random_state=4))


@pytest.mark.parametrize("make", GENERATORS)
def test_global_random_state_untouched(make):
    before = np.random.get_state()
    make(20, random_state=0)
    after = np.random.get_state()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("make", GENERATORS)
def test_number_and_container(make):
    X, y = make(7, random_state=0)
    assert len(X) == len(y) == 7
    assert isinstance(X, list)
    X, y = make(random_state=0)
    assert len(X) == len(y) == 1000


@pytest.mark.parametrize("make", GENERATORS)
@pytest.mark.parametrize(
    ("n_sequences", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError), ("3", TypeError)]
)
def test_bad_n_sequences(make, n_sequences, error):
    with pytest.raises(error, match="n_sequences"):
        make(n_sequences)


@pytest.mark.parametrize("make", NUMERIC)
def test_n_steps(make):
    assert {len(x) for x in make(50, 9, random_state=0)[0]} == {9}
    assert {len(x) for x in make(200, (7, 9), random_state=0)[0]} == {7, 8, 9}


@pytest.mark.parametrize("make", NUMERIC)
@pytest.mark.parametrize(
    ("n_steps", "error", "message"),
    [
        (0, ValueError, "n_steps must be .*, but it is 0"),
        ((9, 8), ValueError, r"n_steps\[1\] must be an int of at least 9, but it is 8"),
        ((0, 8), ValueError, r"n_steps\[0\] must be .*, but it is 0"),
        ((7, 8, 9), ValueError, r"n_steps=\(7, 8, 9\) must be an integer or a tuple \(min, max\)"),
        (8.0, TypeError, r"n_steps must be an int of at least \d, but it is 8\.0"),
        ((7, "8"), TypeError, r"n_steps\[1\] must be an int of at least 7, but it is '8'"),
    ],
)
def test_bad_n_steps(make, n_steps, error, message):
    with pytest.raises(error, match=message):
        make(5, n_steps, random_state=0)


def test_imports():
    allowed = {"numpy", "sklearn.utils", "importlib.resources", *sys.stdlib_module_names}
    for module in files("sklearn_rnn.datasets").iterdir():
        if not module.name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            else:
                continue
            for name in names:
                is_own = name.startswith(
                    ("sklearn_rnn.datasets._", "sklearn_rnn.data.", "sklearn_rnn._names")
                )
                assert name in allowed or is_own, f"{module.name}: {name}"
