// Messages that the server has put off (4xx): when each is tried again. The pause doubles with
// every refusal.
#pragma once

#include <algorithm>
#include <map>

#include "base/clock.h"
#include "sink/email/mail_ledger.h"

namespace millrace {

class PutOffMails {
 public:
  static constexpr Millis kPauseMin{1000};
  static constexpr Millis kPauseMax{60000};

  // retry_max zero: tried without end.
  explicit PutOffMails(Millis retry_max) : retry_max_(retry_max) {}

  // False: it has been put off for longer than retry_max.
  bool add(const MailId& id, SteadyTime now) {
    auto [entry, is_new] = mails_.try_emplace(id);
    Mail& mail = entry->second;
    if (is_new) mail.first = now;
    if (retry_max_ > Millis(0) && now - mail.first >= retry_max_) return false;
    mail.due = now + mail.pause;
    mail.pause = std::min(mail.pause * 2, kPauseMax);
    return true;
  }

  bool contains(const MailId& id) const { return mails_.contains(id); }

  // Of one that it contains.
  SteadyTime due(const MailId& id) const { return mails_.at(id).due; }

  void forget(const MailId& id) { mails_.erase(id); }

 private:
  struct Mail {
    SteadyTime first{};
    SteadyTime due{};
    Millis pause = kPauseMin;
  };

  const Millis retry_max_;
  std::map<MailId, Mail> mails_;
};

}  // namespace millrace
