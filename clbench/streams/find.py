"""Stream names: 'split-mnist' and 'split:my.npz' are the form `split` over a data set; others stand alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from clbench.config.options import did_you_mean
from clbench.datasets.paths import is_path
from clbench.errors import UserError
from clbench.registry import datasets, streams


def is_form(function: Callable[..., Any]) -> bool:
    """A form takes the images of any data set; other streams load what they need themselves."""
    return first_of(function) == "images"


def is_list(function: Callable[..., Any]) -> bool:
    """A stream over several data sets that its name lists: `sequence:mnist,svhn`."""
    return first_of(function) == "several"


def first_of(function: Callable[..., Any]) -> str:
    """What a stream's function takes first: images, several, or whatever it calls what loads a data set."""
    return next(iter(inspect.signature(function).parameters), "")


def own_file(name: str) -> bool:
    """Whether a stream reads a file of the user's, which may change."""
    return ":" in name


def names() -> list[str]:
    """Every stream that can be asked for without a file."""
    forms = [name for name in streams if is_form(streams[name])]
    alone = [name for name in streams if name not in forms and not is_list(streams[name])]
    return sorted({*alone, *(f"{form}-{data}" for form in forms for data in datasets)})


def registered_as(name: str) -> str:
    """'split' of 'split-mnist' and 'split:my.npz'; other streams have their own name."""
    function, _ = find(name)
    named = [form for form in streams if name == form or name.startswith((f"{form}-", f"{form}:"))]
    return next(form for form in named if streams[form] is function)


def find(name: str) -> tuple[Callable[..., Any], str | None]:
    """The stream's function and the data set a form is to take (a name or a path), or None."""
    form, colon, file = name.partition(":")
    if colon and form in streams and is_list(streams[form]):
        return streams[form], ",".join(listed(name, file))
    if colon:
        if form not in streams or not is_form(streams[form]):
            forms = [f for f in streams if is_form(streams[f])]
            raise UserError(f"no stream form called {form!r}; there are: {', '.join(f + ':FILE' for f in forms)}")
        if not is_path(file):
            raise UserError(
                f"{name}: a file of your own is an .npz with x_train, y_train, x_test, y_test, "
                "or images in a folder a class: FOLDER/ (with the slash), FILE.zip, FILE.tar.gz"
            )
        return streams[form], file
    if name in streams and is_list(streams[name]):
        raise UserError(f"{name} takes the data sets in its name, as {name}:mnist,svhn,my.npz")
    if name in streams and not is_form(streams[name]):
        return streams[name], None
    for form in (f for f in streams if is_form(streams[f]) and name.startswith(f"{f}-")):
        if (data := name.removeprefix(f"{form}-")) in datasets:
            return streams[form], data
    hint = did_you_mean(name, names())
    if not hint.startswith("did"):  # a name like no other: all would be too many to read
        named = ", ".join(f"{form}-NAME" for form in streams if is_form(streams[form]))
        hint = f"there are {named} of a data set, and more (clbench list streams)"
    raise UserError(f"no stream called {name!r}; {hint}; or split:FILE.npz, permuted:FILE.npz")


def listed(name: str, several: str) -> list[str]:
    """The data sets of `sequence:A,B,FILE.npz`; UserError where one is unknown."""
    found = [one.strip() for one in several.split(",")]
    for one in found:
        if one not in datasets and not is_path(one):
            raise UserError(
                f"{name}: no data set called {one!r}; {did_you_mean(one, datasets)}, or a path ending in .npz"
            )
    return found


def data_sets_of(name: str, options: dict[str, Any]) -> list[str]:
    """The data sets (names or paths) that a stream is asked to read, as far as its name and options say."""
    function, data = find(name)
    if data is not None:
        return data.split(",") if is_list(function) else [data]
    return [*options.get("datasets", ()), *options.get("folders", ())]
