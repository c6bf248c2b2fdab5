"""Sequence to sequence: what the network computes, the forms of data, and how targets are found."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from torch import nn

from sklearn_rnn import RNNSeq2Seq, Sequences
from sklearn_rnn.batches.datasets import PairDataset
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.metrics import exact_match_score
from sklearn_rnn.nn import Attention, Cell
from sklearn_rnn.preprocessing import SequenceOneHotEncoder, TokenEncoder
from sklearn_rnn.training.step import compute_loss

# Each letter is doubled, but for c, which is left out.
SOURCES = ["a", "ab", "bca", "ccab", "abcba", "bb", "ac", "cab"] * 2
TARGETS = [x.replace("c", "").replace("a", "aa").replace("b", "bb") for x in SOURCES]
LENGTHS = [len(x) for x in SOURCES]
WORDS = [[{"a": "one", "b": "two", "c": "three"}[c] for c in x] for x in SOURCES]
CODES = [np.array([{"a": 3, "b": 7, "c": 12}[c] for c in x]) for x in SOURCES]
rng = np.random.RandomState(0)
NUMBERS = [rng.randn(n, 2).astype(np.float32) for n in LENGTHS]
VECTORS = rng.randn(len(SOURCES), 3).astype(np.float32)
LABELS = np.array([{"a": 5, "b": 9, "c": 20}[x[0]] for x in SOURCES])
FORMS = {"characters": SOURCES, "words": WORDS, "codes": CODES, "numbers": NUMBERS, "vectors": VECTORS}
FORMS["labels"] = LABELS
CELLS = ["elman", "jordan", "lstm", "gru"]
SMALL = {
    "hidden_size": 6,
    "embedding_size": 5,
    "max_iter": 3,
    "batch_size": 4,
    "learning_rate": 0.02,
    "random_state": 0,
    "device": "cpu",
}
# Networks that are hardly trained do not know where to end.
pytestmark = pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")


def make(**parameters):
    return RNNSeq2Seq(**{**SMALL, **parameters})


@pytest.fixture(scope="module")
def trained():
    """One that has learnt its task; no test may change it."""
    model = make(hidden_size=24, max_iter=60, learning_rate=0.01).fit(SOURCES, TARGETS)
    assert model.score(SOURCES, TARGETS) == 1
    return model


@pytest.fixture(scope="module")
def unsure():
    """One that has not, and so finds much possible."""
    return make(max_iter=6).fit(SOURCES, TARGETS)


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


class Near(Attention):
    """A user's attention: steps fit that are near."""

    def compare(self, queries, keys):
        return -torch.cdist(queries, keys)


# What the network computes


def encode_step_by_step(model, source):
    """All steps of one source (T, D), and what the encoder ends with (D,), by `cell.step` alone."""
    encoder = model.module_.encoder
    if encoder.input is None:
        x = torch.as_tensor(source)
    elif encoder.input.embedding is None:
        x = torch.eye(encoder.input.output_size)[torch.as_tensor(source)]
    else:
        x = encoder.input.embedding.weight[torch.as_tensor(source)]
    for layer in encoder.recurrence.layers:
        sides = []
        for cell, steps in zip(layer, [range(len(x)), reversed(range(len(x)))], strict=False):
            state, outputs = cell.initial_state(1), {}
            for t in steps:
                outputs[t], state = cell.step(cell.project(x[t : t + 1]), state)
            sides.append(torch.cat([outputs[t] for t in range(len(x))]))
        x = torch.cat(sides, dim=1)
    forward, *backward = x.chunk(len(encoder.recurrence.layers[0]), dim=1)
    return x, torch.cat([forward[-1], *(side[0] for side in backward)])


