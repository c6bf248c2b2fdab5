"""Compare several threads with one, on a quiet machine and beside other busy processes.

fit      five epochs of RNNClassifier: 270 vowels of 7 to 26 steps; 200 drawn sequences of 10 to 200 steps.
predict  predict_proba of the same.

Each number is the time that several threads take, divided by the time of one thread; the two take turns.
Above 1 the threads are in each other's way. The totals of all turns are divided, since on a busy machine
a single turn may take any time. Busy processes count on one thread each, while they are measured beside.
"""

import subprocess
import sys
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from common import describe_setting, draw_sequences, make_parser, parse, print_table, time_interleaved

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels


@contextmanager
def busy_processes(n):
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def on_threads(n, run):
    torch.set_num_threads(n)
    run()


def make_data():
    rng = np.random.default_rng(0)
    vowels, speakers = load_japanese_vowels(subset="train", return_X_y=True)
    return {
        "vowels": (vowels, speakers),
        "long": (draw_sequences(200, (10, 200), 8, rng), rng.integers(5, size=200)),
    }


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2], help="numbers of busy processes")
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--cells", nargs="+", default=["elman", "gru", "lstm"])
    parser.add_argument("--seconds", type=float, default=4.0, help="of one number of the table, about")
    options = parse(parser)
    n_threads = torch.get_num_threads()
    print(describe_setting())
    rows = []
    for name, (X, y) in make_data().items():
        for hidden in options.hidden:
            for cell in options.cells:
                model = RNNClassifier(cell=cell, hidden_size=hidden, max_iter=5, random_state=0)
                model.fit(X, y)
                for what, run in (
                    ("fit", partial(model.fit, X, y)),
                    ("predict", partial(model.predict_proba, X)),
                ):
                    ways = {n: partial(on_threads, n, run) for n in (1, n_threads)}
                    once = sum(times.min() for times in time_interleaved(ways, 2).values())
                    repeats = max(3, round(options.seconds / once))
                    row = [what, name, cell, hidden]
                    for n_busy in options.busy:
                        with busy_processes(n_busy):
                            times = time_interleaved(ways, repeats)
                        row.append(f"{times[n_threads].sum() / times[1].sum():.2f}")
                    rows.append(row)
                    print(*row, file=sys.stderr)
    print_table(["", "data", "cell", "hidden", *(f"{n} busy" for n in options.busy)], rows)


if __name__ == "__main__":
    main()
