"""The command `caffe` beside genuine Caffe's: flags, statuses, test and time; and what is the engine's own."""
import math
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib
import torch
from hypothesis import given, settings, strategies

import caffe
import caffe_command
from caffe import command, imageset, log, memory
from caffe.flags import FLAGS
from command_runs import (  # noqa: F401
    ENGINE,
    LAYERS,
    PATIENCE,
    PREFIX,
    SOLVER,
    WHEN,
    both,
    folder,
    last_line,
    needs_genuine,
    needs_no_gpu,
    only_line,
    process,
    run,
    start,
    status_of,
)

# Flags and statuses.

STATUSES = [
    (), ("-version",), ("-help",), ("-helpshort",), ("train", "test"), ("--", "-version"), ("device_query",),
    ("nonsense",),
    ("train",), ("test",), ("time",), ("train", "-solver"), ("train", "-nonsense"), ("train", "---solver=x"),
    ("time", "-nomodel"), ("train", "-solver", "no"), ("train", "-solver", "text"),
    ("train", "-solver", "zeros.prototxt"), ("train", "-solver", "empty"), ("train", "-solver", ""),
    ("train", "-solver", "zeros_solver.prototxt", "-weights", "no"),
    ("train", "-solver", "zeros_solver.prototxt", "-weights", "text"),
    ("train", "-solver", "zeros_solver.prototxt", "-weights", "tiny.caffemodel,no"),
    ("train", "-solver", "zeros_solver.prototxt", "-snapshot", "no"),
    ("train", "-solver", "zeros_solver.prototxt", "-snapshot", "text"),
    ("train", "-solver", "zeros_solver.prototxt", "-snapshot", "tiny.caffemodel", "-weights", "tiny.caffemodel"),
    ("train", "-solver", "zeros_solver.prototxt", "-sigint_effect", "nonsense"),
    ("train", "-solver", "zeros_solver.prototxt", "-sighup_effect", "STOP"),
    ("train", "-iterations", "ten"), ("train", "-iterations", "1.5"), ("train", "-iterations", ""),
    ("train", "-iterations=99999999999"), ("train", "-level", "0y"),
    ("test", "-model", "zeros.prototxt"), ("test", "-weights", "tiny.caffemodel"),
    ("test", "-model", "zeros.prototxt", "-weights", "no"), ("test", "-model", "no", "-weights", "tiny.caffemodel"),
    ("time", "-model", "no"), ("time", "-model", "zeros_solver.prototxt"), ("time", "-model", "faulty.prototxt"),
    ("time", "-model", "zeros.prototxt", "-phase", "train"), ("time", "-model", "zeros.prototxt", "-gpu", "x"),
    ("time", "-model=zeros.prototxt", "-iterations", "1", "-stderrthreshold=0", "-v", "1", "-nocolorlogtostderr"),
    ("time", "-model=zeros.prototxt", "-iterations", "0x2"), ("-iterations", "1", "time", "--model", "zeros.prototxt"),
    ("time", "-model", "no", "-iterations", "1", "-model", "zeros.prototxt"),
    ("time", "-model", "zeros.prototxt", "-iterations", "1", "-phase", "TEST", "-stage", "a", "-level", "2"),
]


@needs_genuine
@pytest.mark.parametrize("args", STATUSES, ids=" ".join)
def test_status_as_genuine(args, run):
    ours, said = run(*args)
    assert ours == process("genuine", *args)[0]
    assert ours in (0, 1, 134)
    if ours and args[0] not in ("-help", "-helpshort"):
        only_line(said, "")