def run_step_by_step(model, source, codes):
    """Log-probabilities before each token of a target and after the last, and where it looked."""
    network = model.module_
    values, summary = (
        (None, torch.as_tensor(source)) if network.encoder is None else (encode_step_by_step(model, source))
    )
    decoder = network.decoder
    cells = [layer[0] for layer in decoder.recurrence.layers]
    if decoder.initial_state is None:
        states = [cell.initial_state(1) for cell in cells]
    else:
        states = decoder.initial_state(summary[None], cells)
    rows, looks = [], []
    for code in [0, *(c + 1 for c in codes)]:
        if decoder.input.embedding is None:
            x = torch.eye(decoder.input.output_size)[code]
        else:
            x = decoder.input.embedding.weight[code]
        x = (torch.cat([x, summary]) if decoder.initial_state is None else x)[None]
        for depth, cell in enumerate(cells):
            x, states[depth] = cell.step(cell.project(x), states[depth])
        if network.attention is not None:
            parts = network.attention
            keys = values @ parts.keys.weight.T
            if model.attention == "dot":
                fits = keys @ x[0]
            elif model.attention == "additive":
                fits = (parts.queries(x) + keys).tanh() @ parts.fit.weight[0]
            else:
                fits = -(keys - x).norm(dim=1)
            looks.append(fits.softmax(0))
            x = parts.combine(torch.cat([x[0], looks[-1] @ values])).tanh()[None]
        rows.append(network.head.output(x)[0].log_softmax(0))
    return torch.stack(rows).detach().numpy(), [look.detach().numpy() for look in looks]


NETWORKS = {
    **{cell: {"cell": cell} for cell in CELLS},
    **{f"lstm to {cell}": {"decoder_cell": cell} for cell in CELLS if cell != "lstm"},
    "one's own": {"cell": Counting},
    "gru to one's own": {"cell": "gru", "decoder_cell": Counting, "decoder_num_layers": 2},
    "layers": {"num_layers": 2, "decoder_num_layers": 3, "decoder_hidden_size": 4},
    "one direction": {"bidirectional": False, "embedding_size": None},
    "a deep Jordan": {"cell": "jordan", "num_layers": 2, "decoder_hidden_size": 3},
    "relu": {"cell": "elman", "nonlinearity": "relu"},
}


@pytest.mark.parametrize("form", ["characters", "numbers", "vectors"])
@pytest.mark.parametrize("attention", ["dot", "additive", Near, None])
@pytest.mark.parametrize("name", NETWORKS)
def test_scores_are_those_of_a_loop_over_steps(name, attention, form):
    if form != "characters" and attention != "dot":
        pytest.skip("vectors have no steps to look at, and those of numbers are looked at like any others")
    X = FORMS[form]
    model = make(attention=attention, **NETWORKS[name]).fit(X, TARGETS)
    encoded = [np.searchsorted(model.vocabulary_, list(x)) + 1 for x in X] if form == "characters" else X
    targets = [*TARGETS[:7], "bababb"]
    proba, total = model.predict_proba(X[:8], targets), model.score_samples(X[:8], targets)
    looks = model.attention_weights(X[:8], targets) if model.module_.attention is not None else [[]] * 8
    predicted, (best, log_proba) = model.predict(X[:8]), model.predict_nbest(X[:8], 1)
    for i, target in enumerate(targets):
        codes = np.searchsorted(model.target_vocabulary_, list(target))
        logs, expected_looks = run_step_by_step(model, encoded[i], codes)
        np.testing.assert_allclose(proba[i], np.exp(logs), rtol=0, atol=1e-5)
        assert total[i] == pytest.approx(logs[range(len(codes) + 1), [*codes, 2]].sum(), abs=1e-4)
        np.testing.assert_allclose(looks[i], expected_looks, rtol=0, atol=1e-5)
        # What is written is the most likely token at each step.
        codes = np.searchsorted(model.target_vocabulary_, list(predicted[i])).astype(int)
        logs = run_step_by_step(model, encoded[i], codes)[0]
        assert logs.argmax(axis=1)[: len(codes)].tolist() == codes.tolist()
        assert logs[len(codes)].argmax() == 2 or len(codes) == (
            8 if form == "vectors" else max(8, 2 * LENGTHS[i])
        )
        assert best[i] == [predicted[i]]
        assert log_proba[i][0] == pytest.approx(logs[range(len(codes) + 1), [*codes, 2]].sum(), abs=1e-4)


