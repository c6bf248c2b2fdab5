"""The gradient of a whole network by the chain rule, without autograd.

In a small network the calls of modules and the bookkeeping of autograd take longer than the mathematics.
Where each part of a network knows its own gradient, a training step is done here: forward through the parts,
and backward through them. All other networks are left to autograd.
"""

import torch
from torch import nn

from sklearn_rnn.nn.drawing import Dropout, draw_factors
from sklearn_rnn.nn.heads import (
    AbsoluteErrorHead,
    GaussianHead,
    LinearHead,
    QuantileHead,
    SigmoidHead,
    SoftmaxHead,
)
from sklearn_rnn.nn.heads.tied import TiedLinear
from sklearn_rnn.nn.kernels.native import functions
from sklearn_rnn.nn.kernels.native import library as native
from sklearn_rnn.nn.kernels.rows import Linear
from sklearn_rnn.nn.network import RecurrentNetwork, TokenInput
from sklearn_rnn.nn.pooling import LastPooling, MeanPooling
from sklearn_rnn.nn.recurrence import LayerByHand, Recurrence, has_hooks, has_native

# Exactly these: a subclass may compute something else.
_HEADS = (SoftmaxHead, SigmoidHead, LinearHead, AbsoluteErrorHead, GaussianHead, QuantileHead)
_POOLINGS = (LastPooling, MeanPooling, type(None))


def can_differentiate(network):
    """Return whether `ChainRule` computes what autograd would compute.

    Parameters
    ----------
    network : Module
        The network as it is now.

    Returns
    -------
    bool
        Also False if modules or gradients of parameters have hooks, or some parameters are frozen.
    """
    if type(network) is not RecurrentNetwork or torch.is_anomaly_enabled():
        return False
    if network.joins_condition or network.initial_state is not None:
        return False
    recurrence, head, token_input = network.recurrence, network.head, network.input
    expected = [
        (recurrence, (Recurrence,)),
        (head, _HEADS),
        (head.output, (nn.Identity,) if network.emits_scores else (nn.Linear, Linear, TiedLinear)),
        (network.pooling, _POOLINGS),
        (network.dropout, (Dropout, nn.Dropout)),
        (recurrence.dropout, (Dropout, nn.Dropout)),
        (token_input, (TokenInput, type(None))),
        (getattr(token_input, "embedding", None), (nn.Embedding, type(None))),
    ]
    if not all(type(part) in types for part, types in expected):
        return False
    embedding = getattr(token_input, "embedding", None)
    if type(head.output) is TiedLinear and head.output.embedding is not embedding:
        return False
    is_plain = embedding is None or (
        embedding.padding_idx is None
        and embedding.max_norm is None
        and not embedding.scale_grad_by_freq
        and not embedding.sparse
    )
    weights = list(network.parameters())
    return (
        is_plain
        and (network.emits_scores or head.output.bias is not None)
        and recurrence.bptt_steps is None
        and all(has_native(cell) for layer in recurrence.layers for cell in layer)
        and not any(has_hooks(m) or "forward" in vars(m) or not m.training for m in network.modules())
        and len(weights) == sum(1 for _ in network.named_parameters(remove_duplicate=False))  # none is shared
        and all(
            w.requires_grad
            and w.is_contiguous()
            and w.dtype == torch.float32
            and not w._backward_hooks
            and not w._post_accumulate_grad_hooks
            for w in weights
        )
    )


