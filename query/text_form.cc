#include "query/text_form.h"

#include <charconv>
#include <string_view>

#include "base/strings.h"
#include "query/canonical.h"
#include "query/scanner.h"

namespace canopy {
namespace {

constexpr std::string_view kEscapedAnywhere = "\\()\"^~:*?[]{}";
constexpr std::string_view kEscapedAtStart = "+-";

void AppendEscaped(char c, std::string& out) {
  out.push_back('\\');
  out.push_back(c);
}

bool IsKeyword(std::string_view word) {
  return word == "AND" || word == "OR" || word == "NOT" || word == "TO";
}

void AppendWord(std::string_view word, std::string& out) {
  for (size_t i = 0; i < word.size(); ++i) {
    const bool escape =
        kEscapedAnywhere.find(word[i]) != std::string_view::npos || WhitespaceAt(word, i) > 0 ||
        (i == 0 && (kEscapedAtStart.find(word[i]) != std::string_view::npos || IsKeyword(word)));
    if (escape) {
      AppendEscaped(word[i], out);
    } else {
      out.push_back(word[i]);
    }
  }
}

void AppendQuoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// A canonical pattern: * and ? are wildcards unless escaped.
void AppendPattern(std::string_view pattern, std::string& out) {
  std::string literal;  // characters between two wildcards
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '*' || c == '?') {
      AppendWord(literal, out);
      literal.clear();
      out.push_back(c);
    } else {
      literal.push_back(c == '\\' && i + 1 < pattern.size() ? pattern[++i] : c);
    }
  }
  AppendWord(literal, out);
}

// The shortest decimal that reads back as the same float.
void AppendFloat(float value, std::string& out) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  out.append(buffer, end);
}

void AppendField(std::string_view field, std::string& out) {
  if (field.empty()) return;
  AppendWord(field, out);
  out.push_back(':');
}

void AppendBound(bool present, std::string_view bound, std::string& out) {
  if (!present) {
    out.push_back('*');
  } else if (bound.empty()) {
    out.append("\"\"");
  } else {
    AppendWord(bound, out);
  }
}

void AppendRange(const v1::RangeQuery& range, std::string& out) {
  AppendField(range.field(), out);
  out.push_back(range.lower_exclusive() ? '{' : '[');
  AppendBound(range.has_lower(), range.lower(), out);
  out.append(" TO ");
  AppendBound(range.has_upper(), range.upper(), out);
  out.push_back(range.upper_exclusive() ? '}' : ']');
}

void AppendClause(const v1::Query& query, std::string& out);

// Every clause that is not "everything else".
bool IsComplement(const v1::BooleanQuery& boolean) {
  return boolean.must_not_size() > 0 && boolean.must_size() == 0 && boolean.should_size() == 0 &&
         boolean.filter_size() == 1 && boolean.filter(0).has_match_all();
}

void AppendGroup(const v1::BooleanQuery& boolean, std::string& out) {
  std::string_view separator = "";
  const auto append = [&](std::string_view sign, const v1::Query& clause, std::string_view suffix) {
    out.append(separator).append(sign);
    AppendClause(clause, out);
    out.append(suffix);
    separator = " ";
  };
  for (const v1::Query& clause : boolean.must()) append("+", clause, "");
  if (!IsComplement(boolean)) {
    for (const v1::Query& clause : boolean.filter()) {
      const bool has_suffix = clause.has_boost() || clause.has_constant_score();
      append(has_suffix ? "+(" : "+", clause, has_suffix ? ")^=0" : "^=0");
    }
  }
  for (const v1::Query& clause : boolean.should()) append("", clause, "");
  for (const v1::Query& clause : boolean.must_not()) append("-", clause, "");
}

// `inner` with `suffix` and a number after it.
void AppendWeighted(const v1::Query& inner, std::string_view suffix, float number,
                    std::string& out) {
  const bool nested = inner.has_boost() || inner.has_constant_score();
  if (nested) out.push_back('(');
  AppendClause(inner, out);
  if (nested) out.push_back(')');
  out.append(suffix);
  AppendFloat(number, out);
}

// A canonical node, so that a sign may stand before it and a ^ after it.
void AppendClause(const v1::Query& query, std::string& out) {
  switch (query.kind_case()) {
    case v1::Query::kTerm:
      AppendField(query.term().field(), out);
      return AppendWord(query.term().text(), out);
    case v1::Query::kPhrase:
      AppendField(query.phrase().field(), out);
      AppendQuoted(query.phrase().text(), out);
      if (query.phrase().slop() > 0) out.append(Concat("~", query.phrase().slop()));
      return;
    case v1::Query::kPrefix:
      AppendField(query.prefix().field(), out);
      AppendWord(query.prefix().prefix(), out);
      return out.push_back('*');
    case v1::Query::kWildcard:
      AppendField(query.wildcard().field(), out);
      return AppendPattern(query.wildcard().pattern(), out);
    case v1::Query::kFuzzy:
      AppendField(query.fuzzy().field(), out);
      AppendWord(query.fuzzy().text(), out);
      out.append(Concat("~", query.fuzzy().max_edits()));
      return;
    case v1::Query::kRange:
      return AppendRange(query.range(), out);
    case v1::Query::kExists:
      AppendField(query.exists().field(), out);
      return out.push_back('*');
    case v1::Query::kMatchAll:
      return static_cast<void>(out.append("*:*"));
    case v1::Query::kBoost:
      return AppendWeighted(query.boost().query(), "^", query.boost().factor(), out);
    case v1::Query::kConstantScore:
      return AppendWeighted(query.constant_score().query(), "^=", query.constant_score().score(),
                            out);
    case v1::Query::kBoolean:
      out.push_back('(');
      AppendGroup(query.boolean(), out);
      out.push_back(')');
      if (query.boolean().has_minimum_should_match()) {
        out.append(Concat("~", query.boolean().minimum_should_match()));
      }
      return;
    case v1::Query::kMatchNone:
    case v1::Query::KIND_NOT_SET:
      return static_cast<void>(out.append("()"));
  }
}

}  // namespace

std::string ToText(const v1::Query& query) {
  const v1::Query canonical = Canonical(query);
  std::string out;
  if (canonical.has_boolean() && !canonical.boolean().has_minimum_should_match()) {
    AppendGroup(canonical.boolean(), out);
  } else {
    AppendClause(canonical, out);
  }
  return out;
}

}  // namespace canopy
