"""Odd values in every argument: only ValueError and TypeError come back, and a refused call changes nothing.

``pytest tests/test_fuzz.py`` runs a few hundred cases; with ``--fuzz 10000`` it runs as many as that, of a
new seed or of ``--fuzz-seed``. A case has its seed and its number for a name, and depends on nothing else.
"""

import array
import collections
import decimal
import fractions
import inspect
import os
import random
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
    Sequences,
    data,
    datasets,
    metrics,
    preprocessing,
)
from sklearn_rnn.model_selection import backtest

TINY = {"hidden_size": 3, "max_iter": 1, "batch_size": 4, "random_state": 0}
NAN = float("nan")

# Values


def pick(rng, options):
    """One of some options; a function among them makes its value."""
    return options[rng.integers(len(options))]


def odd_scalar(rng):
    """What stands where a number, a label or a name was expected."""
    return pick(
        rng,
        [
            *(None, True, False, 0, -1, 1, 7, 1.5, -0.0, NAN, float("inf"), -float("inf"), 1e308, 1e-320, 1j),
            *(
                10**400,
                -(10**400),
                2**63,
                -(2**63) - 1,
                2**64,
                10**30,
                "",
                "a",
                "ab",
                "\0",
                "1.5",
                "é",
                "\ud800",
            ),
            *(
                b"a",
                b"",
                bytearray(b"ab"),
                [],
                (),
                {},
                set(),
                [1],
                {"a": 1},
                [[]],
                [None],
                range(3),
                slice(1),
                ...,
            ),
            *(
                object(),
                object,
                len,
                decimal.Decimal("1.5"),
                decimal.Decimal("NaN"),
                fractions.Fraction(1, 3),
            ),
            *(pd.NA, pd.NaT, pd.Timestamp("2026-01-01"), pd.Interval(0, 1), pd.Series([1.0]), pd.DataFrame()),
            *(
                np.float16(1),
                np.longdouble(2),
                np.int8(-3),
                np.uint64(2**64 - 1),
                np.bool_(True),
                np.str_("b"),
            ),
            *(
                np.datetime64("2026-01-01"),
                np.timedelta64(3),
                np.datetime64("NaT"),
                np.void(b"ab"),
                np.ma.masked,
            ),
            *(np.array(2), np.array([]), np.array(None, dtype=object), np.array(["a"]), np.zeros((2, 0))),
            *(torch.tensor(1.0), torch.ones(2, requires_grad=True), torch.ones(1, dtype=torch.bfloat16)),
            *(torch.tensor(1j), torch.ones(0), memoryview(b"ab"), iter(()), np.random.RandomState(0)),
        ],
    )


def odd_array(rng):
    """An array of any shape and dtype."""
    shape = pick(
        rng,
        [(), (0,), (1,), (4,), (4, 0), (0, 4), (4, 1), (4, 3), (1, 4), (4, 3, 2), (4, 0, 2), (2, 1, 3, 2)],
    )
    dtype = pick(
        rng,
        ["f2", "f4", "f8", "g", "i1", "i8", "u8", "?", "c16", "U1", "U4", "S2", "O", "M8[D]", "m8[s]", "V3"],
    )
    values = rng.integers(-2, 9, shape)
    if dtype == "V3":
        return np.zeros(shape, [("a", "f4"), ("b", "i1")])
    if dtype == "O":
        made = np.empty(shape, dtype=object)
        for place in np.ndindex(shape):
            made[place] = odd_scalar(rng)
        return made
    made = (
        values * rng.choice([1.0, 0.5, 1e20, NAN]) if dtype in ("f2", "f4", "f8", "g") else values
    ).astype(dtype)
    return (
        made
        if dtype[0] != "f" or rng.random() < 0.9
        else np.asfortranarray(made)[..., ::-1]
        if shape
        else made
    )


def anything(rng, depth=3):
    """A nested value of no plan."""
    kind = rng.integers(5) if depth else 0
    if kind == 0:
        return odd_scalar(rng)
    if kind == 1:
        return odd_array(rng)
    if kind == 2:
        return wrap(rng, anything(rng, depth - 1))
    if kind == 3:
        return [anything(rng, depth - 1)] * int(rng.integers(5))
    return [anything(rng, depth - 1) for _ in range(rng.integers(5))]


class Indexed:
    """A collection that is none of Python's."""

    def __init__(self, values):
        self.values = list(values)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, i):
        return self.values[i]


