"""The estimators, one per file; `base` holds their base class."""

from sklearn_rnn._names import publish
from sklearn_rnn.estimators.classifier import RNNClassifier as RNNClassifier
from sklearn_rnn.estimators.forecaster import RNNForecaster as RNNForecaster
from sklearn_rnn.estimators.language_model import RNNLanguageModel as RNNLanguageModel
from sklearn_rnn.estimators.regressor import RNNRegressor as RNNRegressor
from sklearn_rnn.estimators.seq2seq import RNNSeq2Seq as RNNSeq2Seq
from sklearn_rnn.estimators.tagger import RNNTagger as RNNTagger

__all__ = ["RNNClassifier", "RNNForecaster", "RNNLanguageModel", "RNNRegressor", "RNNSeq2Seq", "RNNTagger"]

publish(globals(), module="sklearn_rnn")
