"""What may be read otherwise than it was meant: warnings with the way out, and none where all is well."""

import ast
import json
import re
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Freezer

from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
    Sequences,
)
from sklearn_rnn.data import as_sequences
from sklearn_rnn.data.reading import read_sequences
from sklearn_rnn.encoding.numbers import NumberEncoder
from sklearn_rnn.preprocessing import (
    SequenceOneHotEncoder,
    SequencePadder,
    SlidingWindow,
    StepTransformer,
    TokenEncoder,
)

FAST = {"hidden_size": 4, "max_iter": 1, "random_state": 0}


def one_warning(call, match):
    with pytest.warns(UserWarning, match=match) as caught:
        result = call()
    assert [w.filename for w in caught] == [__file__]
    return result


# Tables of features


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    "names",
    [
        ["speed", "temp"],
        ["v"],
        ["id", "T", "x1"],
        ["may_be", "decay"],
        ["x", "y", "z"],
        ["year", "month", "sales"],
    ],
)
def test_a_table_of_features_is_warned_of(frame, names):
    table = frame({name: [0.1, 0.2, 0.3] for name in names})
    model = one_warning(
        lambda: RNNRegressor(**FAST).fit(table, [1.0, 2.0, 3.0]),
        r"names that are not times.*from_long\(table",
    )
    model.predict(table)  # not again
    one_warning(lambda: StepTransformer("passthrough").fit(table), "names that are not times")
    one_warning(lambda: SequencePadder().fit(table), "names that are not times")


@pytest.mark.parametrize(
    "names",
    [
        [0, 1],
        ["x0", "x1"],
        ["feature_0", "feature_1"],
        ["t0", "t1"],
        ["step_1", "step_2"],
        ["2026-01-01", "2026-01-02"],
        ["Jan", "Feb", "March"],
        ["Mon", "Tuesday"],
        ["Jan.", "Feb.", "Mar."],
        ["morning", "noon", "evening"],
        ["score_pre", "score_post"],
        ["Q1 2026", "Q2 2026"],
        ["id", "t0", "t1"],
        ["baseline", "week 4", "week 8"],
        ["a", "b", "c"],
        pd.date_range("2026-01-01", periods=2),
        pd.period_range("2026-01", periods=2, freq="M"),
    ],
)
def test_a_table_of_times_is_not(names):
    table = pd.DataFrame(np.ones((3, len(names))), columns=names)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Feature names only support names that are all strings")
        StepTransformer("passthrough").fit(table)


@pytest.mark.parametrize("form", [np.array, pd.DataFrame])
@pytest.mark.parametrize("model", [RNNClassifier(**FAST), StepTransformer("passthrough")])
def test_a_table_of_another_width_is_answered_as_a_list(model, form):
    model.fit(form(np.ones((4, 3))), [0, 1, 0, 1])
    other = form(np.ones((2, 5), dtype=int))
    answer = model.predict if hasattr(model, "predict") else model.transform
    with pytest.raises(
        ValueError, match=r"X has 5 features, but .*as input\. .* a list: list\(np\.asarray\(X\)\)"
    ):
        answer(other)
    assert len(answer(list(np.asarray(other)))) == 2


# Integers

HEARTS = [np.array([71, 72, 75]), np.array([90, 88])]


def walks(n, start, seed=0):
    rng = np.random.default_rng(seed)
    return [np.round(start + np.cumsum(rng.normal(0, 3, 30))).astype(int) for _ in range(n)]


@pytest.mark.parametrize(
    "X",
    [
        HEARTS,
        walks(3, 100),
        walks(100, 100),
        walks(50, 0),
        [[-5, 3, 7], [2, 0]],
        walks(20, 10**12),
        [np.random.default_rng(k).integers(0, 1000, 30) for k in range(5)],
        [np.random.default_rng(k).normal(120, 15, 30).astype(int) for k in range(20)],
        [np.random.default_rng(k).poisson(50, 30) for k in range(20)],
    ],
)
def test_integers_that_look_like_measurements_are_warned_of(X):
    y = [k % 2 for k in range(len(X))]
    one_warning(
        lambda: RNNClassifier(**FAST).fit(X, y),
        r"look like measurements.*float\) for x in X\].*as_sequences\(X\)",
    )
    RNNClassifier(**FAST).fit(as_sequences(X), y)


