#include "event/table_set.h"

#include <algorithm>
#include <charconv>

namespace millrace {

TableSet::TableSet(std::vector<uint32_t> oids) {
  std::ranges::sort(oids);
  oids.erase(std::ranges::unique(oids).begin(), oids.end());
  oids_ = std::make_shared<const std::vector<uint32_t>>(std::move(oids));
}

bool TableSet::contains(uint32_t oid) const {
  return oids_ != nullptr && std::ranges::binary_search(*oids_, oid);
}

TableSet TableSet::with(uint32_t oid) const {
  if (contains(oid)) return *this;
  std::vector<uint32_t> more = oids();
  more.push_back(oid);
  return TableSet(std::move(more));
}

TableSet TableSet::without(uint32_t oid) const {
  if (!contains(oid)) return *this;
  std::vector<uint32_t> fewer = oids();
  std::erase(fewer, oid);
  return TableSet(std::move(fewer));
}

std::vector<uint32_t> TableSet::oids() const {
  return oids_ == nullptr ? std::vector<uint32_t>() : *oids_;
}

bool TableSet::operator==(const TableSet& other) const {
  if (oids_ == other.oids_) return true;
  return oids_ != nullptr && other.oids_ != nullptr && *oids_ == *other.oids_;
}

std::string format_tables(const TableSet& tables) {
  std::string out;
  for (const uint32_t oid : tables.oids()) {
    if (!out.empty()) out += ' ';
    out += std::to_string(oid);
  }
  return out;
}

std::optional<TableSet> parse_tables(std::string_view text) {
  std::vector<uint32_t> oids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    uint32_t oid = 0;
    const auto read = std::from_chars(at, end, oid);
    if (read.ec != std::errc()) return std::nullopt;
    oids.push_back(oid);
    at = read.ptr;
    if (at == end) break;
    if (*at != ' ') return std::nullopt;
    ++at;
  }
  return TableSet(std::move(oids));
}

}  // namespace millrace