@pytest.mark.parametrize("args, pattern", [
    (["train", "-nonsense", "1"], "^ERROR: unknown command line flag 'nonsense'"),
    (["train", "-gpu"], "^ERROR: flag '-gpu' is missing its argument"),
    (["test", "-iterations", "ten"], "^ERROR: illegal value 'ten' specified for int32 flag 'iterations'"),
    (["test", "-level", "1_0"], "'1_0' specified for int32 flag 'level'"),
    (["test", "-bf16=perhaps"], "'perhaps' specified for bool flag 'bf16'"),
    (["brew"], "Unknown action: brew; there are train, test, time, device_query"),
    (["train"], "Need a solver definition to train"),
    (["train", "-solver", "no.prototxt"], "no.prototxt: No such file"),
    (["train", "-solver", "."], r"\.: Is a directory"),
    (["train", "-solver", "solver\0.prototxt"], "null|NUL|No such"),
    (["train", "-solver", "tiny.caffemodel"], "tiny.caffemodel: not a "),
    (["train", "-solver", "solver.prototxt", "-weights", "empty,no"], "no: No such file"),
    (["train", "-solver", "solver.prototxt", "-snapshot", "no"], "no: No such file"),
    (["train", "-solver", "solver.prototxt", "-snapshot", "tiny.caffemodel"], "tiny.caffemodel"),
    (["train", "-solver", "solver.prototxt", "-sigint_effect", "die"], "-sigint_effect takes stop, snapshot or none"),
    (["train", "-solver", "solver.prototxt", "-sighup_effect", ""], "-sighup_effect takes stop, snapshot or none"),
    (["test", "-model", "net.prototxt"], "Need model weights"),
    (["test", "-weights", "tiny.caffemodel"], "Need a model definition"),
    (["test", "-model", "net.prototxt", "-weights", "text"], "text: not a binary"),
    (["test", "-model", "net.prototxt", "-weights", "tiny.caffemodel", "-iterations", "0"], "-iterations must be 1"),
    (["time", "-model", "net.prototxt", "-iterations", "-1"], "-iterations must be 1 or more, not -1"),
    (["time", "-model", "net.prototxt", "-phase", "BOTH"], 'phase must be "TRAIN" or "TEST"'),
    (["time", "-model", "net.prototxt", "-gpu", "zero"], "-gpu takes"),
    (["time", "-model", "net.prototxt", "-gpu", "0,,1"], "-gpu takes"),
    pytest.param(["time", "-model", "net.prototxt", "-gpu", "0"], "no GPU", marks=needs_no_gpu),
    pytest.param(["train", "-solver", "solver.prototxt", "-gpu", "all"], "no GPU", marks=needs_no_gpu),
    pytest.param(["device_query", "-gpu", "0"], "no GPU", marks=needs_no_gpu),
])
def test_what_is_wrong_is_named_in_one_line(args, pattern, run):
    status, said = run(*args)
    assert status == (1 if pattern.startswith("^ERROR") or "flag" in pattern else 134)
    only_line(said, pattern)


@needs_no_gpu
def test_a_solver_for_the_gpu_is_refused_without_one(run):
    Path("solver.prototxt").write_text(SOLVER + "solver_mode: GPU")
    status, said = run("train", "-solver", "solver.prototxt")
    assert status == 134
    only_line(said, "no GPU.*solver_mode: CPU")


WORDS = ["train", "test", "time", "-solver", "-model", "-weights", "--snapshot", "-stage", "-level=3", "-iterations",
         "2", "-gpu", "-phase", "TEST", "-bf16", "-nodeterministic", "-sigint_effect", "--", "-", "net.prototxt",
         "solver.prototxt", "tiny.caffemodel", "faulty.prototxt", "text", "empty", "a,b", "-log_dir=.", "no"]


def test_any_line_ends_in_work_or_a_word(run):
    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(strategies.lists(strategies.sampled_from(WORDS) | strategies.text(max_size=4), max_size=8))
    def check(line):
        log._file = None
        status, said = run(*line)
        assert status in (0, 1, 134)
        if status and not {"-help", "-helpshort"} & set(line):
            only_line(said, "")
    check()


