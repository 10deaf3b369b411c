# SPDX-License-Identifier: GPL-3.0-or-later
"""References: from images, turnaround sets, controls, converting, camera backgrounds; operators and API."""

from __future__ import annotations

import importlib
import re

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from pictures import flat, write_png, write_result
from test_planes import corners, directions
from test_render import SIZE, camera, render  # noqa: F401 - fixtures

LOCKS = ("lock_location", "lock_rotation", "lock_scale")


@pytest.fixture
def api(texloom):
    return importlib.import_module(f"{texloom.__name__}.api")


@pytest.fixture
def errors(texloom):
    return importlib.import_module(f"{texloom.__name__}.core.texloom.errors")


@pytest.fixture
def settings():
    """The panel's settings; a new file makes a new scene."""
    return lambda: bpy.context.scene.texloom_references


@pytest.fixture
def picture(tmp_path):
    """``picture("robot_front.png", width, height, color)``: an image datablock of a file."""

    def make(name, width=32, height=16, color=(90, 60, 30)):
        return bpy.data.images.load(str(write_png(tmp_path / name, flat(color, width, height))))

    return make


def update():
    bpy.context.view_layer.update()


def references():
    update()
    return [obj for obj in bpy.data.objects if "texloom_reference" in obj]


def extent(obj):
    """Smallest and largest world position of a reference, mesh or empty."""
    update()
    if obj.type == "MESH":
        points = [obj.matrix_world @ vertex.co for vertex in obj.data.vertices]
    else:
        width, height = obj.data.size
        unit = obj.empty_display_size / max(width, height)
        points = [
            obj.matrix_world @ Vector(((x + obj.empty_image_offset[0]) * width * unit, y * height * unit, 0.0))
            for x in (0, 1)
            for y in (0, 1)
        ]
    return tuple(tuple(pick(point[axis] for point in points) for axis in range(3)) for pick in (min, max))


def normal(obj):
    return obj.matrix_world.to_3x3() @ Vector((0, 0, 1))


def fails(call, match):
    """An operator that reports an error, and leaves nothing."""
    before = {kind: len(getattr(bpy.data, kind)) for kind in ("objects", "meshes", "materials", "images", "cameras")}
    with pytest.raises(RuntimeError, match=match):
        call()
    assert {kind: len(getattr(bpy.data, kind)) for kind in before} == before


def test_every_setting_has_a_translation(texloom):
    dictionary = importlib.import_module(f"{texloom.__name__}.translations").LANGUAGES["zh_HANS"]
    module = importlib.import_module(f"{texloom.__name__}.references")
    operators = importlib.import_module(f"{texloom.__name__}.operators.references").CLASSES
    owners = [module.TexloomReferences.bl_rna, module.TexloomView.bl_rna]
    owners += [getattr(bpy.ops.texloom, item.bl_idname.partition(".")[2]).get_rna_type() for item in operators]
    texts = set()
    for owner in owners:
        for item in owner.properties:
            if item.is_hidden or item.identifier in ("rna_type", "name"):
                continue
            texts |= {item.name, item.description}
            for option in item.enum_items if item.type == "ENUM" else ():
                texts |= {option.name, option.description}
    assert len(texts) > 60
    assert sorted(texts - set(dictionary) - {""}) == []


