"""Compare `RNNLanguageModel` with bare torch in speed, score it on a text of Shakespeare's, and on surnames.

speed    characters a second in training: `fit` as a whole against a loop over the same lanes and chunks
         with torch's layers, one-hot input, the state carried and detached, fused Adam and clipping. Both
         begin with the same weights and see the same batches in the same order: their losses must agree.
         "Products alone" are the matrix products that no implementation can do without. In sampling:
         `sample` against the loop that calls torch's layers a step at a time, same weights.
scores   validation loss in nats a character, the state carried over the whole validation text.
cells    the same of Elman, GRU and LSTM at about equal numbers of parameters, with less training.
conditions
         surnames under their language as condition: how well `predict_condition` tells the language, beside
         `RNNClassifier`, and the loss of the names given their language. Splits as in scores.py.

In speed, all ways are timed in turn in one process; the table gives medians. The text is the file
tinyshakespeare/input.txt in the folder --data: the first 90 % to train on, the last 10 % to validate on.
"""

import sys
import time
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
    read_names,
    time_interleaved,
)
from scores import BENCHMARKS
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from skorch.callbacks import LRScheduler
from torch import nn
from torch.nn.functional import cross_entropy

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.nn.kernels import choose
from sklearn_rnn.preprocessing import TokenEncoder

LANES, STEPS, HIDDEN, LAYERS, RATE, CLIP = 32, 64, 128, 2, 0.003, 1.0
TORCH_CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}
BARS = {"gru": 3.0, "lstm": 1.2}


def read_text(folder):
    """Give the part to train on and the part to validate on."""
    text = (Path(folder) / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")
    cut = int(0.9 * len(text))
    return text[:cut], text[cut:]


class Bare(nn.Module):
    """What one writes in torch: one-hot input by a look-up, time first; code 0 comes before a text."""

    def __init__(self, cell, n_tokens):
        super().__init__()
        self.register_buffer("one_hot", torch.eye(n_tokens + 1), persistent=False)
        self.recurrent = TORCH_CELLS[cell](n_tokens + 1, HIDDEN, LAYERS)
        self.linear = nn.Linear(HIDDEN, n_tokens)

    def forward(self, codes, state=None):
        outputs, state = self.recurrent(self.one_hot[codes], state)  # (T, B, H)
        return self.linear(outputs), state


def detach(state):
    return state.detach() if torch.is_tensor(state) else tuple(s.detach() for s in state)


def fit_bare(cell, codes, n_tokens, start):
    """Train for an epoch; codes count from 1."""
    module = Bare(cell, n_tokens)
    module.load_state_dict(start)
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE, fused=True)
    inputs = torch.cat([codes.new_zeros(1), codes[:-1]]).view(LANES, -1).t().contiguous()
    targets = (codes - 1).view(LANES, -1).t().contiguous()
    state, losses = None, []
    for x, y in zip(inputs.split(STEPS), targets.split(STEPS), strict=True):
        scores, state = module(x, state)
        state = detach(state)
        loss = cross_entropy(scores.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses)


def sample_bare(module, characters, n_texts, n_steps):
    """Draw texts by a call of torch's layers a step."""
    codes, state, drawn = torch.zeros(1, n_texts, dtype=torch.int64), None, [[] for _ in range(n_texts)]
    with torch.inference_mode():
        for _ in range(n_steps):
            scores, state = module(codes, state)
            codes = torch.multinomial(torch.softmax(scores[0], dim=1), 1).t() + 1
            for text, code in zip(drawn, codes[0].tolist(), strict=True):
                text.append(characters[code - 1])
    return ["".join(text) for text in drawn]


def make_products(cell, n_tokens, n_chunks):
    """Make what computes the matrix products alone that no training can do without, there and back."""
    n_gates, rows = {"gru": 3, "lstm": 4}[cell], LANES * STEPS
    width = n_gates * HIDDEN
    h, out, gates, scores = (torch.randn(rows, k) for k in (HIDDEN, HIDDEN, width, n_tokens))
    weight, weight_out = torch.randn(HIDDEN, width), torch.randn(HIDDEN, n_tokens)
    steps, gate_steps = h.split(LANES), gates.split(LANES)

    def multiply():
        for _ in range(n_chunks):
            for k in range(LAYERS):
                for x, g in zip(steps, gate_steps, strict=True):
                    torch.mm(x, weight, out=g)  # from state to state
                for x, g in zip(steps, gate_steps, strict=True):
                    torch.mm(g, weight.t(), out=x)
                torch.mm(h.t(), gates)
                if k:  # what comes in; in the first layer it is looked up
                    torch.mm(h, weight, out=gates)
                    torch.mm(gates, weight.t(), out=out)
                    torch.mm(h.t(), gates)
            torch.mm(out, weight_out, out=scores)
            torch.mm(scores, weight_out.t(), out=out)
            torch.mm(out.t(), scores)

    return multiply


