#include "shard/flat_query.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/status.h"
#include "shard/query_scope.h"

namespace canopy {
namespace {

struct Clause {
  const ShardQuery* term;
  float boost;
  bool scored;
};

// Takes a query apart into terms, as far as its shape allows.
class Flattener final {
 public:
  // False: the query has another shape.
  bool Flatten(const ShardQuery& root) {
    return Require(root, 1, /*scored=*/true) && Size() <= kMaxFlatTerms;
  }

  std::vector<Clause> required, optional, excluded;
  bool needs_optional = false;
  bool matches_nothing = false;

 private:
  size_t Size() const { return required.size() + optional.size() + excluded.size(); }

  static bool IsTerm(const ShardQuery& query) {
    return (query.kind == ShardQuery::Kind::kTerm || query.kind == ShardQuery::Kind::kPhrase) &&
           query.terms.size() == 1;
  }
  static bool IsUnion(const ShardQuery& query) {
    return query.kind == ShardQuery::Kind::kBoolean && query.must.empty() && query.filter.empty() &&
           query.must_not.empty() && !query.should.empty() &&
           query.minimum_should_match.value_or(1) == 1;
  }

  bool Require(const ShardQuery& query, float boost, bool scored) {
    boost *= query.boost;
    if (Size() > kMaxFlatTerms) return false;
    if (IsTerm(query)) {
      required.push_back({&query, boost, scored});
      return true;
    }
    switch (query.kind) {
      case ShardQuery::Kind::kBoolean:
        return RequireBoolean(query, boost, scored);
      case ShardQuery::Kind::kMatchAll:
        return !scored;
      case ShardQuery::Kind::kMatchNone:
        matches_nothing = true;
        return true;
      case ShardQuery::Kind::kConstantScore:
        return !scored && Require(query.must[0], boost, scored);
      default:
        return false;
    }
  }

  // `boost` includes the query's own.
  bool RequireBoolean(const ShardQuery& query, float boost, bool scored) {
    const bool unset_needs_one = query.must.empty() && query.filter.empty();
    if (unset_needs_one && query.should.empty()) {
      matches_nothing = true;
      return true;
    }
    for (const ShardQuery& clause : query.must) {
      if (!Require(clause, boost, scored)) return false;
    }
    for (const ShardQuery& clause : query.filter) {
      if (!Require(clause, boost, /*scored=*/false)) return false;
    }
    for (const ShardQuery& clause : query.must_not) {
      if (!Exclude(clause)) return false;
    }
    const uint32_t needed = query.minimum_should_match.value_or(unset_needs_one ? 1 : 0);
    return AddShould(query, boost, scored, needed);
  }

  bool AddShould(const ShardQuery& query, float boost, bool scored, uint32_t needed) {
    if (needed == 0 && (query.should.empty() || !scored)) return true;
    // One group of optional terms is all there is room for, and its terms are scored.
    if (needed > 1 || query.should.empty() || !scored || !optional.empty() || needs_optional) {
      return false;
    }
    needs_optional = needed == 1;
    for (const ShardQuery& clause : query.should) {
      if (!AddOptional(clause, boost)) return false;
    }
    return true;
  }

  bool AddOptional(const ShardQuery& query, float boost) {
    boost *= query.boost;
    if (optional.size() > kMaxFlatTerms) return false;
    if (IsTerm(query)) {
      optional.push_back({&query, boost, true});
      return true;
    }
    if (query.kind == ShardQuery::Kind::kMatchNone) return true;
    if (!IsUnion(query)) return false;
    for (const ShardQuery& clause : query.should) {
      if (!AddOptional(clause, boost)) return false;
    }
    return true;
  }

  bool Exclude(const ShardQuery& query) {
    if (excluded.size() > kMaxFlatTerms) return false;
    if (IsTerm(query)) {
      excluded.push_back({&query, 0, false});
      return true;
    }
    if (query.kind == ShardQuery::Kind::kMatchNone) return true;
    if (!IsUnion(query)) return false;
    for (const ShardQuery& clause : query.should) {
      if (!Exclude(clause)) return false;
    }
    return true;
  }
};

// Looks the terms of a flattened query up.
class Resolver final {
 public:
  Resolver(const ShardFile& shard, FlatQuery& flat) : shard_(shard), flat_(flat) {}

