"""An output layer whose weight is the embedding of the tokens that are read."""

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_rnn.nn.kernels.rows import linear


class TiedLinear(nn.Module):
    """A linear layer with the embedding as its weight, and its own bias.

    Row 0 of the embedding is the symbol that sequences begin with. As an output it comes last and means that
    a sequence ends: outputs are the rows 1, 2, ... and then row 0, as many as there are outputs.

    Parameters
    ----------
    embedding : Embedding
        The input layer's, with V rows. It stays the input layer's: it is not a submodule of this one.
    n_outputs : int
        Number of scores, at most V.

    Attributes
    ----------
    weight : Tensor of shape (n_outputs, embedding_size)
        The rows of the embedding in the order of the outputs.

    References
    ----------
    Press, O. and Wolf, L. (2017). Using the output embedding to improve language models. EACL.

    Inan, H., Khosravi, K. and Socher, R. (2017). Tying word vectors and word classifiers: a loss framework
    for language modeling. ICLR.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.heads.tied import TiedLinear
    >>> embedding = torch.nn.Embedding.from_pretrained(torch.tensor([[0.0], [1.0], [2.0]]))
    >>> TiedLinear(embedding, 3)(torch.ones(1, 1)).tolist()
    [[1.0, 2.0, 0.0]]
    """

    def __init__(self, embedding, n_outputs):
        super().__init__()
        self._embedding = (embedding,)  # a tuple, so that it is not registered twice
        self.n_outputs = n_outputs
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    @property
    def embedding(self):
        """The input layer's embedding."""
        return self._embedding[0]

    @property
    def weight(self):
        """The rows of the embedding in the order of the outputs."""
        return self.embedding.weight.roll(-1, 0)[: self.n_outputs]

    def backward(self, grad):
        """Turn the gradient of `weight` into that of the embedding, (V, embedding_size)."""
        n_others = len(self.embedding.weight) - self.n_outputs
        return F.pad(grad, (0, 0, 0, n_others)).roll(1, 0)

    def forward(self, features):
        """Compute scores, (n, n_outputs)."""
        return linear(features, self.weight, self.bias)
