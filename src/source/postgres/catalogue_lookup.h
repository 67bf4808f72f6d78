// The catalogue as the relation cache asks it, on a connection of its own that is opened when first
// needed and opened again when it was lost.
#pragma once

#include <optional>
#include <set>
#include <string_view>

#include "source/postgres/postgres_config.h"
#include "source/postgres/relation_cache.h"
#include "source/postgres/table_filter.h"
#include "wire/postgres/connection.h"

namespace millrace {

// A connection for queries, with database.query.timeout.ms. A server that says nothing is given up
// after silence_limit, when that is less; 0: no such limit.
Result<postgres::Connection> open_query_connection(const PostgresConfig& config,
                                                   Millis silence_limit = Millis(0));

class CatalogueLookup final : public TableLookup {
 public:
  // Both outlive it.
  CatalogueLookup(const PostgresConfig& config, const TableFilter& filter)
      : config_(config), filter_(filter) {}

  bool captures_table(std::string_view schema, std::string_view table) const override;
  bool captures_column(std::string_view schema, std::string_view table,
                       std::string_view column) const override;
  Result<std::optional<TableSchema>> table(uint32_t oid) override;
  Result<ColumnType> type(uint32_t oid, int32_t typmod) override;
  Result<void> wait_until_seen(uint32_t xid) override;

  Result<std::set<uint32_t>> captured_oids();
  Result<Lsn> end_of_wal();

  Result<void> run(std::string_view sql);

  // Whether this backend works on a query of ours, and not at sending its rows.
  Result<bool> reads_for_us(int backend_pid);

  void disconnect() { connection_.reset(); }

  // For connections opened from now on: the stream waits while its reader asks here.
  void limit_silence(Millis limit) { silence_limit_ = limit; }

 private:
  template <class Ask>
  auto ask(Ask ask) -> decltype(ask(std::declval<postgres::Connection&>()));

  const PostgresConfig& config_;
  const TableFilter& filter_;
  std::optional<postgres::Connection> connection_;
  Millis silence_limit_{0};
  uint32_t seen_xid_ = 0;  // of the last transaction that was waited for
};

}  // namespace millrace
