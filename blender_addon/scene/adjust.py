# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials that are in the scene already: their sliders, and other maps in the same material.

Whatever a designer has changed stays: nodes and links of their own, sliders, keyframes, all users of the material.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import bpy

from ..core.texloom.errors import RequestError, StorageError
from ..translations import iface
from . import build, groups, images, materials, nodes, placement
from .facts import Facts, describe, given_name
from .materials import INPUTS, LABELS
from .result import ResultImages
from .transaction import all_or_nothing

TILE_SECTION: Final = "Size"

_DRAWN: Final = "texloom_drawn"
_CLOSE: Final = 1e-5
_BASE: Final = ("base_color", "image")


# --- sliders --------------------------------------------------------------------------------------------------------


def group_node(material: bpy.types.Material | None, *, tile: bool = False) -> nodes.Node | None:
    """The node of a material that has its sliders (with ``tile``: the width of a tile); None where there is none."""
    tree: Any = material.node_tree if material is not None else None
    if tree is None:
        return None
    named = tree.nodes.get(materials.TILE if tile else materials.ADJUST)
    if named is not None and _is_group(named, tile):
        return named
    return next((node for node in tree.nodes if _is_group(node, tile)), None)


def _is_group(node: nodes.Node, tile: bool) -> bool:
    kinds = ("tile",) if tile else ("adjust", "displaced")
    return node.bl_idname == "ShaderNodeGroup" and groups.kind_of(node.node_tree) in kinds


def problem(material: bpy.types.Material | None) -> str:
    """Why a material cannot be adjusted, in a sentence; empty when it can."""
    if material is None:
        return iface("There is no material.")
    if group_node(material) is None:
        return iface("{name} has no Texloom sliders.").format(name=material.name)
    if material.library is not None or material.override_library is not None:
        return iface("{name} is linked from another file and cannot be changed here; make it local first.").format(
            name=material.name
        )
    return ""


def sliders(material: bpy.types.Material) -> list[tuple[str, list[Any]]]:
    """The sockets that a designer turns, by section; each has its value in ``default_value``."""
    adjust, tile = group_node(material), group_node(material, tile=True)
    found = []
    if adjust is not None:
        for section, inputs in groups.SLIDERS:
            found.append((section, [adjust.inputs[item.name] for item in inputs if item.name in adjust.inputs]))
    if tile is not None and "Tile Width" in tile.inputs:
        found.append((TILE_SECTION, [tile.inputs["Tile Width"]]))
    return found


def reset(material: bpy.types.Material) -> None:
    """Set all sliders so that the maps show as they are, at their real size.  Inputs that are linked stay linked.

    Raises:
        RequestError: the material has no sliders, or is linked from another file.
    """
    _check(material)
    values: dict[str, Any] = {item.name: item.default for _, inputs in groups.SLIDERS for item in inputs}
    values |= Facts.of(material).defaults()
    for node in (group_node(material), group_node(material, tile=True)):
        for socket in node.inputs if node is not None else ():
            if socket.name in values:
                socket.default_value = values[socket.name]


def _check(material: bpy.types.Material | None) -> nodes.Node:
    """The node with the sliders."""
    if sentence := problem(material):
        raise RequestError(sentence, advice=iface("Choose a material that Texloom made."))
    return group_node(material)


def picture(material: bpy.types.Material, key: str) -> nodes.Node | None:
    """The Image Texture node of a map; found by its name, or by its link with the sliders where it was renamed."""
    tree: Any = material.node_tree
    node = tree.nodes.get(materials.picture_name(key))
    if node is None and key in Facts.of(material).maps and (adjust := group_node(material)) is not None:
        socket = adjust.inputs.get(INPUTS[key])
        node = socket.links[0].from_node if socket is not None and socket.is_linked else None
        if node is not None and node.name in map(materials.picture_name, LABELS):
            return None  # another map
    return node if node is not None and node.bl_idname == "ShaderNodeTexImage" else None


# --- other maps -----------------------------------------------------------------------------------------------------


