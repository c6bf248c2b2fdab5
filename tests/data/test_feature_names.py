"""Names of features: where they come from, what keeps them, and who compares them."""

import builtins
import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger, Sequences
from sklearn_rnn.data import as_sequences
from sklearn_rnn.persistence import TRUSTED_TYPES
from sklearn_rnn.preprocessing import (
    SequenceOneHotEncoder,
    SequencePadder,
    SequenceTruncator,
    SlidingWindow,
    StepTransformer,
)

NAMES = ("temp", "wind")
LENGTHS = [3, 1, 4, 2]
VALUES = np.random.default_rng(0).normal(size=(sum(LENGTHS), 2)).astype(np.float32)
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])
LABELS = [0, 1, 0, 1]


def named(names=NAMES):
    """The same sequences with their columns in the order of the names; "temp" is always the same."""
    values = {"temp": VALUES[:, 0], "wind": VALUES[:, 1]}
    columns = [values.get(name, VALUES[:, 1]) for name in names]
    return Sequences(np.stack(columns, axis=1), OFFSETS, feature_names=names)


def frames(frame=pd.DataFrame, names=NAMES):
    return [frame(dict(zip(names, x.T, strict=True))) for x in named(names)]


def long_table():
    return pd.DataFrame({"run": np.repeat(list("dbca"), LENGTHS), **dict(zip(NAMES, VALUES.T, strict=True))})


# Where names come from


def test_names_of_a_constructor():
    assert named().feature_names == NAMES
    assert Sequences(VALUES, OFFSETS, feature_names=pd.Index(NAMES)).feature_names == NAMES
    assert Sequences(VALUES, OFFSETS, feature_names=iter(NAMES)).feature_names == NAMES
    assert Sequences(VALUES, OFFSETS).feature_names is None
    assert (
        repr(named())
        == repr(Sequences(VALUES, OFFSETS))
        == "Sequences(4 sequences of 1 to 4 steps, 2 features)"
    )


@pytest.mark.parametrize(
    ("values", "names", "error", "message"),
    [
        (VALUES, ["temp"], ValueError, "feature_names holds 1 name, but there are 2 features"),
        (VALUES, ["temp", 1], TypeError, r"must hold one str a feature, but it is \('temp', 1\)"),
        (VALUES, "ab", TypeError, "must hold one str a feature, but it is 'ab'"),
        (VALUES[:, 0], ["temp"], ValueError, "values hold tokens, which have no features"),
    ],
)
def test_wrong_names(values, names, error, message):
    with pytest.raises(error, match=message):
        Sequences(values, OFFSETS, feature_names=names)


@pytest.mark.parametrize(
    ("value_columns", "expected"),
    [
        (None, ("temp", "wind", "state")),
        (["wind", "temp"], ("wind", "temp")),
        (["state"], ("state",)),
        ("temp", ("temp",)),
        ("state", None),  # one column of integers: tokens
        ("word", None),
    ],
)
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_names_of_a_long_table(frame, value_columns, expected):
    table = long_table().assign(state=range(10))
    if value_columns == "word":
        table = table.assign(word=list("abcdefghij"))
    X, _ = Sequences.from_long(frame(table.to_dict("list")), "run", value_columns=value_columns)
    assert X.feature_names == expected


def test_a_long_table_without_names():
    table = long_table().rename(columns={"wind": 0})
    assert Sequences.from_long(table, "run")[0].feature_names is None


@pytest.mark.parametrize("collect", [list, tuple, pd.Series])
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_names_of_data_frames(frame, collect):
    X = as_sequences(collect(frames(frame)))
    assert X.feature_names == NAMES
    np.testing.assert_array_equal(X.values, VALUES)
    assert as_sequences(frames(frame), padding_value=-1.0).feature_names == NAMES
    assert as_sequences([*frames(frame), VALUES]).feature_names == NAMES  # an array agrees with any names


@pytest.mark.parametrize(
    "X",
    [
        list(named()),
        [pd.DataFrame(x) for x in named()],
        [pd.DataFrame(x, columns=["temp", 1]) for x in named()],
        [pd.Series(x[:, 0], name="temp") for x in named()],
        pd.DataFrame({"monday": [1.0, 2.0], "tuesday": [3.0, 4.0]}),  # names of steps
        named().to_padded(),
    ],
    ids=["arrays", "numbers as names", "some names", "Series", "one DataFrame", "padded"],
)
def test_forms_without_names(X):
    assert as_sequences(X).feature_names is None


