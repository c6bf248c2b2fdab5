"""A network that reads its own answers, step after step."""

import torch

from sklearn_rnn.nn.recurrence import StepRunner


def roll_out(network, batch, ahead, n_steps, choose, n_samples=1):
    """Continue sequences from their ends.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, in evaluation mode, with layers that read in one direction; each step is answered.
    batch : PackedBatch
        What is read first. At each step its values are what the network answers, and what is known ahead.
    ahead : Tensor of shape (B, n_steps - 1, n_known)
        What is known ahead at the steps after the last of the batch.
    n_steps : int
        Number of answers.
    choose : callable
        ``choose(scores, step)`` turns scores (B * n_samples, n_scores) into answers, which are read at the
        next step, (B * n_samples, n_features).
    n_samples : int, default=1
        Number of continuations of each sequence; copies of a sequence are adjacent.

    Returns
    -------
    Tensor of shape (B, n_samples, n_steps, n_features)
        The answers.
    """
    outputs, state = network.run_layers(batch, need_state=True)
    outputs = outputs.index_select(0, batch.packing.last)
    if n_samples > 1:
        outputs = outputs.repeat_interleave(n_samples, dim=0)
        state = [tuple(s.repeat_interleave(n_samples, dim=0) for s in part) for part in state]
        ahead = ahead.repeat_interleave(n_samples, dim=0)
    step, said = StepRunner(network.recurrence), []
    for k in range(n_steps):
        said.append(choose(network.head(outputs), k))
        if k + 1 < n_steps:
            outputs, state = step(torch.cat([said[-1], ahead[:, k]], dim=1), state)
    return torch.stack(said, dim=1).unflatten(0, (-1, n_samples))