class TestFromImages:
    def test_files_side_by_side_at_the_cursor(self, tmp_path):
        for name, width in (("a.png", 32), ("b.png", 16)):
            write_png(tmp_path / name, flat((1, 2, 3), width, 16))
        bpy.context.scene.cursor.location = (1, 2, 3)
        done = bpy.ops.texloom.reference_from_images(
            directory=str(tmp_path), files=[{"name": "a.png"}, {"name": "b.png"}], height=2.0, facing="-Y", gap=0.5
        )
        assert done == {"FINISHED"}
        a, b = bpy.data.objects["a"], bpy.data.objects["b"]
        # Widths of 4 and 2 and a gap of 1 make 7, around x = 1.
        assert extent(a) == (pytest.approx((-2.5, 2, 3)), pytest.approx((1.5, 2, 5)))
        assert extent(b) == (pytest.approx((2.5, 2, 3)), pytest.approx((4.5, 2, 5)))
        assert [obj.name for obj in bpy.context.selected_objects] == ["a", "b"]
        assert bpy.context.view_layer.objects.active == b
        assert {obj.users_collection[0].name for obj in (a, b)} == {"References"}

    def test_an_image_of_the_file_as_an_image_empty(self, picture):
        image = picture("high.png", 8, 32)
        done = bpy.ops.texloom.reference_from_images(
            image="high.png", kind="EMPTY", facing="X", height=2.0, opacity=0.3
        )
        assert done == {"FINISHED"}
        (obj,) = references()
        assert obj.type == "EMPTY" and obj.data == image and obj.empty_display_type == "IMAGE"
        assert obj.color[3] == pytest.approx(0.3) and obj.use_empty_image_alpha
        assert extent(obj) == (pytest.approx((0, -0.25, 0), abs=1e-6), pytest.approx((0, 0.25, 2), abs=1e-6))
        assert (normal(obj) - Vector((1, 0, 0))).length < 1e-6

    def test_a_result_on_disk(self, tmp_path):
        folder = write_result(tmp_path / "job", {"image": flat((1, 2, 3), 16, 32)}).parent
        assert bpy.ops.texloom.reference_from_images(folder=str(folder), facing="-Y") == {"FINISHED"}
        (obj,) = references()
        assert obj.name.startswith("weathered red brick wall") and obj.dimensions.y == pytest.approx(1.8)

    @pytest.mark.parametrize("kind", ["PLANE", "EMPTY"])
    def test_height_in_metres_at_another_unit_scale(self, api, picture, kind):
        bpy.context.scene.unit_settings.scale_length = 0.01
        (name,) = api.reference_from_images(picture("a.png"), height=1.8, look=api.ReferenceLook(kind=kind))
        low, high = extent(bpy.data.objects[name])
        assert high[2] - low[2] == pytest.approx(180) and high[0] - low[0] == pytest.approx(360)
        # Without a height given, the operator makes 1.8 metres too.
        bpy.ops.texloom.reference_from_images(image="a.png", kind=kind, facing="-Y", height=180)
        assert bpy.context.object.scale.z == pytest.approx(1)

    def test_all_looks(self, api, picture):
        look = api.ReferenceLook(opacity=0.5, in_front=True, both_sides=False, in_renders=False, locked=True)
        (name,) = api.reference_from_images([picture("a.png")], look=look)
        obj = bpy.data.objects[name]
        assert obj.show_in_front and obj.hide_render and obj.hide_select and obj.active_material.use_backface_culling
        assert obj.active_material.surface_render_method == "BLENDED" and obj.active_material.diffuse_color[3] == 0.5
        look = api.ReferenceLook(kind="EMPTY", in_front=True, both_sides=False, views="ORTHO")
        (name,) = api.reference_from_images([picture("b.png")], look=look)
        obj = bpy.data.objects[name]
        assert obj.empty_image_depth == "FRONT" and obj.empty_image_side == "FRONT"
        assert obj.show_empty_image_orthographic and not obj.show_empty_image_perspective

    def test_files_are_loaded_once_and_stay_outside(self, api, tmp_path):
        path = write_png(tmp_path / "a.png", flat((1, 2, 3)))
        api.reference_from_images([path, str(path)])
        (image,) = bpy.data.images
        assert image.packed_file is None and image.users == 2
        assert len(references()) == 2

    def test_beside_a_saved_file_the_path_is_relative(self, api, tmp_path):
        path = write_png(tmp_path / "a.png", flat((1, 2, 3)))
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
        api.reference_from_images(path)
        assert bpy.data.images[0].filepath == "//a.png"

    def test_wrong_inputs_leave_nothing(self, api, errors, tmp_path, counts, picture):
        good = write_png(tmp_path / "good.png", flat((1, 2, 3)))
        (tmp_path / "text.png").write_text("no picture")
        before = counts()
        for paths, match in (
            ([good, tmp_path / "gone.png"], "gone.png"),
            ([good, tmp_path / "text.png"], "no picture"),
        ):
            with pytest.raises(errors.StorageError, match=match):
                api.reference_from_images(paths)
            assert counts() == before
        with pytest.raises(errors.RequestError, match="no image"):
            api.reference_from_images([])
        for options in ({"height": 0}, {"facing": "UP"}):
            with pytest.raises(errors.RequestError, match=next(iter(options))):
                api.reference_from_images(good, **options)
        for look in ({"kind": "CUBE"}, {"opacity": 1.5}, {"views": "NONE"}):
            with pytest.raises(errors.RequestError, match=next(iter(look))):
                api.reference_from_images(good, look=api.ReferenceLook(**look))
        assert counts() == before
        fails(lambda: bpy.ops.texloom.reference_from_images(image="Gone"), "no image Gone")
        fails(lambda: bpy.ops.texloom.reference_from_images(), "no image to show")
        fails(lambda: bpy.ops.texloom.reference_from_images(filepath=str(tmp_path / "gone.png")), "gone.png")
        fails(lambda: bpy.ops.texloom.reference_from_images(folder=str(tmp_path / "nothing")), "does not exist")
        empty = bpy.data.images.new("Empty", 4, 4)
        empty.source = "FILE"
        fails(lambda: bpy.ops.texloom.reference_from_images(image="Empty"), "no pixels.*Reload")

    def test_hidden_and_linked_collections_are_left_alone(self, api, picture, tmp_path):
        image = picture("a.png")
        api.reference_from_images(image)
        layer = bpy.context.view_layer.layer_collection.children["References"]
        for hide in ("exclude", "hide_viewport"):
            setattr(layer, hide, True)
            (name,) = api.reference_from_images(image)
            obj = bpy.data.objects[name]
            assert obj.users_collection[0].name == "References.001" and obj.visible_get()
            setattr(layer, hide, False)
        library = tmp_path / "library.blend"
        bpy.data.libraries.write(str(library), {bpy.data.collections["References"]})
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        with bpy.data.libraries.load(str(library), link=True) as (_, linked):
            linked.collections = ["References"]
        bpy.context.scene.collection.children.link(linked.collections[0])
        (name,) = api.reference_from_images(write_png(tmp_path / "b.png", flat((1, 2, 3))))
        collection = bpy.data.objects[name].users_collection[0]
        assert collection.library is None and len(linked.collections[0].objects) == 1

    def test_in_edit_mode(self, cube, picture):
        obj = cube()
        bpy.context.view_layer.objects.active = obj
        bpy.ops.object.mode_set(mode="EDIT")
        picture("a.png")
        assert bpy.ops.texloom.reference_from_images(image="a.png", facing="-Y") == {"FINISHED"}
        # The edited object stays the active one.
        assert bpy.context.mode == "EDIT_MESH" and bpy.context.view_layer.objects.active == obj
        assert len(references()) == 1
        bpy.ops.object.mode_set(mode="OBJECT")