def test_columns_that_differ_come_in_one_message():
    good = frames()[0]
    bad = [
        good,
        good[["wind", "temp"]],
        good,
        good.assign(hum=0),
        good.rename(columns={"temp": "t"}),
        good * np.nan,
    ]
    with pytest.raises(ValueError, match="another order") as caught:
        as_sequences(bad)
    assert [
        line.split(";")[0].rstrip(".") for line in str(caught.value).splitlines() if "features" not in line
    ] == [
        "X[1] has the columns of X[0] in another order",
        "X[3] has the columns ['hum'], which X[0] lacks",
        "X[4] lacks the columns ['temp'], which X[0] has",
        "X[5] has NaN at step 0, feature 0",
    ]
    with pytest.raises(ValueError, match=r"X\[1\] lacks the columns \['temp', 'wind'\]"):
        as_sequences([good, pd.DataFrame(good.to_numpy())])
    with pytest.raises(ValueError, match=r"X\[1\] lacks the columns \[0, 1\]"):
        as_sequences([pd.DataFrame(good.to_numpy()), good])


def test_numbers_of_columns_are_no_names():
    X = as_sequences([pd.DataFrame(VALUES), pd.DataFrame(VALUES, columns=[7, 8])])
    assert X.feature_names is None


def test_an_empty_data_frame_is_called_empty():
    with pytest.raises(ValueError, match=r"^X\[0\] is empty.*$"):
        as_sequences([pd.DataFrame(), *frames()])
    with pytest.raises(ValueError, match=r"^X\[0\] is empty.*$"):
        as_sequences([pd.DataFrame(columns=NAMES, dtype=float)])


# What keeps them


@pytest.mark.parametrize(
    "keep",
    [
        lambda X: X[1:3],
        lambda X: X[::-1],
        lambda X: X[[0, 2]],
        lambda X: X[np.array([True, False, False, True])],
        lambda X: X[:0],
        copy.copy,
        copy.deepcopy,
        lambda X: pickle.loads(pickle.dumps(X)),
        as_sequences,
        lambda X: as_sequences(Sequences(X.values.astype(int), X.offsets, feature_names=X.feature_names)),
    ],
    ids=["slice", "step", "rows", "mask", "none", "copy", "deepcopy", "pickle", "read", "converted"],
)
def test_what_keeps_names(keep):
    assert keep(named()).feature_names == NAMES


def test_other_values_have_other_names():
    assert named().with_values(VALUES).feature_names is None
    assert named().with_values(VALUES[:, :1], feature_names=["temp"]).feature_names == ("temp",)
    assert StepTransformer(StandardScaler()).fit_transform(named()).feature_names is None


# Who compares them

LEARNERS = {
    "RNNClassifier": RNNClassifier(max_iter=1),
    "RNNRegressor": RNNRegressor(max_iter=1),
    "StepTransformer": StepTransformer(StandardScaler()),
    "SequencePadder": SequencePadder(),
    "SequenceTruncator": SequenceTruncator(2),
}


def answer(model, X):
    return model.transform(X) if hasattr(model, "transform") else model.predict(X)


@pytest.mark.parametrize(
    "fitted", [named(), frames(), frames(pl.DataFrame)], ids=["Sequences", "pandas", "polars"]
)
@pytest.mark.parametrize("case", LEARNERS)
def test_names_are_learnt_and_compared(case, fitted):
    model = clone(LEARNERS[case]).fit(fitted, LABELS)
    assert model.feature_names_in_.dtype == object
    assert model.feature_names_in_.tolist() == list(NAMES)
    for again in (model, pickle.loads(pickle.dumps(model))):
        answer(again, fitted)
        for X in (named(NAMES[::-1]), frames(names=NAMES[::-1])):
            with pytest.raises(
                ValueError, match="should match those .* fit.\nFeature names must be in the same order"
            ):
                answer(again, X)


def test_the_message_is_that_of_scikit_learn():
    table = pd.DataFrame(np.zeros((3, 8)), columns=list("abcdefgh"))
    X = Sequences(np.zeros((3, 8)), [0, 1, 2, 3], feature_names=list("abcdefgh"))
    for names in ("abcdefhg", "abcdefgx", "ijklmnop", "ibcdefgh"):
        theirs = LinearRegression().fit(table, [0, 1, 2])
        with pytest.raises(ValueError) as expected:
            theirs.predict(table.set_axis(list(names), axis=1))
        ours = RNNClassifier(max_iter=1).fit(X, [0, 1, 0])
        with pytest.raises(ValueError) as caught:
            ours.predict(Sequences(X.values, X.offsets, feature_names=list(names)))
        assert str(caught.value) == str(expected.value)


def test_another_number_of_features_is_told_by_names():
    model = RNNClassifier(max_iter=1).fit(named(), LABELS)
    with pytest.raises(ValueError, match="unseen at fit time:\n- hum"):
        model.predict(Sequences(np.zeros((2, 3)), [0, 2], feature_names=[*NAMES, "hum"]))


