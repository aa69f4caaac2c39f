"""How every command ends: its exit code, what goes to stdout and what to stderr."""

import subprocess
import sys

import pytest

GOOD = """
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
"""
BAD = GOOD.replace("out_features", "out_feature")
ESCAPES = GOOD.replace('x = ["N", 4]', '"\\u001b[31mx" = ["N", 4]')


@pytest.fixture
def spec(tmp_path):
    def write(text=GOOD, name="tiny.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_done_is_0_with_the_result_on_stdout(command, spec):
    ended = command("compile", spec())
    assert ended.code == 0
    assert "N × 3" in ended.out
    assert ended.err == ""


def test_a_wrong_spec_is_1_with_file_line_and_column_on_stderr(command, spec):
    ended = command("compile", spec(BAD).name)
    assert (ended.code, ended.out) == (1, "")
    first, line, caret = ended.err.splitlines()[:3]
    assert first.startswith('tiny.toml:6:25: error[unknown-argument]: layer "fc": Linear has no argument "out_feature"')
    assert 'did you mean "out_features"?' in first
    assert line.strip() == 'fc = { type = "Linear", out_feature = 3 }'
    assert line[caret.index("^") : caret.rindex("^") + 1] == "out_feature"


def test_no_traceback_for_a_mistake(command, spec):
    assert "Traceback" not in command("compile", spec(BAD)).err + command("compile", "no/such.toml").err


@pytest.mark.parametrize(
    "arguments", [(), ("compile",), ("compile", "a", "b"), ("compil", "a"), ("compile", "--emt=spec", "a")]
)
def test_wrong_usage_is_2(command, arguments):
    ended = command(*arguments)
    assert ended.code == 2
    assert "Usage: " in ended.out + ended.err


def test_our_own_fault_shows_its_traceback():
    """Only a user's mistake is put in words; a bug must stay visible. The fault is injected under the command."""
    script = """
import sys
from graphspec import cli, compiler
compiler.load = None
sys.argv = ["graphspec", "compile", "x.toml"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "TypeError" in done.stderr


#: A command in a process that may have 100 MB more than torch takes; the layer has 256 MB.
TIGHT = """
import resource, sys
import torch
from graphspec import pipeline
from graphspec.cli.app import app
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20, resource.RLIM_INFINITY))
app(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="where memory can be limited for one process")
@pytest.mark.parametrize("arguments", [("compile", "wide.toml"), ("export", "wide.toml", "-o", "out")])
def test_too_little_memory_is_said_and_nothing_is_left(spec, tmp_path, arguments):
    spec(GOOD.replace("= 3", "= 16_000_000"), "wide.toml")
    done = subprocess.run([sys.executable, "-c", TIGHT, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "error[out-of-memory]: memory is too small for this command; fewer samples at once" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["wide.toml"]


class TestJson:
    def test_is_one_document(self, command, spec):
        document = command("compile", "--json", spec()).document
        assert document["ok"] is True
        assert document["diagnostics"] == []
        assert document["layers"][0] | {"flops": None} == {
            "name": "fc",
            "type": "Linear",
            "outputs": ["N × 3"],
            "parameters": 15,
            "flops": None,
        }

    def test_of_an_error_has_the_same_as_the_text(self, command, spec):
        ended = command("compile", "--json", spec(BAD).name)
        (fault,) = ended.document["diagnostics"]
        assert ended.code == 1
        assert ended.document["ok"] is False
        assert (fault["code"], fault["file"], fault["line"], fault["column"]) == (
            "unknown-argument",
            "tiny.toml",
            6,
            25,
        )
        assert "error[unknown-argument]" in ended.err


def test_quiet_leaves_the_exit_code_and_errors(command, spec):
    assert command("compile", "--quiet", spec()) == command("compile", "-q", spec())
    assert command("compile", "--quiet", spec()).out == ""
    assert "unknown-argument" in command("compile", "--quiet", spec(BAD)).err


def test_a_spec_comes_from_stdin(command):
    assert command("compile", "-", stdin=GOOD).code == 0
    assert command("compile", "-", stdin=BAD).err.startswith("<stdin>:6:")


def test_a_spec_cannot_drive_the_terminal(command, spec):
    ended = command("compile", spec(ESCAPES))
    assert ended.code == 1
    assert "\x1b" not in ended.err


def test_a_name_is_never_taken_for_the_text_of_a_spec(command):
    assert "no-such-file" in command("compile", "a{b}.toml").err


@pytest.mark.slow
def test_a_closed_pipe_ends_in_silence(spec):
    process = subprocess.Popen(
        [sys.executable, "-m", "graphspec", "compile", str(spec())], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


LONG = "a" * 5000

#: A line of the shell, its exit code, and what stands on stderr (or nothing).
STARTS = [
    ("compile base.toml >&-", 0, ""),
    ("compile - <&-", 1, "error[unreadable]: standard input is closed"),
    (
        "compile base.toml >/dev/full",
        1,
        "error[unwritable]: standard output cannot be written: No space left on device",
    ),
    ("compile --json base.toml >/dev/full", 1, "error[unwritable]: standard output cannot be written"),
    ("compile none.toml 2>/dev/full", 1, ""),
    ("compile base.toml <&- >&- 2>&-", 0, ""),
    ("--version >/dev/full", 1, "standard output cannot be written: No space left on device"),
    ("compile --help >/dev/full", 1, "standard output cannot be written: No space left on device"),
    (f"compile {LONG}.toml", 1, "File name too long"),
    (f"evaluate {LONG}", 1, "error["),
    (f"export base.toml -o {LONG}", 1, "File name too long"),
]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
@pytest.mark.parametrize(("line", "code", "says"), STARTS, ids=[line[:30] for line, _, _ in STARTS])
def test_whatever_a_command_is_started_with_it_ends_with_one_error_or_serves(spec, tmp_path, line, code, says):
    spec(GOOD, "base.toml")
    done = subprocess.run(["bash", "-c", f"{sys.executable} -m graphspec {line}"], capture_output=True, cwd=tmp_path)
    said = done.stderr.decode()
    assert done.returncode == code
    assert "Traceback" not in said
    assert says in said
    assert len([line for line in said.splitlines() if "warning[untrained]" not in line]) <= 1
    assert [path.name for path in tmp_path.iterdir()] == ["base.toml"]


@pytest.mark.skipif(sys.platform != "linux", reason="a folder that is open can be deleted")
def test_where_the_working_directory_is_gone_that_is_said(tmp_path):
    (tmp_path / "gone").mkdir()
    shell = f"cd gone && rmdir ../gone && {sys.executable} -m graphspec compile {tmp_path}/base.toml"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error[no-such-file]: the working directory cannot be used")


def test_with_hardly_a_file_to_open_that_is_said(spec, tmp_path):
    spec(GOOD, "base.toml")
    shell = f"ulimit -n 8; {sys.executable} -m graphspec compile base.toml"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error[unreadable]: this process may open only 8 files at once; ulimit -n 1024")
