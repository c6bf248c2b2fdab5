"""Warnings about data that are probably not what they are read as."""

import ast
import json
import re
import string
import warnings
from collections import Counter

import numpy as np

from sklearn_rnn.data.arrays import find_narrow
from sklearn_rnn.data.problems import find_caller, pluralize


def warn_of_padding(sequences, name="X", *, by_name_only=False, padding_value=None):
    """Warn if sequences seem to be padded, as padding is then learnt like any other step.

    This is the case if a token with the name of padding ("", "<pad>", "PAD", -100, ...) ends sequences and
    occurs nowhere else. For any other step, all sequences must have the same length, half of them must end
    (or begin) with this step, in runs of different lengths, and it must occur nowhere else. A step of numbers
    must also be a usual padding value, such as 0 or -999, in all features, or lie between the smallest and
    the largest number of each feature, as padding does that was scaled.

    Parameters
    ----------
    sequences : Sequences
        Numbers or tokens.
    name : str, default="X"
        Name of the sequences in the message.
    by_name_only : bool, default=False
        Whether to look only for tokens with the name of padding.
    padding_value : float or str, optional
        Padding value that was already cut off.

    Returns
    -------
    bool
        Whether they seem to be padded.

    Warns
    -----
    UserWarning
        If they seem to be padded.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.hints import warn_of_padding
    >>> warn_of_padding(as_sequences([["to", "be"], ["not"]]))
    False
    """
    lengths = sequences.lengths
    if not len(sequences.values) or not lengths.all():
        return False
    ends = sequences.values[sequences.offsets[1:] - 1]
    if sequences.is_tokens:
        named = [token for token in Counter(ends.tolist()) if _is_called_padding(token)]
        runs = _count_runs(sequences, named[0], at_start=False) if named else None
        if runs is not None:
            return _say_padded(sequences, name, named[0], runs, at_start=False)
    if by_name_only or (lengths != lengths[0]).any():
        return False
    for at_start, edges in ((False, ends), (True, sequences.values[sequences.offsets[:-1]])):
        padding = _most_common_padding(edges, sequences.values)
        if padding is None or np.all(padding == padding_value):
            continue
        runs = _count_runs(sequences, padding, at_start)
        # If there are few tokens, all sequences may well end with the same one.
        is_usual = not sequences.is_tokens or padding in _USUAL_PADDING
        if runs is None or np.unique(runs[(runs > 0) & (runs < lengths)]).size < 2:
            continue
        if is_usual or len(set(sequences.values.tolist())) > _FEW_TOKENS:
            return _say_padded(sequences, name, padding, runs, at_start)
    return False


_PADDING = re.compile(r"|PAD(DING)?|[<\[_]+pad(ding)?[>\]_]+|[<\[_]+PAD(DING)?[>\]_]+")
_USUAL_PADDING = (0, -1, -99, -100, -999, -9999)
_FEW_TOKENS = 8


def _is_called_padding(token):
    if isinstance(token, str):
        return bool(_PADDING.fullmatch(token))
    return token == -100  # torch's ignore_index


