"""Which cell, which size, scaled or not? One search over a whole pipeline, and an honest score for it.

The search chooses among Elman, Jordan, GRU and LSTM, two sizes, and whether steps are scaled. The score of
the best of many is too optimistic: the outer folds of a nested cross-validation were not used for any choice.

Run it as ``python examples/search_over_cells.py``.
"""

import argparse

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.preprocessing import StepTransformer


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args(arguments)

    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    pipeline = Pipeline(
        [
            ("scale", StepTransformer(StandardScaler())),
            ("network", RNNClassifier(max_iter=options.epochs, learning_rate=0.01, random_state=0)),
        ]
    )
    grid = {
        "scale": [StepTransformer(StandardScaler()), "passthrough"],
        "network__cell": ["elman", "jordan", "gru", "lstm"],
        "network__hidden_size": [16, 64],
    }
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(pipeline, grid, cv=folds, n_jobs=options.jobs, verbose=2).fit(X, y)

    print("accuracy  cell    hidden  scaled")
    results = search.cv_results_
    for k in np.argsort(results["rank_test_score"], kind="stable"):
        chosen = results["params"][k]
        cell, size = chosen["network__cell"], chosen["network__hidden_size"]
        scaled = "no" if chosen["scale"] == "passthrough" else "yes"
        print(f"{results['mean_test_score'][k]:8.3f}  {cell:6}  {size:6}  {scaled}")

    nested = cross_val_score(search, X, y, cv=folds)
    print(f"\nbest score of the search:  {search.best_score_:.3f}")
    print(f"nested cross-validation:   {nested.mean():.3f} +- {nested.std():.3f}")
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    print(f"other utterances (test):   {search.score(X_test, y_test):.3f}")
    return nested.mean()


if __name__ == "__main__":
    main()
