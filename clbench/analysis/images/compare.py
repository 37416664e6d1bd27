"""`clbench fid`: two sets of images, what they are seen through, how far apart they are, what to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from clbench.analysis.images.sets import ImageSet, Reading, read, training_of
from clbench.datasets.cache import cache_folder
from clbench.datasets.decoding_progress import Decoding
from clbench.errors import UserError
from clbench.models.features import cached_statistics, inception, lenet
from clbench.models.features.base import Advance, Features
from clbench.scores.fid.distance import Distance, Statistics, frechet, frechet_infinity, statistics_of
from clbench.scores.fid.kernel import KID, kid
from clbench.scores.fid.manifolds import PrecisionRecall, precision_recall
from clbench.scores.fid.score import ENOUGH


@dataclass(frozen=True)
class Asked:
    """What to measure beside the distance, and through what."""

    features: str = "inception"
    weights: Path | None = None
    trained_on: str | None = None
    kid: bool = False
    precision_recall: bool = False
    infinity: bool = False


@dataclass(frozen=True)
class Compared:
    """a, b: what was compared, b against a. trained_on: of a LeNet."""

    a: ImageSet
    b: ImageSet
    features: Features
    distance: Distance
    trained_on: str | None = None
    kid: KID | None = None
    manifolds: PrecisionRecall | None = None
    infinity: float | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line."""
        name = self.features.score.name
        found = [f"{name} {self.distance.value:.4g}"]
        found += [] if self.infinity is None else [f"{name}-infinity {self.infinity:.4g}"]
        kid = name.replace("FID", "KID")  # through a LeNet it is no KID either
        if self.kid is not None:
            between = f" ± {self.kid.deviation:.2g}" if self.kid.subsets > 1 else ""
            found += [f"{kid} {self.kid.mean:.4g}{between}"]
        if self.manifolds is not None:
            found += [f"precision {self.manifolds.precision:.3f}", f"recall {self.manifolds.recall:.3f}"]
        counts = " and ".join(f"{len(one.images):,} of {one.name}" for one in (self.a, self.b))
        by = f"{self.features.name} {self.features.sha256[:12]}"
        by += f" of {self.trained_on}, which reads {self.features.accuracy:.1%} rightly" if self.trained_on else ""
        return f"{', '.join(found)} ({counts}; features: {by})"

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        features = self.features
        found: dict[str, Any] = {
            "score": features.score.name,
            "value": self.distance.value,
            "cut": self.distance.cut,
            "a": described(self.a),
            "b": described(self.b),
            "features": {"name": features.name, "dimension": features.dimension, "sha256": features.sha256},
        }
        if self.trained_on:
            found["features"] |= {"trained_on": self.trained_on, "accuracy": features.accuracy}
        found |= {"infinity": self.infinity} if self.infinity is not None else {}
        found |= {"kid": vars(self.kid)} if self.kid else {}
        found |= vars(self.manifolds) if self.manifolds else {}
        return found | {"notes": list(self.notes)}


def described(one: ImageSet) -> dict[str, Any]:
    return {"name": one.name, "images": len(one.images), "shape": list(one.images.shape[1:])}


def compared(a: str, b: str, asked: Asked, reading: Reading, device: torch.device) -> Compared:
    """Read both sets, see them, measure; UserError for what cannot be compared."""
    first, second = read(a, reading), read(b, reading)
    same_size(first, second)
    features, trained_on = features_for(first, second, asked, reading, device)
    (first, changed_a), (second, changed_b) = (fitted(one, features) for one in (first, second))
    notes = [changed_a, changed_b, *notes_on_counts(len(first.images), len(second.images), features)]
    notes += notes_on_features(features, reading)
    more: dict[str, Any] = {}
    if asked.kid or asked.precision_recall or asked.infinity:
        x, y = (watched(one, partial(features, one.images)).numpy() for one in (first, second))
        distance = frechet(statistics_of(x), statistics_of(y))
        more |= {"kid": kid(x, y, reading.seed)} if asked.kid else {}
        more |= {"manifolds": precision_recall(x, y)} if asked.precision_recall else {}
        more |= {"infinity": frechet_infinity(x, y, reading.seed)} if asked.infinity else {}
    else:
        distance = frechet(*(statistics(one, features, cache_folder("fid")) for one in (first, second)))
    said = tuple(filter(None, [*notes, distance.note]))
    return Compared(first, second, features, distance, trained_on, notes=said, **more)


