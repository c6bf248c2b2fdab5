"""Metrics of sequences and their steps, and scorers made of them."""

from sklearn_rnn._names import publish
from sklearn_rnn.metrics.edit import edit_distance_rate as edit_distance_rate
from sklearn_rnn.metrics.edit import exact_match_score as exact_match_score
from sklearn_rnn.metrics.likelihood import bits_per_token as bits_per_token
from sklearn_rnn.metrics.likelihood import perplexity_score as perplexity_score
from sklearn_rnn.metrics.regression import step_mean_absolute_error as step_mean_absolute_error
from sklearn_rnn.metrics.regression import step_mean_squared_error as step_mean_squared_error
from sklearn_rnn.metrics.regression import step_r2_score as step_r2_score
from sklearn_rnn.metrics.regression import step_root_mean_squared_error as step_root_mean_squared_error
from sklearn_rnn.metrics.scorers import get_scorer as get_scorer
from sklearn_rnn.metrics.scorers import get_scorer_names as get_scorer_names
from sklearn_rnn.metrics.spans import Spans as Spans
from sklearn_rnn.metrics.spans import find_spans as find_spans
from sklearn_rnn.metrics.spans import span_classification_report as span_classification_report
from sklearn_rnn.metrics.spans import span_f1_score as span_f1_score
from sklearn_rnn.metrics.spans import span_precision_score as span_precision_score
from sklearn_rnn.metrics.spans import span_recall_score as span_recall_score
from sklearn_rnn.metrics.steps import sequence_accuracy_score as sequence_accuracy_score
from sklearn_rnn.metrics.steps import step_accuracy_score as step_accuracy_score
from sklearn_rnn.metrics.steps import step_classification_report as step_classification_report
from sklearn_rnn.metrics.steps import step_confusion_matrix as step_confusion_matrix
from sklearn_rnn.metrics.steps import step_f1_score as step_f1_score
from sklearn_rnn.metrics.steps import step_precision_score as step_precision_score
from sklearn_rnn.metrics.steps import step_recall_score as step_recall_score

__all__ = [
    "Spans",
    "bits_per_token",
    "edit_distance_rate",
    "exact_match_score",
    "find_spans",
    "get_scorer",
    "get_scorer_names",
    "perplexity_score",
    "sequence_accuracy_score",
    "span_classification_report",
    "span_f1_score",
    "span_precision_score",
    "span_recall_score",
    "step_accuracy_score",
    "step_classification_report",
    "step_confusion_matrix",
    "step_f1_score",
    "step_mean_absolute_error",
    "step_mean_squared_error",
    "step_precision_score",
    "step_r2_score",
    "step_recall_score",
    "step_root_mean_squared_error",
]

publish(globals())
