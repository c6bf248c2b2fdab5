"""Write down what fits with fixed seeds predict, or compare it with what was written down before a change.

One network for each estimator, cell, head, pooling and form of the data; predictions, their losses and their
hidden states, on one thread. Numbers are compared bit for bit, and where they differ by their largest
difference. A file is for one machine: another processor rounds otherwise.

    python benchmarks/golden.py --write golden.pickle
    (change the code)
    python benchmarks/golden.py --compare golden.pickle
"""

import itertools
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import make_parser, parse

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
    Sequences,
)
from sklearn_rnn.nn import LSTMCell
from sklearn_rnn.preprocessing import SequencePadder

N = 24
SMALL = {"hidden_size": 12, "max_iter": 2, "batch_size": 8, "random_state": 0, "device": "cpu"}
CELLS = ("elman", "jordan", "lstm", "gru")


class OwnCell(LSTMCell):
    """A cell of a user, which the plain loop runs."""


def make_data():
    """Return the forms of inputs, by name, and targets, by kind."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 15, N)
    numbers = [rng.normal(size=(n, 3)) for n in lengths]
    words = [[str(w) for w in rng.choice(["red", "green", "blue", "pink"], n)] for n in lengths]
    texts = ["".join(rng.choice(list("abcde"), n)) for n in lengths]
    inputs = {
        "arrays": numbers,
        "Sequences": Sequences.from_lengths(np.concatenate(numbers), lengths),
        "univariate": [x[:, 0] for x in numbers],
        "padded": SequencePadder().fit_transform(numbers),
        "array": rng.normal(size=(N, 6, 2)),
        "table": pd.DataFrame(rng.normal(size=(N, 6))),
        "codes": [rng.integers(0, 5, n) for n in lengths],
        "words": words,
        "texts": texts,
    }
    targets = {
        "classes": np.array(["x", "y", "z"])[np.arange(N) % 3],
        "labels": rng.integers(0, 2, (N, 3)),
        "outputs": np.stack([np.arange(N) % 2, np.arange(N) % 3], axis=1),
        "number": rng.normal(size=N),
        "numbers": rng.normal(size=(N, 2)),
        "tags": [rng.choice(["O", "B", "I"], n) for n in lengths],
        "number a step": [rng.normal(size=n) for n in lengths],
        "words": [words[i][: 1 + i % 4] for i in range(N)],
    }
    return inputs, targets


def draw_models(inputs, targets):
    """Yield a name, an unfitted estimator, the data to fit, and the methods to ask."""
    cells = [*CELLS, OwnCell]
    ways = [
        {},
        {"num_layers": 2, "bidirectional": True, "dropout": 0.3},
        {"bptt_steps": 3},
        {"early_stopping": True, "max_iter": 8},
    ]
    proba = ("predict", "predict_proba", "hidden_states")
    for cell, form in itertools.product(cells, inputs):
        yield (
            f"classifier {form}",
            RNNClassifier(cell=cell, **SMALL),
            (inputs[form], targets["classes"]),
            proba,
        )
    for cell, way, pooling in itertools.product(cells, ways, ("last", "mean", "max", "attention")):
        model = RNNClassifier(cell=cell, pooling=pooling, **SMALL | way)
        yield f"classifier {pooling} {way}", model, (inputs["arrays"], targets["classes"]), proba
    for cell, kind in itertools.product(cells, ("labels", "outputs")):
        model = RNNClassifier(cell=cell, **SMALL)
        yield f"classifier {kind}", model, (inputs["words"], targets[kind]), proba[:2]
    for cell, kind in itertools.product(cells, ("number", "numbers", "number a step")):
        model = RNNRegressor(cell=cell, **SMALL)
        yield f"regressor {kind}", model, (inputs["arrays"], targets[kind]), ("predict",)
    for cell, head, form in itertools.product(cells, ("softmax", "crf"), ("arrays", "words", "texts")):
        model = RNNTagger(cell=cell, head=head, **SMALL)
        yield f"tagger {head} {form}", model, (inputs[form], targets["tags"]), proba[:2]
    for cell, way in itertools.product(cells, ({}, {"embedding_size": 5}, {"num_layers": 2})):
        for form in ("texts", "words"):
            model = RNNLanguageModel(cell=cell, handle_unknown="error", **SMALL | way)
            yield f"language model {form} {way}", model, (inputs[form],), ("score_samples", "predict_proba")
        model = RNNLanguageModel(cell=cell, handle_unknown="error", **SMALL | way)
        yield f"language model one text {way}", model, ("".join(inputs["texts"]),), ("score", "surprisal")
    pairs = inputs["texts"], targets["words"]
    for cell, way in itertools.product(
        cells, ({}, {"attention": "dot"}, {"attention": "additive", "beam_size": 2})
    ):
        model = RNNSeq2Seq(cell=cell, **SMALL | way)
        yield f"seq2seq {way}", model, pairs, ("predict",)
    series = [np.sin(np.arange(40.0 + i) / 3) + i for i in range(4)]
    for cell, distribution, strategy in itertools.product(
        cells, ("point", "gaussian", "quantile"), ("recursive", "direct")
    ):
        model = RNNForecaster(cell=cell, distribution=distribution, strategy=strategy, horizon=3, **SMALL)
        yield f"forecaster {distribution} {strategy}", model, (series,), ("predict",)


def describe(answer):
    """Return the numbers in an answer, whatever holds it."""
    if isinstance(answer, Sequences):
        return describe(answer.values)
    if isinstance(answer, list | tuple) or (isinstance(answer, np.ndarray) and answer.dtype == object):
        return [describe(part) for part in answer]
    return np.asarray(answer).tolist()


def ask_all():
    """Return the answers of all models, by name."""
    inputs, targets = make_data()
    found = {}
    for name, model, data, methods in draw_models(inputs, targets):
        name = f"{name}, {model.cell if isinstance(model.cell, str) else model.cell.__name__}"
        found[f"{name}: losses"] = model.fit(*data).loss_curve_
        for method in methods:
            found[f"{name}: {method}"] = describe(getattr(model, method)(data[0]))
    return found


def flatten(answer):
    """Yield the single values of an answer."""
    if isinstance(answer, list):
        for part in answer:
            yield from flatten(part)
    else:
        yield answer


def measure(before, now):
    """Return the distance of two answers: 0 for the same bits, inf for those that cannot be compared."""
    a, b = list(flatten(before)), list(flatten(now))
    if a == b:
        return 0.0
    if len(a) != len(b) or not all(isinstance(v, float) for v in (*a, *b)):
        return np.inf
    return float(np.nanmax(np.abs(np.subtract(a, b)), initial=0.0))


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--compare", type=Path)
    options = parse(parser)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found = ask_all()
    print(f"{len(found)} answers")
    if options.write:
        options.write.write_bytes(pickle.dumps(found))
    if options.compare:
        before = pickle.loads(options.compare.read_bytes())
        distances = {key: measure(before.get(key), found.get(key)) for key in before.keys() | found.keys()}
        for name, distance in sorted(distances.items()):
            if distance:
                print(f"{name} differs by {distance:.3g}")
        print(f"{sum(map(bool, distances.values()))} of {len(distances)} answers differ")


if __name__ == "__main__":
    main()
