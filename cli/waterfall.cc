#include "cli/waterfall.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "cli/json_output.h"
#include "rpc/ledger_parts.h"

namespace canopy {
namespace {

constexpr int kMaxAttempts = 64;  // that are all shown: 16 shards asked twice and fetched twice
constexpr size_t kSlowest = 20;   // of more
constexpr size_t kMaxShardsText = 12;
constexpr size_t kMaxAddressText = 24;
constexpr size_t kMinAddressText = 8;
constexpr size_t kMinBar = 10;
constexpr std::string_view kGap = "  ";

struct Fills {
  std::string_view wire, queue, execution;
};
Fills FillsOf(const TerminalShape& shape) {
  return shape.unicode ? Fills{"─", "░", "█"} : Fills{"-", ".", "#"};
}

std::string Cut(std::string_view text, size_t max, bool unicode) {
  if (unicode || CountCodePoints(text) <= max) return Shorten(text, max);
  const std::string shortened = Shorten(text, max - 2);  // its ellipsis becomes three dots
  return absl::StrReplaceAll(shortened, {{"…", "..."}});
}

// The end of an address tells most: the port.
std::string KeepEnd(std::string_view text, size_t max, bool unicode) {
  const size_t points = CountCodePoints(text);
  if (points <= max) return std::string(text);
  const std::string_view dots = unicode ? "…" : "...";
  for (size_t skip = points - max + CountCodePoints(dots); skip > 0; --skip) {
    text.remove_prefix(1);
    while (!text.empty() && CountCodePoints(text.substr(0, 1)) == 0) text.remove_prefix(1);
  }
  return Concat(dots, text);
}

std::string Pad(std::string text, size_t width) {
  const size_t points = CountCodePoints(text);
  if (points < width) text.append(width - points, ' ');
  return text;
}

// Pieces of time one after another, drawn over `cells` cells that stand for 0 to `total_us`.
class Bar final {
 public:
  Bar(uint64_t from_us, uint64_t total_us, size_t cells)
      : from_us_(from_us),
        end_us_(from_us),
        cell_us_(static_cast<double>(total_us) / static_cast<double>(cells)),
        cells_(cells) {}

  void Add(uint64_t us, std::string_view fill) {
    if (us == 0) return;
    pieces_.push_back({end_us_, us, fill});
    end_us_ += us;
  }

  // A cell shows the piece in its middle. What is too short for any middle has one cell all the
  // same.
  std::string Draw() const {
    if (pieces_.empty()) return std::string(cells_, ' ');
    std::string out;
    bool any = false;
    for (size_t cell = 0; cell < cells_; ++cell) {
      const std::string_view fill = FillAt((static_cast<double>(cell) + 0.5) * cell_us_);
      any |= !fill.empty();
      out += fill.empty() ? " " : fill;
    }
    return any ? out : DrawDot();
  }

 private:
  struct Piece {
    uint64_t from_us, us;
    std::string_view fill;
  };

  std::string_view FillAt(double us) const {
    for (const Piece& piece : pieces_) {
      const auto from = static_cast<double>(piece.from_us);
      if (us >= from && us < from + static_cast<double>(piece.us)) return piece.fill;
    }
    return "";
  }

  std::string DrawDot() const {
    const auto longest = std::max_element(
        pieces_.begin(), pieces_.end(), [](const Piece& a, const Piece& b) { return a.us < b.us; });
    const auto at = static_cast<size_t>(static_cast<double>(from_us_) / cell_us_);
    std::string out(std::min(at, cells_ - 1), ' ');
    out += longest->fill;
    return Pad(std::move(out), cells_);
  }