@pytest.mark.parametrize("form", ["characters", "numbers", "vectors"])
@pytest.mark.parametrize("attention", ["dot", "additive", Near, None])
def test_gradients_are_those_of_finite_differences(attention, form):
    options = {"decoder_cell": "gru", "num_layers": 2, "batch_size": 5, "max_grad_norm": None}
    model = make(attention=attention, dtype="float64", max_iter=1, **options).fit(FORMS[form], TARGETS)
    dataset = model._encode_pairs(*model._read_pairs(FORMS[form], TARGETS))
    network = model.module_.train()
    network.has_rare = False
    order = np.argsort(-dataset.sizes, kind="stable")[:9]
    batch = dataset.gather(order, network.like)
    parameters = list(network.parameters())
    loss = compute_loss(network, batch)["loss"]
    gradients = torch.autograd.grad(loss, parameters)
    generator = torch.Generator().manual_seed(0)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        way = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        losses = []
        for size in (1e-5, -2e-5):
            parameter.data.add_(way, alpha=size)
            with torch.no_grad():
                losses.append(compute_loss(network, batch)["loss"].item())
        parameter.data.add_(way, alpha=1e-5)
        expected = (losses[0] - losses[1]) / 2e-5
        assert (gradient * way).sum().item() == pytest.approx(expected, rel=1e-4, abs=1e-8)
    assert sum(bool(g.any()) for g in gradients) == len(gradients)  # all of them are used


@pytest.mark.parametrize("probability", [0.3, 1.0])
def test_scheduled_sampling_gives_guesses(probability):
    model = make(scheduled_sampling=probability).fit(NUMBERS, TARGETS)
    dataset = model._encode_pairs(*model._read_pairs(NUMBERS * 20, TARGETS * 20))
    network = model.module_
    batch = dataset.gather(np.argsort(-dataset.sizes, kind="stable"), network.like)
    guesses = torch.from_numpy(np.random.RandomState(0).randint(3, size=len(batch.values)))
    torch.manual_seed(0)
    given = network._give_guesses(batch, nn.functional.one_hot(guesses, 3)).values.tolist()
    packing, true, n_taken, n_could = batch.packing, batch.values.tolist(), 0, 0
    for place, (step, row) in enumerate(zip(packing.step_of, packing.row_of, strict=True)):
        guess = None if step == 0 else guesses[packing.place(step - 1, row)].item()
        if guess in (None, 2):  # what all begin with; the end, which no step reads
            assert given[place] == true[place]
        elif guess + 1 != true[place]:
            assert given[place] in (guess + 1, true[place])
            n_taken, n_could = n_taken + (given[place] == guess + 1), n_could + 1
    assert n_could > 300 and n_taken / n_could == pytest.approx(probability, abs=0.08)
    # In training the guesses are those of a first pass.
    given = network(batch)
    torch.manual_seed(1)
    expected = network.look_back(network._give_guesses(batch, given), network._encode_for(batch))[0]
    torch.manual_seed(1)
    scores = network.train()(batch)
    torch.testing.assert_close(scores, network.head(expected))
    assert (scores - network.eval()(batch)).abs().max() > 1e-3


def test_scheduled_sampling_changes_training_and_nothing_else():
    plain = make().fit(SOURCES, TARGETS)
    never = make(scheduled_sampling=1e-30).fit(SOURCES, TARGETS)
    always = make(scheduled_sampling=1.0).fit(SOURCES, TARGETS)
    assert plain.loss_curve_ == never.loss_curve_ != always.loss_curve_
    np.testing.assert_array_equal(
        plain.score_samples(SOURCES, TARGETS), never.score_samples(SOURCES, TARGETS)
    )
    before = always.score_samples(SOURCES, TARGETS)
    always.module_.scheduled_sampling = 0.0
    np.testing.assert_array_equal(always.score_samples(SOURCES, TARGETS), before)


def test_what_the_encoder_ends_with_is_the_initial_state_or_beside_each_token():
    by_attention, without = make().fit(SOURCES, TARGETS), make(attention=None).fit(SOURCES, TARGETS)
    of_vectors = make().fit(VECTORS, TARGETS)
    assert by_attention.module_.decoder.initial_state is not None
    assert not by_attention.module_.decoder.joins_condition
    for model in (without, of_vectors):
        assert model.module_.decoder.initial_state is None and model.module_.decoder.joins_condition


