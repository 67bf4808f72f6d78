#include "source/postgres/change_decoder.h"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

constexpr uint64_t kWholeTransaction = UINT64_MAX;

std::string_view type_of(Op op) {
  switch (op) {
    case Op::kCreate:
      return "INSERT";
    case Op::kUpdate:
      return "UPDATE";
    case Op::kDelete:
      return "DELETE";
    case Op::kTruncate:
      return "TRUNCATE";
    case Op::kMessage:
      return "MESSAGE";
    case Op::kBegin:
      return "BEGIN";
    default:
      return "COMMIT";
  }
}

// Whether an offset of this type names an LSN whose event was not delivered.
bool is_boundary(std::string_view type) {
  return type.empty() || type == "BEGIN" || type == "COMMIT";
}

}  // namespace

ChangeDecoder::ChangeDecoder(TableLookup& lookup, DecoderOptions options, const Offset& from)
    : relations_(lookup, options.binary_version),
      options_(std::move(options)),
      offset_(from),
      commit_us_(from.commit_us),
      last_commit_(
          from.last_commit.value_or(from.snapshot == SnapshotPhase::kNone ? from.lsn_commit : 0)) {
  type_ = "COMMIT";
  for (const Op op : {Op::kCreate, Op::kUpdate, Op::kDelete, Op::kTruncate, Op::kMessage}) {
    if (from.message_type == type_of(op)) type_ = type_of(op);
  }
  if (from.position == Position{}) {
    floor_ = std::max(from.lsn, from.lsn_commit);
    delivered_ = from.lsn_commit;
    const bool streamed = from.snapshot == SnapshotPhase::kNone && from.message_type != "COMMIT";
    if (streamed && from.xid != 0) debezium_ = from;
  }
  note_last_commit();
  offset_.message_type.clear();
  offset_.tables = {};  // a branch's own, and marks move them
  offset_.unread = {};
  offset_.stands_still = false;
  offset_.snapshot = SnapshotPhase::kNone;
  offset_.last_snapshot_record = false;
}

Offset ChangeDecoder::offset() const {
  Offset out = offset_;
  out.message_type = type_;
  return out;
}

bool ChangeDecoder::advance(Lsn wal_end) {
  if (in_transaction_ || debezium_ || wal_end <= floor_) return false;
  if (wal_end == 0 || wal_end - 1 <= offset_.position.commit_lsn) return false;
  offset_.position = {wal_end - 1, kWholeTransaction};
  // All of Debezium's members move: it refuses an offset whose lsn_proc the slot has left behind.
  offset_.lsn = std::max(offset_.lsn, wal_end);
  offset_.lsn_proc = offset_.lsn;
  offset_.lsn_commit = std::max(offset_.lsn_commit, wal_end);
  note_last_commit();
  type_ = type_of(Op::kCommit);
  return true;
}

Result<void> ChangeDecoder::decode(const StreamMessage& at, Batch& batch) {
  auto read = pgoutput::read_message(at.payload, at.lsn);
  if (!read) return Failure(read.error());
  // A table's description has LSN 0, and may stand between two events that share theirs.
  if (tied_events_ > 0 && at.lsn > debezium_->lsn) settle_ties(batch);
  if (const auto* r = std::get_if<pgoutput::Row>(&*read)) return row(*r, at, batch);
  if (const auto* b = std::get_if<pgoutput::Begin>(&*read)) return begin(*b, at, batch);
  if (const auto* c = std::get_if<pgoutput::Commit>(&*read)) return commit(*c, at, batch);
  if (const auto* r = std::get_if<pgoutput::Relation>(&*read)) return relation(*r, at.lsn);
  if (const auto* t = std::get_if<pgoutput::Truncate>(&*read)) return truncate(*t, at, batch);
  if (const auto* m = std::get_if<pgoutput::LogicalMessage>(&*read)) return message(*m, at, batch);
  return {};
}

Result<void> ChangeDecoder::relation(const pgoutput::Relation& relation, Lsn at) {
  if (auto updated = relations_.update(relation, at, xid_); !updated) return updated;
  if (options_.binary_version == 0) return {};
  auto table = relations_.find(relation.oid, at);
  if (!table) return Failure(table.error());
  const Column* column = *table == nullptr ? nullptr : (*table)->shape.unreadable();
  if (column != nullptr) {
    unreadable_ = {(*table)->schema->full_name(), column->name, column->type.name};
  }
  return {};
}

Result<void> ChangeDecoder::begin(const pgoutput::Begin& begin, const StreamMessage& at,
                                  Batch& batch) {
  if (in_transaction_) {
    return fail(ErrorKind::kProtocol, "begin within a transaction at " + format_lsn(at.lsn));
  }
  in_transaction_ = true;
  commit_us_ = begin.commit_us;
  xid_ = begin.xid;
  skipped_ = begin.commit_lsn < delivered_;
  if (skipped_) return {};
  resumes_here_ = debezium_ && begin.xid == debezium_->xid;
  // Another one that commits after that LSN: where Debezium stood is not known, so nothing is left
  // out.
  if (!resumes_here_ && debezium_ && begin.commit_lsn > debezium_->lsn) debezium_.reset();
  offset_.position = {begin.commit_lsn, 0};
  offset_.lsn = at.lsn;
  offset_.xid = begin.xid;
  offset_.commit_us = begin.commit_us;
  type_ = type_of(Op::kBegin);
  if (options_.transaction_markers) append(change(Op::kBegin, at), 0, batch);
  return {};
}

