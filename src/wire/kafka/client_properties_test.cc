#include "wire/kafka/client_properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::kafka {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

struct Translated {
  Properties properties;
  Problems problems;
};

Translated translate(std::initializer_list<std::pair<const char*, const char*>> given,
                     ClientRole role = ClientRole::kProducer) {
  Settings settings;
  for (const auto& [key, value] : given)
    settings.set(key, value, "test.toml:1");
  Translated out;
  out.properties = client_properties(settings, role, "branch.k.sink.", out.problems);
  return out;
}

TEST(ClientProperties, JavaNamesBecomeLibrdkafkas) {
  const auto out = translate({{"bootstrap.servers", "a:9092,b:9092"},
                              {"linger.ms", "20"},
                              {"batch.size", "16384"},
                              {"compression.type", "ZSTD"},
                              {"compression.zstd.level", "3"},
                              {"compression.gzip.level", "9"},
                              {"max.request.size", "2097152"},
                              {"buffer.memory", "33554433"},
                              {"delivery.timeout.ms", "9223372036854775807"},
                              {"request.timeout.ms", "2147483647"},
                              {"max.in.flight.requests.per.connection", "5"},
                              {"enable.idempotence", "true"}});
  EXPECT_TRUE(out.problems.empty());
  EXPECT_THAT(
      out.properties,
      UnorderedElementsAre(
          Pair("bootstrap.servers", "a:9092,b:9092"), Pair("linger.ms", "20"),
          Pair("batch.size", "16384"), Pair("compression.type", "zstd"),
          Pair("compression.level", "3"), Pair("message.max.bytes", "2097152"),
          Pair("queue.buffering.max.kbytes", "32769"), Pair("message.timeout.ms", "2147483647"),
          Pair("request.timeout.ms", "900000"), Pair("max.in.flight.requests.per.connection", "5"),
          Pair("enable.idempotence", "true")));
}

TEST(ClientProperties, OverridesWin) {
  const auto out = translate({{"linger.ms", "1"},
                              {"producer.linger.ms", "2"},
                              {"producer.override.linger.ms", "3"},
                              {"producer.batch.size", "7"},
                              {"consumer.client.id", "not for producers"}});
  EXPECT_THAT(out.properties,
              UnorderedElementsAre(Pair("linger.ms", "3"), Pair("batch.size", "7")));
}

TEST(ClientProperties, ConsumersTakeNothingOfProducers) {
  const auto out =
      translate({{"bootstrap.servers", "a"}, {"linger.ms", "1"}, {"producer.linger.ms", "2"}},
                ClientRole::kConsumer);
  EXPECT_THAT(out.properties, UnorderedElementsAre(Pair("bootstrap.servers", "a")));
}

TEST(ClientProperties, ConnectorsOwnKeysAreNotTheClients) {
  const auto out =
      translate({{"heartbeat.interval.ms", "1000"}, {"database.user", "u"}, {"name", "n"}});
  EXPECT_TRUE(out.properties.empty());
  EXPECT_TRUE(out.problems.empty());
}

TEST(ClientProperties, SaslLoginComesFromJaas) {
  const auto out = translate({{"security.protocol", "SASL_SSL"},
                              {"sasl.mechanism", "SCRAM-SHA-512"},
                              {"sasl.jaas.config",
                               "org.apache.kafka.common.security.scram.ScramLoginModule required "
                               "username=\"u\" password=\"p\";"}});
  EXPECT_THAT(out.properties,
              UnorderedElementsAre(Pair("security.protocol", "sasl_ssl"),
                                   Pair("sasl.mechanism", "SCRAM-SHA-512"),
                                   Pair("sasl.username", "u"), Pair("sasl.password", "p")));
}

