"""Back-propagation through time by hand, for the cells that users need most.

Autograd writes one node for each operation of each step; on a CPU most of the time then goes into
bookkeeping. Here a whole sequence is one node. Only what truly depends on the step before stays in
the time loop; factors that are known beforehand are computed for all steps at once, and the weights'
gradients are one large product each.

Each function takes packed pre-activations: time-major, longest sequence first, `sizes[t]` rows alive at
step `t`. The letters are those of the cells' equations.
"""

import torch
from torch.autograd import Function

from sklearn_rnn.nn.cells import ElmanCell, GRUCell, LSTMCell
from sklearn_rnn.nn.kernels.second_order import make_reference, twice_differentiable
from sklearn_rnn.nn.kernels.states import last_rows


def run_bptt(run):
    """Run a cell that torch has a kernel for; see `choose.LAYER`."""
    cell, sizes, state = run.cell, run.sizes, run.state
    projected, weight = cell.project(run.inputs), cell.weight_hh
    names = ["weight_hh", "bias_hh"] if isinstance(cell, GRUCell) else ["weight_hh"]
    is_relu = isinstance(cell, ElmanCell) and cell.nonlinearity == "relu"
    reference = make_reference(cell, sizes, names, is_projected=True)
    options = Options(sizes, reference, is_relu=is_relu)
    if isinstance(cell, GRUCell):
        packed = (GRU.apply(options, projected, weight, cell.bias_hh, *state),)
    elif isinstance(cell, LSTMCell):
        packed = LSTM.apply(options, projected + cell.bias_hh, weight, *state)
    else:
        packed = (Elman.apply(options, projected + cell.bias_hh, weight, *state),)
    return packed[0], tuple(last_rows(p, sizes) for p in packed)


class Options:
    """Arguments of the functions other than tensors.

    Parameters
    ----------
    sizes : list of int
        Rows alive at each step.
    reference : callable
        See `twice_differentiable`.
    is_relu : bool, default=False
        Whether Elman's activation is the rectifier.
    """

    def __init__(self, sizes, reference, *, is_relu=False):
        self.sizes, self.reference, self.is_relu = sizes, reference, is_relu


def _before(first, packed, sizes):
    """Return the state that each step started from: the rows of the step before, (S_b, H)."""
    steps = packed.split(sizes)
    return torch.cat([first, *(state[:b] for state, b in zip(steps[:-1], sizes[1:], strict=True))])


def _slope_of_sigmoid(gate, out):
    """Write the derivative of the sigmoid into `out`, given the sigmoid's value."""
    return torch.addcmul(gate, gate, gate, value=-1, out=out)


class Elman(Function):
    """Outputs (S_b, H) of an Elman cell from projected inputs (S_b, H), including both biases."""

    @staticmethod
    def forward(ctx, options, projected, weight, h0):
        """Run the time loop."""
        sizes, is_relu = options.sizes, options.is_relu
        out = projected.clone()
        weight_t = weight.t()
        activate_ = torch.relu_ if is_relu else torch.tanh_
        h = h0
        for step in out.split(sizes):
            activate_(step.addmm_(h[: len(step)], weight_t))
            h = step
        ctx.save_for_backward(projected, weight, h0, out)
        ctx.options, ctx.n_arguments = options, 3
        return out

    @staticmethod
    @twice_differentiable
    def backward(ctx, grad_out):
        """Run the time loop backwards."""
        _, weight, h0, out = ctx.saved_tensors
        sizes = ctx.options.sizes
        slope = ((out > 0).to(out.dtype) if ctx.options.is_relu else 1 - out * out).split(sizes)
        grad = grad_out.clone()  # becomes the gradient of the pre-activations
        grads = grad.split(sizes)
        for t in range(len(grads) - 1, 0, -1):
            grads[t].mul_(slope[t])
            grads[t - 1][: len(grads[t])].addmm_(grads[t], weight)
        grads[0].mul_(slope[0])
        grad_weight = grad.t() @ _before(h0, out, sizes)
        return None, grad, grad_weight, grads[0] @ weight