# Forms


def make_table():
    return np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0], [1.0, 1.0, 4.0], [2.0, 0.0, 0.0]] * 4)


def spell(codes):
    return ["".join("ab"[k] for k in row) for row in codes]


SAME_SOURCES = {
    "characters": [SOURCES, tuple(SOURCES), np.array(SOURCES), np.array(SOURCES, dtype=object)],
    "words": [WORDS, [np.array(x) for x in WORDS], object_array(list(map(np.array, WORDS)))],
    "codes": [CODES, [x.tolist() for x in CODES], Sequences.from_lengths(np.concatenate(CODES), LENGTHS)],
    "numbers": [
        NUMBERS,
        [x.tolist() for x in NUMBERS],
        object_array(NUMBERS),
        Sequences.from_lengths(np.concatenate(NUMBERS), LENGTHS),
        [pd.DataFrame(x, columns=["u", "v"]) for x in NUMBERS],
    ],
    "vectors": [
        VECTORS,
        VECTORS.astype(float),
        pd.DataFrame(VECTORS),
        torch.tensor(VECTORS),
    ],
    "labels": [LABELS, LABELS.tolist(), tuple(LABELS), pd.Series(LABELS, index=range(50, 66))],
}
SAME_SOURCES["characters"].append(pd.Series(SOURCES))
every_form = pytest.mark.parametrize("form", FORMS)


@every_form
def test_forms_of_sources_agree(form):
    first, *others = SAME_SOURCES[form]
    model = make().fit(first, TARGETS)
    expected = model.score_samples(first, TARGETS)
    for X in others:
        np.testing.assert_array_equal(make().fit(X, TARGETS).score_samples(X, TARGETS), expected)
        np.testing.assert_array_equal(model.score_samples(X, TARGETS), expected)
        assert model.predict(X).tolist() == model.predict(first).tolist()


def test_padded_and_masked_sources():
    ragged = [row[: int((row != 0).sum())] for row in make_table()]
    expected = make().fit([row[:, np.newaxis] for row in ragged], TARGETS)
    answer = expected.score_samples(ragged, TARGETS)
    table = make_table()
    for X in (table, table[..., np.newaxis]):
        padded = make(padding_value=0).fit(X, TARGETS)
        np.testing.assert_array_equal(padded.score_samples(X, TARGETS), answer)
        masked = np.ma.masked_array(X, mask=X == 0)
        np.testing.assert_array_equal(make().fit(masked, TARGETS).score_samples(masked, TARGETS), answer)
    # Without a padding it is a vector a row.
    assert make().fit(table, TARGETS).n_features_in_ == 3
    assert make().fit(table, TARGETS).module_.encoder is None


def test_forms_of_targets_agree():
    as_words, as_codes = (
        [list(y) for y in TARGETS],
        [np.array([{"a": 2, "b": 5}[c] for c in y]) for y in TARGETS],
    )
    expected = make().fit(SOURCES, TARGETS)
    written = expected.predict(SOURCES).tolist()
    assert all(isinstance(y, str) for y in written) and set("".join(written)) <= set("ab")
    logs = expected.score_samples(SOURCES, TARGETS)
    for y in (as_words, [np.array(y) for y in as_words], object_array(as_words), tuple(map(tuple, as_words))):
        model = make().fit(SOURCES, y)
        np.testing.assert_array_equal(model.score_samples(SOURCES, y), logs)
        assert model.predict(SOURCES).tolist() == [list(y) for y in written]
        assert model.score(SOURCES, y) == model.score(SOURCES, TARGETS) == expected.score(SOURCES, y)
    model = make().fit(SOURCES, as_codes)
    np.testing.assert_array_equal(model.score_samples(SOURCES, as_codes), logs)
    for row, y in zip(model.predict(SOURCES), written, strict=True):
        assert row.dtype == np.int64 and row.tolist() == [{"a": 2, "b": 5}[c] for c in y]
    flat = Sequences.from_lengths(np.concatenate(as_codes), list(map(len, as_codes)))
    np.testing.assert_array_equal(make().fit(SOURCES, flat).score_samples(SOURCES, flat), logs)


