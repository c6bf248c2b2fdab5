"""Transformers of sequences: any scikit-learn transformer applied to steps, and padding."""

from sklearn_rnn.preprocessing.padder import SequencePadder as SequencePadder
from sklearn_rnn.preprocessing.steps import StepTransformer as StepTransformer

__all__ = ["SequencePadder", "StepTransformer"]
