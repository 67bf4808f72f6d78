#include "wire/kafka/client.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>

#include "wire/kafka/client_log.h"
#include "wire/kafka/errors.h"
#include "wire/kafka/transactions.h"

namespace millrace::kafka {

namespace {

constexpr int kConnectSliceMs = 250;
constexpr int kMetadataLeastMs = 50;

struct FreeMetadata {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};

using Metadata = std::unique_ptr<const rd_kafka_metadata_t, FreeMetadata>;

struct FreeTopic {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};

struct FreeConf {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};

std::string_view connect_cure(std::string_view reason) {
  if (reason.find("certificate") != std::string_view::npos) {
    return "give the authority's certificate as ssl.truststore.location (ssl.truststore.type=PEM)";
  }
  if (reason.find("SSL handshake") != std::string_view::npos) {
    return "the broker may speak no TLS there: use its TLS port, or set "
           "security.protocol=PLAINTEXT "
           "(SASL_PLAINTEXT with a login)";
  }
  if (reason.find("ApiVersion") != std::string_view::npos) {
    return "the broker may want TLS or a login there: set security.protocol=SSL or SASL_SSL";
  }
  if (reason.find("resolve") != std::string_view::npos) {
    return "check the host names in bootstrap.servers";
  }
  return "start the brokers, open the way to them, or correct bootstrap.servers";
}

// A login that was cut off: librdkafka gives it the code of one that was refused.
bool is_cut_off(std::string_view reason) {
  const auto says = [&](std::string_view text) {
    return reason.find(text) != std::string_view::npos;
  };
  return says("Broker transport failure") || says("imed out") || says("Disconnected");
}

// 0: there is none, or not yet.
Result<int32_t> partition_count(const rd_kafka_metadata_topic_t& topic) {
  if (topic.partition_cnt > 0) return topic.partition_cnt;
  const Error error = error_of(topic.err, fmt::format("topic {}", topic.topic));
  if (error.kind == ErrorKind::kUnreachable || error.kind == ErrorKind::kNotFound) return 0;
  return std::unexpected(error);
}

}  // namespace

struct Client::State {
  rd_kafka_t* handle = nullptr;
  DeliveryListener* listener = nullptr;
  std::string servers;
  ClientLog log;
  std::string last_reason;            // of the last background error; for messages
  std::optional<Error> unauthorized;  // the brokers refuse the login; until one has answered
  std::optional<Error> fatal;

  static State& of(void* opaque) { return *static_cast<State*>(opaque); }

  void background_error(int code, const char* reason) {
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
      std::array<char, 256> text{};
      const auto why = rd_kafka_fatal_error(handle, text.data(), text.size());
      fatal = Error(ErrorKind::kUnreachable,
                    fmt::format("kafka producer cannot go on: {}", text.data()), "it is made anew");
      const Error cause = error_of(why, "");
      if (cause.kind == ErrorKind::kRefused) {
        fatal->kind = cause.kind;
        fatal->cure = cause.cure;
      }
    }
    if (error_of(code, "").kind == ErrorKind::kUnauthorized && !is_cut_off(reason)) {
      unauthorized = error_of(code, fmt::format("kafka at {} ({})", servers, reason));
    }
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) last_reason = reason;
  }

  void delivery(const rd_kafka_message_t& message) {
    if (listener == nullptr) return;
    const auto number = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(message._private));
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) return listener->delivered(number, nullptr);
    const Error error = error_of(
        message.err,
        fmt::format("topic {}, partition {}", rd_kafka_topic_name(message.rkt), message.partition));
    listener->delivered(number, &error);
  }

  // What `properties` do not say stays at librdkafka's default.
  Result<std::unique_ptr<rd_kafka_conf_t, FreeConf>> configure(const Properties& properties) {
    std::unique_ptr<rd_kafka_conf_t, FreeConf> conf(rd_kafka_conf_new());
    std::array<char, 512> text{};
    for (const auto& [name, value] : properties) {
      if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text.data(), text.size()) !=
          RD_KAFKA_CONF_OK) {
        const bool secret =
            name.find("pem") != std::string::npos || name.find("password") != std::string::npos;
        return fail(ErrorKind::kConfig, fmt::format("kafka refuses {}{}{}", name,
                                                    secret ? "" : ": ", secret ? "" : text.data()));
      }
    }
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_error_cb(conf.get(),
                               [](rd_kafka_t*, int code, const char* reason, void* opaque) {
                                 of(opaque).background_error(code, reason);
                               });
    rd_kafka_conf_set_log_cb(
        conf.get(), [](const rd_kafka_t* rk, int level, const char* facility, const char* line) {
          of(rd_kafka_opaque(rk)).log.write(level, facility, line);
        });
    if (listener != nullptr) {
      rd_kafka_conf_set_dr_msg_cb(conf.get(), [](rd_kafka_t*, const rd_kafka_message_t* message,
                                                 void* opaque) { of(opaque).delivery(*message); });
    }
    return conf;
  }

  Result<Metadata> metadata(bool all, rd_kafka_topic_t* topic, int timeout_ms) {
    const rd_kafka_metadata_t* found = nullptr;
    const auto code = rd_kafka_metadata(handle, all ? 1 : 0, topic, &found, timeout_ms);
    rd_kafka_poll(handle, 0);
    Metadata owned(found);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      unauthorized.reset();
      return owned;
    }
    if (unauthorized) return std::unexpected(*unauthorized);
    Error error = error_of(code, fmt::format("kafka at {} does not answer", servers));
    if (!last_reason.empty()) error.message += fmt::format(" ({})", last_reason);
    error.cure = connect_cure(last_reason);
    return std::unexpected(std::move(error));
  }
};

