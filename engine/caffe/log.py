"""Log lines in glog's shape, which BVLC's parse_log.py and other tools read, on stderr.

    I1124 07:20:11.123456  4711 solver.cpp:239] Iteration 100 (2.5 iter/s, 40s/100 iters), loss = 0.25

GLOG_minloglevel (0 info, 1 warning, 2 error, 3 fatal) hides what is below it; what is fatal is always said.
"""
import os
import socket
import sys
import threading
import time
import types
from pathlib import Path

_LEVELS = "IWEF"
_file = None  # the log's file, besides stderr


def _least_level():
    level = os.environ.get("GLOG_minloglevel", "")
    return min(int(level), 3) if level.isdecimal() else 0


def _write(level, message, at, *values):
    """Log it as from this place in BVLC's sources, or as from the caller of this one's caller if it is None."""
    if level < _least_level():
        return
    if at is None:
        caller = sys._getframe(2)
        at = "%s:%d" % (os.path.basename(caller.f_code.co_filename), caller.f_lineno)
    message = message % values if values else message
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now)) + ".%06d" % (now % 1 * 1e6)
    line = "%s%s %5d %s] %s" % (_LEVELS[level], stamp, threading.get_native_id(), at, message)
    line += "" if line.endswith("\n") else "\n"
    for stream in filter(None, (sys.stderr, _file)):
        try:
            stream.write(line)
            stream.flush()
        except OSError:  # a full disk under the log does not end a training
            pass


def info(message, *values, at=None):
    """Log the message, in which values, if any, fill in for %s and the like.

    at: the place in BVLC's sources that says the same, such as "net.cpp:53"; people's scripts look for it.
    """
    _write(0, message, at, *values)


def warning(message):
    _write(1, message, None)


def error(message, at=None):
    _write(2, message, at)


def fatal(message):
    """Log what ends the program; ending it is the caller's."""
    _write(3, message, None)


def to_folder(folder):
    """Write what is logged from now on to a file in the folder, too, named as glog names it. Raises OSError."""
    global _file
    now = time.localtime()
    name = "caffe.%s.%s.log.INFO.%s.%d" % (socket.gethostname(), os.environ.get("USER", "unknown"),
                                           time.strftime("%Y%m%d-%H%M%S", now), os.getpid())
    _file = open(Path(folder) / name, "w", encoding="utf-8", errors="backslashreplace")
    _file.write("Log file created at: %s\nRunning on machine: %s\n"
                "Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n"
                % (time.strftime("%Y/%m/%d %H:%M:%S", now), socket.gethostname()))
    link = Path(folder) / "caffe.INFO"
    link.unlink(missing_ok=True)
    link.symlink_to(name)


class _Module(types.ModuleType):
    def __call__(self, message):
        """`caffe.log("text")`, as in pycaffe, though caffe.log is this module."""
        _write(0, message, "_caffe.cpp:68")


sys.modules[__name__].__class__ = _Module
