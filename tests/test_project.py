"""What holds for the whole project: cheap imports, no code run from text, every public name documented."""

import ast
import graphlib
import inspect
import subprocess
import sys
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

import graphspec
from graphspec.formats import FORMATS

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "graphspec").rglob("*.py"))

HEAVY = {"torch", "torchvision", "onnx", "onnxruntime", "sklearn", "matplotlib", "networkx"}
#: Builtins and modules that turn text or bytes into running code.
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "breakpoint"}
#: What runs the program that it loads.
RUNS_FILES = {"torch.jit.load", "torch.export.load", "aoti_load_package", "torch._inductor.aoti_load_package"}
#: Where it is right. Public names come from the package's own table, as do the runtimes that a worker loads; they run
#: what was exported, in a process of its own; the names in each ``getattr`` are those of a fixed table or a dataclass.
ALLOWED = {
    ("graphspec/__init__.py", "importlib.import_module"),
    ("graphspec/system/shown.py", "importlib.import_module"),  # a room of its own, by name
    ("graphspec/formats.py", "importlib.import_module"),  # of a row of its own table
    ("graphspec/verifying/variants/variants.py", "importlib.import_module"),  # of a row of that table
    ("graphspec/verifying/runtimes/runtime.py", "importlib.import_module"),  # of a row of its own table
    ("graphspec/verifying/runtimes/worker.py", "importlib.import_module"),
    ("graphspec/verifying/runtimes/torchscript.py", "torch.jit.load"),
    ("graphspec/verifying/runtimes/pt2.py", "torch.export.load"),
    ("graphspec/verifying/runtimes/pt2_program.py", "torch.export.load"),
    ("graphspec/verifying/runtimes/aoti.py", "aoti_load_package"),
    *(
        (f"graphspec/{name}.py", "getattr by text")
        for name in (
            "schema/component_schemas", "ops/table", "shapes/inputs", "graph/expand", "training/run/report",
            "losses", "data/augment/__init__", "data/transforms/base", "data/sources/torchvision_sets",
            "exporting/onnx/translations/pools", "importing/pt2/functions",
        )
    ),
}  # fmt: skip
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "runpy", "code", "joblib"}


@pytest.mark.parametrize(
    "code",
    [
        "import graphspec",
        "import graphspec.spec",
        "import graphspec.diagnostics",
        "import sys; sys.argv = ['graphspec', '--help']; import graphspec.cli; run = graphspec.cli.main",
        "import sys; sys.argv = ['graphspec', 'compile', '--help']; import graphspec.cli; run = graphspec.cli.main",
    ],
)
def test_starting_imports_nothing_heavy(code):
    """torch alone costs over two seconds; the specs' models half of what asking for help takes."""
    heavy = HEAVY | {"graphspec.spec.model"} if "--help" in code else HEAVY
    script = f"""{code}
try:
    globals().get("run", lambda: None)()
except SystemExit as end:
    assert not end.code, end.code
import sys
print("loaded:", *sorted({heavy!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]


@pytest.mark.parametrize("name", graphspec.__all__)
def test_every_public_name_is_documented(name):
    documented = getattr(graphspec, name)
    assert inspect.getdoc(documented), f"graphspec.{name} has no docstring"


def test_every_module_says_what_it_holds():
    bare = [path.relative_to(ROOT) for path in SOURCES if path.stat().st_size and not ast.get_docstring(tree(path))]
    assert not bare


def test_every_public_function_and_class_says_what_it_does():
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and "overload" not in map(ast.unparse, node.decorator_list)
        and not ast.get_docstring(node)
    ]
    assert not bare


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_runs_text_or_unpickles(path):
    """A spec is a stranger's: nothing in the package may turn text into code (the list of what that takes is above)."""
    name = str(path.relative_to(ROOT))
    found = {(name, what) for node in ast.walk(tree(path)) if (what := unsafe(node))}
    assert not found - ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "exec(text)",
        "compile(text, '', 'exec')",
        "__import__(name)",
        "pickle.loads(data)",
        "import pickle as p",
        "from pickle import loads",
        "from yaml import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
        "importlib.import_module(name)",
        "torch.jit.load(path)",
        "torch.export.load(path)",
        "aoti_load_package(path)",
        "getattr(torch, name)",
        "getattr(torch, f'{name}')",
    ],
)
def test_the_guard_sees(code):
    assert any(unsafe(node) for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "re.compile(pattern)",
        "module.eval()",
        "torch.load(path, weights_only=True)",
        "np.load(path)",
        "pickle.UnpicklingError",
        "getattr(module, 'weight', None)",
    ],
)
def test_the_guard_allows(code):
    assert not any(unsafe(node) for node in ast.walk(ast.parse(code)))


