"""Base class of the estimators with one target per sequence or per step."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.data.hints import warn_of_feature_names, warn_of_numbers_as_text
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.encoding.inputs import InputEncoder
from sklearn_rnn.estimators.base import BaseRNN, TrainingData, read_validation
from sklearn_rnn.estimators.scoring import Given
from sklearn_rnn.nn.inference import answer
from sklearn_rnn.nn.kernels.threads import fair_threads
from sklearn_rnn.training import check_groups

# Parameters of the estimator that are those of its network.
_OF_NETWORK = (
    "cell",
    "hidden_size",
    "num_layers",
    "bidirectional",
    "nonlinearity",
    "dropout",
    "embedding_size",
    "bptt_steps",
)


class SupervisedRNN(BaseRNN):
    """An input encoder, a target encoder, and a network with one output per sequence or per step.

    A subclass names its target encoder in `_target_encoder_class`, and defines its predict methods.

    Attributes
    ----------
    input_encoder_ : InputEncoder
        Converts X.
    target_encoder_ : object
        Converts y: `read` checks it, `learn` learns its form, `encode` and `decode` convert targets and
        predictions. Its `n_outputs` is that of the network.
    """

    @property
    def vocabulary_(self):
        """The tokens of training, sorted."""
        return self._learnt("input_encoder_", "vocabulary").tokens

    # Training

    def _encode_training(self, X, y, sample_weight, validation=(None,) * 3, *, reset, epochs, classes=None):
        """Learn the form of the data if `reset`, else check it, and return data sets; see `fit`."""
        if reset:
            self.input_encoder_, self.target_encoder_ = InputEncoder(), self._target_encoder_class()
        encoder, target_encoder = self.input_encoder_, self.target_encoder_
        sequences, form = encoder.read(X, self, reset=reset)
        if reset:
            warn_of_numbers_as_text(form, sequences)
            if form.is_table:
                warn_of_feature_names(form)
        targets, per_step = target_encoder.read(y, sequences, form, self)
        if not reset and per_step != self._per_step:
            raise ValueError("y must hold one target a step, or one a sequence, as in the first fit.")
        self._per_step = per_step
        weights = check_sample_weight(sample_weight, sequences.lengths, per_step=per_step)
        *validation, groups = validation
        groups = check_groups(groups, validation, sequences)
        rows = np.arange(len(sequences))
        sequences, targets, weights, rows = _drop_weightless(sequences, targets, weights, rows, per_step)
        as_read, kept = (sequences, targets, weights), np.arange(len(rows))
        if reset:
            target_encoder.learn(targets, weights, classes)
        codes = target_encoder.encode(targets, classes)
        weights = self._weigh_classes(codes, weights, sequences.lengths)
        sequences, codes, weights, kept = _drop_weightless(sequences, codes, weights, kept, per_step)
        groups = None if groups is None else groups[rows[kept]]
        if weights is not None:
            weights = weights / weights.mean()  # only their ratios count
        if reset:
            encoder.learn(sequences, form, self)
        sequences = encoder.encode(sequences, handle_unknown=self.handle_unknown)
        held_out = read_validation(*validation, self._read_held_out)
        given = None
        if self.scoring != "loss":
            given = self._as_given(*as_read, kept) if held_out is None else self._read_given(*validation)
        dataset = SequenceDataset(sequences, codes, weights, per_step=per_step)
        return TrainingData(dataset, held_out, groups, given)

    def _as_given(self, sequences, targets, weights=None, rows=None):
        """Return data in the form that scorers take, without padding."""
        if self._per_step:
            targets, weights = (
                None if a is None else object_array(np.split(a, sequences.offsets[1:-1]))
                for a in (targets, weights)
            )
        return Given(sequences, targets, weights, rows)

    def _read_given(self, X, y):
        read = self.input_encoder_.read(X, self, reset=False)
        return self._as_given(read[0], self.target_encoder_.read(y, *read, self)[0])

    def _read_held_out(self, X, y):
        sequences, form = self.input_encoder_.read(X, self, reset=False)
        targets, per_step = self.target_encoder_.read(y, sequences, form, self)
        if per_step != self._per_step:
            raise ValueError("y must hold one target a step, or one a sequence, as y in training.")
        codes = self.target_encoder_.encode(targets)
        inputs = self.input_encoder_.encode(sequences, handle_unknown=self.handle_unknown)
        return SequenceDataset(inputs, codes, per_step=per_step)

    def _weigh_classes(self, codes, weights, lengths):
        return weights

    def _strata(self, dataset):
        return self.target_encoder_.find_strata(dataset.targets)

    def _describe_network(self):
        encoder = self.input_encoder_
        return {name: getattr(self, name) for name in _OF_NETWORK} | {
            "input_size": encoder.input_size,
            "is_tokens": encoder.is_tokens,
            "rare": encoder.rare,
            "pooling": None if self._per_step else self.pooling,
            "head": self._choose_head(),
            "n_outputs": self.target_encoder_.n_outputs,
        }

    # Prediction

    @fair_threads()
    def _answer(self, X, method):
        """Return the predictions of the head for X in its order, and X as it was read, with its form."""
        if not hasattr(self, "module_"):  # scikit-learn's check alone takes longer than a short prediction
            check_is_fitted(self, "module_")
        sequences, form = self._read_inputs(X)
        dataset = SequenceDataset(sequences, per_step=self._per_step)
        return answer(self.module_, dataset, method), sequences, form

    def _read_inputs(self, X):
        encoder = self.input_encoder_
        sequences, form = encoder.read(X, self, reset=False)
        return encoder.encode(sequences, handle_unknown=self.handle_unknown), form


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
