"""The layout of batches against PyTorch's own and against plain loops; plans hold every sequence once."""

import threading

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from sklearn_rnn import Sequences
from sklearn_rnn.batches import planning
from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.batches.packing import Packing
from sklearn_rnn.batches.planning import plan_prediction, plan_training

LENGTHS = [[1], [5], [3, 3, 3], [4, 2, 2, 1], [1, 1], [9, 8, 1], [7, 7, 2, 2, 2, 1, 1]]
FLOAT32 = torch.zeros(0)


def where(lengths):
    """Where step t of sequence i stands in the packed layout, in plain Python."""
    places = [(t, i) for t in range(lengths[0]) for i in range(len(lengths)) if t < lengths[i]]
    return {place: k for k, place in enumerate(places)}


def make_dataset(lengths, **arguments):
    n_steps = sum(lengths)
    values = np.arange(2.0 * n_steps, dtype=np.float32).reshape(n_steps, 2)
    return SequenceDataset(Sequences.from_lengths(values, lengths), **arguments)


# Packing


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_packing_is_torchs(lengths):
    dataset = make_dataset(lengths)
    batch = dataset.gather(np.arange(len(lengths)), FLOAT32)
    padded = pad_sequence([torch.from_numpy(x) for x in dataset.sequences])
    expected = pack_padded_sequence(padded, torch.tensor(lengths))
    assert torch.equal(batch.values, expected.data)
    assert batch.packing.batch_sizes == expected.batch_sizes.tolist()


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_indices_against_loops(lengths):
    packing, place = Packing(np.array(lengths)), where(lengths)
    assert len(packing) == len(lengths)
    assert packing.n_steps_total == sum(lengths) == len(place)
    assert packing.is_rectangular is (min(lengths) == max(lengths))
    assert packing.length.tolist() == lengths
    assert packing.row.tolist() == [i for _, i in place]
    assert packing.last.tolist() == [place[n - 1, i] for i, n in enumerate(lengths)]
    assert packing.reverse.tolist() == [place[lengths[i] - 1 - t, i] for t, i in place]
    assert packing.dense.tolist() == [t * len(lengths) + i for t, i in place]
    assert packing.batch_sizes == [sum(t < n for n in lengths) for t in range(lengths[0])]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_what_the_indices_are_for(lengths):
    packing = Packing(np.array(lengths))
    rows = [torch.randn(n) for n in lengths]
    packed = pack_padded_sequence(pad_sequence(rows), torch.tensor(lengths)).data
    assert torch.equal(packed[packing.last], torch.stack([x[-1] for x in rows]))
    mirrored = pack_padded_sequence(pad_sequence([x.flip(0) for x in rows]), torch.tensor(lengths)).data
    assert torch.equal(packed[packing.reverse], mirrored)
    assert torch.equal(packed[packing.reverse][packing.reverse], packed)
    dense = torch.zeros(lengths[0] * len(lengths)).index_copy(0, packing.dense, packed)
    assert torch.equal(dense.reshape(lengths[0], len(lengths)), pad_sequence(rows))
    sums = torch.zeros(len(lengths)).index_add(0, packing.row, packed)
    torch.testing.assert_close(sums, torch.stack([x.sum() for x in rows]), rtol=1e-5, atol=1e-6)


def test_indices_are_made_once():
    packing = Packing(np.array([3, 1]))
    for name in ("row", "last", "reverse", "dense", "length"):
        assert getattr(packing, name) is getattr(packing, name)
        assert getattr(packing, name).dtype == torch.int64


# Data sets


def test_packings_do_not_wait_for_each_other():
    """Else a forked child would wait for a thread that is not there."""
    entered, leave = threading.Event(), threading.Event()

    def wait(packing, index):
        entered.set()
        assert leave.wait(60)
        return torch.from_numpy(index)

    class Slow(Packing):
        _tensor = wait

    thread = threading.Thread(target=lambda: Slow([3, 1]).last)
    other = threading.Thread(target=lambda: Packing([2, 2]).last)
    thread.start()
    assert entered.wait(60)
    other.start()
    other.join(20)
    is_waiting = other.is_alive()
    leave.set()
    thread.join()
    other.join()
    assert not is_waiting


