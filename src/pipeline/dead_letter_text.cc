#include "pipeline/dead_letter_text.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json_text.h"

namespace millrace {

namespace {

std::string timestamp_text(int64_t unix_ms) {
  const time_t seconds = unix_ms / 1000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     unix_ms % 1000);
}

void append_text(std::string& out, std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) {
    append_json_string(out, text);
  } else {
    out += R"({"base64":")";
    append_base64(out, text);
    out += "\"}";
  }
}

void append_datum(std::string& out, const Datum& datum) {
  switch (datum.kind) {
    case DatumKind::kText:
      return append_text(out, datum.view());
    case DatumKind::kUnchanged:
      out += R"({"unchanged":true})";
      return;
    case DatumKind::kNull:
    case DatumKind::kAbsent:
      out += "null";
      return;
  }
}

void append_value(std::string& out, const TableSchema& table, const Tuple& row, size_t column) {
  if (!out.ends_with('{')) out += ',';
  append_json_string(out, table.columns[column].name);
  out += ':';
  append_datum(out, row[column]);
}

void append_row(std::string& out, const TableSchema* table, const Tuple& row) {
  if (!row || table == nullptr) {
    out += "null";
    return;
  }
  out += '{';
  const size_t count = std::min<size_t>(row.count, table->columns.size());
  for (size_t i = 0; i < count; ++i) {
    if (row[i].kind != DatumKind::kAbsent) append_value(out, *table, row, i);
  }
  out += '}';
}

void append_key(std::string& out, const TableSchema& table, const Tuple& row) {
  out += R"(,"key":{)";
  for (const uint16_t column : table.key) {
    if (column < row.count) append_value(out, table, row, column);
  }
  out += '}';
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += fmt::format(R"(,"{}":)", name);
  append_text(out, text);
}

void append_type(std::string& out, const ColumnType& type) {
  append_member(out, "kind", name(type.type));
  append_member(out, "type", type.name);
  if (type.element != PgType::kUnknown) append_member(out, "element", name(type.element));
  out += fmt::format(R"(,"oid":{},"typmod":{})", type.oid, type.typmod);
  if (type.labels.empty()) return;
  out += R"(,"labels":[)";
  for (const std::string& label : type.labels) {
    if (!out.ends_with('[')) out += ',';
    append_json_string(out, label);
  }
  out += ']';
}

// Flags that have their usual value are left out.
void append_column(std::string& out, const Column& column) {
  out += R"({"name":)";
  append_json_string(out, column.name);
  append_type(out, column.type);
  if (!column.nullable) out += R"(,"nullable":false)";
  if (!column.captured) out += R"(,"captured":false)";
  if (column.generated) out += R"(,"generated":true)";
  if (column.identity) out += R"(,"identity":true)";
  out += fmt::format(R"(,"attnum":{})", column.attnum);
  if (column.default_expression) append_member(out, "default", *column.default_expression);
  out += '}';
}

void append_layout(std::string& out, const TableSchema& table) {
  out += fmt::format(R"(,"layout":{{"oid":{})", table.oid);
  append_member(out, "schema", table.schema);
  append_member(out, "name", table.name);
  append_member(out, "identity", std::string(1, static_cast<char>(table.identity)));
  out += fmt::format(R"(,"primary_key":[{}],"key":[{}],"columns":[)",
                     fmt::join(table.primary_key, ","), fmt::join(table.key, ","));
  for (const Column& column : table.columns) {
    if (!out.ends_with('[')) out += ',';
    append_column(out, column);
  }
  out += "]}";
}

void append_event(std::string& out, const Change& change) {
  out += fmt::format(
      R"(,"event":{{"snapshot":{},"transactional":{},"last_commit_lsn":{},"end_lsn":{},)"
      R"("commit_us":{},"before_kind":{},"after_kind":{}}})",
      static_cast<int>(change.snapshot), change.transactional, change.last_commit_lsn,
      change.end_lsn, change.commit_us, static_cast<int>(change.before.kind),
      static_cast<int>(change.after.kind));
}

using simdjson::dom::element;

// Members of one object of a line; `good` turns false at the first one that is missing or of
// another kind.
class Members {
 public:
  explicit Members(element object) : object_(object) {}

  bool good = true;

  std::string_view text(const char* name) { return take<std::string_view>(name, true); }

  std::string_view optional_text(const char* name) { return take<std::string_view>(name, false); }

  int64_t number(const char* name) { return take<int64_t>(name, true); }

