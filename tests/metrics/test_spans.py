"""Spans: small cases by hand, and random ones against slow references that read step by step."""

import re

import numpy as np
import pytest
import sklearn.metrics
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.metrics import (
    find_spans,
    span_classification_report,
    span_f1_score,
    span_precision_score,
    span_recall_score,
)

LETTERS = {"iob1": "BI", "iob2": "BI", "iobes": "BIES", "bilou": "BILU"}


def as_tuples(spans):
    return list(zip(*(part.tolist() for part in spans), strict=True))


def find_one(labels, **options):
    """(type, start, end) of the spans of one sequence, given as a str of labels."""
    return [span[1:] for span in as_tuples(find_spans([labels.split()], **options))]


def draw(scheme, rng, n_sequences=60, types="XYZ"):
    """Labels in which any letter and type may follow any, with many O and few."""
    labels = ["O", *(f"{letter}-{type_}" for letter in LETTERS[scheme] for type_ in types)]
    p = np.r_[rng.uniform(0.05, 0.6), np.ones(len(labels) - 1)]
    p[1:] *= (1 - p[0]) / p[1:].sum()
    return [rng.choice(labels, size=rng.randint(1, 10), p=p).tolist() for _ in range(n_sequences)]


# Slow references


def conlleval_spans(labels):
    """The rules startOfChunk and endOfChunk of conlleval.pl, with what its versions for IOBES add."""
    spans, start = [], None
    before, type_before = "O", None
    for t, label in enumerate([*labels, "O"]):
        letter, _, type_ = label.partition("-")
        letter = {"L": "E", "U": "S"}.get(letter, letter)
        ends = (
            before in "ES"
            or (before in "BI" and letter in "BSO")
            or (before != "O" and type_before != type_)  # the type changes
        )
        begins = (
            letter in "BS"
            or (before in "OES" and letter in "IE")
            or (letter != "O" and type_before != type_)  # the type changes
        )
        if start is not None and ends:
            spans.append((type_before, start, t))
            start = None
        if begins:
            start = t
        before, type_before = letter, type_
    return spans


def strict_spans(labels, scheme):
    """The spans that regular expressions find: B I* in IOB2; B I* E, and S, in IOBES; L and U in BILOU."""
    letters = "".join(label[0] for label in labels).replace("L", "E").replace("U", "S")
    types = [label[2:] for label in labels]
    pattern = {"iob2": "BI*", "iobes": "BI*E|S", "bilou": "BI*E|S"}[scheme]
    spans = []
    for t in range(len(labels)):
        # The steps from here on that have one type; what goes on in another type belongs to no span of this.
        n = next((k for k in range(t, len(labels)) if types[k] != types[t]), len(labels)) - t
        found = re.match(pattern, letters[t : t + n])
        if found:
            spans.append((types[t], t, t + found.end()))
    return spans


def strict_spans_iob1(labels):
    """IOB1, read from left to right: where a span may begin, how far it goes, and whether that is its end."""
    split = [("O", ""), *((label[0], label[2:]) for label in labels), ("O", "")]
    spans, t = [], 1
    while t < len(split):
        (before, type_before), (letter, type_) = split[t - 1], split[t]
        separates = letter == "B" and before in "BI" and type_before == type_
        begins = letter == "I" and (before != "I" or type_before != type_)
        if not (begins or separates):
            t += 1
            continue
        end = t + 1
        while split[end] == ("I", type_):
            end += 1
        if not (split[end - 1][0] == "B" and split[end][0] == "B" and split[end][1] != type_):
            spans.append((type_, t - 1, end - 1))
        t = end
    return spans


