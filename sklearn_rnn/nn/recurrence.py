"""Stacks of recurrent layers, in one direction or in both."""

import itertools

import torch
from torch import nn

from sklearn_rnn.nn.drawing import Dropout
from sklearn_rnn.nn.kernels.choose import make_step, run_layer, uses_loops
from sklearn_rnn.nn.kernels.states import join_states


class Recurrence(nn.Module):
    """A stack of recurrent layers, each in one direction or in both.

    Parameters
    ----------
    make_cell : callable
        ``make_cell(input_size, is_top)`` returns a new `Cell`.
    input_size : int
        Number of features of an input, or of distinct tokens.
    num_layers : int, default=1
        Number of layers.
    bidirectional : bool, default=False
        Whether each layer also reads the sequence from its end; the outputs of the two directions are
        put side by side.
    dropout : float, default=0.0
        Probability with which an input of any layer but the first is set to zero in training.
    bptt_steps : int, optional
        Truncated back-propagation through time: gradients do not cross the borders between chunks of
        this many steps. The state does.

    Attributes
    ----------
    output_size : int
        Width of the outputs.
    kernel_dtype : torch.dtype or None
        What cuDNN's kernels compute with, if not with the type of the weights. Inputs, outputs, states and
        gradients keep theirs.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn.batches import Packing
    >>> from sklearn_rnn.nn import GRUCell, Recurrence
    >>> recurrence = Recurrence(lambda size, is_top: GRUCell(size, 8), 3, num_layers=2, bidirectional=True)
    >>> outputs, state = recurrence(torch.zeros(6, 3), Packing(np.array([4, 2])))
    >>> outputs.shape
    torch.Size([6, 16])
    """

    def __init__(
        self, make_cell, input_size, *, num_layers=1, bidirectional=False, dropout=0.0, bptt_steps=None
    ):
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, got {num_layers}.")
        if bptt_steps is not None and bptt_steps < 1:
            raise ValueError(f"bptt_steps must be at least 1, or None, got {bptt_steps}.")
        self.layers = nn.ModuleList()
        for depth in range(num_layers):
            is_top = depth == num_layers - 1
            layer = nn.ModuleList(make_cell(input_size, is_top) for _ in range(2 if bidirectional else 1))
            self.layers.append(layer)
            input_size = layer[0].output_size * len(layer)
        self.output_size = input_size
        self.dropout = Dropout(dropout)
        self.bptt_steps = bptt_steps
        self.kernel_dtype = None

    @property
    def cells(self):
        """The cells in the order of their states: layer by layer, the forward direction first."""
        return [cell for layer in self.layers for cell in layer]

    def forward(self, inputs, packing, state=None, *, need_state=False):
        """Run all layers over a packed batch.

        Parameters
        ----------
        inputs : Tensor of shape (n_steps_total, input_size), or int64 of shape (n_steps_total,)
            Features or tokens: the first step of all sequences, then the second of those that have one, and
            so on, the longest sequence first.
        packing : Packing
            The layout of the batch.
        state : list of tuple of Tensor, optional
            The state to start from, one entry for each layer and direction.
        need_state : bool, default=False
            Whether to return the state after the last step of each sequence.

        Returns
        -------
        outputs : Tensor of shape (n_steps_total, output_size)
            The top layer's outputs.
        state : list of tuple of Tensor, or None
            The state after the last step of each sequence, if requested.

        Raises
        ------
        ValueError
            If the inputs or the state have another shape.
        """
        layers = [list(layer) for layer in self.layers]
        _check(layers, inputs, packing, state)
        given = iter(itertools.repeat(None) if state is None else state)
        after = []
        for depth, layer in enumerate(layers):
            if depth:
                inputs = self.dropout(inputs)
            outputs = []
            for cell, is_reversed in zip(layer, (False, True), strict=False):
                x = inputs.index_select(0, packing.reverse) if is_reversed else inputs
                out, final = self._run_truncated(cell, x, packing, next(given), need_state)
                outputs.append(out.index_select(0, packing.reverse) if is_reversed else out)
                after.append(final)
            inputs = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)
        return inputs, after if need_state else None

    def _run_truncated(self, cell, inputs, packing, state, need_state):
        """Run a cell chunk by chunk, cutting the graph between chunks."""
        sizes, bptt_steps, dtype = packing.batch_sizes, self.bptt_steps, self.kernel_dtype
        if state is None:
            state = cell.initial_state(sizes[0])
        if not bptt_steps or bptt_steps >= len(sizes) or not torch.is_grad_enabled():
            options = {"packing": packing, "need_state": need_state, "kernel_dtype": dtype}
            return run_layer(cell, inputs, sizes, state, **options)
        outputs, finished = [], []
        start = 0
        for first in range(0, len(sizes), bptt_steps):
            chunk = sizes[first : first + bptt_steps]
            finished.append(tuple(s[chunk[0] :] for s in state))
            # The first state keeps its gradient: it may be learnt, or come from another network.
            state = tuple(s[: chunk[0]].detach() if first else s for s in state)
            x = inputs[start : start + sum(chunk)]
            out, state = run_layer(cell, x, chunk, state, kernel_dtype=dtype)
            outputs.append(out)
            start += len(x)
        finished.append(state)
        return torch.cat(outputs), join_states(finished)

    def find_states(self, read, n_chunks, state):
        """Find the states with which the chunks of one long sequence begin, in both directions.

        The states of the backward direction must be known before the first chunk can be answered. Only one
        chunk and the states are held, so that the lower layers are run again for each layer above.

        Parameters
        ----------
        read : callable
            ``read(k)`` returns the inputs of chunk k, as `forward` takes them.
        n_chunks : int
            Number of chunks.
        state : list of tuple of Tensor
            The state to start from, one entry for each layer and direction.

        Returns
        -------
        list of list of tuple of Tensor
            The states of each chunk, as `forward` takes them. Those of the top layer's forward direction are
            left as in `state`: they are what `forward` returns for the chunk before.
        """
        # One tensor for the states of all chunks: small ones, made between the large ones of each chunk,
        # would keep their memory from being reused.
        kept = [tuple(part.expand(n_chunks, *part.shape).clone() for part in parts) for parts in state]
        starts = [[tuple(part[k] for part in parts) for parts in kept] for k in range(n_chunks)]

        def keep(k, i, state):
            for part, learnt in zip(starts[k][i], state, strict=True):
                part.copy_(learnt)

        def run(cell, inputs, state):
            return run_layer(cell, inputs, [1] * len(inputs), state, kernel_dtype=self.kernel_dtype)

        def read_below(depth, k):
            inputs = read(k)
            for i, (ahead, back) in enumerate(self.layers[:depth]):
                outputs = run(ahead, inputs, starts[k][2 * i])[0]
                from_end = run(back, inputs.flip(0), starts[k][2 * i + 1])[0].flip(0)
                inputs = torch.cat([outputs, from_end], dim=1)
            return inputs

        for depth, (ahead, back) in enumerate(self.layers):
            for k in range(n_chunks - 1, 0, -1):
                inputs, i = read_below(depth, k).flip(0), 2 * depth + 1
                keep(k - 1, i, run(back, inputs, starts[k][i])[1])
            for k in range(n_chunks - 1 if depth < len(self.layers) - 1 else 0):
                keep(k + 1, 2 * depth, run(ahead, read_below(depth, k), starts[k][2 * depth])[1])
        return starts


