"""What `fit` learns about the form of X: kind, width, vocabulary."""

import warnings
from functools import partial

import numpy as np

from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.data.checks import check_columns, check_names, check_unit, check_width
from sklearn_rnn.data.hints import warn_of_integers, warn_of_padding, warn_of_padding_before, warn_of_scale
from sklearn_rnn.data.problems import find_caller
from sklearn_rnn.data.reading import read_features, read_sequences
from sklearn_rnn.encoding.vocabulary import Vocabulary, learn_tokens, read_tokens


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
    >>> sequences, form = encoder.read(["ab", "b"], estimator, reset=True)
    >>> encoder.learn(sequences, form, estimator)
    >>> encoder.encode(sequences).values
    array([1, 2, 2])
    >>> encoder.encode(encoder.read(["bc"], estimator, reset=False)[0]).values
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
        sequences : Sequences
            Numbers as float32, or tokens as they are.
        form : Form
            The form of X.

        Raises
        ------
        ValueError, TypeError
            If X is not valid, or has another form than before.
        """
        sequences, form = read_sequences(X, padding_value=owner.padding_value, dtype=np.float32)
        if reset and owner.padding_value is not None:
            warn_of_padding_before(sequences, owner.padding_value)
        is_padded = reset and warn_of_padding(sequences, padding_value=owner.padding_value)
        if form.is_table and (reset or self.is_table):
            check_columns(form, owner, reset=reset)
        elif reset or not self.is_table:  # the names of a table are those of steps
            check_names(sequences, owner, reset=reset)
        if reset:
            self.kind = form.kind
            self.is_table = form.is_table or form.is_nested_table
            self.width = 1 if self.is_table else sequences.n_features or 1
            if not form.is_table:
                owner.n_features_in_ = form.n_columns or self.width
            if not self.is_tokens:
                read_exactly = partial(read_features, X, padding_value=owner.padding_value)
                self._hint_at_numbers(sequences, owner, is_padded, None if form.is_float32 else read_exactly)
            return sequences, form
        if (form.kind, self.kind) == ("integer tokens", "numbers"):
            sequences = sequences.with_values(sequences.values.astype(np.float32)[:, np.newaxis])
        elif form.kind != self.kind:
            raise TypeError(
                f"X holds {form.kind}, but {type(owner).__name__} was fitted on {self.kind}; pass the same "
                "form."
            )
        if form.kind == "text tokens":
            check_unit(form, sequences, self.vocabulary.tokens, owner)
        if not sequences.is_tokens:
            check_width(sequences, self.width, owner)
        return sequences, form

    def _hint_at_numbers(self, sequences, owner, is_padded, read_exactly):
        """Warn if numbers look like codes of tokens, or need scaling."""
        if owner._embeds_inputs_alone and owner.embedding_size is not None:
            warnings.warn(
                f"embedding_size={owner.embedding_size!r} has no effect, since X is read as numbers. If "
                "they are codes of tokens, pass a list of one-dimensional arrays of integers: "
                "X = [np.array(x, dtype=int) for x in X].",
                stacklevel=find_caller(),
            )
        elif not is_padded:
            advice, names = _advise_to_scale(sequences, owner), sequences.feature_names
            warn_of_scale(sequences.values, advice, names=names, read_exactly=read_exactly)

    def learn(self, sequences, form, owner):
        """Learn the vocabulary.

        Parameters
        ----------
        sequences, form : Sequences, Form
            The training data, as `read` returned them.
        owner : estimator
            Its parameters `vocabulary`, `min_frequency` and `handle_unknown` say which tokens are known.
        """
        self.vocabulary = self.rare = None
        if not self.is_tokens:
            return
        if owner.vocabulary is None:
            tokens = learn_tokens(sequences, owner.min_frequency)
        else:
            tokens = read_tokens(owner.vocabulary, sequences.values.dtype)
        self.vocabulary = Vocabulary(tokens)
        counts = np.bincount(self.vocabulary.find(sequences.values), minlength=self.vocabulary.n_ids)
        self.vocabulary.is_complete = bool(counts[0] == 0)
        if not counts[1:].any():
            raise ValueError(
                "X holds none of the tokens of vocabulary, but such as "
                f"{sequences.values[:1].tolist()[0]!r}; are both words, or both characters?"
            )
        warn_of_integers(form, sequences)
        if owner.handle_unknown == "unknown":
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


def restore(flat, sequences, form, padding_value):
    """Split answers for all steps by sequence; return one array if X was one.

    Parameters
    ----------
    flat : ndarray of shape (n_steps_total, ...)
        Answers for the steps of all sequences, laid end to end.
    sequences, form : Sequences, Form
        The sequences, and the form in which they were passed.
    padding_value : float, str or None
        What was cut off.

    Returns
    -------
    object array of ndarray, or ndarray of shape (n_sequences, n_steps, ...)
        The answers for each sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> from sklearn_rnn.encoding.inputs import restore
    >>> restore(np.arange(4), *read_sequences(np.ones((2, 2))), None)
    array([[0, 1],
           [2, 3]])
    """
    if form.shape is not None and padding_value is None:
        return flat.reshape(len(sequences), -1, *flat.shape[1:])
    return object_array(np.split(flat, sequences.offsets[1:-1]))


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
