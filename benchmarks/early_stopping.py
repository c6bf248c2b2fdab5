"""Early stopping against all epochs, over many data sets, small and large, and all estimators.

Each estimator has its defaults, but for what stands in `CASES`. A seed sets the weights, the batches, what is
drawn from a data set, what is set aside and, where data are generated, the data. Test parts are the official
ones where there are any.
"""

import importlib.util
import time
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
from common import add_data_option, describe_setting, make_parser, parse, print_table
from sklearn.base import clone
from sklearn.metrics import f1_score, recall_score
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
)
from sklearn_rnn.datasets import load_japanese_vowels, make_adding_problem
from sklearn_rnn.metrics import span_f1_score
from sklearn_rnn.preprocessing import StepTransformer

CASES = {}


def case(model, metric="score", is_large=False):
    """Register a function that draws the data of a case: X, y, X_test, y_test."""

    def register(draw):
        CASES[draw.__name__] = (draw, model, metric, is_large)
        return draw

    return register


@cache
def read(folder, name, **options):
    """Read one of the sets in the folder with its own reader, ``load(name)``."""
    spec = importlib.util.spec_from_file_location("loaders", Path(folder) / "loaders.py")
    loaders = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaders)
    return loaders.load(name, **options)


def take(X, rows):
    return X[rows] if isinstance(X, np.ndarray) else [X[i] for i in rows]


def draw_parts(data, n_train, n_test, seed):
    """Draw from the official parts, or from two halves that are the same for all seeds."""
    if "test" in data:
        train, test = data["train"], data["test"]
    else:
        X, y = data["all"]
        rows = np.random.RandomState(12345).permutation(len(X))
        train, test = ((take(X, part), take(y, part)) for part in np.array_split(rows, 2))
    rng = np.random.RandomState(seed)
    parts = []
    for (X, y), n in ((train, n_train), (test, n_test)):
        rows = rng.permutation(len(X))[:n]
        parts += [take(X, rows), take(y, rows)]
    return parts


def scale(X, y, X_test, y_test):
    scaler = StepTransformer(StandardScaler()).fit(X)
    return scaler.transform(X), y, scaler.transform(X_test), y_test


def score_of(label, metric=f1_score):
    """Return a metric of one label against all others, at steps or sequences."""

    def score(model, X, y):
        flat = [
            np.concatenate(list(a)) if len(np.shape(a[0])) else np.asarray(a) for a in (y, model.predict(X))
        ]
        return metric(*(a == label for a in flat), zero_division=0)

    return score


def score_spans(model, X, y):
    return span_f1_score(y, model.predict(X))


def score_skill(model, X, y):
    """1 - mean absolute error of forecasts / that of the last value."""
    skills = []
    for x, came in zip(X, y, strict=True):
        forecast = model.predict([x], n_steps=len(came))[0]
        skills.append(1 - np.abs(forecast - came).sum() / np.abs(came - x[-1]).sum())
    return float(np.mean(skills))


def draw_vowels(n, seed):
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    rows = np.random.RandomState(seed).permutation(len(X))[:n]
    return take(X, rows), y[rows], X_test, y_test


@case(RNNClassifier())
def vowels_45(folder, seed):
    return scale(*draw_vowels(45, seed))


@case(RNNClassifier())
def vowels_90(folder, seed):
    return scale(*draw_vowels(90, seed))


@case(RNNClassifier())
def vowels_270(folder, seed):
    return scale(*draw_vowels(270, seed))


@case(RNNClassifier())
def vowels_270_unscaled(folder, seed):
    return load_japanese_vowels(subset="train", return_X_y=True) + load_japanese_vowels(
        subset="test", return_X_y=True
    )


@case(RNNClassifier(), score_of(1, recall_score))
def rare_5_percent(folder, seed):
    """A bump in one channel, and in one of 20 sequences a dip in another at the same time."""
    rng = np.random.RandomState(500 + seed)

    def draw(n):
        X, y = [], (np.arange(n) % 20 == 0).astype(int)
        for is_rare in y:
            x = 0.7 * rng.randn(rng.randint(12, 30), 3)
            at = rng.randint(len(x) - 6)
            bump = np.array([0.5, 1, 2, 2, 1, 0.5])
            x[at : at + 6, 0] += bump
            x[at : at + 6, 1] -= bump * is_rare
            X.append(x)
        return X, y

    return *draw(400), *draw(1000)


@case(RNNClassifier(), score_of("it"), is_large=True)
def surnames_italian(folder, seed):
    """Is a surname Italian? 3.5 % are."""
    X, y, X_test, y_test = draw_parts(read(folder, "names"), 2000, 2000, seed)
    y, y_test = (np.where(np.asarray(a) == "Italian", "it", "other") for a in (y, y_test))
    return X, y, X_test, y_test


@case(RNNClassifier())
def labels_12(folder, seed):
    """Which of the 12 most frequent slots a command has."""
    data = read(folder, "snips")
    counts = Counter(slot[2:] for row in data["train"][1] for slot in set(row) if slot != "O")
    slots = [slot for slot, _ in counts.most_common(12)]
    data = {
        part: (X, np.array([[int(any(s[2:] == slot for s in row)) for slot in slots] for row in y]))
        for part, (X, y) in data.items()
    }
    return draw_parts(data, 600, 700, seed)


@case(RNNClassifier(), is_large=True)
def noun_gender(folder, seed):
    return draw_parts(read(folder, "german_noun_gender"), 3000, 2000, seed)


@case(RNNClassifier(), is_large=True)
def surnames(folder, seed):
    return draw_parts(read(folder, "surnames"), 4000, 2000, seed)


@case(RNNClassifier())
def spoken_digits(folder, seed):
    return scale(*draw_parts(read(folder, "spoken_digits"), 800, 900, seed))


