"""Fetch the published weights that models/manifest.json names, resuming what was interrupted, and check them.

    models/<file>               a file that is whole, with the size and SHA-256 of its card where they are known
    models/.<file>.partial      one that is not: the same command goes on with it
    models/.<file>.version      which version of the file that is, as the server names it

A card of the manifest, a file:

    name, what, source, licence, loads_into     for people; loads_into: the nets that it fills
    file, size, sha256                          its name in models/, bytes, hexadecimal; null where unknown
    url, mirrors, by_hand                       where it is; by_hand: that page wants a person, and nothing is fetched
    archive                                     null, or what is at the url: member, the file's name in the zip or tar,
                                                and the archive's own size and sha256

A file that is there is checked and never replaced, unless --force says so.
"""
from pain.command import run, starting

with starting(__name__):
    from pain.command_line import Parser
    from pain.downloads.fetch import describe, fetch
    from pain.downloads.manifest import MANIFEST, read_manifest
    from pain.errors import Problem


def main():
    parser = Parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cards of the manifest (default: all)")
    parser.add_argument("--to", default="models", help="the folder for the files (default: %(default)s)")
    parser.add_argument("--manifest", default=str(MANIFEST), help="(default: models/manifest.json)")
    parser.add_argument("--force", action="store_true", help="replace files that are there and wrong")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    args = parser.parse_args()
    cards = read_manifest(args.manifest)
    for name in args.names:
        if name not in cards:
            raise Problem("%s: no card of this name in %s; there are %s" % (name, args.manifest, ", ".join(cards)))
    problems = []
    for name in args.names or cards:
        try:
            print(describe(cards[name], args.to) if args.list else fetch(cards[name], args.to, args.force))
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        raise Problem("; ".join(problems))


if __name__ == "__main__":
    run(main)