def test_help_names_every_flag(run):
    status, said = run()
    assert status == 0
    for name in ("train", "test", "time", "device_query", "-solver", "-weights", "-snapshot", "-gpu", "-iterations",
                 "-phase", "-stage", "-level", "-model", "-sigint_effect", "-sighup_effect", "-bf16", "-deterministic"):
        assert re.search(r"^  %s\b" % name, said, re.MULTILINE), name
    assert run("-help") == (1, said)


def test_a_python_layers_exception_is_told_with_its_place(run):
    status, said = run("time", "-model", "faulty.prototxt")
    assert status == 134
    only_line(said, r"ValueError: out of beans, in layer data \(Python\), forward of Faulty")
    assert re.search(r"^E\d{4} .*command_layers\.py:%d, in forward: raise ValueError"
                     % (LAYERS.split("raise ")[0].count("\n") + 1), said, re.MULTILINE)
    assert "caffe/layer" not in said


@pytest.mark.parametrize("error, pattern", [
    (MemoryError(), "out of memory: use a smaller batch_size"),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory:\n you tried"), "out of memory"),
    (OSError(28, "No space left on device", "tiny_iter_5.caffemodel"), "tiny_iter_5.caffemodel: No space left"),
    (RecursionError("too deep"), "RecursionError: too deep"),
])
def test_whatever_happens_is_one_line(error, pattern, run, monkeypatch):
    def fail(source):
        raise error
    monkeypatch.setattr("caffe.solvers.get_solver", fail)
    status, said = run("train", "-solver", "solver.prototxt")
    assert status == 134
    only_line(said, pattern)


# Test, time, device_query.

def numbers_apart(said, since):
    """The log's messages after `since`, with their places: each as its words, and its numbers."""
    lines = [WHEN.sub("", line) for line in said[said.index(since):].splitlines()]
    number = r"(?<![\w#])-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|nan|inf)\b"
    return [(re.sub(number, "N", line), [float(found) for found in re.findall(number, line)]) for line in lines]


@needs_genuine
def test_test_says_what_genuine_says(run):
    args = ("test", "-model", "net.prototxt", "-weights", "tiny.caffemodel", "-iterations", "3", "-stage", "b,a",
            "-level", "2")
    ours, theirs = run(*args), process("genuine", *args)
    assert ours[0] == theirs[0] == 0
    ours, theirs = (numbers_apart(said, "Running for") for _, said in (ours, theirs))
    assert [words for words, _ in ours] == [words for words, _ in theirs]
    for words in "caffe.cpp:N] deep = N", "caffe.cpp:N] loss = N (* N = N loss)":
        assert words in dict(ours)
    for (words, mine), (_, other) in zip(ours, theirs):
        assert mine == pytest.approx(other, rel=1e-4, abs=1e-6), words


@needs_genuine
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_time_says_what_genuine_says(phase, run):
    args = "time", "-model", "net.prototxt", "-iterations", "2", "-phase", phase, "-stage", "a", "-level=2"
    ours, theirs = run(*args), process("genuine", *args)
    assert ours[0] == theirs[0] == 0
    ours, theirs = (numbers_apart(said, "Initial loss") for _, said in (ours, theirs))
    assert [words for words, _ in ours] == [words for words, _ in theirs]
    assert ours[0][1] == pytest.approx(theirs[0][1])


def test_times_add_up(run):
    found = dict((words.replace("caffe.cpp:N] ", ""), numbers[1:]) for words, numbers in numbers_apart(
        run("time", "-model", "slow.prototxt", "-iterations", "3")[1], "Initial loss"))
    layers = [numbers[0] for words, numbers in found.items() if words.endswith("forward: N ms.")]
    assert found["      data\tforward: N ms."][0] >= 30
    assert math.isclose(sum(layers), found["Average Forward pass: N ms."][0], rel_tol=1e-3)
    both_ways = found["Average Forward-Backward: N ms."][0]
    assert math.isclose(3 * both_ways, found["Total Time: N ms."][0], rel_tol=1e-3)
    assert found["Average Forward pass: N ms."][0] + found["Average Backward pass: N ms."][0] <= both_ways


