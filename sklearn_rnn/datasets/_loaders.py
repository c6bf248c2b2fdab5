"""The data sets in the folder ``data``; each is described in the .rst file next to it."""

import csv
import gzip
from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch

from sklearn_rnn.data.parameters import check_option

_DATA = files("sklearn_rnn.datasets") / "data"


def _bunch(file, **content):
    """Add the path of the data file and its description to `content`."""
    description = file.partition(".")[0] + ".rst"
    return Bunch(
        **content,
        DESCR=(_DATA / description).read_text(encoding="utf-8"),
        filename=str(_DATA / file),
    )


def _read_lines(file):
    return gzip.decompress((_DATA / file).read_bytes()).decode("utf-8").splitlines()


def load_japanese_vowels(*, subset="all", return_X_y=False):
    """Load the Japanese vowels data set: who is speaking? (many to one, classification).

    Nine male speakers say the vowels /ae/. Each utterance is a sequence of 7 to 29 steps of 12 LPC
    cepstrum coefficients, each speaker a class.

    ===================   ==============================
    Sequences             640 (270 train, 370 test)
    Steps                 7 to 29, 9961 in total
    Features              12, float32
    Classes               9
    Largest class         88 of the 370 test utterances
    ===================   ==============================

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        Which rows to load. The split is the authors' own: the utterances of the test set were recorded on
        other occasions. "all" returns the rows of "train", then those of "test".
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the attributes:

        data : list of n_sequences arrays of shape (n_steps_i, 12)
            The utterances, float32.
        target : ndarray of str of shape (n_sequences,)
            The speakers, "1" to "9".
        train : ndarray of bool of shape (n_sequences,)
            Which rows belong to the training set.
        feature_names : list of str
            The names of the 12 features.
        target_names : list of str
            The names of the 9 speakers.
        DESCR : str
            Description, source and licence.
        filename : str
            The path of the data file.

    (data, target) : tuple if ``return_X_y`` is True
        The first two attributes above.

    References
    ----------
    .. [1] Kudo, M., Toyama, J., & Shimbo, M. (1999). Multidimensional curve classification using
           passing-through regions. Pattern Recognition Letters, 20(11-13), 1103-1111.

    Examples
    --------
    >>> from sklearn_rnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(subset="train", return_X_y=True)
    >>> len(X), X[0].shape, X[1].shape, str(y[0])
    (270, (20, 12), (26, 12), '1')

    The authors' split as a `cv` for scikit-learn's searches:

    >>> import numpy as np
    >>> from sklearn.model_selection import PredefinedSplit
    >>> vowels = load_japanese_vowels()
    >>> cv = PredefinedSplit(np.where(vowels.train, -1, 0))
    >>> [(len(train), len(test)) for train, test in cv.split()]
    [(270, 370)]
    """
    check_option("subset", subset, ("all", "train", "test"))
    file = "japanese_vowels.npz"
    with (_DATA / file).open("rb") as stream, np.load(stream) as arrays:
        data = np.split(np.ascontiguousarray(arrays["values"]), np.cumsum(arrays["lengths"])[:-1])
        target, train = arrays["labels"], arrays["train"]

    if subset != "all":
        rows = np.flatnonzero(train == (subset == "train"))
        data, target, train = [data[i] for i in rows], target[rows], train[rows]
    if return_X_y:
        return data, target
    return _bunch(
        file,
        data=data,
        target=target,
        train=train,
        feature_names=[f"cepstrum_{i}" for i in range(1, 13)],
        target_names=np.unique(target).tolist(),
    )


