"""The numbers behind documents as JSON: unrounded, with the value of every seed."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.report.document import Document
from clbench.report.write import Place, writes
from clbench.results.jsonfile import dumps


@writes("json", ".json")
def write(documents: Sequence[Document], place: Place) -> str:
    """What the document holds; of several, one list of what all of them hold."""
    if len(documents) == 1:
        return dumps(documents[0].objects())
    return dumps([each for document in documents for each in document.objects()])
