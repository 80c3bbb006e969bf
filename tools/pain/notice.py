"""What is said of nets and of every curve that they give, wherever it is shown. One place for the sentences.

origin is a pain.provenance.Origin: where the nets come from, which decides what may be said of them.
"""
NO_DEVICE = "not a medical device"
NO_MIND_READER = "it cannot know what anyone feels, nor tell pain from what looks like it."

LEADS = {  # by the kind of an Origin, as all that follows
    "archive": "A research instrument, %s." % NO_DEVICE,
    "own": "A research instrument, %s." % NO_DEVICE,
    "unknown": "An instrument of unknown origin, %s." % NO_DEVICE,
    "synthetic": "A demonstration, %s." % NO_DEVICE,
}
NOTICES = {
    "archive": "It learned from PSPI, what observers code as pain in the faces of patients with shoulder pain; "
               + NO_MIND_READER,
    "own": "It learned from its owner's own labelled faces, not from a published archive of pain; " + NO_MIND_READER,
    "unknown": "No record says what it has learned from, or how good it is; " + NO_MIND_READER,
    "synthetic": "It learned from synthetic faces, which a program has drawn, and from nobody's real face: what it "
                 "says of a real face means nothing.",
}
TAUGHT = {  # a second sentence that is short
    "archive": "Trained on PSPI of shoulder-pain patients.",
    "own": "Trained on its owner's own labelled faces.",
    "unknown": "Nobody has recorded what it was trained on.",
    "synthetic": "Trained on synthetic faces: what it says of a real face means nothing.",
}
MISLED = "ages, skins, lights, angles, glasses, beards and masks may mislead it."
LIMITS = {  # of whom it has seen
    "archive": "It learned from few people, all with shoulder pain and filmed in one setting. Other " + MISLED,
    "own": "It learned from the people whom its owner has filmed and labelled. Other " + MISLED,
    "unknown": "Whom it learned from is not known. All " + MISLED,
    "synthetic": "It learned from faces that a program made of one photograph. It has never seen pain.",
}
SHORT_NOTICES = {  # of 45 characters or less: they stand small beneath a picture
    "archive": "research instrument, " + NO_DEVICE,
    "own": "trained on own data, " + NO_DEVICE,
    "unknown": "net of unknown origin, " + NO_DEVICE,
    "synthetic": "synthetic net: means nothing for real faces",
}
LEARNED_FROM = {
    "archive": "the UNBC-McMaster archive",
    "own": "its owner's own labelled data",
    "unknown": "data of unknown origin",
    "synthetic": "synthetic faces, drawn by a program",
}
MIXED = "Its nets are not all of one kind; this is said of the least trustworthy. "
SYNTHETIC_START = " It was fine-tuned from a net that had learned from synthetic faces."
NO_RECORD = "no record beside the caffemodel says where it comes from; nets that `make train` trains have one"


def notice(origin):
    """What must be said of curves of these nets, in two or three sentences."""
    text = "%s %s%s" % (LEADS[origin.kind], MIXED if origin.mixed else "", NOTICES[origin.kind])
    if origin.start and origin.start.kind == "synthetic" and origin.kind != "synthetic":
        text += SYNTHETIC_START
    return text


def short_notice(origin):
    """The same in a few words, for pictures."""
    return SHORT_NOTICES[origin.kind]


def terminal_lines(origin):
    """What a command prints of the nets that it uses: which they are, and a warning unless the archive taught them."""
    lines = ["nets: " + description(origin)]
    return lines if origin.kind == "archive" else [*lines, "  " + notice(origin)]


def nets_line(origin):
    """Which nets they are, and what they learned from, in a line."""
    if not origin.training:
        return NO_RECORD
    folds, parts = origin.data.left_out, [origin.training]
    if folds:
        parts.append("fold " + folds[0] if len(folds) == 1 else "%d folds" % len(folds))
    if origin.iterations:
        parts.append(thousands(origin.iterations) + " iterations")
    return "%s; %s %s" % (", ".join(parts), "rated" if origin.iterations is None else "learned from",
                          learned_from(origin.data))


def learned_from(data):
    """What a net has learned from, in a few words. data: provenance.Data."""
    return "own data " + data.name if data.name else LEARNED_FROM[data.kind]


def description(origin):
    """nets_line(), with all that is known of the data and of where the training began."""
    text, data = nets_line(origin), origin.data
    if data.frames:
        text += ": %s subjects, %s frames" % (thousands(data.subjects), thousands(data.frames))
    if data.histogram:
        counts = ", ".join(map(thousands, data.histogram))
        text += " (of intensities 0 to %d: %s)" % (len(data.histogram) - 1, counts)
    if origin.start:
        text += "; fine-tuned from %s (%s)" % (origin.start.file, LEARNED_FROM[origin.start.kind])
    return text


def thousands(number):
    """A whole number as people write it: 48,391."""
    return format(number, ",")
