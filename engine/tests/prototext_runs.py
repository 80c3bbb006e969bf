r"""Prototxts, right and wrong, and what genuine Caffe says of them, for test_prototext.py.

    .bvlc/bin/python prototext_runs.py OUT.npz      in engine/tests; `python record.py prototexts` does it

They are solvers, for genuine Caffe prints a solver as soon as it is read; the nets lie in them. One with two train nets
goes no further.
"""
import json
import os
import random
import re
import resource
import signal
import sys
from pathlib import Path

import numpy as np

MUTATED = 1000
TWO_NETS = 'train_net: "" train_net_param { }\n'
SOLVER = """net: "net.prototxt" test_iter: [10, 20] test_interval: 500 base_lr: 0.01 # as in the paper
momentum: .9 weight_decay: 5e-4 lr_policy: 'multistep' gamma: 0.1f stepvalue: 0x10; stepvalue: 020,
max_iter: 450000 snapshot_prefix: "models" "/x" solver_mode: GPU snapshot_format: 1 random_seed: - 1
test_state: { stage: ["a\\tb", "c"] not_stage: '\\x41\\101' } net_param < name: "n" debug_info: true layer { name: "ip"
type: "InnerProduct" bottom: "x" top: "y" loss_weight: 1 param { lr_mult: -1 } inner_product_param { num_output: 2
weight_filler { type: "gaussian" std: 1.E-2 sparse: 3 } } blobs { shape { dim: 2 dim: 1 } data: [inf, - nan] } }
layer { name: "p" type: "Pooling" pooling_param { pool: AVE global_pooling: t } } >
"""

PIECES = [*[" ", "\n", "\t", "# c\n", "0", "1"] * 5, "{", "}", "<", ">", "[", "]", ":", ";", ",", "#", '"', "'", "\\",
          "-", "+", ".", "e", "E", "x", "X", "f", "F", "0", "1", "9", " ", "\n", "\t", "\r", "_", "a", "\xe9",
          "\xc2\xa0", "\0", "\1", "\xff", "- ", "0x", "\\x", "\\u12", "\\u00e9", "\\U0010ffff", "nan", "inf", "true",
          "'a' ", "[1, 2]", "foo: 1 ", "foo { } ", "# c\n", "\\n", 'name: "q" ', "layer { } ", "base_lr: 1 ", "[a.b] ",
          "08", "0.1.", "\xef\xbb\xbf"]
VALUES = {  # field of a solver -> what is tried as its value
    "base_lr": ["- 1", "+1", "-\n1", "1f", "1.5F", "1.", "0x10", "010", "08", "1e", "1e+", "- inf", "INF", "Infinity",
        "-nan", "infinityf", ".5", "-.5", ".", "1e400", "-1e-400", "1_0", "0x", "1.5.2", "1a", "'1'", "true", "--1",
        "1 2", "99999999999999999999", "0x1p3", "00.1", "0.1e1f", "1.f", "1/2", "f", "\t1 \t1"],
    "max_iter": ["- 1", "+1", "0x10", "010", "08", "1.0", "1e2", "- 0x1", "2147483647", "2147483648", "-2147483648",
        "-2147483649", "99999999999999999999", "true", "'1'", "-010", "0X1F", "0x", "[1]", "0b1", "3display: 2"],
    "random_seed": ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"],
    "test_compute_loss": ["true", "True", "TRUE", "t", "T", "1", "0", "2", "f", "01", "0x1", "yes", "'true'", "-0",
        "1.0"],
    "snapshot_format": ["HDF5", "1", "2", "hdf5", "'HDF5'", "-1", "- 1", "0x1", "00", "HDF-5", "1.0", "4294967296"],
    "net": ["'a'", '"a" \'b\'', '"a\nb"', r'"\x41g\1011\777"', r'"\q"', r'"\xg"', r'"\8"', '"a', "a", '"\xff"',
        '"\t\1"', r'"\a\b\f\v\r\t\?\'\""', '"\\\n"', '"a\\', '"\0"', r'"\u12"', r'"\U0010ffff"', r'"\U00200000"',
        r'"\U001"', r'"\XA"', "`a`", "1", '""'],
    "stepvalue": ["[1, 2]", "[]", "[1,]", "[,1]", "[1 2]", "1, stepvalue: 2;", "1,, stepvalue: 2",
        "[- 1] stepvalue: [3]", "[[1]]", "1 stepvalue 2", "[5", "[5}"]}
