"""A table of the valid values of each constructor parameter, which `fit` checks at its start."""

import difflib
import numbers
import os
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from sklearn_rnn.data import random_state
from sklearn_rnn.data.parameters import check_size
from sklearn_rnn.metrics import get_scorer
from sklearn_rnn.nn.attention import ATTENTIONS, Attention
from sklearn_rnn.nn.cells import CELLS, NONLINEARITIES, Cell
from sklearn_rnn.nn.heads import Head
from sklearn_rnn.nn.pooling import POOLINGS
from sklearn_rnn.training import OPTIMIZERS


class Rule:
    """A type, a condition and a description of both.

    Parameters
    ----------
    types : type or tuple of type
        What the value must be an instance of.
    condition : callable
        ``condition(value)`` returns whether a value of this type is valid.
    expected : str
        Description of the valid values.
    names : collection of str, default=()
        Strings that are valid as well; the error for a misspelt one suggests the nearest.
    """

    def __init__(self, types, condition, expected, names=()):
        self.types = types
        self.condition = condition
        self.expected = expected
        self.names = tuple(names)

    def check(self, name, value):
        """Raise a ValueError or TypeError if a value is not valid."""
        if isinstance(value, str) and self.names:
            if value in self.names:
                return
            near = difflib.get_close_matches(value.lower(), self.names, n=1, cutoff=0.5)
            guess = f"; did you mean {near[0]!r}?" if near else "."
            raise ValueError(f"{name}={value!r} is not known{guess} It must be {self.expected}.")
        is_bool = isinstance(value, bool) and bool not in _as_tuple(self.types)
        if is_bool or not isinstance(value, self.types):
            raise TypeError(
                f"{name} must be {self.expected}, but it is {value!r} of type {type(value).__name__}."
            )
        check_size(name, value)
        if not self.condition(value):
            raise ValueError(f"{name} must be {self.expected}, but it is {value!r}.")


def _as_tuple(types):
    return types if isinstance(types, tuple) else (types,)


class Optional(Rule):
    """A rule that also allows None.

    Parameters
    ----------
    rule : Rule
        The rule for all other values.
    """

    def __init__(self, rule):
        super().__init__(rule.types, rule.condition, f"{rule.expected}, or None", rule.names)

    def check(self, name, value):
        """See `Rule.check`."""
        if value is not None:
            super().check(name, value)


class Scoring(Rule):
    """The rule for `scoring`."""

    def __init__(self):
        expected = "'loss', a name of metrics.get_scorer_names(), a callable scorer, or None"
        super().__init__(Callable, _always, expected)

    def check(self, name, value):
        """See `Rule.check`."""
        if isinstance(value, str):
            if value != "loss":
                get_scorer(value)  # raises an error for unknown names
        elif value is not None:
            super().check(name, value)


def _always(value):
    return True


def _one_of(names, *, or_else="", types=str, condition=_always):
    choice = "one of " + ", ".join(map(repr, names))
    return Rule(types, condition, choice + or_else, names)


def _whole(minimum, names=()):
    also = "".join(f" or {n!r}" for n in names)
    return Rule(numbers.Integral, lambda v: v >= minimum, f"an int of at least {minimum}{also}", names)


def _real(minimum, *, open_below=False, below=float("inf")):
    words = f"a number {'greater than' if open_below else 'of at least'} {minimum:g}"
    if below != float("inf"):
        words += f" and less than {below:g}"

    def holds(v):
        return (v > minimum if open_below else v >= minimum) and v < below

    return Rule(numbers.Real, holds, words)


def _subclass(base):
    def holds(v):
        v = v.func if type(v) is partial else v  # any other object with a `func` may do anything when called
        return isinstance(v, type) and issubclass(v, base)

    return holds


def _is_optimizer(v):
    """Return whether v is a class of optimizers, with any options but the step size bound to it."""
    return _subclass(torch.optim.Optimizer)(v) and "lr" not in getattr(v, "keywords", {})


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
        if not (value is None or type(value) is str or _subclass(base)(value)):
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


def are_levels(values):
    """Return whether values are numbers between 0 and 1, at least one."""
    return len(values) > 0 and all(isinstance(v, numbers.Real) and 0 < v < 1 for v in values)


_FLAG = Rule((bool, np.bool_, numbers.Integral), lambda v: v in (0, 1), "True or False")

