"""Recurrent cells, one file each; `CELLS` holds them by name."""

from sklearn_rnn.nn.cells.base import NONLINEARITIES as NONLINEARITIES
from sklearn_rnn.nn.cells.base import Cell as Cell
from sklearn_rnn.nn.cells.elman import ElmanCell as ElmanCell
from sklearn_rnn.nn.cells.gru import GRUCell as GRUCell
from sklearn_rnn.nn.cells.jordan import JordanCell as JordanCell
from sklearn_rnn.nn.cells.lstm import LSTMCell as LSTMCell

CELLS = {"elman": ElmanCell, "jordan": JordanCell, "lstm": LSTMCell, "gru": GRUCell}
