# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials as assets: marked in the file, written into asset libraries and linked from there, catalogue files."""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from pictures import MATERIAL_MAPS, flat, write_png, write_result

READING = {
    "family": {"name": "bricks", "title": "Brick wall", "source": "prompt", "words": ["brick", "wall"]},
    "parameters": [
        {"name": "color", "source": "prompt", "words": ["red"]},
        {"name": "bond", "source": "seed", "words": []},
        {"name": "wear", "source": "prompt", "words": ["weathered"]},
    ],
}
PATH = "Texloom/Brick wall"


def module(texloom: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{texloom.__name__}.{name}")


@pytest.fixture
def api(texloom: ModuleType) -> Any:
    return module(texloom, "api")


@pytest.fixture
def assets(texloom: ModuleType) -> Any:
    return module(texloom, "scene.assets")


@pytest.fixture
def errors(texloom: ModuleType) -> Any:
    return module(texloom, "core.texloom.errors")


@pytest.fixture
def folder(texloom: ModuleType, tmp_path: Path) -> Iterator[Path]:
    """A result in the library that the add-on uses, with a thumbnail: red above, blue below."""
    preferences = bpy.context.preferences.addons[texloom.__name__].preferences
    preferences.library = str(tmp_path / "library")
    path = tmp_path / "library" / "20260101-000000-red-bricks-abc123"
    write_result(path, reading=READING, thumbnail="00_thumbnail.png")
    picture = np.zeros((300, 150, 3), np.uint8)
    picture[:150, :, 0] = 255
    picture[150:, :, 2] = 255
    write_png(path / "00_thumbnail.png", picture)
    bpy.context.window_manager.texloom_library.selected = ""
    yield path
    preferences.library = ""


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Path]:
    """An asset library of the preferences, called "Shelf"."""
    place = tmp_path / "shelf"
    place.mkdir()
    libraries = bpy.context.preferences.filepaths.asset_libraries
    libraries.new(name="Shelf", directory=str(place))
    yield place
    for item in [item for item in libraries if item.name in ("Shelf", "Texloom")]:
        libraries.remove(item)


def linked(file: str | Path) -> Any:
    """The one material asset of a .blend, linked."""
    with bpy.data.libraries.load(str(file), link=True, assets_only=True) as (there, here):
        assert len(there.materials) == 1
        here.materials = there.materials
    return here.materials[0]


def everything() -> dict[str, Any]:
    """Names of all datablocks with what an asset could have changed on them."""
    # Blender 4.2 counts the users of a copied material's images twice, until the file is opened again.
    count = bpy.app.version >= (4, 5, 0)
    return {
        kind: {
            item.name: (
                item.use_fake_user,
                item.users if count else 0,
                item.asset_data is None,
                getattr(item, "filepath", ""),
            )
            for item in getattr(bpy.data, kind)
        }
        for kind in ("materials", "images", "node_groups", "objects", "meshes", "textures")
    }


