"""The number of threads on which torch computes for the calling thread."""

import ctypes
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from threadpoolctl import ThreadpoolController


@contextmanager
def compute_on(n_threads):
    """Let torch compute on `n_threads` threads inside a ``with`` block, for the calling thread alone.

    Unlike `torch.set_num_threads`, this does not change the number for threads that start meanwhile.

    Parameters
    ----------
    n_threads : int
        Number of threads, at least 1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.kernels.torch_threads import compute_on
    >>> with compute_on(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()  # a thread's first call settles its number
    if before == n_threads:
        yield
        return
    setters = _find_setters()
    if setters is None:
        with _compute_on_slowly(n_threads, before):
            yield
        return
    set_openmp, set_mkl = setters
    mkl_before = set_mkl(n_threads)
    try:
        set_openmp(n_threads)
        yield
    finally:
        set_openmp(before)
        set_mkl(mkl_before)


@contextmanager
def _compute_on_slowly(n_threads, before):
    """Do the same where only torch can do it, which also sets the number of other threads.

    On a busy machine the thread that corrects this takes as long to start as a short prediction.
    """
    torch.set_num_threads(n_threads)
    other = threading.Thread(target=torch.set_num_threads, args=(before,))
    other.start()
    other.join()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _find_setters():
    """Return what sets the calling thread's number in OpenMP and in MKL, which returns the one before.

    None if torch computes on threads of another kind, or they cannot be found.
    """
    set_openmp, set_mkl = _find_openmp(), _find_mkl()
    return None if set_openmp is None or set_mkl is None else (set_openmp, set_mkl)


def _find_openmp():
    threads = torch.get_num_threads()
    for library in ThreadpoolController().select(user_api="openmp").lib_controllers:
        before = library.get_num_threads()
        library.set_num_threads(threads + 1)
        is_torchs = torch.get_num_threads() == threads + 1
        library.set_num_threads(before)
        if is_torchs:
            return library.set_num_threads
    return None


def _find_mkl():
    if not torch.backends.mkl.is_available():
        return lambda n_threads: 0
    for path in (Path(torch.__file__).parent / "lib").glob("*torch_cpu.*"):
        try:
            return ctypes.CDLL(str(path)).MKL_Set_Num_Threads_Local
        except (OSError, AttributeError):
            continue
    return None
