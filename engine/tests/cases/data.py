"""Parity cases of caffe/layer_types/data.py, hdf5.py and window_data.py, and of what is under them."""
import base64
import io

import numpy as np

import caffe
from parity import case

# Written by Pillow: 13 x 11, with subsampled colours, to be turned by its EXIF orientation; and 5 x 4, CMYK.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkS"
    "Ew8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy"
    "MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjL/wAARCAANAAsDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABgEC/8QAIhAAAgEDBAIDAAAA"
    "AAAAAAAAAQMCAAURBBIxURNBQmHS/8QAFQEBAQAAAAAAAAAAAAAAAAAABAX/xAAcEQACAgIDAAAAAAAAAAAAAAABAwACBSEisdH/2gAMAwEAAhED"
    "EQA/AMKuKIswyEziXpmOvupC8W7ZHdp3k458w/VCrzrmpbMxA+ZxR5eqaVxJI46FDeGVOj37KuPQW15Gf//Z")
JPEG_CMYK = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMTQ0NB8nOT04Mjwu"
    "MzQy/8AAFAgABQAEBEMRAE0RAFkRAEsRAP/EABcAAAMBAAAAAAAAAAAAAAAAAAAEBQb/xAAfEAACAwACAgMAAAAAAAAAAAABAgMEEQASBSEyQWH/"
    "2gAOBEMATQBZAEsAAD8AQvV0jmUKF9rp1d+zwYSqFyRcIB9oOVKfhYLMRkbqD2I+HMPfsWo7WLPgKg51/Of/2Q==")


def pixels(seed, *shape):
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def encoded(array, file_format="PNG"):
    """The image file, as bytes, of an H x W or H x W x K array."""
    from PIL import Image
    file = io.BytesIO()
    Image.fromarray(array).save(file, file_format)
    return file.getvalue()


def datum(data, label):
    """A Datum of a K x H x W array, or of the bytes of an image file."""
    if isinstance(data, bytes):
        return caffe.proto.caffe_pb2.Datum(data=data, encoded=True, label=label)
    return caffe.io.array_to_datum(data, label)


def lmdb(*datums):
    """Makes the database FOLDER/db."""
    def files(folder):
        import lmdb
        with lmdb.open(str(folder / "db"), map_size=1 << 22) as environment:
            with environment.begin(write=True) as transaction:
                for i, each in enumerate(datums):
                    transaction.put(b"%05d" % i, each.SerializeToString())
    return files


def with_mean(files, array):
    """The same files, and FOLDER/mean, a BlobProto of the array, 1 x K x H x W."""
    def both(folder):
        files(folder)
        num, channels, height, width = array.shape
        blob = caffe.proto.caffe_pb2.BlobProto(num=num, channels=channels, height=height, width=width)
        blob.data.extend(array.astype(float).flat)
        (folder / "mean").write_bytes(blob.SerializeToString())
    return both


def data(name, files, parameters="batch_size: 3", transform="", tops=2, steps=4, phase="TEST", **more):
    return case("data_" + name, 'type: "Data" data_param { source: "FOLDER/db" backend: LMDB %s } '
                'transform_param { %s }' % (parameters, transform), (), tops, phase, steps=steps, diffs=False,
                files=files, **more)


def image_files(images, lines):
    """Makes FOLDER/0.png, 1.png, ... and their list."""
    def files(folder):
        for i, image in enumerate(images):
            (folder / ("%d.png" % i)).write_bytes(encoded(image))
        (folder / "list").write_text(lines)
    return files


def image_file(data):
    """Makes FOLDER/0.jpg of these bytes, and the list."""
    def files(folder):
        (folder / "0.jpg").write_bytes(data)
        (folder / "list").write_text("0.jpg 1\n")
    return files


def image_data(name, files, parameters="batch_size: 2", transform="", steps=4, **more):
    return case("image_data_" + name, 'type: "ImageData" image_data_param { source: "FOLDER/list" '
                'root_folder: "FOLDER/" %s } transform_param { %s }' % (parameters, transform), (), 2, steps=steps,
                diffs=False, files=files, **more)


def hdf5(*rows, more=None):
    """Makes FOLDER/0.h5, ... with so many rows in datasets y0, y1 and y2, and their list."""
    def files(folder):
        import h5py
        random = np.random.RandomState(0)
        for i, count in enumerate(rows):
            with h5py.File(str(folder / ("%d.h5" % i)), "w") as file:
                file["y0"] = random.normal(size=(count, 3, 2)).astype(np.float32)
                file["y1"] = random.randint(-5, 5, count)
                file["y2"] = random.normal(size=(count, 1, 2, 1, 2))
        (folder / "list").write_text("".join("%s/%d.h5\n" % (folder, i) for i in range(len(rows))))
    return files


def hdf5_data(name, files, batch_size, tops=3, **more):
    return case("hdf5_data_" + name, 'type: "HDF5Data" hdf5_data_param { source: "FOLDER/list" batch_size: %d }'
                % batch_size, (), tops, steps=6, diffs=False, files=files, **more)


