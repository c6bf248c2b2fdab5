"""The command line, as it is typed."""

import os
import subprocess
import sys

import joblib
import pytest
import torch

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.__main__ import _in_options, main
from sklearn_rnn.training import SequenceNet, checkpoint
from sklearn_rnn.training.step import TrainingStep

TEXT = "the cat sat on the mat. the dog sat on the log. " * 40
SMALL = [
    "--epochs",
    "15",
    "--hidden-size",
    "32",
    "--num-layers",
    "1",
    "--batch-size",
    "4",
    "--bptt-steps",
    "16",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "text.txt").write_text(TEXT, encoding="utf8")
    (folder / "names.txt").write_text("anna\nhanna\njohanna\n\n" * 10, encoding="utf8")
    for name, options in {"text": [], "names": ["--lines", "--cell", "gru"]}.items():
        arguments = [str(folder / f"{name}.txt"), "-o", str(folder / "made" / name), "--seed", "0"]
        assert main(["lm", "train", *arguments, *SMALL, *options]) == 0
    return folder


def run(folder, capsys, command):
    status = main([word.replace("DIR", str(folder)) for word in command.split()])
    return status, *capsys.readouterr()


def test_train_says_what_came_of_it(folder, capsys):
    status, out, _ = run(folder, capsys, "lm train DIR/text.txt -o DIR/again --epochs 1 --hidden-size 8")
    assert status == 0
    assert out.startswith("After 1 epoch(s): ")
    assert out.endswith(f"nats a character in training; saved as {folder / 'again'}\n")


class Killed(BaseException):
    """What no code of the library expects."""


def test_train_goes_on_from_a_checkpoint(folder, capsys, monkeypatch):
    def kill(*args):
        raise Killed

    command = "lm train DIR/names.txt --lines --epochs 2 --hidden-size 8 -o DIR/parts --checkpoint DIR/run"
    with monkeypatch.context() as patch:
        patch.setattr(SequenceNet, "store_schedules", kill)  # when all is trained
        with pytest.raises(Killed):
            run(folder, capsys, command)
    seed = torch.load(folder / "run", weights_only=True)["seed"]
    status, _, err = run(folder, capsys, command)
    assert status == 0
    assert f"going on from {folder}/run: epoch 1, batch 1\n" in err
    assert joblib.load(folder / "parts")._seed == seed
    assert not (folder / "run").exists()


def interrupt_in_epoch(k, monkeypatch):
    """As if Ctrl-C came in the first batch of an epoch."""
    step = TrainingStep.__call__

    def interrupted(train_step, *batch):
        if len(train_step.net.history) == k:
            raise KeyboardInterrupt
        return step(train_step, *batch)

    monkeypatch.setattr(TrainingStep, "__call__", interrupted)


@pytest.mark.filterwarnings("ignore:Training was interrupted")
def test_what_is_interrupted_in_its_first_epoch_is_not_saved(folder, capsys, monkeypatch):
    (folder / "before").write_text("an older model")
    interrupt_in_epoch(1, monkeypatch)
    status, out, err = run(folder, capsys, "lm train DIR/text.txt -o DIR/before --epochs 2 --hidden-size 8")
    assert (status, out) == (130, "")
    assert err.endswith("sklearn_rnn: interrupted. Nothing is saved: not one epoch was done.\n")
    assert (folder / "before").read_text() == "an older model"


@pytest.mark.filterwarnings("ignore:Training was interrupted")
def test_what_is_interrupted_later_is_saved_and_says_so(folder, capsys, monkeypatch):
    interrupt_in_epoch(2, monkeypatch)
    command = "lm train DIR/text.txt -o DIR/half --epochs 3 --hidden-size 8 --checkpoint DIR/half.ckpt"
    status, out, err = run(folder, capsys, command)
    assert status == 130
    assert err.endswith(f"The same command goes on from {folder / 'half.ckpt'}.\n")
    assert out.startswith("Interrupted after 1 epoch(s): ")
    assert joblib.load(folder / "half").n_iter_ == 1


def test_only_line_ends_end_a_line(folder, capsys):
    (folder / "odd.txt").write_text("a\x0bb\nc\u2028d\r\n", encoding="utf8", newline="")
    assert run(folder, capsys, "lm train DIR/odd.txt --lines -o DIR/odd --epochs 1 --hidden-size 4")[0] == 0
    assert set(joblib.load(folder / "odd").vocabulary_) == set("a\x0bbc\u2028d")


