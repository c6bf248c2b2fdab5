"""AttentionDisplay: the weights of the model, with the right tokens beside them."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier, RNNSeq2Seq
from sklearn_rnn.inspection import AttentionDisplay
from sklearn_rnn.preprocessing import SequenceTruncator, TokenEncoder

matplotlib.use("Agg")

X = ["cat", "dog", "bus", "box"] * 3
Y = ["cats", "dogs", "buses", "boxes"] * 3
WORDS = [list(x) for x in X]
pytestmark = pytest.mark.filterwarnings("ignore:.* of .* targets did not come to their end")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def make(**options):
    return RNNSeq2Seq(hidden_size=16, max_iter=40, batch_size=4, random_state=0).set_params(**options)


@pytest.fixture(scope="module")
def model():
    return make().fit(X, Y)


def labels(ticks):
    return [tick.get_text() for tick in ticks]


def test_the_weights_and_their_tokens(model):
    display = AttentionDisplay.from_estimator(model, "bus", "buses")
    np.testing.assert_array_equal(display.im_.get_array(), model.attention_weights(["bus"], ["buses"])[0])
    assert labels(display.ax_.get_xticklabels()) == list("bus")
    assert labels(display.ax_.get_yticklabels()) == [*"buses", "■"]
    assert display.im_.get_clim() == (0, 1) and display.im_.cmap.name == "Blues"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("source", "target (■ is its end)")
    assert display.colorbar_.ax.get_ylabel() == "weight"
    assert display.ax_.yaxis_inverted()  # from top to bottom
    assert display.figure_ is display.ax_.figure and len(display.figure_.axes) == 2


def test_the_predicted_target_by_default(model):
    display = AttentionDisplay.from_estimator(model, "dog", cmap="viridis")
    assert display.target == model.predict(["dog"])[0] == "dogs" and display.im_.cmap.name == "viridis"
    np.testing.assert_allclose(display.weights, model.attention_weights(["dog"])[0], atol=1e-6)


def test_draws_where_it_is_told(model):
    figure, axes = plt.subplots(1, 2)
    display = AttentionDisplay.from_estimator(model, "cat", ax=axes[1])
    assert display.ax_ is axes[1] and display.figure_ is figure and not axes[0].has_data()
    assert display.plot() is display and display.ax_ is not axes[1]


def test_words_numbers_and_formulas():
    words = make(max_iter=1).fit([["three", "$x$"], ["a"]], [["$y$"], ["b"]])
    display = AttentionDisplay.from_estimator(words, ["three", "$x$"], ["$y$"])
    display.figure_.canvas.draw()  # a $ begins no formula, which would warn
    assert labels(display.ax_.get_xticklabels()) == ["three", r"\$x\$"]
    assert {tick.get_rotation() for tick in display.ax_.get_xticklabels()} == {90}
    codes = make(max_iter=1).fit([[3, 14], [3]], [[7], [8]])
    display = AttentionDisplay.from_estimator(codes, [3, 14], [7])
    assert labels(display.ax_.get_xticklabels()) == ["3", "14"]
    series = [np.zeros((4, 2)), np.ones((3, 2))]
    numbers = make(max_iter=1).fit(series, ["a", "b"])
    for source, n in ((series[0], 4), (series[1].tolist(), 3)):
        display = AttentionDisplay.from_estimator(numbers, source, "a")
        assert display.im_.get_array().shape == (2, n)
    one = make(max_iter=1).fit([[0.5, 0.1, 0.7], [0.2]], ["a", "b"])
    assert AttentionDisplay.from_estimator(one, [0.5, 0.1], "a").im_.get_array().shape == (2, 2)


def test_pipelines_and_searches():
    pipeline = make_pipeline(TokenEncoder(), make(max_iter=2))
    search = GridSearchCV(pipeline, {"rnnseq2seq__max_iter": [1, 2]}, cv=KFold(2)).fit(WORDS, Y)
    for estimator in (search, search.best_estimator_):
        display = AttentionDisplay.from_estimator(estimator, ["b", "u", "s"], "buses")
        assert labels(display.ax_.get_xticklabels()) == ["b", "u", "s"]


BAD_CALLS = {
    "another estimator": (
        lambda m: AttentionDisplay.from_estimator(RNNClassifier(), "a"),
        "RNNClassifier has no method attention_weights: it writes no sequences",
    ),
    "no attention": (
        lambda m: AttentionDisplay.from_estimator(make(attention=None, max_iter=1).fit(X, Y), "cat"),
        "The model has no attention",
    ),
    "a new token": (lambda m: AttentionDisplay.from_estimator(m, "cat", "Cat"), r"y\[0\] has 'C' at step 0"),
    "a pipeline that cuts": (
        lambda m: AttentionDisplay.from_estimator(
            make_pipeline(SequenceTruncator(2), make(max_iter=1)).fit(X, Y), "cat", "cats"
        ),
        r"weights has shape \(5, 2\), but a source of 3 steps and a target of 4 tokens .* \(5, 3\)",
    ),
    "too many rows": (lambda m: AttentionDisplay("ab", "c", np.ones((3, 2))).plot(), r"shape \(3, 2\)"),
}


@pytest.mark.parametrize("call", BAD_CALLS)
def test_bad_input(call, model):
    do, message = BAD_CALLS[call]
    with pytest.raises(ValueError, match=message):
        do(model)
    assert not plt.get_fignums()


def test_not_fitted():
    with pytest.raises(NotFittedError):
        AttentionDisplay.from_estimator(make(), "cat")
