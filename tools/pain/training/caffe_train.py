"""A run of `caffe train` in its folder: started, watched, interrupted, gone on with."""
import collections
import datetime
import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

from caffe.proto import caffe_pb2

from pain.errors import Problem
from pain.files import read_json, remove, replacing, sweep
from pain.locks import alone_in
from pain.nets import check_weights, training_memory
from pain.pieces.piece import PROGRAM, Piece
from pain.pieces.where import Here
from pain.processes import ending_with_this, signal_all
from pain.project import ROOT
from pain.prototxts import parse
from pain.provenance import Data, Origin, as_dict, from_dict, read_origin, record_of, start_from, write_origin
from pain.training.made_with import ingredients, refuse_changes, write_record
from pain.weights import is_whole

ITERATION = re.compile(r"Iteration (\d+)[ ,].*?loss = (\S+)")
ENGINE = re.compile(r"\bcaffe train .*, on PyTorch (\S+), ")  # what ours says of itself; BVLC's does not
RUN = ".run.json"  # in the folder while caffe runs: what its snapshots come from
SUFFIXES = "caffemodel", "solverstate"  # of a snapshot's files
SNAPSHOT = re.compile(r"Snapshotting solver state to .*_iter_(\d+)\.solverstate$")  # its caffemodel is written by then


