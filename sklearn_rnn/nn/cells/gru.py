"""The gated recurrent unit (Cho et al., 2014)."""

import torch
from torch.nn import functional as F

from sklearn_rnn.nn.cells.base import Cell, recurrent_parameters


class GRUCell(Cell):
    r"""Gated recurrent unit.

    .. math::
        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    The reset gate acts after the product, as in `torch.nn.GRU`, and the rows of the weights hold the
    gates in the order r, z, n.

    Parameters
    ----------
    input_size : int
        Number of features of an input, or of distinct tokens.
    hidden_size : int
        Width H of the state.

    References
    ----------
    Cho, K. et al. (2014). Learning phrase representations using RNN encoder-decoder for statistical
    machine translation. EMNLP (arXiv:1406.1078v1 puts the reset gate after the product).

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import GRUCell
    >>> cell = GRUCell(3, 4)
    >>> h, state = cell.step(cell.project(torch.ones(2, 3)), cell.initial_state(2))
    >>> h.shape
    torch.Size([2, 4])
    """

    n_gates = 3

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight_hh, self.bias_hh = recurrent_parameters(3, hidden_size)

    def step(self, projected, state):
        """Compute one step; see `Cell.step`."""
        (h,) = state
        x_r, x_z, x_n = projected.chunk(3, dim=1)
        h_r, h_z, h_n = F.linear(h, self.weight_hh, self.bias_hh).chunk(3, dim=1)
        r = torch.sigmoid(x_r + h_r)
        z = torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        h = (1 - z) * n + z * h
        return h, (h,)
