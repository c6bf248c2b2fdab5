"""Early stopping: on what, for how long, and what is trained on in the end."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from skorch.callbacks import Callback, EpochScoring, LRScheduler, PrintLog

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.datasets import make_person_sentences
from sklearn_rnn.training.step import TrainingStep

FAST = {"hidden_size": 8, "max_iter": 4, "random_state": 0}
SCORED = {
    "hidden_size": 4,
    "max_iter": 2,
    "random_state": 0,
    "early_stopping": True,
    "validation_fraction": 0.3,
}
rng = np.random.RandomState(0)
X = [rng.randn(rng.randint(2, 6), 2) for _ in range(30)]
LABELS = np.array(["no", "yes"])[(np.arange(30) % 2)]
TAGS = [np.array(["a", "b"])[(x[:, 0] > 0).astype(int)] for x in X]


@pytest.fixture
def halves(vowels):
    X, y = vowels
    return X[::2], y[::2], X[1::2], y[1::2]


def test_early_stopping_trains_on_everything_at_last(vowels, impatient):
    """For as many epochs as were good, and until the training loss is as small as it was then."""
    X, y = vowels
    options = FAST | {"max_iter": 60, "learning_rate": 0.03}
    model = RNNClassifier(early_stopping=True, n_iter_no_change=3, tol=0.0, **options).fit(X, y)
    scores = model.validation_scores_
    assert len(scores) == len(model.loss_curve_) == model.n_iter_ < 60
    assert scores == [-epoch["valid_loss"] for epoch in model.history_]
    assert model.best_epoch_ == int(np.argmax(scores)) + 1 == model.n_iter_ - 3
    gain = min(-max(scores), max(scores) - scores[0])
    last = np.flatnonzero(np.array(scores) >= max(scores) - 0.2 * gain)[-1]
    losses = RNNClassifier(**options).fit(X, y).loss_curve_
    is_enough = (np.array(losses) <= model.loss_curve_[last]) & (np.arange(60) >= last)
    n = int(np.argmax(is_enough)) + 1
    plain = RNNClassifier(**options | {"max_iter": n}).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_early_stopping_with_callbacks_keeps_the_weights_of_the_best_epoch(vowels, impatient):
    """A schedule may follow what is held out, which is not there when all is trained on."""
    X, y = vowels
    options = FAST | {"max_iter": 60, "learning_rate": 0.03, "early_stopping": True, "n_iter_no_change": 3}
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau
    options["callbacks"] = [LRScheduler(plateau, monitor="valid_loss", patience=1)]
    model = RNNClassifier(**options).fit(X, y)
    assert model.n_iter_ == model.best_epoch_ + 3 < 60
    shorter = RNNClassifier(**options | {"max_iter": model.best_epoch_}).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), shorter.predict_proba(X))


def test_early_stopping_has_patience_on_little_data():
    """Ten epochs of two updates say nothing yet."""
    X, y = np.random.RandomState(0).rand(40, 3), np.arange(40) % 2
    options = FAST | {"max_iter": 400, "early_stopping": True, "tol": 1e9, "n_iter_no_change": 10}
    model = RNNClassifier(**options).fit(X, y)  # 36 sequences are 2 batches
    assert (model.best_epoch_, model.n_iter_) == (1, 1 + 150)
    model = RNNClassifier(batch_size=1, **options).fit(X, y)
    assert model.n_iter_ == 1 + 10


def test_best_epoch_is_of_early_stopping_alone(vowels):
    model = RNNClassifier(early_stopping=True, warm_start=True, **FAST).fit(*vowels)
    first = model.best_epoch_
    assert 1 <= first <= 4 < model.fit(*vowels).best_epoch_ <= 8
    assert model.partial_fit(*vowels).best_epoch_ <= 8
    assert not hasattr(clone(model).set_params(early_stopping=False).fit(*vowels), "best_epoch_")


def test_who_only_looks_on_changes_nothing(vowels):
    options = FAST | {"early_stopping": True, "verbose": 0}
    seen = []
    alone = RNNClassifier(**options).fit(*vowels)
    log = EpochScoring("accuracy", name="right", lower_is_better=False)
    watched = RNNClassifier(callbacks=[log, PrintLog(sink=seen.append)], **options).fit(*vowels)
    np.testing.assert_array_equal(alone.predict_proba(vowels[0]), watched.predict_proba(vowels[0]))
    assert len(seen) == 2 + 4 and all("right" in epoch for epoch in watched.history_)
    schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
    scheduled = RNNClassifier(callbacks=[schedule], **options).fit(*vowels)
    plain = RNNClassifier(callbacks=[schedule], **options | {"early_stopping": False}).fit(*vowels)
    np.testing.assert_array_equal(scheduled.predict_proba(vowels[0]), plain.predict_proba(vowels[0]))


def test_early_stopping_does_not_learn_noise():
    """Where nothing can be learnt, probabilities are those of the labels' shares."""
    rng = np.random.RandomState(0)
    X, y = rng.randn(120, 8), rng.randint(2, size=120)
    model = RNNClassifier(early_stopping=True, random_state=0, hidden_size=16, max_iter=60).fit(X, y)
    assert log_loss(rng.randint(2, size=500), model.predict_proba(rng.randn(500, 8))) < 0.75


