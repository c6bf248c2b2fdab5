"""What all estimators share: reading X, training, prediction, persistence."""

import copy
import sys
import warnings
from contextlib import contextmanager
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_rnn.data.batching import SequenceDataset
from sklearn_rnn.data.sequences import Sequences, is_missing, reading
from sklearn_rnn.data.validation import (
    Problems,
    array_shape,
    as_sequences,
    check_names,
    check_same_number,
    check_sample_weight,
    check_unit,
    check_width,
    object_array,
    warn_of_padding_before,
)
from sklearn_rnn.estimators.labels import UnseenLabelsError
from sklearn_rnn.estimators.parameters import RULES
from sklearn_rnn.nn.inference import answer, hidden_states
from sklearn_rnn.nn.native.library import fair_threads
from sklearn_rnn.nn.network import RecurrentNetwork
from sklearn_rnn.persistence import Versioned
from sklearn_rnn.training import (
    Checkpoint,
    Progress,
    RandomStream,
    best_weights,
    make_net,
    resolve_device,
    resolve_dtype,
)

_KINDS = {"f": "numbers", "i": "integer tokens", "U": "text tokens", "O": "text tokens"}
# Parameters that shape the network: a fit that goes on with a network cannot change them.
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
# Parameters that the optimizer and the device are set up with: likewise.
_FIXED = ("optimizer", "weight_decay", "dtype", "device")

# Parameters that may change when training goes on from a checkpoint; the seed and the device are compared.
_FREE = frozenset(["max_iter", "warm_start", "random_state", "device", "verbose", "checkpoint"])

# What is recorded in every epoch and need not outlive training; the losses are in `loss_curve_`.
_RECORDED = frozenset(
    ["epoch", "dur"]
    + [f"{part}_{what}" for part in ("train", "valid") for what in ("batch_count", "loss", "loss_best")]
)


def warn_of_integers(X, vocabulary, n_steps, name="X"):
    """Warn if integers that are read as tokens look like measurements."""
    are_codes = isinstance(X, Sequences)  # whoever made these knew what integers mean
    n_tokens = len(vocabulary)
    if vocabulary.dtype.kind == "i" and not are_codes and n_tokens > max(50, 0.2 * n_steps):
        warnings.warn(
            f"{name} holds integers, which are read as tokens: {n_tokens} different ones in {n_steps} steps. "
            "If they are measurements, make them float: "
            f"{name} = [np.asarray(x, dtype=float) for x in {name}].",
            stacklevel=5,
        )