WHOLE = ["", "{", "}", ":", "base_lr", "base_lr:", "base_lr 1", "base_lr = 1", "Base_lr: 1", "foo: 1", "foo { a: 1 }",
         "2: 1", "a.b: 1", "[a.b] { }", "[a/b] { }", "// c", "max_iter: 3 # \xff\0", "\xef\xbb\xbfmax_iter: 3", "$",
         "a.1", "max_iter:\v3\fdisplay: 2\rnet: 'a'\r\nsnapshot: 3", "max_iter:\xc2\xa03", "max_iter: 3\0",
         ";max_iter: 3", "base_lr: 1\nbase_lr: 1", "snapshot_format: HDF5 snapshot_format: HDF5",
         "net_param { } net_param { }", "net_param: < name: 'a' >", "net_param { name: 'a' >", "net_param { name: 'a'",
         "net_param { } }", "net_param 'a'", "net_param { name: 'a' name: 'b' }",
         "test_net_param: [ { name: 'a' }, < name: 'b' > ]", "test_net_param { } test_net_param { }",
         "net_param { state { phase: TEST phase: TEST } }", "net_param", "net_param:", "net_param {"]


def texts():
    """All of them, a character a byte, without what keeps genuine Caffe from going on."""
    written = WHOLE + ["%s: %s" % (field, value) for field, values in VALUES.items() for value in values]
    corpus = [SOLVER] * 4
    for path in sorted((Path(__file__).parent / "older_formats").glob("*.prototxt")):
        text = path.read_text(encoding="latin-1")
        corpus.append(text if path.stem.startswith("solver") else "net_param {\n%s}" % text)
    choice = random.Random(0)
    return written + [_mutated(choice.choice(corpus), choice) for _ in range(MUTATED)]


def _mutated(text, choice):
    """The text with a piece or two removed, added, replaced, or doubled elsewhere."""
    for _ in range(choice.choice([1, 1, 1, 2])):
        place, kind = choice.randrange(len(text) + 1), choice.randrange(4)
        end = place + (kind in (0, 2)) * choice.choice([1, 1, 9])
        start = choice.randrange(len(text) + 1)
        piece = ["", choice.choice(PIECES), choice.choice(PIECES), text[start:start + choice.randrange(1, 25)]][kind]
        text = text[:place] + piece + text[end:]
    return text


def genuine_says(text):
    """The first error in reading it, or the solver that was read, printed."""
    with open("solver.prototxt", "wb") as file:
        file.write((TWO_NETS + text).encode("latin-1"))
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writer, 2)
        signal.alarm(20)
        import caffe
        caffe.SGDSolver("solver.prototxt")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read().decode("latin-1")
    os.waitpid(child, 0)
    found = (re.search(r"Error parsing text-format caffe.SolverParameter: (.*)", said)
             or re.search(r"Initializing solver from parameters: \n(.*?)\n[IWEF]\d{4} ", said, re.S))
    return found[1]


def record(out, every=1):
    """Write {text: what genuine Caffe says} of every so many, as JSON in an .npz file, which packs it well."""
    import caffe  # noqa: F401  once, for all children
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = json.dumps({text: genuine_says(text) for text in texts()[::every]})
    np.savez_compressed(out, said=np.frombuffer(said.encode(), np.uint8))


if __name__ == "__main__":
    record(sys.argv[1], *map(int, sys.argv[2:]))
