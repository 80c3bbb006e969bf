"""What a user can mend."""
import contextlib

# What pip calls a package, where code calls it otherwise, and what goes with it.
DISTRIBUTIONS = {"PIL": "pillow", "pympi": "pympi-ling", "google": "protobuf", "skimage": "scikit-image",
                 "dask_jobqueue": "dask-jobqueue", "yaml": "pyyaml", "mtcnn": "mtcnn tensorflow",
                 "tensorflow": "mtcnn tensorflow"}
CAFFE = ("in the checkout `pip install ./engine` installs ours, and README.md says where genuine Caffe comes from")


LONGEST = 600  # characters of an error


class Problem(Exception):
    """Something the user can mend. Its text names the thing at fault and the remedy, in one line."""

    status = 2  # of the command that it ends


class Unfinished(Problem):
    """Some of several things could not be done, the others are."""

    status = 1


class Missing(Problem, ImportError):
    """A package that is needed and not installed. Its text names it, and how to install it."""


def one_line(message):
    """A message as one line that can be printed: of a very long one the middle is left out, and what a terminal would
    act upon is written as Python writes it."""
    line = "".join(character if character.isprintable() else ascii(character)[1:-1]
                   for character in " ".join(str(message).split()))
    return line if len(line) <= LONGEST else "%s ... %s" % (line[:LONGEST * 2 // 3], line[-LONGEST // 4:])


@contextlib.contextmanager
def leaving_out(left_out, name):
    """In a `with` about one of several things: what is wrong with it goes into left_out, {name: text}."""
    try:
        yield
    except Problem as problem:
        left_out[name] = str(problem)
    except OSError as error:
        left_out[name] = "%s: %s" % (error.filename or name, error.strerror)


@contextlib.contextmanager
def needed_for(what):
    """Raise Missing, with `what` it is needed for, where an import in the block fails for want of a package."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in ("", "pain"):
            raise
        how = CAFFE if name == "caffe" else "install it with `pip install %s`" % DISTRIBUTIONS.get(name, name)
        raise Missing("%s: needs the package %s, which is not here; %s" % (what, name, how)) from error
