"""What is saved is loaded elsewhere: by other versions, without a GPU, and without running a file's code."""

import copy
import io
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from functools import partial

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException
from skorch.callbacks import Freezer, LRScheduler

import sklearn_rnn
from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
    estimators,
    preprocessing,
)
from sklearn_rnn.nn import Cell, LSTMCell
from sklearn_rnn.persistence import TRUSTED_TYPES, VersionMismatchWarning
from sklearn_rnn.preprocessing import (
    SequenceFeatures,
    SequenceOneHotEncoder,
    SequencePadder,
    SequenceTruncator,
    SlidingWindow,
    StepTransformer,
    TokenEncoder,
)

rng = np.random.RandomState(0)
X = [rng.randn(length, 3).astype(np.float32) for length in [3, 1, 6, 4, 2, 4, 7, 3]]
WORDS = [list(np.array(["the", "cat", "sat", "mat"])[(x[:, 0] > 0) + 2 * (x[:, 1] > 0)]) for x in X]
LABELS = np.array(["up", "down"] * 4, dtype=object)
SEVERAL = np.array([[1, 0], [0, 1]] * 4)
NUMBERS = [float(x.sum()) for x in X]
TAGS = [["N" if step[0] > 0 else "V" for step in x] for x in X]
NUMBERS_A_STEP = [x[:, 0].cumsum() for x in X]

quick = {"hidden_size": 8, "max_iter": 2, "random_state": 0}
tagger = RNNTagger(head="crf", bidirectional=True, embedding_size=5, dtype="float64", **quick)
step = StepTransformer(StandardScaler())
# What to fit on which data.
MODELS = {
    "classifier": (RNNClassifier(early_stopping=True, validation_fraction=0.3, **quick), X, LABELS),
    "several labels": (RNNClassifier(cell="jordan", pooling="attention", **quick), X, SEVERAL),
    "class weights": (RNNClassifier(class_weight={"up": 1, "down": 2.0}, **quick), WORDS, LABELS),
    "tagger": (RNNTagger(cell="lstm", num_layers=2, dropout=0.1, **quick), X, TAGS),
    "tagger of words": (tagger, WORDS, TAGS),
    "regressor": (RNNRegressor(cell="elman", device=torch.device("cpu"), **quick), X, NUMBERS),
    "regressor of steps": (
        RNNRegressor(**quick | {"random_state": np.random.RandomState(0)}),
        X,
        NUMBERS_A_STEP,
    ),
    "language model": (RNNLanguageModel(embedding_size=5, **quick), WORDS, None),
    "language model of a stream": (RNNLanguageModel(bptt_steps=5, **quick), "the cat sat. " * 3, None),
    "forecaster": (
        RNNForecaster(distribution="quantile", scaling="series", **quick),
        [x for x in X if len(x) > 1],
        None,
    ),
    "forecaster, side by side": (
        RNNForecaster(strategy="direct", horizon=2, early_stopping=True, **quick),
        NUMBERS * 5,
        None,
    ),
    "sequence to sequence": (RNNSeq2Seq(decoder_cell="gru", early_stopping=True, **quick), WORDS, WORDS),
    "pipeline": (make_pipeline(step, RNNClassifier(**quick)), X, LABELS),
    "pipeline with an imputer": (
        make_pipeline(StepTransformer(SimpleImputer()), RNNClassifier(**quick)),
        X,
        LABELS,
    ),
    "pipeline of steps": (make_pipeline(step, RNNRegressor(**quick)), X, NUMBERS_A_STEP),
    "SequenceOneHotEncoder": (SequenceOneHotEncoder(dense=True), WORDS, None),
    "SequenceFeatures": (SequenceFeatures(RNNRegressor(**quick)), X, NUMBERS),
    "SequencePadder": (SequencePadder(), X, None),
    "SequenceTruncator": (SequenceTruncator(3), X, None),
    "SlidingWindow": (SlidingWindow(2), [x for x in X if len(x) > 2], None),
    "StepTransformer": (step, X, None),
    "TokenEncoder": (TokenEncoder(), WORDS, None),
}
every_model = pytest.mark.parametrize("name", MODELS)
OURS = [*estimators.__all__, *preprocessing.__all__]


