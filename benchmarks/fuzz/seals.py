"""Checksums made anew after a change, so that what they keep out is seen by the checks behind them."""

from __future__ import annotations

import json
from typing import Any

from safetensors.torch import load, save

from clbench.results.digests import digest, key_of, seal
from clbench.run.checkpoint import fingerprint


def resealed(raw: Any) -> Any:
    """A result or record whose digest, keys of makers and sha256 fit what it says."""
    if not isinstance(raw, dict):
        return raw
    for of in ("config", "plan"):
        if isinstance(raw.get(of), dict) and "digest" in raw:
            raw["digest"] = digest(raw[of])
    makers = raw.get("makers")
    if isinstance(makers, dict) and all(isinstance(maker, dict) for maker in makers.values()):
        raw["makers"] = {key_of(maker): maker for maker in makers.values()}
    if "sha256" in raw:
        raw["sha256"] = seal(raw)
    return raw


def unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, str], Any]:
    """Tensors, metadata and record of a file of tensors."""
    size = int.from_bytes(content[:8], "little")
    meta = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return dict(load(content)), meta, json.loads(meta["record"])


def packed(tensors: dict[str, Any], meta: dict[str, str], record: Any) -> bytes:
    """A file of tensors whose checksum fits."""
    import torch

    words = json.dumps(record)
    as_bytes = meta["format"].startswith("clbench-sparse")
    shown = {
        name: t.contiguous().view(-1).view(torch.uint8) if as_bytes and t.numel() else t
        for name, t in tensors.items()
    }
    return save(tensors, {**meta, "record": words, "sha256": fingerprint(shown, words)})
