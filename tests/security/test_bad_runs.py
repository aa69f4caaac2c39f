"""Training that cannot go on, and run folders that are damaged, forged or of another network.

Signals, a full disk and missing locks are tests/crash; too little memory is tests/training/test_halving.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from graphspec.data import memory
from graphspec.data.sources import user
from graphspec.diagnostics import GraphspecError
from graphspec.system.own_parts import OwnParts
from graphspec.training.run import checkpoint
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.tensor_files import tensors_to_bytes

from .conftest import SPEC, Command

CHECKPOINTS = "checkpoints"


def train(command: Command, *arguments: object, spec: str = SPEC) -> Any:
    """``graphspec train`` of `spec` in the folder "run"."""
    Path("net.toml").write_text(spec)
    return command("train", "net.toml", "--run", "run", "--device", "cpu", *arguments)


def resume(command: Command, *arguments: object, spec: str = SPEC) -> Any:
    return train(command, "--resume", *arguments, spec=spec)


def newest(run: Path) -> Path:
    """The newest checkpoint's two files, without their suffix."""
    return max((run / CHECKPOINTS).glob("*.json")).with_suffix("")


def state_of(run: Path) -> dict[str, Any]:
    found = checkpoint.load(run / CHECKPOINTS)
    assert found is not None
    return found


def test_a_loss_that_is_not_finite_stops_before_the_update(command: Command) -> None:
    spec = SPEC.replace('norm    = "BatchNorm1d"', "").replace('"Adam", lr = 0.01', '"SGD", lr = 1000')
    ended = train(command, spec=spec.replace('relu    = "ReLU"', 'relu    = "Identity"'))
    assert ended.code == 1
    assert "error[non-finite]: the loss is" in ended.err
    assert "nothing was updated" in ended.err
    found = checkpoint.load(Path("run", CHECKPOINTS))
    assert found is None or all(value.isfinite().all() for value in found["module"].values())


def test_data_that_are_not_finite_never_reach_batch_norm(command: Command) -> None:
    Path("rows.csv").write_text("a,b,y\n" + "1,2,0\n2,1,1\n" * 8 + "nan,1,0\n")
    spec = """
graphspec = 1
[inputs]
x = ["N", 2]
[layers]
norm = "BatchNorm1d"
fc = { type = "Linear", out_features = 2 }
[data]
dataset = { type = "csv", file = "rows.csv", target = "y" }
root = "."
[train]
epochs = 1
"""
    ended = train(command, spec=spec)
    assert (ended.code, "bad-data" in ended.err) == (1, True), ended.err
    assert not Path("run").exists()


@pytest.mark.parametrize("lr", ["0", "0.0", "-0.1", "nan", "inf", "1e30", '"0.1"', "true"])
def test_a_learning_rate_that_is_none(lr: str, command: Command) -> None:
    ended = train(command, spec=SPEC.replace("lr = 0.01", f"lr = {lr}"))
    assert ended.code == 1
    assert "net.toml:17:35: error[" in ended.err
    assert not Path("run").exists()


#: One of the processes that read it is killed, once, after a checkpoint was written; `train` must not wait for it.
DYING = """
import os, signal
from pathlib import Path
import torch, graphspec

@graphspec.dataset
class Dying:
    def __len__(self):
        return 24
    def __getitem__(self, row):
        if torch.utils.data.get_worker_info() and list(Path("run").rglob("step-*.json")) and not Path("died").exists():
            Path("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.full((3,), float(row)), row % 2
"""
OF_DYING = """
graphspec = 1
[inputs]
x = ["N", 3]
[layers]
fc = { type = "Linear", out_features = 2 }
[data]
dataset    = "Dying"
batch_size = 4
[train]
epochs = 3
"""


def test_a_killed_worker_ends_the_run_which_then_goes_on(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user, "_classes", OwnParts(user._classes.kind, user._classes.taken))
    monkeypatch.setattr(memory, "budget", lambda: 0)  # so that samples are read batch by batch
    Path("dying.py").write_text(DYING)
    started = time.monotonic()
    ended = train(command, "--import", "dying.py", spec=OF_DYING)
    assert ended.code == 1, ended.err
    assert "error[interrupted]: a process that reads Dying ended: DataLoader worker" in ended.err
    assert "what was saved is whole, --resume goes on" in ended.err
    assert time.monotonic() - started < 60
    step = state_of(Path("run"))["progress"]["step"]
    assert step >= 4
    assert resume(command, spec=OF_DYING).code == 0
    assert state_of(Path("run"))["progress"]["epoch"] == 3


