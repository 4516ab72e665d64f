#!/usr/bin/env python3
"""Compares Canopy with Lucene on one corpus: build, size, exact counts, scores, time per query.

    bench/compare_lucene.py --corpus FILE.jsonl --queries FILE --scratch DIR [--name NAME] [--output FILE.json]

Both engines index the same JSON Lines (one flat object a line) with the same number of threads. Every
count is compared with an oracle that reads the documents themselves, the ten best of every query with
Lucene's. Then both play the search benchmark game on one pinned core, in turn, round by round. Writes a
JSON file that bench/write_benchmarks.py turns into a table; exits with 1 when an answer is wrong. Needs
liblucene8-java, a JDK, a C++ compiler and nlohmann-json3-dev. Standard library only.
"""

import argparse
import collections
import datetime
import glob
import json
import math
import os
import statistics
import subprocess
import sys

from measurement import (COMMANDS, HERE, MEDIAN, REPOSITORY, TOP, check_counts, commit, last_json, machine,
                         oracle_counts, others_load, read_game, require_release_build, run, say, sha256, summarize)

SCORE_TOLERANCE = 1e-4  # relative: Lucene adds floats


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, help="JSON Lines")
    parser.add_argument("--queries", required=True, help="one query a line: +a +b, a b, \"a b\"")
    parser.add_argument("--scratch", required=True, help="directory for indexes and results")
    parser.add_argument("--name", default="", help="of the corpus in the table (default: the file's name)")
    parser.add_argument("--bin", default=os.path.join(REPOSITORY, "build/release/bin"), help="Canopy's binaries")
    parser.add_argument("--output", default="", help="results (default: SCRATCH/NAME.json)")
    parser.add_argument("--threads", default="1,2", help="builds to measure; the last one's index is searched")
    parser.add_argument("--shards", type=int, default=1, help="of Canopy's index; Lucene's has one segment")
    parser.add_argument("--memory-mb", type=int, default=1024, help="for Canopy's build")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine")
    parser.add_argument("--warmup", type=int, default=5, help="passes before timing, in every turn")
    parser.add_argument("--passes", type=int, default=5, help="timed passes of a turn")
    parser.add_argument("--cpu", type=int, default=1, help="core to search on")
    parser.add_argument("--heap", default="6g", help="Java's heap")
    parser.add_argument("--reuse", action="store_true", help="keep indexes and counts that are in SCRATCH")
    return parser.parse_args()


class Lucene:
    name = "Lucene"

    def __init__(self, options):
        self.options = options
        jars = [glob.glob(f"/usr/share/java/{name}-[0-9]*.jar") for name in ("lucene-core", "lucene-analyzers-common")]
        if not all(jars):
            sys.exit("Lucene is not installed: apt-get install liblucene8-java openjdk-17-jdk-headless")
        classes = os.path.join(options.scratch, "classes")
        self.classpath = ":".join([classes] + [jar[0] for jar in jars])
        self.version = self.package_version()
        subprocess.run(["javac", "-cp", self.classpath, "-d", classes, os.path.join(HERE, "peers/LucenePeer.java")],
                       check=True)

    @staticmethod
    def package_version():
        found = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "liblucene8-java"], capture_output=True,
                               text=True)
        return found.stdout or "unknown"

    def command(self, *arguments):
        return ["java", f"-Xmx{self.options.heap}", "-cp", self.classpath, "LucenePeer", *map(str, arguments)]

    def index(self, threads, store=0):
        return os.path.join(self.options.scratch, f"lucene-{self.options.name}-{threads}-{store}")

    def build(self, threads, store=0):
        return self.command("build", self.options.corpus, self.index(threads, store), threads, store)

    # Only with one thread are Lucene's document numbers line numbers.
    def game(self):
        return self.command("query", self.options.queries, self.index(1), self.options.warmup, self.options.passes,
                            ",".join(COMMANDS))

    def scores(self):
        return self.command("scores", self.options.queries, self.index(1), TOP)

    @staticmethod
    def open_us(stderr):
        return last_json(stderr)["open_us"]


