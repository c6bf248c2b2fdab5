"""Tokens as one-hot vectors, or as the codes that represent them."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.data.checks import check_n_features
from sklearn_rnn.data.form import array_shape
from sklearn_rnn.data.parameters import check_bool, check_option
from sklearn_rnn.data.problems import reading
from sklearn_rnn.data.reading import as_sequences
from sklearn_rnn.encoding.vocabulary import find_tokens
from sklearn_rnn.preprocessing.base import unchanged_on_error
from sklearn_rnn.preprocessing.tokens import TokenTransformer


class SequenceOneHotEncoder(TokenTransformer, auto_wrap_output_keys=None):
    """Turn tokens into one-hot vectors, held as codes unless `dense`.

    A one-hot vector has a number for every category, 1 for that of the step and 0 for all others. For an
    estimator with ``embedding_size=None`` a code *is* that vector: it uses the column of its input weights
    that the 1 would have selected. Codes therefore train the same network in a fraction of the memory.

    Parameters
    ----------
    categories : "auto" or list, default="auto"
        The categories in the order of the numbers of a vector: str or integers. By default those that `fit`
        sees, sorted.
    handle_unknown : {"error", "ignore"}, default="error"
        Whether a token that is not one of the categories is an error, or becomes a vector of zeros (code 0).
    dense : bool, default=False
        Whether `transform` returns vectors. By default it returns codes: the position of the 1, counted from
        1.
    unknown_token : str or int, optional
        The token that `inverse_transform` returns for zeros and for code 0. By default "<unk>", or -1 if
        tokens are integers.

    Attributes
    ----------
    categories_ : ndarray of shape (n_categories,)
        The categories.
    n_features_out_ : int
        Width of a vector, the number of categories, in either form.
    n_features_in_ : int
        1. After a fit on a 2-D array of whole numbers or a DataFrame, (n_sequences, n_steps): the number of
        columns.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the features, or of the columns of a 2-D table. Only after a fit on a DataFrame, on a list of
        DataFrames or on `Sequences` with names, all of which are str.

    See Also
    --------
    TokenEncoder : Codes in the order of frequency, with limits to the vocabulary.
    StepTransformer : ``StepTransformer(OneHotEncoder())`` for categories among several features of a step.

    Notes
    -----
    Vectors of 10^6 steps and 10^4 categories take 40 GB, their codes 8 MB. An estimator learns the same from
    both up to its random start, with one exception: in training it sometimes reads tokens that occur only
    once as unknown, to learn what an unknown token means, which is not possible with vectors.

    Examples
    --------
    >>> from sklearn_rnn.preprocessing import SequenceOneHotEncoder
    >>> X = ["hello", "hole"]
    >>> encoder = SequenceOneHotEncoder().fit(X)
    >>> encoder.get_feature_names_out().tolist()
    ['x0_e', 'x0_h', 'x0_l', 'x0_o']
    >>> encoder.transform(X)[1]
    array([2, 4, 3, 1])
    >>> vectors = encoder.set_params(dense=True).transform(X)
    >>> vectors[1]
    array([[0., 1., 0., 0.],
           [0., 0., 0., 1.],
           [0., 0., 1., 0.],
           [1., 0., 0., 0.]], dtype=float32)
    >>> ["".join(x) for x in encoder.inverse_transform(vectors)]
    ['hello', 'hole']
    """

    def __init__(self, *, categories="auto", handle_unknown="error", dense=False, unknown_token=None):
        self.categories = categories
        self.handle_unknown = handle_unknown
        self.dense = dense
        self.unknown_token = unknown_token

    @unchanged_on_error
    def fit(self, X, y=None):
        """Learn the categories.

        Parameters
        ----------
        X : sequences of tokens
            List of str, list of lists of str, list of 1-D integer arrays, `Sequences`, ...
        y : None
            Ignored.

        Returns
        -------
        self : SequenceOneHotEncoder
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter has an invalid value, if X holds numbers that are not whole, or a token that is not
            in `categories` while ``handle_unknown="error"``.
        TypeError
            If `categories` or `unknown_token` are not of the kind of the tokens, or X is not a collection of
            sequences.
        """
        self._check_parameters()
        self._fit(self._read(X, reset=True)[0])
        return self

    @unchanged_on_error
    def fit_transform(self, X, y=None):
        """Learn the categories, and encode.

        Parameters
        ----------
        X : sequences of tokens
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        X_new : Sequences or ndarray
            As from `transform`.
        """
        self._check_parameters()
        sequences, form = self._read(X, reset=True)
        self._fit(sequences)
        return self._encode(sequences, form.stacked_shape)

    def transform(self, X):
        """Turn tokens into codes or vectors.

        Parameters
        ----------
        X : sequences of tokens
            As in `fit`.

        Returns
        -------
        X_new : Sequences or ndarray
            `Sequences` of int64 codes, one a step, which the estimators read as tokens. If `dense`: float32
            vectors, an array (n_sequences, n_steps, n_features_out_) if X is an array, a DataFrame or nested
            lists that NumPy would call one array, else `Sequences`.

        Raises
        ------
        ValueError
            If X holds a token that is not one of the categories, and ``handle_unknown="error"``.
        TypeError
            If tokens are not of the kind that `fit` saw: str or integers, words or characters.
        """
        check_is_fitted(self)
        self._check_parameters()
        sequences, form = self._read(X, reset=False)
        return self._encode(sequences, form.stacked_shape)

    def inverse_transform(self, X):
        """Turn codes or vectors into tokens.

        Parameters
        ----------
        X : Sequences, list of arrays, or array
            Codes, one a step; or vectors of width `n_features_out_`, of which the largest number counts, so
            that they may also be probabilities.

        Returns
        -------
        X_original : Sequences or ndarray
            Tokens; `unknown_token` for code 0 and for vectors of zeros. An array (n_sequences, n_steps) for
            an array, else `Sequences`.

        Raises
        ------
        ValueError
            If a code is negative or too large, or if vectors are of another width.
        TypeError
            If X holds str.
        """
        check_is_fitted(self)
        sequences = as_sequences(X)
        if self._are_vectors(sequences):
            check_n_features(sequences.n_features, self.n_features_out_, self)
            is_unknown = ~sequences.values.any(axis=1)
            codes = np.where(is_unknown, 0, sequences.values.argmax(axis=1) + 1)
            sequences = sequences.with_values(codes)
        return self._decode(self._read_codes(sequences), array_shape(X))

    @reading("input_features")
    def get_feature_names_out(self, input_features=None):
        """Return the names of the numbers of a vector.

        Parameters
        ----------
        input_features : array of str of shape (1,), optional
            Name of the tokens; by default "x0".

        Returns
        -------
        feature_names_out : ndarray of str of shape (n_features_out_,)
            The name of the tokens and each category, such as "x0_a", whichever form `transform` returns.

        Raises
        ------
        ValueError
            If `input_features` is not one name.
        """
        check_is_fitted(self)
        names = ["x0"] if input_features is None else list(input_features)
        if len(names) != 1:
            raise ValueError(
                f"input_features should have length equal to 1, the name of the tokens, but has {len(names)}."
            )
        return np.array([f"{names[0]}_{category}" for category in self.categories_.tolist()], dtype=object)

    @property
    def _tokens(self):
        return self.categories_

    def _are_vectors(self, sequences):
        if sequences.is_tokens or sequences.n_features > 1:
            return not sequences.is_tokens
        # With a single category codes and vectors look alike, but codes are never fractions.
        return self.n_features_out_ == 1 and bool((sequences.values % 1).any())

    def _check_parameters(self):
        check_option("handle_unknown", self.handle_unknown, ("error", "ignore"))
        check_bool("dense", self.dense)
        is_str = isinstance(self.categories, str)
        if self.categories != "auto" if is_str else not hasattr(self.categories, "__iter__"):
            error = ValueError if is_str else TypeError
            raise error(f"categories must be 'auto' or a list, but it is {self.categories!r}.")

    def _fit(self, sequences):
        self._check_unknown_token()
        if isinstance(self.categories, str):
            self.categories_ = find_tokens(sequences)[0]
        else:
            self.categories_ = self._read_categories()
            if self.handle_unknown == "error":
                self._refuse_unknown(sequences, self._find_codes(sequences))
        self.n_features_out_ = len(self.categories_)

    def _read_categories(self):
        with reading("categories"):
            categories = np.asarray(list(self.categories))
        if self._kind == "integer tokens":
            wanted, is_right = "integers", categories.dtype.kind in "iu"
        else:
            wanted = "str"
            is_right = all(isinstance(category, str) for category in self.categories)
        if len(categories) == 0:
            raise ValueError("categories is empty; there must be at least 1.")
        if categories.ndim != 1 or not is_right:
            raise TypeError(
                f"categories must be {wanted}, as the tokens of X are, but it is {self.categories!r}."
            )
        if len(np.unique(categories)) < len(categories):
            raise ValueError(f"categories must differ from each other, but it is {self.categories!r}.")
        return categories.astype(np.int64) if wanted == "integers" else categories.astype(str)

    def _encode(self, sequences, shape):
        codes = self._find_codes(sequences)
        if self.handle_unknown == "error":
            self._refuse_unknown(sequences, codes)
        if not self.dense:
            return sequences.with_values(codes)
        vectors = np.zeros((len(codes), self.n_features_out_), dtype=np.float32)
        known = np.flatnonzero(codes)
        vectors[known, codes[known] - 1] = 1
        return sequences.with_values(vectors) if shape is None else vectors.reshape(*shape[:2], -1)
