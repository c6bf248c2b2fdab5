"""Measure how the time of one epoch of `RNNClassifier.fit` grows with the total number of steps.

Sequences of 20 to 80 steps with 8 features, hidden_size 16, batches of 256. Timed is `fit` as a whole with
max_iter=1. A slope of 1, both axes logarithmic, means that twice the steps take twice the time.
"""

import time

import numpy as np
from common import describe_setting, draw_sequences, make_parser, parse, print_table

from sklearn_rnn import RNNClassifier


def time_fit(n_sequences, repeats):
    """Return the median time of fit, that of the epoch in it, and the number of steps."""
    rng = np.random.default_rng(0)
    X = draw_sequences(n_sequences, (20, 80), 8, rng)
    y = rng.integers(5, size=n_sequences)
    y[:5] = range(5)
    model = RNNClassifier(hidden_size=16, batch_size=256, max_iter=1, device="cpu", random_state=0)
    totals, epochs = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        model.fit(X, y)
        totals.append(time.perf_counter() - start)
        epochs.append(model.history_[-1]["dur"])
    return np.median(totals), np.median(epochs), sum(map(len, X))


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--largest", type=float, default=1e7, help="total steps of the largest data set")
    options = parse(parser)
    print(describe_setting())
    time_fit(256, 3)  # the first fits load what later ones find loaded
    fixed, _, _ = time_fit(5, 20)
    sizes = 10 ** np.arange(4, np.log10(options.largest) + 0.01, 0.5)
    rows, seconds, steps = [], [], []
    for size in sizes:
        total, epoch, n_steps = time_fit(round(size / 50), repeats=max(1, min(9, int(2e7 / size) // 10)))
        seconds.append(total)
        steps.append(n_steps)
        rows.append([f"{n_steps:,}", f"{total:.3f}", f"{epoch:.3f}", f"{1e6 * total / n_steps:.2f}"])
    print_table(["steps", "fit, s", "epoch alone, s", "fit, µs a step"], rows)
    x, t = np.log10(steps), np.log10(seconds)
    rows = [["all", f"{np.polyfit(x, t, 1)[0]:.3f}", "1.05"]]
    if x[-1] > 6:
        rows.append(["from 10^5 steps", f"{np.polyfit(x[2:], t[2:], 1)[0]:.3f}", "1.05"])
    print_table(["sizes", "slope", "at most"], rows)
    print(f"Fixed cost, the fit of 5 sequences: {1000 * fixed:.1f} ms.")


if __name__ == "__main__":
    main()
