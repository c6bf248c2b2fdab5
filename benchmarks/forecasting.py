"""Forecast the highest temperature of a day in Seattle, 1 to 7 days ahead, from each day of a year.

Trained is on 2012 to 2014, tested on 2015. What is known ahead is the sine and the cosine of the day of the
year. A seed sets the weights, dropout and the order of batches. How the settings were chosen is said in
docs/benchmarks.md.
"""

import time

import numpy as np
from common import describe_setting, make_parser, parse, print_table
from numpy.lib.stride_tricks import sliding_window_view

from sklearn_rnn import RNNForecaster
from sklearn_rnn.datasets import load_seattle_weather

N_STEPS = 7
TUNED = {"context_length": 32, "dropout": 0.5, "max_iter": 20}
FORECASTERS = {
    "recursive, as it comes": {},
    "direct, as it comes": {"strategy": "direct"},
    "recursive": TUNED,
    "direct": {**TUNED, "strategy": "direct"},
    "recursive, Gaussian": {**TUNED, "distribution": "gaussian"},
    "direct, Gaussian": {**TUNED, "distribution": "gaussian", "strategy": "direct"},
    "recursive, quantiles": {**TUNED, "distribution": "quantile"},
    "direct, quantiles": {**TUNED, "distribution": "quantile", "strategy": "direct"},
}


def load():
    """Give the temperatures, what is known ahead, the day of the year, and where the test begins."""
    weather = load_seattle_weather()
    years = weather.dates.astype("datetime64[Y]")
    day = (weather.dates - years.astype("datetime64[D]")).astype(int)
    return weather.data[0][:, 1], make_waves(day, 1), day, int((years < np.datetime64("2015")).sum())


def make_waves(day, n):
    angles = 2 * np.pi * day[:, np.newaxis] / 365.25 * np.arange(1, n + 1)
    return np.hstack([np.sin(angles), np.cos(angles)])


def say_the_season(heat, day, begin):
    """Give what the season alone says of each day: three ways, learnt from the days before the test."""
    apart = np.abs((day[:, np.newaxis] - day[:begin] + 183) % 366 - 183)  # days between days of the year
    within = {"mean of the day of the year": 0, "mean of 15 days before to 15 after": 15}
    said = {
        name: np.array([heat[:begin][near].mean() for near in apart <= width])
        for name, width in within.items()
    }
    waves = np.hstack([np.ones((len(day), 1)), make_waves(day, 2)])
    return said | {
        "two waves a year, fitted": waves @ np.linalg.lstsq(waves[:begin], heat[:begin], rcond=None)[0]
    }


def measure(forecaster, heat, waves, begin):
    """Give errors by step ahead, the share of values between the outer quantiles, and the seconds of fit."""
    start = time.perf_counter()
    forecaster.fit(heat[:begin], exogenous=waves[:begin])
    seconds = time.perf_counter() - start
    true = sliding_window_view(heat[begin:], N_STEPS)
    told = forecaster.predict_rolling(heat[begin:], N_STEPS, waves[begin:], after_training=True)
    inside = np.full(N_STEPS, np.nan)
    if forecaster.distribution != "point":
        ends = range(begin, len(heat) - N_STEPS + 1)
        seen, known = ([a[: end + more] for end in ends] for a, more in ((heat, 0), (waves, N_STEPS)))
        quantiles = forecaster.predict_quantiles(seen, exogenous=known, random_state=0)
        inside = ((quantiles[:, 0] <= true) & (true <= quantiles[:, -1])).mean(axis=0)
    return np.abs(told - true).mean(axis=0), inside, seconds


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    options = parse(parser)
    print(describe_setting())
    heat, waves, day, begin = load()
    true = sliding_window_view(heat[begin:], N_STEPS)
    last = heat[begin - 1 : begin - 1 + len(true), np.newaxis]
    naive = {"persistence": np.abs(last - true).mean(axis=0)}
    for name, said in say_the_season(heat, day, begin).items():
        naive[name] = np.abs(sliding_window_view(said[begin:], N_STEPS) - true).mean(axis=0)
    rows = [[name, "", *(f"{e:.2f}" for e in errors), *3 * [""]] for name, errors in naive.items()]
    *plain, waved = naive.values()
    coverage, best = [], np.min(plain, axis=0)
    for name, parameters in FORECASTERS.items():
        found = [
            measure(RNNForecaster(horizon=N_STEPS, random_state=seed, **parameters), heat, waves, begin)
            for seed in range(options.seeds)
        ]
        errors, inside, seconds = map(np.array, zip(*found, strict=True))  # (n_seeds, N_STEPS)
        counts = [(errors < rival).all(axis=0).sum() for rival in (best, waved)]
        cells = [
            f"{mean:.2f} ({worst:.2f})"
            for mean, worst in zip(errors.mean(axis=0), errors.max(axis=0), strict=True)
        ]
        setting = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
        rows.append([name, f"`{setting}`" * bool(setting), *cells, *counts, f"{np.median(seconds):.1f}"])
        if np.isfinite(inside).all():
            coverage.append([name, *(f"{share:.0%}" for share in inside.mean(axis=0))])
    days = [f"{k} day{'s' * (k > 1)}" for k in range(1, N_STEPS + 1)]
    print_table(["", "setting", *days, "below persistence and means at", "below waves at", "s a fit"], rows)
    print(f"{len(true)} forecasts; of several seeds the mean error and, in brackets, the worst.\n")
    print_table(["days between the quantiles 0.1 and 0.9", *days], coverage)


if __name__ == "__main__":
    main()
