#include "source/postgres/catalogue_lookup.h"

#include <thread>

#include "base/log.h"
#include "source/postgres/catalogue.h"

namespace millrace {

namespace {

constexpr Millis kSeenPause{2};
constexpr Millis kSeenPatience{5000};

}  // namespace

Result<postgres::Connection> open_query_connection(const PostgresConfig& config,
                                                   Millis silence_limit) {
  auto options = connect_options(config);
  options.answer_timeout = answer_timeout(config);
  if (silence_limit > Millis(0) &&
      (options.answer_timeout == Millis(0) || silence_limit < options.answer_timeout)) {
    options.answer_timeout = silence_limit;
  }
  auto connection = postgres::Connection::open(options);
  if (!connection) return connection;
  const std::string limit = "SET statement_timeout = " + std::to_string(config.query_timeout_ms);
  if (auto set = connection->query(limit); !set) return Failure(set.error());
  return connection;
}

// A lost connection shows at the next question; that one is asked again on a new one. Not where the
// server was silent for as long as it may be: the new one would wait as long again.
template <class Ask>
auto CatalogueLookup::ask(Ask ask) -> decltype(ask(std::declval<postgres::Connection&>())) {
  if (connection_) {
    const SteadyTime asked = steady_now();
    auto answer = ask(*connection_);
    if (answer || answer.error().kind != ErrorKind::kUnreachable) return answer;
    connection_.reset();
    if (silence_limit_ > Millis(0) && steady_now() >= asked + silence_limit_) return answer;
  }
  auto connection = open_query_connection(config_, silence_limit_);
  if (!connection) return Failure(connection.error());
  connection_ = std::move(*connection);
  return ask(*connection_);
}

bool CatalogueLookup::captures_table(std::string_view schema, std::string_view table) const {
  return filter_.captures_table(schema, table);
}

bool CatalogueLookup::captures_column(std::string_view schema, std::string_view table,
                                      std::string_view column) const {
  return filter_.captures_column(schema, table, column);
}

Result<std::optional<TableSchema>> CatalogueLookup::table(uint32_t oid) {
  return ask([&](postgres::Connection& c) { return table_by_oid(c, filter_, config_, oid); });
}

Result<ColumnType> CatalogueLookup::type(uint32_t oid, int32_t typmod) {
  return ask([&](postgres::Connection& c) { return type_by_oid(c, oid, typmod); });
}

// A transaction is sent once its commit is on disk, and seen when its backend goes on after that:
// as a rule microseconds later, on a busy machine milliseconds, and where a synchronous standby has
// to have it, when that one does. Until then it holds the lock on its number.
Result<void> CatalogueLookup::wait_until_seen(uint32_t xid) {
  if (xid == seen_xid_) return {};
  const std::string sql =
      "select from pg_catalog.pg_locks where locktype = 'transactionid' and transactionid = '" +
      std::to_string(xid) + "' and mode = 'ExclusiveLock' and granted";
  const SteadyTime patience = steady_now() + kSeenPatience;
  for (;;) {
    auto locks = ask([&](postgres::Connection& c) { return c.query(sql); });
    if (!locks) return Failure(locks.error());
    if (locks->count() == 0) break;
    if (steady_now() >= patience) {
      log::warn(
          "a transaction is here that the server shows to nobody yet (does it wait for a "
          "synchronous standby?): columns are read as they were before it",
          {{"xid", xid}});
      break;
    }
    std::this_thread::sleep_for(kSeenPause);
  }
  seen_xid_ = xid;
  return {};
}

Result<std::set<uint32_t>> CatalogueLookup::captured_oids() {
  return ask([&](postgres::Connection& c) { return millrace::captured_oids(c, filter_); });
}

Result<Lsn> CatalogueLookup::end_of_wal() {
  auto end = ask([&](postgres::Connection& c) { return wal_end(c); });
  if (!end) return Failure(end.error());
  return end->lsn;
}

Result<bool> CatalogueLookup::reads_for_us(int backend_pid) {
  const std::string sql =
      "select state = 'active' and wait_event is distinct from 'ClientWrite' "
      "from pg_catalog.pg_stat_activity where pid = " +
      std::to_string(backend_pid);
  auto rows = ask([&](postgres::Connection& c) { return c.query(sql); });
  if (!rows) return Failure(rows.error());
  return rows->count() == 1 && rows->text(0, 0) == "t";
}

Result<void> CatalogueLookup::run(std::string_view sql) {
  auto rows = ask([&](postgres::Connection& c) { return c.query(sql); });
  if (!rows) return Failure(rows.error());
  return {};
}

}  // namespace millrace
