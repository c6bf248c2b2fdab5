"""The output layer in sampling, where a call of modules takes longer than the product."""

import torch

from sklearn_rnn.nn.heads import SoftmaxHead
from sklearn_rnn.nn.heads.tied import TiedLinear
from sklearn_rnn.nn.kernels.rows import Linear, linear


def is_linear(head):
    """Return whether the scores of a head are no more than those of a linear layer."""
    output = head.output
    return type(head) is SoftmaxHead and type(output) in (Linear, TiedLinear) and output.bias is not None


def make_linear(head):
    """Return a function for the scores of a head for which `is_linear` is True, with its present weights."""
    weight, bias = head.output.weight.detach(), head.output.bias.detach()  # made once, if they are tied
    return torch.inference_mode()(lambda outputs: linear(outputs, weight, bias))


def make_modules(head):
    """Return a function for the scores of any head."""
    return torch.inference_mode()(head)
