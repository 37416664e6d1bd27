"""Fashion-MNIST: four IDX files in MNIST's form (Xiao, Rasul and Vollgraf 2017)."""

from clbench.datasets.idx_set import IdxSet, digests
from clbench.registry import datasets


@datasets.register("fashion-mnist")
class FashionMNIST(IdxSet):
    """articles of clothing, 28x28 grey, 10 classes"""

    published = (60000, 10000)
    licence = "MIT"
    source = "https://github.com/zalandoresearch/fashion-mnist"
    archive = "FashionMNIST"
    downloadable = True
    classes = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )
    known = digests(  # its README and torchvision list nothing stronger than md5
        "md5",
        ".gz",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    )
