# SPDX-License-Identifier: GPL-3.0-or-later
"""World, brush and texture sets: from results and from materials, through the operators and the API."""

from __future__ import annotations

import importlib
import threading
from math import pi, radians
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from layouts import buttons, drawn, texts
from pictures import flat, write_result

RNG = np.random.default_rng(5)
MAPS = {
    "base_color": RNG.integers(0, 256, (8, 8, 3), np.uint8),
    "normal": RNG.integers(0, 256, (8, 8, 3), np.uint8),
    "height": RNG.integers(0, 65536, (8, 8), np.uint16),
    "roughness": RNG.integers(0, 256, (8, 8), np.uint8),
    "metallic": RNG.integers(0, 256, (8, 8), np.uint8),
}


@pytest.fixture
def parts(texloom):
    """``parts(name)``: a module of the add-on."""
    return lambda name: importlib.import_module(f"{texloom.__name__}.{name}")


@pytest.fixture
def api(parts):
    return parts("api")


@pytest.fixture
def errors(parts):
    return parts("core.texloom.errors")


@pytest.fixture
def folder(texloom, tmp_path):
    """``folder(maps=MAPS, name="job", **facts)``: the folder of a result."""
    return lambda maps=MAPS, name="job", **facts: write_result(tmp_path / name, maps, **facts).parent


@pytest.fixture
def read(parts):
    """``read(path)``: pixels of a PNG, as they lie in the file."""
    return parts("core.texloom.png").read_png


def flipped(normal):
    pixels = normal.copy()
    pixels[..., 1] = 255 - pixels[..., 1]
    return pixels


def unreal(maps=MAPS):
    white = np.full((8, 8), 255, np.uint8)
    return {
        "BC": maps["base_color"],
        "N": flipped(maps["normal"]),
        "ORM": np.stack([white, maps["roughness"], maps["metallic"]], -1),
        "H": maps["height"],
    }


def check_unreal(files, read, expected):
    found = {path.stem.rpartition("_")[2]: read(path) for path in files}
    assert set(found) == set(expected)
    for name, pixels in expected.items():
        assert found[name].dtype == pixels.dtype and np.array_equal(found[name], pixels), name


# --- texture sets ---------------------------------------------------------------------------------------------


def test_a_folder_is_exported(api, folder, read, tmp_path):
    made = api.export_set(folder(), tmp_path / "out", preset="UNREAL")
    check_unreal(made.files, read, unreal())
    assert made.files[0].name == "T_WeatheredRedBrickWallWithWhiteMortar_BC.png"
    assert len(made.messages) == 1 and "ambient occlusion" in made.messages[0]


@pytest.mark.parametrize("store", ["PACK", "LIBRARY", "BESIDE"])
def test_a_material_gives_the_same_bytes(api, scene, folder, read, tmp_path, store):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    made = scene.result.ResultImages.from_manifest(folder())
    built = scene.build.material_on_objects(made, store=store)
    material = bpy.data.materials[built.material]
    if store != "LIBRARY":
        # The file went to another machine: only its images came along.
        for path in (tmp_path / "job").iterdir():
            path.unlink()
    files = api.export_set(material, tmp_path / "out", preset="UNREAL").files
    check_unreal(files, read, unreal())


def test_what_was_painted_is_exported(api, scene, result, read, tmp_path):
    built = scene.build.material_on_objects(result(MAPS))
    material = bpy.data.materials[built.material]
    nodes = material.node_tree.nodes
    color, height = nodes["Texloom Base Color"].image, nodes["Texloom Height"].image
    for image, value in ((color, (200 / 255, 100 / 255, 50 / 255, 1.0)), (height, (0.25, 0.25, 0.25, 1.0))):
        pixels = np.empty(8 * 8 * 4, np.float32)
        image.pixels.foreach_get(pixels)
        pixels[:4] = value
        image.pixels.foreach_set(pixels)
        assert image.is_dirty
    files = api.export_set(material, tmp_path / "out").files
    found = {path.stem.rpartition("_")[2]: read(path) for path in files}
    expected = MAPS["base_color"].copy()
    expected[7, 0] = (200, 100, 50)
    assert np.array_equal(found["BaseColor"], expected)
    assert found["Height"].dtype == np.uint16 and found["Height"][7, 0] == round(0.25 * 65535)
    # The untouched pixels of 16 bits keep all of them on their way through Blender's floats.
    assert np.array_equal(found["Height"][:7], MAPS["height"][:7])


