"""Layers of the user's own: ``--import FILE.py`` from the command line, never from a spec."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "specs" / "README.md"
#: The example of the language's reference, and a spec that uses it.
LAYERS = next(
    code for code in re.findall(r"^```python\n(.*?)^```", README.read_text(), re.S | re.M) if "class Gate" in code
)
SPEC = """
graphspec = 1
[inputs]
x = ["N", 6]
[layers]
fc = { type = "Linear", out_features = 5 }
gate = { type = "Gate", bias = 1.0 }
[export]
formats = ["onnx", "torchscript", "pt2"]
"""


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    path = tmp_path_factory.mktemp("layers") / "my_layers.py"
    path.write_text(LAYERS)
    return path


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "gated.toml"
    path.write_text(SPEC)
    return path


def run(*arguments, cwd):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "graphspec", *map(str, arguments)], capture_output=True, text=True, cwd=cwd
    )


def test_without_it_the_layer_is_unknown(spec, tmp_path):
    done = run("compile", spec, cwd=tmp_path)
    assert done.returncode == 1
    assert 'no layer type "Gate"' in done.stderr


def test_it_is_a_layer_like_others(command, spec, layers):
    document = command("compile", spec, "--import", layers, "--json").document
    gate = next(layer for layer in document["layers"] if layer["name"] == "gate")
    assert (gate["type"], gate["outputs"], gate["parameters"]) == ("Gate", ["N × 5"], 30)


def test_its_arguments_are_checked(command, spec, layers):
    wrong = command("compile", spec, "--import", layers, "--set", "layers.gate.bias='high'")
    assert wrong.code == 1
    assert '"bias" is "high", not a number' in wrong.err
    unknown = command("compile", spec, "--import", layers, "--set", "layers.gate.bia=1.0")
    assert 'Gate has no argument "bia"; did you mean "bias"?' in unknown.err
    inferred = command("compile", spec, "--import", layers, "--set", "layers.gate.num_features=7")
    assert "num_features is 7, but the input gives 5" in inferred.err


def test_ops_and_schema_show_it(command, layers):
    shown = command("ops", "Gate", "--import", layers, "--json").document
    assert shown["summary"] == "A learned gate on each feature."
    assert shown["arguments"]["num_features"]["inferred"]
    assert shown["arguments"]["bias"]["default"] == 0.0
    text = command("schema", "--import", layers).out
    cases = json.loads(text)["definitions"]["layer"]["else"]["allOf"]
    gate = next(case["then"] for case in cases if case["if"].get("properties", {}).get("type") == {"const": "Gate"})
    assert gate["properties"]["bias"]["default"] == 0.0
    assert gate["required"] == []


@pytest.mark.slow
def test_it_exports_and_verifies(spec, layers, tmp_path):
    """Through the command as a user runs it; the published files need neither graphspec nor the layer's file."""
    done = run("export", spec, "--import", layers, "-o", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verification"]["passed"]
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"model.onnx", "model.pt", "model.pt2"}
    load = (
        "import sys, torch; print(*torch.jit.load('out/model.pt')(torch.ones(2, 6)).shape, 'graphspec' in sys.modules)"
    )
    alone = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, cwd=tmp_path)
    assert alone.stdout.split() == ["2", "5", "False"]
    again = run("verify", "out", "--import", layers, cwd=tmp_path)
    assert again.returncode == 0, again.stderr


