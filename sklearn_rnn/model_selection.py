"""Evaluation of forecasts: backtests from one origin after another."""

from numbers import Integral

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit, check_cv
from sklearn.utils import Bunch

from sklearn_rnn.data.parameters import check_count
from sklearn_rnn.data.problems import reading
from sklearn_rnn.data.series import is_one_series, read_series

__all__ = ["backtest"]


def backtest(forecaster, X, exogenous=None, *, n_steps=None, cv=5):
    """Fit a forecaster on the past and evaluate its forecasts by the number of steps ahead.

    In each fold a clone is fitted on the training steps. It forecasts `n_steps` from their end, and then from
    each step of the test part, which is known by then, without another fit. The errors of persistence, the
    forecast that nothing changes, are returned for comparison.

    Parameters
    ----------
    forecaster : RNNForecaster
        The forecaster, which is cloned. Any estimator with its `fit` and `predict_rolling` can be used.
    X : one series
        See `RNNForecaster.fit`.
    exogenous : like `X`, optional
        Features that are known ahead, a row for each step.
    n_steps : int, optional
        Number of steps of a forecast; by default the forecaster's `horizon`.
    cv : int, splitter or iterable of splits, default=5
        A splitter whose training and test parts are runs of steps, the test part last; or the number of folds
        of `sklearn.model_selection.TimeSeriesSplit`. With a `gap`, forecasts read the steps between, but the
        forecaster is not trained on them.

    Returns
    -------
    Bunch
        mean_absolute_error : ndarray of shape (n_folds, n_steps) or (n_folds, n_steps, n_features)
            Error of forecasts 1, 2, ... steps ahead: the mean over those forecasts of a fold all of whose
            steps are in the test part.
        persistence : ndarray of the same shape
            The error of the forecast that nothing changes, at the same steps.
        n_forecasts : ndarray of int of shape (n_folds,)
            Number of forecasts.

    Raises
    ------
    ValueError, TypeError
        If X is not one series, or a part of a split is not a run of steps; and what `fit` raises.

    See Also
    --------
    sklearn.model_selection.cross_val_score : Returns a number per fold, that of `RNNForecaster.score`: the
        negative mean of these errors.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import TimeSeriesSplit
    >>> from sklearn_rnn import RNNForecaster
    >>> from sklearn_rnn.model_selection import backtest
    >>> series = np.sin(np.arange(300) / 4)
    >>> forecaster = RNNForecaster(horizon=3, hidden_size=16, random_state=0)
    >>> errors = backtest(forecaster, series, cv=TimeSeriesSplit(2))
    >>> errors.mean_absolute_error.shape, errors.n_forecasts
    ((2, 3), array([98, 98]))
    >>> bool((errors.mean_absolute_error < errors.persistence).all())
    True
    """
    if not is_one_series(X):
        raise ValueError(
            "X must be one series, which is split in time: an array, a Series or a DataFrame. For several "
            "see cross_val_score, whose splitters set whole series aside."
        )
    n_steps = forecaster.horizon if n_steps is None else n_steps
    check_count("n_steps", n_steps)
    series, form = read_series(X)
    values = series.values[:, 0] if form.is_flat else series.values
    with reading("exogenous"):
        n_ahead = len(values) if exogenous is None else len(exogenous)
    if n_ahead != len(values):
        raise ValueError(f"exogenous has {n_ahead} steps, but there must be {len(values)} of the series.")
    found, naive, counts = [], [], []
    for train, test in (TimeSeriesSplit(cv) if isinstance(cv, Integral) else check_cv(cv)).split(values):
        begin, start, stop = train[0], test[0], test[-1] + 1
        _check_runs(train, test, n_steps)
        model = clone(forecaster).fit(*_cut(X, exogenous, begin, train[-1] + 1))
        seen, _, known = _cut(X, exogenous, begin, stop)
        forecasts = model.predict_rolling(seen, n_steps, known, start=int(start - begin))
        true = np.moveaxis(sliding_window_view(values[start:stop], n_steps, axis=0), -1, 1)
        true = true[: len(forecasts)]  # fewer, if they need exogenous features of more steps than n_steps
        last = values[start - 1 : start - 1 + len(true), np.newaxis]
        found.append(np.abs(forecasts - true).mean(axis=0))
        naive.append(np.abs(last - true).mean(axis=0))
        counts.append(len(true))
    return Bunch(
        mean_absolute_error=np.array(found), persistence=np.array(naive), n_forecasts=np.array(counts)
    )


def _cut(X, exogenous, begin, stop):
    """Return some steps of X, None for y, and the same steps of the exogenous features."""
    X, exogenous = (
        None if a is None else (a.iloc if hasattr(a, "iloc") else a)[begin:stop] for a in (X, exogenous)
    )
    return X, None, exogenous


def _check_runs(train, test, n_steps):
    is_run = all((np.diff(part) == 1).all() for part in (train, test))
    if not is_run or train[-1] >= test[0]:
        raise ValueError(
            "cv must yield runs of steps to train on, followed by steps to test on, such as TimeSeriesSplit; "
            "other splitters learn from what comes after the test."
        )
    if len(test) < n_steps:
        raise ValueError(
            f"cv yields test parts of {len(test)} step(s), too few for a forecast of {n_steps}; pass larger "
            f"ones, such as TimeSeriesSplit(test_size={10 * n_steps}), or a smaller n_steps."
        )
