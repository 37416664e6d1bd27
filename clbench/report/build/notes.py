"""The words over and under a table: what its rows share, and what they do not."""

from __future__ import annotations

from typing import Any

from clbench.config import origins
from clbench.report.build.cells import Column
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.results import AnyResult
from clbench.results.differences import MISSING, brief, described, differing, flatten, shown
from clbench.scores import ACCURACY, Score
from clbench.scores.fid.score import ENOUGH

# Said in the heading or by preset_notes.
APART = {"method", "scenario", "score", "stream", "network", "preset"}
NAMES = {*APART, "seeds", "dataset", "stream.name", "network.name", "pruning.importance"}


def heading(table: ResultTable, namesakes: list[ResultTable]) -> str:
    """Stream, tasks, scenario, network, split; and in what other tables of a stream of that name differ."""
    config, tasks = table.first.config, len(table.first.tasks)
    stream = _named({name: value for name, value in config["stream"].items() if name != "tasks"})
    network = f", network {_named(config['network'])}" if config.get("network") else ""
    count = f"{tasks} task{'s' if tasks > 1 else ''}"
    scored = "scored" if table.score == ACCURACY else table.score.name
    words = f"{stream}: {count}, scenario {config['scenario']}{network}, {scored} on {config['score']} data"
    apart = _distinction(table, namesakes)
    return f"{words} (of several {table.stream} here, the one with {apart})" if apart else words


def _distinction(table: ResultTable, namesakes: list[ResultTable]) -> str:
    streams = [other.first.config["stream"] for other in namesakes]
    options = described(table.first.config["stream"], differing(streams))
    files = sorted({name for other in namesakes for name in other.first.data})
    checksums = [
        f"{name} of sha256 {table.first.data.get(name, 'none')[:12]}"
        for name in files
        if len({other.first.data.get(name) for other in namesakes}) > 1
    ]
    return ", ".join(([options] if options else []) + checksums)


def _named(options: dict[str, Any]) -> str:
    rest = described({name: value for name, value in sorted(options.items()) if name != "name"})
    return f"{options.get('name', 'unnamed')} ({rest})" if rest else str(options.get("name", "unnamed"))


def score_notes(score: Score, columns: list[Column]) -> list[str]:
    """Of a score of which less is better: what that means for its columns."""
    if score.better == "higher":
        return []
    changes = [c.name for c in columns if c.metric and c.metric.gives == "difference" and not c.metric.loss]
    end = "is a loss" if len(changes) == 1 else "are losses"
    losses = f"; above 0, {' and '.join(changes)} {end}" if changes else ""
    return [f"{score.name[:1].upper()}{score.name[1:]}: lower is better{losses}."]


def training_notes(rows: list[ResultRow]) -> list[str]:
    """How rows of one table were trained differently: options of the method itself are not told."""
    own = {"strategy", *APART}
    options: list[dict[str, Any]] = [{k: v for k, v in row.result.config.items() if k not in own} for row in rows]
    options = [{**each, "seeds": row.result.seeds} for each, row in zip(options, rows, strict=True)]
    notes = []
    for name in differing(options):
        values: dict[str, list[str]] = {}
        for row, option in zip(rows, options, strict=True):
            values.setdefault(shown(flatten(option).get(name, MISSING)), []).append(row.label)
        notes.append(f"Rows differ in {name}: {_told(values)}.")
    return notes


def scoring_notes(rows: list[ResultRow]) -> list[str]:
    """In which rows not all tasks are scored after each."""
    found: dict[int, list[str]] = {}
    for row in rows:
        if (every := row.result.config.get("train", {}).get("score_every", 1)) != 1 and not row.joint:
            found.setdefault(every, []).append(row.label)
    when = {every: f"every {every} tasks and after the last" if every else "the last" for every in found}
    return [
        f"All tasks are scored after {when[every]}, each new one after itself: {', '.join(labels)}."
        for every, labels in found.items()
    ]


def sample_notes(rows: list[ResultRow]) -> list[str]:
    """In which rows importance is not measured on all images."""
    drawn: dict[int, list[str]] = {}
    for row in rows:
        if images := row.result.config.get("strategy", {}).get("importance_samples"):
            drawn.setdefault(images, []).append(row.label)
    return [
        f"Importance is measured on {images} images drawn of a task's (on all where it has fewer): "
        f"{', '.join(labels)}."
        for images, labels in drawn.items()
    ]


