"""Situations that once went wrong: threads, weights, continued training, misread text."""

import pickle
import threading
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.nn import Cell, CRFHead, ElmanCell, SoftmaxHead
from sklearn_rnn.preprocessing import StepTransformer

FAST = {"hidden_size": 4, "max_iter": 2, "random_state": 0}


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    return [rng.randn(n, 2) for n in rng.randint(1, 7, size=12)], np.arange(12) % 2


def test_fits_in_threads_do_not_disturb_each_other(data):
    options = FAST | {"max_iter": 10, "dropout": 0.5, "num_layers": 2}
    expected = RNNClassifier(**options).fit(*data).predict_proba(data[0])
    models = [RNNClassifier(**options) for _ in range(4)]
    threads = [threading.Thread(target=model.fit, args=data) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in models:
        np.testing.assert_array_equal(model.predict_proba(data[0]), expected)


def test_predictions_in_threads(data):
    model = RNNClassifier(**FAST).fit(*data)
    expected, results = model.predict_proba(data[0]), [None] * 4

    def predict(i):
        results[i] = model.predict_proba(data[0])

    threads = [threading.Thread(target=predict, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_crf_refuses_weights_of_steps(data):
    X, _ = data
    y = [np.arange(len(x)) % 2 for x in X]
    weights = [np.arange(1.0, len(x) + 1) for x in X]
    with pytest.raises(ValueError, match="rates whole sequences; pass one weight a sequence"):
        RNNTagger(head="crf", **FAST).fit(X, y, sample_weight=weights)
    RNNTagger(head="crf", **FAST).fit(X, y, sample_weight=[np.full(len(x), 2.0) for x in X])


def test_a_constant_target_is_not_scaled_by_its_rounding(data):
    X, _ = data
    model = RNNRegressor(**FAST).fit(X, np.full(12, 0.1))
    np.testing.assert_array_equal(model.target_scale_, [1.0])
    with pytest.raises(ValueError, match="y is too large"), np.errstate(over="ignore"):
        RNNRegressor(**FAST).fit(X, 1e300 * np.arange(12))


def test_multi_label_goes_on_with_zeros_and_ones_only(data):
    X, y = data
    Y = np.column_stack([y, 1 - y])
    with pytest.raises(ValueError, match="zeros and ones only"):
        RNNClassifier(**FAST).fit(X, Y).partial_fit(X, 5 * Y - 2)


def test_class_weight_may_name_labels_that_are_absent(data):
    X, y = data
    only_zero = RNNClassifier(class_weight={0: 1, 1: 1}, **FAST).fit(X, y, sample_weight=1 - y)
    np.testing.assert_array_equal(only_zero.classes_, [0])
    for weight in (-1.0, np.nan):
        with pytest.raises(ValueError, match="finite numbers that are not negative"):
            RNNClassifier(class_weight={0: weight}, **FAST).fit(X, y)
    with pytest.raises(ValueError, match="zero for every label"):
        RNNClassifier(class_weight={0: 0.0, 1: 0.0}, **FAST).fit(X, y)


@pytest.mark.filterwarnings("ignore:y holds 12 labels, one a sequence, which RNNTagger takes")
@pytest.mark.parametrize("cls", [RNNClassifier, RNNTagger])
def test_labels_without_weight_are_not_validated_on(data, cls):
    X, _ = data
    y = np.array([0] * 9 + [1] * 3)
    model = cls(class_weight={0: 0.0, 1: 1.0}, early_stopping=True, **FAST).fit(X, y)
    assert np.isfinite(model.validation_scores_).all()


def test_a_refused_fit_gives_back_what_it_drew(data):
    rng = np.random.RandomState(3)
    model = RNNClassifier(**(FAST | {"random_state": rng, "learning_rate": 1e38, "max_grad_norm": None}))
    expected = np.random.RandomState(3).rand()
    with pytest.raises(ValueError, match="Training stopped"):
        model.fit(*data)
    assert rng.rand() == expected


@pytest.mark.parametrize(
    "parameters", [{"learning_rate": -1.0}, {"verbose": "auto"}, {"max_grad_norm": "no"}]
)
def test_what_was_set_after_fit_does_not_keep_a_pickle_from_loading(data, parameters):
    model = RNNClassifier(**FAST).fit(*data)
    expected = model.predict_proba(data[0])
    loaded = pickle.loads(pickle.dumps(model.set_params(**parameters)))
    np.testing.assert_array_equal(loaded.predict_proba(data[0]), expected)


def test_classes_of_later_calls_are_those_of_the_first(data):
    X, y = data
    model = RNNClassifier(**FAST).partial_fit(X, y, classes=[0, 1, 2])
    model.partial_fit(X, y, classes=[2, 1, 0])
    with pytest.raises(ValueError, match=r"classes=\[0, 1\] is not what training began with: \[0, 1, 2\]"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="y has several"):
        RNNClassifier(**FAST).partial_fit(X, np.column_stack([y, y]), classes=[0, 1])


class Summing(Cell):
    """Projects in a way of its own."""

    def __init__(self, input_size, hidden_size):
        torch.nn.Module.__init__(self)
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, hidden_size
        self.table = torch.nn.Embedding(input_size, hidden_size)

    def project(self, inputs):
        return self.table(inputs)

    def initial_state(self, batch_size):
        return (self.table.weight.new_zeros(batch_size, self.hidden_size),)

    def step(self, projected, state):
        h = (state[0] + projected).tanh()
        return h, (h,)


class Wrong(Cell):
    def step(self, projected, state):
        return projected


def test_cells_that_project_or_step_otherwise():
    assert RNNClassifier(cell=Summing, **FAST).fit(["ab", "ba"], [0, 1]).predict(["xa"]).shape == (1,)
    with pytest.raises(TypeError, match=r"Wrong.step must return \(output, state\)"):
        RNNClassifier(cell=Wrong, **FAST).fit([[1.0], [2.0]], [0, 1])


def test_flags_may_be_of_numpy(data):
    assert RNNClassifier(bidirectional=np.True_, **FAST).fit(*data).module_.bidirectional


def test_words_are_not_characters():
    words = RNNClassifier(**FAST).fit([["the", "cat"], ["a", "dog"]], ["cat", "dog"])
    with pytest.raises(TypeError, match="read character by character.*fitted on words"):
        words.predict(["the cat"])
    characters = RNNClassifier(**FAST).fit(["cat", "dog"], ["cat", "dog"])
    with pytest.raises(TypeError, match="X holds words.*fitted on single characters"):
        characters.predict([["the", "cat"]])
    assert characters.predict([["c", "a"]]).shape == (1,)


@pytest.mark.parametrize("form", [list, np.array, pd.Series, lambda y: np.array(y, dtype=object)])
def test_one_label_a_sequence_is_not_spelt(form):
    X, y = [["a", "b", "c"], ["c", "d", "e"]], form(["PER", "ORG"])
    with pytest.warns(UserWarning, match="y holds 2 labels, one a sequence"):
        tagger = RNNTagger(**FAST).fit(X, y)
    assert tagger.classes_.tolist() == ["ORG", "PER"]
    assert tagger.score(X, y) == tagger.score(X, [["PER"] * 3, ["ORG"] * 3])
    letters = RNNTagger(**FAST).fit(["abc", "cde"], ["NNV", "VVN"])  # for characters it is a label each
    assert letters.classes_.tolist() == ["N", "V"]


def test_one_series_that_is_not_in_a_list():
    weather = np.random.RandomState(0).randn(20, 3)
    with pytest.warns(UserWarning, match=r"y holds 20 labels, one a sequence, .* pass \[X\] and \[y\]"):
        RNNTagger(**FAST).fit(weather, np.array(["sun", "rain"] * 10))
    with pytest.raises(ValueError, match=r"(?s)y\[0\] has 2 targets, .*read character by character: split"):
        RNNTagger(**FAST).fit(["Anna lives", "here"], [["PER", "O"], ["O"]])
    model = make_pipeline(StepTransformer(StandardScaler()), RNNTagger(**FAST)).fit([weather], [["sun"] * 20])
    with pytest.raises(
        ValueError, match=r"StepTransformer is expecting 3 .* If X is one sequence, pass \[X\]"
    ):
        model.predict([[1.0, 2.0, 3.0]])


def test_text_in_an_object_array():
    grid = np.array([["a", "b"], ["c", "d"]])
    as_objects = RNNClassifier(**FAST).fit(grid.astype(object), [0, 1])
    as_text = RNNClassifier(**FAST).fit(grid, [0, 1])
    np.testing.assert_array_equal(as_objects.predict_proba(grid), as_text.predict_proba(grid))


def test_integers_that_look_like_measurements_are_warned_of():
    rng = np.random.RandomState(0)
    X = [rng.randint(0, 1000, size=9) for _ in range(20)]
    with pytest.warns(UserWarning, match="they look like measurements: .* make them float"):
        RNNRegressor(**FAST).fit(X, np.arange(20.0))


def test_missing_values_can_be_imputed_in_a_pipeline(data):
    X, y = data
    X = [x.copy() for x in X]
    X[3][0, 1] = np.nan
    model = make_pipeline(StepTransformer(SimpleImputer()), RNNClassifier(**FAST)).fit(X, y)
    assert model.predict(X).shape == (12,)
    with pytest.raises(ValueError, match=r"X\[3\] has NaN at step 0, feature 1"):
        RNNClassifier(**FAST).fit(X, y)
    X[3][0, 1] = np.inf
    with pytest.raises(ValueError, match=r"X\[3\] has infinity .* clip or rescale it"):
        model.fit(X, y)


def test_hints(data):
    X, y = data
    model = RNNClassifier(**FAST).fit(X, y)
    with pytest.raises(ValueError, match=r"If X is one sequence, pass \[X\]"):
        model.predict(X[0].tolist())
    with pytest.raises(
        ValueError, match=r"^For several numbers a sequence, pass an array: np.asarray\(y, dtype=float\)"
    ):
        RNNRegressor(**FAST).fit(X, [[1.0, 2.0]] * 12)
    with pytest.raises(ValueError, match="y holds None at place 0"):
        model.fit(X, [None] + ["a"] * 11)
    with pytest.raises(ValueError, match="Did you mean 'lstm'"):
        RNNClassifier(cell="LSTM", **FAST).fit(X, y)
    with pytest.raises(ValueError, match="callbacks must be a list of skorch callbacks"):
        RNNClassifier(callbacks=["lr"], **FAST).fit(X, y)


@pytest.mark.parametrize("head", ["crf", CRFHead, partial(CRFHead)])
def test_a_crf_in_any_form_rates_whole_sequences(data, head):
    X, _ = data
    y = [np.arange(len(x)) % 2 for x in X]
    with pytest.raises(ValueError, match="class_weight weighs single labels, but head=.* rates whole"):
        RNNTagger(head=head, class_weight="balanced", **FAST).fit(X, y)
    with pytest.raises(ValueError, match="sample_weight weighs single steps, but head=.* rates whole"):
        RNNTagger(head=head, **FAST).fit(X, y, sample_weight=[np.arange(1.0, len(x) + 1) for x in X])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (pd.Series(["a", None] * 6), "at place 1, which is not a label"),
        (pd.Series(["a", np.nan] * 6), "y holds nan at place 1"),
        (pd.Series(["a", None] * 6, dtype="string"), "y holds <NA> at place 1"),
        (["a", 1] * 6, "y holds str and others; make all labels of one type"),
        (np.array(["a", 1] * 6, dtype=object), "y holds str and others"),
        (np.ma.array(np.arange(12) % 2, mask=[0, 1] * 6), r"y\[1\] is masked; leave out"),
    ],
)
def test_labels_that_are_none(data, y, message):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**FAST).fit(data[0], y)


