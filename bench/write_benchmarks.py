#!/usr/bin/env python3
"""Writes what bench/compare_lucene.py and bench/scatter_ways.py measured into docs/benchmarks.md.

    bench/write_benchmarks.py [RESULT.json...] [--page docs/benchmarks.md]

Each result replaces the part of the page between its own markers (<!-- begin lucene NAME --> and
<!-- end lucene NAME -->; scatter NAME for the ways to scatter), or is put at the page's end. Nobody types a figure. Standard library only.
"""

import argparse
import json
import os
import re
import textwrap

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLASSES = ["intersection", "union", "phrase", "term"]


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "| --- |" + " ---: |" * (len(titles) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def number(value):
    """Four significant digits are more than the measurement has."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def megabytes(size_bytes):
    return f"{size_bytes / 1e6:,.1f} MB"


def build_table(result):
    rows = []
    for name, build in sorted(result["builds"].items()):
        rows.append([name, number(build["seconds"]), number(build["mb_per_second"]), megabytes(build["index_bytes"]),
                     megabytes(build["peak_rss_bytes"])])
    return table(["build", "seconds", "MB/s", "index", "peak resident"], rows)


def search_table(result):
    ours, theirs = result["search"]["Canopy"], result["search"]["Lucene"]
    rows = []
    for command in ours["classes"]:
        for kind in CLASSES:
            if kind not in ours["classes"][command]:
                continue
            a, b = ours["classes"][command][kind], theirs["classes"][command][kind]
            row = [f"{command} {kind}", str(a["queries"])]
            for figure in ("mean_us", "p50_us", "p99_us"):
                row += [number(a[figure]), number(b[figure])]
            row.append(f"{b['mean_us'] / a['mean_us']:.1f}x")
            rows.append(row)
    return table(["command, class", "queries", "Canopy mean us", "Lucene mean", "Canopy p50", "Lucene p50",
                  "Canopy p99", "Lucene p99", "Lucene mean / Canopy mean"], rows)


def section(result):
    machine, settings = result["machine"], result["settings"]
    ours, theirs = result["search"]["Canopy"], result["search"]["Lucene"]
    corpus, queries = result["corpus"], result["queries"]
    return f"""## Beside Lucene: {result['name']}

{result['date']}, commit {result['commit']}, {result['versions']['Canopy']}, Lucene {result['versions']['Lucene']}.
{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, Linux {machine['kernel']}; load
average before the run {machine['load_before']:.1f}.
Corpus: {corpus['bytes']:,} bytes of JSON Lines, sha256 {corpus['sha256'][:16]}.
Queries: {queries['count']}, sha256 {queries['sha256'][:16]}.
Canopy: {settings['shards']} shard(s), `--memory-mb {settings['memory_mb']} --analyzer ascii`. Lucene: merged into one segment,
the same analysis, positions and lengths indexed.

{build_table(result)}

Search: one thread pinned to one core, text not stored, {settings['rounds']} rounds in which the engines take turns, each with
{settings['warmup']} passes of warm-up and {settings['passes']} timed ones; a query's time is the median over the rounds of its
median, in microseconds; mean, p50 and p99 are over the queries of a class. Every count equals the oracle's, and the ten
best scores of every query equal Lucene's to within {result['largest_score_difference']:.1e} (relative).

{search_table(result)}

Opening the index with its files in memory: Canopy {number(ours['open_us'])} us, Lucene {number(theirs['open_us'])} us. Peak resident
memory while searching, mapped files included: Canopy {megabytes(ours['peak_rss_bytes'])}, Lucene
{megabytes(theirs['peak_rss_bytes'])}.
"""


def scatter_table(result):
    rows = []
    for row in result["rows"]:
        document, term = row["document"], row["term"]
        rows.append([f"{row['command']} {row['class']}", number(row["matches"]), number(document["mean_us"]),
                     number(term["mean_us"]), number(document["p99_us"]), number(term["p99_us"]), number(document["bytes"]),
                     number(term["bytes"]), f"{term['mean_us'] / document['mean_us']:.2f}x"])
    return table(["command, class", "matches", "document mean us", "term mean", "document p99", "term p99", "document bytes",
                  "term bytes", "term mean / document mean"], rows)


def scatter_summary(result):
    """How often each way is the faster one, by mean; where, for the one that it is less often."""
    faster = {"document": [], "term": []}
    for row in result["rows"]:
        way = min(faster, key=lambda way: row[way]["mean_us"])
        faster[way].append(f"{row['command']} {row['class']}")
    less = min(faster, key=lambda way: len(faster[way]))
    where = f" By {less}: {'; '.join(faster[less])}." if faster[less] else ""
    return (f"Of {len(result['rows'])} classes {len(faster['document'])} are faster by document and {len(faster['term'])} by "
            f"term.{where}")


def scatter_section(result):
    machine, settings = result["machine"], result["settings"]
    leaves = settings["leaves"]
    return f"""## Two ways to scatter: {result['name']}

{result['date']}, commit {result['commit']}.
{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, Linux {machine['kernel']}; load
average before the run {machine['load_before']:.1f}.
Corpus: `{result['corpus']}`. By document: {leaves} shards on {leaves} leaf processes. By term: one shard, which each of {leaves} leaf
processes holds (`canopy up --scatter term`). Text not stored; TOP_10 is ranked by document, the first ten matches by term.

One client with one query in flight asks both ways in turn, {settings['warmup']} passes of warm-up and {settings['passes']} timed ones; a query's time
is the median of its passes, in microseconds; mean and p99 are over the queries of a class, matches and bytes (of requests and
replies between root and leaves) are means. Frequent terms are those of ranks 10 to 99 in the corpus, rare ones those of ranks
3,000 to 30,000. All counts agree.

{textwrap.fill(scatter_summary(result), 128)}

This is one run, and what else the machine did is in it: ratios near 1 change sides from run to run. TOP_10 by document pays for
ranking, which by term is not done at all.

{scatter_table(result)}
"""


def replace(page, name, text, kind="lucene"):
    begin, end = f"<!-- begin {kind} {name} -->", f"<!-- end {kind} {name} -->"
    block = f"{begin}\n{text}{end}\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end) + "\n", re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: block, page)
    return page.rstrip("\n") + "\n\n" + block


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*")
    parser.add_argument("--page", default=os.path.join(REPOSITORY, "docs/benchmarks.md"))
    options = parser.parse_args()
    with open(options.page) as file:
        page = file.read()
    for path in options.results:
        with open(path) as file:
            result = json.load(file)
        kind = result.get("kind", "lucene")
        text = scatter_section(result) if kind == "scatter" else section(result)
        page = replace(page, result["name"], text, kind)
    with open(options.page, "w") as file:
        file.write(page)


if __name__ == "__main__":
    main()
