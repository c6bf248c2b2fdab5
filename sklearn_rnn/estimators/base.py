"""Base class of the estimators: reading X, training, prediction, persistence."""

import copy
import sys
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.data.arrays import is_missing, object_array
from sklearn_rnn.data.checks import check_columns, check_names, check_unit, check_width
from sklearn_rnn.data.hints import (
    warn_of_feature_names,
    warn_of_integers,
    warn_of_numbers_as_text,
    warn_of_padding,
    warn_of_padding_before,
    warn_of_scale,
)
from sklearn_rnn.data.problems import Problems, check_same_number, find_caller, reading
from sklearn_rnn.data.random_state import check_random_state
from sklearn_rnn.data.reading import array_shape, as_sequences
from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.estimators.labels import UnseenLabelsError
from sklearn_rnn.estimators.parameters import RULES, check_classes
from sklearn_rnn.estimators.scoring import Given, apply_scorer
from sklearn_rnn.nn.drawing import FirstWeights, is_own_class
from sklearn_rnn.nn.inference import answer, hidden_states
from sklearn_rnn.nn.kernels.threads import fair_threads
from sklearn_rnn.nn.kernels.torch_threads import compute_on
from sklearn_rnn.nn.network import RecurrentNetwork
from sklearn_rnn.persistence import Versioned
from sklearn_rnn.training import (
    AsFar,
    BestEpoch,
    Checkpoint,
    Progress,
    RandomStream,
    choose_to_repeat,
    copy_callbacks,
    make_net,
    name_callbacks,
    resolve_device,
    resolve_dtype,
)

_KINDS = {"f": "numbers", "i": "integer tokens", "U": "text tokens", "O": "text tokens"}
# Parameters that shape the network: a fit that continues with a network cannot change them.
_ARCHITECTURE = (
    "cell",
    "hidden_size",
    "num_layers",
    "bidirectional",
    "nonlinearity",
    "dropout",
    "embedding_size",
    "bptt_steps",
)
# Parameters of the optimizer and the device, which such a fit cannot change either.
_FIXED = ("optimizer", "weight_decay", "dtype", "device")

# Parameters that may change when training resumes from a checkpoint; seed and device are compared separately.
_FREE = frozenset(["max_iter", "warm_start", "random_state", "device", "verbose", "checkpoint"])

# Validation losses are often means over few sequences: differences up to this share are ignored.
_SLACK = 0.2

# Records of every epoch that are not needed after training; the losses are in `loss_curve_`.
_RECORDED = frozenset(
    ["epoch", "dur"]
    + [f"{part}_{what}" for part in ("train", "valid") for what in ("batch_count", "loss", "loss_best")]
)


