// A corpus of plain documents as real shards on disk, and searches over all of them merged, for
// comparing with NaiveOracle.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "shard/query.h"
#include "shard/shard_file.h"
#include "shard/shard_searcher.h"
#include "shard/term_bounds.h"
#include "tests/support/naive_oracle.h"
#include "tests/support/temp_dir.h"

namespace canopy {

class SearchIndex final {
 public:
  // Fails the test if the shards cannot be written.
  SearchIndex(const std::vector<OracleDoc>& docs, uint32_t num_shards,
              const std::set<DocId>& deleted = {});
  SearchIndex(const std::vector<OracleDoc>& docs, uint32_t num_shards,
              const NaiveOracle::Options& options);

  // The answers of all shards merged. With TotalMode::kExact the total must be said to be exact.
  OracleAnswer Search(const ShardQuery& query, const SearchOptions& options) const;
  const ShardFile& shard(ShardId shard) const { return *shards_[shard]; }
  const TermBounds& term_bounds() const { return *term_bounds_; }
  uint32_t num_shards() const { return static_cast<uint32_t>(shards_.size()); }

 private:
  TempDir directory_;
  std::vector<std::unique_ptr<ShardFile>> shards_;
  std::unique_ptr<TermBounds> term_bounds_;
};

struct RandomCorpusOptions {
  size_t docs = 1000;
  size_t vocabulary = 200;
  double mean_tokens = 5;
  std::vector<std::string> fields = {"title", "body"};
  double copies = 0.3;       // share of documents that repeat an earlier one
  double long_docs = 0.002;  // share of documents of 1,000 tokens, some terms above 255 times
};

// Words are "w0", "w1", ..., w0 the most frequent (Zipf).
std::vector<OracleDoc> RandomCorpus(std::mt19937& random, const RandomCorpusOptions& options);

struct RandomQueryOptions {
  size_t vocabulary = 200;
  std::vector<std::string> fields;  // that leaves may name; empty: none does
  int depth = 3;
};

// Any kind of query, with boosts, phrases, slops, missing words and nesting.
ShardQuery RandomQuery(std::mt19937& random, const RandomQueryOptions& options);
// A word of the vocabulary, frequent ones more often; sometimes one that no document has.
std::string RandomWord(std::mt19937& random, size_t vocabulary);

std::string Describe(const ShardQuery& query);

// The index answers as the oracle does: with both strategies, counting and not, for several k and
// thresholds. They hold the same documents.
void ExpectAnswersOf(const NaiveOracle& oracle, const SearchIndex& index, const ShardQuery& query);

}  // namespace canopy
