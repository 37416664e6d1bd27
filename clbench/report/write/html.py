"""Results as one HTML page that needs no network: tables, curves, heat maps, and how every run was made."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clbench.report.build.pruning import Comparison
from clbench.report.build.result_table import Table
from clbench.report.write.page.charts import Charts
from clbench.report.write.page.views import Further, Section, of_comparison, of_further, of_table

__all__ = ["Further", "write"]

SCRIPTS = ("tooltip.js", "sorting.js", "curves.js", "matrices.js", "start.js")


def write(
    tables: Iterable[Table],
    studies: Iterable[Comparison] = (),
    more: Iterable[Further] = (),
) -> str:
    """The page; `more` comes after tables and studies.

    Whatever comes from a result file is escaped, and no script but the page's own may run.
    """
    charts = Charts()
    sections: list[Section] = [of_table(table, charts) for table in tables]
    sections += [of_comparison(study, charts) for study in studies]
    sections += [section for further in more for section in of_further(further)]
    style, script = _asset("page.css"), "".join(map(_asset, SCRIPTS))
    return (
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


def _environment() -> Environment:
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
