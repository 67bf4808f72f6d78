#include "wire/kafka/errors.h"

#include <librdkafka/rdkafka.h>

namespace millrace::kafka {

namespace {

struct Class {
  ErrorKind kind;
  const char* cure;
};

constexpr const char* kRights =
    "grant the principal Describe and Write on the topic (and IdempotentWrite on the cluster "
    "before Kafka 2.8)";
constexpr const char* kLogin =
    "check sasl.mechanism, the user and the password, and security.protocol";
constexpr const char* kSize =
    "raise max.request.size here and max.message.bytes of the topic, or leave the column out";

Class class_of(int code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return {ErrorKind::kBusy, ""};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      return {ErrorKind::kData, kSize};
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
      return {ErrorKind::kData, "a compacted topic takes no records without a key"};
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
      return {ErrorKind::kData, ""};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return {ErrorKind::kUnauthorized, kRights};
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return {ErrorKind::kUnauthorized,
              "grant the principal Describe and Write on the transactional.id"};
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
      return {ErrorKind::kUnauthorized, kLogin};
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return {ErrorKind::kNotFound,
              "create the topic, or allow the broker to (auto.create.topics.enable)"};
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return {ErrorKind::kConfig,
              "a topic's name has 1 to 249 of the characters a-z A-Z 0-9 . _ -"};
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
      return {ErrorKind::kConfig,
              "the cluster has fewer brokers than the replication factor asks for"};
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return {ErrorKind::kConfig, ""};
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return {ErrorKind::kUnreachable,
              "check the host names in bootstrap.servers and advertised.listeners"};
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
      return {
          ErrorKind::kRefused,
          "another instance with the same transactional.id has taken over: stop one of them, or "
          "give them different names"};
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
      return {ErrorKind::kConfig,
              "set transaction.timeout.ms to at most the brokers' transaction.max.timeout.ms"};
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      return {ErrorKind::kVersion, "set exactly.once.support=requested"};
    default:
      return {ErrorKind::kUnreachable, ""};
  }
}

}  // namespace

Error error_of(int code, const std::string& what) {
  const Class found = class_of(code);
  return {found.kind, what + ": " + rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code)),
          found.cure};
}

}  // namespace millrace::kafka
