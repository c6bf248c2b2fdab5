"""Callbacks: progress bars, when to stop, and what becomes of the callbacks of users."""

import copy
import math
import os
import threading

from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    PrintLog,
)
from tqdm.auto import tqdm
from tqdm.std import TqdmDefaultWriteLock

# On few sequences ten epochs may be twenty updates of the weights, too few to judge by.
_LEAST_UPDATES = 300
# Validation losses are often means over few sequences: differences up to this share are ignored.
_LOSS_SLACK = 0.2


class Progress(Callback):
    """Show a progress bar over the epochs of a fit that takes longer than a moment.

    Parameters
    ----------
    epochs : int
        Number of epochs.
    epochs_done : int, default=0
        Number of those that are done before.
    terms_done : int, default=0
        Number of terms of the loss that are done before in the epoch after these.
    """

    def __init__(self, epochs, epochs_done=0, terms_done=0):
        self.epochs = epochs
        self.epochs_done = epochs_done
        self.terms_done = terms_done

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=self.epochs, initial=self.epochs_done, desc=net.title, unit="epoch", delay=0.5)

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
    """Show a progress bar over the tokens of a fit, with the mean number of bits per token in this epoch."""

    def on_train_begin(self, net, X=None, **kwargs):
        """Open the bar."""
        total, done = None, 0
        if X.n_steps is not None:
            total = X.n_steps * self.epochs
            done = X.n_steps * self.epochs_done + self.terms_done
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
            self._show(net, self.nats_ / self.n_tokens_)
            self.bar_.refresh()

    def on_epoch_end(self, net, **kwargs):
        """Record the result of the epoch; it is shown when the bar is next drawn, or closed."""
        epoch = net.history[-1]
        self._show(net, epoch["train_loss"], epoch.get("valid_loss"))

    def _show(self, net, nats, valid_nats=None):
        shown = {
            "epoch": f"{len(net.history) - self.first_}/{self.epochs}",
            "bits": nats / math.log(2),
        }
        if valid_nats is not None:
            shown["valid_bits"] = valid_nats / math.log(2)
        self.bar_.set_postfix(shown, refresh=False)


class BestEpoch(Callback):
    """Stop when the validation score no longer improves; remember the best weights, in memory.

    Parameters
    ----------
    patience : int
        Number of epochs without improvement after which to stop.
    tol : float
        An improvement by less than this does not count.
    scores_are_losses : bool, default=False
        Whether scores are losses with the other sign. If so, scores that are worse than the best by at most a
        fifth of it, and of its gain over the first epoch, count as good as the best.

    Attributes
    ----------
    best_epoch_ : int
        The epoch with the best score, counted from 1 in this training.
    best_score_ : float
        Its score.
    best_weights_ : dict of str to Tensor
        The weights after it.
    first_score_ : float
        The score of the first epoch.
    last_epoch_, last_train_loss_ : int, float
        The last epoch that was as good, and its mean loss in training.
    """

    def __init__(self, patience, tol, *, scores_are_losses=False):
        self.patience = patience
        self.tol = tol
        self.slack = _LOSS_SLACK if scores_are_losses else 0.0

    def on_train_begin(self, net, **kwargs):
        """Forget an earlier training."""
        self.n_epochs_ = self.best_epoch_ = 0
        self.n_updates_ = 0  # since the best epoch
        self.best_score_ = -math.inf
        self.best_weights_ = None

    def on_epoch_end(self, net, **kwargs):
        """Compare the epoch with the best one."""
        epoch = net.history[-1]
        self.n_epochs_ += 1
        self.n_updates_ += epoch["train_batch_count"]
        score = epoch["valid_score"]
        if self.best_weights_ is None or score > self.best_score_ + self.tol:
            self.best_epoch_, self.best_score_, self.n_updates_ = self.n_epochs_, score, 0
            self.best_weights_ = copy.deepcopy(net.module_.state_dict())
        if self.n_epochs_ == 1:
            self.first_score_ = score
        gain = min(abs(self.best_score_), self.best_score_ - self.first_score_)
        if score >= self.best_score_ or score >= self.best_score_ - self.slack * gain:  # a gain may be NaN
            self.last_epoch_, self.last_train_loss_ = self.n_epochs_, epoch["train_loss"]
        if self.n_epochs_ - self.best_epoch_ >= self.patience and self.n_updates_ >= _LEAST_UPDATES:
            if net.verbose:
                print(f"The score on what is held out has not improved since epoch {self.best_epoch_}.")
            raise KeyboardInterrupt  # how a skorch callback ends training

    def on_train_end(self, net, **kwargs):
        """Go back to the best weights."""
        if self.best_weights_ is not None:
            net.module_.load_state_dict(self.best_weights_)


class StopAtLoss(Callback):
    """Stop after some epochs, as soon as the training loss is small enough.

    The loss of a single epoch is sometimes far above those around it; training should not end with such an
    epoch. This follows Goodfellow et al., Deep Learning (2016), algorithms 7.2 and 7.3.

    Parameters
    ----------
    epochs : int
        Smallest number of epochs.
    train_loss : float
        The mean training loss at which to stop after these.
    """

    def __init__(self, epochs, train_loss):
        self.epochs = epochs
        self.train_loss = train_loss

    def on_train_begin(self, net, **kwargs):
        """Start to count."""
        self.n_epochs_ = 0

    def on_epoch_end(self, net, **kwargs):
        """Stop, if both are reached."""
        self.n_epochs_ += 1
        if self.n_epochs_ >= self.epochs and net.history[-1]["train_loss"] <= self.train_loss:
            raise KeyboardInterrupt  # how a skorch callback ends training


