"""The program: its commands, and one line for every mistake."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from clbench import __version__
from clbench.cli.compare import check, compare
from clbench.cli.features import data_features
from clbench.cli.fid import fid
from clbench.cli.listing import data_fetch, data_list, data_verify, list_
from clbench.cli.merge import merge
from clbench.cli.once import Command, Group
from clbench.cli.prune_lenet import prune_lenet
from clbench.cli.reproduce import reproduce
from clbench.cli.results import analyze, evaluate, report
from clbench.cli.show import show
from clbench.cli.sweep import sweep
from clbench.cli.train import train
from clbench.config.printable import message as one_line
from clbench.errors import UserError, out_of_memory
from clbench.run import interrupt


class Stopped(Exception):
    """Ctrl-C, or nobody reads on. Typer would end the program itself at either; main() has words for them."""


class Commands(Group):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, BrokenPipeError) as error:
            raise Stopped from error


def show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"clbench {__version__}")
        raise typer.Exit


def common(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """--debug is main()'s."""


COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "sweep": sweep,
    "prune-lenet": prune_lenet,
    "evaluate": evaluate,
    "fid": fid,
    "merge": merge,
    "compare": compare,
    "check": check,
    "show": show,
    "report": report,
    "analyze": analyze,
    "reproduce": reproduce,
    "list": list_,
}
OF_DATA: dict[str, Callable[..., None]] = {
    "list": data_list,
    "fetch": data_fetch,
    "verify": data_verify,
    "features": data_features,
}
data_app = typer.Typer(
    cls=Group, help="Data sets: what is here, where from, checksums.", no_args_is_help=True, rich_markup_mode=None
)
for name, command in OF_DATA.items():
    data_app.command(name, cls=Command)(command)


def program(names: Iterable[str]) -> typer.Typer:
    """With these commands: to read the options of all of them takes longer than many a command."""
    made = typer.Typer(
        name="clbench",
        cls=Commands,
        help="A benchmark for continual learning: train methods over streams of tasks, keep every accuracy "
        "matrix, report ACC, BWT, FWT and SMT.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # which would take [default: 5] for a style and leave it out
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(common)
    for name in names:
        if name == "data":
            made.add_typer(data_app, name=name)
        else:
            made.command(name, cls=Command)(COMMANDS[name])
    return made


app = program([*COMMANDS, "data"])


def main() -> None:
    """The entry point: a user's mistake is one line and exit code 2, Ctrl-C is 130, --debug shows tracebacks."""
    debug = "--debug" in sys.argv
    if debug:  # anywhere on the line
        sys.argv = [sys.argv[0], "--debug", *(a for a in sys.argv[1:] if a != "--debug")]
    warnings.showwarning = warn  # type: ignore[assignment]
    try:
        asked = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
        chosen = program([asked]) if asked in (*COMMANDS, "data") else app
        code = chosen(standalone_mode=False, prog_name="clbench")
        if interrupt.came:  # and went lost
            raise KeyboardInterrupt
        interrupt.end()
        sys.exit(code)
    except (Exception, KeyboardInterrupt) as error:
        interrupt.end()
        cause = error.__cause__ if isinstance(error, Stopped) and error.__cause__ else error
        if isinstance(cause, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit complains
            sys.exit(0)
        if debug:
            traceback.print_exception(cause)
        if type(cause).__name__ == "NoArgsIsHelpError":  # not a mistake to explain: its message is the help
            cause.show()  # type: ignore[attr-defined]
            sys.exit(2)
        fail(*explained(cause))


def explained(error: BaseException) -> tuple[str, int]:
    """One line about an error, and the exit code."""
    if interrupt.behind(error):
        return interrupt.LINE, 130
    if isinstance(error, UserError):
        return str(error), 2
    if out_of_memory(error):
        return (
            "out of memory; use a smaller network or train.batch_size, fewer seeds at once "
            "(--set train.seeds_at_once=1) or fewer --workers",
            2,
        )
    if isinstance(error, OSError):
        return f"{error.filename or 'system'}: {error.strerror or error}", 2
    if hasattr(
        error, "format_message"
    ):  # typer's: an option or command that there is not, a value of the wrong type
        return misused(error), 2
    kind = type(error).__name__
    return f"{kind}: {error} (a fault of clbench or of a plugin; --debug shows where)", 2


def misused(error: Any) -> str:
    """What typer says of a command line that it cannot read, with where to look."""
    context = getattr(error, "ctx", None)
    words = " ".join(error.format_message().split()).rstrip(".")
    return f"{words}; {context.command_path} --help lists what there is" if context else words


def warn(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """A warning is one line, without the line of source that raised it."""
    print(f"clbench: warning: {one_line(str(message))}", file=sys.stderr)


def fail(message: str, code: int) -> None:
    print(f"clbench: {one_line(message)}", file=sys.stderr)
    sys.exit(code)
