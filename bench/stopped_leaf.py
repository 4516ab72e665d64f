#!/usr/bin/env python3
"""A real cluster of which one leaf process stops answering (SIGSTOP) under load, and goes on later.

    bench/stopped_leaf.py [--index DIR --queries FILE] [--stopped 30] > stopped_leaf.json

Without --index it builds a small one of invented words. `canopy bench load` runs against one `canopy up` with two replicas:
first calm, then with one leaf stopped for --stopped seconds, then for a while with it continued. Prints one JSON object;
progress goes to standard error. Exit status 1 when a promise is not kept:

    p99 while it is stopped      from the second second on at most twice the p99 of the calm time
    answers                      none failed, none partial, at any time
    its late replies             discarded: the root counts them, and no answer is of a wrong kind

Times are the client's, over whole stretches of seconds: single seconds of a few hundred queries have no p99.
"""

import argparse
import os
import signal
import sys
import time

import drill
from drill import cluster, say

SLOWER = 2.0
CALM_SECONDS, AFTER_SECONDS = 15, 5
FIRST_SECONDS = 1  # in which the root has to find out


def parse_arguments():
    parser = argparse.ArgumentParser(description="Measures a cluster of which one leaf has stopped.")
    drill.add_index_flags(parser, docs=20000, shards=8)
    parser.add_argument("--leaves", type=int, default=8, help="leaf processes a replica (default %(default)s)")
    parser.add_argument("--qps", type=float, default=100, help="(default %(default)s)")
    parser.add_argument("--stopped", type=float, default=30, help="seconds (default %(default)s)")
    return drill.parse(parser)


def pairs_of_words():
    return [f"+word{i} +word{j}" for i in range(20) for j in range(i + 1, 20)]


def load(running, options, seconds, *flags):
    with cluster.Load(running, options.queries, options.qps, seconds, *flags) as run:
        pass
    return run.report


def stopped_load(running, options):
    """Loads while one leaf is stopped: of its first second, and of the others."""
    leaf = running.ready["leaves"][0]
    os.kill(leaf["pid"], signal.SIGSTOP)
    try:
        first = load(running, options, FIRST_SECONDS)
        return first, load(running, options, options.stopped - FIRST_SECONDS)
    finally:
        os.kill(leaf["pid"], signal.SIGCONT)


def run(options):
    with cluster.Cluster(options.index, "--leaves", options.leaves, "--replicas", 2) as running:
        running.wait_until_whole()
        say("calm")
        load(running, options, 5)  # the root learns what calls take
        calm = load(running, options, CALM_SECONDS)
        before = running.status()
        say(f"one leaf of {2 * options.leaves} stopped")
        first, stopped = stopped_load(running, options)
        say("and continued")
        after = load(running, options, AFTER_SECONDS)
        time.sleep(1)
        status = running.status()
    parts = {"calm": calm, "first_second": first, "stopped": stopped, "continued": after}
    result = {name: {key: part[key] for key in ("sent", "ok", "partial", "errors", "p50_us", "p99_us", "max_us", "extra_load")}
              for name, part in parts.items()}
    result["p99_ratio"] = stopped["p99_us"] / max(1, calm["p99_us"])
    result["late_replies"] = status["late_replies_total"] - before["late_replies_total"]
    whole = all(part["ok"] == part["sent"] and part["partial"] == 0 for part in parts.values())
    result["kept"] = whole and result["p99_ratio"] <= SLOWER and result["late_replies"] > 0
    return result


if __name__ == "__main__":
    sys.exit(drill.main(parse_arguments(), pairs_of_words(), run))
