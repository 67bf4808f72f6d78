#include "wire/kafka/producer.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>

#include "wire/kafka/errors.h"

namespace millrace::kafka {

namespace {

constexpr int64_t kQueueKib = 1 << 20;  // librdkafka's own

struct FreeHeaders {
  void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
};

// librdkafka takes void* for what it only reads.
void* mutable_pointer(std::string_view bytes) {
  return const_cast<char*>(bytes.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): C API
}

rd_kafka_vu_t bytes_of(rd_kafka_vtype_t type, std::string_view bytes) {
  rd_kafka_vu_t out{};
  out.vtype = type;
  out.u.mem.ptr = mutable_pointer(bytes);
  out.u.mem.size = bytes.size();
  return out;
}

rd_kafka_vu_t pointer_of(uint64_t number) {
  rd_kafka_vu_t out{};
  out.vtype = RD_KAFKA_VTYPE_OPAQUE;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka gives it back as it is
  out.u.ptr = reinterpret_cast<void*>(static_cast<uintptr_t>(number));
  return out;
}

std::unique_ptr<rd_kafka_headers_t, FreeHeaders> headers_of(std::span<const RecordHeader> headers) {
  if (headers.empty()) return nullptr;
  std::unique_ptr<rd_kafka_headers_t, FreeHeaders> out(rd_kafka_headers_new(headers.size()));
  for (const RecordHeader& header : headers) {
    rd_kafka_header_add(out.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
                        header.value.data(), static_cast<ssize_t>(header.value.size()));
  }
  return out;
}

void set_default(Properties& properties, const char* name, const char* value) {
  properties.try_emplace(name, value);
}

}  // namespace

Result<std::unique_ptr<Producer>> Producer::open(Properties properties,
                                                 DeliveryListener& listener) {
  set_default(properties, "enable.idempotence", "true");
  const bool idempotent = properties["enable.idempotence"] == "true";
  set_default(properties, "acks", "all");
  set_default(properties, "message.timeout.ms", "0");
  set_default(properties, "message.max.bytes", "1048576");
  set_default(properties, "max.in.flight.requests.per.connection", idempotent ? "5" : "1");
  // The number of records is bounded by those who produce, in bytes.
  set_default(properties, "queue.buffering.max.messages", "10000000");
  set_default(properties, "client.id", "millrace");
  set_default(properties, "reconnect.backoff.max.ms", "1000");  // as Java
  set_default(properties, "log.connection.close", "false");
  set_default(properties, "socket.nagle.disable", "true");
  set_default(properties, "socket.keepalive.enable", "true");
  auto client = Client::open(ClientRole::kProducer, properties, &listener);
  if (!client) return std::unexpected(client.error());
  const int64_t queue_kib = number_of(properties, "queue.buffering.max.kbytes", kQueueKib);
  return std::unique_ptr<Producer>(
      new Producer(std::move(*client), static_cast<size_t>(queue_kib) * 1024));
}

Producer::~Producer() {
  for (const auto& [name, topic] : topics_)
    rd_kafka_topic_destroy(topic);
}

Result<rd_kafka_topic_s*> Producer::topic(const std::string& name) {
  const auto known = topics_.find(name);
  if (known != topics_.end()) return known->second;
  rd_kafka_topic_t* made = rd_kafka_topic_new(client_->handle(), name.c_str(), nullptr);
  if (made == nullptr) return std::unexpected(error_of(rd_kafka_last_error(), "topic " + name));
  topics_.emplace(name, made);
  return made;
}

Result<void> Producer::produce(const OutgoingRecord& record) {
  // It would be told as a queue that is full, for ever.
  if (record.value.size() > queue_bytes_) {
    return fail(ErrorKind::kData,
                fmt::format("topic {}: a record of {} bytes is larger than buffer.memory ({})",
                            rd_kafka_topic_name(record.topic), record.value.size(), queue_bytes_),
                "raise buffer.memory, or leave the column out");
  }
  auto headers = headers_of(record.headers);
  std::array<rd_kafka_vu_t, 6> fields{};
  size_t count = 0;
  fields[count].vtype = RD_KAFKA_VTYPE_RKT;
  fields[count++].u.rkt = record.topic;
  fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[count++].u.i32 = record.partition;
  fields[count++] = bytes_of(RD_KAFKA_VTYPE_VALUE, record.value);
  fields[count++] = bytes_of(RD_KAFKA_VTYPE_KEY, record.key);
  fields[count++] = pointer_of(record.number);
  if (headers != nullptr) {
    fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[count++].u.headers = headers.get();
  }
  rd_kafka_error_t* refused = rd_kafka_produceva(client_->handle(), fields.data(), count);
  if (refused == nullptr) {
    // The record owns its headers now.
    static_cast<void>(headers.release());
    return {};
  }
  const int code = rd_kafka_error_code(refused);
  rd_kafka_error_destroy(refused);
  return std::unexpected(error_of(code, std::string("topic ") + rd_kafka_topic_name(record.topic)));
}

bool Producer::flush(SteadyTime deadline) {
  return rd_kafka_flush(client_->handle(), left_ms(deadline)) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace millrace::kafka
