"""Batches without padding: which sequences go together, and their steps laid out for the time loop.

What is asked of a data set is written down in `protocol.py`: all of them are a `Dataset`, which yields the
batches of an epoch. Those in `datasets.py` are a `RowDataset`, whose rows may come in any order: validation
data are some rows (`subset`), and training data the others (`keep`). Those in `streams.py` are read in order,
with a state that goes on from batch to batch: validation data are the end (`set_end_aside`).
"""

from sklearn_rnn._names import publish
from sklearn_rnn.batches.packing import Packing as Packing

__all__ = ["Packing"]

publish(globals())
