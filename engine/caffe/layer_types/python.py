"""Layers written in Python: `type: "Python"`, and their base class caffe.Layer."""
import importlib

from caffe.blob import BlobVec
from caffe.errors import CaffeError
from caffe.layer import Layer, layer
from caffe.turns import turn


class PythonLayer:
    """Base of users' layers, `caffe.Layer`. They define setup, reshape, forward and backward, as in pycaffe.

    Each is given bottom and top, lists of Blob; backward(top, propagate_down, bottom). They have param_str, phase and
    blobs.
    """

    type = "Python"

    def __init__(self, param):
        self._param = param
        self.param_str = param.python_param.param_str
        self.phase = param.phase
        self.blobs = BlobVec()

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        raise NotImplementedError("%s needs a reshape(self, bottom, top)" % type(self).__name__)

    def forward(self, bottom, top):
        raise NotImplementedError("%s needs a forward(self, bottom, top)" % type(self).__name__)

    def backward(self, top, propagate_down, bottom):
        raise NotImplementedError("%s needs a backward(self, top, propagate_down, bottom)" % type(self).__name__)

FEW = 2 ** 16  # values that are copied to a GPU sooner than an array is made for them


@layer("Python")
class Python(Layer):
    """Calls the user's layer. What it raises goes to the caller, with the layer's name noted."""

    bottoms = tops = (0, None)
    capturable = False

    def __init__(self, param, context):
        super().__init__(param, context)
        name = param.python_param
        self.check(name.module and name.layer, "python_param must give module and layer")
        try:
            module = importlib.import_module(name.module)
        except (ImportError, TypeError) as error:  # TypeError: a name that begins with a dot
            self.fail("module %s cannot be imported (%s); put its folder on PYTHONPATH" % (name.module, error))
        layer_class = getattr(module, name.layer, None)
        self.check(isinstance(layer_class, type), "module %s has no class %s" % (name.module, name.layer))
        self.user = layer_class(param)
        # As BVLC does it: a class whose __init__ calls no other has these nevertheless.
        self.user.param_str, self.user.phase = name.param_str, param.phase
        self.user.blobs = self.blobs
        self._held, self._held_diffs = [], []  # arrays, so that the next pass finds them where they are

    def name_error(self, error):
        """What the user's layer raises goes on as it is."""

    def _call(self, method, *args):
        try:
            with turn(scripts=True):
                getattr(self.user, method)(*args)
        except CaffeError:
            raise
        except Exception as error:
            error.add_note("in layer %s (Python), %s of %s" % (self.param.name, method, type(self.user).__name__))
            raise

    def setup(self, bottom, top):
        self._call("setup", bottom, top)

    def reshape(self, bottom, top):
        self._call("reshape", bottom, top)

    def forward(self, bottom, top, needs):
        self._call("forward", bottom, top)
        self._held = [blob.values.hold() for blob in top]  # a data layer's batches always go through the same arrays

    def backward(self, top, propagate_down, bottom, tape):
        self._call("backward", top, list(propagate_down), bottom)
        self._held_diffs = [blob.gradients.hold() for blob in (*bottom, *top) if blob.count <= FEW]
