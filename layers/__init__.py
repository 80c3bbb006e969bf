"""The Python layers that Caffe lacks. Caffe finds them with the project's root on PYTHONPATH."""
import ast
import functools
import sys


def show_errors(layer_class):
    """Class decorator: say on stderr what a layer raises. BVLC's `caffe train` ends without a word of it."""
    def shown(method):
        @functools.wraps(method)
        def call(*args):
            try:
                return method(*args)
            except Exception as error:
                print("%s: %s" % (type(error).__name__, error), file=sys.stderr, flush=True)
                raise
        return call
    for name in "setup", "reshape", "forward", "backward":
        setattr(layer_class, name, shown(getattr(layer_class, name)))
    return layer_class


def parse_param_str(layer, required=(), optional=()):
    """A Python layer's `param_str`, a dict literal, as a dict.

    required: names that must be there; optional: names that may be. Raises ValueError naming the layer's class when
    the text is no dict literal, or a name is missing or unknown.
    """
    name = type(layer).__name__
    try:
        params = ast.literal_eval(layer.param_str or "{}")
        names = set(params.keys())
    except (ValueError, SyntaxError, AttributeError):
        raise ValueError("%s: param_str %r is not a dict such as \"{'seed': 1}\"" % (name, layer.param_str)) from None
    for problem, those in (("lacks", set(required) - names), ("has unknown", names - set(required) - set(optional))):
        if those:
            raise ValueError("%s: param_str %s %s; it takes %s"
                             % (name, problem, ", ".join(sorted(those)), ", ".join((*required, *optional))))
    return params


def check_blobs(layer, bottom, top, bottoms, tops):
    """Raise ValueError unless the layer has `bottoms` bottom and `tops` top blobs."""
    if len(bottom) != bottoms or len(top) != tops:
        raise ValueError("%s: takes %d bottoms and %d tops, here are %d and %d"
                         % (type(layer).__name__, bottoms, tops, len(bottom), len(top)))