class TestViewWords:
    @pytest.mark.parametrize(
        ("text", "views"),
        [
            ("robot_front.png", ["FRONT"]),
            ("robotBack2", ["BACK"]),
            ("LEFT", ["LEFT"]),
            ("car side view", ["SIDE"]),
            ("left side of a car", ["LEFT"]),
            ("rear view of a car with right-hand drive", ["BACK", "RIGHT"]),
            ("a girl in a crop top, front view", ["FRONT", "TOP"]),
            ("front three-quarter view", ["THREE_QUARTER", "FRONT"]),
            ("car 3/4", ["THREE_QUARTER"]),
            ("backpack on a desktop", []),
            ("frontier", []),
            ("img_1834.png", []),
            ("机器人正面", ["FRONT"]),
            ("机器人_背面图.png", ["BACK"]),
            ("左", ["LEFT"]),
            ("车右侧", ["RIGHT"]),
            ("俯视图", ["TOP"]),
            ("顶", ["TOP"]),
            ("侧视图", ["SIDE"]),
            ("斜视图", ["THREE_QUARTER"]),
            ("背包和上衣", []),
        ],
    )
    def test_words(self, scene, text, views):
        assert scene.turnaround.views_in(text) == views

    def test_by_words_or_what_is_left(self, scene):
        by_words = scene.turnaround.views_by_words
        assert by_words(["x_top", "x_front", "x_1", "x_2"]) == ["TOP", "FRONT", "BACK", "LEFT"]
        assert by_words(["side a", "side b", "front", "front again"]) == ["RIGHT", "LEFT", "FRONT", "BACK"]
        assert by_words([""] * 7) == list(scene.turnaround.VIEWS)
        with pytest.raises(ValueError, match="at most 7"):
            by_words([""] * 8)

    def test_sheets(self, scene):
        of_sheet = scene.turnaround.views_of_sheet
        assert of_sheet(3) == ["FRONT", "RIGHT", "BACK"]
        assert of_sheet(3, "robot, back, side and front view") == ["BACK", "RIGHT", "FRONT"]
        assert of_sheet(4, "front and back") == ["FRONT", "RIGHT", "BACK", "LEFT"]
        assert [len(of_sheet(number)) for number in range(1, 8)] == list(range(1, 8))