def load_surnames(*, return_X_y=False):
    """Load surnames and the languages they belong to (many to one, classification of strings).

    =================   =========================
    Sequences           11746
    Steps               2 to 40 characters
    Characters          103 distinct
    Classes             13
    Largest class       Irish, 20.2 % of the rows
    =================   =========================

    160 names occur in two or more languages, so no classifier can get more than 98.5 % of all rows right. The
    rows are in random order, always the same.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the attributes:

        data : list of n_sequences str
            The surnames.
        target : ndarray of str of shape (n_sequences,)
            The language of each.
        target_names : list of str
            The 13 languages.
        DESCR : str
            Description, source and licence.
        filename : str
            The path of the data file.

    (data, target) : tuple if ``return_X_y`` is True
        The first two attributes above.

    References
    ----------
    .. [1] Faraglia, D., and other contributors. Faker, version 40.54.0.
           https://github.com/joke2k/faker

    Examples
    --------
    >>> from sklearn_rnn.datasets import load_surnames
    >>> X, y = load_surnames(return_X_y=True)
    >>> len(X), X[0], str(y[0])
    (11746, 'Mzomba', 'Zulu')
    """
    file = "surnames.tsv.gz"
    data, target = zip(*(line.split("\t") for line in _read_lines(file)), strict=True)
    data, target = list(data), np.array(target)
    if return_X_y:
        return data, target
    return _bunch(file, data=data, target=target, target_names=np.unique(target).tolist())


def load_seattle_weather(*, return_X_y=False):
    """Load four years of daily weather in Seattle (many to many, one label a step).

    One series of 1461 days, 2012 to 2015, in the form of a list with one sequence. Each day has four
    measurements and one weather word. The series is a forecasting problem too, if the features of the
    next day are taken as the target.

    =============   =======================================================
    Sequences       1
    Steps           1461
    Features        4, float32
    Labels          5 (sun 714, fog 411, rain 259, drizzle 54, snow 23)
    =============   =======================================================

    Always predicting "sun" is right on 48.9 % of the days, repeating the word of the day before on 65.4 %.

    The weather words are not used the same way in all years: the station stopped reporting rain as such in
    2013, and many rainy days since then are called "fog" [2]_. A split by year therefore tests on labels that
    follow another rule than those in training.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the attributes:

        data : list of 1 array of shape (1461, 4)
            Precipitation (mm), highest and lowest temperature (degrees Celsius) and wind (m/s) of each
            day, float32.
        target : list of 1 ndarray of str of shape (1461,)
            The weather of each day.
        dates : ndarray of datetime64[D] of shape (1461,)
            The days, without a gap.
        feature_names : list of str
            The names of the 4 features.
        target_names : list of str
            The 5 labels.
        DESCR : str
            Description, source and licence.
        filename : str
            The path of the data file.

    (data, target) : tuple if ``return_X_y`` is True
        The first two attributes above.

    References
    ----------
    .. [1] National Oceanic and Atmospheric Administration, daily observations of Seattle, 2012 to 2015,
           as prepared for vega-datasets. https://github.com/vega/vega-datasets
    .. [2] "Rain weather conditions". https://github.com/vega/vega-datasets/pull/142

    Examples
    --------
    >>> from sklearn_rnn.datasets import load_seattle_weather
    >>> weather = load_seattle_weather()
    >>> weather.data[0].shape, weather.target[0][:3].tolist()
    ((1461, 4), ['drizzle', 'rain', 'rain'])

    Cut the series at the turn of each year, to get four sequences:

    >>> import numpy as np
    >>> year = weather.dates.astype("datetime64[Y]")
    >>> cuts = np.flatnonzero(year[1:] != year[:-1]) + 1
    >>> X, y = np.split(weather.data[0], cuts), np.split(weather.target[0], cuts)
    >>> [len(sequence) for sequence in X]
    [366, 365, 365, 365]
    """
    file = "seattle_weather.csv.gz"
    (_, *feature_names, _), *rows = csv.reader(_read_lines(file))  # date, features, weather
    data = [np.array([row[1:-1] for row in rows], dtype=np.float32)]
    target = [np.array([row[-1] for row in rows])]
    if return_X_y:
        return data, target
    return _bunch(
        file,
        data=data,
        target=target,
        dates=np.array([row[0].replace("/", "-") for row in rows], dtype="datetime64[D]"),
        feature_names=feature_names,
        target_names=np.unique(target[0]).tolist(),
    )


