"""Series of numbers to be forecast: one, or several."""

import datetime
import numbers
import re
import sys
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import numpy as np

from sklearn_rnn.data.arrays import as_numbers
from sklearn_rnn.data.dates import looks_like_dates
from sklearn_rnn.data.frames import find_time_level, is_panel
from sklearn_rnn.data.problems import Problems, find_caller, reading
from sklearn_rnn.data.reading import read_sequences
from sklearn_rnn.data.sequences import Sequences, find_first_steps

_DAY = 24 * 60 * 60  # seconds
_TEXT = (
    "{} does not hold numbers only; convert it: numbers as text by astype(float), categories by "
    "a OneHotEncoder."
)


def is_one_series(X):
    """Return whether X is one series: an array of 1 or 2 axes, a DataFrame, a Series, or a list of numbers.

    Parameters
    ----------
    X : one series, or several
        See `read_series`.

    Returns
    -------
    bool
        False for a list of series, `Sequences` and an array with three axes.

    Examples
    --------
    >>> from sklearn_rnn.data.series import is_one_series
    >>> is_one_series([1.0, 2.0]), is_one_series([[1.0, 2.0], [3.0]])
    (True, False)
    """
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and isinstance(X[0], numbers.Number)
    if isinstance(X, Sequences) or not (hasattr(X, "__array__") or isinstance(X, memoryview)):
        return False
    with reading("X"):
        X = np.asanyarray(X)
    holds_numbers = X.dtype.kind != "O" or (X.size and isinstance(np.asarray(X).flat[0], numbers.Number))
    return X.ndim == 2 or (X.ndim == 1 and bool(holds_numbers))


def read_series(X, name="X"):
    """Read one series of numbers, or several.

    Parameters
    ----------
    X : one series, or several
        One: array (n_steps,) or (n_steps, n_features), a Series, a DataFrame with a row a step, or a list of
        numbers. Several, which may differ in length: a list of these, an array
        (n_series, n_steps, n_features), or `Sequences`. Integers are numbers, too.
    name : str, default="X"
        Name of the series in error messages.

    Returns
    -------
    series : Sequences
        The series, float32 if it represents X exactly, else float64; with the column names of DataFrames.
    form : Form
        Whether X was one series (`is_one`), and whether the series have no axis for features (`is_flat`).

    Raises
    ------
    ValueError
        If a series is empty or holds NaN or infinity, or if series differ in their number of features.
    TypeError
        If X is not a series, or does not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.series import read_series
    >>> series, form = read_series(np.arange(5))
    >>> series, form.is_one, form.is_flat
    (Sequences(1 sequence of 5 steps, 1 feature), True, True)
    """
    X = np.asarray(X) if isinstance(X, memoryview) else X  # whose parts Python cannot take
    is_one = is_one_series(X)
    if is_one and (columns := _text_columns(X)):
        raise TypeError(
            f"{_TEXT.format(name)} See {', '.join(map(repr, columns))}. A column of dates is the index, "
            "as set_index of pandas makes it, or is left out."
        )
    if not hasattr(X, "__len__") or isinstance(X, (str, dict)) or getattr(X, "ndim", 1) == 0:
        given = repr(X) if np.ndim(X) == 0 and not isinstance(X, dict) else f"a {type(X).__name__}"
        hint = f" Pass list({name}.values())." if isinstance(X, dict) else ""
        raise TypeError(f"{name} must be a series, or a list of series, but it is {given}.{hint}")
    series, form = read_one_or_several(X, is_one, name)
    if form.kind == "text tokens":
        raise TypeError(_TEXT.format(name))
    if series.is_tokens:
        series = _as_numbers(series, name)
    _refuse_nan(series, name, is_one)
    return series, form


def read_one_or_several(X, is_one, name="X"):
    """Read one series, or several, which may lack values.

    Parameters
    ----------
    X : one series, or several
        See `read_series`.
    is_one : bool
        Whether X is one series, which may also hold integers.
    name : str, default="X"
        Name of the series in error messages.

    Returns
    -------
    series : Sequences
        Numbers, with NaN for those that are missing; or tokens, if X holds text or several series of
        integers.
    form : Form
        The form of X.

    Examples
    --------
    >>> from sklearn_rnn.data.series import read_one_or_several
    >>> read_one_or_several([1, 2], is_one=True)[0]
    Sequences(1 sequence of 2 steps, 1 feature)
    """
    if is_one and not hasattr(X, "columns"):
        with reading(name):
            X = np.asanyarray(X)  # a mask is kept, and found
    series, form = read_sequences([X] if is_one else X, allow_nan=True, name=name, dtype=None, is_one=is_one)
    if is_one and form.kind == "integer tokens":
        return _as_numbers(series, name), replace(form, kind="numbers")
    return series, form


