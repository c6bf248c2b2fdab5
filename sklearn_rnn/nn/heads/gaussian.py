"""Numbers with a normal distribution."""

import torch

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.kernels.rows import softplus
from sklearn_rnn.nn.losses import (
    gaussian_error,
    gaussian_error_with_gradient,
    gaussian_parameters,
)


class GaussianHead(Head):
    """A normal distribution for each output: its mean and its standard deviation, fitted by likelihood.

    Parameters are those of `Head`. There are two scores per output, the means first.

    References
    ----------
    Salinas, D., Flunkert, V., Gasthaus, J. and Januschowski, T. (2020). DeepAR: probabilistic forecasting
    with autoregressive recurrent networks. International Journal of Forecasting 36(3), equation 3.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import GaussianHead
    >>> head = GaussianHead(input_size=4, n_outputs=1, per_step=False)
    >>> scores = head(torch.zeros(1, 4))
    >>> head.predict(scores, None)
    tensor([[0.]], grad_fn=<SplitBackward0>)
    >>> head.quantile(scores, torch.tensor([[0.9]])).item()  # 1.28 standard deviations above the mean
    0.889...
    """

    @staticmethod
    def count_scores(n_outputs):
        """Return the number of scores: two per output."""
        return 2 * n_outputs

    def term_losses(self, scores, targets):
        """Return the negative log-density of each term, averaged over the outputs."""
        return gaussian_error(scores, targets)

    def term_losses_with_gradients(self, scores, targets):
        """Return the losses of the terms, and their gradients with respect to the scores."""
        return gaussian_error_with_gradient(scores, targets)

    def predict(self, scores, packing):
        """Return the means, (n, n_outputs)."""
        return gaussian_parameters(scores)[0]

    def predict_with_std(self, scores, packing):
        """Return means and standard deviations side by side, (n, 2 n_outputs)."""
        return torch.cat(gaussian_parameters(scores, softplus), dim=1)

    def quantile(self, scores, levels):
        """Return quantiles of each output.

        Parameters
        ----------
        scores : Tensor of shape (n, 2 n_outputs)
            What `forward` returned.
        levels : Tensor of shape (n, n_outputs), or one that broadcasts to it
            The probability below each quantile, above 0 and below 1. Uniform random numbers produce samples.

        Returns
        -------
        Tensor of shape (n, n_outputs)
            The quantiles.
        """
        mean, scale = gaussian_parameters(scores, softplus)
        return mean + scale * torch.special.ndtri(levels)