@dataclass
class Replaced:
    """Names of the images that a material shows now, and what to tell."""

    images: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def replace_maps(material: bpy.types.Material, result: ResultImages, *, store: images.Store = "PACK") -> Replaced:
    """Show the maps of another result in a material that :func:`~.materials.build_material` made.

    The node tree stays: sliders that were moved keep their values, the others follow the new maps; so do the real
    size and the height of the relief.  Maps that the result lacks are taken away, new ones are added.  Images that
    nothing uses any more go, except those that somebody painted on.

    Raises:
        RequestError: the material has no sliders, is linked from another file, or the result has no map to show.
        StorageError: a file is missing or no picture.  Then nothing has changed.
    """
    adjust = _check(material)
    keys = [key for key in LABELS if key in result.maps]
    if not keys:
        raise RequestError(
            iface("{name} has no map that a material could show.").format(name=result.name),
            advice=iface("Choose another result."),
        )
    with all_or_nothing():
        loaded = {
            key: images.load_map(
                result.maps[key], materials.image_name(result, key), result.color_spaces[key], store=store
            )
            for key in keys
        }
    return _Replacement(material, adjust, result, loaded).run()


def note_relief(material: bpy.types.Material, result: ResultImages) -> None:
    """After :func:`swap_images`: let real size and height of the relief follow the maps that are shown now."""
    before = Facts.of(material)
    after = before.with_result(result, before.maps)
    if after != before and (adjust := group_node(material)) is not None:
        _follow(material, before, after)
        materials.link_relief(material, adjust, before, after)
        after.note(material)


