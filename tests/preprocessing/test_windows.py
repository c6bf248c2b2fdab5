"""Windows of long series: which steps they hold, what their targets are, and that no split leaks."""

import itertools
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags

from sklearn_rnn import RNNRegressor, Sequences
from sklearn_rnn.preprocessing import SlidingWindow, StepTransformer

# Nothing is fitted or transformed here, so that these of scikit-learn's checks have something to ask.
CHECKS = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_set_params",
    "check_valid_tag_types",
]


@pytest.mark.parametrize("check", CHECKS)
def test_common_checks(check):
    getattr(estimator_checks, check)("SlidingWindow", SlidingWindow(4, horizon=[1, 2]))


@pytest.fixture
def series(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    return [rng.normal(size=(n, 2)).astype(np.float32) for n in (9, 23, 14)]


def horizons_of(window):
    return np.atleast_1d(window.horizon).tolist()


def steps_of(window):
    """The steps of each window and of its targets, told apart by series: [(series, step), ...]."""
    return [
        {(s, start + t) for t in range(window.size)}
        | {(s, start + window.size - 1 + h) for h in horizons_of(window)}
        for s, start in zip(window.series_.tolist(), window.starts_.tolist(), strict=True)
    ]


def cut_slowly(series, size, horizons, stride, block_size):
    """Windows, targets, blocks, series and starts, one by one."""
    found, block = [], -1
    for s, x in enumerate(series):
        n = block_size or len(x)
        for first in range(0, len(x), n):
            block += 1
            end = min(first + n, len(x))
            for start in range(first, end, stride):
                if start + size - 1 + max(horizons) < end and start + size <= end:
                    targets = [x[start + size - 1 + h] for h in horizons]
                    found.append((x[start : start + size], targets, block, s, start))
    return [np.array(part) for part in zip(*found, strict=True)]


@pytest.mark.parametrize("block_size", [None, 7, 10])
@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("horizon", [1, 3, [1, 2], [2]])
@pytest.mark.parametrize("size", [1, 4])
def test_against_a_loop(series, size, horizon, stride, block_size):
    window = SlidingWindow(size, horizon=horizon, stride=stride, block_size=block_size)
    X, y = window.make_windows(series)
    windows, targets, groups, which, starts = cut_slowly(
        series, size, horizons_of(window), stride, block_size
    )
    np.testing.assert_array_equal(X, windows, strict=True)
    np.testing.assert_array_equal(y, targets.reshape(len(X), -1), strict=True)
    np.testing.assert_array_equal(window.groups_, groups)
    np.testing.assert_array_equal(window.series_, which)
    np.testing.assert_array_equal(window.starts_, starts)


@pytest.mark.parametrize("block_size", [None, 7])
@pytest.mark.parametrize("stride", [1, 3])
def test_inputs_go_up_to_the_end(series, stride, block_size):
    window = SlidingWindow(4, horizon=2, stride=stride, block_size=block_size)
    X, y = window.make_windows(series)
    inputs = window.make_inputs(series)
    windows, _, groups, which, starts = cut_slowly(series, 4, [0], stride, block_size)
    np.testing.assert_array_equal(inputs, windows, strict=True)
    np.testing.assert_array_equal(window.groups_, groups)
    np.testing.assert_array_equal(window.series_, which)
    np.testing.assert_array_equal(window.starts_, starts)
    assert len(inputs) > len(X)
    if stride == 1 and block_size is None:
        np.testing.assert_array_equal(inputs[window.series_ == 2][-1], series[2][-4:])


# Forms of X


@pytest.mark.parametrize(
    "form", [np.array, np.ma.array, lambda x: pd.DataFrame(x, columns=["a", "b"]), pl.DataFrame, np.float64]
)
def test_one_series(series, form):
    X, y = SlidingWindow(4).make_windows(form(series[1]))
    expected_X, expected_y = SlidingWindow(4).make_windows(series[1:2])
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(y, expected_y)
    assert X.dtype == y.dtype == (np.float64 if form is np.float64 else np.float32)


@pytest.mark.parametrize(
    "form", [np.array, pd.Series, pl.Series, lambda x: np.array(x)[:, np.newaxis], lambda x: [x]]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_series_of_one_feature(form, dtype):
    X, y = SlidingWindow(2).make_windows(form(np.arange(5, dtype=dtype)))
    assert X.tolist() == [[[0.0], [1.0]], [[1.0], [2.0]], [[2.0], [3.0]]]
    assert y.tolist() == [2.0, 3.0, 4.0]
    assert X.dtype == y.dtype == np.asarray(form(np.arange(5, dtype=dtype))).dtype


def test_one_series_of_integers_is_one_of_numbers():
    X, y = SlidingWindow(2).make_windows(np.arange(5))
    assert X[:, :, 0].tolist() == [[0, 1], [1, 2], [2, 3]]
    assert y.dtype == np.float64


SEVERAL = {
    "tuple": tuple,
    "nested lists": lambda arrays: [x.tolist() for x in arrays],
    "object array": lambda arrays: np.array([*arrays, None], dtype=object)[:-1],
    "Series": pd.Series,
    "Sequences": lambda arrays: Sequences.from_lengths(np.concatenate(arrays), [len(x) for x in arrays]),
    "DataFrames": lambda arrays: [pd.DataFrame(x) for x in arrays],
    "masked": lambda arrays: np.ma.masked_equal(SEVERAL["Sequences"](arrays).to_padded(-99), -99),
}


@pytest.mark.parametrize("form", SEVERAL)
def test_several_series(series, form):
    X, y = SlidingWindow(4).make_windows(SEVERAL[form](series))
    expected_X, expected_y = SlidingWindow(4).make_windows(series)
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(y, expected_y)


def test_an_array_of_three_axes_is_several_series():
    array = np.arange(20.0).reshape(2, 5, 2)
    window = SlidingWindow(4)
    X, y = window.make_windows(array)
    np.testing.assert_array_equal(X, array[:, :4])
    np.testing.assert_array_equal(y, array[:, 4])
    assert window.groups_.tolist() == [0, 1]


def test_windows_are_one_copy():
    values = np.arange(60_000, dtype=np.float32).reshape(20_000, 3)
    tracemalloc.start()
    X, y = SlidingWindow(50).make_windows(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert X.flags.c_contiguous and X.flags.writeable
    assert peak < 1.2 * X.nbytes
    X[:] = 0
    assert values[1, 0] == 3
    assert y[0, 0] == 150


# Targets


@pytest.mark.parametrize(
    ("target", "columns"),
    [
        (None, [0, 1]),
        (1, 1),
        (-1, 1),
        ([1], [1]),
        ([1, 0], [1, 0]),
        ("b", 1),
        (["b", "a"], [1, 0]),
        (("a",), [0]),
    ],
)
def test_target_features(series, target, columns):
    table = pd.DataFrame(series[1], columns=["a", "b"])
    X, y = SlidingWindow(4, target=target).make_windows(table)
    np.testing.assert_array_equal(y, series[1][4:, columns], strict=True)
    X, y = SlidingWindow(4, target=target).make_windows([table, table])
    np.testing.assert_array_equal(y, np.concatenate([series[1][4:, columns]] * 2), strict=True)


def test_several_horizons_are_several_targets(series):
    x = series[1]
    X, y = SlidingWindow(4, horizon=[1, 3], target=0).make_windows(x)
    np.testing.assert_array_equal(y, np.c_[x[4:-2, 0], x[6:, 0]], strict=True)
    X, y = SlidingWindow(4, horizon=[3], target=0).make_windows(x)
    np.testing.assert_array_equal(y, x[6:, [0]], strict=True)
    X, y = SlidingWindow(4, horizon=(1, 3)).make_windows(x)
    np.testing.assert_array_equal(y, np.c_[x[4:-2], x[6:]], strict=True)
    X, y = SlidingWindow(4, horizon=range(1, 4), target=[1]).make_windows(x)
    np.testing.assert_array_equal(y, np.c_[x[4:-2, 1], x[5:-1, 1], x[6:, 1]], strict=True)
    assert RNNRegressor(hidden_size=2, max_iter=1).fit(X, y).predict(X).shape == y.shape


@pytest.mark.parametrize("form", [np.array, list, pd.Series])
@pytest.mark.parametrize("labels", [[True, False], ["rain", "sun"], [3, 4], [0.5, 1e-12]])
def test_targets_of_steps(series, form, labels):
    y = np.array(labels)[(series[1][:, 0] > 0).astype(int)]
    for horizon in (0, 1, 5):
        X, targets = SlidingWindow(4, horizon=horizon).make_windows(series[1], form(y))
        np.testing.assert_array_equal(targets, np.asarray(form(y))[3 + horizon :], strict=True)
        assert len(X) == len(targets)
    both = np.c_[y, y[::-1]]
    X, targets = SlidingWindow(4, horizon=[0, 2]).make_windows(series[1], both)
    np.testing.assert_array_equal(targets, np.c_[both[3:-2], both[5:]], strict=True)


def test_targets_of_steps_of_several_series(series):
    ys = [np.array([f"{s}:{t}" for t in range(len(x))]) for s, x in enumerate(series)]
    window = SlidingWindow(4, horizon=2, stride=3, block_size=8)
    for y in (ys, tuple(ys), np.array([*ys, None], dtype=object)[:-1]):
        _, targets = window.make_windows(series, y)
        expected = [f"{s}:{t + 5}" for s, t in zip(window.series_, window.starts_, strict=True)]
        assert targets.tolist() == expected
    _, targets = window.make_windows(series, ["a", "b", "c"])  # one label a series
    assert targets.tolist() == [["a", "b", "c"][s] for s in window.series_]


# No split leaks


SHAPES = list(itertools.product([1, 3, 6], [0, 1, 4, [1, 5], [3, 2]], [1, 2, 4, 9]))


def check_no_leak(window, splits):
    steps = steps_of(window)
    n_tested = 0
    for train, test in splits:
        learnt = set().union(*(steps[i] for i in train))
        tested = set().union(*(steps[i] for i in test))
        assert not learnt & tested
        n_tested += len(test)
    assert n_tested


@pytest.mark.parametrize(("size", "horizon", "stride"), SHAPES)
def test_the_gap_keeps_training_and_test_apart(size, horizon, stride):
    x = np.arange(160.0)
    window = SlidingWindow(size, horizon=horizon, stride=stride)
    X, y = window.make_windows(x, x)
    check_no_leak(window, TimeSeriesSplit(3, gap=window.gap, test_size=2).split(X))
    if window.gap and np.max(horizon) <= 1:  # and no smaller one does
        with pytest.raises(AssertionError):
            check_no_leak(window, TimeSeriesSplit(3, gap=window.gap - 1, test_size=2).split(X))


def test_the_gap_holds_for_several_series_and_blocks(series):
    for block_size in (None, 8):
        window = SlidingWindow(3, horizon=2, block_size=block_size)
        X, y = window.make_windows(series)
        check_no_leak(window, TimeSeriesSplit(5, gap=window.gap, test_size=3).split(X))


@pytest.mark.parametrize(("size", "horizon", "stride"), SHAPES)
def test_groups_keep_training_and_test_apart(size, horizon, stride):
    several = [np.arange(n, dtype=float) for n in (40, 100, 65)]
    for block_size in (None, 11, 16):
        window = SlidingWindow(size, horizon=horizon, stride=stride, block_size=block_size)
        X, y = window.make_windows(several, several)
        check_no_leak(window, GroupKFold(3).split(X, y, window.groups_))


def test_without_groups_folds_do_leak():
    window = SlidingWindow(3)
    X, y = window.make_windows(np.arange(50.0))
    with pytest.raises(AssertionError):
        check_no_leak(window, GroupKFold(3).split(X, y, np.arange(len(X))))


# What is wrong


def test_short_series(series):
    with pytest.raises(ValueError) as error:
        SlidingWindow(10, horizon=[1, 5]).make_windows(series)
    lines = str(error.value).splitlines()
    need = "but a window of 10 steps with its targets up to 5 after it needs 15"
    assert lines == [
        f"X[0] has 9 steps, {need}; leave it out, or make size or horizon smaller.",
        f"X[2] has 14 steps, {need}.",
    ]
    with pytest.raises(ValueError, match=r"^X has 9 steps, but a window of 9 steps .* needs 10"):
        SlidingWindow(9).make_windows(series[0])
    assert SlidingWindow(9).make_inputs(series[0]).shape == (1, 9, 2)
    assert SlidingWindow(8).make_windows(series[0])[0].shape == (1, 8, 2)
    with pytest.raises(ValueError, match=r"X\[0\] has 9 steps, but a window of 10 steps needs 10"):
        SlidingWindow(10).make_inputs(series)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"size": 0}, ValueError, "size must be an int of at least 1, but it is 0"),
        ({"size": 2.5}, TypeError, "size must be an int of at least 1, but it is 2.5"),
        ({"size": True}, TypeError, "size must be an int of at least 1, but it is True"),
        ({"stride": 0}, ValueError, "stride must be an int of at least 1"),
        ({"horizon": -1}, ValueError, "horizon must be an int of at least 0, but it is -1"),
        ({"horizon": [1, 0.5]}, TypeError, "horizon must be an int of at least 0, but it is 0.5"),
        ({"horizon": "1"}, TypeError, "horizon must be an int of at least 0, but it is '1'"),
        ({"horizon": []}, ValueError, "horizon is empty"),
        ({"horizon": 0}, ValueError, "horizon=0 is the last step of the window itself"),
        ({"horizon": [1, 0]}, ValueError, "horizon=0 is the last step of the window itself"),
        (
            {"block_size": 5, "horizon": 2},
            ValueError,
            r"block_size=5 is too small: .* up to 2 after it needs 6",
        ),
        ({"target": 2}, ValueError, "target=2 is not a feature: X has 2, numbered from 0"),
        ({"target": -3}, ValueError, "target=-3 is not a feature"),
        ({"target": True}, TypeError, "target must be the number of a feature, but it is True"),
        ({"target": "b"}, TypeError, "target must be the number of a feature, but it is 'b'"),
        ({"target": []}, ValueError, "target is empty"),
    ],
)
def test_wrong_parameters(series, parameters, error, message):
    window = SlidingWindow(**{"size": 4, **parameters})
    with pytest.raises(error, match=message):
        window.make_windows(series)
    assert not hasattr(window, "groups_")
    if set(parameters) != {"target"} and "itself" not in message:
        with pytest.raises(error, match=message):
            window.make_inputs(series)
        with pytest.raises(error, match=message):
            window.gap  # noqa: B018


