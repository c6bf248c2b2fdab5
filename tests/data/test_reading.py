"""Every form in which users hold sequences, targets and weights; and what is said when one is wrong."""

import datetime
import decimal
from array import array
from collections import deque

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse

from sklearn_rnn import RNNTagger, Sequences
from sklearn_rnn.data import as_sequences, flatten_steps, is_ragged
from sklearn_rnn.data.arrays import are_finite, object_array
from sklearn_rnn.data.problems import check_same_number
from sklearn_rnn.data.targets import check_sample_weight

NAN = float("nan")


def objects(*entries):
    return object_array(entries)


def as_lists(sequences):
    return [x.tolist() for x in sequences]


class ArrayLike:
    """What can become an array, and can nothing else."""

    def __init__(self, data):
        self.data = np.asarray(data)

    def __array__(self, dtype=None, copy=None):
        return self.data


# Numbers

RAGGED = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]
RAGGED_FORMS = {
    "lists": RAGGED,
    "tuples": tuple(tuple(map(tuple, x)) for x in RAGGED),
    "list of arrays": [np.array(x) for x in RAGGED],
    "list of float32": [np.array(x, np.float32) for x in RAGGED],
    "list of float16": [np.array(x, np.float16) for x in RAGGED],
    "list of long double": [np.array(x, np.longdouble) for x in RAGGED],
    "list of big-endian": [np.array(x, ">f8") for x in RAGGED],
    "list of integers and floats": [np.array(RAGGED[0], int), np.array(RAGGED[1])],
    "list of int32, two axes": [np.array(x, np.int32) for x in RAGGED],
    "list of column-major": [np.asfortranarray(x) for x in RAGGED],
    "list of object arrays": [np.array(x, object) for x in RAGGED],
    "object array": objects(*map(np.array, RAGGED)),
    "object array of lists": objects(*RAGGED),
    "deque": deque(RAGGED),
    "Series of arrays": pd.Series([np.array(x) for x in RAGGED], index=[7, 3]),
    "Series of lists": pd.Series(RAGGED, index=[7, 3]),
    "list of DataFrames": [pd.DataFrame(x, columns=["a", "b"], index=range(5, 5 + len(x))) for x in RAGGED],
    "list of polars DataFrames": [pl.DataFrame(x, schema=["a", "b"], orient="row") for x in RAGGED],
    "list of tensors": [torch.tensor(x) for x in RAGGED],
    "list of decimals": [[[decimal.Decimal(v) for v in step] for step in x] for x in RAGGED],
    "Sequences": Sequences.from_lengths(np.concatenate(RAGGED), [2, 1]),
    "Sequences of integers": Sequences.from_lengths(np.concatenate(RAGGED).astype(int), [2, 1]),
    "masked array": np.ma.masked_array(
        [RAGGED[0], [*RAGGED[1], [9.0, 9.0]]], [[[0] * 2] * 2, [[0, 0], [1, 1]]]
    ),
}


@pytest.mark.parametrize("form", RAGGED_FORMS)
def test_ragged_numbers(form):
    X = as_sequences(RAGGED_FORMS[form])
    assert as_lists(X) == RAGGED
    assert X.values.dtype == np.float32
    assert X.values.dtype.isnative
    assert not X.is_tokens


ONE_FEATURE = [[1.0, 2.0], [3.0]]
ONE_FEATURE_FORMS = {
    "lists": ONE_FEATURE,
    "arrays": [np.array(x) for x in ONE_FEATURE],
    "lists of integers and floats": [[1, 2], [3.0]],
    "mixed axes": [[1.0, 2.0], [[3.0]]],
    "Series of lists": pd.Series(ONE_FEATURE),
    "list of Series": [pd.Series(x, index=range(4, 4 + len(x))) for x in ONE_FEATURE],
    "polars Series of lists": pl.Series(ONE_FEATURE),
    "list of polars Series": [pl.Series(x) for x in ONE_FEATURE],
    "list of tensors": [torch.tensor(x) for x in ONE_FEATURE],
    "list of array.array": [array("d", x) for x in ONE_FEATURE],
    "list of deques": [deque(x) for x in ONE_FEATURE],
    "Sequences of one axis": Sequences.from_lengths([1.0, 2.0, 3.0], [2, 1]),
    "masked 2-D": np.ma.masked_array([[1.0, 2.0], [3.0, 9.0]], [[0, 0], [0, 1]]),
    "masked 2-D integers": np.ma.masked_array([[1, 2], [3, 9]], [[0, 0], [0, 1]]),
}


@pytest.mark.parametrize("form", ONE_FEATURE_FORMS)
def test_one_feature(form):
    X = as_sequences(ONE_FEATURE_FORMS[form])
    assert as_lists(X) == [[[1.0], [2.0]], [[3.0]]]
    assert X.values.dtype == np.float32


def test_booleans_are_numbers():
    expected = [[[1.0], [0.0]], [[1.0]]]
    assert as_lists(as_sequences([[True, False], [True]])) == expected
    assert as_lists(as_sequences([np.array([True, False]), np.array([1])])) == expected
    assert as_lists(as_sequences(Sequences.from_lengths([True, False, True], [2, 1]))) == expected
    assert as_sequences(np.ones((2, 3, 1), dtype=bool)).values.dtype == np.float32


TABLE = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
TABLE_FORMS = {
    "float64": np.array(TABLE),
    "integers are numbers": np.array(TABLE, dtype=int),
    "object": np.array(TABLE, dtype=object),
    "column-major": np.asfortranarray(TABLE),
    "big-endian": np.array(TABLE, dtype=">f4"),
    "DataFrame": pd.DataFrame(TABLE, index=[4, 2], columns=list("abc")),
    "DataFrame of integers and floats": pd.DataFrame({"a": [1, 4], "b": [2.0, 5.0], "c": [3, 6]}),
    "DataFrame of nullable integers": pd.DataFrame(TABLE).astype("Int64"),
    "polars DataFrame": pl.DataFrame(TABLE, orient="row"),
    "polars Series of arrays": pl.Series(TABLE, dtype=pl.Array(pl.Float64, 3)),
    "tensor": torch.tensor(TABLE),
    "array-like": ArrayLike(TABLE),
}


