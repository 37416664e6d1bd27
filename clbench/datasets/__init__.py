"""Raw data sets: found, fetched, verified, and decoded to tensors. One file a data set, each registered."""

from clbench.datasets.base import DataSet
from clbench.datasets.catalogue import DatasetInfo, catalogue, load
from clbench.datasets.checksums import FileCheck, verify
from clbench.datasets.download import fetch
from clbench.datasets.find import roots
from clbench.datasets.images import Images

__all__ = ["DataSet", "DatasetInfo", "FileCheck", "Images", "catalogue", "fetch", "load", "roots", "verify"]
