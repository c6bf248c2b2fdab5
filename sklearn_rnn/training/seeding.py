"""Random numbers of one estimator, apart from everybody else's."""

import threading
from contextlib import contextmanager

import numpy as np
import torch

# torch draws weights and dropout from one generator a process: only one fit at a time may borrow it.
_BORROWED = threading.RLock()


class RandomStream:
    """The random numbers of one training run: torch's for weights and dropout, NumPy's for the order.

    torch's global generators are borrowed while the stream is active and given back untouched; a fit in
    another thread waits meanwhile. A stream goes on where it stopped, so that training in two parts equals
    training in one.

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
    >>> with stream.active():
    ...     _ = torch.rand(1)
    >>> stream.order.permutation(3)
    array([2, 1, 0])
    """

    def __init__(self, seed, device):
        self.order = np.random.RandomState(seed)
        self._cuda = device if device.type == "cuda" else None
        self._states = [torch.Generator().manual_seed(seed).get_state()]
        if self._cuda is not None:
            self._states.append(torch.Generator(self._cuda).manual_seed(seed).get_state())

    def _get(self):
        return [torch.get_rng_state(), *([torch.cuda.get_rng_state(self._cuda)] if self._cuda else [])]

    def _set(self, states):
        torch.set_rng_state(states[0])
        if self._cuda is not None:
            torch.cuda.set_rng_state(states[1], self._cuda)

    def get_state(self):
        """Give where the stream stands while it is active; see `set_state`.

        Returns
        -------
        dict
            "order", the state of NumPy's generator, and "torch", those of torch's.
        """
        return {"order": self.order.get_state(), "torch": self._get()}

    def set_state(self, state):
        """Go to where the stream stood when `get_state` gave `state`; it has to be active."""
        self.order.set_state(state["order"])
        self._set(state["torch"])

    @contextmanager
    def active(self):
        """Make torch draw from this stream, and record gradients, inside a ``with`` block."""
        with _BORROWED:
            self._outside = self._get()
            self._set(self._states)
            try:
                with torch.inference_mode(False), torch.enable_grad():
                    yield self
            finally:
                self._states = self._get()
                self._set(self._outside)
                del self._outside

    @contextmanager
    def paused(self):
        """Give torch its own random numbers back inside a ``with`` block, within `active`."""
        ours = self._get()
        self._set(self._outside)
        try:
            yield
        finally:
            self._outside = self._get()
            self._set(ours)