WRAPS = {
    "list": list,
    "tuple": tuple,
    "objects": lambda v: data.arrays.object_array(v),
    "stacked": lambda v: np.array(v, dtype=object),
    "array": np.asarray,
    "float32": lambda v: np.asarray(v, dtype=np.float32),
    "matrix": np.matrix,
    "generator": lambda v: (x for x in v),
    "dict": lambda v: dict(enumerate(v)),
    "dicts": lambda v: [dict(enumerate(x)) for x in v],
    "keys": lambda v: dict.fromkeys(v).keys(),
    "set": set,
    "deque": collections.deque,
    "UserList": collections.UserList,
    "indexed": Indexed,
    "map": lambda v: map(str, v),
    "array.array": lambda v: array.array("d", v),
    "memoryview": lambda v: memoryview(np.ascontiguousarray(v)),
    "memoryviews": lambda v: [memoryview(np.ascontiguousarray(x)) for x in v],
    "bytes": bytes,
    "str": str,
    "strs": lambda v: [str(x) for x in v],
    "scalar": lambda v: v[0],
    "0-d": lambda v: _zero_d(v),
    "tensor": torch.as_tensor,
    "tensors": lambda v: [torch.as_tensor(x) for x in v],
    "with gradient": lambda v: torch.as_tensor(v).float().requires_grad_(),
    "all with gradient": lambda v: [torch.as_tensor(x).float().requires_grad_() for x in v],
    "nested tensor": lambda v: torch.nested.nested_tensor([torch.as_tensor(x) for x in v]),
    "packed": lambda v: torch.nn.utils.rnn.pack_sequence(
        [torch.as_tensor(x) for x in v], enforce_sorted=False
    ),
    "Series": pd.Series,
    "nullable": lambda v: pd.Series(v).convert_dtypes(),
    "categories": lambda v: pd.Series(v).astype("category"),
    "index": pd.Index,
    "DataFrame": lambda v: pd.DataFrame(v),
    "named": lambda v: pd.DataFrame(np.asarray(v)).rename(columns=str),
    "DataFrames": lambda v: [pd.DataFrame(np.asarray(x)).rename(columns=str) for x in v],
    "polars": lambda v: _polars(v),
    "polars table": lambda v: pl.DataFrame(np.asarray(v)),
    "polars tables": lambda v: [pl.DataFrame(np.asarray(x)) for x in v],
    "sparse": lambda v: scipy.sparse.csr_matrix(np.asarray(v)),
    "sparse array": lambda v: scipy.sparse.csr_array(np.asarray(v)),
    "masked": lambda v: np.ma.masked_array(
        np.asarray(v), mask=np.arange(np.size(v)).reshape(np.shape(v)) % 3 == 2
    ),
    "all masked": lambda v: [np.ma.masked_array(np.asarray(x), mask=[True] * len(x)) for x in v],
    "Sequences": lambda v: data.as_sequences(v),
    "Sequences of anything": lambda v: Sequences.from_lengths(np.concatenate(v), [len(x) for x in v]),
    "column": data.as_column,
    "nested": lambda v: [v],
    "nested deeper": lambda v: [[x] for x in v],
    "flat": lambda v: [x for part in v for x in part],
    "range": lambda v: range(len(v)),
    "words": lambda v: [str(x).split() for x in v],
}


def _polars(values):
    if any(np.ndim(value) and np.asarray(value).dtype == object for value in values):
        raise TypeError("polars itself aborts the process at lists of arrays of objects")
    return pl.Series(values)


def _zero_d(value):
    made = np.empty((), dtype=object)
    made[()] = value
    return made


def wrap(rng, value):
    """The same in another container, if that takes it."""
    try:
        return WRAPS[pick(rng, list(WRAPS))](value)
    except (Exception, pl.exceptions.PanicException):
        return value


def replace_one(rng, value):
    """Put something odd in one place."""
    if isinstance(value, np.ndarray):
        value = value.astype(object) if rng.random() < 0.5 else value.copy()
        if value.size:
            place = tuple(rng.integers(n) for n in value.shape)
            value[place] = odd_scalar(rng)
        return value
    if not isinstance(value, (list, tuple)) or not len(value):
        return odd_scalar(rng)
    value, i = list(value), rng.integers(len(value))
    deeper = rng.random() < 0.6 and isinstance(value[i], (list, tuple, np.ndarray))
    value[i] = replace_one(rng, value[i]) if deeper else pick(rng, [odd_scalar, odd_array])(rng)
    return value


