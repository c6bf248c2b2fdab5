"""A layer in the compiled time loops: what they read and write for each cell, and where that is."""

from array import array
from typing import NamedTuple

import torch

from sklearn_rnn.nn.kernels import threads
from sklearn_rnn.nn.kernels.native.library import CELLS, FUNCTIONS, N_GATES, Call
from sklearn_rnn.nn.kernels.native.workspace import reserve
from sklearn_rnn.nn.kernels.rows import linear

# Weights with more numbers than this do not stay in the cache from step to step: all inputs are then
# projected at once.
_LARGEST_PROJECTION = 2**16


class Kind(NamedTuple):
    """What belongs to a cell, by the names in recurrence.h, in the order in which it is passed around.

    A state is (B, F) and an output (S, F), where F is the width H of the hidden layer, or that of a Jordan
    network's answer. `kept` and `n_grads` are widths, in units of H: of what the backward pass needs in
    addition to the outputs, and of `grad_gates`.
    """

    parameters: tuple
    states: tuple
    outputs: tuple
    kept: dict
    n_grads: int


_PARAMETERS = ("weight_ih", "bias_ih", "weight", "bias")
KINDS = {
    "elman": Kind(_PARAMETERS, ("state",), ("out",), {}, 1),
    "gru": Kind(_PARAMETERS, ("state",), ("out",), {"gates": 3, "recurrent_n": 1}, 4),
    "lstm": Kind(_PARAMETERS, ("state", "cell_start"), ("out", "cell_out"), {"gates": 4}, 4),
    "jordan": Kind(
        (*_PARAMETERS, "weight_out", "bias_out"), ("state",), ("scores", "answers"), {"out": 1}, 1
    ),
}
_GRAD_STATES = ("grad_state", "grad_cell_state")


