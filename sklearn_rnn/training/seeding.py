"""Random numbers of one estimator, separate from all others."""

import os
import threading
from contextlib import contextmanager

import numpy as np
import torch

from sklearn_rnn.nn.drawing import draw_from

# Whose random numbers torch's global generators hold: those of one stream at a time; see `RandomStream.lent`.
_lending = threading.RLock()


class RandomStream:
    """The random numbers of one training run: torch's for weights and dropout, NumPy's for the order.

    They come from its own generators. Third-party modules may draw from torch's global generators: while
    such modules run, the stream is `lent` to these. A stream continues where it stopped, so that training
    in two parts equals training in one.

    Parameters
    ----------
    seed : int
        Where the stream starts.
    device : torch.device
        The device that is trained on.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.training.seeding import RandomStream
    >>> stream = RandomStream(0, torch.device("cpu"))
    >>> with stream.lent():
    ...     _ = torch.rand(1)
    >>> stream.order.permutation(3)
    array([2, 1, 0])
    """

    def __init__(self, seed, device):
        self.order = np.random.RandomState(seed)
        self._device, self._is_lent = device, False
        self._generators = [torch.Generator(d).manual_seed(seed) for d in self._name_devices()]

    def _name_devices(self):
        return ["cpu", *([self._device] if self._device.type == "cuda" else [])]

    def __getstate__(self):
        """Return the device and where the stream stands: torch's generators cannot be copied."""
        return {"device": self._device, **self.get_state()}

    def __setstate__(self, state):
        """Make generators that stand where the others stood."""
        self.__init__(0, state["device"])
        self.set_state(state)

    def get_state(self):
        """Return where the stream stands while it is not lent; see `set_state`.

        Returns
        -------
        dict
            "order", the state of NumPy's generator, and "torch", those of torch's.
        """
        return {"order": self.order.get_state(), "torch": [g.get_state() for g in self._generators]}

    def set_state(self, state):
        """Go to where the stream stood when `get_state` returned `state`."""
        self.order.set_state(state["order"])
        for generator, of_generator in zip(self._generators, state["torch"], strict=True):
            generator.set_state(of_generator)

    @contextmanager
    def active(self):
        """Let networks of this library draw from here, and record gradients, inside a ``with`` block."""
        with draw_from(self._generators[0]), torch.inference_mode(False), torch.enable_grad():
            yield self

    @contextmanager
    def lent(self):
        """Let all of torch draw from the stream inside a ``with`` block.

        torch's global generators continue from where the stream stands, and are restored afterwards. Another
        stream to be lent waits meanwhile.
        """
        if self._is_lent:  # by a caller of the caller
            yield
            return
        with _lending, draw_from(None):
            outside = _get_global(self._generators)
            _set_global(self._generators, [g.get_state() for g in self._generators])
            self._is_lent = True
            try:
                yield
            finally:
                self._is_lent = False
                for generator, state in zip(self._generators, _get_global(self._generators), strict=True):
                    generator.set_state(state)
                _set_global(self._generators, outside)


def _get_global(generators):
    """Return the states of torch's global generators of the same devices."""
    return [
        torch.get_rng_state() if g.device.type == "cpu" else torch.cuda.get_rng_state(g.device)
        for g in generators
    ]


def _set_global(generators, states):
    for generator, state in zip(generators, states, strict=True):
        if generator.device.type == "cpu":
            torch.set_rng_state(state)
        else:
            torch.cuda.set_rng_state(state, generator.device)


def _renew_lock():
    """Make the lock again in a forked child, where one held by another thread is never released."""
    global _lending
    _lending = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
