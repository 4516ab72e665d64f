"""Everything that a user can get wrong ends with a status and a message that says what."""

import os
import shutil
import struct
import subprocess
import unittest

import cluster

USAGE = 2
FAILED = 1


class CommandLineTest(cluster.ClusterTest):
    def test_unknown_flags_are_named(self):
        for command in (["canopy-indexer", "build"], ["canopy-leaf"], ["canopy-root"], ["canopy", "up"],
                        ["canopy", "search"], ["canopy", "count"], ["canopy", "status"], ["canopy", "game"],
                        ["canopy", "bench", "load"]):
            self.assert_fails(cluster.run(*command, "--no-such-flag=1"), USAGE, "no-such-flag")

    def test_unknown_commands_are_named(self):
        self.assert_fails(cluster.run("canopy", "serch"), USAGE, "serch")
        self.assert_fails(cluster.run("canopy"), USAGE, "command")
        self.assert_fails(cluster.run("canopy", "bench", "sweep"), USAGE, "sweep")
        self.assert_fails(cluster.run("canopy-indexer", "destroy"), USAGE, "destroy")

    def test_every_binary_explains_itself(self):
        for command in (["canopy-indexer"], ["canopy-leaf"], ["canopy-root"], ["canopy"]):
            for flag in ("--help", "--version"):
                done = cluster.run(*command, flag)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                expected = (rf"^Usage: {command[0]} .*\n\n\w.*\." if flag == "--help" else
                            rf"^{command[0]} \d+\.\d+\.\d+\n$")
                self.assertRegex(done.stdout, expected)
        up = cluster.run("canopy", "up", "--help").stdout
        for part in ("--replicas N", "(default 1; 1 to 256)", "--log-level LEVEL"):
            self.assertIn(part, up)

    def test_a_target_that_is_no_address_is_wrong_usage(self):
        with open(self.path("one.txt"), "w") as file:
            file.write("a\n")
        for command in (["search", "a"], ["count", "a"], ["status"], ["bench", "load", "--queries", self.path("one.txt")]):
            self.assert_fails(cluster.run("canopy", *command, "--target", "localhost"), USAGE, "--target.*HOST:PORT")

    def test_an_error_cannot_steer_the_terminal(self):
        done = cluster.run("canopy", "search", "--target", "\x1b[2J", "a")
        self.assert_fails(done, USAGE, r"\\x1b\[2J")
        self.assertNotIn("\x1b", done.stderr)

    def test_a_root_address_that_is_none_is_wrong_usage(self):
        index = self.make_index(docs=10, shards=1)
        for address in ("localhost", os.fsdecode(b"\xff:0"), "127.0.0.1:70000"):
            done = cluster.run("canopy", "up", "--index", index, "--root", address, seconds=30)
            if address.endswith(":0"):
                self.assert_fails(done, FAILED)
            else:
                self.assert_fails(done, USAGE, "--root: address")

    def test_what_is_not_built_yet_says_so(self):
        index = self.make_index(docs=10, shards=1)
        for flag in ("--http", "--grpc"):
            self.assert_fails(cluster.run("canopy", "up", "--index", index, flag, "127.0.0.1:0"), USAGE,
                              f"{flag}.*not built yet")

    def test_numbers_out_of_range_name_the_flag(self):
        index = self.make_index(docs=10, shards=2)
        self.assert_fails(cluster.run("canopy", "up", "--index", index, "--replicas", 0), USAGE, "replicas")
        self.assert_fails(cluster.run("canopy", "up", "--index", index, "--leaves", 3), USAGE, "leaves 3.*2 shards")
        for size in ("0", "-1", "10001", "99999999999999999999", "many"):
            self.assert_fails(cluster.run("canopy", "search", "--target", "127.0.0.1:1", "--size", size, "a"), USAGE,
                              "size")
        self.assert_fails(cluster.run("canopy", "game", "--index", index, "--queries", self.path("queries.txt"),
                                      "--commands", "COUNT,ALL"), USAGE, "ALL")


class IndexingTest(cluster.ClusterTest):
    def indexer(self, corpus, *flags):
        return cluster.run("canopy-indexer", "build", "--input", corpus, "--output", self.path("index"), *flags)

    def test_a_missing_file_is_named(self):
        self.assert_fails(self.indexer(self.path("nothing.jsonl"), "--shards", 1), FAILED, "nothing.jsonl")

    def test_an_empty_corpus_is_refused(self):
        open(self.path("empty.jsonl"), "w").close()
        self.assert_fails(self.indexer(self.path("empty.jsonl"), "--shards", 1), FAILED, "no document")
        self.assertFalse(os.path.exists(self.path("index/CURRENT")))

    def test_no_shards_are_refused(self):
        cluster.Corpus(10).write(self.path("corpus.jsonl"))
        for shards in ("0", "-1", "x"):
            self.assert_fails(self.indexer(self.path("corpus.jsonl"), "--shards", shards), USAGE, "shards")


