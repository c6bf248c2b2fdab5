"""Texts of a language model: one stream of tokens, or a list of independent texts."""

import copy
import os
import warnings

import numpy as np

from sklearn_rnn.data.arrays import as_codes
from sklearn_rnn.data.checks import check_unit
from sklearn_rnn.data.hints import warn_of_padding
from sklearn_rnn.data.problems import find_caller
from sklearn_rnn.data.reading import read_sequences
from sklearn_rnn.data.sequences import Sequences
from sklearn_rnn.data.text_file import TextFile
from sklearn_rnn.encoding.vocabulary import Vocabulary, learn_tokens, read_tokens, to_outputs


class TextEncoder:
    """Converts text to ids, and ids to text.

    `read` converts texts to tokens, and learns the vocabulary at the start of training; `encode` converts
    tokens to ids; `pair` lays ids out as what a network reads and what it should predict.

    Attributes
    ----------
    kind : {"integer tokens", "text tokens"}
        What steps hold.
    is_stream : bool
        Whether training began with one text, and not with a list.
    vocabulary : Vocabulary
        The tokens, the beginning, the unknown symbol if it is learnt, and for a list the end of a text.

    Examples
    --------
    >>> from sklearn_rnn import RNNLanguageModel
    >>> from sklearn_rnn.encoding.texts import TextEncoder
    >>> encoder, model = TextEncoder(), RNNLanguageModel(handle_unknown="error")
    >>> tokens, is_stream = encoder.read(["ab", "b"], model, reset=True)
    >>> inputs, targets = encoder.pair(encoder.encode(tokens, model))
    >>> inputs.values, targets
    (array([0, 1, 2, 0, 2]), array([0, 1, 2, 1, 2]))
    """

    def read(self, X, owner, *, reset, name="X", counts=None):
        """Return tokens as they are, and whether they are one stream; learn the vocabulary if `reset`.

        Parameters
        ----------
        X : str, Path, list of str, or token sequences
            See `RNNLanguageModel.fit`.
        owner : estimator
            Stores the number of features; its parameters of the vocabulary say which tokens are known.
        reset : bool
            Whether these are the first data.
        name : str, default="X"
            Name of the texts in error messages.
        counts : ndarray of int, optional
            How often each token occurs, if X holds each token of a text once.

        Returns
        -------
        tokens : Sequences
            Tokens.
        is_stream : bool
            Whether X was one text.

        Raises
        ------
        ValueError, TypeError
            If X is not valid, or holds other tokens than those of training.
        """
        refuse_iterator(X, name)
        if isinstance(X, os.PathLike):
            X = TextFile(X, name).read_all()
        elif isinstance(X, str) and len(X) < 1000 and os.path.isfile(X):
            warnings.warn(
                f"{name} is read as a text, but {X!r} is also the name of a file. Its contents would be "
                f"pathlib.Path({name}).",
                stacklevel=find_caller(),
            )
        X = as_codes(X)
        is_stream = is_one_text(X)
        if is_stream and len(X) == 0:
            raise ValueError(f"{name} is empty; there is nothing to read.")
        given = [X] if is_stream else X
        is_flat = isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "fb"
        sequences, form = (None, None) if is_flat else read_sequences(given, name=name)
        if is_flat or not sequences.is_tokens:
            raise TypeError(
                f"{name} holds numbers, but a language model reads tokens: text, or codes as one-dimensional "
                "arrays of integers (one array is a stream, a list of arrays holds independent sequences)."
            )
        kind = form.kind
        if reset:
            self.kind, self.is_stream, owner.n_features_in_ = kind, is_stream, 1
            warn_of_padding(sequences, name, by_name_only=True)
            self.vocabulary = self._learn_vocabulary(sequences, owner, name, counts)
        elif kind != self.kind:
            raise TypeError(
                f"{name} holds {kind}, but {type(owner).__name__} was fitted on {self.kind}; "
                "pass the same form."
            )
        elif kind == "text tokens":
            check_unit(form, sequences, self.vocabulary.tokens, owner, name)
        return sequences, is_stream

    def _learn_vocabulary(self, sequences, owner, name, counts):
        last = ["unknown"] * (owner.handle_unknown == "unknown") + ["end"] * (not self.is_stream)
        if owner.vocabulary is None:
            tokens = learn_tokens(sequences, owner.min_frequency, counts)
        else:
            tokens = read_tokens(owner.vocabulary, sequences.values.dtype)
        vocabulary = Vocabulary(tokens, "begin", last)
        is_known = vocabulary.find(sequences.values) > 0
        vocabulary.is_complete = bool(is_known.all())
        if not is_known.any():
            raise ValueError(
                f"{name} holds none of the tokens of vocabulary, but such as "
                f"{sequences.values[:1].tolist()[0]!r}; are both words, or both characters?"
            )
        return vocabulary

    def encode(self, tokens, owner, name="X", *, is_stream=False, steps=None):
        """Return the ids of tokens.

        Parameters
        ----------
        tokens : Sequences
            As `read` returned them.
        owner : estimator
            Its parameter `handle_unknown` says whether unknown tokens are refused.
        name, is_stream, steps
            Name of the texts in error messages, whether they are one, and the positions of tokens in it, if
            they are not consecutive.

        Returns
        -------
        Sequences of int64
            Ids.
        """
        policy = owner.handle_unknown
        return self.vocabulary.encode(tokens, name, handle_unknown=policy, is_one=is_stream, steps=steps)

    def learn_more(self, ids):
        """Return an encoder that remembers whether training data with these ids held unknown tokens."""
        if not self.vocabulary.is_complete or not (ids == self.vocabulary.unknown_id).any():
            return self
        encoder = copy.deepcopy(self)
        encoder.vocabulary.is_complete = False
        return encoder

    def warn_of_unknown(self, ids, counts=None):
        """Warn if there are unknown tokens, but training had none to learn from.

        Parameters
        ----------
        ids : ndarray of int of shape (n,)
            Ids, as `encode` returns them.
        counts : ndarray of int of shape (n,), optional
            How often each occurs; by default once.
        """
        counts = np.ones(len(ids), dtype=np.int64) if counts is None else counts
        n_unknown = counts[ids == self.vocabulary.unknown_id].sum()
        if n_unknown and self.vocabulary.is_complete:
            warnings.warn(
                f"{n_unknown} of {counts.sum()} tokens never occurred in training, which had no unknown "
                "tokens to learn their probability from. Set min_frequency=2 or more, or pass a vocabulary, "
                "in training.",
                stacklevel=find_caller(),
            )

    def begin(self, ids):
        """Return ids with that of the beginning before each text."""
        values = np.insert(ids.values, ids.offsets[:-1], self.vocabulary.begin_id)
        return Sequences(values, ids.offsets + np.arange(len(ids.offsets)))

    def pair(self, ids):
        """Return what a network reads, and the outputs that it should predict.

        Parameters
        ----------
        ids : Sequences
            Ids of tokens.

        Returns
        -------
        inputs : Sequences of int64
            Ids: the beginning, then the tokens; of a stream all but the last.
        targets : ndarray of int64 of shape (n_steps_total,)
            Outputs: the tokens, then the end of each text of a list.
        """
        if not self.is_stream:
            return self.begin(ids), to_outputs(np.insert(ids.values, ids.offsets[1:], self.vocabulary.end_id))
        inputs = np.roll(ids.values, 1)
        inputs[ids.offsets[:-1]] = self.vocabulary.begin_id
        return ids.with_values(inputs), to_outputs(ids.values)


def is_one_text(X):
    """Return whether X is one sequence of tokens, and not a list of several."""
    if isinstance(X, (str, os.PathLike)):
        return True
    X = as_codes(X)
    return isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "iu"


def refuse_iterator(X, name="X"):
    """Raise an error if X can be read only once."""
    if hasattr(X, "__next__"):
        raise TypeError(
            f"{name} is an iterator, which can be read only once. Pass the text as a str or as the Path of a "
            "file, or train with partial_fit, which reads an iterator once."
        )