def test_a_folder_that_may_not_be_written(command: Command) -> None:
    ended = train(command, "--run", "/proc/run")
    assert (ended.code, "error[unwritable]" in ended.err) == (1, True)


def test_two_runs_in_one_folder_and_the_lock_of_a_dead_one(command: Command, run: Path) -> None:
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with RunFolder(run):
            os.write(ready[1], b".")
            os.read(done[0], 1)
            os._exit(0)
    os.read(ready[0], 1)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    ended = resume(command)
    assert (ended.code, "error[run-locked]: another process trains in" in ended.err) == (1, True)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert resume(command).code == 0
    for descriptor in (*ready, *done):
        os.close(descriptor)


def test_a_process_that_outlives_the_one_that_trained_does_not_keep_its_lock(tmp_path: Path) -> None:
    """Those that read data are forked while the folder is locked, and notice late that nobody waits for them."""
    wait = os.pipe()
    with RunFolder(tmp_path):
        child = os.fork()
        if child == 0:
            os.close(wait[1])
            os.read(wait[0], 1)
            os._exit(0)
        with pytest.raises(GraphspecError, match="run-locked"), RunFolder(tmp_path):
            pass
    try:
        with RunFolder(tmp_path):
            pass
    finally:  # it ends with the other end of its pipe
        for descriptor in wait:
            os.close(descriptor)
        os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("p = 0.2", "p = 0.3", "layers.dropout.p was 0.2 when the run began and is 0.3 now"),
        ("batch_size = 256", "batch_size = 128", "data.batch_size was 256 when the run began and is 128 now"),
        ("epochs    = 3", "epochs = 3\nseed = 7", "train.seed was 0 when the run began and is 7 now"),
        ('"digits"', '"breast_cancer"', "data.dataset was digits when the run began and is breast_cancer now"),
    ],
)
def test_a_changed_spec_is_refused_with_the_difference(
    old: str, new: str, said: str, command: Command, run: Path
) -> None:
    changed = SPEC.replace(old, new)
    if "cancer" in new:
        changed = changed.replace("1, 8, 8", "30").replace("out_features = 10", "out_features = 2")
    ended = resume(command, spec=changed)
    assert ended.code == 1
    assert "error[checkpoint-mismatch]" in ended.err
    assert said in ended.err


def test_more_epochs_are_fine(command: Command, run: Path) -> None:
    assert resume(command, "--epochs", "4").code == 0


@pytest.mark.parametrize(("key", "value"), [("versions", {"torch": "1.0"}), ("threads", 64), ("device", "cuda:0")])
def test_another_machine_is_said(key: str, value: object, command: Command, run: Path) -> None:
    state = state_of(run)
    state["run"]["environment"][key] = value
    checkpoint.save(run / CHECKPOINTS, state["progress"]["step"], state)
    ended = resume(command)
    assert ended.code == 0
    assert f"warning[checkpoint-mismatch]: {key} changed since the run began" in ended.err


@pytest.mark.slow
def test_a_thread_count_that_is_there_is_taken_up_again(command: Command, run: Path) -> None:
    """The run chose its own; a new process begins with torch's default."""
    began, before = state_of(run)["progress"]["threads"], torch.get_num_threads()
    try:
        torch.set_num_threads(1 if began > 1 else 2)
        ended = resume(command)
    finally:
        torch.set_num_threads(before)
    assert (ended.code, "warning" in ended.err) == (0, False)
    assert state_of(run)["progress"]["threads"] == began


@pytest.mark.parametrize("option", ["--set export.opset_version=99", "--set no.such=1", "--variant small"])
@pytest.mark.parametrize("name", ["export", "inspect"])
def test_what_changes_a_spec_is_not_left_out_of_a_run(name: str, option: str, command: Command, run: Path) -> None:
    answer = command(name, str(run), *option.split())
    assert (answer.code, "change a spec" in answer.err) == (1, True)


def test_a_run_that_is_done_says_so(command: Command, run: Path) -> None:
    ended = resume(command, "--epochs", "2")
    assert (ended.code, "all 2 epochs are done already" in ended.err) == (0, True)


