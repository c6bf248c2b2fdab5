"""Built-in cells in the compiled loops: what these can run, and how they are called."""

import torch
from torch import nn

from sklearn_rnn.nn.cells import NONLINEARITIES, ElmanCell, GRUCell, JordanCell, LSTMCell
from sklearn_rnn.nn.kernels.native import functions, library
from sklearn_rnn.nn.kernels.native.layer import Layer
from sklearn_rnn.nn.kernels.rows import Linear
from sklearn_rnn.nn.kernels.second_order import make_reference
from sklearn_rnn.nn.kernels.states import last_rows

_CELLS = {ElmanCell: "elman", JordanCell: "jordan", LSTMCell: "lstm", GRUCell: "gru"}
_FEEDBACKS = {nn.Softmax: "softmax", nn.Identity: "identity", nn.Sigmoid: "sigmoid"}
_HOOKS = [
    (f"_{kind}_hooks", f"_global_{kind}_hooks")
    for kind in ("forward", "forward_pre", "backward", "backward_pre")
]
_PARAMETERS = ["weight_ih", "bias_ih", "weight_hh", "bias_hh"]  # in the order of the loops' functions
_JORDAN_PARAMETERS = ["weight_ih", "bias_ih", "weight_hy", "bias_hy", "output.weight", "output.bias"]


def supports(cell):
    """Return whether the compiled loops can run a cell as it is now, in the present context."""
    if type(cell) not in _CELLS:
        return False
    inputs = torch.zeros(1, cell.input_size, device=cell.weight_ih.device)
    return plan(cell, inputs, [1], cell.initial_state(1)) is not None


def plan(cell, inputs, sizes, state, *, needs_grad=True):
    """Plan a run in the compiled loops.

    Everything is checked before an address is taken: invalid arguments are left to the other ways to refuse.

    Parameters
    ----------
    cell : Cell
        Any cell.
    inputs : Tensor of shape (n_steps_total, input_size), or int64 of shape (n_steps_total,)
        Packed features or tokens.
    sizes : list of int
        Rows alive at each step.
    state : tuple of Tensor
        The state to start from.
    needs_grad : bool, default=True
        Whether there may be a backward pass.

    Returns
    -------
    tuple of a Layer and a tuple of Tensor, or None
        The layer, laid out for these sizes, and its inputs, parameters and states; None if the loops cannot
        run it.
    """
    name, loops = _CELLS.get(type(cell)), library.get()
    if name is None or loops is None or torch.is_autocast_enabled("cpu"):
        return None
    if inputs.dtype == torch.float32:
        shape = sum(sizes), cell.input_size
    else:
        shape = (sum(sizes),) if inputs.dtype == torch.int64 else None
    if inputs.shape != shape or not inputs.is_cpu:
        return None
    options = _find_options(cell)
    if options is None:
        return None
    fed_back = options.get("n_outputs", cell.hidden_size)
    tensors = [*_list_parameters(cell), *((s, (sizes[0], fed_back)) for s in state)]
    for tensor, shape in tensors:
        if tensor is None or tensor.shape != shape or tensor.dtype != torch.float32 or not tensor.is_cpu:
            return None
    reference = None
    if needs_grad:
        names = _JORDAN_PARAMETERS if type(cell) is JordanCell else _PARAMETERS
        reference = make_reference(cell, sizes, names)
    layer = Layer(loops, name, cell.hidden_size, needs_grad=needs_grad, reference=reference, **options)
    layer.lay_out(sizes)
    return layer, (inputs.contiguous(), *(tensor.contiguous() for tensor, _ in tensors))


def _list_parameters(cell):
    """Return the parameters of a cell of `_CELLS` in the order of its function, and their shapes."""
    G, H = library.N_GATES[_CELLS[type(cell)]] * cell.hidden_size, cell.hidden_size
    parameters = [(cell.weight_ih, (G, cell.input_size)), (cell.bias_ih, (G,))]
    if type(cell) is JordanCell:
        K, output = cell.output_size, cell.output
        parameters += [(cell.weight_hy, (H, K)), (cell.bias_hy, (H,))]
        return [*parameters, (output.weight, (K, H)), (output.bias, (K,))]
    return [*parameters, (cell.weight_hh, (G, H)), (cell.bias_hh, (G,))]