def same_size(a: ImageSet, b: ImageSet) -> None:
    sizes = ["x".join(map(str, reversed(one.images.shape[2:]))) for one in (a, b)]
    if sizes[0] != sizes[1]:
        raise UserError(
            f"{a.name} has images of {sizes[0]} and {b.name} of {sizes[1]}; resizing alone moves the distance, "
            "so give --size N for both"
        )


def features_for(
    a: ImageSet, b: ImageSet, asked: Asked, reading: Reading, device: torch.device
) -> tuple[Features, str | None]:
    """Inception, or a LeNet of the labels of a set: the one that is asked for, else a's, else b's."""
    if asked.features == "inception":
        return inception.loaded(asked.weights, device), None
    labelled = next((one.name for one in (a, b) if one.labels is not None), None)
    if (words := asked.trained_on or labelled) is None:
        raise UserError(
            f"neither {a.name} nor {b.name} has labels of two classes or more; "
            "--trained-on DATASET, FILE.npz or FOLDER (a folder a class) gives the LeNet what to learn"
        )
    data = training_of(words, reading)
    test = (data.test_images, data.test_labels)
    found = lenet.trained(data.images, data.labels, cache_folder("fid"), device, *test, show=True)
    return found, data.name


def fitted(one: ImageSet, features: Features) -> tuple[ImageSet, str]:
    """The set with as many channels as the features take, and a note where that changed its images."""
    channels = one.images.shape[1]
    if channels not in (1, 3):
        raise UserError(f"{one.name}: images of {channels} channels; wanted are grey ones, or red, green, blue")
    wanted = features.shape[0] if isinstance(features, lenet.LeNetFeatures) else 3
    if channels == wanted:
        return one, ""
    if channels == 1:
        grey = one.images.expand(-1, 3, -1, -1)
        return ImageSet(one.name, grey, one.labels, one.published), f"{one.name} is grey: shown as three channels"
    if not (one.images == one.images[:, :1]).all():
        raise UserError(
            f"the LeNet was trained on grey images, and {one.name} is in colour; --trained-on a set in colour"
        )
    return ImageSet(one.name, one.images[:, :1].contiguous(), one.labels, one.published), ""


def statistics(one: ImageSet, features: Features, cache: Path) -> Statistics:
    """Kept for published sets, which will be compared with again."""

    return watched(
        one, partial(cached_statistics.statistics, one.images, features, cache if one.published else None)
    )


def watched(one: ImageSet, work: Callable[[Advance], Any]) -> Any:
    with Decoding(f"{one.name}: features of {len(one.images):,} images", len(one.images)) as progress:
        return work(progress.advance)


# -- notes --------------------------------------------------------------------------------------------------------


def notes_on_counts(a: int, b: int, features: Features) -> Iterator[str]:
    name, least = features.score.name, min(a, b)
    if a != b:
        yield (
            f"{a:,} images and {b:,}: fewer images make {name} larger, so compare it with none of other counts; "
            f"--count {least} takes as many of both, --infinity extrapolates"
        )
    if least <= features.dimension:
        yield f"{least:,} images are no more than the {features.dimension} features: {name} is mostly bias; --kid"
    elif least < ENOUGH:
        yield f"{least:,} images: few make {name} larger; compare it with those of as many ({ENOUGH:,} will do)"


def notes_on_features(features: Features, reading: Reading) -> Iterator[str]:
    if isinstance(features, inception.InceptionFeatures) and not features.published:
        yield "the weights are not pytorch-fid's own (another sha256): compare it with no published FID"
    if isinstance(features, lenet.LeNetFeatures):
        yield "FID-lenet is no FID: compare it with those of the same features alone"
    if reading.size is not None:
        yield f"images that were not of {reading.size}x{reading.size} were resized, which moves the distance"
