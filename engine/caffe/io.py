"""Images, datums and blobs to and from arrays.

Images are H x W x K, float32 in 0..1, RGB, as load_image gives them; a net's inputs are K x H x W.
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from caffe.proto import caffe_pb2
from caffe.serialize import array_to_blobproto as _array_to_blobproto


def __getattr__(name):
    """What BVLC's module imports, and scripts take from here: skimage, resize and zoom. Imported when asked for."""
    if name == "skimage":
        import skimage.io
        return skimage
    if name == "resize":
        from skimage.transform import resize
        return resize
    if name == "zoom":
        from scipy.ndimage import zoom
        return zoom
    raise AttributeError("module caffe.io has no %r" % name)


def array_to_blobproto(arr: npt.ArrayLike, diff: npt.ArrayLike | None = None) -> caffe_pb2.BlobProto:
    """A BlobProto of the array and, unless None, of its gradients `diff`."""
    return _array_to_blobproto(np.asarray(arr), diff)


def blobproto_to_array(blob: caffe_pb2.BlobProto, return_diff: bool = False) -> np.ndarray:
    """The numbers of a BlobProto, or its gradients, as an array of its shape, float64."""
    values = np.array(blob.diff if return_diff else blob.data, float)
    if any(blob.HasField(name) for name in ("num", "channels", "height", "width")):
        return values.reshape(blob.num, blob.channels, blob.height, blob.width)
    return values.reshape(blob.shape.dim)


def arraylist_to_blobprotovector_str(arraylist: Iterable[npt.ArrayLike]) -> bytes:
    """The arrays as a serialised BlobProtoVector."""
    return caffe_pb2.BlobProtoVector(blobs=map(array_to_blobproto, arraylist)).SerializeToString()


def blobprotovector_str_to_arraylist(str: bytes) -> list[np.ndarray]:
    """The arrays in a serialised BlobProtoVector."""
    return [blobproto_to_array(blob) for blob in caffe_pb2.BlobProtoVector.FromString(str).blobs]


def array_to_datum(arr: np.ndarray, label: int | None = None) -> caffe_pb2.Datum:
    """A Datum of a C x H x W array: bytes if it is uint8, else floats. Raises ValueError for another number of axes."""
    if arr.ndim != 3:
        raise ValueError("Incorrect array shape.")
    channels, height, width = arr.shape
    datum = caffe_pb2.Datum(channels=channels, height=height, width=width)
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.astype(float).flat)
    if label is not None:
        datum.label = label
    return datum


def datum_to_array(datum: caffe_pb2.Datum) -> np.ndarray:
    """The C x H x W array of a Datum: uint8, or float64 if it holds floats. The label is datum.label."""
    if datum.data:
        values = np.frombuffer(datum.data, np.uint8).copy()
    else:
        values = np.array(datum.float_data, float)
    return values.reshape(datum.channels, datum.height, datum.width)


