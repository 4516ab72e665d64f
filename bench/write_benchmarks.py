#!/usr/bin/env python3
"""Writes what bench/compare_lucene.py, compare_remote.py, scatter_ways.py, sweep.sh, the drills (overload.py, stopped_leaf.py,
client_gone.py) and rpc_bench measured into docs/benchmarks.md.

    bench/write_benchmarks.py [RESULT.json...] [--page docs/benchmarks.md]

Each result replaces the part of the page between its own markers (<!-- begin KIND NAME --> and
<!-- end KIND NAME -->; the kinds are lucene, remote, scatter, sweep, drill and rpc), or is put at the page's end. Nobody types a figure.
Plots that stand beside a sweep's result are copied to the page's folder. Standard library only.
"""

import argparse
import json
import os
import re
import shutil
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


def about_run(result, versions):
    machine = result["machine"]
    return f"""{result['date']}, commit {result['commit']}, {versions}.
{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, Linux {machine['kernel']}; load
average before the run {machine['load_before']:.1f}.
Corpus: {result['corpus']['bytes']:,} bytes of JSON Lines, sha256 {result['corpus']['sha256'][:16]}.
Queries: {result['queries']['count']}, sha256 {result['queries']['sha256'][:16]}."""


def lucene_section(result):
    settings = result["settings"]
    ours, theirs = result["search"]["Canopy"], result["search"]["Lucene"]
    versions = f"{result['versions']['Canopy']}, Lucene {result['versions']['Lucene']}"
    return f"""## Beside Lucene: {result['name']}

{about_run(result, versions)}
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


def remote_table(by_engine):
    """Canopy first, then the others with what they take in proportion."""
    engines = sorted(by_engine, key=lambda name: name != "Canopy")
    others = engines[1:]
    rows = []
    for command, classes in by_engine["Canopy"]["classes"].items():
        for kind in CLASSES:
            if kind not in classes:
                continue
            means = [by_engine[engine]["classes"][command][kind]["mean_us"] for engine in engines]
            rows.append([f"{command} {kind}", str(classes[kind]["queries"]), *map(number, means),
                         *[f"{mean / means[0]:.1f}x" for mean in means[1:]]])
    return table(["command, class", "queries", "Canopy us", *[f"{engine} us" for engine in others],
                  *[f"{engine} / Canopy" for engine in others]], rows)


def remote_section(result):
    settings, search = result["settings"], result["search"]
    versions = ", ".join(version if name == "Canopy" else f"{name} {version}"
                         for name, version in result["versions"].items())
    tables = []
    for shards in map(str, sorted(settings["shards"])):
        differing = [f"{engine} {figures['counts_that_differ']}" for engine, figures in search[shards].items()
                     if engine != "Canopy"]
        tables.append(f"""### {shards} shard{"" if shards == "1" else "s"}

{remote_table(search[shards])}

Answers whose count is not the oracle's, of {3 * result['queries']['count']}: {", ".join(differing) or "no other engine ran"}.
""")
    return f"""## Beside Sphinx and Xapian, distributed: {result['name']}

{about_run(result, versions)}

The same documents in the same shards, each shard in a process of its own, all on one machine over loopback, end to end: one client
asks one query after the other over one connection. Canopy: leaves behind a root, hits without stored fields, as
cmake --preset release builds it (executables at a fixed address, which helps where processes share a core; Debian's Sphinx and Xapian
are not built so). Sphinx: agents with persistent connections behind a searchd. Xapian: xapian-tcpsrv for each shard, merged in the client. {settings['rounds']} round(s) in
which the engines take turns, each with {settings['warmup']} passes of warm-up and {settings['passes']} timed ones; a query's time is its
least, in microseconds, and the table has the means over the queries of a class. Every count of Canopy equals the oracle's. Sphinx
ranks by its own formula, without the length of documents, cuts words at 42 bytes, and scores every match.