@pytest.mark.parametrize("form", TABLE_FORMS)
def test_tables_are_series_of_one_feature(form):
    X = as_sequences(TABLE_FORMS[form])
    assert as_lists(X) == [[[v] for v in row] for row in TABLE]
    assert X.values.dtype == np.float32


@pytest.mark.parametrize(
    "convert", [np.array, torch.tensor, ArrayLike, lambda x: np.array(x, dtype=np.int32)]
)
def test_arrays_of_equal_length(convert):
    data = np.arange(12).reshape(2, 3, 2).tolist()
    assert as_lists(as_sequences(convert(data))) == data


@pytest.mark.parametrize("form", ["float32 array", "float32 Sequences", "text Sequences", "code Sequences"])
def test_no_copy(form):
    values = {
        "float32 array": np.zeros((2, 3, 2), np.float32),
        "float32 Sequences": np.zeros((6, 2), np.float32),
        "text Sequences": np.array(list("abcdef")),
        "code Sequences": np.arange(6),
    }[form]
    given = values if values.ndim == 3 else Sequences(values, [0, 3, 6])
    assert np.shares_memory(as_sequences(given).values, values)


@pytest.mark.parametrize("kind", ["array", "list", "Sequences"])
def test_read_only_data_stays_as_it_is(kind):
    values = np.arange(6.0, dtype=np.float32).reshape(3, 2, 1)
    values.flags.writeable = False
    X = {"array": values, "list": list(values), "Sequences": Sequences(values.reshape(6, 1), [0, 2, 6])}[kind]
    assert as_sequences(X).values.ravel().tolist() == list(range(6))


# Tokens

STRING = getattr(np.dtypes, "StringDType", lambda: np.dtype(object))()  # NumPy before 2 has none
TOKEN_FORMS = {
    "list of str": ["ab", "c"],
    "tuple of str": ("ab", "c"),
    "str array": np.array(["ab", "c"]),
    "object array of str": np.array(["ab", "c"], dtype=object),
    "StringDType": np.array(["ab", "c"], dtype=STRING),
    "list of NumPy's str": [np.str_("ab"), np.str_("c")],
    "Series of str": pd.Series(["ab", "c"], index=[5, 1]),
    "Series of objects": pd.Series(["ab", "c"], dtype=object),
    "Series of categories": pd.Series(["ab", "c"], dtype="category"),
    "Index": pd.Index(["ab", "c"]),
    "polars Series": pl.Series(["ab", "c"]),
    "lists of characters": [["a", "b"], ["c"]],
    "tuples of characters": (("a", "b"), ("c",)),
    "str arrays of characters": [np.array(["a", "b"]), np.array(["c"])],
    "StringDType of characters": [np.array(["a", "b"], dtype=STRING), ["c"]],
    "object array of lists": objects(["a", "b"], ["c"]),
    "Series of lists": pd.Series([["a", "b"], ["c"]]),
    "polars Series of lists": pl.Series([["a", "b"], ["c"]]),
    "list of Series": [pd.Series(["a", "b"], index=[3, 4]), pd.Series(["c"])],
    "Sequences of str": Sequences.from_lengths(np.array(["a", "b", "c"]), [2, 1]),
    "Sequences of objects": Sequences.from_lengths(np.array(["a", "b", "c"], dtype=object), [2, 1]),
    "Sequences of StringDType": Sequences.from_lengths(np.array(list("abc"), STRING), [2, 1]),
}


@pytest.mark.parametrize("form", TOKEN_FORMS)
def test_text(form):
    X = as_sequences(TOKEN_FORMS[form])
    assert as_lists(X) == [["a", "b"], ["c"]]
    assert X.is_tokens
    assert X.values.dtype.kind in "UO"


def test_words_and_characters():
    assert as_lists(as_sequences([["to", "be"], ["or"]])) == [["to", "be"], ["or"]]
    assert as_lists(as_sequences(["to be", "or"])) == [list("to be"), ["o", "r"]]
    assert as_lists(as_sequences([["to be"]])) == [["to be"]]
    assert as_lists(as_sequences([["1.5", "2"]])) == [["1.5", "2"]]


@pytest.mark.parametrize("dtype", [str, object, STRING])
def test_rows_of_words(dtype):
    words = [["to", "be", "or"], ["not", "to", "be"]]
    assert as_lists(as_sequences(np.array(words, dtype=dtype))) == words
    for frame in (pd.DataFrame(words), pl.DataFrame(words, orient="row"), pd.DataFrame({"text": ["to be"]})):
        with pytest.raises(TypeError, match="X is a DataFrame that holds text; .* as a list of str"):
            as_sequences(frame)


def test_characters_outside_the_basic_plane():
    text = ["a\U0001f600é", "\ud800"]  # the last is a lone surrogate, which files may hold
    assert as_lists(as_sequences(text)) == [list(x) for x in text]


CODE_FORMS = {
    "lists": [[1, 2], [3]],
    "int32": [np.array([1, 2], np.int32), np.array([3], np.int32)],
    "uint8 and int64": [np.array([1, 2], np.uint8), np.array([3])],
    "uint64": [np.array([1, 2], np.uint64), np.array([3], np.uint64)],
    "big-endian": [np.array([1, 2], ">i8"), np.array([3], ">i8")],
    "ranges": [range(1, 3), range(3, 4)],
    "object array": objects(np.array([1, 2]), np.array([3])),
    "list of tensors": [torch.tensor([1, 2]), torch.tensor([3])],
    "Series of lists": pd.Series([[1, 2], [3]]),
    "polars Series of lists": pl.Series([[1, 2], [3]]),
    "list of Series": [pd.Series([1, 2], index=[8, 9]), pd.Series([3])],
    "Sequences of int32": Sequences.from_lengths(np.array([1, 2, 3], np.int32), [2, 1]),
}


@pytest.mark.parametrize("form", CODE_FORMS)
def test_codes(form):
    X = as_sequences(CODE_FORMS[form])
    assert as_lists(X) == [[1, 2], [3]]
    assert X.values.dtype == np.int64
    assert X.values.dtype.isnative


# Padding


