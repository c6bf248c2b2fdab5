"""Sequence to sequence with copy_mechanism=True: tokens that training never saw come out as they went in."""

import itertools
import pickle

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from skorch.callbacks import EpochScoring

from sklearn_rnn import RNNSeq2Seq
from sklearn_rnn.persistence import TRUSTED_TYPES
from sklearn_rnn.training.step import compute_loss

SMALL = {
    "hidden_size": 24,
    "embedding_size": 12,
    "max_iter": 30,
    "batch_size": 16,
    "learning_rate": 0.01,
    "random_state": 0,
    "device": "cpu",
}


def make(**parameters):
    return RNNSeq2Seq(**{**SMALL, "copy_mechanism": True, **parameters})


def make_pairs(n, first_name, seed):
    """Who met whom, to who was met by whom; names are numbers in letters, each used about twice."""
    rng = np.random.RandomState(seed)
    X, y = [], []
    for _ in range(n):
        one, other = (f"n{first_name + i}" for i in rng.choice(n, 2, replace=False))
        when = [[], ["today"], ["last", "week"]][rng.randint(3)]
        X.append([*when, one, "met", other])
        y.append([other, "was", "met", "by", one, *when])
    return X, y


X, Y = make_pairs(150, 0, seed=0)
NEW_X, NEW_Y = make_pairs(40, 1000, seed=1)


@pytest.fixture(scope="module")
def trained():
    """One that has learnt its task; no test may change it."""
    return make().fit(X, Y)


@pytest.fixture(scope="module")
def unsure():
    """One that has not, and so finds much possible; c is in sources alone."""
    sources = ["a", "ab", "bca", "ccab", "abcba", "bb", "ac", "cab"]
    targets = [x.replace("c", "")[::-1] for x in sources]
    return make(hidden_size=6, max_iter=4).fit(sources, targets)


# What comes out


def test_tokens_that_training_never_saw_are_copied(trained):
    assert trained.predict(NEW_X).tolist() == NEW_Y
    best, log_proba = trained.predict_nbest(NEW_X, 2)
    assert [b[0] for b in best] == NEW_Y
    np.testing.assert_allclose([p[0] for p in log_proba], trained.score_samples(NEW_X, NEW_Y), atol=1e-4)
    assert [s[0] for s in trained.sample(NEW_X, temperature=0)] == NEW_Y
    assert trained.score(NEW_X, NEW_Y) == 1
    written = clone(trained).set_params(copy_mechanism=False).fit(X, Y)
    assert written.score(NEW_X, [["-"]] * 40) == 0
    known = set(written.target_vocabulary_)
    assert all(known.issuperset(y) for y in written.predict(NEW_X))


@pytest.mark.parametrize("form", ["characters", "integers"])
def test_tokens_of_every_kind_come_out_as_they_went_in(form):
    """Sources reversed; that takes characters of which some are no letters."""
    rng = np.random.RandomState(0)
    texts = ["".join(rng.choice(list("abcdefghijkl"), rng.randint(1, 4))) for _ in range(200)]
    new = ["xyz", "zya", "~y", "é", "xax"]
    change = {
        "characters": str,
        "integers": lambda s: np.array([ord(c) for c in s]),
    }[form]
    model = make(cell="gru").fit([change(x) for x in texts], [change(x[::-1]) for x in texts])
    predicted, expected = model.predict([change(x) for x in new]), [change(x[::-1]) for x in new]
    assert all(type(p) is type(e) for p, e in zip(predicted, expected, strict=True))
    right = [np.array_equal(p, e) for p, e in zip(predicted, expected, strict=True)]
    assert sum(right) >= 4, predicted
    if form == "integers":
        assert predicted[0].dtype == model.target_vocabulary_.dtype


def test_a_token_that_only_targets_have_is_written():
    sources, targets = [[*"ab"], [*"ba"], [*"aa"], ["ab"]], [["yes", "b"], ["no", "a"], ["no", "a"], ["no"]]
    model = make(max_iter=40).fit(sources * 10, targets * 10)
    assert model.predict(sources).tolist() == targets
    # In a source, what the encoder does not know may be a token that is written: it is that one.
    proba = model.predict_proba([["yes", "new"]], [["yes"]])[0]
    assert proba.shape == (2, len(model.target_vocabulary_) + 1 + 2)
    assert proba[:, -2].max() == 0 and proba[:, -1].min() > 0


