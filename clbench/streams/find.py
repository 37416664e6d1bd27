"""Stream names: 'split-mnist' and 'split:my.npz' are the form `split` over a data set; others stand alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.registry import datasets, streams


def is_form(name: str) -> bool:
    """A form takes the images of any data set; other streams load what they need themselves."""
    return streams.described(name).facts["takes"] == "images"


def is_list(name: str) -> bool:
    """A stream over several data sets that its name lists: `sequence:mnist,svhn`."""
    return streams.described(name).facts["takes"] == "several"


def own_file(name: str) -> bool:
    """Whether a stream reads a file of the user's, which may change."""
    return ":" in name


def names() -> list[str]:
    """Every stream that can be asked for without a file."""
    forms = [name for name in streams if is_form(name)]
    alone = [name for name in streams if name not in forms and not is_list(name)]
    return sorted({*alone, *(f"{form}-{data}" for form in forms for data in datasets)})


def find(name: str) -> tuple[Callable[..., Any], str | None]:
    """The stream's function and the data set a form is to take (a name or a path), or None."""
    registered, data = place_of(name)
    return streams[registered], data


def place_of(name: str) -> tuple[str, str | None]:
    """What it is registered as, 'split' of 'split-mnist' and 'split:my.npz', and the data set or None.

    UserError for a name that there is not. Imports no stream.
    """
    form, colon, file = name.partition(":")
    if colon and form in streams and is_list(form):
        return form, ",".join(split_list(name, file))
    if colon:
        if form not in streams or not is_form(form):
            forms = [f for f in streams if is_form(f)]
            raise UserError(f"no stream form called {form!r}; there are: {', '.join(f + ':FILE' for f in forms)}")
        if not names_path(file):
            raise UserError(
                f"{name}: a file of your own is an .npz with x_train, y_train, x_test, y_test, "
                "or images in a folder a class: FOLDER/ (with the slash), FILE.zip, FILE.tar.gz"
            )
        return form, file
    if name in streams and is_list(name):
        raise UserError(f"{name} takes the data sets in its name, as {name}:mnist,svhn,my.npz")
    if name in streams and not is_form(name):
        return name, None
    for form in (f for f in streams if is_form(f) and name.startswith(f"{f}-")):
        if (data := name.removeprefix(f"{form}-")) in datasets:
            return form, data
    hint = did_you_mean(name, names())
    if not hint.startswith("did"):  # a name like no other: all would be too many to read
        named = ", ".join(f"{form}-NAME" for form in streams if is_form(form))
        hint = f"there are {named} of a data set, and more (clbench list streams)"
    raise UserError(f"no stream called {name!r}; {hint}; or split:FILE.npz, permuted:FILE.npz")


def names_path(name: str) -> bool:
    from clbench.datasets.paths import is_path  # with all that reads data sets, which plain names do without

    return is_path(name)


def split_list(name: str, several: str) -> list[str]:
    """The data sets of `sequence:A,B,FILE.npz`; UserError where one is unknown."""
    found = [one.strip() for one in several.split(",")]
    for one in found:
        if one not in datasets and not names_path(one):
            raise UserError(
                f"{name}: no data set called {one!r}; {did_you_mean(one, datasets)}, or a path ending in .npz"
            )
    return found


def data_sets_of(name: str, options: dict[str, Any]) -> list[str]:
    """The data sets (names or paths) that a stream is asked to read, as far as its name and options say."""
    registered, data = place_of(name)
    if data is not None:
        return data.split(",") if is_list(registered) else [data]
    return [*options.get("datasets", ()), *options.get("folders", ())]
