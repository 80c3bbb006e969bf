r"""Prototxts, read as BVLC's Caffe reads them, and refused with its words: by the rules of protobuf's parser in C++.

Python's, text_format, has rules of its own: it takes +1 but not - 1, 0x10 for a float, and blanks that are not ASCII.
"""
import re

from google.protobuf.descriptor import FieldDescriptor

_ESCAPE = r"""\\(?: [abfnrtv\\?'"] | [0-7]{1,3} | x[0-9A-Fa-f]{1,2} | u[0-9A-Fa-f]{4}
                | U00[01][0-9A-Fa-f]{5} )"""
_GAP = re.compile(r"(?:[ \t\r\v\f\n]+|#[^\n\0]*)*")
_TOKEN = re.compile(r"""
    (?P<identifier> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<number> 0[xX][0-9A-Fa-f]* | 0[0-7]+ | 0(?=[89]) | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]*)?[fF]? )
  | (?P<string> "(?:[^"\\\n\0]|ESCAPE)*" | '(?:[^'\\\n\0]|ESCAPE)*' )
  | (?P<broken> "(?:[^"\\\n\0]|ESCAPE)* | '(?:[^'\\\n\0]|ESCAPE)* )
  | (?P<symbol> [!-~] )""".replace("ESCAPE", _ESCAPE), re.VERBOSE)
_ESCAPES = re.compile(_ESCAPE, re.VERBOSE)
_UNFINISHED = (  # an escape as far as it could be one, and what it lacks
    (re.compile(r"\\x"), "Expected hex digits for escape sequence."),
    (re.compile(r"\\u[0-9A-Fa-f]*"), r"Expected four hex digits for \u escape sequence."),
    (re.compile(r"\\U(?:0(?:0(?:[01][0-9A-Fa-f]*)?)?)?"),
     r"Expected eight hex digits up to 10ffff for \U escape sequence"),
    (re.compile(r"\\"), "Invalid escape sequence in string literal."))
_MEANS = dict(zip("abfnrtv", "\a\b\f\n\r\t\v"))
_MOST = {FieldDescriptor.CPPTYPE_INT32: 2**31 - 1, FieldDescriptor.CPPTYPE_INT64: 2**63 - 1,
         FieldDescriptor.CPPTYPE_UINT32: 2**32 - 1, FieldDescriptor.CPPTYPE_UINT64: 2**64 - 1}
_SIGNED = FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64
_FLOATS = FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE
_BOOLS = {"true": True, "True": True, "t": True, "false": False, "False": False, "f": False}


class ParseError(ValueError):
    """What is wrong, after line and column, as protobuf says it; and in which layer, if it is in one."""


def merge(data, message):
    """Set the fields of the protobuf message that the prototxt, bytes, gives. Raises ParseError.

    Bytes that are not UTF-8 harm nothing but the string that they are in.
    """
    _Parser(data.decode("latin-1")).fields(message)  # a character a byte, for in those protobuf counts columns


