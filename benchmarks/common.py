"""What the benchmarks share: timing, tables, and the data sets that are not in the package."""

import argparse
import os
import platform
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch


def make_parser(text):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--threads", type=int, help="torch's number of threads; by default torch's own choice"
    )
    return parser


def parse(parser):
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    return options


def describe_setting():
    """Say in one line what was measured with what; to be printed above a table."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "skorch", "scikit-learn", "numpy"))
    python = f"Python {platform.python_version()}"
    return f"{date.today()}, {python}, {versions}, CPU, {torch.get_num_threads()} thread(s)\n"


def print_table(header, rows):
    """Print a Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)


def time_interleaved(ways, repeats, clock=time.perf_counter):
    """Time functions in turn, so that what else the machine does falls on all of them alike.

    Returns the times in seconds, an array of shape (repeats,) for each way; an unmeasured round comes first.
    """
    times = {name: [] for name in ways}
    for round_ in range(repeats + 1):
        for name, run in ways.items():
            start = clock()
            run()
            if round_:
                times[name].append(clock() - start)
    return {name: np.array(seconds) for name, seconds in times.items()}


def draw_sequences(n_sequences, n_steps, n_features, rng):
    """Draw float32 sequences; n_steps is (min, max)."""
    lengths = rng.integers(n_steps[0], n_steps[1] + 1, size=n_sequences)
    return [rng.standard_normal((length, n_features), dtype=np.float32) for length in lengths]


# Public data sets, read from a folder that the user names. docs/benchmarks.md says where they come from.


def add_data_option(parser):
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("SKLEARN_RNN_DATA"),
        help="folder with the public data sets (see docs/benchmarks.md); by default $SKLEARN_RNN_DATA",
    )


def read_names(folder):
    """Surnames and their languages: one file a language, one name a line."""
    names, languages = [], []
    for file in sorted((Path(folder) / "names_by_language").glob("*.txt")):
        for line in filter(None, map(str.strip, file.read_text(encoding="utf-8").splitlines())):
            names.append(line)
            languages.append(file.stem)
    return names, np.array(languages)


def read_snips(folder, split):
    """Voice commands as lists of words, and the slots of the words."""

    def read(name):
        text = (Path(folder) / "snips" / split / name).read_text(encoding="utf-8")
        return [line.split() for line in text.splitlines()]

    return read("seq.in"), read("seq.out")


def read_engines(folder, split):
    """Sensors of turbofan engines, (n_steps_i, 24), and the remaining life at each engine's last step."""
    folder = Path(folder) / "cmapss_fd001"
    table = np.loadtxt(next(folder.glob(f"{split}_FD001.txt*")), dtype=np.float32)
    engines = [table[table[:, 0] == k, 2:] for k in np.unique(table[:, 0])]
    life = np.zeros(len(engines)) if split == "train" else np.loadtxt(folder / "RUL_FD001.txt")
    return engines, life
