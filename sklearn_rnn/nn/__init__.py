"""Recurrent networks as torch modules over packed batches."""

from sklearn_rnn._names import publish
from sklearn_rnn.nn.attention import ATTENTIONS as ATTENTIONS
from sklearn_rnn.nn.attention import AdditiveAttention as AdditiveAttention
from sklearn_rnn.nn.attention import Attention as Attention
from sklearn_rnn.nn.attention import DotAttention as DotAttention
from sklearn_rnn.nn.cells import CELLS as CELLS
from sklearn_rnn.nn.cells import Cell as Cell
from sklearn_rnn.nn.cells import ElmanCell as ElmanCell
from sklearn_rnn.nn.cells import GRUCell as GRUCell
from sklearn_rnn.nn.cells import JordanCell as JordanCell
from sklearn_rnn.nn.cells import LSTMCell as LSTMCell
from sklearn_rnn.nn.encoder_decoder import EncoderDecoder as EncoderDecoder
from sklearn_rnn.nn.encoder_decoder import EncoderDecoderSpec as EncoderDecoderSpec
from sklearn_rnn.nn.heads import HEADS as HEADS
from sklearn_rnn.nn.heads import AbsoluteErrorHead as AbsoluteErrorHead
from sklearn_rnn.nn.heads import CRFHead as CRFHead
from sklearn_rnn.nn.heads import GaussianHead as GaussianHead
from sklearn_rnn.nn.heads import Head as Head
from sklearn_rnn.nn.heads import LinearHead as LinearHead
from sklearn_rnn.nn.heads import MultiSoftmaxHead as MultiSoftmaxHead
from sklearn_rnn.nn.heads import QuantileHead as QuantileHead
from sklearn_rnn.nn.heads import SigmoidHead as SigmoidHead
from sklearn_rnn.nn.heads import SoftmaxHead as SoftmaxHead
from sklearn_rnn.nn.heads import StoppingHead as StoppingHead
from sklearn_rnn.nn.kernels.native.library import use_native as use_native
from sklearn_rnn.nn.network import LayersSpec as LayersSpec
from sklearn_rnn.nn.network import NetworkSpec as NetworkSpec
from sklearn_rnn.nn.network import RecurrentNetwork as RecurrentNetwork
from sklearn_rnn.nn.recurrence import Recurrence as Recurrence
from sklearn_rnn.nn.recurrence import StepRunner as StepRunner

__all__ = [
    "ATTENTIONS",
    "AbsoluteErrorHead",
    "AdditiveAttention",
    "Attention",
    "CELLS",
    "CRFHead",
    "Cell",
    "DotAttention",
    "ElmanCell",
    "EncoderDecoder",
    "EncoderDecoderSpec",
    "GRUCell",
    "GaussianHead",
    "HEADS",
    "Head",
    "JordanCell",
    "LSTMCell",
    "LayersSpec",
    "LinearHead",
    "MultiSoftmaxHead",
    "NetworkSpec",
    "QuantileHead",
    "Recurrence",
    "RecurrentNetwork",
    "SigmoidHead",
    "SoftmaxHead",
    "StepRunner",
    "StoppingHead",
    "use_native",
]

publish(globals())
