"""What a user can mend."""
import contextlib

# What pip calls a package, where code calls it otherwise, and what goes with it.
DISTRIBUTIONS = {"PIL": "pillow", "google": "protobuf", "skimage": "scikit-image",
                 "mtcnn": "mtcnn tensorflow", "tensorflow": "mtcnn tensorflow"}
CAFFE = ("in the checkout `pip install ./engine` installs ours, and README.md says where genuine Caffe comes from")


class Problem(Exception):
    """Something the user can mend. Its text names the thing at fault and the remedy, in one line."""


class Missing(Problem, ImportError):
    """A package that is needed and not installed. Its text names it, and how to install it."""


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
