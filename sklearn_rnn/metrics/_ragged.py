"""Input of the metrics: labels, numbers and weights are laid end to end and checked."""

import numbers
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from sklearn_rnn.data.arrays import is_missing, masked_lengths
from sklearn_rnn.data.problems import Problems, check_same_number, has_no_axis, pluralize, reading
from sklearn_rnn.data.targets import check_sample_weight, is_ragged


class LabelPairs(NamedTuple):
    """True and predicted labels of all steps, coded by their positions in `labels`."""

    true: np.ndarray  # int64 (n_steps_total,)
    pred: np.ndarray  # int64 (n_steps_total,)
    labels: list  # distinct, sorted
    lengths: np.ndarray  # int64 (n_sequences,)


def pair_labels(y_true, y_pred, more_labels=()):
    """Code true and predicted labels the same way; `more_labels` also get codes if they do not occur."""
    y_true, y_pred = read_rows(y_true, "y_true"), read_rows(y_pred, "y_pred")
    if are_str(y_true) and are_str(y_pred):
        raise TypeError(
            "y_true and y_pred hold str, one for each sequence. If these are the labels of one sequence, "
            "pass [y_true] and [y_pred]; if they are texts and each character is a label, pass list(text) "
            "for each."
        )
    true, lengths = read_labels(y_true, "y_true")
    pred, pred_lengths = read_labels(y_pred, "y_pred")
    check_lengths("y_pred", pred_lengths, lengths)
    check_any_steps(lengths)
    labels = sort_labels({*true, *pred, *more_labels})
    return LabelPairs(find_labels(true, labels), find_labels(pred, labels), labels, lengths)


def read_labels(y, name):
    """Return labels laid end to end, as a list of plain Python objects, and the lengths of the sequences."""
    rows = read_rows(y, name)
    _check_per_step(rows, name)
    problems = Problems(name)
    if rows and {_kind_of_array(row) for row in rows} in ({"U"}, {"i"}, {"O"}):
        labels = np.concatenate(rows).tolist()  # several times faster than row by row
    else:
        with reading(name):
            rows = [row.tolist() if hasattr(row, "tolist") else row for row in rows]
        for i, row in enumerate(rows):
            if not isinstance(row, (list, tuple, str)):
                problems.add(i, f"is a single {type(row).__name__}, but must hold a label for each step.")
        problems.raise_if_any()
        labels = list(chain.from_iterable(rows))
    try:
        all_good = not any(is_missing(label) or getattr(label, "ndim", 0) for label in set(labels))
    except TypeError:  # what has no hash is not a label
        all_good = False
    if not all_good:
        for i, row in enumerate(rows):
            _find_no_label(i, row, problems)
        problems.raise_if_any()
    return labels, _count_steps(rows)


def _check_per_step(rows, name):
    """Raise an error for one number per sequence, as an estimator of whole sequences predicts."""
    if rows and all(isinstance(row, numbers.Number) for row in rows):
        refuse_per_sequence(name, f"one {type(rows[0]).__name__}")


def refuse_per_sequence(name, what):
    """Raise a ValueError for predictions of whole sequences."""
    raise ValueError(
        f"{name} holds {what} a sequence, but this metric is one of steps: it needs an entry for each step "
        f"of each sequence. Pass the entries of a single sequence as [{name}]; for an estimator that answers "
        "once a sequence use one of scikit-learn's metrics."
    )


def are_str(rows):
    """Return whether every row is a str, as in a flat list of labels, or in a list of texts."""
    return len(rows) > 0 and all(isinstance(row, str) for row in rows)


def _kind_of_array(row):
    """Return the kind of a one-dimensional array; None for other objects."""
    return row.dtype.kind if type(row) is np.ndarray and row.ndim == 1 else None


def _find_no_label(i, row, problems):
    for t, label in enumerate(row):
        if isinstance(label, (list, dict, set)) or getattr(label, "ndim", 0):
            problems.add(i, f"holds a {type(label).__name__} at step {t}; a step has one label.")
            return
        if is_missing(label):
            problems.add(i, f"holds {label!r} at step {t}, which is not a label; no label may be missing.")
            return


def read_rows(y, name):
    """Return a list with one entry per sequence, without the steps that a masked array marks as padding."""
    has_rows = hasattr(y, "__len__") and hasattr(y, "__getitem__") and not has_no_axis(y)
    if isinstance(y, (str, bytes, dict)) or not has_rows:
        raise TypeError(
            f"{name} must hold one entry a sequence (a list of lists, of arrays, ...), "
            f"but it is of type {type(y).__name__}."
        )
    if isinstance(y, np.ma.MaskedArray) and y.ndim > 1:
        return [row[:n] for row, n in zip(y.data, masked_lengths(y, name), strict=True)]
    with reading(name):
        return list(y.to_numpy() if hasattr(y, "to_numpy") else y)


