"""What is said of nets and of every curve that they give, wherever it is shown. One place for the sentences.

origin is a pain.provenance.Origin: where the nets come from, which decides what may be said of them.
"""
NOT_MEDICAL = "not a medical device"
NO_MIND_READER = "cannot know what anyone feels, nor tell pain from what looks like it."
RESEARCH = "A research instrument, %s. " % NOT_MEDICAL

NOTICES = {  # by the kind of an Origin
    "archive": RESEARCH + "It learned from PSPI, what observers code as pain in the faces of patients with shoulder "
               "pain; it " + NO_MIND_READER,
    "own": RESEARCH + "It learned from its owner's own labelled faces, not from a published archive of pain; it "
           + NO_MIND_READER,
    "unknown": "Of unknown origin, and %s. No record says what this net has learned from, or how good it is; it "
               % NOT_MEDICAL + NO_MIND_READER,
    "synthetic": "A demonstration, %s. It learned from synthetic faces, which a program has drawn, and from nobody's "
                 "real face: what it says of a real face means nothing." % NOT_MEDICAL,
}
SHORT_NOTICES = {  # of 45 characters or less: they stand small beneath a picture
    "archive": "research instrument, " + NOT_MEDICAL,
    "own": "trained on own data, " + NOT_MEDICAL,
    "unknown": "net of unknown origin, " + NOT_MEDICAL,
    "synthetic": "synthetic net: means nothing for real faces",
}
LEARNED_FROM = {
    "archive": "the UNBC-McMaster archive",
    "own": "its owner's own labelled data",
    "unknown": "data of unknown origin",
    "synthetic": "synthetic faces, drawn by a program",
}
MIXED = "Not all of these nets are of one kind; this is said of the least trustworthy. "
SYNTHETIC_START = " It was fine-tuned from a net that had learned from synthetic faces."
NO_RECORD = "no record beside the caffemodel says where it comes from; nets that `make train` trains have one"


def notice(origin):
    """What must be said of curves of these nets, in two or three sentences."""
    text = (MIXED if origin.mixed else "") + NOTICES[origin.kind]
    if origin.start and origin.start.kind == "synthetic" and origin.kind != "synthetic":
        text += SYNTHETIC_START
    return text


def short_notice(origin):
    """The same in a few words, for pictures."""
    return SHORT_NOTICES[origin.kind]


def description(origin):
    """Which nets they are, and what they learned from: one line, for those who want to know exactly."""
    if not origin.training:
        return NO_RECORD
    data, parts = origin.data, [origin.training]
    if data.left_out:
        parts.append("fold " + data.left_out[0] if len(data.left_out) == 1 else "%d folds" % len(data.left_out))
    if origin.iterations:
        parts.append("{:,} iterations".format(origin.iterations))
    text = "%s; learned from %s" % (", ".join(parts), LEARNED_FROM[origin.kind])
    if data.frames:
        text += ": {:,} subjects, {:,} frames".format(data.subjects, data.frames)
    if data.histogram:
        counts = ", ".join(map("{:,}".format, data.histogram))
        text += " (of intensities 0 to %d: %s)" % (len(data.histogram) - 1, counts)
    if origin.start:
        text += "; fine-tuned from %s (%s)" % (origin.start.file, LEARNED_FROM[origin.start.kind])
    return text
