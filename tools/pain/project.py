"""Where the project's own files are."""
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# The checkout; or, installed by pip, the package, which carries the prototxts.
ROOT = PACKAGE if (PACKAGE / "prototxt").is_dir() else PACKAGE.parents[1]
PROTOTXT = ROOT / "prototxt"
