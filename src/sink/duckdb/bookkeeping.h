// What a branch keeps beside its data, in the schema _millrace of the file:
//
//   progress(pipeline, branch, stream, "offset")    Offset as JSON, one row a stream
//   targets(target, pipeline, branch, made)         which branch writes a table: exactly one; made:
//                                                   it was made by us
//   sources(target, source, oid, file_node, attnum_max)
//                                                   which source table a mirror's table holds
//   columns(target, oid, attnum, source_column, target_column, type_oid, typmod, added_at)
//                                                   what a mirror's columns are at the source
//   unfinished(pipeline, branch, target)            tables that an unfinished snapshot has put rows
//   into
//
// A target is named as SQL names it: "main"."inventory". All calls but open() run in the caller's
// transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "event/batch.h"
#include "wire/duckdb/database.h"

namespace millrace::duckdb {

struct KnownColumn {
  uint32_t oid = 0;    // of the source table
  int16_t attnum = 0;  // 0 = unknown
  std::string source;  // empty: the source has dropped it and named another one so
  std::string target;
  uint32_t type_oid = 0;  // of the source column's type as it was last; 0 = unknown
  int32_t typmod = -1;
  Lsn added_at = 0;  // where its table had rows without it before

  bool operator==(const KnownColumn&) const = default;
};

struct KnownSource {
  std::string name;        // "public.inventory"
  uint32_t oid = 0;        // whose rows the target holds
  uint32_t file_node = 0;  // TableSchema::file_node, 0 = unknown
  int16_t attnum_max = 0;  // the highest of its columns, captured or not

  bool operator==(const KnownSource&) const = default;
};

// Of two targets that DuckDB takes for one.
Error case_error(std::string_view one, std::string_view other);

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
  // the table is one that we made. Error: kConfig when another branch is its writer, or another
  // target's name differs in case alone.
  Result<bool> claim(const std::string& target, bool exists);

  Result<std::optional<KnownSource>> source(const std::string& target);
  Result<void> store_source(const std::string& target, const KnownSource& source);

  // In the order in which they were stored.
  Result<std::vector<KnownColumn>> columns(const std::string& target);
  Result<void> store_columns(const std::string& target, const std::vector<KnownColumn>& columns);

  Result<std::set<std::string>> unfinished();
  Result<void> add_unfinished(const std::string& target);
  Result<void> clear_unfinished();
  Result<void> clear_unfinished(const std::string& target);

 private:
  // "pipeline = '…' AND branch = '…'"
  std::string is_ours() const;
  Result<void> run(const std::string& sql);
  Result<void> check_case(const std::string& target);

  Connection& connection_;
  const std::string pipeline_;
  const std::string branch_;
  Progress stored_;
};

}  // namespace millrace::duckdb