def test_a_run_killed_before_its_first_save_starts_from_the_beginning(command: Command, run: Path) -> None:
    shutil.rmtree(run / CHECKPOINTS)
    (run / "spec.toml").unlink()
    ended = resume(command)
    assert ended.code == 0
    assert "was stopped before its first checkpoint; it starts from the beginning" in ended.err
    assert (run / "spec.toml").is_file()


@pytest.mark.parametrize("leftover", [(), (".lock", ".environment.json.4242.tmp")], ids=["nothing", "half a file"])
def test_one_killed_before_it_was_a_run_is_simply_begun(leftover: tuple[str, ...], command: Command) -> None:
    Path("run").mkdir()
    for name in leftover:
        Path("run", name).write_text("half")
    assert train(command, "--epochs", "1").code == 0
    assert not list(Path("run").glob("*.tmp"))


def test_a_folder_that_is_no_run(command: Command) -> None:
    Path("run").mkdir()
    ended = resume(command)
    assert (ended.code, "error[no-run]: run holds no run to resume" in ended.err) == (1, True)


def zero(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("damage", [zero, flip, cut, Path.unlink])
def test_a_damaged_checkpoint_gives_way_and_that_is_said(damage: Any, suffix: str, command: Command, run: Path) -> None:
    step = int(newest(run).name.removeprefix("step-"))
    checkpoint.save(run / CHECKPOINTS, step + 1, state_of(run))
    damage(newest(run).with_suffix(suffix))
    ended = resume(command)
    assert ended.code == 0
    said = "was cut short" if damage is Path.unlink and suffix == ".json" else "is damaged"
    assert f"of step {step + 1} {said}" in ended.err


def test_where_all_are_damaged_nothing_starts_over(command: Command, run: Path) -> None:
    for path in (run / CHECKPOINTS).glob("*.safetensors"):
        zero(path)
    ended = resume(command)
    assert ended.code == 1
    assert "every checkpoint in run/checkpoints is damaged; train into another folder" in ended.err


class Payload:
    """What a stranger's pickle runs when it is opened."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("pwned"),)


@pytest.mark.parametrize("place", ["checkpoints", "weights"])
def test_a_stranger_s_pickle_is_refused_and_runs_nothing(place: str, command: Command, run: Path) -> None:
    targets = (run / CHECKPOINTS).iterdir() if place == "checkpoints" else run.glob("*.safetensors")
    for path in list(targets):
        if place == "checkpoints":
            path.write_bytes(pickle.dumps(Payload()))
        else:
            torch.save(Payload(), path)
    ended = resume(command) if place == "checkpoints" else command("evaluate", run)
    assert (ended.code, "error[checkpoint-damaged]" in ended.err) == (1, True)
    assert not Path("pwned").exists()


def forge(run: Path, body: Any, content: bytes) -> None:
    """A checkpoint whose hashes are right, whatever it says: a stranger can compute them too."""
    text = body if isinstance(body, str) else json.dumps(body)
    sealed = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "body": text}
    for path in (run / CHECKPOINTS).iterdir():
        path.unlink()
    (run / CHECKPOINTS / "step-0000000001.json").write_text(json.dumps(sealed))
    (run / CHECKPOINTS / "step-0000000001.safetensors").write_bytes(content)


EMPTY = tensors_to_bytes({})
SHA = hashlib.sha256(EMPTY).hexdigest()
FORGED: dict[str, Any] = {
    "a list": [],
    "no state": {"step": 1, "sha256": SHA},
    "a state that is a number": {"step": 1, "sha256": SHA, "state": 3},
    "a state of nothing": {"step": 1, "sha256": SHA, "state": {"$": "dict", "items": []}},
    "a tensor that is not there": {"step": 1, "sha256": SHA, "state": {"$": "tensor", "name": "a"}},
    "a dict with unhashable keys": {"step": 1, "sha256": SHA, "state": {"$": "dict", "items": [[[], 1]]}},
    "very deep": "[" * 100_000,
    "an unknown kind": {"step": 1, "sha256": SHA, "state": {"$": "eval", "items": "1"}},
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_one_with_right_hashes_is_refused(name: str, command: Command, run: Path) -> None:
    forge(run, FORGED[name], EMPTY)
    ended = resume(command)
    assert ended.code == 1
    assert "error[checkpoint-damaged]" in ended.err


@pytest.mark.parametrize(
    "section", ["module", "optimizer", "schedule", "metrics", "random", "best", "progress", "history", "run"]
)
@pytest.mark.parametrize("value", [3, "none"])
def test_a_state_of_which_a_part_is_wrong(section: str, value: Any, command: Command, run: Path) -> None:
    state = state_of(run)
    state[section] = value
    if value == "none":
        del state[section]
    shutil.rmtree(run / CHECKPOINTS)
    checkpoint.save(run / CHECKPOINTS, 7, state)
    ended = resume(command)
    assert (ended.code, "error[checkpoint-damaged]: the checkpoint is not one" in ended.err) == (1, True), ended.err


def test_weights_of_another_network_are_listed(command: Command, run: Path) -> None:
    state = state_of(run)
    state["module"] = {"fc.weight": torch.zeros(9, 64), "other": torch.zeros(1)}
    checkpoint.save(run / CHECKPOINTS, state["progress"]["step"], state)
    ended = resume(command)
    assert ended.code == 1
    assert "error[checkpoint-mismatch]: the weights are another network's" in ended.err
    assert "note: norm.weight is missing" in ended.err
    assert "note: other is not in the network" in ended.err
    assert "note: fc.weight is (9, 64), the network has (8, 64)" in ended.err


def test_a_half_of_a_checkpoint_is_ignored_and_said(command: Command, run: Path) -> None:
    shutil.copy(newest(run).with_suffix(".safetensors"), run / CHECKPOINTS / "step-0000000999.safetensors")
    shutil.copy(newest(run).with_suffix(".json"), run / CHECKPOINTS / "step-0000000500.json")
    ended = resume(command)
    assert ended.code == 0
    assert "the save of step 999 was cut short" in ended.err
    assert "the checkpoint of step 500 is damaged" in ended.err
    assert len(list((run / CHECKPOINTS).iterdir())) == 4


def test_only_our_own_leftovers_go(command: Command, run: Path) -> None:
    ours, theirs = run / CHECKPOINTS / ".step-0000000007.json.4242.tmp", run / CHECKPOINTS / ".notes.tmp"
    for path in (ours, theirs):
        path.write_text("half")
    assert resume(command).code == 0
    assert (ours.exists(), theirs.exists()) == (False, True)


@pytest.mark.parametrize("years", [-10, 10])
def test_the_order_is_by_step_whatever_the_clock_says(years: int, run: Path) -> None:
    step = int(newest(run).name.removeprefix("step-"))
    checkpoint.save(run / CHECKPOINTS, step + 1, {**state_of(run), "mark": "newest"})
    then = time.time() + years * 365 * 86400
    for path in (run / CHECKPOINTS).glob(f"step-{step + 1:010d}*"):
        os.utime(path, (then, then))
    assert state_of(run)["mark"] == "newest"


@pytest.mark.parametrize("step", [2**31 - 1, 2**31, 10**12])
def test_very_many_steps(step: int, tmp_path: Path) -> None:
    for each in (step, step + 1):
        checkpoint.save(tmp_path, each, {"at": each})
    assert checkpoint.load(tmp_path) == {"at": step + 1}
    assert len(list(tmp_path.iterdir())) == 4


def test_checkpoints_may_lie_elsewhere(command: Command, run: Path) -> None:
    shutil.move(run / CHECKPOINTS, "elsewhere")
    (run / CHECKPOINTS).symlink_to(Path("elsewhere").absolute())
    Path("elsewhere/notes.txt").write_text("mine")
    ended = resume(command)
    assert ended.code == 0
    assert "warning[outside]: run/checkpoints is a symbolic link: saved in " in ended.err
    assert (run / CHECKPOINTS).is_symlink()
    assert Path("elsewhere/notes.txt").read_text() == "mine"
    assert len(list(Path("elsewhere").iterdir())) == 5


def test_a_folder_with_a_file_of_our_name_is_not_touched(command: Command) -> None:
    Path("run").mkdir()
    Path("run/best.safetensors").write_text("somebody's")
    ended = train(command)
    assert (ended.code, "error[exists]: run holds other files" in ended.err) == (1, True)
    assert [path.name for path in Path("run").iterdir()] == ["best.safetensors"]
