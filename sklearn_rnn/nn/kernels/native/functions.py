"""The compiled time loops as differentiable functions of torch tensors.

A function is a whole layer: the projection of the inputs, the loop over the steps, and in the backward pass
the gradients of the weights. For small networks autograd takes as long as the loops, and so do calls of
torch.
"""

import copy
import math
import os
import threading
import weakref

import torch
from torch.autograd import Function

from sklearn_rnn.nn.kernels import threads
from sklearn_rnn.nn.kernels.native.layer import address
from sklearn_rnn.nn.kernels.native.library import Readout
from sklearn_rnn.nn.kernels.native.workspace import reserve
from sklearn_rnn.nn.kernels.second_order import twice_differentiable

# What is written in addition to the output, and becomes a part of the state.
_SECOND = {"lstm": "cell_state", "jordan": "answers"}

_steps = weakref.WeakSet()  # whose locks other threads may hold when a process is forked


def _renew_locks():
    for step in _steps:
        step._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class Run(Function):
    """The outputs of a layer from inputs, parameters and states, in the order of its `kind`."""

    @staticmethod
    def forward(ctx, layer, inputs, *tensors):
        """Run all steps."""
        outputs = run(layer, inputs, *tensors)
        ctx.options, ctx.n_arguments = layer, 1 + len(tensors)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, *tensors, *outputs)
        return tuple(outputs)

    @staticmethod
    @twice_differentiable
    def backward(ctx, *grads):
        """Run them backwards."""
        # Several threads may run backward through one graph at once.
        layer, (inputs, *tensors) = copy.copy(ctx.options), ctx.saved_tensors
        kind, n = layer.kind, len(layer.kind.parameters)
        parameters, gradients = tensors[:n], [torch.empty_like(p) for p in tensors[:n]]
        # Hooks may have moved what was saved.
        layer.set_parameters(parameters)
        layer.point((*kind.states, *kind.outputs), tensors[n:])
        layer.set_gradients(gradients)
        grad_inputs, grad_states = layer.backward(inputs, grads, needs_input_grad=ctx.needs_input_grad[1])
        return None, grad_inputs, *gradients, *grad_states


def run(layer, inputs, *tensors):
    """Run all steps of a layer without autograd; see `Run` and `Layer.forward`."""
    n = len(layer.kind.parameters)
    layer.set_parameters(tensors[:n])
    return layer.forward(inputs, tensors[n:])


class Step:
    """One step of a layer, which is run again and again with the same weights.

    Parameters
    ----------
    layer : Layer
        Laid out for one step, without a backward pass.
    parameters : list of Tensor
        In the order of its `kind`. They are copied, and laid out for the loops once.
    is_token : bool
        Whether inputs are tokens.
    """

    def __init__(self, layer, parameters, *, is_token):
        self._layer, self._lock = layer, threading.Lock()
        _steps.add(self)
        self._parameters = [p.clone(memory_format=torch.contiguous_format) for p in parameters]
        weight_ih, bias_ih = self._parameters[:2]
        n_rows = layer.sizes[0]
        self._shape = (n_rows,) if is_token else (n_rows, weight_ih.shape[1])
        self._table = (weight_ih.t() + bias_ih).contiguous() if is_token else None  # projected tokens
        with torch.inference_mode(False):  # what inference mode makes cannot be written to outside of it
            self._gates = torch.empty(n_rows, len(weight_ih)) if is_token else None
        self._hidden = bias_ih.new_empty(n_rows, layer.hidden)  # of a Jordan network
        layer.set_parameters(self._parameters)
        # The inputs have another address in each step, but need work space.
        layer.point(("gates", "inputs", "out"), (self._gates, None if is_token else weight_ih, self._hidden))
        self._work = {}
        layer.reserve_work(self._work, is_back=False)

    def __call__(self, inputs, state):
        """Compute the step.

        Parameters
        ----------
        inputs : Tensor of shape (B, d), or int64 of shape (B,)
            Features or tokens.
        state : tuple of Tensor
            The state before the step, as the cell has it.

        Returns
        -------
        output : Tensor of shape (B, H) or (B, K)
            What the layer above reads.
        state : tuple of Tensor
            The state after the step.
        """
        layer, shape = self._layer, (self._shape[0], self._layer.fed_back)
        if inputs.shape != self._shape or any(s.shape != shape for s in state):
            shapes = [tuple(t.shape) for t in (inputs, *state)]
            raise ValueError(f"Input and state have shapes {shapes}, not {self._shape} and {shape}.")
        inputs, first = inputs.contiguous(), state[0].contiguous()
        output = first.new_empty(shape)
        after = (torch.empty_like(output) if layer.cell == "jordan" else output,)
        if layer.cell == "lstm":
            after = (output, state[1].clone(memory_format=torch.contiguous_format))
        with self._lock:  # the work space is one
            if self._table is None:
                layer.point(("inputs",), (inputs,))
            else:
                torch.index_select(self._table, 0, inputs, out=self._gates)
            layer.point(("state", layer.kind.outputs[0]), (first, output))
            if layer.cell in _SECOND:
                layer.point((_SECOND[layer.cell],), after[-1:])
            layer.run_again()
        return output, after


