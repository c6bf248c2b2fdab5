"""Where are the names? A tagger cross-validated by what counts: whole names found.

A name of two words is found if both are, without further words: span F1, as in the CoNLL shared tasks. Most
words do not belong to a name, so that accuracy by words looks good even if names are missed.

Run it as ``python examples/names_by_spans.py``.
"""

import argparse

from sklearn.model_selection import KFold, cross_validate

from sklearn_rnn import RNNTagger
from sklearn_rnn.datasets import make_person_sentences
from sklearn_rnn.metrics import find_spans, get_scorer


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=150)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args(arguments)

    X, y = make_person_sentences(options.sentences, bio=True, random_state=0)
    settings = {
        "max_iter": options.epochs,
        "learning_rate": 0.01,
        "batch_size": 16,
        "random_state": 0,
        "verbose": 1,
    }
    taggers = {
        "left to right": RNNTagger(**settings),
        "both directions": RNNTagger(bidirectional=True, **settings),
        "both, with a CRF": RNNTagger(bidirectional=True, head="crf", **settings),
    }
    scoring = {name: get_scorer(name) for name in ("step_accuracy", "span_f1", "sequence_accuracy")}
    folds = KFold(3, shuffle=True, random_state=0)

    print(f"{'':18}words right  span F1  sentences right")
    found = {}
    for name, tagger in taggers.items():
        scores = cross_validate(tagger, X, y, cv=folds, scoring=scoring)
        words, spans, sentences = (scores[f"test_{key}"].mean() for key in scoring)
        found[name] = spans
        print(f"{name:18}{words:11.3f}  {spans:7.3f}  {sentences:15.3f}")

    tagger = taggers["both, with a CRF"].fit(X, y)
    new, _ = make_person_sentences(5, bio=True, random_state=1)
    names = find_spans(tagger.predict(new))
    print()
    for k, words in enumerate(new):
        here = [" ".join(words[a:b]) for i, _, a, b in zip(*names, strict=True) if i == k]
        print(f"{' '.join(words)}   [{', '.join(here) or 'no name'}]")
    return found


if __name__ == "__main__":
    main()
