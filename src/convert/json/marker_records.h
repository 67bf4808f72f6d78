// Records that belong to no table: logical messages, a transaction's BEGIN and END, heartbeats.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convert/json/envelope_schema.h"
#include "convert/json/json_config.h"
#include "convert/json/record_list.h"
#include "convert/json/source_block.h"
#include "event/change.h"

namespace millrace {

// Outlives the batches: their records point to its topics.
class MarkerRecords {
 public:
  explicit MarkerRecords(const JsonConverterConfig& config);

  void add_message(const Change& change, const std::optional<EventOrder>& order,
                   SourceBlock& source, RecordList& to) const;
  void add_begin(const Change& change, RecordList& to) const;
  void add_end(const Change& change, uint64_t events,
               const std::vector<CollectionCount>& collections, RecordList& to) const;
  void add_heartbeat(RecordList& to) const;

 private:
  std::string_view transaction_key(const Change& change, Lsn lsn, JsonWriter& out) const;
  void write_content(std::string_view content, JsonWriter& out) const;

  BinaryHandling binary_;
  std::string message_topic_;
  std::string transaction_topic_;
  std::string heartbeat_topic_;
  std::string heartbeat_key_;
  Wrapping message_key_;
  Wrapping message_value_;
  Wrapping transaction_key_;
  Wrapping transaction_value_;
  Wrapping heartbeat_value_;
};

// How Debezium's counters name a logical message: each is a collection of its own, by its Java
// object.
std::string message_collection(const Change& change);

}  // namespace millrace
