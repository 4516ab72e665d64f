"""What bench/compare_remote.py makes of its measurements, and how they and those of a sweep are written down."""

import json
import os
import sys
import tempfile
import unittest

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench")
sys.path.insert(0, BENCH)
import compare_remote  # noqa: E402
import write_benchmarks  # noqa: E402


class SummaryTest(unittest.TestCase):
    def test_a_query_counts_with_its_least_time_in_all_turns(self):
        turns = [{("COUNT", "a"): ("term", 1, least, 99.0), ("COUNT", "b"): ("term", 1, least + 10, 99.0)}
                 for least in (5, 3, 7)]
        self.assertEqual(compare_remote.summarize(turns, compare_remote.MINIMUM, min)["COUNT"]["term"],
                         {"queries": 2, "mean_us": 8, "p50_us": 13, "p99_us": 13})


class SphinxTest(unittest.TestCase):
    def test_every_agent_and_the_one_before_them_have_ports_of_their_own(self):
        with tempfile.TemporaryDirectory() as folder:
            agents, root = compare_remote.sphinx_cluster.commands(folder, 2, [11, 12, 21, 22, 31, 32])
            self.assertEqual((list(agents), list(root)), ([12, 22], [32]))
            with open(root[32][-1]) as file:
                config = file.read()
        self.assertIn("agent_persistent = 127.0.0.1:11:shard", config)
        self.assertIn("agent_persistent = 127.0.0.1:21:shard", config)
        self.assertIn("listen = 127.0.0.1:32:mysql41", config)


def figures(mean):
    one = {"queries": 1, "mean_us": mean, "p50_us": mean, "p99_us": mean}
    return {"classes": {"COUNT": {"term": one}}, "counts_that_differ": 0}


REMOTE = {
    "kind": "remote", "name": "small", "date": "2024-01-01", "commit": "abc",
    "machine": {"cpu": "C", "cores": 2, "memory_gb": 8, "system": "S", "kernel": "K", "load_before": 0.1},
    "versions": {"Sphinx": "2", "Canopy": "canopy 0", "Xapian": "1"},
    "corpus": {"bytes": 10, "sha256": "0" * 64}, "queries": {"count": 1, "sha256": "1" * 64},
    "settings": {"shards": [1, 16], "rounds": 1, "warmup": 2, "passes": 5},
    "search": {shards: {"Sphinx": figures(300), "Canopy": figures(100), "Xapian": figures(50)} for shards in ("1", "16")},
}
ROW = {"leaves": 4, "series": "calm", "p50_us": 1000, "p99_us": 3000, "p999_us": None, "prediction_p99_us": None,
       "limit_p99_us": 1500, "p99_over_limit": 2.0, "extra_load": 0.01, "wasted_cpu_ratio": 0, "partial": 0, "errors": 0}
SWEEP = {
    "kind": "sweep", "date": "2024-01-01 10:00", "version": "0", "note": "commit abc", "capacity_qps": 1000,
    "machine": {"cpu": "C", "cores": 2, "memory_bytes": 8e9, "system": "S", "kernel": "K", "load_before": 0.1},
    "index": {"docs": 10, "shards": 16, "checksum": "c"}, "queries": {"count": 1, "checksum": "q"},
    "settings": {"qps": 400, "seconds": 30, "repeats": 3, "straggler": "1%:50ms"}, "rows": [ROW],
}


class PageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.page = os.path.join(self.folder, "docs", "benchmarks.md")
        os.makedirs(os.path.dirname(self.page))
        self.write(self.page, "# Page\n")

    @staticmethod
    def write(path, text):
        with open(path, "w") as file:
            file.write(text)

    def written(self, result, *flags):
        path = os.path.join(self.folder, "result.json")
        self.write(path, json.dumps(result))
        write_benchmarks.main([path, "--page", self.page, *flags])
        with open(self.page) as file:
            return file.read()

    def test_the_others_stand_beside_canopy_in_proportion(self):
        page = self.written(REMOTE)
        self.assertIn("| command, class | queries | Canopy us | Sphinx us | Xapian us | Sphinx / Canopy | Xapian / Canopy |", page)
        self.assertEqual(page.count("| COUNT term | 1 | 100 | 300 | 50.0 | 3.0x | 0.5x |"), 2)
        self.assertLess(page.index("### 1 shard\n"), page.index("### 16 shards\n"))

    def test_a_sweep_has_its_rows_and_the_plots_that_were_drawn(self):
        for name in ("p50.svg", "p99.svg"):
            self.write(os.path.join(self.folder, name), name)
        page = self.written(SWEEP, "--name", "small")
        self.assertIn("| 4 | calm | 1.00 | 3.00 | too few | - | 1.50 | 2.00 | 1.00 % | 0.00 % | 0 | 0 |", page)
        self.assertIn("(sweep_small_p99.svg)", page)
        self.assertNotIn("p999.svg", page)
        self.assertEqual(sorted(os.listdir(os.path.dirname(self.page))),
                         ["benchmarks.md", "sweep_small_p50.svg", "sweep_small_p99.svg"])

    def test_a_drill_says_whether_all_was_kept(self):
        page = self.written({"kind": "drill", "name": "client_gone", "date": "2026-01-02", "commit": "abc", "cores": 2, "kept": False,
                             "cancelled_running": 7, "cancelled_waiting": 9, "stop_us_mean": 12.5, "stop_us_max": 6000,
                             "stopped_late": 1})
        self.assertIn("was kept: no.", page)
        self.assertIn("| 7 | 9 | 12.5 | 6,000 | 1 |", page)

    def test_an_overload_that_was_not_over_in_time_has_no_seconds(self):
        load = {"load": 2.0, "sent": 1000, "ok": 500, "goodput": 0.95, "refused": {"p50_us": 400, "p99_us": 4000},
                "p99_us": 50000, "recovery_seconds": None}
        page = self.written({"kind": "drill", "name": "overload", "date": "2026-01-02", "commit": "abc", "cores": 2, "kept": False,
                             "capacity_per_second": 100.0, "search_threads": 2, "loads": [load]})
        self.assertIn("| 2 x | 1,000 | 500 | 0.95 | 0.40 | 4.00 | 50.00 | - |", page)

    def test_calls_are_compared_with_bare_ones_to_as_many_leaves(self):
        def run(name, cpu_us):
            return {"name": f"{name}/leaves:4/real_time", "run_type": "iteration", "cpu_us": cpu_us, "p50_us": 100.0, "calls": 4.0}
        page = self.written({"context": {"date": "2026-01-02T00:00:00+00:00", "num_cpus": 2},
                             "benchmarks": [run("BM_Queue", 90.0), run("BM_Queue", 80.0), run("BM_LeafClient", 40.0)]})
        self.assertIn("| Queue | 4 | 4.00 | 100 | 80.0 | 1.00x |", page)
        self.assertIn("| LeafClient | 4 | 4.00 | 100 | 40.0 | 0.50x |", page)


if __name__ == "__main__":
    unittest.main()
