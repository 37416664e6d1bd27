"""Documents as one HTML page that needs no network: tables, curves, heat maps, and how every run was made."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from clbench.report.document import Document
from clbench.report.write import Place, writes

if TYPE_CHECKING:
    from jinja2 import Environment

SCRIPTS = ("tooltip.js", "sorting.js", "curves.js", "matrices.js", "start.js")


@writes("html", ".html", ".htm")
def write(documents: Sequence[Document], place: Place) -> str:
    """The page; whatever comes from a result file is escaped, and no script but the page's own may run."""
    from markupsafe import Markup

    from clbench.report.write.page.charts import Charts
    from clbench.report.write.page.views import views

    charts = Charts()
    sections = [view for document in documents for view in views(document, charts)]
    style, script = _asset("page.css"), "".join(map(_asset, SCRIPTS))
    page = (
        _environment()
        .get_template("page.html")
        .render(
            sections=sections,
            runs=sum(len(section.runs) for section in sections),
            charts=charts.data(),
            style=Markup(style),
            script=Markup(script),
            policy=_policy(style, script),
        )
    )
    return page.encode(errors="backslashreplace").decode()  # half characters, of the names of files


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # slow to import

    environment = Environment(
        loader=PackageLoader("clbench.report.write", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment


def _asset(name: str) -> str:
    return (files("clbench.report.write") / "page" / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """A content security policy under which nothing is loaded, and only these very texts are obeyed."""
    hashed = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    rules = f"style-src 'sha256-{hashed[0]}'; script-src 'sha256-{hashed[1]}'"
    return f"default-src 'none'; img-src data:; {rules}; base-uri 'none'; form-action 'none'"