  const uint64_t from_us_;
  uint64_t end_us_;
  const double cell_us_;
  const size_t cells_;
  std::vector<Piece> pieces_;
};

// "0-3,7" for 0, 1, 2, 3, 7.
std::string ShardsText(const google::protobuf::RepeatedField<uint32_t>& shards) {
  std::string out;
  for (int i = 0; i < shards.size();) {
    int last = i;
    while (last + 1 < shards.size() && shards[last + 1] == shards[last] + 1) ++last;
    out += Concat(out.empty() ? "" : ",", shards[i]);
    if (last > i) out += Concat(last > i + 1 ? "-" : ",", shards[last]);
    i = last + 1;
  }
  return out;
}

std::string DrawAttempt(const v1::Attempt& attempt, uint64_t total_us, size_t cells,
                        const Fills& fills) {
  // The leaf's figures are of another clock: never more than the whole call.
  const uint64_t queue = std::min(attempt.queue_us(), attempt.duration_us());
  const uint64_t execution = std::min(attempt.execution_us(), attempt.duration_us() - queue);
  const uint64_t wire = attempt.duration_us() - queue - execution;
  Bar bar(attempt.sent_us(), total_us, cells);
  bar.Add(wire / 2, fills.wire);
  bar.Add(queue, fills.queue);
  bar.Add(execution, fills.execution);
  bar.Add(wire - wire / 2, fills.wire);
  return bar.Draw();
}

// Reasons by number, in the order of their first appearance.
class Notes final {
 public:
  // " [2]"; empty for an empty reason.
  std::string Refer(const std::string& reason) {
    const std::string text = CleanText(reason);
    if (text.empty()) return "";
    const auto [at, is_new] = numbers_.emplace(text, texts_.size() + 1);
    if (is_new) texts_.push_back(text);
    return Concat(" [", at->second, "]");
  }
  std::string ToString() const {
    std::string out;
    for (size_t i = 0; i < texts_.size(); ++i) out += Concat("  [", i + 1, "] ", texts_[i], "\n");
    return out;
  }

 private:
  std::map<std::string, size_t> numbers_;
  std::vector<std::string> texts_;
};

// Columns before and after the bar.
struct Row {
  const v1::Attempt* attempt;
  std::string who;
  std::string outcome;
};

struct Layout {
  std::vector<Row> rows;
  Notes notes;
  size_t who = 0, address = 0, outcome = 0;  // widest
  uint64_t total_us = 1;