{chr(10).join(tables)}"""


def milliseconds(microseconds):
    return "too few" if microseconds is None else f"{microseconds / 1000:.2f}"


def sweep_table(result):
    rows = []
    for row in result["rows"]:
        rows.append([str(row["leaves"]), row["series"], *[milliseconds(row[key]) for key in ("p50_us", "p99_us", "p999_us")],
                     "-" if row["prediction_p99_us"] is None else milliseconds(row["prediction_p99_us"]),
                     "-" if row["limit_p99_us"] is None else milliseconds(row["limit_p99_us"]),
                     "-" if row["p99_over_limit"] is None else f"{row['p99_over_limit']:.2f}",
                     f"{100 * row['extra_load']:.2f} %", f"{100 * row['wasted_cpu_ratio']:.2f} %", str(row["partial"]),
                     str(row["errors"])])
    return table(["leaves", "cluster", "p50 ms", "p99", "p99.9", "predicted p99", "limit p99", "p99 / limit",
                  "extra load", "wasted", "partial", "errors"], rows)


def sweep_plots(result):
    """Links to the plots, which stand in the page's folder."""
    return "\n".join(f"![{quantile} of a query by the number of leaves](sweep_{result['name']}_{quantile}.svg)"
                     for quantile in result["plots"])


def sweep_section(result):
    machine, settings = result["machine"], result["settings"]
    capacity = result["capacity_qps"]
    load = f"{settings['qps']:g} queries a second"
    if capacity is not None:
        load += f", at most 40 % of the {capacity:,.0f} that the most leaves can answer when calm"
    return f"""## Latency by the number of leaves: {result['name']}

{result['date']} UTC, {result['note']}, canopy {result['version']}.
{machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.1f} GB, {machine['system']}, Linux {machine['kernel']}; load
average before the run {machine['load_before']:.1f}.
Index: {result['index']['docs']:,} documents in {result['index']['shards']} shards, checksum {result['index']['checksum']}.
Queries: {result['queries']['count']}, checksum {result['queries']['checksum']}.
Load: {load}, open loop, {settings['seconds']:g} s each, medians of {settings['repeats']} repeat(s). Stragglers: {settings['straggler']}.

{sweep_table(result)}

{sweep_plots(result)}
"""


def copy_plots(result, source, folder):
    """The plots of a sweep to where the page links to; says in the result which there are."""
    result["plots"] = [quantile for quantile in ("p50", "p99", "p999")
                       if os.path.exists(os.path.join(source, f"{quantile}.svg"))]
    for quantile in result["plots"]:
        shutil.copy(os.path.join(source, f"{quantile}.svg"),
                    os.path.join(folder, f"sweep_{result['name']}_{quantile}.svg"))


def load_row(name, report):
    return [name, f"{report['sent']:,}", f"{report['ok']:,}", str(report["partial"]), milliseconds(report["p50_us"]),
            milliseconds(report["p99_us"]), milliseconds(report["max_us"])]


def stopped_leaf_table(result):
    rows = [load_row(name.replace("_", " "), result[name]) for name in ("calm", "first_second", "stopped", "continued")]
    return (table(["one leaf of the replicas", "sent", "ok", "partial", "p50 ms", "p99 ms", "max ms"], rows) +
            f"\n\np99 while it was stopped, from the second second on: {result['p99_ratio']:.2f} of the calm one. Late replies that were "
            f"discarded\nwhen it went on: {result['late_replies']}.")


def overload_table(result):
    rows = [[f"{load['load']:g} x", f"{load['sent']:,}", f"{load['ok']:,}", f"{load['goodput']:.2f}",
             milliseconds(load["refused"]["p50_us"]), milliseconds(load["refused"]["p99_us"]), milliseconds(load["p99_us"]),
             "-" if load["recovery_seconds"] is None else str(load["recovery_seconds"])] for load in result["loads"]]
    return (f"Capacity: {result['capacity_per_second']:.0f} queries a second, {result['search_threads']} search threads. Client and servers "
            "share the processors.\n\n" +
            table(["load", "sent", "ok", "goodput / capacity", "refusals p50 ms", "p99 ms", "answers p99 ms", "normal after s"], rows))


