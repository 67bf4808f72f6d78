// The publication that the slot reads: made, adopted or brought up to date as
// publication.autocreate.mode says. It must exist before the slot does.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/schema.h"
#include "source/postgres/postgres_config.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct PublicationState {
  bool all_tables = false;
  bool by_schema = false;      // FOR TABLES IN SCHEMA (from 15)
  bool via_root = false;       // publish_via_partition_root (from 13)
  std::set<uint32_t> tables;   // named in it: FOR TABLE …
  std::set<uint32_t> schemas;  // namespaces named in it
};

// nullopt: there is no such publication.
Result<std::optional<PublicationState>> read_publication(postgres::Connection& connection,
                                                         std::string_view name);

// A captured table as publications see it.
struct PublishedTable {
  uint32_t oid = 0;
  uint32_t schema_oid = 0;
  std::string name;              // as a statement names it: "s"."t", or ONLY "s"."t"
  bool publishable = true;       // not unlogged; partitioned only from 13 on
  std::set<uint32_t> ancestors;  // partitioned tables above it: publishing one publishes it too
};

Result<std::vector<PublishedTable>> published_tables(postgres::Connection& connection,
                                                     std::span<const TableSchema> tables);

// The tables of `wanted` whose changes the publication does not give; those that cannot be
// published are left out.
std::vector<PublishedTable> missing_from(const PublicationState& publication,
                                         std::span<const PublishedTable> wanted);

// The statement that makes it, without ';'.
std::string create_statement(const postgres::Connection& connection, const PostgresConfig& config,
                             std::span<const PublishedTable> tables);

// Makes the publication be there and, in mode `filtered`, have the captured tables and no others.
//   An existing FOR ALL TABLES or FOR TABLES IN SCHEMA that covers them is adopted as it is: it
//   gives
// more than is captured, never less. Debezium stops there; an operator who made it that way (or
// moves from all_tables) wants to go on. On a standby nothing is changed: what is missing is an
// error.
Result<void> ensure_publication(postgres::Connection& connection, const PostgresConfig& config,
                                std::span<const TableSchema> captured);

}  // namespace millrace
