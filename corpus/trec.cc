#include "corpus/trec.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/status.h"
#include "base/strings.h"
#include "corpus/bad_record.h"
#include "corpus/document_filler.h"
#include "corpus/text_pieces.h"

namespace canopy {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";

bool IsNameByte(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; }

// Where `word` (ASCII, lower case) stands in `text`, in any case; npos: nowhere.
size_t FindIgnoringCase(std::string_view text, std::string_view word) {
  for (size_t at = text.find('<'); at != text.npos; at = text.find('<', at + 1)) {
    if (absl::EqualsIgnoreCase(ToAbsl(text.substr(at, word.size())), ToAbsl(word))) return at;
  }
  return text.npos;
}

// Where <DOC> or <DOC ...> stands in `text`: [begin, end). Nowhere: npos.
struct StartTag {
  size_t begin, end;
};

StartTag FindStart(std::string_view text) {
  constexpr std::string_view kStart = "<doc";
  size_t from = 0;
  while (true) {
    const size_t found = FindIgnoringCase(text.substr(from), kStart);
    if (found == text.npos) return {text.npos, text.npos};
    const size_t begin = from + found;
    from = begin + kStart.size();
    if (from < text.size() && (text[from] == '>' || text[from] == ' ')) {
      const size_t close = text.find('>', from);
      // Without one there is none behind the tags that follow either.
      if (close == text.npos) return {text.npos, text.npos};
      return {begin, close + 1};
    }
  }
}

// <NAME ...>, </NAME ...> or <!...>, at [begin, end) of the record.
struct Tag {
  size_t begin, end;
  std::string name;  // lower case; empty for <!...>, and for names that are no field names
  bool closing;
};

// The tag at text[at] == '<'; an empty one (begin == end) when this is only a "<". Tags do not go
// over `>` or `<`.
Tag TagAt(std::string_view text, size_t at) {
  Tag tag{at, at, "", false};
  size_t i = at + 1;
  if (i < text.size() && text[i] == '/') {
    tag.closing = true;
    ++i;
  }
  if (i >= text.size() || !(absl::ascii_isalpha(text[i]) || text[i] == '!' || text[i] == '?')) {
    return tag;
  }
  const size_t name_end = std::find_if_not(text.begin() + i, text.end(), IsNameByte) - text.begin();
  const size_t end = text.find_first_of("<>", name_end);
  if (end == text.npos || text[end] == '<') return tag;
  tag.end = end + 1;
  const bool plain_name =
      text[name_end] == '>' || text[name_end] == '/' || kSpace.find(text[name_end]) != kSpace.npos;
  if (plain_name && name_end - i <= kMaxFieldNameBytes) {
    tag.name = absl::AsciiStrToLower(ToAbsl(text.substr(i, name_end - i)));
  }
  return tag;
}

// All tags of a record in order; false: more than kMaxTags.
bool FindTags(std::string_view text, std::vector<Tag>& tags) {
  for (size_t at = text.find('<'); at != text.npos;) {
    Tag tag = TagAt(text, at);
    const size_t next = std::max(tag.end, at + 1);
    if (tag.end > tag.begin) {
      if (tags.size() == TrecSource::kMaxTags) return false;
      tags.push_back(std::move(tag));
    }
    at = text.find('<', next);
  }
  return true;
}

// Adds `text` with the entities that XML predefines written out.
void AppendText(std::string_view text, std::string& to) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
  while (true) {
    const size_t ampersand = text.find('&');
    to += text.substr(0, ampersand);
    if (ampersand == text.npos) return;
    text.remove_prefix(ampersand);
    const auto* const entity =
        std::find_if(std::begin(kEntities), std::end(kEntities),
                     [&](const auto& known) { return text.starts_with(known.first); });
    const bool known = entity != std::end(kEntities);
    to += known ? entity->second : '&';
    text.remove_prefix(known ? entity->first.size() : 1);
  }
}

// The text from `begin` to `end`, each tag in between a space.
std::string TextBetween(std::string_view record, size_t begin, size_t end,
                        const std::vector<Tag>& tags, size_t first_tag, size_t end_tag) {
  std::string text;
  for (size_t i = first_tag; i < end_tag; ++i) {
    AppendText(record.substr(begin, tags[i].begin - begin), text);
    text += ' ';
    begin = tags[i].end;
  }
  AppendText(record.substr(begin, end - begin), text);
  return std::string(Trim(text, kSpace));
}

}  // namespace

