"""What does a language model not expect? A text, coloured by the surprisal of each character.

A small model reads the pages of ``help()`` that come with Python. Then it reads a sentence in their style,
the same with a typing error, and one in German. Surprisal is high where a text differs from what the model
knows: the first letters of words, mistakes, foreign words.

Run it as ``python examples/surprise.py``; it saves ``surprise.png`` and ``surprise.html``.
"""

import argparse
from pathlib import Path
from pydoc_data import topics

import matplotlib
import numpy as np

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.inspection import SurprisalDisplay

matplotlib.use("Agg")

SENTENCES = {
    "in the style of the manual": "If the argument is not a string, an exception is raised.\n",
    "with a slip of the pen": "If the argument is not a strnig, an exception is raised.\n",
    "in German": "Ist das Argument keine Zeichenkette, so ist das ein Fehler.\n",
}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("."), help="folder for the pictures")
    options = parser.parse_args(arguments)

    text = "\n".join(topics.topics[name] for name in sorted(topics.topics))[:100_000]
    model = RNNLanguageModel(
        batch_size=16, max_iter=options.epochs, learning_rate=0.005, random_state=0, verbose=1
    ).fit(text)

    bits = {}
    for name, sentence in SENTENCES.items():
        surprise = model.surprisal("\n\n" + sentence)[2:] / np.log(2)  # as if it began a paragraph
        bits[name] = surprise.mean()
        most = ", ".join(f"{sentence[:i][-8:]}[{sentence[i]}]" for i in np.sort(np.argsort(-surprise)[:4]))
        print(f"{name:27}{bits[name]:5.2f} bits a character; least expected: {most}")

    options.output.mkdir(parents=True, exist_ok=True)
    shown = "".join(SENTENCES.values())
    display = SurprisalDisplay.from_estimator(model, shown)
    display.figure_.savefig(options.output / "surprise.png", dpi=150)
    (options.output / "surprise.html").write_text(
        f'<meta charset="utf-8">{SurprisalDisplay(shown, model.surprisal(shown)).to_html()}', encoding="utf-8"
    )
    print(f"The pictures are {options.output / 'surprise.png'} and {options.output / 'surprise.html'}.")
    return bits


if __name__ == "__main__":
    main()
