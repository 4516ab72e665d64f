"""What must hold for the repository as a whole: each rule is a function that takes a Repository and yields what is wrong,
one line each, with file and line. repository_test.py runs them over this repository, and over small ones that break them.
"""
import fnmatch
import os
import re
import subprocess
from pathlib import Path

SOURCE_ENDINGS = (".cc", ".h", ".proto", ".py", ".sh")
MAX_LINES = 600
# Libraries that belong to one tier: the table names them, and who does not stand there may not include them.
LIBRARIES = {
    "gRPC": re.compile(r"grpc(pp)?/"),
    "protobuf": re.compile(r"google/protobuf/"),
    "CRoaring": re.compile(r"roaring/"),
}
# What tests and benchmarks include is their own business.
FREE_FOLDERS = ("tests", "bench")


class Repository:
    """The files under one root: text by path relative to it, with forward slashes."""

    def __init__(self, root):
        self.root = Path(root)
        self.paths = sorted(self._walk())

    def _walk(self):
        """What git has, so that scratch files of a checkout do not count; without git, what is there."""
        if (self.root / ".git").exists():
            listed = subprocess.run(["git", "-C", str(self.root), "ls-files", "-z"], stdout=subprocess.PIPE, check=False)
            if listed.returncode == 0:
                names = listed.stdout.decode().split("\0")
                yield from (name for name in names if name and (self.root / name).is_file())
                return
        for folder, folders, files in os.walk(self.root):
            relative = Path(folder).relative_to(self.root)
            folders[:] = [name for name in folders if not self._is_left_out(relative, name)]
            for name in files:
                yield (relative / name).as_posix()

    @staticmethod
    def _is_left_out(parent, name):
        # What is built, what tools leave behind, what git keeps.
        return name in (".git", ".cache", "__pycache__") or (str(parent) == "." and name == "build")

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def lines(self, path):
        return enumerate(self.text(path).split("\n"), start=1)

    def with_ending(self, *endings):
        return [path for path in self.paths if path.endswith(endings)]

    def folders(self):
        """The folders of C++ code at the top, tests and benchmarks apart."""
        return {path.split("/")[0] for path in self.with_ending(".cc", ".h", ".proto")
                if "/" in path} - set(FREE_FOLDERS)

    def pages(self):
        return [path for path in self.paths
                if re.fullmatch(r"(README|ARCHITECTURE|CONTRIBUTING)\.md|docs/.*\.md", path)]


# --- Who may include whom.

def include_table(repository):
    """ARCHITECTURE.md's table `| folder | may include |` as {folder: set of folders and libraries}."""
    table, inside = {}, False
    for line in repository.text("ARCHITECTURE.md").split("\n"):
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if cells[:2] == ["folder", "may include"]:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(cells[0]) <= set("-: "):
            # "base, text for term bytes only; never proto": words before the semicolon, first of each.
            allowed = cells[1].split(";")[0].split(",")
            table[cells[0]] = {item.split()[0].strip("`") for item in allowed if item.strip()}
    return table


def included_folder(include, folders):
    """The folder that an #include of this path reaches into, or None."""
    first = include.split("/")[0]
    if first == "canopy":  # generated from proto/canopy/
        return "proto"
    return first if "/" in include and first in folders else None


def check_includes(repository):
    table = include_table(repository)
    folders = repository.folders()
    for folder in sorted(folders - set(table)):
        yield f"ARCHITECTURE.md: the include table has no row for {folder}/"
    for path in repository.with_ending(".cc", ".h"):
        folder = path.split("/")[0]
        if folder not in table:
            continue
        allowed = table[folder] | {folder}
        for number, line in repository.lines(path):
            match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            include = match.group(1)
            target = included_folder(include, folders | set(FREE_FOLDERS))
            if target and target not in allowed:
                yield f"{path}:{number}: {folder}/ may not include {target}/ ({include})"
            if not target and include.endswith(".pb.h"):
                continue  # generated in the folder itself
            for library, pattern in LIBRARIES.items():
                by_proto = library == "protobuf" and "proto" in allowed
                if pattern.match(include) and library not in allowed and not by_proto:
                    yield f"{path}:{number}: {folder}/ may not include {library} ({include})"


def check_links(repository):
    """CMake targets follow the same table."""
    table = include_table(repository)
    for path in repository.with_ending("CMakeLists.txt"):
        folder = path.split("/")[0]
        if folder not in table:
            continue
        for number, line in repository.lines(path):
            # canopy::proto_services is a second target of proto/; canopy_shard is canopy::shard by its other name.
            for kind, target in re.findall(r"\bcanopy(::|_)([a-z]+)", line.split("#")[0]):
                if (kind == "::" or target in table) and target not in table[folder] | {folder}:
                    yield f"{path}:{number}: {folder}/ may not link {target}/"


