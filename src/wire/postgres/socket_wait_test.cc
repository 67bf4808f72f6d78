#include "wire/postgres/socket_wait.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace millrace::postgres {
namespace {

TEST(SocketWait, TellsWhatHasComeAndIsNotRead) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  EXPECT_EQ(bytes_waiting(ends[1]), 0U);
  ASSERT_EQ(::write(ends[0], "twelve bytes", 12), 12);
  ASSERT_TRUE(wait_socket(ends[1], POLLIN, steady_now() + Millis(5000)));
  EXPECT_EQ(bytes_waiting(ends[1]), 12U);
  std::array<char, 5> some{};
  ASSERT_EQ(::read(ends[1], some.data(), some.size()), 5);
  EXPECT_EQ(bytes_waiting(ends[1]), 7U);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(bytes_waiting(-1), 0U);
}

}  // namespace
}  // namespace millrace::postgres
