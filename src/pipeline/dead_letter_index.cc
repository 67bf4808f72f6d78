#include "pipeline/dead_letter_index.h"

#include <algorithm>
#include <functional>

namespace millrace {

namespace {

void mix(uint64_t& hash, std::string_view bytes) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
  hash = (hash ^ std::hash<std::string_view>{}(bytes)) * kGolden;
  hash ^= hash >> 29;
}

void mix(uint64_t& hash, const Datum& datum) {
  const char kind = static_cast<char>(datum.kind);
  mix(hash, std::string_view(&kind, 1));
  if (datum.has_value()) mix(hash, datum.view());
}

void mix(uint64_t& hash, const Tuple& row) {
  for (const Datum& datum : row ? row.span() : std::span<const Datum>())
    mix(hash, datum);
}

// Hashes of the row's key, as it was and as it is; none without a key or where it is not known.
std::vector<uint64_t> rows_of(const Change& change) {
  std::vector<uint64_t> out;
  if (!is_row(change.op) || change.table == nullptr || change.table->key.empty()) return out;
  for (const Tuple* row : {&change.before, &change.after}) {
    if (!*row) continue;
    uint64_t hash = 0;
    mix(hash, change.table->schema);
    mix(hash, change.table->name);
    const bool is_known = std::ranges::all_of(change.table->key, [&](uint16_t column) {
      if (column >= row->count || !(*row)[column].has_value()) return false;
      mix(hash, (*row)[column]);
      return true;
    });
    if (is_known && std::ranges::find(out, hash) == out.end()) out.push_back(hash);
  }
  return out;
}

// The stream comes after the snapshot.
bool is_later(const Change& change, const DeadLetterIndex::Entry& letter) {
  const bool is_read = change.op == Op::kRead;
  return is_read == letter.is_read ? change.position > letter.position : letter.is_read;
}

}  // namespace

DeadLetterIndex::Identity DeadLetterIndex::identity_of(const Change& change) {
  Identity out{change.position, static_cast<char>(change.op), 0};
  if (change.table != nullptr) mix(out.row, change.table->full_name());
  mix(out.row, change.before);
  mix(out.row, change.after);
  return out;
}

DeadLetterIndex::Entry& DeadLetterIndex::add(uint64_t id, const Change& change, bool shaped) {
  known_[identity_of(change)] = id;
  Entry& entry = entries_[id];
  entry.id = id;
  entry.position = change.position;
  entry.is_read = change.op == Op::kRead;
  entry.shaped = shaped;
  if (change.table != nullptr) entry.table = change.table->full_name();
  entry.rows = rows_of(change);
  for (const uint64_t row : entry.rows)
    by_row_.emplace(row, id);
  if (!entry.rows.empty()) ++keyed_tables_[entry.table];
  return entry;
}

void DeadLetterIndex::close(uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  for (const uint64_t row : found->second.rows) {
    const auto [from, to] = by_row_.equal_range(row);
    const auto at = std::find_if(from, to, [&](const auto& pair) { return pair.second == id; });
    if (at != to) by_row_.erase(at);
  }
  if (!found->second.rows.empty() && --keyed_tables_[found->second.table] == 0) {
    keyed_tables_.erase(found->second.table);
  }
  entries_.erase(found);
}

DeadLetterIndex::Entry* DeadLetterIndex::find(uint64_t id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

DeadLetterIndex::Entry* DeadLetterIndex::find(const Change& change) {
  const auto found = known_.find(identity_of(change));
  return found == known_.end() ? nullptr : find(found->second);
}

bool DeadLetterIndex::knows(const Change& change) const {
  return known_.contains(identity_of(change));
}

std::vector<uint64_t> DeadLetterIndex::before(const Change& change) {
  std::vector<uint64_t> out;
  if (change.table == nullptr || keyed_tables_.empty()) return out;
  if (!keyed_tables_.contains(change.table->full_name())) return out;
  const auto take = [&](const Entry& letter) {
    if (!letter.superseded && is_later(change, letter)) out.push_back(letter.id);
  };
  if (change.op == Op::kTruncate) {
    const std::string table = change.table->full_name();
    for (const auto& [id, letter] : entries_) {
      if (letter.table == table) take(letter);
    }
  }
  for (const uint64_t row : rows_of(change)) {
    const auto [from, to] = by_row_.equal_range(row);
    for (auto at = from; at != to; ++at)
      take(entries_.at(at->second));
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<uint64_t> DeadLetterIndex::before_snapshot(const std::vector<SchemaPtr>& tables,
                                                       bool reads_only) const {
  std::set<std::string> names;
  for (const SchemaPtr& table : tables)
    names.insert(table->full_name());
  std::vector<uint64_t> out;
  for (const auto& [id, letter] : entries_) {
    const bool is_void = !letter.superseded && (letter.is_read || !reads_only);
    if (is_void && names.contains(letter.table)) out.push_back(id);
  }
  return out;
}

}  // namespace millrace
