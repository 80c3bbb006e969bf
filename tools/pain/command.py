"""How every command behaves: errors of one line, exit statuses, Ctrl-C.

Its own imports are few and small: Ctrl-C before starting() is heard by Python alone, whose answer is a traceback.
"""
import _thread
import contextlib
import errno
import os
import signal
import sys
import time

from pain.errors import Problem, needed_for, one_line

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
LATEST = 9  # seconds after one of these, for who has sent it may send SIGKILL after 10
AGAIN = 0.01  # seconds

INTERRUPTED = "interrupted; run the same command again to go on"


class ToldToEnd(KeyboardInterrupt):
    """The Ctrl-C that is none, but a signal of ENDING: whoever sent it will not wait long."""


@contextlib.contextmanager
def starting(name):
    """Around a command's imports: a package that is missing is one line, and so is Ctrl-C. name: its __name__."""
    if name != "__main__":
        yield
        return
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:  # nohup ignores it
        signal.signal(signal.SIGINT, end_at_once)  # until run() hears it
    with one_line_at_the_end():
        yield


@contextlib.contextmanager
def importing():
    """Around what a command loads later, which takes long: a signal ends it at once. Elsewhere this does nothing."""
    import threading
    in_command = signal.getsignal(signal.SIGTERM) == interrupt and \
        threading.current_thread() == threading.main_thread()
    with ending_at_once(*[signal.SIGINT, *ENDING] if in_command else ()):
        yield


@contextlib.contextmanager
def ending_at_once(*numbers):
    """Have those of the signals end the process at once that are not ignored, as nohup ignores some."""
    usual = {number: signal.getsignal(number) for number in numbers}
    for number, handler in usual.items():
        if handler in (signal.default_int_handler, interrupt):
            signal.signal(number, end_at_once)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def end_at_once(*_):
    """Handle Ctrl-C while nothing is at stake. An exception could be taken for another, as NumPy's import does."""
    print("%s: %s" % (os.path.basename(sys.argv[0]), INTERRUPTED), file=sys.stderr, flush=True)
    os._exit(130)


def run(main):
    """Run `main()` as the program: exit 0, 2 with one line on stderr for what a user can mend, 130 on Ctrl-C.

    So it does on SIGTERM and SIGHUP, from `kill`, a scheduler or a terminal that is closed, and within LATEST seconds.
    Any other exception is a bug in the tool and keeps its traceback.
    """
    as_program = main.__module__ == "__main__"  # else this process lives on
    if as_program:
        sys.unraisablehook = not_raised
    with contextlib.suppress(AttributeError):  # a stand-in of tests
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a path may be in any encoding
    try:
        with one_line_at_the_end():
            try:
                for number in [signal.SIGINT] * as_program + ENDING:
                    if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, end_at_once):
                        signal.signal(number, interrupt)
                main()
                sys.stdout.flush()
            finally:
                if as_program:
                    hear_no_more()
    except SystemExit as end:
        if as_program:
            leave_threads(end.code or 0)
        raise
    if as_program:
        leave_threads(0)


def hear_no_more():
    """Have a signal end this process without a word, for its work is done."""
    for number in [signal.SIGINT, *ENDING]:
        if signal.getsignal(number) in (interrupt, signal.default_int_handler):
            signal.signal(number, signal.SIG_DFL)


def leave_threads(status):
    """End this process where threads still compute what nobody wants any more: Python would wait for them."""
    import threading
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(status)


def not_raised(unraisable):
    """Raise Ctrl-C a little later that came while Python was freeing an object, say, where nothing can be raised."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt) or not hasattr(signal, "setitimer"):
        sys.__unraisablehook__(unraisable)
        return

    def now(*_):
        raise unraisable.exc_type
    signal.signal(signal.SIGALRM, now)
    signal.setitimer(signal.ITIMER_REAL, AGAIN)


@contextlib.contextmanager
def one_line_at_the_end():
    """Exit as run() does when the block raises something."""
    try:
        with needed_for("this command"):
            yield
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        discard_output()
    except KeyboardInterrupt:
        fail(INTERRUPTED, status=130)
    except RuntimeError as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        fail(INTERRUPTED, status=130)  # it came upon a thread's lock, which then is not as its `with` expects
    except Problem as problem:
        fail(problem, problem.status)
    except OSError as error:
        if error.errno is None:
            raise
        try:
            sys.stdout.flush()
        except OSError:  # it is the output that cannot be written
            discard_output()
        remedy = "; free some space and run the command again" if error.errno == errno.ENOSPC else ""
        fail("%s: %s%s" % (error.filename or "writing", error.strerror, remedy))


def discard_output():
    """Let what is still to be written to standard output vanish, without an error when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def interrupt(number, frame):
    """Handle a signal as Ctrl-C; one of ENDING once: what is then still to be put away is not to be interrupted."""
    if is_importing(frame):
        end_at_once()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    _thread.start_new_thread(end_late, ())  # without the locks of threading, which this may have interrupted
    raise ToldToEnd


def is_importing(frame):
    """Whether the frame runs for an import, where an exception would be taken for another, or lost."""
    while frame and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


def end_late():
    time.sleep(LATEST)
    end_at_once()


def fail(message, status=2):
    """Print `message` as the program's one line of error and exit with `status`."""
    print("%s: %s" % (os.path.basename(sys.argv[0]), one_line(message)), file=sys.stderr)
    sys.exit(status)


def fail_if_left_out(left_out, message):
    """If some things were left out, {name: text}, say why, and fail() with status 1, for others were done."""
    for why in left_out.values():
        print("left out: " + one_line(why), file=sys.stderr)
    if left_out:
        fail(message, 1)
