"""Dates, times and numbers as text."""

import re
from datetime import datetime


def looks_like_dates(texts):
    """Return whether all texts are dates in a form that does not sort as text like in time.

    Parameters
    ----------
    texts : list of object
        Objects of any type.

    Returns
    -------
    bool
        False for ISO 8601.

    Examples
    --------
    >>> from sklearn_rnn.data.dates import looks_like_dates
    >>> looks_like_dates(["31.12.2025", "01.01.2026"]), looks_like_dates(["2025-12-31"])
    (True, False)
    """
    return all(isinstance(text, str) for text in texts) and any(
        None not in map(read, texts) for read in (_read_date, _read_named_date)
    )


def _read_number(text):
    try:
        return float(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
    except ValueError:
        return None


def _read_zoned(text):
    """Return the moment of a time in ISO 8601 with a UTC offset, or None."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if time.tzinfo is None else time


def _read_name(text):
    """Return the position of a weekday or month, from at least the first three letters of its name."""
    name = text.strip(" .").lower()
    places = [k for k, full in enumerate(_NAMES_OF_TIME) if len(name) > 2 and full.startswith(name)]
    return places[0] if places else None


def _read_quarter(text):
    """Return the year and the quarter of a text such as Q4 2023."""
    found = re.fullmatch(r"\s*(?:(\d{4})\W*)?q([1-4])(?:\W*(\d{4}|\d\d))?\s*", text.lower())
    return None if found is None else (int(found[1] or found[3] or 0), int(found[2]))


def _read_date(text):
    """Return year, month and day of a numeric date; the month is first only if it cannot be second."""
    found = re.fullmatch(r"\s*(\d\d?)\s*([./-])\s*(\d\d?)\s*\2\s*(\d{4}|\d\d)\b(.*)", text)
    if found is None:
        return None
    day, _, month, year, rest = found.groups()
    return int(year), *((int(month), int(day)) if int(month) <= 12 else (int(day), int(month))), rest


def _read_named_date(text):
    """Return year, month and day of a date whose month is a name."""
    words = re.findall(r"[^\W\d_]+|\d+", text)
    months = [place for place in map(_read_name, words) if place is not None and place >= _FIRST_MONTH]
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(months) != 1 or not numbers:
        return None
    years = [n for n in numbers if n > 31][:1] or numbers[1:2] or [0]
    rest = [n for k, n in enumerate(numbers) if k != numbers.index(years[0])] if len(numbers) > 1 else numbers
    return years[0], months[0], *rest


def _read_clock(text):
    """Return what precedes a 12-hour time, and its hours, minutes and seconds."""
    found = re.fullmatch(r"(.*?)(\d\d?)(?::(\d\d))?(?::(\d\d))?\s*([ap])\.?m\.?\s*", text.lower())
    if found is None:
        return None
    day, hours, minutes, seconds, half = found.groups()
    return _read_counter(day), int(hours) % 12 + 12 * (half == "p"), int(minutes or 0), int(seconds or 0)


def _read_counter(text):
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", text))]


_NAMES_OF_TIME = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february"),
    *("march", "april", "may", "june", "july", "august", "september", "october", "november", "december"),
)
_FIRST_MONTH = 7
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?Z?)?")
_AS_DATES = (
    "dates of them, such as by {0} = pandas.to_datetime({0}), with dayfirst=True or format= if need be"
)
# What text may represent, how it is read, and what it should be converted to.
MEANINGS = (
    ("times of several zones as text", _read_zoned, "dates of them: {0} = pandas.to_datetime({0}, utc=True)"),
    ("numbers as text", _read_number, "numbers of them: {0} = {0}.astype(float)"),
    (
        "names of days or months",
        _read_name,
        "ordered categories: pandas.Categorical({0}, [...], ordered=True)",
    ),
    ("dates as text", _read_date, _AS_DATES),
    ("dates as text", _read_named_date, _AS_DATES),
    ("times as text", _read_clock, _AS_DATES),
    ("quarters as text", _read_quarter, _AS_DATES),
    (
        "numbers within text",
        _read_counter,
        "numbers or dates of them, or sort the table by them before and leave sort_by out",
    ),
)
