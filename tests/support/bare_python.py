"""A Python in which only some packages can be imported, whatever is installed."""
import os
import subprocess
import sys

from support.project import ROOT

# scikit-image, and what it cannot do without.
SKIMAGE = "numpy", "skimage", "scipy", "PIL", "packaging", "lazy_loader", "imageio", "networkx", "tifffile"
BARE = """
import importlib.machinery, os, runpy, sys, sysconfig

packages, tools = sys.argv[1].split(), os.path.realpath(sys.argv[2])

class Only:
    "Finds nothing, and refuses what is neither Python's own, nor the project's, nor among the packages."
    standard = os.path.realpath(sysconfig.get_path("stdlib")) + os.sep

    def find_spec(self, name, path=None, target=None):
        if path is not None or name in packages or name in sys.builtin_module_names:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name)
        origin = os.path.realpath(spec.origin or "") if spec else ""
        if origin.startswith(tools + os.sep) or origin.startswith(self.standard) and "-packages" not in origin:
            return None
        if importlib.machinery.FrozenImporter.find_spec(name):
            return None
        raise ModuleNotFoundError("No module named %r" % name, name=name)

sys.path.insert(0, tools)
sys.meta_path.insert(0, Only())
exec(sys.stdin.read())
"""


def run_bare(script, packages=("numpy",), python=sys.executable):
    """Run `script`, lines of Python, where only tools/, Python's own modules and `packages` can be imported."""
    return subprocess.run([str(python), "-c", BARE, " ".join(packages), str(ROOT / "tools")], input=script,
                          env=dict(os.environ, PYTHONPATH=""), capture_output=True, text=True)


def run_bare_tool(tool, *arguments, **options):
    """Run tools/`tool` with these arguments in that way."""
    script = "import runpy\nsys.argv = %r\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    return run_bare(script % [str(ROOT / "tools" / tool), *map(str, arguments)], **options)