@pytest.mark.parametrize("padding_value", [0.0, 0, -999.1, np.float64(-999.1), np.float32(-999.1), NAN])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["array", "list", "table"])
def test_padding_value(padding_value, dtype, form):
    rows = [[1.0, 2.0, padding_value], [padding_value] * 1 + [5.0, padding_value], [7.0, 8.0, 9.0]]
    if np.isnan(padding_value):
        rows[1][0] = 4.0  # NaN before the end would be an error
    padded = np.array(rows, dtype=dtype)[:, :, np.newaxis]
    X = {"array": padded, "list": list(padded), "table": padded[:, :, 0]}[form]
    result = as_sequences(X, padding_value=padding_value)
    assert result.lengths.tolist() == [2, 2, 3]
    assert result[2].ravel().tolist() == [7.0, 8.0, 9.0]


def test_a_step_is_padding_if_all_its_features_are():
    padded = np.array([[[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]])
    for X in (padded, list(padded)):
        assert as_sequences(X, padding_value=0.0).lengths.tolist() == [2]
        assert as_sequences(X).lengths.tolist() == [3]


def test_padding_of_codes():
    assert as_lists(as_sequences([[1, 2, 0], [0, 3, 0]], padding_value=0)) == [[1, 2], [0, 3]]
    assert as_lists(as_sequences([[1, 2, 0]], padding_value=0.5)) == [[1, 2, 0]]
    assert as_lists(as_sequences([[1, 2, 0]], padding_value=NAN)) == [[1, 2, 0]]


# What is wrong

TYPE_ERRORS = {
    "None": (None, r"X must be a collection of sequences \(.*\), but it is of type NoneType\.$"),
    "number": (3, "of type int"),
    "str": ("abc", "of type str"),
    "bytes": (b"abc", "of type bytes"),
    "bytearray": (bytearray(b"abc"), "of type bytearray"),
    "dict": ({"a": [1.0]}, "of type dict"),
    "values of a dict": ({"a": [1.0]}.values(), "of type dict_values"),
    "set": ({(1.0, 2.0)}, "of type set"),
    "generator": ((x for x in RAGGED), r"of type generator\. Pass list\(X\)"),
    "map": (map(list, RAGGED), r"of type map\. Pass list\(X\)"),
    "lazy frame": (pl.LazyFrame({"a": [1.0]}), "of type LazyFrame"),
    "sparse matrix": (sparse.csr_matrix(np.eye(2)), r"X is a sparse matrix, .*; call X\.toarray\(\)"),
    "sparse array": (sparse.csr_array(np.eye(2)), r"call X\.toarray\(\)"),
    "packed": (
        torch.nn.utils.rnn.pack_sequence([torch.zeros(2, 3), torch.zeros(1, 3)]),
        r"X is a PackedSequence; torch\.nn\.utils\.rnn\.unpack_sequence\(X\)",
    ),
    "tensor with gradient": (torch.zeros(2, 3, 1, requires_grad=True), r"X cannot be read .*detach\(\)"),
    "list of bytes": ([b"ab", b"c"], r"X\[0\] is of type bytes; X\[0\]\.decode\(\) is text"),
    "bytes array": (np.array([b"ab", b"c"]), r"X\[0\]\.decode\(\) is text"),
    "bytes and str": (["ab", b"c"], r"X\[1\] is of type bytes"),
    "None beside str": (["ab", None], r"X\[1\] is a missing value \(None\); leave it out"),
    "missing beside str": (pd.Series(["ab", None]), r"X\[1\] is a missing value"),
    "list beside str": (["ab", ["c"]], r"X\[1\] is of type list"),
    "str beside lists": ([["c"], "ab"], r"X\[0\] is of type list; either all are str or none is"),
    "dates": (np.zeros((2, 3), "M8[D]"), r"X does not hold numbers, but datetime64\[D\]; encode it"),
    "spans of time": (np.zeros((2, 3, 1), "m8[s]"), r"X does not hold numbers, but timedelta64\[s\]"),
    "DataFrame of dates": (pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}), "holds datetime64"),
    "array of date objects": (
        np.array([[datetime.date(2020, 1, 1)]], object),
        "X does not hold numbers: float",
    ),
    "Sequences of dates": (Sequences(np.zeros(2, "M8[D]"), [0, 2]), "values of dtype datetime64"),
    "structured": (np.zeros((2, 2), [("a", float)]), "X does not hold numbers"),
    "table of bytes": (np.array([[b"1", b"2"]]), "X does not hold numbers, but"),
    "text, three axes": (np.array([[["1.5"]]]), "X does not hold numbers, but <U3"),
    "masked text": (np.ma.masked_array([["a", "b"]], [[0, 1]]), "X does not hold numbers"),
    "dict inside": (np.array([[{"a": 1}, 2.0]], dtype=object), "argument must be .* string.* number"),
}


@pytest.mark.parametrize("case", TYPE_ERRORS)
def test_type_errors(case):
    X, message = TYPE_ERRORS[case]
    with pytest.raises(TypeError, match=message):
        as_sequences(X)


