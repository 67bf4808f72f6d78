// Exactly once: what is asked for in the settings, by Kafka Connect's names.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "config/field.h"
#include "config/settings.h"
#include "store/kafka/kafka_offset_store.h"

namespace millrace {

// Connect's default is `requested`, which asks for nothing by itself: there the worker decides.
enum class ExactlyOnceSupport : uint8_t { kRequested, kRequired };
enum class WorkerExactlyOnce : uint8_t { kDisabled, kPreparing, kEnabled };
enum class TransactionBoundary : uint8_t { kPoll, kInterval };

template <>
struct EnumNames<ExactlyOnceSupport> {
  static constexpr std::pair<std::string_view, ExactlyOnceSupport> values[] = {
      {"requested", ExactlyOnceSupport::kRequested},
      {"required", ExactlyOnceSupport::kRequired},
  };
};

template <>
struct EnumNames<WorkerExactlyOnce> {
  static constexpr std::pair<std::string_view, WorkerExactlyOnce> values[] = {
      {"disabled", WorkerExactlyOnce::kDisabled},
      {"preparing", WorkerExactlyOnce::kPreparing},
      {"enabled", WorkerExactlyOnce::kEnabled},
  };
};

template <>
struct EnumNames<TransactionBoundary> {
  static constexpr std::pair<std::string_view, TransactionBoundary> values[] = {
      {"poll", TransactionBoundary::kPoll},
      {"interval", TransactionBoundary::kInterval},
  };
};

struct ExactlyOnceSettings {
  ExactlyOnceSupport support = ExactlyOnceSupport::kRequested;
  WorkerExactlyOnce worker = WorkerExactlyOnce::kDisabled;
  TransactionBoundary boundary = TransactionBoundary::kPoll;
  int64_t interval_ms = 1000;
  std::string group_id = "connect-cluster";
};

inline constexpr FieldSpec kExactlyOnceFields[] = {
    field<&ExactlyOnceSettings::support>(
        "exactly.once.support",
        {.doc = "required: records and offsets in one Kafka transaction, so that consumers with "
                "isolation.level=read_committed find each change once. requested: so when "
                "exactly.once.source.support says enabled."}),
    field<&ExactlyOnceSettings::worker>(
        "exactly.once.source.support",
        {.doc = "enabled: as exactly.once.support=required. A setting of Connect's worker.",
         .importance = Importance::kLow}),
    field<&ExactlyOnceSettings::boundary>(
        "transaction.boundary",
        {.doc = "When a transaction is committed: as soon as what was read is written (poll), or "
                "every transaction.boundary.interval.ms (interval).",
         .importance = Importance::kLow}),
    field<&ExactlyOnceSettings::interval_ms>(
        "transaction.boundary.interval.ms",
        {.doc = "Milliseconds between commits; a transaction is committed sooner when seven "
                "sixteenths of "
                "the branch's share of memory.max are in it that the source could not give again.",
         .importance = Importance::kLow,
         .check = at_least<1>}),
    field<&ExactlyOnceSettings::group_id>(
        "group.id",
        {.doc =
             "Of Connect's worker: transactional.id is <group.id>-<connector>-0, so that millrace "
             "and a Connect worker of that group shut each other out.",
         .importance = Importance::kLow}),
};

struct ExactlyOnce {
  TransactionBoundary boundary = TransactionBoundary::kPoll;
  Millis interval{1000};
  std::string group_id;
  KafkaOffsetConfig offsets;
  // Known to those who know the pipeline: bind().
  std::string transactional_id;
  std::string offset_key;

  // connector: its name, or "<pipeline>/<branch>"; server: topic.prefix.
  void bind(std::string_view connector, std::string_view server);
};

// nullopt: at least once. `client`: what `settings` say to the producer.
std::optional<ExactlyOnce> parse_exactly_once(const Settings& settings,
                                              const kafka::Properties& client, Problems& problems,
                                              std::string_view key_prefix);

// After which the brokers end a transaction.
Millis transaction_timeout(const kafka::Properties& client);

}  // namespace millrace