class BaseRNN(Versioned, BaseEstimator):
    """Base class of the estimators with the template of `fit`; a subclass codes targets and chooses a head.

    A subclass defines `_flatten_target`, `_code_target`, `_describe_head` and its predict methods.
    """

    _extra_rules = {}
    _progress = Progress
    _network_class = RecurrentNetwork
    _embeds_x_alone = True  # and not targets as well
    _trains_on_all = True  # in the end, for the number of epochs that was best in validation

    def _store(self, parameters):
        """Store the arguments of a constructor unchanged."""
        for name, value in parameters.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # Reading X

    def _read(self, X, *, reset):
        """Convert X to `Sequences`; store its width if `reset`, else check it."""
        sequences = as_sequences(X, padding_value=self.padding_value, dtype=np.float32)
        if reset and self.padding_value is not None:
            warn_of_padding_before(sequences, self.padding_value)
        is_padded = reset and warn_of_padding(sequences, padding_value=self.padding_value)
        is_table = _is_table(X, sequences)
        if is_table and (reset or self._was_table):
            check_columns(X, self, reset=reset)
        elif reset or not self._was_table:  # the names of a table are those of steps
            check_names(sequences, self, reset=reset)
        kind = _KINDS[sequences.values.dtype.kind]
        if reset:
            self._kind = kind
            self._was_table = is_table or _is_nested_table(X, sequences)
            if not is_table:
                self.n_features_in_ = len(X[0]) if self._was_table else sequences.n_features or 1
            if not sequences.is_tokens and self._embeds_x_alone and self.embedding_size is not None:
                warnings.warn(
                    f"embedding_size={self.embedding_size!r} has no effect, since X is read as numbers. If "
                    "they are codes of tokens, pass a list of one-dimensional arrays of integers: "
                    "X = [np.array(x, dtype=int) for x in X].",
                    stacklevel=find_caller(),
                )
            elif not sequences.is_tokens and not is_padded:
                warn_of_scale(
                    sequences.values,
                    X,
                    self._advise_to_scale(sequences),
                    names=sequences.feature_names,
                    padding_value=self.padding_value,
                )
            return sequences
        if kind != self._kind:
            if (kind, self._kind) == ("integer tokens", "numbers"):
                sequences = sequences.with_values(sequences.values.astype(np.float32)[:, np.newaxis])
            else:
                raise TypeError(
                    f"X holds {kind}, but {type(self).__name__} was fitted on {self._kind}; "
                    "pass the same form."
                )
        if kind == "text tokens":
            check_unit(X, sequences, self.vocabulary_, self)
        width = 1 if self._was_table or self._kind != "numbers" else self.n_features_in_
        if not sequences.is_tokens:
            check_width(sequences, width, self)
        return sequences

    def _advise_to_scale(self, sequences):
        """Return how to scale the numbers, or how to convert them to codes if they may be codes of tokens."""
        values, padding = sequences.values, self.padding_value
        code = f"make_pipeline(StepTransformer(StandardScaler()), {type(self).__name__}())"
        cut = "Scale them: "
        if padding is not None:
            cut = f"Cut the padding off, X = Sequences.from_padded(X, padding_value={padding!r}), and scale: "
        advice = f"{cut}{code}, with StepTransformer from sklearn_rnn.preprocessing."
        if values.shape[1] == 1 and (values >= 0).all() and (values % 1 == 0).all():
            part = "" if padding is None else f"[np.ravel(x) != {padding!r}]"
            codes = f"X = [np.ravel(x){part}.astype(int) for x in X]"
            advice += f" If they are codes of tokens, such as words, make them integers: {codes}."
        return advice

    def _learn_vocabulary(self, sequences, X):
        """Learn the vocabulary; return which of its tokens occur only once."""
        self.__dict__.pop("vocabulary_", None)
        if not sequences.is_tokens:
            return None
        self.vocabulary_, codes = np.unique(sequences.values, return_inverse=True)
        warn_of_integers(X, sequences)
        return np.concatenate([[False], np.bincount(codes) == 1])

    @property
    def _n_codes(self):
        return len(self.vocabulary_) + 1

    def _encode(self, sequences):
        """Return the codes of tokens; 0 is the code of tokens that are not in the vocabulary."""
        if not sequences.is_tokens:
            return sequences
        return sequences.with_values(code_tokens(sequences.values, self.vocabulary_))

    # Training

    @contextmanager
    def _unchanged_on_error(self, goes_on):
        before = dict(self.__dict__)
        memory = self.net_.remember() if goes_on else None
        drawn = (
            self.random_state.get_state() if isinstance(self.random_state, np.random.RandomState) else None
        )
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if goes_on:
                self.net_.restore(memory)
            if drawn is not None:
                self.random_state.set_state(drawn)
            raise

    def get_params(self, deep=True):
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return callbacks by their names as well, as ``callbacks__<name>``, and their
            parameters, as ``callbacks__<name>__<parameter>``. The name is that of the class, unless
            `callbacks` holds pairs of a name and a callback.

        Returns
        -------
        dict
            Values by name.
        """
        params = super().get_params(deep=deep)
        if deep and isinstance(self.callbacks, (list, tuple)):
            for name, callback in name_callbacks(self.callbacks):
                params[f"callbacks__{name}"] = callback
                if hasattr(callback, "get_params") and not isinstance(callback, type):
                    params |= {f"callbacks__{name}__{k}": v for k, v in callback.get_params().items()}
        return params

    def set_params(self, **params):
        """Set parameters.

        Parameters
        ----------
        **params
            Parameters by name; ``callbacks__<name>__<parameter>`` is one of a callback, see `get_params`. A
            callback that is set to None is removed.

        Returns
        -------
        self
            The estimator.
        """
        nested = {name: params.pop(name) for name in list(params) if name.startswith("callbacks__")}
        super().set_params(**params)
        for name, value in nested.items():
            _, which, *parameter = name.split("__", 2)
            there = dict(name_callbacks(self.callbacks or []))
            if which not in there:
                raise ValueError(f"{name} cannot be set: there is no callback {which!r}, only {list(there)}.")
            if parameter:
                there[which].set_params(**{parameter[0]: value})
            else:
                there[which] = value
                self.callbacks = [(other, each) for other, each in there.items() if each is not None]
        return self

    def _check_parameters(self):
        rules = RULES | self._extra_rules
        for name, value in self.get_params(deep=False).items():
            if name in rules:  # a subclass may have more parameters
                rules[name].check(name, value)

    @fair_threads(lends=True)
    def _fit(self, X, y, sample_weight, validation=(None,) * 3, *, goes_on, epochs, classes=None):
        """Check everything, then train; on an error the estimator is unchanged."""
        self._check_parameters()
        goes_on = goes_on and hasattr(self, "module_")
        with self._unchanged_on_error(goes_on):
            device = resolve_device(self.device)
            sequences = self._read(X, reset=not goes_on)
            if not goes_on:
                warn_of_numbers_as_text(X, sequences)
                if _is_table(X, sequences):
                    warn_of_feature_names(X)
            targets, per_step = self._flatten_target(y, X, sequences)
            if goes_on and per_step != self._per_step:
                raise ValueError("y must hold one target a step, or one a sequence, as in the first fit.")
            self._per_step = per_step
            weights = check_sample_weight(sample_weight, sequences.lengths, per_step=per_step)
            *validation, groups = validation
            groups = _check_groups(groups, validation, sequences)
            rows = np.arange(len(sequences))
            sequences, targets, weights, rows = _drop_weightless(sequences, targets, weights, rows, per_step)
            as_read, kept = (sequences, targets, weights), np.arange(len(rows))
            codes = self._code_target(targets, weights, reset=not goes_on, classes=classes)
            weights = self._weigh_classes(codes, weights, sequences.lengths)
            sequences, codes, weights, kept = _drop_weightless(sequences, codes, weights, kept, per_step)
            groups = None if groups is None else groups[rows[kept]]
            if weights is not None:
                weights = weights / weights.mean()  # only their ratios count
            rare = None if goes_on else self._learn_vocabulary(sequences, X)
            sequences = self._encode(sequences)
            held_out = self._read_validation(*validation)
            self._prepare(device, rare, goes_on)
            dataset = SequenceDataset(sequences, codes, weights, per_step=per_step)
            given = None
            if self.scoring != "loss":
                given = self._as_given(*as_read, kept) if held_out is None else self._read_given(*validation)
            self._train(dataset, held_out, groups, epochs, given=given)
        return self

    def _read_validation(self, X, y):
        """Read the validation data in the same way as the training data."""
        if X is None and y is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val belong together, but only one of them is passed.")
        try:
            dataset = self._read_held_out(X, y)
        except UnseenLabelsError as error:
            raise ValueError(
                f"y_val holds labels that y lacks: {error.unseen}. Leave their sequences out of X_val and "
                "y_val, or have such labels in y, too."
            ) from None  # its advice is for y
        except (TypeError, ValueError) as error:
            raise type(error)(f"For X_val and y_val: {error}") from error
        if len(dataset.targets) < 2:
            raise ValueError("X_val and y_val hold a single target; scoring requires at least 2.")
        return dataset

    def _as_given(self, sequences, targets, weights=None, rows=None):
        """Return data in the form that scorers take, without padding."""
        if self._per_step:
            targets, weights = (
                None if a is None else object_array(np.split(a, sequences.offsets[1:-1]))
                for a in (targets, weights)
            )
        return Given(sequences, targets, weights, rows)

    def _read_given(self, X, y):
        sequences = self._read(X, reset=False)
        return self._as_given(sequences, self._flatten_target(y, X, sequences)[0])

    def _read_held_out(self, X, y):
        sequences = self._read(X, reset=False)
        targets, per_step = self._flatten_target(y, X, sequences)
        if per_step != self._per_step:
            raise ValueError("y must hold one target a step, or one a sequence, as y in training.")
        codes = self._code_target(targets, None, reset=False, classes=None)
        return SequenceDataset(self._encode(sequences), codes, per_step=per_step)

    def _weigh_classes(self, codes, weights, lengths):
        return weights

    def _prepare(self, device, rare, goes_on):
        """Make a network and its skorch net, or check that the existing ones can be trained further."""
        architecture = self._describe_architecture()
        setup = {name: getattr(self, name) for name in (*_FIXED, "learning_rate", "clip_norm")}
        if goes_on:
            begun = self._network | self._setup
            for name, value in (architecture | {name: setup[name] for name in _FIXED}).items():
                if not _are_same(value, begun[name]):
                    raise ValueError(
                        f"{name} was {begun[name]!r} when training began and is now {value!r}; "
                        "training can only go on with the same."
                    )
            self._setup = setup
            self.net_.clip_norm = self.clip_norm
            self.net_.resume(self.learning_rate)
            return
        self._network = architecture | self._describe_input(rare)
        self._setup = setup
        # Without a seed: fresh entropy, so that NumPy's global state stays as it is.
        rng = np.random.RandomState() if self.random_state is None else check_random_state(self.random_state)
        self._seed = int(rng.randint(np.iinfo(np.int32).max))
        self._make_net(device, RandomStream(self._seed, device))
        self.n_iter_ = 0
        self.__dict__.pop("best_epoch_", None)
        self.loss_curve_, self.history_ = [], []

    def _describe_input(self, rare):
        is_tokens = self._kind != "numbers"
        input_size = self._n_codes if is_tokens else 1 if self._was_table else self.n_features_in_
        return {"input_size": input_size, "is_tokens": is_tokens, "rare": rare}

    def _describe_architecture(self):
        architecture = {name: getattr(self, name) for name in _ARCHITECTURE}
        architecture["pooling"] = None if self._per_step else self.pooling
        architecture["head"], architecture["n_outputs"] = self._describe_head()
        return architecture

    def _make_net(self, device, stream, weights=None):
        """Make a network, new or with weights from a state, and the skorch net that trains it."""
        dtype, of_kernels = resolve_dtype(self._setup["dtype"], device, fall_back=weights is not None)
        is_own = all(map(is_own_class, self._network.values()))
        # An orthogonal matrix has other bits on another number of threads.
        with stream.active(), compute_on(1):
            if weights is None:
                with FirstWeights() if is_own else stream.lent(), self._explaining_size(is_own):
                    network = self._network_class(**self._network).to(device, dtype)
            else:
                with (
                    nullcontext() if is_own else stream.lent()
                ):  # a user's class draws before it gets its weights
                    network = self._network_class.from_weights(weights, device, dtype, **self._network)
            network.set_kernel_dtype(of_kernels)
            self.net_ = make_net(
                network,
                optimizer=self._setup["optimizer"],
                learning_rate=self._setup["learning_rate"],
                weight_decay=self._setup["weight_decay"],
                callbacks=None,
                clip_norm=self._setup["clip_norm"],
                stream=stream,
                title=type(self).__name__,
                device=str(device),  # as in skorch
                batch_size=1,
                verbose=0,
            )
        self.module_ = network.eval()

    @contextmanager
    def _explaining_size(self, is_own):
        try:
            yield
        except RuntimeError as error:
            if not is_own:
                raise
            sizes = {name: getattr(self, name, None) for name in ("hidden_size", "embedding_size")}
            sizes = ", ".join(f"{name}={size}" for name, size in sizes.items() if size is not None)
            raise ValueError(f"A network of {sizes} cannot be made: {error}") from error

    def _train(
        self, dataset, validation, groups, epochs, checkpoint=None, given=None, everything=None, save=None
    ):
        """Train the network; with early stopping, first find the number of epochs.

        Parameters
        ----------
        dataset, validation : SequenceDataset or the like
            Training data, and validation data or None; see also `everything`.
        groups : ndarray or None
            Groups by which a part of `dataset` is set aside.
        epochs : int
            Number of epochs.
        checkpoint : path, optional
            File from which training resumes.
        given : Given, optional
            Sequences and targets in a form that scorers take.
        everything : SequenceDataset or the like, optional
            What to train on in the end, if `validation` is a part of it that `dataset` lacks.
        save : callable, optional
            Called at the end, before the checkpoint is removed.
        """
        if checkpoint is not None:
            checkpoint = self._open_checkpoint(checkpoint, dataset, validation, groups, epochs)
        users = copy_callbacks(self.callbacks or [])
        net, n_before, best = self.net_, self.n_iter_, None
        if self.early_stopping and epochs > 1:
            best = BestEpoch(self.n_iter_no_change, self.tol, _SLACK if self.scoring == "loss" else 0.0)
            if validation is None:
                everything = dataset
                dataset, validation, held = self._split(dataset, groups)
                given = None if self.scoring == "loss" else given.select(held)
        repeated = choose_to_repeat(name_callbacks(users))
        is_repeated = best is not None and everything is not None and self._trains_on_all
        is_repeated = is_repeated and repeated is not None
        memory = net.remember() if is_repeated else None
        score = None if validation is None else partial(self._score_held_out, validation, given)
        progress = self._progress()
        shown = [("_progress", progress)] if self.verbose == 1 else []
        stops = [] if best is None else [("_early_stopping", best)]
        net.verbose = int(self.verbose)
        try:
            self._set_up(dataset, [*users, *stops, *shown])
            net.train(dataset, validation, epochs, score, checkpoint)
            if is_repeated and not net.was_interrupted:
                history, callbacks = list(net.history), net.callbacks_
                net.restore(memory)
                if self.verbose > 1:
                    print(f"Training on everything, for at least {best.last_epoch_} epoch(s):")
                stop = AsFar(best.last_epoch_, best.last_train_loss_)
                self._set_up(everything, [*repeated, ("_early_stopping", stop), *shown])
                net.train(everything, None, epochs)
                net.history[:], net.callbacks_ = history, callbacks
                if net.was_interrupted:
                    net.module_.load_state_dict(best.best_weights_)
        finally:
            progress.close()
        net.callbacks = users
        ours = {name for name, _ in [*stops, *shown]}
        net.callbacks_ = [(name, callback) for name, callback in net.callbacks_ if name not in ours]
        self._write_down()
        if best is not None:
            self.best_epoch_ = n_before + best.best_epoch_
        if save is not None:
            save()
        if checkpoint is not None and not net.was_interrupted:
            checkpoint.remove()  # last: if the model cannot be saved, training can resume from it

    def _set_up(self, dataset, callbacks):
        n = len(dataset)
        self.net_.batch_size = n if self.batch_size == "all" else min(self.batch_size, n)
        self.net_.callbacks = callbacks
        self.net_.initialize_callbacks()

    def _open_checkpoint(self, path, dataset, validation, groups, epochs):
        """Open the checkpoint from which training resumes, if it exists and belongs to this training."""
        identity = {"the estimator": type(self)} | {
            name: value for name, value in self.get_params(deep=False).items() if name not in _FREE
        }
        identity["early_stopping"] = bool(self.early_stopping and epochs > 1)
        identity |= {
            "device": self.module_.like.device.type,
            "the number of epochs trained before": self.n_iter_,
            "X": dataset,
            "X_val": validation,
            "validation_groups": groups,
            "the vocabulary": getattr(self, "vocabulary_", None),
            "the labels of condition": getattr(self, "condition_classes_", None),
        }
        is_seeded = self.random_state is not None or self.n_iter_ > 0
        checkpoint = Checkpoint(
            path, identity, self._seed, self.module_.like.device, takes_seed=not is_seeded
        )
        if checkpoint.n_epochs >= epochs:
            raise ValueError(
                f"checkpoint {str(path)!r} is in epoch {checkpoint.n_epochs + 1}, but max_iter is {epochs}. "
                "Set a larger max_iter, or delete the file to start from scratch."
            )
        self._seed = checkpoint.seed
        if checkpoint.goes_on and self.verbose:
            epoch, batch = checkpoint.n_epochs + 1, checkpoint.n_batches + 1
            print(f"going on from {path}: epoch {epoch}, batch {batch}", file=sys.stderr)
        return checkpoint

    def _split(self, dataset, groups):
        """Set sequences aside for validation, and return which; they are copied, the others are not.

        A fit that continues with the same data sets the same ones aside.
        """
        if groups is not None:
            is_held = _choose_groups(groups, self.validation_fraction, np.random.RandomState(self._seed))
            train, held = np.flatnonzero(~is_held), np.flatnonzero(is_held)
        else:
            n_validation, strata = self._plan_split(dataset)
            rows = np.arange(len(dataset))
            train, held = train_test_split(
                rows, test_size=n_validation, stratify=strata, random_state=self._seed
            )
        train, held = np.sort(train), np.sort(held)
        return dataset.keep(train), dataset.subset(held), held

    def _plan_split(self, dataset):
        n = len(dataset)
        n_validation = max(2, round(self.validation_fraction * n))  # R^2 needs two
        if n_validation >= n:
            there = "is 1 sample (a sequence)" if n == 1 else f"are {n} sequences"
            raise ValueError(
                f"early_stopping with validation_fraction={self.validation_fraction} leaves nothing to train "
                f"on: there {there}. Pass more, or set early_stopping=False."
            )
        strata = self._strata(dataset)
        if strata is not None:
            counts = np.unique(strata, return_counts=True)[1]
            if counts.min() < 2 or len(counts) > min(n_validation, n - n_validation):
                strata = None
        return n_validation, strata

    def _strata(self, dataset):
        return None

    def _score_held_out(self, dataset, given, module):
        """Return the validation score of an epoch."""
        if self.scoring == "loss":
            return -self.net_.history[-1]["valid_loss"]  # has just been computed
        return apply_scorer(self.scoring, self, given)

    def _write_down(self):
        """Copy the history of training to plain attributes."""
        history = self.net_.history
        if len(history) and "dur" not in history[-1]:
            del history[-1]  # the epoch that was interrupted
        new = history[len(self.history_) :]
        for epoch in new:
            epoch["batches"] = []  # summed up in the epoch
        self.history_ = self.history_ + [
            {name: value for name, value in epoch.items() if name != "batches"} for epoch in new
        ]
        self.n_iter_ = len(self.history_)
        self.loss_curve_ = [float(epoch["train_loss"]) for epoch in self.history_]
        self.best_loss_ = min(self.loss_curve_, default=None)
        self.validation_scores_ = [e["valid_score"] for e in self.history_ if "valid_score" in e] or None

    # Prediction

    @fair_threads()
    def _answer(self, X, method):
        """Return the predictions of the head for X in the user's order, and the sequences as read."""
        if not hasattr(self, "module_"):  # scikit-learn's check alone takes longer than a short prediction
            check_is_fitted(self, "module_")
        sequences = self._read_inputs(X)
        return answer(self.module_, SequenceDataset(sequences, per_step=self._per_step), method), sequences

    def _code_condition(self, condition, n_sequences):
        """Convert a condition to the form that the network takes."""
        return None

    def _read_inputs(self, X):
        """Convert X to the form that the network reads."""
        return self._encode(self._read(X, reset=False))

    def _cut(self, flat, sequences, X):
        """Split predictions of all steps into one array per sequence; return one array if X was one."""
        if array_shape(X) is not None and self.padding_value is None:
            return flat.reshape(len(sequences), -1, *flat.shape[1:])
        return object_array(np.split(flat, sequences.offsets[1:-1]))

    @fair_threads()
    def hidden_states(self, X, *, per_step=None):
        """Return the hidden states of each sequence, or of each step: what the output layer reads.

        A state is the output of the top layer, D numbers: ``hidden_size``, or twice that with
        ``bidirectional=True``, the forward direction first. A Jordan network is different: the output of its
        top layer is scores, and these are returned, one for each class or output, of both directions side by
        side.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.
        per_step : bool, optional
            Whether to return one vector per step, or one per sequence. By default as the estimator predicts:
            for sequences, or for steps. The vector of a sequence is pooled by `pooling`; in an estimator that
            predicts steps it is the output of each direction after it has read the whole sequence.

        Returns
        -------
        ndarray of float32 of shape (n_sequences, D), or object array
            For steps: an object array of arrays of shape (n_steps_i, D); an array of shape
            (n_sequences, n_steps, D) if `X` was one array without padding. A row depends on its own sequence
            alone, and there is no dropout.

        Raises
        ------
        TypeError
            If `per_step` is neither True, False nor None.

        Examples
        --------
        >>> from sklearn_rnn import RNNRegressor
        >>> X = [[0.1, 0.2, 0.3], [0.5]]
        >>> model = RNNRegressor(hidden_size=8, max_iter=1).fit(X, [0.6, 0.5])
        >>> model.hidden_states(X).shape
        (2, 8)
        >>> [h.shape for h in model.hidden_states(X, per_step=True)]
        [(3, 8), (1, 8)]
        """
        return self._hidden_states(X, per_step)

    def _hidden_states(self, X, per_step, condition=None):
        check_is_fitted(self, "module_")
        if not (per_step is None or isinstance(per_step, (bool, np.bool_))):
            raise TypeError(f"per_step must be True, False or None, but it is {per_step!r}.")
        per_step = self._per_step if per_step is None else per_step
        sequences = self._read_inputs(X)
        coded = self._code_condition(condition, len(sequences))
        dataset = SequenceDataset(sequences, per_step=per_step, condition=coded)
        states = hidden_states(self.module_, dataset)
        return self._cut(states, sequences, X) if per_step else states

    # Persistence

    @fair_threads()
    def __getstate__(self):
        """Return the state as NumPy arrays and plain Python objects, without the optimizer's state."""
        state = super().__getstate__()
        if "module_" in state:
            state["_schedules"] = copy.deepcopy(state.pop("net_").schedules)
            state["history_"] = [
                {name: value for name, value in epoch.items() if name not in _RECORDED}
                for epoch in self.history_
            ]
            network = state.pop("module_")
            state["_frozen"] = [name for name, w in network.named_parameters() if not w.requires_grad]
            state["_weights"] = {
                name: w.detach().cpu().numpy().copy() for name, w in network.state_dict().items()
            }
        return state

    @fair_threads()
    def __setstate__(self, state):
        """Build the network again with its weights, on a device that is available."""
        state = dict(state)
        weights, frozen = state.pop("_weights", None), state.pop("_frozen", ())
        super().__setstate__(state)
        if weights is not None:
            check_classes(self._network | self._setup)
            device = resolve_device(self.device, fall_back=True)
            stream = RandomStream((self._seed + self.n_iter_) % 2**31, device)
            self._make_net(device, stream, weights)
            for name, w in self.module_.named_parameters():
                w.requires_grad_(name not in frozen)
            self.net_.schedules = self.__dict__.pop("_schedules")
            for i, epoch in enumerate(self.history_):
                epoch |= {"epoch": i + 1, "train_loss": self.loss_curve_[i]}
            self.net_.history.extend(dict(epoch, batches=[]) for epoch in self.history_)

    def __sklearn_tags__(self):
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags


def code_tokens(tokens, vocabulary):
    """Return the position of each token in a sorted vocabulary, counted from 1; 0 if it is not in it."""
    codes = np.searchsorted(vocabulary, tokens)
    codes[codes == len(vocabulary)] = 0
    return np.where(vocabulary[codes] == tokens, codes + 1, 0)


def _is_table(X, sequences):
    """Return whether X is a 2-D array of numbers or a DataFrame, whose columns scikit-learn counts."""
    shape = array_shape(X)
    return shape is not None and len(shape) == 2 and not sequences.is_tokens


def _is_nested_table(X, sequences):
    """Return whether X is a list of equally long lists of floats, which scikit-learn reads as a 2-D array."""
    if not isinstance(X, list) or not isinstance(X[0], list) or np.ndim(X[0]) != 1:
        return False
    return sequences.n_features == 1 and len(np.unique(sequences.lengths)) == 1


def count_padded_steps(X, padding_value):
    """Return the number of steps with padding, of one array or of each sequence; None without padding."""
    shape = getattr(X, "shape", ())
    if len(shape) > 1:
        return shape[1]
    if padding_value is None or isinstance(X, Sequences):
        return None
    is_iterable = hasattr(X, "__iter__") or hasattr(X, "__getitem__")
    X = X if is_iterable and not isinstance(X, memoryview) else np.asarray(X)
    return np.array([len(x) for x in X])


