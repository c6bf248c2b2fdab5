"""The plain loop over `Cell.step`, which runs any cell; autograd records each operation of each step."""

import torch

from sklearn_rnn.nn.kernels.states import join_states


def run_steps(run):
    """Call `cell.step` once per step, on the sequences that are still alive; see `choose.LAYER`."""
    cell, state = run.cell, run.state
    outputs, finished = [], []
    for projected in cell.project(run.inputs).split(run.sizes):
        alive = len(projected)
        if alive < len(state[0]):
            finished.append(tuple(s[alive:] for s in state))
            state = tuple(s[:alive] for s in state)
        result = cell.step(projected, state)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], tuple)):
            raise TypeError(
                f"{type(cell).__name__}.step must return (output, state), the state being a tuple."
            )
        output, state = result
        outputs.append(output)
    finished.append(state)
    return torch.cat(outputs), join_states(finished)


def make_step(run):
    """Return ``step(inputs, state)`` for steps like this run; see `choose.STEP`."""
    cell = run.cell
    return lambda inputs, state: cell.step(cell.project(inputs), state)
