"""Training that makes a network worse is stopped, or warned of."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import RNNClassifier, RNNForecaster, RNNRegressor, RNNTagger

FAST = {"hidden_size": 4, "max_iter": 2, "random_state": 0}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("learning_rate", [1e4, 1e10])
@pytest.mark.parametrize("cls", [RNNClassifier, RNNRegressor, RNNTagger])
def test_a_loss_that_explodes_but_stays_finite_stops_training(data, cls, optimizer, learning_rate):
    X, y = data[0] * 8, np.tile(data[1], 8)
    y = [np.full(len(x), k) for x, k in zip(X, y, strict=True)] if cls is RNNTagger else y
    model = cls(**FAST, warm_start=True).fit(X, y)
    before = model.predict(X)
    model.set_params(learning_rate=learning_rate)
    fresh = cls(**FAST, learning_rate=learning_rate, optimizer=optimizer)
    for estimator in (model, fresh):
        with pytest.raises(ValueError, match=r"the loss of the epoch is \S+e\+.*Try a smaller learning_rate"):
            estimator.fit(X, y)
    assert not hasattr(fresh, "module_")
    assert all(np.array_equal(a, b) for a, b in zip(model.predict(X), before, strict=True))


@pytest.mark.parametrize("learning_rate", [3.0, 10.0])
@pytest.mark.parametrize("cls", [RNNClassifier, RNNRegressor, RNNTagger])
def test_training_that_makes_a_network_worse_is_warned_of(data, cls, learning_rate):
    X, y = data[0] * 8, np.tile(data[1], 8)
    y = [np.full(len(x), k) for x, k in zip(X, y, strict=True)] if cls is RNNTagger else y
    with pytest.warns(
        ConvergenceWarning, match="made the network worse. Try a smaller learning_rate"
    ) as caught:
        cls(**FAST, learning_rate=learning_rate).fit(X, y)
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.parametrize("learning_rate", [1e-3, 1e-1])
def test_large_losses_alone_do_not_stop_training(learning_rate):
    series = [np.arange(9.0), 1e6 * np.arange(30.0), np.arange(5.0)]
    model = RNNForecaster(scaling=None, learning_rate=learning_rate, batch_size=1, **FAST)
    with pytest.warns(UserWarning, match="far from mean 0"):
        model.fit(series)
    assert max(model.loss_curve_) > 1e6
