"""Training on a skorch net: the one place that knows skorch."""

from sklearn_rnn.training.callbacks import AsFar as AsFar
from sklearn_rnn.training.callbacks import BestEpoch as BestEpoch
from sklearn_rnn.training.callbacks import Progress as Progress
from sklearn_rnn.training.callbacks import TokenProgress as TokenProgress
from sklearn_rnn.training.callbacks import choose_to_repeat as choose_to_repeat
from sklearn_rnn.training.callbacks import copy_callbacks as copy_callbacks
from sklearn_rnn.training.callbacks import name_callbacks as name_callbacks
from sklearn_rnn.training.checkpoint import Checkpoint as Checkpoint
from sklearn_rnn.training.devices import resolve_device as resolve_device
from sklearn_rnn.training.devices import resolve_dtype as resolve_dtype
from sklearn_rnn.training.net import SequenceNet as SequenceNet
from sklearn_rnn.training.net import make_net as make_net
from sklearn_rnn.training.optimizers import OPTIMIZERS as OPTIMIZERS
from sklearn_rnn.training.seeding import RandomStream as RandomStream
