"""The skorch net that trains a network on packed batches."""

import copy
import inspect
import math
import signal
import threading
import warnings
from array import array
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import ClassifierTags
from skorch import NeuralNet
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    InputShapeSetter,
    LRScheduler,
    PrintLog,
)
from torch import nn

from sklearn_rnn.data.problems import find_caller
from sklearn_rnn.nn.drawing import draws_from_generator
from sklearn_rnn.nn.heads import SoftmaxHead
from sklearn_rnn.nn.kernels.chain_rule import ChainRule, can_differentiate
from sklearn_rnn.nn.recurrence import threads_for
from sklearn_rnn.training.callbacks import AsFar, BestEpoch, Progress, TokenProgress
from sklearn_rnn.training.flat import flattened, join_memory
from sklearn_rnn.training.optimizers import OPTIMIZERS, find_step, has_hooks

# A step of these, and of torch's own, needs one gradient, and treats each number alike.
_PLAIN = frozenset(OPTIMIZERS.values()) | {cls.__base__ for cls in OPTIMIZERS.values()}
# Callbacks that do not change the network.
_HARMLESS = (AsFar, BestEpoch, EpochTimer, EarlyStopping, LRScheduler, PrintLog, Progress, TokenProgress)

# What is written into the history of an epoch if there is a validation set.
_OF_VALIDATION = ("valid_loss", "valid_loss_best", "valid_score", "valid_score_best")

# Training has exploded if the loss of an epoch is so many times that of the first batch (or 1, if that is
# more), and a weight is so large. With learning rates up to 0.1 no weight exceeds 10; but there are healthy
# runs whose losses grow as much, where a few numbers are large.
_EXPLODED_LOSS, _EXPLODED_WEIGHT = 1000, 100
# Training was worse than none by the same two signs, from one of these pairs of numbers on.
_WORSE = ((2, 5), (4, 1.5))


class BatchIterator:
    """Batches of a data set, planned again for each iteration over it.

    Parameters
    ----------
    dataset : SequenceDataset or StreamDataset
        What to cut into batches.
    batch_size : int
        Number of sequences in a batch.
    rng : numpy.random.RandomState
        Source of the order.
    like : Tensor
        The batches are made on its device, numbers with its type.
    """

    def __init__(self, dataset, batch_size, rng, like):
        self.dataset = dataset
        self.batch_size = batch_size
        self.rng = rng
        self.like = like

    def __iter__(self):
        yield from self.dataset.batches(self.batch_size, self.rng, self.like)


