"""A file from which killed training resumes, with the same result as without the interruption."""

import glob
import hashlib
import io
import math
import os
import shutil
import sys
import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import EpochTimer, PrintLog

from sklearn_rnn.batches.digest import digest
from sklearn_rnn.persistence import replacing
from sklearn_rnn.training.callbacks import Progress

_FORMAT, _VERSION = "sklearn_rnn checkpoint", 1
# The file is written every so many seconds; less often, if that would take more than this share of the time.
_INTERVAL = 10.0
_SHARE = 0.02
_SIMPLE = (bool, int, float, str, type(None))
_OF_THIS_PROCESS = (EpochTimer, PrintLog, Progress)  # callbacks that start again with each
_MARK = 16  # bytes
# What a state consists of, and the types of what an epoch records.
_PARTS = {
    "version": int,
    "seed": int,
    "identity": dict,
    "order": tuple,
    "n_batches": int,
    "carry": (list, type(None)),
    "validation": (tuple, type(None)),
    "losses": np.ndarray,
    "counts": np.ndarray,
    "weights": dict,
    "optimizer": list,
    "torch": list,
    "history": list,
    "callbacks": dict,
}
_IN_EPOCH = {"epoch": int, "dur": float, "batches": list, "valid_score": float}
_IN_EPOCH |= {f"{part}_batch_count": int for part in ("train", "valid")}
_IN_EPOCH |= {f"{part}_loss": float for part in ("train", "valid")}
_IN_EPOCH |= {f"{part}_loss_best": bool for part in ("train", "valid")}
_ARRAY = "ndarray"  # marks an array among plain Python


def open_checkpoint(path, identity, seed, device, *, takes_seed, epochs, verbose):
    """Open the checkpoint from which training resumes, if it exists and belongs to this training.

    Parameters
    ----------
    path, identity, seed, device, takes_seed
        See `Checkpoint`.
    epochs : int
        Number of epochs to train for.
    verbose : int
        Whether to print where training resumes.

    Returns
    -------
    Checkpoint
        The checkpoint.

    Raises
    ------
    ValueError
        If there are as many epochs in the file.
    """
    checkpoint = Checkpoint(path, identity, seed, device, takes_seed=takes_seed)
    epoch, batch = checkpoint.n_epochs + 1, checkpoint.n_batches + 1
    if epoch > epochs:
        raise ValueError(
            f"checkpoint {str(path)!r} is in epoch {epoch}, but max_iter is {epochs}. "
            "Set a larger max_iter, or delete the file to start from scratch."
        )
    if checkpoint.is_resumed and verbose:
        print(f"going on from {path}: epoch {epoch}, batch {batch}", file=sys.stderr)
    return checkpoint


