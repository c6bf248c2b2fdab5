"""Sentences in which the same word is part of a person's name or not."""

import numpy as np

from sklearn_rnn.data.parameters import check_count
from sklearn_rnn.data.random_state import check_random_state

# Words that name people, and other things as well.
_FIRST_NAMES = (
    "Teddy Adelaide Alexandria Austin Charlotte Chelsea Florence Georgia "
    "Jordan Madison Paris Regina Savannah Sydney Victoria Virginia"
).split()
_LAST_NAMES = (
    "Roosevelt Bolton Cleveland Columbus Darwin Denver Durham Hamilton "
    "Houston Jackson Lancaster Lincoln Stafford Washington Wellington Wells"
).split()

# Pairs of sentences: a person's name, in brackets, and the same words meaning something else. The words that
# distinguish them come before the name or after it, next to it or some words away.
_TEMPLATES = [
    template.split()
    for template in (
        "He said , [ FIRST LAST ] was a great President !",
        "He said , FIRST bears are on sale !",
        "[ FIRST LAST ] was a president .",
        "LAST Avenue is closed .",
        "[ FIRST ] , who lives by the sea , is quiet .",
        "FIRST , which lies by the sea , is quiet .",
        "[ FIRST LAST ] is her name .",
        "LAST is her home .",
        "Signed by [ FIRST LAST ] .",
        "Made near FIRST and LAST .",
        "My aunt [ FIRST ] is far away .",
        "The town of FIRST is far away .",
        "We met [ LAST ] .",
        "We visited LAST .",
        "Born in 1880 , [ LAST ] was loved by all .",
        "Built in 1880 , LAST was loved by all .",
        "Doctor [ FIRST LAST ] left early .",
        "The bus left LAST for FIRST .",
        "Nobody in FIRST knew Doctor [ LAST ] .",
        "Nobody in FIRST knew LAST Avenue .",
    )
]


def _fill(template, bio, rng):
    """Fill in the names; return the words of the sentence and their labels."""
    words, labels = [], []
    label = "O"
    for word in template:
        if word == "[":
            label = "B-PER" if bio else "PER"
        elif word == "]":
            label = "O"
        else:
            if word in ("FIRST", "LAST"):
                names = _FIRST_NAMES if word == "FIRST" else _LAST_NAMES
                word = names[rng.randint(len(names))]
            words.append(word)
            labels.append(label)
            if label == "B-PER":
                label = "I-PER"
    return words, np.array(labels)


def make_person_sentences(n_sequences=1000, *, bio=False, random_state=None):
    """Generate sentences and mark the names of people in them (many to many, one label a word).

    The underlying question is whether "Teddy" is part of a person's name in "He said, Teddy Roosevelt was a
    great President!" and in "He said, Teddy bears are on sale!" [1]_. All words that occur in names occur
    with other meanings as well (cities, streets, bears), about equally often. Only the context decides, and
    it may be on either side, next to the word or some words away.

    No classifier that sees one word at a time can get more than about 0.90 of the words right, as many as by
    labelling all of them "O". Reading from left to right, about 0.99 can be reached, from right to left 0.97;
    reading in both directions, all of them. (Measured as the share of the most frequent label for each word,
    for each beginning of a sentence, for each end of one.)

    Parameters
    ----------
    n_sequences : int, default=1000
        The number of sentences.
    bio : bool, default=False
        Whether to distinguish the first word of a name ("B-PER") from the others ("I-PER").
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same output on every call.

    Returns
    -------
    X : list of n_sequences lists of str
        The words of each sentence; punctuation marks are separate words.
    y : list of n_sequences ndarrays of str of shape (n_steps_i,)
        The labels, "PER" or "O"; or "B-PER", "I-PER" or "O" if `bio` is True.

    References
    ----------
    .. [1] Ng, A. (2018). Sequence Models, lectures on recurrent and bidirectional recurrent networks.
           DeepLearning.AI. (The sentences about Teddy.)
    .. [2] Ramshaw, L. A., & Marcus, M. P. (1995). Text chunking using transformation-based learning. Third
           Workshop on Very Large Corpora, 82-94. (The labels B, I and O.)

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_person_sentences
    >>> X, y = make_person_sentences(1000, random_state=0)
    >>> for words, labels in zip(X[:2], y):
    ...     print(*words)
    ...     print(*labels)
    We met Wells .
    O O PER O
    He said , Austin Lincoln was a great President !
    O O O PER PER O O O O O

    No classifier that sees one word at a time can do better than predict the most frequent label of each
    word:

    >>> from collections import Counter, defaultdict
    >>> counts = defaultdict(Counter)
    >>> for words, labels in zip(X, y):
    ...     for word, label in zip(words, labels.tolist()):
    ...         counts[word][label] += 1
    >>> n_right = sum(max(count.values()) for count in counts.values())
    >>> print(f"{n_right / sum(map(len, X)):.2f}")
    0.91
    """
    check_count("n_sequences", n_sequences)
    rng = check_random_state(random_state)
    sentences = [_fill(_TEMPLATES[rng.randint(len(_TEMPLATES))], bio, rng) for _ in range(n_sequences)]
    X, y = zip(*sentences, strict=True)
    return list(X), list(y)
