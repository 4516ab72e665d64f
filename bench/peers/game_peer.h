// What the drivers of other engines (xapian_peer.cc, sphinx_peer.cc) share: the documents of a
// corpus as Canopy numbers and cuts them, the queries of the search benchmark game, and its
// protocol. Shares no code with Canopy.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

[[noreturn]] inline void Fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

// A term is a maximal run of ASCII letters and digits, in lower case.
template <typename F>
void ForEachTerm(std::string_view text, F&& term) {
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

// The string values but "id" of a line of JSON, one after the other.
inline std::string TextOf(const std::string& line) {
  std::string text;
  const auto document = nlohmann::ordered_json::parse(line);
  for (const auto& [name, value] : document.items()) {
    if (name == "id" || !value.is_string()) continue;
    text += value.get_ref<const std::string&>();
    text += '\n';
  }
  return text;
}

struct Part {
  unsigned shards = 1;
  unsigned shard = 0;
};

// Calls `document` with number (from 0) and text of every document of the part: those whose number
// leaves the remainder `shard`.
template <typename F>
void ForEachDocument(const std::string& path, const Part& part, F&& document) {
  std::ifstream corpus(path);
  if (!corpus) Fail("cannot read " + path);
  std::string line;
  for (unsigned number = 0; std::getline(corpus, line); ++number) {
    if (number % part.shards == part.shard) document(number, TextOf(line));
  }
}

struct Query {
  std::string line;
  std::string kind;  // term, intersection, union, phrase
  std::vector<std::string> terms;
};

inline std::vector<Query> ReadQueries(const std::string& path) {
  std::ifstream file(path);
  if (!file) Fail("cannot read " + path);
  std::vector<Query> queries;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty()) continue;
    Query query{line, "", {}};
    ForEachTerm(line, [&](const std::string& term) { query.terms.push_back(term); });
    query.kind = line[0] == '+'            ? "intersection"
                 : line[0] == '"'          ? "phrase"
                 : query.terms.size() == 1 ? "term"
                                           : "union";
    queries.push_back(std::move(query));
  }
  return queries;
}

struct Protocol {
  int warmup = 2;
  int passes = 5;
};

// `play` answers a query and returns the number to print. A line for each query, as `canopy game`
// prints it: command, class, count, minimum and median microseconds, query.
template <typename F>
void Play(const std::string& command, const std::vector<Query>& queries, const Protocol& protocol,
          F&& play) {
  std::vector<std::vector<double>> times(queries.size());
  std::vector<long> counts(queries.size());
  for (int pass = -protocol.warmup; pass < protocol.passes; ++pass) {
    for (size_t i = 0; i < queries.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      counts[i] = play(queries[i]);
      const std::chrono::duration<double, std::micro> took =
          std::chrono::steady_clock::now() - start;
      if (pass >= 0) times[i].push_back(took.count());
    }
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    std::sort(times[i].begin(), times[i].end());
    std::printf("%s\t%s\t%ld\t%.1f\t%.1f\t%s\n", command.c_str(), queries[i].kind.c_str(),
                counts[i], times[i].front(), times[i][times[i].size() / 2],
                queries[i].line.c_str());
  }
  std::fflush(stdout);
}