def test_integer_targets_that_look_like_measurements_are_warned_of():
    one_warning(
        lambda: RNNSeq2Seq(**FAST).fit(["ab", "c"], HEARTS), "y holds integers.*look like measurements"
    )


def codes(texts):
    vocabulary = {}
    return [[vocabulary.setdefault(c, len(vocabulary)) for c in text] for text in texts]


TEXTS = ["the cat sat", "on the mat", "and a dog", "is not a cat"]


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2], [3]],
        [[0, 1, 1], [2, 0]],
        [[ord(c) for c in text] for text in TEXTS],
        codes(TEXTS),
        codes([text.split() for text in TEXTS]),
        codes(["abcdefghijklm", "nopqrstuvwxyz"]),  # of nothing but new ones
        [np.repeat([0, 3, 1, 2], 10), np.repeat([2, 0], 20)],  # of states that last
        [[-1, 0, 1], [1, -1]],
        [np.random.default_rng(k).integers(0, 256, 30) for k in range(20)],
        [np.random.default_rng(k).integers(0, 5, 30) + np.arange(30) // 16 for k in range(20)],
        [np.random.default_rng(k).geometric(0.1, 30) for k in range(20)],  # by their rank
        [[101, 7592, 2088, 102], [101, 2129, 2024, 2017, 102]],
    ],
)
def test_codes_of_tokens_are_not(X):
    RNNClassifier(**FAST).fit(X, [k % 2 for k in range(len(X))])


# Numbers as text


@pytest.mark.parametrize(
    ("X", "read"),
    [
        (["[0.1, -0.2]", "[3]"], [[0.1, -0.2], [3.0]]),
        (["[0.1  -2e-1]", "[3.]"], [[0.1, -0.2], [3.0]]),
        (["[np.float64(0.1), np.float64(-0.2)]", "[np.float64(3.0)]"], [[0.1, -0.2], [3.0]]),
        (["array([0.1, -0.2])", "array([nan])"], [[0.1, -0.2], [np.nan]]),
        (["['0.1', '-0.2']", "('3',)"], [[0.1, -0.2], [3.0]]),
        (["0.1, -2", "3"], [[0.1, -2.0], [3]]),
        (["12,15", "3,18,20"], [[12, 15], [3, 18, 20]]),
        (["0,5 0,7", "3,25"], [[0.5, 0.7], [3.25]]),
        ([["0.1", "-2"], ["3"]], [[0.1, -2.0], [3.0]]),
        ([["0,1", "-2,5"], ["3,0"]], [[0.1, -2.5], [3.0]]),
        (["0.126", "1.5"], [0.126, 1.5]),
        (["0,126", "1,5"], [0.126, 1.5]),
        (["1,200", "3,400"], [1200.0, 3400.0]),
        (["tensor([0.1, 0.2])", "array([0.3], dtype=float32)"], [[0.1, 0.2], [0.3]]),
        (["[[0.1, 0.2], [0.3, 0.4]]", "[[0.5, 0.6]]"], [[[0.1, 0.2], [0.3, 0.4]], [[0.5, 0.6]]]),
        (["12 15 18", "20 21 22"], [[12, 15, 18], [20, 21, 22]]),
        (["1|2|3", "3;4"], [[1, 2, 3], [3, 4]]),
        (["-126", "-5"], [-126.0, -5.0]),
        (["1e-3", "2E5"], [0.001, 2e5]),
        ([["0.1", "NA"], ["0.3", "0.4"]], [[0.1, np.nan], [0.3, 0.4]]),
    ],
)
@pytest.mark.parametrize("form", [list, pd.Series])
def test_numbers_as_text_are_warned_of(X, read, form):
    X = form(X)
    with pytest.warns(UserWarning, match="X holds .* make numbers of them: X = ") as found:
        RNNClassifier(**FAST).fit(X, [0, 1])
    assert [w.filename for w in found] == [__file__]
    way_out = re.search(r"make numbers of them: X = (.* in X\])", str(found[0].message))[1]
    np.testing.assert_equal(eval(way_out, {"X": X, "re": re, "json": json}), read)


