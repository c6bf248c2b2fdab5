"""Long tables, with one row per step."""

import warnings

import numpy as np

from sklearn_rnn.data.arrays import is_missing
from sklearn_rnn.data.dates import ISO, MEANINGS
from sklearn_rnn.data.problems import find_caller, pluralize, reading


def read_long(table, id_column, value_columns=None, sort_by=None):
    """Sort the rows of a long table by their sequences.

    Parameters
    ----------
    table : pandas or polars DataFrame
        A table with one row per step.
    id_column, value_columns, sort_by
        See `Sequences.from_long`.

    Returns
    -------
    values : ndarray of shape (n_steps_total, n_features) or (n_steps_total,)
        The steps of all sequences, one sequence after the other.
    offsets : ndarray of int64 of shape (n_sequences + 1,)
        Where each sequence starts.
    names : list of str, or None
        The names of the features, if they have some.
    ids : ndarray of shape (n_sequences,)
        The id of each sequence.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.tables import read_long
    >>> values, offsets, names, ids = read_long(pd.DataFrame({"id": [1, 2, 1], "x": [3, 4, 5]}), "id")
    >>> offsets
    array([0, 2, 3])
    """
    if not hasattr(table, "columns"):
        raise TypeError(f"table must be a DataFrame, but it is of type {type(table).__name__}.")
    columns = list(table.columns)
    for name, column in (("id_column", id_column), ("sort_by", sort_by)):
        if isinstance(column, list):
            raise TypeError(f"{name} is the name of one column, but it is {column!r}.{_ONE_OF[name]}")
    if value_columns is None:
        value_columns = [c for c in columns if c not in (id_column, sort_by)]
    is_tokens = isinstance(value_columns, str)
    if len(value_columns) == 0:
        raise ValueError(f"No column is left for values; the table's columns are {columns}.")
    sorted_by = [] if sort_by is None else [sort_by]
    wanted = [id_column, *([value_columns] if is_tokens else value_columns), *sorted_by]
    _check_columns(table, columns, wanted)
    if len(no_id := _missing_rows(table, id_column)):
        raise ValueError(f"Row {no_id[0]} of the table has no id in column {id_column!r}; drop such rows.")
    ids = _column(table, id_column)
    if sort_by is not None and len(gaps := _missing_rows(table, sort_by)):
        raise ValueError(f"Row {gaps[0]} of the table has no value in column {sort_by!r}; drop such rows.")
    ids, first, code = _compare(
        id_column, ids, lambda ids: np.unique(ids, return_index=True, return_inverse=True)
    )
    appearance = np.argsort(first)
    rank = np.empty_like(appearance)
    rank[appearance] = np.arange(len(ids))
    if sort_by is None:
        order = np.argsort(rank[code], kind="stable")
        _warn_of_dates(table, columns, order, rank[code][order])
    else:
        keys, is_ordered = _order_of(table, sort_by)
        order = _compare(sort_by, keys, lambda keys: np.lexsort((keys, rank[code])))
        times = _column(table, sort_by)[order]
        _warn_of_repeats(sort_by, times, rank[code][order], ids[appearance])
        if not is_ordered:
            _warn_of_order_of_text(sort_by, times, rank[code][order])
    if is_tokens:
        values = _column(table, value_columns)
        if values.dtype.kind == "c":
            raise ValueError(f"Complex data not supported: column {value_columns!r} has {values.dtype}.")
        values = values[:, np.newaxis] if values.dtype.kind == "f" else values
    else:
        values = np.column_stack([_numbers(table, c) for c in value_columns])
    names = [value_columns] if is_tokens else value_columns
    is_named = values.ndim == 2 and all(isinstance(name, str) for name in names)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rank[code]))])
    return values[order], offsets, names if is_named else None, ids[appearance]


_ONE_OF = {
    "id_column": (
        ' Make one of several: table["id"] = table["machine"].astype(str) + "/" + table["run"].astype(str); '
        "and name value_columns, so that the columns it is made of are not features."
    ),
    "sort_by": " Sort the table by several before, and leave sort_by out.",
}
_MOST_COLUMNS = 20  # that are named


def _check_columns(table, columns, wanted):
    """Check that each of the columns occurs in the table exactly once."""
    for c in wanted:
        if c in columns and columns.count(c) == 1:
            continue
        if c in columns:
            raise ValueError(
                f"The table has {columns.count(c)} columns {c!r}; rename them, or keep the "
                "first of each: table.loc[:, ~table.columns.duplicated()]."
            )
        if c in getattr(getattr(table, "index", None), "names", ()):
            raise ValueError(
                f"{c!r} is a level of the table's index, not a column; pass table.reset_index()."
            )
        more = f" and {len(columns) - _MOST_COLUMNS} more" if len(columns) > _MOST_COLUMNS else ""
        raise ValueError(f"The table has no column {c!r}; its columns are {columns[:_MOST_COLUMNS]}{more}.")


