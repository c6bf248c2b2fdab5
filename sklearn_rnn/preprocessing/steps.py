"""Any scikit-learn transformer, applied to the steps of sequences."""

from contextlib import contextmanager

import numpy as np
from sklearn.base import OneToOneFeatureMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.data.arrays import as_numbers, object_array
from sklearn_rnn.data.checks import check_n_features
from sklearn_rnn.data.hints import warn_of_float32
from sklearn_rnn.data.problems import check_same_number, reading
from sklearn_rnn.data.reading import as_sequences, read_sequences
from sklearn_rnn.data.targets import flatten_steps, is_ragged
from sklearn_rnn.preprocessing.base import SequenceTransformer, is_text, unchanged_on_error

_MOST_BYTES = 4 * 2**30  # of a sparse result made dense


def _transformer_has(name):
    def has(self):
        getattr(getattr(self, "transformer_", self._transformer), name)  # its error names what is missing
        return True

    return has


class StepTransformer(SequenceTransformer, auto_wrap_output_keys=None):
    """Apply a scikit-learn transformer to every step of every sequence.

    All steps of all sequences are laid end to end, (n_steps_total, n_features), and passed to the transformer
    at once: a `StandardScaler` learns one mean for each feature, over all sequences and steps.

    Steps may be tokens if the transformer supports them: `CountVectorizer` and similar transformers read each
    token as a text; `OneHotEncoder`, `OrdinalEncoder` and `FunctionTransformer` read a column of tokens,
    (n_steps_total, 1).

    Parameters
    ----------
    transformer : transformer or "passthrough"
        Any scikit-learn transformer of rows: a scaler, `PCA`, an encoder, a pipeline of these; "passthrough"
        leaves the numbers as they are. It is cloned before it is fitted. If it uses `y` (as `SelectKBest`
        does), the target of a whole sequence is used at each step.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    n_features_in_ : int
        Number of features a step; 1 for tokens. After a fit on a 2-D array or DataFrame,
        (n_sequences, n_steps): the number of columns.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the features, or of the columns of a DataFrame (n_sequences, n_steps). Only after a fit on
        `Sequences` or DataFrames in which all names are str.

    See Also
    --------
    SequencePadder : Make one array of sequences of different lengths.
    SequenceOneHotEncoder : Tokens as one-hot vectors, also without holding these in memory.
    sklearn.compose.ColumnTransformer : Use as `transformer` if features need different treatment.
        It can select them by name if X has names: `Sequences` of a table, or a list of DataFrames.

    Notes
    -----
    The form of the output follows the form of the input. Arrays and DataFrames become arrays, as do nested
    lists that NumPy would convert to one array. All other forms (lists of arrays, object arrays, masked
    arrays, `Sequences`) become `Sequences`, which every estimator of this package reads without a copy and
    scikit-learn's splitters can index.

    The transformer reads float32 if it represents X exactly, else float64, and the precision of its output is
    kept: large offsets, such as those of Unix times, are removed before an estimator converts numbers to
    float32. Sparse results become dense float32, so set `n_features` of a `HashingVectorizer`, which is 2**20
    by default, to some hundreds; more than 4 GiB is an error.

    The tags of a transformer define whether it reads tokens: `input_tags.string`, `input_tags.categorical`,
    `no_validation`; a pipeline reads what its first step reads. A column of str that a transformer returns is
    read as tokens again.

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
    array([[1.22, 1.22]])
    >>> scaler.inverse_transform(scaled)[1]
    array([[ 4., 50.]])

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

    @unchanged_on_error
    def fit(self, X, y=None):
        """Fit the transformer to all steps.

        Parameters
        ----------
        X : sequences in any form
            List of arrays (n_steps_i, n_features), array (n_sequences, n_steps, n_features), `Sequences`, ...
            Also tokens, if the transformer reads them.
        y : array or list, optional
            Targets of sequences or of steps, for transformers that use them. Targets that cannot be laid out
            like steps (those of another length) are left to later steps of a pipeline.

        Returns
        -------
        self : StepTransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If X is invalid, or holds what the transformer does not read: tokens, or numbers; in `transform`
            also if a sparse result would be larger than 4 GiB as a dense array.
        TypeError
            If `transformer` is not a transformer, or X is not a collection of sequences.
        """
        self._check_transformer()
        sequences = self._read(X, reset=True)[0]
        transformer, targets = clone(self._transformer), self._flatten_target(y, sequences)
        with _explain_empty_vocabulary(sequences):
            self.transformer_ = transformer.fit(self._lay_out(sequences, transformer), targets)
        return self

    @available_if(_transformer_has("partial_fit"))
    @unchanged_on_error
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
        transformer = clone(self._transformer) if is_first else self.transformer_
        self.transformer_ = transformer.partial_fit(self._lay_out(sequences, transformer), targets)
        return self

    @unchanged_on_error
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
        sequences, form = self._read(X, reset=True)
        transformer, targets = clone(self._transformer), self._flatten_target(y, sequences)
        rows = self._lay_out(sequences, transformer)
        with _explain_empty_vocabulary(sequences):
            if hasattr(transformer, "fit_transform"):  # may differ from fit and transform: see TargetEncoder
                values = transformer.fit_transform(rows, targets)
            else:
                values = transformer.fit(rows, targets).transform(rows)
        self.transformer_ = transformer
        return self._cut(values, "transform", sequences, form.stacked_shape)

    def transform(self, X):
        """Transform every step.

        Parameters
        ----------
        X : sequences in any form
            As in `fit`.

        Returns
        -------
        X_new : ndarray or Sequences
            Floats, or tokens. An array if X is an array: of shape (n_sequences, n_steps, n_features_out), or
            (n_sequences, n_steps) if X has two axes and there is one feature. Else `Sequences`.
        """
        check_is_fitted(self)
        sequences, form = self._read(X, reset=False)
        values = self.transformer_.transform(self._lay_out(sequences, self.transformer_))
        return self._cut(values, "transform", sequences, form.stacked_shape)

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
            Floats, or tokens if `fit` saw tokens. An array if X is an array, else `Sequences`.
        """
        check_is_fitted(self)
        sequences, form = self._read_numbers(X, reset=False)
        shape = form.stacked_shape
        if form.shape is not None and self._was_table:
            check_n_features(shape[1], self.n_features_in_, self)
            shape = shape[:2]  # what was a table becomes a table
        check_n_features(sequences.n_features, self._n_features_out(default=sequences.n_features), self)
        values = self.transformer_.inverse_transform(sequences.values)
        return self._cut(values, "inverse_transform", sequences, shape)

    @available_if(_transformer_has("get_feature_names_out"))
    @reading("input_features")
    def get_feature_names_out(self, input_features=None):
        """Return the names of the features of a transformed step.

        Parameters
        ----------
        input_features : array of str, optional
            Names of the input features. By default those of X in `fit`.

        Returns
        -------
        feature_names_out : ndarray of str
            The transformer's names. After a fit on a 2-D array or DataFrame, if steps have one output
            feature: the names of its columns, which are steps.
        """
        check_is_fitted(self)
        if not self._was_table and not hasattr(self, "feature_names_in_"):
            return self.transformer_.get_feature_names_out(input_features)
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        if not self._was_table:
            return self.transformer_.get_feature_names_out(names)
        names_of_step = self.transformer_.get_feature_names_out()
        return names if len(names_of_step) == 1 else names_of_step

    def __sklearn_tags__(self):
        """Describe the transformer to scikit-learn, as the one inside does."""
        tags = super().__sklearn_tags__()
        if not hasattr(self._transformer, "__sklearn_tags__"):
            return tags  # not a transformer, for which fit raises an error
        inner = get_tags(self._transformer)
        tags.target_tags.required = inner.target_tags.required
        tags.input_tags.allow_nan = _allows_nan(self._transformer)
        tags.input_tags.positive_only = inner.input_tags.positive_only
        tags.input_tags.string = inner.input_tags.string
        tags.input_tags.categorical = inner.input_tags.categorical
        tags.input_tags.two_d_array = _token_form(self._transformer) != "texts"
        tags.non_deterministic = inner.non_deterministic
        if inner.transformer_tags is not None:
            is_claimed = _token_form(self._transformer) is None  # others convert sparse float64 to float32
            tags.transformer_tags.preserves_dtype = inner.transformer_tags.preserves_dtype * is_claimed
        return tags

    def _n_features_out(self, default):
        try:
            return len(self.transformer_.get_feature_names_out())
        except AttributeError:  # not every transformer names its output
            return default

    @property
    def _transformer(self):
        is_none = isinstance(self.transformer, str) and self.transformer == "passthrough"
        return FunctionTransformer(feature_names_out="one-to-one") if is_none else self.transformer

    def _check_transformer(self):
        is_one = hasattr(self._transformer, "transform") and hasattr(self._transformer, "__sklearn_tags__")
        if not is_one or isinstance(self.transformer, type):
            raise TypeError(
                "transformer must be a scikit-learn transformer or 'passthrough', but it is "
                f"{self.transformer!r}."
            )

    def _flatten_target(self, y, sequences):
        """Lay targets out like steps; if that fails, raise an error only if the transformer requires them."""
        is_required = get_tags(self._transformer).target_tags.required
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
            return None  # targets of a later step of the pipeline, such as sequences of other lengths

    def _convert(self, X, *, reset):
        transformer = self._transformer if reset else self.transformer_
        token_form = _token_form(transformer)
        if token_form is None:
            sequences, form = self._read_numbers(X, reset=reset, allow_nan=_allows_nan(transformer))
            if reset and not sequences.is_tokens:
                warn_of_float32(sequences.values)
            return sequences, form
        sequences, form = read_sequences(X, allow_nan=_allows_nan(transformer), dtype=None)
        if token_form == "texts" and not is_text(sequences):
            kind = "integers" if sequences.is_tokens else "numbers"
            raise ValueError(f"X holds {kind}, but {type(transformer).__name__} reads steps that are str.")
        return sequences, form

    def _lay_out(self, sequences, transformer):
        """Lay all steps end to end in the form that a transformer reads."""
        if sequences.is_tokens:
            is_column = _token_form(transformer) == "column"
            return sequences.values[:, np.newaxis] if is_column else sequences.values
        names = None if self._was_table else getattr(self, "feature_names_in_", None)
        if names is None or not _has_columns(transformer):
            return sequences.values
        try:
            from pandas import DataFrame
        except ImportError:  # without names: columns can still be selected by their numbers
            return sequences.values
        return DataFrame(sequences.values, columns=names, copy=False)

    def _cut(self, values, method, sequences, shape):
        """Cut the rows that the transformer returned into sequences."""
        if hasattr(values, "toarray"):
            _refuse_large(values, self.transformer_)
            values = values.astype(np.float32).toarray()
        else:
            values = _as_array(values)
        n_steps = len(sequences.values)
        if values.ndim != 2 or len(values) != n_steps:
            raise ValueError(
                f"{type(self.transformer_).__name__}.{method} made shape {values.shape} of {n_steps} steps; "
                "it must return one row for each."
            )
        if values.shape[1] == 1 and self._makes_tokens(values, method):
            tokens = as_sequences(sequences.with_values(values[:, 0]))
            return tokens if shape is None else tokens.values.reshape(shape[:2])
        values = as_numbers(values, "X")
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
    """Return how a transformer reads tokens: as "texts" (S,), as a "column" (S, 1), or not at all (None)."""
    return next((form for form, _ in _find_readers(transformer) if form), None)