RULES = {
    "cell": _one_of(CELLS, or_else=", or a subclass of Cell", types=object, condition=_subclass(Cell)),
    "hidden_size": _whole(1),
    "num_layers": _whole(1),
    "bidirectional": _FLAG,
    "nonlinearity": _one_of(NONLINEARITIES),
    "dropout": _real(0, below=1),
    "embedding_size": Optional(_whole(1)),
    "tie_weights": _FLAG,
    "vocabulary": Rule(object, _always, "a str of characters, a list of tokens, or None"),  # read in fit
    "handle_unknown": _one_of(("error", "unknown")),
    "min_frequency": Rule(
        numbers.Real,
        lambda v: v >= 1 if isinstance(v, numbers.Integral) else 0 < v < 1,
        "an int of at least 1, or a float between 0 and 1 as a share of the steps",
    ),
    "pooling": _one_of(POOLINGS),
    "max_iter": _whole(1),
    "batch_size": _whole(1, names=("all",)),
    "learning_rate": _real(0, open_below=True),
    "optimizer": _one_of(
        OPTIMIZERS,
        or_else=", or a class of torch.optim (whose step size is learning_rate)",
        types=object,
        condition=_is_optimizer,
    ),
    "weight_decay": _real(0),
    "label_smoothing": _real(0, below=1),
    "clip_norm": Optional(_real(0, open_below=True)),
    "bptt_steps": Optional(_whole(1)),
    "early_stopping": _FLAG,
    "scoring": Scoring(),
    "validation_fraction": _real(0, open_below=True, below=1),
    "n_iter_no_change": _whole(1),
    "tol": _real(0),
    "class_weight": Optional(
        Rule(dict, _always, "'balanced' or a dict from label to weight", names=("balanced",)),
    ),
    "warm_start": _FLAG,
    "padding_value": Optional(Rule((numbers.Real, str), _always, "a number, or a str for text")),
    "device": Rule((str, torch.device), _always, "'auto' or a torch device or its name"),
    "dtype": _one_of(("auto", "float32", "float64", "bfloat16")),
    "checkpoint": Optional(Rule((str, os.PathLike), lambda v: os.fspath(v) != "", "the path of a file")),
    "callbacks": Optional(Rule((list, tuple), _are_callbacks, "a list of skorch callbacks")),
    "random_state": Rule(object, random_state.is_in_range, random_state.EXPECTED),
    "verbose": Rule((bool, numbers.Integral), lambda v: v >= 0, "an int of at least 0"),
}

CHUNK_STEPS = _whole(1)
# The other names are of metrics that compare predictions with targets.
TEXT_SCORING = Optional(
    _one_of(
        ("loss", "neg_log_loss", "neg_bits_per_token", "neg_perplexity"),
        or_else=", a callable scorer",
        types=Callable,
    )
)
CONDITION_AS = _one_of(("input", "state"))
SEQUENCE_HEAD = _one_of(("auto",), or_else=", or a subclass of Head", types=object, condition=_subclass(Head))
STEP_HEAD = _one_of(
    ("softmax", "crf"), or_else=", or a subclass of Head", types=object, condition=_subclass(Head)
)
DECODER = {
    "decoder_cell": Optional(RULES["cell"]),
    "decoder_hidden_size": Optional(_whole(1)),
    "decoder_num_layers": Optional(_whole(1)),
    "attention": Optional(
        _one_of(ATTENTIONS, or_else=", a subclass of Attention", types=object, condition=_subclass(Attention))
    ),
    "copy": _FLAG,
    "scheduled_sampling": Rule(numbers.Real, lambda v: 0 <= v <= 1, "a number from 0 to 1"),
    "beam_size": _whole(1),
    "length_penalty": _real(0),
    "max_length": Optional(_whole(1)),
}
FORECAST = {
    "horizon": _whole(1),
    "strategy": _one_of(("recursive", "direct")),
    "output": _one_of(("point", "gaussian", "quantile")),
    "quantiles": Rule(
        (tuple, list, np.ndarray),
        lambda v: are_levels(v) and all(a < b for a, b in zip(v, v[1:], strict=False)),
        "a sequence of numbers between 0 and 1, in increasing order",
    ),
    "loss": _one_of(("squared_error", "absolute_error")),
    "context_length": _whole(1),
    "scaling": Optional(_one_of(("series", "global"))),
}

# Parameters that cannot change once training began: they shape the data, the network or the optimizer.
FIXED = frozenset(
    [
        *("cell", "hidden_size", "num_layers", "bidirectional", "nonlinearity", "dropout", "embedding_size"),
        *("pooling", "head", "bptt_steps", "tie_weights", "label_smoothing", "condition_as"),
        *("decoder_cell", "decoder_hidden_size", "decoder_num_layers", "attention", "copy"),
        *("scheduled_sampling", "vocabulary", "handle_unknown"),
        *FORECAST,
        *("optimizer", "weight_decay", "dtype", "device"),
    ]
)
