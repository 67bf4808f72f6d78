#include "config/field.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {

enum class Colour { kRed, kGreen };

template <>
struct EnumNames<Colour> {
  static constexpr std::pair<std::string_view, Colour> values[] = {
      {"red", Colour::kRed}, {"green", Colour::kGreen}, {"verde", Colour::kGreen}};
};

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Paint {
  bool dry = false;
  int64_t coats = 2;
  double litres = 1.5;
  std::string wall;
  Secret recipe;
  Bytes can{1 << 20};
  std::vector<std::string> rooms;
  Colour colour = Colour::kRed;
};

constexpr FieldSpec kFields[] = {
    field<&Paint::wall>("wall", {.doc = "Which wall.", .required = true}),
    field<&Paint::dry>("dry", {.doc = "Dry?"}),
    field<&Paint::coats>("coats", {.doc = "Coats.", .check = at_least<1>}),
    field<&Paint::litres>("litres", {.doc = "Litres."}),
    field<&Paint::recipe>("recipe", {.doc = "Secret recipe."}),
    field<&Paint::can>("can", {.doc = "Size."}),
    field<&Paint::rooms>("rooms", {.doc = "Rooms."}),
    field<&Paint::colour>("colour", {.doc = "Colour."}),
};

Settings settings_of(std::initializer_list<std::pair<const char*, const char*>> pairs) {
  Settings out;
  int line = 0;
  for (const auto& [key, value] : pairs)
    out.set(key, value, "f:" + std::to_string(++line));
  return out;
}

TEST(Field, EveryTypeIsReadFromText) {
  Problems problems;
  const auto paint = parse_fields<Paint>(kFields,
                                         settings_of({{"wall", "north"},
                                                      {"dry", " TRUE "},
                                                      {"coats", "+3"},
                                                      {"litres", "0.25"},
                                                      {"recipe", "x"},
                                                      {"can", "32MiB"},
                                                      {"rooms", " a , b,, c "},
                                                      {"colour", "GREEN"}}),
                                         problems);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(paint.wall, "north");
  EXPECT_TRUE(paint.dry);
  EXPECT_EQ(paint.coats, 3);
  EXPECT_EQ(paint.litres, 0.25);
  EXPECT_EQ(paint.recipe.value, "x");
  EXPECT_EQ(paint.can.value, 32 << 20);
  EXPECT_THAT(paint.rooms, ElementsAre("a", "b", "c"));
  EXPECT_EQ(paint.colour, Colour::kGreen);
}

TEST(Field, WhatIsNotSetKeepsItsDefault) {
  Problems problems;
  const auto paint = parse_fields<Paint>(kFields, settings_of({{"wall", "n"}}), problems);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(paint.coats, 2);
  EXPECT_EQ(paint.can.value, 1 << 20);
}

TEST(Field, AllProblemsAreToldAtOnceWithKeyAndPlace) {
  Problems problems;
  parse_fields<Paint>(kFields, settings_of({{"coats", "0"}, {"dry", "maybe"}, {"colour", "gren"}}),
                      problems, "paint.");
  ASSERT_EQ(problems.size(), 4U);
  EXPECT_EQ(problems[0].key, "paint.wall");
  EXPECT_EQ(problems[0].message, "is missing");
  EXPECT_THAT(problems[0].cure, HasSubstr("Which wall."));
  EXPECT_EQ(problems[1].key, "paint.dry");
  EXPECT_EQ(problems[1].origin, "f:2");
  EXPECT_EQ(problems[1].message, "is \"maybe\" and must be true or false");
  EXPECT_THAT(problems[2].message, HasSubstr("must be at least 1"));
  EXPECT_THAT(problems[3].message, HasSubstr("must be one of red, green, verde"));
  EXPECT_EQ(problems[3].cure, "did you mean green?");
}

TEST(Field, ARequiredSettingMayNotBeEmpty) {
  Problems problems;
  parse_fields<Paint>(kFields, settings_of({{"wall", ""}}), problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].message, "is empty");
  EXPECT_EQ(problems[0].origin, "f:1");
}