def test_gather_takes_members_by_their_place_among_the_rows():
    lengths = [2, 1, 4, 3]
    dataset = make_dataset(lengths, targets=np.array([10, 11, 12, 13]), rows=np.array([3, 0, 2]))
    assert len(dataset) == 3
    assert dataset.lengths.tolist() == [3, 2, 4]
    batch = dataset.gather(np.array([2, 1]), FLOAT32)
    assert len(batch) == 2
    assert batch.packing.lengths.tolist() == [4, 2]
    assert batch.targets.tolist() == [12, 10]
    assert batch.weights is None
    four, two = dataset.sequences[2], dataset.sequences[0]
    expected = [four[0], two[0], four[1], two[1], four[2], four[3]]
    np.testing.assert_array_equal(batch.values, expected)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("per_step", [False, True])
def test_targets_and_weights_follow_their_sequences_or_steps(lengths, per_step):
    n = sum(lengths) if per_step else len(lengths)
    targets, weights = np.arange(n), np.arange(n, dtype=np.float32) / 2
    dataset = make_dataset(lengths, targets=targets, weights=weights, per_step=per_step)
    batch = dataset.gather(np.arange(len(lengths)), FLOAT32)
    starts = np.cumsum([0, *lengths])
    order = [int(starts[i]) + t for t, i in where(lengths)] if per_step else list(range(n))
    assert batch.targets.tolist() == order
    assert batch.weights.tolist() == [k / 2 for k in order]
    assert batch.index.tolist() == order


@pytest.mark.parametrize("per_step", [False, True])
def test_answers_can_be_put_back(per_step):
    lengths = np.array([3, 1, 4, 1, 5, 9, 2, 6])
    n = lengths.sum() if per_step else len(lengths)
    dataset = make_dataset(lengths, targets=np.arange(n), per_step=per_step)
    answers = np.full(n, -1)
    for members in plan_prediction(dataset.lengths):
        batch = dataset.gather(members, FLOAT32)
        answers[batch.index] = batch.targets
    assert answers.tolist() == list(range(n))


def test_gather_keeps_codes_and_takes_over_the_type_of_numbers():
    sequences = Sequences.from_lengths(np.array([4, 5, 6]), [2, 1])
    dataset = SequenceDataset(sequences, np.array([0.5, 1.5], np.float32), np.ones(2, np.float32))
    batch = dataset.gather(np.array([0, 1]), torch.zeros(0, dtype=torch.float64))
    assert batch.values.tolist() == [4, 6, 5]
    assert batch.values.dtype == torch.int64
    assert batch.targets.dtype == torch.float64
    assert batch.weights.dtype == torch.float64


def test_a_batch_shares_no_memory_with_read_only_data():
    dataset = make_dataset([2, 1])
    dataset.sequences.values.flags.writeable = False
    batch = dataset.gather(np.array([0, 1]), FLOAT32)
    batch.values.zero_()
    assert dataset.sequences.values.any()


@pytest.mark.parametrize("per_step", [False, True])
def test_subset(per_step):
    lengths, rows = [2, 1, 4, 3], np.array([3, 1])
    n = sum(lengths) if per_step else len(lengths)
    dataset = make_dataset(
        lengths, targets=np.arange(n), weights=np.arange(n, dtype=np.float32), per_step=per_step
    )
    part = dataset.subset(rows)
    expected = [7, 8, 9, 2] if per_step else [3, 1]
    assert part.targets.tolist() == expected
    assert part.weights.tolist() == expected
    assert part.per_step is per_step
    assert part.lengths.tolist() == [3, 1]
    np.testing.assert_array_equal(part.sequences.values, dataset.sequences.values[[7, 8, 9, 2]])
    assert not np.shares_memory(part.sequences.values, dataset.sequences.values)


