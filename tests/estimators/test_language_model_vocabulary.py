"""Which tokens a language model knows, and what it makes of those that it does not."""

import copy
import io
import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import skops.io
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from sklearn_rnn import RNNLanguageModel, Sequences
from sklearn_rnn.persistence import TRUSTED_TYPES
from sklearn_rnn.training.checkpoint import describe

STREAM = "the cat sat on the mat. the dog sat on the log. a hat! " * 2 + "quiz, vex"
TEXTS = ["anna", "hanna", "johanna", "marianna", "ann", "jo", "maria", "xan", "yo", "maz"]
WORDS = [text.split() for text in ["the cat sat", "the gnu sat on the cat", "the dog", "a dog on the cat"]]
CODES = [np.array([3, 7, 7, 12]), np.array([12, 9]), np.array([7, 3, 7]), np.array([1, 3])]
CODE_STREAM = np.array([3, 7, 12, 7, 3, 3, 12] * 8 + [5, 6])
DATA = {"stream": STREAM, "texts": TEXTS, "words": WORDS, "codes": CODES, "code stream": CODE_STREAM}
UNKNOWN = {"handle_unknown": "unknown", "min_frequency": 2}
every_form = pytest.mark.parametrize("form", DATA)


def make(**parameters):
    small = {
        "hidden_size": 8,
        "max_iter": 3,
        "batch_size": 4,
        "bptt_steps": 7,
        "learning_rate": 0.02,
        "random_state": 0,
        "device": "cpu",
    }
    return RNNLanguageModel(**{"handle_unknown": "error", **small, **parameters})


def as_list(X):
    return [X] if isinstance(X, str) or (isinstance(X, np.ndarray) and X.ndim == 1) else list(X)


def tokens_of(X):
    return [token for x in as_list(X) for token in (x.tolist() if isinstance(x, np.ndarray) else x)]


def replace(X, known, by):
    """Replace what is not known by one token, in the form that X has."""
    if isinstance(X, str):
        return "".join(c if c in known else by for c in X)
    if isinstance(X, np.ndarray):
        return np.where(np.isin(X, known), X, by)
    if X and isinstance(X[0], str):
        return [x if x in known else by for x in X] if len(by) > 1 else [replace(x, known, by) for x in X]
    return [
        replace(x, known, by) if isinstance(x, np.ndarray) else [w if w in known else by for w in x]
        for x in X
    ]


def weights_of(model):
    return {name: w.numpy().copy() for name, w in model.module_.state_dict().items()}


def assert_same_weights(model, other):
    ours, theirs = weights_of(model), weights_of(other)
    assert ours.keys() == theirs.keys() and all((ours[name] == theirs[name]).all() for name in ours)
    assert model.loss_curve_ == other.loss_curve_


def flat(parts):
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.fixture(scope="module")
def fitted():
    """One model with an unknown symbol for each form of data; no test may change them."""
    return {
        form: make(max_iter=15, embedding_size=5 if form == "words" else None, **UNKNOWN).fit(X)
        for form, X in DATA.items()
    }


# The vocabulary that is given


@every_form
def test_the_vocabulary_of_training_is_the_default(form):
    X = DATA[form]
    expected = make().fit(X)
    vocabulary = list(expected.vocabulary_.tolist())[::-1]
    for given in (vocabulary, set(vocabulary), tuple(vocabulary), np.array(vocabulary)):
        model = make(vocabulary=given).fit(X)
        assert_same_weights(model, expected)
        np.testing.assert_array_equal(model.vocabulary_, expected.vocabulary_)
        assert model.vocabulary_.dtype == expected.vocabulary_.dtype
        assert model.vocabulary is given
        assert model.sample(3, random_state=0) == expected.sample(3, random_state=0)
    assert vocabulary == list(expected.vocabulary_.tolist())[::-1]
    assert_same_weights(clone(model).fit(X), expected)


def test_characters_of_a_str():
    model = make(vocabulary="cab", bptt_steps=4).fit("abab")
    assert model.vocabulary_.tolist() == ["a", "b", "c"]
    assert model.predict_proba("ab").shape == (2, 3)
    assert np.isfinite(model.score("cab"))
    letters = make(vocabulary="cab").fit([["a", "b"], ["b"]])  # words of one letter are no text
    assert letters.sample(1, max_new_tokens=1, random_state=0)[0][:1] != "a"
    assert isinstance(letters.sample(1, random_state=0)[0], list)


