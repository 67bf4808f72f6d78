#include "sink/email/put_off_mails.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(PutOffMails, PausesGrowToALimit) {
  const MailId id{"slot", {1, 1}, "ab"};
  const SteadyTime now = steady_now();
  PutOffMails mails(Millis(0));
  EXPECT_FALSE(mails.contains(id));
  ASSERT_TRUE(mails.add(id, now));
  EXPECT_EQ(mails.due(id), now + Millis(1000));
  ASSERT_TRUE(mails.add(id, now));
  EXPECT_EQ(mails.due(id), now + Millis(2000));
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(mails.add(id, now));
  EXPECT_EQ(mails.due(id), now + Millis(60000));
  mails.forget(id);
  EXPECT_FALSE(mails.contains(id));
}

TEST(PutOffMails, EndWhenTheTimeIsOver) {
  const MailId id{"slot", {1, 1}, "ab"};
  const SteadyTime now = steady_now();
  PutOffMails mails(Millis(5000));
  EXPECT_TRUE(mails.add(id, now));
  EXPECT_TRUE(mails.add(id, now + Millis(4999)));
  EXPECT_FALSE(mails.add(id, now + Millis(5000)));
}

}  // namespace
}  // namespace millrace
