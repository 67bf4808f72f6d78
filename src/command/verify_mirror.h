// One table of a mirror against its source, in rounds. A round compares the source as of a snapshot
// with what the warehouse holds at that snapshot or later, as multisets (NULL = NULL, NaN = NaN);
// each further round looks only at what differed before, under a new snapshot.
//
// A difference is one that stays while the source's row stays the same version. With a key: the row
// had one version in two rounds, so whatever the warehouse held between them had to be that.
// Without one: the equal rows at the source were the same ones.
#pragma once

#include <string>
#include <vector>

#include "command/verify_report.h"
#include "command/verify_source.h"
#include "sink/duckdb/target_table.h"

namespace millrace {

class MirrorComparison {
 public:
  // `number` tells the comparisons of one connection apart.
  MirrorComparison(SchemaPtr table, duckdb::TargetName target, int number);

  // Within a transaction of `warehouse` that began after the target had passed `snapshot`. Leaves
  // temporary tables there. `is_quiet`: the transaction sees nothing newer than the snapshot, so
  // that this round decides.
  Result<void> compare(duckdb::Connection& warehouse, const PostgresConfig& config,
                       const SourceSnapshot& snapshot, bool is_quiet, const GoOn& go_on);

  // Another round would change nothing.
  bool is_settled() const { return settled_; }

  // After the last round. Branch is left to the caller.
  Result<VerifiedTable> report(duckdb::Connection& warehouse);

 private:
  Result<void> read_target(duckdb::Connection& warehouse);
  Result<void> load_source(duckdb::Connection& warehouse, const PostgresConfig& config,
                           const SourceSnapshot& snapshot, const GoOn& go_on);
  Result<void> find_differences(duckdb::Connection& warehouse);
  Result<std::optional<std::string>> select_again(duckdb::Connection& warehouse) const;
  Result<void> look_whether_settled(duckdb::Connection& warehouse);
  Result<void> count(duckdb::Connection& warehouse);
  Result<void> add_examples(duckdb::Connection& warehouse);
  bool is_key(size_t column) const;
  std::string name(const char* what) const;
  std::string found(int round) const;
  std::string values(bool of_source) const;
  std::string only_found(bool of_source) const;
  std::string same_key(const std::string& a, const std::string& b) const;

  const SchemaPtr table_;
  const SchemaPtr versioned_;
  duckdb::TargetTable target_;
  const int number_;
  std::vector<duckdb::TargetColumn> columns_;
  std::vector<size_t> key_;  // of columns_; all of them where the table has no key
  bool has_key_ = false;
  bool target_exists_ = false;
  int round_ = 0;
  bool settled_ = false;
  VerifiedTable report_;
};

}  // namespace millrace
