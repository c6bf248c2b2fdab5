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
from sklearn_rnn.nn.kernels.compiled import TrainedLayer, has_hooks
from sklearn_rnn.nn.kernels.compiled import supports as is_compiled
from sklearn_rnn.nn.kernels.native import functions, library
from sklearn_rnn.nn.kernels.rows import Linear
from sklearn_rnn.nn.pooling import LastPooling, MeanPooling

# Exactly these: a subclass may compute something else.
_HEADS = (SoftmaxHead, SigmoidHead, LinearHead, AbsoluteErrorHead, GaussianHead, QuantileHead)
_POOLINGS = (LastPooling, MeanPooling, type(None))


def supports(network):
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
    if not network.is_chain or torch.is_anomaly_enabled():
        return False
    if network.joins_condition or network.initial_state is not None:
        return False
    recurrence, head = network.recurrence, network.head
    embedding = getattr(network.input, "embedding", None)
    expected = [
        (head, _HEADS),
        (head.output, (nn.Identity,) if network.emits_scores else (nn.Linear, Linear, TiedLinear)),
        (network.pooling, _POOLINGS),
        (network.dropout, (Dropout, nn.Dropout)),
        (recurrence.dropout, (Dropout, nn.Dropout)),
        (embedding, (nn.Embedding, type(None))),
    ]
    if not all(type(part) in types for part, types in expected):
        return False
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
        and all(map(is_compiled, recurrence.cells))
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


def ends_in_softmax(network):
    """Return whether `SoftmaxChainRule` computes what autograd would compute.

    Parameters
    ----------
    network : Module
        The network as it is now.

    Returns
    -------
    bool
        Also False if scores come from the cells, or targets are smoothed.
    """
    is_softmax = network.is_chain and type(network.head) is SoftmaxHead
    is_softmax = is_softmax and not network.head.label_smoothing and not network.emits_scores
    return is_softmax and supports(network)


class OutputLayer:
    """The output layer, if there is one, and the loss; the head knows its own gradient.

    Parameters
    ----------
    head : Head
        The head of the network.
    """

    def __init__(self, head):
        self._head = head
        self._linear = linear = None if type(head.output) is nn.Identity else head.output
        self._is_tied = type(linear) is TiedLinear
        if linear is not None:
            self._grad_weight = torch.empty_like(linear.weight) if self._is_tied else linear.weight.grad

    def run(self, features, batch):
        """Compute the loss, and write the gradients of the parameters.

        Parameters
        ----------
        features : Tensor of shape (n, H)
            What the head reads.
        batch : PackedBatch
            The batch with its targets and weights.

        Returns
        -------
        scores : Tensor of shape (n, n_scores)
            Scores.
        loss : float
            The mean of the weighted losses.
        grad_features : Tensor of shape (n, H)
            The gradient of the features.
        """
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
            self._linear.embedding.weight.grad += self._linear.backward(self._grad_weight)


class CompiledOutputLayer(OutputLayer):
    """The same in the compiled loops, for one of several classes."""

    def __init__(self, head):
        super().__init__(head)
        self._cross_entropy = functions.LinearCrossEntropy(library.get())
        self._set_weight()

    def _set_weight(self):
        linear = self._linear
        self._weight = linear.weight.contiguous()
        self._cross_entropy.set_parameters(self._weight, linear.bias, self._grad_weight, linear.bias.grad)

    def run(self, features, batch):
        """Compute the loss, and write the gradients of the parameters; see `OutputLayer.run`."""
        if self._is_tied:  # its weight is made from the embedding, as it is now
            self._set_weight()
        return self._cross_entropy(features, batch.targets, batch.weights)


class ChainRule:
    """Compute the loss of a network and its gradients, batch after batch.

    The gradients are written to `grad` of the parameters, and replace what is there.

    Parameters
    ----------
    network : RecurrentNetwork
        One that `supports` holds for, in training mode, as long as this object is used.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn import Sequences
    >>> from sklearn_rnn.batches.datasets import SequenceDataset
    >>> from sklearn_rnn.nn import NetworkSpec, RecurrentNetwork
    >>> from sklearn_rnn.nn.kernels.chain_rule import ChainRule, supports
    >>> network = RecurrentNetwork(NetworkSpec(input_size=3, n_outputs=2))
    >>> sequences = Sequences(np.ones((5, 3), dtype=np.float32), np.array([0, 3, 5]))
    >>> batch = SequenceDataset(sequences, np.array([0, 1])).gather(np.array([0, 1]), network.like)
    >>> if supports(network):
    ...     scores, loss, n_terms, _ = ChainRule(network)(batch)
    """

    _output_layer_class = OutputLayer

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
        workspace, embeds = {}, token_input is not None and token_input.embedding is not None
        self._layers = [
            _Layer(layer, workspace, needs_input_grad=embeds or depth > 0)
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
        self._output_layer = self._output_layer_class(head)

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
        after = None if batch.chunk is None else [layer.final_state() for layer in self._layers]
        scores, loss, grad = self._output_layer.run(values, batch)
        for part in reversed(self._parts):
            if grad is None:  # before the first layer
                break
            grad = part.backward(grad, batch)
        self._output_layer.finish()
        return scores, loss, len(batch.targets), after


class SoftmaxChainRule(ChainRule):
    """The same with the output layer and the loss in the compiled loops, for one of several classes."""

    _output_layer_class = CompiledOutputLayer


def sum_by_code(values, codes, n_codes):
    """Sum the rows of each code: the gradient of a table from which they were looked up.

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
        weight.grad.copy_(sum_by_code(grad, self._codes, len(weight)))


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

    def __init__(self, cells, workspace, *, needs_input_grad):
        self._directions = [TrainedLayer(cell, workspace) for cell in cells]
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

    def final_state(self):
        return self._directions[0].final_state()


class _Pool:
    def __init__(self, pooling):
        self._pooling = pooling

    def forward(self, values, batch):
        return self._pooling.forward(values, batch.packing)

    def backward(self, grad, batch):
        return self._pooling.backward(grad, batch.packing)


class _AddDirections:
    """The scores of a Jordan network in both directions are added up."""

    def forward(self, values, batch):
        return sum(values.chunk(2, dim=1))

    def backward(self, grad, batch):
        return torch.cat([grad, grad], dim=1)
