"""Hidden states as features: a recurrent network reads the sequences, a random forest decides.

`SequenceFeatures` trains a network and returns what its output layer would read: one row of numbers for each
sequence, whatever its length, which any scikit-learn model can use.

Run it as ``python examples/hidden_states_in_a_forest.py``.
"""

import argparse

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.preprocessing import SequenceFeatures, StepTransformer


def summarize(X):
    """Describe a sequence without a network: mean, spread, first and last step of each feature."""
    return np.array([np.concatenate([x.mean(axis=0), x.std(axis=0), x[0], x[-1]]) for x in X])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=50)
    options = parser.parse_args(arguments)

    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    network = RNNClassifier(max_iter=options.epochs, random_state=0, verbose=1)
    forest = RandomForestClassifier(300, random_state=0)
    models = {
        "forest on means, spreads, first and last steps": make_pipeline(
            FunctionTransformer(summarize), forest
        ),
        "network alone": make_pipeline(StepTransformer(StandardScaler()), network),
        "forest on hidden states": make_pipeline(
            StepTransformer(StandardScaler()), SequenceFeatures(network), forest
        ),
    }
    scores = {}
    for name, model in models.items():
        scores[name] = model.fit(X, y).score(X_test, y_test)
        print(f"{name:48}test accuracy {scores[name]:.3f}")

    names = models["forest on hidden states"][:-1].get_feature_names_out()
    most = np.argsort(forest.feature_importances_)[:-4:-1]
    print(f"The forest looks most at {', '.join(names[most])} of {len(names)} hidden units.")
    return scores


if __name__ == "__main__":
    main()
