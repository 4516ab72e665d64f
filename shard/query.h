// A query as a shard executes it: terms are analyzed bytes, weights are what the caller asked for.
// The leaf makes it from the proto tree, tests and `canopy game` make it directly.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace canopy {

// What each kind matches and scores:
//   kTerm          documents with the term (with a field: inside that field); one BM25 part.
//   kPhrase        documents with all terms at consecutive positions, or, with slop, with an
//   alignment of distance at
//                  most `slop` (see phrase_matcher.h); one BM25 part with tf = occurrences (slop:
//                  the sum of 1 / (1 + distance)) and idf = the sum of the terms' idfs. One term:
//                  as kTerm. No term: nothing.
//   kBoolean       see below; the scores of must and of the matching should clauses are added up.
//   kMatchAll      every document, scored 1 (times boosts).
//   kMatchNone     nothing.
//   kConstantScore what must[0] matches, scored constant_score (times boosts).
struct ShardQuery {
  enum class Kind { kTerm, kPhrase, kBoolean, kMatchAll, kMatchNone, kConstantScore };

  Kind kind = Kind::kMatchNone;
  std::string field;               // kTerm, kPhrase: empty means all text fields together
  std::vector<std::string> terms;  // kTerm: one; kPhrase: one or more, in order
  uint32_t slop = 0;               // kPhrase
  float boost = 1;                 // multiplies this node's scores, and those below it
  float constant_score = 0;        // kConstantScore: what each match of must[0] scores
  // kBoolean. must and filter: all match; must_not: none; should: at least minimum_should_match.
  // With nothing but must_not it matches nothing.
  std::vector<ShardQuery> must, should, must_not, filter;
  std::optional<uint32_t>
      minimum_should_match;  // unset: 1 when there is neither must nor filter, else 0

  static ShardQuery Term(std::string term, std::string field = "");
  static ShardQuery Phrase(std::vector<std::string> terms, uint32_t slop = 0,
                           std::string field = "");
  static ShardQuery AnyOf(std::vector<ShardQuery> should);
  static ShardQuery AllOf(std::vector<ShardQuery> must);
  static ShardQuery MatchAll();
  static ShardQuery ConstantScore(ShardQuery inner, float score);
};

}  // namespace canopy