@every_form
def test_words_and_codes_are_learnt_from_every_form(form):
    X = FORMS[form]
    is_long = LABELS == 5 if form == "labels" else np.array([x.sum() > 20 for x in CODES])
    y = [["no"] if no else ["yes", "indeed"] for no in is_long]
    model = make(hidden_size=24, max_iter=60, max_length=4).fit(X, y)
    assert model.score(X, y) == 1
    assert model.predict(X).tolist() == y
    assert model.target_vocabulary_.tolist() == ["indeed", "no", "yes"]
    if form not in ("characters", "vectors"):
        return  # what is read does not know what is written
    model = make(hidden_size=24, max_iter=60).fit(X, [np.array([-4] if no else [9, 5]) for no in is_long])
    assert [row.tolist() for row in model.predict(X)] == [[-4] if no else [9, 5] for no in is_long]
    assert model.target_vocabulary_.tolist() == [-4, 5, 9]


def test_attributes_of_another_form_do_not_stay():
    frame = pd.DataFrame(VECTORS, columns=list("abc"))
    model = make(max_iter=1)
    known = {"vocabulary_", "source_labels_", "feature_names_in_"}
    for X, expected in [
        (SOURCES, {"vocabulary_"}),
        (LABELS, {"source_labels_"}),
        (frame, {"feature_names_in_"}),
        (NUMBERS, set()),
        (LABELS, {"source_labels_"}),
    ]:
        model.fit(X, TARGETS)
        assert {name for name in known if hasattr(model, name)} == expected
    assert model.source_labels_.tolist() == [5, 9, 20] and model.n_features_in_ == 1
    with pytest.raises(ValueError, match="feature names"):
        make(max_iter=1).fit(frame, TARGETS).predict(frame[["c", "a", "b"]])


def test_empty_targets():
    sources = ["aa", "ac", "ca", "cc"] * 4
    targets = [x.replace("c", "") for x in sources]
    model = make(hidden_size=16, max_iter=40).fit(sources, targets)
    assert "" in targets and model.score(sources, targets) == 1
    assert model.predict(["cc"]).tolist() == [""]
    assert model.predict_proba(["cc"], [""])[0].shape == (1, 2)
    assert model.attention_weights(["cc"])[0].shape == (1, 2)
    best, logs = model.predict_nbest(["cc", "aa"])
    np.testing.assert_allclose(model.score_samples(["cc"] * len(best[0]), best[0]), logs[0], atol=1e-4)
    words = make(hidden_size=16, max_iter=40).fit(sources, [list(y) for y in targets])
    assert words.predict(["cc", "ca"]).tolist() == [[], ["a"]]
    assert words.score_samples(["cc"], [[]]).shape == (1,)


@pytest.mark.parametrize("odd", ["<s>", "</s>", "\0", "", "a\0", "\n", "end", "0", "None", "nan"])
def test_no_token_is_taken_for_a_symbol_of_ours(odd):
    model = make(max_iter=20).fit(WORDS, [[odd, *y] for y in TARGETS])
    named = [[{odd: "x"}.get(c, c) for c in y] for y in model.predict(WORDS)]
    assert set(map(tuple, named)) - {()} and odd in {y[0] for y in model.predict(WORDS) if y}
    if sorted(["x", "a", "b"]) == sorted({odd: "x"}.get(c, c) for c in model.target_vocabulary_.tolist()):
        order = [["a", "b", "x"].index({odd: "x"}.get(c, c)) for c in model.target_vocabulary_.tolist()]
        assert model.target_vocabulary_.tolist()[order.index(2)] == odd
    assert len(model.target_vocabulary_) == 3


def test_a_text_of_odd_characters():
    X, y = ["ab", "ba"] * 4, ["a\x01b ", "\u2028\n"] * 4
    model = make(hidden_size=16, max_iter=40).fit(X, y)
    assert model.predict(["ab", "ba"]).tolist() == y[:2] and model.score(X, y) == 1
    with pytest.raises(ValueError, match=r"y\[1\] has the character NUL at step 1"):
        make().fit(X, ["a", "b\0"] * 4)
    both = make(hidden_size=16, max_iter=40).fit(X, [["", "\0", "b\0"], ["b", "\0\0"]] * 4)
    assert both.predict(["ab", "ba"]).tolist() == [["", "\0", "b\0"], ["b", "\0\0"]]


