"""Adding, delayed copy and parity, checked step by step in plain Python."""

import numpy as np
import pytest

from sklearn_rnn.datasets import make_adding_problem, make_delayed_copy, make_parity


@pytest.mark.parametrize("n_steps", [2, 30, (2, 12)])
def test_adding_problem_answers(n_steps):
    X, y = make_adding_problem(300, n_steps, random_state=0)
    assert y.shape == (300,)
    assert y.dtype == np.float32
    for x, total in zip(X, y, strict=True):
        assert x.dtype == np.float32
        assert x.shape[1] == 2
        marked = [value for value, marker in x.tolist() if marker == 1]
        assert len(marked) == 2
        assert [marker for _, marker in x.tolist()].count(0) == len(x) - 2
        assert all(0 <= value <= 1 for value, _ in x.tolist())
        assert total == pytest.approx(sum(marked), rel=1e-6)


def test_adding_problem_marks_all_pairs_of_steps_alike():
    X, _ = make_adding_problem(6000, 4, random_state=0)
    pairs, counts = np.unique([np.flatnonzero(x[:, 1]) for x in X], axis=0, return_counts=True)
    assert len(pairs) == 6
    np.testing.assert_allclose(counts, 1000, rtol=0.12)


def test_adding_problem_chance_score():
    _, y = make_adding_problem(20000, 5, random_state=0)
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, rel=0.03)


def test_adding_problem_needs_two_steps():
    with pytest.raises(ValueError, match="n_steps must be an int of at least 2, but it is 1"):
        make_adding_problem(5, 1)


@pytest.mark.parametrize("delay", [0, 1, 5])
@pytest.mark.parametrize("n_symbols", [2, 8])
def test_delayed_copy_answers(delay, n_symbols):
    X, y = make_delayed_copy(200, (6, 15), delay=delay, n_symbols=n_symbols, random_state=0)
    for x, labels in zip(X, y, strict=True):
        assert x.dtype == labels.dtype == np.int64
        assert len(x) == len(labels)
        for t in range(len(x)):
            assert labels[t] == (x[t - delay] if t >= delay else 0)
    assert set(np.concatenate(X).tolist()) == set(range(1, n_symbols + 1))


def test_delayed_copy_chance_score():
    X, y = make_delayed_copy(4000, 20, delay=5, n_symbols=8, random_state=0)
    guess = np.where(np.arange(20) < 5, 0, 1)
    assert np.mean(np.array(y) == guess) == pytest.approx(0.344, abs=0.01)


@pytest.mark.parametrize(("n_steps", "delay"), [(5, 5), (5, 6), ((5, 20), 5)])
def test_delayed_copy_delay_too_long(n_steps, delay):
    with pytest.raises(ValueError, match=rf"delay={delay} must be smaller than every sequence"):
        make_delayed_copy(5, n_steps, delay=delay)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"delay": -1}, ValueError, "delay must be an int of at least 0, but it is -1"),
        ({"delay": 1.5}, TypeError, "delay must be an int of at least 0"),
        ({"n_symbols": 1}, ValueError, "n_symbols must be an int of at least 2, but it is 1"),
        ({"n_symbols": "8"}, TypeError, "n_symbols must be an int of at least 2"),
    ],
)
def test_delayed_copy_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        make_delayed_copy(5, **arguments)


def test_parity_answers_per_step():
    X, y = make_parity(200, random_state=0)
    assert {len(x) for x in X} == set(range(1, 21))
    for x, labels in zip(X, y, strict=True):
        assert x.dtype == np.float32
        assert x.shape == (len(labels), 1)
        assert labels.dtype == np.int64
        odd = False
        for (bit,), label in zip(x.tolist(), labels.tolist(), strict=True):
            assert bit in (0, 1)
            odd ^= bit == 1
            assert label == odd


def test_parity_answers_per_sequence():
    X, y = make_parity(200, per_step=False, random_state=0)
    assert y.shape == (200,)
    assert y.dtype == np.int64
    assert y.tolist() == [x.ravel().tolist().count(1) % 2 for x in X]
    X_per_step, _ = make_parity(200, random_state=0)
    assert all(np.array_equal(a, b) for a, b in zip(X, X_per_step, strict=True))


def test_parity_chance_score():
    _, y = make_parity(4000, per_step=False, random_state=0)
    assert y.mean() == pytest.approx(0.5, abs=0.03)