class Checkpoint:
    """The state of a training run in a file, between two of its batches.

    The file holds tensors and plain Python, and reading it runs no code that it names. It is replaced as a
    whole, so that it is complete whenever training is killed.

    Parameters
    ----------
    path : str or os.PathLike
        The file. If it exists, training resumes from it.
    identity : dict of str to object
        What must be the same for training to resume: parameters and data, by their names in a message.
    seed : int
        The seed of the training.
    device : torch.device
        The device that is trained on.
    takes_seed : bool, default=False
        Whether to use the seed of the file instead, because none was requested.

    Attributes
    ----------
    seed : int
        The seed that training uses.
    is_resumed : bool
        Whether there was a file.
    n_epochs, n_batches, n_terms : int
        Number of epochs that are done before training resumes; of batches that are done in the epoch after
        these; and of the terms of their losses.

    Raises
    ------
    ValueError
        If the file is not a checkpoint, or is that of another training.
    OSError
        If it cannot be read, or the folder cannot be written to.

    Examples
    --------
    >>> import tempfile, torch
    >>> from sklearn_rnn.training.checkpoint import Checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(f"{folder}/run.ckpt", {"hidden_size": 8}, 0, torch.device("cpu"))
    >>> checkpoint.is_resumed, checkpoint.n_epochs, checkpoint.n_batches
    (False, 0, 0)
    """

    def __init__(self, path, identity, seed, device, *, takes_seed=False):
        self.path = Path(path)
        self._check_folder()
        state = self._state = self._read(device) if self.path.exists() else None
        self.is_resumed = state is not None
        self.seed = state["seed"] if self.is_resumed and takes_seed else seed
        self._identity = {name: describe(value) for name, value in identity.items()}
        self._identity["random_state"] = f"one with the seed {self.seed}"
        self.n_epochs = self.n_batches = self.n_terms = 0
        if self.is_resumed:
            self._compare(state["identity"])
            self.n_epochs, self.n_batches = len(state["history"]) - 1, state["n_batches"]
            self.n_terms = int(state["counts"].sum())
        self._validation = state["validation"] if self.is_resumed else None  # its order comes from this
        self._n_before = None  # epochs that are not of this training
        self._is_written = self.is_resumed
        self._due = time.monotonic() + _INTERVAL if self.is_resumed else -math.inf

    def _check_folder(self):
        folder = self.path.parent
        if self.path.is_dir():
            raise IsADirectoryError(f"checkpoint {str(self.path)!r} is a folder; pass the path of a file.")
        if not folder.is_dir():
            raise FileNotFoundError(
                f"checkpoint {str(self.path)!r}: there is no folder {str(folder)!r}; make it first."
            )
        if not os.access(folder, os.W_OK):
            raise PermissionError(
                f"checkpoint {str(self.path)!r}: nothing can be written to the folder {str(folder)!r}."
            )

    def _read(self, device):
        def place(storage, location):  # what was on a GPU goes to the one that is trained on
            return storage if location == "cpu" else storage.to(device=device)

        content = self.path.read_bytes()
        content, mark = content[:-_MARK], content[-_MARK:]
        try:
            if mark != _mark(content):
                raise ValueError("its bytes are not those that were written")
            state = torch.load(io.BytesIO(content), map_location=place, weights_only=True)
        except Exception as error:  # a file of another kind may raise anything
            raise self._refuse("is damaged, or is not a checkpoint") from error
        if not isinstance(state, dict) or state.get("format") != _FORMAT:
            raise self._refuse("is not a checkpoint")
        version = state.get("version")
        if type(version) is int and version > _VERSION:
            raise self._refuse(
                f"has format {version}, of a later version of sklearn_rnn; this one reads up to {_VERSION}"
            )
        with self._refusing():
            state = _from_plain(state)
            _check(state)
        return state

    def _refuse(self, why):
        return ValueError(
            f"checkpoint {str(self.path)!r} {why}. Pass another path, or delete the file to start again."
        )

    @contextmanager
    def _refusing(self):
        """Refuse a file whose contents raise an error of any kind inside a ``with`` block."""
        try:
            yield
        except Exception as error:
            raise self._refuse(f"is damaged ({type(error).__name__}: {error})") from error

    def explain(self, error):
        """Return the error to raise when training that resumed from the file has failed.

        Parameters
        ----------
        error : Exception
            What was raised: because of what the file holds for the optimizer or a callback, which only these
            can check, or by one of these itself.

        Returns
        -------
        Exception
            The exception to raise.
        """
        if not self.is_resumed or isinstance(error, torch.OutOfMemoryError):
            return error
        return ValueError(
            f"Training that went on from checkpoint {str(self.path)!r} failed: {type(error).__name__}: "
            f"{error}. The file is damaged, or the optimizer or a callback is at fault. If it is the file, "
            "delete it to start again."
        )

    def _compare(self, before):
        for name, now in self._identity.items():
            if before.get(name, now) != now:  # a later version may have more parameters
                raise ValueError(
                    f"checkpoint {str(self.path)!r} is of another training: {name} was {before[name]} and is "
                    f"now {now}. Pass what that training was passed, or delete the file to start again."
                )

    def resume(self, batches, net, part, *, training):
        """Yield the batches of an epoch that are not done yet; between them, write the file when it is due.

        Parameters
        ----------
        batches : BatchIterator
            All batches of the epoch, the same iterator in each.
        net : SequenceNet
            What is trained; an epoch of it has begun. If training resumes from the file, the state is set.
        part : EpochPart
            The part of the epoch that the batches belong to, which begins.
        training : bool
            Whether to train on the batches, or to validate.

        Yields
        ------
        PackedBatch
            A batch.
        """
        yield from self._train(batches, net, part) if training else self._validate(batches)

    def _train(self, batches, net, part):
        state, self._state = self._state, None
        n_done, self.n_batches = self.n_batches, 0
        if self._n_before is None:
            self._n_before = len(net.history) - 1
        if state is not None:
            _check_layout(net, state)
            with self._refusing():
                _restore(net, part, state, self._n_before)
        order = net.stream.get_state()["order"]  # what the batches of this epoch are drawn from
        for i, batch in enumerate(batches):
            if i < n_done:
                continue
            if state is not None and i == n_done:
                with self._refusing():
                    _restore_state(net, part, state, batch)
            if time.monotonic() >= self._due:
                carry = part.state if batch.chunk else None
                position = {"order": order, "n_batches": i, "carry": carry, "validation": self._validation}
                self._write(net, part, position)
            yield batch

    def _validate(self, batches):
        """Yield batches to validate on, in the order of uninterrupted training."""
        if self._validation is not None:
            batches.rng.set_state(self._validation)
        yield from batches
        self._validation = batches.rng.get_state()

    def _write(self, net, part, position):
        began = time.monotonic()
        head = {"format": _FORMAT, "version": _VERSION, "identity": self._identity, "seed": self.seed}
        try:
            self._replace(head | _plain(position) | _gather(net, part, self._n_before))
            self._is_written = True
        except (OSError, RuntimeError) as error:  # torch turns one into the other
            if not self._is_written:
                raise OSError(f"checkpoint {str(self.path)!r} cannot be written: {error}") from error
            warnings.warn(
                f"checkpoint {str(self.path)!r} cannot be written: {error}. Training goes on; the file is as "
                "it was before.",
                stacklevel=2,
            )
        now = time.monotonic()
        self._due = now + max(_INTERVAL, (now - began) / _SHARE)

    def _replace(self, state):
        content = io.BytesIO()
        torch.save(state, content)
        content = content.getvalue()
        with replacing(self.path) as new, new.open("wb") as file:
            file.write(content)
            file.write(_mark(content))

    def remove(self):
        """Remove the file, since training is done, and what killed attempts to write it have left."""
        try:
            for part in self.path.parent.glob(f"{glob.escape(self.path.name)}.????????.tmp"):
                shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
        except OSError as error:
            warnings.warn(
                f"Training is done, but checkpoint {str(self.path)!r} cannot be removed: {error}.",
                stacklevel=2,
            )


