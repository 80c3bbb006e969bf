"""Damaged files: of bytes, of text, and of text in fields. A mutant is a function of the file and a RandomState."""
import re

# As numbers lie in files, little-endian: integers at their ends, infinity and NaN of both sizes.
EXTREMES = (b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 8, b"\xff" * 7 + b"\x7f",
            b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\0\0\x80\xff", b"\xff\xff\x7f\x7f", b"\0\0\0\0\0\0\xf8\x7f",
            b"\0\0\0\0\0\0\xf0\x7f", b"\xff" * 6 + b"\xef\x7f", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")
NUMBERS = ("nan", "NaN", "inf", "-inf", "Infinity", "1e308", "1e309", "-1e308", "1e-320", "-0", "-1", "0", "1", "2",
           "6", "1.5", "255", "256", "65536", "2147483647", "2147483648", "-2147483649", "4294967296",
           "9223372036854775807", "9223372036854775808", "1" + "0" * 30, "9" * 400, "9" * 5000, "0x10", "1_000", "1,5",
           "1;5", "1 000", "--1", "+1", "1e", ".", "-", "true", "null", "None", "\u0661\u0662", "\u00b2", "\uff11",
           "\u2212" "1")
WORDS = ("", " ", '"', "'", '""', "\0", "\t", "\\", "/", "..", "../../x", "/../../x", "/etc/passwd", "a" * 300,
         "a" * 140000, "%s%d%n", "{}", "[]", "{", "}", "[", "]", ":", ",", ";", "#", "=", "-", "\u00e9", "\u202e",
         "\U0001f600", "\ufeff", "\x1b[31m", "\r", "\n", "\r\n", "\n\n", "detected", "missing", "interpolated", "found",
         "none", "subject", "nan nan", "<script>", "[" * 100000, '{"a":' * 50000, "{ a " * 50000, "(" * 1000)
FIELD = re.compile(r'"[^"\n]*"|[^\s,;:"=<>(){}\[\]]+')


def of_bytes(original, random):
    """The bytes cut short, changed, removed, doubled, moved or noise, in one place or up to four."""
    data = bytearray(original)
    for _ in range(one_of((1, 1, 1, 2, 4), random)):
        if not data:
            break
        at, length = where(data, random), min(len(data), int(2 ** random.uniform(0, 10)))
        kind = random.randint(12)
        if kind == 0:
            del data[at:]
        elif kind < 3:
            data[at] ^= 1 << random.randint(8)
        elif kind == 3:
            data[at:at + length] = random.bytes(len(data[at:at + length]))
        elif kind == 4:
            del data[at:at + length]
        elif kind == 5:
            data[at:at] = data[at:at + length]
        elif kind == 6:
            data[at:at] = random.bytes(length)
        elif kind == 7:
            data[at:at + length] = bytes(len(data[at:at + length]))
        elif kind == 8:
            to = where(data, random)
            piece = data[at:at + length]
            data[to:to + len(piece)] = piece
        else:
            extreme = one_of(EXTREMES, random)
            data[at:at + len(extreme)] = extreme
    return bytes(data)


def where(data, random):
    """A place in the data: every third time near its beginning, or its end, where files say what they are."""
    near, kind = min(len(data), 512), random.randint(6)
    return random.randint(near) if kind == 0 else len(data) - 1 - random.randint(near) if kind == 1 else \
        random.randint(len(data))


def of_text(original, random):
    """Lines removed, doubled and moved; fields and numbers replaced by odd ones, exchanged; other encodings; bytes."""
    if random.randint(6) == 0:
        return of_bytes(original, random)
    text = original.decode("utf-8", "surrogateescape")
    for _ in range(one_of((1, 1, 1, 2, 4), random)):
        text = one_of(CHANGES, random)(text, random)
    return encoded(text, random)


def replaced(text, random):
    """A field replaced by an odd number, an odd word, or another field."""
    fields = list(FIELD.finditer(text))
    if not fields:
        return text + one_of(WORDS, random)
    field, kind = one_of(fields, random), random.randint(5)
    new = one_of(NUMBERS if kind < 2 else WORDS, random) if kind < 4 else one_of(fields, random).group()
    return text[:field.start()] + new + text[field.end():]


def number_replaced(text, random):
    """A number replaced by an odd one."""
    numbers = list(re.finditer(r"[-+]?[0-9]+\.?[0-9]*(e[-+]?[0-9]+)?", text)) or list(re.finditer("$", text))
    number = one_of(numbers, random)
    return text[:number.start()] + one_of(NUMBERS, random) + text[number.end():]


def exchanged(text, random):
    """Two fields exchanged."""
    fields = list(FIELD.finditer(text))
    if len(fields) < 2:
        return text
    first, second = sorted(random.choice(len(fields), 2, replace=False))
    first, second = fields[first], fields[second]
    return "".join((text[:first.start()], second.group(), text[first.end():second.start()], first.group(),
                    text[second.end():]))


def lines_changed(text, random):
    """A line removed, doubled, moved, cut, or with its column gone."""
    lines = text.splitlines(keepends=True) or [""]
    at, kind = random.randint(len(lines)), random.randint(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines[at:at] = lines[at:at + 1]
    elif kind == 2:
        lines.insert(random.randint(len(lines)), lines.pop(at))
    elif kind == 3:
        lines[at] = lines[at][:random.randint(len(lines[at]) + 1)]
    elif kind == 4:
        lines[at:at] = [one_of(WORDS, random) + "\n"]
    else:
        lines[at:at] = lines * 3
    return "".join(lines)


def put_in(text, random):
    """An odd word put in anywhere, or a character taken out."""
    at = random.randint(len(text) + 1)
    return text[:at] + (one_of(WORDS, random) + text[at:] if random.randint(3) else text[at + 1:])


CHANGES = replaced, replaced, number_replaced, number_replaced, number_replaced, exchanged, lines_changed, \
    lines_changed, put_in


def encoded(text, random):
    """The text as bytes: mostly UTF-8, seldom with other line ends, a byte order mark, or in another encoding."""
    if random.randint(8):
        return text.encode("utf-8", "surrogatepass" if random.randint(2) else "replace")
    kind = random.randint(6)
    if kind < 2:
        return text.replace("\n", ("\r\n", "\r")[kind]).encode("utf-8", "replace")
    return text.encode(("utf-16", "latin-1", "utf-8-sig", "utf-16-le")[kind - 2], "replace")


def one_of(choices, random):
    """One of a sequence."""
    return choices[random.randint(len(choices))]
