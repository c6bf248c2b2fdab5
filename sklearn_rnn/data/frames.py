"""DataFrames and Series of pandas and polars: names of columns, dates in an index."""

import warnings

import numpy as np

from sklearn_rnn.data.problems import find_caller

OF_DATES = ("datetime64", "timedelta64", "period")


def is_frame(x):
    """Return whether an object, or a type, is a DataFrame of pandas or polars.

    Parameters
    ----------
    x : object
        Any object.

    Returns
    -------
    bool
        False for a Series.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.frames import is_frame
    >>> is_frame(pd.DataFrame({"x": [1]})), is_frame(pd.Series([1]))
    (True, False)
    """
    return hasattr(x, "to_numpy") and hasattr(x, "columns")


def is_panel(X):
    """Return whether X is a DataFrame or a Series whose index has several levels, such as an id and a time.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    bool
        False for all other objects.

    Examples
    --------
    >>> from sklearn_rnn.data.frames import is_panel
    >>> is_panel([[1.0, 2.0]])
    False
    """
    return getattr(getattr(X, "index", None), "nlevels", 1) > 1


def find_time_level(index):
    """Find the level of a MultiIndex that orders the steps: the last one of dates, or else the last one.

    Parameters
    ----------
    index : MultiIndex
        The index of a pandas object.

    Returns
    -------
    int
        The position of the level.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.frames import find_time_level
    >>> days = pd.date_range("2026-01-01", periods=2)
    >>> find_time_level(pd.MultiIndex.from_product([days, ["a", "b"]]))
    0
    """
    of_dates = [k for k, level in enumerate(index.levels) if level.inferred_type in OF_DATES]
    return of_dates[-1] if of_dates else index.nlevels - 1


def common_names(X, problems):
    """Return the column names of all DataFrames in a list, and add problems where they differ.

    Parameters
    ----------
    X : list
        Sequences, of which some may be DataFrames.
    problems : Problems
        Where to add problems.

    Returns
    -------
    tuple of str, or None
        None if there are no DataFrames, or none of them has names that are all str.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.frames import common_names
    >>> from sklearn_rnn.data.problems import Problems
    >>> common_names([pd.DataFrame({"x": [1, 2]})], Problems("X"))
    ('x',)
    """
    if not any(map(is_frame, set(map(type, X)))):
        return None
    columns = {i: list(x.columns) for i, x in enumerate(X) if is_frame(x) and len(x)}
    if not any(all(isinstance(name, str) for name in names) for names in columns.values()):
        return None
    first, model = next(iter(columns.items()))
    for i, names in columns.items():
        if names == model:
            continue
        missing = [name for name in model if name not in names]
        unknown = [name for name in names if name not in model]
        if missing:
            what = f"lacks the columns {missing}, which {problems.name}[{first}] has"
        elif unknown:
            what = f"has the columns {unknown}, which {problems.name}[{first}] lacks"
        else:
            what = f"has the columns of {problems.name}[{first}] in another order"
        problems.add(i, f"{what}; every DataFrame needs the same columns in the same order.")
    return tuple(model)


def warn_of_order(X, name):
    """Warn if DataFrames or Series are not in the order of the dates of their index.

    Parameters
    ----------
    X : list
        Sequences, of which some may be DataFrames or Series.
    name : str
        Name of the sequences in the message.

    Warns
    -----
    UserWarning
        If dates do not increase.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.frames import warn_of_order
    >>> warn_of_order([pd.Series([1.0, 2.0], index=pd.date_range("2026-01-01", periods=2))], "X")
    """
    unordered = [
        i
        for i, x in enumerate(X)
        if hasattr(x, "to_numpy")
        and getattr(getattr(x, "index", None), "inferred_type", None) in OF_DATES
        and not x.index.is_monotonic_increasing
    ]
    if unordered:
        more = f" and {len(unordered) - 1} more" if len(unordered) > 1 else ""
        warnings.warn(
            f"{name}[{unordered[0]}]{more}: the index holds dates, but the rows have another order, and are "
            f"read as they come. Sort them: {name} = [x.sort_index() for x in {name}].",
            stacklevel=find_caller(),
        )


def refuse_dates(frame):
    """Raise an error if columns hold dates or durations, which have no obvious conversion to numbers.

    Parameters
    ----------
    frame : DataFrame
        Any table.

    Raises
    ------
    TypeError
        If a column does.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.frames import refuse_dates
    >>> refuse_dates(pd.DataFrame({"x": [1]}))
    """
    for c, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if getattr(dtype, "is_temporal", bool)() or getattr(dtype, "kind", None) in ("m", "M"):
            raise TypeError(
                f"column {c!r} holds {dtype}, not numbers. Make numbers of it (such as the hour, the day of "
                "the week or a duration in seconds), or leave it out."
            )


def refuse_text(frame):
    """Raise an error if a DataFrame has columns of text in addition to others.

    Parameters
    ----------
    frame : DataFrame
        Any table.

    Raises
    ------
    TypeError
        If it has.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.frames import refuse_text
    >>> refuse_text(pd.DataFrame({"word": ["to", "be"]}))
    """
    texts = [c for c in frame.columns if _holds_text(np.asarray(frame[c]))]
    if texts and len(frame.columns) > 1:
        named = ", ".join(map(repr, texts))
        raise TypeError(
            f"column(s) {named} hold text. Make numbers of them (of numbers as text by astype(float), of "
            f"categories by pandas.get_dummies(table, columns={texts!r})), or leave them out."
        )


def _holds_text(column):
    return column.dtype.kind in "UT" or (
        column.dtype.kind == "O" and any(isinstance(value, str) for value in column.flat)
    )