class LinearCrossEntropy:
    """A linear layer, softmax and cross-entropy, forward and backward, run again and again.

    Parameters
    ----------
    library : Library
        The loops.
    """

    def __init__(self, library):
        self._library, self._readout, self._work = library, Readout(), {}

    def set_parameters(self, weight, bias, grad_weight, grad_bias):
        """Set the parameters, and where their gradients are written.

        Parameters
        ----------
        weight, bias : Tensor of shape (K, H), (K,)
            Of the layer.
        grad_weight, grad_bias : Tensor of the same shapes
            They are overwritten.
        """
        (n_scores, n_features), given = weight.shape, (weight, bias, grad_weight, grad_bias)
        if [*map(len, given)] != [n_scores] * 4 or grad_weight.shape != weight.shape:
            raise ValueError(f"A layer cannot have parameters of shapes {[tuple(t.shape) for t in given]}.")
        self._readout.n_features, self._readout.n_scores = n_features, n_scores
        self._parameters = given  # the loops know addresses only
        self._point(("weight", "bias", "grad_weight", "grad_bias"), given)

    def _point(self, names, tensors):
        for name, tensor in zip(names, tensors, strict=True):
            setattr(self._readout, name, address(name, tensor))

    def __call__(self, features, targets, importance=None):
        """Compute scores, loss and gradients.

        Parameters
        ----------
        features : Tensor of shape (n, H)
            Inputs of the layer.
        targets : int64 Tensor of shape (n,)
            Class codes.
        importance : Tensor of shape (n,), optional
            The weight of each row in the loss.

        Returns
        -------
        scores : Tensor of shape (n, K)
            Outputs of the layer.
        loss : float
            The mean over the rows.
        grad_features : Tensor of shape (n, H)
            The gradient of the features.
        """
        readout, features, targets = self._readout, features.contiguous(), targets.contiguous()
        (n, width), n_features, n_scores = features.shape, readout.n_features, readout.n_scores
        if width != n_features:
            raise ValueError(f"A layer for {n_features} features cannot read {width}.")
        if targets.dtype != torch.int64 or not targets.is_cpu or targets.shape != (n,):
            raise TypeError(
                f"targets must be {n} int64 on the CPU, got {targets.dtype} of shape {tuple(targets.shape)}."
            )
        scores, grad_features = features.new_empty((n, n_scores)), features.new_empty((n, n_features))
        readout.n, readout.targets = n, targets.data_ptr()
        readout.n_threads = threads.count_threads(3 * n * n_features * n_scores)
        self._point(("features", "scores", "grad_features"), (features, scores, grad_features))
        readout.importance = None if importance is None else address("importance", importance)
        readout.work = reserve(self._work, "work", self._library.count_readout_work(readout)).data_ptr()
        loss = self._library.read_out(readout)
        if math.isnan(loss) and ((targets < 0) | (targets >= n_scores)).any():  # where the loops stop
            raise IndexError(f"targets must be classes from 0 to {n_scores - 1}.")
        return scores, loss, grad_features
