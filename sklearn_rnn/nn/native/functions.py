"""The compiled time loops as differentiable functions of torch tensors.

The loops do what truly depends on the step before. The projection of the inputs, and the gradients of the
weights, are single large products in torch. All is one node of the graph: for small networks the way
through autograd takes as long as the loops.
"""

import ctypes

import numpy as np
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from sklearn_rnn.nn.native.library import CELLS, FUNCTIONS, N_GATES, Call
from sklearn_rnn.nn.native.memory import Scratch


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
    """

    def __init__(self, library, cell, sizes, hidden, *, n_outputs=0, activation="tanh", feedback="identity"):
        self.library = library
        self.cell, self.sizes, self.hidden, self.n_outputs = cell, sizes, hidden, n_outputs
        width = n_outputs * 2 if cell == "jordan" else hidden * N_GATES[cell]
        self._sizes = np.array(sizes, dtype=np.int64)
        self._numbers = {
            "cell": CELLS[cell],
            "activation": FUNCTIONS[activation],
            "feedback": FUNCTIONS[feedback],
            "n_steps": len(sizes),
            "hidden": hidden,
            "n_outputs": n_outputs,
            "n_threads": library.count_threads(sum(sizes) * hidden * width),
            "sizes": self._sizes.ctypes.data,
        }

    def forward(self, **tensors):
        """Run all steps; what a tensor is called is said in recurrence.h."""
        self.library.forward(self._call(tensors))

    def backward(self, **tensors):
        """Run all steps backwards."""
        self.library.backward(self._call(tensors))

    def _call(self, tensors):
        pointers = {name: _pointer(name, tensor) for name, tensor in tensors.items() if tensor is not None}
        return ctypes.byref(Call(**self._numbers, **pointers))


def _project(inputs, weight, bias):
    """Project the inputs, see `Cell.project`, into memory of our own."""
    scratch = Scratch(len(inputs), len(weight))
    if inputs.dtype == torch.int64:
        torch.index_select(weight.t(), 0, inputs, out=scratch.tensor).add_(bias)
    else:
        torch.addmm(bias, inputs, weight.t(), out=scratch.tensor)
    return scratch


def _project_back(ctx, grad, inputs, weight):
    """Give the gradients of the inputs, if they are wanted, and of the weight that projects them."""
    if inputs.dtype == torch.int64:
        return None, grad.new_zeros(weight.shape[1], weight.shape[0]).index_add_(0, inputs, grad).t()
    # For few features this way round is twice as fast as grad.t() @ inputs.
    return grad @ weight if ctx.needs_input_grad[1] else None, (inputs.t() @ grad).t()


def _pointer(name, tensor):
    """Give the address of a tensor's numbers, if they are what the loops take them for."""
    if tensor.dtype != torch.float32 or not tensor.is_cpu or not tensor.is_contiguous():
        raise TypeError(
            f"{name} is {tensor.dtype} on {tensor.device}, strides {tensor.stride()}; "
            "the compiled loops need float32 on the CPU without gaps."
        )
    return tensor.data_ptr()


def _contiguous(tensor):
    return None if tensor is None else tensor.contiguous()


class Record:
    """What a function keeps for its way back where it is not autograd that calls it.

    Parameters
    ----------
    needs_input_grad : bool, default=False
        Whether the gradient of the layer's inputs is wanted.
    """

    def __init__(self, needs_input_grad=False):
        self.needs_input_grad = (
            False,
            needs_input_grad,
        )  # in the order of the arguments: the plan, the inputs

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
        projected = _project(inputs, weight_ih, bias_ih)
        out = inputs.new_empty(projected.tensor.shape, dtype=torch.float32)
        packed = plan.library.pack(weight)
        plan.forward(packed=packed, bias=bias, state=h0, gates=projected.tensor, out=out)
        ctx.plan = plan
        ctx.save_for_backward(inputs, out, weight_ih, weight, h0)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out):
        """Run them backwards."""
        plan, (inputs, out, weight_ih, weight, h0) = ctx.plan, ctx.saved_tensors
        grad_scratch, before_scratch = Scratch(*out.shape), Scratch(*out.shape)
        grad, before, grad_h0 = grad_scratch.tensor, before_scratch.tensor, torch.zeros_like(h0)
        plan.backward(
            packed=plan.library.pack(weight, transposed=True),
            state=h0,
            out=out,
            grad_out=grad_out.contiguous(),
            grad_gates=grad,
            grad_state=grad_h0,
            before=before,
        )
        grad_inputs, grad_weight_ih = _project_back(ctx, grad, inputs, weight_ih)
        grad_bias = grad.sum(0)
        # No two gradients share memory: they are scaled in place.
        return None, grad_inputs, grad_weight_ih, grad_bias, grad.t() @ before, grad_bias.clone(), grad_h0


