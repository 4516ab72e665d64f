"""Real Canopy processes for end-to-end tests: everything on loopback, every port chosen by the system, every wait with
an end, every process gone when a test is over, also when it failed. Standard library only.

The binaries are those of $CANOPY_BIN.
"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BIN = os.environ.get("CANOPY_BIN", os.path.join(os.path.dirname(__file__), "../../build/release/bin"))
SEED = int(os.environ.get("CANOPY_TEST_SEED", "20240611"))
START_SECONDS = 60  # until a cluster is ready
COMMAND_SECONDS = 120


def binary(name):
    return os.path.join(BIN, name)


# What the user has set for Canopy is not meant for the tests.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("CANOPY_")}


def run(*arguments, stdin=None, seconds=COMMAND_SECONDS):
    """Runs a binary to its end. Its output is text; `stdin` is bytes or None."""
    command = [binary(arguments[0]), *map(str, arguments[1:])]
    done = subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds, env=ENVIRONMENT)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(),
                                       done.stderr.decode(errors="replace"))


def wait_for(condition, seconds, what):
    """The first true value of `condition()`, asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def is_alive(pid):
    """Whether the process runs; one that has ended and was not yet collected does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class Corpus:
    """Documents of invented words: frequent ones and rare ones, some of them always side by side."""

    def __init__(self, docs, seed=SEED, vocabulary=2000):
        self.random = random.Random(seed)
        words = [f"word{i}" for i in range(vocabulary)]
        weights = [1 / (i + 1) for i in range(vocabulary)]
        self.docs = []
        for number in range(docs):
            body = self.random.choices(words, weights, k=self.random.randint(5, 80))
            if number % 7 == 0:
                body[1:3] = ["green", "leaf"]
            title = self.random.choices(words, weights, k=3)
            self.docs.append({"id": f"doc-{number}", "title": " ".join(title), "body": " ".join(body)})

    def write(self, path):
        with open(path, "w") as file:
            for doc in self.docs:
                file.write(json.dumps(doc) + "\n")

    def queries(self, count):
        """Lines in the syntax of the search benchmark game, of all classes."""
        lines = []
        for _ in range(count):
            words = self.random.choice(self.docs)["body"].split()
            a, b = self.random.sample(words, 2)
            at = self.random.randrange(len(words) - 1)
            lines += [a, f"{a} {b}", f"+{a} +{b}", f'"{words[at]} {words[at + 1]}"']
        return list(dict.fromkeys(lines))


def build(corpus_path, index, shards, *flags):
    """Builds a generation and returns what the indexer says of it."""
    done = run("canopy-indexer", "build", "--input", corpus_path, "--output", index, "--shards", shards, "--analyzer",
               "ascii", "--threads", 1, "--json", *flags)
    if done.returncode != 0:
        raise AssertionError(f"canopy-indexer: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def in_process(index, queries_path, k, *flags):
    """query -> (total, [(document, score)]): the answers without leaf, root and network."""
    done = run("canopy", "game", "--index", index, "--queries", queries_path, "--scores", k, *flags)
    if done.returncode != 0:
        raise AssertionError(f"canopy game: exit status {done.returncode}\n{done.stderr}")
    answers = {}
    for line in done.stdout.splitlines():
        query, _, doc, score, total = line.split("\t")
        answers.setdefault(query, (int(total), []))[1].append((int(doc), score))
    return answers


class Process:
    """A program that prints a line of JSON when it is ready, and what it says. A context manager."""

    def __init__(self, *command, environment=None, **options):
        self.events = []  # JSON objects of its standard error
        self.log = []     # all lines of its standard error
        self.process = subprocess.Popen([binary(command[0]), *map(str, command[1:])],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env={**ENVIRONMENT, **(environment or {})},
                                        **{"start_new_session": True, **options})
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        self.ready = None
        first_line = threading.Thread(target=self._read_ready, daemon=True)
        first_line.start()
        first_line.join(START_SECONDS)
        if self.ready is None:
            self.kill()
            raise AssertionError(f"{command[0]} did not become ready:\n" + "\n".join(self.log))
        self.root = self.ready.get("root", self.ready.get("address"))  # what the commands ask

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))
            if line.startswith('{"event"'):
                self.events.append(json.loads(line))

    def _read_ready(self):
        line = self.process.stdout.readline()
        if line:
            self.ready = json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, seconds=20):
        """Asks it to stop, and returns how long that took."""
        start = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"not stopped after {seconds} s:\n" + "\n".join(self.log)) from None
        took = time.monotonic() - start
        self._collect()
        return took

    def kill(self):
        """Ends it at once; its children die with it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        self._collect()

    def _collect(self):
        self.reader.join(20)
        self.process.stdout.close()
        self.process.stderr.close()

    # ---- asking the root, which it is or has

    def ask(self, command, *arguments, **options):
        """A client command with --json: its answer as an object. Fails the test when the command fails."""
        done = run("canopy", command, "--target", self.root, "--json", "--timeout", "20s", *arguments, **options)
        if done.returncode != 0:
            raise AssertionError(f"{done.args}: exit status {done.returncode}\n{done.stderr}\n" +
                                 "\n".join(self.log[-20:]))
        return json.loads(done.stdout)

    def search(self, query, *flags):
        return self.ask("search", *flags, "--", query)

    def count(self, query, *flags):
        return self.ask("count", *flags, "--", query)

    def status(self):
        return self.ask("status")

    # ---- waiting

    def wait_until_whole(self, seconds=20):
        """Every replica is reachable and ready."""
        def whole():
            replicas = self.status()["replicas"]
            return all(replica["reachable"] and replica["ready"] for replica in replicas)
        wait_for(whole, seconds, "every replica reachable")


