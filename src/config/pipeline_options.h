// Settings of a pipeline as a whole: at the root of a .toml file, beside the connector's keys in
// .json and .properties.
#pragma once

#include <string>

#include "base/log.h"
#include "config/field.h"

namespace millrace {

template <>
struct EnumNames<log::Level> {
  static constexpr std::pair<std::string_view, log::Level> values[] = {
      {"debug", log::Level::kDebug},
      {"info", log::Level::kInfo},
      {"warn", log::Level::kWarn},
      {"error", log::Level::kError}};
};

template <>
struct EnumNames<log::Format> {
  static constexpr std::pair<std::string_view, log::Format> values[] = {
      {"logfmt", log::Format::kLogfmt}, {"json", log::Format::kJson}};
};

// Connect's names. A change that is kept in the dead letters is not lost, so going on is the
// default in every form of file.
enum class ErrorsTolerance : uint8_t { kNone, kAll };

template <>
struct EnumNames<ErrorsTolerance> {
  static constexpr std::pair<std::string_view, ErrorsTolerance> values[] = {
      {"none", ErrorsTolerance::kNone}, {"all", ErrorsTolerance::kAll}};
};

// Of the whole pipeline, though it begins as a branch's keys do.
inline constexpr std::string_view kLagMaxKey = "branch.lag.max.bytes";

struct PipelineOptions {
  std::string name;  // PipelineConfig::name has it with its default
  Bytes memory_max{24 << 20};
  std::string http_listen;
  std::string state_folder = "./millrace-state";
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kLogfmt;
  int64_t shutdown_timeout_ms = 10000;
  ErrorsTolerance errors_tolerance = ErrorsTolerance::kAll;
  Bytes dead_letter_max{256 << 20};
  int64_t dead_letter_count = 10000;
  int64_t dead_letter_in_a_row = 500;
  Bytes branch_lag_max{0};
  int64_t offset_flush_interval_ms = 1000;
  int64_t retry_initial_ms = 300;
  int64_t retry_max_ms = 10000;
};

// "" or "host:port" or ":port".
std::string listen_address(std::string_view text);
// A number of bytes that is enough to work with.
std::string at_least_4_mib(std::string_view text);

inline constexpr FieldSpec kPipelineFields[] = {
    field<&PipelineOptions::name>(
        "name",
        {.doc = "Name of the pipeline: in logs, metrics, offsets and ids. Default: the name of "
                "the file without its ending."}),
    field<&PipelineOptions::memory_max>(
        "memory.max",
        {.doc = "Bytes that changes on their way may hold together: batches, queues, the "
                "Kafka client's queue. At least 4MiB.",
         .importance = Importance::kHigh,
         .check = at_least_4_mib}),
    field<&PipelineOptions::http_listen>(
        "http.listen",
        {.doc = "Address for /metrics, /health and /status, as 127.0.0.1:9187. Empty: none.",
         .check = listen_address}),
    field<&PipelineOptions::state_folder>(
        "state.folder",
        {.doc = "Where offsets, ledgers and dead letters lie when the sink cannot keep them."}),
    field<&PipelineOptions::log_level>("log.level", {.doc = "What is logged on stderr."}),
    field<&PipelineOptions::log_format>("log.format", {.doc = "How a log line is written."}),
    field<&PipelineOptions::shutdown_timeout_ms>(
        "shutdown.timeout.ms",
        {.doc = "After SIGTERM the branches have this long to make durable what they hold.",
         .check = at_least<0>}),
    field<&PipelineOptions::errors_tolerance>(
        "errors.tolerance",
        {.doc = "What becomes of a change that a sink refuses for what it is. all: it goes to the "
                "dead letters and the branch goes on. none: the branch stops."}),
    field<&PipelineOptions::dead_letter_max>(
        "dead.letter.max.bytes",
        {.doc = "Size of a branch's dead-letter file at which the branch stops. 0: no limit."}),
    field<&PipelineOptions::dead_letter_count>(
        "dead.letter.max.count",
        {.doc = "Dead letters of a branch at which it stops. 0: no limit.", .check = at_least<0>}),
    field<&PipelineOptions::dead_letter_in_a_row>(
        "dead.letter.max.in.a.row",
        {.doc = "So many changes refused one after the other stop the branch: then the target or a "
                "setting is wrong, not a row. 0: no limit.",
         .check = at_least<0>}),
    field<&PipelineOptions::branch_lag_max>(
        kLagMaxKey,
        {.doc =
             "WAL that the server may keep for a branch that takes nothing. Beyond it the branch "
             "is given up: the slot moves on, and the branch comes back with a snapshot once its "
             "sink takes changes again. 0: the server keeps all that the branch lacks."}),
    field<&PipelineOptions::offset_flush_interval_ms>(
        "offset.flush.interval.ms", {.doc = "How often progress is stored and confirmed to the "
                                            "slot. Connect's worker has 60000; a "
                                            "shorter one repeats less after a crash.",
                                     .check = at_least<0>}),
    field<&PipelineOptions::retry_initial_ms>(
        "errors.retry.delay.initial.ms",
        {.doc = "Wait before the first repetition of what failed; it doubles each time.",
         .check = at_least<1>}),
    field<&PipelineOptions::retry_max_ms>("errors.retry.delay.max.ms",
                                          {.doc = "The longest such wait.", .check = at_least<1>}),
};

}  // namespace millrace
