"""Mutants of a module: the operators of cosmic-ray, and one that leaves out a statement."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.mutation.modules import ROOT
from clbench.errors import UserError

try:
    import parso
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.operators.operator import Operator
    from parso.python.tree import Keyword
except ImportError:
    raise UserError("mutation: needs cosmic-ray: pip install '.[test]' where clbench was cloned") from None

# Decorators register or save memory, `is` is as good as == for small numbers, and no exception is caught.
LEFT_OUT = ("RemoveDecorator", "ExceptionReplacer", "_Is", "NoOp")


class LeaveOut(Operator):
    """A call or an augmented assignment that stands by itself becomes `pass`."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if node.type == "simple_stmt" and leaves_something(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        first = node.children[0]
        node.children[0] = Keyword("pass", first.start_pos, first.get_first_leaf().prefix)
        node.children[0].parent = node
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def leaves_something(node: Any) -> bool:
    called = node.type == "atom_expr" and node.children[-1].type == "trailer"
    augmented = node.type == "expr_stmt" and node.children[1].type == "operator" and node.children[1].value != "="
    return called or augmented or (node.type == "expr_stmt" and node.children[1].type == "augassign")


@dataclass(frozen=True)
class Mutant:
    """One change: `occurrence` of what the operator finds in the module. line, text: where it is, before it."""

    module: str
    operator: str
    occurrence: int
    line: int
    text: str

    def make(self) -> Operator:
        return LeaveOut() if self.operator == "LeaveOut" else plugins.get_operator(self.operator)()

    def __str__(self) -> str:
        return f"clbench/{self.module}.py:{self.line}: {self.operator.split('/')[-1]}: {self.text}"


def sample(modules: list[str], count: int | None, seed: int) -> list[Mutant]:
    """One mutant of each of so many places, drawn without replacement from all places of all modules; None: all.

    A place is a position that operators of a kind change: a sum that may become eleven other things is one.
    """
    places = [place for module in modules for place in places_of(module)]
    draw = random.Random(seed)
    taken = places if count is None else draw.sample(places, min(count, len(places)))
    return [draw.choice(place) for place in taken]


def places_of(module: str) -> list[list[Mutant]]:
    """The mutants of a module by their place."""
    path = ROOT / "clbench" / f"{module}.py"
    lines, tree = path.read_text().splitlines(), get_ast_from_path(path)
    found: dict[Any, list[Mutant]] = defaultdict(list)
    for name, operator in operators():
        occurrence = 0
        for node in ast_nodes(tree):
            for start, _ in operator.mutation_positions(node):
                if not is_declaration(node):
                    mutant = Mutant(module, name, occurrence, start[0], lines[start[0] - 1].strip())
                    found[start, kind(name)].append(mutant)
                occurrence += 1
    return list(found.values())


def operators() -> Iterator[tuple[str, Operator]]:
    yield "LeaveOut", LeaveOut()
    for name in plugins.operator_names():
        made = plugins.get_operator(name)
        if not made.arguments() and not any(word in name for word in LEFT_OUT):
            yield name, made()


def kind(operator: str) -> str:
    """`core/ReplaceBinaryOperator_Add_Sub` is one of ReplaceBinaryOperator."""
    return operator.split("/")[-1].split("_")[0]


def is_declaration(node: Any) -> bool:
    """Whether it stands in a type or an option's declaration, which is data (the index of options has it)."""
    while (parent := node.parent) is not None:
        typed = parent.type in ("param", "funcdef") and parent.annotation is node
        if (
            typed
            or node.type in ("annassign", "tfpdef", "decorator")
            or getattr(node, "value", "") == "TYPE_CHECKING"
        ):
            return True
        if node.type == "if_stmt" and node.children[1].get_code().strip() == "TYPE_CHECKING":
            return True
        node = parent
    return False


def mutated(code: str, mutant: Mutant) -> str:
    """The module's text with the change."""
    from cosmic_ray.mutating import mutate_code

    changed: str | None = mutate_code(code, mutant.make(), mutant.occurrence)
    if changed is None or changed == code:
        raise UserError(f"{mutant}: changes nothing")
    parso.parse(changed)
    return changed
