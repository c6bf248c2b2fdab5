"""Surnames in 13 languages: one language model generates names, and predicts the language of a name.

The language is the condition of a name: the model learns how likely each letter is, given the letters before
it and the language. It can therefore draw names of any language, and classify names by Bayes' rule. It is
compared with a network that only classifies.

Run it as ``python examples/surnames_by_language.py``.
"""

import argparse

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_rnn import RNNClassifier, RNNLanguageModel
from sklearn_rnn.datasets import load_surnames


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--names", type=int, default=None, help="use no more names than these")
    options = parser.parse_args(arguments)

    names, languages = load_surnames(return_X_y=True)
    names, languages = names[: options.names], languages[: options.names]
    X, X_test, y, y_test = train_test_split(
        names, languages, test_size=0.2, stratify=languages, random_state=0
    )
    is_known = np.array([set(name) <= set("".join(X)) for name in X_test])
    X_test, y_test = [name for name, known in zip(X_test, is_known, strict=True) if known], y_test[is_known]
    print(
        f"{len(X)} names to train on, {len(X_test)} to test on "
        f"({(~is_known).sum()} left out, with a letter that training never saw)"
    )

    settings = {"max_iter": options.epochs, "learning_rate": 0.005, "random_state": 0, "verbose": 1}
    model = RNNLanguageModel(**settings).fit(X, condition=y)
    classifier = RNNClassifier(hidden_size=128, **settings).fit(X, y)
    values, counts = np.unique(y, return_counts=True)
    right = {
        "always the most frequent": np.mean(y_test == values[counts.argmax()]),
        "language model": np.mean(model.predict_condition(X_test) == y_test),
        "classifier": classifier.score(X_test, y_test),
    }
    print("\nlanguages told apart, share right")
    for name, share in right.items():
        print(f"{name:26}{share:.3f}")

    print("\nnames that it draws (+: a name of the data)")
    given = set(names)
    for k, language in enumerate(values):
        drawn = model.sample(5, condition=language, max_new_tokens=20, temperature=0.7, random_state=k)
        print(f"{language:10}{', '.join(name + '+' * (name in given) for name in drawn)}")
    return right


if __name__ == "__main__":
    main()