class ChainRule:
    """Compute the loss of a network and its gradients, batch after batch.

    The gradients are written to `grad` of the parameters, and replace what is there.

    Parameters
    ----------
    network : RecurrentNetwork
        One that `can_differentiate` holds for, in training mode, as long as this object is used.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn import Sequences
    >>> from sklearn_rnn.batches.datasets import SequenceDataset
    >>> from sklearn_rnn.nn import RecurrentNetwork
    >>> from sklearn_rnn.nn.kernels.chain_rule import ChainRule, can_differentiate
    >>> network = RecurrentNetwork(
    ...     input_size=3, is_tokens=False, rare=None, embedding_size=None, cell="gru", hidden_size=4,
    ...     num_layers=1, bidirectional=False, nonlinearity="tanh", dropout=0.0, pooling="last",
    ...     bptt_steps=None, head="softmax", n_outputs=2,
    ... )
    >>> sequences = Sequences(np.ones((5, 3), dtype=np.float32), np.array([0, 3, 5]))
    >>> batch = SequenceDataset(sequences, np.array([0, 1])).gather(np.array([0, 1]), network.like)
    >>> if can_differentiate(network):
    ...     scores, loss, n_terms, _ = ChainRule(network)(batch)
    """

    def __init__(self, network):
        self._network, self._weights = network, list(network.parameters())
        self._prepare()

    def _prepare(self):
        network = self._network
        for weight in self._weights:
            if weight.grad is None:
                weight.grad = torch.empty_like(weight)
        self._gradients = [weight.grad for weight in self._weights]
        self._places = [weight.data_ptr() for weight in self._weights]
        token_input, recurrence, head = network.input, network.recurrence, network.head
        passing, embeds = {}, token_input is not None and token_input.embedding is not None
        self._layers = [
            _Layer(layer, passing, needs_input_grad=embeds or depth > 0)
            for depth, layer in enumerate(recurrence.layers)
        ]
        parts = [None if token_input is None else _Lookup(token_input)]
        parts.append(_Drop(network.dropout) if network.drops_input else None)
        for depth, layer in enumerate(self._layers):
            parts += [_Drop(recurrence.dropout) if depth else None, layer]
        parts.append(None if network.pooling is None else _Pool(network.pooling))
        if not network.emits_scores:
            parts.append(_Drop(network.dropout))
        elif network.bidirectional:
            parts.append(_AddDirections())
        self._parts = [
            part for part in parts if part is not None and not (type(part) is _Drop and not part.p)
        ]
        is_fused = type(head) is SoftmaxHead and not head.label_smoothing and not network.emits_scores
        self._read_out = (_ReadOutInLoops if is_fused else _ReadOut)(head)

    def _have_moved(self):
        """Return whether a weight or its gradient is elsewhere; the loops know addresses only."""
        return any(
            weight.grad is not grad or weight.data_ptr() != place
            for weight, grad, place in zip(self._weights, self._gradients, self._places, strict=True)
        )

    @torch.no_grad()
    def __call__(self, batch, state=None):
        """Compute scores, loss and gradients.

        Parameters
        ----------
        batch : PackedBatch
            A batch with targets.
        state : list of tuple of Tensor, optional
            For a chunk of a stream: the state after the one before.

        Returns
        -------
        scores : Tensor of shape (n, n_scores)
            What the network's `forward` returns.
        loss : float
            The weighted sum of the terms' losses, divided by their number.
        n_terms : int
            The number of terms.
        state : list of tuple of Tensor, or None
            For a chunk of a stream: the state after it.
        """
        if self._have_moved():
            self._prepare()
        for depth, layer in enumerate(self._layers):
            layer.state = None if state is None else state[depth]
        values = batch.values
        for part in self._parts:
            values = part.forward(values, batch)
        after = None if batch.chunk is None else [layer.give_state() for layer in self._layers]
        scores, loss, grad = self._read_out.run(values, batch)
        for part in reversed(self._parts):
            if grad is None:  # before the first layer
                break
            grad = part.backward(grad, batch)
        self._read_out.finish()
        return scores, loss, len(batch.targets), after


# ---- The parts: forward from values to values, backward from the gradient after it to that before it ----


class _Lookup:
    """Tokens become vectors, or stay tokens."""

    def __init__(self, token_input):
        self._input = token_input

    def forward(self, values, batch):
        self._codes, embedding = self._input.hide_rare(values), self._input.embedding
        return self._codes if embedding is None else embedding.weight.index_select(0, self._codes)

    def backward(self, grad, batch):
        weight = self._input.embedding.weight
        weight.grad.copy_(functions.sum_by_code(grad, self._codes, len(weight)))