class _Replacement:
    """One material at work; nothing in here reads files, so it ends as soon as it has begun."""

    def __init__(
        self,
        material: bpy.types.Material,
        adjust: nodes.Node,
        result: ResultImages,
        loaded: Mapping[str, bpy.types.Image],
    ) -> None:
        self.material, self.adjust, self.result, self.loaded = material, adjust, result, loaded
        self.tree: Any = material.node_tree
        self.before = Facts.of(material)
        self.after = self.before.with_result(result, loaded)
        self.replaced = Replaced()
        self.left: list[bpy.types.Image] = list(loaded.values())

    def run(self) -> Replaced:
        self._same_base()
        for key in LABELS:
            texture = picture(self.material, key)
            if key in self.loaded:
                if texture is not None:
                    self._show(texture, key)
                elif key not in self.before.maps:
                    self._add(key)
                # else: it was taken away on purpose.
            elif texture is not None:
                self._take_away(texture, key)
        _follow(self.material, self.before, self.after)
        materials.link_relief(self.material, self.adjust, self.before, self.after)
        self._rename()
        describe(self.material, self.result, self.after)
        self._tidy_images()
        return self.replaced

    def _same_base(self) -> None:
        """A texture's only picture takes the place of the base color, and the other way round."""
        there = [(key, node) for key in _BASE if (node := picture(self.material, key)) is not None]
        wanted = next((key for key in _BASE if key in self.loaded), None)
        if wanted is None or len(there) != 1 or there[0][0] == wanted:
            return
        _, texture = there[0]
        texture.name = materials.picture_name(wanted)
        nodes.set_label(texture, LABELS[wanted])

    def _show(self, texture: nodes.Node, key: str) -> None:
        old = texture.image
        if old is not None and not images.is_map(old):
            text = iface("{map} keeps the image {name}, which is not from Texloom.")
            self._tell(text, map=iface(LABELS[key]), name=old.name)
            return
        if old is not None:
            self.left.append(old)
        texture.image = self.loaded[key]
        self.replaced.images.append(self.loaded[key].name)

    def _add(self, key: str) -> None:
        target = self.adjust.inputs.get(INPUTS[key])
        if target is None or target.is_linked:
            self._tell(iface("{map} is not shown: something else is linked there."), map=iface(LABELS[key]))
            return
        others = [node for other in LABELS if (node := picture(self.material, other)) is not None]
        texture = materials.add_picture(self.tree, key, self.loaded[key], box=self.before.box)
        if others:
            lowest = min(others, key=lambda node: nodes.rectangle(node)[1])
            texture.parent = lowest.parent
            texture.location = (lowest.location[0], nodes.rectangle(lowest)[1] - nodes.ROW_GAP)
            # Whatever a designer has put between mapping and pictures counts for this one too.
            sources = [link.from_socket for node in others for link in node.inputs["Vector"].links]
        else:
            x, y = self.adjust.location
            texture.parent = self.adjust.parent
            texture.location = (x - nodes.node_size(texture)[0] - nodes.COLUMN_GAP, y)
            sources = []
        mapping = self.tree.nodes.get(materials.MAPPING)
        if not sources and mapping is not None:
            sources = [mapping.outputs["Vector"]]
        if sources:
            self.tree.links.new(sources[0], texture.inputs["Vector"])
        self.tree.links.new(texture.outputs["Color"], target)
        self._below(texture)
        self.replaced.images.append(self.loaded[key].name)

    def _below(self, texture: nodes.Node) -> None:
        """Keep the line below the pictures."""
        box = nodes.rectangle(texture)
        bottom = box[1] - 2 * nodes.FRAME_MARGIN + (texture.parent.location[1] if texture.parent is not None else 0.0)
        for name in materials.BELOW:
            reroute = self.tree.nodes.get(name)
            if reroute is not None and reroute.parent is None and reroute.location[1] > bottom:
                reroute.location = (reroute.location[0], bottom)

    def _take_away(self, texture: nodes.Node, key: str) -> None:
        own = self.adjust.inputs.get(INPUTS[key])
        links = [link for socket in texture.outputs for link in socket.links]
        for link in [item for item in links if item.to_socket == own]:
            self.tree.links.remove(link)
        if any(socket.is_linked for socket in texture.outputs):
            text = iface("This result has no {map}; nodes of your own go on with the earlier one.")
            self._tell(text, map=iface(LABELS[key]))
            return
        if texture.image is not None:
            self.left.append(texture.image)
        was_active = self.tree.nodes.active == texture
        self.tree.nodes.remove(texture)
        if was_active:
            # Solid mode, painting and baking use the active one.
            shown = (picture(self.material, other) for other in LABELS)
            self.tree.nodes.active = next((node for node in shown if node is not None), None)

    def _rename(self) -> None:
        """Call the material after what it shows, unless somebody named it, or other files may know it by name."""
        name = re.sub(r"\.\d{3,}$", "", self.material.name)
        if name == given_name(self.material) and self.material.asset_data is None:
            self.material.name = self.result.name

    def _tidy_images(self) -> None:
        gone: list[Any] = []
        for image in dict.fromkeys(self.left):
            if image.users or image.library is not None:
                continue
            if image.is_dirty:
                image.use_fake_user = True
                self._tell(iface("{name} was painted on and stays in the file."), name=image.name)
            else:
                gone.append(image)
        # The files of those beside the .blend stay: the saved .blend, and undo, may need them.
        if gone:
            bpy.data.batch_remove(gone)

    def _tell(self, text: str, **parts: str) -> None:
        self.replaced.messages.append(text.format(**parts))


def _follow(material: bpy.types.Material, before: Facts, after: Facts) -> None:
    """Let what stands where the earlier maps had put it follow the new ones; what somebody has moved stays."""
    old, new = before.defaults(), after.defaults()
    for node in (group_node(material), group_node(material, tile=True)):
        for socket in node.inputs if node is not None else ():
            name = socket.name
            if name == "Own Width" or (name in new and _close(socket.default_value, old[name])):
                socket.default_value = new[name]
    tree: Any = material.node_tree
    mapping = tree.nodes.get(materials.MAPPING)
    if mapping is None:
        return
    # Tiles per UV unit, or per unit of the object: as many more as a tile is smaller.
    across, along = before.tile_width_m / after.tile_width_m, before.tile_height_m / after.tile_height_m
    if before.turns % 2 and not before.box:
        across, along = along, across  # the Mapping node scales before it turns
    x, y, z = mapping.inputs["Scale"].default_value
    mapping.inputs["Scale"].default_value = (
        (x * across, y * across, z * along) if before.box else (x * across, y * along, z)
    )


def _close(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=_CLOSE, abs_tol=_CLOSE * 1e-3)


