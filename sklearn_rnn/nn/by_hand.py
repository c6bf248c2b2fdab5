"""The gradient of a whole network by the chain rule, without autograd.

In a small network the calls of modules and the bookkeeping of autograd take longer than the mathematics.
Where each part of a network knows its own gradient, a training step is done here: on the way there each part
leaves a function that leads back through it. All other networks are left to autograd.
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
from sklearn_rnn.nn.native import functions
from sklearn_rnn.nn.native import library as native
from sklearn_rnn.nn.network import RecurrentNetwork, TokenInput
from sklearn_rnn.nn.pooling import LastPooling, MeanPooling
from sklearn_rnn.nn.recurrent import Recurrence, has_hooks, has_native, run_recorded
from sklearn_rnn.nn.rows import Linear

# Exactly these: a subclass may compute something else.
_HEADS = (SoftmaxHead, SigmoidHead, LinearHead, AbsoluteErrorHead, GaussianHead, QuantileHead)
_POOLINGS = (LastPooling, MeanPooling, type(None))


def can_differentiate(network):
    """Whether `differentiate` gives what autograd would give.

    Parameters
    ----------
    network : Module
        The network as it is now.

    Returns
    -------
    bool
        False as well where somebody listens to modules or to gradients of parameters, or has frozen some.
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


@torch.no_grad()
def differentiate(network, batch):
    """Compute scores, loss and gradients; the latter become `grad` of the parameters.

    Where there is a `grad`, it is written over.

    Parameters
    ----------
    network : RecurrentNetwork
        One that `can_differentiate` holds for, in training mode.
    batch : PackedBatch
        A batch with targets.

    Returns
    -------
    scores : Tensor of shape (n, n_scores)
        What the network's `forward` gives.
    loss : Tensor of shape ()
        The weighted sum of the terms' losses, divided by their number.
    n_terms : int
        That number.
    """
    recurrence, packing, head = network.recurrence, batch.packing, network.head
    values, way_back = batch.values, []  # functions from the gradient after a part to that before it
    if network.input is not None:
        values = _look_up(network.input, values, way_back)
    if network.drops_input:
        values = _drop(network.dropout, values, way_back)
    carry, after = batch.carry, []
    for layer in recurrence.layers:
        if layer is not recurrence.layers[0]:
            values = _drop(recurrence.dropout, values, way_back)
        before = None if carry is None or carry.state is None else carry.state[len(after)]
        values, give_state = _run_layer(layer, values, packing, way_back, before)
        after.append(None if carry is None else give_state())
    if carry is not None:
        carry.state = after
    if network.pooling is not None:
        values = network.pooling(values, packing)
        way_back.append(lambda grad: network.pooling.lead_back(grad, packing))
    if not network.emits_scores:
        values = _drop(network.dropout, values, way_back)
    elif network.bidirectional:
        values = sum(values.chunk(2, dim=1))
        way_back.append(lambda grad: torch.cat([grad, grad], dim=1))
    scores, loss, grad, grad_weight = _read_out(head, values, batch)
    for lead_back in reversed(way_back):
        grad = lead_back(grad)
    if type(head.output) is TiedLinear:
        network.input.embedding.weight.grad += head.output.lead_back(grad_weight)
    elif grad_weight is not None:
        _keep(head.output.weight, grad_weight)
    return scores, loss, len(batch.targets)


def _read_out(head, features, batch):
    """Give scores, loss and the gradients of the features and of the weight, if any; set the bias's."""
    linear, targets, weights = head.output, batch.targets, batch.weights
    has_weight = type(linear) is not nn.Identity
    weight = linear.weight if has_weight else None
    if type(head) is SoftmaxHead and has_weight and not head.label_smoothing:
        given = weight.grad, linear.bias.grad
        scores, loss, (grad, grad_weight, grad_bias) = functions.read_out(
            native.get(), features, weight, linear.bias, targets, weights, given
        )
        _keep(linear.bias, grad_bias)
        return scores, torch.tensor(loss), grad, grad_weight
    scores = torch.addmm(linear.bias, features, weight.t()) if has_weight else features
    losses, grad = head.term_losses_with_gradients(scores, targets)
    if weights is not None:
        losses, grad = losses * weights, grad * weights[:, None]
    loss, grad = losses.sum() / len(losses), grad / len(losses)
    if not has_weight:
        return scores, loss, grad, None
    _keep(linear.bias, grad.sum(0))
    return scores, loss, grad @ weight, grad.t() @ features


def _keep(weight, grad):
    """Keep the gradient of a parameter, where it is not there already."""
    if weight.grad is None:
        weight.grad = grad
    elif weight.grad is not grad:
        weight.grad.copy_(grad)


def _look_up(token_input, codes, way_back):
    codes = token_input.hide_rare(codes)
    if token_input.embedding is None:
        return codes
    weight = token_input.embedding.weight

    def lead_back(grad):
        _keep(weight, functions.sum_by_code(grad, codes, len(weight)))

    way_back.append(lead_back)
    return weight.index_select(0, codes)


def _drop(dropout, values, way_back):
    if not dropout.p:
        return values
    factor = draw_factors(values, 1 - dropout.p)
    way_back.append(lambda grad: grad * factor)
    return values * factor


def _run_layer(layer, values, packing, way_back, state=None):
    """Run the directions of a layer over the same input; a state is for one direction."""
    parts, needs_grad = [], bool(way_back)
    for cell, is_reversed in zip(layer, (False, True), strict=False):
        x = values.index_select(0, packing.reverse) if is_reversed else values
        parts.append(run_recorded(cell, x, packing.batch_sizes, needs_grad, state))
    outputs = [parts[0][0], *(part[0].index_select(0, packing.reverse) for part in parts[1:])]

    def lead_back(grad):
        forward, *backward = grad.chunk(len(layer), dim=1)
        before = parts[0][1](forward)
        for (_, lead_back, _), part in zip(parts[1:], backward, strict=True):
            before_reversed = lead_back(part.index_select(0, packing.reverse))
            if needs_grad:
                before = before + before_reversed.index_select(0, packing.reverse)
        return before

    way_back.append(lead_back)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1), parts[0][2]