@pytest.mark.parametrize(
    "X",
    [
        ["0123", "3210"],
        ["nan", "inf"],
        ["1.5 m", "2.5"],
        [["1", "2"], ["3"]],
        ["2026-01-01", "2026-01-02"],
        [",", "."],
    ],
)
def test_other_text_is_not(X):
    RNNClassifier(**FAST).fit(X, [0, 1])


# Padding

PADDED = [["to", "be", "<pad>"], ["not", "<pad>", "<pad>"], ["or", "is", "it"]]
TAGS = [["A", "B", "<pad>"], ["A", "<pad>", "<pad>"], ["A", "B", "A"]]
FORMS = [list, np.array, lambda x: np.array(x, object), lambda x: [np.array(r) for r in x], pd.Series]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("form_of_y", [list, np.array])
def test_targets_are_cut_as_padded_words_are(form, form_of_y):
    X, y = form(PADDED), form_of_y(TAGS)
    tagger = RNNTagger(padding_value="<pad>", **FAST).fit(X, y)
    assert tagger.vocabulary_.tolist() == ["be", "is", "it", "not", "or", "to"]
    assert tagger.classes_.tolist() == ["A", "B"]
    assert [len(tags) for tags in tagger.predict(X)] == [2, 1, 3]
    assert 0 <= tagger.score(X, y) <= 1


@pytest.mark.parametrize("form", [list, np.array])
def test_targets_of_padded_numbers_are_cut(form):
    X = form([[0.5, 0.25, 0.0], [0.5, 0.0, 0.0]])
    y = [[1.0, 2.0, 0.0], [1.0, 0.0, 0.0]]
    read = read_sequences(X, padding_value=0)
    targets, per_step = NumberEncoder().read(y, *read, RNNRegressor(padding_value=0))
    assert per_step
    assert targets.tolist() == [1.0, 2.0, 1.0]


def test_sources_and_targets_of_padded_words():
    model = RNNSeq2Seq(padding_value="<pad>", **FAST).fit(PADDED, PADDED)
    assert "<pad>" not in model.vocabulary_
    assert "<pad>" not in model.target_vocabulary_
    model = RNNSeq2Seq(padding_value="<pad>", **FAST).fit(np.eye(3), PADDED)  # of vectors
    assert model.target_vocabulary_.tolist() == ["be", "is", "it", "not", "or", "to"]


@pytest.mark.parametrize("padding", ["", "<pad>", "<PAD>", "[PAD]", "_PAD_", "PAD"])
def test_padded_words_are_warned_of(padding):
    X = [[padding if word == "<pad>" else word for word in x] for x in PADDED]
    fit = {
        "X": lambda: RNNClassifier(**FAST).fit(X, [0, 1, 0]),
        "array": lambda: RNNClassifier(**FAST).fit(np.array(X), [0, 1, 0]),
        "encoder": lambda: TokenEncoder().fit(X),
        "one-hot": lambda: SequenceOneHotEncoder().fit(X),
        "language model": lambda: RNNLanguageModel(**FAST).fit(X),
    }
    for call in fit.values():
        one_warning(call, "X seems to be padded: 2 of 3 sequences end with .*padding_value=")


def test_padded_labels_are_warned_of():
    X = np.ones((3, 3, 2))
    one_warning(
        lambda: RNNTagger(**FAST).fit(X, TAGS), "y seems to be padded: 2 of 3 sequences end with '<pad>'"
    )


