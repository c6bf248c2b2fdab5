"""The base class of recurrent cells, which compute one step."""

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_rnn.nn.kernels.rows import linear, sigmoid, tanh

NONLINEARITIES = {"tanh": tanh, "relu": torch.relu, "sigmoid": sigmoid}


class Cell(nn.Module):
    """One step of a recurrence; subclass it to define your own cell.

    A subclass sets `n_gates`, makes its own parameters in ``__init__`` and defines `step`. Stacks,
    directions, batches and truncation are handled outside of the cell.

    Parameters
    ----------
    input_size : int
        Number of features d of an input, or of distinct tokens V.
    hidden_size : int
        Width H of the state.

    Attributes
    ----------
    n_gates : int
        The input is projected to ``n_gates * hidden_size`` numbers.
    uses_nonlinearity : bool
        Whether ``__init__`` takes the keyword `nonlinearity`.
    emits_scores : bool
        Whether the cell has its own output layer, and takes the keywords `output_size` and
        `output_activation`; its outputs are then the network's scores.
    output_size : int
        Width of the output of `step`.

    Examples
    --------
    The minimal gated unit of Zhou, Wu, Zhang and Zhou (2016): one gate decides what is forgotten and
    what the candidate sees.

    >>> import torch
    >>> from torch import nn
    >>> from sklearn_rnn.nn import Cell
    >>> class MinimalGatedUnit(Cell):
    ...     n_gates = 2
    ...
    ...     def __init__(self, input_size, hidden_size):
    ...         super().__init__(input_size, hidden_size)
    ...         self.forget = nn.Linear(hidden_size, hidden_size)
    ...         self.candidate = nn.Linear(hidden_size, hidden_size)
    ...
    ...     def step(self, projected, state):
    ...         (h,) = state
    ...         x_f, x_h = projected.chunk(2, dim=1)
    ...         f = torch.sigmoid(x_f + self.forget(h))
    ...         h = (1 - f) * h + f * torch.tanh(x_h + self.candidate(f * h))
    ...         return h, (h,)
    >>> cell = MinimalGatedUnit(input_size=3, hidden_size=4)
    >>> output, state = cell.step(cell.project(torch.zeros(2, 3)), cell.initial_state(2))
    >>> output.shape
    torch.Size([2, 4])

    Use it as ``RNNClassifier(cell=MinimalGatedUnit)``.
    """

    n_gates = 1
    uses_nonlinearity = False
    emits_scores = False

    def __init__(self, input_size, hidden_size):
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}.")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(self.n_gates * hidden_size, input_size))
        self.bias_ih = nn.Parameter(torch.zeros(self.n_gates * hidden_size))
        for gate in self.weight_ih.data.chunk(self.n_gates):
            nn.init.xavier_uniform_(gate)

    def project(self, inputs):
        """Apply the input's weights to all steps at once.

        Parameters
        ----------
        inputs : Tensor of shape (n_steps_total, input_size), or int64 of shape (n_steps_total,)
            Features; or tokens, each of which stands for the one-hot vector of that index.

        Returns
        -------
        Tensor of shape (n_steps_total, n_gates * hidden_size)
            What `step` takes.
        """
        if inputs.dtype == torch.int64:
            # The product with a one-hot vector is a column of the matrix.
            return F.embedding(inputs, self.weight_ih.t()) + self.bias_ih
        return linear(inputs, self.weight_ih, self.bias_ih)

    def initial_state(self, batch_size):
        """Return the state before the first step: by default one tensor of zeros.

        Parameters
        ----------
        batch_size : int
            Number of sequences B.

        Returns
        -------
        tuple of Tensor of shape (B, ...)
            The state; a cell may use any number of tensors.
        """
        return (self.weight_ih.new_zeros(batch_size, self.hidden_size),)

    def step(self, projected, state):
        """Compute one step.

        Parameters
        ----------
        projected : Tensor of shape (B, n_gates * hidden_size)
            The projected inputs of one step.
        state : tuple of Tensor of shape (B, ...)
            The state before the step.

        Returns
        -------
        output : Tensor of shape (B, output_size)
            What the layer above reads.
        state : tuple of Tensor of shape (B, ...)
            The state after the step.
        """
        raise NotImplementedError(f"{type(self).__name__} must define step(projected, state).")


def recurrent_parameters(n_gates, hidden_size):
    """Make the weight and bias of the recurrent connection, each gate orthogonal (Saxe et al., 2014).

    Parameters
    ----------
    n_gates : int
        Number of gates.
    hidden_size : int
        Width H of the state.

    Returns
    -------
    weight_hh : Parameter of shape (n_gates * H, H)
        Orthogonal blocks.
    bias_hh : Parameter of shape (n_gates * H,)
        Zeros.
    """
    weight_hh = nn.Parameter(torch.empty(n_gates * hidden_size, hidden_size))
    for gate in weight_hh.data.chunk(n_gates):
        nn.init.orthogonal_(gate)
    return weight_hh, nn.Parameter(torch.zeros(n_gates * hidden_size))
