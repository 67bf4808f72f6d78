#include "source/postgres/pgoutput_reader.h"

#include <algorithm>
#include <optional>

#include "base/byte_reader.h"

namespace millrace::pgoutput {

namespace {

constexpr uint8_t kIdentityFlag = 1;
constexpr uint8_t kTransactionalFlag = 1;

Failure malformed(std::string_view what, Lsn at) {
  return fail(ErrorKind::kProtocol,
              "malformed " + std::string(what) + " in the replication stream at " + format_lsn(at));
}

Begin read_begin(ByteReader& in) {
  Begin out;
  out.commit_lsn = in.u64();
  out.commit_us = unix_us(in.u64());
  out.xid = in.u32();
  return out;
}

Commit read_commit(ByteReader& in) {
  Commit out;
  in.u8();  // flags, unused
  out.commit_lsn = in.u64();
  out.end_lsn = in.u64();
  out.commit_us = unix_us(in.u64());
  return out;
}

std::optional<ReplicaIdentity> identity_of(uint8_t byte) {
  switch (byte) {
    case 'd':
      return ReplicaIdentity::kDefault;
    case 'n':
      return ReplicaIdentity::kNothing;
    case 'f':
      return ReplicaIdentity::kFull;
    case 'i':
      return ReplicaIdentity::kIndex;
    default:
      return std::nullopt;
  }
}

std::optional<Relation> read_relation(ByteReader& in) {
  Relation out;
  out.oid = in.u32();
  out.schema = in.cstring();
  if (out.schema.empty()) out.schema = "pg_catalog";
  out.name = in.cstring();
  const std::optional<ReplicaIdentity> identity = identity_of(in.u8());
  if (!identity) return std::nullopt;
  out.identity = *identity;
  const uint16_t count = in.u16();
  for (uint16_t i = 0; i < count && in.ok(); ++i) {
    RelationColumn column;
    column.identity = (in.u8() & kIdentityFlag) != 0;
    column.name = in.cstring();
    column.type = in.u32();
    column.typmod = in.i32();
    out.columns.push_back(column);
  }
  return out;
}

Row read_row(ByteReader& in, Op op) {
  Row out;
  out.op = op;
  out.relation = in.u32();
  out.images = in.bytes(in.left());
  return out;
}

Truncate read_truncate(ByteReader& in) {
  Truncate out;
  const uint32_t count = in.u32();
  in.u8();  // CASCADE, RESTART IDENTITY: the server names every table that it emptied
  for (uint32_t i = 0; i < count && in.ok(); ++i)
    out.relations.push_back(in.u32());
  return out;
}

LogicalMessage read_logical_message(ByteReader& in) {
  LogicalMessage out;
  out.transactional = (in.u8() & kTransactionalFlag) != 0;
  out.lsn = in.u64();
  out.prefix = in.cstring();
  out.content = in.bytes(in.u32());
  return out;
}

template <class T>
Result<Message> whole(T message, const ByteReader& in, std::string_view what, Lsn at) {
  if (!in.ok() || in.left() != 0) return malformed(what, at);
  return Result<Message>(std::in_place, std::in_place_type<T>, std::move(message));
}

bool read_datum(ByteReader& in, Datum& out) {
  switch (in.u8()) {
    case 'n':
      out = {};
      return true;
    case 'u':
      out = {nullptr, 0, DatumKind::kUnchanged};
      return true;
    case 't':
      out.kind = DatumKind::kText;
      break;
    case 'b':
      out.kind = DatumKind::kBinary;
      break;
    default:
      return false;
  }
  const std::string_view bytes = in.bytes(in.u32());
  out.data = bytes.data();
  out.length = static_cast<uint32_t>(bytes.size());
  return true;
}

bool read_tuple(ByteReader& in, TupleKind kind, const TupleShape& shape, Arena& arena, Tuple& out) {
  const uint16_t count = in.u16();
  if (!in.ok() || count != shape.hidden.size()) return false;
  Datum* values = arena.allocate_array<Datum>(count);
  const std::vector<bool>& absent = kind == TupleKind::kKey ? shape.outside_key : shape.hidden;
  for (uint16_t i = 0; i < count; ++i) {
    if (!read_datum(in, values[i])) return false;
    if (absent[i]) values[i] = {nullptr, 0, DatumKind::kAbsent};
  }
  out = {values, count, kind};
  return in.ok();
}

// Under FULL the old image is complete, so it has what the update left untouched.
void fill_unchanged(const Tuple& before, const Tuple& after, Arena& arena, Tuple& out) {
  const auto unchanged = [](const Datum& d) { return d.kind == DatumKind::kUnchanged; };
  if (std::ranges::none_of(after.span(), unchanged)) return;
  Datum* values = arena.allocate_array<Datum>(after.count);
  for (uint16_t i = 0; i < after.count; ++i) {
    values[i] = unchanged(after[i]) ? before[i] : after[i];
  }
  out.values = values;
}

}  // namespace

Result<Message> read_message(std::string_view payload, Lsn at) {
  ByteReader in(payload);
  switch (in.u8()) {
    case 'I':
      return whole(read_row(in, Op::kCreate), in, "insert", at);
    case 'U':
      return whole(read_row(in, Op::kUpdate), in, "update", at);
    case 'D':
      return whole(read_row(in, Op::kDelete), in, "delete", at);
    case 'B':
      return whole(read_begin(in), in, "begin", at);
    case 'C':
      return whole(read_commit(in), in, "commit", at);
    case 'T':
      return whole(read_truncate(in), in, "truncate", at);
    case 'M':
      return whole(read_logical_message(in), in, "logical message", at);
    case 'R': {
      std::optional<Relation> relation = read_relation(in);
      if (!relation) return malformed("relation", at);
      return whole(std::move(*relation), in, "relation", at);
    }
    case 'Y':
      return Message(Type{});
    case 'O':
      return Message(Origin{});
    default:
      return malformed("message of unknown kind", at);
  }
}

TupleShape::TupleShape(const TableSchema& table)
    : hidden(table.columns.size()), outside_key(table.columns.size()) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bool in_key = std::ranges::find(table.key, i) != table.key.end();
    hidden[i] = !table.columns[i].captured && !in_key;
    outside_key[i] = hidden[i] || !table.columns[i].identity;
  }
}

Result<Images> read_images(const Row& row, const TupleShape& shape, Arena& arena, Lsn at) {
  ByteReader in(row.images);
  Images out;
  uint8_t kind = in.u8();
  bool good = in.ok();
  if (row.op != Op::kCreate && (kind == 'K' || kind == 'O')) {
    const TupleKind image = kind == 'K' ? TupleKind::kKey : TupleKind::kFull;
    good = read_tuple(in, image, shape, arena, out.before);
    if (row.op == Op::kUpdate) kind = in.u8();
  }
  if (row.op == Op::kDelete) {
    good = good && out.before;
  } else {
    good = good && kind == 'N' && read_tuple(in, TupleKind::kFull, shape, arena, out.after);
  }
  if (!good || !in.ok() || in.left() != 0) return malformed("row image", at);
  if (row.op == Op::kUpdate && out.before.kind == TupleKind::kFull) {
    fill_unchanged(out.before, out.after, arena, out.after);
  }
  return out;
}

}  // namespace millrace::pgoutput
