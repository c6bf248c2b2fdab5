"""Many to one and many to many: numbers for each sequence, or for each step."""

import warnings

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from sklearn_rnn.data.hints import warn_of_float32
from sklearn_rnn.data.problems import Problems, check_not_masked, check_same_number, find_caller, reading
from sklearn_rnn.data.targets import check_sample_weight, flatten_steps, is_ragged
from sklearn_rnn.estimators.base import BaseRNN, count_padded_steps
from sklearn_rnn.estimators.parameters import SEQUENCE_HEAD
from sklearn_rnn.estimators.scaling import measure
from sklearn_rnn.nn.kernels.threads import fair_threads


class RNNRegressor(RegressorMixin, BaseRNN):
    """Recurrent network that predicts one or several numbers for each sequence, or for each of its steps.

    The form of `y` decides: a numeric array with one or two axes is many to one; a list or object array of
    sequences of numbers (or an array with three axes) is many to many, T_x = T_y. Targets are scaled to mean
    0 and variance 1 for training, and predictions are scaled back.

    Parameters
    ----------
    cell : {"elman", "jordan", "lstm", "gru"} or Cell subclass, default="gru"
        Type of the recurrent cell. A class derived from `sklearn_rnn.nn.Cell` is used unchanged.
    hidden_size : int, default=64
        Width H of the recurrent state.
    num_layers : int, default=1
        Number of recurrent layers, stacked.
    bidirectional : bool, default=False
        Whether each layer also reads the sequence from its end.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        Activation function of the hidden layer, for cells that take one: Elman's and Jordan's.
    dropout : float in [0, 1), default=0.0
        Probability with which a number passed from one layer to the next (embedding, recurrent layers, output
        layer) is set to zero in training.
    embedding_size : int, optional
        Width of the learnt vectors that represent tokens. By default tokens are one-hot (computed by index,
        never as a wide array). No effect on numeric sequences.
    pooling : {"last", "mean", "max", "attention"}, default="last"
        How the outputs of a sequence's steps become one vector. No effect if `y` holds numbers for each step.
    head : "auto" or Head subclass, default="auto"
        The output layer and its loss. By default they are chosen by the type of the target; a class derived
        from `sklearn_rnn.nn.Head` replaces them.
    max_iter : int, default=50
        Number of epochs.
    batch_size : int or "all", default=32
        Number of sequences in a batch. Batches hold sequences of similar length, drawn again in each epoch.
    learning_rate : float, default=0.003
        Step size of the optimizer.
    optimizer : {"adam", "adamw", "nadam", "radam", "adagrad", "rmsprop", "sgd"} or callable, default="adam"
        A name, or a class of `torch.optim` (options bound to it with `functools.partial`). "sgd" has a
        Nesterov momentum of 0.9, as in `sklearn.neural_network.MLPClassifier`.
    weight_decay : float, default=0.0
        Strength of the optimizer's weight decay.
    clip_norm : float or None, default=1.0
        Gradients with a larger Euclidean norm are scaled down to it. None for no limit.
    bptt_steps : int, optional
        Truncated back-propagation through time: gradients flow back over at most this many steps, cut at
        multiples of it. The state is carried on.
    early_stopping : bool, default=False
        Whether to set `validation_fraction` of the sequences aside and to stop when `scoring` on them has not
        improved by `tol` for `n_iter_no_change` epochs. The network is then trained again from scratch on all
        sequences, up to the last epoch that was nearly as good as the best, and until the training loss is as
        small as it was then; see the user guide. With `X_val`, or with `callbacks` that do more than observe,
        the weights of the best epoch, `best_epoch_`, are restored instead. A single epoch is trained on all
        sequences.
    scoring : str, callable or None, default="loss"
        The score that `early_stopping` monitors and `validation_scores_` holds: "loss", the negative loss;
        the name of a scorer (see `sklearn_rnn.metrics.get_scorer_names`); a callable
        ``scorer(estimator, X, y)``, for which larger values are better; or None, the estimator's own `score`.
    validation_fraction : float in (0, 1), default=0.1
        Share of the sequences set aside by `early_stopping`.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which `early_stopping` stops. On small data sets it also
        waits for 300 updates of the weights without improvement.
    tol : float, default=1e-4
        An improvement of the validation score by less than this does not count.
    warm_start : bool, default=False
        Whether a further call of `fit` continues to train the network for another `max_iter` epochs.
    padding_value : float or str, optional
        Trailing steps in which every feature has this value (it may be NaN) are padding and are dropped. A
        str is the padding of text: a word such as "<pad>", or a character.
    device : str or torch.device, default="auto"
        Device to compute on. "auto" is a GPU if there is one and this is not a worker process, else the CPU.
    dtype : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        Type of the weights and of all computation. "float64" is slower and meant for comparisons. "bfloat16"
        is mixed precision on a GPU: the recurrent kernels compute with 16 bits, everything else with 32.
        "auto" is "bfloat16" on a GPU with hardware support for it, else "float32". `X` is read as float32 in
        any case.
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
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of the targets.
    n_features_in_ : int
        Number of features d; the number of columns if X was a 2-D array or a DataFrame; 1 for tokens.
    feature_names_in_ : ndarray of str
        Names of the features, or of the columns of a 2-D table. Defined only after a fit on a DataFrame, a
        list of DataFrames or `Sequences` with names, if all names are str.
    vocabulary_ : ndarray of shape (n_tokens,)
        The distinct tokens seen in training, sorted; only if X held tokens.
    n_iter_ : int
        Number of epochs trained; with `early_stopping`, those before training on all sequences.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    best_loss_ : float
        The smallest of `loss_curve_`.
    validation_scores_ : list of float or None
        The score of the validation set after each epoch, by `scoring`. None if neither `X_val` nor
        `early_stopping` is used.
    best_epoch_ : int
        The epoch with the best of `validation_scores_`, counted from 1; only with `early_stopping`.
    history_ : list of dict
        Everything recorded in each epoch. A saved estimator keeps losses, scores and what callbacks recorded.
    module_ : torch.nn.Module
        The trained network.
    net_ : skorch.NeuralNet
        The skorch net that trained the network.

    See Also
    --------
    RNNClassifier : A label for each sequence.
    RNNTagger : A label for each step.

    References
    ----------
    Elman (1990), Jordan (1986), Hochreiter and Schmidhuber (1997), Cho et al. (2014): see the classes of
    the cells in `sklearn_rnn.nn`.

    Examples
    --------
    The sum of a sequence, and the sum so far at each step:

    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor
    >>> rng = np.random.RandomState(0)
    >>> X = [rng.rand(n, 1) for n in rng.randint(2, 6, size=100)]
    >>> total = np.array([x.sum() for x in X])
    >>> model = RNNRegressor(max_iter=30, random_state=0).fit(X, total)
    >>> model.score(X, total) > 0.9
    True
    >>> so_far = [x.cumsum() for x in X]
    >>> model = RNNRegressor(max_iter=30, random_state=0).fit(X, so_far)
    >>> model.predict(X[:1])[0].shape == so_far[0].shape
    True
    """

    _extra_rules = {"head": SEQUENCE_HEAD}

    def __init__(
        self,
        *,
        cell="gru",
        hidden_size=64,
        num_layers=1,
        bidirectional=False,
        nonlinearity="tanh",
        dropout=0.0,
        embedding_size=None,
        pooling="last",
        head="auto",
        max_iter=50,
        batch_size=32,
        learning_rate=0.003,
        optimizer="adam",
        weight_decay=0.0,
        clip_norm=1.0,
        bptt_steps=None,
        early_stopping=False,
        scoring="loss",
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        padding_value=None,
        device="auto",
        dtype="float32",
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self._store(locals())

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, validation_groups=None):
        """Train on sequences and their numbers.

        Parameters
        ----------
        X : sequences in any form
            - list, tuple or object array of float arrays (n_steps_i, n_features), or (n_steps_i,);
            - float array (n_sequences, n_steps, n_features);
            - 2-D numeric array or DataFrame (n_sequences, n_steps): series of one feature;
            - list of str: tokens, one character per step;
            - list of lists of str, list of 1-D integer arrays: tokens, one word or code per step;
            - `Sequences`; masked arrays, whose trailing masked steps are padding.
        y : array of shape (n_sequences,) or (n_sequences, n_outputs), or ragged
            Numbers of the sequences; or a list or object array of arrays of shape (n_steps_i,) or
            (n_steps_i, n_outputs): numbers of the steps.
        sample_weight : array of shape (n_sequences,), or ragged list, optional
            Weights of the sequences (or, for numbers of steps, of the steps).
        X_val, y_val : like `X` and `y`, optional
            Validation data. They are scored after each epoch (see `validation_scores_`), and `early_stopping`
            uses them instead of a part of `X`.
        validation_groups : array of shape (n_sequences,), optional
            Group of each sequence, such as a patient or a machine. `early_stopping` then sets whole groups
            aside, with about `validation_fraction` of the sequences.

        Returns
        -------
        RNNRegressor
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, `X` or `y` is not valid; the estimator is then unchanged.
        """
        validation = X_val, y_val, validation_groups
        return self._fit(X, y, sample_weight, validation, goes_on=self.warm_start, epochs=self.max_iter)

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch, from where training stopped.

        Parameters
        ----------
        X, y, sample_weight
            See :meth:`fit`. The scale of the targets is that of the first call.

        Returns
        -------
        RNNRegressor
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, goes_on=True, epochs=1)

    def _flatten_target(self, y, X, sequences):
        if y is None:
            raise ValueError("RNNRegressor requires y to be passed, but the target y is None.")
        padded = count_padded_steps(X, self.padding_value)
        per_step = is_ragged(y) or _is_stacked(y, sequences.lengths)
        if per_step:
            try:
                y = flatten_steps(y, sequences.lengths, padded_steps=padded)
            except ValueError as error:
                hint = "For several numbers a sequence, pass an array: np.asarray(y, dtype=float).\n"
                raise ValueError(f"{hint if _is_table(y, len(sequences)) else ''}{error}") from error
        else:
            check_not_masked(y, "y")
            with reading("y"):
                y = np.asarray(y)
            if y.ndim == 2 and y.shape[1] > 1 and padded is not None and np.all(y.shape[1] == padded):
                warnings.warn(
                    f"y has {y.shape[1]} numbers for each sequence, as many as X has steps, and is read as "
                    "several numbers a sequence. If each step has its number, pass list(y), or a third axis: "
                    "np.asarray(y)[:, :, np.newaxis].",
                    stacklevel=find_caller(),
                )
            check_same_number(np.atleast_1d(y), sequences, "y")
        if y.ndim > 2 or 0 in y.shape[1:]:
            raise ValueError(f"y has the shape {y.shape}; one target is a number or a vector of numbers.")
        if y.dtype.kind == "c":
            raise ValueError(f"Complex data not supported: y has dtype {y.dtype}.")
        if y.dtype.kind in "mM":
            raise ValueError(f"y must hold numbers, but it holds {y.dtype}.")
        warn_of_float32(y, "y")
        try:
            with reading("y"):
                y = y.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"y must hold numbers: {error}") from error
        _check_finite(y, sequences.offsets if per_step else None)
        return y, per_step

    def _code_target(self, y, weights, *, reset, classes):
        columns = y if y.ndim == 2 else y[:, np.newaxis]
        if reset:
            self._one_output = y.ndim == 1
            self.target_mean_, self.target_scale_ = measure(columns, weights, "y")
        if columns.shape[1] != len(self.target_mean_):
            raise ValueError(
                f"y has {columns.shape[1]} numbers a target, but RNNRegressor was fitted on "
                f"{len(self.target_mean_)}."
            )
        return (columns - self.target_mean_) / self.target_scale_

    def _describe_head(self):
        return ("linear" if isinstance(self.head, str) else self.head), len(self.target_mean_)

    def predict(self, X):
        """Predict the numbers of each sequence, or of each step.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_outputs), or object array
            For numbers of steps: an object array of arrays of shape (n_steps_i,) or
            (n_steps_i, n_outputs); one array if `X` was one array without padding.
        """
        numbers, sequences = self._predict_flat(X)
        return self._cut(numbers, sequences, X) if self._per_step else numbers

    @fair_threads()
    def _predict_flat(self, X):
        answers, sequences = self._answer(X, "predict")
        numbers = answers * self.target_scale_ + self.target_mean_
        return (numbers[:, 0] if self._one_output else numbers), sequences

    @fair_threads()
    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination R^2, over all sequences or all steps.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.
        y : array of shape (n_sequences,) or (n_sequences, n_outputs), or ragged
            True numbers.
        sample_weight : array of shape (n_sequences,), or ragged list, optional
            Weights of the sequences, or of the steps.

        Returns
        -------
        float
            At most 1; 0 for a constant prediction of the mean.
        """
        numbers, sequences = self._predict_flat(X)
        targets, per_step = self._flatten_target(y, X, sequences)
        if per_step != self._per_step:
            raise ValueError("y must hold one target a step, or one a sequence, as in fit.")
        weights = check_sample_weight(sample_weight, sequences.lengths, per_step=per_step)
        return r2_score(targets, numbers, sample_weight=weights)

    def __sklearn_tags__(self):
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _is_table(y, n_rows):
    """Return whether y has `n_rows` rows, all of the same length."""
    try:
        return len(y) == n_rows and len({np.shape(row) for row in y}) == 1
    except (RuntimeError, ValueError):  # rows that have no shape, such as nested tensors
        return False


def _is_stacked(y, lengths):
    """Return whether y is one object array of sequences, all as long as those in X, as NumPy makes it."""
    is_stacked = isinstance(y, np.ndarray) and y.dtype.kind == "O" and y.ndim == 2
    return is_stacked and bool((lengths == y.shape[1]).all())


def _check_finite(y, offsets):
    """Raise an error for NaN and infinity in y (n, ...); `offsets` are those of the sequences, for steps."""
    values = y.reshape(len(y), -1)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    rows = bad if offsets is None else np.searchsorted(offsets, bad, side="right") - 1
    problems = Problems("y")
    for k in np.unique(rows, return_index=True)[1]:
        what = "NaN" if np.isnan(values[bad[k]]).any() else "infinity"
        where = "" if offsets is None else f" at step {bad[k] - offsets[rows[k]]}"
        problems.add(rows[k], f"has {what}{where}; every target must be a finite number.")
    problems.raise_if_any()
