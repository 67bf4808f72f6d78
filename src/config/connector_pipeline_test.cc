#include <gmock/gmock.h>

#include "config/config_files_test.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConnectorPipeline : public ConfigFiles {};

constexpr std::string_view kOldConnector = R"({
  "name": "inventory-connector",
  "config": {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "plugin.name": "pgoutput",
    "database.port": 5432,
    "database.password": "hunter2",
    "database.server.name": "debezium_multicloud",
    "table.whitelist": "public.inventory"
  }
})";

TEST_F(ConnectorPipeline, AConnectorHasOneBranchIntoKafkaWithAllItsKeys) {
  const PipelineConfig config = load("connector.json", kOldConnector);
  EXPECT_EQ(errors(), 0U) << told();
  EXPECT_EQ(config.name, "inventory-connector");
  EXPECT_EQ(config.form, ConfigForm::kJson);
  EXPECT_EQ(config.source_prefix, "");
  EXPECT_EQ(value(config.source, "topic.prefix"), "debezium_multicloud");
  EXPECT_EQ(value(config.source, "table.include.list"), "public.inventory");
  EXPECT_EQ(config.source.find("database.port")->origin, config.file + ":6");
  ASSERT_THAT(config.branches, SizeIs(1));
  EXPECT_EQ(config.branches[0].name, "inventory-connector");
  EXPECT_EQ(config.branches[0].sink, "kafka");
  EXPECT_EQ(config.sink_prefix(config.branches[0]), "");
  EXPECT_EQ(value(config.branches[0].sink_settings, "topic.prefix"), "debezium_multicloud");
  EXPECT_EQ(value(config.common, "database.port"), "5432");
}

TEST_F(ConnectorPipeline, ToAndSetWorkWithBareKeys) {
  const PipelineConfig config =
      load("connector.json", kOldConnector,
           {.file = "",
            .to = "stdout",
            .set = {{"key.converter.schemas.enable", "true"}, {"database.port", "1"}}});
  EXPECT_EQ(config.branches[0].sink, "stdout");
  EXPECT_EQ(value(config.branches[0].sink_settings, "key.converter.schemas.enable"), "true");
  EXPECT_EQ(value(config.source, "database.port"), "1");
}

TEST_F(ConnectorPipeline, TheFlatFormWithoutANameHasItsFiles) {
  const PipelineConfig config =
      load("inv.json", R"({"connector.class": "PostgresConnector", "topic.prefix": "p"})");
  EXPECT_THAT(problems, IsEmpty()) << told();
  EXPECT_EQ(config.name, "inv");
}

TEST_F(ConnectorPipeline, AnotherConnectorIsAnError) {
  load("c.json", R"({"connector.class": "io.debezium.connector.mysql.MySqlConnector"})");
  ASSERT_NE(problem("connector.class"), nullptr);
  EXPECT_EQ(problem("connector.class")->severity, Problem::Severity::kError);
}

TEST_F(ConnectorPipeline, TransformsAreRefusedByName) {
  load(
      "c.json",
      R"({"transforms": "unwrap, route", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"})");
  EXPECT_EQ(errors(), 2U);
  EXPECT_THAT(told(), HasSubstr("ExtractNewRecordState"));
  EXPECT_THAT(told(), HasSubstr("route"));
  load("c.json", R"({"transforms": ""})");
  EXPECT_EQ(errors(), 0U);
}

TEST_F(ConnectorPipeline, MoreTasksAreIgnoredWithAWarning) {
  load("c.json", R"({"tasks.max": "4"})");
  EXPECT_EQ(problem("tasks.max")->severity, Problem::Severity::kWarning);
  load("c.json", R"({"tasks.max": "1"})");
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(ConnectorPipeline, AKeyThatStandsTwiceHasItsLaterValue) {
  const PipelineConfig config = load("c.properties", "topic.prefix=a\ntopic.prefix=b\n");
  EXPECT_EQ(value(config.source, "topic.prefix"), "b");
  EXPECT_EQ(problem("topic.prefix")->severity, Problem::Severity::kWarning);
}

TEST_F(ConnectorPipeline, StandaloneProperties) {
  const PipelineConfig config =
      load("c.properties", "name=inv\nconnector.class=PostgresConnector\ntopic.prefix : p\n");
  EXPECT_THAT(problems, IsEmpty()) << told();
  EXPECT_EQ(config.name, "inv");
  EXPECT_EQ(config.form, ConfigForm::kProperties);
  EXPECT_EQ(config.branches[0].sink, "kafka");
  EXPECT_EQ(value(config.source, "topic.prefix"), "p");
}

constexpr std::string_view kServer = R"(debezium.sink.type=kafka
debezium.sink.kafka.producer.bootstrap.servers=k:9092
debezium.sink.kafka.producer.key.serializer=org.apache.kafka.common.serialization.StringSerializer
debezium.sink.kafka.producer.linger.ms=5
debezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector
debezium.source.offset.storage.file.filename=data/offsets.dat
debezium.source.topic.prefix=tutorial
debezium.source.table.include.list=inventory.customers
debezium.format.schemas.enable=true
debezium.format.value=json
debezium.format.value.schemas.enable=false
quarkus.log.console.json=false
quarkus.http.port=8080
memory.max=8MiB
)";

