"""Checks of data against those that an estimator or a transformer was fitted on."""

import numpy as np
from sklearn.utils.validation import validate_data


def check_unit(form, sequences, vocabulary, owner, name="X"):
    """Raise an error for whole texts after a fit on words, and for words after a fit on characters.

    Parameters
    ----------
    form : Form
        The form in which the text was passed.
    sequences : Sequences
        Tokens that are str.
    vocabulary : array of str
        The tokens that were fitted.
    owner : object
        The fitted object, which the message names.
    name : str, default="X"
        Name of the text in the message.

    Raises
    ------
    TypeError
        If the tokens are of the other kind.
    """
    longest = max(map(len, vocabulary.tolist()))
    if longest > 1 and form.are_texts:
        raise TypeError(
            f"{name} holds str, which are read character by character, but {type(owner).__name__} was fitted "
            f"on words. Split each text into a list of words; if {name} is one sequence, pass [{name}]."
        )
    if longest == 1 and min(map(len, sequences.values.tolist())) > 1:
        raise TypeError(
            f"{name} holds words, but {type(owner).__name__} was fitted on single characters. "
            "Pass each text as one str."
        )


def check_width(sequences, expected, owner):
    """Check that sequences have as many features as those that an estimator was fitted on.

    Parameters
    ----------
    sequences : Sequences
        Numbers.
    expected : int
        The number of features in `fit`.
    owner : estimator
        The estimator, which the message names.

    Raises
    ------
    ValueError
        If the numbers differ.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.checks import check_width
    >>> check_width(as_sequences([[[1.0, 2.0]]]), 2, owner=None)
    """
    hint = " If X is one sequence, pass [X]." if (sequences.lengths == expected).all() else ""
    check_n_features(sequences.n_features, expected, owner, hint)


def check_n_features(n_features, expected, owner, hint=""):
    """Check a number of features, with the message of scikit-learn.

    Parameters
    ----------
    n_features : int
        Number of features of X.
    expected : int
        The number in `fit`.
    owner : estimator
        The estimator, which the message names.
    hint : str, default=""
        End of the message.

    Raises
    ------
    ValueError
        If the numbers differ.

    Examples
    --------
    >>> from sklearn_rnn.data.checks import check_n_features
    >>> check_n_features(2, 2, owner=None)
    """
    if n_features != expected:
        raise ValueError(
            f"X has {n_features} features, but {type(owner).__name__} is expecting {expected} features as "
            f"input.{hint}"
        )


def check_columns(form, owner, *, reset):
    """Store the number and the names of a table's columns, or check them, as scikit-learn does.

    Parameters
    ----------
    form : Form
        The form of the table: an array or DataFrame of shape (n_sequences, n_steps).
    owner : estimator
        The estimator that stores them, as `n_features_in_` and `feature_names_in_`.
    reset : bool
        Whether to store them.

    Raises
    ------
    ValueError
        If they differ.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.data.checks import check_columns
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> owner, (_, form) = RNNClassifier(), read_sequences(np.zeros((2, 3)))
    >>> check_columns(form, owner, reset=True)
    >>> owner.n_features_in_
    3
    """
    try:
        validate_data(owner, form.header, reset=reset, skip_check_array=True)
    except ValueError as error:
        if reset or form.n_columns == owner.n_features_in_:
            raise
        raise ValueError(
            f"{error} Columns are steps here; sequences of other lengths than in fit are answered as a list: "
            "list(np.asarray(X))."
        ) from error


def check_names(sequences, owner, *, reset):
    """Store the names of features, or check that they are those that an estimator was fitted on.

    Scikit-learn does so for DataFrames, but warns if only one side has names. Here this is not a reason to
    warn: its splitters turn `Sequences` with names into lists of arrays without names.

    Parameters
    ----------
    sequences : Sequences
        Numbers or tokens, with or without names.
    owner : estimator
        The estimator that stores them, as `feature_names_in_`.
    reset : bool
        Whether to store them.

    Raises
    ------
    ValueError
        If both sides have names, and these differ or are in another order.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from sklearn_rnn import Sequences
    >>> from sklearn_rnn.data.checks import check_names
    >>> X, owner = Sequences([[1.0, 2.0]], [0, 1], feature_names=["heat", "speed"]), SimpleNamespace()
    >>> check_names(X, owner, reset=True)
    >>> owner.feature_names_in_
    array(['heat', 'speed'], dtype=object)
    """
    names, fitted = sequences.feature_names, getattr(owner, "feature_names_in_", None)
    if reset:
        if names is not None:
            owner.feature_names_in_ = np.array(names, dtype=object)
        elif fitted is not None:
            del owner.feature_names_in_
        return
    if names is None or fitted is None or names == tuple(fitted):
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
    for what, differing in (("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)):
        if differing:
            lines = [f"- {name}\n" for name in differing[:5]] + ["- ...\n"] * (len(differing) > 5)
            message += f"Feature names {what}:\n" + "".join(lines)
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)
