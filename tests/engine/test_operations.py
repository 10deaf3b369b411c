# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures changed by words: over a whole picture, in parts of one, beyond its sides, across its seam."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine import diffusers_folder
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.masks import filled, grown, soft_edge
from texloom.engine.operations import Masked, Window, masked
from texloom.engine.seamless import seam_ratio
from texloom.engine.service import Engine
from texloom.errors import CancelledError, RequestError
from texloom.request import GenerationRequest
from texloom.storage import read_manifest

pytestmark = pytest.mark.usefixtures("unrepaired")

BEGUN = ("sana", "lumina2", "pixart-sigma", "ernie-image", "krea2", "prx", "flux3")
"""Their own pipelines draw from words alone; they begin with the latents of a picture."""
OVER_PICTURES = (
    "stable-diffusion",
    "sdxl",
    "kolors",
    "sd3",
    "flux",
    "chroma",
    "z-image",
    "qwen-image",
    "sana-sprint",
    *BEGUN,
)
EDITORS = ("flux2", "flux2-klein", "qwen-image-edit", "flux-control")
"""They see the picture beside the one that they draw."""
MASKED = ("stable-diffusion", "sdxl", "sd3", "flux", "chroma", "z-image", "qwen-image", "flux2-klein")
FILLING = ("flux-fill", "sd-inpainting")


