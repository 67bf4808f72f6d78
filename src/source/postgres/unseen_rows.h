// The ways in which a snapshot can miss rows without an error, between its beginning and the moment
// in which a table is read and thereby locked:
//  - ALTER TABLE that writes a table anew (a column's type, a volatile default) gives the rows a
//    new beginning, which an older snapshot does not see. The table reads as empty, and the log has
//    no rows for it either.
//  - Another table takes its name, by which COPY found it.
#pragma once

#include "base/result.h"
#include "event/schema.h"
#include "wire/postgres/connection.h"

namespace millrace {

// Asked within the snapshot's transaction, when the table (with the partitions and inheritors below
// it) has been read. kBusy where rows may be missing: the snapshot must be taken again. A TRUNCATE
// comes in the stream; it looks like a rewritten table only where rows came after it.
Result<void> check_unseen_rows(postgres::Connection& snapshot,
                               const postgres::ConnectOptions& options, const TableSchema& table);

}  // namespace millrace
