#!/usr/bin/env python3
"""A real cluster under more load than it can serve: how much useful work is left, how soon the rest is told, and how soon
it is over.

    bench/overload.py [--index DIR --queries FILE] [--seconds 60] [--loads 2,10] > overload.json

Without --index it builds a small one of invented words, and asks it costly queries. The steps, each a run of `canopy bench
load` against one `canopy up`: the capacity (as many queries in flight as keep every search thread busy, so a closed loop); half
of it, which is what is normal; then each of --loads times the capacity, and half of it again, whose seconds are compared with
the normal ones. Prints one JSON object; progress goes to standard error. Exit status 1 when a promise is not kept:

    goodput / capacity           at least 0.90 at every load (whole answers within --timeout a second)
    refusals                     p99 within 5 ms of their intended departure
    recovery                     normal within 10 s after the load: in every later second at most 5 % more errors than in the worst
                                 normal one, and a p99 of at most 1.5 times the worst normal one

Client and servers share this machine's processors, as they would not in a real cluster, and each query that is refused costs
the client and the root (of some, the leaf too) processor time that the searches then lack. That is left as it is and made
small: the queries have to be costly (tens of milliseconds of search), and the search threads of all leaves together are as many
as there are processors. Where queries are cheap this measures the load generator. The servers run at --nice (5) below the client, so that
the times the client sees are those of the answers, not of its own waiting for a processor. What the client cannot send is seen in
"sent_per_second".
"""

import argparse
import os
import random
import sys
import time

import drill
from drill import cluster, say

GOODPUT, REFUSED_US, RECOVERY_SECONDS = 0.9, 5000, 10
SLOWER, MORE_ERRORS = 1.5, 0.05
NORMAL = 0.5  # of the capacity


def parse_arguments():
    parser = argparse.ArgumentParser(description="Measures a cluster under overload.")
    drill.add_index_flags(parser, docs=60000, shards=2)
    parser.add_argument("--leaves", type=int, default=1, help="leaf processes a replica (default %(default)s)")
    parser.add_argument("--replicas", type=int, default=1, help="(default %(default)s)")
    parser.add_argument("--seconds", type=float, default=15, help="of every load (default %(default)s)")
    parser.add_argument("--loads", default="2,10", help="times the capacity (default %(default)s)")
    parser.add_argument("--timeout", default="500ms", help="of each query (default %(default)s)")
    parser.add_argument("--nice", type=int, default=5, help="of the servers (default %(default)s)")
    parser.add_argument("--leaf-flag", action="append", default=[], help="for every leaf, such as --queue-target=10ms")
    parser.add_argument("--root-flag", action="append", default=[], help="for the root")
    options = drill.parse(parser)
    options.loads = [float(load) for load in options.loads.split(",")]
    return options


def costly_queries(count):
    """Phrases with slop of frequent words: their positions have to be looked at."""
    choose = random.Random(1)
    words = [f"word{i}" for i in range(12)]
    phrases = [[f'"{" ".join(choose.sample(words, 3))}"~8' for _ in range(choose.randint(2, 6))] for _ in range(count)]
    return [" ".join(query) for query in phrases]


def load(running, options, qps, seconds, *flags):
    """The report of `canopy bench load`, with what came of it a second."""
    with cluster.Load(running, options.queries, qps, seconds, "--timeout", options.timeout, "--timeline", *flags) as run:
        pass
    report = run.report
    report["offered_per_second"] = qps
    report["sent_per_second"] = report["sent"] / seconds
    report["good_per_second"] = (report["ok"] - report["partial"]) / max(seconds, report["seconds"])
    return report


def measure_capacity(running, options, threads):
    """Whole answers a second with `threads` x 2 queries in flight."""
    qps = 200
    for seconds in (3, 3, options.seconds):  # the first ones warm up and choose how many to try to send
        report = load(running, options, qps, seconds, "--max-in-flight", 2 * threads, "--arrivals", "fixed")
        qps = max(20, 4 * report["good_per_second"])
    return report["good_per_second"]


def seconds_of(report):
    """The whole seconds of a load."""
    return report["timeline"][:max(1, int(report["seconds"]))]


def recovery_seconds(normal, after):
    """Of the load `after`: seconds until it is as `normal` and stays so; None: it never is."""
    def failed(second):
        return 1 - second["ok"] / max(1, second["sent"])
    slowest = SLOWER * max(second["p99_us"] or 0 for second in seconds_of(normal))
    most_failed = MORE_ERRORS + max(failed(second) for second in seconds_of(normal))
    seconds = seconds_of(after)
    bad = [i for i, second in enumerate(seconds)
           if failed(second) > most_failed or (second["p99_us"] or 0) > slowest]
    if not bad:
        return 0
    return bad[-1] + 1 if bad[-1] + 1 < len(seconds) else None


def counted(running, name):
    """Over all leaves."""
    return sum(replica["admission"][name] for replica in running.status()["replicas"])


def overload(running, options, capacity, times):
    say(f"{times:g} x the capacity for {options.seconds:g} s")
    normal = load(running, options, NORMAL * capacity, max(10, options.seconds))
    late = counted(running, "refused_late_total")
    report = load(running, options, times * capacity, options.seconds, "--max-in-flight", 1000000)
    after = load(running, options, NORMAL * capacity, 2 * RECOVERY_SECONDS)
    refused = report["error_latency"].get("RESOURCE_EXHAUSTED", {"p50_us": 0, "p99_us": 0, "max_us": 0})
    result = {"load": times, "goodput": report["good_per_second"] / capacity, "refused": refused, "errors": report["errors"],
              "recovery_seconds": recovery_seconds(normal, after), "normal_p99_us": normal["p99_us"],
              "p99_us": report["p99_us"], "after_p99_us": after["p99_us"],
              "refused_late_by_leaves": counted(running, "refused_late_total") - late}
    for name in ("sent", "ok", "partial", "offered_per_second", "sent_per_second", "good_per_second"):
        result[name] = report[name]
    result["kept"] = (result["goodput"] >= GOODPUT and refused["p99_us"] <= REFUSED_US and
                      result["recovery_seconds"] is not None and result["recovery_seconds"] <= RECOVERY_SECONDS)
    return result


def run(options):
    processes = options.leaves * options.replicas
    threads = max(1, (os.cpu_count() or 1) // processes)
    flags = ["--leaves", options.leaves, "--replicas", options.replicas, f"--leaf-flag=--threads={threads}"]
    flags += [f"--leaf-flag={flag}" for flag in options.leaf_flag] + [f"--root-flag={flag}" for flag in options.root_flag]
    with cluster.Cluster(options.index, *flags, preexec_fn=lambda: os.nice(options.nice)) as running:
        running.wait_until_whole()
        say("capacity")
        capacity = measure_capacity(running, options, threads * processes)
        say(f"capacity: {capacity:.1f} queries a second")
        result = {"capacity_per_second": capacity, "search_threads": threads * processes, "processors": os.cpu_count(),
                  "loads": [overload(running, options, capacity, times) for times in options.loads]}
    result["kept"] = all(part["kept"] for part in result["loads"])
    return result


if __name__ == "__main__":
    sys.exit(drill.main(parse_arguments(), costly_queries(200), run))
