#include "source/postgres/type_catalogue.h"

#include <algorithm>
#include <map>
#include <span>

#include "source/postgres/row_values.h"

namespace millrace {

namespace {

struct NamedType {
  std::string_view name;
  PgType type;
};

constexpr NamedType kBuiltin[] = {
    {"bit", PgType::kBit},
    {"bool", PgType::kBool},
    {"bpchar", PgType::kBpchar},
    {"bytea", PgType::kBytea},
    {"char", PgType::kChar},
    {"cidr", PgType::kCidr},
    {"date", PgType::kDate},
    {"daterange", PgType::kDaterange},
    {"float4", PgType::kFloat4},
    {"float8", PgType::kFloat8},
    {"inet", PgType::kInet},
    {"int2", PgType::kInt2},
    {"int4", PgType::kInt4},
    {"int4range", PgType::kInt4range},
    {"int8", PgType::kInt8},
    {"int8range", PgType::kInt8range},
    {"interval", PgType::kInterval},
    {"json", PgType::kJson},
    {"jsonb", PgType::kJsonb},
    {"macaddr", PgType::kMacaddr},
    {"macaddr8", PgType::kMacaddr8},
    {"money", PgType::kMoney},
    {"name", PgType::kName},
    {"numeric", PgType::kNumeric},
    {"numrange", PgType::kNumrange},
    {"oid", PgType::kOid},
    {"point", PgType::kPoint},
    {"text", PgType::kText},
    {"time", PgType::kTime},
    {"timestamp", PgType::kTimestamp},
    {"timestamptz", PgType::kTimestamptz},
    {"timetz", PgType::kTimetz},
    {"tsrange", PgType::kTsrange},
    {"tstzrange", PgType::kTstzrange},
    {"tsvector", PgType::kTsvector},
    {"uuid", PgType::kUuid},
    {"varbit", PgType::kVarbit},
    {"varchar", PgType::kVarchar},
    {"xml", PgType::kXml},
};

constexpr NamedType kExtension[] = {
    {"citext", PgType::kCitext},     {"geography", PgType::kGeography},
    {"geometry", PgType::kGeometry}, {"halfvec", PgType::kHalfvec},
    {"hstore", PgType::kHstore},     {"isbn", PgType::kIsbn},
    {"ltree", PgType::kLtree},       {"sparsevec", PgType::kSparsevec},
    {"vector", PgType::kVector},
};

PgType find(std::span<const NamedType> names, std::string_view name) {
  const auto at = std::ranges::lower_bound(names, name, {}, &NamedType::name);
  return at != names.end() && at->name == name ? at->type : PgType::kUnknown;
}

// One row for each type asked for: the base type behind its domains, and the base type's element.
constexpr std::string_view kTypes = R"(
with recursive base(root, depth, oid, typmod) as (
  select asked.oid, 0, asked.oid, -1 from unnest($1::oid[]) as asked(oid)
  union all
  select b.root, b.depth + 1, t.typbasetype,
         case when b.typmod <> -1 then b.typmod else t.typtypmod end
  from base b join pg_catalog.pg_type t on t.oid = b.oid
  where t.typtype = 'd')
select distinct on (b.root) b.root, b.typmod, t.typname, t.typtype, t.oid,
       tn.nspname = 'pg_catalog', coalesce(e.typarray = t.oid, false),
       e.typname, e.typtype, e.oid, en.nspname = 'pg_catalog'
from base b
join pg_catalog.pg_type t on t.oid = b.oid
join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
left join pg_catalog.pg_type e on e.oid = t.typelem
left join pg_catalog.pg_namespace en on en.oid = e.typnamespace
order by b.root, b.depth desc)";

constexpr std::string_view kLabels =
    "select enumtypid, enumlabel from pg_catalog.pg_enum where enumtypid = any($1::oid[]) "
    "order by enumtypid, enumsortorder";

PgType known_type(std::string_view name, std::string_view kind, bool is_builtin) {
  if (kind == "e") return PgType::kEnum;
  if (is_builtin) return builtin_type(name);
  return kind == "b" ? extension_type(name) : PgType::kUnknown;
}

Result<void> add_labels(postgres::Connection& connection,
                        const std::map<uint32_t, std::vector<ColumnType*>>& enums) {
  if (enums.empty()) return {};
  std::set<uint32_t> oids;
  for (const auto& [oid, types] : enums)
    oids.insert(oid);
  auto rows = connection.query(kLabels, {oid_array(oids)});
  if (!rows) return Failure(rows.error().in("reading the labels of enum types"));
  for (int row = 0; row < rows->count(); ++row) {
    const auto at = enums.find(number<uint32_t>(rows->text(row, 0)));
    if (at == enums.end()) continue;
    for (ColumnType* type : at->second)
      type->labels.emplace_back(rows->text(row, 1));
  }
  return {};
}

}  // namespace

PgType builtin_type(std::string_view name) {
  return find(kBuiltin, name);
}

PgType extension_type(std::string_view name) {
  return find(kExtension, name);
}

Result<TypeMap> read_types(postgres::Connection& connection, const std::set<uint32_t>& oids) {
  TypeMap types;
  if (oids.empty()) return types;
  auto rows = connection.query(kTypes, {oid_array(oids)});
  if (!rows) return Failure(rows.error().in("reading pg_type"));
  std::map<uint32_t, std::vector<ColumnType*>> enums;
  types.reserve(oids.size());
  for (int row = 0; row < rows->count(); ++row) {
    const uint32_t root = number<uint32_t>(rows->text(row, 0));
    ColumnType& type = types[root];
    type.oid = root;
    type.typmod = number<int32_t>(rows->text(row, 1));
    type.name = rows->text(row, 2);
    type.type = known_type(rows->text(row, 2), rows->text(row, 3), is_true(*rows, row, 5));
    uint32_t enum_oid = type.type == PgType::kEnum ? number<uint32_t>(rows->text(row, 4)) : 0;
    if (is_true(*rows, row, 6)) {
      type.type = PgType::kArray;
      type.element = known_type(rows->text(row, 7), rows->text(row, 8), is_true(*rows, row, 10));
      if (type.element == PgType::kEnum) enum_oid = number<uint32_t>(rows->text(row, 9));
    }
    if (enum_oid != 0) enums[enum_oid].push_back(&type);
  }
  if (auto labels = add_labels(connection, enums); !labels) return Failure(labels.error());
  return types;
}

ColumnType type_of_column(const TypeMap& types, uint32_t oid, int32_t typmod) {
  const auto at = types.find(oid);
  ColumnType type = at == types.end() ? ColumnType{} : at->second;
  type.oid = oid;
  if (typmod != -1) type.typmod = typmod;
  return type;
}

}  // namespace millrace
