// The wire contract stays readable: field numbers keep their meaning for ever, and messages that an
// older Canopy wrote are still understood.
//
// field_numbers.txt lists every field and enum value there ever was. A new one is added to the
// list; a removed one stays in it, and its number is `reserved` in the proto file.
// messages/NAME.hex are bytes as they were written once, NAME.textproto what they say; a new
// message is made with
//   protoc -I proto --encode=canopy.v1.Query canopy/v1/service.proto < NAME.textproto | xxd -p -c
//   48
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "base/strings.h"
#include "canopy/v1/postings.pb.h"
#include "canopy/v1/query.pb.h"
#include "canopy/v1/search.pb.h"
#include "canopy/v1/service.pb.h"

namespace canopy {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::FileDescriptor;
using ::google::protobuf::Message;

std::string ReadTestFile(const std::string& name) {
  std::ifstream file(std::string(CANOPY_PROTO_TESTS) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string TypeName(const FieldDescriptor& field) {
  const std::string label = field.is_repeated() ? "repeated " : "";
  if (field.message_type() != nullptr) return label + field.message_type()->full_name();
  if (field.enum_type() != nullptr) return label + field.enum_type()->full_name();
  return label + field.type_name();
}

void ListEnum(const EnumDescriptor& type, std::set<std::string>& lines) {
  for (int i = 0; i < type.value_count(); ++i) {
    lines.insert(
        Concat(type.full_name(), " ", type.value(i)->number(), " = ", type.value(i)->name()));
  }
}

void ListMessage(const Descriptor& type, std::set<std::string>& lines) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    lines.insert(
        Concat(type.full_name(), " ", field.number(), " = ", field.name(), " ", TypeName(field)));
  }
  for (int i = 0; i < type.nested_type_count(); ++i) ListMessage(*type.nested_type(i), lines);
  for (int i = 0; i < type.enum_type_count(); ++i) ListEnum(*type.enum_type(i), lines);
}

std::set<std::string> LinesOfProtoFiles() {
  std::set<std::string> lines;
  for (const FileDescriptor* file :
       {v1::Query::descriptor()->file(), v1::SearchRequest::descriptor()->file(),
        v1::PostingsRequest::descriptor()->file(), v1::StatusRequest::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) ListMessage(*file->message_type(i), lines);
    for (int i = 0; i < file->enum_type_count(); ++i) ListEnum(*file->enum_type(i), lines);
  }
  return lines;
}

std::vector<std::string> LinesOfList() {
  std::vector<std::string> lines;
  std::istringstream list(ReadTestFile("field_numbers.txt"));
  for (std::string line; std::getline(list, line);) lines.push_back(line);
  return lines;
}

// "canopy.v1.Query 3" of "canopy.v1.Query 3 = phrase canopy.v1.PhraseQuery".
std::string Place(const std::string& line) { return line.substr(0, line.find(" = ")); }

bool IsReserved(const std::string& place) {
  const size_t space = place.find(' ');
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          place.substr(0, space));
  return type != nullptr && type->IsReservedNumber(std::stoi(place.substr(space + 1)));
}

TEST(FieldNumbers, AreInTheList) {
  const std::vector<std::string> list = LinesOfList();
  const std::set<std::string> known(list.begin(), list.end());
  for (const std::string& line : LinesOfProtoFiles()) {
    EXPECT_TRUE(known.count(line) > 0) << "add to tests/proto/field_numbers.txt: " << line;
  }
}

TEST(FieldNumbers, KeepNameAndTypeOrAreReserved) {
  const std::set<std::string> now = LinesOfProtoFiles();
  for (const std::string& line : LinesOfList()) {
    EXPECT_TRUE(now.count(line) > 0 || IsReserved(Place(line)))
        << "was renamed, retyped or removed without being reserved: " << line;
  }
}

TEST(FieldNumbers, AreGivenOnce) {
  std::map<std::string, std::string> taken;
  for (const std::string& line : LinesOfList()) {
    const auto [other, added] = taken.emplace(Place(line), line);
    EXPECT_TRUE(added) << line << "\nuses the number of\n" << other->second;
  }
  EXPECT_GT(taken.size(), 100u);
}

template <typename Type>
void ExpectReadable(const std::string& name) {
  SCOPED_TRACE(name);
  std::string hex;
  for (char c : ReadTestFile("messages/" + name + ".hex")) {
    if (c != '\n') hex.push_back(c);
  }
  Type read, expected;
  ASSERT_TRUE(read.ParseFromString(absl::HexStringToBytes(hex)));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      ReadTestFile("messages/" + name + ".textproto"), &expected));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(read, expected))
      << read.DebugString();
  EXPECT_GT(read.ByteSizeLong(), 20u);
}

TEST(OldMessages, AreStillReadable) {
  ExpectReadable<v1::Query>("query");
  ExpectReadable<v1::SearchRequest>("search_request");
  ExpectReadable<v1::SearchResponse>("search_response");
  ExpectReadable<v1::FetchRequest>("fetch_request");
  ExpectReadable<v1::FetchResponse>("fetch_response");
  ExpectReadable<v1::LeafStatus>("leaf_status");
  ExpectReadable<v1::ClusterStatus>("cluster_status");
}

// A leaf that is newer than its root sends fields that the root does not know; they must do no
// harm.
TEST(OldMessages, FieldsOfTheFutureAreSkipped) {
  v1::SearchResponse response;
  response.set_generation(7);
  std::string bytes = response.SerializeAsString();
  bytes += std::string(
      "\xFA\x7F\x03"
      "abc",
      6);  // field 2047, three bytes
  v1::SearchResponse read;
  ASSERT_TRUE(read.ParseFromString(bytes));
  EXPECT_EQ(read.generation(), 7u);
}

}  // namespace
}  // namespace canopy
