"""Which way a computation is done: the only place that decides.

Each table below lists the ways of one computation, and the first one whose condition holds is taken. All of
them compute the same numbers, up to rounding, so that the choice affects only the speed.

===============  ==================================  ============================
table            what is computed                    for
===============  ==================================  ============================
`LAYER`          all steps of a layer                `Recurrence`
`STEP`           one step of a layer                 `StepRunner`
`TRAINING_STEP`  loss and gradients of a batch       training
`READ_OUT`       scores of what is written           language models, in sampling
===============  ==================================  ============================

A second way to compute the same thing must make a row of docs/benchmarks.md at least 1.5 times as fast. It is
removed by deleting its line; those below it take its place. Therefore a condition does not rely on the lines
above it.

Only the operations on rows (`rows`), of which cells and heads are made, ask for the compiled loops
themselves: not to be faster, but so that a prediction does not depend on the rest of its batch.
"""

from typing import NamedTuple

import torch

from sklearn_rnn.batches.packing import KeptProperty
from sklearn_rnn.nn.cells import Cell, LSTMCell
from sklearn_rnn.nn.kernels import chain_rule, compiled, manual_bptt, plain, read_out, threads, torch_kernels
from sklearn_rnn.nn.kernels.native import library


class Way(NamedTuple):
    """One way of a computation."""

    name: str
    when: callable
    function: callable


class Run:
    """A run of a cell over packed inputs: what the conditions of `LAYER` and `STEP` are about.

    Parameters
    ----------
    cell : Cell
        Any cell.
    inputs : Tensor of shape (n_steps_total, input_size), or int64 of shape (n_steps_total,)
        Packed features or tokens.
    sizes : list of int
        Rows alive at each step.
    state : tuple of Tensor
        The state to start from.
    packing : Packing, optional
        The layout of the batch, if these are all of its steps.
    need_state : bool, default=True
        Whether the final state is needed.
    kernel_dtype : torch.dtype, optional
        See `Recurrence`.
    """

    def __init__(self, cell, inputs, sizes, state, *, packing=None, need_state=True, kernel_dtype=None):
        self.cell, self.inputs, self.sizes, self.state = cell, inputs, sizes, state
        self.packing, self.need_state, self.kernel_dtype = packing, need_state, kernel_dtype
        self.needs_grad = torch.is_grad_enabled()

    @KeptProperty
    def plan(self):
        """The run in the compiled loops; None if they cannot do it. See `compiled.plan`."""
        return compiled.plan(self.cell, self.inputs, self.sizes, self.state, needs_grad=self.needs_grad)

    @KeptProperty
    def kernel(self):
        """The name of torch's own kernel for the cell; None if there is none."""
        return torch_kernels.find_kernel(self.cell)


def _always(_):
    return True


def _is_compiled(run):
    return run.plan is not None


def _is_compiled_with_gradients(run):
    return run.plan is not None and run.needs_grad


def _is_compiled_without_gradients(run):
    return run.plan is not None and not run.needs_grad


def _has_tokens_on_gpu(run):
    return run.kernel is not None and run.inputs.is_cuda and not run.inputs.is_floating_point()


def _has_features_on_gpu(run):
    return run.kernel is not None and run.inputs.is_cuda and run.inputs.is_floating_point()


def _is_faster_dense(run):
    """On a CPU, torch's dense LSTM is oneDNN's and the fastest; its Elman and GRU only without gradients."""
    is_faster = type(run.cell) is LSTMCell or not run.needs_grad
    return run.kernel is not None and run.inputs.is_floating_point() and is_faster


def _is_rectangle(run):
    return _is_faster_dense(run) and run.sizes[0] == run.sizes[-1]


def _has_little_padding(run):
    """Not where most would be padding, as for one long sequence among short ones."""
    has_layout = run.packing is not None and not run.need_state
    return _is_faster_dense(run) and has_layout and len(run.sizes) * run.sizes[0] <= 2 * len(run.inputs)


def _is_known(run):
    return run.kernel is not None


