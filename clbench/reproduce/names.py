"""What can be reproduced, by name."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.config.options import did_you_mean
from clbench.errors import UserError

ORDER = (
    *("table1", "table2", "table3", "fig3", "fig4", "fig5", "fig6", "fig7a", "fig7b", "fig7c"),
    *("fig8a", "fig8b", "fig8c", "fig9", "fig10", "fig11", "table4"),
)
FILES = (".yaml", ".yml")  # of the user's own


def require_known(names: Sequence[str]) -> None:
    """UserError for a name that there is not."""
    for name in names:
        if not name.endswith(FILES) and name not in (*ORDER, "all"):
            raise UserError(f"nothing to reproduce called {name!r}; {did_you_mean(name, (*ORDER, 'all'))}")
