"""The display of the surprisal of the tokens of a text."""

import html
import math
import re
import unicodedata

import numpy as np

from sklearn_rnn.data.arrays import as_codes
from sklearn_rnn.data.parameters import check_count
from sklearn_rnn.inspection._unwrap import unwrap

MAX_LINES = 100  # each character is a separate object: drawing these takes some seconds
_RED = np.array([244, 109, 67])  # as background of black letters it has a contrast above 4.5


class SurprisalDisplay:
    """A text, coloured by how little a language model expected each of its tokens.

    The surprisal of a token is its negative log-probability, given all tokens before it. It is shown in bits:
    a token of 3 bits had a probability of 1/8. Use :meth:`from_estimator` to create it from a fitted language
    model.

    Parameters
    ----------
    text : str or sequence of tokens
        The text, of n_steps tokens. The characters of a str are shown side by side, other tokens, such as
        words, with spaces in between. Characters that are shown as one, such as an emoji and its skin tone,
        or a letter and an accent after it, are coloured as one, by the sum of their bits.
    surprisal : array-like of shape (n_steps,)
        The surprisal of each token in nats, as `RNNLanguageModel.surprisal` returns it.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the text.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    im_ : matplotlib.collections.QuadMesh
        The colours behind the characters, in bits.
    text_ : list of matplotlib.text.Text
        The characters, in order, without blanks.
    colorbar_ : matplotlib.colorbar.Colorbar
        The scale.

    See Also
    --------
    LossCurveDisplay : The training loss by epoch.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_rnn import RNNLanguageModel
    >>> from sklearn_rnn.inspection import SurprisalDisplay
    >>> model = RNNLanguageModel(bptt_steps=8, batch_size=2, random_state=0).fit("la li lu " * 50)
    >>> display = SurprisalDisplay.from_estimator(model, "la li ul ")
    >>> display.colorbar_.ax.get_ylabel()
    'surprisal (bits)'
    >>> "".join(character.get_text() for character in display.text_)
    'laliul'
    """

    def __init__(self, text, surprisal):
        self.text = text
        self.surprisal = surprisal

    @classmethod
    def from_estimator(cls, estimator, text, *, ax=None, cmap="YlOrRd", vmax=None, width=80):
        """Draw a text in the colours of a fitted language model.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted `RNNLanguageModel`, a pipeline that ends with one, or a search over these.
        text : str or sequence of tokens
            A single text, in the form that the model was fitted on: a str, a list of words, or codes.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure that fits the text.
        cmap : str or matplotlib.colors.Colormap, default="YlOrRd"
            The colours, from 0 bits on.
        vmax : float, optional
            The number of bits at which the colours end; by default the largest. Use the same value to compare
            texts.
        width : int, default=80
            Maximum number of characters on a line.

        Returns
        -------
        SurprisalDisplay
            The display.

        Raises
        ------
        ValueError, TypeError
            If the estimator is not a fitted language model, or cannot read `text`; if a transformer before it
            changes the number of tokens; if the text fills more than 100 lines.
        """
        estimator, X = unwrap(estimator, [text])
        if not hasattr(estimator, "surprisal"):
            raise ValueError(
                f"{type(estimator).__name__} has no method surprisal: it is not a language model. "
                "Pass a fitted RNNLanguageModel."
            )
        display = cls(text, estimator.surprisal(X)[0])
        return display.plot(ax=ax, cmap=cmap, vmax=vmax, width=width)

    def plot(self, *, ax=None, cmap="YlOrRd", vmax=None, width=80):
        """Draw the text.

        Parameters
        ----------
        ax, cmap, vmax, width
            See :meth:`from_estimator`.

        Returns
        -------
        SurprisalDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        bits = self._join_marks()[1]
        lines, columns, owners, characters = _lay_out(as_codes(self.text), width)
        if lines[-1] >= MAX_LINES:
            raise ValueError(
                f"text fills {lines[-1] + 1} lines of {width} characters, but at most {MAX_LINES} are drawn; "
                "pass a part of it, make lines longer (width=), or use "
                "SurprisalDisplay(text, surprisal).to_html()."
            )
        n_lines, n_columns = max(6, lines[-1] + 1), max(20, max(columns) + 1)  # short texts are not stretched
        if ax is None:
            _, ax = plt.subplots(figsize=(1 + 0.1 * n_columns, 0.2 * n_lines), layout="constrained")
        cells = np.full((n_lines, n_columns), np.nan)
        cells[lines, columns] = bits[owners]
        self.im_ = ax.pcolormesh(
            np.ma.masked_invalid(cells), cmap=cmap, vmin=0, vmax=bits.max() if vmax is None else vmax
        )
        ax.set(xlim=(0, n_columns), ylim=(n_lines, 0))
        ax.set_axis_off()
        self.colorbar_ = ax.figure.colorbar(self.im_, ax=ax, label="surprisal (bits)")

        ax.figure.canvas.figure.draw_without_rendering()  # the layout settles the size of the axes
        box, points = ax.get_window_extent(), 72 / ax.figure.dpi  # in pixels; points in one of them
        # A letter of a typewriter font is 0.6 of its size wide.
        size = min(points * box.width / n_columns / 0.65, points * box.height / n_lines / 1.2, 12)
        style = {"size": size, "family": "monospace", "clip_on": True}
        style |= {"ha": "center", "va": "center_baseline"}
        colors = self.im_.cmap(self.im_.norm(bits))  # (n_steps, 4)
        ink = np.where(_luminance(colors[:, :3]) > 0.18, "black", "white")
        self.text_ = [
            ax.text(column + 0.5, line + 0.5, shown, color=ink[owner], **style)
            for line, column, owner, character in zip(lines, columns, owners, characters, strict=True)
            if (shown := _VISIBLE.get(character, character)) != " "
        ]
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def to_html(self, *, vmax=None):
        """Return the coloured text as HTML, of any length and without matplotlib.

        Parameters
        ----------
        vmax : float, optional
            The number of bits at which the colours end; by default the largest.

        Returns
        -------
        str
            An element for a page, or for `IPython.display.HTML`. The bits of a token show under the mouse.

        Examples
        --------
        >>> from sklearn_rnn.inspection import SurprisalDisplay
        >>> SurprisalDisplay("<", [1.4]).to_html()
        '<pre style="..."><span title="2.0 bits" style="background: #f46d43">&lt;</span></pre>'
        """
        text, bits = self._join_marks()
        shares = np.clip(bits / ((bits.max() if vmax is None else vmax) or 1), 0, 1)[:, np.newaxis]
        colors = np.rint(255 + shares * (_RED - 255)).astype(int).tolist()
        spans = []
        for token, n_bits, (r, g, b) in zip(text, bits, colors, strict=True):
            shown = html.escape(str(token)).replace("\n", "↵\n")
            spans.append(
                f'<span title="{n_bits:.1f} bits" style="background: #{r:02x}{g:02x}{b:02x}">{shown}</span>'
            )
        text = ("" if isinstance(self.text, str) else " ").join(spans)
        return f'<pre style="white-space: pre-wrap; color: #000; background: #fff">{text}</pre>'

    def _join_marks(self):
        """Join the characters of a str that are shown as one, and add their bits."""
        bits = self._bits()
        if not isinstance(self.text, str):
            return as_codes(self.text), bits
        text = split_graphemes(self.text)
        starts = np.cumsum([0, *map(len, text[:-1])])
        return text, np.add.reduceat(bits, starts)

    def _bits(self):
        bits = np.asarray(self.surprisal, dtype=np.float64) / math.log(2)
        if bits.shape != (len(self.text),):
            raise ValueError(
                f"text has {len(self.text)} tokens, but surprisal has shape {bits.shape}; a number is needed "
                "for each token. A transformer that cuts texts or joins tokens must be applied before."
            )
        if len(bits) == 0:
            raise ValueError("text is empty; there is nothing to show.")
        return bits


def split_graphemes(text):
    r"""Split a text into what readers see as single characters.

    These are the most common of Unicode's extended grapheme clusters (UAX 29): a character with the marks,
    joiners, skin tones and tags after it, and two letters that are a flag.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    list of str
        Its parts, none of them empty.

    Examples
    --------
    >>> from sklearn_rnn.inspection.surprisal import split_graphemes
    >>> [len(part) for part in split_graphemes("e\u0301a")]
    [2, 1]
    """
    parts = []
    for character in text:
        before = parts[-1] if parts else ""
        is_flag = len(before) == 1 and _is_flag_letter(before) and _is_flag_letter(character)
        is_joined = before.endswith("\u200d") and len(before) > 1 and ord(character) >= 0x203C
        if before and (is_flag or is_joined or (_extends(character) and not before.isspace())):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _is_flag_letter(character):
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _extends(character):
    """Return whether a character changes how the one before is shown: marks, joiners, skin tones, tags."""
    if character < "\u0300":
        return False
    if "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f":
        return True
    # The vowels and final consonants of a Korean syllable that is written in parts.
    is_jamo = "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7fb"
    return character in "\u200c\u200d" or is_jamo or unicodedata.category(character)[0] == "M"


def _lay_out(text, width):
    """Return line, column, token and form of each character; lines end between words if possible."""
    check_count("width", width)
    is_text = isinstance(text, str)
    words = re.findall(r"\S+\s?|\s", text) if is_text else [str(token) or " " for token in text]
    words = map(split_graphemes, words)
    places, line, column, owner = [], 0, 0, 0
    for word in words:
        if column > 0 and column + len(word) - word[-1].isspace() > width:
            line, column = line + 1, 0
        for character in word:
            if column >= width + character.isspace():  # a blank may be beyond the edge
                line, column = line + 1, 0
            places.append((line, column, owner, character))
            column += 1
            if character == "\n":
                line, column = line + 1, 0
            owner += is_text
        owner += not is_text
        column += not is_text and column > 0
    return tuple(map(list, zip(*places, strict=True)))


def _luminance(rgb):
    """Return the luminance of colours (n, 3); above 0.18, black has more contrast than white (WCAG 2)."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


# How characters without a visible form are drawn.
_VISIBLE = {"\n": "↵", "\t": "⇥"} | {chr(code): "�" for code in [*range(9), *range(11, 32), 127]}
