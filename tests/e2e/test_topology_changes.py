"""The drills of docs/operations.md for processes that were started by hand: roots and replicas come and go under load, and no query
fails or is answered in part."""

import concurrent.futures
import itertools
import json
import os
import signal
import threading
import unittest

import cluster

SHARDS = 2


class CarefulClient:
    """Knows several roots and asks them in turn; what one says UNAVAILABLE to goes to the next, once. A context manager."""

    def __init__(self, roots, query):
        self.roots = roots
        self.query = query
        self.answered = self.moved = 0
        self.failures = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._ask_on)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _ask_on(self):
        for turn in itertools.count():
            if self.stopping.is_set():
                return
            done = self._ask(turn)
            if done.returncode == 1 and "UNAVAILABLE" in done.stderr:
                self.moved += 1
                done = self._ask(turn + 1)
            if done.returncode == 0 and json.loads(done.stdout)["coverage"]["complete"]:
                self.answered += 1
            else:
                self.failures.append(done)

    def _ask(self, turn):
        return cluster.run("canopy", "search", "--target", self.roots[turn % len(self.roots)], "--json", "--timeout", "20s",
                           self.query)


class ByHandTest(cluster.ClusterTest):
    def setUp(self):
        super().setUp()
        self.index = self.make_index(docs=1000, shards=SHARDS)

    def start(self, *command):
        process = cluster.Process(*command, "--exit-with-parent")
        self.addCleanup(process.kill)
        return process

    def start_leaf(self, *flags):
        return self.start("canopy-leaf", "--index", self.index, *flags)

    def start_root(self, *flags):
        return self.start("canopy-root", "--topology", self.path("topology.yaml"), *flags)

    def write_topology(self, *leaves):
        """Every shard on each of the leaves."""
        replicas = json.dumps([leaf.ready["address"] for leaf in leaves])
        with open(self.path("topology.new"), "w") as file:
            file.write("shards:\n" + "".join(f"  {shard}: {replicas}\n" for shard in range(SHARDS)))
        os.replace(self.path("topology.new"), self.path("topology.yaml"))

    def load(self, root):
        return cluster.Load(root, self.path("queries.txt"), 60, 120)

    def wait_for_queries(self, root, count):
        """Until the root has begun so many more."""
        last = root.status()["queries_total"] + count
        cluster.wait_for(lambda: root.status()["queries_total"] >= last, 60, f"{count} more queries")


class RootRestartTest(ByHandTest):
    def test_queries_in_flight_at_a_root_that_is_stopped_end_well(self):
        self.write_topology(*[self.start_leaf("--allow-fault-injection", "--inject-delay", "100%:4s") for _ in range(2)])
        root = self.start_root("--drain-grace", "0s", "--drain-timeout", "30s")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(root.search, "word0") for _ in range(4)]
            cluster.wait_for(lambda: root.status()["queries_in_flight"] == 4, 20, "all in flight")
            root.process.send_signal(signal.SIGTERM)
            for answer in answers:
                self.assertTrue(answer.result()["coverage"]["complete"])
        self.assertEqual(root.process.wait(30), 0, "\n".join(root.log))

    def test_one_of_two_roots_is_restarted(self):
        self.write_topology(self.start_leaf(), self.start_leaf())
        one, other = self.start_root(), self.start_root()
        address = one.ready["address"]
        with self.load(one) as at_one, self.load(other) as at_other, \
                CarefulClient([address, other.ready["address"]], "word0 word1") as client:
            self.wait_for_queries(one, 60)
            one.process.send_signal(signal.SIGTERM)
            self.assertEqual(one.process.wait(30), 0, "\n".join(one.log))
            moved = client.moved
            cluster.wait_for(lambda: client.moved > moved, 20, "the client moves to the other root")
            one = self.start_root("--listen", address)
            self.wait_for_queries(one, 60)  # of a load that has kept its connection
            self.assertTrue(at_one.running() and at_other.running())
            at_one.stop_sending()
            at_other.stop_sending()
        self.assert_all_answered(at_other)
        self.assertEqual(client.failures, [])
        # What this one lost says by its code that it may be asked elsewhere.
        self.assertLessEqual(set(at_one.report["errors"]), {"UNAVAILABLE"})
        self.assertEqual(at_one.report["partial"], 0)


class ReplicaTest(ByHandTest):
    def reload(self, root, *leaves):
        self.write_topology(*leaves)
        root.process.send_signal(signal.SIGHUP)
        addresses = [leaf.ready["address"] for leaf in leaves]
        cluster.wait_for(lambda: [each["address"] for each in root.status()["replicas"]] == addresses, 20,
                         "the topology is read again")

    def searches_once_idle(self, leaf):
        done = cluster.run("canopy", "drain", "--target", leaf.ready["address"], "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["searches_total"]

    def test_a_replica_is_added_and_removed_by_reading_the_topology_again(self):
        old = self.start_leaf()
        self.write_topology(old)
        root = self.start_root()
        with self.load(root) as load:
            self.wait_for_queries(root, 60)
            new = self.start_leaf()
            self.reload(root, old, new)
            cluster.wait_for(lambda: root.status()["replicas"][1]["searches_total"] >= 20, 30, "the new replica is asked")
            self.reload(root, old)
            searches = self.searches_once_idle(new)
            self.wait_for_queries(root, 120)
            self.assertEqual(self.searches_once_idle(new), searches)
            new.stop()
            self.wait_for_queries(root, 60)
            self.assertTrue(load.running())
            load.stop_sending()
        self.assert_all_answered(load)


if __name__ == "__main__":
    unittest.main()