def test_sample(folder, capsys):
    status, out, _ = run(folder, capsys, "lm sample DIR/made/text --prompt the --length 12 --temperature 0")
    model = joblib.load(folder / "made" / "text")
    assert (status, out) == (0, model.sample(prompt="the", max_new_tokens=12, temperature=0)[0] + "\n")


def test_a_file_is_read_as_it_is_and_in_parts(folder, capsys, monkeypatch):
    (folder / "dos.txt").write_bytes(b"the cat\r\nsat on\r\n" * 60)
    monkeypatch.setattr("sklearn_rnn.data.text_file.TextFile.read_all", None)
    status, *_ = run(folder, capsys, "lm train DIR/dos.txt -o DIR/dos --epochs 1 --hidden-size 8")
    assert status == 0
    assert "\r" in joblib.load(folder / "dos").vocabulary_
    assert run(folder, capsys, "lm score DIR/dos DIR/dos.txt")[0] == 0


def test_a_file_is_a_text_for_a_model_of_lines(folder, capsys):
    (folder / "one.txt").write_text("johanna")
    _, out, _ = run(folder, capsys, "lm score DIR/made/names DIR/one.txt")
    assert out == run(folder, capsys, "lm score DIR/made/names DIR/one.txt --lines")[1]


@pytest.mark.parametrize("form", ["", " --lines"])
def test_a_byte_order_mark_is_no_character(form, folder, capsys):
    (folder / "marked.txt").write_text("the cat\nsat on\n" * 40, encoding="utf-8-sig")
    command = f"lm train DIR/marked.txt{form} -o DIR/marked --epochs 1 --hidden-size 4"
    assert run(folder, capsys, command)[0] == 0
    assert "\ufeff" not in joblib.load(folder / "marked").vocabulary_
    assert run(folder, capsys, f"lm score DIR/marked DIR/marked.txt{form}")[0] == 0


def test_options_of_the_embedding_and_the_targets(folder, capsys):
    command = "lm train DIR/text.txt -o DIR/tied --epochs 1 --hidden-size 8 --embedding-size 8 --tie-weights"
    assert run(folder, capsys, command + " --label-smoothing 0.1")[0] == 0
    parameters = joblib.load(folder / "tied").get_params()
    names = ("embedding_size", "tie_weights", "label_smoothing")
    assert [parameters[name] for name in names] == [8, True, 0.1]
    plain = joblib.load(folder / "made" / "text").get_params()
    assert [plain[name] for name in names] == [None, False, 0.0]


def test_unknown_characters(folder, capsys):
    (folder / "odd.txt").write_text("the Ω.", encoding="utf8")
    status, _, err = run(folder, capsys, "lm score DIR/made/text DIR/odd.txt")
    assert status == 2 and "trained with --min-frequency 2 or more reads such characters as unknown" in err
    command = "lm train DIR/text.txt -o DIR/open --epochs 1 --hidden-size 8 --min-frequency 50"
    assert run(folder, capsys, command)[0] == 0
    model = joblib.load(folder / "open")
    assert not set("ldm") & set(model.vocabulary_) and "t" in model.vocabulary_
    assert run(folder, capsys, "lm score DIR/open DIR/odd.txt")[0] == 0
    status, out, _ = run(folder, capsys, "lm sample DIR/open --prompt Ω --length 9")
    assert status == 0 and out.startswith("Ω") and set(out[1:-1]) <= set(model.vocabulary_)


