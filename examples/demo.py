"""The main job on real data: who is speaking, and where are the names?

1. Japanese vowels: 640 utterances of 7 to 29 steps by 9 speakers. A grid search over cells and sizes, in a
   pipeline with per-step scaling; then the score on the official test set, a saved model, and a prediction
   in a new process.
2. Sentences: a tagger finds the words that are part of a person's name.

Run it as ``python examples/demo.py``; figures and the model go to ``demo-output``.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import joblib
import matplotlib
import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, classification_report
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from sklearn_rnn import RNNClassifier, RNNTagger
from sklearn_rnn.datasets import load_japanese_vowels, make_person_sentences
from sklearn_rnn.inspection import LossCurveDisplay
from sklearn_rnn.preprocessing import StepTransformer

matplotlib.use("Agg")

# Loads the model and one utterance in a new process.
NEW_PROCESS = """
import joblib, sys
model, utterance = joblib.load(sys.argv[1]), joblib.load(sys.argv[2])
speaker = model.predict([utterance])[0]
print(f"In a new process: an utterance of {len(utterance)} steps is by speaker {speaker}.")
"""


def search_speakers(max_iter, n_folds):
    """Search cells and sizes on the training utterances; return the fitted search."""
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    lengths = [len(x) for x in X]
    print(f"{len(X)} utterances of {min(lengths)} to {max(lengths)} steps, {X[0].shape[1]} features a step")
    network = RNNClassifier(max_iter=max_iter, random_state=0)
    model = make_pipeline(StepTransformer(StandardScaler()), network)
    grid = {"rnnclassifier__cell": ["elman", "gru", "lstm"], "rnnclassifier__hidden_size": [32, 64]}
    with tqdm(total=2 * 3 * n_folds, desc="grid search", unit="fit") as bar:

        def accuracy(estimator, X, y):
            bar.update()
            return accuracy_score(y, estimator.predict(X))

        return GridSearchCV(model, grid, scoring=accuracy, cv=n_folds).fit(X, y)


def show_search(search):
    print("\ncell    hidden  accuracy (cross-validated)")
    results = search.cv_results_
    for rank in np.argsort(results["rank_test_score"], kind="stable"):
        chosen, mean, std = (results[key][rank] for key in ("params", "mean_test_score", "std_test_score"))
        cell, size = chosen["rnnclassifier__cell"], chosen["rnnclassifier__hidden_size"]
        print(f"{cell:7} {size:6}  {mean:.3f} +- {std:.3f}")


def evaluate(search, output):
    """Score on the official test set, draw, save, and predict in a new process."""
    X, y = load_japanese_vowels(subset="test", return_X_y=True)
    predicted = search.predict(X)
    print(f"\nTest accuracy on {len(X)} utterances: {accuracy_score(y, predicted):.3f}")
    print(classification_report(y, predicted, digits=3))
    ConfusionMatrixDisplay.from_predictions(y, predicted).figure_.savefig(output / "confusion_matrix.png")
    LossCurveDisplay.from_estimator(search).figure_.savefig(output / "loss_curve.png")
    joblib.dump(search.best_estimator_, output / "speaker.joblib")
    joblib.dump(X[0], output / "utterance.joblib")
    files = [str(output / name) for name in ("speaker.joblib", "utterance.joblib")]
    subprocess.run([sys.executable, "-c", NEW_PROCESS, *files], check=True)
    print(f"The true speaker is {y[0]}. Figures and model are in {output}/.")


def tag_names(n_sentences, max_iter):
    """Train a tagger and tag two sentences that cannot be distinguished by single words."""
    X, y = make_person_sentences(n_sentences, random_state=0)
    tagger = RNNTagger(bidirectional=True, hidden_size=32, max_iter=max_iter, random_state=0, verbose=1).fit(
        X, y
    )
    X_test, y_test = make_person_sentences(500, random_state=1)
    print(
        f"\nNames in sentences: {tagger.score(X_test, y_test):.3f} of the words in new sentences are right."
    )
    sentences = ["He said , Teddy Roosevelt was a great President !", "He said , Teddy bears are on sale !"]
    sentences = [sentence.split() for sentence in sentences]
    for words, labels in zip(sentences, tagger.predict(sentences), strict=True):
        print(" ".join(f"[{w}]" if label != "O" else w for w, label in zip(words, labels, strict=True)))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="folder for figures and model"
    )
    parser.add_argument("--quick", action="store_true", help="few epochs, to see that everything runs")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    search = search_speakers(max_iter=2 if options.quick else 40, n_folds=2 if options.quick else 3)
    show_search(search)
    evaluate(search, options.output)
    tag_names(n_sentences=100 if options.quick else 1000, max_iter=2 if options.quick else 15)


if __name__ == "__main__":
    main()
