"""Drawing tokens from log-probabilities, and the options of that."""

import numbers

import numpy as np

from sklearn_rnn.data.parameters import check_count, check_size


def choose(logs, temperature, top_k, top_p, uniform):
    """Draw a token for each row of log-probabilities (n, K), given one number in [0, 1) for each."""
    if temperature == 0:
        return logs.argmax(axis=1)
    if temperature == 1:  # the probabilities themselves
        weights = np.exp(logs, dtype=np.float64)
    else:
        behind = logs.astype(np.float64) - logs.max(axis=1, keepdims=True)
        weights = np.exp(behind / max(temperature, 1e-200))  # below that all others are infinitely far behind
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
    """Raise an error that says which option is wrong, if one is."""
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
