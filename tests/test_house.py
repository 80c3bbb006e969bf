"""The rules of the house: who may import whom, how long things may be, and that importing does nothing.

    tests -> tools -> pain -> layers -> caffe        a command is imported by nothing; engine/ knows nothing of all this

Within pain a module imports from its own room, the folder it stands in, and from the rooms of lower floors.
"""
import ast
import os
import subprocess
import sys

from support.project import ROOT

FLOORS = [  # of pain, from the ground up; what stands in a set are rooms side by side, which do not know each other
    {"command command_line ending_with_parent errors files folders images leases locks notice people_tables plots "
     "processes progress project tables temporary variants video_names"},
    {"documents models nets pieces prototxts provenance weights"},
    {"datasets"},
    {"faces"},
    {"evaluation"},
    {"training", "export", "downloads", "baselines", "labels"},
    {"video", "paper"},
    {"report", "study", "own_data"},
    {"page"},
]
FLOOR_AND_ROOM = {name: (number, room) for number, floor in enumerate(FLOORS)
                  for room in floor for name in room.split()}
MOST_OF_A_FUNCTION, MOST_OF_A_FILE = 60, 400  # lines

COMMANDS = sorted((ROOT / "tools").glob("*.py"))
PAIN = sorted((ROOT / "tools" / "pain").rglob("*.py"))
PYTHON = [path for folder in ("tools", "layers", "tests", "engine") for path in sorted((ROOT / folder).rglob("*.py"))]
TEXTS = PYTHON + [path for folder in ("tools", "tests", "prototxt", "engine") for kind in ("js", "css", "html", "sh")
                  for path in sorted((ROOT / folder).rglob("*." + kind))]


def name_of(path):
    """What a module of the project is imported as."""
    parts = path.relative_to(ROOT / "tools" if ROOT / "tools" in path.parents else ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path, everywhere=True):
    """The modules that a file imports, within functions, too, if `everywhere`: a set of dotted names.

    Of `from a import b` both a and a.b, for b may be a module.
    """
    tree, found = ast.parse(path.read_text(encoding="utf-8")), set()
    nodes = ast.walk(tree) if everywhere else at_once(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "%s: line %d: a relative import; say pain.…" % (path, node.lineno)
            found.update([node.module, *("%s.%s" % (node.module, alias.name) for alias in node.names)])
    return found


def at_once(node):
    """The nodes that run when a module is imported: all but the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from at_once(child)


def roots(names):
    """The packages that dotted names begin with."""
    return {name.split(".")[0] for name in names}


def test_nothing_but_a_test_imports_a_command():
    commands = {path.stem for path in COMMANDS}
    for path in PYTHON:
        if ROOT / "tests" not in path.parents:
            assert not commands & roots(imports(path)), path


def test_a_command_imports_within_starting():
    """And all that it needs for that is small: whoever types Ctrl-C before sees a traceback."""
    for path in COMMANDS:
        first, *others = [node for node in ast.parse(path.read_text(encoding="utf-8")).body
                          if isinstance(node, (ast.Import, ast.ImportFrom, ast.With))]
        assert first.module == "pain.command", path
        assert [type(node) for node in others] == [ast.With], path
    before = set.union(*(imports(ROOT / "tools" / "pain" / name, everywhere=False)
                         for name in ("__init__.py", "command.py", "errors.py")))
    assert roots(before) == {"_thread", "contextlib", "errno", "importlib", "os", "pain", "signal", "sys", "time"}


def test_packages_know_only_what_is_below_them():
    below = {"engine/caffe": set(), "engine/tests": set(), "layers": {"layers"}, "tools/pain": {"layers", "pain"},
             "tools": {"pain"}, "tests": {"layers", "pain", "support"}}
    ours = {"pain", "layers", "support", "tools"}
    for folder, allowed in below.items():
        files = COMMANDS if folder == "tools" else sorted((ROOT / folder).rglob("*.py"))
        assert files, folder
        for path in files:
            assert roots(imports(path)) & ours <= allowed, path


def pain_imports(path, everywhere=True):
    """The files of pain that a file imports."""
    modules = {name_of(other): other for other in PAIN}
    return {modules[name] for name in imports(path, everywhere) & set(modules) if name != "pain"} - {path}


def test_within_pain_imports_go_down():
    upwards = []
    for path in PAIN:
        if name_of(path) == "pain":
            continue
        here = FLOOR_AND_ROOM[name_of(path).split(".")[1]]
        for other in pain_imports(path):
            there = FLOOR_AND_ROOM[name_of(other).split(".")[1]]
            if there != here and there[0] >= here[0]:
                upwards.append("%s imports %s" % (name_of(path), name_of(other)))
    assert upwards == []


def test_no_circles():
    """Not within a room either; taking away whatever imports nothing that is left must take away everything."""
    left = {path: pain_imports(path) for path in PAIN}
    while True:
        leaves = {path for path, others in left.items() if not others & set(left)}
        if not leaves:
            break
        left = {path: others for path, others in left.items() if path not in leaves}
    assert sorted(map(name_of, left)) == []


def test_no_function_is_long():
    long = set()
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if node.end_lineno - node.lineno + 1 > MOST_OF_A_FUNCTION:
                    long.add("%s: %s" % (path.relative_to(ROOT), node.name))
    assert long == set()


def test_no_two_test_files_share_a_name():
    """pytest, which imports them by their names alone, takes only one of each."""
    names = [path.name for folder in ("tests", "engine/tests") for path in (ROOT / folder).rglob("test_*.py")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_no_file_is_long():
    long = {str(path.relative_to(ROOT)) for path in TEXTS
            if len(path.read_text(encoding="utf-8").splitlines()) > MOST_OF_A_FILE}
    assert long == set()


IMPORT_EACH = """
import importlib, logging, os, signal, sys, warnings

def state():
    return (dict(os.environ), os.getcwd(), list(sys.path), logging.getLogger().level,
            logging.getLogger("tensorflow").level, signal.getsignal(signal.SIGINT))

before = state()
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert state() == before, "importing %s changes the process" % name
    loaded = {"mtcnn", "tensorflow", "torch"} & set(sys.modules)
    print(name, *sorted(loaded))
"""


def import_each(names):
    """What of MTCNN, TensorFlow and PyTorch is loaded when a process has imported `names`: {name: set}."""
    done = subprocess.run([sys.executable, "-c", IMPORT_EACH, *names], capture_output=True, text=True,
                          env=dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT / "tools"), str(ROOT)])))
    assert done.returncode == 0, done.stderr
    return {name: set(loaded) for name, *loaded in map(str.split, done.stdout.splitlines())}


def needs_caffe(path, known):
    """Whether importing the file imports caffe, whose engine is PyTorch. known: {path: bool}, filled as it goes."""
    if path not in known:
        known[path] = False
        known[path] = "caffe" in roots(imports(path, everywhere=False)) or any(
            needs_caffe(other, known) for other in pain_imports(path, everywhere=False))
    return known[path]


def test_importing_changes_nothing():
    """And starts neither TensorFlow, nor PyTorch where caffe is not asked for: what is not loaded is not patched."""
    known = {}
    names = [name_of(path) for path in sorted(PAIN, key=lambda path: needs_caffe(path, known))]
    without = {name_of(path) for path in PAIN if not known[path]}
    loaded = import_each(names)
    assert set(loaded) == set(names) and len(without) > 40
    assert {name: found for name, found in loaded.items()
            if found - (set() if name in without else {"torch"})} == {}
