// One libpq connection: queries, COPY, and the replication protocol. One thread at a time.
// https://www.postgresql.org/docs/current/protocol-replication.html
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/position.h"

struct pg_conn;
struct pg_result;

namespace millrace::postgres {

// libpq keywords and values ("host", "dbname", "sslmode", "application_name" …).
// client_encoding=UTF8 and the session settings that make text output unambiguous (DateStyle,
// IntervalStyle, TimeZone=UTC, extra_float_digits, bytea_output=hex) are always added;
// `replication=database` when asked.
struct ConnectOptions {
  std::vector<std::pair<std::string, std::string>> keywords;
  bool replication = false;
  Millis connect_timeout{10000};  // of each server
  Millis answer_timeout{0};       // of query(), by our clock: the network may be gone; 0: none
  // More servers, tried in this order after the one in `keywords` when that is unreachable or none
  // of the kind that target_session_attrs asks for.
  std::vector<std::pair<std::string, std::string>> more_servers;  // host, port
};

// A query's rows. Views live as long as the Rows.
class Rows {
 public:
  explicit Rows(pg_result* result);
  int count() const;
  int columns() const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;
  // Of an INSERT, UPDATE, COPY …: rows affected; 0 when it does not say.
  int64_t affected() const;

 private:
  friend class Connection;
  std::shared_ptr<pg_result> result_;
};

class Connection {
 public:
  // The first of the servers that lets us in. Where none does: the last one's error, which names
  // all.
  static Result<Connection> open(const ConnectOptions& options);

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  // One statement, or several in one string without parameters. Errors carry the SQLSTATE in
  // sqlstate() and are classed: kUnreachable (08, 57P, connection lost, answer_timeout over), kBusy
  // (55006 object in use, 53300), kUnauthorized (28, 42501), kNotFound (42P01, 42704, 3D), kData
  // (22), else kProtocol or kConfig.
  Result<Rows> query(std::string_view sql);
  Result<Rows> query(std::string_view sql, const std::vector<std::optional<std::string>>& params);

  const std::string& sqlstate() const { return sqlstate_; }

  // COPY … TO STDOUT: begin, then read until nullopt. The view lives until the next call.
  Result<void> copy_begin(std::string_view sql);
  Result<std::optional<std::string_view>> copy_read();
  // The same without blocking longer than a deadline: send, then read until kEnd; kNothing when no
  // row came before it. What is wrong with the statement is the first copy_next()'s error.
  enum class CopyStep : uint8_t { kRow, kEnd, kNothing };
  Result<void> copy_send(std::string_view sql);
  Result<CopyStep> copy_next(SteadyTime deadline, std::string_view& row);

  // When copy_send() was called, or when copy_next() last met bytes of the server since; or when
  // the newest messages of read_stream() came.
  SteadyTime heard() const { return heard_; }

  // START_REPLICATION: after it only read_stream(), write_stream() and end_stream() are allowed.
  Result<void> start_replication(std::string_view command);
  // The next CopyData message, or nullopt when none came before the deadline; kUnreachable when the
  // server ended the stream. The view lives until the next call.
  Result<std::optional<std::string_view>> read_stream(SteadyTime deadline);
  // The memory of the message that read_stream() gave last, now instead of at the next call.
  void free_message();
  Result<void> write_stream(std::string_view message);
  Result<void> end_stream();

  bool alive() const;
  int socket() const;
  int server_version() const;                // 150020 = 15.20
  std::string_view server_encoding() const;  // "UTF8"
  int backend_pid() const;
  std::string quote_identifier(std::string_view name) const;
  std::string quote_literal(std::string_view text) const;

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };

  explicit Connection(pg_conn* connection);
  static Result<Connection> open_one(const ConnectOptions& options);
  // The answer to what was sent; after answer_timeout_ the connection is closed.
  Result<Rows> answer(bool sent);
  bool wait_answer(SteadyTime deadline);
  Error error_of(pg_result* result);
  // Waits for the answer to copy_send(); false at the deadline.
  Result<bool> copy_begun(SteadyTime deadline);

  Error why_stream_ended();

  std::unique_ptr<pg_conn, Finish> connection_;
  Millis answer_timeout_{0};
  std::string sqlstate_;
  bool copy_sent_ = false;  // not answered yet
  SteadyTime heard_{};
  unsigned messages_in_a_row_ = 0;  // that read_stream() gave without waiting
  char* buffer_ = nullptr;          // the row that copy_read or read_stream gave last
};

}  // namespace millrace::postgres
