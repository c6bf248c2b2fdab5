"""Numbers, by absolute error."""

from sklearn_rnn.nn.heads.linear import LinearHead
from sklearn_rnn.nn.losses import absolute_error, absolute_error_with_gradient


class AbsoluteErrorHead(LinearHead):
    """Numbers: the scores themselves, and absolute error, which makes them medians.

    Parameters are those of `Head`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import AbsoluteErrorHead
    >>> head = AbsoluteErrorHead(input_size=4, n_outputs=2, per_step=False)
    >>> head.term_losses(torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 5.0]]))
    tensor([2.])
    """

    def term_losses(self, scores, targets):
        """Return the absolute error of each term, averaged over the outputs."""
        return absolute_error(scores, targets)

    def term_losses_with_gradients(self, scores, targets):
        """Return the losses of the terms, and their gradients with respect to the scores."""
        return absolute_error_with_gradient(scores, targets)