def test_words_of_one_character_do_not_cut_others():
    # A str is read as such words; what is written are longer ones.
    model = make(max_iter=40).fit([[*"ab"], [*"ba"]] * 10, [["one", "b"], ["two", "a"]] * 10)
    assert model.predict(["ab", "ba"]).tolist() == [["one", "b"], ["two", "a"]]
    # All words that are written in training have one character; those of sources, which can be copied, more.
    model = make(max_iter=1).fit([["yes", "."], ["no", "!"]], [["."], ["!"]])
    assert np.isfinite(model.score_samples([["maybe", "."]], [["maybe"]])).all()


# What is computed


def test_probabilities_are_those_of_the_paper(unsure):
    sources, targets = ["axbxcc", "b", "xyz"], ["xaxc", "b", "zay"]
    network = unsure.module_
    proba, looks = unsure.predict_proba(sources, targets), unsure.attention_weights(sources, targets)
    dataset = unsure._encode_pairs(*unsure._read_pairs(sources, targets))
    total = unsure.score_samples(sources, targets)
    for i, (source, target) in enumerate(zip(sources, targets, strict=True)):
        with torch.inference_mode():
            outputs = network.look_back(dataset.gather(np.array([i]), network.like))[0]
            gate = torch.sigmoid(network.pointer.gate(outputs))[:, 0].numpy()
            written = torch.softmax(network.head(outputs), dim=1).numpy()
        log = 0.0
        for step, token in enumerate([*target, None]):
            expected = {t: gate[step] * p for t, p in zip(["a", "b", None], written[step], strict=True)}
            for letter, weight in zip(source, looks[i][step], strict=True):
                expected[letter] = expected.get(letter, 0) + (1 - gate[step]) * weight
            row = proba[i][step]
            assert row.sum() == pytest.approx(1, abs=1e-6)
            assert row[:3] == pytest.approx([expected[t] for t in ("a", "b", None)], abs=1e-6)
            for place, letter in enumerate(source):
                is_first = letter not in "ab" and place == source.index(letter)
                assert row[3 + place] == pytest.approx(expected[letter] if is_first else 0, abs=1e-6)
            log += np.log(expected[token])
        assert len(proba[i][0]) == 3 + len(source)
        assert total[i] == pytest.approx(log, abs=1e-5)


def test_the_gradient_is_that_of_finite_differences():
    sources, targets = ["ab", "bca", "ccab", "abcba", "ac"], ["ba", "ab", "bac", "aba", "ac"]
    model = make(hidden_size=5, dtype="float64", max_iter=1, max_grad_norm=None, cell="lstm", num_layers=2)
    model.fit(sources, [t.replace("c", "") for t in targets])
    dataset = model._encode_pairs(*model._read_pairs(sources, targets))
    assert dataset.targets.max() > 2  # some can only be copied
    network = model.module_
    batch = dataset.gather(np.argsort(-dataset.sizes, kind="stable"), network.like)
    parameters = dict(network.named_parameters())
    gradients = torch.autograd.grad(compute_loss(network, batch)["loss"], list(parameters.values()))
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        generator = torch.Generator().manual_seed(0)
        way = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        losses = []
        for size in (1e-5, -2e-5):
            parameter.data.add_(way, alpha=size)
            losses.append(compute_loss(network, batch)["loss"].item())
        parameter.data.add_(way, alpha=1e-5)
        assert (gradient * way).sum().item() == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-4), name
        assert gradient.any(), name


def test_the_loss_is_of_what_may_be_copied_too(unsure):
    sources, targets = ["xa", "by"], ["xa", "yy"]
    dataset = unsure._encode_pairs(*unsure._read_pairs(sources, targets))
    batch = dataset.gather(np.arange(2), unsure.module_.like)
    with torch.inference_mode():
        loss = compute_loss(unsure.module_, batch)["loss"].item()
    assert loss == pytest.approx(-unsure.score_samples(sources, targets).sum() / 6, rel=1e-5)


@pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_what_listing_all_finds(unsure, penalty):
    sources = ["xb", "c"]
    model = pickle.loads(pickle.dumps(unsure)).set_params(max_length=3, beam_size=40, length_penalty=penalty)
    best, log_proba = model.predict_nbest(sources, 5)
    for i, letters in enumerate(["abx", "abc"]):
        every = ["".join(t) for n in range(4) for t in itertools.product(letters, repeat=n)]
        logs = model.score_samples([sources[i]] * len(every), every)
        order = np.argsort(-logs / np.array([len(t) + 1 for t in every]) ** penalty, kind="stable")[:5]
        assert best[i] == [every[j] for j in order]
        np.testing.assert_allclose(log_proba[i], logs[order], atol=1e-4)


@pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")
def test_a_beam_of_one_is_greedy(unsure, trained):
    for model, sources in ((unsure, ["xb", "c", "abxyc"]), (trained, NEW_X)):
        best, _ = pickle.loads(pickle.dumps(model)).predict_nbest(sources, 1)
        assert [b[0] for b in best] == model.predict(sources).tolist()


@pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")
def test_samples_are_as_frequent_as_they_are_probable(unsure):
    drawn = unsure.sample(["xb"], 4000, random_state=0)[0]
    for target in ["", "x", "b", "xb", "bx", "a"]:
        expected = np.exp(unsure.score_samples(["xb"], [target])[0])
        assert np.mean([d == target for d in drawn]) == pytest.approx(expected, abs=0.03)
    assert any("x" in d for d in drawn)


def test_after_a_copy_of_an_unknown_token_the_decoder_reads_unknown(unsure):
    network = unsure.module_
    # The end is 2, and behind it are the steps of a source; 0 is unknown and 3 the beginning.
    assert network.read_back(torch.tensor([0, 1, 3, 9])).tolist() == [1, 2, 0, 0]
    assert network.decoder.input.embedding.num_embeddings == 4 and unsure.target_encoder_.begin == 3
    # So what such a token was has no bearing on what comes behind it.
    proba = unsure.predict_proba(["xyab", "xyab"], ["xba", "yba"])
    np.testing.assert_array_equal(proba[0], proba[1])


def test_scheduled_sampling_feeds_copies_back(unsure):
    sources, targets = ["xxxyab"] * 60, ["xyb"] * 60
    unsure = pickle.loads(pickle.dumps(unsure))
    network = unsure.module_
    network.scheduled_sampling = 0.5
    dataset = unsure._encode_pairs(*unsure._read_pairs(sources, targets))
    batch = dataset.gather(np.arange(60), network.like)
    scores = torch.eye(9)[torch.full(batch.values.shape, 4)]  # the second step of the source
    torch.manual_seed(0)
    given = network._give_guesses(batch, scores).values.view(4, 60)
    assert (given[0] == 3).all() and (given[1:3] == 0).all()  # x and y are unknown as they are
    assert set(given[3].tolist()) == {0, 2}
    # In training the guesses are those of a first pass, copies included.
    network.scheduled_sampling = 1.0
    network.pointer.gate.bias.data.fill_(-9.0)
    guesses = network(batch)
    assert (guesses.argmax(dim=1) == 3).any()
    torch.manual_seed(1)
    fed = network._give_guesses(batch, guesses)
    fed.source, fed.source_row = batch.source, batch.source_row
    torch.manual_seed(1)
    scores = network.train()(batch)
    torch.testing.assert_close(scores, network.eval()(fed))
    model = make(scheduled_sampling=0.5).fit(X, Y)
    assert model.score(NEW_X, NEW_Y) > 0.8


def test_rare_tokens_of_targets_show_what_unknown_means(trained):
    """The symbol's embedding begins as zeros, and moves only if something is read as unknown."""
    counts = dict(zip(*np.unique(np.concatenate(Y), return_counts=True), strict=True))
    rare = trained.module_.decoder.input.rare
    assert rare.tolist() == [False, *(counts[t] == 1 for t in trained.target_vocabulary_), False]
    assert trained.module_.decoder.input.embedding.weight[0].abs().max() > 0.01


# All else that an estimator does


@pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")
def test_answers_do_not_hang_on_others(unsure):
    sources, targets = ["xb", "a" + "xyz" * 9, "b", "yyx"], ["xb", "zy", "", "x"]
    together = [unsure.predict(sources), *unsure.predict_nbest(sources, 3)]
    proba, total = unsure.predict_proba(sources, targets), unsure.score_samples(sources, targets)
    for i in range(4):
        alone = [unsure.predict([sources[i]])[0], *(a[0] for a in unsure.predict_nbest([sources[i]], 3))]
        assert alone[:2] == [together[0][i], together[1][i]]
        np.testing.assert_allclose(alone[2], together[2][i], atol=1e-5)
        np.testing.assert_allclose(unsure.predict_proba([sources[i]], [targets[i]])[0], proba[i], atol=1e-5)
        assert unsure.score_samples([sources[i]], [targets[i]])[0] == pytest.approx(total[i], abs=1e-5)


