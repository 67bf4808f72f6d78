#include "wire/postgres/sqlstate.h"

#include <gtest/gtest.h>

namespace millrace::postgres {
namespace {

TEST(KindOfSqlstate, SingleStatesComeBeforeTheirClass) {
  EXPECT_EQ(kind_of_sqlstate("42501"), ErrorKind::kUnauthorized);
  EXPECT_EQ(kind_of_sqlstate("42P01"), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of_sqlstate("42704"), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of_sqlstate("42601"), ErrorKind::kConfig);
  EXPECT_EQ(kind_of_sqlstate("55006"), ErrorKind::kBusy);
  EXPECT_EQ(kind_of_sqlstate("55000"), ErrorKind::kConfig);
  EXPECT_EQ(kind_of_sqlstate("53300"), ErrorKind::kBusy);
  EXPECT_EQ(kind_of_sqlstate("53400"), ErrorKind::kConfig);
}

TEST(KindOfSqlstate, AServerThatStartsOrStopsIsUnreachable) {
  EXPECT_EQ(kind_of_sqlstate("57P01"), ErrorKind::kUnreachable);
  EXPECT_EQ(kind_of_sqlstate("57P03"), ErrorKind::kUnreachable);
  EXPECT_EQ(kind_of_sqlstate("08006"), ErrorKind::kUnreachable);
  EXPECT_EQ(kind_of_sqlstate(""), ErrorKind::kUnreachable);
}

TEST(KindOfSqlstate, WhatRetryingCannotCureIsNotRetried) {
  for (const char* state : {"28P01", "28000", "3D000", "42501", "22P02", "58P01", "XX000"}) {
    EXPECT_NE(policy(kind_of_sqlstate(state)), ErrorPolicy::kRetry) << state;
  }
}

}  // namespace
}  // namespace millrace::postgres
