// Progress ↔ the offset that Debezium's PostgreSQL connector keeps in Kafka Connect: a key that
// names the connector, and a flat JSON map. Either program goes on where the other stopped.
//
//   key    ["inventory-connector",{"server":"dbz"}]
//   value
//   {"lsn_proc":24023128,"messageType":"INSERT","lsn_commit":24023120,"lsn":24023128,"txId":555,
//           "ts_usec":1720000000123456,
//           "millrace_position":"0/16E9058:3","millrace_server":"7351235467891234567/1"}
//
// In a snapshot: "last_snapshot_record", "snapshot":"INITIAL", "snapshot_completed" instead of
// lsn_proc, lsn_commit and messageType. A member without a value is left out.
//
// Ours are texts, because Connect takes no nested maps and would cut a number above 2^63:
//   millrace_position   commit LSN, ':' and the ordinal ("end" for all of the transaction)
//   millrace_server     system identifier '/' timeline
//   millrace_last_commit  Offset::last_commit, where there is one
//   millrace_tables     OIDs of the tables that this is the progress of
//   millrace_stream_X   JSON text of stream X's own Offset: a table that stands elsewhere, while
//                       its snapshot runs and until it has caught up; or =Y, the same as stream Y's
//                       (thousands of tables whose snapshots ended are no megabytes)
// Debezium reads its members by name and does not see them; after it has written, they are gone,
// and Offset::position is {0, 0}.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "event/position.h"

namespace millrace {

// The bytes that Connect's JsonConverter makes; keys are compared as bytes.
std::string offset_key(std::string_view connector, std::string_view server);

// Members of `previous` (what is stored now; may be empty) that we do not know are kept; those that
// count within a transaction (transaction_*, lsn_events_processed) only while `lsn` is the same.
std::string to_offset_map(const Progress& progress, std::string_view previous);

// kProtocol when it is no such map.
Result<Progress> from_offset_map(std::string_view json);

}  // namespace millrace