class Training:
    """A run of `caffe train`: its solver, the folder it runs in, its data, what it starts from, its last snapshot.

    solver: path of the prototxt; data: the folder with the LMDBs of these names, made by the command `made_by`;
    weights: a caffemodel, or None to start from scratch; name: what to call the training, the solver's name by default.
    Raises Problem when there is no such data or solver.
    """

    def __init__(self, solver, folder, data, lmdbs, made_by, weights=None, name=None):
        self.solver, self.folder, self.data, self.lmdbs = Path(solver), Path(folder), Path(data), lmdbs
        self.weights, self.log, self.name = weights, self.folder / "train.log", name or self.solver.stem
        try:
            text = self.solver.read_text()
        except (FileNotFoundError, UnicodeDecodeError):
            raise Problem("%s: no such solver; prototxt/solvers has one a variant" % solver) from None
        parameters = parse(text, caffe_pb2.SolverParameter(), solver)
        self.max_iter, self.prefix = parameters.max_iter, parameters.snapshot_prefix
        self.net, self.stages = parameters.net, list(parameters.train_state.stage)  # the net relative to self.folder
        if self.prefix in ("", "..") or self.prefix != Path(self.prefix).name:
            raise Problem("%s: snapshot_prefix %r: give a name alone, of files in %s" % (solver, self.prefix, folder))
        for source in self.sources():
            if not source.exists():
                raise Problem("%s: no such LMDB; make it with `%s`" % (source.parent, made_by))

    def snapshots(self):
        """The iterations of which there is a file of a snapshot, oldest first."""
        name = re.compile(r"%s_iter_([0-9]+)\.(caffemodel|solverstate)" % re.escape(self.prefix))
        found = map(name.fullmatch, os.listdir(str(self.folder)) if self.folder.is_dir() else [])
        return sorted({int(match.group(1)) for match in found if match})

    def last_snapshot(self):
        """The iteration of the last whole snapshot, 0 if there is none."""
        for iteration in reversed(self.snapshots()):
            if all(map(is_whole, self.files(iteration))):
                return iteration
        return 0

    def snapshot(self, iteration, suffix):
        """The name, within the fold's folder, of a snapshot's file."""
        return "%s_iter_%d.%s" % (self.prefix, iteration, suffix)

    def files(self, iteration):
        """The paths of a snapshot's caffemodel and solverstate."""
        return [self.folder / self.snapshot(iteration, suffix) for suffix in SUFFIXES]

    def prepare(self):
        """Make the folder and its links to the data, and remove what an interrupted run has left.

        Returns the iteration of the last snapshot. Raises Problem when it was made with other files (made_with.py), or
        when another process is training in the folder.
        """
        with alone_in(self.folder):
            self.link()
            sweep(self.folder.glob(".*.partial*"))
            self.take_over()
            done = self.put_in_order()
            if done:
                refuse_changes(self.folder, self.made_with(), done)
        return done

    def put_in_order(self):
        """Remove snapshots that are not whole, and when training is finished all but the last. Returns its iteration.
        """
        last = self.last_snapshot()
        for iteration in self.snapshots():
            files = self.files(iteration)
            if iteration < last and last >= self.max_iter:
                files.append(record_of(files[0]))
            elif iteration > last:
                files = [file for file in files if not is_whole(file)]
            else:
                continue
            for file in files:
                remove(file)
        return last

    def link(self):
        """Make the folder and its links to the data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in self.lmdbs:
            link = self.folder / name
            target = os.path.relpath(str(self.data.resolve() / name), str(self.folder.resolve()))
            if link.is_symlink() and os.readlink(str(link)) != target:
                link.unlink()
            if not link.is_symlink():
                link.symlink_to(target)

    def sources(self):
        """The paths of the LMDBs' files."""
        return [self.data / name / "data.mdb" for name in self.lmdbs]

    def made_with(self):
        """What this training is made with, as made_with.py has it."""
        return ingredients(self.solver, self.folder / self.net, self.weights, self.data)

    def origin(self, done):
        """The Origin of nets trained from iteration `done` on; unknown if until then they learned from other data."""
        origin = Origin(read_origin(self.data / "train.txt").data, self.name)
        if done:
            before = read_origin(self.folder / self.snapshot(done, "caffemodel"))
            return origin._replace(start=before.start, data=origin.data if origin.data == before.data else Data())
        return origin._replace(start=start_from(self.weights) if self.weights else None)

    def record(self, iteration, origin):
        """Write beside the snapshot of this iteration, which caffe has just made, where it comes from."""
        this_run = self.log.read_text(errors="replace").rsplit("\n$ ", 1)[-1]
        engine = ENGINE.search(this_run)
        write_origin(self.folder / self.snapshot(iteration, "caffemodel"), origin._replace(
            iterations=iteration, caffe="engine, PyTorch " + engine.group(1) if engine else "BVLC Caffe",
            date=datetime.date.today().isoformat()))

    def take_over(self):
        """Say of the snapshots of a run that was killed where they come from, if it had no time to."""
        try:
            killed = read_json(self.folder / RUN)
            since, origin = int(killed["since"]), from_dict(killed["origin"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none was; it was just beginning
            return
        for iteration in self.snapshots():
            files = self.files(iteration)
            if iteration > since and all(map(is_whole, files)) and not record_of(files[0]).exists():
                self.record(iteration, origin)
        remove(self.folder / RUN)

    def run(self, caffe, gpu, means):
        """Run `caffe train` to the end with these Means. Raises Problem with caffe's own words if it fails."""
        running = []
        with alone_in(self.folder, lambda: [signal_all(process, signal.SIGKILL) for process in running]) as lock:
            self.go_on(caffe, gpu, means, lock, running)

    def go_on(self, caffe, gpu, means, lock, running):
        """run() in a folder that is locked: what caffe inherits of `lock`, it holds for as long as it lives.

        running: where caffe's process goes
        """
        done, made_with = self.last_snapshot(), self.made_with()
        if done:
            refuse_changes(self.folder, made_with, done)
        else:
            write_record(self.folder, made_with)
        origin = self.origin(done)
        command = [*command_words(caffe), "train", "-solver", os.path.relpath(str(self.solver), str(self.folder))]
        if done:
            command += ["-snapshot", self.snapshot(done, "solverstate")]
        elif self.weights:
            command += ["-weights", os.path.relpath(str(self.weights), str(self.folder))]
        if gpu is not None:
            command += ["-gpu", str(gpu)]
        environment = dict(os.environ)
        for name in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS":  # of the engine's PyTorch, of BVLC's
            environment.setdefault(name, str(means.threads))
        environment["GLOG_minloglevel"] = "0"  # what is logged is read here
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with replacing(self.folder / RUN) as partial:
            partial.write_text(json.dumps({"since": done, "origin": as_dict(origin)}))
        tail = collections.deque(maxlen=60)
        with open(str(self.log), "a") as log:
            print("$ " + " ".join(map(shlex.quote, command)), file=log, flush=True)
            process = subprocess.Popen(ending_with_this(command), cwd=str(self.folder), env=environment,
                                       universal_newlines=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, errors="replace", start_new_session=True,
                                       pass_fds=lock)
            running.append(process)
            means.children.add(process)
            for line in process.stdout:
                print(line, end="", file=log, flush=True)
                tail.append(line.rstrip())
                snapshot = SNAPSHOT.search(line)
                if snapshot:
                    self.record(int(snapshot.group(1)), origin)
                match = ITERATION.search(line)
                if match:
                    iteration = int(match.group(1))
                    means.update(max(0, iteration - done))
                    done = max(done, iteration)
                    if not is_finite(match.group(2)):
                        signal_all(process, signal.SIGKILL)
                        raise Problem("%s: loss is %s at iteration %d; lower base_lr in %s"
                                      % (self.log, match.group(2), iteration, self.solver))
            status = process.wait()
            means.children.discard(process)
        remove(self.folder / RUN)
        if status:
            raise Problem("%s: caffe stopped with status %d: %s" % (self.log, status, last_words(tail)))
        means.update(max(0, self.max_iter - done))  # it may not have said every iteration
        self.put_in_order()


def command_words(caffe):
    """A command as a list of words: a program, maybe with arguments. Blanks in the program's path need no quotes."""
    parts = caffe.split(" ")
    paths = (" ".join(parts[:count]) for count in range(len(parts), 0, -1))
    program = next((path for path in paths if os.sep in path and os.path.isfile(path)), "")
    words = [program, *shlex.split(caffe[len(program):])] if program else shlex.split(caffe)
    if words and os.sep in words[0]:  # not relative to the folder it runs in
        words[0] = os.path.join(os.getcwd(), words[0])
    return words


def is_finite(text):
    """Whether glog's number is one."""
    return text.lower().lstrip("-") not in ("nan", "inf")


def last_words(lines):
    """Of caffe's last lines the one that says what was wrong: a failed check, or a Python layer's exception."""
    for line in reversed(lines):
        if re.match(r"F\d{4} ", line):
            return line.split("] ", 1)[-1]
        if re.match(r"\w*(Error|Exception)\b", line):
            return line
    return lines[-1] if lines else "it said nothing"


class Run(Piece):
    """A Training as a piece: to be seen through with this caffe command, on the GPU of this number or the CPU."""

    unit, how = "iter", PROGRAM

    def __init__(self, training, caffe="caffe", gpu=None):
        inputs = [training.solver, *training.sources(), *[training.weights] * bool(training.weights)]
        super().__init__(str(training.folder), inputs, training.files(training.max_iter), training.max_iter, gpu=gpu)
        self.training, self.caffe = training, caffe

    def memory(self):
        """Of a net with a stage deploy, as those of folds are."""
        net = os.path.realpath(str(self.training.folder / self.training.net))
        return training_memory(net, tuple(self.training.stages)) if self.training.lmdbs else 0

    def done(self):
        return min(self.length, self.training.last_snapshot())

    def prepare(self):
        return min(self.length, self.training.prepare())

    def run(self, means):
        self.training.run(self.caffe, self.gpu, means)


def train(trainings, caffe="caffe", gpu=None, where=None, title="train"):
    """See the trainings through, on the GPU `gpu`, there where a Where has them done: by default here, one at a time.

    Raises Problem, or Unfinished, when some fail, of which snapshots stay, or were made with other files
    (made_with.py). The others are trained nevertheless.
    """
    started = {training.weights: training for training in reversed(trainings)
               if training.weights and not training.last_snapshot()}
    for weights, training in started.items():
        training.link()
        print(check_weights(weights, training.folder / training.net, [*training.stages, "deploy"]), flush=True)
    (where or Here()).see_through([Run(training, caffe, gpu) for training in trainings], title)