def test_a_spec_cannot_import(command, spec):
    spec.write_text('import = "my_layers.py"\n' + SPEC)
    ended = command("compile", spec)
    assert ended.code == 1
    assert 'unknown key "import"' in ended.err


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("import graphspec\n\nraise ValueError('no luck')\n", "--import: ValueError: no luck", "wrong.py:3:1"),
        ("def broken(:\n    pass\n", "--import: SyntaxError: invalid syntax", "wrong.py:1:12"),
        ("import sys\nsys.exit(0)\n", "--import: SystemExit: 0", "wrong.py:2:1"),
        ("import no_such_package\n", "No module named 'no_such_package'", "wrong.py:1:1"),
        (
            "import graphspec\nfrom torch import nn\n\n@graphspec.layer\nclass Linear(nn.Module):\n    pass\n",
            "Linear is torch's name; call the class something else",
            "wrong.py:4:1",
        ),
        (
            "import graphspec\n\n@graphspec.layer\nclass Plain:\n    pass\n",
            "a layer is a class of nn.Module",
            "wrong.py:3:1",
        ),
        (
            "import graphspec\nfrom torch import nn\n\n@graphspec.layer\nclass Gate(nn.Module):\n    pass\n",
            "Gate is a layer of graphspec_import_my_layers already",
            "wrong.py:4:1",
        ),
    ],
)  # fmt: skip
def test_a_file_that_fails(command, spec, layers, tmp_path, text, message, place):
    (tmp_path / "wrong.py").write_text(text)
    ended = command("compile", spec, "--import", layers, "--import", "wrong.py")
    assert ended.code == 1
    assert message in ended.err
    assert ended.err.startswith(f"{place}: error[bad-import]")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/such.py", 'error[no-such-file]: --import: no file "no/such.py"'),
        ("layers.txt", 'error[wrong-extension]: --import takes a Python file, not "layers.txt"'),
        (".", 'error[wrong-extension]: --import takes a Python file, not "."'),
    ],
)
def test_no_file(command, spec, name, message):
    ended = command("compile", spec, "--import", name)
    assert ended.code == 1
    assert ended.err.startswith(message)


@pytest.mark.slow
def test_an_installed_package_offers_layers(spec, tmp_path):
    """A real distribution with an entry point, on the path of a fresh process."""
    site = tmp_path / "site"
    info = site / "gates-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "gates.py").write_text(LAYERS.replace("@graphspec.layer\n", "").replace("import graphspec\n", ""))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gates\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[graphspec.layers]\nGate = gates:Gate\nBroken = gates:Missing\n")
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from graphspec.cli import main; main()"
    command = [sys.executable, "-c", script, str(site)]
    done = subprocess.run([*command, "compile", str(spec)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Gate" in done.stdout
    spec.write_text(SPEC.replace('"Gate", bias = 1.0', '"Broken"'))
    broken = subprocess.run([*command, "compile", str(spec)], capture_output=True, text=True, cwd=tmp_path)
    assert broken.returncode == 1
    assert 'error[bad-import]: the layer "Broken" of the package "gates": AttributeError' in broken.stderr
    assert "Traceback" not in broken.stderr


def test_it_is_written_into_the_python_file(command, spec, layers, tmp_path):
    """Under its own name, also where the network is called the same."""
    spec.rename(tmp_path / "gate.toml")
    command("compile", "gate.toml", "--import", layers, "--emit", "python", "-o", "network.py")
    use = "import network, torch; m = network.Gate2(); print(*m(torch.ones(2, 6)).shape, *m.state_dict())"
    done = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["2", "5", "fc.weight", "fc.bias", "gate.linear.weight", "gate.linear.bias"], (
        done.stderr
    )


DATASET = next(
    code for code in re.findall(r"^```python\n(.*?)^```", README.read_text(), re.S | re.M) if "class Waves" in code
)
WAVES = """
graphspec = 1
[inputs]
x = ["N", 6]
[layers]
fc = { type = "Linear", out_features = 2 }
[data]
dataset = { type = "Waves", points = 6 }
[train]
epochs = 1
"""


def test_a_data_set_of_the_users_own(command, tmp_path):
    """Trained on, evaluated again, shown and in the schema; without --import it is unknown."""
    (tmp_path / "my_data.py").write_text(DATASET)
    (tmp_path / "waves.toml").write_text(WAVES)
    unknown = command("train", "waves.toml")
    assert unknown.code == 1
    assert 'unknown data set "Waves"' in unknown.err
    trained = command("train", "waves.toml", "--import", "my_data.py", "--json", "--run", "run").document
    assert set(trained["evaluation"]["parts"]) == {"train", "validation", "test"}
    assert command("evaluate", "run", "--import", "my_data.py").code == 0
    shown = command("data", "waves.toml", "--import", "my_data.py", "--json").document
    assert (shown["parts"]["train"]["samples"], shown["test"]) == (36, "sealed")
    wrong = command("data", "waves.toml", "--import", "my_data.py", "--set", "data.dataset.points='six'")
    assert "Waves: points must be a number, not 'six'" in wrong.err
    schema = json.loads(command("schema", "--import", "my_data.py").out)["definitions"]["dataset"]
    assert "Sines of two frequencies." in json.dumps(schema)
    assert '"points"' in json.dumps(schema)
    assert '"split"' not in json.dumps(
        [case for case in schema["else"]["allOf"] if "Waves" in json.dumps(case.get("if"))]
    )