  // False: not a flat query after all (another scope, a weight too small).
  absl::StatusOr<bool> Resolve(const Flattener& parts) {
    flat_.matches_nothing = parts.matches_nothing;
    flat_.needs_optional = parts.needs_optional;
    if (flat_.matches_nothing) return true;
    RETURN_IF_ERROR(FindTerms(parts));
    ASSIGN_OR_RETURN(bool fits, Append(parts.required, /*must_exist=*/true));
    if (!fits || flat_.matches_nothing) return fits;
    flat_.num_required = flat_.terms.size();
    ASSIGN_OR_RETURN(fits, Append(parts.optional, /*must_exist=*/false));
    if (!fits) return false;
    flat_.num_optional = flat_.terms.size() - flat_.num_required;
    if (flat_.needs_optional && flat_.num_optional == 0) {
      flat_.matches_nothing = true;
      return true;
    }
    if (!flat_.needs_optional && !HasScoredRequired()) return false;
    ASSIGN_OR_RETURN(fits, Append(parts.excluded, /*must_exist=*/false));
    return fits;
  }

 private:
  bool HasScoredRequired() const {
    for (const FlatTerm& term : flat_.required()) {
      if (term.weight > 0) return true;
    }
    return false;
  }

  absl::Status FindTerms(const Flattener& parts) {
    std::vector<std::string_view> terms;
    terms.reserve(flat_.terms.capacity());
    for (const std::vector<Clause>* clauses : {&parts.required, &parts.optional, &parts.excluded}) {
      for (const Clause& clause : *clauses) terms.push_back(clause.term->terms[0]);
    }
    infos_.resize(terms.size());
    return shard_.FindTerms(terms, absl::MakeSpan(infos_));
  }

  // Takes the next ones of `infos_`.
  absl::StatusOr<bool> Append(const std::vector<Clause>& clauses, bool must_exist) {
    for (const Clause& clause : clauses) {
      const ShardQuery& query = *clause.term;
      const std::optional<TermInfo>& info = infos_[next_++];
      // Only whole documents: a field's postings are the same only when there is no other field.
      if (!query.field.empty() && shard_.has_field_spans()) return false;
      if (!info) {
        if (!must_exist) continue;
        flat_.matches_nothing = true;
        return true;
      }
      FlatTerm term;
      if (clause.scored) {
        const float average = ScopeAverageLength(shard_.stats(), query.field);
        if (flat_.average_length != 0 && flat_.average_length != average) return false;
        flat_.average_length = average;
        term.weight = clause.boost * Idf(shard_.stats().docs, info->global_df);
        if (!(term.weight >= kMinFlatWeight)) return false;
      }
      ASSIGN_OR_RETURN(term.postings, shard_.Postings(*info));
      flat_.terms.push_back(std::move(term));
    }
    return true;
  }

  const ShardFile& shard_;
  FlatQuery& flat_;
  std::vector<std::optional<TermInfo>> infos_;  // of all clauses, in the order of Append()
  size_t next_ = 0;
};

}  // namespace

const ContainerView* FindContainer(const PostingList& postings, uint32_t chunk) {
  const absl::Span<const ContainerView> all = postings.containers();
  // Nearly always there is a container for every chunk.
  if (chunk < all.size() && all[chunk].chunk == chunk) return &all[chunk];
  const auto found = std::lower_bound(
      all.begin(), all.end(), chunk,
      [](const ContainerView& container, uint32_t wanted) { return container.chunk < wanted; });
  return found != all.end() && found->chunk == chunk ? &*found : nullptr;
}

absl::StatusOr<std::optional<FlatQuery>> MakeFlatQuery(const ShardFile& shard,
                                                       const ShardQuery& query) {
  Flattener parts;
  if (!parts.Flatten(query)) return std::optional<FlatQuery>();
  std::optional<FlatQuery> flat(std::in_place);
  flat->terms.reserve(parts.required.size() + parts.optional.size() + parts.excluded.size());
  ASSIGN_OR_RETURN(const bool fits, Resolver(shard, *flat).Resolve(parts));
  if (!fits) return std::optional<FlatQuery>();
  return flat;
}

}  // namespace canopy
