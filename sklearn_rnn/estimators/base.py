"""Base class of the estimators: reading X, training, prediction, persistence."""

import copy
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.data.random_state import check_random_state
from sklearn_rnn.encoding.inputs import restore
from sklearn_rnn.encoding.labels import UnseenLabelsError
from sklearn_rnn.estimators.parameters import FIXED, RULES, check_classes
from sklearn_rnn.estimators.scoring import apply_scorer
from sklearn_rnn.nn.drawing import FirstWeights
from sklearn_rnn.nn.inference import hidden_states
from sklearn_rnn.nn.kernels.threads import fair_threads
from sklearn_rnn.nn.kernels.torch_threads import compute_on
from sklearn_rnn.nn.network import NetworkSpec, RecurrentNetwork, has_own_classes
from sklearn_rnn.persistence import Versioned
from sklearn_rnn.training import (
    BestEpoch,
    Progress,
    RandomStream,
    make_net,
    name_callbacks,
    open_checkpoint,
    resolve_device,
    resolve_dtype,
    split_rows,
    train,
)

# Parameters that may change when training resumes from a checkpoint; seed and device are compared separately.
_FREE = frozenset(["max_iter", "warm_start", "random_state", "device", "verbose", "checkpoint"])

# Records of every epoch that are not needed after training; the losses are in `loss_curve_`.
_RECORDED = frozenset(
    ["epoch", "dur"]
    + [f"{part}_{what}" for part in ("train", "valid") for what in ("batch_count", "loss", "loss_best")]
)


class TrainingData(NamedTuple):
    """What an estimator trains on.

    Attributes
    ----------
    dataset : SequenceDataset or the like
        The training data.
    held_out : SequenceDataset or the like, optional
        Validation data.
    groups : ndarray, optional
        Groups of sequences, which a split into parts keeps together.
    given : Given, optional
        The data that a scorer gets in validation, in a form that users pass.
    everything : SequenceDataset or the like, optional
        What to train on in the end, if `held_out` is a part of it that `dataset` lacks.
    """

    dataset: object
    held_out: object = None
    groups: object = None
    given: object = None
    everything: object = None