@needs_no_gpu
def test_device_query_without_a_gpu(run):
    status, said = run("device_query")
    assert status == 0 and re.search(r"^E\d{4} .*no GPU", last_line(said))


# The engine's own flags, the log's file, and how it starts.

def test_bf16_computes_coarser_and_is_off_by_default(run):
    args = "test", "-model", "net.prototxt", "-weights", "tiny.caffemodel", "-iterations", "1"

    def loss(*flags):
        return float(re.search(r"\] Loss: (\S+)", run(*args, *flags)[1])[1])
    exact = loss()
    assert loss("-nobf16") == loss("-bf16=false") == exact
    if command.cpu_has_bf16():
        assert loss("-bf16") != exact
        assert ("has no AMX" in run(*args, "-bf16")[1]) == (platform.machine() in ("x86_64", "AMD64")
                                                            and "amx_tile" not in Path("/proc/cpuinfo").read_text())
    else:
        assert loss("-bf16") == exact and "CPU does not compute in bfloat16" in run(*args, "-bf16")[1]
    assert loss("--bf16=true") == pytest.approx(exact, rel=0.02)
    assert run("train", "-solver", "solver.prototxt", "-bf16")[0] == 0


def test_deterministic(run):
    assert run("train", "-solver", "solver.prototxt")[0] == 0
    assert not torch.are_deterministic_algorithms_enabled()
    assert run("train", "-solver", "solver.prototxt", "-deterministic")[0] == 0
    assert torch.are_deterministic_algorithms_enabled()


def test_the_log_in_a_file(run, monkeypatch):
    Path("logs").mkdir()
    _, said = run("device_query", "-log_dir", "logs")
    text = Path("logs/caffe.INFO").read_text()
    assert text.startswith("Log file created at: 20") and text.endswith(said)
    monkeypatch.setenv("GLOG_log_dir", "nowhere")
    assert re.search(r"^W\d{4} .*nowhere.*: No such file", run("device_query")[1], re.MULTILINE)


def test_warnings_of_python_are_lines_of_the_log(run):
    overflow = "np.float32(1e30) * np.float32(1e30)\n        time.sleep("
    Path("command_layers.py").write_text(LAYERS.replace("time.sleep(", overflow))
    status, said = run("time", "-model", "net.prototxt", "-iterations", "1")
    assert status == 0 and all(PREFIX.match(line) for line in said.splitlines() if "Warning" in line)
    assert re.search(r"^W\d{4} .*command_layers.py:\d+: RuntimeWarning: overflow", said, re.MULTILINE)


def test_a_full_disk_under_the_log_stops_nothing():
    with open("/dev/full", "w") as full:
        assert subprocess.run([sys.executable, "-m", "caffe", "device_query"], stderr=full, timeout=PATIENCE,
                              env=dict(os.environ, PYTHONPATH=str(ENGINE))).returncode == 0


@pytest.mark.parametrize("level, letters", [
    ("0", "IEF"), ("1", "EF"), ("2", "EF"), ("3", "F"), ("9", "F"), ("x", "IEF")])
def test_the_log_can_be_quieter_but_never_hides_the_end(level, letters, run, monkeypatch):
    monkeypatch.setenv("GLOG_minloglevel", level)
    said = run("time", "-model", "faulty.prototxt")[1]
    assert sorted({line[0] for line in said.splitlines() if PREFIX.match(line)}) == sorted(letters)


