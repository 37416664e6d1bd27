"""An option that is given twice, of which click would take the last; and one that there is not."""

from __future__ import annotations

from collections import Counter
from typing import Any

from typer.core import TyperCommand, TyperGroup

from clbench.cli.hints import meant
from clbench.errors import UserError


class Once:
    """Of a command or a group of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """UserError for an option that takes one value, or none, and is given more than once."""
        command: Any = self
        try:
            _, _, order = command.make_parser(ctx).parse_args(args=list(args))
        except Exception as error:
            unknown = error.option_name if type(error).__name__ == "NoSuchOption" else None  # type: ignore[attr-defined]
            if unknown and (hint := meant(ctx.info_name, unknown, args)):
                raise UserError(f"no option {unknown}; did you mean {hint}?") from None
            raise
        for param, times in Counter(order).items():
            if times > 1 and param.param_type_name == "option" and not param.multiple:
                words = "/".join([*param.opts, *param.secondary_opts])
                raise UserError(f"{words} is given {times} times, and counts once; leave out all but one")
        return super().parse_args(ctx, args)  # type: ignore[misc]


class Command(Once, TyperCommand):
    """A command of clbench."""


class Group(Once, TyperGroup):
    """A group of commands of clbench."""
