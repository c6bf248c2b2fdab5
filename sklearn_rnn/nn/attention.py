"""Attention: where a decoder looks back at the steps of its source."""

import torch
from torch import nn

from sklearn_rnn.nn.kernels.rows import Linear, mix, products, softmax, tanh


class Memory:
    """The sources of a batch as a decoder sees them.

    Parameters
    ----------
    summary : Tensor of shape (B, p)
        One vector per source.
    values : Tensor of shape (B, T, D), optional
        Outputs of the encoder at each step. What comes after the end of a source is ignored.
    is_step : Tensor of bool of shape (B, T), optional
        True at the steps of the sources.
    keys : Tensor of shape (B, T, H), optional
        What queries are compared with; see `Attention.make_keys`.
    copied : int64 Tensor of shape (B, T), optional
        What copying a step writes; see `Pointer`.
    """

    def __init__(self, summary, values=None, is_step=None, keys=None, copied=None):
        self.summary = summary
        self.values = values
        self.is_step = is_step
        self.keys = keys
        self.copied = copied

    def __len__(self):
        return len(self.summary)

    def select(self, rows):
        """Return the memory of some sources, in the requested order.

        Parameters
        ----------
        rows : int64 Tensor of shape (n,)
            Indices of the sources.

        Returns
        -------
        Memory
            The memory of n sources.
        """
        parts = (self.summary, self.values, self.is_step, self.keys, self.copied)
        return Memory(*(None if part is None else part.index_select(0, rows) for part in parts))


class Attention(nn.Module):
    r"""Global attention: each output of a decoder is a query, compared with all steps of the source.

    The weights of the steps are a softmax over how well they fit, the context is their weighted mean, and
    :math:`\tanh(W_c [h_t; c_t] + b_c)` replaces the output. The decoder's loop does not depend on it, and
    runs over all steps of the targets at once (Luong et al., 2015, section 3.1; without feeding inputs).
    A subclass defines in `compare` how well a step fits.

    Parameters
    ----------
    query_size : int
        Width H of the decoder's outputs.
    value_size : int
        Width D of the encoder's outputs.

    References
    ----------
    Luong, M.-T., Pham, H. and Manning, C. D. (2015). Effective approaches to attention-based neural machine
    translation. EMNLP.

    Examples
    --------
    Steps fit if they are near (queries and keys have the same width):

    >>> import torch
    >>> from sklearn_rnn import RNNSeq2Seq
    >>> from sklearn_rnn.nn import Attention
    >>> class Near(Attention):
    ...     def compare(self, queries, keys):
    ...         return -torch.cdist(queries, keys)
    >>> model = RNNSeq2Seq(attention=Near, max_iter=1).fit(["cat", "dog"], ["cats", "dogs"])
    >>> model.attention_weights(["cat"], ["cats"])[0].shape
    (5, 3)
    """

    def __init__(self, query_size, value_size):
        super().__init__()
        self.keys = Linear(value_size, query_size, bias=False)
        self.combine = Linear(query_size + value_size, query_size)
        for linear in (self.keys, self.combine):
            nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(self.combine.bias)

    def make_keys(self, values):
        """Turn the encoder's outputs into the keys that queries are compared with.

        Parameters
        ----------
        values : Tensor of shape (B, T, D)
            Outputs at the steps of the sources.

        Returns
        -------
        Tensor of shape (B, T, H)
            Keys.
        """
        return self.keys(values)

    def compare(self, queries, keys):
        """Return how well each step fits each query.

        Parameters
        ----------
        queries : Tensor of shape (B, n, H)
            Outputs of the decoder.
        keys : Tensor of shape (B, T, H)
            Keys of the source's steps.

        Returns
        -------
        Tensor of shape (B, n, T)
            Larger is better.
        """
        raise NotImplementedError(f"{type(self).__name__} must define compare(queries, keys).")

    def forward(self, queries, memory):
        """Attend to the steps of the sources.

        Parameters
        ----------
        queries : Tensor of shape (B, n, H)
            Outputs of the decoder.
        memory : Memory
            The sources.

        Returns
        -------
        outputs : Tensor of shape (B, n, H)
            The vectors that replace the queries.
        weights : Tensor of shape (B, n, T)
            Weights of the steps of the source; exactly zero after its end.
        fits : Tensor of shape (B, n, T)
            The scores whose softmax is `weights`; minus infinity after the end.
        """
        fits = self.compare(queries, memory.keys).masked_fill(~memory.is_step[:, None], float("-inf"))
        weights = softmax(fits)
        context = mix(weights, memory.values)
        return tanh(self.combine(torch.cat([queries, context], dim=2))), weights, fits


class DotAttention(Attention):
    """Attention by the dot product of a query and a learnt projection of a step (Luong's "general").

    Parameters are those of `Attention`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.attention import DotAttention, Memory
    >>> attention, values = DotAttention(8, 6), torch.ones(1, 3, 6)
    >>> memory = Memory(None, values, torch.tensor([[True, True, False]]), attention.make_keys(values))
    >>> attention(torch.zeros(1, 2, 8), memory)[1]
    tensor([[[0.5000, 0.5000, 0.0000],
             [0.5000, 0.5000, 0.0000]]], grad_fn=<SoftmaxBackward0>)
    """

    def compare(self, queries, keys):
        """Multiply queries and keys.

        Parameters
        ----------
        queries, keys : Tensor of shape (B, n, H), (B, T, H)
            See `Attention.compare`.

        Returns
        -------
        Tensor of shape (B, n, T)
            Larger is better.
        """
        return products(queries, keys)


class AdditiveAttention(Attention):
    """Attention by a small network over a query and a step (Bahdanau et al., 2015).

    Parameters are those of `Attention`.

    References
    ----------
    Bahdanau, D., Cho, K. and Bengio, Y. (2015). Neural machine translation by jointly learning to align and
    translate. ICLR.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import AdditiveAttention
    >>> attention, values = AdditiveAttention(8, 6), torch.ones(1, 3, 6)
    >>> attention.compare(torch.zeros(1, 2, 8), attention.make_keys(values)).shape
    torch.Size([1, 2, 3])
    """

    def __init__(self, query_size, value_size):
        super().__init__(query_size, value_size)
        self.queries = Linear(query_size, query_size)
        self.fit = Linear(query_size, 1, bias=False)
        for linear in (self.queries, self.fit):
            nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(self.queries.bias)

    def compare(self, queries, keys):
        """Add queries and keys, squash and weigh.

        Parameters
        ----------
        queries, keys : Tensor of shape (B, n, H), (B, T, H)
            See `Attention.compare`.

        Returns
        -------
        Tensor of shape (B, n, T)
            Larger is better.
        """
        together = self.queries(queries)[:, :, None] + keys[:, None]  # (B, n, T, H)
        return self.fit(tanh(together))[..., 0]


#: The built-in kinds of attention, by the names that estimators take.
ATTENTIONS = {"dot": DotAttention, "additive": AdditiveAttention}
