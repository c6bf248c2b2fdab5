"""The form of X: what is asked of it after it has been read."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from sklearn_rnn import Sequences
from sklearn_rnn.data import as_column, as_sequences
from sklearn_rnn.data.form import Form, read_form
from sklearn_rnn.data.reading import read_features, read_sequences

NUMBERS = np.arange(12.0).reshape(2, 3, 2)
TABLE = np.arange(6.0).reshape(2, 3)
RAGGED = [NUMBERS[0], NUMBERS[1, :2]]


def form_of(X, **options):
    return read_sequences(X, **options)[1]


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        (NUMBERS, "numbers"),
        (TABLE, "numbers"),
        (TABLE.astype(int), "numbers"),
        (RAGGED, "numbers"),
        ([np.array([1, 2]), np.array([3])], "integer tokens"),
        (["ab", "c"], "text tokens"),
        ([["to", "be"], ["or"]], "text tokens"),
        (np.array([["to", "be"], ["or", "no"]]), "text tokens"),
        (Sequences.from_lengths(["a", "b", "c"], [1, 2]), "text tokens"),
    ],
)
def test_kind(X, kind):
    assert form_of(X).kind == kind


@pytest.mark.parametrize(
    ("X", "shape"),
    [
        (NUMBERS, (2, 3, 2)),
        (TABLE, (2, 3)),
        (torch.tensor(TABLE), (2, 3)),
        (memoryview(TABLE), (2, 3)),
        (pd.DataFrame(TABLE), (2, 3)),
        (pl.DataFrame(TABLE), (2, 3)),
        (np.array([["to", "be"], ["or", "no"]]), (2, 2)),
        (RAGGED, None),
        (NUMBERS.tolist(), None),
        (np.ma.masked_array(NUMBERS), None),
        (as_column(RAGGED), None),
        (pd.DataFrame(as_column(RAGGED)), None),
        (as_sequences(NUMBERS), None),
    ],
)
def test_shape_of_one_array(X, shape):
    assert form_of(X).shape == shape


@pytest.mark.parametrize(
    ("X", "shape", "is_table"),
    [
        (TABLE.tolist(), (2, 3), True),
        (tuple(TABLE.tolist()), (2, 3), False),  # not so to scikit-learn's bookkeeping
        (NUMBERS.tolist(), (2, 3, 2), False),
        ([["to", "be"], ["or", "no"]], (2, 2), False),
        ([[1.0, 2.0], [3.0]], None, False),
        ([[[1.0], [2.0]], [[3.0], [4.0]]], (2, 2, 1), False),
        (list(NUMBERS), None, False),
        (["ab", "cd"], None, False),
        (TABLE, None, False),
    ],
)
def test_shape_of_nested_lists(X, shape, is_table):
    form = form_of(X)
    assert (form.nested_shape, form.is_nested_table) == (shape, is_table)
    assert form.stacked_shape == (shape or form.shape)
    assert form.n_columns == (3 if is_table or X is TABLE else None)


def test_shape_of_nested_lists_with_padding():
    form = form_of([[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]], padding_value=0)
    assert form.nested_shape == (2, 3) and form.n_columns == 3
    assert form_of([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]], padding_value=0).nested_shape is None


@pytest.mark.parametrize(
    ("X", "names"),
    [
        (TABLE, []),
        (torch.tensor(TABLE), []),
        (pd.DataFrame(TABLE, columns=["a", "b", "c"]), ["a", "b", "c"]),
        (pd.DataFrame(TABLE, index=[2.5, 3.5], columns=["a", 1, "c"]), ["a", 1, "c"]),
        (pl.DataFrame(TABLE, schema=["a", "b", "c"]), ["a", "b", "c"]),
    ],
)
def test_header_of_a_table(X, names):
    form = form_of(X)
    assert form.is_table and form.header.shape == (0, 3) and form.n_columns == 3
    assert form.column_names == names


@pytest.mark.parametrize(
    "X", [NUMBERS, RAGGED, TABLE.tolist(), as_sequences(TABLE), as_column(RAGGED), ["ab"]]
)
def test_no_header_without_a_table(X):
    form = form_of(X)
    assert not form.is_table and form.header is None and form.column_names == []


@pytest.mark.parametrize(
    ("X", "padding_value", "n_steps"),
    [
        (NUMBERS, None, 3),
        (TABLE, 0, 3),
        (np.ma.masked_array(NUMBERS), None, 3),
        (RAGGED, None, None),
        ([[1.0, 0.0, 0.0], [2.0, 3.0]], 0, [3, 2]),
        (["ab  ", "c"], " ", [4, 1]),
        (as_sequences(RAGGED), 0, None),
    ],
)
def test_padded_steps(X, padding_value, n_steps):
    found = form_of(X, padding_value=padding_value).padded_steps
    assert n_steps is found is None or np.array_equal(found, n_steps)


@pytest.mark.parametrize(
    ("X", "are_texts"),
    [
        (["ab", "c"], True),
        (np.array(["ab", "c"]), True),
        (pd.Series(["ab", "c"]), True),
        ([["to"], ["be"]], False),
        (as_sequences(["ab"]), False),
        (pd.DataFrame({"words": [["to", "be"], ["or"]]}), False),  # whose first element is a name
        (TABLE, False),
    ],
)
def test_texts(X, are_texts):
    assert form_of(X).are_texts == are_texts


@pytest.mark.parametrize(
    ("X", "is_flat"),
    [
        (TABLE, True),
        (NUMBERS, False),
        ([[1.0, 2.0], [3.0]], True),
        ([[[1.0], [2.0]], [[3.0]]], False),
        (list(NUMBERS), False),
        ([np.ones(2), np.ones(3)], True),
        ([pd.Series([1.0])], True),
        ([pd.DataFrame({"x": [1.0]})], False),
        ([torch.ones(2)], True),
        (as_sequences(TABLE), False),
        (np.ma.masked_array(TABLE), True),
    ],
)
def test_flat(X, is_flat):
    assert form_of(X).is_flat == is_flat


def test_flat_if_the_first_is_empty():
    y = [[], [1.0]]
    assert read_form(y, as_sequences(y, allow_empty=True)).is_flat


def test_source_of_numbers():
    for dtype, is_float32 in ((np.float32, True), (np.float64, False), (int, False)):
        assert form_of(NUMBERS.astype(dtype)).is_float32 == is_float32
    assert form_of(as_sequences(RAGGED)).is_float32
    assert not form_of(as_sequences(RAGGED, dtype=None)).is_float32
    assert form_of(as_sequences(RAGGED)).is_sequences and not form_of(RAGGED).is_sequences


def test_one_series():
    X = pd.DataFrame({"x": [1.0, np.inf]})
    with pytest.raises(ValueError, match="^X has infinity"):
        read_sequences([X], is_one=True)
    with pytest.raises(ValueError, match=r"^X\[0\] has infinity"):
        read_sequences([X])
    with pytest.raises(ValueError, match=r"^Complex data not supported: X has dtype"):
        read_sequences([np.array([1j])], is_one=True)
    assert form_of([X[:1]], is_one=True).is_one and not form_of([X[:1]]).is_one


def test_as_sequences_agrees():
    for X in (NUMBERS, RAGGED, ["ab", "c"], pd.DataFrame(TABLE)):
        sequences = read_sequences(X)[0]
        assert np.array_equal(sequences.values, as_sequences(X).values)
        assert np.array_equal(sequences.offsets, as_sequences(X).offsets)


def test_the_form_cannot_change():
    with pytest.raises(AttributeError):
        Form("numbers").kind = "text tokens"


@pytest.mark.parametrize("make", [np.asarray, list, pd.DataFrame, memoryview, as_sequences, tuple])
def test_read_features(make):
    table = np.float64([[1e9 + 0.25, 5.0]] * 300)
    X = make(table) if make is not as_sequences else as_sequences(table, dtype=None)
    assert read_features(X, np.array([0])).tolist() == table.reshape(-1, 1).tolist()