def _allows_nan(transformer):
    """Return whether some part of a transformer allows NaN; the other parts raise their own errors."""
    readers = _find_readers(transformer)
    return not readers or any(allows_nan for _, allows_nan in readers)


def _find_readers(transformer):
    """Return the form of tokens, and whether NaN is allowed, of all parts that read a transformer's input.

    The tags of scikit-learn's composite transformers do not hold this.
    """
    if transformer is None or isinstance(transformer, str):  # "passthrough", "drop"
        return []
    if isinstance(transformer, Pipeline):
        return next((found for _, part in transformer.steps if (found := _find_readers(part))), [])
    if isinstance(transformer, FeatureUnion):
        return [found for _, part in transformer.transformer_list for found in _find_readers(part)]
    if isinstance(transformer, ColumnTransformer):
        parts = [*(part[1] for part in transformer.transformers), transformer.remainder]
        found = [found for part in parts for found in _find_readers(part)]
        return [(form and "column", allows_nan) for form, allows_nan in found]
    tags = get_tags(transformer)
    reads_column = tags.input_tags.categorical or tags.no_validation
    reads_texts = tags.input_tags.string and not tags.input_tags.two_d_array
    form = "texts" if reads_texts else "column" if reads_column else None
    return [(form, tags.input_tags.allow_nan or tags.no_validation)]


