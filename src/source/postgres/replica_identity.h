// replica.identity.autoset.values: the replica identity that captured tables are to have.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/schema.h"
#include "source/postgres/postgres_config.h"
#include "wire/postgres/connection.h"

namespace re2 {
class RE2;
}

namespace millrace {

struct IdentityRule {
  std::shared_ptr<const re2::RE2> table;  // on schema.table
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::string index;  // of kIndex
};

class IdentityRules {
 public:
  // Items are "table regex:FULL", ":DEFAULT", ":NOTHING" or ":INDEX name".
  static Result<IdentityRules> make(const PostgresConfig& config);

  // Null when no rule is for the table; kConfig when more than one is.
  Result<const IdentityRule*> find(std::string_view full_name) const;

  bool empty() const { return rules_.empty(); }

 private:
  std::vector<IdentityRule> rules_;
};

// "ALTER TABLE "s"."t" REPLICA IDENTITY FULL", without ';'
std::string alter_statement(const postgres::Connection& connection, const TableSchema& table,
                            const IdentityRule& rule);

// ALTERs the tables whose identity is another. True when any was changed: read the catalogue again.
// A table that may not be altered (we don't own it, or it is locked) is a logged warning with the
// SQL.
Result<bool> set_replica_identities(postgres::Connection& connection, const PostgresConfig& config,
                                    std::span<const TableSchema> captured);

}  // namespace millrace
