"""Labels and their codes."""

import numbers
import warnings

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from sklearn_rnn.data.arrays import is_missing
from sklearn_rnn.data.problems import check_not_masked, reading
from sklearn_rnn.data.targets import bound_weights


class UnseenLabelsError(ValueError):
    """Labels that are not among the classes.

    Parameters
    ----------
    unseen : list
        Up to five of the labels.
    """

    def __init__(self, unseen):
        self.unseen = unseen
        super().__init__(
            f"y holds labels that were not there when training began: {unseen}. "
            "Pass all labels as partial_fit(..., classes=) in the first call, or fit again from scratch."
        )

    def __reduce__(self):
        """Rebuild the error from its labels, as in another process."""
        return type(self), (self.unseen,)


def check_labels(y, name="y"):
    """Convert labels to an array; raise an error for missing values, and for numbers among str.

    Parameters
    ----------
    y : array or list
        Labels of any type.
    name : str, default="y"
        Name of the labels in error messages.

    Returns
    -------
    ndarray
        The labels; objects are converted to the type that they have.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.labels import check_labels
    >>> check_labels(np.array([1, 2], dtype=object))
    array([1, 2])
    """
    check_not_masked(y, name)
    with reading(name):
        labels = np.asarray(y)
    if labels.dtype.kind in "OT" or (labels.dtype.kind == "U" and not hasattr(y, "dtype")):
        objects = np.asarray(y, dtype=object)  # as they were before NumPy made str of numbers
        flat = list(objects.flat)
        missing = next((i for i, label in enumerate(flat) if is_missing(label)), None)
        if missing is not None:
            raise ValueError(
                f"{name} holds {flat[missing]!r} at place {missing}, which is not a label; no label may be "
                "missing."
            )
        are_str = {isinstance(label, str) for label in flat}
        if len(are_str) > 1 and objects.ndim == 1:
            raise ValueError(
                f"{name} holds str and others; make all labels of one type: [str(label) for label in {name}]."
            )
        if labels.dtype.kind != "U":
            with reading(name):
                labels = np.array(flat).reshape(objects.shape) if are_str == {False} else objects
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError(f"{name} contains NaN or infinity, which is not a label.")
    if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
        raise ValueError(
            f"Unknown label type: continuous. {name} holds numbers that are not whole, such as "
            f"{labels[labels != np.floor(labels)][0]}, which are not classes; RNNRegressor predicts numbers, "
            "of sequences and of steps."
        )
    if labels.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has complex labels.")
    return labels


def code_labels(labels, classes):
    """Return the position of each label among the classes.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Labels.
    classes : ndarray of shape (n_classes,)
        Sorted distinct labels.

    Returns
    -------
    ndarray of int64 of shape (n,)
        Codes.

    Raises
    ------
    UnseenLabelsError
        If a label is not among the classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.labels import code_labels
    >>> code_labels(np.array(["N", "V"]), np.array(["D", "N", "V"]))
    array([1, 2])
    """
    is_known = np.isin(labels, classes)
    if not is_known.all():
        raise UnseenLabelsError(np.unique(labels[~is_known])[:5].tolist())
    return np.searchsorted(classes, labels)


def read_classes(classes):
    """Return the sorted distinct labels of the argument `classes`.

    Parameters
    ----------
    classes : array of shape (n_classes,)
        Labels in any order.

    Returns
    -------
    ndarray
        The labels.

    Examples
    --------
    >>> from sklearn_rnn.estimators.labels import read_classes
    >>> read_classes([1, 0, 1])
    array([0, 1])
    """
    with reading("classes"):
        return np.unique(np.asarray(classes))


def check_classes(given, classes):
    """Check that a later `partial_fit` is called with the same labels as the first.

    Parameters
    ----------
    given : array of shape (n_classes,) or None
        Labels that the call passes.
    classes : ndarray of shape (n_classes,), or list of such
        The labels of the fitted estimator.

    Raises
    ------
    ValueError
        If they differ, or if there are several outputs, whose labels cannot be passed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.labels import check_classes
    >>> check_classes([1, 0], np.array([0, 1]))
    """
    if given is None:
        return
    if isinstance(classes, list):
        raise ValueError("classes= names the labels of one output; y has several.")
    given = read_classes(given)
    if not np.array_equal(given, classes):
        raise ValueError(f"classes={given.tolist()} is not what training began with: {classes.tolist()}.")


def balance(class_weight, codes, classes, weights):
    """Multiply weights by those of the classes.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        See `RNNClassifier`.
    codes : ndarray of int64 of shape (n,)
        Codes of the labels.
    classes : ndarray of shape (n_classes,)
        The labels.
    weights : ndarray of shape (n,) or None
        Weights of the terms.

    Returns
    -------
    ndarray of shape (n,) or None
        The products; None for all ones.

    Raises
    ------
    ValueError
        If none of the labels in `class_weight` is among the classes, or a weight is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.labels import balance
    >>> balance("balanced", np.array([0, 0, 0, 1]), np.array(["no", "yes"]), None)
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    if class_weight is None:
        return weights
    if isinstance(class_weight, dict):
        # Some may be absent, for example from a fold of cross-validation; if all are, it is a mistake.
        if not set(class_weight) & set(classes.tolist()):
            raise ValueError(
                f"class_weight has the labels {list(class_weight)}; none of them is in y, "
                f"whose labels are {classes.tolist()}."
            )
        unknown = [label for label in class_weight if label not in set(classes.tolist())]
        without = [label for label in classes.tolist() if label not in class_weight]
        if unknown and without:
            warnings.warn(
                f"class_weight has weights for {unknown}, which y does not hold, and none for {without}; "
                "is that a misspelling?",
                stacklevel=2,
            )
        bad = [w for w in class_weight.values() if not (isinstance(w, numbers.Real) and 0 <= w < np.inf)]
        if bad:
            raise ValueError(f"class_weight must hold finite numbers that are not negative, not {bad[0]!r}.")
        with reading("class_weight"):
            of_class = np.array([float(class_weight.get(label, 1)) for label in classes.tolist()])
    else:
        present = np.unique(codes)
        of_class = np.ones(len(classes))
        of_class[present] = compute_class_weight(class_weight, classes=present, y=codes)
    if of_class.any():
        of_class = bound_weights(of_class)
    weights = of_class[codes] if weights is None else of_class[codes] * weights
    if not weights.any():
        raise ValueError("class_weight is zero for every label that y holds; at least one must count.")
    return weights
