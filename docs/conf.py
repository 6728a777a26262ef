"""Sphinx's settings for the pages. `make docs` builds them; nothing is fetched, by the build or by the pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import otogura

project = "otogura"
author = "The otogura authors"
copyright = author
version = release = otogura.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["*.py"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # links to headings, as GitHub makes them

default_role = "code"  # single backticks in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc states types, with shapes and units
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False  # autodoc shows them where a page asks for them
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"otogura {version}"
html_show_sourcelink = False
html_copy_source = False
