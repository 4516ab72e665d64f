#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/human_output.h"
#include "cli/json_output.h"
#include "cli/text_table.h"

namespace canopy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

v1::SearchResponse TwoHits() {
  v1::SearchResponse response;
  response.mutable_total()->set_value(1234);
  response.set_generation(7);
  response.add_highlight_terms("fox");
  for (const auto& [id, title] : {std::pair{"a1", "First"}, {"b2", "Second"}}) {
    v1::Hit& hit = *response.add_hits();
    hit.set_id(id);
    hit.set_doc(response.hits_size());
    hit.set_score(1.5 / response.hits_size());
    v1::Field& body = *hit.add_fields();
    body.set_name("body");
    body.set_value("a quick fox");
    v1::Field& name = *hit.add_fields();
    name.set_name("title");
    name.set_value(title);
  }
  v1::Coverage& coverage = *response.mutable_coverage();
  coverage.set_shards_total(2);
  coverage.set_shards_complete(2);
  coverage.set_docs_total(10);
  coverage.set_docs_covered(10);
  coverage.set_complete(true);
  for (uint32_t shard : {0u, 1u}) {
    v1::ShardCoverage& entry = *coverage.add_shards();
    entry.set_shard(shard);
    entry.set_state(v1::SHARD_STATE_COMPLETE);
    entry.set_docs_total(5);
    entry.set_docs_covered(5);
  }
  response.mutable_ledger()->set_total_us(321);
  return response;
}

v1::SearchResponse WithMissingShard() {
  v1::SearchResponse response = TwoHits();
  v1::Coverage& coverage = *response.mutable_coverage();
  coverage.set_complete(false);
  coverage.set_shards_complete(1);
  coverage.set_docs_covered(5);
  v1::ShardCoverage& shard = *coverage.mutable_shards(1);
  shard.set_state(v1::SHARD_STATE_MISSING);
  shard.set_docs_covered(0);
  shard.set_reason("unavailable: gone\x1b[2J");
  return response;
}

TEST(SearchJson, HasTheNamesOfTheContract) {
  const Json json = Json::parse(SearchJson(TwoHits(), {.client_us = 400}));
  EXPECT_EQ(json["took_us"], 321);
  EXPECT_EQ(json["total"], (Json{{"value", 1234}, {"relation", "eq"}}));
  EXPECT_EQ(json["hits"].size(), 2u);
  EXPECT_EQ(json["hits"][1]["id"], "b2");
  EXPECT_EQ(json["hits"][1]["doc"], 2);
  EXPECT_EQ(json["hits"][1]["score"], 0.75);
  EXPECT_EQ(json["hits"][1]["fields"], (Json{{"title", "Second"}, {"body", "a quick fox"}}));
  EXPECT_EQ(json["coverage"]["shards_total"], 2);
  EXPECT_EQ(json["coverage"]["shards"][0]["state"], "complete");
  EXPECT_EQ(json["generation"], 7);
  EXPECT_EQ(json["timed_out"], false);
  EXPECT_EQ(json["ranked"], true);
  EXPECT_EQ(json["ledger"]["total_us"], 321);
  EXPECT_FALSE(json.contains("attempts"));
}

TEST(SearchJson, SaysWhenNothingWasRanked) {
  v1::SearchResponse response = TwoHits();
  response.set_unranked(true);
  EXPECT_EQ(Json::parse(SearchJson(response, {}))["ranked"], false);
}

TEST(SearchJson, ListsAttemptsWhenTraced) {
  v1::SearchResponse response = TwoHits();
  v1::Attempt& attempt = *response.add_attempts();
  attempt.add_shards(1);
  attempt.set_kind(v1::ATTEMPT_KIND_RETRY);
  attempt.set_outcome(v1::ATTEMPT_OUTCOME_WON);
  const Json json = Json::parse(SearchJson(response, {.with_attempts = true}));
  EXPECT_EQ(json["attempts"][0]["kind"], "retry");
  EXPECT_EQ(json["attempts"][0]["outcome"], "won");
  EXPECT_EQ(json["attempts"][0]["shards"], Json({1}));
}

TEST(SearchJson, StatesWhatIsMissing) {
  const Json json = Json::parse(SearchJson(WithMissingShard(), {}));
  EXPECT_EQ(json["coverage"]["complete"], false);
  EXPECT_EQ(json["coverage"]["docs_covered"], 5);
  EXPECT_EQ(json["coverage"]["shards"][1]["state"], "missing");
  EXPECT_THAT(json["coverage"]["shards"][1]["reason"], HasSubstr("unavailable"));
}

