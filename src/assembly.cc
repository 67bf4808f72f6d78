#include "assembly.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/known_keys.h"
#include "convert/json/json_converter.h"
#include "pipeline/dead_letter.h"
#include "registry.h"
#include "source/postgres/postgres_source.h"
#include "source/postgres/table_filter.h"
#include "store/file/file_offset_store.h"
#include "store/kafka/kafka_offset_store.h"
#include "transform/sql/sql_transform.h"

namespace millrace {

namespace {

// How often an idle source says that its position moved: verify waits for that, and the slot
// follows it.
constexpr Millis kIdleInterval{2000};

// A batch says for whom it is in 64 bits (Batch::audience).
constexpr size_t kBranchesMax = 64;

// Settings of the converter of a branch: the source's, then the branch's own, then what the sink
// wants.
Settings converter_settings(const PipelineConfig& config, const BranchConfig& branch,
                            const SinkPlugin& plugin) {
  Settings out;
  const auto by_default = [&](const char* key, const char* value) {
    out.set(key, value, "default");
  };
  by_default("key.converter.schemas.enable", plugin.schemas_by_default ? "true" : "false");
  by_default("value.converter.schemas.enable", plugin.schemas_by_default ? "true" : "false");
  by_default("header.converter.schemas.enable", plugin.schemas_by_default ? "true" : "false");
  by_default("header.converter", plugin.name == "kafka" ? "simple" : "json");
  for (const Settings* settings : {&config.source, &branch.sink_settings}) {
    for (const auto& [key, setting] : *settings)
      out.set(key, setting.value, setting.origin, setting.hidden);
  }
  out.set("name", config.name, "default");
  return out;
}

// The offsets of a connector are in Kafka, where its sink does not keep them itself.
bool stores_in_kafka(const PipelineConfig& config) {
  return config.form != ConfigForm::kToml && config.source.find("offset.storage.topic") != nullptr;
}

void validate_branch(const PipelineConfig& config, const BranchConfig& branch, Problems& problems) {
  const SinkPlugin* plugin = find_sink_plugin(branch.sink);
  if (plugin == nullptr) {
    std::string known;
    for (const SinkPlugin& candidate : sink_plugins())
      known += (known.empty() ? "" : ", ") + std::string(candidate.name);
    problems.push_back({.key = config.sink_prefix(branch) + "type",
                        .origin = {},
                        .message = "there is no sink '" + branch.sink + "'",
                        .cure = "one of: " + known});
    return;
  }
  plugin->validate({config, branch, {}}, problems);
  if (stores_in_kafka(config) && !plugin->keeps_progress({config, branch, {}})) {
    Problems of_offsets;
    parse_kafka_offsets(branch.sink_settings, of_offsets, config.sink_prefix(branch));
    add_untold(problems, of_offsets);
  }
  if (plugin->takes_records) {
    parse_fields<JsonConverterConfig>(kJsonConverterFields,
                                      converter_settings(config, branch, *plugin), problems);
    if (!branch.sql.empty()) {
      problems.push_back({.key = "branch." + branch.name + ".sql",
                          .origin = {},
                          .message = "a branch with sql cannot end in " + branch.sink + " yet",
                          .cure = "use duckdb or email as its sink"});
    }
  }
}

// Every setting that some component's table names.
KnownKeys known_keys() {
  KnownKeys known;
  known.common = names_of(kPipelineFields);
  known.source = names_of(postgres_fields());
  const auto converter = names_of(kJsonConverterFields);
  const auto ignored = postgres_ignored_keys();
  known.source.insert(known.source.end(), converter.begin(), converter.end());
  known.source.insert(known.source.end(), ignored.begin(), ignored.end());
  const auto offsets = names_of(kKafkaOffsetFields);
  known.source.insert(known.source.end(), offsets.begin(), offsets.end());
  known.source.push_back("offset.storage.file.filename");
  for (const SinkPlugin& plugin : sink_plugins()) {
    auto names = plugin.setting_names();
    if (plugin.takes_records) names.insert(names.end(), converter.begin(), converter.end());
    known.sinks.emplace(plugin.name, std::move(names));
  }
  return known;
}

Result<std::unique_ptr<OffsetStore>> make_store(const Assembly& assembly,
                                                const BranchConfig& branch, bool only_read) {
  const PipelineConfig& config = assembly.config;
  const bool is_connector = config.form != ConfigForm::kToml;
  const std::string connector = offset_owner(config, branch);
  const std::string& server = assembly.source.topic_prefix;
  if (stores_in_kafka(config)) {
    Problems none;
    KafkaOffsetConfig offsets = parse_kafka_offsets(branch.sink_settings, none);
    offsets.makes_topic = !only_read;
    return make_kafka_offset_store(make_offset_topic(std::move(offsets)), connector, server);
  }
  const Setting* file = is_connector ? config.source.find("offset.storage.file.filename") : nullptr;
  const std::string path =
      file != nullptr ? file->value
      : is_connector
          ? assembly.options.state_folder + "/" + config.name + ".offsets"
          : assembly.options.state_folder + "/" + config.name + "." + branch.name + ".offsets";
  return make_file_offset_store({.path = path, .connector = connector, .server = server});
}

// History and e-mail hold events, each for itself; the others hold rows, or what consumers fold to
// rows.
bool keeps_newest(const BranchConfig& branch) {
  if (branch.sink == "email") return false;
  const Setting* mode = branch.sink_settings.find("duckdb.mode");
  return branch.sink != "duckdb" || mode == nullptr || mode->value == "mirror";
}

}  // namespace

Result<PipelineBranch> build_branch(const Assembly& assembly, const BranchConfig& branch,
                                    MemoryBudget& budget) {
  const PipelineConfig& config = assembly.config;
  const SinkPlugin& plugin = *find_sink_plugin(branch.sink);
  PipelineBranch out;
  out.options = {.name = branch.name,
                 .retry_min = Millis(assembly.options.retry_initial_ms),
                 .retry_max = Millis(assembly.options.retry_max_ms)};
  out.after = branch.after;
  auto tables = TableSelector::make(branch.tables);
  if (!tables) return std::unexpected(tables.error());
  out.parts.tables = std::move(*tables);
  out.parts.dead_letters = std::make_unique<FileDeadLetters>(dead_letter_options(assembly, branch));
  const SinkContext context{.pipeline = config.name,
                            .branch = branch.name,
                            .state_folder = assembly.options.state_folder,
                            .budget = &budget,
                            .memory_share = budget.share(config.branches.size()),
                            .dead_letters = out.parts.dead_letters.get()};
  const auto refuse = [dead_letters = out.parts.dead_letters.get()](const Change& change,
                                                                    const Error& why) {
    return dead_letters->add_unshaped(change, why);
  };
  if (plugin.takes_records) {
    Problems none;
    out.parts.converter = make_json_converter(
        parse_fields<JsonConverterConfig>(kJsonConverterFields,
                                          converter_settings(config, branch, plugin), none),
        &budget, refuse);
  } else if (!branch.sql.empty() &&
             branch.sink != "duckdb") {  // a DuckDB sink runs its statement itself
    auto transform = make_sql_transform({.statements = branch.sql,
                                         .file = warehouse_file(config, branch.after),
                                         .needs_identity = true,
                                         .budget = &budget,
                                         .refuse = refuse});
    if (!transform) return std::unexpected(transform.error().in("branch " + branch.name));
    out.parts.transforms.push_back(std::move(*transform));
  }
  if (!plugin.keeps_progress({config, branch, context})) {
    auto store = make_store(assembly, branch, false);
    if (!store) return std::unexpected(store.error());
    out.store = std::move(*store);
  }
  out.parts.sink = plugin.make({config, branch, context});
  return out;
}

DeadLetterOptions dead_letter_options(const Assembly& assembly, const BranchConfig& branch) {
  const PipelineOptions& options = assembly.options;
  return {.path = options.state_folder + "/" + assembly.config.name + "." + branch.name +
                  ".dead-letters.jsonl",
          .pipeline = assembly.config.name,
          .branch = branch.name,
          .tolerate = options.errors_tolerance == ErrorsTolerance::kAll,
          .max_bytes = static_cast<uint64_t>(options.dead_letter_max.value),
          .max_count = static_cast<uint64_t>(options.dead_letter_count),
          .max_in_a_row = static_cast<uint64_t>(options.dead_letter_in_a_row),
          .latest_wins = keeps_newest(branch)};
}

bool has_errors(const Problems& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const Problem& problem) {
    return problem.severity == Problem::Severity::kError;
  });
}

