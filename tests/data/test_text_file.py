"""Files that are read in parts, against the text as a whole; and chunks that are joined."""

import os

import numpy as np
import pytest
import torch

from sklearn_rnn.batches.streams import FileDataset, StreamDataset
from sklearn_rnn.data import text_file
from sklearn_rnn.data.text_file import TextFile, gather_parts

TEXTS = {
    "ascii": "the cat sat on the mat. " * 9,
    "wide": "ähm ☃ 😀 na ja\r\n" * 9 + "ß",
    "one": "x",
    "no byte order mark": "a\ufeffb",
    "4 bytes each": "😀😃" * 11,
}
every_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


def write(folder, text):
    path = folder / "text.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(params=[4, 5, 64, 2**15])
def block(request, monkeypatch):
    monkeypatch.setattr(text_file, "_BLOCK", request.param)


@every_text
def test_any_part_can_be_read(text, block, tmp_path):
    file = TextFile(write(tmp_path, text))
    assert len(file) == len(text)
    assert file.read_all() == text
    points = np.array([ord(character) for character in text])
    for start in range(0, len(text), 3):
        for stop in range(start + 1, len(text) + 1, 5):
            np.testing.assert_array_equal(file.read(start, stop), points[start:stop])


@every_text
def test_what_is_known_of_the_characters(text, block, tmp_path):
    file = TextFile(write(tmp_path, text))
    assert file.characters == "".join(sorted(set(text)))
    assert file.counts.tolist() == [text.count(character) for character in file.characters]
    assert file.first_steps.tolist() == [text.index(character) for character in file.characters]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"abc\xff\xfe", "invalid start byte at byte 3 .0xff"),
        (b"a" * 5000 + b"\xc3(", "invalid continuation byte at byte 5,000 "),
        (b"ab" + "😀".encode()[:3], "unexpected end of data at byte 2 "),
        (b"ab\xed\xa0\x80", "invalid continuation byte at byte 2 "),  # half of a surrogate pair
        ("ab".encode("utf-16"), "invalid start byte at byte 0 .0xff"),
    ],
)
def test_what_is_no_text_is_an_error_that_says_where(content, message, block, tmp_path):
    with pytest.raises(ValueError, match=f"X_val: .*text.txt is not text in UTF-8: {message}"):
        TextFile(write(tmp_path, content), "X_val")


def test_nul_is_no_text(block, tmp_path):
    with pytest.raises(ValueError, match="X: .*text.txt is not text: its character 5,000 is NUL"):
        TextFile(write(tmp_path, b"a" * 5000 + b"\0bc"))


def test_the_digest_is_that_of_all_characters(tmp_path):
    digests = [
        TextFile(write(tmp_path, b"a" * 50_000 + end + b"a" * 50_000)).digest for end in (b"bc", b"cb", b"bc")
    ]
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize("content", ["", "\ufeff"])
def test_an_empty_file(content, tmp_path):
    with pytest.raises(ValueError, match=r"X is empty; there is nothing to read: .*text.txt has no bytes"):
        TextFile(write(tmp_path, content))


@every_text
def test_a_byte_order_mark_is_not_read(text, block, tmp_path):
    plain = TextFile(write(tmp_path, text).rename(tmp_path / "plain.txt"))
    file = TextFile(write(tmp_path, "\ufeff" + text))
    assert (file.characters, file.digest, len(file)) == (plain.characters, plain.digest, len(text))
    assert file.read_all() == text and file.first_steps.tolist() == plain.first_steps.tolist()
    assert file.read(0, 1).tolist() == [ord(text[0])]


def test_a_file_in_utf_16_is_called_so(tmp_path):
    with pytest.raises(ValueError, match="It is in UTF-16; save it in UTF-8"):
        TextFile(write(tmp_path, "abc".encode("utf-16")))


def test_a_folder(tmp_path):
    with pytest.raises(ValueError, match="X must be the path of a file of text, but .* is a directory"):
        TextFile(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="X must be the path of a file of text, but .* is neither"):
        TextFile(tmp_path / "pipe")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.txt"):
        TextFile(tmp_path / "nothing.txt")


@pytest.mark.parametrize("content", [b"abc", b"abcdefghij", b"bcdefg"])
def test_a_file_that_changes(content, tmp_path):
    path = write(tmp_path, b"abcdef")
    file = TextFile(path)
    path.write_bytes(content)
    os.utime(path, ns=(0, 10**9))
    with pytest.raises(ValueError, match=f"was changed .* had 6 bytes and now has {len(content)}"):
        file.read(0, 2)


