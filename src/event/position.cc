#include "event/position.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>

#include "base/json_text.h"

namespace millrace {

namespace {

constexpr std::string_view kTablePrefix = "table:";

std::string bound_text(const KeyBound& bound) {
  std::string out = fmt::format("[{}", bound.number);
  for (const std::string& text : bound.key)
    out += "," + json_quoted(text);
  return out + "]";
}

std::string range_text(const KeyRange& range) {
  return "[" + bound_text(range.after) + "," + bound_text(range.through) + "]";
}

std::string unread_text(const UnreadKeys& unread) {
  std::string ranges;
  for (const KeyRange& range : unread.ranges)
    ranges += (ranges.empty() ? "" : ",") + range_text(range);
  const std::string read = unread.read ? R"(,"read":)" + range_text(*unread.read) : "";
  return fmt::format(R"({{"until":{},"shape":{},"ranges":[{}]{}}})", unread.until,
                     json_quoted(unread.shape), ranges, read);
}

std::optional<KeyBound> parse_bound(simdjson::dom::element json) {
  simdjson::dom::array members;
  if (json.get_array().get(members) != simdjson::SUCCESS || members.size() == 0) {
    return std::nullopt;
  }
  KeyBound bound;
  if (members.at(0).get_uint64().get(bound.number) != simdjson::SUCCESS) return std::nullopt;
  for (size_t i = 1; i < members.size(); ++i) {
    std::string_view text;
    if (members.at(i).get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
    bound.key.emplace_back(text);
  }
  return bound;
}

std::optional<KeyRange> parse_range(simdjson::dom::element json) {
  simdjson::dom::array members;
  if (json.get_array().get(members) != simdjson::SUCCESS || members.size() != 2) {
    return std::nullopt;
  }
  auto after = parse_bound(members.at(0).value_unsafe());
  auto through = parse_bound(members.at(1).value_unsafe());
  if (!after || !through) return std::nullopt;
  return KeyRange{std::move(*after), std::move(*through)};
}

std::optional<UnreadKeys> parse_unread(simdjson::dom::element json) {
  UnreadKeys out;
  std::string_view shape;
  simdjson::dom::array ranges;
  if (json["until"].get_uint64().get(out.until) != simdjson::SUCCESS ||
      json["shape"].get_string().get(shape) != simdjson::SUCCESS ||
      json["ranges"].get_array().get(ranges) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  out.shape = shape;
  for (const simdjson::dom::element& one : ranges) {
    auto range = parse_range(one);
    if (!range) return std::nullopt;
    out.ranges.push_back(std::move(*range));
  }
  simdjson::dom::element read;
  if (json["read"].get(read) != simdjson::SUCCESS) return out;
  out.read = parse_range(read);
  return out.read ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

std::string table_stream(uint32_t oid) {
  return fmt::format("{}{}", kTablePrefix, oid);
}

std::optional<uint32_t> table_of_stream(std::string_view stream) {
  if (!stream.starts_with(kTablePrefix)) return std::nullopt;
  const std::string_view digits = stream.substr(kTablePrefix.size());
  uint32_t oid = 0;
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, oid);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return oid;
}

std::string format_lsn(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn >> 32, lsn & 0xffffffff);
}

std::optional<Lsn> parse_lsn(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  uint32_t high = 0;
  uint32_t low = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), text.data() + slash, high, 16);
  const auto second = std::from_chars(text.data() + slash + 1, end, low, 16);
  if (first.ec != std::errc() || first.ptr != text.data() + slash) return std::nullopt;
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return Lsn{high} << 32 | low;
}

std::string to_json(const Offset& o) {
  const std::string last_commit =
      o.last_commit ? fmt::format(R"("last_commit":{},)", *o.last_commit) : std::string();
  const std::string tables =
      o.tables.is_known() ? fmt::format(R"(,"tables":"{}")", format_tables(o.tables)) : "";
  const std::string of_table =
      (o.unread.until != 0 ? R"(,"unread":)" + unread_text(o.unread) : std::string()) +
      (o.stands_still ? R"(,"stands_still":true)" : "");
  return fmt::format(
      R"({{"commit_lsn":{},"ordinal":{},"lsn":{},"lsn_proc":{},"lsn_commit":{},{}"xid":{},"commit_us":{},)"
      R"("message_type":{},"snapshot":{},"last_snapshot_record":{},"system_id":{},"timeline":{}{}{}}})",
      o.position.commit_lsn, o.position.ordinal, o.lsn, o.lsn_proc, o.lsn_commit, last_commit,
      o.xid, o.commit_us, json_quoted(o.message_type), static_cast<int>(o.snapshot),
      o.last_snapshot_record, o.system_id, o.timeline, tables, of_table);
}

std::optional<Offset> offset_from_json(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || !root.is_object()) {
    return std::nullopt;
  }
  bool good = true;
  const auto number = [&](std::string_view key) {
    uint64_t value = 0;
    good &= root[key].get_uint64().get(value) == simdjson::SUCCESS;
    return value;
  };
  Offset o;
  o.position = {number("commit_lsn"), number("ordinal")};
  o.lsn = number("lsn");
  o.lsn_proc = number("lsn_proc");
  o.lsn_commit = number("lsn_commit");
  if (root["last_commit"].error() == simdjson::SUCCESS) o.last_commit = number("last_commit");
  o.xid = static_cast<uint32_t>(number("xid"));
  good &= root["commit_us"].get_int64().get(o.commit_us) == simdjson::SUCCESS;
  std::string_view type;
  good &= root["message_type"].get_string().get(type) == simdjson::SUCCESS;
  o.message_type = type;
  const uint64_t phase = number("snapshot");
  good &= phase <= static_cast<uint64_t>(SnapshotPhase::kCompleted);
  o.snapshot = static_cast<SnapshotPhase>(phase);
  good &= root["last_snapshot_record"].get_bool().get(o.last_snapshot_record) == simdjson::SUCCESS;
  o.system_id = number("system_id");
  o.timeline = static_cast<uint32_t>(number("timeline"));
  std::string_view list;
  if (root["tables"].get_string().get(list) == simdjson::SUCCESS) {
    const auto tables = parse_tables(list);
    if (!tables) return std::nullopt;
    o.tables = *tables;
  }
  simdjson::dom::element rest;
  if (root["unread"].get(rest) == simdjson::SUCCESS) {
    auto unread = parse_unread(rest);
    if (!unread) return std::nullopt;
    o.unread = std::move(*unread);
  }
  bool still = false;
  o.stands_still = root["stands_still"].get_bool().get(still) == simdjson::SUCCESS && still;
  if (!good) return std::nullopt;
  return o;
}

}  // namespace millrace
