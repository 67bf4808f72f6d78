#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/flat_file.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

std::vector<std::pair<std::string, std::string>> read(std::string_view text) {
  Problems problems;
  std::vector<std::pair<std::string, std::string>> out;
  for (const FlatEntry& entry : read_connector_json(text, "c.json", problems).entries) {
    out.emplace_back(entry.key, entry.value);
  }
  EXPECT_THAT(problems, IsEmpty());
  return out;
}

Problem problem_of(std::string_view text) {
  Problems problems;
  read_connector_json(text, "c.json", problems);
  EXPECT_THAT(problems, SizeIs(1)) << text;
  return problems.empty() ? Problem{} : problems[0];
}

TEST(ConnectorJson, NumbersAndBooleansBecomeTextAndNullIsAbsent) {
  EXPECT_THAT(read(R"({"a": "x", "b": 5432, "c": true, "d": null, "e": -1.50 , "f": false})"),
              ElementsAre(Pair("a", "x"), Pair("b", "5432"), Pair("c", "true"), Pair("e", "-1.50"),
                          Pair("f", "false")));
}

TEST(ConnectorJson, TheWrappedFormGivesTheConfigAndTheName) {
  EXPECT_THAT(read(R"({"name": "n", "config": {"a": "1", "b": 2}})"),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("name", "n")));
  EXPECT_THAT(read(R"({"config": {"a": "1", "name": "n"}, "name": "n"})"),
              ElementsAre(Pair("a", "1"), Pair("name", "n")));
}

TEST(ConnectorJson, TwoNamesThatDifferAreAnError) {
  const Problem problem = problem_of("{\"name\": \"n\",\n\"config\": {\n\"name\": \"m\"}}");
  EXPECT_EQ(problem.key, "name");
  EXPECT_EQ(problem.origin, "c.json:3");
}

TEST(ConnectorJson, EscapesAreRead) {
  EXPECT_THAT(read(R"({"a\u002eb": "c:\\d \"e\" \u20ac"})"),
              ElementsAre(Pair("a.b", "c:\\d \"e\" €")));
}

TEST(ConnectorJson, EntriesKnowTheirLine) {
  Problems problems;
  const FlatFile flat =
      read_connector_json("{\n\"a\": \"1\",\n\n\"b\": \"2\"}", "c.json", problems);
  ASSERT_THAT(flat.entries, SizeIs(2));
  EXPECT_EQ(flat.entries[0].line, 2U);
  EXPECT_EQ(flat.entries[1].line, 4U);
}

TEST(ConnectorJson, MalformedTextIsToldWithItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "c.json:1:1"},
      {"{\n  \"a\": \"1\"\n  \"b\": \"2\"\n}", "c.json:3:3"},
      {"{\n  \"a\": \"1\",\n}", "c.json:3:1"},
      {"{\n  \"a\": \"1,\n  \"b\": \"2\"\n}", "c.json:2:11"},
      {"{\"a\": \"1", "c.json:1:7"},
      {"{\"a\": \"\xff\"}", "c.json:1:8"},
      {"{\"a\": \"1\"} x", "c.json:1:12"},
      {"[1]", "c.json:1:1"},
  };
  for (const auto& [text, origin] : cases)
    EXPECT_EQ(problem_of(text).origin, origin) << text;
}

TEST(ConnectorJson, HalfADocumentIsRefused) {
  for (const char* text :
       {"{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\": nul}", "{\"a\": tru}", "{\"a\": 01}",
        "{\"config\": {\"a\": 1}", "{a: 1}", "{'a': 1}", "null", "7"}) {
    EXPECT_EQ(problem_of(text).severity, Problem::Severity::kError) << text;
  }
}

TEST(ConnectorJson, EveryBeginningOfADocumentIsOneProblem) {
  const std::string text =
      R"({"name": "n\u20ac", "config": {"a": -1.5e3, "b": [1, {"c": null}], "d": true}})";
  for (size_t length = 0; length < text.size(); ++length) {
    Problems problems;
    read_connector_json(text.substr(0, length), "c.json", problems);
    ASSERT_FALSE(problems.empty()) << length;
    EXPECT_EQ(problems.back().severity, Problem::Severity::kError) << length;
  }
}

TEST(ConnectorJson, AListOrAnObjectIsNoValueAndTheRestIsRead) {
  Problems problems;
  const FlatFile flat =
      read_connector_json("{\"a\": [1, 2],\n\"b\": {\"c\": 1}, \"d\": \"x\"}", "c.json", problems);
  ASSERT_THAT(problems, SizeIs(2));
  EXPECT_EQ(problems[0].key, "a");
  EXPECT_EQ(problems[1].key, "b");
  EXPECT_EQ(problems[1].origin, "c.json:2");
  ASSERT_THAT(flat.entries, SizeIs(1));
  EXPECT_EQ(flat.entries[0].key, "d");
}

TEST(ConnectorJson, NoValueIsShownInAProblem) {
  for (const char* text :
       {"{\"p\": \"hunter2\" x}", "{\"p\": \"hunter2", "{\"p\": [\"hunter2\"]}"}) {
    const Problem problem = problem_of(text);
    EXPECT_THAT(problem.message + problem.cure, Not(HasSubstr("hunter2"))) << text;
  }
}

}  // namespace
}  // namespace millrace
