"""Compare the span metrics with seqeval: equal results, and how long they take.

equal    precision, recall and F1 score of spans (four averages) of ours and of seqeval, on random labels
         (any letter may follow any) and, with --data, on the slots of voice commands (SNIPS) with a share
         of the labels exchanged; every scheme in both modes. seqeval's default mode knows no scheme, but the
         letters B, I, E and S only, so there it is given BILOU in the letters of IOBES.
time     F1 score of spans of sentences of 4 to 20 words with 20 types, IOB2; both are given lists of lists
         of str. Ours also of object arrays, which is what RNNTagger.predict gives; then other metrics.
"""

import time
import warnings
from functools import partial

import numpy as np
import seqeval.metrics
from common import (
    add_data_option,
    describe_setting,
    make_parser,
    parse,
    print_table,
    read_snips,
    time_interleaved,
)
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES

from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.metrics import (
    edit_distance_rate,
    find_spans,
    span_f1_score,
    span_precision_score,
    span_recall_score,
    step_accuracy_score,
    step_f1_score,
)

SCHEMES = {"iob1": (IOB1, "BI"), "iob2": (IOB2, "BI"), "iobes": (IOBES, "BIES"), "bilou": (BILOU, "BILU")}
SCORES = {"precision": span_precision_score, "recall": span_recall_score, "f1": span_f1_score}
AVERAGES = ("micro", "macro", "weighted", None)


def exchange(y, share, labels, rng):
    """Put random labels in the place of a share of the labels."""
    flat = np.concatenate(y)
    flat = np.where(rng.random(len(flat)) < share, rng.choice(labels, size=len(flat)), flat)
    return cut(flat, list(map(len, y)))


def cut(flat, lengths):
    return [row.tolist() for row in np.split(flat, np.cumsum(lengths)[:-1])]


def draw_labels(letters, n_sequences, rng):
    """Draw labels of three types, in any order, and predictions that share half of them."""
    labels = ["O", "O", *(f"{letter}-{type_}" for letter in letters for type_ in ("X", "Y", "Z"))]
    lengths = rng.integers(1, 16, size=n_sequences)
    y_true = cut(rng.choice(labels, size=lengths.sum()), lengths)
    return y_true, exchange(y_true, 0.5, labels, rng)


def mark_spans(spans, lengths, scheme):
    """Write spans, (sequence, type, start, end) each, as labels of a scheme."""
    y = [["O"] * length for length in lengths]
    first, inside, last, single = {"iobes": "BIES", "bilou": "BILU"}.get(scheme, "BIIB")
    before = (None, None, None)
    for i, type_, start, end in spans:
        letters = [first, *[inside] * (end - start - 2), last] if end - start > 1 else [single]
        if scheme == "iob1" and before != (i, type_, start):
            letters[0] = "I"
        y[i][start:end] = [f"{letter}-{type_}" for letter in letters]
        before = (i, type_, end)
    return y


def read_realistic(folder, scheme, rng):
    """Slots of voice commands, and the same with 10% of the labels exchanged for others that occur."""
    _, slots = read_snips(folder, "train")
    spans = zip(*(part.tolist() for part in find_spans(slots)), strict=True)
    y_true = mark_spans(spans, list(map(len, slots)), scheme)
    return y_true, exchange(y_true, 0.1, sorted({label for row in y_true for label in row}), rng)


def to_iobes(y):
    return [[label.replace("L-", "E-").replace("U-", "S-") for label in row] for row in y]


def count_unequal(y_true, y_pred, scheme, mode):
    """Count the scores that differ, of twelve; give also the F1 score."""
    theirs = {"mode": "strict", "scheme": SCHEMES[scheme][0]} if mode == "strict" else {}
    pair = (
        tuple(map(to_iobes, (y_true, y_pred))) if mode != "strict" and scheme == "bilou" else (y_true, y_pred)
    )
    n_unequal = 0
    for name, score in SCORES.items():
        for average in AVERAGES:
            ours = score(y_true, y_pred, scheme=scheme, mode=mode, average=average, zero_division=0)
            other = getattr(seqeval.metrics, f"{name}_score")
            expected = other(*pair, average=average, zero_division=0, **theirs)
            n_unequal += not np.allclose(ours, expected, rtol=1e-12, atol=0)
    return n_unequal, span_f1_score(y_true, y_pred, scheme=scheme, mode=mode)


