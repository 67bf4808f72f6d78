// The snapshot that the connections of one reading share: imported, or taken by the first of them,
// which exports it for the others.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/position.h"
#include "event/schema.h"
#include "source/postgres/postgres_config.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct SharedSnapshot {
  Offset at;  // of its rows
  bool is_standby = false;
};

// Begins the transaction of the first connection: with the snapshot of that name, or, where it is
// empty, with one of its own. `at`: as in SnapshotRequest. kUnreachable where the name is gone, or
// transactions that the snapshot has do not end within 10 s.
Result<SharedSnapshot> begin_snapshot(postgres::Connection& connection,
                                      const PostgresConfig& config, const std::string& name,
                                      Offset at);

// ACCESS SHARE, with snapshot.locking.mode=shared.
Result<void> lock_tables(postgres::Connection& connection, std::span<const SchemaPtr> tables);

// So many more connections with the same snapshot; fewer where the server does not grant them.
Result<std::vector<postgres::Connection>> share_snapshot(postgres::Connection& first,
                                                         const SharedSnapshot& snapshot,
                                                         const PostgresConfig& config,
                                                         const postgres::ConnectOptions& options,
                                                         uint64_t count);

}  // namespace millrace
