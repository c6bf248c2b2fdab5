"""A training step: the gradient of a batch, clipped, moves the weights."""

import math
from contextlib import contextmanager, nullcontext

import torch

from sklearn_rnn.nn.kernels.choose import find_training_step
from sklearn_rnn.training.flat import flattened
from sklearn_rnn.training.optimizers import OPTIMIZERS, find_step, has_hooks

# A step of these, and of torch's own, needs one gradient, and treats each number alike.
ELEMENTWISE = frozenset(OPTIMIZERS.values()) | {cls.__base__ for cls in OPTIMIZERS.values()}


def compute_scores(module, batch, state=None):
    """Compute the scores of a batch.

    Parameters
    ----------
    module : RecurrentNetwork or the like
        The network.
    batch : PackedBatch
        A batch.
    state : list of tuple of Tensor, optional
        For a chunk of a stream: the state after the one before.

    Returns
    -------
    scores : Tensor
        What the network returns.
    state : list of tuple of Tensor, or None
        For a chunk of a stream: the state after it.
    """
    if batch.chunk is None:
        return module(batch), None
    return module(batch, state, need_state=True)


def compute_loss(module, batch, state=None):
    """Compute the loss of a batch.

    Parameters
    ----------
    module, batch, state
        See `compute_scores`; the batch has targets.

    Returns
    -------
    dict
        "loss", the mean over terms; "y_pred", the scores; "n_terms", the number of terms; and "state", for a
        chunk of a stream: the state after it.
    """
    scores, state = compute_scores(module, batch, state)
    total, n_terms = module.head.loss(scores, batch)
    return {"loss": total / n_terms, "y_pred": scores, "n_terms": n_terms, "state": state}


@contextmanager
def prepare_step(net, divergence, notify=None, *, is_watched):
    """Prepare what all steps of a training run share, inside a ``with`` block.

    Parameters
    ----------
    net : SequenceNet
        The net, whose network is in training mode.
    divergence : Divergence
        Checks losses and gradients.
    notify : callable, optional
        ``notify("on_grad_computed", ...)`` is called after each gradient.
    is_watched : bool
        Whether callbacks may change the network, or the optimizer, between batches. Nothing is shared then.

    Yields
    ------
    TrainingStep
        The step.
    """
    weights = list(net.module_.parameters())  # to walk the module once, not in each batch
    make_chain_rule = None if is_watched else find_training_step(net.module_)
    is_flat = make_chain_rule and type(net.optimizer_) in ELEMENTWISE and not has_hooks(net.optimizer_)
    with flattened(net.optimizer_, weights) if is_flat else nullcontext() as flat:
        step = TrainingStep(net, weights, divergence, notify, is_watched=is_watched, flat=flat)
        if make_chain_rule:
            step.chain_rule = make_chain_rule(net.module_)
        yield step


class TrainingStep:
    """Compute the loss of a batch and its gradient, clip it, and move the weights.

    Where it can, it leaves out what takes longer than the mathematics of a small network: autograd, the
    optimizer's work per parameter, and what torch and skorch do around a step.

    Parameters
    ----------
    net, divergence, notify, is_watched
        See `prepare_step`.
    weights : list of Parameter
        The weights of the network.
    flat : Parameter, optional
        All weights as one parameter; see `flattened`.

    Attributes
    ----------
    chain_rule : ChainRule or None
        Computes gradients without autograd.
    """

    def __init__(self, net, weights, divergence, notify, *, is_watched, flat):
        self.net = net
        self.chain_rule = None
        self._weights, self._flat = weights, flat
        self._divergence = divergence
        self._notify = notify
        self._is_watched = is_watched

    def start_epoch(self):
        """Find out how the optimizer moves the weights."""
        optimizer = self.net.optimizer_
        self._move_weights = optimizer.step if self._is_watched else find_step(optimizer)

    def __call__(self, batch, state=None):
        """Train on a batch.

        Parameters
        ----------
        batch, state
            See `compute_loss`.

        Returns
        -------
        dict
            See `compute_loss`. The loss is a float where no callback sees it.
        """
        if self._notify is not None or type(self.net.optimizer_) not in ELEMENTWISE:
            return self._step_with_closure(batch, state)
        if self.chain_rule is None or self._is_watched:  # else the last gradient is written over
            self._clear_gradients()
        step = self.compute_gradients(batch, state)
        with torch.no_grad():
            self._move_weights()
        return step

    def _step_with_closure(self, batch, state):
        """Let the optimizer call for the gradient, once or several times, as skorch's net does."""
        net, steps = self.net, self.net.get_train_step_accumulator()

        def compute():
            self._clear_gradients()
            step = self.compute_gradients(batch, state)
            steps.store_step(step)
            if self._notify is not None:
                named_parameters = list(net.get_all_learnable_params())
                self._notify(
                    "on_grad_computed", named_parameters=named_parameters, batch=batch, training=True
                )
            return step["loss"]

        net.optimizer_.step(compute)
        return steps.get_step()

    def compute_gradients(self, batch, state=None):
        """Compute the loss of a batch and its gradient, and clip the gradient; see `__call__`."""
        if self._is_watched:  # somebody may have frozen weights, or listen to them
            module = self.net.module_
            make_chain_rule = find_training_step(module)
            self.chain_rule = make_chain_rule(module) if make_chain_rule else None
        if self.chain_rule is not None:
            scores, loss, n_terms, state = self.chain_rule(batch, state)
            self._divergence.check(loss, "the loss")
            if self._flat is None:  # callbacks or an optimizer of others may see it
                loss = torch.tensor(loss)
            step = {"loss": loss, "y_pred": scores, "n_terms": n_terms, "state": state}
        else:
            step = compute_loss(self.net.module_, batch, state)
            self._divergence.check(step["loss"].item(), "the loss")
            if not step["loss"].requires_grad:
                raise ValueError("No weight is left to train: callbacks have frozen all of them.")
            step["loss"].backward()
        if self.net.max_grad_norm is not None:
            self._clip_gradient()
        return step

    def _clip_gradient(self):
        """Scale the gradient down to `max_grad_norm`, with fewer calls than torch's function needs."""
        max_grad_norm = self.net.max_grad_norm
        if self._flat is not None:
            gradients = [self._flat.grad]
            norm = torch.linalg.vector_norm(*gradients).item()
        else:
            gradients = [w.grad for w in self._weights if w.grad is not None]
            norm = math.hypot(*torch.stack(torch._foreach_norm(gradients)).tolist())
        self._divergence.check(norm, "the gradient")
        if norm > max_grad_norm:
            torch._foreach_mul_(gradients, max_grad_norm / norm)

    def _clear_gradients(self):
        """Clear the last gradient, without the bookkeeping of the optimizer's own method."""
        for w in self._weights:
            w.grad = None
