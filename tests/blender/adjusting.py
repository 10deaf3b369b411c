# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking into a finished material."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


def module(texloom: ModuleType, name: str) -> Any:
    """A module of the add-on."""
    return importlib.import_module(f"{texloom.__name__}.{name}")


def node(material: Any, name: str = "Adjust") -> Any:
    """One of the nodes that Texloom names."""
    return material.node_tree.nodes[f"Texloom {name}"]


def value(material: Any, name: str) -> float:
    """What a slider stands at."""
    found = node(material, "Tile Size" if name in ("Tile Width", "Own Width") else "Adjust").inputs[name]
    return float(found.default_value)


def links(material: Any) -> set[tuple[str, str, str, str]]:
    """All links, by names."""
    return {
        (link.from_node.name, link.from_socket.name, link.to_node.name, link.to_socket.name)
        for link in material.node_tree.links
    }
