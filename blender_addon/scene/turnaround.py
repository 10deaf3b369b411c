# SPDX-License-Identifier: GPL-3.0-or-later
"""Several views of one thing as a set: each picture on its axis, together a box around the thing.

Views are named as Blender's are: the right view is seen from +X.  A picture stands behind the thing, as seen from
where it is looked at, so that what is modelled in the middle is never hidden by it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

import bpy
from mathutils import Matrix, Vector

from ..core.texloom.errors import RequestError
from ..translations import iface
from . import planes
from .references import SET, VIEW, title
from .transaction import all_or_nothing

VIEWS: Final = ("FRONT", "BACK", "LEFT", "RIGHT", "TOP", "THREE_QUARTER", "BOTTOM")
"""In the order in which pictures are given to them when nothing else tells."""

LABELS: Final = {
    "FRONT": "Front",
    "BACK": "Back",
    "LEFT": "Left",
    "RIGHT": "Right",
    "TOP": "Top",
    "THREE_QUARTER": "Three-Quarter",
    "BOTTOM": "Bottom",
}

# What one picture with so many views side by side usually holds, from left to right.
_SHEETS: Final = {
    2: ("FRONT", "RIGHT"),
    3: ("FRONT", "RIGHT", "BACK"),
    4: ("FRONT", "RIGHT", "BACK", "LEFT"),
    5: ("FRONT", "THREE_QUARTER", "RIGHT", "BACK", "LEFT"),
    6: ("FRONT", "BACK", "LEFT", "RIGHT", "TOP", "BOTTOM"),
    7: VIEWS,
}

MOST: Final = len(VIEWS)

_ENGLISH: Final = {
    "front": "FRONT",
    "back": "BACK",
    "rear": "BACK",
    "behind": "BACK",
    "left": "LEFT",
    "right": "RIGHT",
    "side": "SIDE",
    "profile": "SIDE",
    "top": "TOP",
    "above": "TOP",
    "overhead": "TOP",
    "bottom": "BOTTOM",
    "below": "BOTTOM",
    "underneath": "BOTTOM",
}
_CHINESE: Final = {
    "正": "FRONT",
    "前": "FRONT",
    "背": "BACK",
    "后": "BACK",
    "後": "BACK",
    "左": "LEFT",
    "右": "RIGHT",
    "侧": "SIDE",
    "側": "SIDE",
    "顶": "TOP",
    "頂": "TOP",
    "俯": "TOP",
    "上": "TOP",
    "底": "BOTTOM",
    "仰": "BOTTOM",
    "下": "BOTTOM",
}
_QUARTER: Final = re.compile(
    r"three[\W_]*quarters?|¾|(?<![\d.])3[/⁄_ -]4(?![\d.])|四分之三|斜(?=[视視面侧側])|斜(?![\u4e00-\u9fff])"
)
# "Front view", "left-side", 顶部: these tell more than a "top" somewhere in a description.
_NAMED: Final = re.compile(r"[\s_-]*(views?|side|elevation|ortho\w*|face)(?![a-z])")
_NAMED_CHINESE: Final = re.compile("[面视視侧側边邊部]")
_HAN: Final = re.compile("[\u4e00-\u9fff]")


def views_in(text: str) -> list[str]:
    """The views that a file name or a prompt speaks of, the plainest first; ``SIDE`` is either side.

    >>> views_in("robot_backView.png, left arm up")
    ['BACK', 'LEFT']
    """
    return list(dict.fromkeys(view for _, _, view in sorted(_mentions(text))))


def _mentions(text: str) -> list[tuple[int, int, str]]:
    """Rank (plainer is lower), place in the text and view of each word that stands for one."""
    # Joined words come apart: robotFront, BACK_view, side2.
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", text).lower()
    found = [(-1, match.start(), "THREE_QUARTER") for match in _QUARTER.finditer(plain)]
    for match in re.finditer("[a-z]+", plain):
        view = _ENGLISH.get(match.group())
        if view is not None:
            found.append((0 if _NAMED.match(plain, match.end()) else 1, match.start(), view))
    for place, letter in enumerate(plain):
        if letter in _CHINESE:
            # Inside of words these mean other things: 背包, 上衣.
            named = _NAMED_CHINESE.match(plain, place + 1) is not None
            if named or not _HAN.match(plain, place + 1):
                found.append((0 if named else 1, place, _CHINESE[letter]))
    # "Left side" is the left, whatever "side" alone would be.
    if any(view in ("LEFT", "RIGHT") for _, _, view in found):
        found = [item for item in found if item[2] != "SIDE"]
    return found


def views_by_words(names: Sequence[str]) -> list[str]:
    """A view for each of some file names or prompts: what its words say, or else the next that is free.

    Raises:
        RequestError: there are more names than views.
    """
    _check_count(len(names))
    chosen: list[str | None] = []
    for name in names:
        view = next(iter(views_in(name)), None)
        if view == "SIDE":
            view = "RIGHT" if "RIGHT" not in chosen else "LEFT"
        chosen.append(view if view not in chosen else None)
    free = iter([view for view in VIEWS if view not in chosen])
    return [view if view is not None else next(free) for view in chosen]


def views_by_order(count: int) -> list[str]:
    """The first views of :data:`VIEWS`.

    Raises:
        RequestError: ``count`` is out of range.
    """
    _check_count(count)
    return list(VIEWS[:count])


def views_of_sheet(parts: int, name: str = "") -> list[str]:
    """The views in one picture, from left to right: as its name tells them, or else as is usual.

    Raises:
        RequestError: ``parts`` is out of range.
    """
    _check_count(parts)
    # In the order of the text, not of how plainly they are told.
    told = list(dict.fromkeys(view for _, _, view in sorted(_mentions(name), key=lambda item: item[1])))
    if len(told) == parts and parts > 1:
        return ["RIGHT" if view == "SIDE" else view for view in told]
    return list(_SHEETS.get(parts, VIEWS[:parts]))


def _check_count(count: int) -> None:
    if count < 1:
        raise RequestError(iface("There is no image to show."), advice=iface("Choose at least one."))
    if count > MOST:
        raise RequestError(
            iface("A set has at most {most} views, but there are {count} pictures.").format(most=MOST, count=count),
            advice=iface("Choose fewer, or add them as single references."),
        )


def add_turnaround(
    images: Sequence[bpy.types.Image],
    views: Sequence[str] | None = None,
    *,
    parts: int = 1,
    height_m: float = 1.8,
    margin: float = 0.25,
    location: Sequence[float] = (0.0, 0.0, 0.0),
    look: planes.Look | None = None,
    name: str | None = None,
    scene: bpy.types.Scene | None = None,
    metres_per_unit: float = 1.0,
) -> bpy.types.Object:
    """A set of references, each on its axis, standing on one ground; the empty that holds them.

    Pictures from the sides and at three quarters have one height.  Those from above and below lie flat, as wide
    as the front, or as long as the side is wide.

    Args:
        images: at most seven, or one that holds several views side by side.
        views: one of :data:`VIEWS` for each picture; by default what the images' names say.
        parts: into how many equal parts one image is split, from left to right.
        height_m: metres, above 0.
        margin: distance from the box around the thing to the pictures, as a share of the height, 0 or more.
        location: middle of the ground, in Blender units.
        look: by default planes that are seen from the front only.
        name: of the empty; by default what the images' names begin with.
        scene, metres_per_unit: as :func:`.planes.add_reference_plane`.

    Raises:
        RequestError: the numbers of images, views and parts do not fit, a view comes twice, an image has no
            pixels, or an option is out of range.
    """
    look = look or planes.Look(both_sides=False)
    if not height_m > 0:
        raise RequestError(f"height_m: must be above 0, got {height_m}.")
    if not margin >= 0:
        raise RequestError(f"margin: must be 0 or more, got {margin}.")
    shown = _shown(images, parts)
    if views is None:
        views = views_of_sheet(parts, title(images[0])) if parts > 1 else views_by_words([title(i) for i in images])
    _check_views(views, len(shown))
    height = height_m / metres_per_unit
    sizes = _sizes({view: planes.aspect(*item) for view, item in zip(views, shown, strict=True)}, height)
    places = _places(sizes, height, margin * height)
    with all_or_nothing():
        collection = planes.collection(scene)
        group: Any = bpy.data.objects.new(name or _common_name(images), None)
        group[SET] = True
        group.empty_display_size = height / 10
        group.matrix_world = Matrix.Translation(tuple(location))
        collection.objects.link(group)
        for view, (image, part) in zip(views, shown, strict=True):
            label = f"{group.name} {LABELS[view]}"
            obj: Any = planes.make(image, height=sizes[view][1], name=label, look=look, part=part)
            obj[VIEW] = view
            obj.parent = group
            obj.matrix_basis = places[view]
            collection.objects.link(obj)
            planes.set_locked(obj, look.locked)
        planes.set_locked(group, look.locked)
    return group


def _shown(images: Sequence[bpy.types.Image], parts: int) -> list[tuple[bpy.types.Image, tuple[float, float]]]:
    """Each picture of the set: an image, and the part of its width."""
    if parts < 1:
        raise RequestError(f"parts: must be 1 or more, got {parts}.")
    if parts == 1:
        _check_count(len(images))
        return [(image, (0.0, 1.0)) for image in images]
    _check_count(parts)
    if len(images) != 1:
        raise RequestError(
            iface("Only one picture can be split into views, but there are {count}.").format(count=len(images)),
            advice=iface("Choose one, or set the number of views in it to 1."),
        )
    return [(images[0], (number / parts, (number + 1) / parts)) for number in range(parts)]


def _check_views(views: Sequence[str], count: int) -> None:
    if len(views) != count:
        raise RequestError(f"views: must be one for each of {count} pictures, got {len(views)}.")
    for number, view in enumerate(views):
        if view not in VIEWS:
            raise RequestError(f"views: must be of {', '.join(VIEWS)}, got {view!r}.")
        if view in views[:number]:
            raise RequestError(
                iface("Two pictures are to be the view {view}.").format(view=iface(LABELS[view])),
                advice=iface("Give one of them another view."),
            )


def _sizes(aspects: dict[str, float], height: float) -> dict[str, tuple[float, float]]:
    """Width and height of each view."""
    sizes = {view: (aspect * height, height) for view, aspect in aspects.items()}
    fronts = [sizes[view][0] for view in ("FRONT", "BACK") if view in sizes]
    sides = [sizes[view][0] for view in ("LEFT", "RIGHT") if view in sizes]
    for view in ("TOP", "BOTTOM"):
        if view in sizes and fronts:
            sizes[view] = (max(fronts), max(fronts) / aspects[view])
        elif view in sizes and sides:
            sizes[view] = (max(sides) * aspects[view], max(sides))
    return sizes


def _places(sizes: dict[str, tuple[float, float]], height: float, margin: float) -> dict[str, Matrix]:
    """Where each view stands, from the middle of the ground."""
    flat = [sizes[view] for view in ("TOP", "BOTTOM") if view in sizes]
    across = [sizes[view][0] for view in ("FRONT", "BACK") if view in sizes] + [width for width, _ in flat]
    along = [sizes[view][0] for view in ("LEFT", "RIGHT") if view in sizes] + [length for _, length in flat]
    x = max(across or along or [height]) / 2 + margin
    y = max(along or across or [height]) / 2 + margin
    # The corner of the box that a view at three quarters looks at, and a little beyond it.
    corner = Vector((-1.0, 1.0, 0.0)).normalized() * ((x + y) / math.sqrt(2) + margin)
    places = {
        "FRONT": ((0.0, y, 0.0), planes.rotation("-Y")),
        "BACK": ((0.0, -y, 0.0), planes.rotation("Y")),
        "RIGHT": ((-x, 0.0, 0.0), planes.rotation("X")),
        "LEFT": ((x, 0.0, 0.0), planes.rotation("-X")),
        "THREE_QUARTER": (corner[:], planes.upright(45)),
    }
    for view, facing, level in (("TOP", "Z", 0.0), ("BOTTOM", "-Z", height + margin)):
        if view in sizes:
            # Its lower edge is the front's side from above, and the back's from below.
            half = sizes[view][1] / 2
            places[view] = ((0.0, -half if view == "TOP" else half, level), planes.rotation(facing))  # type: ignore[arg-type]
    return {view: Matrix.Translation(place) @ turn for view, (place, turn) in places.items() if view in sizes}


def _common_name(images: Sequence[bpy.types.Image]) -> str:
    """The words that all of the images' names begin with."""
    names = [re.findall(r"[^\W_]+", title(image)) for image in images]
    common = []
    for words in zip(*names, strict=False):
        if len(set(words)) > 1:
            break
        common.append(words[0])
    return " ".join(common) or "Turnaround"
