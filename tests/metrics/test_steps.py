"""Metrics of labels of steps: what scikit-learn says of the flat labels, for all forms of ragged labels."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_rnn import Sequences
from sklearn_rnn.data.arrays import object_array
from sklearn_rnn.metrics import (
    sequence_accuracy_score,
    step_accuracy_score,
    step_classification_report,
    step_confusion_matrix,
    step_f1_score,
    step_precision_score,
    step_recall_score,
)

SCORES = {
    step_precision_score: sklearn.metrics.precision_score,
    step_recall_score: sklearn.metrics.recall_score,
    step_f1_score: sklearn.metrics.f1_score,
}
TYPES = {"str": ["DET", "N", "V"], "int": [3, 5, 10], "bool": [False, True, True]}


@pytest.fixture(params=TYPES)
def pair(request, global_random_seed):
    """True and predicted labels of some sequences, as lists."""
    rng = np.random.RandomState(global_random_seed)
    labels = np.array(TYPES[request.param])
    lengths = [4, 1, 7, 12, 3]
    return tuple([labels[rng.randint(3, size=n)].tolist() for n in lengths] for _ in range(2))


def flat(y):
    return [label for row in y for label in row]


FORMS = {
    "lists": lambda y: y,
    "tuple of tuples": lambda y: tuple(map(tuple, y)),
    "list of arrays": lambda y: [np.array(row) for row in y],
    "object array": lambda y: object_array(np.array(row) for row in y),
    "object array of object arrays": lambda y: object_array(np.array(row, dtype=object) for row in y),
    "Series of lists": pd.Series,
    "list of Series": lambda y: [pd.Series(row) for row in y],
    "Sequences": lambda y: Sequences.from_lengths(flat(y), list(map(len, y))),
    "masked": lambda y: np.ma.array(
        [row + [row[0]] * (12 - len(row)) for row in y],
        mask=[[False] * len(row) + [True] * (12 - len(row)) for row in y],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(pair, form):
    y_true, y_pred = pair
    expected = sklearn.metrics.accuracy_score(flat(y_true), flat(y_pred))
    assert 0 < expected < 1
    given = FORMS[form](y_true), FORMS[form](y_pred)
    assert step_accuracy_score(*given) == pytest.approx(expected, rel=1e-12)
    assert step_accuracy_score(y_true, given[1]) == pytest.approx(expected, rel=1e-12)
    assert step_accuracy_score(given[0], given[0]) == 1


def test_arrays_and_str():
    assert step_accuracy_score([np.array(["a"]), np.array([2])], [["a"], [2]]) == 1
    assert step_accuracy_score(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [4, 4]])) == 0.75
    assert step_accuracy_score(["ab", "c"], [["a", "c"], np.array(["c"])]) == pytest.approx(2 / 3, rel=1e-12)


@pytest.mark.parametrize("make", [list, tuple, np.array, lambda y: np.array(y, dtype=object), pd.Series])
@pytest.mark.parametrize(
    "score",
    [
        *SCORES,
        step_accuracy_score,
        sequence_accuracy_score,
        step_confusion_matrix,
        step_classification_report,
    ],
)
def test_labels_of_one_sequence_alone(score, make):
    y_true, y_pred = make(["B-PER", "O"]), make(["I-PER", "O"])
    with pytest.raises(TypeError, match=r"one sequence, pass \[y_true\] and \[y_pred\]; .* list\(text\)"):
        score(y_true, y_pred)
    with pytest.raises(TypeError, match=r"pass \[y_true\] and \[y_pred\]"):
        score(y_true, list(y_pred))


def test_texts_beside_arrays():
    arrays = object_array([np.array(["a", "c"]), np.array(["c"])])
    assert step_accuracy_score(["ab", "c"], arrays) == pytest.approx(2 / 3, rel=1e-12)
    assert step_accuracy_score(arrays, ["ab", "c"]) == pytest.approx(2 / 3, rel=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@pytest.mark.parametrize("score", SCORES)
def test_scores_are_those_of_scikit_learn(pair, score, average):
    y_true, y_pred = pair
    weights = [[0.5 + k % 3 for k in range(len(row))] for row in y_true]
    expected = SCORES[score](flat(y_true), flat(y_pred), average=average, zero_division=0)
    np.testing.assert_allclose(score(y_true, y_pred, average=average, zero_division=0), expected, rtol=1e-12)
    expected = SCORES[score](
        flat(y_true), flat(y_pred), average=average, zero_division=0, sample_weight=flat(weights)
    )
    result = score(y_true, y_pred, average=average, zero_division=0, sample_weight=weights)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_the_default_is_macro(score):
    y_true, y_pred = [["a", "b", "b"], ["b", "b"]], [["a", "a", "b"], ["b", "b"]]
    assert score(y_true, y_pred) == score(y_true, y_pred, average="macro")
    assert score(y_true, y_pred) != score(y_true, y_pred, average="micro")


@pytest.mark.parametrize("score", SCORES)
def test_labels_choose_and_order(score):
    y_true, y_pred = [["a", "b", "b"], ["c", "c"]], [["a", "a", "b"], ["c", "b"]]
    of_all = score(y_true, y_pred, average=None)
    np.testing.assert_array_equal(score(y_true, y_pred, average=None, labels=["c", "a"]), of_all[[2, 0]])
    chosen = score(y_true, y_pred, labels=np.array(["c", "a"]))
    assert chosen == pytest.approx(of_all[[2, 0]].mean(), rel=1e-12)
    assert score(y_true, y_pred, average=None, labels=["a", "never"], zero_division=1)[1] == 1
    with pytest.warns(UndefinedMetricWarning):
        score(y_true, y_pred, average=None, labels=["a", "never"])


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        ([["a", "unseen"], ["unseen"]], [["a", "a"], ["b"]]),
        ([["a", "b"], ["c"]], [[1, "b"], [2]]),  # str and numbers
        ([["1", "2"], ["3"]], [[1, "2"], [3]]),
    ],
)
def test_unseen_labels_are_errors(y_true, y_pred):
    assert step_accuracy_score(y_true, y_pred) == pytest.approx(1 / 3, rel=1e-12)
    assert step_f1_score(y_true, y_pred, average="micro") == pytest.approx(1 / 3, rel=1e-12)
    assert sequence_accuracy_score(y_true, y_pred) == 0
    assert step_confusion_matrix(y_true, y_pred).trace() == 1
    report = step_classification_report(y_true, y_pred, output_dict=True, zero_division=0)
    assert report["accuracy"] == pytest.approx(1 / 3, rel=1e-12)


def test_weights_of_sequences_and_steps():
    y_true, y_pred = [["a", "b"], ["a", "a", "a"]], [["a", "b"], ["a", "b", "b"]]
    assert step_accuracy_score(y_true, y_pred, sample_weight=[3, 1]) == pytest.approx(7 / 9, rel=1e-12)
    weights = [[1, 1], [1, 0, 2]]
    assert step_accuracy_score(y_true, y_pred, sample_weight=weights) == pytest.approx(3 / 5, rel=1e-12)
    as_objects = object_array(map(np.array, weights))
    assert step_accuracy_score(y_true, y_pred, sample_weight=as_objects) == pytest.approx(3 / 5, rel=1e-12)
    assert step_confusion_matrix(y_true, y_pred, sample_weight=[3, 1]).tolist() == [[4, 2], [0, 3]]
    report = step_classification_report(y_true, y_pred, sample_weight=[3, 1], output_dict=True)
    assert report["b"]["precision"] == pytest.approx(3 / 5, rel=1e-12)
    assert sequence_accuracy_score(y_true, y_pred, sample_weight=[3, 1]) == 0.75


def test_sequence_accuracy():
    y_true = [["a", "b"], ["a"], [], ["b", "b", "b"]]
    y_pred = [["a", "b"], ["b"], [], ["b", "b", "a"]]
    assert sequence_accuracy_score(y_true, y_pred) == 0.5
    assert sequence_accuracy_score(y_true, y_true) == 1


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_confusion_matrix(pair, normalize):
    y_true, y_pred = pair
    for labels in (None, sorted(set(flat(y_true)))[::-1]):
        expected = sklearn.metrics.confusion_matrix(
            flat(y_true), flat(y_pred), labels=labels, normalize=normalize
        )
        result = step_confusion_matrix(y_true, y_pred, labels=labels, normalize=normalize)
        np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_confusion_matrix_without_the_labels():
    with pytest.raises(ValueError, match=r"y_true holds none of labels=\['x', 'y'\]"):
        step_confusion_matrix([["a"]], [["a"]], labels=["x", "y"])


@pytest.mark.parametrize("output_dict", [False, True])
def test_report_is_that_of_scikit_learn(pair, output_dict):
    y_true, y_pred = pair
    options = {"output_dict": output_dict, "zero_division": 0, "digits": 3}
    expected = sklearn.metrics.classification_report(flat(y_true), flat(y_pred), **options)
    assert step_classification_report(y_true, y_pred, **options) == expected
    labels = sorted(set(flat(y_true)))[:1]
    expected = sklearn.metrics.classification_report(flat(y_true), flat(y_pred), labels=labels, **options)
    assert step_classification_report(y_true, y_pred, labels=labels, **options) == expected


# What is wrong


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([["a"] * 40], [["a"] * 38], r"^y_pred\[0\] has 38 labels, but y_true\[0\] has 40\.$"),
        (
            [["a"], ["a", "b"], ["b"]],
            [["a", "a"], ["a", "b"], []],
            r"^y_pred\[0\] has 2 labels, but y_true\[0\] has 1\.\n"
            r"y_pred\[2\] has 0 labels, but y_true\[2\] has 1\.$",
        ),
        ([["a"], ["b"]], [["a"]], "y_true has 2 sequences, y_pred has 1"),
        (["a", 3], ["a", "b"], r"y_true\[1\] is a single int, but must hold a label for each step"),
        (np.array([1, 2]), np.array([1, 2]), "y_true holds one int64 a sequence, .* metric is one of steps"),
        ([["a", None]], [["a", "a"]], r"y_true\[0\] holds None at step 1, which is not a label"),
        (
            [[1.0], [2.0, np.nan]],
            [[1.0], [2.0, 2.0]],
            r"y_true\[1\] holds nan at step 1, which is not a label",
        ),
        ([["a"]], [np.array([None])], r"y_pred\[0\] holds None at step 0"),
        ([["a"]], [[pd.NA]], r"y_pred\[0\] holds <NA> at step 0"),
        ([[["a"], ["b"]]], [["a", "b"]], r"y_true\[0\] holds a list at step 0; a step has one label"),
        ([np.eye(2)], [[0, 1]], r"y_true\[0\] holds a list at step 0; a step has one label"),
        ([[], []], [[], []], "y_true holds no steps"),
        ([], [], "y_true holds no steps"),
    ],
)
def test_wrong_labels(y_true, y_pred, message):
    for score in (step_accuracy_score, step_f1_score, sequence_accuracy_score, step_confusion_matrix):
        with pytest.raises(ValueError, match=message):
            score(y_true, y_pred)


@pytest.mark.parametrize("wrong", [None, "ab", 3, {"a": 1}, iter([])])
def test_wrong_types(wrong):
    with pytest.raises(TypeError, match="y_true must hold one entry a sequence .* of type"):
        step_accuracy_score(wrong, [["a"]])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "y_true has 2 sequences, sample_weight has 1"),
        ([[1, 1], [1, 1]], r"sample_weight\[1\] has 2 weights, but y_true\[1\] has 1"),
        ([1, -1], "not negative"),
        ([0, 0], "at least one must count"),
    ],
)
def test_wrong_weights(weights, message):
    for score in (step_accuracy_score, step_f1_score):
        with pytest.raises(ValueError, match=message):
            score([["a", "b"], ["a"]], [["a", "b"], ["a"]], sample_weight=weights)


def test_wrong_weights_of_sequences():
    with pytest.raises(ValueError, match="y_true has 2 sequences, sample_weight has 1"):
        sequence_accuracy_score([["a"], ["a"]], [["a"], ["a"]], sample_weight=[1])
    with pytest.raises(ValueError, match="must be 1D"):
        sequence_accuracy_score([["a"], ["a"]], [["a"], ["a"]], sample_weight=[[1], [1]])


@pytest.mark.parametrize(
    ("average", "message"),
    [
        (
            "makro",
            r"average must be one of 'micro', 'macro', 'weighted', None, but it is 'makro'\. "
            r"Did you mean 'macro'\?",
        ),
        ("binary", "average must be one of .*, but it is 'binary'"),
        (3, "average must be one of .*, but it is 3"),
    ],
)
def test_wrong_average(average, message):
    with pytest.raises(ValueError, match=message):
        step_f1_score([["a"]], [["a"]], average=average)


def test_arguments_are_not_changed():
    y_true, y_pred, weights = [np.array(["a", "b"])], [np.array(["b", "a"])], [2.0]
    step_f1_score(y_true, y_pred, sample_weight=weights)
    assert (y_true[0].tolist(), y_pred[0].tolist(), weights) == (["a", "b"], ["b", "a"], [2.0])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([], ValueError, "labels is empty"),
        (["a", "b", "a"], ValueError, "labels holds 'a' more than once"),
        ("ab", TypeError, r"labels must be a list of labels, but it is 'ab'; .* is \['ab'\]"),
        (3, TypeError, "labels must be a list of labels, but it is 3"),
    ],
)
@pytest.mark.parametrize("score", [*SCORES, step_confusion_matrix, step_classification_report])
def test_wrong_choices_of_labels(score, labels, error, message):
    with pytest.raises(error, match=message):
        score([["a", "b"]], [["a", "b"]], labels=labels)


def test_masked_labels():
    mask = [[0, 0, 1], [0, 0, 0], [1, 1, 1]]
    y = np.ma.masked_array([["a", "b", "?"], ["a", "a", "b"], ["?", "?", "?"]], mask=mask)
    assert step_accuracy_score(y, [["a", "a"], ["a", "a", "a"], []]) == 0.6
    y.mask = [[0, 1, 0], [0, 0, 1], [1, 0, 1]]
    message = (
        r"^y_pred\[0\] is masked at step 1, before its end; only trailing steps may be masked\.\n"
        r"y_pred\[2\] is masked at step 0, before its end"
    )
    with pytest.raises(ValueError, match=message):
        step_accuracy_score([["a", "b"], ["a", "a"], ["a"]], y)
