// One table of a mirror: collects changes in a net and writes what they come to.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sink/duckdb/mirror_sql.h"
#include "sink/duckdb/net_rows.h"
#include "sink/duckdb/table_net.h"
#include "sink/duckdb/target_table.h"

namespace millrace::duckdb {

class MirrorTable {
 public:
  MirrorTable(Connection& connection, Bookkeeping& bookkeeping, TargetName name)
      : connection_(connection), bookkeeping_(bookkeeping), target_(std::move(name)) {}

  ~MirrorTable();
  MirrorTable(const MirrorTable&) = delete;
  MirrorTable& operator=(const MirrorTable&) = delete;

  const TargetName& name() const { return target_.name(); }

  // Outside of a transaction. `at`: the first change of the schema.
  Result<void> fit(const SchemaPtr& schema, Lsn at);

  bool knows(const TableSchema& schema) const { return schemas_.contains(schema.version); }

  // Adds a change of one of the known schemas; may execute when that takes to go on.
  Result<void> add(const Change& change, bool is_new, std::vector<Refusal>& refused);

  // Writes what was added.
  Result<void> execute(std::vector<Refusal>& refused);

  // Empties the table where it is stored, and forgets what was added.
  Result<void> empty_out();

  // Forgets what was added and not committed.
  void forget() {
    if (net_) net_->clear();
    current_ = nullptr;
    source_.reset();
  }

 private:
  Result<void> use(const Change& change, std::vector<Refusal>& refused);
  Result<void> empty_for(const Change& change);
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

  MirrorSql sql() const;

  Connection& connection_;
  Bookkeeping& bookkeeping_;
  TargetTable target_;
  std::map<uint64_t, SchemaPtr> schemas_;  // by version: those that the target fits
  const TableSchema* current_ = nullptr;   // whose changes are in the net
  std::optional<KnownSource> source_;      // whose rows are stored, in this transaction
  std::unique_ptr<TableNet> net_;
  std::shared_ptr<NetRows> rows_;
  int64_t rows_id_ = 0;
  std::map<std::string, Statement> statements_;  // by SQL; of current_
  uint64_t served_ = 0;                          // rows, to statements
  uint64_t planned_for_ = 0;                     // so many had been served
};

}  // namespace millrace::duckdb
