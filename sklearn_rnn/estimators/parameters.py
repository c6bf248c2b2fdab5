"""A table of the valid values of each constructor parameter, which `fit` checks at its start."""

import numbers
import os
from collections.abc import Callable

import numpy as np
import torch

from sklearn_rnn.data import random_state
from sklearn_rnn.data.parameters import FREQUENCY, Optional, Rule, always, is_subclass, one_of, real, whole
from sklearn_rnn.data.problems import reading
from sklearn_rnn.metrics import get_scorer
from sklearn_rnn.nn.attention import ATTENTIONS, Attention
from sklearn_rnn.nn.cells import CELLS, NONLINEARITIES, Cell
from sklearn_rnn.nn.heads import Head
from sklearn_rnn.nn.pooling import POOLINGS
from sklearn_rnn.training import OPTIMIZERS


class Scoring(Rule):
    """The rule for `scoring`."""

    def __init__(self):
        expected = "'loss', a name of metrics.get_scorer_names(), a callable scorer, or None"
        super().__init__(Callable, always, expected)

    def check(self, name, value):
        """See `Rule.check`."""
        if isinstance(value, str):
            if value != "loss":
                get_scorer(value)  # raises an error for unknown names
        elif value is not None:
            super().check(name, value)


def _is_optimizer(v):
    """Return whether v is a class of optimizers, with any options but the step size bound to it."""
    return is_subclass(torch.optim.Optimizer)(v) and "lr" not in getattr(v, "keywords", {})


# The classes that are called to make a network and its optimizer.
_BASES = {
    "cell": Cell,
    "decoder_cell": Cell,
    "attention": Attention,
    "head": Head,
    "optimizer": torch.optim.Optimizer,
}


def check_classes(parts):
    """Check that a stored description of a network names only classes that may be called to make it.

    Parameters
    ----------
    parts : dict of str to object
        Arguments of the network's class, and the optimizer.

    Raises
    ------
    TypeError
        If one that is called is neither a name nor a class of that kind.
    ValueError
        If a name is unknown.
    """
    for name, base in _BASES.items():
        value = parts.get(name)
        if not (value is None or type(value) is str or is_subclass(base)(value)):
            raise TypeError(
                f"{name} must be a name or a subclass of {base.__name__}, got {value!r} of type "
                f"{type(value).__name__}. Nothing was called: do not load this file unless you know who made "
                "it."
            )
    for name, value in parts.items():
        if isinstance(value, str) and name in RULES:
            RULES[name].check(name, value)


def _are_callbacks(values):
    """Return whether each value is a callback, or a pair of a name and a callback."""
    return all(hasattr(v[-1] if isinstance(v, tuple) and v else v, "on_epoch_end") for v in values)


def read_levels(quantiles):
    """Return the argument `quantiles` of a method as a list of levels; raise an error if it is not valid."""
    with reading("quantiles"):
        levels = [quantiles] if np.ndim(quantiles) == 0 else list(quantiles)
    if not are_levels(levels):
        raise ValueError(f"quantiles must be numbers between 0 and 1, but it is {quantiles!r}.")
    return levels


def are_levels(values):
    """Return whether values are numbers between 0 and 1, at least one."""
    return len(values) > 0 and all(isinstance(v, numbers.Real) and 0 < v < 1 for v in values)


_FLAG = Rule((bool, np.bool_, numbers.Integral), lambda v: v in (0, 1), "True or False")

