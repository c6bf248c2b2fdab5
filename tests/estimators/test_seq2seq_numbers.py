"""Sequence to sequence: targets of numbers, with a learnt end."""

import copy
import pickle

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RNNSeq2Seq, Sequences
from sklearn_rnn.persistence import TRUSTED_TYPES

rng = np.random.RandomState(0)
SOURCES = [rng.randn(n, 2).astype(np.float32) for n in (3, 1, 5, 2, 4, 4, 1, 2)] * 2
TEXTS = ["abc", "a", "bbacb", "cc", "abba", "ccab", "b", "ac"] * 2
# One number a step, and three; one target is empty.
FLAT = [100 + 10 * x.repeat(2, axis=0)[1:, 0] for x in SOURCES]
FLAT[1] = FLAT[1][:0]
WIDE = [rng.randn(len(y), 3) for y in FLAT]
KINDS = {
    "flat": (SOURCES, FLAT, {}),
    "wide": (TEXTS, WIDE, {"attention": "additive", "cell": "gru", "decoder_cell": "elman"}),
    "no attention": (SOURCES, WIDE, {"attention": None, "decoder_cell": "jordan", "decoder_num_layers": 2}),
    "one to many": (np.array([x[0] for x in SOURCES]), FLAT, {"cell": "gru"}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
SMALL = {"hidden_size": 6, "embedding_size": 5, "max_iter": 3, "batch_size": 4, "learning_rate": 0.02}
pytestmark = pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")


def make(**parameters):
    return RNNSeq2Seq(**{**SMALL, "random_state": 0, "device": "cpu", **parameters})


def fit(kind, **parameters):
    X, y, options = KINDS[kind]
    return make(**{**options, **parameters}).fit(X, y), X, y


def assert_same(a, b, atol=0.0):
    assert len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        np.testing.assert_allclose(left, right, atol=atol, rtol=atol)


def test_a_countdown_ends_where_it_should():
    n = np.repeat(np.arange(2, 9), 4)
    countdowns = [np.arange(k, 0.0, -1) for k in n]
    model = make(hidden_size=32, max_iter=50, learning_rate=0.01).fit(n.reshape(-1, 1), countdowns)
    predicted = model.predict(np.array([[3], [7]]))
    assert [p.shape for p in predicted] == [(3,), (7,)]
    assert_same(predicted, [np.arange(3, 0, -1), np.arange(7, 0, -1)], atol=0.5)
    assert model.score(n.reshape(-1, 1), countdowns) > 0.95


@every_kind
def test_what_is_written_is_what_a_plain_loop_writes(kind):
    model, X, y = fit(kind, max_iter=10)
    n_outputs = np.ndim(y[0]) if np.ndim(y[0]) == 1 else np.shape(y[0])[1]
    network, lengths = model.module_, set()
    for i in range(4):
        source = X[i : i + 1]
        limit = model._limit(np.array([1 if kind == "one to many" else len(X[i])]))[0]
        written = np.empty((0, n_outputs))
        while True:  # the whole beginning anew, each time
            dataset = model._encode_pairs(
                model.input_encoder_.read(source, model, reset=False)[0],
                Sequences(written.astype(np.float32), np.array([0, len(written)])),
            )
            batch = dataset.gather(np.array([0]), network.like)
            with torch.no_grad():
                *numbers, is_end = network(batch)[-1].tolist()
            if is_end > 0 or len(written) == limit:
                break
            written = np.vstack([written, np.array(numbers) * model.target_scale_ + model.target_mean_])
        predicted = model.predict(source)[0]
        assert predicted.ndim == np.ndim(y[0])
        np.testing.assert_allclose(predicted.reshape(-1, n_outputs), written, rtol=1e-4, atol=1e-3)
        lengths.add(len(written))
    assert max(lengths) > 0


@every_kind
def test_answers_do_not_hang_on_others(kind):
    model, X, _ = fit(kind)
    together = model.predict(X)
    assert_same(together, [model.predict(X[i : i + 1])[0] for i in range(len(X))], atol=1e-4)
    assert_same(together[::-1], model.predict(X[::-1]), atol=1e-4)


def test_numbers_are_scaled_and_begin_with_a_sign():
    model, X, y = fit("wide")
    values = np.concatenate(y)
    np.testing.assert_allclose(model.target_mean_, values.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(model.target_scale_, values.std(axis=0), atol=1e-6)
    dataset = model._encode_pairs(*model._read_pairs(X[:1], y[:1]))
    scaled = (y[0] - model.target_mean_) / model.target_scale_
    inputs = dataset.written.sequences.values
    np.testing.assert_allclose(inputs[0], [1, 0, 0, 0])
    np.testing.assert_allclose(inputs[1:], np.pad(scaled, ((0, 0), (1, 0))), atol=1e-5)
    np.testing.assert_allclose(dataset.targets[:-1], np.pad(scaled, ((0, 0), (0, 1))), atol=1e-5)
    np.testing.assert_allclose(dataset.targets[-1], [0, 0, 0, 1])


def test_a_constant_number_is_left_alone():
    model = make().fit(TEXTS, [np.full((len(y), 1), 7.0) for y in FLAT])
    assert model.target_scale_.tolist() == [1.0]
    assert all(np.abs(p - 7).max(initial=0) < 2 for p in model.predict(TEXTS))


def test_scheduled_sampling_gives_numbers_of_its_own():
    X, y, _ = KINDS["wide"]
    model = make(scheduled_sampling=1.0).fit(X, y)
    network = model.module_
    dataset = model._encode_pairs(*model._read_pairs(X, y))
    batch = dataset.gather(np.argsort(-dataset.sizes, kind="stable"), network.like)
    scores = torch.randn(len(batch.values), 4)
    given, packing = network._give_guesses(batch, scores).values, batch.packing
    for place, (step, row) in enumerate(zip(packing.step_of, packing.row_of, strict=True)):
        if step == 0:
            assert given[place].tolist() == [1, 0, 0, 0]
        else:
            assert given[place].tolist() == [0, *scores[packing.place(step - 1, row)][:3].tolist()]
    assert make().fit(X, y).loss_curve_ != model.loss_curve_


def test_score_fills_up_with_the_mean():
    model, X, y = fit("flat")
    weights = rng.rand(len(X))
    true, guessed, importance = [], [], []
    for t, p, w in zip(y, model.predict(X), weights, strict=True):
        n = max(len(t), len(p))
        true.extend([*t, *[model.target_mean_[0]] * (n - len(t))])
        guessed.extend([*p, *[model.target_mean_[0]] * (n - len(p))])
        importance.extend([w] * n)
    assert {len(t) - len(p) > 0 for t, p in zip(y, model.predict(X), strict=True)} == {True, False}
    assert model.score(X, y) == pytest.approx(r2_score(true, guessed), abs=1e-5)
    weighted = r2_score(true, guessed, sample_weight=importance)
    assert model.score(X, y, sample_weight=weights) == pytest.approx(weighted, abs=1e-5)


@every_kind
@pytest.mark.parametrize(
    "copied",
    [
        lambda m: pickle.loads(pickle.dumps(m)),
        copy.deepcopy,
        lambda m: skops.io.loads(skops.io.dumps(m), trusted=TRUSTED_TYPES),
    ],
    ids=["pickle", "deepcopy", "skops"],
)
def test_copies_answer_alike(kind, copied):
    model, X, y = fit(kind)
    other = copied(model)
    assert_same(model.predict(X), other.predict(X))
    assert other.score(X, y) == model.score(X, y)
    assert other.partial_fit(X, y).n_iter_ == 4 and model.n_iter_ == 3


@every_kind
def test_two_fits_are_equal(kind):
    (model, X, y), (other, *_) = fit(kind), fit(kind)
    assert model.loss_curve_ == other.loss_curve_
    assert_same(model.predict(X), other.predict(X))
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    again = clone(model).fit(X, y)
    assert again.loss_curve_ == model.loss_curve_


def test_weight_zero_is_as_if_not_given():
    X, y, _ = KINDS["flat"]
    weights = np.arange(len(X)) % 3 > 0
    kept = np.flatnonzero(weights)
    some = make().fit([X[i] for i in kept], [y[i] for i in kept])
    assert_same(make().fit(X, y, sample_weight=weights.astype(float)).predict(X), some.predict(X), atol=1e-5)
    assert make().fit(X, y, sample_weight=1 + np.arange(len(X))).loss_curve_ != make().fit(X, y).loss_curve_


def test_early_stopping_and_searches(impatient):
    X, y, _ = KINDS["flat"]
    model = make(early_stopping=True, max_iter=6, n_iter_no_change=2, learning_rate=1e-9).fit(X, y)
    assert model.n_iter_ == 3
    validated = make().fit(X, y, X_val=X[:3], y_val=y[:3])
    assert len(validated.validation_scores_) == 3
    search = GridSearchCV(make(), {"decoder_cell": ["elman", "gru"]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_forms_of_targets():
    X, y, _ = KINDS["flat"]
    column = make().fit(X, [part[:, np.newaxis] for part in y]).predict(X)
    assert all(part.ndim == 2 for part in column)
    assert_same([part[:, 0] for part in column], make().fit(X, y).predict(X))
    lists = make().fit(X, [part.tolist() for part in y]).predict(X)
    assert_same(lists, make().fit(X, y).predict(X))
    table = make().fit(X, rng.randn(len(X), 4)).predict(X)
    assert all(part.ndim == 1 for part in table)
    block = make().fit(X, rng.randn(len(X), 4, 2)).predict(X)
    assert all(part.ndim == 2 for part in block)
    sequences = Sequences(
        rng.randn(20, 1).astype(np.float32), np.array([0, 9, *range(10, 20), 20, 20, 20, 20])
    )
    assert all(part.ndim == 2 for part in make().fit(X[: len(sequences)], sequences).predict(X))


def test_a_refit_on_tokens_forgets_the_numbers():
    model, X, _ = fit("wide")
    model.fit(X, TEXTS)
    assert not hasattr(model, "target_mean_")
    assert all(isinstance(text, str) for text in model.predict(X))
    model.fit(X, WIDE)
    assert not hasattr(model, "target_vocabulary_")


def test_what_is_looked_at():
    model, X, y = fit("wide")
    weights = model.attention_weights(X, y)
    assert [w.shape for w in weights] == [(len(t) + 1, len(x)) for x, t in zip(X, y, strict=True)]
    assert len(model.attention_weights(X)) == len(X)


def test_a_cut_is_told():
    X, y, _ = KINDS["flat"]
    model = make(max_length=2).fit(X, y)
    torch.nn.init.constant_(model.module_.head.output.bias[-1], -100.0)
    with pytest.warns(UserWarning, match="16 of 16 targets did not come to their end"):
        assert [len(p) for p in model.predict(X)] == [2] * 16
    torch.nn.init.constant_(model.module_.head.output.bias[-1], 100.0)
    assert [len(p) for p in model.predict(X)] == [0] * 16
    assert np.isfinite(model.score(X, y))


BAD = {
    "a beam": (
        lambda m: m.set_params(beam_size=2).predict(SOURCES),
        ValueError,
        "^beam_size must be 1 where",
    ),
    "predict_nbest": (
        lambda m: m.predict_nbest(SOURCES),
        TypeError,
        "^predict_nbest is for targets of tokens",
    ),
    "sample": (lambda m: m.sample(SOURCES), TypeError, "^sample is for targets of tokens"),
    "predict_proba": (
        lambda m: m.predict_proba(SOURCES, FLAT),
        TypeError,
        "^predict_proba is for targets of",
    ),
    "score_samples": (
        lambda m: m.score_samples(SOURCES, FLAT),
        TypeError,
        "^score_samples is for targets of",
    ),
    "tokens": (
        lambda m: m.partial_fit(SOURCES, TEXTS),
        TypeError,
        "^y holds text tokens, but RNNSeq2Seq was fitted on numbers; pass the same form",
    ),
    "codes": (
        lambda m: m.attention_weights(SOURCES, [[1, 2]] * 16),
        TypeError,
        "^y holds integer tokens, but RNNSeq2Seq was fitted on numbers",
    ),
    "another width": (
        lambda m: m.score(SOURCES, WIDE),
        ValueError,
        "^y has 3 numbers a step, but RNNSeq2Seq was fitted on 1",
    ),
    "NaN": (
        lambda m: m.score(SOURCES, [*FLAT[:15], [0.0, np.nan]]),
        ValueError,
        r"^y\[15\] has NaN at step 1, .* or cut it off where it marks padding",
    ),
    "exact match": (
        lambda m: m.set_params(scoring="exact_match").fit(SOURCES, FLAT),
        ValueError,
        "^scoring='exact_match' is for tokens, but y holds numbers",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_calls(name):
    call, error, message = BAD[name]
    model = fit("flat")[0]
    with pytest.raises(error, match=message):
        call(model)
    assert_same(model.set_params(beam_size=1).predict(SOURCES), fit("flat")[0].predict(SOURCES))


def test_numbers_where_tokens_were():
    with pytest.raises(TypeError, match="^y holds numbers, but RNNSeq2Seq was fitted on text tokens"):
        make().fit(TEXTS, TEXTS).score_samples(TEXTS, FLAT)


def test_integers_that_look_like_measurements():
    curves = [rng.randint(1000, size=9) for _ in SOURCES]
    with pytest.warns(UserWarning, match="^y holds integers, which are read as tokens, .* y = .np.asarray"):
        make(max_iter=1).fit(SOURCES, curves)


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_of_numbers_is_of_no_matter(unit):
    X, y, _ = KINDS["flat"]
    predicted, in_unit = make().fit(X, y).predict(X), make().fit(X, [unit * part for part in y]).predict(X)
    assert_same([part / unit for part in in_unit], predicted, atol=1e-3)


def test_weights_scale_numbers_as_repetitions_do():
    X, y, _ = KINDS["flat"]
    n_times = np.array([1, 0, 2, 1, 3, 1, 0, 2] * 2)
    options = {"batch_size": "all", "dtype": "float64"}
    rows = np.repeat(np.arange(len(X)), n_times)
    repeated = make(**options).fit([X[i] for i in rows], [y[i] for i in rows])
    weighted = make(**options).fit(X, y, sample_weight=n_times)
    np.testing.assert_allclose(weighted.target_mean_, repeated.target_mean_)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-5)


def test_the_score_of_targets_that_are_all_empty():
    model, X, _ = fit("flat")
    empty = [np.zeros(0)] * len(X)
    lengths = [len(part) for part in model.predict(X)]
    assert sum(lengths) > 1  # all of which are too many
    true = np.full(sum(lengths), model.target_mean_[0])
    assert model.score(X, empty) == pytest.approx(r2_score(true, np.concatenate(model.predict(X))), abs=1e-3)
