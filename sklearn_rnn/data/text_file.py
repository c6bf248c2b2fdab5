"""Text that need not fit in memory: files that are read in parts, and texts that come in chunks."""

import codecs
import hashlib
import mmap
import os
import stat
from pathlib import Path

import numpy as np

from sklearn_rnn.data.validation import as_codes

_BLOCK = 2**15  # bytes that are decoded at once; where each such block begins is remembered
_N_CODE_POINTS = 0x110000


class TextFile:
    """The characters of a file in UTF-8, of which no more is held than is read.

    The file is mapped block by block, and each window is let go of at once. A first pass checks the encoding,
    counts the characters and notes where blocks begin, so that any part can be read later. A byte order mark
    at the beginning is no character of it. Line ends are those of the file: a carriage return stays one.

    Parameters
    ----------
    path : path-like
        The file. It must not change as long as it is read.
    name : str, default="X"
        What error messages call it.

    Attributes
    ----------
    path : Path
        The file.
    characters : str
        The characters that there are, each once, in the order of their codes in Unicode.
    counts : ndarray of int of shape (n_characters,)
        How often each comes.
    first_steps : ndarray of int of shape (n_characters,)
        At which step each comes first.
    digest : str
        16 hexadecimal digits, others for another text.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is not a regular file, is empty, is no text in UTF-8, or was changed while it was read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_rnn.data.text_file import TextFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "text.txt")
    ...     n_bytes = path.write_bytes("na so was, na ja: ähm".encode())
    ...     text = TextFile(path)
    ...     len(text), text.characters, text.read(18, 21).tolist()
    (21, ' ,:ahjmnoswä', [228, 104, 109])
    """

    def __init__(self, path, name="X"):
        self.path = Path(path)
        status = self.path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "neither a file on a disk nor a text"
            raise ValueError(f"{name} must be the path of a file of text, but {self.path} is {kind}.")
        self._size, self._changed = status.st_size, status.st_mtime_ns
        begin = len(codecs.BOM_UTF8) if self._begins_with(codecs.BOM_UTF8) else 0
        if self._size == begin:
            raise ValueError(f"{name} is empty; there is nothing to read: {self.path} has no bytes of text.")
        counts, first_steps = np.zeros(_N_CODE_POINTS, dtype=np.int64), {}
        digest = hashlib.blake2b(digest_size=8)
        offsets, steps = (
            [begin],
            [0],
        )  # of the beginning of each block, and of the end: in bytes, in characters
        while offsets[-1] < self._size:
            points, n_bytes = self._decode_block(offsets[-1], name)
            digest.update(points)
            here = np.bincount(points)
            if here[0]:
                step = steps[-1] + int(np.argmax(points == 0))
                raise ValueError(f"{name}: {self.path} is no text: its character {step:,} is NUL.")
            before = counts[: len(here)]  # a view
            for point in np.flatnonzero((here > 0) & (before == 0)):
                first_steps[point] = steps[-1] + int(np.argmax(points == point))
            before += here
            offsets.append(offsets[-1] + n_bytes)
            steps.append(steps[-1] + len(points))
        self._offsets, self._steps = np.array(offsets), np.array(steps)
        points = np.flatnonzero(counts)
        self.characters = _as_text(points)
        self.counts = counts[points]
        self.first_steps = np.array([first_steps[point] for point in points])
        self.digest = digest.hexdigest()

    def __len__(self):
        return int(self._steps[-1])

    def _begins_with(self, mark):
        return self._size >= len(mark) and self._map(0, len(mark)) == mark

    def _decode_block(self, offset, name):
        """Give the code points from a place on, and how many bytes they take: whole characters only."""
        stop = min(offset + _BLOCK, self._size)
        try:
            text, n_bytes = codecs.utf_8_decode(self._map(offset, stop), "strict", stop == self._size)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            is_wide = self._begins_with(codecs.BOM_UTF16_LE) or self._begins_with(codecs.BOM_UTF16_BE)
            hint = " It is in UTF-16; save it in UTF-8." if is_wide else ""
            raise ValueError(
                f"{name}: {self.path} is no text in UTF-8: {error.reason} at byte {offset + error.start:,} "
                f"(0x{byte:02x}).{hint}"
            ) from None
        return _as_points(text), n_bytes

    def _map(self, start, stop):
        """Give some bytes. Pages of a window count as memory once they were looked at, so none stays open."""
        with open(self.path, "rb") as file:
            status = os.fstat(file.fileno())
            if (status.st_size, status.st_mtime_ns) != (self._size, self._changed):
                raise ValueError(
                    f"{self.path} was changed while it was read: it had {self._size:,} bytes and now has "
                    f"{status.st_size:,}. Give a file that nobody writes to, such as a copy."
                )
            offset = start - start % mmap.ALLOCATIONGRANULARITY
            window = mmap.mmap(file.fileno(), stop - offset, access=mmap.ACCESS_READ, offset=offset)
            with window:
                return window[start - offset :]

    def read(self, start, stop):
        """Give the characters of some steps.

        Parameters
        ----------
        start, stop : int
            The first step, and the one behind the last: ``0 <= start < stop <= len(self)``.

        Returns
        -------
        ndarray of uint32 of shape (stop - start,)
            Their codes in Unicode.
        """
        first = np.searchsorted(self._steps, start, side="right") - 1
        behind = np.searchsorted(self._steps, stop, side="left")
        points = _as_points(self._map(int(self._offsets[first]), int(self._offsets[behind])).decode())
        return points[start - self._steps[first] : stop - self._steps[first]]

    def read_all(self):
        """Give the whole text.

        Returns
        -------
        str
            All of it, held in memory.
        """
        return _as_text(self.read(0, len(self)))


