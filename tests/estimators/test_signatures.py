"""The estimators share most parameters: one rule, one default and one description each."""

import inspect
import re

import pytest

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
)
from sklearn_rnn.estimators.parameters import RULES

CLASSES = [RNNClassifier, RNNForecaster, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNTagger]
# What some have their own words or defaults for. The language model reads tokens only, and a stream in
# chunks; with RNNSeq2Seq these are the encoder's, or of pairs; the forecaster cuts windows.
OWN = {
    RNNForecaster: {
        "loss",
        "quantiles",
        "batch_size",
        "dtype",
        "early_stopping",
        "scoring",
        "validation_fraction",
    },
    RNNLanguageModel: {
        "cell",
        "hidden_size",
        "embedding_size",
        "max_iter",
        "batch_size",
        "bptt_steps",
        "early_stopping",
        "scoring",
        "validation_fraction",
        "dtype",
        "verbose",
        "vocabulary",
        "handle_unknown",
    },
    RNNSeq2Seq: {
        "cell",
        "hidden_size",
        "num_layers",
        "bidirectional",
        "embedding_size",
        "batch_size",
        "early_stopping",
        "scoring",
        "vocabulary",
    },
}


def describe(cls):
    """Text of each parameter in the class's docstring."""
    section = inspect.getdoc(cls).split("Parameters\n----------\n")[1].split("\n\nAttributes\n")[0]
    entries = re.split(r"\n(?=\w+ : )", section)
    return {entry.split(" : ")[0]: entry for entry in entries}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_parameter_is_described_with_its_default(cls):
    described = describe(cls)
    parameters = inspect.signature(cls).parameters
    assert list(described) == list(parameters)
    for name, parameter in parameters.items():
        head = described[name].splitlines()[0].replace('"', "'")
        if parameter.default is None:
            assert head.endswith((", optional", "default=None"))
        elif name == "tol":
            assert head.endswith("default=1e-4")
        else:
            assert head.endswith(f"default={parameter.default!r}")


@pytest.mark.parametrize("cls", CLASSES)
def test_every_parameter_has_a_rule_that_its_default_keeps(cls):
    estimator = cls()
    estimator._check_parameters()
    assert set(estimator.get_params()) <= set(RULES) | set(cls._extra_rules)


def test_shared_parameters_are_described_alike():
    names = set().union(*(describe(cls) for cls in CLASSES)) - {"head", "pooling", "class_weight"}
    for name in names:
        sharing = [cls for cls in CLASSES if name in describe(cls) and name not in OWN.get(cls, ())]
        assert len({describe(cls)[name] for cls in sharing}) <= 1, name
        assert len({inspect.signature(cls).parameters[name].default for cls in sharing}) <= 1, name
