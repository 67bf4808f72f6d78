// Which schemas, tables and columns are captured: {schema,table,column}.{include,exclude}.list, by
// Debezium's rules (regex_list.h) on "schema", "schema.table" and "schema.table.column".
// PostgreSQL's own schemas, temporary tables and PostGIS's spatial_ref_sys never are. Immutable;
// any thread.
#pragma once

#include <string_view>

#include "base/result.h"
#include "source/postgres/postgres_config.h"
#include "source/postgres/regex_list.h"

namespace millrace {

class TableFilter {
 public:
  static Result<TableFilter> make(const PostgresConfig& config);

  bool captures_schema(std::string_view schema) const;
  bool captures_table(std::string_view schema, std::string_view table) const;
  // Of a captured table.
  bool captures_column(std::string_view schema, std::string_view table,
                       std::string_view column) const;

  // snapshot.include.collection.list; true for all where it is empty.
  bool snapshots_table(std::string_view schema, std::string_view table) const;

  const RegexList& table_include() const { return table_.include; }

 private:
  struct Lists {
    RegexList include;
    RegexList exclude;

    bool pass(std::string_view name) const {
      return include.empty() ? !exclude.matches(name) : include.matches(name);
    }
  };

  Lists schema_;
  Lists table_;
  Lists column_;
  RegexList snapshot_;
};

}  // namespace millrace