def fit(name):
    model, inputs, targets = copy.deepcopy(MODELS[name])  # a random state goes on when it is used
    if hasattr(model, "fit"):
        return model.fit(inputs, targets)
    model.make_windows(inputs)
    return model


def ask(model, inputs):
    if hasattr(model, "attention_weights"):
        return model.predict_proba(inputs, inputs)
    for method in ("predict_proba", "predict", "transform"):
        if hasattr(model, method):
            return getattr(model, method)(inputs)
    return model.make_inputs(inputs)


def assert_equal(a, b):
    assert type(a) is type(b) and len(a) == len(b)
    for row, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(row, other, strict=True)


def describe(model):
    return re.sub("at 0x[0-9A-F]+", "", repr(model))  # where a random state lies


def dump_skops(model, file):
    skops.io.dump(model, file)


def load_skops(file):
    return skops.io.load(file, trusted=TRUSTED_TYPES)


def dump_pickle(model, file):
    file.write_bytes(pickle.dumps(model))


def load_pickle(file):
    return pickle.loads(file.read_bytes())


FORMATS = {
    "pickle": (dump_pickle, load_pickle),
    "joblib": (joblib.dump, joblib.load),
    "skops": (dump_skops, load_skops),
}
every_format = pytest.mark.parametrize("form", FORMATS)


def test_every_estimator_and_transformer_is_tested_here():
    parts = [part for model, _, _ in MODELS.values() for _, part in getattr(model, "steps", [("", model)])]
    assert {type(part).__name__ for part in parts} >= set(OURS)


# A fresh process

IN_A_FRESH_PROCESS = """
import pickle, sys
from pathlib import Path

import joblib, skops.io
from sklearn_rnn.persistence import TRUSTED_TYPES

LOAD = {
    "pickle": lambda file: pickle.loads(file.read_bytes()),
    "joblib": joblib.load,
    "skops": lambda file: skops.io.load(file, trusted=TRUSTED_TYPES),
}


def ask(model, inputs):
    if hasattr(model, "attention_weights"):
        return model.predict_proba(inputs, inputs)
    for method in ("predict_proba", "predict", "transform"):
        if hasattr(model, method):
            return getattr(model, method)(inputs)
    return model.make_inputs(inputs)


folder = Path(sys.argv[1])
data = pickle.loads((folder / "data").read_bytes())
answers = {}
for form, load in LOAD.items():
    for name, (inputs, targets) in data.items():
        model = load(folder / f"{name}.fitted.{form}")
        answers[form, name, "fitted"] = ask(model, inputs)
        model = load(folder / f"{name}.unfitted.{form}")
        if hasattr(model, "fit"):
            model.fit(inputs, targets)
        answers[form, name, "unfitted"] = ask(model, inputs)
    answers[form, "from a GPU"] = load(folder / f"from a GPU.{form}").predict_proba(data["classifier"][0])
sys.stdout.buffer.write(pickle.dumps(answers))
"""


def test_a_fresh_process_without_a_gpu(tmp_path):
    expected = {}
    for name, (model, inputs, _) in MODELS.items():
        fitted = fit(name)
        for form, (dump, _) in FORMATS.items():
            dump(model, tmp_path / f"{name}.unfitted.{form}")
            dump(fitted, tmp_path / f"{name}.fitted.{form}")
            expected[form, name, "fitted"] = expected[form, name, "unfitted"] = ask(fitted, inputs)
    for form, (dump, _) in FORMATS.items():
        dump(as_if_from("cuda", fit("classifier")), tmp_path / f"from a GPU.{form}")
        expected[form, "from a GPU"] = expected[form, "classifier", "fitted"]
    data = {name: (inputs, targets) for name, (_, inputs, targets) in MODELS.items()}
    (tmp_path / "data").write_bytes(pickle.dumps(data))
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", IN_A_FRESH_PROCESS, tmp_path],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    answers = pickle.loads(run.stdout)
    assert answers.keys() == expected.keys()
    for key, answer in answers.items():
        assert_equal(answer, expected[key])


