#include "sink/duckdb/mirror_writer.h"

namespace millrace::duckdb {

Result<void> MirrorWriter::open() {
  for (auto& [name, table] : tables_)
    table->forget();
  refused_.clear();
  auto unfinished = bookkeeping_.unfinished();
  if (!unfinished) return Failure(unfinished.error());
  emptied_ = std::move(*unfinished);
  return {};
}

// The schemas of the view's changes, and those of the batch that a snapshot brings for tables
// without rows.
std::vector<MirrorWriter::Needed> MirrorWriter::schemas_of(const BatchView& view) const {
  std::map<const TableSchema*, Lsn> used;
  for (const Change& change : view.changes) {
    if (is_row(change.op) || change.op == Op::kTruncate) used.try_emplace(change.table, change.lsn);
  }
  std::vector<Needed> out;
  for (const SchemaPtr& schema : view.batch->schemas) {
    if (const auto first = used.find(schema.get()); first != used.end()) {
      out.push_back({schema, first->second});
      used.erase(first);
    } else if (view.batch->snapshot_start && is_ours_(*schema)) {
      out.push_back({schema, view.batch->offset.lsn});
    }
  }
  return out;
}

MirrorTable* MirrorWriter::table_of(const TableSchema& schema) const {
  const auto found = tables_.find(schema.full_name());
  return found == tables_.end() ? nullptr : found->second.get();
}

bool MirrorWriter::is_prepared(const BatchView& view) const {
  if (view.batch->snapshot_start) return false;
  const TableSchema* last = nullptr;
  for (const Change& change : view.changes) {
    if (change.table == nullptr || change.table == last) continue;
    last = change.table;
    const MirrorTable* table = table_of(*last);
    if (table == nullptr || !table->knows(*last)) return false;
  }
  return true;
}

Result<void> MirrorWriter::prepare(const BatchView& view) {
  for (const auto& [schema, first] : schemas_of(view)) {
    auto& table = tables_[schema->full_name()];
    if (table == nullptr) {
      table = std::make_unique<MirrorTable>(connection_, bookkeeping_, target_name(rule_, *schema));
    }
    if (table->knows(*schema)) continue;
    if (auto done = table->fit(schema, first); !done) return done;
  }
  return {};
}

Result<void> MirrorWriter::empty_for_snapshot(MirrorTable& table) {
  if (emptied_.contains(table.name().sql())) return {};
  if (auto done = table.empty_out(); !done) return done;
  emptied_.insert(table.name().sql());
  return bookkeeping_.add_unfinished(table.name().sql());
}

Result<void> MirrorWriter::forget_snapshots() {
  // Also of tables that the new one may not have.
  for (const std::string& target : emptied_) {
    auto done = connection_.execute("DELETE FROM " + target);
    if (!done) return Failure(done.error());
  }
  emptied_.clear();
  return bookkeeping_.clear_unfinished();
}

Result<void> MirrorWriter::begin_snapshot(const BatchView& view) {
  for (const SchemaPtr& schema : view.batch->schemas) {
    MirrorTable* table = table_of(*schema);
    if (table == nullptr) continue;
    emptied_.erase(table->name().sql());
    if (auto done = bookkeeping_.clear_unfinished(table->name().sql()); !done) return done;
    if (auto done = empty_for_snapshot(*table); !done) return done;
  }
  return {};
}

// Rows are found by their key, so those that come again do no harm.
Result<void> MirrorWriter::resume_snapshot(const BatchView&, const UnreadKeys&) {
  return {};
}

Result<void> MirrorWriter::add(std::span<const Change> changes, const Batch& batch) {
  const bool in_snapshot = batch.stream != kSlotStream && !batch.resumes;
  for (const Change& change : changes) {
    if (!is_row(change.op) && change.op != Op::kTruncate) continue;
    MirrorTable& table = *table_of(*change.table);
    const bool is_new = change.op == Op::kRead && in_snapshot;
    if (is_new) {
      if (auto done = empty_for_snapshot(table); !done) return done;
    }
    if (auto done = table.add(change, is_new, refused_); !done) return done;
  }
  return {};
}

Result<void> MirrorWriter::execute() {
  for (auto& [name, table] : tables_) {
    if (auto done = table->execute(refused_); !done) return done;
  }
  return {};
}

Result<void> MirrorWriter::finish_snapshot(const BatchView& view) {
  for (const SchemaPtr& schema : view.batch->schemas) {
    const MirrorTable* table = table_of(*schema);
    if (table == nullptr) continue;
    emptied_.erase(table->name().sql());
    if (auto done = bookkeeping_.clear_unfinished(table->name().sql()); !done) return done;
  }
  return {};
}

}  // namespace millrace::duckdb
