"""What holds for the package as a whole: version, public names, imports and declared needs."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import sklearn_rnn
from sklearn_rnn._names import written_in

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PUBLIC = sorted(set(sklearn_rnn.__all__) - {"__version__"})
CONTRACTS = {contract["id"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}


def test_version_is_the_installed_one():
    assert sklearn_rnn.__version__ == importlib.metadata.version("sklearn-rnn")


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_has_examples(name):
    doc = getattr(sklearn_rnn, name).__doc__
    assert re.search(r"^ *Examples\n *--------\n", doc, flags=re.MULTILINE)


def test_public_names_are_listed():
    assert set(PUBLIC) <= set(dir(sklearn_rnn))


def test_unknown_name():
    with pytest.raises(AttributeError, match="'RNNClasifier'"):
        sklearn_rnn.RNNClasifier  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import sklearn_rnn", {"numpy", "sklearn", "skorch", "torch"}),
        ("from sklearn_rnn import data, datasets, preprocessing", {"skorch", "torch"}),
        ("import sklearn_rnn.nn", {"skorch"}),
        pytest.param(
            "import pickle; from sklearn_rnn import RNNClassifier; "
            "model = RNNClassifier(max_iter=1, pooling='attention', embedding_size=2); "
            "model.fit(['a', 'b'], [0, 1]); "
            "pickle.loads(pickle.dumps(model)).predict(['a'])",
            {"torch._dynamo", "sympy", "matplotlib", "sklearn.linear_model"},
            marks=pytest.mark.skipif(
                Version(importlib.metadata.version("torch")) < Version("2.5"),
                reason="zeros on the meta device import sympy there",
            ),
        ),
    ],
)
def test_import_loads_no_more_than_it_needs(statement, absent):
    code = f"{statement}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())


def test_every_subpackage_stands_in_the_skorch_contract():
    subpackages = {f"sklearn_rnn.{path.parent.name}" for path in ROOT.glob("sklearn_rnn/*/__init__.py")}
    assert set(CONTRACTS["skorch"]["source_modules"]) == subpackages - {"sklearn_rnn.training"}


def test_every_estimator_stands_in_the_independence_contract():
    modules = {written_in(getattr(sklearn_rnn, name)) for name in PUBLIC}
    estimators = {module for module in modules if module.startswith("sklearn_rnn.estimators.")}
    assert set(CONTRACTS["estimators"]["modules"]) == estimators


def read_pins(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line.partition("#")[0]) for line in lines if not line.startswith("#")]
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}


def test_constraints_pin_what_is_needed():
    pinned = read_pins("constraints.txt")
    extras = PROJECT["project"]["optional-dependencies"]
    for text in [*PROJECT["project"]["dependencies"], *extras["docs"], *extras["plot"], *extras["test"]]:
        need = Requirement(text)
        if need.name != "sklearn-rnn":
            assert need.specifier.contains(pinned[canonicalize_name(need.name)]), text


@pytest.mark.parametrize("file", ["tests.yml", "wheels.yml"])
def test_workflows_run_pinned_actions_with_least_permissions(file):
    text = (ROOT / ".github/workflows" / file).read_text(encoding="utf-8")
    actions = re.findall(r"uses: (.*)", text)
    assert actions
    for action in actions:  # a tag can be moved to another commit, which would then run here
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v[\d.]+", action), action
    assert re.findall(r"^permissions:\n((?:  .*\n)*)", text, flags=re.MULTILINE) == ["  contents: read\n"]
    assert text.count("persist-credentials: false") == text.count("uses: actions/checkout@")


def test_lowest_constraints_are_the_bounds():
    pinned = read_pins("constraints-lowest.txt")
    extras = PROJECT["project"]["optional-dependencies"]
    for text in [*PROJECT["project"]["dependencies"], *extras["plot"], *extras["test"]]:
        need = Requirement(text)
        if need.name != "sklearn-rnn":
            assert str(need.specifier) == f">={pinned[canonicalize_name(need.name)]}", text