@pytest.mark.parametrize("case", LEARNERS)
def test_names_at_one_side_alone_say_nothing(case):
    model = clone(LEARNERS[case]).fit(named(), LABELS)
    answer(model, list(named()))  # what train_test_split makes of Sequences
    model.fit(list(named()), LABELS)
    assert not hasattr(model, "feature_names_in_")  # a fit without names forgets those before
    answer(model, named())


def test_names_of_a_table_are_those_of_steps():
    table = pd.DataFrame({"monday": [1.0, 2.0, 3.0], "tuesday": [3.0, 4.0, 5.0]})
    one = Sequences(VALUES[:, :1], OFFSETS, feature_names=["temp"])
    for model in (RNNClassifier(max_iter=1), StepTransformer(StandardScaler())):
        model.fit(table, [0, 1, 0])
        answer(model, one)
        assert model.feature_names_in_.tolist() == ["monday", "tuesday"]
        model.fit(one, LABELS)
        assert model.feature_names_in_.tolist() == ["temp"]
        answer(model, table)


def test_more_training_compares_and_a_failed_fit_changes_nothing():
    model = RNNClassifier(max_iter=1).partial_fit(named(), LABELS)
    with pytest.raises(ValueError, match="must be in the same order"):
        model.partial_fit(named(NAMES[::-1]), LABELS)
    with pytest.raises(ValueError):
        model.fit(named(("wind", "hum")), LABELS[:2])
    assert model.feature_names_in_.tolist() == list(NAMES)
    with pytest.raises(ValueError, match="For X_val and y_val: The feature names should match"):
        model.fit(named(), LABELS, X_val=named(NAMES[::-1]), y_val=LABELS)
    scaler = StepTransformer(StandardScaler()).partial_fit(named())
    with pytest.raises(ValueError, match="must be in the same order"):
        scaler.partial_fit(named(NAMES[::-1]))


def test_hidden_states_compare_too():
    tagger = RNNTagger(max_iter=1).fit(named(), [["a", "b", "a", "a"][:n] for n in LENGTHS])
    with pytest.raises(ValueError, match="must be in the same order"):
        tagger.hidden_states(named(NAMES[::-1]))


def test_names_are_stored_by_skops(tmp_path):
    model = make_pipeline(StepTransformer(StandardScaler()), RNNClassifier(max_iter=1)).fit(named(), LABELS)
    skops.io.dump(model, tmp_path / "model.skops")
    joblib.dump(model, tmp_path / "model.joblib")
    for again in (
        skops.io.load(tmp_path / "model.skops", trusted=TRUSTED_TYPES),
        joblib.load(tmp_path / "model.joblib"),
    ):
        assert again.feature_names_in_.tolist() == list(NAMES)
        with pytest.raises(ValueError, match="must be in the same order"):
            again.predict(named(NAMES[::-1]))


# Transformers of steps that ask for features by name

BY_NAME = {
    "name": make_column_transformer((StandardScaler(), ["wind"])),
    "selector": make_column_transformer((StandardScaler(), make_column_selector("wi"))),
    "number": make_column_transformer((StandardScaler(), [1])),
    "in a pipeline": make_pipeline(make_column_transformer((StandardScaler(), ["wind"]))),
}


