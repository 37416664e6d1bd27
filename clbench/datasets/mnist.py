"""MNIST: four IDX files (LeCun, Cortes and Burges 1998)."""

from clbench.datasets.idx_set import IdxSet, digests
from clbench.registry import datasets


@datasets.register("mnist")
class MNIST(IdxSet):
    """handwritten digits, 28x28 grey, 10 classes"""

    published = (60000, 10000)
    licence = "CC BY-SA 3.0"
    source = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    archive = "MNIST"
    downloadable = True
    classes = tuple("0123456789")
    known = digests(  # of the files that have the md5s torchvision lists
        "sha256",
        ".gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ) | digests(  # of their content
        "sha256",
        "",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    )
