"""Damaged files: bytes cut short, changed, removed, doubled, or noise."""


def mutated(original, random):
    """The bytes cut short, with bytes changed, a piece removed, doubled or replaced by noise, or noise altogether."""
    data = bytearray(original)
    at, length = random.randint(len(data)), random.choice([1, 2, 4, 8, 64])
    kind = random.randint(7)
    if kind == 0:
        del data[at:]
    elif kind == 1:
        data[at] ^= 1 << random.randint(8)
    elif kind == 2:
        for position in random.randint(len(data), size=length):
            data[position] = random.randint(256)
    elif kind == 3:
        del data[at:at + length]
    elif kind == 4:
        data[at:at] = data[at:at + length]
    elif kind == 5:
        data[at:at + length] = random.bytes(length)
    elif random.randint(4) == 0:
        data = bytearray(random.bytes(length))
    else:
        data[at:at + 4] = random.choice([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80"])
    return bytes(data)