class IndexDirectoryTest(cluster.ClusterTest):
    def users_of(self, index):
        """Every command that opens an index directory."""
        with open(self.path("one.txt"), "w") as file:
            file.write("a\n")
        return (["canopy", "up", "--index", index],
                ["canopy", "game", "--index", index, "--queries", self.path("one.txt")],
                ["canopy-leaf", "--index", index, "--shards", "0", "--listen", "127.0.0.1:0"],
                ["canopy-indexer", "verify", index])

    def test_a_directory_that_is_no_index_is_named(self):
        os.mkdir(self.path("plain"))
        for command in self.users_of(self.path("plain")) + self.users_of(self.path("absent")):
            self.assert_fails(cluster.run(*command, seconds=30), FAILED, "plain|absent")

    def test_an_index_of_a_newer_version_is_refused_with_both_versions(self):
        index = self.make_index(docs=50, shards=1)
        with open(f"{index}/gen-000001/shard-0000-of-0001.canopy", "r+b") as shard:
            shard.seek(8)
            version = struct.unpack("<I", shard.read(4))[0]
            shard.seek(8)
            shard.write(struct.pack("<I", version + 998))
        for command in self.users_of(index):
            self.assert_fails(cluster.run(*command, seconds=30), FAILED, f"version {version + 998}")

    def test_a_damaged_index_is_refused_with_file_section_and_offset(self):
        index = self.make_index(docs=50, shards=1)
        path = f"{index}/gen-000001/shard-0000-of-0001.canopy"
        shutil.copy(path, path + ".good")
        with open(path, "r+b") as shard:
            shard.seek(200)
            byte = shard.read(1)
            shard.seek(200)
            shard.write(bytes([byte[0] ^ 1]))
        for command in self.users_of(index):
            self.assert_fails(cluster.run(*command, seconds=30), FAILED, r"shard-0000-of-0001\.canopy", "section")

    def test_a_port_in_use_is_named(self):
        index = self.make_index(docs=50, shards=1)
        with cluster.occupied_port() as address:
            for command in (["canopy-leaf", "--index", index, "--shards", "0", "--listen", address],
                            ["canopy", "up", "--index", index, "--root", address]):
                self.assert_fails(cluster.run(*command, seconds=30), FAILED, f"{address}.*in use")


class QueryTest(cluster.ClusterTest):
    """One cluster for all: nothing that a query says may hurt it."""

    def setUp(self):
        super().setUp()
        self.running = self.up(self.make_index(docs=300, shards=2), "--replicas", 2)

    def tearDown(self):
        self.assertGreater(self.running.search("word0")["total"]["value"], 0)
        self.assertFalse([event for event in self.running.events if event["event"].endswith("_exited")])
        self.running.stop()
        super().tearDown()

    def ask(self, *arguments, **options):
        return cluster.run("canopy", "search", "--target", self.running.root, "--timeout", "20s", *arguments, **options)

    def test_syntax_errors_name_the_position(self):
        for query in ('"green leaf', "(green", "green)", "title:", "green^x", "[1 TO"):
            self.assert_fails(self.ask("--", query), FAILED, "position|character|column")

    def test_an_unknown_field_is_named_with_the_known_ones(self):
        self.assert_fails(self.ask("--", "colour:green"), FAILED, "colour", "title")

    def test_what_is_not_built_yet_is_named(self):
        kinds = {"gre*": "prefix", "gr?en": "wildcard", "green~1": "fuzzy", "title:[1 TO 5]": "range", "title:*": "exists"}
        for query, kind in kinds.items():
            self.assert_fails(self.ask("--", query), FAILED, kind)

    def test_a_query_of_ten_megabytes_is_refused(self):
        text = b"green " * (10 * 1024 * 1024 // 6)
        self.assert_fails(self.ask("-", stdin=text), FAILED, "bytes|too long|larger|limit")

    def test_a_query_of_a_hundred_thousand_terms_is_refused(self):
        text = " ".join(f"t{i}" for i in range(100_000)).encode()
        self.assert_fails(self.ask("-", stdin=text), FAILED, "bytes|clauses|terms|limit")

    def test_a_deep_query_is_refused(self):
        self.assert_fails(self.ask("-", stdin=b"(" * 5000 + b"green" + b")" * 5000), FAILED, "deep|nest|depth")

    def test_more_hits_than_a_root_gives_are_refused(self):
        self.assert_fails(self.ask("--size", 10000, "--offset", 10000, "--", "green"), FAILED, "10,?000")

    def test_a_query_without_terms_finds_nothing(self):
        for query in ("...", "&"):
            done = self.ask("--json", "--", query)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn('"total":{"value":0,"relation":"eq"}', done.stdout)

    def test_operators_without_terms_are_a_syntax_error(self):
        self.assert_fails(self.ask("--", "+ -"), FAILED, "column 2")

    def test_what_is_not_utf8_is_refused_with_its_place(self):
        self.assert_fails(self.ask("-", stdin=b"gr\xfcn"), FAILED, "the query is not valid UTF-8 at byte 3")
        self.assert_fails(self.ask("--fields", os.fsdecode(b"\xff"), "green"), FAILED,
                          "--fields is not valid UTF-8 at byte 1")
        with open(self.path("latin1.txt"), "wb") as file:
            file.write(b"green\n\xfc\n")
        self.assert_fails(cluster.run("canopy", "bench", "load", "--target", self.running.root, "--queries",
                                      self.path("latin1.txt")), FAILED, "latin1.txt: the query in line 2 is not valid")

    def test_answers_that_cannot_be_written_are_a_failure(self):
        for command in (["search", "green"], ["count", "green"], ["status"], ["search", "--json", "green"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([cluster.binary("canopy"), *command, "--target", self.running.root, "--timeout",
                                       "20s"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(done.returncode, FAILED)
            self.assertIn("cannot write standard output", done.stderr)

    def test_a_leaf_as_target_is_no_root(self):
        leaf = self.running.leaf_addresses()[0]
        done = cluster.run("canopy", "search", "--target", leaf, "--timeout", "20s", "green")
        self.assert_fails(done, FAILED, f"UNIMPLEMENTED: {leaf}")

    def test_a_target_that_does_not_answer_is_named(self):
        for command in (["search", "a"], ["count", "a"], ["status"]):
            done = cluster.run("canopy", *command, "--target", "127.0.0.1:1", "--timeout", "2s")
            self.assert_fails(done, FAILED, "(UNAVAILABLE|DEADLINE_EXCEEDED): 127.0.0.1:1")


if __name__ == "__main__":
    unittest.main()