def make_model(cell, **options):
    options = {"max_iter": 1} | options
    return RNNLanguageModel(
        cell=cell,
        hidden_size=HIDDEN,
        num_layers=LAYERS,
        batch_size=LANES,
        bptt_steps=STEPS,
        learning_rate=options.pop("learning_rate", RATE),
        max_grad_norm=CLIP,
        device="cpu",
        random_state=0,
        **options,
    )


def give_start(model):
    """Give a fitted model's weights under the names of `Bare`."""
    layers = [layer[0].state_dict() for layer in model.module_.recurrence.layers]
    start = {f"recurrent.{name}_l{k}": w for k, layer in enumerate(layers) for name, w in layer.items()}
    return start | {f"linear.{name}": w for name, w in model.module_.head.output.state_dict().items()}


def keep(results, name, run):
    results[name].append(run())


def compare_training(text, repeats, clock, n_chunks=128):
    text = text[: LANES * STEPS * n_chunks]
    characters, codes = np.unique(list(text), return_inverse=True)
    codes = torch.from_numpy(codes + 1)
    ways, losses = {}, {}
    for cell in TORCH_CELLS:
        model = make_model(cell)
        start = give_start(make_model(cell, learning_rate=1e-30).fit(text))
        runs = {
            "ours": lambda model=model: model.fit(text).loss_curve_[-1],
            "torch": partial(fit_bare, cell, codes, len(characters), start),
        }
        for way, run in runs.items():
            losses[cell, way] = []
            ways[cell, way] = partial(keep, losses, (cell, way), run)
        ways[cell, "products"] = make_products(cell, len(characters), n_chunks)
    times = {way: np.median(seconds) for way, seconds in time_interleaved(ways, repeats, clock).items()}
    rows = []
    for cell in TORCH_CELLS:
        ours, theirs = (len(text) / times[cell, way] for way in ("ours", "torch"))
        in_order = " / ".join(f"{losses[cell, way][-1]:.4f}" for way in ("ours", "torch"))
        products = len(text) / times[cell, "products"]
        rates = (f"{rate:,.0f}" for rate in (ours, theirs, products))
        ratios = (f"{ours / theirs:.2f}", f"{BARS[cell]}", f"{products / theirs:.2f}")
        rows.append([cell, *rates, *ratios, in_order])
    header = [f"{way}, characters / s" for way in ("ours", "torch", "products alone")]
    header = ["training", *header, "ours / torch", "at least", "products alone / torch"]
    print_table([*header, "losses, ours / torch"], rows)


def compare_sampling(text, repeats, clock, n_steps=1000):
    text = text[: LANES * STEPS * 4]
    ways, sizes = {}, (1, 64)
    for cell in TORCH_CELLS:
        model = make_model(cell).fit(text)
        characters = model.vocabulary_.tolist()
        module = Bare(cell, len(characters)).eval()
        module.load_state_dict(give_start(model))
        for n_texts in sizes:
            ways[cell, n_texts, "ours"] = partial(
                model.sample, n_texts, max_new_tokens=n_steps, random_state=0
            )
            ways[cell, n_texts, "torch"] = partial(sample_bare, module, characters, n_texts, n_steps)
    times = time_interleaved(ways, repeats, clock)
    rate = {way: way[1] * n_steps / np.median(seconds) for way, seconds in times.items()}
    rows = []
    for cell in TORCH_CELLS:
        for n_texts in sizes:
            ours, theirs = (rate[cell, n_texts, way] for way in ("ours", "torch"))
            alone = [rate[cell, 1, way] for way in ("ours", "torch")]
            rows.append(
                [
                    cell,
                    n_texts,
                    f"{ours:,.0f}",
                    f"{theirs:,.0f}",
                    f"{ours / theirs:.1f}",
                    "3" if (cell, n_texts) == ("lstm", 1) else "",
                    *(("", "", "") if n_texts == 1 else (*(f"{ours / a:.1f}" for a in alone), "20")),
                ]
            )
    header = ["sampling", "texts at once", "ours, characters / s", "torch, characters / s", "ours / torch"]
    print_table([*header, "at least", "ours / ours alone", "ours / torch alone", "at least"], rows)


def schedule(text, epochs, rate):
    """Make the callback that raises the learning rate for a tenth of the updates, then lowers it to 0."""
    n_updates = epochs * (len(text) // LANES // STEPS)
    return LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        step_every="batch",
        max_lr=rate,
        total_steps=n_updates + 1,
        pct_start=0.1,
        div_factor=10,
        final_div_factor=100,
    )


def train(text, epochs, rate, **options):
    """Train a model; return it, its number of parameters, and the seconds it took."""
    model = RNNLanguageModel(
        num_layers=LAYERS,
        batch_size=LANES,
        bptt_steps=STEPS,
        max_iter=epochs,
        learning_rate=rate,
        callbacks=[schedule(text, epochs, rate)],
        device="cpu",
        random_state=0,
        **options,
    )
    start = time.perf_counter()
    model.fit(text)
    seconds = time.perf_counter() - start
    return model, sum(w.numel() for w in model.module_.parameters()), seconds