def as_if_from(device, model):
    """Make a fitted model look as if its device had been another, which need not be there."""
    model._begun["device"] = device
    return model.set_params(device=device)


# This process


@every_format
@every_model
def test_what_is_loaded_is_what_was_saved(form, name, tmp_path):
    dump, load = FORMATS[form]
    model, inputs = fit(name), MODELS[name][1]
    dump(model, tmp_path / "model")
    twin = load(tmp_path / "model")
    assert type(twin) is type(model) and describe(twin) == describe(model)
    assert vars(twin).keys() == vars(model).keys()
    assert_equal(ask(twin, inputs), ask(model, inputs))


@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy])
@every_model
def test_copies(name, make_copy):
    model, inputs = fit(name), MODELS[name][1]
    expected = ask(model, inputs)
    assert_equal(ask(make_copy(model), inputs), expected)
    assert describe(make_copy(MODELS[name][0])) == describe(MODELS[name][0])


@every_model
def test_clones(name):
    model, inputs, targets = MODELS[name]
    twin = clone(model)
    assert describe(twin) == describe(model)
    if targets is not None:
        assert_equal(ask(twin.fit(inputs, targets), inputs), ask(fit(name), inputs))


@pytest.mark.parametrize("device", ["cuda:63", torch.device("cuda:63")])
@every_format
def test_a_file_from_an_absent_device(form, device, tmp_path):
    dump, load = FORMATS[form]
    model = fit("classifier")
    expected = ask(model, X)
    dump(as_if_from(device, model), tmp_path / "model")
    twin = load(tmp_path / "model")
    assert twin.device == device
    assert_equal(ask(twin, X), expected)
    with pytest.raises(ValueError, match="device=.*63.* is not available here"):
        twin.fit(X, LABELS)


# Loading is cheap and safe


@pytest.mark.parametrize("name", ["classifier", "several labels", "tagger", "tagger of words", "regressor"])
def test_no_weights_are_drawn_to_be_thrown_away(name, monkeypatch):
    devices = []

    def record(function):
        def recording(tensor, *args, **kwargs):
            devices.append(tensor.device.type)
            return function(tensor, *args, **kwargs)

        return recording

    file = pickle.dumps(fit(name))
    for function in ("orthogonal_", "xavier_uniform_", "normal_"):
        monkeypatch.setattr(torch.nn.init, function, record(getattr(torch.nn.init, function)))
    twin = pickle.loads(file)
    assert set(devices) == {"meta"}
    assert {w.device.type for w in twin.module_.state_dict().values()} == {"cpu"}
    assert twin.module_.like is next(twin.module_.parameters())
    twin.fit(*MODELS[name][1:])
    assert "cpu" in devices  # as in any first fit


def test_two_loaded_from_one_state_share_no_weights():
    state = fit("classifier").__getstate__()
    first, second = RNNClassifier(), RNNClassifier()
    first.__setstate__(state)
    second.__setstate__(state)
    expected = ask(second, X)
    for weight in first.module_.parameters():
        weight.data.zero_()
    assert_equal(ask(second, X), expected)
    assert all(weight.any() for weight in state["_weights"].values())


@pytest.mark.parametrize("make", [lambda w: w[:-1], lambda w: np.vstack([w, w]), lambda w: w.ravel()])
def test_weights_of_another_shape_are_refused(make):
    state = fit("classifier").__getstate__()
    state["_weights"]["head.output.weight"] = make(state["_weights"]["head.output.weight"])
    with pytest.raises(RuntimeError, match="size mismatch for head.output.weight"):
        RNNClassifier().__setstate__(state)
    del state["_weights"]["head.output.weight"]
    with pytest.raises(RuntimeError, match="Missing key"):
        RNNClassifier().__setstate__(state)


