"""Which sequences are set aside."""

import numpy as np
import pytest

from sklearn_rnn.training.holdout import choose_groups, split_rows


@pytest.mark.parametrize("groups", [None, np.arange(40) // 4])
@pytest.mark.parametrize("strata", [None, np.arange(40) % 3])
def test_a_split_takes_all_rows_in_order_and_follows_from_the_seed(groups, strata):
    kept, held_out = split_rows(40, 0.2, 7, groups=groups, strata=strata)
    assert len(held_out) == 8
    assert sorted([*kept, *held_out]) == list(range(40))
    assert (np.diff(kept) > 0).all() and (np.diff(held_out) > 0).all()
    again, others = (split_rows(40, 0.2, seed, groups=groups, strata=strata)[1] for seed in (7, 8))
    assert again.tolist() == held_out.tolist() != others.tolist()
    if groups is not None:
        assert not set(groups[kept]) & set(groups[held_out])


def test_shares_of_classes_are_kept_where_there_are_enough():
    strata = np.repeat([0, 1], [80, 20])
    kept, held_out = split_rows(100, 0.1, 0, strata=strata)
    assert np.bincount(strata[held_out]).tolist() == [8, 2]
    strata[-1] = 2  # a class with one member
    assert len(split_rows(100, 0.1, 0, strata=strata)[1]) == 10


def test_two_at_least_are_held_out_and_one_is_kept():
    assert [len(part) for part in split_rows(3, 0.01, 0)] == [1, 2]
    with pytest.raises(ValueError, match="leaves nothing to train on: there are 2 sequences"):
        split_rows(2, 0.01, 0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("counts", "fraction", "n_held"),
    [
        ([11, 2], 0.1, 2),
        ([10, 10], 0.9, 10),
        ([1] * 20, 0.1, 2),
        ([30, 3, 4, 3], 0.1, 4),
        ([5, 5, 5], 0.1, 5),
    ],
)
def test_groups_come_near_the_share_of_sequences(counts, fraction, n_held, seed):
    held = choose_groups(np.repeat(np.arange(len(counts)), counts), fraction, np.random.RandomState(seed))
    assert abs(held.sum() - n_held) <= 1
    assert 2 <= held.sum() < len(held)
