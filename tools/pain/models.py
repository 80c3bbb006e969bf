"""Trained pain nets: the caffemodels that a path means, their prototxt, and the intensities they give."""
import queue
import re
from pathlib import Path

import numpy as np

from pain.errors import Problem
from pain.nets import build_net, load_net
from pain.project import ROOT

NET = "prototxt/pain_regression.prototxt"


class PainNets:
    """The deploy nets of one fold or of several.

    models: paths of caffemodels; net_file: their prototxt. Several threads may call it at a time; they share the
    weights. Raises Problem when the models are not of that net.
    """

    def __init__(self, models, net_file):
        self.net_file = net_file
        self.nets = [load_net(net_file, model, stages=["deploy"]) for model in models]
        self.free = queue.LifoQueue()  # lists of nets that no thread is using
        self.free.put(self.nets)

    def __call__(self, faces):
        """The intensities, 0..5, (N, nets) float64, of aligned faces, (N, 112, 96, 3) uint8 RGB."""
        pixels, found = faces[..., ::-1].transpose(0, 3, 1, 2), []
        nets = self.take()
        try:
            for net in nets:
                net.blobs["pixels"].reshape(*pixels.shape)
                net.blobs["pixels"].data[...] = pixels
                found.append(net.forward()["intensity"].ravel().astype(float))
        finally:
            self.free.put(nets)
        return np.stack(found, 1)

    def take(self):
        """Nets that no thread is using: if there are none, new ones with the same weights."""
        try:
            return self.free.get_nowait()
        except queue.Empty:
            nets = [build_net(self.net_file, ["deploy"]) for _ in self.nets]
            for net, original in zip(nets, self.nets):
                net.share_with(original)
            return nets


def find_models(paths):
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


def last_snapshot(folder):
    """The folder's caffemodel of the latest iteration, or None."""
    of_iteration = {int(re.search(r"_iter_(\d+)$", file.stem).group(1)): file
                    for file in folder.glob("*_iter_*.caffemodel") if re.search(r"_iter_\d+$", file.stem)}
    return of_iteration[max(of_iteration)] if of_iteration else None


def find_net(model):
    """The prototxt that belongs to a model: that of the folder with prototxt/ which it lies in, else the project's."""
    for folder in [*Path(model).resolve().parents, ROOT]:
        if (folder / NET).exists():
            return folder / NET
    raise Problem("%s: no %s in any folder above it; name its net with --net" % (model, NET))
