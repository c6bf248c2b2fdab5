"""The compiled time loops: finding them, switching them off, and the threads they run on."""

import ctypes
import hashlib
import importlib.util
import os
import threading
import warnings
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

import numpy as np
import torch
from joblib import cpu_count
from joblib.parallel import get_active_backend

from sklearn_rnn.nn.kernels.native.torch_threads import compute_on

# Numbers and names as in recurrence.h and recurrence.c.
INSTRUCTION_SETS = {"avx512": 1, "avx2": 2, "neon": 3}
CELLS = {"elman": 0, "lstm": 1, "gru": 2, "jordan": 3}
N_GATES = {"elman": 1, "lstm": 4, "gru": 3, "jordan": 1}
FUNCTIONS = {"tanh": 0, "relu": 1, "sigmoid": 2, "identity": 3, "softmax": 4}
FUNCTIONS |= {"log_softmax": 5, "exp": 6, "log": 7, "softplus": 8}
ROWS = {"linear": 0, "mix": 1, "normalize": 2, "map": 3}

_VARIABLE = "SKLEARN_RNN_NATIVE"
# Fewest multiplications for a thread: with fewer, waking it takes longer than it saves.
_LEAST_WORK = 2_000_000
# The same for torch, in each step: its threads wait for each other after every operation.
_LEAST_WORK_OF_TORCH = 8_000_000

_enabled = ContextVar("enabled", default=True)
_lent = ContextVar("lent", default=None)  # threads that torch leaves to the loops
_is_forked = False


# The fields of `struct call`, in order.
_NUMBERS = "cell activation feedback n_steps n_entries n_inputs hidden n_outputs n_threads is_ready"
_POINTERS = (
    "sizes inputs tokens weight_ih bias_ih weight bias weight_out bias_out state work "
    "gates out cell_out recurrent_n scores answers cell_state "
    "cell_start grad_out grad_cell_out grad_answers grad_gates grad_scores grad_state grad_cell_state "
    "grad_weight_ih grad_bias_ih grad_weight grad_bias grad_weight_out grad_bias_out "
    "packed packed_2 packed_ih step_gates step_n before packed_inputs by_token packed_hidden"
)
_READOUT_POINTERS = (
    "features weight bias targets importance work scores grad_features grad_weight grad_bias "
    "losses grad_scores packed packed_back packed_features"
)


class Call(ctypes.Structure):
    """The arguments of a run; see recurrence.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in _NUMBERS.split()),
        *((name, ctypes.c_void_p) for name in _POINTERS.split()),
    ]


class Readout(ctypes.Structure):
    """The arguments of an output layer with its loss; see recurrence.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n", "n_features", "n_scores", "n_threads")),
        *((name, ctypes.c_void_p) for name in _READOUT_POINTERS.split()),
    ]


class Library:
    """The compiled loops for one instruction set.

    Parameters
    ----------
    path : str
        The shared library.
    instruction_set : str
        A key of `INSTRUCTION_SETS`.
    """

    def __init__(self, path, instruction_set):
        self.instruction_set = instruction_set
        self._set = INSTRUCTION_SETS[instruction_set]
        self._library = library = ctypes.CDLL(path)
        integer, pointer = ctypes.c_int64, ctypes.c_void_p
        library.rnn_work_size.restype = integer
        library.rnn_work_size.argtypes = [integer, ctypes.POINTER(Call), ctypes.c_int]
        for run in (library.rnn_forward, library.rnn_backward):
            run.argtypes = [integer, ctypes.POINTER(Call)]
        library.rnn_readout_work_size.restype = integer
        library.rnn_read_out.restype = ctypes.c_double
        for run in (library.rnn_readout_work_size, library.rnn_read_out):
            run.argtypes = [integer, ctypes.POINTER(Readout)]
        library.rnn_rows.argtypes = [integer] * 8 + [pointer] * 4
        library.rnn_marginals.argtypes = [integer] * 4 + [pointer] * 8
        for run in (library.rnn_rows, library.rnn_marginals):
            run.restype = None

    def forward(self, call):
        """Run all steps of a `Call` that has work space."""
        self._library.rnn_forward(self._set, call)

    def backward(self, call):
        """Run all steps of such a `Call` backwards, then compute the gradients of the weights."""
        self._library.rnn_backward(self._set, call)

    def count_work(self, call, *, is_back):
        """Count the numbers that a `Call` needs as work space."""
        return self._library.rnn_work_size(self._set, call, is_back)

    def read_out(self, readout):
        """Run a `Readout` that has work space forward and backward, and return the loss."""
        return self._library.rnn_read_out(self._set, readout)

    def count_readout_work(self, readout):
        """Count the numbers that a `Readout` needs as work space."""
        return self._library.rnn_readout_work_size(self._set, readout)

    def run_rows(self, what, function, shape, work, *pointers):
        """Compute rows, each in a fixed order.

        Parameters
        ----------
        what : str
            A key of `ROWS`.
        function : str
            A key of `FUNCTIONS`.
        shape : tuple of int
            Numbers of groups, of rows in each, of inputs and of outputs, as in `struct rows`.
        work : int
            The approximate number of multiplications.
        *pointers : int or None
            The addresses of x, weight, bias and out.
        """
        n_threads = self.count_threads(work)
        self._library.rnn_rows(self._set, n_threads, ROWS[what], FUNCTIONS[function], *shape, *pointers)

    def run_marginals(self, shape, work, *pointers):
        """Compute the marginals of a `struct chain`, given (n_steps, n_labels) and its addresses in order."""
        self._library.rnn_marginals(self._set, self.count_threads(work), *shape, *pointers)

    def count_threads(self, work):
        """Choose a number of threads for `work` multiplications."""
        n_threads = work // _LEAST_WORK
        return min(n_threads, _most_threads()) if n_threads > 1 else 1