def _picture(path: Path, width: int = 128, height: int = 96, seed: int = 0) -> Path:
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 9, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def _read(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(path))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A picture of 128 × 96 pixels that does not repeat."""
    return _picture(tmp_path / "wall.png")


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    pixels = np.zeros((96, 128), np.uint8)
    pixels[24:72, 40:88] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], DiffusersFolderGenerator]:
    """Loaded tiny models, made when first asked for."""
    made: dict[str, DiffusersFolderGenerator] = {}

    def get(name: str) -> DiffusersFolderGenerator:
        if name not in made:
            made[name] = DiffusersFolderGenerator(tiny_families.save(name, tmp_path_factory.mktemp("families") / name))
            made[name].load(Notes())
        return made[name]

    return get


Models = Callable[[str], DiffusersFolderGenerator]


def _request(source: Path, **values: Any) -> GenerationRequest:
    usual = {"prompt": "red brick", "width": 128, "height": 96, "seed": 3, "steps": 4, "kind": "texture"}
    return GenerationRequest(**usual | {"source": str(source), "tile_x": False, "tile_y": False} | values)


def _draw(model: DiffusersFolderGenerator, request: GenerationRequest, notes: Notes | None = None) -> Any:
    return next(model.generate(request, notes or Notes()))


class TestOverAPicture:
    @pytest.mark.parametrize("name", OVER_PICTURES)
    def test_strength_says_how_much_is_drawn(self, name: str, models: Models, source: Path) -> None:
        model = models(name)
        notes = Notes()
        half = _draw(model, _request(source, strength=0.5, preview_interval=1), notes)
        assert half.maps["image"].shape == (96, 128, 3)
        assert half.details["strength"] == 0.5 and half.details["steps"] == 4
        assert [step for _, step, _ in notes.steps] == [0, 1, 2, 2] and len(notes.previews) == 1
        notes = Notes()
        all_of_it = _draw(model, _request(source, strength=1.0), notes)
        assert [step for _, step, _ in notes.steps] == [0, 1, 2, 3, 4, 4]
        assert not np.array_equal(half.maps["image"], all_of_it.maps["image"])
        again = _draw(model, _request(source, strength=0.5))
        assert np.array_equal(again.maps["image"], half.maps["image"])
        # The same parts draw from words alone as before.
        alone = _request(source).replace(source="", steps=2)
        assert _draw(model, alone).maps["image"].shape == (96, 128, 3)

    @pytest.mark.parametrize("name", OVER_PICTURES)
    def test_the_picture_matters_and_so_do_the_words(self, name: str, models: Models, tmp_path: Path) -> None:
        model = models(name)
        one, two = (_picture(tmp_path / f"{seed}.png", seed=seed) for seed in (1, 2))
        first, other, reworded = (
            _draw(model, _request(path, strength=0.5, prompt=prompt)).maps["image"]
            for path, prompt in ((one, "red brick"), (two, "red brick"), (one, "pale oak"))
        )
        assert not np.array_equal(first, other) and not np.array_equal(first, reworded)

    @pytest.mark.parametrize("name", OVER_PICTURES)
    def test_little_strength_takes_one_step_at_least(self, name: str, models: Models, source: Path) -> None:
        notes = Notes()
        image = _draw(models(name), _request(source, strength=0.1, steps=2), notes)
        assert notes.steps[-1][1] >= 1 and image.details["steps"] == 10

    @pytest.mark.parametrize("name", ["stable-diffusion", "z-image"])
    def test_none_leaves_the_picture(self, name: str, models: Models, source: Path) -> None:
        assert np.array_equal(_draw(models(name), _request(source, strength=0.0)).maps["image"], _read(source))

    @pytest.mark.parametrize("name", [*OVER_PICTURES, *EDITORS])
    def test_seamless(self, name: str, models: Models, tmp_path: Path) -> None:
        """The picture does not repeat; what is drawn over it does."""
        path = _picture(tmp_path / "long.png", 512, 96)
        assert seam_ratio(_read(path), 1) > 4.0
        job = _request(path, width=512, strength=0.5 if name in OVER_PICTURES else None, tile_x=True, tile_y=True)
        # One step is enough to see, and the editors of a megapixel take long.
        image = _draw(models(name), job.replace(steps=2))
        assert image.details["seam_ratio"]["x"] < 2.0, image.details

    @pytest.mark.parametrize("name", EDITORS)
    def test_editors_have_no_strength(self, name: str, models: Models, tmp_path: Path) -> None:
        model = models(name)
        notes = Notes()
        one, two = (_picture(tmp_path / f"{seed}.png", seed=seed) for seed in (1, 2))
        image = _draw(model, _request(one, strength=0.5, steps=2, preview_interval=1), notes)
        assert set(notes.warnings) == {"strength_ignored"} and image.details["strength"] is None
        assert [step for _, step, _ in notes.steps] == [0, 1, 2, 2] and len(notes.previews) == 1
        assert not np.array_equal(image.maps["image"], _draw(model, _request(two, steps=2)).maps["image"])

    def test_others_say_that_they_cannot(self, models: Models, source: Path) -> None:
        with pytest.raises(RequestError, match="starts from no picture"):
            _draw(models("generic"), _request(source))

    @pytest.mark.parametrize("name", [*BEGUN, "generic"])
    def test_others_say_that_they_cannot_fill_in(self, name: str, models: Models, source: Path) -> None:
        model = models(name)
        assert model.info.source == "optional"
        with pytest.raises(RequestError, match="cannot fill in"):
            _draw(model, _request(source, operation="inpaint"))

    def test_transparent_places_and_proportions(self, models: Models, tmp_path: Path) -> None:
        pixels = np.zeros((64, 256, 4), np.uint8)
        pixels[:, 64:192] = (200, 100, 50, 255)
        Image.fromarray(pixels).save(tmp_path / "cut.png")
        notes = Notes()
        job = _request(tmp_path / "cut.png", strength=0.0, width=64, height=64)
        image = _draw(models("stable-diffusion"), job, notes)
        assert (image.maps["image"] == (200, 100, 50)).all() and set(notes.warnings) == {"picture_cropped"}

    def test_rounding_of_the_size_is_no_news(self, models: Models, tmp_path: Path) -> None:
        notes = Notes()
        path = _picture(tmp_path / "odd.png", 144, 96)
        _draw(models("stable-diffusion"), _request(path, strength=0.0, width=160, height=96), notes)
        assert notes.warnings == {}

    def test_cancelled_in_a_step_it_goes_on_as_before(self, models: Models, source: Path) -> None:
        model = models("flux")
        expected = _draw(model, _request(source, strength=0.5)).maps["image"]
        with pytest.raises(CancelledError):
            _draw(model, _request(source, strength=0.5), Notes(lambda what: what == "step 1"))
        assert np.array_equal(_draw(model, _request(source, strength=0.5)).maps["image"], expected)


class TestInParts:
    @pytest.mark.parametrize("name", [*MASKED, *FILLING])
    def test_only_what_is_masked_changes(self, name: str, models: Models, source: Path, mask: Path) -> None:
        model = models(name)
        notes = Notes()
        job = _request(source, operation="inpaint", mask=str(mask), preview_interval=1)
        image = _draw(model, job, notes).maps["image"]
        before, inside = _read(source), _read(mask) > 0
        assert np.array_equal(image[~inside], before[~inside])
        assert (image[inside] != before[inside]).any(-1).mean() > 0.9
        assert len(notes.previews) == 3 and notes.warnings == {}
        # The rim of the mask stays nearly as it was.
        change = np.abs(image.astype(int) - before).mean(-1)
        assert change[24, 41:87].mean() < 0.6 * change[40:56, 56:72].mean()
        assert not np.array_equal(_draw(model, job.replace(prompt="pale oak planks")).maps["image"], image)

    @pytest.mark.parametrize("name", ["stable-diffusion", "flux"])
    def test_of_any_size_and_by_transparency(self, name: str, models: Models, tmp_path: Path) -> None:
        pixels = np.dstack([_read(_picture(tmp_path / "odd.png", 131, 77)), np.full((77, 131), 255, np.uint8)])
        pixels[20:50, 30:90, 3] = 0
        Image.fromarray(pixels).save(tmp_path / "odd.png")
        job = _request(tmp_path / "odd.png", operation="inpaint", width=131, height=77)
        image = _draw(models(name), job).maps["image"]
        kept = pixels[..., 3] == 255
        assert image.shape == (77, 131, 3) and np.array_equal(image[kept], pixels[kept][:, :3])
        assert (image[~kept] != pixels[~kept][:, :3]).any(-1).mean() > 0.9

    @pytest.mark.parametrize("name", ["sdxl", "z-image", "flux-fill"])
    def test_outpaint(self, name: str, models: Models, source: Path) -> None:
        job = _request(source, operation="outpaint", expand=(0.25, 0.0, 0.0, 0.5), width=160, height=144)
        image = _draw(models(name), job).maps["image"]
        assert image.shape == (144, 160, 3)
        assert np.array_equal(image[:96, 32:], _read(source))
        assert image[96:].std() > 1.0 and image[:, :32].std() > 1.0

    @pytest.mark.parametrize("name", ["stable-diffusion", "flux", "flux2-klein"])
    def test_seams_are_repaired(self, name: str, models: Models, tmp_path: Path) -> None:
        path = _picture(tmp_path / "long.png", 100, 512)
        job = _request(path, operation="repair_seams", width=100, height=512, tile_x=True)
        image = _draw(models(name), job)
        pixels, before = image.maps["image"], _read(path)
        # Noise beside a smooth picture: the seam is compared with what was drawn around it.
        steps = [np.abs(np.diff(np.roll(p.astype(float), 50, 1), axis=1)).mean((0, 2)) for p in (before, pixels)]
        seams = [step[49] / step[41:57:8].mean() for step in steps]
        assert seams[0] > 1.5 and seams[1] < 1.2, seams
        # The middle is as it was, and so is the seam that nobody asked to repair.
        assert np.array_equal(pixels[:, 26:74], before[:, 26:74])
        assert not np.array_equal(pixels[:, :5], before[:, :5])

    @pytest.mark.slow
    def test_the_editor_of_a_megapixel(self, models: Models, source: Path, mask: Path) -> None:
        job = _request(source, operation="inpaint", mask=str(mask), steps=1, tile_x=True)
        notes = Notes()
        image = _draw(models("qwen-image-edit"), job, notes).maps["image"]
        before, inside = _read(source), _read(mask) > 0
        assert np.array_equal(image[~inside], before[~inside]) and not np.array_equal(image, before)
        assert set(notes.warnings) == {"seamless_approximate"}

    def test_large_pictures_are_drawn_as_large_as_the_pipeline_takes(self, models: Models, source: Path) -> None:
        model = models("flux2-klein")
        job = _request(source, operation="repair_seams", width=2048, height=1536, tile_x=True, tile_y=True)
        whole = model._beginning.whole(job, Notes(), (2048, 1536))
        assert whole.full_width * whole.full_height <= 1024 * 1024 and whole.framed
        assert whole.width / whole.height == pytest.approx(4 / 3, rel=0.03)
        large = models("flux")._beginning.whole(job, Notes(), (2048, 1536))
        assert (large.width, large.height) == (2048, 1536)

    def test_models_that_fill_in_do_nothing_else(self, models: Models, source: Path) -> None:
        for name in FILLING:
            with pytest.raises(RequestError, match="only fills in parts"):
                _draw(models(name), _request(source))
            assert models(name).info.source == "required"
        with pytest.raises(RequestError, match="cannot fill in"):
            _draw(models("flux2"), _request(source, operation="inpaint"))

    def test_masks_that_do_not_fit(self, source: Path, tmp_path: Path) -> None:
        small, black = tmp_path / "small.png", tmp_path / "black.png"
        Image.new("L", (64, 64), 255).save(small)
        Image.new("L", (128, 96), 0).save(black)
        for path, words in ((small, "64 × 64"), (black, "nothing in it"), ("", "no transparent places")):
            with pytest.raises(RequestError, match=f"^mask: .*{words}"):
                masked(_request(source, operation="inpaint", mask=str(path)))
        with pytest.raises(RequestError, match="proportions"):
            masked(_request(source, operation="repair_seams", width=96, tile_x=True))
        with pytest.raises(RequestError, match="proportions"):
            masked(_request(source, operation="outpaint", expand=(1, 0, 0, 0)))


class TestWindows:
    """Of a large picture only what is masked is drawn, with what surrounds it."""

    def _masked(self, *places: tuple[slice, slice], wraps: bool = False) -> Masked:
        mask = np.zeros((800, 1200), np.uint8)
        for place in places:
            mask[place] = 255
        return Masked(canvas=np.zeros((800, 1200, 3), np.uint8), mask=mask, wraps=(wraps, False))

    def test_they_hold_the_mask_in_their_middle(self) -> None:
        one = self._masked((slice(300, 400), slice(500, 700)))
        assert one.window(64) == Window(top=275, left=450, height=150, width=300)
        assert one.window(256) == Window(top=222, left=450, height=256, width=300)

    def test_they_stay_inside(self) -> None:
        corner = self._masked((slice(0, 10), slice(1190, 1200)))
        assert corner.window(300) == Window(top=0, left=900, height=300, width=300)

    def test_all_of_it_where_that_is_hardly_more_or_it_wraps(self) -> None:
        whole = Window(top=0, left=0, height=800, width=1200)
        assert self._masked((slice(0, 10), slice(0, 10)), (slice(790, 800), slice(1190, 1200))).window(64) == whole
        assert self._masked((slice(0, 10), slice(0, 10))).window(2048) == whole
        assert self._masked((slice(0, 10), slice(0, 10)), wraps=True).window(64) == whole

    @pytest.mark.parametrize("name", ["stable-diffusion", "flux"])
    def test_the_rest_stays(self, name: str, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(diffusers_folder, "USUAL_SIDE", 128)
        path = _picture(tmp_path / "large.png", 700, 500)
        mask = np.zeros((500, 700), np.uint8)
        mask[300:340, 500:560] = 255
        Image.fromarray(mask).save(tmp_path / "mask.png")
        notes = Notes()
        job = _request(
            path, operation="inpaint", mask=str(tmp_path / "mask.png"), width=700, height=500, preview_interval=1
        )
        image, before = _draw(models(name), job, notes).maps["image"], _read(path)
        assert np.array_equal(image[mask == 0], before[mask == 0])
        assert (image[mask > 0] != before[mask > 0]).any(-1).mean() > 0.9
        assert notes.previews[0][2].shape == (128, 128, 3)


class TestEdges:
    def test_they_are_soft_inside_and_nothing_outside(self) -> None:
        mask = np.zeros((256, 256), np.uint8)
        mask[64:192, 64:192] = 255
        share = soft_edge(mask)
        assert (share[mask == 0] == 0.0).all() and (share[80:176, 80:176] == 1.0).all()
        row = share[128, 60:80]
        assert (np.diff(row) >= 0.0).all() and 0.0 < row[4] < 0.5

    def test_thin_lines_are_drawn_in_their_middle(self) -> None:
        mask = np.zeros((512, 512), np.uint8)
        mask[:, 100:103] = 255
        mask[200:400, 200:400] = 255
        share = soft_edge(mask)
        assert share[50, 101] > 0.6 and share[50, 100] < share[50, 101]

    def test_grey_is_less(self) -> None:
        mask = np.full((64, 64), 128, np.uint8)
        assert soft_edge(mask)[32, 32] == pytest.approx(128 / 255)

    def test_a_mask_to_the_rim_has_no_edge_there(self) -> None:
        mask = np.zeros((64, 64), np.uint8)
        mask[:, :32] = 255
        assert (soft_edge(mask)[:, 0] == 1.0).all()
        wrapped = soft_edge(mask, (True, False))
        assert (wrapped[:, 0] < 0.5).all() and (wrapped[:, 16] == 1.0).all()

    @pytest.mark.parametrize("wraps", [(False, False), (True, False), (True, True)])
    def test_masks_grow_by_squares(self, wraps: tuple[bool, bool]) -> None:
        mask = (np.random.default_rng(0).random((40, 50)) > 0.99).astype(np.uint8) * 255
        for reach in (1, 2, 5, 8, 60):
            expected = np.zeros_like(mask)
            for row, column in np.argwhere(mask):
                rows = np.arange(row - reach, row + reach + 1)
                columns = np.arange(column - reach, column + reach + 1)
                rows = rows % 40 if wraps[1] else rows[(rows >= 0) & (rows < 40)]
                columns = columns % 50 if wraps[0] else columns[(columns >= 0) & (columns < 50)]
                expected[np.ix_(rows, columns)] = 255
            assert np.array_equal(grown(mask, reach, wraps), expected)

    def test_holes_get_the_colors_around_them(self) -> None:
        pixels = np.full((65, 40, 3), (200, 20, 90), np.uint8)
        mask = np.zeros((65, 40), np.uint8)
        mask[10:60, 5:35] = 255
        pixels[mask > 0] = 0
        assert np.abs(filled(pixels, mask).astype(int) - (200, 20, 90)).max() <= 1


class TestThroughTheEngine:
    def _run(self, library: Path, request: GenerationRequest) -> tuple[Path, dict[str, Any]]:
        events: list[Any] = []
        Engine("cpu").run(request, library, events.append, threading.Event())
        folder = Path(events[-1].folder)
        return folder, read_manifest(folder)

    def test_the_result_keeps_picture_and_mask(
        self, stable_diffusion: Path, source: Path, mask: Path, tmp_path: Path
    ) -> None:
        job = _request(source, operation="inpaint", mask=str(mask), model=str(stable_diffusion), steps=2)
        folder, manifest = self._run(tmp_path / "library", job)
        assert (folder / "source.png").read_bytes() == source.read_bytes()
        assert (folder / "mask.png").read_bytes() == mask.read_bytes()
        assert manifest["source"]["name"] == "wall.png" and len(manifest["mask"]["sha256"]) == 64
        assert GenerationRequest.from_dict(manifest["request"]) == job
        assert manifest["results"][0]["strength"] == 1.0
        inside = _read(mask) > 0
        drawn = _read(folder / manifest["results"][0]["maps"]["image"]["file"])
        assert np.array_equal(drawn[~inside], _read(source)[~inside])

    def test_what_a_model_cannot_do_is_told_before_it_is_loaded(
        self, stable_diffusion: Path, source: Path, tmp_path: Path
    ) -> None:
        sana = tiny_families.save("sana", tmp_path / "sana")
        for job, words in (
            (_request(source, model=str(sana), operation="inpaint"), "cannot fill in"),
            (_request(source, model="instant"), "starts from no picture"),
            (_request(source, model="image", operation="inpaint"), "cannot fill in"),
            (_request(source, model="image", strength=0.5), "strength: .* has none"),
        ):
            with pytest.raises(RequestError, match=words):
                self._run(tmp_path / "library", job)
