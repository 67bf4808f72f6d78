#include "sink/email/email_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <filesystem>

#include "sink/email/mail_ledger.h"
#include "sink/email/message_builder.h"
#include "sink/email/row_for_tests.h"
#include "sink/email/scripted_smtp_server.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class KeptLetters final : public DeadLetters {
 public:
  Result<void> add(const Change& /*change*/, const Error& why) override {
    errors.push_back(why);
    return {};
  }

  Result<void> flush() override {
    ++flushes;
    return {};
  }

  std::vector<Error> errors;
  int flushes = 0;
};

class EmailSinkTest : public ::testing::Test {
 protected:
  EmailSinkTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("email_sink." + std::to_string(::getpid()))) {
    std::signal(SIGPIPE, SIG_IGN);
    std::filesystem::create_directories(folder_);
    config_.host = "127.0.0.1";
    config_.tls = MailTls::kNone;
    config_.from = "shop@example.com";
    config_.subject = "Back";
    config_.text = ".hello ${email}";
    config_.timeout_ms = 2000;
  }

  ~EmailSinkTest() override { std::filesystem::remove_all(folder_); }

  void serve(ScriptedSmtpServer::Script script) {
    server_ = std::make_unique<ScriptedSmtpServer>(std::move(script));
    config_.port = server_->port();
  }

  std::unique_ptr<Sink> make() {
    auto sink = make_email_sink(config_, {.pipeline = "shop",
                                          .branch = "mail",
                                          .state_folder = folder_.string(),
                                          .budget = nullptr,
                                          .dead_letters = &letters_});
    auto opened = sink->open();
    EXPECT_TRUE(opened) << opened.error().text();
    return sink;
  }

  // Batch `seq` has a row per address, at commit LSN seq, ordinals 1, 2 …
  BatchView batch(uint64_t seq, const std::vector<const char*>& addresses) {
    auto made = std::make_shared<Batch>(nullptr);
    made->seq = seq;
    made->offset.position = {seq, UINT64_MAX};
    auto changes = std::make_shared<std::vector<Change>>();
    for (const char* address : addresses) {
      rows_.push_back(std::make_unique<TestRow>(TestRow::Columns{{"email", address}},
                                                Position{seq, changes->size() + 1}));
      changes->push_back(rows_.back()->change());
    }
    BatchView view;
    view.batch = made;
    view.changes = *changes;
    view.keep.push_back(changes);
    return view;
  }

  // Polls until batch `seq` is durable, at most two seconds.
  static void finish(Sink& sink, uint64_t seq) {
    const SteadyTime limit = steady_now() + Millis(2000);
    while (steady_now() < limit) {
      auto report = sink.poll(steady_now() + Millis(50));
      ASSERT_TRUE(report) << report.error().text();
      if (report->durable_seq >= seq) return;
    }
    FAIL() << "batch " << seq << " did not become durable";
  }

  // Polls until an error.
  static Error failure(Sink& sink) {
    const SteadyTime limit = steady_now() + Millis(4000);
    while (steady_now() < limit) {
      auto report = sink.poll(steady_now() + Millis(50));
      if (!report) return report.error();
    }
    return {ErrorKind::kInternal, "no error came"};
  }

  // What the ledger says of the row at {seq, ordinal}.
  char state(uint64_t seq, uint64_t ordinal, const char* address) const {
    auto ledger = MailLedger::read(
        {.path = (folder_ / "mail.ledger").string(), .boot_id = current_boot_id()});
    EXPECT_TRUE(ledger);
    TestRow row({{"email", address}});
    const auto builder = MessageBuilder::make(config_, "shop/mail");
    const MailState* found =
        ledger->find({"slot", {seq, ordinal}, builder->hash(row.change(), address)});
    return found == nullptr ? '?' : static_cast<char>(*found);
  }

  std::filesystem::path folder_;
  EmailSinkConfig config_;
  KeptLetters letters_;
  std::vector<std::unique_ptr<TestRow>> rows_;
  std::unique_ptr<ScriptedSmtpServer> server_;
};

std::string usual(std::string_view /*step*/, std::string_view /*argument*/) {
  return "";
}

