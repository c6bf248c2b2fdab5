"""The shipped data sets: counts, types, known values, descriptions."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from sklearn_rnn.datasets import (
    load_chess_openings,
    load_japanese_vowels,
    load_pronunciations,
    load_seattle_weather,
    load_surnames,
)

LOADERS = [
    load_japanese_vowels,
    load_surnames,
    load_seattle_weather,
    load_chess_openings,
    load_pronunciations,
]
DATA = files("sklearn_rnn.datasets") / "data"


@pytest.mark.parametrize("load", LOADERS)
def test_bunch(load):
    bunch = load()
    X, y = load(return_X_y=True)
    assert len(X) == len(y) == len(bunch.data) == len(bunch.target)
    assert isinstance(X, list)
    assert all(np.array_equal(a, b) for a, b in zip(X, bunch.data, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(y, bunch.target, strict=True))
    assert Path(bunch.filename).is_file()
    assert bunch.target_names == sorted(set(np.concatenate([np.ravel(labels) for labels in y]).tolist()))
    for part in (":Sequences:", "Source\n......", "Licence\n.......", "Citation\n........"):
        assert part in bunch.DESCR


@pytest.mark.parametrize("load", LOADERS)
def test_every_call_gives_data_of_its_own(load):
    before = load().target[0]
    bunch = load()
    bunch.target[0] = bunch.data[0] = None
    np.testing.assert_array_equal(load().target[0], before)
    assert load().data[0] is not None


@pytest.mark.parametrize(
    ("subset", "n_sequences", "n_steps", "rows_per_speaker"),
    [
        ("all", 640, 9961, [61, 65, 118, 74, 59, 54, 70, 80, 59]),
        ("train", 270, 4274, [30] * 9),
        ("test", 370, 5687, [31, 35, 88, 44, 29, 24, 40, 50, 29]),
    ],
)
def test_japanese_vowels_counts(subset, n_sequences, n_steps, rows_per_speaker):
    vowels = load_japanese_vowels(subset=subset)
    lengths = [len(x) for x in vowels.data]
    assert len(lengths) == len(vowels.train) == n_sequences
    assert sum(lengths) == n_steps
    assert (min(lengths), max(lengths)) == (7, 29 if subset != "train" else 26)
    assert {x.shape[1:] for x in vowels.data} == {(12,)}
    assert {x.dtype for x in vowels.data} == {np.dtype(np.float32)}
    assert len(vowels.feature_names) == 12
    speakers, counts = np.unique(vowels.target, return_counts=True)
    assert speakers.tolist() == [str(i) for i in range(1, 10)]
    assert counts.tolist() == rows_per_speaker


def test_japanese_vowels_known_values():
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    assert X[0].shape == (20, 12)
    # The first two steps of the first two features, and the last step of the first.
    np.testing.assert_array_equal(X[0][:2, :2], np.float32([[1.860936, -0.207383], [1.891651, -0.193249]]))
    assert X[0][-1, 0] == np.float32(1.261441)
    assert y[0] == "1"
    X, y = load_japanese_vowels(subset="test", return_X_y=True)
    assert X[0].shape == (19, 12)
    assert X[0][0, 0] == np.float32(1.635533)


def test_japanese_vowels_subsets_are_parts_of_all():
    vowels = load_japanese_vowels()
    assert vowels.train.dtype == bool
    for subset, rows in (("train", vowels.train), ("test", ~vowels.train)):
        part = load_japanese_vowels(subset=subset)
        np.testing.assert_array_equal(part.target, vowels.target[rows])
        assert np.all(part.train == (subset == "train"))
        whole = [x for x, chosen in zip(vowels.data, rows, strict=True) if chosen]
        assert all(np.array_equal(a, b) for a, b in zip(part.data, whole, strict=True))


@pytest.mark.parametrize(("subset", "nearest"), [("trian", "'train'"), ("tests", "'test'")])
def test_japanese_vowels_misspelt_subset(subset, nearest):
    with pytest.raises(
        ValueError, match=rf"subset must be .* but it is '{subset}'\. Did you mean {nearest}\?"
    ):
        load_japanese_vowels(subset=subset)


@pytest.mark.parametrize("subset", ["xyz", None, 1])
def test_japanese_vowels_illegal_subset(subset):
    with pytest.raises(ValueError, match=r"must be one of 'all', 'train', 'test', but it is \S+\.$"):
        load_japanese_vowels(subset=subset)


def test_surnames():
    X, y = load_surnames(return_X_y=True)
    assert len(X) == 11746
    assert all(isinstance(name, str) for name in X)
    assert (X[0], y[0]) == ("Mzomba", "Zulu")
    assert ("O'Connor", "English") in set(zip(X, y.tolist(), strict=True))
    assert len(set(zip(X, y.tolist(), strict=True))) == 11746
    lengths = [len(name) for name in X]
    assert (min(lengths), max(lengths)) == (2, 40)
    assert len(set("".join(X))) == 103
    languages, counts = np.unique(y, return_counts=True)
    assert len(languages) == 13
    assert counts.min() == 400
    assert languages[counts.argmax()] == "Irish"
    assert counts.max() == 2377
    for language, count in zip(languages, counts, strict=True):
        assert re.search(rf"{language}\s{count}\b", load_surnames().DESCR)


def test_surnames_are_shuffled():
    _, y = load_surnames(return_X_y=True)
    for half in np.array_split(y, 2):
        assert np.mean(half == "Irish") == pytest.approx(0.202, abs=0.01)


def test_seattle_weather():
    weather = load_seattle_weather()
    (X,), (y,) = weather.data, weather.target
    assert (X.shape, X.dtype) == ((1461, 4), np.float32)
    assert y.shape == weather.dates.shape == (1461,)
    assert weather.feature_names == ["precipitation", "temp_max", "temp_min", "wind"]
    np.testing.assert_array_equal(X[:2], np.float32([[0, 12.8, 5, 4.7], [10.9, 10.6, 2.8, 4.5]]))
    np.testing.assert_array_equal(X[-1], np.float32([0, 5.6, -2.1, 3.5]))
    assert y[:3].tolist() == ["drizzle", "rain", "rain"]
    words, counts = np.unique(y, return_counts=True)
    found = dict(zip(words.tolist(), counts.tolist(), strict=True))
    assert found == {"sun": 714, "fog": 411, "rain": 259, "drizzle": 54, "snow": 23}


def test_seattle_weather_dates_have_no_gap():
    dates = load_seattle_weather().dates
    assert dates.dtype == np.dtype("datetime64[D]")
    np.testing.assert_array_equal(dates, np.arange("2012-01-01", "2016-01-01", dtype="datetime64[D]"))


def test_chess_openings():
    openings = load_chess_openings()
    X, y = openings.data, openings.target
    assert len(X) == len(openings.names) == len({tuple(moves) for moves in X}) == 5853
    lengths = [len(moves) for moves in X]
    assert (min(lengths), max(lengths), sum(lengths)) == (1, 36, 56394)
    assert len({move for moves in X for move in moves}) == 410
    by_moves = {tuple(moves): i for i, moves in enumerate(X)}
    sicilian = by_moves["e4", "c5"]
    assert (openings.names[sicilian], y[sicilian]) == ("Sicilian Defence", "Semi-Open Games")
    mate = by_moves["f3", "e5", "g4", "Qh4#"]
    assert openings.names[mate] == "Barnes Opening, Fool's Mate"
    classes, counts = np.unique(y, return_counts=True)
    assert len(classes) == 5 and (classes[counts.argmax()], counts.max()) == ("Open Games", 1435)
    for label, count in zip(classes, counts, strict=True):
        assert re.search(rf"{label}\s{count}\b", openings.DESCR)


def test_chess_moves_are_in_algebraic_notation():
    moves = {move for line in load_chess_openings(return_X_y=True)[0] for move in line}
    notation = re.compile(r"(O-O(-O)?|[KQRBN]?[a-h]?[1-8]?x?[a-h][1-8](=[QRBN])?)[+#]?")
    assert all(notation.fullmatch(move) for move in moves)


def test_pronunciations():
    words = load_pronunciations()
    X, y = words.data, words.target
    assert len(X) == len(y) == len(set(X)) == 10000
    assert all(re.fullmatch("[a-z]{2,18}", word) for word in X)
    assert (sum(map(len, X)), min(map(len, X)), max(map(len, X))) == (80736, 2, 18)
    assert (sum(map(len, y)), min(map(len, y)), max(map(len, y))) == (70247, 2, 17)
    assert len(words.target_names) == 69 and len({p.rstrip("012") for p in words.target_names}) == 39
    assert sum(p[-1].isdigit() for p in words.target_names) == 45  # 15 vowels, each in three kinds of stress
    assert len({tuple(phonemes) for phonemes in y}) == 10000 - 90
    spoken = dict(zip(X, map(" ".join, y), strict=True))
    assert spoken["through"] == "TH R UW1" and spoken["chemistry"] == "K EH1 M AH0 S T R IY0"
    assert "you" not in spoken


def test_checksums_in_readme():
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    listed = dict(reversed(line.split()) for line in readme.splitlines() if re.match("[0-9a-f]{64}  ", line))
    shipped = [f.name for f in DATA.iterdir() if not f.name.endswith((".rst", "README.md"))]
    assert sorted(listed) == sorted(shipped)
    for name, checksum in listed.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == checksum


def test_package_data_stays_small():
    assert sum(len(f.read_bytes()) for f in DATA.iterdir()) < 1_000_000
