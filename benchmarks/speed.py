"""Compare times with bare torch, with a plain skorch net, and with Keras on JAX.

fit      RNNClassifier.fit; a loop in bare torch over the same batches, padded, data at hand as tensors;
         a skorch NeuralNetClassifier on padded arrays and lengths, whose module packs them;
         a Keras model with Masking on padded arrays, compiled beforehand (if Keras and JAX are there);
         all begin with the same weights, and all but ours shuffle anew in each round: hence the ranges.
step     forward and backward pass of one batch through one layer: ours; torch's layer on padded and on packed
         input; and the matrix products alone that no implementation can do without.
predict  one sequence of 50 steps, the bare module; the recurrent layer alone; layers one step at a time,
         as in a language model.
beside   an operation of torch's right after a step of ours and right after one of torch's own layers.
import   what `import sklearn_rnn` adds to other imports, and a first fit to a second, in new processes.

All ways are timed in turn in one process; the tables give medians. On a machine that does other things too,
rely on --threads 1 --clock cpu: the processor's time for this process alone.
"""

import importlib.util
import os
import subprocess
import sys
import time
from functools import partial

import numpy as np
import torch
from common import describe_setting, draw_sequences, make_parser, parse, print_table, time_interleaved
from sklearn.base import clone
from skorch import NeuralNetClassifier
from skorch.callbacks import GradientNormClipping
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_sequence

from sklearn_rnn import RNNClassifier
from sklearn_rnn.batches.packing import Packing
from sklearn_rnn.batches.planning import plan_training
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.nn import CELLS, Recurrence, StepRunner
from sklearn_rnn.nn.kernels import choose

HIDDEN, BATCH, RATE, CLIP = 64, 32, 0.003, 1.0
TORCH_CELLS = {"elman": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def fit_ours(model, X, y):
    return model.fit(X, y).loss_curve_[-1]


class Bare(nn.Module):
    """What one writes in torch: padded input, time first; the output at each sequence's last step."""

    def __init__(self, cell, n_features, n_classes, start=None):
        super().__init__()
        self.recurrent = TORCH_CELLS[cell](n_features, HIDDEN)
        self.linear = nn.Linear(HIDDEN, n_classes)
        if start is not None:
            self.load_state_dict(start)

    def forward(self, X, lengths):
        outputs, _ = self.recurrent(X)  # (T, B, H)
        return self.linear(outputs[lengths - 1, torch.arange(len(lengths))])


def fit_bare(cell, X, y, epochs, start, rng):
    lengths = np.array([len(x) for x in X])
    lengths_tensor = torch.from_numpy(lengths)
    module = Bare(cell, X[0].shape[1], int(y.max()) + 1, start)
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE, fused=True)
    for _ in range(epochs):
        losses = []
        for members in plan_training(lengths, BATCH, rng):
            index = torch.from_numpy(members)
            scores = module(pad_sequence([X[i] for i in members]), lengths_tensor[index])
            loss = cross_entropy(scores, y[index])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), CLIP)
            optimizer.step()
            losses.append(loss.item())
    return np.mean(losses)


