"""A vector for a whole sequence: it sets the initial state, or joins the input of each step."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_rnn.nn.kernels.rows import Linear


class InitialState(nn.Module):
    """A learnt linear map from a vector to the state that each cell starts from.

    The result is added to all parts of the cell's own initial state, which is zeros unless the cell defines
    another one. A part that does not hold floats, such as a counter, is not changed.

    Parameters
    ----------
    condition_size : int
        Width p of the vector.
    cells : iterable of Cell
        The cells whose initial states are computed.

    References
    ----------
    Karpathy, A. and Fei-Fei, L. (2015). Deep visual-semantic alignments for generating image descriptions.
    CVPR. They add a map of an image to the first step of a recurrent network that describes it.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import GRUCell, LSTMCell
    >>> from sklearn_rnn.nn.condition import InitialState
    >>> cells = [LSTMCell(3, 8), GRUCell(8, 4)]
    >>> state = InitialState(2, cells)(torch.ones(5, 2), cells)
    >>> [[tuple(part.shape) for part in parts] for parts in state]
    [[(5, 8), (5, 8)], [(5, 4)]]
    """

    def __init__(self, condition_size, cells):
        super().__init__()
        parts = itertools.chain(*(cell.initial_state(1) for cell in cells))
        self.sizes = [part[0].numel() for part in parts if part.is_floating_point()]
        self.linear = Linear(condition_size, sum(self.sizes))

    def forward(self, condition, cells):
        """Turn vectors into states.

        Parameters
        ----------
        condition : Tensor of shape (B, p)
            One vector per sequence.
        cells : iterable of Cell
            The cells that the map was made for.

        Returns
        -------
        list of tuple of Tensor of shape (B, ...)
            The state of each cell.
        """
        moves = iter(self.linear(condition).split(self.sizes, dim=1))  # (B, size) for each part
        return [
            tuple(
                part + next(moves).view_as(part) if part.is_floating_point() else part
                for part in cell.initial_state(len(condition))
            )
            for cell in cells
        ]


def join(values, condition, n_tokens=None):
    """Join the input of each step with the vector of its sequence.

    Parameters
    ----------
    values : Tensor of shape (n_steps_total, d), or int64 of shape (n_steps_total,)
        Features; or tokens, which become one-hot.
    condition : Tensor of shape (n_steps_total, p)
        The vector of the sequence that each step belongs to.
    n_tokens : int, optional
        Number of distinct tokens.

    Returns
    -------
    Tensor of shape (n_steps_total, d + p) or (n_steps_total, n_tokens + p)
        The inputs.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.condition import join
    >>> join(torch.tensor([0, 2]), torch.tensor([[0.5], [0.7]]), n_tokens=3)
    tensor([[1.0000, 0.0000, 0.0000, 0.5000],
            [0.0000, 0.0000, 1.0000, 0.7000]])
    """
    if values.dtype == torch.int64:
        values = F.one_hot(values, n_tokens).to(condition.dtype)
    return torch.cat([values, condition], dim=1)
