"""What `fit` learns about the form of the data, with its inverse."""

from sklearn_rnn._names import publish
from sklearn_rnn.encoding.condition import ConditionEncoder as ConditionEncoder
from sklearn_rnn.encoding.inputs import InputEncoder as InputEncoder
from sklearn_rnn.encoding.labels import SequenceLabelEncoder as SequenceLabelEncoder
from sklearn_rnn.encoding.labels import StepLabelEncoder as StepLabelEncoder
from sklearn_rnn.encoding.numbers import NumberEncoder as NumberEncoder
from sklearn_rnn.encoding.pairs import NumberTargetEncoder as NumberTargetEncoder
from sklearn_rnn.encoding.pairs import SourceEncoder as SourceEncoder
from sklearn_rnn.encoding.pairs import TokenTargetEncoder as TokenTargetEncoder
from sklearn_rnn.encoding.series import SeriesEncoder as SeriesEncoder
from sklearn_rnn.encoding.texts import TextEncoder as TextEncoder
from sklearn_rnn.encoding.vocabulary import Vocabulary as Vocabulary

# Files of estimators name these classes.
ENCODERS = [
    "ConditionEncoder",
    "InputEncoder",
    "NumberEncoder",
    "NumberTargetEncoder",
    "SequenceLabelEncoder",
    "SeriesEncoder",
    "SourceEncoder",
    "StepLabelEncoder",
    "TextEncoder",
    "TokenTargetEncoder",
    "Vocabulary",
]
publish(globals(), ENCODERS)