def test_labels_that_come_as_objects(data):
    X, y = data
    assert RNNClassifier(**FAST).fit(X, y.astype(object)).predict(X).dtype.kind == "i"
    string = getattr(np.dtypes, "StringDType", lambda: np.dtype(object))()  # NumPy before 2 has none
    text = np.array(["n", "y"], dtype=string)[y]
    assert set(RNNClassifier(**FAST).fit(X, text).classes_) == {"n", "y"}


def test_numbers_that_are_none(data):
    X, y = data
    masked = np.ma.array(y.astype(float), mask=y)
    with pytest.raises(ValueError, match=r"y\[1\] is masked; leave out"):
        RNNRegressor(**FAST).fit(X, masked)
    with pytest.raises(ValueError, match=r"sample_weight\[1\] is masked"):
        RNNRegressor(**FAST).fit(X, y, sample_weight=masked)
    with pytest.raises(ValueError, match="y must hold numbers, but it holds datetime64"):
        RNNRegressor(**FAST).fit(X, pd.date_range("2020-01-01", periods=12))


def test_bound_options_of_a_cell_and_a_head_win(data):
    relu = RNNClassifier(cell=partial(ElmanCell, nonlinearity="relu"), **FAST).fit(*data)
    assert relu.module_.recurrence.layers[0][0].nonlinearity == "relu"
    own = RNNClassifier(cell="jordan", head=partial(SoftmaxHead), **FAST).fit(*data)
    named = RNNClassifier(cell="jordan", **FAST).fit(*data)
    np.testing.assert_array_equal(own.predict_proba(data[0]), named.predict_proba(data[0]))
    with pytest.raises(ValueError, match="optimizer must be .*whose step size is learning_rate"):
        RNNClassifier(optimizer=partial(torch.optim.SGD, lr=0.5), **FAST).fit(*data)
    with pytest.raises(ValueError, match="optimizer must be"):
        RNNClassifier(optimizer=len, **FAST).fit(*data)