class TestTurnaround:
    NAMES = ("bot_front.png", "bot_back.png", "bot_left.png", "bot_right.png", "bot_top.png", "bot_bottom.png")
    FRONTS = {  # noqa: RUF012 - pytest's own form
        "FRONT": (0, -1, 0), "BACK": (0, 1, 0), "LEFT": (-1, 0, 0), "RIGHT": (1, 0, 0), "TOP": (0, 0, 1),
        "BOTTOM": (0, 0, -1),
    }  # fmt: skip

    @pytest.mark.parametrize("kind", ["PLANE", "EMPTY"])
    def test_a_box_around_the_origin(self, api, picture, kind):
        sizes = {"bot_left.png": (8, 16), "bot_right.png": (8, 16), "bot_top.png": (32, 16), "bot_bottom.png": (32, 16)}
        images = [picture(name, *sizes.get(name, (16, 16))) for name in self.NAMES]
        look = api.ReferenceLook(kind=kind, both_sides=False)
        group = bpy.data.objects[api.turnaround(images, height=2.0, margin=0.5, look=look)]
        assert group.name == "bot" and group.users_collection[0].name == "References"
        made = {obj["texloom_view"]: obj for obj in group.children}
        assert set(made) == set(self.FRONTS)
        update()
        for view, obj in made.items():
            assert (normal(obj) - Vector(self.FRONTS[view])).length < 1e-6
        # The front is 2 wide, the side 1; above it, 2 wide and 1 long.  Half of these and a margin of 1.
        expected = {
            "FRONT": ((-1, 1.5, 0), (1, 1.5, 2)),
            "BACK": ((-1, -1.5, 0), (1, -1.5, 2)),
            "RIGHT": ((-2, -0.5, 0), (-2, 0.5, 2)),
            "LEFT": ((2, -0.5, 0), (2, 0.5, 2)),
            "TOP": ((-1, -0.5, 0), (1, 0.5, 0)),
            "BOTTOM": ((-1, -0.5, 3), (1, 0.5, 3)),
        }
        for view, (low, high) in expected.items():
            assert extent(made[view]) == (pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5)), view

    def test_pictures_are_upright_and_not_mirrored(self, api, picture):
        group = bpy.data.objects[api.turnaround([picture(name) for name in self.NAMES])]
        update()
        # As in Blender's own views: right and up of the screen.
        seen = {
            "FRONT": ((1, 0, 0), (0, 0, 1)), "BACK": ((-1, 0, 0), (0, 0, 1)), "RIGHT": ((0, 1, 0), (0, 0, 1)),
            "LEFT": ((0, -1, 0), (0, 0, 1)), "TOP": ((1, 0, 0), (0, 1, 0)), "BOTTOM": ((1, 0, 0), (0, -1, 0)),
        }  # fmt: skip
        for obj in group.children:
            right, up, front = directions(obj)
            for found, wanted in zip((right, up), seen[obj["texloom_view"]], strict=True):
                assert (found - Vector(wanted)).length < 1e-6, obj.name
            assert (front - Vector(self.FRONTS[obj["texloom_view"]])).length < 1e-6

    def test_three_quarters_stands_beyond_the_corner(self, api, picture):
        images = [picture("front.png"), picture("right.png"), picture("three_quarter.png")]
        group = bpy.data.objects[api.turnaround(images, height=1.0, margin=0.1)]
        update()
        made = {obj["texloom_view"]: obj for obj in group.children}
        obj = made["THREE_QUARTER"]
        assert (normal(obj) - Vector((1, -1, 0)).normalized()).length < 1e-6
        # No corner of the other two lies beyond its plane.
        for other in (made["FRONT"], made["RIGHT"]):
            for point in corners(other).values():
                assert (point - obj.matrix_world.translation).dot(normal(obj)) > 0.05

    def test_one_picture_split_by_uv(self, api, picture, counts):
        image = picture("sheet.png", 48, 16)
        before = counts()["images"]
        group = bpy.data.objects[api.turnaround(image, parts=3, height=1.0)]
        assert counts()["images"] == before
        update()
        made = {obj["texloom_view"]: obj for obj in group.children}
        for view, left in (("FRONT", 0), ("RIGHT", 1 / 3), ("BACK", 2 / 3)):
            uvs = [tuple(item.vector) for item in made[view].data.uv_layers.active.uv]
            assert uvs == [pytest.approx(uv) for uv in ((left, 0), (left + 1 / 3, 0), (left + 1 / 3, 1), (left, 1))]
            assert tuple(made[view].dimensions) == pytest.approx((1, 1, 0))
        with pytest.raises(ValueError, match="whole picture"):
            api.turnaround(image, parts=2, look=api.ReferenceLook(kind="EMPTY"))
        with pytest.raises(ValueError, match="Only one picture"):
            api.turnaround([image, image], parts=2)

    def test_operator_from_files(self, tmp_path):
        for name in self.NAMES[:4]:
            write_png(tmp_path / name, flat((1, 2, 3), 8, 16))
        files = [{"name": name} for name in reversed(self.NAMES[:4])]
        assert bpy.ops.texloom.turnaround(directory=str(tmp_path), files=files, location=(5, 0, 0)) == {"FINISHED"}
        assert {obj["texloom_view"] for obj in references()} == {"FRONT", "BACK", "LEFT", "RIGHT"}
        front = next(obj for obj in references() if obj["texloom_view"] == "FRONT")
        assert front.data.name == "bot_front.png" and front.empty_image_side == "FRONT"
        assert front.matrix_world.translation.x == pytest.approx(5)
        assert len(bpy.context.selected_objects) == 4

    def test_operator_by_order_and_by_choice(self, tmp_path):
        for name in ("top.png", "front.png"):
            write_png(tmp_path / name, flat((1, 2, 3)))
        files = [{"name": "top.png"}, {"name": "front.png"}]

        def views(**options):
            bpy.ops.texloom.turnaround(directory=str(tmp_path), files=files, **options)
            found = {obj.data.name: obj["texloom_view"] for obj in bpy.context.selected_objects}
            return found["top.png"], found["front.png"]

        assert views() == ("TOP", "FRONT")
        assert views(by_words=False) == ("FRONT", "BACK")
        assert views(sides=[{"name": "", "view": "LEFT", "was": ""}, {"name": "", "view": "AUTO", "was": ""}]) == (
            "LEFT",
            "FRONT",
        )
        # In the operator's panel, who chooses another one's view swaps with it.
        edited = [{"name": "", "view": "FRONT", "was": "TOP"}, {"name": "", "view": "FRONT", "was": "FRONT"}]
        assert views(sides=edited) == ("FRONT", "TOP")
        twice = [{"name": "", "view": "LEFT", "was": ""}] * 2
        fails(lambda: views(sides=twice), "Two pictures")

    def test_operator_splits_into_planes_whatever_the_kind(self, picture):
        picture("sheet.png", 64, 16)
        assert bpy.ops.texloom.turnaround(image="sheet.png", parts=4, kind="EMPTY") == {"FINISHED"}
        assert {obj.type for obj in references()} == {"MESH"} and len(references()) == 4

    def test_operator_from_selected_references(self, picture, counts):
        for name in ("a_front.png", "a_side.png"):
            picture(name)
            bpy.ops.texloom.reference_from_images(image=name, facing="-Y")
        for obj in references():
            obj.select_set(True)
        assert bpy.ops.texloom.turnaround(from_selection=True) == {"FINISHED"}
        assert sorted(obj["texloom_view"] for obj in references()) == ["FRONT", "RIGHT"]
        assert counts()["meshes"] == counts()["materials"] == 0

    def test_operator_leaves_references_that_show_no_picture(self, texloom, picture):
        for name in ("a_front.png", "a_side.png", "a_back.png"):
            picture(name)
            bpy.ops.texloom.reference_from_images(image=name, facing="-Y")
        own = next(obj for obj in references() if "side" in obj.name)
        own.active_material, name = bpy.data.materials.new("Own"), own.name
        for obj in references():
            obj.select_set(True)
        assert bpy.ops.texloom.turnaround(from_selection=True) == {"FINISHED"}
        assert sorted(obj["texloom_view"] for obj in references() if "texloom_view" in obj) == ["BACK", "FRONT"]
        # It is not in the set, so the set does not take its place.
        assert "texloom_view" not in bpy.data.objects[name]
        assert bpy.data.objects[name].active_material.name == "Own"

    def test_operator_makes_no_set_of_parts_of_pictures(self, texloom, picture, counts):
        picture("sheet.png", 64, 16)
        bpy.ops.texloom.turnaround(image="sheet.png", parts=4, kind="PLANE")
        picture("a_front.png")
        bpy.ops.texloom.reference_from_images(image="a_front.png", facing="-Y")
        for obj in references():
            obj.select_set(True)
        before = counts()
        fails(lambda: bpy.ops.texloom.turnaround(from_selection=True), "a part of its picture")
        assert counts() == before and len(references()) == 5

    def test_wrong_inputs_leave_nothing(self, api, errors, picture, counts):
        image = picture("a.png")
        before = counts()
        for match, arguments, options in (
            ("views", ([image], ["FRONT", "BACK"]), {}),
            ("views", ([image], ["INSIDE"]), {}),
            ("Two pictures", ([image, image], ["TOP", "TOP"]), {}),
            ("at most 7", ([image] * 8,), {}),
            ("at most 7", ([image],), {"parts": 8}),
            ("no image", ([],), {}),
            ("height", ([image],), {"height": -1}),
            ("margin", ([image],), {"margin": -1}),
            ("parts", ([image],), {"parts": 0}),
        ):
            with pytest.raises(errors.RequestError, match=match):
                api.turnaround(*arguments, **options)
            assert counts() == before
        fails(lambda: bpy.ops.texloom.turnaround(), "no image to show")
        fails(lambda: bpy.ops.texloom.turnaround(from_selection=True), "no image to show")