def _mark(content):
    """Return what is appended to the content of a file to detect damage."""
    return hashlib.blake2b(content, digest_size=_MARK).digest()


def describe(value):
    """Describe a parameter or data in a line that is the same in every process and differs for other values.

    Parameters
    ----------
    value : object
        Numbers, text, classes, functions, bound options, lists and sets of these, callbacks, arrays, or data
        sets that have a ``fingerprint()``.

    Returns
    -------
    str
        The line.

    Examples
    --------
    >>> import torch
    >>> from functools import partial
    >>> from sklearn_rnn.training.checkpoint import describe
    >>> describe(partial(torch.optim.SGD, momentum=0.5))
    "torch.optim.sgd.SGD([], {'momentum': 0.5})"
    """
    if hasattr(value, "fingerprint"):
        return value.fingerprint()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return f"{len(value)} entries ({digest(value)})"
    if isinstance(value, partial):
        return f"{describe(value.func)}({describe(value.args)}, {describe(value.keywords)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {describe(v)}" for name, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(describe, value))}]"
    if isinstance(value, (set, frozenset)):  # whose order differs between processes
        return "{" + ", ".join(sorted(map(describe, value))) + "}"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    kind = type(value)
    if kind.__module__.startswith("skorch."):
        return f"{kind.__name__}({describe(vars(value))})"
    return kind.__qualname__ if kind.__repr__ is object.__repr__ else repr(value)