# How targets are found


def test_the_longest_target_and_the_largest_ratio_say_where_to_cut():
    never = make(max_iter=1, bidirectional=False)
    never.fit(["a", "abcabcabc"], ["bbbb", "abababababa"])
    with torch.no_grad():
        never.module_.head.output.bias[2] = -1e4  # so that no target ever ends
    X = ["a", "abc", "abcab"]
    with pytest.warns(UserWarning, match="^3 of 3 targets did not come to their end .* set max_length"):
        assert [len(y) for y in never.predict(X)] == [11, 12, 20]
    with pytest.warns(UserWarning, match="^3 of 3"):
        assert [len(y) for y in never.set_params(max_length=3).predict(X)] == [3, 3, 3]
    with pytest.warns(UserWarning, match="^3 of 3"):
        assert [len(y) for y in never.set_params(beam_size=2).predict(X)] == [3, 3, 3]
    with pytest.warns(UserWarning, match="^3 of 3"):
        assert {len(y) for row in never.predict_nbest(X, 2)[0] for y in row} == {3}
    with pytest.warns(UserWarning, match="^6 of 6"):
        assert {len(y) for row in never.sample(X, 2, random_state=0) for y in row} == {3}
    never.set_params(max_length=None, beam_size=1).partial_fit(["ab"], ["a" * 30])
    assert never._lengths == (30, 15.0)
    never.partial_fit(["abc"], ["a"])  # what was learnt of lengths stays
    assert never._lengths == (30, 15.0)


@pytest.mark.filterwarnings("error")
def test_what_comes_to_its_end_is_not_warned_of(trained):
    assert trained.predict(SOURCES).tolist() == TARGETS
    assert trained.predict(["cccccccccccc", "aaaaaaaaaaaa"]).shape == (2,)


def test_unseen_tokens_and_longer_sources_are_read(trained):
    long = "abc" * 30
    predicted = trained.predict(["aéb", long])
    assert all(isinstance(y, str) for y in predicted)
    np.testing.assert_allclose(
        trained.score_samples(["aéb"], ["aabb"]), trained.score_samples(["aüb"], ["aabb"]), atol=1e-6
    )
    assert trained.attention_weights([long])[0].shape[1] == 90


@pytest.mark.parametrize("penalty", [0.0, 0.7])
@pytest.mark.parametrize("form", ["characters", "vectors"])
def test_a_wide_beam_finds_what_listing_all_finds(form, penalty):
    X = FORMS[form]
    model = make(max_iter=4, max_length=3, length_penalty=penalty).fit(X, TARGETS)
    every = ["".join(y) for n in range(4) for y in itertools.product("ab", repeat=n)]
    targets, log_proba = model.predict_nbest(X, len(every))
    best = model.set_params(beam_size=len(every)).predict(X)
    for i in range(len(X)):
        logs = model.score_samples(np.asarray(X)[[i] * len(every)], every)
        rank = logs / (np.array(list(map(len, every))) + 1) ** penalty
        order = np.argsort(-rank, kind="stable")
        np.testing.assert_allclose(log_proba[i], logs[order], atol=1e-4)
        np.testing.assert_allclose(rank[[every.index(y) for y in targets[i]]], rank[order], atol=1e-4)
        assert best[i] == targets[i][0] and sorted(targets[i]) == sorted(every)


def test_n_best(unsure):
    targets, log_proba = unsure.predict_nbest(SOURCES, 4)
    assert targets.shape == log_proba.shape == (len(SOURCES),)
    for source, row, logs in zip(SOURCES, targets, log_proba, strict=True):
        assert len(set(row)) == len(row) == len(logs) == 4
        assert (np.diff(logs) <= 0).all()
        np.testing.assert_allclose(unsure.score_samples([source] * 4, row), logs, atol=1e-4)
    greedy = unsure.score_samples(SOURCES, unsure.predict(SOURCES))
    searched = [logs[0] for logs in log_proba]
    assert np.mean(searched) > np.mean(greedy)


