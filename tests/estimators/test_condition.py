"""Language models of texts under a condition: one vector, or one label, and a whole text."""

import copy
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from torch import nn

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.nn import Cell, use_native
from sklearn_rnn.persistence import TRUSTED_TYPES
from sklearn_rnn.preprocessing import SequenceFeatures

TEXTS = ["tick", "tack", "tock", "moo", "mooo", "moomoo"] * 4
LABELS = ["clock", "clock", "clock", "cow", "cow", "cow"] * 4
VECTORS = np.array([[0.0, 1.0, -1.0]] * 3 + [[1.0, 0.5, 0.2]] * 3, dtype=np.float32).repeat(4, axis=0)
VECTORS = VECTORS.reshape(2, 3, 4, 3).transpose(2, 0, 1, 3).reshape(24, 3)  # in the order of the texts
WAYS = ["state", "input"]
CELLS = ["elman", "jordan", "lstm", "gru"]
SMALL = {
    "hidden_size": 8,
    "max_iter": 3,
    "batch_size": 4,
    "learning_rate": 0.02,
    "random_state": 0,
    "device": "cpu",
}


def make(**parameters):
    return RNNLanguageModel(**{"handle_unknown": "error", **SMALL, **parameters})


class Counting(Cell):
    """A user's cell: a state of three parts, one learnt, one of two axes, and one that counts steps."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.begin = nn.Parameter(torch.full((hidden_size,), 0.1))
        self.linear = nn.Linear(hidden_size, hidden_size)

    def initial_state(self, batch_size):
        begin = self.begin.expand(batch_size, -1)
        counts = torch.zeros(batch_size, dtype=torch.int64, device=begin.device)
        return begin, begin.new_zeros(batch_size, 2, self.hidden_size), counts

    def step(self, projected, state):
        h, memory, counts = state
        h = torch.tanh(projected + self.linear(h) + memory.mean(dim=1))
        return h, (h, torch.stack([memory[:, 1], h], dim=1), counts + 1)


every_network = pytest.mark.parametrize(
    ("cell", "num_layers", "embedding_size"),
    [*((cell, 1, None) for cell in CELLS), ("lstm", 2, 5), ("jordan", 2, None), (Counting, 2, 3)],
)
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def fitted():
    """One model for each way; no test may change them."""
    return {
        way: make(condition_as=way, num_layers=2, embedding_size=5, max_iter=20).fit(TEXTS, condition=LABELS)
        for way in WAYS
    }


@pytest.fixture(scope="module")
def of_vectors():
    return make(max_iter=20).fit(TEXTS, condition=VECTORS)


def weights_of(model):
    return {name: w.numpy().copy() for name, w in model.module_.state_dict().items()}


def assert_same(model, other):
    """Check that two models learnt the same, to the last bit."""
    ours, theirs = weights_of(model), weights_of(other)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
    assert model.loss_curve_ == other.loss_curve_
    if model.condition_encoder_ is not None:
        np.testing.assert_array_equal(model.condition_classes_, other.condition_classes_)
        np.testing.assert_array_equal(model.condition_prior_, other.condition_prior_)


# What the network does with it


def log_probabilities_step_by_step(model, text, condition):
    """Log-probabilities of what may come next, before each step and after the last, by `cell.step` alone."""
    network, codes = model.module_, np.searchsorted(model.vocabulary_, list(text)) + 1
    cells = [layer[0] for layer in network.recurrence.layers]
    condition = torch.tensor(condition, dtype=torch.float32)
    states = [cell.initial_state(1) for cell in cells]
    if model.condition_as == "state":
        moves = network.initial_state.linear(condition)
        moved, at = [], 0
        for state in states:
            parts = []
            for part in state:
                if part.dtype != torch.int64:
                    part, at = part + moves[at : at + part.numel()].view_as(part), at + part.numel()
                parts.append(part)
            moved.append(tuple(parts))
        states = moved
    rows = []
    for code in [0, *codes]:
        x = torch.zeros(len(model.vocabulary_) + 1)
        x[code] = 1
        if model.embedding_size is not None:
            x = network.input.embedding.weight[code]
        x = x[None] if model.condition_as == "state" else torch.cat([x, condition])[None]
        for depth, cell in enumerate(cells):
            x, states[depth] = cell.step(cell.project(x), states[depth])
        scores = x if network.emits_scores else network.head.output(x)
        rows.append(scores[0].log_softmax(0).detach().numpy())
    return np.array(rows)


@every_way
@every_network
def test_scores_are_those_of_a_loop_over_steps(cell, num_layers, embedding_size, way):
    model = make(cell=cell, num_layers=num_layers, embedding_size=embedding_size, condition_as=way)
    model.fit(TEXTS, condition=VECTORS)
    for text, condition in zip(TEXTS[:6], VECTORS[:6], strict=True):
        rows = log_probabilities_step_by_step(model, text, condition)
        codes = [*np.searchsorted(model.vocabulary_, list(text)), len(model.vocabulary_)]
        logs = rows[np.arange(len(codes)), codes]
        one = {"condition": condition[np.newaxis]}
        np.testing.assert_allclose(model.surprisal([text], **one)[0], -logs[:-1], rtol=0, atol=1e-5)
        np.testing.assert_allclose(model.predict_proba([text], **one)[0], np.exp(rows[1:]), atol=1e-5)
        assert model.score_samples([text], **one)[0] == pytest.approx(logs.sum(), abs=1e-5)
        assert model.score([text], **one) == pytest.approx(logs.mean(), abs=1e-5)
        assert model.perplexity([text], **one) == pytest.approx(np.exp(-logs.mean()), rel=1e-4)
        assert model.bits_per_token([text], **one) == pytest.approx(-logs.mean() / np.log(2), abs=1e-5)
        drawn, log_proba = model.sample(
            3, prompt=text, condition=condition, random_state=0, max_new_tokens=4, return_log_proba=True
        )
        for i, whole in enumerate(drawn):
            more = log_probabilities_step_by_step(model, whole, condition)
            codes = [*np.searchsorted(model.vocabulary_, list(whole)), len(model.vocabulary_)]
            stop = None if len(whole) < len(text) + 4 else -1  # was it ended by the model
            expected = more[np.arange(len(codes)), codes][len(text) : stop].sum()
            assert log_proba[i] == pytest.approx(expected, abs=1e-4)


@every_way
@every_network
def test_gradients_reach_what_reads_the_condition(cell, num_layers, embedding_size, way):
    options = {"cell": cell, "num_layers": num_layers, "embedding_size": embedding_size, "condition_as": way}
    learnt = {}
    for is_native in (True, False):
        with use_native(is_native):
            model = make(**options, learning_rate=1e-3, max_iter=1).fit(TEXTS, condition=VECTORS)
        begun = make(**options, learning_rate=1e-30, max_iter=1).fit(TEXTS, condition=VECTORS)
        learnt[is_native] = weights_of(model)
        for name, w in weights_of(begun).items():
            if name.startswith("initial_state"):
                assert (w != learnt[is_native][name]).any(axis=-1).all(), name  # every part of every layer
            if way == "input" and name == "recurrence.layers.0.0.weight_ih":
                assert (w != learnt[is_native][name])[:, -3:].any(axis=0).all()
    assert learnt[True].keys() == learnt[False].keys()
    assert ("initial_state.linear.weight" in learnt[True]) == (way == "state")
    for name, w in learnt[True].items():
        np.testing.assert_allclose(w, learnt[False][name], rtol=0, atol=2e-5, err_msg=name)


@every_way
def test_answers_do_not_hang_on_others(way, fitted, monkeypatch):
    model = fitted[way]
    together = model.score_samples(TEXTS, condition=LABELS)
    alone = [model.score_samples([x], condition=[c])[0] for x, c in zip(TEXTS, LABELS, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)
    order = np.random.RandomState(0).permutation(len(TEXTS))
    shuffled = [TEXTS[i] for i in order], np.array(LABELS)[order]
    np.testing.assert_allclose(
        model.score_samples(shuffled[0], condition=shuffled[1]), together[order], rtol=0, atol=1e-5
    )
    monkeypatch.setattr("sklearn_rnn.batches.planning._PREDICTION_STEPS", 5)
    np.testing.assert_allclose(model.score_samples(TEXTS, condition=LABELS), together, rtol=0, atol=1e-5)
    states = model.hidden_states(TEXTS, condition=LABELS)
    for text, label, h in zip(TEXTS, LABELS, states, strict=True):
        np.testing.assert_allclose(model.hidden_states([text], condition=label)[0], h, rtol=0, atol=1e-5)
    others = ["cow" if label == "clock" else "clock" for label in LABELS]
    assert all(
        (abs(h - other) > 1e-4).any()
        for h, other in zip(states, model.hidden_states(TEXTS, condition=others), strict=True)
    )


@every_way
def test_long_texts_are_read_in_chunks(way, fitted, monkeypatch):
    model = fitted[way]
    expected = model.score_samples(TEXTS, condition=LABELS)
    validated = make(condition_as=way).fit(TEXTS, condition=LABELS, X_val=TEXTS, condition_val=LABELS)
    monkeypatch.setattr("sklearn_rnn.nn.long_sequences._CHUNK", 2)
    monkeypatch.setattr("sklearn_rnn.batches.streams._LONGEST", 2)
    np.testing.assert_allclose(model.score_samples(TEXTS, condition=LABELS), expected, rtol=0, atol=1e-5)
    in_chunks = make(condition_as=way).fit(TEXTS, condition=LABELS, X_val=TEXTS, condition_val=LABELS)
    np.testing.assert_allclose(in_chunks.validation_scores_, validated.validation_scores_, atol=1e-5)


# What is learnt


@every_way
@pytest.mark.parametrize("cell", CELLS)
def test_what_is_drawn_depends_on_the_condition(cell, way):
    rng = np.random.RandomState(0)
    labels = rng.choice(["low", "high"], size=300)
    # Both begin alike, so that the condition has to be remembered for three steps. The state of a Jordan
    # network is what it says, and tells of the condition no longer than that does.
    begin = "" if (cell, way) == ("jordan", "state") else "xx"
    texts = [begin + "".join(rng.choice(list("ab" if label == "low" else "cd"), 2)) for label in labels]
    model = make(cell=cell, condition_as=way, hidden_size=16, max_iter=25, batch_size=16)
    model.fit(texts, condition=labels)
    drawn = model.sample(200, condition=["low", "high"], max_new_tokens=10, random_state=0)
    assert np.mean([set(text) <= set("xab") for text in drawn[:200]]) > 0.9
    assert np.mean([set(text) <= set("xcd") for text in drawn[200:]]) > 0.9
    assert (model.predict_condition(texts) == labels).mean() > 0.98
    # One that tells everything about the last two letters but which of two they are.
    n_tokens = len(texts[0]) + 1  # with the end
    assert -model.score(texts, condition=labels) == pytest.approx(2 * np.log(2) / n_tokens, abs=0.06)


def test_a_number_says_how_often():
    rng = np.random.RandomState(0)
    share = rng.rand(600)
    texts = ["".join(rng.choice(["a", "b"], 10, p=[1 - p, p])) for p in share]
    model = make(hidden_size=16, max_iter=10, batch_size=32, learning_rate=0.01).fit(texts, condition=share)
    assert model.condition_classes_ is None and model.condition_prior_ is None
    drawn = model.sample(300, condition=[0.1, 0.5, 0.9], max_new_tokens=10, random_state=0)
    shares = [np.mean(list("".join(drawn[i : i + 300])) == np.array("b")) for i in (0, 300, 600)]
    np.testing.assert_allclose(shares, [0.1, 0.5, 0.9], atol=0.1)


def test_bayes_rule(fitted):
    for model in fitted.values():
        logs = np.stack(
            [model.score_samples(TEXTS, condition=[label] * len(TEXTS)) for label in ("clock", "cow")], axis=1
        )
        for prior, shares in [(None, [0.5, 0.5]), ([0.01, 0.99], [0.01, 0.99]), ([1, 3], [0.25, 0.75])]:
            joint = np.exp(logs) * shares
            expected = joint / joint.sum(axis=1, keepdims=True)
            given = model.predict_condition_proba(TEXTS, prior=prior)
            np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-7)
            labels = np.array(["clock", "cow"])[expected.argmax(axis=1)]
            np.testing.assert_array_equal(model.predict_condition(TEXTS, prior=prior), labels)
        assert (model.predict_condition(TEXTS) == LABELS).mean() > 0.9
        assert (model.predict_condition(TEXTS, prior=[0, 1]) == "cow").all()
        assert model.predict_condition("moo").tolist() == ["cow"]


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        tuple(LABELS),
        np.array(LABELS),
        np.array(LABELS, dtype=object),
        pd.Series(LABELS, index=range(100, 124)),
        pd.Series(LABELS, dtype="category"),
    ],
    ids=["list", "tuple", "str", "objects", "series", "categories"],
)
def test_forms_of_labels(labels):
    model, expected = make().fit(TEXTS, condition=labels), make().fit(TEXTS, condition=LABELS)
    assert_same(model, expected)
    assert model.condition_classes_.dtype.kind == "U"
    assert model.score(TEXTS, condition=labels) == expected.score(TEXTS, condition=LABELS)


@pytest.mark.parametrize("values", [[3, 7], [False, True], [0, 1]])
def test_integers_and_bools_are_labels(values):
    labels = np.array(values)[[label == "cow" for label in LABELS] + np.zeros(24, dtype=int)]
    model = make().fit(TEXTS, condition=labels)
    assert_same_weights = weights_of(make().fit(TEXTS, condition=LABELS))
    assert all((w == assert_same_weights[name]).all() for name, w in weights_of(model).items())
    assert model.condition_classes_.tolist() == values and model.condition_prior_.tolist() == [0.5, 0.5]
    assert set(model.predict_condition(TEXTS).tolist()) <= set(values)
    assert model.sample(condition=values[1], random_state=0) == model.sample(
        condition=[values[1]], random_state=0
    )


def test_forms_of_vectors(of_vectors):
    for form in (VECTORS.tolist(), VECTORS.astype(np.float64), list(VECTORS), pd.DataFrame(VECTORS)):
        assert_same(make(max_iter=20).fit(TEXTS, condition=form), of_vectors)
    column = VECTORS[:, 1].astype(float)
    model = make().fit(TEXTS, condition=column)
    assert_same(make().fit(TEXTS, condition=column[:, np.newaxis]), model)
    assert model.score(TEXTS, condition=np.ones(24, dtype=int)) == model.score(TEXTS, condition=np.ones(24))
    one = of_vectors.score(["moo"], condition=VECTORS[:1])
    assert (
        of_vectors.score("moo", condition=VECTORS[0])
        == of_vectors.score(["moo"], condition=[0, 1, -1])
        == one
    )


def test_shares_of_labels_are_over_all_that_was_trained_on():
    model = make().fit(TEXTS[:8], condition=LABELS[:8])
    np.testing.assert_allclose(model.condition_prior_, [5 / 8, 3 / 8])
    model.partial_fit(["moo"] * 8, condition=["cow"] * 8)
    np.testing.assert_allclose(model.condition_prior_, [5 / 16, 11 / 16])
    model.fit(TEXTS, condition=LABELS)
    np.testing.assert_allclose(model.condition_prior_, [0.5, 0.5])
    model.fit(TEXTS)
    assert not hasattr(model, "condition_classes_") and not hasattr(model, "condition_prior_")
    assert_same(model, make().fit(TEXTS))


# Training


@every_way
@every_network
@pytest.mark.parametrize("condition", [LABELS, VECTORS], ids=["labels", "vectors"])
def test_two_fits_are_equal_and_so_are_fits_in_parts(cell, num_layers, embedding_size, way, condition):
    options = {"cell": cell, "num_layers": num_layers, "embedding_size": embedding_size}
    options |= {"condition_as": way, "dropout": 0.2}
    given = copy.deepcopy(condition)
    whole = make(**options, max_iter=4).fit(TEXTS, condition=condition)
    assert_same(make(**options, max_iter=4).fit(TEXTS, condition=condition), whole)
    warm = make(**options, max_iter=2, warm_start=True).fit(TEXTS, condition=condition)
    assert_same(warm.fit(TEXTS, condition=condition), whole)
    parts = make(**options)
    for _ in range(4):
        parts.partial_fit(TEXTS, condition=condition)
    assert_same(parts, whole)
    np.testing.assert_array_equal(condition, given)


def test_early_stopping_cuts_conditions_with_the_texts(monkeypatch):
    texts = ["a" * (i % 7 + 1) for i in range(60)]
    vectors = np.array([[len(text), i] for i, text in enumerate(texts)], dtype=float)
    seen = {}
    train = RNNLanguageModel._train

    def look(model, data, *others, **more):
        kept, held, _ = model._split(data.dataset, data.groups)
        seen.update(kept=kept, held=held)
        return train(model, data, *others, **more)

    monkeypatch.setattr(RNNLanguageModel, "_train", look)
    model = make(early_stopping=True, max_iter=3).fit(texts, condition=vectors)
    assert len(model.validation_scores_) == 3
    like = torch.zeros(1)
    numbers = []
    for part in seen.values():
        for batch in part.batches(7, np.random.RandomState(0), like):
            lengths = batch.packing.lengths - 1  # the begin
            np.testing.assert_array_equal(batch.condition[:, 0].numpy(), lengths)
            numbers += batch.condition[:, 1].tolist()
    assert sorted(numbers) == list(range(60)) and len(seen["held"]) == 6
    # Labels in their shares.
    labels = np.repeat(["rare", "often"], [20, 40])
    make(early_stopping=True, validation_fraction=0.3).fit(texts, condition=labels)
    assert seen["held"].condition.sum(axis=0).tolist() == [12, 6]


@every_way
def test_validation_texts_have_conditions_of_their_own(way):
    swapped = ["cow" if label == "clock" else "clock" for label in LABELS]
    right, wrong = (
        make(condition_as=way, max_iter=15).fit(TEXTS, condition=LABELS, X_val=TEXTS, condition_val=c)
        for c in (LABELS, swapped)
    )
    assert all((w == weights_of(wrong)[name]).all() for name, w in weights_of(right).items())
    assert right.validation_scores_[-1] == pytest.approx(right.score(TEXTS, condition=LABELS))
    assert wrong.validation_scores_[-1] == pytest.approx(right.score(TEXTS, condition=swapped))
    assert right.validation_scores_[-1] > wrong.validation_scores_[-1] + 0.1


# Sampling


@every_way
def test_conditions_and_primes(way, fitted):
    model = fitted[way]

    def draw(*args, **kwargs):
        return model.sample(*args, max_new_tokens=6, temperature=0, **kwargs)

    clock, cow = draw(condition="clock")[0], draw(condition="cow")[0]
    assert clock != cow
    assert draw(2, condition=["clock", "cow"]) == [clock, clock, cow, cow]
    assert draw(2, condition="cow") == draw(2, condition=["cow"]) == [cow, cow]
    prompts = ["", "t", "moo"]
    for label in ("clock", "cow"):
        alone = [draw(prompt=prompt, condition=label)[0] for prompt in prompts]
        assert draw(prompt=prompts, condition=label) == alone
        assert draw(2, prompt=prompts, condition=[label]) == [text for text in alone for _ in range(2)]
    labels = ["cow", "clock", "cow"]
    paired = [draw(prompt=prompt, condition=c)[0] for prompt, c in zip(prompts, labels, strict=True)]
    assert draw(prompt=prompts, condition=labels) == paired
    assert draw(prompt="t", condition=labels) == [draw(prompt="t", condition=c)[0] for c in labels]
    for label, text in (("clock", clock), ("cow", cow)):
        streamed = "".join(model.stream(condition=label, max_new_tokens=6, temperature=0))
        assert streamed == text
    assert "".join(model.stream("t", condition="cow", max_new_tokens=6, temperature=0)) == draw(
        prompt="t", condition="cow"
    )[0].removeprefix("t")


@every_way
def test_log_probabilities_of_samples_are_scores(way, fitted):
    labels = ["cow", "clock", "cow"]
    drawn, logs = fitted[way].sample(
        4, condition=labels, max_new_tokens=200, random_state=0, return_log_proba=True
    )
    drawn, logs = zip(*((text, log) for text, log in zip(drawn, logs, strict=True)), strict=True)
    repeated = np.repeat(labels, 4)
    kept = [i for i, text in enumerate(drawn) if text]
    scores = fitted[way].score_samples([drawn[i] for i in kept], condition=repeated[kept])
    np.testing.assert_allclose(np.array(logs)[kept], scores, rtol=0, atol=1e-4)


# scikit-learn


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "joblib": by_joblib,
    "skops": lambda model: skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
}


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_copies(make_copy, fitted, of_vectors):
    for model, condition in [*((model, LABELS) for model in fitted.values()), (of_vectors, VECTORS)]:
        twin = make_copy(model)
        assert vars(twin).keys() == vars(model).keys()
        np.testing.assert_array_equal(
            twin.score_samples(TEXTS, condition=condition), model.score_samples(TEXTS, condition=condition)
        )
        args = {"condition": condition[:2], "random_state": 0}
        assert twin.sample(3, **args) == model.sample(3, **args)
        if condition is LABELS:
            np.testing.assert_array_equal(
                twin.predict_condition_proba(TEXTS), model.predict_condition_proba(TEXTS)
            )
        more = [m.partial_fit(TEXTS, condition=condition) for m in (make_copy(model), make_copy(twin))]
        assert_same(*more)


def test_clone(fitted):
    twin = clone(fitted["state"])
    assert twin.condition_as == "state" and not hasattr(twin, "condition_classes_")
    assert_same(twin.fit(TEXTS, condition=LABELS), fitted["state"])


def test_search_with_routing():
    grid = {"max_iter": [1, 12], "condition_as": WAYS}
    with config_context(enable_metadata_routing=True):
        model = make().set_fit_request(condition=True).set_score_request(condition=True)
        search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(TEXTS, condition=LABELS)
        assert search.best_params_["max_iter"] == 12
        assert search.score(TEXTS, condition=LABELS) == search.best_estimator_.score(TEXTS, condition=LABELS)
        scores = cross_val_score(model, TEXTS, cv=2, params={"condition": LABELS}, error_score="raise")
    half = len(TEXTS) // 2
    first = make().fit(TEXTS[half:], condition=LABELS[half:])
    assert scores[0] == pytest.approx(first.score(TEXTS[:half], condition=LABELS[:half]))


def test_search_without_routing_cuts_conditions_for_fit():
    def score(model, X, y=None):
        return (model.predict_condition(X) == ["cow" if "m" in x else "clock" for x in X]).mean()

    search = GridSearchCV(make(), {"max_iter": [1, 12]}, cv=2, scoring=score, error_score="raise")
    assert search.fit(TEXTS, condition=LABELS).best_score_ > 0.9
    with pytest.raises(ValueError, match="condition is missing"):
        search.set_params(scoring=None).fit(TEXTS, condition=LABELS)


def test_features(fitted):
    states = fitted["state"].hidden_states(TEXTS, condition=LABELS, per_step=False)
    assert states.shape == (24, 8)
    with pytest.raises(ValueError, match="condition is missing"):
        SequenceFeatures(fitted["state"], prefit=True, per_step=False).fit(TEXTS).transform(TEXTS)


# Bad input

NAN = float("nan")
BAD_CONDITIONS = {
    "too few": (LABELS[:3], ValueError, "must have one entry a text: there are 24 texts and 3 entries"),
    "one": ("cow", ValueError, "must have one entry a text: there are 24 texts and 1 entries"),
    "missing": ([*LABELS[1:], None], ValueError, "condition holds None at place 23"),
    "nan": ([*LABELS[1:], NAN], ValueError, "condition holds nan at place 23"),
    "a number among str": ([*LABELS[1:], 3], ValueError, r"str and others; .* for label in condition\]"),
    "nan among floats": ([0.5, NAN] * 12, ValueError, r"condition\[1\] is \[nan\]; all numbers must be fin"),
    "infinite": (
        VECTORS + np.inf,
        ValueError,
        r"condition\[0\] is \[inf, inf, inf\]; .* and \d+ more\.$",
    ),
    "too large": ([1e39] * 24, ValueError, r"condition\[0\] is \[1e\+39\]; .* finite in float32"),
    "ragged": ([[1.0]] * 23 + [[1.0, 2.0]], ValueError, "all of one length, but its entries differ"),
    "words": ([["a"]] * 24, TypeError, "condition must hold a label .* but it is an array of type <U1"),
    "words as objects": (pd.DataFrame({"a": LABELS}), TypeError, "two axes and holds other things than n"),
    "no width": (np.zeros((24, 0)), ValueError, r"but its shape is \(24, 0\)"),
    "three axes": (np.zeros((24, 2, 2)), ValueError, r"but its shape is \(24, 2, 2\)"),
    "a dict": ({"a": 1}, TypeError, "condition must hold a label .* array of type object"),
    "dates": (np.array(["2020"] * 24, dtype="M8[Y]"), TypeError, "condition must hold .* of type datetime64"),
    "complex": (np.zeros(24) * 1j, ValueError, "Complex data not supported: condition"),
    "masked": (np.ma.masked_array(VECTORS, VECTORS > 0.9), ValueError, r"condition\[0\] is masked"),
}


@pytest.mark.parametrize("name", BAD_CONDITIONS)
def test_bad_conditions_leave_nothing(name):
    condition, error, message = BAD_CONDITIONS[name]
    model = make()
    before = dict(vars(model))
    for train in (model.fit, model.partial_fit):
        with pytest.raises(error, match=message):
            train(TEXTS, condition=condition)
        assert vars(model) == before


T, L = TEXTS, LABELS
BAD_CALLS = {
    "score without": (lambda m: m.score(T), ValueError, "condition is missing: training had one; .* 'clock'"),
    "perplexity without": (lambda m: m.perplexity(T), ValueError, "condition is missing"),
    "bits without": (lambda m: m.bits_per_token(T), ValueError, "condition is missing"),
    "samples without": (lambda m: m.score_samples(T), ValueError, "condition is missing"),
    "surprisal without": (lambda m: m.surprisal(T), ValueError, "condition is missing"),
    "proba without": (lambda m: m.predict_proba(T), ValueError, "condition is missing"),
    "states without": (lambda m: m.hidden_states(T), ValueError, "condition is missing"),
    "sample without": (lambda m: m.sample(), ValueError, "condition is missing"),
    "stream without": (lambda m: m.stream(), ValueError, "condition is missing"),
    "fit on without": (lambda m: m.partial_fit(T), ValueError, "condition is missing"),
    "validate without": (
        lambda m: m.fit(T, condition=L, X_val=T),
        ValueError,
        "condition_val is missing: training had one",
    ),
    "condition_val alone": (
        lambda m: m.fit(T, condition=L, condition_val=L),
        ValueError,
        "condition_val belongs to X_val, which is not passed",
    ),
    "condition_val unseen": (
        lambda m: m.fit(T, condition=L, X_val=["moo", "tick"], condition_val=["cow", "ox"]),
        ValueError,
        r"condition_val\[1\] is 'ox', a label that training never saw; it knows 'clock', 'cow'",
    ),
    "unseen": (
        lambda m: m.score(["moo", "tick"], condition=["ox", "ox"]),
        ValueError,
        r"condition\[0\] is 'ox', a label .*The same holds for condition\[1\]\.$",
    ),
    "unseen to go on": (
        lambda m: m.partial_fit(["moo"], condition=["ox"]),
        ValueError,
        r"condition\[0\] is 'ox', a label that training never saw",
    ),
    "number for str": (
        lambda m: m.score(["moo"], condition=[1]),
        ValueError,
        r"condition\[0\] is 1, a label",
    ),
    "vector for label": (
        lambda m: m.score(["moo"], condition=[0.5]),
        TypeError,
        "condition holds vectors of floats, but RNNLanguageModel was fitted with labels: 'clock', 'cow'",
    ),
    "of a stream": (
        lambda m: m.fit("moo", condition="cow"),
        ValueError,
        r"condition holds an entry for each text of a list, but X is one stream. Pass a list of texts",
    ),
    "conditions and prompts": (
        lambda m: m.sample(prompt=["", "t", "m"], condition=["cow", "clock"]),
        ValueError,
        "condition has 2 entries, but there are 3 prompts; pass one for all, or one for each",
    ),
    "conditions to stream": (
        lambda m: m.stream(condition=["cow", "clock"]),
        ValueError,
        "stream draws one text, but 2 conditions are passed",
    ),
    "short prior": (
        lambda m: m.predict_condition(T, prior=[1]),
        ValueError,
        r"prior must hold one share for each of the 2 classes, .* its shape is \(1,\)",
    ),
    "negative prior": (lambda m: m.predict_condition(T, prior=[-1, 2]), ValueError, "prior .* not negative"),
    "zero prior": (lambda m: m.predict_condition_proba(T, prior=[0, 0]), ValueError, "prior .* not all zero"),
    "no prior": (lambda m: m.predict_condition(T, prior="even"), TypeError, "prior .* but it is 'even'"),
    "another way": (
        lambda m: m.set_params(warm_start=True, condition_as="state").fit(T, condition=L),
        ValueError,
        "condition_as was 'input' when training began and is now 'state'",
    ),
    "no such way": (
        lambda m: m.set_params(condition_as="inpt").fit(T, condition=L),
        ValueError,
        r"condition_as must be .*, but it is 'inpt'\. Did you mean 'input'\?",
    ),
}


@pytest.mark.parametrize("call", BAD_CALLS)
def test_bad_calls_change_nothing(call):
    do, error, message = BAD_CALLS[call]
    model = make(max_iter=1).fit(TEXTS, condition=LABELS)
    parameters, before, weights = model.get_params(), dict(vars(model)), weights_of(model)
    with pytest.raises(error, match=message):
        do(model)
    model.set_params(**parameters)
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] or value == before[name] for name, value in vars(model).items())
    assert all((w == weights[name]).all() for name, w in weights_of(model).items())
    expected = make(max_iter=1).fit(TEXTS, condition=LABELS).partial_fit(TEXTS, condition=LABELS)
    assert_same(model.partial_fit(TEXTS, condition=LABELS), expected)


@pytest.mark.parametrize("X", [TEXTS, "tick tack " * 9], ids=["texts", "stream"])
def test_a_model_without_a_condition_refuses_one(X):
    model = make().fit(X)
    assert not hasattr(model, "condition_classes_")
    for ask in (model.score, model.score_samples, model.surprisal, model.predict_proba, model.hidden_states):
        with pytest.raises(ValueError, match="condition is passed, but training had none"):
            ask(X, condition=LABELS)
    for draw in (model.sample, model.stream):
        with pytest.raises(ValueError, match="condition is passed, but training had none"):
            draw(condition="cow")
    with pytest.raises(ValueError, match="condition is passed, but training had none|X is one stream"):
        model.partial_fit(X, condition=LABELS)
    with pytest.raises(ValueError, match="condition_val is passed, but training had none"):
        model.fit(X, X_val=X, condition_val=LABELS)
    for predict in (model.predict_condition, model.predict_condition_proba):
        with pytest.raises(
            ValueError, match="no labels to predict: the model was fitted without a condition"
        ):
            predict(X)


def test_files(tmp_path, fitted):
    path = tmp_path / "text.txt"
    path.write_text("moo", encoding="utf-8")
    model = fitted["state"]  # to a model of texts a file is one text
    assert model.score(path, condition="cow") == model.score("moo", condition="cow")
    with pytest.raises(ValueError, match="condition is missing"):
        model.score(path)
    path.write_text("tick tack " * 9, encoding="utf-8")
    for train, X in ((make().fit, path), (make().partial_fit, iter(["tick tack "] * 9))):
        with pytest.raises(ValueError, match="X is one stream"):
            train(X, condition=["cow"])
    with pytest.raises(ValueError, match="condition is passed, but training had none"):
        make().fit(path).score(path, condition=["cow"])


def test_bad_conditions_for_vectors(of_vectors):
    for condition, error, message in [
        (
            [[1.0, 2.0]],
            ValueError,
            "vectors of width 2, but RNNLanguageModel was fitted with vectors of width 3",
        ),
        (
            ["cow"],
            TypeError,
            "condition holds labels, but RNNLanguageModel was fitted with vectors of width 3",
        ),
        (None, ValueError, r"condition is missing: training had one; pass a vector of 3 number\(s\)"),
        ([[1.0, NAN, 0.0]], ValueError, r"condition\[0\] is \[1.0, nan, 0.0\]"),
    ]:
        with pytest.raises(error, match=message):
            of_vectors.score(["moo"], condition=condition)
    with pytest.raises(ValueError, match="no labels to predict: the model was fitted with vectors"):
        of_vectors.predict_condition(TEXTS)


def test_numbers_and_str_are_different_labels():
    for n_classes in (2, 24):  # NumPy looks for them in different ways
        model = make(max_iter=1).fit(TEXTS, condition=np.arange(24) % n_classes)
        with pytest.raises(ValueError, match=r"condition\[0\] is '1', a label that .* it knows 0, 1"):
            model.score(["moo"], condition="1")
