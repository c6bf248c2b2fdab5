"""The names that reference.md documents; for conf.py, and for the test that none is missing."""

import re
from pathlib import Path


def documented_names():
    """Give the full name of everything in reference.md, in its order."""
    names, module = [], None
    for line in (Path(__file__).parent / "reference.md").read_text(encoding="utf8").splitlines():
        if found := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.fullmatch(r"(?: {3}|\.\. py:data:: )(\w[\w.]*)", line):
            names.append(f"{module}.{found[1]}")
    return names
