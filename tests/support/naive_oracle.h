// What Canopy has to answer, computed the slowest and plainest way: every document is looked at,
// term by term. Shares no code with shard/ but the type of a query. Everything that searches is
// compared with it, exactly: matches, counts, order and the bits of the scores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"
#include "shard/query.h"

namespace canopy {

// A document as its analyzed text fields, in order. A field stands in it at most once.
struct OracleDoc {
  std::vector<std::pair<std::string, std::vector<std::string>>> fields;
};

struct OracleHit {
  DocId doc = 0;
  FixedScore score = 0;
  friend bool operator==(const OracleHit&, const OracleHit&) = default;
};

struct OracleAnswer {
  uint64_t total = 0;
  std::vector<OracleHit> hits;  // score descending, then document ascending
};

// The document's number is its place in `docs`. `deleted` documents match nothing, but still count
// in the statistics. Lifetime: keeps its own copies.
class NaiveOracle final {
 public:
  struct Options {
    float k1 = 1.2f;
    float b = 0.75f;
    std::set<DocId> deleted;
  };
  explicit NaiveOracle(std::vector<OracleDoc> docs);
  NaiveOracle(std::vector<OracleDoc> docs, Options options);

  // At most k hits that score at least `threshold`.
  OracleAnswer Search(const ShardQuery& query, size_t k, FixedScore threshold = 0) const;

  const std::vector<OracleDoc>& docs() const { return docs_; }

 private:
  using Text =
      std::vector<uint32_t>;  // tokens as numbers, so that a large corpus is compared quickly

  // The tokens that a leaf of a query sees: those of all fields, or of one.
  struct Scope {
    std::vector<Text> texts;  // by document
    std::map<uint32_t, uint64_t> df;
    float average_length = 0;
  };
  struct Node;

  Scope MakeScope(const std::string& field);
  Node Prepare(const ShardQuery& query) const;
  // The score, or nothing when the document does not match.
  std::optional<FixedScore> Evaluate(const Node& node, DocId doc, float boost) const;
  std::optional<FixedScore> EvaluateLeaf(const Node& node, DocId doc, float boost) const;
  std::optional<FixedScore> EvaluateBoolean(const Node& node, DocId doc, float boost) const;

  std::vector<OracleDoc> docs_;
  Options options_;
  std::map<std::string, uint32_t> numbers_;  // of tokens
  std::map<std::string, Scope> scopes_;      // by field name; "" for all fields
};

// The frequency of a phrase in a text: occurrences, or with slop the sum of 1 / (1 + distance).
// Stated here a second time, from the definition in shard/phrase_matcher.h.
float NaivePhraseFrequency(const std::vector<uint32_t>& text, const std::vector<uint32_t>& phrase,
                           uint32_t slop);

}  // namespace canopy