def test_images_in_other_formats_keep_their_values(api, scene, result, read, tmp_path):
    built = scene.build.material_on_objects(result(MAPS))
    material = bpy.data.materials[built.material]
    source = bpy.data.images.new("Other", 8, 8)
    values = np.ones((8, 8, 4), np.float32)
    values[..., :3] = MAPS["base_color"][::-1] / 255
    source.pixels.foreach_set(values.ravel())
    source.file_format, source.filepath_raw = "TARGA", str(tmp_path / "other.tga")
    source.save()
    material.node_tree.nodes["Texloom Base Color"].image = bpy.data.images.load(str(tmp_path / "other.tga"))
    files = api.export_set(material, tmp_path / "out").files
    assert np.array_equal(read(next(path for path in files if "BaseColor" in path.name)), MAPS["base_color"])


def test_blender_reads_the_exr(api, folder, tmp_path):
    files = api.export_set(folder(), tmp_path / "out", preset="UNREAL", format="EXR").files

    def floats(name):
        image = bpy.data.images.load(str(next(path for path in files if path.stem.endswith(name))))
        assert image.is_float and tuple(image.size) == (8, 8)
        # Blender takes EXR colors for linear by itself; data must not be touched at all.
        if name != "_BC":
            image.colorspace_settings.name = "Non-Color"
        else:
            assert "Linear" in image.colorspace_settings.name
        values = np.empty(8 * 8 * 4, np.float32)
        image.pixels.foreach_get(values)
        return values.reshape(8, 8, 4)[::-1]

    assert np.array_equal(floats("_H")[..., 0], (MAPS["height"] / 65535).astype(np.float32))
    assert np.array_equal(np.round(floats("_ORM")[..., 1] * 255), MAPS["roughness"])
    assert np.array_equal(np.round(floats("_N") * 255)[..., 1], 255 - MAPS["normal"][..., 1])
    encoded = MAPS["base_color"] / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    assert np.allclose(floats("_BC")[..., :3], linear, rtol=2**-10, atol=1e-6)


def test_the_operator_takes_folder_and_material(scene, result, folder, read, tmp_path):
    done = bpy.ops.texloom.export_set(folder=str(folder()), directory=str(tmp_path / "a"), preset="UNREAL")
    assert done == {"FINISHED"}
    check_unreal((tmp_path / "a").iterdir(), read, unreal())
    built = scene.build.material_on_objects(result(MAPS, folder="other"))
    done = bpy.ops.texloom.export_set(
        material=built.material, directory=str(tmp_path / "b"), preset="GODOT", normals="DIRECTX", set_name="wall"
    )
    assert done == {"FINISHED"}
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == [
        "wall_albedo.png",
        "wall_height.png",
        "wall_normal.png",
        "wall_orm.png",
    ]
    assert np.array_equal(read(tmp_path / "b" / "wall_normal.png"), flipped(MAPS["normal"]))


