"""What processes say of themselves at /metrics: that it is Prometheus's text format, well named, and that the counts of a
root and its leaves fit what was asked, and each other."""

import re
import unittest
import urllib.request

import cluster

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
# The units that a name may have at its end, and gauges that have none: numbers of things, and yes or no.
UNITS = ("_seconds", "_bytes", "_ratio")
COUNTS = ("_tasks", "_cost", "_ready", "_failed", "_overloaded", "_info", "_shards", "_in_flight", "_serving", "_tokens")
OF_HISTOGRAM = ("_bucket", "_sum", "_count")


class Page:
    """One scrape. Every line must be a comment of the two kinds, or a sample of the family before it."""

    def __init__(self, text):
        self.types, self.help, self.samples = {}, {}, {}
        for line in text.splitlines():
            comment = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
            if comment:
                into = self.help if comment[1] == "HELP" else self.types
                assert comment[2] not in into, f"twice: {line}"
                into[comment[2]] = comment[3]
                continue
            self._add(line)

    def _add(self, line):
        match = SAMPLE.fullmatch(line)
        assert match, f"not a line of the format: {line}"
        name, labels, value = match.groups()
        rest = LABELS.sub("", labels or "")
        assert not rest, f"labels: {line}"
        key = (name, frozenset(LABELS.findall(labels or "")))
        assert key not in self.samples, f"twice: {line}"
        assert self.family(name) in self.types, f"without a type: {line}"
        self.samples[key] = float(value)

    def family(self, name):
        ending = next((ending for ending in OF_HISTOGRAM if name.endswith(ending)), "")
        stem = name[:len(name) - len(ending)]
        return stem if ending and self.types.get(stem) in ("histogram", "summary") else name

    def total(self, name, **labels):
        """The sum of the samples that have these labels."""
        return sum(value for (sample, have), value in self.samples.items()
                   if sample == name and set(labels.items()) <= have)

    def ours(self):
        return {name: kind for name, kind in self.types.items() if name.startswith("canopy_")}


def scrape(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=cluster.COMMAND_SECONDS) as reply:
        return Page(reply.read().decode())


