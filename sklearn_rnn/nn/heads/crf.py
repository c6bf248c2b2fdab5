"""A linear-chain conditional random field over the labels of a sequence."""

import torch
from torch import nn

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.kernels.rows import marginals


class CRFHead(Head):
    r"""Labels that depend on their neighbours: a linear-chain conditional random field.

    .. math::
        p(y \mid x) = \frac{1}{Z} \exp\Bigl(a_{y_1} + \sum_t s_{t, y_t}
                      + \sum_{t > 1} A_{y_{t-1}, y_t} + b_{y_T}\Bigr)

    with the network's scores s, transitions A, start scores a and end scores b, all learnt and all zero
    before training: a softmax at each step. `predict` is the best sequence (Viterbi), `predict_proba` the
    marginal probability of each label at each step.

    Parameters are those of `Head`; `per_step` must be true.

    References
    ----------
    Lafferty, J., McCallum, A. and Pereira, F. (2001). Conditional random fields. ICML.

    Huang, Z., Xu, W. and Yu, K. (2015). Bidirectional LSTM-CRF models for sequence tagging.
    arXiv:1508.01991.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from sklearn_rnn.batches import Packing
    >>> from sklearn_rnn.nn import CRFHead
    >>> head = CRFHead(input_size=4, n_outputs=3, per_step=True)
    >>> packing = Packing(np.array([2, 1]))
    >>> scores = torch.tensor([[0.0, 1, 2], [5, 0, 0], [3, 1, 0]])  # steps (0, 0), (0, 1), (1, 0)
    >>> head.predict(scores, packing)
    tensor([2, 0, 0])
    """

    rates_steps = False  # but whole sequences of labels

    def __init__(self, input_size, n_outputs, per_step=True):
        if not per_step:
            raise ValueError("A conditional random field labels the steps of a sequence, not the sequence.")
        super().__init__(input_size, n_outputs, per_step)
        self.transitions = nn.Parameter(torch.zeros(n_outputs, n_outputs))
        self.start = nn.Parameter(torch.zeros(n_outputs))
        self.end = nn.Parameter(torch.zeros(n_outputs))

    @staticmethod
    def make_activation(n_outputs):
        """Return the softmax over the last axis: the probabilities of a step by itself."""
        return nn.Softmax(dim=-1)

    def loss(self, scores, batch):
        """Sum the negative log-likelihoods of a batch; see `Head.loss`.

        A sequence counts as many terms as it has steps. The weight of a sequence is its first step's.
        """
        packing, weights = batch.packing, batch.weights
        losses = self._log_partition(scores, packing) - self._path_score(scores, batch.targets, packing)
        return (losses if weights is None else losses * weights[: len(packing)]).sum(), len(scores)

    def _path_score(self, scores, labels, packing):
        """Return the score of the given labels, (B,)."""
        sizes = packing.batch_sizes
        per_step = scores.gather(1, labels[:, None]).squeeze(1)  # (S_b,)
        before = torch.cat(
            [step[:b] for step, b in zip(labels.split(sizes), sizes[1:], strict=False)] or [labels[:0]]
        )
        moves = self.transitions[before, labels[sizes[0] :]]
        per_step = torch.cat([per_step[: sizes[0]], per_step[sizes[0] :] + moves])
        total = per_step.new_zeros(len(packing)).index_add(0, packing.row, per_step)
        return total + self.start[labels[: len(packing)]] + self.end[labels[packing.last]]

    def _log_partition(self, scores, packing):
        """Return the logarithm of the sum over all label sequences, (B,)."""
        finished = []
        steps = scores.split(packing.batch_sizes)
        alpha = self.start + steps[0]  # (B, K)
        for step in steps[1:]:
            alive = len(step)
            finished.append(alpha[alive:])
            alpha = torch.logsumexp(alpha[:alive, :, None] + self.transitions, dim=1) + step
        finished.append(alpha)
        return torch.logsumexp(torch.cat(finished[::-1]) + self.end, dim=1)

    def predict(self, scores, packing):
        """Return the labels of the best sequence (Viterbi), (S_b,)."""
        sizes = packing.batch_sizes
        # Where each label comes from, in one tensor: a sequence may have a million steps.
        pointers = torch.empty_like(scores, dtype=torch.int16 if scores.shape[1] < 2**15 else torch.int64)
        best, finished, at = self.start + scores[: sizes[0]], [], sizes[0]
        for alive in sizes[1:]:
            if alive < len(best):
                finished.append(best[alive:])
            best, pointers[at : at + alive] = (best[:alive, :, None] + self.transitions).max(dim=1)
            best = best + scores[at : at + alive]
            at += alive
        finished.append(best)
        last = (torch.cat(finished[::-1]) + self.end).argmax(dim=1)  # (B,)
        labels = scores.new_empty(len(scores), dtype=torch.int64)
        current = last[:0]
        for size in sizes[::-1]:
            if len(current):
                current = pointers[at : at + len(current)].gather(1, current[:, None]).squeeze(1).long()
            at -= size
            current = torch.cat([current, last[len(current) : size]])
            labels[at : at + size] = current
        return labels

    def predict_proba(self, scores, packing):
        """Return the marginal probabilities of the labels at each step, (S_b, K)."""
        found = marginals(scores, packing, self.transitions, self.start, self.end)
        if found is not None:
            return found
        # The derivative of log Z by a score is the marginal probability: autograd is the backward pass.
        with torch.inference_mode(False), torch.enable_grad():
            scores = scores.detach().clone().requires_grad_()
            total = self._log_partition(scores, packing).sum()
            return torch.autograd.grad(total, scores)[0]
