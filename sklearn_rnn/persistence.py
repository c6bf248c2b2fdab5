"""Saving and loading: complete files, the version that a state records, the types for skops to trust.

An estimator's state is NumPy arrays and plain Python objects (see `sklearn_rnn.estimators.base`), so it can
be stored in any format for these: with `pickle` and joblib, which run any code that a file contains, and with
`skops.io`, which makes only objects of the types that it is set to trust.
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

#: The types that ``skops.io.load(file, trusted=TRUSTED_TYPES)`` must trust to load any estimator and any
#: transformer of this library, in addition to those that it trusts by default: plain types of Python and
#: NumPy, and scikit-learn's. No entry is a function, and none calls anything that a file names.
#:
#: It does not contain what a user adds in Python: a cell, head or optimizer passed as a class, options bound
#: by `functools.partial`, callbacks, a transformer of another library inside `StepTransformer`. To load a
#: file with these, read what ``skops.io.get_untrusted_types(file=file)`` lists, and trust it if you know it.
TRUSTED_TYPES = (
    # Their states are read by __setstate__, which builds the network from the parameters.
    "sklearn_rnn.RNNClassifier",
    "sklearn_rnn.RNNForecaster",
    "sklearn_rnn.RNNLanguageModel",
    "sklearn_rnn.RNNRegressor",
    "sklearn_rnn.RNNSeq2Seq",
    "sklearn_rnn.RNNTagger",
    # Their states are restored unchanged: what an estimator has learnt about the data.
    "sklearn_rnn.encoding.ConditionEncoder",
    "sklearn_rnn.encoding.InputEncoder",
    "sklearn_rnn.encoding.SequenceLabelEncoder",
    "sklearn_rnn.encoding.StepLabelEncoder",
    "sklearn_rnn.encoding.NumberEncoder",
    "sklearn_rnn.encoding.NumberTargetEncoder",
    "sklearn_rnn.encoding.SourceEncoder",
    "sklearn_rnn.encoding.TokenTargetEncoder",
    "sklearn_rnn.encoding.SeriesEncoder",
    "sklearn_rnn.encoding.TextEncoder",
    "sklearn_rnn.encoding.Vocabulary",
    # The same for transformers.
    "sklearn_rnn.preprocessing.SequenceFeatures",
    "sklearn_rnn.preprocessing.SequenceOneHotEncoder",
    "sklearn_rnn.preprocessing.SequencePadder",
    "sklearn_rnn.preprocessing.StepTransformer",
    "sklearn_rnn.preprocessing.TokenEncoder",
    "sklearn_rnn.preprocessing.SequenceTruncator",
    "sklearn_rnn.preprocessing.SlidingWindow",
    # The parameter `device` may be one. It is a name: making one does not access a device.
    "torch.device",
    # Some of scikit-learn's transformers store one, such as SimpleImputer. It names a type of numbers: making
    # one runs no code, and skops reads it from an array without pickled objects.
    "numpy.dtype",
)


class VersionMismatchWarning(UserWarning):
    """Warning for an object that was saved by another version of this library.

    It is the counterpart of `sklearn.exceptions.InconsistentVersionWarning`, which is about scikit-learn's
    version.

    Examples
    --------
    Refuse files of other versions:

    >>> import warnings
    >>> from sklearn_rnn.persistence import VersionMismatchWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", VersionMismatchWarning)
    """


class Versioned:
    """Mixin that records this library's version in the state, and compares it on loading.

    It must precede `sklearn.base.BaseEstimator`, which does so for scikit-learn's own classes only.

    Warns
    -----
    VersionMismatchWarning
        In `__setstate__`, if the state was made by another version or does not record one.

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
        """Return the state and the version of the library."""
        return {**super().__getstate__(), _KEY: __version__}

    def __setstate__(self, state):
        """Restore a state; warn if another version made it."""
        state = dict(state)  # the caller's
        version = state.pop(_KEY, None)
        if version != __version__:
            origin = "an unknown version of sklearn_rnn" if version is None else f"sklearn_rnn {version}"
            warnings.warn(
                f"{type(self).__name__} was saved by {origin} and is loaded by {__version__}: it may fail, "
                "or predict differently. Load it with the version that saved it, or fit it again.",
                VersionMismatchWarning,
                stacklevel=2,
            )
        super().__setstate__(state)


@contextmanager
def replacing(path):
    """Write a file completely before it replaces an old one.

    Parameters
    ----------
    path : Path
        The file, which need not exist, in a folder that exists.

    Yields
    ------
    Path
        A temporary file to write to. If writing fails or is interrupted, `path` is unchanged.

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
        new = Path(folder, path.name)  # joblib chooses the compression by the name
        yield new
        with new.open("rb+") as file:
            os.fsync(file.fileno())  # the new file is complete before it replaces the old one
        if path.exists():
            shutil.copymode(path, new)
        os.replace(new, path)
