// Exact counts by reading every document of a corpus for every query: what `canopy game` and its
// peers must agree with. Shares no code with them.
//
//   oracle CORPUS QUERIES > counts.tsv
//
// CORPUS is JSON Lines; the string values but "id", one after the other, are a document's text; a
// term is a maximal run of ASCII letters and digits, in lower case. Prints what `canopy game
// --commands COUNT` prints, with times of 0.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

constexpr int kOtherTerm = -1;  // of a document, in no query

// Calls `term` for every term of `text`.
template <typename F>
void ForEachTerm(const std::string& text, F&& term) {
  std::string current;
  const auto flush = [&] {
    if (!current.empty()) term(current);
    current.clear();
  };
  for (const char c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      current.push_back(c);
    } else if (c >= 'A' && c <= 'Z') {
      current.push_back(static_cast<char>(c - 'A' + 'a'));
    } else {
      flush();
    }
  }
  flush();
}

struct Query {
  std::string line;
  std::string kind;
  std::vector<int> terms;
  long count = 0;
};

class Oracle {
 public:
  void AddQuery(const std::string& line) {
    Query query;
    query.line = line;
    ForEachTerm(line, [&](const std::string& term) {
      const int number =
          numbers_.try_emplace(term, static_cast<int>(numbers_.size())).first->second;
      query.terms.push_back(number);
    });
    query.kind = line[0] == '+'            ? "intersection"
                 : line[0] == '"'          ? "phrase"
                 : query.terms.size() == 1 ? "term"
                                           : "union";
    queries_by_term_.resize(numbers_.size());
    for (const int term : query.terms) {
      std::vector<size_t>& users = queries_by_term_[term];
      if (users.empty() || users.back() != queries_.size()) users.push_back(queries_.size());
    }
    queries_.push_back(std::move(query));
  }

  void AddDocument(const std::string& text) {
    std::vector<int> sequence;  // the document as numbers of terms
    std::vector<char> present(numbers_.size());
    ForEachTerm(text, [&](const std::string& term) {
      const auto found = numbers_.find(term);
      sequence.push_back(found == numbers_.end() ? kOtherTerm : found->second);
      if (sequence.back() != kOtherTerm) present[sequence.back()] = 1;
    });
    std::vector<size_t> candidates;
    for (size_t term = 0; term < present.size(); ++term) {
      if (!present[term]) continue;
      candidates.insert(candidates.end(), queries_by_term_[term].begin(),
                        queries_by_term_[term].end());
    }
    std::sort(candidates.begin(), candidates.end());
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    for (const size_t candidate : candidates) {
      queries_[candidate].count += Matches(queries_[candidate], sequence, present);
    }
  }

  void Print() const {
    for (const Query& query : queries_) {
      std::printf("COUNT\t%s\t%ld\t0\t0\t%s\n", query.kind.c_str(), query.count,
                  query.line.c_str());
    }
  }

 private:
  // REQUIRES: the document has at least one of the query's terms.
  static bool Matches(const Query& query, const std::vector<int>& sequence,
                      const std::vector<char>& present) {
    if (query.kind == "union" || query.kind == "term") return true;
    const bool has_all = std::all_of(query.terms.begin(), query.terms.end(),
                                     [&](int term) { return present[term] != 0; });
    if (!has_all || query.kind == "intersection") return has_all;
    return std::search(sequence.begin(), sequence.end(), query.terms.begin(), query.terms.end()) !=
           sequence.end();
  }

  std::unordered_map<std::string, int> numbers_;  // of the terms of all queries
  std::vector<std::vector<size_t>> queries_by_term_;
  std::vector<Query> queries_;
};

std::string TextOf(const std::string& line) {
  std::string text;
  const auto document = nlohmann::ordered_json::parse(line);
  for (const auto& [name, value] : document.items()) {
    if (name == "id" || !value.is_string()) continue;
    text += value.get_ref<const std::string&>();
    text += '\n';
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: oracle CORPUS QUERIES\n");
    return 2;
  }
  std::ifstream corpus(argv[1]), queries(argv[2]);
  if (!corpus || !queries) {
    std::fprintf(stderr, "oracle: cannot read %s\n", !corpus ? argv[1] : argv[2]);
    return 1;
  }
  Oracle oracle;
  std::string line;
  while (std::getline(queries, line)) {
    if (!line.empty()) oracle.AddQuery(line);
  }
  while (std::getline(corpus, line)) oracle.AddDocument(TextOf(line));
  oracle.Print();
}
