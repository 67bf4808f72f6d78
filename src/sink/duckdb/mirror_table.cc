#include "sink/duckdb/mirror_table.h"

#include <algorithm>

#include "base/log.h"

namespace millrace::duckdb {

namespace {

constexpr uint64_t kRowsPlannedFor = 1000;  // as the rows that come are said to be

}  // namespace

MirrorTable::~MirrorTable() {
  release();
}

void MirrorTable::release() {
  statements_.clear();
  served_ = planned_for_ = 0;
  if (rows_ != nullptr) connection_.database().rows().remove(rows_id_);
  rows_ = nullptr;
  net_ = nullptr;
  current_ = nullptr;
}

Result<void> MirrorTable::fit(const SchemaPtr& schema, Lsn at) {
  auto changed = target_.fit(connection_, bookkeeping_, *schema, at);
  if (!changed) return Failure(changed.error());
  schemas_.emplace(schema->version, schema);
  if (*changed) release();  // the columns of the schema in use may have new names and types
  return {};
}

Result<void> MirrorTable::use(const Change& change, std::vector<Refusal>& refused) {
  if (current_ != nullptr && current_ == change.table) return {};
  if (auto done = execute(refused); !done) return done;
  release();
  const auto known = schemas_.find(change.table->version);
  if (known == schemas_.end()) {
    return fail(ErrorKind::kInternal, change.table->full_name() + " at " + format_lsn(change.lsn) +
                                          ": the batch did not bring the table's schema");
  }
  const SchemaPtr& shared = known->second;
  current_ = shared.get();
  net_ = std::make_unique<TableNet>(*current_);
  rows_ = std::make_shared<NetRows>(shared, target_.columns_of(*current_), net_->key());
  rows_id_ = connection_.database().rows().add(rows_);
  return empty_for(change);
}

// The rows of a table that was dropped go when the first change of the one comes that has its name
// now.
Result<void> MirrorTable::empty_for(const Change& change) {
  if (!source_) {
    auto stored = bookkeeping_.source(name().sql());
    if (!stored) return Failure(stored.error());
    source_ = stored->value_or(KnownSource{current_->full_name(), current_->oid, 0, 0});
  }
  if (source_->oid == current_->oid) return {};
  log::warn(
      "another table has the name now: the mirror drops the rows of the one that had it; rows that "
      "the new one had before it was captured come with a snapshot of it; those that it had under "
      "another captured name do not: snapshot.mode=always brings them (docs/delivery.md)",
      {{"table", current_->full_name()}, {"lsn", format_lsn(change.lsn)}});
  net_->truncate();
  source_->oid = current_->oid;
  source_->file_node = current_->file_node;
  source_->attnum_max = 0;
  for (const Column& column : current_->columns)
    source_->attnum_max = std::max(source_->attnum_max, column.attnum);
  return bookkeeping_.store_source(name().sql(), *source_);
}

Result<void> MirrorTable::add(const Change& change, bool is_new, std::vector<Refusal>& refused) {
  if (auto done = use(change, refused); !done) return done;
  if (change.op == Op::kTruncate) {
    net_->truncate();
    return {};
  }
  switch (net_->add(change, is_new)) {
    case TableNet::Added::kDone:
      return {};
    case TableNet::Added::kMove:
      return move(change, refused);
    case TableNet::Added::kNoIdentity:
      break;
  }
  refused.push_back(
      {&change, Error(ErrorKind::kData,
                      change.table->full_name() + " at " + format_lsn(change.lsn) +
                          ": the server did not send what tells which row this was",
                      "ALTER TABLE " + change.table->full_name() + " REPLICA IDENTITY FULL")});
  return {};
}

Result<void> MirrorTable::execute(std::vector<Refusal>& refused) {
  if (net_ == nullptr || net_->empty()) return {};
  if (net_->is_truncated()) {
    auto done = connection_.execute("DELETE FROM " + name().sql());
    if (!done) return Failure(done.error());
  }
  auto done = net_->key().empty() ? execute_multiset(refused) : execute_keyed(refused);
  net_->clear();
  if (!done) return Failure(done.error().in("mirror of " + current_->full_name()));
  return {};
}

Result<void> MirrorTable::empty_out() {
  forget();
  auto done = connection_.execute("DELETE FROM " + name().sql());
  if (!done) return Failure(done.error());
  return {};
}

Result<void> MirrorTable::execute_keyed(std::vector<Refusal>& refused) {
  std::vector<ServedRow> fresh;
  std::map<std::string, std::vector<ServedRow>> stored;  // by mask
  for (const NetRow& row : net_->rows()) {
    if (row.state == NetRow::State::kVoid) continue;
    const bool is_gone = row.state == NetRow::State::kGone;
    const ServedRow served{row.change, row.values, nullptr, is_gone, is_gone, 1};
    if (row.is_new) {
      fresh.push_back(served);
    } else {
      stored[is_gone ? std::string(rows_->stored().size(), '0') : mask_of(row.values)].push_back(
          served);
    }
  }
  for (auto& [mask, rows] : stored) {
    if (auto done = write_masked(mask, std::move(rows), refused); !done) return done;
  }
  if (fresh.empty()) return {};
  auto done = run(sql().append(), std::move(fresh), refused);
  if (!done) return Failure(done.error());
  return {};
}

Result<void> MirrorTable::write_masked(const std::string& mask, std::vector<ServedRow> rows,
                                       std::vector<Refusal>& refused) {
  const size_t wanted = rows.size() + refused.size();
  auto written = run(sql().merge(mask), std::move(rows), refused);
  if (!written) return Failure(written.error());
  const bool is_partial = mask.find('1') != std::string::npos;
  if (is_partial && *written + refused.size() < wanted) {
    log::warn(
        "updates of rows that the mirror does not have, and whose unchanged values were not sent, "
        "are left out",
        {{"table", name().text()}, {"rows", wanted - *written - refused.size()}});
  }
  return {};
}

Result<void> MirrorTable::execute_multiset(std::vector<Refusal>& refused) {
  std::vector<ServedRow> taken;
  std::vector<ServedRow> added;
  for (const NetRow& row : net_->rows()) {
    if (row.count < 0) {
      taken.push_back({row.change, row.values, nullptr, true, false, -row.count});
    }
    for (int64_t i = 0; i < row.count; ++i) {
      added.push_back({row.change, row.values, nullptr, false, false, 1});
    }
  }
  if (!taken.empty() && !net_->is_truncated()) {
    int64_t wanted = 0;
    for (const ServedRow& row : taken)
      wanted += row.count;
    auto done = run(sql().take_away(), std::move(taken), refused);
    if (!done) return Failure(done.error());
    const int64_t missing = wanted - static_cast<int64_t>(*done + refused.size());
    if (missing > 0) {
      log::warn(
          "old rows of updates and deletes that the mirror does not have: millrace verify tells "
          "which rows differ",
          {{"table", name().text()}, {"rows", missing}});
    }
  }
  if (added.empty()) return {};
  auto done = run(sql().append(), std::move(added), refused);
  if (!done) return Failure(done.error());
  return {};
}

// A key changed and values of the row are known only where it is stored.
Result<void> MirrorTable::move(const Change& change, std::vector<Refusal>& refused) {
  if (auto done = execute(refused); !done) return done;
  const std::string mask = mask_of(change.after.values);
  auto done = run(sql().move(mask),
                  {{&change, change.after.values, change.before.values, false, false, 1}}, refused);
  if (!done) return Failure(done.error());
  return {};
}

std::string MirrorTable::mask_of(const Datum* values) const {
  std::string out;
  for (const TargetColumn& column : rows_->stored()) {
    out += values[column.index].kind == DatumKind::kUnchanged ? '1' : '0';
  }
  return out;
}

Result<uint64_t> MirrorTable::run(const std::string& sql, std::vector<ServedRow> rows,
                                  std::vector<Refusal>& refused) {
  // DuckDB plans once, by the sizes of that time: planned for an empty table, a merge makes a hash
  // table of all its rows, however many there are by now, and not of those that come.
  if (served_ >= planned_for_ * 2) {
    statements_.clear();
    planned_for_ = std::max(served_, kRowsPlannedFor);
  }
  served_ += rows.size();
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    auto made = connection_.prepare(sql);
    if (!made) return Failure(made.error());
    found = statements_.emplace(sql, std::move(*made)).first;
  }
  rows_->set(std::move(rows), &refused);
  auto result = found->second.execute();
  rows_->set({}, nullptr);
  if (!result) return Failure(result.error());
  return result->rows_changed();
}

MirrorSql MirrorTable::sql() const {
  return {name().sql(), std::string(kRowsFunction) + "(" + std::to_string(rows_id_) + ")",
          rows_->stored(), rows_->key()};
}

}  // namespace millrace::duckdb
