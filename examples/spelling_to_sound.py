"""English spelling to sound: "station" is pronounced S T EY SH AH N.

    python examples/spelling_to_sound.py

A model learns from 9000 words of the CMU Pronouncing Dictionary how English is read aloud, letters to
phonemes (without their stress), and reads 1000 others. A mistake in one phoneme makes a word wrong; the
phoneme error rate counts the mistakes. The last words are Lewis Carroll's, who made them up. With --output
FOLDER the attention is drawn.
"""

import argparse
from pathlib import Path

from sklearn.model_selection import train_test_split

from sklearn_rnn import RNNSeq2Seq
from sklearn_rnn.datasets import load_pronunciations
from sklearn_rnn.metrics import edit_distance_rate

MADE_UP = ["brillig", "slithy", "gimble", "borogoves", "frumious", "mimsy"]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, help="learn from no more words than these")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--output", type=Path, help="folder for the picture of where it looked")
    options = parser.parse_args(arguments)

    words, sounds = load_pronunciations(return_X_y=True)
    sounds = [[phoneme.rstrip("012") for phoneme in sound] for sound in sounds]
    X, X_test, y, y_test = train_test_split(words, sounds, test_size=1000, random_state=0)
    X, y = X[: options.words], y[: options.words]
    model = RNNSeq2Seq(max_iter=options.epochs, random_state=0, verbose=1).fit(X, y)

    model.set_params(beam_size=5)
    predicted = model.predict(X_test)
    errors = {
        "words": 1 - model.score(X_test, y_test),
        "phonemes": edit_distance_rate(y_test, predicted),
    }
    print(f"Of {len(X_test)} words that it never saw, {errors['words']:.1%} are wrong somewhere; ", end="")
    print(f"phoneme error rate {errors['phonemes']:.1%}.\n")

    for word, sound, guess in list(zip(X_test, y_test, predicted, strict=True))[:10]:
        note = "" if guess == sound else f"   (it is {' '.join(sound)})"
        print(f"{word:>16}  {' '.join(guess)}{note}")
    print()
    for word, guess in zip(MADE_UP, model.predict(MADE_UP), strict=True):
        print(f"{word:>16}  {' '.join(guess)}")

    if options.output is not None:
        import matplotlib

        matplotlib.use("Agg")
        from sklearn_rnn.inspection import AttentionDisplay

        options.output.mkdir(parents=True, exist_ok=True)
        display = AttentionDisplay.from_estimator(model, "borogoves")
        display.figure_.savefig(options.output / "sounds.png", dpi=120)
    return errors


if __name__ == "__main__":
    main()