class MetricsTest(cluster.ClusterTest):
    def scrape_all(self, running):
        return (scrape(running.ready["root_metrics"]),
                [scrape(leaf["metrics"]) for leaf in running.ready["leaves"]])

    def test_counts_of_root_and_leaves_fit_what_was_asked_and_each_other(self):
        index = self.make_index(docs=500)
        # Without hedges: one that is cancelled may never have come to a leaf.
        with self.up(index, "--leaves", 2, "--replicas", 2, "--metrics", "--root-flag=--hedge=off") as running:
            queries = self.queries()[:40]
            for query in queries:
                running.search(query, "--trace")
            for query in queries[:10]:
                running.count(query)
            self.assert_fails(cluster.run("canopy", "search", "--target", running.root, '"open'), 1, "invalid")
            root, leaves = self.scrape_all(running)
        answered = len(queries) + 10
        self.assertEqual(root.total("canopy_root_query_seconds_count", result="ok"), answered)
        self.assertEqual(root.total("canopy_root_query_seconds_count", result="invalid_argument"), 1)
        self.assertEqual(root.total("canopy_root_query_seconds_count"), answered + 1)
        self.assertEqual(root.total("canopy_root_query_part_seconds_count", part="wire"), answered)
        # What the root sent is what the leaves got; all of it in two calls a query, to two leaf processes.
        searches = sum(root.total("canopy_root_leaf_call_seconds_count", kind=kind)
                       for kind in ("primary", "hedge", "retry"))
        fetches = sum(root.total("canopy_root_leaf_call_seconds_count", kind=kind) for kind in ("fetch", "fetch_hedge", "fetch_retry"))
        self.assertEqual(root.total("canopy_root_leaf_call_seconds_count", kind="primary"), 2 * answered)
        self.assertEqual(sum(leaf.total("canopy_leaf_searches_total") for leaf in leaves), searches)
        self.assertEqual(sum(leaf.total("canopy_leaf_search_seconds_count") for leaf in leaves), searches)
        self.assertEqual(sum(leaf.total("canopy_leaf_fetches_total") for leaf in leaves), fetches)
        self.assertEqual(root.total("canopy_root_coverage_ratio"), 1)
        for page in [root, *leaves]:
            for nothing in ("_queries_in_flight", "_in_flight_cost", "_queued_tasks", "_refused_searches_total",
                            "_degraded_queries_total", "_rejected_queries_total"):
                for name in page.ours():
                    if name.endswith(nothing):
                        self.assertEqual(page.total(name), 0, name)

    def test_parts_of_the_time_are_the_whole(self):
        index = self.make_index(docs=500)
        with self.up(index, "--metrics") as running:
            for query in self.queries()[:30]:
                running.search(query)
            root, _ = self.scrape_all(running)
        parts = root.total("canopy_root_query_part_seconds_sum")
        whole = root.total("canopy_root_query_seconds_sum")
        self.assertLessEqual(parts, whole)
        # A fifth: what comes after the answer's own account, on a busy machine.
        self.assertGreater(parts, 0.8 * whole)
        unaccounted = root.total("canopy_root_query_part_seconds_sum", part="unaccounted")
        self.assertLess(unaccounted, 0.05 * whole)

    def test_a_dead_replica_shows_as_errors_and_degraded_answers(self):
        index = self.make_index(docs=500)
        with self.up(index, "--leaves", 2, "--no-restart", "--metrics") as running:
            running.kill_leaf(running.leaf_addresses()[0])
            for _ in range(5):
                running.search("word0", "--min-coverage", "0")
            root = scrape(running.ready["root_metrics"])
        self.assertEqual(root.total("canopy_root_query_seconds_count", result="partial"), 5)
        self.assertEqual(root.total("canopy_root_degraded_queries_total", reason="unavailable"), 5)
        self.assertLess(root.total("canopy_root_coverage_ratio"), 1)

    def test_hedges_are_counted_by_what_became_of_them(self):
        index = self.make_index(docs=500)
        faults = ["--leaf-flag=--allow-fault-injection", "--leaf-flag=--inject-delay=10%:500ms"]
        with self.up(index, "--leaves", 2, "--replicas", 2, "--metrics", "--root-flag=--hedge-budget=100%",
                     *faults) as running:
            for query in self.queries()[:40]:
                running.search(query)
            root = scrape(running.ready["root_metrics"])
        hedges = root.total("canopy_root_hedges_total")
        self.assertGreater(root.total("canopy_root_hedges_total", outcome="won"), 0)
        self.assertEqual(sum(root.total("canopy_root_leaf_call_seconds_count", kind=kind)
                             for kind in ("hedge", "fetch_hedge")), hedges)
        self.assertGreater(root.total("canopy_root_wasted_work_seconds_total", reason="lost_hedge"), 0)
        self.assertGreater(root.total("canopy_root_hedge_budget_tokens"), 0)

    def test_names_have_units_and_help(self):
        index = self.make_index(docs=300)
        with self.up(index, "--metrics") as running:
            running.search("word0")
            root, leaves = self.scrape_all(running)
        for page, prefix in [(root, "canopy_root_"), *((leaf, "canopy_leaf_") for leaf in leaves)]:
            self.assertGreater(len(page.ours()), 10)
            for name, kind in page.ours().items():
                self.assertTrue(name.startswith(prefix), name)
                self.assertIn(name, page.help)
                if kind == "counter":
                    self.assertTrue(name.endswith("_total"), name)
                elif kind == "histogram":
                    self.assertTrue(name.endswith(UNITS), name)
                    self.check_histogram(page, name)
                else:
                    self.assertTrue(name.endswith(UNITS + COUNTS), name)
                self.assertNotRegex(name, r"_(ms|us|ns|microseconds|milliseconds)(_|$)")

    def check_histogram(self, page, name):
        series = {}
        for (sample, labels), value in page.samples.items():
            if sample == name + "_bucket":
                bound = float(dict(labels)["le"])
                others = frozenset(label for label in labels if label[0] != "le")
                series.setdefault(others, []).append((bound, value))
        for labels, buckets in series.items():
            counts = [count for _, count in sorted(buckets)]
            self.assertEqual(counts, sorted(counts), name)
            self.assertEqual(max(buckets)[0], float("inf"))
            self.assertEqual(counts[-1], page.samples[(name + "_count", labels)], name)

    def test_there_are_no_metrics_unless_asked_for(self):
        index = self.make_index(docs=300)
        with self.up(index) as running:
            self.assertIsNone(running.ready["root_metrics"])
            self.assertEqual([leaf["metrics"] for leaf in running.ready["leaves"]], [None] * len(running.ready["leaves"]))

    def test_a_leaf_that_is_started_again_serves_its_metrics_where_they_were(self):
        index = self.make_index(docs=300)
        with self.up(index, "--leaves", 1, "--replicas", 2, "--metrics") as running:
            leaf = running.ready["leaves"][0]
            exited = running.kill_leaf(leaf["address"])
            running.wait_for_event("leaf_ready", after=running.events.index(exited))
            self.assertEqual(scrape(leaf["metrics"]).total("canopy_leaf_ready"), 1)


if __name__ == "__main__":
    unittest.main()
