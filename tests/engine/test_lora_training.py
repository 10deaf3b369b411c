# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching models: the loss falls, what they draw moves towards what was shown, and the engine takes the file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import tiny_taught
import torch
from PIL import Image
from safetensors import safe_open
from texloom import api
from texloom.engine import loras as engine_loras
from texloom.errors import ModelInvalidError, RequestError, TexloomError
from texloom.training import learned_draw, lora, lora_trainer
from texloom.training.lora_bench import UNTAUGHT, Bench
from texloom.training.lora_layers import layers_of, write_lora
from texloom.training.lora_noise import FLOW, Noise
from texloom.training.lora_pictures import Material, Square
from texloom.training.lora_replay import Replay
from texloom.training.lora_sheets import pictures
from texloom.training.lora_sources import Source
from texloom.training.lora_trainer import Options, Trainer, split
from texloom.weights_header import LORA, identify

pytestmark = pytest.mark.usefixtures("unrepaired")

NONE = ("pixart-sigma", "prx", "generic")
DISTILLED = ("sana-sprint",)
TAUGHT = tuple(name for name in tiny_families.NAMES if name not in (*NONE, *DISTILLED, *UNTAUGHT))
RED = (210, 60, 40)

Models = Callable[[str], Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Folders of tiny models, made when first asked for."""
    folder = tmp_path_factory.mktemp("families")

    def get(name: str) -> Path:
        return folder / name if (folder / name).is_dir() else tiny_families.save(name, folder / name)

    return get


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny learned model that draws paints."""
    return tiny_taught.save_learned(tmp_path_factory.mktemp("learned") / "model")


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_taught.save_pictures(tmp_path_factory.mktemp("red"), 6, RED)


def _teach(model: Path, images: Path, out: Path, *more: str) -> int:
    common = ["--size", "64", "--threads", "1", "--device", "cpu", "--work", str(out.with_suffix(""))]
    return lora.main(["--model", str(model), "--images", str(images), "--out", str(out), *common, *more])


def _facts(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out.with_suffix("") / "training.json").read_text(encoding="utf-8"))
    return found


def _metadata(out: Path) -> dict[str, str]:
    with safe_open(out, "pt") as file:
        return dict(file.metadata())


