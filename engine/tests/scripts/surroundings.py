"""What scripts do around nets: solvers, arrays as data, protobufs and images, the module's functions."""
import os

import numpy as np

import caffe
import caffe.coord_map
from caffe import layers as L
from caffe import params as P
from caffe.proto import caffe_pb2
from scripts.behaviour import BRANCHES, NET, _net, _write


def solver():
    """step, iter, lr, net and test_nets with shared weights, callbacks, snapshot, restore, apply_update, param."""
    _write("net.prototxt", NET)
    _write("solver.prototxt", """net: "net.prototxt" test_iter: 10 test_interval: 10 base_lr: 0.01 momentum: 0.9
        weight_decay: 0.0005 lr_policy: "inv" gamma: 0.0001 power: 0.75 display: 100 max_iter: 100
        snapshot_after_train: false snapshot_prefix: "model" solver_mode: CPU""")
    solver = caffe.get_solver("solver.prototxt")
    called, seen = [], {"start": solver.iter, "test nets": len(solver.test_nets), "type": type(solver).__name__}
    solver.add_callback(lambda: called.append("start %d" % solver.iter),
                        lambda: called.append("ready %d" % solver.iter))
    solver.step(3)
    seen.update(iter=solver.iter, called=called[:], lr=solver.lr, ip=solver.net.params["ip"][0].data.copy())
    solver.test_nets[0].share_with(solver.net)
    solver.net.params["ip"][1].data[...] = 4
    seen["test net"] = solver.test_nets[0].params["ip"][1].data.copy()
    solver.snapshot()
    seen["files"] = sorted(name for name in os.listdir(".") if "_iter_" in name)
    solver.step(2)
    after = solver.net.params["conv"][0].data.copy()
    again = caffe.SGDSolver("solver.prototxt")
    again.restore("model_iter_3.solverstate")
    seen["restored"] = [again.iter, np.abs(again.net.params["ip"][1].data - 4).max()]
    again.step(2)
    seen["resumed"] = np.abs(again.net.params["conv"][0].data - after).max() < 1e-6
    again.net.clear_param_diffs()
    again.net.forward()
    again.net.backward()
    again.apply_update()
    seen["by hand"] = again.net.params["conv"][0].data.copy()
    solver.solve()
    seen["solved"] = [solver.iter, solver.net.params["ip"][0].data.sum()]
    seen["isinstance"] = [isinstance(solver.net, caffe.Net), isinstance(again, caffe.SGDSolver)]
    return seen


def memory_data():
    """set_input_arrays, on a net that begins with MemoryData."""
    net = _net("""layer { name: "data" type: "MemoryData" top: "data" top: "label"
        memory_data_param { batch_size: 2 channels: 1 height: 2 width: 3 } }
      layer { name: "power" type: "Power" bottom: "data" top: "out" power_param { scale: 2 } }
      layer { name: "silence" type: "Silence" bottom: "label" }""")
    data = np.arange(24, dtype=np.float32).reshape(4, 1, 2, 3)
    net.set_input_arrays(data, np.arange(4, dtype=np.float32))
    seen = {}
    for i in range(3):
        out = net.forward(["label"])
        seen["out %d" % i], seen["label %d" % i] = out["out"].copy(), out["label"].copy()
    return seen


def io():
    """Protobuf helpers and the Transformer."""
    random = np.random.RandomState(0)
    array, image = random.normal(size=(2, 3, 4, 5)).astype(np.float32), random.uniform(size=(7, 9, 3))
    blob = caffe.io.array_to_blobproto(array, 2 * array)
    old = caffe_pb2.BlobProto(num=1, channels=1, height=2, width=3, data=range(6))
    datum, pixels = caffe.io.array_to_datum(array[0], 3), random.randint(256, size=(3, 4, 5)).astype(np.uint8)
    vector = caffe.io.arraylist_to_blobprotovector_str([array, array[0]])
    transformer = caffe.io.Transformer({"data": (1, 3, 6, 5)})
    plain = transformer.preprocess("data", image)
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_channel_swap("data", (2, 0, 1))
    transformer.set_raw_scale("data", 255)
    transformer.set_mean("data", random.uniform(size=(3, 8, 8)))
    transformer.set_input_scale("data", 0.017)
    ready = transformer.preprocess("data", image)
    return {"blob": caffe.io.blobproto_to_array(blob), "diff": caffe.io.blobproto_to_array(blob, return_diff=True),
            "dtype": str(caffe.io.blobproto_to_array(blob).dtype),
            "bytes": np.frombuffer(blob.SerializeToString(), "u1"),
            "scalar": caffe.io.blobproto_to_array(caffe.io.array_to_blobproto(np.array(123))),
            "old": caffe.io.blobproto_to_array(old), "datum": caffe.io.datum_to_array(datum), "label": datum.label,
            "pixels": caffe.io.datum_to_array(caffe.io.array_to_datum(pixels)),
            "sizes": [len(caffe.io.array_to_datum(pixels, label).SerializeToString()) for label in (None, 0, 1)],
            "vector": caffe.io.blobprotovector_str_to_arraylist(vector)[1], "plain": plain, "ready": ready,
            "back": transformer.deprocess("data", ready[np.newaxis]), "mean": transformer.mean["data"],
            "resized": caffe.io.resize_image(image, (3, 4)), "channels": caffe.io.resize_image(
                random.uniform(size=(4, 5, 6)), (7, 3)), "flat": caffe.io.resize_image(np.ones((4, 4, 3)), (2, 3)),
            "oversampled": caffe.io.oversample([image, 1 - image], (4, 5))}


