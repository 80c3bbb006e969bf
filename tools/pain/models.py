"""Trained pain nets: the caffemodels that a path means, their prototxt, and the intensities they give."""
from __future__ import annotations

import os
import queue
import re
from pathlib import Path
from typing import Iterable

import numpy as np

from pain.errors import Problem
from pain.folders import is_clutter
from pain.nets import build_net, finite, load_net, use_gpu
from pain.project import ROOT
from pain.provenance import origin_of
from pain.weights import is_whole

NET = "prototxt/pain_regression.prototxt"


class PainNets:
    """The deploy nets of one fold or of several.

    models: paths of caffemodels; net_file: their prototxt; `origin` says what they have learned from. Several threads
    may call it at a time; they share the weights. Raises Problem when the models are not of that net.
    """

    def __init__(self, models: Iterable[str | os.PathLike], net_file: str | os.PathLike):
        self.models, self.net_file = list(models), net_file
        self.nets = [load_net(net_file, model, stages=["deploy"]) for model in self.models]
        self.origin = origin_of(self.models)
        self.free = queue.LifoQueue()  # lists of nets that no thread is using
        self.free.put(self.nets)

    def __call__(self, faces: np.ndarray) -> np.ndarray:
        """The intensities, 0..5, (N, nets) float64, of aligned faces, (N, 112, 96, 3) uint8 RGB. Raises as finite()."""
        pixels, found = faces[..., ::-1].transpose(0, 3, 1, 2), []
        nets = self.take()
        try:
            for net in nets:
                net.blobs["pixels"].reshape(*pixels.shape)
                net.blobs["pixels"].data[...] = pixels
                found.append(net.forward()["intensity"].ravel().astype(float))
        finally:
            self.free.put(nets)
        return finite(np.stack(found, 1), self.net_file)

    def take(self):
        """Nets that no thread is using: if there are none, new ones with the same weights."""
        try:
            return self.free.get_nowait()
        except queue.Empty:
            nets = [build_net(self.net_file, ["deploy"]) for _ in self.nets]
            for net, original in zip(nets, self.nets):
                net.share_with(original)
            return nets


def load_nets(models: str | os.PathLike | Iterable[str | os.PathLike], net: str | os.PathLike | None = None,
              gpu: int | None = None) -> PainNets:
    """The trained nets that are meant, loaded: for rate_faces() and rate_video(), which also take the paths themselves.

    models: caffemodels, a fold's folder, or a variant's with those of all its folds; one path or several. net: their
    prototxt, or None to look for it. gpu: a number, or None for the CPU. Raises Problem when there is none, or it is of
    another net.
    """
    found = find_models([models] if isinstance(models, (str, os.PathLike)) else models)
    if gpu is not None:
        use_gpu(gpu)
    return PainNets(found, net or find_net(found[0]))


def rate_faces(aligned: np.ndarray, models: PainNets | str | os.PathLike | Iterable[str | os.PathLike]) -> np.ndarray:
    """The pain intensity, 0..5, of aligned faces, by each of some nets: (N, nets) float64. A curve has their mean.

    aligned: (N, 112, 96, 3) uint8 RGB, as align() makes them. models: as for load_nets(), or what it returns, so as
    not to load them every time. Raises Problem for other arrays, and as load_nets() does.
    """
    aligned, nets = np.asarray(aligned), models if isinstance(models, PainNets) else load_nets(models)
    _, channels, height, width = nets.nets[0].blobs["pixels"].data.shape
    if aligned.shape[1:] != (height, width, channels) or aligned.dtype != np.uint8:
        raise Problem("rate_faces: %s of %s; give (N, %d, %d, %d) of uint8, as align() makes them"
                      % (aligned.shape, aligned.dtype, height, width, channels))
    return nets(aligned) if len(aligned) else np.zeros((0, len(nets.nets)))


def find_models(paths: Iterable[str | os.PathLike]) -> list[Path]:
    """The caffemodels that are meant: files; of a fold's folder its last snapshot; of a variant's those of all folds.

    Raises Problem when there are none.
    """
    found = []
    for path in map(Path, paths):
        folders = [path, *sorted(path.glob("*/"))] if path.is_dir() else []
        snapshots = [last for last in map(last_snapshot, folders) if last]
        if not path.exists() or path.is_dir() and not snapshots:
            raise Problem("%s: no caffemodel here; give one, or a folder that `make train` has filled" % path)
        found += snapshots or [path]
    return found


def last_snapshot(folder: Path) -> Path | None:
    """The folder's caffemodel of the latest iteration whose snapshot is whole; of any, if none is; or None."""
    of_iteration = {int(name.group(1)): file for file in folder.glob("*_iter_*.caffemodel")
                    for name in [re.search("_iter_([0-9]+)$", file.stem)] if name and not is_clutter(file.name)}
    files = [of_iteration[iteration] for iteration in sorted(of_iteration, reverse=True)]
    for file in files:
        state = file.with_suffix(".solverstate")
        if is_whole(file) and (is_whole(state) or not state.exists()):
            return file
    return files[0] if files else None


def find_net(model: str | os.PathLike) -> Path:
    """The prototxt that belongs to a model: that of the folder with prototxt/ which it lies in, else the project's."""
    for folder in [*Path(model).resolve().parents, ROOT]:
        if (folder / NET).exists():
            return folder / NET
    raise Problem("%s: no %s in any folder above it; name its net with --net" % (model, NET))
