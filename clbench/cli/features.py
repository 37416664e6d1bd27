"""`clbench data features`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import AllowModified, DataRoot, Device, Plugins, Threads, machine_of, say, sets_of
from clbench.errors import UserError


def data_features(
    network: Annotated[str, typer.Option(help="A network of images.", show_default=False)],
    pretrained: Annotated[
        str, typer.Option(help="Its weights: imagenet, or a safetensors or torch file.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .npz file to write.", show_default=False)],
    stream: Annotated[
        str | None, typer.Option(help="Of a stream's images, its classes in its order.", show_default=False)
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Or of a data set's, by name or FILE.npz, its classes as they are.", show_default=False),
    ] = None,
    dtype: Annotated[str, typer.Option(help="float16 or float32.")] = "float32",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="stream.OPTION=VALUE or network.OPTION=VALUE.", show_default=False),
    ] = None,
    device: Device = "auto",
    threads: Threads = 1,
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    plugin: Plugins = None,
) -> None:
    """Write what a frozen pretrained network makes of all images, as a data set for --network linear."""
    if (stream is None) == (dataset is None):
        raise UserError("data features: give --stream or --dataset, one of them")
    if dtype not in ("float16", "float32"):
        raise UserError(f"--dtype {dtype!r}: float16 or float32")
    if output.suffix != ".npz":
        raise UserError(f"-o {output}: a data set of your own ends in .npz")
    machine = machine_of(device, threads, data_root, allow_modified_data, plugin)
    from clbench.config import resolve as configuration
    from clbench.config.files import Layer
    from clbench.run import extract_features as features

    asked: list[Layer] = [Layer("--pretrained", {"network": {"pretrained": pretrained}})]
    if dataset is not None:
        stream = f"split:{dataset}" if dataset.endswith(".npz") else f"split-{dataset}"
        asked.append(Layer("--dataset", {"stream": {"tasks": None, "classes": 1, "shuffle": False}}))
    chosen = configuration.resolve(
        "finetuning",
        stream,
        network=network,
        scenario="class",
        sets=(*features.bare(network), *sets_of(set_)),
        asked=asked,
    )
    say(str(features.write(chosen, machine, output, dtype)))