def test_early_stopping_of_tagger_and_regressor():
    X, y = make_person_sentences(60, random_state=0)
    assert len(RNNTagger(early_stopping=True, **FAST).fit(X, y).validation_scores_) == 4
    numbers = [np.arange(len(x), dtype=float) for x in X]
    assert len(RNNRegressor(early_stopping=True, **FAST).fit(X, numbers).validation_scores_) == 4


def test_early_stopping_of_a_regressor_on_little_data():
    X = np.random.RandomState(0).rand(12, 3)
    model = RNNRegressor(early_stopping=True, **FAST).fit(X, X.sum(axis=1))
    assert np.isfinite(model.validation_scores_).all()


def test_early_stopping_on_too_little_data():
    with pytest.raises(ValueError, match="leaves nothing to train on: there is 1 sample"):
        RNNClassifier(early_stopping=True).fit([[[1.0]]], [0])


def test_early_stopping_holds_back_some_of_every_label():
    X = np.random.RandomState(0).rand(100, 3)
    y = np.r_[np.zeros(80), np.ones(20)]
    held = []

    def look(estimator, X, y):
        held.append(y)
        return 0.0

    RNNClassifier(early_stopping=True, scoring=look, **FAST).fit(X, y)
    assert np.bincount(held[0].astype(int)).tolist() == [8, 2]


@pytest.mark.parametrize(("tol", "n_epochs"), [(0.0, 6), (0.05, 3)])
def test_tol_is_the_least_improvement(tol, n_epochs, impatient):
    scores = iter([0.50, 0.51, 0.52, 0.53, 0.54, 0.55])

    options = {"n_iter_no_change": 2, "max_iter": 6, "hidden_size": 2, "random_state": 0}
    options["scoring"] = lambda estimator, X, y: next(scores)
    model = RNNRegressor(early_stopping=True, tol=tol, **options).fit(
        np.random.RandomState(0).rand(30, 2), np.arange(30.0)
    )
    assert model.n_iter_ == n_epochs


def test_early_stopping_goes_by_given_data_and_trains_on_all_of_X(halves, impatient):
    X, y, X_val, y_val = halves
    options = FAST | {"max_iter": 40, "learning_rate": 0.03}
    model = RNNClassifier(early_stopping=True, n_iter_no_change=2, **options).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    best = int(np.argmax(model.validation_scores_)) + 1
    assert model.n_iter_ == best + 2 < 40
    same = RNNClassifier(**options | {"max_iter": best}).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X_val), same.predict_proba(X_val))


@pytest.mark.parametrize("as_groups", [np.asarray, list, pd.Series])
def test_groups_are_kept_together(as_groups):
    rng = np.random.RandomState(0)
    groups = rng.randint(12, size=100)
    X = [np.full((1 + i % 3, 1), group, dtype=float) for i, group in enumerate(groups)]
    held = []

    def look(estimator, X, y, sample_weight):
        held.append(X)
        return 0.0

    # Sequences without a weight are left out, and so are their groups.
    weight = np.where(groups == 3, 0.0, 1.0)
    RNNClassifier(early_stopping=True, scoring=look, validation_fraction=0.3, **FAST).fit(
        X, np.arange(100) % 2, weight, validation_groups=as_groups(groups)
    )
    found = {float(x[0, 0]) for x in held[0]}
    assert 3 not in found
    n_left = int((weight > 0).sum())
    assert abs(len(held[0]) - 0.3 * n_left) <= 5  # half of a group
    assert len(held[0]) == np.isin(groups, list(found)).sum()


