"""Every callback of skorch works as the guide says, or a message says why not; schedules, progress bars."""

import io
import pickle
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import skorch.callbacks
import torch
from sklearn.base import clone
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    LoadInitState,
    LRScheduler,
    MlflowLogger,
    NeptuneLogger,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    TrainEndCheckpoint,
    Unfreezer,
    WandbLogger,
    WarmRestartLR,
)

from sklearn_rnn import RNNClassifier, RNNForecaster, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNTagger
from sklearn_rnn.training import callbacks

rng = np.random.RandomState(0)
X = [rng.randn(n, 2).astype(np.float32) for n in rng.randint(2, 5, size=12)]
WORDS = [["a" if step[0] > 0 else "b" for step in x] for x in X]
LABELS = [0, 1] * 6
quick = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
FAST = {"hidden_size": 8, "max_iter": 4, "random_state": 0}
ESTIMATORS = {
    "classifier": (RNNClassifier(**quick), X, LABELS),
    "tagger": (RNNTagger(**quick), X, WORDS),
    "regressor": (RNNRegressor(**quick), X, np.arange(12.0)),
    "language model": (RNNLanguageModel(**quick), WORDS, None),
    "forecaster": (RNNForecaster(**quick), np.sin(np.arange(40.0)), None),
    "sequence to sequence": (RNNSeq2Seq(**quick), WORDS, WORDS),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def fit(callbacks, name="classifier", **parameters):
    model, inputs, targets = ESTIMATORS[name]
    return clone(model).set_params(**parameters).set_params(callbacks=callbacks).fit(inputs, targets)


class Locked:
    """Stands for a writer, or a run, of a tool that is not installed: it records calls, and holds a lock."""

    def __init__(self):
        self.lock, self.calls = threading.Lock(), []
        self.dir, self.info, self.run_id = ".", self, "1"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            return self

        return call

    def __getitem__(self, key):
        return self

    def __setitem__(self, key, value):
        self.calls.append((key, value))


class Neptune(NeptuneLogger):
    """Without what it imports."""

    @staticmethod
    def _model_summary_file(model):
        return str(model)


LOGGERS = {
    "TensorBoard": lambda run: TensorBoard(run, close_after_train=False),
    "WandbLogger": lambda run: WandbLogger(run, save_model=False),
    "MlflowLogger": lambda run: MlflowLogger(run, run, create_artifact=False),
    "NeptuneLogger": lambda run: Neptune(run, close_after_train=False),
    "SacredLogger": lambda run: SacredLogger(run),
}
PLAIN = {
    "BatchScoring": (lambda: BatchScoring(lambda net, X, y: 1.0, name="one", on_train=True), {}),
    "Callback": (Callback, {}),
    "EarlyStopping": (lambda: EarlyStopping(monitor="train_loss", patience=1), {}),
    "EpochScoring": (lambda: EpochScoring(lambda net, X, y: len(y), name="n", on_train=True), {}),
    "EpochTimer": (EpochTimer, {}),
    "Freezer": (lambda: Freezer("*bias*"), {}),
    "GradientNormClipping": (lambda: GradientNormClipping(0.5), {}),
    "Initializer": (lambda: Initializer("*weight*", torch.nn.init.normal_), {}),
    "LRScheduler": (lambda: LRScheduler("StepLR", step_size=1), {}),
    "ParamMapper": (lambda: ParamMapper("*bias*", fn=torch.nn.init.zeros_), {}),
    "PassthroughScoring": (lambda: PassthroughScoring("train_loss", on_train=True), {}),
    "PrintLog": (lambda: PrintLog(sink=lambda text: None), {}),
    "ProgressBar": (lambda: ProgressBar(detect_notebook=False), {}),
    "Unfreezer": (lambda: Unfreezer("*bias*", at=2), {}),
    "WarmRestartLR": (lambda: LRScheduler(WarmRestartLR, max_lr=0.1), {}),
}
OTHERS = {"Checkpoint", "TrainEndCheckpoint", "LoadInitState", "InputShapeSetter"}


def test_the_guide_and_these_tests_speak_of_every_callback():
    assert {*PLAIN, *LOGGERS, *OTHERS} == set(skorch.callbacks.__all__)
    guide = (Path(__file__).resolve().parents[2] / "docs/guide/training.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in guide for name in skorch.callbacks.__all__)


@every_estimator
@pytest.mark.parametrize("callback", PLAIN)
def test_callbacks(callback, name):
    make, options = PLAIN[callback]
    model = fit([make()], name, **options)
    assert model.n_iter_ >= 1
    assert len(model.net_.callbacks_) == 2  # it, and the timer


@every_estimator
@pytest.mark.parametrize("callback", LOGGERS)
def test_loggers_write_to_what_they_were_given(callback, name):
    run = Locked()
    fit([LOGGERS[callback](run)], name)
    written = str(run.calls)
    assert "loss" in written or "append" in written


def test_a_sink_is_the_users(tmp_path):
    lines, file = [], io.StringIO()
    fit([("list", PrintLog(sink=lines.append)), ("file", PrintLog(sink=file.write))], verbose=0)
    assert len(lines) == 4 and "train_loss" in lines[0] and "train_loss" in file.getvalue()


def test_callbacks_of_the_user_are_left_as_they_were():
    stop = EarlyStopping(monitor="train_loss")
    before = dict(vars(stop))
    model = fit([stop])
    assert vars(stop) == before
    learnt = dict(model.net_.callbacks_)["EarlyStopping"]
    assert learnt is not stop and hasattr(learnt, "misses_")


@every_estimator
def test_checkpoints(name, tmp_path):
    stored = Checkpoint(dirname=str(tmp_path), monitor="train_loss_best")
    model = fit([stored, TrainEndCheckpoint(dirname=str(tmp_path))], name)
    assert (tmp_path / "params.pt").exists() and (tmp_path / "train_end_params.pt").exists()
    twin = fit([LoadInitState(stored)], name, max_iter=1)
    assert twin.n_iter_ >= 1 and model.n_iter_ == 2


@pytest.mark.parametrize("name", ["classifier", "tagger", "regressor", "sequence to sequence"])
def test_the_best_score_is_marked(name, tmp_path):
    stored = Checkpoint(dirname=str(tmp_path), monitor="valid_score_best")
    model = fit([stored], name, early_stopping=True, validation_fraction=0.4, max_iter=5)
    scores = [epoch["valid_score"] for epoch in model.history_]
    marks = [epoch["valid_score_best"] for epoch in model.history_]
    assert marks == [score > max([-np.inf, *scores[:i]]) for i, score in enumerate(scores)]
    assert (tmp_path / "params.pt").exists()


@every_estimator
def test_the_device_is_named_as_in_skorch(name):
    net = fit(None, name, device="cpu").net_
    assert net.device == "cpu" and type(net.device) is str
    assert pickle.loads(pickle.dumps(fit(None, name))).net_.device == "cpu"


@pytest.mark.parametrize(
    "scoring", ["accuracy", "f1", "neg_log_loss", "roc_auc", "neg_brier_score", make_scorer(accuracy_score)]
)
def test_scorers_of_predictions_and_probabilities(scoring):
    model = fit([EpochScoring(scoring, name="s", on_train=True)], batch_size="all")
    assert all(np.isfinite(epoch["s"]) for epoch in model.history_)
    fit([EpochScoring(scoring, name="s")], early_stopping=True, validation_fraction=0.5)


@pytest.mark.parametrize("make", [EpochScoring, BatchScoring])
@pytest.mark.parametrize(
    "scoring",
    ["accuracy", accuracy_score, make_scorer(accuracy_score)],
    ids=["name", "function", "scorer"],
)
def test_without_caching_a_message_says_why(scoring, make):
    with pytest.raises(ValueError, match="has use_caching=False, but scorers need targets"):
        fit([make(scoring, name="s", use_caching=False, on_train=True)])


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_with_a_crf_a_message_says_why(scoring):
    # scikit-learn 1.6 finds the reason by itself
    expected = "but CRFHead answers whole sequences. Use early_stopping=True|should either be a classifier"
    with pytest.raises(ValueError, match=expected):
        fit([EpochScoring(scoring, on_train=True)], "tagger", head="crf")


def test_parameters_of_callbacks_have_names():
    stop, schedule = EarlyStopping(monitor="train_loss"), LRScheduler("StepLR", step_size=1)
    model = RNNClassifier(callbacks=[stop, ("rate", schedule), PrintLog(), PrintLog()])
    params = model.get_params()
    assert params["callbacks__EarlyStopping"] is stop and params["callbacks__EarlyStopping__patience"] == 5
    assert params["callbacks__rate"] is schedule
    assert {"callbacks__PrintLog_1", "callbacks__PrintLog_2"} <= params.keys()
    assert "callbacks__rate" not in model.get_params(deep=False)
    model.set_params(callbacks__EarlyStopping__patience=3, callbacks__rate=schedule)
    assert stop.patience == 3
    twin = clone(model)
    assert twin.get_params()["callbacks__EarlyStopping__patience"] == 3
    assert twin.get_params()["callbacks__EarlyStopping"] is not stop
    with pytest.raises(ValueError, match="there is no callback 'Stop'"):
        model.set_params(callbacks__Stop__patience=3)


def test_a_search_over_a_parameter_of_a_callback():
    model = RNNClassifier(callbacks=[("stop", EarlyStopping(monitor="train_loss"))], **quick)
    search = GridSearchCV(model, {"callbacks__stop__patience": [1, 2]}, cv=2).fit(X, LABELS)
    patience = dict(search.best_estimator_.net_.callbacks_)["stop"].patience
    assert patience == search.best_params_["callbacks__stop__patience"]


def test_the_shape_of_inputs_is_not_set_by_a_callback():
    with pytest.raises(ValueError, match="'InputShapeSetter' sets the width of a network.*Leave it out"):
        fit([skorch.callbacks.InputShapeSetter()])


@pytest.mark.parametrize("callback", [EarlyStopping(), Checkpoint(monitor="valid_score_best")])
def test_what_monitors_validation_needs_some(callback):
    with pytest.raises(
        ValueError, match="monitors 'valid_.*nothing is validated on. Set early_stopping=True"
    ):
        fit([callback])


def test_an_initial_state_of_another_callback_of_the_same_fit(tmp_path):
    save = TrainEndCheckpoint(dirname=tmp_path)
    first = fit([save, LoadInitState(save)])
    goes_on = fit([save, LoadInitState(save)])
    assert goes_on.loss_curve_[:2] == first.loss_curve_  # it loads the history, too
    assert goes_on.loss_curve_[2] < first.loss_curve_[1]


def test_what_is_learnt_survives_ctrl_c_at_the_end_of_training():
    class Pressing(Callback):
        def on_train_end(self, net, **kwargs):
            raise KeyboardInterrupt

    assert fit([Pressing()]).n_iter_ == 2


def test_a_callback_set_to_none_is_left_out():
    model = RNNClassifier(callbacks=[("stop", EarlyStopping()), ("timer", EpochTimer())], **quick)
    model.set_params(callbacks__stop=None)
    assert [name for name, _ in model.callbacks] == ["timer"]
    model.fit(X, LABELS)


def test_ctrl_c_while_a_callback_runs_is_an_interruption():
    class Pressing(Callback):
        def on_epoch_end(self, net, **kwargs):
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.warns(UserWarning, match="interrupted in epoch 1") as caught:
            model = fit([Pressing()])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.n_iter_ == 1
    assert [w.filename for w in caught] == [__file__]


def test_learning_rate_schedule(vowels):
    schedule = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.1)
    model = RNNClassifier(callbacks=[schedule], learning_rate=0.01, **FAST).fit(*vowels)
    np.testing.assert_allclose([e["event_lr"] for e in model.history_], [0.01, 0.01, 0.001, 0.001], rtol=1e-6)


class Counter(Callback):
    def __init__(self):
        self.epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs += 1


def test_callbacks_are_copied_and_the_copies_can_be_seen(vowels):
    counter = Counter()
    model = RNNClassifier(callbacks=[("counter", counter)], **FAST).fit(*vowels)
    assert counter.epochs == 0
    assert dict(model.net_.callbacks_)["counter"].epochs == 4


def test_a_callback_may_stop_training_without_a_warning(vowels):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    assert RNNClassifier(callbacks=[Stop()], **FAST).fit(*vowels).n_iter_ == 1


def test_progress_bar_and_log(vowels, capsys):
    RNNClassifier(verbose=2, **FAST).fit(*vowels)
    assert "train_loss" in capsys.readouterr().out
    RNNClassifier(verbose=0, **FAST).fit(*vowels)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_progress_bar_of_a_long_fit(vowels, capsys, monkeypatch):
    make_bar = callbacks.tqdm
    monkeypatch.setattr(callbacks, "tqdm", lambda **options: make_bar(**options | {"delay": 0}))
    RNNClassifier(verbose=1, **FAST).fit(*vowels)
    assert "train_loss" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("policy", "options"),
    [("OneCycleLR", {"max_lr": 0.01, "total_steps": 8}), ("CyclicLR", {"base_lr": 0.001, "max_lr": 0.01})],
)
def test_schedules_that_move_momentum_go_on(policy, options):
    X = np.random.RandomState(0).rand(20, 3)
    y = np.arange(20) % 2
    policy = getattr(torch.optim.lr_scheduler, policy)
    schedule = LRScheduler(policy, cycle_momentum=policy is torch.optim.lr_scheduler.OneCycleLR, **options)
    common = {"hidden_size": 3, "random_state": 0, "callbacks": [schedule], "warm_start": True}
    whole = RNNClassifier(max_iter=8, **common).fit(X, y)
    parts = RNNClassifier(max_iter=4, **common).fit(X, y).fit(X, y)
    np.testing.assert_allclose(
        [epoch["event_lr"] for epoch in parts.history_], [epoch["event_lr"] for epoch in whole.history_]
    )
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("on_train", [True, False])
def test_epoch_scoring(data, on_train):
    scoring = EpochScoring("accuracy", on_train=on_train, name="right", lower_is_better=False)
    model = RNNClassifier(callbacks=[scoring], early_stopping=True, scoring="accuracy", **quick).fit(*data)
    assert all(0 <= epoch["right"] <= 1 for epoch in model.history_)
    if not on_train:
        assert [epoch["right"] for epoch in model.history_] == model.validation_scores_


