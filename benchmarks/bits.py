"""Count answers and weights that depend on other sequences, on their order, or on the number of threads.

Estimators are drawn at random: class, cell, sizes, layers, directions, pooling, head, form of the data. Each
is fitted on two numbers of threads, whose weights are compared, and asked about all sequences together. Each
case then asks about some of them, in another order, on another number of threads. Numbers are compared bit
for bit.
"""

import warnings

import numpy as np
import torch
from common import describe_setting, make_parser, parse

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
)
from sklearn_rnn.nn.kernels import threads

N = 24


def draw_data(rng):
    """Draw sequences in one of the forms of X."""
    lengths = rng.integers(1, rng.choice([6, 20, 60]), size=N)
    form = rng.choice(["numbers", "text", "words", "codes"])
    if form == "numbers":
        n_features = rng.integers(1, 9)
        return [rng.standard_normal((n, n_features)).astype(rng.choice(["f4", "f8"])) for n in lengths]
    letters = list("abcdefghijklmnopqrstuvwxyz"[: rng.integers(2, 26)])
    texts = ["".join(rng.choice(letters, n)) for n in lengths]
    if form == "text":
        return texts
    return [list(x) for x in texts] if form == "words" else [np.array([ord(c) for c in x]) for x in texts]


def draw_layers(rng):
    big = rng.random() < 0.1
    return {
        "cell": str(rng.choice(["elman", "jordan", "lstm", "gru"])),
        "hidden_size": int(rng.integers(100, 300) if big else rng.integers(1, 50)),
        "num_layers": int(rng.integers(1, 4)),
        "max_iter": 2,
        "batch_size": int(rng.integers(1, N)),
        "random_state": int(rng.integers(1000)),
        "learning_rate": 0.02,
        "optimizer": str(rng.choice(["adam", "adamw", "nadam", "radam", "adagrad", "rmsprop", "sgd"])),
        "weight_decay": float(rng.choice([0.0, 0.01])),
        "nonlinearity": str(rng.choice(["tanh", "relu"])),
        "dropout": float(rng.choice([0.0, 0.3])),
        "device": "cpu",
    }


def draw_case(rng):
    """Draw an estimator, its data, and the questions that it is asked."""
    options = draw_layers(rng)
    kind = rng.choice(
        ["classifier", "regressor", "steps", "tagger", "language model", "seq2seq", "forecaster"]
    )
    if kind == "forecaster":
        series = [rng.standard_normal(n).cumsum() for n in rng.integers(20, 60, size=N)]
        distribution, strategy = (
            rng.choice(["point", "gaussian", "quantile"]),
            rng.choice(["recursive", "direct"]),
        )
        model = RNNForecaster(distribution=str(distribution), strategy=str(strategy), horizon=3, **options)
        ask = [lambda m, X: m.predict(X, 3), lambda m, X: m.hidden_states(X)]
        if strategy == "recursive" and distribution != "point":
            ask += [lambda m, X: m.sample_paths(X, 3, n_samples=2, random_state=0)]
        return model, (series,), ask
    X = draw_data(rng)
    if kind in ("classifier", "regressor", "steps", "tagger"):
        options["bidirectional"] = bool(rng.random() < 0.5)
    if not isinstance(X[0], np.ndarray) or X[0].dtype.kind == "i":
        options["embedding_size"] = (None, 1, 7, 16, 33)[rng.integers(5)]
    if kind == "language model" and isinstance(X[0], np.ndarray) and X[0].dtype.kind == "f":
        X = ["".join(rng.choice(list("xyz"), len(x))) for x in X]
    # What is drawn for equal ones differs, by their order.
    are_different = len({x if isinstance(x, str) else np.array(x).tobytes() for x in X}) == N
    ask = [lambda m, X, *_: m.hidden_states(X)]
    if kind == "classifier":
        pooling = str(rng.choice(["last", "mean", "max", "attention"]))
        y = rng.integers(0, 2, (N, 3)) if rng.random() < 0.3 else np.arange(N) % rng.integers(2, 9)
        model = RNNClassifier(pooling=pooling, **options)
        ask += [lambda m, X, *_: m.predict(X), lambda m, X, *_: m.predict_proba(X)]
    elif kind == "regressor":
        y = rng.standard_normal((N, 2)) if rng.random() < 0.3 else rng.standard_normal(N)
        model = RNNRegressor(pooling=str(rng.choice(["last", "mean", "max", "attention"])), **options)
        ask += [lambda m, X, *_: m.predict(X)]
    elif kind == "steps":
        y = [rng.standard_normal(len(x)) for x in X]
        model = RNNRegressor(**options)
        ask += [lambda m, X, *_: m.predict(X)]
    elif kind == "tagger":
        y = [rng.integers(0, 4, len(x)) for x in X]
        model = RNNTagger(head=str(rng.choice(["softmax", "crf"])), **options)
        ask += [lambda m, X, *_: m.predict_proba(X), lambda m, X, *_: m.predict(X)]
    elif kind == "language model":
        if options.get("embedding_size") and options["cell"] != "jordan" and rng.random() < 0.3:
            options |= {"tie_weights": True, "embedding_size": options["hidden_size"]}
        model, y = RNNLanguageModel(**options), None
        ask += [lambda m, X, *_: m.score_samples(X), lambda m, X, *_: m.predict_proba(X)]
        if are_different:
            ask += [lambda m, X, *_: m.sample(1, prompt=X, max_new_tokens=9, random_state=0)]
        return model, (X,), ask
    else:
        y = ["".join(rng.choice(list("xyz"), n)) for n in rng.integers(0, 6, size=N)]
        attention = rng.choice(["dot", "additive", None])
        options.pop("bidirectional", None)
        model = RNNSeq2Seq(attention=attention, beam_size=int(rng.choice([1, 3])), **options)
        ask += [lambda m, X, y: m.score_samples(X, y), lambda m, X, y: [p for p in m.predict_proba(X, y)]]
        ask += [lambda m, X, y: m.predict(X)]
        if are_different:
            ask += [lambda m, X, y: [list(targets) for targets in m.sample(X, 2, random_state=0)]]
    return model, (X, y), ask


