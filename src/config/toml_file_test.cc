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
  for (const FlatEntry& entry : read_toml(text, "p.toml", problems).entries) {
    out.emplace_back(entry.key, entry.value);
  }
  EXPECT_THAT(problems, IsEmpty());
  return out;
}

Problem problem_of(std::string_view text) {
  Problems problems;
  read_toml(text, "p.toml", problems);
  EXPECT_THAT(problems, SizeIs(1)) << text;
  return problems.empty() ? Problem{} : problems[0];
}

TEST(TomlFile, TablesDottedKeysAndQuotedKeysMeanTheSame) {
  const auto expected = ElementsAre(Pair("source.table.include.list", "public.a"));
  EXPECT_THAT(read("[source]\ntable.include.list = \"public.a\"\n"), expected);
  EXPECT_THAT(read("[source.table]\ninclude.list = \"public.a\"\n"), expected);
  EXPECT_THAT(read("[source]\n\"table.include.list\" = \"public.a\"\n"), expected);
  EXPECT_THAT(read("\"source.table.include.list\" = \"public.a\"\n"), expected);
  EXPECT_THAT(read("source = { table.include.list = \"public.a\" }\n"), expected);
}

TEST(TomlFile, ScalarsBecomeText) {
  EXPECT_THAT(read("a = 5432\nb = true\nc = 0.5\nd = 'x'\ne = 0x10\n"),
              ElementsAre(Pair("a", "5432"), Pair("b", "true"), Pair("c", "0.5"), Pair("d", "x"),
                          Pair("e", "16")));
}

TEST(TomlFile, AListBecomesCommaSeparatedAndKeepsTheCommasOfItsItems) {
  EXPECT_THAT(read(R"(tables = ['public\.a{1,2}', "b"])"),
              ElementsAre(Pair("tables", R"(public\.a{1\,2},b)")));
}

TEST(TomlFile, EntriesAreInTheFilesOrder) {
  EXPECT_THAT(read("z = 1\na = 2\n[y]\nk = 3\n[b]\nk = 4\n"),
              ElementsAre(Pair("z", "1"), Pair("a", "2"), Pair("y.k", "3"), Pair("b.k", "4")));
}

// 20 kB must not become 200 MB of names.
TEST(TomlFile, AVeryDeepNameIsAProblem) {
  std::string text = "a";
  for (int i = 0; i < 10'000; ++i)
    text += ".a";
  EXPECT_EQ(problem_of("\n" + text + " = 1\n").origin, "p.toml:2");
  EXPECT_THAT(problem_of(text + " = 1\n").message, HasSubstr("64 parts"));
}

TEST(TomlFile, AnEmptyTableIsASection) {
  Problems problems;
  const FlatFile flat = read_toml("[branch.z]\n[branch.a]\n", "p.toml", problems);
  ASSERT_THAT(flat.sections, SizeIs(3));
  EXPECT_EQ(flat.sections[1].key, "branch.z");
  EXPECT_EQ(flat.sections[2].key, "branch.a");
}

TEST(TomlFile, MalformedTextIsToldWithItsPlace) {
  EXPECT_EQ(problem_of("[source]\nslot.name = \n").origin, "p.toml:2:13");
  EXPECT_EQ(problem_of("a = [1\n").origin, "p.toml:1:8");
  EXPECT_EQ(problem_of("a = \"\xff\"\n").severity, Problem::Severity::kError);
}

TEST(TomlFile, ANameThatIsAValueAndAPrefixIsExplained) {
  const Problem problem =
      problem_of("[sink]\nkey.converter = 'json'\nkey.converter.schemas.enable = true\n");
  EXPECT_EQ(problem.origin, "p.toml:3:5");
  EXPECT_EQ(problem.key, "key.converter.schemas.enable");
  EXPECT_THAT(problem.message, HasSubstr("begins with a name that has a value"));
  EXPECT_EQ(problem.cure, "quote the longer name: \"key.converter.schemas.enable\" = …");
}

TEST(TomlFile, APrefixThatBecomesAValueIsExplained) {
  const Problem problem =
      problem_of("key.converter.schemas.enable = true\nkey.converter = 'json'\n");
  EXPECT_EQ(problem.key, "key.converter");
  EXPECT_THAT(problem.message, HasSubstr("beginning of longer names"));
}

TEST(TomlFile, AValueThatBecomesATableIsExplained) {
  const Problem problem =
      problem_of("[sink]\nkey.converter = 'json'\n[sink.key.converter]\nschemas.enable = true\n");
  EXPECT_EQ(problem.key, "sink.key.converter");
  EXPECT_THAT(problem.cure, HasSubstr("\"key.converter.schemas.enable\" = true"));
}

TEST(TomlFile, ATableThatIsBegunTwiceIsExplained) {
  const Problem problem =
      problem_of("[source]\nsnapshot.mode = 'a'\n[source.snapshot]\nfetch.size = 1\n");
  EXPECT_EQ(problem.key, "source.snapshot");
  EXPECT_THAT(problem.cure, HasSubstr("in one place"));
}

TEST(TomlFile, TheQuotedSpellingOfTheCureIsRead) {
  EXPECT_THAT(
      read("key.converter = 'json'\n\"key.converter.schemas.enable\" = true\n"),
      ElementsAre(Pair("key.converter", "json"), Pair("key.converter.schemas.enable", "true")));
}

TEST(TomlFile, TheSameKeyTwiceSaysSo) {
  EXPECT_EQ(problem_of("a = 1\na = 2\n").message, "is there twice");
}

TEST(TomlFile, ADateOrANestedListIsNoValue) {
  EXPECT_EQ(problem_of("a = 2026-01-01\n").key, "a");
  EXPECT_EQ(problem_of("\na = [[1], [2]]\n").origin, "p.toml:2");
  EXPECT_EQ(problem_of("a = [{b = 1}]\n").key, "a");
}

}  // namespace
}  // namespace millrace