def test_parts_of_a_text_none_of_which_has_all_tokens():
    parts = ["abab" * 8, "cdcd" * 8]
    model = make(vocabulary="abcd")
    for _ in range(60):
        for part in parts:
            model.partial_fit(part)
    assert model.n_iter_ == 120
    assert model.perplexity(parts[0]) < 2 and model.perplexity(parts[1]) < 2
    with pytest.raises(ValueError, match="X has 'c' at step 0, a token that training never saw"):
        make().partial_fit(parts[0]).partial_fit(parts[1])


BAD = {
    "empty": (TEXTS, {"vocabulary": []}, ValueError, "vocabulary is empty; pass at least one token, or None"),
    "empty str": (TEXTS, {"vocabulary": ""}, ValueError, "vocabulary is empty"),
    "twice": (TEXTS, {"vocabulary": "jonahmrijxyz"}, ValueError, r"vocabulary holds \['j'\] more than once"),
    "a number": (
        TEXTS,
        {"vocabulary": 26},
        TypeError,
        "vocabulary must be a str .* but it is 26 of type int",
    ),
    "an iterator": (TEXTS, {"vocabulary": iter(["a"])}, TypeError, "vocabulary must be a str .* list_it"),
    "a dict": (TEXTS, {"vocabulary": {"a": 0}}, TypeError, "vocabulary must be .* of type dict"),
    "bytes": (TEXTS, {"vocabulary": b"ab"}, TypeError, "vocabulary must be .* of type bytes"),
    "a table": (TEXTS, {"vocabulary": np.array([["a"]])}, TypeError, "vocabulary must be .* type ndarray"),
    "a scalar": (TEXTS, {"vocabulary": np.array("a")}, TypeError, "vocabulary must be .* type ndarray"),
    "lists": (TEXTS, {"vocabulary": [["a"], ["b", "c"]]}, TypeError, r"holds \['a'\] at place 0"),
    "mixed": (TEXTS, {"vocabulary": ["a", 1]}, TypeError, "vocabulary holds 1 at place 1, .* X are str"),
    "codes for text": (TEXTS, {"vocabulary": [1, 2]}, TypeError, "vocabulary holds 1 at place 0"),
    "text for codes": (CODES, {"vocabulary": ["a"]}, TypeError, "'a' at place 0, .* X are integers"),
    "truth for codes": (CODES, {"vocabulary": [True]}, TypeError, "vocabulary holds True at place 0"),
    "halves for codes": (CODES, {"vocabulary": [0.5]}, TypeError, "vocabulary holds 0.5 at place 0"),
    "words for characters": (TEXTS, {"vocabulary": ["anna"]}, TypeError, "'anna' at .* character by char"),
    "characters for words": (
        WORDS,
        {"vocabulary": "thec", "handle_unknown": "unknown"},
        ValueError,
        "X holds none of the tokens of vocabulary, but such as 'the'; are both words, or both characters?",
    ),
    "others": (
        WORDS,
        {"vocabulary": ["la", "le"], "handle_unknown": "unknown"},
        ValueError,
        "X holds none of the tokens of vocabulary, but such as 'the'",
    ),
    "not all": (
        TEXTS,
        {"vocabulary": "abc" + "jonhmri"},
        ValueError,
        r"X\[7\] has 'x' at step 0, a token that is not in the vocabulary; a fit with handle_unknown='unkn",
    ),
    "ignore": (
        TEXTS,
        {"handle_unknown": "ignore"},
        ValueError,
        "handle_unknown must be .*'error'.*, but it is 'ignore'",
    ),
    "misspelt": (TEXTS, {"handle_unknown": "unknwon"}, ValueError, "Did you mean 'unknown'"),
    "frequency 0": (TEXTS, {"min_frequency": 0}, ValueError, "min_frequency must be an int of at least 1"),
    "frequency 1.5": (TEXTS, {"min_frequency": 1.5}, ValueError, "min_frequency must be .* between 0 and 1"),
    "frequency text": (TEXTS, {"min_frequency": "2"}, TypeError, "min_frequency must be"),
    "frequency and error": (
        TEXTS,
        {"min_frequency": 2},
        ValueError,
        "min_frequency=2 makes rare tokens .*; set handle_unknown='unknown'",
    ),
    "frequency and vocabulary": (
        TEXTS,
        {"vocabulary": "ab", **UNKNOWN},
        ValueError,
        "min_frequency=2 has no effect; leave one of them out",
    ),
    "none is frequent": (
        TEXTS,
        {"handle_unknown": "unknown", "min_frequency": 100},
        ValueError,
        "No token is left in the vocabulary: min_frequency=100, but the most frequent, 'a'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_parameters_change_nothing(case):
    X, options, error, message = BAD[case]
    model = make(**options)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(X)
    assert vars(model) == before


def test_training_goes_on_with_the_same_vocabulary():
    model = make(vocabulary="abc", bptt_steps=3).fit("abab")
    before = weights_of(model)
    for other in ("ab", "abcd", "abx"):
        with pytest.raises(ValueError, match="vocabulary was .* when training began"):
            model.set_params(vocabulary=other).partial_fit("abab")
    assert all((w == before[name]).all() for name, w in weights_of(model).items())
    twice = [make(vocabulary="abc", bptt_steps=3).fit("abab").set_params(vocabulary=v) for v in ("bca", None)]
    assert_same_weights(twice[0].partial_fit("abc"), twice[1].partial_fit("abc"))
    model.set_params(vocabulary="abcd").fit("abab")  # begins anew
    assert model.vocabulary_.tolist() == list("abcd")


# Unknown tokens


@every_form
def test_unknown_tokens_are_one_token(form, fitted):
    """A model learns and answers as if one token stood in the place of all that are not known."""
    model, X = fitted[form], DATA[form]
    known = [t for t in set(tokens_of(X)) if tokens_of(X).count(t) >= 2]
    assert sorted(known) == model.vocabulary_.tolist() and set(tokens_of(X)) > set(known)
    by = "\U0010ffff" if isinstance(tokens_of(X)[0], str) else 99  # comes last in sorted order
    plain_X = replace(X, known, by)
    plain = make(max_iter=15, embedding_size=5 if form == "words" else None).fit(plain_X)
    assert plain.vocabulary_.tolist() == [*model.vocabulary_.tolist(), by]
    assert_same_weights(model, plain)
    assert model.score(X) == plain.score(plain_X) == model.score(plain_X)
    for ask in ("score_samples", "surprisal", "predict_proba", "hidden_states"):
        ours, theirs = getattr(model, ask)(X), getattr(plain, ask)(plain_X)
        np.testing.assert_array_equal(flat(ours), flat(theirs))
    # The column of the unknown symbol comes behind those of the vocabulary, and before the end.
    n_columns = len(model.vocabulary_) + 1 + (form in ("texts", "words", "codes"))
    assert {p.shape[1] for p in model.predict_proba(as_list(X))} == {n_columns}


@every_form
def test_tokens_never_seen_are_read_as_unknown(form, fitted):
    model, X = fitted[form], DATA[form]
    new = "Ω" if isinstance(tokens_of(X)[0], str) else -5
    rare = next(t for t in tokens_of(X) if tokens_of(X).count(t) == 1)
    ours, theirs = ([[tokens_of(X)[0], t, tokens_of(X)[0]]] for t in (new, rare))
    if model.input_encoder_.vocabulary.joins:
        ours, theirs = ["".join(ours[0])], ["".join(theirs[0])]
    assert np.isfinite(model.score(ours)) and model.score(ours) == model.score(theirs)
    assert model.surprisal(ours)[0].shape == (3,)


def test_a_prediction_depends_on_its_own_text(fitted):
    model = fitted["texts"]
    texts = ["xan", "Ωan", "anna", "z"]
    alone = [model.score_samples([text])[0] for text in texts]
    np.testing.assert_allclose(model.score_samples(texts), alone, atol=1e-5)


def test_layout_of_codes():
    model = make(vocabulary="ab", handle_unknown="unknown").fit(["abc"])
    dataset = model._make_dataset(model._read_text(["axb"])[0])
    assert dataset.sequences.values.tolist() == [0, 1, 3, 2]  # begin, a, unknown, b
    assert dataset.targets.tolist() == [0, 2, 1, 3]  # a, unknown, b, end
    stream = make(vocabulary="ab", handle_unknown="unknown", bptt_steps=3).fit("abc")
    assert stream.module_.head.n_outputs == 3


@pytest.mark.parametrize("min_frequency", [2, 5, 0.1])
def test_min_frequency(min_frequency):
    model = make(handle_unknown="unknown", min_frequency=min_frequency).fit(TEXTS)
    tokens = tokens_of(TEXTS)
    least = min_frequency if isinstance(min_frequency, int) else min_frequency * len(tokens)
    assert model.vocabulary_.tolist() == sorted(t for t in set(tokens) if tokens.count(t) >= least)
    assert model.vocabulary_.dtype == "<U1"


def test_frequent_words_of_one_letter_are_no_text():
    model = make(**UNKNOWN).fit([["a", "b"], ["b", "a"], ["c"]])
    assert model.vocabulary_.tolist() == ["a", "b"]
    assert all(isinstance(words, list) for words in model.sample(3, prompt=["a", "c"], random_state=0))


def test_unknown_tokens_are_read_by_default_with_a_warning_if_none_were_learnt_from():
    model = RNNLanguageModel(hidden_size=4, max_iter=1, random_state=0).fit(TEXTS)
    assert model.vocabulary_.tolist() == sorted(set(tokens_of(TEXTS)))
    for score in (model.score, model.score_samples, model.surprisal):
        score(TEXTS)  # without a warning, which would be an error
        with pytest.warns(UserWarning, match="1 of 3 tokens never .* Set min_frequency=2 or more") as caught:
            assert np.isfinite(score(["jo", "Ω"])[0] if score != model.score else score(["jo", "Ω"])).all()
        assert caught[0].filename == __file__
    assert model.sample(20, prompt="Ω", random_state=0)[0][0] == "Ω"
    assert all("Ω" not in text[1:] for text in model.sample(20, prompt="Ω", random_state=0))
    model.partial_fit([*TEXTS, "Ω"]).score(["jo", "Ω"])  # has been learnt


def test_the_default_warns_for_files_and_for_conditions(tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("the Ω", encoding="utf-8")
    model = RNNLanguageModel(hidden_size=4, max_iter=1, bptt_steps=7, random_state=0).fit("the cat sat. " * 9)
    with pytest.warns(UserWarning, match="1 of 5 tokens never"):
        model.score(path)
    model = RNNLanguageModel(hidden_size=4, max_iter=1, random_state=0)
    model.fit(TEXTS, condition=[len(text) > 4 for text in TEXTS])
    with pytest.warns(UserWarning, match="1 of 1 tokens never"):
        model.predict_condition(["Ω"])


def test_what_was_learnt_about_unknown_tokens_is_known_for_files_and_chunks(tmp_path):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("abcab" * 40)
    second.write_text("abxcab" * 40)
    small = {"hidden_size": 4, "max_iter": 1, "bptt_steps": 4, "batch_size": 2, "random_state": 0}
    RNNLanguageModel(**small).fit(first).partial_fit(second).score("abx")  # no warning
    chunks = iter(["abcab" * 400, *["abxcab" * 400] * 3])
    RNNLanguageModel(**small).partial_fit(chunks).score("abx")
    with pytest.warns(UserWarning, match="1 of 3 tokens never"):
        RNNLanguageModel(**small).fit(first).score("abx")


def test_unknown_tokens_of_validation_texts_are_warned_of():
    with pytest.warns(UserWarning, match="2 of 2 tokens never") as caught:
        RNNLanguageModel(hidden_size=4, max_iter=1, random_state=0).fit(["ab", "ba"], X_val=["zz"])
    assert caught[0].filename == __file__


def test_unknown_tokens_can_be_errors():
    model = make(handle_unknown="error").fit(TEXTS)
    message = (
        r"X\[1\] has 'q' at step 0, a token that training never saw; a fit with handle_unknown='unknown'"
    )
    with pytest.raises(ValueError, match=message):
        model.score(["jo", "q"])
    with pytest.raises(ValueError, match=message):  # it has no symbol for it
        model.set_params(handle_unknown="unknown").score(["jo", "q"])


def test_unknown_tokens_can_be_refused_afterwards(fitted):
    model = copy.deepcopy(fitted["texts"]).set_params(handle_unknown="error", min_frequency=1)
    with pytest.raises(ValueError, match="'x' at step 0, a token that is not in the vocabulary"):
        model.score(["xan"])
    assert model.score(["anna"]) == fitted["texts"].score(["anna"])
    assert model.predict_proba(["anna"])[0].shape[1] == len(model.vocabulary_) + 2
    assert model.sample(3, random_state=0) == fitted["texts"].sample(3, random_state=0)


@pytest.mark.parametrize("form", ["stream", "texts", "words"])
def test_text_to_validate_on_may_hold_unknown_tokens(form):
    X = DATA[form]
    X_val = [*X[:3], X[0] + "Ω"] if form == "texts" else [["the", "yak"], X[0]] if form == "words" else "aΩc "
    expected = [make(max_iter=n, **UNKNOWN).fit(X).score(X_val) for n in (1, 2, 3)]
    np.testing.assert_allclose(make(**UNKNOWN).fit(X, X_val=X_val).validation_scores_, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="X_val"):
        make().fit(X, X_val=X_val)


def test_cross_validation_with_rare_tokens():
    scores = cross_val_score(make(**UNKNOWN), TEXTS * 2, cv=4, error_score="raise")
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("options", [UNKNOWN, {"vocabulary": "the ca", "handle_unknown": "unknown"}], ids=str)
def test_a_file_is_read_as_its_text(options, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(STREAM, encoding="utf8")
    by_text, by_file = make(**options).fit(STREAM), make(**options).fit(path)
    assert by_file.vocabulary_.tolist() == by_text.vocabulary_.tolist() != sorted(set(STREAM))
    assert_same_weights(by_file, by_text)
    assert by_file.score(path) == pytest.approx(by_text.score(STREAM))
    share = make(handle_unknown="unknown", min_frequency=0.05)
    assert share.fit(path).vocabulary_.tolist() == share.fit(STREAM).vocabulary_.tolist() != []
    with pytest.raises(
        ValueError, match="min_frequency=99, but the most frequent, ' ', comes 29 times in 119"
    ):
        make(handle_unknown="unknown", min_frequency=99).fit(path)
    with pytest.raises(
        ValueError, match="X has 'q' at step 110, a token that is not in the vocabulary; a fit"
    ):
        make(vocabulary=set(STREAM) - {"q"}).fit(path)


def test_later_parts_of_an_iterator_may_hold_what_the_first_does_not():
    parts = ["ab" * 300, "cd" * 300, "ab" * 300]
    options = {"batch_size": 2, "bptt_steps": 5}
    with pytest.raises(ValueError, match="X has 'c' at step 600, a token that training never saw"):
        make(**options).partial_fit(iter(parts))
    named = make(vocabulary="abcd", **options).partial_fit(iter(parts))
    assert named.vocabulary_.tolist() == list("abcd")
    unknown = make(vocabulary="ab", handle_unknown="unknown", **options).partial_fit(iter(parts))
    assert unknown.module_.head.n_outputs == 3
    same = (part.replace("c", "z").replace("d", "z") for part in parts)
    assert_same_weights(unknown, make(vocabulary="abz", **options).partial_fit(same))


# Drawing


@pytest.fixture(scope="module")
def mostly_unknown():
    """A model that expects unknown tokens more than any other."""
    texts = [f"a{chr(1000 + i)}b{chr(2000 + i)}" for i in range(30)]
    stream = "".join(texts)
    return {
        "texts": make(max_iter=40, **UNKNOWN).fit(texts),
        "stream": make(max_iter=40, **UNKNOWN).fit(stream),
    }


@pytest.mark.parametrize("form", ["stream", "texts"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0},
        {"temperature": 1e-300},
        {"temperature": 50.0},
        {"top_k": 1},
        {"top_k": 2},
        {"top_k": 100},
        {"top_p": 1e-9},
        {"top_p": 0.5},
    ],
    ids=str,
)
def test_the_unknown_symbol_is_never_drawn(form, options, mostly_unknown):
    model = mostly_unknown[form]
    p = model.predict_proba("a")[-1]
    assert model.vocabulary_.tolist() == ["a", "b"] and p.argmax() == 2 and p[2] > 0.9
    drawn, logs = model.sample(
        200, prompt="a", max_new_tokens=5, random_state=0, return_log_proba=True, **options
    )
    assert set("".join(drawn)) <= {"a", "b"}
    # They are given the probability that they have in the model as it is.
    before = model.surprisal(["a"])[0].sum()
    for text, log in list(zip(drawn, logs, strict=True))[:20]:
        ends = form == "texts" and len(text) < 6
        expected = model.score_samples([text])[0] if ends else -model.surprisal([text])[0].sum()
        np.testing.assert_allclose(log, expected + before, rtol=1e-4)
    assert set(model.stream("a", max_new_tokens=30, random_state=0, **options)) <= {"a", "b"}


def test_the_others_are_drawn_by_their_share(mostly_unknown):
    model, n = mostly_unknown["texts"], 3000
    p = np.delete(model.predict_proba("b")[-1].astype(float), 2)
    drawn = model.sample(n, prompt="b", max_new_tokens=1, random_state=0, temperature=2.0)
    counts = [[text[1:] for text in drawn].count(token) for token in ("a", "b", "")]
    assert chisquare(counts, n * p**0.5 / (p**0.5).sum()).pvalue > 1e-3


@pytest.mark.parametrize(
    ("form", "one", "several"),
    [
        ("texts", "joΩx", ["joΩx", "", "anna"]),
        ("stream", "the Ω", ["the Ω", "q"]),
        ("words", ["the", "yak"], [["the", "yak"], [], ["cat"]]),
        ("codes", [7, 1000], [[7, 1000], [12]]),
        ("code stream", np.array([7, -1]), Sequences(np.array([7, -1, 3]), np.array([0, 2, 3]))),
    ],
)
def test_primes_with_unknown_tokens_are_given_back(form, one, several, fitted):
    model = fitted[form]
    (drawn,) = model.sample(prompt=one, max_new_tokens=5, temperature=0)
    assert list(drawn)[: len(one)] == list(one)
    assert set(list(drawn)[len(one) :]) <= set(model.vocabulary_.tolist())
    assert isinstance(drawn, str) == isinstance(one, str)
    assert {type(token) for token in drawn} <= {int, str}  # as JSON can hold it
    together = model.sample(2, prompt=several, max_new_tokens=5, temperature=0)
    assert len(together) == 2 * len(several) and together[0] == together[1] == drawn
    for prompt, text in zip(several, together[::2], strict=True):
        assert list(text)[: len(prompt)] == list(prompt)
    assert list(model.stream(one, max_new_tokens=5, temperature=0)) == list(drawn)[len(one) :]


def test_unknown_tokens_in_a_prime_are_an_error_where_they_are_refused():
    with pytest.raises(
        ValueError, match="prompt has 'x' at step 2, a token that training never saw; a fit wit"
    ):
        make().fit(["jo", "ann"]).sample(prompt="jox")


@pytest.mark.parametrize(("form", "stop"), [("texts", "Ω"), ("texts", "x"), ("words", "yak"), ("codes", 99)])
def test_text_cannot_stop_at_an_unknown_token(form, stop, fitted):
    for draw in (fitted[form].sample, fitted[form].stream):
        with pytest.raises(ValueError, match=f"stop is {stop!r}, which is not in the vocabulary"):
            draw(stop=stop)


def test_stop_and_ends(fitted):
    words = fitted["words"].sample(50, stop="cat", random_state=0)
    assert any(text[-1:] == ["cat"] for text in words) and not any("cat" in text[:-1] for text in words)
    drawn, logs = fitted["texts"].sample(50, random_state=0, return_log_proba=True)
    assert min(map(len, drawn)) < 10
    for text, log in zip(drawn, logs, strict=True):
        if text:
            np.testing.assert_allclose(log, fitted["texts"].score_samples([text])[0], rtol=1e-4)


@pytest.mark.parametrize("condition_as", ["input", "state"])
def test_conditions(condition_as):
    kinds = ["long" if len(text) > 3 else "short" for text in TEXTS]
    model = make(condition_as=condition_as, tie_weights=True, label_smoothing=0.1, max_iter=20, **UNKNOWN)
    model.fit(TEXTS, condition=kinds)
    assert np.isfinite(model.score(["xΩ"], condition=["short"]))
    assert set(model.predict_condition(["Ωo", "johΩnna"])) <= {"long", "short"}
    both = ["short", "long"]
    for prompt in ("aΩ", ["aΩ", "j"]):
        drawn, logs = model.sample(
            2, prompt=prompt, condition=both, max_new_tokens=60, random_state=0, return_log_proba=True
        )
        assert len(drawn) == 4
        for i, (text, log) in enumerate(zip(drawn, logs, strict=True)):
            begin, kind = prompt if isinstance(prompt, str) else prompt[i // 2], both[i // 2]
            assert text.startswith(begin) and "Ω" not in text[len(begin) :]
            before = model.surprisal([begin], condition=[kind])[0].sum()
            np.testing.assert_allclose(
                log, model.score_samples([text], condition=[kind])[0] + before, rtol=1e-4
            )
    options = {"prompt": "aΩ", "condition": "short", "max_new_tokens": 60, "random_state": 2}
    assert model.sample(**options)[0] == "aΩ" + "".join(model.stream(**options))


# Promises


@every_form
def test_three_epochs_and_three_are_six(form):
    X = DATA[form]
    whole = make(max_iter=6, **UNKNOWN).fit(X)
    assert_same_weights(make(warm_start=True, **UNKNOWN).fit(X).fit(X), whole)
    parts = make(**UNKNOWN)
    for _ in range(6):
        parts.partial_fit(X)
    assert_same_weights(parts, whole)
    assert_same_weights(make(max_iter=6, **UNKNOWN).fit("other text").fit(X), whole)


@every_form
def test_copies(form, fitted):
    model, X = fitted[form], DATA[form]
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    copies = [
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        joblib.load(file),
        skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ]
    for twin in copies:
        assert twin.score(X) == model.score(X)
        assert twin.sample(3, random_state=0) == model.sample(3, random_state=0)
        np.testing.assert_array_equal(flat(twin.predict_proba(X)), flat(model.predict_proba(X)))
        assert vars(twin).keys() == vars(model).keys()
    assert_same_weights(clone(model).fit(X), model)


def test_a_set_is_the_same_for_a_checkpoint_in_each_process():
    code = "from sklearn_rnn.training.checkpoint import describe; print(describe(set('abcdefgh')))"
    there = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert there == describe(set("abcdefgh")) + "\n" != describe(set("abcdefg")) + "\n"


def test_a_failed_fit_leaves_the_model_as_it_was(fitted):
    model = copy.deepcopy(fitted["texts"])
    before, expected = dict(vars(model)), model.score(TEXTS)
    with pytest.raises(ValueError, match="X_val has 'Ω'"):
        model.set_params(handle_unknown="error", min_frequency=1).fit("abc", X_val="Ω")
    model.set_params(**UNKNOWN)
    assert {k: v for k, v in vars(model).items() if v is not before[k] and v != before[k]} == {}
    assert model.score(TEXTS) == expected


@pytest.mark.parametrize("cell", ["elman", "jordan", "lstm", "gru"])
@pytest.mark.parametrize("form", ["stream", "texts"])
def test_every_cell(cell, form):
    model = make(cell=cell, num_layers=2, **UNKNOWN).fit(DATA[form])
    assert_same_weights(make(cell=cell, num_layers=2, **UNKNOWN).fit(DATA[form]), model)
    drawn, logs = model.sample(3, prompt="aΩ", max_new_tokens=9, random_state=0, return_log_proba=True)
    before = model.surprisal(["aΩ"])[0].sum()
    for text, log in zip(drawn, logs, strict=True):
        ends = form == "texts" and len(text) < 11
        expected = model.score_samples([text])[0] if ends else -model.surprisal([text])[0].sum()
        np.testing.assert_allclose(log, expected + before, rtol=1e-4, atol=1e-5)
