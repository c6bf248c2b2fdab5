"""One to many: from a language to its surnames.

    python examples/name_from_a_language.py

The source is not a sequence but a label, so nothing is encoded: the decoder begins with the language and
writes a name letter by letter. One source has many right targets here. The most likely one is dull and always
the same; `sample` draws others according to their probability, and `score_samples` returns how likely a name
is in each language.

`surnames_by_language.py` draws names from a language model under a condition. The difference: there the
condition is passed in addition to the text, here it is X and the names are y, as in any other estimator; and
here a beam search finds the most likely name.
"""

import argparse

import numpy as np

from sklearn_rnn import RNNSeq2Seq
from sklearn_rnn.datasets import load_surnames


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--names", type=int, help="learn from no more names than these")
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args(arguments)

    names, of_names = load_surnames(return_X_y=True)
    names, of_names = names[: options.names], of_names[: options.names]
    languages, X = np.unique(of_names, return_inverse=True)  # labels are integers
    model = RNNSeq2Seq(hidden_size=96, max_iter=options.epochs, random_state=0, verbose=1, max_length=40)
    model.fit(X, names)

    every = np.arange(len(languages))
    likely = model.set_params(beam_size=10).predict(every)
    drawn = model.sample(every, 6, temperature=0.8, random_state=0)
    given, n_new = set(names), 0
    print(f"{'most likely':>23}   drawn (+: a name of the data)")
    for language, best, several in zip(languages, likely, drawn, strict=True):
        n_new += sum(name not in given for name in several)
        print(f"{language:10}{best:>13}   {', '.join(name + '+' * (name in given) for name in several)}")

    print("\nHow much likelier a name is in the language where it is likeliest than in the next one:")
    for name in ("Rossi", "Murphy", "Virtanen", "Kovačević", "Dlamini"):
        logs = model.score_samples(every, [name] * len(every))
        first, second = np.argsort(-logs)[:2]
        times = np.exp(logs[first] - logs[second])
        print(f"{name:>12}  {languages[first]}, {times:.1f} times likelier than {languages[second]}")
    return n_new / (6 * len(every))


if __name__ == "__main__":
    main()
