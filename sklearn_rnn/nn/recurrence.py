"""Layers, directions and the time loop.

How the loop over steps is run is decided in this file alone (`_run`): compiled (`native`), by a kernel of
torch, by a loop with back-propagation by hand (`manual_bptt.py`), or by the plain loop that serves any cell.
"""

import itertools
import warnings

import torch
from torch import nn

from sklearn_rnn.nn.cells import NONLINEARITIES, ElmanCell, GRUCell, JordanCell, LSTMCell
from sklearn_rnn.nn.drawing import Dropout
from sklearn_rnn.nn.kernels import manual_bptt
from sklearn_rnn.nn.kernels.native import functions
from sklearn_rnn.nn.kernels.native import library as native
from sklearn_rnn.nn.kernels.native.layer import Layer
from sklearn_rnn.nn.kernels.rows import Linear

_NATIVE_CELLS = {ElmanCell: "elman", JordanCell: "jordan", LSTMCell: "lstm", GRUCell: "gru"}
_HOOKS = [
    (f"_{kind}_hooks", f"_global_{kind}_hooks")
    for kind in ("forward", "forward_pre", "backward", "backward_pre")
]
_NATIVE_FEEDBACKS = {nn.Softmax: "softmax", nn.Identity: "identity", nn.Sigmoid: "sigmoid"}


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
            return _run(cell, inputs, packing, sizes, state, need_state, dtype)
        outputs, finished = [], []
        start = 0
        for first in range(0, len(sizes), bptt_steps):
            chunk = sizes[first : first + bptt_steps]
            finished.append(tuple(s[chunk[0] :] for s in state))
            # The first state keeps its gradient: it may be learnt, or come from another network.
            state = tuple(s[: chunk[0]].detach() if first else s for s in state)
            x = inputs[start : start + sum(chunk)]
            out, state = _run(cell, x, None, chunk, state, True, dtype)
            outputs.append(out)
            start += len(x)
        finished.append(state)
        return torch.cat(outputs), _join(finished)

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
            return _run(cell, inputs, None, [1] * len(inputs), state, True, self.kernel_dtype)

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


class Stepper:
    """A stack of recurrent layers that is run one step at a time, without gradients.

    For loops in which the next input depends on the last output. Weights are copied when a batch size first
    occurs: after further training, make a new stepper.

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
    >>> from sklearn_rnn.nn import LSTMCell, Recurrence, Stepper
    >>> step = Stepper(Recurrence(lambda size, is_top: LSTMCell(size, 8), 3, num_layers=2))
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
            inputs, final = self._choose(depth, cell, inputs, before)(inputs, before)
            after.append(final)
        return inputs, after

    def _choose(self, depth, cell, inputs, state):
        key = depth, len(inputs), inputs.dtype, native.get() is not None
        if key not in self._steps:
            planned = _plan_native(cell, inputs, [len(inputs)], state, has_way_back=False)
            if planned is None:
                self._steps[key] = lambda x, before: cell.step(cell.project(x), before)
            else:
                layer, (_, *tensors) = planned
                parameters = tensors[: len(tensors) - len(state)]
                self._steps[key] = functions.Step(layer, parameters, is_token=inputs.dtype == torch.int64)
        return self._steps[key]


def _join(finished):
    """Put together the final states of sequences that ended at different steps, the shortest first."""
    return tuple(torch.cat(parts) for parts in zip(*reversed(finished), strict=True))


def _run(cell, inputs, packing, sizes, state, need_state, kernel_dtype=None):
    """Run a cell over packed inputs; return its outputs and, if requested, its final state.

    Every way to run a cell has the same result, so that the choice affects only the speed.
    """
    planned = _plan_native(cell, inputs, sizes, state, has_way_back=torch.is_grad_enabled())
    if planned is not None:
        return _run_native(*planned, need_state)
    kind = _known_kind(cell)
    if kind is None:
        return _run_plain(cell, inputs, sizes, state)
    if inputs.is_cuda:
        return _run_cudnn(cell, kind, inputs, sizes, state, kernel_dtype)
    if inputs.is_floating_point():
        # On a CPU, torch's dense LSTM is oneDNN's and the fastest. Its Elman and GRU are only where
        # no gradient is needed. A padded run ends with the states of padding, so it is not used if states
        is_rectangular = sizes[0] == sizes[-1]
        # are needed, nor where most of it would be padding, as for one long sequence among short ones.
        is_fastest = isinstance(cell, LSTMCell) or not torch.is_grad_enabled()
        is_fastest = is_fastest and len(sizes) * sizes[0] <= 2 * len(inputs)
        if is_fastest and (is_rectangular or (packing is not None and not need_state)):
            return _run_dense(cell, kind, inputs, packing, sizes, state)
    return _run_by_hand(cell, inputs, sizes, state)


def _known_kind(cell):
    """Return the name of torch's own kernel for a built-in cell; None if it has no kernel."""
    if type(cell) is ElmanCell:
        return {"tanh": "rnn_tanh", "relu": "rnn_relu"}.get(cell.nonlinearity)
    return {LSTMCell: "lstm", GRUCell: "gru"}.get(type(cell))