def dummy(name, parameters, tops=1, **more):
    return case("dummy_data_" + name, 'type: "DummyData" dummy_data_param { %s }' % parameters, (), tops, steps=2,
                diffs=False, **more)


def windows(*boxes):
    """Makes one image, 17 x 12, and the list of its windows."""
    def files(folder):
        (folder / "0.png").write_bytes(encoded(pixels(5, 12, 17, 3)))
        (folder / "list").write_text("# 0\n0.png\n3\n12\n17\n%d\n%s" % (len(boxes), "".join(
            "%s\n" % box for box in boxes)))
    return files


def window_data(name, files, parameters="", transform="crop_size: 6", **more):
    return case("window_data_" + name, 'type: "WindowData" window_data_param { source: "FOLDER/list" batch_size: 4 '
                'root_folder: "FOLDER/" %s } transform_param { %s }' % (parameters, transform), (), 2, steps=2,
                diffs=False, files=files, **more)


def memory_arrays(net):
    net.set_input_arrays(np.arange(72, dtype=np.float32).reshape(6, 3, 2, 2), np.arange(6, dtype=np.float32) * 3)


RAW = [datum(pixels(i, 3, 6, 5), 3 * i - 2) for i in range(7)]
FLOATS = [datum(pixels(i, 2, 3, 4) / 7. - 9, i) for i in range(4)]
SIZES = [datum(pixels(i, 3, 5 + i, 9 - i), i) for i in range(4)]
GREY = [datum(encoded(pixels(i, 6, 5)), i) for i in range(3)]
COLOUR = [datum(encoded(pixels(i, 6, 5, 3)), i) for i in range(3)]
ALPHA = [datum(encoded(pixels(i, 6, 5, 4)), i) for i in range(3)]
BITMAPS = [datum(encoded(pixels(i, 6, 5, 3), "BMP"), i) for i in range(3)]
JPEGS, JPEGS_CMYK = [datum(JPEG, 1)], [datum(JPEG_CMYK, 1)]
MEAN = pixels(9, 1, 3, 6, 5) / 3.
SMALL = image_files([pixels(i, 6, 5, 3) for i in range(3)], "0.png 4\n1.png -1\n2.png 7\n")
BOTH = windows("2 0.9 2 1 13 8", "5 0.1 3 4 9 10")
AT_CORNERS = windows("2 0.9 0 0 5 3", "5 0.1 9 4 16 11")