def client_gone_table(result):
    return table(["searches that ran", "that waited", "went on for us, mean", "max", "for more than 5 ms"],
                 [[str(result["cancelled_running"]), str(result["cancelled_waiting"]), number(result["stop_us_mean"]),
                   number(result["stop_us_max"]), str(result["stopped_late"])]])


DRILLS = {"stopped_leaf": ("One leaf stops for a while", stopped_leaf_table),
          "overload": ("More load than there is capacity", overload_table),
          "client_gone": ("Clients that go away", client_gone_table)}


def drill_section(result):
    title, make_table = DRILLS[result["name"]]
    return f"""## {title}

{result['date']} UTC, commit {result['commit']}, {result['cores']} cores; `bench/{result['name']}.py` says what is done and what is promised. All of it
was kept: {'yes' if result['kept'] else 'no'}.

{make_table(result)}
"""


RPC_ROWS = ["Callback", "Queue", "Stream", "LeafClient", "RootCount", "RootTop10"]


def rpc_section(result):
    """Of rpc_bench --benchmark_out: the least of its repetitions, as other work on the machine only adds."""
    least = {}
    for run in result["benchmarks"]:
        if run.get("run_type") == "aggregate":
            continue
        name, leaves = run["name"].split("/")[:2]
        best = least.setdefault((name.removeprefix("BM_"), int(leaves.split(":")[-1])), {})
        for counter in ("cpu_us", "p50_us", "calls"):
            best[counter] = min(run[counter], best.get(counter, run[counter]))
    order = sorted(least, key=lambda row: (RPC_ROWS.index(row[0]), row[1]))
    rows = [[name, str(leaves), number(best["calls"]), number(best["p50_us"]), number(best["cpu_us"]),
             f"{best['cpu_us'] / least[('Queue', leaves)]['cpu_us']:.2f}x"] for (name, leaves), best in ((row, least[row]) for row in order)]
    return f"""## What a call costs

{result['context']['date'][:10]}, {result['context']['num_cpus']} cores. `bench/rpc_bench.cc` asks leaf processes that search nothing and answer with ten hits, one query
after the other; the least of the repetitions. Callback, Queue and Stream are gRPC alone, LeafClient and the roots are Canopy's;
RootTop10 also fetches, hence its calls. Processor time is that of the asking process.

{table(["row", "leaves", "calls a query", "p50 us", "processor us a query", "beside Queue"], rows)}
"""


SECTIONS = {"lucene": lucene_section, "remote": remote_section, "scatter": scatter_section,
            "sweep": sweep_section, "drill": drill_section, "rpc": rpc_section}


def replace(page, kind, name, text):
    begin, end = f"<!-- begin {kind} {name} -->", f"<!-- end {kind} {name} -->"
    block = f"{begin}\n{text}{end}\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end) + "\n", re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: block, page)
    return page.rstrip("\n") + "\n\n" + block


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*")
    parser.add_argument("--page", default=os.path.join(REPOSITORY, "docs/benchmarks.md"))
    parser.add_argument("--name", default="index", help="of a sweep, which does not know one")
    options = parser.parse_args(arguments)
    with open(options.page) as file:
        page = file.read()
    for path in options.results:
        with open(path) as file:
            result = json.load(file)
        kind = "rpc" if "benchmarks" in result else result.get("kind", "lucene")
        if kind == "rpc":
            result["name"] = "calls"
        if kind == "sweep":
            result["name"] = options.name
            copy_plots(result, os.path.dirname(os.path.abspath(path)), os.path.dirname(os.path.abspath(options.page)))
        page = replace(page, kind, result["name"], SECTIONS[kind](result))
    with open(options.page, "w") as file:
        file.write(page)


if __name__ == "__main__":
    main()
