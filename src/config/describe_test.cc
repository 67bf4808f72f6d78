#include "config/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/pipeline_options.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Mill {
  int64_t stones = 2;
  std::string river;
  Secret toll;
};

constexpr FieldSpec kFields[] = {
    field<&Mill::stones>("stones", {.doc = "Stones that grind, a | b."}),
    field<&Mill::river>("river", {.doc = "The river.", .required = true}),
    field<&Mill::toll>("toll", {.doc = "What is paid.", .old_names = "tax"}),
};

TEST(Describe, MarkdownHasRequiredSettingsFirstAndEscapesBars) {
  const Mill mill;
  EXPECT_EQ(markdown_table(kFields, &mill),
            "| setting | type | default | meaning |\n|---|---|---|---|\n"
            "| `river` | string | required | The river. |\n"
            "| `stones` | int | `2` | Stones that grind, a \\| b. |\n"
            "| `toll` | password | none | What is paid. (Debezium 1.x: tax) |\n");
}

TEST(Describe, TerminalHelpIsWrapped) {
  const Mill mill;
  const std::string help = terminal_help(kFields, &mill, 24);
  EXPECT_THAT(help, StartsWith("  river  (string; required)\n      The river.\n"));
  EXPECT_THAT(help,
              HasSubstr("  stones  (int; default: 2)\n      Stones that grind,\n      a | b.\n"));
}

TEST(Describe, EnumsTellTheirNames) {
  const PipelineOptions options;
  EXPECT_THAT(markdown_table(kPipelineFields, &options),
              HasSubstr("| `log.format` | one of logfmt, json | `logfmt` |"));
  EXPECT_THAT(markdown_table(kPipelineFields, &options),
              HasSubstr("| `memory.max` | bytes | `24MiB` |"));
}

TEST(Describe, ShownValuesHideSecretsAndWhatProvidersGave) {
  Mill mill;
  mill.river = "hunter2";
  mill.toll.value = "hunter2";
  Settings settings;
  settings.set("river", "hunter2", "f:1", /*hidden=*/true);
  settings.set("toll", "hunter2", "f:2");
  for (const auto& [name, value] : shown_values(kFields, &mill, settings)) {
    EXPECT_THAT(value, Not(HasSubstr("hunter2"))) << name;
  }
}

TEST(Describe, RawSettingsHideWhatTheirNameGivesAway) {
  for (const char* key : {"database.password", "sasl.jaas.config", "Api_Token",
                          "aws.secret.access.key", "ssl.key.passphrase"}) {
    EXPECT_EQ(shown_value(key, {"hunter2", "f"}), "[hidden]") << key;
  }
  EXPECT_EQ(shown_value("slot.name", {"s", "f"}), "s");
  EXPECT_EQ(shown_value("slot.name", {"s", "f", true}), "[hidden]");
}

TEST(PipelineOptions, ValuesThatCannotWorkAreRefused) {
  Settings settings;
  settings.set("memory.max", "1MiB", "f");
  settings.set("http.listen", "localhost", "f");
  settings.set("log.level", "loud", "f");
  settings.set("offset.flush.interval.ms", "-1", "f");
  Problems problems;
  parse_fields<PipelineOptions>(kPipelineFields, settings, problems);
  EXPECT_EQ(problems.size(), 4U);
}

TEST(PipelineOptions, AnAddressHasAHostAndAPort) {
  for (const char* text : {"", "127.0.0.1:9187", ":0", "[::1]:80"})
    EXPECT_EQ(listen_address(text), "") << text;
  for (const char* text : {"9187", "host:", "host:x", "host:65536", "host:-1"}) {
    EXPECT_NE(listen_address(text), "") << text;
  }
}

}  // namespace
}  // namespace millrace