def _as_points(text):
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")


def _as_text(points):
    return points.astype("<u4").tobytes().decode("utf-32-le")


def gather_parts(chunks, n_least, name="X"):
    """Join the chunks of a text into parts that are long enough to be cut into lanes.

    Parameters
    ----------
    chunks : iterator of str, or of ndarray of int of shape (n_steps_i,)
        A text, or codes, in chunks of any lengths. Empty ones are skipped.
    n_least : int
        Number of steps from which a part is long enough.
    name : str, default="X"
        What error messages call the iterator.

    Yields
    ------
    str or ndarray of int
        A part of at least `n_least` steps, unless the whole text has fewer. The last one holds the rest.

    Raises
    ------
    TypeError
        If a chunk is of another form, or of another form than the first.

    Examples
    --------
    >>> from sklearn_rnn.data.text_file import gather_parts
    >>> list(gather_parts(iter(["to b", "e or n", "ot t", "o be", ":"]), 8))
    ['to be or n', 'ot to be:']
    """
    kept, gathered, n_steps, kind = None, [], 0, None
    for k, chunk in enumerate(map(as_codes, chunks)):
        is_codes = isinstance(chunk, np.ndarray) and chunk.ndim == 1 and chunk.dtype.kind in "iu"
        if not (is_codes or isinstance(chunk, str)):
            raise TypeError(
                f"{name} must give text (str) or codes (1-D arrays of integers), but chunk {k} is of type "
                f"{type(chunk).__name__}."
            )
        kind = is_codes if kind is None else kind
        if is_codes != kind:
            raise TypeError(
                f"{name} must give chunks of one form, but chunk {k} is {'codes' if is_codes else 'text'} "
                f"and those before it are {'codes' if kind else 'text'}."
            )
        if len(chunk):
            gathered.append(chunk)
            n_steps += len(chunk)
        if n_steps >= n_least:
            if kept is not None:
                yield kept
            kept, gathered, n_steps = _join(gathered), [], 0  # kept, in case that less than a part follows
    if kept is not None:
        gathered.insert(0, kept)
    if gathered:
        yield _join(gathered)


def _join(chunks):
    return "".join(chunks) if isinstance(chunks[0], str) else np.concatenate(chunks)
