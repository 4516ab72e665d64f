#!/usr/bin/env python3
"""Compares a Canopy cluster with the distributed searches of Sphinx and Xapian on one corpus, end to end.

    bench/compare_remote.py --corpus FILE.jsonl --queries FILE --scratch DIR [--name NAME] [--output FILE.json]

All cut the same documents into the same shards (document number % shards), each shard in a server process of its own on
127.0.0.1: Canopy's leaves behind a root, Sphinx's searchd agents with persistent connections behind a searchd, Xapian's
xapian-tcpsrv behind the client. One client in one thread, over one connection, asks one query after the other: the search
benchmark game, in turn for each number of shards. Every count is compared with an oracle that reads the documents. Writes a
JSON file that bench/write_benchmarks.py turns into a table; exits with 1 when an answer of Canopy is wrong. Needs sphinxsearch,
libxapian-dev, xapian-tools, a C++ compiler and nlohmann-json3-dev. Standard library only.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import datetime
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from measurement import (COMMANDS, HERE, MINIMUM, REPOSITORY, check_counts, commit, machine, oracle_counts, others_load,
                         read_game, require_release_build, run, say, sha256, summarize)

sys.path.insert(0, os.path.join(HERE, "peers"))
import sphinx_cluster  # noqa: E402

START_SECONDS = 60  # until a server listens
STOP_SECONDS = 10   # until it is gone


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, help="JSON Lines")
    parser.add_argument("--queries", required=True, help="one query a line: +a +b, a b, \"a b\"")
    parser.add_argument("--scratch", required=True, help="directory for indexes and results")
    parser.add_argument("--name", default="", help="of the corpus in the table (default: the file's name)")
    parser.add_argument("--bin", default=os.path.join(REPOSITORY, "build/release/bin"), help="Canopy's binaries")
    parser.add_argument("--output", default="", help="results (default: SCRATCH/remote-NAME.json)")
    parser.add_argument("--engines", default="Canopy,Sphinx,Xapian", help="in the order of their turns")
    parser.add_argument("--shards", default="1,4,8,16", help="numbers of shards; each divides the largest")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each engine with each number of shards")
    parser.add_argument("--warmup", type=int, default=2, help="passes before timing, in every turn")
    parser.add_argument("--passes", type=int, default=5, help="timed passes of a turn")
    parser.add_argument("--jobs", type=int, default=2, help="shards of Xapian that are built at once")
    parser.add_argument("--build-only", action="store_true", help="make the indexes that are missing, and stop")
    return parser.parse_args()


def free_ports(count):
    """Ports that nobody listens on at this moment, none twice."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_until_listening(port, process):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    sys.exit(f"{' '.join(process.args)}: does not listen on port {port}")


@contextlib.contextmanager
def servers(commands):
    """Runs commands {port: command}, each in a process group of its own, until they listen; stops them afterwards."""
    processes = {}
    try:
        for port, command in commands.items():
            # A group of its own: xapian-tcpsrv kills its whole group when it is stopped.
            processes[port] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL, start_new_session=True)
        for port, process in processes.items():
            wait_until_listening(port, process)
        yield
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def package_version(name):
    found = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
    return found.stdout or "unknown"


class Engine:
    """An engine's indexes by number of shards, each marked as complete by a file; and its turn in the game."""

    def __init__(self, options):
        self.options = options

    def index(self, shards):
        return os.path.join(self.options.scratch, f"{self.name.lower()}-{self.options.name}-{shards}")

    def compile(self, source, *libraries):
        program = os.path.join(self.options.scratch, os.path.splitext(source)[0])
        subprocess.run(["c++", "-std=c++20", "-O2", "-o", program, os.path.join(HERE, "peers", source), *libraries],
                       check=True)
        return program

    def make_index(self, shards):
        index = self.index(shards)
        if os.path.exists(os.path.join(index, "complete")):
            return
        say(f"{self.name}: index of {shards} shards")
        shutil.rmtree(index, ignore_errors=True)
        os.makedirs(index)
        start = time.monotonic()
        self.build(shards, index)
        with open(os.path.join(index, "complete"), "w") as file:
            file.write(f"{time.monotonic() - start:.1f} s\n")

    def read_into_memory(self, index):
        for folder, _, names in os.walk(index):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    while file.read(1 << 20):
                        pass

    def protocol(self):
        return [str(self.options.warmup), str(self.options.passes)]


class Canopy(Engine):
    name = "Canopy"

    def version(self):
        return run([self.binary("canopy"), "--version"], self.options.scratch).stdout.strip()

    def binary(self, name):
        return os.path.join(self.options.bin, name)

    def build(self, shards, index):
        run([self.binary("canopy-indexer"), "build", "--input", self.options.corpus, "--output",
             os.path.join(index, "index"), "--shards", str(shards), "--analyzer", "ascii", "--stored", "none", "--json"],
            self.options.scratch)

    @contextlib.contextmanager
    def cluster(self, shards, index):
        """A leaf process a shard; the address of the root."""
        command = [self.binary("canopy"), "up", "--index", os.path.join(index, "index"), "--leaves", str(shards),
                   "--replicas", "1", "--json", "--no-restart"]
        with open(os.path.join(self.options.scratch, "canopy-up.log"), "w") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            line = process.stdout.readline()
            if not line:
                sys.exit(f"{' '.join(command)}: see {log.name}")
            yield json.loads(line)["root"]
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()

    def play(self, shards):
        with self.cluster(shards, self.index(shards)) as root:
            return run([self.binary("canopy"), "game", "--target", root, "--queries", self.options.queries, "--warmup",
                        str(self.options.warmup), "--passes", str(self.options.passes)], self.options.scratch).stdout


