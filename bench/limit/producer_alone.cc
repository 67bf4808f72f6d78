// producer_alone BROKERS FROM TO: what librdkafka alone can do with the records of topic FROM.
//
// Reads them (partition 0, key, value and headers) into memory, and produces them to TO:
// idempotent, acks=all, bytes not copied, as millrace's sink does, but with nothing before it.
// Prints a line of JSON: seconds and processor seconds of the producing alone; first as most
// programs do it, then ("paced_") with no more than two batches and a half handed over at a time,
// as millrace's sink does it too (src/sink/kafka/partition_load.h says why).
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr int kTimeoutMs = 10000;

[[noreturn]] void die(const char* what, const std::string& why) {
  std::fprintf(stderr, "producer_alone: %s: %s\n", what, why.c_str());
  std::_Exit(1);
}

using Settings = std::initializer_list<std::pair<const char*, const char*>>;

struct Told {
  size_t failed = 0;
  size_t bytes = 0;
};

void told(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* all = static_cast<Told*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) ++all->failed;
  all->bytes += message->len + message->key_len;
}

rd_kafka_t* open(rd_kafka_type_t type, Settings settings, Told* all) {
  std::string why(512, '\0');
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value, why.data(), why.size()) != RD_KAFKA_CONF_OK)
      die(name, why);
  }
  rd_kafka_conf_set_opaque(conf, all);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, told);
  rd_kafka_t* out = rd_kafka_new(type, conf, why.data(), why.size());
  return out == nullptr ? (die("client", why), nullptr) : out;
}

// All messages stay until the end: they hold the bytes.
std::vector<rd_kafka_message_t*> read(const char* brokers, const char* topic) {
  rd_kafka_t* client = open(RD_KAFKA_CONSUMER,
                            {{"bootstrap.servers", brokers},
                             {"group.id", "producer_alone"},
                             {"enable.auto.commit", "false"},
                             {"queued.max.messages.kbytes", "65536"}},
                            nullptr);
  int64_t low = 0;
  int64_t high = 0;
  rd_kafka_query_watermark_offsets(client, topic, 0, &low, &high, kTimeoutMs);
  rd_kafka_topic_partition_list_t* all = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(all, topic, 0)->offset = low;
  rd_kafka_assign(client, all);
  std::vector<rd_kafka_message_t*> out;
  while (low < high) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client, kTimeoutMs);
    if (message == nullptr) die(topic, "no record for ten seconds");
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) die(topic, rd_kafka_message_errstr(message));
    low = message->offset + 1;
    out.push_back(message);
  }
  rd_kafka_assign(client, nullptr);
  return out;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

rd_kafka_vu_t bytes_of(rd_kafka_vtype_t type, void* bytes, size_t size) {
  rd_kafka_vu_t out{};
  out.vtype = type;
  out.u.mem = {bytes, size};
  return out;
}

// Takes the headers if it succeeds.
rd_kafka_resp_err_t produce_with(rd_kafka_t* client, rd_kafka_topic_t* topic,
                                 const rd_kafka_message_t& from, rd_kafka_headers_t* headers) {
  std::array<rd_kafka_vu_t, 4> fields{};
  fields[0].vtype = RD_KAFKA_VTYPE_RKT;
  fields[0].u.rkt = topic;
  fields[1] = bytes_of(RD_KAFKA_VTYPE_VALUE, from.payload, from.len);
  fields[2] = bytes_of(RD_KAFKA_VTYPE_KEY, from.key, from.key_len);
  fields[3].vtype = RD_KAFKA_VTYPE_HEADERS;
  fields[3].u.headers = headers;
  rd_kafka_error_t* refused = rd_kafka_produceva(client, fields.data(), fields.size());
  const auto code = refused == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(refused);
  if (refused != nullptr) rd_kafka_error_destroy(refused);
  return code;
}

void produce(rd_kafka_t* client, rd_kafka_topic_t* topic, const rd_kafka_message_t& from) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&from, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
    headers = rd_kafka_headers_copy(headers);
  for (;;) {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (headers != nullptr) {
      error = produce_with(client, topic, from, headers);
    } else if (rd_kafka_produce(topic, 0, 0, from.payload, from.len, from.key, from.key_len,
                                nullptr) != 0) {
      error = rd_kafka_last_error();
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) die("produce", rd_kafka_err2str(error));
    rd_kafka_poll(client, 1);
  }
}

struct Figures {
  double seconds = 0;
  double cpu_s = 0;
  size_t bytes = 0;
};

constexpr size_t kPace = 2'500'000;

Figures produce_all(const char* brokers, const std::string& to,
                    const std::vector<rd_kafka_message_t*>& records, bool is_paced) {
  Told all;
  rd_kafka_t* client = open(RD_KAFKA_PRODUCER,
                            {{"bootstrap.servers", brokers},
                             {"enable.idempotence", "true"},
                             {"acks", "all"},
                             {"socket.nagle.disable", "true"},
                             {"linger.ms", is_paced ? "1000" : "5"},
                             {"batch.num.messages", is_paced ? "1000000" : "10000"},
                             {"queue.buffering.max.messages", "100000"}},
                            &all);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client, to.c_str(), nullptr);
  const rd_kafka_metadata_t* known = nullptr;
  rd_kafka_metadata(client, 0, topic, &known, kTimeoutMs);
  const double cpu = cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  size_t bytes = 0;
  size_t n = 0;
  for (const rd_kafka_message_t* record : records) {
    while (is_paced && bytes - all.bytes >= kPace)
      rd_kafka_poll(client, 100);
    produce(client, topic, *record);
    bytes += record->len + record->key_len;
    if (++n % 100 == 0) rd_kafka_poll(client, 0);
  }
  while (rd_kafka_outq_len(client) > 0)
    rd_kafka_flush(client, 100);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const Figures out{took.count(), cpu_seconds() - cpu, bytes};
  if (all.failed != 0) die(to.c_str(), std::to_string(all.failed) + " records were not delivered");
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return out;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) die("usage", "producer_alone BROKERS FROM TO");
  const auto records = read(arguments[1], arguments[2]);
  const std::string to = arguments[3];
  const Figures plain = produce_all(arguments[1], to, records, false);
  const Figures paced = produce_all(arguments[1], to + ".paced", records, true);
  std::printf(
      "{\"seconds\": %.3f, \"cpu_s\": %.2f, \"paced_seconds\": %.3f, \"paced_cpu_s\": %.2f, "
      "\"records\": %zu, \"bytes\": %zu}\n",
      plain.seconds, plain.cpu_s, paced.seconds, paced.cpu_s, records.size(), plain.bytes);
}
