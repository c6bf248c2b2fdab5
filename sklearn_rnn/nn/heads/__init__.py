"""Heads, one file each; `HEADS` holds them by name."""

from sklearn_rnn.nn.heads.absolute import AbsoluteErrorHead as AbsoluteErrorHead
from sklearn_rnn.nn.heads.base import Head as Head
from sklearn_rnn.nn.heads.crf import CRFHead as CRFHead
from sklearn_rnn.nn.heads.gaussian import GaussianHead as GaussianHead
from sklearn_rnn.nn.heads.linear import LinearHead as LinearHead
from sklearn_rnn.nn.heads.multi_softmax import MultiSoftmaxHead as MultiSoftmaxHead
from sklearn_rnn.nn.heads.quantile import QuantileHead as QuantileHead
from sklearn_rnn.nn.heads.sigmoid import SigmoidHead as SigmoidHead
from sklearn_rnn.nn.heads.softmax import SoftmaxHead as SoftmaxHead
from sklearn_rnn.nn.heads.stopping import StoppingHead as StoppingHead

HEADS = {
    "softmax": SoftmaxHead,
    "crf": CRFHead,
    "sigmoid": SigmoidHead,
    "multi_softmax": MultiSoftmaxHead,
    "linear": LinearHead,
    "stopping": StoppingHead,
    "absolute_error": AbsoluteErrorHead,
    "gaussian": GaussianHead,
    "quantile": QuantileHead,
}
