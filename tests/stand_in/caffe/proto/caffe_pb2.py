"""Caffe's message Datum, by the names, numbers and types of its fields."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto
file = descriptor_pb2.FileDescriptorProto(name="stand_in.proto", package="caffe")
message = file.message_type.add(name="Datum")
for number, (name, kind, label) in enumerate([
        ("channels", Field.TYPE_INT32, Field.LABEL_OPTIONAL), ("height", Field.TYPE_INT32, Field.LABEL_OPTIONAL),
        ("width", Field.TYPE_INT32, Field.LABEL_OPTIONAL), ("data", Field.TYPE_BYTES, Field.LABEL_OPTIONAL),
        ("label", Field.TYPE_INT32, Field.LABEL_OPTIONAL), ("float_data", Field.TYPE_FLOAT, Field.LABEL_REPEATED),
        ("encoded", Field.TYPE_BOOL, Field.LABEL_OPTIONAL)], 1):
    message.field.add(name=name, number=number, type=kind, label=label)
pool = descriptor_pool.DescriptorPool()
pool.AddSerializedFile(file.SerializeToString())
Datum = message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.Datum"))