class Layer:
    """A layer that is run forward and backward, again and again with other sizes.

    The loops know addresses only: the caller must keep the tensors.

    Parameters
    ----------
    library : Library
        The loops.
    cell : str
        A key of `KINDS`.
    hidden : int
        Width H.
    n_outputs : int, default=0
        Width K of a Jordan network's answer.
    activation, feedback : str
        Keys of `FUNCTIONS`.
    needs_grad : bool, default=True
        Whether there may be a backward pass.
    reference : callable, optional
        See `twice_differentiable`.
    workspace : dict of str to Workspace, optional
        Memory that is needed during a run only. Layers that are run one after the other can share it, and
        use it again in the next run. By default it is released after each run.
    """

    def __init__(
        self,
        library,
        cell,
        hidden,
        *,
        n_outputs=0,
        activation="tanh",
        feedback="identity",
        needs_grad=True,
        reference=None,
        workspace=None,
    ):
        self.cell, self.hidden, self.needs_grad, self.reference = cell, hidden, needs_grad, reference
        self.kind = KINDS[cell]
        self._library = library
        self.fed_back = n_outputs or hidden  # width F
        self._work = hidden * (n_outputs * 2 if cell == "jordan" else hidden * N_GATES[cell])  # an entry's
        self._kept, self._workspace = {}, workspace
        self.call = Call(
            cell=CELLS[cell],
            activation=FUNCTIONS[activation],
            feedback=FUNCTIONS[feedback],
            hidden=hidden,
            n_outputs=n_outputs,
        )

    def __copy__(self):
        """Return a layer with a call of its own, for another run over what is kept for the backward pass."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), call=Call.from_buffer_copy(self.call))
        return other

    def lay_out(self, sizes):
        """Set the rows alive at each step, a list of int."""
        self.sizes, self._sizes = sizes, array("q", sizes)
        call = self.call
        call.n_steps, call.n_entries, call.sizes = len(sizes), sum(sizes), self._sizes.buffer_info()[0]

    def point(self, names, tensors):
        """Set the addresses of tensors, by their names in recurrence.h; None is skipped."""
        for name, tensor in zip(names, tensors, strict=False):
            setattr(self.call, name, None if tensor is None else address(name, tensor))

    def set_parameters(self, parameters):
        """Set the addresses of the parameters, a list of Tensor in the order of `kind`."""
        self._weight_ih, self._bias_ih = parameters[:2]
        self.call.n_inputs = parameters[0].shape[1]
        self.point(self.kind.parameters, parameters)

    def set_gradients(self, gradients):
        """Set the addresses of the parameters' gradients, a list of Tensor in the same order."""
        self.point((f"grad_{name}" for name in self.kind.parameters), gradients)

    def count_threads(self):
        """Choose the number of threads for the present sizes and settings."""
        if self.sizes[0] == 1 and not self.needs_grad:  # rows are what threads share
            return 1
        return threads.count_threads(self.call.n_entries * self._work)

    def forward(self, inputs, states):
        """Run all steps.

        Parameters
        ----------
        inputs : Tensor of shape (S, d), or int64 of shape (S,)
            Features or tokens.
        states : list of Tensor of shape (B, F)
            The state to start from.

        Returns
        -------
        list of Tensor of shape (S, F)
            The outputs of `kind`. Without a backward pass, the second one of an LSTM is (B, H): the cell
            states after the last steps.
        """
        call, kind, like = self.call, self.kind, self._bias_ih
        n_entries, is_token = call.n_entries, inputs.dtype == torch.int64
        workspace = {} if self._workspace is None else self._workspace
        call.n_threads = self.count_threads()
        self.point(kind.states, states)
        if self.needs_grad or self.cell == "jordan":
            for name, width in kind.kept.items():
                kept = reserve(self._kept, name, n_entries * width * self.hidden)
                setattr(call, name, kept.data_ptr())
        if is_token or self._weight_ih.numel() > _LARGEST_PROJECTION:
            size = n_entries * len(like)
            gates = reserve(
                self._kept if self.needs_grad and "gates" in kind.kept else workspace, "gates", size
            )
            _project(self._weight_ih, self._bias_ih, inputs, gates[:size].view(n_entries, -1))
            call.gates, call.inputs = gates.data_ptr(), None
        else:
            call.inputs = address("inputs", inputs)
        n_outputs = len(kind.outputs)
        if self.cell == "lstm":
            last = states[1].clone(memory_format=torch.contiguous_format)  # so far the first
            call.cell_state = last.data_ptr()
            n_outputs = 2 if self.needs_grad else 1
        outputs = [like.new_empty((n_entries, self.fed_back)) for _ in range(n_outputs)]
        self.point(kind.outputs, outputs)
        self.reserve_work(workspace, is_back=False)
        self._library.forward(call)
        return outputs if n_outputs == len(kind.outputs) else [*outputs, last]

    def backward(self, inputs, grads, *, needs_input_grad):
        """Run all steps backwards, and write the gradients of the parameters.

        Parameters
        ----------
        inputs : Tensor
            As in the forward pass.
        grads : sequence of Tensor or None
            The gradients of the outputs; None for zeros.
        needs_input_grad : bool
            Whether the gradient of the inputs is needed.

        Returns
        -------
        grad_inputs : Tensor of shape (S, d), or None
            None for tokens, or if it is not needed.
        grad_states : list of Tensor of shape (B, F)
            The gradients of the state to start from.
        """
        call, kind, like = self.call, self.kind, self._bias_ih
        n_entries, is_token = call.n_entries, inputs.dtype == torch.int64
        workspace = {} if self._workspace is None else self._workspace
        call.n_threads = self.count_threads()
        call.tokens, call.inputs = None, None
        self.point(("tokens" if is_token else "inputs",), (inputs,))
        grad, *others = (None if g is None else g.contiguous() for g in grads)
        if grad is None:
            grad = like.new_zeros((n_entries, self.fed_back))
        self.point(("grad_out", *(f"grad_{name}" for name in kind.outputs[1:])), (grad, *others))
        grad_states = [like.new_zeros((self.sizes[0], self.fed_back)) for _ in kind.states]
        self.point(_GRAD_STATES, grad_states)
        if self.cell == "jordan":
            grad_scores = like.new_zeros((n_entries, self.fed_back))
            call.grad_scores = grad_scores.data_ptr()
        width = kind.n_grads * self.hidden
        grad_gates = reserve(workspace, "grad_gates", n_entries * width)
        call.grad_gates = grad_gates.data_ptr()
        self.reserve_work(workspace, is_back=True)
        self._library.backward(call)
        if is_token or not needs_input_grad:
            return None, grad_states
        grad_gates = grad_gates[: n_entries * width].view(n_entries, width)
        return grad_gates[:, -len(like) :] @ self._weight_ih, grad_states

    def reserve_work(self, held, *, is_back):
        """Set the work space of a run, as a part of the memory that a dict holds."""
        work = reserve(held, "work", self._library.count_work(self.call, is_back=is_back))
        self.call.work = work.data_ptr()

    def run_again(self):
        """Run forward once more, in the same work space, with the same weights."""
        self.call.n_threads = self.count_threads()  # another may be set now, or this may be a forked child
        self._library.forward(self.call)
        self.call.is_ready = 1


def _project(weight_ih, bias_ih, inputs, out):
    """Write the projections of inputs: for tokens the columns of weight_ih (G, d), plus the bias."""
    if inputs.dtype != torch.int64:
        linear(inputs, weight_ih, bias_ih, out=out)
        return
    table = weight_ih.t()
    if len(inputs) < len(table):
        torch.index_select(table, 0, inputs, out=out).add_(bias_ih)
    else:  # copying the table takes less time than reading columns
        torch.index_select((table + bias_ih).contiguous(), 0, inputs, out=out)


def address(name, tensor):
    """Return the address of a tensor's numbers, after checking that the loops can read them."""
    dtype = torch.int64 if name == "tokens" else torch.float32
    if tensor.dtype != dtype or not tensor.is_cpu or not tensor.is_contiguous():
        raise TypeError(
            f"{name} is {tensor.dtype} on {tensor.device}, strides {tensor.stride()}; "
            f"the compiled loops need {str(dtype)[6:]} on the CPU without gaps."
        )
    return tensor.data_ptr()