RULES = {
    "cell": one_of(CELLS, or_else=", or a subclass of Cell", types=object, condition=is_subclass(Cell)),
    "hidden_size": whole(1),
    "num_layers": whole(1),
    "bidirectional": _FLAG,
    "nonlinearity": one_of(NONLINEARITIES),
    "dropout": real(0, below=1),
    "embedding_size": Optional(whole(1)),
    "tie_weights": _FLAG,
    "vocabulary": Rule(object, always, "a str of characters, a list of tokens, or None"),  # read in fit
    "handle_unknown": one_of(("error", "unknown")),
    "min_frequency": FREQUENCY,
    "pooling": one_of(POOLINGS),
    "max_iter": whole(1),
    "batch_size": whole(1, names=("all",)),
    "learning_rate": real(0, open_below=True),
    "optimizer": one_of(
        OPTIMIZERS,
        or_else=", or a class of torch.optim (whose step size is learning_rate)",
        types=object,
        condition=_is_optimizer,
    ),
    "weight_decay": real(0),
    "label_smoothing": real(0, below=1),
    "max_grad_norm": Optional(real(0, open_below=True)),
    "bptt_steps": Optional(whole(1)),
    "early_stopping": _FLAG,
    "scoring": Scoring(),
    "validation_fraction": real(0, open_below=True, below=1),
    "n_iter_no_change": whole(1),
    "tol": real(0),
    "class_weight": Optional(
        Rule(dict, always, "'balanced' or a dict from label to weight", names=("balanced",)),
    ),
    "warm_start": _FLAG,
    "padding_value": Optional(Rule((numbers.Real, str), always, "a number, or a str for text")),
    "device": Rule((str, torch.device), always, "'auto' or a torch device or its name"),
    "dtype": one_of(("auto", "float32", "float64", "bfloat16")),
    "checkpoint": Optional(Rule((str, os.PathLike), lambda v: os.fspath(v) != "", "the path of a file")),
    "callbacks": Optional(Rule((list, tuple), _are_callbacks, "a list of skorch callbacks")),
    "random_state": Rule(object, random_state.is_in_range, random_state.EXPECTED),
    "verbose": Rule((bool, numbers.Integral), lambda v: v >= 0, "an int of at least 0"),
}

CHUNK_STEPS = whole(1)
# The other names are of metrics that compare predictions with targets.
TEXT_SCORING = Optional(
    one_of(
        ("loss", "neg_log_loss", "neg_bits_per_token", "neg_perplexity"),
        or_else=", a callable scorer",
        types=Callable,
    )
)
CONDITION_AS = one_of(("input", "state"))
_IS_HEAD = is_subclass(Head)
SEQUENCE_HEAD = one_of(("auto",), or_else=", or a subclass of Head", types=object, condition=_IS_HEAD)
STEP_HEAD = one_of(("softmax", "crf"), or_else=", or a subclass of Head", types=object, condition=_IS_HEAD)
_ATTENTION = one_of(
    ATTENTIONS, or_else=", a subclass of Attention", types=object, condition=is_subclass(Attention)
)
# Losses of numbers, and the heads that have them.
NUMBER_LOSSES = {
    "squared_error": "linear",
    "absolute_error": "absolute_error",
    "gaussian": "gaussian",
    "quantile": "quantile",
}
QUANTILES = Rule(
    (tuple, list, np.ndarray),
    lambda v: are_levels(v) and all(a < b for a, b in zip(v, v[1:], strict=False)),
    "a sequence of numbers between 0 and 1, in increasing order",
)
NUMBERS = {
    "loss": one_of(NUMBER_LOSSES),
    "quantiles": QUANTILES,
    "head": one_of(
        ("auto", *NUMBER_LOSSES.values()), or_else=", or a subclass of Head", types=object, condition=_IS_HEAD
    ),
}
DECODER = {
    "decoder_cell": Optional(RULES["cell"]),
    "decoder_hidden_size": Optional(whole(1)),
    "decoder_num_layers": Optional(whole(1)),
    "attention": Optional(_ATTENTION),
    "copy_mechanism": _FLAG,
    "scheduled_sampling": Rule(numbers.Real, lambda v: 0 <= v <= 1, "a number from 0 to 1"),
    "beam_size": whole(1),
    "length_penalty": real(0),
    "max_length": Optional(whole(1)),
}
FORECAST = {
    "horizon": whole(1),
    "strategy": one_of(("recursive", "direct")),
    "distribution": one_of(("point", "gaussian", "quantile")),
    "quantiles": QUANTILES,
    "loss": one_of(("squared_error", "absolute_error")),
    "context_length": whole(1),
    "scaling": Optional(one_of(("series", "global"))),
}

# Parameters that cannot change once training began: they shape the data, the network or the optimizer.
FIXED = frozenset(
    [
        *("cell", "hidden_size", "num_layers", "bidirectional", "nonlinearity", "dropout", "embedding_size"),
        *("pooling", "head", "bptt_steps", "tie_weights", "label_smoothing", "condition_as"),
        *("decoder_cell", "decoder_hidden_size", "decoder_num_layers", "attention", "copy_mechanism"),
        *("scheduled_sampling", "vocabulary", "handle_unknown"),
        *FORECAST,
        *("optimizer", "weight_decay", "dtype", "device"),
    ]
)
