"""The command line: ``python -m sklearn_rnn``.

It trains character-level language models, scores texts with them, and samples texts from them.
"""

import argparse
import os
import re
import sys
import tempfile
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import joblib
import numpy as np

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.nn import CELLS
from sklearn_rnn.persistence import replacing

_OPTIONS = {
    **{f"{name}_size": f"--{name}-size" for name in ("hidden", "embedding", "batch")},
    **{"num_layers": "--num-layers", "label_smoothing": "--label-smoothing", "max_iter": "--epochs"},
    **{"bptt_steps": "--bptt-steps", "learning_rate": "--learning-rate", "min_frequency": "--min-frequency"},
    **{"random_state": "--seed", "max_new_tokens": "--length", "top_k": "--top-k", "top_p": "--top-p"},
    "tie_weights": "--tie-weights",
}
# Messages of the library name parameters and X; these are their replacements on the command line.
_WORDS = [
    (
        r"a fit with handle_unknown='unknown' lets such tokens pass, and vocabulary= can name it",
        "a model that was trained with --min-frequency 2 or more reads such characters as unknown",
    ),
    (r"handle_unknown was 'error' and is now 'unknown'", "--min-frequency was 1 and is now more"),
    (r"handle_unknown was 'unknown' and is now 'error'", "--min-frequency was more than 1 and is now 1"),
    (r"; set handle_unknown='unknown'", ""),
    (r", a smaller max_grad_norm \(now [^)]*\), or scale the inputs", ""),
    (r"random_state was one with the seed (\d+) and is now one with the seed", r"--seed was \1 and is now"),
    (r"^Seed must", "--seed must"),
    (r",? (a numpy\.random\.RandomState or None|or None|or 'all')(?=, but)", ""),
    (r"or tie_weights=False", "or leave out --tie-weights"),
    (r"tie_weights=True", "--tie-weights"),
    (r"(?m)(?<![\w'])X\[(\d+)\]", lambda match: f"text {int(match[1]) + 1} of the file"),
    (r"(?m)^X(?=[ :])|(?<=another training: )X(?= was)", "the file"),
    (r"(?m)^(cell|dropout|temperature|prompt|checkpoint)(?=[ \[])", r"--\1"),
    (r"(?<=another training: )(cell|dropout)(?= was)", r"--\1"),
    *((rf"(?<![\w/'.-]){name}=(\w+)", rf"{option} \1") for name, option in _OPTIONS.items()),
    *((rf"(?<![\w/'.-]){name}(?![\w/'-]|\.\w)", option) for name, option in _OPTIONS.items()),
]


