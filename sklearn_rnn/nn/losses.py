"""Losses of single terms; heads weigh and add them."""

from torch.nn import functional as F


def cross_entropy(scores, targets):
    """Give the negative log-probability of each target class.

    Parameters
    ----------
    scores : Tensor of shape (n, K)
        Unnormalised log-probabilities.
    targets : int64 Tensor of shape (n,)
        Class codes.

    Returns
    -------
    Tensor of shape (n,)
        One term a row, in nats.
    """
    return F.cross_entropy(scores, targets, reduction="none")


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
