"""Processes die; queries do not, as long as every shard has a replica left. And what is said when none is."""

import fcntl
import json
import os
import signal
import subprocess
import termios
import time
import unittest

import cluster


class ReplicaFailureTest(cluster.ClusterTest):
    def test_replicas_killed_one_after_another_fail_no_query(self):
        index = self.make_index()
        with self.up(index, "--leaves", 2, "--replicas", 2) as running:
            running.wait_until_whole()
            killed = []
            with cluster.Load(running, self.path("queries.txt"), 100, 40) as load:
                for address in running.leaf_addresses():
                    exited = running.kill_leaf(address)
                    self.assertEqual(exited["signal"], signal.SIGKILL)
                    running.wait_for_event("leaf_ready", after=running.events.index(exited))
                    running.wait_until_whole()
                    killed.append(address)
                self.assertTrue(load.running(), "the load ended before the last leaf was killed")
                load.stop_sending()
            self.assertEqual(len(killed), 4)
            self.assertEqual(load.report["errors"], {})
            self.assertEqual(load.report["partial"], 0)
            self.assertEqual(load.report["ok"], load.report["sent"])
            self.assertGreater(load.report["sent"], 100)

    def test_without_a_replica_coverage_is_exact(self):
        index = self.make_index(docs=2001)
        with self.up(index, "--leaves", 4, "--replicas", 2, "--no-restart") as running:
            running.wait_until_whole()
            everything = {query: cluster.in_process(index, self.path("queries.txt"), 2001)[query]
                          for query in self.queries()[:8]}
            shard = 1
            for leaf in running.ready["leaves"]:
                if leaf["shards"] == [shard]:
                    exited = running.kill_leaf(leaf["address"])
                    self.assertIsNone(exited["restart_in_ms"])
            missing_docs = len(range(shard, 2001, 4))
            for query, (_, hits) in everything.items():
                rest = [hit for hit in hits if hit[0] % 4 != shard]
                response = running.search(query, "--min-coverage", 0.5)
                self.assertEqual(response["total"]["value"], len(rest), query)
                self.assertEqual([(hit["doc"], f"{hit['score']:.9g}") for hit in response["hits"]], rest[:10], query)
                self.assert_coverage(response["coverage"], shard, missing_docs, 2001)
            refused = cluster.run("canopy", "search", "--target", running.root, "--timeout", "20s", "--", "word0")
            self.assert_fails(refused, 1, "UNAVAILABLE: .*coverage", "shard 1")
            refused = cluster.run("canopy", "count", "--target", running.root, "--timeout", "20s", "--min-coverage", 0.9,
                                  "--", "word0")
            self.assert_fails(refused, 1, "coverage")
            self.assertFalse(running.status()["serving"])

    def assert_coverage(self, coverage, shard, missing_docs, docs):
        self.assertFalse(coverage["complete"])
        self.assertEqual(coverage["docs_total"], docs)
        self.assertEqual(coverage["docs_covered"], docs - missing_docs)
        self.assertEqual((coverage["shards_total"], coverage["shards_complete"]), (4, 3))
        for entry in coverage["shards"]:
            if entry["shard"] == shard:
                self.assertEqual((entry["state"], entry["docs_covered"]), ("missing", 0))
                self.assertTrue(entry["reason"])
            else:
                self.assertEqual((entry["state"], entry["docs_covered"]), ("complete", entry["docs_total"]))
        self.assertEqual(sum(entry["docs_total"] for entry in coverage["shards"]), docs)

    def test_a_cluster_is_whole_again_within_five_seconds(self):
        index = self.make_index()
        with self.up(index, "--leaves", 2, "--replicas", 2) as running:
            running.wait_until_whole()
            for leaf in running.ready["leaves"]:
                if 1 in leaf["shards"]:
                    os.kill(leaf["pid"], signal.SIGKILL)
            died = time.monotonic()

            def whole_answer():
                done = cluster.run("canopy", "count", "--target", running.root, "--timeout", "1s", "--", "word0")
                return done.returncode == 0
            cluster.wait_for(whole_answer, 5, "a whole answer")
            running.wait_until_whole(5 - (time.monotonic() - died))
            self.assertLess(time.monotonic() - died, 5)

    def test_a_root_that_dies_comes_back_on_its_address(self):
        index = self.make_index(docs=200)
        with self.up(index) as running:
            os.kill(running.ready["root_pid"], signal.SIGKILL)
            exited = running.wait_for_event("root_exited")
            ready = running.wait_for_event("root_ready", after=running.events.index(exited))
            self.assertEqual(ready["address"], running.root)
            self.assertGreater(running.search("word0")["total"]["value"], 0)


