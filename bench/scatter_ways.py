#!/usr/bin/env python3
"""Compares the two ways to scatter: by document over N shards on N leaves, by term over one shard on N leaves.

    bench/scatter_ways.py --scratch DIR [--docs 1000000] [--leaves 4] [--name NAME] [--output FILE.json]

Builds both indexes of one synthetic corpus, starts the leaf processes, and has build/release/bench/scatter_ways_bench ask
the same queries both ways in turn; it ends with an error when their counts differ. Writes a JSON file that
bench/write_benchmarks.py turns into a table. Standard library only.
"""

import argparse
import contextlib
import datetime
import json
import os
import subprocess
import sys

from measurement import REPOSITORY, commit, last_json, machine, require_release_build, say


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", required=True, help="directory for the indexes")
    parser.add_argument("--docs", type=int, default=1_000_000, help="documents of the corpus")
    parser.add_argument("--leaves", type=int, default=4, help="leaf processes of each way")
    parser.add_argument("--name", default="", help="of the table (default: synthetic-DOCS)")
    parser.add_argument("--bin", default=os.path.join(REPOSITORY, "build/release/bin"), help="Canopy's binaries")
    parser.add_argument("--output", default="", help="results (default: SCRATCH/NAME.json)")
    parser.add_argument("--warmup", type=int, default=2, help="passes before timing")
    parser.add_argument("--passes", type=int, default=5, help="timed passes")
    parser.add_argument("--reuse", action="store_true", help="keep indexes that are in SCRATCH")
    return parser.parse_args()


def build(options, corpus, shards):
    """The directory of the index."""
    index = os.path.join(options.scratch, f"{options.name}-{shards}")
    if options.reuse and os.path.exists(os.path.join(index, "CURRENT")):
        return index
    say(f"building {shards} shard(s)")
    subprocess.run([os.path.join(options.bin, "canopy-indexer"), "build", "--input", corpus, "--output", index, "--shards",
                    str(shards), "--analyzer", "ascii", "--stored", "none", "--json"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return index


@contextlib.contextmanager
def leaves(options, index, shards):
    """A leaf process for each entry of `shards`, a shard each; their addresses, joined with commas."""
    processes = []
    try:
        for shard in shards:
            processes.append(subprocess.Popen(
                [os.path.join(options.bin, "canopy-leaf"), "--index", index, "--shards", str(shard), "--threads", "1",
                 "--exit-with-parent"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        yield ",".join(json.loads(process.stdout.readline())["address"] for process in processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
            process.stdout.close()


def main():
    options = parse_arguments()
    options.name = options.name or f"synthetic-{options.docs}"
    os.makedirs(options.scratch, exist_ok=True)
    require_release_build(options)
    load_before = os.getloadavg()[0]
    corpus = f"synthetic:docs={options.docs},seed=1"
    by_document, by_term = build(options, corpus, options.leaves), build(options, corpus, 1)
    say("measuring")
    with leaves(options, by_document, range(options.leaves)) as document, leaves(options, by_term, [0] * options.leaves) as term:
        bench = os.path.join(os.path.dirname(os.path.abspath(options.bin)), "bench/scatter_ways_bench")
        done = subprocess.run([bench, "--document", document, "--term", term, "--warmup", str(options.warmup), "--passes",
                               str(options.passes)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{bench}: exit status {done.returncode}\n{done.stderr}")
    result = {
        "kind": "scatter",
        "name": options.name,
        "date": f"{datetime.date.today()}",
        "machine": dict(machine(), load_before=load_before),
        "commit": commit(),
        "corpus": corpus,
        "settings": {key: getattr(options, key) for key in ("leaves", "warmup", "passes")},
        "rows": last_json(done.stdout)["rows"],
    }
    output = options.output or os.path.join(options.scratch, f"{options.name}.json")
    with open(output, "w") as file:
        json.dump(result, file, indent=1)
    say(f"both ways count the same; wrote {output}")


if __name__ == "__main__":
    main()
