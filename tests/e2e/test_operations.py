"""The drills of docs/operations.md, under load: no query fails, and none is answered in part."""

import json
import os
import signal
import unittest

import cluster


class RollingRestartTest(cluster.ClusterTest):
    def drain(self, address, *flags):
        done = cluster.run("canopy", "drain", "--target", address, "--json", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def replica(self, running, address):
        return next(each for each in running.status()["replicas"] if each["address"] == address)

    def test_a_drained_leaf_is_asked_no_more_until_that_is_taken_back(self):
        index = self.make_index(docs=1000, shards=2)
        with self.up(index, "--leaves", 1, "--replicas", 2) as running:
            running.wait_until_whole()
            address = running.leaf_addresses()[0]
            with cluster.Load(running, self.path("queries.txt"), 60, 60) as load:
                self.assertTrue(self.drain(address)["draining"])
                drained = self.replica(running, address)
                self.assertTrue(drained["draining"])
                again = self.replica(running, address)
                self.assertEqual(again["searches_total"], drained["searches_total"])
                self.assertFalse(self.drain(address, "--undo")["draining"])
                cluster.wait_for(lambda: self.replica(running, address)["searches_total"] > again["searches_total"], 20,
                                 "the leaf is asked again")
                self.assertTrue(load.running())
                load.stop_sending()
            self.assert_all_answered(load)

    def test_every_leaf_is_restarted_one_after_the_other(self):
        index = self.make_index(docs=1000, shards=2)
        with self.up(index, "--leaves", 2, "--replicas", 2) as running:
            running.wait_until_whole()
            with cluster.Load(running, self.path("queries.txt"), 60, 120) as load:
                for address in running.leaf_addresses():
                    self.drain(address)
                    before = running.current_pid(address)
                    after = len(running.events)
                    os.kill(before, signal.SIGTERM)
                    running.wait_for_event("leaf_ready", after=after, seconds=40)
                    self.assertNotEqual(running.current_pid(address), before)
                    running.wait_until_whole()
                self.assertTrue(load.running())
                load.stop_sending()
            self.assert_all_answered(load)

    def test_the_last_replica_of_a_shard_is_asked_on_and_drain_says_so(self):
        index = self.make_index(docs=500, shards=1)
        with self.up(index, "--leaves", 1, "--replicas", 1) as running:
            with cluster.Load(running, self.path("queries.txt"), 60, 60) as load:
                done = cluster.run("canopy", "drain", "--target", running.leaf_addresses()[0], "--timeout", "4s")
                load.stop_sending()
            self.assertEqual(done.returncode, 1)
            self.assertIn("still asked after 4s (--timeout)", done.stderr)
            self.assertIn("the last replica", done.stderr)
            self.assert_all_answered(load)


if __name__ == "__main__":
    unittest.main()
