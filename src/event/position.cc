#include "event/position.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>

#include "base/json_text.h"

namespace millrace {

namespace {

constexpr std::string_view kTablePrefix = "table:";

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
  return fmt::format(
      R"({{"commit_lsn":{},"ordinal":{},"lsn":{},"lsn_proc":{},"lsn_commit":{},{}"xid":{},"commit_us":{},)"
      R"("message_type":{},"snapshot":{},"last_snapshot_record":{},"system_id":{},"timeline":{}{}}})",
      o.position.commit_lsn, o.position.ordinal, o.lsn, o.lsn_proc, o.lsn_commit, last_commit,
      o.xid, o.commit_us, json_quoted(o.message_type), static_cast<int>(o.snapshot),
      o.last_snapshot_record, o.system_id, o.timeline, tables);
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
  if (!good) return std::nullopt;
  return o;
}

}  // namespace millrace
