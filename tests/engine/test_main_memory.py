# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans and main memory: what containers leave of it, what weights take, and what is told where there is too little."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sized_folders
import tiny_families
from test_diffusers_folder import Notes
from texloom import events
from texloom.engine import device as devices
from texloom.engine import main_memory, memory_keeper, memory_plan
from texloom.engine.context import JobContext
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_estimate import DENOISER, TEXT, Part, parts_of
from texloom.engine.memory_plan import (
    BFLOAT16,
    FLOAT8,
    FLOAT16,
    FLOAT32,
    GROUPS,
    TOGETHER,
    TURNS,
    Demand,
    MemoryPlan,
    Model,
)
from texloom.engine.model_folder import read_folder
from texloom.engine.service import Engine
from texloom.errors import OutOfMemoryError
from texloom.events import Event, ModelLoading
from texloom.request import GenerationRequest

pytestmark = pytest.mark.usefixtures("unrepaired")

SQUARE = Demand(width=1024, height=1024, decoded_width=1024, decoded_height=1024, batch=2)
GB = 10**9


@pytest.fixture(scope="module")
def hollow(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """Models of real size whose weights are holes in files of bfloat16."""
    made: dict[str, Model] = {}

    def get(name: str) -> Model:
        if name not in made:
            made[name] = sized_folders.planned(sized_folders.hollow(name, tmp_path_factory.mktemp("sized") / name))
        return made[name]

    return get


def _request(**values: object) -> GenerationRequest:
    return GenerationRequest(prompt="red brick", width=64, height=64, seed=3, steps=2, kind="texture", **values)  # type: ignore[arg-type]


class TestWhatThereIs:
    @pytest.fixture
    def groups(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Linux's accounts, written by hand: 32 GB in all, 20 of them free."""
        (tmp_path / "meminfo").write_text("MemTotal: 32000000 kB\nMemAvailable: 20000000 kB\n", encoding="ascii")
        monkeypatch.setattr(main_memory, "_MEMINFO", str(tmp_path / "meminfo"))
        monkeypatch.setattr(main_memory, "_OWN_GROUPS", str(tmp_path / "own"))
        monkeypatch.setattr(main_memory, "_GROUPS", tmp_path / "groups")
        return tmp_path

    def _group(self, folder: Path, **files: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text, encoding="ascii")

    def test_a_machine(self, groups: Path) -> None:
        assert (main_memory.available(), main_memory.total()) == (20_000_000 * 1024, 32_000_000 * 1024)

    def test_a_container(self, groups: Path) -> None:
        (groups / "own").write_text("0::/\n", encoding="ascii")
        account = f"anon 5\ninactive_file {GB}\nactive_file {GB}\n"
        self._group(groups / "groups", memory__max=f"{8 * GB}\n", memory__current=f"{5 * GB}\n", memory__stat=account)
        assert (main_memory.available(), main_memory.total()) == (5 * GB, 8 * GB)
        assert devices.free_memory("cpu") == 5 * GB

    def test_a_group_within_one_that_has_a_limit(self, groups: Path) -> None:
        (groups / "own").write_text("0::/user/engine\n", encoding="ascii")
        self._group(groups / "groups/user/engine", memory__max="max\n", memory__current=f"{GB}\n")
        self._group(groups / "groups/user", memory__max=f"{6 * GB}\n", memory__current=f"{7 * GB}\n")
        assert (main_memory.available(), main_memory.total()) == (0, 6 * GB)

    def test_the_older_kind(self, groups: Path) -> None:
        (groups / "own").write_text("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n", encoding="ascii")
        self._group(
            groups / "groups/memory",
            memory__limit_in_bytes=f"{4 * GB}\n",
            memory__usage_in_bytes=f"{3 * GB}\n",
            memory__stat=f"total_inactive_file {GB}\ninactive_file 7\n",
        )
        assert (main_memory.available(), main_memory.total()) == (2 * GB, 4 * GB)

    def test_a_limit_above_the_machine_is_none(self, groups: Path) -> None:
        (groups / "own").write_text("4:memory:/\n", encoding="ascii")
        self._group(
            groups / "groups/memory", memory__limit_in_bytes="9223372036854771712\n", memory__usage_in_bytes="5\n"
        )
        assert (main_memory.available(), main_memory.total()) == (20_000_000 * 1024, 32_000_000 * 1024)


class TestForecast:
    def _plans(self, model: Model, device: str, precision: str = BFLOAT16) -> dict[str, MemoryPlan]:
        found = memory_plan.plans(model, SQUARE, device=device, precision=precision)
        return {plan.quantization or plan.offload: plan for plan in found}

    def test_files_tell_their_precision(self, hollow: Callable[[str], Model], stable_diffusion: Path) -> None:
        assert {part.stored for part in hollow("z-image").parts} == {BFLOAT16}
        assert {part.stored for part in parts_of(read_folder(stable_diffusion))} == {FLOAT32}

    def test_what_waits_is_in_main_memory(self, hollow: Callable[[str], Model]) -> None:
        model = hollow("z-image")
        sizes = {role: sum(2 * part.weights for part in model.parts if part.role == role) for role in (TEXT, DENOISER)}
        found = self._plans(model, "xpu")
        # Files are mapped, and go to the device part by part.
        assert found[TOGETHER].main == 0
        assert found[TURNS].main == found[GROUPS].main == sum(sizes.values())
        assert found[FLOAT8].main == sizes[TEXT] + sizes[DENOISER] // 2
        # Layers that come one by one are read from the files again.
        assert self._plans(model, "cuda")[GROUPS].main == max(sizes.values())

    def test_another_precision_is_a_copy(self, hollow: Callable[[str], Model]) -> None:
        model = hollow("sdxl")
        whole = sum(2 * part.weights for part in model.parts)
        found = self._plans(model, "xpu", FLOAT16)
        assert found[TOGETHER].main == max(2 * part.weights for part in model.parts)
        assert found[TURNS].main == found[FLOAT8].main == whole

    def test_on_a_processor_it_is_part_of_the_forecast(self, hollow: Callable[[str], Model]) -> None:
        found = memory_plan.plans(hollow("flux2-klein"), SQUARE, device="cpu", precision=FLOAT32)
        assert {plan.precision for plan in found} == {FLOAT32, BFLOAT16}
        # Files of bfloat16 are read again when the other network has had its turn.
        assert all((plan.main == plan.weights) is (plan.precision == FLOAT32) for plan in found)
        assert all(plan.main < plan.forecast for plan in found)

    def test_mapped_files_count_as_free_already(self, stable_diffusion: Path) -> None:
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(Notes())
        memory = generator._memory
        assert memory.plan is not None and memory.plan.precision == FLOAT32
        # As their file has them; of the other precision they are copies.
        assert memory.resident() > 0 == memory.held("cpu")
        memory.plan = dataclasses.replace(memory.plan, precision=BFLOAT16)
        assert memory.held("cpu") == sum(2 * part.weights for part in memory.model.parts)


class TestRefusal:
    @pytest.fixture
    def on_a_card(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The ways of a graphics card that is too small for all parts together, walked on the processor."""
        monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "xpu"))
        monkeypatch.setattr(memory_plan, "_LEANER", 1e9)

    def test_plans_over_main_memory_are_left_out(
        self, hollow: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keeper = memory_keeper.MemoryKeeper(hollow("z-image").folder, "Z", skipped=(), quantizes=True)
        keeper._model = hollow("z-image")
        monkeypatch.setattr(memory_keeper, "best_precision", lambda folder, device: BFLOAT16)
        every = keeper.plans(SQUARE, "xpu")
        assert {plan.offload for plan in every} == {TOGETHER, TURNS, GROUPS}
        monkeypatch.setattr(main_memory, "available", lambda: 18 * GB)
        assert [(plan.offload, plan.quantization) for plan in keeper.possible(SQUARE, "xpu")] == [
            (TOGETHER, ""),
            (TOGETHER, ""),
            (TURNS, FLOAT8),
        ]
        monkeypatch.setattr(main_memory, "available", lambda: None)
        assert keeper.possible(SQUARE, "xpu") == every

    def test_before_anything_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        generator = DiffusersFolderGenerator(tiny_families.save("flux2-klein", tmp_path / "model"))
        generator._memory._model = Model(folder=generator._folder, parts=_huge(generator), stripes=True)
        monkeypatch.setattr(main_memory, "available", lambda: 30 * GB)
        notes = Notes()
        # As on a processor in bfloat16: 90 GB of copies.
        with pytest.raises(OutOfMemoryError, match=r"needs \d+\.\d GB of main memory, and 30\.0 GB are free") as caught:
            generator.load(notes)
        assert "Close other programs" in caught.value.advice and "smaller model" in caught.value.advice
        assert notes.loads == [] and not generator.fits_main_memory("cpu")

    def test_what_is_there_already_stays(self, stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(Notes())
        monkeypatch.setattr(main_memory, "available", lambda: 0)
        assert next(generator.generate(_request(), Notes())).maps["image"].shape == (64, 64, 3)

    def test_idle_models_make_room_in_main_memory(
        self, stable_diffusion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = Path(shutil.copytree(stable_diffusion, tmp_path / "other"))
        engine = Engine("cpu")
        engine.run(_request(model=str(stable_diffusion)), tmp_path / "library", lambda event: None, threading.Event())
        first = engine._generator(str(stable_diffusion))
        monkeypatch.setattr(main_memory, "available", lambda: 0 if first.loaded else 30 * GB)
        monkeypatch.setattr(devices, "free_memory", lambda device: 30 * GB)
        engine.run(_request(model=str(other)), tmp_path / "library", lambda event: None, threading.Event())
        assert not first.loaded and engine._generator(str(other)).loaded
        engine.unload()
        if engine._idle is not None:
            engine._idle.cancel()


def _huge(generator: DiffusersFolderGenerator) -> tuple[Part, ...]:
    return tuple(dataclasses.replace(part, weights=part.weights * 20_000_000) for part in parts_of(generator._folder))


class TestTryingAgain:
    """What has failed once is left alone only as long as there is no more memory than there was then."""

    def _after_a_shortage(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[DiffusersFolderGenerator, Demand]:
        monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "xpu"))
        monkeypatch.setattr(memory_plan, "_LEANER", 1e9)
        monkeypatch.setattr(memory_keeper, "LEAST_STRIPED", 0)
        monkeypatch.setattr(devices, "free_memory", lambda device: 2 * GB)
        generator = DiffusersFolderGenerator(folder)
        generator.load(Notes())
        left = [1]

        def before(_module: object, _args: object) -> None:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("MPS backend out of memory")

        handle = generator._pipeline.unet.register_forward_pre_hook(before)
        details = next(generator.generate(_request(), Notes())).details["memory"]
        handle.remove()
        assert details["striped"]
        return generator, generator._demand(_request())

    @pytest.mark.parametrize(("free", "ranks"), [(2.0, False), (2.2, False), (8.0, True)])
    def test_once_there_is_more(
        self, free: float, ranks: bool, stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        generator, demand = self._after_a_shortage(stable_diffusion, monkeypatch)
        monkeypatch.setattr(devices, "free_memory", lambda device: round(free * GB))
        assert (generator._memory.plans(demand, "cpu")[0].rank == 0) is ranks
        notes = Notes()
        assert next(generator.generate(_request(), notes)).details["memory"]["striped"] is not ranks
        assert notes.warnings == {}

    def test_after_it_was_unloaded(self, stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        generator, _ = self._after_a_shortage(stable_diffusion, monkeypatch)
        generator.unload()
        generator.load(Notes())
        assert generator._memory.plan is not None and generator._memory.plan.rank == 1
        generator.unload()
        monkeypatch.setattr(devices, "free_memory", lambda device: 12 * GB)
        generator.load(Notes())
        assert generator._memory.plan is not None and generator._memory.plan.rank == 0


class TestTelling:
    def _context(self, folder: Path) -> tuple[JobContext, list[Event]]:
        told: list[Event] = []
        context = JobContext(_request(), "cpu", told.append, threading.Event(), folder, loads=True, files=1)
        return context, told

    def test_every_fall_is_told(self, stable_diffusion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory_plan, "_LEANER", 1e9)
        context, told = self._context(tmp_path)
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(context)
        left = [2]

        def before(_module: object, _args: object) -> None:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("MPS backend out of memory")

        generator._pipeline.unet.register_forward_pre_hook(before)
        next(generator.generate(_request(), context))
        said = [event.message for event in told if isinstance(event, events.Warning)]
        assert len(said) == 2 and said[0].endswith("may take longer: fp32, decoding in stripes.")
        assert said[1].endswith("may take longer: bf16.")

    def test_the_same_is_told_once(self, tmp_path: Path) -> None:
        context, told = self._context(tmp_path)
        for _ in range(2):
            context.warn("memory_leaner", "Memory ran out.", advice="Choose a smaller size.")
        assert len(told) == len(context.warnings) == 1

    def test_the_plan_stays_while_it_loads(self, stable_diffusion: Path, tmp_path: Path) -> None:
        context, told = self._context(tmp_path)
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(context)
        loads = [event for event in told if isinstance(event, ModelLoading)]
        assert generator._memory.told.startswith("fp32: about 0.2 of ")
        later = [event for event in loads if event.stage.startswith(("Loading ", "Moving ", "Ready"))]
        assert len(later) > 3 and {event.plan for event in later[-4:]} == {generator._memory.told}
        assert loads[0].plan == ""
        assert all(type(event.stage) is str for event in loads)