class BaseRNN(Versioned, BaseEstimator):
    """Base class of the estimators: the template of `fit`, training, and persistence.

    An estimator is made of encoders, which learn the form of X and y, and of a network. A subclass defines

    - `_encode_training`: read and encode the training data, and return `TrainingData`;
    - `_describe_network`: return the arguments of `NetworkSpec`;
    - `_read_inputs` and `_restore`, which `hidden_states` needs; and its predict methods.
    """

    _extra_rules = {}
    _free = frozenset()  # parameters that may change here once training began, but not elsewhere
    _progress = Progress
    _network_class = RecurrentNetwork
    _embeds_inputs_alone = True  # and not targets as well
    _trains_on_all = True  # in the end, for the number of epochs that was best in validation

    def _store(self, parameters):
        """Store the arguments of a constructor unchanged."""
        for name, value in parameters.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # Training

    @contextmanager
    def _unchanged_on_error(self, goes_on):
        before = dict(self.__dict__)
        before_training = self.net_.snapshot() if goes_on else None
        drawn = (
            self.random_state.get_state() if isinstance(self.random_state, np.random.RandomState) else None
        )
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if goes_on:
                self.net_.restore(before_training)
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
        min_frequency = getattr(self, "min_frequency", 1)
        if min_frequency != 1 and self.vocabulary is not None:
            raise ValueError(
                f"vocabulary sets which tokens are known, and min_frequency={min_frequency!r} has no effect; "
                "leave one of them out."
            )
        if min_frequency != 1 and self.handle_unknown == "error":
            raise ValueError(
                f"min_frequency={min_frequency!r} makes rare tokens of training unknown, which "
                "handle_unknown='error' refuses; set handle_unknown='unknown'."
            )

    @fair_threads(lends=True)
    def _fit(self, *given, goes_on, epochs, checkpoint=None, save=None, **options):
        """Check everything, then train; on an error the estimator is unchanged.

        Parameters
        ----------
        *given
            Arguments of `_encode_training`.
        goes_on : bool
            Whether to train further, if there is a network already.
        epochs : int
            Number of epochs.
        checkpoint, save
            See `_train`.
        **options
            More arguments of `_encode_training`.
        """
        self._check_parameters()
        goes_on = goes_on and hasattr(self, "module_")
        with self._unchanged_on_error(goes_on):
            self._begin(goes_on)
            device = resolve_device(self.device)
            data = self._encode_training(*given, **options, reset=not goes_on, epochs=epochs)
            self._prepare(device, goes_on)
            self._train(data, epochs, checkpoint=checkpoint, save=save)
        return self

    def _begin(self, goes_on):
        """Store the parameters that cannot change once training began, or check that they have not."""
        # Also those that a subclass sets itself, so that they are no parameters of its constructor.
        now = {name: _freeze(getattr(self, name)) for name in sorted(FIXED) if hasattr(self, name)}
        if isinstance(now.get("vocabulary"), (str, tuple)):  # in any order
            now["vocabulary"] = tuple(sorted(now["vocabulary"], key=str))
        if not goes_on:
            self._begun = now
        for name, value in now.items():
            if name in self._free or (name == "vocabulary" and value is None):  # the same as before
                continue
            if not _are_same(value, self._begun[name]):
                raise ValueError(
                    f"{name} was {self._begun[name]!r:.200} when training began and is now {value!r:.200}; "
                    "training can only go on with the same."
                )

    def _prepare(self, device, goes_on):
        """Make a network and its skorch net, or prepare the existing ones to be trained further."""
        self._setup = {
            name: getattr(self, name)
            for name in ("optimizer", "weight_decay", "dtype", "learning_rate", "max_grad_norm")
        }
        if goes_on:
            self.net_.max_grad_norm = self.max_grad_norm
            self.net_.resume(self.learning_rate)
            return
        self._network = self._describe_network()
        # Without a seed: fresh entropy, so that NumPy's global state stays as it is.
        rng = np.random.RandomState() if self.random_state is None else check_random_state(self.random_state)
        self._seed = int(rng.randint(np.iinfo(np.int32).max))
        self._make_net(device, RandomStream(self._seed, device))
        self.n_iter_ = 0
        self.__dict__.pop("best_epoch_", None)
        self.loss_curve_, self.history_ = [], []

    def _make_net(self, device, stream, weights=None):
        """Make a network, new or with weights from a state, and the skorch net that trains it."""
        dtype, of_kernels = resolve_dtype(self._setup["dtype"], device, fall_back=weights is not None)
        spec = self._make_spec()
        is_own = has_own_classes(spec)
        # An orthogonal matrix has other bits on another number of threads.
        with stream.active(), compute_on(1):
            if weights is None:
                with FirstWeights() if is_own else stream.lent(), self._explaining_size(is_own):
                    network = self._network_class(spec).to(device, dtype)
            else:
                with (
                    nullcontext() if is_own else stream.lent()
                ):  # a user's class draws before it gets its weights
                    network = self._network_class.from_weights(weights, device, dtype, spec)
            network.set_kernel_dtype(of_kernels)
            self.net_ = make_net(
                network,
                optimizer=self._setup["optimizer"],
                learning_rate=self._setup["learning_rate"],
                weight_decay=self._setup["weight_decay"],
                callbacks=None,
                max_grad_norm=self._setup["max_grad_norm"],
                stream=stream,
                title=type(self).__name__,
                device=str(device),  # as in skorch
                batch_size=1,
                verbose=0,
            )
        self.module_ = network.eval()

    def _make_spec(self):
        return NetworkSpec(**self._network)

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

    def _train(self, data, epochs, checkpoint=None, save=None):
        """Train the network, and write down how it went.

        Parameters
        ----------
        data : TrainingData
            What to train on; with early stopping and without validation data, a part of it is set aside.
        epochs : int
            Number of epochs.
        checkpoint : path, optional
            File from which training resumes.
        save : callable, optional
            Called at the end, before the checkpoint is removed.
        """
        is_stopped_early = bool(self.early_stopping and epochs > 1)
        if checkpoint is not None:
            is_seeded = self.random_state is not None or self.n_iter_ > 0
            checkpoint = open_checkpoint(
                checkpoint,
                self._identify(data) | {"early_stopping": is_stopped_early},
                self._seed,
                self.module_.like.device,
                takes_seed=not is_seeded,
                epochs=epochs,
                verbose=self.verbose,
            )
            self._seed = checkpoint.seed
        best = None
        if is_stopped_early:
            best = BestEpoch(self.n_iter_no_change, self.tol, scores_are_losses=self.scoring == "loss")
            if data.held_out is None:
                data = self._set_aside(data)
        record = train(
            self.net_,
            data.dataset,
            data.held_out,
            data.everything if self._trains_on_all else None,
            epochs=epochs,
            batch_size=self.batch_size,
            callbacks=self.callbacks or [],
            score=partial(self._score_held_out, data.given),
            best=best,
            progress=self._progress,
            verbose=self.verbose,
            checkpoint=checkpoint,
        )
        self._write_down(record)
        if save is not None:
            save()
        if checkpoint is not None and not record.was_interrupted:
            checkpoint.remove()  # last: if the model cannot be saved, training can resume from it

    def _identify(self, data):
        """Return what must be the same when training resumes from a checkpoint, by its names in messages."""
        return {
            "the estimator": type(self),
            **{name: v for name, v in self.get_params(deep=False).items() if name not in _FREE},
            "device": self.module_.like.device.type,
            "the number of epochs trained before": self.n_iter_,
            "X": data.dataset,
            "X_val": data.held_out,
            "validation_groups": data.groups,
        }

    def _set_aside(self, data):
        """Set a part of the training data aside for validation."""
        dataset, held_out, rows = self._split(data.dataset, data.groups)
        given = None if self.scoring == "loss" else data.given.select(rows)
        return TrainingData(dataset, held_out, data.groups, given, everything=data.dataset)

    def _split(self, dataset, groups):
        """Set sequences aside for validation, and return which; they are copied, the others are not.

        A fit that continues with the same data sets the same ones aside.
        """
        strata = self._strata(dataset)
        kept, held_out = split_rows(
            len(dataset), self.validation_fraction, self._seed, groups=groups, strata=strata
        )
        return dataset.keep(kept), dataset.subset(held_out), held_out

    def _strata(self, dataset):
        """Return the classes whose shares are kept when sequences are set aside, if there are any."""
        return None

    def _score_held_out(self, given, loss):
        """Return the validation score of an epoch with this validation loss."""
        return -loss if self.scoring == "loss" else apply_scorer(self.scoring, self, given)

    def _write_down(self, record):
        """Copy the history of training to plain attributes."""
        if record.best_epoch is not None:
            self.best_epoch_ = self.n_iter_ + record.best_epoch
        self.history_ = self.history_ + record.history[len(self.history_) :]
        self.n_iter_ = len(self.history_)
        self.loss_curve_ = [float(epoch["train_loss"]) for epoch in self.history_]
        self.best_loss_ = min(self.loss_curve_, default=None)
        self.validation_scores_ = [e["valid_score"] for e in self.history_ if "valid_score" in e] or None

    # Prediction

    def _restore(self, flat, sequences, form):
        """Bring answers for all steps into the form of X."""
        return restore(flat, sequences, form, self.padding_value)

    def _learnt(self, encoder, name):
        """Return what an encoder has learnt; raise an AttributeError if there is no such thing."""
        value = getattr(vars(self).get(encoder), name, None)
        if value is None:
            raise AttributeError(
                f"This {type(self).__name__} has not learnt any {name}: it is not fitted, or on another form "
                "of data."
            )
        return value

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

    def _hidden_states(self, X, per_step, encode_condition=lambda n_sequences: None):
        check_is_fitted(self, "module_")
        if not (per_step is None or isinstance(per_step, (bool, np.bool_))):
            raise TypeError(f"per_step must be True, False or None, but it is {per_step!r}.")
        per_step = self._per_step if per_step is None else per_step
        sequences, form = self._read_inputs(X)
        dataset = SequenceDataset(sequences, per_step=per_step, condition=encode_condition(len(sequences)))
        states = hidden_states(self.module_, dataset)
        return self._restore(states, sequences, form) if per_step else states

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


def _freeze(value):
    """Return a parameter such that it can be compared later: a copy of what may change, as a tuple."""
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(value, key=str))
    if isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim):
        return tuple(value.tolist() if isinstance(value, np.ndarray) else value)
    return value


def _are_same(a, b):
    """Return whether two parameters are equal; bound options are compared one by one."""
    if isinstance(a, partial) and isinstance(b, partial):
        return (a.func, a.args, a.keywords) == (b.func, b.args, b.keywords)
    return a == b


def read_validation(X, y, read):
    """Read validation data with a function that reads them as the training data; None if there are none."""
    if X is None and y is None:
        return None
    if X is None or y is None:
        raise ValueError("X_val and y_val belong together, but only one of them is passed.")
    try:
        dataset = read(X, y)
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
