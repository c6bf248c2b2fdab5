"""Gradients of gradients, for functions whose backward pass is written by hand."""

import functools

import torch
from torch import nn

from sklearn_rnn.nn.cells import ElmanCell, GRUCell


def twice_differentiable(backward):
    """Replace a hand-written `backward` with torch's operations where its result is differentiated again.

    Parameters
    ----------
    backward : callable
        That of a `torch.autograd.Function` whose first argument is not a tensor and has a method
        ``reference``, which computes the tuple of outputs from the other arguments, by operations of torch.
        The forward pass saves these arguments, in order and before all else, the first one as
        ``ctx.options``, and the number of the others as ``ctx.n_arguments``.

    Returns
    -------
    callable
        The new `backward`.
    """

    @functools.wraps(backward)
    def differentiable(ctx, *grads):
        if not torch.is_grad_enabled():
            return backward(ctx, *grads)
        arguments = ctx.saved_tensors[: ctx.n_arguments]
        places = [i for i, a in enumerate(arguments) if a.is_floating_point()]  # others are tokens

        def run(*numbers):
            given = list(arguments)
            for i, number in zip(places, numbers, strict=True):
                given[i] = number
            return ctx.options.reference(*given)

        # Not autograd.grad: an argument that was made from another must count as independent of it.
        outputs, pullback = torch.func.vjp(run, *(arguments[i] for i in places))
        grads = tuple(torch.zeros_like(o) if g is None else g for o, g in zip(outputs, grads, strict=True))
        found = dict(zip(places, pullback(grads), strict=True))
        return None, *(found.get(i) for i in range(len(arguments)))

    return differentiable


class _Steps(nn.Module):
    """The steps of a cell as a module, whose parameters torch can replace."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, inputs, sizes, state, *, is_projected):
        """Return the outputs, and LSTM's c or Jordan's y of each step."""
        steps = []
        for projected in (inputs if is_projected else self.cell.project(inputs)).split(sizes):
            output, state = self.cell.step(projected, tuple(s[: len(projected)] for s in state))
            steps.append((output,) if type(self.cell) in (ElmanCell, GRUCell) else (output, state[-1]))
        return tuple(torch.cat(parts) for parts in zip(*steps, strict=True))


def make_reference(cell, sizes, parameters, *, is_projected=False):
    """Make the `reference` of `twice_differentiable` for the steps of a cell.

    Parameters
    ----------
    cell : Cell
        A built-in cell.
    sizes : list of int
        Rows alive at each step.
    parameters : list of str
        Names of the parameters that are arguments of the function, between its inputs and its states.
    is_projected : bool, default=False
        Whether the inputs are projected already; they then include `bias_hh`, if it is not a parameter.

    Returns
    -------
    callable
        A function of inputs, parameters and states.
    """

    def reference(inputs, *tensors):
        given = dict(zip((f"cell.{name}" for name in parameters), tensors, strict=False))
        if is_projected and "bias_hh" not in parameters:
            given["cell.bias_hh"] = torch.zeros_like(cell.bias_hh)
        state = tensors[len(parameters) :]
        return torch.func.functional_call(
            _Steps(cell), given, (inputs, sizes, state), {"is_projected": is_projected}
        )

    return reference