class FaultFlagTest(cluster.ClusterTest):
    def test_flags_reach_the_leaves(self):
        index = self.make_index(docs=500)
        with self.up(index, "--leaf-flag=--allow-fault-injection", "--leaf-flag=--inject-delay=100%:30ms") as running:
            with cluster.Load(running, self.path("queries.txt"), 20, 2) as load:
                pass
        self.assertEqual(load.report["errors"], {})
        self.assertGreaterEqual(load.report["p50_us"], 30_000)

    def test_a_leaf_refuses_faults_that_were_not_allowed(self):
        index = self.make_index(docs=50, shards=1)
        done = cluster.run("canopy", "up", "--index", index, "--leaf-flag=--inject-error=50%", seconds=30)
        self.assert_fails(done, 1, "allow-fault-injection", "canopy-leaf ended before it was ready")

    def test_a_cluster_answers_around_leaves_that_fail_some_searches(self):
        """Every tenth call to a leaf fails; a retry on the other replica mostly does not."""
        index = self.make_index()
        with self.up(index, "--replicas", 2, "--leaf-flag=--allow-fault-injection",
                     "--leaf-flag=--inject-error=10%") as running:
            with cluster.Load(running, self.path("queries.txt"), 100, 4, "--min-coverage", 0) as load:
                pass
        report = load.report
        self.assertLess(report["partial"], 0.1 * report["sent"])
        self.assertEqual(report["ok"] + sum(report["errors"].values()), report["sent"])
        self.assertGreater(report["retries"], 0)
        self.assertGreater(report["ok"] - report["partial"], 0.9 * report["sent"])


class SupervisionTest(cluster.ClusterTest):
    def assert_all_gone(self, pids, seconds=5):
        cluster.wait_for(lambda: not any(cluster.is_alive(pid) for pid in pids), seconds, "every child gone")

    def test_sigterm_and_sigint_stop_every_child_within_five_seconds(self):
        index = self.make_index(docs=200)
        for number in (signal.SIGTERM, signal.SIGINT):
            running = self.up(index, "--replicas", 2)
            pids = running.pids()
            self.assertTrue(all(cluster.is_alive(pid) for pid in pids))
            running.process.send_signal(number)
            self.assertLess(running.stop(), 5)
            self.assertEqual(running.process.returncode, 0, "\n".join(running.log))
            self.assert_all_gone(pids, 0)

    def test_a_second_signal_stops_at_once(self):
        index = self.make_index(docs=200)
        running = self.up(index, "--replicas", 2)
        pids = running.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)  # none of them would ever stop by itself
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGINT)
        self.assertLess(running.stop(), 2)
        self.assert_all_gone(pids, 0)

    def test_a_terminal_that_is_closed_stops_every_child(self):
        index = self.make_index(docs=200)
        try:
            terminal, other_end = os.openpty()
        except OSError as error:  # /dev/pts is not mounted, as in a bare chroot
            self.skipTest(f"this system has no pseudo-terminals: {error}")

        def take_terminal():
            os.setsid()
            fcntl.ioctl(other_end, termios.TIOCSCTTY, 0)
        running = self.up(index, preexec_fn=take_terminal, start_new_session=False)
        os.close(other_end)
        pids = running.pids()
        os.close(terminal)
        running.process.wait(20)
        running.stop()
        self.assertEqual(running.process.returncode, 0, "\n".join(running.log))
        self.assert_all_gone(pids, 0)

    def test_logs_that_nobody_reads_end_nothing(self):
        index = self.make_index(docs=200)
        reader, writer = os.pipe()
        os.close(reader)
        running = subprocess.Popen([cluster.binary("canopy"), "up", "--index", index, "--log-level", "debug"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=writer, text=True,
                                   env=cluster.ENVIRONMENT)
        os.close(writer)
        self.addCleanup(lambda: (running.kill(), running.wait(20), running.stdout.close()))
        ready = json.loads(running.stdout.readline())
        running.send_signal(signal.SIGHUP)
        done = cluster.run("canopy", "search", "--target", ready["root"], "--timeout", "20s", "word0")
        self.assertEqual(done.returncode, 0, done.stderr)
        running.terminate()
        self.assertEqual(running.wait(20), 0)

    def test_flags_about_logs_reach_every_process(self):
        index = self.make_index(docs=200)
        with self.up(index, "--log-format", "json", environment={"CANOPY_ROOT": "127.0.0.1:0"}) as running:
            programs = {json.loads(line)["program"] for line in running.log if '"program"' in line}
        self.assertLessEqual({"canopy-leaf", "canopy-root"}, programs)

    def test_nothing_is_left_behind(self):
        os.mkdir(self.path("tmp"))
        index = self.make_index(docs=200)
        running = self.up(index, environment={"TMPDIR": self.path("tmp")})
        self.assertEqual(len(os.listdir(self.path("tmp"))), 1)
        running.stop()
        self.assertEqual(os.listdir(self.path("tmp")), [])

    def test_children_that_do_not_listen_are_killed_in_time(self):
        index = self.make_index(docs=200)
        running = self.up(index, "--replicas", 2)
        pids = running.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self.assertLess(running.stop(), 5)
        self.assert_all_gone(pids, 0)

    def test_children_die_with_their_parent(self):
        index = self.make_index(docs=200)
        running = self.up(index, "--replicas", 2)
        pids = running.pids()
        running.kill()
        self.assert_all_gone(pids)

    def test_a_cluster_under_load_stops_in_time(self):
        index = self.make_index()
        running = self.up(index, "--replicas", 2)
        pids = running.pids()
        load = cluster.Load(running, self.path("queries.txt"), 200, 20, "--timeout", "1s")
        self.addCleanup(load.abandon)
        cluster.wait_for(lambda: running.status()["queries_total"] > 100, 10, "a load")
        self.assertLess(running.stop(), 5)
        self.assert_all_gone(pids, 0)


if __name__ == "__main__":
    unittest.main()
