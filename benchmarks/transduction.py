"""Score `RNNSeq2Seq` on public data sets and on written sums, and compare its speed with bare torch.

scores   dates in eight locales to ISO; commands to actions (SCAN); spelling to sound in four languages
         (SIGMORPHON 2020); sums of two numbers of three digits each. With --dev the score is that on what
         settings were chosen by: the official dev part, or else 1,000 pairs taken from those to train on.
speed    training: `fit` as a whole against a loop over the same batches with torch's layers, fused Adam and
         clipping, from the same weights, so that the losses must agree. Decoding: 1,000 sources in one call
         of `predict` against one at a time, and a beam of 5 against the greedy way.

A seed sets the weights, the order of batches, dropout and, where there is no official split, the split; of
the sums, the sums themselves. In speed, all ways are timed in turn in one process; the tables give medians.
"""

import copy
import gzip
import re
import sys
import time
import unicodedata
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import (
    add_data_option,
    describe_setting,
    make_parser,
    parse,
    print_table,
    time_interleaved,
)
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback, LRScheduler
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from sklearn_rnn import RNNSeq2Seq
from sklearn_rnn.nn.kernels import choose

# Data: each reader gives X, y and X_test, y_test, or what stands for the test if is_dev.


def split(X, y, n_test, seed):
    X, X_test, y, y_test = train_test_split(X, y, test_size=n_test, random_state=seed)
    return X, y, X_test, y_test


def set_aside(X, y, X_test, y_test, is_dev):
    return split(X, y, 1000, 0) if is_dev else (X, y, X_test, y_test)


