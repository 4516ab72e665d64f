#include "root/analyze_query.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "query/canonical.h"
#include "query/limits.h"

namespace canopy {
namespace {

using Clauses = google::protobuf::RepeatedPtrField<v1::Query>;

constexpr size_t kFieldsInMessage = 20;

bool IsComplement(const v1::BooleanQuery& boolean) {
  return boolean.must_not_size() > 0 && boolean.must_size() + boolean.should_size() == 0 &&
         std::all_of(boolean.filter().begin(), boolean.filter().end(),
                     [](const v1::Query& filter) { return filter.has_match_all(); });
}

// One query's way through the analyzer. Every step returns nullopt for "no term".
class QueryAnalysis final {
 public:
  using Result = absl::StatusOr<std::optional<v1::Query>>;

  QueryAnalysis(Analyzer& analyzer, absl::Span<const std::string> fields)
      : analyzer_(analyzer), fields_(fields) {}

  Result Analyze(const v1::Query& query) {
    switch (query.kind_case()) {
      case v1::Query::kTerm:
        return AnalyzeText(query.term().field(), query.term().text(), 0);
      case v1::Query::kPhrase:
        return AnalyzeText(query.phrase().field(), query.phrase().text(), query.phrase().slop());
      case v1::Query::kBoolean:
        return AnalyzeBoolean(query.boolean());
      case v1::Query::kBoost:
        return AnalyzeBoost(query.boost());
      case v1::Query::kConstantScore:
        return AnalyzeConstantScore(query.constant_score());
      default:
        return query;  // match_all, match_none
    }
  }

  std::vector<std::string> TakeHighlightTerms() { return std::move(highlight_terms_); }

 private:
  Result AnalyzeText(const std::string& field, const std::string& text, uint32_t slop) {
    if (!field.empty()) RETURN_IF_ERROR(CheckField(field, fields_));
    std::vector<std::string> terms;
    analyzer_.Analyze(text, [&](std::string_view term) {
      if (++terms_ <= kMaxQueryClauses)
        terms.emplace_back(term);  // beyond it they are only counted
    });
    if (terms_ > kMaxQueryClauses) {
      return absl::InvalidArgumentError(Concat("query has ", terms_,
                                               " terms after analysis, more than the limit of ",
                                               kMaxQueryClauses, " (query clauses)"));
    }
    if (terms.empty()) return std::nullopt;
    Highlight(terms);
    v1::Query query;
    if (terms.size() == 1) {
      query.mutable_term()->set_field(field);
      query.mutable_term()->set_text(std::move(terms[0]));
    } else {
      query.mutable_phrase()->set_field(field);
      query.mutable_phrase()->set_slop(slop);
      for (std::string& term : terms) query.mutable_phrase()->add_terms(std::move(term));
    }
    return query;
  }

  void Highlight(const std::vector<std::string>& terms) {
    if (excluded_ > 0) return;
    for (const std::string& term : terms) {
      if (highlighted_.insert(term).second) highlight_terms_.push_back(term);
    }
  }

  absl::Status AnalyzeAll(const Clauses& clauses, Clauses& analyzed) {
    for (const v1::Query& clause : clauses) {
      ASSIGN_OR_RETURN(std::optional<v1::Query> result, Analyze(clause));
      if (result) *analyzed.Add() = *std::move(result);
    }
    return absl::OkStatus();
  }

  Result AnalyzeBoolean(const v1::BooleanQuery& boolean) {
    v1::BooleanQuery left;
    RETURN_IF_ERROR(AnalyzeAll(boolean.must(), *left.mutable_must()));
    RETURN_IF_ERROR(AnalyzeAll(boolean.should(), *left.mutable_should()));
    RETURN_IF_ERROR(AnalyzeAll(boolean.filter(), *left.mutable_filter()));
    ++excluded_;
    RETURN_IF_ERROR(AnalyzeAll(boolean.must_not(), *left.mutable_must_not()));
    --excluded_;
    const int clauses =
        left.must_size() + left.should_size() + left.filter_size() + left.must_not_size();
    // "Everything but" nothing is left out as a whole, as the text it came from.
    if (clauses == 0 || (IsComplement(boolean) && left.must_not_size() == 0)) return std::nullopt;
    const uint32_t should = left.should_size();
    if (boolean.has_minimum_should_match() && should > 0) {
      left.set_minimum_should_match(std::min(boolean.minimum_should_match(), should));
    }
    const bool required = left.must_size() + left.filter_size() > 0;
    if (left.minimum_should_match() == 0 && !required) left.clear_minimum_should_match();
    return CanonicalBoolean(std::move(left));
  }

  Result AnalyzeBoost(const v1::BoostQuery& boost) {
    ASSIGN_OR_RETURN(std::optional<v1::Query> inner, Analyze(boost.query()));
    if (!inner) return std::nullopt;
    return CanonicalBoost(*std::move(inner), boost.factor());
  }

  Result AnalyzeConstantScore(const v1::ConstantScoreQuery& constant) {
    ASSIGN_OR_RETURN(std::optional<v1::Query> inner, Analyze(constant.query()));
    if (!inner) return std::nullopt;
    return CanonicalConstantScore(*std::move(inner), constant.score());
  }

  Analyzer& analyzer_;
  const absl::Span<const std::string> fields_;
  size_t terms_ = 0;
  int excluded_ = 0;  // must_not lists that we are in
  std::vector<std::string> highlight_terms_;
  std::set<std::string> highlighted_;
};

}  // namespace

absl::Status CheckField(const std::string& field, absl::Span<const std::string> fields) {
  if (std::find(fields.begin(), fields.end(), field) != fields.end()) return absl::OkStatus();
  std::string known;
  for (size_t i = 0; i < std::min(fields.size(), kFieldsInMessage); ++i) {
    known += Concat(i == 0 ? "" : ", ", fields[i]);
  }
  if (fields.size() > kFieldsInMessage) {
    known += Concat(" and ", fields.size() - kFieldsInMessage, " more");
  }
  return absl::InvalidArgumentError(
      Concat("unknown field \"", field, "\", the collection has ", known));
}

absl::StatusOr<AnalyzedQuery> AnalyzeQuery(const v1::Query& query, Analyzer& analyzer,
                                           absl::Span<const std::string> fields) {
  QueryAnalysis analysis(analyzer, fields);
  ASSIGN_OR_RETURN(std::optional<v1::Query> analyzed, analysis.Analyze(query));
  AnalyzedQuery result;
  if (analyzed) {
    result.query = *std::move(analyzed);
  } else {
    result.query.mutable_match_none();
  }
  result.highlight_terms = analysis.TakeHighlightTerms();
  return result;
}

}  // namespace canopy
