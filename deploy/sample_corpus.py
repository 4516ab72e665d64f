#!/usr/bin/env python3
"""Joins Debian's package lists with the long English descriptions and writes JSON Lines.

  sample_corpus.py --lists FOLDER    apt's lists: *_Packages and *_Translation-en, also compressed
  sample_corpus.py --dumpavail       what `apt-cache dumpavail` prints, on standard input

A package that stands in several lists is taken from the first (the lists in the order of their names). The same lists
give the same bytes.
"""
import argparse
import glob
import json
import os
import subprocess
import sys

APT_HELPER = "/usr/lib/apt/apt-helper"


def lines_of(path):
    """The lines of a list of apt's, decompressed whatever the compression."""
    with subprocess.Popen([APT_HELPER, "cat-file", path], stdout=subprocess.PIPE) as helper:
        yield from (line.decode("utf-8", "replace") for line in helper.stdout)
    if helper.returncode != 0:
        raise SystemExit(f"error: {APT_HELPER} cannot read {path}")


def paragraphs(lines):
    """deb822 paragraphs as dictionaries; continuation lines keep their line ends."""
    fields, name = {}, None
    for line in lines:
        line = line.rstrip("\n")
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, None
        elif line[0] in " \t":
            if name:
                text = line[1:]
                fields[name] += "\n" + ("" if text == "." else text)
        else:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    if fields:
        yield fields


def described(fields):
    """The description of a paragraph: its first line, and the others."""
    text = fields.get("Description-en") or fields.get("Description") or ""
    summary, _, rest = text.partition("\n")
    return summary, rest.strip("\n")


def document(fields, summary, description):
    values = {
        "id": fields["Package"],
        "package": fields["Package"],
        "section": fields.get("Section", ""),
        "summary": summary,
        "description": description,
        "homepage": fields.get("Homepage", ""),
        "installed_size": fields.get("Installed-Size", ""),
        "version": fields.get("Version", ""),
    }
    return {name: value for name, value in values.items() if value}


def translations(folder):
    """The long descriptions by package and checksum of the English text."""
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "*_Translation-en*"))):
        for fields in paragraphs(lines_of(path)):
            if "Package" in fields:
                key = fields["Package"], fields.get("Description-md5")
                found.setdefault(key, described(fields))
    if not found:
        raise SystemExit(f"error: {folder} has no list of long descriptions (*_Translation-en)")
    return found


def packages(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*_Packages*"))):
        yield from paragraphs(lines_of(path))


def documents(long_ones, all_packages):
    """A document for each package, from the first paragraph that describes it."""
    seen = set()
    for fields in all_packages:
        name = fields.get("Package")
        if not name or name in seen:
            continue
        seen.add(name)
        summary, description = long_ones.get((name, fields.get("Description-md5")), described(fields))
        yield document(fields, summary, description)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--lists", metavar="FOLDER")
    source.add_argument("--dumpavail", action="store_true")
    arguments = parser.parse_args()
    if arguments.dumpavail:
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        long_ones, all_packages = {}, paragraphs(sys.stdin)
    else:
        long_ones, all_packages = translations(arguments.lists), packages(arguments.lists)
    sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    for values in documents(long_ones, all_packages):
        print(json.dumps(values, ensure_ascii=False))


if __name__ == "__main__":
    main()
