"""Threads: on how many the compiled loops run, on how many torch computes, and what both do beside others."""

import os
import threading
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache

import numpy as np
import torch
from joblib import cpu_count
from joblib.parallel import get_active_backend

from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.nn.kernels.torch_threads import compute_on

# Fewest multiplications for a thread of the compiled loops: with fewer, waking it takes longer than it saves.
_LEAST_WORK = 2_000_000
# The same for torch, in each step: its threads wait for each other after every operation.
_LEAST_WORK_OF_TORCH = 8_000_000

_lent = ContextVar("lent", default=None)  # threads that torch leaves to the loops
_is_forked = False


def count_threads(work):
    """Choose a number of threads on which the compiled loops do `work` multiplications."""
    n_threads = work // _LEAST_WORK
    return min(n_threads, most_threads()) if n_threads > 1 else 1


def most_threads():
    """Return the largest number of threads: that of torch, but at most the cores of this process."""
    threads = _lent.get() or torch.get_num_threads()
    return min(threads, _count_cores()) if threads > 1 else 1


def _count_cores():
    """Count the cores of this process, by its affinity and by the quota of its control group."""
    if not hasattr(os, "sched_getaffinity"):
        return _read_quota(None)
    cores = frozenset(os.sched_getaffinity(0))
    return min(len(cores), _read_quota(cores))


@cache
def _read_quota(cores):
    """Count the cores that a process may use, of those that it has; reads files."""
    return cpu_count()


@contextmanager
def fair_threads(*, lends=False):
    """Limit the number of threads inside a ``with`` block, or in a function decorated with this.

    In a thread or a forked process of joblib, the cores are shared with as many others as ``n_jobs`` sets (in
    other processes joblib limits the threads itself). Also, torch's threads do not survive in a forked child:
    its next parallel region would wait for them forever. The compiled loops start their own threads.

    Since every computation of the estimators uses this, the user's settings for other computations are
    suspended here too: NumPy's floating-point errors (numbers that are not finite are checked for where they
    matter), and torch's default type, default device and autocast.

    Parameters
    ----------
    lends : bool, default=False
        Whether torch computes on one thread and leaves the others to the compiled loops; see `lend_threads`.

    Examples
    --------
    >>> from sklearn_rnn.nn.kernels.threads import fair_threads
    >>> with fair_threads():
    ...     pass
    """
    with _DEFAULT_TYPE:
        asides = list(_list_settings(lends))
        if not asides:  # as nearly always, and a short prediction should not wait
            yield
            return
        with ExitStack() as stack:
            for aside in asides:
                stack.enter_context(aside)
            yield


def _list_settings(lends):
    """Yield a context for each setting that must be suspended."""
    if torch.get_num_threads() > 1:
        if _is_beside_others() or (_is_forked and library.get() is None):
            yield compute_on(1)
        elif lends or _is_forked:
            yield lend_threads()
    if "raise" in np.geterr().values():
        yield np.errstate(**{error: "ignore" for error, how in np.geterr().items() if how == "raise"})
    if torch.empty(0).device.type != "cpu":  # a context around us counts, too
        yield torch.device("cpu")
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            yield torch.autocast(device, enabled=False)


@contextmanager
def lend_threads():
    """Leave all threads but one to the compiled loops inside a ``with`` block; torch computes on one.

    A parallel region of torch ends when each of its threads has had a core, which takes long where other
    programs run; the loops do not wait for that. Also, two teams of threads would compete for the cores.

    Examples
    --------
    >>> from sklearn_rnn.nn.kernels.threads import lend_threads
    >>> with lend_threads():
    ...     pass
    """
    threads = torch.get_num_threads()
    if threads == 1 or library.get() is None:
        yield
        return
    token = _lent.set(threads)
    try:
        with compute_on(1):
            yield
    finally:
        _lent.reset(token)


def torch_threads(work=None):
    """Let torch compute on several threads inside a ``with`` block, also where the compiled loops have them.

    Parameters
    ----------
    work : int, optional
        Number of multiplications of a step. With little work, torch computes on one thread: each operation
        would wait until all threads have been given a core, for a long time where other programs run. By
        default, it has all threads.

    Examples
    --------
    >>> from sklearn_rnn.nn.kernels.threads import torch_threads
    >>> with torch_threads():
    ...     pass
    """
    threads = torch.get_num_threads()
    threads = threads if _is_forked else _lent.get() or threads
    return compute_on(threads if work is None else max(1, min(threads, work // _LEAST_WORK_OF_TORCH)))


class _DefaultType:
    """Make float32 torch's default type while any thread is inside; the type is that of the whole process."""

    def __init__(self):
        self.renew()

    def renew(self):
        """Forget threads that are inside; after a fork they do not exist."""
        self._lock, self._n_inside = threading.Lock(), 0

    def __enter__(self):
        with self._lock:
            if self._n_inside == 0:
                self._outside = torch.get_default_dtype()
                if self._outside != torch.float32:
                    torch.set_default_dtype(torch.float32)
            self._n_inside += 1

    def __exit__(self, *error):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0 and self._outside != torch.float32:
                torch.set_default_dtype(self._outside)


_DEFAULT_TYPE = _DefaultType()


def _is_beside_others():
    """Return whether this is one of several threads or forked processes that joblib runs."""
    if threading.current_thread() is threading.main_thread() and not _is_forked:
        return False
    return get_active_backend()[0].nesting_level > 0


def _note_fork():
    global _is_forked
    _is_forked = True
    _DEFAULT_TYPE.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
