#include "wire/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <charconv>
#include <thread>

#include "wire/postgres/socket_wait.h"
#include "wire/postgres/sqlstate.h"

namespace millrace::postgres {

namespace {

// After so many messages without a pause a stream runs. Its reader, being the faster one, would
// wait for each next message in poll(), and waking it costs the walsender more than the message: it
// is let work for a moment instead (150 becomes 300 thousand rows a second into a reader that
// discards them). Longer would fill the socket. Where that holds plenty already, the reader is
// behind: on a busy machine it gets up late from each breath (150 became 195 thousand changes a
// second into DuckDB without).
constexpr unsigned kRunning = 16;
constexpr std::chrono::microseconds kBreath{100};
constexpr size_t kPlenty = 131072;

constexpr Millis kEndTimeout{2000};

struct FreeMemory {
  void operator()(char* memory) const { PQfreemem(memory); }
};

}  // namespace

Rows::Rows(pg_result* result) : result_(result, [](pg_result* r) { PQclear(r); }) {}

int Rows::count() const {
  return PQntuples(result_.get());
}

int Rows::columns() const {
  return PQnfields(result_.get());
}

bool Rows::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) == 1;
}

std::string_view Rows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

int64_t Rows::affected() const {
  const std::string_view tuples = PQcmdTuples(result_.get());
  int64_t count = 0;
  std::from_chars(tuples.data(), tuples.data() + tuples.size(), count);
  return count;
}

void Connection::Finish::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

Connection::Connection(pg_conn* connection) : connection_(connection) {}

Connection::Connection(Connection&& other) noexcept
    : connection_(std::move(other.connection_)),
      answer_timeout_(other.answer_timeout_),
      sqlstate_(std::move(other.sqlstate_)),
      copy_sent_(other.copy_sent_),
      heard_(other.heard_),
      buffer_(std::exchange(other.buffer_, nullptr)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  PQfreemem(buffer_);
  connection_ = std::move(other.connection_);
  answer_timeout_ = other.answer_timeout_;
  sqlstate_ = std::move(other.sqlstate_);
  copy_sent_ = other.copy_sent_;
  heard_ = other.heard_;
  buffer_ = std::exchange(other.buffer_, nullptr);
  return *this;
}

Connection::~Connection() {
  PQfreemem(buffer_);
}

// Only the primary message: DETAIL can hold row values.
Error Connection::error_of(pg_result* result) {
  const auto field = [&](int code) {
    const char* text = result == nullptr ? nullptr : PQresultErrorField(result, code);
    return std::string(text == nullptr ? "" : text);
  };
  sqlstate_ = field(PG_DIAG_SQLSTATE);
  std::string message = field(PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) message = first_line(PQerrorMessage(connection_.get()));
  if (message.empty()) message = "the server's answer is not what was asked for";
  ErrorKind kind = kind_of_sqlstate(sqlstate_);
  if (sqlstate_.empty() && alive()) kind = ErrorKind::kProtocol;
  return Error(kind, std::move(message), field(PG_DIAG_MESSAGE_HINT));
}

bool Connection::wait_answer(SteadyTime deadline) {
  pg_conn* connection = connection_.get();
  while (PQisBusy(connection) == 1) {
    const bool unsent = PQflush(connection) == 1;
    const auto events = static_cast<short>(unsent ? POLLIN | POLLOUT : POLLIN);
    const bool ready = wait_socket(PQsocket(connection), events, deadline);
    if (!ready && steady_now() >= deadline) return false;
    if (ready && PQconsumeInput(connection) == 0) return true;  // PQgetResult says what is wrong
  }
  return true;
}

Result<Rows> Connection::answer(bool sent) {
  if (!sent) return Failure(error_of(nullptr));
  const bool limited = answer_timeout_ > Millis(0);
  const SteadyTime deadline = limited ? steady_now() + answer_timeout_ : SteadyTime::max();
  Rows rows(nullptr);
  ExecStatusType status = PGRES_EMPTY_QUERY;
  for (;;) {
    if (!wait_answer(deadline)) {
      connection_.reset();
      return fail(ErrorKind::kUnreachable, "the server has not answered a query for " +
                                               std::to_string(answer_timeout_.count()) + " ms");
    }
    pg_result* next = PQgetResult(connection_.get());
    if (next == nullptr) break;
    const Rows owner(next);
    if (status == PGRES_FATAL_ERROR) continue;  // the first error says why; others follow from it
    rows = owner;
    status = PQresultStatus(next);
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN || status == PGRES_COPY_BOTH) break;
  }
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
    return rows;
  }
  return Failure(error_of(rows.result_.get()));
}