# What training changes


def _gather(net, part, n_before):
    """Copy all that training changes, as tensors and plain Python."""
    *earlier, epoch = net.history[n_before:]
    return {
        "losses": _plain(np.array(part.losses)),
        "counts": _plain(np.array(part.n_terms)),
        "weights": _plain(net.module_.state_dict()),
        "optimizer": [
            (
                _plain_entries({name: value for name, value in group.items() if name != "params"}),
                [_plain(net.optimizer_.state.get(w, {})) for w in group["params"]],
            )
            for group in net.optimizer_.param_groups
        ],
        "torch": net.stream.get_state()["torch"],
        "history": [_plain_entries(e) | {"batches": []} for e in earlier]
        + [_plain_entries(epoch) | {"batches": [_plain_entries(batch) for batch in epoch["batches"]]}],
        "callbacks": {name: _plain_entries(_state_of(callback)) for name, callback in net.callbacks_},
    }


def _check(state):
    """Check a state by itself; raise an error of some kind if something is missing or wrong."""
    for name, kinds in _PARTS.items():
        _check_type(name, state[name], kinds)
    losses, counts, history = (state[name] for name in ("losses", "counts", "history"))
    if not losses.shape == counts.shape == (state["n_batches"],):
        raise ValueError("n_batches is not the number of losses")
    if not (np.isfinite(losses).all() and (counts > 0).all()):
        raise ValueError("a loss is not finite, or is one of nothing")
    for epoch in history:
        _check_type("history", epoch, dict)
        if any(type(batch) is not dict for batch in epoch["batches"]):
            raise TypeError("a batch in history is not a dict")
        for name, kind in _IN_EPOCH.items():
            if name in epoch:
                _check_type(name, epoch[name], kind)
    if not all(math.isfinite(epoch["train_loss"]) for epoch in history[:-1]) or not history:
        raise ValueError("an epoch in history has no loss")
    for name in ("random_state", *state["identity"]):
        _check_type("identity", state["identity"][name], str)
    for options, states in state["optimizer"]:
        _check_type("optimizer", options, dict)
        for of_weight in states:
            _check_type("optimizer", of_weight, dict)
    for of_callback in state["callbacks"].values():
        if not all(name == "state_dict" or name.endswith("_") for name in of_callback):
            raise ValueError("callbacks has attributes that are not a state")
    for order in (state["order"], state["validation"]):
        if order is not None:
            _check_order(order)
    for tensor in state["torch"]:
        if tensor.dtype != torch.uint8:
            raise TypeError("torch is not a state of random numbers")
    torch.Generator().set_state(state["torch"][0])


def _check_order(order):
    """Check a state of NumPy's generator; NumPy 1.26 crashes on some wrong ones."""
    kinds = [str, np.ndarray, int, int, float]
    if list(map(type, order)) != kinds or order[1].shape != (624,) or order[1].dtype.kind not in "iu":
        raise TypeError("order is not a state of random numbers")
    np.random.RandomState().set_state(order)


def _check_type(name, value, kinds):
    if type(value) not in (kinds if isinstance(kinds, tuple) else (kinds,)):
        raise TypeError(f"{name} is of type {type(value).__name__}")


def _check_layout(net, state):
    groups = net.optimizer_.param_groups
    if [len(group["params"]) for group in groups] != [len(states) for _, states in state["optimizer"]]:
        # All weights as one parameter, or each by itself: see `flattened`.
        raise ValueError(
            "The checkpoint was written by training in another way, with the compiled loops or without "
            "them. Train as before, or delete the file to start again."
        )