VALUE_ERRORS = {
    "empty list": ([], r"X holds no sequences: 0 sample\(s\) where a minimum of 1 is required"),
    "empty Sequences": (Sequences(np.zeros((0, 1)), [0]), "X holds no sequences"),
    "empty object array": (np.array([], dtype=object), "X holds no sequences"),
    "no rows": (np.zeros((0, 3)), r"X has 0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
    "no columns": (np.zeros((3, 0)), r"X has 0 feature\(s\) \(shape=\(3, 0\)\)"),
    "no steps": (np.zeros((3, 0, 2)), r"X has 0 step\(s\) \(shape=\(3, 0, 2\)\)"),
    "no features": (np.zeros((3, 2, 0)), r"X has 0 feature\(s\) \(shape=\(3, 2, 0\)\)"),
    "no features in a list": ([np.zeros((2, 0))], r"X\[0\] has 0 feature\(s\) \(shape=\(2, 0\)\)"),
    "no features in Sequences": (Sequences(np.zeros((2, 0)), [0, 2]), r"X has 0 feature\(s\)"),
    "one axis": (
        np.zeros(3),
        r"Expected 2D array or 3D array .*, got 1D array instead: X has shape \(3,\)\. Reshape",
    ),
    "Series of numbers": (pd.Series([1.0, 2.0]), "got 1D array instead"),
    "no axis": (np.array(3.0), "got 0D array instead"),
    "no axis, str": (np.array("abc"), "got 0D array instead"),
    "no axis, object": (np.array(None), "got 0D array instead"),
    "four axes": (np.zeros((1, 2, 3, 4)), r"got 4D array instead.*X\.reshape\(\*X\.shape\[:2\], -1\)"),
    "list of numbers": (
        [1.0, 2.0],
        r"got 1D array instead: X\[0\] is a single float\. .*\[X\] is one sequence",
    ),
    "range": (range(3), r"X\[0\] is a single int"),
    "list of tensors without axes": ([torch.tensor(1.0)], r"X\[0\] is a single Tensor"),
    "number after sequences": ([[1.0], 2.0], r"X\[1\] is not a sequence: it is of type float"),
    "None": (
        [None, None],
        r"X\[0\] is not a sequence: it is of type NoneType\. The same holds for X\[1\]\.$",
    ),
    "list of dicts": ([{"a": 1.0}], r"X\[0\] is not a sequence: it is of type dict"),
    "list of sets": ([{1.0}], r"X\[0\] is not a sequence: it is of type set"),
    "list of generators": ([(t for t in [1.0])], r"X\[0\] is not a sequence: it is of type generator"),
    "three axes in a list": (
        [np.zeros((2, 3, 4))],
        r"X\[0\] is not a sequence: it has shape \(2, 3, 4\), but .*",
    ),
    "steps of different widths": (
        [[[1.0], [2.0]], [[1.0, 2.0], [3.0]]],
        r"^X\[1\] is not a sequence: its steps have different numbers of features",
    ),
    "first with steps of different widths": (
        [[[1.0, 2.0], [3.0]]],
        r"X\[0\] .* different numbers of features",
    ),
    "dates": ([[datetime.date(2020, 1, 1)]], r"X\[0\] is not a sequence: float\(\) argument must be"),
    "NumPy's dates": ([np.zeros(2, "M8[D]")], r"X\[0\] is not a sequence: its steps are of dtype datetime64"),
    "bytes as words": ([[b"to"]], r"X\[0\] is not a sequence: its steps are of dtype \|S2"),
    "masked inside": (
        [np.ma.masked_array([1.0, 2.0], [0, 1])],
        r"X\[0\] is not a sequence: some of its steps are masked; leave them out",
    ),
    "tensors with gradient": (
        [torch.zeros(2, 1, requires_grad=True)],
        r"X\[0\] is not a sequence: .*detach\(\)",
    ),
    "sparse inside": ([sparse.csr_array(np.eye(2))], r"X\[0\] is not a sequence"),
    "None among words": (
        [["a", "b"], ["c", None]],
        r"X\[1\] is not a sequence: step 1 is a missing value \(None\), but",
    ),
    "NaN among words": (
        [["a", NAN]],
        r"X\[0\] is not a sequence: step 1 is a missing value \(nan\), but other steps are str",
    ),
    "number among words": (
        [[1, "a"]],
        r"X\[0\] is not a sequence: step 0 is a value of type int, but other steps are str",
    ),
    "number among an array's words": (
        [np.array([1, "a"], object)],
        r"X\[0\] is not a sequence: step 0 is a value of type int",
    ),
    "list among words": ([["a", ["b"]]], r"X\[0\] is not a sequence: step 1 is a value of type list"),
    "numbers beside words": (
        [["a"], [1, 2]],
        r"^X\[1\] does not hold str, but others do; all steps must be of one",
    ),
    "words of two axes": ([[["a", "b"]]], r"X\[0\] has 2 str a step, but a token is one str"),
    "mixed row of words": (
        np.array([["a", "b"], ["c", 1]], object),
        r"X\[1\] has a value of type int at step 1, but other steps are",
    ),
    "mixed Sequences": (
        Sequences.from_lengths(np.array(["a", "b", None], object), [1, 2]),
        r"X\[1\] has a missing value \(None\) at step 1, but other steps are str",
    ),
    "complex": (np.zeros((2, 3), complex), "Complex data not supported: X has dtype complex128"),
    "complex inside": ([[1.0], [1j]], r"Complex data not supported: X\[1\] has dtype complex128"),
    "code too large": (
        [[1], [2**63]],
        r"X\[1\] holds the code 9223372036854775808, which is too large for int64",
    ),
    "width": (
        [np.zeros((2, 3)), np.zeros((1, 2)), np.zeros((4, 3))],
        r"^X\[1\] has 2 features, but X\[0\] has 3; every sequence needs the same number of features\.$",
    ),
    "widths of words and steps": ([[1.0, 2.0], [[1.0, 2.0]]], r"X\[1\] has 2 features, but X\[0\] has 1"),
    "axes exchanged": (
        [np.zeros((3, 5)), np.zeros((3, 7))],
        r"Every sequence in X has 3 steps, but .* \(X\[1\] has 7, X\[0\] has 5\): the axes .*from_aeon\(X\)",
    ),
    "masked before the end": (
        np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], [[0, 0], [1, 0]]),
        r"X\[1\] is masked at step 0, before its end; only trailing steps may be masked",
    ),
    "masked in part": (
        np.ma.masked_array(np.zeros((1, 2, 2)), [[[0, 0], [0, 1]]]),
        r"X\[0\] is masked at step 1, before its end",
    ),
    "masked, one axis": (
        np.ma.masked_array([1.0, 2.0], [0, 1]),
        "X is a masked array with 1 axes; it needs 2 or 3",
    ),
    "all masked": (np.ma.masked_array([[1.0], [2.0]], [[0], [1]]), r"X\[1\] is empty"),
}


@pytest.mark.parametrize("case", VALUE_ERRORS)
def test_value_errors(case):
    X, message = VALUE_ERRORS[case]
    with pytest.raises(ValueError, match=message):
        as_sequences(X)


EMPTY_FORMS = {
    "lists": [[1.0], [], [2.0]],
    "first": [[], [1.0, 2.0]],
    "codes": [[1], []],
    "str": ["a", ""],
    "words": [["a"], []],
    "arrays": [np.zeros((0, 3)), np.zeros((1, 3))],
    "empty list beside two axes": [[], [[1.0, 2.0]]],
    "str arrays": [np.array([], dtype=str), ["a"]],
    "object arrays": [np.array([], dtype=object), [1.0]],
    "all": [[], []],
    "Sequences": Sequences.from_lengths(np.zeros((2, 1)), [2, 0]),
    "token Sequences": Sequences.from_lengths(np.array(["a"]), [0, 1]),
}


