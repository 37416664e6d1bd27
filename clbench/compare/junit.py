"""Verdicts as JUnit XML, which GitHub's, GitLab's and Jenkins' test reports read."""

from __future__ import annotations

from xml.etree import ElementTree

from clbench.compare.document import in_words
from clbench.compare.verdicts import Compared, Verdict
from clbench.config.printable import printable

TAGS = {"worse": "failure", "not comparable": "error", "undecided": "skipped"}


def junit(found: Compared, strict: bool = False) -> bytes:
    """A suite a stream, a case a method and metric. strict: undecided is a failure."""
    root = ElementTree.Element("testsuites", name="clbench")
    for stream in dict.fromkeys(verdict.stream for verdict in found.verdicts):
        mine = [verdict for verdict in found.verdicts if verdict.stream == stream]
        tags = [tag_of(verdict, strict) for verdict in mine]
        counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
        numbers = {name: str(tags.count(tag)) for name, tag in counts.items()}
        head = {"name": printable(stream), "tests": str(len(mine)), **numbers}
        suite = ElementTree.SubElement(root, "testsuite", head)
        for verdict, tag in zip(mine, tags, strict=True):
            name = printable(f"{verdict.method} {verdict.metric}".strip())
            case = ElementTree.SubElement(suite, "testcase", classname=printable(stream), name=name)
            words = printable(in_words(verdict))
            if tag:
                ElementTree.SubElement(case, tag, message=words)
            else:
                ElementTree.SubElement(case, "system-out").text = words
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def tag_of(verdict: Verdict, strict: bool) -> str | None:
    return "failure" if strict and verdict.state == "undecided" else TAGS.get(verdict.state)
