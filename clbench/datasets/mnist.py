"""The three data sets in MNIST's form: four IDX files each, laid as torchvision lays them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from clbench.errors import UserError

PARTS = (  # name, axes
    ("train-images-idx3-ubyte", 3),
    ("train-labels-idx1-ubyte", 1),
    ("t10k-images-idx3-ubyte", 3),
    ("t10k-labels-idx1-ubyte", 1),
)


@dataclass(frozen=True)
class IdxSet:
    """One data set: its files lie in <root>/<folder>/raw, plain or gzipped."""

    name: str
    folder: str  # also the name of torchvision's class
    description: str
    source: str
    classes: tuple[str, ...]
    known: Mapping[str, str] = field(default_factory=dict)  # file -> "algorithm:digest"; empty: unpublished
    downloadable: bool = True


def _checksums(algorithm: str, suffix: str, digests: tuple[str, ...]) -> dict[str, str]:
    return {part + suffix: f"{algorithm}:{digest}" for (part, _), digest in zip(PARTS, digests, strict=True)}


# Digests in the order of PARTS.
MNIST_GZ = (  # sha256 of the files that have the md5s torchvision lists
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)
MNIST_PLAIN = (  # sha256 of their content
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
FASHION_MNIST_GZ = (  # md5: its README and torchvision list nothing stronger
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
)

MNIST = IdxSet(
    name="mnist",
    folder="MNIST",
    description="handwritten digits, 28x28 grey, 60000 train and 10000 test, 10 classes",
    source="https://ossci-datasets.s3.amazonaws.com/mnist/",
    classes=tuple("0123456789"),
    known=_checksums("sha256", ".gz", MNIST_GZ) | _checksums("sha256", "", MNIST_PLAIN),
)

FASHION_MNIST = IdxSet(
    name="fashion-mnist",
    folder="FashionMNIST",
    description="articles of clothing, 28x28 grey, 60000 train and 10000 test, 10 classes",
    source="https://github.com/zalandoresearch/fashion-mnist",
    classes=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    known=_checksums("md5", ".gz", FASHION_MNIST_GZ),
)

NOTMNIST = IdxSet(
    name="notmnist",
    folder="notMNIST",
    description="letters A to J in many fonts, 28x28 grey, 10 classes; any copy in IDX form",
    source="https://github.com/davidflanagan/notMNIST-to-MNIST",
    classes=tuple("ABCDEFGHIJ"),
    downloadable=False,
)

IDX_SETS = {one.name: one for one in (MNIST, FASHION_MNIST, NOTMNIST)}


def idx_set(name: str) -> IdxSet:
    """The set called `name`; a UserError says what there is, and what may have been meant."""
    if name in IDX_SETS:
        return IDX_SETS[name]
    names = ["digits", *IDX_SETS]
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UserError(f"no data set called {name!r}{hint} There are {', '.join(names)}, or a path ending in .npz")
