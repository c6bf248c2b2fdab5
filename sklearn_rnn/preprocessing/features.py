"""Hidden states of a recurrent network as features for any scikit-learn model."""

import copy
from collections import deque

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.data.parameters import check_bool
from sklearn_rnn.data.problems import reading
from sklearn_rnn.data.reading import as_sequences
from sklearn_rnn.persistence import Versioned


def _gives_table(self):
    """Return whether there is one row per sequence, as far as is known."""
    return self.per_step is not True and not getattr(self, "_gives_steps", False)


class SequenceFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Versioned, BaseEstimator):
    """Extract features from sequences: the hidden states of a recurrent estimator.

    Sequences of different lengths become rows of one width, which any scikit-learn model can read. The
    network is trained on the targets passed to `fit`, and the next step of a pipeline gets what its output
    layer would read.

    Parameters
    ----------
    estimator : estimator
        A recurrent estimator: anything with a method ``hidden_states(X, per_step=...)``. It is cloned before
        it is fitted.
    prefit : bool, default=False
        Whether the estimator is already fitted and is used as it is. `clone`, and therefore cross-validation
        and searches, discard what was fitted: pass ``FrozenEstimator(estimator)`` instead there.
    per_step : bool, optional
        Whether to extract features of each step, or of each sequence. By default as the estimator predicts.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    n_features_in_ : int
        Number of features of a step, as the estimator counts them.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the features, or of the columns of a 2-D table. Only after a fit on a DataFrame, on a list of
        DataFrames or on `Sequences` with names, all of which are str.

    See Also
    --------
    StepTransformer : Apply a scikit-learn transformer to every step.
    sklearn.frozen.FrozenEstimator : Keep a fitted estimator as it is.

    Notes
    -----
    The network has seen the targets of the sequences that it was trained on, so that their features look
    better than those of other sequences. Parameters of the following model should therefore be chosen by
    cross-validation of the whole pipeline.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.preprocessing import SequenceFeatures
    >>> X = [[0.1, 0.2, 0.3], [0.3, 0.2], [0.2, 0.5, 0.6, 0.7], [0.7, 0.4, 0.1]] * 5
    >>> y = ["up", "down", "up", "down"] * 5
    >>> rnn = RNNClassifier(hidden_size=8, max_iter=30, random_state=0)
    >>> features = SequenceFeatures(rnn).fit(X, y)
    >>> features.transform(X).shape
    (20, 8)
    >>> features.get_feature_names_out()[:2]
    array(['rnnclassifier0', 'rnnclassifier1'], dtype=object)
    >>> model = make_pipeline(SequenceFeatures(rnn), RandomForestClassifier(random_state=0)).fit(X, y)
    >>> model.predict(X[:2])
    array(['up', 'down'], dtype='<U4')
    """

    def __init__(self, estimator, *, prefit=False, per_step=None):
        self.estimator = estimator
        self.prefit = prefit
        self.per_step = per_step

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, y_val=None, validation_groups=None):
        """Fit a clone of the estimator, unless it is fitted already.

        Parameters
        ----------
        X : sequences in any form that the estimator reads
            List of arrays (n_steps_i, n_features), array (n_sequences, n_steps, n_features), list of str, ...
        y : array or list
            Targets of the sequences, or of their steps, as the estimator takes them.
        sample_weight : array of shape (n_sequences,), optional
            Weights, which are passed on to the estimator.
        X_val, y_val : like `X` and `y`, optional
            Validation data, which are passed on to the estimator. Earlier steps of a pipeline do not
            transform `X_val`, unless the pipeline has ``transform_input=["X_val"]``.
        validation_groups : array of shape (n_sequences,), optional
            Groups that the estimator's `early_stopping` keeps together, which are passed on to the estimator.

        Returns
        -------
        self : SequenceFeatures
            The fitted transformer.

        Raises
        ------
        TypeError
            If the estimator has no method `hidden_states`, or a parameter is of the wrong type.
        NotFittedError
            If ``prefit=True``, but the estimator is not fitted.
        """
        self._check_parameters()
        if self.prefit:
            self.estimator_ = copy.deepcopy(self.estimator)  # the original may be fitted again
        else:
            more = {
                "sample_weight": sample_weight,
                "X_val": X_val,
                "y_val": y_val,
                "validation_groups": validation_groups,
            }
            given = {name: value for name, value in more.items() if value is not None}
            self.estimator_ = clone(self.estimator).fit(X, y, **given)
        states = self._hidden_states(_first_row(X))
        self._gives_steps = states.ndim != 2
        self._n_features_out = (states if states.dtype != object else states[0]).shape[-1]
        return self

    def transform(self, X):
        """Compute the hidden states.

        Parameters
        ----------
        X : sequences in any form that the estimator reads
            As in `fit`.

        Returns
        -------
        X_new : ndarray of float32 of shape (n_sequences, n_features_out), or Sequences
            One row a sequence. For steps: `Sequences`, or an array (n_sequences, n_steps, n_features_out) if
            X was one array without padding.
        """
        check_is_fitted(self)
        states = self._hidden_states(X)
        return as_sequences(states) if states.dtype == object else states

    @available_if(_gives_table)
    @reading("input_features")
    def get_feature_names_out(self, input_features=None):
        """Return the names of the features: the estimator's class, and a number.

        Parameters
        ----------
        input_features : array of str, optional
            Names of the input features; they are checked, and otherwise ignored.

        Returns
        -------
        feature_names_out : ndarray of str
            Such as "rnnclassifier0". Features of steps are not columns of a table and have no names.
        """
        n_features = len(super().get_feature_names_out(input_features))
        inner = self.estimator_
        while isinstance(inner, FrozenEstimator):
            inner = inner.estimator
        prefix = type(inner).__name__.lower()
        return np.array([f"{prefix}{i}" for i in range(n_features)], dtype=object)

    @property
    def n_features_in_(self):
        """Number of features of a step, as the estimator counts them."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns that the estimator was fitted on."""
        return self.estimator_.feature_names_in_

    def __sklearn_tags__(self):
        """Describe the transformer to scikit-learn, as the estimator inside does."""
        tags = super().__sklearn_tags__()
        if not hasattr(self.estimator, "__sklearn_tags__"):
            return tags  # not an estimator, for which fit raises an error
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags.required = inner.target_tags.required
        tags.non_deterministic = inner.non_deterministic
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _hidden_states(self, X):
        return self.estimator_.hidden_states(X, per_step=self.per_step)

    def _check_parameters(self):
        is_one = hasattr(self.estimator, "hidden_states") and hasattr(self.estimator, "__sklearn_tags__")
        if not is_one or isinstance(self.estimator, type):
            raise TypeError(
                "estimator must have a method hidden_states, as the recurrent estimators of this library "
                f"have, but it is {self.estimator!r}. What comes before the network in a pipeline comes "
                "before SequenceFeatures; of a search, pass best_estimator_."
            )
        check_bool("prefit", self.prefit)
        check_bool("per_step", self.per_step, optional=True)
        if self.prefit:
            try:
                check_is_fitted(self.estimator)
            except NotFittedError as error:
                raise NotFittedError(
                    "prefit=True, but estimator is not fitted. To clone it, as cross-validation and searches "
                    "do, forgets what was fitted: pass SequenceFeatures(FrozenEstimator(estimator))."
                ) from error


def _first_row(X):
    if isinstance(X, deque):
        return [X[0]]
    rows = X if hasattr(X, "__getitem__") else np.asarray(X)
    return getattr(rows, "iloc", rows)[:1]  # pandas before 3 slices by labels where these are float
