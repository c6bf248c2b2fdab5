"""Series to forecast: their scales, what is known of them ahead, and their ends, which forecasts continue."""

from types import SimpleNamespace

import numpy as np

from sklearn_rnn.data.checks import check_names, check_width
from sklearn_rnn.data.problems import Problems
from sklearn_rnn.data.sequences import Sequences, step_positions
from sklearn_rnn.data.series import check_dates, read_series
from sklearn_rnn.encoding.numbers import measure, measure_prefixes


class SeriesEncoder:
    """Converts series, and what is known of their steps ahead, to what a forecaster reads.

    Parameters
    ----------
    scaling : {"series", "global"} or None
        See `RNNForecaster`.
    context_length : int
        Number of steps at the end of a series that are kept.
    n_ahead : int
        Number of steps that a network predicts at once.

    Attributes
    ----------
    is_one, is_flat : bool
        Whether training had one series; whether its steps were numbers, without an axis of features.
    n_known : int
        Number of features that are known ahead.
    known_names : ndarray of str, or None
        Their names.
    mean, scale, known_mean, known_scale : ndarray of shape (n_features,)
        Means and standard deviations over all training series.
    means, scales : ndarray of shape (n_series, n_features)
        What is subtracted from the values of each training series, and what they are then divided by.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNForecaster
    >>> from sklearn_rnn.encoding.series import SeriesEncoder
    >>> encoder = SeriesEncoder("global", context_length=2, n_ahead=1)
    >>> series, is_one = encoder.read(np.array([1.0, 3.0, 5.0]), None, RNNForecaster(), reset=True)
    >>> encoder.learn(series, None, is_one)
    >>> encoder.remember(series, None)
    >>> encoder.mean, encoder.recent[0].tolist()
    (array([3.]), [[3.0], [5.0]])
    """

    known_names = known_mean = known_scale = None

    def __init__(self, scaling, context_length, n_ahead):
        self.scaling, self.context_length, self.n_ahead = scaling, context_length, n_ahead
        self.n_known = 0

    def read(self, X, exogenous, owner, *, reset=False):
        """Return series, and whether they are one.

        Parameters
        ----------
        X : one series, or several
            See `RNNForecaster.fit`.
        exogenous : like X, or None
            What is known ahead; its dates must be those of X.
        owner : estimator
            Stores the names and the number of features.
        reset : bool, default=False
            Whether these are the first data.

        Returns
        -------
        series : Sequences
            Numbers.
        is_one : bool
            Whether X was one series.
        """
        series, form = read_series(X)
        check_dates(X, exogenous, form.is_one)
        check_names(series, owner, reset=reset)
        if reset:
            owner.n_features_in_ = series.n_features
            self.is_flat = form.is_flat
        check_width(series, owner.n_features_in_, owner)
        return series, form.is_one

    def read_known(self, exogenous, lengths, is_one, n_ahead=0, *, reset=False):
        """Return what is known ahead of series, and of `n_ahead` more steps; None without any.

        Parameters
        ----------
        exogenous : like X, or None
            See `RNNForecaster.fit`.
        lengths : ndarray of int of shape (n_series,)
            Number of steps of each series.
        is_one : bool
            Whether one series was passed.
        n_ahead : int, default=0
            Number of steps after each series for which there must be a row.
        reset : bool, default=False
            Whether these are the first data.

        Returns
        -------
        Sequences or None
            Numbers.

        Raises
        ------
        ValueError
            If there are other features than in training, or too few or many rows.
        """
        if exogenous is None and (reset or not self.n_known):
            return None
        if exogenous is None:
            what = "a row for each step to come" if n_ahead else "a row for each step of the series"
            raise ValueError(
                f"exogenous is missing: training had {self.n_known} feature(s) that are known ahead, "
                f"and {what} is needed. (In scikit-learn's tools this requires metadata routing: "
                "set_fit_request(exogenous=True), set_score_request(exogenous=True).)"
            )
        if not reset and not self.n_known:
            raise ValueError("exogenous is passed, but training had none; leave it out.")
        known, form = read_series(exogenous, "exogenous")
        if form.is_one != is_one:
            needed = "one array or DataFrame, as X is" if is_one else "a list with one array a series"
            raise ValueError(f"exogenous must be {needed}.")
        if len(known) != len(lengths):
            raise ValueError(f"exogenous holds {len(known)} series, but there are {len(lengths)}.")
        self._check_known_names(known, reset)
        self._check_known_lengths(known, lengths, is_one, n_ahead)
        return known

    def _check_known_names(self, known, reset):
        names = SimpleNamespace()
        if reset:
            self.n_known = known.n_features
            check_names(known, names, reset=True)
            self.known_names = vars(names).get("feature_names_in_")
        elif self.known_names is not None:
            names.feature_names_in_ = self.known_names
            check_names(known, names, reset=False)
        if known.n_features != self.n_known:
            raise ValueError(f"exogenous has {known.n_features} features, but training had {self.n_known}.")

    def _check_known_lengths(self, known, lengths, is_one, n_ahead):
        problems = Problems("exogenous")
        for i in np.flatnonzero(known.lengths != lengths + n_ahead):
            parts = [f"{lengths[i]} of the series"] * bool(lengths[i])
            parts += [f"{n_ahead} to come"] * bool(n_ahead)
            why = f" (strategy='direct' looks horizon={n_ahead} ahead)" * (n_ahead == self.n_ahead > 1)
            problems.add(
                None if is_one else i,
                f"has {known.lengths[i]} steps, but there must be {' and '.join(parts)}{why}.",
            )
        problems.raise_if_any()

    def learn(self, series, known, is_one, weights=None):
        """Learn means and scales.

        Parameters
        ----------
        series, known : Sequences, or None for `known`
            The training series, and what is known ahead.
        is_one : bool
            Whether they are one series.
        weights : ndarray of shape (n_series,), optional
            Weights of the series.
        """
        self.is_one = is_one
        rows = None if weights is None else np.repeat(weights, series.lengths)
        self.mean, self.scale = measure(series.values, rows, "X")
        if known is not None:
            self.known_mean, self.known_scale = measure(known.values, rows, "exogenous")

    def remember(self, series, known):
        """Store the scales and the ends of the training series, which forecasts continue."""
        self.means, self.scales = self.find_scales(series)
        ends = _last_steps(series, self.context_length)
        self._ends, self._end_lengths = ends.values, ends.lengths
        self._known_ends = None if known is None else _last_steps(known, self.context_length).values

    @property
    def recent(self):
        """The ends of the training series."""
        return Sequences.from_lengths(self._ends, self._end_lengths)

    @property
    def recent_known(self):
        """What was known ahead at the ends of the training series; None without any."""
        return None if self._known_ends is None else self.recent.with_values(self._known_ends)

    def encode_known(self, known):
        """Return what is known ahead as a network reads it, (n_steps_total, n_known); None without any."""
        if known is None or self.scaling is None:
            return None if known is None else known.values.astype(np.float32, copy=False)
        return ((known.values - self.known_mean) / self.known_scale).astype(np.float32)

    def find_scales(self, series, prefixes=None):
        """Return the means and scales of series, or of several prefixes of each: (n, n_features).

        Parameters
        ----------
        series : Sequences
            Series.
        prefixes : list of sequence of int, optional
            Numbers of steps, for each series; by default all steps.

        Returns
        -------
        means, scales : ndarray of shape (n, n_features)
            What is subtracted from values, and what they are then divided by.
        """
        prefixes = [[n] for n in series.lengths] if prefixes is None else prefixes
        shape = sum(map(len, prefixes)), len(self.mean)
        if self.scaling == "series" and not self.is_one:
            found = [measure_prefixes(x, stops) for x, stops in zip(series, prefixes, strict=True)]
            return tuple(map(np.concatenate, zip(*found, strict=True)))
        if self.scaling is None:
            return np.zeros(shape), np.ones(shape)
        return np.broadcast_to(self.mean, shape), np.broadcast_to(self.scale, shape)

    def encode(self, series, known):
        """Return whole series as a network reads them.

        Parameters
        ----------
        series, known : Sequences, or None for `known`
            Series, and what is known of their steps and of the next `n_ahead`.

        Returns
        -------
        Sequences of float32
            For each step its features, and what is known of the steps after it.
        """
        means, scales = (np.repeat(a, series.lengths, axis=0) for a in self.find_scales(series))
        inputs = (series.values - means) / scales
        if known is not None:
            at = step_positions(known.offsets[:-1], series.lengths)
            after = at[:, np.newaxis] + np.arange(1, self.n_ahead + 1)
            inputs = np.hstack([inputs, self.encode_known(known)[after].reshape(len(at), -1)])
        return Sequences(inputs.astype(np.float32), series.offsets)


def append_steps(series, more):
    """Append to each series the steps after it.

    Parameters
    ----------
    series, more : Sequences
        Series, and as many continuations.

    Returns
    -------
    Sequences
        The longer series.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.encoding.series import append_steps
    >>> append_steps(as_sequences([[1.0], [5.0]]), as_sequences([[2.0, 3.0], [6.0]]))[0].tolist()
    [[1.0], [2.0], [3.0]]
    """
    lengths = series.lengths + more.lengths
    first = np.cumsum(lengths) - lengths
    values = np.empty((lengths.sum(), series.n_features), dtype=np.result_type(series.values, more.values))
    values[step_positions(first, series.lengths)] = series.values
    values[step_positions(first + series.lengths, more.lengths)] = more.values
    return Sequences.from_lengths(values, lengths)


def _last_steps(series, size):
    """Return a copy of the ends of series."""
    lengths = np.minimum(series.lengths, size)
    ends = series.values[step_positions(series.offsets[1:] - lengths, lengths)]
    return Sequences.from_lengths(ends, lengths)