def main(arguments=None):
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        Arguments after ``python -m sklearn_rnn``; by default those of this process.

    Returns
    -------
    int
        0 on success, 2 if an argument or a file is not valid, 130 if interrupted.
    """
    with _speaking():
        return _run(_make_parser().parse_args(arguments))


@contextmanager
def _speaking():
    """Print warnings on one line, and characters that cannot be encoded as escapes, in a ``with`` block."""
    streams = [s for s in (sys.stdout, sys.stderr) if hasattr(s, "reconfigure")]
    before = warnings.formatwarning, [s.errors for s in streams]
    warnings.formatwarning = lambda message, *_: f"sklearn_rnn: {_in_options(str(message))}\n"
    for stream in streams:
        if stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        warnings.formatwarning = before[0]
        for stream, errors in zip(streams, before[1], strict=True):
            if not stream.closed:
                stream.reconfigure(errors=errors)


def _in_options(message):
    """Return a message of the library in the words of the command line."""
    for pattern, words in _WORDS:
        message = re.sub(pattern, words, message)
    return message


def _run(options):
    try:
        options.run(options)
    except BrokenPipeError:  # the reader of the output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt as interrupt:
        print(f"sklearn_rnn: interrupted. {interrupt}", file=sys.stderr)
        return 130
    except (OSError, TypeError, ValueError) as error:
        print(f"sklearn_rnn: {_in_options(str(error))}", file=sys.stderr)
        return 2
    return 0


def _make_parser():
    parser = argparse.ArgumentParser(prog="python -m sklearn_rnn", description="Recurrent networks.")
    topics = parser.add_subparsers(title="topics", required=True, metavar="TOPIC")
    lm = topics.add_parser("lm", help="character-level language models")
    commands = lm.add_subparsers(title="commands", required=True, metavar="COMMAND")

    shows = argparse.ArgumentDefaultsHelpFormatter
    train = commands.add_parser("train", help="train on a file of text", formatter_class=shows)
    train.add_argument("file", type=Path, metavar="FILE", help="text in UTF-8")
    train.add_argument("-o", "--output", type=Path, default="model.joblib", help="file of the model")
    train.add_argument("--lines", action="store_true", help="each line is a separate text, such as a name")
    train.add_argument("--cell", choices=CELLS, default="lstm", help="the recurrence")
    train.add_argument("--hidden-size", type=int, default=128, help="width of a layer")
    train.add_argument("--num-layers", type=int, default=2, help="number of layers")
    train.add_argument("--dropout", type=float, default=0.0, help="share of numbers set to zero in training")
    train.add_argument(
        "--embedding-size", type=int, default=None, help="width of learnt vectors; none: one-hot"
    )
    train.add_argument("--tie-weights", action="store_true", help="use these in the output layer as well")
    train.add_argument("--label-smoothing", type=float, default=0.0, help="share of a target spread over all")
    train.add_argument("--min-frequency", type=int, default=1, help="rarer characters are read as unknown")
    train.add_argument("--epochs", type=int, default=20, help="how often the text is read")
    train.add_argument("--batch-size", type=int, default=32, help="parts that are read side by side")
    train.add_argument("--bptt-steps", type=int, default=64, help="characters that gradients flow back over")
    train.add_argument("--learning-rate", type=float, default=0.003, help="step size of Adam")
    train.add_argument("--seed", type=int, default=None, help="seed of the weights and of dropout")
    train.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="written in training, which resumes from it if it exists",
    )
    train.set_defaults(run=_train)

    sample = commands.add_parser("sample", help="draw text from a model", formatter_class=shows)
    sample.add_argument("model", type=Path, metavar="MODEL", help="made by train; load only what you trust")
    sample.add_argument("--prompt", default="", help="what the text begins with")
    sample.add_argument("--length", type=int, default=1000, help="largest number of characters")
    sample.add_argument("--temperature", type=float, default=1.0, help="0 for the most likely text")
    sample.add_argument("--top-k", type=int, default=None, help="only the k most likely characters")
    sample.add_argument("--top-p", type=float, default=None, help="only the likeliest with this share")
    sample.add_argument("--seed", type=int, default=None, help="seed of the draw")
    sample.set_defaults(run=_sample)

    score = commands.add_parser("score", help="print how well a model predicts a file", formatter_class=shows)
    score.add_argument("model", type=Path, metavar="MODEL", help="made by train; load only what you trust")
    score.add_argument("file", type=Path, metavar="FILE", help="text in UTF-8")
    score.add_argument("--lines", action="store_true", help="each line is a separate text")
    score.set_defaults(run=_score)
    return parser


def _train(options):
    text = _read(options.file, options.lines)
    names = (
        *("cell", "hidden_size", "num_layers", "dropout", "batch_size", "bptt_steps", "learning_rate"),
        *("embedding_size", "tie_weights", "label_smoothing", "min_frequency"),
    )
    model = RNNLanguageModel(
        **{name: getattr(options, name) for name in names},
        handle_unknown="error" if options.min_frequency == 1 else "unknown",
        max_iter=options.epochs,
        random_state=options.seed,
        checkpoint=options.checkpoint,
        verbose=1,
    )
    output = _check_output(options)  # before training, which would be lost otherwise
    model._fit(  # like `fit`, but the checkpoint is kept until the model is saved
        text,
        goes_on=False,
        epochs=options.epochs,
        checkpoint=options.checkpoint,
        save=partial(_save, model, output, options.checkpoint),
    )
    after = "After" if model.n_iter_ == options.epochs else "Interrupted after"
    print(
        f"{after} {model.n_iter_} epoch(s): {model.loss_curve_[-1]:.3f} nats a character in training; "
        f"saved as {options.output}"
    )
    if model.n_iter_ < options.epochs:
        raise KeyboardInterrupt(
            "" if options.checkpoint is None else f"The same command goes on from {options.checkpoint}."
        )


def _check_output(options):
    """Return the file of the model; raise an error if it cannot be written."""
    file = options.output
    if options.checkpoint is not None and _is_same_file(Path(options.checkpoint), options.file):
        raise ValueError(f"--checkpoint and FILE must be different files, but both are {options.file}.")
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        raise IsADirectoryError(f"Is a directory: {file}; -o must name a file.")
    if file.is_symlink() and not file.exists():
        raise FileNotFoundError(f"-o must name a file, but {file} is a link to nothing; remove it first.")
    file = file.resolve()  # a link remains a link
    if file.exists() and not file.is_file():
        return file  # such as /dev/null
    for name, other in {"FILE": options.file, "--checkpoint": options.checkpoint}.items():
        if other is not None and _is_same_file(file, Path(other)):
            raise ValueError(
                f"-o and {name} must be different files, but both are {options.output}; the model would be "
                "written over it."
            )
    if file.exists():
        file.open("ab").close()  # raises an error if it is protected
    with tempfile.TemporaryFile(dir=file.parent):  # as `replacing` will need it
        return file


def _is_same_file(a, b):
    """Return whether two paths lead to the same file, or would if it existed."""
    return a.samefile(b) if a.exists() and b.exists() else a.resolve() == b.resolve()


def _save(model, file, checkpoint):
    """Write a model to a temporary file, which then replaces an existing file."""
    if model.n_iter_ == 0:
        raise KeyboardInterrupt("Nothing is saved: not one epoch was done.")
    try:
        is_device = file.exists() and not file.is_file()
        with nullcontext(file) if is_device else replacing(file) as new:
            joblib.dump(model, new)
    except OSError as error:
        rest = "training is lost, since there is no --checkpoint"
        if checkpoint is not None:
            rest = f"the same command goes on from {checkpoint}"
        raise OSError(f"{file} cannot be written: {error}. It is as it was before; {rest}.") from error


def _sample(options):
    model = _load(options.model)
    tokens = model.stream(
        options.prompt,
        max_new_tokens=options.length,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        random_state=options.seed,
    )
    sys.stdout.write(options.prompt)
    for token in tokens:
        sys.stdout.write(token)
        sys.stdout.flush()
    print()


def _score(options):
    model = _load(options.model)
    score = model.score(_read(options.file, options.lines))
    print(f"{-score:.4f} nats, {-score / 0.6931471805599453:.4f} bits a character")


def _read(file, splits):
    if not splits:
        with file.open("rb") as blocks:  # the model reads it in parts as well
            if not any(block.strip() for block in iter(partial(blocks.read, 65536), b"")):
                raise ValueError(f"{file} holds no text.")
        return file
    try:
        text = file.read_text(encoding="utf-8-sig")  # without a byte order mark
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not text in UTF-8: {error}.") from error
    if not text.strip():
        raise ValueError(f"{file} holds no text.")
    return [line for line in text.split("\n") if line]


def _load(file):
    try:
        model = joblib.load(file)
    except OSError:
        raise
    except Exception as error:  # any error of a file that is not a pickle
        raise ValueError(
            f"{file} is not a model that train made ({type(error).__name__}: {error})."
        ) from error
    if not isinstance(model, RNNLanguageModel):
        raise ValueError(f"{file} holds no language model, but an object of type {type(model).__name__}.")
    has_characters = getattr(model, "vocabulary_", np.zeros(0)).dtype == "<U1"
    if not has_characters or hasattr(model, "condition_prior_"):
        raise ValueError(
            f"{file} holds a model of words, of codes, or of texts under a condition, but models of "
            "characters are required. Load it in Python: joblib.load."
        )
    return model


if __name__ == "__main__":
    sys.exit(main())
