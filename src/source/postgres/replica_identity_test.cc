#include "source/postgres/replica_identity.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

Result<IdentityRules> rules(std::vector<std::string> items) {
  PostgresConfig config;
  config.replica_identity_autoset = std::move(items);
  return IdentityRules::make(config);
}

TEST(ReplicaIdentityRules, EachItemIsATableAndItsIdentity) {
  const auto made =
      rules({"public.a:FULL", "public.b: default", "public.c:Nothing", "public.d:INDEX d_code"});
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ((*made->find("public.a"))->identity, ReplicaIdentity::kFull);
  EXPECT_EQ((*made->find("public.b"))->identity, ReplicaIdentity::kDefault);
  EXPECT_EQ((*made->find("public.c"))->identity, ReplicaIdentity::kNothing);
  EXPECT_EQ((*made->find("public.d"))->identity, ReplicaIdentity::kIndex);
  EXPECT_EQ((*made->find("public.d"))->index, "d_code");
  EXPECT_EQ(*made->find("public.e"), nullptr);
}

TEST(ReplicaIdentityRules, TwoItemsForOneTableAreAnError) {
  const auto made = rules({"public.*:FULL", "public.a:DEFAULT"});
  ASSERT_TRUE(made);
  EXPECT_FALSE(made->find("public.a"));
  EXPECT_TRUE(made->find("public.b"));
}

TEST(ReplicaIdentityRules, WhatIsNoIdentityIsAnError) {
  EXPECT_FALSE(rules({"public.a"}));
  EXPECT_FALSE(rules({"public.a:SOME"}));
  EXPECT_FALSE(rules({"public.a:INDEX "}));
}

TEST(ReplicaIdentityRules, WithoutItemsNothingIsToBeDone) {
  EXPECT_TRUE(rules({})->empty());
}

}  // namespace
}  // namespace millrace