def test_equal_options_bound_anew_are_the_same(data):
    model = RNNClassifier(optimizer=partial(torch.optim.Adam, amsgrad=True), warm_start=True, **FAST).fit(
        *data
    )
    model.set_params(optimizer=partial(torch.optim.Adam, amsgrad=True)).fit(*data)
    assert model.n_iter_ == 4
    with pytest.raises(ValueError, match="optimizer was functools.partial"):
        model.set_params(optimizer=partial(torch.optim.Adam, amsgrad=False)).fit(*data)


@pytest.mark.parametrize("device", [None, ["cpu"], "meta"])
def test_devices_that_are_none(data, device):
    with pytest.raises((TypeError, ValueError), match="device"):
        RNNClassifier(device=device, **FAST).fit(*data)


class WithTitle(RNNClassifier):
    def __init__(self, *, title="", hidden_size=4, max_iter=1):
        super().__init__(hidden_size=hidden_size, max_iter=max_iter)
        self.title = title


def test_a_subclass_may_have_parameters_of_its_own(data):
    model = WithTitle(title="mine").fit(*data)
    assert clone(model).get_params() == {"title": "mine", "hidden_size": 4, "max_iter": 1}


def test_all_problems_in_one_message_in_order(data):
    X = [np.zeros((3, 2)), np.zeros((2, 3)), np.full((2, 2), np.nan), np.zeros((0, 2)), None]
    with pytest.raises(
        ValueError, match=r"(?s)^X\[1\] has 3 f.*\nX\[2\] has NaN.*\nX\[3\] is empty.*\nX\[4\] is not"
    ):
        RNNClassifier(**FAST).fit(X, np.arange(5) % 2)
    with pytest.raises(ValueError, match=r"(?s)^X\[1\] has 3 features.*\nX\[2\] has NaN.*\nX\[3\] is empty"):
        RNNClassifier(**FAST).fit(X[:4], np.arange(4) % 2)
    with pytest.raises(ValueError, match=r"X\[1\] is empty \(or all of its steps are padding\)"):
        RNNClassifier(padding_value=0.0, **FAST).fit([[1.0, 0.0], [0.0, 0.0]], [0, 1])