def test_the_operator_takes_the_active_material(scene, result, cube, tmp_path):
    obj = cube()
    bpy.context.view_layer.objects.active = obj
    bpy.context.scene.texloom_outputs.source = "MATERIAL"
    with pytest.raises(RuntimeError, match="no Texloom material"):
        bpy.ops.texloom.export_set(directory=str(tmp_path / "out"))
    scene.build.material_on_objects(result(), [obj])
    assert bpy.ops.texloom.export_set(directory=str(tmp_path / "out")) == {"FINISHED"}
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_the_operator_takes_the_latest_result(parts, folder, tmp_path):
    bridge, jobs = parts("bridge"), parts("core.texloom.jobs")
    request = parts("core.texloom.request").GenerationRequest(prompt="a wall")
    view = jobs.JobView(request=request, state=jobs.JobState.COMPLETED, folder=str(folder()))
    entry = bridge.Entry(view=view, placement=parts("target").Placement(), file=0, settled=True)
    bridge.get().entries[request.id] = entry
    try:
        assert bpy.ops.texloom.export_set(directory=str(tmp_path / "out"), preset="GLTF") == {"FINISHED"}
    finally:
        del bridge.get().entries[request.id]
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_nothing_is_overwritten_untold(folder, tmp_path):
    where = {"folder": str(folder()), "directory": str(tmp_path / "out")}
    bpy.ops.texloom.export_set(**where)
    first = sorted((tmp_path / "out").iterdir())[0]
    first.write_bytes(b"mine")
    with pytest.raises(RuntimeError, match=r"names already.*overwriting"):
        bpy.ops.texloom.export_set(**where)
    assert first.read_bytes() == b"mine"
    assert bpy.ops.texloom.export_set(**where, check_existing=False) == {"FINISHED"}
    assert first.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_is_said(api, parts, errors, folder, tmp_path):
    parts("bridge").get().entries.clear()
    (tmp_path / "file").write_text("x")
    job = str(folder())
    for options, words in (
        ({"folder": job, "directory": str(tmp_path / "file")}, "Nothing can be written"),
        ({"folder": job, "directory": ""}, "No folder is chosen"),
        ({"folder": job, "directory": "//textures"}, "no place yet"),
        ({"folder": str(tmp_path / "nowhere"), "directory": str(tmp_path)}, "does not exist"),
        ({"folder": job, "index": 4, "directory": str(tmp_path)}, "no variation 5"),
        ({"material": "Gone", "directory": str(tmp_path)}, "no material Gone"),
        ({"folder": job, "directory": str(tmp_path), "preset": "GLTF", "format": "EXR"}, "takes no EXR"),
        ({"directory": str(tmp_path)}, "no result"),
    ):
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.texloom.export_set(**options)
    with pytest.raises(errors.RequestError, match="preset"):
        api.export_set(job, tmp_path, preset="QUAKE")
    with pytest.raises(errors.StorageError, match="no maps of Texloom"):
        material = bpy.data.materials.new("Plain")
        material["texloom_manifest"] = ""
        api.export_set(material, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "job"}


