"""Labels and their codes, which the network predicts."""

import numbers
import warnings

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from sklearn_rnn.data.arrays import is_missing
from sklearn_rnn.data.hints import warn_of_padding
from sklearn_rnn.data.problems import check_not_masked, check_same_number, find_caller, reading
from sklearn_rnn.data.targets import bound_weights, flatten_steps, is_ragged


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
    >>> from sklearn_rnn.encoding.labels import check_labels
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
    >>> from sklearn_rnn.encoding.labels import code_labels
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
    >>> from sklearn_rnn.encoding.labels import read_classes
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
    >>> from sklearn_rnn.encoding.labels import check_classes
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
    >>> from sklearn_rnn.encoding.labels import balance
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
                stacklevel=find_caller(),
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


class SequenceLabelEncoder:
    """Converts labels of sequences to codes, and codes to labels: one label a sequence, or several.

    `read` checks labels; `learn` learns the classes; `encode` and `decode` convert them.

    Attributes
    ----------
    kind : {"single", "multilabel-indicator", "multioutput"}
        One label a sequence, or a row of zeros and ones, or a row of labels.
    classes : ndarray of shape (n_classes,), or list of such
        The labels, sorted; one array for each output.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.encoding.labels import SequenceLabelEncoder
    >>> encoder = SequenceLabelEncoder()
    >>> encoder.learn(np.array(["no", "yes"]))
    >>> encoder.encode(np.array(["yes", "no"])), encoder.decode(np.array([1, 0]))
    (array([1, 0]), array(['yes', 'no'], dtype='<U3'))
    """

    def read(self, y, sequences, form, owner):
        """Return labels as an array, and that they do not belong to steps.

        Parameters
        ----------
        y : array-like
            Labels.
        sequences, form : Sequences, Form
            The sequences, and the form in which they were passed.
        owner : estimator
            The estimator, which error messages name.

        Returns
        -------
        labels : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            The labels.
        per_step : bool
            False.

        Raises
        ------
        ValueError
            If they are not valid, or not as many as the sequences.
        """
        name = type(owner).__name__
        if y is None:
            raise ValueError(f"{name} requires y to be passed, but the target y is None.")
        if isinstance(y, (list, tuple)) and len(y) and isinstance(y[0], (list, tuple, np.ndarray)):
            if len({len(row) for row in y}) > 1:
                raise ValueError(
                    f"y holds label sequences of different lengths; {name} takes one label a sequence. "
                    "Use RNNTagger for a label a step."
                )
        y = check_labels(y)
        check_same_number(np.atleast_1d(y), sequences, "y")
        check_classification_targets(y)
        return (y if y.ndim == 2 and y.shape[1] > 1 else column_or_1d(y, warn=True)), False

    def learn(self, y, weights=None, classes=None):
        """Learn the classes.

        Parameters
        ----------
        y : ndarray
            Labels, as `read` returned them.
        weights : ndarray of shape (n_sequences,), optional
            Not used.
        classes : array of shape (n_classes,), optional
            All labels, if `y` does not hold them all.
        """
        self.kind = "single" if y.ndim == 1 else type_of_target(y)
        if self.kind == "single":
            self.classes = np.unique(y) if classes is None else read_classes(classes)
        elif self.kind == "multilabel-indicator":
            # One row per output: in np.arange(2) scorers of two outputs would see a binary target.
            self.classes = np.tile([0, 1], (y.shape[1], 1))
        else:
            self.kind = "multioutput"
            self.classes = [np.unique(column) for column in y.T]

    def encode(self, y, classes=None):
        """Return codes of labels.

        Parameters
        ----------
        y : ndarray
            Labels, as `read` returned them.
        classes : array of shape (n_classes,), optional
            The labels that a call of `partial_fit` names, which must be those of the first.

        Returns
        -------
        ndarray
            Codes, int64; for a row of zeros and ones these as float32.

        Raises
        ------
        ValueError
            If `y` has another form than in training, or a label that training lacked.
        """
        several = self.kind != "single"
        check_classes(classes, list(self.classes) if several else self.classes)
        if (y.ndim == 2) != several or (several and y.shape[1] != len(self.classes)):
            raise ValueError(
                f"y has shape {y.shape}, which is not the form that RNNClassifier was fitted on."
            )
        if not several:
            return code_labels(y, self.classes)
        if self.kind == "multilabel-indicator":
            if not np.isin(y, [0, 1]).all():
                raise ValueError("y must hold zeros and ones only, as in the first fit (multi-label).")
            return y.astype(np.float32)
        return np.column_stack([code_labels(column, k) for column, k in zip(y.T, self.classes, strict=True)])

    def decode(self, codes):
        """Return the labels of codes.

        Parameters
        ----------
        codes : ndarray
            Codes, as `encode` returns them.

        Returns
        -------
        ndarray
            Labels.
        """
        if self.kind == "single":
            return self.classes[codes]
        if self.kind == "multilabel-indicator":
            return codes
        return np.column_stack([k[column] for column, k in zip(codes.T, self.classes, strict=True)])

    @property
    def head(self):
        """The name of the head that predicts such labels."""
        return {"single": "softmax", "multilabel-indicator": "sigmoid"}.get(self.kind, "multi_softmax")

    @property
    def n_outputs(self):
        """The number of classes; that of each output for rows of labels."""
        return [len(k) for k in self.classes] if self.kind == "multioutput" else len(self.classes)

    def find_strata(self, codes):
        """Return the classes that a split into parts keeps the shares of; None for several labels."""
        return codes if codes.ndim == 1 else None