def test_early_stopping_on_targets_with_new_tokens():
    options = {"early_stopping": True, "n_iter_no_change": 40, "scoring": "exact_match"}
    model = make(**options).fit(X, Y, X_val=NEW_X, y_val=NEW_Y)
    assert model.score(NEW_X, NEW_Y) == max(model.validation_scores_) > 0.9
    options = {"early_stopping": True, "scoring": "loss", "max_iter": 3}
    model = make(**options).fit(X, Y, X_val=NEW_X, y_val=NEW_Y)
    n_tokens = sum(map(len, NEW_Y)) + len(NEW_Y)
    kept = model.score_samples(NEW_X, NEW_Y).sum() / n_tokens
    assert kept == pytest.approx(max(model.validation_scores_), rel=1e-4)


def test_training_goes_on_with_tokens_that_are_new():
    model = make(max_iter=5).fit(X, Y)
    before = model.score_samples(NEW_X, NEW_Y).mean()
    for _ in range(5):
        model.partial_fit(NEW_X, NEW_Y)
    assert model.score_samples(NEW_X, NEW_Y).mean() > before
    with pytest.raises(ValueError, match="copy_mechanism was True when training began and is now False"):
        model.set_params(copy_mechanism=False).partial_fit(X, Y)


def test_files(trained):
    copies = [
        pickle.loads(pickle.dumps(trained)),
        skops.io.loads(skops.io.dumps(trained), trusted=TRUSTED_TYPES),
    ]
    for copied in copies:
        assert copied.predict(NEW_X).tolist() == NEW_Y
        np.testing.assert_array_equal(copied.score_samples(NEW_X, NEW_Y), trained.score_samples(NEW_X, NEW_Y))


def test_a_callback_scores_sources_of_several_lengths():
    shares = EpochScoring("accuracy", on_train=True, name="right", lower_is_better=False)
    model = make(callbacks=[shares]).fit(X, Y)
    assert model.history_[-1]["right"] > 0.9


def test_hidden_states_are_those_of_what_is_read(trained):
    unknown, other = trained.hidden_states([["new", "met", "n1"], ["other", "met", "n1"]], per_step=True)
    np.testing.assert_array_equal(unknown, other)
    assert unknown.shape == (3, 48)
    known, _ = trained.hidden_states([["n1", "met", "n1"], ["n1", "met", "n1"]], per_step=True)
    assert (known != unknown).any() and (known[1] != known[2]).any()


WORDS, CODES, VECTORS = [["ab", "c"], ["c"]], [np.array([1, 2]), np.array([2])], np.ones((2, 3))
BAD = {
    "no attention": (
        WORDS,
        WORDS,
        {"attention": None},
        ValueError,
        "copy_mechanism=True needs attention.*=None",
    ),
    "codes and words": (CODES, WORDS, {}, TypeError, "X holds integers and y holds words"),
    "words and codes": (WORDS, CODES, {}, TypeError, "X holds words and y holds integers"),
    "characters and words": (["ab", "c"], WORDS, {}, TypeError, "X holds characters and y holds words"),
    "numbers": ([[1.5, 2.0], [3.0]], WORDS, {}, TypeError, "X holds numbers and y holds words"),
    "targets that are numbers": (
        WORDS,
        [[1.5, 2.0], [3.0]],
        {},
        TypeError,
        "X holds words and y holds numbers",
    ),
    "vectors": (VECTORS, WORDS, {}, TypeError, "X holds no sequences and y holds words"),
    "labels": ([3, 4], CODES, {}, TypeError, "X holds no sequences and y holds integers"),
    "a word for True": (
        WORDS,
        WORDS,
        {"copy_mechanism": "yes"},
        TypeError,
        "copy_mechanism must be True or False",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_copied(name):
    sources, targets, options, error, message = BAD[name]
    model = make(**options)
    state = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(sources, targets)
    assert vars(model) == state


def test_a_target_with_a_token_from_nowhere(trained):
    message = r"y\[1\] has 'n2000' at step 0, a token that is neither in target_vocabulary_ nor in its source"
    with pytest.raises(ValueError, match=message):
        trained.score_samples(NEW_X[:2], [NEW_Y[0], ["n2000", "was"]])
    with pytest.raises(ValueError, match=r"^For X_val and y_val: y_val\[0\] has 'n2000'"):
        make(max_iter=1).fit(X, Y, X_val=NEW_X[:1], y_val=[["n2000"]])
