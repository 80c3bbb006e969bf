"""What the commands have in common: flags, log and statuses. Without PyTorch, which takes seconds to load.

Status: 0 done, 1 flags or arguments that there are not, 134 anything else that is wrong: then the log's last line, an F
line, says what; BVLC's programs abort with the same.
"""
import os
import sys
import traceback
import warnings
from pathlib import Path

from caffe import log
from caffe.errors import CaffeError
from caffe.flags import FlagError, describe, parse

ABORTED = 134  # what a shell says of a program that ended with abort()


def main(name, table, usage, run, counts, misused):
    """Do run(the arguments that are no flags, the flags), and exit with its status.

    table: the flags that there are; usage: what -help says before it lists them; counts: how many arguments there may
    be; misused: the status where there are more or fewer, and the usage is printed.
    """
    try:
        flags, others = parse(sys.argv[1:], table)
    except FlagError as error:
        sys.exit("ERROR: %s" % error)  # status 1
    if flags.version:
        print("%s version 1.0.0" % name)
    elif flags.help or flags.helpshort or len(others) not in counts:
        print(usage + describe(table))
        sys.exit(1 if flags.help or flags.helpshort else misused)
    else:
        try:
            set_up_log(flags)
            run(others, flags)
        except Exception as error:  # nobody is left to handle it: say it in the log, in place of a traceback
            log_fatal(error)
            sys.exit(ABORTED)
        finally:
            forget_what_cannot_be_logged()


def set_up_log(flags):
    """Log as the flags say."""
    if flags.minloglevel:
        os.environ["GLOG_minloglevel"] = str(flags.minloglevel)
    folder = flags.log_dir or os.environ.get("GLOG_log_dir")
    if folder:
        try:
            log.to_folder(folder)
        except OSError as error:
            log.warning("%s: %s; the log goes to stderr alone" % (error.filename, error.strerror))
    warnings.showwarning = log_warning


def log_warning(message, category, filename, line, *_):
    """Log a warning of Python's, in place of printing it, so that all of the log is in one shape."""
    log.warning("%s:%d: %s: %s" % (filename, line, category.__name__, " ".join(str(message).split())))


def forget_what_cannot_be_logged():
    """Leave nothing to be written to stderr at the end: Python would make a status of its own of it."""
    try:
        sys.stderr.flush()
    except OSError:  # a full disk
        sys.stderr = None
    except AttributeError:  # there is no stderr
        pass


def log_fatal(error):
    """Log an exception: E lines say where it came from, unless it is a CaffeError, and one F line what it is."""
    message = " ".join(str(error).split())
    notes = getattr(error, "__notes__", ())  # in which Python layer it was
    if type(error).__name__ in ("MemoryError", "OutOfMemoryError") or "can't allocate memory" in message:
        message = "out of memory: use a smaller batch_size (iter_size makes up for it): " + message
    elif isinstance(error, OSError) and not notes:
        message = "%s: %s" % (error.filename or "input or output", error.strerror or message)
    elif not isinstance(error, CaffeError):
        for frame in users_frames(error):
            log.error("  at %s:%d, in %s: %s" % (frame.filename, frame.lineno, frame.name, frame.line))
        message = ": ".join([type(error).__name__] + [message] * bool(message))
        message += "".join(", " + note for note in notes)
    log.fatal(message)


def users_frames(error):
    """Where the exception passed through code that is not the engine's, a Python layer's; else all of its way."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames
            if frame.line and Path(__file__).parent not in Path(frame.filename).parents] or frames
