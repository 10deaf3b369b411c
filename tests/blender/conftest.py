# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's tests run against the built zip, installed as an extension in a real, throw-away Blender.

``TEXLOOM_TEST_ZIP`` names the zip; without it, it is built first.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import recording

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "user_default"
# The hub that the downloads' own tests use.
sys.path.append(str(ROOT / "tests" / "unit"))
HAS_BPY = importlib.util.find_spec("bpy") is not None

collect_ignore_glob = [] if HAS_BPY else ["test_*.py"]

if HAS_BPY and "bpy" not in sys.modules:
    # Before bpy is imported for the first time: it reads these once.  Nothing of the user's own Blender is
    # seen or changed.
    _resources = tempfile.mkdtemp(prefix="texloom-blender-")
    atexit.register(shutil.rmtree, _resources, ignore_errors=True)
    os.environ["BLENDER_USER_RESOURCES"] = _resources
    os.environ["TEXLOOM_HOME"] = str(Path(_resources) / "texloom")
    os.environ["TEXLOOM_OFFLINE"] = "1"
    os.environ.pop("TEXLOOM_LIBRARY", None)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Tests that ``-k`` and the like leave out."""
    recording.selected([], len(items))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back on all the others comes last."""
    recording.selected(items, 0)
    items.sort(key=lambda item: item.get_closest_marker("looks_back") is not None)


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks."""
    config.addinivalue_line("markers", "ends: takes long, and runs in the oldest and the newest Blender only")
    config.addinivalue_line("markers", "looks_back: runs after all other tests, whose traces it looks at")


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip under test."""
    given = os.environ.get("TEXLOOM_TEST_ZIP")
    if given:
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("zip")
    script = ROOT / "scripts" / "build_extension.py"
    subprocess.run([sys.executable, str(script), "--output", str(folder)], check=True, cwd=ROOT)
    (built,) = folder.glob("texloom-*.zip")
    return built


@pytest.fixture(scope="session")
def texloom(extension_zip: Path) -> ModuleType:
    """The add-on's module, installed and enabled the way a user does it."""
    import bpy

    # Not an import at the top: Blender's own modules can be found only once bpy is there.
    addon_utils = importlib.import_module("addon_utils")
    # The bpy wheel starts without the extension system.
    if not addon_utils.check("bl_pkg")[1]:
        addon_utils.enable("bl_pkg")
    bpy.ops.extensions.package_install_files(
        filepath=str(extension_zip), repo=REPOSITORY, enable_on_install=True, overwrite=True
    )
    name = f"bl_ext.{REPOSITORY}.texloom"
    assert name in bpy.context.preferences.addons, "the extension was installed but could not be enabled"
    return importlib.import_module(name)


@pytest.fixture
def scene(texloom: ModuleType) -> ModuleType:
    """The add-on's ``scene`` package with its modules loaded."""
    parts = "adjust build facts groups images materials nodes objects placement planes result transaction"
    for name in parts.split():
        importlib.import_module(f"{texloom.__name__}.scene.{name}")
    return importlib.import_module(f"{texloom.__name__}.scene")


@pytest.fixture(autouse=True)
def empty_file(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test starts in an empty, unsaved file; preferences and the installed extension stay."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    recording.watch(f"bl_ext.{REPOSITORY}.texloom")
    yield


@pytest.fixture
def result(scene: ModuleType, tmp_path: Path) -> Callable[..., Any]:
    """``result(maps=None, folder="job", **facts)``: a result on disk, read back from its manifest."""
    from pictures import write_result

    def make(maps: Any = None, folder: str = "job", **facts: Any) -> Any:
        return scene.result.ResultImages.from_manifest(write_result(tmp_path / folder, maps, **facts))

    return make


@pytest.fixture
def counts() -> Callable[[], dict[str, int]]:
    """``counts()``: how many datablocks of each kind the file has."""
    import bpy

    kinds = ("objects", "meshes", "materials", "images", "collections", "node_groups", "textures")
    return lambda: {kind: len(getattr(bpy.data, kind)) for kind in kinds}


@pytest.fixture
def cube() -> Callable[..., Any]:
    """``cube(name="Cube", size=2.0, slots=())``: a cube with UVs (each face a quarter of the UV square wide)."""
    import bmesh
    import bpy

    def make(name: str = "Cube", size: float = 2.0, slots: tuple[Any, ...] = ()) -> Any:
        mesh = bpy.data.meshes.new(name)
        edit = bmesh.new()
        edit.loops.layers.uv.new("UVMap")
        bmesh.ops.create_cube(edit, size=size, calc_uvs=True)
        edit.to_mesh(mesh)
        edit.free()
        for slot in slots:
            mesh.materials.append(slot)
        obj = bpy.data.objects.new(name, mesh)
        bpy.context.scene.collection.objects.link(obj)
        bpy.context.view_layer.update()
        return obj

    return make


@pytest.fixture
def build(scene: Any, result: Any) -> Any:
    """``build(maps=…, facts=…, **options)``: a material from the builder; one of the same result without maps."""
    from pictures import ALL_MAPS

    known: dict[str, Any] = {}

    def make(maps: Any = None, facts: Any = None, folder: str = "job", **options: Any) -> Any:
        if maps is not None or facts is not None or folder not in known:
            known[folder] = result(ALL_MAPS if maps is None else maps, folder, **(facts or {}))
        made = known[folder]
        return scene.materials.build_material(made, images=scene.build.load_images(made), **options)

    return make


@pytest.fixture
def other(result: Any) -> Any:
    """``other(maps=…, **facts)``: another result."""
    from pictures import OTHER_MAPS

    return lambda maps=None, **facts: result(OTHER_MAPS if maps is None else maps, "other", **facts)


@pytest.fixture
def errors(texloom: ModuleType) -> Any:
    """The errors that a user may see."""
    return importlib.import_module(f"{texloom.__name__}.core.texloom.errors")
