"""`clbench fid`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import (
    AllowModified,
    AsJson,
    DataRoot,
    Device,
    Format,
    Output,
    Plugins,
    Threads,
    machine_of,
    printing,
)
from clbench.config.printable import message
from clbench.errors import UserError


def fid(
    a: Annotated[str, typer.Argument(help="Real images: FOLDER, FILE.npz or a data set's name, :train or :test.")],
    b: Annotated[str, typer.Argument(help="The images compared with them, given likewise.")],
    features: Annotated[str, typer.Option(help="inception (FID), or lenet (FID-lenet).")] = "inception",
    fid_weights: Annotated[
        Path | None,
        typer.Option(help="Inception's weights in pytorch-fid's format.  [default: its own]", show_default=False),
    ] = None,
    trained_on: Annotated[
        str | None,
        typer.Option(help="What a LeNet is trained on.  [default: A, or B, with labels]", show_default=False),
    ] = None,
    kid: Annotated[bool, typer.Option("--kid", help="Also KID, which few images do not bias.")] = False,
    precision_recall: Annotated[
        bool, typer.Option("--precision-recall", help="Also how much of each lies within the other.")
    ] = False,
    infinity: Annotated[
        bool, typer.Option("--infinity", help="Also extrapolated to endless images (Chong and Forsyth 2020).")
    ] = False,
    split: Annotated[str, typer.Option(help="train or test, of sets without :train or :test.")] = "train",
    count: Annotated[
        int | None, typer.Option(min=2, help="Images drawn of each.  [default: all]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Pixels a side, for images of several sizes.  [default: theirs]", show_default=False
        ),
    ] = None,
    device: Device = "auto",
    threads: Threads = 1,
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    plugin: Plugins = None,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes on stderr.")] = False,
) -> None:
    """How far two sets of images are apart: FID, or FID-lenet where Inception's weights cannot be had."""
    from clbench.config.options import did_you_mean

    for flag, value, known in (
        ("features", features, ("inception", "lenet")),
        ("split", split, ("train", "test")),
    ):
        if value not in known:
            raise UserError(f"--{flag} {value!r}: {did_you_mean(value, known)}")
    if fid_weights is not None and features != "inception":
        raise UserError("--fid-weights are Inception's; leave out --features lenet")
    if trained_on is not None and features != "lenet":
        raise UserError("--trained-on is for --features lenet; Inception comes trained")
    how = printing(format_, output, as_json, quiet=False)
    chosen = machine_of(device, threads, data_root, allow_modified_data, plugin).prepare()
    from clbench.analysis.images.compare import Asked, compared
    from clbench.analysis.images.sets import Reading
    from clbench.datasets import decoding_progress
    from clbench.report.document import document_of_rows

    asked = Asked(features, fid_weights, trained_on, kid, precision_recall, infinity)
    reading = Reading(split, size, count, seed, data_root, allow_modified_data)
    decoding_progress.QUIET = quiet
    try:
        found = compared(a, b, asked, reading, chosen)
    finally:
        decoding_progress.QUIET = False
    object_ = found.as_object()
    row = {"a": found.a.name, "b": found.b.name, "score": object_["score"], "value": object_["value"]}
    row |= {name: object_[name] for name in ("infinity", "precision", "recall") if name in object_}
    row |= {"kid": object_["kid"]["mean"]} if "kid" in object_ else {}
    how.show([document_of_rows([row], str(found), object_, "Distance of images", found.notes)])
    if not quiet and how.format == "txt":
        for note in found.notes:
            print(f"clbench: note: {message(note)}", file=sys.stderr)
