# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the file are read by a thread, as in a window; the job begins when their pictures are there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
from layouts import Here, drawn, texts
from test_addon import api, fake, module, turn
from test_image_tools import fill, gradient, painted, read_back, requests, scratch

__all__ = ["api", "fake"]  # fixtures


@pytest.fixture
def bridge(texloom: ModuleType, fake: Any) -> Any:
    return module(texloom, "bridge").get()


@pytest.fixture
def writer(texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The thread's last step, with a gate: ``writer.gate.set()`` lets it go on.  ``writer.threads`` notes who reads."""
    reading, sources = module(texloom, "reading"), module(texloom, "scene.sources")
    noted = SimpleNamespace(gate=threading.Event(), threads=set(), errors=[])
    real_write, real_convert = reading.write_png, sources._converted

    def write(path: Path, pixels: np.ndarray, **options: Any) -> Any:
        assert noted.gate.wait(20)
        if noted.errors:
            raise noted.errors.pop()
        return real_write(path, pixels, **options)

    def convert(*arguments: Any) -> Any:
        noted.threads.add(threading.current_thread())
        return real_convert(*arguments)

    monkeypatch.setattr(reading, "write_png", write)
    monkeypatch.setattr(sources, "_converted", convert)
    yield noted
    noted.gate.set()
    reading.unregister()


@pytest.fixture
def begin(texloom: ModuleType, bridge: Any) -> Any:
    """``begin(image, **options)``: a seamless image of one, as the operator begins it in a window; its entry."""
    jobs, target = module(texloom, "image_jobs"), module(texloom, "target")
    new = module(texloom, "reading").Reading

    def submit(image: Any, **options: Any) -> Any:
        placement = jobs.made_from(target.capture(bpy.context, output="IMAGE"), image, replace_users=False)
        return jobs.submit(image, placement, pictures=new(), kind="texture", **options)

    return submit


def test_the_window_goes_on_while_an_image_is_read(texloom: ModuleType, bridge: Any, writer: Any, begin: Any) -> None:
    image = painted(pixels=gradient(96, 64))
    entry = begin(image)
    fill(image, gradient(96, 64)[:, ::-1])  # what is painted from now on does not count
    for _ in range(5):
        bridge.tick()
    assert entry.running and not entry.waiting and bridge.queue() == [entry] and scratch() == []
    assert bridge.view(entry.id) is None, "the engine does not know it yet"
    assert "Reading the image" in texts(drawn(texloom, "results.Results", Here()))
    source = Path(entry.view.request.source)
    (reading,) = {entry.reading}
    writer.gate.set()
    reading.wait()
    assert (read_back(source)[..., :3] == gradient(96, 64)[..., :3]).all()
    turn(bridge, lambda: entry.settled)
    assert not entry.problem and entry.reading is None and "Wall seamless" in bpy.data.images
    assert scratch() == [] and threading.main_thread() not in writer.threads


def test_cancelled_while_it_is_read_and_tried_again(bridge: Any, writer: Any, begin: Any) -> None:
    entry = begin(painted(pixels=gradient(96, 64)))
    bridge.tick()
    bpy.ops.texloom.cancel(job=entry.id)
    turn(bridge, lambda: entry.settled)
    assert str(entry.view.state) == "cancelled" and bridge.queue() == []
    # The image is still being read, and Retry waits for the same picture.
    again = bridge.retry(entry)
    assert again.running and list(bridge.entries) == [again.id]
    writer.gate.set()
    turn(bridge, lambda: again.settled)
    assert not again.problem and "Wall seamless" in bpy.data.images and scratch() == []


def test_dismissed_while_it_is_read(bridge: Any, writer: Any, begin: Any) -> None:
    entry = begin(painted(pixels=gradient(96, 64)))
    reading = entry.reading
    bpy.ops.texloom.cancel(job=entry.id)
    bpy.ops.texloom.dismiss(job=entry.id)
    writer.gate.set()
    reading.wait()
    bridge.tick()
    assert not bridge.entries and scratch() == [] and "Wall seamless" not in bpy.data.images


def test_what_cannot_be_written_is_told_and_tried_again(
    bridge: Any, writer: Any, begin: Any, errors: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.gate.set()
    writer.errors.append(errors.StorageError("The disk is full.", advice="Make room."))
    entry = begin(painted(pixels=gradient(96, 64)))
    turn(bridge, lambda: entry.settled)
    assert (entry.problem, entry.advice, str(entry.view.state)) == ("The disk is full.", "Make room.", "failed")
    again = bridge.retry(entry)
    turn(bridge, lambda: again.settled)
    assert not again.problem and "Wall seamless" in bpy.data.images
    # An error that nobody has thought of does not leave the job waiting either.
    writer.errors.append(KeyError("odd"))
    entry = begin(bpy.data.images["Wall.png"])
    turn(bridge, lambda: entry.settled)
    assert entry.problem == "The image could not be read: KeyError: 'odd'"
    writer.errors.append(MemoryError())
    entry = begin(bpy.data.images["Wall.png"])
    turn(bridge, lambda: entry.settled)
    assert "too little memory" in entry.problem


def test_a_mask_on_which_nothing_is_painted(texloom: ModuleType, bridge: Any, writer: Any) -> None:
    jobs, target, masks = module(texloom, "image_jobs"), module(texloom, "target"), module(texloom, "scene.masks")
    image = painted(pixels=gradient(96, 64))
    mask, placement = masks.make(image), target.capture(bpy.context, output="IMAGE")
    writer.gate.set()

    def edit() -> Any:
        pictures = module(texloom, "reading").Reading()
        options = {"model": "sdxl", "operation": "inpaint", "mask": mask, "pictures": pictures}
        return jobs.submit_edit(image, placement, "moss", **options)

    entry = edit()
    turn(bridge, lambda: entry.settled)
    assert "Nothing is painted on Wall.png mask yet" in entry.problem and scratch() == []
    assert entry.view.error.code == "invalid_request"
    again = bridge.retry(entry)
    turn(bridge, lambda: again.settled)
    assert again.problem == entry.problem
    other = gradient(96, 64)
    other[10:20, 10:20, :3] = 255
    fill(mask, other)
    seen = bridge.tidy_sources
    bridge.tidy_sources = lambda: None
    try:
        entry = edit()
        turn(bridge, lambda: entry.settled)
        pixels = read_back(Path(entry.view.request.mask))
    finally:
        bridge.tidy_sources = seen
    assert not entry.problem and (pixels[..., 0] == 255).sum() == 100


@pytest.mark.parametrize("kind", ["maps", "seamless", "inpaint", "outpaint", "seams", "generate"])
def test_every_operator_on_an_image_reads_it_in_a_thread(
    texloom: ModuleType, bridge: Any, writer: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for name in ("images", "editing", "jobs"):
        monkeypatch.setattr(module(texloom, f"operators.{name}"), "later", module(texloom, "reading").Reading)
    writer.gate.set()
    image = painted(pixels=gradient(96, 64))
    panel, settings = bpy.context.scene.texloom_images, bpy.context.scene.texloom
    settings.prompt, settings.model, settings.catalog_model, settings.output = "moss", "CATALOG", "sdxl", "IMAGE"
    settings.start, settings.start_image = "IMAGE", image
    panel.image = image
    if kind == "inpaint":
        panel.mask, panel.mask_image = "IMAGE", painted("Mask", np.full((64, 96, 4), 255, np.uint8))
    ops = bpy.ops.texloom
    operator = {
        "maps": ops.maps_from_image, "seamless": ops.make_seamless, "inpaint": ops.inpaint,
        "outpaint": ops.outpaint, "seams": ops.repair_seams, "generate": ops.generate,
    }[kind]  # fmt: skip
    assert operator() == {"FINISHED"}
    (request,) = requests(texloom)
    assert request.source.endswith(".png") and bool(request.mask) == (kind == "inpaint")
    expected = {"outpaint": (144, 96), "generate": (1024, 672)}.get(kind, (96, 64))
    assert (request.width, request.height) == expected
    assert writer.threads and threading.main_thread() not in writer.threads
    assert scratch() == []


def test_scripts_wait_for_it(texloom: ModuleType, fake: Any, api: Any, writer: Any) -> None:
    job = api.submit_image(painted(pixels=gradient(96, 64)), make="SEAMLESS")
    assert writer.threads == {threading.main_thread()} and len(scratch()) == 1
    job.wait()
