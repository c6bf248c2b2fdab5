"""Measure the transformers of sequences against the NumPy operations that their work needs at least.

10,000 sequences of 50 to 150 steps with 8 features, a list of float32 arrays: 10^6 steps. All ways are timed
in turn within one run; the ratio is that of the medians. The transformers also look for NaN and infinity and
for sequences that could be mistaken for padding, which the NumPy operations do not. Padding is compared with
two ways: all steps at once by a mask and, without a limit, a loop that copies sequence after sequence.
"""

import numpy as np
from common import describe_setting, draw_sequences, make_parser, parse, print_table, time_interleaved
from sklearn.preprocessing import StandardScaler

from sklearn_rnn.preprocessing import SequencePadder, StepTransformer


def pad(X):
    """Lay the sequences end to end, and put them into an array of padding by a mask."""
    values = np.concatenate(X)
    lengths = np.array([len(x) for x in X])
    padded = np.full((len(X), lengths.max(), X[0].shape[1]), np.nan, dtype=np.float32)
    padded[np.arange(lengths.max()) < lengths[:, np.newaxis]] = values
    return padded


def pad_by_loop(X):
    """Copy sequence after sequence into an array of padding."""
    padded = np.full((len(X), max(map(len, X)), X[0].shape[1]), np.nan, dtype=np.float32)
    for i, x in enumerate(X):
        padded[i, : len(x)] = x
    return padded


def scale(X, method):
    """Lay the sequences end to end, scale all steps at once, and cut them back as views."""
    ends = np.cumsum([len(x) for x in X])
    return np.split(method(np.concatenate(X)), ends[:-1])


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--sequences", type=int, default=10_000, help="number of sequences")
    parser.add_argument("--repeats", type=int, default=21, help="number of rounds")
    options = parse(parser)
    print(describe_setting())
    X = draw_sequences(options.sequences, (50, 150), 8, np.random.default_rng(0))
    padder = SequencePadder(padding_value=np.nan).fit(X)
    steps = StepTransformer(StandardScaler()).fit(X)
    scaler = StandardScaler().fit(np.concatenate(X))
    ways = {
        "`SequencePadder.fit_transform`": (
            lambda: SequencePadder(padding_value=np.nan).fit_transform(X),
            lambda: pad(X),
        ),
        "`SequencePadder.transform`": (lambda: padder.transform(X), lambda: pad(X)),
        "`SequencePadder.transform`, against a loop": (
            lambda: padder.transform(X),
            lambda: pad_by_loop(X),
        ),
        "`StepTransformer(StandardScaler()).fit_transform`": (
            lambda: StepTransformer(StandardScaler()).fit_transform(X),
            lambda: scale(X, StandardScaler().fit_transform),
        ),
        "`StepTransformer(StandardScaler()).transform`": (
            lambda: steps.transform(X),
            lambda: scale(X, scaler.transform),
        ),
    }
    np.testing.assert_array_equal(padder.transform(X), pad(X))
    np.testing.assert_array_equal(padder.transform(X), pad_by_loop(X))
    np.testing.assert_array_equal(steps.transform(X).values, np.concatenate(scale(X, scaler.transform)))
    runs = {(name, k): run for name, pair in ways.items() for k, run in enumerate(pair)}
    times = time_interleaved(runs, options.repeats)
    rows = []
    for name in ways:
        ours, least = (1000 * np.median(times[name, k]) for k in range(2))
        limit = "" if "loop" in name else "1.50"
        rows.append([name, f"{ours:.1f}", f"{least:.1f}", f"{ours / least:.2f}", limit])
    print_table([f"{sum(map(len, X)):,} steps", "ms", "NumPy, ms", "ratio", "at most"], rows)


if __name__ == "__main__":
    main()