TEST(Field, AValueThatAProviderGaveIsNotShownInAnError) {
  Settings settings = settings_of({{"wall", "n"}});
  settings.set("coats", "hunter2", "f:9", /*hidden=*/true);
  Problems problems;
  parse_fields<Paint>(kFields, settings, problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems[0].message, Not(HasSubstr("hunter2")));
}

TEST(Field, TextThatIsAlmostANumberIsRefused) {
  int64_t number = 7;
  for (const char* text : {"", " ", "12x", "1.0", "0x10", "9223372036854775808", "+-1", "--1"}) {
    EXPECT_NE(set_value(number, text), "") << text;
  }
  EXPECT_EQ(number, 7);
  double real = 7;
  for (const char* text : {"", "nan", "inf", "1,5", "1e999"})
    EXPECT_NE(set_value(real, text), "") << text;
  EXPECT_EQ(real, 7);
}

TEST(Field, BytesHaveBinaryUnits) {
  Bytes bytes;
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0},        {"17", 17},       {"1k", 1024},    {"2 KiB", 2048},
      {"3m", 3 << 20}, {"4MB", 4 << 20}, {"1g", 1 << 30}, {"5b", 5}};
  for (const auto& [text, value] : cases) {
    EXPECT_EQ(set_value(bytes, text), "") << text;
    EXPECT_EQ(bytes.value, value) << text;
  }
  for (const char* text : {"", "m", "-1", "1.5m", "1t", "1 m b", "9000000000g"}) {
    EXPECT_NE(set_value(bytes, text), "") << text;
  }
}

TEST(Field, BytesAreShownInTheLargestUnitThatIsExact) {
  EXPECT_EQ(get_value(Bytes{32 << 20}), "32MiB");
  EXPECT_EQ(get_value(Bytes{1536}), "1536");
  EXPECT_EQ(get_value(Bytes{2048}), "2KiB");
  EXPECT_EQ(get_value(Bytes{0}), "0");
}

TEST(Field, ACommaOfAnItemIsEscaped) {
  std::vector<std::string> list;
  EXPECT_EQ(set_value(list, R"(public\.a{1\,2}, b)"), "");
  EXPECT_THAT(list, ElementsAre(R"(public\.a{1,2})", "b"));
  EXPECT_EQ(get_value(list), R"(public\.a{1\,2},b)");
}

TEST(Field, AnItemMayEndInABackslash) {
  std::vector<std::string> list;
  EXPECT_EQ(set_value(list, R"(a\ ,b\\,c\ )"), "");
  EXPECT_THAT(list, ElementsAre(R"(a\)", R"(b\\)", R"(c\)"));
  set_value(list, get_value(list));
  EXPECT_THAT(list, ElementsAre(R"(a\)", R"(b\\)", R"(c\)"));
}

TEST(Field, ASecretIsNeverShown) {
  Paint paint;
  paint.recipe.value = "eye of newt";
  for (const FieldSpec& spec : kFields) {
    EXPECT_THAT(spec.get(&paint), Not(HasSubstr("newt"))) << spec.name;
  }
  EXPECT_EQ(get_value(Secret{"x"}), "[hidden]");
  EXPECT_EQ(get_value(Secret{}), "");
}

TEST(Field, AnEnumShowsItsFirstName) {
  EXPECT_EQ(get_value(Colour::kGreen), "green");
}

TEST(Field, AnUnknownKeyComesWithTheNearestKnownOne) {
  Problems problems;
  const auto names = names_of(kFields);
  find_unknown(settings_of({{"coat", "1"}, {"wall", "n"}, {"zzzzzz", "?"}}), names,
               Problem::Severity::kWarning, "paint.", problems);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].key, "paint.coat");
  EXPECT_EQ(problems[0].cure, "did you mean paint.coats?");
  EXPECT_EQ(problems[0].severity, Problem::Severity::kWarning);
  EXPECT_EQ(problems[1].cure, "remove it");
}

TEST(Field, AStarCoversAllKeysThatBeginSo) {
  Problems problems;
  const std::string_view known[] = {"producer.*"};
  find_unknown(settings_of({{"producer.acks", "all"}, {"product", "x"}}), known,
               Problem::Severity::kError, "", problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].key, "product");
}

}  // namespace
}  // namespace millrace
