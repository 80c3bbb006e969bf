"""The commands' flags: in one dash or two, `-flag value` and `-flag=value`, anywhere on the line, as gflags do it."""
import re
from types import SimpleNamespace

# name -> (type, default, help). The order is that of the help.
COMMON = {
    "log_dir": (str, "", "a folder in which to write the log to a file, too; or GLOG_log_dir"),
    "minloglevel": (int, 0, "log from this level on: 0 info, 1 warning, 2 error, 3 fatal; or GLOG_minloglevel"),
    "logtostderr": (bool, True, "of no effect: the log always goes to stderr"),
    "alsologtostderr": (bool, True, "of no effect, likewise"),
    "stderrthreshold": (int, 2, "of no effect, likewise"),
    "colorlogtostderr": (bool, False, "of no effect: the log has no colours"),
    "v": (int, 0, "of no effect: the log knows no more"),
    "help": (bool, False, "print this and exit"),
    "helpshort": (bool, False, "likewise"),
    "version": (bool, False, "print the version and exit"),
}
FLAGS = {
    "solver": (str, "", "train: the solver prototxt"),
    "weights": (str, "", "train: caffemodels to start from, separated by commas; test: the caffemodel to score"),
    "snapshot": (str, "", "train: the solverstate to go on from"),
    "model": (str, "", "test, time: the net prototxt"),
    "iterations": (int, 50, "test, time: how many batches"),
    "phase": (str, "", "time: TRAIN or TEST; TRAIN unless given"),
    "level": (int, 0, "the level of the net's state"),
    "stage": (str, "", "the stages of the net's state, separated by commas"),
    "gpu": (str, "", "the number of a CUDA device, several separated by commas, or all; the CPU unless given"),
    "cpu_ranks": (int, 1, "train: how many processes train together on the CPU, each with a batch of its own"),
    "sigint_effect": (str, "stop", "train: what Ctrl-C does: stop (with a snapshot), snapshot or none"),
    "sighup_effect": (str, "snapshot", "train: what a hangup does: snapshot, stop or none"),
    "bf16": (bool, False, "convolve and multiply matrices in bfloat16"),
    "tf32": (bool, False, "convolve and multiply matrices in TF32, on GPUs that have it"),
    "deterministic": (bool, False, "only algorithms that give the same bits each time, on a GPU too"),
    **COMMON,
}
_KINDS = {str: "string", int: "int32", bool: "bool"}
_BOOLS = {"true": True, "t": True, "yes": True, "y": True, "1": True,
          "false": False, "f": False, "no": False, "n": False, "0": False}


class FlagError(Exception):
    """A flag that there is not, or that is given no value or an impossible one. Says so in a line."""


def parse(arguments, table):
    """The flags of the table (a namespace) and the other arguments (a list) of a command line. Raises FlagError."""
    values = {name: default for name, (_, default, _) in table.items()}
    others, rest = [], iter(arguments)
    for argument in rest:
        if argument == "--":
            others.extend(rest)
        elif not argument.startswith("-") or argument == "-":
            others.append(argument)
        else:
            name, given, value = argument[2 if argument.startswith("--") else 1:].partition("=")
            name = name.replace("-", "_")  # gflags take either
            if name not in table and name.startswith("no") and table.get(name[2:], (None,))[0] is bool and not given:
                name, given, value = name[2:], "=", "false"
            if name not in table:
                raise FlagError("unknown command line flag '%s'; -help lists those that there are" % name)
            if not given:
                value = "true" if table[name][0] is bool else next(rest, None)
                if value is None:
                    raise FlagError("flag '-%s' is missing its argument; flag description: %s" % (name, table[name][2]))
            values[name] = _convert(table[name][0], name, value)
    return SimpleNamespace(**values), others


def _convert(kind, name, value):
    """The value of the flag, of this type."""
    if kind is str:
        return value
    if kind is bool and value.lower() in _BOOLS:
        return _BOOLS[value.lower()]
    if kind is int and re.fullmatch(r"[+-]?(\d+|0[xX][\da-fA-F]+)", value, re.ASCII):
        number = int(value, 16 if "x" in value.lower() else 10)
        if -2**31 <= number < 2**31:
            return number
    raise FlagError("illegal value '%s' specified for %s flag '%s'" % (value, _KINDS[kind], name))


def describe(table):
    """The help on all flags of the table, two lines each."""
    return "\n".join("  -%s (%s, default %s)\n      %s" % (name, _KINDS[kind], str(default).lower() or '""', text)
                     for name, (kind, default, text) in table.items())