class Transformer:
    """Brings images into the form of a net's inputs, and back. inputs: {blob name: shape, (N, K, H, W)}.

    What is set for an input is applied in this order: resizing to H x W, transpose, channel swap, raw scale, mean
    subtraction, input scale. For instance, for a net trained on BGR images in 0..255:

        transformer = caffe.io.Transformer({"data": net.blobs["data"].data.shape})
        transformer.set_transpose("data", (2, 0, 1))
        transformer.set_channel_swap("data", (2, 1, 0))
        transformer.set_raw_scale("data", 255)
        transformer.set_mean("data", np.array([104, 117, 123]))
        net.blobs["data"].data[...] = transformer.preprocess("data", caffe.io.load_image("cat.jpg"))
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]):
        self.inputs = inputs
        self.transpose, self.channel_swap, self.raw_scale, self.mean, self.input_scale = {}, {}, {}, {}, {}

    def _check_input(self, in_):
        if in_ not in self.inputs:
            raise Exception("%s is not one of the net inputs: %s" % (in_, self.inputs))

    def preprocess(self, in_: str, data: npt.ArrayLike) -> np.ndarray:
        """An image, H' x W' x K, as the input `in_` wants it: float32, of the input's shape without N."""
        self._check_input(in_)
        values = np.asarray(data).astype(np.float32, copy=False)
        size = tuple(self.inputs[in_][2:])
        if values.shape[:2] != size:
            values = resize_image(values, size)
        if in_ in self.transpose:
            values = values.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            values = values[self.channel_swap[in_], :, :]
        for settings, apply in ((self.raw_scale, np.multiply), (self.mean, np.subtract),
                                (self.input_scale, np.multiply)):
            if settings.get(in_) is not None:
                values = apply(values, settings[in_]).astype(np.float32)
        return values

    def deprocess(self, in_: str, data: npt.ArrayLike) -> np.ndarray:
        """What `preprocess` undoes: the image, H x W x K, of values of the input `in_`. The size stays."""
        self._check_input(in_)
        data = np.asarray(data)
        values = data.copy()
        if in_ in self.transpose:  # an axis of 1 among those of the image stays
            values = values.reshape(values.shape[-len(self.transpose[in_]):])
        else:
            values = values.squeeze()
        for settings, undo in ((self.input_scale, np.divide), (self.mean, np.add), (self.raw_scale, np.divide)):
            if settings.get(in_) is not None:
                values = undo(values, settings[in_])
        if in_ in self.channel_swap:
            values = values[np.argsort(self.channel_swap[in_]), :, :]
        if in_ in self.transpose:
            values = values.transpose(np.argsort(self.transpose[in_]))
        return values.astype(np.result_type(data.dtype, np.float32), copy=False)

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """The order of an image's axes (H, W, K) in the net: (2, 0, 1) for K x H x W."""
        self._check_input(in_)
        if len(order) != len(self.inputs[in_]) - 1:
            raise Exception("Transpose order needs to have the same number of dimensions as the input.")
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """The order of the channels in the net: (2, 1, 0) for RGB images and a net that takes BGR."""
        self._check_input(in_)
        if len(order) != self.inputs[in_][1]:
            raise Exception("Channel swap needs to have the same number of dimensions as the input channels.")
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """What images are multiplied by before the mean is subtracted: 255 for nets that take 0..255."""
        self._check_input(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: npt.ArrayLike) -> None:
        """What is subtracted: a number a channel, or an array, K x H x W or H x W, that is resized to the input."""
        self._check_input(in_)
        mean, (channels, *size) = np.asarray(mean), self.inputs[in_][1:]
        if mean.ndim == 1:
            mean = mean[:, np.newaxis, np.newaxis]
        elif mean.ndim == 2:
            mean = np.tile(mean, (channels, 1, 1))
        if mean.ndim != 3:
            raise ValueError("Mean shape invalid: %s" % (mean.shape,))
        if mean.shape[0] != channels:
            raise ValueError("Mean channels incompatible with input: %d for %d" % (mean.shape[0], channels))
        if mean.shape[1:] not in ((1, 1), tuple(size)):
            mean = resize_image(mean.transpose(1, 2, 0), size).transpose(2, 0, 1)
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """What values are multiplied by after the mean is subtracted."""
        self._check_input(in_)
        self.input_scale[in_] = scale


def load_image(filename: str | os.PathLike, color: bool = True) -> np.ndarray:
    """The image file as H x W x 3 (colour, RGB; grey is repeated) or H x W x 1, float32, in 0..1."""
    import skimage
    from skimage import color as colors
    from skimage.io import imread
    image = skimage.img_as_float(imread(filename))
    if image.ndim == 3 and image.shape[2] == 2:  # grey with transparency
        image = image[:, :, 0]
    if image.ndim == 3 and not color:
        image = colors.rgb2gray(colors.rgba2rgb(image) if image.shape[2] == 4 else image)
    image = image.astype(np.float32)
    if image.ndim == 2:
        return np.tile(image[:, :, np.newaxis], (1, 1, 3 if color else 1))
    return image[:, :, :3]  # without transparency


def resize_image(im: np.ndarray, new_dims: Sequence[int], interp_order: int = 1) -> np.ndarray:
    """The image, H x W x K, resized to new_dims, (H', W'), by interpolation of this order: float32."""
    if im.shape[-1] not in (1, 3):
        from scipy.ndimage import zoom
        factors = tuple(np.array(new_dims, float) / im.shape[:2]) + (1,)
        return zoom(im, factors, order=interp_order).astype(np.float32)
    from skimage.transform import resize
    low, high = im.min(), im.max()
    if high <= low:
        return np.full((*new_dims, im.shape[-1]), low, np.float32)
    resized = resize((im - low) / (high - low), new_dims, order=interp_order, mode="constant")  # it wants 0..1
    return (resized * (high - low) + low).astype(np.float32)


def oversample(images: Sequence[np.ndarray] | np.ndarray, crop_dims: npt.ArrayLike) -> np.ndarray:
    """Crops of (H, W) of each image: the four corners and the centre, and then the five mirrored. 10 N x H x W x K."""
    image_dims, crop_dims = np.array(images[0].shape[:2]), np.array(crop_dims)
    height, width = crop_dims
    bottom, right = image_dims - crop_dims
    centre = [int(start) for start in image_dims / 2 - crop_dims / 2]
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), centre]
    crops = np.empty((len(images), 2, 5, height, width, images[0].shape[-1]), np.float32)
    for i, image in enumerate(images):
        for j, (y, x) in enumerate(corners):
            crops[i, 0, j] = image[y:y + height, x:x + width]
    crops[:, 1] = crops[:, 0, :, :, ::-1]
    return crops.reshape(-1, *crops.shape[3:])