def test_wrong_names(series):
    table = pd.DataFrame(series[1], columns=["wind", "rain"])
    with pytest.raises(ValueError, match=r"target='rian' is not a feature of X\. Did you mean 'rain'\?"):
        SlidingWindow(4, target=["wind", "rian"]).make_windows(table)
    with pytest.raises(ValueError, match=r"They are \['wind', 'rain'\]"):
        SlidingWindow(4, target="xxx").make_windows(table)
    with pytest.raises(ValueError, match=r"X\[1\] has the columns of X\[0\] in another order"):
        SlidingWindow(4).make_windows([table, table[["rain", "wind"]]])
    with pytest.raises(TypeError, match="Names are for X whose features have names, all of them str"):
        SlidingWindow(4, target="rain").make_windows(table.set_axis([0, "rain"], axis=1))


def test_wrong_targets(series):
    window = SlidingWindow(4)
    with pytest.raises(ValueError, match=r"y has the shape \(22,\), but X has 23 steps"):
        window.make_windows(series[1], np.zeros(22))
    with pytest.raises(ValueError, match=r"y has the shape \(\), but X has 23 steps"):
        window.make_windows(series[1], 1.0)
    with pytest.raises(ValueError) as error:
        window.make_windows(series, [np.zeros(9), np.zeros(22), np.zeros(15)])
    assert str(error.value).splitlines() == [
        "y[1] has 22 targets, but X[1] has 23 steps.",
        "y[2] has 15 targets, but X[2] has 14 steps.",
    ]
    with pytest.raises(ValueError, match="X has 3 sequences, y has 2"):
        window.make_windows(series, [np.zeros(9), np.zeros(23)])
    with pytest.raises(ValueError, match=r"y\[3\] is masked"):
        window.make_windows(series[1], np.ma.array(np.zeros(23), mask=np.arange(23) == 3))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["abcdefgh"], ValueError, "X holds str tokens, but SlidingWindow needs numbers"),
        ([np.arange(9)], ValueError, "X holds integer tokens, .* make them float"),
        (np.array([1.0, np.inf, 2.0, 3.0, 4.0, 5.0]), ValueError, "^X has infinity .* at step 1, feature 0"),
        ([np.ones(6), np.full(6, np.inf)], ValueError, r"^X\[1\] has infinity .* at step 0, feature 0"),
        (np.ma.masked_equal(np.arange(9.0), 4), ValueError, "^X is not a sequence"),
        (np.empty(0), ValueError, "^X is empty"),
        (np.ma.masked_equal(np.arange(9.0), 4), ValueError, "some of its steps are masked"),
        ([1.0, 2.0, 3.0], ValueError, r"\[X\] is one sequence"),
        (5.0, TypeError, "X must be a collection of sequences"),
        (None, TypeError, "X must be a collection of sequences"),
        ([], ValueError, "X holds no sequences"),
        ([np.ones((9, 2)), np.ones((9, 3))], ValueError, "different numbers of features"),
    ],
)
def test_wrong_data(X, error, message):
    for method in (SlidingWindow(4).make_windows, SlidingWindow(4).make_inputs):
        with pytest.raises(error, match=message):
            method(X)


