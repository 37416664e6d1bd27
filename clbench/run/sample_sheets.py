"""Pictures of what a generator paints: a row a class, the same codes at every stage, beside the checkpoints."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from clbench.results import fingerprint
from clbench.results.atomic import write_whole


def write(path: Path, rows: Sequence[Tensor]) -> None:
    """rows: uint8 [N, C, H, W] a class. Whole or not at all; UserError if the disk refuses."""
    write_whole(path, png(rows))


def png(rows: Sequence[Tensor]) -> bytes:
    """The images of each class side by side, the classes below each other."""
    sheet = torch.cat([torch.cat(list(row), -1) for row in rows], -2).cpu()
    picture = Image.fromarray((sheet[0] if len(sheet) == 1 else sheet.movedim(0, -1)).contiguous().numpy())
    file, said = io.BytesIO(), PngInfo()
    said.add_text("sha256", fingerprint(np.asarray(picture)))
    picture.save(file, "png", optimize=True, pnginfo=said)
    return file.getvalue()