class LayerByHand:
    """A cell in the compiled loops that is trained without autograd.

    Parameters
    ----------
    cell : Cell
        A cell for which `has_native` is True. Its parameters and their `grad` must keep their addresses.
    passing : dict
        See `Layer`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import ElmanCell
    >>> from sklearn_rnn.nn.recurrence import LayerByHand, has_native
    >>> cell = ElmanCell(3, 4)
    >>> for weight in cell.parameters():
    ...     weight.grad = torch.empty_like(weight)
    >>> if has_native(cell):
    ...     layer = LayerByHand(cell, {})
    ...     outputs = layer.forward(torch.ones(3, 3), [2, 1])
    ...     _ = layer.backward(torch.ones(3, 4), needs_input_grad=False)
    """

    def __init__(self, cell, passing):
        self._cell, self._zeros = cell, cell.initial_state(0)
        parameters = [weight for weight, _ in _native_parameters(cell)]
        name = _NATIVE_CELLS[type(cell)]
        self._layer = Layer(native.get(), name, cell.hidden_size, passing=passing, **_native_options(cell))
        self._layer.set_parameters(parameters)
        self._layer.set_gradients([weight.grad for weight in parameters])

    def forward(self, inputs, sizes, state=None):
        """Run all steps.

        Parameters
        ----------
        inputs : Tensor of shape (n_steps_total, input_size), or int64 of shape (n_steps_total,)
            Packed features or tokens.
        sizes : list of int
            Rows alive at each step.
        state : tuple of Tensor, optional
            The state to start from; by default the initial one.

        Returns
        -------
        Tensor of shape (n_steps_total, output_size)
            What the layer above reads.
        """
        # The loops know addresses only.
        self._inputs = inputs.contiguous()
        if state is None:
            if len(self._zeros[0]) != sizes[0]:
                self._zeros = self._cell.initial_state(sizes[0])
            state = self._zeros
        self._state = state
        self._layer.lay_out(sizes)
        self._outputs = self._layer.forward(self._inputs, self._state)
        return self._outputs[0]

    def backward(self, grad, *, needs_input_grad):
        """Write the gradients of the parameters, from that of the outputs.

        Parameters
        ----------
        grad : Tensor of shape (n_steps_total, output_size)
            The gradient of the outputs.
        needs_input_grad : bool
            Whether the gradient of the inputs is needed.

        Returns
        -------
        Tensor of shape (n_steps_total, input_size), or None
            The gradient of the inputs.
        """
        grads = (grad, None)[: len(self._outputs)]
        return self._layer.backward(self._inputs, grads, needs_input_grad=needs_input_grad)[0]

    def give_state(self):
        """Return the state after the last step of each sequence."""
        return _final_state(self._layer.cell, self._outputs, self._layer.sizes)


def has_native(cell):
    """Return whether the compiled loops can run a cell as it is now, in the present context."""
    if type(cell) not in _NATIVE_CELLS:
        return False
    inputs = torch.zeros(1, cell.input_size, device=cell.weight_ih.device)
    return _plan_native(cell, inputs, [1], cell.initial_state(1)) is not None


def threads_for(network, n_rows=32):
    """Choose torch's number of threads inside a ``with`` block.

    Parameters
    ----------
    network : Module
        With recurrent layers somewhere inside.
    n_rows : int, default=32
        Number of sequences in a batch.

    Returns
    -------
    context manager
        `native.library.lend_threads` if the compiled loops run all layers; else `torch_threads`, for what one
        step of the largest layer is to compute.
    """
    cells = [cell for module in network.modules() if isinstance(module, Recurrence) for cell in module.cells]
    if all(map(has_native, cells)):
        return native.lend_threads()
    if any(weight.device.type != "cpu" for weight in network.parameters()):
        return native.torch_threads()
    # The inputs are projected at once; in a step, each other weight is multiplied once for each row.
    return native.torch_threads(n_rows * max(_count_weights(cell) for cell in cells))


def _count_weights(cell):
    return sum(weight.numel() for name, weight in cell.named_parameters() if name != "weight_ih")


def _parameter_names(cell):
    """Return the names of the parameters of a cell of `_NATIVE_CELLS` in the order of its function."""
    if type(cell) is JordanCell:
        return ["weight_ih", "bias_ih", "weight_hy", "bias_hy", "output.weight", "output.bias"]
    return ["weight_ih", "bias_ih", "weight_hh", "bias_hh"]


