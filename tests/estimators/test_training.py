"""Early stopping, callbacks, warm starts, progress."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import log_loss
from skorch.callbacks import Callback, EpochScoring, LRScheduler, PrintLog

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.data import as_sequences
from sklearn_rnn.datasets import load_japanese_vowels, make_person_sentences
from sklearn_rnn.training import OPTIMIZERS, callbacks, resolve_device, resolve_dtype

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


def test_fit_inside_inference_mode(vowels):
    with torch.inference_mode():
        inside = RNNClassifier(**FAST).fit(*vowels)
    outside = RNNClassifier(**FAST).fit(*vowels)
    assert inside.loss_curve_ == outside.loss_curve_


def test_early_stopping_on_too_little_data():
    with pytest.raises(ValueError, match="leaves nothing to train on: there is 1 sample"):
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


def test_progress_bar_of_a_long_fit(vowels, capsys, monkeypatch):
    make_bar = callbacks.tqdm
    monkeypatch.setattr(callbacks, "tqdm", lambda **options: make_bar(**options | {"delay": 0}))
    RNNClassifier(verbose=1, **FAST).fit(*vowels)
    assert "train_loss" in capsys.readouterr().err


def test_warm_start_may_change_how_but_not_what_is_trained(vowels):
    X, y = vowels
    model = RNNClassifier(warm_start=True, **FAST).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e-9, max_grad_norm=0.1).fit(X, y)
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


def test_max_grad_norm_is_on_by_default(vowels):
    X, y = vowels

    class Largest(Callback):
        def on_train_begin(self, net, **kwargs):
            self.norm_ = 0.0

        def on_grad_computed(self, net, named_parameters, **kwargs):
            norm = torch.stack([p.grad.norm() for _, p in named_parameters]).norm().item()
            self.norm_ = max(self.norm_, norm)

    for max_grad_norm, expected in ((0.01, True), (None, False)):
        model = RNNClassifier(callbacks=[("largest", Largest())], max_grad_norm=max_grad_norm, **FAST).fit(
            X, y
        )
        assert (dict(model.net_.callbacks_)["largest"].norm_ <= 0.0101) is expected
    assert RNNClassifier().max_grad_norm == 1.0


def test_training_after_pickling_goes_on(vowels):
    X, y = vowels
    model = copy.deepcopy(RNNClassifier(**FAST).fit(X, y))
    model.partial_fit(X, y)
    assert model.n_iter_ == 5
    assert len(model.loss_curve_) == 5


# What training does inside, seen from outside.


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("embedding_size", [None, 4])
def test_dropout_acts_at_every_station(embedding_size, num_layers):
    """Count where numbers are dropped: behind the embedding, between layers, before the head."""
    X, y = make_person_sentences(20, random_state=0)
    dropped = []
    with torch.nn.modules.module.register_module_forward_hook(
        lambda module, inputs, output: (
            dropped.append(module) if isinstance(module, torch.nn.Dropout) else None
        )
    ):
        RNNTagger(
            dropout=0.5,
            embedding_size=embedding_size,
            num_layers=num_layers,
            batch_size="all",
            max_iter=1,
            random_state=0,
        ).fit(X, y)
    assert len(dropped) == (embedding_size is not None) + (num_layers - 1) + 1
    assert {module.p for module in dropped} == {0.5}


def test_dropout_is_over_when_training_is(vowels):
    X, y = vowels
    model = RNNClassifier(dropout=0.5, **FAST).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


def test_rare_tokens_are_hidden_half_of_the_time():
    from sklearn_rnn.nn.network import TokenInput

    rare = np.array([False, True, False])
    layer = TokenInput(3, None, torch.from_numpy(rare)).train()
    codes = torch.tensor([1, 2]).repeat(2000)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        seen = layer(codes).view(-1, 2)
    assert 0.45 < (seen[:, 0] == 0).float().mean() < 0.55
    assert (seen[:, 1] == 2).all()
    assert torch.equal(layer.eval()(codes), codes)


@pytest.mark.parametrize("embedding_size", [None, 4])
@pytest.mark.parametrize("cell", ["gru", "jordan"])
def test_an_unknown_token_starts_as_nothing(cell, embedding_size):
    """Before training, an unknown token leaves what the biases alone make of no input."""
    model = RNNClassifier(cell=cell, embedding_size=embedding_size, learning_rate=1e-30, max_iter=1)
    model.fit(["aabb", "bbaa"], [0, 1])
    first = model.module_.recurrence.layers[0][0]
    projected = first.project(model.module_.input(torch.tensor([0])))
    np.testing.assert_allclose(projected.detach(), first.bias_ih.detach()[None], atol=1e-7)


def test_early_stopping_holds_back_some_of_every_label():
    X = np.random.RandomState(0).rand(100, 3)
    y = np.r_[np.zeros(80), np.ones(20)]
    held = []

    def look(estimator, X, y):
        held.append(y)
        return 0.0

    RNNClassifier(early_stopping=True, scoring=look, **FAST).fit(X, y)
    assert np.bincount(held[0].astype(int)).tolist() == [8, 2]


def test_sgd_has_momentum(vowels):
    model = RNNClassifier(optimizer="sgd", **FAST).fit(*vowels)
    (group,) = model.net_.optimizer_.param_groups
    assert (group["momentum"], group["nesterov"], group["lr"]) == (0.9, True, 0.003)


def test_validation_is_a_mere_look():
    """Looking at a validation set takes no random numbers away from training."""
    model = RNNClassifier(**FAST).fit([[0.0], [1.0, 2.0], [3.0]], [0, 1, 0])
    dataset = SequenceDataset(as_sequences([[0.0]] * 20), np.zeros(20, int))
    before = pickle.dumps(model.net_.stream.order)
    assert len(list(model.net_.get_iterator(dataset, training=False))) == 20 // model.net_.batch_size + 1
    assert pickle.dumps(model.net_.stream.order) == before
    list(model.net_.get_iterator(dataset, training=True))
    assert pickle.dumps(model.net_.stream.order) != before


@pytest.mark.parametrize(("tol", "n_epochs"), [(0.0, 6), (0.05, 3)])
def test_tol_is_the_least_improvement(tol, n_epochs, impatient):
    scores = iter([0.50, 0.51, 0.52, 0.53, 0.54, 0.55])

    options = {"n_iter_no_change": 2, "max_iter": 6, "hidden_size": 2, "random_state": 0}
    options["scoring"] = lambda estimator, X, y: next(scores)
    model = RNNRegressor(early_stopping=True, tol=tol, **options).fit(
        np.random.RandomState(0).rand(30, 2), np.arange(30.0)
    )
    assert model.n_iter_ == n_epochs


def test_the_loss_of_an_epoch_is_a_mean_over_terms():
    """Batches of different numbers of steps count by their steps."""
    rng = np.random.RandomState(0)
    X = [rng.rand(n, 1) for n in (30, 1, 1)]
    y = [np.full(len(x), float(len(x))) for x in X]
    model = RNNRegressor(batch_size=2, learning_rate=1e-30, max_iter=1, random_state=0, hidden_size=2).fit(
        X, y
    )
    flat = np.concatenate(y)
    errors = np.concatenate(list(model.predict(X))) - flat
    np.testing.assert_allclose(model.loss_curve_[0], np.mean(errors**2) / flat.var(), rtol=1e-5)


@pytest.mark.parametrize(
    ("policy", "options"),
    [("OneCycleLR", {"max_lr": 0.01, "total_steps": 8}), ("CyclicLR", {"base_lr": 0.001, "max_lr": 0.01})],
)
def test_schedules_that_move_momentum_go_on(policy, options):
    X = np.random.RandomState(0).rand(20, 3)
    y = np.arange(20) % 2
    policy = getattr(torch.optim.lr_scheduler, policy)
    schedule = LRScheduler(policy, cycle_momentum=policy is torch.optim.lr_scheduler.OneCycleLR, **options)
    common = {"hidden_size": 3, "random_state": 0, "callbacks": [schedule], "warm_start": True}
    whole = RNNClassifier(max_iter=8, **common).fit(X, y)
    parts = RNNClassifier(max_iter=4, **common).fit(X, y).fit(X, y)
    np.testing.assert_allclose(
        [epoch["event_lr"] for epoch in parts.history_], [epoch["event_lr"] for epoch in whole.history_]
    )
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("is_worker", [False, True])
def test_a_worker_leaves_the_gpu_to_others(monkeypatch, is_worker):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object() if is_worker else None)
    assert resolve_device("auto").type == ("cpu" if is_worker else "cuda")


def test_only_how_weights_compare_counts():
    X = np.random.RandomState(0).rand(20, 3)
    y, weights = X.sum(axis=1), np.linspace(0.5, 2, 20)
    one, ten = (RNNRegressor(**FAST).fit(X, y, sample_weight=c * weights) for c in (1, 1024))
    assert one.loss_curve_ == ten.loss_curve_


def test_weights_of_classes_and_of_sequences_are_multiplied():
    X, y = np.random.RandomState(0).rand(20, 3), np.arange(20) % 2
    weights = np.linspace(0.5, 2, 20)
    both = RNNClassifier(class_weight={0: 3.0}, **FAST).fit(X, y, sample_weight=weights)
    product = RNNClassifier(**FAST).fit(X, y, sample_weight=np.where(y == 0, 3, 1) * weights)
    assert both.loss_curve_ == product.loss_curve_


def test_mixed_precision_is_for_a_gpu(vowels):
    X, y = vowels
    with pytest.raises(
        ValueError, match="mixed precision on a GPU, but the device is 'cpu'. Use dtype='auto'"
    ):
        RNNClassifier(**(FAST | {"dtype": "bfloat16", "device": "cpu"})).fit(X, y)
    model = RNNClassifier(**(FAST | {"device": "cpu"})).fit(X, y)
    automatic = RNNClassifier(**(FAST | {"device": "cpu", "dtype": "auto"})).fit(X, y)
    np.testing.assert_array_equal(automatic.predict_proba(X), model.predict_proba(X))


def test_what_was_trained_in_mixed_precision_loads_without_a_gpu(vowels):
    X, y = vowels
    model = RNNClassifier(**(FAST | {"device": "cpu"})).fit(X, y)
    model.dtype = model._setup["dtype"] = "bfloat16"  # as after a fit on a GPU
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(("dtype", "has_native"), [("auto", True), ("auto", False), ("bfloat16", False)])
def test_types_on_a_gpu(dtype, has_native, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_native)
    expected = torch.bfloat16 if has_native or dtype == "bfloat16" else None
    assert resolve_dtype(dtype, torch.device("cuda")) == (torch.float32, expected)
