"""The number of torch's threads is set for the calling thread alone."""

import re
import sys
import threading

import pytest
import torch

from sklearn_rnn.nn.kernels import torch_threads
from sklearn_rnn.nn.kernels.torch_threads import compute_on


@pytest.fixture(params=[True, False], ids=["directly", "by torch"], autouse=True)
def ways(request, monkeypatch):
    """Take either way; torch is to have three threads."""
    if not request.param:
        monkeypatch.setattr(torch_threads, "_find_setters", lambda: None)
    elif torch_threads._find_setters() is None:
        pytest.skip("torch alone can do it here")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def read_numbers():
    """Read the numbers of torch, OpenMP and MKL, as many as torch knows of."""
    info = torch.__config__.parallel_info()
    found = re.findall(r"(?:at::get_num|omp_get_max|mkl_get_max)_threads\(\) : (\d+)", info)
    assert found
    return set(map(int, found))


@pytest.mark.parametrize("n_threads", [1, 2, 3, 5])
def test_all_that_computes_for_torch_goes_by_it(n_threads):
    for _ in range(2):
        with compute_on(n_threads):
            assert read_numbers() == {n_threads}
            with compute_on(4):
                assert read_numbers() == {4}
            assert read_numbers() == {n_threads}
        assert read_numbers() == {3}


def test_it_ends_with_an_error():
    with pytest.raises(KeyError), compute_on(1):
        raise KeyError
    assert read_numbers() == {3}


def test_other_threads_have_the_number_of_the_process():
    found, begun, ended = [], threading.Event(), threading.Event()

    def ask():
        found.append(read_numbers())
        begun.set()
        ended.wait(20)
        found.append(read_numbers())

    thread = threading.Thread(target=ask)
    thread.start()
    begun.wait(20)
    with compute_on(1):
        ended.set()
        thread.join()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert found == [{3}] * 4


@pytest.mark.skipif(sys.platform != "linux", reason="is not known of other systems")
def test_no_thread_is_started(ways, monkeypatch, request):
    if "by torch" in request.node.name:
        pytest.skip("one is needed there")
    monkeypatch.setattr(threading, "Thread", None)
    with compute_on(1):
        assert torch.get_num_threads() == 1