def _native_parameters(cell):
    """Return the parameters of a cell of `_NATIVE_CELLS` in the order of its function, and their shapes."""
    G, H = native.N_GATES[_NATIVE_CELLS[type(cell)]] * cell.hidden_size, cell.hidden_size
    parameters = [(cell.weight_ih, (G, cell.input_size)), (cell.bias_ih, (G,))]
    if type(cell) is JordanCell:
        K, output = cell.output_size, cell.output
        parameters += [(cell.weight_hy, (H, K)), (cell.bias_hy, (H,))]
        return [*parameters, (output.weight, (K, H)), (output.bias, (K,))]
    return [*parameters, (cell.weight_hh, (G, H)), (cell.bias_hh, (G,))]


def _native_options(cell):
    """Return what a plan needs to know about a cell of `_NATIVE_CELLS`; None if the loops cannot run it."""
    name = _NATIVE_CELLS[type(cell)]
    if name in ("lstm", "gru"):
        return {}
    options = {"activation": cell.nonlinearity}
    if cell.nonlinearity not in NONLINEARITIES:
        return None
    if name == "jordan":
        activation = cell.output_activation
        feedback = _NATIVE_FEEDBACKS.get(type(activation))
        is_over_scores = getattr(activation, "dim", -1) in (-1, 1)
        if feedback is None or not is_over_scores or type(cell.output) not in (nn.Linear, Linear):
            return None
        if has_hooks(activation) or has_hooks(cell.output):
            return None
        options |= {"n_outputs": cell.output_size, "feedback": feedback}
    return options


def _plan_native(cell, inputs, sizes, state, *, has_way_back=True):
    """Return the `Layer` and the arguments of a run; None if the loops do not support them.

    Everything is checked before an address is taken: invalid arguments are left to the other paths to refuse.
    """
    name, library = _NATIVE_CELLS.get(type(cell)), native.get()
    if name is None or library is None or torch.is_autocast_enabled("cpu"):
        return None
    if inputs.dtype == torch.float32:
        shape = sum(sizes), cell.input_size
    else:
        shape = (sum(sizes),) if inputs.dtype == torch.int64 else None
    if inputs.shape != shape or not inputs.is_cpu:
        return None
    options = _native_options(cell)
    if options is None:
        return None
    fed_back = options.get("n_outputs", cell.hidden_size)
    tensors = [*_native_parameters(cell), *((s, (sizes[0], fed_back)) for s in state)]
    for tensor, shape in tensors:
        if tensor is None or tensor.shape != shape or tensor.dtype != torch.float32 or not tensor.is_cpu:
            return None
    options |= {"has_way_back": has_way_back, "replay": _make_replay(cell, sizes) if has_way_back else None}
    layer = Layer(library, name, cell.hidden_size, **options)
    layer.lay_out(sizes)
    return layer, (inputs.contiguous(), *(tensor.contiguous() for tensor, _ in tensors))


def has_hooks(module):
    """Return whether calls of this module, or of all modules, have hooks."""
    return any(getattr(module, own) or getattr(nn.modules.module, of_any) for own, of_any in _HOOKS)


def _run_native(layer, arguments, need_state):
    if layer.has_way_back:
        outputs = functions.Run.apply(layer, *arguments)
    else:
        outputs = functions.run(layer, *arguments)
    if not need_state:
        return outputs[0], None
    if layer.cell == "lstm" and not layer.has_way_back:  # without the cell states of all steps
        return outputs[0], (_last_rows(outputs[0], layer.sizes), outputs[1])
    return outputs[0], _final_state(layer.cell, outputs, layer.sizes)


def _final_state(name, outputs, sizes):
    """Return the state after the last steps, from the outputs of all steps of a `Layer`."""
    # Jordan: scores and what is fed back; LSTM: h, which is put out as well, and c.
    return tuple(_last_rows(o, sizes) for o in (outputs[1:] if name == "jordan" else outputs))


