"""Displays of fitted estimators."""

from sklearn_rnn.inspection.loss_curve import LossCurveDisplay as LossCurveDisplay

__all__ = ["LossCurveDisplay"]
