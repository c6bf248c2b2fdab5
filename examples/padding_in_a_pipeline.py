"""Padding in a pipeline: the same predictions with it as without.

The estimators read sequences of different lengths as they are. If one array is needed (by another library, a
file, a plot), `SequencePadder` makes it, in a pipeline like any transformer; ``padding_value=`` of an
estimator after it defines what to leave out.

Run it as ``python examples/padding_in_a_pipeline.py``.
"""

import argparse

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.preprocessing import SequencePadder, StepTransformer


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=50)
    options = parser.parse_args(arguments)

    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    settings = {"max_iter": options.epochs, "random_state": 0, "verbose": 1}

    # NaN as padding can never be mistaken for data.
    as_they_are = make_pipeline(StepTransformer(StandardScaler()), RNNClassifier(**settings))
    padded = make_pipeline(
        StepTransformer(StandardScaler()),
        SequencePadder(padding_value=np.nan, truncate="end"),
        RNNClassifier(padding_value=np.nan, **settings),
    )
    print(f"{len(X)} utterances of {min(map(len, X))} to {max(map(len, X))} steps")
    print(f"as they are: test accuracy {as_they_are.fit(X, y).score(X_test, y_test):.3f}")
    print(f"padded:      test accuracy {padded.fit(X, y).score(X_test, y_test):.3f}")

    padder = padded.named_steps["sequencepadder"]
    array = padded[:-1].transform(X)
    print(
        f"\nThe array in between has the shape {array.shape}; {np.isnan(array).mean():.0%} of it is padding."
    )
    back = padder.inverse_transform(array)
    scaled = padded[:1].transform(X)
    same = all(np.array_equal(a, b) for a, b in zip(back, scaled, strict=True))
    print(f"Without its padding it is {back}, {'exactly' if same else 'NOT'} what went in.")

    difference = np.abs(as_they_are.predict_proba(X) - padded.predict_proba(X)).max()
    print(
        f"Largest difference between the probabilities of the two on what they were trained on: {difference}"
    )
    return difference


if __name__ == "__main__":
    main()