class TestControls:
    @pytest.fixture(params=["PLANE", "EMPTY"])
    def pair(self, request, picture):
        """Two references of a kind, both selected."""
        for name in ("a.png", "b.png"):
            picture(name)
            bpy.ops.texloom.reference_from_images(image=name, kind=request.param, facing="-Y", height=1.0)
        both = references()
        for obj in both:
            obj.select_set(True)
        return both

    def test_all_selected_change_at_once(self, pair, settings, scene):
        other = bpy.data.objects.new("Other", None)
        bpy.context.scene.collection.objects.link(other)
        other.select_set(True)
        panel = settings()
        panel.height, panel.opacity, panel.in_front, panel.both_sides = 2.0, 0.25, True, False
        panel.in_renders = False
        for obj in pair:
            low, high = extent(obj)
            assert high[2] - low[2] == pytest.approx(2) and high[0] - low[0] == pytest.approx(4)
            assert low[2] == pytest.approx(0)
            look = scene.planes.get_look(obj)
            assert (look.opacity, look.in_front, look.both_sides, look.in_renders) == (0.25, True, False, False)
        assert panel.height == pytest.approx(2) and panel.opacity == 0.25
        assert other.color[3] == 1 and tuple(other.scale) == (1, 1, 1)
        panel.opacity = 1.0
        assert {obj.color[3] for obj in pair} == {1.0}

    def test_height_under_a_scaled_parent(self, pair, settings):
        parent = bpy.data.objects.new("Parent", None)
        parent.scale = (3, 3, 3)
        bpy.context.scene.collection.objects.link(parent)
        for obj in pair:
            obj.parent = parent
        settings().height = 1.5
        low, high = extent(pair[0])
        assert high[2] - low[2] == pytest.approx(1.5)

    def test_lock_and_unlock(self, pair, settings):
        first, second = pair
        assert bpy.ops.texloom.reference_lock(object=first.name) == {"FINISHED"}
        assert first.hide_select and not first.select_get() and second.select_get()
        assert all(all(getattr(first, lock)) for lock in LOCKS)
        second.select_set(False)
        # It cannot be selected, yet a click on its row makes it the one that the controls stand for.
        settings().row = bpy.data.collections["References"].objects.find(first.name)
        settings().opacity = 0.5
        assert first.color[3] == 0.5 and second.color[3] == 1
        assert bpy.ops.texloom.reference_lock(lock=False) == {"FINISHED"}
        assert not first.hide_select and not any(any(getattr(first, lock)) for lock in LOCKS)
        bpy.ops.texloom.reference_lock(every=True)
        assert all(obj.hide_select for obj in pair)

    def test_rows_select(self, pair, settings):
        index = bpy.data.collections["References"].objects.find(pair[0].name)
        settings().row = index
        assert bpy.context.selected_objects == [pair[0]] and bpy.context.view_layer.objects.active == pair[0]
        assert settings().row == index

    def test_hide_and_show(self, pair):
        first, second = pair
        bpy.ops.texloom.reference_visibility(object=first.name)
        assert first.hide_get() and not second.hide_get()
        first.hide_viewport = True
        bpy.ops.texloom.reference_visibility(object=first.name)
        assert first.visible_get()

    def test_delete_takes_what_is_its_own(self, pair, counts):
        kept = pair[1].name
        bpy.ops.texloom.reference_delete(object=pair[0].name)
        assert [obj.name for obj in references()] == [kept]
        assert counts()["meshes"] == counts()["materials"] == len([1 for obj in references() if obj.type == "MESH"])
        assert counts()["images"] == 2
        bpy.ops.texloom.reference_delete()
        assert not references() and counts()["meshes"] == counts()["materials"] == 0

    def test_keyframes(self, pair, settings):
        scene = bpy.context.scene
        scene.frame_set(1)
        settings().opacity = 0.0
        bpy.ops.texloom.reference_keyframe()
        scene.frame_set(11)
        settings().opacity = 1.0
        bpy.ops.texloom.reference_keyframe()
        scene.frame_set(6)
        for obj in pair:
            assert obj.color[3] == pytest.approx(0.5)
            if obj.type == "MESH":
                assert obj.active_material.surface_render_method == "BLENDED"

    def test_saved_and_loaded(self, pair, tmp_path, settings):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
        assert len(references()) == 2
        settings().opacity = 0.5
        assert {obj.color[3] for obj in references()} == {0.5}

    def test_convert_and_back(self, pair, scene, picture):
        first = pair[0]
        kind = scene.planes.kind(first)
        other = "EMPTY" if kind == "PLANE" else "PLANE"
        parent = bpy.data.objects.new("Parent", None)
        child = bpy.data.objects.new("Child", None)
        for obj in (parent, child):
            bpy.context.scene.collection.objects.link(obj)
        parent.location = (1, 2, 3)
        first.parent, child.parent = parent, first
        first.rotation_euler.z, first.scale = 0.5, (2, 2, 2)
        scene.planes.set_look(first, scene.planes.Look(kind=kind, opacity=0.4, in_front=True, both_sides=False))
        first.keyframe_insert("color", index=3)
        scene.planes.set_locked(first, True)
        name, shape, matrix = first.name, extent(first), first.matrix_world.copy()
        look = scene.planes.get_look(first)
        assert bpy.ops.texloom.reference_convert(kind=other, object=name) == {"FINISHED"}
        update()
        new = bpy.data.objects[name]
        assert scene.planes.kind(new) == other and new.parent == parent and child.parent == new
        assert bpy.context.selected_objects == [pair[1]]
        assert extent(new) == tuple(pytest.approx(corner, abs=1e-5) for corner in shape)
        assert scene.planes.get_look(new) == scene.planes.Look(**{**vars(look), "kind": other})
        assert new.animation_data.action is not None and new.hide_select
        assert {obj.type for obj in references() if obj != new} == {pair[1].type}
        assert bpy.ops.texloom.reference_convert(kind=kind, object=name) == {"FINISHED"}
        update()
        again = bpy.data.objects[name]
        assert extent(again) == tuple(pytest.approx(corner, abs=1e-5) for corner in shape)
        assert (again.matrix_world.translation - matrix.translation).length < 1e-6
        assert len(references()) == 2

    def test_converting_keeps_the_selection(self, pair, scene):
        kind = scene.planes.kind(pair[0])
        bpy.context.view_layer.objects.active = pair[0]
        names = [obj.name for obj in pair]
        bpy.ops.texloom.reference_convert(kind="EMPTY" if kind == "PLANE" else "PLANE")
        assert [obj.name for obj in references()] == names
        assert {obj.name for obj in bpy.context.selected_objects} == set(names)
        assert bpy.context.view_layer.objects.active.name == names[0]
        assert {scene.planes.kind(obj) for obj in references()} == {"EMPTY" if kind == "PLANE" else "PLANE"}

    def test_none_is_lost_where_one_cannot_be_converted(self, pair, scene):
        kind = scene.planes.kind(pair[0])
        names = [obj.name for obj in pair]
        broken = bpy.data.images.new("Broken", 8, 8)
        broken.source, broken.filepath = "FILE", "/nowhere/broken.png"
        broken.reload()
        scene.planes.picture(pair[1]).user_remap(broken)
        assert scene.planes.picture(pair[0]) != broken
        fails(lambda: bpy.ops.texloom.reference_convert(kind="EMPTY" if kind == "PLANE" else "PLANE"), "no pixels")
        assert [obj.name for obj in references()] == names
        assert {scene.planes.kind(obj) for obj in references()} == {kind}

    def test_nothing_selected(self, pair, settings):
        for obj in pair:
            obj.select_set(False)
        settings().row_name = ""
        for name in ("lock", "convert", "delete", "visibility", "keyframe"):
            fails(getattr(bpy.ops.texloom, f"reference_{name}"), "No reference is selected")
            fails(lambda name=name: getattr(bpy.ops.texloom, f"reference_{name}")(object="Gone"), "no reference Gone")

    def test_edited_ones_are_left_alone(self, pair):
        if pair[0].type == "EMPTY":
            pytest.skip("empties have no Edit Mode")
        bpy.context.view_layer.objects.active = pair[0]
        bpy.ops.object.mode_set(mode="EDIT")
        fails(lambda: bpy.ops.texloom.reference_delete(), "being edited")
        fails(lambda: bpy.ops.texloom.reference_convert(kind="EMPTY"), "being edited")
        bpy.ops.object.mode_set(mode="OBJECT")


