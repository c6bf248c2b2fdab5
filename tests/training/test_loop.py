"""What happens in an epoch, in which order, and what is recorded."""

import copy
import gc
import os
import pickle
import signal
import weakref

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.batches.datasets import SequenceDataset
from sklearn_rnn.data import as_sequences
from sklearn_rnn.nn import RecurrentNetwork

FAST = {"hidden_size": 8, "max_iter": 4, "random_state": 0}


class Recorder(Callback):
    """Records what it is notified of, in which order and with which arguments."""

    def __init__(self, events):
        self.events = events


for hook in [name for name in vars(Callback) if name.startswith("on_")]:

    def record(self, net, *, hook=hook, **kwargs):
        self.events.append((hook, kwargs.get("training"), set(kwargs)))

    setattr(Recorder, hook, record)


def test_notifications_and_history_are_those_of_skorch(data):
    X, y = data
    ours, theirs = [], []
    options = {"random_state": 0, "batch_size": 5, "max_iter": 2, "callbacks": [Recorder(ours)]}
    model = RNNClassifier(**options).fit(X, y, X_val=X[:7], y_val=y[:7])
    vectors = np.ones((12, 2), dtype=np.float32)
    net = NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=2,
        module__out_features=2,
        batch_size=5,
        max_epochs=2,
        train_split=predefined_split(Dataset(vectors[:7], y[:7])),
        callbacks=[Recorder(theirs)],
        verbose=0,
    ).fit(vectors, y)
    assert [event[:2] for event in ours] == [event[:2] for event in theirs]
    for (_, _, names), (_, _, expected) in zip(ours, theirs, strict=True):
        assert names - {"n_terms"} == expected
    epoch, expected = model.net_.history[-1], net.history[-1]
    names = {name for name in expected if not name.startswith("valid_acc")}
    assert names | {"valid_score", "valid_score_best"} == set(epoch)


def test_the_network_validates_once_in_an_epoch(data, monkeypatch):
    forward, n_rows = RecurrentNetwork.forward, []

    def count(network, batch):
        if not network.training:
            n_rows.append(len(batch))
        return forward(network, batch)

    monkeypatch.setattr(RecurrentNetwork, "forward", count)
    X, y = data
    RNNClassifier(**FAST).fit(X, y, X_val=X[:7], y_val=y[:7])
    assert n_rows == [7] * 4


def test_a_callback_may_copy_the_net(data):
    copies = []

    class Copying(Callback):
        def on_batch_end(self, net, **kwargs):
            copies.append(copy.deepcopy(net))

    model = RNNClassifier(callbacks=[Copying()], **FAST).fit(*data)
    assert [len(net.history) for net in copies] == [1, 2, 3, 4]
    for w, expected in zip(copies[-1].module_.parameters(), model.module_.parameters(), strict=True):
        assert torch.equal(w, expected)


def test_what_is_trained_on_does_not_outlive_the_fit(data):
    alive = []

    class Look(Callback):
        def on_train_begin(self, net, X, **kwargs):
            alive.append(weakref.ref(X))

    model = RNNClassifier(early_stopping=True, callbacks=[Look()], **FAST).fit(*data)
    gc.collect()
    assert model.net_ is not None and [ref() for ref in alive] == [None]


def test_fit_inside_inference_mode(vowels):
    with torch.inference_mode():
        inside = RNNClassifier(**FAST).fit(*vowels)
    outside = RNNClassifier(**FAST).fit(*vowels)
    assert inside.loss_curve_ == outside.loss_curve_


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


def test_dropout_is_over_when_training_is(vowels):
    X, y = vowels
    model = RNNClassifier(dropout=0.5, **FAST).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


def test_validation_is_a_mere_look():
    """Looking at a validation set takes no random numbers away from training."""
    model = RNNClassifier(**FAST).fit([[0.0], [1.0, 2.0], [3.0]], [0, 1, 0])
    dataset = SequenceDataset(as_sequences([[0.0]] * 20), np.zeros(20, int))
    before = pickle.dumps(model.net_.stream.order)
    assert len(list(model.net_.get_iterator(dataset, training=False))) == 20 // model.net_.batch_size + 1
    assert pickle.dumps(model.net_.stream.order) == before
    list(model.net_.get_iterator(dataset, training=True))
    assert pickle.dumps(model.net_.stream.order) != before


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


def test_history_is_not_kept_by_the_batch(data):
    model = RNNClassifier(**FAST | {"max_iter": 2}).fit(*data)
    for _ in range(3):
        model.partial_fit(*data)
    assert len(model.history_) == len(model.loss_curve_) == 5
    assert all(epoch["batches"] == [] for epoch in model.net_.history)
    assert all(type(loss) is float for loss in model.loss_curve_)


def test_interrupt_while_the_validation_score_is_computed(data):
    calls = []

    def score(estimator, X, y):
        calls.append(1)
        if len(calls) == 2:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
            os.kill(os.getpid(), signal.SIGINT)
        return estimator.score(X, y)

    model = RNNClassifier(early_stopping=True, scoring=score, **(FAST | {"max_iter": 5}))
    with pytest.warns(UserWarning, match="interrupted in epoch 2"):
        model.fit(*data)
    assert model.n_iter_ == len(model.validation_scores_) == 1
    assert model.predict(data[0]).shape == (12,)


def test_a_failed_warm_start_leaves_the_net_as_it_was(data):
    model = RNNClassifier(warm_start=True, **FAST).fit(*data)
    before = (model.net_.max_grad_norm, model.net_.batch_size, model.net_.lr, list(model.net_.callbacks_))
    model.set_params(max_grad_norm=None, learning_rate=1e38, early_stopping=True, batch_size=2)
    with pytest.raises(ValueError, match="Training stopped in epoch"):
        model.fit(*data)
    assert (
        model.net_.max_grad_norm,
        model.net_.batch_size,
        model.net_.lr,
        list(model.net_.callbacks_),
    ) == before