def copy_callbacks(callbacks):
    """Copy callbacks for a fit, which share what they hold.

    What a callback learns becomes attributes of the copy. What it was passed (a writer, a sink, a run, an
    open file) belongs to the user, is written to, and often cannot be copied.

    Parameters
    ----------
    callbacks : list
        Callbacks, or pairs of a name and a callback.

    Returns
    -------
    list
        The same with each callback copied.
    """
    pairs = [c if isinstance(c, (tuple, list)) else (None, c) for c in callbacks]
    copies = {id(callback): copy.copy(callback) for _, callback in pairs}
    for callback in copies.values():
        if isinstance(callback, LoadInitState):  # which holds another one of these
            callback.checkpoint = copies.get(id(callback.checkpoint), callback.checkpoint)
    return [copies[id(c)] if name is None else (name, copies[id(c)]) for name, c in pairs]


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


# Callbacks that neither change the network nor draw random numbers.
_PASSIVE = (
    BestEpoch,
    EarlyStopping,
    EpochTimer,
    LRScheduler,
    PrintLog,
    Progress,
    StopAtLoss,
    TokenProgress,
)
# Methods that are called in each batch.
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")
# What is written into the history of an epoch if there is a validation set.
_OF_VALIDATION = ("valid_loss", "valid_loss_best", "valid_score", "valid_score_best")


def are_passive(callbacks):
    """Return whether callbacks certainly neither change the network nor draw random numbers.

    Parameters
    ----------
    callbacks : list of pairs
        Names and callbacks.

    Returns
    -------
    bool
        False if a callback is not known, or monitors what a function of the user returns.

    Examples
    --------
    >>> from skorch.callbacks import Callback, EpochTimer
    >>> from sklearn_rnn.training.callbacks import are_passive
    >>> are_passive([("timer", EpochTimer())]), are_passive([("mine", Callback())])
    (True, False)
    """
    return all(type(c) in _PASSIVE and not callable(getattr(c, "monitor", None)) for _, c in callbacks)


def find_unused_hooks(callbacks):
    """Find the methods called in each batch that no callback defines.

    Parameters
    ----------
    callbacks : list of pairs
        Names and callbacks.

    Returns
    -------
    set of str
        Names of methods of `skorch.callbacks.Callback`.

    Examples
    --------
    >>> from skorch.callbacks import GradientNormClipping
    >>> from sklearn_rnn.training.callbacks import find_unused_hooks
    >>> sorted(find_unused_hooks([("clip", GradientNormClipping(1.0))]))
    ['on_batch_begin', 'on_batch_end']
    """
    return {
        hook
        for hook in _BATCH_HOOKS
        if all(getattr(type(c), hook) is getattr(Callback, hook) for _, c in callbacks)
    }


def check_callbacks(callbacks, *, has_validation):
    """Refuse what a callback cannot do here, before anything is trained.

    Parameters
    ----------
    callbacks : list of pairs
        Names and callbacks.
    has_validation : bool
        Whether there are validation data.

    Raises
    ------
    ValueError
        If a callback sets the shape of inputs, monitors validation without data, or needs targets that the
        net does not hold.
    """
    for name, callback in callbacks:
        if isinstance(callback, InputShapeSetter):
            raise ValueError(
                f"The callback {name!r} sets the width of a network, but the network here is made "
                "before callbacks run, for the width that the data has. Leave it out."
            )
        monitor = getattr(callback, "monitor", None)
        if not has_validation and isinstance(monitor, str) and monitor in _OF_VALIDATION:
            raise ValueError(
                f"The callback {name!r} monitors {monitor!r}, but nothing is validated on. Set "
                "early_stopping=True or pass X_val and y_val, or monitor 'train_loss' "
                "('train_loss_best' to save the best)."
            )
        is_scoring = isinstance(callback, (BatchScoring, EpochScoring))
        if is_scoring and not callback.use_caching and _needs_targets(callback.scoring):
            raise ValueError(
                f"The callback {name!r} has use_caching=False, but scorers need targets, and the net "
                "holds these only with the scores of the batches that it has just computed. Set "
                "use_caching=True."
            )


def _needs_targets(scoring):
    """Return whether something that scores is a scorer or metric of scikit-learn."""
    modules = (type(scoring).__module__, getattr(scoring, "__module__", ""))
    return isinstance(scoring, str) or any(module.startswith("sklearn.") for module in modules)


def _renew_lock():
    """Make tqdm's lock again in a forked child, where one held by another thread is never released."""
    TqdmDefaultWriteLock.th_lock = threading.RLock()
    if isinstance(
        getattr(tqdm, "_lock", None), TqdmDefaultWriteLock
    ):  # made already, and not one that the user set
        tqdm.set_lock(TqdmDefaultWriteLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
