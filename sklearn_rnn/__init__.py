"""Recurrent neural networks as scikit-learn estimators, on sequences of different lengths."""

import importlib

__version__ = "0.1.0.dev0"

# The module of each public name. Names are imported on first use, so that `import sklearn_rnn` is fast.
_PUBLIC = {
    "RNNClassifier": "sklearn_rnn.estimators.classifier",
    "RNNForecaster": "sklearn_rnn.estimators.forecaster",
    "RNNLanguageModel": "sklearn_rnn.estimators.language_model",
    "RNNRegressor": "sklearn_rnn.estimators.regressor",
    "RNNSeq2Seq": "sklearn_rnn.estimators.seq2seq",
    "RNNTagger": "sklearn_rnn.estimators.tagger",
    "Sequences": "sklearn_rnn.data.sequences",
    "show_versions": "sklearn_rnn._show_versions",
}
_SUBPACKAGES = (
    "data",
    "datasets",
    "estimators",
    "inspection",
    "metrics",
    "model_selection",
    "nn",
    "persistence",
    "preprocessing",
    "training",
)

__all__ = [
    "RNNClassifier",
    "RNNForecaster",
    "RNNLanguageModel",
    "RNNRegressor",
    "RNNSeq2Seq",
    "RNNTagger",
    "Sequences",
    "__version__",
    "show_versions",
]


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"sklearn_rnn.{name}")
    raise AttributeError(f"module 'sklearn_rnn' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_SUBPACKAGES])