def test_training_imports_nothing_heavy():
    script = ("import atexit, sys; sys.argv[1:] = ['train', '-solver', 'solver.prototxt', '-minloglevel', '1']\n"
              "atexit.register(lambda: print(sorted({'scipy', 'skimage', 'h5py', 'sympy', 'matplotlib', 'PIL'}"
              " & set(sys.modules))))\nimport caffe_command; caffe_command.main()")
    said = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, timeout=PATIENCE,
                          env=dict(os.environ, PYTHONPATH=os.pathsep.join([os.getcwd(), str(ENGINE)])))
    assert (said.stdout, said.stderr) == ("[]\n", "")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize("variable, set_up, trains", [
    ("UNRELATED", True, [True, False]), ("UNRELATED", True, [False, False]), ("UNRELATED", True, [False, True, False]),
    ("MALLOC_TRIM_THRESHOLD_", False, [False, True])])
@pytest.mark.parametrize("huge_pages", [True, False])
def test_big_blobs_get_huge_pages_or_memory_that_is_held(huge_pages, variable, set_up, trains):
    """trains: of each net, in the order in which they are made."""
    if huge_pages and not memory._huge_pages():
        pytest.skip("this system has no huge pages")
    script = """if True:
        import re
        from caffe import memory
        memory._huge_pages = lambda: %s
        for trains in %s:
            memory.set_up(trains)
        import torch
        def measure(path, what):
            return int(re.search(what + r":\\s+(\\d+) kB", open("/proc/self/" + path).read())[1])
        before = measure("status", "VmRSS")
        blob = torch.ones(10_000_000)
        huge = measure("smaps_rollup", "AnonHugePages")
        del blob
        print(huge, measure("status", "VmRSS") - before)""" % (huge_pages, trains)
    environment = dict(os.environ, PYTHONPATH=str(ENGINE), **{variable: "131072"})
    environment.pop("THP_MEM_ALLOC_ENABLE", None)  # this process may have set it up for itself
    said = subprocess.run([sys.executable, "-c", script], text=True, check=True, capture_output=True, env=environment)
    huge, held = map(int, said.stdout.split())
    assert (huge > 20_000) == (huge_pages and set_up and not trains[0])
    assert (held > 35_000) == (set_up and (not huge_pages or trains[0] or not any(trains)))


def test_the_distribution_has_all_of_it():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    folders = {str(path.parent.relative_to(ENGINE)).replace(os.sep, ".") for path in ENGINE.glob("caffe/**/*.py")}
    assert set(project["tool"]["setuptools"]["packages"]) == folders
    others = {path.name for path in ENGINE.glob("caffe/**/*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert {name for names in project["tool"]["setuptools"]["package-data"].values() for name in names} == others
    assert project["project"]["scripts"] == {
        "caffe": "caffe_command:main", "convert_imageset": "caffe_command:convert_imageset",
        "compute_image_mean": "caffe_command:compute_image_mean"}
    for where in project["project"]["scripts"].values():
        assert callable(getattr(caffe_command, where.partition(":")[2]))


def test_the_readme_names_every_layer_and_flag():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    assert sorted(re.findall(r"^\| (\w+) \| as BVLC", text, re.MULTILINE)) == caffe.layer_type_list()
    assert set(re.findall(r"`-(\w+)`", text)) <= {*FLAGS, *imageset.CONVERT_FLAGS}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="another OpenMP")
@pytest.mark.parametrize("line, chosen, said", [
    ("import caffe; caffe.Net", {}, {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "5000"}),
    ("import caffe_command; caffe_command.main()", {}, {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "5000"}),
    ("import caffe; caffe.Net", {"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
    ("import caffe; caffe.Net", {"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"})])
def test_threads_soon_sleep_while_they_wait_unless_told_otherwise(line, chosen, said):
    environment = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    environment.update(chosen, OMP_DISPLAY_ENV="verbose", PYTHONPATH=str(ENGINE))
    show = "; import os; print({name: os.environ[name] for name in os.environ if name in %r})" % (
        ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_CBWR"),)
    found = subprocess.run([sys.executable, "-c", line + show], env=environment, text=True, capture_output=True,
                           timeout=PATIENCE)
    assert all("%s = '%s'" % each in found.stderr for each in said.items()), found.stderr
    if "Net" in line:
        assert found.stdout == "%s\n" % chosen
