// Connection::open: libpq's asynchronous way of connecting, for its own deadline and for the
// SQLSTATE.
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>

#include "wire/postgres/connection.h"
#include "wire/postgres/socket_wait.h"
#include "wire/postgres/sqlstate.h"

namespace millrace::postgres {

namespace {

// Text output that does not depend on the role's or the database's settings, and no time limits but
// ours.
constexpr std::string_view kSessionOptions =
    "-c DateStyle=ISO,MDY -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=3 "
    "-c bytea_output=hex -c statement_timeout=0 -c lock_timeout=0 "
    "-c idle_in_transaction_session_timeout=0";

// As the options above, where a server before 17 would refuse it.
constexpr int kHasTransactionTimeout = 170000;
constexpr std::string_view kNoTransactionTimeout = "SET transaction_timeout = 0";

constexpr size_t kStateLength = 5;

// Where a verbose error's SQLSTATE stands, behind the severity (which is in the server's language):
// `FATAL:  28P01: password authentication failed`. npos: it has none.
size_t find_state(std::string_view text) {
  constexpr std::string_view kAfterSeverity = ":  ";
  constexpr std::string_view kCharacters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (size_t at = text.find(kAfterSeverity); at != std::string_view::npos;
       at = text.find(kAfterSeverity, at + 1)) {
    const size_t start = at + kAfterSeverity.size();
    const size_t end = std::min(text.find_first_not_of(kCharacters, start), text.size());
    if (end - start == kStateLength && text.substr(end).starts_with(": ")) return start;
  }
  return std::string_view::npos;
}

// The connection attempt's error. libpq gives no SQLSTATE for it, but with verbose errors its text
// has one: `connection to server at "h" … failed: FATAL:  28P01: password authentication failed
// …\nLOCATION: …`
Error connect_error(pg_conn* connection) {
  std::string text = PQerrorMessage(connection);
  std::string state;
  if (const size_t at = find_state(text); at != std::string::npos) {
    state = text.substr(at, kStateLength);
    text.erase(at, kStateLength + 2);
  }
  ErrorKind kind = kind_of_sqlstate(state);
  if (state.empty() && (text.find("does not support SSL") != std::string::npos ||
                        text.find("certificate") != std::string::npos)) {
    kind = ErrorKind::kConfig;
  }
  std::string cure;
  if (kind == ErrorKind::kUnauthorized) {
    cure = "check user and password, and that pg_hba.conf allows this client";
  } else if (state == "3D000") {
    cure = "check the database's name";
  } else if (kind == ErrorKind::kConfig) {
    cure = "check database.sslmode and the certificates";
  }
  return Error(kind, first_line(text), cure);
}

bool has(const ConnectOptions& options, std::string_view name) {
  return std::ranges::any_of(options.keywords, [&](const auto& k) { return k.first == name; });
}

// What `options` says and what it leaves open, in the form that outlives it.
std::vector<std::pair<std::string, std::string>> complete(const ConnectOptions& options) {
  std::vector<std::pair<std::string, std::string>> out;
  std::string session(kSessionOptions);
  for (const auto& [name, value] : options.keywords) {
    if (name == "options") {
      session = value + " " + session;
    } else {
      out.emplace_back(name, value);
    }
  }
  out.emplace_back("options", session);
  out.emplace_back("client_encoding", "UTF8");
  if (options.replication) out.emplace_back("replication", "database");
  const std::array<std::pair<const char*, const char*>, 4> defaults = {{
      {"keepalives_idle", "30"},
      {"keepalives_interval", "10"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "60000"},
  }};
  for (const auto& [name, value] : defaults) {
    if (!has(options, name)) out.emplace_back(name, value);
  }
  return out;
}

// Drives the connection attempt to its end; false: it failed or the time is over.
bool finish_connecting(pg_conn* connection, SteadyTime deadline) {
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) return false;
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_socket(PQsocket(connection), events, deadline)) return false;
    state = PQconnectPoll(connection);
  }
  return true;
}

}  // namespace

Result<Connection> Connection::open(const ConnectOptions& options) {
  auto connection = open_one(options);
  std::string others;
  for (const auto& [host, port] : options.more_servers) {
    if (connection || connection.error().kind != ErrorKind::kUnreachable) return connection;
    others += connection.error().message + "; ";
    ConnectOptions next = options;
    for (auto& [name, value] : next.keywords) {
      if (name == "host") value = host;
      if (name == "port") value = port;
    }
    connection = open_one(next);
  }
  if (connection || others.empty()) return connection;
  Error error = connection.error();
  error.message.insert(0, others);
  return Failure(std::move(error));
}

Result<Connection> Connection::open_one(const ConnectOptions& options) {
  const auto keywords = complete(options);
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  const SteadyTime deadline = steady_now() + options.connect_timeout;
  Connection out(PQconnectStartParams(names.data(), values.data(), 0));
  out.answer_timeout_ = options.answer_timeout;
  pg_conn* connection = out.connection_.get();
  if (connection == nullptr) return fail(ErrorKind::kInternal, "no memory for a connection");
  if (PQstatus(connection) == CONNECTION_BAD) {  // before any network: a keyword libpq refuses
    Error error = connect_error(connection);
    if (error.message.find("invalid") != std::string::npos) error.kind = ErrorKind::kConfig;
    return Failure(std::move(error));
  }
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  if (!finish_connecting(connection, deadline)) {
    if (PQstatus(connection) == CONNECTION_BAD) return Failure(connect_error(connection));
    return fail(ErrorKind::kUnreachable,
                std::string("no connection to ") + PQhost(connection) + " within " +
                    std::to_string(options.connect_timeout.count()) + " ms");
  }
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  PQsetNoticeProcessor(connection, [](void*, const char*) {}, nullptr);
  // A database without an encoding may hold any bytes; asked for UTF8 the server would refuse to
  // send them.
  const char* encoding = PQparameterStatus(connection, "server_encoding");
  const bool any_bytes = encoding != nullptr && std::string_view(encoding) == "SQL_ASCII";
  if (any_bytes && PQsetClientEncoding(connection, "SQL_ASCII") != 0) {
    return fail(ErrorKind::kUnreachable,
                "client_encoding SQL_ASCII: " + std::string(PQerrorMessage(connection)));
  }
  if (out.server_version() >= kHasTransactionTimeout) {
    if (auto set = out.query(kNoTransactionTimeout); !set) return Failure(set.error());
  }
  return out;
}

}  // namespace millrace::postgres
