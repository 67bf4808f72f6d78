#include "config/settings.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Settings, AKeyThatIsSetAgainHasTheNewValueAndOrigin) {
  Settings settings;
  settings.set("a", "1", "file:1");
  settings.set("a", "2", "--set");
  ASSERT_NE(settings.find("a"), nullptr);
  EXPECT_EQ(settings.find("a")->value, "2");
  EXPECT_EQ(settings.find("a")->origin, "--set");
}

TEST(Settings, BelowGivesTheKeysWithoutTheirPrefix) {
  Settings settings;
  settings.set("source.slot.name", "s", "f:1");
  settings.set("source.", "not a key", "f:2");
  settings.set("sourcery", "x", "f:3");
  const Settings below = settings.below("source.");
  ASSERT_NE(below.find("slot.name"), nullptr);
  EXPECT_EQ(below.find("slot.name")->origin, "f:1");
  EXPECT_EQ(std::distance(below.begin(), below.end()), 1);
}

TEST(Settings, BelowKeepsWhatIsHidden) {
  Settings settings;
  settings.set("a.b", "pw", "f:1", /*hidden=*/true);
  EXPECT_TRUE(settings.below("a.").find("b")->hidden);
}

TEST(Settings, AnErasedKeyIsGone) {
  Settings settings;
  settings.set("a", "1", "f");
  settings.erase("a");
  settings.erase("never there");
  EXPECT_TRUE(settings.empty());
}

}  // namespace
}  // namespace millrace
