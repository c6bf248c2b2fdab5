"""Gradients of gradients, for functions whose backward pass is written by hand."""

import functools

import torch


def twice_differentiable(backward):
    """Replace a hand-written `backward` with torch's operations where its result is differentiated again.

    Parameters
    ----------
    backward : callable
        That of a `torch.autograd.Function` whose first argument is not a tensor and has a method ``replay``,
        which computes the tuple of outputs from the other arguments, by operations of torch. The forward pass
        saves these arguments, in order and before all else, the first one as ``ctx.options``, and the number
        of the others as ``ctx.n_arguments``.

    Returns
    -------
    callable
        The new `backward`.
    """

    @functools.wraps(backward)
    def differentiate(ctx, *grads):
        if not torch.is_grad_enabled():
            return backward(ctx, *grads)
        arguments = ctx.saved_tensors[: ctx.n_arguments]
        places = [i for i, a in enumerate(arguments) if a.is_floating_point()]  # others are tokens

        def run(*numbers):
            given = list(arguments)
            for i, number in zip(places, numbers, strict=True):
                given[i] = number
            return ctx.options.replay(*given)

        # Not autograd.grad: an argument that was made from another must count as independent of it.
        outputs, lead_back = torch.func.vjp(run, *(arguments[i] for i in places))
        grads = tuple(torch.zeros_like(o) if g is None else g for o, g in zip(outputs, grads, strict=True))
        found = dict(zip(places, lead_back(grads), strict=True))
        return None, *(found.get(i) for i in range(len(arguments)))

    return differentiate
