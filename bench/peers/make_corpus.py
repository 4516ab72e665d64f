#!/usr/bin/env python3
"""Makes the corpora of the comparison with Lucene: JSON Lines with id, title and body.

    bench/peers/make_corpus.py small|large FOLDER OUTPUT.jsonl

FOLDER is what fetch_sources.sh filled. small: Debian's package descriptions. large: also documentation, dictionaries and
source code, cut into pieces of some 2,400 characters and shuffled with a fixed seed, so that every shard is an unbiased
sample. Of documents with the same body the first is kept. The same package versions give the same bytes. Standard
library only.
"""

import argparse
import glob
import gzip
import html
import json
import os
import random
import re
import subprocess
import sys
import zipfile

APT_HELPER = "/usr/lib/apt/apt-helper"
PIECE_CHARACTERS = 2400
SHORTEST_REST = 200  # a shorter end of a text is dropped
SEED = 20240607


def read(path):
    opened = gzip.open(path) if path.endswith(".gz") else open(path, "rb")
    with opened as file:
        return file.read().decode("utf-8", "replace")


def pieces(text):
    """Cuts at line ends."""
    lines, size = [], 0
    for line in text.split("\n"):
        lines.append(line)
        size += len(line) + 1
        if size >= PIECE_CHARACTERS:
            yield "\n".join(lines)
            lines, size = [], 0
    if size > SHORTEST_REST:
        yield "\n".join(lines)


def files_below(top):
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


# ---- The sources: each yields (title, body).


def package_descriptions(lists):
    seen = set()
    for path in sorted(glob.glob(os.path.join(lists, "*Translation-en*"))):
        text = subprocess.run([APT_HELPER, "cat-file", path], check=True, stdout=subprocess.PIPE).stdout
        for paragraph in text.decode("utf-8", "replace").split("\n\n"):
            name = checksum = None
            description = []
            for line in paragraph.split("\n"):
                if line.startswith("Package: "):
                    name = line[len("Package: "):]
                elif line.startswith("Description-md5: "):
                    checksum = line[len("Description-md5: "):]
                elif line.startswith("Description-en: "):
                    description = [line[len("Description-en: "):]]
                elif line.startswith(" ") and description:
                    description.append("" if line[1:] == "." else line[1:])
            if name and description and (name, checksum) not in seen:
                seen.add((name, checksum))
                yield name + " " + description[0], "\n".join(description[1:]).strip()


