"""Labels and their codes."""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight


def check_labels(labels):
    """Refuse numbers that are no labels: NaN and infinity.

    Parameters
    ----------
    labels : ndarray
        Labels of any type.

    Returns
    -------
    ndarray
        The labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.estimators.labels import check_labels
    >>> check_labels(np.array([1.0, 2.0]))
    array([1., 2.])
    """
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("y contains NaN or infinity, which is no label.")
    if labels.dtype.kind == "c":
        raise ValueError("Complex data not supported: y has complex labels.")
    return labels


def code_labels(labels, classes):
    """Give the place of each label among the classes.

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
    ValueError
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
        unseen = np.unique(labels[~is_known])[:5].tolist()
        raise ValueError(
            f"y holds labels that were not there when training began: {unseen}. "
            "Give all labels as partial_fit(..., classes=) in the first call, or fit anew."
        )
    return np.searchsorted(classes, labels)


def balance(class_weight, codes, classes, weights):
    """Multiply weights with those of the classes.

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
        If `class_weight` has a label that is not among the classes.

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
        unknown = [label for label in class_weight if label not in classes.tolist()]
        if unknown:
            raise ValueError(f"class_weight has the label {unknown[0]!r}; the labels are {classes.tolist()}.")
        of_class = np.array([class_weight.get(label, 1.0) for label in classes.tolist()])
    else:
        present = np.unique(codes)
        of_class = np.ones(len(classes))
        of_class[present] = compute_class_weight(class_weight, classes=present, y=codes)
    return of_class[codes] if weights is None else of_class[codes] * weights
