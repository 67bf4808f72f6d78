// Preflight: the names under which the changes of partitions come. Without
// publish_via_partition_root it is the partition's own, with it that of the topmost published table
// above it. Where that table is not captured, the changes would be lost without a word.
#include <algorithm>

#include "source/postgres/findings.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr std::string_view kInclude = "table.include.list";
constexpr std::string_view kViaRoot = "publish.via.partition.root";

bool is_captured(std::span<const TableSchema> captured, uint32_t oid) {
  return std::ranges::find(captured, oid, &TableSchema::oid) != captured.end();
}

std::string root_cure(const Inspection& inspection,
                      const std::optional<PublicationState>& publication) {
  if (!publication) return "set " + std::string(kViaRoot) + "=true";
  return "ALTER PUBLICATION " +
         inspection.connection.quote_identifier(inspection.config.publication_name) +
         " SET (publish_via_partition_root = true);";
}

void check_leaves(const Inspection& inspection, std::span<const TableSchema> captured,
                  const std::optional<PublicationState>& publication) {
  auto leaves = read_leaves(inspection, captured);
  if (!leaves) return inspection.findings.failed(kInclude, leaves.error());
  std::vector<std::string> names;
  for (const Leaf& leaf : *leaves) {
    const std::string name = leaf.table.full_name();
    const bool told = std::ranges::find(names, name) != names.end();
    if (!told && !is_captured(captured, leaf.table.oid)) names.push_back(name);
  }
  if (names.empty()) return;
  inspection.findings.error(kInclude,
                            "changes of these partitions of captured tables come under their own "
                            "names, which are not captured: " +
                                list_names(names),
                            root_cure(inspection, publication) + " or list them in its place");
}

void check_roots(const Inspection& inspection, std::span<const TableSchema> captured,
                 std::span<const PublishedTable> tables, const PublicationState& publication) {
  std::vector<std::string> names;
  for (const PublishedTable& table : tables) {
    const bool hidden = std::ranges::any_of(table.ancestors, [&](uint32_t oid) {
      return (publication.all_tables || publication.tables.contains(oid)) &&
             !is_captured(captured, oid);
    });
    if (hidden) names.push_back(table.name);
  }
  if (names.empty()) return;
  inspection.findings.error(
      kInclude,
      "the publication '" + inspection.config.publication_name +
          "' gives changes of these partitions under the name of the table above them, which is "
          "not captured: " +
          list_names(names),
      "add the partitioned table to the list, or: ALTER PUBLICATION " +
          inspection.connection.quote_identifier(inspection.config.publication_name) +
          " SET (publish_via_partition_root = false);");
}

// A table and its partitions, both captured: the snapshot has their rows twice, their changes come
// under one of the names, and what is made of the other stands still.
void check_both(const Inspection& inspection, std::span<const TableSchema> captured,
                bool via_root) {
  auto leaves = read_leaves(inspection, captured);
  if (!leaves) return inspection.findings.failed(kInclude, leaves.error());
  std::vector<std::string> roots;
  std::vector<std::string> partitions;
  for (const Leaf& leaf : *leaves) {
    if (!is_captured(captured, leaf.table.oid)) continue;
    const auto root = std::ranges::find(captured, leaf.root, &TableSchema::oid);
    if (std::ranges::find(roots, root->full_name()) == roots.end())
      roots.push_back(root->full_name());
    const std::string name = leaf.table.full_name();
    if (std::ranges::find(partitions, name) == partitions.end()) partitions.push_back(name);
  }
  if (roots.empty()) return;
  const auto& silent = via_root ? partitions : roots;
  inspection.findings.warning(
      kInclude,
      "partitioned tables are captured together with their partitions: changes come under the "
      "names of the " +
          std::string(via_root ? "partitioned tables" : "partitions") +
          " alone, and what is made of these stays as the snapshot left it: " + list_names(silent),
      via_root ? "leave the partitions out of the list"
               : "leave the partitioned tables out of the list; or leave the partitions out and "
                 "set publish.via.partition.root=true");
}

}  // namespace

Result<std::vector<Leaf>> read_leaves(const Inspection& inspection,
                                      std::span<const TableSchema> captured) {
  std::vector<uint32_t> oids;
  for (const TableSchema& table : captured)
    oids.push_back(table.oid);
  auto rows = inspection.connection.query(R"(
with recursive below(root, oid) as (
  select i.inhparent, i.inhrelid
  from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
  where c.relispartition and i.inhparent = any($1::oid[])
  union all
  select b.root, i.inhrelid from below b join pg_catalog.pg_inherits i on i.inhparent = b.oid)
select b.root, c.oid, n.nspname, c.relname
from below b
join pg_catalog.pg_class c on c.oid = b.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
order by 3, 4)",
                                          {oid_array(oids)});
  if (!rows) return Failure(rows.error().in("reading the partitions of the captured tables"));
  std::vector<Leaf> leaves;
  for (int row = 0; row < rows->count(); ++row) {
    Leaf leaf;
    leaf.root = number<uint32_t>(rows->text(row, 0));
    leaf.table.oid = number<uint32_t>(rows->text(row, 1));
    leaf.table.schema = rows->text(row, 2);
    leaf.table.name = rows->text(row, 3);
    leaves.push_back(std::move(leaf));
  }
  return leaves;
}

void check_partitions(const Inspection& inspection, std::span<const TableSchema> captured,
                      std::span<const PublishedTable> tables,
                      const std::optional<PublicationState>& publication) {
  const bool via_root =
      publication ? publication->via_root : inspection.config.publish_via_partition_root;
  check_both(inspection, captured, via_root);
  if (!via_root) return check_leaves(inspection, captured, publication);
  if (publication) check_roots(inspection, captured, tables, *publication);
}

}  // namespace millrace
