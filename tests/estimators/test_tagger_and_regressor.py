"""What is RNNTagger's and RNNRegressor's own: targets of steps."""

import numpy as np
import pytest

from sklearn_rnn import RNNRegressor, RNNTagger

FAST = {"hidden_size": 16, "max_iter": 40, "learning_rate": 0.02, "random_state": 0}


@pytest.fixture
def bits():
    """Sequences of bits, and for each step whether the bit before was set."""
    rng = np.random.RandomState(0)
    X = [rng.randint(0, 2, size=(n, 1)).astype(float) for n in rng.randint(1, 9, size=80)]
    return X, [np.r_[0, x[:-1, 0]].astype(int) for x in X]


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_tagger(bits, head):
    X, y = bits
    model = RNNTagger(head=head, **FAST).fit(X, y)
    predicted = model.predict(X)
    assert predicted.dtype == object
    assert predicted.shape == (80,)
    assert [len(p) for p in predicted] == [len(x) for x in X]
    assert model.score(X, y) > 0.98
    assert model.score(X[:1], [["unseen"] * len(X[0])]) == 0
    for p, log_p in zip(model.predict_proba(X), model.predict_log_proba(X), strict=True):
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-4)
        np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-4, atol=1e-7)


def test_crf_learns_what_follows_what():
    rng = np.random.RandomState(0)
    X = [rng.randn(8, 1) for _ in range(100)]  # says nothing: only the order of the labels can be learnt
    y = [np.arange(8) % 2 if rng.rand() < 0.5 else (np.arange(8) + 1) % 2 for _ in X]
    model = RNNTagger(head="crf", cell="elman", **(FAST | {"max_iter": 20})).fit(X, y)
    changes = [np.abs(np.diff(p)).min() for p in model.predict(X)]
    assert np.mean(changes) == 1


@pytest.mark.parametrize("labels", [["no", "yes"], [10, 20], [True, False]])
def test_tagger_with_labels_of_any_type(bits, labels):
    X, y = bits
    named = [[labels[k] for k in row] for row in y]
    model = RNNTagger(**FAST).fit(X, named)
    assert model.predict(X[:1])[0].dtype == np.asarray(labels).dtype
    assert model.score(X, named) > 0.98


def test_tagger_with_weights_of_steps(bits):
    X, y = bits
    y = [row.copy() for row in y]
    weights = []
    for row in y:
        row[0] = 1  # wrong at the first step of each sequence, and without weight there
        weights.append(np.r_[0.0, np.ones(len(row) - 1)])
    long = [i for i, row in enumerate(y) if len(row) > 1]
    X, y, weights = ([a[i] for i in long] for a in (X, y, weights))
    model = RNNTagger(**FAST).fit(X, y, sample_weight=weights)
    assert model.score(X, y, sample_weight=weights) > 0.98
    assert np.mean([p[0] for p in model.predict(X)]) < 0.5


def test_tagger_with_class_weight():
    rng = np.random.RandomState(0)
    X = [rng.randn(5, 1) for _ in range(60)]
    y = [np.array([1, 0, 0, 0, 0])[rng.permutation(5)] for _ in X]
    options = FAST | {"max_iter": 3}
    plain, balanced = (
        RNNTagger(class_weight=w, **options).fit(X, y).predict_proba(X) for w in (None, "balanced")
    )
    assert np.concatenate(plain)[:, 1].mean() < 0.3
    assert 0.4 < np.concatenate(balanced)[:, 1].mean() < 0.6
    with pytest.raises(ValueError, match="head='crf' rates whole sequences"):
        RNNTagger(head="crf", class_weight="balanced", **FAST).fit(X, y)


def test_an_array_in_is_an_array_out():
    X = np.random.RandomState(0).rand(10, 4, 2)
    y = (X[:, :, 0] > 0.5).astype(int)
    model = RNNTagger(**(FAST | {"max_iter": 2})).fit(X, y)
    assert model.predict(X).shape == (10, 4)
    assert model.predict_proba(X).shape == (10, 4, 2)
    np.testing.assert_array_equal(model.predict(X)[3], model.predict(list(X))[3])
    regressor = RNNRegressor(**(FAST | {"max_iter": 2})).fit(X, X)
    assert regressor.predict(X).shape == (10, 4, 2)


def test_padded_labels_are_cut_like_padded_sequences(bits):
    X, y = bits
    X_padded, y_padded = np.full((80, 10, 1), -1.0), np.zeros((80, 10), dtype=int)
    for i, (x, row) in enumerate(zip(X, y, strict=True)):
        X_padded[i, : len(x)], y_padded[i, : len(x)] = x, row
    ragged = RNNTagger(**(FAST | {"max_iter": 3})).fit(X, y)
    padded = RNNTagger(padding_value=-1.0, **(FAST | {"max_iter": 3})).fit(X_padded, y_padded)
    for a, b in zip(ragged.predict_proba(X), padded.predict_proba(X_padded), strict=True):
        np.testing.assert_array_equal(a, b)
    assert padded.score(X_padded, y_padded) == ragged.score(X, y)


@pytest.mark.parametrize("n_outputs", [None, 1, 2])
def test_regressor_of_sequences(n_outputs):
    rng = np.random.RandomState(0)
    X = [rng.rand(n, 2) for n in rng.randint(1, 6, size=80)]
    y = 1000 + 500 * np.array([x.mean(axis=0) for x in X])
    y = y[:, 0] if n_outputs is None else y[:, :n_outputs]
    model = RNNRegressor(pooling="mean", **(FAST | {"max_iter": 60})).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.9
    np.testing.assert_allclose(model.target_mean_, np.atleast_1d(y.mean(axis=0)), rtol=1e-6)


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_regressor_of_steps(n_outputs):
    rng = np.random.RandomState(0)
    X = [rng.rand(n, 2) for n in rng.randint(1, 6, size=80)]
    y = [x.cumsum(axis=0) if n_outputs else x[:, 0].cumsum() for x in X]
    model = RNNRegressor(**(FAST | {"max_iter": 60})).fit(X, y)
    assert [p.shape for p in model.predict(X)] == [t.shape for t in y]
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match="one target a step, or one a sequence"):
        model.score(X, np.zeros(80))


@pytest.mark.parametrize("unit", [1e-15, 1e15])
def test_the_unit_of_a_target_is_of_no_matter(unit):
    rng = np.random.RandomState(0)
    X = [rng.rand(n, 2) for n in rng.randint(1, 6, size=20)]
    y = np.array([x.mean() for x in X])
    expected = RNNRegressor(**FAST).fit(X, y).predict(X)
    np.testing.assert_allclose(RNNRegressor(**FAST).fit(X, unit * y).predict(X) / unit, expected, rtol=1e-3)


def test_one_sequence_and_a_constant_target():
    X = [np.ones((3, 1))]
    model = RNNRegressor(**FAST).fit(X, [5.0])
    np.testing.assert_allclose(model.predict(X), [5.0], atol=0.5)
    assert model.predict(X).shape == (1,)