class _Parser:
    """At a token of the source: its kind (identifier, integer, float, string, symbol, end), its text, where it begins.

    It goes on to the next as soon as one is used: what is wrong with that is said first.
    """

    def __init__(self, source, position=0):
        self.source, self.text, self.end = source, "", position
        self.advance()

    # Tokens.

    def advance(self):
        """Go on to the next token. Returns the text of the one before."""
        before = self.text
        self.start = _GAP.match(self.source, self.end).end()
        found = _TOKEN.match(self.source, self.start)
        if found:
            self.kind, self.text, self.end = found.lastgroup, found.group(), found.end()
            if self.kind == "number":
                self._check_number()
            elif self.kind == "broken":
                self._explain_string()
        elif self.start == len(self.source):
            self.kind, self.text = "end", ""
        elif self.source[self.start] < "\x80":
            self.fail("Invalid control characters encountered in text.")
        else:
            self.fail("Interpreting non ascii codepoint %d." % ord(self.source[self.start]))
        return before

    def _check_number(self):
        text, following = self.text, self.source[self.end:self.end + 1]
        if text[0] == "." and re.match(r"\w", self.source[self.start - 1:self.start], re.ASCII):
            self.fail("Need space between identifier and decimal point.")
        self.kind = "integer" if text.isdecimal() or text[:2] in ("0x", "0X") else "float"
        whole = self.kind == "integer"
        for wrong, message in (
                (text in ("0x", "0X"), '"0x" must be followed by hex digits.'),
                (whole and following.isdecimal(), "Numbers starting with leading zero must be in octal."),
                (not whole and text[-1] in "eE+-", '"e" must be followed by exponent.'),
                (re.match("[A-Za-z_]", following), "Need space between number and identifier."),
                (following == ".", "Hex and octal numbers must be integers." if whole else
                 "Already saw decimal point or exponent; can't have another one.")):
            if wrong:
                self.fail(message, self.end)

    def _explain_string(self):
        """Fail for a string that does not end, at what it stops at."""
        for pattern, message in _UNFINISHED:
            begun = pattern.match(self.source, self.end)
            if begun:
                self.fail(message, begun.end())
        self.fail("String literals cannot cross line boundaries." if self.source[self.end:self.end + 1] == "\n" else
                  "Unexpected end of string.", self.end)

    def fail(self, message, position=None):
        """Raise ParseError for what is at this position, by default where the token begins."""
        before = self.source[:self.start if position is None else position]
        line = before.rpartition("\n")[2].replace("\r", " ").expandtabs(8)
        raise ParseError("%d:%d: %s" % (before.count("\n") + 1, len(line) + 1, message))

    def skip(self, *texts):
        """Pass the token if it is one of these. Returns whether it was."""
        if self.text not in texts:
            return False
        self.advance()
        return True

    def need(self, text):
        if not self.skip(text):
            self.fail('Expected "%s", found "%s".' % (text, self.text))

    def take(self, kind, called=None):
        """Pass a token of this kind. Returns its text."""
        if self.kind != kind:
            self.fail("Expected %s, got: %s" % (called or kind, self.text))
        return self.advance()

    # Messages.

    def fields(self, message, ends=()):
        """Set the message's fields, up to the token that ends it, or to the end of the text."""
        while self.text not in ends if ends else self.kind != "end":
            self._field(message)

    def _field(self, message):
        if self.skip("["):
            self._extension(message)
        name = self.take("identifier")
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            self.fail('Message type "%s" has no field named "%s".' % (message.DESCRIPTOR.full_name, name))
        values = getattr(message, name)
        repeated = hasattr(values, "extend")
        if not repeated and message.HasField(name):
            self.fail('Non-repeated field "%s" is specified multiple times.' % name)
        if field.message_type is None:
            self.need(":")
        else:
            self.skip(":")
        if not (repeated and self.skip("[")):
            self._value(field, message)
        elif not self.skip("]"):
            self._value(field, message)
            while not self.skip("]"):
                self.need(",")
                self._value(field, message)
        self.skip(";", ",")

    def _extension(self, message):
        name = self.take("identifier")
        while self.skip("."):
            name += "." + self.take("identifier")
        self.need("]")
        self.fail('Extension "%s" is not defined or is not an extension of "%s".'
                  % (name, message.DESCRIPTOR.full_name))

    def _value(self, field, message):
        """Read a value and set the field to it, or add it to the field's."""
        values = getattr(message, field.name)
        if field.message_type is not None:
            self._message(values.add() if hasattr(values, "add") else values)
        elif hasattr(values, "append"):
            values.append(self._scalar(field))
        else:
            setattr(message, field.name, self._scalar(field))

    def _message(self, message):
        begin, end = self.start, ">" if self.text == "<" else "}"
        try:
            self.skip("<") or self.need("{")
            message.SetInParent()
            self.fields(message, (">", "}"))
            self.need(end)
        except ParseError as error:
            name = _layer_name(self.source, begin) if message.DESCRIPTOR.name.endswith("LayerParameter") else ""
            if name and " (layer " not in str(error):
                raise ParseError("%s (layer %s)" % (error, name)) from None
            raise

    # Values.

    def _scalar(self, field):
        kind = field.cpp_type
        if kind in _MOST:
            return self._integer(_MOST[kind], kind in _SIGNED)
        if kind in _FLOATS:
            return self._float()
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return self._bool(field)
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return self._enum(field)
        data = _unescaped(self.take("string")[1:-1])
        while self.kind == "string":
            data += _unescaped(self.advance()[1:-1])
        return data if field.type == FieldDescriptor.TYPE_BYTES else data.decode(errors="replace")

    def _integer(self, most, signed):
        negative = signed and self.skip("-")
        text = self.text
        if self.kind == "integer":
            number = int(text, 16 if text[1:2] in ("x", "X") else 8 if text[0] == "0" else 10)
            if number > most + negative:
                self.fail("Integer out of range (%s)" % text)
        self.take("integer")
        return -number if negative else number

    def _float(self):
        sign = -1. if self.skip("-") else 1.
        text = self.text.lower() if self.kind == "identifier" else self.text
        if self.kind == "integer" and text[0] == "0" and text != "0":
            self.fail("Expect a decimal number, got: " + text)
        if self.kind not in ("integer", "float") and text not in ("inf", "infinity", "nan"):
            self.fail("Expected double, got: " + text)
        self.advance()
        return sign * float(text if text == "inf" else text.rstrip("fF"))

    def _bool(self, field):
        if self.kind == "integer":
            return bool(self._integer(1, signed=False))
        text = self.take("identifier")
        if text not in _BOOLS:
            self.fail('Invalid value for boolean field "%s". Value: "%s".' % (field.name, text))
        return _BOOLS[text]

    def _enum(self, field):
        if self.kind == "identifier":
            text = self.advance()
            value = field.enum_type.values_by_name.get(text)
        elif self.kind == "integer" or self.text == "-":
            text = self._integer(2**31 - 1, signed=True)
            value = field.enum_type.values_by_number.get(text)
        else:
            self.fail("Expected integer or identifier, got: " + self.text)
        if value is None:
            self.fail('Unknown enumeration value of "%s" for field "%s".' % (text, field.name))
        return value.number


def _layer_name(source, begin):
    """The name that a layer's message, which begins there, gives it, before what is wrong or behind; "" if none."""
    try:
        parser, depth = _Parser(source, begin), 0
        while parser.kind != "end":
            text = parser.advance()
            depth += (text in ("{", "<")) - (text in ("}", ">"))
            if depth == 0:
                return ""
            if depth == 1 and text == "name" and parser.skip(":"):
                return parser.text.strip("\"'")
    except ParseError:
        pass
    return ""


def _unescaped(text):
    """The bytes that a string's text between its quotes stands for."""
    return _ESCAPES.sub(_meaning, text).encode("latin-1")


def _meaning(escape):
    """What an escape stands for, a character a byte."""
    kind, digits = escape.group()[1], escape.group()[2:]
    if kind in "uU":
        return chr(min(int(digits, 16), 0x10FFFF)).encode("utf-8", "surrogatepass").decode("latin-1")
    if kind == "x":
        return chr(int(digits, 16))
    return chr(int(kind + digits, 8) % 256) if kind in "01234567" else _MEANS.get(kind, kind)
