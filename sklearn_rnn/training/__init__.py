"""Training of a skorch net: the loop, early stopping, checkpoints; the one folder that knows skorch."""

from sklearn_rnn.training.callbacks import BestEpoch as BestEpoch
from sklearn_rnn.training.callbacks import Progress as Progress
from sklearn_rnn.training.callbacks import TokenProgress as TokenProgress
from sklearn_rnn.training.callbacks import name_callbacks as name_callbacks
from sklearn_rnn.training.checkpoint import open_checkpoint as open_checkpoint
from sklearn_rnn.training.devices import resolve_device as resolve_device
from sklearn_rnn.training.devices import resolve_dtype as resolve_dtype
from sklearn_rnn.training.early_stopping import train as train
from sklearn_rnn.training.holdout import check_groups as check_groups
from sklearn_rnn.training.holdout import split_rows as split_rows
from sklearn_rnn.training.net import SequenceNet as SequenceNet
from sklearn_rnn.training.net import make_net as make_net
from sklearn_rnn.training.optimizers import OPTIMIZERS as OPTIMIZERS
from sklearn_rnn.training.seeding import RandomStream as RandomStream
