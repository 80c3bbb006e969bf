"""A layer in its place in a net."""
from __future__ import annotations

from dataclasses import dataclass, field

import torch

from caffe import threads
from caffe.blob import Blob
from caffe.layer import Layer, Tape


@dataclass(eq=False)
class Node:
    """A layer, what it takes and makes, and what of its last pass is still needed."""

    layer: Layer
    bottom_names: list[str]
    bottoms: list[Blob]
    needs: list[bool]  # for each bottom, whether a backward computes its gradient
    top_names: list[str] = field(default_factory=list)
    tops: list[Blob] = field(default_factory=list)
    need_backward: bool = False
    tape: Tape | None = None  # of the last forward, for its backward
    ran: tuple[int, int] | None = None  # the key of the Stretch (stretches.py) in which it was run forward last

    @property
    def name(self) -> str:
        return self.layer.param.name

    def reshape(self) -> None:
        self.ran = None
        self.layer.reshape(self.bottoms, self.tops)

    def forward(self, backward_follows: bool) -> None:
        needs = self.needs if self.need_backward and backward_follows else None
        try:
            self.reshape()
            with threads.alone(needs is not None and self.layer.is_little):
                self.tape = self.layer.forward(self.bottoms, self.tops, needs)
        except Exception as error:
            self.layer.name_error(error)
            raise

    @property
    def weighed(self) -> list[Blob]:
        """The tops that count in the loss."""
        return [blob for blob, weight in zip(self.tops, self.layer.loss_weights) if weight]

    def losses(self) -> list[torch.Tensor]:
        """What the tops add to the loss, numbers."""
        return [(blob.tensor.float() * blob.grad).sum() for blob in self.weighed]

    def backward(self) -> None:
        if self.follows_blobs and self.tape and not self.tape.captured:
            taped = [*self.tape.inputs, *self.tape.weights]
            blobs = [*self.bottoms, *self.layer.blobs]
            if any(tensor.data_ptr() != blob.tensor.data_ptr() for tensor, blob in zip(taped, blobs)):
                self.tape = None
        try:
            with threads.alone(self.layer.is_little):
                self.layer.backward(self.tops, self.needs, self.bottoms, self.tape)
        except Exception as error:
            self.layer.name_error(error)
            raise

    @property
    def follows_blobs(self) -> bool:
        """Whether a backward is to go by what the blobs hold then, which in place is no more what it was."""
        return self.layer.follows_blobs and not any(blob in self.tops for blob in self.bottoms)

    def forget(self) -> None:
        """Free what nobody needs after the backward, but scripts."""
        if self.tape and not self.tape.captured:
            self.tape = None
        needed = [blob.gradients for blob in (*self.bottoms, *self.layer.blobs)]
        for blob in self.tops:
            if not blob.loss_weight and not any(blob.gradients is memory for memory in needed):
                blob.gradients.free()
