"""The skorch net: what callbacks and scorers see of a network in training."""

import copy
import inspect

import numpy as np
import torch
from sklearn.utils import ClassifierTags
from skorch import NeuralNet
from skorch.callbacks import EpochTimer, PrintLog
from skorch.utils import to_device
from torch import nn

from sklearn_rnn.nn.heads import SoftmaxHead
from sklearn_rnn.training.flat import make_contiguous
from sklearn_rnn.training.optimizers import OPTIMIZERS
from sklearn_rnn.training.step import compute_loss, compute_scores


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
    """A skorch net over packed batches; `training.loop` trains it.

    Parameters
    ----------
    module : RecurrentNetwork
        The network, made beforehand.
    stream : RandomStream
        Source of all random numbers.
    max_grad_norm : float or None
        Largest norm of the gradient; None for no limit.
    title : str
        The title of the progress bar.
    **kwargs
        Those of `skorch.NeuralNet`.

    Attributes
    ----------
    schedules : dict
        Where the schedules of the learning rate were at the end of the last training.
    """

    def __init__(self, module, *, stream, max_grad_norm, title, **kwargs):
        super().__init__(module, criterion=nn.Identity, train_split=None, **kwargs)
        self.stream = stream
        self.max_grad_norm = max_grad_norm
        self.title = title
        self.schedules = {}

    @property
    def _default_callbacks(self):
        callbacks = [("epoch_timer", EpochTimer())]
        return [*callbacks, ("print_log", PrintLog())] if self.verbose > 1 else callbacks

    # Batches, in the terms of skorch

    def get_iterator(self, dataset, training=False):
        """Cut a data set into batches; see `skorch.NeuralNet.get_iterator`."""
        # Validation must not change the order of training batches.
        rng = self.stream.order if training else np.random.RandomState(0)
        return BatchIterator(dataset, self.batch_size, rng, self.module_.like)

    def infer(self, x, **fit_params):
        """Compute the scores of a batch; see `skorch.NeuralNet.infer`."""
        return self.module_(x)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the mean loss of the batch `X` from its scores; see `skorch.NeuralNet.get_loss`."""
        total, n_terms = self.module_.head.loss(y_pred, X)
        return total / n_terms

    def validation_step(self, batch, state=None, **fit_params):
        """Compute the loss; see `skorch.NeuralNet.validation_step`, and `compute_loss`."""
        with torch.inference_mode():
            return compute_loss(self.module_, batch, state)

    def forward_iter(self, X, training=False, device="cpu"):
        """Yield the scores of all batches; see `skorch.NeuralNet.forward_iter`."""
        state = None
        for batch in self.get_iterator(self.get_dataset(X), training=training):
            with torch.set_grad_enabled(training):
                self._set_training(training)
                scores, state = compute_scores(self.module_, batch, state if batch.chunk else None)
            yield to_device(scores, device)

    # Answers, for the scorers of skorch's callbacks

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

    # What training changes

    def snapshot(self):
        """Copy all that training changes; see `restore`.

        Returns
        -------
        tuple
            What `restore` takes.
        """
        learnt = copy.deepcopy(
            (self.module_.state_dict(), self.optimizer_.state_dict(), self.stream.get_state())
        )
        names = ("lr", "schedules", "max_grad_norm", "batch_size", "callbacks", "callbacks_")
        settings = {name: getattr(self, name) for name in names}
        return *learnt, len(self.history), self.criterion_.training, settings

    def restore(self, snapshot):
        """Go back to where `snapshot` was called.

        Parameters
        ----------
        snapshot : tuple
            What it returned.
        """
        weights, optimizer, stream, n_epochs, is_training, settings = snapshot
        self.module_.load_state_dict(weights)
        self.module_.eval()
        self.criterion_.train(is_training)
        self.optimizer_.load_state_dict(optimizer)
        self.stream.set_state(stream)
        del self.history[n_epochs:]  # earlier epochs are never written to again
        vars(self).update(settings)

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

    def restore_schedules(self):
        """Bring schedules to where they were; when made again, each of torch's begins in its own way."""
        for name, callback in self.callbacks_:
            kind, state, options = self.schedules.get(name, (None, None, None))
            scheduler = getattr(callback, "lr_scheduler_", None)
            if kind == type(scheduler).__name__:
                scheduler.load_state_dict(state)
                for group, option in zip(self.optimizer_.param_groups, options, strict=True):
                    group.update(option)

    def store_schedules(self):
        """Store where the schedules of the learning rate are; see `restore_schedules`."""
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
    make_contiguous(module)
    net = SequenceNet(
        module, optimizer=make_optimizer, lr=learning_rate, callbacks=callbacks, **options, **kwargs
    )
    net.initialize()
    return net