def test_seeds(folder, capsys):
    texts = [run(folder, capsys, f"lm sample DIR/made/text --length 40 --seed {k}")[1] for k in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_lines_are_texts_that_end(folder, capsys):
    status, out, _ = run(folder, capsys, "lm sample DIR/made/names --prompt joh --temperature 0 --length 99")
    assert (status, out) == (0, "johanna\n")


def test_score(folder, capsys):
    status, out, _ = run(folder, capsys, "lm score DIR/made/text DIR/text.txt")
    nats, _, bits = out.split()[:3]
    assert status == 0
    assert float(nats) < 1.5
    assert float(bits) == pytest.approx(float(nats) / 0.6931, abs=1e-3)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("lm train DIR/nothing.txt", "No such file"),
        ("lm train DIR/made/text", "is not text in UTF-8"),
        ("lm train DIR/empty.txt", "holds no text"),
        ("lm train DIR/text.txt --hidden-size 0", "--hidden-size must be an int of at least 1"),
        ("lm train DIR/text.txt --seed -1", "--seed must be an int from 0 to 2**32 - 1, but it is -1"),
        ("lm train DIR/text.txt --batch-size 0", "--batch-size must be an int of at least 1, but it is 0"),
        ("lm train DIR/text.txt --checkpoint DIR/text.txt", "--checkpoint and FILE must be different files"),
        ("lm train DIR/text.txt --tie-weights --embedding-size 3", "--embedding-size must be the width"),
        ("lm train DIR/text.txt -o DIR/made", "Is a directory"),
        ("lm sample DIR/text.txt", "is not a model that train made"),
        ("lm sample DIR/empty.txt", "is not a model that train made"),
        ("lm sample DIR/words.joblib", "holds a model of words, of codes"),
        ("lm score DIR/told.joblib DIR/text.txt", "or of texts under a condition"),
        ("lm sample DIR/other.joblib", "holds no language model, but an object of type dict"),
        ("lm sample DIR/made/text --prompt X", "'X' at step 0, a token that training never saw"),
        ("lm sample DIR/made/text --temperature -1", "--temperature must be at least 0"),
        ("lm sample DIR/made/text --top-p 2", "--top-p must be greater than 0 and at most 1"),
    ],
)
def test_what_is_wrong_is_said(folder, capsys, command, message):
    (folder / "empty.txt").write_text(" \n")
    joblib.dump({}, folder / "other.joblib")
    small = RNNLanguageModel(hidden_size=4, max_iter=1)
    joblib.dump(small.fit([["the", "cat"]]), folder / "words.joblib")
    joblib.dump(small.fit(["the", "cat"], condition=[0, 1]), folder / "told.joblib")
    status, out, err = run(folder, capsys, command)
    assert status == 2
    assert out == ""
    assert err.startswith("sklearn_rnn: ")
    assert message in err


