#include "sink/email/smtp_reply.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

SmtpResult judged(SmtpPhase phase, std::string reply, bool text_was_sent = false) {
  return judge({.phase = phase,
                .reply = std::move(reply),
                .text_was_sent = text_was_sent,
                .server = "mx:25",
                .library_message = "it broke"});
}

TEST(SmtpReply, AnswersAboutTheRecipientOrTheTextAreAboutThisMessage) {
  for (const SmtpPhase phase : {SmtpPhase::kRecipient, SmtpPhase::kData, SmtpPhase::kText}) {
    EXPECT_EQ(judged(phase, "550 5.1.1 no").outcome, SmtpOutcome::kRefused);
    EXPECT_EQ(judged(phase, "550 5.1.1 no").error.kind, ErrorKind::kData);
    EXPECT_EQ(judged(phase, "451 later").outcome, SmtpOutcome::kPutOff);
    EXPECT_EQ(judged(phase, "421 closing").outcome, SmtpOutcome::kFailed);
    EXPECT_EQ(judged(phase, "421 closing").error.kind, ErrorKind::kBusy);
  }
  EXPECT_EQ(judged(SmtpPhase::kSender, "552 too large").outcome, SmtpOutcome::kRefused);
}

TEST(SmtpReply, AnswersBeforeThatStopAllMessages) {
  EXPECT_EQ(judged(SmtpPhase::kConnect, "421 busy").error.kind, ErrorKind::kBusy);
  EXPECT_EQ(judged(SmtpPhase::kSender, "451 later").error.kind, ErrorKind::kBusy);
  EXPECT_EQ(judged(SmtpPhase::kSender, "451 later").outcome, SmtpOutcome::kFailed);
  EXPECT_EQ(judged(SmtpPhase::kSender, "550 bad sender").error.kind, ErrorKind::kUnauthorized);
  EXPECT_EQ(judged(SmtpPhase::kLogin, "535 wrong").error.kind, ErrorKind::kUnauthorized);
  EXPECT_EQ(judged(SmtpPhase::kRecipient, "530 Must issue a STARTTLS").outcome,
            SmtpOutcome::kFailed);
  EXPECT_NE(judged(SmtpPhase::kSender, "530 TLS").error.cure.find("mail.tls"), std::string::npos);
}

TEST(SmtpReply, NoAnswerIsDoubtOnlyOnceTheWholeTextIsSent) {
  EXPECT_EQ(judged(SmtpPhase::kText, "", true).outcome, SmtpOutcome::kDoubt);
  EXPECT_EQ(judged(SmtpPhase::kText, "", false).outcome, SmtpOutcome::kFailed);
  EXPECT_EQ(judged(SmtpPhase::kText, "", true).error.kind, ErrorKind::kUnreachable);
  EXPECT_EQ(judged(SmtpPhase::kText, "550 spam", true).outcome, SmtpOutcome::kRefused);
  EXPECT_NE(judged(SmtpPhase::kConnect, "").error.message.find("mx:25"), std::string::npos);
}

TEST(SmtpReply, AddressesNeverReachALog) {
  EXPECT_EQ(public_reply("550 5.1.1  <bob@example.com>: unknown\r\n\x01 user"),
            "550 5.1.1 <address> unknown ? user");
  EXPECT_LT(public_reply(std::string(5000, 'a') + " b").size(), 6000u);
}

}  // namespace
}  // namespace millrace
