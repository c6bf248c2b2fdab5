"""The compiled time loops as differentiable functions of torch tensors.

A function is a whole layer: the projection of the inputs, the loop over the steps, and on the way back the
gradients of the weights. For small networks the way through autograd takes as long as the loops, and so do
calls of torch.
"""

import math
import os
import threading
import weakref
from array import array

import torch
from torch.autograd import Function

from sklearn_rnn.nn.native.library import CELLS, FUNCTIONS, N_GATES, Call, Readout
from sklearn_rnn.nn.native.memory import Scratch
from sklearn_rnn.nn.rows import linear
from sklearn_rnn.nn.second_order import twice_differentiable

# Weights with more numbers than this do not stay in the cache from step to step: all inputs are then
# projected at once.
_LARGEST_PROJECTION = 2**16

_steps = weakref.WeakSet()  # whose locks other threads may hold when a process is forked


def _renew_locks():
    for step in _steps:
        step._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class Plan:
    """What the forward and the backward pass of one run share.

    Parameters
    ----------
    library : Library
        The loops.
    cell : str
        A key of `CELLS`.
    sizes : list of int
        Rows alive at each step.
    hidden : int
        Width H.
    n_outputs : int, default=0
        Width K of a Jordan network's answer.
    activation, feedback : str
        Keys of `FUNCTIONS`.
    has_way_back : bool, default=True
        Whether gradients may be asked for.
    replay : callable, optional
        See `twice_differentiable`.
    """

    def __init__(
        self,
        library,
        cell,
        sizes,
        hidden,
        *,
        n_outputs=0,
        activation="tanh",
        feedback="identity",
        has_way_back=True,
        replay=None,
    ):
        self.library = library
        self.cell, self.sizes, self.hidden, self.n_outputs = cell, sizes, hidden, n_outputs
        self.has_way_back, self.replay = has_way_back, replay
        width = n_outputs * 2 if cell == "jordan" else hidden * N_GATES[cell]
        self._sizes = array("q", sizes)
        n_entries = sum(sizes)
        self._work = n_entries * hidden * width
        self._numbers = {
            "cell": CELLS[cell],
            "activation": FUNCTIONS[activation],
            "feedback": FUNCTIONS[feedback],
            "n_steps": len(sizes),
            "n_entries": n_entries,
            "hidden": hidden,
            "n_outputs": n_outputs,
            "sizes": self._sizes.buffer_info()[0],
        }

    def count_threads(self):
        """Choose the number of threads, as things are now."""
        if self.sizes[0] == 1 and not self.has_way_back:  # rows are what threads share
            return 1
        return self.library.count_threads(self._work)

    def forward(self, inputs, weight_ih, bias_ih, gates=None, **tensors):
        """Project the inputs and run all steps; what a tensor is called is said in recurrence.h.

        Parameters
        ----------
        inputs, weight_ih, bias_ih : Tensor
            See `Cell.project`.
        gates : Tensor, optional
            Where the gates go, if they are wanted afterwards.
        **tensors
            The others.
        """
        kept = None
        if inputs.dtype == torch.int64 or weight_ih.numel() > _LARGEST_PROJECTION:
            if gates is None:
                kept = Scratch(len(inputs), len(weight_ih))
                gates = kept.tensor
            if inputs.dtype == torch.int64:
                _project_tokens(weight_ih, bias_ih, inputs, gates)
            else:
                linear(inputs, weight_ih, bias_ih, out=gates)
        else:
            tensors |= {"inputs": inputs, "weight_ih": weight_ih, "bias_ih": bias_ih}
        self.library.forward(self.make_call(tensors | {"gates": gates}))

    def backward(self, ctx, inputs, weight_ih, weight, **tensors):
        """Run all steps backwards.

        Parameters
        ----------
        ctx : Record or autograd's own context
            Says whether the gradient of the inputs is wanted.
        inputs, weight_ih, weight : Tensor
            As in the forward pass.
        **tensors
            The others.

        Returns
        -------
        list of Tensor
            The gradients of the inputs (None for tokens), of weight_ih, bias_ih, weight and bias.
        """
        grads = _make_gradients(ctx, weight_ih, weight_ih[:, 0], weight, weight[:, 0])
        tensors |= dict(zip(("grad_bias_ih", "grad_weight", "grad_bias"), grads[1:], strict=True))
        is_token = inputs.dtype == torch.int64
        tensors |= {"tokens" if is_token else "inputs": inputs, "grad_weight_ih": grads[0]}
        self.library.backward(self.make_call(tensors | {"weight": weight}, n_tokens=weight_ih.shape[1]))
        grad = tensors["grad_gates"][:, -len(weight) :]  # of the projected inputs
        needs_input_grad = not is_token and ctx.needs_input_grad[1]
        return [grad @ weight_ih if needs_input_grad else None, *grads]

    def make_call(self, tensors, n_tokens=0):
        """Give what the loops are called with; a tensor that is None is left out."""
        pointers = {name: address(name, tensor) for name, tensor in tensors.items() if tensor is not None}
        inputs = tensors.get("inputs")
        n_inputs = n_tokens if inputs is None else inputs.shape[1]
        return Call(**self._numbers, **pointers, n_inputs=n_inputs, n_threads=self.count_threads())


