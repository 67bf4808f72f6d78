// Sends an e-mail a row to a real SMTP server. Takes BatchView::changes, each a row that the
// branch's sql made: one row is one message to the address in the column `mail.to`.
//
// One message per (event, recipient): a ledger (mail_ledger.h) in the state folder, BRANCH.ledger,
// knows what was sent, whatever repeats. One window stays open, for SMTP has no way to ask: when
// the process is killed, or the connection lost, between the end of the text and the ledger's line
// about the server's answer, that message is in doubt. mail.on.doubt decides: resend (may arrive
// twice, with the same Message-ID) or skip (may not arrive; it goes to the dead letters). A killed
// process or a lost connection leaves at most one message in doubt; a crash of the whole machine as
// many as mail.batch.max.
//
// The server's answers: 4xx for a recipient or text: this one later, with a growing pause, the
// others go on; the batch is durable once all have ended. 4xx before that (or 421): kBusy. 5xx for
// a recipient or text: dead letter. No connection, no answer in time: kUnreachable. An event that
// gives the same recipient twice (two rows of one change) is one message.
#pragma once

#include <memory>

#include "sink/email/email_config.h"
#include "sink/sink.h"

namespace millrace {

std::unique_ptr<Sink> make_email_sink(const EmailSinkConfig& config, const SinkContext& context);

// What the ledger says of the branch's progress; changes nothing.
Result<std::optional<Progress>> stored_email_progress(const SinkContext& context);

// Whether the settings fit together and the server takes a session with them: connection, TLS,
// login, sender. Blocks up to mail.timeout.ms; no message is sent.
Problems check_email_sink(const EmailSinkConfig& config);

}  // namespace millrace