TEST_F(EmailSinkTest, SendsAMessageARowOverOneConnection) {
  serve(usual);
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org", "b@x.org"})));
  ASSERT_TRUE(sink->write(batch(2, {})));
  ASSERT_TRUE(sink->write(batch(3, {"c@x.org"})));
  finish(*sink, 3);
  EXPECT_THAT(server_->recipients(), ElementsAre("a@x.org", "b@x.org", "c@x.org"));
  EXPECT_EQ(server_->connections(), 1);
  EXPECT_THAT(server_->accepted()[0].text, HasSubstr("\r\n\r\n=2Ehello a@x.org\r\n"));
  sink.reset();
  auto again = make_email_sink(
      config_, {.pipeline = "shop", .branch = "mail", .state_folder = folder_.string()});
  auto progress = again->open();
  ASSERT_TRUE(progress && *progress);
  EXPECT_EQ((**progress).at("slot").position.commit_lsn, 3u);
}

TEST_F(EmailSinkTest, RepeatsNothingThatWasDelivered) {
  serve(usual);
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org", "b@x.org"})));
  const SteadyTime limit = steady_now() + Millis(4000);
  while (state(1, 2, "b@x.org") != 'D' && steady_now() < limit) {
    ASSERT_TRUE(sink->poll(steady_now()));
  }
  sink.reset();  // killed before the batch was durable
  sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org", "b@x.org", "c@x.org"})));
  finish(*sink, 1);
  EXPECT_EQ(server_->accepted().size(), server_->recipients().size());
  EXPECT_THAT(server_->recipients(), ElementsAre("a@x.org", "b@x.org", "c@x.org"));
}

TEST_F(EmailSinkTest, RecipientOfOneEventGetsOneMessage) {
  serve(usual);
  auto sink = make();
  BatchView view = batch(1, {"a@x.org", "a@X.ORG"});
  auto same = std::make_shared<std::vector<Change>>(view.changes.begin(), view.changes.end());
  (*same)[1].position = (*same)[0].position;
  view.changes = *same;
  view.keep.push_back(same);
  ASSERT_TRUE(sink->write(std::move(view)));
  finish(*sink, 1);
  EXPECT_THAT(server_->recipients(), ElementsAre("a@x.org"));
}

TEST_F(EmailSinkTest, RefusedRecipientsGoToTheDeadLettersAndTheOthersGoOn) {
  serve([](std::string_view step, std::string_view argument) -> std::string {
    if (step == "RCPT" && argument.starts_with("no")) return "550 5.1.1 <no@x.org> unknown";
    if (step == "TEXT" && argument.starts_with("spam")) return "554 5.7.1 spam";
    return "";
  });
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"no@x.org", "bad address", "spam@x.org", "a@x.org"})));
  finish(*sink, 1);
  EXPECT_THAT(server_->recipients(), ElementsAre("a@x.org"));
  ASSERT_EQ(letters_.errors.size(), 3u);
  for (const Error& error : letters_.errors)
    EXPECT_EQ(error.kind, ErrorKind::kData);
  EXPECT_EQ(letters_.flushes, 3);
  EXPECT_THAT(letters_.errors[1].message, HasSubstr("550 5.1.1 <address> unknown"));
}

TEST_F(EmailSinkTest, RecipientThatIsPutOffComesLaterAndTheBatchWaits) {
  std::atomic<int> refusals{1};
  serve([&refusals](std::string_view step, std::string_view argument) -> std::string {
    if (step == "RCPT" && argument.starts_with("grey") && refusals-- > 0)
      return "451 4.7.1 greylisted";
    return "";
  });
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"grey@x.org", "a@x.org"})));
  ASSERT_TRUE(sink->write(batch(2, {"b@x.org"})));
  const Error said = failure(*sink);
  EXPECT_EQ(said.kind, ErrorKind::kBusy);
  EXPECT_THAT(said.message, HasSubstr("451 4.7.1"));
  EXPECT_THAT(server_->recipients(), ElementsAre("a@x.org", "b@x.org"));
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(sink->write(batch(1, {"grey@x.org", "a@x.org"})));
  ASSERT_TRUE(sink->write(batch(2, {"b@x.org"})));
  EXPECT_EQ(sink->poll(steady_now() + Millis(100))->durable_seq, 0u);
  finish(*sink, 2);
  EXPECT_THAT(server_->recipients(), ElementsAre("a@x.org", "b@x.org", "grey@x.org"));
}

