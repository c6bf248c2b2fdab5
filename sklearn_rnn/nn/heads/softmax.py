"""One of K classes."""

from torch import nn

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.losses import cross_entropy, cross_entropy_with_gradient


class SoftmaxHead(Head):
    """One of K classes: softmax and cross-entropy.

    Parameters
    ----------
    input_size, n_outputs, per_step
        See `Head`.
    label_smoothing : float in [0, 1), default=0.0
        The share of the target that is spread evenly over all classes in training (Szegedy et al., 2016). In
        evaluation mode nothing is smoothed: the loss is the negative log-probability.

    References
    ----------
    Szegedy, C. et al. (2016). Rethinking the Inception architecture for computer vision. CVPR, section 7.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import SoftmaxHead
    >>> head = SoftmaxHead(input_size=4, n_outputs=3, per_step=False)
    >>> head.predict_proba(head(torch.zeros(1, 4)), None)
    tensor([[0.3333, 0.3333, 0.3333]], grad_fn=<SoftmaxBackward0>)

    Label smoothing in a classifier:

    >>> from functools import partial
    >>> from sklearn_rnn import RNNClassifier
    >>> classifier = RNNClassifier(head=partial(SoftmaxHead, label_smoothing=0.1), max_iter=1)
    >>> classifier.fit(["ab", "ba", "aab"], ["x", "y", "x"]).predict_proba(["ab"]).shape
    (1, 2)
    """

    def __init__(self, input_size, n_outputs, per_step, label_smoothing=0.0):
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be at least 0 and less than 1, but it is {label_smoothing!r}."
            )
        super().__init__(input_size, n_outputs, per_step)
        self.label_smoothing = label_smoothing

    @staticmethod
    def make_activation(n_outputs):
        """Return the softmax over the last axis."""
        return nn.Softmax(dim=-1)

    def term_losses(self, scores, targets):
        """Return the cross-entropy of each term, smoothed while training."""
        return cross_entropy(scores, targets, self.label_smoothing if self.training else 0.0)

    def term_losses_with_gradients(self, scores, targets):
        """Return the losses of the terms in training, and their gradients with respect to the scores."""
        return cross_entropy_with_gradient(scores, targets, self.label_smoothing)

    def predict(self, scores, packing):
        """Return the code of the best class, (n,)."""
        return scores.argmax(dim=1)
