"""Winners of the searches of benchmarks/tuning.yaml, as sections of clbench.toml; everything else in it stays.

A section is written as a whole. That of a stream, scenario and network has the folder of the records, its .train
the training that the first search there names; that of a method, and its .train, what was searched and what
was set, so that what is trained by default is what won.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from benchmarks.tune import Search, searches
from clbench.config.files import PART
from clbench.results.atomic import write_whole

HEADER = re.compile(r"\[([^\[\]]+)\]\s*")
Options = dict[str, Any]  # 'strategy.lam' or 'train.lr' -> value


@dataclass
class Block:
    """A section as it stands in the file. lead: blank lines and comments before its header; the first has none."""

    keys: tuple[str, ...] = ()
    lead: list[str] = field(default_factory=list)
    header: str = ""
    body: list[str] = field(default_factory=list)

    @property
    def values(self) -> Options:
        return tomllib.loads("\n".join(self.body))

    @property
    def lines(self) -> list[str]:
        return [*self.lead, *([self.header] if self.header else []), *self.body]


def blocks_of(text: str) -> list[Block]:
    """The sections in their order; comments and blank lines belong to the header or the value below them."""
    found = [Block()]
    waiting: list[str] = []
    for line in text.splitlines():
        if match := HEADER.fullmatch(line):
            keys = tuple(part.strip("\"'") for part in re.findall(PART, match[1]))
            found.append(Block(keys, waiting, line))
            waiting = []
        elif line.strip() and not line.startswith("#"):
            found[-1].body += [*waiting, line]
            waiting = []
        else:
            waiting.append(line)
    found[-1].body += waiting
    return found


def write(file: Path, folder: Path | None = None) -> list[str]:
    """Put the winners of every search whose trials have ended into the file; a line about each method."""
    blocks, told, first = blocks_of(file.read_text(encoding="utf-8")), [], set()
    for search in (one for one in searches().values() if one.tunes):
        shares = search.place not in first  # later searches of the same place train as they do alone
        first.add(search.place)
        for method, values in winners(search, folder):
            place = ("tuned", *search.place)
            if shares:
                source = {"source": f"benchmarks/{search.folder.name}/{search.place[0]}"}
                set_section(blocks, place, source, (*place, "train"), of("train", search.training))
            own = search.fixed(method) | values | ({} if shares else search.training | values)
            here = (*place, "strategy", method)
            set_section(blocks, here, of("strategy", own), (*here, "train"), of("train", own))
            told.append(f"[{'.'.join(here)}] {', '.join(f'{n}={v}' for n, v in own.items())}")
    lines = [line for block in blocks for line in block.lines]
    write_whole(file, ("\n".join(lines) + "\n").encode())
    return told


def winners(search: Search, folder: Path | None) -> Iterator[tuple[str, Options]]:
    for method, record in search.records(folder):
        if record.best is not None:
            yield method, record.best.values


def of(section: str, values: Options) -> Options:
    """{'lam': 3} of {'strategy.lam': 3, 'train.lr': 0.1}."""
    return {n.partition(".")[2]: v for n, v in values.items() if n.startswith(f"{section}.")}


def set_section(blocks: list[Block], *sections: Any) -> None:
    """A pair of keys and values each: the section has these values alone; one without any is taken out."""
    for keys, values in zip(sections[::2], sections[1::2], strict=True):
        at = next((n for n, block in enumerate(blocks) if block.keys == keys), None)
        if at is None and values:
            blocks.insert(at := place_for(blocks, keys), Block(keys, [""], f"[{'.'.join(map(quoted, keys))}]"))
        if at is None or (block := blocks[at]).values == values:
            continue
        while block.lead and block.lead[-1].strip():  # a remark on the values that go
            block.lead.pop()
        if not values:
            del blocks[at]
            if at < len(blocks):
                blocks[at].lead = [*block.lead[:-1], *blocks[at].lead]
        else:
            block.body = [f"{name} = {tomlkit.item(value).as_string()}" for name, value in values.items()]


def place_for(blocks: list[Block], keys: tuple[str, ...]) -> int:
    """After the last section that has most of its first keys in common."""

    def common(block: Block) -> int:
        return next((n for n, (a, b) in enumerate(zip(block.keys, keys, strict=False)) if a != b), len(block.keys))

    most = max(common(block) for block in blocks)
    return 1 + max(n for n, block in enumerate(blocks) if common(block) == most)


def quoted(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else f'"{key}"'
