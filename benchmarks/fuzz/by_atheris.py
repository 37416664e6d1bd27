"""python -m benchmarks.fuzz.by_atheris READER EXECUTIONS FOLDER KEPT SEED: led by the lines reached."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["clbench", "tomllib", "yaml", "json"]):
    from benchmarks.fuzz.readers import READERS, of_reader
    from benchmarks.fuzz.run import Trial, quiet

RAW = 64  # of 256: how often a file is libFuzzer's own bytes


def main(name: str, executions: int, folder: Path, kept: Path, seed: int) -> None:
    trial = Trial(READERS[name], "atheris", folder, kept)
    kept.mkdir(parents=True, exist_ok=True)
    corpus = folder / "corpus"
    corpus.mkdir()
    for n, content in enumerate(of_reader(name)):
        (corpus / str(n)).write_bytes(content[:4096] + b"\0")
    seconds = folder / "counts.json"

    def one(data: bytes) -> None:
        provider = atheris.FuzzedDataProvider(data)
        if provider.ConsumeIntInRange(0, 255) < RAW:  # taken from the end of the data
            trial(data[:-1])
        else:
            trial(trial.reader.changed(lambda n: provider.ConsumeIntInRange(0, n - 1)))
        if trial.count.executions % 1000 == 0 or trial.count.executions >= executions:
            seconds.write_text(json.dumps(asdict(trial.count)))
        if trial.count.executions >= executions:
            os._exit(0)

    options = [
        f"-seed={seed + 1}",
        "-max_len=4096",
        "-rss_limit_mb=6000",
        "-timeout=120",
        "-len_control=0",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={kept}/", str(corpus)], one)
    with quiet():
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