def test_beside_the_saved_file(api, folder, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    made = api.export_set(folder(), "//export", preset="GLTF")
    assert {path.parent for path in made.files} == {tmp_path / "export"}


def test_an_export_in_a_thread(parts, folder, tmp_path, monkeypatch):
    # As in a window: it goes on while Blender does, is told to stop, and another one cannot start meanwhile.
    job, sets = parts("export_job"), parts("core.texloom.texture_set")
    plan = sets.plan(sets.TextureSet.from_folder(folder()), tmp_path / "out", preset="unreal")
    going, go_on = threading.Event(), threading.Event()
    real = sets.Plan._pixels

    def slow(self, item):
        going.set()
        assert go_on.wait(10)
        return real(self, item)

    monkeypatch.setattr(sets.Plan, "_pixels", slow)
    state = job.ExportState()
    assert state.start(plan) and going.wait(10) and state.running
    assert not state.start(plan) and not state.wait(0.01)
    state.cancel()
    go_on.set()
    assert state.wait(10) and not state.files and not state.error
    assert not (tmp_path / "out").exists()
    assert state.start(plan) and state.wait(10)
    assert len(state.files) == 4 and state.fraction == 1.0
    assert "ambient occlusion" in state.messages()[0]
    # The files are there now, and a plan that may not overwrite them says so.
    assert state.start(plan) and state.wait(10) and "already" in state.error and not state.files


def test_a_window_does_not_wait_for_an_export(texloom, parts, folder, tmp_path, monkeypatch):
    job, operators = parts("export_job"), parts("operators.outputs")
    monkeypatch.setattr(operators, "bpy", SimpleNamespace(app=SimpleNamespace(background=False)))
    real = job.ExportState.wait
    monkeypatch.setattr(job.ExportState, "wait", lambda *arguments: pytest.fail("the main thread waits"))
    where = {"folder": str(folder()), "directory": str(tmp_path / "out"), "preset": "GLTF"}
    assert bpy.ops.texloom.export_set(**where) == {"FINISHED"}
    assert real(job.state(), 10)
    noted = drawn(texloom, "outputs.Outputs")
    assert "Exported 3 files" in texts(noted) and "export_set" in buttons(noted)
    # What the thread finds is told there as well.
    monkeypatch.setattr(parts("core.texloom.texture_set").Plan, "write", lambda *arguments, **named: 1 / 0)
    assert bpy.ops.texloom.export_set(**where, check_existing=False) == {"FINISHED"}
    assert real(job.state(), 10)
    noted = drawn(texloom, "outputs.Outputs")
    shown = texts(noted).replace("\n", " ")
    assert "could not be exported: ZeroDivisionError: division by zero. Try again" in shown
    assert "Exported 3 files" not in shown and "export_set" in buttons(noted)
    job.state().clear()


def test_scripts_are_told_of_what_nobody_thought_of(parts, folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(parts("core.texloom.texture_set").Plan, "write", lambda *arguments, **named: 1 / 0)
    with pytest.raises(RuntimeError, match="could not be exported: ZeroDivisionError"):
        bpy.ops.texloom.export_set(folder=str(folder()), directory=str(tmp_path / "out"))
    assert "Traceback" in capfd.readouterr().err
    parts("export_job").state().clear()


# --- world ----------------------------------------------------------------------------------------------------


@pytest.fixture
def render(tmp_path):
    """``render(width=32, height=32)``: what the camera sees as linear values, (height, width, 3), top row first."""

    def make(width=32, height=32):
        scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        scene.cycles.samples = 8
        scene.cycles.use_denoising = False
        scene.render.threads_mode, scene.render.threads = "FIXED", 2
        scene.render.resolution_x, scene.render.resolution_y = width, height
        scene.render.resolution_percentage = 100
        scene.view_settings.view_transform = "Standard"
        # The light is the same whatever is drawn from it; to find its brightest parts finely takes seconds.
        scene.world.cycles.sampling_method, scene.world.cycles.sample_map_resolution = "MANUAL", 32
        settings = scene.render.image_settings
        settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGB", "32"
        scene.render.filepath = str(tmp_path / "render.exr")
        bpy.ops.render.render(write_still=True)
        picture = bpy.data.images.load(scene.render.filepath, check_existing=False)
        picture.colorspace_settings.name = "Non-Color"
        values = np.empty(width * height * 4, np.float32)
        picture.pixels.foreach_get(values)
        bpy.data.images.remove(picture)
        return values.reshape(height, width, 4)[::-1, :, :3]

    return make


def camera(kind="PERSP", rotation=(90, 0, 0)):
    data = bpy.data.cameras.new("Camera")
    data.type = kind
    if kind == "PANO":
        # Since 5.0 it is the camera's own; before, of Cycles.
        owner = data if hasattr(data, "panorama_type") else data.cycles
        owner.panorama_type = "EQUIRECTANGULAR"
    data.lens = 100
    obj = bpy.data.objects.new("Camera", data)
    obj.rotation_euler = [radians(value) for value in rotation]
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.scene.camera = obj
    return obj


def linear(value):
    value = np.asarray(value) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def old_world():
    world = bpy.data.worlds.new("Mine")
    bpy.context.scene.world = world
    return world


def source(socket):
    (link,) = socket.links
    return link.from_node


@pytest.mark.parametrize(("width", "kind"), [(16, "ShaderNodeTexEnvironment"), (8, "ShaderNodeTexImage")])
def test_the_world_suits_the_picture(folder, width, kind):
    mine = old_world()
    job = folder({"image": flat((200, 100, 50), width, 8)})
    assert bpy.ops.texloom.world_background(folder=str(job), strength=0.5) == {"FINISHED"}
    world = bpy.context.scene.world
    assert world != mine and mine.use_fake_user and mine.name in bpy.data.worlds
    background = world.node_tree.nodes["Texloom Background"]
    assert background.inputs["Strength"].default_value == 0.5
    picture = source(background.inputs["Color"])
    assert picture.bl_idname == kind and picture.image.colorspace_settings.name == "sRGB"
    assert source(picture.inputs["Vector"]).bl_idname == "ShaderNodeMapping"
    assert all(link.is_valid for link in world.node_tree.links)
    boxes = [(node.location.x, node.name) for node in world.node_tree.nodes if node.bl_idname != "NodeFrame"]
    assert len({x for x, _ in boxes}) == len(boxes), "nodes stand in columns of their own"


def test_own_worlds_do_not_pile_up(api, folder):
    job = folder({"image": flat((200, 100, 50))})
    first = bpy.data.worlds[api.world_background(job)]
    second = bpy.data.worlds[api.world_background(job, strength=2.0)]
    assert first != second and not first.use_fake_user and not first.users
    # In the given one, which keeps its name.
    assert api.world_background(job, world=first, strength=3.0) == first.name
    assert bpy.context.scene.world == first
    assert first.node_tree.nodes["Texloom Background"].inputs["Strength"].default_value == 3.0
    assert len([node for node in first.node_tree.nodes if node.bl_idname == "ShaderNodeOutputWorld"]) == 1


def test_a_material_lends_its_colors_to_the_world(api, scene, result):
    built = scene.build.material_on_objects(result())
    material = bpy.data.materials[built.material]
    world = bpy.data.worlds[api.world_background(material)]
    assert world.node_tree.nodes["Texloom Picture"].image == material.node_tree.nodes["Texloom Base Color"].image


def test_pictures_that_do_not_tile_are_mirrored(api, folder, tmp_path):
    job = folder({"image": flat((200, 100, 50))})
    assert bpy.data.worlds[api.world_background(job)].node_tree.nodes["Texloom Picture"].extension == "REPEAT"
    manifest = job / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"kind": "material"', '"kind": "reference", "tile_x": false'))
    assert bpy.data.worlds[api.world_background(job)].node_tree.nodes["Texloom Picture"].extension == "MIRROR"


@pytest.mark.parametrize("width", [16, 8])
@pytest.mark.ends
def test_the_world_is_seen_and_lights(api, parts, folder, render, width):
    api.world_background(folder({"image": flat((200, 100, 50), width, 8)}), strength=0.5)
    expected = linear((200, 100, 50)) * 0.5
    camera(rotation=(100, 0, 30))
    assert render().mean((0, 1)) == pytest.approx(expected, abs=0.005)
    # A white, matt sheet under an even sky is as bright as the sky.
    bpy.ops.mesh.primitive_plane_add(size=2, location=(0, 0, -3))
    sheet = bpy.context.object
    material = bpy.data.materials.new("White")
    parts("compat").node_tree(material).nodes.clear()
    diffuse = material.node_tree.nodes.new("ShaderNodeBsdfDiffuse")
    diffuse.inputs["Color"].default_value = (1, 1, 1, 1)
    output = material.node_tree.nodes.new("ShaderNodeOutputMaterial")
    material.node_tree.links.new(diffuse.outputs[0], output.inputs["Surface"])
    sheet.data.materials.append(material)
    bpy.context.scene.camera.rotation_euler = (0, 0, 0)
    bpy.context.scene.camera.data.lens = 200
    assert render().mean((0, 1)) == pytest.approx(expected, abs=0.03)
    api.world_background(folder({"image": flat((0, 0, 0), width, 8)}, name="dark"))
    assert render().max() < 1e-4


def waves(size=64):
    """A smooth picture that tiles, different in both directions and in every color."""
    y, x = np.mgrid[:size, :size] * (2 * pi / size)
    planes = [np.sin(x), np.sin(y + 1), np.sin(x + y)]
    return np.round((np.stack(planes, -1) * 0.4 + 0.5) * 255).astype(np.uint8)


def roughest(seen):
    """The largest step between neighbors, also across the edges at the back, and within each pole's row."""
    steps = [np.abs(np.diff(seen, axis=0)), np.abs(seen - np.roll(seen, 1, axis=1))]
    poles = [np.ptp(seen[row], axis=0) for row in (0, -1)]
    return max(step.max() for step in steps), max(pole.max() for pole in poles)


@pytest.mark.ends
def test_the_dome_has_no_seam_and_no_poles(api, folder, render):
    camera("PANO")
    seen = {}
    for projection in ("DOME", "PANORAMA"):
        api.world_background(folder({"image": waves()}, name="waves"), projection=projection, tiles=0.5)
        seen[projection] = roughest(render(128, 64))
    # At the horizon one wave is 40 pixels long.
    assert max(seen["DOME"]) < 0.15, seen
    # The measure sees what it is there for: a panorama gathers the whole picture in each pole ...
    assert seen["PANORAMA"][1] > 0.4, seen
    # ... and a picture that does not tile, a ramp, jumps where it is repeated, but not where it is mirrored.
    ramp = np.repeat(np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))[..., None], 3, -1)
    job = folder({"image": ramp}, name="ramp")
    api.world_background(job, projection="DOME", tiles=0.5)
    assert roughest(render(128, 64))[0] > 0.4
    manifest = job / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"kind"', '"tile_x": false, "kind"'))
    api.world_background(job, projection="DOME", tiles=0.5)
    assert max(roughest(render(128, 64))) < 0.15


