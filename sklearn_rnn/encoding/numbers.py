"""Numbers as targets: their scale, and the numbers that a network predicts."""

import warnings

import numpy as np

from sklearn_rnn.data.hints import warn_of_float32
from sklearn_rnn.data.problems import Problems, check_not_masked, check_same_number, find_caller, reading
from sklearn_rnn.data.targets import flatten_steps, is_ragged


def measure(columns, weights=None, name="y"):
    """Return the mean and the standard deviation of each column; that of a constant is 1.

    Parameters
    ----------
    columns : ndarray of shape (n, K)
        Numbers.
    weights : ndarray of shape (n,), optional
        Weights of the rows.
    name : str, default="y"
        Name of the numbers in error messages.

    Returns
    -------
    mean, scale : ndarray of shape (K,)
        In the unit of the columns.

    Raises
    ------
    ValueError
        If a variance overflows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.numbers import measure
    >>> measure(np.array([[1.0, 5.0], [3.0, 5.0]]))
    (array([2., 5.]), array([1., 1.]))
    """
    columns = columns.astype(np.float64, copy=False)
    first = columns[0]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = first + np.average(columns - first, axis=0, weights=weights)  # exact for a constant
        variance = np.average((columns - mean) ** 2, axis=0, weights=weights)
    if not np.isfinite(variance).all():
        raise ValueError(f"{name} is too large: its variance overflows. Scale {name} down.")
    return mean, _take_root(mean, variance)


def measure_prefixes(values, lengths):
    """Return the mean and the standard deviation of the first steps of a series, for several prefixes.

    The values of a prefix do not depend on the steps after it.

    Parameters
    ----------
    values : ndarray of shape (n_steps, K)
        The series.
    lengths : ndarray of int of shape (n,)
        Numbers of steps, at least 1 each.

    Returns
    -------
    mean, scale : ndarray of float64 of shape (n, K)
        See `measure`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.numbers import measure_prefixes
    >>> mean, scale = measure_prefixes(np.array([[1.0], [3.0], [8.0]]), np.array([1, 2]))
    >>> mean[:, 0], scale[:, 0]
    (array([1., 2.]), array([1., 1.]))
    """
    first = values[0].astype(np.float64)
    from_first = values - first  # small numbers, whose squares cancel less
    n = np.asarray(lengths)[:, np.newaxis]
    mean = from_first.cumsum(axis=0)[n[:, 0] - 1] / n
    variance = np.maximum((from_first**2).cumsum(axis=0)[n[:, 0] - 1] / n - mean**2, 0)
    return mean + first, _take_root(mean + first, variance)


def _take_root(mean, variance):
    # The spread of a constant is due to rounding; small numbers can have a small spread as well.
    is_constant = np.sqrt(variance) <= 4 * np.finfo(np.float64).eps * np.abs(mean)
    return np.where(is_constant, 1.0, np.sqrt(variance))


