"""One of K classes."""

from torch import nn

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.losses import cross_entropy, cross_entropy_with_gradient


class SoftmaxHead(Head):
    """One of K classes: softmax and cross-entropy. Parameters are those of `Head`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import SoftmaxHead
    >>> head = SoftmaxHead(input_size=4, n_outputs=3, per_step=False)
    >>> head.predict_proba(head(torch.zeros(1, 4)), None)
    tensor([[0.3333, 0.3333, 0.3333]], grad_fn=<SoftmaxBackward0>)
    """

    @staticmethod
    def make_activation(n_outputs):
        """Give the softmax over the last axis."""
        return nn.Softmax(dim=-1)

    def term_losses(self, scores, targets):
        """Give the cross-entropy of each term."""
        return cross_entropy(scores, targets)

    def term_losses_with_gradients(self, scores, targets):
        """Give the losses of the terms, and their gradients with respect to the scores."""
        return cross_entropy_with_gradient(scores, targets)

    def predict(self, scores, packing):
        """Give the code of the best class, (n,)."""
        return scores.argmax(dim=1)