def _most_common_padding(edges, values):
    """Return the step that half of the first or last steps equal, if it may be padding, else None."""
    if edges.ndim == 1:
        token, n = Counter(edges.tolist()).most_common(1)[0]
        return token if 2 * n >= len(edges) else None
    for value in _USUAL_PADDING:
        if 2 * np.count_nonzero((edges == value).all(axis=1)) >= len(edges):
            return value
    step = np.sort(edges, axis=0)[len(edges) // 2]  # the value of more than half is in the middle
    if 2 * np.count_nonzero((edges == step).all(axis=1)) < len(edges):
        return None
    return step if ((values.min(axis=0) < step) & (step < values.max(axis=0))).all() else None


def _count_runs(sequences, padding, at_start):
    """Count the steps of padding at the ends or starts of sequences; None if it also occurs elsewhere."""
    is_padding = sequences.values == padding
    is_padding = is_padding if is_padding.ndim == 1 else is_padding.all(axis=1)
    starts, steps = sequences.offsets[:-1], np.arange(len(is_padding))
    if at_start:
        first_other = np.minimum.reduceat(np.where(is_padding, len(steps), steps), starts)
        runs = np.minimum(first_other, sequences.offsets[1:]) - starts
    else:
        last_other = np.maximum.reduceat(np.where(is_padding, -1, steps), starts)
        runs = sequences.offsets[1:] - 1 - np.maximum(last_other, starts - 1)
    return runs if runs.sum() == is_padding.sum() else None


def _say_padded(sequences, name, padding, runs, at_start):
    where = "begin" if at_start else "end"
    what, like = (
        (repr(padding), "any other") if sequences.is_tokens else (f"steps of {padding}", "all others")
    )
    if sequences.is_tokens:
        fix = f"Cut it off, {name} = [[t for t in x if t != {padding!r}] for x in {name}]"
        fix += "" if at_start or name != "X" else f", or set padding_value={padding!r} of the estimator"
    elif np.ndim(padding):
        fix = "It seems to have been scaled: cut it off before, Sequences.from_padded(X, padding_value=...)"
    elif at_start:
        fix = f"Cut it off, {cut_starts(padding, sequences.n_features, name)}"
    else:
        fix = f"Cut it off, {name} = Sequences.from_padded({name}, padding_value={padding})"
        if name == "X":
            fix += f", or set padding_value={padding} of the estimator, which also cuts padded y of steps"
    if not sequences.is_tokens and sequences.n_features == 1 and not np.ndim(padding):
        codes = f"{name} = [np.array([t for t in x if t != {padding}], dtype=int) for x in {name}]"
        fix += f"; if these are codes of tokens, {codes}"
    warnings.warn(
        f"{name} seems to be padded: {np.count_nonzero(runs)} of {len(sequences)} sequences {where} with "
        f"{what}, which would be learnt like {like}. {fix}. If it is not padding, ignore this warning.",
        stacklevel=find_caller(),
    )
    return True


def warn_of_padding_before(sequences, padding_value):
    """Warn if sequences seem to be padded at the start, where padding is read as data.

    This is the case if no sequence ends with padding, and more than half begin with different numbers
    of steps of it.

    Parameters
    ----------
    sequences : Sequences
        Numbers, from which padding at the end was cut off.
    padding_value : float
        Value of the padding.

    Warns
    -----
    UserWarning
        If sequences seem to be padded at the start.

    Examples
    --------
    >>> from sklearn_rnn.data import as_sequences
    >>> from sklearn_rnn.data.hints import warn_of_padding_before
    >>> warn_of_padding_before(as_sequences([[1.0, 2.0], [3.0]]), 0)
    """
    lengths = sequences.lengths
    if sequences.is_tokens or (lengths != lengths[0]).any():
        return
    steps = sequences.values.reshape(len(sequences), lengths[0], -1)
    padding_value = np.float32(padding_value)
    begins = (steps[:, 0] == padding_value).all(axis=1)
    if 2 * begins.sum() <= len(sequences):
        return
    is_step = (steps[begins] != padding_value).any(axis=2)
    if np.unique(is_step.argmax(axis=1)).size > 1:
        warnings.warn(
            f"padding_value={padding_value}, but {begins.sum()} of {len(sequences)} sequences in X begin "
            "with steps of it and none ends with it: padding seems to be at the start, where it is read as "
            f"data. Cut it off, {cut_starts(padding_value, sequences.n_features)}; if these steps are data, "
            "leave padding_value out.",
            stacklevel=find_caller(),
        )


def cut_starts(padding_value, n_features, name="X"):
    """Return code that cuts padding off the starts of sequences.

    Parameters
    ----------
    padding_value : float
        Value of the padding.
    n_features : int
        Number of features of a step.
    name : str, default="X"
        Name of the sequences in the code.

    Returns
    -------
    str
        Code for numbers in an array, or in a list of arrays.

    Examples
    --------
    >>> from sklearn_rnn.data.hints import cut_starts
    >>> print(cut_starts(0, 2))
    X = [x[(np.array(x) != 0).any(axis=1).argmax():] for x in X]
    """
    is_step = f"(np.array(x) != {padding_value})" + (".any(axis=1)" if n_features > 1 else "")
    return f"{name} = [x[{is_step}.argmax():] for x in {name}]"


def warn_of_numbers_as_text(form, sequences):
    """Warn if texts are numbers, or printed lists of numbers, which are read character by character.

    Parameters
    ----------
    form : Form
        The form in which the data were passed.
    sequences : Sequences
        Tokens, or numbers, which are not checked.

    Warns
    -----
    UserWarning
        If all texts (or all words) are numbers, some with a decimal point, or lists of numbers.

    Examples
    --------
    >>> from sklearn_rnn.data.hints import warn_of_numbers_as_text
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> sequences, form = read_sequences(["Rome", "Pisa"])
    >>> warn_of_numbers_as_text(form, sequences)
    """
    if form.kind != "text tokens":
        return
    are_texts = form.are_texts
    texts = _join_characters(sequences) if are_texts else sequences.values.tolist()
    if not all(map(_is_printed, texts)) or not any(map(_HAS_SIGN.search, texts)):
        return
    number, between, are_plain = "float(v)", _BETWEEN_NUMBERS, all(map(_is_number, texts))
    if all(map(_THOUSANDS.fullmatch, texts)):
        number, are_plain = 'float(v.replace(",", ""))', True
    elif all(map(_DECIMAL_COMMAS.fullmatch, texts)):
        number, between = 'float(v.replace(",", "."))', r"[\s;]"
        are_plain = not any(re.search(r"[\s;]", text) for text in texts)
    words = (word for text in texts for word in re.sub(_BETWEEN_NUMBERS, " ", text).split())
    if any(word.lower() in _MISSING for word in words):
        number = f"(float('nan') if v.lower() in {_MISSING} else {number})"
    if not are_texts:
        what = "words that are numbers, which are read as tokens"
        fix = f"[[{number} for v in x] for x in X]"
    elif are_plain:
        what = "numbers as text, which are read by the character"
        fix = f"[{number} for v in X] (which are the steps of one sequence, [X], or many of one step)"
    elif any(re.match(r"\s*(?:(?:array|tensor)\()?\s*[\[(]\s*[\[(]", text) for text in texts):
        what, fix = "lists of lists as text, which are read by the character", _fix_nested(texts)
    else:
        what = "lists of numbers as text, which are read by the character"
        fix = f'[[{number} for v in re.sub(r"{between}", " ", x).split()] for x in X]'
    warnings.warn(
        f"X holds {what}, such as {texts[0][:50]!r}. If they are measurements, make numbers of them: "
        f"X = {fix}.",
        stacklevel=find_caller(),
    )


def _join_characters(sequences):
    """Return sequences of characters as texts."""
    joined = sequences.values.tobytes().decode("utf-32-le", "surrogatepass")
    bounds = sequences.offsets.tolist()
    return [joined[start:stop] for start, stop in zip(bounds, bounds[1:], strict=False)]


def _fix_nested(texts):
    """Return code that reads lists of lists in a form that JSON, Python or NumPy prints."""
    for module, read in ((json, "loads"), (ast, "literal_eval")):
        try:
            list(map(getattr(module, read), texts))
        except (ValueError, SyntaxError):
            continue
        return f"[{module.__name__}.{read}(x) for x in X]"
    rows = rf're.findall(r"[\[(]([^\[\]()]+)[\])]", {_WITHOUT_TYPES})'
    numbers_of_row = f'[float(v) for v in re.sub(r"{_BETWEEN_NUMBERS}", " ", row).split()]'
    return f"[[{numbers_of_row} for row in {rows}] for x in X]"


_WITHOUT_TYPES = r're.sub(r"np\.float\d+\(([^()]*)\)|dtype=\S+", r"\1", x)'
_BETWEEN_NUMBERS = r"np\.float\d+|array|tensor|dtype=[\w.]+|Decimal|[^\w.+-]"
_DECIMAL_COMMAS = re.compile(r"([+-]?\d+,\d+([\s;]+|$))+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
# Characters that show that digits are numbers.
_HAS_SIGN = re.compile(r"[.\[,|;]|\d\s+\d+\s+\d|^\s*[+-]\d|\d[eE][+-]?\d")
_MISSING = ("na", "nan", "null", "none")


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return text.lower() in _MISSING
    return True


def _is_printed(text):
    """Return whether a text is a number, or a printed list or array of numbers."""
    found = re.sub(_BETWEEN_NUMBERS, " ", text).split()
    return bool(found) and all(map(_is_number, found)) and "\u2212" not in text  # a minus float rejects


def warn_of_feature_names(form):
    """Warn if a table is read as series of one feature, but its columns have names that are not times.

    Names with a number in them may be times (t0, 2026-01-01), or numbered features (x0), which look alike.

    Parameters
    ----------
    form : Form
        The form of the table.

    Warns
    -----
    UserWarning
        If more than half of the columns of a DataFrame have names that are not times.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.hints import warn_of_feature_names
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> warn_of_feature_names(read_sequences(np.zeros((2, 3)))[1])
    """
    names = list(map(str, form.column_names))
    no_time = [name for name in names if not _MAY_BE_TIME.search(name)]
    letters = "".join(names)
    are_in_order = len(names) > 1 and letters in string.ascii_letters and letters.lower() != "xyz"  # a, b, c
    if 2 * len(no_time) <= len(names) or are_in_order:
        return
    warnings.warn(
        f"X is a DataFrame whose columns {no_time[:5]} have names that are not times, but each row is read "
        f"as a sequence of {pluralize(len(names), 'step')} of one feature. If rows are steps with such "
        "features, pass X, ids = Sequences.from_long(table, id_column, sort_by=time_column) and a y for "
        "each id; if a row is a sequence of one step, X.to_numpy()[:, np.newaxis]; if columns are steps, "
        "X.to_numpy().",
        stacklevel=find_caller(),
    )


# A number, the name of a month or of a day, or a word for a time.
_MAY_BE_TIME = re.compile(
    r"\d|^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)(uary|ruary|ch|il|e|y|ust|t|tember|ober|ember|day|sday|s|nesday|rsday|r|rs|urday)?\.?$"
    r"|(^|\b|_)(morning|noon|afternoon|evening|night|midnight|dawn|dusk|pre|post|before|during|after|start|begin|mid|middle"
    r"|end|early|late|first|second|third|fourth|fifth|last|next|baseline|initial|final|previous|current|yesterday|today"
    r"|tomorrow|spring|summer|autumn|fall|winter)(\b|_|$)",
    re.IGNORECASE,
)


def warn_of_integers(form, sequences, name="X"):
    """Warn if integers that are read as tokens look like measurements.

    This is the case if they change little from step to step, compared with the difference of any two of them,
    if they hardly repeat, or if those in the middle are the most frequent. Codes of tokens do not, except
    those of a few states; these are small, and most numbers up to the largest occur.

    Parameters
    ----------
    form : Form
        The form in which the sequences were passed.
    sequences : Sequences
        Tokens that are integers; others are not checked.
    name : str, default="X"
        Name of the sequences in the message.

    Warns
    -----
    UserWarning
        If they look like measurements.

    Examples
    --------
    >>> from sklearn_rnn.data.hints import warn_of_integers
    >>> from sklearn_rnn.data.reading import read_sequences
    >>> sequences, form = read_sequences([[0, 1, 0], [2, 1]])
    >>> warn_of_integers(form, sequences)
    """
    values = sequences.values
    if form.kind != "integer tokens" or form.is_sequences:  # made to hold tokens
        return
    tokens, counts = np.unique(values, return_counts=True)
    n_tokens, n_steps = len(tokens), len(values)
    follows = np.ones(n_steps, dtype=bool)
    follows[sequences.offsets[:-1][sequences.lengths > 0]] = False
    if n_tokens <= 3 or not follows.any():
        return
    tokens = tokens.astype(np.float64)
    share = np.cumsum(counts[:-1]) / n_steps  # of smaller tokens
    spread = 2 * np.sum(share * (1 - share) * np.diff(tokens))  # mean difference of any two
    change = np.abs(np.diff(values.astype(np.float64), prepend=0))[follows].mean()
    is_sparse = tokens[-1] + 1 > 2 * n_tokens
    is_smooth = change < (0.7 - n_steps**-0.5) * spread  # few steps may look smooth by chance
    repeats = np.sum(counts * (counts - 1.0)) / n_steps / (n_steps - 1)  # of two steps, how often they agree
    hardly_repeat = n_tokens > 50 and repeats * n_tokens < 0.3  # 1 if all tokens come equally often
    is_many = 20 < n_tokens <= n_steps / 2
    hardly_repeat |= n_tokens == n_steps
    looks_measured = (is_smooth and (is_sparse or is_many)) or (hardly_repeat and is_sparse)
    if tokens[0] < -1 or looks_measured or _have_hump(values):
        warnings.warn(
            f"{name} holds integers, which are read as tokens, but they look like measurements: "
            f"{n_tokens} different ones from {tokens[0]:.0f} to {tokens[-1]:.0f} in {n_steps} steps. If they "
            f"are, make them float: {name} = [np.asarray(x, dtype=float) for x in {name}]. If they are codes "
            f"of tokens, say so: {name} = sklearn_rnn.data.as_sequences({name}).",
            stacklevel=find_caller(),
        )


def _have_hump(values, n_bins=24, n_orders=1000):
    """Return whether the histogram of integers is a hump; that of codes in random order hardly ever is."""
    low, high = np.percentile(values, [1, 99]).astype(np.int64)
    values = values[(low <= values) & (values <= high)]
    counts = np.bincount((values - low) // -((low - high - 1) // n_bins))  # each bin covers as many integers
    below = counts[: counts.argmax()].sum() / len(values)
    above = counts[counts.argmax() + 1 :].sum() / len(values)
    if not counts.all() or min(below, above) < 0.1:  # as for codes by rank
        return False
    shuffled = np.random.default_rng(0).permuted(np.tile(counts, (n_orders, 1)), axis=1)
    return np.abs(np.diff(counts)).sum() < 0.8 * np.abs(np.diff(shuffled)).sum(axis=1).min()


_LEAST_GAP = 8  # units between numbers that were rounded before, to decimals or to a step of their own
_LARGEST_EXACT = 2**24  # up to which float32 holds every whole number


def warn_of_float32(values, name="X"):
    """Warn if numbers are float32 and differ in its last digits only, which scaling cannot repair.

    Parameters
    ----------
    values : ndarray of shape (n_steps, n_features) or (n_steps,)
        Numbers, as they were passed.
    name : str, default="X"
        Name of the numbers in the message.

    Warns
    -----
    UserWarning
        With what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.hints import warn_of_float32
    >>> warn_of_float32(np.float32([1.0, 2.0]))
    """
    if values.dtype != np.float32 or not len(values):
        return
    values = values.reshape(len(values), -1)
    are_equal = (values == values[0]).all(axis=0) & (np.abs(values[0]) > _LARGEST_EXACT)
    is_narrow, units = find_narrow(values)
    gaps = (np.nanmin(np.diff(np.unique(values[:, j]))) / units[j] for j in np.flatnonzero(is_narrow))
    if are_equal.any() or any(gap < _LEAST_GAP for gap in gaps):
        warnings.warn(
            f"{name} is float32, which has seven digits, and some of its numbers differ only in the last of "
            "these, or not at all. Pass float64, or subtract the mean before the numbers become float32.",
            stacklevel=find_caller(),
        )


# Measured, see docs/benchmarks.md: standard deviations from 0.1 to 10 and offsets up to 3 hardly matter.
_LARGEST = 30  # typical size
_LARGEST_OFFSET = 5  # in standard deviations, or in absolute terms if these are less than 1
_SMALLEST, _SMALLEST_DEVIATION = 0.03, 0.3  # rare ones among zeros have a small deviation, but reach far
_SMALLEST_LENGTH = 0.3  # of all features together
_LEAST_UNITS = 1000  # of float32 in a standard deviation
_MOST_NAMED = 3
_CHUNK = 2**18  # numbers that are measured at once


def warn_of_scale(values, advice, *, names=None, name="X", read_exactly=None):
    """Warn if features are so far from mean 0 and standard deviation 1 that a network learns badly.

    This is the case if they are large, if they vary little compared with their mean or in absolute terms, or
    if float32 cannot distinguish their values. Small constant features, rare ones among zeros, and vectors of
    length 1 do not cause a warning.

    Parameters
    ----------
    values : ndarray of float of shape (n_steps_total, n_features)
        Numbers as the network reads them.
    advice : str
        What to do, as code.
    names : sequence of str, optional
        Names of the features.
    name : str, default="X"
        Name of the data in the message.
    read_exactly : callable, optional
        ``read_exactly(features)`` returns the numbers of some features in float64. They are read if they are
        constant in float32.

    Warns
    -----
    UserWarning
        With the features, their means and standard deviations.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.data.hints import warn_of_scale
    >>> values = np.array([[0.0], [1.0]], dtype=np.float32)
    >>> warn_of_scale(values, "StandardScaler().fit_transform(X)")
    """
    mean, deviation, reach = _measure(values)
    largest = np.abs(mean) + reach
    with np.errstate(over="ignore", invalid="ignore"):
        is_lost = deviation < _LEAST_UNITS * np.spacing(largest.astype(np.float32))
    suspects = np.flatnonzero((deviation == 0) & (mean != 0))  # may be constant in float32 alone
    if len(suspects) and read_exactly is not None:
        mean[suspects], deviation[suspects], _ = _measure(read_exactly(suspects))
    is_small = (deviation < _SMALLEST) & (reach < _SMALLEST_DEVIATION)
    length = np.linalg.norm(deviation)
    if length > _SMALLEST_LENGTH:  # many small features may together be large enough
        is_small &= deviation < length / len(deviation) ** 0.5 / 10
    is_large = np.hypot(mean, deviation) > _LARGEST
    is_offset = np.abs(mean) > _LARGEST_OFFSET * np.maximum(deviation, 1)
    is_far = is_large | ((is_small | is_offset | is_lost) & (deviation > 0))
    if not is_far.any():
        return
    features = np.flatnonzero(is_far)
    listed = [
        f"{k if names is None else repr(names[k])} (mean {mean[k]:.3g}, "
        f"standard deviation {deviation[k]:.3g})"
        for k in features[:_MOST_NAMED]
    ]
    message = (
        f"{name} has features far from mean 0 and standard deviation 1, from which recurrent networks learn "
        f"slowly or not at all: {_enumerate('feature', listed, len(features))}."
    )
    features = np.flatnonzero(is_far & is_lost & (deviation > 0))
    if len(features):
        listed = [str(k) if names is None else repr(names[k]) for k in features[:_MOST_NAMED]]
        message += (
            " float32, which the network computes with, has seven digits and cannot separate the values of "
            f"{_enumerate('feature', listed, len(features))}; a scaler that comes before sees them all."
        )
    warnings.warn(f"{message} {advice}", stacklevel=find_caller())


def _measure(values):
    """Return mean, standard deviation and largest distance from the first row of each column, in one pass."""
    first = values[0].astype(np.float64)
    total, squares, reach = np.zeros((3, len(first)))
    size = max(1, _CHUNK // len(first))
    with np.errstate(over="ignore", under="ignore"):
        for start in range(0, len(values), size):
            from_first = values[start : start + size] - first  # small numbers, whose squares cancel less
            total += from_first.sum(axis=0)
            squares += np.einsum("ij,ij->j", from_first, from_first)
            reach = np.maximum(reach, np.maximum(from_first.max(axis=0), -from_first.min(axis=0)))
        mean = total / len(values)
        variance = np.maximum(squares / len(values) - mean**2, 0)
    return first + mean, np.sqrt(variance), reach


def _enumerate(noun, listed, n):
    more = f" and {n - len(listed)} more" if n > len(listed) else ""
    joined = ", ".join(listed) if more else " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))
    return f"{noun}{'s' * (n > 1)} {joined}{more}"