  uint64_t unsigned_number(const char* name) { return take<uint64_t>(name, true); }

  bool flag(const char* name, bool by_default) {
    bool value = by_default;
    return object_[name].get(value) == simdjson::SUCCESS ? value : by_default;
  }

  Lsn lsn(const char* name) {
    const auto parsed = parse_lsn(text(name));
    good &= parsed.has_value();
    return parsed.value_or(0);
  }

  // Calls take(element) for each; nothing when it is not there.
  template <class Take>
  void each(const char* name, Take take_one) {
    simdjson::dom::array all;
    if (object_[name].get(all) != simdjson::SUCCESS) return;
    for (const element one : all)
      take_one(one);
  }

 private:
  template <class T>
  T take(const char* name, bool is_needed) {
    T value{};
    good &= object_[name].get(value) == simdjson::SUCCESS || !is_needed;
    return value;
  }

  element object_;
};

Column read_column(element object, bool& good) {
  Members members(object);
  Column column;
  column.name = members.text("name");
  const auto type = pg_type_named(members.text("kind"));
  column.type.type = type.value_or(PgType::kUnknown);
  column.type.name = members.text("type");
  column.type.element = pg_type_named(members.optional_text("element")).value_or(PgType::kUnknown);
  column.type.oid = static_cast<uint32_t>(members.unsigned_number("oid"));
  column.type.typmod = static_cast<int32_t>(members.number("typmod"));
  members.each("labels", [&](element label) {
    std::string_view text;
    good &= label.get(text) == simdjson::SUCCESS;
    column.type.labels.emplace_back(text);
  });
  column.nullable = members.flag("nullable", true);
  column.captured = members.flag("captured", true);
  column.generated = members.flag("generated", false);
  column.identity = members.flag("identity", false);
  column.attnum = static_cast<int16_t>(members.number("attnum"));
  std::string_view expression;
  if (object["default"].get(expression) == simdjson::SUCCESS) {
    column.default_expression = expression;
  }
  good &= members.good && type.has_value();
  return column;
}

SchemaPtr read_layout(element object, bool& good) {
  Members members(object);
  auto table = std::make_shared<TableSchema>();
  table->oid = static_cast<uint32_t>(members.unsigned_number("oid"));
  table->schema = members.text("schema");
  table->name = members.text("name");
  const std::string_view identity = members.text("identity");
  if (!identity.empty()) table->identity = static_cast<ReplicaIdentity>(identity.front());
  members.each("columns",
               [&](element column) { table->columns.push_back(read_column(column, good)); });
  const auto read_key = [&](const char* name, std::vector<uint16_t>& key) {
    members.each(name, [&](element column) {
      uint64_t at = 0;
      good &= column.get(at) == simdjson::SUCCESS && at < table->columns.size();
      if (good) key.push_back(static_cast<uint16_t>(at));
    });
  };
  read_key("key", table->key);
  read_key("primary_key", table->primary_key);
  // As letters were written before.
  if (members.flag("has_primary_key", false)) table->primary_key = table->key;
  good &= members.good;
  table->version = next_schema_version();
  return table;
}

Datum in_arena(Arena& arena, std::string_view bytes) {
  const std::string_view kept = arena.copy(bytes);
  return {kept.data(), static_cast<uint32_t>(kept.size()), DatumKind::kText};
}

bool unwrap(element value, std::string& bytes) {
  std::string_view text;
  return value["base64"].get(text) == simdjson::SUCCESS && append_decoded_base64(bytes, text);
}

Datum read_datum(element value, Arena& arena, bool& good) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return in_arena(arena, text);
  if (value.is_null()) return {};
  std::string bytes;
  if (unwrap(value, bytes)) return in_arena(arena, bytes);
  bool unchanged = false;
  good &= value["unchanged"].get(unchanged) == simdjson::SUCCESS;
  return {nullptr, 0, DatumKind::kUnchanged};
}

Tuple read_row(element row, int64_t kind, const TableSchema* table, Arena& arena, bool& good) {
  if (row.is_null() || table == nullptr || kind == static_cast<int64_t>(TupleKind::kNone)) {
    return {};
  }
  simdjson::dom::object values;
  good &= row.get(values) == simdjson::SUCCESS;
  if (!good) return {};
  Datum* out = arena.allocate_array<Datum>(table->columns.size());
  for (size_t i = 0; i < table->columns.size(); ++i) {
    element value;
    const bool is_there = values.at_key(table->columns[i].name).get(value) == simdjson::SUCCESS;
    out[i] = is_there ? read_datum(value, arena, good) : Datum{nullptr, 0, DatumKind::kAbsent};
  }
  return {out, static_cast<uint16_t>(table->columns.size()), static_cast<TupleKind>(kind)};
}

