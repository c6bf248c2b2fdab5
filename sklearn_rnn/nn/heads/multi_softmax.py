"""Several outputs, each one of several classes."""

import torch
from torch import nn

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.losses import cross_entropy


class GroupedSoftmax(nn.Module):
    """A softmax over each group of scores.

    Parameters
    ----------
    sizes : list of int
        Number of scores in each group.
    """

    def __init__(self, sizes):
        super().__init__()
        self.sizes = list(sizes)

    def forward(self, scores):
        """Normalise (..., sum(sizes)) scores group by group."""
        return torch.cat([s.softmax(dim=-1) for s in scores.split(self.sizes, dim=-1)], dim=-1)


class MultiSoftmaxHead(Head):
    """Several outputs, each one of several classes: a softmax and a cross-entropy for each.

    Parameters are those of `Head`; `n_outputs` is the list of the outputs' numbers of classes.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import MultiSoftmaxHead
    >>> head = MultiSoftmaxHead(input_size=4, n_outputs=[2, 3], per_step=False)
    >>> head(torch.zeros(1, 4)).shape
    torch.Size([1, 5])
    """

    @staticmethod
    def count_scores(n_outputs):
        """Return the total number of classes of all outputs."""
        return sum(n_outputs)

    @staticmethod
    def make_activation(n_outputs):
        """Return a softmax for each output."""
        return GroupedSoftmax(n_outputs)

    def term_losses(self, scores, targets):
        """Return the sum of the outputs' cross-entropies for each term."""
        groups = scores.split(self.n_outputs, dim=1)
        return sum(cross_entropy(s, targets[:, k]) for k, s in enumerate(groups))

    def predict(self, scores, packing):
        """Return the code of the best class of each output, (n, n_outputs)."""
        return torch.stack([s.argmax(dim=1) for s in scores.split(self.n_outputs, dim=1)], dim=1)
