"""Dates as people write them, to ISO 8601: "3 March 1998" becomes "1998-03-03".

    python examples/dates_to_iso.py

The dates are made here, in eight forms of four languages. A model that is trained on nine tenths of them
predicts the others. Wrong predictions are shown with the alternatives; with --output FOLDER the attention of
one date is drawn.
"""

import argparse
import datetime
import random
from pathlib import Path

from sklearn.model_selection import train_test_split

from sklearn_rnn import RNNSeq2Seq

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}
MONTHS = {language: names.split() for language, names in MONTHS.items()}
FORMS = [
    ("en", "{name} {day}, {year}"),
    ("en", "{day} {name} {year}"),
    ("en", "{short} {day}, {year}"),
    ("de", "{day}. {name} {year}"),
    ("de", "{day}.{month}.{year}"),
    ("fr", "{day} {name} {year}"),
    ("fr", "le {day} {name} {year}"),
    ("es", "{day} de {name} de {year}"),
]


def make_dates(n, seed=0):
    """Return n dates as they are written, and in ISO 8601."""
    rng, written, iso = random.Random(seed), [], []
    for _ in range(n):
        date = datetime.date(1950, 1, 1) + datetime.timedelta(rng.randrange(36525))
        language, form = rng.choice(FORMS)
        name = MONTHS[language][date.month - 1]
        parts = {"day": date.day, "month": date.month, "year": date.year, "name": name, "short": name[:3]}
        written.append(form.format(**parts))
        iso.append(date.isoformat())
    return written, iso


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dates", type=int, default=4000, help="how many are made")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--output", type=Path, help="folder for the picture of where it looked")
    options = parser.parse_args(arguments)

    X, y = make_dates(options.dates)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=0)
    model = RNNSeq2Seq(
        hidden_size=64, max_iter=options.epochs, learning_rate=0.006, random_state=0, verbose=1
    )
    model.fit(X_train, y_train)
    right = model.score(X_test, y_test)
    print(f"{right:.1%} of {len(X_test)} dates that it never saw are right in every character.")

    predicted = model.predict(X_test)
    wrong = [i for i, target in enumerate(y_test) if predicted[i] != target][:3]
    for i in wrong:
        best, log_proba = model.predict_nbest([X_test[i]], k=2)
        print(f"wrong: {X_test[i]} is {y_test[i]}, not {best[0][0]}; the next guess was {best[0][1]}")
    for x in ("July 20, 1969", "le 14 juillet 1989", "3 de octubre de 2024"):
        print(f"{x:>24} -> {model.predict([x])[0]}")

    if options.output is not None:
        import matplotlib

        matplotlib.use("Agg")
        from sklearn_rnn.inspection import AttentionDisplay

        options.output.mkdir(parents=True, exist_ok=True)
        display = AttentionDisplay.from_estimator(model, "July 20, 1969")
        display.figure_.savefig(options.output / "dates.png", dpi=120)
    return right


if __name__ == "__main__":
    main()
