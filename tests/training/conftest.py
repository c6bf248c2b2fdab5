"""Data to train on."""

import numpy as np
import pytest

from sklearn_rnn.datasets import load_japanese_vowels


@pytest.fixture(scope="package")
def vowels():
    """Sequences of numbers, and their labels."""
    return load_japanese_vowels(subset="train", return_X_y=True)


@pytest.fixture
def data():
    """Few short sequences, and their labels."""
    rng = np.random.RandomState(0)
    return [rng.randn(n, 2) for n in rng.randint(1, 7, size=12)], np.arange(12) % 2
