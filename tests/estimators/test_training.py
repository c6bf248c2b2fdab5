"""Early stopping, callbacks, warm starts, progress."""

import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, LRScheduler

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.datasets import load_japanese_vowels, make_person_sentences
from sklearn_rnn.training import OPTIMIZERS

FAST = {"hidden_size": 8, "max_iter": 4, "random_state": 0}


@pytest.fixture(scope="module")
def vowels():
    return load_japanese_vowels(subset="train", return_X_y=True)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, torch.optim.Adamax])
def test_every_optimizer_lowers_the_loss(vowels, optimizer):
    model = RNNClassifier(optimizer=optimizer, learning_rate=0.01, **FAST).fit(*vowels)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.best_loss_ == min(model.loss_curve_)


def test_weight_decay_keeps_weights_small(vowels):
    norms = []
    for weight_decay in (0.0, 1.0):
        model = RNNClassifier(optimizer="adamw", learning_rate=0.01, weight_decay=weight_decay, **FAST).fit(
            *vowels
        )
        norms.append(sum(p.square().sum() for p in model.module_.parameters()).item())
    assert norms[1] < 0.95 * norms[0]


def test_early_stopping_gives_back_the_best_weights(vowels):
    X, y = vowels
    options = FAST | {"max_iter": 60}
    model = RNNClassifier(early_stopping=True, n_iter_no_change=3, learning_rate=0.03, **options).fit(X, y)
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_ < 60
    best = int(np.argmax(scores))
    assert model.n_iter_ == best + 1 + 3
    # Training for exactly as many epochs as the best took gives the same network.
    shorter = RNNClassifier(
        early_stopping=True, learning_rate=0.03, **(options | {"max_iter": best + 1})
    ).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), shorter.predict_proba(X))


def test_early_stopping_of_tagger_and_regressor():
    X, y = make_person_sentences(60, random_state=0)
    assert len(RNNTagger(early_stopping=True, **FAST).fit(X, y).validation_scores_) == 4
    numbers = [np.arange(len(x), dtype=float) for x in X]
    assert len(RNNRegressor(early_stopping=True, **FAST).fit(X, numbers).validation_scores_) == 4


def test_early_stopping_of_a_regressor_on_little_data():
    X = np.random.RandomState(0).rand(12, 3)
    model = RNNRegressor(early_stopping=True, **FAST).fit(X, X.sum(axis=1))
    assert np.isfinite(model.validation_scores_).all()


def test_fit_inside_inference_mode(vowels):
    with torch.inference_mode():
        inside = RNNClassifier(**FAST).fit(*vowels)
    outside = RNNClassifier(**FAST).fit(*vowels)
    assert inside.loss_curve_ == outside.loss_curve_


def test_early_stopping_on_too_little_data():
    with pytest.raises(ValueError, match="leaves nothing to train on: there are 1 sequences"):
        RNNClassifier(early_stopping=True).fit([[[1.0]]], [0])


def test_learning_rate_schedule(vowels):
    schedule = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.1)
    model = RNNClassifier(callbacks=[schedule], learning_rate=0.01, **FAST).fit(*vowels)
    np.testing.assert_allclose([e["event_lr"] for e in model.history_], [0.01, 0.01, 0.001, 0.001], rtol=1e-6)


class Counter(Callback):
    def __init__(self):
        self.epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs += 1


def test_callbacks_are_copied_and_the_copies_can_be_seen(vowels):
    counter = Counter()
    model = RNNClassifier(callbacks=[("counter", counter)], **FAST).fit(*vowels)
    assert counter.epochs == 0
    assert dict(model.net_.callbacks_)["counter"].epochs == 4


def test_a_callback_may_stop_training_without_a_warning(vowels):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    assert RNNClassifier(callbacks=[Stop()], **FAST).fit(*vowels).n_iter_ == 1


def test_progress_bar_and_log(vowels, capsys):
    RNNClassifier(verbose=2, **FAST).fit(*vowels)
    assert "train_loss" in capsys.readouterr().out
    RNNClassifier(verbose=0, **FAST).fit(*vowels)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_progress_bar_of_a_long_fit(vowels, capsys):
    RNNClassifier(verbose=1, **(FAST | {"max_iter": 80})).fit(*vowels)
    assert "train_loss" in capsys.readouterr().err


def test_warm_start_may_change_how_but_not_what_is_trained(vowels):
    X, y = vowels
    model = RNNClassifier(warm_start=True, **FAST).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e-9, clip_norm=0.1).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-5)
    assert model.n_iter_ == 8
    with pytest.raises(ValueError, match="hidden_size was 8 when training began and is now 9"):
        model.set_params(hidden_size=9).fit(X, y)
    with pytest.raises(ValueError, match="optimizer was 'adam' when training began and is now 'sgd'"):
        model.set_params(hidden_size=8, optimizer="sgd").fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-5)


def test_fit_without_warm_start_begins_anew(vowels):
    X, y = vowels
    model = RNNClassifier(**FAST).fit(X, y)
    once = model.predict_proba(X)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), once)
    model.set_params(hidden_size=4).fit(X[:50], y[:50])
    assert model.n_iter_ == 4


def test_clip_norm_is_on_by_default(vowels):
    X, y = vowels

    class Largest(Callback):
        def on_train_begin(self, net, **kwargs):
            self.norm_ = 0.0

        def on_grad_computed(self, net, named_parameters, **kwargs):
            norm = torch.stack([p.grad.norm() for _, p in named_parameters]).norm().item()
            self.norm_ = max(self.norm_, norm)

    for clip_norm, expected in ((0.01, True), (None, False)):
        model = RNNClassifier(callbacks=[("largest", Largest())], clip_norm=clip_norm, **FAST).fit(X, y)
        assert (dict(model.net_.callbacks_)["largest"].norm_ <= 0.0101) is expected
    assert RNNClassifier().clip_norm == 1.0


def test_training_after_pickling_goes_on(vowels):
    X, y = vowels
    model = copy.deepcopy(RNNClassifier(**FAST).fit(X, y))
    model.partial_fit(X, y)
    assert model.n_iter_ == 5
    assert len(model.loss_curve_) == 5
