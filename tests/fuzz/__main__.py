"""Thousands of damaged files of every format that the project reads, each given to the command that reads it.

    make fuzz COUNT=1000
    PYTHONPATH=.:tools:tests OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python -m fuzz --format mat --only 417

Each is given to the command's main() in a process of its own, with 4 GB of memory and some seconds. The command may
refuse it with one line and status 2, or do its work, and some of the numbers that come out are looked at. All else is a
failure: a traceback, a crash, no end, too much memory, nonsense in what it wrote, more than one line. Of those that
fail alike the first is kept in --out. Once mended, it belongs into tests/fuzz/seeds/FORMAT, under a name that says what
it was: those are tried before all others. A mutant is a function of the format, --seed and its number.
"""
import argparse
import contextlib
import gc
import io
import json
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from fuzz import every
from fuzz.child import ACCEPTED, REFUSED, copy, outcome, status_of

SEEDS = Path(__file__).resolve().parent / "seeds"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--format", nargs="+", metavar="NAME", choices=list(every.FORMATS),
                        default=list(every.FORMATS), help="of %s (default: all)" % ", ".join(every.FORMATS))
    parser.add_argument("--count", type=int, default=100, help="mutants a format (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=np.inf, help="the most a format takes (default: no limit)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutants (default: %(default)s)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="the one mutant of this number, and what it says")
    parser.add_argument("--out", type=Path, default=Path(".fuzz"), metavar="FOLDER",
                        help="where files that fail are kept (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="formats at a time (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON a format")
    args = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")):
        parser.error("set OMP_NUM_THREADS and OPENBLAS_NUM_THREADS to 1; what has threads cannot be forked")
    return args


def mutants(form, whole, args):
    """Yields (name, bytes) of kept seeds and of args.count mutants of the bytes `whole`."""
    if args.only is None:
        for path in sorted((SEEDS / form.name).glob("*")):
            yield "seeds/%s/%s" % (form.name, path.name), path.read_bytes()
    for number in [args.only] if args.only is not None else range(args.count):
        random = np.random.RandomState([args.seed, number, zlib.crc32(form.name.encode())])
        yield "%d" % number, form.mutant(whole, random)


def fuzz(form, args):
    """Try a format. Returns a dict: format, seconds, verdicts {verdict: count}, failures [(name, verdict, said)]."""
    started, verdicts, failures = time.monotonic(), Counter(), {}
    with tempfile.TemporaryDirectory() as temporary:
        pristine = Path(temporary) / "pristine"
        pristine.mkdir()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            damaged = form.make(pristine).relative_to(pristine)
        whole = (pristine / damaged).read_bytes()
        warm_up(form, copy(pristine, Path(temporary) / "whole"))
        for name, content in mutants(form, whole, args):
            folder = copy(pristine, Path(temporary) / "mutant")
            (folder / damaged).write_bytes(content)
            verdict, said = outcome(form, folder)
            verdicts[verdict] += 1
            if args.only is not None:
                print("%s: %s" % (verdict, said))
            if verdict not in (ACCEPTED, REFUSED):
                alike = verdict, re.sub("[0-9]+", "0", said)[:200]
                if alike not in failures:
                    failures[alike] = name, verdict, said
                    keep(args.out / form.name / ("%s-%s%s" % (verdict, Path(name).name, damaged.suffix)), content)
            if time.monotonic() - started > 60 * args.minutes:
                break
    return {"format": form.name, "seconds": round(time.monotonic() - started, 1), "verdicts": dict(verdicts),
            "failures": list(failures.values())}


def warm_up(form, folder):
    """Run the command in this process on what is whole, so that its children find all that it imports loaded."""
    here, words = os.getcwd(), io.StringIO()
    try:
        with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words), warnings.catch_warnings():
            status = status_of(form, folder)
    except Exception:
        raise RuntimeError("%s: whole, and a traceback: %s" % (form.name, traceback.format_exc())) from None
    finally:
        os.chdir(here)
        gc.collect()  # decoders, for one, have threads, and no child could free them
    if status not in form.done:
        raise RuntimeError("%s: whole, and status %d: %s" % (form.name, status, words.getvalue()))


def keep(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def in_child(form, args):
    """Try a format in a process of its own. Returns (its process id, a file in which its result will be)."""
    result = tempfile.TemporaryFile()
    child = os.fork()
    if not child:
        status = 1
        try:
            result.write(json.dumps(fuzz(form, args)).encode("utf-8"))
            result.flush()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return child, result


def tell(result, as_json):
    """Print what came out for a format."""
    if as_json:
        print(json.dumps(result), flush=True)
        return
    counts = result["verdicts"]
    print("%-16s %6d in %7.1f s: %s" % (result["format"], sum(counts.values()), result["seconds"], ", ".join(
        "%d %s" % (counts[verdict], verdict) for verdict in sorted(counts))), flush=True)
    for name, verdict, said in result["failures"]:
        print("    %s %s: %s" % (verdict, name, " ".join(said.split())[:400]), flush=True)


def main():
    args = parse()
    args.out = args.out.resolve()
    waiting, running, failed = [every.FORMATS[name] for name in args.format], {}, False
    while waiting or running:
        while waiting and len(running) < args.jobs:
            child, result = in_child(waiting.pop(0), args)
            running[child] = result
        child, status = os.wait()
        result = running.pop(child)
        result.seek(0)
        found = json.loads(result.read() or b"null") if not status else None
        failed = failed or not found or bool(found["failures"])
        if found:
            tell(found, args.json)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
