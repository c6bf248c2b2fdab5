"""Sequence to sequence: what every estimator promises, and what is refused."""

import copy
import io
import pickle
import random
import signal
from functools import partial

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import LRScheduler

from sklearn_rnn import RNNSeq2Seq
from sklearn_rnn.metrics import edit_distance_rate, exact_match_score, get_scorer
from sklearn_rnn.nn import Attention, DotAttention, use_native
from sklearn_rnn.persistence import TRUSTED_TYPES
from sklearn_rnn.preprocessing import SequenceFeatures, TokenEncoder
from sklearn_rnn.training.step import TrainingStep

SOURCES = ["a", "ab", "bca", "ccab", "abcba", "bb", "ac", "cab"] * 2
TARGETS = [x.replace("c", "").replace("a", "aa").replace("b", "bb") for x in SOURCES]
rng = np.random.RandomState(0)
VECTORS = rng.randn(len(SOURCES), 3).astype(np.float32)
NUMBERS = [rng.randn(len(x), 2).astype(np.float32) for x in SOURCES]
KINDS = {
    "characters": (SOURCES, {}),
    "additive": (SOURCES, {"attention": "additive", "cell": "gru", "decoder_cell": "elman"}),
    "no attention": (NUMBERS, {"attention": None, "cell": "jordan", "num_layers": 2}),
    "copies": (SOURCES, {"copy_mechanism": True, "attention": "additive"}),
    "vectors": (VECTORS, {"decoder_num_layers": 2}),
    "labels": ([len(x) for x in SOURCES], {"decoder_cell": "gru"}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
SMALL = {
    "hidden_size": 6,
    "embedding_size": 5,
    "max_iter": 3,
    "batch_size": 4,
    "learning_rate": 0.02,
    "random_state": 0,
    "device": "cpu",
}
pytestmark = pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")


def make(**parameters):
    return RNNSeq2Seq(**{**SMALL, **parameters})


def make_kind(kind, **parameters):
    X, options = KINDS[kind]
    return make(**{**options, **parameters}), X


def take(X, rows):
    return X[rows] if isinstance(X, np.ndarray) else [X[i] for i in rows]


def weights_of(model):
    return {name: w.numpy().copy() for name, w in model.module_.state_dict().items()}


def assert_same(model, other):
    """Check that two models learnt the same, to the last bit."""
    ours, theirs = weights_of(model), weights_of(other)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
    assert model.loss_curve_ == other.loss_curve_ and model._lengths == other._lengths


def answers(model, X, y=TARGETS):
    """All that a model says, a list of arrays and lists of str a source."""
    best, logs = model.predict_nbest(X, 3)
    numbers = [*zip(model.predict_proba(X, y), model.score_samples(X, y), logs, strict=True)]
    if model.module_.attention is not None:
        looks = zip(model.attention_weights(X, y), model.hidden_states(X), strict=True)
        numbers = [(*one, *more) for one, more in zip(numbers, looks, strict=True)]
    return numbers, [*zip(model.predict(X), map(tuple, best), strict=True)]


def assert_close(some, others, atol=1e-5):
    for (numbers, texts), (numbers_, texts_) in zip(
        zip(*some, strict=True), zip(*others, strict=True), strict=True
    ):
        assert texts == texts_
        for a, b in zip(numbers, numbers_, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=atol)


# A source is answered for by itself


@every_kind
def test_answers_do_not_hang_on_others(kind, monkeypatch):
    model, X = make_kind(kind, max_iter=10)
    model.fit(X, TARGETS)
    numbers, texts = together = answers(model, X)
    for i in range(8):
        assert_close(answers(model, take(X, [i]), [TARGETS[i]]), ([numbers[i]], [texts[i]]))
    order = np.random.RandomState(0).permutation(len(SOURCES))
    shuffled = answers(model, take(X, order), [TARGETS[i] for i in order])
    assert_close(shuffled, ([numbers[i] for i in order], [texts[i] for i in order]))
    if kind == "characters":  # beside longer ones
        more = answers(model, [*X, "abc" * 20], [*TARGETS, "ab" * 30])
        assert_close((more[0][:-1], more[1][:-1]), together)
    monkeypatch.setattr("sklearn_rnn.estimators.seq2seq._ROWS", 5)
    monkeypatch.setattr("sklearn_rnn.batches.planning._PREDICTION_STEPS", 7)
    assert_close(answers(model, X), together)


@every_kind
def test_the_compiled_loops_change_nothing(kind):
    model, X = make_kind(kind)
    model.fit(X, TARGETS)
    expected = answers(model, X)
    with use_native(False):
        assert_close(answers(model, X), expected)
        plain = clone(model).fit(X, TARGETS)
    np.testing.assert_allclose(plain.loss_curve_, model.loss_curve_, rtol=1e-4)


# Training


@every_kind
def test_two_fits_are_equal_and_nothing_else_changes(kind):
    model, X = make_kind(kind, dropout=0.2, scheduled_sampling=0.3)
    before = copy.deepcopy((X, TARGETS, model.get_params()))
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    state = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()
    model.fit(X, TARGETS)
    assert state == (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate())
    assert_same(clone(model).fit(X, TARGETS), model)
    assert_same(model.fit(X, TARGETS), clone(model).fit(X, TARGETS))
    np.testing.assert_equal((X, TARGETS, model.get_params()), before)
    other = clone(model).set_params(random_state=1).fit(X, TARGETS)
    assert other.loss_curve_ != model.loss_curve_


@pytest.mark.parametrize("way", ["warm_start", "partial_fit"])
@every_kind
def test_three_and_three_epochs_are_six(kind, way):
    model, X = make_kind(kind, dropout=0.2, scheduled_sampling=0.3)
    whole = clone(model).set_params(max_iter=6).fit(X, TARGETS)
    if way == "warm_start":
        model.set_params(warm_start=True).fit(X, TARGETS).fit(X, TARGETS)
    else:
        for _ in range(6):
            model.partial_fit(X, TARGETS)
    assert_same(model, whole)
    assert model.n_iter_ == 6


@every_kind
def test_weights_of_pairs(kind):
    model, X = make_kind(kind, batch_size="all", dtype="float64", max_iter=2, max_grad_norm=0.5)
    plain = clone(model).fit(X, TARGETS)
    for ones in (np.ones(16), [3.0] * 16, 1.0):
        weighted = clone(model).fit(X, TARGETS, sample_weight=ones)
        np.testing.assert_allclose(weighted.loss_curve_, plain.loss_curve_, rtol=1e-9)
        np.testing.assert_allclose(
            weighted.score_samples(X, TARGETS), plain.score_samples(X, TARGETS), atol=1e-5
        )
    n_times = np.array([1, 0, 2, 1, 3, 1, 0, 2] * 2)
    if kind in ("characters", "additive"):
        # Which tokens came once, and so are read as unknown now and then, is of the tokens, not of weights.
        n_times = np.maximum(n_times, 1)
    rows = np.repeat(np.arange(16), n_times)
    repeated = clone(model).fit(take(X, rows), [TARGETS[i] for i in rows])
    weighted = clone(model).fit(X, TARGETS, sample_weight=n_times)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-7)
    for name, w in weights_of(weighted).items():
        np.testing.assert_allclose(w, weights_of(repeated)[name], rtol=0, atol=1e-6, err_msg=name)


def test_zero_is_as_if_not_given():
    weights = np.array([1.0] * 14 + [0, 0])
    X, y = [*SOURCES[:14], "ax", "by"], [*TARGETS[:14], "zz", "a" * 50]
    model = make().fit(X, y, sample_weight=weights)
    assert_same(model, make().fit(X[:14], y[:14], sample_weight=np.ones(14)))
    assert model.target_vocabulary_.tolist() == ["a", "b"] and model._lengths == (8, 2.0)
    assert model.vocabulary_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("scoring", ["loss", "exact_match"])
@pytest.mark.parametrize("kind", ["characters", "vectors"])
def test_early_stopping(kind, scoring, impatient):
    X, options = KINDS[kind]
    options = {
        **options,
        "scoring": scoring,
        "hidden_size": 16,
        "max_iter": 40,
        "tol": 0.05 if scoring == "loss" else 0.0,
    }
    X, y = (X * 4, TARGETS * 4) if kind == "characters" else (np.concatenate([X] * 4), TARGETS * 4)
    model = make(early_stopping=True, n_iter_no_change=5, **options).fit(X, y)
    scores = np.array(model.validation_scores_)
    assert len(scores) == model.n_iter_ < 40
    if scoring == "exact_match":
        assert model.n_iter_ == scores.argmax() + 1 + 5
    assert ((scores <= 0) if scoring == "loss" else (0 <= scores) & (scores <= 1)).all()
    assert_same(clone(model).fit(X, y), model)
    # On data of one's own the score of the best epoch is what the model has.
    model = make(early_stopping=True, n_iter_no_change=5, **options).fit(X, y, X_val=X[:9], y_val=y[:9])
    best = max(model.validation_scores_)
    if scoring == "exact_match":
        assert model.score(X[:9], y[:9]) == pytest.approx(best)
        assert best > 0.5
    else:
        n_tokens = sum(len(t) + 1 for t in y[:9])
        kept = model.score_samples(X[:9], y[:9]).sum() / n_tokens
        assert np.isclose(kept, model.validation_scores_, rtol=1e-4).any() and kept > best - 0.05
    assert max(map(len, model.predict(X[:3]))) < 50  # what was kept is usable


def test_what_is_set_aside_is_not_trained_on():
    X = np.arange(40.0).reshape(20, 2)
    model = make(early_stopping=True, validation_fraction=0.25).fit(X, ["ab"] * 20)
    dataset = model._encode_pairs(*model._read_pairs(X, ["ab"] * 20))
    kept, held, rows = model._split(dataset, None)
    assert (len(kept), len(held)) == (15, 5)
    np.testing.assert_array_equal(held.sources, X[rows])
    assert sorted(np.concatenate([kept.sources, held.sources])[:, 0]) == X[:, 0].tolist()


def test_what_is_validated_on_leaves_training_alone():
    plain = make().fit(SOURCES, TARGETS)
    for scoring in ("loss", "exact_match"):
        model = make(scoring=scoring).fit(SOURCES, TARGETS, X_val=SOURCES[:5], y_val=TARGETS[:5])
        assert weights_of(model).keys() == weights_of(plain).keys()
        assert model.loss_curve_ == plain.loss_curve_ and len(model.validation_scores_) == 3


def press_ctrl_c():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    signal.raise_signal(signal.SIGINT)


def test_an_interrupted_fit_keeps_what_was_learnt(monkeypatch):
    step, left = TrainingStep.__call__, [9]  # there are 4 in an epoch

    def watched(*arguments, **options):
        left[0] -= 1
        if left[0] == 0:
            press_ctrl_c()
        return step(*arguments, **options)

    monkeypatch.setattr(TrainingStep, "__call__", watched)
    model = make(max_iter=50)
    with pytest.warns(UserWarning, match="Training was interrupted in epoch 3; what was learnt so far"):
        model.fit(SOURCES, TARGETS)
    assert (model.n_iter_, len(model.loss_curve_)) == (2, 2) and not model.module_.training
    assert len(model.predict(SOURCES)) == 16 and np.isfinite(model.score_samples(SOURCES, TARGETS)).all()
    assert_same(model, make(max_iter=2).fit(SOURCES, TARGETS))
    assert model.partial_fit(SOURCES, TARGETS).n_iter_ == 3


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_loss_that_is_not_finite_changes_nothing(goes_on):
    model = make(cell="elman", nonlinearity="relu", max_grad_norm=None, warm_start=goes_on)
    if goes_on:
        model.fit(SOURCES, TARGETS)
        before = answers(model, SOURCES)
    state = dict(vars(model))
    model.set_params(learning_rate=1e30)
    with pytest.raises(ValueError, match=r"Training stopped in epoch \d, batch \d: .* is (nan|inf)"):
        model.fit(SOURCES, TARGETS)
    model.set_params(learning_rate=SMALL["learning_rate"])
    assert vars(model).keys() == state.keys()
    if goes_on:
        assert_close(answers(model, SOURCES), before, atol=0)
        assert_same(model.fit(SOURCES, TARGETS), clone(model).set_params(max_iter=6).fit(SOURCES, TARGETS))


def test_callbacks_and_schedules():
    schedule = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    model = make(callbacks=[schedule]).fit(SOURCES, TARGETS)
    assert model.callbacks == [schedule] and model.loss_curve_ != make().fit(SOURCES, TARGETS).loss_curve_


def test_progress(capsys):
    make(verbose=2).fit(SOURCES, TARGETS)
    assert "train_loss" in capsys.readouterr().out
    make(verbose=1).fit(SOURCES, TARGETS)


# Copies and files


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def through_skops(model):
    return skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_joblib, through_skops])
