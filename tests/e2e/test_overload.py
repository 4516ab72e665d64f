"""More load than the cluster can serve, and a client that leaves: what is refused and what stops. How soon, on a machine with
nothing else to do, is for bench/overload.py to say."""

import random
import subprocess
import unittest

import cluster

DOCS = 30000


def sloppy(rng, words, slop):
    names = [f"word{i}" for i in range(12)]
    return f'"{" ".join(rng.sample(names, words))}"~{slop}'


class OverloadTest(cluster.ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rng = random.Random(cluster.SEED)

    def admission(self, running, name):
        return sum(replica["admission"][name] for replica in running.status()["replicas"])

    def in_flight_cost(self, running):
        return sum(replica["in_flight_cost"] for replica in running.status()["replicas"])

    def test_what_cannot_be_served_is_refused_and_the_rest_answered(self):
        index = self.make_index(docs=DOCS, shards=2)
        with open(self.path("costly.txt"), "w") as file:
            file.writelines(" ".join(sloppy(self.rng, 3, 8) for _ in range(8)) + "\n" for _ in range(100))
        with self.up(index, "--leaves", 1) as running:
            running.wait_until_whole()
            with cluster.Load(running, self.path("costly.txt"), 1000, 5, "--timeout", "2s", "--max-in-flight", 100000) as load:
                pass
            self.assertEqual(set(load.report["errors"]), {"RESOURCE_EXHAUSTED"}, load.report)
            self.assertGreater(load.report["ok"], 0)
            self.assertEqual(load.report["partial"], 0)
            refused = sum(self.admission(running, f"refused_{reason}_total") for reason in
                          ("queue_full", "queue_wait", "deadline"))
            rejected = sum(replica["searches_rejected_total"] for replica in running.status()["replicas"])
            self.assertEqual(refused, rejected)
            self.assertGreater(self.admission(running, "refused_queue_wait_total"), 0)
            self.assertEqual(self.admission(running, "queued"), 0)
            cluster.wait_for(lambda: not self.admission(running, "overloaded"), 20, "the overload is over")
            self.assertTrue(running.search("word0")["coverage"]["complete"])

    def test_the_work_for_a_client_that_has_gone_stops(self):
        index = self.make_index(docs=DOCS, shards=2)
        query = " ".join(sloppy(self.rng, 4, 20) for _ in range(2000))
        with self.up(index, "--leaves", 1) as running:
            running.wait_until_whole()
            client = subprocess.Popen([cluster.binary("canopy"), "search", "--target", running.root, "--timeout", "30s", query],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=cluster.ENVIRONMENT)
            self.addCleanup(client.wait)
            self.addCleanup(client.kill)
            cluster.wait_for(lambda: self.in_flight_cost(running) > 0, 30, "the search has come")
            client.kill()
            cluster.wait_for(lambda: self.admission(running, "cancelled_running_total") == 1, 20, "the search has stopped")
            self.assertEqual(self.in_flight_cost(running), 0)


if __name__ == "__main__":
    unittest.main()