def dictionaries(source):
    """dictd's: an index of headword, offset and length, the numbers in base 64."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    def number(text):
        value = 0
        for digit in text:
            value = value * 64 + digits.index(digit)
        return value

    for path in sorted(glob.glob(os.path.join(source, "dict-*/usr/share/dictd/*.index"))):
        with gzip.open(path.removesuffix(".index") + ".dict.dz") as file:
            data = file.read()
        seen = set()
        with open(path, encoding="utf-8", errors="replace") as index:
            for line in index:
                columns = line.rstrip("\n").split("\t")
                if len(columns) != 3 or columns[0].startswith("00"):  # the dictionary about itself
                    continue
                span = offset, length = number(columns[1]), number(columns[2])
                if span not in seen:
                    seen.add(span)
                    yield columns[0], data[offset:offset + length].decode("utf-8", "replace").strip()


def wordnet(source):
    for path in sorted(glob.glob(os.path.join(source, "wordnet-base/usr/share/wordnet/data.*"))):
        with open(path, encoding="latin-1") as file:
            for line in file:
                if line.startswith("  ") or " | " not in line:
                    continue
                head, gloss = line.split(" | ", 1)
                columns = head.split()
                words = [columns[4 + 2 * i].replace("_", " ") for i in range(int(columns[3], 16))]
                yield " ".join(words), gloss.strip()


HTML_PACKAGES = ["python3.11-doc", "postgresql-doc-15", "qtbase5-doc-html", "openjdk-17-doc", "libboost1.81-doc",
                 "libreoffice-help-en-us", "gimp-help-en", "debian-policy", "developers-reference", "rust-doc"]
NOT_TEXT = re.compile(r"<(script|style|head|nav)\b.*?</\1>|<!--.*?-->", re.S | re.I)
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.S | re.I)
BLOCK_TAG = re.compile(r"</?(p|div|li|tr|h\d|pre|br|dt|dd|table|section)\b[^>]*>", re.I)
TAG = re.compile(r"<[^>]*>")


def html_text(page):
    found = TITLE.search(page)
    title = html.unescape(TAG.sub(" ", found.group(1))).strip() if found else ""
    text = html.unescape(TAG.sub(" ", BLOCK_TAG.sub("\n", NOT_TEXT.sub(" ", page))))
    return title, re.sub(r"\s*\n\s*", "\n", re.sub(r"[ \t\r\f\v]+", " ", text)).strip()


def html_pages(source):
    for package in HTML_PACKAGES:
        for path in files_below(os.path.join(source, package)):
            if not path.endswith((".html", ".htm", ".xhtml")) or os.path.getsize(path) > 3 << 20:
                continue
            # What is in there twice, and lists of names.
            if package == "rust-doc" and re.search("/(html/core|html/alloc|src)/", path[len(source):]):
                continue
            if "/class-use/" in path or "genindex" in path:
                continue
            title, text = html_text(read(path))
            for piece in pieces(text):
                yield title, piece


def manuals(source):
    for path in files_below(os.path.join(source, "perl-doc")):
        if path.endswith(".pod"):
            yield from ((os.path.basename(path), piece) for piece in pieces(read(path)))
    roff = re.compile(r"^[.'].{0,3}[ \t]*|\\f[A-Z]|\\&|\\", re.M)
    for package in ("manpages-dev", "perl-doc"):
        for path in files_below(os.path.join(source, package, "usr/share/man")):
            if path.endswith(".gz"):
                title = os.path.basename(path).removesuffix(".gz")
                yield from ((title, piece) for piece in pieces(roff.sub("", read(path))))
    for path in files_below(os.path.join(source, "emacs-common")):
        if path.endswith((".info", ".info.gz")) or re.search(r"/(NEWS|ChangeLog)[^/]*$", path):
            yield from ((os.path.basename(path), piece) for piece in pieces(read(path)))
    for package in sorted(os.listdir(source)):
        for path in files_below(os.path.join(source, package, "usr/share/doc")):
            if re.search(r"changelog(\.Debian)?(\.gz)?$", path, re.I):
                yield from ((package + " changelog", piece) for piece in pieces(read(path)))


def java(source):
    for path in sorted(glob.glob(os.path.join(source, "openjdk-17-source/usr/lib/jvm/*/lib/src.zip"))):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith((".java", ".md", ".txt", ".html")):
                    text = archive.read(name).decode("utf-8", "replace")
                    yield from ((name, piece) for piece in pieces(text))


def kernel(source):
    endings = (".c", ".h", ".rst", ".txt", ".yaml", ".S", ".dts", ".dtsi", ".py", ".sh", ".pl")
    top = os.path.join(source, "linux")
    for path in files_below(top):
        is_text = path.endswith(endings) or os.path.basename(path).startswith(("Kconfig", "Makefile", "README"))
        generated = "/asic_reg/" in path or os.path.getsize(path) > 2 << 20  # tables of registers
        if is_text and not generated:
            name = os.path.relpath(path, top).split("/", 1)[-1]
            yield from ((name, piece) for piece in pieces(read(path)))


LARGE_SOURCES = [dictionaries, wordnet, html_pages, manuals, java, kernel]


def distinct(documents, seen):
    for title, body in documents:
        key = hash(body or title)
        if key not in seen:
            seen.add(key)
            yield title, body


def clean(text):
    """Every peer can read it: no lone surrogates, no NUL."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=["small", "large"])
    parser.add_argument("folder")
    parser.add_argument("output")
    options = parser.parse_args()
    documents, seen = [], set()
    documents += distinct(package_descriptions(os.path.join(options.folder, "aptlists")), seen)
    if options.size == "large":
        for source in LARGE_SOURCES:
            print(f"{source.__name__} ...", file=sys.stderr)
            documents += distinct(source(os.path.join(options.folder, "src")), seen)
        random.Random(SEED).shuffle(documents)
    with open(options.output, "w", encoding="utf-8") as file:
        for number, (title, body) in enumerate(documents):
            document = {"id": number, "title": clean(title), "body": clean(body)}
            file.write(json.dumps(document, ensure_ascii=False) + "\n")
    print(f"{len(documents)} documents, {os.path.getsize(options.output)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
