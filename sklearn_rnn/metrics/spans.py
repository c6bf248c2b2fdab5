"""Metrics of spans (chunks, named entities), which labels such as B-PER and I-PER mark."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import classification_report, f1_score, precision_score, recall_score

from sklearn_rnn.data.parameters import check_option
from sklearn_rnn.data.problems import Problems, check_same_number
from sklearn_rnn.data.sequences import find_first_steps
from sklearn_rnn.data.targets import check_sample_weight
from sklearn_rnn.metrics._ragged import are_str, find_labels, pair_labels, read_labels, read_rows, sort_labels
from sklearn_rnn.metrics.steps import AVERAGES

_LETTERS = "OBIES"  # outside, begin, inside, end, single
_LETTERS_OF = {
    "iob1": {"B": "B", "I": "I"},
    "iob2": {"B": "B", "I": "I"},
    "iobes": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "bilou": {"B": "B", "I": "I", "L": "E", "U": "S"},  # last and unit are other names of end and single
}


# Other names of schemes, in lower case.
_SYNONYMS = {
    **dict.fromkeys(("bio", "bio2"), "iob2"),
    **dict.fromkeys(("iobe", "bioe", "bioes", "biose"), "iobes"),
    **dict.fromkeys(("bioul", "bilu"), "bilou"),
}


class _Rules(NamedTuple):
    """When a span begins, continues, and does not count, depending on a step and the step before.

    A rule has three characters: the letter before, the letter, and whether the types are the same (=), differ
    (!) or do not matter (*). The letter before may be any (?). A step that continues a span is never the
    beginning of another.
    """

    begins: str
    goes_on: str
    spoils: str  # for the step after the span


_LENIENT = _Rules(begins="?B* ?I* ?E* ?S*", goes_on="BI= II= BE= IE=", spoils="")
_STRICT = {
    # B only separates a span from one of its type right before it, and is not allowed elsewhere.
    "iob1": _Rules(begins="OI* II! BI* IB= BB=", goes_on="BI= II=", spoils="BB!"),
    "iob2": _Rules(begins="?B*", goes_on="BI= II=", spoils=""),
    "iobes": _Rules(begins="?B* ?S*", goes_on="BI= II= BE= IE=", spoils="B?* I?*"),
}
_STRICT["bilou"] = _STRICT["iobes"]
_MODES = ("conlleval", "strict")


class Spans(NamedTuple):
    """Spans as four arrays of equal length, in the order of the sequences and their steps.

    Parameters
    ----------
    sequence : ndarray of int64 of shape (n_spans,)
        The sequence that the span is in.
    type : ndarray of str of shape (n_spans,)
        The text after the hyphen of its labels; "_" if there is none.
    start, end : ndarray of int64 of shape (n_spans,)
        Its first step, and the step after its last.

    Examples
    --------
    >>> from sklearn_rnn.metrics import find_spans
    >>> list(zip(*find_spans([["B-PER", "I-PER", "O"]]), strict=True))
    [(np.int64(0), np.str_('PER'), np.int64(0), np.int64(2))]
    """

    sequence: np.ndarray
    type: np.ndarray
    start: np.ndarray
    end: np.ndarray


def find_spans(labels, *, scheme="iob2", mode="conlleval"):
    """Find the spans that labels of steps mark.

    Parameters
    ----------
    labels : list of n_sequences arrays of shape (n_steps_i,)
        Labels "O" or, for example, "B-PER": a letter of the scheme, a hyphen, and the type. Letters alone
        mark spans of the type "_".
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default="iob2"
        What the letters mean.

        - "iob2": B begins a span, I is inside;
        - "iob1": I is inside; B begins a span right after another one of its type;
        - "iobes": B begins a span, I is inside, E ends it; S is a span of one step;
        - "bilou": the same with L (last) for E and U (unit) for S.
    mode : {"conlleval", "strict"}, default="conlleval"
        - "conlleval": every step that is not O belongs to a span, whatever the order of the letters, as in
          the script of the CoNLL shared tasks;
        - "strict": only what the scheme allows is a span. ``["O", "I-PER"]`` has none in "iob2".

    Returns
    -------
    Spans
        The named tuple of the arrays `sequence`, `type`, `start` and `end` (the step after the last).

    Raises
    ------
    ValueError
        If a label does not belong to the scheme or is missing, or `scheme` or `mode` is invalid. One message
        names all sequences concerned.
    TypeError
        If `labels` is not a collection, or holds the labels of a single sequence.

    Notes
    -----
    In mode "conlleval" the scheme only defines the letters: a span begins at B and S, after O, E and S, and
    where the type changes. These are the rules of ``conlleval.pl`` for I, O and B, and of its versions for
    IOBES (the original has no S, and no end of a span between E and B of one type).

    In mode "strict" the spans are those of seqeval's ``mode="strict"`` with the same scheme. In "iob1", a
    violation of the scheme affects only the span concerned: B that separates nothing is skipped, I after it
    begins a span, and a span that ends with B right before B of another type does not count.

    References
    ----------
    Ramshaw and Marcus (1995), "Text chunking using transformation-based learning": IOB1.
    Tjong Kim Sang and Veenstra (1999), "Representing text chunks": IOB2, and the rules of both.
    Ratinov and Roth (2009), "Design challenges and misconceptions in named entity recognition": BILOU.

    Examples
    --------
    >>> from sklearn_rnn.metrics import find_spans
    >>> labels = [["B-PER", "I-PER", "O", "I-LOC"], ["O", "B-LOC"]]
    >>> spans = find_spans(labels)
    >>> spans.type
    array(['PER', 'LOC', 'LOC'], dtype='<U3')
    >>> spans.end - spans.start
    array([2, 1, 1])
    >>> find_spans(labels, mode="strict").sequence  # I-LOC begins no span in IOB2
    array([0, 1])
    """
    _check_scheme(scheme, mode)
    labels = read_rows(labels, "labels")
    if are_str(labels):
        raise TypeError(
            "labels holds str, one for each sequence. If these are the labels of one sequence, pass "
            "[labels]; if they are texts and each character is a label, pass list(text) for each."
        )
    flat, lengths = read_labels(labels, "labels")
    distinct = sort_labels(set(flat))
    codes = find_labels(flat, distinct)
    table = _LabelTable(distinct, scheme)
    table.check("labels", codes, lengths)
    start, end, types = _find(codes, lengths, table, scheme, mode)
    first = np.cumsum(lengths + 1) - (lengths + 1)
    sequence = _sequence_of_places(lengths)[start]
    names = np.array(table.types, dtype=str)
    return Spans(sequence, names[types], start - first[sequence], end - first[sequence])


class _LabelTable:
    """The meaning of distinct labels: position of the letter in `_LETTERS`, and of the type in `types`."""

    def __init__(self, labels, scheme):
        self.labels, self.scheme = labels, scheme
        split = [_split(label, _LETTERS_OF[scheme]) for label in labels]
        self.types = sorted({type_ for letter, type_ in split if letter and letter != "O"})
        self.letter_of = np.array([_LETTERS.find(letter) if letter else -1 for letter, _ in split], np.int64)
        self.type_of = find_labels([type_ for _, type_ in split], self.types)

    def check(self, name, codes, lengths):
        """Raise an error for labels that are not in the scheme; one message names all such sequences."""
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        problems = Problems(name)
        for i, step, at in find_first_steps(self.letter_of[codes] < 0, offsets):
            problems.add(
                i,
                f"has the label {self.labels[codes[at]]!r} at step {step}; labels of "
                f"scheme={self.scheme!r} are O or {', '.join(_LETTERS_OF[self.scheme])}, hyphen and type.",
            )
        problems.raise_if_any()


def _split(label, letters):
    """Return the letter, in terms of IOBES, and the type; None and None if the label is invalid."""
    if label == "O":
        return "O", None
    if isinstance(label, str) and label[:1] in letters and label[1:2] in ("", "-"):
        return letters[label[0]], label[2:] or "_"
    return None, None


def _check_scheme(scheme, mode):
    check_option("scheme", scheme, tuple(_LETTERS_OF), synonyms=_SYNONYMS)
    check_option("mode", mode, _MODES)


def _find(codes, lengths, table, scheme, mode):
    """Return starts, ends and types of the spans; places count one more step, an O, after each sequence."""
    places = np.arange(len(codes)) + np.repeat(np.arange(len(lengths)), lengths)
    letters = np.zeros(len(codes) + len(lengths), np.int64)
    types = np.full(len(letters), -1)
    letters[places], types[places] = table.letter_of[codes], table.type_of[codes]
    before = np.concatenate([[0], letters[:-1]])  # _LETTERS[0] is O
    same = np.concatenate([[False], types[1:] == types[:-1]]).astype(np.int64)
    begins, goes_on, spoils = (
        _tabulate(rules)[before, letters, same]
        for rules in (_LENIENT if mode == "conlleval" else _STRICT[scheme])
    )
    # A run is one step and those that continue it. A span is the part of a run from the first step that may
    # begin a span.
    heads = np.flatnonzero(~goes_on)
    run = np.cumsum(~goes_on)  # of each step; run k ends before heads[k]
    start = np.flatnonzero(begins)
    start = start[np.diff(run[start], prepend=0) > 0]
    end = heads[run[start]]
    counts = ~spoils[end]
    return start[counts], end[counts], types[start[counts]]


def _sequence_of_places(lengths):
    """Return the sequence of each place; after every sequence there is one more step, an O."""
    return np.repeat(np.arange(len(lengths)), lengths + 1)


def _tabulate(rules):
    """Convert rules to a boolean array (letter before, letter, whether the types are the same)."""
    table = np.zeros((len(_LETTERS), len(_LETTERS), 2), dtype=bool)
    for before, letter, types in rules.split():
        table[_index(before, _LETTERS), _index(letter, _LETTERS), _index(types, "!=")] = True
    return table


def _index(character, characters):
    return slice(None) if character in "?*" else characters.index(character)


def _compare(y_true, y_pred, sample_weight, scheme, mode):
    """Return the sorted types, the true and the predicted codes of pairs of spans, and the pairs' weights.

    Without weights of sequences there is a pair for each span, and None for their weights.

    A span that only one side has is paired with -1, which is not a type. One more pair has -1 on both sides;
    without it, scikit-learn would assume that the types of perfect predictions are all types.
    """
    _check_scheme(scheme, mode)
    pairs = pair_labels(y_true, y_pred)
    table = _LabelTable(pairs.labels, scheme)
    found = []
    for name, codes in (("y_true", pairs.true), ("y_pred", pairs.pred)):
        table.check(name, codes, pairs.lengths)
        found.append(_find(codes, pairs.lengths, table, scheme, mode))
    (start, end, type_), (pred_start, pred_end, pred_type) = found
    # The spans of one side do not overlap, so at most one has a given start.
    n_places = len(pairs.true) + len(pairs.lengths)
    end_at, type_at = np.full(n_places, -1), np.full(n_places, -1)
    end_at[start], type_at[start] = end, type_
    is_right = (end_at[pred_start] == pred_end) & (type_at[pred_start] == pred_type)
    present, codes = np.unique(np.concatenate([type_, pred_type]), return_inverse=True)
    n_types = len(present)
    true, pred = codes[: len(type_)], codes[len(type_) :]
    is_found = np.isin(start, pred_start[is_right])
    if hasattr(sample_weight, "__len__"):
        check_same_number(sample_weight, pairs.lengths, "sample_weight", "y_true")
    weights = check_sample_weight(sample_weight, pairs.lengths, per_step=False)
    weight_at = None if weights is None else weights[_sequence_of_places(pairs.lengths)]

    def count(types, places):
        return np.bincount(types, None if weights is None else weight_at[places], n_types)

    kinds, none = np.arange(n_types), np.full(n_types, -1)
    true_codes = np.concatenate([kinds, kinds, none, [-1]])
    pred_codes = np.concatenate([kinds, none, kinds, [-1]])
    counts = np.concatenate(
        [
            count(true[is_found], start[is_found]),
            count(true[~is_found], start[~is_found]),
            count(pred[~is_right], pred_start[~is_right]),
            [1],
        ]
    )
    types = [table.types[k] for k in present]
    if weights is None:
        return types, np.repeat(true_codes, counts), np.repeat(pred_codes, counts), None
    return types, true_codes, pred_codes, counts


def span_precision_score(
    y_true,
    y_pred,
    *,
    scheme="iob2",
    mode="conlleval",
    average="micro",
    sample_weight=None,
    zero_division="warn",
):
    """Compute the precision of spans: the share of the predicted ones that are right in type, start and end.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels, such as "O", "B-PER" and "I-PER"; see `find_spans`.
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default="iob2"
        What the letters mean; see `find_spans`.
    mode : {"conlleval", "strict"}, default="conlleval"
        Whether labels that violate the scheme also mark spans; see `find_spans`.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        How to aggregate the values of the types: over all spans, as their mean, or as their mean weighted by
        the number of true spans; None returns all of them, in the order of the sorted types of all spans.
    sample_weight : array of shape (n_sequences,), optional
        Weights of the sequences; each of a sequence's spans counts with it.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value to return if there are no spans, so that the score is undefined; "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_types,)
        From 0 to 1.

    Raises
    ------
    ValueError, TypeError
        If `y_pred` has other lengths than `y_true`, a label does not belong to the scheme, or an option is
        invalid. One message names all sequences concerned.

    Examples
    --------
    >>> from sklearn_rnn.metrics import span_precision_score
    >>> span_precision_score([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]])
    0.5
    """
    return _score(precision_score, y_true, y_pred, sample_weight, scheme, mode, average, zero_division)


def span_recall_score(
    y_true,
    y_pred,
    *,
    scheme="iob2",
    mode="conlleval",
    average="micro",
    sample_weight=None,
    zero_division="warn",
):
    """Compute the recall of spans: the share of the true ones that are predicted in type, start and end.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels, such as "O", "B-PER" and "I-PER"; see `find_spans`.
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default="iob2"
        What the letters mean; see `find_spans`.
    mode : {"conlleval", "strict"}, default="conlleval"
        Whether labels that violate the scheme also mark spans; see `find_spans`.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        See `span_precision_score`.
    sample_weight : array of shape (n_sequences,), optional
        Weights of the sequences; each of a sequence's spans counts with it.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value to return if there are no spans, so that the score is undefined; "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_types,)
        From 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As in `span_precision_score`.

    Examples
    --------
    >>> from sklearn_rnn.metrics import span_recall_score
    >>> span_recall_score([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "O", "O"]])
    0.5
    """
    return _score(recall_score, y_true, y_pred, sample_weight, scheme, mode, average, zero_division)


def span_f1_score(
    y_true,
    y_pred,
    *,
    scheme="iob2",
    mode="conlleval",
    average="micro",
    sample_weight=None,
    zero_division="warn",
):
    """Compute the F1 score of spans, the harmonic mean of precision and recall.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels, such as "O", "B-PER" and "I-PER"; see `find_spans`.
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default="iob2"
        What the letters mean; see `find_spans`.
    mode : {"conlleval", "strict"}, default="conlleval"
        Whether labels that violate the scheme also mark spans; see `find_spans`.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        See `span_precision_score`.
    sample_weight : array of shape (n_sequences,), optional
        Weights of the sequences; each of a sequence's spans counts with it.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value to return if there are no spans, so that the score is undefined; "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_types,)
        From 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As in `span_precision_score`.

    Examples
    --------
    The second sentence has the right span only in mode "conlleval", as the span begins with I.

    >>> from sklearn_rnn.metrics import span_f1_score
    >>> y_true = [["B-PER", "I-PER", "O"], ["O", "B-LOC"]]
    >>> y_pred = [["B-PER", "I-PER", "O"], ["O", "I-LOC"]]
    >>> span_f1_score(y_true, y_pred)
    1.0
    >>> round(span_f1_score(y_true, y_pred, mode="strict"), 3)
    0.667
    """
    return _score(f1_score, y_true, y_pred, sample_weight, scheme, mode, average, zero_division)


def _score(score, y_true, y_pred, sample_weight, scheme, mode, average, zero_division):
    check_option("average", average, AVERAGES)
    types, true, pred, weights = _compare(y_true, y_pred, sample_weight, scheme, mode)
    # Without any span, a type that does not occur returns the value of zero_division.
    codes = np.arange(len(types) if average is None else max(len(types), 1))
    options = {"labels": codes, "average": average, "zero_division": zero_division}
    value = score(true, pred, sample_weight=weights, **options)
    return value if average is None else float(value)


def span_classification_report(
    y_true,
    y_pred,
    *,
    scheme="iob2",
    mode="conlleval",
    sample_weight=None,
    digits=2,
    output_dict=False,
    zero_division="warn",
):
    """Build a report of precision, recall and F1 score of each type of spans.

    Parameters
    ----------
    y_true, y_pred : list of n_sequences arrays of shape (n_steps_i,)
        True and predicted labels, such as "O", "B-PER" and "I-PER"; see `find_spans`.
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default="iob2"
        What the letters mean; see `find_spans`.
    mode : {"conlleval", "strict"}, default="conlleval"
        Whether labels that violate the scheme also mark spans; see `find_spans`.
    sample_weight : array of shape (n_sequences,), optional
        Weights of the sequences; each of a sequence's spans counts with it.
    digits : int, default=2
        Number of digits in the text.
    output_dict : bool, default=False
        Whether to return a dict instead of a text.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value to return if there are no spans, so that the score is undefined; "warn" is 0 with a warning.

    Returns
    -------
    str or dict
        As in `sklearn.metrics.classification_report`, with spans in place of samples. The text names the
        scheme and the mode.

    Raises
    ------
    ValueError, TypeError
        As in `span_precision_score`.

    Examples
    --------
    >>> from sklearn_rnn.metrics import span_classification_report
    >>> y_true = [["B-PER", "I-PER", "O"], ["O", "B-LOC"]]
    >>> y_pred = [["B-PER", "I-PER", "O"], ["B-LOC", "I-LOC"]]
    >>> print(span_classification_report(y_true, y_pred))
                  precision    recall  f1-score   support
    <BLANKLINE>
             LOC       0.00      0.00      0.00         1
             PER       1.00      1.00      1.00         1
    <BLANKLINE>
       micro avg       0.50      0.50      0.50         2
       macro avg       0.50      0.50      0.50         2
    weighted avg       0.50      0.50      0.50         2
    <BLANKLINE>
    scheme='iob2', mode='conlleval'
    <BLANKLINE>
    """
    types, true, pred, weights = _compare(y_true, y_pred, sample_weight, scheme, mode)
    names = types or ["no spans"]
    report = classification_report(
        true,
        pred,
        labels=np.arange(len(names)),
        target_names=names,
        sample_weight=weights,
        digits=digits,
        output_dict=output_dict,
        zero_division=zero_division,
    )
    return report if output_dict else f"{report}\nscheme={scheme!r}, mode={mode!r}\n"
