// Recursive descent over the grammar of docs/query_language.md, one function a rule:
//
//   query   = group
//   group   = item { [ "OR" ] item }
//   item    = clause { "AND" clause }
//   clause  = [ "+" | "-" | "NOT" ] primary [ "^" [ "=" ] number ]
//   primary = [ field ":" ] ( word | quoted | range | "(" group ")" ) [ "~" integer ]
#include "query/parser.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "query/canonical.h"
#include "query/limits.h"
#include "query/scanner.h"
#include "query/validate.h"

namespace canopy {
namespace {

enum class Sign { kNone, kRequired, kExcluded };

struct SignedQuery {
  Sign sign = Sign::kNone;
  v1::Query query;
};

// An item of a group, and whether OR stands before it.
struct Item {
  SignedQuery clause;
  bool after_or = false;
};

v1::Query Complement(v1::Query query) {
  v1::BooleanQuery everything_else;
  *everything_else.add_must_not() = std::move(query);
  everything_else.add_filter()->mutable_match_all();
  return CanonicalBoolean(std::move(everything_else));
}

// Only must_not: means everything else.
void CompleteNegative(v1::BooleanQuery& boolean) {
  if (boolean.must_not_size() > 0 && boolean.must_size() + boolean.should_size() == 0) {
    boolean.add_filter()->mutable_match_all();
  }
}

class Parser final {
 public:
  explicit Parser(std::string_view text) : in_(text) {}

  absl::StatusOr<v1::Query> Parse();

 private:
  absl::StatusOr<v1::BooleanQuery> ParseGroup(std::string_view field);
  absl::StatusOr<SignedQuery> ParseItem(std::string_view field);
  absl::StatusOr<SignedQuery> ParseClause(std::string_view field);
  absl::StatusOr<v1::Query> ParsePrimary(std::string_view field);
  absl::StatusOr<v1::Query> ParseParentheses(std::string_view field);
  absl::StatusOr<v1::Query> ParsePhrase(std::string_view field);
  absl::StatusOr<v1::Query> ParseRange(std::string_view field);
  absl::StatusOr<std::optional<std::string>> ParseBound();
  // A word; a field's name and what it stands before.
  absl::StatusOr<v1::Query> ParseWord(std::string_view field);
  absl::StatusOr<v1::Query> ParseField(const QueryWord& name, size_t start);
  absl::StatusOr<v1::Query> WordQuery(std::string_view field, QueryWord word);
  absl::Status ParseWeights(v1::Query& query);
  absl::Status CheckClauseEnd() const;
  v1::BooleanQuery BuildGroup(std::vector<Item> items) const;

  bool AtGroupEnd() const { return in_.AtEnd() || in_.Peek() == ')'; }
  // True while the number of clauses is within its limit. Beyond it clauses are counted and
  // dropped.
  bool Keep() const { return clauses_ <= kMaxQueryClauses; }

