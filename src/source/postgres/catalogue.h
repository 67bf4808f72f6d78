// What the server's catalogue says of tables: read with a fixed number of queries, however many
// tables there are. Everything of event/schema.h is filled.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "base/result.h"
#include "event/schema.h"
#include "source/postgres/postgres_config.h"
#include "source/postgres/table_filter.h"
#include "wire/postgres/connection.h"

namespace millrace {

// Ordinary and partitioned tables (partitions too: a snapshot reads root and leaves where the
// filter has both, as Debezium does) that the filter captures, ordered by schema, name. Unlogged
// tables are among them: a snapshot reads them, the stream never has them.
Result<std::vector<TableSchema>> captured_tables(postgres::Connection& connection,
                                                 const TableFilter& filter,
                                                 const PostgresConfig& config);

// Their OIDs alone, ordered.
Result<std::set<uint32_t>> captured_oids(postgres::Connection& connection,
                                         const TableFilter& filter);

// One table, captured or not; nullopt when it is gone.
Result<std::optional<TableSchema>> table_by_oid(postgres::Connection& connection,
                                                const TableFilter& filter,
                                                const PostgresConfig& config, uint32_t oid);

// `typmod` as the column has it, -1 for none. kNotFound when there is no such type.
Result<ColumnType> type_by_oid(postgres::Connection& connection, uint32_t oid, int32_t typmod);

struct WalEnd {
  Lsn lsn = 0;  // of a standby: of what it has replayed
  bool is_standby = false;
};

Result<WalEnd> wal_end(postgres::Connection& connection);

}  // namespace millrace
