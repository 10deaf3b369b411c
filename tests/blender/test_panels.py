# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the panel in the states that a user meets: what stands there, and what stands beside what."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest
from layouts import Here, Nested, button, buttons, drawn, fields, nested, texts
from pictures import flat, write_png
from test_addon import api, fake, module

__all__ = ["api", "fake"]  # fixtures

OPEN = {
    "main": "the panel itself",
    "results": "what is being made, and what to do with it",
    "parameters": "what the words became; shown only for materials that have it",
}
"""Parts that stand open at first, and why; who opens another one has Blender remember it."""


def test_parts_are_closed_at_first(texloom: ModuleType) -> None:
    panels = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("TEXLOOM_PT_")]
    assert len(panels) > 30
    standing = {panel.key for panel in panels if "DEFAULT_CLOSED" not in getattr(panel, "bl_options", ())}
    assert standing == set(OPEN)
    # All but the first stand below it, in the same sidebar.
    for panel in panels:
        parent = getattr(bpy.types, panel.bl_parent_id) if panel.key != "main" else panel
        assert parent.key == "main" and parent.bl_space_type == panel.bl_space_type


# --- what the words became ---------------------------------------------------------------------------------------

READ = [
    {"name": "color", "kind": "color", "label": "Color", "source": "prompt", "words": ["red"]},
    {"name": "joint_width", "kind": "number", "label": "Joint width", "unit": "m", "source": "seed", "high": 0.05},
    {"name": "bond", "kind": "choice", "label": "Bond", "source": "request", "options": ["running", "stack"]},
    {"name": "tint", "kind": "number", "label": "Variation", "source": "style image", "words": []},
    {
        "name": "moss",
        "kind": "number",
        "label": "Moss",
        "source": "prompt",
        "words": ["mossy", "green"],
        "attribute": True,
    },
    {"name": "dirt", "kind": "number", "label": "Dirt", "source": "seed", "words": [], "attribute": True},
]
VALUES = {"color": "#a04030", "joint_width": 0.01, "bond": "stack", "tint": 0.5, "moss": 0.7, "dirt": 0.1}


