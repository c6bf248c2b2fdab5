"""Many to one: the outputs of all steps of a sequence become one vector."""

import torch
from torch import nn

from sklearn_rnn.nn.kernels.rows import Linear, dot, exp_of_negative, tanh


class LastPooling(nn.Module):
    """The output where each direction has read the whole sequence.

    That is the last step for the forward direction, and the first step for the backward one.

    Parameters
    ----------
    input_size : int
        Width D of the outputs.
    directions : {1, 2}
        2 if the second half of the outputs belongs to the backward direction.
    """

    def __init__(self, input_size, directions):
        super().__init__()
        self.directions = directions

    def forward(self, outputs, packing):
        """Pool outputs (S_b, D) to (B, D)."""
        # In a rectangle the last steps are the last rows: a view.
        n = len(packing)
        last = outputs[-n:] if packing.is_rectangular else outputs.index_select(0, packing.last)
        if self.directions == 1:
            return last
        half = outputs.shape[1] // 2
        return torch.cat([last[:, :half], outputs[: len(packing), half:]], dim=1)

    def backward(self, grad, packing):
        """Return the gradient of the outputs (S_b, D) from that of their pooling (B, D)."""
        outputs = grad.new_zeros((packing.n_steps_total, grad.shape[1]))
        if self.directions == 1:
            return outputs.index_copy_(0, packing.last, grad)
        half = grad.shape[1] // 2
        outputs[:, :half].index_copy_(0, packing.last, grad[:, :half])
        outputs[: len(packing), half:] = grad[:, half:]
        return outputs


class MeanPooling(nn.Module):
    """The mean over the steps. Parameters are those of `LastPooling`."""

    def __init__(self, input_size, directions):
        super().__init__()

    def forward(self, outputs, packing):
        """Pool outputs (S_b, D) to (B, D)."""
        total = outputs.new_zeros(len(packing), outputs.shape[1]).index_add(0, packing.row, outputs)
        return total / packing.length[:, None]

    def backward(self, grad, packing):
        """Return the gradient of the outputs (S_b, D) from that of their mean (B, D)."""
        return (grad / packing.length[:, None]).index_select(0, packing.row)


class MaxPooling(nn.Module):
    """The largest value over the steps, feature by feature. Parameters are those of `LastPooling`."""

    def __init__(self, input_size, directions):
        super().__init__()

    def forward(self, outputs, packing):
        """Pool outputs (S_b, D) to (B, D)."""
        lowest = outputs.new_full((len(packing), outputs.shape[1]), -torch.inf)
        return lowest.scatter_reduce(0, packing.row[:, None].expand_as(outputs), outputs, "amax")


class AttentionPooling(nn.Module):
    """A weighted mean over the steps, whose weights are learnt (Yang et al., 2016).

    Parameters are those of `LastPooling`.

    References
    ----------
    Yang, Z. et al. (2016). Hierarchical attention networks for document classification. NAACL, eq. 5-7.
    """

    def __init__(self, input_size, directions):
        super().__init__()
        self.key = Linear(input_size, input_size)
        self.context = nn.Parameter(torch.empty(input_size).uniform_(-1, 1).div_(input_size**0.5))

    def rate(self, outputs):
        """Rate the steps: the energies (S_b,) of outputs (S_b, D)."""
        return dot(tanh(self.key(outputs)), self.context)

    def forward(self, outputs, packing):
        """Pool outputs (S_b, D) to (B, D)."""
        energy = self.rate(outputs)  # (S_b,)
        highest = energy.new_full((len(packing),), -torch.inf).scatter_reduce(0, packing.row, energy, "amax")
        weight = exp_of_negative(energy - highest.detach()[packing.row])
        total = weight.new_zeros(len(packing)).index_add(0, packing.row, weight)
        weight = weight / total[packing.row]
        return outputs.new_zeros(len(packing), outputs.shape[1]).index_add(
            0, packing.row, weight[:, None] * outputs
        )


POOLINGS = {"last": LastPooling, "mean": MeanPooling, "max": MaxPooling, "attention": AttentionPooling}