def _has_columns(transformer):
    """Return whether any part is a ColumnTransformer, which may select columns by name."""
    return any(
        isinstance(part, ColumnTransformer) for part in (transformer, *transformer.get_params().values())
    )


@contextmanager
def _explain_empty_vocabulary(sequences):
    """Extend the error of scikit-learn's vectorizers, which by default do not read single characters."""
    try:
        yield
    except ValueError as error:
        if "empty vocabulary" not in str(error) or not is_text(sequences):
            raise
        if max(map(len, sequences.values.tolist())) > 1:
            raise
        raise ValueError(
            f"{error}. Every step of X is a single character, as a list of str is read letter by letter, and "
            "the vectorizer takes words of at least 2: split each text into a list of words, or set "
            "analyzer='char'."
        ) from error


def _refuse_large(values, transformer):
    """Raise an error if a sparse matrix is too large to be converted to a dense array."""
    n_bytes = 4 * values.shape[0] * values.shape[1]  # float32
    if n_bytes > _MOST_BYTES:
        raise ValueError(
            f"{type(transformer).__name__} made {values.shape[1]} features of {values.shape[0]} steps, which "
            f"are {n_bytes / 2**30:.1f} GiB as a dense array; at most {_MOST_BYTES / 2**30:.0f} are made. "
            "Make fewer features, some hundreds: n_features of HashingVectorizer, max_features of "
            "CountVectorizer, max_categories of OneHotEncoder."
        )


def _as_array(rows):
    return object_array(rows) if isinstance(rows, list) else np.asarray(rows)
