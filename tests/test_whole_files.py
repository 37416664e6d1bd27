"""What is written is there whole, or as it was: modes, links, devices, pictures, checkpoints."""

import os
import stat
import threading
import warnings
from pathlib import Path

import pytest
from command_line import TINY, clbench
from matplotlib.figure import Figure
from safetensors.torch import load as tensors_in

from clbench.config.resolve import resolve
from clbench.errors import UserError
from clbench.report import pictures
from clbench.results.atomic import make_ready, write_whole
from clbench.run import checkpoint
from clbench.run.machine import Machine
from clbench.run.schedule import Silent, run


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link.json", tmp_path / "there" / "file.json"
    link.symlink_to(target)
    for content in (b"first", b"second"):
        make_ready(link)
        write_whole(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert list(target.parent.iterdir()) == [target]


def test_a_file_keeps_its_mode_and_a_new_one_has_the_umask_s(tmp_path):
    path, before = tmp_path / "x", os.umask(0o027)
    try:
        write_whole(path, b"new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        write_whole(path, b"again")
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(before)


def test_devices_and_fifos_are_written_through(tmp_path):
    fifo, read = tmp_path / "fifo", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    write_whole(fifo, b"through")
    reader.join(10)
    assert read == [b"through"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    null = tmp_path / "null"
    null.symlink_to(os.devnull)
    make_ready(null)
    write_whole(null, b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert null.is_symlink()


@pytest.mark.parametrize("name", ["a" * 300, "file/below", "folder"])
def test_what_cannot_be_written_is_found_before_the_work(name, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        make_ready(tmp_path / name)


def test_a_picture_that_cannot_be_finished_leaves_the_earlier_one(tmp_path, monkeypatch):
    pictures.save(Figure(), tmp_path / "figure")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 2

    def cut(figure, file, **_):
        (file.open("wb") if isinstance(file, Path) else file).write(b"half")
        raise MemoryError

    monkeypatch.setattr(Figure, "savefig", cut)
    with pytest.raises(MemoryError):
        pictures.save(Figure(), tmp_path / "figure")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


# -- checkpoints ----------------------------------------------------------------------------------------------


def test_the_last_checkpoint_is_the_one_of_the_largest_stage(tmp_path):
    for stage in (1000, 999, 2):
        checkpoint.path_of(tmp_path, stage, (0,)).touch()
    assert list(checkpoint.stages(tmp_path, (0,))) == [2, 999, 1000]


class Interrupting(Silent):
    def stage(self, key, runs, news):
        if len(runs[0].matrix) > 3:
            raise KeyboardInterrupt


def interrupted(folder, keep):
    sets = (*TINY[1::2][:-1], "stream.tasks=4")
    config = resolve("ewc", "split-digits", sets=sets, seeds=(0,))
    with pytest.raises(KeyboardInterrupt):
        run(config, folder, Machine(keep=keep), watch=Interrupting())
    return config, folder / config.path


def test_an_older_checkpoint_is_used_where_the_last_is_damaged(tmp_path):
    config, path = interrupted(tmp_path / "cut", "all")
    kept = checkpoint.stages(path.with_suffix(""), (0,))
    assert list(kept) == [1, 2, 3]
    kept[3].write_bytes(kept[3].read_bytes()[:-1])
    kept[2].write_bytes(b"")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        went_on = run(config, tmp_path / "cut", Machine(keep="last"))
    lines = [str(each.message) for each in said]
    assert [str(kept[stage]) in line for stage, line in zip((3, 2), lines, strict=True)] == [True, True]
    assert all("goes on from the checkpoint after task 1" in line for line in lines)
    assert [r.matrix for r in went_on.runs] == [r.matrix for r in run(config, tmp_path / "whole").runs]
    assert list(checkpoint.stages(path.with_suffix(""), (0,))) == [4]


def test_a_checkpoint_of_a_newer_clbench_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT", "clbench-checkpoint-4")
        config, path = interrupted(tmp_path, "all")
    kept = checkpoint.stages(path.with_suffix(""), (0,))
    with pytest.raises(UserError, match=f"{kept[3].name}: unusable.*upgrade clbench"):
        run(config, tmp_path)
    assert all(file.exists() for file in kept.values())


def test_where_no_checkpoint_is_whole_the_last_is_named(tmp_path):
    config, path = interrupted(tmp_path, "all")
    kept = checkpoint.stages(path.with_suffix(""), (0,))
    for file in kept.values():
        file.write_bytes(b"")
    with pytest.raises(UserError, match=f"{kept[3].name}: unusable checkpoint.*--force"):
        run(config, tmp_path)


def test_a_damaged_checkpoint_is_left_out_where_a_group_is_divided(tmp_path):
    config = resolve("ewc", "split-digits", sets=tuple(TINY[1::2]), seeds=(0, 1))
    run(config, tmp_path, Machine(keep="all"))
    folder = (tmp_path / config.path).with_suffix("")
    kept = checkpoint.stages(folder, (0, 1))
    kept[2].write_bytes(b"")
    with pytest.warns(UserWarning, match="left out"):
        checkpoint.part_seeds(folder, (0, 1), [(0,), (1,)])
    assert list(checkpoint.stages(folder, (0,))) == [1]
    kept[1].write_bytes(b"")
    with pytest.raises(checkpoint.Damaged):
        checkpoint.part_seeds(folder, (0, 1), [(0,), (1,)])


def test_a_damaged_network_that_studies_share_is_trained_again(tmp_path):
    words = ["prune-lenet", "--dataset", "digits", "--epochs", "1", "--retrain-epochs", "1", "--rates", "0.5"]
    words += ["--limit", "100", "--out", str(tmp_path), "--importance"]
    assert clbench(*words, "magnitude").code == 0
    [shared] = tmp_path.rglob("trained-*/*.safetensors")
    before = tensors_in(shared.read_bytes())
    shared.write_bytes(shared.read_bytes()[:-1])
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # shown, not raised
        done = clbench(*words, "random")
    assert done.code == 0, done
    assert "unusable checkpoint" in done.err
    assert "trained again" in done.err
    after = tensors_in(shared.read_bytes())
    assert after.keys() == before.keys()
    assert all(after[name].equal(before[name]) for name in before)


# -- before the work ------------------------------------------------------------------------------------------

SWEEP = ["sweep", "--method", "ewc", *TINY, "--grid", "strategy.lam=1,2"]
STUDY = ["prune-lenet", "--dataset", "digits", "--importance", "random,magnitude", "--seeds", "2", "--limit", "50"]


@pytest.mark.parametrize(
    ("words", "toml", "line"),
    [
        ([*SWEEP, "--plots", "file"], None, "file: cannot write the plots: it is a file"),
        ([*SWEEP, "--plots", "file/below"], None, "cannot write"),
        ([*SWEEP, "--write-defaults"], "[train\n", "clbench.toml"),
        ([*SWEEP, "--write-defaults"], '[tuned.permuted-digits]\ntask = "x"\n', "must be a table"),
        ([*SWEEP, "--write-defaults"], Path.mkdir, "clbench.toml: Is a directory"),
        ([*STUDY, "--export", "file/below.safetensors"], None, "cannot write"),
        ([*STUDY, "--export", "folder/x.safetensors"], None, "x-magnitude-seed-1.safetensors: cannot write"),
    ],
)
def test_what_the_end_cannot_write_is_found_at_the_start(words, toml, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("folder/x-magnitude-seed-1.safetensors").mkdir(parents=True)
    if isinstance(toml, str):
        Path("clbench.toml").write_text(toml)
    elif toml:
        toml(Path("clbench.toml"))
    assert line in clbench(*words).line
    assert not Path("runs").exists()