# Plans


def check_plan(plan, lengths):
    """Every sequence once; the longest of each batch first."""
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))
    for members in plan:
        assert len(members)
        assert (np.diff(lengths[members]) <= 0).all()


@pytest.mark.parametrize("n", [1, 2, 7, 64, 333])
@pytest.mark.parametrize("batch_size", [1, 3, 32, 1000])
def test_plan_training(n, batch_size, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    lengths = rng.randint(1, 50, n)
    plan = plan_training(lengths, batch_size, rng)
    check_plan(plan, lengths)
    sizes = [len(members) for members in plan]
    assert max(sizes) <= batch_size
    assert len(plan) == -(-n // batch_size)  # no more than one batch is smaller


def test_plan_training_is_random_and_repeatable():
    lengths = np.random.RandomState(0).randint(1, 50, 200)

    def plan(seed):
        return [members.tolist() for members in plan_training(lengths, 8, np.random.RandomState(seed))]

    assert plan(1) == plan(1)
    assert plan(1) != plan(2)
    rng = np.random.RandomState(1)
    first, second = (plan_training(lengths, 8, rng) for _ in range(2))
    assert {frozenset(m.tolist()) for m in first} != {frozenset(m.tolist()) for m in second}


def test_batches_hold_sequences_of_similar_length():
    lengths = np.random.RandomState(0).randint(1, 100, 3000)
    plan = plan_training(lengths, 30, np.random.RandomState(0))
    padding = sum(len(m) * lengths[m].max() - lengths[m].sum() for m in plan) / lengths.sum()
    at_random = [np.arange(i, i + 30) for i in range(0, 3000, 30)]
    padding_at_random = sum(30 * lengths[m].max() - lengths[m].sum() for m in at_random) / lengths.sum()
    assert padding < padding_at_random / 5


def test_batches_do_not_come_in_the_order_of_length():
    lengths = np.arange(1, 65)
    longest = [lengths[m].max() for m in plan_training(lengths, 8, np.random.RandomState(0))]
    assert sorted(longest) == list(range(8, 65, 8))
    assert longest != sorted(longest, reverse=True)


@pytest.mark.parametrize("n", [1, 5, 400])
@pytest.mark.parametrize("limit", [1, 100, 10_000])
def test_plan_prediction(n, limit, monkeypatch, global_random_seed):
    monkeypatch.setattr(planning, "_PREDICTION_STEPS", limit)
    lengths = np.random.RandomState(global_random_seed).randint(1, 300, n)
    plan = list(plan_prediction(lengths))
    check_plan(plan, lengths)
    for members in plan:
        assert len(members) == 1 or len(members) * lengths[members].max() <= limit


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([2, 3], ValueError, r"must not increase, got 2 followed by lengths\[1\] = 3.*longest first"),
        ([3, 0], ValueError, r"at least 1, got lengths\[1\] = 0"),
        ([3, 2, -1], ValueError, r"at least 1, got lengths\[2\] = -1"),
        ([], ValueError, "at least one number"),
        ([[2, 1]], ValueError, "one axis"),
        (3, ValueError, "one axis"),
        ([2.0, 1.0], TypeError, "must be integers, got float64"),
        (["a"], TypeError, "must be integers"),
        ([True, True], TypeError, "must be integers, got bool"),
    ],
)
def test_lengths_that_cannot_be_packed(lengths, error, message):
    with pytest.raises(error, match=message):
        Packing(lengths)


@pytest.mark.parametrize("lengths", [[3, 1], (3, 1), np.array([3, 1], dtype=np.uint8)])
def test_lengths_in_any_form(lengths):
    packing = Packing(lengths)
    assert packing.batch_sizes == [2, 1, 1] and packing.last.tolist() == [3, 1]
