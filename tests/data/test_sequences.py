"""The container: construction, indexing, converters, copies, and scikit-learn's ways of cutting data."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.utils import indexable, resample, shuffle

from sklearn_rnn import Sequences
from sklearn_rnn.data import as_sequences
from sklearn_rnn.data.arrays import find_places, trailing_lengths
from sklearn_rnn.data.sequences import find_first_steps, locate_steps, step_positions

LENGTHS = [3, 1, 4, 0, 2]


def numbers(n_features=2):
    n_steps = sum(LENGTHS)
    return Sequences.from_lengths(
        np.arange(float(n_steps * n_features)).reshape(n_steps, n_features), LENGTHS
    )


def tokens():
    return Sequences.from_lengths(np.array(list("abcdefghij")), LENGTHS)


def integers():
    return Sequences.from_lengths(np.arange(10), LENGTHS)


KINDS = [numbers, tokens, integers]


def parts(X):
    """Sequences as a list of lists, cut in plain Python."""
    values, offsets = X.values.tolist(), X.offsets.tolist()
    return [values[a:b] for a, b in zip(offsets[:-1], offsets[1:], strict=True)]


def same(X, expected):
    assert isinstance(X, Sequences)
    assert parts(X) == list(expected)


# Construction


def test_from_lengths_shares_memory():
    values = np.zeros((3, 2))
    X = Sequences.from_lengths(values, [1, 2])
    assert X.values is values
    assert X.offsets.tolist() == [0, 1, 3]
    assert X.offsets.dtype == np.int64
    assert X.lengths.tolist() == [1, 2]
    assert len(X) == 2


@pytest.mark.parametrize(("make", "n_features", "is_tokens"), [(numbers, 2, False), (tokens, None, True)])
def test_properties(make, n_features, is_tokens):
    X = make()
    assert X.n_features == n_features
    assert X.is_tokens is is_tokens
    assert not hasattr(X, "shape")  # scikit-learn would index it like an array
    assert not hasattr(X, "__dict__")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequences(np.zeros((2, 1, 1)), [0, 2]), "values needs 1 axis .* or 2 axes .*, but has 3"),
        (lambda: Sequences(np.float64(3), [0]), "but has 0"),
        (
            lambda: Sequences(np.zeros(2), [1, 2]),
            "offsets must be one-dimensional, start at 0 and never decrease",
        ),
        (lambda: Sequences(np.zeros(2), [0, 2, 1, 2]), "never decrease"),
        (lambda: Sequences(np.zeros(2), [[0, 2]]), "one-dimensional"),
        (lambda: Sequences(np.zeros(0), []), "start at 0"),
        (lambda: Sequences(np.zeros(3), [0, 2]), "offsets end at 2, but there are 3 steps in values"),
        (lambda: Sequences(np.zeros(2), [0, 1.5, 2]), "offsets must be whole numbers"),
        (
            lambda: Sequences.from_lengths(np.zeros(2), [3, -1]),
            "lengths must be one-dimensional and not negative",
        ),
        (lambda: Sequences.from_lengths(np.zeros(2), [[1, 1]]), "lengths must be one-dimensional"),
        (lambda: Sequences.from_lengths(np.zeros(2), [0.5, 1.5]), "lengths must be whole numbers"),
        (lambda: Sequences.from_lengths(np.zeros(2), [1, 2]), "offsets end at 3, but there are 2 steps"),
        (lambda: numbers().with_values(np.zeros((3, 1))), "offsets end at 10, but there are 3 steps"),
    ],
)
def test_construction_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_whole_floats_are_lengths():
    assert Sequences.from_lengths(np.zeros(3), np.array([1.0, 2.0])).lengths.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("X", "text"),
    [
        (numbers(), "Sequences(5 sequences of 0 to 4 steps, 2 features)"),
        (tokens(), "Sequences(5 sequences of 0 to 4 steps, tokens)"),
        (numbers(1)[1:2], "Sequences(1 sequence of 1 step, 1 feature)"),
        (numbers()[:0], "Sequences(0 sequences of 0 steps, 2 features)"),
    ],
)
def test_repr(X, text):
    assert repr(X) == text


# Indexing


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("i", [0, 2, 3, 4, -1, -5, np.int32(2), np.int64(-2), np.uint8(1)])
def test_integer_gives_a_view_of_one_sequence(make, i):
    X = make()
    assert X[i].tolist() == parts(X)[i]
    assert len(X[i]) == 0 or np.shares_memory(X[i], X.values)


@pytest.mark.parametrize("i", [5, -6, 100])
def test_integer_out_of_range(i):
    with pytest.raises(IndexError, match=f"There is no sequence {i}: there are 5"):
        numbers()[i]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("start", [None, 0, 1, 3, 5, 9, -2, -9])
@pytest.mark.parametrize("stop", [None, 0, 2, 5, 9, -1])
@pytest.mark.parametrize("step", [None, 1, 2, -1, -2])
def test_slices(make, start, stop, step):
    X = make()
    cut = X[start:stop:step]
    same(cut, parts(X)[start:stop:step])
    assert cut.offsets[0] == 0
    if step in (None, 1) and len(cut.values):
        assert np.shares_memory(cut.values, X.values)


def test_slice_of_slice_is_a_view_too():
    X = numbers()
    inner = X[1:][1:]
    same(inner, parts(X)[2:])
    assert np.shares_memory(inner.values, X.values)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    "key",
    [
        [0],
        [4, 0, 0, -1],
        (1, 3),
        np.array([2, 3]),
        np.array([2, 3], dtype=np.int32),
        np.array([2, 3], dtype=np.uint64),
        pd.Series([3, 2], index=[7, 8]),
        range(3),
        [3, 3],
    ],
    ids=str,
)
def test_arrays_of_integers(make, key):
    X = make()
    same(X[key], [parts(X)[i] for i in key])


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_masks(kind):
    X = numbers()
    mask = [True, False, False, True, True]
    same(X[kind(mask)], [part for part, keep in zip(parts(X), mask, strict=True) if keep])
    same(X[kind([False] * 5)], [])


@pytest.mark.parametrize(
    "key", [[], (), np.array([]), np.array([], dtype=int), slice(0, 0), slice(3, 1)], ids=str
)
def test_nothing(key):
    X = numbers()[key]
    same(X, [])
    assert X.values.shape == (0, 2)
    assert list(X) == []


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (1.0, "indexed by an integer, a slice, a boolean mask or an array of integers"),
        ("a", "indexed by an integer"),
        (None, "indexed by an integer"),
        (np.array([[0, 1]]), "indexed by an integer"),
        ([0.0, 1.0], "indexed by an integer"),
        ([0, 5], "There are 5 sequences; the index goes from 0 to 5"),
        ([-6, 0], "There are 5 sequences; the index goes from -6 to 0"),
        ([True, False], r"The mask has shape \(2,\), but there are 5 sequences"),
        (np.ones((5, 1), dtype=bool), r"The mask has shape \(5, 1\)"),
    ],
)
def test_index_errors(key, message):
    with pytest.raises(IndexError, match=message):
        numbers()[key]


def test_iteration_and_unpacking():
    X = numbers()
    assert [x.tolist() for x in X] == parts(X)
    first, *_, last = X
    assert first.shape == (3, 2)
    assert last.shape == (2, 2)


def test_what_arrays_give_is_a_copy():
    X = numbers()
    X[[0, 1]].values[:] = -1
    assert X.values.min() == 0


def test_steps_of_a_view_can_be_written():
    X = numbers()
    X[0][:] = -1
    assert (X.values[:3] == -1).all()


# scikit-learn's ways


def test_train_test_split():
    X = numbers()
    y = np.arange(5)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=2, random_state=0)
    assert [x.tolist() for x in X_train] == [parts(X)[i] for i in y_train]
    assert [x.tolist() for x in X_test] == [parts(X)[i] for i in y_test]
    first = next(x for x in X_train if len(x))
    assert np.shares_memory(first, X.values)


@pytest.mark.parametrize("splitter", [KFold(3), StratifiedKFold(2)])
def test_splitters(splitter):
    X = Sequences.from_lengths(np.arange(21.0)[:, np.newaxis], [1, 2, 3, 4, 5, 6])
    y = np.array([0, 0, 0, 1, 1, 1])
    tested = []
    for train, test in splitter.split(X, y):
        same(X[test], [parts(X)[i] for i in test])
        assert len(X[train]) + len(X[test]) == 6
        tested += X[test].values.ravel().tolist()
    assert sorted(tested) == list(range(21))


def test_indexable_and_shuffle_and_resample():
    X = numbers()
    assert indexable(X)[0] is X
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        indexable(X, [1, 2])
    shuffled, order = shuffle(X, np.arange(5), random_state=1)
    assert [x.tolist() for x in shuffled] == [parts(X)[i] for i in order]
    drawn, rows = resample(X, np.arange(5), random_state=1)
    assert [x.tolist() for x in drawn] == [parts(X)[i] for i in rows]


def test_what_scikit_learn_cuts_reads_back():
    X = Sequences.from_lengths(np.arange(6.0)[:, np.newaxis], [1, 2, 3])
    cut, _ = train_test_split(X, test_size=1, shuffle=False)
    same(as_sequences(cut), parts(X)[:2])


# Copies


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(make, protocol):
    X = make()
    again = pickle.loads(pickle.dumps(X, protocol))
    same(again, parts(X))
    assert again.values.dtype == X.values.dtype


@pytest.mark.parametrize("make", KINDS)
def test_copies(make):
    X = make()
    deep, shallow = copy.deepcopy(X), copy.copy(X)
    same(deep, parts(X))
    same(shallow, parts(X))
    assert not np.shares_memory(deep.values, X.values)
    assert shallow.values is X.values


def test_pickle_of_a_slice_holds_the_slice_alone():
    X = Sequences.from_lengths(np.zeros((10_000, 1)), [1] * 10_000)
    assert len(pickle.dumps(X[:10])) < 2_000


def test_joblib_hash():
    X = numbers()
    assert joblib.hash(X) == joblib.hash(copy.deepcopy(X))
    assert joblib.hash(X) != joblib.hash(X[:4])


# Padding


@pytest.mark.parametrize("padding_value", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("n_steps", [None, 4, 7])
def test_padding_round_trip(padding_value, n_steps):
    X = numbers()
    padded = X.to_padded(padding_value, n_steps=n_steps)
    assert padded.shape == (5, n_steps or 4, 2)
    assert padded.dtype == X.values.dtype
    for row, part in zip(padded, parts(X), strict=True):
        assert row[: len(part)].tolist() == part
        np.testing.assert_array_equal(row[len(part) :], padding_value)
    same(Sequences.from_padded(padded, padding_value=padding_value), parts(X))
    same(Sequences.from_padded(padded, LENGTHS), parts(X))


@pytest.mark.parametrize("padding_value", ["_", "<PAD>", ""])
@pytest.mark.parametrize("dtype", [None, object])
def test_padding_round_trip_of_text(padding_value, dtype):
    X = tokens()
    X = X.with_values(X.values.astype(dtype or X.values.dtype))
    padded = X.to_padded(padding_value)
    assert padded.shape == (5, 4)
    assert padded[1].tolist() == ["d", *[padding_value] * 3]
    same(Sequences.from_padded(padded, padding_value=padding_value), parts(X))
    same(Sequences.from_padded(padded, LENGTHS), parts(X))


def test_padding_of_integers():
    padded = integers().to_padded(-1)
    assert padded.dtype == np.int64
    assert padded[1].tolist() == [3, -1, -1, -1]
    same(Sequences.from_padded(padded, padding_value=-1), [[[t] for t in part] for part in parts(integers())])


@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (lambda: numbers().to_padded(n_steps=3), "n_steps=3 is less than the longest sequence's 4 steps"),
        (lambda: tokens().to_padded(), "padding_value=0.0 must be a str, as the tokens are"),
        (
            lambda: integers().to_padded(np.nan),
            "padding_value=nan is not an integer, but the values are int64",
        ),
        (lambda: integers().to_padded(0.5), "padding_value=0.5 is not an integer"),
        (lambda: Sequences.from_padded(np.zeros((2, 3))), "Pass either lengths or padding_value"),
        (lambda: Sequences.from_padded(np.zeros((2, 3)), [1, 2], padding_value=0), "and not both"),
        (lambda: Sequences.from_padded(np.zeros((2, 3)), [1, 4]), "one number from 0 to 3 for each of the 2"),
        (lambda: Sequences.from_padded(np.zeros((2, 3)), [1, -1]), "one number from 0 to 3"),
        (lambda: Sequences.from_padded(np.zeros((2, 3)), [1]), "for each of the 2 sequences"),
        (lambda: Sequences.from_padded(np.zeros(3), [1]), "X needs 2 or 3 axes .*, but has 1"),
    ],
)
def test_padding_errors(convert, message):
    with pytest.raises(ValueError, match=message):
        convert()


def test_only_trailing_steps_are_padding():
    X = Sequences.from_padded([[0.0, 1.0, 0.0, 2.0, 0.0], [0.0] * 5], padding_value=0.0)
    same(X, [[[0.0], [1.0], [0.0], [2.0]], []])
    padded = np.array([[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
    assert Sequences.from_padded(padded, padding_value=0.0).lengths.tolist() == [2]


def test_no_sequences_can_be_padded():
    assert numbers()[:0].to_padded().shape == (0, 0, 2)


# Long tables

TABLE = {
    "engine": ["b", "a", "b", "b", "a"],
    "time": [3, 2, 1, 2, 1],
    "speed": [0.3, 1.2, 0.1, 0.2, 1.1],
    "heat": [3, 12, 1, 2, 11],
    "word": ["c", "B", "a", "b", "A"],
}


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_from_long(frame):
    table = frame(TABLE)
    X, ids = Sequences.from_long(table, "engine", value_columns=["speed", "heat"], sort_by="time")
    assert ids.tolist() == ["b", "a"]
    same(X, [[[0.1, 1.0], [0.2, 2.0], [0.3, 3.0]], [[1.1, 11.0], [1.2, 12.0]]])
    X, _ = Sequences.from_long(table, "engine", value_columns=["speed"])
    same(X, [[[0.3], [0.1], [0.2]], [[1.2], [1.1]]])
    X, _ = Sequences.from_long(table, "engine", value_columns="speed")
    assert X.n_features == 1
    X, _ = Sequences.from_long(table, "engine", value_columns="word", sort_by="time")
    same(X, [["a", "b", "c"], ["A", "B"]])
    assert as_sequences(X).is_tokens
    X, _ = Sequences.from_long(
        frame({k: TABLE[k] for k in ("engine", "time", "speed")}), "engine", sort_by="time"
    )
    assert X.n_features == 1  # the columns of ids and of order are no features


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("ids", [[7, 3, 7], [0.5, 0.1, 0.5], [True, False, True]])
def test_from_long_takes_any_ids(frame, ids):
    X, names = Sequences.from_long(frame({"id": ids, "v": [1.0, 2.0, 3.0]}), "id")
    assert names.tolist() == ids[:2]
    same(X, [[[1.0], [3.0]], [[2.0]]])


def test_from_long_keeps_to_positions_and_sorts_by_dates():
    table = pd.DataFrame(
        {
            "id": [1, 1, 2],
            "day": pd.to_datetime(["2020-02-01", "2020-01-01", "2020-01-01"]),
            "v": [2.0, 1.0, 3.0],
        },
        index=[5, 5, 0],
    )
    X, _ = Sequences.from_long(table, "id", sort_by="day")
    same(X, [[[1.0], [2.0]], [[3.0]]])


def test_from_long_takes_nullable_numbers():
    table = pd.DataFrame({"id": [1, 2], "v": pd.array([1, None], dtype="Int64"), "w": [True, False]})
    X, _ = Sequences.from_long(table, "id")
    np.testing.assert_array_equal(X.values, [[1.0, 1.0], [np.nan, 0.0]])
    X, _ = Sequences.from_long(pd.DataFrame({"id": [1, 1], "v": pd.array([True, None], "boolean")}), "id")
    np.testing.assert_array_equal(X.values, [[1.0], [np.nan]])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.Series([10**400, 1], dtype=object), "Column 'v' holds a number that is too large"),
        pytest.param(
            pl.Series([1, 2]).cast(getattr(pl, "Int128", pl.Int64)),
            "Column 'v' cannot be read as an array",
            marks=pytest.mark.skipif(not hasattr(pl, "Int128"), reason="needs a newer polars"),
        ),
        (
            pd.to_datetime(pd.Series(["2026-01-01"] * 2)),
            "'v' holds datetime64.*seconds since the step",
        ),
    ],
)
def test_from_long_names_the_column_that_it_cannot_read(column, message):
    frame = pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame
    with pytest.raises((TypeError, ValueError), match=message):
        Sequences.from_long(frame({"id": [1, 1], "v": column}), "id", value_columns=["v"])


def test_from_long_takes_columns_whose_name_is_0():
    X, _ = Sequences.from_long(pd.DataFrame({"id": [1, 1], 0: [2, 1], "v": [2.0, 1.0]}), "id", sort_by=0)
    same(X, [[[1.0], [2.0]]])


DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri"]
GIVEN = ["Fri", "Wed", "Mon", "Tue", "Thu"]


def test_from_long_sorts_categories_by_their_order():
    places = [float(DAYS.index(day)) for day in GIVEN]

    def sort(frame, column):
        return Sequences.from_long(frame({"id": 1, "day": column, "v": places}), "id", sort_by="day")[0]

    def of_polars(columns):
        return pl.DataFrame(columns | {"id": [1] * 5})

    in_order = [[[0.0], [1.0], [2.0], [3.0], [4.0]]]
    same(sort(pd.DataFrame, pd.Categorical(GIVEN, DAYS, ordered=True)), in_order)
    same(sort(of_polars, pl.Series(GIVEN, dtype=pl.Enum(DAYS))), in_order)
    same(sort(pd.DataFrame, pd.PeriodIndex([f"20{20 + int(k)}" for k in places], freq="Y")), in_order)
    same(sort(pd.DataFrame, pd.Categorical(GIVEN, DAYS)), in_order)  # as pandas does
    by_name = [[[4.0], [0.0], [3.0], [1.0], [2.0]]]
    with pytest.warns(UserWarning, match="holds names of days"):
        same(sort(of_polars, pl.Series(GIVEN, dtype=pl.Categorical)), by_name)
    with pytest.warns(UserWarning, match="holds names of days"):
        same(sort(pd.DataFrame, GIVEN), by_name)
    with pytest.warns(UserWarning, match="holds names of days"):
        same(sort(pd.DataFrame, pd.Series(GIVEN, dtype="category")), by_name)


def from_times(times):
    table = pd.DataFrame({"id": 1, "time": times, "v": np.arange(float(len(times)))})
    return Sequences.from_long(table, "id", sort_by="time")[0]


@pytest.mark.parametrize(
    ("times", "what", "pair"),
    [
        (["8", "9", "10"], "numbers as text", '"10" before "8"'),
        (["Mon", "Wed", "Fri"], "names of days or months", '"Fri" before "Mon"'),
        (["January", "february", "March"], "names of days or months", '"March" before "february"'),
        (["31.12.2025", "01.01.2026"], "dates as text", '"01.01.2026" before "31.12.2025"'),
        (["12/31/2025", "1/2/2026", "1/13/2026"], "dates as text", '"1/2/2026" before "12/31/2025"'),
        (["20 Nov 2022", "5 Dec 2022", "1 Jan 2023"], "dates as text", '"1 Jan 2023" before "20 Nov 2022"'),
        (["30-Sep-22", "05-Oct-22"], "dates as text", '"05-Oct-22" before "30-Sep-22"'),
        (["Nov 20, 2022", "Dec 5, 2022"], "dates as text", '"Dec 5, 2022" before "Nov 20, 2022"'),
        (["Tue 20 Sept", "Mon 3 October"], "dates as text", '"Mon 3 October" before "Tue 20 Sept"'),
        (["20. 12. 2022", "1. 1. 2023"], "dates as text", '"1. 1. 2023" before "20. 12. 2022"'),
        (["11:30 AM", "12:30 PM", "01:30 PM"], "times as text", '"01:30 PM" before "11:30 AM"'),
        (["2026-9-1", "2026-10-01"], "numbers within text", '"2026-10-01" before "2026-9-1"'),
        (["t9", "t10"], "numbers within text", '"t10" before "t9"'),
        (["baseline", "day 2", "day 10"], "numbers within text", '"day 10" before "day 2"'),
        (["2024-01-01 9:00", "2024-01-01 10:00"], "numbers within text", '"2024-01-01 10:00" before'),
        (
            ["2024-01-01 09:00 AM", "2024-01-01 01:00 PM"],
            "times as text",
            '"2024-01-01 01:00 PM" before',
        ),
        (["Jan 2024", "Feb 2024"], "dates as text", '"Feb 2024" before "Jan 2024"'),
        (["Q4 2023", "Q1 2024"], "quarters as text", '"Q1 2024" before "Q4 2023"'),
        (["900", "1,000"], "numbers as text", '"1,000" before "900"'),
        (["Aug", "Sept", "Oct"], "names of days or months", '"Oct" before "Sept"'),
        (
            ["2026-10-25T02:30:00+02:00", "2026-10-25T02:10:00+01:00"],
            "times of several zones as text",
            r'"2026-10-25T02:10:00\+01:00" before',
        ),
        (["2026-9-1", "2026-10-1"], "numbers within text", '"2026-10-1" before "2026-9-1"'),
    ],
)
def test_from_long_warns_of_text_in_another_order_than_what_it_stands_for(times, what, pair):
    with pytest.warns(
        UserWarning, match=f"'time', which orders the steps, holds {what}, .*: {pair}"
    ) as caught:
        from_times(times)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "times",
    [
        ["08", "09", "10"],
        ["2025-12-31", "2026-01-01"],
        ["2026-01-01T00:00:00.25", "2026-01-01T00:00:00.5"],
        ["2026-01-01T09:00:00+01:00", "2026-01-01T10:00:00+01:00"],
        ["01/01/2026", "02/01/2026"],
        ["t09", "t10"],
        ["Apr", "Jun"],
        ["a", "b"],
        ["09:59", "10:00"],
    ],
)
def test_from_long_takes_text_whose_order_is_right(times):
    same(from_times(times), [[[float(k)] for k in range(len(times))]])


def test_from_long_takes_text_that_is_in_order_in_each_sequence():
    table = pd.DataFrame({"id": [1, 1, 2, 2], "time": ["8", "9", "10", "11"], "v": np.arange(4.0)})
    same(Sequences.from_long(table, "id", sort_by="time")[0], [[[0.0], [1.0]], [[2.0], [3.0]]])


LEVELS = pd.DataFrame(TABLE).set_index(["engine", "time"])


@pytest.mark.parametrize(
    ("table", "arguments", "error", "message"),
    [
        (TABLE, {}, TypeError, "table must be a DataFrame, but it is of type dict"),
        (pd.DataFrame(TABLE), {"id_column": "motor"}, ValueError, "no column 'motor'; its columns are"),
        (pd.DataFrame(TABLE), {"sort_by": "when"}, ValueError, "no column 'when'"),
        (pd.DataFrame(TABLE), {"value_columns": ["speed", "x"]}, ValueError, "no column 'x'"),
        (pd.DataFrame(TABLE), {"value_columns": "x"}, ValueError, "no column 'x'"),
        (pd.DataFrame(TABLE), {"sort_by": ["time"]}, TypeError, "sort_by is the name of one column"),
        (
            pd.DataFrame(TABLE),
            {"value_columns": ["speed", "word"]},
            TypeError,
            "Column 'word' holds .*, not numbers",
        ),
        (
            pd.DataFrame({"engine": [1], "day": pd.to_datetime(["2020-02-01"]), "v": [1.0]}),
            {},
            TypeError,
            r"Column 'day' holds datetime64.*, not numbers.* name it as sort_by",
        ),
        (pd.DataFrame(TABLE)[["engine"]], {}, ValueError, "No column is left for values"),
        (
            pd.DataFrame({"engine": [1, None], "v": [0, 1]}),
            {},
            ValueError,
            "Row 1 of the table has no id in column 'engine'; drop such rows",
        ),
        (pd.DataFrame({"engine": ["a", None], "v": [0, 1]}), {}, ValueError, "Row 1 of the table has no id"),
        (
            pd.DataFrame({"engine": [1, 1], "day": pd.to_datetime(["2020-02-01", None]), "v": [0, 1]}),
            {"sort_by": "day"},
            ValueError,
            "Row 1 of the table has no value in column 'day'; drop such rows",
        ),
        (
            pd.DataFrame({"engine": pd.array([None, 1], dtype="Int64"), "v": [0, 1]}),
            {},
            ValueError,
            "Row 0 of the table has no id",
        ),
        (
            pd.DataFrame({"engine": [1, "a", 1], "v": [0, 1, 2]}),
            {},
            TypeError,
            r"Column 'engine' holds values that cannot be compared, of the types int and .*astype\(str\)",
        ),
        (
            pd.DataFrame({"engine": 1, "time": [1, "a", 1], "v": [0, 1, 2]}),
            {"sort_by": "time"},
            TypeError,
            r"Column 'time' holds values that cannot be compared",
        ),
        (
            pd.DataFrame([[1, 2.0, 3.0]], columns=["engine", "v", "v"]),
            {},
            ValueError,
            r"The table has 2 columns 'v'; .*table\.loc\[:, ~table\.columns\.duplicated\(\)\]",
        ),
        (pd.DataFrame([[1, 2, 3.0]], columns=["engine"] * 2 + ["v"]), {}, ValueError, "2 columns 'engine'"),
        (LEVELS, {}, ValueError, r"'engine' is a level of the table's index, .* table\.reset_index\(\)"),
        (LEVELS.reset_index("engine"), {"sort_by": "time"}, ValueError, "'time' is a level of"),
        (
            pd.DataFrame({"engine": [1], "v": [1j]}),
            {"value_columns": "v"},
            ValueError,
            "Complex data not supported: column 'v'",
        ),
    ],
)
def test_from_long_errors(table, arguments, error, message):
    with pytest.raises(error, match=message):
        Sequences.from_long(table, **{"id_column": "engine", **arguments})


# Features first


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_from_aeon(kind):
    series = [np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3) + 10]
    X = Sequences.from_aeon(kind(series))
    same(X, [x.T.tolist() for x in series])


def test_from_aeon_ragged_round_trip():
    X = numbers()
    same(Sequences.from_aeon([x.T for x in X]), parts(X))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "X holds no series"),
        (np.zeros((2, 3)), r"X\[0\] has shape \(3,\); every series needs the shape \(n_features, n_steps\)"),
        ([np.zeros((2, 3)), np.zeros((3, 3))], r"X\[1\] has 3 features, but X\[0\] has 2"),
    ],
)
def test_from_aeon_errors(X, message):
    with pytest.raises(ValueError, match=message):
        Sequences.from_aeon(X)


# Helpers


def test_step_positions_and_trailing_lengths_against_loops():
    rng = np.random.RandomState(0)
    starts, lengths = rng.randint(0, 50, 20), rng.randint(0, 5, 20)
    expected = [s + t for s, n in zip(starts, lengths, strict=True) for t in range(n)]
    assert step_positions(starts, lengths).tolist() == expected
    is_step = rng.rand(30, 6) < 0.3
    expected = [max((t + 1 for t in range(6) if row[t]), default=0) for row in is_step]
    assert trailing_lengths(is_step).tolist() == expected
    assert trailing_lengths(np.zeros((2, 0), dtype=bool)).tolist() == [0, 0]


def test_first_steps():
    offsets = np.array([0, 3, 3, 5])
    marked = np.array([False, True, True, True, False])
    assert find_first_steps(marked, offsets) == [(0, 1, 1), (2, 0, 3)]
    assert find_first_steps(np.zeros(5, dtype=bool), offsets) == []
    rows, steps = locate_steps(np.arange(5), offsets)
    assert rows.tolist() == [0, 0, 0, 2, 2] and steps.tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("among", [np.array([3, 5, 9]), np.array([9, 3, 5]), np.array(["b", "a"])])
def test_places(among):
    values = np.concatenate([among, among[:1], [{"i": 7, "U": "c"}[among.dtype.kind]]])
    order = np.argsort(among)
    assert find_places(values, among, order).tolist() == [*range(len(among)), 0, -1]
    assert find_places(values, among[order]).tolist() == [*np.argsort(order), np.argsort(order)[0], -1]