def load_chess_openings(*, return_X_y=False):
    """Load chess openings, move by move (language models; many to one, classification).

    ==============   =================================
    Sequences        5853
    Steps            1 to 36 moves, 56394 in total
    Moves            410 distinct
    Classes          5
    Largest class    Open Games, 24.5 % of the rows
    ==============   =================================

    A line is a named opening, not a game. Many lines are the beginning of others; the example shows how to
    keep the longest ones. The rows are in random order, always the same.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the attributes:

        data : list of n_sequences lists of str
            The moves of White and Black in turn, in standard algebraic notation.
        target : ndarray of str of shape (n_sequences,)
            The class of each opening.
        target_names : list of str
            The 5 classes.
        names : list of str
            The name of each opening.
        DESCR : str
            Description, source and licence.
        filename : str
            The path of the data file.

    (data, target) : tuple if ``return_X_y`` is True
        The first two attributes above.

    References
    ----------
    .. [1] Club d'Escacs Figueres (2026). Open Chess Naming (OCN-1), version 1.2.1.
           https://github.com/escacsfigueres/ocn

    Examples
    --------
    >>> from sklearn_rnn.datasets import load_chess_openings
    >>> openings = load_chess_openings()
    >>> openings.names[1], " ".join(openings.data[1]), str(openings.target[1])
    ('Ware Wing Gambit, axb5', 'a4 b5 axb5', 'Flank Openings')

    The lines that are not the beginning of another:

    >>> begun = {tuple(moves[:k]) for moves in openings.data for k in range(len(moves))}
    >>> longest = [moves for moves in openings.data if tuple(moves) not in begun]
    >>> len(openings.data), len(longest)
    (5853, 2742)
    """
    file = "chess_openings.tsv.gz"
    target, names, data = zip(*(line.split("\t") for line in _read_lines(file)), strict=True)
    data, target = [moves.split() for moves in data], np.array(target)
    if return_X_y:
        return data, target
    return _bunch(file, data=data, target=target, target_names=np.unique(target).tolist(), names=list(names))


def load_pronunciations(*, return_X_y=False):
    """Load English words and their pronunciations (sequence to sequence).

    ==============   ===================================
    Sequences        10000
    Steps            2 to 18 letters, 80736 in total
    Letters          26 distinct
    Targets          2 to 17 phonemes, 70247 in total
    Phonemes         69 distinct, 39 without the stress
    ==============   ===================================

    Phonemes are those of the ARPAbet. Vowels end with a digit, which is their stress: 0 for none, 1 for
    primary, 2 for secondary. The rows are in random order, always the same.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the attributes:

        data : list of n_sequences str
            The words, in lower case.
        target : list of n_sequences lists of str
            The phonemes of each.
        target_names : list of str
            The 69 phonemes.
        DESCR : str
            Description, source and licence.
        filename : str
            The path of the data file.

    (data, target) : tuple if ``return_X_y`` is True
        The first two attributes above.

    References
    ----------
    .. [1] Carnegie Mellon University (2015). The CMU Pronouncing Dictionary.
           http://www.speech.cs.cmu.edu/cgi-bin/cmudict

    Examples
    --------
    >>> from sklearn_rnn.datasets import load_pronunciations
    >>> X, y = load_pronunciations(return_X_y=True)
    >>> len(X), X[1], " ".join(y[1])
    (10000, 'directly', 'D ER0 EH1 K T L IY0')

    Without the stress:

    >>> " ".join(phoneme.rstrip("012") for phoneme in y[1])
    'D ER EH K T L IY'
    """
    file = "pronunciations.tsv.gz"
    data, target = zip(*(line.split("\t") for line in _read_lines(file)), strict=True)
    data, target = list(data), [phonemes.split() for phonemes in target]
    if return_X_y:
        return data, target
    return _bunch(file, data=data, target=target, target_names=np.unique(np.concatenate(target)).tolist())
