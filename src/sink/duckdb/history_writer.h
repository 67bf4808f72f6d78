// Keeps every change: for each one the row that the branch's sql makes of it, or all columns and
// what the change was.
//
// Rows of a snapshot wait in a table of their own (_millrace."snapshot …") until the snapshot is
// complete, and then go to the target in one transaction: a snapshot that starts anew only has to
// empty that table.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sink/duckdb/bookkeeping.h"
#include "sink/duckdb/change_writer.h"
#include "wire/duckdb/row_statement.h"

namespace millrace::duckdb {

class HistoryWriter final : public ChangeWriter {
 public:
  // The statement for a table; nullopt: none, all columns are kept.
  using StatementOf = std::function<std::optional<std::string>(const TableSchema&)>;

  HistoryWriter(Connection& connection, Bookkeeping& bookkeeping, TargetRule rule,
                StatementOf statement_of)
      : connection_(connection),
        bookkeeping_(bookkeeping),
        rule_(std::move(rule)),
        statement_of_(std::move(statement_of)) {}

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
  struct Version {  // of a source table
    RowStatement statement;
    TargetName target;
    bool takes_truncates = false;
    std::optional<Statement> insert;
    std::vector<const Change*> changes;   // added, not executed
    std::vector<const Change*> snapshot;  // the same, for the waiting table
  };

  bool must_prepare(const Change& change) const;
  Result<void> prepare(const SchemaPtr& schema);
  Result<void> make_target(Version& version);
  Result<void> fit_columns(Version& version, bool is_made);
  Result<void> insert(Version& version);
  Result<void> insert_waiting(Version& version);
  Result<void> drop_waiting(const std::string& waiting);

  Connection& connection_;
  Bookkeeping& bookkeeping_;
  const TargetRule rule_;
  const StatementOf statement_of_;
  std::map<uint64_t, Version> versions_;  // by TableSchema::version
  std::set<std::string> waiting_;         // tables, in SQL, where rows wait
  uint64_t chunk_ = 0;                    // Batch::chunk of what was added to Version::snapshot
  std::vector<Refusal> refused_;
};

}  // namespace millrace::duckdb