  size_t taken() const { return who + outcome + 2; }  // two: the edges of the bar
};

std::vector<const v1::Attempt*> ChooseAttempts(const v1::SearchResponse& response) {
  std::vector<const v1::Attempt*> chosen;
  for (const v1::Attempt& attempt : response.attempts()) chosen.push_back(&attempt);
  if (response.attempts_size() <= kMaxAttempts) return chosen;
  std::nth_element(chosen.begin(), chosen.begin() + kSlowest, chosen.end(),
                   [](const v1::Attempt* a, const v1::Attempt* b) {
                     return std::pair(b->duration_us(), a) < std::pair(a->duration_us(), b);
                   });
  chosen.resize(kSlowest);
  std::sort(chosen.begin(), chosen.end(), [](const v1::Attempt* a, const v1::Attempt* b) {
    return std::pair(a->sent_us(), a) < std::pair(b->sent_us(), b);
  });
  return chosen;
}

// "  and 412 more, none longer than 1.20 ms: 400 won, 12 cancelled".
std::string TheRest(const v1::SearchResponse& response,
                    const std::vector<const v1::Attempt*>& shown) {
  std::map<std::string, int> outcomes;
  uint64_t longest_us = 0;
  for (const v1::Attempt& attempt : response.attempts()) {
    if (std::find(shown.begin(), shown.end(), &attempt) != shown.end()) continue;
    ++outcomes[AttemptOutcomeName(attempt.outcome())];
    longest_us = std::max(longest_us, attempt.duration_us());
  }
  if (outcomes.empty()) return "";
  return Concat("  and ", response.attempts_size() - static_cast<int>(shown.size()),
                " more, none longer than ", HumanMicroseconds(longest_us), ": ",
                absl::StrJoin(outcomes, ", ",
                              [](std::string* out, const auto& outcome) {
                                *out += Concat(outcome.second, " ", outcome.first);
                              }),
                "\n");
}

// The lines without their bars, addresses cut to `max_address`.
Layout MakeLayout(const std::vector<const v1::Attempt*>& attempts, size_t max_address,
                  bool unicode) {
  Layout layout;
  size_t shards_width = 0, kind_width = 0;
  const auto shards = [unicode](const v1::Attempt& attempt) {
    return Cut(ShardsText(attempt.shards()), kMaxShardsText, unicode);
  };
  const auto address = [&](const v1::Attempt& attempt) {
    return KeepEnd(CleanText(attempt.address()), max_address, unicode);
  };
  for (const v1::Attempt* attempt : attempts) {
    shards_width = std::max(shards_width, CountCodePoints(shards(*attempt)));
    layout.address = std::max(layout.address, CountCodePoints(address(*attempt)));
    kind_width = std::max(kind_width, AttemptKindName(attempt->kind()).size());
  }
  for (const v1::Attempt* attempt : attempts) {
    const std::string took = HumanMicroseconds(attempt->duration_us());
    Row row{.attempt = attempt,
            .who = Concat(kGap, Pad(shards(*attempt), shards_width), kGap, "r", attempt->replica(),
                          " ", Pad(address(*attempt), layout.address), kGap,
                          Pad(AttemptKindName(attempt->kind()), kind_width), " "),
            .outcome =
                Concat(absl::StrFormat(" %9s", took), kGap, AttemptOutcomeName(attempt->outcome()),
                       layout.notes.Refer(attempt->reason()))};
    layout.who = std::max(layout.who, CountCodePoints(row.who));
    layout.outcome = std::max(layout.outcome, CountCodePoints(row.outcome));
    layout.total_us = std::max(layout.total_us, attempt->sent_us() + attempt->duration_us());
    layout.rows.push_back(std::move(row));
  }
  return layout;
}

// The layout whose lines, with the least bar, fit into the width.
Layout FitLayout(const std::vector<const v1::Attempt*>& attempts, const TerminalShape& shape) {
  Layout layout = MakeLayout(attempts, kMaxAddressText, shape.unicode);
  const size_t least = layout.taken() + kMinBar;
  if (least <= shape.width) return layout;
  const size_t excess = std::min(layout.address, least - shape.width);
  return MakeLayout(attempts, std::max(kMinAddressText, layout.address - excess), shape.unicode);
}

}  // namespace

std::string AttemptsWaterfall(const v1::SearchResponse& response, const TerminalShape& shape) {
  const std::vector<const v1::Attempt*> shown = ChooseAttempts(response);
  const Layout layout = FitLayout(shown, shape);
  const size_t cells = std::max(kMinBar, shape.width - std::min(shape.width, layout.taken()));
  const Fills fills = FillsOf(shape);
  std::string out =
      Concat("attempts by shards, 0 to ", HumanMicroseconds(layout.total_us), ": ", fills.wire,
             " wire ", fills.queue, " queue ", fills.execution, " execution\n");
  for (const Row& row : layout.rows) {
    out += Concat(row.who, "|", DrawAttempt(*row.attempt, layout.total_us, cells, fills), "|",
                  row.outcome, "\n");
  }
  return Concat(out, TheRest(response, shown), layout.notes.ToString());
}

std::string LedgerBars(const v1::Ledger& ledger, const TerminalShape& shape) {
  constexpr size_t kNameWidth = 16, kFiguresWidth = 20, kMaxCells = 60;
  const size_t taken = 2 * kGap.size() + kNameWidth + kFiguresWidth;
  const size_t cells = std::clamp(shape.width - std::min(shape.width, taken), kMinBar, kMaxCells);
  const uint64_t total_us = std::max<uint64_t>(1, ledger.total_us());
  std::string out =
      Concat("where the time went, of ", HumanMicroseconds(ledger.total_us()), " in all\n");
  uint64_t from_us = 0;
  for (const LedgerPart& part : LedgerParts(ledger)) {
    if (part.us == 0) continue;
    Bar bar(from_us, total_us, cells);
    bar.Add(part.us, FillsOf(shape).execution);
    std::string name(part.name);
    std::replace(name.begin(), name.end(), '_', ' ');
    std::string line = absl::StrFormat(
        "  %s %9s %6.1f %%  ", Pad(std::move(name), kNameWidth), HumanMicroseconds(part.us),
        100.0 * static_cast<double>(part.us) / static_cast<double>(total_us));
    line += bar.Draw();
    line.erase(line.find_last_not_of(' ') + 1);
    out += Concat(line, "\n");
    from_us += part.us;
  }
  return out;
}

}  // namespace canopy