def test_a_callback_may_be_called_early_stopping(data):
    stop = (
        "early_stopping",
        EarlyStopping(monitor="train_loss", patience=1, threshold=1e6, threshold_mode="abs"),
    )
    model = RNNClassifier(callbacks=[stop], early_stopping=True, **(quick | {"max_iter": 9})).fit(*data)
    assert model.n_iter_ < 9
    assert [
        name for name, _ in model.net_.callbacks_ if not name.startswith(("epoch", "train", "valid"))
    ] == ["early_stopping"]


@pytest.mark.parametrize(
    "policy",
    [
        ("StepLR", {"step_size": 1, "gamma": 0.5}),
        ("CosineAnnealingLR", {"T_max": 5}),
        (torch.optim.lr_scheduler.OneCycleLR, {"max_lr": 0.01, "total_steps": 8}),
        (torch.optim.lr_scheduler.OneCycleLR, {"max_lr": 0.01, "total_steps": 8, "step_every": "batch"}),
    ],
)
@pytest.mark.parametrize("is_pickled", [False, True])
def test_a_schedule_goes_on_where_it_was(data, policy, is_pickled):
    schedule = LRScheduler(policy[0], **policy[1])
    options = quick | {"callbacks": [schedule], "warm_start": True, "learning_rate": 0.004}
    once = RNNClassifier(**(options | {"max_iter": 4})).fit(*data)
    twice = RNNClassifier(**options).fit(*data)
    twice = (pickle.loads(pickle.dumps(twice)) if is_pickled else twice).fit(*data)
    rates = [
        [epoch.get("event_lr") or model.net_.optimizer_.param_groups[0]["lr"] for epoch in model.history_]
        for model in (once, twice)
    ]
    np.testing.assert_allclose(rates[1], rates[0], rtol=1e-9)
    if not is_pickled:
        np.testing.assert_array_equal(once.predict_proba(data[0]), twice.predict_proba(data[0]))


def test_a_callback_whose_name_begins_with_an_underscore_is_kept(data):
    stop = ("_mine", EarlyStopping(monitor="train_loss"))
    model = RNNClassifier(callbacks=[stop], verbose=1, **quick).fit(*data)
    names = [name for name, _ in model.net_.callbacks_]
    assert "_mine" in names and "_progress" not in names