def check_no_cycles(repository):
    table = include_table(repository)
    done, path = set(), []

    def visit(folder):
        if folder in path:
            yield "ARCHITECTURE.md: the include table has a cycle: " + " -> ".join(path + [folder])
            return
        if folder in done or folder not in table:
            return
        path.append(folder)
        for other in sorted(table[folder] - {folder}):
            yield from visit(other)
        path.pop()
        done.add(folder)

    for folder in sorted(table):
        yield from visit(folder)


# --- Pages say what is there.

def code_of_page(text):
    """(line number, code) for every inline code span and every line of a code block (indented ones too)."""
    fenced = False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield number, line
        else:
            for span in re.findall(r"`([^`]+)`", line):
                yield number, span


def check_paths(repository):
    """Paths in code spans, code blocks and links of pages exist. A path begins with a folder of the top, or is a link; `*`
    stands for anything; what is built (build/...) and what has capitals for a placeholder (DIR/...) is left alone."""
    directories = {parent.as_posix() for path in repository.paths for parent in Path(path).parents}
    known = set(repository.paths) | directories
    tops = {path.split("/")[0] for path in repository.paths if "/" in path}

    def exists(path):
        path = path.rstrip("/")
        return path in known or ("*" in path and any(fnmatch.fnmatch(k, path) for k in known))

    for page in repository.pages():
        text = repository.text(page)
        for number, code in code_of_page(text):
            for path in re.findall(r"(?<![\w./~:{}$-])(\.?[a-z_]+/[\w./*-]*[\w/*])", code):
                if path.split("/")[0] in tops and not exists(path):
                    yield f"{page}:{number}: no such file or folder: {path}"
            if re.fullmatch(r"\.?[\w-]+\.(md|h|cc|py|sh)|\.clang-(format|tidy)|LICENSE", code):
                if not any(k == code or k.endswith("/" + code) for k in repository.paths):
                    yield f"{page}:{number}: no such file: {code}"
        for number, line in enumerate(text.split("\n"), start=1):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                full = os.path.normpath(os.path.join(os.path.dirname(page), target))
                if not exists(full):
                    yield f"{page}:{number}: the link leads nowhere: {target}"


# Flags of programs that are not ours, by program; they count only on a line that names the program.
FOREIGN_FLAGS = {
    "cmake": {"--preset", "--build"},
    "ctest": {"--output-on-failure", "--test-dir"},
    "clang-format": {"--dry-run"},
    "clang-tidy": {"--quiet"},
    "git": {"--name-only"},
}
DECLARATION = re.compile(
    r"[.>]Add(?:String|Strings|Int|Double|Bool|Duration|Size)\(\s*\"([a-z0-9-]+)\"")
# A function or a class of a source file: from a line that begins at its margin to the brace that closes it there.
BLOCK = re.compile(r"^\w[^\n;]*(?:\n[^\n;}]*)*?\{\n.*?^\}", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"FlagSet flags\(\s*\"([a-z -]+)\"")


def declared_flags(text):
    return {"--" + name for name in DECLARATION.findall(text)}


def program_flags(repository):
    """{program, with its subcommand: flags}: those declared where its FlagSet is, and in what that calls: a function of
    its file, or one that stands elsewhere."""
    blocks_of = {path: BLOCK.findall(repository.text(path)) for path in repository.with_ending(".cc")
                 if path.split("/")[0] not in FREE_FOLDERS}

    def called(call, path):
        for blocks in (blocks_of[path], sum(blocks_of.values(), [])):
            found = [block for block in blocks if re.search(rf"\b{call}\(FlagSet&", block)]
            if found:
                return found
        return []

    programs = {}
    for path, blocks in blocks_of.items():
        for block in blocks:
            for program in PROGRAM.findall(block):
                used, new = set(), {block}
                while new:
                    used |= new
                    calls = {call for used_block in new for call in re.findall(r"\b(\w+)\(flags", used_block)}
                    new = {other for call in calls for other in called(call, path)} - used
                programs[program] = set().union(*map(declared_flags, used))
    return programs


def script_flags(repository):
    """{script: flags}: whatever stands in it."""
    scripts = [path for path in repository.paths if path.endswith((".sh", ".py")) or path.startswith(".ci/")]
    return {path: set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", repository.text(path))) for path in scripts}


def flags_in(text):
    return re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)


def is_foreign(flag, line):
    return any(flag in flags and re.search(rf"\b{name}\b", line) for name, flags in FOREIGN_FLAGS.items())


