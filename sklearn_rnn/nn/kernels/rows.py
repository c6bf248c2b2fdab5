"""Operations on rows for prediction, whose results do not depend on how many rows there are.

torch chooses a kernel by the shape of a whole batch, and what is left over after the last full vector is
computed in another way than the rest: the last bits of a row depend on its neighbours. In inference mode,
and where the compiled loops can be used, they compute each row in a fixed order. Elsewhere torch does it.
"""

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_rnn.nn.kernels import threads
from sklearn_rnn.nn.kernels.native import library
from sklearn_rnn.nn.kernels.native.workspace import Workspace


def _find_loops(*tensors):
    """Return the compiled loops, or None where they cannot be used or torch may record operations."""
    if not torch.is_inference_mode_enabled() or torch.is_autocast_enabled("cpu"):
        return None
    if any(t.dtype != torch.float32 or not t.is_cpu for t in tensors):
        return None
    return library.get()


def linear(x, weight, bias=None, out=None):
    """Apply a linear layer.

    Parameters
    ----------
    x : Tensor of shape (..., H)
        Rows.
    weight : Tensor of shape (K, H)
        The weight of the layer.
    bias : Tensor of shape (K,), optional
        The bias of the layer.
    out : Tensor of shape (n, K), optional
        Where the results are written.

    Returns
    -------
    Tensor of shape (..., K)
        The results.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.kernels.rows import linear
    >>> linear(torch.ones(2, 3), torch.ones(1, 3))
    tensor([[3.],
            [3.]])
    """
    loops = _find_loops(x, weight)
    if loops is None or x.shape[-1] != weight.shape[1]:
        return F.linear(x, weight, bias) if out is None else torch.addmm(bias, x, weight.t(), out=out)
    K, H = weight.shape
    if out is None:
        out = x.new_empty(*x.shape[:-1], K)
    bias = weight.new_zeros(K) if bias is None else bias
    _compare(loops, x.reshape(1, -1, H), weight, bias, out)
    return out


def dot(x, vector):
    """Multiply each row of a Tensor of shape (n, H) by a vector of shape (H,)."""
    if _find_loops(x, vector) is None:
        return x @ vector
    return linear(x, vector[None])[:, 0]


def products(x, y):
    """Multiply each row by each row of another matrix.

    Parameters
    ----------
    x, y : Tensor of shape (g, n, H), (g, K, H)
        Groups of rows.

    Returns
    -------
    Tensor of shape (g, n, K)
        Their dot products.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.kernels.rows import products
    >>> products(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[3.0, 4.0], [5.0, 6.0]]]))
    tensor([[[11., 17.]]])
    """
    loops = _find_loops(x, y)
    if loops is None:
        return torch.bmm(x, y.transpose(1, 2))
    out = x.new_empty(*x.shape[:2], y.shape[1])
    _compare(loops, x, y, x.new_zeros(y.shape[1]), out)
    return out


def _compare(loops, x, weight, bias, out):
    x, weight, bias = x.contiguous(), weight.contiguous(), bias.contiguous()
    (n_groups, n, H), K = x.shape, weight.shape[-2]
    pointers = x.data_ptr(), weight.data_ptr(), bias.data_ptr(), out.data_ptr()
    n_threads = threads.count_threads(n_groups * n * H * K)
    loops.run_rows("linear", "identity", (n_groups, n, H, K), n_threads, *pointers)


def mix(weights, values):
    """Add up rows by their weights.

    Parameters
    ----------
    weights : Tensor of shape (g, n, T)
        A weight of 0 adds nothing, whatever the row.
    values : Tensor of shape (g, T, D)
        Groups of rows.

    Returns
    -------
    Tensor of shape (g, n, D)
        The sums.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.kernels.rows import mix
    >>> mix(torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2., 3.]]])
    """
    loops = _find_loops(weights, values)
    if loops is None:
        return torch.bmm(weights, values)
    weights, values = weights.contiguous(), values.contiguous()
    (g, n, T), D = weights.shape, values.shape[2]
    out = values.new_empty(g, n, D)
    pointers = weights.data_ptr(), values.data_ptr(), None, out.data_ptr()
    loops.run_rows("mix", "identity", (g, n, T, D), threads.count_threads(g * n * T * D), *pointers)
    return out


def _apply(what, function, fall_back, x):
    loops = _find_loops(x)
    if loops is None:
        return fall_back(x)
    x = x.contiguous()
    out = torch.empty_like(x)
    shape = 1, x.numel() // max(1, x.shape[-1]), x.shape[-1], 0
    n_threads = threads.count_threads(10 * x.numel())
    loops.run_rows(what, function, shape, n_threads, x.data_ptr(), None, None, out.data_ptr())
    return out


def tanh(x):
    """Return the hyperbolic tangent of each number of a Tensor."""
    return _apply("map", "tanh", torch.tanh, x)


def sigmoid(x):
    """Return the logistic function of each number of a Tensor."""
    return _apply("map", "sigmoid", torch.sigmoid, x)


def softplus(x):
    """Return log(1 + exp(x)) of each number of a Tensor."""
    return _apply("map", "softplus", F.softplus, x)


def log_sigmoid(x):
    """Return the logarithm of `sigmoid`."""
    return F.logsigmoid(x) if _find_loops(x) is None else -softplus(-x)


def log_add_exp(x, y):
    """Return log(exp(x) + exp(y)) of the numbers of two Tensors, of which one may be minus infinity."""
    if _find_loops(x, y) is None:
        return torch.logaddexp(x, y)
    return torch.maximum(x, y) + softplus(-(x - y).abs())


def log(x):
    """Return the logarithm of each number of a Tensor."""
    return _apply("map", "log", torch.log, x)


def exp_of_negative(x):
    """Return exp(x) of each number of a Tensor, none of which is above 0."""
    return _apply("map", "exp", torch.exp, x)


def softmax(x):
    """Return the softmax over the last axis; appending minus infinity does not change the rest."""
    return _apply("normalize", "softmax", lambda x: torch.softmax(x, dim=-1), x)


def log_softmax(x):
    """Return the logarithm of `softmax`."""
    return _apply("normalize", "log_softmax", lambda x: torch.log_softmax(x, dim=-1), x)


def marginals(scores, packing, transitions, start, end):
    """Return the marginal probabilities of a linear-chain conditional random field.

    Parameters
    ----------
    scores : Tensor of shape (S_b, K)
        Packed scores.
    packing : Packing
        The layout of the batch.
    transitions, start, end : Tensor of shape (K, K), (K,), (K,)
        See `CRFHead`.

    Returns
    -------
    Tensor of shape (S_b, K), or None
        None where the compiled loops cannot be used.
    """
    loops = _find_loops(scores, transitions)
    if loops is None:
        return None
    sizes = torch.tensor(packing.batch_sizes)
    parts = scores.contiguous(), transitions.contiguous(), transitions.t().contiguous(), start, end
    work, out = Workspace(len(packing), 2 * scores.shape[1]), torch.empty_like(parts[0])
    pointers = (t.data_ptr() for t in (sizes, *parts, work.tensor, out))
    n_labels = scores.shape[1]
    n_threads = threads.count_threads(40 * scores.numel() * n_labels)
    loops.run_marginals((len(sizes), n_labels), n_threads, *pointers)
    return out


class Linear(nn.Linear):
    """A linear layer whose predictions of a row do not depend on the others."""

    def forward(self, x):
        """Apply the layer to a Tensor of shape (..., H)."""
        return linear(x, self.weight, self.bias)
