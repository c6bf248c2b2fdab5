"""The sentences with people's names: labels, and how well they can be told from part of a sentence."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from sklearn_rnn.datasets import make_person_sentences
from sklearn_rnn.datasets._person_sentences import _FIRST_NAMES, _LAST_NAMES, _TEMPLATES


def best_accuracy(X, y, view):
    """Accuracy of the most frequent label for each ``view(words, t)``: no classifier of views is better."""
    counts = defaultdict(Counter)
    for words, labels in zip(X, y, strict=True):
        for t, label in enumerate(labels.tolist()):
            counts[view(words, t)][label] += 1
    return sum(max(count.values()) for count in counts.values()) / sum(map(len, X))


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (lambda words, t: None, 0.90),
        (lambda words, t: words[t], 0.90),
        (lambda words, t: tuple(words[: t + 1]), 0.99),
        (lambda words, t: tuple(words[t:]), 0.97),
    ],
    ids=["nothing", "word", "left", "right"],
)
def test_best_accuracy_of_partial_views(view, expected):
    X, y = make_person_sentences(20000, random_state=0)
    assert best_accuracy(X, y, view) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("bio", [False, True])
def test_the_whole_sentence_tells_all_labels(bio):
    X, y = make_person_sentences(5000, bio=bio, random_state=0)
    assert best_accuracy(X, y, lambda words, t: (tuple(words), t)) == 1


def test_words_of_names_have_both_labels_about_equally_often():
    X, y = make_person_sentences(20000, random_state=0)
    labels_of = defaultdict(list)
    for words, labels in zip(X, y, strict=True):
        for word, label in zip(words, labels, strict=True):
            labels_of[word].append(label == "PER")
    ambiguous = {word for word, labels in labels_of.items() if any(labels)}
    assert ambiguous == {*_FIRST_NAMES, *_LAST_NAMES}
    assert all(0.4 < np.mean(labels_of[word]) < 0.6 for word in ambiguous)


def test_names_do_not_occur_in_templates():
    names = {*_FIRST_NAMES, *_LAST_NAMES}
    assert len(names) == len(_FIRST_NAMES) + len(_LAST_NAMES)
    assert names.isdisjoint(word for template in _TEMPLATES for word in template)


def test_famous_pair():
    X, y = make_person_sentences(60000, random_state=0)
    found = {" ".join(words): labels.tolist() for words, labels in zip(X, y, strict=True)}
    O, PER = "O", "PER"  # noqa: E741
    assert found["He said , Teddy Roosevelt was a great President !"] == [O, O, O, PER, PER, O, O, O, O, O]
    assert found["He said , Teddy bears are on sale !"] == [O] * 9


def test_types():
    X, y = make_person_sentences(50, random_state=0)
    for words, labels in zip(X, y, strict=True):
        assert isinstance(words, list)
        assert all(isinstance(word, str) for word in words)
        assert isinstance(labels, np.ndarray)
        assert labels.dtype.kind == "U"
        assert labels.shape == (len(words),)
    assert set(np.concatenate(y).tolist()) == {"PER", "O"}
    assert len({len(words) for words in X}) > 3


def test_bio_refines_the_plain_labels():
    X, plain = make_person_sentences(500, random_state=0)
    X_bio, bio = make_person_sentences(500, bio=True, random_state=0)
    assert X == X_bio
    assert set(np.concatenate(bio).tolist()) == {"B-PER", "I-PER", "O"}
    for coarse, fine in zip(plain, bio, strict=True):
        previous = "O"
        for a, b in zip(coarse.tolist(), fine.tolist(), strict=True):
            assert b == ("O" if a == "O" else "B-PER" if previous == "O" else "I-PER")
            previous = a
