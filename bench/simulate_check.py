#!/usr/bin/env python3
"""Does the simulator say what a real cluster does?

    bench/simulate_check.py --index DIR --queries FILE

starts a cluster of DIR on this machine, with stragglers injected into its leaves, measures its latency under an open loop
(`canopy bench load`), has `canopy simulate --from` sample the same cluster and predict the same load, and prints both and
their ratio. Exit status 1 when the predicted p99 is not within --tolerance of the measured one, or a command fails.

The prediction is made from queries that are asked one at a time; that the load is served without the processors being
short is for --qps to see to: client, root and leaves share them, which the simulator does not know. Hedging is off while the
cluster is measured for the model, as calls that lose to a hedge tell nothing; with --hedge on a second cluster is started for
the load.
"""

import argparse
import json
import sys

from drill import cluster

RUN_SECONDS = 3600  # of a command, at most


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", required=True, help="index directory")
    parser.add_argument("--queries", required=True, help="one query a line")
    parser.add_argument("--leaves", type=int, default=4, help="leaf processes of a replica")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--straggler", default="1%:50ms:exp", help="as a leaf takes it; empty: none")
    parser.add_argument("--hedge", choices=["off", "on"], default="off")
    parser.add_argument("--qps", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=60, help="of load")
    parser.add_argument("--samples", type=int, default=500, help="queries that the model is made of")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--size", type=int, default=10)
    parser.add_argument("--tolerance", type=float, default=0.2)
    return parser.parse_args()


def up(options, hedge):
    flags = ["--leaves", options.leaves, "--replicas", options.replicas, f"--root-flag=--hedge={hedge}"]
    if options.straggler:  # seeds of their own, or every leaf delays the same calls
        flags += ["--leaf-flag=--allow-fault-injection", f"--leaf-flag=--inject-delay={options.straggler}",
                  "--leaf-flag=--inject-seed={n}"]
    return cluster.Cluster(options.index, *flags)


def run(*arguments):
    done = cluster.run("canopy", *arguments, "--json", seconds=RUN_SECONDS)
    if done.returncode != 0:
        sys.exit(f"{' '.join(done.args)}: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def measure(options, root):
    load = ("bench", "load", "--target", root, "--queries", options.queries, "--qps", options.qps, "--size", options.size)
    run(*load, "--seconds", min(5, options.seconds), "--seed", 2)  # warms up
    return run(*load, "--seconds", options.seconds)


def predict(options, root):
    count = max(20000, int(options.qps * options.seconds))
    report = run("simulate", "--from", root, "--queries", options.queries, "--samples", options.samples, "--passes",
                 options.passes, "--replicas", options.replicas, "--hedge", options.hedge, "--qps", options.qps, "--count",
                 count, "--size", options.size)
    print(report["model"], file=sys.stderr)
    return report["rows"][0]


def main():
    options = read_arguments()
    with up(options, "off") as running:
        predicted = predict(options, running.root)
        measured = measure(options, running.root) if options.hedge == "off" else None
    if measured is None:
        with up(options, options.hedge) as running:
            measured = measure(options, running.root)
    result = {"leaves": options.leaves, "replicas": options.replicas, "hedge": options.hedge,
              "straggler": options.straggler, "qps": options.qps, "seconds": options.seconds}
    for name in ("p50_us", "p90_us", "p95_us", "p99_us", "p999_us"):
        result[name] = {"measured": measured[name], "predicted": predicted[name],
                        "ratio": round(predicted[name] / max(1, measured[name]), 3)}
    result["extra_load"] = {"measured": measured["extra_load"], "predicted": predicted["extra_load"]}
    result["tolerance"] = options.tolerance
    result["within_tolerance"] = abs(result["p99_us"]["ratio"] - 1) <= options.tolerance
    print(json.dumps(result, indent=2))
    return 0 if result["within_tolerance"] else 1


if __name__ == "__main__":
    sys.exit(main())
