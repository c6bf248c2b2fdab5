"""Data forms: the container, the functions that read every form of data, and batches."""

from sklearn_rnn._names import publish
from sklearn_rnn.data.reading import as_column as as_column
from sklearn_rnn.data.reading import as_sequences as as_sequences
from sklearn_rnn.data.sequences import Sequences as Sequences
from sklearn_rnn.data.targets import flatten_steps as flatten_steps
from sklearn_rnn.data.targets import is_ragged as is_ragged

__all__ = ["Sequences", "as_column", "as_sequences", "flatten_steps", "is_ragged"]

publish(globals(), ["Sequences"], module="sklearn_rnn")
publish(globals())