class StepLabelEncoder:
    """Converts labels of steps to codes, and codes to labels; see `SequenceLabelEncoder`.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted.

    Examples
    --------
    >>> from sklearn_rnn import RNNTagger
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> from sklearn_rnn.encoding.labels import StepLabelEncoder
    >>> encoder = StepLabelEncoder()
    >>> labels, per_step = encoder.read([["V", "K"], ["K"]], *read_sequences(["ab", "c"]), RNNTagger())
    >>> encoder.learn(labels)
    >>> encoder.encode(labels)
    array([1, 0, 0])
    """

    def read(self, y, sequences, form, owner):
        """Return the labels of all steps, laid end to end, and True; see `SequenceLabelEncoder.read`."""
        labels = self.flatten(y, sequences, form, owner)
        is_text = sequences.values.dtype.kind == "U"
        if not is_text and not is_ragged(y) and np.asarray(y).ndim == 1:
            warnings.warn(
                f"y holds {len(sequences)} labels, one a sequence, which RNNTagger takes for all its steps. "
                "If X is one sequence, pass [X] and [y]; if sequences have labels, use RNNClassifier.",
                stacklevel=find_caller(),
            )
        labels = check_labels(labels)
        if labels.ndim == 1:
            warn_of_padding(sequences.with_values(labels), "y", by_name_only=True)
        return labels, True

    def flatten(self, y, sequences, form, owner):
        """Return the labels of all steps, laid end to end, as they are."""
        is_text = sequences.values.dtype.kind == "U"
        try:
            return flatten_steps(y, sequences.lengths, padded_steps=form.padded_steps, splits_text=is_text)
        except ValueError as error:
            if not is_text:
                raise
            raise ValueError(
                f"{error}\nThe texts in X are read character by character: split them into lists of words "
                "if y labels words; if X is one list of words, pass [X] and [y]."
            ) from error

    def learn(self, labels, weights=None, classes=None):
        """Learn the classes; see `SequenceLabelEncoder.learn`."""
        _check_one_label(labels)
        self.classes = np.unique(labels) if classes is None else read_classes(classes)

    def encode(self, labels, classes=None):
        """Return codes of labels; see `SequenceLabelEncoder.encode`."""
        _check_one_label(labels)
        check_classes(classes, self.classes)
        return code_labels(labels, self.classes)

    def decode(self, codes):
        """Return the labels of codes."""
        return self.classes[codes]

    @property
    def n_outputs(self):
        """The number of classes."""
        return len(self.classes)

    def find_strata(self, codes):
        """Return None: a sequence has several labels."""
        return None


def _check_one_label(labels):
    if labels.ndim != 1:
        raise ValueError(f"A step has one label, but y has {labels.shape[1]} a step.")
