"""What `fit` learns about the form of X: kind, width, vocabulary."""

import warnings

import numpy as np

from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.data.checks import check_columns, check_names, check_unit, check_width
from sklearn_rnn.data.hints import (
    warn_of_feature_names,
    warn_of_integers,
    warn_of_numbers_as_text,
    warn_of_padding,
    warn_of_padding_before,
    warn_of_scale,
)
from sklearn_rnn.data.problems import find_caller
from sklearn_rnn.data.reading import array_shape, as_sequences
from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.encoding.vocabulary import Vocabulary, learn_tokens, read_tokens

KINDS = {"f": "numbers", "i": "integer tokens", "U": "text tokens", "O": "text tokens"}


class InputEncoder:
    """Converts X to what a network reads: float32 numbers, or ids of tokens.

    `read` converts X to `Sequences` and checks that it has the form of the training data; `learn` learns the
    vocabulary; `encode` turns tokens into ids; `restore` brings answers for single steps into the form of X.

    Attributes
    ----------
    kind : {"numbers", "integer tokens", "text tokens"}
        What steps hold.
    is_table : bool
        Whether X was an array of shape (n_sequences, n_steps) or a DataFrame, whose columns scikit-learn
        counts as features, or a list that it reads as such an array.
    width : int
        Number of features of a step; 1 for tokens.
    vocabulary : Vocabulary or None
        The tokens; None for numbers.
    rare : ndarray of bool of shape (n_ids,), or None
        The ids from which an unknown token is learnt, since they occur only once.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.encoding.inputs import InputEncoder
    >>> encoder, estimator = InputEncoder(), RNNClassifier()
    >>> sequences = encoder.read(["ab", "b"], estimator, reset=True)
    >>> encoder.learn(["ab", "b"], sequences, estimator)
    >>> encoder.encode(sequences).values
    array([1, 2, 2])
    >>> encoder.encode(encoder.read(["bc"], estimator, reset=False)).values
    array([2, 0])
    """

    vocabulary = rare = None

    @property
    def is_tokens(self):
        """Whether steps hold tokens."""
        return self.kind != "numbers"

    @property
    def input_size(self):
        """Number of features, or of ids, that a network reads."""
        return self.vocabulary.n_inputs if self.is_tokens else self.width

    def read(self, X, owner, *, reset):
        """Convert X to `Sequences`; learn its form if `reset`, else check it.

        Parameters
        ----------
        X : sequences in any form
            See `RNNClassifier.fit`.
        owner : estimator
            Stores the names and the number of features; its `padding_value` is cut off.
        reset : bool
            Whether this is the first data.

        Returns
        -------
        Sequences
            Numbers as float32, or tokens as they are.

        Raises
        ------
        ValueError, TypeError
            If X is not valid, or has another form than before.
        """
        sequences = as_sequences(X, padding_value=owner.padding_value, dtype=np.float32)
        if reset and owner.padding_value is not None:
            warn_of_padding_before(sequences, owner.padding_value)
        is_padded = reset and warn_of_padding(sequences, padding_value=owner.padding_value)
        is_table = _is_table(X, sequences)
        if is_table and (reset or self.is_table):
            check_columns(X, owner, reset=reset)
        elif reset or not self.is_table:  # the names of a table are those of steps
            check_names(sequences, owner, reset=reset)
        kind = KINDS[sequences.values.dtype.kind]
        if reset:
            self.kind = kind
            self.is_table = is_table or _is_nested_table(X, sequences)
            self.width = 1 if self.is_table else sequences.n_features or 1
            if not is_table:
                owner.n_features_in_ = len(X[0]) if self.is_table else self.width
            self._hint_at_numbers(X, sequences, owner, is_padded)
            return sequences
        if (kind, self.kind) == ("integer tokens", "numbers"):
            sequences = sequences.with_values(sequences.values.astype(np.float32)[:, np.newaxis])
        elif kind != self.kind:
            raise TypeError(
                f"X holds {kind}, but {type(owner).__name__} was fitted on {self.kind}; pass the same form."
            )
        if kind == "text tokens":
            check_unit(X, sequences, self.vocabulary.tokens, owner)
        if not sequences.is_tokens:
            check_width(sequences, self.width, owner)
        return sequences

    def _hint_at_numbers(self, X, sequences, owner, is_padded):
        """Warn if numbers look like codes of tokens, or need scaling."""
        if self.is_tokens:
            return
        if owner._embeds_inputs_alone and owner.embedding_size is not None:
            warnings.warn(
                f"embedding_size={owner.embedding_size!r} has no effect, since X is read as numbers. If "
                "they are codes of tokens, pass a list of one-dimensional arrays of integers: "
                "X = [np.array(x, dtype=int) for x in X].",
                stacklevel=find_caller(),
            )
        elif not is_padded:
            warn_of_scale(
                sequences.values,
                X,
                _advise_to_scale(sequences, owner),
                names=sequences.feature_names,
                padding_value=owner.padding_value,
            )

    @staticmethod
    def hint_at_text(X, sequences):
        """Warn if text holds numbers, or a table holds features of samples in place of steps."""
        warn_of_numbers_as_text(X, sequences)
        if _is_table(X, sequences):
            warn_of_feature_names(X)

    def learn(self, X, sequences, owner):
        """Learn the vocabulary.

        Parameters
        ----------
        X : sequences in any form
            As they were passed.
        sequences : Sequences
            The training data, as `read` returned it.
        owner : estimator
            Its parameters `vocabulary`, `min_frequency` and `handle_unknown` say which tokens are known.
        """
        self.vocabulary = self.rare = None
        if not self.is_tokens:
            return
        is_complete = owner.vocabulary is None and owner.min_frequency == 1
        if owner.vocabulary is None:
            tokens = learn_tokens(sequences, owner.min_frequency)
        else:
            tokens = read_tokens(owner.vocabulary, sequences.values.dtype)
        self.vocabulary = Vocabulary(tokens, is_complete=is_complete)
        warn_of_integers(X, sequences)
        if owner.handle_unknown == "unknown":
            counts = np.bincount(self.vocabulary.find(sequences.values), minlength=self.vocabulary.n_ids)
            self.rare = counts == 1
            self.rare[self.vocabulary.unknown_id] = False

    def encode(self, sequences, *, handle_unknown="unknown", name="X"):
        """Return what a network reads.

        Parameters
        ----------
        sequences : Sequences
            As `read` returned them.
        handle_unknown : {"unknown", "error"}, default="unknown"
            See `Vocabulary.encode`.
        name : str, default="X"
            Name of the sequences in error messages.

        Returns
        -------
        Sequences
            Numbers, or ids of tokens.
        """
        if not self.is_tokens:
            return sequences
        return self.vocabulary.encode(sequences, name, handle_unknown=handle_unknown)


