"""Sources and targets of sequence-to-sequence models."""

import numbers
from functools import partial

import numpy as np
from sklearn.utils.validation import validate_data

from sklearn_rnn.data.arrays import first_of, object_array
from sklearn_rnn.data.checks import check_unit
from sklearn_rnn.data.form import array_shape
from sklearn_rnn.data.hints import warn_of_float32, warn_of_integers, warn_of_scale
from sklearn_rnn.data.problems import Problems, check_same_number, has_no_axis, reading
from sklearn_rnn.data.reading import as_sequences, read_features, read_sequences
from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.encoding.inputs import InputEncoder
from sklearn_rnn.encoding.numbers import measure
from sklearn_rnn.encoding.vocabulary import Vocabulary, find_in_sources, refuse_tokens, to_outputs


class SourceEncoder(InputEncoder):
    """Converts sources: sequences as `InputEncoder`, and also one vector or one label per source.

    Attributes
    ----------
    form : {"sequences", "vectors", "labels"}
        What a source is.
    labels : ndarray of shape (n_labels,), or None
        The labels of training, sorted; None for other forms.

    Examples
    --------
    >>> from sklearn_rnn import RNNSeq2Seq
    >>> from sklearn_rnn.encoding.pairs import SourceEncoder
    >>> encoder = SourceEncoder()
    >>> encoder.read([7, 3, 7], RNNSeq2Seq(), reset=True)[0]
    array([[0., 1.],
           [1., 0.],
           [0., 1.]], dtype=float32)
    """

    form = labels = None

    @property
    def is_sequence(self):
        """Whether sources are sequences."""
        return self.form == "sequences"

    @property
    def input_size(self):
        """Number of features, of labels, or of ids."""
        return len(self.labels) if self.form == "labels" else super().input_size

    def read(self, X, owner, *, reset):
        """Convert sources; see `InputEncoder.read`.

        Parameters
        ----------
        X : sequences in any form, vectors or labels
            See `RNNSeq2Seq.fit`.
        owner : estimator
            Stores the names and the number of features; its `padding_value` is cut off.
        reset : bool
            Whether these are the first data.

        Returns
        -------
        sources : Sequences, or ndarray of float32 of shape (n_sources, p)
            Sequences; or vectors, one-hot for labels.
        form : Form, or None
            The form of X, if it holds sequences.
        """
        shape, is_frame = array_shape(X), hasattr(X, "columns")
        is_text = getattr(getattr(X, "dtype", None), "kind", "") in ("U", "T", "O")
        is_table = shape is not None and len(shape) == 2 and (is_frame or not is_text)
        # Only steps can have padding; a str is that of text.
        is_table = is_table and (owner.padding_value is None or isinstance(owner.padding_value, str))
        labels = _as_labels(X) if shape is None else None
        form = "vectors" if is_table else "sequences" if labels is None else "labels"
        if reset:
            self.form, self.labels = form, None
            vars(owner).pop("feature_names_in_", None)  # of another form of X
        elif form != self.form:
            if form == "sequences":
                as_sequences(X)  # raises an error for other forms
            raise TypeError(
                f"X holds {form}, but {type(owner).__name__} was fitted on {self.form}; pass the same form."
            )
        if form == "sequences":
            return super().read(X, owner, reset=reset)
        if reset:
            self.kind, self.is_table = "numbers", False
        vectors = self._read_vectors(X, owner, reset) if is_table else self._read_labels(labels, owner, reset)
        return vectors, None

    def _read_vectors(self, X, owner, reset):
        if hasattr(X, "columns") and np.asarray(X).dtype.kind in "OUT":
            as_sequences(X)  # refuses text
        with reading("X"):
            vectors = validate_data(owner, X, reset=reset, dtype=np.float32)
        if reset:
            self.width = vectors.shape[1]
            advice = f"Scale them: make_pipeline(StandardScaler(), {type(owner).__name__}())."
            names = getattr(owner, "feature_names_in_", None)
            read_exactly = partial(read_features, np.asarray(X)[:, np.newaxis])
            warn_of_scale(vectors, advice, names=names, read_exactly=read_exactly)
        return vectors

    def _read_labels(self, labels, owner, reset):
        if reset:
            owner.n_features_in_ = 1
            self.labels = np.unique(labels)
        places = np.searchsorted(self.labels, labels).clip(max=len(self.labels) - 1)
        problems = Problems("X")
        for i in np.flatnonzero(self.labels[places] != labels):
            problems.add(i, f"is {labels[i]}, a label that training never saw.")
        problems.raise_if_any()
        return np.eye(len(self.labels), dtype=np.float32)[places]

    def learn(self, sources, form, owner):
        """Learn the vocabulary of sources that are sequences; see `InputEncoder.learn`."""
        if self.is_sequence:
            super().learn(sources, form, owner)


