// What a branch keeps beside its data, in the schema _millrace of the file:
//
//   progress(pipeline, branch, stream, "offset")   Offset as JSON, one row a stream
//   targets(target, pipeline, branch, made)        which branch writes a table: exactly one; made:
//   it was made by us columns(target, oid, attnum, source_column, target_column)    what a mirror's
//   columns are at the source unfinished(pipeline, branch, target)           tables that an
//   unfinished snapshot has put rows into
//
// A target is named as SQL names it: "main"."inventory". All calls but open() run in the caller's
// transaction.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "event/batch.h"
#include "wire/duckdb/database.h"

namespace millrace::duckdb {

struct KnownColumn {
  uint32_t oid = 0;    // of the source table
  int16_t attnum = 0;  // 0 = unknown
  std::string source;
  std::string target;
};

class Bookkeeping {
 public:
  Bookkeeping(Connection& connection, std::string pipeline, std::string branch)
      : connection_(connection), pipeline_(std::move(pipeline)), branch_(std::move(branch)) {}

  // Makes the tables when they are missing.
  Result<void> open();

  Result<Progress> progress();
  // Makes what is stored equal to `progress`.
  Result<void> store(const Progress& progress);

  // Makes this branch the writer of a table, which it is about to make when not `exists`. True when
  // the table is one that we made. Error: kConfig when another branch is its writer.
  Result<bool> claim(const std::string& target, bool exists);

  Result<std::vector<KnownColumn>> columns(const std::string& target);
  Result<void> store_columns(const std::string& target, const std::vector<KnownColumn>& columns);

  Result<std::set<std::string>> unfinished();
  Result<void> add_unfinished(const std::string& target);
  Result<void> clear_unfinished();

 private:
  // "pipeline = '…' AND branch = '…'"
  std::string is_ours() const;
  Result<void> run(const std::string& sql);

  Connection& connection_;
  const std::string pipeline_;
  const std::string branch_;
  Progress stored_;
};

}  // namespace millrace::duckdb
