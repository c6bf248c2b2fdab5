"""Any scikit-learn transformer, applied to the steps of sequences."""

import numpy as np
from sklearn.base import OneToOneFeatureMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.data.validation import (
    array_shape,
    as_sequences,
    check_same_number,
    flatten_steps,
    is_ragged,
    object_array,
)
from sklearn_rnn.preprocessing.base import SequenceTransformer, is_text, nested_shape


def _transformer_has(name):
    def has(self):
        getattr(getattr(self, "transformer_", self.transformer), name)  # its error says what is missing
        return True

    return has


class StepTransformer(SequenceTransformer, auto_wrap_output_keys=None):
    """Apply a scikit-learn transformer to every step of every sequence.

    All steps of all sequences are laid end to end, (n_steps_total, n_features), and given to the transformer
    at once: a `StandardScaler` learns one mean for each feature, over all sequences and steps.

    Steps may be tokens if the transformer reads such: `CountVectorizer` and its like are given each token as
    a text; `OneHotEncoder`, `OrdinalEncoder` and `FunctionTransformer` a column of them, (n_steps_total, 1).

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer of rows: a scaler, `PCA`, an encoder, a pipeline of these. It is cloned
        before it is fitted. If it looks at `y` (as `SelectKBest` does), the target of a whole sequence holds
        at each step.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    n_features_in_ : int
        Number of features a step; 1 for tokens. After a fit on a 2-D array or DataFrame,
        (n_sequences, n_steps): the number of columns.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns. Only after a fit on a DataFrame whose columns are all named by str.

    See Also
    --------
    SequencePadder : Make one array of sequences of different lengths.
    OneHotSequenceEncoder : Tokens as one-hot vectors, also without holding these in memory.
    sklearn.compose.ColumnTransformer : What to give as `transformer` if features need different treatment.

    Notes
    -----
    What comes out has the form of what came in. Arrays and DataFrames give arrays, as do nested lists that
    NumPy would call one array. All else (lists of arrays, object arrays, masked arrays, `Sequences`) gives
    `Sequences`, which every estimator here reads without a copy and scikit-learn's splitters can index.

    Values are read and given as float32, as everywhere in this library; float64 has no influence. A float32
    has 7 digits: subtract large offsets (the start from Unix times) before. Sparse results become dense, so
    set a `HashingVectorizer`'s `n_features`, which is 2**20, to some hundreds.

    Which transformers read tokens, their tags say: `input_tags.string`, `input_tags.categorical`,
    `no_validation`; a pipeline reads what its first station reads. A column of str that a transformer makes
    are tokens again.

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

    Each word of a sentence as counts of its letters:

    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> letters = StepTransformer(CountVectorizer(analyzer="char"))
    >>> letters.fit_transform([["to", "be"], ["too"]])[1]
    array([[0., 0., 2., 1.]], dtype=float32)
    >>> letters.get_feature_names_out().tolist()
    ['b', 'e', 'o', 't']
    """

    def __init__(self, transformer):
        self.transformer = transformer

    def fit(self, X, y=None):
        """Fit the transformer to all steps.

        Parameters
        ----------
        X : sequences in any form
            List of arrays (n_steps_i, n_features), array (n_sequences, n_steps, n_features), `Sequences`, ...
            Also tokens, if the transformer reads them.
        y : array or list, optional
            Targets of sequences or of steps, for transformers that look at them. Targets that cannot be
            laid out like steps (those of another length) are left to later stations of a pipeline.

        Returns
        -------
        self : StepTransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If X is not as it should be, or holds what the transformer does not read: tokens, or numbers.
        TypeError
            If `transformer` is none, or X is no collection of sequences.
        """
        self._check_transformer()
        sequences = self._read(X, reset=True)[0]
        transformer, targets = clone(self.transformer), self._flatten_target(y, sequences)
        self.transformer_ = transformer.fit(_lay_out(sequences, transformer), targets)
        return self

    @available_if(_transformer_has("partial_fit"))
    def partial_fit(self, X, y=None):
        """Fit the transformer further, to all steps of more sequences.

        Parameters
        ----------
        X : sequences in any form
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
        self.transformer_ = transformer.partial_fit(_lay_out(sequences, transformer), targets)
        return self

    def fit_transform(self, X, y=None):
        """Fit the transformer to all steps, and transform them.

        Parameters
        ----------
        X : sequences in any form
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
        transformer, targets = clone(self.transformer), self._flatten_target(y, sequences)
        rows = _lay_out(sequences, transformer)
        if hasattr(transformer, "fit_transform"):  # may be more than the two: see TargetEncoder
            values = transformer.fit_transform(rows, targets)
        else:
            values = transformer.fit(rows, targets).transform(rows)
        self.transformer_ = transformer
        return self._cut(values, "transform", sequences, shape or nested_shape(X))

    def transform(self, X):
        """Transform every step.

        Parameters
        ----------
        X : sequences in any form
            As in `fit`.

        Returns
        -------
        X_new : ndarray or Sequences
            float32, or tokens. An array for an array: of shape (n_sequences, n_steps, n_features_out), or
            (n_sequences, n_steps) if X has two axes and there is one feature. Else `Sequences`.
        """
        check_is_fitted(self)
        sequences, shape = self._read(X, reset=False)
        values = self.transformer_.transform(_lay_out(sequences, self.transformer_))
        return self._cut(values, "transform", sequences, shape or nested_shape(X))

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
            float32, or tokens if `fit` saw tokens. An array for an array, else `Sequences`.
        """
        check_is_fitted(self)
        sequences = self._read_numbers(X, reset=False)
        shape = array_shape(X)
        if shape is not None and self._was_table:
            self._check_width(shape[1], self.n_features_in_)
            shape = shape[:2]  # what was a table becomes a table
        self._check_width(sequences.n_features, self._n_features_out(default=sequences.n_features))
        values = self.transformer_.inverse_transform(sequences.values)
        return self._cut(values, "inverse_transform", sequences, shape or nested_shape(X))

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
        tags.input_tags.string = inner.input_tags.string
        tags.input_tags.categorical = inner.input_tags.categorical
        tags.input_tags.two_d_array = _token_form(self.transformer) != "texts"
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

    def _convert(self, X, *, reset):
        transformer = self.transformer if reset else self.transformer_
        form = _token_form(transformer)
        if form is None:
            return self._read_numbers(X, reset=reset)
        sequences = as_sequences(X, allow_nan=get_tags(transformer).input_tags.allow_nan)
        if form == "texts" and not is_text(sequences):
            kind = "integers" if sequences.is_tokens else "numbers"
            raise ValueError(f"X holds {kind}, but {type(transformer).__name__} reads steps that are str.")
        return sequences

    def _cut(self, values, method, sequences, shape):
        """Cut the rows that the transformer made into sequences."""
        values = values.astype(np.float32).toarray() if hasattr(values, "toarray") else _as_array(values)
        n_steps = len(sequences.values)
        if values.ndim != 2 or len(values) != n_steps:
            raise ValueError(
                f"{type(self.transformer_).__name__}.{method} made shape {values.shape} of {n_steps} steps; "
                "it must give one row for each."
            )
        if values.shape[1] == 1 and self._makes_tokens(values, method):
            tokens = as_sequences(sequences.with_values(values[:, 0]))
            return tokens if shape is None else tokens.values.reshape(shape[:2])
        values = values.astype(np.float32, copy=False)
        if shape is None:
            return sequences.with_values(values)
        is_table = len(shape) == 2 and values.shape[1] == 1
        return values.reshape(shape if is_table else (*shape[:2], values.shape[1]))

    def _makes_tokens(self, values, method):
        if method == "inverse_transform" and self._kind == "integer tokens":
            return True
        if values.dtype.kind == "O":
            return any(isinstance(value, str) for value in values.ravel().tolist())
        return values.dtype.kind in "UT"


def _token_form(transformer):
    """How a transformer reads tokens: as "texts" (S,), as a "column" (S, 1), or (None) not at all."""
    if isinstance(transformer, Pipeline):
        first = [station for _, station in transformer.steps if station not in (None, "passthrough")][:1]
        return _token_form(first[0]) if first else None
    if isinstance(transformer, (ColumnTransformer, FeatureUnion)):
        is_union = isinstance(transformer, FeatureUnion)
        parts = [part[1] for part in (transformer.transformer_list if is_union else transformer.transformers)]
        forms = [form for part in parts if not isinstance(part, str) and (form := _token_form(part))]
        return None if not forms else forms[0] if is_union else "column"
    tags = get_tags(transformer)
    if tags.input_tags.string and not tags.input_tags.two_d_array:
        return "texts"
    return "column" if tags.input_tags.categorical or tags.no_validation else None


def _lay_out(sequences, transformer):
    """Lay all steps end to end in the form that a transformer reads."""
    if sequences.is_tokens and _token_form(transformer) == "column":
        return sequences.values[:, np.newaxis]
    return sequences.values


def _as_array(rows):
    return object_array(rows) if isinstance(rows, list) else np.asarray(rows)