class Canopy:
    name = "Canopy"

    def __init__(self, options):
        self.options = options
        self.version = run([self.binary("canopy"), "--version"], options.scratch).stdout.strip()

    def binary(self, name):
        return os.path.join(self.options.bin, name)

    def index(self, threads, store=0):
        return os.path.join(self.options.scratch, f"canopy-{self.options.name}-{threads}-{store}")

    def build(self, threads, store=0):
        return [self.binary("canopy-indexer"), "build", "--input", self.options.corpus, "--output",
                self.index(threads, store), "--shards", str(self.options.shards), "--threads", str(threads),
                "--memory-mb", str(self.options.memory_mb), "--analyzer", "ascii", "--stored",
                "all" if store else "none", "--json"]

    def game_on_searched(self, *arguments):
        return [self.binary("canopy"), "game", "--index", self.index(self.options.threads[-1]), "--queries",
                self.options.queries, "--log-format", "json", *arguments]

    def game(self):
        return self.game_on_searched("--commands", ",".join(COMMANDS), "--warmup", str(self.options.warmup), "--passes",
                                     str(self.options.passes))

    def scores(self):
        return self.game_on_searched("--scores", str(TOP))

    @staticmethod
    def open_us(stderr):
        return last_json(stderr)["open_us"]


# ---- Building


def build_one(options, key, command, index, results):
    marker = index + ".json"
    if options.reuse and os.path.exists(marker):
        with open(marker) as file:
            results[key] = json.load(file)
        return
    say(f"build: {key}")
    subprocess.run(["rm", "-rf", index], check=True)
    finished = run(command, options.scratch)
    report = last_json(finished.stdout)
    result = {
        "command": " ".join(command),
        "documents": report["documents"],
        "seconds": finished.seconds,
        "mb_per_second": os.path.getsize(options.corpus) / finished.seconds / 1e6,
        "index_bytes": report["index_bytes"],
        "peak_rss_bytes": finished.peak_rss_bytes,
    }
    with open(marker, "w") as file:
        json.dump(result, file)
    say(f"  {result['mb_per_second']:.1f} MB/s, {result['index_bytes']:,} bytes, "
        f"{result['peak_rss_bytes'] / 1e6:,.0f} MB resident at most")
    results[key] = result


def build_all(options, canopy, lucene):
    """Engines in turn. Lucene with one thread is always there: its document numbers are those of the lines."""
    wanted = [(threads, 0) for threads in options.threads] + [(options.threads[-1], 1)]
    if (1, 0) not in wanted:
        wanted.insert(0, (1, 0))
    results = {}
    for threads, store in wanted:
        what = f"{threads} thread{'s' if threads > 1 else ''}, text {'stored' if store else 'not stored'}"
        for engine in (lucene, canopy):
            build_one(options, f"{engine.name}, {what}", engine.build(threads, store), engine.index(threads, store),
                      results)
    return results


# ---- Checking


def read_scores(text):
    """query -> [(document, score)] by rank."""
    scores = collections.defaultdict(list)
    for line in text.splitlines():
        query, _, doc, score, _ = line.split("\t")
        scores[query].append((int(doc), float(score)))
    return scores


def close(a, b):
    return math.isclose(a, b, rel_tol=SCORE_TOLERANCE)


