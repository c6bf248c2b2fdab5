"""The compiled time loops: finding them, and switching them off."""

import ctypes
import hashlib
import importlib.util
import os
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

# Numbers and names as in recurrence.h and recurrence.c.
INSTRUCTION_SETS = {"avx512": 1, "avx2": 2, "neon": 3}
CELLS = {"elman": 0, "lstm": 1, "gru": 2, "jordan": 3}
N_GATES = {"elman": 1, "lstm": 4, "gru": 3, "jordan": 1}
FUNCTIONS = {"tanh": 0, "relu": 1, "sigmoid": 2, "identity": 3, "softmax": 4}
FUNCTIONS |= {"log_softmax": 5, "exp": 6, "log": 7, "softplus": 8}
ROWS = {"linear": 0, "mix": 1, "normalize": 2, "map": 3}

_VARIABLE = "SKLEARN_RNN_NATIVE"

_enabled = ContextVar("enabled", default=True)


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

    def run_rows(self, what, function, shape, n_threads, *pointers):
        """Compute rows, each in a fixed order.

        Parameters
        ----------
        what : str
            A key of `ROWS`.
        function : str
            A key of `FUNCTIONS`.
        shape : tuple of int
            Numbers of groups, of rows in each, of inputs and of outputs, as in `struct rows`.
        n_threads : int
            On how many threads.
        *pointers : int or None
            The addresses of x, weight, bias and out.
        """
        self._library.rnn_rows(self._set, n_threads, ROWS[what], FUNCTIONS[function], *shape, *pointers)

    def run_marginals(self, shape, n_threads, *pointers):
        """Compute the marginals of a `struct chain`, given (n_steps, n_labels) and its addresses in order."""
        self._library.rnn_marginals(self._set, n_threads, *shape, *pointers)


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
