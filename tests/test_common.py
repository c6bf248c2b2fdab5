"""scikit-learn's own checks, on every estimator."""

import numpy as np
import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import assert_all_finite, column_or_1d, estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
)
from sklearn_rnn.metrics import exact_match_score


class Speller(RNNSeq2Seq):
    """Writes a label as a target of one token: the checks know no sequences."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags

    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X, self._spell_labels(X, y), sample_weight)

    def partial_fit(self, X, y=None, sample_weight=None):
        return super().partial_fit(X, self._spell_labels(X, y), sample_weight)

    def _spell_labels(self, X, y):
        if y is None:
            return None
        y = column_or_1d(y, warn=True)
        assert_all_finite(y)
        return [[str(label)] for label in y.tolist()]

    def predict(self, X):
        targets = super().predict(X)  # the checks compare numbers
        tokens = self.target_vocabulary_.tolist()
        return np.array([tokens.index(target[0]) if target else -1 for target in targets])

    def predict_proba(self, X):
        return np.stack([proba[0] for proba in super().predict_proba(X, [[]] * len(X))])

    def score_samples(self, X):
        return np.exp(super().score_samples(X, [[]] * len(X)))  # for an absolute tolerance of 1e-7

    def score(self, X, y, sample_weight=None):
        return exact_match_score(self._spell_labels(X, y), super().predict(X), sample_weight=sample_weight)


CLASSES = [RNNClassifier, RNNRegressor, RNNTagger, Speller]
SMALL = {"hidden_size": 16, "max_iter": 40, "learning_rate": 0.02}
MINI_BATCHES = [cls(**SMALL) for cls in CLASSES]
# On one batch of all sequences weights and repetitions are the same sum, which float32 rounds too coarsely
# for the tolerance of 1e-7.
ONE_BATCH = [cls(batch_size="all", dtype="float64", **SMALL) for cls in CLASSES]


def expected_failed_checks(estimator):
    if estimator.batch_size == "all":
        return {}
    reason = "A sequence of weight 2 is in one batch, the two sequences that it stands for can be in two."
    return {"check_sample_weight_equivalence_on_dense_data": reason}


# The checks give RNNTagger one label a row.
@pytest.mark.filterwarnings("ignore:y holds .* labels, one a sequence, which RNNTagger takes")
@pytest.mark.filterwarnings("ignore:X has features far from mean 0")  # many checks have a mean of 100
@parametrize_with_checks(MINI_BATCHES + ONE_BATCH, expected_failed_checks=expected_failed_checks)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", MINI_BATCHES, ids=lambda e: type(e).__name__)
def test_there_are_many_checks(estimator):
    assert len(list(estimator_checks_generator(estimator))) > 40


# A language model reads no tables of numbers, and to a forecaster a table is one series. Most checks consist
# of tables with a row for each answer; these ask for no data:


@pytest.mark.parametrize(
    "name",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_valid_tag_types",
        "check_no_attributes_set_in_init",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_parameters_default_constructible",
        "check_get_params_invariance",
        "check_set_params",
        "check_mixin_order",
    ],
)
@pytest.mark.parametrize("cls", [RNNLanguageModel, RNNForecaster])
def test_scikit_learn_check_without_data(cls, name):
    getattr(estimator_checks, name)(cls.__name__, cls())


def test_the_language_model_says_that_it_reads_no_tables():
    tags = RNNLanguageModel().__sklearn_tags__()
    assert tags.input_tags.string and not (tags.input_tags.two_d_array or tags.input_tags.three_d_array)
    assert not tags.target_tags.required
    with pytest.warns(SkipTestWarning, match="Can't test estimator RNNLanguageModel"):
        assert len(list(estimator_checks_generator(RNNLanguageModel()))) < 5


def test_the_forecaster_says_that_a_table_is_no_list_of_sequences():
    tags = RNNForecaster().__sklearn_tags__()
    assert tags.input_tags.three_d_array and not (tags.input_tags.string or tags.input_tags.two_d_array)
    assert not tags.target_tags.required
    with pytest.warns(SkipTestWarning, match="Can't test estimator RNNForecaster"):
        assert len(list(estimator_checks_generator(RNNForecaster()))) < 5


def test_seq2seq_says_that_its_targets_are_no_labels():
    tags = RNNSeq2Seq().__sklearn_tags__()
    assert tags.input_tags.three_d_array and tags.input_tags.string and not tags.input_tags.two_d_array
    assert tags.target_tags.required and not tags.target_tags.one_d_labels
    with pytest.warns(SkipTestWarning, match="Can't test estimator RNNSeq2Seq"):
        assert len(list(estimator_checks_generator(RNNSeq2Seq()))) < 5


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 2.0}])
def test_a_classifier_with_class_weights_takes_one_label_a_sequence(class_weight):
    tags = RNNClassifier(class_weight=class_weight).__sklearn_tags__()
    is_free = class_weight is None
    assert tags.classifier_tags.multi_label == tags.target_tags.multi_output == is_free
    for y in ([[0, 1], [1, 0]], [[0, 5], [1, 4]]):
        model = RNNClassifier(class_weight=class_weight, max_iter=1, hidden_size=2)
        if is_free:
            model.fit([[0.1], [0.2]], np.array(y))
        else:
            with pytest.raises(ValueError, match="class_weight needs one label a sequence"):
                model.fit([[0.1], [0.2]], np.array(y))


@pytest.mark.parametrize(
    "estimator",
    [cls(early_stopping=True, max_iter=2, hidden_size=2) for cls in (RNNClassifier, RNNRegressor, RNNTagger)],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.filterwarnings("ignore:y holds .* labels, one a sequence, which RNNTagger takes")
def test_one_sequence_with_early_stopping(estimator):
    estimator_checks.check_fit2d_1sample(type(estimator).__name__, estimator)
