"""Training that makes a network worse: it is stopped, or warned of."""

import math
import warnings

import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn.data.problems import find_caller

# Training has exploded if the loss of an epoch is so many times that of the first batch (or 1, if that is
# more), and a weight is so large. With learning rates up to 0.1 no weight exceeds 10; but there are healthy
# runs whose losses grow as much, where a few numbers are large.
_EXPLODED_LOSS, _EXPLODED_WEIGHT = 1000, 100
# Training was worse than none by the same two signs, from one of these pairs of numbers on.
_WORSE = ((2, 5), (4, 1.5))


class Divergence:
    """Watch over the losses, gradients and weights of a training run.

    Parameters
    ----------
    net : SequenceNet
        What is trained.

    Attributes
    ----------
    n_batches : int
        Number of batches that have begun in the epoch, which messages name.
    """

    def __init__(self, net):
        self._net = net
        self._first_loss = None  # in absolute value
        self.n_batches = 0

    def check(self, value, name):
        """Stop training if a number is not finite.

        Parameters
        ----------
        value : float
            The number.
        name : str
            What it is.

        Raises
        ------
        ValueError
            If it is infinite or NaN.
        """
        if not math.isfinite(value):
            self._stop(f"{name} is {value}")

    def check_epoch(self, loss, first):
        """Stop training if it has exploded.

        Parameters
        ----------
        loss : float
            The mean training loss of an epoch.
        first : float
            The loss of its first batch.

        Raises
        ------
        ValueError
            If the loss and a weight are very large.
        """
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

    def check_weights(self):
        """Raise an error if a weight is not finite."""
        self.check(self._find_largest_weight(), "a weight")

    def warn_if_worse(self):
        """Warn if all epochs are done and the network is worse than before."""
        history = self._net.history
        loss = history[-1].get("train_loss", 0) if len(history) else 0
        if self._first_loss is None:  # nothing was trained
            return
        times = loss / max(1, self._first_loss)
        if times <= _WORSE[0][0]:
            return
        weight = self._find_largest_weight()
        if any(times > least_times and weight > least_weight for least_times, least_weight in _WORSE):
            warnings.warn(
                f"The training loss of the last epoch is {loss:.3g}, where that of the first batch was "
                f"{self._first_loss:.3g}: training made the network worse. Try a smaller learning_rate (now "
                f"{self._net.lr}), or scale the inputs.",
                ConvergenceWarning,
                stacklevel=find_caller(),
            )

    def _find_largest_weight(self):
        return torch.stack([w.detach().abs().max() for w in self._net.module_.parameters()]).max().item()

    def _stop(self, why):
        raise ValueError(
            f"Training stopped in epoch {len(self._net.history)}, batch {self.n_batches}: "
            f"{why}. Try a smaller learning_rate (now {self._net.lr}), "
            f"a smaller max_grad_norm (now {self._net.max_grad_norm}), or scale the inputs."
        )