def check_flags(repository):
    """Every --flag of a page is declared: in code by the program or script that the code names, else by any."""
    programs, scripts = program_flags(repository), script_flags(repository)
    common = {"--help", "--version", "--config"} | set().union(
        *(declared_flags(repository.text(path)) for path in repository.with_ending(".cc") if path.startswith("base/")))
    everything = common.union(*programs.values(), *scripts.values())
    for program in list(programs):  # `canopy` of `canopy search` takes none of its own
        words = program.split()
        for count in range(1, len(words)):
            programs.setdefault(" ".join(words[:count]), set())
    names = "|".join(sorted(programs, key=len, reverse=True)) or "(?!)"
    named = re.compile(rf"(?<![\w/-])(?:[\w./-]*/)?({names})(?![\w-])")

    def allowed_in(code):
        script = next((path for path in scripts if path in code), None)
        program = named.search(code)
        return scripts[script] if script else common | programs[program.group(1)] if program else everything

    for page in repository.pages():
        in_code = {}
        for number, code in code_of_page(repository.text(page)):
            in_code.setdefault(number, []).append(code)
        for number, line in repository.lines(page):
            for code, allowed in [(code, allowed_in(code)) for code in in_code.get(number, [])] + [(line, everything)]:
                wrong = [flag for flag in flags_in(code) if flag not in allowed and not is_foreign(flag, line)]
                for flag in wrong:
                    yield f"{page}:{number}: no such flag: {flag}"
                if wrong:
                    break


def unused_foreign_flags(repository):
    """Entries of FOREIGN_FLAGS that no page needs."""
    lines = [line for page in repository.pages() for _, line in repository.lines(page)]
    for name, flags in FOREIGN_FLAGS.items():
        for flag in sorted(flags):
            if not any(flag in flags_in(line) and re.search(rf"\b{name}\b", line) for line in lines):
                yield f"rules.py: no page names {name} {flag}"


# --- What no file may hold.

def check_sizes(repository):
    for path in repository.with_ending(*SOURCE_ENDINGS):
        count = len(repository.text(path).splitlines())
        if count > MAX_LINES:
            yield f"{path}: {count} lines, more than {MAX_LINES}"


def check_headers(repository):
    for path in repository.with_ending(".h"):
        text = repository.text(path)
        if not text.startswith("//"):
            yield f"{path}:1: a header begins with a comment that says what it is"
        if not re.search(r"^#pragma once$", text, re.MULTILINE):
            yield f"{path}:1: no #pragma once"


# An absolute path that not every Debian has. One in quotes may be the tail of a path, behind a comma or a plus.
LOCAL_PATH = re.compile(r"""(?:(?<![\w.:/~$}{*%>\])"'-])|(?<=["'])(?<!, ["'])(?<!\+ ["']))"""
                        r"/(?!(?:usr|etc|proc|dev|tmp|var|srv|opt|bin)/)[a-z][\w.-]*/\w")
# (what, pattern, endings). The words are put together here so that this file does not hold them.
FORBIDDEN = [
    ("a path of one machine", LOCAL_PATH, ("",)),
    ("something left open", re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b"), SOURCE_ENDINGS),
    ("files by pattern", re.compile(r"\bfile\s*\(\s*GLOB" + r"(?:_RECURSE)?\b"),
     ("CMakeLists.txt", ".cmake")),
    ("code for this processor only", re.compile(r"-m(?:arch|tune)" + r"=native"),
     SOURCE_ENDINGS + ("CMakeLists.txt", ".cmake", "CMakePresets.json")),
    ("a namespace taken whole", re.compile(r"\busing\s+namespace\s+" + r"std\b"), (".cc", ".h")),
    ("a test that is switched off", re.compile(r"\bDIS" + r"ABLED_"), (".cc", ".h")),
]


def check_forbidden(repository):
    for path in repository.paths:
        rules = [(what, pattern) for what, pattern, endings in FORBIDDEN if path.endswith(endings)]
        for number, line in repository.lines(path):
            for what, pattern in rules:
                if pattern.search(line):
                    yield f"{path}:{number}: {what}: {line.strip()[:80]}"


def check_registered(repository):
    """Every test source stands in the CMakeLists.txt of its folder: a test left out of the build proves nothing."""
    for path in repository.paths:
        if not re.fullmatch(r"tests/.*(_test\.cc|_test\.py|/test_\w+\.py)", path):
            continue
        folder, _, name = path.rpartition("/")
        if name.startswith("test_"):
            name = name[:-len(".py")]  # a module, as unittest names it
        lists = folder + "/CMakeLists.txt"
        words = re.findall(r"[\w.${}-]+", repository.text(lists)) if lists in repository.paths else []
        if not any(names_file(word, name, words) for word in words):
            yield f"{path}: not in {lists}"


def names_file(word, name, words):
    """Whether a word of a CMakeLists.txt names the file; a variable in it stands for another word (a foreach's)."""
    match = re.fullmatch(re.sub(r"\\\$\\\{\w+\\\}", r"(\\w+)", re.escape(word)), name)
    return match is not None and all(part in words for part in match.groups())


ALL_RULES = [check_includes, check_links, check_no_cycles, check_paths, check_flags, check_sizes,
             check_headers, check_forbidden, check_registered]
