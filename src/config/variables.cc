#include "config/variables.h"

#include <cstdlib>

#include "config/flat_file.h"
#include "config/text_file.h"

namespace millrace {

namespace {

struct Variable {
  std::string_view provider;
  std::string_view argument;  // what follows the first ':'
};

std::string_view last_part(std::string_view name, char separator) {
  return name.substr(name.rfind(separator) + 1);  // npos + 1 is 0
}

std::string_view kind_of_class(std::string_view java_class) {
  const std::string_view name = last_part(last_part(java_class, '.'), '$');
  if (name == "EnvVarConfigProvider") return "env";
  if (name == "FileConfigProvider") return "file";
  if (name == "DirectoryConfigProvider") return "dir";
  return {};
}

// "env", "file", "dir", or empty for a provider that we do not have.
std::string_view kind_of(std::string_view provider, const Settings& settings) {
  const std::string key = "config.providers." + std::string(provider) + ".class";
  if (const Setting* named = settings.find(key)) return kind_of_class(named->value);
  if (provider == "env" || provider == "file" || provider == "dir") return provider;
  return provider == "directory" ? "dir" : std::string_view();
}

Result<std::string> from_environment(std::string_view name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): configurations are read before any thread starts
  const char* value = std::getenv(std::string(name).c_str());
  if (value != nullptr) return std::string(value);
  return fail(ErrorKind::kConfig, "the environment has no variable " + std::string(name),
              "set it before starting");
}

Result<std::string> from_properties(const std::string& path, std::string_view key) {
  auto text = read_text_file(path);
  if (!text) return Failure(text.error());
  Problems problems;
  std::optional<std::string> found;
  for (FlatEntry& entry : read_properties(*text, path, problems).entries) {
    if (entry.key == key) found = std::move(entry.value);
  }
  if (found) return *std::move(found);
  return fail(ErrorKind::kConfig, path + " has no key " + std::string(key),
              "add the key to that file, or correct its name");
}

Result<std::string> resolve(const Variable& variable, const Settings& settings) {
  const std::string_view kind = kind_of(variable.provider, settings);
  if (kind == "env") return from_environment(variable.argument);
  const size_t colon = variable.argument.find(':');
  if (kind.empty()) {
    return fail(ErrorKind::kConfig,
                "the configuration provider " + std::string(variable.provider) + " is not known",
                "use ${env:NAME}, ${file:/path:key} or ${dir:/path:file}");
  }
  if (colon == std::string_view::npos) {
    return fail(ErrorKind::kConfig,
                "${" + std::string(kind) + ":…} needs a path and a key, separated by a colon",
                "write it as ${file:/path/of.properties:key}");
  }
  const std::string path(variable.argument.substr(0, colon));
  const std::string_view key = variable.argument.substr(colon + 1);
  if (kind == "file") return from_properties(path, key);
  return read_text_file(path + "/" + std::string(key));
}

// True when something was replaced. Text that only looks alike (${routedByValue}) stays.
Result<bool> replace_all(std::string& text, const Settings& settings) {
  bool replaced = false;
  for (size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at)) {
    const size_t end = text.find('}', at);
    if (end == std::string::npos) break;
    const std::string inner = text.substr(at + 2, end - at - 2);
    const size_t colon = inner.find(':');
    if (colon == std::string::npos) {
      at = end;
      continue;
    }
    const std::string_view view = inner;
    auto value = resolve({view.substr(0, colon), view.substr(colon + 1)}, settings);
    if (!value) return Failure(value.error());
    text.replace(at, end + 1 - at, *value);
    at += value->size();
    replaced = true;
  }
  return replaced;
}

}  // namespace

void resolve_variables(Settings& settings, Problems& problems) {
  const Settings before = settings;
  for (const auto& [key, setting] : before) {
    std::string text = setting.value;
    const auto replaced = replace_all(text, before);
    if (!replaced) {
      problems.push_back({Problem::Severity::kError, key, setting.origin, replaced.error().message,
                          replaced.error().cure});
    } else if (*replaced) {
      settings.set(key, std::move(text), setting.origin, /*hidden=*/true);
    }
  }
}

}  // namespace millrace
