"""Sampling of tokens from log-probabilities, and its options."""

import hashlib
import math
import numbers
import secrets
from collections import Counter

import numpy as np

from sklearn_rnn.data.parameters import check_count, check_size
from sklearn_rnn.data.random_state import check_random_state

_BLOCK = 32  # numbers drawn at once


class Streams:
    """Random numbers for each of several rows, independent of the other rows.

    The numbers of a row depend on the seed, on its key, and on how many rows before it have the same key.

    Parameters
    ----------
    random_state : int, RandomState or None
        The seed.
    keys : iterable of bytes
        Key of each row.
    """

    def __init__(self, random_state, keys):
        seed = secrets.token_bytes(16) if random_state is None else check_random_state(random_state).bytes(16)
        n_before, self._names = Counter(), []
        for key in keys:
            self._names.append(seed + n_before[key].to_bytes(8, "big") + key)
            n_before[key] += 1
        self._block = np.empty((len(self._names), _BLOCK))
        self._n_drawn = np.zeros(len(self._names), dtype=np.int64)

    def draw(self, rows):
        """Draw the next number in [0, 1) of each of `rows`, an array of indices."""
        block, place = np.divmod(self._n_drawn[rows], _BLOCK)
        for i in np.flatnonzero(place == 0):
            self._block[rows[i]] = _draw(self._names[rows[i]] + int(block[i]).to_bytes(8, "big"), _BLOCK)
        self._n_drawn[rows] += 1
        return self._block[rows, place]

    def draw_arrays(self, shape):
        """Draw an array in [0, 1) for each row, ndarray of shape (n_rows, *shape)."""
        return np.array([_draw(name, math.prod(shape)).reshape(shape) for name in self._names])


def make_key(values):
    """Return bytes that identify an array, independent of the precision of its numbers."""
    values = np.asarray(values)
    return (values.astype(np.float64) + 0.0 if values.dtype.kind == "f" else values).tobytes()


def _draw(name, n):
    """Return n numbers in [0, 1) that depend only on a name."""
    bits = np.frombuffer(hashlib.shake_256(name).digest(8 * n), dtype="<u8")
    return (bits >> np.uint64(11)) * 2.0**-53


def choose(logs, temperature, top_k, top_p, uniform):
    """Draw a token for each row of log-probabilities (n, K), given one number in [0, 1) for each."""
    if temperature == 0:
        return logs.argmax(axis=1)
    if temperature == 1:  # the probabilities themselves
        weights = np.exp(logs, dtype=np.float64)
    else:
        behind = logs.astype(np.float64) - logs.max(axis=1, keepdims=True)
        weights = np.exp(behind / max(temperature, 1e-200))  # with less all others have weight 0
    if top_k is not None and top_k < logs.shape[1]:
        np.put_along_axis(weights, np.argpartition(-weights, top_k, axis=1)[:, top_k:], 0, axis=1)
    if top_p is not None and top_p < 1:
        order = np.argsort(-weights, axis=1, kind="stable")
        ranked = np.take_along_axis(weights, order, axis=1)
        before = np.cumsum(ranked, axis=1) - ranked  # the most likely one is always kept
        ranked[before >= top_p * ranked.sum(axis=1, keepdims=True)] = 0
        np.put_along_axis(weights, order, ranked, axis=1)
    heights = np.cumsum(weights, axis=1)
    return (heights > (uniform * heights[:, -1])[:, np.newaxis]).argmax(axis=1)


def check_sampling(temperature, top_k, top_p):
    """Raise an error for an invalid option."""
    if not isinstance(temperature, numbers.Real) or isinstance(temperature, bool):
        raise TypeError(f"temperature must be a number, but it is {temperature!r}.")
    check_size("temperature", temperature)
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be at least 0 and finite, but it is {temperature}.")
    if top_k is not None:
        check_count("top_k", top_k)
    is_share = isinstance(top_p, numbers.Real) and not isinstance(top_p, bool) and 0 < top_p <= 1
    if top_p is not None and not is_share:
        raise ValueError(f"top_p must be greater than 0 and at most 1, but it is {top_p!r}.")