@pytest.mark.parametrize("form", EMPTY_FORMS)
def test_empty_sequences(form):
    X = EMPTY_FORMS[form]
    first, *others = [f"X[{i}]" for i, x in enumerate(X) if len(x) == 0]
    expected = f"{first} is empty; every sequence needs at least 1 step."
    with pytest.raises(ValueError) as error:
        as_sequences(X)
    assert str(error.value) == expected + "".join(f" The same holds for {other}." for other in others)


def test_sequences_of_padding_alone_are_empty():
    with pytest.raises(ValueError, match=r"^X\[1\] is empty"):
        as_sequences(np.array([[1.0, 0.0], [0.0, 0.0]]), padding_value=0.0)
    with pytest.raises(ValueError, match=r"^X\[1\] is empty"):
        as_sequences([[1, 0], [0, 0]], padding_value=0)


TOO_LARGE = "infinity or a value too large for float32 at step 2, feature 0; clip or rescale it."


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (NAN, "NaN at step 2, feature 0; impute missing values, or set padding_value"),
        (np.inf, TOO_LARGE),
        (-1e300, TOO_LARGE),
    ],
)
@pytest.mark.parametrize("form", ["array", "list", "lists", "Sequences", "one axis", "DataFrame", "masked"])
def test_non_finite_values(value, what, form):
    data = np.ones((3, 4, 1))
    data[1, 2, 0] = value
    X = {
        "array": data,
        "list": list(data),
        "lists": data.tolist(),
        "Sequences": Sequences(data.reshape(-1, 1), [0, 4, 8, 12]),
        "one axis": Sequences(data.reshape(-1), [0, 4, 8, 12]),
        "DataFrame": pd.DataFrame(data[:, :, 0]),
        "masked": np.ma.masked_array(data, np.zeros(data.shape)),
    }[form]
    with pytest.raises(ValueError, match=rf"^X\[1\] has {what}"):
        as_sequences(X)


def test_opposite_infinities_do_not_cancel():
    with pytest.raises(ValueError, match=r"X\[0\] has infinity"):
        as_sequences([[np.inf, -np.inf]])


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, None]],
        [[1, None]],
        np.array([[1.0, None]], object),
        pl.DataFrame({"a": [1.0], "b": [None]}),
        pd.DataFrame({"a": [0.5], "b": pd.array([None], "Int64")}),
    ],
)
def test_none_among_numbers_is_missing(X):
    with pytest.raises(ValueError, match=r"X\[0\] has NaN at step 1"):
        as_sequences(X)


def test_nan_before_the_end_is_no_padding():
    with pytest.raises(ValueError, match=r"^X\[0\] has NaN at step 1"):
        as_sequences(np.array([[1.0, NAN, 2.0, NAN]]), padding_value=NAN)


def test_all_problems_are_in_one_message():
    X = [[1.0, NAN], [], [2.0], [np.inf, NAN], []]
    with pytest.raises(ValueError) as error:
        as_sequences(X, name="series")
    lines = str(error.value).splitlines()
    assert [line.split()[0] for line in lines] == ["series[0]", "series[1]", "series[3]"]
    assert lines[1].endswith("The same holds for series[4].")


def test_widths_and_empty_sequences_are_in_one_message():
    with pytest.raises(ValueError) as error:
        as_sequences([[], [[1.0, 2.0]], [[1.0]], [[1.0, 2.0], [1.0, 3.0]], [[1.0, 2.0, 3.0]]])
    lines = str(error.value).splitlines()
    assert [line.split()[0] for line in lines] == ["X[0]", "X[2]", "X[4]"]
    assert "X[2] has 1 features, but X[1] has 2" in lines[1]


def test_long_messages_are_cut():
    with pytest.raises(ValueError) as error:
        as_sequences([[0.0] * i + [NAN] for i in range(25)])
    lines = str(error.value).splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("X[0] has NaN at step 0, feature 0; impute missing values")
    assert lines[9] == "X[9] has NaN at step 9, feature 0."  # how to mend it has been said
    assert lines[10] == "... and 15 more problems."


def test_a_problem_of_many_sequences_is_one_line():
    with pytest.raises(ValueError) as error:
        as_sequences([[[1.0, 2.0]], [], [[1.0]]] + [[]] * 20)
    empty, narrow = str(error.value).splitlines()
    assert empty == (
        "X[1] is empty; every sequence needs at least 1 step. "
        "The same holds for X[3], X[4], X[5], X[6], X[7] and 15 more."
    )
    assert narrow.startswith("X[2] has 1 features")


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("unit", ["datetime64[ms]", "timedelta64[ms]"])
def test_dates_in_a_list_of_dataframes_are_refused_in_words(library, unit):
    make_frame = pytest.importorskip(library).DataFrame
    times = np.arange(4).astype(unit)
    frames = [make_frame({"when": times, "a": [1.0, 2.0, 3.0, 4.0]})] * 3
    with pytest.raises(
        ValueError, match=r"(?s)X\[0\] .*column 'when' holds .*day of the week.*X\[1\], X\[2\]\.$"
    ):
        as_sequences(frames)


def test_the_users_data_is_not_changed():
    X = [np.array([1.0, 2.0, 0.0]), np.array([3.0, 0.0, 0.0])]
    before = [x.copy() for x in X]
    as_sequences(X, padding_value=0.0).values[:] = 7
    for x, b in zip(X, before, strict=True):
        np.testing.assert_array_equal(x, b)


# Targets