@every_kind
def test_copies_answer_alike(kind, copied):
    model, X = make_kind(kind, beam_size=2, length_penalty=0.5)
    model.fit(X, TARGETS)
    twin = copied(model)
    assert_close(answers(twin, X), answers(model, X), atol=0)
    assert twin.sample(X, 3, random_state=0).tolist() == model.sample(X, 3, random_state=0).tolist()
    assert twin.loss_curve_ == model.loss_curve_ and twin.n_iter_ == 3
    assert twin.partial_fit(X, TARGETS).n_iter_ == 4 and model.n_iter_ == 3
    assert not hasattr(clone(model), "module_")
    assert_same(clone(twin).fit(X, TARGETS), model)


class Near(Attention):
    """A user's attention: steps fit that are near."""

    def compare(self, queries, keys):
        return -torch.cdist(queries, keys)


def test_a_users_attention_is_copied():
    model = make(attention=Near).fit(SOURCES, TARGETS)
    assert_close(answers(copy.deepcopy(model), SOURCES), answers(model, SOURCES), atol=0)
    same = make(attention=DotAttention).fit(SOURCES, TARGETS)
    assert_same(same, make(attention="dot").fit(SOURCES, TARGETS))
    bound = make(attention=partial(DotAttention)).fit(SOURCES, TARGETS)
    assert_same(bound, same)


