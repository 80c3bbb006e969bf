"""Where the packages are, which pyproject.toml cannot say in both ways at once; it says everything else."""
from setuptools import find_packages, setup

setup(packages=[*find_packages("tools"), "pain.prototxt"], package_dir={"": "tools", "pain.prototxt": "prototxt"})
