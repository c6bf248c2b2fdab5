"""Numbers."""

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.losses import squared_error, squared_error_with_gradient


class LinearHead(Head):
    """Numbers: the scores themselves, and squared error. Parameters are those of `Head`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import LinearHead
    >>> head = LinearHead(input_size=4, n_outputs=1, per_step=False)
    >>> head.predict(head(torch.zeros(3, 4)), None).shape
    torch.Size([3, 1])
    """

    def term_losses(self, scores, targets):
        """Return the squared error of each term, averaged over the outputs."""
        return squared_error(scores, targets)

    def term_losses_with_gradients(self, scores, targets):
        """Return the losses of the terms, and their gradients with respect to the scores."""
        return squared_error_with_gradient(scores, targets)
