"""Padding: what stands where, and that nothing is lost on the way there and back."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger, Sequences
from sklearn_rnn.data import as_sequences
from sklearn_rnn.preprocessing import SequencePadder, StepTransformer, TokenEncoder

CHECKED = [
    SequencePadder(),
    SequencePadder(padding_value=np.nan, side="start"),
    SequencePadder(masked=True),
    SequencePadder(n_steps=12, truncate="start"),
]


@parametrize_with_checks(CHECKED)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", CHECKED)
def test_there_are_common_checks(estimator):
    assert len(list(estimator_checks_generator(estimator))) > 30


@pytest.fixture
def arrays(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    return [rng.normal(size=(n, 2)).astype(np.float32) for n in (3, 1, 5, 2)]


def check_same(X, expected):
    assert len(X) == len(expected)
    for x, e in zip(X, expected, strict=True):
        np.testing.assert_array_equal(x, e)


@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize("padding_value", [0, -1.5, np.nan, np.inf])
@pytest.mark.parametrize("n_steps", [None, 5, 9])
def test_against_a_loop(arrays, side, padding_value, n_steps):
    padder = SequencePadder(padding_value=padding_value, side=side, n_steps=n_steps).fit(arrays)
    padded = padder.transform(arrays)
    n_steps = n_steps or 5
    assert padder.n_steps_ == n_steps
    assert padder.n_features_in_ == 2
    assert type(padded) is np.ndarray
    assert padded.dtype == np.float32
    expected = np.full((4, n_steps, 2), padding_value, dtype=np.float32)
    for i, x in enumerate(arrays):
        if side == "end":
            expected[i, : len(x)] = x
        else:
            expected[i, n_steps - len(x) :] = x
    np.testing.assert_array_equal(padded, expected)
    back = padder.inverse_transform(padded)
    assert isinstance(back, Sequences)
    check_same(back, arrays)


@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize("padding_value", [0.0, np.nan])
def test_masked_arrays(arrays, side, padding_value):
    arrays[0][[0, -1]] = 0.0  # what the mask tells from padding
    padder = SequencePadder(masked=True, side=side, padding_value=padding_value).fit(arrays)
    padded = padder.transform(arrays)
    assert isinstance(padded, np.ma.MaskedArray)
    assert (~padded.mask).all(axis=2).sum(axis=1).tolist() == [3, 1, 5, 2]
    np.testing.assert_array_equal(padded.data[padded.mask], padding_value)
    np.testing.assert_array_equal(padded.filled()[padded.mask], padding_value)
    check_same(padder.inverse_transform(padded), arrays)
    check_same(padder.inverse_transform(padded[:2]), arrays[:2])


@pytest.mark.parametrize("masked", [False, True])
def test_the_estimators_door_reads_it(arrays, masked):
    padder = SequencePadder(padding_value=-9.0, masked=masked)
    check_same(as_sequences(padder.fit_transform(arrays), padding_value=-9.0), arrays)


@pytest.mark.parametrize("form", ["lists", "Sequences", "object array", "float64"])
def test_ragged_forms(arrays, form):
    X = {
        "lists": [x.tolist() for x in arrays],
        "Sequences": as_sequences(arrays),
        "object array": np.array([*arrays, None], dtype=object)[:-1],
        "float64": [x.astype(float) for x in arrays],
    }[form]
    padder = SequencePadder().fit(X)
    np.testing.assert_array_equal(padder.transform(X), SequencePadder().fit_transform(arrays))
    check_same(padder.inverse_transform(padder.transform(X)), arrays)


def test_arrays_of_equal_length():
    X = np.arange(1.0, 13.0).reshape(2, 3, 2)
    padder = SequencePadder().fit(X)
    np.testing.assert_array_equal(padder.transform(X), X)
    longer = SequencePadder(n_steps=4).fit_transform(X)
    assert longer.shape == (2, 4, 2)
    assert not longer[:, 3].any()


@pytest.mark.parametrize("frame", [np.array, pd.DataFrame])
@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize("masked", [False, True])
def test_tables(frame, side, masked):
    X = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])  # all have 3 steps, so zeros are no padding
    padder = SequencePadder(n_steps=5, side=side, masked=masked).fit(frame(X))
    padded = padder.transform(frame(X))
    assert padder.n_features_in_ == 3
    assert padded.shape == (2, 5)
    back = padder.inverse_transform(padded)
    assert isinstance(back, np.ndarray)
    np.testing.assert_array_equal(back, X)
    np.testing.assert_array_equal(SequencePadder().fit_transform(frame(X)), X)


def test_other_forms_after_a_fit_on_a_table():
    padder = SequencePadder(n_steps=4).fit(np.ones((2, 3)))
    padded = padder.transform([np.array([1.0]), np.array([2.0, 3.0])])
    assert padded.shape == (2, 4, 1)
    check_same(padder.inverse_transform(padded), [[[1.0]], [[2.0], [3.0]]])


def test_tables_after_a_fit_on_ragged_series():
    padder = SequencePadder().fit([np.array([1.0]), np.array([2.0, 3.0, 4.0])])
    padded = padder.transform(np.array([[5.0, 6.0]]))
    assert padded.tolist() == [[5.0, 6.0, 0.0]]
    check_same(padder.inverse_transform(padded), [[[5.0], [6.0]]])
    with pytest.raises(ValueError, match=r"X\[0\] ends with a step of 0.0"):
        padder.transform(np.array([[5.0, 0.0]]))


# Nothing is lost without a word


@pytest.mark.parametrize(("side", "word", "row"), [("end", "ends", 1), ("start", "starts", 2)])
@pytest.mark.parametrize("padding_value", [0.0, -0.0, 0])
def test_data_that_looks_like_padding(side, word, row, padding_value):
    X = [
        np.array([[0.0, 1.0], [1.0, 0.0]]),
        np.array([[1.0, 2.0], [0.0, 0.0]]),
        np.array([[0.0, 0.0], [1.0, 1.0]]),
    ]
    with pytest.raises(ValueError) as error:
        SequencePadder(side=side, padding_value=padding_value).fit_transform(X)
    assert f"X[{row}] {word} with a step of" in str(error.value)
    assert "set another padding_value (such as NaN), or masked=True" in str(error.value)
    assert str(error.value).count("X[") == 1
    for other in (SequencePadder(side=side, padding_value=np.nan), SequencePadder(side=side, masked=True)):
        check_same(other.inverse_transform(other.fit_transform(X)), X)


def test_a_sequence_without_padding_may_not_look_like_it_either():
    with pytest.raises(ValueError, match=r"X\[0\] ends with"):
        SequencePadder().fit_transform([[1.0, 0.0], [1.0]])


def test_values_are_compared_as_float32():
    with pytest.raises(ValueError, match=r"X\[0\] ends with a step of 0.1"):
        SequencePadder(padding_value=0.1).fit_transform([np.array([1.0, 0.1])])


@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize("options", [{}, {"padding_value": np.nan, "masked": True}, {"masked": True}])
def test_missing_values_stay(arrays, side, options):
    arrays[0][0], arrays[2][1, 1], arrays[3][-1] = np.nan, np.nan, np.nan
    padder = SequencePadder(side=side, **options).fit(arrays)
    assert get_tags(padder).input_tags.allow_nan
    padded = padder.transform(arrays)
    assert np.isnan(np.ma.filled(padded, 0)).sum() == 5
    check_same(padder.inverse_transform(padded), arrays)


@pytest.mark.parametrize("side", ["end", "start"])
def test_missing_values_beside_padding_of_nan(arrays, side):
    arrays[2][1, 1], arrays[3][:] = np.nan, np.nan
    padder = SequencePadder(padding_value=np.nan, side=side)
    assert not get_tags(padder).input_tags.allow_nan
    message = (
        r"(?s)^X\[2\] has NaN at step 1, .* set another padding_value, or masked=True.*\nX\[3\] .* step 0"
    )
    for method in (padder.fit, padder.fit_transform, padder.fit(arrays[:2]).transform):
        with pytest.raises(ValueError, match=message):
            method(arrays)
    with pytest.raises(ValueError, match="infinity"):
        SequencePadder().fit([[1.0, np.inf]])


def test_too_long():
    padder = SequencePadder().fit([[1.0, 2.0], [3.0]])
    with pytest.raises(ValueError) as error:
        padder.transform([[1.0], [1.0, 2.0, 3.0], [1.0, 2.0], [1.0] * 7])
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(
        "X[1] has 3 steps, but the array has 2; set n_steps, or truncate='end' or 'start'"
    )
    assert lines[1].startswith("X[3] has 7 steps")


@pytest.mark.parametrize("truncate", ["end", "start"])
@pytest.mark.parametrize("side", ["end", "start"])
def test_truncate(arrays, truncate, side):
    padder = SequencePadder(n_steps=2, truncate=truncate, side=side, padding_value=np.nan).fit(arrays)
    padded = padder.transform(arrays)
    assert padded.shape == (4, 2, 2)
    check_same(padder.inverse_transform(padded), [x[:2] if truncate == "end" else x[-2:] for x in arrays])


def test_truncated_tables():
    X = np.array([[1.0, 2.0, 3.0]])
    padder = SequencePadder(n_steps=2, truncate="start").fit(X)
    assert padder.transform(X).tolist() == [[2.0, 3.0]]
    assert padder.inverse_transform(padder.transform(X)).tolist() == [[2.0, 3.0]]


# What is wrong


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"side": "ends"},
            ValueError,
            r"side must be one of 'end', 'start', but it is 'ends'\. Did you mean 'end'\?",
        ),
        ({"side": None}, ValueError, "side must be one of"),
        ({"truncate": "strat"}, ValueError, r"truncate must be one of .* Did you mean 'start'\?"),
        ({"truncate": True}, ValueError, "truncate must be one of"),
        ({"n_steps": 0}, ValueError, "n_steps must be an int of at least 1, or None, but it is 0"),
        ({"n_steps": 2.5}, TypeError, "n_steps must be an int of at least 1, or None, but it is 2.5"),
        ({"padding_value": "pad"}, TypeError, "padding_value must be a number, but it is 'pad'"),
        ({"padding_value": None}, TypeError, "padding_value must be a number"),
        ({"masked": "no"}, TypeError, "masked must be True or False, but it is 'no'"),
        ({"padding_value": 1e300}, ValueError, r"padding_value=1e\+300 is too large for float32"),
    ],
)
def test_wrong_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        SequencePadder(**parameters).fit([[1.0, 2.0]])


def test_wrong_data(arrays):
    padder = SequencePadder().fit(arrays)
    with pytest.raises(
        ValueError, match="X has 3 features, but SequencePadder is expecting 2 features as input"
    ):
        padder.transform([np.ones((2, 3))])
    with pytest.raises(ValueError, match="X holds str tokens, but SequencePadder needs numbers"):
        padder.fit(["ab"])
    with pytest.raises(
        ValueError, match="X has 2 features, but SequencePadder is expecting 3 features as input"
    ):
        SequencePadder().fit(np.ones((4, 3))).transform(np.ones((4, 2)))


def test_wrong_data_for_the_way_back(arrays):
    padder = SequencePadder().fit(arrays)
    padded = padder.transform(arrays)
    with pytest.raises(ValueError, match=r"X has shape \(4, 4, 2\), but SequencePadder is expecting 5 steps"):
        padder.inverse_transform(padded[:, :4])
    with pytest.raises(ValueError, match=r"X has shape \(4,\)"):
        padder.inverse_transform(np.zeros(4))
    with pytest.raises(ValueError, match="X has 1 features, but SequencePadder is expecting 2"):
        padder.inverse_transform(padded[:, :, :1])
    with pytest.raises(ValueError, match=r"X\[1\] is empty"):
        padder.inverse_transform(padded * [[[1]], [[0]], [[1]], [[1]]])
    with pytest.raises(TypeError, match="X is not a masked array, but masked=True"):
        SequencePadder(masked=True).fit(arrays).inverse_transform(padded)


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(SequencePadder(), method)(np.ones((2, 3)))


# As a part of scikit-learn


def test_pipeline(arrays):
    both = make_pipeline(StepTransformer(StandardScaler()), SequencePadder(padding_value=np.nan)).fit(arrays)
    padded = both.transform(arrays)
    assert padded.shape == (4, 5, 2)
    np.testing.assert_allclose(np.nanmean(padded, axis=(0, 1)), 0, atol=1e-6)
    back = both.inverse_transform(padded)
    assert back.lengths.tolist() == [3, 1, 5, 2]
    np.testing.assert_allclose(back.values, np.concatenate(arrays), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_an_estimator_learns_from_padding_what_it_learns_from_the_list(arrays, masked):
    X, y = arrays * 3, [0, 1, 0, 1] * 3
    network = RNNClassifier(hidden_size=4, max_iter=3, random_state=0)
    direct = clone(network).fit(X, y)
    network.set_params(padding_value=None if masked else np.nan)
    padded = make_pipeline(SequencePadder(padding_value=np.nan, masked=masked), network).fit(X, y)
    np.testing.assert_array_equal(padded.predict_proba(X), direct.predict_proba(X))
    np.testing.assert_array_equal(padded.predict_proba(X[:2]), direct.predict_proba(X[:2]))


def test_clone_pickle_and_html(arrays):
    padder = SequencePadder(side="start", padding_value=np.nan)
    assert clone(padder).get_params()["side"] == "start"
    again = pickle.loads(pickle.dumps(padder.fit(arrays)))
    np.testing.assert_array_equal(again.transform(arrays), padder.transform(arrays))
    assert "SequencePadder" in padder._repr_html_()
    assert not hasattr(padder, "set_output")


def test_tokens_and_codes_need_no_padding():
    message = "SequencePadder needs numbers. The recurrent estimators read .* without padding; .*to_padded"
    with pytest.raises(ValueError, match=message):
        make_pipeline(TokenEncoder(), SequencePadder()).fit([["to", "be"], ["do"]])


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_parameters_that_change_after_fit(arrays, method):
    padder = SequencePadder(n_steps=3, truncate="end").fit(arrays)
    X = arrays if method == "transform" else padder.transform(arrays)
    with pytest.raises(ValueError, match="truncate must be one of .* Did you mean 'start'"):
        getattr(padder.set_params(truncate="Start"), method)(X)


@pytest.mark.parametrize("n_features", [1, 3])
def test_missing_values_are_found_among_large_numbers(n_features):
    # The sum of squares overflows.
    X = [np.full((2, n_features), 3e38), np.full((3, n_features), 3e38)]
    assert np.isfinite(SequencePadder(padding_value=np.nan).fit_transform(X)[1]).all()
    X[1][2, n_features - 1] = np.nan
    with pytest.raises(ValueError, match=r"^X\[1\] has NaN at step 2, as the padding has"):
        SequencePadder(padding_value=np.nan).fit(X)


@pytest.mark.parametrize("cls", [RNNRegressor, RNNClassifier, RNNTagger])
def test_padding_at_the_start_is_noticed(arrays, cls):
    y = np.eye(4, 5) if cls is RNNTagger else [0.0, 1.0, 0.0, 1.0]
    network = cls(hidden_size=2, max_iter=1, padding_value=-5)
    message = "padding_value=-5.0, but 3 of 4 sequences in X begin with steps of it and none ends with it"
    padded = SequencePadder(padding_value=-5, side="start").fit_transform(arrays)
    with pytest.warns(UserWarning, match=message) as caught:
        network.fit(padded, y)
    assert caught[0].filename == __file__
    make_pipeline(SequencePadder(padding_value=-5), network).fit(arrays, y).predict(arrays)


@pytest.mark.parametrize(
    "starts",
    [
        [0, 0, 0, 0],
        [2, 2, 2, 2],  # all series begin alike
        [1, 0, 0, 3],
    ],
)
def test_data_that_begin_with_the_padding_value(starts):
    X = np.arange(40.0).reshape(4, 5, 2) + 1
    for x, n in zip(X, starts, strict=True):
        x[:n] = 0
    network = RNNRegressor(hidden_size=2, max_iter=1, padding_value=0)
    network.fit(X, np.arange(4.0))
    network.predict(X)


@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize("longest", [5, 300])
def test_short_and_long_sequences(side, longest, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    X = [rng.normal(size=(n, 3)).astype(np.float32) for n in (1, longest, longest - 2)]
    padded = SequencePadder(side=side).fit_transform(X)
    expected = np.zeros((3, longest, 3), dtype=np.float32)
    for row, x in zip(expected, X, strict=True):
        row[: len(x) if side == "end" else None][-len(x) :] = x
    np.testing.assert_array_equal(padded, expected)
