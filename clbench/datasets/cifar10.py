"""CIFAR-10 (Krizhevsky 2009)."""

from typing import ClassVar

from clbench.datasets.cifar import Cifar
from clbench.registry import datasets


@datasets.register("cifar10")
class CIFAR10(Cifar):
    """things and animals, 32x32 colour, 10 classes"""

    published = (50000, 10000)
    number = "10"
    python_folder, binary_folder = "cifar-10-batches-py", "cifar-10-batches-bin"
    train = tuple(f"data_batch_{n}" for n in range(1, 6))
    test = "test_batch"
    labels, label_bytes = "labels", 1
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    known: ClassVar = {  # its page and torchvision list nothing stronger than md5
        "cifar-10-python.tar.gz": "md5:c58f30108f718f92721af3b95e74349a",
        "cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530",
        "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
        "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
        "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "md5:40351d587109b95175f43aff81a1287e",
    }
