"""Searches through real processes: what they answer, and that it is what one process answers."""

import json
import re
import unittest

import cluster


class SearchTest(cluster.ClusterTest):
    def test_answers_are_those_of_one_process_however_the_corpus_is_cut(self):
        expected = None
        for shards, flags in ((1, []), (2, ["--replicas", 2]), (4, ["--leaves", 2])):
            index = self.make_index(shards=shards, name=f"index-{shards}")
            answers = cluster.in_process(index, self.path("queries.txt"), 10)
            expected = expected or answers
            self.assertEqual(answers, expected, f"{shards} shards")
            with self.up(index, *flags) as running:
                for query in self.queries():
                    what = f"{query}, {shards} shards"
                    self.assert_same_answer(running.search(query), expected[query], what)
                    self.assertEqual(running.count(query)["count"], expected[query][0], what)

    def test_a_hit_has_its_id_and_fields(self):
        index = self.make_index(docs=300)
        with open(self.path("index.jsonl")) as file:
            docs = [json.loads(line) for line in file]
        with self.up(index) as running:
            for hit in running.search("green")["hits"]:
                doc = docs[hit["doc"]]
                self.assertEqual(hit["id"], doc["id"])
                self.assertEqual(hit["fields"], {"title": doc["title"], "body": doc["body"]})
            only_title = running.search("green", "--fields", "title")["hits"][0]
            self.assertEqual(list(only_title["fields"]), ["title"])

    def test_pages_of_hits_fit_together(self):
        index = self.make_index()
        with self.up(index) as running:
            whole = running.search("word0", "--size", 30)["hits"]
            self.assertEqual(len(whole), 30)
            second = running.search("word0", "--size", 10, "--offset", 10)["hits"]
            self.assertEqual(second, whole[10:20])

    def test_a_trace_names_every_shard_and_the_ledger_adds_up(self):
        index = self.make_index()
        with self.up(index, "--leaves", 2, "--replicas", 2) as running:
            response = running.search("word0 word1", "--trace")
        answered = [shard for attempt in response["attempts"] if attempt["outcome"] == "won"
                    for shard in attempt["shards"]]
        self.assertEqual(sorted(set(answered)), [0, 1, 2, 3])
        ledger = dict(response["ledger"])
        total = ledger.pop("total_us")
        self.assertEqual(sum(ledger.values()), total)
        self.assertEqual(response["took_us"], total)

    def test_the_ready_line_has_every_process_and_no_ambassador(self):
        index = self.make_index(docs=300)
        with self.up(index, "--leaves", 2) as running:
            for key in ("http", "grpc", "ambassador_pid"):
                self.assertIsNone(running.ready[key])
            self.assertEqual((running.ready["ready"], running.ready["generation"]), (True, 1))
            self.assertEqual([leaf["shards"] for leaf in running.ready["leaves"]], [[0, 2], [1, 3]])
            self.assertTrue(all(cluster.is_alive(pid) for pid in running.pids()))

    def test_status_lists_the_collection_and_every_replica(self):
        index = self.make_index(docs=500)
        with self.up(index, "--leaves", 2, "--replicas", 2) as running:
            running.wait_until_whole()
            running.search("word0")
            status = running.status()
        self.assertTrue(status["serving"])
        self.assertEqual(status["collection"]["docs"], 500)
        self.assertEqual(status["collection"]["shards"], 4)
        self.assertEqual(status["collection"]["generation"], 1)
        self.assertEqual(status["collection"]["analyzer"], "ascii")
        self.assertEqual(status["collection"]["fields"], ["title", "body"])
        self.assertEqual(sorted((replica["replica"], tuple(replica["shards"])) for replica in status["replicas"]),
                         [(0, (0, 2)), (0, (1, 3)), (1, (0, 2)), (1, (1, 3))])
        self.assertGreaterEqual(status["queries_total"], 1)

    def test_people_get_numbered_hits_with_marked_terms(self):
        index = self.make_index(docs=300)
        with self.up(index) as running:
            done = cluster.run("canopy", "search", "--target", running.root, "--timeout", "20s", '"green leaf"', "--size", 3)
            self.assertEqual(done.returncode, 0, done.stderr)
            first_hit = re.compile(r"^ 1\. word\d+ .*\n    id doc-\d+, doc \d+, score \d", re.MULTILINE)
            self.assertRegex(done.stdout, first_hit)
            self.assertIn("**green** **leaf**", done.stdout)
            self.assertRegex(done.stdout, r"43 matches in [\d.]+ (us|ms|s), [\d.]+ (us|ms|s) with the connection \(generation 1\)")
            counted = cluster.run("canopy", "count", "--target", running.root, "--timeout", "20s", '"green leaf"')
            self.assertRegex(counted.stdout, r"^43 matches in ")
            status = cluster.run("canopy", "status", "--target", running.root)
            self.assertRegex(status.stdout, r"serving +yes")

    def test_a_load_is_measured(self):
        index = self.make_index()
        with self.up(index, "--replicas", 2) as running:
            with cluster.Load(running, self.path("queries.txt"), 100, 2, "--arrivals", "fixed") as load:
                pass
        report = load.report
        self.assertEqual((report["sent"], report["ok"], report["errors"], report["partial"]), (200, 200, {}, 0))
        self.assertGreater(report["p50_us"], 0)
        self.assertLessEqual(report["p50_us"], report["p99_us"])
        self.assertLessEqual(report["p999_us"], report["max_us"] * 1.01)
        self.assertGreater(report["achieved_qps"], 50)
        self.assertGreaterEqual(report["primary_calls"], 200)
        self.assertEqual(report["extra_load"], (report["hedges"] + report["retries"]) / report["primary_calls"])


class GameTest(cluster.ClusterTest):
    def game(self, index, *flags):
        done = cluster.run("canopy", "game", "--index", index, "--queries", self.path("queries.txt"), "--warmup", 0,
                           "--passes", 1, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def test_pruned_and_exhaustive_searches_agree(self):
        for shards in (1, 3):
            index = self.make_index(shards=shards, name=f"index-{shards}")
            pruned = cluster.in_process(index, self.path("queries.txt"), 25)
            exhaustive = cluster.in_process(index, self.path("queries.txt"), 25, "--strategy", "exhaustive")
            self.assertEqual(pruned, exhaustive)
            rows = [row[:3] + row[5:] for row in self.game(index)]
            self.assertEqual(rows, [row[:3] + row[5:] for row in self.game(index, "--strategy", "exhaustive")])
            self.assertEqual(len(rows), 3 * len(self.queries()))

    def test_counts_are_those_of_the_documents(self):
        index = self.make_index()
        with open(self.path("index.jsonl")) as file:
            texts = [(doc["title"] + " " + doc["body"]).split() for doc in map(json.loads, file)]
        counts = {row[5]: int(row[2]) for row in self.game(index, "--commands", "COUNT")}
        for query in self.queries():
            terms = re.findall(r"[a-z0-9]+", query)
            if query.startswith('"'):
                matches = sum(1 for text in texts if f" {' '.join(terms)} " in f" {' '.join(text)} ")
            elif query.startswith("+"):
                matches = sum(1 for text in texts if set(terms) <= set(text))
            else:
                matches = sum(1 for text in texts if set(terms) & set(text))
            self.assertEqual(counts[query], matches, query)


if __name__ == "__main__":
    unittest.main()
