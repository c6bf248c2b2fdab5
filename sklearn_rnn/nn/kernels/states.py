"""States after the last steps of sequences of different lengths."""

import torch


def last_rows(packed, sizes):
    """Return the entry of each sequence's last step.

    Parameters
    ----------
    packed : Tensor of shape (n_steps_total, H)
        Packed entries of all steps.
    sizes : list of int
        Rows alive at each step.

    Returns
    -------
    Tensor of shape (B, H)
        The last entries, the longest sequence first.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn.kernels.states import last_rows
    >>> last_rows(torch.tensor([[1.0], [2.0], [3.0]]), [2, 1]).tolist()
    [[3.0], [2.0]]
    """
    ends = []
    start = 0
    for size, following in zip(sizes, [*sizes[1:], 0], strict=True):
        if following < size:
            ends.append(packed[start + following : start + size])
        start += size
    return torch.cat(ends[::-1])


def join_states(finished):
    """Put together the final states of sequences that ended at different steps, the shortest first."""
    return tuple(torch.cat(parts) for parts in zip(*reversed(finished), strict=True))