def restore(flat, sequences, X, padding_value):
    """Split answers for all steps by sequence; return one array if X was one.

    Parameters
    ----------
    flat : ndarray of shape (n_steps_total, ...)
        Answers for the steps of all sequences, laid end to end.
    sequences : Sequences
        The sequences.
    X : sequences in any form
        As they were passed.
    padding_value : float, str or None
        What was cut off.

    Returns
    -------
    object array of ndarray, or ndarray of shape (n_sequences, n_steps, ...)
        The answers for each sequence.
    """
    if array_shape(X) is not None and padding_value is None:
        return flat.reshape(len(sequences), -1, *flat.shape[1:])
    return object_array(np.split(flat, sequences.offsets[1:-1]))


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


def _is_table(X, sequences):
    """Return whether X is a 2-D array of numbers or a DataFrame, whose columns scikit-learn counts."""
    shape = array_shape(X)
    return shape is not None and len(shape) == 2 and not sequences.is_tokens


def _is_nested_table(X, sequences):
    """Return whether X is a list of equally long lists of floats, which scikit-learn reads as a 2-D array."""
    if not isinstance(X, list) or not isinstance(X[0], list) or np.ndim(X[0]) != 1:
        return False
    return sequences.n_features == 1 and len(np.unique(sequences.lengths)) == 1


def _advise_to_scale(sequences, owner):
    """Return how to scale the numbers, or how to convert them to codes if they may be codes of tokens."""
    values, padding = sequences.values, owner.padding_value
    code = f"make_pipeline(StepTransformer(StandardScaler()), {type(owner).__name__}())"
    cut = "Scale them: "
    if padding is not None:
        cut = f"Cut the padding off, X = Sequences.from_padded(X, padding_value={padding!r}), and scale: "
    advice = f"{cut}{code}, with StepTransformer from sklearn_rnn.preprocessing."
    if values.shape[1] == 1 and (values >= 0).all() and (values % 1 == 0).all():
        part = "" if padding is None else f"[np.ravel(x) != {padding!r}]"
        codes = f"X = [np.ravel(x){part}.astype(int) for x in X]"
        advice += f" If they are codes of tokens, such as words, make them integers: {codes}."
    return advice