def is_equal(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def take(data, rows):
    return data[rows] if isinstance(data, np.ndarray) else [data[i] for i in rows]


def weights_of(model):
    return [w.numpy().copy() for w in model.module_.state_dict().values()]


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--per-model", type=int, default=50, help="cases of one fitted estimator")
    parser.add_argument("--seed", type=int, default=0)
    options = parse(parser)
    warnings.simplefilter("ignore")
    # As many threads as are asked for, however few cores there are, and for any amount of work.
    threads._count_cores, threads._LEAST_WORK = lambda: 64, 1
    print(describe_setting())
    n_cases = n_unequal = n_exploded = 0
    while n_cases < options.cases:
        rng = np.random.default_rng([options.seed, n_cases + options.per_model * n_exploded])
        model, data, questions = draw_case(rng)
        torch.set_num_threads(int(rng.integers(2, 9)))
        try:
            threaded = weights_of(model.fit(*data))
        except ValueError as error:
            if "Training stopped" not in str(error):
                raise
            n_exploded += 1  # Jordan networks of several layers may, with "relu" and this learning rate
            continue
        torch.set_num_threads(1)
        fine = all(map(is_equal, threaded, weights_of(model.fit(*data))))
        together = [list(ask(model, *data)) for ask in questions]
        wrong = [] if fine else ["weights"]
        n_cases += 1
        for _ in range(options.per_model - 1):
            rows = rng.permutation(N)[: rng.integers(1, N + 1)]
            torch.set_num_threads(int(rng.integers(1, 9)))
            k = rng.integers(len(questions))
            some = list(questions[k](model, *(take(part, rows) for part in data)))
            if not (
                len(some) == len(rows)
                and all(is_equal(a, together[k][i]) for a, i in zip(some, rows, strict=True))
            ):
                wrong.append(f"question {k}")
            n_cases += 1
        if wrong:
            n_unequal += len(wrong)
            print(f"{model!r} on {type(data[0][0]).__name__}: {len(wrong)}, {sorted(set(wrong))}", flush=True)
    print(f"{n_cases} cases, {n_unequal} unequal; {n_exploded} trainings exploded and were left out")


if __name__ == "__main__":
    main()
