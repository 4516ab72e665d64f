#include "cli/human_output.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "cli/json_output.h"
#include "cli/snippet.h"
#include "cli/text_table.h"
#include "cli/waterfall.h"

namespace canopy {
namespace {

constexpr size_t kTitleCodePoints = 100;
constexpr std::string_view kIndent = "    ";

const v1::Field* FindField(const v1::Hit& hit, std::string_view name) {
  const auto found = std::find_if(hit.fields().begin(), hit.fields().end(),
                                  [&](const v1::Field& field) { return field.name() == name; });
  return found == hit.fields().end() ? nullptr : &*found;
}

// The field that names a document, or null when it has none with something in it.
const v1::Field* TitleField(const v1::Hit& hit) {
  for (const std::string_view name : {"title", "name", "summary", "path"}) {
    const v1::Field* const field = FindField(hit, name);
    if (field != nullptr && !CleanText(field->value()).empty()) return field;
  }
  return nullptr;
}

// A field and the passage of it that shows most of the query.
struct Passage {
  const v1::Field* field = nullptr;
  Snippet snippet;
};

bool ShowsMore(const Passage& a, const Passage& b) {
  const auto rank = [](const Passage& passage) {
    return std::tuple(passage.snippet.distinct_terms, passage.snippet.occurrences,
                      passage.field->value().size());
  };
  return b.field == nullptr || rank(a) > rank(b);
}

// Of all fields but the title the passage that shows the most different terms, then the most
// occurrences, then that of the longest field; its beginning when none shows any.
std::string BestSnippet(const v1::Hit& hit, const v1::Field* title,
                        const absl::flat_hash_set<std::string>& terms,
                        const HumanSearchOptions& options) {
  Passage best;
  for (const v1::Field& field : hit.fields()) {
    if (&field == title || options.analyzer == nullptr) continue;
    Passage passage{&field, MakeSnippet(field.value(), terms, *options.analyzer, options.markup)};
    if (ShowsMore(passage, best)) best = std::move(passage);
  }
  return best.snippet.text;
}

std::string HitText(const v1::Hit& hit, size_t number,
                    const absl::flat_hash_set<std::string>& terms,
                    const HumanSearchOptions& options) {
  const v1::Field* const title = TitleField(hit);
  const std::string id = CleanText(hit.id());
  std::string out = absl::StrFormat("%2d. ", number);
  out += title == nullptr ? id : Shorten(CleanText(title->value()), kTitleCodePoints);
  out += absl::StrFormat("\n%sid %s, doc %d, score %.4f\n", kIndent.data(), id, hit.doc(),
                         hit.score());
  const std::string snippet = BestSnippet(hit, title, terms, options);
  if (!snippet.empty()) out += Concat(kIndent, snippet, "\n");
  return out + "\n";
}

std::string Matches(const v1::Total& total) {
  return Concat(total.relation() == v1::Total::GTE ? "at least " : "", WithThousands(total.value()),
                total.value() == 1 ? " match" : " matches");
}

// The root's time and the command's, which has the connection in it.
std::string Times(const v1::SearchResponse& response, uint64_t client_us) {
  return Concat(HumanMicroseconds(response.ledger().total_us()), ", ", HumanMicroseconds(client_us),
                " with the connection");
}

// Empty when the answer covers everything.
std::string WhatIsMissing(const v1::SearchResponse& response) {
  const v1::Coverage& coverage = response.coverage();
  if (coverage.complete()) return "";
  const double share = coverage.docs_total() == 0
                           ? 0
                           : 100.0 * static_cast<double>(coverage.docs_covered()) /
                                 static_cast<double>(coverage.docs_total());
  std::string out = absl::StrFormat(
      "INCOMPLETE: %d of %d shards, %s of %s documents (%.1f %%)%s\n", coverage.shards_complete(),
      coverage.shards_total(), WithThousands(coverage.docs_covered()),
      WithThousands(coverage.docs_total()), share, response.timed_out() ? ", timed out" : "");
  if (response.top_k_exact()) out += "  the hits are those of the whole index all the same\n";
  for (const v1::ShardCoverage& shard : coverage.shards()) {
    if (shard.state() == v1::SHARD_STATE_COMPLETE) continue;
    out += Concat("  shard ", shard.shard(), " ", ShardStateName(shard.state()), ": ",
                  CleanText(shard.reason()), "\n");
  }
  return out;
}

// Why the replica cannot be asked, or goes on with an older generation than it was told to take.
std::string ErrorOf(const v1::ReplicaStatus& replica) {
  return CleanText(replica.error().empty() ? replica.leaf().reload_error() : replica.error());
}

std::string StateOf(const v1::ReplicaStatus& replica) {
  if (!replica.reachable()) return "unreachable";
  if (replica.leaf().draining()) return "draining";
  return replica.leaf().ready() ? "ready" : "loading";
}

}  // namespace

std::string HumanSearch(const v1::SearchResponse& response, const HumanSearchOptions& options) {
  const absl::flat_hash_set<std::string> terms(response.highlight_terms().begin(),
                                               response.highlight_terms().end());
  std::string out;
  size_t number = options.offset;
  for (const v1::Hit& hit : response.hits()) out += HitText(hit, ++number, terms, options);
  out += Concat(
      Matches(response.total()), " in ", Times(response, options.client_us), " (generation ",
      response.generation(), ")\n",
      response.unranked() ? "not ranked: in document order (the root scatters by term)\n" : "",
      WhatIsMissing(response));
  if (options.trace) {
    out += Concat("\n", AttemptsWaterfall(response, options.shape), "\n",
                  LedgerBars(response.ledger(), options.shape));
  }
  return out;
}

std::string HumanCount(const v1::SearchResponse& response, uint64_t client_us) {
  return Concat(Matches(response.total()), " in ", Times(response, client_us), "\n",
                WhatIsMissing(response));
}

std::string HumanStatus(const v1::ClusterStatus& status) {
  const v1::CollectionInfo& collection = status.collection();
  std::string out = Concat(
      "serving      ", status.serving() ? "yes" : "NO: not every shard has a replica that is ready",
      "\ngeneration   ", collection.generation(), "\ndocuments    ",
      WithThousands(collection.docs_total()), " in ", collection.num_shards(),
      " shards\nanalyzer     ", CleanText(collection.analyzer()), "\nfields       ",
      CleanText(absl::StrJoin(collection.fields(), ", ")), "\nqueries      ",
      WithThousands(status.queries_total()), ", failed ",
      WithThousands(status.queries_failed_total()), ", partial ",
      WithThousands(status.queries_partial_total()), "\nleaf calls   ",
      WithThousands(status.primary_calls_total()), " primary, ",
      WithThousands(status.retry_calls_total()), " retries, ",
      WithThousands(status.hedge_calls_total()), " hedges (", CleanText(status.hedges().mode()),
      "), ", WithThousands(status.hedges().won_total()), " of them first\nup           ",
      absl::FormatDuration(absl::Trunc(absl::Microseconds(static_cast<int64_t>(status.uptime_us())),
                                       absl::Seconds(1))),
      ", version ", CleanText(status.version()), "\n\n");
  TextTable table({">replica", "shards", "address", "state", ">generation", ">searches",
                   ">cancelled", ">rejected", "error"});
  for (const v1::ReplicaStatus& replica : status.replicas()) {
    const v1::LeafStatus& leaf = replica.leaf();
    table.AddRow({absl::StrCat(replica.replica()), absl::StrJoin(replica.shards(), ","),
                  CleanText(replica.address()), StateOf(replica),
                  absl::StrCat(leaf.collection().generation()),
                  WithThousands(leaf.searches_total()),
                  WithThousands(leaf.searches_cancelled_total()),
                  WithThousands(leaf.searches_rejected_total()), ErrorOf(replica)});
  }
  return out + table.ToString();
}

}  // namespace canopy
