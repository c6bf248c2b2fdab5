"""Measure the peak memory of `RNNClassifier.fit`, and of `predict` on one long text.

One epoch, hidden_size 16, batches of 256, on 200,000 sequences of 20 to 80 steps with 8 features. Each row is
a process of its own. "Added" is its peak less what it held before; the user's data are in it. "Before" is
taken twice: when all was imported, and after a fit of ten sequences, at which torch loads what any first
step of one of its optimizers loads.

With --predict: what `predict` of one long sequence adds to the peak of `predict` of a short one.
"""

import json
import resource
import subprocess
import sys

import numpy as np
import psutil
from common import describe_setting, draw_sequences, make_parser, parse, print_table

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger, Sequences

PROCESSES = {
    "list-make": "list of arrays, only made",
    "list-fit": "list of arrays, made and fitted",
    "flat-make": "`Sequences`, only made",
    "flat-fit": "`Sequences`, made and fitted",
}
PREDICTIONS = {
    "classifier, LSTM 64": ("tokens", RNNClassifier, {"cell": "lstm", "hidden_size": 64}),
    "classifier, LSTM 256": ("tokens", RNNClassifier, {"cell": "lstm", "hidden_size": 256}),
    "classifier, GRU 256": ("tokens", RNNClassifier, {"cell": "gru", "hidden_size": 256}),
    "classifier, Elman 256": ("tokens", RNNClassifier, {"cell": "elman", "hidden_size": 256}),
    "classifier, Jordan 256": ("tokens", RNNClassifier, {"cell": "jordan", "hidden_size": 256}),
    "classifier, LSTM 64, attention": ("tokens", RNNClassifier, {"hidden_size": 64, "pooling": "attention"}),
    "classifier, LSTM 64, 2 layers": ("tokens", RNNClassifier, {"hidden_size": 64, "num_layers": 2}),
    "classifier, LSTM 64, both directions": (
        "tokens",
        RNNClassifier,
        {"hidden_size": 64, "bidirectional": True},
    ),
    "tagger, LSTM 256": ("tokens", RNNTagger, {"hidden_size": 256}),
    "tagger, LSTM 64, both directions, 2 layers": (
        "tokens",
        RNNTagger,
        {"hidden_size": 64, "bidirectional": True, "num_layers": 2},
    ),
    "regressor of steps, LSTM 256": ("tokens", RNNRegressor, {"hidden_size": 256}),
    "classifier, LSTM 64 ": ("numbers", RNNClassifier, {"hidden_size": 64}),
    "classifier, LSTM 256 ": ("numbers", RNNClassifier, {"hidden_size": 256}),
    "tagger, LSTM 64, both directions ": ("numbers", RNNTagger, {"hidden_size": 64, "bidirectional": True}),
}


def measure_prediction(name, n_steps):
    """Return bytes: held after the `predict` of a short sequence and a long one is made, and at the peak."""
    form, kind, parameters = PREDICTIONS[name]
    rng = np.random.default_rng(0)
    if form == "tokens":
        *X, long = (
            rng.choice(list("abcdefgh"), n).tobytes().decode("utf-32")  # without a str for each character
            for n in (50, 60, 70, 80, n_steps)
        )
    else:
        X = [rng.standard_normal((n, 1), dtype=np.float32) for n in (50, 60, 70, 80)]
        long = rng.standard_normal((n_steps, 1), dtype=np.float32)
    y = np.arange(4) % 2 if kind is RNNClassifier else [np.arange(len(x)) % 3 for x in X]
    model = kind(max_iter=1, device="cpu", random_state=0, **parameters)
    model.fit(X, [part.astype(float) for part in y] if kind is RNNRegressor else y)
    model.predict([long[:1000]])
    unit = 1 if sys.platform == "darwin" else 1024
    before = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model.predict([long])
    return before, unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(name, n_sequences):
    """Return bytes: held after imports, after a first fit, at the peak; size of the values as float32."""
    form, stage = name.split("-")
    model = RNNClassifier(hidden_size=16, batch_size=256, max_iter=1, device="cpu", random_state=0)
    imported = psutil.Process().memory_info().rss
    model.fit(np.zeros((10, 5)), np.arange(10) % 5)
    idle = psutil.Process().memory_info().rss
    rng = np.random.default_rng(0)
    if form == "list":
        X = draw_sequences(n_sequences, (20, 80), 8, rng)
        size = sum(x.nbytes for x in X)
    else:
        lengths = rng.integers(20, 81, size=n_sequences)
        X = Sequences.from_lengths(rng.standard_normal((lengths.sum(), 8), dtype=np.float32), lengths)
        size = X.values.nbytes
    y = rng.integers(5, size=n_sequences)
    if stage == "fit":
        model.fit(X, y)
    unit = 1 if sys.platform == "darwin" else 1024
    return imported, idle, unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, size


def run(name):
    """Measure a row in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--process", name]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--sequences", type=int, default=200_000, help="number of sequences")
    parser.add_argument("--steps", type=int, default=1_000_000, help="number of steps of a long sequence")
    parser.add_argument("--predict", action="store_true", help="measure `predict` on a long sequence instead")
    parser.add_argument(
        "--process", choices=[*PROCESSES, *PREDICTIONS], help="measure this row alone, in this process"
    )
    options = parse(parser)
    if options.process in PROCESSES:
        print(json.dumps(measure(options.process, options.sequences)))
        return
    if options.process:
        print(json.dumps(measure_prediction(options.process, options.steps)))
        return
    print(describe_setting())
    if options.predict:
        rows = []
        for name, (form, *_) in PREDICTIONS.items():
            before, peak = (n / 1e6 for n in run(name))
            rows.append([name.strip(), form, f"{before:.0f}", f"{peak:.0f}", f"{peak - before:.0f}", "300"])
        print_table(["", "X", "before, MB", "peak, MB", "added, MB", "at most"], rows)
        return
    rows = []
    for name, title in PROCESSES.items():
        imported, idle, peak, size = (n / 1e6 for n in run(name))
        bar = "2.5" if name.endswith("fit") else ""
        rows.append(
            [
                title,
                *(f"{n:.0f}" for n in (size, imported, idle, peak)),
                f"{(peak - imported) / size:.2f}",
                f"{(peak - idle) / size:.2f}",
                bar,
            ]
        )
    header = ["", "values, MB", "imported, MB", "after a first fit, MB", "peak, MB"]
    print_table([*header, "added since import / values", "added since first fit / values", "at most"], rows)


if __name__ == "__main__":
    main()