def test_a_beam_of_one_is_greedy(unsure):
    targets, _ = unsure.predict_nbest(SOURCES, 1)
    assert [row[0] for row in targets] == unsure.predict(SOURCES).tolist()


def test_a_wider_beam_is_asked_for_after_training(unsure):
    searched = make(max_iter=6, beam_size=4).fit(SOURCES, TARGETS)
    targets, _ = unsure.predict_nbest(SOURCES, 4)
    assert searched.predict(SOURCES).tolist() == [row[0] for row in targets]


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 0.5}, {"temperature": 2.0}, {"top_k": 2}, {"top_p": 0.6}, {"top_k": 1}],
    ids=str,
)
def test_samples_are_as_frequent_as_they_are_probable(options, unsure):
    n, source = 4000, ["bca"]
    model = unsure
    drawn = model.set_params(max_length=2).sample(source, n, random_state=0, **options)[0]
    model.set_params(max_length=None)
    every = ["".join(y) for length in range(3) for y in itertools.product("ab", repeat=length)]
    expected = {}
    for y in every:
        proba = model.predict_proba(source, [y])[0]
        codes = [*("ab".index(c) for c in y), 2]
        p = 1.0
        for step, code in enumerate(codes[:2]):  # behind two tokens it is cut
            p *= reshape(proba[step], **options)[code]
        expected[y] = p
    assert sum(expected.values()) == pytest.approx(1, abs=1e-5)
    counts = np.array([drawn.count(y) for y in every])
    proba = np.array(list(expected.values()))
    assert not counts[proba == 0].any()
    counts, proba = counts[proba > 0], proba[proba > 0]
    if len(counts) > 1:
        assert scipy.stats.chisquare(counts, n * proba / proba.sum()).pvalue > 1e-3
    else:
        assert counts.tolist() == [n]


def reshape(proba, temperature=1.0, top_k=None, top_p=None):
    p = proba.astype(float) ** (1 / temperature)
    order = np.argsort(-p, kind="stable")
    if top_k is not None:
        p[order[top_k:]] = 0
    if top_p is not None:
        ranked = p[order] / p.sum()
        p[order[np.cumsum(ranked) - ranked >= top_p]] = 0
    return p / p.sum()


def test_samples(unsure):
    drawn = unsure.sample(SOURCES[:3], 5, random_state=3)
    assert drawn.shape == (3,) and [len(row) for row in drawn] == [5, 5, 5]
    again = unsure.sample(SOURCES[:3], 5, random_state=np.random.RandomState(3))
    assert drawn.tolist() == again.tolist()
    assert drawn.tolist() != unsure.sample(SOURCES[:3], 5, random_state=4).tolist()
    state = np.random.get_state()[1].tolist()
    assert unsure.sample(SOURCES, 30).tolist() != unsure.sample(SOURCES, 30).tolist()
    assert np.random.get_state()[1].tolist() == state
    cold = unsure.sample(SOURCES, temperature=0)
    assert [row[0] for row in cold] == unsure.predict(SOURCES).tolist()
    many = unsure.sample(["a"], 1500, random_state=0)[0]  # more rows than are decoded at once
    assert len(many) == 1500


@pytest.mark.parametrize("attention", ["dot", "additive", Near])
def test_attention_weights(attention):
    model = make(attention=attention).fit(SOURCES, TARGETS)
    predicted = model.predict(SOURCES)
    weights = model.attention_weights(SOURCES)
    for x, y, w in zip(SOURCES, predicted, weights, strict=True):
        assert w.shape == (len(y) + 1, len(x))  # and so nothing is behind the end
        np.testing.assert_allclose(w.sum(axis=1), 1, atol=1e-6)
        assert (w >= 0).all()
    dataset = model._encode_pairs(*model._read_pairs(SOURCES, TARGETS))
    batch = dataset.gather(np.argsort(-dataset.sizes, kind="stable"), model.module_.like)
    with torch.inference_mode():
        whole = model.module_.look_back(batch)[1]
    lengths = batch.source.packing.length[batch.source_row]
    is_behind = torch.arange(whole.shape[2]) >= lengths[:, None, None]
    assert is_behind.any() and (whole.masked_select(is_behind) == 0).all()