def read_targets(y, sources, owner, name="y"):
    """Convert targets to sequences.

    Parameters
    ----------
    y : sequences in any form
        The targets; they may be empty.
    sources : Sequences or ndarray
        As many sources.
    owner : estimator
        The estimator; its `padding_value` is cut off if it is a str.
    name : str, default="y"
        Name of the targets in error messages.

    Returns
    -------
    targets : Sequences
        Tokens, or numbers.
    form : Form
        The form of y.

    Raises
    ------
    ValueError
        If they are not sequences, or not as many as the sources.

    Examples
    --------
    >>> from sklearn_rnn import RNNSeq2Seq
    >>> from sklearn_rnn.encoding.pairs import read_targets
    >>> read_targets(["ab", ""], ["x", "y"], RNNSeq2Seq())[0].lengths
    array([2, 0])
    """
    may_be_numbers = isinstance(y, (list, tuple)) or getattr(y, "ndim", 0) == 1
    if may_be_numbers and isinstance(first_of(y), numbers.Number):
        raise ValueError(
            f"{name} holds a number for each source, but {type(owner).__name__} writes sequences. "
            "RNNRegressor predicts numbers, RNNClassifier labels; a sequence of one number is [number]."
        )
    padding = owner.padding_value if isinstance(owner.padding_value, str) else None  # of text, in both
    targets, form = read_sequences(y, padding_value=padding, allow_empty=True, name=name, dtype=None)
    check_same_number(targets, sources, name)
    return targets, form


def make_target_encoder(form, y, *, copies):
    """Return the encoder for targets of tokens, or of numbers.

    Parameters
    ----------
    form : Form
        The form of the targets, as `read_targets` returned it.
    y : sequences in any form
        As they were passed.
    copies : bool
        Whether tokens are also copied from sources.

    Returns
    -------
    TokenTargetEncoder or NumberTargetEncoder
        A new encoder.

    Examples
    --------
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> from sklearn_rnn.encoding.pairs import make_target_encoder
    >>> make_target_encoder(read_sequences(["ab"])[1], ["ab"], copies=False).kind
    'text tokens'
    """
    if form.kind == "numbers":
        return NumberTargetEncoder(is_flat=_are_flat(y))
    return TokenTargetEncoder(form.kind, copies=copies)