class Cluster(Process):
    """`canopy up`."""

    def __init__(self, index, *flags, **options):
        super().__init__("canopy", "up", "--index", index, "--json", *flags, **options)

    def pids(self):
        """Of every child that was ever started."""
        started = [leaf["pid"] for leaf in self.ready["leaves"]] + [self.ready["root_pid"]]
        return set(started + [event["pid"] for event in list(self.events)])

    def wait_for_event(self, name, pid=None, after=0, seconds=20):
        """The first event `name` (of process `pid`) at place `after` or later."""
        def found():
            return next((event for event in self.events[after:]
                         if event["event"] == name and pid in (None, event["pid"])), None)
        return wait_for(found, seconds, f"event {name}")

    # ---- breaking

    def leaf_addresses(self):
        return [leaf["address"] for leaf in self.ready["leaves"]]

    def current_pid(self, address):
        """Of the leaf at `address`, as the last event or the ready line has it."""
        for event in reversed(self.events):
            if event["event"] == "leaf_ready" and event["address"] == address:
                return event["pid"]
        return next(leaf["pid"] for leaf in self.ready["leaves"] if leaf["address"] == address)

    def kill_leaf(self, address):
        """SIGKILL to the leaf at `address`; returns once `up` has seen its end."""
        pid = self.current_pid(address)
        after = len(self.events)
        os.kill(pid, signal.SIGKILL)
        return self.wait_for_event("leaf_exited", pid, after)


class Load:
    """`canopy bench load` beside what a test does. A context manager; `report` is there afterwards."""

    def __init__(self, cluster, queries_path, qps, seconds, *flags):
        self.process = subprocess.Popen(
            [binary("canopy"), "bench", "load", "--target", cluster.root, "--queries", queries_path, "--qps", str(qps),
             "--seconds", str(seconds), "--json", *map(str, flags)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.seconds = seconds
        self.report = None

    def __enter__(self):
        return self

    def running(self):
        return self.process.poll() is None

    def stop_sending(self):
        """Ends the load early; the report is of what was sent until now."""
        self.process.send_signal(signal.SIGINT)

    def abandon(self):
        """Ends it; there will be no report."""
        self.process.kill()
        self.process.communicate()

    def __exit__(self, kind, *_):
        if kind is not None:
            self.abandon()
            return
        try:
            out, err = self.process.communicate(timeout=self.seconds + 60)
        except subprocess.TimeoutExpired:
            self.abandon()
            raise
        if self.process.returncode != 0:
            raise AssertionError(f"canopy bench load: exit status {self.process.returncode}\n{err}")
        self.report = json.loads(out)


class ClusterTest(unittest.TestCase):
    """A test with a scratch directory of its own."""

    @classmethod
    def setUpClass(cls):
        print(f"CANOPY_TEST_SEED={SEED}", file=sys.stderr)

    def setUp(self):
        self.scratch = tempfile.mkdtemp(prefix="canopy-e2e-")
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.scratch, name)

    def make_index(self, docs=2000, shards=4, name="index", seed=SEED):
        """An index of generated documents; also writes queries.txt. Returns its directory."""
        corpus = Corpus(docs, seed)
        corpus.write(self.path(f"{name}.jsonl"))
        with open(self.path("queries.txt"), "w") as file:
            file.write("\n".join(corpus.queries(25)) + "\n")
        build(self.path(f"{name}.jsonl"), self.path(name), shards)
        return self.path(name)

    def up(self, index, *flags, **options):
        """A cluster that is stopped when the test ends."""
        cluster = Cluster(index, *flags, **options)
        self.addCleanup(lambda: cluster.process.poll() is None and cluster.kill())
        return cluster

    def queries(self):
        with open(self.path("queries.txt")) as file:
            return file.read().splitlines()

    def assert_same_answer(self, response, expected, what):
        """`expected`: (total, [(document, printed score)])."""
        total, hits = expected
        self.assertEqual(response["total"], {"value": total, "relation": "eq"}, what)
        got = [(hit["doc"], f"{hit['score']:.9g}") for hit in response["hits"]]
        self.assertEqual(got, hits, what)
        self.assertTrue(response["coverage"]["complete"], what)
        self.assertFalse(response["timed_out"], what)

    def assert_all_answered(self, load):
        """No query of the load failed, and none was answered in part."""
        self.assertEqual(load.report["errors"], {})
        self.assertEqual(load.report["partial"], 0)
        self.assertEqual(load.report["ok"], load.report["sent"])

    def assert_fails(self, done, status, *patterns):
        """The command ended with `status` and said why."""
        self.assertEqual(done.returncode, status, f"{done.args}\n{done.stdout}\n{done.stderr}")
        for pattern in patterns:
            self.assertRegex(done.stderr, re.compile(pattern, re.IGNORECASE), str(done.args[:4]))


@contextlib.contextmanager
def occupied_port():
    """A loopback address on which somebody listens already."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
