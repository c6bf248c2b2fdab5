"""Losses of single terms, and their gradients; heads weigh and add them."""

import torch
from torch.nn import functional as F


def cross_entropy(scores, targets, label_smoothing=0.0):
    """Give the negative log-probability of each target class.

    Parameters
    ----------
    scores : Tensor of shape (n, K)
        Unnormalised log-probabilities.
    targets : int64 Tensor of shape (n,)
        Class codes.
    label_smoothing : float, default=0.0
        Share of the target that all classes have alike; see `SoftmaxHead`.

    Returns
    -------
    Tensor of shape (n,)
        One term a row, in nats.
    """
    return F.cross_entropy(scores, targets, reduction="none", label_smoothing=label_smoothing)


def binary_cross_entropy(scores, targets):
    """Give the negative log-probability of each row of yes and no, summed over the labels.

    Parameters
    ----------
    scores : Tensor of shape (n, K)
        Log-odds.
    targets : Tensor of shape (n, K)
        Zeros and ones.

    Returns
    -------
    Tensor of shape (n,)
        One term a row, in nats.
    """
    return F.binary_cross_entropy_with_logits(scores, targets, reduction="none").sum(1)


def squared_error(scores, targets):
    """Give the squared error of each row, averaged over the outputs.

    Parameters
    ----------
    scores : Tensor of shape (n, K)
        Predictions.
    targets : Tensor of shape (n, K)
        Numbers. The shapes must agree: nothing is broadcast.

    Returns
    -------
    Tensor of shape (n,)
        One term a row.
    """
    if scores.shape != targets.shape:
        raise ValueError(f"Predictions have shape {tuple(scores.shape)}, targets {tuple(targets.shape)}.")
    return (scores - targets).square().mean(1)


def cross_entropy_with_gradient(scores, targets, label_smoothing=0.0):
    """Give `cross_entropy` and its gradient, (n,) and (n, K): the softmax less the (smoothed) targets."""
    logs, at = torch.log_softmax(scores, 1), targets[:, None]
    losses = -logs.gather(1, at)[:, 0]
    if label_smoothing:
        losses = (1 - label_smoothing) * losses - label_smoothing * logs.mean(1)
    grad = logs.exp_().scatter_add_(1, at, logs.new_full(at.shape, label_smoothing - 1))
    return losses, grad.sub_(label_smoothing / logs.shape[1]) if label_smoothing else grad


def binary_cross_entropy_with_gradient(scores, targets):
    """Give `binary_cross_entropy` and its gradient, (n,) and (n, K): the probabilities less the targets."""
    return binary_cross_entropy(scores, targets), torch.sigmoid(scores) - targets


def squared_error_with_gradient(scores, targets):
    """Give `squared_error` and its gradient, (n,) and (n, K)."""
    return squared_error(scores, targets), (scores - targets) * (2 / scores.shape[1])