# All steps of a layer: function(run) returns the outputs, and the final state if it is needed.
LAYER = (
    Way("compiled, as one operation of autograd", _is_compiled_with_gradients, compiled.run_with_autograd),
    Way("compiled, without gradients", _is_compiled_without_gradients, compiled.run_without_gradients),
    Way("cuDNN, over projected tokens", _has_tokens_on_gpu, torch_kernels.run_packed_tokens),
    Way("cuDNN", _has_features_on_gpu, torch_kernels.run_packed),
    Way("torch's dense kernel, equal lengths", _is_rectangle, torch_kernels.run_dense),
    Way("torch's dense kernel, padded", _has_little_padding, torch_kernels.run_padded),
    Way("loop in torch, gradients by hand", _is_known, manual_bptt.run_bptt),
    Way("loop over Cell.step", _always, plain.run_steps),
)
# One step of a layer without gradients: function(run) returns step(inputs, state) for more runs like this.
STEP = (
    Way("compiled", _is_compiled, compiled.make_step),
    Way("Cell.step", _always, plain.make_step),
)
# Loss and gradients of a batch: function(network) returns step(batch); None leaves them to autograd.
TRAINING_STEP = (
    Way("chain rule, compiled output layer", chain_rule.ends_in_softmax, chain_rule.SoftmaxChainRule),
    Way("chain rule", chain_rule.supports, chain_rule.ChainRule),
    Way("autograd", _always, None),
)
# Scores in sampling: function(head) returns a function of the recurrence's outputs.
READ_OUT = (
    Way("linear layer", read_out.is_linear, read_out.make_linear),
    Way("modules", _always, read_out.make_modules),
)


def _choose(ways, case):
    for way in ways:
        if way.when(case):
            return way.function


def run_layer(cell, inputs, sizes, state, **options):
    """Run a cell over packed inputs.

    Parameters
    ----------
    cell, inputs, sizes, state, **options
        See `Run`.

    Returns
    -------
    outputs : Tensor of shape (n_steps_total, output_size)
        What the layer above reads.
    state : tuple of Tensor, or None
        The state after the last step of each sequence, if it is needed.
    """
    run = Run(cell, inputs, sizes, state, **options)
    return _choose(LAYER, run)(run)


def make_step(cell, inputs, state):
    """Prepare single steps of a cell, without gradients.

    Parameters
    ----------
    cell : Cell
        Any cell. Its weights may be copied.
    inputs : Tensor of shape (B, input_size), or int64 of shape (B,)
        Features or tokens of one step. The function is for inputs of the same shape and type.
    state : tuple of Tensor
        The state before the step.

    Returns
    -------
    callable
        ``step(inputs, state)`` returns the output and the state after the step.
    """
    run = Run(cell, inputs, [len(inputs)], state)
    return _choose(STEP, run)(run)


def find_training_step(network):
    """Find a way to compute a network's loss and gradients without autograd.

    Parameters
    ----------
    network : Module
        The network as it is now.

    Returns
    -------
    callable or None
        A class like `ChainRule`, to be called with the network; None if only autograd can do it.
    """
    return _choose(TRAINING_STEP, network)


def make_read_out(head):
    """Prepare the output layer for sampling, in which it is called for each step.

    Parameters
    ----------
    head : Head
        The head of a network. Its weights may be copied.

    Returns
    -------
    callable
        ``read_out(outputs)`` returns scores (n, n_scores) of outputs (n, input_size), without gradients.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import SoftmaxHead
    >>> from sklearn_rnn.nn.kernels.choose import make_read_out
    >>> make_read_out(SoftmaxHead(4, 3, per_step=True))(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """
    return _choose(READ_OUT, head)(head)


def threads_for(network, n_rows=32):
    """Choose torch's number of threads inside a ``with`` block.

    Parameters
    ----------
    network : Module
        With cells somewhere inside.
    n_rows : int, default=32
        Number of sequences in a batch.

    Returns
    -------
    context manager
        `lend_threads` if the compiled loops run all layers; else `torch_threads`, for what one step of the
        largest layer is to compute.
    """
    cells = [module for module in network.modules() if isinstance(module, Cell)]
    if all(map(compiled.supports, cells)):
        return threads.lend_threads()
    if any(weight.device.type != "cpu" for weight in network.parameters()):
        return threads.torch_threads()
    # The inputs are projected at once; in a step, each other weight is multiplied once for each row.
    return threads.torch_threads(n_rows * max(map(_count_step_weights, cells)))


def _count_step_weights(cell):
    return sum(weight.numel() for name, weight in cell.named_parameters() if name != "weight_ih")


def uses_loops():
    """Return whether the compiled loops are available and switched on, here and now."""
    return library.get() is not None


def describe():
    """Describe how time loops are run on the CPU.

    Returns
    -------
    str
        The instruction set and the number of threads, or why torch alone is used.

    Examples
    --------
    >>> from sklearn_rnn.nn.kernels import choose
    >>> print(choose.describe())  # doctest: +SKIP
    compiled, avx2, up to 4 threads
    """
    loops = library.load()
    if loops is None:
        return (
            "torch alone: the compiled loops are switched off, not (or no longer) built, or not for this CPU"
        )
    if not uses_loops():
        return "torch alone: the compiled loops are switched off here"
    n = threads.most_threads()
    return f"compiled, {loops.instruction_set}, up to {n} thread{'s' if n > 1 else ''}"
