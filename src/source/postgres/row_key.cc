#include "source/postgres/row_key.h"

#include <algorithm>

#include "source/postgres/regex_list.h"

namespace millrace {

namespace {

constexpr std::string_view kSetting = "message.key.columns";
constexpr std::string_view kForm = "write table:column,column and separate tables by ';'";

std::string_view trim(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t\r\n");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

// The part before `separator`; `text` keeps what stands behind it.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return trim(part);
}

bool is_usable(const UniqueIndex& index) {
  return index.is_valid && !index.is_partial && !index.attnums.empty() &&
         std::ranges::find(index.attnums, 0) == index.attnums.end();
}

std::vector<uint16_t> columns_at(const TableSchema& table, const std::vector<int16_t>& attnums) {
  std::vector<uint16_t> out;
  for (const int16_t attnum : attnums) {
    const auto at = std::ranges::find(table.columns, attnum, &Column::attnum);
    if (at == table.columns.end()) continue;
    out.push_back(static_cast<uint16_t>(at - table.columns.begin()));
  }
  return out;
}

void set_identity(TableSchema& table, const std::vector<UniqueIndex>& indexes) {
  for (Column& column : table.columns)
    column.identity = table.identity == ReplicaIdentity::kFull;
  const bool by_key = table.identity == ReplicaIdentity::kDefault;
  if (!by_key && table.identity != ReplicaIdentity::kIndex) return;
  for (const UniqueIndex& index : indexes) {
    if (!(by_key ? index.is_primary : index.is_identity)) continue;
    for (const uint16_t at : columns_at(table, index.attnums))
      table.columns[at].identity = true;
  }
}

}  // namespace

Result<MessageKeyColumns> MessageKeyColumns::make(std::string_view text) {
  MessageKeyColumns out;
  while (!trim(text).empty()) {
    std::string_view columns = take_until(text, ';');
    if (columns.empty()) continue;
    const std::string_view table = take_until(columns, ':');
    if (table.empty() || trim(columns).empty() || columns.find(':') != std::string_view::npos) {
      return fail(ErrorKind::kConfig,
                  std::string(kSetting) + " is not a list of tables with columns",
                  std::string(kForm));
    }
    while (!columns.empty()) {
      const std::string_view column = take_until(columns, ',');
      auto regex = compile_regex(kSetting, std::string(table) + "." + std::string(column));
      if (!regex) return Failure(regex.error());
      out.regexes_.push_back(std::move(*regex));
    }
  }
  return out;
}

std::vector<uint16_t> MessageKeyColumns::columns_of(const TableSchema& table) const {
  std::vector<uint16_t> out;
  for (const auto& regex : regexes_) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const auto index = static_cast<uint16_t>(i);
      const std::string name = table.full_name() + "." + table.columns[i].name;
      if (!regex_matches(*regex, name) || std::ranges::find(out, index) != out.end()) continue;
      out.push_back(index);
    }
  }
  return out;
}

void set_keys(TableSchema& table, std::vector<UniqueIndex> indexes,
              const MessageKeyColumns& custom) {
  std::ranges::sort(indexes, [](const UniqueIndex& a, const UniqueIndex& b) {
    if (a.is_primary != b.is_primary) return a.is_primary;
    if (a.is_clustered != b.is_clustered) return a.is_clustered;
    return a.name < b.name;
  });
  set_identity(table, indexes);
  const auto primary = std::ranges::find(indexes, true, &UniqueIndex::is_primary);
  table.primary_key.clear();
  if (primary != indexes.end() && primary->is_immediate)
    table.primary_key = columns_at(table, primary->attnums);
  table.key = custom.columns_of(table);
  if (!table.key.empty()) return;
  const auto first = std::ranges::find_if(indexes, is_usable);
  if (first == indexes.end()) return;
  table.key = columns_at(table, first->attnums);
}

}  // namespace millrace
