"""Long short-term memory (Hochreiter and Schmidhuber, 1997)."""

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_rnn.nn.cells.base import Cell, recurrent_parameters


class LSTMCell(Cell):
    r"""Long short-term memory with a forget gate, whose bias starts at 1.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}) \\
        f_t &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
        h_t &= o_t \odot \tanh(c_t)

    The rows of the weights hold the gates in the order i, f, g, o, as in `torch.nn.LSTM`.

    Parameters
    ----------
    input_size : int
        Number of features of an input, or of distinct tokens.
    hidden_size : int
        Width H of the state.

    References
    ----------
    Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9, 1735-1780.

    Gers, F. A., Schmidhuber, J. and Cummins, F. (2000). Learning to forget: continual prediction with
    LSTM. Neural Computation 12, 2451-2471.

    Jozefowicz, R., Zaremba, W. and Sutskever, I. (2015). An empirical exploration of recurrent network
    architectures. ICML (the forget gate's bias of 1).

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import LSTMCell
    >>> cell = LSTMCell(3, 4)
    >>> h, (h, c) = cell.step(cell.project(torch.ones(2, 3)), cell.initial_state(2))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    n_gates = 4

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight_hh, self.bias_hh = recurrent_parameters(4, hidden_size)
        nn.init.ones_(self.bias_hh.data[hidden_size : 2 * hidden_size])

    def initial_state(self, batch_size):
        """Return h and c before the first step: zeros of shape (B, H)."""
        zeros = self.weight_hh.new_zeros(batch_size, self.hidden_size)
        return zeros, zeros

    def step(self, projected, state):
        """Compute one step; see `Cell.step`."""
        h, c = state
        i, f, g, o = (projected + F.linear(h, self.weight_hh, self.bias_hh)).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)
