"""Windows of long series, and the targets after them."""

import numbers

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator

from sklearn_rnn.data.hints import warn_of_float32
from sklearn_rnn.data.parameters import check_count, suggest
from sklearn_rnn.data.problems import Problems, check_not_masked, reading
from sklearn_rnn.data.sequences import find_first_steps
from sklearn_rnn.data.series import check_dates, is_one_series, read_one_or_several
from sklearn_rnn.data.targets import flatten_steps
from sklearn_rnn.persistence import Versioned
from sklearn_rnn.preprocessing.base import unchanged_on_error


class SlidingWindow(Versioned, BaseEstimator):
    """Cut long series into windows, with the values after each as its target.

    Windows are sequences of equal length, targets are the values of features some steps after the end of the
    window, or labels or numbers that are passed for each step. The windows' groups, or `gap`, keep steps from
    being both learnt from and tested on.

    Parameters
    ----------
    size : int
        Number of steps of a window.
    horizon : int or sequence of int, default=1
        Number of steps from the last step of a window to its target. 1 is the next step; 0, the last step
        itself, is for targets passed as `y`. With several horizons, a window has several targets.
    target : int, str or list of these, optional
        The features to predict: their numbers, or their names if X has names (DataFrames, `Sequences` of a
        table). By default all. Not used if `y` is passed.
    stride : int, default=1
        Number of steps from the start of a window to the start of the next.
    block_size : int, optional
        Cut each series into blocks of this many steps first. No window crosses a border, its targets
        included, so that blocks have no step in common. The rest at the end of a series becomes a smaller
        block.

    Attributes
    ----------
    gap : int
        The `gap` with which no step is both in training and in test in
        `sklearn.model_selection.TimeSeriesSplit`, targets included.
    groups_ : ndarray of int of shape (n_windows,)
        The block of each window, numbered through all series; without `block_size`, the series. For
        `sklearn.model_selection.GroupKFold` and similar splitters. This and the following attributes are
        those of the last call.
    series_ : ndarray of int of shape (n_windows,)
        The series of each window.
    starts_ : ndarray of int of shape (n_windows,)
        The step of its series that each window starts at. Its target is at step ``starts_ + size - 1 +
        horizon``.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : Learn from the past, test on the future.
    sklearn.model_selection.GroupKFold : Test on blocks or series that were not learnt from.

    Notes
    -----
    This is not a transformer and cannot be part of a pipeline, as it returns more rows than it takes. Cut
    first, then fit and cross-validate a pipeline on the windows; scalers belong in that pipeline.

    One array or DataFrame with two axes is one series here, (n_steps, n_features), while the estimators read
    it as series of one feature.

    NaN, for a missing value, passes through to the windows, where a later transformer of the pipeline may
    impute it. A target cannot be missing.

    Overlapping windows share steps: a random split of them, such as `KFold` with ``shuffle=True``, tests on
    what was learnt.

    Examples
    --------
    The next value of a series, learnt from 12 values and tested on later ones:

    >>> import numpy as np
    >>> from sklearn.model_selection import TimeSeriesSplit, cross_val_score
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.preprocessing import SlidingWindow
    >>> series = np.sin(np.arange(300) / 3)
    >>> window = SlidingWindow(12)
    >>> X, y = window.make_windows(series)
    >>> X.shape, y.shape
    ((288, 12, 1), (288,))
    >>> model = RNNRegressor(max_iter=20, random_state=0)
    >>> scores = cross_val_score(model, X, y, cv=TimeSeriesSplit(3, gap=window.gap))
    >>> bool(scores.min() > 0.9)
    True

    What comes after the last window:

    >>> model.fit(X, y).predict(window.make_inputs(series)[-1:]).shape
    (1,)

    Labels of steps, and blocks that share no step:

    >>> is_rising = np.diff(series, prepend=0) > 0
    >>> window = SlidingWindow(4, horizon=0, block_size=100)
    >>> X, y = window.make_windows(series, is_rising)
    >>> np.unique(window.groups_, return_counts=True)
    (array([0, 1, 2]), array([97, 97, 97]))
    """

    def __init__(self, size, *, horizon=1, target=None, stride=1, block_size=None):
        self.size = size
        self.horizon = horizon
        self.target = target
        self.stride = stride
        self.block_size = block_size

    @property
    def gap(self):
        """The gap between training and test windows with which they have no common step."""
        self._check_parameters()
        return -(-(self.size + max(self._horizons())) // self.stride) - 1

    @unchanged_on_error
    def make_windows(self, X, y=None):
        """Cut series into windows, and return the target of each.

        Parameters
        ----------
        X : one series, or several
            One: array (n_steps, n_features) or (n_steps,), or a DataFrame, one row a step. Several, which may
            differ in length: list or object array of these, `Sequences`, or array
            (n_series, n_steps, n_features).
        y : array of shape (n_steps,) or (n_steps, n_outputs), or list of these, optional
            Targets of the steps, of any type; for several series, one array each (or one value, which is used
            at all of its steps). By default the features that `target` names.

        Returns
        -------
        windows : ndarray of float32 or float64 of shape (n_windows, size, n_features)
            All windows whose targets exist, series after series. They are float32 if it represents X exactly.
        targets : ndarray of shape (n_windows,) or (n_windows, n_targets)
            Two axes if there are several horizons, or several values per step: the values at the first
            horizon, then those at the second. Features have the dtype of the windows.

        Raises
        ------
        ValueError
            If a series is too short for a window with its targets, does not have one target per step, or
            holds infinity; if a feature that is a target is NaN; or if a parameter is invalid. One message
            names all series.
        TypeError
            If X is not a series, or a parameter has the wrong type.
        """
        self._check_parameters()
        series, is_one = _read(X, y)
        horizons = self._horizons()
        if y is None:
            if min(horizons) == 0:
                raise ValueError(
                    "horizon=0 is the last step of the window itself, where its own features are not a "
                    "target; pass y, or a horizon of at least 1."
                )
            values = series.values[:, self._find_target(series.n_features, series.feature_names)]
        else:
            values = _flatten_target(y, series, is_one)
        at = self._place(series, max(horizons), is_one)
        steps = at[:, np.newaxis] + self.size - 1 + np.array(horizons)  # (n, n_horizons)
        targets = values[steps]  # (n, n_horizons, ...)
        if y is None:
            _refuse_nan(targets, steps, series, is_one)
        targets = targets[:, 0] if np.ndim(self.horizon) == 0 else targets
        return self._cut(series, at), targets.reshape(len(at), -1) if targets.ndim > 2 else targets

    @unchanged_on_error
    def make_inputs(self, X):
        """Cut series into windows without targets, including those whose targets are not known yet.

        Parameters
        ----------
        X : one series, or several
            As in `make_windows`.

        Returns
        -------
        windows : ndarray of float32 or float64 of shape (n_windows, size, n_features)
            Windows up to the end of each series (with `block_size`, of each block).

        Raises
        ------
        ValueError, TypeError
            As in `make_windows`; a series must be at least as long as one window.
        """
        self._check_parameters()
        series, is_one = _read(X)
        return self._cut(series, self._place(series, 0, is_one))

    def __sklearn_tags__(self):
        """Describe the tool to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def _horizons(self):
        with reading("horizon"):
            return [self.horizon] if np.ndim(self.horizon) == 0 else list(self.horizon)

    def _check_parameters(self):
        check_count("size", self.size)
        check_count("stride", self.stride)
        horizons = self._horizons()
        if not horizons:
            raise ValueError("horizon is empty; pass at least one number of steps.")
        for horizon in horizons:
            check_count("horizon", horizon, minimum=0)
        if self.block_size is not None:
            check_count("block_size", self.block_size)
            needed = self.size + max(horizons)
            if self.block_size < needed:
                raise ValueError(
                    f"block_size={self.block_size} is too small: a window of {self.size} steps with its "
                    f"targets up to {max(horizons)} after it needs {needed}."
                )

    def _find_target(self, n_features, names):
        """Return the number of the feature to predict, or an array of several."""
        wanted = self.target
        if wanted is None:
            return 0 if n_features == 1 else np.arange(n_features)
        if isinstance(wanted, (list, tuple, np.ndarray)):
            if len(wanted) == 0:
                raise ValueError("target is empty; name at least one feature.")
            return np.array([_find_feature(one, n_features, names) for one in wanted], dtype=np.int64)
        return _find_feature(wanted, n_features, names)

    def _place(self, series, reach, is_one):
        """Return where in the flat steps of all series each window starts, and store its block."""
        lengths, needed = series.lengths, self.size + reach
        self._check_lengths(lengths, reach, is_one)
        size = self.block_size or lengths.max()  # without blocks, a series is one
        block_series, block_number = _count_off(-(-lengths // size))
        first = block_number * size  # the step of its series that a block starts at
        n_steps = np.minimum(size, lengths[block_series] - first)
        block, number = _count_off(np.maximum(0, (n_steps - needed) // self.stride + 1))
        self.groups_ = block
        self.series_ = block_series[block]
        self.starts_ = first[block] + number * self.stride
        return series.offsets[self.series_] + self.starts_

    def _check_lengths(self, lengths, reach, is_one):
        what = f"of {self.size} steps" + (f" with its targets up to {reach} after it" if reach else "")
        advice = (
            "make size or horizon smaller." if is_one else "leave it out, or make size or horizon smaller."
        )
        problems = Problems("X", is_one=is_one)
        for i in np.flatnonzero(lengths < self.size + reach):
            problems.add(
                i, f"has {lengths[i]} steps, but a window {what} needs {self.size + reach}; {advice}"
            )
        problems.raise_if_any()

    def _cut(self, series, at):
        views = sliding_window_view(series.values, self.size, axis=0)  # (n, n_features, size), without a copy
        return views.transpose(0, 2, 1)[at]


def _read(X, y=None):
    """Read series and return whether X was a single one; the dates of `y` must be those of X."""
    is_one = not isinstance(X, (list, tuple)) and is_one_series(X)
    if is_one or isinstance(X, (list, tuple)):
        check_dates(X, y if is_one or isinstance(y, (list, tuple)) else None, is_one, ahead="y")
    series, form = read_one_or_several(X, is_one)
    if series.is_tokens:
        kind = "str" if form.kind == "text tokens" else "integer"
        raise ValueError(
            f"X holds {kind} tokens, but SlidingWindow needs numbers. If integers are measurements, make "
            "them float: X = [np.asarray(x, dtype=float) for x in X]."
        )
    warn_of_float32(series.values)
    return series, is_one


def _refuse_nan(targets, steps, series, is_one):
    """Raise an error for NaN in targets (n, n_horizons, ...), which are features at these flat steps."""
    is_nan = np.isnan(targets).reshape(*steps.shape, -1).any(axis=2)
    if not is_nan.any():
        return
    is_marked = np.zeros(len(series.values), dtype=bool)
    is_marked[steps[is_nan]] = True
    problems = Problems("X", is_one=is_one)
    for i, step, _ in find_first_steps(is_marked, series.offsets):
        problems.add(
            i, f"has NaN at step {step}, which would be a target; impute the series before, or pass y."
        )
    problems.raise_if_any()


def _flatten_target(y, series, is_one):
    """Lay targets out like the steps of all series."""
    check_not_masked(y, "y")
    if not is_one:
        return flatten_steps(y, series.lengths)
    n_steps = len(series.values)
    with reading("y"):
        y = np.asarray(y)
    if y.ndim == 0 or len(y) != n_steps:
        raise ValueError(
            f"y has the shape {y.shape}, but X has {n_steps} steps; a series needs one target a step."
        )
    return y


def _find_feature(wanted, n_features, names):
    if isinstance(wanted, numbers.Integral) and not isinstance(wanted, (bool, np.bool_)):
        if not -n_features <= wanted < n_features:
            raise ValueError(f"target={wanted} is not a feature: X has {n_features}, numbered from 0.")
        return int(wanted)
    if names is None:
        raise TypeError(
            f"target must be the number of a feature, but it is {wanted!r}. Names are for X whose features "
            "have names, all of them str: DataFrames, or what Sequences.from_long makes of one."
        )
    if wanted not in names:
        guess = suggest(wanted, names) or f" They are {list(names)}."
        raise ValueError(f"target={wanted!r} is not a feature of X.{guess}")
    return names.index(wanted)


def _count_off(counts):
    """Return the group of each element of groups of the given sizes, and its number in the group."""
    group = np.repeat(np.arange(len(counts)), counts)
    return group, np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