@pytest.mark.parametrize("scheme", LETTERS)
def test_conlleval_mode_is_the_reference(scheme, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    for types in ("X", "XY", "XYZ"):
        y = draw(scheme, rng, types=types)
        expected = [(i, *span) for i, row in enumerate(y) for span in conlleval_spans(row)]
        assert as_tuples(find_spans(y, scheme=scheme)) == expected


@pytest.mark.parametrize("scheme", LETTERS)
def test_strict_mode_is_the_reference(scheme, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    for types in ("X", "XY", "XYZ"):
        y = draw(scheme, rng, types=types)
        expected = [
            (i, *span)
            for i, row in enumerate(y)
            for span in (strict_spans_iob1(row) if scheme == "iob1" else strict_spans(row, scheme))
        ]
        assert as_tuples(find_spans(y, scheme=scheme, mode="strict")) == expected


# By hand

CONLLEVAL = [
    ("B-X I-X O B-Y", [("X", 0, 2), ("Y", 3, 4)]),
    ("O I-X I-X", [("X", 1, 3)]),  # I behind O begins a chunk
    ("I-X I-Y", [("X", 0, 1), ("Y", 1, 2)]),  # so does another type
    ("B-X I-Y I-Y", [("X", 0, 1), ("Y", 1, 3)]),
    ("I-X B-X", [("X", 0, 1), ("X", 1, 2)]),  # B always begins one
    ("B-X B-X I-X", [("X", 0, 1), ("X", 1, 3)]),
    ("O O", []),
    ("I-X", [("X", 0, 1)]),
    ("B I O I", [("_", 0, 2), ("_", 3, 4)]),  # no types
    ("B-X-Y I-X-Y I-X", [("X-Y", 0, 2), ("X", 2, 3)]),  # only the first hyphen parts letter and type
]
CONLLEVAL_IOBES = [
    ("B-X I-X E-X S-X", [("X", 0, 3), ("X", 3, 4)]),
    ("E-X E-X", [("X", 0, 1), ("X", 1, 2)]),  # E ends a chunk that it begins, too
    ("B-X S-X I-X", [("X", 0, 1), ("X", 1, 2), ("X", 2, 3)]),  # S is alone before and behind
    ("B-X O E-X", [("X", 0, 1), ("X", 2, 3)]),
    ("E-X B-X I-X", [("X", 0, 1), ("X", 1, 3)]),
    ("I-X E-Y", [("X", 0, 1), ("Y", 1, 2)]),
]
STRICT = {
    "iob1": [
        ("I-X I-X O I-Y", [("X", 0, 2), ("Y", 3, 4)]),
        ("I-X B-X I-X", [("X", 0, 1), ("X", 1, 3)]),
        ("I-X I-Y", [("X", 0, 1), ("Y", 1, 2)]),
        ("B-X O", []),  # B that separates nothing
        ("O B-X I-X", [("X", 2, 3)]),  # is skipped: I behind it begins
        ("I-X B-Y", [("X", 0, 1)]),
        ("I-X B-X B-Y", [("X", 0, 1)]),  # a B before B of another type ends nothing that counts
        ("I-X B-X B-X", [("X", 0, 1), ("X", 1, 2), ("X", 2, 3)]),
    ],
    "iob2": [
        ("B-X I-X O B-Y", [("X", 0, 2), ("Y", 3, 4)]),
        ("O I-X I-X", []),
        ("B-X I-Y I-X", [("X", 0, 1)]),
        ("B-X B-X I-X", [("X", 0, 1), ("X", 1, 3)]),
        ("B I I O B", [("_", 0, 3), ("_", 4, 5)]),
    ],
    "iobes": [
        ("B-X I-X E-X S-X", [("X", 0, 3), ("X", 3, 4)]),
        ("B-X E-X", [("X", 0, 2)]),
        ("B-X I-X O", []),  # no end
        ("B-X", []),  # should be S
        ("I-X E-X", []),  # no beginning
        ("B-X E-Y", []),
        ("B-X B-X E-X", [("X", 1, 3)]),
        ("B-X I-X S-X", [("X", 2, 3)]),
        ("S-X E-X", [("X", 0, 1)]),
    ],
    "bilou": [("B-X I-X L-X U-X", [("X", 0, 3), ("X", 3, 4)]), ("B-X U-X L-X", [("X", 1, 2)])],
}


@pytest.mark.parametrize(("labels", "expected"), CONLLEVAL)
@pytest.mark.parametrize("scheme", LETTERS)
def test_conlleval_mode_by_hand(labels, expected, scheme):
    assert find_one(labels, scheme=scheme) == expected
    assert conlleval_spans(labels.split()) == [(type_.strip("_"), *rest) for type_, *rest in expected]


@pytest.mark.parametrize(("labels", "expected"), CONLLEVAL_IOBES)
def test_conlleval_mode_by_hand_in_iobes(labels, expected):
    assert find_one(labels, scheme="iobes") == expected
    assert find_one(labels.replace("E-", "L-").replace("S-", "U-"), scheme="bilou") == expected


@pytest.mark.parametrize(
    ("scheme", "labels", "expected"), [(s, *case) for s, cases in STRICT.items() for case in cases]
)
def test_strict_mode_by_hand(scheme, labels, expected):
    assert find_one(labels, scheme=scheme, mode="strict") == expected


# What conlleval.pl (version 2004-01-26) printed for these labels:
#   processed 12 tokens with 7 phrases; found: 6 phrases; correct: 4.
#   accuracy:  58.33%; precision:  66.67%; recall:  57.14%; FB1:  61.54
#                 LOC: precision: 100.00%; recall: 100.00%; FB1: 100.00  2
#                MISC: precision:   0.00%; recall:   0.00%; FB1:   0.00  1
#                 ORG: precision:   0.00%; recall:   0.00%; FB1:   0.00  1
#                 PER: precision: 100.00%; recall: 100.00%; FB1: 100.00  2
#
# By hand. Sentence 0: PER 0-1 right; LOC 3 begins with I in the prediction, which does not matter: right.
# Sentence 1: true are ORG 0, PER 2, LOC 3; found are ORG 0-1, which is too long, and PER 2 and LOC 3, right.
# Sentence 2: true are MISC 1 and MISC 2-3; found is MISC 1-3, wrong. Together 4 of 7 true ones, of 6 found.
Y_TRUE = [
    ["B-PER", "I-PER", "O", "B-LOC"],
    ["I-ORG", "O", "B-PER", "I-LOC"],
    ["O", "B-MISC", "B-MISC", "I-MISC"],
]
Y_PRED = [
    ["B-PER", "I-PER", "O", "I-LOC"],
    ["B-ORG", "I-ORG", "I-PER", "I-LOC"],
    ["O", "B-MISC", "I-MISC", "I-MISC"],
]


def test_scores_are_those_of_conlleval():
    assert span_precision_score(Y_TRUE, Y_PRED) == pytest.approx(4 / 6, rel=1e-12)
    assert span_recall_score(Y_TRUE, Y_PRED) == pytest.approx(4 / 7, rel=1e-12)
    assert span_f1_score(Y_TRUE, Y_PRED) == pytest.approx(8 / 13, rel=1e-12)
    assert span_f1_score(Y_TRUE, Y_PRED, average=None).tolist() == [1, 0, 0, 1]
    assert span_f1_score(Y_TRUE, Y_PRED, average="macro") == 0.5
    # Weighted with the true ones: LOC 2, MISC 2, ORG 1, PER 2.
    assert span_f1_score(Y_TRUE, Y_PRED, average="weighted") == pytest.approx(4 / 7, rel=1e-12)


def test_strict_scores():
    # What begins with I is no span: true are PER, LOC; PER; MISC, MISC. Found are PER; ORG; MISC, and of
    # these only PER is right.
    assert span_precision_score(Y_TRUE, Y_PRED, mode="strict") == pytest.approx(1 / 3, rel=1e-12)
    assert span_recall_score(Y_TRUE, Y_PRED, mode="strict") == pytest.approx(1 / 5, rel=1e-12)
    assert span_f1_score(Y_TRUE, Y_PRED, mode="strict") == pytest.approx(2 / 8, rel=1e-12)
    # LOC 0 of 1, MISC 0 of 2, ORG 0 of 0, PER 1 of 2.
    recall = span_recall_score(Y_TRUE, Y_PRED, mode="strict", average=None, zero_division=np.nan)
    np.testing.assert_array_equal(recall, [0, 0, np.nan, 0.5])


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
@pytest.mark.parametrize("mode", ["conlleval", "strict"])
@pytest.mark.parametrize("scheme", LETTERS)
def test_scores_of_sets_of_spans(scheme, mode, average, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    y_true = draw(scheme, rng)
    y_pred = [
        [other if rng.rand() < 0.3 else label for label, other in zip(row, rng.permutation(row), strict=True)]
        for row in y_true
    ]
    true, pred = (set(as_tuples(find_spans(y, scheme=scheme, mode=mode))) for y in (y_true, y_pred))
    counts = {
        type_: [sum(span[1] == type_ for span in spans) for spans in (true & pred, pred, true)]
        for type_ in "XYZ"
    }
    right, found, real = np.array([counts[type_] for type_ in "XYZ"], dtype=float).T
    assert 0 < right.sum() < real.sum()
    if average == "micro":
        right, found, real = (part.sum(keepdims=True) for part in (right, found, real))
    values = {
        span_precision_score: right / found,
        span_recall_score: right / real,
        span_f1_score: 2 * right / (found + real),
    }
    for score, expected in values.items():
        if average is not None:
            expected = np.average(expected, weights=real if average == "weighted" else None)
        result = score(y_true, y_pred, scheme=scheme, mode=mode, average=average)
        np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_forms():
    expected = as_tuples(find_spans(Y_TRUE))
    assert as_tuples(find_spans(object_array(map(np.array, Y_TRUE)))) == expected
    assert as_tuples(find_spans(np.array(Y_TRUE))) == expected
    assert as_tuples(find_spans(["BIO", ["B"]])) == [(0, "_", 0, 2), (1, "_", 0, 1)]
    spans = find_spans([["O"], [], ["B-X"]])
    assert (spans.sequence.tolist(), spans.type.tolist()) == ([2], ["X"])
    assert (spans.start.dtype, spans.end.dtype, spans.type.dtype.kind) == (np.int64, np.int64, "U")


@pytest.mark.parametrize("labels", [[], [[]], [["O", "O"]]])
def test_no_spans(labels):
    spans = find_spans(labels)
    assert [len(part) for part in spans] == [0, 0, 0, 0]
    assert spans.type.dtype.kind == "U"


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
@pytest.mark.parametrize("score", [span_precision_score, span_recall_score, span_f1_score])
def test_scores_without_spans(score, average):
    outside = [["O", "O"]]
    with pytest.warns(UndefinedMetricWarning):
        assert score(outside, outside, average=average) == 0
    for zero_division in (0.0, 1.0):
        assert score(outside, outside, average=average, zero_division=zero_division) == zero_division
    assert score(outside, outside, average=None, zero_division=0).tolist() == []
    # No true ones, but one predicted: precision and F1 are 0, recall is what is wished.
    value = score(outside, [["B-X", "O"]], average=average, zero_division=1)
    assert value == (1 if score is span_recall_score else 0)


def test_report():
    report = span_classification_report(Y_TRUE, Y_PRED, output_dict=True)
    assert list(report) == ["LOC", "MISC", "ORG", "PER", "micro avg", "macro avg", "weighted avg"]
    assert report["ORG"] == {"precision": 0, "recall": 0, "f1-score": 0, "support": 1}
    assert report["micro avg"]["f1-score"] == pytest.approx(8 / 13, rel=1e-12)
    text = span_classification_report(Y_TRUE, Y_PRED, digits=4)
    assert "micro avg     0.6667    0.5714    0.6154         7" in text
    assert "scheme='iob2', mode='conlleval'" in text
    assert "mode='strict'" in span_classification_report(Y_TRUE, Y_PRED, mode="strict", zero_division=0)
    # Perfect predictions have the same rows.
    assert list(span_classification_report(Y_TRUE, Y_TRUE, output_dict=True)) == list(report)


def test_report_without_spans():
    report = span_classification_report([["O"]], [["O"]], output_dict=True, zero_division=0)
    assert report["micro avg"] == {"precision": 0, "recall": 0, "f1-score": 0, "support": 0}
    assert "no spans" in span_classification_report([["O"]], [["O"]], zero_division=0)


def test_types_of_predictions_alone_count_as_errors():
    assert span_f1_score([["B-X", "O"]], [["B-X", "B-NEW"]]) == pytest.approx(2 / 3, rel=1e-12)


@pytest.mark.parametrize(
    ("labels", "scheme", "message"),
    [
        (
            [["O"], ["O", "E-X"], ["S-X", "S-X"]],
            "iob2",
            r"^labels\[1\] has the label 'E-X' at step 1; labels of scheme='iob2' are O or B, I, hyphen and "
            r"type\.\n"
            r"labels\[2\] has the label 'S-X' at step 0\.$",
        ),
        ([["B-X", "L-X"]], "iobes", r"'L-X' at step 1; .* B, I, E, S,"),
        ([["B-X", "E-X"]], "bilou", r"'E-X' at step 1; .* B, I, L, U,"),
        ([["", "O"]], "iob2", r"labels\[0\] has the label '' at step 0"),
        ([["BX"]], "iob2", "'BX' at step 0"),
        ([["O-X"]], "iob2", "'O-X' at step 0"),
        ([[], ["B-X"], [3]], "iob2", r"labels\[2\] has the label 3 at step 0"),
        ([["B-X", None]], "iob2", r"labels\[0\] holds None at step 1"),
    ],
)
def test_wrong_labels(labels, scheme, message):
    with pytest.raises(ValueError, match=message):
        find_spans(labels, scheme=scheme)


def test_wrong_predictions():
    with pytest.raises(ValueError, match=r"y_pred\[1\] has the label 'E-X' at step 0"):
        span_f1_score([["O"], ["B-X"]], [["O"], ["E-X"]])
    with pytest.raises(ValueError, match=r"y_pred\[1\] has 2 labels, but y_true\[1\] has 1"):
        span_f1_score([["O"], ["B-X"]], [["O"], ["B-X", "O"]])


@pytest.mark.parametrize("make", [list, tuple, np.array])
def test_labels_of_one_sequence_alone(make):
    labels = make(["B-PER", "O"])
    with pytest.raises(TypeError, match=r"one sequence, pass \[labels\]; .* list\(text\)"):
        find_spans(labels)
    with pytest.raises(TypeError, match=r"pass \[y_true\] and \[y_pred\]"):
        span_f1_score(labels, labels)
    assert as_tuples(find_spans([labels])) == [(0, "PER", 0, 1)]


@pytest.mark.parametrize(
    ("scheme", "nearest"),
    [
        ("bio", "iob2"),
        ("BIO", "iob2"),
        ("bio2", "iob2"),
        ("iobe", "iobes"),
        ("BIOES", "iobes"),
        ("bilu", "bilou"),
        ("BILOU", "bilou"),
        ("bioul", "bilou"),
    ],
)
def test_other_names_of_schemes(scheme, nearest):
    with pytest.raises(ValueError, match=rf"\. Did you mean '{nearest}'\?"):
        find_spans([["O"]], scheme=scheme)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "IOB"}, r"scheme must be one of 'iob1', .*, but it is 'IOB'\. Did you mean 'iob"),
        ({"scheme": None}, "scheme must be one of .*, but it is None"),
        (
            {"mode": "strickt"},
            "mode must be one of 'conlleval', 'strict', but it is 'strickt'. Did you mean 'strict'?",
        ),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        find_spans([["O"]], **options)
    with pytest.raises(ValueError, match=message):
        span_f1_score([["O"]], [["O"]], **options)
    with pytest.raises(ValueError, match="average must be one of .*, but it is 'binary'"):
        span_f1_score([["O"]], [["O"]], average="binary")


def test_labels_of_one_step_spans_are_a_step_metric():
    """Where every span has one step, spans and steps are the same."""
    rng = np.random.RandomState(0)
    y_true, y_pred = ([rng.choice(["O", "S-X", "S-Y"], size=8).tolist() for _ in range(20)] for _ in range(2))
    true, pred = np.concatenate(y_true), np.concatenate(y_pred)
    expected = sklearn.metrics.f1_score(true, pred, labels=["S-X", "S-Y"], average=None)
    result = span_f1_score(y_true, y_pred, scheme="iobes", mode="strict", average=None)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


# Weights


@pytest.mark.parametrize("mode", ["conlleval", "strict"])
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
@pytest.mark.parametrize("score", [span_precision_score, span_recall_score, span_f1_score])
def test_a_weight_is_a_number_of_copies(score, average, mode, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    y_true = draw("iob2", rng)
    y_pred = [[label if rng.rand() < 0.8 else "O" for label in row] for row in y_true]
    weights = rng.randint(0, 4, size=len(y_true))
    copies = np.repeat(np.arange(len(y_true)), weights)
    options = {"average": average, "mode": mode, "zero_division": 0}
    value = score(y_true, y_pred, sample_weight=weights / 2, **options)
    expected = score([y_true[i] for i in copies], [y_pred[i] for i in copies], **options)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_report_with_weights():
    y_true, y_pred = [["B-X", "O"], ["B-X", "B-Y"]], [["B-X", "O"], ["O", "B-Y"]]
    report = span_classification_report(y_true, y_pred, sample_weight=[3, 0.5], output_dict=True)
    assert report["X"]["recall"] == pytest.approx(3 / 3.5, rel=1e-12)
    assert report["X"]["support"] == 3.5
    assert span_f1_score(y_true, y_true, sample_weight=[0.1, 0.7]) == 1
    assert span_f1_score([["O"]], [["O"]], sample_weight=[2], zero_division=1) == 1


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "y_true has 2 sequences, sample_weight has 1"),
        ([1, -1], "not negative"),
        ([[1, 1], [1]], "inhomogeneous|1D"),
        ([0, 0], "zero for every sequence"),
    ],
)
def test_wrong_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        span_f1_score([["B-X", "O"], ["O"]], [["B-X", "O"], ["O"]], sample_weight=weights)
