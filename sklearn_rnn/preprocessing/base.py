"""What the transformers of sequences share: reading X, and which form came in."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from sklearn_rnn.data.validation import array_shape, as_sequences, check_width


class SequenceTransformer(TransformerMixin, BaseEstimator):
    """Base of the transformers of sequences.

    Subclasses say ``auto_wrap_output_keys=None``, as sequences are no table to be wrapped into a DataFrame.
    """

    def _read(self, X, *, reset):
        """Read numeric sequences; learn their width if `reset`, else check it.

        Returns
        -------
        sequences : Sequences
            The steps.
        shape : tuple of int, or None
            The shape of X if it is an array or a DataFrame.
        """
        sequences = self._read_numbers(X, reset=reset)
        shape = array_shape(X)
        is_table = shape is not None and len(shape) == 2
        if reset:
            self._was_table = is_table
            # scikit-learn's bookkeeping of columns: n_features_in_ and feature_names_in_.
            validate_data(self, X if is_table else sequences.values, reset=True, skip_check_array=True)
        elif is_table and self._was_table:
            validate_data(self, X, reset=False, skip_check_array=True)
        else:
            check_width(sequences, 1 if self._was_table else self.n_features_in_, self)
        return sequences, shape

    def _read_numbers(self, X, *, reset):
        sequences = as_sequences(X, allow_nan=get_tags(self).input_tags.allow_nan)
        if not sequences.is_tokens:
            return sequences
        kind = "str" if sequences.values.dtype.kind in "UO" else "integer"
        if kind == "str" or reset:
            raise ValueError(
                f"X holds {kind} tokens, but {type(self).__name__} needs numbers. The recurrent estimators "
                "read tokens as they are, without a transformer. If integers are measurements, make them "
                "float: X = [np.asarray(x, dtype=float) for x in X]."
            )
        return sequences.with_values(sequences.values[:, np.newaxis].astype(np.float32))

    def _check_width(self, width, expected):
        if width != expected:
            raise ValueError(
                f"X has {width} features, but {type(self).__name__} is expecting {expected} features "
                "as input."
            )

    def __sklearn_tags__(self):
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