class Packed(nn.Module):
    """What skorch's documentation leads to: padded arrays and lengths, packed in the module."""

    def __init__(self, cell, n_features, n_classes, start):
        super().__init__()
        self.recurrent = TORCH_CELLS[cell](n_features, HIDDEN, batch_first=True)
        self.linear = nn.Linear(HIDDEN, n_classes)
        self.load_state_dict(start)

    def forward(self, X, lengths):
        packed = pack_padded_sequence(X, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, state = self.recurrent(packed)
        return self.linear((state[0] if isinstance(state, tuple) else state)[-1])


def make_skorch(cell, n_features, n_classes, epochs, start):
    return NeuralNetClassifier(
        Packed,
        module__cell=cell,
        module__n_features=n_features,
        module__n_classes=n_classes,
        module__start=start,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=RATE,
        max_epochs=epochs,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[GradientNormClipping(CLIP)],
        verbose=0,
    )


def fit_skorch(net, X, y):
    return net.fit(X, y).history[-1]["train_loss"]


KERAS_LAYERS = {"elman": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}


def has_keras():
    return all(importlib.util.find_spec(name) for name in ("keras", "jax"))


def make_keras(cell, n_features, n_classes):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    model = keras.Sequential(
        [
            keras.Input((None, n_features)),
            keras.layers.Masking(),
            getattr(keras.layers, KERAS_LAYERS[cell])(HIDDEN),
            keras.layers.Dense(n_classes),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE, global_clipnorm=CLIP), loss)
    return model


def fit_keras(model, X, y, epochs, start):
    """Fit a compiled model from given weights, as if it were new."""
    model.set_weights(start)
    rate = model.optimizer.learning_rate
    for variable in model.optimizer.variables:
        if variable is not rate:
            variable.assign(np.zeros(variable.shape, variable.dtype))
    return model.fit(X, y, batch_size=BATCH, epochs=epochs, verbose=0).history["loss"][-1]


def give_start(model, X, y):
    """Give the weights that `model` begins with, under the names of `Bare` and `Packed`, and for Keras."""
    cell = clone(model).set_params(max_iter=1, learning_rate=1e-30).fit(X, y).module_
    layer, linear = cell.recurrence.layers[0][0], cell.head.output
    start = {f"recurrent.{name}_l0": weight for name, weight in layer.state_dict().items()}
    start |= {f"linear.{name}": weight for name, weight in linear.state_dict().items()}
    weights = [w.numpy() for w in (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)]
    if model.cell == "gru":  # r, z, n here; z, r, n there
        weights = [np.concatenate([np.split(w, 3)[k] for k in (1, 0, 2)]) for w in weights]
    kernel, recurrent, *biases = weights
    bias = np.stack(biases) if model.cell == "gru" else sum(biases)
    return start, [kernel.T, recurrent.T, bias, linear.weight.numpy().T, linear.bias.numpy()]


def describe_range(values):
    low, high = f"{min(values):.3f}", f"{max(values):.3f}"
    return low if low == high else f"{low} to {high}"


def keep(results, name, run):
    results[name].append(run())


def compare_fits(sets, repeats, clock):
    rows = []
    names = ["ours", "bare", "skorch"] + (["keras"] if has_keras() else [])
    for title, X, y, epochs, rounds in sets:
        tensors, codes = [torch.from_numpy(x) for x in X], torch.from_numpy(y)
        padded = {
            "X": pad_sequence(tensors, batch_first=True).numpy(),
            "lengths": np.array([len(x) for x in X]),
        }
        n_features, n_classes = X[0].shape[1], len(np.unique(y))
        for cell in TORCH_CELLS:
            model = RNNClassifier(
                cell=cell,
                hidden_size=HIDDEN,
                batch_size=BATCH,
                learning_rate=RATE,
                max_grad_norm=CLIP,
                max_iter=epochs,
                device="cpu",
                random_state=0,
            )
            with torch.no_grad():
                start, keras_start = give_start(model, X, y)
            net = make_skorch(cell, n_features, n_classes, epochs, start)
            losses = {name: [] for name in names}
            runs = {
                "ours": partial(fit_ours, model, X, y),
                "bare": partial(fit_bare, cell, tensors, codes, epochs, start, np.random.RandomState(0)),
                "skorch": partial(fit_skorch, net, padded, y),
            }
            if has_keras():
                keras_model = make_keras(cell, n_features, n_classes)
                runs["keras"] = partial(fit_keras, keras_model, padded["X"], y, epochs, keras_start)
            ways = {name: partial(keep, losses, name, run) for name, run in runs.items()}
            times = {
                way: np.median(seconds)
                for way, seconds in time_interleaved(ways, rounds * repeats, clock).items()
            }
            ratios = [f"{times[way] / times['ours']:.1f}" for way in names[1:]]
            in_order = " / ".join(describe_range(losses[way]) for way in names)
            rows.append([title, cell, *(f"{times[way]:.2f}" for way in names), *ratios, in_order])
            print(*rows[-1], sep="; ", file=sys.stderr, flush=True)
    titles = {"ours": "fit", "bare": "bare torch", "skorch": "skorch", "keras": "Keras on JAX"}
    header = [f"{titles[way]}, s" for way in names] + [f"{titles[way]} / fit" for way in names[1:]]
    print_table(["data", "cell", *header, "training losses of the last epoch"], rows)


def compare_steps(repeats, clock):
    """Time one layer, forward and backward, on batches of unequal (T / 4 to T) and of equal lengths."""
    rows = []
    for B, T, d, H in [(32, 20, 12, 64), (32, 50, 32, 128), (64, 100, 64, 256)]:
        for shortest in (T // 4, T):
            lengths = np.sort(np.random.RandomState(0).randint(shortest, T + 1, size=B))[::-1].copy()
            lengths[0] = T
            packing = Packing(lengths)
            for cell in TORCH_CELLS:
                ways = make_steps(cell, packing, d, H)
                rounds = repeats * (100 if H < 128 else 30 if H < 256 else 8)
                times = {
                    name: 1000 * np.median(seconds)
                    for name, seconds in time_interleaved(ways, rounds, clock).items()
                }
                ours, products = times["ours"], times["products"]
                best = min(times["padded"], times["packed"])
                rows.append(
                    [
                        cell,
                        f"{B}, {T}, {d}, {H}",
                        f"{shortest} to {T}" if shortest < T else f"all {T}",
                        *(f"{times[name]:.2f}" for name in ways),
                        f"{ours / products:.2f}",
                        f"{best / ours:.1f}",
                    ]
                )
    header = ["cell", "B, T, d, H", "lengths", "ours, ms", "torch padded, ms", "torch packed, ms"]
    print_table([*header, "products alone, ms", "ours / products", "best of torch / ours"], rows)


def make_steps(cell, packing, d, H):
    n_steps, sizes = packing.n_steps_total, packing.batch_sizes
    x, grad = torch.randn(n_steps, d), torch.randn(n_steps, H)
    dense, dense_grad = (torch.randn(len(sizes), len(packing), width) for width in (d, H))
    packed = PackedSequence(x, torch.tensor(sizes))
    layer = TORCH_CELLS[cell](d, H)
    recurrence = make_recurrence(cell, d, H)
    n_gates = len(layer.weight_ih_l0) // H

    def run(forward, gradient):
        outputs = forward()
        outputs.backward(gradient)

    # The projection, the recurrence there and back, and the gradients of both weights.
    gates, h = torch.randn(n_steps, n_gates * H), torch.randn(n_steps, H)
    weight_ih, weight_hh = torch.randn(n_gates * H, d), torch.randn(n_gates * H, H)

    def multiply():
        torch.mm(x, weight_ih.t())
        for step in h.split(sizes):
            torch.mm(step, weight_hh.t())
        for step in gates.split(sizes):
            torch.mm(step, weight_hh)
        torch.mm(gates.t(), h)
        torch.mm(gates.t(), x)

    return {
        "ours": partial(run, lambda: recurrence(x, packing)[0], grad),
        "padded": partial(run, lambda: layer(dense)[0], dense_grad),
        "packed": partial(run, lambda: layer(packed)[0].data, grad),
        "products": multiply,
    }


def compare_predictions(repeats, clock):
    rng = np.random.default_rng(0)
    X = draw_sequences(64, (50, 50), 8, rng)
    y = np.arange(64) % 5
    one = X[:1]
    tensor, length = torch.from_numpy(X[0])[:, None], torch.tensor([50])
    rows = []
    for cell in TORCH_CELLS:
        model = RNNClassifier(cell=cell, hidden_size=HIDDEN, max_iter=1, device="cpu", random_state=0).fit(
            X, y
        )
        module = Bare(cell, 8, 5).eval()

        def forward(module=module):
            with torch.inference_mode():
                module(tensor, length)

        times = time_interleaved(
            {"ours": lambda model=model: model.predict(one), "bare": forward}, 200 * repeats, clock
        )
        ours, bare = (1e6 * np.median(times[way]) for way in ("ours", "bare"))
        rows.append([cell, f"{ours:.0f}", f"{bare:.0f}", f"{ours - bare:.0f}", f"{ours / bare:.2f}", "1.5"])
    print_table(["cell", "predict, µs", "bare forward, µs", "difference, µs", "ratio", "at most"], rows)


def compare_layers_in_prediction(repeats, clock):
    """Time a layer without gradients: one sequence of 50 steps, then single steps."""
    bars = {"elman": "0.3", "gru": "0.3", "lstm": "0.65"}
    rows, step_rows = [], []
    x, packing = torch.randn(50, 8), Packing(np.array([50]))
    for cell in TORCH_CELLS:
        layer, recurrence = TORCH_CELLS[cell](8, HIDDEN), make_recurrence(cell, 8, HIDDEN)
        ways = {
            "ours": partial(recurrence, x, packing),
            "torch": partial(layer, x[:, None]),
        }
        with torch.inference_mode():
            times = time_interleaved(ways, 200 * repeats, clock)
        ours, theirs = (1e6 * np.median(times[way]) for way in ways)
        rows.append([cell, f"{ours:.0f}", f"{theirs:.0f}", f"{ours / theirs:.2f}", bars[cell]])
        for B in (1, 64):
            layer, recurrence = TORCH_CELLS[cell](64, 128, 2), make_recurrence(cell, 64, 128, num_layers=2)
            step, inputs = StepRunner(recurrence), torch.randn(B, 64)
            with torch.inference_mode():
                _, state = step(inputs)
                _, torch_state = layer(inputs[None])
                ways = {
                    "ours": partial(step, inputs, state),
                    "torch": partial(layer, inputs[None], torch_state),
                }
                times = time_interleaved(ways, 200 * repeats, clock)
            ours, theirs = (1e6 * np.median(times[way]) for way in ways)
            step_rows.append([cell, B, f"{ours:.0f}", f"{theirs:.0f}", f"{theirs / ours:.1f}"])
    print_table(["cell", "50 steps, µs", "torch's layer, µs", "ours / torch", "at most"], rows)
    print_table(
        ["cell, 2 layers, H 128", "sequences", "one step, µs", "torch's layers, µs", "torch / ours"],
        step_rows,
    )


def make_recurrence(cell, d, H, **options):
    return Recurrence(lambda size, is_top: CELLS[cell](size, H), d, **options)


def compare_neighbours(repeats, clock):
    """Time operations of torch's that follow a training step of ours or of torch's layer."""
    lengths = np.full(32, 50)
    steps = make_steps("lstm", Packing(lengths), 32, 128)
    a, b = torch.randn(512, 512), torch.randn(2_000_000)
    operations = {"product of 512 x 512": lambda: a @ a, "tanh of 2,000,000": lambda: b.tanh()}
    times = {(name, before): [] for name in operations for before in ("ours", "padded")}
    for _ in range(60 * repeats):
        for name, before in times:
            steps[before]()
            start = clock()
            operations[name]()
            times[name, before].append(clock() - start)
    rows = []
    for name in operations:
        ours, theirs = (1e6 * np.median(times[name, before]) for before in ("ours", "padded"))
        rows.append([name, f"{ours:.0f}", f"{theirs:.0f}", f"{ours / theirs:.2f}"])
    print_table(["operation", "after ours, µs", "after torch's LSTM, µs", "ratio"], rows)


FIRST_FITS = """
import time
import numpy as np
from sklearn_rnn import RNNClassifier

X, y = [np.ones((n, 2)) for n in range(2, 22)], np.arange(20) % 2
for _ in range(2):
    start = time.perf_counter()
    RNNClassifier(max_iter=3, device="cpu").fit(X, y)
    print(time.perf_counter() - start)
"""


def compare_starts(repeats):
    """Time the imports of a new process, and its first fit against its second."""
    lines = [
        ("import torch", None, None),
        ("import torch, sklearn_rnn", 0, 0.3),
        ("import torch, sklearn.model_selection", 0, None),
        ("import torch, sklearn.model_selection; from sklearn_rnn import RNNClassifier", 2, 0.15),
    ]

    def start(line):
        subprocess.run([sys.executable, "-c", line], check=True)

    times = time_interleaved({line: partial(start, line) for line, _, _ in lines}, repeats)
    medians = [np.median(times[line]) for line, _, _ in lines]
    rows = []
    for (line, i_base, bar), seconds in zip(lines, medians, strict=True):
        more = "" if i_base is None else f"{seconds - medians[i_base]:+.2f}, than `{lines[i_base][0]}`"
        rows.append([f"`{line}`", f"{seconds:.2f}", more, bar or ""])
    print_table(["new process", "s", "more, s", "at most"], rows)
    fits = [
        subprocess.run([sys.executable, "-c", FIRST_FITS], check=True, capture_output=True, text=True).stdout
        for _ in range(repeats)
    ]
    first, second = np.median([[float(seconds) for seconds in fit.split()] for fit in fits], axis=0)
    row = [f"{first:.3f}", f"{second:.3f}", f"{first - second:+.3f}", 0.15]
    print_table(["first fit of a process, s", "second fit, s", "more, s", "at most"], [row])


def main():
    parser = make_parser(__doc__)
    parser.add_argument("parts", nargs="*", help="fit, step, predict, beside, import; by default all")
    parser.add_argument("--repeats", type=int, default=5, help="measured rounds")
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="what is timed, imports excepted"
    )
    options = parse(parser)
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[options.clock]
    print(describe_setting())
    print(f"Time loops: {choose.describe()}\n")
    parts = options.parts or ["fit", "step", "predict", "beside", "import"]
    start = time.perf_counter()
    if "fit" in parts:
        vowels, speakers = load_japanese_vowels(subset="train", return_X_y=True)
        rng = np.random.default_rng(0)
        drawn = draw_sequences(2000, (10, 200), 8, rng)
        sets = [
            ("Japanese vowels, 20 epochs", vowels, np.unique(speakers, return_inverse=True)[1], 20, 3),
            ("2,000 sequences of 10 to 200 steps, 2 epochs", drawn, rng.integers(5, size=2000), 2, 1),
        ]
        compare_fits(sets, options.repeats, clock)
    if "step" in parts:
        compare_steps(options.repeats, clock)
    if "predict" in parts:
        compare_predictions(options.repeats, clock)
        compare_layers_in_prediction(options.repeats, clock)
    if "beside" in parts:
        compare_neighbours(options.repeats, clock)
    if "import" in parts:
        compare_starts(options.repeats)
    print(f"Took {(time.perf_counter() - start) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
