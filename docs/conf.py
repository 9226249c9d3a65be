"""Sphinx: MyST pages, furo's look, warnings as errors (`poe docs`)."""

from importlib.metadata import version as version_of

project = "tip"
author = "The tip authors"
copyright = "The tip authors"  # noqa: A001 - Sphinx's own name
version = release = version_of("tip")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "tip"
default_role = "code"  # single backticks in docstrings are names of code
autodoc_typehints = "none"
autodoc_member_order = "bysource"
