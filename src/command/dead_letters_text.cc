#include "command/dead_letters_text.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "base/json_text.h"

namespace millrace {

namespace {

using simdjson::dom::element;

std::string text_of(element root, const char* name) {
  std::string_view text;
  return root[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

// A value of a row as a person reads it.
std::string value_text(element value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  if (value.is_null()) return "NULL";
  if (value["unchanged"].error() == simdjson::SUCCESS) return "(unchanged)";
  return simdjson::minify(value);
}

std::string key_text(element root) {
  simdjson::dom::object key;
  std::string out;
  if (root["key"].get(key) != simdjson::SUCCESS) return out;
  for (const auto& [column, value] : key) {
    out += (out.empty() ? "" : ", ") + std::string(column) + "=" + value_text(value);
  }
  return out;
}

std::string state_text(uint64_t id, const LetterMarks& marks) {
  if (const auto by = marks.superseded.find(id); by != marks.superseded.end()) {
    return "superseded at " + by->second;
  }
  if (const auto again = marks.again.find(id); again != marks.again.end()) {
    return fmt::format("refused again ({})", again->second.times);
  }
  return "waits";
}

// Without what a terminal would act upon.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string row_text(element root, const char* name) {
  simdjson::dom::object row;
  if (root[name].get(row) != simdjson::SUCCESS) return {};
  std::string out = fmt::format("{}:\n", name);
  for (const auto& [column, value] : row)
    out += fmt::format("  {} = {}\n", printable(std::string(column)), printable(value_text(value)));
  return out;
}

}  // namespace

ListedLetter listed_letter(const std::string& branch, uint64_t id, const std::string& line,
                           const LetterMarks& marks) {
  ListedLetter out;
  out.name = fmt::format("{}/{}", branch, id);
  out.branch = branch;
  out.id = id;
  out.bytes = line.size();
  out.state = state_text(id, marks);
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(line).get(root) != simdjson::SUCCESS) {
    out.message = "this line of the file is damaged";
    return out;
  }
  out.ts = text_of(root, "ts");
  out.table = text_of(root, "table");
  out.op = text_of(root, "op");
  out.lsn = text_of(root, "lsn");
  out.key = key_text(root);
  const auto again = marks.again.find(id);
  out.message = again == marks.again.end() ? text_of(root, "message") : again->second.message;
  return out;
}

std::string list_text(const std::vector<ListedLetter>& letters) {
  constexpr size_t kColumns = 7;
  using Row = std::array<std::string, kColumns>;
  std::vector<Row> rows{{"LETTER", "SINCE", "TABLE", "OP", "LSN", "KEY", "STATE"}};
  for (const ListedLetter& letter : letters) {
    rows.push_back({letter.name, letter.ts, letter.table, letter.op, letter.lsn,
                    printable(letter.key), letter.state});
  }
  std::array<size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t column = 0; column < kColumns; ++column) {
      const bool is_last = column + 1 == kColumns;
      out += is_last ? rows[i][column] : fmt::format("{:<{}}  ", rows[i][column], widths[column]);
    }
    out += '\n';
    if (i > 0) out += "    " + printable(letters[i - 1].message) + "\n";
  }
  return out;
}

std::string letter_text(const ListedLetter& letter, const std::string& line) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(line).get(root) != simdjson::SUCCESS) return letter.message + "\n";
  std::string out =
      fmt::format("letter:  {}\nstate:   {}\nsince:   {}\nreason:  {}: {}\n", letter.name,
                  letter.state, letter.ts, text_of(root, "reason"), printable(letter.message));
  if (const std::string cure = text_of(root, "cure"); !cure.empty()) {
    out += "cure:    " + printable(cure) + "\n";
  }
  out +=
      fmt::format("table:   {}\nkey:     {}\nop:      {}\nlsn:     {}\ncommit:  {}\n", letter.table,
                  printable(letter.key), letter.op, letter.lsn, text_of(root, "commit_lsn"));
  return out + row_text(root, "before") + row_text(root, "after");
}

std::string letter_json(const ListedLetter& letter, const std::string& line) {
  return fmt::format("{{\"letter\":{},\"state\":{},\"message\":{},\"change\":{}}}\n",
                     json_quoted(letter.name), json_quoted(letter.state),
                     json_quoted(letter.message), line);
}

}  // namespace millrace
