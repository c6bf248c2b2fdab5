"""Copying tokens of the source: what a decoder writes, mixed with what its attention looks at."""

import torch
from torch import nn

from sklearn_rnn.nn.kernels.rows import Linear, exp_of_negative, log, log_add_exp, log_sigmoid, log_softmax


class Pointer(nn.Module):
    r"""The pointer-generator: tokens are written from the vocabulary, or copied from the source.

    The decoder's output determines the probability :math:`p_{gen}` that the next token is written; otherwise
    a step of the source is copied, with the weights a of the attention (See et al., 2017, section 2.2):

    .. math:: p(w) = p_{gen} \, p_{vocab}(w) + (1 - p_{gen}) \sum_{t: x_t = w} a_t

    In their network :math:`p_{gen}` depends on the decoder's state, its input and the context. Here it
    depends on the output of the attention, which holds the context and the state, and through
    the state the input.

    The vocabulary is extended by the source: after the K tokens that can be written there is a code for
    each step of a source. A token that the vocabulary lacks has the code of the step where it first occurs.

    Everything is computed with logarithms, so that very small probabilities still have a gradient.

    Parameters
    ----------
    input_size : int
        Width H of the decoder's outputs.
    n_source_codes : int
        Number of codes that an encoder reads. In a batch, the code ``c`` of a source means two things:
        ``c % n_source_codes`` is what is read, ``c // n_source_codes`` what is copied.

    References
    ----------
    See, A., Liu, P. J. and Manning, C. D. (2017). Get to the point: Summarization with pointer-generator
    networks. ACL.

    Examples
    --------
    Two tokens that can be written, and a source of three steps: the first of these tokens, then twice a token
    that cannot. Its code is 2 + 1, as it first occurs at step 1:

    >>> import torch
    >>> from sklearn_rnn.nn.pointer import Pointer
    >>> pointer = Pointer(input_size=4, n_source_codes=9)
    >>> scores, outputs, fits = torch.zeros(1, 2), torch.zeros(1, 4), torch.zeros(1, 3)
    >>> logs = pointer(scores, outputs, fits, torch.tensor([[0, 3, 3]]))
    >>> [round(p, 3) for p in logs.exp()[0].tolist()]
    [0.417, 0.25, 0.0, 0.333, 0.0]
    """

    def __init__(self, input_size, n_source_codes):
        super().__init__()
        self.n_source_codes = n_source_codes
        self.gate = Linear(input_size, 1)
        nn.init.xavier_uniform_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def what_is_read(self, codes):
        """Return the codes that an encoder reads.

        Parameters
        ----------
        codes : int64 Tensor
            Codes of sources.

        Returns
        -------
        int64 Tensor
            Codes of the same shape.
        """
        return codes % self.n_source_codes

    def what_is_copied(self, codes):
        """Return the codes that copying the steps of a source writes.

        Parameters
        ----------
        codes : int64 Tensor
            Codes of sources.

        Returns
        -------
        int64 Tensor
            Codes of the same shape, of the extended vocabulary.
        """
        return codes // self.n_source_codes

    def forward(self, scores, outputs, fits, copied):
        """Mix writing and copying.

        Parameters
        ----------
        scores : Tensor of shape (n, K)
            Scores of the tokens that can be written.
        outputs : Tensor of shape (n, H)
            What they were computed from.
        fits : Tensor of shape (n, T)
            How well the steps of the source fit; minus infinity after its end. The attention weights are
            their softmax.
        copied : int64 Tensor of shape (n, T)
            What copying a step writes; see `what_is_copied`. Any code after the end.

        Returns
        -------
        Tensor of shape (n, K + T)
            Log-probabilities; minus infinity for steps that do not introduce a token.
        """
        gate = self.gate(outputs)
        written = log_sigmoid(gate) + log_softmax(scores)
        looks = log_sigmoid(-gate) + log_softmax(fits)
        pointed = add_by_code(looks, copied, scores.shape[1] + fits.shape[1])
        in_vocabulary, only_copied = pointed.split([scores.shape[1], fits.shape[1]], dim=1)
        return torch.cat([log_add_exp(written, in_vocabulary), only_copied], dim=1)


def add_by_code(logs, codes, n_codes):
    """Add up probabilities that belong to the same code, as logarithms.

    Parameters
    ----------
    logs : Tensor of shape (n, T)
        Log-probabilities, minus infinity for none.
    codes : int64 Tensor of shape (n, T)
        What they belong to.
    n_codes : int
        Number of codes.

    Returns
    -------
    Tensor of shape (n, n_codes)
        Log-probabilities; minus infinity for codes that nothing belongs to.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.pointer import add_by_code
    >>> add_by_code(torch.tensor([[0.25, 0.25, 0.5]]).log(), torch.tensor([[2, 2, 0]]), 3).exp()
    tensor([[0.5000, 0.0000, 0.5000]])
    """
    nothing = logs.new_full((len(logs), n_codes), float("-inf"))
    largest = nothing.scatter_reduce(1, codes, logs.detach(), "amax")
    shift = largest.clamp_min(torch.finfo(logs.dtype).min)  # any number will do for a code without entries
    totals = torch.zeros_like(nothing).scatter_add(1, codes, exp_of_negative(logs - shift.gather(1, codes)))
    is_none = totals == 0
    return (log(totals.masked_fill(is_none, 1.0)) + shift).masked_fill(is_none, float("-inf"))
