"""How prototxts are read: a thousand and more, right and wrong, as genuine Caffe reads them, word for word.

prototext_runs.py has them; what genuine Caffe says is recorded (`python record.py prototexts` records it again).
"""
import json
import re

import numpy as np
import pytest
from google.protobuf import text_format

import prototext_runs
from caffe import build, prototext
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from genuine import HERE, needs_genuine, record_prototexts

RECORD = HERE / "recorded" / "prototexts.npz"


def said(path):
    return json.loads(np.load(path)["said"].tobytes())


def engine_says(text):
    """As prototext_runs.genuine_says, but for the layer's name, and with the message in the place of its print."""
    message = caffe_pb2.SolverParameter()
    try:
        prototext.merge((prototext_runs.TWO_NETS + text).encode("latin-1"), message)
        return message
    except prototext.ParseError as error:
        return re.sub(r" \(layer [^)]*\)$", "", str(error))


def printed(text):
    """The message of genuine Caffe's print of it."""
    message = caffe_pb2.SolverParameter()
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError:  # Python's refuses strings that are not UTF-8
        message.Clear()
        prototext.merge(text.encode("latin-1"), message)
        return message


def test_every_text_is_read_or_refused_as_by_genuine_caffe():
    expected = said(RECORD)
    assert list(expected) == list(dict.fromkeys(prototext_runs.texts()))
    refused = 0
    for text, theirs in expected.items():
        ours = engine_says(text)
        if isinstance(ours, str):
            refused += 1
            assert ours == theirs, text
            continue
        theirs = printed(theirs)
        for message in ours, theirs:  # what genuine Caffe has changed by the time it prints
            for name in "snapshot_prefix", "solver_type", "type":
                message.ClearField(name)
        assert str(ours) == str(theirs), text
    assert len(expected) / 10 < refused < len(expected) * 9 / 10


@needs_genuine
@pytest.mark.parametrize("every", [100, pytest.param(1, marks=pytest.mark.full)])
def test_the_record_is_what_genuine_caffe_says(every, tmp_path):
    record_prototexts(tmp_path / "fresh.npz", tmp_path, every)
    fresh, recorded = said(tmp_path / "fresh.npz"), said(RECORD)
    assert fresh == {text: recorded[text] for text in fresh} and len(fresh) >= 1000 / every


@pytest.mark.parametrize("text, message", [
    ('layer { name: "a" }\nlayer { name: "conv1" fork_param { } }',
     '2:34: Message type "caffe.LayerParameter" has no field named "fork_param". (layer conv1)'),
    ('layer { relu_param { slope: 1 } type: "x" name: "b" }',
     '1:27: Message type "caffe.ReLUParameter" has no field named "slope". (layer b)'),
    ('layer { name: "a{" top: 3', "1:25: Expected string, got: 3 (layer a{)"),
    ('layers { layer { name: "old" wide: 3 } }',
     '1:34: Message type "caffe.V0LayerParameter" has no field named "wide". (layer old)'),
    ("layer { param { name: 'w' } foo: 1 }", 'no field named "foo".'),
    ('name: "n"\nname: "n"', '2:5: Non-repeated field "name" is specified multiple times.')])
def test_the_file_and_the_layer_are_named(text, message, tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    with pytest.raises(CaffeError) as error:
        build.read_net(path)
    assert str(error.value).startswith("%s: not a NetParameter prototxt: " % path)
    assert str(error.value).endswith(message)


def test_text_that_is_not_utf_8_harms_its_string_alone(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes('# gr\xfcn\nname: "caf\xe9" layer { name: "\u20ac" }'.encode("cp1252"))
    net = build.read_net(path)
    assert net.name == "caf\ufffd" and net.layer[0].name == "\ufffd"
