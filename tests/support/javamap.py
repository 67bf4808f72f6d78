"""Reads what Kafka Connect's file offset store writes: a Java-serialised java.util.HashMap<byte[], byte[]>.

From the Java Object Serialization Stream Protocol; only what such a map needs, everything else is an error.
"""
import struct

MAGIC, NULL, REFERENCE, CLASS, OBJECT, ARRAY, BLOCK, END = b"\xac\xed\x00\x05", 0x70, 0x71, 0x72, 0x73, 0x75, 0x77, 0x78


class Reader:
    def __init__(self, data):
        if data[:4] != MAGIC:
            raise ValueError("not a Java serialisation stream")
        self.data, self.at, self.handles = data, 4, []

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0]

    def text(self):
        length = self.take("H")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def class_description(self):
        tag = self.take("B")
        if tag == NULL:
            return None
        if tag == REFERENCE:
            return self.handles[self.take("I") - 0x7E0000]
        if tag != CLASS:
            raise ValueError(f"class description expected, got {tag:#x}")
        name, uid = self.text(), self.take("Q")
        described = {"name": name, "uid": uid}
        self.handles.append(described)
        described["flags"] = self.take("B")
        described["fields"] = [(chr(self.take("B")), self.text()) for _ in range(self.take("H"))]
        if any(kind not in "BCDFIJSZ" for kind, _ in described["fields"]):
            raise ValueError("only primitive fields are expected")
        if self.take("B") != END:
            raise ValueError("class annotations are not expected")
        described["super"] = self.class_description()
        return described

    def bytes_or_null(self):
        tag = self.take("B")
        if tag == NULL:
            return None
        if tag == REFERENCE:
            return self.handles[self.take("I") - 0x7E0000]
        if tag != ARRAY:
            raise ValueError(f"byte[] expected, got {tag:#x}")
        described = self.class_description()
        if described["name"] != "[B":
            raise ValueError(f"byte[] expected, got {described['name']}")
        self.handles.append(None)
        place, length = len(self.handles) - 1, self.take("I")
        self.at += length
        self.handles[place] = self.data[self.at - length:self.at]
        return self.handles[place]


def read_map(data):
    """The map as {bytes: bytes or None}; raises ValueError when the file is anything else."""
    reader = Reader(data)
    if reader.take("B") != OBJECT:
        raise ValueError("an object expected")
    described = reader.class_description()
    if described["name"] != "java.util.HashMap" or described["uid"] != 0x0507DAC1C31660D1:
        raise ValueError(f"java.util.HashMap expected, got {described['name']}")
    reader.handles.append(described)
    sizes = {"F": "f", "I": "i"}
    for kind, _ in described["fields"]:
        reader.take(sizes[kind])
    if reader.take("B") != BLOCK or reader.take("B") != 8:
        raise ValueError("the map's block of capacity and size expected")
    reader.take("I")
    entries = {}
    for _ in range(reader.take("I")):
        key = reader.bytes_or_null()
        entries[key] = reader.bytes_or_null()
    if reader.take("B") != END or reader.at != len(data):
        raise ValueError("bytes after the map")
    return entries
