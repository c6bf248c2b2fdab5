"""The optimizers that have a name: torch's, without the import of its compiler."""

import inspect

import torch


def _leave_compiler_out(cls):
    """Return a subclass whose methods are what torch has wrapped for its compiler.

    The wrappers import the compiler, some 800 modules, when the first optimizer of a process is made, which
    takes as long as many a training. What they wrap does without.
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