# scikit-learn's tools


def test_searches_and_scorers():
    search = GridSearchCV(
        make(), {"max_iter": [1, 60], "hidden_size": [16]}, cv=KFold(2), error_score="raise"
    )
    search.fit(SOURCES, TARGETS)
    assert search.best_params_["max_iter"] == 60 and search.score(SOURCES, TARGETS) > 0.5
    model = search.best_estimator_
    predicted = model.predict(SOURCES)
    assert get_scorer("exact_match")(model, SOURCES, TARGETS) == exact_match_score(TARGETS, predicted)
    rate = get_scorer("neg_edit_distance_rate")(model, SOURCES, TARGETS)
    assert rate == -edit_distance_rate(TARGETS, predicted)
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("exact_match").set_score_request(sample_weight=True)
        weights = np.arange(16)
        expected = model.score(SOURCES, TARGETS, sample_weight=weights)
        assert scorer(model, SOURCES, TARGETS, sample_weight=weights) == pytest.approx(expected)


@every_kind
def test_cross_validation(kind):
    model, X = make_kind(kind)
    scores = cross_val_score(model, X, TARGETS, cv=3, error_score="raise")
    assert len(scores) == 3 and ((0 <= scores) & (scores <= 1)).all()
    predicted = cross_val_predict(model, X, TARGETS, cv=3)
    assert predicted.shape == (16,) and all(isinstance(y, str) for y in predicted)
    scores = cross_val_score(
        model, X, [list(y) for y in TARGETS], cv=3, scoring=get_scorer("neg_edit_distance_rate")
    )
    assert (scores <= 0).all()


