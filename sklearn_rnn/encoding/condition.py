"""Conditions: a label or a vector for each sequence, converted to the form that networks take."""

import copy

import numpy as np

from sklearn_rnn.data.problems import Problems, check_not_masked, reading
from sklearn_rnn.encoding.labels import check_labels


def read_condition(condition, name="condition"):
    """Read labels or vectors.

    Parameters
    ----------
    condition : array-like of shape (n,) or (n, p), or a single label
        Labels are str, int or bool, and have one axis. Vectors are numbers with two axes, or floats with one.
    name : str, default="condition"
        Name of the condition in error messages.

    Returns
    -------
    ndarray of shape (n,), or float32 of shape (n, p)
        Labels, or vectors; floats with one axis as vectors of shape (n, 1).

    Raises
    ------
    TypeError
        If it does not hold labels or vectors.
    ValueError
        If an entry is missing or not finite, or if entries differ in kind or length.

    Examples
    --------
    >>> from sklearn_rnn.encoding.condition import read_condition
    >>> read_condition(["en", "it"])
    array(['en', 'it'], dtype='<U2')
    >>> read_condition([0.5, 1.0]).shape
    (2, 1)
    """
    expected = f"{name} must hold a label (str, int or bool) or a vector of numbers for each text"
    check_not_masked(condition, name)
    try:
        with reading(name):
            values = np.asarray(condition)
    except ValueError:
        raise ValueError(f"{expected}, all of one length, but its entries differ in length.") from None
    if values.ndim < 2 and values.dtype.kind != "f":
        values = check_labels(condition if values.ndim else [condition], name)
        if values.dtype.kind in "OT" and all(isinstance(label, str) for label in values):
            values = values.astype(str)
        if values.dtype.kind in "biuU":
            return values
    elif values.dtype.kind == "O":  # of two axes
        try:
            with reading(name):
                values = values.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"{expected}, but it has two axes and holds other things than numbers.") from None
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{expected}, but it is an array of type {values.dtype}.")
    if values.ndim > 2 or values.size == 0:
        raise ValueError(f"{expected}, but its shape is {values.shape}.")
    values = np.atleast_1d(values)
    with np.errstate(over="ignore"):  # is reported below
        vectors = values.astype(np.float32).reshape(len(values), -1)  # (n, p)
    problems = Problems(name)
    for i in np.flatnonzero(~np.isfinite(vectors).all(axis=1)):
        problems.add(i, f"is {np.atleast_1d(values[i]).tolist()}; all numbers must be finite in float32.")
    problems.raise_if_any()
    return vectors