Result<void> ChangeDecoder::commit(const pgoutput::Commit& commit, const StreamMessage& at,
                                   Batch& batch) {
  if (auto in = require_transaction("commit", at.lsn); !in) return in;
  in_transaction_ = false;
  if (tied_events_ > 0) settle_ties(batch);
  if (resumes_here_) debezium_.reset();
  resumes_here_ = false;
  if (!std::exchange(skipped_, false)) {
    offset_.position = {commit.commit_lsn, kWholeTransaction};
    offset_.lsn = commit.end_lsn;
    offset_.lsn_proc = commit.end_lsn;
    offset_.lsn_commit = commit.end_lsn;
    type_ = type_of(Op::kCommit);
    if (options_.transaction_markers) {
      Change end = change(Op::kCommit, at);
      end.end_lsn = commit.end_lsn;
      append(end, 0, batch);
    }
  }
  last_commit_ = commit.end_lsn;
  note_last_commit();
  return {};
}

Result<void> ChangeDecoder::row(const pgoutput::Row& row, const StreamMessage& at, Batch& batch) {
  if (auto in = require_transaction("row", at.lsn); !in) return in;
  auto table = relations_.find(row.relation, at.lsn);
  if (!table) return Failure(table.error());
  if (!next_event(at, type_of(row.op)) || *table == nullptr) return {};
  pgoutput::Row copied = row;
  copied.images = batch.arena.copy(row.images);
  auto images = pgoutput::read_images(copied, (*table)->shape, batch.arena, at.lsn);
  if (!images) return Failure(images.error().in((*table)->schema->full_name()));
  use(**table, batch);
  Change out = change(row.op, at);
  out.table = (*table)->schema.get();
  out.before = images->before;
  out.after = images->after;
  const size_t values = size_t{images->before.count} + images->after.count;
  append(out, row.images.size() + images->rendered + values * sizeof(Datum), batch);
  return {};
}

Result<void> ChangeDecoder::truncate(const pgoutput::Truncate& truncate, const StreamMessage& at,
                                     Batch& batch) {
  if (auto in = require_transaction("truncate", at.lsn); !in) return in;
  for (const uint32_t oid : truncate.relations) {
    auto table = relations_.find(oid, at.lsn);
    if (!table) return Failure(table.error());
    if (!next_event(at, type_of(Op::kTruncate)) || *table == nullptr) continue;
    use(**table, batch);
    Change out = change(Op::kTruncate, at);
    out.table = (*table)->schema.get();
    append(out, 0, batch);
  }
  return {};
}

Result<void> ChangeDecoder::message(const pgoutput::LogicalMessage& message,
                                    const StreamMessage& at, Batch& batch) {
  if (message.transactional) {
    if (auto in = require_transaction("message", at.lsn); !in) return in;
    const Lsn processed = offset_.lsn_proc;
    const bool wanted = next_event(at, type_of(Op::kMessage));
    if (!skipped_)
      offset_.lsn_proc = processed;  // as Debezium: the event after it may have its LSN
    if (!wanted) return {};
  } else {
    if (at.lsn <= delivered_) return {};
    // Debezium counts it as a commit of its own.
    xid_ = 0;
    if (commit_us_ == 0) commit_us_ = at.sent_us;
    offset_.position = {at.lsn - 1, 1};
    offset_.lsn = offset_.lsn_proc = offset_.lsn_commit = last_commit_ = at.lsn;
    offset_.xid = 0;
    offset_.commit_us = commit_us_;
    note_last_commit();
    type_ = type_of(Op::kMessage);
  }
  if (options_.captures_message && !options_.captures_message(message.prefix)) return {};
  Change out = change(Op::kMessage, at);
  out.transactional = message.transactional;
  out.prefix = batch.arena.copy(message.prefix);
  out.content = batch.arena.copy(message.content);
  append(out, message.prefix.size() + message.content.size(), batch);
  return {};
}

// Counts an event of the transaction; false when Debezium delivered it.
bool ChangeDecoder::next_event(const StreamMessage& at, std::string_view type) {
  if (skipped_) return false;
  ++offset_.position.ordinal;
  offset_.lsn = at.lsn;
  offset_.lsn_proc = at.lsn;
  type_ = type;
  if (!resumes_here_ || at.lsn > debezium_->lsn) return true;
  if (at.lsn < debezium_->lsn) return false;
  if (!is_boundary(debezium_->message_type)) ++tied_events_;
  return true;
}

// The stream went beyond the LSN that Debezium's offset names, or its transaction ended there: a
// lone event there was the delivered one.
void ChangeDecoder::settle_ties(Batch& batch) {
  if (tied_events_ == 1 && tied_changes_ == 1) batch.changes.pop_back();
  tied_events_ = tied_changes_ = 0;
}

Result<void> ChangeDecoder::require_transaction(std::string_view what, Lsn at) const {
  if (in_transaction_) return {};
  return fail(ErrorKind::kProtocol,
              std::string(what) + " outside a transaction at " + format_lsn(at));
}

void ChangeDecoder::note_last_commit() {
  offset_.last_commit.reset();
  if (offset_.lsn_commit != last_commit_) offset_.last_commit = last_commit_;
}

Change ChangeDecoder::change(Op op, const StreamMessage& at) const {
  Change out;
  out.op = op;
  out.xid = xid_;
  out.position = offset_.position;
  out.lsn = at.lsn;
  out.last_commit_lsn = last_commit_;
  out.commit_us = commit_us_;
  return out;
}

void ChangeDecoder::append(const Change& change, size_t bytes, Batch& batch) {
  batch.changes.push_back(change);
  bytes_ += bytes + sizeof(Change);
  if (tied_events_ > 0) ++tied_changes_;
}

void ChangeDecoder::use(StreamTable& table, Batch& batch) {
  if (std::exchange(table.batch, batch_number_) != batch_number_) {
    batch.schemas.push_back(table.schema);
  }
}

}  // namespace millrace