def _project_tokens(weight_ih, bias_ih, tokens, out):
    """Write the columns of weight_ih (G, d) at some tokens, plus the bias, into rows."""
    table = weight_ih.t()
    if len(tokens) < len(table):
        torch.index_select(table, 0, tokens, out=out).add_(bias_ih)
    else:  # to lay the table out anew is less than to read from one that lies across
        torch.index_select((table + bias_ih).contiguous(), 0, tokens, out=out)


def sum_by_code(values, codes, n_codes):
    """Sum rows of one code: the gradient of a table from which they were looked up.

    Parameters
    ----------
    values : Tensor of shape (n, m)
        The rows.
    codes : int64 Tensor of shape (n,)
        From 0 to n_codes - 1.
    n_codes : int
        Rows of the table.

    Returns
    -------
    Tensor of shape (n_codes, m)
        The sums, always in the order of the rows.
    """
    return torch.ops.aten.embedding_dense_backward(values, codes, n_codes, -1, False)  # index_add_ is slow


def _make_gradients(ctx, *parameters, start=0):
    """Give where the gradients of some parameters go: into what a `Record` says, or into new memory."""
    given = ctx.gradients if isinstance(ctx, Record) else None
    if given is None:
        return [p.new_empty(p.shape) for p in parameters]
    return given[start : start + len(parameters)]


def address(name, tensor):
    """Give the address of a tensor's numbers, if they are what the loops take them for."""
    dtype = torch.int64 if name == "tokens" else torch.float32
    if tensor.dtype != dtype or not tensor.is_cpu or not tensor.is_contiguous():
        raise TypeError(
            f"{name} is {tensor.dtype} on {tensor.device}, strides {tensor.stride()}; "
            f"the compiled loops need {str(dtype)[6:]} on the CPU without gaps."
        )
    return tensor.data_ptr()


def _contiguous(tensor):
    return None if tensor is None else tensor.contiguous()


def read_out(library, features, weight, bias, targets, importance, gradients=(None, None)):
    """Apply a linear layer, softmax and cross-entropy, there and back.

    Parameters
    ----------
    library : Library
        The loops.
    features : Tensor of shape (n, H)
        What comes in.
    weight, bias : Tensor of shape (K, H), (K,)
        Of the layer.
    targets : int64 Tensor of shape (n,)
        Class codes.
    importance : Tensor of shape (n,) or None
        Of each row in the loss.
    gradients : tuple of Tensor or None, default=(None, None)
        Where the gradients of weight and bias go; by default into new memory.

    Returns
    -------
    scores : Tensor of shape (n, K)
        What the layer gives.
    loss : float
        The mean over the rows.
    gradients : list of Tensor
        Of the features, of the weight and of the bias.
    """
    features, targets = features.contiguous(), targets.contiguous()
    (n, n_features), n_scores = features.shape, len(weight)
    scores = features.new_empty(n, n_scores)
    given, parameters = (None, *gradients), (features, weight, bias)
    grads = [torch.empty_like(t) if g is None else g for t, g in zip(parameters, given, strict=True)]
    tensors = {"features": features, "weight": weight, "bias": bias, "scores": scores}
    tensors |= dict(zip(("grad_features", "grad_weight", "grad_bias"), grads, strict=True))
    if importance is not None:
        tensors["importance"] = importance
    if targets.dtype != torch.int64 or not targets.is_cpu or len(targets) != n:
        raise TypeError(f"targets must be {n} int64 on the CPU, but are {len(targets)} {targets.dtype}.")
    if weight.shape[1] != n_features or len(bias) != n_scores:
        raise ValueError(
            f"A layer with a weight of shape {tuple(weight.shape)} and a bias of {len(bias)} cannot read "
            f"{n_features} features."
        )
    n_threads = library.count_threads(3 * n * n_features * n_scores)
    readout = Readout(n, n_features, n_scores, n_threads, targets=targets.data_ptr())
    for name, tensor in tensors.items():
        setattr(readout, name, address(name, tensor))
    loss = library.read_out(readout)
    if math.isnan(loss) and ((targets < 0) | (targets >= n_scores)).any():  # where the loops stop
        raise IndexError(f"targets must be classes from 0 to {n_scores - 1}.")
    return scores, loss, grads


