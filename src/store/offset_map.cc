#include "store/offset_map.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "base/json_text.h"

namespace millrace {

namespace {

constexpr uint64_t kWholeTransaction = std::numeric_limits<uint64_t>::max();
constexpr std::string_view kEnd = "end";
constexpr std::string_view kStreamPrefix = "millrace_stream_";
constexpr char kSameAs = '=';

constexpr std::array<std::string_view, 9> kOwned = {
    "lsn",
    "lsn_proc",
    "lsn_commit",
    "txId",
    "ts_usec",
    "messageType",
    "snapshot",
    "last_snapshot_record",
    "snapshot_completed",
};

// Known to be ours, Debezium's or a stranger's?
bool is_owned(std::string_view name) {
  return std::ranges::find(kOwned, name) != kOwned.end() || name.starts_with("millrace_");
}

bool counts_within_transaction(std::string_view name) {
  return name.starts_with("transaction_") || name == "lsn_events_processed";
}

// --- writing
// ---------------------------------------------------------------------------------------

class MapWriter {
 public:
  void text(std::string_view name, std::string_view value) {
    begin(name);
    append_json_string(out_, value);
  }

  void raw(std::string_view name, std::string_view json) {
    begin(name);
    out_ += json;
  }

  void number(std::string_view name, uint64_t value) { raw(name, std::to_string(value)); }

  void number_if(std::string_view name, uint64_t value) {
    if (value != 0) number(name, value);
  }

  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }

  std::string take() { return "{" + out_ + "}"; }

 private:
  void begin(std::string_view name) {
    if (!out_.empty()) out_ += ',';
    append_json_string(out_, name);
    out_ += ':';
  }

  std::string out_;
};

std::string position_text(const Position& position) {
  const std::string ordinal =
      position.ordinal == kWholeTransaction ? std::string(kEnd) : std::to_string(position.ordinal);
  return format_lsn(position.commit_lsn) + ":" + ordinal;
}

void write_streaming(MapWriter& map, const Offset& offset) {
  map.number_if("lsn_proc", offset.lsn_proc);
  if (!offset.message_type.empty()) map.text("messageType", offset.message_type);
  map.number_if("lsn_commit", offset.lsn_commit);
  map.number("lsn", offset.lsn);
}

// A snapshot's lsn_commit is its lsn; Debezium leaves it out.
void write_snapshot(MapWriter& map, const Offset& offset) {
  const bool completed = offset.snapshot == SnapshotPhase::kCompleted;
  map.boolean("last_snapshot_record", offset.last_snapshot_record || completed);
  map.number("lsn", offset.lsn);
  map.text("snapshot", "INITIAL");
  map.boolean("snapshot_completed", completed);
}

void write_offset(MapWriter& map, const Offset& offset) {
  if (offset.snapshot == SnapshotPhase::kNone) {
    write_streaming(map, offset);
  } else {
    write_snapshot(map, offset);
  }
  map.number_if("txId", offset.xid);
  if (offset.commit_us != 0) map.raw("ts_usec", std::to_string(offset.commit_us));
  if (offset.position != Position{}) map.text("millrace_position", position_text(offset.position));
  if (offset.last_commit) map.text("millrace_last_commit", format_lsn(*offset.last_commit));
  if (offset.system_id != 0) {
    map.text("millrace_server", fmt::format("{}/{}", offset.system_id, offset.timeline));
  }
  if (offset.tables.is_known()) map.text("millrace_tables", format_tables(offset.tables));
}

void keep_unknown(MapWriter& map, std::string_view previous, Lsn lsn) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (previous.empty() ||
      parser.parse(previous.data(), previous.size()).get(object) != simdjson::SUCCESS)
    return;
  uint64_t previous_lsn = 0;
  const bool same_lsn = object["lsn"].get(previous_lsn) == simdjson::SUCCESS && previous_lsn == lsn;
  for (const auto& [name, value] : object) {
    if (is_owned(name) || (counts_within_transaction(name) && !same_lsn)) continue;
    map.raw(name, simdjson::minify(value));
  }
}

// --- reading
// ---------------------------------------------------------------------------------------

uint64_t number_at(const simdjson::dom::object& map, std::string_view name) {
  uint64_t value = 0;
  return map[name].get(value) == simdjson::SUCCESS ? value : 0;
}

std::string_view text_at(const simdjson::dom::object& map, std::string_view name) {
  std::string_view value;
  return map[name].get(value) == simdjson::SUCCESS ? value : std::string_view();
}

bool flag_at(const simdjson::dom::object& map, std::string_view name) {
  bool value = false;
  return map[name].get(value) == simdjson::SUCCESS && value;
}

template <class T>
bool whole_number(std::string_view text, T& out) {
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  return read.ec == std::errc() && read.ptr == end;
}

// {0, 0} when it is not one.
Position parse_position(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {};
  const auto lsn = parse_lsn(text.substr(0, colon));
  uint64_t ordinal = kWholeTransaction;
  const std::string_view rest = text.substr(colon + 1);
  if (!lsn || (rest != kEnd && !whole_number(rest, ordinal))) return {};
  return {*lsn, ordinal};
}

