"""Losses of single terms, and their gradients; heads weight and sum them."""

import math

import torch
from torch.nn import functional as F

# The least standard deviation of a Gaussian; targets are scaled to about 1.
_LEAST_SCALE = 1e-3


def cross_entropy(scores, targets, label_smoothing=0.0):
    """Return the negative log-probability of each target class.

    Parameters
    ----------
    scores : Tensor of shape (n, K)
        Unnormalised log-probabilities.
    targets : int64 Tensor of shape (n,)
        Class codes.
    label_smoothing : float, default=0.0
        Share of the target that is spread evenly over all classes; see `SoftmaxHead`.

    Returns
    -------
    Tensor of shape (n,)
        One term per row, in nats.
    """
    return F.cross_entropy(scores, targets, reduction="none", label_smoothing=label_smoothing)


def binary_cross_entropy(scores, targets):
    """Return the negative log-probability of each row of binary labels, summed over the labels.

    Parameters
    ----------
    scores : Tensor of shape (n, K)
        Log-odds.
    targets : Tensor of shape (n, K)
        Zeros and ones.

    Returns
    -------
    Tensor of shape (n,)
        One term per row, in nats.
    """
    return F.binary_cross_entropy_with_logits(scores, targets, reduction="none").sum(1)


def squared_error(scores, targets):
    """Return the squared error of each row, averaged over the outputs.

    Parameters
    ----------
    scores : Tensor of shape (n, K)
        Predictions.
    targets : Tensor of shape (n, K)
        Numbers. The shapes must agree: nothing is broadcast.

    Returns
    -------
    Tensor of shape (n,)
        One term per row.
    """
    _check_shapes(scores, targets)
    return (scores - targets).square().mean(1)


def absolute_error(scores, targets):
    """Return the absolute error of each row, averaged over the outputs.

    Parameters
    ----------
    scores, targets
        See `squared_error`.

    Returns
    -------
    Tensor of shape (n,)
        One term per row.
    """
    _check_shapes(scores, targets)
    return (scores - targets).abs().mean(1)


def gaussian_parameters(scores, softplus=F.softplus):
    """Return the means and standard deviations that scores stand for.

    Parameters
    ----------
    scores : Tensor of shape (n, 2 K)
        The means of K outputs, and then the numbers that `softplus` turns into standard deviations.
    softplus : callable, default=torch.nn.functional.softplus
        From Tensor to Tensor.

    Returns
    -------
    mean, scale : Tensor of shape (n, K)
        A scale is at least 0.001, so that an exact prediction does not make the likelihood infinite.
    """
    mean, raw = scores.chunk(2, dim=1)
    return mean, softplus(raw) + _LEAST_SCALE


def gaussian_error(scores, targets):
    """Return the negative log-density of each row under Gaussians, averaged over the outputs.

    Parameters
    ----------
    scores : Tensor of shape (n, 2 K)
        See `gaussian_parameters`.
    targets : Tensor of shape (n, K)
        Numbers.

    Returns
    -------
    Tensor of shape (n,)
        One term per row, in nats.
    """
    mean, scale = gaussian_parameters(scores)
    _check_shapes(mean, targets)
    return (((targets - mean) / scale).square() / 2 + scale.log() + math.log(2 * math.pi) / 2).mean(1)


def pinball_error(quantiles, targets, levels):
    """Return the pinball loss of each row, averaged over quantiles and outputs.

    Parameters
    ----------
    quantiles : Tensor of shape (n, K, Q)
        Predicted quantiles.
    targets : Tensor of shape (n, K)
        Numbers.
    levels : Tensor of shape (Q,)
        The probability below each quantile.

    Returns
    -------
    Tensor of shape (n,)
        One term per row.

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica 46(1), equation 3.1.
    """
    _check_shapes(quantiles[..., 0], targets)
    above = targets[..., None] - quantiles
    return torch.maximum(levels * above, (levels - 1) * above).mean((1, 2))


def _check_shapes(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(
            f"Predictions have shape {tuple(predictions.shape)}, targets {tuple(targets.shape)}."
        )


def cross_entropy_with_gradient(scores, targets, label_smoothing=0.0):
    """Return `cross_entropy` and its gradient, (n,) and (n, K): the softmax less the (smoothed) targets."""
    logs, at = torch.log_softmax(scores, 1), targets[:, None]
    losses = -logs.gather(1, at)[:, 0]
    if label_smoothing:
        losses = (1 - label_smoothing) * losses - label_smoothing * logs.mean(1)
    grad = logs.exp_().scatter_add_(1, at, logs.new_full(at.shape, label_smoothing - 1))
    return losses, grad.sub_(label_smoothing / logs.shape[1]) if label_smoothing else grad


def binary_cross_entropy_with_gradient(scores, targets):
    """Return `binary_cross_entropy` and its gradient, (n,) and (n, K): the probabilities less the targets."""
    return binary_cross_entropy(scores, targets), torch.sigmoid(scores) - targets


def squared_error_with_gradient(scores, targets):
    """Return `squared_error` and its gradient, (n,) and (n, K)."""
    return squared_error(scores, targets), (scores - targets) * (2 / scores.shape[1])


def absolute_error_with_gradient(scores, targets):
    """Return `absolute_error` and its gradient, (n,) and (n, K)."""
    return absolute_error(scores, targets), (scores - targets).sign() / scores.shape[1]


def gaussian_error_with_gradient(scores, targets):
    """Return `gaussian_error` and its gradient, (n,) and (n, 2 K)."""
    mean, scale = gaussian_parameters(scores)
    distance = (mean - targets) / scale
    of_scale = (1 - distance.square()) / scale * torch.sigmoid(scores.chunk(2, dim=1)[1])
    return gaussian_error(scores, targets), torch.cat([distance / scale, of_scale], dim=1) / mean.shape[1]


def pinball_error_with_gradient(quantiles, targets, levels):
    """Return `pinball_error` and its gradient, (n,) and (n, K, Q)."""
    above = targets[..., None] - quantiles
    # At a quantile that is hit exactly, the mean of both sides, as autograd takes it.
    grad = torch.heaviside(-above, above.new_tensor(0.5)) - levels
    return pinball_error(quantiles, targets, levels), grad / (quantiles.shape[1] * quantiles.shape[2])