def replace_on_objects(
    material: bpy.types.Material,
    result: ResultImages,
    targets: Sequence[bpy.types.Object] = (),
    *,
    active: bpy.types.Object | None = None,
    store: images.Store = "PACK",
    slot: placement.Slot = "ACTIVE",
    faces: Mapping[int, placement.Faces] | None = None,
) -> build.Built:
    """:func:`replace_maps`; where none of ``targets`` shows the material any more, they get it again.

    Raises:
        As :func:`replace_maps`; ValueError: ``slot`` is unknown.
    """
    replaced = replace_maps(material, result, store=store)
    showing = [obj for obj in targets if any(item.material == material for item in obj.material_slots)]
    if showing or not targets:
        built = build.Built(material=material.name, assigned=[obj.name for obj in showing])
    else:
        built = build.assign(material, targets, active=active, slot=slot, faces=faces)
    built.images = replaced.images
    built.messages = [*replaced.messages, *built.messages]
    return built


# --- maps that change while something is dragged --------------------------------------------------------------------


def swap_images(material: bpy.types.Material, files: Mapping[str, str | os.PathLike[str]]) -> list[str]:
    """Show other files in the image datablocks of a material, as long as somebody drags a slider.

    Nothing else changes, nothing is decoded or written here; a call with one map takes a fraction of a millisecond.
    Packed images are unpacked in memory until :func:`settle_images`.  An image that something else uses as well, or
    that somebody painted on, is left alone: the material gets one of its own.

    Args:
        files: map name → picture; maps that the material does not show are passed over.

    Returns:
        The names of the maps that were swapped.

    Raises:
        RequestError: a map is unknown.
        StorageError: a file is missing; none is swapped then.
    """
    unknown = sorted(set(files) - set(LABELS))
    if unknown:
        raise RequestError(f"files: the maps are {', '.join(LABELS)}, got {', '.join(unknown)}.")
    paths = {key: Path(os.path.abspath(path)) for key, path in files.items()}
    for path in paths.values():
        if not path.is_file():
            raise StorageError(f"{path} is missing.", advice=iface("Generate it once more."))
    swapped = []
    for key, path in paths.items():
        texture = picture(material, key)
        if texture is None or texture.image is None or not images.is_map(texture.image):
            continue
        if texture.image.is_dirty or _used_elsewhere(texture.image, material):
            if texture.image.is_dirty:
                texture.image.use_fake_user = True
            texture.image = images.another(texture.image, path)
        else:
            images.point_at(texture.image, path)
        swapped.append(key)
    return swapped


def settle_images(material: bpy.types.Material, maps: Iterable[str] = tuple(LABELS)) -> list[str]:
    """Keep what :func:`swap_images` shows: packed, beside the .blend or in the library, as the images were before.

    Packing reads the files: a caller who must not take long names one map at a time.  Returns the images' names.

    Raises:
        StorageError: a file is gone meanwhile; the images before it are kept.
    """
    found = [picture(material, key) for key in maps]
    shown = [node.image for node in found if node is not None and node.image is not None]
    return [image.name for image in shown if images.settle(image)]


def note_drawn(material: bpy.types.Material, keys: Iterable[str], values: str) -> None:
    """Note on the images of some maps what values they show: undo may take back a material and leave its images."""
    for key in keys:
        texture = picture(material, key)
        if texture is not None and texture.image is not None and images.is_map(texture.image):
            texture.image[_DRAWN] = values


def reload_images(material: bpy.types.Material, values: str) -> bool:
    """After undo: show the images of a material again if they are those of ``values``; whether they are."""
    shown = [node.image for key in LABELS if (node := picture(material, key)) is not None and node.image is not None]
    for image in shown:
        there = image.packed_file or Path(bpy.path.abspath(image.filepath)).is_file()
        if images.is_map(image) and (image.get(_DRAWN) != values or not there):
            return False
    for image in shown:
        if images.is_map(image) and not image.is_dirty:
            image.reload()
    return True


def _used_elsewhere(image: bpy.types.Image, material: bpy.types.Material) -> bool:
    tree: Any = material.node_tree
    mine = sum(1 for node in tree.nodes if node.bl_idname == "ShaderNodeTexImage" and node.image == image)
    return image.library is not None or image.users > mine
