# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the sentences that core and add-on put into errors, advices and warnings, by their source."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

SHOWN = ("advice", "message", "problem", "reason")
# The command line and the training speak English; nothing of theirs reaches the interface.
LEFT_OUT = re.compile(r"(^|/)(cli|cli_\w+)\.py$|(^|/)(training|server)/")
# Their ValueErrors become the reason in a RequestError.
REASONS = ("engine/procedural/parameters.py", "engine/procedural/color.py", "library_entry.py")
_DEPTH = 6


class Source:
    """All modules below a folder; ``texts`` yields templates with ``{}`` for values."""

    def __init__(self, folder: Path) -> None:
        self.trees = {
            path.relative_to(folder).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
            for path in sorted(folder.rglob("*.py"))
        }
        self.errors = self._error_classes()
        self.constants: dict[str, ast.expr] = {}
        for tree in self.trees.values():
            for node in tree.body:
                target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
                value = getattr(node, "value", None)
                if isinstance(target, ast.Name) and isinstance(value, (ast.Constant, ast.JoinedStr, ast.BinOp)):
                    self.constants.setdefault(target.id, value)

    def _error_classes(self) -> set[str]:
        found = {"TexloomError"}
        classes = [node for tree in self.trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        for _ in range(4):
            for node in classes:
                if any(_name(base) in found for base in node.bases):
                    found.add(node.name)
        return found

    def texts(self) -> Iterator[tuple[str, str]]:
        """Where each template stands and the template, those without words left out."""
        for name, tree in self.trees.items():
            if LEFT_OUT.search(name):
                continue
            for node in ast.walk(tree):
                if not isinstance(node, ast.Call):
                    continue
                called = _name(node.func)
                raised = called in self.errors or (called == "ValueError" and name.endswith(REASONS))
                shown = node.args[:1] if raised else []
                shown = [*shown, *(node.args[1:2] if called == "warn" else [])]
                if raised or called in ("warn", "Failed", "Check", "Warning"):
                    shown = [*shown, *(item.value for item in node.keywords if item.arg in SHOWN)]
                for value in shown:
                    for text in self._templates(value, tree, _DEPTH):
                        text = _bare(text)
                        if re.search(r"[A-Za-z]{2}", text.replace("{}", "")):
                            yield f"{name}:{value.lineno}", text

    def _templates(self, node: ast.expr, tree: ast.Module, depth: int) -> list[str]:
        """The templates that an expression may be."""
        if depth == 0:
            return []
        if isinstance(node, ast.Constant):
            return [_plain(node.value)] if isinstance(node.value, str) else []
        if isinstance(node, ast.JoinedStr):
            text = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    text += _plain(part.value)
                    continue
                assert isinstance(part, ast.FormattedValue)
                inner = part.value
                constant = self.constants.get(inner.id) if isinstance(inner, ast.Name) else None
                known = self._templates(constant, tree, depth - 1) if constant is not None else []
                text += known[0] if known else "{}"
            return [text]
        if isinstance(node, ast.IfExp):
            return self._templates(node.body, tree, depth) + self._templates(node.orelse, tree, depth)
        if isinstance(node, ast.BoolOp):
            return [text for value in node.values for text in self._templates(value, tree, depth)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            sides = [self._templates(side, tree, depth) or ["{}"] for side in (node.left, node.right)]
            return [left + right for left in sides[0] for right in sides[1]]
        if isinstance(node, ast.Name):
            return self._assigned(node.id, tree, depth - 1)
        if isinstance(node, ast.Call):
            return self._called(node, tree, depth)
        return []

    def _assigned(self, name: str, tree: ast.Module, depth: int) -> list[str]:
        found: list[str] = []
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and any(
                isinstance(target, ast.Name) and target.id == name for target in targets
            ):
                if node.value is not None:
                    found += self._templates(node.value, tree, depth)
        if not found and name in self.constants:
            found = self._templates(self.constants[name], tree, depth)
        return found

    def _called(self, node: ast.Call, tree: ast.Module, depth: int) -> list[str]:
        called = _name(node.func)
        if called == "iface":
            return []  # translated already; test_translations looks after it
        if isinstance(node.func, ast.Attribute) and called in ("strip", "replace", "rstrip"):
            return self._templates(node.func.value, tree, depth)
        if isinstance(node.func, ast.Name):
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef) and function.name == called:
                    returned = [item.value for item in ast.walk(function) if isinstance(item, ast.Return)]
                    return [text for value in returned if value for text in self._templates(value, tree, depth - 1)]
        return []


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _plain(text: str) -> str:
    return text.replace("{", "(").replace("}", ")") if "{" in text and not _is_format(text) else text


def _is_format(text: str) -> bool:
    try:
        list(string.Formatter().parse(text))
    except ValueError:
        return False
    return True


def _bare(text: str) -> str:
    """Without values that stand for whole sentences at either end: "{} Try again." says "Try again."."""
    text = re.sub(r"\{\w*\}", "{}", text.strip())
    return re.sub(r"^(\{\} )+(?=[A-Z][a-z]+ )", "", text)
