"""The compiled time loops: an optional part, without which the package runs on torch alone."""

import hashlib
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = "sklearn_rnn/nn/kernels/native"
SOURCES = sorted([*Path(FOLDER).glob("*.c"), *Path(FOLDER).glob("*.h")])
# What the library says it was built from; sklearn_rnn/nn/kernels/native/library.py compares.
DIGEST = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()


class BuildLoops(build_ext):
    """Build a plain shared library, which Python loads by its path and does not import."""

    def get_export_symbols(self, ext):
        """Export no PyInit function, which there is none."""
        return ext.export_symbols


setup(
    cmdclass={"build_ext": BuildLoops},
    ext_modules=[
        Extension(
            "sklearn_rnn.nn.kernels.native._loops",
            [f"{FOLDER}/{name}.c" for name in ("recurrence", "team", "avx512", "avx2", "neon")],
            libraries=[] if sys.platform == "win32" else ["m", "pthread"],
            depends=[f"{FOLDER}/{name}.h" for name in ("recurrence", "team", "loops")],
            define_macros=[("RNN_SOURCES", f'"{DIGEST}"')],
            # A product and a sum become one instruction. Nothing that changes the order of sums or loses NaN.
            extra_compile_args=["-O3", "-g0", "-ffp-contract=fast", "-fvisibility=hidden"],
            optional=True,
        )
    ],
)
