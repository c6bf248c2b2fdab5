"""Will it rain tomorrow? Windows over one long series, split by time, against predicting "as today".

Four years of daily weather in Seattle are one series. `SlidingWindow` cuts it into windows of some days, each
with a target: whether there is precipitation the next day. `TimeSeriesSplit` trains on the past and tests on
the future; its `gap` keeps windows that share days apart.

"As today" is hard to beat in accuracy, and with a year or two of data the network does not. But it predicts
how likely rain is, and ranks days better than a plain yes or no: the area under the ROC curve shows that.

Run it as ``python examples/rain_tomorrow.py``.
"""

import argparse

import numpy as np
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_seattle_weather
from sklearn_rnn.preprocessing import SlidingWindow, StepTransformer


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=7, help="length of a window")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args(arguments)

    (days,) = load_seattle_weather().data
    is_wet = days[:, 0] > 0
    window = SlidingWindow(options.days)
    X, tomorrow = window.make_windows(days, is_wet)
    today = X[:, -1, 0] > 0
    print(
        f"{len(days)} days make {len(X)} windows of {options.days} days; {is_wet.mean():.0%} of days are wet"
    )

    model = make_pipeline(
        StepTransformer(PowerTransformer()),  # precipitation and wind are skewed
        RNNClassifier(hidden_size=16, dropout=0.5, max_iter=options.epochs, random_state=0, verbose=1),
    )
    names = ["always dry", "as today", "network"]
    accuracy, area = ({name: [] for name in names} for _ in range(2))
    for train, test in TimeSeriesSplit(5, gap=window.gap).split(X):
        chances = model.fit(X[train], tomorrow[train]).predict_proba(X[test])[:, 1]
        for name, chance in zip(names, (np.zeros(len(test)), today[test], chances), strict=True):
            accuracy[name].append(accuracy_score(tomorrow[test], chance > 0.5))
            area[name].append(roc_auc_score(tomorrow[test], chance))

    print(f"\n{'':12}accuracy by fold, from early to late    mean   area under ROC curve")
    for name in names:
        folds = "  ".join(f"{value:.3f}" for value in accuracy[name])
        print(f"{name:12}{folds:40}{np.mean(accuracy[name]):.3f}  {np.mean(area[name]):.3f}")

    model.fit(X, tomorrow)
    chance = model.predict_proba(window.make_inputs(days)[-1:])[0, 1]
    print(f"\nAfter the last day of the series, rain is {chance:.0%} likely.")
    return {name: np.mean(values) for name, values in area.items()}


if __name__ == "__main__":
    main()
