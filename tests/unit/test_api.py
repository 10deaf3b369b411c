# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python API and the command line over a backend without an engine."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import texloom.__main__
from texloom import api, cli, cli_batch, settings
from texloom.backends.fake import FakeBackend, Script
from texloom.cli_show import Show
from texloom.errors import CancelledError, ErrorCode, OutOfMemoryError, RequestError, StorageError, TexloomError

FAULT = OutOfMemoryError("Too little memory.", advice="Choose a smaller size.")
REFUSED = TexloomError("parameters: unknown nosuch.", code=ErrorCode.INVALID_REQUEST)


@pytest.fixture
def session(tmp_path: Path) -> Any:
    with api.Session(library=tmp_path / "library", backend=FakeBackend(Script(fail={"bad": FAULT}))) as found:
        yield found


def test_generate_returns_files_and_facts(session: api.Session, tmp_path: Path) -> None:
    seen: list[str] = []
    result = session.generate("bricks", seed=7, count=2, on_event=lambda view, event: seen.append(event.type))
    assert result.folder.parent == tmp_path / "library" and seen[-1] == "completed"
    assert [item.seed for item in result.variations] == [7, 8]
    assert all(path.is_file() for path in result.files(1).values()) and set(result.files()) >= {"height", "normal"}
    assert api.Result.read(result.folder / "manifest.json") == result and result.request.prompt == "bricks"
    assert [item.folder for item in api.results(tmp_path / "library")] == [result.folder]


def test_failure_carries_code_and_advice(session: api.Session) -> None:
    with pytest.raises(api.JobFailedError) as caught:
        session.generate("bad")
    assert (caught.value.code, caught.value.advice) == (ErrorCode.OUT_OF_MEMORY, "Choose a smaller size.")


def test_options_are_checked_by_name(session: api.Session) -> None:
    with pytest.raises(RequestError, match="colour"):
        session.generate("bricks", colour="red")
    with pytest.raises(RequestError, match="count"):
        session.generate("bricks", count=99)


def test_timeout_and_cancel(tmp_path: Path) -> None:
    with api.Session(library=tmp_path, backend=FakeBackend(Script(steps=100, step_seconds=0.05))) as session:
        job = session.submit(session.request("slow"))
        with pytest.raises(TimeoutError):
            job.wait(0.2)
        job.cancel()
        with pytest.raises(CancelledError):
            job.wait(5)
        with pytest.raises(TimeoutError):
            session.generate("slow too", timeout=0.1)


def test_nobody_waits_no_job_goes_on(tmp_path: Path, wall: Path) -> None:
    with api.Session(library=tmp_path, backend=FakeBackend(Script(steps=400, step_seconds=0.05))) as session:

        def stop(view: Any, event: Any) -> None:
            raise KeyboardInterrupt

        for make in (
            lambda: session.generate("slow", on_event=stop),
            lambda: session.maps_from_image(wall, on_event=stop),
            lambda: session.make_seamless(wall, on_event=stop),
            lambda: session.edit("moss", wall, model="sdxl", on_event=stop),
            lambda: session.upscale(wall, on_event=stop),
        ):
            with pytest.raises(KeyboardInterrupt):
                make()
        for request_id in session.table.views:
            with pytest.raises(CancelledError):
                api.Job(session, session.table.views[request_id].request).wait(5)


