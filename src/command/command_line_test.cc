#include "command/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

struct Parsed {
  std::expected<CommandLine, int> line;
  std::string out;
  std::string err;
};

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "millrace");
  CaptureStdout();
  CaptureStderr();
  auto line = parse_command_line(static_cast<int>(words.size()), words.data());
  std::string err = GetCapturedStderr();
  return {std::move(line), GetCapturedStdout(), std::move(err)};
}

TEST(CommandLine, RunTakesFileSinkAndSettings) {
  const auto parsed =
      parse({"run", "c.json", "--to", "stdout", "--set", "a.b=1", "--set", "c=x=y"});
  ASSERT_TRUE(parsed.line) << parsed.err;
  EXPECT_EQ(parsed.line->command, CommandName::kRun);
  EXPECT_EQ(parsed.line->run.file, "c.json");
  EXPECT_EQ(parsed.line->run.to, "stdout");
  const std::vector<std::pair<std::string, std::string>> set{{"a.b", "1"}, {"c", "x=y"}};
  EXPECT_EQ(parsed.line->run.set, set);
}

TEST(CommandLine, EachCommandHasItsOwnOptions) {
  const auto check = parse({"check", "p.toml", "--json"});
  ASSERT_TRUE(check.line) << check.err;
  EXPECT_EQ(check.line->command, CommandName::kCheck);
  EXPECT_TRUE(check.line->as_json);
  const auto verify = parse({"verify", "p.toml", "--branch", "mirror"});
  ASSERT_TRUE(verify.line) << verify.err;
  EXPECT_EQ(verify.line->command, CommandName::kVerify);
  EXPECT_EQ(verify.line->branch, "mirror");
  const auto query = parse({"query", "p.toml", "SELECT 1", "--format", "csv"});
  ASSERT_TRUE(query.line) << query.err;
  EXPECT_EQ(query.line->command, CommandName::kQuery);
  EXPECT_EQ(query.line->sql, "SELECT 1");
  EXPECT_EQ(query.line->format, "csv");
  EXPECT_EQ(parse({"query", "p.toml", "SELECT 1"}).line->format, "table");
}

TEST(CommandLine, WrongUsageIsToldOnStderrWithCode2) {
  for (const auto& words :
       std::vector<std::vector<const char*>>{{},
                                             {"run"},
                                             {"run", "c.json", "--set", "novalue"},
                                             {"run", "c.json", "--set", "=value"},
                                             {"run", "c.json", "--json"},
                                             {"query", "p.toml"},
                                             {"query", "p.toml", "SELECT 1", "--format", "xml"},
                                             {"check", "p.toml", "--branch", "b"}}) {
    const auto parsed = parse(words);
    ASSERT_FALSE(parsed.line) << testing::PrintToString(words);
    EXPECT_EQ(parsed.line.error(), 2);
    EXPECT_NE(parsed.err, "");
    EXPECT_EQ(parsed.out, "");
  }
}

TEST(CommandLine, AnUnknownCommandIsNamedWithTheNearest) {
  const auto parsed = parse({"chekc", "p.toml"});
  ASSERT_FALSE(parsed.line);
  EXPECT_EQ(parsed.line.error(), 2);
  EXPECT_THAT(parsed.err, HasSubstr("there is no command 'chekc'; did you mean check?"));
}

TEST(CommandLine, HelpAndVersionAreAnswersOnStdout) {
  for (const char* word : {"--help", "--version"}) {
    const auto parsed = parse({word});
    ASSERT_FALSE(parsed.line);
    EXPECT_EQ(parsed.line.error(), 0);
    EXPECT_NE(parsed.out, "");
    EXPECT_EQ(parsed.err, "");
  }
  EXPECT_THAT(parse({"--help"}).out, HasSubstr("Exit codes"));
  EXPECT_THAT(parse({"run", "--help"}).out, HasSubstr("Sinks:"));
}

}  // namespace
}  // namespace millrace
