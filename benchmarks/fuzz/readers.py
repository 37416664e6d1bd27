"""What reads files that clbench did not just write: one entry a reader, and what is done with what it read."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.fuzz import edits, seals, valid
from benchmarks.fuzz.edits import Draw
from clbench.errors import UserError

Form = Literal["json", "words", "tensors", "bytes"]


@dataclass(frozen=True)
class Reader:
    """read: of a file; UserError where it is refused, and anything else is a fault. valid: files to change."""

    name: str
    form: Form
    suffix: str
    valid: Callable[[], list[bytes]]
    read: Callable[[Path], Any]

    @property
    def text(self) -> bool:
        return self.form in ("json", "words")

    def changed(self, draw: Draw) -> bytes:
        """One of its valid files, changed in one to three places, before the checksum or through it."""
        files = of_reader(self.name)
        content = files[draw(len(files))]
        for _ in range(1 + draw(3) * draw(2)):
            content = CHANGES[self.form](content, draw)
        return content


@functools.cache
def of_reader(name: str) -> list[bytes]:
    return READERS[name].valid()


def changed_json(content: bytes, draw: Draw) -> bytes:
    way = draw(8)
    if way == 0:
        return edits.raw_bytes(content, draw)
    if way == 1:
        return changed_words(content, draw)
    try:
        raw = edits.tree(json.loads(content), draw)
        sealed = way > 2
        return json.dumps(seals.resealed(raw) if sealed else raw).encode()
    except (
        Exception
    ):  # broken by an earlier change, or by this: a number that JSON has not, a name that is no text
        return changed_words(content, draw)


def changed_words(content: bytes, draw: Draw) -> bytes:
    if draw(6) == 0:
        return edits.raw_bytes(content, draw)
    return edits.words(content.decode(errors="replace"), draw).encode(errors="surrogatepass")


def changed_tensors(content: bytes, draw: Draw) -> bytes:
    """The record or the tensors changed and sealed anew, or the bytes of the file."""
    way = draw(4)
    if way == 0:
        return edits.raw_bytes(content, draw)
    try:
        tensors, meta, record = seals.unpacked(content)
        if way < 3:
            record = edits.tree(record, draw)
        else:
            changed_tensor(tensors, draw)
        return seals.packed(tensors, meta, record)
    except Exception:  # broken by an earlier change, or nothing that a file of tensors can hold
        return edits.raw_bytes(content, draw)


def changed_tensor(tensors: dict[str, Any], draw: Draw) -> None:
    import torch

    name = sorted(tensors)[draw(len(tensors))]
    kinds = [torch.float64, torch.int64, torch.uint8, torch.bfloat16, torch.bool, torch.int16, torch.float32]
    tensor = tensors.pop(name)
    ways = [lambda: None, lambda: tensor.to(kinds[draw(7)]), lambda: tensor.flatten(), lambda: tensor[:0]]
    ways += [lambda: torch.cat([tensor, tensor]), lambda: torch.zeros(()), lambda: tensor[None]]
    made = ways[draw(len(ways))]()
    if made is not None:
        tensors[name if draw(4) else f"{name}x"] = made


CHANGES: dict[Form, Callable[[bytes, Draw], bytes]] = {
    "json": changed_json,
    "words": changed_words,
    "tensors": changed_tensors,
    "bytes": edits.raw_bytes,
}


# -- of results and records ---------------------------------------------------------------------------------------


def result(path: Path) -> Any:
    from clbench.results import load

    return load(path)


def shown(path: Path) -> Any:
    """`clbench show`, in every form."""
    from clbench.report.build.contents import describe
    from clbench.report.write import written

    return [written([describe([path])], form) for form in ("txt", "md", "csv", "json")]


def reported(path: Path) -> Any:
    """`clbench report`, in the forms that a result of any kind has."""
    from clbench.report.compose import report

    return [report([path], form) for form in ("md", "csv", "json", "latex")]


def page(path: Path) -> Any:
    """`clbench report --format html`."""
    from clbench.report.compose import report

    return report([path], "html")


def record(path: Path) -> Any:
    """`clbench sweep status` and `sweep best`."""
    from clbench.report.write import written
    from clbench.results import sweep_record
    from clbench.sweep import display

    found = sweep_record.load(path)
    display.table(found)
    display.best(found)
    return [written([display.describe(found, path)], form) for form in ("txt", "md", "csv", "json")]


def compared(path: Path) -> Any:
    """`clbench compare`, with the file as it was, in every form."""
    import tempfile

    from clbench.compare import github, junit
    from clbench.compare.document import document
    from clbench.compare.entries import entries, read
    from clbench.compare.verdicts import Rules, compare
    from clbench.report.write import written

    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before.json"
        before.write_bytes(valid.results()[0])
        sides = [entries(read([file]), ("mean", "BWT")) for file in (before, path)]
    found = compare(sides[0], sides[1], Rules(("mean", "BWT")))
    texts = [written([document(found)], form) for form in ("txt", "md", "csv", "json", "html")]
    return [*texts, junit.junit(found), list(github.annotate(found))]


def reference(path: Path) -> Any:
    from clbench.report.build.references import reference_tables

    return reference_tables(str(path))


# -- of configurations ----------------------------------------------------------------------------------------


def configuration(path: Path) -> Any:
    """`clbench train --config`."""
    from clbench.config.files import read_file
    from clbench.config.resolve import resolve_each

    return [config.digest for config in resolve_each(None, file=read_file(path))]


def defaults(path: Path) -> Any:
    """clbench.toml of the working folder."""
    from clbench.config.defaults import Kind, read, sections

    return list(sections(read(path), Kind("ewc", "split-digits", "task", "mlp")))


def plan(path: Path) -> Any:
    """`clbench sweep FILE`."""
    from clbench.sweep.plan import Asked, planned

    return planned(path, Asked()).digest


def reproduction(path: Path) -> Any:
    """`clbench reproduce FILE`."""
    from clbench.reproduce.experiments import read

    found = read(path)
    return [found.experiments(preset, None, {}) for preset in (None, "quick")]


def gate(path: Path) -> Any:
    """`clbench check FILE`."""
    from clbench.compare.check_file import read

    return [one.config.digest for one in read(path).experiments()]


def options(path: Path) -> Any:
    """`clbench train --set`."""
    from clbench.config.files import parse_sets
    from clbench.config.resolve import resolve

    words = (path.read_bytes().decode(errors="surrogateescape"),)
    if parse_sets(words):
        return resolve("ewc", sets=words).digest


def grid(path: Path) -> Any:
    """`clbench sweep --grid`."""
    from clbench.sweep.space import axes_of, parse_grids

    words = path.read_bytes().decode(errors="surrogateescape")
    return [axis.as_dict() for axis in axes_of(parse_grids((words,)), "--grid ")]


# -- of tensors and arrays --------------------------------------------------------------------------------------


@functools.cache
def group() -> tuple[Any, Any]:
    """Of the trained run its group of seeds, in a folder of its own, and a trainer that its checkpoints fit."""
    import tempfile

    from clbench.config.resolve import resolve_stored
    from clbench.run.machine import Machine
    from clbench.run.train import Train

    path, found = valid.trained()
    config = resolve_stored(found.config, path)
    one = Train(config).group((0,), Path(tempfile.mkdtemp(prefix="clbench-fuzz-")), found.digest)
    machine = Machine(device="cpu")
    return one, one.experiment.build((0,), machine, machine.prepare())


def checkpoint(path: Path) -> Any:
    """A run that goes on, or is evaluated."""
    from clbench.run import checkpoint

    one, trainer = group()
    target = checkpoint.path_of(one.folder, 2, (0,))
    target.write_bytes(path.read_bytes())
    return one.load(trainer, 2)


def network(path: Path) -> Any:
    from clbench.run.prune_lenet import settings, sparse

    found = sparse.read(path)
    return settings.resolve_stored(found.record["config"], path)


def npz(path: Path) -> Any:
    """`--stream split:FILE.npz`, `clbench fid FILE.npz`."""
    from clbench.datasets import npz

    if npz.one_part(path) is None:
        npz.counts(path)
        npz.read(path)


def statistics(path: Path) -> Any:
    from clbench.models.features.cached_statistics import read

    return or_refused(read(path, "key"))


def lenet(path: Path) -> Any:
    from clbench.models.features.lenet import read

    return or_refused(read(path, valid.small_lenet(), "key"))


def or_refused(found: Any) -> Any:
    """Of what is made again where it is damaged, None then."""
    if found is None:
        raise UserError("damaged; it is made again")
    return found


def idx(path: Path) -> Any:
    from clbench.datasets import idx

    idx.count(path, 3)
    return idx.decode(path.read_bytes(), path, 3)


def pickled(path: Path) -> Any:
    from clbench.datasets.pickled import loads

    return loads(path.read_bytes(), path)


def svhn(path: Path) -> Any:
    from clbench.datasets.svhn import _arrays

    return _arrays(path.read_bytes(), path)


def weights(path: Path) -> Any:
    from clbench.networks.pretrained import tensors_in

    return tensors_in(path.read_bytes(), path)


def image(path: Path) -> Any:
    from clbench.datasets.decode import _picture

    found = _picture(path.read_bytes(), 4, None)
    return or_refused(None if isinstance(found, str) else found)


def archive(path: Path) -> Any:
    from clbench.datasets.archives import members

    return [read() for _, _, read in members(path)]


def texts(*each: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in each]


READERS = {
    one.name: one
    for one in (
        Reader("result", "json", ".json", valid.results, result),
        Reader("show", "json", ".json", valid.results, shown),
        Reader("report", "json", ".json", valid.results, reported),
        Reader("page", "json", ".json", valid.results, page),
        Reader("compare", "json", ".json", valid.results, compared),
        Reader("sweep-record", "json", ".json", valid.records, record),
        Reader("reference", "json", ".json", valid.references, reference),
        Reader("config-yaml", "words", ".yaml", texts(valid.YAML), configuration),
        Reader("config-toml", "words", ".toml", texts(valid.TOML), configuration),
        Reader("defaults", "words", ".toml", texts(valid.DEFAULTS), defaults),
        Reader("sweep-yaml", "words", ".yaml", texts(valid.SWEEP), plan),
        Reader("reproduction", "words", ".yaml", texts(valid.FIGURE, valid.STUDY_FIGURE), reproduction),
        Reader("check", "words", ".yaml", texts(valid.CHECK), gate),
        Reader("set", "words", ".txt", texts(*valid.SETS), options),
        Reader("grid", "words", ".txt", texts(*valid.GRIDS), grid),
        Reader("checkpoint", "tensors", ".safetensors", valid.checkpoints, checkpoint),
        Reader("network", "tensors", ".safetensors", valid.networks, network),
        Reader("npz", "bytes", ".npz", valid.data_sets, npz),
        Reader("statistics", "bytes", ".npz", valid.statistics, statistics),
        Reader("lenet", "bytes", ".safetensors", valid.lenets, lenet),
        Reader("idx", "bytes", ".idx", valid.idx_files, idx),
        Reader("pickle", "bytes", ".pkl", valid.pickles, pickled),
        Reader("svhn", "bytes", ".mat", valid.matlab_files, svhn),
        Reader("weights", "bytes", ".pth", valid.weights, weights),
        Reader("image", "bytes", ".png", valid.images, image),
        Reader("archive", "bytes", ".zip", valid.archives, archive),
    )
}
