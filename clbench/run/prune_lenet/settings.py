"""The configuration of a pruning study: code defaults < [prune-lenet] of clbench.toml < --preset < flags."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from clbench.config import origins
from clbench.config.defaults import study_layers
from clbench.config.files import Layer
from clbench.config.options import (
    Count,
    Fraction,
    Natural,
    Positive,
    absent_of,
    convert,
    did_you_mean,
    options_of,
    without_absent,
)
from clbench.config.resolve import plain
from clbench.config.training import Training
from clbench.errors import UserError
from clbench.registry import datasets
from clbench.results import digest, place_of

STUDY = "prune-lenet"
Importance = Literal["entropy", "ewc", "mas", "loss", "magnitude", "random"]
MEASURES = get_args(Importance)
TRAIN, WHOLE = ("epochs", "batch_size", "lr", "momentum"), ("dataset", "limit", "seeds", "preset")


@dataclass(frozen=True)
class Settings:
    """Everything that decides the numbers of a study. Defaults are the paper's, where it states them."""

    dataset: Annotated[str, "mnist, fashion-mnist, notmnist, digits, or a FILE.npz"] = "mnist"
    importance: Annotated[Importance, "what a weight's worth is measured by"] = "entropy"
    rates: Annotated[
        tuple[Fraction, ...], Field(min_length=1, max_length=100), "share of the weights alive that a round prunes"
    ] = (0.8, 0.7, 0.5, 0.4, 0.1)
    scope: Annotated[Literal["global", "layer"], "rank all weights together, or each layer's alone"] = "global"
    epochs: Annotated[Count, "of training before the first round"] = 50
    retrain_epochs: Annotated[Natural, "of training after each round; the paper does not say"] = 10
    batch_size: Annotated[Count, "images a step"] = 100
    lr: Annotated[Positive, "learning rate of SGD"] = 0.01
    momentum: Annotated[Fraction, "of SGD; the paper does not say"] = 0.9
    delta: Annotated[Literal["keep", "remove"], "δW = W or -W in equation 7"] = "keep"
    importance_batch: Annotated[Count, "images whose entropy (or loss) is summed before the gradient"] = 100
    limit: Annotated[Count | None, "training images at most (none: all)"] = None
    seeds: tuple[int, ...] = field(default=(0,), compare=False)  # that are asked for; no part of its identity
    preset: str | None = None
    origins: origins.Origins = field(default_factory=dict, compare=False, repr=False)  # of each of `values`

    def values(self) -> dict[str, Any]:
        """Every value by its name: 'dataset', 'pruning.rates', 'train.lr' .."""
        return {name_in_result(f.name): plain(getattr(self, f.name)) for f in fields(self) if f.name != "origins"}

    def as_dict(self) -> dict[str, Any]:
        values = without_absent(asdict(self), options_of(Settings))
        del values["origins"], values["seeds"]
        train = {name: values.pop(name) for name in TRAIN if name in values}
        whole = {name: values.pop(name) for name in WHOLE if name in values}
        return plain({"study": STUDY, **whole, "pruning": values, "train": train})

    @cached_property
    def digest(self) -> str:
        return digest(self.as_dict())

    @property
    def own_file(self) -> bool:
        return self.dataset.endswith(".npz")

    @property
    def path(self) -> Path:
        """Where the result lies below the output folder."""
        return place_of(self.dataset, self.importance, self.digest, STUDY)

    @property
    def training(self) -> Training:
        return Training(
            epochs=self.epochs, batch_size=self.batch_size, optimizer="sgd", lr=self.lr, momentum=self.momentum
        )

    @property
    def trained_digest(self) -> str:
        """Of what decides the network before the first round, which measures can share."""
        whole = self.as_dict()
        return digest({name: whole[name] for name in ("dataset", "limit", "train")})


OPTIONS = {
    name: option for name, option in options_of(Settings).items() if name not in ("seeds", "preset", "origins")
}


def name_in_result(option: str) -> str:
    """'train.lr' of 'lr', as the configuration of a result has it."""
    return option if option in WHOLE else f"{'train' if option in TRAIN else 'pruning'}.{option}"


def resolve(preset: str | None = None, seeds: tuple[int, ...] | None = None, **flags: Any) -> Settings:
    """The whole configuration, where a flag that is None was not given; UserError for what is unknown or wrong."""
    values: dict[str, Any] = {}
    asked = {name: value for name, value in flags.items() if value is not None}
    came = {name_in_result(name): origins.CODE for name in OPTIONS}
    came |= {
        name: "--" + name if value else origins.CODE for name, value in (("preset", preset), ("seeds", seeds))
    }
    for layer in [*study_layers(STUDY, preset), Layer("", asked)]:
        for name, value in layer.values.items():
            if name not in OPTIONS:
                raise UserError(f"{layer.at(name)}no option {name} of {STUDY}; {did_you_mean(name, OPTIONS)}")
            flag = "" if layer.origin else "--" + name.replace("_", "-")
            values[name] = convert(value, OPTIONS[name].annotation, flag or layer.at(name) + name)
            came[name_in_result(name)] = origins.of(flag or layer.place(name), values[name], OPTIONS[name].default)
    settings = Settings(**values, seeds=seeds or (0,), preset=preset, origins=came)
    if not settings.own_file and settings.dataset not in datasets:
        near = did_you_mean(settings.dataset, datasets)
        raise UserError(f"--dataset: no data set called {settings.dataset!r}; {near}; or a FILE.npz of your own")
    return settings


def resolve_stored(config: dict[str, Any], path: Path) -> Settings:
    """The Settings of a result file."""
    flat = {**config, **config["pruning"], **config["train"]}
    known = {option.name for option in fields(Settings)}
    values = {
        **absent_of(options_of(Settings)),
        **{name: value for name, value in flat.items() if name in OPTIONS},
    }
    if unknown := sorted(flat.keys() - known - {"study", "pruning", "train"}):
        raise UserError(f"{path}: config.{unknown[0]} is not an option of this clbench")
    checked = {n: convert(value, OPTIONS[n].annotation, f"{path}: config.{n}") for n, value in values.items()}
    return Settings(**checked, preset=config.get("preset"))