class GRU(Function):
    """Outputs (S_b, H) of a GRU from projected inputs (S_b, 3H) without the recurrent bias."""

    @staticmethod
    def forward(ctx, options, projected, weight, bias, h0):
        """Run the time loop."""
        H, sizes = weight.shape[1], options.sizes
        gates = projected.clone()  # r, z, n
        out, recurrent_n = (projected.new_empty(len(projected), H) for _ in range(2))
        weight_t = weight.t()
        h = h0
        for gate, q, step in zip(gates.split(sizes), recurrent_n.split(sizes), out.split(sizes), strict=True):
            h = h[: len(step)]
            recurrent = torch.addmm(bias, h, weight_t)  # (b, 3H)
            rz, n = gate[:, : 2 * H], gate[:, 2 * H :]
            rz.add_(recurrent[:, : 2 * H]).sigmoid_()
            q.copy_(recurrent[:, 2 * H :])
            n.addcmul_(rz[:, :H], q).tanh_()
            h = torch.lerp(n, h, rz[:, H:], out=step)
        ctx.save_for_backward(projected, weight, bias, h0, gates, out, recurrent_n)
        ctx.options, ctx.n_arguments = options, 4
        return out

    @staticmethod
    @twice_differentiable
    def backward(ctx, grad_out):
        """Run the time loop backwards."""
        _, weight, _, h0, gates, out, recurrent_n = ctx.saved_tensors
        H, sizes = weight.shape[1], ctx.options.sizes
        r, z, n = gates.chunk(3, dim=1)
        before = _before(h0, out, sizes)
        # The factors of the gradient of h, for each pre-activation.
        to_n = (1 - n * n).mul_(1 - z)
        local = gates.new_empty(len(gates), 3, H)
        _slope_of_sigmoid(r, out=local[:, 0]).mul_(recurrent_n).mul_(to_n)
        _slope_of_sigmoid(z, out=local[:, 1]).mul_(before - n)
        torch.mul(to_n, r, out=local[:, 2])
        grad_h = grad_out.clone()
        hs, locals_, zs = grad_h.split(sizes), local.split(sizes), z.split(sizes)
        grad_h0 = None
        for t in range(len(sizes) - 1, -1, -1):
            grad_gates = locals_[t].mul_(hs[t].unsqueeze(1)).flatten(1)  # (b, 3H), in place
            if t > 0:
                hs[t - 1][: sizes[t]].addcmul_(hs[t], zs[t]).addmm_(grad_gates, weight)
            elif ctx.needs_input_grad[4]:
                grad_h0 = torch.addmm(hs[0] * zs[0], grad_gates, weight)
        grad_gates = local.flatten(1)
        grad_weight, grad_bias = grad_gates.t() @ before, grad_gates.sum(0)
        # The reset gate does not act on the input's part of n.
        torch.mul(grad_h, to_n, out=local[:, 2])
        return None, grad_gates, grad_weight, grad_bias, grad_h0


class LSTM(Function):
    """Outputs and cell states, (S_b, H) each, from projected inputs (S_b, 4H) with both biases."""

    @staticmethod
    def forward(ctx, options, projected, weight, h0, c0):
        """Run the time loop."""
        H, sizes = weight.shape[1], options.sizes
        gates = projected.clone()  # i, f, g, o
        out, cell, tanh_cell = (projected.new_empty(len(projected), H) for _ in range(3))
        weight_t = weight.t()
        h, c = h0, c0
        for gate, c_next, tanh_c, step in zip(
            gates.split(sizes), cell.split(sizes), tanh_cell.split(sizes), out.split(sizes), strict=True
        ):
            gate.addmm_(h[: len(step)], weight_t)
            i, f, g, o = gate.chunk(4, dim=1)
            gate[:, : 2 * H].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            c = torch.mul(f, c[: len(step)], out=c_next).addcmul_(i, g)
            h = torch.mul(o, torch.tanh(c, out=tanh_c), out=step)
        ctx.save_for_backward(projected, weight, h0, c0, gates, out, cell, tanh_cell)
        ctx.options, ctx.n_arguments = options, 4
        return out, cell

    @staticmethod
    @twice_differentiable
    def backward(ctx, grad_out, grad_cell):
        """Run the time loop backwards."""
        _, weight, h0, c0, gates, out, cell, tanh_cell = ctx.saved_tensors
        sizes = ctx.options.sizes
        i, f, g, o = gates.chunk(4, dim=1)
        # The factors of the gradients of c (for i, f, g) and of h (for o).
        local = gates.new_empty(len(gates), 4, gates.shape[1] // 4)
        _slope_of_sigmoid(i, out=local[:, 0]).mul_(g)
        _slope_of_sigmoid(f, out=local[:, 1]).mul_(_before(c0, cell, sizes))
        torch.addcmul(i, i * g, g, value=-1, out=local[:, 2])
        _slope_of_sigmoid(o, out=local[:, 3]).mul_(tanh_cell)
        h_to_c = (1 - tanh_cell * tanh_cell).mul_(o)
        grad_h, grad_c = grad_out.clone(), grad_cell.clone()
        hs, cs = grad_h.split(sizes), grad_c.split(sizes)
        locals_, fs, h_to_cs = local.split(sizes), f.split(sizes), h_to_c.split(sizes)
        grad_h0 = grad_c0 = None
        for t in range(len(sizes) - 1, -1, -1):
            cs[t].addcmul_(hs[t], h_to_cs[t])
            locals_[t][:, :3].mul_(cs[t].unsqueeze(1))
            locals_[t][:, 3].mul_(hs[t])
            grad_gates = locals_[t].flatten(1)
            if t > 0:
                cs[t - 1][: sizes[t]].addcmul_(cs[t], fs[t])
                hs[t - 1][: sizes[t]].addmm_(grad_gates, weight)
            elif ctx.needs_input_grad[3] or ctx.needs_input_grad[4]:
                grad_h0, grad_c0 = grad_gates @ weight, cs[0] * fs[0]
        grad_gates = local.flatten(1)
        return None, grad_gates, grad_gates.t() @ _before(h0, out, sizes), grad_h0, grad_c0
