"""Measure what a second process gains: `GridSearchCV` with n_jobs=2 against n_jobs=1, in seconds a search.

8 candidates (4 cells, 2 sizes), 5 folds and the final fit: 41 fits of a scaler and an `RNNClassifier` on the
270 training utterances of the Japanese vowels. The searches take turns. With n_jobs=1 each fit has all of
torch's threads; with n_jobs=2 joblib's workers have their share of them. "First" is a search whose workers
have yet to be started and to import torch; they then wait for 5 minutes for further ones.
"""

import numpy as np
import torch
from common import describe_setting, make_parser, parse, print_table, time_interleaved
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.preprocessing import StepTransformer

GRID = {
    "rnnclassifier__cell": ["elman", "jordan", "lstm", "gru"],
    "rnnclassifier__hidden_size": [32, 64],
}


def search(X, y, n_jobs, max_iter, threads=None):
    """Search with so many processes; with `threads`, in this process, with so many threads."""
    before = torch.get_num_threads()
    model = make_pipeline(StepTransformer(StandardScaler()), RNNClassifier(max_iter=max_iter, random_state=0))
    try:
        torch.set_num_threads(threads or before)
        return GridSearchCV(model, GRID, cv=5, n_jobs=n_jobs, error_score="raise").fit(X, y)
    finally:
        torch.set_num_threads(before)


def stop_workers():
    get_reusable_executor().shutdown(wait=True)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="number of processes to compare with one")
    parser.add_argument("--epochs", type=int, default=50, help="max_iter of each fit")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of measurement")
    options = parse(parser)
    print(describe_setting())
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    n_jobs, epochs = options.jobs, options.epochs
    in_workers = max(Parallel(n_jobs)(delayed(torch.get_num_threads)() for _ in range(n_jobs)))
    one, several = "n_jobs=1", f"n_jobs={n_jobs}"
    ways = {
        one: lambda: search(X, y, 1, epochs),
        f"{one}, one thread": lambda: search(X, y, 1, epochs, threads=1),
        "stop": stop_workers,  # in no row of the table
        f"{several}, first": lambda: search(X, y, n_jobs, epochs),
        several: lambda: search(X, y, n_jobs, epochs),
    }
    times = time_interleaved(ways, options.repeats)
    sizes = {one: (1, torch.get_num_threads()), f"{one}, one thread": (1, 1)}
    rows = []
    for name in filter("stop".__ne__, ways):
        seconds, gain = times[name], times[one] / times[name]
        n_processes, n_threads = sizes.get(name, (n_jobs, in_workers))
        rows.append(
            [
                name,
                f"{n_processes} x {n_threads}",
                f"{np.median(seconds):.2f}",
                f"{seconds.min():.2f} to {seconds.max():.2f}",
                f"{np.median(gain):.2f} ({gain.min():.2f} to {gain.max():.2f})",
                "1.6" if name == several else "",
            ]
        )
    header = ["", "processes x threads", "seconds, median", "all", "times as fast as n_jobs=1", "at least"]
    print_table(header, rows)


if __name__ == "__main__":
    main()
