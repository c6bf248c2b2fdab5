"""The simple recurrent network of Jordan (1986)."""

import torch
from torch import nn

from sklearn_rnn.nn.cells.base import NONLINEARITIES, Cell
from sklearn_rnn.nn.kernels.rows import Linear, linear


class JordanCell(Cell):
    r"""Jordan's cell: the hidden layer sees the network's last output.

    .. math::
        h_t &= \sigma_h(W_{ih} x_t + b_{ih} + W_{hy} y_{t-1} + b_{hy}) \\
        y_t &= \sigma_y(W_y h_t + b_y)

    with :math:`y_0 = 0`. In the top layer of a network, :math:`W_y` and :math:`b_y` *are* the network's
    output layer and :math:`\sigma_y` is what turns scores into its answer: softmax in classification
    and tagging, nothing in regression. What is fed back is the network's own answer, in training as
    in prediction (no teacher forcing). A lower layer feeds back its own output of width H.

    Parameters
    ----------
    input_size : int
        Number of features of an input, or of distinct tokens.
    hidden_size : int
        Width H of the hidden layer.
    output_size : int, optional
        Width K of the output; by default H.
    output_activation : Module, optional
        The function :math:`\sigma_y`; by default the identity.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        The function :math:`\sigma_h`.

    Notes
    -----
    `step` returns the scores :math:`W_y h_t + b_y`; the state is :math:`y_t`.

    References
    ----------
    Jordan, M. I. (1986). Serial order: a parallel distributed processing approach. Technical report
    8604, Institute for Cognitive Science, University of California, San Diego.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import JordanCell
    >>> cell = JordanCell(3, 4, output_size=2, output_activation=torch.nn.Softmax(dim=-1))
    >>> scores, (y,) = cell.step(cell.project(torch.ones(5, 3)), cell.initial_state(5))
    >>> scores.shape, torch.allclose(y.sum(dim=1), torch.ones(5))
    (torch.Size([5, 2]), True)
    """

    uses_nonlinearity = True
    emits_scores = True

    def __init__(
        self, input_size, hidden_size, *, output_size=None, output_activation=None, nonlinearity="tanh"
    ):
        super().__init__(input_size, hidden_size)
        self.nonlinearity = nonlinearity
        self.output_size = hidden_size if output_size is None else output_size
        self.output_activation = nn.Identity() if output_activation is None else output_activation
        self.weight_hy = nn.Parameter(torch.empty(hidden_size, self.output_size))
        self.bias_hy = nn.Parameter(torch.zeros(hidden_size))
        self.output = Linear(hidden_size, self.output_size)  # W_y, b_y
        nn.init.orthogonal_(self.weight_hy)

    def initial_state(self, batch_size):
        """Return the output before the first step: zeros of shape (B, K)."""
        return (self.weight_hy.new_zeros(batch_size, self.output_size),)

    def step(self, projected, state):
        """Compute one step; see `Cell.step`."""
        (y,) = state
        h = NONLINEARITIES[self.nonlinearity](projected + linear(y, self.weight_hy, self.bias_hy))
        scores = self.output(h)
        return scores, (self.output_activation(scores),)