def _as_numbers(series, name):
    """Read integer tokens as numbers of one feature."""
    return series.with_values(as_numbers(series.values[:, np.newaxis], name))


def _text_columns(X):
    """Return the names of the columns of a DataFrame that do not hold numbers."""
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return []
    return [c for c, dtype in zip(X.columns, X.dtypes, strict=True) if not _is_numeric(dtype)]


def _is_numeric(dtype):
    """Return whether a column of pandas or polars holds numbers, or True and False."""
    if hasattr(dtype, "kind"):
        return dtype.kind in "biuf"
    return dtype.is_numeric() or str(dtype) == "Boolean"


def check_dates(X, exogenous, is_one, ahead="exogenous"):
    """Check that dates increase, and that those of `X` and `exogenous` agree; warn about missing dates.

    Parameters
    ----------
    X : one series, or several
        See `read_series`.
    exogenous : like `X`, or None
        May reach further than X.
    is_one : bool
        Whether they are one series.
    ahead : str, default="exogenous"
        Name of `exogenous` in messages.

    Raises
    ------
    ValueError
        If an index of dates, or of numbers, does not increase, or dates disagree; or if an index of several
        levels shows that X holds several series.

    Warns
    -----
    UserWarning
        If dates are regular, but some are missing, or if they are text in a form that is not checked.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.data.series import check_dates
    >>> series = pd.Series([1.0, 2.0], index=pd.date_range("2026-01-01", periods=2))
    >>> check_dates(series, None, is_one=True)
    """
    given = [X] if is_one or isinstance(X, memoryview) else X  # which has no dates
    exogenous = None if isinstance(exogenous, memoryview) else exogenous
    known = [None] * len(given) if exogenous is None else [exogenous] if is_one else exogenous
    problems = Problems("X", is_one=is_one)
    for i, (series, beside) in enumerate(zip(given, known, strict=False)):
        for name, one in (("X", series), (ahead, beside)):
            refuse_panel(one, name if is_one else f"{name}[{i}]")
        index, index_ahead = _sortable_index(series), _sortable_index(beside)
        if index is None:
            texts = getattr(series, "index", None)
            if hasattr(texts, "nlevels") and len(texts) and looks_like_dates(texts.tolist()):
                warnings.warn(
                    f"{problems.place(i)} has dates as text in its index, such as {texts[0]!r}, "
                    "whose order is not checked. Make dates of them, series.index = "
                    "pandas.to_datetime(series.index), with dayfirst=True or format= if needed, and then "
                    "series.sort_index().",
                    stacklevel=find_caller(),
                )
            continue
        if not index.is_monotonic_increasing:
            problems.add(
                i,
                "has an index that does not increase, but steps must follow one another in time. Sort it "
                "(sort_index), or if the order is right, reset_index(drop=True).",
            )
        elif not index.is_unique:
            problems.add(
                i,
                f"has {index[index.duplicated()][0]} in its index twice. If steps of several series are "
                "mixed, pass a list of series, [series for _, series in X.groupby(id_column)]; if steps "
                "are there twice, X[~X.index.duplicated()]; if it is one series in the right order, "
                "X.reset_index(drop=True).",
            )
        else:
            _warn_of_holes(index, problems.place(i))
        if index_ahead is not None and index.dtype.kind == index_ahead.dtype.kind != "i":
            n = min(len(index), len(index_ahead))
            differ = np.flatnonzero(index[:n] != index_ahead[:n])
            if len(differ):
                at = differ[0]
                problems.add(i, f"is of {index[at]} at step {at}, but {ahead} is of {index_ahead[at]}.")
    problems.raise_if_any()


def refuse_panel(X, name="X"):
    """Raise an error if the index of a series has several levels, which show that it is several series.

    Parameters
    ----------
    X : one series, or anything else
        See `read_series`.
    name : str, default="X"
        Name of the series in error messages.

    Raises
    ------
    ValueError
        If there are several series in one.

    Examples
    --------
    >>> from sklearn_rnn.data.series import refuse_panel
    >>> refuse_panel([1.0, 2.0])
    """
    if not is_panel(X):
        return
    time = find_time_level(X.index)
    if X.index.droplevel(time).nunique() < 2:
        return
    names = [k if level is None else level for k, level in enumerate(X.index.names) if k != time]
    level = names[0] if len(names) == 1 else names
    raise ValueError(
        f"{name} has an index of several levels, {list(X.index.names)}, and so is several series. Pass a "
        f"list of them: [series.droplevel({level!r}) for _, series in {name}.groupby(level={level!r})]."
    )


