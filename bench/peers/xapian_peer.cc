// Xapian beside `canopy game`: an index of the same documents, and the game over a remote database.
//
//   xapian_peer build CORPUS DIR SHARDS SHARD       one shard, in Xapian's glass format
//   xapian_peer query QUERIES WARMUP PASSES HOST:PORT...   over servers (xapian-tcpsrv) of all
//   shards
//
// COUNT asks without weights, for the exact number; TOP_10 for the ten best by BM25 with the
// parameters that Canopy has; TOP_10_COUNT for both. Xapian gets the statistics of the whole
// collection by a round trip of its own to every shard.
#include <xapian.h>

#include "game_peer.h"

namespace {

// Xapian's own limit for a term is 245 bytes.
constexpr size_t kMaxTermBytes = 240;

void Build(const std::string& corpus, const std::string& directory, const Part& part) {
  Xapian::WritableDatabase database(directory,
                                    Xapian::DB_CREATE_OR_OVERWRITE | Xapian::DB_BACKEND_GLASS);
  ForEachDocument(corpus, part, [&](unsigned, const std::string& text) {
    Xapian::Document document;
    Xapian::termpos position = 0;
    ForEachTerm(text, [&](const std::string& term) {
      ++position;
      if (term.size() <= kMaxTermBytes) document.add_posting(term, position);
    });
    database.add_document(document);
  });
  database.commit();
}

Xapian::Query MakeQuery(const Query& query) {
  const bool is_phrase = query.kind == "phrase";
  const auto operation = query.kind == "union" ? Xapian::Query::OP_OR
                         : is_phrase           ? Xapian::Query::OP_PHRASE
                                               : Xapian::Query::OP_AND;
  return Xapian::Query(operation, query.terms.begin(), query.terms.end(),
                       is_phrase ? query.terms.size() : 0);
}

class Player {
 public:
  explicit Player(const Xapian::Database& database)
      : database_(database), docs_(database.get_doccount()) {}

  long Count(const Query& query) const {
    Xapian::Enquire enquire(database_);
    enquire.set_weighting_scheme(Xapian::BoolWeight());
    enquire.set_query(MakeQuery(query));
    return enquire.get_mset(0, 0, docs_).get_matches_estimated();
  }

  // `exact`: the number of matches, else that of the hits.
  long Top10(const Query& query, bool exact) const {
    Xapian::Enquire enquire(database_);
    enquire.set_weighting_scheme(Xapian::BM25Weight(1.2, 0, 0, 0.75, 0));
    enquire.set_query(MakeQuery(query));
    const Xapian::MSet hits = enquire.get_mset(0, 10, exact ? docs_ : 0);
    long sum = 0;  // of the documents' numbers: they have arrived
    for (auto hit = hits.begin(); hit != hits.end(); ++hit) sum += *hit;
    if (sum == 0) return 0;
    return exact ? hits.get_matches_estimated() : hits.size();
  }

 private:
  const Xapian::Database& database_;
  const Xapian::doccount docs_;
};

void PlayGame(const std::string& queries_path, const Protocol& protocol,
              const std::vector<std::string>& servers) {
  const std::vector<Query> queries = ReadQueries(queries_path);
  Xapian::Database database;
  for (const std::string& server : servers) {
    const size_t colon = server.find(':');
    database.add_database(Xapian::Remote::open(
        server.substr(0, colon), static_cast<unsigned>(std::stoul(server.substr(colon + 1)))));
  }
  const Player player(database);
  Play("COUNT", queries, protocol, [&](const Query& query) { return player.Count(query); });
  Play("TOP_10", queries, protocol, [&](const Query& query) { return player.Top10(query, false); });
  Play("TOP_10_COUNT", queries, protocol,
       [&](const Query& query) { return player.Top10(query, true); });
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 5 && arguments[0] == "build") {
    Build(arguments[1], arguments[2],
          {.shards = static_cast<unsigned>(std::stoul(arguments[3])),
           .shard = static_cast<unsigned>(std::stoul(arguments[4]))});
  } else if (arguments.size() >= 5 && arguments[0] == "query") {
    PlayGame(arguments[1], {.warmup = std::stoi(arguments[2]), .passes = std::stoi(arguments[3])},
             {arguments.begin() + 4, arguments.end()});
  } else {
    Fail(
        "usage: xapian_peer build CORPUS DIR SHARDS SHARD | "
        "query QUERIES WARMUP PASSES HOST:PORT...");
  }
  return 0;
} catch (const Xapian::Error& error) {
  Fail("xapian_peer: " + error.get_description());
}