@pytest.mark.parametrize("ahead", [1, 20, 2**20])
@pytest.mark.parametrize("n_lanes", [1, 3, 4, 50])
@pytest.mark.parametrize("chunk", [1, 2, 7])
def test_batches_are_those_of_the_text(chunk, n_lanes, ahead, tmp_path, monkeypatch):
    monkeypatch.setattr(text_file, "_BLOCK", 8)
    monkeypatch.setattr("sklearn_rnn.batches.streams._AHEAD", ahead)
    letters = "aä☃😀"
    for n_steps in (1, 2, 3, 7, 20, 45):
        codes = np.random.RandomState(n_steps).randint(4, size=n_steps)
        codes[:4] = range(4)[:n_steps]
        file = TextFile(write(tmp_path, "".join(letters[code] for code in codes)))
        values = np.concatenate([[0], codes[:-1] + 1])
        theirs = StreamDataset(values, codes, chunk)
        ours = FileDataset(file, 1 + np.arange(len(file.characters)), chunk)
        assert (len(ours), ours.n_steps) == (len(theirs), theirs.n_steps)
        pairs = [(ours, theirs)]
        if n_steps > 4:
            kept, held = ours.set_end_aside(3)
            pairs += [(kept, theirs.set_end_aside(3)[0]), (held, theirs.set_end_aside(3)[1])]
        for a, b in pairs:
            batches = [list(d.batches(n_lanes, np.random.RandomState(0), torch.zeros(1))) for d in (a, b)]
            assert len(batches[0]) == len(batches[1])
            for ours_now, theirs_now in zip(*batches, strict=True):
                assert ours_now.values.dtype == ours_now.targets.dtype == torch.int64
                assert ours_now.values.tolist() == theirs_now.values.tolist()
                assert ours_now.targets.tolist() == theirs_now.targets.tolist()
                assert ours_now.packing.batch_sizes == theirs_now.packing.batch_sizes


def test_no_more_is_read_than_asked_for(tmp_path, monkeypatch):
    """However large the file, the largest window is that of some blocks."""
    monkeypatch.setattr(text_file, "_BLOCK", 64)
    monkeypatch.setattr("sklearn_rnn.batches.streams._AHEAD", 40)
    path, sizes = write(tmp_path, "to be or not " * 1000), []
    map_bytes = TextFile._map
    monkeypatch.setattr(TextFile, "_map", lambda file, a, b: sizes.append(b - a) or map_bytes(file, a, b))
    dataset = FileDataset(TextFile(path), np.arange(1, 8), 5)
    assert sum(len(batch.values) for batch in dataset.batches(4, None, torch.zeros(1))) == 13_000
    assert max(sizes) <= 128


@pytest.mark.parametrize("n_least", [1, 3, 8, 100])
@pytest.mark.parametrize("form", ["text", "codes"])
def test_parts_are_the_whole(form, n_least):
    chunks = ["", "a", "bc", "", "defghijk", "l", "mnopqrstuvw", "x", ""]
    if form == "codes":
        chunks = [np.array([ord(letter) for letter in chunk], dtype=np.int64) for chunk in chunks]
    parts = list(gather_parts(iter(chunks), n_least))
    letters = [letter if form == "text" else chr(letter) for part in parts for letter in part]
    assert "".join(letters) == "abcdefghijklmnopqrstuvwx"
    assert all(len(part) >= min(n_least, 24) for part in parts)
    assert len(parts) == {1: 6, 3: 3, 8: 2, 100: 1}[n_least]


def test_no_chunks():
    assert list(gather_parts(iter([]), 3)) == list(gather_parts(iter(["", ""]), 3)) == []


def test_chunks_are_asked_for_when_they_are_needed():
    asked = []
    chunks = (asked.append(k) or "ab" for k in range(100))
    next(gather_parts(chunks, 4))
    assert asked == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        (["a", b"b"], "X must yield text .* or codes .*, but chunk 1 is of type bytes"),
        ([None], "chunk 0 is of type NoneType"),
        ([np.array([0.5])], "chunk 0 is of type ndarray"),
        (["a", np.array([1])], "chunks of one form, but chunk 1 is codes and those before it are text"),
        ([np.array([1]), "a"], "chunk 1 is text and those before it are codes"),
    ],
)
def test_chunks_of_other_forms(chunks, message):
    with pytest.raises(TypeError, match=message):
        list(gather_parts(iter(chunks), 100))
