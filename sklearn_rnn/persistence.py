"""Saving and loading: files that are whole, the version that a state records, the types that skops may trust.

An estimator's state is NumPy arrays and plain Python (see `sklearn_rnn.estimators.base`), so it can be stored
in any format that knows these: by `pickle` and joblib, which run whatever a file tells them to, and by
`skops.io`, which makes only objects of types that it was told to trust.
"""

import os
import shutil
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

from sklearn_rnn import __version__

__all__ = ["TRUSTED_TYPES", "VersionMismatchWarning"]

_KEY = "_sklearn_rnn_version"

#: What ``skops.io.load(file, trusted=TRUSTED_TYPES)`` has to trust to load any estimator and any transformer
#: of this library, besides what it trusts anyway: plain types of Python and NumPy, and scikit-learn's. No
#: entry is a function, and none calls anything that a file names.
#:
#: Not in it is what a user adds in Python: a cell, head or optimizer given as a class, options bound by
#: `functools.partial`, callbacks, a transformer of another library inside `StepTransformer`. To load a file
#: with such things, read what ``skops.io.get_untrusted_types(file=file)`` lists, and trust it if you know it.
TRUSTED_TYPES = (
    # Their states are read by __setstate__, which builds the network that the parameters name.
    "sklearn_rnn.estimators.classifier.RNNClassifier",
    "sklearn_rnn.estimators.forecaster.RNNForecaster",
    "sklearn_rnn.estimators.language_model.RNNLanguageModel",
    "sklearn_rnn.estimators.regressor.RNNRegressor",
    "sklearn_rnn.estimators.seq2seq.RNNSeq2Seq",
    "sklearn_rnn.estimators.tagger.RNNTagger",
    # Their states are kept as they are.
    "sklearn_rnn.preprocessing.features.SequenceFeatures",
    "sklearn_rnn.preprocessing.onehot.OneHotSequenceEncoder",
    "sklearn_rnn.preprocessing.padder.SequencePadder",
    "sklearn_rnn.preprocessing.steps.StepTransformer",
    "sklearn_rnn.preprocessing.tokens.TokenEncoder",
    "sklearn_rnn.preprocessing.truncator.SequenceTruncator",
    "sklearn_rnn.preprocessing.windows.SlidingWindow",
    # The parameter `device` may be one. It is a name: to make one touches no device.
    "torch.device",
    # Some of scikit-learn's transformers remember one, such as SimpleImputer. It names a type of numbers: to
    # make one runs nothing, and skops reads it from an array without pickled objects.
    "numpy.dtype",
)


class VersionMismatchWarning(UserWarning):
    """What is loaded was saved by another version of this library.

    scikit-learn's `sklearn.exceptions.InconsistentVersionWarning` speaks of scikit-learn's version; this one
    is its counterpart.

    Examples
    --------
    Refuse files of other versions:

    >>> import warnings
    >>> from sklearn_rnn.persistence import VersionMismatchWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", VersionMismatchWarning)
    """


class Versioned:
    """Mixin: record this library's version in the state, and compare it on loading.

    It comes before `sklearn.base.BaseEstimator`, which does so for scikit-learn's own classes only.

    Warns
    -----
    VersionMismatchWarning
        By `__setstate__`, if the state was made by another version or records none.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn_rnn.persistence import Versioned
    >>> class Nothing(Versioned, BaseEstimator):
    ...     pass
    >>> state = Nothing().__getstate__()
    >>> state["_sklearn_rnn_version"] = "0.0.1"
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     Nothing().__setstate__(state)
    >>> print(caught[0].message)
    Nothing was saved by sklearn_rnn 0.0.1 and is loaded by ...
    """

    def __getstate__(self):
        """Give the state and the version of the library."""
        return {**super().__getstate__(), _KEY: __version__}

    def __setstate__(self, state):
        """Take a state; warn if another version made it."""
        state = dict(state)  # the caller's
        version = state.pop(_KEY, None)
        if version != __version__:
            origin = "an unknown version of sklearn_rnn" if version is None else f"sklearn_rnn {version}"
            warnings.warn(
                f"{type(self).__name__} was saved by {origin} and is loaded by {__version__}: it may fail, "
                "or answer differently. Load it with the version that saved it, or fit it anew.",
                VersionMismatchWarning,
                stacklevel=2,
            )
        super().__setstate__(state)


@contextmanager
def replacing(path):
    """Write a file as a whole: beside the old one, which it replaces when all is written.

    Parameters
    ----------
    path : Path
        The file, which need not exist. Its folder must.

    Yields
    ------
    Path
        Where to write. If writing fails or is interrupted, `path` is as it was.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_rnn.persistence import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "a.txt")) as new:
    ...         n = new.write_text("whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.", suffix=".tmp") as folder:
        new = Path(folder, path.name)  # the name says how joblib compresses
        yield new
        with new.open("rb+") as file:
            os.fsync(file.fileno())  # the new file is whole before it takes the place of the old one
        if path.exists():
            shutil.copymode(path, new)
        os.replace(new, path)
