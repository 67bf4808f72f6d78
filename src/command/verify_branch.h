// One branch that ends in DuckDB against the source, round by round: a round has one snapshot of
// the source for all branches.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "assembly.h"
#include "command/verify_mirror.h"
#include "sink/duckdb/duckdb_sink.h"

namespace millrace {

// Where a branch of the running pipeline stands.
struct Standing {
  Lsn durable = 0;
  uint64_t events = 0;     // changes made durable since its start
  bool in_flight = false;  // it has been given batches that are not durable
};

// An error when the branch will not move any more. Empty: nothing runs, and what the file says
// counts.
using StandingOf = std::function<Result<Standing>(std::string_view branch)>;

class BranchVerifier {
 public:
  // All outlive it.
  BranchVerifier(const Assembly& assembly, const BranchConfig& branch, const StandingOf& standing)
      : assembly_(assembly), branch_(branch), standing_(standing) {}

  // Opens the file, or shares the handle of this process.
  Result<void> open(const std::vector<SchemaPtr>& captured);

  // Another round would change nothing.
  bool is_settled() const;

  // A round: before the snapshot; then as soon as there is one, waiting until the branch has passed
  // it; then the comparison, which may take long.
  Result<void> begin_round();
  Result<void> pass(Lsn snapshot);
  Result<void> compare(const SourceSnapshot& snapshot);

  // Adds what was found.
  Result<void> finish(VerifyReport& report);

 private:
  bool is_mirror() const { return config_.mode == DuckDbMode::kMirror; }

  void leave_out(std::string table, std::string why);
  Result<Standing> standing();
  Result<void> wait_for(Lsn lsn);
  GoOn while_it_runs();
  Result<void> fix_what_is_seen();
  Result<void> compare_mirror(const SourceSnapshot& snapshot);
  Result<void> check_histories(const SourceSnapshot& snapshot);
  Result<std::optional<std::string>> statement_for(const TableSchema& table) const;
  std::string where_it_stands(const VerifyReport& report) const;

  const Assembly& assembly_;
  const BranchConfig& branch_;
  const StandingOf& standing_;
  DuckDbSinkConfig config_;
  std::unique_ptr<duckdb::Connection> warehouse_;  // once prepared
  std::vector<SchemaPtr> tables_;
  std::vector<MirrorComparison> mirrors_;
  bool histories_checked_ = false;
  Standing before_;        // the snapshot of this round
  bool is_quiet_ = false;  // nothing changed since
  Standing last_;
  std::vector<VerifiedTable> done_;
  std::vector<NotCompared> not_compared_;
};

}  // namespace millrace
