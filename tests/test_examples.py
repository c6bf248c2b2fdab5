"""The demo and the code in the README and the guide run as they stand."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


def load_example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def test_demo(tmp_path, capfd):
    load_example("demo").main(["--quick", "--output", str(tmp_path)])
    out = capfd.readouterr().out
    assert "Test accuracy on 370 utterances" in out
    assert "In a new process: an utterance of 19 steps is by speaker" in out
    assert {path.name for path in tmp_path.glob("*.png")} == {"confusion_matrix.png", "loss_curve.png"}


def test_padding_in_a_pipeline(capsys):
    assert load_example("padding_in_a_pipeline").main(["--epochs", "3"]) == 0
    assert "exactly what went in" in capsys.readouterr().out


def test_search_over_cells():
    assert load_example("search_over_cells").main(["--epochs", "2", "--jobs", "1"]) > 0.3


def test_search_with_optuna():
    assert load_example("search_with_optuna").main(["--trials", "6", "--epochs", "5"]) > 0.6


def test_names_by_spans():
    found = load_example("names_by_spans").main(["--epochs", "5"])
    assert min(found["both directions"], found["both, with a CRF"]) > found["left to right"] + 0.2


def test_rain_tomorrow():
    area = load_example("rain_tomorrow").main([])
    assert area["network"] > area["as today"] + 0.03
    assert area["always dry"] == 0.5


def test_tomorrows_weather(tmp_path, capsys):
    errors = load_example("tomorrows_weather").main(["--output", str(tmp_path)])
    assert (errors["network"] < errors["as today"]).all()
    assert (errors["network"] < errors["as every year"]).all()
    assert re.search(r"\n  2016-01-07 +-?\d+\.\d to +-?\d+\.\d °C\n", capsys.readouterr().out)
    assert [path.name for path in tmp_path.iterdir()] == ["week.png"]


def test_hidden_states_in_a_forest():
    scores = load_example("hidden_states_in_a_forest").main(["--epochs", "5"])
    assert min(scores.values()) > 0.8


def test_shakespeare(tmp_path, capsys):
    text = tmp_path / "wood.txt"
    text.write_text("how much wood would a woodchuck chuck? " * 400 + "as much as he could: &")
    bits = load_example("shakespeare").main(
        [str(text), "--hidden-size", "32", "--epochs", "5", "--length", "60"]
    )
    out = capsys.readouterr().out
    assert bits < 1.5  # nearly 4 without a model
    assert "because training never saw them: & : e s" in out
    assert re.search(r"\n    5 .* nats  .* bits a character", out) and f"{bits:.3f} bits" in out
    assert out.count("--- temperature") == 3 and "\nhow much wood would " in out


def test_shakespeare_without_a_file(capsys):
    load_example("shakespeare").main(["--characters", "20000", "--epochs", "1", "--hidden-size", "16"])
    assert "18000 characters to train on" in capsys.readouterr().out


def test_next_chess_move(capsys):
    right = load_example("next_chess_move").main(["--lines", "1000", "--epochs", "15"])
    assert right["network"][1] > right["bigram"][1] + 0.1
    assert right["network"][2] > right["book"][2] + 0.03
    assert re.search(r"\nAfter e4 c5: (Nf3|d4) \d+%, ", capsys.readouterr().out)


def test_surprise(tmp_path, capsys):
    bits = load_example("surprise").main(["--epochs", "2", "--output", str(tmp_path)])
    assert list(bits.values()) == sorted(bits.values()) and bits["in German"] > 4
    out = capsys.readouterr().out
    assert re.search(r"slip of the pen .* least expected: .*str\[n\]", out)
    assert {path.name for path in tmp_path.iterdir()} == {"surprise.png", "surprise.html"}
    assert "↵" in (tmp_path / "surprise.html").read_text(encoding="utf-8")


def test_surnames_by_language(capsys):
    right = load_example("surnames_by_language").main(["--names", "2000", "--epochs", "6"])
    assert right["language model"] > right["always the most frequent"] + 0.3
    assert re.search(r"\nZulu +\w+\+?, ", capsys.readouterr().out)


def test_every_example_has_a_test():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} <= tested


def test_dates_to_iso(tmp_path, capsys):
    right = load_example("dates_to_iso").main(["--dates", "3000", "--output", str(tmp_path)])
    assert right > 0.9
    out = capsys.readouterr().out
    assert "300 dates that it never saw" in out and "July 20, 1969 -> 1969-07-20" in out
    assert [path.name for path in tmp_path.iterdir()] == ["dates.png"]


def test_spelling_to_sound(tmp_path, capsys):
    arguments = ["--words", "3000", "--epochs", "3", "--output", str(tmp_path)]
    errors = load_example("spelling_to_sound").main(arguments)
    assert errors["phonemes"] < 0.5 and errors["words"] < 0.95
    assert re.search(r"1000 words that it never saw(.|\n)*\n +mimsy  [A-Z ]+\n", capsys.readouterr().out)
    assert [path.name for path in tmp_path.iterdir()] == ["sounds.png"]


def test_name_from_a_language(capsys):
    share_new = load_example("name_from_a_language").main(["--names", "4000", "--epochs", "8"])
    assert share_new > 0.5
    out = capsys.readouterr().out
    assert re.search(r"\nZulu +\S+   [^,\n]+(, [^,\n]+){5}\n", out) and "Kovačević  Croatian" in out


def test_written_sums(capsys):
    right = load_example("written_sums").main(["--sums", "1500", "--epochs", "10", "--backwards"])
    assert right > 0.1
    assert "of 150 sums that it never saw are right" in capsys.readouterr().out


def run_code_of(page):
    """Run the Python in a page of documentation from top to bottom; return the names that it leaves."""
    text = (ROOT / page).read_text(encoding="utf8")
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, page, "exec"), names)
    return names


def test_readme():
    names = run_code_of("README.md")
    assert names["clf"].score(names["X_test"], names["y_test"]) > 0.9
    assert names["speller"].score(names["B"], names["b"]) > 0.7
    assert names["search"].best_score_ > 0.8


# What the pages say of their code, beyond that it runs.
CLAIMS = {
    "docs/guide/cross_validation.md": ["by_recording > 0.9", "by_patient < 0.6", "mixed > ahead + 0.1"],
    "docs/guide/data.md": [
        "repr(sequences) == 'Sequences(3 sequences of 2 to 7 steps, 3 features)'",
        "patients.tolist() == ['a', 'b']",
        "series[0].tolist() == [[61.0], [64.0], [66.0]]",
        "windows.shape == (1461 - 14, 14, 4)",
        "(windows[3, -1] == days[16]).all() and y[3] == days[17, 1]",
    ],
    "docs/guide/forecasting.md": [
        "week.shape == later.shape == (7,) and fortnight.shape == (14,)",
        "(low < high).all() and paths.shape == (500, 7) and 0 < hot < 1",
        "by_day.shape == (7,) and (by_day < naive).all()",
        "scores.shape == with_season.shape == (3,) and (scores < 0).all()",
        "len(tomorrow) == 1",
    ],
    "docs/guide/language_model.md": [
        "model.perplexity('the dog sat on the mat. ') < 2",
        "cat == ['the cat sat on ']",
        "likely > unlikely + 5",
        "most == 'l'",
        "len(display.text_) == 18 and page.count('<span') == 24",
        "len(both) == 4 and both[3].startswith('the d')",
        "all(text.startswith('Ba') for text in texts) and len(line) == 40",
        "reader.vocabulary_.tolist() == ['cat', 'dog', 'log', 'mat', 'on', 'sat', 'the']",
        "len(odd) == 3 and goes_on[:2] == ['the', 'okapi']",
        "by_parts.perplexity('abab') < 4 > by_parts.perplexity('cdcd')",
        "drawn[:2] == ['the', 'dog'] and len(drawn) == 6",
        "'head.output.weight' not in smooth.module_.state_dict()",
    ],
    "docs/guide/pipelines.md": [
        "search.best_score_ > 0.8",
        "[len(p) for p in predicted] == [len(x) for x in X]",
    ],
    "docs/guide/seq2seq.md": [
        "plurals.tolist() == ['foxes', 'dogs'] and wide.tolist() == ['foxes']",
        "sound == 'moo'",
        "weights.shape == (6, 3) and display.im_.get_array().shape == (6, 3)",
        "news == ['Yuri', 'was', 'seen', 'by', 'Zoe']",
        "best[0][0] == 'gases' and len(best[0]) == len(log_proba[0]) == 3 and len(drawn[0]) == 4",
        "given[0] > given[1] + 2 and proba.shape == (6, 15)",
        "max(stopped.validation_scores_) > 0.8 and stopped.best_epoch_ < 80",
        "(scores < 0).all() and (scores > -1).all()",
    ],
    "docs/index.md": ["clf.score(X_test, y_test) > 0.9"],
}
PAGES = [
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/guide/*.md")]
]


@pytest.mark.parametrize(
    "page", sorted(page for page in PAGES if "```python" in (ROOT / page).read_text("utf8"))
)
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for the files that a page writes
    names = run_code_of(page)
    for claim in CLAIMS.get(page, []):
        assert eval(claim, names), claim


def test_claims_are_of_pages():
    assert CLAIMS.keys() <= set(PAGES)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_loss_curve(early_stopping):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from sklearn_rnn import RNNRegressor
    from sklearn_rnn.inspection import LossCurveDisplay

    X = np.random.RandomState(0).rand(30, 4)
    regressor = RNNRegressor(max_iter=3, early_stopping=early_stopping)
    with pytest.raises(ValueError, match="not a fitted recurrent estimator"):
        LossCurveDisplay.from_estimator(regressor)
    model = make_pipeline(StandardScaler(), regressor).fit(X, X.sum(axis=1))
    display = LossCurveDisplay.from_estimator(model)
    assert display.ax_.lines[0].get_ydata().tolist() == regressor.loss_curve_
    assert len(display.figure_.axes) == (2 if early_stopping else 1)
    plt.close("all")