def test_help_in_a_new_process():
    done = subprocess.run(
        [sys.executable, "-m", "sklearn_rnn", "lm", "sample", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--temperature" in done.stdout
    assert "default: 1.0" in done.stdout


def test_a_reader_that_has_enough_is_no_error(folder):
    done = subprocess.run(
        f"{sys.executable} -m sklearn_rnn lm sample {folder}/made/text --length 30000 | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (len(done.stdout), done.stderr) == (10, "")


# Where the model goes


def full(file, *args, **kwargs):
    """As if the disk were full: a part is written."""
    file.write_bytes(b"a part")
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_the_old_model_and_the_checkpoint(folder, capsys, monkeypatch):
    home = folder / "full"
    home.mkdir()
    (home / "model").write_text("an older model")
    monkeypatch.setattr(checkpoint, "_INTERVAL", 0)
    command = "lm train DIR/text.txt -o DIR/full/model --epochs 1 --hidden-size 8"
    with monkeypatch.context() as patch:
        patch.setattr("sklearn_rnn.__main__.joblib.dump", lambda model, file: full(file))
        status, out, err = run(folder, capsys, command + " --checkpoint DIR/full/run")
    assert (status, out) == (2, "")
    assert "No space left on device. It is as it was before; the same command goes on from" in err
    assert (home / "model").read_text() == "an older model"
    assert sorted(os.listdir(home)) == ["model", "run"]
    status, out, err = run(folder, capsys, command + " --checkpoint DIR/full/run")
    assert status == 0 and "going on from" in err
    assert os.listdir(home) == ["model"] and joblib.load(home / "model").n_iter_ == 1


@pytest.mark.parametrize("where", ["sklearn_rnn.__main__.joblib.dump", "os.fsync", "os.replace"])
def test_what_is_killed_while_it_saves_leaves_the_old_model(folder, capsys, monkeypatch, where):
    home = folder / f"killed {where}"
    home.mkdir()
    (home / "model").write_text("an older model")
    monkeypatch.setattr(checkpoint, "_INTERVAL", 1e9)  # written once, at the first batch
    replace, n = os.replace, []

    def kill(*args):
        n.append(1)
        if where == "os.replace" and len(n) == 1:
            return replace(*args)  # the checkpoint's
        if where == "os.fsync" and len(n) == 1:
            return None
        raise Killed

    monkeypatch.setattr(where, kill)
    command = ["lm", "train", f"{folder}/text.txt", "-o", f"{home}/model", "--checkpoint", f"{home}/run"]
    with pytest.raises(Killed):
        main([*command, "--epochs", "1", "--hidden-size", "4"])
    assert (home / "model").read_text() == "an older model"
    assert sorted(os.listdir(home)) == ["model", "run"]


def test_a_real_limit_on_the_size_of_a_file(folder):
    resource = pytest.importorskip("resource")
    home = folder / "limited"
    home.mkdir()
    (home / "model").write_text("an older model")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sklearn_rnn",
            "lm",
            "train",
            str(folder / "text.txt"),
            "-o",
            str(home / "model"),
        ]
        + ["--epochs", "1", "--hidden-size", "64"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONFAULTHANDLER": ""},
    )
    assert done.returncode == 2
    assert "model cannot be written: [Errno 27] File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert (home / "model").read_text() == "an older model"
    assert os.listdir(home) == ["model"]


def test_a_model_is_written_as_it_was(folder, capsys):
    home = folder / "kept"
    home.mkdir()
    (home / "real.joblib.gz").write_text("an older model")
    (home / "real.joblib.gz").chmod(0o640)
    (home / "link").symlink_to("real.joblib.gz")
    small = "--epochs 1 --hidden-size 4"
    assert run(folder, capsys, f"lm train DIR/text.txt -o DIR/kept/link {small}")[0] == 0
    assert (home / "link").is_symlink()
    assert (home / "real.joblib.gz").stat().st_mode & 0o777 == 0o640
    assert (home / "real.joblib.gz").read_bytes()[:2] == b"\x1f\x8b"  # compressed, as the name says
    assert joblib.load(home / "link").n_iter_ == 1
    assert run(folder, capsys, f"lm train DIR/text.txt -o /dev/null {small}")[0] == 0


def test_the_input_is_not_written_over(folder, capsys):
    text = (folder / "text.txt").read_bytes()
    for name, make in {"hard": os.link, "soft": os.symlink}.items():
        make(folder / "text.txt", folder / name)
    os.symlink(folder / "nowhere", folder / "dangling")
    names = ["text.txt", "made/../text.txt", "hard", "soft"]
    for name in names:
        status, _, err = run(folder, capsys, f"lm train DIR/text.txt -o DIR/{name} --epochs 1")
        assert (status, "-o and FILE must be different files" in err) == (2, True)
    command = "lm train DIR/text.txt --epochs 1 -o DIR/same --checkpoint DIR/made/../same"
    assert "-o and --checkpoint must be different files" in run(folder, capsys, command)[2]
    status, _, err = run(folder, capsys, "lm train DIR/text.txt -o DIR/dangling --epochs 1")
    assert (status, "dangling is a link to nothing" in err) == (2, True)
    assert (folder / "text.txt").read_bytes() == text and not (folder / "nowhere").exists()


# In the words of the command line


PARAMETERS = set(RNNLanguageModel().get_params()) - {"cell", "dropout", "checkpoint", "vocabulary", "device"}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("lm train DIR/names.txt", "the file has 200 steps, fewer than a chunk of --bptt-steps 512"),
        ("lm train DIR/names.txt --num-layers 0 --lines", "--num-layers must be"),
        ("lm train DIR/names.txt --epochs 0 --lines", "--epochs must be"),
        ("lm train DIR/names.txt --batch-size 0 --lines", "--batch-size must be"),
        ("lm train DIR/names.txt --learning-rate -1 --lines", "--learning-rate must be"),
        ("lm train DIR/names.txt --label-smoothing 1 --lines", "--label-smoothing must be"),
        ("lm train DIR/names.txt --dropout 1 --lines", "--dropout must be"),
        ("lm train DIR/names.txt --min-frequency 0 --lines", "--min-frequency must be"),
        ("lm train DIR/names.txt --min-frequency 999 --lines", "--min-frequency"),
        ("lm train DIR/names.txt --seed -1 --lines", "--seed"),
        ("lm train DIR/names.txt --tie-weights --cell jordan --lines", "or leave out --tie-weights"),
        ("lm train DIR/names.txt --lines --checkpoint DIR/none/run", "--checkpoint '"),
        ("lm train DIR/names.txt --lines --checkpoint DIR/hidden_size.txt", "hidden_size.txt' is damaged"),
        ("lm score DIR/made/names DIR/omega.txt --lines", "text 2 of the file has 'Ω' at step 0"),
        ("lm score DIR/made/text DIR/omega.txt", "the file has"),
        ("lm sample DIR/made/text --length 0", "--length must be"),
        ("lm sample DIR/made/text --top-k 0", "--top-k must be"),
        ("lm sample DIR/made/text --prompt Ω", "--prompt has 'Ω' at step 0"),
        ("lm sample DIR/made/text --seed -1", "--seed"),
    ],
)
def test_messages_speak_of_options(folder, capsys, command, message):
    (folder / "omega.txt").write_text("anna\nΩmega\n", encoding="utf8")
    (folder / "hidden_size.txt").write_text("no checkpoint")
    small = " --hidden-size 4 --bptt-steps 512 -o DIR/never" if "train" in command else ""
    command = command if "--num" in command else command.replace(".txt", ".txt" + small, 1)
    status, out, err = run(folder, capsys, command)
    assert (status, out) == (2, "")
    assert message in err
    said = err.replace("hidden_size.txt", "")
    assert not [name for name in (*PARAMETERS, "max_new_tokens", "top_k", "top_p", "X[") if name in said]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Try a smaller learning_rate (now 3.0), a smaller max_grad_norm (now 1.0), or scale the inputs.",
            "Try a smaller --learning-rate (now 3.0).",
        ),
        (
            "checkpoint 'a' is in epoch 2, but max_iter is 1. Set a larger max_iter, or delete the file.",
            "--checkpoint 'a' is in epoch 2, but --epochs is 1. Set a larger --epochs, or delete the file.",
        ),
        ("checkpoint '/a/top_k.run' is damaged", "--checkpoint '/a/top_k.run' is damaged"),
        ("X: /a/X.txt is not text in UTF-8", "the file: /a/X.txt is not text in UTF-8"),
        (
            "X[0] has 'X' at step 1\nX[10] has 'Y'",
            "text 1 of the file has 'X' at step 1\ntext 11 of the file has 'Y'",
        ),
    ],
)
def test_words(said, words):
    assert _in_options(said) == words