class TestLearned:
    def test_it_learns_what_it_is_shown(
        self, learned: Path, red: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "red.safetensors"
        more = ["--steps", "200", "--rate", "0.004", "--rank", "8", "--preview", "150", "--json", "--sheet", "1"]
        assert _teach(learned, red, out, *more, "--trigger", "glaze9") == 0
        facts = _facts(out)
        assert facts["loss_best"] < 0.85 * facts["loss_first"]
        assert facts["color_distance_after"] < 0.7 * facts["color_distance_before"]
        # As the engine draws it, with and without the file.
        generator, context = learned_draw.drawing(learned), learned_draw.quiet()
        drawn = {"prompts": ["glaze9, plain paint"], "context": context, "size": 64, "tile": (True, True)}
        (plain,) = pictures(generator, **drawn)
        (taught,) = pictures(generator, **drawn, lora=out)
        away, near = (float(np.linalg.norm(one.mean((0, 1)) - np.array(RED))) for one in (plain, taught))
        assert near < 0.7 * away
        (again,) = pictures(generator, **drawn)
        assert np.abs(again.astype(int) - plain).max() <= 1
        self._told(out, capsys.readouterr().out)

    @staticmethod
    def _told(out: Path, lines: str) -> None:
        found = _metadata(out)
        assert found["texloom:family"] == "learned" and found["texloom:base_model"] == "model"
        assert found["texloom:rank"] == "8" and found["texloom:trigger"] == "glaze9"
        assert found["modelspec.trigger_phrase"] == "glaze9" and "licence" in found["texloom:licence"]
        assert json.loads(found["texloom:captions"]) == ["glaze9, plain paint"]
        assert identify(out).kind == LORA
        assert Image.open(out.with_name("red_before_after.png")).size == (64 * 3 + 8, 64)
        assert [path.name for path in (out.with_suffix("") / "previews").iterdir()] == ["step_000150.png"]
        events = [json.loads(line) for line in lines.splitlines()]
        steps = [event for event in events if event["event"] == "step"]
        assert [event["step"] for event in steps] == list(range(1, 201)) and steps[-1]["fraction"] == 1.0
        assert events[-1]["event"] == "done" and events[-1]["path"] == str(out)

    def test_materials_with_maps(self, learned: Path, tmp_path: Path) -> None:
        """What is rough in all that is shown becomes rough."""
        for number in range(5):
            folder = tmp_path / "in" / f"paint{number}"
            folder.mkdir(parents=True)
            Image.fromarray(tiny_taught.picture(number, (120, 120, 120))).save(folder / "basecolor.png")
            Image.fromarray(np.full((80, 80), 245, np.uint8)).save(folder / "roughness.png")
        out = tmp_path / "rough.safetensors"
        more = ["--caption", "plain paint", "--steps", "300", "--rate", "0.004", "--rank", "8", "--sheet", "0"]
        assert _teach(learned, tmp_path / "in", out, *more) == 0
        generator, context = learned_draw.drawing(learned), learned_draw.quiet()
        rough = []
        for file in (None, out):
            loras = (engine_loras.Lora(str(file)),) if file else ()
            (image,) = learned_draw.drawn(generator, ["plain paint"], size=64, seeds=[4], loras=loras)
            rough.append(float(image.maps["roughness"].mean()))
        assert context.device and rough[1] > rough[0] + 3.0

    def test_a_stopped_run_goes_on_as_if_it_had_not(self, learned: Path, red: Path, tmp_path: Path) -> None:
        more = ["--steps", "12", "--batch", "2", "--check", "4", "--rank", "4", "--sheet", "0"]
        whole, part = tmp_path / "whole.safetensors", tmp_path / "part.safetensors"
        assert _teach(learned, red, whole, *more) == 0
        assert _teach(learned, red, part, *more, "--minutes", "0") == 3
        assert part.is_file() and _facts(part)["steps"] == 1
        # More time than before is no other training.
        assert _teach(learned, red, part, *more, "--resume", "--most", "30") == 0
        found = [safe_open(path, "pt") for path in (whole, part)]
        for name in found[0].keys():
            torch.testing.assert_close(found[0].get_tensor(name), found[1].get_tensor(name), rtol=1e-2, atol=1e-4)
        assert _teach(learned, red, part, *more[:-2], "--rank", "3", "--sheet", "0", "--resume") == 1

    def test_other_pictures_are_not_gone_on_with(
        self, learned: Path, red: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out, more = tmp_path / "a.safetensors", ["--steps", "4", "--batch", "1", "--rank", "2", "--sheet", "0"]
        assert _teach(learned, red, out, *more, "--minutes", "0") == 3
        other = tiny_taught.save_pictures(tmp_path / "green", 6, (40, 200, 40))
        assert _teach(learned, other, out, *more, "--resume") == 1
        assert "of other options, pictures or captions" in capsys.readouterr().err

    def test_it_ends_when_nothing_more_is_learned(
        self, learned: Path, red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        losses = iter([1.0, 0.5, *[0.7] * 50])
        monkeypatch.setattr(Trainer, "measure", lambda self: next(losses))
        out = tmp_path / "a.safetensors"
        more = ["--steps", "100", "--batch", "1", "--rank", "2", "--check", "2", "--patience", "3", "--sheet", "0"]
        assert _teach(learned, red, out, *more) == 0
        facts = _facts(out)
        assert facts["best_step"] == 2 and facts["steps"] == 8
        assert "nothing more was learned since step 2" in capsys.readouterr().err

    def test_it_ends_when_its_minutes_are_over(
        self, learned: Path, red: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "a.safetensors"
        more = ["--steps", "100000", "--most", "0.03", "--batch", "1", "--rank", "2", "--check", "100000"]
        assert _teach(learned, red, out, *more, "--sheet", "0") == 0
        facts = _facts(out)
        # It is over, not stopped to go on: the last step was measured, at the end of the schedule.
        assert facts["finished"] and facts["steps"] < 100000 and facts["best_step"] in (0, facts["steps"])
        assert facts["seconds"] <= 10
        assert "0.03 minutes are over: it ended at step" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("given", "learned_model", "device", "minutes"),
        [
            ([], True, "cpu", 12.0),
            ([], True, "cuda:0", 0.0),
            ([], False, "cpu", 0.0),
            (["--steps", "3000"], True, "cpu", 0.0),
            (["--total", "30"], True, "cpu", 0.0),
            (["--most", "5"], True, "cuda", 5.0),
            (["--most", "0"], True, "cpu", 0.0),
        ],
    )
    def test_the_limit_is_that_of_the_learned_model_on_processors(
        self, given: list[str], learned_model: bool, device: str, minutes: float
    ) -> None:
        needed = ["--images", "a", "--model", "b", "--out", "c.safetensors"]
        arguments = lora.build_parser().parse_args([*needed, *given])
        assert lora._options(arguments, learned_model, device).most == minutes

    def test_too_little_memory_is_met_by_less_of_it(
        self, learned: Path, red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        plain, short = Trainer._loss, [1]

        def loss(self: Trainer, *args: Any) -> torch.Tensor:
            if torch.is_grad_enabled() and short and not self.checkpointing:
                raise torch.OutOfMemoryError("simulated")
            return plain(self, *args)

        monkeypatch.setattr(Trainer, "_loss", loss)
        more = ["--steps", "12", "--batch", "4", "--rank", "4", "--rate", "0.004", "--sheet", "0", "--check", "4"]
        assert _teach(learned, red, tmp_path / "a.safetensors", *more) == 0
        assert "memory is short" in capsys.readouterr().err
        assert _facts(tmp_path / "a.safetensors")["loss_best"] < _facts(tmp_path / "a.safetensors")["loss_first"]
        # Whatever is computed twice is the same.
        short.clear()
        assert _teach(learned, red, tmp_path / "b.safetensors", *more) == 0
        one, two = (_facts(tmp_path / f"{name}.safetensors")["loss_best"] for name in "ab")
        assert one == pytest.approx(two, rel=2e-2)


def _plain(replay: Replay, value: float) -> list[Material]:
    """Five materials whose latents are plain, as the pipeline steps on them."""
    source = Source(name="a", color=Path("a.png"), names=frozenset())
    latents = tiny_taught.plain_latents(replay, torch.full((1, 1), value))
    square = Square(torch.zeros(3, 64, 64), True, True)
    return [Material(source=source, caption="plain paint", squares=[square], latents=latents) for _ in range(5)]


@pytest.mark.parametrize(
    ("name", "kind", "less", "nearer"), [("stable-diffusion", "epsilon", 0.97, 0.9), ("flux", FLOW, 0.5, 0.3)]
)
def test_what_trained_models_draw_moves_towards_what_they_are_shown(
    name: str, kind: str, less: float, nearer: float, tmp_path: Path
) -> None:
    """A UNet that predicts noise and a transformer that predicts flow: the loss, and the mean of drawn latents."""
    model = tiny_taught.save_trained(name, tmp_path / "model")
    bench = Bench(str(model), "cpu", lambda text: None)
    replay, noise = Replay(bench.model, 64, bench.context), Noise(bench.model.pipeline.scheduler, name)
    assert noise.kind == kind
    calls = [replay.calls("plain paint")] * 5 + [replay.calls("")]
    options = Options(steps=120, rate=0.01, batch=4, layers="all", rank=8)
    trainer = Trainer(bench, replay, noise, _plain(replay, 1.5), calls, options, tell=lambda text: None)
    trainer.run(None, tmp_path / "work")
    assert trainer.best_loss < less * trainer.first_loss
    out = tmp_path / "plain.safetensors"
    write_lora(out, pipeline=bench.model.pipeline, part=bench.part, layers=trainer.best.layers(), metadata={})
    before, after = (abs(float(tiny_taught.drawn_latents(model, file).mean()) - 1.5) for file in (None, out))
    assert after < nearer * before


class TestFamilies:
    @pytest.mark.parametrize("name", TAUGHT)
    def test_two_steps_and_the_engine_takes_the_file(
        self, name: str, models: Models, red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Whatever two steps bring is written.
        monkeypatch.setattr(lora_trainer, "_BETTER", 10.0)
        out = tmp_path / "lora.safetensors"
        more = ["--steps", "2", "--rank", "2", "--alpha", "4", "--rate", "0.1", "--variants", "1", "--layers", "all"]
        assert _teach(models(name), red, out, *more, "--batch", "2", "--sheet", "1", "--draw-steps", "2") == 0
        assert _facts(out)["best_step"] == 2
        # The right part was drawn by the engine with that very file, which fits in all of its layers.
        sheet = np.array(Image.open(out.with_name("lora_before_after.png")))
        assert not np.array_equal(sheet[:, 68:132], sheet[:, 136:])
        bench = Bench(str(models(name)), "cpu", lambda text: None)
        wanted = len(layers_of(bench.network, "all"))
        assert sum(engine_loras._PAIR.search(key) is not None for key in identify(out).shapes) == wanted

    @pytest.mark.parametrize("name", TAUGHT)
    def test_networks_are_called_as_their_pipelines_do(self, name: str, models: Models) -> None:
        bench = Bench(str(models(name)), "cpu", lambda text: None)
        replay = Replay(bench.model, 64, bench.context)
        seen = replay._watch("red brick", 2)[1]
        noisy = seen.sample.float()
        if Noise(bench.model.pipeline.scheduler, name).kind != FLOW:
            # Some schedulers scale what the network sees; training puts noise into latents in the network's own way.
            noisy = seen.call["sample"].float()
        with torch.no_grad():
            found = replay.predict(bench.network, [seen.call], noisy, torch.tensor([seen.time]))
        torch.testing.assert_close(found, seen.prediction.float(), rtol=1e-3, atol=1e-4)
        # Latents that are packed come back as the decoder gets them.
        latents = torch.randn(2, *replay.packing.latent_shape[1:])
        packed = replay.packing(latents)
        back = bench.model.family.decodable(bench.model.pipeline, packed[1:], 64, 64)
        assert back is not None
        torch.testing.assert_close(back.float().reshape(latents[1:].shape), latents[1:], rtol=1e-4, atol=1e-4)
        # Together and one by one the same.
        calls = [replay.call("red brick"), replay.call("moss on old planks of oak")]
        times = torch.tensor([700.0, 300.0])
        with torch.no_grad():
            both = replay.predict(bench.network, calls, packed, times)
            each = [replay.predict(bench.network, [calls[i]], packed[i : i + 1], times[i : i + 1]) for i in (0, 1)]
        torch.testing.assert_close(both, torch.cat(each), rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize("name", NONE)
    def test_families_that_take_none_say_so(self, name: str, models: Models) -> None:
        with pytest.raises(ModelInvalidError, match="takes no LoRA"):
            Bench(str(models(name)), "cpu", lambda text: None)

    @pytest.mark.parametrize("name", UNTAUGHT)
    def test_families_that_are_called_in_other_ways_are_refused(self, name: str, models: Models) -> None:
        with pytest.raises(ModelInvalidError, match="cannot be taught"):
            Bench(str(models(name)), "cpu", lambda text: None)

    @pytest.mark.parametrize("name", tiny_families.FROM_PICTURES)
    def test_models_that_start_from_pictures_are_refused(self, name: str, models: Models) -> None:
        with pytest.raises(ModelInvalidError, match="draws over pictures"):
            Bench(str(models(name)), "cpu", lambda text: None)

    @pytest.mark.parametrize("name", DISTILLED)
    def test_schedulers_of_distilled_models_are_refused(self, name: str, models: Models) -> None:
        told: list[str] = []
        bench = Bench(str(models(name)), "cpu", told.append)
        assert "distilled to draw in 2 steps" in told[0]
        with pytest.raises(ModelInvalidError, match="SCMScheduler is for a distilled model"):
            Noise(bench.model.pipeline.scheduler, name)


class TestCommand:
    def test_from_a_script(self, learned: Path, red: Path, tmp_path: Path) -> None:
        """As a child process with the real module."""
        seen: list[api.LoraProgress] = []
        made = api.train_lora(
            red, str(learned), tmp_path / "a.safetensors", python=sys.executable, on_progress=seen.append, steps=2,
            batch=1, rank=2, size=64, sheet=1, draw_steps=1, threads=1, device="cpu", work=tmp_path / "work",
        )  # fmt: skip
        assert [now.step for now in seen] == [1, 2] and seen[0].loss > 0.0
        assert made.finished and made.path.is_file() and made.sheet is not None and made.sheet.is_file()
        with pytest.raises(RequestError, match="holds no picture"):
            api.train_lora(tmp_path / "work", str(learned), tmp_path / "b.safetensors", python=sys.executable)

    def test_wrong_uses(self, models: Models, red: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out, model = tmp_path / "a.safetensors", models("stable-diffusion")
        for more, words in (
            (["--size", "70"], "draws multiples of 8 pixels, got 70"),
            (["--steps", "0"], "steps: must be larger"),
            (["--model", "instant"], "has no network that takes a LoRA"),
            (["--model", str(tmp_path / "none")], "There is no folder or file"),
            (["--out", str(tmp_path / "a.bin")], "must end in .safetensors"),
            (["--images", str(tmp_path / "none")], "there is no folder"),
        ):
            assert _teach(model, red, out, *more) == 1
            assert words in capsys.readouterr().err
        assert not out.exists()

    def test_few_pictures_are_told(self, learned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        images = tiny_taught.save_pictures(tmp_path / "in", 2, RED)
        more = ["--steps", "1", "--rank", "2", "--batch", "1", "--sheet", "0", "--json"]
        assert _teach(learned, images, tmp_path / "a.safetensors", *more) == 0
        told = capsys.readouterr()
        assert "Warning: 2 pictures are few" in told.err
        assert any('"event": "warning"' in line for line in told.out.splitlines())

    def test_pictures_kept_for_measuring_are_not_learned(self) -> None:
        for count in (1, 4, 7):
            held, taught = split(count)
            assert taught == list(range(count)) and set(held) <= set(taught)
        for count in (8, 20, 50):
            held, taught = split(count)
            assert not set(held) & set(taught) and len(held) + len(taught) == count and 1 <= len(held) <= 4

    def test_too_little_memory_even_so(
        self, learned: Path, red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = Bench(str(learned), "cpu", lambda text: None)
        replay, noise = Replay(bench.model, 64, bench.context), Noise(bench.model.pipeline.scheduler, "learned")
        calls = [replay.calls("plain paint")] * 5 + [replay.calls("")]
        trainer = Trainer(bench, replay, noise, _plain(replay, 0.0), calls, Options(rank=2), tell=lambda text: None)

        def short(*_: Any) -> float:
            raise torch.OutOfMemoryError("simulated")

        monkeypatch.setattr(trainer, "_one", short)
        with pytest.raises(TexloomError, match="too little memory") as caught:
            trainer.run(None, tmp_path)
        assert caught.value.code == "out_of_memory"
