"""Measure what it takes to train `RNNLanguageModel` on a file that is read in parts: memory, and time.

memory   A file of 1 GB (tinyshakespeare/input.txt in the folder --data, over and over) is made in a temporary
         folder. In a process of its own the first pass goes over all of it, then training goes over a number
         of batches. "Idle" is what the process held after imports and a tiny fit; "added" is its peak less
         that.
speed    One epoch over a file of 1 MB, and over the same text as a str, timed in turn in one process; the
         first pass is part of both. They must learn the same, to the last bit.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from common import add_data_option, describe_setting, make_parser, parse, print_table, time_interleaved
from skorch.callbacks import Callback

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.data.text_file import TextFile
from sklearn_rnn.nn.kernels import choose

BAR = 300  # MB above an idle process
MODELS = {
    "GRU, 32": {"cell": "gru", "hidden_size": 32},
    "LSTM, 2 x 128": {"cell": "lstm", "hidden_size": 128, "num_layers": 2},
}


class Stop(Callback):
    """End training after some batches."""

    def __init__(self, n_batches):
        self.n_left = n_batches

    def on_batch_end(self, net, **kwargs):
        self.n_left -= 1
        if self.n_left == 0:
            raise KeyboardInterrupt


def measure_memory(path, n_batches):
    """Return bytes held when idle, after the first pass, and at the peak; seconds of the first pass."""
    RNNLanguageModel(max_iter=1, device="cpu").fit("to be or not to be " * 100)
    process = psutil.Process()
    idle = process.memory_info().rss
    start = time.perf_counter()
    TextFile(path)
    seconds = time.perf_counter() - start
    passed = process.memory_info().rss
    model = RNNLanguageModel(max_iter=1, device="cpu", random_state=0, callbacks=[Stop(n_batches)])
    model.fit(path)
    unit = 1 if sys.platform == "darwin" else 1024
    return idle, passed, unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, seconds


def report_memory(folder, source, n_bytes, n_batches):
    path, text = Path(folder, "large.txt"), source.read_bytes()
    with open(path, "wb") as file:
        for _ in range(-(-n_bytes // len(text))):
            file.write(text)
    command = [sys.executable, __file__, *sys.argv[1:], "--process", str(path), "--batches", str(n_batches)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    idle, passed, peak, seconds = json.loads(output)
    added = (peak - idle) / 1e6
    row = [
        f"{path.stat().st_size / 1e6:,.0f}",
        f"{seconds:.1f}",
        f"{n_batches:,}",
        *(f"{n / 1e6:.0f}" for n in (idle, passed, peak)),
        f"{added:.0f}",
        f"{BAR}",
        "yes" if added <= BAR else "no",
    ]
    path.unlink()
    header = ["file, MB", "first pass, s", "batches", "idle, MB", "after a first pass, MB", "peak, MB"]
    print_table([*header, "added, MB", "at most", "reached"], [row])


def report_speed(folder, source, repeats, clock):
    path = Path(folder, "small.txt")
    path.write_bytes(source.read_bytes()[: 2**20])
    text = path.read_bytes().decode()
    rows = []
    for name, options in MODELS.items():
        model = RNNLanguageModel(**options, max_iter=1, device="cpu", random_state=0)
        losses = {}
        ways = {
            way: lambda way=way, X=X, model=model, losses=losses: losses.update(
                {way: model.fit(X).loss_curve_[0]}
            )
            for way, X in {"str": text, "file": path}.items()
        }
        times = {way: np.median(s) for way, s in time_interleaved(ways, repeats, clock).items()}
        rows.append(
            [
                name,
                *(f"{len(text) / times[way]:,.0f}" for way in ("file", "str")),
                f"{times['file'] / times['str']:.3f}",
                " / ".join(repr(losses[way]) for way in ("file", "str")),
            ]
        )
    header = ["", "file, characters / s", "str, characters / s", "time of file / str", "losses, file / str"]
    print_table(header, rows)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("parts", nargs="*", help="memory, speed; by default both")
    parser.add_argument("--repeats", type=int, default=3, help="measured rounds of speed")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="what is timed in speed")
    parser.add_argument("--bytes", type=int, default=10**9, help="size of the large file")
    parser.add_argument("--batches", type=int, default=2000, help="batches to train on in memory")
    parser.add_argument("--process", type=Path, help="measure memory with this file, in this process")
    add_data_option(parser)
    options = parse(parser)
    if options.process:
        print(json.dumps(measure_memory(options.process, options.batches)))
        return
    if options.data is None:
        parser.error("--data is needed.")
    source = Path(options.data, "tinyshakespeare", "input.txt")
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[options.clock]
    print(describe_setting())
    print(f"Time loops: {choose.describe()}\n")
    parts = options.parts or ["memory", "speed"]
    with tempfile.TemporaryDirectory() as folder:
        if "memory" in parts:
            report_memory(folder, source, options.bytes, options.batches)
        if "speed" in parts:
            report_speed(folder, source, options.repeats, clock)


if __name__ == "__main__":
    main()
