"""A text in the style of any file: a character-level language model, trained, measured and sampled.

Pass it the works of Shakespeare, or any other text of about 100,000 characters or more::

    python examples/shakespeare.py FILE --hidden-size 256 --layers 2 --epochs 20

Without a file it learns from the pages of ``help()`` that come with Python: enough to generate words in the
style of a manual, without meaning.
"""

import argparse
import time
from pathlib import Path
from pydoc_data import topics

from sklearn_rnn import RNNLanguageModel


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="text in UTF-8")
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--batch-size", type=int, default=16, help="parts that are read side by side")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--characters", type=int, default=None, help="read no more than these")
    parser.add_argument("--length", type=int, default=300, help="characters of a sample")
    options = parser.parse_args(arguments)

    if options.file is None:
        text = "\n".join(topics.topics[name] for name in sorted(topics.topics))[
            : options.characters or 100_000
        ]
    else:
        text = options.file.read_text(encoding="utf-8-sig")[: options.characters]
    text, end = text[: -len(text) // 10], text[-len(text) // 10 :]
    known = set(text)
    unknown = sorted(set(end) - known)
    end = "".join(character if character in known else " " for character in end)
    print(f"{len(text)} characters to train on, {len(known)} distinct; the last {len(end)} are held out")
    if unknown:
        print(f"read as blanks in these, because training never saw them: {' '.join(unknown)}")

    model = RNNLanguageModel(
        cell=options.cell,
        hidden_size=options.hidden_size,
        num_layers=options.layers,
        batch_size=options.batch_size,
        dropout=options.dropout,
        learning_rate=0.005,
        random_state=0,
        verbose=1,
    )
    print("\nepoch  training loss  held out          time")
    start = time.perf_counter()
    for epoch in range(1, options.epochs + 1):
        model.partial_fit(text)
        bits = model.bits_per_token(end)
        print(
            f"{epoch:5}  {model.loss_curve_[-1]:8.3f} nats  {bits:.3f} bits a character"
            f"{time.perf_counter() - start:6.0f} s"
        )

    for temperature in (0.3, 0.7, 1.0):
        (sample,) = model.sample(
            prompt=text[:20], max_new_tokens=options.length, temperature=temperature, random_state=0
        )
        print(f"\n--- temperature {temperature}: cautious below 1, the model as it is at 1\n{sample}")
    return bits


if __name__ == "__main__":
    main()
