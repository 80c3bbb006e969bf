"""Caffe's messages as protobuf classes, made from caffe.proto when this module is imported.

No protoc, and so no generated code that fits one version of protobuf only. The descriptors live in a pool of their own:
another package in the process may bring a caffe.proto of its own.
"""
import re
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

_Field = descriptor_pb2.FieldDescriptorProto
_TOKEN = re.compile(r'//[^\n]*|"[^"]*"|[\w.+-]+|[{}=;\[\],]')
_LABELS = {"optional": _Field.LABEL_OPTIONAL, "required": _Field.LABEL_REQUIRED, "repeated": _Field.LABEL_REPEATED}


class _Parser:
    """The part of the .proto language that caffe.proto is written in: messages, enums, fields, default and packed."""

    def __init__(self, text):
        self.tokens = [token for token in _TOKEN.findall(text) if not token.startswith("//")][::-1]
        self.references = []  # (field, the scope it was named in), to be resolved at the end
        self.kinds = {}  # full name -> TYPE_MESSAGE or TYPE_ENUM

    def next(self):
        return self.tokens.pop()

    def skip(self, *expected):
        for token in expected:
            assert self.next() == token

    def file(self):
        self.skip("syntax", "=", '"proto2"', ";", "package")
        file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package=self.next())
        self.skip(";")
        while self.tokens:
            (self.message if self.next() == "message" else self.enum)(file, "." + file.package)
        for field, scope in self.references:
            name = field.type_name
            while scope + "." + name not in self.kinds:
                scope = scope.rpartition(".")[0]
            field.type_name = scope + "." + name
            field.type = self.kinds[field.type_name]
        return file

    def message(self, parent, scope):
        message = (parent.message_type if hasattr(parent, "message_type") else parent.nested_type).add(name=self.next())
        scope += "." + message.name
        self.kinds[scope] = _Field.TYPE_MESSAGE
        self.skip("{")
        token = self.next()
        while token != "}":
            if token in _LABELS:
                self.field(message, scope, token)
            else:
                {"message": self.message, "enum": self.enum}[token](message, scope)
            token = self.next()

    def enum(self, parent, scope):
        enum = parent.enum_type.add(name=self.next())
        self.kinds[scope + "." + enum.name] = _Field.TYPE_ENUM
        self.skip("{")
        token = self.next()
        while token != "}":
            self.skip("=")
            enum.value.add(name=token, number=int(self.next()))
            self.skip(";")
            token = self.next()

    def field(self, message, scope, label):
        type_name, name = self.next(), self.next()
        self.skip("=")
        field = message.field.add(name=name, label=_LABELS[label], number=int(self.next()))
        if "TYPE_" + type_name.upper() in _Field.Type.keys():
            field.type = _Field.Type.Value("TYPE_" + type_name.upper())
        else:
            field.type_name = type_name
            self.references.append((field, scope))
        token = self.next()
        while token != ";":  # [default = 1, packed = true]
            if token not in "[,]":
                self.skip("=")
                value = self.next().strip('"')
                if token == "default":
                    field.default_value = value
                else:
                    setattr(field.options, token, value == "true")
            token = self.next()


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_Parser(Path(__file__).with_name("caffe.proto").read_text()).file())
DESCRIPTOR = _pool.FindFileByName("caffe.proto")
_descriptors = [*DESCRIPTOR.message_types_by_name.values(), *DESCRIPTOR.enum_types_by_name.values()]
for _name, _descriptor in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = message_factory.GetMessageClass(_descriptor)
    globals()[_name].__module__ = __name__
    _descriptors += _descriptor.enum_types
for _name, _descriptor in DESCRIPTOR.enum_types_by_name.items():
    globals()[_name] = EnumTypeWrapper(_descriptor)
    globals().update(globals()[_name].items())
for _descriptor in _descriptors:  # protoc names them, too: _LAYERPARAMETER, _V1LAYERPARAMETER_LAYERTYPE
    globals()["_" + _descriptor.full_name.partition(".")[2].replace(".", "_").upper()] = _descriptor
