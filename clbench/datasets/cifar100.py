"""CIFAR-100 with its fine labels (Krizhevsky 2009)."""

from typing import ClassVar

from clbench.datasets.cifar import Cifar
from clbench.registry import datasets

CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


@datasets.register("cifar100")
class CIFAR100(Cifar):
    """things and animals, 32x32 colour, 100 classes"""

    published = (50000, 10000)
    number = "100"
    python_folder, binary_folder = "cifar-100-python", "cifar-100-binary"
    train = ("train",)
    test = "test"
    labels, label_bytes = "fine_labels", 2
    classes = tuple(CLASSES.split())
    known: ClassVar = {  # its page and torchvision list nothing stronger than md5
        "cifar-100-python.tar.gz": "md5:eb9058c3a382ffc7106e4002c42a8d85",
        "cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8",
        "train": "md5:16019d7e3df5f24257cddd939b257f8d",
        "test": "md5:f0ef6b0ae62326f3e7ffdfab6717acfc",
    }
