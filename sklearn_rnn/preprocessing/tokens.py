"""Tokens as codes, in the order of their frequency."""

import numbers
from dataclasses import replace

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.data.arrays import find_places
from sklearn_rnn.data.checks import check_unit
from sklearn_rnn.data.form import array_shape
from sklearn_rnn.data.parameters import FREQUENCY, check_count, check_option
from sklearn_rnn.data.problems import Problems
from sklearn_rnn.data.reading import as_sequences, read_sequences
from sklearn_rnn.data.sequences import Sequences, find_first_steps
from sklearn_rnn.encoding.vocabulary import as_fixed_width, find_frequent, find_tokens
from sklearn_rnn.preprocessing.base import SequenceTransformer, is_text, unchanged_on_error

_MOST_WHOLE = 2**24  # up to here float32 holds every whole number


class TokenTransformer(SequenceTransformer, auto_wrap_output_keys=None):
    """Base of the transformers of tokens: reading tokens, and encoding and decoding them.

    The code of a token is its position in the vocabulary + 1. Code 0 stands for tokens that are not in the
    vocabulary. Subclasses have a parameter `unknown_token` and return the vocabulary in `_tokens`.
    """

    def _convert(self, X, *, reset):
        sequences, form = read_sequences(X)
        if not sequences.is_tokens:
            form = replace(form, kind="integer tokens")
            return _read_whole_numbers(sequences, type(self).__name__), form
        if is_text(sequences) and not reset and self._kind == "text tokens":
            check_unit(form, sequences, self._tokens, self)
        return sequences, form

    def _check_unknown_token(self):
        wanted, name = (numbers.Integral, "an integer") if self._kind == "integer tokens" else (str, "a str")
        if self.unknown_token is not None and not isinstance(self.unknown_token, wanted):
            raise TypeError(
                f"unknown_token must be {name}, as the tokens are, but it is {self.unknown_token!r}."
            )

    def _find_codes(self, sequences):
        return find_places(as_fixed_width(sequences.values), self._tokens, np.argsort(self._tokens)) + 1

    def _refuse_unknown(self, sequences, codes):
        problems = Problems("X")
        for i, step, at in find_first_steps(codes == 0, sequences.offsets):
            token = sequences.values[at : at + 1].tolist()[0]
            problems.add(
                i,
                f"has {token!r} at step {step}, which is none of the {len(self._tokens)} tokens that "
                f"{type(self).__name__} knows; set handle_unknown to let such tokens pass.",
            )
        problems.raise_if_any()

    def _decode(self, sequences, shape):
        """Turn codes into tokens; return an array if `shape` is that of an array."""
        self._check_unknown_token()
        codes, n_tokens = sequences.values, len(self._tokens)
        problems = Problems("X")
        for i, step, at in find_first_steps((codes < 0) | (codes > n_tokens), sequences.offsets):
            problems.add(i, f"has the code {codes[at]} at step {step}, but codes go from 0 to {n_tokens}.")
        problems.raise_if_any()
        is_integer = self._kind == "integer tokens"
        unknown = (-1 if is_integer else "<unk>") if self.unknown_token is None else self.unknown_token
        with_unknown = np.concatenate([np.asarray([unknown]), self._tokens])
        # Objects: steps share their tokens, while each would be as wide as the longest in an array of str.
        tokens = (with_unknown if is_integer else with_unknown.astype(object))[codes]
        return sequences.with_values(tokens) if shape is None else tokens.reshape(shape[:2])

    def _read_codes(self, X):
        sequences = as_sequences(X)
        if is_text(sequences):
            raise TypeError(
                f"X holds str, but {type(self).__name__} turns codes, which are integers, into tokens."
            )
        return sequences if sequences.is_tokens else _read_whole_numbers(sequences, type(self).__name__)

    def __sklearn_tags__(self):
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class TokenEncoder(TokenTransformer, auto_wrap_output_keys=None):
    """Turn tokens into codes, the most frequent token first.

    The estimators of this library read tokens as they are. Use the encoder to control the vocabulary: rare
    tokens share one code, whose meaning is learnt in training.

    Parameters
    ----------
    min_frequency : int or float, default=1
        Minimum frequency of a token in the sequences seen in `fit` to be in the vocabulary: a number of
        steps, or a share of all steps if it is a float between 0 and 1.
    max_tokens : int, optional
        Maximum number of tokens in the vocabulary; the most frequent are kept, and of tokens that occur
        equally often the first in sorted order.
    handle_unknown : {"unknown", "error", "ignore"}, default="unknown"
        What `transform` does with a token that is not in the vocabulary, also with one that `min_frequency`
        or `max_tokens` excluded: assign the code 0, raise an error, or leave the step out. A sequence that
        would be empty becomes one step of code 0, as sequences must not be empty.
    unknown_token : str or int, optional
        The token that `inverse_transform` returns for code 0. By default "<unk>", or -1 if tokens are
        integers.

    Attributes
    ----------
    vocabulary_ : ndarray of shape (n_tokens,)
        The tokens, the most frequent first. The code of a token is its position + 1.
    counts_ : ndarray of int64 of shape (n_tokens,)
        Number of occurrences of each in the sequences seen in `fit`.
    oov_rate_ : float
        Share of the steps seen in `fit` whose tokens the limits excluded from the vocabulary.
    n_features_in_ : int
        1. After a fit on a 2-D array of whole numbers or a DataFrame, (n_sequences, n_steps): the number of
        columns.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the features, or of the columns of a 2-D table. Only after a fit on a DataFrame, on a list of
        DataFrames or on `Sequences` with names, all of which are str.

    See Also
    --------
    SequenceOneHotEncoder : Every token seen in `fit`, as a code or as a one-hot vector.

    Notes
    -----
    Tokens are all forms that the estimators read as tokens (list of str, lists of str, arrays of integers,
    `Sequences`), and arrays of whole numbers, which an estimator would read as series.

    With ``handle_unknown="ignore"`` sequences become shorter, so targets of single steps no longer fit.

    Examples
    --------
    >>> from sklearn_rnn.preprocessing import TokenEncoder
    >>> X = [["to", "be", "or", "not", "to", "be"], ["to", "do"]]
    >>> encoder = TokenEncoder(min_frequency=2).fit(X)
    >>> encoder.vocabulary_, encoder.counts_, encoder.oov_rate_
    (array(['to', 'be'], dtype='<U3'), array([3, 2]), 0.375)
    >>> codes = encoder.transform(X)
    >>> codes[0]
    array([1, 2, 0, 0, 1, 2])
    >>> encoder.inverse_transform(codes)[1].tolist()
    ['to', '<unk>']
    >>> encoder.oov_rate([["to", "sleep"]])
    0.5
    """

    def __init__(self, *, min_frequency=1, max_tokens=None, handle_unknown="unknown", unknown_token=None):
        self.min_frequency = min_frequency
        self.max_tokens = max_tokens
        self.handle_unknown = handle_unknown
        self.unknown_token = unknown_token

    @unchanged_on_error
    def fit(self, X, y=None):
        """Learn the vocabulary.

        Parameters
        ----------
        X : sequences of tokens
            List of str, list of lists of str, list of 1-D integer arrays, `Sequences`, ...
        y : None
            Ignored.

        Returns
        -------
        self : TokenEncoder
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter has an invalid value, if X holds numbers that are not whole, or if no token is
            frequent enough.
        TypeError
            If a parameter is of the wrong type, or X is not a collection of sequences.
        """
        self._check_parameters()
        self._fit(self._read(X, reset=True)[0])
        return self

    @unchanged_on_error
    def fit_transform(self, X, y=None):
        """Learn the vocabulary, and encode.

        Parameters
        ----------
        X : sequences of tokens
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        X_new : Sequences
            As from `transform`.
        """
        self._check_parameters()
        sequences = self._read(X, reset=True)[0]
        self._fit(sequences)
        return self._encode(sequences)

    def transform(self, X):
        """Turn tokens into codes.

        Parameters
        ----------
        X : sequences of tokens
            As in `fit`.

        Returns
        -------
        X_new : Sequences
            int64 codes, one a step, which the estimators read as tokens.

        Raises
        ------
        ValueError
            If X holds a token that is not in the vocabulary, and ``handle_unknown="error"``.
        TypeError
            If tokens are not of the kind that `fit` saw: str or integers, words or characters.
        """
        check_is_fitted(self)
        self._check_parameters()
        return self._encode(self._read(X, reset=False)[0])

    def inverse_transform(self, X):
        """Turn codes into tokens.

        Parameters
        ----------
        X : Sequences, list of 1-D integer arrays, or array of int of shape (n_sequences, n_steps)
            Codes.

        Returns
        -------
        X_original : Sequences or ndarray
            Tokens; `unknown_token` for code 0. An array if X is an array, else `Sequences`.

        Raises
        ------
        ValueError
            If a code is negative or too large.
        TypeError
            If X holds str.
        """
        check_is_fitted(self)
        return self._decode(self._read_codes(X), array_shape(X))

    def oov_rate(self, X):
        """Return the share of steps whose token is not in the vocabulary.

        Parameters
        ----------
        X : sequences of tokens
            As in `fit`.

        Returns
        -------
        float
            From 0, all tokens are known, to 1.
        """
        check_is_fitted(self)
        return float(np.mean(self._find_codes(self._read(X, reset=False)[0]) == 0))

    @property
    def _tokens(self):
        return self.vocabulary_

    def _check_parameters(self):
        check_option("handle_unknown", self.handle_unknown, ("unknown", "error", "ignore"))
        check_count("max_tokens", self.max_tokens, optional=True)
        FREQUENCY.check("min_frequency", self.min_frequency)

    def _fit(self, sequences):
        self._check_unknown_token()
        tokens, counts = find_tokens(sequences)
        order = find_frequent(tokens, counts, self.min_frequency, self.max_tokens)
        self.vocabulary_, self.counts_ = tokens[order], counts[order]
        self.oov_rate_ = float(1 - self.counts_.sum() / len(sequences.values))

    def _encode(self, sequences):
        codes = self._find_codes(sequences)
        if self.handle_unknown == "error":
            self._refuse_unknown(sequences, codes)
        if self.handle_unknown == "ignore":
            return _leave_out_unknown(codes, sequences.offsets)
        return sequences.with_values(codes)


def _leave_out_unknown(codes, offsets):
    """Leave out steps of code 0, except for the first of a sequence that has no other steps."""
    is_kept = codes != 0
    starts = offsets[:-1]
    n_kept = np.add.reduceat(is_kept, starts, dtype=np.int64)
    is_kept[starts[n_kept == 0]] = True
    return Sequences.from_lengths(codes[is_kept], np.maximum(n_kept, 1))


def _read_whole_numbers(sequences, reader):
    """Read numbers, one a step, as integer tokens if they are whole."""
    if sequences.n_features != 1:
        raise ValueError(
            f"X has {sequences.n_features} features, but {reader} reads one token a step, str or integer."
        )
    values = sequences.values[:, 0]
    problems = Problems("X")
    is_fraction = (values != np.floor(values)) | (abs(values) > _MOST_WHOLE)
    for i, step, at in find_first_steps(is_fraction, sequences.offsets):
        problems.add(
            i,
            f"has {float(values[at])} at step {step}, but {reader} reads tokens: str, integers, or arrays of "
            "whole numbers up to 2**24.",
        )
    problems.raise_if_any()
    return sequences.with_values(values.astype(np.int64))
