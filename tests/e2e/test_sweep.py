"""`canopy bench sweep` and the game on a cluster: real clusters, short loads. What is checked is that they measure what they
say, not how long anything takes."""

import json
import os
import signal
import subprocess
import unittest

import cluster

IS_RELEASE = os.environ.get("CANOPY_BUILD_TYPE", "Release") == "Release"


class SweepTest(cluster.ClusterTest):
    def setUp(self):
        super().setUp()
        self.index = self.make_index(docs=500, shards=2)
        self.output = self.path("sweep")

    def flags(self, *more):
        return ["bench", "sweep", "--index", self.index, "--queries", self.path("queries.txt"), "--output", self.output,
                "--warm-up", "100ms", "--limit-queries", "5", "--limit-repeats", "2", *more]

    def sweep(self, *more):
        return cluster.run("canopy", *self.flags(*more))

    def result(self):
        with open(os.path.join(self.output, "sweep.json")) as file:
            return json.load(file)

    @unittest.skipIf(IS_RELEASE, "a release build measures")
    def test_a_debug_build_refuses(self):
        self.assert_fails(self.sweep(), 1, "debug build")

    @unittest.skipUnless(IS_RELEASE, "only a release build measures")
    def test_every_case_is_measured_and_written_down(self):
        done = self.sweep("--leaves", "1,2", "--replicas", "2", "--hedge", "off,on", "--straggler", "20%:20ms", "--qps", "40",
                          "--seconds", "1", "--repeats", "2", "--min-queries", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = self.result()
        self.assertEqual([(row["leaves"], row["series"]) for row in result["rows"]],
                         [(leaves, series) for leaves in (1, 2)
                          for series in ("calm", "hedge off, 2 replicas", "hedge on, 2 replicas")])
        for row in result["rows"]:
            self.assertEqual((row["repeats"], row["partial"], row["errors"]), (2, 0, 0))
            self.assertEqual(row["sent"], row["ok"])
            self.assertGreater(row["limit_p99_us"], 0)
            self.assertGreaterEqual(row["max_us"], row["p999_us"])
            if row["hedge"] == "off":
                self.assertEqual(row["hedges"], 0)
        unhedged = [row for row in result["rows"] if row["series"] == "hedge off, 2 replicas"]
        for row in unhedged:  # one query in five and more sleeps that long
            self.assertGreater(row["p99_us"], 20_000)
            self.assertGreater(row["prediction_p99_us"], 20_000)
        with open(os.path.join(self.output, "sweep.txt")) as file:
            self.assertEqual(file.read(), done.stdout)
        self.assertTrue(os.path.exists(os.path.join(self.output, "sweep.gp")))
        self.assertRegex(done.stderr, r"12 clusters, one after the other: [\d.]+ to [\d.]+ minutes")

    @unittest.skipUnless(IS_RELEASE, "only a release build measures")
    def test_without_a_rate_it_is_part_of_what_the_cluster_can_answer(self):
        done = self.sweep("--leaves", "1", "--replicas", "1", "--hedge", "off", "--seconds", "0.2")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = self.result()
        self.assertGreater(result["settings"]["qps"], 0)
        self.assertLessEqual(result["settings"]["qps"], 0.4 * result["capacity_qps"])

    @unittest.skipUnless(IS_RELEASE, "only a release build measures")
    def test_an_interrupt_leaves_what_was_measured_and_no_process(self):
        with subprocess.Popen([cluster.binary("canopy"),
                               *self.flags("--leaves", "1,2", "--replicas", "1", "--hedge", "off", "--qps", "20",
                                           "--seconds", "1", "--repeats", "100")],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=cluster.ENVIRONMENT) as process:
            self.addCleanup(lambda: process.poll() is None and process.kill())
            cluster.wait_for(lambda: os.path.exists(os.path.join(self.output, "sweep.json")), 60, "the first case")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("calm", out)
        self.assertEqual(self.result()["rows"][0]["series"], "calm")
        self.assertEqual(self.processes_of(self.index), [])

    @staticmethod
    def processes_of(index):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    if index in file.read() and int(pid) != os.getpid():
                        found.append(int(pid))
            except OSError:
                continue  # it has ended
        return found

    @unittest.skipUnless(IS_RELEASE, "only a release build measures")
    def test_what_cannot_be_measured_is_refused_before_anything_starts(self):
        self.assert_fails(self.sweep("--leaves", "1,4"), 2, "--leaves 4: the index has 2 shards")
        self.assert_fails(self.sweep("--leaves", "1", "--straggler", "half"), 2, "--straggler: .*got \"half\"")
        self.assert_fails(self.sweep("--leaves", "1", "--hedge", "no"), 2, "--hedge: .*got \"no\"")
        self.assertFalse(os.path.exists(self.output))


class GameTest(cluster.ClusterTest):
    def test_a_cluster_counts_as_the_index_does(self):
        index = self.make_index()
        flags = ["game", "--queries", self.path("queries.txt"), "--warmup", 0, "--passes", 1]

        def counts(*source):
            done = cluster.run("canopy", *flags, *source)
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = [line.split("\t") for line in done.stdout.splitlines()]
            return {(row[0], row[5]): (row[1], int(row[2])) for row in rows}

        with self.up(index, "--leaves", 2) as running:
            self.assertEqual(counts("--target", running.root), counts("--index", index))
            self.assert_fails(cluster.run("canopy", *flags, "--target", running.root, "--index", index), 2, "one of them")


class LeafFlagsTest(cluster.ClusterTest):
    def test_every_leaf_gets_its_number(self):
        index = self.make_index(docs=300, shards=2)
        with self.up(index, "--leaves", 2, "--leaf-flag=--allow-fault-injection", "--leaf-flag=--inject-delay=1%:1ms",
                     "--leaf-flag=--inject-seed=7{n}") as running:
            seeds = []
            for leaf in running.ready["leaves"]:
                with open(f"/proc/{leaf['pid']}/cmdline") as file:
                    seeds += [argument for argument in file.read().split("\0") if "seed" in argument]
        self.assertEqual(seeds, ["--inject-seed=70", "--inject-seed=71"])


if __name__ == "__main__":
    unittest.main()
