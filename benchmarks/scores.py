"""Score the estimators on public data sets and on problems with known answers, over several seeds.

A seed sets the weights, the order of batches, dropout and, where there is no official split or the data are
generated, the data. How the settings were chosen is said in docs/benchmarks.md.
"""

import sys
import time
from dataclasses import dataclass

import numpy as np
from common import (
    add_data_option,
    describe_setting,
    make_parser,
    parse,
    print_table,
    read_engines,
    read_names,
    read_snips,
)
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.datasets import load_japanese_vowels, make_adding_problem, make_delayed_copy, make_parity
from sklearn_rnn.preprocessing import StepTransformer


@dataclass
class Benchmark:
    """One row of the table.

    `run(model, seed, folder)` fits the model and returns its score, or its score and a second one to print.
    """

    run: callable
    model: BaseEstimator
    metric: str
    bar: float
    needs_data: bool = False


def score_vowels(model, seed, folder):
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    pipeline = make_pipeline(StepTransformer(StandardScaler()), model)
    return pipeline.fit(X, y).score(*load_japanese_vowels(subset="test", return_X_y=True))


def score_names(model, seed, folder):
    names, languages = read_names(folder)
    X, X_test, y, y_test = train_test_split(
        names, languages, test_size=0.2, stratify=languages, random_state=seed
    )
    return model.fit(X, y).score(X_test, y_test)


def score_slots(model, seed, folder):
    return model.fit(*read_snips(folder, "train")).score(*read_snips(folder, "test"))


def score_engines(model, seed, folder):
    """Give the error at the last step of each test engine: lives above 125 taken as 125, and as they are."""
    X, _ = read_engines(folder, "train")
    y = [np.minimum(np.arange(len(x))[::-1], 125) for x in X]
    X_test, life = read_engines(folder, "test")
    varies = np.ptp(np.concatenate(X), axis=0) > 0
    pipeline = make_pipeline(StepTransformer(StandardScaler()), model).fit([x[:, varies] for x in X], y)
    predicted = np.array([p[-1] for p in pipeline.predict([x[:, varies] for x in X_test])])
    return tuple(np.sqrt(np.mean((predicted - np.minimum(life, cap)) ** 2)) for cap in (125, np.inf))


def score_adding(model, seed, folder):
    X, y = make_adding_problem(2000, n_steps=100, random_state=seed)
    X_test, y_test = make_adding_problem(1000, n_steps=100, random_state=1000 + seed)
    return np.mean((model.fit(X, y).predict(X_test) - y_test) ** 2)


def score_parity(model, seed, folder):
    model.fit(*make_parity(1000, n_steps=(1, 20), random_state=seed))
    return model.score(*make_parity(1000, n_steps=(1, 20), random_state=1000 + seed))


def score_copy(model, seed, folder):
    model.fit(*make_delayed_copy(1000, n_steps=20, delay=5, random_state=seed))
    return model.score(*make_delayed_copy(1000, n_steps=20, delay=5, random_state=1000 + seed))


def per_cell(name, run, make, metric, bar, cells):
    return {f"{name}, {cell}": Benchmark(run, make(cell), metric, bar) for cell in cells}


BENCHMARKS = {
    "vowels, default": Benchmark(score_vowels, RNNClassifier(), "accuracy", 0.970),
    "vowels": Benchmark(score_vowels, RNNClassifier(bidirectional=True, dropout=0.5), "accuracy", 0.983),
    "names": Benchmark(
        score_names,
        RNNClassifier(bidirectional=True, embedding_size=32, dropout=0.3, batch_size=64, max_iter=15),
        "accuracy",
        0.82,
        needs_data=True,
    ),
    "slots": Benchmark(
        score_slots,
        RNNTagger(bidirectional=True, embedding_size=100, dropout=0.5, batch_size=64, max_iter=10),
        "accuracy of steps",
        0.945,
        needs_data=True,
    ),
    "engines": Benchmark(
        score_engines,
        RNNRegressor(dropout=0.2, batch_size=10, max_iter=30),
        "root mean squared error",
        16,
        needs_data=True,
    ),
    **per_cell(
        "adding",
        score_adding,
        lambda cell: RNNRegressor(cell=cell, learning_rate=0.01, max_iter=40),
        "mean squared error",
        0.01,
        ["gru", "lstm"],
    ),
    **per_cell(
        "parity",
        score_parity,
        lambda cell: RNNTagger(cell=cell, learning_rate=0.01, max_iter=40),
        "accuracy of steps",
        0.99,
        ["elman", "gru", "lstm"],
    ),
    **per_cell(
        "copy",
        score_copy,
        lambda cell: RNNTagger(cell=cell, learning_rate=0.01, max_iter=40),
        "accuracy of steps",
        0.99,
        ["elman", "gru", "lstm"],
    ),
}


def main():
    parser = make_parser(__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"beginnings of names, by default all: {'; '.join(BENCHMARKS)}"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    add_data_option(parser)
    options = parse(parser)
    print(describe_setting())
    rows = []
    begin = time.perf_counter()
    for name, benchmark in BENCHMARKS.items():
        if options.names and not name.startswith(tuple(options.names)):
            continue
        if benchmark.needs_data and options.data is None:
            print(f"Left out for want of --data: {name}.\n")
            continue
        start = time.perf_counter()
        scores = np.array(
            [
                np.atleast_1d(
                    benchmark.run(clone(benchmark.model).set_params(random_state=seed), seed, options.data)
                )
                for seed in range(options.seeds)
            ]
        )  # (n_seeds, 1 or 2)
        seconds = (time.perf_counter() - start) / options.seeds
        rows.append(summarize(name, benchmark, scores, seconds))
        print(*rows[-1], sep="; ", end="\n\n", file=sys.stderr, flush=True)
    print_table(["", "estimator", "score", "mean", "std", "worst", "bar", "reached", "s a seed"], rows)
    print(f"Took {(time.perf_counter() - begin) / 60:.1f} minutes.")


def summarize(name, benchmark, scores, seconds):
    """Make one row of the table; a second score stands in brackets behind the mean of the first."""
    first = scores[:, 0]
    is_error = benchmark.metric.endswith("error")
    digits = 2 if first.mean() > 1 else 4
    mean = f"{first.mean():.{digits}f}"
    if scores.shape[1] > 1:
        mean += f" ({scores[:, 1].mean():.{digits}f})"
    worst, sign = (first.max(), "≤") if is_error else (first.min(), "≥")
    reached = first.mean() <= benchmark.bar if is_error else first.mean() >= benchmark.bar
    estimator = " ".join(repr(benchmark.model).split())
    return [
        name,
        f"`{estimator}`",
        benchmark.metric,
        mean,
        f"{first.std():.{digits}f}",
        f"{worst:.{digits}f}",
        f"{sign} {benchmark.bar}",
        "yes" if reached else "no",
        f"{seconds:.0f}",
    ]


if __name__ == "__main__":
    main()
