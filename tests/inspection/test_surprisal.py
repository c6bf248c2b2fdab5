"""SurprisalDisplay: the right colour behind each token, whatever the form of the text."""

import math
import re
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier, RNNLanguageModel
from sklearn_rnn.inspection import SurprisalDisplay
from sklearn_rnn.inspection.surprisal import split_graphemes
from sklearn_rnn.preprocessing import SequenceTruncator, TokenEncoder

matplotlib.use("Agg")

SENTENCES = [["the", "cat", "sat"], ["the", "dog", "sat", "down"], ["a", "cat"]] * 3


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def make(**options):
    model = RNNLanguageModel(hidden_size=8, max_iter=2, handle_unknown="error", random_state=0)
    return model.set_params(**options)


@pytest.fixture(scope="module")
def stream():
    return make().fit("the cat sat.\nthe dog sat.\n" * 8)


def show(display):
    """Give what stands on each line, blanks included where a cell is coloured."""
    lines = [[" "] * display.im_.get_array().shape[1] for _ in range(display.im_.get_array().shape[0])]
    for text in display.text_:
        column, line = (int(place) for place in text.get_position())
        lines[line][column] = text.get_text()
    return ["".join(line).rstrip() for line in lines if "".join(line).strip()]


def bits_at(display, line, column):
    return display.im_.get_array()[line, column]


def test_each_character_has_its_bits(stream):
    text = "the dog\nsat"
    display = SurprisalDisplay.from_estimator(stream, text)
    bits = stream.surprisal(text) / math.log(2)
    assert show(display) == ["the dog↵", "sat"]
    assert display.text == text
    np.testing.assert_allclose(display.im_.get_array()[0, :8], bits[:8])
    np.testing.assert_allclose(display.im_.get_array()[1, :3], bits[8:])
    assert np.ma.count(display.im_.get_array()) == len(text)  # nothing else is coloured
    assert display.im_.get_clim() == (0, pytest.approx(bits.max()))
    assert display.colorbar_.ax.get_ylabel() == "surprisal (bits)"
    assert display.figure_ is display.ax_.figure and len(display.figure_.axes) == 2


def test_surprisal_of_the_model_is_what_the_constructor_takes(stream):
    text = "the dog sat."
    drawn = SurprisalDisplay(text, stream.surprisal(text)).plot()
    asked = SurprisalDisplay.from_estimator(stream, text)
    np.testing.assert_array_equal(drawn.im_.get_array(), asked.im_.get_array())


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("to be or not", 6, ["to be", "or not"]),
        ("to be or not", 5, ["to be", "or", "not"]),
        ("to be\nor not", 5, ["to be↵", "or", "not"]),  # a break beyond the edge takes no line of its own
        ("not to be", 2, ["no", "t", "to", "be"]),
        ("abcdef", 3, ["abc", "def"]),
        ("a\n\nb", 9, ["a↵", "↵", "b"]),
        ("a    b", 3, ["a", " b"]),
        ("a\tb\x00c\r", 9, ["a⇥b�c�"]),
        ("$x$", 9, ["$x$"]),
        (["to", "be", "or", "not"], 6, ["to be", "or not"]),
        (["to", "be", "or", "not"], 5, ["to be", "or", "not"]),
        (["to\n", "be"], 9, ["to↵", "be"]),
        (["nevermore"], 4, ["neve", "rmor", "e"]),
        (np.array([7, 12, 7]), 5, ["7 12", "7"]),
    ],
)
def test_lines(text, width, lines):
    display = SurprisalDisplay(text, np.ones(len(text))).plot(width=width)
    assert show(display) == lines
    display.figure_.canvas.draw()  # no letter is missing, and no $ begins a formula: both would warn
    assert np.ma.count(display.im_.get_array()) == sum(len(str(token)) for token in text)


def test_words_have_one_colour_each():
    model = make().fit(SENTENCES)
    words = ["the", "cat", "sat", "down"]
    display = SurprisalDisplay.from_estimator(model, words, width=8)
    bits = model.surprisal([words])[0] / math.log(2)
    assert show(display) == ["the cat", "sat down"]
    for k, (line, first, behind) in enumerate([(0, 0, 3), (0, 4, 7), (1, 0, 3), (1, 4, 8)]):
        np.testing.assert_allclose(display.im_.get_array()[line, first:behind], bits[k])
    assert bits_at(display, 0, 3) is np.ma.masked  # between words


