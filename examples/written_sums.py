"""Addition as it is written: "57+36" becomes "93".

    python examples/written_sums.py

The model does not know the value of a digit, or carrying; it reads sums with their answers, and is tested on
other sums. With --backwards it writes the answer from its last digit on, as one does by hand. --digits 3 uses
larger numbers, and needs more sums (--sums 20000) to learn from.
"""

import argparse
import random

from sklearn_rnn import RNNSeq2Seq
from sklearn_rnn.metrics import edit_distance_rate


def make_sums(n, n_digits, seed=0):
    """Return n different sums, as texts with their answers."""
    rng, sums = random.Random(seed), {}
    while len(sums) < n:
        a, b = (rng.randrange(10 ** rng.randint(1, n_digits)) for _ in "ab")
        sums[f"{a}+{b}"] = str(a + b)
    return list(sums), list(sums.values())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sums", type=int, default=4000, help="how many are made; a tenth is kept to test on"
    )
    parser.add_argument("--digits", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--backwards", action="store_true")
    options = parser.parse_args(arguments)

    X, y = make_sums(options.sums, options.digits)
    if options.backwards:
        y = [answer[::-1] for answer in y]
    n_test = len(X) // 10
    model = RNNSeq2Seq(max_iter=options.epochs, learning_rate=0.005, random_state=0, verbose=1)
    model.fit(X[n_test:], y[n_test:])

    predicted = model.predict(X[:n_test])
    right = model.score(X[:n_test], y[:n_test])
    print(f"{right:.1%} of {n_test} sums that it never saw are right; ", end="")
    print(f"{1 - edit_distance_rate(y[:n_test], predicted):.1%} of their digits.")
    for source, target, written in list(zip(X, y, predicted, strict=False))[:6]:
        step = -1 if options.backwards else 1
        print(
            f"{source:>8} = {written[::step]}" + ("" if written == target else f" (it is {target[::step]})")
        )
    return right


if __name__ == "__main__":
    main()