int left_ms(SteadyTime deadline, int least) {
  const auto left = std::chrono::ceil<Millis>(deadline - steady_now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, least, 3600000));
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}

Client::~Client() {
  if (state_->handle == nullptr) return;
  state_->listener = nullptr;
  rd_kafka_purge(state_->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                     RD_KAFKA_PURGE_F_NON_BLOCKING);
  leave_transaction(state_->handle);
  rd_kafka_destroy(state_->handle);
}

Result<std::unique_ptr<Client>> Client::open(ClientRole role, const Properties& properties,
                                             DeliveryListener* listener) {
  auto state = std::make_unique<State>();
  state->listener = listener;
  const auto servers = properties.find("bootstrap.servers");
  if (servers == properties.end() || servers->second.empty()) {
    return fail(ErrorKind::kConfig, "bootstrap.servers is missing",
                "set bootstrap.servers to host:port,…");
  }
  state->servers = servers->second;
  auto conf = state->configure(properties);
  if (!conf) return std::unexpected(conf.error());
  std::array<char, 512> text{};
  const auto type = role == ClientRole::kProducer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER;
  state->handle = rd_kafka_new(type, conf->get(), text.data(), text.size());
  if (state->handle == nullptr) {
    return fail(ErrorKind::kConfig, fmt::format("kafka client cannot be made: {}", text.data()),
                "check the kafka settings and the files that they name");
  }
  // The handle owns the configuration now.
  static_cast<void>(conf->release());
  return std::unique_ptr<Client>(new Client(std::move(state)));
}

Result<void> Client::connect(SteadyTime deadline) {
  for (int slice = kConnectSliceMs;; slice *= 2) {  // a far broker needs longer
    const auto answer = state_->metadata(false, nullptr, std::min(slice, left_ms(deadline, 1)));
    if (answer) return {};
    if (answer.error().kind != ErrorKind::kUnreachable || steady_now() >= deadline) {
      return std::unexpected(answer.error());
    }
  }
}

Result<std::optional<int32_t>> Client::partitions(const std::string& topic, SteadyTime deadline) {
  const std::unique_ptr<rd_kafka_topic_t, FreeTopic> handle(
      rd_kafka_topic_new(state_->handle, topic.c_str(), nullptr));
  if (handle == nullptr) return std::unexpected(error_of(rd_kafka_last_error(), "topic " + topic));
  const auto answer = state_->metadata(false, handle.get(), left_ms(deadline, kMetadataLeastMs));
  if (!answer) return std::unexpected(answer.error());
  if ((*answer)->topic_cnt != 1) return std::nullopt;
  const auto count = partition_count((*answer)->topics[0]);
  if (!count) return std::unexpected(count.error());
  return *count > 0 ? std::optional(*count) : std::nullopt;
}

Result<void> Client::partitions_of_all(SteadyTime deadline, const TellPartitions& tell) {
  const auto answer = state_->metadata(false, nullptr, left_ms(deadline, kMetadataLeastMs));
  if (!answer) return std::unexpected(answer.error());
  for (int i = 0; i < (*answer)->topic_cnt; ++i)
    tell((*answer)->topics[i].topic, partition_count((*answer)->topics[i]));
  return {};
}

Result<std::vector<std::string>> Client::topics(SteadyTime deadline) {
  const auto answer = state_->metadata(true, nullptr, left_ms(deadline, kMetadataLeastMs));
  if (!answer) return std::unexpected(answer.error());
  std::vector<std::string> out;
  out.reserve(static_cast<size_t>((*answer)->topic_cnt));
  for (int i = 0; i < (*answer)->topic_cnt; ++i)
    out.emplace_back((*answer)->topics[i].topic);
  return out;
}

void Client::poll(SteadyTime deadline) {
  rd_kafka_poll(state_->handle, left_ms(deadline));
}

const std::optional<Error>& Client::fatal() const {
  return state_->fatal;
}

rd_kafka_s* Client::handle() const {
  return state_->handle;
}

}  // namespace millrace::kafka
