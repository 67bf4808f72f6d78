// The statements that write the rows of a net (NetRows: c0, c1, …, o0, …, gone, n) to a mirror's
// table.
//
// Where the source's type is another than the stored one, for it was changed, rows that the server
// has written anew since may be stored otherwise than they are sent: keys, and the rows of a
// multiset, are compared as values of the source's type then.
#pragma once

#include <string>
#include <vector>

#include "sink/duckdb/target_table.h"

namespace millrace::duckdb {

class MirrorSql {
 public:
  // `target`, `rows`: as they stand in FROM. `key`: positions in `columns`. Both live as long as
  // this.
  MirrorSql(std::string target, std::string rows, const std::vector<TargetColumn>& columns,
            const std::vector<size_t>& key)
      : target_(std::move(target)), rows_(std::move(rows)), columns_(columns), key_(key) {}

  // Writes rows by key and removes those that are gone. `mask` has a '1' for each column that stays
  // as it is stored; where there is one, no row is inserted.
  std::string merge(const std::string& mask) const;

  // Writes rows whose key was another: found by the old one.
  std::string move(const std::string& mask) const;

  // Of the stored rows that equal a row (NULL = NULL, NaN = NaN), as many as were deleted.
  std::string take_away() const;

  std::string append() const;

 private:
  bool is_key(size_t column) const;
  std::string names() const;
  std::string assignments(const std::string& mask, bool with_key) const;
  std::string key_condition(bool is_old) const;
  std::string equal(size_t i) const;

  const std::string target_;
  const std::string rows_;
  const std::vector<TargetColumn>& columns_;
  const std::vector<size_t>& key_;
};

}  // namespace millrace::duckdb