@pytest.mark.parametrize("fitted_on", ["a stream", "texts"])
def test_codes(fitted_on):
    codes = np.array([3, 7, 3, 12, 3, 7] * 4)
    model = make(bptt_steps=4).fit(codes if fitted_on == "a stream" else [codes, codes[3:]])
    bits = model.surprisal([codes])[0] / math.log(2)
    for form in (codes, codes.tolist()):
        array = SurprisalDisplay.from_estimator(model, form).im_.get_array()
        np.testing.assert_allclose(array[0, [0, 2, 4, 6]], bits[:4])


def test_pipelines_and_searches():
    search = GridSearchCV(make_pipeline(TokenEncoder(), make()), {"rnnlanguagemodel__max_iter": [1, 2]}, cv=2)
    search.fit(SENTENCES)
    words = ["the", "cat", "sat"]
    pipeline = search.best_estimator_
    bits = pipeline[-1].surprisal(pipeline[:-1].transform([words]))[0] / math.log(2)
    for model in (search, pipeline):
        display = SurprisalDisplay.from_estimator(model, words)
        assert show(display) == ["the cat sat"]
        np.testing.assert_allclose(display.im_.get_array()[0, [0, 4, 8]], bits)
    alone = make_pipeline(make()).fit(["abc", "bca"])
    assert show(SurprisalDisplay.from_estimator(alone, "cab")) == ["cab"]


def test_draws_where_it_is_told(stream):
    figure, axes = plt.subplots(1, 2)
    display = SurprisalDisplay.from_estimator(stream, "the cat", ax=axes[1])
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert not axes[0].has_data()
    again = display.plot()
    assert again is display and display.ax_ is not axes[1]


def contrast(a, b):
    """Give the contrast ratio of WCAG 2 of two colours."""

    def luminance(color):
        parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in color]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("cmap", ["YlOrRd", "viridis", "Greys", "coolwarm", "jet"])
def test_characters_are_legible(cmap):
    display = SurprisalDisplay("x" * 70, np.linspace(0, 5, 70)).plot(cmap=cmap)
    colors = display.im_.cmap(display.im_.norm(display.im_.get_array()[0, :70]))
    inks = [matplotlib.colors.to_rgb(text.get_color()) for text in display.text_]
    assert min(contrast(a[:3], b) for a, b in zip(colors, inks, strict=True)) > 4.5  # WCAG 2, level AA
    assert display.im_.cmap.name == cmap


@pytest.mark.parametrize("n_words", [1, 100])
@pytest.mark.parametrize("size", [None, (6, 9), (9, 2), (20, 9)])
def test_characters_fill_their_cells_and_no_more(n_words, size):
    ax = None if size is None else plt.subplots(figsize=size)[1]
    display = SurprisalDisplay("gÄmmmmm " * n_words, np.ones(8 * n_words)).plot(ax=ax)
    display.figure_.canvas.draw()
    box = display.ax_.transData.transform([[0, 0], [1, 1]])
    cell = np.abs(box[1] - box[0])
    letters = [text.get_window_extent() for text in display.text_[:3]]  # a deep, a high, a wide one
    share = np.max([[letter.width, letter.height] for letter in letters], axis=0) / cell
    assert (share < 1.05).all()
    assert share.max() > 0.8 or display.text_[0].get_size() == 12


def test_one_scale_for_several(stream):
    for text in ("the cat", "cat."):
        assert SurprisalDisplay.from_estimator(stream, text, vmax=9).im_.get_clim() == (0, 9)


def test_certain_text():
    display = SurprisalDisplay("ab", [0.0, 0.0]).plot()
    display.figure_.canvas.draw()
    assert bits_at(display, 0, 1) == 0
    assert SurprisalDisplay("ab", [0.0, 0.0]).to_html().count("#ffffff") == 2


# As HTML


def test_html():
    text = '<b>&"\n '
    page = SurprisalDisplay(text, math.log(2) * np.arange(7)).to_html()
    assert page.startswith("<pre ") and page.endswith("</pre>")
    spans = re.findall(r'<span title="(.*?) bits" style="background: #(.{6})">(.*?)</span>', page, re.DOTALL)
    assert [float(bits) for bits, _, _ in spans] == list(range(7))
    assert [shown for _, _, shown in spans] == ["&lt;", "b", "&gt;", "&amp;", "&quot;", "↵\n", " "]
    assert (spans[0][1], spans[6][1]) == ("ffffff", "f46d43")
    assert contrast((0xF4 / 255, 0x6D / 255, 0x43 / 255), (0, 0, 0)) > 4.5
    assert len(page) == len(re.sub(r">[^<]*<(?!/?(span|pre))", "", page))  # no element but its own


def test_html_of_words():
    page = SurprisalDisplay(["to", "<be>"], [1.0, 2.0]).to_html()
    assert re.sub("<.*?>", "", page) == "to &lt;be&gt;"


