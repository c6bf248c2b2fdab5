"""Numbers with quantiles."""

import itertools

import torch

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.losses import pinball_error, pinball_error_with_gradient

_LEVELS = (0.1, 0.5, 0.9)


class QuantileHead(Head):
    """Quantiles of each output, fitted by the pinball loss.

    Parameters
    ----------
    input_size : int or None
        See `Head`.
    n_outputs : int, or tuple of an int and a tuple of float
        Number of outputs; and the levels of their quantiles, in increasing order, by default 0.1, 0.5, 0.9.
    per_step : bool
        See `Head`.

    Notes
    -----
    Nothing keeps the learnt quantiles of an output from crossing; they are sorted when they are requested
    (Chernozhukov et al., 2010), which never makes them worse.

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica 46(1).
    Chernozhukov, V., Fernández-Val, I. and Galichon, A. (2010). Quantile and probability curves without
    crossing. Econometrica 78(3).

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import QuantileHead
    >>> head = QuantileHead(input_size=None, n_outputs=(1, (0.2, 0.8)), per_step=False)
    >>> scores = torch.tensor([[10.0, 16.0]])
    >>> head.predict(scores, None), head.quantile(scores, torch.tensor([[0.3]]))
    (tensor([[13.]]), tensor([[11.]]))
    """

    def __init__(self, input_size, n_outputs, per_step):
        levels = _split(n_outputs)[1]
        if not levels or not all(a < b for a, b in itertools.pairwise([0, *levels, 1])):
            raise ValueError(f"The levels must increase and lie between 0 and 1, got {levels}.")
        super().__init__(input_size, n_outputs, per_step)
        self.n_quantiles = len(levels)
        self.register_buffer("levels", torch.tensor(levels))

    @staticmethod
    def count_scores(n_outputs):
        """Return the number of scores: one for each quantile of each output."""
        n, levels = _split(n_outputs)
        return n * len(levels)

    def term_losses(self, scores, targets):
        """Return the pinball loss of each term, averaged over quantiles and outputs."""
        return pinball_error(self._cut(scores), targets, self.levels)

    def term_losses_with_gradients(self, scores, targets):
        """Return the losses of the terms, and their gradients with respect to the scores."""
        losses, grad = pinball_error_with_gradient(self._cut(scores), targets, self.levels)
        return losses, grad.flatten(1)

    def predict(self, scores, packing):
        """Return the medians, (n, n_outputs)."""
        return self.quantile(scores, self.levels.new_tensor([[0.5]]))

    def quantile(self, scores, levels):
        """Return quantiles of each output, interpolated and extrapolated linearly from those learnt.

        Parameters
        ----------
        scores : Tensor of shape (n, n_scores)
            What `forward` returned.
        levels : Tensor of shape (n, n_outputs), or one that broadcasts to it
            The probability below each quantile. Uniform random numbers produce samples.

        Returns
        -------
        Tensor of shape (n, n_outputs)
            The quantiles. If only one was learnt, it is returned for every level.
        """
        quantiles = self._cut(scores).sort(dim=2).values  # (n, n_outputs, Q)
        if self.n_quantiles == 1:
            return quantiles[..., 0]
        levels = levels.expand(quantiles.shape[:2]).contiguous()
        last = self.n_quantiles - 2
        left = (torch.searchsorted(self.levels, levels, right=True) - 1).clamp(0, last)  # (n, n_outputs)
        low, high = (quantiles.gather(2, left[..., None] + i)[..., 0] for i in (0, 1))
        share = (levels - self.levels[left]) / (self.levels[left + 1] - self.levels[left])
        return low + share * (high - low)

    def _cut(self, scores):
        return scores.unflatten(1, (-1, self.n_quantiles))


def _split(n_outputs):
    return n_outputs if isinstance(n_outputs, tuple) else (n_outputs, _LEVELS)
