"""Decoding: token by token, and with a beam, against all that could be said."""

import itertools

import numpy as np
import pytest
import torch

from sklearn_rnn.nn.decoding import decode, search_beam

END = 3


class Loop:
    """A made-up decoder: the next token depends on all before it; rows differ."""

    def __init__(self, n_rows, seed=0, sharp=2.0, never_ends=False):
        self.seed, self.sharp, self.never_ends = seed, sharp, never_ends
        self.histories = [(row,) for row in range(n_rows)]
        self.widths = []

    def look(self, history):
        rng = np.random.default_rng([self.seed, *history])
        scores = torch.from_numpy(self.sharp * rng.normal(size=END + 1))
        if self.never_ends:
            scores[END] = -50.0
        return torch.log_softmax(scores, 0)

    def begin(self):
        return self.give()

    def give(self):
        self.widths.append(len(self.histories))
        return torch.stack([self.look(history) for history in self.histories]).float()

    def select(self, rows):
        self.histories = [self.histories[i] for i in rows.tolist()]

    def advance(self, codes):
        self.histories = [(*h, code) for h, code in zip(self.histories, codes.tolist(), strict=True)]
        return self.give()


def list_all(row, limit, **options):
    """All sequences of a row with their log-probabilities, the best first."""
    loop, answers = Loop(1, **options), []
    for n in range(limit + 1):
        for codes in itertools.product(range(END), repeat=n):
            whole = (*codes, END)
            logs = [loop.look((row, *whole[:i]))[code].item() for i, code in enumerate(whole)]
            answers.append((sum(logs), codes, len(whole)))
    return answers


def best_of(logs, rows):
    return logs.argmax(axis=1)


def test_each_row_ends_by_itself_and_then_costs_nothing():
    limits = np.full(20, 6)
    loop = Loop(20)
    codes, log_proba, has_ended = decode(loop, best_of, limits, END)
    for row in range(20):
        history, total = (row,), 0.0
        while True:
            logs = loop.look(history)
            chosen = int(logs.argmax())
            if len(history) - 1 == 6 or chosen == END:
                total += logs[END].item()
                break
            total += logs[chosen].item()
            history = (*history, chosen)
        assert tuple(codes[row]) == history[1:]
        assert has_ended[row] == (chosen == END)
        assert log_proba[row] == pytest.approx(total, abs=1e-5)
    assert 0 < has_ended.sum() < 20
    assert loop.widths[0] == 20 and sorted(loop.widths, reverse=True) == loop.widths
    assert loop.widths == [sum(len(c) >= k for c in codes) for k in range(len(loop.widths))]


def test_limits_are_those_of_each_row():
    limits = np.array([1, 4, 2])
    codes, _, has_ended = decode(Loop(3, never_ends=True), best_of, limits, END)
    assert [len(c) for c in codes] == [1, 4, 2] and not has_ended.any()
    codes, _, has_ended = search_beam(Loop(3, never_ends=True), 2, limits, END)
    assert [len(c[0]) for c in codes] == [1, 4, 2] and not any(h.any() for h in has_ended)


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_is_greedy(seed):
    limits = np.full(10, 5)
    greedy = decode(Loop(10, seed), best_of, limits, END)
    beam = search_beam(Loop(10, seed), 1, limits, END)
    for row in range(10):
        assert greedy[0][row].tolist() == beam[0][row][0].tolist()
        assert greedy[1][row] == pytest.approx(beam[1][row][0], abs=1e-5)
        assert greedy[2][row] == beam[2][row][0]


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("n_best", [1, 4, 1000])
def test_a_beam_that_holds_all_finds_what_listing_all_finds(length_penalty, n_best):
    n, limit = 6, 3
    codes, log_proba, _ = search_beam(
        Loop(n, sharp=1.0), (END + 1) ** (limit + 1), np.full(n, limit), END, length_penalty, n_best
    )
    for row in range(n):
        ranked = sorted(
            list_all(row, limit, sharp=1.0), key=lambda a: a[0] / a[2] ** length_penalty, reverse=True
        )[:n_best]
        assert [tuple(c) for c in codes[row]] == [a[1] for a in ranked]
        np.testing.assert_allclose(log_proba[row], [a[0] for a in ranked], atol=1e-4)


def test_a_wider_beam_finds_better_sequences_and_a_penalty_longer_ones():
    n, limits = 50, np.full(50, 8)
    totals = [
        np.mean([logs[0] for logs in search_beam(Loop(n, sharp=1.0), k, limits, END)[1]]) for k in (1, 3, 8)
    ]
    assert totals[0] < totals[1] < totals[2]
    lengths = [
        np.mean([len(c[0]) for c in search_beam(Loop(n, sharp=1.0), 5, limits, END, penalty)[0]])
        for penalty in (0.0, 1.0)
    ]
    assert lengths[0] < lengths[1]


def test_rows_are_searched_as_if_alone():
    limits = np.array([3, 7, 5, 6])
    together = search_beam(Loop(4), 3, limits, END, 0.5, 3)
    for row in range(4):
        loop = Loop(4)
        loop.histories = loop.histories[row : row + 1]
        alone = search_beam(loop, 3, limits[row : row + 1], END, 0.5, 3)
        assert [c.tolist() for c in together[0][row]] == [c.tolist() for c in alone[0][0]]
        np.testing.assert_allclose(together[1][row], alone[1][0], atol=1e-5)


def search_plainly(row, k, limit, penalty):
    """The same beam, one row and one beginning at a time, without ending early."""
    loop, beams = Loop(1, sharp=1.0), [(0.0, ())]
    for n_steps in range(limit + 1):
        longer = []
        for total, codes in beams:
            if codes and codes[-1] == END:
                longer.append((total, codes))
                continue
            logs = loop.look((row, *codes))
            choices = range(END + 1) if n_steps < limit else [END]
            longer += [(total + logs[c].item(), (*codes, c)) for c in choices]
        beams = sorted(longer, key=lambda b: b[0] / len(b[1]) ** penalty, reverse=True)[:k]
    return [codes[:-1] for _, codes in beams]


@pytest.mark.parametrize("k", [2, 3])
def test_a_narrow_beam_keeps_what_ranks_best_on_the_way(k):
    n, limit = 40, 8
    for penalty in (0.0, 1.0):
        codes = search_beam(Loop(n, sharp=1.0), k, np.full(n, limit), END, penalty, k)[0]
        for row in range(n):
            assert [tuple(c) for c in codes[row]] == search_plainly(row, k, limit, penalty)
