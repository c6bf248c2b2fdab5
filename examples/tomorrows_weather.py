"""Predict tomorrow's weather: the highest temperature of the next days, against two simple baselines.

Four years of daily highs in Seattle are one series. The forecaster learns from the years before the last, and
forecasts a week from each day of the last one, from the days before it. The day of the year is known ahead,
as a sine and a cosine. "As today" repeats the last value, "as every year" predicts what was usual at this
time in the years before. At the end the series is continued: 200 possible weeks after its last day, and what
is likely according to them.

Run it as ``python examples/tomorrows_weather.py``; with ``--output FOLDER`` it draws the week as well.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sklearn_rnn import RNNForecaster
from sklearn_rnn.datasets import load_seattle_weather


def make_calendar(dates):
    """Return the sine and the cosine of the day of the year, and that day."""
    day = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)
    angle = 2 * np.pi * day / 365.25
    return np.column_stack([np.sin(angle), np.cos(angle)]), day


def draw(heat, paths, folder):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ahead = np.arange(1, paths.shape[1] + 1)
    figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
    ax.plot(np.arange(-29, 1), heat[-30:], color="black", label="what was")
    ax.plot(ahead, paths[:20].T, color="tab:blue", alpha=0.2)
    ax.fill_between(ahead, *np.quantile(paths, [0.1, 0.9], axis=0), color="tab:blue", alpha=0.3)
    ax.plot(ahead, np.median(paths, axis=0), color="tab:blue", label="what is likely")
    ax.set(xlabel="days from the last", ylabel="highest temperature, °C")
    ax.legend()
    figure.savefig(Path(folder) / "week.png")
    plt.close(figure)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=7, help="how far ahead")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", help="folder for the figure")
    options = parser.parse_args(arguments)

    weather = load_seattle_weather()
    heat, dates = weather.data[0][:, 1], weather.dates
    calendar, day = make_calendar(dates)
    begin = int((dates < np.datetime64("2015")).sum())
    print(f"{begin} days to learn from, {len(dates) - begin} to forecast")

    model = RNNForecaster(
        horizon=options.days,
        distribution="gaussian",
        context_length=32,
        dropout=0.5,
        max_iter=options.epochs,
        random_state=0,
        verbose=1,
    )
    model.fit(heat[:begin], exogenous=calendar[:begin])
    came = sliding_window_view(heat[begin:], options.days)
    last = heat[begin - 1 : begin - 1 + len(came), np.newaxis]
    apart = np.abs((day[begin:, np.newaxis] - day[:begin] + 183) % 366 - 183)  # days between days of the year
    usual = np.array([heat[:begin][near].mean() for near in apart <= 15])
    told = {
        "as today": last,
        "as every year": sliding_window_view(usual, options.days),
        "network": model.predict_rolling(heat[begin:], exogenous=calendar[begin:], after_training=True),
    }
    errors = {name: np.abs(forecast - came).mean(axis=0) for name, forecast in told.items()}
    print(f"\n{'mean error, °C; days ahead:':28}" + "".join(f"{k:6}" for k in range(1, options.days + 1)))
    for name, by_day in errors.items():
        print(f"{name:28}" + "".join(f"{error:6.2f}" for error in by_day))

    # One more epoch, on all four years, and then the days after them.
    model.partial_fit(heat, exogenous=calendar)
    to_come = dates[-1] + np.arange(1, options.days + 1)
    paths = model.sample_paths(exogenous=make_calendar(to_come)[0], n_samples=200, random_state=0)
    print(f"\nAfter {dates[-1]}, a day of {heat[-1]:.1f} °C, four weeks out of five have")
    for date, low, high in zip(to_come, *np.quantile(paths, [0.1, 0.9], axis=0), strict=True):
        print(f"  {date}  {low:5.1f} to {high:4.1f} °C")
    if options.output:
        draw(heat, paths, options.output)
    return errors


if __name__ == "__main__":
    main()