def test_each_job_gets_all_its_events_in_the_thread_that_waits(session: api.Session) -> None:
    jobs = [session.submit(session.request(f"wall {number}")) for number in range(4)]
    heard: dict[str, list[str]] = {job.id: [] for job in jobs}

    def handler(job: api.Job) -> Any:
        return lambda view, event: heard[job.id].append(f"{view.id == job.id} {event.type}")

    # The last one first: what came for the others meanwhile is theirs.
    for job in reversed(jobs):
        job.wait(20, handler(job))
    complete = ["accepted", "queued", "model_loading", "progress", "artifact", "completed"]
    for number, job in enumerate(jobs):
        wanted = [name for name in complete if number == 0 or name != "model_loading"]
        assert list(dict.fromkeys(heard[job.id])) == [f"True {name}" for name in wanted]
    # In threads of their own.
    jobs = [session.submit(session.request(f"floor {number}")) for number in range(4)]
    heard |= {job.id: [] for job in jobs}
    where: dict[str, set[str]] = {job.id: set() for job in jobs}

    def wait(job: api.Job) -> None:
        def heed(view: Any, event: Any) -> None:
            where[job.id].add(threading.current_thread().name)
            heard[job.id].append(event.type)

        job.wait(20, heed)

    threads = [threading.Thread(target=wait, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [heard[job.id][-1] for job in jobs] == ["completed"] * 4 and all(
        heard[job.id][0] == "accepted" for job in jobs
    )
    assert all(len(found) == 1 for found in where.values()) and len(set.union(*where.values())) == 4
    assert jobs[0].wait(1).folder, "waiting again for one that has ended"


def test_repeat_uses_the_same_request_with_changes(session: api.Session) -> None:
    first = session.generate("bricks", seed=3, parameters={"family": "bricks"})
    again = session.repeat(first.folder, width=512)
    assert again.request.replace(id="a", width=1024) == first.request.replace(id="a")
    with pytest.raises(StorageError):
        session.repeat(first.folder / "nothing")


def test_settings_round_trip_and_damage(own_home: Path) -> None:
    assert settings.load() == settings.Settings()
    settings.Settings(engine_python="/p", library="/l").save()
    assert settings.load().engine_python == "/p" and settings.library_folder() == Path("/l")
    (own_home / "settings.json").write_text('{"schema":1,"device":3}', encoding="utf-8")
    with pytest.raises(StorageError, match="device"):
        settings.load()
    (own_home / "settings.json").write_text('{"schema":99}', encoding="utf-8")
    with pytest.raises(StorageError, match="newer"):
        settings.load()


def test_what_counts_for_the_engine(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in settings.VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    settings.Settings(idle_minutes="5", step_cache="0.1", compile="on").save()
    assert settings.in_effect() == settings.load()
    monkeypatch.setenv("TEXLOOM_IDLE_MINUTES", "2")
    monkeypatch.setenv("TEXLOOM_STEP_CACHE", "")
    monkeypatch.setenv("TEXLOOM_MAP_MODELS", os.pathsep.join(("/a b", "/c")))
    now = settings.in_effect()
    assert now.idle_seconds == 120.0 and now.step_threshold == 0.1 and now.compile == "on"
    assert now.map_model_list == ["/a b", "/c"]
    assert settings.load().idle_minutes == "5", "the file is left alone"
    (own_home / "settings.json").write_text("{", encoding="utf-8")
    assert settings.in_effect() == settings.Settings(idle_minutes="2", map_models="/a b\n/c")


# The command line.


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """The command's engine; a new one is made for each run of the command, with this one's script."""
    holder = FakeBackend(Script(fail={"bad": FAULT, "refused": REFUSED}, warn={"odd": "It is odd."}))

    def make(arguments: Any) -> api.Session:
        return api.Session(library=arguments.output, backend=FakeBackend(holder.script))

    monkeypatch.setattr(cli, "_session", make)
    return holder


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_generate_prints_the_folder(fake: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate", "odd", "-o", str(tmp_path), "--size", "128x64", "--seed", "4"]) == cli.EXIT_OK
    out, err = capsys.readouterr()
    folder = Path(out.splitlines()[0])
    request = api.Result.read(folder).request
    assert (request.width, request.height, request.seed) == (128, 64, 4) and "It is odd." in err


def test_json_is_one_object_a_line(fake: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--set", "family=bricks", "--set", "wetness=0.5", "--maps", "all", "--tile", "x", "--json"]
    assert cli.main(["generate", "x", "-o", str(tmp_path), *words]) == 0
    found = lines(capsys.readouterr().out)
    assert found[0]["type"] == "accepted" and found[-1]["type"] == "result"
    request = api.Result.read(found[-1]["folder"]).request
    assert request.parameters == {"family": "bricks", "wetness": 0.5} and len(request.maps) == 6
    assert (request.tile_x, request.tile_y) == (True, False)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["generate", "bad"], cli.EXIT_FAILED),
        (["generate", "refused"], cli.EXIT_USAGE),
        (["generate", "x", "--size", "100"], cli.EXIT_USAGE),
        (["generate", "x", "--set", "wetness"], cli.EXIT_USAGE),
        (["generate", ""], cli.EXIT_USAGE),
        (["outpaint", "wall.png", "sky", "--left", "1"], cli.EXIT_USAGE),
        (["repeat", "/no/such/folder"], cli.EXIT_FAILED),
        (["batch", "/no/such/file.csv"], cli.EXIT_FAILED),
    ],
)
def test_exit_status(words: list[str], status: int, fake: FakeBackend, tmp_path: Path) -> None:
    assert cli.main([*words, "-o", str(tmp_path)]) == status


def test_a_traceback_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(arguments: Any) -> Any:
        raise api.JobFailedError("It broke.", code=ErrorCode.INTERNAL, log_tail="Traceback of it")

    monkeypatch.setattr(cli, "_session", failing)
    for words, times in (([], 1), (["--json"], 0), (["--quiet"], 0)):
        assert cli.main(["generate", "x", *words]) == cli.EXIT_FAILED
        err = capsys.readouterr().err
        assert err.count("Traceback of it") == times and err.endswith("texloom: It broke.\n")


def test_json_names_files_in_any_encoding(fake: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert cli.main(["generate", "砖墙", "-o", str(tmp_path), "--json"]) == 0
    assert Path(lines(raw.getvalue().decode("ascii"))[-1]["folder"]).is_dir()


def test_ctrl_c_counts_from_the_first_import(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    assert texloom.__main__.main() == cli.EXIT_CANCELLED


def test_a_damaged_settings_file_stops_no_doctor(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_home.mkdir(exist_ok=True)
    (own_home / "settings.json").write_text("{", encoding="utf-8")
    assert cli.main(["doctor"]) == cli.EXIT_FAILED
    told = capsys.readouterr()
    assert "settings.json is damaged" in told.err and "delete the file" in told.err and "Python" in told.out


def test_wrong_words_are_usage_errors() -> None:
    wrong = (["--size", "big"], ["--kind", "video"], ["--maps", ""], ["-o", ""])
    for words in ([], ["dance"], ["library", "list", "--limit", "-4"], *(["generate", "x", *item] for item in wrong)):
        with pytest.raises(SystemExit) as caught:
            cli.main(words)
        assert caught.value.code == cli.EXIT_USAGE


def test_no_engine_has_a_status_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    assert cli.main(["generate", "x", "-o", str(tmp_path)]) == cli.EXIT_ENGINE
    assert "texloom setup" in capsys.readouterr().err
    assert cli.main(["doctor"]) == cli.EXIT_ENGINE


def test_ctrl_c_cancels(fake: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.script = Script(steps=100, step_seconds=0.05)

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("texloom.cli_show.Show.event", interrupted)
    assert cli.main(["generate", "x", "-o", str(tmp_path)]) == cli.EXIT_CANCELLED
    assert not list(tmp_path.glob("2*"))


def test_batch_goes_on_where_it_stopped(fake: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "prompts.csv"
    table.write_text('prompt,width,seed\n"bricks, red",128,5\nbad,64,1\n\nplanks,,2\n', encoding="utf-8")
    out = tmp_path / "out"
    words = ["batch", str(table), "-o", str(out), "--size", "256", "--json"]
    assert cli.main(words) == cli.EXIT_FAILED
    first = [line for line in lines(capsys.readouterr().out) if line["type"] == "result"]
    requests = [api.Result.read(line["folder"]).request for line in first]
    assert [(item.prompt, item.width, item.height, item.seed) for item in requests] == [
        ("bricks, red", 128, 256, 5), ("planks", 256, 256, 2),
    ]  # fmt: skip
    fake.script = Script()
    assert cli.main(words) == cli.EXIT_OK
    again = lines(capsys.readouterr().out)
    assert [line["prompt"] for line in again if line["type"] == "skipped"] == ["bricks, red", "planks"]
    assert sum(line["type"] == "result" for line in again) == 1


@pytest.mark.parametrize(
    ("text", "word"),
    [("name\nx\n", "prompt"), ("prompt,color\nx,red\n", "color"), ("prompt,seed\nx,y\n", "seed"), ("prompt\n", "no"),
     ("prompt\na,b\n", "cells"), ("prompt,width\nx,65\n", "line 2"), ('prompt,seed\n"a,1\nb,2\n', "line 2"),
     ("prompt,seed,prompt\na,1,b\n", "two columns"), (f"prompt\n{'x' * 140_000}\n", "4000")],
)  # fmt: skip
def test_batch_names_what_is_wrong(
    text: str, word: str, fake: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "p.csv"
    table.write_text(text, encoding="utf-8")
    assert cli.main(["batch", str(table), "-o", str(tmp_path / "out")]) == cli.EXIT_USAGE
    assert word in capsys.readouterr().err


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_batch_reads_what_spreadsheets_write(separator: str, tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    lines = [("prompt", "seed", "", ""), ('"red; wet, old"', "5", "", "")]
    table.write_text("".join(separator.join(cells) + "\n" for cells in lines), encoding="utf-8")
    (row,) = cli_batch.read_rows(table, {})
    assert (row.request.prompt, row.request.seed) == ("red; wet, old", 5)


def test_two_batches_into_one_folder_keep_each_other_s_notes(fake: FakeBackend, tmp_path: Path) -> None:
    def run(name: str) -> None:
        table = tmp_path / f"{name}.txt"
        table.write_text("".join(f"{name} {number}\n" for number in range(5)), encoding="utf-8")
        with api.Session(library=tmp_path / "out", backend=FakeBackend(Script(step_seconds=0.01))) as session:
            assert cli_batch.run(cli_batch.read_rows(table, {}), session, Show(quiet=True)) == 0

    threads = [threading.Thread(target=run, args=(name,)) for name in ("bricks", "planks")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(json.loads((tmp_path / "out" / "batch.json").read_text(encoding="utf-8"))["done"]) == 10


def test_library_lists_broken_results_too(
    fake: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["generate", "bricks", "-o", str(tmp_path)])
    (tmp_path / "20200101-000000-broken-00000000").mkdir()
    capsys.readouterr()
    assert cli.main(["library", "--folder", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "bricks" in out and "broken" in out


def test_models_tell_of_what_is_built_in(capsys: pytest.CaptureFixture[str]) -> None:
    for name, files in (("instant", ["head", "vocabulary"]), ("image", ["maps", "upscale"])):
        assert cli.main(["models", "show", name, "--json"]) == 0
        (row,) = lines(capsys.readouterr().out)
        assert row["id"] == name and row["bytes"] > 10**6 and all(Path(path).is_dir() for path in row["paths"])
        assert cli.main(["models", "check", name, "--json"]) == 0
        rows = lines(capsys.readouterr().out)
        assert [Path(row["path"]).stem for row in rows] == files and all(row["ok"] for row in rows)
    assert cli.main(["models", "show", "nosuch"]) == cli.EXIT_FAILED


def test_models_lists_what_is_built_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "--json"]) == 0
    rows = {row["id"]: row for row in lines(capsys.readouterr().out)}
    assert {"instant", "image"} <= set(rows) and Path(rows["instant"]["card"]).is_file()


def test_session_without_a_backend_uses_the_settings(tmp_path: Path) -> None:
    settings.Settings(engine_python=str(tmp_path / "none"), library=str(tmp_path / "mine")).save()
    with api.Session() as session:
        assert session.library == tmp_path / "mine"
        with pytest.raises(TexloomError, match="not there"):
            session.generate("bricks")


def test_repeat_keeps_loras(session: api.Session) -> None:
    first = session.generate("bricks", model="sdxl", loras=(api.Lora("/a.safetensors", 0.5),))
    assert session.repeat(first.folder).request.loras == (api.Lora("/a.safetensors", 0.5),)


# Pictures changed by words.


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    """A PNG of 200 × 100 pixels."""
    import numpy as np
    from texloom.png import write_png

    write_png(tmp_path / "wall.png", np.zeros((100, 200, 3), np.uint8), srgb=True)
    return tmp_path / "wall.png"


def test_edits_follow_the_picture_s_size(session: api.Session, wall: Path) -> None:
    over = api.edit_request("moss", wall, model="sdxl", strength=0.4)
    assert (over.width, over.height, over.tile_x, over.tile_y) == (192, 96, True, True)
    assert (over.source, over.operation, over.strength) == (str(wall), "create", 0.4)
    assert api.edit_request("moss", wall, model="sdxl", size=1024).width == 1024
    inside = api.edit_request("a drain", wall, model="sdxl", operation="inpaint", mask="mask.png")
    assert (inside.width, inside.height, inside.tile_x) == (200, 100, False)
    assert inside.mask == str(Path("mask.png").absolute())
    wide = api.edit_request("sky", wall, model="sdxl", operation="outpaint", expand=(0.25, 0, 1, 0))
    assert (wide.width, wide.height) == (250, 200)
    repaired = api.edit_request("wall", wall, model="sdxl", operation="repair_seams", tile="y")
    assert (repaired.tile_x, repaired.tile_y) == (False, True)
    for wrong in ({"tile": "z"}, {"size": 9}, {"operation": "paint"}, {"strenght": 1}):
        with pytest.raises(RequestError):
            api.edit_request("moss", wall, **{"model": "sdxl"} | wrong)
    with pytest.raises(RequestError, match="no file"):
        api.edit_request("moss", wall.with_name("gone.png"), model="sdxl")
    for side in (float("nan"), float("inf"), 3.0, "x"):
        with pytest.raises(RequestError, match="expand"):
            api.edit_request("moss", wall, model="sdxl", operation="outpaint", expand=(side, 0, 0, 0))
    assert session.edit("moss", wall, model="sdxl").request.source == str(wall)


def test_what_is_no_path_and_no_size_is_a_wrong_request(wall: Path) -> None:
    assert api.image_request(wall, size=[256, 128]).height == 128
    for wrong in ("big", (1, 2, 3), True, 2.5, (256, None)):
        with pytest.raises(RequestError, match=r"size|width|height"):
            api.image_request(wall, size=wrong)
        with pytest.raises(RequestError, match=r"size|width|height"):
            api.edit_request("moss", wall, model="sdxl", size=wrong)
    for path in (None, 3, "a\0b.png", "~nobody-of-this-name/a.png"):
        for make in (api.image_request, api.upscale_request, lambda path: api.edit_request("x", path, model="sdxl")):
            with pytest.raises(RequestError, match="source"):
                make(path)
        if path != "~nobody-of-this-name/a.png":
            with pytest.raises(RequestError, match="style_image"):
                api.make_request("x", style_image=path)
        with pytest.raises(RequestError, match="controls"):
            api.make_request("x", controls=[("depth", path)])


def test_commands_change_pictures(
    fake: FakeBackend, wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def made(*words: str) -> Any:
        assert cli.main([*words, "-o", str(tmp_path / "library")]) == cli.EXIT_OK
        return api.Result.read(Path(capsys.readouterr().out.splitlines()[0])).request

    over = made(
        "generate",
        "moss",
        "--source",
        str(wall),
        "--model",
        "sdxl",
        "--strength",
        "0.3",
        "--lora",
        "a.safetensors:0.7",
        "--lora",
        "b",
    )
    assert (over.source, over.strength, over.width, over.kind) == (str(wall), 0.3, 192, "material")
    assert [(Path(item.file).name, item.weight) for item in over.loras] == [("a.safetensors", 0.7), ("b", 1.0)]
    assert made("generate", "moss").source == "" and made("generate", "moss").tile_x
    inside = made("inpaint", str(wall), "a drain", "--model", "sdxl", "--mask", str(wall))
    assert (inside.operation, inside.mask, inside.tile_x, inside.kind) == ("inpaint", str(wall), False, "texture")
    wide = made("outpaint", str(wall), "sky", "--model", "sdxl", "--left", "0.5")
    assert (wide.expand, wide.width) == ((0.5, 0.0, 0.0, 0.0), 300)
    repaired = made("repair", str(wall), "--model", "sdxl", "--tile", "x")
    assert (repaired.operation, repaired.tile_x, repaired.tile_y) == ("repair_seams", True, False)
    assert cli.main(["generate", "moss", "--strength", "0.5", "-o", str(tmp_path)]) == cli.EXIT_USAGE
    with pytest.raises(SystemExit):
        cli.main(["generate", "moss", "--lora", "a:9"])