class BaseRNN(Versioned, BaseEstimator):
    """Base of the estimators: the template of `fit`; a subclass codes targets and chooses a head.

    A subclass defines `_flatten_target`, `_code_target`, `_describe_head`, `_score_answers` and its
    predict methods.
    """

    _extra_rules = {}
    _progress = Progress
    _network_class = RecurrentNetwork

    def _store(self, parameters):
        """Store what a constructor was given, unchanged."""
        for name, value in parameters.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # Reading X

    def _read(self, X, *, reset):
        """Bring X into one form; learn its width if `reset`, else check it."""
        sequences = as_sequences(X, padding_value=self.padding_value)
        if reset and self.padding_value is not None:
            warn_of_padding_before(sequences, self.padding_value)
        is_table = _is_table(X, sequences)
        if is_table and (reset or self._was_table):
            # scikit-learn's own bookkeeping of columns: n_features_in_, feature_names_in_.
            validate_data(self, X, reset=reset, skip_check_array=True)
        elif reset or not self._was_table:  # the names of a table are those of steps
            check_names(sequences, self, reset=reset)
        kind = _KINDS[sequences.values.dtype.kind]
        if reset:
            self._kind = kind
            self._was_table = is_table or _is_nested_table(X, sequences)
            if not is_table:
                self.n_features_in_ = len(X[0]) if self._was_table else sequences.n_features or 1
            return sequences
        if kind != self._kind:
            if (kind, self._kind) == ("integer tokens", "numbers"):
                sequences = sequences.with_values(sequences.values.astype(np.float32)[:, np.newaxis])
            else:
                raise TypeError(
                    f"X holds {kind}, but {type(self).__name__} was fitted on {self._kind}; "
                    "give it the same form."
                )
        if kind == "text tokens":
            check_unit(X, sequences, self.vocabulary_, self)
        width = 1 if self._was_table or self._kind != "numbers" else self.n_features_in_
        if not sequences.is_tokens:
            check_width(sequences, width, self)
        return sequences

    def _learn_vocabulary(self, sequences, X):
        """Learn which tokens there are, and which of them came once only."""
        self.__dict__.pop("vocabulary_", None)
        if not sequences.is_tokens:
            return None
        self.vocabulary_, codes = np.unique(sequences.values, return_inverse=True)
        warn_of_integers(X, self.vocabulary_, len(codes))
        return np.concatenate([[False], np.bincount(codes) == 1])

    @property
    def _n_codes(self):
        return len(self.vocabulary_) + 1

    def _encode(self, sequences):
        """Turn tokens into codes; 0 is the code of what the vocabulary does not hold."""
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

    def _check_parameters(self):
        rules = RULES | self._extra_rules
        for name, value in self.get_params(deep=False).items():
            if name in rules:  # a subclass may have parameters of its own
                rules[name].check(name, value)

    @fair_threads()
    def _fit(self, X, y, sample_weight, validation=(None,) * 3, *, goes_on, epochs, classes=None):
        """Check everything, then train; the estimator changes only if all went well."""
        self._check_parameters()
        goes_on = goes_on and hasattr(self, "module_")
        with self._unchanged_on_error(goes_on):
            device = resolve_device(self.device)
            sequences = self._read(X, reset=not goes_on)
            targets, per_step = self._flatten_target(y, X, sequences)
            if goes_on and per_step != self._per_step:
                raise ValueError("y must hold one target a step, or one a sequence, as in the first fit.")
            self._per_step = per_step
            weights = check_sample_weight(sample_weight, sequences.lengths, per_step=per_step)
            *validation, groups = validation
            groups = _check_groups(groups, validation, sequences)
            sequences, targets, weights, groups = _drop_weightless(
                sequences, targets, weights, groups, per_step
            )
            codes = self._code_target(targets, weights, reset=not goes_on, classes=classes)
            weights = self._weigh_classes(codes, weights, sequences.lengths)
            sequences, codes, weights, groups = _drop_weightless(sequences, codes, weights, groups, per_step)
            if weights is not None:
                weights = weights / weights.mean()  # what counts is how they compare
            rare = None if goes_on else self._learn_vocabulary(sequences, X)
            sequences = self._encode(sequences)
            held_out = self._read_validation(*validation)
            self._prepare(device, rare, goes_on)
            dataset = SequenceDataset(sequences, codes, weights, per_step=per_step)
            self._train(dataset, held_out, groups, epochs)
        return self

    def _read_validation(self, X, y):
        """Read what is to be validated on, as what is trained on was read."""
        if X is None and y is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val belong together, but only one of them is given.")
        try:
            dataset = self._read_held_out(X, y)
        except UnseenLabelsError as error:
            raise ValueError(
                f"y_val holds labels that y lacks: {error.unseen}. Leave their sequences out of X_val and "
                "y_val, or have such labels in y, too."
            ) from None  # whose advice is for y
        except (TypeError, ValueError) as error:
            raise type(error)(f"For X_val and y_val: {error}") from error
        if len(dataset.targets) < 2:
            raise ValueError("X_val and y_val hold a single target; to score it takes at least 2.")
        return dataset

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
        """Make a network and its net, or check that those there can be trained further."""
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
        """Make a network, new or with weights from a state, and the net to train it with."""
        dtype, of_kernels = resolve_dtype(self._setup["dtype"], device, fall_back=weights is not None)
        with stream.active():
            if weights is None:
                network = self._network_class(**self._network).to(device, dtype)
            else:
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
                device=device,
                batch_size=1,
                verbose=0,
            )
        self.module_ = network.eval()

    def _train(self, dataset, validation, groups, epochs, checkpoint=None):
        if checkpoint is not None:
            checkpoint = self._open_checkpoint(checkpoint, dataset, validation, groups, epochs)
        callbacks = users = list(copy.deepcopy(self.callbacks) or [])
        if self.early_stopping and epochs > 1:
            if validation is None:
                dataset, validation = self._split(dataset, groups)
            callbacks = [*callbacks, ("_early_stopping", best_weights(self.n_iter_no_change, self.tol))]
        progress = self._progress()
        if self.verbose == 1:
            callbacks = [*callbacks, ("_progress", progress)]
        net = self.net_
        net.verbose = int(self.verbose)
        net.batch_size = len(dataset) if self.batch_size == "all" else min(self.batch_size, len(dataset))
        net.callbacks = callbacks
        net.initialize_callbacks()
        score = None if validation is None else partial(self._score_dataset, validation)
        try:
            net.train(dataset, validation, epochs, score, checkpoint)
        finally:
            progress.close()
        net.callbacks = users
        ours = {name for name, _ in callbacks[len(users) :]}
        net.callbacks_ = [(name, callback) for name, callback in net.callbacks_ if name not in ours]
        self._write_down()

    def _open_checkpoint(self, path, dataset, validation, groups, epochs):
        """Open the file that training goes on from, if it is there and of this training."""
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
                "Give a larger max_iter, or delete the file to begin anew."
            )
        self._seed = checkpoint.seed
        if checkpoint.goes_on and self.verbose:
            epoch, batch = checkpoint.n_epochs + 1, checkpoint.n_batches + 1
            print(f"going on from {path}: epoch {epoch}, batch {batch}", file=sys.stderr)
        return checkpoint

    def _split(self, dataset, groups):
        """Set sequences aside for validation; they are copied, the others are not.

        A network that goes on with the same data sets the same ones aside.
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
        return dataset.keep(np.sort(train)), dataset.subset(np.sort(held))

    def _plan_split(self, dataset):
        n = len(dataset)
        n_validation = max(2, round(self.validation_fraction * n))  # R^2 needs two
        if n_validation >= n:
            raise ValueError(
                f"early_stopping with validation_fraction={self.validation_fraction} leaves nothing to train "
                f"on: there are {n} sequences. Give more, or set early_stopping=False."
            )
        strata = self._strata(dataset)
        if strata is not None:
            counts = np.unique(strata, return_counts=True)[1]
            if counts.min() < 2 or len(counts) > min(n_validation, n - n_validation):
                strata = None
        return n_validation, strata

    def _strata(self, dataset):
        return None

    def _score_dataset(self, dataset, module):
        return self._score_answers(answer(module, dataset, "predict"), dataset.targets, dataset.weights)

    def _write_down(self):
        """Copy what training learnt about itself into plain attributes."""
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
        """Give the head's answers for X in the user's order, and the sequences that they are for."""
        if not hasattr(self, "module_"):  # asking scikit-learn takes longer than a short prediction may
            check_is_fitted(self, "module_")
        sequences = self._read_inputs(X)
        return answer(self.module_, SequenceDataset(sequences, per_step=self._per_step), method), sequences

    def _code_condition(self, condition, n_sequences):
        """Bring what sequences are conditioned on into the form that the network takes."""
        return None

    def _read_inputs(self, X):
        """Bring X into the form that the network reads."""
        return self._encode(self._read(X, reset=False))

    def _cut(self, flat, sequences, X):
        """Cut answers for all steps into one array a sequence; into one array if X was one."""
        if array_shape(X) is not None and self.padding_value is None:
            return flat.reshape(len(sequences), -1, *flat.shape[1:])
        return object_array(np.split(flat, sequences.offsets[1:-1]))

    @fair_threads()
    def hidden_states(self, X, *, per_step=None):
        """Give what the recurrent layers make of each sequence, or of each step: what the output layer reads.

        It is what the top layer puts out, D numbers: ``hidden_size``, or twice that with
        ``bidirectional=True``, the forward direction first. A Jordan network is different: its top layer puts
        out scores, and these are given, one for each class or output, of both directions side by side.

        Parameters
        ----------
        X : sequences in any form
            See :meth:`fit`.
        per_step : bool, optional
            Whether to give one vector a step, or one a sequence. By default what the estimator answers:
            sequences, or steps. The vector of a sequence is pooled as `pooling` says; in an estimator that
            answers steps it is what each direction puts out when it has read the whole sequence.

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
        """Give the state as NumPy arrays and plain Python; the optimizer's memory is left out."""
        state = super().__getstate__()
        if "module_" in state:
            state["_schedules"] = copy.deepcopy(state.pop("net_").schedules)
            state["history_"] = [
                {name: value for name, value in epoch.items() if name not in _RECORDED}
                for epoch in self.history_
            ]
            network = state.pop("module_")
            state["_weights"] = {
                name: w.detach().cpu().numpy().copy() for name, w in network.state_dict().items()
            }
        return state

    @fair_threads()
    def __setstate__(self, state):
        """Build the network anew and give it its weights, on a device that is there."""
        state = dict(state)
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            device = resolve_device(self.device, fall_back=True)
            stream = RandomStream((self._seed + self.n_iter_) % 2**31, device)
            self._make_net(device, stream, weights)
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
    """Give the place of each token in a sorted vocabulary, counted from 1; 0 for what it does not hold."""
    codes = np.searchsorted(vocabulary, tokens)
    codes[codes == len(vocabulary)] = 0
    return np.where(vocabulary[codes] == tokens, codes + 1, 0)


