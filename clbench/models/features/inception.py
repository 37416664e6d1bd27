"""Inception's features, as pytorch-fid has them: its network, preprocessing and weights (Heusel et al. 2017)."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.datasets.decoding_progress import say
from clbench.datasets.download import without_trace
from clbench.datasets.find import read_bytes
from clbench.errors import UserError
from clbench.models.features.base import Advance, in_chunks
from clbench.networks.pretrained import tensors_in
from clbench.scores import FID, Score

SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"  # of pytorch-fid's published weights
DIMENSION = 2048  # the last pooling's; published FIDs are of these
AT_ONCE = 50  # images a forward pass, as pytorch-fid's command has them


@dataclass(frozen=True)
class InceptionFeatures:
    """What the last pooling of Inception gives, or, for other dimensions, an earlier layer's mean."""

    network: nn.Module
    dimension: int
    sha256: str  # of the file of weights
    device: torch.device
    accuracy: None = field(default=None, init=False)
    name: str = field(default="inception", init=False)
    score: Score = field(default=FID, init=False)

    @property
    def published(self) -> bool:
        """Whether the weights are those that published FIDs are measured with."""
        return self.sha256 == SHA256

    def __call__(self, images: Tensor, advance: Advance | None = None) -> Tensor:
        """images uint8 [N, 1 or 3, H, W], grey ones shown three times -> float32 [N, dimension]."""
        if images.ndim == 4 and images.shape[1] not in (1, 3):
            raise UserError(f"Inception takes images of one channel or three, not {images.shape[1]}")
        return in_chunks(self.pooled, images, AT_ONCE, self.device, advance)

    def pooled(self, images: Tensor) -> Tensor:
        maps = self.network(images.expand(-1, 3, -1, -1).float() / 255)[0]
        return F.adaptive_avg_pool2d(maps, 1).flatten(1)


def loaded(
    weights: Path | None, device: torch.device | str, dimension: int = DIMENSION, download: bool = True
) -> InceptionFeatures:
    """Inception at rest, with pytorch-fid's own weights, or with those of a file (its format, or safetensors).

    The own ones are fetched once, to where pytorch-fid keeps them, and held to their sha256. UserError: they
    cannot be had, or do not fit.
    """
    from pytorch_fid import inception

    path = weights or published(inception.FID_WEIGHTS_URL, download)
    content = read_bytes(path)
    sha256 = hashlib.sha256(content).hexdigest()
    if weights is None and sha256 != SHA256:
        raise UserError(f"{path}: not pytorch-fid's weights (another sha256); delete it, and it is fetched again")
    tensors = tensors_in(content, path)
    with given(inception, tensors), torch.random.fork_rng(devices=[]):
        try:
            network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[dimension]])
        except RuntimeError as error:
            what = " ".join(str(error).split())[:200]
            raise UserError(f"{path}: not weights of pytorch-fid's Inception ({what})") from None
    network = network.to(device).eval()
    return InceptionFeatures(network, dimension, sha256, torch.device(device))


@contextlib.contextmanager
def given(inception, tensors: dict[str, Tensor]) -> Iterator[None]:
    """pytorch-fid builds its network with what it loads from its URL: these tensors in their place."""
    before = inception.load_state_dict_from_url
    inception.load_state_dict_from_url = lambda *_, **__: tensors
    try:
        yield
    finally:
        inception.load_state_dict_from_url = before


def published(url: str, download: bool) -> Path:
    """Where pytorch-fid keeps its weights; fetched unless they are there."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if file.exists():
        return file
    reason = "not here, and nothing is to be fetched"
    if download:
        say(f"fetching Inception's weights, 91 MiB, from {url}")
        try:
            with without_trace([file.parent]):
                file.parent.mkdir(parents=True, exist_ok=True)
                torch.hub.download_url_to_file(url, str(file), SHA256, progress=False)
            return file
        except (OSError, RuntimeError, ValueError) as error:
            reason = f"could not be fetched: {' '.join(str(error).split())}"
    raise UserError(
        f"Inception's weights are missing ({url}: {reason}); put them at {file}, or give --fid-weights FILE, "
        "or --features lenet, which needs no download and is called FID-lenet"
    )