class Sphinx(Engine):
    name = "Sphinx"

    def version(self):
        return package_version("sphinxsearch")

    @functools.cached_property
    def peer(self):
        return self.compile("sphinx_peer.cc")

    def build(self, shards, index):
        text = os.path.join(index, "text")
        run([self.peer, "prepare", self.options.corpus, text, str(shards)], self.options.scratch)
        for shard in range(shards):
            run(sphinx_cluster.index_command(index, shard, f"{text}.{shard}"), self.options.scratch)
            os.remove(f"{text}.{shard}")

    def play(self, shards):
        index = self.index(shards)
        ports = free_ports(2 * (shards + 1))
        agents, root = sphinx_cluster.commands(index, shards, ports)
        with servers(agents), servers(root):
            return run([self.peer, "query", self.options.queries, *self.protocol(), str(next(iter(root))), "all"],
                       self.options.scratch).stdout


class Xapian(Engine):
    """The most shards are built from the documents; fewer by merging those."""
    name = "Xapian"

    def version(self):
        return package_version("xapian-tools")

    @functools.cached_property
    def peer(self):
        return self.compile("xapian_peer.cc", "-lxapian")

    def build(self, shards, index):
        most = max(self.options.shards)
        if shards == most:
            self.build_from_documents(shards, index)
            return
        self.make_index(most)
        for shard in range(shards):
            parts = [os.path.join(self.index(most), str(part)) for part in range(shard, most, shards)]
            subprocess.run(["xapian-compact", *parts, os.path.join(index, str(shard))], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def build_from_documents(self, shards, index):
        peer = self.peer

        def build_shard(shard):
            raw = os.path.join(index, f"{shard}.raw")
            subprocess.run([peer, "build", self.options.corpus, raw, str(shards), str(shard)], check=True,
                           env=dict(os.environ, XAPIAN_FLUSH_THRESHOLD="100000"))
            subprocess.run(["xapian-compact", raw, os.path.join(index, str(shard))], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            shutil.rmtree(raw)

        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            list(pool.map(build_shard, range(shards)))

    def play(self, shards):
        ports = free_ports(shards)
        commands = {port: ["xapian-tcpsrv", "--quiet", "--interface", "127.0.0.1", "--port", str(port), "--idle-timeout",
                           "600000", os.path.join(self.index(shards), str(shard))]
                    for shard, port in enumerate(ports)}
        with servers(commands):
            return run([self.peer, "query", self.options.queries, *self.protocol(),
                        *[f"127.0.0.1:{port}" for port in ports]], self.options.scratch).stdout


ENGINES = {engine.name: engine for engine in (Canopy, Sphinx, Xapian)}


def play_all(options, engines, exact):
    """shards -> engine -> the rows of its turns. Ends the program when an answer of Canopy is wrong."""
    turns = collections.defaultdict(lambda: collections.defaultdict(list))
    differing = collections.defaultdict(dict)
    for shards in options.shards:
        for number in range(options.rounds):
            for engine in engines if number % 2 == 0 else engines[::-1]:
                say(f"{shards} shards, round {number + 1} of {options.rounds}: {engine.name}")
                engine.read_into_memory(engine.index(shards))
                rows = read_game(engine.play(shards))
                turns[shards][engine.name].append(rows)
                wrong = check_counts(engine.name, rows, exact)
                if wrong and engine.name == Canopy.name:
                    sys.exit("\n".join(wrong[:20]) + f"\n{len(wrong)} answers are wrong")
                differing[shards][engine.name] = len(wrong)
    return turns, differing


def main():
    options = parse_arguments()
    options.name = options.name or os.path.splitext(os.path.basename(options.corpus))[0]
    options.shards = [int(shards) for shards in options.shards.split(",")]
    if any(max(options.shards) % shards for shards in options.shards):
        sys.exit(f"--shards: not every number divides the largest: {options.shards}")
    options.reuse = True  # of the oracle's counts
    os.makedirs(options.scratch, exist_ok=True)
    require_release_build(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # servers are stopped on the way out
    load_before = others_load()
    if load_before > 0.5:
        say(f"the machine is busy (load average {load_before:.1f}): the figures will show it")
    engines = [ENGINES[name](options) for name in options.engines.split(",")]
    for engine in engines:
        for shards in sorted(options.shards, reverse=True):
            engine.make_index(shards)
    if options.build_only:
        return
    exact = oracle_counts(options)
    turns, differing = play_all(options, engines, exact)
    result = {
        "kind": "remote",
        "name": options.name,
        "date": f"{datetime.date.today()}",
        "machine": dict(machine(), load_before=load_before),
        "commit": commit(),
        "versions": {engine.name: engine.version() for engine in engines},
        "corpus": {"bytes": os.path.getsize(options.corpus), "sha256": sha256(options.corpus)},
        "queries": {"count": len(exact), "sha256": sha256(options.queries)},
        "settings": {key: getattr(options, key) for key in ("shards", "rounds", "warmup", "passes")},
        "search": {str(shards): {name: {"classes": summarize(rows, MINIMUM, min), "counts_that_differ": differing[shards][name]}
                                 for name, rows in by_engine.items()}
                   for shards, by_engine in turns.items()},
    }
    output = options.output or os.path.join(options.scratch, f"remote-{options.name}.json")
    with open(output, "w") as file:
        json.dump(result, file, indent=1)
    say(f"wrote {output}")


if __name__ == "__main__":
    main()