def test_operators_explain_that_there_is_nothing(texloom):
    for name in ("lock", "convert", "delete", "visibility", "keyframe"):
        with pytest.raises(RuntimeError, match="no reference in this scene"):
            getattr(bpy.ops.texloom, f"reference_{name}")()
    with pytest.raises(RuntimeError, match="3D viewport"):
        bpy.ops.texloom.reference_solid()


def test_views_are_for_image_empties(scene, picture, settings, api):
    (plane,) = api.reference_from_images(picture("a.png"))
    with pytest.raises(ValueError, match="Convert it"):
        scene.planes.set_views(bpy.data.objects[plane], "ORTHO")
    (empty,) = api.reference_from_images(picture("b.png"), look=api.ReferenceLook(kind="EMPTY"))
    obj = bpy.data.objects[empty]
    obj.select_set(True)
    panel = settings()
    flags = ("show_empty_image_orthographic", "show_empty_image_perspective", "show_empty_image_only_axis_aligned")
    for value, wanted in (("ORTHO", (True, False, False)), ("AXIS", (True, True, True)), ("ALL", (True, True, False))):
        panel.views = value
        assert tuple(getattr(obj, flag) for flag in flags) == wanted and panel.views == value
    assert obj.empty_image_side == "FRONT"


def test_a_part_of_a_picture_stays_a_plane(api, picture):
    group = bpy.data.objects[api.turnaround(picture("sheet.png", 48, 16), parts=3)]
    for obj in group.children:
        obj.select_set(True)
    fails(lambda: bpy.ops.texloom.reference_convert(kind="EMPTY"), "a part of its picture")