@pytest.mark.parametrize("form", ["codes", "table of codes", "floats"])
def test_padded_targets_of_another_length_are_warned_of(form):
    codes = np.array([[4, 5, 1, 2, 0], [3, 2, 5, 0, 0], [1, 0, 0, 0, 0], [5, 1, 2, 2, 6]] * 3)
    y = {"codes": list(codes), "table of codes": codes, "floats": codes[..., np.newaxis].astype(float)}[form]
    with pytest.warns(
        UserWarning, match="y seems to be padded: 9 of 12 sequences end with .*Cut it off"
    ) as w:
        RNNSeq2Seq(**FAST).fit(np.arange(12), y)
    fix = re.search(r"y = (\[.*? in y\]|Sequences\..*?\))", str(w[0].message))[1]
    assert list(map(len, eval(fix, {"y": y, "Sequences": Sequences}))) == [4, 3, 1, 5] * 3


def test_a_constant_that_ends_sequences_of_one_length_is_warned_of():
    rows = [[k % 9 + 1] * (k % 5 + 1) + [0] * (4 - k % 5) for k in range(20)]
    one_warning(lambda: RNNClassifier(**FAST).fit(rows, [0, 1] * 10), "X seems to be padded: 16 of 20")
    texts = [word.ljust(8) for word in ["cat", "horse", "dromedar", "mouse", "ox"]]
    one_warning(lambda: RNNClassifier(**FAST).fit(texts, [0, 1, 0, 1, 0]), "end with ' '")


RUNS = [[4, 5, 1, 2], [3, 2, 5], [1], [5, 1, 2, 2], [2]]  # of few codes


def pad(parts, side, padding):
    widths = [4 - len(part) for part in parts]
    return [
        np.pad(
            part, [(0, n) if side == "end" else (n, 0)] + [(0, 0)] * (part.ndim - 1), constant_values=padding
        )
        for part, n in zip(parts, widths, strict=True)
    ]


FORMS = {
    "table of codes": lambda *how: np.array(pad([np.array(run) for run in RUNS], *how)),
    "codes": lambda *how: pad([np.array(run) for run in RUNS], *how),
    "series": lambda *how: pad([np.array(run) / 2 for run in RUNS], *how),
    "vectors": lambda *how: np.array(pad([np.array([run, run]).T / 2 for run in RUNS], *how)),
}


