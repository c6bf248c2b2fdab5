"""Small real data sets, and generators of problems with known answers."""

from sklearn_rnn._names import publish
from sklearn_rnn.datasets._loaders import (
    load_chess_openings,
    load_japanese_vowels,
    load_pronunciations,
    load_seattle_weather,
    load_surnames,
)
from sklearn_rnn.datasets._person_sentences import make_person_sentences
from sklearn_rnn.datasets._problems import make_adding_problem, make_delayed_copy, make_parity
from sklearn_rnn.datasets._reber import make_reber_grammar, reber_next_symbols

__all__ = [
    "load_chess_openings",
    "load_japanese_vowels",
    "load_pronunciations",
    "load_seattle_weather",
    "load_surnames",
    "make_adding_problem",
    "make_delayed_copy",
    "make_parity",
    "make_person_sentences",
    "make_reber_grammar",
    "reber_next_symbols",
]

publish(globals())