def resize(rng, value):
    """Drop a part, or repeat one."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return value
        return pick(
            rng, [value[:-1], value[:0], value[:1], np.concatenate([value, value]), value[..., :0], value.T]
        )
    if not isinstance(value, (list, tuple)) or not len(value):
        return value
    i = int(rng.integers(len(value)))
    if rng.random() < 0.5 and isinstance(value[i], (list, np.ndarray, str)):
        part = (
            value[i][:-1]
            if rng.random() < 0.5 or not isinstance(value[i], (list, np.ndarray))
            else value[i][:0]
        )
        return [*value[:i], part, *value[i + 1 :]]
    return pick(rng, [value[:-1], value[:0], value[:1], [*value, value[i]]])


def cast(rng, value):
    """Change the type of numbers."""
    dtype = pick(rng, ["f2", "f4", "f8", "g", "i1", "i8", "u8", "?", "c8", "U2", "S2", "O", "M8[s]", "m8[s]"])
    if isinstance(value, (list, tuple)) and rng.random() < 0.8:
        return [np.asarray(x).astype(dtype) for x in value]
    return np.asarray(value).astype(dtype)


def spoil(rng, value, chance=0.6):
    """A value that is good, or not quite, or not at all."""
    while rng.random() < chance:
        change = pick(rng, [replace_one, replace_one, resize, cast, wrap, wrap, lambda rng, _: anything(rng)])
        try:
            value = change(rng, value)
        except (
            Exception,
            pl.exceptions.PanicException,
        ):  # NumPy's, torch's or pandas' own: there is no such value
            return value
        chance /= 2
    return value


# Good data


def make_X(rng, lengths, kind):
    """Sequences in some form that is legal."""
    n = len(lengths)
    if kind == "numbers":
        d = int(rng.integers(1, 4))
        X = [rng.standard_normal((t, d)) for t in lengths]
        return X if rng.random() < 0.5 else [x[:, 0] for x in X]
    if kind == "table":
        return rng.standard_normal((n, 3))
    if kind == "cube":
        return rng.standard_normal((n, 3, 2))
    codes = [rng.integers(0, 4, t) for t in lengths]
    if kind == "codes":
        return codes
    words = [[("ab", "c", "def", "g")[c] for c in part] for part in codes]
    return words if kind == "words" else [("".join(w[0] for w in part)) for part in words]


KINDS = ("numbers", "table", "cube", "codes", "words", "characters")


def make_lengths(rng, kind):
    n = int(rng.integers(3, 7))
    return np.full(n, 3) if kind in ("table", "cube") else rng.integers(1, 5, n)


def make_labels(rng, n):
    codes = np.arange(n) % 2
    return pick(
        rng,
        [codes, [str(c) for c in codes], codes.astype(bool), np.array(["no", "yes"])[codes], codes.tolist()],
    )


def make_y(rng, lengths, task):
    n = len(lengths)
    if task == "labels":
        labels = make_labels(rng, n)
        pairs = np.column_stack([np.arange(n) % 2, np.arange(n) % 3])
        return pick(rng, [labels, labels, labels, pairs, (pairs > 0).astype(int)])
    if task == "step labels":
        return [make_labels(rng, t) for t in lengths]
    if task == "numbers":
        ragged = [rng.standard_normal(t) for t in lengths]
        return pick(
            rng, [rng.standard_normal(n), rng.standard_normal((n, 2)), ragged, [r[:, None] for r in ragged]]
        )
    lengths = rng.integers(0, 4, n)
    lengths[0] = 2
    return make_X(rng, lengths, pick(rng, ["numbers", "codes", "words", "characters"]))


def make_weights(rng, lengths, per_step):
    if rng.random() < 0.4:
        return None
    if per_step and rng.random() < 0.5:
        return [rng.random(t) for t in lengths]
    return rng.random(len(lengths))


# The checks


class Unfit(Exception):
    """A finding: what must not happen."""


def digest(value, depth=0, seen=None):
    """A value in a form that can be compared, whatever it is."""
    seen = {} if seen is None else seen
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)
    if depth > 12 or id(value) in seen:
        return type(value).__name__
    seen[id(value)] = value
    go = partial(digest, depth=depth + 1, seen=seen)
    if isinstance(value, np.ma.MaskedArray):
        return go(value.data), go(np.ma.getmaskarray(value))
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return value.shape, tuple(go(x) for x in value.ravel())
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, torch.Tensor):
        is_plain = value.layout is torch.strided and value.dtype != torch.bfloat16 and not value.is_nested
        return go(value.detach().numpy()) if is_plain else repr(value.detach())
    if isinstance(value, torch.nn.Module):
        return value.training, go(dict(value.state_dict()))
    if isinstance(value, torch.optim.Optimizer):
        return go(value.state_dict())
    if isinstance(value, np.random.RandomState):
        return go(value.get_state())
    if isinstance(value, (pd.DataFrame, pd.Series, pd.Index, pl.DataFrame, pl.Series)):
        return go(value.to_numpy()), str(getattr(value, "columns", None))
    if isinstance(value, dict):
        return tuple((repr(k) if isinstance(k, str) else go(k), go(v)) for k, v in value.items())
    if isinstance(value, (list, tuple, collections.deque)):
        return type(value).__name__, tuple(go(x) for x in value)
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, len(value)
    if isinstance(value, type) or not hasattr(value, "__dict__") or callable(value):
        return type(value).__name__
    return type(value).__name__, go(vars(value))


def world():
    """What is global, and no call may change."""
    return (
        str(torch.get_rng_state().sum()),
        np.random.get_state()[1].tobytes(),
        random.getstate(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        tuple(np.geterr().items()),
        os.getcwd(),
    )


def call(function, *args, **kwargs):
    """Call a function with odd arguments; give its answer, or None if it refuses them properly."""
    owner = getattr(function, "__self__", None)
    owner = owner if isinstance(owner, BaseEstimator) else None
    name = getattr(function, "__name__", "a call")
    is_training = name.startswith(("fit", "partial_fit", "make_"))
    before, given = digest(vars(owner)) if owner is not None else None, digest((args, kwargs))
    answer, refused = None, None
    try:
        answer = function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        refused = error
    except Exception as error:
        error.add_note(f"in {owner!r} {name}, given {args!r} {kwargs!r}")
        raise
    if owner is not None and (refused is not None or not is_training) and digest(vars(owner)) != before:
        raise Unfit(
            f"{owner!r} {name} changed it, refused: {refused!r}, given {args!r} {kwargs!r}"
        ) from refused
    if refused is not None and digest((args, kwargs)) != given:
        raise Unfit(f"{name} changed its arguments {args!r} {kwargs!r}") from refused
    if (
        refused is None
        and answer is not owner
        and not any(isinstance(value, np.random.RandomState) for value in (*args, *kwargs.values()))
        and digest((args, kwargs)) != given
    ):
        raise Unfit(f"{name} changed its arguments {args!r} {kwargs!r}")
    return answer


# Subjects

SHARED = {
    "cell": ["elman", "jordan", "lstm", "gru"],
    "hidden_size": [1, 4],
    "num_layers": [1, 2],
    "bidirectional": [False, True],
    "nonlinearity": ["tanh", "relu", "sigmoid"],
    "dropout": [0.0, 0.5],
    "embedding_size": [None, 2],
    "batch_size": [1, 4, "all"],
    "learning_rate": [0.003, 10.0],
    "optimizer": ["adam", "sgd", torch.optim.Adam],
    "weight_decay": [0.0, 0.1],
    "max_grad_norm": [1.0, None],
    "bptt_steps": [None, 2],
    "early_stopping": [False, True],
    "validation_fraction": [0.1, 0.5],
    "n_iter_no_change": [10, 1],
    "tol": [0.0, 1e-4],
    "warm_start": [False, True],
    "padding_value": [None, 0.0, NAN],
    "dtype": ["float32", "float64"],
    "random_state": [0, None],
    "max_iter": [1, 2],
    "pooling": ["last", "mean", "max", "attention"],
    "class_weight": [None, "balanced", {0: 1.0, 1: 2.0}],
    "head": ["auto", "softmax", "crf"],
    "callbacks": [None, []],
    "device": ["auto", "cpu"],
    "verbose": [0],
    "horizon": [1, 3],
    "strategy": ["recursive", "direct"],
    "distribution": ["point", "gaussian", "quantile"],
    "quantiles": [(0.1, 0.5, 0.9), (0.5,)],
    "loss": ["squared_error", "absolute_error"],
    "context_length": [64, 2],
    "scaling": ["global", "series", None],
    "decoder_cell": [None, "gru"],
    "decoder_hidden_size": [None, 2],
    "decoder_num_layers": [None, 2],
    "attention": ["dot", None],
    "copy_mechanism": [False, True],
    "scheduled_sampling": [0.0, 0.5],
    "beam_size": [1, 2],
    "length_penalty": [0.0, 0.5],
    "max_length": [None, 4],
    "scoring": ["loss", "exact_match"],
    "condition_as": ["input", "state"],
    "tie_weights": [False, True],
    "vocabulary": [None, "abcdefg"],
    "handle_unknown": ["error", "unknown"],
    "min_frequency": [1, 2],
    "label_smoothing": [0.0, 0.1],
    "checkpoint": [None],
}


def make_parameters(rng, names):
    """Parameters of which most are legal and one may be odd."""
    parameters = {name: value for name, value in TINY.items() if name in names}
    for name in rng.choice(sorted(names), size=min(4, len(names)), replace=False):
        if name in SHARED:
            parameters[str(name)] = pick(rng, SHARED[name])
    if rng.random() < 0.2:
        parameters[pick(rng, sorted(names - {"checkpoint", "verbose"}))] = odd_scalar(rng)
    return parameters


def names_of(cls):
    return set(inspect.signature(cls.__init__).parameters) - {"self"}


METHODS = ("predict", "predict_proba", "predict_log_proba", "hidden_states", "score", "partial_fit", "fit")


def fuzz_sequence_estimator(rng, cls, task):
    kind = pick(rng, KINDS)
    lengths = make_lengths(rng, kind)
    X, y = make_X(rng, lengths, kind), make_y(rng, lengths, task)
    per_step = task == "step labels"
    model = cls(**make_parameters(rng, names_of(cls)))
    if rng.random() < 0.5:  # something to lose
        call(model.fit, X, y)
    for _ in range(3):
        name = pick(rng, ("fit", *METHODS))
        if not hasattr(model, name):
            continue
        given = [spoil(rng, X)]
        more = {}
        if name in ("score", "fit", "partial_fit"):
            given.append(spoil(rng, y))
            more["sample_weight"] = spoil(rng, make_weights(rng, lengths, per_step), 0.3)
        if name == "partial_fit" and task != "numbers" and rng.random() < 0.4:
            more["classes"] = spoil(rng, np.unique(np.concatenate([np.ravel(part) for part in y])))
        if name == "fit" and rng.random() < 0.3:
            more |= {"X_val": spoil(rng, X), "y_val": spoil(rng, y)}
        if name == "fit" and rng.random() < 0.2:
            more["validation_groups"] = spoil(rng, np.arange(len(lengths)) % 3)
        if name == "hidden_states":
            more["per_step"] = pick(rng, [None, True, False, odd_scalar(rng)])
        call(getattr(model, name), *given, **more)


def fuzz_seq2seq(rng):
    kind = pick(rng, KINDS)
    lengths = make_lengths(rng, kind)
    X, y = make_X(rng, lengths, kind), make_y(rng, lengths, "sequences")
    X = np.arange(len(lengths)) % 3 if rng.random() < 0.1 else X
    model = RNNSeq2Seq(**make_parameters(rng, names_of(RNNSeq2Seq)))
    if rng.random() < 0.6:
        call(model.fit, X, y)
    options = {
        "predict_nbest": {"k": [1, 2]},
        "sample": {
            "n_samples": [1, 2],
            "temperature": [1.0, 0.5],
            "top_k": [None, 2],
            "top_p": [None, 0.5],
            "random_state": [0],
        },
        "hidden_states": {"per_step": [None, True, False]},
    }
    of_pairs = ("score", "predict_proba", "score_samples", "attention_weights", "partial_fit", "fit")
    for _ in range(2):
        name = pick(rng, ("predict", *options, *of_pairs))
        given = [spoil(rng, X)] + ([spoil(rng, y)] if name in of_pairs else [])
        more = choose_options(rng, options.get(name, {}))
        if name in ("score", "partial_fit", "fit"):
            more["sample_weight"] = spoil(rng, make_weights(rng, lengths, False), 0.3)
        if name == "fit" and rng.random() < 0.3:
            more |= {"X_val": spoil(rng, X), "y_val": spoil(rng, y)}
        call(getattr(model, name), *given, **more)


def choose_options(rng, options):
    return {n: odd_scalar(rng) if rng.random() < 0.1 else pick(rng, values) for n, values in options.items()}


def fuzz_language_model(rng):
    lengths = rng.integers(2, 5, 4)
    X = make_X(rng, lengths, pick(rng, ["codes", "words", "characters"]))
    condition = pick(rng, [None, None, ["en", "it", "en", "it"], rng.standard_normal((4, 2)), [1, 2, 1, 2]])
    model = RNNLanguageModel(**make_parameters(rng, names_of(RNNLanguageModel)))
    if rng.random() < 0.6:
        call(model.fit, X, condition=condition)
    generation = {
        "prompt": [None, X[0]],
        "condition": [None, condition],
        "temperature": [1.0, 0.5],
        "top_k": [None, 2],
        "top_p": [None, 0.5],
        "stop": [None, "a"],
        "random_state": [0],
    }
    for _ in range(2):
        name = pick(
            rng,
            (
                *(
                    "sample",
                    "stream",
                    "predict_condition",
                    "predict_condition_proba",
                    "partial_fit",
                    "fit",
                    "score",
                ),
                *(
                    "bits_per_token",
                    "perplexity",
                    "predict_proba",
                    "hidden_states",
                    "score_samples",
                    "surprisal",
                ),
            ),
        )
        if name in ("sample", "stream"):
            more = choose_options(rng, generation) | {"max_new_tokens": pick(rng, [3, 0, -1, "a", 2.5])}
            more |= {"n_samples": pick(rng, [1, 2, 0, "a", 1.5])} if name == "sample" else {}
            function = getattr(model, name)
            call(
                function if name == "sample" else lambda _f=function, _m=more: list(_f(**_m)),
                **(more if name == "sample" else {}),
            )
            continue
        more = {} if "condition" in name else {"condition": spoil(rng, condition, 0.4)}
        if "condition" in name:
            more["prior"] = pick(rng, [None, [1, 2], anything(rng)])
        if name == "fit" and rng.random() < 0.3:
            more |= {"X_val": spoil(rng, X), "condition_val": spoil(rng, condition, 0.4)}
        call(getattr(model, name), spoil(rng, X), **more)


def make_series(rng):
    n = int(rng.integers(8, 14))
    one = pick(rng, [rng.standard_normal(n), rng.standard_normal((n, 2))])
    return pick(rng, [one, one, [one, one[2:]], rng.standard_normal((2, n, 2)), np.arange(n)])


def fuzz_forecaster(rng):
    X = make_series(rng)
    is_one = not isinstance(X, list) and X.ndim < 3
    known = None
    if rng.random() < 0.3:
        known = rng.standard_normal((len(X), 2)) if is_one else [rng.standard_normal((len(x), 2)) for x in X]
    model = RNNForecaster(**make_parameters(rng, names_of(RNNForecaster)))
    if rng.random() < 0.6:
        call(model.fit, X, exogenous=known)
    for _ in range(2):
        name = pick(
            rng,
            (
                *(
                    "predict",
                    "predict_quantiles",
                    "sample_paths",
                    "predict_rolling",
                    "score",
                    "hidden_states",
                ),
                *("fit", "partial_fit", "get_feature_names_out", "backtest"),
            ),
        )
        if name == "backtest":
            if hasattr(model, "module_"):
                options = {"n_steps": [None, 2], "cv": [2, 5]}
                call(
                    partial(backtest, model),
                    spoil(rng, X),
                    spoil(rng, known, 0.3),
                    **choose_options(rng, options),
                )
            continue
        if name == "get_feature_names_out":
            call(model.get_feature_names_out, anything(rng))
            continue
        more = {"exogenous": spoil(rng, known, 0.3)}
        if name in ("fit", "partial_fit"):
            more["sample_weight"] = spoil(rng, pick(rng, [None, np.ones(1 if is_one else len(X))]), 0.3)
        elif name not in ("score", "hidden_states"):
            more["n_steps"] = pick(rng, [None, 2, 0, 2.5, "a", -(10**400)])
        if name in ("predict_quantiles", "sample_paths"):
            more["n_samples"] = pick(rng, [2, 3, 0, -1, None, "a", 1.5])
            more["random_state"] = pick(rng, [0, None, "a", -1, 1.5])
        if name == "predict_quantiles":
            more["quantiles"] = pick(rng, [None, 0.5, [0.1, 0.9], anything(rng)])
        if name == "predict_rolling":
            more["start"] = pick(rng, [None, None, 0, 3, odd_scalar(rng)])
            more["after_training"] = pick(rng, [False, True, odd_scalar(rng)])
        call(getattr(model, name), spoil(rng, X), **more)


def fuzz_transformer(rng):
    options = {
        "SequenceOneHotEncoder": {
            "categories": ["auto", "abcdefg", ["ab", "c", "def", "g"], [0, 1, 2, 3]],
            "handle_unknown": ["error", "ignore"],
            "dense": [False, True],
            "unknown_token": [None, "?", -1],
        },
        "SequencePadder": {
            "padding_value": [0.0, NAN, -1],
            "n_steps": [None, 6],
            "side": ["end", "start"],
            "masked": [False, True],
            "truncate": [None, "end", "start"],
        },
        "SequenceTruncator": {"n_steps": [1, 2, 9], "side": ["end", "start"]},
        "StepTransformer": {"transformer": ["passthrough", StandardScaler(), PCA(1)]},
        "TokenEncoder": {
            "min_frequency": [1, 2],
            "max_tokens": [None, 2],
            "handle_unknown": ["unknown", "error"],
            "unknown_token": [None, "?", -1],
        },
        "SequenceFeatures": {
            "estimator": [RNNClassifier(**TINY), RNNRegressor(**TINY)],
            "prefit": [False],
            "per_step": [None, True, False],
        },
        "SlidingWindow": {
            "size": [1, 2, 3],
            "horizon": [1, 2, [1, 2], range(1, 3)],
            "target": [None, 0],
            "stride": [1, 2],
            "block_size": [None, 4],
        },
    }
    cls = pick(rng, list(options))
    kind = pick(rng, KINDS[:3] if cls == "SlidingWindow" else KINDS)
    lengths = make_lengths(rng, kind)
    X = make_X(rng, lengths, kind)
    y = make_labels(rng, len(lengths)) if cls == "SequenceFeatures" else None
    made = getattr(preprocessing, cls)(**choose_options(rng, options[cls]))
    if cls == "SlidingWindow":
        X = pick(rng, [X, make_series(rng)])
        for _ in range(2):
            call(made.make_inputs, spoil(rng, X))
            call(made.make_windows, spoil(rng, X), *pick(rng, [[], [spoil(rng, X)]]))
        return
    out = call(made.fit_transform, X, y) if rng.random() < 0.7 else None
    for _ in range(3):
        name = pick(
            rng,
            ("transform", "inverse_transform", "fit", "fit_transform", "partial_fit", "oov_rate", "names"),
        )
        name = "get_feature_names_out" if name == "names" else name
        if not hasattr(made, name):
            continue
        given = [spoil(rng, X if name != "inverse_transform" or out is None else out)]
        if name == "get_feature_names_out":
            given = [pick(rng, [None, anything(rng)])]
        call(getattr(made, name), *given, *([spoil(rng, y)] if "fit" in name and rng.random() < 0.7 else []))


def fuzz_metric(rng):
    name = pick(
        rng, [name for name in metrics.__all__ if name not in ("Spans", "get_scorer_names", "get_scorer")]
    )
    function = getattr(metrics, name)
    accepted = inspect.signature(function).parameters
    lengths = rng.integers(1, 4, 3)
    is_number = "squared" in name or "absolute" in name or "r2" in name
    if "span" in name:
        tags = np.array(["O", "B-x", "I-x", "B-y"])
        y = [tags[rng.integers(0, 4, t)].tolist() for t in lengths]
    elif is_number:
        y = [rng.standard_normal(t) for t in lengths]
    else:
        y = make_y(rng, lengths, "step labels")
    if "proba" in str(accepted):
        proba = [np.full((t, 2), 0.5) for t in lengths]
        given = [spoil(rng, y), spoil(rng, proba)]
    else:
        given = [spoil(rng, y)] if name == "find_spans" else [spoil(rng, y), spoil(rng, y)]
        given = given if name != "find_spans" else [spoil(rng, y[0])]
    options = {
        "labels": [None, [0, 1], ["no", "yes"], spoil(rng, ["no", "yes"])],
        "sample_weight": [None, spoil(rng, rng.random(3)), spoil(rng, [rng.random(t) for t in lengths])],
        "average": ["macro", "micro", "weighted", None],
        "zero_division": ["warn", 0, 1.0, NAN],
        "multioutput": ["uniform_average", "raw_values", "variance_weighted", [1.0], spoil(rng, [1.0])],
        "digits": [2, 0],
        "output_dict": [False, True],
        "scheme": ["iob2", "iobes", "bilou", "iob1"],
        "mode": ["conlleval", "strict"],
        "normalize": [None, "true"],
    }
    options = {n: values for n, values in options.items() if n in accepted and rng.random() < 0.7}
    call(function, *given, **choose_options(rng, options))


def fuzz_container(rng):
    kind = pick(rng, KINDS)
    lengths = make_lengths(rng, kind)
    X = make_X(rng, lengths, kind)
    flat = list(X[0]) if isinstance(X[0], str) else np.concatenate(X)
    offsets = np.concatenate([[0], np.cumsum([len(x) for x in X])])
    table = pd.DataFrame({"id": [1, 1, 2], "t": [1, 2, 1], "v": [0.5, 1.0, 2.0], "w": ["a", "b", "c"]})
    table = pick(
        rng,
        [
            table,
            pl.DataFrame(table.to_dict("list")),
            table.convert_dtypes(),
            table.drop(columns="w"),
            anything(rng),
        ],
    )
    column = pick(rng, ["id", "t", "v", "w", None, "nope", odd_scalar(rng)])
    made = data.as_sequences(X)
    functions = [
        lambda: call(
            Sequences,
            spoil(rng, flat),
            spoil(rng, offsets),
            feature_names=pick(rng, [None, ["a"], anything(rng)]),
        ),
        lambda: call(Sequences.from_lengths, spoil(rng, flat), spoil(rng, np.diff(offsets))),
        lambda: call(
            Sequences.from_padded,
            spoil(rng, rng.standard_normal((3, 4, 2))),
            spoil(rng, pick(rng, [None, [1, 2, 4]]), 0.3),
            padding_value=pick(rng, [None, 0.0, odd_scalar(rng)]),
        ),
        lambda: call(Sequences.from_aeon, spoil(rng, X)),
        lambda: call(
            Sequences.from_long,
            table,
            pick(rng, ["id", column]),
            value_columns=pick(rng, [None, "v", ["v"], "w", ["v", "w"], anything(rng)]),
            sort_by=pick(rng, [None, "t", column]),
        ),
        lambda: call(
            made.to_padded,
            pick(rng, [0.0, "a", odd_scalar(rng)]),
            n_steps=pick(rng, [None, 4, -1, 1.5, "a", -(10**400)]),
        ),
        lambda: call(
            made.with_values, spoil(rng, flat), feature_names=pick(rng, [None, ["a"], anything(rng)])
        ),
        lambda: call(partial(_take, made), anything(rng)),
        lambda: call(
            data.as_sequences,
            spoil(rng, X),
            padding_value=pick(rng, [None, 0.0, NAN, odd_scalar(rng)]),
            allow_nan=pick(rng, [False, True]),
            allow_empty=pick(rng, [False, True]),
        ),
        lambda: call(data.as_column, spoil(rng, X)),
        lambda: call(data.is_ragged, spoil(rng, X)),
        lambda: call(
            data.flatten_steps,
            spoil(rng, [x[:, 0] if np.ndim(x) > 1 else x for x in X]),
            spoil(rng, np.diff(offsets), 0.3),
        ),
    ]
    pick(rng, functions)()


def _take(sequences, key):
    try:
        return sequences[key]
    except IndexError:  # which is what Python asks of it
        return None


def fuzz_problem(rng):
    name = pick(rng, [name for name in datasets.__all__ if name.startswith(("make", "reber"))])
    function = getattr(datasets, name)
    options = {
        "n_sequences": [3, 0, -1, 2.5, "a", None, -(10**400)],
        "n_steps": [10, (1, 5), (5, 1), 0, -1, "a", None, (1, 2, 3), -(10**400)],
        "delay": [2, 0, -1, "a", 1.5],
        "n_symbols": [3, 0, 1, "a"],
        "per_step": [True, False, "a", None],
        "bio": [True, False, "a"],
        "embedded": [True, False, "a"],
        "random_state": [0, -1, "a", 2**40],
        "string": ["BTXSE", "", "x", None, 3, odd_scalar(rng)],
    }
    call(function, **{n: pick(rng, options[n]) for n in inspect.signature(function).parameters})


SUBJECTS = [
    *[partial(fuzz_sequence_estimator, cls=RNNClassifier, task="labels")] * 3,
    *[partial(fuzz_sequence_estimator, cls=RNNRegressor, task="numbers")] * 3,
    *[partial(fuzz_sequence_estimator, cls=RNNTagger, task="step labels")] * 3,
    *[fuzz_seq2seq] * 3,
    *[fuzz_language_model] * 2,
    *[fuzz_forecaster] * 3,
    *[fuzz_transformer] * 4,
    *[fuzz_metric] * 3,
    *[fuzz_container] * 3,
    fuzz_problem,
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of polars' own, at odd cells
def test_fuzz(fuzz_case):
    rng = np.random.default_rng(fuzz_case)
    before = world()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd data is warned of, and with good reason
        pick(rng, SUBJECTS)(rng)
    assert world() == before


# What raised something else once


def with_gradient(values):
    return torch.as_tensor(values, dtype=torch.float32).requires_grad_()


X = [[[0.0], [1.0]], [[2.0]], [[3.0], [4.0], [5.0]]]


def cells(*rows):
    """Make an array of objects of what NumPy would look into."""
    made = np.empty((len(rows), len(rows[0])), dtype=object)
    for place in np.ndindex(made.shape):
        made[place] = rows[place[0]][place[1]]
    return made


SERIES = np.sin(np.arange(20.0))
KNOWN = {
    "y of no numbers": lambda: RNNRegressor(**TINY).fit(X, np.zeros((3, 0))),
    "y of no numbers a step": lambda: RNNRegressor(**TINY).fit(
        X, [np.zeros((2, 0)), np.zeros((1, 0)), np.zeros((3, 0))]
    ),
    "copied numbers": lambda: RNNSeq2Seq(copy_mechanism=True, **TINY).fit(X, X),
    "a huge number in X": lambda: RNNRegressor(**TINY).fit([[[10**400]], [[1]]], [0, 1]),
    "a huge number in an array": lambda: RNNRegressor(**TINY).fit(np.array([[10**400, 1]] * 3), [0, 1, 2]),
    "a huge number in y": lambda: RNNRegressor(**TINY).fit(X, [0, 1, 10**400]),
    "a huge number in y of steps": lambda: RNNRegressor(**TINY).fit(X, [[0, 1], [10**400], [1, 2, 3]]),
    "a huge weight": lambda: RNNRegressor(**TINY).fit(X, [0, 1, 2], sample_weight=[1, 1, 10**400]),
    "a huge class weight": lambda: RNNClassifier(class_weight={0: 10**400}, **TINY).fit(X, [0, 1, 0]),
    "a huge learning rate": lambda: RNNRegressor(learning_rate=10**400, **TINY).fit(X, [0, 1, 2]),
    "a huge network": lambda: RNNRegressor(**TINY | {"hidden_size": 10**30}).fit(X, [0, 1, 2]),
    "a huge number of steps": lambda: preprocessing.SequenceTruncator(10**30).fit(X),
    "a huge condition": lambda: RNNLanguageModel(**TINY).fit(["ab", "c"], condition=[[10**400], [1]]),
    "an index with gradient": lambda: Sequences(["a"], [0, 1])[with_gradient([0.0])],
    "a huge temperature": lambda: RNNLanguageModel(**TINY).fit(["ab", "c"]).sample(temperature=10**400),
    "lengths with gradient": lambda: Sequences.from_lengths(["a", "b"], with_gradient([1, 1])),
    "values with gradient": lambda: Sequences(with_gradient([[1.0]]), [0, 1]),
    "padded sequences with gradient": lambda: Sequences.from_padded(with_gradient([[1.0]]), padding_value=0),
    "classes with gradient": lambda: RNNClassifier(**TINY).partial_fit(
        X, [0, 1, 0], classes=with_gradient([0, 1])
    ),
    "categories with gradient": lambda: preprocessing.SequenceOneHotEncoder(
        categories=[with_gradient([1])]
    ).fit(["a"]),
    "groups with gradient": lambda: RNNRegressor(**TINY).fit(
        X, [0, 1, 2], validation_groups=with_gradient([1, 2, 1])
    ),
    "a huge horizon": lambda: preprocessing.SlidingWindow(2, horizon=10**30).make_windows(SERIES),
    "a huge number to take padding from": lambda: (
        preprocessing.SequencePadder()
        .fit(X)
        .inverse_transform(np.array([[[1.0], [10**400], [0]]], dtype=object))
    ),
    "a huge padding": lambda: preprocessing.SequencePadder(padding_value=10**400).fit(X),
    "a huge number in a metric": lambda: metrics.step_r2_score([[1.0, 2.0]], [[1.0, 10**400]]),
    "labels with gradient": lambda: RNNClassifier(**TINY).fit(X, with_gradient([0, 1, 0])),
    "labels of steps with gradient": lambda: RNNTagger(**TINY).fit(
        X, [with_gradient(np.zeros(len(x))) for x in X]
    ),
    "numbers with gradient": lambda: RNNRegressor(**TINY).fit(X, with_gradient([0, 1, 0])),
    "weights with gradient": lambda: RNNRegressor(**TINY).fit(
        X, [0, 1, 0], sample_weight=with_gradient([1, 1, 1])
    ),
    "weights with gradient in lists": lambda: RNNRegressor(**TINY).fit(
        X, [0, 1, 0], sample_weight=pd.Series([[with_gradient([1])], [1], [2]])
    ),
    "a condition with gradient": lambda: RNNLanguageModel(**TINY).fit(
        ["ab", "c"], condition=with_gradient([1, 2])
    ),
    "metric of numbers with gradient": lambda: metrics.step_r2_score([[1.0, 2.0]], [with_gradient([1, 2])]),
    "weights of outputs that are 0": lambda: metrics.step_r2_score(
        [[[1.0, 2.0]] * 3], [[[1.0, 2.0]] * 3], multioutput=[0, 0]
    ),
    "names with gradient": lambda: (
        preprocessing.StepTransformer(StandardScaler()).fit(X).get_feature_names_out([with_gradient(0)])
    ),
    "a nested tensor as a text": lambda: (
        RNNLanguageModel(**TINY).fit(["ab", "c"]).score_samples(torch.nested.nested_tensor([torch.ones(2)]))
    ),
    "names of features in a nested tensor": lambda: data.as_sequences(X).with_values(
        np.ones((6, 1)), feature_names=torch.nested.nested_tensor([torch.ones(2)])
    ),
    "sources with gradient": lambda: (
        RNNSeq2Seq(**TINY).fit(np.eye(3), ["a", "b", "c"]).predict(with_gradient(np.eye(3)))
    ),
    "exogenous in a nested tensor": lambda: backtest(
        RNNForecaster(**TINY).fit(SERIES), SERIES, torch.nested.nested_tensor([torch.ones(2)])
    ),
    "a Decimal that is no number": lambda: (
        RNNClassifier(**TINY).fit(X, [0, 1, 0]).score(X, [decimal.Decimal("NaN"), 1, 0])
    ),
    "a mask that is no number": lambda: preprocessing.SequencePadder(masked=torch.ones(0)).fit(X),
    "a huge padding of padded sequences": lambda: Sequences.from_padded(
        np.ones((1, 2, 1)), padding_value=10**400
    ),
    "a tensor with gradient among labels": lambda: RNNClassifier(**TINY).fit(
        X, cells([0, 0, torch.ones(2, requires_grad=True)], [1, 1, 1], [0, 0, 0])
    ),
    "a huge padding of codes": lambda: Sequences.from_lengths([1, 2, 3], [1, 2]).to_padded(10**400),
    "a number of steps that is a tensor": lambda: backtest(
        RNNForecaster(**TINY), np.arange(30.0), cv=2, n_steps=torch.tensor(1j)
    ),
    "a tensor of two numbers as a label of a metric": lambda: metrics.edit_distance_rate(
        [[0, 1]], [[torch.ones(2), torch.ones(2)]]
    ),
    "a nested tensor as targets": lambda: RNNSeq2Seq(**TINY).fit(
        [[1], [2, 3]], torch.nested.nested_tensor([torch.tensor([0, 0]), torch.tensor([1])])
    ),
    "nested tensors among rows of targets": lambda: RNNRegressor(**TINY).fit(
        X, [torch.nested.nested_tensor([torch.ones(len(x))]) for x in X]
    ),
    "a nested tensor as the rows of a metric": lambda: metrics.step_accuracy_score(
        torch.nested.nested_tensor([torch.ones(2)]), [[1, 1]]
    ),
    "nested tensors as labels of a metric": lambda: metrics.exact_match_score(
        [[0, 1]], [[torch.nested.nested_tensor([torch.ones(1)])] * 2]
    ),
    "a masked offset": lambda: Sequences(
        np.ones((4, 0)), np.array([np.ma.masked, 3, 4], dtype=object), feature_names=["a"]
    ),
    "a series of dicts": lambda: RNNForecaster(**TINY).fit([{"a": 1}, {"a": 2}]),
    "an object without axes": lambda: RNNRegressor(**TINY).fit(np.array(None, dtype=object), [0]),
    "y that is an object without axes": lambda: RNNTagger(**TINY).fit(X, np.array(None, dtype=object)),
    "a switch that is an array": lambda: RNNRegressor(warm_start=np.zeros(2), **TINY).fit(X, [0, 1, 2]),
    "a transformer that is none": lambda: preprocessing.StepTransformer(None).transform(X),
    "features of no estimator": lambda: preprocessing.SequenceFeatures(None).transform(X),
    "nested tensors": lambda: preprocessing.SlidingWindow(1).make_inputs(
        torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    ),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("what", KNOWN)
def test_refuses(what):
    with pytest.raises((ValueError, TypeError)) as caught:
        KNOWN[what]()
    assert len(str(caught.value)) > 20


def test_a_memoryview_of_words_is_an_array():
    words = np.array([["to", "be"], ["or", "not"]])
    model = RNNClassifier(**TINY).fit(memoryview(words), [0, 1])
    assert model.vocabulary_.tolist() == ["be", "not", "or", "to"]


def test_a_memoryview_of_series_is_an_array():
    series = np.arange(60.0).reshape(3, 10, 2)
    model = RNNForecaster(**TINY).fit(memoryview(series))
    assert model.n_features_in_ == 2


def test_a_memoryview_is_an_array():
    X = np.arange(6.0).reshape(3, 2)
    model = RNNRegressor(**TINY).fit(memoryview(X), [0, 1, 2])
    assert (model.predict(memoryview(X)) == model.predict(X)).all()


def test_refused_windows_change_nothing():
    window = preprocessing.SlidingWindow(1)
    with pytest.raises(ValueError, match="NaN at step 2, which would be a target"):
        window.make_windows(np.array([1.0, 2.0, NAN, 4.0]))
    assert vars(window) == vars(preprocessing.SlidingWindow(1))


def test_a_training_that_fails_leaves_the_net_as_it_was():
    rng = np.random.default_rng(0)
    model = RNNForecaster(**TINY).set_params(max_iter=2).fit(rng.normal(size=(2, 9, 2)))
    before, X = digest(vars(model)), rng.normal(size=(2, 9, 2))
    X[0, 3, 1] = 1e308
    with pytest.raises(ValueError, match="the loss is inf"):
        model.partial_fit(X)
    assert digest(vars(model)) == before
    X, y = [[0.0], [1.0], [2.0]], [0, 1, 0]
    model = RNNClassifier(scoring="exact_match", warm_start=True, **TINY).fit(X, y)
    before = digest(vars(model))
    with pytest.raises(ValueError, match="scoring='exact_match' fails"):
        model.fit(X, y, X_val=X, y_val=y)
    assert digest(vars(model)) == before
