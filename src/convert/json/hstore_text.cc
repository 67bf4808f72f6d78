#include "convert/json/hstore_text.h"

#include "convert/json/java_hash_order.h"

namespace millrace {

namespace {

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

bool take_quoted(std::string_view& text, std::string& to) {
  if (!take(text, "\"")) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
    if (text[i] == '\\') ++i;
    if (i == text.size()) return false;
    to += text[i];
  }
  return false;
}

}  // namespace

std::optional<std::vector<HstoreEntry>> parse_hstore(std::string_view text) {
  std::vector<HstoreEntry> entries;
  while (!text.empty()) {
    HstoreEntry entry;
    if (!entries.empty() && !take(text, ", ")) return std::nullopt;
    if (!take_quoted(text, entry.key) || !take(text, "=>")) return std::nullopt;
    if (!take(text, "NULL") && !take_quoted(text, entry.value.emplace())) return std::nullopt;
    entries.push_back(std::move(entry));
  }
  std::vector<uint32_t> hashes;
  hashes.reserve(entries.size());
  for (const HstoreEntry& entry : entries)
    hashes.push_back(java_string_hash(entry.key));
  std::vector<HstoreEntry> ordered;
  ordered.reserve(entries.size());
  for (const size_t i : java_hash_order(hashes, java_hash_buckets(entries.size()))) {
    ordered.push_back(std::move(entries[i]));
  }
  return ordered;
}

}  // namespace millrace
