"""Sampling: what is drawn for one is the same, whoever else is drawn for."""

import numpy as np
import pytest

from sklearn_rnn import RNNForecaster, RNNLanguageModel, RNNSeq2Seq
from sklearn_rnn.estimators.sampling import Streams

TEXTS = ["abacab", "bacca", "ccab", "abba", "b", "caba"] * 4


@pytest.fixture(scope="module")
def language_model():
    return RNNLanguageModel(hidden_size=16, max_iter=3, random_state=0).fit(TEXTS)


@pytest.fixture(scope="module")
def seq2seq():
    return RNNSeq2Seq(hidden_size=8, max_iter=2, max_length=9, random_state=0).fit(
        TEXTS, [x[::-1] for x in TEXTS]
    )


@pytest.fixture(scope="module")
def forecaster():
    series = [np.sin(np.arange(n) / 3) for n in (30, 40, 50)]
    return RNNForecaster(distribution="gaussian", hidden_size=8, max_iter=2, random_state=0).fit(series)


def test_numbers_depend_on_seed_key_and_earlier_rows_with_the_same_key_alone():
    def draw(seed, keys, n=70):
        streams = Streams(seed, keys)
        return np.array([streams.draw(np.arange(len(keys))) for _ in range(n)]).T

    both, other = draw(0, [b"a", b"b", b"a"]), draw(0, [b"b", b"c", b"a", b"a"])
    assert len(np.unique(both)) == both.size
    assert ((both >= 0) & (both < 1)).all()
    np.testing.assert_array_equal(both[[0, 1, 2]], other[[2, 0, 3]])
    assert (draw(1, [b"a"]) != both[0]).any()
    assert (draw(None, [b"a"]) != draw(None, [b"a"])).any()


def test_rows_that_are_left_out_lose_nothing():
    streams, alone = Streams(0, [b"a", b"b"]), Streams(0, [b"b"])
    steps = [np.array([0, 1]), np.array([1]), np.array([0]), np.array([0, 1])]
    drawn = [streams.draw(rows)[-1] for rows in steps if 1 in rows]
    assert drawn == [alone.draw(np.array([0]))[0] for _ in drawn]


@pytest.mark.parametrize("seed", [0, 7])
def test_texts_of_a_language_model(language_model, seed):
    prompts = ["ab", "c", "", "bac"]
    together = language_model.sample(2, prompt=prompts, random_state=seed)
    for i, prompt in enumerate(prompts):
        assert list(language_model.sample(2, prompt=prompt, random_state=seed)) == list(
            together[2 * i : 2 * i + 2]
        )
    backwards = language_model.sample(2, prompt=prompts[::-1], random_state=seed)
    assert [backwards[2 * i + j] for i in (3, 2, 1, 0) for j in (0, 1)] == list(together)
    assert (
        list(language_model.sample(3, random_state=seed))
        == list(language_model.sample(5, random_state=seed))[:3]
    )
    assert len(set(language_model.sample(20, random_state=seed))) > 5


@pytest.mark.filterwarnings("ignore:.*did not come to their end:UserWarning")
def test_targets_of_seq2seq(seq2seq):
    sources = ["abc", "abc", "a", "bcabcabcabca"] + TEXTS
    together = seq2seq.sample(sources, 3, random_state=0)
    backwards = seq2seq.sample(sources[::-1], 3, random_state=0)[::-1]
    assert [list(texts) for texts in backwards[2:4]] == [list(texts) for texts in together[2:4]]
    assert list(together[0]) != list(together[1])  # one source twice
    for i in (0, 2, 3):
        assert list(seq2seq.sample([sources[i]], 3, random_state=0)[0]) == list(together[i])


def test_paths_of_a_forecaster(forecaster):
    series = [np.cos(np.arange(n) / 2) for n in (10, 90, 20)]
    together = forecaster.sample_paths(series, 5, n_samples=4, random_state=0)
    for one, paths in zip(series, together, strict=True):
        np.testing.assert_array_equal(
            forecaster.sample_paths([one], 5, n_samples=4, random_state=0)[0], paths
        )
    np.testing.assert_array_equal(
        forecaster.sample_paths(series[::-1], 5, n_samples=4, random_state=0)[::-1], together
    )


def test_quantiles_of_equal_series_are_equal_and_their_paths_are_not(forecaster):
    one = np.cos(np.arange(80) / 2)
    quantiles = forecaster.predict_quantiles([one, one[5:], -one], 4, random_state=0)
    np.testing.assert_array_equal(quantiles[0], quantiles[1])  # the last steps are all that is read
    np.testing.assert_array_equal(quantiles[:1], forecaster.predict_quantiles([one], 4, random_state=0))
    paths = forecaster.sample_paths([one, one], 4, n_samples=3, random_state=0)
    assert (paths[0] != paths[1]).any()
