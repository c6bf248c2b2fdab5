"""Measure files of fitted estimators: how large they are, and how long they take to load.

`RNNClassifier` (GRU, two layers) after 50 epochs on sequences of 8 features, and on words with an embedding.
Files are in the system's cache, times are medians.

Two ways to read the same weights are there to compare with. "arrays" is a pickle of the bare arrays, of which
nothing is made. "torch" is what one would write without this library: make torch's layers, then
`load_state_dict(torch.load(file))`. With hidden_size=2 there are hardly any weights, but as many modules, an
optimizer and a net as ever: that row shows the fixed cost, which no file can be small enough to escape.
"""

import pickle
import tempfile
from pathlib import Path

import joblib
import numpy as np
import skops.io
import torch
from common import describe_setting, draw_sequences, make_parser, parse, print_table, time_interleaved
from torch import nn

from sklearn_rnn import RNNClassifier
from sklearn_rnn.persistence import TRUSTED_TYPES

NETWORKS = {
    "hidden_size=2": (2, False),
    "hidden_size=64": (64, False),
    "hidden_size=64, 3,000 words": (64, True),
    "hidden_size=512": (512, False),
}


def fit(hidden_size, on_words):
    rng = np.random.default_rng(0)
    if on_words:
        words = ["".join(rng.choice(list("abcdefgh"), size=rng.integers(2, 13))) for _ in range(3000)]
        X = np.array_split(rng.permutation(words), 64)
        X = [[str(word) for word in x] for x in X]
    else:
        X = draw_sequences(64, (5, 10), 8, rng)
    model = RNNClassifier(
        hidden_size=hidden_size,
        num_layers=2,
        embedding_size=64 if on_words else None,
        max_iter=50,
        random_state=0,
        device="cpu",
    )
    return model.fit(X, np.arange(64) % 5)


def make_layers(model):
    """Make torch's layers with as many weights."""
    layers = nn.ModuleDict()
    width = model.n_features_in_
    if model.embedding_size is not None:
        width = model.embedding_size
        layers["embedding"] = nn.Embedding(len(model.vocabulary_) + 1, width)
    layers["recurrence"] = nn.GRU(width, model.hidden_size, model.num_layers)
    layers["output"] = nn.Linear(model.hidden_size, len(model.classes_))
    return layers


def measure(model, folder, repeats):
    """Return the size of the weights, the sizes of files, and the times to load them."""
    weights = {name: w.numpy() for name, w in model.module_.state_dict().items()}

    def load_layers(path):
        layers = make_layers(model)
        layers.load_state_dict(torch.load(path))

    ways = {
        "arrays": (weights, pickle_into, unpickle),
        "torch": (make_layers(model).state_dict(), torch.save, load_layers),
        "pickle": (model, pickle_into, unpickle),
        "joblib": (model, joblib.dump, joblib.load),
        "skops": (model, skops.io.dump, lambda path: skops.io.load(path, trusted=TRUSTED_TYPES)),
    }
    sizes, loads = {}, {}
    for name, (what, dump, load) in ways.items():
        path = folder / name
        dump(what, path)
        sizes[name] = path.stat().st_size
        loads[name] = lambda load=load, path=path: load(path)
    times = time_interleaved(loads, repeats)
    return sum(w.nbytes for w in weights.values()), sizes, {name: np.median(t) for name, t in times.items()}


def pickle_into(thing, path):
    with open(path, "wb") as file:
        pickle.dump(thing, file)


def unpickle(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=101, help="how often each file is loaded")
    options = parse(parser)
    print(describe_setting())
    sizes_of, times_of = [], []
    for title, network in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            n_bytes, sizes, times = measure(fit(*network), Path(folder), options.repeats)
        sizes_of.append([title, f"{n_bytes / 1000:.1f}", *(f"{sizes[w] / 1000:.1f}" for w in times)])
        sizes_of[-1] += [f"{sizes['pickle'] / n_bytes:.3f}", "1.1"]
        times_of.append([title, *(f"{1000 * t:.2f}" for t in times.values())])
        times_of[-1] += [f"{times['pickle'] / times[name]:.2f}" for name in ("arrays", "torch")] + ["2"]
    names = list(times)
    print_table(["size, kB", "weights", *names, "pickle / weights", "at most"], sizes_of)
    print_table(["load, ms", *names, "pickle / arrays", "pickle / torch", "at most"], times_of)


if __name__ == "__main__":
    main()
