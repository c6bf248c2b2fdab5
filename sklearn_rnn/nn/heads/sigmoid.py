"""Any of K labels."""

from torch import nn

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.kernels.rows import sigmoid
from sklearn_rnn.nn.losses import binary_cross_entropy, binary_cross_entropy_with_gradient


class SigmoidHead(Head):
    """Any of K labels at once: sigmoid and binary cross-entropy. Parameters are those of `Head`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import SigmoidHead
    >>> head = SigmoidHead(input_size=4, n_outputs=2, per_step=False)
    >>> head.predict_proba(head(torch.zeros(1, 4)), None)
    tensor([[0.5000, 0.5000]], grad_fn=<SigmoidBackward0>)
    """

    @staticmethod
    def make_activation(n_outputs):
        """Return the logistic function."""
        return nn.Sigmoid()

    def term_losses(self, scores, targets):
        """Return the sum of the labels' cross-entropies for each term."""
        return binary_cross_entropy(scores, targets)

    def term_losses_with_gradients(self, scores, targets):
        """Return the losses of the terms, and their gradients with respect to the scores."""
        return binary_cross_entropy_with_gradient(scores, targets)

    def predict(self, scores, packing):
        """Return 1 for each label with a probability above one half, (n, K)."""
        return (scores > 0).long()

    def predict_proba(self, scores, packing):
        """Return the probability of each label, (n, K)."""
        return sigmoid(scores)
