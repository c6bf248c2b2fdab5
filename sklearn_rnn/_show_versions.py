"""Information for bug reports."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from sklearn_rnn._names import publish


def show_versions():
    """Print versions, device, threads, and how time loops are run on the CPU, for bug reports.

    Examples
    --------
    >>> import sklearn_rnn
    >>> sklearn_rnn.show_versions()
    sklearn_rnn: ...
    """
    import torch

    from sklearn_rnn import __version__
    from sklearn_rnn.nn.kernels import choose

    facts = {"sklearn_rnn": __version__, "Python": sys.version.split()[0], "platform": platform.platform()}
    for name in ("torch", "skorch", "scikit-learn", "numpy", "scipy", "joblib"):
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    facts["GPU"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    facts["torch threads"] = torch.get_num_threads()
    facts["time loops on the CPU"] = choose.describe()
    for name, fact in facts.items():
        print(f"{name}: {fact}")


publish(globals(), ["show_versions"], module="sklearn_rnn")
