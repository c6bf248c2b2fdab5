"""Any scikit-learn transformer, applied to the steps of sequences."""

import numpy as np
from sklearn.base import OneToOneFeatureMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.data.validation import array_shape, check_same_number, flatten_steps, is_ragged
from sklearn_rnn.preprocessing.base import SequenceTransformer


def _transformer_has(name):
    def has(self):
        getattr(getattr(self, "transformer_", self.transformer), name)  # its error says what is missing
        return True

    return has


class StepTransformer(SequenceTransformer, auto_wrap_output_keys=None):
    """Apply a scikit-learn transformer to every step of every sequence.

    All steps of all sequences are laid end to end, (n_steps_total, n_features), and given to the transformer
    at once: a `StandardScaler` learns one mean for each feature, over all sequences and steps.

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer of rows: a scaler, `PCA`, a pipeline of these. It is cloned before it is
        fitted. If it looks at `y` (as `SelectKBest` does), the target of a whole sequence holds at each step.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    n_features_in_ : int
        Number of features a step. After a fit on a 2-D array or DataFrame, (n_sequences, n_steps): the number
        of columns.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns. Only after a fit on a DataFrame whose columns are all named by str.

    See Also
    --------
    SequencePadder : Make one array of sequences of different lengths.
    sklearn.compose.ColumnTransformer : What to give as `transformer` if features need different treatment.

    Notes
    -----
    What comes out has the form of what came in. Arrays and DataFrames give arrays, as do nested lists that
    NumPy would call one array. All else (lists of arrays, object arrays, masked arrays, `Sequences`) gives
    `Sequences`, which every estimator here reads without a copy and scikit-learn's splitters can index.

    Values are read and given as float32, as everywhere in this library; float64 has no influence. A float32
    has 7 digits: subtract large offsets (the start from Unix times) before.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_rnn.preprocessing import StepTransformer
    >>> X = [[[0.0, 10.0], [2.0, 30.0]], [[4.0, 50.0]]]
    >>> scaler = StepTransformer(StandardScaler()).fit(X)
    >>> scaler.transformer_.mean_
    array([ 2., 30.])
    >>> scaled = scaler.transform(X)
    >>> scaled
    Sequences(2 sequences of 1 to 2 steps, 2 features)
    >>> scaled[1].round(2)
    array([[1.22, 1.22]], dtype=float32)
    >>> scaler.inverse_transform(scaled)[1]
    array([[ 4., 50.]], dtype=float32)
    """

    def __init__(self, transformer):
        self.transformer = transformer

    def fit(self, X, y=None):
        """Fit the transformer to all steps.

        Parameters
        ----------
        X : sequences in any numeric form
            List of arrays (n_steps_i, n_features), array (n_sequences, n_steps, n_features), `Sequences`, ...
        y : array or list, optional
            Targets of sequences or of steps, for transformers that look at them. Targets that cannot be
            laid out like steps (those of another length) are left to later stations of a pipeline.

        Returns
        -------
        self : StepTransformer
            The fitted transformer.
        """
        self._check_transformer()
        self._fit(self._read(X, reset=True)[0], y)
        return self

    @available_if(_transformer_has("partial_fit"))
    def partial_fit(self, X, y=None):
        """Fit the transformer further, to all steps of more sequences.

        Parameters
        ----------
        X : sequences in any numeric form
            As in `fit`.
        y : array or list, optional
            As in `fit`.

        Returns
        -------
        self : StepTransformer
            The fitted transformer.
        """
        self._check_transformer()
        is_first = not hasattr(self, "transformer_")
        sequences = self._read(X, reset=is_first)[0]
        targets = self._flatten_target(y, sequences)
        transformer = clone(self.transformer) if is_first else self.transformer_
        self.transformer_ = transformer.partial_fit(sequences.values, targets)
        return self

    def fit_transform(self, X, y=None):
        """Fit the transformer to all steps, and transform them.

        Parameters
        ----------
        X : sequences in any numeric form
            As in `fit`.
        y : array or list, optional
            As in `fit`.

        Returns
        -------
        X_new : ndarray or Sequences
            As from `transform`.
        """
        self._check_transformer()
        sequences, shape = self._read(X, reset=True)
        self._fit(sequences, y)
        return self._apply("transform", sequences, shape or _nested_shape(X))

    def transform(self, X):
        """Transform every step.

        Parameters
        ----------
        X : sequences in any numeric form
            As in `fit`.

        Returns
        -------
        X_new : ndarray or Sequences
            float32. An array for an array: of shape (n_sequences, n_steps, n_features_out), or
            (n_sequences, n_steps) if X has two axes and there is one feature. Else `Sequences`.
        """
        check_is_fitted(self)
        sequences, shape = self._read(X, reset=False)
        return self._apply("transform", sequences, shape or _nested_shape(X))

    @available_if(_transformer_has("inverse_transform"))
    def inverse_transform(self, X):
        """Undo `transform`, step by step.

        Parameters
        ----------
        X : ndarray or Sequences
            Transformed sequences.

        Returns
        -------
        X_original : ndarray or Sequences
            float32. An array for an array, else `Sequences`.
        """
        check_is_fitted(self)
        sequences = self._read_numbers(X, reset=False)
        shape = array_shape(X)
        if shape is not None and self._was_table:
            self._check_width(shape[1], self.n_features_in_)
            shape = shape[:2]  # what was a table becomes a table
        self._check_width(sequences.n_features, self._n_features_out(default=sequences.n_features))
        return self._apply("inverse_transform", sequences, shape or _nested_shape(X))

    @available_if(_transformer_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features=None):
        """Give names to the features of a transformed step.

        Parameters
        ----------
        input_features : array of str, optional
            Names of the features that go in.

        Returns
        -------
        feature_names_out : ndarray of str
            The transformer's names. After a fit on a 2-D array or DataFrame, if one number a step comes out:
            the names of its columns, which are steps.
        """
        check_is_fitted(self)
        if not self._was_table:
            return self.transformer_.get_feature_names_out(input_features)
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        names_of_step = self.transformer_.get_feature_names_out()
        return names if len(names_of_step) == 1 else names_of_step

    def __sklearn_tags__(self):
        """Describe the transformer to scikit-learn, as the one inside does."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.target_tags.required = inner.target_tags.required
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.positive_only = inner.input_tags.positive_only
        tags.non_deterministic = inner.non_deterministic
        return tags

    def _n_features_out(self, default):
        try:
            return len(self.transformer_.get_feature_names_out())
        except AttributeError:  # not every transformer names what it makes
            return default

    def _check_transformer(self):
        if not hasattr(self.transformer, "transform") or isinstance(self.transformer, type):
            raise TypeError(
                f"transformer must be a scikit-learn transformer, but it is {self.transformer!r}."
            )

    def _fit(self, sequences, y):
        self.transformer_ = clone(self.transformer).fit(sequences.values, self._flatten_target(y, sequences))

    def _flatten_target(self, y, sequences):
        """Lay targets out like steps; where that fails, only a transformer that demands them fails too."""
        is_required = get_tags(self.transformer).target_tags.required
        if y is None and not is_required:
            return None
        try:
            if y is None or is_ragged(y):
                return flatten_steps(y, sequences.lengths)
            check_same_number(y, sequences, "y")
            return np.repeat(np.asarray(y), sequences.lengths, axis=0)
        except (TypeError, ValueError):
            if is_required:
                raise
            return None  # targets of a later station, such as sequences of other lengths

    def _apply(self, method, sequences, shape):
        values = getattr(self.transformer_, method)(sequences.values)
        values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
        n_steps = len(sequences.values)
        if values.ndim != 2 or len(values) != n_steps:
            raise ValueError(
                f"{type(self.transformer_).__name__}.{method} made shape {values.shape} of {n_steps} steps; "
                "it must give one row for each."
            )
        values = values.astype(np.float32, copy=False)
        if shape is None:
            return sequences.with_values(values)
        is_table = len(shape) == 2 and values.shape[1] == 1
        return values.reshape(shape if is_table else (*shape[:2], values.shape[1]))


def _nested_shape(X):
    """Shape of nested lists of one length; None for all else, such as a list of arrays."""
    is_nested = isinstance(X, (list, tuple)) and all(isinstance(x, (list, tuple)) for x in X)
    return np.shape(X) if is_nested and len(set(map(len, X))) == 1 else None