@pytest.mark.parametrize("cls", [RNNTagger, RNNRegressor])
def test_groups_of_tagger_and_regressor(cls):
    X, y = make_person_sentences(40, random_state=0)
    y = y if cls is RNNTagger else [np.arange(len(x), dtype=float) for x in X]
    groups = np.repeat(np.arange(8), 5)
    model = cls(early_stopping=True, **FAST).fit(X, y, validation_groups=groups)
    assert len(model.validation_scores_) == 4
    folds = GroupKFold(4).split(X, y, groups)
    for train, _ in folds:
        cls(early_stopping=True, **FAST).fit(
            [X[i] for i in train], [y[i] for i in train], validation_groups=groups[train]
        )


def test_groups_have_no_effect_without_early_stopping(vowels):
    X, y = vowels
    plain, grouped = (
        RNNClassifier(**FAST).fit(X, y, validation_groups=groups) for groups in (None, np.arange(len(X)))
    )
    assert plain.loss_curve_ == grouped.loss_curve_
    assert grouped.validation_scores_ is None


def test_groups_that_are_sequences_leave_enough_for_r2():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(rng.integers(2, 9), 2)) for _ in range(10)]
    model = RNNRegressor(early_stopping=True, **FAST)
    model.fit(X, [x.mean() for x in X], validation_groups=np.arange(10))
    assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("groups", [None, np.arange(40) // 4])
def test_a_warm_start_sets_the_same_aside(groups):
    held = []

    def look(estimator, X, y):
        held.append(float(X.values.sum()))
        return 0.0

    X, y = np.random.RandomState(0).rand(40, 3), np.arange(40) % 2
    parts = RNNClassifier(early_stopping=True, scoring=look, warm_start=True, **FAST)
    for _ in range(3):
        parts.fit(X, y, validation_groups=groups)
    assert len(held) == 12
    assert len(set(held)) == 1


def test_ties_do_not_keep_the_first_epoch(impatient):
    """A score that stands still, as accuracy does where the answer is the majority, is as good to the end."""
    options = SCORED | {"max_iter": 8, "n_iter_no_change": 5}
    model = RNNClassifier(scoring=lambda e, X, y: 0.9, **options).fit(X, LABELS)
    assert (model.best_epoch_, model.n_iter_) == (1, 6)
    plain = RNNClassifier(**options | {"early_stopping": False, "max_iter": 6}).fit(X, LABELS)
    losses = np.array(RNNClassifier(**options | {"early_stopping": False}).fit(X, LABELS).loss_curve_)
    assert losses[5] <= model.loss_curve_[5]  # so that 6 epochs on everything are far enough
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_interruption_of_the_last_training_keeps_the_best_weights(monkeypatch):
    steps = []
    step = TrainingStep.__call__

    def press_ctrl_c(train_step, *batch):
        steps.append(batch)
        if len(steps) == 3:  # after 2 epochs of a batch each
            raise KeyboardInterrupt
        return step(train_step, *batch)

    monkeypatch.setattr(TrainingStep, "__call__", press_ctrl_c)
    with pytest.warns(UserWarning, match="interrupted"):
        model = RNNClassifier(**SCORED).fit(X, LABELS)
    monkeypatch.undo()
    assert model.n_iter_ == len(model.validation_scores_) == 2
    kept = RNNClassifier(**SCORED, callbacks=[Callback()]).fit(X, LABELS)
    np.testing.assert_array_equal(model.predict_proba(X), kept.predict_proba(X))


def test_a_fit_with_early_stopping_pickles():
    model = RNNTagger(scoring="f1_macro", **SCORED).fit(X, TAGS)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.best_epoch_ == model.best_epoch_
    assert loaded.validation_scores_ == model.validation_scores_
