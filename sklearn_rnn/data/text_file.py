"""Text that need not fit in memory: files that are read in parts, and texts that come in chunks."""

import codecs
import hashlib
import mmap
import os
import stat
from pathlib import Path

import numpy as np

from sklearn_rnn.data.arrays import as_codes

_BLOCK = 2**15  # bytes that are decoded at once; the beginning of each such block is stored
_N_CODE_POINTS = 0x110000


class TextFile:
    """The characters of a file in UTF-8, of which only the part that is read is held in memory.

    The file is mapped block by block, and each window is released at once. A first pass checks the encoding,
    counts the characters and stores where blocks begin, so that any part can be read later. A byte order mark
    at the beginning is skipped. Line ends are not translated: a carriage return is kept.

    Parameters
    ----------
    path : path-like
        The file. It must not change while it is read.
    name : str, default="X"
        Name of the file in error messages.

    Attributes
    ----------
    path : Path
        The file.
    characters : str
        The distinct characters, in the order of their Unicode code points.
    counts : ndarray of int of shape (n_characters,)
        Number of occurrences of each.
    first_steps : ndarray of int of shape (n_characters,)
        The step of the first occurrence of each.
    digest : str
        16 hexadecimal digits that identify the text.

    Raises
    ------
    OSError
        If the file does not exist or cannot be read.
    ValueError
        If it is not a regular file, is empty, is not text in UTF-8, or was changed while it was read.

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
                raise ValueError(f"{name}: {self.path} is not text: its character {step:,} is NUL.")
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
        """Return the code points of the block at `offset`, and their size in bytes: whole characters only."""
        stop = min(offset + _BLOCK, self._size)
        try:
            text, n_bytes = codecs.utf_8_decode(self._map(offset, stop), "strict", stop == self._size)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            is_wide = self._begins_with(codecs.BOM_UTF16_LE) or self._begins_with(codecs.BOM_UTF16_BE)
            hint = " It is in UTF-16; save it in UTF-8." if is_wide else ""
            raise ValueError(
                f"{name}: {self.path} is not text in UTF-8: {error.reason} at byte {offset + error.start:,} "
                f"(0x{byte:02x}).{hint}"
            ) from None
        return _as_points(text), n_bytes

    def _map(self, start, stop):
        """Return some bytes. Pages of a window that were read count as memory, so no window stays open."""
        with open(self.path, "rb") as file:
            status = os.fstat(file.fileno())
            if (status.st_size, status.st_mtime_ns) != (self._size, self._changed):
                raise ValueError(
                    f"{self.path} was changed while it was read: it had {self._size:,} bytes and now has "
                    f"{status.st_size:,}. Pass a file that no program writes to, such as a copy."
                )
            offset = start - start % mmap.ALLOCATIONGRANULARITY
            window = mmap.mmap(file.fileno(), stop - offset, access=mmap.ACCESS_READ, offset=offset)
            with window:
                return window[start - offset :]

    def read(self, start, stop):
        """Return the characters of some steps.

        Parameters
        ----------
        start, stop : int
            The first step, and the one after the last: ``0 <= start < stop <= len(self)``.

        Returns
        -------
        ndarray of uint32 of shape (stop - start,)
            Their Unicode code points.
        """
        first = np.searchsorted(self._steps, start, side="right") - 1
        behind = np.searchsorted(self._steps, stop, side="left")
        points = _as_points(self._map(int(self._offsets[first]), int(self._offsets[behind])).decode())
        return points[start - self._steps[first] : stop - self._steps[first]]

    def read_all(self):
        """Return the whole text.

        Returns
        -------
        str
            The text, held in memory.
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
        Minimum number of steps of a part.
    name : str, default="X"
        Name of the iterator in error messages.

    Yields
    ------
    str or ndarray of int
        A part of at least `n_least` steps, unless the whole text has fewer. The last one holds the rest.

    Raises
    ------
    TypeError
        If a chunk is neither text nor codes, or its form differs from that of the first.

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
                f"{name} must yield text (str) or codes (1-D arrays of integers), but chunk {k} is of type "
                f"{type(chunk).__name__}."
            )
        kind = is_codes if kind is None else kind
        if is_codes != kind:
            raise TypeError(
                f"{name} must yield chunks of one form, but chunk {k} is {'codes' if is_codes else 'text'} "
                f"and those before it are {'codes' if kind else 'text'}."
            )
        if len(chunk):
            gathered.append(chunk)
            n_steps += len(chunk)
        if n_steps >= n_least:
            if kept is not None:
                yield kept
            kept, gathered, n_steps = _join(gathered), [], 0  # kept, in case less than a part follows
    if kept is not None:
        gathered.insert(0, kept)
    if gathered:
        yield _join(gathered)


def _join(chunks):
    return "".join(chunks) if isinstance(chunks[0], str) else np.concatenate(chunks)