@pytest.mark.parametrize(
    "fitted", [named(), frames(), frames(pl.DataFrame)], ids=["Sequences", "pandas", "polars"]
)
@pytest.mark.parametrize("case", BY_NAME)
def test_features_by_name(case, fitted):
    step = StepTransformer(BY_NAME[case])
    expected = StandardScaler().fit_transform(VALUES[:, 1:])
    np.testing.assert_allclose(step.fit_transform(fitted).values, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(step.fit(fitted).transform(fitted).values, expected, rtol=1e-6, atol=1e-7)
    assert step.get_feature_names_out().tolist() == ["standardscaler__wind"]
    # Without names, features are taken to be those of fit.
    np.testing.assert_allclose(step.transform(list(named())).values, expected, rtol=1e-6, atol=1e-7)


def test_features_by_name_in_a_union():
    union = make_union(PCA(1), make_column_transformer((StandardScaler(), ["wind"])))
    step = StepTransformer(union).fit(named())
    assert step.get_feature_names_out().tolist() == ["pca__pca0", "columntransformer__standardscaler__wind"]


def test_features_by_name_in_cross_validation():
    X, y = frames() * 3, LABELS * 3
    scaled = StepTransformer(make_column_transformer((StandardScaler(), ["temp"])))
    model = make_pipeline(scaled, RNNClassifier(max_iter=1))
    assert np.isfinite(cross_val_score(model, X, y, cv=2, error_score="raise")).all()
    train, test = train_test_split(X, random_state=0)
    assert scaled.fit(train).transform(test).n_features == 1


def test_without_pandas_features_have_numbers(monkeypatch):
    import_module = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return import_module(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    step = StepTransformer(make_column_transformer((StandardScaler(), [1]))).fit(named())
    assert not hasattr(step.transformer_, "feature_names_in_")
    assert step.transform(named()).n_features == 1
    assert step.get_feature_names_out().tolist() == ["standardscaler__wind"]


def test_other_transformers_are_given_arrays():
    seen = []
    step = StepTransformer(FunctionTransformer(lambda rows: seen.append(type(rows)) or rows))
    step.fit(named()).transform(named())
    assert set(seen) == {np.ndarray}


def test_names_that_go_out():
    scaler = StepTransformer(StandardScaler()).fit(named())
    assert scaler.get_feature_names_out().tolist() == list(NAMES)
    assert scaler.get_feature_names_out(NAMES).tolist() == list(NAMES)
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        scaler.get_feature_names_out(["a", "b"])
    assert StepTransformer(PCA(1)).fit(named()).get_feature_names_out().tolist() == ["pca0"]
    assert SequenceTruncator(2).fit(named()).get_feature_names_out().tolist() == list(NAMES)
    codes = Sequences([[1.0], [2.0]], [0, 2], feature_names=["state"])
    assert SequenceOneHotEncoder().fit(codes).get_feature_names_out().tolist() == ["x0_1", "x0_2"]
    letters = StepTransformer(CountVectorizer(analyzer="char")).fit([["ab"]])
    assert letters.get_feature_names_out().tolist() == ["a", "b"]


# Windows


@pytest.mark.parametrize(
    "series",
    [named()[[0, 2]], Sequences.from_long(long_table(), "run")[0][[0, 2]], [frames()[i] for i in (0, 2)]],
    ids=["Sequences", "long table", "DataFrames"],
)
def test_windows_know_names(series):
    _, y = SlidingWindow(2, target="wind").make_windows(series)
    np.testing.assert_array_equal(y, VALUES[[2, 6, 7], 1])
    with pytest.raises(ValueError, match=r"target='wnd' is not a feature of X\. Did you mean 'wind'"):
        SlidingWindow(2, target="wnd").make_windows(series)


# Tables, one row a step


def test_repeats_of_what_orders_steps_are_told():
    table = pd.DataFrame({"id": ["a", "b", "a", "a", "b"], "time": [0, 0, 1, 0, 1], "v": 0.0})
    with pytest.warns(UserWarning, match="'time', .* in 1 place, first 0 in the sequence a: steps") as caught:
        Sequences.from_long(table, "id", sort_by="time")
    assert caught[0].filename == __file__
    with pytest.warns(
        UserWarning, match=r"in 2 places, first 2020-01-01.* in the sequence b: .*table\[\"id\"\] ="
    ):
        days = pd.to_datetime(["2020-01-01"] * 2 + ["2020-01-02"] + ["2020-01-01"] * 2)
        Sequences.from_long(table.assign(time=days, id=["a", "b", "a", "a", "b"])[::-1], "id", sort_by="time")
    table["id"] = table["id"] + "/" + pd.Series([0, 0, 0, 1, 0]).astype(str)
    assert len(Sequences.from_long(table, "id", sort_by="time")[0]) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"id_column": ["id", "run"]},
            r"id_column is .* \['id', 'run'\]\. .*\.astype\(str\) \+ \"/\" \+ table\[",
        ),
        ({"id_column": "id", "sort_by": ["time"]}, "sort_by is the name of one column.* Sort the table"),
    ],
)
def test_one_column_is_built_of_several(arguments, message):
    with pytest.raises(TypeError, match=message):
        Sequences.from_long(pd.DataFrame({"id": [1], "run": [2], "time": [3]}), **arguments)


GROUPS = long_table().groupby("run")


@pytest.mark.parametrize(
    "X",
    [GROUPS, list(GROUPS), list(GROUPS["temp"]), list(pl.DataFrame({"a": [1.0]}).group_by("a"))],
    ids=["groups", "pairs", "Series", "polars"],
)
def test_groups_of_a_table_are_pairs(X):
    with pytest.raises(TypeError, match=r"pairs of a name and a DataFrame; .* \[d for _, d in X\]") as caught:
        as_sequences(X)
    assert "\n" not in str(caught.value)


def test_a_dict_is_no_list():
    with pytest.raises(TypeError, match=r"of type dict\. Pass list\(X\.values\(\)\)\.$"):
        as_sequences({"a": VALUES})


@pytest.mark.parametrize("side", ["end", "start"])
def test_truncation_keeps_names(side):
    cut = SequenceTruncator(2, side=side).fit_transform(named())
    assert cut.feature_names == NAMES
    assert cut.lengths.tolist() == [2, 1, 2, 2]