std::string ParseTrecRecord(std::string_view record, uint64_t bytes, Document& document) {
  DocumentFiller filler(document);
  std::vector<Tag> tags;
  if (!FindTags(record, tags)) return Concat("more than ", TrecSource::kMaxTags, " tags");
  std::unordered_map<std::string_view, size_t>
      last_close;  // by name; so each element costs O(1) to look for
  for (size_t i = 0; i < tags.size(); ++i) {
    if (tags[i].closing && !tags[i].name.empty()) last_close[tags[i].name] = i;
  }
  std::string outside;
  size_t outside_from = 0;
  bool has_id = false;
  for (size_t i = 0; i < tags.size(); ++i) {
    const Tag& open = tags[i];
    AppendText(record.substr(outside_from, open.begin - outside_from), outside);
    outside += ' ';
    outside_from = open.end;
    const auto close =
        open.closing || open.name.empty() ? last_close.end() : last_close.find(open.name);
    if (close == last_close.end() || close->second < i)
      continue;  // never closed: markup in the text
    size_t end = i + 1;
    while (!(tags[end].closing && tags[end].name == open.name)) ++end;
    std::string text = TextBetween(record, open.end, tags[end].begin, tags, i + 1, end);
    if (open.name == "docno") {
      if (std::exchange(has_id, true)) return "a second <DOCNO>";
      filler.id() = std::move(text);
    } else if (filler.fields() < kMaxFieldsPerDocument || filler.Find(open.name) != nullptr) {
      filler.AddOrContinue(open.name) += text;
    } else {
      return Concat("more than ", kMaxFieldsPerDocument, " fields");
    }
    outside_from = tags[end].end;
    i = end;
  }
  AppendText(record.substr(outside_from), outside);
  if (const std::string_view text = Trim(outside, kSpace); !text.empty()) {
    filler.AddOrContinue("text") += text;
  }
  if (filler.id().empty()) return "no <DOCNO>";
  filler.RepairUtf8();
  return filler.Finish(bytes);
}

TrecSource::TrecSource(std::unique_ptr<ByteStream> stream, const SourceOptions& options)
    : options_(options), lines_(std::move(stream), options.max_document_bytes) {}

absl::StatusOr<bool> TrecSource::NextLine() {
  ASSIGN_OR_RETURN(const bool more, lines_.Next(line_));
  if (!more) line_ = Line{};
  rest_ = line_.text;
  return more;
}

absl::Status TrecSource::Report(uint64_t line, std::string reason) const {
  return ReportBadRecord(options_, lines_.stream().name(), line, std::move(reason));
}

// Goes to behind the next <DOC>; false: there is none. What stands before it is one bad record.
absl::StatusOr<bool> TrecSource::FindRecord() {
  bool reported = false;
  while (true) {
    const StartTag start = FindStart(rest_);
    if ((line_.too_long || !Trim(rest_.substr(0, start.begin), kSpace).empty()) && !reported) {
      reported = true;
      RETURN_IF_ERROR(Report(line_.number, "text outside of <DOC> and </DOC>"));
    }
    if (start.begin != rest_.npos) {
      rest_.remove_prefix(start.end);
      record_ = Record{std::move(record_.text), start.end - start.begin, line_.number};
      record_.text.clear();
      return true;
    }
    ASSIGN_OR_RETURN(const bool more, NextLine());
    if (!more) return false;
  }
}

void TrecSource::AddToRecord(std::string_view text) {
  record_.bytes += text.size();
  if (record_.bytes > options_.max_document_bytes) record_.too_long = true;
  if (record_.too_long) {
    record_.text.clear();
  } else {
    record_.text += text;
  }
}

// Reads on to behind </DOC>. Without one the record ends, incomplete, before the next line that
// begins with <DOC>.
absl::Status TrecSource::ReadRecord() {
  constexpr std::string_view kEnd = "</doc>";
  while (true) {
    const size_t end = FindIgnoringCase(rest_, kEnd);
    AddToRecord(rest_.substr(0, end));
    if (end != rest_.npos) {
      record_.bytes += kEnd.size();
      rest_.remove_prefix(end + kEnd.size());
      record_.complete = true;
      return absl::OkStatus();
    }
    AddToRecord("\n");
    ASSIGN_OR_RETURN(const bool more, NextLine());
    if (!more || FindStart(rest_).begin == 0) return absl::OkStatus();
    if (line_.too_long) record_.bytes += line_.bytes;
  }
}

absl::StatusOr<bool> TrecSource::Next(Document& document) {
  while (true) {
    ASSIGN_OR_RETURN(const bool found, FindRecord());
    if (!found) return false;
    RETURN_IF_ERROR(ReadRecord());
    std::string reason;
    if (record_.too_long) {
      reason = TooLongReason(record_.bytes, options_.max_document_bytes);
    } else if (!record_.complete) {
      reason = "<DOC> without </DOC>";
    } else {
      reason = ParseTrecRecord(record_.text, record_.bytes, document);
    }
    if (reason.empty()) return true;
    RETURN_IF_ERROR(Report(record_.line, std::move(reason)));
  }
}

}  // namespace canopy
