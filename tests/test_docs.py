"""The reference names all that is public, and the page of examples all examples."""

import importlib
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import sklearn_rnn

ROOT = Path(__file__).resolve().parents[1]


def documented_names():
    spec = importlib.util.spec_from_file_location("names", ROOT / "docs" / "names.py")
    names = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(names)
    return names.documented_names()


def get(full_name):
    module, _, name = full_name.rpartition(".")
    return getattr(importlib.import_module(module), name)


MODULES = [
    "sklearn_rnn",
    *(f"sklearn_rnn.{module.name}" for module in pkgutil.iter_modules(sklearn_rnn.__path__)),
]
PUBLIC = [
    f"{module}.{name}"
    for module in MODULES
    for name in getattr(importlib.import_module(module), "__all__", [])
    if not name.startswith("__")
]
DOCUMENTED = documented_names()


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_in_the_reference(name):
    # Names from several doors, such as sklearn_rnn.data.Sequences, are there under one of them.
    assert any(get(documented) is get(name) for documented in DOCUMENTED)


def test_every_name_is_in_the_reference_once():
    assert len(DOCUMENTED) == len(set(DOCUMENTED))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_class_or_function_is_named_by_the_module_that_it_is_imported_from(name):
    value = get(name)
    if not isinstance(value, (dict, tuple)):
        assert f"{value.__module__}.{value.__qualname__}" == name


@pytest.mark.parametrize("name", DOCUMENTED)
def test_name_in_the_reference_has_an_example(name):
    assert isinstance(get(name), (dict, tuple)) or "Examples\n" in get(name).__doc__


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("examples/*.py")))
def test_example_is_listed(name):
    assert f"(../examples/{name})" in (ROOT / "docs" / "examples.md").read_text(encoding="utf8")