def _check(layers, inputs, packing, state):
    """Check shapes: torch's own kernels read past the end of what is too small."""
    n_steps, first = packing.n_steps_total, layers[0][0]
    expected = (n_steps, first.input_size) if inputs.is_floating_point() else (n_steps,)
    if inputs.shape != expected:
        raise ValueError(
            f"inputs have shape {tuple(inputs.shape)}, but the packing has {n_steps} steps "
            f"and the first layer reads {first.input_size} features (or tokens, without a second axis)."
        )
    if state is None:
        return
    found = [[tuple(s.shape) for s in part] for part in state]
    cells = [cell for layer in layers for cell in layer]
    expected = [[tuple(s.shape) for s in cell.initial_state(len(packing))] for cell in cells]
    if found != expected:
        raise ValueError(f"state has shapes {found}, but the layers need {expected}.")


class StepRunner:
    """A stack of recurrent layers that is run one step at a time, without gradients.

    For loops in which the next input depends on the last output. Weights are copied when a batch size first
    occurs: after further training, make a new one.

    Parameters
    ----------
    recurrence : Recurrence
        Layers that read in one direction.

    Raises
    ------
    ValueError
        If a layer reads from the end as well.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import LSTMCell, Recurrence, StepRunner
    >>> step = StepRunner(Recurrence(lambda size, is_top: LSTMCell(size, 8), 3, num_layers=2))
    >>> output, state = step(torch.zeros(5, 3))
    >>> output, state = step(torch.ones(5, 3), state)
    >>> output.shape
    torch.Size([5, 8])
    """

    def __init__(self, recurrence):
        if any(len(layer) > 1 for layer in recurrence.layers):
            raise ValueError("A layer that reads a sequence from its end as well cannot go step by step.")
        self._cells = [layer[0] for layer in recurrence.layers]
        self._steps = {}  # by place in the stack, number of sequences, and kind of input

    def __getstate__(self):
        """Leave out what is bound to this process."""
        return self.__dict__ | {"_steps": {}}

    @torch.no_grad()
    def __call__(self, inputs, state=None):
        """Compute one step.

        Parameters
        ----------
        inputs : Tensor of shape (B, input_size), or int64 of shape (B,)
            Features or tokens.
        state : list of tuple of Tensor, optional
            What the last step or `Recurrence.forward` returned; by default the initial state.

        Returns
        -------
        outputs : Tensor of shape (B, output_size)
            The top layer's outputs.
        state : list of tuple of Tensor
            The state of each layer after the step.
        """
        after = []
        for depth, cell in enumerate(self._cells):
            before = cell.initial_state(len(inputs)) if state is None else state[depth]
            inputs, final = self._find_step(depth, cell, inputs, before)(inputs, before)
            after.append(final)
        return inputs, after

    def _find_step(self, depth, cell, inputs, state):
        key = depth, len(inputs), inputs.dtype, uses_loops()
        if key not in self._steps:
            self._steps[key] = make_step(cell, inputs, state)
        return self._steps[key]