@pytest.fixture
def wall(fake: Any, api: Any, cube: Any, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The recipe of a material on the active cube, with a parameter of every kind."""
    fakes = module(texloom, "core.texloom.backends.fake")
    make = fakes._variation

    def variation(request: Any, index: int, folder: Path) -> Any:
        found = make(request, index, folder)
        family = {"name": "bricks", "title": "Brick wall", "words": ["brick", "wall"]}
        found["reading"] = {"family": family, "parameters": READ}
        found["parameters"] = {"family": "bricks", **VALUES}
        return found

    monkeypatch.setattr(fakes, "_variation", variation)
    obj = cube()
    bpy.context.view_layer.objects.active = obj
    api.generate("mossy red brick wall", target=obj, size=256)
    yield obj.active_material.texloom
    module(texloom, "locks").drop(bpy.context.scene)


def lines(layout: Nested) -> dict[str, Nested]:
    """The line of each parameter, by its name."""
    found = {}
    for place in layout.places():
        owners = {call["arguments"][0].name for kind, call in place.all() if kind == "prop" and _is_parameter(call)}
        if place.kind == "split" and len(owners) == 1:
            found[owners.pop()] = place
    return found


def _is_parameter(call: dict[str, Any]) -> bool:
    return bool(call["arguments"][0].bl_rna.identifier == "TexloomParameter")


class TestParameters:
    def test_not_for_materials_without_words(self, texloom: ModuleType, cube: Any, wall: Any) -> None:
        part = module(texloom, "panels.tune").Parameters
        assert part.shown(Here())
        bpy.context.view_layer.objects.active = other = cube("Other")
        other.data.materials.append(bpy.data.materials.new("Own"))
        assert not part.shown(Here())

    def test_each_value_stands_beside_the_words_that_set_it(self, texloom: ModuleType, wall: Any) -> None:
        found = lines(nested(texloom, "tune.Parameters"))
        assert list(found) == [entry["name"] for entry in READ]
        # The field that changes it, and what is read beside it; those that the seed chose have no words.
        expected = {
            "color": ("color", "“red”"),
            "joint_width": ("length", ""),
            "bond": ("choice", ""),
            "tint": ("amount", "Style image"),
            "moss": ("amount", "“mossy, green”"),
            "dirt": ("amount", ""),
        }
        for name, (field, words) in expected.items():
            line = found[name].all()
            assert fields(line) == [field, "locked"], name
            slider, lock = [call for kind, call in line if kind == "prop"]
            assert slider["arguments"][0] == lock["arguments"][0] == wall.parameters[name]
            said = [call["text"] for kind, call in line if kind == "label"]
            assert said[-1] == words, name
            # The words stand on the right of the slider, and are paler than what can be changed.
            pale = found[name].around("label", lambda call, words=words: call["text"] == words)
            assert pale[0].active is False and lock["text"] == "" and not lock["emboss"]

    def test_a_field_has_one_name(self, texloom: ModuleType, wall: Any) -> None:
        for name, line in lines(nested(texloom, "tune.Parameters")).items():
            label = next(entry["label"] for entry in READ if entry["name"] == name)
            assert [call.get("text") for _, call in line.all()].count(label) == 1

    def test_locks_show_what_is_kept(self, texloom: ModuleType, wall: Any) -> None:
        def icons() -> list[str]:
            noted = drawn(texloom, "tune.Parameters")
            return [call["icon"] for kind, call in noted if kind == "prop" and call["arguments"][1].endswith("locked")]

        assert icons() == ["UNLOCKED"] * 7
        wall.parameters["moss"].locked = True
        wall.family_locked = True
        assert icons() == ["LOCKED", *["UNLOCKED"] * 4, "LOCKED", "UNLOCKED"]
        # Above Generate they are told and let go, whatever is selected.
        layout = Nested()
        module(texloom, "panels.tune").draw_locks(layout, Here())
        assert [(call["name"], call["icon"]) for kind, call in layout.all() if kind == "operator"] == [
            ("moss", "LOCKED"),
            ("family", "LOCKED"),
        ]
        bpy.ops.texloom.unlock(name="moss")
        assert icons() == ["LOCKED", *["UNLOCKED"] * 6]

    def test_the_kind_with_its_words_and_what_lies_on_it(self, texloom: ModuleType, wall: Any) -> None:
        layout = nested(texloom, "tune.Parameters")
        (head, *_) = layout.around("operator", lambda call: call["arguments"][0] == "texloom.tune_family")
        assert head.kind == "row" and "Brick wall" in texts(head.all()) and "“brick, wall”" in texts(head.all())
        assert fields(head.all()) == ["family_locked"]
        order = [str(call.get("text")) for kind, call in layout.all() if kind in ("label", "prop")]
        assert order.index("Variation") < order.index("Condition") < order.index("Moss")
        assert buttons(layout.all())[-4:] == ["tune_seed", "tune_reset", "tune_keep", "save_asset"]
        assert button(layout.all(), "save_asset")["material"] == "mossy red brick wall"

    def test_it_says_that_it_draws_and_what_went_wrong(
        self, texloom: ModuleType, wall: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tuner = module(texloom, "tune").get()
        assert "Drawing…" not in texts(drawn(texloom, "tune.Parameters"))
        monkeypatch.setattr(type(tuner), "drawing", lambda self, material: True)
        assert "Drawing…" in texts(drawn(texloom, "tune.Parameters"))
        monkeypatch.setattr(type(tuner), "problem", lambda self, material: "There was no memory.")
        said = texts(drawn(texloom, "tune.Parameters"))
        assert "There was no memory." in said and "Drawing…" not in said


# --- sliders of the material ---------------------------------------------------------------------------------------


class TestMaps:
    def test_which_maps_are_made(self, texloom: ModuleType) -> None:
        layout = nested(texloom, "adjust.Maps")
        offered = [call["arguments"][2] for kind, call in layout.all() if kind == "prop_enum"]
        assert offered == list(module(texloom, "core.texloom.request").MAPS)
        (grid, *_) = layout.around("prop_enum", lambda call: True)
        assert grid.active
        bpy.context.scene.texloom.output = "IMAGE"  # one picture has no maps
        (grid, *_) = nested(texloom, "adjust.Maps").around("prop_enum", lambda call: True)
        assert not grid.active
        assert "There is no material." in texts(layout.all()) and not fields(layout.all())

    def test_sliders_in_their_sections(self, texloom: ModuleType, build: Any, cube: Any) -> None:
        material = build()
        bpy.context.view_layer.objects.active = cube(slots=(material,))
        layout = nested(texloom, "adjust.Maps")
        assert buttons(layout.all()) == ["upscale_material", "replace_maps", "reset_material"]
        columns = [place for place in layout.places() if place.kind == "column"]
        names = [[call["arguments"][0].name for kind, call in column.all() if kind == "prop"] for column in columns]
        assert names[0][:2] == ["Tint", "Tint Amount"] and names[1] == ["Roughness Minimum", "Roughness Maximum"]
        assert names[2] == ["Relief Strength", "Normal Map / Bump"] and names[3] == ["Tile Width"]
        # They are the inputs themselves, so that a keyframe or a driver lands where it counts.
        assert {call["arguments"][1] for kind, call in layout.all() if kind == "prop"} == {"default_value"}
        # A color has its name beside it, the others in the field.
        (row, *_) = layout.around("prop", lambda call: call["arguments"][0].name == "Tint")
        assert row.kind == "split" and [call["text"] for _, call in row.all()] == ["Tint", ""]

    def test_what_a_node_sets_is_no_slider(self, texloom: ModuleType, build: Any, cube: Any) -> None:
        material = build()
        bpy.context.view_layer.objects.active = cube(slots=(material,))
        noise = material.node_tree.nodes.new("ShaderNodeTexNoise")
        group = material.node_tree.nodes["Texloom Adjust"]
        material.node_tree.links.new(noise.outputs[0], group.inputs["Brightness"])
        noted = drawn(texloom, "adjust.Maps")
        assert "Brightness: set by a node" in texts(noted)
        assert "Brightness" not in [call["arguments"][0].name for kind, call in noted if kind == "prop"]

    def test_another_material_says_why_it_has_none(self, texloom: ModuleType, cube: Any) -> None:
        bpy.context.view_layer.objects.active = cube(slots=(bpy.data.materials.new("Own"),))
        noted = drawn(texloom, "adjust.Maps")
        assert "Own has no Texloom sliders." in texts(noted) and not buttons(noted)


# --- where results go ------------------------------------------------------------------------------------------------


class TestPlacement:
    def test_what_counts_for_each_output(self, texloom: ModuleType) -> None:
        settings, look = bpy.context.scene.texloom, bpy.context.scene.texloom_references
        material = fields(drawn(texloom, "placement.Placement"))
        assert material == ["store", "displacement", "slot"]
        settings.output = "IMAGE"
        assert fields(drawn(texloom, "placement.Placement")) == ["store"]
        settings.output, look.new_kind = "PLANE", "PLANE"
        plane = fields(drawn(texloom, "placement.Placement"))
        assert {"plane_height", "plane_facing", "new_kind", "new_opacity", "new_locked", "store"} <= set(plane)
        assert "new_in_renders" in plane and "new_views" not in plane
        look.new_kind = "EMPTY"
        empty = fields(drawn(texloom, "placement.Placement"))
        assert "new_views" in empty and "new_in_renders" not in empty and "slot" not in empty

    def test_choices_stand_below_their_heading(self, texloom: ModuleType) -> None:
        bpy.context.scene.texloom.output = "PLANE"
        layout = nested(texloom, "placement.Placement")
        (column, *_) = layout.around("prop", lambda call: call["arguments"][1] == "new_in_front")
        assert column.options["heading"] == "Show"
        assert fields(column.all()) == ["new_in_front", "new_both_sides", "new_in_renders"]


# --- export, world, brush --------------------------------------------------------------------------------------------


class TestOutputs:
    @pytest.fixture
    def state(self, texloom: ModuleType) -> Any:
        found = module(texloom, "export_job").state()
        found.clear()
        yield found
        found.clear()

    def test_without_anything_nothing_can_be_pressed(self, texloom: ModuleType, fake: Any, state: Any) -> None:
        outputs = bpy.context.scene.texloom_outputs
        for source, said in (
            ("RESULT", "There is no result yet"),
            ("MATERIAL", "The active object has no material of Texloom"),
        ):
            outputs.source = source
            layout = nested(texloom, "outputs.Outputs")
            assert said in texts(layout.all())
            for name in ("export_set", "world_background"):
                (place, *_) = layout.around(
                    "operator", lambda call, name=name: call["arguments"][0] == f"texloom.{name}"
                )
                assert place.enabled is False, name

    def test_buttons_get_what_the_panel_says(
        self, texloom: ModuleType, fake: Any, api: Any, state: Any, tmp_path: Path
    ) -> None:
        outputs = bpy.context.scene.texloom_outputs
        api.generate("white marble", output="IMAGE")
        outputs.source, outputs.preset, outputs.directory = "RESULT", "UNITY_HDRP", str(tmp_path)
        outputs.projection, outputs.strength, outputs.mapping = "DOME", 2.0, "STENCIL"
        layout = nested(texloom, "outputs.Outputs")
        noted = layout.all()
        assert "white marble" in texts(noted)
        export, world, brush = (button(noted, name) for name in ("export_set", "world_background", "brush_texture"))
        assert (export["preset"], export["directory"], export["check_existing"]) == ("UNITY_HDRP", str(tmp_path), True)
        assert (world["projection"], world["strength"], brush["mapping"]) == ("DOME", 2.0, "STENCIL")
        (place, *_) = layout.around("operator", lambda call: call["arguments"][0] == "texloom.export_set")
        assert place.enabled
        # Files that are there are replaced only when the user says so, where there is a folder to ask of.
        assert "overwrite" in fields(noted)
        outputs.overwrite = True
        assert button(drawn(texloom, "outputs.Outputs"), "export_set")["check_existing"] is False
        outputs.directory = ""
        assert "overwrite" not in fields(drawn(texloom, "outputs.Outputs"))

    def test_what_counts_for_the_choice(self, texloom: ModuleType, fake: Any, state: Any) -> None:
        outputs = bpy.context.scene.texloom_outputs
        outputs.format, outputs.projection = "PNG", "PANORAMA"
        assert "depth" in fields(drawn(texloom, "outputs.Outputs"))
        assert "tiles" not in fields(drawn(texloom, "outputs.Outputs"))
        outputs.format, outputs.projection = "EXR", "DOME"
        assert "depth" not in fields(drawn(texloom, "outputs.Outputs"))
        assert "tiles" in fields(drawn(texloom, "outputs.Outputs"))

    def test_an_export_that_runs_that_failed_and_that_ended(
        self, texloom: ModuleType, fake: Any, state: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with monkeypatch.context() as running:
            running.setattr(type(state), "running", property(lambda self: True))
            state.fraction = 0.4
            noted = drawn(texloom, "outputs.Outputs")
            assert "cancel_export" in buttons(noted) and "export_set" not in buttons(noted)
            assert [call["factor"] for kind, call in noted if kind == "progress"] == [0.4]
        state.error = "The disk is full."
        assert "The disk is full." in texts(drawn(texloom, "outputs.Outputs"))
        state.error, state.files = "", (tmp_path / "a.png", tmp_path / "b.png")
        noted = drawn(texloom, "outputs.Outputs")
        assert "Exported 2 files" in texts(noted)
        opens = next(call for kind, call in noted if kind == "operator" and call["arguments"][0] == "wm.path_open")
        assert opens["filepath"] == str(tmp_path)


# --- references ------------------------------------------------------------------------------------------------------


class TestReferences:
    @pytest.fixture
    def picture(self, tmp_path: Path) -> Any:
        return lambda name: str(write_png(tmp_path / name, flat((90, 60, 30), 32, 64)))

    def test_at_first_there_is_only_what_adds_one(self, texloom: ModuleType) -> None:
        noted = drawn(texloom, "references.References")
        assert buttons(noted) == ["reference_from_images", "turnaround", "camera_background"]
        assert "Add from Files…" in texts(noted) and button(noted, "reference_from_images")["image"] == ""
        assert not [kind for kind, _ in noted if kind == "template_list"]

    def test_an_image_of_the_file_is_taken_as_it_is(self, texloom: ModuleType, picture: Any) -> None:
        image = bpy.data.images.load(picture("sheet.png"))
        bpy.context.scene.texloom_references.image = image.name
        noted = drawn(texloom, "references.References")
        assert {button(noted, name)["image"] for name in buttons(noted)} == {"sheet.png"}
        assert button(noted, "turnaround")["parts"] == 3 and "Split into Views" in texts(noted)
        bpy.data.images.remove(image)  # the name is left behind
        assert button(drawn(texloom, "references.References"), "turnaround")["image"] == ""

    def test_one_plane(self, texloom: ModuleType, api: Any, picture: Any) -> None:
        (name,) = api.reference_from_images(picture("front.png"))
        assert "box" not in [place.kind for place in nested(texloom, "references.References").places()]
        bpy.data.objects[name].select_set(True)
        layout = nested(texloom, "references.References")
        noted = layout.all()
        (box,) = [place for place in layout.places() if place.kind == "box"]
        assert texts(box.all()).startswith("front\n90 cm × 1.8 m")
        assert fields(box.all()) == ["height", "opacity", "in_front", "both_sides", "in_renders"]
        assert [call["lock"] for kind, call in noted if kind == "operator" and "lock" in call] == [True, False, True]
        assert "To Image Empty" in texts(noted) and "Turnaround of These" not in texts(noted)
        # A viewport that shows planes in one color says how to see the pictures.
        assert "reference_solid" in buttons(noted)
        here = Here()
        here.space_data.shading.color_type = "TEXTURE"
        assert "reference_solid" not in buttons(drawn(texloom, "references.References", here))
        # Locked, it is not selected any more; a click on its line in the list chooses it.
        bpy.data.objects[name].hide_select = True
        bpy.context.scene.texloom_references.row_name = name
        (box,) = [place for place in nested(texloom, "references.References").places() if place.kind == "box"]
        assert button(box.all(), "reference_lock")["lock"] is False and "Unlock" in texts(box.all())

    def test_several_of_both_kinds(self, texloom: ModuleType, api: Any, picture: Any) -> None:
        api.reference_from_images(picture("front.png"))
        (empty,) = api.reference_from_images(picture("side.png"), look=api.ReferenceLook(kind="EMPTY"))
        for name in ("front", empty):
            bpy.data.objects[name].select_set(True)
        noted = drawn(texloom, "references.References")
        assert "2 references" in texts(noted) and {"views", "in_renders"} <= set(fields(noted))
        assert button([call for call in noted if call[1].get("from_selection")], "turnaround")
        bpy.data.objects["front"].select_set(False)
        noted = drawn(texloom, "references.References")
        assert "To Plane" in texts(noted) and "in_renders" not in fields(noted)

    def test_a_line_of_the_list(self, texloom: ModuleType, api: Any, picture: Any) -> None:
        api.reference_from_images(picture("front.png"))
        obj = bpy.data.objects["front"]
        kind = module(texloom, "panels.references").TEXLOOM_UL_references

        def line() -> list[Any]:
            layout = Nested()
            kind.draw_item(SimpleNamespace(), Here(), layout, None, obj, 0, None, "")
            return layout.all()

        assert fields(line()) == ["name", "texloom_opacity"]
        assert buttons(line()) == ["reference_visibility", "reference_lock", "reference_delete"]
        assert {call["object"] for kind, call in line() if kind == "operator"} == {"front"}
        assert [call["icon"] for kind, call in line() if kind == "operator"] == ["HIDE_OFF", "UNLOCKED", "X"]
        bpy.ops.texloom.reference_lock(object="front")
        bpy.ops.texloom.reference_visibility(object="front")
        assert [call["icon"] for kind, call in line() if kind == "operator"] == ["HIDE_ON", "LOCKED", "X"]
        assert button(line(), "reference_lock")["lock"] is False


# --- the first steps -------------------------------------------------------------------------------------------------


class TestWelcome:
    @pytest.fixture
    def card(self, texloom: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        """``card(online, engine)``: the card on a machine that may go online or not, with an engine or without."""
        welcome = module(texloom, "panels.welcome")

        def draw(online: bool, engine: bool) -> Nested:
            monkeypatch.setattr(welcome, "engine_known", lambda: engine)
            app = SimpleNamespace(online_access=online)
            monkeypatch.setattr(welcome, "bpy", SimpleNamespace(app=app))
            # In the background Blender makes no icons.
            monkeypatch.setattr(welcome, "icon", lambda path, name: int(Path(path).is_file()))
            layout = Nested()
            welcome.draw(layout, Here())
            return layout

        return draw

    def steps(self, layout: Nested) -> list[str]:
        """The icons of the three steps, in their order."""
        lines = [call for kind, call in layout.all() if kind == "label" and str(call["text"])[:2] in ("1.", "2.", "3.")]
        assert [call["text"][:2] for call in lines] == ["1.", "2.", "3."]
        return [call["icon"] for call in lines]

    def grid(self, layout: Nested) -> Nested:
        return next(place for place in layout.places() if place.kind == "grid_flow")

    def test_first_online_access(self, card: Any) -> None:
        layout = card(online=False, engine=False)
        assert self.steps(layout) == ["RADIOBUT_ON", "RADIOBUT_OFF", "RADIOBUT_OFF"]
        noted = layout.all()
        assert "allow_online" in buttons(noted) and "setup_engine" not in buttons(noted)
        assert self.grid(layout).enabled is False
        assert button(noted, "first_steps")["show"] is False  # the cross that closes the card

    def test_then_the_engine(self, card: Any, texloom: ModuleType) -> None:
        layout = card(online=True, engine=False)
        assert self.steps(layout) == ["CHECKMARK", "RADIOBUT_ON", "RADIOBUT_OFF"]
        assert "setup_engine" in buttons(layout.all()) and "allow_online" not in buttons(layout.all())
        assert self.grid(layout).enabled is False
        state = module(texloom, "setup_job").state()
        state.error = "There is no room on the disk."
        try:
            said = texts(card(online=True, engine=False).all()).replace("\n", " ")
            assert "There is no room on the disk." in said
        finally:
            state.forget_check()

    def test_while_it_is_set_up(self, card: Any, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        state = module(texloom, "setup_job").state()
        monkeypatch.setattr(type(state), "running", property(lambda self: True))
        monkeypatch.setattr(state, "fraction", 0.3)
        monkeypatch.setattr(state, "stage", "Updating pip")
        noted = card(online=True, engine=False).all()
        assert [(call["factor"], call["text"]) for kind, call in noted if kind == "progress"] == [(0.3, "Updating pip")]
        assert "cancel_setup" in buttons(noted) and "setup_engine" not in buttons(noted)

    def test_then_three_examples_to_press(self, card: Any, texloom: ModuleType) -> None:
        layout = card(online=False, engine=True)  # an engine that is there needs no network
        assert self.steps(layout) == ["CHECKMARK", "CHECKMARK", "RADIOBUT_ON"]
        grid = self.grid(layout)
        assert grid.enabled is True and grid.options["columns"] == 3
        cells = [place for place in grid.places() if place.kind == "column"]
        examples = module(texloom, "panels.welcome").EXAMPLES
        for cell, (label, prompt, _) in zip(cells, examples, strict=True):
            assert [kind for kind, _ in cell.all()] == ["template_icon", "operator"]
            assert (cell.all()[1][1]["text"], cell.all()[1][1]["prompt"]) == (label, prompt)