def test_another_training_speaks_of_options(folder, capsys, monkeypatch):
    monkeypatch.setattr(checkpoint, "_INTERVAL", 0)
    command = (
        "lm train DIR/names.txt --lines --hidden-size 4 -o DIR/other --checkpoint DIR/other.run --seed 0"
    )
    with monkeypatch.context() as patch:
        interrupt_in_epoch(2, patch)
        with pytest.warns(UserWarning, match="interrupted"):
            assert run(folder, capsys, command)[0] == 130
    for changed, message in {
        "--hidden-size 5": "of another training: --hidden-size was 4 and is now 5",
        "--cell gru": "of another training: --cell was 'lstm' and is now 'gru'",
        "--min-frequency 2": "of another training: --min-frequency was 1 and is now more",
        "--seed 1": "of another training: --seed was",
    }.items():
        status, _, err = run(folder, capsys, f"{command} {changed}")
        assert (status, message in err) == (2, True), err


# Outputs that cannot say everything


def test_an_output_that_is_not_utf_8(folder):
    (folder / "wide.txt").write_text("ÄΩ☃ " * 200, encoding="utf8")
    base = {name: v for name, v in os.environ.items() if name not in ("PYTHONIOENCODING", "LC_ALL")}

    def run_in(environment, *command):
        return subprocess.run(
            [sys.executable, "-m", "sklearn_rnn", "lm", *command],
            env=base | environment,
            capture_output=True,
        )

    model = os.fsencode(folder / "möd☃l")
    no_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run_in(no_locale, "train", folder / "wide.txt", "-o", model, "--epochs", "1", "--hidden-size", "4")
    assert done.returncode == 0 and b"saved as " in done.stdout and b"l\n" in done.stdout
    assert b"Traceback" not in done.stderr
    done = run_in({"PYTHONIOENCODING": "ascii"}, "sample", model, "--length", "50", "--seed", "0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u2603" in done.stdout and len(done.stdout) >= 50