std::string_view read_bytes(element root, const char* name, Arena& arena, bool& good) {
  element value;
  if (root[name].get(value) != simdjson::SUCCESS) return {};
  return read_datum(value, arena, good).view();
}

}  // namespace

std::string letter_line(const LetterHead& head, const Change& change, const Error& why) {
  std::string out = fmt::format(R"({{"id":{},"ts":"{}")", head.id, timestamp_text(unix_now_ms()));
  append_member(out, "pipeline", head.pipeline);
  append_member(out, "branch", head.branch);
  append_member(out, "reason", name(why.kind));
  append_member(out, "message", why.message);
  if (!why.cure.empty()) append_member(out, "cure", why.cure);
  append_member(out, "op", std::string(1, static_cast<char>(change.op)));
  append_member(out, "lsn", format_lsn(change.lsn));
  append_member(out, "commit_lsn", format_lsn(change.position.commit_lsn));
  out += fmt::format(R"(,"ordinal":{},"xid":{})", change.position.ordinal, change.xid);
  if (change.op == Op::kMessage) {
    append_member(out, "prefix", change.prefix);
    append_member(out, "content", change.content);
  }
  if (change.table != nullptr) {
    append_member(out, "table", change.table->full_name());
    append_key(out, *change.table, change.row());
  }
  out += R"(,"before":)";
  append_row(out, change.table, change.before);
  out += R"(,"after":)";
  append_row(out, change.table, change.after);
  append_member(out, "stage", head.shaped ? "sink" : "sql");
  append_event(out, change);
  if (change.table != nullptr) append_layout(out, *change.table);
  out += "}\n";
  return out;
}

std::optional<uint64_t> letter_id(std::string_view line) {
  constexpr std::string_view kStart = R"({"id":)";
  if (!line.starts_with(kStart) || !line.ends_with('}')) return std::nullopt;
  uint64_t id = 0;
  const auto read = std::from_chars(line.data() + kStart.size(), line.data() + line.size(), id);
  if (read.ec != std::errc() || *read.ptr != ',') return std::nullopt;
  return id;
}

Result<Change> LetterReader::read(const std::string& line, bool* shaped) {
  simdjson::dom::parser parser;
  element root;
  const Error damaged(ErrorKind::kData, "this line of the dead-letter file is damaged",
                      "drop the letter, or restore the file");
  if (parser.parse(line).get(root) != simdjson::SUCCESS || !root.is_object()) {
    return Failure(damaged);
  }
  Members members(root);
  Members event(root["event"].is_object() ? element(root["event"].value_unsafe()) : root);
  bool good = true;
  Change change;
  const std::string_view op = members.text("op");
  if (!op.empty()) change.op = static_cast<Op>(op.front());
  change.lsn = members.lsn("lsn");
  change.position = {members.lsn("commit_lsn"), members.unsigned_number("ordinal")};
  change.xid = static_cast<uint32_t>(members.unsigned_number("xid"));
  change.snapshot = static_cast<SnapshotMarker>(event.number("snapshot"));
  change.transactional = event.flag("transactional", true);
  change.last_commit_lsn = event.unsigned_number("last_commit_lsn");
  change.end_lsn = event.unsigned_number("end_lsn");
  change.commit_us = event.number("commit_us");
  element layout;
  if (root["layout"].get(layout) == simdjson::SUCCESS) {
    SchemaPtr& schema = schemas_[simdjson::minify(layout)];
    if (schema == nullptr) {
      schema = read_layout(layout, good);
      batch_.schemas.push_back(schema);
    }
    change.table = schema.get();
  }
  element row;
  if (root["before"].get(row) == simdjson::SUCCESS) {
    change.before = read_row(row, event.number("before_kind"), change.table, batch_.arena, good);
  }
  if (root["after"].get(row) == simdjson::SUCCESS) {
    change.after = read_row(row, event.number("after_kind"), change.table, batch_.arena, good);
  }
  change.prefix = read_bytes(root, "prefix", batch_.arena, good);
  change.content = read_bytes(root, "content", batch_.arena, good);
  *shaped = members.text("stage") != "sql";
  if (!good || !members.good || !event.good) return Failure(damaged);
  return change;
}

}  // namespace millrace
