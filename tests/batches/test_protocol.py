"""Every data set keeps the protocol."""

import numpy as np
import pytest
import torch

from sklearn_rnn import Sequences
from sklearn_rnn.batches import streams
from sklearn_rnn.batches.datasets import PairDataset, SequenceDataset, WindowDataset
from sklearn_rnn.batches.packing import PackedBatch
from sklearn_rnn.batches.protocol import Dataset, RowDataset
from sklearn_rnn.batches.streams import FileDataset, HeldOutDataset, PartsDataset, StreamDataset
from sklearn_rnn.data.text_file import TextFile

LIKE = torch.zeros(0, dtype=torch.float64)
LENGTHS = np.array([3, 1, 5, 2, 2, 4, 1])
STEPS = int(LENGTHS.sum())


def make_tokens(lengths=LENGTHS):
    return Sequences.from_lengths(np.arange(sum(lengths)) % 5, lengths)


def make_sequences(per_step, dtype=np.int64, **arguments):
    n = STEPS if per_step else len(LENGTHS)
    targets, weights = np.arange(n).astype(dtype), np.linspace(0.5, 1.5, n)
    values = np.random.RandomState(0).normal(size=(STEPS, 2)).astype(np.float32)
    sequences = Sequences.from_lengths(values, LENGTHS)
    return SequenceDataset(sequences, targets, weights, per_step=per_step, **arguments)


def make_pairs(sources):
    return PairDataset(sources, make_tokens(), np.arange(STEPS), np.ones(STEPS))


def make_windows(judged=None):
    rng = np.random.RandomState(0)
    lengths, starts = np.array([3, 5, 5, 1]), np.array([0, 0, 6, 12])
    values, known = rng.normal(size=(20, 2)), rng.normal(size=(20, 1)).astype(np.float32)
    mean, scale = rng.normal(size=(4, 2)), np.full((4, 2), 2.0)
    weights = np.array([1.0, 2.0, 1.0, 0.5])
    return WindowDataset(values, known, starts, lengths, mean, scale, 2, weights=weights, judged=judged)


def make_stream(n_steps=23):
    return StreamDataset(np.arange(n_steps), np.arange(1, n_steps + 1), chunk=3)


def make_file(folder):
    path = folder / "text.txt"
    path.write_bytes(b"abcdefgabcdefgabcdefgab")
    return FileDataset(TextFile(path), np.arange(1, 8), chunk=3)


ROWS = {
    "sequences": lambda: make_sequences(per_step=False),
    "sequences of numbers": lambda: make_sequences(per_step=False, dtype=np.float32),
    "steps": lambda: make_sequences(per_step=True),
    "some": lambda: make_sequences(per_step=True, rows=np.array([5, 0, 3])),
    "conditions": lambda: make_sequences(per_step=True, condition=np.eye(7, dtype=np.float32)),
    "held out": lambda: HeldOutDataset(make_tokens(), np.arange(STEPS), per_step=True),
    "pairs": lambda: make_pairs(make_tokens([2, 2, 4, 1, 3, 3, 1])),
    "pairs with vectors": lambda: make_pairs(np.eye(7, dtype=np.float32)),
    "windows": make_windows,
    "judged windows": lambda: make_windows(judged=np.array([1, 2, 5, 1])),
}
STREAMS = {
    "stream": lambda folder: make_stream(),
    "file": make_file,
    "held-out file": lambda folder: make_file(folder).as_held_out(),
}
ALL = [*ROWS, *STREAMS, "parts"]


def make(name, folder):
    if name == "parts":
        return PartsDataset(make_stream(n) for n in (9, 14))
    return ROWS[name]() if name in ROWS else STREAMS[name](folder)


def list_batches(dataset, batch_size=3, seed=0):
    return list(dataset.batches(batch_size, np.random.RandomState(seed), LIKE))


def describe(batch):
    """What a batch says, in plain Python; where the answers belong aside."""
    parts = [batch.values, batch.targets, batch.weights, batch.condition, batch.source_row]
    source = batch.source.values if isinstance(batch.source, PackedBatch) else batch.source
    return [batch.packing.lengths.tolist()] + [None if a is None else a.tolist() for a in (*parts, source)]


