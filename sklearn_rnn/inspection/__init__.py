"""Displays of fitted estimators."""

from sklearn_rnn._names import publish
from sklearn_rnn.inspection.attention import AttentionDisplay as AttentionDisplay
from sklearn_rnn.inspection.loss_curve import LossCurveDisplay as LossCurveDisplay
from sklearn_rnn.inspection.surprisal import SurprisalDisplay as SurprisalDisplay

__all__ = ["AttentionDisplay", "LossCurveDisplay", "SurprisalDisplay"]

publish(globals())
