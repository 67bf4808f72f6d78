#include "wire/postgres/sqlstate.h"

namespace millrace::postgres {

namespace {

struct StateKind {
  std::string_view prefix;
  ErrorKind kind;
};

// The first prefix that fits counts: single states stand before their class.
constexpr StateKind kKinds[] = {
    {"08P01", ErrorKind::kProtocol},      // protocol violation
    {"08", ErrorKind::kUnreachable},      // connection exception
    {"0A", ErrorKind::kConfig},           // feature not supported
    {"22", ErrorKind::kData},             // data exception
    {"28", ErrorKind::kUnauthorized},     // invalid authorization
    {"3D", ErrorKind::kNotFound},         // no such database
    {"3F", ErrorKind::kNotFound},         // no such schema
    {"40", ErrorKind::kBusy},             // serialization failure, deadlock
    {"42501", ErrorKind::kUnauthorized},  // insufficient privilege
    {"42P01", ErrorKind::kNotFound},      // undefined table
    {"42704", ErrorKind::kNotFound},      // undefined object (slot, publication, type)
    {"42", ErrorKind::kConfig},           // syntax error or access rule violation
    {"53400", ErrorKind::kConfig},        // configuration limit exceeded (max_replication_slots)
    {"53", ErrorKind::kBusy},             // insufficient resources
    {"55006", ErrorKind::kBusy},          // object in use
    {"55P03", ErrorKind::kBusy},          // lock not available
    {"55", ErrorKind::kConfig},           // object not in prerequisite state (wal_level)
    {"57014", ErrorKind::kBusy},          // query cancelled: a time-out
    {"57P", ErrorKind::kUnreachable},     // shutting down, starting up
    {"58P01", ErrorKind::kGap},           // undefined file: WAL that is gone
    {"58", ErrorKind::kUnreachable},      // the server's system error
};

}  // namespace

ErrorKind kind_of_sqlstate(std::string_view state) {
  if (state.empty()) return ErrorKind::kUnreachable;
  for (const StateKind& entry : kKinds) {
    if (state.starts_with(entry.prefix)) return entry.kind;
  }
  return ErrorKind::kProtocol;
}

}  // namespace millrace::postgres