def test_the_width_of_most_is_the_right_one():
    X = [np.ones((2, 2)), np.ones((2, 3)), np.full((1, 3), np.nan), [[1.0], [2.0, 3.0]]]
    message = r"(?s)^X\[0\] has 2 features, but X\[1\] has 3;.*\nX\[2\] has NaN.*\nX\[3\] is not a sequence"
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**FAST).fit(X, np.arange(4) % 2)
    with pytest.raises(TypeError, match=r"X\[1\] is a missing value \(None\); leave it out"):
        RNNClassifier(**FAST).fit(["ab", None], [0, 1])


def test_numbers_of_padded_steps():
    X = np.array([[1.0, 2.0, 3.0], [1.0, -9.0, -9.0]])
    with pytest.warns(UserWarning, match="y has 3 numbers for each sequence, as many as X has steps"):
        RNNRegressor(padding_value=-9, **FAST).fit(X, X)


def test_padding_is_found_at_the_precision_of_the_data():
    padded = [np.array([1.0, np.float32(0.1), np.float32(0.1)]), np.array([1.0, 2.0, np.float32(0.1)])]
    tagger = RNNTagger(padding_value=np.float32(0.1), **FAST).fit(padded, [[0], [1, 0]])
    assert [len(p) for p in tagger.predict(padded)] == [1, 2]


@pytest.mark.parametrize("form", [pd.DataFrame, torch.tensor])
def test_padded_targets_of_padded_tables(form):
    X = form(np.array([[1.0, 2.0, -1.0], [3.0, -1.0, -1.0]]))
    y = np.array([["a", "b", "?"], ["a", "?", "?"]])
    tagger = RNNTagger(padding_value=-1, **FAST).fit(X, y)
    assert tagger.classes_.tolist() == ["a", "b"]


def test_a_tensor_that_requires_its_gradient(data):
    with pytest.raises(TypeError, match="X cannot be read as an array: .*detach"):
        RNNClassifier(**FAST).fit(torch.zeros(2, 3, requires_grad=True), [0, 1])


def test_scores_of_targets_of_another_shape(data):
    X, y = data
    model = RNNClassifier(**FAST).fit(X, np.column_stack([y, 1 - y]))
    with pytest.raises(ValueError, match=r"y has shape \(12,\), but the predictions have \(12, 2\)"):
        model.score(X, y)
