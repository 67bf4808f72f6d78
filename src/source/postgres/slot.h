// The logical replication slot: what the server says of it, making it, dropping it. PostgreSQL 11
// to 18. https://www.postgresql.org/docs/current/view-pg-replication-slots.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "event/position.h"
#include "wire/postgres/connection.h"

namespace millrace {

inline constexpr std::string_view kOutputPlugin = "pgoutput";

struct SlotState {
  std::string name;
  std::string plugin;    // empty: a physical slot
  std::string database;  // empty: a physical slot
  bool temporary = false;
  bool active = false;
  int32_t active_pid = 0;
  // Of the session that holds it, as far as we may see it.
  std::string active_application;
  std::string active_address;
  Lsn confirmed_flush = 0;
  Lsn restart_lsn = 0;              // 0: none, or its WAL is gone
  std::string wal_status;           // reserved, extended, unreserved, lost; empty before 13
  std::string invalidation_reason;  // from 17
  bool conflicting = false;         // from 16, which sets it whatever the reason
  bool failover = false;            // from 17
  bool synced = false;  // from 17: on a standby, a copy that the server keeps of the primary's slot

  // It cannot be read from any more: WAL that it needs was removed, or a standby had to drop its
  // rows.
  bool lost() const {
    return wal_status == "lost" || conflicting || !invalidation_reason.empty() ||
           (restart_lsn == 0 && confirmed_flush != 0);
  }

  // Why it is lost, in words: the server's setting or its own reason.
  std::string lost_reason() const;
};

// nullopt: there is no such slot.
Result<std::optional<SlotState>> read_slot(postgres::Connection& connection, std::string_view name);

struct SlotRequest {
  std::string name;
  bool temporary = false;
  bool failover = false;        // where the server is older than 17, or a standby: without effect
  bool export_snapshot = true;  // it is importable until the connection does anything else
  Millis wait{90000};           // for transactions that began before
};

struct NewSlot {
  Lsn consistent_point = 0;
  std::string snapshot_name;  // for SET TRANSACTION SNAPSHOT; empty when not exported
};

// `connection` is a replication connection. kBusy when transactions that began before do not end
// within `wait`: nothing was made then, try again (slot.max.retries, slot.retry.delay.ms); the
// message names them.
Result<NewSlot> create_slot(postgres::Connection& connection, const SlotRequest& request);

// A temporary copy that stands where `from` stands, of the session of `connection`, a replication
// connection. PostgreSQL 12 and later.
Result<void> copy_slot(postgres::Connection& connection, std::string_view from,
                       const std::string& to);

// "orders_snapshot_123", of at most 63 bytes.
std::string temporary_slot_name(std::string_view slot, std::string_view purpose, int backend_pid);

// Fine when it does not exist.
Result<void> drop_slot(postgres::Connection& connection, std::string_view name);

// Transactions that making a slot has to wait for, oldest first: "pid 123 (psql) since 2026-01-02
// 03:04:05"; empty when there are none older than `age`.
Result<std::string> old_transactions(postgres::Connection& connection, Millis age);

}  // namespace millrace
