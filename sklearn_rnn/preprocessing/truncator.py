"""Sequences cut to a number of steps."""

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.data.parameters import check_count, check_option
from sklearn_rnn.data.problems import reading
from sklearn_rnn.data.reading import read_sequences
from sklearn_rnn.data.sequences import Sequences, step_positions
from sklearn_rnn.preprocessing.base import SequenceTransformer, unchanged_on_error


class SequenceTruncator(SequenceTransformer, auto_wrap_output_keys=None):
    """Cut sequences to at most some number of steps.

    Parameters
    ----------
    n_steps : int
        Maximum number of steps of a sequence. Shorter sequences are not changed.
    side : {"end", "start"}, default="end"
        Side on which steps are cut off. "end" keeps the first steps, "start" the last.

    Attributes
    ----------
    n_features_in_ : int
        Number of features a step; 1 for tokens. After a fit on a 2-D array or DataFrame,
        (n_sequences, n_steps): the number of columns.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the features, or of the columns of a 2-D table. Only after a fit on a DataFrame, on a list of
        DataFrames or on `Sequences` with names, all of which are str.

    See Also
    --------
    SequencePadder : Make one array of sequences; its `truncate` cuts those that are too long.

    Notes
    -----
    The form of the output follows the form of the input: arrays and DataFrames become arrays, as do nested
    lists of numbers that NumPy would convert to one array. All other forms become `Sequences`. Numbers may be
    NaN, so that an imputer can follow. There is no `inverse_transform`, as steps that were cut off are lost.

    Targets of steps are not truncated. Use another truncator for them.

    Examples
    --------
    >>> from sklearn_rnn.preprocessing import SequenceTruncator
    >>> X = [[1.0, 2.0, 3.0], [4.0]]
    >>> [x.ravel().tolist() for x in SequenceTruncator(2).fit_transform(X)]
    [[1.0, 2.0], [4.0]]
    >>> ["".join(x) for x in SequenceTruncator(3, side="start").fit_transform(["Schneider", "Li"])]
    ['der', 'Li']
    """

    def __init__(self, n_steps, *, side="end"):
        self.n_steps = n_steps
        self.side = side

    @unchanged_on_error
    def fit(self, X, y=None):
        """Learn the number of features, which later data must have as well.

        Parameters
        ----------
        X : sequences in any form
            Numbers or tokens, as the estimators read them.
        y : None
            Ignored.

        Returns
        -------
        self : SequenceTruncator
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter has an invalid value, or X is invalid.
        TypeError
            If `n_steps` is not an integer, or X is not a collection of sequences.
        """
        self._check_parameters()
        self._read(X, reset=True)
        return self

    @unchanged_on_error
    def fit_transform(self, X, y=None):
        """Learn the number of features, and cut.

        Parameters
        ----------
        X : sequences in any form
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        X_new : Sequences or ndarray
            As from `transform`.
        """
        self._check_parameters()
        return self._cut(*self._read(X, reset=True))

    def transform(self, X):
        """Cut every sequence that is too long.

        Parameters
        ----------
        X : sequences in any form
            As in `fit`.

        Returns
        -------
        X_new : Sequences or ndarray
            Numbers as float32 if it represents X exactly, else as float64. An array if X is an array, of
            shape (n_sequences, n_steps_new, n_features) or (n_sequences, n_steps_new); else `Sequences`.

        Raises
        ------
        ValueError
            If the number of features differs from that in `fit`.
        TypeError
            If X holds numbers and `fit` saw tokens, or the other way round.
        """
        check_is_fitted(self)
        self._check_parameters()
        return self._cut(*self._read(X, reset=False))

    @reading("input_features")
    def get_feature_names_out(self, input_features=None):
        """Return the names of the features of a step, which are those of the input.

        Parameters
        ----------
        input_features : array of str, optional
            Names of the input features.

        Returns
        -------
        feature_names_out : ndarray of str
            The same names. After a fit on a 2-D array or DataFrame: of the columns, which are steps, those
            that are kept.
        """
        check_is_fitted(self)
        names = OneToOneFeatureMixin.get_feature_names_out(self, input_features)
        if not self._was_table:
            return names
        return names[: self.n_steps] if self.side == "end" else names[-self.n_steps :]

    def _check_parameters(self):
        check_count("n_steps", self.n_steps)
        check_option("side", self.side, ("end", "start"))

    def _convert(self, X, *, reset):
        return read_sequences(X, allow_nan=True, dtype=None)

    def _cut(self, sequences, form):
        cut = truncate(sequences, self.n_steps, self.side)
        # An array of integer codes would be read as numbers.
        shape = form.shape if cut.is_tokens else form.stacked_shape
        if shape is None:
            return cut
        return cut.values.reshape(shape[0], min(shape[1], self.n_steps), *shape[2:])

    def __sklearn_tags__(self):
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def truncate(sequences, n_steps, side):
    """Cut sequences to at most some number of steps.

    Parameters
    ----------
    sequences : Sequences
        Numbers or tokens.
    n_steps : int
        Maximum number of steps of a sequence.
    side : {"end", "start"}
        Side on which steps are cut off.

    Returns
    -------
    Sequences
        The truncated sequences; `sequences` itself if none is longer.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.preprocessing.truncator import truncate
    >>> truncate(as_sequences(["abc", "d"]), 2, "start").values
    array(['b', 'c', 'd'], dtype='<U1')
    """
    lengths = sequences.lengths
    kept = np.minimum(lengths, n_steps)
    starts = sequences.offsets[:-1]
    if len(lengths) == 0 or kept.sum() == sequences.offsets[-1]:
        return sequences
    if side == "start":
        starts = starts + lengths - kept
    values = sequences.values[step_positions(starts, kept)]
    return Sequences(values, np.r_[0, np.cumsum(kept)], feature_names=sequences.feature_names)
