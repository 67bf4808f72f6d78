#include "sink/email/email_sink.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "base/log.h"
#include "sink/email/mail_ledger.h"
#include "sink/email/mail_queue.h"
#include "sink/email/message_builder.h"
#include "sink/email/put_off_mails.h"
#include "sink/email/smtp_client.h"

namespace millrace {

namespace {

constexpr size_t kBatchesMax = 64;
// Progress of batches without messages is synced together, at most this often.
constexpr Millis kSyncInterval{100};

struct Mail {
  MailBatch* batch = nullptr;
  const Change* change = nullptr;
  MailId id;
  std::string recipient;
};

MailLedger::Options ledger_options(const SinkContext& context) {
  return {.path = fmt::format("{}/{}.ledger", context.state_folder, context.branch),
          .boot_id = current_boot_id()};
}

void wait_until(SteadyTime time) {
  const auto left = std::chrono::ceil<Millis>(time - steady_now()).count();
  if (left > 0) ::poll(nullptr, 0, static_cast<int>(left));
}

class EmailSink final : public Sink {
 public:
  EmailSink(EmailSinkConfig config, SinkContext context)
      : config_(std::move(config)),
        context_(std::move(context)),
        client_(config_),
        put_off_(Millis(config_.retry_max_ms)) {}

  // The message under way writes to the ledger.
  ~EmailSink() override { client_.reset(); }

  EmailSink(const EmailSink&) = delete;
  EmailSink& operator=(const EmailSink&) = delete;

  Result<std::optional<Progress>> open() override;
  Result<void> write(BatchView view) override;
  Result<SinkReport> poll(SteadyTime deadline) override;
  Result<SinkReport> drain(SteadyTime deadline) override;

 private:
  enum class Step { kWorked, kNothingNow };

  Result<Step> step(SteadyTime deadline);
  Result<Step> wait_for_result(SteadyTime deadline);
  Result<void> fill_group();
  Result<void> add_to_group(const MailQueue::Row& row);
  Result<void> decide_doubt(const Mail& mail, bool& is_over);
  std::optional<Mail> next_mail();
  Result<void> start(Mail mail);
  Result<void> start_again(Mail mail);
  Result<void> end(SmtpResult result);
  Result<void> put_off(Mail mail, SmtpResult result);
  Result<void> refuse(const Mail& mail, const Error& why);
  Result<void> bury(const Change& change, const Error& why);
  Result<void> note(const MailId& id, MailState end);
  Result<void> retire_done();
  Result<void> sync();
  SteadyTime next_event(SteadyTime deadline) const;