def _find_options(cell):
    """Return what a `Layer` needs to know about a cell of `_CELLS`; None if the loops cannot run it."""
    name = _CELLS[type(cell)]
    if name in ("lstm", "gru"):
        return {}
    options = {"activation": cell.nonlinearity}
    if cell.nonlinearity not in NONLINEARITIES:
        return None
    if name == "jordan":
        activation = cell.output_activation
        feedback = _FEEDBACKS.get(type(activation))
        is_over_scores = getattr(activation, "dim", -1) in (-1, 1)
        if feedback is None or not is_over_scores or type(cell.output) not in (nn.Linear, Linear):
            return None
        if has_hooks(activation) or has_hooks(cell.output):
            return None
        options |= {"n_outputs": cell.output_size, "feedback": feedback}
    return options


def has_hooks(module):
    """Return whether calls of this module, or of all modules, have hooks."""
    return any(getattr(module, own) or getattr(nn.modules.module, of_any) for own, of_any in _HOOKS)


def run_with_autograd(run):
    """Run a layer as one operation that autograd records; see `choose.LAYER`."""
    layer, arguments = run.plan
    outputs = functions.Run.apply(layer, *arguments)
    return outputs[0], _final_state(layer.cell, outputs, layer.sizes) if run.need_state else None


def run_without_gradients(run):
    """Run a layer without a backward pass; see `choose.LAYER`."""
    layer, arguments = run.plan
    outputs = functions.run(layer, *arguments)
    if not run.need_state:
        return outputs[0], None
    if layer.cell == "lstm":  # without the cell states of all steps
        return outputs[0], (last_rows(outputs[0], layer.sizes), outputs[1])
    return outputs[0], _final_state(layer.cell, outputs, layer.sizes)


def _final_state(name, outputs, sizes):
    """Return the state after the last steps, from the outputs of all steps of a `Layer`."""
    # Jordan: scores and what is fed back; LSTM: h, which is put out as well, and c.
    return tuple(last_rows(o, sizes) for o in (outputs[1:] if name == "jordan" else outputs))


def make_step(run):
    """Return ``step(inputs, state)`` for steps like this run; see `choose.STEP`."""
    layer, (_, *tensors) = run.plan
    parameters = tensors[: len(tensors) - len(run.state)]
    return functions.Step(layer, parameters, is_token=run.inputs.dtype == torch.int64)


class TrainedLayer:
    """A cell in the compiled loops that is trained without autograd.

    Parameters
    ----------
    cell : Cell
        A cell for which `supports` is True. Its parameters and their `grad` must keep their addresses.
    workspace : dict
        See `Layer`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import ElmanCell
    >>> from sklearn_rnn.nn.kernels.compiled import TrainedLayer, supports
    >>> cell = ElmanCell(3, 4)
    >>> for weight in cell.parameters():
    ...     weight.grad = torch.empty_like(weight)
    >>> if supports(cell):
    ...     layer = TrainedLayer(cell, {})
    ...     outputs = layer.forward(torch.ones(3, 3), [2, 1])
    ...     _ = layer.backward(torch.ones(3, 4), needs_input_grad=False)
    """

    def __init__(self, cell, workspace):
        self._cell, self._zeros = cell, cell.initial_state(0)
        parameters = [weight for weight, _ in _list_parameters(cell)]
        name = _CELLS[type(cell)]
        self._layer = Layer(library.get(), name, cell.hidden_size, workspace=workspace, **_find_options(cell))
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

    def final_state(self):
        """Return the state after the last step of each sequence."""
        return _final_state(self._layer.cell, self._outputs, self._layer.sizes)
