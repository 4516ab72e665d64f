"""A new generation takes over while queries run."""

import os
import signal
import unittest

import cluster


class GenerationFlipTest(cluster.ClusterTest):
    def flip_under_load(self, *flags):
        index = self.make_index(docs=2000, shards=4)
        old = cluster.in_process(index, self.path("queries.txt"), 10)
        cluster.Corpus(2600, seed=cluster.SEED + 1).write(self.path("newer.jsonl"))
        with self.up(index, "--leaves", 2, *flags) as running:
            running.wait_until_whole()
            with cluster.Load(running, self.path("queries.txt"), 60, 40) as load:
                self.assertEqual(cluster.build(self.path("newer.jsonl"), index, 4)["generation"], 2)
                new = cluster.in_process(index, self.path("queries.txt"), 10)
                running.process.send_signal(signal.SIGHUP)
                seen = self.watch(running, {1: old, 2: new})
                self.assertTrue(load.running(), "the load ended before the flip")
                load.stop_sending()
            self.assertEqual(seen, sorted(seen), "a root never goes back")
            self.assertEqual(seen[-1], 2)
            self.assert_all_answered(load)
            self.assertEqual(running.status()["collection"]["generation"], 2)

    def watch(self, running, expected, until=2):
        """Asks until generation `until` has answered ten times; every answer is wholly of the generation that it names."""
        queries = [query for query in self.queries() if query in expected[1] and query in expected[2]]
        seen = []

        def flipped():
            query = queries[len(seen) % len(queries)]
            response = running.search(query)
            seen.append(response["generation"])
            self.assert_same_answer(response, expected[response["generation"]][query],
                                    f"{query} from generation {response['generation']}")
            return seen.count(until) >= 10
        cluster.wait_for(flipped, 8, f"answers of generation {until}")
        return seen

    def test_with_two_replicas_no_query_fails(self):
        self.flip_under_load("--replicas", 2)

    def test_with_one_replica_no_query_fails(self):
        self.flip_under_load("--replicas", 1)

    def test_back_to_the_generation_before_no_query_fails(self):
        index = self.make_index(docs=2000, shards=4)
        expected = {1: cluster.in_process(index, self.path("queries.txt"), 10)}
        cluster.Corpus(2600, seed=cluster.SEED + 1).write(self.path("newer.jsonl"))
        with self.up(index, "--leaves", 2, "--replicas", 2, "--leaf-flag=--keep-previous=10s") as running:
            running.wait_until_whole()
            with cluster.Load(running, self.path("queries.txt"), 60, 90) as load:
                cluster.build(self.path("newer.jsonl"), index, 4)
                expected[2] = cluster.in_process(index, self.path("queries.txt"), 10)
                running.process.send_signal(signal.SIGHUP)
                self.watch(running, expected)
                with open(f"{index}/CURRENT.new", "w") as current:
                    current.write("gen-000001\n")
                os.replace(f"{index}/CURRENT.new", f"{index}/CURRENT")
                running.process.send_signal(signal.SIGHUP)
                seen = self.watch(running, expected, until=1)
                self.assertEqual(seen, sorted(seen, reverse=True), "a root goes back once")
                # Until after the leaves have dropped the newer one.
                last = running.status()["queries_total"] + 60 * 11
                cluster.wait_for(lambda: running.status()["queries_total"] > last, 60, "eleven seconds of queries")
                self.assertTrue(load.running(), "the load ended before the rollback")
                load.stop_sending()
            self.assert_all_answered(load)
            self.assertEqual(running.status()["collection"]["generation"], 1)

    def test_a_damaged_generation_is_refused_and_the_old_one_goes_on(self):
        index = self.make_index(docs=500, shards=2)
        with self.up(index) as running:
            before = running.search("word0")
            cluster.Corpus(700, seed=7).write(self.path("newer.jsonl"))
            cluster.build(self.path("newer.jsonl"), index, 2)
            with open(f"{index}/gen-000002/shard-0001-of-0002.canopy", "r+b") as shard:
                shard.seek(5000)
                byte = shard.read(1)
                shard.seek(5000)
                shard.write(bytes([byte[0] ^ 0x40]))
            lines = len(running.log)
            running.process.send_signal(signal.SIGHUP)
            cluster.wait_for(lambda: any("shard-0001-of-0002.canopy" in line for line in running.log[lines:]), 10,
                             "the damaged file is named")
            after = running.search("word0")
            self.assertEqual(after["generation"], 1)
            self.assertEqual(after["hits"], before["hits"])
            self.assertTrue(running.status()["serving"])


if __name__ == "__main__":
    unittest.main()