def test_the_empty_of_a_set_is_locked_and_goes_with_its_references(api, picture):
    group = bpy.data.objects[api.turnaround([picture("front.png"), picture("back.png")])]
    first, second = group.children
    bpy.ops.texloom.reference_lock(object=first.name)
    assert not group.hide_select
    bpy.ops.texloom.reference_lock(object=second.name)
    assert group.hide_select
    bpy.ops.texloom.reference_lock(object=first.name, lock=False)
    assert not group.hide_select
    name = group.name
    bpy.ops.texloom.reference_delete(object=first.name)
    assert name in bpy.data.objects
    bpy.ops.texloom.reference_delete(object=second.name)
    assert name not in bpy.data.objects


def test_a_shared_material_stays(api, picture):
    (name,) = api.reference_from_images(picture("a.png"))
    obj = bpy.data.objects[name]
    twin = obj.copy()
    twin.data = obj.data.copy()
    bpy.context.scene.collection.objects.link(twin)
    bpy.ops.texloom.reference_delete(object=name)
    assert twin.active_material is not None and len(bpy.data.meshes) == 1


def test_a_result_looks_as_the_placement_panel_says(texloom, settings, result):
    target = importlib.import_module(f"{texloom.__name__}.target")
    panel = settings()
    panel.new_kind, panel.new_opacity, panel.new_views, panel.new_locked = "EMPTY", 0.5, "ORTHO", True
    bpy.context.scene.texloom.output = "PLANE"
    placement = bpy.context.scene.texloom.placement(bpy.context)
    built = target.apply(result({"image": flat((1, 2, 3), 16, 32)}), placement)
    obj = bpy.data.objects[built.object]
    assert obj.type == "EMPTY" and obj.color[3] == 0.5 and obj.hide_select and built.material == ""
    assert not obj.show_empty_image_perspective


def test_another_variation_takes_over_what_the_user_set(texloom, scene, result):
    successors = importlib.import_module(f"{texloom.__name__}.successors")
    target = importlib.import_module(f"{texloom.__name__}.target")
    placement = target.capture(bpy.context, output="PLANE", plane_facing="-Y")
    first = result({"image": flat((1, 2, 3))}, folder="one")
    second = result({"image": flat((4, 5, 6))}, folder="two")
    built = target.apply(first, placement)
    obj = scene.references.convert(bpy.data.objects[built.object], "EMPTY")
    scene.planes.set_opacity(obj, 0.5)
    obj.location = (1, 2, 3)
    again = successors.replace_built(second, placement, built)
    (obj,) = references()
    assert obj.name == again.object and obj.type == "EMPTY" and again.material == ""
    assert obj.color[3] == 0.5 and tuple(obj.location) == (1, 2, 3)
    assert obj.data.name == again.images[0] and not bpy.data.meshes and not bpy.data.materials


