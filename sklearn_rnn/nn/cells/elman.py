"""The simple recurrent network of Elman (1990)."""

from sklearn_rnn.nn.cells.base import NONLINEARITIES, Cell, recurrent_parameters
from sklearn_rnn.nn.kernels.rows import linear


class ElmanCell(Cell):
    r"""Elman's cell: the hidden layer sees its own last activation.

    .. math:: h_t = \sigma_h(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    The output layer :math:`y_t = \sigma_y(W_y h_t + b_y)` is the network's head.

    Parameters
    ----------
    input_size : int
        Number of features of an input, or of distinct tokens.
    hidden_size : int
        Width H of the state.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        The function :math:`\sigma_h`.

    References
    ----------
    Elman, J. L. (1990). Finding structure in time. Cognitive Science 14, 179-211.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import ElmanCell
    >>> cell = ElmanCell(3, 4)
    >>> h, state = cell.step(cell.project(torch.ones(2, 3)), cell.initial_state(2))
    >>> h.shape
    torch.Size([2, 4])
    """

    uses_nonlinearity = True

    def __init__(self, input_size, hidden_size, *, nonlinearity="tanh"):
        super().__init__(input_size, hidden_size)
        self.nonlinearity = nonlinearity
        self.weight_hh, self.bias_hh = recurrent_parameters(1, hidden_size)

    def step(self, projected, state):
        """Compute one step; see `Cell.step`."""
        (h,) = state
        h = NONLINEARITIES[self.nonlinearity](projected + linear(h, self.weight_hh, self.bias_hh))
        return h, (h,)