class Step:
    """One step of a layer, to be gone again and again with the same weights.

    Parameters
    ----------
    plan : Plan
        For one step, without a way back.
    weight_ih, bias_ih, weight, bias, weight_out, bias_out : Tensor
        Of the layer, the last two of a Jordan network. They are laid out for the loops here, once.
    is_token : bool
        Whether inputs are tokens.
    """

    def __init__(self, plan, weight_ih, bias_ih, weight, bias, weight_out=None, bias_out=None, *, is_token):
        self._plan, self._lock = plan, threading.Lock()
        _steps.add(self)
        n_rows = plan.sizes[0]
        self._shape = (n_rows,) if is_token else (n_rows, weight_ih.shape[1])
        self._fed_shape = (n_rows, plan.n_outputs if plan.cell == "jordan" else plan.hidden)
        self._table = (weight_ih.t() + bias_ih).contiguous() if is_token else None  # projected tokens
        with torch.inference_mode(False):  # what inference mode makes cannot be written to outside of it
            self._gates = torch.empty(n_rows, len(weight)) if is_token else None
        hidden = weight.new_empty(n_rows, plan.hidden)
        # Copies: the weights are laid out anew, and biases are not to change without them.
        bias_ih, bias = bias_ih.clone(), bias.clone()
        bias_out = None if bias_out is None else bias_out.clone()
        fixed = {
            "weight": weight,
            "bias": bias,
            "weight_out": weight_out,
            "bias_out": bias_out,
            "out": hidden,
        }
        if is_token:
            fixed |= {"gates": self._gates}
        else:
            fixed |= {"inputs": weight_ih[:1].expand(n_rows, -1).contiguous(), "weight_ih": weight_ih}
            fixed |= {"bias_ih": bias_ih}
        self._kept = fixed  # the loops know addresses only
        self._call = plan.make_call(fixed)
        self._work = plan.library.give_work(self._call, is_back=False)

    def __call__(self, inputs, state):
        """Go the step.

        Parameters
        ----------
        inputs : Tensor of shape (B, d), or int64 of shape (B,)
            Features or tokens.
        state : tuple of Tensor
            The state before the step, as the cell has it.

        Returns
        -------
        output : Tensor of shape (B, H) or (B, K)
            What the layer above sees.
        state : tuple of Tensor
            The state after the step.
        """
        if inputs.shape != self._shape or any(s.shape != self._fed_shape for s in state):
            shapes = [tuple(t.shape) for t in (inputs, *state)]
            raise ValueError(
                f"Input and state have shapes {shapes}, not {self._shape} and {self._fed_shape}."
            )
        call, plan = self._call, self._plan
        inputs, first = inputs.contiguous(), state[0].contiguous()
        output = first.new_empty(self._fed_shape)
        after = (torch.empty_like(output) if plan.cell == "jordan" else output,)
        if plan.cell == "lstm":
            after = (output, state[1].clone(memory_format=torch.contiguous_format))
        with self._lock:  # the work space is one
            if self._table is None:
                call.inputs = address("inputs", inputs)
            else:
                torch.index_select(self._table, 0, inputs, out=self._gates)
            call.state = address("state", first)
            if plan.cell == "jordan":
                call.scores, call.answers = output.data_ptr(), after[0].data_ptr()
            else:
                call.out = output.data_ptr()
            if plan.cell == "lstm":
                call.cell_state = address("state", after[1])
            call.n_threads = plan.count_threads()  # another number may be set now, or this be a forked child
            plan.library.run(call)
            call.is_ready = 1
        return output, after