  QueryScanner in_;
  size_t depth_ = 0;    // open parentheses
  size_t clauses_ = 0;  // leaves
};

absl::StatusOr<v1::Query> Parser::Parse() {
  in_.SkipSpace();
  if (in_.AtEnd()) return in_.Error("the query is empty, expected a word");
  ASSIGN_OR_RETURN(v1::BooleanQuery group, ParseGroup(""));
  if (!in_.AtEnd()) return in_.Error("')' without a '(' before it");
  if (!Keep()) {
    return absl::InvalidArgumentError(Concat("query has ", clauses_,
                                             " clauses, more than the limit of ", kMaxQueryClauses,
                                             " (query clauses)"));
  }
  v1::Query query = CanonicalBoolean(std::move(group));
  RETURN_IF_ERROR(CheckQuerySize(query));
  return query;
}

absl::StatusOr<v1::BooleanQuery> Parser::ParseGroup(std::string_view field) {
  std::vector<Item> items;
  in_.SkipSpace();
  while (!AtGroupEnd()) {
    Item item;
    const size_t start = in_.position();
    item.after_or = in_.TakeKeyword("OR");
    if (item.after_or) {
      if (items.empty()) return in_.ErrorAt(start, "expected a clause before OR");
      in_.SkipSpace();
      if (AtGroupEnd()) return in_.Error(Concat("expected a clause after OR, found ", in_.Found()));
    }
    ASSIGN_OR_RETURN(item.clause, ParseItem(field));
    if (Keep()) items.push_back(std::move(item));
    in_.SkipSpace();
  }
  return BuildGroup(std::move(items));
}

v1::BooleanQuery Parser::BuildGroup(std::vector<Item> items) const {
  v1::BooleanQuery boolean;
  for (size_t i = 0; i < items.size(); ++i) {
    auto& [sign, query] = items[i].clause;
    const bool beside_or = items[i].after_or || (i + 1 < items.size() && items[i + 1].after_or);
    if (sign == Sign::kRequired) {
      *boolean.add_must() = std::move(query);
    } else if (sign == Sign::kNone) {
      *boolean.add_should() = std::move(query);
    } else if (beside_or) {
      *boolean.add_should() = Complement(std::move(query));
    } else {
      *boolean.add_must_not() = std::move(query);
    }
  }
  CompleteNegative(boolean);
  return boolean;
}

absl::StatusOr<SignedQuery> Parser::ParseItem(std::string_view field) {
  ASSIGN_OR_RETURN(SignedQuery first, ParseClause(field));
  in_.SkipSpace();
  if (!in_.AtKeyword("AND")) return first;
  v1::BooleanQuery all;
  const auto add = [&](SignedQuery clause) {
    const bool excluded = clause.sign == Sign::kExcluded;
    if (Keep()) *(excluded ? all.add_must_not() : all.add_must()) = std::move(clause.query);
  };
  add(std::move(first));
  while (in_.TakeKeyword("AND")) {
    in_.SkipSpace();
    if (AtGroupEnd()) return in_.Error(Concat("expected a clause after AND, found ", in_.Found()));
    ASSIGN_OR_RETURN(SignedQuery next, ParseClause(field));
    add(std::move(next));
    in_.SkipSpace();
  }
  CompleteNegative(all);
  return SignedQuery{Sign::kNone, CanonicalBoolean(std::move(all))};
}

absl::StatusOr<SignedQuery> Parser::ParseClause(std::string_view field) {
  SignedQuery clause;
  for (std::string_view keyword : {"AND", "OR"}) {
    if (in_.AtKeyword(keyword)) return in_.Error(Concat("expected a clause before ", keyword));
  }
  std::string sign;
  if (in_.TakeKeyword("NOT")) {
    clause.sign = Sign::kExcluded;
    sign = "NOT";
    in_.SkipSpace();
  } else if (in_.Peek() == '+' || in_.Peek() == '-') {
    clause.sign = in_.Peek() == '+' ? Sign::kRequired : Sign::kExcluded;
    sign = Concat("'", std::string(1, in_.Peek()), "'");
    in_.Skip();
  }
  const bool another_sign = in_.Peek() == '+' || in_.Peek() == '-' || in_.AtKeyword("NOT") ||
                            in_.AtKeyword("AND") || in_.AtKeyword("OR");
  if (!sign.empty() && (in_.AtSpace() || in_.Peek() == ')' || another_sign)) {
    return in_.Error(Concat("expected a clause after ", sign, ", found ", in_.Found(),
                            "; a backslash before it makes it text"));
  }
  ASSIGN_OR_RETURN(clause.query, ParsePrimary(field));
  RETURN_IF_ERROR(ParseWeights(clause.query));
  return clause;
}

absl::StatusOr<v1::Query> Parser::ParsePrimary(std::string_view field) {
  switch (in_.Peek()) {
    case '(':
      return ParseParentheses(field);
    case '"':
      return ParsePhrase(field);
    case '[':
    case '{':
      return ParseRange(field);
    default:
      return ParseWord(field);
  }
}

absl::StatusOr<v1::Query> Parser::ParseParentheses(std::string_view field) {
  const size_t start = in_.position();
  in_.Skip();
  if (++depth_ > kMaxQueryDepth) {
    return in_.ErrorAt(start, Concat("parentheses nested deeper than the limit of ", kMaxQueryDepth,
                                     " (query depth)"));
  }
  ASSIGN_OR_RETURN(v1::BooleanQuery group, ParseGroup(field));
  if (!in_.Take(')')) return in_.ErrorAt(start, "expected a closing ')' for the '(' here");
  --depth_;
  const size_t tilde = in_.position();
  if (in_.Take('~')) {
    const std::optional<uint32_t> minimum = in_.TakeInteger();
    const int optional_clauses = group.should_size();
    if (Keep() &&
        (!minimum || *minimum < 1 || *minimum > static_cast<uint32_t>(optional_clauses))) {
      return in_.ErrorAt(tilde, Concat("expected '~' and a number from 1 to the ", optional_clauses,
                                       " optional clauses in the group"));
    }
    group.set_minimum_should_match(minimum.value_or(0));
  }
  return CanonicalBoolean(std::move(group));
}

absl::StatusOr<v1::Query> Parser::ParsePhrase(std::string_view field) {
  ++clauses_;
  v1::Query query;
  v1::PhraseQuery& phrase = *query.mutable_phrase();
  phrase.set_field(std::string(field));
  ASSIGN_OR_RETURN(*phrase.mutable_text(), in_.TakeQuoted());
  const size_t tilde = in_.position();
  if (in_.Take('~')) {
    const std::optional<uint32_t> slop = in_.TakeInteger();
    if (!slop || *slop > kMaxPhraseSlop) {
      return in_.ErrorAt(tilde, Concat("expected '~' and a number from 0 to ", kMaxPhraseSlop,
                                       " after the phrase"));
    }
    phrase.set_slop(*slop);
  }
  return query;
}

absl::StatusOr<v1::Query> Parser::ParseRange(std::string_view field) {
  ++clauses_;
  const size_t start = in_.position();
  v1::Query query;
  v1::RangeQuery& range = *query.mutable_range();
  range.set_field(std::string(field));
  range.set_lower_exclusive(in_.Peek() == '{');
  in_.Skip();
  ASSIGN_OR_RETURN(std::optional<std::string> lower, ParseBound());
  if (!in_.TakeKeyword("TO")) {
    return in_.Error(Concat("expected TO between the bounds of a range, found ", in_.Found(),
                            "; a backslash before '[' or '{' makes it text"));
  }
  ASSIGN_OR_RETURN(std::optional<std::string> upper, ParseBound());
  range.set_upper_exclusive(in_.Peek() == '}');
  if (!in_.Take(']') && !in_.Take('}')) {
    return in_.ErrorAt(start, "expected a closing ']' or '}' for the range that begins here");
  }
  if (lower) range.set_lower(*std::move(lower));
  if (upper) range.set_upper(*std::move(upper));
  return Canonical(std::move(query));
}

absl::StatusOr<std::optional<std::string>> Parser::ParseBound() {
  in_.SkipSpace();
  std::optional<std::string> bound;
  if (in_.Peek() == '"') {
    ASSIGN_OR_RETURN(bound, in_.TakeQuoted());
  } else {
    const size_t start = in_.position();
    ASSIGN_OR_RETURN(QueryWord word, in_.TakeWord("]}"));
    if (in_.position() == start) {
      return in_.Error(Concat("expected a bound of the range, or '*', found ", in_.Found()));
    }
    if (word.pattern != "*") {
      if (word.wildcards > 0) return in_.ErrorAt(start, "a bound of a range takes no wildcards");
      bound = std::move(word.text);
    }
  }
  in_.SkipSpace();
  return bound;
}

absl::StatusOr<v1::Query> Parser::ParseWord(std::string_view field) {
  const size_t start = in_.position();
  ASSIGN_OR_RETURN(QueryWord word, in_.TakeWord());
  if (in_.Take(':')) return ParseField(word, start);
  if (in_.position() == start) {
    return in_.Error(
        Concat("expected a word, found ", in_.Found(), "; a backslash before it makes it text"));
  }
  return WordQuery(field, std::move(word));
}

absl::StatusOr<v1::Query> Parser::ParseField(const QueryWord& name, size_t start) {
  if (name.text.empty()) return in_.ErrorAt(start, "expected a field name before ':'");
  if (name.pattern == "*" && in_.Take('*')) {
    ++clauses_;
    v1::Query all;
    all.mutable_match_all();
    return all;
  }
  if (name.wildcards > 0) return in_.ErrorAt(start, "a field name takes no wildcards (except *:*)");
  switch (in_.Peek()) {
    case '(':
    case '"':
    case '[':
    case '{':
      return ParsePrimary(name.text);
    default:
      break;
  }
  const size_t word_start = in_.position();
  ASSIGN_OR_RETURN(QueryWord word, in_.TakeWord());
  if (in_.position() == word_start) {
    return in_.Error(Concat("expected what to search for directly after '", name.text, ":', found ",
                            in_.Found(), "; a backslash before ':' makes it text"));
  }
  return WordQuery(name.text, std::move(word));
}

absl::StatusOr<v1::Query> Parser::WordQuery(std::string_view field, QueryWord word) {
  ++clauses_;
  v1::Query query;
  if (in_.Peek() == '~') {
    if (word.wildcards > 0) return in_.Error("a word with wildcards takes no '~'");
    in_.Skip();
    const size_t number = in_.position();
    const std::optional<uint32_t> edits =
        in_.AtSpace() || AtGroupEnd() || in_.Peek() == '^' ? kMaxFuzzyEdits : in_.TakeInteger();
    if (!edits || *edits < 1 || *edits > kMaxFuzzyEdits) {
      return in_.ErrorAt(
          number, Concat("expected a number of edits from 1 to ", kMaxFuzzyEdits, " after '~'"));
    }
    query.mutable_fuzzy()->set_field(std::string(field));
    query.mutable_fuzzy()->set_text(std::move(word.text));
    query.mutable_fuzzy()->set_max_edits(*edits);
  } else if (word.wildcards > 0) {
    query.mutable_wildcard()->set_field(std::string(field));
    query.mutable_wildcard()->set_pattern(std::move(word.pattern));
    query = Canonical(std::move(query));
  } else {
    query.mutable_term()->set_field(std::string(field));
    query.mutable_term()->set_text(std::move(word.text));
  }
  return query;
}

// ^2 or ^=2, at most one, and the end of the clause.
absl::Status Parser::ParseWeights(v1::Query& query) {
  if (!in_.Take('^')) return CheckClauseEnd();
  const bool constant = in_.Take('=');
  const size_t start = in_.position();
  const std::optional<float> number = in_.TakeFloat();
  if (!number || *number < 0 || *number > kMaxBoost) {
    return in_.ErrorAt(start, Concat("expected a number from 0 to ", kMaxBoost, " after '",
                                     constant ? "^=" : "^", "'"));
  }
  const float value = *number == 0 ? 0 : *number;  // not -0
  v1::Query weighted;
  if (constant) {
    *weighted.mutable_constant_score()->mutable_query() = std::move(query);
    weighted.mutable_constant_score()->set_score(value);
    query = std::move(weighted);
  } else if (value != 1) {
    *weighted.mutable_boost()->mutable_query() = std::move(query);
    weighted.mutable_boost()->set_factor(value);
    query = std::move(weighted);
  }
  return CheckClauseEnd();
}

// A clause ends before white space, a parenthesis or a quote; after a closing bracket or quote any
// other clause may follow.
absl::Status Parser::CheckClauseEnd() const {
  const std::string_view ends = "()\"";
  const std::string_view closers = ")\"]}";
  const std::string_view suffixes = "^~:";
  if (in_.AtSpace() || ends.find(in_.Peek()) != std::string_view::npos) return absl::OkStatus();
  const bool closed = closers.find(in_.Previous()) != std::string_view::npos;
  if (closed && suffixes.find(in_.Peek()) == std::string_view::npos) return absl::OkStatus();
  return in_.Error(
      Concat("expected white space, found ", in_.Found(), "; a backslash before it makes it text"));
}

}  // namespace

absl::StatusOr<v1::Query> ParseQuery(std::string_view text) {
  if (text.size() > kMaxQueryBytes) {
    return absl::InvalidArgumentError(Concat("query is ", text.size(),
                                             " bytes long, more than the limit of ", kMaxQueryBytes,
                                             " (query bytes)"));
  }
  return Parser(text).Parse();
}

}  // namespace canopy