class TestRender:
    @pytest.fixture
    def seen(self, api, picture, render, camera):  # noqa: F811 - the fixtures imported above
        """``seen(rotation, **look)``: the middle of a render of a reference, 0 to 255."""

        def make(rotation=(90, 0, 0), **look):
            api.reference_from_images(
                picture("a.png", 16, 16, (220, 30, 120)), height=2.0, location=(0, 0, -1),
                look=api.ReferenceLook(**look),
            )  # fmt: skip
            camera(Matrix.Rotation(np.radians(rotation[2]), 3, "Z") @ Vector((0, -5, 0)), rotation, 1.0)
            return render(samples=64)[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4].mean((0, 1)) * 255

        return make

    def test_unlit(self, seen):
        assert seen() == pytest.approx([220, 30, 120, 255], abs=1)

    def test_opacity(self, seen):
        color = seen(opacity=0.25)
        assert color[3] == pytest.approx(64, abs=4) and color[:3] == pytest.approx([220, 30, 120], abs=4)

    def test_both_sides(self, seen):
        assert seen(rotation=(90, 0, 180)) == pytest.approx([220, 30, 120, 255], abs=1)

    def test_front_only(self, seen):
        assert seen(rotation=(90, 0, 180), both_sides=False)[3] == 0

    def test_front_only_from_the_front(self, seen):
        assert seen(both_sides=False) == pytest.approx([220, 30, 120, 255], abs=1)

    def test_not_in_renders(self, seen):
        assert seen(in_renders=False)[3] == 0

    def test_a_part(self, api, tmp_path, render, camera):  # noqa: F811
        pixels = np.zeros((16, 48, 3), np.uint8)
        pixels[:, :16], pixels[:, 16:32], pixels[:, 32:] = (200, 0, 0), (0, 200, 0), (0, 0, 200)
        api.turnaround(write_png(tmp_path / "sheet.png", pixels), parts=3, height=2.0, location=(0, 0, -1))
        # Blender's right view sees the second part, through the back of nothing else.
        camera((5, 0, 0), (90, 0, 90), 1.0)
        middle = render(samples=4)[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4].mean((0, 1)) * 255
        assert middle == pytest.approx([0, 200, 0, 255], abs=2)


class TestCameraBackground:
    def test_a_new_camera(self, picture):
        image = picture("a.png")
        done = bpy.ops.texloom.camera_background(image="a.png", opacity=0.25, depth="FRONT", fit="CROP")
        assert done == {"FINISHED"}
        made = bpy.context.scene.camera
        (shown,) = made.data.background_images
        assert shown.image == image and shown.alpha == 0.25 and shown.display_depth == "FRONT"
        assert shown.frame_method == "CROP" and made.data.show_background_images
        # It looks along +Y.
        assert (made.matrix_world.to_3x3() @ Vector((0, 0, -1)) - Vector((0, 1, 0))).length < 1e-6

    def test_the_same_image_is_adjusted_and_others_are_hidden(self, api, picture):
        name = api.camera_background(picture("a.png"))
        assert api.camera_background(picture("b.png")) == name
        shown = bpy.data.objects[name].data.background_images
        assert [item.show_background_image for item in shown] == [False, True]
        api.camera_background(bpy.data.images["a.png"], opacity=0.1, hide_others=False)
        assert [item.show_background_image for item in shown] == [True, True]
        assert shown[0].alpha == pytest.approx(0.1)

    def test_which_camera(self, picture):
        picture("a.png")
        for name in ("One", "Two"):
            obj = bpy.data.objects.new(name, bpy.data.cameras.new(name))
            bpy.context.scene.collection.objects.link(obj)
        bpy.context.scene.camera = bpy.data.objects["One"]
        count = {name: len(bpy.data.cameras[name].background_images) for name in ("One", "Two")}
        assert count == {"One": 0, "Two": 0}
        bpy.ops.texloom.camera_background(image="a.png")
        assert len(bpy.data.cameras["One"].background_images) == 1
        bpy.context.view_layer.objects.active = bpy.data.objects["Two"]
        bpy.data.objects["Two"].select_set(True)
        bpy.ops.texloom.camera_background(image="a.png")
        assert len(bpy.data.cameras["Two"].background_images) == 1
        bpy.ops.texloom.camera_background(image="a.png", new_camera=True)
        assert len(bpy.data.cameras) == 3 and bpy.context.scene.camera.name == "One"

    def test_render_in_its_aspect(self, api, picture):
        settings = bpy.context.scene.render
        settings.resolution_x, settings.resolution_y = 1000, 1000
        api.camera_background(picture("a.png", 32, 16), match_render=True)
        assert (settings.resolution_x, settings.resolution_y) == (1000, 500)

    def test_wrong_inputs(self, api, errors, picture, cube):
        image = picture("a.png")
        for match, options in (("opacity", {"opacity": 2}), ("depth", {"depth": "LEFT"}), ("fit", {"fit": "NO"})):
            with pytest.raises(errors.RequestError, match=match):
                api.camera_background(image, **options)
        with pytest.raises(errors.RequestError, match="is no camera"):
            api.camera_background(image, cube())
        assert not bpy.data.cameras
        fails(lambda: bpy.ops.texloom.camera_background(image="Gone"), "no image Gone")
        fails(lambda: bpy.ops.texloom.camera_background(image="a.png", camera="Gone"), "no object Gone")
        fails(lambda: bpy.ops.texloom.camera_background(image="a.png", camera="Cube"), "is no camera")
        empty = bpy.data.images.new("Empty", 4, 4)
        empty.source = "FILE"
        fails(lambda: bpy.ops.texloom.camera_background(image="Empty"), "no pixels")


def test_every_text_of_an_error_is_plain(texloom):
    # What ``fails`` looks for is shown to people: whole sentences.
    dictionary = importlib.import_module(f"{texloom.__name__}.translations.zh_hans.references").TEXTS
    assert all(re.search(r"[.。]$", text) for text in dictionary if text.startswith("{name} "))
