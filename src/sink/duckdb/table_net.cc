#include "sink/duckdb/table_net.h"

#include "wire/duckdb/table_columns.h"

namespace millrace::duckdb {

namespace {

std::vector<uint16_t> captured(const TableSchema& table) {
  std::vector<uint16_t> out;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].is_kept()) out.push_back(static_cast<uint16_t>(i));
  }
  return out;
}

}  // namespace

std::vector<uint16_t> mirror_key(const TableSchema& table) {
  std::vector<uint16_t> out;
  if (table.identity == ReplicaIdentity::kIndex) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].identity) out.push_back(static_cast<uint16_t>(i));
    }
  } else if (table.identity != ReplicaIdentity::kNothing) {
    out = table.primary_key;
  }
  for (uint16_t i : out) {
    if (!table.columns[i].is_kept()) return {};  // not stored, so it cannot be looked for
  }
  return out;
}

TableNet::TableNet(const TableSchema& table)
    : table_(table), key_(mirror_key(table)), identity_(key_.empty() ? captured(table) : key_) {}

void TableNet::clear() {
  rows_.clear();
  index_.clear();
  arena_.clear();
  truncated_ = false;
}

void TableNet::truncate() {
  clear();
  truncated_ = true;
}

bool TableNet::key_of(const Datum* values, const Datum* otherwise, std::string& out) const {
  out.clear();
  for (uint16_t i : identity_) {
    const Datum* value = &values[i];
    if (value->kind == DatumKind::kUnchanged && otherwise != nullptr) value = &otherwise[i];
    if (!value->has_value() && !value->is_null()) return false;
    const uint32_t length = value->is_null() ? UINT32_MAX : value->length;
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    if (!value->is_null()) out.append(value->view());
  }
  return true;
}

NetRow& TableNet::row_at(const std::string& key) {
  const auto [it, is_first] = index_.try_emplace(key, rows_.size());
  if (is_first) rows_.emplace_back();
  return rows_[it->second];
}

// The new row's values; what the update did not touch comes from the old row, or from what is in
// the net.
const Datum* TableNet::resolve(const Change& change, const NetRow* stored) {
  Datum* copy = nullptr;
  for (size_t i = 0; i < change.after.count; ++i) {
    if (change.after[i].kind != DatumKind::kUnchanged) continue;
    const Datum* known = &value_after(change, i);
    if (known->kind == DatumKind::kUnchanged && stored != nullptr) known = &stored->values[i];
    if (known->kind == DatumKind::kUnchanged) continue;
    if (copy == nullptr) {
      copy = arena_.allocate_array<Datum>(change.after.count);
      std::copy(change.after.values, change.after.values + change.after.count, copy);
    }
    copy[i] = *known;
  }
  return copy == nullptr ? change.after.values : copy;
}

TableNet::Added TableNet::add(const Change& change, bool is_new) {
  return key_.empty() ? add_multiset(change) : add_keyed(change, is_new);
}

TableNet::Added TableNet::add_keyed(const Change& change, bool is_new) {
  if (change.op == Op::kUpdate) return add_update(change);
  std::string key;
  const bool is_delete = change.op == Op::kDelete;
  const Tuple& image = is_delete ? change.before : change.after;
  if (!image || !key_of(image.values, nullptr, key)) return Added::kNoIdentity;
  NetRow& row = row_at(key);
  if (is_delete) {
    row.state = row.is_new ? NetRow::State::kVoid : NetRow::State::kGone;
  } else {
    // A row that is to be deleted where it is stored is overwritten there.
    row.is_new = row.is_new || (is_new && row.state == NetRow::State::kVoid);
    row.state = NetRow::State::kStored;
  }
  row.change = &change;
  row.values = image.values;
  return Added::kDone;
}

TableNet::Added TableNet::add_update(const Change& change) {
  if (!change.after) return Added::kNoIdentity;
  const Datum* old_values = change.before ? change.before.values : nullptr;
  std::string new_key;
  std::string old_key;
  if (!key_of(change.after.values, old_values, new_key)) return Added::kNoIdentity;
  if (old_values == nullptr) {
    old_key = new_key;
  } else if (!key_of(old_values, nullptr, old_key)) {
    return Added::kNoIdentity;
  }
  const auto found = index_.find(old_key);
  const NetRow* stored = found == index_.end() ? nullptr : &rows_[found->second];
  if (stored != nullptr && stored->state != NetRow::State::kStored) stored = nullptr;
  const Datum* values = resolve(change, stored);
  const bool is_new = stored != nullptr && stored->is_new;
  if (old_key != new_key) {
    for (uint16_t i = 0; i < change.after.count; ++i) {
      if (values[i].kind == DatumKind::kUnchanged) return Added::kMove;
    }
    NetRow& old_row = row_at(old_key);
    old_row.state = is_new ? NetRow::State::kVoid : NetRow::State::kGone;
    old_row.change = &change;
    old_row.values = old_values;
  }
  NetRow& row = row_at(new_key);
  row.is_new = row.is_new || (is_new && row.state == NetRow::State::kVoid);
  row.state = NetRow::State::kStored;
  row.change = &change;
  row.values = values;
  return Added::kDone;
}

bool TableNet::count_row(const Datum* values, const Change& change, int64_t by) {
  std::string key;
  if (!key_of(values, nullptr, key)) return false;
  NetRow& row = row_at(key);
  row.count += by;
  row.state = row.count == 0  ? NetRow::State::kVoid
              : row.count > 0 ? NetRow::State::kStored
                              : NetRow::State::kGone;
  row.change = &change;
  row.values = values;
  return true;
}

TableNet::Added TableNet::add_multiset(const Change& change) {
  if (change.op != Op::kCreate && change.op != Op::kRead) {
    if (change.before.kind != TupleKind::kFull || !count_row(change.before.values, change, -1)) {
      return Added::kNoIdentity;
    }
  }
  if (change.op == Op::kDelete) return Added::kDone;
  if (!change.after || !count_row(resolve(change, nullptr), change, 1)) return Added::kNoIdentity;
  return Added::kDone;
}

}  // namespace millrace::duckdb
