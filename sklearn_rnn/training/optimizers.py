"""The optimizers that have a name: torch's, without the import of its compiler."""

import inspect
from functools import partial

import torch
from torch.optim import optimizer as _of_torch


def _leave_compiler_out(cls):
    """Return a subclass whose methods are what torch has wrapped for its compiler.

    The wrappers import the compiler, some 800 modules, when the first optimizer of a process is made, which
    often takes as long as training. What they wrap does not need it.
    """
    wrapped = ("step", "zero_grad", "add_param_group", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(cls, name)) for name in wrapped}
    methods["step"] = torch.no_grad()(methods["step"])
    doc = f"See `torch.optim.{cls.__name__}`."
    return type(cls.__name__, (cls,), methods | {"__module__": __name__, "__doc__": doc})


Adam = _leave_compiler_out(torch.optim.Adam)
AdamW = _leave_compiler_out(torch.optim.AdamW)
NAdam = _leave_compiler_out(torch.optim.NAdam)
RAdam = _leave_compiler_out(torch.optim.RAdam)
Adagrad = _leave_compiler_out(torch.optim.Adagrad)
RMSprop = _leave_compiler_out(torch.optim.RMSprop)
SGD = _leave_compiler_out(torch.optim.SGD)

OPTIMIZERS = {cls.__name__.lower(): cls for cls in (Adam, AdamW, NAdam, RAdam, Adagrad, RMSprop, SGD)}


def find_step(optimizer):
    """Return what moves the weights, without the wrapper that torch puts around it if nothing uses that.

    The wrapper calls hooks and notifies torch's profiler, which takes longer than moving the weights of a
    small network.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Any optimizer.

    Returns
    -------
    callable
        Called without arguments and without autograd. Where hooks are registered, a schedule counts
        steps, or the optimizer is not one of these, it is ``optimizer.step``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.training.optimizers import SGD, find_step
    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> weight.grad = torch.ones(1)
    >>> step = find_step(SGD([weight], lr=0.25))
    >>> with torch.no_grad():
    ...     _ = step()
    >>> weight.item()
    0.75
    """
    kind = type(optimizer)
    if kind not in OPTIMIZERS.values() or "step" in vars(optimizer) or has_hooks(optimizer):
        return optimizer.step
    return partial(inspect.unwrap(kind.step), optimizer)


def has_hooks(optimizer):
    """Return whether something is called at each step of an optimizer.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Any optimizer.

    Returns
    -------
    bool
        Also True if this version of torch does not say.
    """
    return any(
        getattr(holder, f"{of}_{when}_hooks", True)
        for holder, of in ((optimizer, "_optimizer_step"), (_of_torch, "_global_optimizer"))
        for when in ("pre", "post")
    )
