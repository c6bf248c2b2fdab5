"""Scores for validation in training: the loss, the estimator's own score, or a scorer."""

import math
import numbers
import warnings

import numpy as np
from sklearn.utils import _safe_indexing

from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.metrics import get_scorer


class Given:
    """Sequences and targets in a form that scorers take, as a user could pass them.

    Parameters
    ----------
    X, y : any form that `fit` takes
        Sequences and their targets.
    sample_weight : array or ragged list, optional
        Weights of the sequences, or of the steps.
    rows : ndarray of int, optional
        Indices of the sequences that are trained on. By default all.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.scoring import Given
    >>> Given(["to", "be", "or"], [1, 2, 3], rows=np.array([0, 2])).select(np.array([1])).X
    ['or']
    """

    def __init__(self, X, y=None, sample_weight=None, rows=None):
        self.X = X
        self.y = y
        self.sample_weight = sample_weight
        self.rows = rows

    def select(self, rows):
        """Return some of the rows that are trained on, or a slice of a text, which has no rows."""
        if isinstance(self.X, str):
            return Given(self.X[rows])
        if not hasattr(self.X, "__len__"):
            raise ValueError(
                "A callable scoring needs a text in memory: as a str, not as a file or an iterator."
            )
        rows = rows if self.rows is None else self.rows[rows]
        parts = []
        for part in (self.X, self.y, self.sample_weight):
            if isinstance(part, memoryview):
                part = np.asarray(part)
            is_one = part is None or isinstance(part, numbers.Number)  # a weight for all
            parts.append(
                part if is_one else part[rows] if isinstance(part, Sequences) else _safe_indexing(part, rows)
            )
        return Given(*parts)


def apply_scorer(scoring, estimator, given):
    """Score an estimator on data that it was not trained on.

    Parameters
    ----------
    scoring : str, callable or None
        A name for `metrics.get_scorer`, a scorer, or None for the `score` of the estimator.
    estimator : estimator
        Called with `X` of `given`.
    given : Given
        Sequences and targets. Weights are passed on if there are any.

    Returns
    -------
    float
        Larger is better.

    Raises
    ------
    ValueError
        If the score is not a number, or NaN.

    Examples
    --------
    >>> from sklearn_rnn.estimators.scoring import Given, apply_scorer
    >>> apply_scorer(lambda estimator, X, y: 0.5, None, Given([], []))
    0.5
    """
    weights = {} if given.sample_weight is None else {"sample_weight": given.sample_weight}
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for example that the network has not learnt much yet
        if scoring is None:
            return estimator.score(given.X, given.y, **weights)
        try:
            score = scorer(estimator, given.X, given.y, **weights)
        except (AttributeError, TypeError, ValueError) as error:
            reason = str(error).rstrip(".")
            raise ValueError(
                f"scoring={scoring!r} fails on the validation data: {reason}. It must be called as "
                "scorer(estimator, X, y) and suit what the estimator predicts; a metric becomes a scorer by "
                "sklearn.metrics.make_scorer, or has a name in sklearn_rnn.metrics.get_scorer_names()."
            ) from error
    try:
        value = math.nan if np.ndim(score) or isinstance(score, str) else float(score)
    except TypeError:
        value = math.nan
    if math.isnan(value):
        raise ValueError(
            f"scoring={scoring!r} must return a number, got {score!r} on the validation data. Validate on "
            "more (validation_fraction, X_val), or choose another scoring."
        )
    return value