Result<Rows> Connection::query(std::string_view sql) {
  sqlstate_.clear();
  return answer(PQsendQuery(connection_.get(), std::string(sql).c_str()) == 1);
}

Result<Rows> Connection::query(std::string_view sql,
                               const std::vector<std::optional<std::string>>& params) {
  sqlstate_.clear();
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const auto& param : params)
    values.push_back(param ? param->c_str() : nullptr);
  return answer(PQsendQueryParams(connection_.get(), std::string(sql).c_str(),
                                  static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                                  nullptr, 0) == 1);
}

Result<void> Connection::copy_begin(std::string_view sql) {
  sqlstate_.clear();
  pg_result* result = PQexec(connection_.get(), std::string(sql).c_str());
  const Rows owner(result);
  if (PQresultStatus(result) != PGRES_COPY_OUT) return Failure(error_of(result));
  return {};
}

Result<std::optional<std::string_view>> Connection::copy_read() {
  free_message();
  const int length = PQgetCopyData(connection_.get(), &buffer_, 0);
  if (length > 0) return std::string_view(buffer_, static_cast<size_t>(length));
  if (length < -1) return Failure(error_of(nullptr));
  std::optional<Error> error;
  while (pg_result* result = PQgetResult(connection_.get())) {
    const Rows owner(result);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && !error) error = error_of(result);
  }
  if (error) return Failure(std::move(*error));
  return std::nullopt;
}

Result<void> Connection::copy_send(std::string_view sql) {
  sqlstate_.clear();
  if (PQsendQuery(connection_.get(), std::string(sql).c_str()) == 0) {
    return Failure(error_of(nullptr));
  }
  copy_sent_ = true;
  heard_ = steady_now();
  return {};
}

Result<bool> Connection::copy_begun(SteadyTime deadline) {
  pg_conn* connection = connection_.get();
  while (PQisBusy(connection) == 1) {
    if (!wait_socket(PQsocket(connection), POLLIN, deadline)) return false;
    if (PQconsumeInput(connection) == 0) return Failure(error_of(nullptr));
  }
  copy_sent_ = false;
  pg_result* result = PQgetResult(connection);
  const Rows owner(result);
  if (PQresultStatus(result) == PGRES_COPY_OUT) return true;
  Error error = error_of(result);
  while (pg_result* rest = PQgetResult(connection))
    PQclear(rest);
  return Failure(std::move(error));
}

Result<Connection::CopyStep> Connection::copy_next(SteadyTime deadline, std::string_view& row) {
  pg_conn* connection = connection_.get();
  free_message();
  if (copy_sent_) {
    const Result<bool> begun = copy_begun(deadline);
    if (!begun) return Failure(begun.error());
    if (!*begun) return CopyStep::kNothing;
  }
  for (bool waited = false;; waited = true) {
    const int length = PQgetCopyData(connection, &buffer_, 1);
    if (length > 0) {
      row = {buffer_, static_cast<size_t>(length)};
      if (waited) heard_ = steady_now();
      return CopyStep::kRow;
    }
    if (length < 0) break;  // over, or failed: the last result says which
    if (waited && !wait_socket(PQsocket(connection), POLLIN, deadline)) return CopyStep::kNothing;
    if (waited) heard_ = steady_now();
    if (PQconsumeInput(connection) == 0) return Failure(error_of(nullptr));
  }
  std::optional<Error> error;
  while (pg_result* result = PQgetResult(connection)) {
    const Rows owner(result);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && !error) error = error_of(result);
  }
  if (error) return Failure(std::move(*error));
  return CopyStep::kEnd;
}

