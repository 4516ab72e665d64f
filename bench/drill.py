"""What the drills share (client_gone.py, overload.py, stopped_leaf.py): a small index where none is given, and a verdict at the
end. They run real clusters with what the end-to-end tests have for it.
"""

import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/e2e"))
import cluster  # noqa: E402
from measurement import commit, say  # noqa: E402


def add_index_flags(parser, docs, shards):
    parser.add_argument("--index", help="index directory; a small one of invented words is built without it")
    parser.add_argument("--queries", help="one query a line")
    parser.add_argument("--docs", type=int, default=docs, help="of the small index (default %(default)s)")
    parser.add_argument("--shards", type=int, default=shards, help="of the small index (default %(default)s)")


def parse(parser):
    options = parser.parse_args()
    if bool(options.index) != bool(options.queries):
        parser.error("--index and --queries belong together")
    return options


def make_index(options, queries, scratch):
    say(f"building an index of {options.docs} documents")
    cluster.Corpus(options.docs).write(os.path.join(scratch, "docs.jsonl"))
    options.queries = os.path.join(scratch, "queries.txt")
    with open(options.queries, "w") as file:
        file.writelines(f"{query}\n" for query in queries)
    options.index = os.path.join(scratch, "index")
    cluster.build(os.path.join(scratch, "docs.jsonl"), options.index, options.shards)


def main(options, queries, run):
    """Prints what `run(options)` returns, and what write_benchmarks.py wants to know of it. The exit status: 0 when it says that
    what it checks was kept. `queries`: of the small index."""
    with tempfile.TemporaryDirectory(prefix="canopy-drill-") as scratch:
        if not options.index:
            make_index(options, queries, scratch)
        result = run(options)
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    result |= {"kind": "drill", "name": name, "date": time.strftime("%Y-%m-%d", time.gmtime()), "commit": commit(),
               "cores": os.cpu_count()}
    print(json.dumps(result, indent=2))
    return 0 if result["kept"] else 1
