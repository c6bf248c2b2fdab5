"""The training loop. It notifies skorch's callbacks, and keeps skorch's history."""

import math
import signal
import threading
import warnings
from array import array
from contextlib import contextmanager, nullcontext

import numpy as np

from sklearn_rnn.data.problems import find_caller
from sklearn_rnn.nn.drawing import draws_from_generator
from sklearn_rnn.nn.kernels.choose import threads_for
from sklearn_rnn.training.callbacks import are_passive, check_callbacks, find_unused_hooks
from sklearn_rnn.training.divergence import Divergence
from sklearn_rnn.training.step import ELEMENTWISE, prepare_step


def run_epochs(net, dataset, validation, epochs, *, score=None, checkpoint=None):
    """Train a net for some epochs.

    Parameters
    ----------
    net : SequenceNet
        The net, with its callbacks.
    dataset : SequenceDataset or the like
        What to train on.
    validation : SequenceDataset or the like, or None
        What to validate on after each epoch.
    epochs : int
        Number of epochs.
    score : callable, optional
        ``score(loss)`` returns the score on the validation set, where the loss is this; larger is better. It
        is written into the history as "valid_score".
    checkpoint : Checkpoint, optional
        The file that training resumes from, if it exists, and that is written meanwhile.

    Returns
    -------
    bool
        Whether training was interrupted by Ctrl-C.
    """
    net._set_training(True)
    check_callbacks(net.callbacks_, has_validation=validation is not None)
    training = _Training(net, dataset, validation, epochs, score, checkpoint)
    try:
        with net.stream.active(), threads_for(net.module_, net.batch_size):
            training.run()
    except (AttributeError, LookupError, RuntimeError, TypeError) as error:
        if checkpoint is None:
            raise
        raise checkpoint.explain(error) from error
    net.store_schedules()
    training.divergence.check_weights()
    if not training.was_interrupted:
        training.divergence.warn_if_worse()
    net.module_.eval()
    return training.was_interrupted


class _Training:
    """A training run: the loop, and what exists only while it runs."""

    def __init__(self, net, dataset, validation, epochs, score, checkpoint):
        self.net = net
        self.dataset, self.validation = dataset, validation
        self.epochs = epochs if checkpoint is None else epochs - checkpoint.n_epochs
        self.score = score
        self.checkpoint = checkpoint
        self.divergence = Divergence(net)
        self.is_watched = not are_passive(net.callbacks_)
        self.unused_hooks = find_unused_hooks(net.callbacks_)
        self.lends = _draw_globally(net)
        self.is_stopped = False  # by a callback
        self.was_interrupted = False  # by Ctrl-C

    def run(self):
        """Train until all epochs are done, or a callback or Ctrl-C ends training."""
        net = self.net
        notify = None if "on_grad_computed" in self.unused_hooks else self.notify
        with prepare_step(net, self.divergence, notify, is_watched=self.is_watched) as train_step:
            self.notify("on_train_begin", X=self.dataset, y=None)
            with _noticing_ctrl_c() as pressed:
                try:
                    net.restore_schedules()
                    self.run_epochs(train_step)
                except KeyboardInterrupt:
                    self.was_interrupted = bool(pressed) or not self.is_stopped
            if self.was_interrupted:
                warnings.warn(
                    f"Training was interrupted in epoch {len(net.history)}; what was learnt so far is kept.",
                    stacklevel=find_caller(),
                )
            self.notify("on_train_end", X=self.dataset, y=None)

    def run_epochs(self, train_step):
        net, notify = self.net, self.notify
        datasets = {"dataset_train": self.dataset, "dataset_valid": self.validation}
        batches = net.get_iterator(self.dataset, training=True)
        if self.validation is not None:
            held_out = net.get_iterator(self.validation, training=False)

        for _ in range(self.epochs):
            notify("on_epoch_begin", **datasets)
            train_step.start_epoch()
            part = self.run_batches(batches, train_step, training=True)
            self.divergence.check_epoch(part.mean_loss, first=part.losses[0])

            if self.validation is not None:
                part = self.run_batches(held_out, net.validation_step, training=False)
                if self.score is not None:
                    self.record_score(part.mean_loss)
            notify("on_epoch_end", **datasets)

    def run_batches(self, batches, take_step, *, training):
        """Go through the batches once, and record and return their losses; see `EpochPart`."""
        net, notify = self.net, self.notify
        if self.is_watched or net.module_.training != training:
            net._set_training(training)
        part = EpochPart(net, "train" if training else "valid")
        if self.checkpoint is not None:
            batches = self.checkpoint.resume(batches, net, part, training=training)

        for batch in batches:
            self.divergence.n_batches = len(part.losses) + 1
            notify("on_batch_begin", batch=batch, training=training)
            with self.lending():
                step = take_step(batch, part.state if batch.chunk else None)
            part.add(step["loss"], step["n_terms"], step.pop("state"))
            notify("on_batch_end", batch=batch, training=training, **step)
            del step  # with the graph, whose memory the next batch can use
            if not self.is_watched:  # nobody looks back at earlier batches, of which a long epoch has many
                del net.history[-1]["batches"][:-1]
        part.finish()
        return part

    def record_score(self, loss):
        """Compute the validation score of an epoch with this validation loss."""
        history = self.net.history
        with self.lending():
            score = float(self.score(loss))
        best = max((epoch["valid_score"] for epoch in history if "valid_score" in epoch), default=-math.inf)
        history.record("valid_score", score)
        history.record("valid_score_best", score > best)

    def notify(self, hook, **kwargs):
        """Call a method of all callbacks."""
        net = self.net
        if hook in self.unused_hooks:
            getattr(net, hook)(net, **kwargs)
            return
        try:
            with net.stream.lent() if self.is_watched else nullcontext():  # a callback may draw, too
                net.notify(hook, **kwargs)
        except KeyboardInterrupt:  # how a skorch callback ends training
            if hook == "on_train_end":  # when all is learnt
                return
            self.is_stopped = True
            raise

    def lending(self):
        """Lend the random numbers to torch while third-party modules or optimizers run."""
        if self.is_watched:  # a callback may have put them there
            self.lends = _draw_globally(self.net)
        return self.net.stream.lent() if self.lends else nullcontext()


