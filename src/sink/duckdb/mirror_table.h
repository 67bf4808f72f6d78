// One table of a mirror: collects changes in a net and writes what they come to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sink/duckdb/net_rows.h"
#include "sink/duckdb/table_net.h"
#include "sink/duckdb/target_table.h"

namespace millrace::duckdb {

class MirrorTable {
 public:
  MirrorTable(Connection& connection, TargetName name)
      : connection_(connection), target_(std::move(name)) {}

  ~MirrorTable();
  MirrorTable(const MirrorTable&) = delete;
  MirrorTable& operator=(const MirrorTable&) = delete;

  const TargetName& name() const { return target_.name(); }

  // Outside of a transaction.
  Result<void> fit(Bookkeeping& bookkeeping, const SchemaPtr& schema);

  bool knows(const TableSchema& schema) const { return schemas_.contains(schema.version); }

  // Adds a change of one of the known schemas; may execute when that takes to go on.
  Result<void> add(const Change& change, bool is_new, std::vector<Refusal>& refused);

  // Writes what was added.
  Result<void> execute(std::vector<Refusal>& refused);

  // Empties the table where it is stored, and forgets what was added.
  Result<void> empty_out();

  // Forgets what was added and not executed.
  void forget() {
    if (net_) net_->clear();
  }

 private:
  Result<void> use(const TableSchema& schema, std::vector<Refusal>& refused);
  void release();
  Result<uint64_t> run(const std::string& sql, std::vector<ServedRow> rows,
                       std::vector<Refusal>& refused);
  Result<void> execute_keyed(std::vector<Refusal>& refused);
  Result<void> execute_multiset(std::vector<Refusal>& refused);
  Result<void> write_masked(const std::string& mask, std::vector<ServedRow> rows,
                            std::vector<Refusal>& refused);
  Result<void> move(const Change& change, std::vector<Refusal>& refused);
  // A '1' for each stored column whose value is unchanged.
  std::string mask_of(const Datum* values) const;

  std::string rows_sql() const;
  std::string assignments(const std::string& mask, bool with_key) const;
  std::string key_condition(const char* prefix) const;
  std::string insert_sql() const;
  std::string merge_sql(const std::string& mask) const;
  std::string take_away_sql() const;
  std::string append_sql() const;

  Connection& connection_;
  TargetTable target_;
  std::map<uint64_t, SchemaPtr> schemas_;  // by version: those that the target fits
  const TableSchema* current_ = nullptr;   // whose changes are in the net
  std::unique_ptr<TableNet> net_;
  std::shared_ptr<NetRows> rows_;
  int64_t rows_id_ = 0;
  std::map<std::string, Statement> statements_;  // by SQL; of current_
};

}  // namespace millrace::duckdb