class SequenceNet(NeuralNet):
    """A skorch net over packed batches.

    It differs from its parent in what a batch is, in averaging losses over terms (steps, where each step
    is answered), in clipping gradients, in stopping at a loss that is not finite, and in leaving out
    what takes more time than a small network itself.

    Parameters
    ----------
    module : RecurrentNetwork
        The network, made beforehand.
    stream : RandomStream
        Source of all random numbers.
    clip_norm : float or None
        Largest norm of the gradient; None for no limit.
    title : str
        The title of the progress bar.
    **kwargs
        Those of `skorch.NeuralNet`.
    """

    def __init__(self, module, *, stream, clip_norm, title, **kwargs):
        super().__init__(module, criterion=nn.Identity, train_split=None, **kwargs)
        self.stream = stream
        self.clip_norm = clip_norm
        self.title = title
        self.epochs_to_come = self.epochs_done = self.terms_done = 0  # done before, see `checkpoint`
        self.checkpoint = None
        self.score_validation = None
        self.schedules = {}
        self._is_watched = False  # by callbacks that may change the network, or draw random numbers
        self._unheard = frozenset()  # what no callback listens to in a batch
        self._flat = None  # all weights as one parameter
        self._chain_rule = None  # where autograd is not needed
        self._move_weights = None  # a step of the optimizer, see `find_step`
        self._n_batches = 0  # in this epoch so far
        self.of_batches = ()  # their losses, and numbers of terms
        self.state = None  # after the last chunk of a stream
        self.was_interrupted = False  # by Ctrl-C
        self._first_loss = None  # of the training

    @property
    def _default_callbacks(self):
        callbacks = [("epoch_timer", EpochTimer())]
        return [*callbacks, ("print_log", PrintLog())] if self.verbose > 1 else callbacks

    def __getstate__(self):
        """Leave out what is bound to this process: callbacks may copy or store the net during a fit."""
        return super().__getstate__() | {"_chain_rule": None, "_move_weights": None}

    def train(self, dataset, validation, epochs, score_validation=None, checkpoint=None):
        """Train for some epochs.

        Parameters
        ----------
        dataset : SequenceDataset
            What to train on.
        validation : SequenceDataset or None
            What to validate on after each epoch.
        epochs : int
            Number of epochs.
        score_validation : callable, optional
            ``score_validation(module)`` returns the score on the validation set, larger being better. It is
            written into the history as "valid_score".
        checkpoint : Checkpoint, optional
            The file that training resumes from, if it exists, and that is written meanwhile.
        """
        self.checkpoint, self.epochs_to_come = checkpoint, epochs
        self.epochs_done, self.terms_done = (
            (0, 0) if checkpoint is None else (checkpoint.n_epochs, checkpoint.n_terms)
        )
        self.score_validation = score_validation
        self._first_loss = None
        self._datasets = dataset, validation
        self._weights = list(self.module_.parameters())  # to walk the module once, not in each batch
        self._unheard = {
            method
            for method in ("on_batch_begin", "on_batch_end", "on_grad_computed")
            if all(getattr(type(c), method) is getattr(Callback, method) for _, c in self.callbacks_)
        }
        self._is_watched = any(
            type(c) not in _HARMLESS or callable(getattr(c, "monitor", None)) for _, c in self.callbacks_
        )
        self._set_training(True)
        self._check_callbacks()
        self._lends = self._has_others()
        by_hand = not self._is_watched and can_differentiate(self.module_)
        is_plain = type(self.optimizer_) in _PLAIN and not has_hooks(self.optimizer_)
        try:
            one = flattened(self.optimizer_, self._weights) if by_hand and is_plain else nullcontext()
            threads = threads_for(self.module_, self.batch_size)
            with self.stream.active(), threads, one as self._flat:
                self._chain_rule = ChainRule(self.module_) if by_hand else None
                self.partial_fit(dataset, epochs=epochs - self.epochs_done)
        except (AttributeError, LookupError, RuntimeError, TypeError) as error:
            if checkpoint is None:
                raise
            raise checkpoint.explain(error) from error
        finally:
            # The net outlives the fit, the data should not.
            del self._datasets, self._weights
            self._unheard, self._flat, self._chain_rule = frozenset(), None, None
            self._move_weights = self.state = None
            self.score_validation = self.checkpoint = None
        self._remember_schedules()
        self._stop_unless_finite(self._find_largest_weight(), "a weight")
        self._warn_if_worse()
        self.module_.eval()

    def resume(self, learning_rate):
        """Prepare to train further, with another learning rate or where the schedules were.

        Parameters
        ----------
        learning_rate : float
            The present learning rate. If it was changed, schedules start again.
        """
        if learning_rate != self.lr:
            self.lr, self.schedules = learning_rate, {}
        for group in self.optimizer_.param_groups:
            group["lr"] = group["initial_lr"] = self.lr
        for _, _, options in self.schedules.values():
            for group, option in zip(self.optimizer_.param_groups, options, strict=True):
                for name, value in option.items():  # some schedules do not start without theirs
                    group.setdefault(name, value)

    def _resume_schedules(self):
        """Bring schedules to where they were; when made again, each of torch's begins in its own way."""
        for name, callback in self.callbacks_:
            kind, state, options = self.schedules.get(name, (None, None, None))
            scheduler = getattr(callback, "lr_scheduler_", None)
            if kind == type(scheduler).__name__:
                scheduler.load_state_dict(state)
                for group, option in zip(self.optimizer_.param_groups, options, strict=True):
                    group.update(option)

    def _remember_schedules(self):
        # Some schedules also move a momentum, and keep their own numbers in the groups.
        options = [
            {name: value for name, value in group.items() if name != "params"}
            for group in self.optimizer_.param_groups
        ]
        self.schedules = {
            name: (type(callback.lr_scheduler_).__name__, callback.lr_scheduler_.state_dict(), options)
            for name, callback in self.callbacks_
            if hasattr(callback, "lr_scheduler_")
        }

    def notify(self, method_name, **kwargs):
        """Call the callbacks; see `skorch.NeuralNet.notify`."""
        if method_name in self._unheard:
            getattr(self, method_name)(self, **kwargs)
            return
        try:
            with self.stream.lent() if self._is_watched else nullcontext():  # a callback may draw, too
                super().notify(method_name, **kwargs)
        except KeyboardInterrupt:  # how a skorch callback ends training
            if method_name == "on_train_end":  # when all is learnt
                return
            self._stopped_by_callback = True
            raise

    def _lending(self):
        """Lend the random numbers to torch while third-party modules or optimizers run."""
        if self._is_watched:  # a callback may have put them there
            self._lends = self._has_others()
        return self.stream.lent() if self._lends else nullcontext()

    def _has_others(self):
        kind = type(self.optimizer_)
        is_own = kind in _PLAIN or kind.__module__.startswith("torch.optim.")
        # On a GPU torch's own dropout is faster than one with a generator.
        on_cpu = self.module_.like.device.type == "cpu"
        return not (is_own and on_cpu and draws_from_generator(self.module_))

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train until done or interrupted; see `skorch.NeuralNet.fit_loop`."""
        self._stopped_by_callback = self.was_interrupted = False
        self._resume_schedules()
        with _noticing_ctrl_c() as pressed:
            try:
                return super().fit_loop(X, y, epochs, **fit_params)
            except KeyboardInterrupt:
                self.was_interrupted = bool(pressed) or not self._stopped_by_callback
        if self.was_interrupted:
            warnings.warn(
                f"Training was interrupted in epoch {len(self.history)}; what was learnt so far is kept.",
                stacklevel=find_caller(),
            )
        return self

    def remember(self):
        """Copy all that training changes; see `restore`."""
        learnt = copy.deepcopy(
            (self.module_.state_dict(), self.optimizer_.state_dict(), self.stream.get_state())
        )
        settings = {
            name: getattr(self, name)
            for name in (
                "lr",
                "schedules",
                "clip_norm",
                "batch_size",
                "callbacks",
                "callbacks_",
                "checkpoint",
                "epochs_to_come",
                "epochs_done",
                "terms_done",
                "_n_batches",
                "_first_loss",
            )
        }
        return *learnt, len(self.history), self.criterion_.training, settings

    def restore(self, memory):
        """Go back to what `remember` returned."""
        weights, optimizer, stream, n_epochs, is_training, settings = memory
        self.module_.load_state_dict(weights)
        self.module_.eval()
        self.criterion_.train(is_training)
        self.optimizer_.load_state_dict(optimizer)
        self.stream.set_state(stream)
        del self.history[n_epochs:]  # earlier epochs are never written to again
        vars(self).update(settings)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the data sets that `train` was called with."""
        return self._datasets

    def get_iterator(self, dataset, training=False):
        """Cut a data set into batches; see `skorch.NeuralNet.get_iterator`."""
        # Validation must not change the order of training batches.
        rng = self.stream.order if training else np.random.RandomState(0)
        return BatchIterator(dataset, self.batch_size, rng, self.module_.like)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run over all batches once; see `skorch.NeuralNet.run_single_epoch`."""
        if iterator is None:
            return
        if self._is_watched or self.module_.training != training:
            self._set_training(training)
        self._move_weights = self.optimizer_.step if self._is_watched else find_step(self.optimizer_)
        losses, counts = self.of_batches = array("d"), array("d")
        name, of_size = f"{prefix}_loss", f"{prefix}_batch_size"
        first, point = 1, self.checkpoint
        if point is not None:
            first += point.n_batches if training else 0
            iterator = point.batches(self, iterator) if training else point.validation_batches(iterator)
        for self._n_batches, batch in enumerate(iterator, first):
            self.notify("on_batch_begin", batch=batch, training=training)
            with self._lending():
                step = step_fn(batch)
            loss, state = step["loss"], step.pop("state")
            if batch.chunk is not None:
                self.state = state
            losses.append(loss if isinstance(loss, float) else loss.item())
            counts.append(step["n_terms"])
            self.history[-1]["batches"][-1].update({name: losses[-1], of_size: step["n_terms"]})
            self.notify("on_batch_end", batch=batch, training=training, **step)
            del step  # with the graph, whose memory the next batch can use
            if not self._is_watched:  # nobody looks back at earlier batches, of which a long epoch has many
                del self.history[-1]["batches"][:-1]
        self.history.record(f"{prefix}_batch_count", len(losses))
        loss = float(np.average(losses, weights=counts))  # a mean over terms
        best = next((e[name] for e in reversed(self.history) if e.get(f"{name}_best")), math.inf)
        self.history.record(name, loss)
        self.history.record(f"{name}_best", loss < best)
        if training:
            self._stop_if_exploded(loss, losses[0])
        if not training and self.score_validation is not None:
            with self._lending():
                score = float(self.score_validation(self.module_))
            best = max((e["valid_score"] for e in self.history if "valid_score" in e), default=-math.inf)
            self.history.record("valid_score", score)
            self.history.record("valid_score_best", score > best)

    def predict(self, X):
        """Turn scores into answers in the order of the batches; what skorch's scoring callbacks call."""
        return self._answer("predict", X)

    def predict_proba(self, X):
        """Turn scores into probabilities in the order of the batches; see `predict`."""
        return self._answer("predict_proba", X)

    def _answer(self, method, X):
        head = self.module_.head
        if not head.rates_steps:
            raise ValueError(
                "Scoring callbacks score answers that follow from the scores of single steps, but "
                f"{type(head).__name__} answers whole sequences. Use early_stopping=True, which scores these "
                "in each epoch, and read 'valid_score' in history_."
            )
        answers = [getattr(head, method)(scores.detach(), None) for scores in self.forward_iter(X)]
        return torch.cat(answers).cpu().numpy()

    @property
    def classes_(self):
        """The codes of labels, which `predict` answers and the columns of `predict_proba` stand for."""
        if type(self.module_.head) is not SoftmaxHead:
            raise AttributeError("A network whose head is not a softmax has no classes.")
        return np.arange(self.module_.head.n_outputs)

    def __sklearn_tags__(self):
        """Describe the net to the scorers that scoring callbacks make."""
        tags = super().__sklearn_tags__()
        if hasattr(self, "module_") and hasattr(self, "classes_"):
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        return tags

    def _check_callbacks(self):
        """Refuse what a callback cannot do here, before anything is trained."""
        for name, callback in self.callbacks_:
            if isinstance(callback, InputShapeSetter):
                raise ValueError(
                    f"The callback {name!r} sets the width of a network, but the network here is made "
                    "before callbacks run, for the width that the data has. Leave it out."
                )
            monitor = getattr(callback, "monitor", None)
            if self._datasets[1] is None and isinstance(monitor, str) and monitor in _OF_VALIDATION:
                raise ValueError(
                    f"The callback {name!r} monitors {monitor!r}, but nothing is validated on. Set "
                    "early_stopping=True or pass X_val and y_val, or monitor 'train_loss' "
                    "('train_loss_best' to save the best)."
                )
            if isinstance(callback, (BatchScoring, EpochScoring)) and not callback.use_caching:
                scoring = callback.scoring
                if (
                    isinstance(scoring, str)
                    or type(scoring).__module__.startswith("sklearn.")
                    or (getattr(scoring, "__module__", "").startswith("sklearn."))
                ):
                    raise ValueError(
                        f"The callback {name!r} has use_caching=False, but scorers need targets, and the net "
                        "holds these only with the scores of the batches that it has just computed. Set "
                        "use_caching=True."
                    )

    def infer(self, x, **fit_params):
        """Compute the scores of a batch; see `skorch.NeuralNet.infer`."""
        scores, self.state = self._run(x)
        return scores

    def forward_iter(self, X, *args, **kwargs):
        """Yield the scores of all batches; see `skorch.NeuralNet.forward_iter`."""
        state = self.state
        try:
            yield from super().forward_iter(X, *args, **kwargs)
        finally:
            self.state = state

    def _run(self, batch):
        """Return the scores of a batch and, in a stream, the state after it."""
        if batch.chunk is None:
            return self.module_(batch), None
        return self.module_(batch, self._state_before(batch), need_state=True)

    def _state_before(self, batch):
        """Return what a batch begins with: in a stream, the state after the chunk before."""
        return self.state if batch.chunk else None

    def _loss(self, batch):
        scores, state = self._run(batch)
        total, n_terms = self.module_.head.loss(scores, batch)
        return {"loss": total / n_terms, "y_pred": scores, "n_terms": n_terms, "state": state}

    def train_step(self, batch, **fit_params):
        """Compute loss and gradients and move the weights; see `skorch.NeuralNet.train_step`."""
        if "on_grad_computed" not in self._unheard or type(self.optimizer_) not in _PLAIN:
            return super().train_step(batch, **fit_params)
        if self._chain_rule is None or self._is_watched:  # else the last gradient is written over
            self._zero_grad_optimizer()
        step = self.train_step_single(batch)
        with torch.no_grad():
            (self._move_weights or self.optimizer_.step)()
        return step

    def train_step_single(self, batch, **fit_params):
        """Compute loss and gradients; see `skorch.NeuralNet.train_step_single`."""
        if self._is_watched:  # somebody may have frozen weights, or listen to them
            self._chain_rule = ChainRule(self.module_) if can_differentiate(self.module_) else None
        if self._chain_rule is not None:
            scores, loss, n_terms, state = self._chain_rule(batch, self._state_before(batch))
            self._stop_unless_finite(loss, "the loss")
            if self._flat is None:  # callbacks or an optimizer of others may see it
                loss = torch.tensor(loss)
            step = {"loss": loss, "y_pred": scores, "n_terms": n_terms, "state": state}
        else:
            step = self._loss(batch)
            self._stop_unless_finite(step["loss"].item(), "the loss")
            if not step["loss"].requires_grad:
                raise ValueError("No weight is left to train: callbacks have frozen all of them.")
            step["loss"].backward()
        if self.clip_norm is not None:
            self._clip_gradient()
        return step

    def _clip_gradient(self):
        """Scale the gradient down to `clip_norm`, with fewer calls than torch's function needs."""
        if self._flat is not None:
            gradients = [self._flat.grad]
            norm = torch.linalg.vector_norm(*gradients).item()
        else:
            gradients = [w.grad for w in self._weights if w.grad is not None]
            norm = math.hypot(*torch.stack(torch._foreach_norm(gradients)).tolist())
        self._stop_unless_finite(norm, "the gradient")
        if norm > self.clip_norm:
            torch._foreach_mul_(gradients, self.clip_norm / norm)

    def _zero_grad_optimizer(self, set_to_none=None):
        """Clear the last gradient, without the bookkeeping of the optimizer's own method."""
        for w in self._weights:
            w.grad = None

    def validation_step(self, batch, **fit_params):
        """Compute the loss; see `skorch.NeuralNet.validation_step`."""
        with torch.inference_mode():
            return self._loss(batch)

    def _find_largest_weight(self):
        return torch.stack([w.detach().abs().max() for w in self.module_.parameters()]).max().item()

    def _stop_unless_finite(self, value, what):
        if not math.isfinite(value):
            self._stop(f"{what} is {value}")

    def _stop_if_exploded(self, loss, first):
        if self._first_loss is None:
            self._first_loss = abs(first)
        if loss < _EXPLODED_LOSS * max(1, self._first_loss):
            return
        weight = self._find_largest_weight()
        if weight > _EXPLODED_WEIGHT:
            self._stop(
                f"the loss of the epoch is {loss:.3g}, where that of the first batch was "
                f"{self._first_loss:.3g}, and a weight is {weight:.3g}"
            )

    def _warn_if_worse(self):
        loss = self.history[-1].get("train_loss", 0) if len(self.history) else 0
        if self.was_interrupted or self._first_loss is None:  # or nothing was trained
            return
        times = loss / max(1, self._first_loss)
        if times <= _WORSE[0][0]:
            return
        weight = self._find_largest_weight()
        if any(times > least_times and weight > least_weight for least_times, least_weight in _WORSE):
            warnings.warn(
                f"The training loss of the last epoch is {loss:.3g}, where that of the first batch was "
                f"{self._first_loss:.3g}: training made the network worse. Try a smaller learning_rate (now "
                f"{self.lr}), or scale the inputs.",
                ConvergenceWarning,
                stacklevel=find_caller(),
            )

    def _stop(self, why):
        raise ValueError(
            f"Training stopped in epoch {len(self.history)}, batch {self._n_batches}: "
            f"{why}. Try a smaller learning_rate (now {self.lr}), "
            f"a smaller clip_norm (now {self.clip_norm}), or scale the inputs."
        )


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