def _are_same(a, b):
    """Return whether two parameters are equal; bound options are compared one by one."""
    if isinstance(a, partial) and isinstance(b, partial):
        return (a.func, a.args, a.keywords) == (b.func, b.args, b.keywords)
    return a == b


def _check_groups(groups, validation, sequences):
    """Check the groups of the sequences."""
    if groups is None:
        return None
    if any(part is not None for part in validation):
        raise ValueError("Pass X_val and y_val, or validation_groups to set sequences aside by, not both.")
    with reading("validation_groups"):
        groups = column_or_1d(groups)
    check_same_number(groups, sequences, "validation_groups")
    problems = Problems("validation_groups")
    if groups.dtype.kind in "fO":
        for i in np.flatnonzero([is_missing(group) for group in groups]):
            problems.add(i, "is missing; every sequence needs a group.")
    problems.raise_if_any()
    return groups


def _choose_groups(groups, fraction, rng):
    """Choose groups at random with about a share of the sequences; return a mask of the sequences."""
    codes = np.unique(groups, return_inverse=True)[1]
    counts, n = np.bincount(codes), len(groups)
    wanted = max(2, round(fraction * n))  # R^2 needs two
    held = np.zeros(len(counts), dtype=bool)
    for group in rng.permutation(len(counts)):
        n_held, more = counts[held].sum(), counts[group]
        held[group] = abs(n_held + more - wanted) < abs(n_held - wanted) and n_held + more < n
    if not held.any():
        held[counts.argmin()] = True
    if len(counts) < 2 or counts[held].sum() < 2:
        raise ValueError(
            f"validation_groups names {len(counts)} group(s) for {n} sequences: whole groups cannot be set "
            "aside so that at least 2 sequences are validated on and some are left to train on. Pass more "
            "groups, X_val and y_val, or set early_stopping=False."
        )
    return held[codes]


def _drop_weightless(sequences, targets, weights, index, per_step):
    """Drop sequences of zero weight, as if they had not been passed; `index` holds the indices of all."""
    if weights is None:
        return sequences, targets, weights, index
    heaviest = np.maximum.reduceat(weights, sequences.offsets[:-1]) if per_step else weights
    keep = heaviest > 0
    if keep.all():
        return sequences, targets, weights, index
    rows = np.repeat(keep, sequences.lengths) if per_step else keep
    return sequences[keep], targets[rows], weights[rows], index[keep]