def test_pipelines():
    words = [list(x) for x in SOURCES]
    model = make_pipeline(TokenEncoder(), make()).fit(words, TARGETS)
    assert model.predict(words).tolist() == model[-1].predict(model[:-1].transform(words)).tolist()
    assert_close(
        answers(through_pickle(model)[-1], model[:-1].transform(words)),
        answers(model[-1], model[:-1].transform(words)),
        atol=0,
    )
    features = SequenceFeatures(make())
    assert len(features.fit(SOURCES, TARGETS).transform(SOURCES)) == 16


# Bad input

WORD_TARGETS = [["to", "be"], ["or"]] * 8
BAD_FITS = {
    "an empty source": ((["a", ""], ["b", "c"]), ValueError, r"^X\[1\] is empty"),
    "only empty targets": ((["a", "b"], ["", ""]), ValueError, "^y holds empty targets only; .* a step"),
    "one number a source": (
        (["a", "b"], [1, 2]),
        ValueError,
        "^y holds a number for each source.*RNNRegressor",
    ),
    "a str": ((["a", "b"], "cd"), TypeError, "^y must be a collection of sequences .* of type str"),
    "None": ((["a", "b"], None), ValueError, "requires y to be passed, but the target y is None"),
    "too few targets": ((["a", "b"], ["c"]), ValueError, "X has 2 sequences, y has 1"),
    "too many targets": ((VECTORS[:2], ["c"] * 3), ValueError, "X has 2 .*, y has 3"),
    "mixed targets": ((["a", "b"], ["a", 3]), TypeError, r"^y\[1\] is of type int; either all are str"),
    "a missing target": ((["a", "b"], ["a", None]), TypeError, r"^y\[1\] is a missing value"),
    "mixed tokens": (
        (["a", "b"], [["a", 3], ["b"]]),
        ValueError,
        r"^y\[0\] .* step 1 is a value of type int",
    ),
    "NaN in a vector": ((np.full((2, 3), np.nan), ["a", "b"]), ValueError, "contains NaN"),
    "NaN in a source": (([[1.0], [np.nan]], ["a", "b"]), ValueError, r"^X\[1\] has NaN at step 0"),
    "numbers with one axis": ((np.ones(2), ["a", "b"]), ValueError, "Expected 2D array or"),
    "one half of the validation": (
        (["a", "b"], ["a", "b"], None, ["a"]),
        ValueError,
        "X_val and y_val belong together, but only one of them is passed",
    ),
    "a new token to validate on": (
        (["a", "b"], ["a", "b"], None, ["a"], ["ax"]),
        ValueError,
        r"^For X_val and y_val: y_val\[0\] has 'x' at step 1, a token that no target in training had",
    ),
    "another form to validate on": (
        (["a", "b"], ["a", "b"], None, VECTORS[:1], ["a"]),
        TypeError,
        "^For X_val and y_val: X holds vectors, but RNNSeq2Seq was fitted on sequences",
    ),
    "negative weights": ((["a", "b"], ["a", "b"], [1, -1]), ValueError, "^sample_weight must hold finite"),
    "no weight": ((["a", "b"], ["a", "b"], [0, 0]), ValueError, "^sample_weight is zero for every"),
    "too few weights": ((["a", "b"], ["a", "b"], [1]), ValueError, "sample_weight has 1"),
}