def painted_notes(rows: list[ResultRow]) -> list[str]:
    """Of generators: what few samples do to FID, and whether all were seen by the same features."""
    last = [run.samples[-1] for row in rows for run in row.result.runs if run.samples]
    least = min((each["count"] for each in last if "count" in each), default=ENOUGH)
    seen_by = list(dict.fromkeys(each["features_sha256"] for each in last if "features_sha256" in each))
    few = f"Distances are of {least:,} samples and as many real images: few make them larger; "
    apart = f"Rows were seen by different features (sha256 {', '.join(each[:12] for each in seen_by)}): "
    return [
        *([f"{few}compare them with those of as many ({ENOUGH:,} will do)."] if least < ENOUGH else []),
        *([f"{apart}their distances do not compare."] if len(seen_by) > 1 else []),
    ]


def preset_notes(rows: list[ResultRow]) -> list[str]:
    """Which rows a preset made, if any."""
    presets: dict[str, list[str]] = {}
    for row in rows:
        presets.setdefault(row.result.config.get("preset") or "none", []).append(row.label)
    return [] if set(presets) == {"none"} else [f"Preset: {_told(presets)}."]


def default_notes(results: list[tuple[str, AnyResult]]) -> list[str]:
    """What differs from the code's defaults, and who set it: what all share, then what is a method's own.

    results: each with its method, or measure. Of those that store no origins nothing is known; where none does,
    nothing is said.
    """
    known = [(name, changed(result)) for name, result in results if result.origins is not None]
    if not known:
        return []
    everywhere = together([{o: v for o, v in one.items() if not o.startswith("strategy.")} for _, one in known])
    shared = {option: v for option, v in everywhere.items() if v[0] is not None}
    own = {name: together([one for other, one in known if other == name]) for name, _ in known}
    rest = {name: {o: v for o, v in one.items() if o not in shared} for name, one in own.items()}
    silent = dict.fromkeys(name for name, result in results if result.origins is None)
    return [
        *([f"Not the code's defaults: {_by_origin(shared)}."] if shared else []),
        *_by_method(rest),
        *([f"Of {', '.join(silent)} it is not stored what differs from the code's defaults."] if silent else []),
    ]


Changed = dict[str, tuple[str | None, str]]  # option -> its value (None: several), its origins in short


def changed(result: AnyResult) -> Changed:
    """The options that are not the code's defaults; what the heading names, and the seeds, are no options."""
    came = result.origins or {}
    return {
        name: (shown(value), origins.in_short(came[name]))
        for name, value in sorted(flatten(result.config).items())
        if name in came and name not in NAMES and origins.differs(came[name])
    }


def together(several: list[Changed]) -> Changed:
    """Every option that one of them has; its value where all have the same."""
    found: Changed = {}
    for option in dict.fromkeys(option for one in several for option in one):
        values = {one[option][0] if option in one else None for one in several}
        came = dict.fromkeys(one[option][1] for one in several if option in one)
        found[option] = (values.pop() if len(values) == 1 else None, " or ".join(came))
    return found


def _by_method(own: dict[str, Changed]) -> list[str]:
    """A note an origin: which methods have which options from there."""
    methods: dict[str, dict[str, list[str]]] = {}  # origin -> options -> methods
    for name, options in own.items():
        for origin, words in _words(options).items():
            methods.setdefault(origin, {}).setdefault(words, []).append(name)
    return [
        f"Not the code's defaults, by method ({origin}): "
        + "; ".join(f"{', '.join(names)}: {words}" for words, names in each.items())
        + "."
        for origin, each in methods.items()
    ]


def _by_origin(options: Changed) -> str:
    """`train.epochs=3, train.lr=0.1 (tuned for task, mlp); network.hidden=[8] (--set)`."""
    return "; ".join(f"{words} ({origin})" for origin, words in _words(options).items())


def _words(options: Changed) -> dict[str, str]:
    """Origin -> `train.epochs=3, lam=30`; an option of the method goes without its section."""
    words: dict[str, list[str]] = {}
    for option, (value, origin) in options.items():
        name = option.removeprefix("strategy.")
        words.setdefault(origin, []).append(name if value is None else f"{name}={brief(value)}")
    return {origin: ", ".join(each) for origin, each in words.items()}


def _told(values: dict[str, list[str]]) -> str:
    """`5 in ewc; 1 in all others`: the value of most rows comes last, without their names."""
    *fewer, (most, _) = sorted(values.items(), key=lambda item: len(item[1]))
    rest = f"{brief(most)} in all {'others' if fewer else 'rows'}"
    return "; ".join([*(f"{brief(value)} in {', '.join(labels)}" for value, labels in fewer), rest])
