"""Transformers of sequences: any scikit-learn transformer applied to steps, and padding."""

from sklearn_rnn._names import publish
from sklearn_rnn.preprocessing.features import SequenceFeatures as SequenceFeatures
from sklearn_rnn.preprocessing.onehot import SequenceOneHotEncoder as SequenceOneHotEncoder
from sklearn_rnn.preprocessing.padder import SequencePadder as SequencePadder
from sklearn_rnn.preprocessing.steps import StepTransformer as StepTransformer
from sklearn_rnn.preprocessing.tokens import TokenEncoder as TokenEncoder
from sklearn_rnn.preprocessing.truncator import SequenceTruncator as SequenceTruncator
from sklearn_rnn.preprocessing.windows import SlidingWindow as SlidingWindow

__all__ = [
    "SequenceOneHotEncoder",
    "SequenceFeatures",
    "SequencePadder",
    "SequenceTruncator",
    "SlidingWindow",
    "StepTransformer",
    "TokenEncoder",
]

publish(globals())
