"""Many to one and many to many: numbers for each sequence, or for each step."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._names import renamed
from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.encoding.numbers import NumberEncoder
from sklearn_rnn.estimators.parameters import NUMBER_LOSSES, NUMBERS, read_levels
from sklearn_rnn.estimators.supervised import SupervisedRNN
from sklearn_rnn.nn.inference import answer_quantiles
from sklearn_rnn.nn.kernels.threads import fair_threads


class RNNRegressor(RegressorMixin, SupervisedRNN):
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
    vocabulary : str or collection of tokens, optional
        The known tokens: the characters of a str, or a list of words or of codes. By default those of
        training. No effect on numeric sequences.
    handle_unknown : {"unknown", "error"}, default="unknown"
        What to do with a token that is not in the vocabulary: read it as the unknown token, or raise an
        error. The unknown token is learnt from the training tokens that `min_frequency` or `vocabulary` leave
        out, and from those that occur once, which are read as unknown at random (Lample et al., 2016).
    min_frequency : int or float, default=1
        How often a token must occur in training to be in the vocabulary: a number of steps, or a share of all
        steps if it is a float between 0 and 1. A value other than 1 requires ``handle_unknown="unknown"``.
    pooling : {"last", "mean", "max", "attention"}, default="last"
        How the outputs of a sequence's steps become one vector. No effect if `y` holds numbers for each step.
    loss : {"squared_error", "absolute_error", "gaussian", "quantile"}, default="squared_error"
        What is minimized in training, and so what is predicted: the mean; the median; a normal distribution,
        by its negative log-likelihood; or `quantiles`, by the pinball loss. The loss is that of scaled
        targets.
    quantiles : sequence of float, default=(0.1, 0.5, 0.9)
        The levels that are learnt with ``loss="quantile"``, in increasing order.
    head : "auto", str or Head subclass, default="auto"
        The output layer. By default it is that of `loss`; a name ("linear", "absolute_error", "gaussian",
        "quantile"), or a class derived from `sklearn_rnn.nn.Head`, replaces it and its loss.
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
    max_grad_norm : float or None, default=1.0
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

    _extra_rules = NUMBERS
    _target_encoder_class = NumberEncoder

    @renamed(clip_norm="max_grad_norm")
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
        vocabulary=None,
        handle_unknown="unknown",
        min_frequency=1,
        pooling="last",
        loss="squared_error",
        quantiles=(0.1, 0.5, 0.9),
        head="auto",
        max_iter=50,
        batch_size=32,
        learning_rate=0.003,
        optimizer="adam",
        weight_decay=0.0,
        max_grad_norm=1.0,
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

    @property
    def target_mean_(self):
        """Mean of each target in training."""
        return self._learnt("target_encoder_", "mean")

    @property
    def target_scale_(self):
        """Standard deviation of each target in training."""
        return self._learnt("target_encoder_", "scale")

    def _choose_head(self):
        return NUMBER_LOSSES[self.loss] if isinstance(self.head, str) and self.head == "auto" else self.head

    def _describe_network(self):
        network = super()._describe_network()
        if network["head"] == "quantile":
            network["n_outputs"] = network["n_outputs"], tuple(map(float, self._begun["quantiles"]))
        return network

    def predict(self, X, return_std=False):
        """Predict the numbers of each sequence, or of each step.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.
        return_std : bool, default=False
            Whether to return the standard deviations as well, which are learnt with ``loss="gaussian"``.

        Returns
        -------
        numbers : ndarray of shape (n_sequences,) or (n_sequences, n_outputs), or object array
            For numbers of steps: an object array of arrays of shape (n_steps_i,) or
            (n_steps_i, n_outputs); one array if `X` was one array without padding. With ``loss="quantile"``
            medians.
        std : ndarray or object array
            Only with `return_std`: the standard deviations, in the same form.

        Raises
        ------
        ValueError
            If standard deviations are requested, but were not learnt.
        """
        check_is_fitted(self, "module_")
        if not return_std:
            return self._in_form(*self._predict_flat(X))
        self._check_has("predict_with_std", "standard deviations", "loss='gaussian'")
        answers, *read = self._answer(X, "predict_with_std")
        mean, std = np.split(answers, 2, axis=1)
        mean, std = self.target_encoder_.decode(mean), self.target_encoder_.decode_scale(std)
        return self._in_form(mean, *read), self._in_form(std, *read)

    def predict_quantiles(self, X, *, quantiles=None):
        """Predict quantiles: the values that a number is below with these probabilities.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.
        quantiles : float or sequence of float, optional
            Levels between 0 and 1; by default those of the estimator. With ``loss="quantile"`` they must be
            between the lowest and the highest of these; other levels are interpolated.

        Returns
        -------
        ndarray of shape (n_sequences, n_quantiles) or (n_sequences, n_quantiles, n_outputs), or object array
            There is no axis of quantiles for a single number. For numbers of steps: arrays of shape
            (n_steps_i, n_quantiles) and so on.

        Raises
        ------
        ValueError
            If quantiles were not learnt, or `quantiles` is not valid.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_rnn import RNNRegressor
        >>> rng = np.random.RandomState(0)
        >>> X = [rng.randn(n, 1) for n in rng.randint(2, 6, size=200)]
        >>> y = np.array([x.mean() for x in X]) + rng.randn(200)
        >>> model = RNNRegressor(loss="gaussian", max_iter=20, random_state=0).fit(X, y)
        >>> low, high = model.predict_quantiles(X, quantiles=[0.1, 0.9]).T
        >>> bool(0.6 < np.mean((low < y) & (y < high)) < 1)
        True
        """
        check_is_fitted(self, "module_")
        self._check_has("quantile", "quantiles", "loss='gaussian' or loss='quantile'")
        learnt = tuple(map(float, self._begun["quantiles"]))
        quantiles = learnt if quantiles is None else quantiles
        levels = read_levels(quantiles)
        is_beyond = min(levels) < learnt[0] or max(levels) > learnt[-1]
        if is_beyond and self._network["head"] == "quantile":
            raise ValueError(
                f"quantiles={quantiles!r} lie beyond {learnt}, which is what was learnt; fit with more "
                "quantiles, or with loss='gaussian'."
            )
        sequences, form = self._read_inputs(X)
        dataset = SequenceDataset(sequences, per_step=self._per_step)
        with fair_threads():
            answers = answer_quantiles(self.module_, dataset, levels)  # (n, n_quantiles, n_outputs)
        answers = self.target_encoder_.decode(answers)
        return self._in_form(answers[:, 0] if np.ndim(quantiles) == 0 else answers, sequences, form)

    def _in_form(self, flat, sequences, form):
        """Split answers for steps by sequence; leave those for sequences."""
        return self._restore(flat, sequences, form) if self._per_step else flat

    def _name_head(self):
        is_auto = isinstance(self._begun["head"], str) and self._begun["head"] == "auto"
        name = "loss" if is_auto else "head"
        return f"{name}={self._begun[name]!r}"

    def _check_has(self, method, what, losses):
        if not hasattr(self.module_.head, method):
            raise ValueError(
                f"{self._name_head()} predicts a number and not how certain it is: there are no {what}. Fit "
                f"with {losses}."
            )

    @fair_threads()
    def _predict_flat(self, X):
        answers, sequences, form = self._answer(X, "predict")
        return self.target_encoder_.decode(answers), sequences, form

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
        numbers, sequences, form = self._predict_flat(X)
        targets, per_step = self.target_encoder_.read(y, sequences, form, self)
        if per_step != self._per_step:
            raise ValueError("y must hold one target a step, or one a sequence, as in fit.")
        weights = check_sample_weight(sample_weight, sequences.lengths, per_step=per_step)
        return r2_score(targets, numbers, sample_weight=weights)

    def __sklearn_tags__(self):
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