@cache
def load(instruction_set=None):
    """Load the compiled loops.

    Parameters
    ----------
    instruction_set : str, optional
        A key of `INSTRUCTION_SETS`; by default the best that the processor supports, or what the environment
        variable SKLEARN_RNN_NATIVE names ("0" for none). The variable is read once.

    Returns
    -------
    Library or None
        None if they were not built, or from other sources than these, cannot be loaded, or are not for this
        processor.

    Warns
    -----
    RuntimeWarning
        If they were built from other sources than those next to them.
    """
    wanted = instruction_set or os.environ.get(_VARIABLE) or "1"
    if wanted == "0":
        return None
    if wanted not in ("1", *INSTRUCTION_SETS):
        raise ValueError(
            f"{_VARIABLE}={wanted!r} is not known; it must be '0' (off), '1' (the best that there is), "
            f"or one of {', '.join(map(repr, INSTRUCTION_SETS))}."
        )
    spec = importlib.util.find_spec("sklearn_rnn.nn.kernels.native._loops")
    if spec is None:
        return None
    try:
        library = ctypes.CDLL(spec.origin)
        supports, sizes = library.rnn_supports, (library.rnn_call_size, library.rnn_readout_size)
        _ = library.rnn_rows, library.rnn_marginals
    except (OSError, AttributeError):
        return None
    supports.argtypes = [ctypes.c_int64]
    are_alike = [size() for size in sizes] == [ctypes.sizeof(Call), ctypes.sizeof(Readout)]
    if not are_alike or not _is_of_sources(library, Path(spec.origin).parent):
        warnings.warn(
            "The compiled loops were built from other sources than those of this version, so torch alone is "
            "used, which is slower. Build them again: pip install --force-reinstall --no-deps sklearn-rnn, "
            "or in a source tree: python setup.py build_ext --inplace --force.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    for name in INSTRUCTION_SETS if wanted == "1" else [wanted]:
        if supports(INSTRUCTION_SETS[name]):
            return Library(spec.origin, name)
    return None


def _is_of_sources(library, folder):
    """Return whether a library was built from the sources in a folder; True if there are none."""
    paths = sorted([*folder.glob("*.c"), *folder.glob("*.h")])
    if not paths:  # a package without them was built as a whole
        return True
    try:
        built_from = library.rnn_sources
    except AttributeError:  # built before there was such a function
        return False
    built_from.restype = ctypes.c_char_p
    return built_from().decode() == hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def get():
    """Return the compiled loops, or None if they are not available or switched off."""
    return load() if _enabled.get() else None


def describe():
    """Describe how time loops are run on the CPU.

    Returns
    -------
    str
        The instruction set and the number of threads, or why torch alone is used.

    Examples
    --------
    >>> from sklearn_rnn.nn.kernels.native import library
    >>> print(library.describe())  # doctest: +SKIP
    compiled, avx2, up to 4 threads
    """
    library = load()
    if library is None:
        return (
            "torch alone: the compiled loops are switched off, not (or no longer) built, or not for this CPU"
        )
    if not _enabled.get():
        return "torch alone: the compiled loops are switched off here"
    threads = _most_threads()
    return f"compiled, {library.instruction_set}, up to {threads} thread{'s' if threads > 1 else ''}"


@contextmanager
def use_native(enabled):
    """Switch the compiled time loops on or off inside a ``with`` block.

    Parameters
    ----------
    enabled : bool
        Whether they may be used. Where they are not built, True has no effect. This is for the present thread
        (or task); the environment variable SKLEARN_RNN_NATIVE is for all, and for other processes.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.nn import use_native
    >>> with use_native(False):
    ...     _ = RNNClassifier(max_iter=1).fit([[0.0, 1.0], [1.0]], [0, 1])
    """
    token = _enabled.set(bool(enabled))
    try:
        yield
    finally:
        _enabled.reset(token)


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
    >>> from sklearn_rnn.nn.kernels.native.library import fair_threads
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
        if _is_beside_others() or (_is_forked and get() is None):
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
    >>> from sklearn_rnn.nn.kernels.native.library import lend_threads
    >>> with lend_threads():
    ...     pass
    """
    threads = torch.get_num_threads()
    if threads == 1 or get() is None:
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
    >>> from sklearn_rnn.nn.kernels.native.library import torch_threads
    >>> with torch_threads():
    ...     pass
    """
    threads = torch.get_num_threads()
    threads = threads if _is_forked else _lent.get() or threads
    return compute_on(threads if work is None else max(1, min(threads, work // _LEAST_WORK_OF_TORCH)))


def _most_threads():
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