CASES = [
    data("raw", lmdb(*RAW)),
    data("no_label", lmdb(*RAW), tops=1),
    data("datum_without_label", lmdb(*RAW[:2], caffe.io.array_to_datum(pixels(3, 3, 6, 5)))),
    data("batch_beyond_the_end", lmdb(*RAW[:2]), "batch_size: 5"),
    data("rand_skip_is_ignored", lmdb(*RAW), "batch_size: 2 rand_skip: 5"),
    data("prefetch", lmdb(*RAW), "batch_size: 2 prefetch: 1"),
    data("floats", lmdb(*FLOATS)),
    data("many", lmdb(*[datum(pixels(i, 1, 1, 2), i) for i in range(300)]), "batch_size: 290", steps=2),
    data("scale", lmdb(*RAW), transform="scale: 0.00390625"),
    data("mean_value", lmdb(*RAW), transform="mean_value: 100 scale: 0.5"),
    data("mean_values", lmdb(*RAW), transform="mean_value: 100 mean_value: 110.5 mean_value: 120"),
    data("mean_file", with_mean(lmdb(*RAW), MEAN), transform='mean_file: "FOLDER/mean" scale: 0.25'),
    data("crop", lmdb(*RAW), transform="crop_size: 3"),
    data("crop_odd", lmdb(*RAW), transform="crop_size: 2 scale: 2"),
    data("crop_all_in_train", lmdb(*[datum(pixels(i, 3, 4, 4), i) for i in range(4)]), transform="crop_size: 4",
         phase="TRAIN"),
    data("crop_mean_file", with_mean(lmdb(*RAW), MEAN), transform='crop_size: 4 mean_file: "FOLDER/mean"'),
    data("crop_of_sizes", lmdb(*SIZES), transform="crop_size: 4 mean_value: 7"),
    data("sizes", lmdb(*SIZES), "batch_size: 1", steps=6),
    data("mirror_of_what_is_symmetric", lmdb(*[datum(np.repeat(pixels(i, 3, 4, 1), 5, 2), i) for i in range(4)]),
         transform="mirror: true mean_value: 3", phase="TRAIN"),
    *[data("encoded_%s%s" % (name, how), lmdb(*datums), transform=transform)
      for name, datums in (("grey", GREY), ("colour", COLOUR), ("alpha", ALPHA), ("bmp", BITMAPS),
                             ("jpeg", JPEGS), ("cmyk", JPEGS_CMYK))
      for how, transform in (("", ""), ("_as_colour", "force_color: true"), ("_as_grey", "force_gray: true"))],
    data("encoded_crop_mean", lmdb(*COLOUR),
         transform="crop_size: 3 mean_value: 1 mean_value: 2 mean_value: 3 scale: 2"),
    data("encoded_16_bits_as_grey", lmdb(datum(encoded(pixels(0, 6, 5).astype(np.uint16) * 257), 1)),
         transform="force_gray: true"),
    image_data("plain", SMALL),
    image_data("grey", SMALL, "batch_size: 3 is_color: false"),
    image_data("colour_of_grey", image_files([pixels(0, 5, 4), pixels(1, 5, 4)], "0.png 1\n1.png 2\n")),
    image_data("no_alpha", image_files([pixels(0, 5, 4, 4), pixels(1, 5, 4, 4)], "0.png 1\n1.png 2\n")),
    image_data("lines", image_files([pixels(i, 4, 4, 3) for i in range(3)],
                                    "0.png 1x\n1.png -2\r\n2.png\n0.png z")),
    image_data("jpeg", image_file(JPEG)),
    image_data("jpeg_grey", image_file(JPEG), "is_color: false"),
    image_data("sizes", image_files([pixels(i, 4 + i, 5, 3) for i in range(3)], "0.png 1\n1.png 2\n2.png 3\n"), ""),
    *[image_data("resize_%d_%d_to_%d_%d" % sizes, image_files([pixels(i, *sizes[:2], 3) for i in range(2)],
                                                              "0.png 0\n1.png 1\n"),
                 "batch_size: 2 new_height: %d new_width: %d" % sizes[2:], steps=1)
      for sizes in ((9, 7, 5, 4), (5, 6, 9, 8), (8, 12, 4, 6), (8, 12, 4, 5), (6, 6, 6, 6), (3, 4, 6, 8), (1, 1, 3, 2),
                    (5, 4, 1, 1), (40, 30, 7, 8))],
    image_data("resize_crop_mean", image_files([pixels(i, 9, 8 + i, 3) for i in range(2)], "0.png 0\n1.png 1\n"),
               "batch_size: 2 new_height: 6 new_width: 7", "crop_size: 3 mean_value: 5 scale: 0.1", phase="TEST"),
    hdf5_data("one_file", hdf5(5), 3),
    hdf5_data("files", hdf5(3, 1, 4), 3),
    hdf5_data("batch_of_all", hdf5(2, 3), 11),
    hdf5_data("one_top", hdf5(4), 2, tops=1),
    dummy("default_filler", "shape { dim: 2 dim: 3 }"),
    dummy("constant", 'shape { dim: 2 dim: 3 } data_filler { type: "constant" value: 3 }'),
    dummy("tops", 'shape { dim: 2 } shape { dim: 1 dim: 1 dim: 2 dim: 2 dim: 1 } data_filler { value: 1 } '
          'data_filler { value: -2 }', 2),
    dummy("one_shape_for_all", "shape { dim: 2 dim: 2 } data_filler { value: 5 }", 3),
    dummy("legacy", "num: 2 channels: 3 height: 1 width: 4 data_filler { value: 7 }", 2),
    dummy("legacy_a_top", "num: 2 num: 3 channels: 1 height: 2 height: 1 width: 4 data_filler { value: 7 }", 2),
    dummy("bilinear", 'shape { dim: 2 dim: 1 dim: 4 dim: 4 } data_filler { type: "bilinear" }'),
    dummy("no_axes", "shape { }"),
    case("memory_data", 'type: "MemoryData" memory_data_param { batch_size: 2 channels: 3 height: 2 width: 2 }', (), 2,
         steps=5, diffs=False, prepare=memory_arrays),
    window_data("warp", BOTH),
    window_data("no_objects", BOTH, "fg_fraction: 0"),
    window_data("objects_only", BOTH, "fg_fraction: 1"),
    window_data("half", BOTH, "fg_fraction: 0.6"),
    window_data("thresholds", windows("2 0.4 2 1 13 8", "5 0.3 3 4 9 10", "5 0.35 1 1 2 2"),
                "fg_threshold: 0.4 bg_threshold: 0.35"),
    window_data("scale_and_means", BOTH, "scale: 0.5", "crop_size: 5 mean_value: 100 mean_value: 90 mean_value: 80"),
    window_data("scale_of_transform_param_is_ignored", BOTH, "", "crop_size: 5 mean_value: 100 scale: 3"),
    window_data("mean_file", with_mean(BOTH, pixels(9, 1, 3, 9, 9) / 3.), "",
                'crop_size: 6 mean_file: "FOLDER/mean"'),
    window_data("context", BOTH, "context_pad: 1"),
    window_data("square", BOTH, 'crop_mode: "square"'),
    window_data("context_at_corners", AT_CORNERS, "context_pad: 2", "crop_size: 7"),
    window_data("square_at_corners", AT_CORNERS, 'crop_mode: "square" context_pad: 1', "crop_size: 8 mean_value: 3"),
    window_data("context_mean_file", with_mean(AT_CORNERS, pixels(9, 1, 3, 9, 9) / 3.), "context_pad: 2",
                'crop_size: 7 mean_file: "FOLDER/mean"'),
    window_data("cache", BOTH, "cache_images: true"),
]