class TestIntoAnAssetLibrary:
    def test_written_and_read_back(self, api: Any, folder: Path, shelf: Path, assets: Any) -> None:
        before = everything()
        saved = api.save_asset(folder.name, library="Shelf", tags=["Kitchen"], author="Ada")
        assert everything() == before, "the open file is as it was"
        file = Path(saved.file)
        assert file.parent == shelf / "Texloom" and file.suffix == ".blend" and saved.messages == ()
        assert [path.name for path in file.parent.iterdir()] == [file.name]
        catalogue = (shelf / "blender_assets.cats.txt").read_text(encoding="utf-8")
        material = linked(file)
        data = material.asset_data
        assert material.name == "weathered red brick wall with white mortar" == saved.name
        assert {tag.name for tag in data.tags} == {
            "Texloom",
            "Brick wall",
            "brick",
            "wall",
            "red",
            "weathered",
            "Kitchen",
        }
        assert data.author == "Ada" and f"{data.catalog_id}:{PATH}:Texloom-Brick wall" in catalogue.splitlines()
        for part in (material.name, "4000000000", "Instant", "GPL-3.0-or-later"):
            assert part in data.description
        images = [node.image for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeTexImage"]
        assert len(images) == 5 and all(image.packed_file is not None for image in images)
        assert {image.name for image in images} >= {f"{material.name} - Base Color", f"{material.name} - Height"}
        assert {image.colorspace_settings.name for image in images} == {"sRGB", "Non-Color"}
        width, height = material.preview.image_size
        pixels = np.array(material.preview.image_pixels_float).reshape(height, width, 4)
        assert (width, height) == (128, 256)
        # Blender's rows go upwards.
        assert np.allclose(pixels[-10, 60], (1, 0, 0, 1), atol=0.02)
        assert np.allclose(pixels[10, 60], (0, 0, 1, 1), atol=0.02)

    def test_names_are_kept_where_the_scene_has_them_too(self, api: Any, folder: Path, shelf: Path) -> None:
        made = api.apply(folder)
        user = bpy.data.objects.new("User", bpy.data.meshes.new("User"))
        user.data.materials.append(bpy.data.materials[made.material])
        before = everything()
        saved = api.save_asset(folder, library=shelf)
        assert everything() == before and user.data.materials[0].name == made.material
        material = linked(saved.file)
        assert material.name == made.material
        names = {node.image.name for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeTexImage"}
        assert names == set(made.images)

    def test_a_material_as_the_user_changed_it(self, api: Any, folder: Path, shelf: Path, tmp_path: Path) -> None:
        material = bpy.data.materials[api.apply(folder).material]
        material.name = "My Bricks"
        nodes = material.node_tree.nodes
        nodes["Principled BSDF"].inputs["Coat Weight"].default_value = 0.75
        painted = nodes["Texloom Base Color"].image
        pixels = np.full(8 * 8 * 4, 0.25, np.float32)
        painted.pixels.foreach_set(pixels)
        assert painted.is_dirty
        group = bpy.data.node_groups.new("Mine", "ShaderNodeTree")
        loose = bpy.data.images.load(str(write_png(tmp_path / "loose.png", flat((10, 20, 30)))))
        group.nodes.new("ShaderNodeTexImage").image = loose
        nodes.new("ShaderNodeGroup").node_tree = group
        before = everything()
        saved = api.save_asset(material, library=shelf)
        assert everything() == before and painted.is_dirty and loose.packed_file is None
        assert material.asset_data is None and nodes["Texloom Base Color"].image == painted
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        (tmp_path / "loose.png").unlink()
        found = linked(saved.file)
        assert found.name == "My Bricks" and "Brick wall" in {tag.name for tag in found.asset_data.tags}
        nodes = found.node_tree.nodes
        assert nodes["Principled BSDF"].inputs["Coat Weight"].default_value == 0.75
        image = nodes["Texloom Base Color"].image
        assert image.packed_file is not None and image.colorspace_settings.name == "sRGB"
        assert np.allclose(np.array(image.pixels)[:3], 0.25, atol=0.01)
        groups = {node.node_tree.name: node.node_tree for node in nodes if node.bl_idname == "ShaderNodeGroup"}
        assert set(groups) == {"Mine", "Texloom Adjust", "Texloom Tile Size"}
        group = groups["Mine"]
        assert group.nodes[0].image.packed_file is not None
        assert group.nodes[0].image.name == "loose.png"

    def test_an_image_whose_file_is_gone_is_told(self, api: Any, folder: Path, shelf: Path, tmp_path: Path) -> None:
        material = bpy.data.materials[api.apply(folder).material]
        file = write_png(tmp_path / "loose.png", flat((10, 20, 30)))
        material.node_tree.nodes.new("ShaderNodeTexImage").image = bpy.data.images.load(str(file))
        file.unlink()
        saved = api.save_asset(material, library=shelf)
        assert len(saved.messages) == 1 and "loose.png" in saved.messages[0] and Path(saved.file).is_file()

    def test_not_overwritten_unless_asked(self, api: Any, errors: Any, folder: Path, shelf: Path) -> None:
        first = Path(api.save_asset(folder, library="Shelf").file)
        content = first.read_bytes()
        before = everything()
        with pytest.raises(errors.StorageError, match="already") as caught:
            api.save_asset(folder, library="Shelf", author="Bob")
        assert "Replace" in caught.value.advice and first.read_bytes() == content and everything() == before
        api.save_asset(folder, library="Shelf", author="Bob", replace=True)
        assert linked(first).asset_data.author == "Bob"
        lines = (shelf / "blender_assets.cats.txt").read_text(encoding="utf-8").splitlines()
        assert sum(PATH in line for line in lines) == 1

    def test_nothing_is_left_of_a_failure(
        self, api: Any, errors: Any, folder: Path, shelf: Path, assets: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        material = bpy.data.materials[api.apply(folder).material]
        before = everything()

        def refuse(*arguments: Any) -> None:
            raise PermissionError(13, "in use")

        monkeypatch.setattr(assets.os, "replace", refuse)
        for source in (folder, material):
            with pytest.raises(errors.StorageError, match="Could not write"):
                api.save_asset(source, library="Shelf")
            assert list((shelf / "Texloom").iterdir()) == [] and everything() == before

    def test_unknown_places_and_sources(self, api: Any, errors: Any, folder: Path, shelf: Path, tmp_path: Path) -> None:
        with pytest.raises(errors.StorageError, match="no asset library Attic") as caught:
            api.save_asset(folder, library="Attic")
        assert "Shelf" in caught.value.advice
        with pytest.raises(errors.StorageError, match="not made by Texloom"):
            api.save_asset(bpy.data.materials.new("Foreign"), library="Shelf")
        with pytest.raises(errors.StorageError, match="does not exist"):
            api.save_asset("gone", library="Shelf")
        with pytest.raises(errors.StorageError, match="variation 4"):
            api.save_asset(folder, 3, library="Shelf")
        with pytest.raises(errors.RequestError, match="tags"):
            api.save_asset(folder, library="Shelf", tags=["x" * 80])
        shelf.rmdir()
        with pytest.raises(errors.StorageError, match="not there"):
            api.save_asset(folder, library="Shelf")
        shelf.mkdir()
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(errors.StorageError, match="make the folder"):
            api.save_asset(folder, library=tmp_path / "file")

    def test_texloom_s_own_library_and_the_preferences(
        self, folder: Path, shelf: Path, assets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
        own = assets.own_library()
        assert not assets.is_registered(own)
        assert bpy.ops.texloom.save_asset(folder=folder.name, library="") == {"FINISHED"}
        assert len(list((own / "Texloom").glob("*.blend"))) == 1 and not assets.is_registered(own)
        assert bpy.ops.texloom.save_asset(folder=folder.name, replace=True, show=True) == {"FINISHED"}
        assert assets.asset_libraries()["Texloom"] == own and assets.is_registered(own)
        count = len(bpy.context.preferences.filepaths.asset_libraries)
        assert bpy.ops.texloom.add_asset_library() == {"FINISHED"}
        assert len(bpy.context.preferences.filepaths.asset_libraries) == count

    def test_a_result_of_one_picture_without_a_reading(self, api: Any, tmp_path: Path, shelf: Path) -> None:
        path = tmp_path / "plain"
        write_result(path, {"image": flat((9, 99, 199), 700, 350)}, prompt="A view of the 砖 wall, with moss")
        data = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        data["request"]["kind"] = "texture"
        (path / "manifest.json").write_text(json.dumps(data), encoding="utf-8")
        material = linked(api.save_asset(path, library=shelf).file)
        assert {tag.name for tag in material.asset_data.tags} == {"Texloom", "view", "砖", "wall", "moss"}
        assert tuple(material.preview.image_size) == (256, 128)
        assert ":Texloom:Texloom" in (shelf / "blender_assets.cats.txt").read_text(encoding="utf-8")


class TestIntoTheFile:
    def test_an_unsaved_file_is_marked_and_told(self, api: Any, folder: Path, texloom: ModuleType) -> None:
        saved = api.save_asset(folder, library=None)
        material = bpy.data.materials[saved.name]
        assert material.asset_data is not None and material.use_fake_user
        assert saved.file == "" and "save it" in saved.messages[0] and PATH in saved.messages[0]
        assert material.preview.image_size[1] == 256
        # The same material again, not a second one.
        assert api.save_asset(folder, library=None, tags=["More"]).name == saved.name
        assert len(bpy.data.materials) == 1 and "More" in {tag.name for tag in material.asset_data.tags}

    def test_the_catalogue_goes_beside_the_blend(self, api: Any, folder: Path, tmp_path: Path) -> None:
        place = tmp_path / "project"
        place.mkdir()
        bpy.ops.wm.save_as_mainfile(filepath=str(place / "scene.blend"))
        saved = api.save_asset(folder, library=None)
        identity = bpy.data.materials[saved.name].asset_data.catalog_id
        lines = (place / "blender_assets.cats.txt").read_text(encoding="utf-8").splitlines()
        assert "VERSION 1" in lines and f"{identity}:{PATH}:Texloom-Brick wall" in lines and saved.messages == ()
        bpy.ops.wm.save_mainfile()
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert linked(place / "scene.blend").asset_data.catalog_id == identity

    def test_inside_an_asset_library_its_root_has_the_catalogue(self, api: Any, folder: Path, shelf: Path) -> None:
        (shelf / "deep" / "er").mkdir(parents=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(shelf / "deep" / "er" / "scene.blend"))
        api.save_asset(folder, library=None)
        assert (shelf / "blender_assets.cats.txt").is_file()
        assert not (shelf / "deep" / "er" / "blender_assets.cats.txt").exists()

    def test_what_somebody_wrote_stays(self, api: Any, folder: Path) -> None:
        material = bpy.data.materials[api.apply(folder).material]
        material.asset_mark()
        mine = str(uuid.uuid4())
        material.asset_data.description, material.asset_data.author = "Mine", "Me"
        material.asset_data.catalog_id = mine
        material.asset_data.tags.new("own")
        api.save_asset(material, library=None)
        data = material.asset_data
        assert (data.description, data.author, data.catalog_id) == ("Mine", "Me", mine)
        assert {"own", "Texloom", "red"} <= {tag.name for tag in data.tags}

    def test_a_failure_leaves_nothing(self, api: Any, errors: Any, folder: Path, tmp_path: Path) -> None:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
        (tmp_path / "blender_assets.cats.txt").write_text("VERSION 2\n")
        before = everything()
        with pytest.raises(errors.StorageError, match="version 2"):
            api.save_asset(folder, library=None)
        assert everything() == before and (tmp_path / "blender_assets.cats.txt").read_text() == "VERSION 2\n"

    def test_a_linked_material_cannot_be_marked_but_can_be_written(
        self, api: Any, errors: Any, folder: Path, shelf: Path, tmp_path: Path
    ) -> None:
        file = api.save_asset(folder, library="Shelf").file
        material = linked(file)
        with pytest.raises(errors.StorageError, match="linked") as caught:
            api.save_asset(material, library=None)
        assert "local" in caught.value.advice
        saved = api.save_asset(material, library=tmp_path / "other", author="Again")
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert linked(saved.file).asset_data.author == "Again"

    def test_a_material_whose_result_is_gone(self, api: Any, folder: Path, texloom: ModuleType) -> None:
        material = bpy.data.materials[api.apply(folder).material]
        module(texloom, "core.texloom.library_entry").delete_result(folder.parent, folder)
        api.save_asset(material, library=None)
        assert "weathered" in {tag.name for tag in material.asset_data.tags}
        assert "with" not in {tag.name for tag in material.asset_data.tags}

    def test_operator(self, folder: Path, shelf: Path) -> None:
        bpy.ops.texloom.library_select(folder=folder.name)
        assert bpy.ops.texloom.save_asset(target="FILE", author="Ada", tags="a, b") == {"FINISHED"}
        (material,) = bpy.data.materials
        assert material.asset_data.author == "Ada" and {"a", "b"} <= {tag.name for tag in material.asset_data.tags}
        assert bpy.ops.texloom.save_asset(material=material.name, target="LIBRARY", library="Shelf") == {"FINISHED"}
        assert len(list(shelf.glob("Texloom/*.blend"))) == 1
        for wrong, why in (({"material": "None"}, "no material"), ({"library": "Attic"}, "no asset library")):
            with pytest.raises(RuntimeError, match=why):
                bpy.ops.texloom.save_asset(**{"target": "LIBRARY", "library": "Shelf"} | wrong)


class TestCatalogue:
    @pytest.fixture
    def catalogue(self, texloom: ModuleType) -> Any:
        return module(texloom, "scene.catalogue")

    @pytest.fixture
    def merged(self, catalogue: Any, tmp_path: Path) -> Callable[[bytes], tuple[str, str]]:
        def merge(content: bytes) -> tuple[str, str]:
            file = tmp_path / catalogue.FILE_NAME
            file.write_bytes(content)
            identity = catalogue.add(file, PATH)
            assert catalogue.add(file, PATH) == identity, "a second time changes nothing"
            return file.read_bytes().decode(), identity

        return merge

    def test_ids_are_stable(self, catalogue: Any) -> None:
        assert catalogue.id_of(PATH) == catalogue.id_of(PATH) != catalogue.id_of("Texloom")
        assert uuid.UUID(catalogue.id_of(PATH)).version == 5
        # Written into files of users: it must never change.
        assert catalogue.id_of("Texloom") == EXPECTED_ROOT_ID

    def test_a_new_file(self, catalogue: Any, tmp_path: Path) -> None:
        file = tmp_path / "deep" / catalogue.FILE_NAME
        identity = catalogue.add(file, PATH)
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
        assert lines == [
            "VERSION 1", f"{catalogue.id_of('Texloom')}:Texloom:Texloom", f"{identity}:{PATH}:Texloom-Brick wall",
        ]  # fmt: skip

    def test_lines_of_others_stay(self, merged: Any) -> None:
        theirs = f"# Our catalogues\n\nVERSION 1\n# rocks\n{uuid.uuid4()}:Rocks/Große 石:Rocks\n\nnonsense\n"
        text, identity = merged(theirs.encode())
        assert text.startswith(theirs) and text.count(PATH) == 1 and identity in text

    def test_line_ends_and_a_missing_last_one(self, merged: Any) -> None:
        text, _ = merged(f"VERSION 1\r\n{uuid.uuid4()}:A:A".encode())
        assert text.count("\r\n") == text.count("\n") == 4

    def test_a_mark_at_the_start(self, merged: Any) -> None:
        text, _ = merged(b"\xef\xbb\xbfVERSION 1\n")
        assert text.count("VERSION") == 1

    @pytest.mark.parametrize("content", [b"", b"\n\n", b"# only words\n"])
    def test_the_version_is_added_where_it_is_missing(self, merged: Any, content: bytes) -> None:
        text, _ = merged(content)
        assert next(line for line in text.splitlines() if line and line[0] != "#") == "VERSION 1"

    def test_the_version_comes_before_the_first_catalogue(self, merged: Any) -> None:
        text, _ = merged(f"# words\n{uuid.uuid4()}:A:A\n".encode())
        lines = [line for line in text.splitlines() if line and line[0] != "#"]
        assert lines[0] == "VERSION 1" and lines[1].endswith(":A:A")

    def test_a_catalogue_that_somebody_made_is_used(self, merged: Any) -> None:
        mine = str(uuid.uuid4())
        text, identity = merged(f"VERSION 1\n{mine.upper()}:{PATH}:Mine\n".encode())
        assert identity == mine and text.count(PATH) == 1

    def test_a_catalogue_that_somebody_moved_stays_there(self, merged: Any, catalogue: Any) -> None:
        moved = f"{catalogue.id_of(PATH)}:Walls/Bricks:Bricks"
        text, identity = merged(f"VERSION 1\n{moved}\n".encode())
        assert identity == catalogue.id_of(PATH) and moved in text and PATH not in text

    @pytest.mark.parametrize("content", [b"VERSION 2\n", b"VERSION one\n", b"\xff\xfe\x00", b"VERSION\n"])
    def test_what_cannot_be_read_is_left_alone(
        self, catalogue: Any, errors: Any, tmp_path: Path, content: bytes
    ) -> None:
        file = tmp_path / catalogue.FILE_NAME
        file.write_bytes(content)
        with pytest.raises(errors.StorageError):
            catalogue.add(file, PATH)
        assert file.read_bytes() == content

    def test_titles_cannot_break_the_file(self, catalogue: Any, tmp_path: Path) -> None:
        path = catalogue.path_of("a:b/c\\d\ne  f")
        assert path == "Texloom/a b c d e f" and catalogue.path_of("") == catalogue.path_of(" : ") == "Texloom"
        catalogue.add(tmp_path / catalogue.FILE_NAME, path)
        assert len((tmp_path / catalogue.FILE_NAME).read_text().splitlines()[-1].split(":")) == 3


def test_nothing_of_the_maps_is_lost(api: Any, folder: Path, tmp_path: Path) -> None:
    material = linked(api.save_asset(folder, library=tmp_path / "out").file)
    for node in material.node_tree.nodes:
        if node.bl_idname == "ShaderNodeTexImage" and node.label in ("Base Color", "Height"):
            wanted = MATERIAL_MAPS["base_color" if node.label == "Base Color" else "height"]
            got = np.array(node.image.pixels).reshape(8, 8, 4)[::-1, :, 0]
            depth = 255 if wanted.dtype == np.uint8 else 65535
            assert np.allclose(got, (wanted[..., 0] if wanted.ndim == 3 else wanted) / depth, atol=0.005)


EXPECTED_ROOT_ID = "f7064583-c386-545e-ac2c-bac93e090cae"
