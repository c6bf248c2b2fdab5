"""What Sphinx makes of this folder; `make docs` runs it, without a network."""

import importlib
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform

import sklearn_rnn
from sklearn_rnn._names import written_in

sys.path.insert(0, str(Path(__file__).parent))
from names import documented_names

project = "sklearn_rnn"
author = "The sklearn_rnn developers"
copyright = author
version = release = sklearn_rnn.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "literal"  # what docstrings put into `single` quotes; `LinkNames` makes links of public names
nitpicky = True  # a reference without a target is a warning
nitpick_ignore_regex = [("py:.*", r"(matplotlib|numpy|sklearn|skorch|torch)\..*")]  # sites of their own

myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_rnn {release}"
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 8,
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
html_sidebars = {page: [] for page in ("index", "installation", "examples", "benchmarks", "changelog")}

# All checks but these. There need not be an extended summary, an example and a "See Also" for each method;
# what is said once is not said again ("See `fit`."); types are in words; what comes back may have a name.
numpydoc_validation_checks = {"all", "ES01", "EX01", "SA01", "GL01", "PR04", "PR06", "RT02", "RT04", "YD01"}
numpydoc_validation_overrides = {"PR01": [r"Parameters are those of `\w+`"]}
numpydoc_validation_exclude = {r"\.nn\.\w+(Cell|Head)\.\w+"}  # `Cell` and `Head` tell what is overridden
numpydoc_show_class_members = False  # the template lists those that are ours


def get(full_name):
    module, _, name = full_name.rpartition(".")
    return getattr(importlib.import_module(module), name)


def members_of(cls):
    """Say how autodoc is to show the public members of a class, those of its foreign bases left out."""
    ours = [base for base in cls.__mro__ if base.__module__.split(".")[0] == "sklearn_rnn"]
    names = dict.fromkeys(name for base in ours for name in vars(base) if not name.startswith("_"))
    of_scikit_learn = re.compile(r"set_(output|\w+_request)")
    members = [(name, getattr(cls, name)) for name in names if not of_scikit_learn.fullmatch(name)]
    shown = [(name, "property") for name, member in members if isinstance(member, property)]
    return shown + [(name, "method") for name, member in members if callable(member)]


DOCUMENTED = documented_names()
autosummary_context = {
    "own_members": {name: members_of(get(name)) for name in DOCUMENTED if isinstance(get(name), type)}
}


class LinkNames(SphinxTransform):
    """Make links of the public names that stand in `code` style, with or without their module.

    So guide pages can be plain Markdown and docstrings plain text.
    """

    default_priority = 400
    full_names = {name.rpartition(".")[2]: name for name in DOCUMENTED} | {name: name for name in DOCUMENTED}

    def apply(self):
        for literal in list(self.document.findall(nodes.literal)):
            words = literal.astext()
            target = self.full_names.get(words)
            if target is None or isinstance(literal.parent, (nodes.reference, nodes.title, pending_xref)):
                continue
            reference = pending_xref(
                "", refdomain="py", reftype="obj", reftarget=target, refexplicit=True, refdoc=self.env.docname
            )
            literal.replace_self(reference)
            reference += literal


def escape_underscores(app, what, name, obj, options, lines):
    """Let (n_sequences, n_steps_) be text: docutils would read `n_steps_` as a reference.

    What stands between backticks, and examples, are literal already.
    """
    is_example = False
    for i, line in enumerate(lines):
        is_example = line.lstrip().startswith(">>>") or (is_example and line.strip() != "")
        if not is_example:
            lines[i] = re.sub(r"""(`+.+?`+)|\b(\w+)_(?=[,.)"'\s]|$)""", lambda m: m[1] or rf"{m[2]}\_", line)


def find_source(app, module, name):
    """Return the module with the source of a public class or function, for its link."""
    value = getattr(sys.modules.get(module), name.partition(".")[0], None)
    return None if value is None else written_in(value)


def setup(app):
    app.connect("viewcode-follow-imported", find_source)
    app.connect("autodoc-process-docstring", escape_underscores, priority=400)  # numpydoc, with 500, is later
    app.add_transform(LinkNames)
