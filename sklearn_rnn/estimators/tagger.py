"""Many to many, T_x = T_y: a label for each step."""

import numpy as np

from sklearn_rnn._names import renamed
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.encoding.labels import StepLabelEncoder, balance
from sklearn_rnn.estimators.parameters import STEP_HEAD
from sklearn_rnn.estimators.supervised import SupervisedRNN
from sklearn_rnn.nn.heads import HEADS
from sklearn_rnn.nn.kernels.threads import fair_threads


class RNNTagger(SupervisedRNN):
    """Recurrent network that predicts a label for each step of a sequence (many to many, T_x = T_y).

    Sequences may differ in length; see :meth:`fit` for the forms they may have. A tagger is not a
    scikit-learn classifier, whose labels belong to whole sequences: splitters do not stratify by them.

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
    head : {"softmax", "crf"} or Head subclass, default="softmax"
        "softmax" labels each step on its own, given the network's output; "crf" is a conditional random
        field, which also learns which label follows which.
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
    class_weight : dict, "balanced" or None, default=None
        Weight of each label; "balanced" gives all labels the same total weight.
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
    classes_ : ndarray of shape (n_classes,)
        The labels.
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
    RNNRegressor : Numbers for each sequence or step.

    References
    ----------
    Elman (1990), Jordan (1986), Hochreiter and Schmidhuber (1997), Cho et al. (2014): see the classes of
    the cells in `sklearn_rnn.nn`; Lafferty et al. (2001): see `sklearn_rnn.nn.CRFHead`.

    Examples
    --------
    Which words belong to a person's name? It depends on the context.

    >>> from sklearn_rnn import RNNTagger
    >>> X = [["Teddy", "Roosevelt", "spoke"], ["Teddy", "bears", "sell"]] * 10
    >>> y = [["PER", "PER", "O"], ["O", "O", "O"]] * 10
    >>> tagger = RNNTagger(bidirectional=True, max_iter=20, random_state=0).fit(X, y)
    >>> tagger.predict([["Teddy", "bears", "sell"]])[0]
    array(['O', 'O', 'O'], dtype='<U3')
    >>> tagger.predict([["Teddy", "Roosevelt", "spoke"]])[0]
    array(['PER', 'PER', 'O'], dtype='<U3')
    """

    _extra_rules = {"head": STEP_HEAD}
    _target_encoder_class = StepLabelEncoder

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
        head="softmax",
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
        class_weight=None,
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
        """Train on sequences and the labels of their steps.

        Parameters
        ----------
        X : sequences in any form
            - list, tuple or object array of float arrays (n_steps_i, n_features), or (n_steps_i,);
            - float array (n_sequences, n_steps, n_features);
            - 2-D numeric array or DataFrame (n_sequences, n_steps): series of one feature;
            - list of str: tokens, one character per step;
            - list of lists of str, list of 1-D integer arrays: tokens, one word or code per step;
            - `Sequences`; masked arrays, whose trailing masked steps are padding.
        y : list or object array of label sequences, or array of shape (n_sequences, n_steps)
            As many labels, of any type, as the sequence has steps. In a one-dimensional array of shape
            (n_sequences,) each label is used for all steps of its sequence, with a warning.
        sample_weight : array of shape (n_sequences,), or ragged list, optional
            Weights of the sequences, or of the steps.
        X_val, y_val : like `X` and `y`, optional
            Validation data. They are scored after each epoch (see `validation_scores_`), and `early_stopping`
            uses them instead of a part of `X`.
        validation_groups : array of shape (n_sequences,), optional
            Group of each sequence, such as a patient or a machine. `early_stopping` then sets whole groups
            aside, with about `validation_fraction` of the sequences.

        Returns
        -------
        RNNTagger
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, `X` or `y` is not valid; the estimator is then unchanged.
        """
        validation = X_val, y_val, validation_groups
        return self._fit(X, y, sample_weight, validation, goes_on=self.warm_start, epochs=self.max_iter)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch, from where training stopped.

        Parameters
        ----------
        X, y
            See :meth:`fit`.
        classes : array of shape (n_classes,), optional
            All labels that may ever occur; used in the first call, if `y` does not hold them all.
        sample_weight
            See :meth:`fit`.

        Returns
        -------
        RNNTagger
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, goes_on=True, epochs=1, classes=classes)

    @property
    def classes_(self):
        """The labels of training, sorted."""
        return self._learnt("target_encoder_", "classes")

    def _weigh_classes(self, codes, weights, lengths):
        head = HEADS.get(self.head, self.head)
        if not getattr(head, "func", head).rates_steps:  # func: inside a functools.partial
            if (
                weights is not None
                and (weights != np.repeat(weights[np.cumsum(lengths) - lengths], lengths)).any()
            ):
                raise ValueError(
                    f"sample_weight weighs single steps, but head={self.head!r} rates whole sequences; "
                    "pass one weight a sequence."
                )
            if self.class_weight is not None:
                raise ValueError(
                    f"class_weight weighs single labels, but head={self.head!r} rates whole sequences."
                )
        return balance(self.class_weight, codes, self.classes_, weights)

    def _choose_head(self):
        return self.head

    def predict(self, X):
        """Predict the label of each step.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.

        Returns
        -------
        object array of ndarray of shape (n_steps_i,), or ndarray of shape (n_sequences, n_steps)
            Labels of the same type as `y` in training; one array if `X` was one array without padding.
        """
        answers, sequences, form = self._answer(X, "predict")
        return self._restore(self.target_encoder_.decode(answers), sequences, form)

    def predict_proba(self, X):
        """Predict the probability of each label at each step.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.

        Returns
        -------
        object array of ndarray of shape (n_steps_i, n_classes)
            Columns in the order of `classes_`; an array of shape (n_sequences, n_steps, n_classes) if
            `X` was one array without padding. With ``head="crf"``: marginal probabilities.
        """
        probabilities, sequences, form = self._answer(X, "predict_proba")
        return self._restore(probabilities, sequences, form)

    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of :meth:`predict_proba`.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.

        Returns
        -------
        object array of ndarray of shape (n_steps_i, n_classes)
            Natural logarithms, in the form of :meth:`predict_proba`.
        """
        probabilities, sequences, form = self._answer(X, "predict_proba")
        with np.errstate(divide="ignore"):
            return self._restore(np.log(probabilities), sequences, form)

    @fair_threads()
    def score(self, X, y, sample_weight=None):
        """Return the accuracy over all steps of all sequences.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.
        y : list or object array of label sequences
            True labels. A label that did not occur in training counts as an error.
        sample_weight : array of shape (n_sequences,), or ragged list, optional
            Weights of the sequences, or of the steps.

        Returns
        -------
        float
            From 0 to 1.
        """
        answers, sequences, form = self._answer(X, "predict")
        labels = self.target_encoder_.flatten(y, sequences, form, self)
        weights = check_sample_weight(sample_weight, sequences.lengths, per_step=True)
        return float(np.average(self.classes_[answers] == labels, weights=weights))
