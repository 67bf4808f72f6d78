#include "command/verify_report.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "base/json_text.h"

namespace millrace {

namespace {

using Element = simdjson::dom::element;

constexpr std::pair<DifferentRow::Kind, std::string_view> kKinds[] = {
    {DifferentRow::Kind::kMissing, "missing"},
    {DifferentRow::Kind::kTooMany, "too many"},
    {DifferentRow::Kind::kDifferent, "different"},
};

std::string_view name(DifferentRow::Kind kind) {
  return kKinds[static_cast<size_t>(kind)].second;
}

std::string text_json(const std::optional<std::string>& text) {
  return text ? json_quoted(*text) : "null";
}

template <class T, class ToJson>
std::string array_json(const std::vector<T>& items, ToJson to_json) {
  std::string out = "[";
  for (const T& item : items) {
    if (out.size() > 1) out += ',';
    out += to_json(item);
  }
  return out + ']';
}

std::string row_json(const DifferentRow& row) {
  std::string values;
  for (const auto& [column, value] : row.row) {
    values +=
        fmt::format("{}{}:{}", values.empty() ? "" : ",", json_quoted(column), text_json(value));
  }
  return fmt::format(R"({{"kind":"{}","count":{},"row":{{{}}},"values":{}}})", name(row.kind),
                     row.count, values, array_json(row.values, [](const DifferentValue& value) {
                       return fmt::format(R"({{"column":{},"source":{},"stored":{}}})",
                                          json_quoted(value.column), text_json(value.source),
                                          text_json(value.stored));
                     }));
}

std::string texts_json(const std::vector<std::string>& texts) {
  return array_json(texts, [](const std::string& text) { return json_quoted(text); });
}

std::string table_json(const VerifiedTable& table) {
  return fmt::format(
      R"({{"branch":{},"source":{},"target":{},"history":{},"rows":{},"equal":{},"missing":{},)"
      R"("too_many":{},"different":{},"refused":{},"lacking_columns":{},"notes":{},"examples":{}}})",
      json_quoted(table.branch), json_quoted(table.source), json_quoted(table.target),
      table.is_history, table.rows, table.equal(), table.missing, table.too_many, table.different,
      table.refused, texts_json(table.lacking_columns), texts_json(table.notes),
      array_json(table.examples, row_json));
}

// Members that are missing, or of another type, are left as they were: the answer is our own.
void read(const Element& from, const char* key, std::string& into) {
  std::string_view text;
  if (from[key].get_string().get(text) == simdjson::SUCCESS) into = text;
}

void read(const Element& from, const char* key, uint64_t& into) {
  uint64_t number = 0;
  if (from[key].get_uint64().get(number) == simdjson::SUCCESS) into = number;
}

std::optional<std::string> optional_text(simdjson::simdjson_result<Element> value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

template <class Take>
void each(const Element& from, const char* key, Take take) {
  simdjson::dom::array items;
  if (from[key].get_array().get(items) != simdjson::SUCCESS) return;
  for (const Element item : items)
    take(item);
}

void read(const Element& from, const char* key, std::vector<std::string>& into) {
  each(from, key,
       [&](const Element& item) { into.push_back(optional_text(Element(item)).value_or("")); });
}

DifferentRow row_from(const Element& from) {
  DifferentRow out;
  std::string kind;
  read(from, "kind", kind);
  for (const auto& [known, text] : kKinds) {
    if (text == kind) out.kind = known;
  }
  read(from, "count", out.count);
  simdjson::dom::object row;
  if (from["row"].get_object().get(row) == simdjson::SUCCESS) {
    for (const auto& [column, value] : row)
      out.row.emplace_back(std::string(column), optional_text(Element(value)));
  }
  each(from, "values", [&](const Element& value) {
    DifferentValue& made = out.values.emplace_back();
    read(value, "column", made.column);
    made.source = optional_text(value["source"]);
    made.stored = optional_text(value["stored"]);
  });
  return out;
}

VerifiedTable table_from(const Element& from) {
  VerifiedTable out;
  read(from, "branch", out.branch);
  read(from, "source", out.source);
  read(from, "target", out.target);
  bool is_history = false;
  if (from["history"].get_bool().get(is_history) == simdjson::SUCCESS) out.is_history = is_history;
  read(from, "rows", out.rows);
  read(from, "missing", out.missing);
  read(from, "too_many", out.too_many);
  read(from, "different", out.different);
  read(from, "refused", out.refused);
  read(from, "lacking_columns", out.lacking_columns);
  read(from, "notes", out.notes);
  each(from, "examples", [&](const Element& row) { out.examples.push_back(row_from(row)); });
  return out;
}

// 1234567 → 1,234,567
std::string with_commas(uint64_t number) {
  std::string out = std::to_string(number);
  for (size_t i = out.size(); i > 3; i -= 3)
    out.insert(i - 3, ",");
  return out;
}

std::string rows_text(const VerifiedTable& table) {
  return with_commas(table.rows) + (table.rows == 1 ? " row" : " rows");
}

// A value on a line: long ones are cut, control characters would break it.
std::string shown(const std::optional<std::string>& value) {
  constexpr size_t kShownMax = 60;
  if (!value) return "NULL";
  std::string out = value->substr(0, kShownMax);
  if (out.size() < value->size()) {
    while (!out.empty() && (out.back() & 0xc0) == 0x80)
      out.pop_back();
    if (!out.empty() && (out.back() & 0x80) != 0) out.pop_back();
    out += "…";
  }
  std::replace_if(out.begin(), out.end(), [](char c) { return c >= 0 && c < ' '; }, ' ');
  return "'" + out + "'";
}

std::string verdict(const VerifiedTable& table) {
  if (table.equal()) {
    return table.is_history ? "equal (checked against the current rows, no more)" : "equal";
  }
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  if (table.missing + table.too_many + table.different > 0) {
    add(with_commas(table.missing) + " missing");
    if (!table.is_history) add(with_commas(table.too_many) + " too many");
    if (!table.is_history) add(with_commas(table.different) + " different");
  }
  if (table.refused > 0) {
    add(with_commas(table.refused) + " that the warehouse cannot hold (see the dead letters)");
  }
  for (const std::string& column : table.lacking_columns)
    add("no column " + column);
  return "differs: " + out;
}

std::string row_text(const DifferentRow& row) {
  std::string out = fmt::format("    {}: ", name(row.kind));
  for (size_t i = 0; i < row.row.size(); ++i) {
    out += fmt::format("{}{} = {}", i > 0 ? ", " : "", row.row[i].first, shown(row.row[i].second));
  }
  if (row.count > 1) out += fmt::format(" ({} times)", row.count);
  for (const DifferentValue& value : row.values) {
    out += fmt::format("\n      {}: source {}, warehouse {}", value.column, shown(value.source),
                       shown(value.stored));
  }
  return out + "\n";
}

}  // namespace

bool VerifyReport::equal() const {
  return std::all_of(tables.begin(), tables.end(),
                     [](const VerifiedTable& table) { return table.equal(); });
}

std::string to_json(const VerifyReport& report) {
  return fmt::format(
      R"({{"equal":{},"lsn":{},"seconds":{:.3f},"tables":{},"not_compared":{},"notes":{}}})",
      report.equal(), json_quoted(report.lsn), report.seconds,
      array_json(report.tables, table_json),
      array_json(report.not_compared,
                 [](const NotCompared& item) {
                   return fmt::format(R"({{"branch":{},"table":{},"why":{}}})",
                                      json_quoted(item.branch), json_quoted(item.table),
                                      json_quoted(item.why));
                 }),
      texts_json(report.notes));
}

Result<VerifyReport> verify_report_from_json(const std::string& json) {
  simdjson::dom::parser parser;
  Element root;
  VerifyReport out;
  simdjson::dom::array tables;
  if (parser.parse(json).get(root) != simdjson::SUCCESS ||
      root["tables"].get_array().get(tables) != simdjson::SUCCESS) {
    return fail(ErrorKind::kProtocol, "the running process gave an answer that is no report");
  }
  read(root, "lsn", out.lsn);
  double seconds = 0;
  if (root["seconds"].get_double().get(seconds) == simdjson::SUCCESS) out.seconds = seconds;
  for (const Element table : tables)
    out.tables.push_back(table_from(table));
  each(root, "not_compared", [&](const Element& item) {
    NotCompared& made = out.not_compared.emplace_back();
    read(item, "branch", made.branch);
    read(item, "table", made.table);
    read(item, "why", made.why);
  });
  read(root, "notes", out.notes);
  return out;
}

std::string to_text(const VerifyReport& report) {
  size_t branch = 0;
  size_t source = 0;
  size_t rows = 0;
  for (const VerifiedTable& table : report.tables) {
    branch = std::max(branch, table.branch.size());
    source = std::max(source, table.source.size());
    rows = std::max(rows, rows_text(table).size());
  }
  for (const NotCompared& item : report.not_compared)
    branch = std::max(branch, item.branch.size());
  std::string out;
  for (const VerifiedTable& table : report.tables) {
    out += fmt::format("{:<{}}  {:<{}}  {:>{}}  {}\n", table.branch, branch, table.source, source,
                       rows_text(table), rows, verdict(table));
    for (const DifferentRow& row : table.examples)
      out += row_text(row);
    for (const std::string& note : table.notes)
      out += "    " + note + "\n";
  }
  for (const NotCompared& item : report.not_compared) {
    out += fmt::format("{:<{}}  {}{}not compared: {}\n", item.branch, branch, item.table,
                       item.table.empty() ? "" : "  ", item.why);
  }
  for (const std::string& note : report.notes)
    out += note + "\n";
  if (!report.lsn.empty())
    out += fmt::format("as of LSN {}, in {:.1f} s\n", report.lsn, report.seconds);
  if (report.tables.empty()) return out + "nothing was compared\n";
  return out + (report.equal() ? "equal\n" : "not equal\n");
}

}  // namespace millrace