# Missing values


def test_missing_values_pass_through_to_the_windows(series):
    x = series[1].copy()
    x[[2, 9], 1] = np.nan
    window = SlidingWindow(4, target=0)
    windows, targets = window.make_windows(x)
    expected, same_targets = window.make_windows(np.nan_to_num(x, nan=7.0))
    np.testing.assert_array_equal(np.nan_to_num(windows, nan=7.0), expected)
    np.testing.assert_array_equal(targets, same_targets)
    np.testing.assert_array_equal(window.make_inputs(x)[:-1], windows)
    labels = window.make_windows([x, x], [np.arange(len(x))] * 2)[1]
    np.testing.assert_array_equal(labels[: len(windows)], np.arange(4, len(x)))
    model = make_pipeline(StepTransformer(SimpleImputer()), RNNRegressor(hidden_size=4, max_iter=1))
    assert model.fit(windows, targets).predict(windows).shape == targets.shape
    assert get_tags(window).input_tags.allow_nan


@pytest.mark.parametrize("horizon", [1, [1, 2]])
def test_missing_targets(series, horizon):
    series = [x.copy() for x in series]
    long = [i for i, x in enumerate(series) if len(x) > 8]
    first, last = long[0], long[-1]
    series[first][[6, 7], 0] = series[last][-1, 1] = np.nan
    window = SlidingWindow(4, horizon=horizon)
    fault = "has NaN at step {}, which would be a target"
    message = fault + r"; impute the series before, or pass y\."
    several = rf"X\[{first}\] {message.format(6)}\nX\[{last}\] {fault.format(len(series[last]) - 1)}\.$"
    with pytest.raises(ValueError, match=f"^{several}"):
        window.make_windows(series)
    with pytest.raises(ValueError, match=f"^X {message.format(6)}$"):
        window.make_windows(series[first])
    x = series[last].copy()
    x[:4], x[-1] = np.nan, 0.0  # a target at no window
    assert np.isfinite(window.make_windows(x)[1]).all()


# As a part of scikit-learn


def test_it_is_no_station_of_a_pipeline(series):
    with pytest.raises(TypeError, match="should be transformers"):
        make_pipeline(SlidingWindow(4), RNNRegressor()).fit(series, series)


def test_clone_pickle_and_html(series):
    window = SlidingWindow(4, horizon=[1, 2], stride=2, block_size=10, target="a")
    assert clone(window).get_params() == window.get_params()
    assert clone(window).set_params(size=5).gap == 3
    window.set_params(target=0).make_windows(series)
    again = pickle.loads(pickle.dumps(window))
    np.testing.assert_array_equal(again.groups_, window.groups_)
    assert "SlidingWindow" in window._repr_html_()
