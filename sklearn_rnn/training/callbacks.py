"""What happens between epochs."""

import copy
import math
import os
import threading

from skorch.callbacks import Callback, EarlyStopping
from tqdm.auto import tqdm
from tqdm.std import TqdmDefaultWriteLock


class Progress(Callback):
    """Show a progress bar over the epochs of a fit that takes longer than a moment."""

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(
            total=net.epochs_to_come, initial=net.epochs_done, desc=net.title, unit="epoch", delay=0.5
        )

    def on_epoch_end(self, net, **kwargs):
        """Move the bar."""
        epoch = net.history[-1]
        shown = {name: epoch[name] for name in ("train_loss", "valid_loss", "valid_score") if name in epoch}
        self.bar_.set_postfix(shown, refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.close()

    def close(self):
        """Close the bar, if it was opened."""
        if hasattr(self, "bar_"):
            self.bar_.close()


class TokenProgress(Progress):
    """Show a progress bar over the tokens of a fit, with the mean number of bits a token in this epoch."""

    def on_train_begin(self, net, X=None, **kwargs):
        """Open the bar."""
        total, done = None, 0
        if X.n_steps is not None:
            total = X.n_steps * net.epochs_to_come
            done = X.n_steps * net.epochs_done + net.terms_done
        self.bar_ = tqdm(
            total=total,
            initial=done,
            desc=net.title,
            unit="token",
            unit_scale=True,
            delay=0.5,
            mininterval=0.5,
        )
        self.first_ = len(net.history)

    def on_epoch_begin(self, net, **kwargs):
        """Begin a new mean."""
        self.nats_, self.n_tokens_ = 0.0, 0

    def on_batch_end(self, net, training, n_terms, **kwargs):
        """Move the bar; it is drawn now and then."""
        if not training:
            return
        self.nats_ += n_terms * net.history[-1]["batches"][-1]["train_loss"]
        self.n_tokens_ += n_terms
        if self.bar_.update(n_terms):
            self._note(net, self.nats_ / self.n_tokens_)
            self.bar_.refresh()

    def on_epoch_end(self, net, **kwargs):
        """Note what the epoch came to; it is shown when the bar is next drawn, or closed."""
        epoch = net.history[-1]
        self._note(net, epoch["train_loss"], epoch.get("valid_loss"))

    def _note(self, net, nats, valid_nats=None):
        shown = {
            "epoch": f"{len(net.history) - self.first_}/{net.epochs_to_come}",
            "bits": nats / math.log(2),
        }
        if valid_nats is not None:
            shown["valid_bits"] = valid_nats / math.log(2)
        self.bar_.set_postfix(shown, refresh=False)


def copy_callbacks(callbacks):
    """Copy callbacks for a fit, with what they hold shared.

    What a callback learns becomes attributes of the copy. What it was given (a writer, a sink, a run, an open
    file) is the user's, is to be written to, and often cannot be copied.

    Parameters
    ----------
    callbacks : list
        Callbacks, or pairs of a name and a callback.

    Returns
    -------
    list
        The same with each callback copied.
    """
    return [(c[0], copy.copy(c[1])) if isinstance(c, (tuple, list)) else copy.copy(c) for c in callbacks]


def name_callbacks(callbacks):
    """Name callbacks as skorch does.

    Parameters
    ----------
    callbacks : list
        Callbacks, or pairs of a name and a callback.

    Returns
    -------
    list of pairs
        Names and callbacks. A name is that of the class, with a number where there are several of one.
    """
    pairs = [
        c if isinstance(c, (tuple, list)) else ((c if isinstance(c, type) else type(c)).__name__, c)
        for c in callbacks
    ]
    names = [name for name, _ in pairs]
    return [
        (f"{name}_{names[: i + 1].count(name)}" if names.count(name) > 1 else name, callback)
        for i, (name, callback) in enumerate(pairs)
    ]


def best_weights(patience, tol):
    """Stop when the validation score no longer improves, and give back the best weights, from memory.

    Parameters
    ----------
    patience : int
        Number of epochs without improvement after which to stop.
    tol : float
        Less than this is no improvement.

    Returns
    -------
    skorch.callbacks.EarlyStopping
        The callback.
    """
    return EarlyStopping(
        monitor="valid_score",
        patience=patience,
        threshold=tol,
        threshold_mode="abs",
        lower_is_better=False,
        load_best=True,
    )


def _forget():
    """Make tqdm's lock again in a forked child, where another thread's hold on it would never end."""
    TqdmDefaultWriteLock.th_lock = threading.RLock()
    if isinstance(
        getattr(tqdm, "_lock", None), TqdmDefaultWriteLock
    ):  # made already, and not one that the user set
        tqdm.set_lock(TqdmDefaultWriteLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