TEST_F(EmailSinkTest, RecipientThatIsPutOffTooLongIsRefused) {
  serve([](std::string_view step, std::string_view /*argument*/) -> std::string {
    return step == "TEXT" ? "452 full" : "";
  });
  config_.retry_max_ms = 1;
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org"})));
  EXPECT_EQ(failure(*sink).kind, ErrorKind::kBusy);
  finish(*sink, 1);
  ASSERT_EQ(letters_.errors.size(), 1u);
  EXPECT_THAT(letters_.errors[0].message, HasSubstr("452 full"));
}

TEST_F(EmailSinkTest, LostAnswerIsADoubtThatIsResentWithTheSameMessageId) {
  std::atomic<int> drops{2};
  serve([&drops](std::string_view step, std::string_view /*argument*/) -> std::string {
    return step == "ACCEPT?" && drops-- > 0 ? "drop after" : "";
  });
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org"})));
  EXPECT_EQ(failure(*sink).kind, ErrorKind::kUnreachable);
  EXPECT_EQ(server_->accepted().size(), 2u);  // the second at once, no third
  sink.reset();
  EXPECT_EQ(state(1, 1, "a@x.org"), 'S');
  sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org"})));
  finish(*sink, 1);
  const auto got = server_->accepted();
  ASSERT_EQ(got.size(), 3u);
  const auto message_id = [](const std::string& text) {
    const size_t at = text.find("Message-ID: ");
    return text.substr(at, text.find("\r\n", at) - at);
  };
  EXPECT_EQ(message_id(got[0].text), message_id(got[1].text));
  EXPECT_EQ(message_id(got[0].text), message_id(got[2].text));
  EXPECT_TRUE(letters_.errors.empty());
}

TEST_F(EmailSinkTest, LostAnswerIsSkippedWhenAskedTo) {
  serve([](std::string_view step, std::string_view argument) -> std::string {
    return step == "ACCEPT?" && argument.starts_with("a") ? "drop after" : "";
  });
  config_.on_doubt = OnDoubt::kSkip;
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org", "b@x.org"})));
  finish(*sink, 1);
  EXPECT_THAT(server_->recipients(), ElementsAre("a@x.org", "b@x.org"));
  EXPECT_EQ(letters_.errors.size(), 1u);
}

TEST_F(EmailSinkTest, IntentsThatWereNeverStartedAreSentUnderSkipToo) {
  serve(usual);
  config_.on_doubt = OnDoubt::kSkip;
  {
    auto ledger = MailLedger::open(
        {.path = (folder_ / "mail.ledger").string(), .boot_id = current_boot_id()});
    const auto builder = MessageBuilder::make(config_, "shop/mail");
    TestRow row({{"email", ""}});
    const MailId a{"slot", {1, 1}, builder->hash(row.change(), "a@x.org")};
    const MailId b{"slot", {1, 2}, builder->hash(row.change(), "b@x.org")};
    ASSERT_TRUE(ledger->intend({a, b}));
    ASSERT_TRUE(ledger->note(a, MailState::kStarted));
  }
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org", "b@x.org"})));
  finish(*sink, 1);
  EXPECT_THAT(server_->recipients(), ElementsAre("b@x.org"));
  EXPECT_EQ(letters_.errors.size(), 1u);
}

TEST_F(EmailSinkTest, ServerThatClosedAnIdleConnectionIsNoFailure) {
  std::atomic<int> messages{0};
  serve([&messages](std::string_view step, std::string_view /*argument*/) -> std::string {
    return step == "MAIL" && messages++ == 1 ? "421 idle too long" : "";
  });
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org", "b@x.org"})));
  finish(*sink, 1);
  EXPECT_THAT(server_->recipients(), ElementsAre("a@x.org", "b@x.org"));
  EXPECT_EQ(server_->connections(), 2);
}

