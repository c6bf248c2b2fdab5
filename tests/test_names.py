"""Public names: classes are named by the module that they are imported from."""

import copy
import inspect
import io
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone

import sklearn_rnn
from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNTagger,
    Sequences,
    metrics,
    nn,
    preprocessing,
)

try:
    import cloudpickle
except ImportError:  # older versions of joblib bring a copy
    from joblib.externals import cloudpickle

X, y = ["ab", "ba", "aab", "bba"], [0, 1, 0, 1]


def store_with_joblib(value):
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


LOAD = {pickle.dumps: "pickle.load", cloudpickle.dumps: "pickle.load", store_with_joblib: "joblib.load"}


@pytest.mark.parametrize("store", [pickle.dumps, cloudpickle.dumps])
@pytest.mark.parametrize(
    "value", [RNNTagger, Sequences, preprocessing.TokenEncoder, nn.GRUCell, metrics.step_f1_score]
)
def test_class_or_function_is_stored_by_its_public_name(store, value):
    stored = store(value)
    assert pickle.loads(stored) is value
    assert value.__module__.encode() in stored
    files = (b".estimators", b".sequences", b".tokens", b".cells", b".steps")
    assert not any(file in stored for file in files)


@pytest.mark.parametrize("store", LOAD)
def test_estimator_is_loaded_in_a_fresh_process(store):
    model = RNNClassifier(hidden_size=4, max_iter=1, random_state=0).fit(X, y)
    code = (
        "import sys, joblib, pickle; "
        f"model = {LOAD[store]}(sys.stdin.buffer); "
        "print(type(model), model.predict_proba(['ab', 'b']).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], input=store(model), capture_output=True, check=True)
    answer = f"<class 'sklearn_rnn.RNNClassifier'> {model.predict_proba(['ab', 'b']).tolist()}"
    assert done.stdout.decode().strip() == answer


def test_estimator_is_shown_by_scikit_learn():
    model = RNNClassifier(hidden_size=4)
    assert repr(model) == "RNNClassifier(hidden_size=4)"
    shown = model._repr_html_()
    assert "RNNClassifier" in shown and "hidden_size" in shown


def test_a_copy_has_the_same_class():
    sequences = Sequences.from_lengths(np.arange(4.0), [1, 3])
    assert type(copy.deepcopy(sequences)) is Sequences
    assert type(pickle.loads(pickle.dumps(sequences))) is sklearn_rnn.data.Sequences


RENAMED = {
    **{(cls, "clip_norm"): "max_grad_norm" for cls in (RNNClassifier, RNNRegressor, RNNTagger)},
    **{(cls, "clip_norm"): "max_grad_norm" for cls in (RNNForecaster, RNNLanguageModel, RNNSeq2Seq)},
    (RNNSeq2Seq, "copy"): "copy_mechanism",
    (RNNForecaster, "output"): "distribution",
    (RNNLanguageModel.sample, "prime"): "prompt",
    (RNNLanguageModel.sample, "max_length"): "max_new_tokens",
    (RNNLanguageModel.stream, "prime"): "prompt",
    (RNNLanguageModel.stream, "max_length"): "max_new_tokens",
}


@pytest.mark.parametrize(("function", "old"), RENAMED)
def test_an_old_name_is_an_error_that_names_the_new_one(function, old):
    new = RENAMED[function, old]
    parameters = inspect.signature(function).parameters
    assert new in parameters and old not in parameters
    with pytest.raises(TypeError, match=rf"\(\) got '{old}', which is now named '{new}'"):
        function(**{old: 1})


def test_a_constructor_with_renamed_parameters_has_its_own_signature():
    model = RNNClassifier(max_grad_norm=3.0)
    assert clone(model).get_params() == model.get_params()
    assert list(inspect.signature(RNNClassifier).parameters) == sorted(
        model.get_params(), key=list(inspect.signature(RNNClassifier.__init__).parameters).index
    )
    with pytest.raises(TypeError, match="unexpected keyword argument 'clip'"):
        RNNClassifier(clip=1)
    with pytest.raises(ValueError, match="Invalid parameter 'clip_norm'"):
        model.set_params(clip_norm=1)