RAGGED_TARGETS = {
    "lists": [[1.0, 2.0], [3.0]],
    "lists of one length": [[1.0, 2.0], [3.0, 4.0]],
    "words": [["N", "V"], ["N"]],
    "arrays": [np.zeros(2), np.zeros(1)],
    "object array": objects([1, 2], [3]),
    "object array of arrays of one length": objects(np.zeros(2), np.zeros(2)),
    "three axes": np.zeros((2, 3, 1)),
    "tensor": torch.zeros(2, 3, 1),
    "Series of lists": pd.Series([[1, 2], [3]], index=[4, 5]),
    "polars Series of lists": pl.Series([[1, 2], [3]]),
    "deque": deque([[1, 2], [3]]),
    "Sequences": Sequences.from_lengths([1, 2, 3], [2, 1]),
    "masked": np.ma.masked_array([[1.0, 2.0]], [[0, 1]]),
    "list of tensors": [torch.zeros(2), torch.zeros(1)],
}
WHOLE_TARGETS = {
    "list of numbers": [1.0, 2.0],
    "list of str": ["cat", "dog"],
    "list of bytes": [b"cat", b"dog"],
    "list of NumPy's numbers": [np.float64(1), np.int64(2)],
    "list of tensors without axes": [torch.tensor(1), torch.tensor(0)],
    "array": np.zeros(3),
    "two axes": np.zeros((3, 2)),
    "str": np.array(["cat", "dog"]),
    "objects": np.array(["cat", "dog"], dtype=object),
    "object table": np.array([["cat", "dog"]], dtype=object),
    "Series": pd.Series([1, 2], index=[3, 4]),
    "Series of str": pd.Series(["cat", "dog"]),
    "DataFrame": pd.DataFrame({"a": [1, 2], "b": [3, 4]}),
    "polars DataFrame": pl.DataFrame({"a": [1, 2], "b": [3, 4]}),
    "lazy frame": pl.LazyFrame({"a": [1]}),
    "masked": np.ma.masked_array([1.0, 2.0], [0, 1]),
    "no axis": np.array(1.0),
    "no axis, object": np.array(None),
    "empty": [],
    "None": None,
    "dict": {"a": 1},
    "set": {1, 2},
    "plain str": "cat",
}


@pytest.mark.parametrize("form", RAGGED_TARGETS)
def test_is_ragged(form):
    assert is_ragged(RAGGED_TARGETS[form]) is True


@pytest.mark.parametrize("form", WHOLE_TARGETS)
def test_is_not_ragged(form):
    assert is_ragged(WHOLE_TARGETS[form]) is False


STEP_TARGETS = {
    "lists": [[1, 2], [3]],
    "tuples": ((1, 2), (3,)),
    "arrays": [np.array([1, 2]), np.array([3])],
    "object array": objects([1, 2], [3]),
    "Series of lists": pd.Series([[1, 2], [3]], index=[4, 5]),
    "list of Series": [pd.Series([1, 2], index=[4, 5]), pd.Series([3])],
    "polars Series of lists": pl.Series([[1, 2], [3]]),
    "tensors": [torch.tensor([1, 2]), torch.tensor([3])],
    "deque": deque([[1, 2], [3]]),
    "generator": (row for row in [[1, 2], [3]]),
    "Sequences": Sequences.from_lengths([1, 2, 3], [2, 1]),
    "masked": np.ma.masked_array([[1, 2], [3, 9]], [[0, 0], [0, 1]]),
}


@pytest.mark.parametrize("form", STEP_TARGETS)
def test_flatten_steps(form):
    assert flatten_steps(STEP_TARGETS[form], [2, 1]).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "y",
    [
        [[[1, 2], [3, 4]], [[5, 6]]],
        Sequences.from_lengths([[1, 2], [3, 4], [5, 6]], [2, 1]),
        np.ma.masked_array([[[1, 2], [3, 4]], [[5, 6], [9, 9]]], [[[0, 0], [0, 0]], [[0, 0], [1, 1]]]),
    ],
)
def test_flatten_several_targets_a_step(y):
    assert flatten_steps(y, [2, 1]).tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    "y",
    [
        np.array([[1, 2], [3, 4]]),
        pd.DataFrame([[1, 2], [3, 4]]),
        pl.DataFrame([[1, 2], [3, 4]], orient="row"),
    ],
)
def test_flatten_tables(y):
    assert flatten_steps(y, [2, 2]).tolist() == [1, 2, 3, 4]


def test_flatten_labels():
    assert flatten_steps([["N", "V"], ["N"]], [2, 1]).tolist() == ["N", "V", "N"]
    assert flatten_steps(["NV", "N"], [2, 1], splits_text=True).tolist() == ["N", "V", "N"]
    assert flatten_steps(np.array(["NV", "N"]), [2, 1], splits_text=True).tolist() == ["N", "V", "N"]
    for y in (["NV", "N"], np.array(["NV", "N"]), pd.Series(["NV", "N"]), np.array(["NV", "N"], object)):
        assert flatten_steps(y, [2, 1]).tolist() == ["NV", "NV", "N"]  # a label of the whole sequence


@pytest.mark.parametrize(
    "y",
    [
        [1, 2],
        np.array([1, 2]),
        pd.Series([1, 2], index=[5, 6]),
        pl.Series([1, 2]),
        np.array([1, 2], dtype=object),
    ],
)
def test_one_target_a_sequence_holds_at_each_step(y):
    assert flatten_steps(y, [2, 3]).tolist() == [1, 1, 2, 2, 2]
    assert flatten_steps(np.array(["cat", "dog"]), [1, 2]).tolist() == ["cat", "dog", "dog"]


def test_padded_targets_are_cut_as_x_was():
    y = np.array([[1, 2, 0], [3, 0, 0]])
    assert flatten_steps(y, [2, 1], padded_steps=3).tolist() == [1, 2, 3]
    assert flatten_steps(y[:, :, np.newaxis], [2, 1], padded_steps=3).tolist() == [[1], [2], [3]]
    with pytest.raises(ValueError, match=r"y\[0\] has 3 targets, but X\[0\] has 2 steps"):
        flatten_steps(y, [2, 1])


TARGET_ERRORS = {
    "None": (None, "requires y to be passed, but the target y is None"),
    "too few": ([[1, 2]], "X and y have inconsistent numbers of samples: X has 2 sequences, y has 1"),
    "lengths": (
        [[1], [2, 3]],
        r"^y\[0\] has 1 target, but X\[0\] has 2 steps\.\ny\[1\] has 2 targets, but X\[1\] has 1 step\.$",
    ),
    "number among lists": ([[1, 2], 3], r"^y\[1\] is a single int, but X\[1\] has 1 step\.$"),
    "list after a number": ([1, [2]], r"^y\[0\] is a single int, but X\[0\] has 2 steps\.$"),
    "None among lists": ([[1, 2], None], r"y\[1\] is a single NoneType"),
    "numbers of outputs": (
        [[[1, 2], [3, 4]], [[5]]],
        r"y\[1\] has the shape \(1, 1\), but y\[0\] has \(2, 2\)",
    ),
    "outputs inside": ([[[1, 2], [3]], [[5, 6]]], r"y\[0\] does not hold one target a step"),
    "missing label": (
        [["N", None], ["V"]],
        r"y\[0\] does not hold .*step 1 is a missing value \(None\), but other steps are str",
    ),
    "NaN among labels": ([["N", NAN], ["V"]], r"y\[0\] does not hold .*: step 1 is a missing value \(nan\)"),
    "labels and numbers": ([["N", "V"], [1]], "Some sequences of y hold str and others numbers"),
}