TEST(SearchJson, SurvivesFieldsThatAreNotUtf8) {
  v1::SearchResponse response = TwoHits();
  response.mutable_hits(0)->mutable_fields(0)->set_value("\xff\xfe");
  EXPECT_EQ(Json::parse(SearchJson(response, {}))["hits"][0]["fields"]["body"], "\ufffd\ufffd");
}

TEST(SearchJson, OfACountHasNoHits) {
  const Json json = Json::parse(SearchJson(TwoHits(), {.with_hits = false}));
  EXPECT_FALSE(json.contains("hits"));
  EXPECT_EQ(json["count"], 1234);
}

TEST(StatusJson, ListsReplicas) {
  v1::ClusterStatus status;
  status.set_serving(true);
  status.mutable_collection()->set_generation(3);
  v1::ReplicaStatus& replica = *status.add_replicas();
  replica.set_address("127.0.0.1:1");
  replica.set_error("connection refused");
  replica.mutable_leaf()->set_reload_error("shard 1 is damaged");
  status.set_docs_reachable(5);
  status.set_queries_in_flight(6);
  status.set_queries_rejected_total(7);
  status.set_late_replies_total(8);
  status.set_wrong_generation_replies_total(9);
  const Json json = Json::parse(StatusJson(status));
  EXPECT_EQ(json["replicas"][0]["reload_error"], "shard 1 is damaged");
  EXPECT_EQ(json["docs_reachable"], 5);
  EXPECT_EQ(json["queries_in_flight"], 6);
  EXPECT_EQ(json["queries_rejected_total"], 7);
  EXPECT_EQ(json["late_replies_total"], 8);
  EXPECT_EQ(json["wrong_generation_replies_total"], 9);
  EXPECT_EQ(json["serving"], true);
  EXPECT_EQ(json["collection"]["generation"], 3);
  EXPECT_EQ(json["replicas"][0]["reachable"], false);
  EXPECT_EQ(json["replicas"][0]["error"], "connection refused");
}

class HumanSearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Analyzer::Create("standard");
    ASSERT_TRUE(made.ok()) << made.status();
    analyzer_ = *std::move(made);
  }
  HumanSearchOptions Options() { return {.client_us = 1500, .analyzer = analyzer_.get()}; }

  std::unique_ptr<Analyzer> analyzer_;
};

TEST_F(HumanSearchTest, NumbersHitsAndShowsTitleIdScoreAndMarkedSnippet) {
  const std::string text = HumanSearch(TwoHits(), Options());
  EXPECT_THAT(text, HasSubstr(" 1. First\n    id a1, doc 1, score 1.5000\n    a quick **fox**\n"));
  EXPECT_THAT(text, HasSubstr(" 2. Second\n"));
  EXPECT_THAT(text,
              HasSubstr("1,234 matches in 321 us, 1.50 ms with the connection (generation 7)\n"));
  EXPECT_THAT(text, Not(HasSubstr("INCOMPLETE")));
}

TEST_F(HumanSearchTest, CountsOnFromTheOffset) {
  HumanSearchOptions options = Options();
  options.offset = 10;
  EXPECT_THAT(HumanSearch(TwoHits(), options), HasSubstr("11. First\n"));
}

TEST_F(HumanSearchTest, SaysWhenNothingWasRanked) {
  v1::SearchResponse response = TwoHits();
  EXPECT_THAT(HumanSearch(response, Options()), Not(HasSubstr("not ranked")));
  response.set_unranked(true);
  EXPECT_THAT(HumanSearch(response, Options()), HasSubstr("not ranked: in document order"));
}