class NumberEncoder:
    """Standardizes numbers of sequences or of steps, and converts predictions back; see `InputEncoder`.

    Attributes
    ----------
    per_step : bool
        Whether the numbers belong to steps.
    is_flat : bool
        Whether there is one number, without an axis.
    mean, scale : ndarray of shape (n_outputs,)
        Mean and standard deviation of the numbers of training.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.numbers import NumberEncoder
    >>> encoder = NumberEncoder()
    >>> encoder.learn(np.array([1.0, 3.0]))
    >>> encoder.encode(np.array([5.0])), encoder.decode(np.array([[3.0]]))
    (array([[3.]]), array([5.]))
    """

    def read(self, y, sequences, form, owner):
        """Return numbers as float64, of shape (n,) or (n, n_outputs), and whether they belong to steps.

        Parameters
        ----------
        y : array-like, or ragged
            Numbers.
        sequences, form : Sequences, Form
            The sequences, and the form in which they were passed.
        owner : estimator
            The estimator, which error messages name.

        Returns
        -------
        y : ndarray of float64
            One row per sequence, or per step of all sequences laid end to end.
        per_step : bool
            Whether it is per step.

        Raises
        ------
        ValueError
            If they are not valid, or do not fit the sequences.
        """
        if y is None:
            raise ValueError("RNNRegressor requires y to be passed, but the target y is None.")
        padded = form.padded_steps
        per_step = is_ragged(y) or _is_stacked(y, sequences.lengths)
        if per_step:
            try:
                y = flatten_steps(y, sequences.lengths, padded_steps=padded)
            except ValueError as error:
                hint = "For several numbers a sequence, pass an array: np.asarray(y, dtype=float).\n"
                raise ValueError(f"{hint if _is_table(y, len(sequences)) else ''}{error}") from error
        else:
            check_not_masked(y, "y")
            with reading("y"):
                y = np.asarray(y)
            if y.ndim == 2 and y.shape[1] > 1 and padded is not None and np.all(y.shape[1] == padded):
                warnings.warn(
                    f"y has {y.shape[1]} numbers for each sequence, as many as X has steps, and is read as "
                    "several numbers a sequence. If each step has its number, pass list(y), or a third axis: "
                    "np.asarray(y)[:, :, np.newaxis].",
                    stacklevel=find_caller(),
                )
            check_same_number(np.atleast_1d(y), sequences, "y")
        if y.ndim > 2 or 0 in y.shape[1:]:
            raise ValueError(f"y has the shape {y.shape}; one target is a number or a vector of numbers.")
        if y.dtype.kind == "c":
            raise ValueError(f"Complex data not supported: y has dtype {y.dtype}.")
        if y.dtype.kind in "mM":
            raise ValueError(f"y must hold numbers, but it holds {y.dtype}.")
        warn_of_float32(y, "y")
        try:
            with reading("y"):
                y = y.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"y must hold numbers: {error}") from error
        _check_finite(y, sequences.offsets if per_step else None)
        return y, per_step

    def learn(self, y, weights=None, classes=None):
        """Learn mean and scale.

        Parameters
        ----------
        y : ndarray
            Numbers, as `read` returned them.
        weights : ndarray of shape (n,), optional
            Weights of the rows.
        classes : None
            Not used.
        """
        self.is_flat = y.ndim == 1
        self.mean, self.scale = measure(y.reshape(len(y), -1), weights, "y")

    def encode(self, y, classes=None):
        """Return standardized numbers, (n, n_outputs).

        Parameters
        ----------
        y : ndarray
            Numbers, as `read` returned them.
        classes : None
            Not used.

        Returns
        -------
        ndarray of float64 of shape (n, n_outputs)
            Standardized numbers.

        Raises
        ------
        ValueError
            If there are more or fewer numbers a row than in training.
        """
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != len(self.mean):
            raise ValueError(
                f"y has {columns.shape[1]} numbers a target, but RNNRegressor was fitted on {len(self.mean)}."
            )
        return (columns - self.mean) / self.scale

    def decode(self, predicted):
        """Return predictions in the unit of the numbers of training, and in their form.

        Parameters
        ----------
        predicted : ndarray of shape (..., n_outputs), or (n,) of a head with one number
            Standardized numbers.

        Returns
        -------
        ndarray of shape (...) or (..., n_outputs)
            Numbers.
        """
        numbers = predicted * self.scale + self.mean
        return numbers[..., 0] if self.is_flat and numbers.ndim > 1 else numbers

    def decode_scale(self, predicted):
        """Return standard deviations in the unit of the numbers of training; see `decode`."""
        numbers = predicted * self.scale
        return numbers[..., 0] if self.is_flat else numbers

    @property
    def n_outputs(self):
        """How many numbers there are per sequence or step."""
        return len(self.mean)

    def find_strata(self, y):
        """Return None: numbers have no classes."""
        return None


def _is_table(y, n_rows):
    """Return whether y has `n_rows` rows, all of the same length."""
    try:
        return len(y) == n_rows and len({np.shape(row) for row in y}) == 1
    except (RuntimeError, ValueError):  # rows that have no shape, such as nested tensors
        return False


def _is_stacked(y, lengths):
    """Return whether y is one object array of sequences, all as long as those in X, as NumPy makes it."""
    is_stacked = isinstance(y, np.ndarray) and y.dtype.kind == "O" and y.ndim == 2
    return is_stacked and bool((lengths == y.shape[1]).all())


def _check_finite(y, offsets):
    """Raise an error for NaN and infinity in y (n, ...); `offsets` are those of the sequences, for steps."""
    values = y.reshape(len(y), -1)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    rows = bad if offsets is None else np.searchsorted(offsets, bad, side="right") - 1
    problems = Problems("y")
    for k in np.unique(rows, return_index=True)[1]:
        what = "NaN" if np.isnan(values[bad[k]]).any() else "infinity"
        where = "" if offsets is None else f" at step {bad[k] - offsets[rows[k]]}"
        problems.add(rows[k], f"has {what}{where}; every target must be a finite number.")
    problems.raise_if_any()