@pytest.mark.parametrize("padding", [0, -1, -999])
@pytest.mark.parametrize("side", ["end", "start"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:X holds integers")
def test_usual_padding_is_warned_of(form, side, padding):
    X = FORMS[form](side, padding)
    verb = {"end": "end", "start": "begin"}[side]
    with pytest.warns(UserWarning, match=rf"3 of 5 sequences {verb} with .*{padding}\b.*Cut it off") as found:
        RNNClassifier(**FAST).fit(X, [0, 1, 0, 1, 0])
    message = next(str(w.message) for w in found if "padded" in str(w.message))
    fixes = re.findall(r"X = (\[.*? in X\]|Sequences\..*?\))", message)
    assert len(fixes) == (1 if form in ("codes", "vectors") else 2)
    for fix in fixes:
        fixed = eval(fix, {"np": np, "X": X, "Sequences": Sequences})
        assert list(map(len, fixed)) == list(map(len, RUNS))


@pytest.mark.parametrize("padding_value", [None, 0])
def test_padding_that_was_scaled_is_warned_of(padding_value):
    rng = np.random.RandomState(0)
    X = np.zeros((8, 6, 2))
    for k, x in enumerate(X):
        x[: 6 - k % 4] = rng.randn(6 - k % 4, 2) + 1
    scaled = StandardScaler().fit_transform(X.reshape(-1, 2)).reshape(X.shape)
    one_warning(
        lambda: RNNClassifier(padding_value=padding_value, **FAST).fit(scaled, [0, 1] * 4),
        "X seems to be padded: 6 of 8 sequences end.*have been scaled: cut it off before",
    )


def test_padding_at_the_start_that_is_named_has_a_way_out():
    X = FORMS["vectors"]("start", 0)
    with pytest.warns(UserWarning, match="padding seems to be at the start.*Cut it off, X = ") as found:
        RNNClassifier(padding_value=0, **FAST).fit(X, [0, 1, 0, 1, 0])
    message = next(str(w.message) for w in found if "at the start" in str(w.message))
    fix = re.search(r"X = (\[.*? in X\])", message)[1]
    assert list(map(len, eval(fix, {"np": np, "X": X}))) == list(map(len, RUNS))


def test_padding_is_warned_of_in_front_of_a_scaler():
    X = FORMS["vectors"]("end", 0)
    one_warning(lambda: StepTransformer(StandardScaler()).fit(X), "X seems to be padded: 3 of 5")


def test_ignored_labels_are_warned_of():
    one_warning(
        lambda: RNNTagger(**FAST).fit([["a", "b"], ["a", "c", "d"]], [[1, -100], [2, 1, -100]]),
        "y seems to be padded: 2 of 2 sequences end with -100",
    )


@pytest.mark.parametrize(
    "X",
    [
        np.array([[0.0, 1.0, 0.0, 2.0], [1.0, 2.0, 0.0, 0.0], [2.0, 1.0, 3.0, 0.0]]),
        np.array([[1.0, 2.0, 1.0, 0.0], [1.0, 2.0, 2.0, 0.0], [2.0, 1.0, 3.0, 0.0]]),
        np.array([[0.0, 2.0, 1.0, 3.0], [0.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]]),
        [["a", "house", "."], ["the", "garden", "."], ["some", "trees", "."]],
        [["pad", "of"], ["a", "pad"]],
        [["", "be"], ["to", ""]],
        [["a", "b", "b"], ["a", "a", "b"], ["a", "b", "b"]],
        ["aabb", "abbb", "aaab"],
    ],
)
def test_what_ends_sequences_and_is_no_padding_is_not(X):
    RNNClassifier(**FAST).fit(X, [k % 2 for k in range(len(X))])


def test_an_embedding_of_numbers_is_warned_of():
    X = np.array([[1, 2, 3], [2, 3, 1], [3, 1, 2]])
    with pytest.warns(
        UserWarning, match="embedding_size=4 has no effect, since X is read as numbers.*X = "
    ) as found:
        model = RNNClassifier(embedding_size=4, **FAST).fit(X, [0, 1, 0])
    fix = re.search(r"X = (\[.*? in X\])", str(found[0].message))[1]
    model.fit(eval(fix, {"np": np, "X": X}), [0, 1, 0])
    assert model.vocabulary_.tolist() == [1, 2, 3]
    RNNSeq2Seq(embedding_size=4, **FAST).fit(np.eye(3), ["a", "b", "c"])  # which embeds targets


def test_as_many_numbers_as_steps_are_warned_of():
    X = np.random.RandomState(0).randn(6, 4, 2)
    y = X[:, :, 0].cumsum(axis=1)
    model = one_warning(lambda: RNNRegressor(**FAST).fit(X, y), "y has 4 numbers for each.*pass list")
    assert model.predict(X).shape == (6, 4)
    assert RNNRegressor(**FAST).fit(X, list(y)).predict(X)[0].shape == (4,)
    RNNRegressor(**FAST).fit(X, y[:, :3])


class OnlyAnArray:
    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def test_padding_of_what_only_becomes_an_array():
    X, y = np.array([[1.0, 2.0, -1.0], [2.0, 1.0, 3.0]]), [1.0, 2.0]
    model = RNNRegressor(padding_value=-1, **FAST).fit(OnlyAnArray(X), OnlyAnArray(y))
    np.testing.assert_array_equal(model.predict(OnlyAnArray(X)), model.predict(X))


# The order of rows


DATES = pd.DataFrame(
    {
        "run": [1, 0, 1, 0, 0, 1],
        "day": pd.to_datetime(
            ["2026-03-02", "2026-03-01", "2026-03-01", "2026-03-03", "2026-03-02", "2026-03-03"]
        ),
        "a": np.arange(6.0) - 2.5,
    }
)


@pytest.mark.parametrize("form", ["DataFrames", "Series", "periods", "durations"])
def test_rows_in_another_order_than_the_dates_of_their_index(form):
    X = [rows.set_index("day")[["a"]] for _, rows in DATES.groupby("run")]
    if form == "Series":
        X = [x["a"] for x in X]
    elif form == "periods":
        X = [x.to_period("D") for x in X]
    elif form == "durations":
        X = [x.set_axis(x.index - pd.Timestamp("2026-01-01")) for x in X]
    message = (
        r"^X\[0\] and 1 more: the index holds dates, but the rows have another.*: X = \[x.sort_index\(\)"
    )
    one_warning(lambda: RNNClassifier(**FAST).fit(X, [0, 1]), message)
    ordered = [x.sort_index() for x in X]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = RNNClassifier(**FAST).fit(ordered, [0, 1])
        RNNClassifier(**FAST).fit([x.reset_index(drop=True) for x in X], [0, 1])
    one_warning(lambda: model.predict([X[0]]), r"^X\[0\]: the index holds dates")


@pytest.mark.parametrize("form", ["pandas", "a time zone", "polars"])
def test_a_long_table_in_another_order_than_its_dates(form):
    table = DATES.assign(day=DATES["day"].dt.tz_localize("UTC")) if form == "a time zone" else DATES
    table = pl.from_pandas(table) if form == "polars" else table
    read = partial(Sequences.from_long, table, "run", value_columns=["a"])
    one_warning(
        read, "Column 'day' of the table holds dates, but the steps have another order.*sort_by='day'"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(sort_by="day")
        ordered = DATES.sort_values("day").assign(due=DATES["day"], born=DATES["day"].iloc[0])
        Sequences.from_long(ordered, "run", value_columns=["a"])


# Precision


def test_what_float32_does_not_hold_stays_float64():
    X = [np.array([[1.7e9, 0.0], [1.7e9 + 9, 1.0]]), np.array([[1.7e9 + 5, np.nan]])]
    assert as_sequences(X, allow_nan=True).values.dtype == np.float64
    assert as_sequences([x - [1.7e9, 0] for x in X], allow_nan=True).values.dtype == np.float32
    assert as_sequences([np.full((3, 1), 1.7e9)]).values.dtype == np.float32  # constant
    assert as_sequences(X, allow_nan=True, dtype=np.float32).values.dtype == np.float32


@pytest.mark.parametrize("series", [1e6 + 0.5 * np.sin(np.arange(60)), 1.7e9 + np.arange(60.0)])
def test_float32_that_has_lost_the_differences_is_warned_of(series):
    series = series.astype(np.float32)
    message = "^X is float32, which has seven digits.*Pass float64"
    one_warning(lambda: RNNForecaster(**FAST).fit(series), message)
    one_warning(lambda: StepTransformer(StandardScaler()).fit([series[:, np.newaxis]]), message)


@pytest.mark.parametrize(
    ("fit", "name"),
    [
        (lambda lost: RNNRegressor(**FAST).fit([[[0.5]]] * 60, lost), "y"),
        (lambda lost: RNNRegressor(**FAST).fit([np.zeros((60, 1))], [lost]), "y"),
        (lambda lost: RNNSeq2Seq(**FAST).fit([np.zeros((2, 1))], [lost[:, np.newaxis]]), "y"),
        (lambda lost: RNNForecaster(**FAST).fit(np.sin(np.arange(60)), exogenous=lost), "exogenous"),
        (lambda lost: SlidingWindow(5).make_windows(lost), "X"),
    ],
)
def test_float32_that_has_lost_the_differences_is_warned_of_wherever_it_stands(fit, name):
    lost = (1.7e9 + np.sin(np.arange(60))).astype(np.float32)
    one_warning(lambda: fit(lost), f"^{name} is float32, which has seven digits")


@pytest.mark.parametrize(
    ("fit", "name"),
    [
        (lambda huge: RNNForecaster(**FAST).fit(huge), "X"),
        (lambda huge: RNNForecaster(scaling="series", **FAST).fit(huge), "X"),
        (lambda huge: RNNForecaster(**FAST).fit(np.sin(np.arange(60)), exogenous=huge), "exogenous"),
        (lambda huge: RNNSeq2Seq(**FAST).fit([np.zeros((2, 1))], [huge[:, np.newaxis]]), "y"),
        (lambda huge: RNNRegressor(**FAST).fit([[[0.5]]] * 60, huge), "y"),
    ],
)
def test_numbers_whose_variance_overflows_are_refused(fit, name):
    huge = np.sin(np.arange(60))
    huge[30] = np.finfo(float).min
    with pytest.raises(ValueError, match=f"^{name} is too large: its variance overflows"):
        fit(huge)


def test_float32_that_was_rounded_to_decimals_has_lost_nothing():
    speeds = (2388 + np.arange(-9, 60) / 100).astype(np.float32)
    StepTransformer(StandardScaler()).fit([speeds[:, np.newaxis]])


# Advice


def test_codes_as_numbers_may_be_made_integers():
    X = np.array([[40, 900, 7, 0, 0], [3, 1900, 5, 8, 0], [900, 40, 3, 7, 5], [8, 7, 1900, 0, 0]] * 3)
    with pytest.warns(UserWarning, match="If they are codes of tokens.*make them integers: ") as found:
        RNNClassifier(padding_value=0, **FAST).fit(X, [0, 1] * 6)
    fix = re.search(r"X = (\[np\.ravel.* in X\])", str(found[0].message))[1]
    assert list(map(len, eval(fix, {"np": np, "X": X}))) == [3, 4, 5, 3] * 3
    floats = [row[row > 0].astype(float) for row in X]
    with pytest.warns(UserWarning, match="If they are codes of tokens") as found:
        RNNClassifier(**FAST).fit(floats, [0, 1] * 6)
    fix = re.search(r"X = (\[np\.ravel.* in X\])", str(found[0].message))[1]
    assert [x.tolist() for x in eval(fix, {"np": np, "X": floats})] == [row[row > 0].tolist() for row in X]
    one_warning(
        lambda: RNNClassifier(**FAST).fit([x + 0.5 for x in floats], [0, 1] * 6),
        "^X has features far from mean 0(?!.*codes)",
    )


NESTED = [[0.5, -2.25], [1.0, 3.5], [-0.25, 4.0]]


@pytest.mark.parametrize(
    "form",
    [
        json.dumps,
        str,
        lambda x: str(tuple(map(tuple, x))),
        lambda x: str(np.array(x)),
        lambda x: repr(np.array(x, dtype=np.float32)),
        lambda x: str([[np.float64(v) for v in row] for row in x]),
    ],
)
def test_advice_for_lists_of_lists_as_text_works(form):
    X = [form(NESTED), form(NESTED[:2])] * 3
    with pytest.warns(UserWarning, match="lists of lists as text") as found:
        RNNClassifier(**FAST).fit(X, [0, 1] * 3)
    fix = re.search(r"make numbers of them: X = (.*)\.$", str(found[0].message))[1]
    assert eval(fix, {"re": re, "json": json, "ast": ast, "X": X})[:2] in (
        [NESTED, NESTED[:2]],
        [tuple(map(tuple, NESTED)), tuple(map(tuple, NESTED[:2]))],
    )


def test_advice_for_lists_with_missing_numbers_works():
    X = ["[0.5, None, 2.25]", "[1.5, 3.0]"] * 3
    with pytest.warns(UserWarning, match="lists of numbers as text") as found:
        RNNClassifier(**FAST).fit(X, [0, 1] * 3)
    fix = re.search(r"make numbers of them: X = (.*)\.$", str(found[0].message))[1]
    np.testing.assert_array_equal(eval(fix, {"re": re, "X": X})[0], [0.5, np.nan, 2.25])


def fail(*_):
    raise ValueError("Not so.")


REFUSED = {
    "what from_long returns": (
        lambda: RNNClassifier().fit(Sequences.from_long(DATES, "run", sort_by="day"), [0, 1]),
        r"X is a pair that begins with Sequences.* X, ids = Sequences\.from_long\(\.\.\.\)",
    ),
    "one text": (
        lambda: RNNClassifier(**FAST).fit(["ab", "c"], [0, 1]).predict("ab"),
        r"One text is passed as \[X\]",
    ),
    "the words of one sentence": (
        lambda: RNNTagger().fit(["Return", "the", "path"], ["V", "D", "N"]),
        r"if X is one list of words, pass \[X\] and \[y\]",
    ),
    "a missing word": (
        lambda: RNNTagger().fit([["a", np.nan]], [[0, 1]]),
        r"step 1 is a missing value \(nan\), but other",
    ),
    "a missing text": (
        lambda: RNNSeq2Seq().fit(["ab", "b"], pd.Series(["b", None])),
        r"y\[1\] is a missing value \((nan|None)\); leave it out",
    ),
    "dates as targets": (
        lambda: RNNSeq2Seq().fit(["ab", "b"], pd.to_datetime(pd.Series(["2026-01-01"] * 2))),
        r"y holds datetime64\[\w+\], not numbers or tokens. Make text of dates, y\.astype\(str\)",
    ),
    "a single label": (
        lambda: RNNTagger().fit(["ab"], np.array(3.0)),
        "y must hold one entry for each sequence of X, got a single float64",
    ),
    "a single source": (
        lambda: RNNSeq2Seq(**FAST).fit(["ab"], ["b"]).predict(np.array(3.0)),
        "got 0D array instead: X has shape",
    ),
    "a single true answer": (
        lambda: RNNSeq2Seq(**FAST).fit(["ab"], ["b"]).score(["ab"], np.array(3.0)),
        "must hold one entry a sequence",
    ),
    "a single number to begin with": (
        lambda: RNNLanguageModel(**FAST).fit(["ab"]).sample(1, prompt=np.array(3.0)),
        "prompt must be a text, a sequence of tokens",
    ),
    "a view of several axes": (
        lambda: SlidingWindow(2, horizon=memoryview(np.ones((3, 2)))).make_windows(np.arange(9.0)),
        "horizon cannot be read as an array",
    ),
    "steps without features": (
        lambda: as_sequences([np.empty((4, 0), dtype=object), [["a"], ["b"]]]),
        r"X\[0\] has 0 str a step",
    ),
    "all weights frozen": (
        lambda: RNNClassifier(callbacks=[Freezer("*")], **FAST).fit(["ab", "b"], [0, 1]),
        "No weight is left to train: callbacks have frozen all of them",
    ),
    "a missing word of a table": (
        lambda: RNNTagger().fit(Sequences.from_lengths(np.array(["a", None], dtype=object), [2]), [[0, 1]]),
        r"X\[0\] has a missing value \(None\) at step 1",
    ),
    "a table of text": (
        lambda: RNNSeq2Seq().fit(pd.DataFrame({"x": ["ab", "b"]}), ["b", "ab"]),
        "X is a DataFrame that holds text.*pass one column as a list of str",
    ),
    "a number for each source": (
        lambda: RNNSeq2Seq().fit(["ab", "b"], pd.Series([1.0, 2.0], index=[7, 8])),
        "y holds a number for each source.*RNNRegressor predicts numbers",
    ),
    "weights of steps": (
        lambda: RNNClassifier().fit(["ab", "b"], [0, 1], sample_weight=[[1, 1], [1]]),
        "Sample weights must be 1D array or scalar, got 2D array. Each sequence has one",
    ),
    "a scorer that fails": (
        lambda: RNNClassifier(early_stopping=True, scoring=fail, **FAST | {"max_iter": 2}).fit(
            list("abc") * 20, [0, 1, 2] * 20
        ),
        r"fails on the validation data: Not so\. It must be called as",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_has_a_way_out(what):
    call, message = REFUSED[what]
    with pytest.raises((TypeError, ValueError), match=f"(?s){message}"):
        call()
