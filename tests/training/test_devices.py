"""Where training computes, and with which types."""

import multiprocessing
import pickle

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier
from sklearn_rnn.training import resolve_device, resolve_dtype

FAST = {"hidden_size": 8, "max_iter": 4, "random_state": 0}


@pytest.mark.parametrize("is_worker", [False, True])
def test_a_worker_leaves_the_gpu_to_others(monkeypatch, is_worker):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object() if is_worker else None)
    assert resolve_device("auto").type == ("cpu" if is_worker else "cuda")


@pytest.mark.parametrize(("dtype", "has_native"), [("auto", True), ("auto", False), ("bfloat16", False)])
def test_types_on_a_gpu(dtype, has_native, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_native)
    expected = torch.bfloat16 if has_native or dtype == "bfloat16" else None
    assert resolve_dtype(dtype, torch.device("cuda")) == (torch.float32, expected)


def test_mixed_precision_is_for_a_gpu(vowels):
    X, y = vowels
    with pytest.raises(
        ValueError, match="mixed precision on a GPU, but the device is 'cpu'. Use dtype='auto'"
    ):
        RNNClassifier(**(FAST | {"dtype": "bfloat16", "device": "cpu"})).fit(X, y)
    model = RNNClassifier(**(FAST | {"device": "cpu"})).fit(X, y)
    automatic = RNNClassifier(**(FAST | {"device": "cpu", "dtype": "auto"})).fit(X, y)
    np.testing.assert_array_equal(automatic.predict_proba(X), model.predict_proba(X))


def test_what_was_trained_in_mixed_precision_loads_without_a_gpu(vowels):
    X, y = vowels
    model = RNNClassifier(**(FAST | {"device": "cpu"})).fit(X, y)
    model.dtype = model._setup["dtype"] = "bfloat16"  # as after a fit on a GPU
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
