#include "tests/support/naive_oracle.h"

#include <algorithm>
#include <cmath>

namespace canopy {
namespace {

// Lucene's one-byte coding of lengths keeps them exact below 40; above, four significant bits of
// the length less 24.
uint32_t RoundedLength(uint32_t length) {
  if (length < 40) return length;
  uint32_t unit = 1;
  while ((length - 24) / unit >= 16) unit *= 2;
  return 24 + (length - 24) / unit * unit;
}

FixedScore Round(float part) {
  const double scaled = static_cast<double>(part) * 16777216.0;
  const double below = std::floor(scaled);
  const double rest = scaled - below;
  const auto whole = static_cast<FixedScore>(below);
  if (rest != 0.5) return whole + (rest > 0.5 ? 1 : 0);
  return whole + whole % 2;
}

std::vector<uint32_t> PositionsOf(const std::vector<uint32_t>& text, uint32_t term) {
  std::vector<uint32_t> positions;
  for (uint32_t at = 0; at < text.size(); ++at) {
    if (text[at] == term) positions.push_back(at);
  }
  return positions;
}

float ExactFrequency(const std::vector<uint32_t>& text, const std::vector<uint32_t>& phrase) {
  float found = 0;
  for (size_t start = 0; start + phrase.size() <= text.size(); ++start) {
    found += std::equal(phrase.begin(), phrase.end(), text.begin() + start) ? 1 : 0;
  }
  return found;
}

// One word of a phrase on its way through the text.
struct Walker {
  std::vector<uint32_t> positions;
  size_t at = 0;
  int64_t offset = 0;  // of the word in the phrase
  int64_t Place(size_t i) const { return int64_t{positions[i]} - offset; }
  int64_t Place() const { return Place(at); }
  bool HasNext() const { return at + 1 < positions.size(); }
};

bool UsesAPositionTwice(const std::vector<Walker>& walkers) {
  std::set<uint32_t> used;
  for (const Walker& walker : walkers) {
    if (!used.insert(walker.positions[walker.at]).second) return true;
  }
  return false;
}

float SloppyFrequency(const std::vector<uint32_t>& text, const std::vector<uint32_t>& phrase,
                      uint32_t slop) {
  std::vector<Walker> walkers;
  for (size_t i = 0; i < phrase.size(); ++i) {
    walkers.push_back({PositionsOf(text, phrase[i]), 0, static_cast<int64_t>(i)});
    if (walkers.back().positions.empty()) return 0;
  }
  float frequency = 0;
  for (;;) {
    size_t first = 0;
    for (size_t i = 1; i < walkers.size(); ++i) {
      if (walkers[i].Place() < walkers[first].Place()) first = i;
    }
    Walker& walker = walkers[first];
    int64_t next = INT64_MAX, end = INT64_MIN;
    for (size_t i = 0; i < walkers.size(); ++i) {
      end = std::max(end, walkers[i].Place());
      if (i != first) next = std::min(next, walkers[i].Place());
    }
    while (walker.HasNext() && walker.Place(walker.at + 1) <= next) ++walker.at;
    const int64_t distance = end - walker.Place();
    if (distance <= int64_t{slop} && !UsesAPositionTwice(walkers)) {
      frequency += 1.0f / (1.0f + static_cast<float>(distance));
    }
    if (!walker.HasNext()) return frequency;
    ++walker.at;
  }
}

}  // namespace

float NaivePhraseFrequency(const std::vector<uint32_t>& text, const std::vector<uint32_t>& phrase,
                           uint32_t slop) {
  if (phrase.size() == 1 || slop == 0) return ExactFrequency(text, phrase);
  return SloppyFrequency(text, phrase, slop);
}

// A query with its tokens as numbers and its statistics looked up.
struct NaiveOracle::Node {
  const ShardQuery* query = nullptr;
  const Scope* scope = nullptr;  // leaves: null when there is no such field
  Text terms;
  float idf = 0;
  std::vector<Node> must, should, must_not, filter;
};

NaiveOracle::NaiveOracle(std::vector<OracleDoc> docs) : NaiveOracle(std::move(docs), Options()) {}

NaiveOracle::NaiveOracle(std::vector<OracleDoc> docs, Options options)
    : docs_(std::move(docs)), options_(std::move(options)) {
  std::set<std::string> names = {""};
  for (const OracleDoc& doc : docs_) {
    for (const auto& [name, tokens] : doc.fields) names.insert(name);
  }
  for (const std::string& name : names) scopes_[name] = MakeScope(name);
}

NaiveOracle::Scope NaiveOracle::MakeScope(const std::string& field) {
  Scope scope;
  uint64_t total_tokens = 0, docs_with_tokens = 0;
  for (const OracleDoc& doc : docs_) {
    Text text;
    for (const auto& [name, tokens] : doc.fields) {
      if (!field.empty() && name != field) continue;
      for (const std::string& token : tokens) {
        text.push_back(numbers_.try_emplace(token, numbers_.size()).first->second);
      }
    }
    for (uint32_t term : std::set<uint32_t>(text.begin(), text.end())) ++scope.df[term];
    total_tokens += text.size();
    docs_with_tokens += text.empty() ? 0 : 1;
    scope.texts.push_back(std::move(text));
  }
  // Over all fields: of all documents. Of one field: of the documents that have a token in it.
  const uint64_t docs = field.empty() ? docs_.size() : docs_with_tokens;
  scope.average_length =
      static_cast<float>(static_cast<double>(total_tokens) / static_cast<double>(docs));
  return scope;
}

NaiveOracle::Node NaiveOracle::Prepare(const ShardQuery& query) const {
  Node node;
  node.query = &query;
  if (const auto scope = scopes_.find(query.field); scope != scopes_.end()) {
    node.scope = &scope->second;
  }
  double idf = 0;
  for (const std::string& term : query.terms) {
    const auto number = numbers_.find(term);
    node.terms.push_back(number == numbers_.end() ? UINT32_MAX : number->second);
    double df = 0;
    if (node.scope != nullptr && node.scope->df.contains(node.terms.back())) {
      df = static_cast<double>(node.scope->df.at(node.terms.back()));
    }
    const auto n = static_cast<double>(docs_.size());
    idf += static_cast<float>(std::log(1 + (n - df + 0.5) / (df + 0.5)));
  }
  node.idf = static_cast<float>(idf);
  for (const ShardQuery& clause : query.must) node.must.push_back(Prepare(clause));
  for (const ShardQuery& clause : query.should) node.should.push_back(Prepare(clause));
  for (const ShardQuery& clause : query.must_not) node.must_not.push_back(Prepare(clause));
  for (const ShardQuery& clause : query.filter) node.filter.push_back(Prepare(clause));
  return node;
}

std::optional<FixedScore> NaiveOracle::EvaluateLeaf(const Node& node, DocId doc,
                                                    float boost) const {
  if (node.scope == nullptr || node.terms.empty()) return std::nullopt;
  const Text& text = node.scope->texts[doc];
  const float tf = NaivePhraseFrequency(text, node.terms, node.query->slop);
  if (tf == 0) return std::nullopt;
  const auto length = static_cast<float>(RoundedLength(static_cast<uint32_t>(text.size())));
  const float k = options_.k1 * (1 - options_.b + options_.b * length / node.scope->average_length);
  const float weight = boost * node.idf;
  return Round(weight * tf / (tf + k));
}

std::optional<FixedScore> NaiveOracle::EvaluateBoolean(const Node& node, DocId doc,
                                                       float boost) const {
  FixedScore score = 0;
  for (const Node& clause : node.must) {
    const auto part = Evaluate(clause, doc, boost);
    if (!part) return std::nullopt;
    score += *part;
  }
  for (const Node& clause : node.filter) {
    if (!Evaluate(clause, doc, boost)) return std::nullopt;
  }
  for (const Node& clause : node.must_not) {
    if (Evaluate(clause, doc, boost)) return std::nullopt;
  }
  uint32_t matched = 0;
  for (const Node& clause : node.should) {
    if (const auto part = Evaluate(clause, doc, boost)) {
      ++matched;
      score += *part;
    }
  }
  const bool optional_only = node.must.empty() && node.filter.empty();
  if (matched < node.query->minimum_should_match.value_or(optional_only ? 1 : 0)) {
    return std::nullopt;
  }
  if (optional_only && node.should.empty()) return std::nullopt;
  return score;
}

std::optional<FixedScore> NaiveOracle::Evaluate(const Node& node, DocId doc, float boost) const {
  boost *= node.query->boost;
  switch (node.query->kind) {
    case ShardQuery::Kind::kTerm:
    case ShardQuery::Kind::kPhrase:
      return EvaluateLeaf(node, doc, boost);
    case ShardQuery::Kind::kBoolean:
      return EvaluateBoolean(node, doc, boost);
    case ShardQuery::Kind::kMatchAll:
      return Round(boost);
    case ShardQuery::Kind::kMatchNone:
      return std::nullopt;
    case ShardQuery::Kind::kConstantScore:
      if (!Evaluate(node.must.at(0), doc, 1)) return std::nullopt;
      return Round(boost * node.query->constant_score);
  }
  return std::nullopt;
}

OracleAnswer NaiveOracle::Search(const ShardQuery& query, size_t k, FixedScore threshold) const {
  const Node root = Prepare(query);
  OracleAnswer answer;
  for (DocId doc = 0; doc < docs_.size(); ++doc) {
    if (options_.deleted.contains(doc)) continue;
    const auto score = Evaluate(root, doc, 1);
    if (!score) continue;
    ++answer.total;
    if (*score >= threshold) answer.hits.push_back({doc, *score});
  }
  std::sort(answer.hits.begin(), answer.hits.end(), [](const OracleHit& a, const OracleHit& b) {
    return a.score != b.score ? a.score > b.score : a.doc < b.doc;
  });
  if (answer.hits.size() > k) answer.hits.resize(k);
  return answer;
}

}  // namespace canopy