  const EmailSinkConfig config_;
  const SinkContext context_;
  SmtpClient client_;
  std::optional<MessageBuilder> builder_;
  std::optional<MailLedger> ledger_;
  MailQueue queue_;
  std::deque<Mail> group_;     // intents are durable; to be sent in this order
  std::vector<Mail> waiting_;  // put off
  std::optional<Mail> sending_;
  PutOffMails put_off_;                // outlives open(), as the server's patience does
  std::optional<Error> said_to_wait_;  // last 4xx, until poll() has reported it
  std::optional<std::pair<MailId, MailState>> unnoted_;  // an end that the ledger did not take
  std::optional<Error> ledger_error_;                    // met in the message's thread
  bool retried_ = false;                                 // the message under way is a second try
  SteadyTime next_start_{};                              // mail.rate.max
  uint64_t retired_seq_ = 0;
  SteadyTime unsynced_since_{};
  SinkReport report_;
};

Result<std::optional<Progress>> EmailSink::open() {
  client_.reset();
  queue_.clear();
  group_.clear();
  waiting_.clear();
  sending_.reset();
  said_to_wait_.reset();
  ledger_error_.reset();
  ledger_.reset();
  retried_ = false;
  auto builder = MessageBuilder::make(config_, context_.pipeline + "/" + context_.branch);
  if (!builder) return Failure(builder.error());
  builder_ = std::move(*builder);
  auto ledger = MailLedger::open(ledger_options(context_));
  if (!ledger) return Failure(ledger.error());
  ledger_ = std::move(*ledger);
  if (unnoted_) {
    if (auto noted = ledger_->note(unnoted_->first, unnoted_->second); !noted) {
      return Failure(noted.error());
    }
    unnoted_.reset();
  }
  retired_seq_ = report_.durable_seq;
  if (const size_t open = ledger_->open_count(); open > 0) {
    log::info("mail ledger has messages without an end",
              {{"branch", context_.branch}, {"messages", open}});
  }
  return ledger_->progress();
}

Result<void> EmailSink::write(BatchView view) {
  if (queue_.size() >= kBatchesMax) {
    return fail(ErrorKind::kBusy, "the mail server is slower than the changes come");
  }
  queue_.push(std::move(view));
  return {};
}

Result<SinkReport> EmailSink::poll(SteadyTime deadline) {
  const uint64_t before = report_.durable_seq;
  while (true) {
    auto stepped = step(deadline);
    if (!stepped) return Failure(stepped.error());
    if (report_.durable_seq != before) return report_;
    if (steady_now() >= deadline) return report_;
    if (*stepped == Step::kWorked) continue;
    const SteadyTime next = next_event(deadline);
    if (next == SteadyTime::max()) return report_;  // nothing is open
    wait_until(next);
  }
}

Result<SinkReport> EmailSink::drain(SteadyTime deadline) {
  while (true) {
    const bool is_open = queue_.size() > 0 || client_.is_busy();
    if (!is_open) {
      if (retired_seq_ != report_.durable_seq) {
        if (auto synced = sync(); !synced) return Failure(synced.error());
      }
      return report_;
    }
    auto polled = poll(deadline);
    if (!polled || steady_now() >= deadline) return polled;
  }
}

// One thing at a time: finish what is under way, then make progress durable, then begin the next
// message.
Result<EmailSink::Step> EmailSink::step(SteadyTime deadline) {
  if (client_.is_busy()) return wait_for_result(deadline);
  if (auto retired = retire_done(); !retired) return Failure(retired.error());
  if (retired_seq_ != report_.durable_seq && steady_now() >= unsynced_since_ + kSyncInterval) {
    if (auto synced = sync(); !synced) return Failure(synced.error());
    return Step::kWorked;
  }
  if (group_.empty()) {
    if (auto filled = fill_group(); !filled) return Failure(filled.error());
    // What was refused at once, or had ended before, may have ended its batch.
    if (auto retired = retire_done(); !retired) return Failure(retired.error());
  }
  if (steady_now() < next_start_) return Step::kNothingNow;
  if (auto mail = next_mail()) {
    if (auto started = start(std::move(*mail)); !started) return Failure(started.error());
    return Step::kWorked;
  }
  if (said_to_wait_) {
    Error error = std::move(*said_to_wait_);
    said_to_wait_.reset();
    return Failure(std::move(error));
  }
  return Step::kNothingNow;
}

Result<EmailSink::Step> EmailSink::wait_for_result(SteadyTime deadline) {
  auto result = client_.run(deadline);
  if (!result) return Step::kNothingNow;
  if (auto ended = end(std::move(*result)); !ended) return Failure(ended.error());
  return Step::kWorked;
}

// When something can be done again; SteadyTime::max(): nothing is left to do.
SteadyTime EmailSink::next_event(SteadyTime deadline) const {
  SteadyTime next = SteadyTime::max();
  if (client_.is_busy()) next = deadline;
  if (retired_seq_ != report_.durable_seq) next = std::min(next, unsynced_since_ + kSyncInterval);
  if (!group_.empty()) next = std::min(next, next_start_);
  for (const Mail& mail : waiting_) {
    next = std::min(next, std::max(put_off_.due(mail.id), next_start_));
  }
  return next == SteadyTime::max() ? next : std::min(next, deadline);
}

// Takes rows until the group is full, and makes their intents durable at once.
Result<void> EmailSink::fill_group() {
  while (group_.size() < static_cast<size_t>(config_.batch_max)) {
    const auto row = queue_.next_row();
    if (!row) break;
    if (auto added = add_to_group(*row); !added) return added;
  }
  std::vector<MailId> ids;
  for (const Mail& mail : group_) {
    if (ledger_->find(mail.id) == nullptr) ids.push_back(mail.id);
  }
  if (ids.empty()) return {};
  const uint64_t covered = retired_seq_;
  if (auto intended = ledger_->intend(ids); !intended) return intended;
  report_.durable_seq = covered;
  return {};
}

Result<void> EmailSink::add_to_group(const MailQueue::Row& row) {
  auto recipient = builder_->recipient(*row.change);
  if (!recipient) {
    if (recipient.error().kind != ErrorKind::kData) return Failure(recipient.error());
    --row.batch->open;
    return bury(*row.change, recipient.error());
  }
  Mail mail{.batch = row.batch, .change = row.change, .id = {}, .recipient = std::move(*recipient)};
  mail.id = {row.batch->view.batch->stream, row.change->position,
             builder_->hash(*row.change, mail.recipient)};
  const auto same = [&mail](const Mail& other) { return other.id == mail.id; };
  const MailState* state = ledger_->find(mail.id);
  // A replay asks for what was refused or skipped once more.
  const bool is_replay = mail.id.stream == kReplayStream;
  const bool has_ended =
      state != nullptr && (is_replay ? *state == MailState::kDelivered : is_final(*state));
  bool is_over =
      has_ended || std::ranges::any_of(group_, same) || std::ranges::any_of(waiting_, same);
  if (!is_over && state != nullptr && *state == MailState::kStarted) {
    if (auto decided = decide_doubt(mail, is_over); !decided) return decided;
  }
  if (is_over) {
    --row.batch->open;
  } else if (put_off_.contains(mail.id)) {
    waiting_.push_back(std::move(mail));
  } else {
    group_.push_back(std::move(mail));
  }
  return {};
}

// A message that was begun and has no end: mail.on.doubt.
Result<void> EmailSink::decide_doubt(const Mail& mail, bool& is_over) {
  is_over = config_.on_doubt == OnDoubt::kSkip;
  log::warn(is_over ? "message in doubt is skipped" : "message in doubt is sent again",
            {{"branch", context_.branch},
             {"commit_lsn", format_lsn(mail.id.position.commit_lsn)},
             {"ordinal", mail.id.position.ordinal}});
  if (!is_over) return {};
  const Error why(
      ErrorKind::kUnreachable,
      "whether the mail server accepted this message is unknown, and mail.on.doubt is skip");
  if (auto buried = bury(*mail.change, why); !buried) return buried;
  return note(mail.id, MailState::kSkipped);
}

// Those whose pause is over come first: they are the oldest.
std::optional<Mail> EmailSink::next_mail() {
  const SteadyTime now = steady_now();
  const auto due = std::ranges::find_if(
      waiting_, [&](const Mail& mail) { return put_off_.due(mail.id) <= now; });
  std::optional<Mail> mail;
  if (due != waiting_.end()) {
    mail = std::move(*due);
    waiting_.erase(due);
  } else if (!group_.empty()) {
    mail = std::move(group_.front());
    group_.pop_front();
  }
  return mail;
}

Result<void> EmailSink::start(Mail mail) {
  auto text = builder_->build(*mail.change, mail.recipient, unix_now_ms() / 1000);
  if (!text) {
    if (text.error().kind != ErrorKind::kData) return Failure(text.error());
    return refuse(mail, text.error());
  }
  sending_ = std::move(mail);
  client_.start({.sender = builder_->sender(),
                 .recipient = sending_->recipient,
                 .text = std::move(*text),
                 .before_text = [this] {
                   auto noted = ledger_->note(sending_->id, MailState::kStarted);
                   if (!noted) ledger_error_ = noted.error();
                   return noted.has_value();
                 }});
  if (config_.rate_max > 0) {
    next_start_ = steady_now() + std::chrono::nanoseconds(1000000000 / config_.rate_max);
  }
  return {};
}

// libcurl has dropped the connection that failed: this one is new.
Result<void> EmailSink::start_again(Mail mail) {
  retried_ = true;
  return start(std::move(mail));
}

Result<void> EmailSink::end(SmtpResult result) {
  Mail mail = std::move(*sending_);
  sending_.reset();
  if (ledger_error_) return Failure(*std::exchange(ledger_error_, std::nullopt));
  const bool retried = std::exchange(retried_, false);
  switch (result.outcome) {
    case SmtpOutcome::kDelivered:
      put_off_.forget(mail.id);
      --mail.batch->open;
      return note(mail.id, MailState::kDelivered);
    case SmtpOutcome::kRefused:
      return refuse(mail, result.error);
    case SmtpOutcome::kPutOff:
      return put_off(std::move(mail), std::move(result));
    case SmtpOutcome::kDoubt: {
      bool is_over = false;
      if (auto decided = decide_doubt(mail, is_over); !decided) return decided;
      if (is_over) {
        --mail.batch->open;
        return {};
      }
      // At once, but once, and not to a server that takes texts and does not answer.
      if (!retried && !result.has_timed_out) return start_again(std::move(mail));
      break;
    }
    case SmtpOutcome::kFailed:
      if (result.text_was_started) {
        if (auto noted = note(mail.id, MailState::kWaiting); !noted) return noted;
      }
      // A kept connection that the server has closed meanwhile says nothing about the server.
      if (result.connection_was_old && !result.text_was_started && !retried) {
        return start_again(std::move(mail));
      }
      break;
  }
  group_.push_front(std::move(mail));
  return Failure(std::move(result.error));
}

Result<void> EmailSink::put_off(Mail mail, SmtpResult result) {
  if (!put_off_.add(mail.id, steady_now())) {
    return refuse(mail, result.error.in("mail.retry.max.ms is over"));
  }
  if (auto noted = note(mail.id, MailState::kWaiting); !noted) return noted;
  log::warn("mail server puts a recipient off",
            {{"branch", context_.branch},
             {"commit_lsn", format_lsn(mail.id.position.commit_lsn)},
             {"ordinal", mail.id.position.ordinal},
             {"error", result.error.message}});
  waiting_.push_back(std::move(mail));
  said_to_wait_ = std::move(result.error);
  return {};
}

// The dead letter is durable before the ledger says so: a kill between them repeats the letter,
// loses none.
Result<void> EmailSink::refuse(const Mail& mail, const Error& why) {
  Error letter = why;
  letter.kind = ErrorKind::kData;
  if (auto buried = bury(*mail.change, letter); !buried) return buried;
  put_off_.forget(mail.id);
  --mail.batch->open;
  return note(mail.id, MailState::kRefused);
}

// What became of a message. Where the disk does not take it, the next open() writes it: what this
// process knows is in no doubt.
Result<void> EmailSink::note(const MailId& id, MailState end) {
  auto noted = ledger_->note(id, end);
  if (!noted) unnoted_.emplace(id, end);
  return noted;
}

Result<void> EmailSink::bury(const Change& change, const Error& why) {
  if (auto added = context_.dead_letters->add(change, why); !added) return added;
  return context_.dead_letters->flush();
}

Result<void> EmailSink::retire_done() {
  while (auto done = queue_.take_done()) {
    const Batch& batch = *done->view.batch;
    if (auto advanced = ledger_->advance(batch.stream, batch.offset); !advanced) return advanced;
    if (retired_seq_ == report_.durable_seq) unsynced_since_ = steady_now();
    retired_seq_ = batch.seq;
  }
  return {};
}

Result<void> EmailSink::sync() {
  if (auto synced = ledger_->sync(); !synced) return synced;
  report_.durable_seq = retired_seq_;
  return {};
}

}  // namespace

Result<std::optional<Progress>> stored_email_progress(const SinkContext& context) {
  const auto ledger = MailLedger::read(ledger_options(context));
  if (!ledger) return Failure(ledger.error());
  return ledger->progress();
}

std::unique_ptr<Sink> make_email_sink(const EmailSinkConfig& config, const SinkContext& context) {
  return std::make_unique<EmailSink>(config, context);
}

}  // namespace millrace