#: Where a file is read as it is: of graphspec's own package or this very process, or the user's own.
READING = (
    "cli/import_", "ops/imports", "templates/", "system/free_memory", "system/shared_library",
    "exporting/bundle/files/check",  # stands alone in an export
    "verifying/runtimes/",  # what the worker has written, and its own programs
)  # fmt: skip


def test_files_that_came_along_are_read_by_what_looks_at_them_first():
    """`system/regular_file` refuses links, devices and what is too large."""
    reading = {
        str(path.relative_to(ROOT / "graphspec"))
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("read_text", "read_bytes")
    }
    assert not [name for name in reading if not name.startswith(READING)]


def test_no_path_of_one_machine():
    text = "".join(path.read_text() for path in SOURCES)
    assert not [folder for folder in ("/work/", "/home/", "/root/") if folder in text]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def unsafe(node: ast.AST) -> str | None:
    """What is unsafe about one node of a syntax tree, or None."""
    if isinstance(node, ast.Import):
        return next((alias.name for alias in node.names if _is_unsafe(alias)), None)
    if isinstance(node, ast.ImportFrom):
        return node.module if node.module and node.module.split(".")[0] in UNSAFE_MODULES else None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pickle":
        return None if node.attr.endswith("Error") else f"pickle.{node.attr}"
    if not isinstance(node, ast.Call):
        return None
    name = ast.unparse(node.func)
    options = {keyword.arg: keyword.value for keyword in node.keywords}
    constants = {key: value.value for key, value in options.items() if isinstance(value, ast.Constant)}
    if name in RUNS_TEXT or name in ("os.system", "os.popen") or name.endswith("import_module"):
        return name
    if name in RUNS_FILES:
        return name
    if name == "getattr" and not isinstance(node.args[1], ast.Constant):
        return "getattr by text"
    if name == "torch.load" and constants.get("weights_only") is not True:
        return "torch.load without weights_only=True"
    if constants.get("allow_pickle") or constants.get("shell"):
        return f"{name} with {'allow_pickle' if 'allow_pickle' in constants else 'shell'}"
    return None


def _is_unsafe(alias: ast.alias) -> bool:
    """Whether an import is of a module that runs bytes; pickle may be imported for the errors that torch raises."""
    return alias.name.split(".")[0] in UNSAFE_MODULES and (alias.name != "pickle" or alias.asname is not None)


@pytest.mark.parametrize("types", [False, True], ids=["at run time", "for types too"])
def test_no_modules_import_each_other_in_a_circle(types):
    """Imports inside functions count."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES
    }
    graph = {name: set(imported(tree(path), modules, types)) - {name} for name, path in modules.items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names them


def test_a_network_goes_about_as_one_value():
    """A module beside the graph that it was made of is a `Network`."""
    pairs = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and {"module", "shaped"} <= parameters(node)
    ]
    assert not pairs


def parameters(function: ast.FunctionDef) -> set[str]:
    found = function.args
    return {each.arg for each in (*found.posonlyargs, *found.args, *found.kwonlyargs)}


def test_the_pipeline_only_hands_on():
    text = (ROOT / "graphspec/pipeline.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.For | ast.While | ast.Try)]


#: Who names a format: its row, and the row of the runtime that judges it; and ``pipeline.onnx``, which is all of a task
#: and not the network alone, has an entry of its own in the manifest and a judge of its own.
NAMING_FORMATS = {
    "formats": {*FORMATS} - {"onnx"},
    "verifying/runtimes/runtime": {*FORMATS} - {"onnx", "pipeline"},
    "exporting/bundle/bundle": {"pipeline"},
    "exporting/bundle/pipeline_readme": {"pipeline"},
    "exporting/preprocessing/preprocessing": {"pipeline"},
    "verifying/pipeline_file": {"pipeline"},
    "reporting/live": {"pipeline"},
    "verifying/verify": {"pipeline"},
    "exporting/executorch": {"executorch"},  # the package
    "exporting/litert": {"litert"},
}


def test_a_format_is_named_in_its_row_and_where_it_is_judged():
    """What else is asked of a format is a column of its row; "onnx" is the name of a package, too."""
    names = FORMATS.keys() - {"onnx"}
    naming = {
        str(path.relative_to(ROOT / "graphspec").with_suffix("")): found
        for path in SOURCES
        if (found := names & {node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant)})
    }
    assert naming == NAMING_FORMATS


def imported(module: ast.Module, known: Container[str], with_types: bool = False) -> Iterator[str]:
    """The modules among `known` that a module imports."""
    types = (
        set()
        if with_types
        else {
            id(inner)
            for node in ast.walk(module)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
    )
    for node in ast.walk(module):
        if id(node) in types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in known or node.module in known:
                    yield full if full in known else node.module