def _restore(net, part, state, n_before):
    """Set a net to what `_gather` copied."""
    for name, w in net.module_.state_dict().items():
        if state["weights"][name].dtype != w.dtype:
            raise TypeError(f"{name} is {state['weights'][name].dtype}, not {w.dtype}")
    net.module_.load_state_dict(state["weights"])
    # Not by load_state_dict, which changes types and makes new groups: others hold the existing ones.
    for group, (options, states) in zip(net.optimizer_.param_groups, state["optimizer"], strict=True):
        for name, value in options.items():
            _check_like(group.get(name, value), value, f"{name} of the optimizer")
        group.update(options)
        n_numbers = sum(w.numel() for w in group["params"])  # LBFGS keeps all of them in a row
        for w, of_weight in zip(group["params"], states, strict=True):
            for name, value in of_weight.items():
                is_other = isinstance(value, torch.Tensor) and value.numel() not in (1, w.numel(), n_numbers)
                if is_other:
                    raise ValueError(f"{name} of the optimizer has shape {tuple(value.shape)}")
            net.optimizer_.state[w] = of_weight
    part.losses.extend(state["losses"].tolist())
    part.n_terms.extend(state["counts"].tolist())
    net.history[n_before:] = state["history"]
    for name, callback in net.callbacks_:
        _set_state(callback, state["callbacks"].get(name, {}))
    net.stream.set_state({"order": state["order"], "torch": state["torch"]})


def _restore_state(net, part, state, batch):
    """Set the state that a batch of a stream begins with."""
    if not batch.chunk:
        return
    cells = net.module_.recurrence.cells
    expected = [[(s.shape, s.dtype) for s in cell.initial_state(len(batch))] for cell in cells]
    if [[(s.shape, s.dtype) for s in layer] for layer in state["carry"]] != expected:
        raise ValueError("carry has other shapes")
    part.state = state["carry"]


def _check_like(before, now, name):
    """Check that an option is of the kind that it was; schedules move numbers, and pairs of numbers."""
    if isinstance(before, (tuple, list)):
        if not isinstance(now, (tuple, list)) or len(now) != len(before):
            raise TypeError(f"{name} is {now!r}, not like {before!r}")
        for a, b in zip(before, now, strict=True):
            _check_like(a, b, name)
    elif type(before) in (bool, int, float):
        is_like = type(now) is type(before) or (type(before) is int and type(now) is float)
        if not is_like or not math.isfinite(now):
            raise TypeError(f"{name} is {now!r}, not like {before!r}")


def _state_of(callback):
    """Return what a callback keeps: its own state, or attributes that end in an underscore, as in skorch."""
    if isinstance(callback, _OF_THIS_PROCESS):
        return {}
    if hasattr(callback, "state_dict"):
        return {"state_dict": callback.state_dict()}
    return {
        name: value.state_dict() if hasattr(value, "state_dict") else value
        for name, value in vars(callback).items()
        if name.endswith("_") and not isinstance(value, type)
    }


def _set_state(callback, state):
    for name, value in state.items():
        owner = callback if name == "state_dict" else getattr(callback, name, None)
        if type(owner) in (bool, int, float) and type(value) not in (bool, int, float):
            raise TypeError(f"{name} of {type(callback).__name__} is {value!r}")
        if hasattr(owner, "load_state_dict"):
            owner.load_state_dict(value)
        else:
            setattr(callback, name, value)


# Plain Python


def _plain(value):
    """Return a value in a form that torch reads without running code; raise a TypeError if there is none."""
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) in _SIMPLE:
        return value
    if isinstance(value, torch.Tensor):
        value = value.detach()
        is_part = value.untyped_storage().nbytes() > value.nbytes  # all would be saved
        return value.clone() if is_part else value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        return {_ARRAY: (value.dtype.str, value.shape, torch.from_numpy(value.ravel().view(np.uint8)))}
    if isinstance(value, dict):
        return {_plain(name): _plain(v) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return (tuple if isinstance(value, tuple) else list)(map(_plain, value))
    raise TypeError(f"A checkpoint cannot hold a value of type {type(value).__name__}.")


def _plain_entries(values):
    """Return the entries of a dict that a checkpoint can hold."""
    kept = {}
    for name, value in values.items():
        try:
            kept[name] = _plain(value)
        except TypeError:  # such as a class, or a progress bar, which are made again
            continue
    return kept


def _from_plain(value):
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            dtype, shape, numbers = value[_ARRAY]
            return numbers.numpy().view(dtype).reshape(shape)
        return {name: _from_plain(v) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_from_plain, value))
    return value