def read_table(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return zip(*(line.split("\t")[:2] for line in lines if line), strict=True)


def read_dates(folder, seed, is_dev):
    X, y = map(list, read_table(Path(folder) / "gen_dates" / "dates.tsv"))
    return set_aside(*split(X, y, 0.1, seed), is_dev)


def read_scan(folder, seed, is_dev):
    def read(part):
        with gzip.open(
            Path(folder) / "scan" / f"tasks_{part}_simple.txt.gz", "rt", encoding="utf-8"
        ) as lines:
            pairs = [re.match("IN: (.*) OUT: (.*)", line).groups() for line in lines]
        return [x.split() for x, _ in pairs], [y.split() for _, y in pairs]

    return set_aside(*read("train"), *read("test"), is_dev)


def read_sounds(language, form, folder, seed, is_dev):
    """Give words, in a Unicode form if any is named, and their phones."""

    def read(part):
        words, sounds = read_table(Path(folder) / "sigmorphon2020_g2p" / f"{language}_{part}.tsv")
        words = [unicodedata.normalize(form, w) for w in words] if form else list(words)
        return words, [s.split() for s in sounds]

    return *read("train"), *read("dev" if is_dev else "test")


def draw_sums(n_pairs, folder, seed, is_dev):
    """Give sums of two numbers from 100 to 999, such as "157+368" and "525", none of them twice."""
    chosen = np.random.RandomState(seed).choice(900 * 900, n_pairs + 2000, replace=False)
    numbers = np.column_stack([chosen // 900, chosen % 900]) + 100
    X, y = [f"{a}+{b}" for a, b in numbers], [str(a + b) for a, b in numbers]
    return set_aside(X[:n_pairs], y[:n_pairs], X[n_pairs:], y[n_pairs:], is_dev)


@dataclass
class Task:
    """One row of the table of scores; see `make_model`."""

    read: callable
    measure: str
    bar: float
    epochs: int
    rate: float
    options: dict = field(default_factory=dict)
    needs_data: bool = True


TASKS = {
    "dates": Task(read_dates, "exact match", 0.99, 8, 0.006, {"batch_size": 64}),
    "scan": Task(read_scan, "exact match", 0.99, 10, 0.003, {"batch_size": 64}),
    "fre": Task(partial(read_sounds, "fre", None), "word error", 0.10, 40, 0.003, {"dropout": 0.5}),
    "hun": Task(partial(read_sounds, "hun", None), "word error", 0.08, 25, 0.003, {"dropout": 0.4}),
    "ice": Task(partial(read_sounds, "ice", None), "word error", 0.15, 25, 0.003, {"dropout": 0.4}),
    "kor": Task(partial(read_sounds, "kor", None), "word error", 0.48, 25, 0.003, {"dropout": 0.4}),
    "kor, letters": Task(partial(read_sounds, "kor", "NFD"), "word error", 0.48, 25, 0.003, {"dropout": 0.4}),
    "sums": Task(partial(draw_sums, 20_000), "exact match", 0.98, 10, 0.006, {"batch_size": 64}, False),
}


def make_model(task, n_pairs, seed):
    """Make an estimator whose learning rate rises for a tenth of the updates, then falls to almost 0."""
    batch_size = task.options.get("batch_size", 32)
    schedule = LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        step_every="batch",
        max_lr=task.rate,
        total_steps=task.epochs * -(-n_pairs // batch_size) + 1,
        pct_start=0.1,
        div_factor=10,
        final_div_factor=100,
    )
    return RNNSeq2Seq(
        max_iter=task.epochs,
        learning_rate=task.rate,
        callbacks=[schedule],
        device="cpu",
        random_state=seed,
        **task.options,
    )


def score(task, folder, seed, is_dev):
    X, y, X_test, y_test = task.read(folder, seed, is_dev)
    right = make_model(task, len(X), seed).fit(X, y).score(X_test, y_test)
    return right if task.measure == "exact match" else 1 - right


def score_all(options):
    rows = []
    for name, task in TASKS.items():
        if options.only and name not in options.only:
            continue
        if task.needs_data and options.data is None:
            print(f"Left out for want of --data: {name}.\n")
            continue
        start = time.perf_counter()
        scores = [score(task, options.data, seed, options.dev) for seed in range(options.seeds)]
        seconds = (time.perf_counter() - start) / options.seeds
        is_error = task.measure == "word error"
        mean, worst = np.mean(scores), (max if is_error else min)(scores)
        settings = [f"{key}={value!r}" for key, value in task.options.items()]
        settings += [f"{task.epochs} epochs, learning rate up to {task.rate}"]
        rows.append(
            [
                name,
                ", ".join(settings),
                task.measure,
                f"{mean:.4f}",
                f"{worst:.4f}",
                f"{'≤' if is_error else '≥'} {task.bar}",
                "yes" if (mean <= task.bar if is_error else mean >= task.bar) else "no",
                f"{seconds:.0f}",
            ]
        )
        print(*rows[-1], sep="; ", end="\n\n", file=sys.stderr, flush=True)
    print_table(["", "setting", "measure", "mean", "worst", "bar", "reached", "s a seed"], rows)


# Speed

HIDDEN, EMBEDDING, BATCH, RATE, CLIP = 128, 64, 32, 0.003, 1.0


class Bare(nn.Module):
    """The same network as one writes it in torch, over padded batches, time first.

    `packs` makes its encoder go over packed batches, as it must for the backward direction not to begin in
    the padding. torch is faster without.
    """

    def __init__(self, n_source, n_target, packs):
        super().__init__()
        self.packs = packs
        self.source_embedding = nn.Embedding(n_source, EMBEDDING)
        self.encoder = nn.LSTM(EMBEDDING, HIDDEN, bidirectional=True)
        self.bridge = nn.Linear(2 * HIDDEN, 2 * HIDDEN)
        self.target_embedding = nn.Embedding(n_target, EMBEDDING)
        self.decoder = nn.LSTM(EMBEDDING, HIDDEN)
        self.keys = nn.Linear(2 * HIDDEN, HIDDEN, bias=False)
        self.combine = nn.Linear(3 * HIDDEN, HIDDEN)
        self.output = nn.Linear(HIDDEN, n_target)

    def forward(self, source, lengths, is_step, inputs):
        values = self.source_embedding(source)  # (T_x, B, E)
        if self.packs:
            values, (h, _) = self.encoder(pack_padded_sequence(values, lengths, enforce_sorted=False))
            values, _ = pad_packed_sequence(values)
        else:
            values, (h, _) = self.encoder(values)
        state = self.bridge(torch.cat([h[0], h[1]], dim=1)).split(HIDDEN, dim=1)
        outputs, _ = self.decoder(self.target_embedding(inputs), tuple(s[None].contiguous() for s in state))
        values, outputs = values.transpose(0, 1), outputs.transpose(0, 1)
        fits = torch.bmm(outputs, self.keys(values).transpose(1, 2))
        weights = torch.softmax(fits.masked_fill(~is_step[:, None], float("-inf")), dim=2)  # (B, T_y, T_x)
        context = torch.bmm(weights, values)
        return self.output(torch.tanh(self.combine(torch.cat([outputs, context], dim=2))))


def fit_bare(batches, start, packs):
    """Train for an epoch on tensors that are at hand."""
    sizes = len(start["source_embedding.weight"]), len(start["target_embedding.weight"])
    module = Bare(*sizes, packs)
    module.load_state_dict(start)
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE, fused=True)
    losses, n_terms = [], []
    for *source, inputs, targets in batches:
        scores = module(*source, inputs)
        loss = cross_entropy(scores.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
        n_terms.append((targets >= 0).sum().item())
    return np.average(losses, weights=n_terms)


class Batches(Callback):
    """Keeps the batches of a fit, padded."""

    def on_train_begin(self, net, **kwargs):
        self.padded = []

    def on_batch_begin(self, net, batch, **kwargs):
        source, lengths = pad(batch.source.values, batch.source.packing)
        source, lengths = source[:, batch.source_row], lengths[batch.source_row.cpu()]
        is_step = torch.arange(len(source)) < lengths[:, None]
        inputs, _ = pad(batch.values, batch.packing)
        targets, _ = pad(batch.targets, batch.packing, -100)  # which cross_entropy passes over
        self.padded.append((source, lengths, is_step, inputs, targets.t()))


def pad(values, packing, padding_value=0):
    packed = PackedSequence(values, torch.as_tensor(packing.batch_sizes))
    return pad_packed_sequence(packed, padding_value=padding_value)


def give_start(module):
    """Give a model's weights under the names of `Bare`."""
    directions, (decoder,) = module.encoder.recurrence.layers[0], module.decoder.recurrence.layers[0]
    parts = {
        "source_embedding.{}": module.encoder.input.embedding,
        "encoder.{}_l0": directions[0],
        "encoder.{}_l0_reverse": directions[1],
        "bridge.{}": module.decoder.initial_state.linear,
        "target_embedding.{}": module.decoder.input.embedding,
        "decoder.{}_l0": decoder,
        "keys.{}": module.attention.keys,
        "combine.{}": module.attention.combine,
        "output.{}": module.head.output,
    }
    return {form.format(name): w for form, part in parts.items() for name, w in part.state_dict().items()}


def make_plain(**options):
    defaults = {"batch_size": BATCH, "learning_rate": RATE, "max_iter": 1}
    options = defaults | options
    return RNNSeq2Seq(
        hidden_size=HIDDEN,
        embedding_size=EMBEDDING,
        max_grad_norm=CLIP,
        device="cpu",
        random_state=0,
        **options,
    )


def keep(results, name, run):
    results[name] = run()


def compare_training(data, repeats, clock):
    ways, losses = {}, {}
    for name, (X, y) in data.items():
        still = make_plain(learning_rate=1e-30, callbacks=[("batches", Batches())]).fit(X, y)
        batches = dict(still.net_.callbacks_)["batches"].padded
        start = give_start(still.module_)
        model = make_plain()
        runs = {
            "fit": lambda model=model, X=X, y=y: model.fit(X, y).loss_curve_[-1],
            "packed": partial(fit_bare, batches, start, True),
            "padded": partial(fit_bare, batches, start, False),
        }
        ways |= {(name, way): partial(keep, losses, (name, way), run) for way, run in runs.items()}
    times = {way: np.median(seconds) for way, seconds in time_interleaved(ways, repeats, clock).items()}
    rows = []
    for name in data:
        ours, packed, padded = (times[name, way] for way in ("fit", "packed", "padded"))
        in_order = " / ".join(f"{losses[name, way]:.4f}" for way in ("fit", "packed", "padded"))
        ratios = f"{ours / packed:.2f}", f"{ours / padded:.2f}"
        rows.append([name, *(f"{s:.2f}" for s in (ours, packed, padded)), *ratios, "1.2", in_order])
    header = ["training", "fit, s", "torch packed, s", "torch padded, s", "fit / packed", "fit / padded"]
    print_table([*header, "at most", "losses, in this order"], rows)


def compare_decoding(data, repeats, clock):
    ways, answers = {}, {}
    for name, (X, y) in data.items():
        model, X = make_plain(max_iter=5).fit(X, y), X[:1000]
        beam = copy.deepcopy(model).set_params(beam_size=5)
        runs = {
            "together": partial(model.predict, X),
            "alone": lambda model=model, X=X: [model.predict([x])[0] for x in X],
            "beam": partial(beam.predict, X),
        }
        ways |= {(name, way): partial(keep, answers, (name, way), run) for way, run in runs.items()}
    times = {way: np.median(seconds) for way, seconds in time_interleaved(ways, repeats, clock).items()}
    rows = []
    for name in data:
        together, alone, beam = (times[name, way] for way in ("together", "alone", "beam"))
        same = np.mean(
            [a == b for a, b in zip(answers[name, "together"], answers[name, "alone"], strict=True)]
        )
        seconds = [f"{s:.3f}" for s in (together, alone, beam)]
        rows.append(
            [name, *seconds, f"{alone / together:.1f}", "5", f"{beam / together:.1f}", "6", f"{same:.3f}"]
        )
    header = ["1,000 sources", "in one call, s", "one at a time, s", "beam of 5, s"]
    header += [
        "alone / one call",
        "at least",
        "beam / greedy",
        "at most",
        "same answers, alone and in one call",
    ]
    print_table(header, rows)


def compare_speed(options):
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[options.clock]
    readers = {name: TASKS[name].read for name in ("sums", "dates", "scan")}
    if options.data is None:
        print("Left out for want of --data: dates, scan.\n")
        del readers["dates"], readers["scan"]
    data = {}
    for name, read in readers.items():
        X, y, *_ = read(options.data, 0, False)
        data[name] = X[:2000], y[:2000]
    print(f"Time loops: {choose.describe()}\n")
    compare_training(data, options.repeats, clock)
    compare_decoding(data, options.repeats, clock)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("part", choices=["scores", "speed"])
    parser.add_argument("--only", nargs="+", choices=TASKS, help="of scores, these alone")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds of scores")
    parser.add_argument("--dev", action="store_true", help="score on what settings were chosen by")
    parser.add_argument("--repeats", type=int, default=5, help="measured rounds of speed")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="what is timed in speed")
    add_data_option(parser)
    options = parse(parser)
    print(describe_setting())
    (score_all if options.part == "scores" else compare_speed)(options)


if __name__ == "__main__":
    main()