TEST_F(HumanSearchTest, SaysWhatIsMissingWithoutPassingOnControlCharacters) {
  const std::string text = HumanSearch(WithMissingShard(), Options());
  EXPECT_THAT(text, HasSubstr("INCOMPLETE: 1 of 2 shards, 5 of 10 documents (50.0 %)"));
  EXPECT_THAT(text, HasSubstr("shard 1 missing: unavailable: gone[2J"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST_F(HumanSearchTest, CleansTitlesAndIds) {
  v1::SearchResponse response = TwoHits();
  response.mutable_hits(0)->set_id("x\x1b[2J\ny");
  response.mutable_hits(0)->mutable_fields(1)->set_value("t\x07itle");
  const std::string text = HumanSearch(response, Options());
  EXPECT_THAT(text, HasSubstr(" 1. title\n    id x[2J y, doc"));
}

TEST_F(HumanSearchTest, ShowsTheIdWhenNothingIsStored) {
  v1::SearchResponse response = TwoHits();
  response.mutable_hits(0)->clear_fields();
  EXPECT_THAT(HumanSearch(response, Options()), HasSubstr(" 1. a1\n"));
}

// One hit with these fields, for the query "fox jumps".
v1::SearchResponse HitWith(const std::vector<std::pair<std::string, std::string>>& fields) {
  v1::SearchResponse response;
  response.add_highlight_terms("fox");
  response.add_highlight_terms("jumps");
  v1::Hit& hit = *response.add_hits();
  hit.set_id("a1");
  for (const auto& [name, value] : fields) {
    v1::Field& field = *hit.add_fields();
    field.set_name(name);
    field.set_value(value);
  }
  return response;
}

TEST_F(HumanSearchTest, ADocumentWithoutATitleFieldIsCalledByItsIdAndShowsItsText) {
  const std::string text = HumanSearch(HitWith({{"text", "a quick fox"}}), Options());
  EXPECT_THAT(text, HasSubstr(" 1. a1\n    id a1, doc 0, score 0.0000\n    a quick **fox**\n"));
}

TEST_F(HumanSearchTest, AnEmptyTitleIsPassedOver) {
  const auto response = HitWith({{"title", " "}, {"summary", "On foxes"}, {"text", "a fox"}});
  EXPECT_THAT(HumanSearch(response, Options()), HasSubstr(" 1. On foxes\n"));
}

TEST_F(HumanSearchTest, TheSnippetIsOfTheFieldThatShowsMost) {
  const auto snippet_of = [&](const std::vector<std::pair<std::string, std::string>>& fields) {
    return HumanSearch(HitWith(fields), Options());
  };
  EXPECT_THAT(snippet_of({{"a", "fox fox fox"}, {"b", "fox jumps"}}),
              HasSubstr("    **fox** **jumps**\n"));
  EXPECT_THAT(snippet_of({{"a", "fox"}, {"b", "fox and fox"}}),
              HasSubstr("    **fox** and **fox**\n"));
  EXPECT_THAT(snippet_of({{"a", "fox"}, {"b", "the fox sleeps"}}),
              HasSubstr("    the **fox** sleeps\n"));
  EXPECT_THAT(snippet_of({{"a", "short"}, {"b", "longer text"}}), HasSubstr("    longer text\n"));
}

TEST_F(HumanSearchTest, TraceListsAttemptsAndTheLedger) {
  v1::SearchResponse response = TwoHits();
  v1::Attempt& attempt = *response.add_attempts();
  attempt.set_address("127.0.0.1:9");
  attempt.set_outcome(v1::ATTEMPT_OUTCOME_ERROR);
  attempt.set_reason("unavailable");
  HumanSearchOptions options = Options();
  options.trace = true;
  const std::string text = HumanSearch(response, options);
  EXPECT_THAT(text, HasSubstr("127.0.0.1:9  primary |"));
  EXPECT_THAT(text, HasSubstr("[1] unavailable\n"));
  EXPECT_THAT(text, HasSubstr("where the time went, of 321 us in all\n"));
}

TEST(HumanCount, SaysAtLeastForALowerBound) {
  v1::SearchResponse response = TwoHits();
  response.mutable_total()->set_relation(v1::Total::GTE);
  EXPECT_EQ(HumanCount(response, 400),
            "at least 1,234 matches in 321 us, 400 us with the connection\n");
}

TEST(HumanStatus, ShowsReplicasAsATable) {
  v1::ClusterStatus status;
  v1::ReplicaStatus& replica = *status.add_replicas();
  replica.set_replica(1);
  replica.add_shards(0);
  replica.add_shards(2);
  replica.set_address("127.0.0.1:7");
  const std::string text = HumanStatus(status);
  EXPECT_THAT(text, HasSubstr("serving      NO"));
  EXPECT_THAT(text, HasSubstr("      1  0,2     127.0.0.1:7  unreachable"));
}

TEST(HumanStatus, SaysWhyALeafKeepsAnOlderGeneration) {
  v1::ClusterStatus status;
  v1::ReplicaStatus& replica = *status.add_replicas();
  replica.mutable_leaf()->set_reload_error("shard 1 is damaged");
  EXPECT_THAT(HumanStatus(status), HasSubstr("  shard 1 is damaged\n"));
  replica.set_error("connection refused");
  EXPECT_THAT(HumanStatus(status), HasSubstr("  connection refused\n"));
}

TEST(TextTable, AlignsByCodePoints) {
  TextTable table({"name", ">n"});
  table.AddRow({"äö", "5"});
  table.AddRow({"abcdef", "10"});
  EXPECT_EQ(table.ToString("> "), "> name     n\n> äö       5\n> abcdef  10\n");
}

}  // namespace
}  // namespace canopy