class TokenTargetEncoder:
    """Converts targets of tokens to what a decoder reads and writes, and what it wrote to tokens.

    Parameters
    ----------
    kind : {"integer tokens", "text tokens"}
        What steps hold.
    copies : bool, default=False
        Whether tokens are also copied from sources. After the outputs for `vocabulary` there is then one for
        each step of the source: a token that the vocabulary lacks is the output of the step where it first
        occurs there.

    Attributes
    ----------
    vocabulary : Vocabulary
        The tokens, the symbol that targets begin with, and their end.
    rare : ndarray of bool of shape (n_ids,), or None
        The ids from which an unknown token is learnt, since they occur only once; only with `copies`.

    Examples
    --------
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> from sklearn_rnn.encoding.pairs import TokenTargetEncoder
    >>> encoder, (y, form) = TokenTargetEncoder("text tokens"), read_sequences(["ab", "b"])
    >>> encoder.learn(y, form)
    >>> inputs, written = encoder.encode(y, None)
    >>> inputs.values.tolist(), written.tolist()
    ([0, 1, 2, 0, 2], [0, 1, 2, 1, 2])
    """

    head = "softmax"
    is_tokens = True
    rare = None

    def __init__(self, kind, *, copies=False):
        self.kind, self.copies = kind, copies

    def check(self, targets, form, sources, owner, name):
        """Check that targets have the form of those of training.

        Parameters
        ----------
        targets, form : Sequences, Form
            As `read_targets` returned them.
        sources : SourceEncoder
            The encoder of the sources.
        owner : estimator
            The estimator, which error messages name.
        name : str
            Name of the targets in error messages.
        """
        _check_kind(form, self.kind, owner, name)
        if self.kind == "text tokens":
            known = self.vocabulary.tokens
            known = np.append(known, sources.vocabulary.tokens) if self.copies else known
            check_unit(form, targets, known, owner, name)

    def learn(self, targets, form, weights=None):
        """Learn the vocabulary.

        Parameters
        ----------
        targets, form : Sequences, Form
            Tokens of training, and the form in which they were passed.
        weights : ndarray, optional
            Not used.
        """
        tokens, counts = np.unique(targets.values, return_counts=True)
        self.vocabulary = Vocabulary(tokens, "unknown" if self.copies else "begin", ("end",))
        warn_of_integers(form, targets, "y")
        if self.copies:
            self.rare = np.concatenate([[False], counts == 1, [False]])

    @property
    def begin(self):
        """The id that a target begins with."""
        return self.vocabulary.begin_id

    @property
    def end(self):
        """The output for the end of a target."""
        return to_outputs(self.vocabulary.end_id)

    @property
    def input_size(self):
        """Number of ids that a decoder reads."""
        return self.vocabulary.n_inputs

    @property
    def n_outputs(self):
        """Number of outputs, without those for copies."""
        return self.vocabulary.n_outputs

    def encode(self, targets, sources, name="y"):
        """Return what a decoder reads, and what it should write.

        Parameters
        ----------
        targets : Sequences
            Tokens.
        sources : Sequences
            Tokens of the sources; only used with `copies`.
        name : str, default="y"
            Name of the targets in error messages.

        Returns
        -------
        inputs : Sequences of int64
            Ids: the beginning, then the tokens.
        written : ndarray of int64 of shape (n_steps_total,)
            Outputs: the tokens, then the end.

        Raises
        ------
        ValueError
            If there is a token that can be neither written nor copied.
        """
        ids = self.vocabulary.find(targets.values)
        written = to_outputs(ids)
        unknown, why = np.flatnonzero(ids == 0), "no target in training had."
        if self.copies and len(unknown):
            steps = find_in_sources(targets, unknown, sources)
            written[unknown] = self.n_outputs + steps
            unknown, why = unknown[steps < 0], "is neither in target_vocabulary_ nor in its source."
        refuse_tokens(targets, unknown, name, why)
        inputs = np.insert(ids, targets.offsets[:-1], self.begin)
        written = np.insert(written, targets.offsets[1:], self.end)
        return Sequences(inputs, targets.offsets + np.arange(len(targets.offsets))), written

    def find_copies(self, sources):
        """Return the output that copying each step of a source writes.

        Parameters
        ----------
        sources : Sequences
            Tokens.

        Returns
        -------
        ndarray of int64 of shape (n_steps_total,)
            Outputs.
        """
        ids = self.vocabulary.find(sources.values)
        outputs, others = to_outputs(ids), np.flatnonzero(ids == 0)
        outputs[others] = self.n_outputs + find_in_sources(sources, others, sources)
        return outputs

    def decode(self, written, sources):
        """Return the tokens of outputs.

        Parameters
        ----------
        written : list of ndarray of int
            What was written for each source, without the end.
        sources : Sequences or ndarray
            The sources; only used with `copies`.

        Returns
        -------
        object array
            Targets in the form of training: str, lists of words, or arrays of integers.
        """
        if self.copies:
            targets = [self._decode_copies(*pair) for pair in zip(written, sources, strict=True)]
        else:
            targets = [self.vocabulary.tokens[outputs] for outputs in written]
        is_integer = self.kind == "integer tokens"
        return object_array(targets if is_integer else map(self.vocabulary.spell, targets))

    def _decode_copies(self, written, source):
        is_copied = written >= self.n_outputs
        tokens = source[np.where(is_copied, written - self.n_outputs, 0)]
        tokens = tokens.astype(np.result_type(tokens, self.vocabulary.tokens), copy=False)
        tokens[~is_copied] = self.vocabulary.tokens[written[~is_copied]]
        return tokens