@case(RNNClassifier())
def indoor_movement(folder, seed):
    return scale(*draw_parts(read(folder, "indoor_movement"), 200, 200, seed))


@case(RNNTagger(), score_of(True))
def rare_events(folder, seed):
    data = read(folder, "generated_events", seed=100 + seed, n_train=150, n_test=100)
    (X, y), (X_test, y_test) = data["train"], data["test"]
    y, y_test = ([np.asarray(row) != "O" for row in rows] for rows in (y, y_test))
    return X, y, X_test, y_test


def draw_artists(folder, seed):
    """Commands with the slot of artists alone: 3 % of the words."""
    X, y, X_test, y_test = draw_parts(read(folder, "snips"), 600, 700, seed)
    y, y_test = ([[s if s.endswith("-artist") else "O" for s in row] for row in rows] for rows in (y, y_test))
    return X, y, X_test, y_test


@case(RNNTagger(), score_spans)
def artists(folder, seed):
    return draw_artists(folder, seed)


@case(RNNTagger(head="crf"), score_spans)
def artists_crf(folder, seed):
    return draw_artists(folder, seed)


@case(RNNTagger(bidirectional=True), is_large=True)
def afrikaans(folder, seed):
    return draw_parts(read(folder, "ud_afrikaans"), 1000, 400, seed)


@case(RNNRegressor(batch_size=10))
def engines(folder, seed):
    """Remaining life at each step; half of the training engines, tested on others of them."""
    X, y = read(folder, "cmapss")["train"]
    rows = np.random.RandomState(seed).permutation(len(X))
    y = [np.minimum(life, 125) for life in y]
    return scale(take(X, rows[:35]), take(y, rows[:35]), take(X, rows[50:]), take(y, rows[50:]))


@case(RNNRegressor())
def covid(folder, seed):
    return scale(*draw_parts(read(folder, "covid_3month"), 140, 61, seed))


@case(RNNRegressor())
def adding_problem(folder, seed):
    return *make_adding_problem(1000, n_steps=40, random_state=1000 + seed), *make_adding_problem(
        500, n_steps=40, random_state=2000 + seed
    )


@case(RNNLanguageModel(), is_large=True)
def surnames_as_text(folder, seed):
    X, _, X_test, _ = draw_parts(read(folder, "surnames"), 1500, 1000, seed)
    known = set("".join(X))
    return X, None, [name for name in X_test if set(name) <= known], None


@case(RNNSeq2Seq())
def dates(folder, seed):
    return draw_parts(read(folder, "dates"), 800, 400, seed)


@case(RNNForecaster(scaling="series"), score_skill)
def trend_and_season(folder, seed):
    """24 steps ahead of 5 series of 200 to 800 steps."""
    families = read(folder, "generated_forecasting", seed=100 + seed)
    series = [np.asarray(family[0], dtype=float) for family in list(families.values())[::4]]
    return [s[:-24] for s in series], None, [s[:-24] for s in series], [s[-24:] for s in series]


@case(RNNForecaster(), score_skill)
def temperatures(folder, seed):
    """7 days ahead of 30 days, three to three and a half years into the series."""
    series = np.asarray(read(folder, "seattle_weather")["all"][0][0], dtype=float)[:, 1]
    end = 1095 + 12 * seed
    stops = [end + 10 * k for k in range(30)]
    return series[:end], None, [series[:stop] for stop in stops], [series[stop : stop + 7] for stop in stops]


def run(name, folder, seed, epochs):
    """Return score and seconds of both ways, and where early stopping stopped."""
    draw, model, metric, _ = CASES[name]
    X, y, X_test, y_test = draw(folder, seed)
    row = []
    for early_stopping in (False, True):
        fitted = clone(model).set_params(max_iter=epochs, early_stopping=early_stopping, random_state=seed)
        start = time.perf_counter()
        fitted.fit(X) if y is None else fitted.fit(X, y)
        seconds = time.perf_counter() - start
        if metric != "score":
            score = metric(fitted, X_test, y_test)
        else:
            score = fitted.score(X_test) if y is None else fitted.score(X_test, y_test)
        row += [score, seconds]
    return *row, fitted.best_epoch_, fitted.n_iter_, len(X)


def main():
    parser = make_parser(__doc__)
    add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("cases", nargs="*", help="by default all")
    options = parse(parser)
    print(describe_setting())
    RNNClassifier(max_iter=2).fit([[0.0]] * 9, [0, 1, 0] * 3)  # what is imported late
    rows, means = [], []
    for name in options.cases or CASES:
        found = np.array([run(name, options.data, seed, options.epochs) for seed in range(options.seeds)])
        plain, plain_s, early, early_s, best, stop, n = found.T
        _, model, metric, is_large = CASES[name]
        means.append((plain.mean(), early.mean()))
        cells = [name.replace("_", " ") + (" (large)" if is_large else ""), type(model).__name__, int(n[0])]
        cells += [
            f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})" for values in (plain, early)
        ]
        cells += [f"{early.mean() - plain.mean():+.3f}", f"{early_s.sum() / plain_s.sum():.2f}"]
        cells += [f"{best.min():.0f} to {best.max():.0f} of {stop.min():.0f} to {stop.max():.0f}"]
        rows.append(cells)
        print(*cells, sep=" | ", flush=True)
    print()
    header = [
        "data",
        "estimator",
        "sequences",
        f"{options.epochs} epochs",
        "early stopping",
        "difference",
        "time",
    ]
    print_table([*header, "best epoch"], rows)
    plain, early = np.mean(means, axis=0)
    print(f"mean of all: {plain:.4f} for {options.epochs} epochs, {early:.4f} with early stopping")


if __name__ == "__main__":
    main()