class GRU(Function):
    """Outputs (S, H) of a GRU from inputs (S, d) or tokens (S,)."""

    @staticmethod
    def forward(ctx, plan, inputs, weight_ih, bias_ih, weight, bias, h0):
        """Run all steps."""
        H = plan.hidden
        gates, recurrent_n = _project(inputs, weight_ih, bias_ih), Scratch(len(inputs), H)
        out = weight.new_empty(len(inputs), H)
        plan.forward(
            packed=plan.library.pack(weight[: 2 * H]),
            packed_2=plan.library.pack(weight[2 * H :]),
            bias=bias,
            state=h0,
            gates=gates.tensor,
            out=out,
            recurrent_n=recurrent_n.tensor,
        )
        ctx.plan, ctx.gates, ctx.recurrent_n = plan, gates, recurrent_n
        ctx.save_for_backward(inputs, out, weight_ih, weight, h0)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out):
        """Run them backwards."""
        plan, H = ctx.plan, ctx.plan.hidden
        inputs, out, weight_ih, weight, h0 = ctx.saved_tensors
        grad_scratch, before_scratch = Scratch(len(out), 4 * H), Scratch(*out.shape)
        grad = grad_scratch.tensor  # n behind the gate, r, z, n
        before, grad_h0 = before_scratch.tensor, torch.zeros_like(h0)
        plan.backward(
            packed=plan.library.pack(torch.cat([weight[2 * H :], weight[: 2 * H]]), transposed=True),
            state=h0,
            gates=ctx.gates.tensor,
            out=out,
            recurrent_n=ctx.recurrent_n.tensor,
            grad_out=grad_out.contiguous(),
            grad_gates=grad,
            grad_state=grad_h0,
            before=before,
        )
        grad_inputs, grad_weight_ih = _project_back(ctx, grad[:, H:], inputs, weight_ih)
        grad_weight = (grad[:, : 3 * H].t() @ before).roll(-H, 0)  # from n, r, z to r, z, n
        grad_bias = grad.sum(0)
        grad_bias_hh = torch.cat([grad_bias[H : 3 * H], grad_bias[:H]])
        return None, grad_inputs, grad_weight_ih, grad_bias[H:], grad_weight, grad_bias_hh, grad_h0


def run_lstm(plan, gates, weight, bias, h0, c0, cell_out=None):
    """Give the outputs (S, H) and the last cell states (B, H); keep what the way back needs in `cell_out`."""
    out, cell_state = gates.new_empty(len(gates), plan.hidden), c0.clone()
    plan.forward(
        packed=plan.library.pack(weight),
        bias=bias,
        state=h0,
        gates=gates,
        out=out,
        cell_out=cell_out,
        cell_state=cell_state,
    )
    return out, cell_state


def infer_lstm(plan, inputs, weight_ih, bias_ih, weight, bias, h0, c0):
    """Give the outputs (S, H) and the last cell states (B, H), where nothing is recorded for the way back."""
    gates = _project(inputs, weight_ih, bias_ih)  # kept until the loops are done with its memory
    return run_lstm(plan, gates.tensor, weight, bias, h0, c0)


