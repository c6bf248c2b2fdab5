"""Forecasts of the next steps of series of numbers."""

import copy
import numbers
import warnings

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._names import renamed
from sklearn_rnn.batches.datasets import WindowDataset
from sklearn_rnn.batches.planning import plan_prediction
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.data.hints import warn_of_float32, warn_of_scale
from sklearn_rnn.data.parameters import check_bool, check_count
from sklearn_rnn.data.problems import Problems, find_caller
from sklearn_rnn.data.sequences import step_positions
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.encoding.series import SeriesEncoder, append_steps
from sklearn_rnn.estimators.base import BaseRNN, TrainingData
from sklearn_rnn.estimators.parameters import FORECAST, read_levels
from sklearn_rnn.estimators.sampling import Streams, make_key
from sklearn_rnn.estimators.scoring import Given, apply_scorer
from sklearn_rnn.nn.kernels.choose import threads_for
from sklearn_rnn.nn.kernels.threads import fair_threads
from sklearn_rnn.nn.roll_out import roll_out

_OVERLAP = 8  # largest number of training windows that contain a step


# Parameters of the estimator that are those of its network.
_OF_NETWORK = ("cell", "hidden_size", "num_layers", "nonlinearity", "dropout")


class RNNForecaster(BaseRNN):
    """Forecaster: the next steps of one series, or of each of several.

    It learns from windows of the series; at each step of a window the target is the next step (or the next
    `horizon` steps). All features of the series are predicted; features that are known ahead, such as the day
    of the year, are passed separately as `exogenous`.

    Parameters
    ----------
    horizon : int, default=1
        Default number of steps that `predict` returns and `score` evaluates; with ``strategy="direct"`` the
        number of steps that the network predicts at once, and so the largest possible number.
    strategy : {"recursive", "direct"}, default="recursive"
        "recursive" predicts the next step and reads its own prediction to continue, for any number of steps;
        "direct" predicts all `horizon` steps at once.
    distribution : {"point", "gaussian", "quantile"}, default="point"
        What the network predicts for a step: a number; a mean and a standard deviation; or `quantiles`.
    quantiles : sequence of float, default=(0.1, 0.5, 0.9)
        Levels of the quantiles. Only for ``distribution="quantile"``.
    loss : {"squared_error", "absolute_error"}, default="squared_error"
        The loss of a point: the first leads to the mean, the second to the median. Only for
        ``distribution="point"``.
    context_length : int, default=64
        Largest number of steps that are read before a forecast, and of steps of a window in training.
    scaling : {"global", "series"} or None, default="global"
        Mean that is subtracted from the values and standard deviation by which they are divided: those of all
        series together, or those of each series. A model of one series keeps those of training in either
        case. None for series that are already scaled.
    cell : {"elman", "jordan", "lstm", "gru"} or Cell subclass, default="gru"
        Type of the recurrent cell. A class derived from `sklearn_rnn.nn.Cell` is used unchanged.
    hidden_size : int, default=64
        Width H of the recurrent state.
    num_layers : int, default=1
        Number of recurrent layers, stacked.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        Activation function of the hidden layer, for cells that take one: Elman's and Jordan's.
    dropout : float in [0, 1), default=0.0
        Probability with which a number passed from one layer to the next (embedding, recurrent layers, output
        layer) is set to zero in training.
    max_iter : int, default=50
        Number of epochs.
    batch_size : int or "all", default=32
        Number of windows in a batch.
    learning_rate : float, default=0.003
        Step size of the optimizer.
    optimizer : {"adam", "adamw", "nadam", "radam", "adagrad", "rmsprop", "sgd"} or callable, default="adam"
        A name, or a class of `torch.optim` (options bound to it with `functools.partial`). "sgd" has a
        Nesterov momentum of 0.9, as in `sklearn.neural_network.MLPClassifier`.
    weight_decay : float, default=0.0
        Strength of the optimizer's weight decay.
    max_grad_norm : float or None, default=1.0
        Gradients with a larger Euclidean norm are scaled down to it. None for no limit.
    early_stopping : bool, default=False
        Whether to set the last `validation_fraction` of the steps of each series aside and to stop when
        `scoring` on them has not improved by `tol` for `n_iter_no_change` epochs. The network is then trained
        again from scratch on all steps, up to the last epoch that was nearly as good as the best, and until
        the training loss is as small as it was then; see the user guide. With `callbacks` that do more than
        observe, the weights of the best epoch, `best_epoch_`, are restored instead. A single epoch is trained
        on all steps.
    scoring : str, callable or None, default="loss"
        The score that `early_stopping` monitors and `validation_scores_` holds: "loss", the negative loss;
        None, the negative mean absolute error of forecasts of `horizon` steps, as in `score`; the name of a
        scorer of scikit-learn, such as "r2"; or a callable ``scorer(estimator, X, y)``, as `make_scorer`
        returns it: ``estimator.predict(X)`` returns the forecasts of `horizon` steps from each step that is
        set aside, of shape (n_forecasts * horizon, n_features), and `y` holds the true values.
    validation_fraction : float in (0, 1), default=0.1
        Share of the steps set aside by `early_stopping`. Of series that are too short no steps are set aside.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which `early_stopping` stops. On small data sets it also
        waits for 300 updates of the weights without improvement.
    tol : float, default=1e-4
        An improvement of the validation score by less than this does not count.
    warm_start : bool, default=False
        Whether a further call of `fit` continues to train the network for another `max_iter` epochs.
    device : str or torch.device, default="auto"
        Device to compute on. "auto" is a GPU if there is one and this is not a worker process, else the CPU.
    dtype : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        Type of the weights and of all computation. "float64" is slower and meant for comparisons. "bfloat16"
        is mixed precision on a GPU: the recurrent kernels compute with 16 bits, everything else with 32.
        "auto" is "bfloat16" on a GPU with hardware support for it, else "float32".
    callbacks : list of skorch.callbacks.Callback, optional
        For example `skorch.callbacks.LRScheduler`. Callbacks are copied, but not the objects that they hold;
        the copies are in ``net_.callbacks_``.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random: weights, dropout, the order of batches, the validation split. The
        global random states are neither read nor changed.
    verbose : int, default=0
        1 shows a progress bar if training takes longer than a moment, 2 prints a line per epoch.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of the features over all training series.
    n_features_in_ : int
        Number of features of a series, all of which are predicted.
    feature_names_in_ : ndarray of str
        Names of the features. Defined only after a fit on DataFrames, or on `Sequences` with names, if all
        names are str.
    n_exogenous_in_ : int
        Number of exogenous features; 0 without `exogenous`.
    exogenous_names_in_ : ndarray of str
        Names of the exogenous features, under the same conditions.
    n_iter_, loss_curve_, best_loss_, validation_scores_, history_, module_, net_
        See `RNNRegressor`. Losses are those of the scaled series; a validation score is the negative loss.

    See Also
    --------
    sklearn_rnn.model_selection.backtest : Errors by the number of steps ahead, and those of persistence.
    sklearn_rnn.preprocessing.SlidingWindow : Windows of long series, for targets other than the next steps.
    RNNRegressor : Other numbers for each sequence, or for each step.

    Notes
    -----
    A list of series and an array with three axes are several series. Anything else is one series, so that
    `sklearn.model_selection.TimeSeriesSplit` splits it in time. Steps are read in their order; an index of
    dates is only checked: dates must increase, none may occur twice, and those of `X` and `exogenous` must
    agree; a warning is issued if some are missing among regular ones. The network computes with float32,
    which has seven digits, but values are scaled in float64 before. Several features are predicted side by
    side: given the steps that were read, draws of `sample_paths` are independent between the features of one
    step.

    References
    ----------
    Salinas, D., Flunkert, V., Gasthaus, J. and Januschowski, T. (2020). DeepAR: probabilistic forecasting
    with autoregressive recurrent networks. International Journal of Forecasting 36(3).
    Ben Taieb, S., Bontempi, G., Atiya, A. and Sorjamaa, A. (2012). A review and comparison of strategies for
    multi-step ahead time series forecasting. Expert Systems with Applications 39(8).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNForecaster
    >>> series = np.sin(np.arange(300) / 4)
    >>> model = RNNForecaster(hidden_size=16, context_length=32, random_state=0).fit(series)
    >>> bool(np.abs(model.predict(n_steps=8) - np.sin(np.arange(300, 308) / 4)).max() < 0.2)
    True

    After another series, and two of them at once:

    >>> model.predict(series[:100], 3).shape, model.predict([series[:100], series[:40]], 3).shape
    ((3,), (2, 3))

    Paths for tomorrow and the day after, from a predicted distribution:

    >>> days = np.arange(400)
    >>> season = np.column_stack([np.sin(days / 10), np.cos(days / 10)])
    >>> noise = np.random.RandomState(0).randn(400)
    >>> model = RNNForecaster(distribution="gaussian", hidden_size=16, max_iter=10, random_state=0)
    >>> model = model.fit(season[:300, 0] + noise[:300], exogenous=season[:300])
    >>> model.sample_paths(n_steps=2, exogenous=season[300:302], n_samples=50, random_state=0).shape
    (50, 2)
    """

    _extra_rules = FORECAST
    _per_step = True

    @renamed(clip_norm="max_grad_norm", output="distribution")
    def __init__(
        self,
        *,
        horizon=1,
        strategy="recursive",
        distribution="point",
        quantiles=(0.1, 0.5, 0.9),
        loss="squared_error",
        context_length=64,
        scaling="global",
        cell="gru",
        hidden_size=64,
        num_layers=1,
        nonlinearity="tanh",
        dropout=0.0,
        max_iter=50,
        batch_size=32,
        learning_rate=0.003,
        optimizer="adam",
        weight_decay=0.0,
        max_grad_norm=1.0,
        early_stopping=False,
        scoring="loss",
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        device="auto",
        dtype="float32",
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self._store(locals())

    def fit(self, X, y=None, exogenous=None, sample_weight=None):
        """Train on one series, or on several.

        Parameters
        ----------
        X : one series, or several
            - array of shape (n_steps,) or a Series: one series of one feature;
            - array of shape (n_steps, n_features) or a DataFrame: one series of several features;
            - list of these, array of shape (n_series, n_steps, n_features), or `Sequences`: several series,
              which may differ in length.
        y : None
            Ignored, with a warning: X itself is predicted.
        exogenous : like `X`, optional
            Features that are known ahead, one row for each step of `X`, such as a calendar, a plan or a
            price. One array or DataFrame for one series, a list for several. If a model was fitted with it,
            all its methods require it.
        sample_weight : array of shape (n_series,), optional
            Weights of the series.

        Returns
        -------
        RNNForecaster
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, `X`, `exogenous` or a weight is not valid, or a series is too short; the estimator
            is then unchanged.
        """
        return self._fit(X, y, exogenous, sample_weight, goes_on=self.warm_start, epochs=self.max_iter)

    def partial_fit(self, X, y=None, exogenous=None, sample_weight=None):
        """Train for one more epoch, from where training stopped.

        Parameters
        ----------
        X, y, exogenous, sample_weight
            See :meth:`fit`. `predict` continues the series of the last call; `mean_` and `scale_` are those
            of the first.

        Returns
        -------
        RNNForecaster
            The estimator itself.
        """
        return self._fit(X, y, exogenous, sample_weight, goes_on=True, epochs=1)

    def _encode_training(self, X, y, exogenous, sample_weight, *, reset, epochs):
        """Learn the form of the series if `reset`, else check it, and return data sets; see `fit`."""
        _warn_of_target(y)
        if reset:
            settings = self._begun
            n_ahead = settings["horizon"] if settings["strategy"] == "direct" else 1
            encoder = SeriesEncoder(settings["scaling"], settings["context_length"], n_ahead)
        else:
            encoder = copy.copy(self.input_encoder_)
        self.input_encoder_ = encoder
        series, is_one = encoder.read(X, exogenous, self, reset=reset)
        if not reset and is_one != encoder.is_one:
            raise ValueError("X must be one series, or a list of series, as in the first fit.")
        known = encoder.read_known(exogenous, series.lengths, is_one, reset=reset)
        weights = check_sample_weight(sample_weight, series.lengths, per_step=False)
        self._check_lengths(series, is_one)
        if reset:
            encoder.learn(series, known, is_one, weights)
            self._warn_of_scale(series, known)
        encoder.remember(series, known)
        everything = self._make_datasets(series, known, weights)[0]
        dataset, held_out, given = everything, None, None
        if self.early_stopping and epochs > 1:
            dataset, held_out, given = self._make_datasets(series, known, weights, is_held_out=True)
        return TrainingData(dataset, held_out, given=given, everything=everything)

    @property
    def _n_ahead(self):
        """Number of steps that the network predicts at once."""
        return self.input_encoder_.n_ahead

    @property
    def mean_(self):
        """Mean of each feature over all training series."""
        return self._learnt("input_encoder_", "mean")

    @property
    def scale_(self):
        """Standard deviation of each feature over all training series."""
        return self._learnt("input_encoder_", "scale")

    @property
    def n_exogenous_in_(self):
        """Number of exogenous features."""
        return self._learnt("input_encoder_", "n_known")

    @property
    def exogenous_names_in_(self):
        """Names of the exogenous features."""
        return self._learnt("input_encoder_", "known_names")

    # Reading

    def _check_lengths(self, series, is_one):
        problems, needed = Problems("X"), self._n_ahead + 1
        for i in np.flatnonzero(series.lengths < needed):
            why = "" if needed == 2 else f" with strategy='direct' and horizon={needed - 1}"
            advice = ["leave it out"] * (not is_one) + ["make horizon smaller"] * (needed > 2)
            problems.add(
                None if is_one else i,
                f"has {series.lengths[i]} step(s), but training{why} takes at least {needed}"
                + (f"; {', or '.join(advice)}." if advice else "."),
            )
        problems.raise_if_any()

    def _warn_of_scale(self, series, known):
        if self._begun["scaling"] is not None:
            warn_of_float32(series.values)
            if known is not None:
                warn_of_float32(known.values, "exogenous")
            return
        advice = "Set scaling='global', or 'series'; None is for series that are scaled already."
        for name, read in (("X", series), ("exogenous", known)):
            if read is not None:
                warn_of_scale(read.values, advice, names=read.feature_names, name=name)

    # Windows

    def _make_datasets(self, series, known, weights, *, is_held_out=False):
        """Return windows for training and, with early stopping, for validation; and forecasts for scorers."""
        ahead, size = self._n_ahead, self._begun["context_length"]
        stride = -(-size // _OVERLAP)
        first, scaled = series.offsets[:-1], self.input_encoder_.encode_known(known)
        used = np.arange(len(series)) if weights is None else np.flatnonzero(weights)
        n_inputs = series.lengths - ahead
        n_held = np.zeros_like(n_inputs)
        if is_held_out:
            n_held = np.maximum(1, np.round(self.validation_fraction * n_inputs).astype(np.int64))
            n_held[n_inputs - n_held - ahead + 1 < 1] = 0
            if not n_held[used].any():
                raise ValueError(
                    f"early_stopping with validation_fraction={self.validation_fraction} leaves nothing to "
                    f"train on: the longest series has {series.lengths.max()} steps. Pass longer ones, or "
                    "set early_stopping=False."
                )
        # No validation step is a target in training.
        n_train = np.where(n_held, n_inputs - n_held - ahead + 1, n_inputs)

        def cut(stops, judged=None):
            """Return windows that end before these steps of each series."""
            row = np.repeat(used, list(map(len, stops)))
            ends = np.concatenate(stops)
            lengths = np.minimum(ends, size)
            w = None if weights is None else weights[row]
            return WindowDataset(
                series.values,
                scaled,
                first[row] + ends - lengths,
                lengths,
                self.input_encoder_.means[row],
                self.input_encoder_.scales[row],
                ahead,
                # Only their ratios count.
                weights=None if w is None else w * lengths.sum() / (w * lengths).sum(),
                judged=judged,
            )

        dataset = cut([_count_down(n_train[i], min(n_train[i], size), stride) for i in used])
        used = used[n_held[used] > 0]
        if not len(used):
            return dataset, None, None
        before = n_inputs - n_held
        stops = [_count_down(n_inputs[i], before[i] + 1, stride) for i in used]
        judged = [np.diff(ends, prepend=before[i]) for i, ends in zip(used, stops, strict=True)]
        given = self._plan_judged(series, known, before + 1, used) if self.scoring != "loss" else None
        return dataset, cut(stops, np.concatenate(judged)), given

    def _describe_network(self):
        head, n_outputs = self._choose_head()
        return {name: getattr(self, name) for name in _OF_NETWORK} | {
            "pooling": None,
            "input_size": self.n_features_in_ + self.n_exogenous_in_ * self._n_ahead,
            "head": head,
            "n_outputs": n_outputs,
        }

    def _choose_head(self):
        n_outputs = self.n_features_in_ * self._n_ahead
        if self.distribution == "quantile":
            return "quantile", (n_outputs, tuple(map(float, self._begun["quantiles"])))
        if self.distribution == "gaussian":
            return "gaussian", n_outputs
        return {"squared_error": "linear", "absolute_error": "absolute_error"}[self.loss], n_outputs

    def _plan_judged(self, series, known, first, used):
        """Return windows before the steps that are set aside, and the true values after each."""
        n_steps = self._begun["horizon"]
        last = series.lengths - n_steps
        is_used = np.isin(np.arange(len(series)), used) & (last > 0)
        stops = [
            np.arange(min(a, b), b + 1) if is_there else np.arange(0)
            for a, b, is_there in zip(first, last, is_used, strict=True)
        ]
        encoder = self.input_encoder_
        means, scales = (np.repeat(a, list(map(len, stops)), axis=0) for a in (encoder.means, encoder.scales))
        windows = self._make_windows(series, known, stops, means, scales)
        ends = windows.starts + windows.lengths
        came = windows.values[ends[:, np.newaxis] + np.arange(n_steps)]  # (n_windows, n_steps, n_features)
        return Given(windows, came.reshape(-1, self.n_features_in_))

    def _score_held_out(self, given, loss):
        if self.scoring == "loss":
            return super()._score_held_out(given, loss)
        forecasts = self._run(given.X, self._begun["horizon"])[:, 0].reshape(given.y.shape)
        if self.scoring is None:
            return -float(np.abs(forecasts - given.y).mean())
        return apply_scorer(self.scoring, _Forecasts(forecasts), given)

    # Forecasts

    def predict(self, X=None, n_steps=None, exogenous=None):
        """Predict the next steps of the training series, or of others.

        Parameters
        ----------
        X : one series, or several, optional
            Series to forecast; see :meth:`fit`. By default the training series: ``predict(n_steps=7)``. Only
            the last `context_length` steps are read, and with ``scaling="series"`` all steps for the scale.
        n_steps : int, optional
            Number of steps; by default `horizon`.
        exogenous : like in :meth:`fit`, optional
            After the training series: a row for each step to predict. With `X`: a row for each step of it,
            and for each step to predict. With ``strategy="direct"`` rows for `horizon` steps are needed in
            any case.

        Returns
        -------
        ndarray of shape (n_steps,) or (n_steps, n_features), or (n_series, n_steps[, n_features])
            There is an axis of features if the training series had one, and an axis of series for several.
            With ``distribution="gaussian"`` means, with ``distribution="quantile"`` medians; if all
            `quantiles` are on one side of 0.5, extrapolated on the line through the nearest two, or the
            quantile itself if there is only one.

        Raises
        ------
        ValueError, TypeError
            If `X` or `exogenous` does not match the training data, or more than `horizon` steps are requested
            with ``strategy="direct"``.
        """
        windows, n_steps, is_one = self._read_histories(X, n_steps, exogenous)
        return self._give(self._run(windows, n_steps)[:, 0], is_one)

    def predict_quantiles(
        self, X=None, n_steps=None, exogenous=None, *, quantiles=None, n_samples=200, random_state=None
    ):
        """Predict quantiles of the next steps: the values that they are below with these probabilities.

        With ``strategy="recursive"`` they are those of `n_samples` paths, separately for each step.

        Parameters
        ----------
        X, n_steps, exogenous
            See :meth:`predict`.
        quantiles : float or sequence of float, optional
            Levels between 0 and 1; by default those of the forecaster. With ``distribution="quantile"`` and
            ``strategy="direct"`` they must be between the lowest and the highest of these; other levels are
            interpolated.
        n_samples : int, default=200
            Number of paths.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. The draws for a series do not depend on the others.

        Returns
        -------
        ndarray of shape (n_quantiles, ...)
            The other axes are those of `predict`; there is no axis of quantiles for a single number. Of
            several series (n_series, n_quantiles, ...).

        Raises
        ------
        ValueError, TypeError
            As in `predict`; and if the forecaster predicts points.
        """
        self._check_has_spread("quantiles")
        if quantiles is None:
            quantiles = self._begun["quantiles"]
        is_single = np.ndim(quantiles) == 0
        levels = read_levels(quantiles)
        if self._begun["strategy"] == "recursive":
            paths, is_one = self._draw(X, n_steps, exogenous, n_samples, random_state, alike=True)
            found = np.moveaxis(np.quantile(paths, levels, axis=1), 0, 1)  # (n, n_quantiles, n_steps, F)
        else:
            learnt = self._begun["quantiles"]
            is_beyond = min(levels) < learnt[0] or max(levels) > learnt[-1]
            if self._begun["distribution"] == "quantile" and is_beyond:
                raise ValueError(
                    f"quantiles={quantiles!r} lie beyond {learnt}, which is what was learnt; fit with more "
                    "quantiles, with distribution='gaussian' or with strategy='recursive'."
                )
            windows, n_steps, is_one = self._read_histories(X, n_steps, exogenous)
            found = np.stack([self._run(windows, n_steps, level)[:, 0] for level in levels], axis=1)
        return self._give(found[:, 0] if is_single else found, is_one)

    def sample_paths(self, X=None, n_steps=None, exogenous=None, *, n_samples=100, random_state=None):
        """Draw paths of the next steps, each step given all before it.

        Parameters
        ----------
        X, n_steps, exogenous
            See :meth:`predict`.
        n_samples : int, default=100
            Number of paths for each series.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. The draws for a series do not depend on the others, except those with the same
            last `context_length` steps, which have different draws.

        Returns
        -------
        ndarray of shape (n_samples, n_steps) or (n_samples, n_steps, n_features)
            Of several series (n_series, n_samples, n_steps[, n_features]).

        Raises
        ------
        ValueError, TypeError
            As in `predict`; and if the forecaster predicts points, or all steps at once.

        Notes
        -----
        Between two learnt quantiles all values are equally likely, and beyond the outermost quantile as
        likely as between it and the next.
        """
        self._check_has_spread("paths")
        if self._begun["strategy"] != "recursive":
            raise ValueError(
                "strategy='direct' predicts the steps side by side, and not how one depends on another: "
                "there are no paths. Fit with strategy='recursive', or see predict_quantiles."
            )
        paths, is_one = self._draw(X, n_steps, exogenous, n_samples, random_state)
        return self._give(paths, is_one)

    def predict_rolling(self, X, n_steps=None, exogenous=None, *, start=None, after_training=False):
        """Predict from one step of a series after another, each time without reading the steps after it.

        Parameters
        ----------
        X : one series, or several
            See :meth:`fit`.
        n_steps : int, optional
            Number of steps of each forecast; by default `horizon`. Only forecasts whose steps are all in X
            are returned, so that they can be evaluated.
        exogenous : like in :meth:`fit`, optional
            A row for each step of `X`.
        start : int, optional
            Number of steps of X that are known to the first forecast, at least 1. By default
            `context_length`, or fewer to leave room for one forecast.
        after_training : bool, default=False
            Whether X follows immediately after the training series. These are known to the first forecast
            then, which begins at the first step of X; `start` must be left out.

        Returns
        -------
        ndarray of shape (n_forecasts, n_steps) or (n_forecasts, n_steps, n_features)
            Row i is the forecast of ``X[start + i : start + i + n_steps]``, where `start` is 0 with
            ``after_training=True``. Of several series, an object array of these.

        Raises
        ------
        ValueError, TypeError
            As in `predict`; and if a series is too short, or both `start` and `after_training` are passed.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_rnn import RNNForecaster
        >>> series = np.sin(np.arange(120) / 4)
        >>> model = RNNForecaster(hidden_size=8, max_iter=5, random_state=0).fit(series[:100])
        >>> model.predict_rolling(series[100:], 3, after_training=True).shape
        (18, 3)
        >>> model.predict_rolling(series, 3, start=100).shape
        (18, 3)
        """
        windows, n_steps, is_one, counts = self._plan_rolling(X, n_steps, exogenous, start, after_training)
        forecasts = self._run(windows, n_steps)[:, 0]
        forecasts = forecasts[..., 0] if self.input_encoder_.is_flat else forecasts
        return forecasts if is_one else object_array(np.split(forecasts, np.cumsum(counts)[:-1]))

    @fair_threads()
    def score(self, X, y=None, exogenous=None):
        """Return the negative mean absolute error of forecasts of `horizon` steps.

        Parameters
        ----------
        X : one series, or several
            One series, after a fit on one: the steps immediately after those of training. They are forecast
            from the end of training, then from each step of X, which is known by then. Otherwise other
            series, each forecast from its own steps, as in `predict_rolling`.
        y : None
            Ignored.
        exogenous : like in :meth:`fit`, optional
            A row for each step of `X`.

        Returns
        -------
        float
            At most 0, in the unit of the series; a mean over forecasts, steps and features, so that features
            in larger units count more. If X is shorter than `horizon`, forecasts are as long as X; but
            ``strategy="direct"`` with `exogenous` requires `horizon` steps.
        """
        check_is_fitted(self, "module_")
        n_steps, encoder = self._begun["horizon"], self.input_encoder_
        series, is_one = encoder.read(X, None, self)
        is_after = is_one and encoder.is_one
        if is_after:
            n_steps = min(n_steps, len(series.values))
        windows, n_steps, _, _ = self._plan_rolling(X, n_steps, exogenous, after_training=is_after)
        forecasts = self._run(windows, n_steps)[:, 0]
        ends = windows.starts + windows.lengths
        return -float(np.abs(forecasts - windows.values[ends[:, np.newaxis] + np.arange(n_steps)]).mean())

    def hidden_states(self, X, *, per_step=None, exogenous=None):
        """Return the hidden states of each step: what the output layer reads.

        Parameters
        ----------
        X : one series, or several
            See :meth:`fit`. They are read from their beginnings, however long they are.
        per_step : bool, optional
            Whether to return one vector per step, which is the default, or that of the last step of each
            series.
        exogenous : like in :meth:`fit`, optional
            A row for each step of `X` and for the next step; with ``strategy="direct"`` for the next
            `horizon` steps.

        Returns
        -------
        ndarray of float32 of shape (n_steps, D), or object array of these
            One array for one series. With ``per_step=False`` an array of shape (n_series, D).

        Raises
        ------
        TypeError
            If `per_step` is neither True, False nor None.
        """
        return self._hidden_states((X, exogenous), per_step)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the predicted features.

        Parameters
        ----------
        input_features : None
            Ignored: the names are those of the series.

        Returns
        -------
        ndarray of str of shape (n_features,)
            The names of the features, or x0, x1 and so on if they have none.
        """
        check_is_fitted(self, "module_")
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{k}" for k in range(self.n_features_in_)]
        return np.array(names, dtype=object)

    def _count_steps(self, n_steps):
        """Return the number of steps of a forecast."""
        check_is_fitted(self, "module_")
        horizon = self._begun["horizon"]
        n_steps = horizon if n_steps is None else n_steps
        check_count("n_steps", n_steps)
        if self._begun["strategy"] == "direct" and n_steps > horizon:
            raise ValueError(
                f"strategy='direct' with horizon={horizon} predicts {horizon} step(s) at most, but n_steps "
                f"is {n_steps}; fit with a larger horizon, or with strategy='recursive'."
            )
        return int(n_steps)

    def _check_has_spread(self, what):
        check_is_fitted(self, "module_")
        distribution = self._begun["distribution"]
        if distribution == "point":
            raise ValueError(
                f"distribution='point' predicts a number and not how certain it is: there are no {what}. Fit "
                "with distribution='gaussian' or distribution='quantile'."
            )

    def _read_histories(self, X, n_steps, exogenous):
        """Return a window at the end of each series, the number of steps, and whether X is one series."""
        if isinstance(X, numbers.Integral):
            raise TypeError(
                f"X must be a series, but it is the number {X}; pass a number of steps as n_steps={X}."
            )
        n_steps = self._count_steps(n_steps)
        encoder = self.input_encoder_
        reach = max(n_steps, encoder.n_ahead)
        if X is None:
            series, is_one = encoder.recent, encoder.is_one
            known = encoder.read_known(exogenous, np.zeros(len(series), dtype=np.int64), is_one, reach)
            known = None if known is None else append_steps(encoder.recent_known, known)
            means, scales = encoder.means, encoder.scales
        else:
            series, is_one = encoder.read(X, exogenous, self)
            known = encoder.read_known(exogenous, series.lengths, is_one, reach)
            means, scales = encoder.find_scales(series)
        stops = series.lengths[:, np.newaxis]
        return self._make_windows(series, known, stops, means, scales), n_steps, is_one

    def _plan_rolling(self, X, n_steps, exogenous, start=None, after_training=False):
        """Return windows for `predict_rolling`, n_steps, whether X is one series, and the window counts."""
        n_steps = self._count_steps(n_steps)
        check_bool("after_training", after_training)
        check_count("start", start, optional=True)
        if after_training and start is not None:
            raise ValueError(
                f"start={start} is a number of steps of X that are known, but with after_training=True the "
                "training series are known, and none of X; leave one of them out."
            )
        encoder = self.input_encoder_
        series, is_one = encoder.read(X, exogenous, self)
        known = encoder.read_known(exogenous, series.lengths, is_one)
        reach = n_steps if known is None else max(n_steps, self._n_ahead)
        if after_training:
            recent = encoder.recent
            if is_one != encoder.is_one or len(series) != len(recent):
                raise ValueError(
                    "With after_training=True, X must be what came after the series of training, in the same "
                    "form."
                )
            first, series = recent.lengths, append_steps(recent, series)
            known = None if known is None else append_steps(encoder.recent_known, known)
        else:
            size = self._begun["context_length"]
            fits = np.maximum(1, np.minimum(size, series.lengths - reach))
            first = fits if start is None else np.full(len(series), start)
        problems = Problems("X")
        n_given = series.lengths - first * after_training
        for i in np.flatnonzero(series.lengths < first + reach):
            problems.add(
                None if is_one else i,
                f"has {n_given[i]} step(s), too few for a forecast of {reach} after {first[i]} "
                f"known step(s){' of training' if after_training else ''}; pass more of the series, or "
                "forecast fewer steps (horizon, n_steps) or from earlier on (start).",
            )
        problems.raise_if_any()
        stops = [np.arange(a, b + 1) for a, b in zip(first, series.lengths - reach, strict=True)]
        counts = list(map(len, stops))
        if after_training:  # the scale is still that of training
            means, scales = (np.repeat(a, counts, axis=0) for a in (encoder.means, encoder.scales))
        else:
            means, scales = encoder.find_scales(series, stops)
        return self._make_windows(series, known, stops, means, scales), n_steps, is_one, counts

    def _make_windows(self, series, known, stops, means, scales):
        """Return windows that end before these steps of each series, as long as the steps before allow."""
        values, first = series.values, series.offsets[:-1]
        if known is not None:  # which reaches further
            first = known.offsets[:-1]
            values = np.zeros((len(known.values), series.n_features), dtype=series.values.dtype)
            values[step_positions(first, series.lengths)] = series.values
        ends = np.concatenate(stops)
        lengths = np.minimum(ends, self._begun["context_length"])
        starts = np.repeat(first, list(map(len, stops))) + ends - lengths
        known = self.input_encoder_.encode_known(known)
        return WindowDataset(values, known, starts, lengths, means, scales, self._n_ahead)

    @fair_threads()
    def _run(self, windows, n_steps, levels=None):
        """Forecast the steps after each window.

        Parameters
        ----------
        windows : WindowDataset
            Windows to read.
        n_steps : int
            Number of steps.
        levels : float, or ndarray of shape (n_windows, n_samples, n_steps, n_features), optional
            The quantile that is predicted at each step; by default the point.

        Returns
        -------
        ndarray of shape (n_windows, n_samples, n_steps, n_features)
            In the unit of the series.
        """
        network = self.module_
        like, head = network.like, network.head
        if levels is not None and np.ndim(levels) == 0:
            levels = np.full((len(windows), 1, 1, 1), levels)
        n_samples = 1 if levels is None else levels.shape[1]
        n_turns = n_steps if self._begun["strategy"] == "recursive" else 1
        answers = np.empty((len(windows), n_samples, n_steps, self.n_features_in_))
        with torch.inference_mode(), threads_for(network):
            for members in plan_prediction(windows.lengths * n_samples):

                def choose(scores, step, members=members):
                    if levels is None:
                        return head.predict(scores, None)
                    level = levels[members, :, step].reshape(len(scores), -1)
                    return head.quantile(scores, scores.new_tensor(level))

                batch = windows.gather(members, like, has_targets=False)
                ahead = windows.look_ahead(members, n_turns, like)
                told = roll_out(network, batch, ahead, n_turns, choose, n_samples).float().cpu().numpy()
                told = told.reshape(len(members), n_samples, -1, self.n_features_in_)
                answers[members] = told[:, :, :n_steps]
        return answers * windows.scale[:, np.newaxis, np.newaxis] + windows.mean[:, np.newaxis, np.newaxis]

    def _draw(self, X, n_steps, exogenous, n_samples, random_state, *, alike=False):
        """Return drawn paths, (n_series, n_samples, n_steps, n_features), and whether X is one series.

        With `alike` equal series have the same paths.
        """
        check_count("n_samples", n_samples)
        if self._begun["distribution"] == "quantile" and len(self._begun["quantiles"]) == 1:
            raise ValueError("A single quantile has no spread to draw from; fit with at least 2 quantiles.")
        windows, n_steps, is_one = self._read_histories(X, n_steps, exogenous)
        spans = zip(windows.starts, windows.lengths, strict=True)
        keys = [make_key(windows.values[start : start + n]) for start, n in spans]
        drawn = list(dict.fromkeys(keys)) if alike else keys
        levels = Streams(random_state, drawn).draw_arrays((n_samples, n_steps, self.n_features_in_))
        if alike:
            place = {key: i for i, key in enumerate(drawn)}
            levels = levels[[place[key] for key in keys]]
        return self._run(windows, n_steps, levels.clip(1e-7, 1 - 1e-7)), is_one

    def _give(self, values, is_one):
        values = values[..., 0] if self.input_encoder_.is_flat else values
        return values[0] if is_one else values

    def _read_inputs(self, given):
        """Convert series, and their exogenous features, to the form that the network reads."""
        X, exogenous = given
        encoder = self.input_encoder_
        series, is_one = encoder.read(X, None, self)
        known = encoder.read_known(exogenous, series.lengths, is_one, encoder.n_ahead)
        return encoder.encode(series, known), is_one

    def _restore(self, flat, sequences, is_one):
        parts = np.split(flat, sequences.offsets[1:-1])
        return parts[0] if is_one else object_array(parts)

    def __sklearn_tags__(self):
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags


class _Forecasts(RegressorMixin, BaseEstimator):
    """An estimator that returns existing forecasts, for scorers."""

    def __init__(self, forecasts):
        self.forecasts = forecasts

    def predict(self, X):
        """Return the forecasts."""
        return self.forecasts


def _warn_of_target(y):
    if y is not None:
        warnings.warn(
            "y is passed, but X itself is predicted, and y is ignored. Pass features that are known ahead "
            "of a step as exogenous=.",
            stacklevel=find_caller(),
        )


def _count_down(last, lowest, stride):
    """Return the numbers from `last` down in steps of `stride`, and `lowest`, in increasing order."""
    return np.union1d(np.arange(last, lowest, -stride), [lowest])
