"""Names of methods, streams, networks, models, data sets: filled by a package, entry points, plugin files."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from clbench.config import index
from clbench.config.index import Described
from clbench.config.options import Option, did_you_mean, options_of, shown
from clbench.errors import UserError

Entry = TypeVar("Entry")


class PluginWarning(UserWarning):
    """An installed plugin could not be imported; everything else goes on."""


class Registry:
    """name -> class or function. The package and the entry-point group are read when an entry is first asked for;
    names and options come from the index until then, as long as that is true.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self.package = kind, package
        self.entries: dict[str, Any] = {}
        self.broken: dict[str, str] = {}  # entry point -> why it could not be imported
        self.filled = False
        self.plugins: dict[str, str] = {}  # name -> the module of the --plugin file that registered it

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorator: `@strategies.register("ewc")`. A name is taken once."""

        def keep(entry: Entry) -> Entry:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):  # it names files and stands in lists
                raise UserError(f"{name!r} cannot name a {self.kind}: letters, digits, and _ . - within")
            taken = self.entries.get(name)
            if taken is not None and taken.__module__ != entry.__module__:
                raise UserError(
                    f"two {self.kind}s are called {name!r}: one in {home(taken)}, one in {home(entry)}"
                )
            self.entries[name] = entry
            return entry

        return keep

    def fill(self) -> None:
        if self.filled:
            return
        self.filled = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__, self.package + "."):
            importlib.import_module(module.name)
        for point in index.installed(self.package):
            try:
                self.register(point.name)(point.load())
            except (Exception, SystemExit) as error:  # a plugin may raise anything
                self.leave_out(point.name, point.value, error)

    def leave_out(self, name: str, value: str, error: BaseException) -> None:
        why = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        if name not in self.entries:
            self.broken[name] = " ".join(why.split())
        message = f"the installed {self.kind} {name!r} ({value}) was left out: {' '.join(why.split())}"
        warnings.warn(message, PluginWarning, stacklevel=3)

    def known(self) -> Collection[str]:
        """Every name, without importing anything if that can be."""
        if not self.filled and (found := index.index()) is not None and self.kind in found:
            return {*found[self.kind], *self.entries}
        self.fill()
        return self.entries.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.known()))

    def __contains__(self, name: object) -> bool:
        return name in self.known()

    def require(self, name: str) -> None:
        """UserError where there is no such entry, or it cannot be imported."""
        known = self.known()
        if name in self.broken:
            raise UserError(f"{self.kind} {name!r} is installed but cannot be imported: {self.broken[name]}")
        if name not in known:
            raise UserError(f"no {self.kind} called {shown(name)}; {did_you_mean(name, known)}")

    def described(self, name: str) -> Described:
        """What there is to know of an entry before it is imported."""
        self.require(name)
        if name not in self.entries:
            return index.described(self.kind, name)
        return describe(self.entries[name], importlib.import_module(self.package))

    def registered_as(self, name: str) -> str:
        """The name of an entry in the name of what is asked for: `split` of the stream split-mnist."""
        of_package = getattr(importlib.import_module(self.package), "registered_as", None)
        return of_package(name) if of_package else name

    def __getitem__(self, name: str) -> Any:
        self.fill()
        self.require(name)
        return self.entries[name]


def home(entry: Any) -> str:
    """The file that an entry comes from, or its module."""
    module = sys.modules.get(entry.__module__)
    return getattr(module, "__file__", None) or entry.__module__


strategies = Registry("method", "clbench.strategies")
streams = Registry("stream", "clbench.streams")
networks = Registry("network", "clbench.networks")
models = Registry("model", "clbench.models")
datasets = Registry("data set", "clbench.datasets")
formats = Registry("report format", "clbench.report.write")
analyses = Registry("analysis", "clbench.analysis")
INDEXED = (strategies, streams, networks, models, datasets)
REGISTRIES = (*INDEXED, formats, analyses)  # formats and analyses import nothing slow: an index would save nothing
PLUGINS: dict[str, tuple[Path, str]] = {}  # module of a plugin -> its file, and the file's sha256


def load_plugin(path: Path) -> str:
    """Import one file that registers methods, streams, data sets, ...; its sha256, which goes into results."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"--plugin {path}: {error.strerror}") from None
    name = f"clbench_plugin_{digest[:12]}"
    if name in sys.modules:
        return digest
    for registry in REGISTRIES:
        registry.fill()  # so that a plugin that takes an existing name is told so
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    with left_out_if_it_fails(name, module):
        try:
            spec.loader.exec_module(module)
        except UserError as error:
            raise UserError(f"--plugin {path}: {error}") from error
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise UserError(f"--plugin {path} failed: {type(error).__name__}: {error}") from error
    PLUGINS[name] = (path, digest)
    return digest


def plugins_behind(**names: str) -> dict[str, str]:
    """File name -> sha256 of every --plugin file that registered one of these, or defines it or a base of it.

    names: of a method, a stream (as it is registered), a network or a model, by those words.
    """
    named = [(registry, names[registry.kind]) for registry in REGISTRIES if registry.kind in names]
    entries = [registry[name] for registry, name in named]
    modules = {part.__module__ for entry in entries for part in getattr(entry, "__mro__", (entry,))}
    modules |= {registry.plugins[name] for registry, name in named if name in registry.plugins}
    found: dict[str, str] = {}
    for path, sha256 in (PLUGINS[module] for module in sorted(modules & PLUGINS.keys())):
        found[path.name if path.name not in found else str(path)] = sha256
    return found


@contextlib.contextmanager
def left_out_if_it_fails(name: str, module: ModuleType) -> Iterator[None]:
    """The module is known while it is imported, and nothing of it stays if that fails."""
    before = [(registry, dict(registry.entries)) for registry in REGISTRIES]
    sys.modules[name] = module
    try:
        yield
    except BaseException:
        del sys.modules[name]
        for registry, entries in before:
            registry.entries = entries
        raise
    for registry, entries in before:
        registry.plugins |= {key: name for key, e in registry.entries.items() if entries.get(key) is not e}


def model_kind(network: Any) -> str:
    """What kind of model a network is for, as it says itself."""
    return getattr(network, "model", "classifier")


def settings_of(network: Any) -> tuple[type, ...]:
    """The dataclass of options, if any, of the kind of model that a network is for: they stand among its own."""
    found = getattr(models[model_kind(network)], "settings", None)
    return () if found is None else (found,)


def describe(entry: Any, package: ModuleType) -> Described:
    """From an entry itself. Its package may say what else takes its options, and further facts about it."""
    more = getattr(package, "factories", None)
    options: dict[str, Option] = {}
    for factory in more(entry) if more else (entry,):
        options |= options_of(factory)
    facts = getattr(package, "facts", None)
    return Described(first_line(entry), options, facts(entry) if facts else {})


def first_line(entry: Any) -> str:
    """The one line that lists show: the first of the docstring."""
    return (entry.__doc__ or "").strip().split("\n")[0]
