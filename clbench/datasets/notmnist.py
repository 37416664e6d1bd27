"""notMNIST: letters in MNIST's form (Bulatov 2011); copies in IDX form circulate, with no checksum."""

from clbench.datasets.idx_set import IdxSet
from clbench.registry import datasets


@datasets.register("notmnist")
class NotMNIST(IdxSet):
    """letters A to J in many fonts, 28x28 grey, 10 classes; any copy in IDX form"""

    source = "https://github.com/davidflanagan/notMNIST-to-MNIST"
    archive = "notMNIST"
    classes = tuple("ABCDEFGHIJ")