class EpochPart:
    """The training, or the validation, of an epoch: the losses of its batches, and the state of a stream.

    Parameters
    ----------
    net : SequenceNet
        Its history is written to.
    name : {"train", "valid"}
        How names in the history begin.

    Attributes
    ----------
    losses, n_terms : array of float
        The mean loss of each batch so far, and the number of terms of that mean.
    mean_loss : float
        The mean loss of a term, in the end.
    state : list of tuple of Tensor, or None
        In a stream: the state after the last batch.
    """

    def __init__(self, net, name):
        self._net, self._name = net, name
        self.losses, self.n_terms = array("d"), array("d")
        self.state = None

    def add(self, loss, n_terms, state):
        """Record a batch.

        Parameters
        ----------
        loss : float or Tensor
            Its mean loss.
        n_terms : int
            The number of terms of that mean.
        state : list of tuple of Tensor, or None
            In a stream: the state after it.
        """
        self.losses.append(loss if isinstance(loss, float) else loss.item())
        self.n_terms.append(n_terms)
        self.state = state
        name = self._name
        batch = self._net.history[-1]["batches"][-1]
        batch.update({f"{name}_loss": self.losses[-1], f"{name}_batch_size": n_terms})

    def finish(self):
        """Compute the mean loss, and record it."""
        history, name = self._net.history, f"{self._name}_loss"
        history.record(f"{self._name}_batch_count", len(self.losses))
        self.mean_loss = float(np.average(self.losses, weights=self.n_terms))
        best = next((e[name] for e in reversed(history) if e.get(f"{name}_best")), math.inf)
        history.record(name, self.mean_loss)
        history.record(f"{name}_best", self.mean_loss < best)


def _draw_globally(net):
    """Return whether modules or the optimizer may draw from torch's global generators."""
    kind = type(net.optimizer_)
    is_own = kind in ELEMENTWISE or kind.__module__.startswith("torch.optim.")
    # On a GPU torch's own dropout is faster than one with a generator.
    on_cpu = net.module_.like.device.type == "cpu"
    return not (is_own and on_cpu and draws_from_generator(net.module_))


@contextmanager
def _noticing_ctrl_c():
    """Record whether Ctrl-C was pressed; skorch's callbacks raise the same error to end training."""
    pressed, before = [], signal.getsignal(signal.SIGINT)

    def note(number, frame):
        pressed.append(number)
        before(number, frame)

    is_ours = threading.current_thread() is threading.main_thread() and before is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, before)
