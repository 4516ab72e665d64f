#!/usr/bin/env python3
"""Clients that go away while leaves work for them: how long the leaves go on.

    bench/client_gone.py [--index DIR --queries FILE] [--rounds 20] > client_gone.json

Without --index it builds one of invented words, and asks for wide unions. In every round `canopy bench load` asks one `canopy
up`, and is killed. Where more threads have work than there are cores, the times are those of the system's scheduler. Prints
one JSON object; progress goes to standard error. Exit status 1 when a promise is not kept:

    leaf work          stops within 5 ms of the client's end, by the leaves' own counters (stop_us_max, stopped_late_total)
    afterwards         nothing is in flight, at the root or at a leaf

Some work must have been running when its client went, or nothing was measured.
"""

import argparse
import os
import signal
import subprocess
import sys
import time

import drill
from drill import cluster, say

LIMIT_US = 5000
ROUND_SECONDS = 1.0


def parse_arguments():
    parser = argparse.ArgumentParser(description="Measures for how long leaves work for clients that have gone.")
    drill.add_index_flags(parser, docs=60000, shards=2)
    parser.add_argument("--leaves", type=int, default=1, help="each with one search thread (default %(default)s)")
    parser.add_argument("--qps", type=float, default=120, help="(default %(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="clients that go (default %(default)s)")
    return drill.parse(parser)


def wide_unions():
    return [" ".join(f"word{(i * 7 + j) % 200}" for j in range(60)) for i in range(100)]


def one_round(running, options):
    client = subprocess.Popen([cluster.binary("canopy"), "bench", "load", "--target", running.root, "--queries",
                               options.queries, "--qps", str(options.qps), "--seconds", "30", "--size", "1000"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=cluster.ENVIRONMENT)
    try:
        time.sleep(ROUND_SECONDS)
    finally:
        os.kill(client.pid, signal.SIGKILL)
        client.wait()
    time.sleep(ROUND_SECONDS / 4)


def is_idle(status):
    return status["queries_in_flight"] == 0 and all(replica["in_flight_cost"] == 0 for replica in status["replicas"])


def run(options):
    with cluster.Cluster(options.index, "--leaves", options.leaves, "--replicas", 1, "--leaf-flag=--threads=1") as running:
        running.wait_until_whole()
        for number in range(options.rounds):
            say(f"client {number + 1} of {options.rounds}")
            one_round(running, options)
        cluster.wait_for(lambda: is_idle(running.status()), 10, "nothing is in flight")
        leaves = [replica["admission"] for replica in running.status()["replicas"]]
    running_when_gone = sum(leaf["cancelled_running_total"] for leaf in leaves)
    result = {
        "cancelled_running": running_when_gone,
        "cancelled_waiting": sum(leaf["cancelled_waiting_total"] for leaf in leaves),
        "stop_us_mean": sum(leaf["stop_us_total"] for leaf in leaves) / max(1, running_when_gone),
        "stop_us_max": max(leaf["stop_us_max"] for leaf in leaves),
        "stopped_late": sum(leaf["stopped_late_total"] for leaf in leaves),
    }
    result["kept"] = running_when_gone > 0 and result["stop_us_max"] <= LIMIT_US and result["stopped_late"] == 0
    return result


if __name__ == "__main__":
    sys.exit(drill.main(parse_arguments(), wide_unions(), run))
