#!/usr/bin/env python3
"""Runs every rule of rules.py over this repository, and shows of each that it finds what breaks it.

  repository_test.py [unittest options]      the repository is the one that holds this file
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import rules

ROOT = Path(os.environ.get("CANOPY_SOURCE_DIR", Path(__file__).resolve().parents[2]))

PROGRAMS = """
void AddShared(FlagSet& flags, Options& options) {
  flags.AddString("target", &options.target);
}

int Count(int argc) {
  FlagSet flags("canopy count", "Counts.");
  AddShared(flags, options);
}

int Search(int argc) {
  FlagSet flags(
      "canopy search", "Searches.");
  AddShared(flags, options);
  flags.AddBool("trace", &trace, "lists");
}

int main(int argc) {
  FlagSet flags("canopy-leaf", "Serves.");
  flags.AddString(
      "index", &index);
}
"""

# A small repository in which nothing is wrong.
GOOD = {
    "ARCHITECTURE.md": "# A\n\n| folder | may include |\n| --- | --- |\n| base | Abseil |\n"
                       "| proto | protobuf |\n| shard | base, CRoaring for views; never proto |\n"
                       "| rpc | base, proto, gRPC |\n",
    "README.md": "See [the pages](docs/a.md#top), `shard/a.h`, `base/`, `deploy/*.sh` and `DIR/x`.\n\n"
                 "    canopy-leaf --index DIR --help\n    deploy/run.sh --once\n"
                 "    cmake --preset dev\n",
    "docs/a.md": "Back to [the first](../README.md); `--index` is a flag.\n",
    "base/a.h": "// What it is.\n#pragma once\n#include \"absl/status/status.h\"\n",
    "base/CMakeLists.txt": "canopy_library(base SOURCES a.cc)\n",
    "proto/canopy/v1/a.proto": "syntax = \"proto3\";\n",
    "shard/a.h": "// What it is.\n#pragma once\n#include \"base/a.h\"\n#include <roaring/roaring.h>\n",
    "shard/CMakeLists.txt": "canopy_library(shard SOURCES a.cc PUBLIC canopy::base)\n",
    "rpc/a.cc": "#include <grpcpp/server.h>\n#include \"canopy/v1/a.pb.h\"\n"
                "#include <google/protobuf/message.h>\n" + PROGRAMS,
    "deploy/run.sh": "case $1 in --once) ;; esac\n",
    "tests/a/a_test.cc": "#include \"shard/a.h\"\n",
    "tests/a/CMakeLists.txt": "canopy_test(a_test SOURCES a_test.cc)\n",
}


class ThisRepository(unittest.TestCase):
    def test_every_rule_holds(self):
        repository = rules.Repository(ROOT)
        self.assertIn("README.md", repository.pages())
        self.assertGreater(len(rules.include_table(repository)), 5)
        for rule in rules.ALL_RULES:
            with self.subTest(rule=rule.__name__):
                found = list(rule(repository))
                self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_every_exception_is_needed(self):
        self.assertEqual(list(rules.unused_foreign_flags(rules.Repository(ROOT))), [])


class Rules(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        for path, text in GOOD.items():
            self.write(path, text)

    def write(self, path, text):
        full = Path(self.folder, path)
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, encoding="utf-8")

    def add(self, path, text):
        self.write(path, GOOD.get(path, "") + text)

    def expect(self, rule, *parts):
        """The rule finds one thing, and its line holds the parts; every other rule finds nothing."""
        repository = rules.Repository(self.folder)
        for other in rules.ALL_RULES:
            found = list(other(repository))
            if other is not rule:
                self.assertEqual(found, [], other.__name__)
                continue
            self.assertEqual(len(found), 1, found)
            for part in parts:
                self.assertIn(part, found[0])

    def test_a_good_repository_breaks_no_rule(self):
        self.expect(None)

    def test_in_a_checkout_only_what_git_has_counts(self):
        subprocess.run(["git", "init", "-q", self.folder], check=True)
        subprocess.run(["git", "-C", self.folder, "add", "."], check=True)
        self.write("base/scratch.h", "no comment")
        self.expect(None)
        subprocess.run(["git", "-C", self.folder, "add", "."], check=True)
        os.remove(os.path.join(self.folder, "docs/a.md"))
        self.assertNotIn("docs/a.md", rules.Repository(self.folder).paths)
        self.assertIn("base/scratch.h", rules.Repository(self.folder).paths)

    def test_what_is_built_is_left_out(self):
        self.write("build/x.h", "no comment")
        self.expect(None)

    def test_an_include_against_the_table(self):
        self.add("base/a.h", '#include "shard/a.h"\n')
        self.expect(rules.check_includes, "base/a.h:4", "may not include shard/")

    def test_an_include_of_generated_messages(self):
        self.add("shard/a.h", '#  include <canopy/v1/a.pb.h>\n')
        self.expect(rules.check_includes, "shard/a.h:5", "may not include proto/")

    def test_an_include_of_a_test(self):
        self.add("base/a.h", '#include "tests/a/b.h"\n')
        self.expect(rules.check_includes, "may not include tests/")

    def test_an_include_of_a_library(self):
        for path, include, library in [("shard/a.h", "grpcpp/channel.h", "gRPC"),
                                       ("shard/a.h", "google/protobuf/message.h", "protobuf"),
                                       ("rpc/a.cc", "roaring/roaring.h", "CRoaring")]:
            self.add(path, f"#include <{include}>\n")
            self.expect(rules.check_includes, path, f"may not include {library}")
            self.write(path, GOOD[path])

    def test_a_folder_without_a_row(self):
        self.write("leaf/a.cc", "int x;\n")
        self.expect(rules.check_includes, "no row for leaf/")

    def test_a_link_against_the_table(self):
        self.add("base/CMakeLists.txt", "target_link_libraries(x canopy::rpc)\n")
        self.expect(rules.check_links, "base/CMakeLists.txt:2", "may not link rpc/")

    def test_a_link_against_the_table_by_the_target_itself(self):
        self.add("base/CMakeLists.txt", "target_link_libraries(canopy_base PRIVATE canopy_rpc)\n")
        self.expect(rules.check_links, "base/CMakeLists.txt:2", "may not link rpc/")

    def test_a_cycle_in_the_table(self):
        self.write("ARCHITECTURE.md", GOOD["ARCHITECTURE.md"].replace("Abseil", "Abseil, rpc"))
        self.expect(rules.check_no_cycles, "base -> rpc -> base")

    def test_a_path_that_is_not_there(self):
        for text in ["`shard/b.h`", "```\ncat docs/b.md\n```", "\n    sh deploy/none.sh", "`bench_all.py`",
                     "`deploy/*.py`", "[x](docs/none.md)", "`.clang-tidy`"]:
            self.add("README.md", text + "\n")
            self.expect(rules.check_paths, "README.md:")

    def test_a_link_is_relative_to_its_page(self):
        self.add("docs/a.md", "[x](docs/a.md)\n")
        self.expect(rules.check_paths, "docs/a.md:2", "leads nowhere")

    def test_a_flag_that_is_not_there(self):
        self.add("README.md", "Give it `--threads`.\n")
        self.expect(rules.check_flags, "README.md:6", "--threads")

    def test_a_flag_of_another_program(self):
        self.add("README.md", "    canopy-leaf --index DIR\n    deploy/run.sh --once\n")
        self.expect(None)
        for text in ("    canopy-leaf --once", "`canopy-leaf --once`", "```sh\ncanopy-leaf --once\n```"):
            self.add("README.md", text + "\n")
            self.expect(rules.check_flags, "--once")

    def test_a_flag_of_another_subcommand(self):
        self.add("README.md", "    canopy search --target A --trace\n    canopy count --target A\n    canopy --help\n")
        self.expect(None)
        for text in ("canopy count --trace", "canopy --target A"):
            self.add("README.md", f"    build/bin/{text}\n")
            self.expect(rules.check_flags, text.split()[-2 if "target" in text else -1])

    def test_a_flag_of_a_foreign_program_without_its_name(self):
        self.add("README.md", "Then --preset.\n")
        self.expect(rules.check_flags, "--preset")

    def test_a_file_that_is_too_long(self):
        self.add("base/a.h", "\n" * 600)
        self.expect(rules.check_sizes, "base/a.h: 603 lines")

    def test_a_header_without_its_comment_or_guard(self):
        self.write("base/a.h", "#pragma once\n")
        self.expect(rules.check_headers, "begins with a comment")
        self.write("base/a.h", "// What it is.\nint x();\n")
        self.expect(rules.check_headers, "no #pragma once")

    def test_what_no_file_may_hold(self):
        for path, text in [("docs/a.md", "see /ho" "me/me"), ("deploy/run.sh", "cd '/da" "ta/x'"), ("base/a.h", "// TO" "DO: all"),
                           ("deploy/run.sh", "# FIX" "ME"),
                           ("base/CMakeLists.txt", "file(GL" "OB x *.cc)"),
                           ("base/CMakeLists.txt", "add_compile_options(-march" "=native)"),
                           ("rpc/a.cc", "using name" "space std;"),
                           ("tests/a/a_test.cc", "TEST(A, DIS" "ABLED_B)")]:
            self.add(path, text + "\n")
            self.expect(rules.check_forbidden, path)
            self.write(path, GOOD[path])

    def test_a_test_that_is_not_built(self):
        self.write("tests/a/b_test.cc", "int x;\n")
        self.expect(rules.check_registered, "tests/a/b_test.cc: not in tests/a/CMakeLists.txt")

    def test_a_test_that_a_loop_builds(self):
        self.write("tests/a/CMakeLists.txt", "foreach(x a b)\n canopy_test(${x}_test SOURCES ${x}_test.cc)\n")
        self.write("tests/a/b_test.cc", "int x;\n")
        self.expect(None)
        self.write("tests/a/c_test.cc", "int x;\n")
        self.expect(rules.check_registered, "tests/a/c_test.cc")

    def test_a_python_test_that_is_not_run(self):
        self.write("tests/b/test_x.py", "")
        self.write("tests/b/CMakeLists.txt", "function(e name)\n add_test(NAME ${name} python3 test_${name})\n"
                   "endfunction()\ne(x)\n")
        self.expect(None)
        self.write("tests/b/test_y.py", "")
        self.expect(rules.check_registered, "tests/b/test_y.py")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