def _missing_rows(table, column):
    """Return the rows in which a column has no value."""
    values = _column(table, column)
    if values.dtype.kind != "O":
        return np.flatnonzero(values != values)
    return np.flatnonzero([is_missing(value) for value in values])


def _column(table, name):
    """Return a column as an array."""
    with reading(f"Column {name!r}"):
        return np.asarray(table[name])


def _numbers(table, column):
    """Read a column of numbers."""
    values = _column(table, column)
    if values.dtype.kind in "biuf":
        return values
    try:
        if values.dtype.kind == "O":  # nullable numbers of pandas
            return np.array([np.nan if is_missing(value) else value for value in values], dtype=np.float64)
    except OverflowError as error:
        raise ValueError(f"Column {column!r} holds a number that is too large: {error}") from error
    except (TypeError, ValueError):
        pass
    how = (
        "such as the hour, the day of the week, or seconds since the step before"
        if values.dtype.kind in "mM"
        else "of numbers as text by astype(float), of categories by "
        f"pandas.get_dummies(table, columns=[{column!r}])"
    )
    raise TypeError(
        f"Column {column!r} holds {values.dtype}, not numbers. Make numbers of it ({how}), leave it out of "
        "value_columns, or name it as sort_by if it orders the steps."
    )


def _order_of(table, name):
    """Return values that sort like those of a column, and whether the column defines their order."""
    column = table[name]
    categories = getattr(column, "cat", None)
    if hasattr(categories, "codes"):  # of pandas; an array would hold their names
        return np.asarray(categories.codes), categories.ordered
    if type(column.dtype).__name__ == "Enum":  # of polars
        return np.asarray(column.to_physical()), True
    return _column(table, name), False


def _compare(column, values, sort):
    """Sort values; raise a TypeError that says why if they cannot be compared."""
    try:
        return sort(values)
    except TypeError as error:
        types = sorted({type(value).__name__ for value in values.tolist()})
        raise TypeError(
            f"Column {column!r} holds values that cannot be compared, of the type{'s' * (len(types) > 1)} "
            f"{' and '.join(types)}; make them of one type: table[{column!r}].astype(str)."
        ) from error


def _warn_of_order_of_text(sort_by, times, sequence):
    """Warn if the steps were sorted by text whose order differs from that of what it represents."""
    if times.dtype.kind not in "OU" or not all(isinstance(time, str) for time in times):
        return
    texts, codes = np.unique(times, return_inverse=True)
    if all(map(ISO.fullmatch, texts)):  # ISO 8601, whose order is right
        return
    for what, read, fix in MEANINGS:
        meant = [read(text) for text in texts.tolist()]
        if None in meant:
            continue
        place = np.empty(len(texts), dtype=np.int64)
        place[sorted(range(len(texts)), key=meant.__getitem__)] = np.arange(len(texts))
        place = place[codes]
        wrong = np.flatnonzero((place[1:] < place[:-1]) & (sequence[1:] == sequence[:-1]))
        if len(wrong):
            before, after = times[wrong[0]], times[wrong[0] + 1]
            warnings.warn(
                f"Column {sort_by!r}, which orders the steps, holds {what}, which are ordered as text: "
                f'"{before}" before "{after}". Make {fix.format(f"table[{sort_by!r}]")}.',
                stacklevel=find_caller(),
            )
        return


def _warn_of_dates(table, columns, order, sequence):
    """Warn if a table has dates, but the steps, without `sort_by`, are not in the order of any of them."""
    unordered = []
    for column in columns:
        if columns.count(column) > 1:
            continue
        has_zone = getattr(table[column].dtype, "kind", None) == "M"
        dates = np.asarray(table[column], dtype="M8[ns]") if has_zone else _column(table, column)
        if dates.dtype.kind != "M":
            continue
        is_inside = sequence[1:] == sequence[:-1]
        before, after = dates[order][:-1][is_inside], dates[order][1:][is_inside]
        if (before > after).any():
            unordered.append(column)
        elif (before < after).any():
            return
    if unordered:
        warnings.warn(
            f"Column {unordered[0]!r} of the table holds dates, but the steps have another order, and are "
            f"read as the rows come. If the dates order them, pass sort_by={unordered[0]!r}.",
            stacklevel=find_caller(),
        )


def _warn_of_repeats(sort_by, times, sequence, ids):
    """Warn if two steps of a sorted sequence have the same value in the column that orders them."""
    repeats = np.flatnonzero((times[1:] == times[:-1]) & (sequence[1:] == sequence[:-1]))
    if len(repeats):
        first = repeats[0]
        warnings.warn(
            f"Column {sort_by!r}, which orders the steps, repeats itself in "
            f"{pluralize(len(repeats), 'place')}, first {times[first]} in the sequence "
            f"{ids[sequence[first]]}: steps of several sequences are probably mixed. Give each sequence "
            "its own id, made of two columns if needed: "
            'table["id"] = table["machine"].astype(str) + "/" + table["run"].astype(str).',
            stacklevel=find_caller(),
        )