Result<void> Connection::start_replication(std::string_view command) {
  sqlstate_.clear();
  pg_result* result = PQexec(connection_.get(), std::string(command).c_str());
  const Rows owner(result);
  if (PQresultStatus(result) != PGRES_COPY_BOTH) return Failure(error_of(result));
  PQsetnonblocking(connection_.get(), 1);
  return {};
}

Error Connection::why_stream_ended() {
  pg_result* result = PQgetResult(connection_.get());
  const Rows owner(result);
  Error error = error_of(PQresultStatus(result) == PGRES_FATAL_ERROR ? result : nullptr);
  if (!sqlstate_.empty()) return error;
  return Error(ErrorKind::kUnreachable, "the server ended the replication stream");
}

Result<std::optional<std::string_view>> Connection::read_stream(SteadyTime deadline) {
  pg_conn* connection = connection_.get();
  free_message();
  ++messages_in_a_row_;
  for (bool waited = false;;) {
    const int length = PQgetCopyData(connection, &buffer_, 1);
    if (length > 0) return std::string_view(buffer_, static_cast<size_t>(length));
    if (length < 0) return Failure(why_stream_ended());
    const bool runs = std::exchange(messages_in_a_row_, 0) > kRunning;
    if (runs && bytes_waiting(PQsocket(connection)) < kPlenty) {
      std::this_thread::sleep_for(kBreath);
    }
    // What TLS has decrypted already does not show on the socket: look before waiting.
    if (PQconsumeInput(connection) == 0) return Failure(error_of(nullptr));
    const int more = PQgetCopyData(connection, &buffer_, 1);
    if (more > 0) {
      heard_ = steady_now();
      return std::string_view(buffer_, static_cast<size_t>(more));
    }
    if (more < 0) continue;
    if (waited && steady_now() >= deadline) return std::nullopt;
    const bool unsent = PQflush(connection) == 1;
    const auto events = static_cast<short>(unsent ? POLLIN | POLLOUT : POLLIN);
    if (!wait_socket(PQsocket(connection), events, deadline)) return std::nullopt;
    waited = true;
  }
}

void Connection::free_message() {
  PQfreemem(std::exchange(buffer_, nullptr));
}

Result<void> Connection::write_stream(std::string_view message) {
  pg_conn* connection = connection_.get();
  // What the socket does not take now goes with the next read or write: this never blocks.
  if (PQputCopyData(connection, message.data(), static_cast<int>(message.size())) < 0 ||
      PQflush(connection) < 0) {
    sqlstate_.clear();
    return fail(ErrorKind::kUnreachable, first_line(PQerrorMessage(connection)));
  }
  return {};
}

Result<void> Connection::end_stream() {
  pg_conn* connection = connection_.get();
  if (PQputCopyEnd(connection, nullptr) < 0 || PQflush(connection) < 0) {
    return fail(ErrorKind::kUnreachable, first_line(PQerrorMessage(connection)));
  }
  const SteadyTime deadline = steady_now() + kEndTimeout;
  while (steady_now() < deadline) {
    const Result<std::optional<std::string_view>> message = read_stream(deadline);
    if (!message) break;  // the answer to our CopyDone
  }
  return {};
}

bool Connection::alive() const {
  return connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK;
}

int Connection::socket() const {
  return PQsocket(connection_.get());
}

int Connection::server_version() const {
  return PQserverVersion(connection_.get());
}

std::string_view Connection::server_encoding() const {
  const char* encoding = PQparameterStatus(connection_.get(), "server_encoding");
  return encoding == nullptr ? "" : encoding;
}

int Connection::backend_pid() const {
  return PQbackendPID(connection_.get());
}

std::string Connection::quote_identifier(std::string_view name) const {
  const std::unique_ptr<char, FreeMemory> quoted(
      PQescapeIdentifier(connection_.get(), name.data(), name.size()));
  return quoted ? std::string(quoted.get()) : "\"\"";
}

std::string Connection::quote_literal(std::string_view text) const {
  const std::unique_ptr<char, FreeMemory> quoted(
      PQescapeLiteral(connection_.get(), text.data(), text.size()));
  return quoted ? std::string(quoted.get()) : "''";
}

}  // namespace millrace::postgres