@pytest.mark.parametrize("cell", ["elman", "gru"])
def test_a_file_is_as_large_as_its_weights(cell):
    model = RNNClassifier(cell=cell, hidden_size=64, num_layers=2, max_iter=60, random_state=0).fit(X, LABELS)
    n_bytes = 4 * sum(w.numel() for w in model.module_.parameters())
    assert len(pickle.dumps(model)) < 1.1 * n_bytes


@pytest.mark.parametrize("form", [*FORMATS, "deepcopy"])
@pytest.mark.parametrize("name", ["classifier", "tagger", "language model", "sequence to sequence"])
def test_frozen_weights_stay_frozen(name, form, tmp_path):
    model, inputs, targets = copy.deepcopy(MODELS[name])
    pattern = "*recurrence*" if name != "tagger" else ["*.bias_ih"]
    model.set_params(warm_start=True, callbacks=[Freezer(pattern)]).fit(inputs, targets)
    frozen = {name for name, w in model.module_.named_parameters() if not w.requires_grad}
    assert 0 < len(frozen) < len(list(model.module_.parameters()))
    model.set_params(callbacks=None)  # to freeze is no more asked for
    if form == "deepcopy":
        twin = copy.deepcopy(model)
    else:
        dump, load = FORMATS[form]
        dump(model, tmp_path / "model")
        twin = load(tmp_path / "model")
    assert {name for name, w in twin.module_.named_parameters() if not w.requires_grad} == frozen
    before = {name: w.detach().clone() for name, w in twin.module_.named_parameters()}
    twin.fit(inputs, targets)
    for name, w in twin.module_.named_parameters():
        assert torch.equal(w, before[name]) == (name in frozen)


# Versions


@pytest.mark.parametrize("fitted", [True, False])
@every_model
def test_a_file_of_another_version_warns(name, fitted, tmp_path):
    model, inputs, _ = MODELS[name]
    model = fit(name) if fitted else model
    version = sklearn_rnn.__version__
    other = "9" * len(version)
    file = pickle.dumps(model)
    assert version.encode() in file
    with pytest.warns(VersionMismatchWarning) as caught:
        twin = pickle.loads(file.replace(version.encode(), other.encode()))
    parts = getattr(model, "steps", [("", model)])
    assert len(caught) >= len(parts)
    for _, part in parts:
        message = f"{type(part).__name__} was saved by sklearn_rnn {other} and is loaded by {version}: "
        assert any(str(warning.message).startswith(message) for warning in caught)
    if fitted:
        assert_equal(ask(twin, inputs), ask(model, inputs))
    pickle.loads(pickle.dumps(twin))  # it is of this version now


@pytest.mark.parametrize("name", [name for name in MODELS if "pipeline" not in name])
def test_a_file_without_a_version_warns(name):
    model = fit(name)
    state = model.__getstate__()
    del state["_sklearn_rnn_version"]
    twin = type(model).__new__(type(model))
    with pytest.warns(VersionMismatchWarning, match="was saved by an unknown version of sklearn_rnn and is"):
        twin.__setstate__(state)
    assert_equal(ask(twin, MODELS[name][1]), ask(model, MODELS[name][1]))


@pytest.mark.parametrize("name", ["classifier", "StepTransformer"])
def test_a_state_is_left_as_it_was(name):
    model = fit(name)
    state = model.__getstate__()
    before = dict(state)
    twin = type(model).__new__(type(model))
    twin.__setstate__(state)
    assert state.keys() == before.keys()
    assert "_sklearn_rnn_version" in state and not hasattr(twin, "_sklearn_rnn_version")


# skops


def test_the_trusted_types_are_those_that_are_needed():
    models = [model for name, (unfitted, _, _) in MODELS.items() for model in (unfitted, fit(name))]
    models.append(RNNLanguageModel(**quick).fit(WORDS, condition=LABELS))
    models.append(RNNSeq2Seq(**quick).fit(WORDS, NUMBERS_A_STEP))
    needed = set()
    for model in models:
        types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
        assert set(types) <= set(TRUSTED_TYPES)
        needed.update(types)
    assert needed == set(TRUSTED_TYPES)  # and no more
    encoders = {name for name in TRUSTED_TYPES if name.startswith("sklearn_rnn.encoding.")}
    assert len(TRUSTED_TYPES) == len(needed) == len(OURS) + len(encoders) + 2