def test_attention_looks_where_the_answer_is():
    rng = np.random.RandomState(0)
    X = ["".join(rng.choice(list("abcdefgh"), rng.randint(3, 7))) for _ in range(300)]
    y = [x[::-1] for x in X]
    model = make(hidden_size=48, embedding_size=16, max_iter=25, batch_size=16, learning_rate=0.01).fit(X, y)
    assert model.score(X, y) > 0.9
    looks = model.attention_weights(["abcdef"], ["fedcba"])[0][:6]
    assert np.abs(looks.argmax(axis=1) - np.arange(5, -1, -1)).mean() < 1


@pytest.mark.parametrize("form", ["characters", "words", "numbers"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_hidden_states_are_the_encoders(form, bidirectional):
    X = FORMS[form]
    model = make(num_layers=2, bidirectional=bidirectional).fit(X, TARGETS)
    vocabulary = getattr(model, "vocabulary_", None)
    encoded = X if vocabulary is None else [np.searchsorted(vocabulary, list(x)) + 1 for x in X]
    steps, ends = model.hidden_states(X), model.hidden_states(X, per_step=False)
    for i, x in enumerate(encoded):
        values, summary = encode_step_by_step(model, x)
        np.testing.assert_allclose(steps[i], values.detach(), atol=1e-5)
        np.testing.assert_allclose(ends[i], summary.detach(), atol=1e-5)
    with pytest.raises(ValueError, match="fitted on vectors or labels; only sequences have hidden states"):
        make(max_iter=1).fit(VECTORS, TARGETS).hidden_states(VECTORS)


def test_loss_is_nats_a_token(unsure):
    model = make(max_iter=1, learning_rate=1e-30, batch_size="all").fit(SOURCES, TARGETS)
    n_tokens = sum(len(y) + 1 for y in TARGETS)
    logs = model.score_samples(SOURCES, TARGETS)
    assert model.loss_curve_[0] == pytest.approx(-logs.sum() / n_tokens, rel=1e-5)
    validated = make(max_iter=2).fit(SOURCES, TARGETS, X_val=SOURCES[:3], y_val=TARGETS[:3])
    logs = validated.score_samples(SOURCES[:3], TARGETS[:3]).sum() / sum(len(y) + 1 for y in TARGETS[:3])
    assert validated.validation_scores_[-1] == pytest.approx(logs, rel=1e-5)


def test_score_is_the_share_of_exact_matches(unsure):
    predicted = unsure.predict(SOURCES)
    y = [p if i % 3 else p + "a" for i, p in enumerate(predicted)]
    assert unsure.score(SOURCES, y) == exact_match_score(y, predicted) == pytest.approx(10 / 16)
    weights = np.arange(16.0)
    right = np.array([i % 3 > 0 for i in range(16)])
    assert unsure.score(SOURCES, y, weights) == pytest.approx(weights[right].sum() / weights.sum())


def test_pairs_of_one_length_of_target_go_together_by_their_source():
    sources = Sequences.from_lengths(np.zeros(10), [1, 4, 2, 3])
    dataset = PairDataset(sources, Sequences.from_lengths(np.zeros(8), [2, 2, 2, 2]))
    assert np.argsort(-dataset.sizes).tolist() == [1, 3, 2, 0]
    assert math.floor(dataset.sizes.max()) == 3 or dataset.sizes.max() < 3


def test_before_tokens_and_before_one_to_many():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    for encoder in (TokenEncoder(), SequenceOneHotEncoder(), SequenceOneHotEncoder(dense=True)):
        model = make_pipeline(encoder, make(hidden_size=24, max_iter=30)).fit(WORDS, TARGETS)
        assert model.score(WORDS, TARGETS) > 0.8
    languages = [["Italian"], ["German"], ["Dutch"]] * 5
    names = [{"Italian": "rossi", "German": "schmidt", "Dutch": "jansen"}[x] for (x,) in languages]
    model = make_pipeline(OneHotEncoder(sparse_output=False), make(hidden_size=24, max_iter=30))
    assert model.fit(languages, names).score(languages, names) == 1
    assert model.predict([["Dutch"]]).tolist() == ["jansen"]