def test_html_scale():
    half = SurprisalDisplay("a", [math.log(2)]).to_html(vmax=2)
    assert "#fab6a1" in half
    assert "#f46d43" in SurprisalDisplay("a", [math.log(2)]).to_html(vmax=0.5)


def test_html_has_no_limit():
    assert SurprisalDisplay("a\n" * 1000, np.ones(2000)).to_html().count("<span") == 2000


# Bad input

BAD_CALLS = {
    "no language model": (
        lambda m: SurprisalDisplay.from_estimator(RNNClassifier(), "the"),
        "RNNClassifier has no method surprisal: it is not a language model",
    ),
    "unseen": (lambda m: SurprisalDisplay.from_estimator(m, "thé"), "'é' at step 2, a token"),
    "too long": (
        lambda m: SurprisalDisplay("a\n" * 101, np.ones(202)).plot(),
        r"text fills 101 lines of 80 characters, but at most 100 .*to_html",
    ),
    "too many": (
        lambda m: SurprisalDisplay("abc", [1, 2]).plot(),
        r"text has 3 tokens, but surprisal has shape \(2,\)",
    ),
    "too many for HTML": (lambda m: SurprisalDisplay("abc", [1, 2]).to_html(), "text has 3 tokens"),
    "a pipeline that cuts": (
        lambda m: SurprisalDisplay.from_estimator(
            make_pipeline(SequenceTruncator(2), make()).fit(["abc", "cab"]), "abc"
        ),
        r"text has 3 tokens, but surprisal has shape \(2,\).* transformer",
    ),
    "empty": (lambda m: SurprisalDisplay("", []).plot(), "text is empty; there is nothing to show"),
    "width 0": (
        lambda m: SurprisalDisplay("a", [1]).plot(width=0),
        "width must be an int of at least 1, but it is 0",
    ),
    "width 2.5": (lambda m: SurprisalDisplay("a", [1]).plot(width=2.5), "width must be an int of at least 1"),
}


@pytest.mark.parametrize("call", BAD_CALLS)
def test_bad_input(call, stream):
    do, message = BAD_CALLS[call]
    with pytest.raises((ValueError, TypeError), match=message):
        do(stream)
    assert not plt.get_fignums()  # no empty figure is left


def test_not_fitted():
    with pytest.raises(NotFittedError):
        SurprisalDisplay.from_estimator(make(), "the")


def test_100_lines_are_drawn():
    assert len(show(SurprisalDisplay("a\n" * 100, np.ones(200)).plot())) == 100


FAMILY = "👩\u200d👩\u200d👧"
GRAPHEMES = ["e\u0301", FAMILY, "👍\U0001f3fd", "🇩🇪", "🇫🇷", "❤\ufe0f", "1\ufe0f\u20e3", "한", "x"]


@pytest.mark.parametrize(
    "parts", [GRAPHEMES, ["a", " ", "\u0301", "b"], ["\u0301", "a"], ["🏴\U000e0067\U000e007f"]]
)
def test_graphemes(parts):
    assert split_graphemes("".join(parts)) == parts


def test_what_is_shown_as_one_character_is_coloured_as_one():
    text = f"a{FAMILY}b🇩🇪e\u0301"
    bits = np.arange(1.0, len(text) + 1)
    page = SurprisalDisplay(text, bits * np.log(2)).to_html()
    spans = re.findall('<span title="([0-9.]+) bits" style="[^"]*">([^<]*)</span>', page)
    assert [shown for _, shown in spans] == ["a", FAMILY, "b", "🇩🇪", "e\u0301"]
    assert [float(n) for n, _ in spans] == [1, sum(range(2, 7)), 7, 8 + 9, 10 + 11]


def test_what_is_shown_as_one_character_is_drawn_as_one():
    for text in (f"a {FAMILY}b\n🇩🇪", ["a", f"{FAMILY}b", "🇩🇪"]):
        display = SurprisalDisplay(text, np.ones(len(text)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the font may lack emoji
            display.plot()
        assert [character.get_text() for character in display.text_ if character.get_text() != "↵"] == [
            *("a", FAMILY, "b", "🇩🇪")
        ]


@pytest.mark.parametrize("make", [np.array, torch.tensor, pd.Series])
def test_codes_in_any_container(make):
    codes = np.tile([1, 5, 9], 30)
    model = RNNLanguageModel(hidden_size=4, max_iter=1, bptt_steps=8, batch_size=2, random_state=0).fit(codes)
    display = SurprisalDisplay.from_estimator(model, make(codes[:6]))
    assert [character.get_text() for character in display.text_] == list("159159")
    assert re.findall(">([0-9])<", display.to_html()) == list("159159")