class Record:
    """What a function keeps for its way back where it is not autograd that calls it.

    Parameters
    ----------
    needs_input_grad : bool, default=False
        Whether the gradient of the layer's inputs is wanted.
    gradients : list of Tensor, optional
        Where the gradients of the parameters go, in the order of the arguments; by default into new memory.
    """

    def __init__(self, needs_input_grad=False, gradients=None):
        self.gradients = gradients
        # In the order of the arguments: the plan, the inputs.
        self.needs_input_grad = (False, needs_input_grad)

    def save_for_backward(self, *tensors):
        """Keep tensors."""
        self.saved_tensors = tensors

    def set_materialize_grads(self, value):
        """Do nothing: no gradient is made up."""


class Elman(Function):
    """Outputs (S, H) of an Elman cell from inputs (S, d) or tokens (S,)."""

    @staticmethod
    def forward(ctx, plan, inputs, weight_ih, bias_ih, weight, bias, h0):
        """Run all steps."""
        out = weight.new_empty(len(inputs), plan.hidden)
        plan.forward(inputs, weight_ih, bias_ih, weight=weight, bias=bias, state=h0, out=out)
        ctx.options, ctx.n_arguments = plan, 6
        ctx.save_for_backward(inputs, weight_ih, bias_ih, weight, bias, h0, out)
        return out

    @staticmethod
    @twice_differentiable
    def backward(ctx, grad_out):
        """Run them backwards."""
        plan, (inputs, weight_ih, _, weight, _, h0, out) = ctx.options, ctx.saved_tensors
        grad, grad_h0 = Scratch(*out.shape), torch.zeros_like(h0)
        grads = plan.backward(
            ctx,
            inputs,
            weight_ih,
            weight,
            state=h0,
            out=out,
            grad_out=grad_out.contiguous(),
            grad_gates=grad.tensor,
            grad_state=grad_h0,
        )
        return None, *grads, grad_h0


class GRU(Function):
    """Outputs (S, H) of a GRU from inputs (S, d) or tokens (S,)."""

    @staticmethod
    def forward(ctx, plan, inputs, weight_ih, bias_ih, weight, bias, h0):
        """Run all steps."""
        H, S = plan.hidden, len(inputs)
        out, kept = weight.new_empty(S, H), {}
        if plan.has_way_back:
            ctx.gates, ctx.recurrent_n = Scratch(S, 3 * H), Scratch(S, H)
            kept = {"gates": ctx.gates.tensor, "recurrent_n": ctx.recurrent_n.tensor}
        plan.forward(inputs, weight_ih, bias_ih, weight=weight, bias=bias, state=h0, out=out, **kept)
        ctx.options, ctx.n_arguments = plan, 6
        ctx.save_for_backward(inputs, weight_ih, bias_ih, weight, bias, h0, out)
        return out

    @staticmethod
    @twice_differentiable
    def backward(ctx, grad_out):
        """Run them backwards."""
        plan, (inputs, weight_ih, _, weight, _, h0, out) = ctx.options, ctx.saved_tensors
        grad, grad_h0 = Scratch(len(out), 4 * plan.hidden), torch.zeros_like(h0)  # n behind the gate, r, z, n
        grads = plan.backward(
            ctx,
            inputs,
            weight_ih,
            weight,
            state=h0,
            gates=ctx.gates.tensor,
            out=out,
            recurrent_n=ctx.recurrent_n.tensor,
            grad_out=grad_out.contiguous(),
            grad_gates=grad.tensor,
            grad_state=grad_h0,
        )
        return None, *grads, grad_h0