@pytest.mark.parametrize("name", ALL)
def test_an_epoch_holds_each_step_once(name, tmp_path):
    dataset = make(name, tmp_path)
    assert isinstance(dataset, Dataset)
    assert dataset.per_step in (True, False)
    most, n_steps = len(dataset), dataset.n_steps
    batches = list_batches(dataset)
    total = sum(len(batch.values) for batch in batches)
    assert total == (23 if n_steps is None else n_steps)
    assert max(map(len, batches)) == min(3, most)
    for batch in batches:
        assert len(batch.values) == batch.packing.n_steps_total
        assert len(batch.targets) == (len(batch.values) if dataset.per_step else len(batch))
        assert batch.weights is None or len(batch.weights) == len(batch.targets)
        for part in (batch.values, batch.targets, batch.weights, batch.condition):
            assert part is None or part.dtype in (torch.int64, LIKE.dtype)


@pytest.mark.parametrize("name", ALL)
def test_the_largest_batch(name, tmp_path):
    dataset = make(name, tmp_path)
    if name != "parts":
        assert max(map(len, list_batches(dataset, 10**6))) == len(dataset)


@pytest.mark.parametrize("name", ROWS)
def test_batches_of_rows_are_gathered(name):
    dataset = ROWS[name]()
    assert isinstance(dataset, RowDataset)
    n = len(dataset)
    assert dataset.lengths.dtype.kind == "i" and dataset.lengths.shape == dataset.sizes.shape == (n,)
    assert (np.diff(dataset.lengths[np.argsort(dataset.sizes)]) >= 0).all()
    one_by_one = [describe(dataset.gather(np.array([i]), LIKE)) for i in range(n)]
    assert [each[0] for each in one_by_one] == [[length] for length in dataset.lengths]
    assert sorted(map(repr, one_by_one)) == sorted(repr(describe(b)) for b in list_batches(dataset, 1))


@pytest.mark.parametrize("how", ["subset", "keep"])
@pytest.mark.parametrize("name", sorted(set(ROWS) - {"some", "judged windows"}))
def test_some_rows(name, how):
    dataset, rows = ROWS[name](), np.array([0, 2, 3])
    part = getattr(dataset, how)(rows)
    assert isinstance(part, RowDataset)
    assert part.per_step == dataset.per_step
    np.testing.assert_array_equal(part.lengths, dataset.lengths[rows])
    members = np.argsort(-part.lengths, kind="stable")
    assert describe(part.gather(members, LIKE)) == describe(dataset.gather(rows[members], LIKE))


def test_some_windows_that_are_judged_in_part():
    """The mean over their steps is that over the steps that count, also among a part of them."""
    dataset, rows = make_windows(judged=np.array([1, 2, 5, 1])), np.array([1, 2])
    part = dataset.subset(rows)
    ours, theirs = part.gather(np.array([0, 1]), LIKE), dataset.gather(rows, LIKE)
    ratio = ours.weights[theirs.weights > 0] / theirs.weights[theirs.weights > 0]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
    assert ours.weights.mean().item() == pytest.approx(1)


@pytest.mark.parametrize("name", [*ROWS, *STREAMS])
def test_a_fingerprint_is_that_of_the_data(name, tmp_path):
    prints = [make(name, tmp_path).fingerprint() for _ in range(2)]
    assert prints[0] == prints[1] and "\n" not in prints[0]
    others = [make(other, tmp_path).fingerprint() for other in [*ROWS, *STREAMS] if other != name]
    if "file" not in name:  # both are the same steps of one file
        assert prints[0] not in others


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_the_end_of_a_stream_is_set_aside(name, tmp_path):
    dataset = make(name, tmp_path)
    kept, held_out = dataset.set_end_aside(4)
    assert kept.n_steps == 19 and held_out.n_steps == 4
    (whole,), (first,), (last,) = (
        list_batches(d, 1)[:1] for d in (whole_of(dataset), whole_of(kept), held_out)
    )
    assert first.targets.tolist() + last.targets.tolist() == whole.targets.tolist()
    assert first.values.tolist() + last.values.tolist() == whole.values.tolist()


def whole_of(dataset):
    """The same steps in a single chunk."""
    dataset.chunk = 100
    return dataset


@pytest.mark.parametrize("name", ["sequences", "steps", "pairs", "windows"])
def test_the_order_is_drawn(name):
    dataset = ROWS[name]()
    first, *others = (
        [repr(describe(batch)) for batch in list_batches(dataset, 1, seed)] for seed in (0, 0, 1, 2, 3)
    )
    assert others[0] == first and any(other != first for other in others)
    assert all(sorted(other) == sorted(first) for other in others)


def test_held_out_sequences_are_those_of_the_data_set(monkeypatch):
    monkeypatch.setattr(streams, "_LONGEST", 3)
    dataset = ROWS["held out"]()
    targets = torch.cat([batch.targets for batch in list_batches(dataset)])
    assert sorted(targets.tolist()) == list(range(STEPS))
