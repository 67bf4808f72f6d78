// A set of tables by OID: immutable and shared, for it is copied with every Offset.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class TableSet {
 public:
  TableSet() = default;
  explicit TableSet(std::vector<uint32_t> oids);

  // False: nothing is said of any table (not the same as a set without members).
  bool is_known() const { return oids_ != nullptr; }

  bool contains(uint32_t oid) const;
  TableSet with(uint32_t oid) const;
  TableSet without(uint32_t oid) const;
  std::vector<uint32_t> oids() const;

  bool operator==(const TableSet& other) const;

 private:
  std::shared_ptr<const std::vector<uint32_t>> oids_;  // ascending
};

// "16384 16390", and back (nullopt when it is no such list). An unknown set has no text.
std::string format_tables(const TableSet& tables);
std::optional<TableSet> parse_tables(std::string_view text);

}  // namespace millrace
