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

Datum text_datum(std::string_view text) {
  return {text.data(), static_cast<uint32_t>(text.size()), DatumKind::kText};
}

// Reads the images of one row.
class ImageReader {
 public:
  ImageReader(std::string_view images, const TupleShape& shape, Arena& arena)
      : in_(images), shape_(shape), arena_(arena) {}

  uint8_t kind() { return in_.u8(); }

  bool complete() const { return in_.ok() && in_.left() == 0; }

  bool tuple(TupleKind kind, Tuple& out) {
    const uint16_t count = in_.u16();
    if (!in_.ok() || count != shape_.hidden.size()) return false;
    Datum* values = arena_.allocate_array<Datum>(count);
    const std::vector<bool>& absent = kind == TupleKind::kKey ? shape_.outside_key : shape_.hidden;
    for (uint16_t i = 0; i < count; ++i) {
      if (!datum(i, absent[i], values[i])) return false;
    }
    out = {values, count, kind};
    return in_.ok();
  }

  size_t rendered() const { return rendered_; }

  // The column whose binary value could not be read.
  const Column* culprit() const { return culprit_; }

 private:
  bool datum(uint16_t column, bool absent, Datum& out) {
    const uint8_t kind = in_.u8();
    out = {nullptr, 0, DatumKind::kAbsent};
    std::string_view bytes;
    if (kind == 't' || kind == 'b') bytes = in_.bytes(in_.u32());
    if (absent) return kind == 't' || kind == 'b' || kind == 'n' || kind == 'u';
    switch (kind) {
      case 't':
        out = text_datum(bytes);
        return true;
      case 'b':
        return in_.ok() && render(column, bytes, out);
      case 'n':
        out = {};
        return true;
      case 'u':
        out.kind = DatumKind::kUnchanged;
        return true;
      default:
        return false;
    }
  }

  bool render(uint16_t column, std::string_view bytes, Datum& out) {
    const binary::Render form = shape_.renders[column];
    std::string_view text;
    if (form == nullptr || !binary::to_text(form, bytes, arena_, text)) {
      culprit_ = &shape_.table.columns[column];
      return false;
    }
    if (text.data() < bytes.data() || text.data() > bytes.data() + bytes.size()) {
      rendered_ += text.size();
    }
    out = text_datum(text);
    return true;
  }

  ByteReader in_;
  const TupleShape& shape_;
  Arena& arena_;
  size_t rendered_ = 0;
  const Column* culprit_ = nullptr;
};

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

TupleShape::TupleShape(const TableSchema& of, int binary_version)
    : table(of),
      hidden(of.columns.size()),
      outside_key(of.columns.size()),
      renders(of.columns.size()) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bool in_key = std::ranges::find(table.key, i) != table.key.end();
    hidden[i] = !table.columns[i].captured && !in_key;
    outside_key[i] = hidden[i] || !table.columns[i].identity;
    if (binary_version != 0)
      renders[i] = binary::renderer_of(table.columns[i].type, binary_version);
  }
}

const Column* TupleShape::unreadable() const {
  for (size_t i = 0; i < renders.size(); ++i) {
    if (!hidden[i] && renders[i] == nullptr) return &table.columns[i];
  }
  return nullptr;
}

Result<Images> read_images(const Row& row, const TupleShape& shape, Arena& arena, Lsn at) {
  ImageReader in(row.images, shape, arena);
  Images out;
  uint8_t kind = in.kind();
  bool good = kind != 0;
  if (row.op != Op::kCreate && (kind == 'K' || kind == 'O')) {
    const TupleKind image = kind == 'K' ? TupleKind::kKey : TupleKind::kFull;
    good = in.tuple(image, out.before);
    if (row.op == Op::kUpdate) kind = in.kind();
  }
  if (row.op == Op::kDelete) {
    good = good && out.before;
  } else {
    good = good && kind == 'N' && in.tuple(TupleKind::kFull, out.after);
  }
  if (in.culprit() != nullptr) {
    return malformed("binary value of column " + in.culprit()->name, at);
  }
  if (!good || !in.complete()) return malformed("row image", at);
  out.rendered = in.rendered();
  if (row.op == Op::kUpdate && out.before.kind == TupleKind::kFull) {
    fill_unchanged(out.before, out.after, arena, out.after);
  }
  return out;
}

}  // namespace millrace::pgoutput