def check_scores(canopy, lucene, exact):
    """Rank by rank the scores agree, and the documents where scores tell them apart; ties go by document."""
    wrong = []
    largest = 0.0
    for query in exact:
        ours, theirs = canopy.get(query, []), lucene.get(query, [])
        if len(ours) != len(theirs):
            wrong.append(f"scores {query}: {len(ours)} hits, Lucene has {len(theirs)}")
            continue
        for rank, ((doc, score), (their_doc, their_score)) in enumerate(zip(ours, theirs), 1):
            largest = max(largest, abs(score - their_score) / max(abs(their_score), 1e-30))
            if not close(score, their_score):
                wrong.append(f"scores {query} rank {rank}: {score:.9g}, Lucene has {their_score:.9g}")
            elif doc != their_doc and not tied(theirs, rank - 1, doc):
                wrong.append(f"scores {query} rank {rank}: document {doc}, Lucene has {their_doc}")
        order = [(-score, doc) for doc, score in ours]
        if order != sorted(order):
            wrong.append(f"scores {query}: not by score, then document")
    return wrong, largest


def tied(theirs, place, doc):
    """Whether `doc` may stand at `place`: Lucene has it elsewhere with about that score, or cut it off among equals."""
    score = theirs[place][1]
    elsewhere = [s for d, s in theirs if d == doc]
    return close(elsewhere[0], score) if elsewhere else close(theirs[-1][1], score)


# ---- Timing


def play(options, engines):
    """engine -> the rows of all its turns."""
    turns = {engine.name: [] for engine in engines}
    facts = {engine.name: {"open_us": [], "peak_rss_bytes": []} for engine in engines}
    for number in range(options.rounds):
        order = engines if number % 2 == 0 else engines[::-1]
        for engine in order:
            say(f"round {number + 1} of {options.rounds}: {engine.name}")
            finished = run(engine.game(), options.scratch, pin=options.cpu)
            turns[engine.name].append(read_game(finished.stdout))
            facts[engine.name]["open_us"].append(engine.open_us(finished.stderr))
            facts[engine.name]["peak_rss_bytes"].append(finished.peak_rss_bytes)
    return turns, {name: {key: statistics.median(values) for key, values in fact.items()}
                   for name, fact in facts.items()}


def main():
    options = parse_arguments()
    options.name = options.name or os.path.splitext(os.path.basename(options.corpus))[0]
    options.threads = [int(threads) for threads in options.threads.split(",")]
    os.makedirs(os.path.join(options.scratch, "classes"), exist_ok=True)
    require_release_build(options)
    canopy, lucene = Canopy(options), Lucene(options)
    load_before = others_load()
    if load_before > 0.5:
        say(f"the machine is busy (load average {load_before:.1f}): the figures will show it")
    builds = build_all(options, canopy, lucene)
    exact = oracle_counts(options)
    scores_wrong, largest = check_scores(read_scores(run(canopy.scores(), options.scratch).stdout),
                                         read_scores(run(lucene.scores(), options.scratch).stdout), exact)
    turns, facts = play(options, [canopy, lucene])
    wrong = scores_wrong
    for name, rounds in turns.items():
        for rows in rounds:
            wrong += check_counts(name, rows, exact)
    if wrong:
        sys.exit("\n".join(wrong[:20]) + f"\n{len(wrong)} answers are wrong")
    result = {
        "name": options.name,
        "date": f"{datetime.date.today()}",
        "machine": dict(machine(), load_before=load_before),
        "commit": commit(),
        "versions": {"Canopy": canopy.version, "Lucene": lucene.version},
        "corpus": {"bytes": os.path.getsize(options.corpus), "sha256": sha256(options.corpus)},
        "queries": {"count": len(exact), "sha256": sha256(options.queries)},
        "settings": {key: getattr(options, key) for key in ("shards", "memory_mb", "rounds", "warmup", "passes")},
        "commands": {"Canopy": " ".join(canopy.game()), "Lucene": " ".join(lucene.game())},
        "builds": builds,
        "search": {name: dict(facts[name], classes=summarize(turns[name], MEDIAN, statistics.median)) for name in turns},
        "largest_score_difference": largest,
    }
    output = options.output or os.path.join(options.scratch, f"{options.name}.json")
    with open(output, "w") as file:
        json.dump(result, file, indent=1)
    say(f"all counts and scores agree; wrote {output}")


if __name__ == "__main__":
    main()