class HalvingCell(Cell):
    """A cell of one's own, with a tensor that its state does not hold."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.half = torch.tensor(0.5)

    def step(self, projected, state):
        h = self.half * (state[0] + torch.tanh(projected))
        return h, (h,)


@pytest.mark.parametrize(
    ("options", "types"),
    [
        ({"cell": HalvingCell}, {f"{__name__}.HalvingCell"}),
        ({"cell": LSTMCell}, {"sklearn_rnn.nn.LSTMCell"}),
        ({"cell": partial(HalvingCell)}, {f"{__name__}.HalvingCell", "functools.partial"}),
        ({"optimizer": torch.optim.Adam}, {"torch.optim.adam.Adam"}),
        ({"callbacks": [LRScheduler("StepLR", step_size=1)]}, {"skorch.callbacks.lr_scheduler.LRScheduler"}),
    ],
)
def test_what_a_user_adds_has_to_be_trusted_by_the_user(options, types):
    model = RNNClassifier(**quick, **options).fit(X, LABELS)
    assert_equal(ask(pickle.loads(pickle.dumps(model)), X), ask(model, X))
    data = skops.io.dumps(model)
    with pytest.raises(UntrustedTypesFoundException) as error:
        skops.io.loads(data, trusted=TRUSTED_TYPES)
    assert all(name in str(error.value) for name in types)
    twin = skops.io.loads(data, trusted=[*TRUSTED_TYPES, *types])
    assert_equal(ask(twin, X), ask(model, X))


RAN = []


class Trap:
    """Records that it was made, or given a state."""

    def __new__(cls, *args):
        RAN.append("new")
        return super().__new__(cls)

    def __setstate__(self, state):
        RAN.append("setstate")


def make_node(loader, path, **content):
    module, _, name = path.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, **content}


def as_node(value):
    """What skops writes for a plain value."""

    def renumber(node):  # a number is an address, which something in another file may have had
        return {**node, "__id__": -node["__id__"]} if "__id__" in node else node

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(value))) as file:
        return json.loads(file.read("schema.json"), object_hook=renumber)


def tamper(data, place, node):
    """Put a node into a file, at a place in the estimator's state (at its root if there is none)."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            if name != "schema.json":
                new.writestr(name, old.read(name))
        schema = json.loads(old.read("schema.json"))
        if place:
            inner = schema["content"]
            for key in place[:-1]:
                inner = inner["content"][key]
            assert place[-1] in inner["content"]
            inner["content"][place[-1]] = node
        else:
            schema = {**node, "protocol": schema["protocol"], "_skops_version": schema["_skops_version"]}
        new.writestr("schema.json", json.dumps(schema))
    return changed.getvalue()


TRAP = f"{__name__}.Trap"
PLACES = {
    "root": [],
    "attribute": ["target_encoder_"],
    "network": ["_network", "cell"],
    "weights": ["_weights"],
}
WAYS = {
    "object": lambda command: make_node("ObjectNode", TRAP, content=as_node({"a": 1})),
    "constructor": lambda command: make_node(
        "ConstructorFromReduceNode", "os.system", content=as_node((command,))
    ),
    "partial": lambda command: make_node(
        "PartialNode",
        "functools.partial",
        content={
            "func": make_node("FunctionNode", "os.system"),
            "args": as_node((command,)),
            "kwds": as_node({}),
            "namespace": as_node(None),
        },
    ),
    "function": lambda command: make_node("FunctionNode", "os.system"),
    "built-in": lambda command: make_node("TypeNode", "builtins.getattr"),
    "type": lambda command: make_node("TypeNode", TRAP),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_a_tampered_file_is_refused_before_anything_runs(place, way, tmp_path):
    RAN.clear()
    command = f"touch {tmp_path / 'ran'}"
    node = WAYS[way](command)
    data = tamper(skops.io.dumps(fit("classifier")), PLACES[place], node)
    with pytest.raises(UntrustedTypesFoundException, match=f"{node['__module__']}.{node['__class__']}"):
        skops.io.loads(data, trusted=TRUSTED_TYPES)
    assert not set(skops.io.get_untrusted_types(data=data)) <= set(TRUSTED_TYPES)
    assert RAN == [] and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("way", "trusted"), [("object", TRAP), ("constructor", "os.system")])