@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize("name", BAD_FITS)
def test_bad_fits_change_nothing(name, goes_on):
    arguments, error, message = BAD_FITS[name]
    model = make(warm_start=True)
    if goes_on:
        if name in ("NaN in a vector", "too many targets", "NaN in a source", "only empty targets"):
            return  # another form of X; empty targets may come later
        model.fit(["a", "b", "c"], ["a", "b", "cc"])
        before = answers(model, ["a", "bc"], ["a", "bc"])
    state = dict(vars(model))
    X, y, weights, X_val, y_val = (*arguments, *(None,) * (5 - len(arguments)))
    with pytest.raises(error, match=message):
        model.fit(X, y, weights, X_val=X_val, y_val=y_val)
    assert vars(model) == state
    if goes_on:
        assert_close(answers(model, ["a", "bc"], ["a", "bc"]), before, atol=0)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"attention": "adative"},
            ValueError,
            r"attention must be .*, but it is 'adative'\. Did you mean 'additive'\?",
        ),
        ({"attention": "Dot"}, ValueError, "Did you mean 'dot'"),
        ({"attention": 3}, ValueError, "attention must be one of 'dot', 'additive', .*Attention, or None"),
        ({"attention": torch.nn.Linear}, ValueError, "attention must be one of"),
        (
            {"decoder_cell": "lstn"},
            ValueError,
            r"decoder_cell must be .*, but it is 'lstn'\. Did you mean 'lstm'\?",
        ),
        ({"decoder_hidden_size": 0}, ValueError, "decoder_hidden_size must be an int of at least 1, or None"),
        ({"decoder_num_layers": 1.5}, TypeError, "decoder_num_layers"),
        ({"beam_size": 0}, ValueError, "beam_size must be an int of at least 1, but it is 0"),
        ({"beam_size": -3}, ValueError, "beam_size"),
        ({"beam_size": 2.5}, TypeError, "beam_size"),
        ({"beam_size": True}, TypeError, "beam_size"),
        ({"length_penalty": -0.1}, ValueError, "length_penalty must be a number of at least 0"),
        ({"max_length": 0}, ValueError, "max_length must be an int of at least 1, or None"),
        ({"scheduled_sampling": 1.1}, ValueError, "scheduled_sampling must be a number from 0 to 1"),
        ({"scoring": "exact"}, ValueError, "There is no scorer 'exact'. Did you mean 'exact_match'"),
    ],
    ids=str,
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        make(**parameters).fit(SOURCES, TARGETS)
    name = next(iter(parameters))
    if name in ("beam_size", "length_penalty", "max_length"):  # which may be set later
        model = make(max_iter=1).fit(SOURCES, TARGETS).set_params(**parameters)
        for ask in (model.predict, model.predict_nbest, model.sample, model.attention_weights):
            with pytest.raises(error, match=message):
                ask(SOURCES)


