"""Validation data that the user gives."""

import copy
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from skorch.callbacks import Callback

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.data import as_sequences
from sklearn_rnn.datasets import load_japanese_vowels, make_person_sentences

FAST = {"hidden_size": 8, "max_iter": 4, "random_state": 0}


@pytest.fixture(scope="module")
def vowels():
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    return X[::2], y[::2], X[1::2], y[1::2]


def test_given_data_is_scored_after_each_epoch_and_moves_nothing(vowels):
    X, y, X_val, y_val = vowels
    scores = [RNNClassifier(**FAST | {"max_iter": n}).fit(X, y).score(X_val, y_val) for n in range(1, 5)]
    model = RNNClassifier(scoring=None, **FAST).fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_allclose(model.validation_scores_, scores, atol=1e-9)
    np.testing.assert_array_equal(model.predict_proba(X), RNNClassifier(**FAST).fit(X, y).predict_proba(X))
    assert {"valid_loss", "valid_score"} <= model.history_[0].keys()


def test_tagger_and_regressor_validate_on_given_data():
    X, y = make_person_sentences(60, random_state=0)
    tagger = RNNTagger(scoring=None, **FAST).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert tagger.validation_scores_[-1] == pytest.approx(tagger.score(X[40:], y[40:]))
    numbers = [np.arange(len(x), dtype=float) for x in X]
    regressor = RNNRegressor(scoring=None, **FAST)
    regressor.fit(X[:40], numbers[:40], X_val=X[40:], y_val=numbers[40:])
    assert regressor.validation_scores_[-1] == pytest.approx(regressor.score(X[40:], numbers[40:]), abs=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": [[[1.0]]]}, "X_val and y_val belong together"),
        ({"y_val": [1]}, "X_val and y_val belong together"),
        ({"X_val": [[[1.0]]], "y_val": [1]}, "hold a single target; scoring requires at least 2"),
        (
            {"X_val": [[[1.0, 2.0]]] * 2, "y_val": [0, 1]},
            "For X_val and y_val: .*2 features",
        ),
        (
            {"X_val": [[[1.0]]] * 3, "y_val": [0, 1]},
            "For X_val and y_val: X and y have .* X has 3 sequences, y has 2",
        ),
        (
            {"X_val": [[[1.0]]] * 8, "y_val": [0, *range(2, 9)]},
            r"^y_val holds labels that y lacks: \[2, 3, 4, 5, 6\]\. Leave .* out of X_val and y_val, or",
        ),
        ({"validation_groups": [0, 1]}, "X has 4 sequences, validation_groups has 2"),
        ({"validation_groups": [0] * 4}, r"validation_groups names 1 group\(s\) for 4 sequences"),
        ({"validation_groups": [0, 0, 0, 1]}, r"names 2 group\(s\) for 4 .* at least 2 sequences"),
        (
            {"validation_groups": [None, "a", None, "a"]},
            r"\[0\] is missing; .*The same holds for validation_groups\[2\]\.$",
        ),
        (
            {"X_val": [[[1.0]]] * 2, "y_val": [0, 1], "validation_groups": [0, 0, 1, 1]},
            "Pass X_val and y_val, or validation_groups .* not both",
        ),
    ],
)
def test_messages(given, message):
    model = RNNClassifier(early_stopping=True, **FAST)
    with pytest.raises(ValueError, match=message):
        model.fit([[[0.0]], [[1.0]], [[2.0]], [[3.0]]], [0, 1, 0, 1], **given)
    assert not hasattr(model, "module_")


def test_labels_of_steps_and_outputs_that_y_lacks():
    X = [[[0.0], [1.0]], [[2.0]]]
    with pytest.raises(ValueError, match=r"^y_val holds labels that y lacks: \['D'\]"):
        RNNTagger(**FAST).fit(X, [["N", "V"], ["N"]], X_val=X, y_val=[["N", "D"], ["N"]])
    with pytest.raises(ValueError, match=r"^y_val holds labels that y lacks: \[5\]"):
        RNNClassifier(**FAST).fit(X, [[0, 1], [2, 3]], X_val=X, y_val=[[0, 1], [2, 5]])


def test_unseen_labels_of_a_later_call_are_a_matter_of_partial_fit():
    model = RNNClassifier(**FAST).partial_fit([[[0.0]], [[1.0]]], [0, 1])
    with pytest.raises(ValueError, match=r"not there when training began: \[7\].*partial_fit") as error:
        model.partial_fit([[[0.0]]], [7])
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_a_thread_of_joblib_uses_one_core_and_a_fit_alone_all():
    script = """
        import numpy as np, torch
        from joblib import parallel_config
        from sklearn.model_selection import cross_val_score
        from sklearn_rnn import RNNClassifier
        from sklearn_rnn.nn.kernels import threads

        def count(model, X, y):
            model.predict(X)
            return model.n_threads

        class Counting(RNNClassifier):
            def _prepare(self, *args):
                self.n_threads = threads._lent.get() or torch.get_num_threads()
                super()._prepare(*args)

        torch.set_num_threads(3)
        X, y = np.eye(8), np.arange(8) % 2
        model = Counting(hidden_size=2, max_iter=1)
        for backend in ("threading", "multiprocessing"):
            with parallel_config(backend):
                print(*cross_val_score(model, X, y, cv=2, n_jobs=2, scoring=count))
        print(model.fit(X, y).n_threads, torch.get_num_threads())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[:3] == ["1 1", "1 1", "3 3"], done.stderr


def test_codes_that_somebody_made_are_no_measurements():
    codes = as_sequences(np.random.RandomState(0).randint(5000, size=(20, 10)).astype(object).tolist())
    model = RNNClassifier(**FAST)
    with pytest.warns(UserWarning, match="X holds integers, which are read as tokens"):
        model.fit([x for x in codes], np.arange(20) % 2)
    model.fit(codes, np.arange(20) % 2)  # Sequences: no warning, which would be an error here


def test_a_file_keeps_the_curves_and_what_callbacks_wrote(vowels):
    class Writer(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("mine", len(net.history))

    X, y, X_val, y_val = vowels
    model = RNNClassifier(**FAST).fit(X, y, X_val=X_val, y_val=y_val)
    twin = copy.deepcopy(model)
    assert twin.validation_scores_ == model.validation_scores_ == [e["valid_score"] for e in twin.history_]
    assert [e["train_loss"] for e in twin.history_] == model.loss_curve_
    assert twin.partial_fit(X, y).n_iter_ == 5
    writing = RNNClassifier(callbacks=[Writer()], **FAST).fit(X, y)
    state = writing.__getstate__()
    assert state["history_"] == [{"mine": k} for k in (1, 2, 3, 4)]
