// The one way in which a snapshot can miss rows: ALTER TABLE that writes a table anew (a column's
// type, a volatile default) gives the rows a new beginning, which an older snapshot does not see.
// The table reads as empty, and the log has no rows for it either.
#pragma once

#include <span>

#include "base/result.h"
#include "event/schema.h"
#include "wire/postgres/connection.h"

namespace millrace {

// Asked within the snapshot's transaction, when the tables (with the partitions and inheritors
// below them) are locked by having been read. kBusy when one was rewritten since: the
// snapshot must be taken again. A TRUNCATE is none: it comes in the stream.
Result<void> check_rewritten(postgres::Connection& snapshot,
                             const postgres::ConnectOptions& options,
                             std::span<const SchemaPtr> tables);

}  // namespace millrace