def compare(options):
    rng = np.random.default_rng(0)
    rows = []
    for scheme, (_, letters) in SCHEMES.items():
        data = {"random": [draw_labels(letters, 200, rng) for _ in range(20)]}
        if options.data:
            data["SNIPS"] = [read_realistic(options.data, scheme, rng)]
        for mode in ("conlleval", "strict"):
            for name, pairs in data.items():
                results = [count_unequal(*pair, scheme, mode) for pair in pairs]
                unequal = sum(n for n, _ in results)
                f1 = np.mean([f1 for _, f1 in results])
                rows.append([scheme, mode, name, 12 * len(pairs), unequal, f"{f1:.4f}"])
    print_table(["scheme", "mode", "labels", "scores compared", "unequal", "F1, micro, mean"], rows)


def draw_sentences(n_sentences, rng):
    """Sentences with spans of 20 types, and predictions of which a tenth of the labels are others."""
    lengths = rng.integers(4, 21, size=n_sentences)
    types = [f"TYPE{k}" for k in range(20)]
    labels = ["O", *(f"{letter}-{t}" for t in types for letter in "BI")]
    y = []
    for length in lengths:
        row = []
        while len(row) < length:
            row += ["O"] * rng.integers(0, 5)
            t = types[rng.integers(20)]
            row += [f"B-{t}"] + [f"I-{t}"] * rng.integers(0, 3)
        y.append(row[:length])
    return y, exchange(y, 0.1, labels, rng)


def measure(options, clock):
    y_true, y_pred = draw_sentences(options.sentences, np.random.default_rng(0))
    arrays = tuple(object_array(map(np.array, y)) for y in (y_true, y_pred))
    ways = {}
    for mode, theirs in (("conlleval", {}), ("strict", {"mode": "strict", "scheme": IOB2})):
        ways[mode] = partial(span_f1_score, y_true, y_pred, mode=mode)
        ways[f"{mode}, arrays"] = partial(span_f1_score, *arrays, mode=mode)
        ways[f"{mode}, seqeval"] = partial(seqeval.metrics.f1_score, y_true, y_pred, **theirs)
        assert np.isclose(ways[mode](), ways[f"{mode}, seqeval"](), rtol=1e-12)
    times = {name: np.median(t) for name, t in time_interleaved(ways, options.repeats, clock).items()}
    rows = []
    for mode in ("conlleval", "strict"):
        ours, array, theirs = (times[f"{mode}{form}"] for form in ("", ", arrays", ", seqeval"))
        bars = ["2.0", "10"] if mode == "strict" else ["2.0", ""]
        rows.append(
            [mode, *(f"{t:.2f}" for t in (ours, array, theirs)), bars[0], f"{theirs / ours:.1f}", bars[1]]
        )
    print(f"{len(y_true):,} sentences, {sum(map(len, y_true)):,} words.\n")
    header = ["mode", "ours, s", "ours, object arrays, s", "seqeval, s", "ours at most"]
    print_table([*header, "seqeval / ours", "at least"], rows)
    others = {
        "step_accuracy_score": partial(step_accuracy_score, y_true, y_pred),
        "step_f1_score": partial(step_f1_score, y_true, y_pred),
        "edit_distance_rate": partial(edit_distance_rate, y_true, y_pred),
    }
    times = time_interleaved(others, options.repeats, clock)
    print_table(["other metrics", "s"], [[f"`{name}`", f"{np.median(t):.2f}"] for name, t in times.items()])


def main():
    parser = make_parser(__doc__)
    add_data_option(parser)
    parser.add_argument("--sentences", type=int, default=100_000, help="number of sentences that are timed")
    parser.add_argument("--repeats", type=int, default=3, help="number of timed rounds")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="what is timed")
    options = parse(parser)
    print(describe_setting())
    warnings.simplefilter("error")  # nothing here is ill-defined
    compare(options)
    measure(options, {"wall": time.perf_counter, "cpu": time.process_time}[options.clock])


if __name__ == "__main__":
    main()