@pytest.mark.parametrize("case", TARGET_ERRORS)
def test_target_errors(case):
    y, message = TARGET_ERRORS[case]
    with pytest.raises(ValueError, match=message):
        flatten_steps(y, [2, 1])


# Weights


def test_sample_weight():
    assert check_sample_weight(None, [1, 2], per_step=True) is None
    for given in ([1, 0.5], (1, 0.5), np.array([1, 0.5]), pd.Series([1, 0.5], index=[4, 5])):
        weights = check_sample_weight(given, [1, 2], per_step=False)
        assert weights.tolist() == [1, 0.5]
        assert weights.dtype == np.float64
        assert check_sample_weight(given, [1, 2], per_step=True).tolist() == [1, 0.5, 0.5]
    assert check_sample_weight([[1], [2, 3]], [1, 2], per_step=True).tolist() == [1, 2, 3]
    assert check_sample_weight(2, [1, 2], per_step=False).tolist() == [2, 2]
    assert check_sample_weight(2, [1, 2], per_step=True).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("weights", "per_step", "message"),
    [
        (
            [1],
            False,
            "X and sample_weight have inconsistent .*: X has 2 sequences, sample_weight has 1",
        ),
        ([[1], [2]], False, "Sample weights must be 1D array or scalar, got 2D array"),
        ([[1], [2]], True, r"sample_weight\[1\] has 1 target, but X\[1\] has 2 steps"),
        ([1, -1], False, "must hold finite numbers that are not negative"),
        ([1, NAN], True, "must hold finite numbers"),
        ([1, np.inf], False, "must hold finite numbers"),
        ([0, 0], False, "sample_weight is zero for every sequence"),
    ],
)
def test_sample_weight_errors(weights, per_step, message):
    with pytest.raises(ValueError, match=message):
        check_sample_weight(weights, [1, 2], per_step=per_step)


def test_helpers():
    check_same_number([1, 2], ["a", "b"], "y")
    with pytest.raises(ValueError, match="X has 1 sequence, groups has 2"):
        check_same_number([1, 2], ["a"], "groups")
    made = object_array(np.zeros((3, 2)))
    assert made.shape == (3,)
    assert made.dtype == object
    assert made[1].shape == (2,)


def test_masked_targets_of_steps():
    X = [np.zeros((n, 1)) for n in (3, 2)]
    y = np.ma.masked_array([[1, 2, 3], [4, 5, 0]], mask=[[0, 0, 0], [0, 0, 1]])
    for padded_steps in (None, 3):
        assert flatten_steps(y, [3, 2], padded_steps=padded_steps).tolist() == [1, 2, 3, 4, 5]
    two = np.ma.masked_array(np.ones((2, 3, 2)), mask=np.repeat(y.mask[:, :, np.newaxis], 2, axis=2))
    assert flatten_steps(two, [3, 2]).shape == (5, 2)
    y.mask = [[0, 1, 0], [1, 0, 1]]
    message = (
        r"^y\[0\] is masked at step 1, before its end; only trailing steps may be masked\.\n"
        r"y\[1\] is masked at step 0"
    )
    for padded_steps in (None, 3):
        with pytest.raises(ValueError, match=message):
            flatten_steps(y, [2, 1], padded_steps=padded_steps)
    with pytest.raises(ValueError, match=message):
        RNNTagger().fit(X, y)
    two.mask[0, 1, 0] = True
    with pytest.raises(ValueError, match=r"^y\[0\] is masked at step 1"):
        flatten_steps(two, [3, 2])
    with pytest.raises(ValueError, match=r"^y\[0\] does not .* some of its steps are masked"):
        flatten_steps([y[0], [1]], [3, 1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_wrong_number_among_large_ones(value):
    values = np.full((7, 3), 3e38, dtype=np.float32)  # the sum of squares is infinite
    assert are_finite(values)
    assert are_finite(np.asfortranarray(values))
    values[4, 1] = value
    assert not are_finite(values)


# Cells, stacked arrays, panels


CELLS = pd.DataFrame(
    {"a": [np.array([1.0, 2.0]), np.array([3.0])], "b": [np.array([4.0, 5.0]), np.array([6.0])]}
)
PANEL = pd.DataFrame(
    {"v": [1.0, 2.0, 3.0]},
    index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["id", "time"]),
)


@pytest.mark.parametrize("allow_nan", [False, True])
@pytest.mark.parametrize(
    "X", [CELLS, CELLS.to_numpy(), CELLS.map(list), CELLS.map(lambda x: torch.tensor(x))]
)
def test_a_cell_that_holds_an_array_is_not_missing(X, allow_nan):
    with pytest.raises(
        ValueError, match=r"^X\[0, 0\] is a .*np\.column_stack\(row\) for row in np\.asarray\(X\)"
    ):
        as_sequences(X, allow_nan=allow_nan)
    fixed = as_sequences([np.column_stack(row) for row in np.asarray(X)])
    assert as_lists(fixed) == [[[1.0, 4.0], [2.0, 5.0]], [[3.0, 6.0]]]


def test_tensors_without_axes_are_not_missing():
    X = np.empty((1, 2), object)
    X[0, 0], X[0, 1] = torch.tensor(1.0), np.array(2.0)
    assert as_lists(as_sequences(X)) == [[[1.0], [2.0]]]


@pytest.mark.parametrize("padding_value", [None, 0])
@pytest.mark.parametrize(
    "stacked",
    [
        [[1, 2], [2, 3]],
        [["a", "b"], ["c", "d"]],
        [[1.5, 2], [2, 3]],
        [[[1], [2]], [[3], [4]]],
        [[True], [True]],
    ],
)
def test_what_numpy_stacked_is_read_like_what_it_did_not(stacked, padding_value):
    ragged = as_sequences([*stacked, stacked[0][:1]], padding_value=padding_value)
    for X in (np.array(stacked, object), objects(*(np.array(x, object) for x in stacked))):
        read = as_sequences(X, padding_value=padding_value)
        assert read.values.dtype.kind == ragged.values.dtype.kind
        assert as_lists(read) == as_lists(ragged[:2])
    table = pd.DataFrame({"a": pd.array([1, 2], "Int64"), "b": np.array([1, 2], object)})
    assert not as_sequences(table).is_tokens  # rows of a table are numbers


@pytest.mark.parametrize("dtypes", [("Int64", "float64"), ("Int64", "Float64"), ("boolean", "Float32")])
def test_missing_values_of_nullable_columns(dtypes):
    frame = pd.DataFrame({"a": pd.array([1, None], dtypes[0]), "b": pd.array([0.5, 2.5], dtypes[1])})
    for X in ([frame, frame[:1]], [frame.to_numpy(), frame[:1].to_numpy()]):
        with pytest.raises(ValueError, match=r"^X\[0\] has NaN at step 1, feature 0; impute"):
            as_sequences(X)
        np.testing.assert_array_equal(
            as_sequences(X, allow_nan=True).values, [[1, 0.5], [np.nan, 2.5], [1, 0.5]]
        )


@pytest.mark.parametrize(
    "X", [PANEL, PANEL["v"], PANEL.astype("Int64").assign(w=0.5), PANEL.assign(w=[[1.0], [2.0], [3.0]])]
)
def test_panels_are_refused(X):
    with pytest.raises(
        ValueError, match=r"levels, \['id', 'time'\].*reset_index\(\), 'id', sort_by='time'\);"
    ):
        as_sequences(X)


def test_what_has_levels_and_is_no_panel_is_read():
    texts = pd.Series(["ab", "c", "d"], index=PANEL.index)
    assert len(as_sequences(texts)) == 3
    assert len(as_sequences(texts.map(list))) == 3
    assert len(as_sequences([part for _, part in PANEL.groupby(level="id")])) == 2
    assert len(as_sequences(pd.DataFrame({"x": texts.map(list)}))) == 3
    unnamed = PANEL.rename_axis([None, None])
    with pytest.raises(ValueError, match="'level_0', sort_by='level_1'"):
        as_sequences(unnamed)


DATES = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (pl.DataFrame({"day": DATES, "v": [1.0, 2.0]}), TypeError, "column 'day' holds Date, not numbers"),
        ([pl.DataFrame({"day": DATES, "v": [1.0, 2.0]})], ValueError, "column 'day' holds Date, not numbers"),
        (
            np.array([[1, "2"], [3, "4"]], object),
            ValueError,
            r"X\[0\] has a value of type int at step 0, but other steps are str",
        ),
        (np.array([[["1.5"]]], object), TypeError, r"X\[0, 0, 0\] is '1.5', but must be a number"),
        (
            torch.nested.nested_tensor([torch.zeros(2, 1), torch.zeros(3, 1)], layout=torch.jagged),
            TypeError,
            r"nested tensor; list\(X\.unbind\(\)\) is",
        ),
        (np.array([[1j, 2]], object), (TypeError, ValueError), "complex"),
        ([np.array([1j, 2], object)], ValueError, r"Complex data not supported: X\[0\]"),
    ],
)
def test_other_readings_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        as_sequences(X, allow_nan=True)