# name: epochs, largest learning rate, other parameters, bar
SCORES = {
    "LSTM 2 x 128": (16, 0.007, {"hidden_size": 128, "dropout": 0.2}, 1.54),
    "LSTM 2 x 256": (14, 0.006, {"hidden_size": 256, "dropout": 0.35}, 1.48),
}
CELLS = {
    "Elman": (5, 0.003, {"cell": "elman", "hidden_size": 133}, None),
    "GRU": (5, 0.006, {"cell": "gru", "hidden_size": 75}, None),
    "LSTM": (5, 0.015, {"cell": "lstm", "hidden_size": 64}, None),
}


def score(settings, text, validation):
    rows = []
    for name, (epochs, rate, options, bar) in settings.items():
        model, n_parameters, seconds = train(text, epochs, rate, **options)
        nats = -model.score(validation)
        described = ", ".join(f"{key}={value!r}" for key, value in options.items())
        reached = [] if bar is None else [f"≤ {bar}", "yes" if nats <= bar else "no"]
        rows.append(
            [
                name,
                f"{described}, {epochs} epochs, learning rate up to {rate}",
                f"{n_parameters:,}",
                f"{model.loss_curve_[-1]:.3f}",
                f"{nats:.3f}",
                f"{nats / np.log(2):.3f}",
                *reached,
                f"{seconds / 60:.1f}",
                f"{epochs * len(text) / seconds:,.0f}",
            ]
        )
        print(*rows[-1], sep="; ", file=sys.stderr, flush=True)
    header = ["", "setting", "parameters", "training, nats", "validation, nats", "bits"]
    has_bar = any(bar is not None for *_, bar in settings.values())
    header += ["bar", "reached"] if has_bar else []
    print_table([*header, "minutes", "characters / s"], rows)


# name: what to change from the defaults, besides max_iter=10; None for no condition
CONDITIONS = {
    "no condition": None,
    **{
        f"{cell}, {way}": {"cell": cell, "condition_as": way}
        for cell in ("lstm", "gru", "elman", "jordan")
        for way in ("state", "input")
    },
}


def tell_languages(folder, seed, clock):
    """Give accuracy, nats a character and the seconds of `fit` for each model, on the split of a seed."""
    names, languages = read_names(folder)
    X, X_test, y, y_test = train_test_split(
        names, languages, test_size=0.2, stratify=languages, random_state=seed
    )
    start = clock()
    classifier = clone(BENCHMARKS["names"].model).set_params(random_state=seed, device="cpu").fit(X, y)
    results = {"RNNClassifier": (classifier.score(X_test, y_test), np.nan, clock() - start)}
    encoder = TokenEncoder(min_frequency=2)  # characters that training sees once, or never, are one
    X, X_test = encoder.fit_transform(X), encoder.transform(X_test)
    for name, options in CONDITIONS.items():
        has_one = options is not None
        model = RNNLanguageModel(max_iter=10, random_state=seed, device="cpu", **(options or {}))
        start = clock()
        model.fit(X, condition=y if has_one else None)
        seconds = clock() - start
        accuracy = (model.predict_condition(X_test) == y_test).mean() if has_one else np.nan
        results[name] = accuracy, -model.score(X_test, condition=y_test if has_one else None), seconds
        print(seed, name, *results[name], sep="; ", file=sys.stderr, flush=True)
    return results


def compare_conditions(folder, seeds, clock):
    results = [tell_languages(folder, seed, clock) for seed in range(seeds)]
    means = {name: np.mean([r[name] for r in results], axis=0) for name in results[0]}
    bar = means["RNNClassifier"][0] - 0.03
    rows = []
    for name, (accuracy, nats, seconds) in means.items():
        each = " / ".join(f"{r[name][0]:.4f}" for r in results)
        has = not np.isnan(accuracy), not np.isnan(nats)
        rows.append(
            [
                name,
                f"{accuracy:.4f} ({each})" if has[0] else "",
                ("yes" if accuracy >= bar else "no") if all(has) else "",
                f"{nats:.4f}" if has[1] else "",
                f"{seconds:.0f}",
            ]
        )
    header = ["cell, condition_as", "accuracy (of each seed)", f"at least {bar:.4f}", "nats a character"]
    print_table([*header, "s a fit"], rows)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("parts", nargs="*", help="speed, scores, cells, conditions; by default all")
    parser.add_argument("--repeats", type=int, default=5, help="measured rounds of speed")
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="what is timed in speed and conditions"
    )
    parser.add_argument("--seeds", type=int, default=1, help="number of splits in conditions")
    add_data_option(parser)
    options = parse(parser)
    if options.data is None:
        parser.error("--data is needed.")
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[options.clock]
    parts = options.parts or ["speed", "scores", "cells", "conditions"]
    if set(parts) - {"conditions"}:
        text, validation = read_text(options.data)
    print(describe_setting())
    print(f"Time loops: {choose.describe()}\n")
    if "speed" in parts:
        compare_training(text, options.repeats, clock)
        compare_sampling(text, options.repeats, clock)
    if "scores" in parts:
        score(SCORES, text, validation)
    if "cells" in parts:
        score(CELLS, text, validation)
    if "conditions" in parts:
        compare_conditions(options.data, options.seeds, clock)


if __name__ == "__main__":
    main()
