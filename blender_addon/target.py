# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a result goes.  It holds ids and plain numbers only: undo and loading make pointers invalid."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import bpy
from mathutils import Matrix

from . import locks, parameters, preferences
from .scene import adjust, build, groups, images, materials, planes, sources
from .scene.lookup import by_uid
from .scene.objects import metres_per_unit
from .scene.placement import Faces, selected_faces
from .scene.result import ResultImages
from .scene.transaction import KINDS, all_or_nothing, discard, finish, made_since, newest, still_there
from .translations import iface

OUTPUTS = ("MATERIAL", "IMAGE", "PLANE")


@dataclass(frozen=True, kw_only=True)
class ObjectId:
    """An object or image, to be looked up again: by its session id while that lasts, or else by its name."""

    name: str
    uid: int


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where one job's result goes.

    ``output`` is ``MATERIAL``, ``IMAGE``, ``PLANE``, or ``LIBRARY`` for nowhere but on disk.  ``faces`` are those that
    were selected in Edit Mode, by the session id of their object; objects without get it whole.  ``view`` is the 16
    numbers of a view matrix by rows, or None; ``cursor`` is in Blender units.  Options that are None come from the
    preferences.  ``made_from`` is the image whose seamless or edited version an ``IMAGE`` is, and ``made`` which of
    them; see :func:`.scene.sources.follow`.  ``into`` are materials that show the maps of a ``MATERIAL`` in place of
    their own; where none of them is there any more, it is made as any other.
    """

    output: str = "MATERIAL"
    objects: tuple[ObjectId, ...] = ()
    faces: tuple[tuple[int, Faces], ...] = ()
    active: ObjectId | None = None
    scene: str = ""
    view: tuple[float, ...] | None = None
    cursor: tuple[float, float, float] = (0.0, 0.0, 0.0)
    plane_height_m: float = 1.8
    plane_facing: str = "VIEW"
    plane_look: planes.Look | None = None
    store: str | None = None
    displacement: str | None = None
    slot: str | None = None
    made_from: ObjectId | None = None
    made: str = "seamless"
    replace_users: bool = False
    into: tuple[ObjectId, ...] = ()

    def replace(self, **changes: Any) -> Placement:
        """A copy with other values."""
        return replace(self, **changes)


def identify(obj: bpy.types.Object) -> ObjectId:
    """The id of an object."""
    return ObjectId(name=obj.name, uid=obj.session_uid)


def capture(
    context: bpy.types.Context,
    *,
    output: str = "MATERIAL",
    objects: Sequence[bpy.types.Object] | None = None,
    plane_height_m: float = 1.8,
    plane_facing: str = "VIEW",
) -> Placement:
    """The placement for what is selected and seen now; ``objects`` stand for the selection when given."""
    scene: Any = context.scene
    if objects is None:
        objects = [obj for obj in context.view_layer.objects if obj.select_get()] if context.view_layer else []
    active = context.view_layer.objects.active if context.view_layer else None
    region = getattr(context.space_data, "region_3d", None) if context.space_data else None
    return Placement(
        output=output,
        objects=tuple(identify(obj) for obj in objects),
        faces=tuple(selected_faces(objects).items()) if output == "MATERIAL" else (),
        active=identify(active) if active is not None and active in list(objects) else None,
        scene=scene.name,
        view=tuple(value for row in region.view_matrix for value in row) if region is not None else None,
        cursor=tuple(scene.cursor.location),
        plane_height_m=plane_height_m,
        plane_facing=plane_facing,
    )


def find(ids: Sequence[ObjectId]) -> tuple[list[bpy.types.Object], list[str]]:
    """The objects that are still there, and the names of those that are not."""
    found, missing = [], []
    by_uid: dict[int, bpy.types.Object] | None = None
    for item in ids:
        obj = bpy.data.objects.get(item.name)
        if obj is None or obj.session_uid != item.uid:
            # Renamed, or another one has the name now: only a look at all objects tells.
            by_uid = by_uid or {other.session_uid: other for other in bpy.data.objects}
            obj = by_uid.get(item.uid, obj)
        if obj is None:
            missing.append(item.name)
        else:
            found.append(obj)
    return found, missing


def apply(result: ResultImages, placement: Placement) -> build.Built:
    """Put a result into the scene; all or nothing.

    Raises:
        StorageError: a file is missing or no picture.
    """
    with all_or_nothing():
        return finish(steps(result, placement))


def steps(
    result: ResultImages, placement: Placement, *, wait_for_copies: bool = True
) -> Generator[None, None, build.Built]:
    """:func:`apply` in steps of a few milliseconds; the last one returns what was made.

    Between them Blender belongs to the user, so each step looks up what it needs by ids and names, and nothing
    shows in the scene before the last one.

    Args:
        wait_for_copies: whether a step may wait while a file is copied beside the .blend; else there are as many
            steps as that takes.

    Raises:
        StorageError: a file is missing or no picture.
        Vanished: what an earlier step made is gone.
    """
    options = preferences.get()
    displacement: Any = placement.displacement or options.displacement
    slot: Any = placement.slot or options.slot
    store: Any = placement.store or options.store
    if placement.output == "PLANE":
        yield from _load(result, build.plane_map(result), store, wait_for_copies)
        yield
        return _plane(result, placement, store)
    names: dict[str, str] = {}
    for key in result.maps:
        names[key] = yield from _load(result, key, store, wait_for_copies)
        yield
    if placement.output == "IMAGE":
        built = build.image_only(result, store=store)
        if (old := _image(placement.made_from)) is not None:
            name = sources.follow(built.images[0], old, replace_users=placement.replace_users, made=placement.made)
            built.images = [name]
        return built

    if existing := _materials(placement.into):
        return _into(existing, result, placement)

    def objects() -> dict[str, Any]:
        found, _ = find(placement.objects)
        active, _ = find([placement.active]) if placement.active is not None else ([], [])
        chosen = {"faces": dict(placement.faces), "slot": slot}
        return {"targets": found, "active": active[0] if active else None, **chosen}

    projection = build.measure(result, scene=_scene(placement), **objects())
    yield
    material = yield from materials.build_steps(
        result,
        images=names,
        displacement=displacement,
        projection=projection,
        metres_per_unit=metres_per_unit(_scene(placement)),
    )
    parameters.fill(material, result, locks.of(_scene(placement)))
    # From here on without a step between: assigning is what the user sees, and what undo takes back.
    built = build.assign(material, images=list(names.values()), **objects())
    _, missing = find(placement.objects)
    if missing:
        built.messages.insert(0, iface("No longer there: {names}.").format(names=", ".join(missing)))
    if not placement.objects:
        built.messages.append(
            iface("Nothing was selected; the material {name} waits in the file.").format(name=built.material)
        )
    return built


def replace_maps(material: bpy.types.Material, result: ResultImages, placement: Placement | None = None) -> build.Built:
    """Show another result in a material that is there already, see :func:`scene.adjust.replace_maps`.

    Objects of ``placement`` get the material again where none of them shows it any more.

    Raises:
        RequestError: the material has no sliders or is linked from another file.
        StorageError: a file is missing or no picture.
    """
    placement = placement or Placement()
    options = preferences.get()
    objects, _ = find(placement.objects)
    slot: Any = placement.slot or options.slot
    store: Any = placement.store or options.store
    faces = dict(placement.faces)
    built = adjust.replace_on_objects(material, result, objects, store=store, slot=slot, faces=faces)
    parameters.fill(material, result, locks.of(_scene(placement)))
    return built


def _materials(ids: Sequence[ObjectId]) -> list[Any]:
    """The materials that are still there and can show other maps."""
    found = [by_uid(bpy.data.materials, item.name, item.uid) for item in ids]
    return [material for material in found if material is not None and not adjust.problem(material)]


def _into(existing: Sequence[Any], result: ResultImages, placement: Placement) -> build.Built:
    """Show the maps, which are loaded already, in materials that are there."""
    first, *others = (replace_maps(material, result, placement) for material in existing)
    for built in others:
        first.messages += [said for said in built.messages if said not in first.messages]
    return first


def _scene(placement: Placement) -> bpy.types.Scene:
    found: Any = bpy.data.scenes.get(placement.scene) or bpy.context.scene
    return found


def _image(item: ObjectId | None) -> Any:
    """The image with this id; None when it is gone."""
    return by_uid(bpy.data.images, item.name, item.uid) if item is not None else None


def _plane(result: ResultImages, placement: Placement, store: Any) -> build.Built:
    facing: Any = placement.plane_facing
    view = placement.view
    return build.reference_plane(
        result,
        height_m=placement.plane_height_m,
        facing=facing,
        view_matrix=Matrix([view[row : row + 4] for row in range(0, 16, 4)]) if view is not None else None,
        location=placement.cursor,
        store=store,
        scene=_scene(placement),
        look=placement.plane_look,
    )


def _load(result: ResultImages, key: str, store: Any, wait: bool) -> Generator[None, None, str]:
    """Load one map; the name of its datablock."""
    path, name = result.maps[key], materials.image_name(result, key)
    copied: images.Copied | None = None
    future: Future[images.Copied] | None = None
    image = None
    try:
        if not wait and images.effective_store(store) == "BESIDE":
            folder = images.beside_folder()
            with ThreadPoolExecutor(1, thread_name_prefix="texloom-copy") as pool:
                future = pool.submit(images.copy_beside, path, folder, name)
                while not future.done():
                    yield
                copied = future.result()
        image = images.load_map(path, name, result.color_spaces[key], store=store, copied=copied)
        return image.name
    finally:
        # Given up while it was being copied: the pool has waited for the end of that.
        if copied is None and future is not None and future.exception() is None:
            copied = future.result()
        if image is None and copied is not None and copied.is_new:
            copied.path.unlink(missing_ok=True)


class Placing:
    """A result on its way into the scene, a step at a time.  What it has made goes away when it cannot be finished.

    Args:
        result, placement: as :func:`steps`.
    """

    def __init__(self, result: ResultImages, placement: Placement) -> None:
        self.built: build.Built | None = None
        self.result = result
        self._steps = steps(result, placement, wait_for_copies=False)
        self._made: set[int] = set()
        # Only these are looked through, as a scene may have very many objects.
        self._kinds = KINDS if placement.output == "PLANE" else ("materials", "images")

    def step(self) -> bool:
        """Do the next step; whether there are more.

        Raises:
            As :func:`steps`.
        """
        before = newest(self._kinds)
        try:
            next(self._steps)
        except StopIteration as end:
            self.built = end.value
            return False
        except BaseException:
            discard(made_since(before, self._kinds))
            self.drop()
            raise
        self._made |= {item.session_uid for item in made_since(before, self._kinds)}
        return True

    def drop(self) -> None:
        """Give up: take away what was made so far."""
        self._steps.close()
        if self._made:
            discard(still_there(self._made, self._kinds))
        self._made = set()
        # Other materials may use the shared groups by now: only what nothing uses goes.
        groups.sweep()