def test_an_array_that_numpy_cannot_read_is_to_be_a_list():
    class Awkward(list):
        def __array__(self, dtype=None, copy=None):
            raise ValueError("cannot convert to RegularArray because subarray lengths are not regular")

    class Array:  # not a list, as an array of awkward
        def __init__(self, rows):
            self.rows = rows

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, i):
            return self.rows[i]

        __array__ = Awkward.__array__

    X = Array([[1.0, 2.0], [3.0]])
    with pytest.raises(TypeError, match=r"not regular Pass list\(X\)"):
        as_sequences(X)
    assert len(as_sequences(list(X))) == 2


# Padded text


@pytest.mark.parametrize("padding", ["", "<pad>"])
@pytest.mark.parametrize(
    "form", [np.array, lambda x: np.array(x, object), list, lambda x: [np.array(r) for r in x]]
)
def test_padded_words(form, padding):
    X = form([["to", padding, "be"], ["not", padding, padding], ["x", "y", padding]])
    assert as_lists(as_sequences(X, padding_value=padding)) == [["to", padding, "be"], ["not"], ["x", "y"]]


def test_padded_characters():
    assert as_sequences(["ab__", "a_b_", "cdef"], padding_value="_").lengths.tolist() == [2, 3, 4]
    assert as_sequences(["ab__"], padding_value="<pad>").lengths.tolist() == [4]
    with pytest.raises(ValueError, match=r"X\[1\] is empty \(or all of its steps are padding\)"):
        as_sequences(["ab__", "____"], padding_value="_")


@pytest.mark.parametrize("X", [np.zeros((2, 3)), [np.zeros(3)], [[1, 2], [3]], [[1.0], "a", [2]]])
def test_the_padding_of_numbers_is_a_number(X):
    with pytest.raises(
        TypeError, match=r"^padding_value='' is a str, but X holds numbers|^X\[0\] is of type"
    ):
        as_sequences(X, padding_value="")


def test_steps_that_are_dicts():
    with pytest.raises(ValueError, match=r"X\[0\] is not a sequence: its steps are dicts.*step\['word'\]"):
        as_sequences([[{"word": "a"}, {"word": "b"}]])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_text_are_named(frame):
    with pytest.raises(ValueError, match=r"X\[0\] .*column\(s\) 'day', 'note' hold text.*get_dummies"):
        as_sequences([frame({"t": [1.0, 2.0], "day": ["mo", "tu"], "note": ["a", "b"]})])


@pytest.mark.parametrize(
    "X", [["\ufeffab", "b"], ["\ufeffa"], [["\ufeffthe", "cat"]], [["a"], np.array(["\ufeffthe", "cat"])]]
)
def test_a_byte_order_mark_in_a_text_is_warned_of(X):
    with pytest.warns(UserWarning, match="X holds a byte order mark.*utf-8-sig"):
        as_sequences(X)