BAD_CALLS = {
    "vectors": (lambda m: m.predict(VECTORS), TypeError, "X holds vectors, but RNNSeq2Seq was fitted on seq"),
    "labels": (lambda m: m.predict([3, 4]), TypeError, "X holds labels, but RNNSeq2Seq was fitted on seq"),
    "numbers": (lambda m: m.predict(NUMBERS), TypeError, "X holds numbers, but .* on text tokens"),
    "words": (lambda m: m.predict([["to", "be"]]), TypeError, "X holds words, .* on single characters"),
    "a str": (lambda m: m.predict("ab"), TypeError, "X must be a collection of sequences"),
    "an empty source": (lambda m: m.predict(["a", ""]), ValueError, r"X\[1\] is empty"),
    "a new token": (
        lambda m: m.score_samples(["a", "b"], ["a", "axa"]),
        ValueError,
        r"^y\[1\] has 'x' at step 1, a token that no target in training had",
    ),
    "new tokens": (
        lambda m: m.predict_proba(["a", "b"], ["xay", "x"]),
        ValueError,
        r"^y\[0\] has 'x' at step 0.*\ny\[0\] has 'y' at step 2",
    ),
    "words as targets": (
        lambda m: m.predict_proba(["a"], [["to", "be"]]),
        TypeError,
        "y holds words, but RNNSeq2Seq was fitted on single characters",
    ),
    "codes as targets": (
        lambda m: m.attention_weights(["a"], [[1, 2]]),
        TypeError,
        "y holds integer tokens, but RNNSeq2Seq was fitted on text tokens",
    ),
    "too few targets": (lambda m: m.score_samples(["a", "b"], ["a"]), ValueError, "X has 2 .*, y has 1"),
    "too few to score": (lambda m: m.score(["a", "b"], ["a"]), ValueError, "y_true has 1"),
    "a str to score": (lambda m: m.score(["a", "b"], "ab"), TypeError, "y_true must hold one entry a seq"),
    "k of 0": (lambda m: m.predict_nbest(["a"], 0), ValueError, "k must be"),
    "no samples": (lambda m: m.sample(["a"], 0), ValueError, "n_samples must be"),
    "a temperature of -1": (lambda m: m.sample(["a"], temperature=-1), ValueError, "temperature must be"),
    "a top_p of 0": (lambda m: m.sample(["a"], top_p=0), ValueError, "top_p must be"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls(name):
    ask, error, message = BAD_CALLS[name]
    model = make(max_iter=1).fit(SOURCES, TARGETS)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        ask(model)
    assert vars(model) == before


def test_bad_calls_to_one_of_words_and_one_of_vectors():
    model = make(max_iter=1).fit(VECTORS, WORD_TARGETS)
    with pytest.raises(TypeError, match="y holds str, .* fitted on words"):
        model.score_samples(VECTORS, ["to be"] * 16)
    with pytest.raises(ValueError, match="X has 2 features, but RNNSeq2Seq is expecting 3"):
        model.predict(VECTORS[:, :2])
    with pytest.raises(TypeError, match="X holds sequences, but RNNSeq2Seq was fitted on vectors"):
        model.predict(SOURCES)
    with pytest.raises(ValueError, match="no attention: it was fitted with attention=None, or on vectors"):
        model.attention_weights(VECTORS)
    labelled = make(max_iter=1).fit([4, 7] * 8, WORD_TARGETS)
    with pytest.raises(ValueError, match=r"X\[1\] is 5, a label that training never saw"):
        labelled.predict([4, 5])


@pytest.mark.parametrize(
    "method", ["predict", "predict_nbest", "sample", "hidden_states", "attention_weights"]
)
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(make(), method)(SOURCES)
    for ask in (make().predict_proba, make().score_samples, make().score):
        with pytest.raises(NotFittedError):
            ask(SOURCES, TARGETS)


@pytest.mark.parametrize(
    ("name", "value"),
    [("decoder_cell", "gru"), ("attention", "additive"), ("scheduled_sampling", 0.5), ("hidden_size", 7)],
)
def test_what_cannot_change_when_training_goes_on(name, value):
    model = make(warm_start=True).fit(SOURCES, TARGETS).set_params(**{name: value})
    with pytest.raises(ValueError, match=f"{name} was .* when training began and is now {value!r}"):
        model.fit(SOURCES, TARGETS)


def test_new_tokens_when_training_goes_on():
    model = make().fit(SOURCES, TARGETS)
    with pytest.raises(ValueError, match=r"y\[0\] has 'z' at step 0, a token that no target in training had"):
        model.partial_fit(["a"], ["z"])
    model.partial_fit(["az"], [""])  # a new token of a source is unknown, an empty target is one
    assert model.n_iter_ == 4
