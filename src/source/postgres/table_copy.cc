#include "source/postgres/table_copy.h"

#include <algorithm>
#include <utility>

#include "source/postgres/copy_binary.h"
#include "source/postgres/copy_text.h"

namespace millrace {

Result<void> TableCopy::begin(Rows rows) {
  rows_ = std::move(rows);
  plan_ = std::move(rows_.plan);
  table_ = rows_.schema;
  rows_in_table_ = 0;
  return connection_.copy_send(plan_.statement);
}

Result<TableCopy::Step> TableCopy::read(SteadyTime deadline) {
  while (batch_ == nullptr || batch_bytes_ < rows_.batch_bytes) {
    std::string_view row;
    auto step = connection_.copy_next(deadline, row);
    if (!step) return Failure(step.error());
    if (*step == postgres::Connection::CopyStep::kNothing) return Step::kNothing;
    if (*step == postgres::Connection::CopyStep::kEnd) return Step::kEnd;
    if (!plan_.renders.empty()) {
      const auto found = CopyBinaryReader::row_in(row);
      if (!found) continue;
      row = *found;
    }
    if (auto added = add_row(row); !added) return Failure(added.error());
  }
  return Step::kBatch;
}

std::shared_ptr<Batch> TableCopy::take_batch() {
  batch_bytes_ = 0;
  return std::exchange(batch_, nullptr);
}

Result<void> TableCopy::add_row(std::string_view row) {
  if (!batch_) batch_ = rows_.new_batch();
  auto after = read_row(row, *batch_);
  if (!after) return Failure(after.error());
  ++rows_in_table_;
  bytes_ += row.size();
  Change change;
  change.op = Op::kRead;
  change.snapshot = SnapshotMarker::kTrue;
  change.xid = rows_.at.xid;
  change.table = table_.get();
  change.after = *after;
  change.lsn = rows_.at.lsn;
  change.commit_us = rows_.at.commit_us;
  batch_->changes.push_back(change);
  batch_bytes_ += row.size() + table_->columns.size() * sizeof(Datum) + sizeof(Change);
  return {};
}

Result<Tuple> TableCopy::read_row(std::string_view row, Batch& batch) const {
  const TableSchema& table = *table_;
  const size_t count = table.columns.size();
  Datum* values = batch.arena.allocate_array<Datum>(count);
  std::fill_n(values, count, Datum{nullptr, 0, DatumKind::kAbsent});
  const bool whole = plan_.renders.empty() ? read_text(row, values, batch.arena)
                                           : read_binary(row, values, batch.arena);
  if (!whole) {
    return fail(ErrorKind::kProtocol, "row " + std::to_string(rows_in_table_ + 1) + " of " +
                                          table.full_name() + " is not what COPY was asked for");
  }
  return Tuple{values, static_cast<uint16_t>(count), TupleKind::kFull};
}

bool TableCopy::read_text(std::string_view row, Datum* values, Arena& arena) const {
  CopyTextReader reader(row, arena);
  for (const int column : plan_.columns) {
    const Datum value = reader.field();
    if (column != CopyPlan::kSkip) values[column] = value;
  }
  return plan_.columns.empty() ? reader.ok() : reader.complete();
}

bool TableCopy::read_binary(std::string_view row, Datum* values, Arena& arena) const {
  CopyBinaryReader reader(row, arena);
  for (size_t i = 0; i < plan_.columns.size(); ++i)
    values[plan_.columns[i]] = reader.field(plan_.renders[i]);
  return reader.complete();
}

}  // namespace millrace
