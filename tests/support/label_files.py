"""The same labels in every form in which people bring them."""
import pympi

FRAMES, RATE = 250, 25


def clock(seconds):
    return "%02d:%02d:%06.3f" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def eaf(path, raters, media="file:///C:/their%20videos/visit%201.mp4"):
    """An .eaf file, made by pympi. raters: {name: [(onset, offset, label)]}, seconds."""
    made = pympi.Eaf()
    made.remove_tier("default")
    made.add_linked_file(media, mimetype="video/mp4")
    for name, intervals in raters.items():
        made.add_tier(name)
        for onset, offset, label in intervals:
            made.add_annotation(name, round(1000 * onset), round(1000 * offset), str(label))
    made.add_tier("words")
    made.add_annotation("words", 100, 900, "ouch")
    path.write_text(pympi.Elan.to_string(made), encoding="utf-8")


def elan_text(path, raters, header=False):
    """ELAN's tab-delimited text with all its times, as it is by default without a line of names."""
    times = "hh:mm:ss.ms", "ss.msec", "msec"
    names = ["Tier", "", *("%s Time - %s" % (part, form) for part in ("Begin", "End") for form in times),
             *("Duration - " + form for form in times), "Annotation"]
    rows = [[name, "", *(text for moment in (onset, offset, offset - onset) for text in (
        clock(moment), "%s" % round(float(moment), 3), "%d" % round(1000 * moment))), str(label)]
            for name, intervals in raters.items() for onset, offset, label in intervals]
    rows.append(["words", "", *rows[0][2:-1], "ouch"])
    path.write_text("".join("\t".join(row) + "\n" for row in ([names] if header else []) + rows), encoding="utf-8")


def elan_columns(path, raters):
    """The same with a column a tier."""
    names = ["Begin Time - ss.msec", "End Time - ss.msec", *raters]
    rows = [["%.3f" % onset, "%.3f" % offset, *(str(label) if of == name else "" for of in raters)]
            for name, intervals in raters.items() for onset, offset, label in intervals]
    path.write_text("".join("\t".join(row) + "\n" for row in [names, *rows]), encoding="utf-8")


def boris(path, intervals, old=False, modifier=True):
    """BORIS's tabular events of one rater, as versions 8 or 7 have them; the label is a modifier or ends the name."""
    rows, names = [], (["Time", "Media file path", "Total length", "FPS", "Subject", "Behavior", "Behavioral category",
                        "Modifiers", "Comment", "Status"] if old else
                       ["Observation id", "Observation date", "Description", "Observation type", "Source",
                        "Time offset (s)", "Media duration (s)", "FPS", "Subject", "Behavior", "Behavioral category",
                        "Modifier #1", "Behavior type", "Time", "Media file name", "Image index", "Comment"])
    for onset, offset, label in intervals:
        for kind, moment in ("START", onset), ("STOP", offset):
            cells = {"Time": "%.3f" % moment, "FPS": "25", "Behavior": "pain" if modifier else "pain %s" % label,
                     "Modifiers": str(label), "Modifier #1": str(label) if modifier else "", "Status": kind,
                     "Behavior type": kind, "Media file name": "D:\\visit 1.mp4", "Media file path": "visit 1.mp4",
                     "Observation id": "o 1", "Subject": "No focal subject"}
            rows.append([cells.get(name, "") for name in names])
    rows.append([{"Behavior": "cough", "Status": "POINT", "Behavior type": "POINT", "Time": "1.0"}.get(name, "")
                 for name in names])
    above = [["Observation id", "o 1"], [], ["Media file(s)"], ["Player #1", "visit 1.mp4"], [],
             ["Observation date", "x"], [], ["Time offset (s)", "0"], []] if old else []
    separator = "\t" if old else ","
    path.write_text("".join(separator.join(row) + "\n" for row in above + [names] + rows), encoding="utf-8")


def aggregated(path, intervals):
    """BORIS's aggregated events."""
    names = "Observation id,Media file,FPS,Subject,Behavior,Modifiers,Behavior type,Start (s),Stop (s),Duration (s)\n"
    path.write_text(names + "".join("o 1,visit 1.mp4,25,,pain,%s,STATE,%.3f,%.3f,%.3f\n" % (
        label, onset, offset, offset - onset) for onset, offset, label in intervals), encoding="utf-8")


def table(path, header, rows):
    path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