def _warn_of_holes(index, name):
    """Warn if some dates, durations or whole numbers are missing among regular ones.

    An index is regular if 9 in 10 of its entries follow at the same distance, in months if all dates begin or
    end a month. Nothing is missing if only nights are left out, as in data of a stock market.
    """
    if index.dtype.kind == "f" and (np.abs(index) < 2**53).all() and (index == np.floor(index)).all():
        index = index.astype(np.int64)
    given = index
    if len(index) > 2 and index.inferred_type in ("string", "date"):  # of ISO 8601
        with suppress(ValueError):
            index = sys.modules["pandas"].to_datetime(index)
    is_period, is_date = hasattr(index, "start_time"), hasattr(index, "tz")
    if len(index) < 3 or not (is_period or is_date or index.dtype.kind in "ium"):
        return
    # Times within a single day that begins a month are not months.
    of_months = is_date and bool(index.is_month_start.all() or index.is_month_end.all())
    of_months = of_months and len(set(zip(index.year, index.month, strict=True))) == len(index)
    if is_date and index.tz is not None and len(set(index.time)) == 1:
        index = index.tz_localize(None)  # days of 23 to 25 hours
    if of_months:
        times = 12 * np.asarray(index.year) + np.asarray(index.month)
    else:
        times = index.to_numpy() if index.dtype.kind in "iu" else index.asi8
    distances = np.diff(times)
    values, counts = np.unique(distances, return_counts=True)
    step = values[counts.argmax()]
    holes = np.flatnonzero(distances >= 2 * step)
    if counts.max() < 0.9 * len(distances) or not len(holes):
        return
    regular = np.argmax(distances == step)
    is_time = is_date or index.dtype.kind == "m"
    seconds = (index[regular + 1] - index[regular]).total_seconds() if is_time else 0
    if is_date and len(holes) > 1 and seconds < _DAY:
        of_clock = Counter(time.time() for time in index[holes])
        n_clocks = 2 if len(holes) >= 20 else 1  # in summer and in winter time
        if sum(n for _, n in of_clock.most_common(n_clocks)) >= 0.8 * len(holes):
            return
    if is_period:
        fix = f"reindex(pd.period_range(series.index[0], series.index[-1], freq={index.freqstr!r}))"
    elif not is_time:
        fix = f"reindex(range({index[0]}, {index[-1] + 1}, {step}))"
    elif not is_date:
        fix = f"resample('{seconds:g}s').mean()"
    elif of_months:
        fix = f"asfreq('{step}{'MS' if index.is_month_start.all() else 'ME'}')"
    else:
        fix = f"asfreq('{seconds / _DAY:g}D')" if seconds % _DAY == 0 else f"asfreq('{seconds:g}s')"
    if given is not index:
        fix = f"set_axis(pd.to_datetime(series.index)).{fix}"
    warnings.warn(
        f"{name} lacks {(distances[holes] // step - 1).sum()} step(s) of its regular index in {len(holes)} "
        f"place(s), first between {index[holes[0]]} and {index[holes[0] + 1]}, but steps are read as "
        f"following one another. Fill them, series = series.{fix}.interpolate(); or if nothing is missing, "
        "pass series.reset_index(drop=True).",
        stacklevel=find_caller(),
    )


def _sortable_index(series):
    """Return the index of a Series or a DataFrame, if it holds dates, periods or numbers; else None."""
    index = getattr(series, "index", None)
    if not hasattr(index, "is_monotonic_increasing"):
        return None
    if index.nlevels > 1:
        time = find_time_level(index)
        index = index.droplevel([k for k in range(index.nlevels) if k != time])  # of one series
    is_sortable = index.dtype.kind in "iufmM" or hasattr(index, "asfreq")
    return index if is_sortable or all(map(_is_date, index)) else None


def _is_date(value):
    """Return whether a value is a date, or text that begins with one in ISO 8601, which sorts like time."""
    return isinstance(value, datetime.date) or (isinstance(value, str) and bool(_ISO_DATE.match(value)))


_ISO_DATE = re.compile(r"\d{4}-\d\d(-\d\d|$)")


def _refuse_nan(series, name, is_one):
    is_nan, names = np.isnan(series.values), series.feature_names
    problems = Problems(name, is_one=is_one)
    for i, step, at in find_first_steps(is_nan.any(axis=1), series.offsets):
        feature = is_nan[at].argmax() if names is None else repr(names[is_nan[at].argmax()])
        problems.add(
            i,
            f"has NaN at step {step}, feature {feature}; a forecast needs every step. Impute it before, as "
            "interpolate of pandas does, or leave out all up to it (after the end of a shorter series: pass "
            "a list of series, each without its own NaN).",
        )
    problems.raise_if_any()
