"""The templates of pages, and the policy that keeps a page from reaching anything."""

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from engine.charts.scales import duration_text
from engine.report import forms

_FILTERS = ("at", "bps", "cell", "checks", "label", "money", "number", "of_trial", "share", "sign", "signed", "when")


def rendered(template: str, **values: object) -> str:
    """Return a page from one of the templates beside this file."""
    return _templates().get_template(template).render(style=_style(), policy=_policy(), **values)


def drawn(chart: str) -> Markup:
    """Return a chart, whose text is escaped, as what a template takes as it is."""
    return Markup(chart)  # noqa: S704


@cache
def _templates() -> Environment:
    loader = PackageLoader("engine", "report")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters |= {name: getattr(forms, name) for name in _FILTERS}
    found.filters["duration"] = duration_text
    return found


@cache
def _style() -> Markup:
    return drawn(_templates().get_template("style.css.j2").render())


@cache
def _policy() -> str:
    # nothing but this page's own style: no script, no picture, no request
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
