"""What the engine raises when a net, a solver or a file is wrong."""


class CaffeError(RuntimeError):
    """Something wrong in what the user gave: a net, a solver, weights, data. One line naming it and the remedy.

    BVLC's Caffe logs the like as fatal and aborts; the `caffe` command does so here, too.
    """
