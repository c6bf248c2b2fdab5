"""Scorers: the metrics in the form that scikit-learn's searches and cross-validation take as `scoring`."""

import copy
from inspect import signature

import numpy as np
import sklearn.metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import make_scorer

from sklearn_rnn.data.parameters import suggest
from sklearn_rnn.data.targets import flatten_steps, is_ragged
from sklearn_rnn.metrics.edit import edit_distance_rate, exact_match_score
from sklearn_rnn.metrics.likelihood import bits_per_token, perplexity_score
from sklearn_rnn.metrics.regression import (
    step_mean_absolute_error,
    step_mean_squared_error,
    step_r2_score,
    step_root_mean_squared_error,
)
from sklearn_rnn.metrics.spans import span_f1_score, span_precision_score, span_recall_score
from sklearn_rnn.metrics.steps import (
    sequence_accuracy_score,
    step_accuracy_score,
    step_f1_score,
    step_precision_score,
    step_recall_score,
)


class _ProbabilityScorer(type(make_scorer(perplexity_score))):
    """A scorer of probabilities that passes the label of each column to its metric.

    scikit-learn's scorers pass only the predictions of the estimator to a metric. Without `classes_`, a fold
    that lacks a label would be scored with the wrong columns.
    """

    def _score(self, method_caller, estimator, X, y_true, **kwargs):
        def answer(
            estimator, method, X, **_
        ):  # scikit-learn 1.6's own asks only classifiers for probabilities
            return getattr(estimator, method)(X)

        return super()._score(answer, estimator, X, y_true, **({"labels": estimator.classes_} | kwargs))


class _StepScorer(type(make_scorer(perplexity_score))):
    """A scorer of scikit-learn that takes the steps of all sequences together if each step has a target.

    scikit-learn's metrics take one target per sample; for a tagger the samples are the steps.
    """

    def _score(self, method_caller, estimator, X, y_true, **kwargs):
        kwargs = self._name_labels(estimator) | kwargs
        if not _is_per_step(estimator, y_true):
            return super()._score(method_caller, estimator, X, y_true, **kwargs)
        lengths = [len(row) for row in y_true]
        weights = kwargs.pop("sample_weight", None)
        weights = None if weights is None else flatten_steps(weights, lengths, name="sample_weight")
        kind = _StepClassifier if hasattr(estimator, "classes_") else _StepRegressor
        scorer = make_scorer(self._score_func, response_method=self._response_method, **self._kwargs | kwargs)
        # Called separately: cached predictions that scorers share are laid out by sequences.
        return self._sign * scorer(
            kind(estimator, lengths), X, flatten_steps(y_true, lengths), sample_weight=weights
        )

    def _name_labels(self, estimator):
        """Return the labels of the columns of probabilities as a keyword; scored data may lack some."""
        classes = getattr(estimator, "classes_", None)
        takes_labels = "labels" in signature(self._score_func).parameters
        if takes_labels and self._response_method != "predict" and isinstance(classes, np.ndarray):
            return {"labels": classes} if classes.ndim == 1 else {}
        return {}


def _is_per_step(estimator, y_true):
    """Return whether there is a target for each step."""
    if is_ragged(y_true):
        return True
    # One array with a label for each step; several labels of a sequence would have classes each.
    classes = getattr(estimator, "classes_", None)
    is_tagger = isinstance(classes, np.ndarray) and classes.ndim == 1
    return is_tagger and np.ndim(y_true) == 2 and np.shape(y_true)[1] > 1


class _Steps(BaseEstimator):
    """An estimator whose answers for the steps of all sequences are laid end to end."""

    def __init__(self, estimator, lengths):
        self.estimator = estimator
        self.lengths = lengths

    def _lay_flat(self, answers):
        if [len(row) for row in answers] != self.lengths:
            raise ValueError(
                "scikit-learn's metrics compare step by step, but the predictions do not have the lengths of "
                "y. Use a metric of whole sequences, such as 'exact_match' or 'neg_edit_distance_rate'."
            )
        return np.concatenate(list(answers))

    def predict(self, X):
        return self._lay_flat(self.estimator.predict(X))


class _StepClassifier(ClassifierMixin, _Steps):
    @property
    def classes_(self):
        return self.estimator.classes_

    def predict_proba(self, X):
        return self._lay_flat(self.estimator.predict_proba(X))


class _StepRegressor(RegressorMixin, _Steps):
    pass


def _make_cost_scorer(cost):
    return _ProbabilityScorer(cost, sign=-1, kwargs={}, response_method="predict_proba")