void parse_server(std::string_view text, Offset& offset) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return;
  uint64_t system_id = 0;
  uint32_t timeline = 0;
  if (!whole_number(text.substr(0, slash), system_id) || system_id == 0) return;
  if (!whole_number(text.substr(slash + 1), timeline)) return;
  offset.system_id = system_id;
  offset.timeline = timeline;
}

// "INITIAL" since Debezium 3.1, true before; INCREMENTAL and BLOCKING are of a stream that has
// begun.
SnapshotPhase phase_of(const simdjson::dom::object& map) {
  const bool initial = text_at(map, "snapshot") == "INITIAL" || flag_at(map, "snapshot");
  if (!initial) return SnapshotPhase::kNone;
  const bool completed = flag_at(map, "snapshot_completed") || flag_at(map, "last_snapshot_record");
  return completed ? SnapshotPhase::kCompleted : SnapshotPhase::kRunning;
}

Offset read_offset(const simdjson::dom::object& map) {
  Offset offset;
  offset.snapshot = phase_of(map);
  offset.last_snapshot_record =
      offset.snapshot != SnapshotPhase::kNone && flag_at(map, "last_snapshot_record");
  offset.lsn = number_at(map, "lsn");
  offset.lsn_proc = number_at(map, "lsn_proc");
  offset.lsn_commit = number_at(map, "lsn_commit");
  if (offset.snapshot != SnapshotPhase::kNone && offset.lsn_commit == 0)
    offset.lsn_commit = offset.lsn;
  offset.xid = static_cast<uint32_t>(number_at(map, "txId"));
  int64_t commit_us = 0;
  if (map["ts_usec"].get(commit_us) == simdjson::SUCCESS) offset.commit_us = commit_us;
  offset.message_type = text_at(map, "messageType");
  offset.position = parse_position(text_at(map, "millrace_position"));
  offset.last_commit = parse_lsn(text_at(map, "millrace_last_commit"));
  parse_server(text_at(map, "millrace_server"), offset);
  if (const auto tables = map["millrace_tables"]; tables.error() == simdjson::SUCCESS) {
    offset.tables = parse_tables(text_at(map, "millrace_tables")).value_or(TableSet());
  }
  return offset;
}

std::unexpected<Error> malformed(std::string_view member) {
  return fail(ErrorKind::kProtocol,
              fmt::format("the stored offset's member {} is malformed", member));
}

}  // namespace

std::string offset_key(std::string_view connector, std::string_view server) {
  std::string out = "[";
  append_json_string(out, connector);
  out += ",{\"server\":";
  append_json_string(out, server);
  out += "}]";
  return out;
}

std::string to_offset_map(const Progress& progress, std::string_view previous) {
  MapWriter map;
  auto main = progress.find(kSlotStream);
  if (main == progress.end()) main = progress.find(kSnapshotStream);
  if (main == progress.end()) return map.take();
  write_offset(map, main->second);
  auto written = progress.end();
  for (auto stream = progress.begin(); stream != progress.end(); ++stream) {
    if (stream == main) continue;
    const std::string name = std::string(kStreamPrefix) + stream->first;
    if (written != progress.end() && written->second == stream->second) {
      map.text(name, kSameAs + written->first);
    } else {
      map.text(name, to_json(stream->second));
      written = stream;
    }
  }
  keep_unknown(map, previous, main->second.lsn);
  return map.take();
}

Result<Progress> from_offset_map(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object map;
  if (parser.parse(json.data(), json.size()).get(map) != simdjson::SUCCESS) {
    return fail(ErrorKind::kProtocol, "the stored offset is not a JSON map");
  }
  Progress progress;
  const Offset offset = read_offset(map);
  if (!map["lsn"].is_uint64() && !map["lsn_proc"].is_uint64()) {
    return fail(ErrorKind::kProtocol, "the stored offset has neither lsn nor lsn_proc");
  }
  const bool running = offset.snapshot == SnapshotPhase::kRunning;
  progress.emplace(running ? kSnapshotStream : kSlotStream, offset);
  std::vector<std::pair<std::string_view, std::string_view>> same;
  for (const auto& [name, value] : map) {
    if (!std::string_view(name).starts_with(kStreamPrefix)) continue;
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) continue;
    const std::string_view stream = name.substr(kStreamPrefix.size());
    // What the map's own members tell is told once.
    if (stream == kSlotStream || progress.contains(stream)) return malformed(name);
    if (text.starts_with(kSameAs)) {
      same.emplace_back(stream, text.substr(1));
      continue;
    }
    const auto parsed = offset_from_json(text);
    if (!parsed) return malformed(name);
    progress.insert_or_assign(std::string(stream), *parsed);
  }
  for (const auto& [stream, other] : same) {
    const auto found = progress.find(other);
    if (found == progress.end()) return malformed(std::string(kStreamPrefix) + std::string(stream));
    progress.insert_or_assign(std::string(stream), found->second);
  }
  return progress;
}

}  // namespace millrace
