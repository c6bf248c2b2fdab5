"""What is RNNClassifier's own: label types, several outputs, class weights, tokens."""

import numpy as np
import pytest

from sklearn_rnn import RNNClassifier
from sklearn_rnn.nn import Cell, SoftmaxHead

FAST = {"hidden_size": 8, "max_iter": 25, "learning_rate": 0.02, "random_state": 0}


@pytest.fixture
def signs():
    """Sequences of different lengths whose label is the sign of their mean."""
    rng = np.random.RandomState(0)
    centres = np.where(np.arange(60) % 2, 1.0, -1.0)
    X = [
        centre + 0.3 * rng.randn(n, 2) for centre, n in zip(centres, rng.randint(1, 8, size=60), strict=True)
    ]
    return X, centres


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, 7]),
        np.array([3, 7], dtype=np.int32),
        np.array([-1.0, 1.0]),
        np.array([False, True]),
        np.array(["neg", "pos"]),
        np.array(["neg", "pos"], dtype=object),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_of_any_type_come_back_as_they_were(signs, labels):
    X, centres = signs
    y = labels[(centres > 0).astype(int)]
    model = RNNClassifier(**FAST).fit(X, y)
    predicted = model.predict(X)
    assert predicted.dtype == y.dtype
    assert model.score(X, y) > 0.95
    np.testing.assert_array_equal(model.classes_, labels)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-5)


def test_lists_of_labels(signs):
    X, centres = signs
    y = ["pos" if c > 0 else "neg" for c in centres]
    assert RNNClassifier(**FAST).fit(X, y).score(X, y) > 0.95


def test_multi_label(signs):
    X, centres = signs
    y = np.column_stack([centres > 0, np.array([len(x) > 4 for x in X])]).astype(int)
    model = RNNClassifier(**(FAST | {"max_iter": 60})).fit(X, y)
    assert set(np.unique(model.predict(X))) == {0, 1}
    assert model.predict_proba(X).shape == (60, 2)
    assert model.score(X, y) > 0.9
    assert model.score(X, 1 - y) < 0.1


def test_multi_output(signs):
    X, centres = signs
    y = np.column_stack(
        [np.where(centres > 0, "pos", "neg"), np.where([len(x) > 4 for x in X], "long", "short")]
    )
    y[0, 1] = "odd"
    model = RNNClassifier(**(FAST | {"max_iter": 60})).fit(X, y)
    assert [k.tolist() for k in model.classes_] == [["neg", "pos"], ["long", "odd", "short"]]
    assert [p.shape for p in model.predict_proba(X)] == [(60, 2), (60, 3)]
    assert (model.predict(X)[1:] == y[1:]).mean() > 0.95
    assert [p.shape for p in model.predict_log_proba(X)] == [(60, 2), (60, 3)]


def test_class_weight_moves_predictions_to_the_rare_class():
    rng = np.random.RandomState(0)
    X = [rng.randn(3, 1) for _ in range(200)]  # nothing to be learnt but how frequent the labels are
    y = np.repeat(["often", "rare"], [180, 20])
    options = FAST | {"max_iter": 3}
    frequent = RNNClassifier(**options).fit(X, y).predict_proba(X)[:, 1].mean()
    balanced = RNNClassifier(class_weight="balanced", **options).fit(X, y).predict_proba(X)[:, 1].mean()
    chosen = RNNClassifier(class_weight={"rare": 9.0}, **options).fit(X, y).predict_proba(X)[:, 1].mean()
    assert frequent < 0.25
    assert 0.35 < balanced < 0.65
    assert 0.35 < chosen < 0.65


def test_partial_fit_with_classes(signs):
    X, centres = signs
    model = RNNClassifier(**FAST).partial_fit(X[::2], centres[::2], classes=[-1, 0, 1])
    model.partial_fit(X, centres)
    assert model.predict_proba(X).shape == (60, 3)
    assert model.n_iter_ == 2
    assert len(model.loss_curve_) == 2


def test_unseen_tokens_are_read_without_an_error():
    X, y = ["aab", "abb", "aba", "ccd", "cdd", "cdc"], [0, 0, 0, 1, 1, 1]
    model = RNNClassifier(**FAST).fit(X, y)
    assert model.vocabulary_.tolist() == ["a", "b", "c", "d"]
    assert model.predict(["xyz", "abz"]).shape == (2,)
    np.testing.assert_array_equal(model.predict_proba(["xa"]), model.predict_proba(["ya"]))


@pytest.mark.parametrize("embedding_size", [None, 5])
@pytest.mark.parametrize(
    "X",
    [
        ["abc", "ab", "ca"],
        [["to", "be"], ["not"], ["to"]],
        [np.array([4, 9, 4]), np.array([9]), np.array([4])],
    ],
    ids=["characters", "words", "codes"],
)
def test_tokens_in_all_forms(X, embedding_size):
    model = RNNClassifier(embedding_size=embedding_size, **FAST).fit(X, [0, 1, 1])
    np.testing.assert_array_equal(model.predict(X), [0, 1, 1])


class Leaky(Cell):
    """A cell of one's own, with a parameter."""

    def __init__(self, input_size, hidden_size, decay=0.5):
        super().__init__(input_size, hidden_size)
        self.decay = decay

    def step(self, projected, state):
        h = self.decay * state[0] + projected.tanh()
        return h, (h,)


def test_a_cell_of_ones_own(signs):
    from functools import partial

    X, y = signs
    for cell in (Leaky, partial(Leaky, decay=0.9)):
        model = RNNClassifier(cell=cell, num_layers=2, bidirectional=True, **FAST).fit(X, y)
        assert model.score(X, y) > 0.9


class Smoothed(SoftmaxHead):
    """A head of one's own: label smoothing."""

    def term_losses(self, scores, targets):
        return 0.9 * super().term_losses(scores, targets) - 0.1 * scores.log_softmax(dim=1).mean(dim=1)


def test_a_head_of_ones_own(signs):
    X, y = signs
    plain = RNNClassifier(**FAST).fit(X, y)
    smoothed = RNNClassifier(head=Smoothed, **FAST).fit(X, y)
    assert smoothed.score(X, y) > 0.95
    assert smoothed.predict_proba(X).max() < plain.predict_proba(X).max()


def test_weights_of_labels_that_are_not_there_are_warned_of():
    X = [np.full((2, 1), i) for i in range(6)]
    with pytest.warns(UserWarning, match=r"class_weight has weights for \['A'\], which y does not hold"):
        RNNClassifier(max_iter=1, class_weight={"A": 9, "b": 2}).fit(X, list("ababab"))