def test_the_traps_work(way, trusted, tmp_path):
    RAN.clear()
    data = tamper(skops.io.dumps(fit("classifier")), ["best_loss_"], WAYS[way](f"touch {tmp_path / 'ran'}"))
    skops.io.loads(data, trusted=[*TRUSTED_TYPES, trusted])
    assert RAN == ["new", "setstate"] or (tmp_path / "ran").exists()


@pytest.mark.parametrize("part", ["cell", "head", "optimizer"])
@pytest.mark.parametrize("way", ["function", "trap", "bound"])
def test_nothing_that_a_trusted_file_names_is_called_unless_it_is_a_class_made_for_that(part, way, tmp_path):
    RAN.clear()
    command = f"touch {tmp_path / 'ran'}"
    if way == "trap":  # a class of another kind
        node = make_node("TypeNode", TRAP)
    elif way == "bound":  # it calls what a class of the right kind would not
        node = make_node("TypeNode", f"{__name__}.PretendedClass")
    else:
        node = WAYS[way](command)
    place = ["_setup" if part == "optimizer" else "_network", part]
    data = tamper(skops.io.dumps(fit("regressor")), place, node)
    trusted = [*TRUSTED_TYPES, *skops.io.get_untrusted_types(data=data)]
    with pytest.raises(TypeError, match=f"{part} must be a name or a subclass of .*Nothing was called"):
        skops.io.loads(data, trusted=trusted)
    assert RAN == [] and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "place",
    [("_network", "nonlinearity"), ("_network", "pooling"), ("_network", "cell"), ("_setup", "dtype")],
)
def test_a_file_with_a_name_that_is_not_known_is_refused(place):
    data = tamper(skops.io.dumps(fit("classifier")), place, as_node("load"))
    with pytest.raises(ValueError, match=f"{place[1]} must be .*, but it is 'load'"):
        skops.io.loads(data, trusted=TRUSTED_TYPES)


class PretendedClass:
    """Looks like bound options of a class."""

    func = torch.optim.SGD

    def __new__(cls, *args, **kwargs):
        RAN.append("new")


@pytest.mark.parametrize(
    "options",
    [
        {"cell": partial(Trap)},
        {"decoder_cell": os.system},
        {"attention": Trap},
        {"head": Trap},
        {"optimizer": partial(Trap)},
    ],
)
def test_no_part_of_a_network_is_called_at_load_unless_it_is_a_class_made_for_that(options):
    RAN.clear()
    model = RNNSeq2Seq(attention="dot", **quick).fit(WORDS, WORDS)
    state = model.__getstate__()
    for parts in ("_network", "_setup"):
        state[parts] = {name: options.get(name, value) for name, value in state[parts].items()}
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be a name or a subclass of"):
        RNNSeq2Seq().__setstate__(state)
    assert RAN == []


class SlowSGD(torch.optim.SGD):
    """An optimizer of one's own."""


@pytest.mark.parametrize("optimizer", [SlowSGD, partial(SlowSGD, momentum=0.5)])
def test_an_optimizer_of_ones_own_is_loaded(optimizer):
    model = RNNClassifier(**quick, optimizer=optimizer).fit(X, LABELS)
    data = skops.io.dumps(model)
    twin = skops.io.loads(data, trusted=[*TRUSTED_TYPES, *skops.io.get_untrusted_types(data=data)])
    assert_equal(ask(twin, X), ask(model, X))