Assembly read_assembly(const RunOptions& run, Problems& problems) {
  Assembly out;
  out.config = load_pipeline(run, problems);
  if (has_errors(problems) && out.config.branches.empty()) return out;
  out.options = parse_fields<PipelineOptions>(kPipelineFields, out.config.common, problems);
  out.source = parse_postgres_config(out.config.source, problems, out.config.source_prefix);
  if (auto filter = TableFilter::make(out.source); !filter) {
    problems.push_back(
        {.key = {}, .origin = {}, .message = filter.error().message, .cure = filter.error().cure});
  }
  for (const BranchConfig& branch : out.config.branches)
    validate_branch(out.config, branch, problems);
  if (out.config.branches.size() > kBranchesMax) {
    problems.push_back(
        {.key = "branch",
         .origin = {},
         .message = fmt::format("there are {} branches; a pipeline has at most {}",
                                out.config.branches.size(), kBranchesMax),
         .cure = "make two pipelines of it, each with a slot.name and a publication.name"});
  }
  check_known(out.config, known_keys(), problems);
  return out;
}

Result<std::unique_ptr<Pipeline>> build_pipeline(const Assembly& assembly, MemoryBudget& budget) {
  std::vector<PipelineBranch> branches;
  for (const BranchConfig& branch : assembly.config.branches) {
    auto built = build_branch(assembly, branch, budget);
    if (!built) return std::unexpected(built.error());
    branches.push_back(std::move(*built));
  }
  PipelineRunOptions options{
      .name = assembly.config.name,
      .shutdown_timeout = Millis(assembly.options.shutdown_timeout_ms),
      .offset_flush_interval = Millis(assembly.options.offset_flush_interval_ms),
      .retry_min = Millis(assembly.options.retry_initial_ms),
      .retry_max = Millis(assembly.options.retry_max_ms),
      .branch_lag_max = static_cast<Lsn>(assembly.options.branch_lag_max.value)};
  auto source =
      make_postgres_source({.config = assembly.source,
                            .budget = &budget,
                            .transaction_markers = assembly.source.provide_transaction_metadata,
                            .idle_interval = kIdleInterval});
  if (!source) return std::unexpected(source.error());
  return Pipeline::make(std::move(options), budget, std::move(*source), std::move(branches));
}

Result<Progress> stored_progress(const Assembly& assembly, const BranchConfig& branch) {
  SinkContext context{.pipeline = assembly.config.name,
                      .branch = branch.name,
                      .state_folder = assembly.options.state_folder};
  auto own =
      find_sink_plugin(branch.sink)->stored_progress({assembly.config, branch, std::move(context)});
  if (!own) return std::unexpected(own.error());
  if (*own) return std::move(**own);
  auto store = make_store(assembly, branch, true);
  if (!store) return std::unexpected(store.error());
  return (*store)->load();
}

std::string control_socket(const Assembly& assembly) {
  return assembly.options.state_folder + "/" + assembly.config.name + ".sock";
}

std::string warehouse_file(const PipelineConfig& config, std::string_view branch) {
  for (const BranchConfig& candidate : config.branches) {
    if (candidate.sink != "duckdb" || (!branch.empty() && candidate.name != branch)) continue;
    const Setting* file = candidate.sink_settings.find("duckdb.file");
    if (file != nullptr) return file->value;
  }
  return branch.empty() ? std::string() : warehouse_file(config);
}

}  // namespace millrace
