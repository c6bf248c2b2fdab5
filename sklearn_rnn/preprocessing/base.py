"""Shared parts of the transformers of sequences: reading X and checking its form."""

import functools
from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from sklearn_rnn.data.arrays import as_numbers
from sklearn_rnn.data.checks import check_columns, check_names, check_width
from sklearn_rnn.data.hints import warn_of_feature_names, warn_of_numbers_as_text, warn_of_padding
from sklearn_rnn.data.reading import read_sequences
from sklearn_rnn.persistence import Versioned


def unchanged_on_error(method):
    """Decorate a method that fits a transformer so that an error leaves the transformer unchanged.

    Parameters
    ----------
    method : function
        `fit`, `fit_transform` or `partial_fit`.

    Returns
    -------
    function
        The same method, which restores the attributes after an error.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from sklearn_rnn.preprocessing.base import unchanged_on_error
    >>> @unchanged_on_error
    ... def fit(transformer, X):
    ...     transformer.n_features_in_ = len(X[0])
    ...     raise ValueError("It cannot be fitted.")
    >>> transformer = SimpleNamespace()
    >>> try:
    ...     fit(transformer, [[1.0, 2.0]])
    ... except ValueError:
    ...     print(transformer)
    namespace()
    """

    @functools.wraps(method)
    def fit(self, *args, **kwargs):
        before = dict(self.__dict__)
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return fit


class SequenceTransformer(TransformerMixin, Versioned, BaseEstimator):
    """Base of the transformers of sequences.

    Subclasses set ``auto_wrap_output_keys=None`` if they return sequences, which cannot be wrapped into a
    DataFrame.
    """

    @property
    def set_output(self):
        """Raise an error: an estimator would read DataFrames of sequences as (n_sequences, n_steps)."""
        if self._sklearn_auto_wrap_output_keys:
            return super().set_output
        raise AttributeError(
            f"{type(self).__name__} has no set_output: sequences are not a table with one row a sequence. Of "
            "Sequences X a table with one row a step is pandas.DataFrame(X.values).assign(sequence="
            "np.repeat(np.arange(len(X)), X.lengths)); Sequences.from_long(table, 'sequence') reads it back."
        )

    def _read(self, X, *, reset):
        """Read sequences; store their kind and width if `reset`, else check them.

        Returns
        -------
        sequences : Sequences
            The steps.
        form : Form
            The form of X.
        """
        sequences, form = self._convert(X, reset=reset)
        if reset:
            warn_of_padding(sequences)
            warn_of_numbers_as_text(form, sequences)
            if form.is_table:
                warn_of_feature_names(form)
            self._kind = form.kind
            self._was_table = form.is_table
            # scikit-learn's bookkeeping of columns: n_features_in_ and feature_names_in_.
            columns = form.header if form.is_table else sequences.values.reshape(len(sequences.values), -1)
            validate_data(self, columns, reset=True, skip_check_array=True)
            if not form.is_table:
                check_names(sequences, self, reset=True)
            return sequences, form
        if form.kind != self._kind:
            if (form.kind, self._kind) != ("integer tokens", "numbers"):
                raise TypeError(
                    f"X holds {form.kind}, but {type(self).__name__} was fitted on {self._kind}; "
                    "pass the same form."
                )
            sequences = _as_numbers(sequences)
        if form.is_table and self._was_table:
            check_columns(form, self, reset=False)
            return sequences, form
        if not self._was_table:  # the names of a table are those of steps
            check_names(sequences, self, reset=False)
        if not sequences.is_tokens:
            check_width(sequences, 1 if self._was_table else self.n_features_in_, self)
        return sequences, form

    def _convert(self, X, *, reset):
        """Read X as the transformer needs it, with its form: numbers, unless a subclass overrides this."""
        return self._read_numbers(X, reset=reset)

    _advice_for_tokens = "The recurrent estimators read tokens as they are, without a transformer."

    def _read_numbers(self, X, *, reset, allow_nan=None):
        allow_nan = get_tags(self).input_tags.allow_nan if allow_nan is None else allow_nan
        sequences, form = read_sequences(X, allow_nan=allow_nan, dtype=None)
        if not sequences.is_tokens:
            return sequences, form
        kind = "str" if is_text(sequences) else "integer"
        if kind == "str" or reset:
            raise ValueError(
                f"X holds {kind} tokens, but {type(self).__name__} needs numbers. "
                f"{self._advice_for_tokens} If integers are measurements, make them float: "
                "X = [np.asarray(x, dtype=float) for x in X]."
            )
        return _as_numbers(sequences), replace(form, kind="numbers")

    def __sklearn_tags__(self):
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32", "float64"]
        return tags


def is_text(sequences):
    """Return whether the steps are str.

    Parameters
    ----------
    sequences : Sequences
        Numbers or tokens.

    Returns
    -------
    bool
        False for numbers and integer tokens.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.preprocessing.base import is_text
    >>> is_text(as_sequences(["ab"])), is_text(as_sequences([[1, 2]]))
    (True, False)
    """
    return sequences.values.dtype.kind in "UO"


def _as_numbers(sequences):
    """Read integer tokens as numbers of one feature."""
    return sequences.with_values(as_numbers(sequences.values[:, np.newaxis], "X"))