class LSTM(Function):
    """Outputs and cell states, (S, H) each, from inputs (S, d) or tokens (S,)."""

    @staticmethod
    def forward(ctx, plan, inputs, weight_ih, bias_ih, weight, bias, h0, c0):
        """Run all steps."""
        gates, cell_out = _project(inputs, weight_ih, bias_ih), weight.new_empty(len(inputs), plan.hidden)
        out, _ = run_lstm(plan, gates.tensor, weight, bias, h0, c0, cell_out)
        ctx.plan, ctx.gates = plan, gates
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, out, cell_out, weight_ih, weight, h0, c0)
        return out, cell_out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out, grad_cell_out):
        """Run them backwards."""
        plan, (inputs, out, cell_out, weight_ih, weight, h0, c0) = ctx.plan, ctx.saved_tensors
        grad_scratch, before_scratch = Scratch(len(out), 4 * plan.hidden), Scratch(*out.shape)
        grad, before = grad_scratch.tensor, before_scratch.tensor
        grad_h0, grad_c0 = torch.zeros_like(h0), torch.zeros_like(c0)
        plan.backward(
            packed=plan.library.pack(weight, transposed=True),
            state=h0,
            gates=ctx.gates.tensor,
            out=out,
            cell_out=cell_out,
            cell_start=c0,
            grad_out=torch.zeros_like(out) if grad_out is None else grad_out.contiguous(),
            grad_cell_out=_contiguous(grad_cell_out),
            grad_gates=grad,
            grad_state=grad_h0,
            grad_cell_state=grad_c0,
            before=before,
        )
        grad_inputs, grad_weight_ih = _project_back(ctx, grad, inputs, weight_ih)
        grad_bias = grad.sum(0)
        grads_hh = grad.t() @ before, grad_bias.clone()
        return None, grad_inputs, grad_weight_ih, grad_bias, *grads_hh, grad_h0, grad_c0


class Jordan(Function):
    """Scores and answers, (S, K) each, of a Jordan cell from inputs (S, d) or tokens (S,)."""

    @staticmethod
    def forward(ctx, plan, inputs, weight_ih, bias_ih, weight_hy, bias_hy, weight_y, bias_y, y0):
        """Run all steps."""
        projected, hidden = _project(inputs, weight_ih, bias_ih), Scratch(len(inputs), plan.hidden)
        scores, answers = (weight_y.new_empty(len(inputs), plan.n_outputs) for _ in range(2))
        plan.forward(
            packed=plan.library.pack(weight_hy),
            packed_2=plan.library.pack(weight_y),
            bias=bias_hy,
            bias_out=bias_y,
            state=y0,
            gates=projected.tensor,
            out=hidden.tensor,
            scores=scores,
            answers=answers,
        )
        ctx.plan, ctx.hidden = plan, hidden
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, answers, weight_ih, weight_hy, weight_y, y0)
        return scores, answers

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_scores, grad_answers):
        """Run them backwards."""
        plan, hidden = ctx.plan, ctx.hidden.tensor
        inputs, answers, weight_ih, weight_hy, weight_y, y0 = ctx.saved_tensors
        grad_y, grad_y0 = torch.zeros_like(answers), torch.zeros_like(y0)
        grad_scratch, before_scratch = Scratch(*hidden.shape), Scratch(*answers.shape)
        grad, before = grad_scratch.tensor, before_scratch.tensor
        plan.backward(
            packed=plan.library.pack(weight_hy, transposed=True),
            packed_2=plan.library.pack(weight_y, transposed=True),
            state=y0,
            out=hidden,
            answers=answers,
            grad_out=torch.zeros_like(answers) if grad_scores is None else grad_scores.contiguous(),
            grad_answers=_contiguous(grad_answers),
            grad_gates=grad,
            grad_scores=grad_y,
            grad_state=grad_y0,
            before=before,
        )
        grad_inputs, grad_weight_ih = _project_back(ctx, grad, inputs, weight_ih)
        grad_bias = grad.sum(0)
        grads_hy, grads_y = (grad.t() @ before, grad_bias.clone()), (grad_y.t() @ hidden, grad_y.sum(0))
        return None, grad_inputs, grad_weight_ih, grad_bias, *grads_hy, *grads_y, grad_y0
