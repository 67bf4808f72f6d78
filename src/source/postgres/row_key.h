// Which columns make the key of a table's records, by Debezium's rules: message.key.columns where
// it names the table, else the primary key, else the first usable unique index.
//
// Debezium takes any unique index without expressions, in the order "the clustered one first, then
// by name", nullable columns included. We leave out partial and invalid ones: their columns are not
// unique.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/schema.h"

namespace re2 {
class RE2;
}

namespace millrace {

// message.key.columns: "table regex:column,column;table regex:column".
class MessageKeyColumns {
 public:
  static Result<MessageKeyColumns> make(std::string_view text);

  // Indices into table.columns, in the setting's order; empty where it does not name the table.
  std::vector<uint16_t> columns_of(const TableSchema& table) const;

 private:
  // "table regex" + "." + "column", as Debezium matches it
  std::vector<std::shared_ptr<const re2::RE2>> regexes_;
};

// A unique index of a table.
struct UniqueIndex {
  std::string name;
  std::vector<int16_t> attnums;  // in the index's order, without INCLUDE columns; 0: an expression
  bool is_primary = false;
  bool is_identity = false;  // pg_index.indisreplident
  bool is_clustered = false;
  bool is_partial = false;
  bool is_valid = true;
  bool is_immediate = true;  // false: DEFERRABLE, two rows may have one key for a while
};

// Sets key, primary_key and the columns' identity flags. identity, columns, attnum are there
// already.
void set_keys(TableSchema& table, std::vector<UniqueIndex> indexes,
              const MessageKeyColumns& custom);

}  // namespace millrace