TEST(ClientProperties, AForeignLoginModuleIsAnError) {
  const auto out =
      translate({{"sasl.jaas.config",
                  "software.amazon.msk.auth.iam.IAMLoginModule required secret=\"hunter2\";"}});
  ASSERT_EQ(out.problems.size(), 1U);
  EXPECT_EQ(out.problems[0].severity, Problem::Severity::kError);
  EXPECT_EQ(out.problems[0].key, "branch.k.sink.sasl.jaas.config");
  EXPECT_EQ(out.problems[0].origin, "test.toml:1");
  EXPECT_THAT(out.problems[0].message, HasSubstr("IAMLoginModule"));
  EXPECT_THAT(out.problems[0].message, Not(HasSubstr("hunter2")));
}

TEST(ClientProperties, WhatOnlyJavaHasIsAWarning) {
  const auto out = translate(
      {{"producer.override.interceptor.classes", "x.Y"}, {"retries", "3"}, {"acks", "1"}});
  EXPECT_TRUE(out.properties.empty());
  ASSERT_EQ(out.problems.size(), 3U);
  for (const Problem& problem : out.problems) {
    EXPECT_EQ(problem.severity, Problem::Severity::kWarning);
  }
}

TEST(ClientProperties, ANumberThatIsNoneIsAnError) {
  const auto out = translate({{"linger.ms", "soon"}});
  ASSERT_EQ(out.problems.size(), 1U);
  EXPECT_EQ(out.problems[0].severity, Problem::Severity::kError);
  EXPECT_EQ(out.problems[0].key, "branch.k.sink.linger.ms");
}

TEST(ClientProperties, PemStoresBecomeFilesAndTexts) {
  const auto files = translate({{"ssl.truststore.location", "/etc/ca.pem"},
                                {"ssl.keystore.location", "/etc/client"},
                                {"ssl.keystore.type", "pem"},
                                {"ssl.key.password", "s"},
                                {"ssl.endpoint.identification.algorithm", ""}});
  EXPECT_TRUE(files.problems.empty());
  EXPECT_THAT(
      files.properties,
      UnorderedElementsAre(Pair("ssl.ca.location", "/etc/ca.pem"),
                           Pair("ssl.certificate.location", "/etc/client"),
                           Pair("ssl.key.location", "/etc/client"), Pair("ssl.key.password", "s"),
                           Pair("ssl.endpoint.identification.algorithm", "none")));
  const auto texts = translate({{"ssl.truststore.certificates", "CA"},
                                {"ssl.keystore.certificate.chain", "CHAIN"},
                                {"ssl.keystore.key", "KEY"}});
  EXPECT_THAT(texts.properties,
              UnorderedElementsAre(Pair("ssl.ca.pem", "CA"), Pair("ssl.certificate.pem", "CHAIN"),
                                   Pair("ssl.key.pem", "KEY")));
}

TEST(ClientProperties, Pkcs12IsTakenForKeysAndRefusedForTrust) {
  const auto out = translate({{"ssl.keystore.location", "/c.P12"},
                              {"ssl.keystore.password", "s"},
                              {"ssl.truststore.location", "/t.p12"}});
  EXPECT_THAT(out.properties, UnorderedElementsAre(Pair("ssl.keystore.location", "/c.P12"),
                                                   Pair("ssl.keystore.password", "s")));
  ASSERT_EQ(out.problems.size(), 1U);
  EXPECT_THAT(out.problems[0].cure, HasSubstr("openssl pkcs12 -in /t.p12"));
}

TEST(ClientProperties, AJavaKeystoreIsAnErrorWithItsConversion) {
  const auto out =
      translate({{"ssl.truststore.location", "/t.jks"}, {"ssl.truststore.password", "s"}});
  ASSERT_EQ(out.problems.size(), 1U);
  EXPECT_EQ(out.problems[0].severity, Problem::Severity::kError);
  EXPECT_THAT(out.problems[0].cure, HasSubstr("keytool -list -rfc -keystore /t.jks"));
}

}  // namespace
}  // namespace millrace::kafka
