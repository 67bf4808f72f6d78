// Keeps the current state of each table of a branch.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sink/duckdb/bookkeeping.h"
#include "sink/duckdb/change_writer.h"
#include "sink/duckdb/mirror_table.h"

namespace millrace::duckdb {

class MirrorWriter final : public ChangeWriter {
 public:
  // `is_ours`: whether a table belongs to the branch; such a table is made even before it has a
  // row.
  using TableFilter = std::function<bool(const TableSchema&)>;

  MirrorWriter(Connection& connection, Bookkeeping& bookkeeping, TargetRule rule,
               TableFilter is_ours)
      : connection_(connection),
        bookkeeping_(bookkeeping),
        rule_(std::move(rule)),
        is_ours_(std::move(is_ours)) {}

  Result<void> open() override;
  bool is_prepared(const BatchView& view) const override;
  Result<void> prepare(const BatchView& view) override;
  Result<void> forget_snapshots() override;
  Result<void> begin_snapshot(const BatchView& view) override;
  Result<void> resume_snapshot(const BatchView& view, const UnreadKeys& unread) override;
  Result<void> add(std::span<const Change> changes, const Batch& batch) override;
  Result<void> execute() override;
  Result<void> finish_snapshot(const BatchView& view) override;

  std::vector<Refusal> take_refused() override { return std::exchange(refused_, {}); }

 private:
  struct Needed {
    SchemaPtr schema;
    Lsn first = 0;  // where its first change is
  };

  std::vector<Needed> schemas_of(const BatchView& view) const;
  MirrorTable* table_of(const TableSchema& schema) const;
  Result<void> empty_for_snapshot(MirrorTable& table);

  Connection& connection_;
  Bookkeeping& bookkeeping_;
  const TargetRule rule_;
  const TableFilter is_ours_;
  std::map<std::string, std::unique_ptr<MirrorTable>>
      tables_;                     // by source name, "public.inventory"
  std::set<std::string> emptied_;  // targets that the running snapshot has emptied
  std::vector<Refusal> refused_;
};

}  // namespace millrace::duckdb
