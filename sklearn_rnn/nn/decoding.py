"""From a trained decoder to sequences: token by token, with a beam, or number by number."""

import numpy as np
import torch


def decode(loop, choose, limits, end):
    """Generate sequences with a decoder, one token after the other.

    Parameters
    ----------
    loop : object
        ``loop.begin()`` returns the log-probabilities (n, K) of the first tokens, ``loop.advance(codes)``
        those of the next ones, and ``loop.select(rows)`` keeps some rows, in a new order.
    choose : callable
        ``choose(logs, rows)`` returns the code of a token for each of `rows`, those that go on, as an array.
    limits : ndarray of int of shape (n,)
        The largest number of tokens of each row, after which it ends.
    end : int
        The code that ends a row.

    Returns
    -------
    codes : list of ndarray of int
        Codes of each row, without the end.
    log_proba : ndarray of shape (n,)
        Log-probabilities of the rows, their ends included.
    has_ended : ndarray of bool of shape (n,)
        Which rows reached their end; the others were cut at their limit, where something else was chosen.
    """
    n = len(limits)
    rows, drawn = np.arange(n), [[] for _ in range(n)]
    log_proba, has_ended = np.zeros(n), np.zeros(n, dtype=bool)
    logs, n_steps = loop.begin(), 0
    while True:
        logs = logs.cpu().numpy()
        codes = np.asarray(choose(logs, rows))
        has_ended[rows] = codes == end
        codes[n_steps >= limits[rows]] = end
        log_proba[rows] += logs[np.arange(len(rows)), codes]
        goes_on = codes != end
        if not goes_on.any():
            return [np.array(codes, dtype=np.int64) for codes in drawn], log_proba, has_ended
        if not goes_on.all():
            rows, codes = rows[goes_on], codes[goes_on]
            loop.select(torch.from_numpy(np.flatnonzero(goes_on)))
        for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
            drawn[row].append(code)
        logs, n_steps = loop.advance(torch.from_numpy(codes)), n_steps + 1


def write_numbers(loop, limits):
    """Generate sequences of numbers with a decoder, until it predicts the end.

    Parameters
    ----------
    loop : object
        ``loop.begin()`` returns the scores (n, K + 1) of the first step: numbers, and log-odds of the end.
        ``loop.advance(scores)`` returns those of the next one, ``loop.select(rows)`` keeps some rows.
    limits : ndarray of int of shape (n,)
        The largest number of steps of each row.

    Returns
    -------
    numbers : list of ndarray of shape (n_steps_i, K)
        Of each row.
    has_ended : ndarray of bool of shape (n,)
        Which rows reached their end; the others were cut at their limit.
    """
    n = len(limits)
    rows, steps, has_ended = np.arange(n), [], np.zeros(n, dtype=bool)
    lengths, scores = np.zeros(n, dtype=np.int64), loop.begin()
    n_numbers = scores.shape[1] - 1
    while True:
        is_end = (scores[:, -1] > 0).cpu().numpy()
        has_ended[rows] = is_end
        goes_on = ~is_end & (len(steps) < limits[rows])
        if not goes_on.any():
            break
        if not goes_on.all():
            keep = torch.from_numpy(np.flatnonzero(goes_on))
            rows, scores = rows[goes_on], scores.index_select(0, keep.to(scores.device))
            loop.select(keep)
        step = np.zeros((n, n_numbers))
        step[rows] = scores[:, :-1].double().cpu().numpy()
        steps.append(step)
        lengths[rows] += 1
        scores = loop.advance(scores)
    whole = np.array(steps).reshape(len(steps), n, n_numbers)
    return [whole[:length, row] for row, length in enumerate(lengths)], has_ended