@pytest.mark.ends
def test_the_dome_shows_letters_the_right_way_round(api, folder, render):
    # Red on the left, green below; the corner of the tile is in the zenith.
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4, 0], pixels[4:, :, 1] = 255, 255
    job = folder({"image": pixels})
    camera(rotation=(180, 0, 0)).data.lens = 18  # straight up, its right side to +x, its upper side to -y
    for rotation in (0.0, pi):
        api.world_background(job, projection="DOME", tiles=0.5, rotation=rotation)
        seen = render()
        red = seen[:, 2:10, 0].mean() - seen[:, -10:-2, 0].mean()
        green = seen[-10:-2, :, 1].mean() - seen[2:10, :, 1].mean()
        # The picture's right is the camera's left, and its top the camera's bottom: turned, but not mirrored.
        assert abs(red) > 0.8 and abs(green) > 0.8 and np.sign(red) == np.sign(green)
        assert (red > 0) == (rotation == 0.0)


@pytest.mark.ends
def test_the_dome_and_the_panorama_turn_the_same_way(api, folder, render):
    # Both look along +x; a quarter turn brings there what was at +y, or at -y, in both.
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, :8], wide[:, 8:16], wide[:, 16:24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    square = waves()
    found = []
    for name, pixels in (("PANORAMA", wide), ("DOME", square)):
        job = folder({"image": pixels}, name=name)
        views = {}
        for heading in (-90, 0, 90):
            bpy.context.scene.camera = camera(rotation=(90, 0, heading - 90 + 10))
            api.world_background(job, projection=name)
            views[heading] = render(8, 8).mean((0, 1))
        bpy.context.scene.camera = camera(rotation=(90, 0, -90 + 10))
        api.world_background(job, projection=name, rotation=pi / 2)
        turned = render(8, 8).mean((0, 1))
        found.append(min(views, key=lambda heading: np.abs(views[heading] - turned).max()))
        assert np.abs(views[found[-1]] - turned).max() < 0.05
    assert found[0] == found[1] != 0


def test_bad_worlds_leave_nothing(api, errors, folder, tmp_path):
    mine = old_world()
    job = folder({"roughness": flat(7)})
    before = len(bpy.data.worlds), len(bpy.data.images)
    with pytest.raises(errors.StorageError, match="no base color or image map"):
        api.world_background(job)
    for options in ({"projection": "CUBE"}, {"strength": -1.0}, {"tiles": 0.0}):
        with pytest.raises(errors.RequestError):
            api.world_background(folder({"image": flat((1, 2, 3))}, name="other"), **options)
    broken = folder({"image": flat((1, 2, 3))}, name="broken")
    (broken / "00_image.png").write_bytes(b"not a picture")
    with pytest.raises(RuntimeError, match="no picture"):
        bpy.ops.texloom.world_background(folder=str(broken))
    assert (len(bpy.data.worlds), len(bpy.data.images)) == before
    assert bpy.context.scene.world == mine and not mine.use_fake_user


# --- brush ----------------------------------------------------------------------------------------------------

MODES = {"SCULPT": "sculpt", "VERTEX_PAINT": "vertex_paint", "TEXTURE_PAINT": "image_paint"}


@pytest.fixture
def enter(cube):
    """``enter(mode)``: go there with a cube; returns the mode's paint settings."""

    def go(mode):
        if bpy.context.object is None:
            bpy.context.view_layer.objects.active = cube()
        bpy.ops.object.mode_set(mode=mode)
        return getattr(bpy.context.tool_settings, MODES[mode])

    yield go
    if bpy.context.object is not None and bpy.context.object.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


@pytest.mark.parametrize("mode", list(MODES))
def test_the_active_brush_gets_the_texture(folder, enter, mode):
    paint = enter(mode)
    assert paint.brush is not None
    name = paint.brush.name
    assert bpy.ops.texloom.brush_texture(folder=str(folder()), mapping="STENCIL") == {"FINISHED"}
    brush = paint.brush
    # A brush of Blender's own library was copied; one of this file is still the same.
    assert brush.library is None and name in brush.name
    image = brush.texture.image
    assert image.colorspace_settings.name == ("Non-Color" if mode == "SCULPT" else "sRGB")
    assert brush.texture.type == "IMAGE" and brush.texture.extension == "REPEAT"
    assert brush.texture_slot.map_mode == "STENCIL"


@pytest.mark.parametrize("mode", list(MODES))
def test_it_is_there_after_saving(folder, enter, mode, tmp_path):
    paint = enter(mode)
    bpy.ops.texloom.brush_texture(folder=str(folder()))
    name = paint.brush.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "brush.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "brush.blend"))
    bpy.ops.object.mode_set(mode=mode)
    brush = getattr(bpy.context.tool_settings, MODES[mode]).brush
    assert brush.name == name and tuple(brush.texture.image.size) == (8, 8)
    assert brush.texture_slot.map_mode == "TILED"


def test_another_texture_takes_its_place(folder, enter):
    paint = enter("SCULPT")
    bpy.ops.texloom.brush_texture(folder=str(folder()))
    brush, brushes = paint.brush, len(bpy.data.brushes)
    bpy.ops.texloom.brush_texture(folder=str(folder(name="other")))
    # The copy of before is the user's own by now: it is changed itself.
    assert paint.brush == brush and len(bpy.data.brushes) == brushes and len(bpy.data.textures) == 1


def test_a_texture_of_the_users_stays(folder, enter):
    paint = enter("SCULPT")
    bpy.ops.texloom.brush_texture(folder=str(folder()))
    mine = bpy.data.textures.new("Mine", "CLOUDS")
    paint.brush.texture = mine
    bpy.ops.texloom.brush_texture(folder=str(folder()))
    assert paint.brush.texture != mine and "Mine" in bpy.data.textures


def test_painting_keeps_the_pictures_colors(api, parts, folder, enter):
    paint = enter("TEXTURE_PAINT")
    unified = parts("compat").unified_paint(bpy.context.tool_settings, paint)
    unified.use_unified_color = True
    unified.color = (1.0, 0.0, 0.0)
    api.brush_texture(folder(), own_colors=False)
    assert tuple(unified.color) == (1.0, 0.0, 0.0)
    api.brush_texture(folder())
    assert tuple(unified.color) == (1.0, 1.0, 1.0)
    unified.use_unified_color = False
    paint.brush.color = (0.0, 0.0, 1.0)
    api.brush_texture(folder())
    assert tuple(paint.brush.color) == (1.0, 1.0, 1.0)


def test_a_stencil_has_the_shape_of_the_picture(folder, enter):
    paint = enter("TEXTURE_PAINT")
    job = folder({"image": flat((1, 2, 3), 16, 8)})
    bpy.ops.texloom.brush_texture(folder=str(job), mapping="STENCIL")
    assert tuple(paint.brush.stencil_dimension) == (256.0, 128.0)


def test_sculpting_takes_a_picture_where_there_is_no_height(api, folder, enter):
    paint = enter("SCULPT")
    api.brush_texture(folder({"image": flat((9, 9, 9))}))
    assert paint.brush.texture.image.name.endswith("Image")


def test_blender_samples_the_height(folder, enter):
    paint = enter("SCULPT")
    height = np.zeros((8, 8), np.uint16)
    height[:, 4:] = 65535
    bpy.ops.texloom.brush_texture(folder=str(folder({"height": height})))
    texture = paint.brush.texture
    assert texture.evaluate((-0.5, 0.0, 0.0))[0] == pytest.approx(0.0, abs=0.01)
    assert texture.evaluate((0.5, 0.0, 0.0))[0] == pytest.approx(1.0, abs=0.01)


def test_without_a_brush_it_says_so(api, errors, folder, cube, counts):
    job = folder()
    with pytest.raises(RuntimeError, match="Sculpt Mode, Vertex Paint or Texture Paint"):
        bpy.ops.texloom.brush_texture(folder=str(job))
    before = counts()
    with pytest.raises(errors.TexloomError, match="No brush is in use"):
        api.brush_texture(job)
    with pytest.raises(errors.RequestError, match="mapping"):
        api.brush_texture(job, mapping="SPIRAL")
    assert counts() == before


def test_a_missing_map_leaves_the_brush_alone(folder, enter, counts):
    paint = enter("SCULPT")
    brush, before = paint.brush, counts()
    with pytest.raises(RuntimeError, match="no height or image or base color map"):
        bpy.ops.texloom.brush_texture(folder=str(folder({"roughness": flat(7)})))
    assert paint.brush == brush and brush.texture is None and counts() == before


def test_a_copy_that_cannot_be_active_leaves_nothing(parts, folder, enter, counts, monkeypatch):
    paint = enter("SCULPT")
    if paint.brush.library is None:
        pytest.skip("this Blender's brushes belong to the file")
    brush, before, brushes = paint.brush, counts(), len(bpy.data.brushes)
    monkeypatch.setattr(parts("compat"), "activate_brush", lambda paint, brush: False)
    with pytest.raises(RuntimeError, match=r"belongs to a library.*Duplicate the brush"):
        bpy.ops.texloom.brush_texture(folder=str(folder()))
    assert paint.brush == brush and counts() == before and len(bpy.data.brushes) == brushes


# --- texts ----------------------------------------------------------------------------------------------------


def test_settings_and_notes_are_translated(parts):
    dictionary = parts("translations").LANGUAGES["zh_HANS"]
    owner = parts("outputs").TexloomOutputs
    texts = set()
    for item in owner.bl_rna.properties:
        if item.identifier in owner.__annotations__:
            texts |= {item.name, item.description}
            if item.type == "ENUM":
                texts |= {text for option in item.enum_items for text in (option.name, option.description)}
    presets = parts("core.texloom.export_presets")
    everything = {"height", "roughness"}, {"metallic", "height"}
    for preset in presets.PRESETS.values():
        for maps in everything:
            _, notes = presets.files_for(preset, "a", "png", maps, with_relief=True)
            texts |= {note.text for note in notes}
    assert len(texts) > 60 and sorted(texts - set(dictionary) - {""}) == []


def test_operator_and_settings_offer_every_preset(parts):
    presets = {key.upper() for key in parts("core.texloom.export_presets").PRESETS}
    assert {item[0] for item in parts("outputs").PRESETS} == presets
