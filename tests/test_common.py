"""scikit-learn's own checks, on every estimator."""

from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone
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
from sklearn_rnn.nn import AbsoluteErrorHead, GaussianHead


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
# for the tolerance of 1e-7. The other checks are those of MINI_BATCHES.
ONE_BATCH = [cls(batch_size="all", dtype="float64", **SMALL) for cls in CLASSES]


# What an estimator cannot pass: the check, the estimators that it concerns, the reason.
REASONS = [
    (
        "check_sample_weight_equivalence_on_dense_data",
        lambda e: e.batch_size != "all",
        "A sequence of weight 2 is in one batch, the two sequences that it stands for can be in two.",
    ),
    (
        "check_sample_weight_equivalence_on_dense_data",
        lambda e: e.dtype != "float64",
        "On one batch weights and repetitions are the same sum, but float32 rounds it differently.",
    ),
    (
        "check_regressors_train",
        lambda e: e.cell == "jordan",
        "All that a Jordan network remembers is its answer, here a single number, and the ten features of a "
        "row are read as ten steps.",
    ),
    *(
        (
            check,
            lambda e: e.warm_start,
            "It fits one estimator several times, and each goes on from the last.",
        )
        for check in (
            "check_classifiers_multilabel_representation_invariance",
            "check_fit_idempotent",
            "check_supervised_y_2d",
        )
    ),
]


def find_reason(estimator, name):
    """Return why a check is expected to fail; None if it is not."""
    reasons = (why for check, concerns, why in REASONS if name.startswith(check) and concerns(estimator))
    return next(reasons, None)


def expected_failed_checks(estimator):
    found = {check: find_reason(estimator, check) for check, _, _ in REASONS}
    return {check: why for check, why in found.items() if why is not None}


# The checks give RNNTagger one label a row.
@pytest.mark.filterwarnings("ignore:y holds .* labels, one a sequence, which RNNTagger takes")
@pytest.mark.filterwarnings("ignore:X has features far from mean 0")  # many checks have a mean of 100
@parametrize_with_checks(MINI_BATCHES, expected_failed_checks=expected_failed_checks)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:y holds .* labels, one a sequence, which RNNTagger takes")
@pytest.mark.parametrize("estimator", ONE_BATCH, ids=lambda e: type(e).__name__)
def test_weights_are_repetitions_in_one_batch(estimator):
    checks = [
        check
        for e, check in estimator_checks_generator(estimator)
        if "weight_equivalence" in check_name(check)
    ]
    assert checks
    for check in checks:
        try:
            check(clone(estimator))
        except SkipTest:  # of sparse data
            pass


# Twenty settings of each estimator, with five seeds. With
# ``--checks all`` every check is run; else one of many, so that all kinds have their turn.

SETTINGS = {
    "elman": {"cell": "elman", "nonlinearity": "relu", "learning_rate": 0.01},
    "jordan": {"cell": "jordan", "nonlinearity": "sigmoid"},
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru", "max_grad_norm": None},
    "deep": {"num_layers": 2, "dropout": 0.1},
    "both directions": {"bidirectional": True, "pooling": "mean"},
    "largest": {"pooling": "max", "weight_decay": 1e-4},
    "attention": {"pooling": "attention"},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 40},
    "balanced": {"class_weight": "balanced", "batch_size": 8},
    "double precision": {"dtype": "float64", "batch_size": "all"},
    "one batch": {"batch_size": "all"},
    "short gradients": {"bptt_steps": 2, "max_iter": 100},  # they learn slowly
    "sgd": {"optimizer": "sgd", "learning_rate": 0.05},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01},
    "warm start": {"warm_start": True},
    "padding": {"padding_value": -1e6},
    "embedding": {"embedding_size": 4, "hidden_size": 24},
    "another head": {"head": "auto", "cell": "jordan", "nonlinearity": "relu"},
    "much of it": {"cell": "lstm", "num_layers": 2, "bidirectional": True, "pooling": "max"},
}
# Where an estimator lacks what a setting is about.
INSTEAD = {
    ("padding", RNNTagger): {
        "max_grad_norm": 0.5
    },  # answers are object arrays then, which no check can compare
    ("attention", RNNTagger): {"cell": "elman", "num_layers": 2},
    ("attention", Speller): {"attention": "additive"},
    ("short gradients", Speller): {"decoder_num_layers": 2},
    ("another head", RNNTagger): {"head": "crf"},
    ("another head", RNNRegressor): {"head": AbsoluteErrorHead},
    ("another head", Speller): {"scheduled_sampling": 0.3},
    ("much of it", RNNRegressor): {"head": GaussianHead},
    ("much of it", Speller): {
        "attention": None,
        "beam_size": 2,
        "decoder_cell": "gru",
        "decoder_hidden_size": 8,
    },
}
N_SEEDS = 5
EVERY = 263  # no divisor of the number of checks


def make_estimators():
    """Yield a name and an estimator for each setting and class."""
    for name, setting in SETTINGS.items():
        for cls in CLASSES:
            chosen = INSTEAD.get((name, cls), setting)
            yield name, cls(**SMALL | {key: v for key, v in chosen.items() if key in cls().get_params()})


def pytest_generate_tests(metafunc):
    if "setting_check" in metafunc.fixturenames:
        cases = [
            pytest.param(
                (estimator, check, seed), id=f"{name}-{type(estimator).__name__}-{check_name(check)}-{seed}"
            )
            for seed in range(N_SEEDS)
            for name, made in make_estimators()
            for estimator, check in estimator_checks_generator(made)
        ]
        cases = cases if metafunc.config.option.checks == "all" else cases[::EVERY]
        metafunc.parametrize("setting_check", cases)


def check_name(check):
    return check.func.__name__ if not check.keywords else f"{check.func.__name__}({check.keywords})"


@pytest.mark.filterwarnings("ignore:y holds .* labels, one a sequence, which RNNTagger takes")
@pytest.mark.filterwarnings("ignore:X has features far from mean 0")  # many checks have a mean of 100
@pytest.mark.filterwarnings("ignore:embedding_size=4 has no effect")
def test_scikit_learn_check_with_a_setting(setting_check, monkeypatch):
    estimator, check, seed = setting_check
    set_seed = estimator_checks.set_random_state
    monkeypatch.setattr(
        estimator_checks,
        "set_random_state",
        lambda e, random_state=0: set_seed(e, random_state + 1000 * seed),
    )
    reason = find_reason(estimator, check_name(check))
    try:
        check(estimator)
    except SkipTest as skipped:
        pytest.skip(str(skipped))
    except Exception:
        if reason is None:
            raise
        pytest.xfail(reason)


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