def make_net(module, *, optimizer, learning_rate, weight_decay, callbacks, **kwargs):
    """Make a net that is ready to train.

    Parameters
    ----------
    module : RecurrentNetwork
        The network.
    optimizer : str or callable
        A name in `OPTIMIZERS`, or a class of `torch.optim` (or a functools.partial of one).
    learning_rate, weight_decay : float
        The optimizer's.
    callbacks : list
        skorch callbacks.
    **kwargs
        Those of `SequenceNet`.

    Returns
    -------
    SequenceNet
        An initialized net.
    """
    make_optimizer = OPTIMIZERS.get(optimizer, optimizer) if isinstance(optimizer, str) else optimizer
    options = {"optimizer__weight_decay": weight_decay} if weight_decay else {}
    if optimizer == "sgd":
        options |= {"optimizer__momentum": 0.9, "optimizer__nesterov": True}
    chosen = {"fused", "foreach", "differentiable"} & set(getattr(make_optimizer, "keywords", {}))
    can_fuse = "fused" in inspect.signature(getattr(make_optimizer, "func", make_optimizer)).parameters
    if can_fuse and not chosen:
        options["optimizer__fused"] = True  # one call for all parameters
    join_memory(module)
    net = SequenceNet(
        module, optimizer=make_optimizer, lr=learning_rate, callbacks=callbacks, **options, **kwargs
    )
    net.initialize()
    return net
