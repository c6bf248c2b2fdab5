"""Built-in cells in torch's own kernels: cuDNN's on a GPU, oneDNN's and torch's on a CPU."""

import warnings

import torch

from sklearn_rnn.nn.cells import ElmanCell, GRUCell, LSTMCell


def find_kernel(cell):
    """Return the name of torch's own kernel for a built-in cell; None if there is none."""
    if type(cell) is ElmanCell:
        return {"tanh": "rnn_tanh", "relu": "rnn_relu"}.get(cell.nonlinearity)
    return {LSTMCell: "lstm", GRUCell: "gru"}.get(type(cell))


def run_packed(run):
    """Run torch's kernel for packed inputs, which is cuDNN's on a GPU; see `choose.LAYER`."""
    return _call_packed(run, run.inputs, _weights(run.cell))


def run_packed_tokens(run):
    """Run the same on tokens, which this kernel does not know: it reads their projections."""
    cell = run.cell
    inputs = cell.project(run.inputs)
    weights = _weights(cell)
    weights[0] = torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    weights[2] = torch.zeros_like(cell.bias_ih)
    return _call_packed(run, inputs, weights)


def _call_packed(run, inputs, weights):
    with warnings.catch_warnings():
        # Our parameters are separate tensors; cuDNN copies them together, at little cost.
        warnings.filterwarnings(
            "ignore", message="RNN module weights are not part of single contiguous chunk"
        )
        dtype = inputs.dtype
        x, *weights = (t.to(run.kernel_dtype or dtype) for t in (inputs, *weights))
        state = [s.to(run.kernel_dtype or dtype) for s in run.state]
        outputs, state = _call(run.kernel, (x, torch.tensor(run.sizes)), state, weights, [])
        return outputs.to(dtype), tuple(s.to(dtype) for s in state)


def run_dense(run):
    """Run torch's kernel for dense inputs, which is oneDNN's for an LSTM; see `choose.LAYER`."""
    n_steps, n_rows = len(run.sizes), run.sizes[0]
    dense = run.inputs.view(n_steps, n_rows, -1)
    outputs, state = _call(run.kernel, (dense,), run.state, _weights(run.cell), [False])
    return outputs.flatten(0, 1), state


def run_padded(run):
    """Run the same on padded inputs, without a final state, which would be that after the padding."""
    n_steps, n_rows, places = len(run.sizes), run.sizes[0], run.packing.dense
    # What comes after the end of a sequence is computed and never read.
    dense = run.inputs.new_zeros(n_steps * n_rows, run.inputs.shape[1]).index_copy(0, places, run.inputs)
    dense = dense.view(n_steps, n_rows, -1)
    outputs, _ = _call(run.kernel, (dense,), run.state, _weights(run.cell), [False])
    return outputs.flatten(0, 1).index_select(0, places), None


def _weights(cell):
    return [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]


def _call(kernel, layout, state, weights, batch_first):
    """Call torch's kernel on dense inputs (T, B, d), or on packed inputs and their batch sizes."""
    hx = [s.unsqueeze(0) for s in state]
    # Biases, layers, dropout, training, both directions.
    options = [True, 1, 0.0, torch.is_grad_enabled(), False]
    outputs, *state = getattr(torch, kernel)(
        *layout, hx if kernel == "lstm" else hx[0], weights, *options, *batch_first
    )
    return outputs, tuple(s.squeeze(0) for s in state)
