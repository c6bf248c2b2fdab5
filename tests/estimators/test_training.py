"""Warm starts, dropout, unknown tokens, weights."""

import copy

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.datasets import load_japanese_vowels, make_person_sentences

FAST = {"hidden_size": 8, "max_iter": 4, "random_state": 0}


@pytest.fixture(scope="module")
def vowels():
    return load_japanese_vowels(subset="train", return_X_y=True)


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