def _is_table(X, sequences):
    """Whether X is a 2-D array of numbers or a DataFrame, whose columns scikit-learn keeps count of."""
    shape = array_shape(X)
    return shape is not None and len(shape) == 2 and not sequences.is_tokens


def _is_nested_table(X, sequences):
    """Whether X is a list of equally long lists of floats, which scikit-learn reads as a 2-D array."""
    if not isinstance(X, list) or not isinstance(X[0], list) or np.ndim(X[0]) != 1:
        return False
    return sequences.n_features == 1 and len(np.unique(sequences.lengths)) == 1


def count_padded_steps(X):
    """Count the steps, padding included, if X is one array with all sequences; else None."""
    shape = getattr(X, "shape", ())
    return shape[1] if len(shape) > 1 else None


def _are_same(a, b):
    """Whether two parameters are equal; bound options are compared one by one."""
    if isinstance(a, partial) and isinstance(b, partial):
        return (a.func, a.args, a.keywords) == (b.func, b.args, b.keywords)
    return a == b


def _check_groups(groups, validation, sequences):
    """Check what says where sequences come from."""
    if groups is None:
        return None
    if any(part is not None for part in validation):
        raise ValueError("Give X_val and y_val, or validation_groups to set sequences aside by, not both.")
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
    """Choose groups at random, together near a share of the sequences; say of each whether it is in one."""
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
            "aside so that at least 2 sequences are validated on and some are left to train on. Give more "
            "groups, X_val and y_val, or set early_stopping=False."
        )
    return held[codes]


def _drop_weightless(sequences, targets, weights, groups, per_step):
    """Leave out sequences without any weight, as if they had not been given."""
    if weights is None:
        return sequences, targets, weights, groups
    heaviest = np.maximum.reduceat(weights, sequences.offsets[:-1]) if per_step else weights
    keep = heaviest > 0
    if keep.all():
        return sequences, targets, weights, groups
    rows = np.repeat(keep, sequences.lengths) if per_step else keep
    return sequences[keep], targets[rows], weights[rows], None if groups is None else groups[keep]