TEST_F(EmailSinkTest, ServerThatHangsOrIsAbsentIsUnreachableByName) {
  serve([](std::string_view step, std::string_view /*argument*/) -> std::string {
    return step == "DATA" ? "hang" : "";
  });
  config_.timeout_ms = 200;
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org"})));
  const Error hung = failure(*sink);
  EXPECT_EQ(hung.kind, ErrorKind::kUnreachable);
  EXPECT_THAT(hung.message, HasSubstr("127.0.0.1:" + std::to_string(server_->port())));
  sink.reset();
  EXPECT_EQ(state(1, 1, "a@x.org"), 'I');
  server_.reset();
  sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org"})));
  EXPECT_EQ(failure(*sink).kind, ErrorKind::kUnreachable);
}

TEST_F(EmailSinkTest, PollKeepsItsDeadlineWhileTheServerIsSlow) {
  for (const char* slow : {"RCPT", "TEXT"}) {
    std::atomic<bool> was_asked = false;
    serve([&](std::string_view step, std::string_view /*argument*/) -> std::string {
      if (step != slow) return "";
      was_asked = true;
      return "hang";
    });
    config_.timeout_ms = 60000;
    auto sink = make();
    ASSERT_TRUE(sink->write(batch(1, {"a@x.org"})));
    while (!was_asked) {
      const SteadyTime start = steady_now();
      ASSERT_TRUE(sink->poll(start + Millis(30)));
      EXPECT_LT(steady_now() - start, Millis(5000)) << slow;
    }
    // It is given up as quickly.
    const SteadyTime start = steady_now();
    ASSERT_TRUE(sink->poll(start + Millis(30)));
    sink.reset();
    EXPECT_LT(steady_now() - start, Millis(5000)) << slow;
  }
}

TEST_F(EmailSinkTest, EndsAtOnceWhereTheGoodByeIsNotAnswered) {
  std::atomic<bool> was_told = false;
  serve([&](std::string_view step, std::string_view /*argument*/) -> std::string {
    if (step != "QUIT") return "";
    was_told = true;
    return "hang";
  });
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org"})));
  finish(*sink, 1);
  const SteadyTime start = steady_now();
  sink.reset();
  EXPECT_LT(steady_now() - start, Millis(5000));
  while (!was_told && steady_now() - start < Millis(5000))
    std::this_thread::yield();
  EXPECT_TRUE(was_told);
}

TEST_F(EmailSinkTest, RateIsLimited) {
  serve(usual);
  config_.rate_max = 20;
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org", "b@x.org", "c@x.org", "d@x.org"})));
  const SteadyTime start = steady_now();
  finish(*sink, 1);
  EXPECT_GE(steady_now() - start, Millis(150));
}

TEST_F(EmailSinkTest, DrainMakesAllDurable) {
  serve(usual);
  auto sink = make();
  ASSERT_TRUE(sink->write(batch(1, {"a@x.org"})));
  ASSERT_TRUE(sink->write(batch(2, {})));
  auto drained = sink->drain(steady_now() + Millis(2000));
  ASSERT_TRUE(drained);
  EXPECT_EQ(drained->durable_seq, 2u);
}

TEST_F(EmailSinkTest, CheckFindsAServerThatWantsTlsAndOneThatIsAway) {
  serve([](std::string_view step, std::string_view /*argument*/) -> std::string {
    return step == "MAIL" ? "530 5.7.0 Must issue a STARTTLS command first" : "";
  });
  Problems problems = check_email_sink(config_);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].cure, HasSubstr("mail.tls"));
  config_.tls = MailTls::kStartTls;  // which this server does not offer
  problems = check_email_sink(config_);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].key, "mail.tls");
  config_.tls = MailTls::kNone;
  serve(usual);
  EXPECT_TRUE(check_email_sink(config_).empty());
  EXPECT_TRUE(server_->accepted().empty());
  server_.reset();
  problems = check_email_sink(config_);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].key, "host");
}

}  // namespace
}  // namespace millrace