TEST_F(ConnectorPipeline, DebeziumServer) {
  const PipelineConfig config = load("application.properties", kServer);
  EXPECT_EQ(errors(), 0U) << told();
  EXPECT_THAT(problems, SizeIs(1)) << told();  // one note for all of quarkus.*
  EXPECT_EQ(config.name, "kafka");
  EXPECT_EQ(config.source_prefix, "debezium.source.");
  EXPECT_EQ(value(config.source, "topic.prefix"), "tutorial");
  EXPECT_EQ(value(config.common, "offset.storage.file.filename"), "data/offsets.dat");
  EXPECT_EQ(value(config.common, "memory.max"), "8MiB");
  const BranchConfig& branch = config.branches[0];
  EXPECT_EQ(branch.sink, "kafka");
  EXPECT_EQ(config.sink_prefix(branch), "debezium.sink.kafka.");
  EXPECT_EQ(value(branch.sink_settings, "bootstrap.servers"), "k:9092");
  EXPECT_EQ(value(branch.sink_settings, "producer.override.linger.ms"), "5");
  EXPECT_EQ(value(branch.sink_settings, "producer.key.serializer"), "(none)");
  EXPECT_EQ(value(branch.sink_settings, "key.converter.schemas.enable"), "true");
  EXPECT_EQ(value(branch.sink_settings, "value.converter.schemas.enable"), "false");
  EXPECT_EQ(value(branch.sink_settings, "topic.prefix"), "tutorial");
}

TEST_F(ConnectorPipeline, DebeziumServerWithOldNamesTellsTheirFullKeys) {
  const PipelineConfig config =
      load("application.properties",
           "debezium.sink.type=file\ndebezium.source.database.server.name=s\n");
  EXPECT_EQ(value(config.source, "topic.prefix"), "s");
  EXPECT_THAT(problem("debezium.source.database.server.name")->cure,
              HasSubstr("debezium.source.topic.prefix"));
}

TEST_F(ConnectorPipeline, DebeziumServerNeedsASinkUnlessToNamesOne) {
  load("application.properties", "debezium.source.topic.prefix=s\n");
  EXPECT_NE(problem("debezium.sink.type"), nullptr);
  load("application.properties", "debezium.source.topic.prefix=s\n",
       {.file = "", .to = "stdout", .set = {}});
  EXPECT_EQ(problem("debezium.sink.type"), nullptr);
}

TEST_F(ConnectorPipeline, ADebeziumServerFormatThatIsNotJsonIsRefused) {
  load("application.properties", "debezium.sink.type=kafka\ndebezium.format.value=avro\n");
  EXPECT_THAT(problem("debezium.format.value")->message, HasSubstr("avro"));
}

TEST_F(ConnectorPipeline, AFileThatIsMissingOrOfAnotherKindIsOneProblem) {
  for (const std::string name : {"/nowhere.json", "/x.yaml", "/noending", ""}) {
    problems.clear();
    load_pipeline({.file = folder_ + name, .to = "", .set = {}}, problems);
    ASSERT_THAT(problems, SizeIs(1)) << name << told();
    EXPECT_EQ(problems[0].severity, Problem::Severity::kError);
    EXPECT_NE(problems[0].cure, "");
  }
}

TEST_F(ConnectorPipeline, NoProblemShowsASecret) {
  load("c.json", kOldConnector);
  EXPECT_THAT(told(), Not(HasSubstr("hunter2")));
  load("c.json",
       R"({"database.password": "hunter2", "database.password": ["hunter2"], "name": "hunter2)");
  EXPECT_THAT(told(), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace millrace
