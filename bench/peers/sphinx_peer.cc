// Sphinx beside `canopy game`: the documents as its indexer reads them, and the game over the MySQL
// protocol of a searchd.
//
//   sphinx_peer prepare CORPUS FILE SHARDS          FILE.0 .. FILE.(SHARDS - 1): number + 1, tab,
//   text sphinx_peer query QUERIES WARMUP PASSES PORT INDEX
//
// COUNT asks with ranker=none, and for the number of matches in the same round trip (SHOW META);
// TOP_10 with ranker=bm25; TOP_10_COUNT for both. Sphinx scores every match, so the last two are
// the same work.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>

#include "game_peer.h"

namespace {

using Row = std::vector<std::string>;
using ResultSet = std::vector<Row>;

// As much of MySQL's client protocol as a searchd speaks.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      Fail(std::string("sphinx_peer: connect: ") + strerror(errno));
    }
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    LogIn();
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The result sets of statements that are separated by semicolons.
  std::vector<ResultSet> Ask(const std::string& statements) {
    Send(0, std::string(1, kQueryCommand) + statements);
    std::vector<ResultSet> sets;
    for (bool more = true; more;) {
      const std::string header = Receive();
      if (Kind(header) == kError) Fail(header.substr(3) + "\n  " + statements);
      if (Kind(header) == kOk) break;
      // As many columns as it says, and their end.
      for (int i = 0; i <= Kind(header); ++i) Receive();
      more = ReceiveRows(sets.emplace_back());
    }
    return sets;
  }

 private:
  static constexpr char kQueryCommand = 3;
  static constexpr int kOk = 0, kEnd = 0xfe, kError = 0xff;
  static constexpr int kMoreResults = 8;  // in the flags of an end

  static int Kind(const std::string& packet) { return static_cast<unsigned char>(packet.at(0)); }

  void LogIn() {
    Receive();  // greeting
    std::string body;
    const auto add = [&](uint32_t value) {
      body.append(reinterpret_cast<const char*>(&value), sizeof(value));
    };
    // Protocol 4.1, secure connection, long passwords, several statements and results.
    add(0x200 | 0x8000 | 1 | 0x10000 | 0x20000);
    add(1 << 24);                   // longest packet
    body += static_cast<char>(33);  // UTF-8
    body.append(23, '\0');
    body.append("peer", 5);  // user, with the 0 that ends it
    body += '\0';            // no password
    Send(1, body);
    const std::string answer = Receive();
    if (Kind(answer) == kError) Fail("sphinx_peer: log in: " + answer.substr(3));
  }

  void Send(int sequence, const std::string& body) {
    std::string packet;
    for (const size_t shift : {0, 8, 16}) packet += static_cast<char>(body.size() >> shift);
    packet += static_cast<char>(sequence);
    packet += body;
    if (write(fd_, packet.data(), packet.size()) != static_cast<ssize_t>(packet.size())) {
      Fail("sphinx_peer: cannot write");
    }
  }

  std::string Receive() {
    Fill(4);
    const auto* const header = reinterpret_cast<const unsigned char*>(buffer_.data()) + at_;
    const size_t size = header[0] | header[1] << 8 | header[2] << 16;
    at_ += 4;
    Fill(size);
    std::string packet = buffer_.substr(at_, size);
    at_ += size;
    if (at_ == buffer_.size()) {
      buffer_.clear();
      at_ = 0;
    }
    return packet;
  }

  // Reads until `size` bytes are there.
  void Fill(size_t size) {
    char bytes[65536];
    while (buffer_.size() - at_ < size) {
      const ssize_t got = read(fd_, bytes, sizeof(bytes));
      if (got <= 0) Fail("sphinx_peer: the connection is gone");
      buffer_.append(bytes, static_cast<size_t>(got));
    }
  }

  // True when another result set follows.
  bool ReceiveRows(ResultSet& rows) {
    while (true) {
      const std::string packet = Receive();
      if (Kind(packet) == kError) Fail("sphinx_peer: " + packet.substr(3));
      if (Kind(packet) == kEnd && packet.size() < 9) return (packet.at(3) & kMoreResults) != 0;
      rows.push_back(ParseRow(packet));
    }
  }

  // Values with their length before them, below 251 in one byte, else in two after a 252.
  static Row ParseRow(const std::string& packet) {
    Row row;
    for (size_t at = 0; at < packet.size();) {
      size_t size = static_cast<unsigned char>(packet[at++]);
      if (size == 252) {
        size = static_cast<unsigned char>(packet.at(at)) |
               static_cast<unsigned char>(packet.at(at + 1)) << 8;
        at += 2;
      } else if (size == 251) {
        size = 0;  // NULL
      }
      row.push_back(packet.substr(at, size));
      at += size;
    }
    return row;
  }

  const int fd_;
  std::string buffer_;
  size_t at_ = 0;
};

void Prepare(const std::string& corpus, const std::string& path, unsigned shards) {
  std::vector<std::ofstream> files;
  for (unsigned shard = 0; shard < shards; ++shard) {
    files.emplace_back(path + "." + std::to_string(shard));
  }
  ForEachDocument(corpus, {}, [&](unsigned number, std::string text) {
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < 32 || c == '\\' || c == '"') c = ' ';
    }
    files[number % shards] << number + 1 << '\t' << text << '\n';
  });
  for (std::ofstream& file : files) {
    file.close();
    if (!file) Fail("cannot write " + path);
  }
}

std::string MatchExpression(const Query& query) {
  std::string expression;
  for (const std::string& term : query.terms) {
    if (!expression.empty()) expression += query.kind == "union" ? " | " : " ";
    expression += term;
  }
  return query.kind == "phrase" ? "\"" + expression + "\"" : expression;
}

long Answer(Connection& connection, const std::string& index, const std::string& command,
            const Query& query) {
  const bool top = command != "COUNT";
  const std::string size = top ? "10" : "1";
  std::string statements = "SELECT id FROM " + index + " WHERE MATCH('" + MatchExpression(query) +
                           "') LIMIT " + size + " OPTION ranker=" + (top ? "bm25" : "none") +
                           ", max_matches=" + size;
  if (command != "TOP_10") statements += "; SHOW META";
  const std::vector<ResultSet> sets = connection.Ask(statements);
  if (command == "TOP_10") return static_cast<long>(sets.at(0).size());
  for (const Row& row : sets.at(1)) {
    if (row.size() == 2 && row[0] == "total_found") return std::stol(row[1]);
  }
  Fail("sphinx_peer: no total_found for " + query.line);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 4 && arguments[0] == "prepare") {
    Prepare(arguments[1], arguments[2], static_cast<unsigned>(std::stoul(arguments[3])));
  } else if (arguments.size() == 6 && arguments[0] == "query") {
    const std::vector<Query> queries = ReadQueries(arguments[1]);
    const Protocol protocol = {.warmup = std::stoi(arguments[2]),
                               .passes = std::stoi(arguments[3])};
    Connection connection(std::stoi(arguments[4]));
    for (const char* const command : {"COUNT", "TOP_10", "TOP_10_COUNT"}) {
      Play(command, queries, protocol,
           [&](const Query& query) { return Answer(connection, arguments[5], command, query); });
    }
  } else {
    Fail("usage: sphinx_peer prepare CORPUS FILE SHARDS | query QUERIES WARMUP PASSES PORT INDEX");
  }
}