def search_beam(loop, n_beams, limits, end, length_penalty=0.0, n_best=1):
    """Search for the most probable sequences, keeping the best beginnings of each row.

    Parameters
    ----------
    loop : object
        See `decode`.
    n_beams : int
        Number of beginnings k that are kept of each row.
    limits, end
        See `decode`.
    length_penalty : float, default=0.0
        Beginnings are ranked by their log-probability divided by their number of tokens, the end included,
        to this power (Wu et al., 2016, without their constant).
    n_best : int, default=1
        Number of sequences to return; the search of a row ends when no better ones can follow.

    Returns
    -------
    codes : list of list of ndarray of int
        The sequences of each row, the best first: `n_best`, or all if there are fewer.
    log_proba : list of ndarray
        Their log-probabilities, ends included.
    has_ended : list of ndarray of bool
        Which reached their end; see `decode`.

    References
    ----------
    Wu, Y. et al. (2016). Google's neural machine translation system. arXiv:1609.08144, section 7.
    """
    found = [None] * len(limits)
    rows = np.arange(len(limits))  # of the sources that are still searched
    logs = loop.begin()
    device, n_tokens = logs.device, logs.shape[1]
    total = torch.zeros(len(rows), 1, device=device)  # log-probability of each beginning
    lengths = torch.zeros(len(rows), 1, dtype=torch.int64, device=device)
    is_done = torch.zeros(len(rows), 1, dtype=torch.bool, device=device)
    is_cut = is_done
    paths = torch.zeros(len(rows), 1, 0, dtype=torch.int64, device=device)
    limit = torch.from_numpy(limits).to(device)
    powers = [1.0]  # of the numbers of tokens
    hope_power = torch.from_numpy((limits + 1.0) ** length_penalty).to(device, total.dtype)
    only_end = torch.full((n_tokens,), float("-inf"), device=device)
    only_end[end] = 0.0  # what has ended stays as it is
    while True:
        n, k = total.shape
        logs = logs.view(n, k, n_tokens)
        must_end = (lengths >= limit[:, None]) & ~is_done
        is_cut = is_cut | (must_end & (logs.argmax(2) != end))
        logs = torch.where(must_end[..., None], logs + only_end, logs)
        logs = torch.where(is_done[..., None], only_end, logs)
        candidates = (total[..., None] + logs).flatten(1)  # (n, k * K)
        longer = (lengths + ~is_done)[..., None].expand(-1, -1, n_tokens).flatten(1)
        powers.append(len(powers) ** length_penalty)
        power = torch.tensor(powers, dtype=total.dtype, device=device)
        ranks = candidates / power[longer]
        _, best = ranks.topk(min(n_beams, ranks.shape[1]), dim=1)
        parents, codes = best // n_tokens, best % n_tokens
        total, lengths = candidates.gather(1, best), longer.gather(1, best)
        is_done = is_done.gather(1, parents) | (codes == end)
        is_cut = is_cut.gather(1, parents)
        paths = paths.gather(1, parents[..., None].expand(-1, -1, paths.shape[2]))
        paths = torch.cat([paths, codes[..., None]], dim=2)
        # What goes on can reach this rank at best.
        rank = total / power[lengths]
        hope = (total / hope_power[:, None]).masked_fill(is_done, float("-inf")).amax(1)
        done = rank.masked_fill(~is_done, float("-inf")).sort(dim=1, descending=True).values
        is_over = is_done.all(1) | (done[:, min(n_best, done.shape[1]) - 1] >= hope)
        goes_on = ~is_over
        for i in torch.nonzero(is_over)[:, 0].tolist():
            found[rows[i]] = _read_beams(paths[i], total[i], rank[i], is_done[i], is_cut[i], end, n_best)
        if not goes_on.any():
            return tuple(list(part) for part in zip(*found, strict=True))
        flat = parents + torch.arange(n, device=device)[:, None] * k
        rows = rows[goes_on.cpu().numpy()]
        total, lengths, is_done, is_cut, paths, limit, hope_power, flat, codes = (
            part[goes_on] for part in (total, lengths, is_done, is_cut, paths, limit, hope_power, flat, codes)
        )
        loop.select(flat.flatten())
        logs = loop.advance(codes.flatten())


def _read_beams(paths, total, rank, is_done, is_cut, end, n_best):
    """Return the best sequences of one row that are possible and done."""
    codes, log_proba, has_ended = [], [], []
    is_found = is_done & (total > float("-inf"))
    for i in rank.masked_fill(~is_found, float("-inf")).argsort(descending=True, stable=True).tolist():
        if not is_found[i] or len(codes) == n_best:
            break
        path = paths[i].cpu().numpy()
        codes.append(path[: (path == end).argmax()])
        has_ended.append(not is_cut[i].item())
        log_proba.append(float(total[i]))
    return codes, np.array(log_proba), np.array(has_ended)
