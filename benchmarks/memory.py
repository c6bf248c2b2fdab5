"""Measure the peak memory of `RNNClassifier.fit` against the size of the data.

One epoch, hidden_size 16, batches of 256, on 200,000 sequences of 20 to 80 steps with 8 features. Each row is
a process of its own. "Added" is its peak less what it held before; the user's data are in it. "Before" is
taken twice: when all was imported, and after a fit of ten sequences, at which torch loads what any first
step of one of its optimizers loads.
"""

import json
import resource
import subprocess
import sys

import numpy as np
import psutil
from common import describe_setting, draw_sequences, make_parser, parse, print_table

from sklearn_rnn import RNNClassifier, Sequences

PROCESSES = {
    "list-make": "list of arrays, only made",
    "list-fit": "list of arrays, made and fitted",
    "flat-make": "`Sequences`, only made",
    "flat-fit": "`Sequences`, made and fitted",
}


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


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--sequences", type=int, default=200_000, help="number of sequences")
    parser.add_argument("--process", choices=PROCESSES, help="measure this row alone, in this process")
    options = parse(parser)
    if options.process:
        print(json.dumps(measure(options.process, options.sequences)))
        return
    print(describe_setting())
    rows = []
    for name, title in PROCESSES.items():
        command = [sys.executable, __file__, *sys.argv[1:], "--process", name]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        imported, idle, peak, size = (n / 1e6 for n in json.loads(output))
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