def _count_steps(rows):
    return np.fromiter(map(len, rows), np.int64, len(rows))


def check_lengths(name, lengths, expected, *, noun="label"):
    """Check that sequences have as many steps as in y_true; one message names all that differ."""
    check_same_number(lengths, expected, name, "y_true")
    problems = Problems(name)
    for i in np.flatnonzero(lengths != expected):
        problems.add(i, f"has {pluralize(lengths[i], noun)}, but y_true[{i}] has {expected[i]}.")
    problems.raise_if_any()


def check_any_steps(lengths):
    """Raise an error for data without steps, whose mean is undefined."""
    if not lengths.any():
        raise ValueError("y_true holds no steps; at least one is needed.")


def as_list(labels):
    """Convert labels to a list of plain Python objects."""
    labels = np.asarray(labels) if isinstance(labels, memoryview) else labels
    return labels.tolist() if hasattr(labels, "tolist") else list(labels)


def read_choice(labels):
    """Check labels that a user chose, and return them as a list."""
    if isinstance(labels, (str, bytes)) or not hasattr(labels, "__iter__"):
        raise TypeError(
            f"labels must be a list of labels, but it is {labels!r}; one label alone is [{labels!r}]."
        )
    chosen = as_list(labels)
    if not chosen:
        raise ValueError("labels is empty; pass at least one label, or None for all.")
    if len(set(chosen)) < len(chosen):
        twice = next(label for label in chosen if chosen.count(label) > 1)
        raise ValueError(f"labels holds {twice!r} more than once; pass every label once.")
    return chosen


def sort_labels(labels):
    """Sort labels of any type: numbers, then str."""
    with reading("y"):
        return sorted(labels, key=lambda label: (isinstance(label, str), label))


def find_labels(flat, labels):
    """Return the position of each label in `labels`; -1 if it is not there."""
    codes = {label: code for code, label in enumerate(labels)}
    return np.fromiter(map(codes.get, flat, repeat(-1)), np.int64, len(flat))


def pair_numbers(y_true, y_pred):
    """Read true and predicted numbers, (n_steps_total, n_outputs), and the lengths of the sequences."""
    true, lengths = read_numbers(y_true, "y_true")
    pred, pred_lengths = read_numbers(y_pred, "y_pred")
    check_lengths("y_pred", pred_lengths, lengths, noun="step")
    check_any_steps(lengths)
    if true.shape[1] != pred.shape[1]:
        raise ValueError(f"y_pred has {pluralize(pred.shape[1], 'output')}, but y_true has {true.shape[1]}.")
    return true, pred, lengths


def read_numbers(y, name):
    """Return numbers laid end to end, (n_steps_total, n_columns), and the lengths of the sequences."""
    arrays, problems = [], Problems(name)
    rows = read_rows(y, name)
    _check_per_step(rows, name)
    for i, row in enumerate(rows):
        if np.ma.is_masked(row):
            problems.add(i, "is masked at some of its steps; leave them out.")
            continue
        try:
            array = np.asarray(row)
            if array.dtype.kind == "c":
                raise TypeError("they are complex")
            array = array if array.dtype.kind == "f" else array.astype(np.float64)
        except (ValueError, TypeError, RuntimeError, OverflowError) as error:  # see `reading`
            problems.add(i, f"does not hold numbers: {error}.")
            continue
        if array.ndim in (1, 2):
            arrays.append(array[:, np.newaxis] if array.ndim == 1 else array)  # (n_steps_i, n_columns)
        else:
            problems.add(i, f"has the shape {array.shape}, but must hold numbers for each step.")
    problems.raise_if_any()
    filled = [i for i, array in enumerate(arrays) if len(array)]
    for i in filled:
        width, first = arrays[i].shape[1], arrays[filled[0]].shape[1]
        if width != first:
            problems.add(i, f"has {pluralize(width, 'number')} a step, but {name}[{filled[0]}] has {first}.")
    problems.raise_if_any()
    values = np.concatenate([arrays[i] for i in filled]) if filled else np.empty((0, 1))
    lengths = _count_steps(arrays)
    is_finite = np.isfinite(values).all(axis=1)
    if not is_finite.all():
        for i, steps in enumerate(np.split(is_finite, np.cumsum(lengths)[:-1])):
            if not steps.all():
                problems.add(i, f"holds NaN or infinity at step {np.argmin(steps)}.")
        problems.raise_if_any()
    return values, lengths


def read_weights(sample_weight, lengths):
    """Return weights of sequences, or of steps, laid out like the steps."""
    if hasattr(sample_weight, "__len__"):
        check_same_number(sample_weight, lengths, "sample_weight", "y_true")
        if is_ragged(sample_weight):
            check_lengths(
                "sample_weight", np.array([np.size(w) for w in sample_weight]), lengths, noun="weight"
            )
    return check_sample_weight(sample_weight, lengths, per_step=True)