class _Steps(nn.Module):
    """The steps of a cell as a module, whose parameters torch can replace."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, inputs, sizes, state, *, is_projected):
        """Return the outputs, and LSTM's c or Jordan's y of each step."""
        steps = []
        for projected in (inputs if is_projected else self.cell.project(inputs)).split(sizes):
            output, state = self.cell.step(projected, tuple(s[: len(projected)] for s in state))
            steps.append((output,) if type(self.cell) in (ElmanCell, GRUCell) else (output, state[-1]))
        return tuple(torch.cat(parts) for parts in zip(*steps, strict=True))


def _make_replay(cell, sizes, names=None):
    """Make the `replay` of `twice_differentiable` for a function of inputs, parameters and state.

    With `names`, the inputs are projected already, with biases, and these are the remaining parameters.
    """
    is_projected = names is not None

    def replay(inputs, *tensors):
        given = _parameter_names(cell) if names is None else names
        parameters = dict(zip((f"cell.{name}" for name in given), tensors, strict=False))
        if is_projected and "bias_hh" not in names:
            parameters["cell.bias_hh"] = torch.zeros_like(cell.bias_hh)
        state = tensors[len(given) :]
        return torch.func.functional_call(
            _Steps(cell), parameters, (inputs, sizes, state), {"is_projected": is_projected}
        )

    return replay


def _run_plain(cell, inputs, sizes, state):
    """Call `cell.step` once a step, on the sequences that are still alive."""
    outputs, finished = [], []
    for projected in cell.project(inputs).split(sizes):
        alive = len(projected)
        if alive < len(state[0]):
            finished.append(tuple(s[alive:] for s in state))
            state = tuple(s[:alive] for s in state)
        result = cell.step(projected, state)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], tuple)):
            raise TypeError(
                f"{type(cell).__name__}.step must return (output, state), the state being a tuple."
            )
        output, state = result
        outputs.append(output)
    finished.append(state)
    return torch.cat(outputs), _join(finished)


def _run_dense(cell, kind, inputs, packing, sizes, state):
    n_steps, n_rows = len(sizes), sizes[0]
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    if sizes[-1] == n_rows:
        outputs, state = _call_library(kind, (inputs.view(n_steps, n_rows, -1),), state, weights, [False])
        return outputs.flatten(0, 1), state
    # What comes after the end of a sequence is computed and never read.
    dense = inputs.new_zeros(n_steps * n_rows, inputs.shape[1]).index_copy(0, packing.dense, inputs)
    outputs, _ = _call_library(kind, (dense.view(n_steps, n_rows, -1),), state, weights, [False])
    return outputs.flatten(0, 1).index_select(0, packing.dense), None


def _run_cudnn(cell, kind, inputs, sizes, state, kernel_dtype=None):
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    if not inputs.is_floating_point():  # tokens, which cuDNN does not know: it reads their projections
        inputs = cell.project(inputs)
        identity = torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
        weights[0], weights[2] = identity, torch.zeros_like(cell.bias_ih)
    with warnings.catch_warnings():
        # Our parameters are separate tensors; cuDNN copies them together, at little cost.
        warnings.filterwarnings(
            "ignore", message="RNN module weights are not part of single contiguous chunk"
        )
        dtype = inputs.dtype
        x, *weights = (t.to(kernel_dtype or dtype) for t in (inputs, *weights))
        state = [s.to(kernel_dtype or dtype) for s in state]
        outputs, state = _call_library(kind, (x, torch.tensor(sizes)), state, weights, [])
        return outputs.to(dtype), tuple(s.to(dtype) for s in state)


def _call_library(kind, layout, state, weights, batch_first):
    """Call torch's kernel on dense inputs (T, B, d), or on packed inputs and their batch sizes."""
    hx = [s.unsqueeze(0) for s in state]
    # Biases, layers, dropout, training, both directions.
    options = [True, 1, 0.0, torch.is_grad_enabled(), False]
    outputs, *state = getattr(torch, kind)(
        *layout, hx if kind == "lstm" else hx[0], weights, *options, *batch_first
    )
    return outputs, tuple(s.squeeze(0) for s in state)


def _run_by_hand(cell, inputs, sizes, state):
    projected, weight = cell.project(inputs), cell.weight_hh
    names = ["weight_hh", "bias_hh"] if isinstance(cell, GRUCell) else ["weight_hh"]
    is_relu = isinstance(cell, ElmanCell) and cell.nonlinearity == "relu"
    options = manual_bptt.Options(sizes, _make_replay(cell, sizes, names), is_relu=is_relu)
    if isinstance(cell, GRUCell):
        packed = (manual_bptt.GRU.apply(options, projected, weight, cell.bias_hh, *state),)
    elif isinstance(cell, LSTMCell):
        packed = manual_bptt.LSTM.apply(options, projected + cell.bias_hh, weight, *state)
    else:
        packed = (manual_bptt.Elman.apply(options, projected + cell.bias_hh, weight, *state),)
    return packed[0], tuple(_last_rows(p, sizes) for p in packed)


def _last_rows(packed, sizes):
    """Return the entry of each sequence's last step, (B, H)."""
    ends = []
    start = 0
    for size, following in zip(sizes, [*sizes[1:], 0], strict=True):
        if following < size:
            ends.append(packed[start + following : start + size])
        start += size
    return torch.cat(ends[::-1])