class _Drop:
    def __init__(self, dropout):
        self.p = dropout.p

    def forward(self, values, batch):
        self._factors = draw_factors(values, 1 - self.p)
        return values * self._factors

    def backward(self, grad, batch):
        return grad * self._factors


class _Layer:
    """The directions of a layer, over the same input; in a stream, one that begins with a `state`."""

    def __init__(self, cells, passing, *, needs_input_grad):
        self._directions = [LayerByHand(cell, passing) for cell in cells]
        self._needs_grad = needs_input_grad
        self.state = None

    def forward(self, values, batch):
        packing, (ahead, *back) = batch.packing, self._directions
        outputs = ahead.forward(values, packing.batch_sizes, self.state)
        if not back:
            return outputs
        mirrored = back[0].forward(values.index_select(0, packing.reverse), packing.batch_sizes)
        return torch.cat([outputs, mirrored.index_select(0, packing.reverse)], dim=1)

    def backward(self, grad, batch):
        needs_grad, (ahead, *back) = self._needs_grad, self._directions
        if not back:
            return ahead.backward(grad, needs_input_grad=needs_grad)
        reverse = batch.packing.reverse
        of_ahead, of_back = grad.chunk(2, dim=1)
        before = ahead.backward(of_ahead, needs_input_grad=needs_grad)
        mirrored = back[0].backward(of_back.index_select(0, reverse), needs_input_grad=needs_grad)
        return None if before is None else before + mirrored.index_select(0, reverse)

    def give_state(self):
        return self._directions[0].give_state()


class _Pool:
    def __init__(self, pooling):
        self._pooling = pooling

    def forward(self, values, batch):
        return self._pooling.forward(values, batch.packing)

    def backward(self, grad, batch):
        return self._pooling.lead_back(grad, batch.packing)


class _AddDirections:
    """The scores of a Jordan network in both directions are added up."""

    def forward(self, values, batch):
        return sum(values.chunk(2, dim=1))

    def backward(self, grad, batch):
        return torch.cat([grad, grad], dim=1)


class _ReadOut:
    """The output layer, if there is one, and the loss."""

    def __init__(self, head):
        self._head = head
        self._linear = linear = None if type(head.output) is nn.Identity else head.output
        self._is_tied = type(linear) is TiedLinear
        if linear is not None:
            self._grad_weight = torch.empty_like(linear.weight) if self._is_tied else linear.weight.grad

    def run(self, features, batch):
        """Return scores, loss and the gradient of the features, and write those of the parameters."""
        linear, scores = self._linear, features
        if linear is not None:
            weight = linear.weight
            scores = torch.addmm(linear.bias, features, weight.t())
        losses, grad = self._head.term_losses_with_gradients(scores, batch.targets)
        if batch.weights is not None:
            losses, grad = losses * batch.weights, grad * batch.weights[:, None]
        loss, grad = (losses.sum() / len(losses)).item(), grad / len(losses)
        if linear is None:
            return scores, loss, grad
        torch.sum(grad, 0, out=linear.bias.grad)
        torch.mm(grad.t(), features, out=self._grad_weight)
        return scores, loss, grad @ weight

    def finish(self):
        """Add the gradient of a weight that is also the embedding's, after that has been written."""
        if self._is_tied:
            self._linear.embedding.weight.grad += self._linear.lead_back(self._grad_weight)


class _ReadOutInLoops(_ReadOut):
    """The same for one of several classes, in the compiled loops."""

    def __init__(self, head):
        super().__init__(head)
        self._read_out = functions.ReadOut(native.get())
        self._set_weight()

    def _set_weight(self):
        linear = self._linear
        self._weight = linear.weight.contiguous()
        self._read_out.set_parameters(self._weight, linear.bias, self._grad_weight, linear.bias.grad)

    def run(self, features, batch):
        if self._is_tied:  # its weight is made from the embedding, as it is now
            self._set_weight()
        return self._read_out(features, batch.targets, batch.weights)