_SCORERS = {
    "step_accuracy": make_scorer(step_accuracy_score),
    "sequence_accuracy": make_scorer(sequence_accuracy_score),
    "exact_match": make_scorer(exact_match_score),
    "neg_edit_distance_rate": make_scorer(edit_distance_rate, greater_is_better=False),
    "neg_perplexity": _make_cost_scorer(perplexity_score),
    "neg_bits_per_token": _make_cost_scorer(bits_per_token),
    "neg_step_mean_squared_error": make_scorer(step_mean_squared_error, greater_is_better=False),
    "neg_step_root_mean_squared_error": make_scorer(step_root_mean_squared_error, greater_is_better=False),
    "neg_step_mean_absolute_error": make_scorer(step_mean_absolute_error, greater_is_better=False),
    "step_r2": make_scorer(step_r2_score),
}
for _name, _metric in (
    ("precision", step_precision_score),
    ("recall", step_recall_score),
    ("f1", step_f1_score),
):
    for _average in ("macro", "micro", "weighted"):
        _SCORERS[f"step_{_name}_{_average}"] = make_scorer(_metric, average=_average)
for _name, _metric in (
    ("precision", span_precision_score),
    ("recall", span_recall_score),
    ("f1", span_f1_score),
):
    _SCORERS[f"span_{_name}"] = make_scorer(_metric)
    _SCORERS[f"span_{_name}_strict"] = make_scorer(_metric, mode="strict")


def get_scorer(scoring):
    """Get a scorer from its name.

    scikit-learn's functions do not know this library's names: pass them the scorer, ``GridSearchCV(...,
    scoring=get_scorer("step_f1_macro"))``. scikit-learn's scorers, if they are obtained from here, also work
    for estimators that predict each step: ``get_scorer("f1_macro")`` takes the steps of all sequences
    together.

    Parameters
    ----------
    scoring : str, callable, or list of str
        One of `get_scorer_names`: this library's names or scikit-learn's; or several of these. A callable is
        returned as it is.

    Returns
    -------
    scorer : callable, or dict of these
        Called as ``scorer(estimator, X, y)``; greater is better. A copy, so that `set_score_request` has no
        effect elsewhere. For several names: a dict, which `scoring` of a search or of `cross_validate` takes.

    Raises
    ------
    ValueError
        If there is no scorer with this name; the message names the nearest.

    See Also
    --------
    sklearn.metrics.make_scorer : Make a scorer with other options, such as
        ``make_scorer(span_f1_score, scheme="iobes")``.

    Notes
    -----
    Scorers whose names begin with "neg_" return the negative of a metric that is better if it is smaller.
    "neg_perplexity" and "neg_bits_per_token" need an estimator with `predict_proba` and `classes_`. The names
    "span_..." stand for scheme "iob2" in mode "conlleval" or, with "_strict" at the end, in mode "strict".

    Examples
    --------
    >>> from sklearn_rnn import RNNTagger
    >>> from sklearn_rnn.metrics import get_scorer
    >>> X, y = [["a", "b"], ["b"]] * 10, [["N", "V"], ["V"]] * 10
    >>> tagger = RNNTagger(max_iter=20, random_state=0).fit(X, y)
    >>> get_scorer("step_f1_macro")(tagger, X, y)
    1.0
    """
    if isinstance(scoring, (list, tuple)):
        return {name: get_scorer(name) for name in scoring}
    if not isinstance(scoring, str):
        return sklearn.metrics.get_scorer(scoring)  # which checks it
    if scoring in _SCORERS:
        return copy.deepcopy(_SCORERS[scoring])
    names = get_scorer_names()
    if scoring not in names:
        longer = [name for name in names if name.startswith(scoring)] if scoring else []
        hint = f" Did you mean {', '.join(map(repr, longer[:5]))}?" if longer else suggest(scoring, names)
        raise ValueError(f"There is no scorer {scoring!r}.{hint} get_scorer_names() returns all names.")
    scorer = sklearn.metrics.get_scorer(scoring)
    if type(scorer) is not _StepScorer.__base__:
        return scorer
    return _StepScorer(scorer._score_func, scorer._sign, scorer._kwargs, scorer._response_method)


def get_scorer_names():
    """Get the names of all scorers.

    Returns
    -------
    list of str
        This library's names and scikit-learn's, sorted.

    Examples
    --------
    >>> from sklearn_rnn.metrics import get_scorer_names
    >>> [name for name in get_scorer_names() if name.startswith("span_f1")]
    ['span_f1', 'span_f1_strict']
    """
    return sorted({*_SCORERS, *sklearn.metrics.get_scorer_names()})
