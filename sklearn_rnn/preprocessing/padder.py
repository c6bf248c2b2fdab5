"""Sequences of different lengths padded to one array, and back."""

import numbers
from itertools import pairwise

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.data.arrays import are_finite, as_numbers, trailing_lengths
from sklearn_rnn.data.checks import check_n_features
from sklearn_rnn.data.parameters import check_bool, check_count, check_option, check_size
from sklearn_rnn.data.problems import Problems, reading
from sklearn_rnn.data.reading import as_sequences
from sklearn_rnn.data.sequences import Sequences, find_first_steps, step_positions
from sklearn_rnn.preprocessing.base import SequenceTransformer, unchanged_on_error
from sklearn_rnn.preprocessing.truncator import truncate

_LONG = 50  # steps; from about here on, copying sequence by sequence is faster than step by step


class SequencePadder(SequenceTransformer, auto_wrap_output_keys=None):
    """Pad sequences of different lengths to one array.

    The estimators of this library need no padding. Use it for what does: other libraries, plots, files.

    Parameters
    ----------
    padding_value : float, default=0.0
        Value of the padding. With NaN, which sequences then must not hold, padding can never be mistaken for
        data.
    n_steps : int, optional
        Number of steps of the array. By default that of the longest sequence seen in `fit`.
    side : {"end", "start"}, default="end"
        Side of the padding. The estimators' ``padding_value=`` means padding at the end.
    masked : bool, default=False
        Whether to return masked arrays, in which the padding is masked.
    truncate : {"end", "start"}, optional
        Where to cut steps off a sequence that is too long for the array. By default that is an error.

    Attributes
    ----------
    n_steps_ : int
        Number of steps of the array.
    n_features_in_ : int
        Number of features a step. After a fit on a 2-D array or DataFrame, (n_sequences, n_steps): the number
        of columns.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the features, or of the columns of a 2-D table. Only after a fit on a DataFrame, on a list of
        DataFrames or on `Sequences` with names, all of which are str.

    See Also
    --------
    SequenceTruncator : Cut sequences to a number of steps, without padding.
    sklearn_rnn.Sequences.to_padded : The same for one data set, also of tokens.
    StepTransformer : Apply a scikit-learn transformer to every step.

    Notes
    -----
    `inverse_transform` returns exactly what was passed to `transform`, except for truncated steps.
    `transform` ensures that: unless `masked`, a sequence whose own outermost step looks like padding is an
    error, and so is NaN in a sequence if the padding is NaN. With other padding NaN may mark missing values.

    Examples
    --------
    >>> from sklearn_rnn.preprocessing import SequencePadder
    >>> X = [[1.0, 2.0, 3.0], [4.0]]
    >>> padder = SequencePadder(padding_value=-1).fit(X)
    >>> padded = padder.transform(X)
    >>> padded.shape
    (2, 3, 1)
    >>> padded[:, :, 0]
    array([[ 1.,  2.,  3.],
           [ 4., -1., -1.]])
    >>> padder.inverse_transform(padded)
    Sequences(2 sequences of 1 to 3 steps, 1 feature)
    """

    _advice_for_tokens = (
        "The recurrent estimators read tokens and their codes as they are, without padding; "
        "Sequences.to_padded pads these, too."
    )

    def __init__(self, *, padding_value=0.0, n_steps=None, side="end", masked=False, truncate=None):
        self.padding_value = padding_value
        self.n_steps = n_steps
        self.side = side
        self.masked = masked
        self.truncate = truncate

    @unchanged_on_error
    def fit(self, X, y=None):
        """Learn the number of steps of the array.

        Parameters
        ----------
        X : sequences in any numeric form
            List of arrays (n_steps_i, n_features), array (n_sequences, n_steps, n_features), `Sequences`, ...
        y : None
            Ignored.

        Returns
        -------
        self : SequencePadder
            The fitted transformer.
        """
        self._check_parameters()
        self._fit(self._read(X, reset=True)[0])
        return self

    @unchanged_on_error
    def fit_transform(self, X, y=None):
        """Learn the number of steps of the array, and pad.

        Parameters
        ----------
        X : sequences in any numeric form
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        X_new : ndarray or masked array
            As from `transform`.
        """
        self._check_parameters()
        sequences, form = self._read(X, reset=True)
        self._fit(sequences)
        return self._pad(sequences, form)

    def transform(self, X):
        """Pad every sequence.

        Parameters
        ----------
        X : sequences in any numeric form
            As in `fit`.

        Returns
        -------
        X_new : ndarray or masked array of shape (n_sequences, n_steps_, n_features)
            float32 if it represents X exactly, else float64. If X has two axes, (n_sequences, n_steps), the
            shape is (n_sequences, n_steps_).
        """
        check_is_fitted(self)
        self._check_parameters()
        return self._pad(*self._read(X, reset=False))

    def inverse_transform(self, X):
        """Cut the padding off.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps_, n_features) or (n_sequences, n_steps_)
            What `transform` returned; a masked array if `masked`.

        Returns
        -------
        X_original : Sequences, or ndarray of shape (n_sequences, n_features_in_)
            The sequences; an array if X has two axes and `fit` saw a 2-D array.
        """
        check_is_fitted(self)
        self._check_parameters()
        with reading("X"):
            X = X if isinstance(X, np.ma.MaskedArray) else np.asarray(X)
        if X.ndim not in (2, 3) or X.shape[1] != self.n_steps_:
            raise ValueError(
                f"X has shape {X.shape}, but {type(self).__name__} is expecting {self.n_steps_} steps: "
                "(n_sequences, n_steps_, n_features) or (n_sequences, n_steps_)."
            )
        check_n_features(
            X.shape[2] if X.ndim == 3 else 1, 1 if self._was_table else self.n_features_in_, self
        )
        if X.ndim == 2 and self._was_table:
            n_real = min(self.n_features_in_, self.n_steps_)  # all sequences have one length
            lengths = np.full(len(X), n_real)
        else:
            is_step = ~self._is_padding(X if X.ndim == 3 else X[:, :, np.newaxis])
            lengths = trailing_lengths(is_step if self.side == "end" else is_step[:, ::-1])
        steps = np.ma.getdata(X)[self._inside(lengths)]
        sequences = Sequences.from_lengths(steps.reshape(len(steps), -1), lengths)
        sequences = as_sequences(sequences, allow_nan=get_tags(self).input_tags.allow_nan, dtype=None)
        return sequences.values.reshape(len(X), -1) if X.ndim == 2 and self._was_table else sequences

    def __sklearn_tags__(self):
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        padding, masked = self.padding_value, self.masked  # which may be anything, until fit
        is_nan = isinstance(padding, numbers.Real) and padding != padding
        tags.input_tags.allow_nan = not is_nan or (isinstance(masked, (bool, np.bool_)) and bool(masked))
        return tags

    def _convert(self, X, *, reset):
        sequences, form = self._read_numbers(X, reset=reset, allow_nan=True)
        if not get_tags(self).input_tags.allow_nan and not are_finite(sequences.values):
            problems = Problems("X")
            is_nan = np.isnan(sequences.values).any(axis=1)
            for i, step, _ in find_first_steps(is_nan, sequences.offsets):
                problems.add(
                    i,
                    f"has NaN at step {step}, as the padding has; set another padding_value, or masked=True, "
                    "or impute missing values before.",
                )
            problems.raise_if_any()
        return sequences, form

    def _fit(self, sequences):
        self.n_steps_ = int(sequences.lengths.max() if self.n_steps is None else self.n_steps)

    def _check_parameters(self):
        if not isinstance(self.padding_value, numbers.Real):
            raise TypeError(f"padding_value must be a number, but it is {self.padding_value!r}.")
        check_size("padding_value", self.padding_value)
        if np.isfinite(self.padding_value) and abs(self.padding_value) > float(np.finfo(np.float32).max):
            raise ValueError(f"padding_value={self.padding_value} is too large for float32.")
        check_count("n_steps", self.n_steps, optional=True)
        check_option("side", self.side, ("end", "start"))
        check_bool("masked", self.masked)
        if self.truncate is not None:
            check_option("truncate", self.truncate, ("end", "start"))

    def _pad(self, sequences, form):
        is_table = form.is_table
        if self.truncate is None:
            self._refuse_long(sequences)
        else:
            sequences = truncate(sequences, self.n_steps_, self.truncate)
        if not (is_table and self._was_table):
            self._check_no_mistake(sequences)
        lengths, shape = sequences.lengths, (len(sequences), self.n_steps_, sequences.n_features)
        starts = np.arange(len(sequences)) * self.n_steps_
        if self.side == "start":
            starts += self.n_steps_ - lengths
        padded = np.full((shape[0] * shape[1], shape[2]), self.padding_value, dtype=sequences.values.dtype)
        if lengths.mean() < _LONG:
            padded[step_positions(starts, lengths)] = sequences.values  # faster than by a mask
        else:
            bounds = pairwise(sequences.offsets.tolist())
            for at, (start, end) in zip(starts.tolist(), bounds, strict=True):
                padded[at : at + end - start] = sequences.values[start:end]
        padded = padded.reshape(shape)
        if self.masked:
            mask = np.broadcast_to(~self._inside(lengths)[:, :, np.newaxis], shape).copy()
            padded = np.ma.masked_array(padded, mask, fill_value=self.padding_value)
        return padded[:, :, 0] if is_table else padded

    def _inside(self, lengths):
        """Return where the array holds steps, boolean of shape (n_sequences, n_steps_)."""
        inside = np.arange(self.n_steps_) < lengths[:, np.newaxis]
        return inside if self.side == "end" else inside[:, ::-1]

    def _is_padding(self, X):
        """Return which steps of an array (..., n_features) are padding."""
        if isinstance(X, np.ma.MaskedArray):
            return np.ma.getmaskarray(X).all(axis=-1)
        if self.masked:
            raise TypeError(
                "X is not a masked array, but masked=True; its padding cannot be distinguished from data."
            )
        # Compare in float32, as estimators read it; 0.1 in float64 differs from 0.1 in float32.
        with reading("X"):
            X, padding_value = as_numbers(X, "X", np.float32), np.float32(self.padding_value)
        return (np.isnan(X) if np.isnan(padding_value) else X == padding_value).all(axis=-1)

    def _refuse_long(self, sequences):
        problems = Problems("X")
        for i in np.flatnonzero(sequences.lengths > self.n_steps_):
            problems.add(
                i,
                f"has {sequences.lengths[i]} steps, but the array has {self.n_steps_}; set n_steps, or "
                "truncate='end' or 'start' to cut steps off.",
            )
        problems.raise_if_any()

    def _check_no_mistake(self, sequences):
        """Raise an error for sequences that `inverse_transform` could not restore."""
        if self.masked:
            return
        outermost = sequences.offsets[1:] - 1 if self.side == "end" else sequences.offsets[:-1]
        problems = Problems("X")
        for i in np.flatnonzero(self._is_padding(sequences.values[outermost])):
            problems.add(
                i,
                f"{'ends' if self.side == 'end' else 'starts'} with a step of {self.padding_value}, "
                "which could not be distinguished from padding; set another padding_value (such as NaN), "
                "or masked=True.",
            )
        problems.raise_if_any()