class NumberTargetEncoder:
    """Converts targets of numbers to what a decoder reads and writes, and back; see `TokenTargetEncoder`.

    A row that a decoder reads is 1 and zeros at the beginning, and 0 and the numbers of the step before
    elsewhere; a row that it writes is the numbers and 0, and zeros and 1 at the end.

    Parameters
    ----------
    is_flat : bool
        Whether there is one number a step, without an axis.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_outputs,)
        Mean and standard deviation of the numbers of training.

    Examples
    --------
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> from sklearn_rnn.encoding.pairs import NumberTargetEncoder
    >>> encoder, (y, form) = NumberTargetEncoder(is_flat=True), read_sequences([[1.0, 3.0]])
    >>> encoder.learn(y, form)
    >>> inputs, written = encoder.encode(y, None)
    >>> inputs.values.tolist()
    [[1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]
    >>> written.tolist()
    [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """

    head = "stopping"
    kind = "numbers"
    is_tokens = copies = False
    rare = None

    def __init__(self, *, is_flat):
        self.is_flat = is_flat

    def check(self, targets, form, sources, owner, name):
        """Check that targets have the form of those of training; see `TokenTargetEncoder.check`."""
        _check_kind(form, self.kind, owner, name)
        if targets.values.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has {targets.values.shape[1]} numbers a step, but {type(owner).__name__} was "
                f"fitted on {self.n_outputs}."
            )

    def learn(self, targets, form, weights=None):
        """Learn mean and scale.

        Parameters
        ----------
        targets, form : Sequences, Form
            Numbers of training, and the form in which they were passed.
        weights : ndarray of shape (n_targets,), optional
            Weights of the targets.
        """
        rows = None if weights is None else np.repeat(weights, targets.lengths)
        warn_of_float32(targets.values, "y")
        self.mean, self.scale = measure(targets.values, rows, "y")

    @property
    def begin(self):
        """The row that a target begins with."""
        return np.eye(1, self.input_size, dtype=np.float32)[0]

    @property
    def input_size(self):
        """Number of columns of a row."""
        return self.n_outputs + 1

    @property
    def n_outputs(self):
        """Number of numbers per step."""
        return len(self.mean)

    def get_rows(self, targets):
        """Return the numbers of all steps, (n_steps_total, n_outputs), also if all targets are empty."""
        return targets.values.reshape(-1, self.n_outputs)

    def encode(self, targets, sources, name="y"):
        """Return what a decoder reads, and what it should write; see `TokenTargetEncoder.encode`."""
        values = ((self.get_rows(targets) - self.mean) / self.scale).astype(np.float32)
        inputs = np.insert(np.pad(values, ((0, 0), (1, 0))), targets.offsets[:-1], self.begin, axis=0)
        end = self.begin[::-1]
        written = np.insert(np.pad(values, ((0, 0), (0, 1))), targets.offsets[1:], end, axis=0)
        return Sequences(inputs, targets.offsets + np.arange(len(targets.offsets))), written

    def decode(self, written, sources=None):
        """Return numbers in the unit and the form of training.

        Parameters
        ----------
        written : list of ndarray of shape (n_steps_i, n_outputs)
            What was written for each source.
        sources : object, optional
            Not used.

        Returns
        -------
        object array
            Targets.
        """
        targets = [part * self.scale + self.mean for part in written]
        return object_array([part[:, 0] for part in targets] if self.is_flat else targets)


def _check_kind(form, expected, owner, name):
    if form.kind != expected:
        raise TypeError(
            f"{name} holds {form.kind}, but {type(owner).__name__} was fitted on {expected}; pass the same "
            "form."
        )


def _are_flat(y):
    """Return whether sequences of numbers have one axis: one number per step."""
    if isinstance(y, Sequences):
        return False
    shape = array_shape(y)
    if shape is not None and len(shape) > 1:
        return len(shape) == 2
    return all(np.ndim(part) < 2 for part in y)


def _as_labels(X):
    """Return labels as an array, if X holds integers (or bool) with one axis; else None."""
    if isinstance(X, (Sequences, str, dict)) or not hasattr(X, "__len__") or getattr(X, "is_nested", False):
        return None
    if has_no_axis(X) or len(X) == 0:
        return None
    if not isinstance(X, np.ndarray):
        with reading("X"):
            if not isinstance(first_of(X), (int, np.integer, np.bool_)):
                return None
            X = np.asarray(X)
    return X if X.ndim == 1 and X.dtype.kind in "iub" else None
