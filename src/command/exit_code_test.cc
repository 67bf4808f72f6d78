#include "command/exit_code.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(ExitCode, ARunThatDeliveredAllIsFine) {
  EXPECT_EQ(exit_code_of({}), 0);
}

TEST(ExitCode, SaysWhetherTheConfigurationIsToBlame) {
  EXPECT_EQ(exit_code_of(fail(ErrorKind::kConfig, "")), 1);
  for (const ErrorKind kind :
       {ErrorKind::kUnauthorized, ErrorKind::kNotFound, ErrorKind::kGap, ErrorKind::kProtocol,
        ErrorKind::kIo, ErrorKind::kVersion, ErrorKind::kInternal}) {
    EXPECT_EQ(exit_code_of(fail(kind, "")), 4) << name(kind);
  }
}

TEST(ExitCode, AStopThatCouldNotDeliverAllHasItsOwn) {
  EXPECT_EQ(exit_code_of(fail(ErrorKind::kStopped, "")), 3);
}

}  // namespace
}  // namespace millrace