def code_condition(values, classes, n_features, owner, name="condition"):
    """Convert labels or vectors to the form that a network was made for.

    Parameters
    ----------
    values : ndarray
        Labels or vectors, as `read_condition` returns them.
    classes : ndarray of shape (n_classes,), or None
        The labels of training; None if conditions were vectors.
    n_features : int
        Width p of a vector, or the number of classes.
    owner : object
        The estimator.
    name : str, default="condition"
        Name of the condition in error messages.

    Returns
    -------
    ndarray of float32 of shape (n, p)
        Vectors unchanged, a single one as (1, p); labels as one-hot vectors.

    Raises
    ------
    TypeError
        If training had another kind of condition.
    ValueError
        If a label did not occur in training, or if vectors have another width.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.condition import code_condition
    >>> code_condition(np.array(["it", "en"]), np.array(["en", "fr", "it"]), 3, None)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    problems = Problems(name)
    if classes is None:
        if values.ndim == 1 and values.dtype.kind != "U":
            values = values.astype(np.float32)[:, np.newaxis]
        if values.ndim == 1:
            raise TypeError(
                f"{name} holds labels, but {type(owner).__name__} was fitted with vectors of width "
                f"{n_features}."
            )
        if n_features > 1 and values.shape == (n_features, 1):
            values = values.T  # a single vector was passed with one axis
        if values.shape[1] != n_features:
            raise ValueError(
                f"{name} has vectors of width {values.shape[1]}, but {type(owner).__name__} was fitted with "
                f"vectors of width {n_features}."
            )
        return values
    if values.ndim == 2:
        raise TypeError(
            f"{name} holds vectors of floats, but {type(owner).__name__} was fitted with labels: "
            f"{_name_some(classes)}."
        )
    is_known = np.zeros(len(values), dtype=bool)
    if (values.dtype.kind == "U") == (classes.dtype.kind == "U"):  # NumPy treats 1 and "1" as equal
        is_known = np.isin(values, classes)
    for i in np.flatnonzero(~is_known):
        problems.add(
            i, f"is {values[i].item()!r}, a label that training never saw; it knows {_name_some(classes)}."
        )
    problems.raise_if_any()
    return np.eye(n_features, dtype=np.float32)[np.searchsorted(classes, values)]  # (n, n_classes)


def _name_some(classes):
    names = [repr(label) for label in classes[:10].tolist()]
    return ", ".join(names) + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")


def check_prior(prior, n_classes):
    """Return the logarithms of the shares of the classes.

    Parameters
    ----------
    prior : array-like of shape (n_classes,)
        Non-negative numbers, in the order of the classes; only their ratios count.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_classes,)
        Logarithms; minus infinity for zero.

    Raises
    ------
    ValueError
        If `prior` does not hold such numbers, or all are zero.

    Examples
    --------
    >>> from sklearn_rnn.encoding.condition import check_prior
    >>> check_prior([1, 0], 2)
    array([  0., -inf])
    """
    expected = (
        f"prior must hold one share for each of the {n_classes} classes, in the order of condition_classes_"
    )
    try:
        with reading("prior"):
            shares = np.asarray(prior, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{expected}, but it is {prior!r}.") from None
    if shares.shape != (n_classes,):
        raise ValueError(f"{expected}, but its shape is {shares.shape}.")
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.any()):
        raise ValueError(f"{expected}: finite, not negative, and not all zero; it is {shares.tolist()}.")
    with np.errstate(divide="ignore"):
        return np.log(shares / shares.sum())


class ConditionEncoder:
    """Converts conditions, labels or vectors, to the vectors that a network takes.

    Parameters
    ----------
    values : ndarray
        The conditions of training, as `read_condition` returns them.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,), or None
        The labels, sorted; None for vectors.
    size : int
        Width of a vector: the number of classes, or of features.
    counts : ndarray of shape (n_classes,), or None
        How often each label occurred in training so far.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.condition import ConditionEncoder
    >>> encoder = ConditionEncoder(np.array(["en", "it", "it"]))
    >>> encoder.encode(["it"], 1, None)
    array([[0., 1.]], dtype=float32)
    """

    def __init__(self, values):
        self.classes = np.unique(values) if values.ndim == 1 else None
        self.size = values.shape[1] if self.classes is None else len(self.classes)
        self.counts = None if self.classes is None else np.zeros(self.size)

    def encode(self, condition, n_texts, owner, name="condition"):
        """Return one vector per text.

        Parameters
        ----------
        condition : array-like, or a single label or vector
            See `read_condition`.
        n_texts : int or None
            How many there must be; None for any number.
        owner : object
            The estimator, which error messages name.
        name : str, default="condition"
            Name of the condition in error messages.

        Returns
        -------
        ndarray of float32 of shape (n_texts, size)
            Vectors; labels are one-hot.

        Raises
        ------
        ValueError, TypeError
            If the condition is missing, is of another kind than in training, or there are too many or few.
        """
        if condition is None:
            raise ValueError(f"{name} is missing: training had one; pass {self._ask()}.")
        encoded = code_condition(read_condition(condition, name), self.classes, self.size, owner, name)
        if n_texts is not None and len(encoded) != n_texts:
            raise ValueError(
                f"{name} must have one entry a text: there are {n_texts} texts and {len(encoded)} entries."
            )
        return encoded

    def count(self, encoded):
        """Return an encoder whose `counts` include those of more training data."""
        if self.classes is None:
            return self
        more = copy.copy(self)
        more.counts = self.counts + encoded.sum(axis=0, dtype=np.float64)
        return more

    @property
    def prior(self):
        """The share of each label in training; None for vectors."""
        return None if self.classes is None else self.counts / self.counts.sum()

    def _ask(self):
        if self.classes is None:
            return f"a vector of {self.size} number(s) for each text"
        return f"a label for each text, such as {self.classes[0].item()!r}"