def seeds():
    """After one seed: nets and solvers that differ, layers of one name too, and after the same again the same ones."""
    drawn = """layer { name: "%s" type: "DummyData" top: "%s"
      dummy_data_param { shape { dim: 3 dim: 40 } data_filler { type: "gaussian" } } }
      layer { name: "drop" type: "Dropout" bottom: "%s" top: "d%s" }"""
    names = ("", "a"), ("", "b"), ("c", "c")
    _write("net.prototxt", "".join(drawn % (name, top, top, top) for name, top in names) + """
      layer { name: "ip" type: "InnerProduct" bottom: "dc" top: "y"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
      layer { name: "ip" type: "InnerProduct" bottom: "dc" top: "z"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }""")
    text = """net: "net.prototxt" base_lr: 0.01 lr_policy: "fixed" solver_mode: CPU snapshot_prefix: "s"
      test_iter: 1 test_iter: 1 test_interval: 10 %s"""
    _write("solver.prototxt", text % "")
    _write("seeded.prototxt", text % "random_seed: 7")

    def draw(nets):
        found = []
        for net in nets:
            net.forward()
            found += [layer.blobs[0].data.copy() for layer in net.layers if layer.type == "InnerProduct"]
            found += [net.blobs[name].data.copy() for name in ("a", "b", "da", "db", "dc")]
        return found

    def after(start):
        start()
        nets = [caffe.Net("net.prototxt", phase) for phase in (caffe.TRAIN, caffe.TRAIN, caffe.TEST)]
        solver = caffe.get_solver("solver.prototxt")
        nets += [solver.net] + list(solver.test_nets) + [caffe.SGDSolver("solver.prototxt").net]
        return draw(nets)

    seen = {}
    for name, start in (("seed", lambda: caffe.set_random_seed(1)),
                        ("solver", lambda: caffe.SGDSolver("seeded.prototxt"))):
        first, again = after(start), after(start)
        seen[name + " repeats"] = [np.array_equal(a, b) for a, b in zip(first, again)]
        seen[name + " alike"] = sum(np.array_equal(a, b) for i, a in enumerate(first) for b in first[:i])
    return seen


def functions():
    """Those of the module itself."""
    caffe.set_mode_cpu()
    caffe.set_random_seed(3)
    timer = caffe.Timer()
    timer.start()
    timer.stop()
    public = "AdaDeltaSolver AdaGradSolver AdamSolver Classifier Detector Layer NCCL NesterovSolver Net NetSpec " \
        "RMSPropSolver SGDSolver TEST TRAIN Timer __version__ classifier detector get_solver has_nccl init_log io " \
        "layer_type_list layers log net_spec params proto pycaffe set_device set_mode_cpu set_mode_gpu " \
        "set_multiprocess set_random_seed set_solver_count set_solver_rank solver_count solver_rank to_proto _caffe"
    net = _net(BRANCHES)
    members = {
        net: "_backward _batch _blob_loss_weights _blob_names _blobs _bottom_ids _forward _inputs _layer_names "
        "_outputs _set_input_arrays _top_ids after_backward after_forward backward before_backward before_forward "
        "blob_loss_weights blobs bottom_names clear_param_diffs copy_from forward forward_all forward_backward_all "
        "inputs layer_dict layers load_hdf5 outputs params reshape save save_hdf5 set_input_arrays share_with "
        "top_names",
        caffe.SGDSolver: "add_callback apply_update iter lr restore share_weights snapshot solve step",
        caffe.Layer: "reshape setup type", caffe.Timer: "ms start stop", caffe.NetSpec: "to_proto",
        caffe.Classifier: "predict", caffe.Detector: "configure_crop crop detect_selective_search detect_windows",
        net.blobs["x"]: "channels count data diff height num reshape shape width",
        caffe._caffe.BlobVec: "add_blob append extend",
        caffe.io: "Transformer array_to_blobproto array_to_datum arraylist_to_blobprotovector_str blobproto_to_array "
        "blobprotovector_str_to_arraylist caffe_pb2 datum_to_array load_image oversample resize_image",
        caffe.net_spec: "Function Layers NetSpec Parameters Top assign_proto layers params to_proto",
        caffe.coord_map: "AxisMismatchException PASS_THROUGH_LAYERS UndefinedMapException compose conv_params "
        "coord_map coord_map_from_to crop crop_params inverse"}
    missing = [name for owner, names in members.items() for name in names.split() if not hasattr(owner, name)]
    from caffe.pycaffe import NCCL, AdaDeltaSolver, AdaGradSolver, AdamSolver, NesterovSolver, Net, RMSPropSolver, Timer
    from caffe.pycaffe import SGDSolver as SGD
    same = NCCL, AdaDeltaSolver, AdaGradSolver, AdamSolver, Net, NesterovSolver, RMSPropSolver, SGD, Timer
    caffe.set_mode_gpu()  # no GPU is used
    caffe.set_mode_cpu()
    return {"there": [hasattr(caffe, name) for name in public.split()], "missing": missing,
            "same": [getattr(caffe, thing.__name__) is thing for thing in same],
            "descriptors": sorted(name + " " + value.full_name for name, value in vars(caffe_pb2).items()
                                  if name[:1] == "_" and name.upper() == name and hasattr(value, "full_name")),
            "layer types": sorted("%s %d" % (value.name, value.number)
                                  for value in caffe_pb2._V1LAYERPARAMETER_LAYERTYPE.values),
            "version": caffe.__version__,
            "types": sorted(caffe.layer_type_list()), "phases": [caffe.TRAIN, caffe.TEST], "nccl": caffe.has_nccl(),
            "solvers": [caffe.solver_count(), caffe.solver_rank()], "timer": timer.ms >= 0, "pool": P.Pooling.AVE,
            "eltwise": P.Eltwise.MAX, "function": callable(caffe.log), "layers": callable(L.Anything)}