def infer_lstm(plan, inputs, weight_ih, bias_ih, weight, bias, h0, c0):
    """Give the outputs (S, H) and the last cell states (B, H), where nothing is recorded for the way back."""
    out, cell_state = weight.new_empty(len(inputs), plan.hidden), c0.clone()
    plan.forward(
        inputs, weight_ih, bias_ih, weight=weight, bias=bias, state=h0, out=out, cell_state=cell_state
    )
    return out, cell_state


class LSTM(Function):
    """Outputs and cell states, (S, H) each, from inputs (S, d) or tokens (S,)."""

    @staticmethod
    def forward(ctx, plan, inputs, weight_ih, bias_ih, weight, bias, h0, c0):
        """Run all steps."""
        out, cell_out = (weight.new_empty(len(inputs), plan.hidden) for _ in range(2))
        gates = Scratch(len(inputs), len(weight))
        plan.forward(
            inputs,
            weight_ih,
            bias_ih,
            gates.tensor,
            weight=weight,
            bias=bias,
            state=h0,
            out=out,
            cell_out=cell_out,
            cell_state=c0.clone(),
        )
        ctx.options, ctx.gates, ctx.n_arguments = plan, gates, 7
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, weight_ih, bias_ih, weight, bias, h0, c0, out, cell_out)
        return out, cell_out

    @staticmethod
    @twice_differentiable
    def backward(ctx, grad_out, grad_cell_out):
        """Run them backwards."""
        plan, (inputs, weight_ih, _, weight, _, h0, c0, out, cell_out) = ctx.options, ctx.saved_tensors
        grad, grad_h0, grad_c0 = Scratch(len(out), len(weight)), torch.zeros_like(h0), torch.zeros_like(c0)
        grads = plan.backward(
            ctx,
            inputs,
            weight_ih,
            weight,
            state=h0,
            gates=ctx.gates.tensor,
            out=out,
            cell_out=cell_out,
            cell_start=c0,
            grad_out=torch.zeros_like(out) if grad_out is None else grad_out.contiguous(),
            grad_cell_out=_contiguous(grad_cell_out),
            grad_gates=grad.tensor,
            grad_state=grad_h0,
            grad_cell_state=grad_c0,
        )
        return None, *grads, grad_h0, grad_c0


class Jordan(Function):
    """Scores and answers, (S, K) each, of a Jordan cell from inputs (S, d) or tokens (S,)."""

    @staticmethod
    def forward(ctx, plan, inputs, weight_ih, bias_ih, weight_hy, bias_hy, weight_y, bias_y, y0):
        """Run all steps."""
        hidden = Scratch(len(inputs), plan.hidden)
        scores, answers = (weight_y.new_empty(len(inputs), plan.n_outputs) for _ in range(2))
        plan.forward(
            inputs,
            weight_ih,
            bias_ih,
            weight=weight_hy,
            bias=bias_hy,
            weight_out=weight_y,
            bias_out=bias_y,
            state=y0,
            out=hidden.tensor,
            scores=scores,
            answers=answers,
        )
        ctx.options, ctx.hidden, ctx.n_arguments = plan, hidden, 8
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, weight_ih, bias_ih, weight_hy, bias_hy, weight_y, bias_y, y0, answers)
        return scores, answers

    @staticmethod
    @twice_differentiable
    def backward(ctx, grad_scores, grad_answers):
        """Run them backwards."""
        plan, hidden = ctx.options, ctx.hidden.tensor
        inputs, weight_ih, _, weight_hy, _, weight_y, _, y0, answers = ctx.saved_tensors
        grad, grad_y0 = Scratch(*hidden.shape), torch.zeros_like(y0)
        grads_y = _make_gradients(ctx, weight_y, weight_y[:, 0], start=4)
        grads = plan.backward(
            ctx,
            inputs,
            weight_ih,
            weight_hy,
            weight_out=weight_y,
            state=y0,
            out=hidden,
            answers=answers,
            grad_out=torch.zeros_like(answers) if grad_scores is None else grad_scores.contiguous(),
            grad_answers=_contiguous(grad_answers),
            grad_gates=grad.tensor,
            grad_scores=torch.zeros_like(answers),
            grad_state=grad_y0,
            grad_weight_out=grads_y[0],
            grad_bias_out=grads_y[1],
        )
        return None, *grads, *grads_y, grad_y0
